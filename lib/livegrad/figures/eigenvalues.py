"""Pictures of eigenvalues, and of what repeated multiplication makes of a vector."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from livegrad.experiments.eigenvalues import Hump, PowerIteration, Powers, log10_powers
from livegrad.experiments.random_weights import Repetition, Spectra
from livegrad.figures.scene import LogScene, drawable, exits, height, percent, places, plain
from livegrad.style import GRAY, Style

__all__ = ["EigenvalueScene", "HumpScene", "PowerIterationScene", "RepetitionScene", "SpectraScene", "degrees", "power_of_ten"]

_TURN = np.exp(2j * np.pi * np.linspace(0, 1, 97))


def power_of_ten(exponent: float) -> str:
    """10 to this power as a reader says it, also where float64 has no such number.

    Examples
    --------
    >>> power_of_ten(1.5), power_of_ten(-1000.5), power_of_ten(float("-inf"))
    ('31.6', '3.16e-1001', '0')
    """
    if not np.isfinite(exponent) or abs(exponent) < 300:
        return plain(10.0**exponent)
    return f"{Decimal(10) ** Decimal(exponent):.2e}"


def degrees(angle: float) -> str:
    """An angle as a reader says it: what no protractor shows is not spelled out.

    Examples
    --------
    >>> degrees(12.34), degrees(2e-30), degrees(0.0)
    ('12.3°', '< 0.001°', '0°')
    """
    return "< 0.001°" if 0 < angle < 1e-3 else f"{plain(angle)}°"


class _PlaneScene(LogScene):
    """With a complex plane beside the log axes."""

    def _plane(self, axes: Axes, reach: float) -> None:
        """The complex plane with the unit circle."""
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.plot(_TURN.real, _TURN.imag, color="black", linewidth=0.7 * self.style.width)
        for line in (axes.axhline, axes.axvline):
            line(0, color=GRAY, linewidth=1)
        axes.set_xticks([-1, 0, 1], ["−1", "0", "1"])
        axes.set_yticks([-1, 1], ["−i", "i"])
        axes.grid(False)


def _inside(axes: Axes, exponents: np.ndarray) -> np.ndarray:
    """Where a curve of log₁₀ lies on the picture."""
    low, high = np.log10(axes.get_ylim())
    return np.flatnonzero((low <= exponents) & (exponents <= high))


def _hold(axes: Axes, radius: float, latest: int) -> tuple[list[int], list[float]]:
    """Where to hold the line ρᵗ: at `latest`, or sooner if it has left the picture by then."""
    steps = np.array([1, 2, 5, 10, 20, 50, 100, 200])
    steps = steps[steps <= latest]
    exponents = log10_powers(radius, steps)
    at = _inside(axes, exponents)
    at = at[-1] if at.size else 0
    return [steps[at]], [float(np.clip(height(exponents[at]), *axes.get_ylim()))]


class EigenvalueScene(_PlaneScene):
    """Left: the eigenvalues and the unit circle. Right: ‖Wᵗ‖₂, ‖Wᵗx‖ and ρᵗ."""

    title = ("Left: eigenvalues in the complex plane with the unit circle. Right, log axis against t: the norm of W to the t, "
             "the length of W to the t times x, and the straight line of the spectral radius to the t")
    aspect = 2.2
    def __init__(self, figure: Figure, style: Style, steps: int = 200, decades: int = 12) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, width_ratios=(1, 1.35))
        self._plane(self._left, 1.65)
        self.heading(self._left, "eigenvalues of $W$")
        self._right.set(xlim=(0, steps), xlabel="steps $t$")
        self.decades(self._right, -decades, decades)
        self.heading(self._right, "size of $W^t$")
        dot = {"linestyle": "", "marker": "o"}
        self._circle = self.curve(self._left, "eigenvalue", linestyle=":", linewidth=0.7 * style.width)
        self._others = self.curve(self._left, "eigenvalue", "others", **dot, markersize=2 * style.width, fillstyle="none",
                                  markeredgewidth=0.6 * style.width)
        self._dominant = self.curve(self._left, "eigenvalue", "dominant", **dot, markersize=4 * style.width)
        self._norm = self.curve(self._right, "singular_value", r"$\|W^t\|_2$", marker="")
        self._applied = self.curve(self._right, "activation", r"$\|W^t x\|$", marker="", linewidth=0.6 * style.width)
        self._radius = self.curve(self._right, "eigenvalue", r"$\rho^t$")
        self._lost = self.crosses(self._right, "beyond the axis", size=3.6)
        self._rings = self.ring(self._left)
        self._ring_right = self.ring(self._right)
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: Powers) -> None:
        """Move points and curves."""
        t, values = np.arange(result.steps + 1), result.values
        self._circle.set_data(result.spectral_radius * _TURN.real, result.spectral_radius * _TURN.imag)
        self._dominant.set_data(values[:2].real, values[:2].imag)
        self._others.set_data(values[2:].real, values[2:].imag)
        self._rings.set_data(values[:3].real, values[:3].imag)
        for line, exponents in ((self._norm, result.norm), (self._applied, result.applied), (self._radius, result.radius)):
            line.set_data(t, height(exponents))
        self._lost.set_data(*exits(self._right, t, result.norm, result.applied, result.radius))
        self._ring_right.set_data(*_hold(self._right, result.spectral_radius, 50))
        self._left_words.set_text(f"ρ = {result.spectral_radius:.2f}   ‖W‖₂ = {plain(result.spectral_norm)}")
        self._right_words.set_text(f"t = {t[-1]}:  ‖Wᵗ‖₂ = {power_of_ten(result.norm[-1])}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The line ρᵗ, the dominant pair, and the largest of the others if there are any."""
        return places(self._ring_right, self._rings)


class HumpScene(LogScene):
    """Left: ‖Wᵗ‖₂ and ρᵗ, near or far. Right: the moduli of the eigenvalues beside the singular values."""

    title = ("Left, log axis against t: the norm of W to the t and the spectral radius to the t. "
             "Right, log axis: moduli of the eigenvalues and singular values, each sorted")
    aspect = 2.3
    VIEWS: ClassVar = {"near": (100, 5), "far": (1200, 30)}
    """The last t, and the decades to either side of 1."""

    def __init__(self, figure: Figure, style: Style) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, width_ratios=(3, 2))
        self._left.set_xlabel("steps $t$")
        self._view = ""
        self._look("far")
        self.heading(self._left, "size of $W^t$")
        self._right.set(xlim=(0, 1), xlabel="largest to smallest (share of $n$)")
        self.decades(self._right, -3, 2)
        self.heading(self._right, "one step: sorted sizes")
        self._norm = self.curve(self._left, "singular_value", r"$\|W^t\|_2$", marker="")
        self._radius = self.curve(self._left, "eigenvalue", r"$\rho^t$")
        self._sizes = self.curve(self._right, "singular_value", r"singular values $\sigma_i$")
        self._moduli = self.curve(self._right, "eigenvalue", r"eigenvalues $|\lambda_i|$", marker="o")
        self._lost, self._lost_right = self.crosses(self._left, "beyond the axis", size=3.6), self.crosses(self._right, size=3.6)
        self._peak, self._handle = self.ring(self._left), self.ring(self._left)
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def _look(self, view: str) -> bool:
        changed, self._view = view != self._view, view
        if changed:
            last, decades = self.VIEWS[view]
            self._left.set_xlim(0, last)
            self.decades(self._left, -decades, decades, one=not self._left.lines)
        return changed

    def update(self, result: tuple[Hump, str]) -> bool:
        """Move the curves; another view has other axes."""
        hump, view = result
        changed = self._look(view)
        last, _ = self.VIEWS[view]
        seen = hump.t <= last
        t, norm, radius = hump.t[seen], hump.norm[seen], hump.radius[seen]
        self._norm.set_data(t, height(norm))
        self._radius.set_data(t, height(radius))
        self._lost.set_data(*exits(self._left, t, norm, radius))
        rank = (np.arange(len(hump.moduli)) + 0.5) / len(hump.moduli)
        sizes, moduli = (np.log10(np.maximum(values, 1e-300)) for values in (hump.singular_values, hump.moduli))
        self._sizes.set_data(rank, height(sizes))
        self._moduli.set_data(rank, height(moduli))
        self._lost_right.set_data(*exits(self._right, rank, sizes, moduli))
        low, high = self._left.get_ylim()
        top = hump.t[hump.peak], height(hump.norm[hump.peak])
        self._peak.set_data(*([top[0]], [top[1]]) if 0 < top[0] <= last and low < top[1] < high else ([], []))
        self._handle.set_data(*_hold(self._left, hump.spectral_radius, last // 5))
        self._left_words.set_text(f"largest {power_of_ten(hump.norm[hump.peak])} at t = {top[0]}")
        self._right_words.set_text(f"ρ = {plain(hump.spectral_radius)}   ‖W‖₂ = σ₁ = {plain(hump.singular_values[0])}")
        return changed

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The line ρᵗ, and the peak if there is one in view."""
        return places(self._handle, self._peak)


class PowerIterationScene(LogScene):
    """Left: W^t x in the plane of two eigenvectors. Right: the share of each eigen-direction."""

    title = ("Left: the plane of the first two eigenvectors, with the successive vectors W to the t times x, their growth taken "
             "out. Right, log axis against t: share of each eigen-direction")
    aspect = 2.2

    def __init__(self, figure: Figure, style: Style, steps: int = 60, most: int = 6) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, width_ratios=(1, 1.35))
        self._left.set(xlim=(-1.65, 1.65), ylim=(-1.65, 1.65), aspect="equal", xticks=[], yticks=[])
        self._left.spines[:].set_visible(False)
        self.heading(self._left, r"$W^t x\,/\,\rho^t$ in the plane of $v_1, v_2$")
        self._left.plot(_TURN.real, _TURN.imag, color=GRAY, linewidth=1)
        self._right.set(xlim=(0, steps), xlabel="steps $t$")
        self.decades(self._right, -6, 0.3, one=False)
        self.level(self._right, 0.01, "1 %")
        self.heading(self._right, "share of each eigen-direction")
        self._axis = [self.curve(self._left, "eigenvalue", linestyle=dash, linewidth=wide * style.width)
                      for dash, wide in (("-", 1.0), ("--", 0.7))]
        self._path = self.curve(self._left, "activation", "$W^t x$", linewidth=0.6 * style.width, markersize=1.7 * style.width)
        shown = [("-", 1.5, r"$\lambda_1, v_1$"), ("--", 1.0, r"$\lambda_2, v_2$"), (":", 0.8, r"$\lambda_3, \dots$")]
        self._shares = [self.curve(self._right, "eigenvalue", label, linestyle=dash, linewidth=wide * style.width)
                        for dash, wide, label in [*shown, *[(":", 0.8, "")] * (most - 3)]]
        self._predicted = self.curve(self._right, "prediction", r"$\propto$ (next over $\rho$)$^t$")
        self._start = self.ring(self._left)
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: PowerIteration) -> None:
        """Move directions, path and shares."""
        t = np.arange(len(result.share))
        for line, (x, y) in zip(self._axis, result.basis.T, strict=True):
            line.set_data(*([], []) if result.pair else ([-2.5 * x, 2.5 * x], [-2.5 * y, 2.5 * y]))
        self._path.set_data(*result.path.T)
        self._start.set_data(result.path[:1, 0], result.path[:1, 1])
        for i, line in enumerate(self._shares):
            line.set_data(*(t, drawable(result.share[:, i])) if i < len(result.values) else ([], []))
        self._predicted.set_data(*([], []))
        if result.rival is not None and result.share[0, 0] > 0:
            first, other = result.share[0, [0, result.rival]]
            self._predicted.set_data(t, other / first * abs(result.values[result.rival] / result.values[0]) ** t)
        if result.pair:
            self._left_words.set_text("turns by 30° a step")
        else:
            self._left_words.set_text(f"t = {t[-1]}:  {degrees(result.off[-1])} from v₁")
        name, last = "the pair" if result.pair else "λ₁", percent(result.share[-1, 0], ".3g")
        later = f"; 99 % near t = {result.predicted:.0f}" if t[-1] < result.predicted < np.inf else ""
        self._right_words.set_text(f"{name} has 99 % from t = {result.won:.0f} on" if np.isfinite(result.won)
                                   else f"{name} has {last} at t = {t[-1]}{later}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The start x."""
        return places(self._start)


class RepetitionScene(LogScene):
    """Left: the gradient's norm with one W and with many, as bands over draws. Right: the width of the bands."""

    title = ("Left, log axis against steps back: bands that hold the gradient's norm in 8 of 10 random nets, once with the same W at "
             "each step and once with another at each. Right, log axes: width of the two bands in powers of ten")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style, steps: int = 60, decades: int = 16) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, width_ratios=(3, 2))
        self._left.set(xlim=(0, steps), xlabel="steps back $t$")
        self.decades(self._left, -decades, decades)
        self.heading(self._left, "size of the gradient, 8 of 10 nets")
        self._right.set(xscale="log", xlim=(1, steps), xlabel="steps back $t$")
        self.decades(self._right, np.log10(0.05), 2, one=False)
        self._right.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        self._right.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
        self._right.xaxis.set_minor_locator(NullLocator())
        self.heading(self._right, "widths in powers of ten")
        for power, high, label in ((1, 50, "∝ t"), (0.5, 0.4, "∝ √t")):  # where the bands leave room
            t = np.array([steps / 8, steps])
            self._right.plot(t, high * (t / steps) ** power, **style.line("threshold", linewidth=0.5 * style.width))
            self._right.annotate(label, (t[0], high * 8**-power), (-4, 0), textcoords="offset points", ha="right", va="center")
        self._kinds = {}
        for name, quantity, label in (("same", "gradient", "the same $W$ at each step"),
                                      ("different", "feedforward", "another $W_l$ at each step")):
            band = self.band(self._left, quantity)
            edges = [self.curve(self._left, quantity, marker="", linewidth=0.5 * style.width) for _ in range(2)]
            middle = self.curve(self._left, quantity, label, marker="", linewidth=1.3 * style.width)
            width = self.curve(self._right, quantity, marker="", linewidth=1.3 * style.width)
            self._kinds[name] = (band, edges[0], middle, edges[1], width)
        self._lost, self._lost_right = self.crosses(self._left, "beyond the axis", size=3.6), self.crosses(self._right, size=3.6)
        self._handle = self.ring(self._left)
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: Repetition) -> None:
        """Move bands and widths."""
        t = np.arange(result.steps + 1)
        widths = {}
        for name, (band, *lines, width) in self._kinds.items():
            exponents = getattr(result, name)
            for line, edge in zip(lines, exponents, strict=True):
                line.set_data(t, height(edge))
            band(t, height(exponents[0]), height(exponents[2]))
            widths[name] = result.spread(exponents)[1:]
            width.set_data(t[1:], np.where(np.isfinite(widths[name]), widths[name], np.nan))
        self._lost.set_data(*exits(self._left, t, *result.same, *result.different))
        with np.errstate(divide="ignore"):
            logs = [np.log10(np.nan_to_num(w, nan=1.0, posinf=1e9)) for w in widths.values()]
        self._lost_right.set_data(*exits(self._right, t[1:], *logs))
        held = max(1, *_inside(self._left, result.different[1]))
        self._handle.set_data([held], np.clip(height(result.different[1, [held]]), *self._left.get_ylim()))
        same, different = (getattr(result, name)[1, -1] for name in ("same", "different"))
        self._left_words.set_text(f"median: same {power_of_ten(same)}, other {power_of_ten(different)}")
        self._right_words.set_text(f"same {_decades(widths['same'][-1])}, other {_decades(widths['different'][-1])}")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The middle line of the many W, where it ends or leaves the picture."""
        return places(self._handle)


def _decades(width: float) -> str:
    return f"{width:.1f}" if np.isfinite(width) else "all 0" if np.isnan(width) else "down to 0"


class SpectraScene(_PlaneScene):
    """Left: eigenvalues of a Gaussian matrix and the circular law. Right: singular values of a product against depth."""

    title = ("Left: eigenvalues of a Gaussian random matrix in the complex plane, with the unit circle and that of the circular law. "
             "Right, log axis against depth: largest, quartile, median and smallest singular value of a product of random "
             "matrices, with a straight line for orthogonal ones")
    aspect = 2.2

    def __init__(self, figure: Figure, style: Style, depth: int = 100) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2, width_ratios=(1, 1.35))
        self._plane(self._left, 2.2)
        self.heading(self._left, "eigenvalues of $W_1$")
        self._right.set(xlim=(0, depth), xlabel="depth $L$")
        self.decades(self._right, -40, 20)
        self.heading(self._right, "$\\sigma_i$ of $W_L \\cdots W_1$; thin: quartiles, dots: theory")
        self._values = self.curve(self._left, "eigenvalue", linestyle="", marker="o", markersize=1.5 * style.width,
                                  fillstyle="none", markeredgewidth=0.5 * style.width)
        self._circle = self.curve(self._left, "prediction")
        self._outside = self.crosses(self._left, size=3.6)
        shown = [("largest", "-", 1.4), ("", "-", 0.4), ("median", "--", 1.2), ("", "-", 0.4), ("smallest", "-.", 1.0)]
        self._five = [self.curve(self._right, "singular_value", label, marker="", linestyle=dash, linewidth=wide * style.width)
                      for label, dash, wide in shown]
        self._predicted = self.curve(self._right, "prediction")
        self._orthogonal = self.curve(self._right, "weight", "orthogonal", markevery=10)
        self._limit = self.curve(self._right, "threshold", "rounding of largest", linewidth=0.6 * style.width)
        self._lost = self.crosses(self._right, size=3.6)
        self._ring_left, self._ring_right = self.ring(self._left), self.ring(self._right)
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: Spectra) -> None:
        """Move points, circle and curves."""
        s, L = result.weight_scale, result.depths
        self._values.set_data(result.values.real, result.values.imag)
        reach = self._left.get_xlim()[1]
        outside = result.values[np.maximum(abs(result.values.real), abs(result.values.imag)) > reach]
        edge = 0.97 * reach
        self._outside.set_data(np.clip(outside.real, -edge, edge), np.clip(outside.imag, -edge, edge))
        self._circle.set_data(s * _TURN.real, s * _TURN.imag)
        for line, exponents in zip(self._five, result.product, strict=True):
            line.set_data(L, height(exponents))
        theory = np.column_stack([height(result.predicted[[0, 2, 4]]), np.full(3, np.nan)])  # three curves in one, with gaps
        self._predicted.set_data(np.tile([*L, np.nan], 3), theory.ravel())
        self._orthogonal.set_data(L, height(result.orthogonal))
        self._limit.set_data(L, height(result.product[0] + np.log10(np.finfo(float).eps)))
        self._lost.set_data(*exits(self._right, L, *result.product, result.orthogonal))
        self._ring_left.set_data([s * 0.5**0.5], [s * 0.5**0.5])
        self._ring_right.set_data(L[-1:], np.clip(height(result.predicted[2, -1:]), *self._right.get_ylim()))
        self._left_words.set_text(f"ρ = {abs(result.values[0]):.2f}   σ₁ = {result.spectral_norm:.2f}"
                                 + f"   {outside.size} outside" * bool(outside.size))
        largest, median = (power_of_ten(result.product[i, -1]) for i in (0, 2))
        self._right_words.set_text(f"largest {largest}, median {median}" if np.isfinite(result.product[0, -1])
                                   else "the product follows when the hand rests")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The circle of the circular law, and the far end of the predicted median."""
        return places(self._ring_left, self._ring_right)
