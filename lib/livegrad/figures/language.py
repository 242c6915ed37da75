"""Pictures of a recurrent language model in training, and of a task solved or not against its length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, PercentFormatter

from livegrad.experiments.reber import BEST_LOSS, CHANCE, FORGETFUL_LOSS, LanguageRun
from livegrad.experiments.temporal_order import CHANCE as GUESSING
from livegrad.experiments.temporal_order import TemporalOrderRun
from livegrad.experiments.temporal_order_card import PAPER, TEST_SIZE, UPDATES, Card, Success
from livegrad.figures.scene import CurveScene, few_ticks, neighbors, percent, places, plain
from livegrad.style import GRAY, Style

__all__ = ["CardScene", "LanguageScene"]


class LanguageScene(CurveScene):
    """Gradient norm, perplexity and long-range symbol against the update; below, what the model writes."""

    title = ("Left: norm of the gradient at every update, log axis, with the clipping threshold. Middle: perplexity of the "
             "minibatches and of a test, log axis, with lines for the grammar's own and for that of the grammar without memory. "
             "Right: share of test strings whose long-range symbol is known, with chance, and share of written texts that are "
             "legal. Below: texts that the model writes; a cross follows the first wrong symbol")
    aspect = 1.8
    _LONGEST = 20  # symbols of a text for which there is room

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        (self._sizes, self._surprise, self._known), strip = figure.subplots(2, 3, height_ratios=(5, 1))
        for axes in strip:
            axes.axis("off")
        strip[0].set_title("the model writes now:", fontsize=style.font)
        self._sizes.set(yscale="log", ylim=(1e-2, 1e2))
        few_ticks(self._sizes, style)
        self.heading(self._sizes, "gradient norm")
        self._surprise.set(yscale="log", ylim=(1.4, 4))
        self._surprise.yaxis.set_major_locator(FixedLocator([1.5, 1.7, 2, 2.5, 3, 4]))
        self._surprise.yaxis.set_major_formatter("{x:g}")
        self._surprise.yaxis.set_minor_formatter(NullFormatter())
        self.heading(self._surprise, "perplexity")
        self._known.set_ylim(0, 1.06)
        self._known.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        self.heading(self._known, "long-range symbol")
        self._known.axhline(CHANCE, color=GRAY, linewidth=1, label="chance")
        for axes in (self._sizes, self._surprise, self._known):
            axes.set_xlabel("update")
        self._range = self.band(self._sizes, "gradient", alpha=0.4)
        self._middle = self.curve(self._sizes, "gradient", marker="")
        self._threshold = self.curve(self._sizes, "threshold", "threshold ε")
        self._minibatch = self.curve(self._surprise, "loss", "minibatches", linewidth=0.5 * style.width, alpha=0.6)
        self._test = self.curve(self._surprise, "loss", "test strings", marker=".")
        self._off = self.crosses(self._sizes, "beyond the axis")
        self._beyond = self.crosses(self._surprise)
        self._best = self.curve(self._surprise, "prediction")
        for name, loss, side in (("grammar", BEST_LOSS, "top"), ("no memory", FORGETFUL_LOSS, "bottom")):
            self._surprise.annotate(name, (1, np.exp(loss)), (-4, -3 if side == "top" else 3), textcoords="offset points",
                                    xycoords=("axes fraction", "data"), ha="right", va=side, color="#444444")
        self._recall = self.curve(self._known, "activation", "symbol known")
        self._legal = self.curve(self._known, "weight", "texts legal", linestyle="", markersize=4 * style.width, clip_on=False)
        self._legal.set_in_layout(False)
        self._handle = self.ring(self._sizes)
        self.legend(figure, columns=4)
        self._clipped, self._reached, self._share = (self.words(axes) for axes in (self._sizes, self._surprise, self._known))
        self._texts = [self._line(axes, height) for height in (0.62, 0.0) for axes in strip]

    def _line(self, axes: Axes, height: float) -> Text:
        """Words in the strip below."""
        text = self.words(axes)
        text.set_position((0, height))
        text.set_fontweight("normal")
        return text

    def update(self, result: LanguageRun) -> bool:
        """Move the curves and write the texts down."""
        wider = self._sizes.get_xlim()[1] != 1.04 * result.updates
        for axes in (self._sizes, self._surprise, self._known):
            axes.set_xlim(0, 1.04 * result.updates)
        low, high = self._sizes.get_ylim()
        norms = np.nan_to_num(result.norms, nan=np.inf)
        off = np.flatnonzero((norms < low) | (norms > high))
        self._off.set_data(off + 1, np.clip(norms[off], 1.2 * low, high / 1.2))
        at, norms = neighbors(np.clip(norms, low, high), max(1, result.updates // 100))
        self._range(at, norms.min(axis=1), norms.max(axis=1))
        self._middle.set_data(at, np.median(norms, axis=1))
        self._threshold.set_data([0, result.updates], [result.max_norm] * 2)
        self._handle.set_data([0.93 * result.updates], [result.max_norm])
        tests, top = result.tests, self._surprise.get_ylim()[1]
        self._minibatch.set_data(np.arange(1, result.taken + 1), np.exp(np.minimum(result.loss, np.log(2 * top))))
        on = result.perplexity <= top
        self._test.set_data(tests, np.where(on, result.perplexity, np.nan))
        self._beyond.set_data(tests[~on], np.full(np.count_nonzero(~on), top / 1.05))
        lines = np.array([result.best, result.best, np.nan, result.forgetful, result.forgetful])
        self._best.set_data(np.array([0, 1, np.nan, 0, 1]) * result.updates, lines)
        self._recall.set_data(tests, result.recall)
        self._legal.set_data(tests[-1:], [result.legal])
        self._say(result)
        return wider

    def _say(self, result: LanguageRun) -> None:
        self._clipped.set_text("not trained yet" if not result.taken else "OVERFLOW" if result.overflowed else
                               f"clipped: {result.clipped} of {result.taken}")
        self._reached.set_text(f"{plain(result.perplexity[-1])}  (grammar: {plain(result.best)})")
        self._share.set_text("no number" if np.isnan(result.recall[-1]) else f"known: {percent(result.recall[-1])}")
        for line, (text, right) in zip(self._texts, [*result.texts, *[("", 0)] * 6], strict=False):
            shown = text if len(text) <= self._LONGEST else f"…{text[-self._LONGEST :]}"
            line.set_text(f"{shown} {'✓' if right == len(text) else '✗'}" if text else "")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The threshold, if there is one."""
        return places(self._handle)


class CardScene(CurveScene):
    """Solved seeds and updates needed against the length of the sequences, a live run, and the settings of the paper."""

    title = ("Left: number of seeds that solved the temporal-order task within the budget of updates, against the length T, with "
             "clipping and without. Middle: updates that each run needed, log axis, with the budget; a cross at the top is a run "
             "that did not get there. Right: share of wrong answers in the live run. Below: settings of the paper and here")
    aspect = 2.0

    def __init__(self, figure: Figure, style: Style, stored: Success) -> None:
        super().__init__(style)
        grid = figure.add_gridspec(2, 3, height_ratios=(6, 1))
        self._solved, self._needed, self._live = (figure.add_subplot(grid[0, i]) for i in range(3))
        strip = figure.add_subplot(grid[1, :])
        strip.axis("off")
        lengths = np.array(stored.lengths)
        for axes in (self._solved, self._needed):
            axes.set(xlim=(lengths[0] - 6, lengths[-1] + 6), xticks=lengths, xlabel="length T")
        self._solved.set(ylim=(0, 1.06 * stored.runs), yticks=range(stored.runs + 1))
        self.heading(self._solved, f"solved, of {stored.runs} seeds")
        self._needed.set(yscale="log", ylim=(100, 2 * UPDATES))
        few_ticks(self._needed, style)
        self.heading(self._needed, "updates needed")
        self._live.set(ylim=(0, 1), xlabel="update")
        self._live.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        self._live.xaxis.set_major_locator(MaxNLocator(2 if style.lecture else 4))
        self.heading(self._live, "live: wrong answers")
        self.level(self._live, GUESSING, "guessing")
        kinds = (("clipped", "clipped, ε = 1", "-"), ("gradient", "not clipped", "--"))
        self._counts = [self.curve(self._solved, quantity, name, linestyle=line) for quantity, name, line in kinds]
        self._runs = [self.curve(self._needed, quantity, linestyle="") for quantity, *_ in kinds]
        self._never = [self.crosses(self._needed, name, quantity, size=2.6)
                       for (quantity, *_), name in zip(kinds, ("not solved", ""), strict=True)]
        self._budget = self.curve(self._needed, "threshold", "budget")
        self._error = self.curve(self._live, "loss", "live run", marker=".")
        self._length = [self.curve(axes, "prediction", name)
                        for axes, name in ((self._solved, "T of the live run"), (self._needed, ""))]
        self._handle = self.ring(self._needed)
        self.legend(figure)
        self._who, self._cap, self._fate = (self.words(axes) for axes in (self._solved, self._needed, self._live))
        here = {"runs": stored.runs, "updates": UPDATES, "test_size": TEST_SIZE}
        lines = [f"{who}:  {what['runs']} runs, up to {what['updates']:,} updates each, {what['test_size']:,} test sequences"
                 for who, what in ((f"paper, rate {PAPER['learning_rate']:g}", PAPER), ("here", here))]
        strip.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", color="#444444")

    def update(self, result: Card) -> bool:
        """Move counts, runs, budget and the live run. A live run that outgrows its axis gets a longer one."""
        stored, run = result.stored, result.live
        lengths, spread = np.array(stored.lengths), np.linspace(-1.4, 1.4, stored.runs)
        for which, aside in enumerate((-1.8, 1.8)):
            at, needed = lengths[:, np.newaxis] + aside + spread, stored.needed[which]
            self._counts[which].set_data(lengths, stored.solved[which])
            self._runs[which].set_data(at.ravel(), needed.ravel())
            never = at[np.isnan(needed)]
            self._never[which].set_data(never, np.full(len(never), 1.4 * UPDATES))
        left, right = self._needed.get_xlim()
        self._budget.set_data([left, right], [stored.budget] * 2)
        self._handle.set_data([right - 2], [stored.budget])
        for line in self._length:
            line.set_data([result.length] * 2, line.axes.get_ylim())
        clipped, free = stored.solved.sum(axis=1)
        self._who.set_text(f"of {stored.needed[0].size}: ε {clipped}, none {free}")
        self._cap.set_text(f"budget: {stored.budget:,}")
        taken = 0 if run is None else run.taken
        widest = next(w for w in (1_000, 2_000, 5_000, 10_000, UPDATES) if w >= taken)
        wider = 1.04 * widest != self._live.get_xlim()[1]
        self._live.set_xlim(0, 1.04 * widest)
        self._error.set_data(*([], []) if run is None else (np.arange(len(run.error)) * run.every, run.error))
        self._fate.set_text("press Train" if not taken else f"T = {result.length}: {_fate(run)}")
        return wider

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The budget."""
        return places(self._handle)


def _fate(run: TemporalOrderRun) -> str:
    return f"solved at {run.taken:,}" if run.solved else "OVERFLOW" if run.overflowed else percent(run.error[-1], ".2g")
