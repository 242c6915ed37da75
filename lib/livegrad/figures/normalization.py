"""Pictures of normalization: of inputs, of a unit, of a batch and of a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from livegrad.experiments.inputs import Bowl, Inputs
from livegrad.experiments.normalization import LINEAR, BatchView, MatrixView, OneRow, UnitView
from livegrad.figures.scene import CurveScene, blue_and_red, drawable, exit_point, percent, places, plain
from livegrad.style import GRAY, LINES, Style

__all__ = ["BatchSizeScene", "BatchUnitScene", "InputsScene", "MatrixScene", "OneRowScene", "start_left"]


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
        self._plane.axhline(0, color=GRAY, linewidth=1)
        self._plane.axvline(0, color=GRAY, linewidth=1)
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
            rings = self.curve(axes, "threshold", "" if self._bowls else "loss: 100, 30, 10, 3, 1 % of the first", color=GRAY,
                               linestyle="-", linewidth=0.55 * style.width)
            path = self.curve(axes, quantity, label, linestyle="-", marker=".", linewidth=0.7 * style.width)
            axes.plot(0, 0, "*", color="black", markersize=5 * style.width)
            self._bowls.append((rings, path, self.crosses(axes, "" if self._bowls else "beyond the axis", size=4), self.words(axes)))
        bowls[0].set_ylabel("$w_2$ − the right one")
        self.legend(figure, columns=2)
        self._words = self.words(self._plane)

    def update(self, result: Inputs) -> None:
        """Move the points, the contours and the paths."""
        for cloud, x in zip(self._clouds, (result.raw, result.standardized), strict=True):
            cloud.set_data(*x.T)
        mean, std = result.raw.mean(axis=0), result.raw[:, 0].std()
        self._center.set_data(*mean[:, None])
        self._width.set_data([mean[0] + 2 * std], [mean[1]])
        for (rings, path, gone, words), bowl in zip(self._bowls, (result.before, result.after), strict=True):
            rings.set_data(*bowl.contours(self.SHARES).T)
            path.set_data(*_until_it_leaves(bowl.path).T)
            gone.set_data(*exit_point(gone.axes, bowl.path))
            words.set_text(f"κ = {plain(bowl.condition)}:  {_needed(bowl)}")
        self._words.set_text(f"means {plain(round(mean[0], 6) + 0.0)},  std {plain(std)} and 1")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The middle of the cloud, and the point two standard deviations to its right."""
        return places(self._center, self._width)


def _until_it_leaves(path: np.ndarray) -> np.ndarray:
    outside = np.flatnonzero(np.abs(path).max(axis=1) > 50)
    return path[: outside[0] + 1] if outside.size else path


def _needed(bowl: Bowl) -> str:
    return "never" if bowl.needed is None else f"{bowl.needed:,} step{'s' * (bowl.needed != 1)}"


# --- one unit ---


class BatchUnitScene(CurveScene):
    """Histograms of what goes into batch norm, of what comes out, and of what the sigmoid makes of it."""

    title = ("Three pictures with histograms over a batch, each in units of its tallest bin: the pre-activation z, what batch "
             "norm makes of it, and the sigmoid's output with and without batch norm. Shaded: where the sigmoid is nearly linear")
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
            axes.axvspan(*linear, facecolor=(LINES["slope"]["color"], 0.3), edgecolor=LINES["slope"]["color"])
            self.heading(axes, text)
        for axes in (self._into, self._out):
            label = "σ" if axes is self._into else None
            axes.plot(z, 1 / (1 + np.exp(-z)), ":", color=GRAY, linewidth=0.8 * style.width, label=label)
            axes.set_xticks((-5, 0, 5))
        self._into.plot([], [], color=LINES["slope"]["color"], alpha=0.3, linewidth=4 * style.width, label="linear region")
        self._act.set_xticks((0, 0.5, 1))
        self._z = self.histogram(self._into, "unnormalized", label="without")
        self._normed = self.histogram(self._out, "batch_norm", label="with batch norm")
        self._plain_a = self.histogram(self._act, "unnormalized", linestyle="--")
        self._normed_a = self.histogram(self._act, "batch_norm")
        self._arm = self.curve(self._out, "weight", "β to β + γ", marker="", linestyle="-")
        self._center, self._width = self.ring(self._out), self.ring(self._out)
        self._beyond = self.crosses(self._into, "beyond the axis", size=4), self.crosses(self._out, size=4)
        self.legend(figure, columns=3)
        self._words = [self.words(axes) for axes in (self._into, self._out, self._act)]

    def update(self, result: UnitView) -> None:
        """Fill the histograms."""
        edges = np.linspace(-self.REACH, self.REACH, 41)
        for fill, x, crosses in ((self._z, result.z, self._beyond[0]), (self._normed, result.out, self._beyond[1])):
            fill(*_heights(edges, x), edges)
            sides = [(side * self.REACH * 0.96, 0.08) for side in (-1, 1) if np.any(side * x > self.REACH)]
            crosses.set_data(*np.reshape(sides, (-1, 2)).T)
        edges = np.linspace(0, 1, 26)
        for fill, heights in zip((self._plain_a, self._normed_a), _heights(edges, result.plain, result.normed), strict=True):
            fill(heights, edges)
        ends = np.clip([result.beta, result.beta + result.gamma], -self.REACH, self.REACH)
        self._arm.set_data(ends, [1.05, 1.05])
        self._center.set_data(ends[:1], [1.05])
        self._width.set_data(ends[1:], [1.05])
        into, out, act = self._words
        into.set_text(f"mean {_short(result.mean)}, std {_short(np.sqrt(result.var))}")
        out.set_text(f"β = {_short(result.beta)}, γ = {_short(result.gamma)}")
        before, after = result.linear
        act.set_text(f"linear: {percent(before)} → {percent(after)}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """β, and β + γ."""
        return places(self._center, self._width)


def _short(value: float) -> str:
    """Two decimals, none where it is whole, and 0 without a sign."""
    return f"{round(value, 2) + 0.0:.4g}"


def _heights(edges: np.ndarray, *samples: np.ndarray) -> np.ndarray:
    """Counts in the bins, the tallest of all samples 1; what lies beyond counts in the last ones."""
    counts = np.array([np.histogram(np.clip(x, edges[0], edges[-1]), edges)[0] for x in samples])
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
        self._middle.axhline(1, color=GRAY, linewidth=1)
        self.heading(self._middle, "running / true")
        self._batches = self.curve(self._middle, "activation", "mean of one batch", linestyle="", marker=".", alpha=0.7)
        self._running = [self.curve(self._middle, "activation", marker=""),
                         self.curve(self._middle, "difference", linewidth=1.3 * style.width)]
        self._lost = self.crosses(self._middle, "beyond the axis")
        self._now = self.ring(self._middle)
        self._right.set(xlim=(-5, 5), ylim=(0, 0.75), yticks=(), xticks=(-4, -2, 0, 2, 4), xlabel=r"$\hat z$")
        self.heading(self._right, "test set, normalized")
        edges = np.linspace(-5, 5, 51)
        usual = (train - train.mean()) / train.std()
        shape, _ = np.histogram(usual, edges, density=True)
        thin = {"color": GRAY, "linewidth": 0.6 * style.width}
        self._right.plot(edges, [*shape, 0], drawstyle="steps-post", label="training set", **thin)
        self._test = self.histogram(self._right, "pre_activation")
        self._beyond = self.crosses(self._right, size=4)
        self.legend(figure, columns=3)
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
        met = result.batch > 1  # batches of 1 are refused
        self._batches.set_data(seen[1:] if met else [], result.means / result.true_mean if met else [])
        for line, average, true in zip(self._running, (result.running_mean, result.running_var),
                                       (result.true_mean, result.true_var), strict=True):
            line.set_data(seen, average / true)
        x, y = np.concatenate([line.get_xydata() for line in (self._batches, *self._running)]).T
        off = (y < low) | (y > high)
        self._lost.set_data(x[off], np.clip(y[off], low + 0.06, high - 0.06))
        self._now.set_data([seen[-1]], np.clip(self._running[0].get_ydata()[-1:], low, high))
        edges = np.linspace(-5, 5, 51)
        inside = np.clip(result.test, -4.99, 4.99)
        heights, top = np.histogram(inside, edges)[0] / (0.2 * max(len(inside), 1)), self._right.get_ylim()[1]
        self._test(heights, edges)
        sides = [(side * 4.8, 0.05) for side in (-1, 1) if np.any(side * result.test > 5)]
        tall = [(at + 0.1, 0.96 * top) for at in edges[:-1][heights > top]]
        self._beyond.set_data(*np.reshape(sides + tall, (-1, 2)).T)
        left, middle, right = self._words
        left.set_text(f"x̄ {spread[0]:.2g} σ,  s² {spread[1]:.2g} σ²")
        middle.set_text("B = 1: refused" if result.batch == 1 else f"start left: {start_left(result)}")
        right.set_text(f"mean {round(result.test.mean(), 2) + 0.0:.2f}, std {result.test.std():.2f}" if result.test.size
                       else "B = 1: refused")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The batch size, and the number of batches met."""
        return places(self._size, self._now)


def start_left(result: BatchView) -> str:
    """The share of the first values that is still in the running averages, in words."""
    return "< 0.01 %" if 0 < result.start_left < 1e-4 else percent(result.start_left, ".3g" if result.start_left == 1 else ".2g")


# --- one row ---


class OneRowScene(CurveScene):
    """A batch of rows with three features each, and the same rows out of batch norm and out of layer norm."""

    title = ("Three plots, each with a broken line per example over its three features: the batch, the batch after batch norm, "
             "and after layer norm. One example can be moved; the dashed lines show where all were before")
    aspect = 2.6

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        axes = figure.subplots(1, 3)
        self._shown = {}
        for one, (name, text, reach) in zip(axes, (("x", "the batch", 5.7), ("batch", "out of batch norm", 4.0),
                                                   ("layer", "out of layer norm", 4.0)), strict=True):
            one.set(xlim=(0.7, 3.3), ylim=(-reach, reach), xlabel="feature", xticks=(1, 2, 3), yticks=(-4, -2, 0, 2, 4))
            one.axhline(0, color=GRAY, linewidth=1)
            self.heading(one, text)
            row, others, before, beyond = ("",) * 4 if self._shown else (
                "the example you move", "the others", "where they were", "beyond the axis")
            self._shown[name] = (  # the lines of before lie below, and show where something moved
                self.curve(one, "threshold", before, linestyle="--", linewidth=0.75 * style.width),
                self.curve(one, "prediction", row, linestyle="-", marker="o", linewidth=1.3 * style.width),
                self.curve(one, "slope", others, marker=".", linewidth=0.9 * style.width),
                self.crosses(one, beyond, size=4))
        self._points = self.ring(axes[0])
        self.legend(figure)
        self._words = [self.words(one) for one in axes]

    def update(self, result: OneRow) -> None:
        """Move the lines."""
        both = zip({"x": result.x, **result.outputs}.values(), {"x": result.x_home, **result.outputs_home}.values(), strict=True)
        for (now, then), (before, row, others, beyond) in zip(both, self._shown.values(), strict=True):
            row.set_data([1, 2, 3], now[0])
            others.set_data(*_broken(now[1:]))
            before.set_data(*_broken(then))
            reach = row.axes.get_ylim()[1]
            who, feature = np.nonzero(np.abs(now) > reach)
            beyond.set_data(feature + 1, 0.95 * reach * np.sign(now[who, feature]))
        self._points.set_data([1, 2, 3], result.x[0])
        self._words[0].set_text(f"{len(result.x)} examples")
        for words, name in zip(self._words[1:], result.outputs, strict=True):
            moved = result.others_moved(name)
            words.set_text(f"others moved {plain(moved)}" if moved else "the others stay")

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
        self._titles, self._signs = [], []
        for axes, text in zip(maps, ("before", ""), strict=True):
            self._paint.append(self.image(axes, edges, edges))
            self._signs.append([
                self.curve(axes, "threshold", f"{label} 0, full color from {end}" if text else "", linestyle="", marker=marker,
                           color="black", markersize=2.2 * style.width, markeredgewidth=0.4 * style.width)
                for marker, label, end in (("+", "above", f"{self.FULL:.0f}"), ("_", "below", f"−{self.FULL:.0f}"))])
            axes.set(xlim=(0.4, size + 0.6), ylim=(size + 0.6, 0.4), xticks=ticks, yticks=ticks, xlabel="feature")
            axes.grid(False)
            self._titles.append(self.heading(axes, text))
            self._frames.append(self.curve(axes, "prediction", linestyle="-", linewidth=1.7 * style.width))
        maps[0].set_ylabel("example")
        self._handle = self.ring(maps[0])
        self._rows.set(xlim=self.STATISTICS, ylim=(size + 0.6, 0.4), yticks=ticks, xticks=(-2, 0, 2, 4), ylabel="example")
        self._columns.set(ylim=self.STATISTICS, xlim=(0.4, size + 0.6), xticks=ticks, yticks=(-2, 0, 2, 4), xlabel="feature")
        for line in (self._rows.axvline, self._columns.axhline):
            for at in (0, 1):
                line(at, color=GRAY, linewidth=1)
        self.heading(self._rows, "rows, after")
        self.heading(self._columns, "columns, after")
        self._stats = []
        for axes, mean, variance in ((self._rows, "mean", "variance"), (self._columns, "", "")):
            below = self.curve(axes, "difference", variance, marker="s")
            self._stats.append((self.curve(axes, "activation", mean), below, self.crosses(axes, size=4)))
        self.legend(figure)
        self._words = [self.words(axes) for axes in maps]

    def update(self, result: MatrixView) -> bool:
        """Color the matrices and move the frame and the curves; True if the heading names another norm."""
        top, bottom = result.rows.start + 0.5, result.rows.stop + 0.5
        left, right = result.columns.start + 0.5, result.columns.stop + 0.5
        for paint, frame, signs, x in zip(self._paint, self._frames, self._signs, (result.x, result.out), strict=True):
            paint(blue_and_red(x / self.FULL))
            frame.set_data([left, right, right, left, left], [top, top, bottom, bottom, top])
            for marks, side in zip(signs, (1, -1), strict=True):
                example, feature = np.nonzero(side * x > 0)
                marks.set_data(feature + 1, example + 1)
        batch = result.norm == "batch"
        self._handle.set_data([(left + right) / 2 if batch else right - 0.5],
                              [bottom - 0.5 if batch else (top + bottom) / 2])
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
            root = result.norm == "rms"
            size = f"rms {plain(np.sqrt(np.mean(numbers**2)))}" if root else f"var {plain(numbers.var())}"
            words.set_text(f"mean {plain(round(numbers.mean(), 2) + 0.0)}, {size}")
        after = f"after {result.norm if not root else 'RMS'} norm"
        changed = self._titles[1].get_text() != after
        self._titles[1].set_text(after)
        return changed

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The edge of the frame."""
        return places(self._handle)
