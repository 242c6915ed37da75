"""Pictures of notebook 00: four paths in a bowl, and the sizes in a deep net."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livegrad.experiments.warmup import LEFT, OPTIMIZERS, FourPaths, LayerSizes
from livegrad.figures.scene import LogScene, drawable, exit_point, exits, places, plain
from livegrad.style import GRAY, Style

__all__ = ["BowlScene", "WholeCourseScene"]


def _logs(values: np.ndarray) -> np.ndarray:
    """log₁₀, −inf for 0."""
    with np.errstate(divide="ignore"):
        return np.log10(np.asarray(values, dtype=np.float64))


class BowlScene(LogScene):
    """Left: the paths of four optimizers over contours of the loss. Right: the distance that each has still to go."""

    title = ("Left: contours of a bowl over two weights, and the paths of SGD, momentum, RMSProp and Adam from one start. Right, "
             "log axis: the share of the distance to the bottom that is left after every step")
    aspect = 2.3
    LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)

    def __init__(self, figure: Figure, style: Style, most_steps: int) -> None:
        super().__init__(style)
        self._map, self._left = figure.subplots(1, 2, width_ratios=(1.45, 1))
        self._map.set(xlim=(-2.2, 2.2), ylim=(-1.25, 1.25), xlabel="weight $w_1$", ylabel="weight $w_2$")
        self._map.grid(False)
        self._map.set_xticks(range(-2, 3))
        self.heading(self._map, "the bowl, from above")
        self.decades(self._left, -3, 1, one=False)
        self._left.set(xlim=(0, most_steps), xlabel="step")
        self.level(self._left, LEFT, "a fifth left")
        self.heading(self._left, "share of the distance left")
        (self._rings,) = self._map.plot([], [], color=GRAY, linewidth=0.45 * style.width)
        self.moving.append(self._rings)  # no curve: ellipses of another bowl, pinned, would cross these
        thin = {"linewidth": 0.75 * style.width, "markersize": 1.5 * style.width}
        self._paths = {name: self.curve(self._map, name.lower(), name, **thin) for name in OPTIMIZERS}
        self._paths["RMSProp"].set_markersize(2.1 * style.width)
        self.moving.append(self.moving.pop(self.moving.index(self._paths["RMSProp"])))  # on top of Adam's, often its twin
        self.moving += self._map.plot(0, 0, "*", color="black", markersize=5.5 * style.width)
        self._distances = {name: self.curve(self._left, name.lower(), markevery=(first, 10))
                           for name, first in zip(OPTIMIZERS, (0, 2, 5, 7))}
        self._off = {name: self.crosses(self._map, quantity=name.lower(), size=4) for name in OPTIMIZERS}
        self._beyond = {name: self.crosses(self._left, quantity=name.lower(), size=4) for name in OPTIMIZERS}
        self._map.plot([], [], **style.line("threshold", linestyle="", marker="x"), label="beyond the axis")
        self._start = self.ring(self._map)
        self.legend(figure, columns=3)
        self._shape, self._first = self.words(self._map), self.words(self._left)

    def update(self, result: FourPaths) -> None:
        """Move the contours, the paths and their distances."""
        self._rings.set_data(*result.contours(self.LEVELS).T)
        steps = np.arange(result.steps + 1)
        for name in OPTIMIZERS:
            path, distance = result.paths[name], result.distance(name)
            share = distance / distance[0] if distance[0] and result.steps else np.full(len(distance), np.nan)
            self._paths[name].set_data(*path[: self._shown(result, name)].T)
            self._distances[name].set_data(steps, share)
            self._off[name].set_data(*exit_point(self._map, path))
            self._beyond[name].set_data(*exits(self._left, steps, _logs(share)))
        self._start.set_data(*result.start[:, None])
        self._shape.set_text(f"κ = {plain(result.condition)}")
        self._first.set_text(self._winner(result))

    def _shown(self, result: FourPaths, name: str) -> int:
        """How many points of a path to draw: none before the first step, and one outside if it leaves for good."""
        limits = self._map.get_xlim()[1], self._map.get_ylim()[1]
        outside = np.any(np.abs(result.paths[name]) > limits, axis=1)
        return 0 if not result.steps else np.argmax(outside) + 1 if result.grows(name) and outside.any() else len(outside)

    @staticmethod
    def _winner(result: FourPaths) -> str:
        if not result.steps:
            return "covered"
        if not result.start.any():
            return "no path"
        needed = {name: result.needed(name) for name in OPTIMIZERS}
        there = [name for name in OPTIMIZERS if needed[name] is not None]
        if not there:
            return "none has arrived"
        least = min(needed[name] for name in there)
        return f"first: {' and '.join(name for name in there if needed[name] == least)}, {least} steps"

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The start."""
        return places(self._start)


class WholeCourseScene(LogScene):
    """Left: size of the activations at every layer. Right: size of the gradients."""

    title = ("Two log plots against the layer of a deep net before training. Left: root mean square of the activations. Right: "
             "norm of the gradient")
    aspect = 2.3
    DECADES = 16

    def __init__(self, figure: Figure, style: Style, most_layers: int) -> None:
        super().__init__(style)
        self._forward, self._backward = figure.subplots(1, 2)
        for axes in (self._forward, self._backward):
            self.decades(axes, -self.DECADES, self.DECADES, one=axes is self._forward)  # on the right one level counts
            axes.set_yticks(10.0 ** np.arange(-self.DECADES, self.DECADES + 1, 8))
            axes.set(xlim=(0, most_layers + 1), xlabel="layer")
        self.heading(self._forward, "forward →  activations")
        self.heading(self._backward, "← backward  gradients")
        self._activation = self.curve(self._forward, "activation", "rms of $A^l$", markevery=2)
        self._gradient = self.curve(self._backward, "gradient", r"$\|\partial C/\partial Z^l\|$", markevery=2)
        self._level = self.curve(self._backward, "threshold", r"$\|\partial C/\partial Z^L\|$", linestyle="-",
                                 linewidth=0.5 * style.width)
        self._lost = self.crosses(self._forward, size=4), self.crosses(self._backward, size=4)
        self._last, self._first = self.ring(self._forward), self.ring(self._backward)
        self.legend(figure)
        self._words = self.words(self._forward), self.words(self._backward)

    def update(self, result: LayerSizes) -> None:
        """Move both curves."""
        layers = np.arange(1, result.depth + 1)
        for axes, line, lost, sizes, order in ((self._forward, self._activation, self._lost[0], result.a, 1),
                                               (self._backward, self._gradient, self._lost[1], result.dz, -1)):
            with np.errstate(invalid="ignore"):
                line.set_data(layers, np.where(sizes > 0, sizes, np.nan))
            lost.set_data(*exits(axes, layers[::order], _logs(sizes)[::order]))
        self._level.set_data(self._backward.get_xlim(), drawable([result.dz[-1]] * 2))
        low, high = self._forward.get_ylim()
        for ring, layer, size in ((self._last, result.depth, result.a[-1]), (self._first, 1, result.dz[0])):
            ring.set_data([layer], [np.clip(size, low, high)])
            ring.set_alpha(1.0 if low <= size <= high else 0.3)  # pale: the value lies beyond
        if result.normed:  # nothing to pull at: a norm undoes the weight scale
            self._first.set_data([], [])
        self._words[0].set_text(f"last layer: {plain(result.a[-1])}")
        whole = f" of layer {result.depth}" if np.isfinite(result.survival) else ""
        self._words[1].set_text(f"layer 1: {plain(result.survival)}{whole}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The last layer on the left, and on the right the first one's gradient, unless the net is normed."""
        return places(self._last, self._first)
