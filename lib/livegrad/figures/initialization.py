"""Pictures of what the first weights do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from livegrad.experiments.initialization import KAIMING_LAYERS, KaimingSteps, LayerSpread, VarianceRun
from livegrad.experiments.phases import PhasePoint, Trainability
from livegrad.experiments.symmetry import Points, SymmetryRun
from livegrad.figures.scene import CurveScene, drawable, few_ticks, percent, places, plain, tint
from livegrad.style import CLASSES, GRAY, LINES, Style

__all__ = ["KaimingScene", "LayersScene", "PhaseScene", "SymmetryScene", "VarianceScene"]


_PALE = 0.67
"""Share of the full color from which curves still stand out."""


def _to_the_edge(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as far as they stay on the axes, the first beyond on their edge, and nan from there on."""
    values = np.nan_to_num(values, nan=np.inf)
    beyond = (values < low) | (values > high)
    return np.where(np.cumsum(beyond) > beyond, np.nan, np.clip(values, low, high))


def _place(line: Line2D, *points: tuple[float, float]) -> None:
    line.set_data(*np.reshape(points, (-1, 2)).T)


class LayersScene(CurveScene):
    """Heat maps of the histograms of every layer: activations on the left, ∂C/∂Z on the right."""

    title = ("Two heat maps against the layer, with log axes: how the sizes of the activations (left) and of the gradients at z "
             "(right) are spread in each layer, and root mean squares as curves")
    aspect = 2.3
    DECADES = (-10, 8)
    BRIGHTEST = 0.2
    """The share of a layer's numbers in one cell from which on the color is full."""

    def __init__(self, figure: Figure, style: Style, edges: np.ndarray, most_layers: int = 50) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, sharey=True)
        self._most_layers = most_layers
        # Heat maps want axes on which all cells are alike: these are linear in log₁₀.
        low, high = self.DECADES
        ticks = np.arange(low, high + 1, 3 if style.lecture else 2)
        self._paint = {}
        for axes, quantity, text in ((self._left, "activation", "forward →  activations $|A^l|$"),
                                     (self._right, "gradient", r"← backward  $|\partial C/\partial Z^l|$")):
            self._paint[quantity] = self.image(axes, np.arange(0.5, most_layers + 1), np.log10(edges))
            axes.set(xlim=(0, most_layers + 0.5), ylim=self.DECADES, xlabel="layer")
            axes.grid(False, axis="y")
            axes.set_yticks(ticks, [f"$10^{{{t}}}$" for t in ticks])
            axes.tick_params(labelleft=True)
            self.heading(axes, text)
        sparse = {"markevery": 3, "markeredgecolor": "white", "markeredgewidth": 0.5}
        self._sizes = [(self.curve(axes, quantity, label, **sparse), name) for axes, quantity, label, name in (
            (self._left, "activation", "rms $A^l$", "a"), (self._right, "gradient", r"rms $\partial C/\partial Z^l$", "dz"),
            (self._right, "weight_gradient", r"rms $\partial C/\partial W^l$", "dW"),
            (self._right, "update", "update : weight", "update_ratio"))]
        self._lost = [self.crosses(axes, "beyond the axis" * (quantity == "activation"), quantity) for axes, quantity in (
            (self._left, "activation"), (self._right, "gradient"), (self._right, "weight_gradient"), (self._right, "update"))]
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: LayerSpread) -> None:
        """Color the cells and move the curves."""
        layers = np.arange(1, result.depth + 1)
        for quantity, shares in (("activation", result.activation_shares), ("gradient", result.gradient_shares)):
            whole = np.zeros((shares.shape[1], self._most_layers))
            whole[:, : result.depth] = np.sqrt(shares.T / self.BRIGHTEST)
            self._paint[quantity](tint(_PALE * np.clip(whole, 0, 1), LINES[quantity]["color"]))
        low, high = self.DECADES
        # One row of crosses below the other, or all would be one.
        for (line, name), crosses, row in zip(self._sizes, self._lost, (0, 0, 1, 2), strict=True):
            sizes = getattr(result, name)
            line.set_data(layers, np.log10(drawable(sizes)))
            above = ~(sizes < 10.0**high)
            out = above | (sizes < 10.0**low)
            crosses.set_data(layers[out], np.where(above, high - 0.3 - 0.6 * row, low + 0.3 + 0.6 * row)[out])
        self._left_words.set_text(f"rms {plain(result.a[0])} → {plain(result.a[-2])}   flat: {percent(result.flat[-2])}")
        self._right_words.set_text(", ".join(f"∂C/∂{name} {'= 0' if np.isnan(factor) else f'×{plain(factor)}'}"
                                             for name, factor in zip("ZW", result.way_back, strict=True)))


class VarianceScene(CurveScene):
    """Left: the variance map, the diagonal, and the steps between them. Right: the variance of every layer."""

    title = ("Left, log axes: the variance of the next layer against the variance of this one, with the diagonal, the steps from "
             "layer to layer and the fixed point. Right, log axis: the variance of every layer, by the map and measured in a net")
    aspect = 2.2
    LOWEST, HIGHEST = 1e-4, 1e2
    HANDLE = 30.0
    """Where on the map the gain is held."""

    def __init__(self, figure: Figure, style: Style, most_layers: int = 100) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.35))
        ends = self.LOWEST, self.HIGHEST
        self._left.set(xscale="log", xlim=ends, xlabel="variance $q$ of $z$ in one layer", yscale="log", ylim=ends)
        self._right.set(xlim=(0, most_layers), xlabel="layer")
        few_ticks(self._left, style)
        self._left.set_xticks(self._left.get_yticks(), minor=False)
        self._left.xaxis.set_minor_locator(NullLocator())
        self._left.plot(ends, ends, color=GRAY, linewidth=1)
        self.heading(self._left, "the map: $q$ in the next layer")
        self.heading(self._right, "$q$, layer after layer")
        self._right.tick_params(labelleft=True)
        self._map = self.curve(self._left, "activation", "the map", marker="", linewidth=1.3 * style.width)
        self._steps = self.curve(self._left, "prediction", "steps")
        self._predicted = self.curve(self._right, "prediction", "by the map", linestyle="-", alpha=0.45,
                                     linewidth=3 * style.width)
        self._pairs = self.curve(self._left, "pre_activation", linestyle="", marker=".", alpha=0.6)
        self._measured = self.curve(self._right, "pre_activation", "in a net", linestyle="-")
        self._limit = self.curve(self._right, "threshold", "1/1000")
        self._fixed = self.curve(self._left, "weight", "$q^*$", linestyle="", marker="D", markersize=4.5 * style.width)
        self._lost = self.crosses(self._right)
        self._start, self._gain = self.ring(self._left), self.ring(self._left)
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: VarianceRun) -> None:
        """Move the curves."""
        layers, start = np.arange(1, result.depth + 1), result.predicted[0]
        inside = [_to_the_edge(q, self.LOWEST, self.HIGHEST) for q in (result.predicted, result.measured)]
        self._map.set_data(result.q, drawable(result.next_q))
        # Up to the map, across to the diagonal, up to the map, …
        self._steps.set_data(np.repeat(inside[0], 2)[:-1], np.concatenate([[self.LOWEST], np.repeat(inside[0][1:], 2)]))
        self._pairs.set_data(inside[1][:-1], inside[1][1:])
        self._predicted.set_data(layers, inside[0])
        self._measured.set_data(layers, inside[1])
        self._limit.set_data([0, self._right.get_xlim()[1]], [start / 1000] * 2)
        settled = bool(0 < result.fixed_point < np.inf) and not result.neutral
        _place(self._fixed, *[(result.fixed_point, result.fixed_point)] * settled)
        gone = ~((result.measured >= self.LOWEST) & (result.measured <= self.HIGHEST)) | (layers == result.lost)
        heights = np.clip(np.nan_to_num(result.measured, nan=np.inf), 1.6 * self.LOWEST, self.HIGHEST / 1.6)
        self._lost.set_data(layers[gone][:1], heights[gone][:1])
        _place(self._start, (start, start))
        held = np.interp(self.HANDLE, result.q, result.next_q)
        _place(self._gain, (self.HANDLE, float(np.clip(held, self.LOWEST, self.HIGHEST))))
        self._left_words.set_text("every q is a fixed point" if result.neutral else
                                  f"fixed point {plain(result.fixed_point)}" if settled else
                                  "it sinks to 0" if result.fixed_point == 0 else "it grows without end")
        net = plain(result.measured[-1])
        self._right_words.set_text(f"lost at layer {result.lost}   layer {result.depth}: {net}" if result.lost else
                                   f"layer {result.depth}: map {plain(result.predicted[-1])}, net {net}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The start on the diagonal, and the map far to the right."""
        return places(self._start, self._gain)


class KaimingScene(CurveScene):
    """From gain to bound, the weights drawn, and what ten layers make of a signal."""

    title = ("Left, log axis: gain, standard deviation and bound as bars. Middle: histogram of the drawn weights, between minus "
             "and plus the bound. Right, log axis: size of z in ten layers of a ReLU and of a tanh net")
    aspect = 2.5
    WIDEST = 1.0

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._left, self._middle, self._right = figure.subplots(1, 3, width_ratios=(1.35, 1.0, 1.45))
        self._left.set(yscale="log", ylim=(0.01, 10), xlim=(0.4, 3.6))
        self._left.set_xticks((1, 2, 3), ("gain", "std\n÷ √fan", "bound\n× √3"))
        self._left.grid(False, axis="x")
        self.heading(self._left, "from gain to bound")
        self._middle.set(xlim=(-self.WIDEST, self.WIDEST), ylim=(0, 1.7), xlabel="weight", yticks=(), xticks=(-0.5, 0, 0.5))
        self.heading(self._middle, "the weights drawn")
        self._right.set(yscale="log", ylim=(1e-5, 1e2), xlim=(0.5, KAIMING_LAYERS + 0.5), xlabel="layer (fans swap in turn)")
        self._right.axhline(1, color=GRAY, linewidth=1)
        self.heading(self._right, "rms of $z$, and in layer 10:")
        for axes in (self._left, self._right):
            few_ticks(axes, style)
        self._bars = self.curve(self._left, "weight", marker="", linewidth=7 * style.width, solid_capstyle="butt")
        self._weights = self.histogram(self._middle, "weight")
        self._bound = self.curve(self._middle, "threshold", "± bound")
        self._std = self.curve(self._middle, "prediction", "± std")
        self._nets = {name: self.curve(self._right, "pre_activation", label, **look) for name, label, look in (
            ("relu", "ReLU net", {"linestyle": "-", "marker": "o"}), ("tanh", "tanh net", {"marker": "s"}))}
        self._grip = self.ring(self._middle)
        self.legend(figure)
        self._left_words, self._middle_words, self._right_words = map(self.words, (self._left, self._middle, self._right))

    def update(self, result: KaimingSteps) -> None:
        """Move bars, histogram and curves."""
        floor, top = self._left.get_ylim()[0], self._middle.get_ylim()[1]
        heights = [result.gain, result.std, result.bound]
        self._bars.set_data(np.repeat([1, 2, 3], 3), [y for height in heights for y in (floor, height, np.nan)])
        edges = np.linspace(-result.bound, result.bound, 21 if result.weights.size >= 1000 else 6)
        counts, _ = np.histogram(result.weights, edges)
        self._weights(counts / counts.mean(), edges)
        for line, x in ((self._bound, result.bound), (self._std, result.std)):
            line.set_data([-x, -x, np.nan, x, x], [0, top, np.nan, 0, top])
        layers = np.arange(1, KAIMING_LAYERS + 1)
        for name, line in self._nets.items():
            line.set_data(layers, np.clip(drawable(result.sizes[name]), *self._right.get_ylim()))
        _place(self._grip, (min(result.bound, self.WIDEST), 0.85 * top))
        self._left_words.set_text(f"{result.gain:.3g} → {result.std:.3g} → {result.bound:.3g}")
        self._middle_words.set_text(f"between ±{result.bound:.3g}")
        self._right_words.set_text(f"ReLU {result.sizes['relu'][-1]:.2g}   tanh {result.sizes['tanh'][-1]:.2g}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The upper bound."""
        return places(self._grip)


class PhaseScene(CurveScene):
    """The plane of the two variances, the correlation map at one point of it, and how deep nets could be trained."""

    title = ("Left: bias variance against weight variance, an ordered and a chaotic region and the edge between. Middle: the "
             "correlation of two inputs in the next layer against this one, with the diagonal. Right: heat map of digits right "
             "after training, depth against weight variance, with a curve of six times the depth scale")
    aspect = 2.4
    WEIGHTS, BIASES = (0.0, 4.0), (0.0, 0.3)

    def __init__(self, figure: Figure, style: Style, edge: tuple[np.ndarray, np.ndarray], sweep: Trainability,
                 depth_scales: tuple[np.ndarray, np.ndarray]) -> None:
        super().__init__(style)
        self._plane, self._map, self._sweep = figure.subplots(1, 3, width_ratios=(1.1, 1, 1.1))
        self._deepest = sweep.depths[-1]
        self._plane.set(xlim=self.WEIGHTS, ylim=self.BIASES, xlabel=r"$g^2$ (papers: $\sigma_w^2$)")
        self._plane.fill_betweenx(edge[1], 0, edge[0], color=LINES["activation"]["color"], alpha=0.16, linewidth=0)
        self._plane.fill_betweenx(edge[1], edge[0], self.WEIGHTS[1], color=LINES["gradient"]["color"], alpha=0.16, linewidth=0)
        self._plane.plot(*edge, color="black", linewidth=style.width)
        self._stored = sweep.settings["bias_variance"]
        self._plane.axhline(self._stored, **style.line("threshold", linewidth=0.6 * style.width))
        for x, y, word in ((0.22, 0.75, "ordered"), (0.75, 0.5, "chaotic"), (0.81, 0.86, "←χ₁ = 1"),
                           (0.75, 0.25, "stored runs")):
            self._plane.text(x, y, word, transform=self._plane.transAxes, ha="center", style="italic")
        self.heading(self._plane, r"bias variance $\sigma_b^2$")
        self._map.set(xlim=(0, 1), ylim=(0, 1), xlabel="correlation $c$ in one layer")
        self._map.plot([0, 1], [0, 1], color=GRAY, linewidth=1)
        self.heading(self._map, "$c$ in the next layer")
        self._sweep.set(xlim=(1, self.WEIGHTS[1]), ylim=(0, self._deepest),
                        xlabel=rf"$g^2$, at $\sigma_b^2$ = {self._stored:g}")
        self.heading(self._sweep, "depth (dark: most right)")
        mean = sweep.accuracy.mean(axis=2)
        self._sweep.pcolorfast(_edges(sweep.weight_variances), _edges(sweep.depths),
                               tint(_PALE * mean, LINES["activation"]["color"]))
        self._sweep.plot(depth_scales[0], 6 * depth_scales[1], color="black", linestyle=(0, (4, 1.5)), linewidth=style.width,
                         label=r"$6\,\xi$")
        self._sweep.grid(False)
        self._correlation = self.curve(self._map, "activation", "the map", marker="")
        self._steps = self.curve(self._map, "prediction", "layer by layer", linewidth=0.6 * style.width)
        self._fixed = self.curve(self._map, "weight", "$c^*$", linestyle="", marker="D", markersize=4.5 * style.width,
                                 clip_on=False)
        self._fixed.set_in_layout(False)
        self._here = self.curve(self._sweep, "gradient", r"$g^2$ here", marker="")
        self._point, self._start = self.ring(self._plane), self.ring(self._map)
        self.legend(figure)
        self._plane_words, self._map_words, self._sweep_words = map(self.words, (self._plane, self._map, self._sweep))

    def update(self, result: PhasePoint) -> None:
        """Move the point, the map and the steps."""
        x = result.weight_variance
        _place(self._point, (x, result.bias_variance))
        self._correlation.set_data(result.c, result.next_c)
        path = result.path
        self._steps.set_data(np.repeat(path, 2)[:-1], np.concatenate([[0], np.repeat(path[1:], 2)]))
        _place(self._fixed, *[(result.fixed_correlation,) * 2] * bool(result.q))
        _place(self._start, (path[0], path[0]))
        self._here.set_data([x, x], [0, self._deepest])
        near = abs(result.bias_variance - self._stored) < 1e-3
        self._here.set_alpha(1 if near else 0.3)
        self._plane_words.set_text(f"{result.phase}:  χ₁ = {result.chi:.3f}")
        self._map_words.set_text(f"c* = {result.fixed_correlation:.3f}, ξ = {plain(result.depth_scale)}" if result.q else
                                 "q* = 0, like 1/(2l)" if result.phase == "edge" else "no signal left: q* = 0")
        self._sweep_words.set_text("" if near else "not at your σ_b²")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The point in the plane, and the correlation at the start."""
        return places(self._point, self._start)


def _edges(centers: np.ndarray) -> np.ndarray:
    """Ends of cells around these places, halfway between them."""
    middles = (centers[1:] + centers[:-1]) / 2
    return np.concatenate([[1.5 * centers[0] - 0.5 * centers[1]], middles, [1.5 * centers[-1] - 0.5 * centers[-2]]])


class SymmetryScene(CurveScene):
    """Loss, the first weight of every hidden unit, and what the net says in the plane."""

    title = ("Left: loss against training step. Middle: one weight of each hidden unit against step; equal units share a curve. "
             "Right: map of the plane, colored by the class the net names, with the training points, a disk and a ring")
    aspect = 2.5

    def __init__(self, figure: Figure, style: Style, points: Points, grid: np.ndarray, steps: int = 600,
                 most_units: int = 8) -> None:
        super().__init__(style)
        self._left, self._middle, self._right = figure.subplots(1, 3, width_ratios=(0.9, 1, 1.12))
        self._left.set(xlim=(0, steps), xticks=(0, steps // 2, steps), ylim=(0, 1.2), xlabel="step")
        self.heading(self._left, "loss")
        self._middle.set(xlim=(0, steps), xticks=(0, steps // 2, steps), ylim=(-5, 5), xlabel="step")
        self.heading(self._middle, "one weight of each unit")
        ends = grid[0], grid[-1]
        self._right.set(xlim=ends, ylim=ends, aspect="equal", anchor="N", xlabel="$x_1$")
        self._right.grid(False)
        self._right.set_ylabel("$x_2$", rotation=0)
        self.heading(self._right, "what the net says")
        self._paint = self.image(self._right, _edges(grid), _edges(grid))
        for k, (look, word) in enumerate(zip(CLASSES, ("disk", "ring"), strict=False)):
            self.moving += self._right.plot(*points.x[points.labels == k].T, linestyle="", markersize=2.2 * style.width,
                                            markeredgecolor="white", markeredgewidth=0.4, label=word, **look)
        self._loss = self.curve(self._left, "loss")
        # Where all curves are one, their markers still tell how many they are.
        apart = steps // 5
        self._weights = [self.curve(self._middle, "weight", marker=marker, markevery=(k * apart // most_units, apart),
                                    linewidth=0.6 * style.width, markeredgecolor="white", markeredgewidth=0.4)
                         for k, marker in enumerate("osD^v<>p"[:most_units])]
        self.legend(figure)
        self._left_words, self._middle_words, self._right_words = map(self.words, (self._left, self._middle, self._right))

    def update(self, result: SymmetryRun) -> None:
        """Move the curves and color the map."""
        steps = np.arange(result.taken + 1)
        self._loss.set_data(steps, np.clip(drawable(result.loss), 0, self._left.get_ylim()[1]))
        low, high = self._middle.get_ylim()
        for line, weights in zip_longest(self._weights, result.weights.T, fillvalue=()):
            line.set_data(steps[: len(weights)], np.clip(weights, low, high))
        colors = [1 - np.array(to_rgb(look["color"])) for look in CLASSES[:2]]
        share = result.answers[..., np.newaxis]
        self._paint((255.5 - 0.45 * 255 * ((1 - share) * colors[0] + share * colors[1])).astype(np.uint8))
        units = result.weights.shape[1]
        only_output = result.taken and [name for name, moved in result.moved.items() if moved > 1e-12] == ["b2"]
        self._left_words.set_text(f"{plain(result.loss[-1])}")
        self._middle_words.set_text("no weight has moved" if only_output else f"all {units} units equal" if result.equal
                                    else f"they differ by up to {plain(result.gap)}")
        self._right_words.set_text(f"{percent(result.accuracy)} right")
