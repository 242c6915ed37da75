"""Pictures of gradients that are clipped, and of descents with and without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from livegrad.experiments.cliff import Cliff, Surface
from livegrad.experiments.clipping import NormsSeen, PlaneClips
from livegrad.experiments.temporal_order import CHANCE, TemporalOrderRun
from livegrad.experiments.thresholds import ThresholdSweep
from livegrad.figures.scene import CurveScene, drawable, exit_point, few_ticks, neighbors, percent, places, plain
from livegrad.style import GRAY, Style

__all__ = ["CliffScene", "NormsScene", "PlaneScene", "TemporalOrderScene", "ThresholdScene"]

_ROUND = np.linspace(0, 2 * np.pi, 97)
_CIRCLE, _SQUARE = np.array([np.cos(_ROUND), np.sin(_ROUND)]), np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]])


class PlaneScene(CurveScene):
    """Left: a gradient of two entries and what clipping makes of it. Right: how far clipping by value turns longer ones."""

    title = ("Left: a gradient as an arrow in the plane, the circle and the square of the threshold, and the arrows clipped by "
             "norm and by value. Right: cosine of the angle that clipping by value turns a gradient by, against its number of "
             "entries")
    aspect = 2.0

    def __init__(self, figure: Figure, style: Style, reach: float = 4.0, most_entries: int = 1000) -> None:
        super().__init__(style)
        self._plane, self._many = figure.subplots(1, 2, width_ratios=(1, 1.05))
        self._plane.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="entry 1", ylabel="entry 2")
        self.heading(self._plane, "two entries, two ways to clip")
        self._many.set(xscale="log", xlim=(2, most_entries), ylim=(0, 1.05), xlabel="number of entries $n$")
        self.heading(self._many, "$n$ entries: cosine to the true gradient")
        number = np.arange(2, most_entries + 1)
        self._many.plot(number, np.ones(len(number)), **style.line("clipped", marker=""))
        self._many.plot(number, number**-0.5, **style.line("prediction"))
        self._many.text(3, 0.03, r"lowest: $1/\sqrt{n}$", va="bottom")
        self._circle = self.curve(self._plane, "threshold", "threshold ε")
        self._square = self.curve(self._plane, "threshold")
        arrow = {"markevery": [1]}
        # Where arrows are one, the wider shows on either side of the narrower.
        self._gradient = self.curve(self._plane, "gradient", "gradient", linewidth=2.6 * style.width, **arrow)
        self._unit = self.curve(self._plane, "threshold", "length 1", linestyle="", marker="+", markersize=6 * style.width,
                                markeredgewidth=style.width)
        self._by_value = self.curve(self._plane, "clipped_by_value", "by value", linewidth=1.8 * style.width, **arrow)
        self._by_norm = self.curve(self._plane, "clipped", "by norm", **arrow)
        self._cosine = self.curve(self._many, "clipped_by_value", marker="")
        self._tip, self._handle, self._place = self.ring(self._plane), self.ring(self._plane), self.ring(self._many)
        self.legend(figure)
        self._turn, self._mean = self.words(self._plane), self.words(self._many)

    def update(self, result: PlaneClips) -> None:
        """Move arrows, circle, square and the curve."""
        self._circle.set_data(*result.threshold * _CIRCLE)
        self._square.set_data(*result.threshold * _SQUARE)
        for line, tip in ((self._gradient, result.gradient), (self._by_norm, result.by_norm), (self._by_value, result.by_value)):
            line.set_data([0, tip[0]], [0, tip[1]])
        self._unit.set_data(result.unit[:1], result.unit[1:])
        self._cosine.set_data(result.numbers, result.cosine)
        self._tip.set_data(result.gradient[:1], result.gradient[1:])
        self._handle.set_data([0], [-result.threshold])
        self._place.set_data([result.entries], [result.cosine_there])
        straight = not result.gradient.any()
        self._turn.set_text("no gradient, no direction" if straight else f"by value: turned {abs(result.turn):.1f}°")
        degrees = np.degrees(np.arccos(np.clip(result.cosine_there, -1, 1)))
        self._mean.set_text("" if straight else f"n = {result.entries}:  {result.cosine_there:.3f}, or {degrees:.0f}°")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The gradient's tip, the bottom of the circle, and the place on the curve."""
        return places(self._tip, self._handle, self._place)


class CliffScene(CurveScene):
    """Left: two descents on the cost surface of the one-unit recurrent net. Right: the gradients they met."""

    title = ("Left: the cost of a recurrent net with one unit over its weight and bias, in gray with a sharp cliff, and the "
             "paths of gradient descent without and with clipping. Right: norm of the gradient at every step of both, log axis, "
             "and the threshold")
    aspect = 2.2

    def __init__(self, figure: Figure, style: Style, surface: Surface, most_steps: int = 100) -> None:
        super().__init__(style)
        self._map, scale, self._sizes = figure.subplots(1, 3, width_ratios=(1.15, 0.04, 1))
        w, b = surface.weights, surface.biases
        image = self._map.imshow(surface.cost, origin="lower", extent=(w[0], w[-1], b[0], b[-1]), aspect="auto", cmap="Greys",
                                 norm=PowerNorm(0.5, 0, 0.8), interpolation="bilinear")
        self._map.set(xlim=(w[0], w[-1]), ylim=(b[0], b[-1]), xlabel="weight $w$", ylabel="bias $b$")
        self._map.grid(False)
        figure.colorbar(image, cax=scale, ticks=[0, 0.05, 0.2, 0.4], boundaries=np.linspace(0, 0.49, 99))
        scale.grid(False)
        self.heading(self._map, "cost $E$ and the two paths")
        self._sizes.set(yscale="log", ylim=(1e-3, 1e5), xlim=(0, most_steps), xlabel="step")
        few_ticks(self._sizes, style)
        self.heading(self._sizes, "norm of the gradient")
        self._threshold = self.curve(self._sizes, "threshold", "threshold ε")
        kinds = {"gradient": "unclipped", "clipped": "clipped"}
        # Where the two are one, the first shows on either side of the second.
        widths = {"gradient": {"linewidth": 2.2 * style.width}, "clipped": {}}
        self._paths = [self.curve(self._map, kind, label, marker=".", **widths[kind]) for kind, label in kinds.items()]
        self._norms = [self.curve(self._sizes, kind, marker="", **widths[kind]) for kind in kinds]
        star = {"marker": "*", "markevery": [0], "markersize": 4.5 * style.width, "fillstyle": "none",
                "markeredgewidth": 0.6 * style.width, "linewidth": 1.6 * style.width}
        self._steepest = [[self.curve(axes, kind, **star) for axes in (self._map, self._sizes)] for kind in kinds]
        self._steepest[0][0].set_label("largest")
        cross = {"linestyle": "", "marker": "x", "markersize": 5 * style.width, "markeredgewidth": 1.3 * style.width}
        self._left = self.curve(self._map, "gradient", "beyond the axis", **cross)
        self._off = self.curve(self._sizes, "gradient", **cross)
        self._start, self._handle = self.ring(self._map), self.ring(self._sizes)
        self.legend(figure)
        self._ends, self._met = self.words(self._map), self.words(self._sizes)

    def update(self, result: Cliff) -> None:
        """Move both paths and both curves."""
        low, high = self._sizes.get_ylim()
        for i, descent in enumerate((result.plain, result.clipped)):
            self._paths[i].set_data(*descent.path.T)
            sizes = np.where(descent.norms < low, np.nan, np.minimum(descent.norms, high))
            self._norms[i].set_data(np.arange(len(sizes)), sizes)
            at, (on_map, on_curve) = descent.steepest, self._steepest[i]
            on_map.set_data(*descent.path[at : at + 2].T)
            on_curve.set_data([at], sizes[at : at + 1])
        lost = np.flatnonzero(result.plain.norms < low)[:1]  # from here on it is below the axis
        self._off.set_data(lost, np.full(len(lost), 1.6 * low))
        self._threshold.set_data(self._sizes.get_xlim(), [result.max_norm] * 2)
        self._handle.set_data([0.9 * self._sizes.get_xlim()[1]], [result.max_norm])
        self._left.set_data(*exit_point(self._map, result.plain.path))
        self._start.set_data(*result.plain.path[0, :, None])
        self._ends.set_text(f"end: {plain(result.plain.cost[-1])},  with ε: {plain(result.clipped.cost[-1])}")
        largest, held = plain(result.plain.norms.max()), plain(result.clipped.norms.max())
        self._met.set_text(f"largest: {largest},  with ε {'too' if held == largest else held}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The start, and the threshold."""
        return places(self._start, self._handle)


class TemporalOrderScene(CurveScene):
    """Left: the gradient's norm at every update and the threshold. Right: loss, and share of wrong answers."""

    title = ("Left: norm of the gradient against the update, log axis, as the middle and the range of neighboring updates, with "
             "the clipping threshold. Right: loss of the minibatches and share of wrong answers to a test")
    aspect = 2.2

    _WIDEST = (5_000, 10_000, 20_000, 40_000)

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._sizes, self._costs = self._both = figure.subplots(1, 2)
        self._sizes.set(yscale="log", ylim=(1e-3, 1e4))
        few_ticks(self._sizes, style)
        self.heading(self._sizes, "norm of the gradient")
        self._costs.set(ylim=(0, 2))
        self.heading(self._costs, "loss, and share of wrong answers")
        for axes in self._both:
            axes.set(xlim=(0, self._WIDEST[0]), xlabel="update")
            axes.xaxis.set_major_locator(MaxNLocator(2 if style.lecture else 5))
        self.level(self._costs, np.log(4), "guessing")
        self._range = self.band(self._sizes, "gradient", alpha=0.4)
        self._middle = self.curve(self._sizes, "gradient", "gradient: median and range", marker="")
        self._longest = self.curve(self._sizes, "gradient", "longest", linestyle="", marker="o")
        self._threshold = self.curve(self._sizes, "threshold", "threshold ε")
        self._loss = self.curve(self._costs, "loss", "loss")
        self._error = self.curve(self._costs, "loss", "wrong answers", linestyle="--", marker=".")
        self._handle = self.ring(self._sizes)
        self.legend(figure)
        self._clipped, self._reached = self.words(self._sizes), self.words(self._costs)

    def update(self, result: TemporalOrderRun) -> bool:
        """Move the curves. A run that outgrows the axes gets axes twice as long."""
        widest = next(w for w in self._WIDEST if w >= min(result.taken, self._WIDEST[-1]))
        wider = widest != self._sizes.get_xlim()[1]
        for axes in self._both:
            axes.set_xlim(0, widest)
        low, high = self._sizes.get_ylim()
        place, norms = neighbors(result.norms, widest // 250)
        norms = np.clip(norms, low, high)
        self._range(place, norms.min(axis=1), norms.max(axis=1))
        self._middle.set_data(place, np.median(norms, axis=1))
        longest = result.norms.max(initial=0)
        there = np.flatnonzero((result.norms == longest) & (low < longest) & (longest < high))[:1]
        self._longest.set_data(there, result.norms[there])
        self._threshold.set_data([0, widest], [result.max_norm] * 2)
        self._handle.set_data([0.93 * widest], [result.max_norm])
        place, loss = neighbors(result.loss, widest // 250)
        self._loss.set_data(place, np.minimum(loss.mean(axis=1), self._costs.get_ylim()[1]))
        self._error.set_data(np.arange(len(result.error)) * result.every, result.error)
        self._clipped.set_text("not trained yet" if not result.taken else "OVERFLOW" if result.overflowed else
                               f"longest {f'{longest:,.0f}' if longest >= 100 else plain(longest)}, "
                               f"clipped {percent(result.share_clipped)}")
        self._reached.set_text(f"wrong: {percent(result.error[-1], '.3g')}  (guessing: {percent(CHANCE)})")
        return wider

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The threshold, if there is one."""
        return places(self._handle)


class ThresholdScene(CurveScene):
    """Left: how many of the seeds solved the task within the budget, per threshold. Right: updates that each needed."""

    title = ("Left: number of runs out of five that solved the task within the budget of updates, for each clipping threshold. "
             "Right: updates that each run needed, log axis, with the budget as a line; a cross at the top is a run that was "
             "stopped before it got there")
    aspect = 2.2

    def __init__(self, figure: Figure, style: Style, sweep: ThresholdSweep) -> None:
        super().__init__(style)
        self._solved, self._needed = figure.subplots(1, 2)
        places, seeds = np.arange(len(sweep.thresholds)), sweep.needed.shape[1]
        names = [f"{threshold:g}" if np.isfinite(threshold) else "none" for threshold in sweep.thresholds]
        for axes in (self._solved, self._needed):
            axes.set_xlim(-0.5, len(places) - 0.5)
            axes.set_xticks(places, names)
            axes.set_xlabel("threshold ε")
        self._solved.set(ylim=(0, 1.04 * seeds), yticks=range(seeds + 1))
        self.heading(self._solved, f"solved, of {seeds} seeds")
        self._needed.set(yscale="log", ylim=(500, 1.6 * sweep.cap))
        self.heading(self._needed, "updates needed")
        self._needed.axhline(sweep.cap, color=GRAY, linewidth=1)
        self._needed.annotate(f"runs end: {sweep.cap:,}", (0, sweep.cap), (4, -4), xycoords=("axes fraction", "data"),
                              textcoords="offset points", va="top", color="#666666")
        self._count = self.curve(self._solved, "clipped", "seeds in time", markevery=(1, 3))
        self._budget = self.curve(self._needed, "threshold", "budget")
        self._median = self.curve(self._needed, "clipped", "median", linestyle="", marker="_", markersize=8 * style.width,
                                  markeredgewidth=1.4 * style.width)
        self._each = self.curve(self._needed, "clipped", "one run", linestyle="")
        self._never = self.curve(self._needed, "gradient", f"not by {sweep.cap:,}", linestyle="", marker="x",
                                 markersize=2.6 * style.width, markeredgewidth=0.7 * style.width)
        self._handle = self.ring(self._needed)
        self.legend(figure)
        self._best, self._fastest = self.words(self._solved), self.words(self._needed)

    def update(self, result: ThresholdSweep) -> None:
        """Move counts, runs and budget."""
        places, seeds = np.arange(len(result.thresholds)), result.needed.shape[1]
        spread = places[:, None] + np.linspace(-0.32, 0.32, seeds)
        never = np.isnan(result.needed)
        stems = np.column_stack([np.zeros(len(places)), result.solved, np.full(len(places), np.nan)])
        self._count.set_data(np.repeat(places, 3), stems.ravel())
        self._each.set_data(spread.ravel(), result.needed.ravel())
        self._never.set_data(spread[never], np.full(never.sum(), 1.25 * result.cap))
        self._median.set_data(places, drawable(result.median))
        left, right = self._needed.get_xlim()
        self._budget.set_data([left, right], [result.budget] * 2)
        self._handle.set_data([right - 0.2], [result.budget])
        self._best.set_text(f"below {percent(result.error)} wrong: {result.solved.sum()} of {result.needed.size} runs")
        self._fastest.set_text(f"budget: {result.budget:,}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The budget."""
        return places(self._handle)


class NormsScene(CurveScene):
    """Left: histogram of the gradient's norm so far. Right: share of these norms above each threshold."""

    title = ("Left: histogram of the norms of the gradients seen so far, log axis, with the threshold, their average, and the "
             "range from half to ten times the average. Right: share of these gradients that is longer than a threshold, "
             "against the threshold")
    aspect = 2.2

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._counts, self._shares = figure.subplots(1, 2)
        for axes in (self._counts, self._shares):
            axes.set(xscale="log", xlim=(NormsSeen.gates[0], NormsSeen.gates[-1]), ylim=(0, 1.05))
            axes.xaxis.set_major_locator(LogLocator(numticks=4 if style.lecture else 7))
            axes.xaxis.set_minor_locator(NullLocator())
        self._counts.set_xlabel("norm of the gradient")
        self._shares.set_xlabel("threshold ε")
        self.heading(self._counts, "updates so far (1: fullest bin)")
        self.heading(self._shares, "share of these norms above ε")
        self._advised = self.band(self._counts, "prediction", alpha=0.1)
        self._first = self.histogram(self._counts, "weight_gradient", label="first layer", linestyle="--")
        self._whole = self.histogram(self._counts, "gradient", label="whole gradient")
        self._average = self.curve(self._counts, "prediction", "average; gray: ½ to 10 ×")
        self._line = self.curve(self._counts, "threshold", "threshold ε")
        self._share = self.curve(self._shares, "gradient", marker="")
        self._handle, self._here = self.ring(self._counts), self.ring(self._shares)
        self.legend(figure)
        self._words, self._clipped = self.words(self._counts), self.words(self._shares)

    def update(self, result: NormsSeen) -> None:
        """Move histograms, lines and the curve."""
        top = self._counts.get_ylim()[1]
        for draw, sizes in ((self._whole, result.norms), (self._first, result.first)):
            heights = result.histogram(sizes)
            draw(heights / max(heights.max(), 1e-12), result.gates)  # all heights are 0 where there is no first layer
        self._advised(np.array([0.5, 10]) * result.average, np.zeros(2), np.full(2, top))
        self._average.set_data([result.average] * 2, [0, top])
        self._line.set_data([result.threshold] * 2, [0, top])
        self._handle.set_data([result.threshold], [0.93 * top])
        self._share.set_data(result.gates, result.shares)
        self._here.set_data([result.threshold], [result.share_clipped])
        self._words.set_text(f"{len(result.norms)} updates, average {plain(result.average)}")
        self._clipped.set_text(f"above ε = {plain(result.threshold)}: {percent(result.share_clipped)}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The threshold, on either side."""
        return places(self._handle, self._here)
