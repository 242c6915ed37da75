"""Pictures of backpropagation through time: one pair of steps, all pairs, truncation, and which symbols mattered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from livegrad.experiments.bptt import FATE, MOST_STEPS, GradientMap, Unrolled
from livegrad.experiments.influence import Influence
from livegrad.experiments.truncation import Truncation
from livegrad.figures.scene import LogScene, blue_and_red, drawable, exits, percent, places, plain, tint
from livegrad.style import GRAY, LINES, Style

__all__ = ["HeatMapScene", "InfluenceScene", "TruncationScene", "UnrolledScene"]


def _logs(values: np.ndarray) -> np.ndarray:
    """log₁₀, −inf for 0."""
    with np.errstate(divide="ignore"):
        return np.log10(values)


def _letters(axes: Axes, symbols: str, label: str) -> None:
    """Name the steps on the x axis by the symbols that are read there."""
    axes.set_xticks(np.arange(1, len(symbols) + 1), list(symbols))
    axes.set_xlabel(label)


def _frame(line: Line2D, column: float, low: float, high: float) -> None:
    """A box around one column of cells."""
    left, right = column - 0.5, column + 0.5
    line.set_data([left, right, right, left, left], [low, low, high, high, low])


class UnrolledScene(LogScene):
    """Left: states, predictions and losses of an unrolled net. Middle: ∂h_t/∂h_k. Right: its norm against k."""

    title = ("Left, three strips over the steps: the states as colors, the predicted probabilities as shades with the right "
             "symbols marked, and the loss of each step. Middle: the product of Jacobians of one pair of steps as a heat map, "
             "and each earlier step's share of the gradient. Right, log axis over the earlier steps: the norm of that product, "
             "its bound and the size of the term it gives")
    aspect = 1.6
    MOST_LOSS = 5.0

    def __init__(self, figure: Figure, style: Style, symbols: str, vocabulary: str, n_hidden: int = 8) -> None:
        super().__init__(style)
        T, K, H = len(symbols) - 1, len(vocabulary), n_hidden
        self._targets = [vocabulary.index(s) + 1 for s in symbols[1:]]
        grid = figure.add_gridspec(3, 3, width_ratios=(1.25, 0.95, 1.1), height_ratios=(1, 1.2, 1))
        states, predicted, losses = (figure.add_subplot(grid[row, 0]) for row in range(3))
        self._product, shares, self._norms = (figure.add_subplot(grid[where])
                                              for where in (np.s_[:2, 1], np.s_[2, 1], np.s_[:, 2]))
        steps = np.arange(0.5, T + 1)
        self._paint_h = self.image(states, steps, np.arange(0.5, H + 1))
        self._paint_y = self.image(predicted, steps, np.arange(0.5, K + 1))
        for axes in (states, predicted):
            axes.set(xticks=())
            axes.grid(False)
        states.set(xlim=(0.4, T + 0.6), ylim=(0.2, H + 0.8), yticks=(), ylabel="state $h_t$")
        predicted.set(xlim=(0.4, T + 0.6), ylim=(0.4, K + 0.6), ylabel=r"$\hat y_t$")
        predicted.set_yticks(np.arange(1, K + 1), list(vocabulary), fontsize=0.7 * style.font)
        losses.set(xlim=(0.4, T + 0.6), ylim=(0, self.MOST_LOSS), ylabel="$J_t$", yticks=(0, 2, 4))
        losses.axhline(np.log(K), color=GRAY, linewidth=1, label=f"ln {K}: guessing")
        _letters(losses, symbols[:-1], "symbol read, step $t$")
        self.heading(states, "states, blue (−) < 0 < orange")
        self._right = self.curve(predicted, "prediction", "target", linestyle="", marker="s", fillstyle="none",
                                 markersize=3.4 * style.width, markeredgewidth=0.6 * style.width)
        self._loss = self.histogram(losses, "loss")
        self._beyond = self.crosses(losses)
        minus = {"linestyle": "", "marker": "_", "color": "black", "markersize": 2.2 * style.width, "markeredgewidth": 0.4 * style.width}
        self._below = [self.curve(states, "threshold", **minus)]
        box = {"linewidth": 1.2 * style.width}
        self._frames = [self.curve(states, "prediction", name, linestyle=dash, **box)
                        for name, dash in (("step $t$", "-"), ("step $k$", ":"))]
        self._grips = self.ring(states), self.ring(states)
        units = np.arange(0.5, H + 1)
        self._paint_product = self.image(self._product, units, units)
        self._below.append(self.curve(self._product, "threshold", **minus))
        self._product.set(xlim=(0.4, H + 0.6), ylim=(H + 0.6, 0.4), aspect="equal", anchor="N", xticks=(), yticks=(),
                          xlabel="units of $h_k$", ylabel="units of $h_t$")
        self._product.grid(False)
        self.heading(self._product, r"$\partial h_t/\partial h_k$")
        self._norms.set(xlim=(0.4, T + 0.6))
        _letters(self._norms, symbols[:-1], "earlier step $k$")
        self.decades(self._norms, -6, 6)
        self.heading(self._norms, "back to step $k$")
        self._bound = self.curve(self._norms, "singular_value", r"bound $(\gamma\sigma_1)^{t-k}$", marker="")
        self._norm = self.curve(self._norms, "gradient", r"$\|\partial h_t/\partial h_k\|_2$")
        self._term = self.curve(self._norms, "weight_gradient", "term of $\\partial J_t/\\partial W_h$")
        self._mark = self.ring(self._norms)
        self._lost = self.crosses(self._norms, "beyond the axis")
        shares.set(xlim=(0.4, T + 0.6), ylim=(-0.45, 1.25), ylabel="share")
        shares.set_yticks((0, 1), ("0", "100 %"))
        _letters(shares, symbols[:-1], "earlier step $k$")
        shares.axhline(0, color=GRAY, linewidth=1)
        self._shares = self.histogram(shares, "weight_gradient", linestyle="-")
        self._shares_beyond = self.crosses(shares)
        self.legend(figure, columns=5)
        self._words = [self.words(axes) for axes in (states, self._product, self._norms)]

    def update(self, result: Unrolled) -> None:
        """Color the strips and the matrix, move the frames and the curves."""
        T, H = result.h.shape
        steps, back = np.arange(1, T + 1), np.arange(1, result.t + 1)
        self._paint_h(blue_and_red(result.h.T / np.maximum(1, np.abs(result.h).max())))
        self._paint_y(tint(np.sqrt(result.probabilities.T), LINES["weight"]["color"]))
        self._right.set_data(steps, self._targets)
        self._loss(np.minimum(result.per_step, self.MOST_LOSS), np.arange(0.5, T + 1))
        above = result.per_step > self.MOST_LOSS
        self._beyond.set_data(steps[above], np.full(above.sum(), 0.93 * self.MOST_LOSS))
        for line, column in zip(self._frames, (result.t, result.k), strict=True):
            _frame(line, column, 0.5, H + 0.5)
        for ring, column, height in zip(self._grips, (result.t, result.k), (H, 1), strict=True):
            ring.set_data([column], [height])
        full = np.abs(result.product).max()
        self._paint_product(blue_and_red(result.product / (full or 1)))
        for marks, values in zip(self._below, (result.h.T, result.product), strict=True):
            marks.set_data(*np.argwhere(values < 0).T[::-1] + 1)
        curves = {self._norm: result.norms, self._bound: result.bounds, self._term: result.sizes}
        for line, values in curves.items():
            line.set_data(back, drawable(values))
        # The first step has no term at all, which is no small one.
        self._lost.set_data(*exits(self._norms, back, *(_logs(values) for values in (result.norms, result.bounds)),
                                   _logs(np.where(back == 1, 1.0, result.sizes))))
        self._mark.set_data([result.k], np.clip(result.norms[[result.k - 1]], *self._norms.get_ylim()))
        low, high = -0.4, 1.2
        shares = np.nan_to_num(result.shares)
        self._shares(np.clip(shares, low, high), np.arange(0.5, result.t + 1))
        out = (shares < low) | (shares > high)
        self._shares_beyond.set_data(back[out], np.clip(shares[out], low + 0.05, high - 0.05))
        states, product, norms = self._words
        states.set_text(f"J = {plain(result.loss)}, perplexity {plain(result.perplexity)}")
        product.set_text(f"largest entry {plain(full)}")
        norms.set_text(f"{plain(result.norms[result.k - 1])} ≤ {plain(result.bounds[result.k - 1])}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """Step t and step k on the strip, and step k on the curve."""
        return places(*self._grips, self._mark)


class HeatMapScene(LogScene):
    """Left: ‖∂J_t/∂h_k‖ over ‖∂J_t/∂h_t‖ as colors. Middle: against ℓ = t − k, with bound and rate. Right: all of it, clipped."""

    title = ("Left: heat map of the size of the gradient of the loss at step t at the state of step k, over that at step t, "
             "blue where it is small, orange where it is large. Middle, log axis against t minus k: its median with a band "
             "from least to largest, its bound, and the spectral radius to the power of t minus k. Right, log axis: the norm "
             "of the whole gradient before and after clipping")
    aspect = 2.0
    FULL = 6
    """Decades from 1 at which the color is full."""
    _NO_PATH, _CUT, _SILENT = (240, 240, 240), (190, 190, 190), (215, 215, 215)

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._map, scale, self._profile, self._whole = figure.subplots(1, 4, width_ratios=(1.2, 0.06, 1.1, 0.62))
        steps, ends = np.arange(0.5, MOST_STEPS + 1), (0, MOST_STEPS + 1)
        self._paint = self.image(self._map, steps, steps)
        ticks = (1, 20, 40, 60)
        self._map.set(xlim=ends, ylim=ends, xticks=ticks, yticks=ticks, xlabel="earlier step $k$", ylabel="step $t$ of the loss")
        self._map.grid(False)
        self.heading(self._map, r"$\|\partial J_t/\partial h_k\|\,/\,\|\partial J_t/\partial h_t\|$")
        tones = np.linspace(-1, 1, 97)
        scale.pcolorfast([0, 1], np.linspace(-self.FULL, self.FULL, 98), blue_and_red(tones)[:, np.newaxis])
        marks = np.arange(-self.FULL, self.FULL + 1, 3)
        scale.set_yticks(marks, ["1" if m == 0 else f"$10^{{{m}}}$" for m in marks])
        scale.set(xticks=())
        scale.yaxis.tick_right()
        scale.grid(False)
        self._borders = (self.curve(self._map, "prediction", f"under 1/{FATE:.0f}"),
                         self.curve(self._map, "prediction", f"over {FATE:.0f} ×", linestyle="-"))
        self._profile.set(xlim=(-1, MOST_STEPS), xlabel=r"steps back $\ell$")
        self.decades(self._profile, -12, 12)
        self.heading(self._profile, "against the distance")
        self._band = self.band(self._profile, "gradient")
        self._bound = self.curve(self._profile, "singular_value", r"bound $(\gamma\sigma_1)^\ell$", marker="")
        self._rate = self.curve(self._profile, "eigenvalue", r"$\rho^\ell$")
        self._clipped = self.curve(self._profile, "clipped", "clipped", markevery=6)
        self._middle = self.curve(self._profile, "gradient", "median, range", markevery=6)
        self._tau = self.curve(self._profile, "threshold", r"$\tau$; gray: cut off", linestyle="-", linewidth=0.6 * style.width)
        self._lost = self.crosses(self._profile, "beyond the axis")
        self._whole.set(xlim=(-0.5, 1.5))
        self._whole.set_xticks((0, 1), ("in", "out"))
        self._whole.set_xlabel("clipping")
        self.decades(self._whole, -4, 12, one=False)
        self.heading(self._whole, r"norm, $\varepsilon$")
        self._threshold = self.curve(self._whole, "threshold")
        self._before, self._after = (self.curve(self._whole, name, linestyle="", markersize=5 * style.width)
                                     for name in ("gradient", "clipped"))
        self._lost_whole = self.crosses(self._whole)
        self._handles = self.ring(self._profile), self.ring(self._profile), self.ring(self._whole)
        self.legend(figure, columns=5)
        self._words = [self.words(axes) for axes in (self._map, self._profile, self._whole)]

    def update(self, result: GradientMap) -> None:
        """Color the map and move the curves."""
        T = result.steps
        t, k = np.indices((MOST_STEPS, MOST_STEPS))
        colors = np.full((MOST_STEPS, MOST_STEPS, 3), 255, np.uint8)
        colors[:T, :T] = blue_and_red(np.clip(_logs(np.nan_to_num(result.relative)) / self.FULL, -1, 1))
        colors[:T, :T][np.isnan(result.relative)] = self._SILENT
        colors[(t < T) & (t - k > result.tau)] = self._CUT
        colors[(t < T) & (k > t)] = self._NO_PATH
        self._paint(colors)
        for line, border in zip(self._borders, result.borders, strict=True):
            line.set_data(border, np.arange(1, T + 1))
        lags = np.arange(T)
        followed = lags <= result.tau
        low, high = self._profile.get_ylim()
        least, middle, most = result.by_distance[:, followed]
        self._band(lags[followed], *(np.clip(np.nan_to_num(end), low, high) for end in (least, most)))
        self._middle.set_data(lags[followed], drawable(middle))
        self._clipped.set_data(lags[followed], drawable(result.factor * middle))
        self._clipped.set_visible(result.factor < 1)
        self._bound.set_data(lags, drawable(result.bound))
        self._rate.set_data(lags, drawable(result.linear))
        curves = np.nan_to_num(middle, nan=1.0), result.bound, result.linear
        self._lost.set_data(*exits(self._profile, lags, *(_logs(values) for values in curves)))
        cut = min(result.tau, MOST_STEPS)
        self._tau.set_data([cut, cut], [low, high])
        held = min(10, T - 1)
        self._handles[0].set_data([held], np.clip(result.linear[[held]], low, high))
        self._handles[1].set_data([cut], [10 * low])
        self._threshold.set_data(self._whole.get_xlim(), [result.max_norm] * 2)
        self._handles[2].set_data([0.5], [result.max_norm])
        smallest, largest = self._whole.get_ylim()
        sizes = np.array([result.gradient, result.factor * result.gradient])
        for line, x, size in zip((self._before, self._after), (0, 1), sizes, strict=True):
            line.set_data([x], [size] if smallest <= size <= largest else [np.nan])
        out = ~((sizes >= smallest) & (sizes <= largest))
        self._lost_whole.set_data(np.arange(2)[out], np.clip(np.nan_to_num(sizes[out], nan=np.inf), 2 * smallest, largest / 2))
        vanished, exploded = result.fates
        on_map, profile, whole = self._words
        on_map.set_text(f"{percent(vanished)} vanished, {percent(exploded)} exploded")
        profile.set_text(f"ρ = {plain(result.spectral_radius)},  γσ₁ = {plain(result.beta_W * result.beta_h)}")
        whole.set_text(f"×{plain(result.factor)}" if result.factor < 1 else f"under {plain(result.max_norm)}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The line ρ^ℓ, the truncation, and the threshold."""
        return places(*self._handles)


class TruncationScene(LogScene):
    """Cosine with the whole gradient and length over it, against τ; and what truncation costs."""

    title = ("Three plots against the truncation tau, each with a curve for windows and one for chunks: cosine between "
             "truncated and whole gradient; length over that of the whole, log axis; and cost over that of one full backward "
             "pass, log axis, counted as lines and, after a move, measured as open marks")
    aspect = 2.6

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._cosine, self._length, self._cost = axes = figure.subplots(1, 3)
        for one, text in zip(axes, ("cosine", "relative length", "cost / full pass"), strict=True):
            one.set(xlim=(-1, MOST_STEPS), xlabel=r"truncation $\tau$")
            self.heading(one, text)
        self._cosine.set(ylim=(-0.5, 1.1), yticks=(-0.5, 0, 0.5, 1))
        self._cosine.axhline(0, color=GRAY, linewidth=1)
        self.decades(self._length, -2, 0.3)
        self.decades(self._cost, -1, 2)
        sparse = {"markevery": 4}
        self._compared = [(self.curve(one, "gradient", label * r"each $J_t$ back $\tau$ steps", **sparse),
                         self.curve(one, "second_layer", label * r"chunks of $\tau+1$", **sparse))
                        for one, label in ((self._cosine, 1), (self._length, 0))]
        self._counted = tuple(self.curve(self._cost, quantity, linestyle=dash, marker="")
                              for quantity, dash in (("gradient", "-"), ("second_layer", "--")))
        self._measured = tuple(self.curve(self._cost, quantity, linestyle="", marker=marker, markersize=3.5 * style.width,
                                          fillstyle="none") for quantity, marker in (("gradient", "o"), ("second_layer", "s")))
        self._lines = [self.curve(one, "prediction", linestyle=(0, (1, 1))) for one in axes]
        self._lost = self.crosses(self._length, "beyond the axis")
        self._handles = self.ring(self._cosine), self.ring(self._length)
        (hint,) = self._cost.plot([], [], "o", color="black", fillstyle="none", label="measured, after a move")
        hint.set_in_layout(False)
        self.legend(figure)
        self._words = [self.words(one) for one in axes]

    def update(self, result: tuple[Truncation, tuple[np.ndarray, np.ndarray, np.ndarray] | None]) -> None:
        """Move all curves; without measurements those marks vanish."""
        cut, seconds = result
        taus = np.arange(cut.steps)
        kinds = (cut.cosine, cut.chunk_cosine), (cut.length, cut.chunk_length)
        for line, values in zip(self._compared[0], kinds[0], strict=True):
            line.set_data(taus, values)
        for line, values in zip(self._compared[1], kinds[1], strict=True):
            line.set_data(taus, drawable(values))
        self._lost.set_data(*exits(self._length, taus, *(_logs(values) for values in kinds[1])))
        for line, count in zip(self._counted, (cut.products, cut.chunk_products), strict=True):
            line.set_data(taus, drawable(count / (cut.steps - 1)))
        for line in self._measured:
            line.set_data([], [])
        if seconds is not None:
            at, *spent = seconds
            for line, values in zip(self._measured, spent, strict=True):
                line.set_data(at, values / spent[1][-1])
        for line in self._lines:
            line.set_data([cut.tau] * 2, line.axes.get_ylim())
        self._handles[0].set_data([cut.tau], [-0.4])
        self._handles[1].set_data([cut.tau], [0.02])
        cosine, length, cost = self._words
        cosine.set_text(f"τ = {cut.tau}: {plain(cut.cosine[cut.tau])}")
        length.set_text(f"τ = {cut.tau}: {plain(cut.length[cut.tau])}")
        cost.set_text("" if seconds is None else f"full pass: {1e3 * seconds[2][-1]:.2g} ms")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The line at τ, twice."""
        return places(*self._handles)


class InfluenceScene(LogScene):
    """Strips under a sequence: how much of one output's gradient each symbol gets, and what replacing it does, for three nets."""

    title = ("Two stacks of strips under a sequence of symbols, one strip for each of three nets: the gradient of one output "
             "at each earlier symbol, and by how much the output changes if the symbol is replaced. Below, log axis: both for "
             "one of the nets")
    aspect = 1.6
    DECADES = 6

    def __init__(self, figure: Figure, style: Style, symbols: str, nets: Sequence[str]) -> None:
        super().__init__(style)
        T, count = len(symbols) - 1, len(nets)
        gradient, replaced, self._below = figure.subplots(3, 1, height_ratios=(1, 1, 1.6))
        self._paint: list[tuple[Callable[[np.ndarray], None], str]] = []
        for axes, quantity, text in ((gradient, "gradient", r"gradient at each symbol over its largest (log, white: $10^{-6}$)"),
                                     (replaced, "activation", "replaced by its rival: change of the output (gray: no rival)")):
            self._paint.append((self.image(axes, np.arange(0.5, T + 1), np.arange(0.5, count + 1)), LINES[quantity]["color"]))
            axes.set(xlim=(0.4, T + 0.6), ylim=(count + 0.6, 0.4))
            axes.set_yticks(np.arange(1, count + 1), nets)
            axes.tick_params(length=0)
            axes.grid(False)
            self.heading(axes, text)
        _letters(gradient, symbols[:-1], "")
        replaced.set_xticks(())
        box = {"linestyle": "-", "linewidth": 1.2 * style.width}
        self._frame = self.curve(gradient, "prediction", **box)
        self._rows = [self.curve(axes, "prediction", linestyle="-") for axes in (gradient, replaced)]
        self._below.set(xlim=(0.4, T + 0.6))
        self.decades(self._below, -self.DECADES - 2, 1, one=False)
        _letters(self._below, symbols[:-1], "symbol read, earlier step $k$")
        self._gradient = self.curve(self._below, "gradient", "gradient / largest")
        marks = {"linestyle": "", "marker": "s", "markersize": 3.4 * style.width}
        self._lawful = self.curve(self._below, "activation", "change by the rival", **marks)
        self._broken = self.curve(self._below, "activation", "no string of the grammar", fillstyle="none", **marks)
        self._vertical = self.curve(self._below, "prediction", linestyle=(0, (1, 1)))
        self._lost = self.crosses(self._below, "beyond the axis")
        self._handles = self.ring(gradient), self.ring(self._below)
        self.legend(figure)
        self._words = [self.words(axes) for axes in (gradient, replaced)]

    def update(self, result: tuple[dict[str, Influence], str]) -> None:
        """Color the strips and move the curves."""
        rows, shown = result
        one = rows[shown]
        T = len(one.symbols) - 1
        at = np.arange(1, one.t + 1)
        relative, change = (np.array([getattr(i, name) for i in rows.values()]) for name in ("relative", "change"))
        for (paint, color), shades in zip(self._paint, (1 + _logs(relative) / self.DECADES, change), strict=True):
            colors = np.full((len(rows), T, 3), 255, np.uint8)
            colors[:, one.t:] = 240
            colors[:, : one.t] = tint(np.nan_to_num(shades), color)
            colors[:, : one.t][np.isnan(shades)] = 225
            paint(colors)
        _frame(self._frame, one.t, 0.5, len(rows) + 0.5)
        row = list(rows).index(shown)
        for line in self._rows:
            line.set_data([0.5, T + 0.5, T + 0.5, 0.5, 0.5], [row + 0.5, row + 0.5, row + 1.5, row + 1.5, row + 0.5])
        self._gradient.set_data(at, drawable(one.relative))
        for line, which in ((self._lawful, one.lawful), (self._broken, ~one.lawful)):
            line.set_data(at[which], drawable(one.change[which]))
        known = ~np.isnan(one.change)
        x, y = (np.concatenate(pair) for pair in zip(exits(self._below, at, _logs(one.relative)),
                                                     exits(self._below, at[known], _logs(one.change[known])), strict=True))
        self._lost.set_data(x, y)
        self._vertical.set_data([one.k] * 2, self._below.get_ylim())
        self._handles[0].set_data([one.t], [0.5])
        self._handles[1].set_data([one.k], np.clip(one.relative[[one.k - 1]], *self._below.get_ylim()))
        gradient, replaced = self._words
        target = one.symbols[one.t]
        gradient.set_text(f"t = {one.t}, {shown}: ŷ of the next symbol {target} is {percent(one.right, '.3g')}")
        replaced.set_text(_swap(one))

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The output's step, and the earlier one."""
        return places(*self._handles)


def _swap(one: Influence) -> str:
    symbol, rival = one.symbols[one.k - 1], one.rivals[one.k - 1]
    if rival == " ":
        return f"k = {one.k}: the grammar allows {symbol} only"
    return f"k = {one.k}, {symbol} → {rival}: ŷ of {one.symbols[one.t]} becomes {percent(one.replaced[one.k - 1], '.3g')}"
