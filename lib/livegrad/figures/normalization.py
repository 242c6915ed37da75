"""Pictures of normalization: of inputs, of a unit, of a batch, of a matrix, and of nets that train with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from livegrad.experiments.norm_runs import Band, Beside
from livegrad.experiments.normalization import LINEAR, BatchView, Bowl, Inputs, MatrixView, OneRow, UnitView
from livegrad.experiments.normed_nets import Comparison
from livegrad.figures.scene import CurveScene, blue_and_red, drawable, few_ticks, percent, places, plain
from livegrad.style import LINES, Style

__all__ = ["BatchSizeScene", "BatchUnitScene", "InputsScene", "IoffeSzegedyScene", "MatrixScene", "NAMES", "OneRowScene",
           "SmallBatchScene", "WeightScaleScene"]

NAMES = {"none": "no norm", "batch": "batch norm", "layer": "layer norm"}
"""What the legend calls the nets."""

_QUANTITY = {"none": "unnormalized", "batch": "batch_norm", "layer": "layer_norm"}
_GRAY = "#999999"


# --- inputs ---


class InputsScene(CurveScene):
    """Left: the inputs, as they come and standardized. Middle and right: the bowl each makes, and the path down."""

    title = ("Left: the examples in the plane of the two inputs, as they come and standardized. Middle and right: contours of "
             "the loss over the two weights and the path of gradient descent, for the inputs as they come and standardized")
    aspect = 2.6
    SHARES = np.array([1, 0.3, 0.1, 0.03, 0.01])

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._plane, *bowls = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
        self._plane.set(xlim=(-11, 17), ylim=(-5, 9), xlabel="$x_1$", ylabel="$x_2$")
        self._plane.axhline(0, color=_GRAY, linewidth=1)
        self._plane.axvline(0, color=_GRAY, linewidth=1)
        self.heading(self._plane, "the inputs")
        dots = {"linestyle": "", "markersize": 1.1 * style.width}
        self._clouds = [self.curve(self._plane, "unnormalized", **dots), self.curve(self._plane, "batch_norm", **dots)]
        self._center = self.ring(self._plane)
        self._width = self.ring(self._plane)
        self._bowls = []
        for axes, quantity, label, text in zip(bowls, ("unnormalized", "batch_norm"), ("as they come", "standardized"),
                                               ("loss, as they come", "loss, standardized"), strict=True):
            axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1), anchor="N",
                     xlabel="$w_1$ − the right one")
            axes.grid(False)
            self.heading(axes, text)
            rings = self.curve(axes, "loss", marker="", linewidth=0.55 * style.width)
            path = self.curve(axes, quantity, label, linestyle="-", marker=".", linewidth=0.7 * style.width)
            axes.plot(0, 0, "*", color="black", markersize=5 * style.width)
            self._bowls.append((rings, path, self.words(axes)))
        bowls[0].set_ylabel("$w_2$ − the right one")
        self.legend(figure)
        self._words = self.words(self._plane)

    def update(self, result: Inputs) -> None:
        """Move the points, the contours and the paths."""
        for cloud, x in zip(self._clouds, (result.raw, result.standardized), strict=True):
            cloud.set_data(*x.T)
        mean, std = result.raw.mean(axis=0), result.raw[:, 0].std()
        self._center.set_data(*mean[:, None])
        self._width.set_data([mean[0] + std], [mean[1]])
        for (rings, path, words), bowl in zip(self._bowls, (result.before, result.after), strict=True):
            rings.set_data(*bowl.contours(self.SHARES).T)
            path.set_data(*_until_it_leaves(bowl.path).T)
            words.set_text(f"κ = {plain(bowl.condition)}:  {_needed(bowl)}")
        self._words.set_text(f"means {plain(round(mean[0], 6) + 0.0)},  std {plain(std)} and 1")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The middle of the cloud, and the point one standard deviation to its right."""
        return places(self._center, self._width)


def _until_it_leaves(path: np.ndarray) -> np.ndarray:
    outside = np.flatnonzero(np.abs(path).max(axis=1) > 50)
    return path[: outside[0] + 1] if outside.size else path


def _needed(bowl: Bowl) -> str:
    return "never" if bowl.needed is None else f"{bowl.needed:,} step{'s' * (bowl.needed != 1)}"


# --- one unit ---


class BatchUnitScene(CurveScene):
    """Histograms of what goes into batch norm, of what comes out, and of what the sigmoid makes of it."""

    title = ("Three histograms over a batch, each in units of its tallest bin: the pre-activation z, what batch norm makes of "
             "it, and the sigmoid's output with and without batch norm. Shaded: where the sigmoid is nearly linear")
    aspect = 2.5
    REACH = 8.0

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._into, self._out, self._act = figure.subplots(1, 3)
        z = np.linspace(-self.REACH, self.REACH, 201)
        low, high = 1 / (1 + np.exp(LINEAR)), 1 / (1 + np.exp(-LINEAR))
        wide, middle = (-self.REACH, self.REACH), (-LINEAR, LINEAR)
        for axes, reach, linear, text in ((self._into, wide, middle, "into batch norm:  $z$"),
                                          (self._out, wide, middle, r"out:  $\gamma\hat z+\beta$"),
                                          (self._act, (0, 1), (low, high), "after the sigmoid")):
            axes.set(xlim=reach, ylim=(0, 1.12), yticks=())
            axes.axvspan(*linear, color=LINES["slope"]["color"], alpha=0.3, linewidth=0)
            self.heading(axes, text)
        for axes in (self._into, self._out):
            axes.plot(z, 1 / (1 + np.exp(-z)), color=_GRAY, linewidth=0.6 * style.width)
            axes.set_xticks((-5, 0, 5))
        self._act.set_xticks((0, 0.5, 1))
        self._z = self.histogram(self._into, "unnormalized", label="without")
        self._normed = self.histogram(self._out, "batch_norm", label="with batch norm")
        self._plain_a = self.histogram(self._act, "unnormalized", linestyle="--")
        self._normed_a = self.histogram(self._act, "batch_norm")
        self._arm = self.curve(self._out, "weight", "β to β + γ", marker="", linestyle="-")
        self._center, self._width = self.ring(self._out), self.ring(self._out)
        self._beyond = self.crosses(self._into, "beyond the axis", size=4), self.crosses(self._out, size=4)
        self.legend(figure)
        self._words = [self.words(axes) for axes in (self._into, self._out, self._act)]

    def update(self, result: UnitView) -> None:
        """Fill the histograms."""
        edges = np.linspace(-self.REACH, self.REACH, 41)
        for fill, x, crosses in ((self._z, result.z, self._beyond[0]), (self._normed, result.out, self._beyond[1])):
            fill(_heights(x, edges), edges)
            sides = [(side * self.REACH * 0.96, 0.08) for side in (-1, 1) if np.any(side * x > self.REACH)]
            crosses.set_data(*np.reshape(sides, (-1, 2)).T)
        edges = np.linspace(0, 1, 26)
        self._plain_a(_heights(result.plain, edges), edges)
        self._normed_a(_heights(result.normed, edges), edges)
        ends = np.clip([result.beta, result.beta + result.gamma], -self.REACH, self.REACH)
        self._arm.set_data(ends, [1.05, 1.05])
        self._center.set_data(ends[:1], [1.05])
        self._width.set_data(ends[1:], [1.05])
        into, out, act = self._words
        into.set_text(f"mean {plain(result.mean)}, std {plain(np.sqrt(result.var))}")
        out.set_text(f"β = {plain(result.beta)}, γ = {plain(result.gamma)}")
        before, after = result.linear
        act.set_text(f"linear: {percent(before)} → {percent(after)}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """β, and β + γ."""
        return places(self._center, self._width)


def _heights(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts in the bins, the tallest 1; what lies beyond counts in the last ones."""
    counts, _ = np.histogram(np.clip(x, edges[0], edges[-1]), edges)
    return counts / counts.max()


# --- the size of the batch ---


class BatchSizeScene(CurveScene):
    """How far x̄ and s² spread, what the running averages make of them, and what a test set looks like then."""

    title = ("Left, log axes: spread of the mean and of the variance of a batch against its size, with lines like 1 over the "
             "root of B. Middle: mean of each batch met in training, and the running mean and variance, all over the true ones. "
             "Right: histogram of the test examples after normalization, with that of the training examples as outline")
    aspect = 2.5

    def __init__(self, figure: Figure, style: Style, spreads: tuple[np.ndarray, np.ndarray], kurtosis: float, train: np.ndarray,
                 most_seen: int = 200) -> None:
        super().__init__(style)
        self._left, self._middle, self._right = figure.subplots(1, 3, width_ratios=(1, 1.15, 1))
        sizes = np.arange(1, len(spreads[0]) + 1)
        self._left.set(xscale="log", yscale="log", xlim=(0.9, 1.15 * sizes[-1]), ylim=(0.02, 2), xlabel="batch size $B$")
        self._left.set_xticks((1, 10, 100), ("1", "10", "100"))
        self._left.set_yticks((0.1, 1), ("0.1", "1"))
        self._left.yaxis.set_minor_locator(NullLocator())
        self.heading(self._left, r"spread of $\bar x$ and $s^2$")
        # These curves are the same for every setting: part of the backdrop.
        looks = ("activation", r"mean $\bar x$", "o", 1.0), ("difference", "variance $s^2$", "s", np.sqrt(kurtosis - 1))
        self._sizes = []
        for spread, (quantity, label, marker, factor) in zip(spreads, looks, strict=True):
            line_label = "like $1/\\sqrt{B}$" if self._sizes else "_nolegend_"
            self._left.plot(sizes, factor / np.sqrt(sizes), **style.line("prediction"), label=line_label)
            self._left.plot(sizes, drawable(spread), **style.line(quantity, marker=""))
            self._sizes.append(self.curve(self._left, quantity, label, marker=marker, markersize=5 * style.width))
        self._line = self.curve(self._left, "threshold")
        self._size = self.ring(self._left)
        self._middle.set(xlim=(0, most_seen), ylim=(-0.05, 2.05), xlabel="batches met in training", yticks=(0, 1, 2))
        self._middle.axhline(1, color=_GRAY, linewidth=1)
        self.heading(self._middle, "running / true")
        self._batches = self.curve(self._middle, "activation", "mean of one batch", linestyle="", marker=".", alpha=0.35)
        self._running = [self.curve(self._middle, "activation", marker=""),
                         self.curve(self._middle, "difference", linewidth=1.3 * style.width)]
        self._now = self.ring(self._middle)
        self._right.set(xlim=(-5, 5), ylim=(0, 0.75), yticks=(), xticks=(-4, -2, 0, 2, 4), xlabel="what the next layer reads")
        self.heading(self._right, "test set, normalized")
        edges = np.linspace(-5, 5, 51)
        usual = (train - train.mean()) / train.std()
        shape, _ = np.histogram(usual, edges, density=True)
        self._right.stairs(shape, edges, color="black", linestyle=":", linewidth=0.7 * style.width)
        self._test = self.histogram(self._right, "pre_activation")
        self._beyond = self.crosses(self._right, size=4)
        self.legend(figure)
        self._words = [self.words(axes) for axes in (self._left, self._middle, self._right)]

    def update(self, result: BatchView) -> None:
        """Move the marks, the averages and the histogram."""
        spread = np.array(result.spread)
        for dot, size in zip(self._sizes, spread, strict=True):
            dot.set_data([result.batch], drawable([size]))
        self._line.set_data([result.batch] * 2, self._left.get_ylim())
        self._size.set_data([result.batch], [0.03])
        seen = np.arange(len(result.means) + 1)
        low, high = self._middle.get_ylim()
        self._batches.set_data(seen[1:], np.clip(result.means / result.true_mean, low, high))
        for line, average, true in zip(self._running, (result.running_mean, result.running_var),
                                       (result.true_mean, result.true_var), strict=True):
            line.set_data(seen, np.clip(average / true, low, high))
        self._now.set_data([seen[-1]], [self._running[0].get_ydata()[-1]])
        edges = np.linspace(-5, 5, 51)
        inside = np.clip(result.test, -4.99, 4.99)
        self._test(np.histogram(inside, edges)[0] / (0.2 * max(len(inside), 1)), edges)
        sides = [(side * 4.8, 0.05) for side in (-1, 1) if np.any(side * result.test > 5)]
        self._beyond.set_data(*np.reshape(sides, (-1, 2)).T)
        left, middle, right = self._words
        left.set_text(rf"x̄: {plain(spread[0])} σ    s²: {plain(spread[1])} σ²")
        middle.set_text("B = 1: refused" if result.batch == 1 else f"start left: {percent(result.start_left, '.2g')}")
        right.set_text(f"mean {result.test.mean():.2f}, std {result.test.std():.2f}" if result.test.size else "B = 1: refused")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The batch size, and the number of batches met."""
        return places(self._size, self._now)


# --- one row ---


class OneRowScene(CurveScene):
    """A batch of rows with three features each, and the same rows out of batch norm and out of layer norm."""

    title = ("Three plots, each with a broken line per example over its three features: the batch, the batch after batch norm, "
             "and after layer norm. One example can be moved; the pale lines show where all were before")
    aspect = 2.6

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        axes = figure.subplots(1, 3)
        looks = (("x", "the batch", "pre_activation"), ("batch", "out of batch norm", "batch_norm"),
                 ("layer", "out of layer norm", "layer_norm"))
        self._shown = {}
        for one, (name, text, quantity) in zip(axes, looks, strict=True):
            one.set(xlim=(0.7, 3.3), ylim=(-5.7, 5.7), xlabel="feature", xticks=(1, 2, 3), yticks=(-4, -2, 0, 2, 4))
            one.axhline(0, color=_GRAY, linewidth=1)
            self.heading(one, text)
            first = not self._shown
            thin = {"linestyle": "-", "linewidth": 0.6 * style.width}
            before = self.curve(one, "threshold", "before" if first else "", alpha=0.6, **thin)
            others = self.curve(one, quantity, marker=".", **thin)
            row = self.curve(one, "gradient", "the example you move" if first else "", marker="o", linewidth=1.4 * style.width)
            self._shown[name] = before, others, row
        self._points = self.ring(axes[0])
        self.legend(figure)
        self._words = [self.words(one) for one in axes]

    def update(self, result: OneRow) -> None:
        """Move the lines."""
        both = zip({"x": result.x, **result.outputs}.values(), {"x": result.x_home, **result.outputs_home}.values(), strict=True)
        for (now, then), (before, others, row) in zip(both, self._shown.values(), strict=True):
            before.set_data(*_broken(then))
            others.set_data(*_broken(now[1:]))
            row.set_data([1, 2, 3], now[0])
        self._points.set_data([1, 2, 3], result.x[0])
        self._words[0].set_text(f"{len(result.x)} examples")
        for words, name in zip(self._words[1:], result.outputs, strict=True):
            moved = result.others_moved(name)
            words.set_text(f"others moved by {plain(moved)}" if moved else "the others stay")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The three features of the first example."""
        return places(self._points)


def _broken(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One line per row over 1, 2, 3, with gaps between them."""
    y = np.column_stack([rows, np.full(len(rows), np.nan)]).ravel()
    return np.tile([1.0, 2.0, 3.0, np.nan], len(rows)), y


# --- one matrix ---


class MatrixScene(CurveScene):
    """A matrix before and after a norm as heat maps, and means and variances of its rows and columns after it."""

    title = ("Two heat maps of a matrix, rows are examples and columns features, before and after normalization, with a frame "
             "around numbers that share a mean and a variance. Beside them mean and variance of each row and column after it")
    aspect = 2.9
    FULL = 3.0
    """The number from which on, in size, the color is full."""
    STATISTICS = (-2.4, 4.4)

    def __init__(self, figure: Figure, style: Style, size: int = 8) -> None:
        super().__init__(style)
        self._maps = [*figure.subplots(1, 4, width_ratios=(1.25, 1.25, 0.8, 1.05))]
        *maps, self._rows, self._columns = self._maps
        edges, ticks = np.arange(0.5, size + 1), np.arange(1, size + 1)
        self._paint, self._frames = [], []
        for axes, text in zip(maps, ("before", "after"), strict=True):
            self._paint.append(self.image(axes, edges, edges))
            axes.set(xlim=(0.4, size + 0.6), ylim=(size + 0.6, 0.4), xticks=ticks, yticks=ticks, xlabel="feature")
            axes.grid(False)
            self.heading(axes, text)
            self._frames.append(self.curve(axes, "prediction", linestyle="-", linewidth=1.7 * style.width))
        maps[0].set_ylabel("example")
        self._handle = self.ring(maps[0])
        self._rows.set(xlim=self.STATISTICS, ylim=(size + 0.6, 0.4), yticks=ticks, xticks=(-2, 0, 2, 4), ylabel="example")
        self._columns.set(ylim=self.STATISTICS, xlim=(0.4, size + 0.6), xticks=ticks, yticks=(-2, 0, 2, 4), xlabel="feature")
        for line in (self._rows.axvline, self._columns.axhline):
            for at in (0, 1):
                line(at, color=_GRAY, linewidth=1)
        self.heading(self._rows, "rows, after")
        self.heading(self._columns, "columns, after")
        self._stats = [
            (self.curve(axes, "activation", mean), self.curve(axes, "difference", variance, marker="s"), self.crosses(axes, size=4))
            for axes, mean, variance in ((self._rows, "mean", "variance"), (self._columns, "", ""))]
        self.legend(figure)
        self._words = [self.words(axes) for axes in maps]

    def update(self, result: MatrixView) -> None:
        """Color the matrices and move the frame and the curves."""
        top, bottom = result.rows.start + 0.5, result.rows.stop + 0.5
        left, right = result.columns.start + 0.5, result.columns.stop + 0.5
        for paint, frame, x in zip(self._paint, self._frames, (result.x, result.out), strict=True):
            paint(blue_and_red(x / self.FULL))
            frame.set_data([left, right, right, left, left], [top, top, bottom, bottom, top])
        self._handle.set_data(*(([(left + right) / 2], [bottom]) if result.norm == "batch" else ([right], [(top + bottom) / 2])))
        places = np.arange(1, len(result.out) + 1)
        for (*lines, lost), axis in zip(self._stats, (1, 0), strict=True):
            values = np.array([result.out.mean(axis), result.out.var(axis)])
            inside = np.clip(values, self.STATISTICS[0] + 0.2, self.STATISTICS[1] - 0.2)
            for line, shown in zip(lines, inside, strict=True):
                line.set_data(*((shown, places) if axis else (places, shown)))
            beyond = inside != values
            at = inside[beyond], np.broadcast_to(places, inside.shape)[beyond]
            lost.set_data(*(at if axis else at[::-1]))
        for words, numbers in zip(self._words, result.inside, strict=True):
            words.set_text(f"mean {plain(round(numbers.mean(), 2) + 0.0)}, var {plain(numbers.var())}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The edge of the frame."""
        return places(self._handle)


# --- nets that train ---


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
            axes.axhline(np.log(10), color=_GRAY, linewidth=1)
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
        self._beyond = self.crosses(self._middle, "overflow", size=4)
        self.legend(figure)
        self._words = [self.words(axes) for axes in (self._left, self._middle, self._right)]

    def update(self, result: Beside) -> None:
        """Move all curves."""
        runs, low, high = result.live.runs, *self._middle.get_ylim()
        self._show_stored(self._places, result.stored, result.at, {norm: run.recent for norm, run in runs.items()}, 0.0025)
        lost = []
        for norm, line in self._loss.items():
            loss = runs[norm].loss
            line.set_data(np.arange(len(loss)), np.clip(np.where(np.isnan(loss), np.inf, loss), low, high))
            if runs[norm].overflowed:
                lost.append((len(loss) - 1, 0.8 * high))
        self._beyond.set_data(*np.reshape(lost, (-1, 2)).T)
        normed, at = runs["batch"], result.live.tests("batch")
        for name, band in self._ranges.items():
            values = np.clip(getattr(normed, name), *self._right.get_ylim())
            band(at, values.min(axis=1), values.max(axis=1))
            self._learned[name].set_data(at, np.median(values, axis=1))
        self._words[0].set_text(f"scale {plain(result.at)}")
        self._words[1].set_text(",  ".join(_recent(runs[norm].recent) for norm in self._loss))
        self._words[2].set_text(f"γ {normed.gamma[-1].min():.2f} to {normed.gamma[-1].max():.2f}")


def _recent(loss: float) -> str:
    return "–" if np.isnan(loss) else "overflow" if np.isinf(loss) else f"{loss:.2g}"


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
            axes.axhline(0.1, color=_GRAY, linewidth=1)
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
        self._show_stored(self._places, result.stored, result.at, {norm: run.accuracy[-1] for norm, run in runs.items()}, 0.04)
        for norm, line in self._accuracy.items():
            line.set_data(*((result.live.tests(norm), runs[norm].accuracy) if norm in runs else ([], [])))
        self._words[0].set_text(",  ".join(percent(runs[norm].accuracy[-1]) if norm in runs else "refused" for norm in NAMES))
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
        self._left.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        self.heading(self._left, "test digits right")
        for norm, band in bands.items():  # the same for every setting: part of the backdrop
            color = LINES[_QUANTITY[norm]]["color"]
            self._left.fill_between(at[1:], band.low[1:], band.high[1:], color=color, alpha=0.25, linewidth=0)
        self._accuracy = self._per_norm(self._left, tuple(bands), labels=True, marker="")
        self._read = {}
        for axes, norm in zip(reads, bands, strict=True):
            axes.set(ylim=(-5, 5), yticks=(-4, -2, 0, 2, 4))
            axes.axhspan(-LINEAR, LINEAR, color=LINES["slope"]["color"], alpha=0.3, linewidth=0)
            self.heading(axes, {"none": "no norm: σ reads $z$", "batch": r"batch norm: $\gamma\hat z+\beta$"}[norm])
            self._read[norm] = (self.band(axes, _QUANTITY[norm]), self.curve(axes, _QUANTITY[norm], marker=""), self.words(axes))
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
            words.set_text(f"{run.read[-1, 0]:.2g} to {run.read[-1, 2]:.2g}")
        self._words.set_text(",  ".join(percent(result.runs[norm].accuracy[-1]) for norm in self._accuracy))

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """None."""
        return []
