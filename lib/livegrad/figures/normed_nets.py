"""Pictures of nets that train with normalization and without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from livegrad.experiments.norm_runs import Band, Beside
from livegrad.experiments.normalization import LINEAR
from livegrad.experiments.normed_nets import Comparison
from livegrad.figures.scene import CurveScene, few_ticks, percent, places, plain
from livegrad.style import LINES, Style

__all__ = ["NAMES", "IoffeSzegedyScene", "SmallBatchScene", "WeightScaleScene"]

NAMES = {"none": "no norm", "batch": "batch norm", "layer": "layer norm"}
"""What the legend calls the nets."""

_QUANTITY = {"none": "unnormalized", "batch": "batch_norm", "layer": "layer_norm"}


class _NetsScene(CurveScene):
    """Curves of nets with and without normalization."""

    def _per_norm(self, axes: Axes, norms: Sequence[str], labels: bool = False, **changes: object) -> dict[str, Line2D]:
        return {norm: self.curve(axes, _QUANTITY[norm], NAMES[norm] if labels else "", **changes) for norm in norms}

    def _stored(self, axes: Axes, norms: Sequence[str]) -> None:
        """Bands and medians of stored runs, and a mark for the live one."""
        self._bands = {norm: self.band(axes, _QUANTITY[norm], alpha=0.22) for norm in norms}
        self._medians = self._per_norm(axes, norms, linewidth=0.7 * self.style.width, marker="")
        self._marks = self._per_norm(axes, norms, linestyle="", markersize=4.5 * self.style.width, markeredgecolor="white")
        self._line = self.curve(axes, "threshold")
        self._handle = self.ring(axes)

    def _show_stored(self, places: Sequence[float], stored: Mapping[str, Band], at: float, heights: Mapping[str, float],
                     hold: float) -> None:
        axes = self._handle.axes
        low, high = axes.get_ylim()
        for norm, band in stored.items():
            known = ~np.isnan(band.median)
            x = np.array(places)[known]
            ends = [np.clip(b[known], low, high) for b in (band.low, band.high)]
            self._bands[norm](x, *ends)
            self._medians[norm].set_data(x, np.clip(band.median[known], low, high))
            height = heights.get(norm, np.nan)
            self._marks[norm].set_data(*([at], [np.clip(height, low, high)]) if not np.isnan(height) else ([], []))
        self._line.set_data([at, at], [low, high])
        self._handle.set_data([at], [hold])

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The line that says where the live run is."""
        return places(self._handle)


def _each(live: Comparison, said: Mapping[str, str]) -> str:
    """What there is to say of each net."""
    return ", ".join(f"{norm} {words}" for norm, words in said.items()) if live.taken else "not trained yet"


class WeightScaleScene(_NetsScene):
    """Left: loss after k updates against the weight scale. Middle: the loss of the live nets. Right: their γ and β."""

    title = ("Left, log axes: loss after some updates against the scale of the first weights, without and with batch norm; bands "
             "over five stored seeds. Middle, log axis: loss of the two nets that train. Right: range and median of gamma and "
             "beta in the last hidden layer")
    aspect = 2.6

    def __init__(self, figure: Figure, style: Style, places: Sequence[float], most_steps: int = 300) -> None:
        super().__init__(style)
        self._places = places
        self._left, self._middle, self._right = figure.subplots(1, 3, width_ratios=(1.15, 1, 0.9))
        for axes in (self._left, self._middle):
            axes.set(yscale="log", ylim=(0.001, 30))
            few_ticks(axes, style)
            self.level(axes, np.log(10), "guessing" if axes is self._middle else "")
        self._left.set(xscale="log", xlim=(places[0] / 1.15, places[-1] * 1.15), xlabel="weight scale")
        self._left.set_xticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
        self._left.xaxis.set_minor_locator(NullLocator())
        for axes in (self._middle, self._right):
            axes.set(xlim=(0, most_steps), xlabel="update", xticks=(0, most_steps // 2, most_steps))
        self._right.set(ylim=(-1.3, 2.7), yticks=(-1, 0, 1, 2))
        self.heading(self._left, "loss, five stored seeds")
        self.heading(self._middle, "loss, live")
        self.heading(self._right, "γ and β")
        self._stored(self._left, ("none", "batch"))
        self._loss = self._per_norm(self._middle, ("none", "batch"), labels=True, marker="")
        self._ranges = {name: self.band(self._right, "weight") for name in ("gamma", "beta")}
        self._learned = {"gamma": self.curve(self._right, "weight", "γ: median, range", marker=""),
                         "beta": self.curve(self._right, "weight", "β", linestyle="--", marker="")}
        self._beyond = self.crosses(self._middle, "not finite", size=4), self.crosses(self._left)
        self.legend(figure, columns=3)
        self._words = [self.words(axes) for axes in (self._left, self._middle, self._right)]

    def update(self, result: Beside) -> None:
        """Move all curves."""
        runs, low, high = result.live.runs, *self._middle.get_ylim()
        finite = {norm: run.recent for norm, run in runs.items() if not run.overflowed}
        self._show_stored(self._places, result.stored, result.at, finite, 0.0025)
        over = [(place, 0.7 * high) for band in result.stored.values()
                for place, loss in zip(self._places, band.median, strict=True) if np.isinf(loss)]
        self._beyond[1].set_data(*np.reshape(over, (-1, 2)).T)
        lost, most = [], self._middle.get_xlim()[1]
        for norm, line in self._loss.items():
            loss = runs[norm].loss
            line.set_data(np.arange(len(loss)), np.clip(np.where(np.isnan(loss), np.inf, loss), low, high))
            if runs[norm].overflowed:
                lost.append((np.clip(len(loss) - 1, 0.04 * most, 0.96 * most), 0.5 * high))
        self._beyond[0].set_data(*np.reshape(lost, (-1, 2)).T)
        normed, at = runs["batch"], result.live.tests("batch")
        for name, band in self._ranges.items():
            values = np.clip(getattr(normed, name), *self._right.get_ylim())
            band(at, values.min(axis=1), values.max(axis=1))
            self._learned[name].set_data(at, np.median(values, axis=1))
        self._words[0].set_text(f"scale {plain(result.at)}")
        self._words[1].set_text(_each(result.live, {norm: _recent(runs[norm].recent) for norm in self._loss}))
        self._words[2].set_text(f"γ {normed.gamma[-1].min():.2f} to {normed.gamma[-1].max():.2f}")


def _recent(loss: float) -> str:
    return "∞" if np.isinf(loss) else f"{loss:.2g}"


class SmallBatchScene(_NetsScene):
    """Left: test digits right while three nets train. Right: after k updates, against the batch size."""

    title = ("Left: share of test digits right against updates, for nets without normalization, with batch norm and with layer "
             "norm. Right: the same after some updates against the batch size, log axis; bands over five stored seeds")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style, places: Sequence[int], most_steps: int = 1000) -> None:
        super().__init__(style)
        self._places, norms = places, tuple(NAMES)
        self._left, self._right = figure.subplots(1, 2)
        for axes in (self._left, self._right):
            axes.set(ylim=(0, 1.02))
            axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
            self.level(axes, 0.1, "guessing" if axes is self._left else "")
        self._left.set(xlim=(0, most_steps), xlabel="update")
        self._left.xaxis.set_major_locator(MaxNLocator(5))
        self._right.set(xscale="log", xlim=(places[0] / 1.15, places[-1] * 1.15), xlabel="batch size")
        self._right.set_xticks(places, [str(p) for p in places])
        self._right.xaxis.set_minor_locator(NullLocator())
        self.heading(self._left, "test digits right, live")
        self.heading(self._right, "five stored seeds")
        self._stored(self._right, norms)
        self._accuracy = self._per_norm(self._left, norms, labels=True, markersize=1.6 * style.width)
        self.legend(figure)
        self._words = [self.words(axes) for axes in (self._left, self._right)]

    def update(self, result: Beside) -> None:
        """Move all curves."""
        runs = {norm: run for norm, run in result.live.runs.items() if run is not None}
        heights = {norm: run.accuracy[-1] for norm, run in runs.items()} if result.live.taken else {}
        self._show_stored(self._places, result.stored, result.at, heights, 0.04)
        for norm, line in self._accuracy.items():
            trained = result.live.taken and norm in runs
            line.set_data(*((result.live.tests(norm), runs[norm].accuracy) if trained else ([], [])))
        self._words[0].set_text(_each(result.live, {norm: percent(runs[norm].accuracy[-1]) if norm in runs else "refused"
                                                    for norm in NAMES}))
        self._words[1].set_text(f"B = {result.at:.0f}")


class IoffeSzegedyScene(_NetsScene):
    """Left: test digits right. Middle and right: what one sigmoid of the last hidden layer reads, without and with batch norm."""

    title = ("Left, log axis of updates: share of test digits right without and with batch norm, with the range of five stored "
             "seeds. Middle and right: 15th, 50th and 85th percentile of what one sigmoid of the last hidden layer reads, "
             "without and with batch norm")
    aspect = 2.6

    def __init__(self, figure: Figure, style: Style, at: np.ndarray, bands: Mapping[str, Band]) -> None:
        super().__init__(style)
        self._left, *reads = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
        for axes in (self._left, *reads):
            axes.set(xscale="log", xlim=(0.8 * at[1], 1.15 * at[-1]), xlabel="update")
            axes.set_xticks((1000, 10_000), ("1,000", "10,000"))
            axes.xaxis.set_minor_locator(NullLocator())
        self._left.set(ylim=(0, 1.02))
        self.level(self._left, 0.1, "guessing")
        self._left.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        self.heading(self._left, "test digits right (band: seeds)")
        for norm, band in bands.items():  # the same for every setting: part of the backdrop
            color = LINES[_QUANTITY[norm]]["color"]
            self._left.fill_between(at[1:], band.low[1:], band.high[1:], color=color, alpha=0.25, linewidth=0)
        self._accuracy = self._per_norm(self._left, tuple(bands), labels=True, marker="")
        self._read = {}
        for axes, norm in zip(reads, bands, strict=True):
            axes.set(ylim=(-5, 5), yticks=(-4, -2, 0, 2, 4))
            axes.axhspan(-LINEAR, LINEAR, facecolor=(LINES["slope"]["color"], 0.3), edgecolor=LINES["slope"]["color"])
            self.heading(axes, {"none": "no norm: σ reads $z$", "batch": r"batch norm: $\gamma\hat z+\beta$"}[norm])
            self._read[norm] = (self.band(axes, _QUANTITY[norm]), self.curve(axes, _QUANTITY[norm], marker=""), self.words(axes))
        reads[0].plot([], [], color=LINES["slope"]["color"], alpha=0.3, linewidth=4 * style.width, label="linear region")
        self.legend(figure)
        self._words = self.words(self._left)

    def update(self, result: Comparison) -> None:
        """Move all curves."""
        for norm, (band, middle, words) in self._read.items():
            run, at = result.runs[norm], result.tests(norm)[1:]  # a log axis has no place for update 0
            self._accuracy[norm].set_data(at, run.accuracy[1:])
            low, median, high = np.clip(run.read[1:], *middle.axes.get_ylim()).T
            band(at, low, high)
            middle.set_data(at, median)
            words.set_text(f"70 %: {run.read[-1, 0]:.2g} to {run.read[-1, 2]:.2g}" if result.taken else "")
        self._words.set_text(_each(result, {norm: percent(result.runs[norm].accuracy[-1]) for norm in self._accuracy}))

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """None."""
        return []
