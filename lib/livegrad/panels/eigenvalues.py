"""Panels of notebook 03: eigenvalues of Wᵗ."""

from __future__ import annotations

import cmath
import math
from functools import lru_cache, partial

import numpy as np

from livegrad.experiments.eigenvalues import KINDS, Hump, PowerIteration, Powers, TurningPlanes, hump, power_iteration
from livegrad.experiments.random_weights import DEPTHS, RandomProduct, Repetition, SharedWeights, Spectra
from livegrad.figures.eigenvalues import (
    EigenvalueScene,
    HumpScene,
    PowerIterationScene,
    RepetitionScene,
    SpectraScene,
    degrees,
    power_of_ten,
)
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel

__all__ = ["eigenvalue_panel", "nonnormal_panel", "power_iteration_panel", "random_matrix_panel", "same_matrix_panel"]


def eigenvalue_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Eigenvalues in the complex plane, and what they do to ‖Wᵗ‖₂, ‖Wᵗx‖ and ρᵗ.

    The dominant pair can be dragged across the unit circle, the largest of the other eigenvalues in and out, and the
    line ρᵗ up and down.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"size=200 spectral_radius=1.05 angle=30"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> panel = eigenvalue_panel("size=2 spectral_radius=0.5 angle=90")
    >>> abs(panel.result.values).round(6)
    array([0.5, 0.5])
    """
    draw = lru_cache(maxsize=8)(TurningPlanes)

    def compute(size: int, seed: int, **dominant: float) -> Powers:
        return draw(seed, size).powers(**dominant)

    def drag(grip: int, x: float, y: float, result: Powers) -> dict[str, float]:
        if grip == 0:
            return {"spectral_radius": y ** (1 / max(x, 1))}
        radius, angle = cmath.polar(complex(x, y))
        if grip < 3:
            return {"spectral_radius": radius, "angle": abs(math.degrees(angle))}
        return {"rest": radius / result.spectral_radius} if result.spectral_radius else {}

    return Panel(
        EigenvalueScene,
        [Slider("size", "Size n", 2, 200, 20),
         Slider("spectral_radius", "Spectral radius ρ", 0.0, 1.5, 0.95, 0.01),
         Slider("angle", "Angle (degrees)", 0, 180, 20),
         Slider("rest", "Others over ρ", 0.0, 1.0, 0.8, 0.01),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        compute, _describe_powers, drag=drag, state=state, lecture=lecture,
        presets={"Vanish": "spectral_radius=0.9", "Survive": "spectral_radius=1", "Explode": "spectral_radius=1.1"})


def _describe_powers(result: Powers) -> str:
    rho, last = result.spectral_radius, result.steps
    if rho == 0:
        return "Spectral radius 0: every eigenvalue is 0 here, and Wᵗ is 0 from t = 1 on."
    fate = ("ρᵗ stays at 1" if math.isinf(result.tenfold) else
            f"ρᵗ {'vanishes' if rho < 1 else 'explodes'}, tenfold every {plain(result.tenfold)} steps")
    return (f"Spectral radius {rho:.3g}: {fate}. ‖W‖₂ = {plain(result.spectral_norm)}, and at t = {last} "
            f"‖Wᵗ‖₂ = {power_of_ten(result.norm[-1])}. It is never more than cond(V) = {result.condition:.3g} times ρᵗ.")


def nonnormal_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The same eigenvalues under a growing off-diagonal: ‖Wᵗ‖₂ rises before it falls.

    The line ρᵗ can be dragged, which sets the eigenvalue, and the peak, which sets the off-diagonal.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"kind=jordan size=2 off_diagonal=5 view=near"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> nonnormal_panel("kind=identity eigenvalue=1").readout
    'Spectral radius 1, ‖W‖₂ = 1. ‖Wᵗ‖₂ = 1 at every t. W is normal: cond(V) = 1, and every singular value is an |λ|.'
    """

    @lru_cache(maxsize=8)
    def known(draft: bool, **matrix: float) -> Hump:
        return hump(**matrix, draft=draft)

    def compute(view: str, size: int, draft: bool = False, **matrix: float) -> tuple[Hump, str]:
        return known(draft=draft and size > 20, size=size, **matrix), view

    def drag(grip: int, x: float, y: float, result: tuple[Hump, str]) -> dict[str, float]:
        shown, _ = result
        if grip == 0:
            return {"eigenvalue": y ** (1 / max(x, 1))}
        # The peak's height goes like a power of the off-diagonal. Which one, a small step tells.
        values = {name: value for name, value in panel.values.items() if name != "view"}
        now, more = (hump(**values | {"off_diagonal": factor * values["off_diagonal"]}, draft=True) for factor in (1, 1.01))
        power = (more.norm.max() - now.norm.max()) / math.log10(1.01)
        if power < 0.1:
            return {}
        return {"off_diagonal": values["off_diagonal"] * 10 ** np.clip((math.log10(y) - shown.norm.max()) / power, -1, 1)}

    panel = Panel(
        HumpScene,
        [Choice("kind", "Matrix", KINDS, "triangular"),
         Slider("size", "Size n", 2, 50, 20, lecture=False),
         Slider("eigenvalue", "Eigenvalue λ", 0.5, 1.1, 0.9, 0.01),
         Slider("off_diagonal", "Off-diagonal", 0.0, 5.0, 2.5, 0.05),
         Choice("view", "View", tuple(HumpScene.VIEWS), "far")],
        compute, _describe_hump, preview=partial(compute, draft=True), drag=drag, state=state, lecture=lecture,
        presets={"2 × 2": "kind=jordan size=2 eigenvalue=0.9 off_diagonal=5 view=near",
                 "Jordan": "kind=jordan size=10 eigenvalue=0.9 off_diagonal=1 view=far",
                 "Orthogonal": "kind=orthogonal size=20 eigenvalue=1 view=near"})
    return panel


def _describe_hump(result: tuple[Hump, str]) -> str:
    shown, _ = result
    peak, last = power_of_ten(shown.norm[shown.peak]), shown.t[-1]
    if np.abs(shown.norm).max() < 1e-9:
        course = "‖Wᵗ‖₂ = 1 at every t"
    elif shown.peak == len(shown.t) - 1:
        course = f"‖Wᵗ‖₂ is {peak} at t = {last}, and still grows"
    elif shown.peak == 0:
        course = "‖Wᵗ‖₂ is never above 1"
    else:
        end = f"is below 1 from t = {shown.settled:.0f} on" if math.isfinite(shown.settled) else f"is still above 1 at t = {last}"
        course = f"‖Wᵗ‖₂ peaks with {peak} at t = {shown.t[shown.peak]} and {end}"
    return f"Spectral radius {plain(shown.spectral_radius)}, ‖W‖₂ = {plain(shown.singular_values[0])}. {course}. {_basis(shown)}"


def _basis(shown: Hump) -> str:
    """What is to be said of the eigenvectors."""
    if math.isinf(shown.condition):
        exactly = np.ptp(shown.moduli) == 0
        return ("W is defective: it has no basis of eigenvectors." if exactly else
                "To rounding, W has no basis of eigenvectors: V is singular as far as float64 can tell.")
    if shown.condition < 1 + 1e-6:
        return "W is normal: cond(V) = 1, and every singular value is an |λ|."
    condition = plain(shown.condition) if shown.condition < 1e4 else f"{shown.condition:.1e}"
    return f"cond(V) = {condition}{', so W is nearly defective' if shown.condition > 1e6 else ''}."


def power_iteration_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The share of each eigen-direction in Wᵗx: only the dominant one survives.

    The start x can be dragged around its circle.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"size=3 ratio=0.5 dominant=pair"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> panel = power_iteration_panel("size=2 ratio=0.5 start=90")
    >>> panel.result.won, round(panel.result.predicted, 1)
    (8.0, 7.7)
    """
    return Panel(
        PowerIterationScene,
        [Slider("size", "Size n", 2, 6, 4),
         Choice("dominant", "Dominant λ", ("real", "pair"), "real"),
         Slider("ratio", "Next |λ| over ρ", 0.05, 1.0, 0.8, 0.01),
         Slider("start", "Start x (degrees)", -180, 180, 100),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        power_iteration, _describe_iteration, state=state, lecture=lecture,
        drag=lambda grip, x, y, result: {"start": math.degrees(math.atan2(y, x))},
        presets={"Fast": "ratio=0.3 dominant=real", "Slow": "ratio=0.97 dominant=real",
                 "Turning pair": "size=4 ratio=0.8 dominant=pair"})


def _describe_iteration(result: PowerIteration) -> str:
    last, name = len(result.share) - 1, "The pair" if result.pair else "λ₁"
    share = percent(result.share[-1, 0], ".3g")
    if len(result.values) == 1:
        course = "There is only the pair, and it has all of Wᵗx"
    elif result.share[0, 0] == 0:
        course = f"x has no part along v₁. {name} has nothing to grow from and never appears"
    elif math.isclose(result.ratio, 1):
        course = f"The next |λ| is as large: neither wins. {name} keeps a share of {share}"
    else:
        course = (f"{name} has 99 % from t = {result.won:.0f} on" if math.isfinite(result.won) else
                  f"{name} has {share} at t = {last}, not yet 99 %")
        lacking = "" if result.rival == 1 else "x has no part along v₂; "
        course += f" ({lacking}predicted from the next λ alone: {plain(result.predicted)})"
    end = ("the direction of Wᵗx turns by 30° a step and never settles" if result.pair else
           f"at t = {last} Wᵗx points {degrees(result.off[-1])} away from v₁. v₂ lies at {result.turned:.0f}°")
    return f"{course}; {end}."


def same_matrix_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The same W at every step against another W at each, with a band over 31 random nets.

    The middle line of the many-W nets can be dragged: it sets the weight scale.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"size=10 activation=tanh weight_scale=1.5"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> result = same_matrix_panel("size=10").result
    >>> bool(result.spread(result.same)[-1] > 2 * result.spread(result.different)[-1])
    True
    """
    draw = lru_cache(maxsize=3)(SharedWeights)

    def compute(seed: int, **net: float) -> Repetition:
        return draw(seed).repeat(**net)

    def preview(seed: int, **net: float) -> Repetition:
        """The first steps of nets that are still to be drawn."""
        return draw(seed).repeat(**net, steps=None if draw(seed).drawn else 15)

    def drag(grip: int, x: float, y: float, result: Repetition) -> dict[str, float]:
        t = int(np.clip(round(x), 1, result.steps))
        middle, scale = result.different[1, t], panel.controls["weight_scale"].value
        return {"weight_scale": scale * 10 ** ((math.log10(y) - middle) / t)} if np.isfinite(middle) else {}

    panel = Panel(
        RepetitionScene,
        [Slider("size", "Size n", 2, 50, 10),
         Choice("activation", "Activation", ("linear", "tanh", "relu"), "linear"),
         Slider("weight_scale", "Weight scale", 0.2, 3.0, 1.0, 0.05),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        compute, _describe_repetition, preview=preview, drag=drag, state=state, lecture=lecture,
        presets={"Small": "size=4 activation=linear weight_scale=1", "Large": "size=50 activation=linear weight_scale=1",
                 "Tanh": "size=20 activation=tanh weight_scale=1.5"})
    return panel


def _describe_repetition(result: Repetition) -> str:
    def said(band: np.ndarray) -> str:
        low, high = band[0, -1], band[2, -1]
        if not np.isfinite(high):
            return "at exactly 0"
        return (f"from 10^{low:.1f} to 10^{high:.1f}, over {high - low:.1f} powers of ten," if np.isfinite(low) else
                f"from exactly 0 to 10^{high:.1f}")

    return (f"After {result.steps} steps back, 8 of 10 gradients lie {said(result.same)} with the same W at every step, and "
            f"{said(result.different)} with another W at each.")


def random_matrix_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Eigenvalues of a Gaussian matrix, and the singular values of a product of many, beside orthogonal ones.

    The circle can be dragged, which sets the weight scale, and the far end of the median, which sets depth and weight
    scale. The product of a new size or seed is computed once the hand rests.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"size=200 depth=50"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> random_matrix_panel("size=10 depth=5").result.depths
    array([1, 2, 3, 4, 5])
    """
    draw = lru_cache(maxsize=16)(RandomProduct)

    def compute(size: int, depth: int, weight_scale: float, seed: int) -> Spectra:
        return draw(size, seed).spectra(weight_scale, depth)

    def preview(size: int, depth: int, weight_scale: float, seed: int) -> Spectra:
        product = draw(size, seed)
        return product.spectra(weight_scale, depth, product=product.computed)

    def drag(grip: int, x: float, y: float, result: Spectra) -> dict[str, float]:
        if grip == 0:
            return {"weight_scale": math.hypot(x, y)}
        depth = min(DEPTHS[4:], key=lambda depth: abs(depth - x))
        rate = (result.predicted[2, -1] - result.orthogonal[-1]) / result.depths[-1]
        return {"depth": depth, "weight_scale": 10 ** (math.log10(y) / depth - rate)}

    return Panel(
        SpectraScene,
        [Slider("size", "Size n", 3, 200, 100),
         Slider("depth", "Depth L", 5, 100, 100, 5),
         Slider("weight_scale", "Weight scale", 0.1, 2.0, 1.0, 0.05),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        compute, _describe_spectra, preview=preview, drag=drag, state=state, lecture=lecture,
        presets={"Small": "size=10 weight_scale=1", "Large": "size=200 weight_scale=1"})


def _describe_spectra(result: Spectra) -> str:
    s, n, depth = result.weight_scale, len(result.values), result.depths[-1]
    one = f"n = {n}, weight scale {s:.3g}: largest |λ| = {abs(result.values[0]):.2f}, ‖W‖₂ = {result.spectral_norm:.2f}."
    if np.isnan(result.product[0, -1]):
        return f"{one} The product of {depth} follows when the hand rests."
    largest, median, smallest = (power_of_ten(result.product[i, -1]) for i in (0, 2, 4))
    return (f"{one} The product of {depth} has singular values from {largest} down to {smallest}, median {median}; "
            f"of orthogonal matrices, all are {power_of_ten(result.orthogonal[-1])}.")
