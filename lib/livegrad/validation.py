"""Argument checks shared by the math modules.

Every check raises a `ValueError` that names the argument, what was expected and what came, so that a
reader sees the mistake in the call and not a broadcasting error ten frames below it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

Shape = Sequence[int | None]  # None stands for "any size here"


def fail(name: str, expected: str, got: object) -> NoReturn:
    """Raise the one kind of error all checks raise.

    Examples
    --------
    >>> fail("x", "a positive number", -1)
    Traceback (most recent call last):
    ValueError: x: expected a positive number, got -1
    """
    raise ValueError(f"{name}: expected {expected}, got {got}")


def floats(name: str, x: Any, shape: Shape | None = None, dtype: Any = None) -> np.ndarray:
    """`x` as an array of real floats; integers and booleans become float64, float32 stays float32.

    Parameters
    ----------
    name : str
        How the caller's caller knows the argument.
    x : array_like
        Anything NumPy turns into real numbers.
    shape : sequence of int or None, optional
        The shape that `x` must have; None in a place allows any size there.
    dtype : dtype, optional
        Convert to this floating type instead.

    Returns
    -------
    numpy.ndarray
        `x` itself where nothing had to be changed.

    Raises
    ------
    ValueError
        If `x` is not numeric, is complex, or has another shape.

    Examples
    --------
    >>> floats("x", [[1, 2, 3]], shape=(None, 3))
    array([[1., 2., 3.]])
    >>> floats("x", [1, 2, 3], shape=(None, 3))
    Traceback (most recent call last):
    ValueError: x: expected shape (any, 3), got (3,)
    """
    try:
        x = np.asarray(x)
    except ValueError:
        fail(name, "an array of numbers", "rows of different lengths")
    if x.dtype.kind not in "fiub":
        fail(name, "an array of real numbers", f"{x.dtype} values")
    if shape is not None and not _fits(x.shape, shape):
        fail(name, f"shape {_spelled(shape)}", x.shape)
    if dtype is None and x.dtype.kind != "f":
        dtype = np.float64
    return x if dtype is None else x.astype(dtype, copy=False)


def finite(name: str, x: Any, shape: Shape | None = None) -> np.ndarray:
    """`x` as an array of finite float64.

    Examples
    --------
    >>> finite("W", [[1.0, math.inf]])
    Traceback (most recent call last):
    ValueError: W: expected finite numbers, got inf or nan among them
    """
    x = floats(name, x, shape, np.float64)
    return x if np.isfinite(x).all() else fail(name, "finite numbers", "inf or nan among them")


def square(name: str, x: Any) -> np.ndarray:
    """`x` as a square matrix of finite float64.

    Examples
    --------
    >>> square("W", [[1, 2, 3]])
    Traceback (most recent call last):
    ValueError: W: expected a square matrix, got shape (1, 3)
    """
    x = finite(name, x, (None, None))
    return x if x.shape[0] == x.shape[1] > 0 else fail(name, "a square matrix", f"shape {x.shape}")


def integers(name: str, x: Any, shape: Shape | None = None, below: int | None = None) -> np.ndarray:
    """`x` as an array of integers in [0, `below`).

    Raises
    ------
    ValueError
        If an entry is not an integer or out of range, or if the shape is another.

    Examples
    --------
    >>> integers("labels", [0, 2, 1], below=3)
    array([0, 2, 1])
    >>> integers("labels", [0, 2, 1], below=2)
    Traceback (most recent call last):
    ValueError: labels: expected integers from 0 to 1, got 2
    """
    x = np.asarray(x)
    if x.dtype.kind not in "iu":
        fail(name, "integers", f"{x.dtype} values")
    if shape is not None and not _fits(x.shape, shape):
        fail(name, f"shape {_spelled(shape)}", x.shape)
    outside = x[(x < 0) | (x >= (math.inf if below is None else below))]
    if outside.size:
        fail(name, f"integers from 0 to {below - 1}" if below else "integers from 0", outside.flat[0])
    return x


def number(name: str, x: Any, low: float = -math.inf, high: float = math.inf, strict: bool = False) -> float:
    """`x` as a finite float in [`low`, `high`], or in the open interval if `strict`.

    Raises
    ------
    ValueError
        If `x` is not one finite real number or lies outside.

    Examples
    --------
    >>> number("lr", 0.1, low=0)
    0.1
    >>> number("lr", 0, low=0, strict=True)
    Traceback (most recent call last):
    ValueError: lr: expected a finite number in (0, inf), got 0
    """
    try:
        value = float(x)
    except (TypeError, ValueError):
        value = math.nan
    inside = low < value < high if strict else low <= value <= high
    if not (inside and math.isfinite(value)):
        bounds = f"({low}, {high})" if strict else f"[{low}, {high}]"
        fail(name, f"a finite number in {bounds}", repr(x))
    return value


def positive_ints(name: str, x: Any, at_least: int = 1) -> tuple[int, ...]:
    """`x` as a tuple of `at_least` or more integers, each 1 or larger.

    Examples
    --------
    >>> positive_ints("sizes", [64, 100, 10], at_least=2)
    (64, 100, 10)
    >>> positive_ints("sizes", [64, 0], at_least=2)
    Traceback (most recent call last):
    ValueError: sizes: expected 2 or more integers, each at least 1, got [64, 0]
    """
    try:
        values = tuple(x)
    except TypeError:
        values = ()
    if len(values) < at_least or not all(isinstance(v, int | np.integer) and v >= 1 for v in values):
        fail(name, f"{at_least} or more integers, each at least 1", x)
    return tuple(int(v) for v in values)


def choice(name: str, key: object, options: Mapping[str, Any] | Sequence[str]) -> Any:
    """`options[key]` of a mapping (or `key` itself of a sequence), or an error that lists the options.

    Examples
    --------
    >>> choice("mode", "fan_in", ["fan_in", "fan_out"])
    'fan_in'
    >>> choice("mode", "fan_avg", ["fan_in", "fan_out"])
    Traceback (most recent call last):
    ValueError: mode: expected one of fan_in, fan_out, got 'fan_avg'
    """
    if not isinstance(key, str) or key not in options:
        fail(name, f"one of {', '.join(options)}", repr(key))
    return options[key] if isinstance(options, Mapping) else key


def generator(name: str, rng: object) -> np.random.Generator:
    """`rng` if it is a NumPy `Generator`; seeds and the global state are refused, so that no draw is hidden.

    Examples
    --------
    >>> generator("rng", 42)
    Traceback (most recent call last):
    ValueError: rng: expected a numpy.random.Generator (np.random.default_rng(seed)), got 42
    """
    if not isinstance(rng, np.random.Generator):
        fail(name, "a numpy.random.Generator (np.random.default_rng(seed))", repr(rng))
    return rng


def _fits(shape: tuple[int, ...], wanted: Shape) -> bool:
    return len(shape) == len(wanted) and all(w is None or n == w for n, w in zip(shape, wanted))


def _spelled(shape: Shape) -> str:
    sizes = ["any" if n is None else str(n) for n in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
