"""Pictures of depth: of a sawtooth, of stacks of residual blocks, of nets of equal budget, and of the rules of thumb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from livegrad.experiments.depth_runs import BudgetBeside, RuleView
from livegrad.experiments.residual_stack import StackView
from livegrad.experiments.sawtooth import SawtoothView
from livegrad.figures.scene import CurveScene, drawable, faded, few_ticks, percent, places, plain
from livegrad.style import GRAY, Style

__all__ = ["BudgetScene", "ChecklistScene", "ResidualScene", "SawtoothScene"]


class SawtoothScene(CurveScene):
    """Left: the sawtooth as a deep net writes it and as a shallow one does. Right: linear pieces against depth, log scale."""

    title = ("Left: the function of a deep narrow net written by hand over the interval from 0 to 1, and a broken line as close "
             "to it as one hidden layer comes. Right: number of linear pieces against the number of hidden layers, on a log "
             "axis, for the net written by hand, for one hidden layer of as many units, and for random nets")
    aspect = 2.0
    LOW, HIGH = -0.15, 1.25

    def __init__(self, figure: Figure, style: Style, most: int) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, width_ratios=(1.7, 1))
        self._left.set(xlim=(0, 1), ylim=(self.LOW, self.HIGH), yticks=(0, 0.5, 1), xlabel="input $x$")
        self.heading(self._left, "output")
        self._saw = self.curve(self._left, "threshold", linestyle="-", linewidth=0.3 * style.width)
        # The deep net's line is thin and on top, the other one broad and pale: where they agree both are seen.
        self._shallow = self.curve(self._left, "second_layer", linestyle="-", marker="", linewidth=2 * style.width, alpha=0.5)
        self._kinks = self.curve(self._left, "second_layer", linestyle="", markersize=2.2 * style.width)
        self._deep = self.curve(self._left, "activation", marker="", linewidth=0.6 * style.width)
        self._beyond = self.crosses(self._left, quantity="activation", size=3.2)
        self._right.set(yscale="log", xlim=(0.6, most + 0.4), ylim=(0.8, 2000), xticks=range(1, most + 1), xlabel="hidden layers")
        few_ticks(self._right, style)
        self.heading(self._right, "linear pieces")
        self._band = self.band(self._right, "feedforward")
        self._built = self.curve(self._right, "activation", "deep, by hand")
        self._one_layer = self.curve(self._right, "second_layer", "one hidden layer")
        self._drawn = self.curve(self._right, "feedforward", "random nets")
        self._ring = self.ring(self._right)
        self.legend(figure)
        self._words = self.words(self._left), self.words(self._right)

    def update(self, result: SawtoothView) -> None:
        """Move the curves."""
        deep, shallow = result.deep, result.shallow
        y = deep.values[:, 0]
        self._deep.set_data(deep.at, y)
        corners = np.arange(2**result.layers + 1 if result.noise else 0)  # without noise the deep net's line is the saw
        self._saw.set_data(corners / 2**result.layers, corners % 2)
        self._shallow.set_data(shallow.at, shallow.values)
        kinks = slice(1, -1 if len(shallow.at) <= 12 else 1)  # no marks where they would only cover the line
        self._kinks.set_data(shallow.at[kinks], shallow.values[kinks])
        outside = (y < self.LOW) | (y > self.HIGH)
        self._beyond.set_data(deep.at[outside], np.clip(y[outside], self.LOW + 0.05, self.HIGH - 0.05))
        layers = np.arange(1, len(result.built) + 1)
        self._band(layers, result.drawn.min(axis=0), result.drawn.max(axis=0))
        for line, counts in ((self._built, result.built), (self._one_layer, result.one_layer),
                             (self._drawn, np.median(result.drawn, axis=0))):
            line.set_data(layers, counts)
        self._ring.set_data([result.layers], [result.built[result.layers - 1]])
        left, right = self._words
        left.set_text(f"off: deep {plain(result.deep_error)}, one layer {plain(shallow.error)}" if result.noise else
                      f"deep: {2 * result.layers} units,  one hidden layer: {result.units}")
        drawn = np.median(result.drawn[:, result.layers - 1])
        right.set_text(f"by hand {result.deep.count},  random {drawn:.0f}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The number of layers."""
        return places(self._ring)


class ResidualScene(CurveScene):
    """Left: gradient and stream at every block, log axis. Right: eigenvalues of one block's Jacobian in the plane."""

    title = ("Left, log axis: norm of the gradient in front of each block, what random weights predict, and size of the stream "
             "that runs through the blocks. Right: eigenvalues of the Jacobian of the block in the middle, in the complex plane, "
             "with the unit circle and the circle that the weights predict")
    aspect = 2.0
    LOW, HIGH = 1e-30, 1e30

    def __init__(self, figure: Figure, style: Style, most: int) -> None:
        super().__init__(style)
        self._left, self._plane = figure.subplots(1, 2, width_ratios=(1.7, 1))
        self._left.set(yscale="log", xlim=(-0.02 * most, 1.03 * most), ylim=(self.LOW, self.HIGH),
                       xlabel="blocks behind the input")
        few_ticks(self._left, style)
        self.heading(self._left, "gradient and stream")
        self._lines = {
            "stream": self.curve(self._left, "activation", "stream, rms $Z$", linestyle="--", marker=""),
            "gradient": self.curve(self._left, "gradient", r"gradient $\|\partial C/\partial Z\|$", marker="",
                                   linewidth=1.3 * style.width),
            "prediction": self.curve(self._left, "prediction", "predicted")}
        self._beyond = {"stream": self.crosses(self._left, quantity="activation"),
                        "gradient": self.crosses(self._left, quantity="gradient")}
        self._end = self.ring(self._left)
        self._plane.set(xlim=(-1.6, 3.6), ylim=(-2.6, 2.6), aspect="equal", anchor="N", xticks=(-1, 0, 1, 2, 3),
                        yticks=(-2, -1, 0, 1, 2), xlabel="real part")
        angle = np.linspace(0, 2 * np.pi, 121)
        self._circle = np.stack([np.cos(angle), np.sin(angle)])
        self._plane.plot(*self._circle, color=GRAY, linewidth=0.7 * style.width)
        self.heading(self._plane, r"eigenvalues of $\partial z^{l+1}/\partial z^l$")
        self._disk = self.curve(self._plane, "prediction")
        self._values = self.curve(self._plane, "eigenvalue", linestyle="", marker="o", alpha=0.7)
        self._outside = self.crosses(self._plane, size=4)
        self._radius = self.ring(self._plane)
        self.legend(figure)
        self._words = self.words(self._left), self.words(self._plane)

    def update(self, result: StackView) -> None:
        """Move curves, points and circle."""
        at = np.arange(result.blocks + 1)
        low, high = self.LOW * 100, self.HIGH / 100  # room for a mark
        for name, line in self._lines.items():
            values = getattr(result, name)
            with np.errstate(invalid="ignore"):
                inside = (values >= self.LOW) & (values <= self.HIGH)
            line.set_data(at, np.where(inside, drawable(values), np.nan))
            if name in self._beyond:
                crosses = [(l, low if values[l] < self.LOW else high)
                           for l in np.linspace(0, result.blocks, 9).astype(int) if not (inside[l] or np.isnan(values[l]))]
                self._beyond[name].set_data(*np.reshape(crosses, (-1, 2)).T)
        behind = np.clip(np.nan_to_num(result.gradient[-1], nan=1.0), low, high)
        self._end.set_data([result.blocks], [behind])
        values = result.eigenvalues
        inside = (np.abs(values.real - 1) < 2.6) & (np.abs(values.imag) < 2.6)
        self._values.set_data(values[inside].real, values[inside].imag)
        self._outside.set_data(np.clip(values[~inside].real, -1.5, 3.5), np.clip(values[~inside].imag, -2.5, 2.5))
        free = result.norm == "none" and result.radius > 0
        disk = result.radius * self._circle + [[result.center], [0]] if free else np.empty((2, 0))
        self._disk.set_data(*disk)
        held = free and result.radius > 0.15  # a smaller cloud would lie under the ring
        self._radius.set_data(*([[min(result.center + result.radius, 3.4)], [0.0]] if held else [[], []]))
        left, right = self._words
        if result.overflow is not None:
            left.set_text(f"overflow after block {result.overflow}")
        else:
            left.set_text("no gradient" if np.isnan(result.survival) else f"first / last gradient: {plain(result.survival)}")
        right.set_text(f"block {result.block}:  overflow" if not values.size else
                       f"block {result.block}:  mean {plain(result.mean)}" if result.norm == "post" else
                       f"within {plain(round(float(abs(values - result.center).max()), 6))} of {result.center:.0f}")

    def pin(self, result: StackView | None) -> None:
        """Leave the eigenvalues behind, too, as hollow dots."""
        super().pin(result)
        if result is not None:
            self._ghosts[-1] += self._plane.plot(*self._values.get_data(), "o", color=faded(self._values.get_color()), fillstyle="none",
                                                 markersize=self._values.get_markersize(), zorder=1)

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The number of blocks; the radius of the disk, where there is one."""
        return places(self._end, self._radius)


class BudgetScene(CurveScene):
    """Accuracy against depth at equal budget, the function learned, and the gradient at every layer."""

    title = ("Left: share of the test points right against the number of hidden layers, for plain and residual nets of the same "
             "number of parameters, median and range of five seeds. Middle: what the net learned over the interval from 0 to 1, "
             "and the classes. Right, log axis: gradient at every layer before training and now")
    aspect = 2.2
    LOW, HIGH = 1e-6, 1e1

    def __init__(self, figure: Figure, style: Style, depths: Sequence[int], grid: np.ndarray) -> None:
        super().__init__(style)
        self._left, self._middle, self._right = figure.subplots(1, 3, width_ratios=(1.25, 1.15, 1))
        self._depths, self._grid = depths, grid
        self._left.set(ylim=(0.4, 1.03), xlabel="hidden layers")
        self._left.set_yticks((0.5, 0.75, 1), ("50 %", "75 %", "100 %"))
        self.heading(self._left, "right at equal budget")
        looks = {"plain": ("plain_net", "plain"), "residual": ("residual_net", "residual")}
        self._bands = {name: self.band(self._left, quantity) for name, (quantity, _) in looks.items()}
        self._medians = {name: self.curve(self._left, *look) for name, look in looks.items()}
        self._line = self.curve(self._left, "threshold", linewidth=0.6 * style.width)
        self._ring = self.ring(self._left)
        self._middle.set(xlim=(0, 1), ylim=(-0.08, 1.08), xticks=(0, 0.5, 1), yticks=(0, 1), xlabel="input $x$")
        self.heading(self._middle, "above ½: true, learned")
        self._true = self.curve(self._middle, "threshold", "true", linestyle="-", color=GRAY, linewidth=1.8 * style.width)
        self._learned = self.curve(self._middle, "activation", "learned", marker="")
        self._right.set(yscale="log", ylim=(self.LOW, self.HIGH), xlabel="layer")
        few_ticks(self._right, style)
        for axes in (self._left, self._right):
            axes.set(xlim=(0.85, 40), xscale="log")
            axes.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"], minor=False)
            axes.xaxis.set_minor_locator(NullLocator())
        self.heading(self._right, "gradient")
        self._first = self.curve(self._right, "gradient", "at first", linestyle=":", marker="",
                                 linewidth=0.8 * style.width)
        self._now = self.curve(self._right, "gradient", "now", markersize=1.6 * style.width)
        self._zero = self.crosses(self._right, quantity="gradient")
        self.legend(figure)
        self._words = [self.words(axes) for axes in (self._left, self._middle, self._right)]

    def update(self, result: BudgetBeside) -> None:
        """Move the curves."""
        run = result.live
        for name, band in result.stored.items():
            self._bands[name](np.array(self._depths), band.low, band.high)
            self._medians[name].set_data(self._depths, band.median)
        self._line.set_data([run.hidden] * 2, self._left.get_ylim())
        self._ring.set_data([run.hidden], [max(run.accuracy[-1], 0.42)])
        self._true.set_data(self._grid, result.true)
        self._learned.set_data(self._grid, run.learned)
        layers = np.arange(1, run.hidden + 2)
        for line, values in ((self._first, run.first_gradient), (self._now, run.gradient)):
            line.set_data(layers, drawable(values))
        gone = [l for l in (1, 2, 4, 8, 16, 32) if l <= len(layers) and run.gradient[l - 1] == 0]
        self._zero.set_data(gone, np.full(len(gone), 2 * self.LOW))
        left, middle, right = self._words
        left.set_text(f"{percent(run.accuracy[-1], '.3g')}, median {percent(result.median, '.3g')}")
        middle.set_text(f"{run.hidden} × {run.width}: {run.taken} updates")
        right.set_text(f"first / last: {plain(run.gradient[0] / run.gradient[-1])}" if run.gradient[0] else "×: exactly 0")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The number of hidden layers."""
        return places(self._ring)


class ChecklistScene(CurveScene):
    """The four rules of thumb: share right against updates, without the rule and with it."""

    title = ("Four plots of the share of test examples right against the number of updates, median and range of five seeds, "
             "without a rule of thumb and with it: normalize the inputs, initialize properly, deeper over wider, batch norm")
    aspect = 2.4

    def __init__(self, figure: Figure, style: Style, headings: Mapping[str, str], at: np.ndarray) -> None:
        super().__init__(style)
        self._at, self._parts = at, {}
        axes = figure.subplots(1, len(headings), sharey=True)
        for one, (name, text) in zip(axes, headings.items(), strict=True):
            one.set(xlim=(-0.05 * at[-1], 1.05 * at[-1]), ylim=(0, 1.05), xticks=(0, at[-1] // 2, at[-1]), xlabel="update")
            self.heading(one, text)
            first = not self._parts
            looks = ("unnormalized", "without" if first else ""), ("batch_norm", "with the rule" if first else "")
            bands = [self.band(one, quantity) for quantity, _ in looks]
            lines = [self.curve(one, quantity, label, marker="") for quantity, label in looks]
            marks = [self.curve(one, quantity, linestyle="", markersize=3.2 * style.width) for quantity, _ in looks]
            self._parts[name] = bands, lines, marks, self.curve(one, "threshold", linewidth=0.6 * style.width), self.words(one)
        axes[0].set_yticks((0, 0.5, 1), ("0 %", "50 %", "100 %"))
        self._ring = self.ring(axes[0])
        self.legend(figure)

    def update(self, result: RuleView) -> None:
        """Move bands and marks."""
        now = result.updates
        k = int(np.searchsorted(self._at, now))
        for name, (bands, lines, marks, line, words) in self._parts.items():
            for side, fill, median, mark in zip(result.sides[name], bands, lines, marks, strict=True):
                fill(self._at, side.low, side.high)
                median.set_data(self._at, side.median)
                mark.set_data([now], [side.median[k]])
            line.set_data([now] * 2, [0, 1.05])
            before, after = (percent(side.median[k]) for side in result.sides[name])
            words.set_text(f"{before} → {after}")
        self._ring.set_data([now], [0.65])

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The number of updates."""
        return places(self._ring)
