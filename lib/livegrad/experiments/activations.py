"""What an activation function does to a signal, and to the error that comes back through it: measured, and at one point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from livegrad import activations
from livegrad.activations import ACTIVATIONS, Activation
from livegrad.validation import fail, number

__all__ = ["ActivationTable", "Curve", "Facts", "Tangent", "activation_table", "curve", "facts", "tangent"]

# --- the table: facts found by evaluating the functions, not by knowing them ---

_FAR = 1e6
_OF_PYTORCH = "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"  # `torch.nn.init.calculate_gain` knows these


@dataclass(frozen=True)
class Facts:
    """What evaluating φ and φ' on a wide grid says about them.

    Attributes
    ----------
    name : str
    range : (float, float)
        Infimum and supremum of φ.
    at_zero, slope_at_zero : float
        φ(0) and φ'(0). At a kink the slope is the library's choice, see `Activation.derivative`.
    mean : float
        E[φ(z)] for z ~ N(0, 1): 0 if the function is zero-centered.
    least_slope, max_slope : float
    gain : float
        1/√E[φ(z)²] for z ~ N(0, 1).
    convention : float
        The gain that the library uses, `Activation.gain`: PyTorch's where PyTorch defines one.
    saturates : {"no", "left", "right", "both"}
        Where the slope goes to 0.
    can_die : bool
        Whether the slope is exactly 0 on a whole half-line.
    kink : bool
        Whether the slope jumps at 0.
    """

    name: str
    range: tuple[float, float]
    at_zero: float
    slope_at_zero: float
    mean: float
    least_slope: float
    max_slope: float
    gain: float
    convention: float
    saturates: str
    can_die: bool
    kink: bool


@cache
def facts(activation: str | Activation) -> Facts:
    """Measure one activation function.

    Raises
    ------
    ValueError
        If there is no such function.

    Examples
    --------
    >>> sigmoid = facts("sigmoid")
    >>> sigmoid.range, sigmoid.max_slope, sigmoid.saturates
    ((0.0, 1.0), 0.25, 'both')
    """
    phi = activations.get(activation)
    z = _wide_grid()
    value, slope = phi(z), phi.derivative(z)
    ends = [_limit(phi, side * _FAR) for side in (-1, 1)]
    # A slope that only rounds to 0 does so far out; one that is 0 from z = ∓1 on is 0 by definition.
    zero = [not slope[z < -1].any(), not slope[z > 1].any()]
    vanishes = [abs(phi.derivative(side * _FAR)) < 1e-9 * slope.max() for side in (-1, 1)]
    return Facts(
        name=phi.name, range=(float(min(value.min(), *ends)), float(max(value.max(), *ends))),
        at_zero=float(phi(0.0)), slope_at_zero=float(phi.derivative(0.0)), mean=activations.normal_mean(phi),
        least_slope=float(slope.min()), max_slope=float(slope.max()),
        gain=activations.variance_gain(phi), convention=phi.gain,
        saturates={(False, False): "no", (True, False): "left", (False, True): "right", (True, True): "both"}[tuple(vanishes)],
        can_die=any(zero), kink=bool(_jumps(phi, np.zeros(1))[0]))


@cache
def _wide_grid() -> np.ndarray:
    """Fine where the functions bend, and out to ±1e6."""
    far = np.logspace(1, math.log10(_FAR), 501)
    return np.concatenate([-far[::-1], np.linspace(-10, 10, 20001), far])


def _limit(phi: Activation, far: float) -> float:
    """φ as z → ±∞: what it is far out, or ±∞ if it still grows there."""
    there, before = float(phi(far)), float(phi(far / 1000))
    return math.copysign(math.inf, there) if abs(there) > 100 * abs(before) else there


def _jumps(phi: Activation, z: np.ndarray) -> np.ndarray:
    """Where the slope jumps: a smooth one changes by less than a thousandth within 1e-6."""
    return np.abs(phi.derivative(z + 1e-6) - phi.derivative(z - 1e-6)) > 1e-3


@dataclass(frozen=True, repr=False)
class ActivationTable:
    """Facts of several activation functions, which print as a table.

    Attributes
    ----------
    rows : tuple of Facts
    """

    rows: tuple[Facts, ...]

    def __getitem__(self, name: str) -> Facts:
        """The row of one function."""
        return next((row for row in self.rows if row.name == name), None) or fail(
            "name", f"one of {', '.join(row.name for row in self.rows)}", repr(name))

    def __repr__(self) -> str:
        head = ("function", "range", "φ(0)", "φ'(0)", "mean φ", "max φ'", "gain", "PyTorch's", "saturates", "can die", "kink")
        lines = [head, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cells(row: Facts) -> tuple[str, ...]:
    def text(x: float) -> str:
        return f"{x:.4g}" if abs(x) > 1e-9 else "0"

    numbers = map(text, (row.at_zero, row.slope_at_zero, row.mean, row.max_slope, row.gain))
    same = "same" if math.isclose(row.gain, row.convention, rel_tol=1e-3) else text(row.convention)
    other = same if row.name in _OF_PYTORCH else "none"
    can_die, kink = ("yes" if fact else "no" for fact in (row.can_die, row.kink))
    return row.name, f"{text(row.range[0])} to {text(row.range[1])}", *numbers, other, row.saturates, can_die, kink


def activation_table(names: Sequence[str | Activation] = ACTIVATIONS) -> ActivationTable:
    """The facts that decide how a gradient fares, measured for each activation function.

    ``gain`` is 1/√E[φ(z)²] for z ~ N(0, 1); ``PyTorch's`` is what its `calculate_gain` says, which is copied, not
    measured: the same, another number, or none. ``mean φ`` is E[φ(z)] for the same z.

    Examples
    --------
    >>> print(activation_table(["sigmoid", "relu"]))
    function  range     φ(0)  φ'(0)  mean φ  max φ'  gain   PyTorch's  saturates  can die  kink
    sigmoid   0 to 1    0.5   0.25   0.5     0.25    1.846  1          both       no       no
    relu      0 to inf  0     0      0.3989  1       1.414  same       left       yes      yes
    """
    return ActivationTable(tuple(facts(name) for name in names))


# --- one unit: the curve and its tangent ---


@dataclass(frozen=True)
class Curve:
    """φ and φ' on a grid.

    Attributes
    ----------
    name : str
    z, value, slope : ndarray (k,)
        Where the slope jumps it is nan, so that no line is drawn across.
    """

    name: str
    z: np.ndarray
    value: np.ndarray
    slope: np.ndarray


@lru_cache(maxsize=32)
def curve(activation: str | Activation, widest: float = 8.0, count: int = 401) -> Curve:
    """φ and φ' from −widest to widest.

    Examples
    --------
    >>> bool(np.nanmax(curve("sigmoid").slope) == 0.25)
    True
    """
    phi = activations.get(activation)
    z = np.linspace(-widest, widest, count)
    z = np.union1d(z, [-1e-5, 0.0, 1e-5])
    slope = np.where(_jumps(phi, z), np.nan, phi.derivative(z))
    return Curve(phi.name, z, phi(z), slope)


@dataclass(frozen=True)
class Tangent:
    """One unit at one z, with a message e = ∂C/∂a coming back to it.

    Attributes
    ----------
    curves : tuple of Curve
        The unit's own first, then those to compare with.
    z, e : float
    value, slope : float
        φ(z) and φ'(z).
    sides : (float, float)
        The slopes just left and just right of z. They differ at a kink only.
    """

    curves: tuple[Curve, ...]
    z: float
    e: float
    value: float
    slope: float
    sides: tuple[float, float]

    @property
    def passed_back(self) -> float:
        """∂C/∂z = e·φ'(z): what the unit hands to everything below."""
        return self.e * self.slope

    @property
    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        """The tangent, two units of z to each side; at a kink one for each side, with nan between them."""
        slopes = self.sides if self.kink else (self.slope,)
        return (np.concatenate([self.z + np.array([-2, 2, np.nan]) for _ in slopes]),
                np.concatenate([self.value + slope * np.array([-2, 2, np.nan]) for slope in slopes]))

    @property
    def kink(self) -> bool:
        """Whether the slope jumps at z."""
        return abs(self.sides[1] - self.sides[0]) > 1e-3


def tangent(activation: str | Activation, z: float, e: float = 1.0, others: Sequence[str | Activation] = ()) -> Tangent:
    """Value and slope at z, and what is passed back.

    Parameters
    ----------
    activation : str or Activation
    z : float
    e : float
        The message from above, ∂C/∂a.
    others : sequence of str or Activation
        Curves to compare with.

    Returns
    -------
    Tangent

    Examples
    --------
    >>> tangent("sigmoid", z=0.0, e=2.0).passed_back
    0.5
    >>> tangent("relu", z=0.0).sides
    (0.0, 1.0)
    """
    # A slider's 0 may be 1e-16, and a kink is met at 0 only.
    z, e = round(number("z", z), 9), number("e", e)
    phi = activations.get(activation)
    value, slope, left, right = (float(x) for x in (phi(z), *phi.derivative(np.array([z, z - 1e-6, z + 1e-6]))))
    return Tangent(tuple(curve(name) for name in (activation, *others)), z, e, value, slope, (left, right))
