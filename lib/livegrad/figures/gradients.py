"""Pictures of gradients on their way through a deep net."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livegrad.experiments.gradients import ChainSweep, Scales, TrainingRun
from livegrad.figures.scene import CurveScene, LogScene, drawable, exits, few_ticks, places, plain
from livegrad.style import GRAY, Style

__all__ = ["ChainScene", "ScalesScene", "TrainingScene"]


def _overflow(sizes: np.ndarray, order: np.ndarray) -> str:
    """Where the numbers ran out first, in the order in which the signal met the layers; empty if nowhere."""
    lost = [layer for layer in order if not np.isfinite(sizes[layer - 1])]
    return f"{'NOT A NUMBER' if np.isnan(sizes[lost[0] - 1]) else 'OVERFLOW'} at layer {lost[0]}" if lost else ""


class ScalesScene(LogScene):
    """Sizes at every layer: activations on the left, gradients and the line M^L on the right.

    Both axes are fixed. If they followed the curves, an explosion and a slow decay would look alike.
    """

    title = ("Two log plots against the layer. Left: size of the activations. "
             "Right: size of the gradients and the straight line that one factor M per layer predicts")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style, most_layers: int = 60, decades: int = 20) -> None:
        super().__init__(style)
        self.floor, self.ceiling = 10.0**-decades, 10.0**decades
        self._forward, self._backward = figure.subplots(1, 2, sharey=True)
        for axes in (self._forward, self._backward):
            self.decades(axes, -decades, decades)
            axes.set(xlim=(0, most_layers + 1), xlabel="layer")
            for name, info in (("float32", np.finfo(np.float32)), ("float64", np.finfo(np.float64))):
                for which, end in (("largest", float(info.max)), ("smallest", float(info.smallest_subnormal))):
                    if self.floor < end < self.ceiling:
                        axes.axhline(end, **style.line("threshold"))
                        at, side = (1, "left") if axes is self._forward else (most_layers, "right")  # where no curve ends
                        axes.text(at, end, f"{which} {name}", ha=side, va="top" if end > 1 else "bottom")
        self.heading(self._forward, "forward →  activations")
        self.heading(self._backward, "← backward  gradients")
        self._backward.tick_params(labelleft=True)
        self._activation = self.curve(self._forward, "activation", "rms of $A^l$")
        self._difference = self.curve(self._forward, "difference", "rms between digits")
        self._weight_gradient = self.curve(self._backward, "weight_gradient", r"$\|\partial C/\partial W^l\|$", markevery=3)
        self._gradient = self.curve(self._backward, "gradient", r"$\|\partial C/\partial Z^l\|$", markevery=3)
        self._prediction = self.curve(self._backward, "prediction", "one factor $M$ per layer")
        self._out = self.crosses(self._forward, size=4), self.crosses(self._backward, size=4)
        self._lost = [self.curve(axes, "threshold", label, linestyle="", marker=r"$\infty$", markersize=4 * style.width)
                      for axes, label in ((self._forward, ""), (self._backward, "not finite"))]
        self._grip = self.ring(self._backward)
        self.legend(figure)
        self._forward_words = self.words(self._forward)
        self._backward_words = self.words(self._backward)

    def update(self, result: Scales) -> None:
        """Move the four curves."""
        layers = np.arange(1, result.depth + 1)
        self._activation.set_data(layers, drawable(result.a))
        self._difference.set_data(layers, drawable(result.difference))
        self._gradient.set_data(layers, drawable(result.dz))
        self._weight_gradient.set_data(layers, drawable(result.dW))
        self._prediction.set_data(layers, drawable(result.prediction))
        on_the_way = (self._forward, (result.a, result.difference), 1), (self._backward, (result.dz, result.dW), -1)
        for (axes, curves, order), out, lost in zip(on_the_way, self._out, self._lost, strict=True):
            out.set_data(*exits(axes, layers[::order], *(np.log10(drawable(sizes))[::order] for sizes in curves)))
            where = layers[~np.isfinite(curves[0])]
            lost.set_data(where, np.full(len(where), self.ceiling**0.93))
        end = result.prediction[0]
        self._grip.set_data(*([1], [np.clip(end, self.floor, self.ceiling)]) if np.isfinite(end) else ([], []))
        self._grip.set_alpha(1.0 if self.floor <= end <= self.ceiling else 0.3)  # pale: the value lies beyond
        self._forward_words.set_text(_overflow(result.a, layers) or
                                     f"layer {result.depth}: {result.a[-1]:.0e},  between digits {result.difference[-1]:.0e}")
        self._backward_words.set_text(_overflow(result.dz, layers[::-1]) or
                                      f"layer 1: {plain(result.survival)} of layer {result.depth}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The far end of the line M^L."""
        return places(self._grip)


class ChainScene(CurveScene):
    """Left: the factors of ∂C/∂w¹ and their running product. Right: |∂C/∂w¹| for every weight."""

    title = ("Left: the size of each factor of the gradient of the first weight, from the error back to the input, and the "
             "product so far. Right: the size of the whole product against the weight, on log axes")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style, most_layers: int = 6) -> None:
        super().__init__(style)
        self._bars, self._sweep = figure.subplots(1, 2, width_ratios=(3, 2))
        self._bars.set(yscale="log", ylim=(1e-8, 1e8))
        self._bars.grid(False, axis="x")
        # The names change with the depth. As words of the page they cost nothing; as tick labels, a new backdrop.
        self._bars.set(xlim=(0, 1), xticks=[], xlabel=" ")
        self._names = [self.words(self._bars, below=True) for _ in range(2 * most_layers + 1)]
        self.heading(self._bars, "each factor: from the error, back to the input")
        self._sweep.set(yscale="log", ylim=(1e-8, 1e8), xlim=(-8, 8), xlabel="weight $w$")
        self.heading(self._sweep, r"the whole product  $|\partial C/\partial w^1|$")
        for axes in (self._bars, self._sweep):
            few_ticks(axes, style)
            axes.axhline(1, color=GRAY, linewidth=1)
        thick = {"marker": "", "linewidth": 4.2 * style.width, "linestyle": "-", "solid_capstyle": "butt"}
        self._kinds = {"error, input": self.curve(self._bars, "threshold", "error, input", **thick),
                       "slope": self.curve(self._bars, "slope", "slope  σ'", **thick),
                       "weight": self.curve(self._bars, "weight", "weight  w", **thick)}
        self._product = self.curve(self._bars, "gradient", "product so far")
        self._all_weights = self.curve(self._sweep, "gradient", marker="")
        self._here = self.curve(self._sweep, "gradient", linestyle="", marker="o", markersize=5 * style.width)
        self.legend(figure)
        self._words = self.words(self._bars)

    def update(self, result: ChainSweep) -> None:
        """Move bars, their names and the curves."""
        chain = result.chain
        sizes, product = drawable(np.abs(chain.factors)), drawable(np.abs(chain.product))
        places = (np.arange(len(sizes)) + 0.5) / len(sizes)
        for kind, line in self._kinds.items():
            line.set_data(_stems(places, sizes, [_kind(name) == kind for name in chain.names]))
        self._product.set_data(places, product)
        self._all_weights.set_data(result.weights, drawable(np.abs(result.gradients)))
        self._here.set_data([result.weight], np.clip(product[-1:], *self._sweep.get_ylim()))
        self._words.set_text(f"product: {plain(chain.product[-1])}" if chain.product[-1] else "product: 0, which no log axis can show")
        for text, x, name in zip_longest(self._names, places, chain.names):
            text.set(x=0 if x is None else x, text=name or "")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The present weight on the right."""
        (x,), (y,) = self._here.get_data()
        return [(self._sweep, x, y)]


def _kind(name: str) -> str:
    return "slope" if name.startswith("σ") else "weight" if name.startswith("w") else "error, input"


def _stems(x: np.ndarray, heights: np.ndarray, chosen: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Bars from 1 to each chosen height as one curve with gaps; 1 is where a factor changes nothing."""
    x, heights = x[np.array(chosen)], heights[np.array(chosen)]
    gap = np.full_like(heights, np.nan)
    return np.repeat(x, 3), np.stack([np.ones_like(heights), heights, gap], axis=1).ravel()


class TrainingScene(CurveScene):
    """Left: loss against step. Right: the share by which one update changes each layer's weights."""

    title = ("Left: loss against training step, log axis, with the loss of guessing as a line. "
             "Right: size of one update over size of the weights, per layer, log axis")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style, steps: int = 300, most_layers: int = 30) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2)
        self._left.set(yscale="log", ylim=(1e-3, 1e3), xlim=(0, steps), xlabel="step")
        self.heading(self._left, "loss")
        self._right.set(yscale="log", ylim=(1e-15, 1e5), xlim=(0, most_layers + 1), xlabel="layer")
        self.heading(self._right, r"update : weight   $\eta\,\|\partial C/\partial W^l\|\,/\,\|W^l\|$")
        self.level(self._left, np.log(10), "guessing")
        self.level(self._right, 1e-3, "healthy: about 0.001")
        for axes in (self._left, self._right):
            few_ticks(axes, style)
        self._loss = self.curve(self._left, "loss", "loss of each minibatch")
        self._ratio = self.curve(self._right, "update", "per layer, last 10 steps")
        self._out = self.crosses(self._left, quantity="loss", size=4), self.crosses(self._right, quantity="update", size=4)
        self.legend(figure)
        self._words = self.words(self._left)

    def update(self, result: TrainingRun) -> None:
        """Move the two curves."""
        for line, out, values, first in ((self._loss, self._out[0], result.loss, 0), (self._ratio, self._out[1], result.update_ratio, 1)):
            at, values, (low, high) = first + np.arange(len(values)), drawable(values), line.axes.get_ylim()
            line.set_data(at, values)
            beyond = (values < low) | (values > high)  # an x for each, just inside the edge
            inset = (high / low) ** 0.04
            out.set_data(at[beyond], np.clip(values, low * inset, high / inset)[beyond])
        self._words.set_text(f"OVERFLOW: {result.loss[0]:.0e} to {result.loss[-2]:.0e} in {result.taken} steps" if result.overflowed
                             else f"test digits right: {100 * result.accuracy:.0f} %")
