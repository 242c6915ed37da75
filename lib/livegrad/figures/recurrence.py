"""Pictures of what recurrence does to a gradient: spikes that stay, eigen-directions, starts, gates and bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livegrad.experiments.eigenvalues import log10_powers
from livegrad.experiments.expansion import Expansion
from livegrad.experiments.recurrence import STARTS, Gates, Starts, Statement
from livegrad.experiments.spike import Spike
from livegrad.figures.eigenvalues import power_of_ten
from livegrad.figures.scene import LogScene, drawable, exits, height, percent, places, plain
from livegrad.style import GRAY, Style

__all__ = ["ExpansionScene", "GatesScene", "SpikeScene", "StartsScene", "StatementScene", "verdict"]


def _logs(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(values)


class _LengthScene(LogScene):
    """With a line at the ℓ that the slider points to."""

    def _pointer(self, *axes: Axes) -> None:
        self._lines = [self.curve(one, "threshold", linewidth=0.6 * self.style.width) for one in axes]

    def _point(self, at: float) -> None:
        for line in self._lines:
            line.set_data([at, at], line.axes.get_ylim())


# --- the spike ---


class SpikeScene(LogScene):
    """Left: outputs of a recurrent and of a feed-forward unit that meet one spike. Right: the spike's share of their updates."""

    title = ("Left, log axis: output at each step of a unit with recurrence and of one without, one of their inputs out of the "
             "ordinary, and the recurrent one's outputs as they would be without. Right: how much of each step's gradient is "
             "that input's doing, for both units")
    aspect = 2.4

    def __init__(self, figure: Figure, style: Style, steps: int = 40) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2)
        for axes in (self._left, self._right):
            axes.set(xlim=(0.5, steps + 0.5), xlabel="step $t$")
        self.decades(self._left, -2, 4, one=False)
        self.heading(self._left, "output $o_t$")
        self._right.set(ylim=(-3, 103), yticks=(0, 50, 100), ylabel="%")
        self._right.axhline(50, color=GRAY, linewidth=1)
        self.heading(self._right, "the spike's share of the update")
        self._usual = self.curve(self._left, "prediction", "recurrent, no spike")
        small = {"markersize": 1.8 * style.width}
        self._outputs = (self.curve(self._left, "gradient", "recurrent", **small),
                         self.curve(self._left, "feedforward", "feed-forward", marker="s", **small))
        self._trace = self.curve(self._left, "difference", "what the spike changed", color="black")
        self._shares = (self.curve(self._right, "gradient", **small), self.curve(self._right, "feedforward", marker="s", **small))
        self._lost = self.crosses(self._left, "beyond the axis", size=3.6)
        self._ring, self._later = self.ring(self._left), self.ring(self._left)
        self.legend(figure, columns=3)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: Spike) -> None:
        """Move outputs and shares."""
        t = np.arange(1, len(result.share) + 1)
        both = [result.recurrent[0], result.feedforward[0]]
        for line, outputs in zip((*self._outputs, self._usual), (*both, result.recurrent[1]), strict=True):
            line.set_data(t, drawable(outputs))
        for line, share in zip(self._shares, (result.share, result.feedforward_share), strict=True):
            line.set_data(t, 100 * share)
        change = np.abs(np.subtract(*result.recurrent))
        self._trace.set_data(t, drawable(change))
        change = np.where(t < result.at, np.nan, change)  # there is none before
        self._lost.set_data(*exits(self._left, t, *_logs(np.array([*both, result.recurrent[1], change]))))
        later = min(result.at + 8, len(t))
        for ring, at in ((self._ring, result.at), (self._later, later)):
            ring.set_data([at], np.clip(result.recurrent[0, at - 1:at], *self._left.get_ylim()))
        self._left_words.set_text(f"step {result.at}:  o = {plain(result.recurrent[0, result.at - 1])}")
        self._right_words.set_text(f"over half:  {result.drowned} step{'s' * (result.drowned != 1)} against "
                                   f"{result.feedforward_drowned}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The recurrent unit's output at the spike, and eight steps later."""
        return places(self._ring, self._later)


# --- eigen-directions ---


class ExpansionScene(_LengthScene):
    """Left: size of the gradient, by the backward pass and as a sum. Middle: shares of the directions. Right: its entries."""

    title = ("Left, log axis against steps back: norm of the gradient by the backward pass, by the sum over eigenvalues, and the "
             "spectral radius to the power. Middle: share of each eigen-direction. Right: entries of the gradient at the chosen "
             "number of steps, by both, over the largest entry")
    aspect = 2.5

    def __init__(self, figure: Figure, style: Style, steps: int = 60, size: int = 6) -> None:
        super().__init__(style)
        self._left, self._middle, self._right = figure.subplots(1, 3, width_ratios=(1.2, 1, 0.9))
        for axes in (self._left, self._middle):
            axes.set(xlim=(0, steps), xlabel=r"steps back $\ell$")
        self.decades(self._left, -4, 4)
        self.heading(self._left, "norm of the gradient")
        self._middle.set(ylim=(-3, 103), yticks=(0, 50, 100), ylabel="%")
        self.heading(self._middle, "shares")
        self._right.set(xlim=(0.5, size + 0.5), ylim=(-1.3, 1.3), xticks=np.arange(1, size + 1), yticks=(-1, 0, 1), xlabel="unit")
        self._right.axhline(0, color=GRAY, linewidth=1)
        self.heading(self._right, "gradient, scaled")
        self._radius = self.curve(self._left, "eigenvalue", r"$\rho^\ell$")
        self._backward = self.curve(self._left, "gradient", "backward pass", linestyle="", markevery=3)
        self._sum = self.curve(self._left, "prediction", "sum", linewidth=1.2 * style.width)
        looks = [("eigenvalue", "-", 1.5, "$λ_1$"), ("second_layer", "--", 1.0, "$λ_2$"),
                 *[("threshold", dash, 0.7, "other λ" * (dash == "-")) for dash in ("-", "-.", ":", "--")]]
        self._shares = [self.curve(self._middle, quantity, label, marker="", linestyle=dash, linewidth=wide * style.width)
                        for quantity, dash, wide, label in looks[:size]]
        self._entries = self.curve(self._right, "gradient", linestyle="", markersize=5 * style.width, fillstyle="none",
                                   markeredgewidth=style.width)
        self._summed = self.curve(self._right, "prediction", linestyle="", marker="x", markersize=4 * style.width,
                                  markeredgewidth=0.8 * style.width)
        self._pointer(self._left, self._middle)
        self._lost = self.crosses(self._left, "beyond the axis", size=3.6)
        self._ring, self._steep = self.ring(self._left), self.ring(self._left)
        self.legend(figure)
        self._words = [self.words(axes) for axes in (self._left, self._middle, self._right)]

    def update(self, result: Expansion) -> None:
        """Move curves, shares and entries."""
        lags, at = np.arange(len(result.norm)), result.at
        rate, norm = log10_powers(result.radius, lags), _logs(result.norm)
        self._radius.set_data(lags, height(rate))
        self._backward.set_data(lags, result.norm)
        self._sum.set_data(lags, np.linalg.norm(result.expanded, axis=1))
        self._lost.set_data(*exits(self._left, lags, norm, rate))
        for i, line in enumerate(self._shares):
            line.set_data(*(lags, 100 * result.share[:, i]) if i < len(result.values) else ([], []))
        units, largest = np.arange(1, result.backward.shape[1] + 1), np.abs(result.backward[at]).max()
        self._entries.set_data(units, result.backward[at] / largest)
        self._summed.set_data(units, result.expanded[at] / largest)
        self._point(at)
        limits = self._left.get_ylim()
        self._ring.set_data([at], np.clip(result.norm[at:at + 1], *limits))
        far = len(lags) - 6
        self._steep.set_data([far], np.clip(height(rate[far:far + 1]), *limits))
        left, middle, right = self._words
        left.set_text(f"ℓ = {at}:  {plain(result.norm[at])}")
        middle.set_text(f"{'the pair' if result.values[0].imag > 0 else 'λ₁'}:  {percent(result.share[at, 0])}")
        right.set_text(f"largest: {plain(largest)}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The ℓ looked at, and the line of the spectral radius."""
        return places(self._ring, self._steep)


# --- starts ---


class StartsScene(LogScene):
    """Singular values of the product of Jacobians against its length, one picture for each start."""

    title = ("Four plots with the same log axis against steps back: largest, median and smallest singular value "
             "of a product of Jacobians, for a Gaussian, an orthogonal and an identity start and for layer normalization")
    aspect = 2.5
    NAMES = dict(zip(STARTS, ("Gaussian", "orthogonal", "identity, ReLU", "layer norm"), strict=True))

    def __init__(self, figure: Figure, style: Style, longest: int = 100) -> None:
        super().__init__(style)
        every = figure.subplots(1, len(STARTS), sharey=True)
        self._shown = {}
        for axes, (start, name) in zip(every, self.NAMES.items(), strict=True):
            axes.set(xlim=(0, longest), xlabel=r"steps back $\ell$", xticks=(0, longest // 2, longest))
            self.decades(axes, -50, 30)
            self.heading(axes, name)
            first = not self._shown
            band = self.band(axes, "gradient", label="_nolegend_")
            looks = ("largest", "-", 1.3), ("median", "--", 1.3), ("smallest", "-.", 0.7)
            lines = [self.curve(axes, "gradient", label if first else "", marker="", linestyle=dash,
                                linewidth=wide * style.width) for label, dash, wide in looks]
            lost = self.crosses(axes, "beyond the axis" if first else "", size=3.6)
            self._shown[start] = band, lines, lost, self.ring(axes)
        self.legend(figure)
        self._words = [self.words(axes) for axes in every]

    def update(self, result: Starts) -> None:
        """Move bands and curves."""
        lengths = result.lengths
        for words, (start, (band, lines, lost, ring)) in zip(self._words, self._shown.items(), strict=True):
            values, (_, median, _) = result.values[start], result.there(start)
            for line, exponents in zip(lines, values, strict=True):
                line.set_data(lengths, height(exponents))
            band(lengths, height(values[2]), height(values[0]))
            lost.set_data(*exits(lost.axes, lengths, *values))
            ring.set_data([result.at], [np.clip(height(median), *lost.axes.get_ylim())])
            words.set_text(f"median {power_of_ten(median)}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The median at the ℓ looked at, for each start."""
        return places(*(ring for *_, ring in self._shown.values()))


# --- gates ---


class GatesScene(_LengthScene):
    """Left: products of Jacobians of a tanh net and of an LSTM, and the LSTM's additive path. Right: its forget gates."""

    title = ("Left, log axis against steps back: norm of the product of Jacobians of a tanh net and of an LSTM, "
             "and the product of forget gates, as a band over units with its median. Right: histogram of the forget gates")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style, longest: int = 100) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, width_ratios=(1.8, 1))
        self._left.set(xlim=(0, longest), xlabel=r"steps back $\ell$")
        self.decades(self._left, -25, 6)
        self.heading(self._left, "norm of the product")
        self._right.set(xlim=(0, 1), ylim=(0, 1.12), yticks=(), xticks=(0, 0.5, 1), xlabel="$f$")
        self.heading(self._right, "forget gates")
        self._band = self.band(self._left, "weight")
        self._tanh = self.curve(self._left, "gradient", "tanh net", linestyle="--", marker="")
        self._additive = self.curve(self._left, "weight", r"additive path $\Pi f$", marker="", linestyle="-.")
        self._lstm = self.curve(self._left, "residual_net", "LSTM", marker="", linewidth=1.4 * style.width)
        self._pointer(self._left)
        self._gates = self.histogram(self._right, "weight")
        self._lost = self.crosses(self._left, "beyond the axis", size=3.6)
        self._ring = self.ring(self._left)
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: Gates) -> None:
        """Move the curves and fill the histogram."""
        lengths, (most, median, least) = result.lengths, result.additive
        curves = result.tanh, median, result.lstm
        for line, exponents in zip((self._tanh, self._additive, self._lstm), curves, strict=True):
            line.set_data(lengths, height(exponents))
        self._band(lengths, height(least), height(most))
        self._lost.set_data(*exits(self._left, lengths, *curves))
        edges = np.linspace(0, 1, 31)
        counts, _ = np.histogram(result.forget, edges)
        self._gates(counts / counts.max(), edges)
        self._point(result.at)
        self._ring.set_data([result.at], [np.clip(height(result.there(median)), *self._left.get_ylim())])
        tanh, lstm = (power_of_ten(result.there(curve)) for curve in (result.tanh, result.lstm))
        self._left_words.set_text(f"ℓ = {result.at}:  tanh {tanh},  LSTM {lstm}")
        self._right_words.set_text(f"mean {result.forget.mean():.2f}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The median of the additive path at the ℓ looked at."""
        return places(self._ring)


# --- which statement applies ---

_TURN = np.linspace(0, 2 * np.pi, 97)


def verdict(result: Statement) -> str:
    """What is known of the gradient before it has been measured: by the bound, or in the linear case by the spectral radius.

    Parameters
    ----------
    result : Statement

    Returns
    -------
    str

    Examples
    --------
    >>> from livegrad.experiments.recurrence import statement
    >>> verdict(statement("linear", radius=0.9, off_diagonal=2.0, input_scale=1.0))
    'linear, ρ < 1: it vanishes in the end'
    """
    if result.sufficient:
        return "γσ₁ < 1: it vanishes, for any input"
    if result.activation != "linear":
        return "γσ₁ > 1: it may explode, or not" if result.necessary else "γσ₁ = 1: it cannot explode"
    if np.isclose(result.radius, 1):
        return "linear, ρ = 1: it does neither in the end"
    return "linear, ρ < 1: it vanishes in the end" if result.radius < 1 else "linear, ρ > 1: it explodes"


class StatementScene(LogScene):
    """Left: what γW makes of the unit circle. Right: bound, spectral radius and measured norm against the steps back."""

    title = ("Left: the unit circle and the ellipse that gamma W makes of it, with its longest half-axis and the two "
             "eigenvectors. Right, log axis against steps back: the bound, the spectral radius to the power, and the measured "
             "norm of the product of Jacobians")
    aspect = 2.1
    REACH = 3.7

    def __init__(self, figure: Figure, style: Style, steps: int = 60) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, width_ratios=(1, 1.8))
        reach = self.REACH
        self._left.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", anchor="N")
        self._left.set(xticks=(-2, 0, 2), yticks=(-2, 0, 2))
        self._left.plot(np.cos(_TURN), np.sin(_TURN), color="black", linewidth=0.7 * style.width, label="unit circle")
        self.heading(self._left, "one step:  $γW$")
        self._right.set(xlim=(0, steps), xlabel=r"steps back $\ell$")
        self.decades(self._right, -7, 7)
        self.heading(self._right, "norm of the product")
        self._ellipse = self.curve(self._left, "weight", "its image", marker="", linewidth=0.8 * style.width)
        self._longest = self.curve(self._left, "singular_value", linewidth=1.4 * style.width)
        self._own = self.curve(self._left, "eigenvalue", "eigenvectors", marker="o", markersize=2.4 * style.width)
        self._bound = self.curve(self._right, "singular_value", r"$\gamma\sigma_1$; bound $(\gamma\sigma_1)^\ell$", markevery=5)
        self._measured = self.curve(self._right, "gradient", "measured", marker="", linewidth=1.4 * style.width)
        self._rate = self.curve(self._right, "eigenvalue", r"$(\gamma\rho)^\ell$")  # last: to be seen where all three agree
        self._lost = self.crosses(self._right, "beyond the axis", size=3.6)
        self._tip, self._steep = self.ring(self._left), self.ring(self._right)
        self.legend(figure, columns=4)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: Statement) -> None:
        """Move the ellipse and the curves."""
        lags, W = np.arange(len(result.measured)), result.gamma * result.W
        self._ellipse.set_data(*(W @ [np.cos(_TURN), np.sin(_TURN)]))
        U, sizes, _ = np.linalg.svd(W)
        tip = sizes[0] * U[:, 0] * (1 if U[0, 0] >= 0 else -1)
        self._longest.set_data([0, tip[0]], [0, tip[1]])
        first, second = _eigen_arrows(W)
        self._own.set_data(*np.array([first, [0, 0], second]).T)
        curves = result.bound, result.rate, result.measured
        for line, exponents in zip((self._bound, self._rate, self._measured), curves, strict=True):
            line.set_data(lags, height(exponents))
        self._lost.set_data(*exits(self._right, lags, *curves))
        self._tip.set_data(*tip[:, np.newaxis])
        low, high = np.log10(self._right.get_ylim())
        inside = np.flatnonzero((result.rate >= low) & (result.rate <= high))[-1:]  # (γρ)⁰ = 1 always is
        self._steep.set_data(inside, height(result.rate[inside]))
        self._left_words.set_text(f"γσ₁ = {plain(result.norm)},  γρ = {plain(result.radius)}")
        self._right_words.set_text(f"says: {verdict(result)}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The end of the longest half-axis, and the line of the spectral radius."""
        return places(self._tip, self._steep)


def _eigen_arrows(W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """λ v for the two unit eigenvectors v of an upper triangular W with different eigenvalues."""
    (a, v), (_, b) = W
    second = np.array([v, b - a]) / np.hypot(v, b - a)
    return np.array([a, 0.0]), b * (second if second[1] > 0 else -second)
