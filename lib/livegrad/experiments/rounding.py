"""How many digits of the sigmoid's slope survive the way in which it is computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from livegrad.activations import get
from livegrad.validation import choice, number

__all__ = ["FORMS", "PRECISIONS", "SlopeDigits", "slope_digits"]


def _through(power: np.ndarray) -> np.ndarray:
    return power / (1 + power) ** 2


_FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "a(1-a)": get("sigmoid").derivative,
    "e^-z": lambda z: _through(np.exp(-z)),
    "e^-|z|": lambda z: _through(np.exp(-np.abs(z))),
}
FORMS: tuple[str, ...] = tuple(_FORMS)
"""Three ways to write σ'(z): a(1 − a), and p/(1 + p)² with p = e^(-z) or with p = e^(-|z|). On paper they are equal."""

_PRECISIONS = {"float32": np.float32, "float64": np.float64}
PRECISIONS: tuple[str, ...] = tuple(_PRECISIONS)


@dataclass(frozen=True)
class SlopeDigits:
    """The sigmoid's slope as a computer finds it, beside the slope as it is.

    Attributes
    ----------
    form, precision : str
    z : float
        The z looked at.
    grid : ndarray (k,)
        All z.
    computed, true : ndarray (k,)
        The slope there; `computed` may hold 0 and nan.
    """

    form: str
    precision: str
    z: float
    grid: np.ndarray
    computed: np.ndarray
    true: np.ndarray

    @property
    def formula(self) -> str:
        """The form written out."""
        return f"p/(1+p)² with p = {self.form}" if self.form.startswith("e") else self.form

    @property
    def here(self) -> int:
        """Index of z in the grid."""
        return int(np.argmin(np.abs(self.grid - self.z)))

    @property
    def digits(self) -> np.ndarray:
        """Right decimal digits of `computed`, (k,): −log₁₀ of its relative error, from 0 to those the precision has."""
        most = -math.log10(np.finfo(_PRECISIONS[self.precision]).eps)
        with np.errstate(divide="ignore"):
            digits = -np.log10(np.abs(self.computed / self.true - 1))
        return np.clip(np.nan_to_num(digits, nan=0.0, posinf=most), 0.0, most) + 0.0  # and no −0


def slope_digits(form: str, precision: str, z: float, widest: float = 120.0, step: float = 0.5) -> SlopeDigits:
    """The slope in one form and one precision, for all z from −widest to widest.

    The form with e^(-|z|) neither overflows nor cancels: each of its four steps is right but for one rounding (Blanchard,
    Higham & Higham 2021, show the same for the softmax). So in float64 it serves as the true slope; the tests hold it
    against arithmetic with fifty digits.

    Parameters
    ----------
    form : str
        One of `FORMS`.
    precision : str
        One of `PRECISIONS`: of z, and of all that is computed from it.
    z : float
        Where to look. It is moved to the nearest point of the grid.
    widest, step : float
        Ends and spacing of the grid.

    Returns
    -------
    SlopeDigits

    Raises
    ------
    ValueError
        If there is no such form or precision, or a number is not one.

    Examples
    --------
    >>> lost = slope_digits("a(1-a)", "float64", z=40)
    >>> float(lost.computed[lost.here]), f"{lost.true[lost.here]:.2e}", float(lost.digits[lost.here])
    (0.0, '4.25e-18', 0.0)
    """
    compute, dtype = choice("form", form, _FORMS), choice("precision", precision, _PRECISIONS)
    count = round(number("widest", widest, low=0, strict=True) / number("step", step, low=0, strict=True))
    grid = np.arange(-count, count + 1) * step
    with np.errstate(all="ignore"):  # what overflows here is the result
        computed = compute(grid.astype(dtype)).astype(np.float64)
    result = SlopeDigits(form, precision, number("z", z), grid, computed, true=_FORMS["e^-|z|"](grid))
    return replace(result, z=float(grid[result.here]))
