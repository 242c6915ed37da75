"""Check a gradient that was derived by hand against one that was only measured.

>>> import numpy as np
>>> x = np.array([1.0, 2.0])
>>> numerical_gradient(lambda x: (x**2).sum(), x).round(6)
array([2., 4.])
>>> check_gradient(lambda x: (x**2).sum(), x, 2 * x) < 1e-8
True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from livegrad.mlp import norm
from livegrad.validation import fail, floats, number


def numerical_gradient(f: Callable[[np.ndarray], float], x: Any, h: float | None = None) -> np.ndarray:
    """∂f/∂x by central differences, (f(x + h) − f(x − h)) / 2h, one entry at a time, in float64.

    Parameters
    ----------
    f : callable
        Takes an array of x's shape, gives one number. It may keep or change its argument.
    x : array_like, any shape
        It is not changed.
    h : float, optional
        The step. Default: ∛ε·max(1, |x|) ≈ 6e-6 for each entry, which balances the error of the formula, ~h²,
        against rounding, ~ε/h (Press et al. 2007, sec. 5.7). About ten digits are right at best.

    Returns
    -------
    ndarray of float64, shape of `x`

    Raises
    ------
    ValueError
        If `h` is not positive or `f` does not give one number.

    Examples
    --------
    >>> float(numerical_gradient(np.sin, 0.0).round(8))
    1.0
    """
    x = np.array(floats("x", x), np.float64)
    steps = np.finfo(float).eps ** (1 / 3) * np.maximum(1, np.abs(x))
    if h is not None:
        steps = np.full(x.shape, number("h", h, low=0, strict=True))
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += steps[i]
        down[i] -= steps[i]
        width = up[i] - down[i]  # not exactly 2h: x + h was rounded
        gradient[i] = (_one_number(f, up) - _one_number(f, down)) / width
    return gradient


def relative_error(a: Any, b: Any) -> float:
    """‖a − b‖ / max(‖a‖, ‖b‖): 0 for equal arrays (also if both are 0), 1 if one is 0, 2 for opposite signs.

    Entry by entry, as some courses do it, an entry that is 0 but for rounding would count as wholly wrong.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> relative_error([3.0, 4.0], [3.0, 4.5]) < 0.1, relative_error([1.0], [-1.0])
    (True, 2.0)
    """
    a = floats("a", a)
    b = floats("b", b, shape=a.shape)
    larger = max(norm(a), norm(b))
    return norm(a - b) / larger if larger else 0.0


def check_gradient(
    f: Callable[[np.ndarray], float], x: Any, gradient: Any, tolerance: float = 1e-6, h: float | None = None
) -> float:
    """Compare `gradient`, claimed to be ∂f/∂x at `x`, with central differences.

    Returns
    -------
    float
        The relative error, at most `tolerance`.

    Raises
    ------
    AssertionError
        If the error is larger or not a number; it names the worst entry.
    ValueError
        If the shapes of `x` and `gradient` differ.

    Examples
    --------
    >>> check_gradient(lambda x: (x**2).sum(), np.array([1.0, 2.0]), np.array([2.0, 5.0]))
    Traceback (most recent call last):
    AssertionError: relative error 0.19; worst at (1,): claimed 5, measured 4
    """
    x = floats("x", x)
    gradient = floats("gradient", gradient, shape=x.shape)
    measured = numerical_gradient(f, x, h)
    error = relative_error(gradient, measured)
    if not error <= tolerance:
        worst = np.unravel_index(np.argmax(np.abs(gradient - measured)), x.shape)
        claim = f"claimed {gradient[worst]:g}, measured {measured[worst]:g}"
        raise AssertionError(f"relative error {error:.2g}; worst at {tuple(map(int, worst))}: {claim}")
    return error


def _one_number(f: Callable[[np.ndarray], float], x: np.ndarray) -> float:
    value = np.asarray(f(x))
    if value.ndim:
        fail("f", "a function that gives one number", f"shape {value.shape}")
    return float(value)
