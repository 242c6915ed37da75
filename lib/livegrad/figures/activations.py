"""Pictures of activation functions and of what they do to a net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from livegrad.experiments.activations import Tangent
from livegrad.experiments.dead import DeadCount
from livegrad.experiments.planes import Collapse, Plane, TwoLayers
from livegrad.experiments.uniform import LINEAR, SATURATED, LayerResponse
from livegrad.experiments.zigzag import CLOSE, Zigzag
from livegrad.figures.scene import CurveScene, drawable, few_ticks, near, percent, plain
from livegrad.style import CLASSES, GRAY, Style

__all__ = ["CollapseScene", "DeadScene", "SaturationScene", "SlopeScene", "ZigzagScene"]


class SlopeScene(CurveScene):
    """An activation function with its tangent, its slope, the message that the unit hears and the error it passes back.

    The axes are fixed. A point beyond them becomes a cross at their edge.
    """

    title = ("Left: the activation function with its tangent at one point. Middle: its slope. "
             "Right: the message e that comes to the unit from above, and the error δ that it passes back")
    aspect = 2.4
    _overlaid = ({}, {"color": "#444444", "linestyle": "-."}, {"color": "#888888", "linestyle": ":"})

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._left, self._middle, self._right = figure.subplots(1, 3, width_ratios=(5, 5, 2.8))
        self._left.set(xlim=(-8, 8), ylim=(-2, 3), xlabel="z", xticks=(-8, -4, 0, 4, 8))
        self._middle.set(xlim=(-8, 8), ylim=(-0.25, 1.85), xlabel="z", xticks=(-8, -4, 0, 4, 8))
        self._middle.set_yticks((0, 0.25, 0.5, 1, 1.5), ("0", "0.25", "0.5", "1", "1.5"))
        self._right.set(xlim=(-0.6, 1.6), ylim=(-3.8, 3.8))
        self._right.set_xticks((0, 1), ("e", "δ = e·φ'"))
        self._right.set_yticks((-3, -2, -1, 0, 1, 2, 3))
        self._right.grid(False, axis="x")
        for axes in (self._left, self._middle, self._right):
            axes.axhline(0, color=GRAY, linewidth=1)
        self.heading(self._left, "activation φ(z)")
        self.heading(self._middle, "its slope φ'(z)")
        self.heading(self._right, "message, error")
        self._tangent = self.curve(self._left, "slope", "tangent at z", marker="", linestyle=(0, (2.5, 1.2)), linewidth=1.5 * style.width)
        labels = ("first", "second", "third")
        self._values = [self.curve(self._left, "activation", label, marker="", **look)
                        for label, look in zip(labels, self._overlaid, strict=True)]
        self._slopes = [self.curve(self._middle, "slope", marker="", **look) for look in self._overlaid]
        self.moving.append(self.moving.pop(0))  # the tangent: first in the legend, but over the curves
        dot = {"linestyle": "", "markersize": 5 * style.width, "markeredgewidth": 1.3 * style.width,
               "clip_on": False, "in_layout": False}
        self._value = self.curve(self._left, "activation", marker="o", **dot)
        self._slope = self.curve(self._middle, "slope", marker="o", **dot)
        bar = {"marker": "", "linewidth": 9 * style.width, "linestyle": "-", "solid_capstyle": "butt"}
        self._message = self.curve(self._right, "gradient", **bar)
        self._passed = self.curve(self._right, "gradient", **bar)
        self._pull = self.ring(self._right)
        self._name([])
        self._value_words, self._slope_words, self._passed_words = map(self.words, (self._left, self._middle, self._right))

    def update(self, result: Tangent) -> bool:
        """Move curves, tangent, points and bars. Other functions have other names in the legend."""
        for i, (value, slope) in enumerate(zip(self._values, self._slopes, strict=True)):
            shown = result.curves[i] if i < len(result.curves) else None
            value.set_data(*((shown.z, shown.value) if shown else ([], [])))
            slope.set_data(*((shown.z, shown.slope) if shown else ([], [])))
        self._tangent.set_data(*result.lines)
        _place(self._slope, result.z, result.slope)
        outside = "" if _place(self._value, result.z, result.value) else " (outside)"
        self._message.set_data([0, 0], [0, result.e])
        self._passed.set_data([1, 1], [0, result.passed_back])
        self._pull.set_data([0], [result.e])
        self._value_words.set_text(f"φ({result.z:g}) = {near(result.value)}{outside}")
        self._slope_words.set_text(f"φ'({result.z:g}) = {plain(result.slope)}")
        self._passed_words.set_text(f"back: {plain(result.passed_back)}")
        return self._name([shown.name for shown in result.curves])

    def _name(self, names: Sequence[str]) -> bool:
        """Put the curves' names into the legend; whether it has changed."""
        figure, names = self._left.figure, ["tangent at z", *names]
        old = figure.legends[0] if figure.legends else None
        if old and [text.get_text() for text in old.get_texts()] == names:
            return False
        figure.legend([self._tangent, *self._values][:len(names)], names, loc="outside lower center", handlelength=2.8,
                      ncols=len(names), frameon=False, fontsize=0.95 * self.style.font)
        if old:
            old.remove()
        return True

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The point on the curve, the point on the slope, and the message's end."""
        return [(point.axes, *(float(v[0]) for v in point.get_data())) for point in (self._value, self._slope, self._pull)]


def _place(point: Line2D, x: float, y: float) -> bool:
    """Put a point where it belongs and say True, or as a cross at the edge if that is outside its axes."""
    low, high = point.axes.get_ylim()
    inside = np.clip(y, low, high)
    point.set_data([x], [inside])
    point.set_marker("o" if inside == y else "x")
    return inside == y


class SaturationScene(CurveScene):
    """Above, the bounds of the weights. Below, histograms of z, φ(z) and φ'(z)."""

    title = ("Above: the interval from which the weights are drawn. Below: three histograms in percent, of z, of the "
             "activation, and of the slope. The shaded parts of the first and the last are where a unit is saturated")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        grid = figure.add_gridspec(2, 3, height_ratios=(1, 6))
        self._strip = figure.add_subplot(grid[0, :])
        self._z, self._a, self._slope = (figure.add_subplot(grid[1, i]) for i in range(3))
        self._strip.set(xlim=(-5.2, 5.2), ylim=(-1, 1), yticks=())
        self._strip.spines["left"].set_visible(False)
        self._strip.set_title("weights w, drawn evenly from this interval")
        for axes, text in ((self._z, "z = Σ x w, log-like"), (self._a, "activation φ(z)"), (self._slope, "slope φ'(z)")):
            axes.set(ylim=(0, 100))
            self.heading(axes, text)
        self._z.set_ylabel("% of all")
        _sinh_axis(self._z)
        self._slope.xaxis.set_major_locator(MaxNLocator(3 if style.lecture else 5, steps=(1, 2, 5, 10)))
        self._slope.xaxis.set_major_formatter("{x:g}")
        self._interval = self.curve(self._strip, "weight", marker="|", linewidth=3 * style.width, markersize=8 * style.width,
                                    markeredgewidth=2 * style.width)
        self._fills = {"z": self.histogram(self._z, "pre_activation"), "a": self.histogram(self._a, "activation"),
                       "slope": self.histogram(self._slope, "slope")}
        self._words = {name: self.words(axes) for name, axes in (("z", self._z), ("a", self._a), ("slope", self._slope))}
        hatched = Patch(facecolor="#EEEEEE", edgecolor=GRAY, hatch="/", linewidth=0, label="saturated")
        figure.legend(handles=[hatched], loc="outside lower center", handlelength=2.8)
        self._shades: list[Any] = []
        self._activation: Any = None

    def update(self, result: LayerResponse) -> bool:
        """Move the interval and the histograms. Another activation has other axes."""
        self._interval.set_data(result.bounds, (0, 0))
        edges = {}
        for name, fill in self._fills.items():
            heights, edges[name] = result.histogram(name)
            fill(heights, edges[name])
        self._words["z"].set_text(f"mean {result.z.mean():.2g}, std {result.z.std():.2g}")
        self._words["a"].set_text(f"mean {near(result.a.mean())}")
        self._words["slope"].set_text(f"saturated: {percent(result.saturated, '.3g')}")
        changed, self._activation = self._activation != result.activation, result.activation
        if changed:
            self._reframe(result, edges)
        return changed

    def _reframe(self, result: LayerResponse, edges: dict[str, np.ndarray]) -> None:
        if np.array_equal(edges["a"], edges["z"]):
            _sinh_axis(self._a)
        else:
            self._a.set_xscale("linear")
            self._a.xaxis.set_major_locator(MaxNLocator(4, steps=(1, 2, 5, 10)))
            self._a.set_xlim(*_margin(edges["a"]))
        self._slope.set_xlim(*_margin(edges["slope"]))
        for shade in self._shades:
            shade.remove()
        low = SATURATED * edges["slope"][-1]
        self._shades = [axes.axvspan(*ends, facecolor="#EEEEEE", edgecolor=GRAY, hatch="/", linewidth=0, zorder=0)
                        for axes, ends in [*((self._z, ends) for ends in result.flat), (self._slope, (-low, low))]]

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The two ends of the interval."""
        return [(self._strip, float(x), 0.0) for x in self._interval.get_xdata()]


def _sinh_axis(axes: Axes) -> None:
    axes.set_xscale("asinh", linear_width=LINEAR)
    axes.set_xlim(-200, 200)
    axes.set_xticks((-100, -10, 0, 10, 100), ("−100", "−10", "0", "10", "100"))


def _margin(edges: np.ndarray) -> tuple[float, float]:
    room = 0.04 * (edges[-1] - edges[0])
    return edges[0] - room, edges[-1] + room


class CollapseScene(CurveScene):
    """What a net of two layers says in the plane, and what the one layer says that its weights collapse to."""

    title = ("Two maps of the plane, colored by the class the net names, with the training points. Left: the net of two layers. "
             "Right: the single layer whose matrix is the product of the two")
    aspect = 2.1

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._axes = figure.subplots(1, 2)
        reach = TwoLayers.edges[-1]
        for axes, text in zip(self._axes, ("two layers", "same weights, no φ: one layer"), strict=True):
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
            axes.set_xticks((-1, 0, 1))
            axes.set_yticks((-1, 0, 1))
            axes.grid(False)
            self.heading(axes, text)
        self._maps = [_Map(self, axes) for axes in self._axes]
        self._words = [self.words(axes) for axes in self._axes]

    def update(self, result: Collapse) -> None:
        """Color the two maps anew and move the test point."""
        for shown, words, plane in zip(self._maps, self._words, (result.two, result.one), strict=True):
            shown.update(plane, result)
            words.set_text(f"{percent(plane.accuracy)} right{result.so_far}")

    def pin(self, result: Collapse | None) -> None:
        """Leave the present borders behind. They lie over the maps, so they are drawn anew with them."""
        super().pin(result)
        ghosts = [line for ghost in self._ghosts for line in ghost]
        if result is not None:
            for line in self._ghosts[-1]:  # a border is many short pieces: dashed if every other one is left out
                line.set_data(*line.get_xydata().reshape(-1, 3, 2)[::2].reshape(-1, 2).T)
        self.moving = [artist for artist in self.moving if artist.axes is not None and artist not in ghosts] + ghosts

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The test point on both maps."""
        return [(shown.axes, *shown.at) for shown in self._maps]


class _Map:
    """One map: an image, the borders, the training points, the test point."""

    def __init__(self, scene: CurveScene, axes: Axes) -> None:
        self.axes, style = axes, scene.style
        self._paint = scene.image(axes, TwoLayers.edges, TwoLayers.edges)
        self._border = scene.curve(axes, "prediction", linestyle="-", linewidth=0.9 * style.width)
        self._points = [axes.plot([], [], linestyle="", markersize=2.6 * style.width, markeredgecolor="white",
                                  markeredgewidth=0.5, **look)[0] for look in CLASSES]
        (self._test,) = axes.plot([], [], "*", color="black", markersize=8.5 * style.width, markeredgecolor="white",
                                  markeredgewidth=0.7 * style.width)
        scene.moving += [*self._points, self._test]

    def update(self, plane: Plane, result: Collapse) -> None:
        # The color says which class, its strength how surely: hardly any where the two likeliest draw level.
        colors = np.array([to_rgb(look["color"]) for look in CLASSES])
        likeliest = np.sort(plane.shares, axis=-1)
        surely = (likeliest[..., -1] - likeliest[..., -2])[..., None]
        ink = (0.12 + 0.38 * surely) * (1 - colors[plane.shares.argmax(axis=-1)])
        self._paint((255.5 - 255 * ink).astype(np.uint8))
        self._border.set_data(*plane.border.T)
        for k, line in enumerate(self._points):
            line.set_data(*result.points.x[result.points.labels == k].T)
        self._test.set_data([result.point[0]], [result.point[1]])

    @property
    def at(self) -> tuple[float, float]:
        (x,), (y,) = self._test.get_data()
        return float(x), float(y)


class DeadScene(CurveScene):
    """Left: share of dead units against step. Right: on how many digits each unit is active."""

    title = ("Left: percent of dead units in each hidden layer against training step. Right: for each unit, from the busiest "
             "to the quietest, the percent of the training digits for which z is above 0")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style, steps: int = 300, width: int = 50) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2)
        self._left.set(xlim=(0, steps), ylim=(-3, 103), xlabel="step")
        self._right.set(xlim=(0, width + 1), ylim=(-3, 103), xlabel="unit, from busiest to quietest")
        self.heading(self._left, "dead units, in %")
        self.heading(self._right, "z > 0 on this % of the digits")
        layers = ("activation", "second_layer")
        self._dead = [self.curve(self._left, layer, f"hidden layer {l}", markevery=3) for l, layer in enumerate(layers, 1)]
        self._activity = [self.curve(self._right, layer, markevery=3) for layer in layers]
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: DeadCount) -> None:
        """Move the curves."""
        for line, shares in zip(self._dead, result.dead.T, strict=True):
            line.set_data(result.at, 100 * shares)
        for line, shares in zip(self._activity, result.activity, strict=True):
            line.set_data(np.arange(1, len(shares) + 1), 100 * np.sort(shares)[::-1])
        now = (f"{percent(share)} in layer {l}" for l, share in enumerate(result.dead[-1], 1))
        self._left_words.set_text(f"now: {',  '.join(now)}")
        self._right_words.set_text(f"OVERFLOW after {result.taken} steps" if result.overflowed
                                   else f"test digits right: {percent(result.accuracy)}")


REACH = 1.6
"""Of the axes of the weights, in `ZigzagScene`."""


class ZigzagScene(CurveScene):
    """Left: the inputs. Middle: the path of the two weights. Right: their distance from the right ones."""

    title = ("Left: the inputs in the plane. Middle: the path of the two weights from the origin to the star, where they are "
             "right. Right: their distance from it against the step, log axis")
    aspect = 2.85

    def __init__(self, figure: Figure, style: Style, shown: int = 300) -> None:
        super().__init__(style)
        self._shown = shown
        self._left, self._middle, self._right = figure.subplots(1, 3, width_ratios=(4, 4, 5))
        for axes, reach, name in ((self._left, 1.25, "x"), (self._middle, REACH, "w")):
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1),
                     xlabel=f"${name}_1$", ylabel=f"${name}_2$")
            axes.axhline(0, color=GRAY, linewidth=1)
            axes.axvline(0, color=GRAY, linewidth=1)
        self._right.set(yscale="log", ylim=(1e-3, 10), xlim=(0, shown), xlabel="step")
        few_ticks(self._right, style)
        self.level(self._right, CLOSE, f"within {CLOSE}")
        self.heading(self._left, "inputs")
        self.heading(self._middle, "path of the weights")
        self.heading(self._right, "distance from the star")
        self._inputs = self.curve(self._left, "activation", linestyle="", marker="o", markersize=1.3 * style.width)
        self._path = self.curve(self._middle, "weight", marker=".", linewidth=0.7 * style.width)
        self._outside = self.curve(self._middle, "weight", linestyle="", marker="x", markersize=3.5 * style.width, clip_on=False,
                                   in_layout=False)
        self._distance = self.curve(self._right, "weight", marker="")
        (self._star,) = self._middle.plot([], [], "*", color="black", markersize=8.5 * style.width, markeredgecolor="white",
                                          markeredgewidth=0.7 * style.width)
        self.moving.append(self._star)
        self._input_words, self._path_words, self._words = map(self.words, (self._left, self._middle, self._right))

    def update(self, result: Zigzag) -> None:
        """Move the inputs, the path, the star and the curve."""
        self._inputs.set_data(*result.inputs[: self._shown].T)
        self._path.set_data(*result.path.T)
        self._distance.set_data(np.arange(len(result.path)), drawable(result.distance))
        self._star.set_data([result.target[0]], [result.target[1]])
        out = (np.abs(result.path) > REACH).any(axis=1)
        self._outside.set_data(*np.clip(result.path[out], -REACH, REACH).T)
        self._input_words.set_text("{:.2g} to {:.2g}".format(*result.bounds))
        self._path_words.set_text("already there" if result.needed == 0 else
                                  f"{'outside (x); same' if out.any() else 'same'} sign: {percent(result.together)}")
        self._words.set_text(f"there after {result.needed} steps" if result.needed is not None else "not yet there")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The star."""
        (x,), (y,) = self._star.get_data()
        return [(self._middle, float(x), float(y))]
