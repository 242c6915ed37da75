"""The chart of a net in training: loss, sizes, shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from livegrad.experiments.clinic import Chart, Vitals
from livegrad.figures.scene import CurveScene, few_ticks, percent, plain
from livegrad.style import GRAY, Style

__all__ = ["ChartScene"]

_USUAL = 1e-3  # an update of this share of the weights
_LAYERS = {"digits": ("layer", range(0, 13, 4)), "recall": ("step", range(0, 16, 5))}


class ChartScene(CurveScene):
    """Left: loss against step. Middle: activations, gradients and updates at every layer. Right: closed units and copies.

    Lines with marks are of the latest minibatch. Dotted ones are of the first, before any training: what is wrong there is wrong
    with the start, and what is not came with the training.
    """

    title = ("Three plots. Left: loss of the minibatches and of the test against the training step, log axis. Middle: "
             "activations, gradients and updates against the layer, or the step of a recurrent net, log axis. Right: "
             "shares of closed units and of copies. Dotted lines: at the start")
    aspect = 2.0

    def __init__(self, figure: Figure, style: Style, steps: int = 200) -> None:
        super().__init__(style)
        self._left, self._sizes, self._shares = figure.subplots(1, 3, width_ratios=(5, 6, 5))
        self._left.set(yscale="log", ylim=(1e-2, 1e2), xlim=(-0.04 * steps, 1.04 * steps), xlabel="update")
        self._sizes.set(yscale="log", ylim=(1e-12, 1e6))
        self._shares.set(ylim=(-4, 104))
        self._shares.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])
        for axes in (self._left, self._sizes):
            few_ticks(axes, style)
        self._left.set_ylim(1e-2, 50)
        self._task = ""
        self._sizes.axhline(1, color=GRAY, linewidth=1)
        self.heading(self._left, "loss  (gray: guessing)")
        self.heading(self._sizes, "sizes  (··· start)")
        self.heading(self._shares, "shares  (··· start)")
        mark = 1.7 * style.width
        self._loss = self.curve(self._left, "loss", "minibatch")
        self._tests = self.curve(self._left, "loss", "test", linestyle="", marker="o", markerfacecolor="white",
                                 markersize=1.5 * mark, markeredgewidth=0.6 * style.width, markevery=4)
        self._guessing = self._left.axhline(1, color=GRAY, linewidth=1)  # at its end, rings would cover a word
        drawn = {"rms $A^l$": (self._sizes, "activation", {}),
                 r"$\|\partial C/\partial Z^l\|$": (self._sizes, "gradient", {"marker": "v"}),
                 "update : weight": (self._sizes, "update", {}), "closed": (self._shares, "slope", {}),
                 "copies": (self._shares, "copies", {"fillstyle": "none", "markeredgewidth": 0.6 * style.width})}
        before = {"linewidth": 0.7 * style.width, "linestyle": ":", "markersize": mark, "markevery": 3, "fillstyle": "none"}
        self._first = [self.curve(axes, quantity, **{**changes, **before}) for axes, quantity, changes in drawn.values()]
        self._last = [self.curve(axes, quantity, label, **{"markersize": mark, **changes})
                      for label, (axes, quantity, changes) in drawn.items()]
        self._sizes.axhline(_USUAL, color=self._last[2].get_color(), linewidth=0.5 * style.width,
                            label="usual update: about 0.001")
        self._beyond = [self.crosses(self._left, "beyond the axis"), self.crosses(self._sizes)]
        self.legend(figure, columns=3)
        self._left_words, self._sizes_words, self._shares_words = map(self.words, (self._left, self._sizes, self._shares))

    def update(self, result: Chart) -> bool:
        """Move all curves; the backdrop changes with the task: its layers and the loss of guessing."""
        at = np.minimum(result.every * np.arange(len(result.tests)), result.taken)
        places = [_gaps(self._loss, np.arange(len(result.loss)), result.loss), _gaps(self._tests, at, result.tests)]
        # One cross per line and edge: where it first leaves the axes.
        self._beyond[0].set_data(*np.hstack([crosses[:, np.unique(crosses[1], return_index=True)[1]] for crosses in places]))
        self._show(self._first, result.first)
        crosses = self._show(self._last, result.last)
        self._beyond[1].set_data(*crosses[:, crosses[0] > 0])  # the first state of a recurrent net is 0, and no sign of anything
        self._say(result)
        return self._set_task(result)

    @staticmethod
    def _show(lines: Sequence[Line2D], vitals: Vitals) -> np.ndarray:
        """Draw the five signs. Returns where crosses belong."""
        for line, share in zip(lines[3:], (vitals.closed, vitals.copies)):
            line.set_data(1 + np.arange(len(share)), 100 * share)
        return np.hstack([_gaps(line, start + np.arange(len(sizes)), sizes)
                          for line, sizes, start in zip(lines, (vitals.a, vitals.dz, vitals.update), (0, 1, 1))])

    def _say(self, result: Chart) -> None:
        self._left_words.set_text(f"OVERFLOW at update {result.taken}" if result.overflowed
                                  else f"test: {percent(result.accuracy)} right")
        last, closed = result.last, result.last.closed
        self._sizes_words.set_text(f"gradient 1:{len(last.dz)} now {plain(last.back)}")
        low, high = (f"{100 * share:.0f}" for share in (np.nanmin(closed), np.nanmax(closed)))
        self._shares_words.set_text(f"closed {low} %" if low == high else f"closed {low}–{high} %")

    def _set_task(self, result: Chart) -> bool:
        """Layers of a feedforward net or steps of a recurrent one on the axes; whether they are new."""
        task = result.settings.task
        if task == self._task:
            return False
        self._task, (name, ticks) = task, _LAYERS[task]
        self._guessing.set_ydata([result.guessing] * 2)
        for axes in (self._sizes, self._shares):
            axes.set(xlim=(-0.6, ticks[-1] + 0.6), xticks=ticks, xlabel=name)
        return True


def _gaps(line: Line2D, x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Draw what lies inside the log axis. Returns the x and y of crosses (2, k) for the rest, at the edge: 0 is below it."""
    low, high = line.axes.get_ylim()
    line.set_data(x, np.where((values >= low) & (values <= high), values, np.nan))
    inset = (high / low) ** 0.03
    below, above = values < low, ~(values <= high)
    return np.array([[*x[below], *x[above]], [*[low * inset] * below.sum(), *[high / inset] * above.sum()]])
