"""Gradient clipping: make a step that is too long short, and say what that does to its direction.

Scaling by the norm keeps the direction, and clipping every entry turns it:

>>> import numpy as np
>>> g = np.array([3.0, 4.0])
>>> by_norm(g, max_norm=1.0), by_value(g, limit=1.0)
(array([0.6, 0.8]), array([1., 1.]))
>>> float(np.degrees(angle(g, by_norm(g, 1.0))).round(2)), float(np.degrees(angle(g, by_value(g, 1.0))).round(2))
(0.0, 8.13)

Nothing is changed in place: every function gives new arrays of the old dtype. A threshold of inf clips nothing.
A gradient that holds inf or nan is treated as in PyTorch, which has no way to save it either. Its norm is inf or
nan, so multiplying by max_norm / norm leaves zeros beside the nan that came from inf · 0, or nan everywhere.
`by_global_norm(..., error_if_nonfinite=True)` raises instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from livegrad.mlp import norm
from livegrad.validation import fail, floats, number


def to_length(v: Any, length: float = 1.0) -> np.ndarray:
    """The vector of the same direction and another length: length · v / ‖v‖₂.

    Parameters
    ----------
    v : array_like, any shape
        Its norm is that of all its entries together.
    length : float
        At least 0; the default gives the unit vector.

    Returns
    -------
    ndarray
        Shape and dtype of `v`, new.

    Raises
    ------
    ValueError
        If `v` has no direction (all zeros) or `length` is negative.

    Examples
    --------
    >>> to_length([3.0, 4.0]), to_length([3.0, 4.0], 10)
    (array([0.6, 0.8]), array([6., 8.]))
    """
    v, length = floats("v", v), number("length", length, low=0)
    largest = np.abs(v).max(initial=0)
    if largest == 0:
        fail("v", "a vector with a direction", "only zeros")
    with np.errstate(invalid="ignore"):
        v = v / largest  # its norm is now far from the limits of its dtype
    return _scaled(v, length / norm(v))


def by_norm(g: Any, max_norm: float) -> np.ndarray:
    """Clip by norm: g · max_norm/‖g‖₂ if ‖g‖₂ > max_norm, else g (Pascanu, Mikolov & Bengio 2013, algorithm 1).

    The direction stays. PyTorch's `clip_grad_norm_` divides by ‖g‖ + 1e-6 and so ends a little below the
    threshold; here the clipped norm is max_norm itself, up to rounding.

    Parameters
    ----------
    g : array_like, any shape
        The gradient. Its norm is found without overflow: float32 entries of 1e30, whose squares are inf in
        float32, are clipped like any others.
    max_norm : float
        The threshold ε, at least 0; inf clips nothing.

    Returns
    -------
    ndarray
        Shape and dtype of `g`, new.

    Raises
    ------
    ValueError
        If `max_norm` is negative or not a number.

    Examples
    --------
    >>> by_norm([3.0, 4.0], 1.0), by_norm([0.3, 0.4], 1.0), by_norm([0.0, 0.0], 1.0)
    (array([0.6, 0.8]), array([0.3, 0.4]), array([0., 0.]))
    """
    g = floats("g", g)
    return _scaled(g, _factor(norm(g), _threshold("max_norm", max_norm)))


def by_value(g: Any, limit: float) -> np.ndarray:
    """Clip by value: every entry moved into [−limit, limit] on its own; PyTorch's `clip_grad_value_`.

    Large entries are cut and small ones are not, which turns the gradient. An infinite entry becomes ±limit, nan
    stays nan.

    Parameters
    ----------
    g : array_like, any shape
    limit : float
        At least 0; inf clips nothing.

    Returns
    -------
    ndarray
        Shape and dtype of `g`, new.

    Raises
    ------
    ValueError
        If `limit` is negative or not a number.

    Examples
    --------
    >>> by_value([3.0, -0.5, -4.0], 1.0)
    array([ 1. , -0.5, -1. ])
    """
    limit = _threshold("limit", limit)
    with np.errstate(over="ignore"):  # a limit beyond the range of float32 is none
        return np.clip(floats("g", g), -limit, limit)


def global_norm(grads: Sequence[Any]) -> float:
    """√Σ‖g‖² over a list of arrays: the norm of the one long vector that they form together.

    Parameters
    ----------
    grads : sequence of array_like
        Arrays of any shapes, such as `Gradients.parameters()`.

    Returns
    -------
    float
        Right also where the squares overflow or underflow. inf or nan if an entry is; inf, too, in the
        one case left: float64 entries so near the limit of 1.8e308 that their norm is beyond it.

    Raises
    ------
    ValueError
        If `grads` is one array and not a list of arrays.

    Examples
    --------
    >>> global_norm([[3.0], [[0.0, 4.0]]])
    5.0
    """
    grads = _arrays("grads", grads)
    with np.errstate(over="ignore", invalid="ignore"):
        total = sum(float(np.vdot(g, g)) for g in grads)
    # Squares of tiny numbers are lost or lose digits; above this sum that cannot have mattered.
    safe = sum(g.size * float(np.finfo(g.dtype).tiny / np.finfo(g.dtype).eps) for g in grads)
    return math.sqrt(total) if safe <= total < math.inf else norm([norm(g) for g in grads])


def by_global_norm(
    grads: Sequence[Any], max_norm: float, error_if_nonfinite: bool = False
) -> tuple[list[np.ndarray], float]:
    """Clip by norm, all arrays scaled by one factor as if they were one vector.

    PyTorch's `clip_grad_norm_`, but exact and not in place (see `by_norm`). The whole gradient keeps its
    direction: what is small in one layer because another exploded becomes smaller still.

    Parameters
    ----------
    grads : sequence of array_like
        Arrays of any shapes, such as `Gradients.parameters()`.
    max_norm : float
        At least 0; inf clips nothing.
    error_if_nonfinite : bool
        Raise if the norm is inf or nan, as PyTorch's argument of this name does. If False, finite entries become 0
        beside an infinite one, and everything nan beside a nan.

    Returns
    -------
    clipped : list of ndarray
        New arrays of the old shapes and dtypes.
    norm : float
        The norm *before* clipping: the step was clipped if it is above `max_norm`.

    Raises
    ------
    ValueError
        If `grads` is one array, or `max_norm` is negative or not a number.
    FloatingPointError
        If the norm is not finite and `error_if_nonfinite` is True.

    Examples
    --------
    >>> by_global_norm([[3.0], [[0.0, 4.0]]], max_norm=2.5)
    ([array([1.5]), array([[0., 2.]])], 5.0)
    """
    grads = _arrays("grads", grads)
    size = global_norm(grads)
    if error_if_nonfinite and not math.isfinite(size):
        raise FloatingPointError(f"grads: expected a finite norm, got {size}")
    factor = _factor(size, _threshold("max_norm", max_norm))
    return [_scaled(g, factor) for g in grads], size


def per_layer(
    grads: Iterable[Sequence[Any]], max_norm: float
) -> tuple[list[np.ndarray], np.ndarray]:
    """Clip by norm, every layer with its own norm.

    An exploded layer no longer shrinks the others, but the whole gradient turns.

    Parameters
    ----------
    grads : iterable
        One entry for each layer: the arrays that share a norm, as in `zip(gradients.dW, gradients.db)`. An
        entry that is an ndarray is a layer of its own, so that `Gradients.parameters()` is clipped *per parameter*.
    max_norm : float
        At least 0; inf clips nothing.

    Returns
    -------
    clipped : list of ndarray
        New arrays, all layers' in one list.
    norms : ndarray, shape (number of layers,)
        Each layer's norm before clipping.

    Raises
    ------
    ValueError
        If `grads` is one array, or `max_norm` is negative or not a number.

    Examples
    --------
    >>> dW, db = np.array([[3.0, 4.0]]), np.array([12.0])
    >>> per_layer([(dW, db)], max_norm=6.5)
    ([array([[1.5, 2. ]]), array([6.])], array([13.]))
    >>> per_layer([dW, db], max_norm=6.5)
    ([array([[3., 4.]]), array([6.5])], array([ 5., 12.]))
    """
    if isinstance(grads, np.ndarray):
        fail("grads", "a list of layers", "one array")
    layers = [[layer] if isinstance(layer, np.ndarray) else layer for layer in grads]
    results = [by_global_norm(layer, max_norm) for layer in layers]
    return [g for clipped, _ in results for g in clipped], np.array([size for _, size in results])


def adaptive(
    grads: Sequence[Any], weights: Sequence[Any], clipping: float = 0.01, eps: float = 1e-3
) -> list[np.ndarray]:
    """Adaptive gradient clipping (AGC): a unit's gradient may be at most `clipping` times its weights.

    G_i ← G_i · clipping · ‖W_i‖*/‖G_i‖ if ‖G_i‖ > clipping · ‖W_i‖*, with ‖W_i‖* = max(‖W_i‖₂, eps)
    (Brock, De, Smith & Simonyan 2021, sec. 4, eq. 3). i runs over the units: the rows of W (n_out, n_in). As in
    the authors' code a vector, such as a bias, is one unit. They leave the last layer unclipped: leave it out.

    Parameters
    ----------
    grads, weights : sequences of array_like
        Gradients and parameters of the same shapes, such as `Gradients.parameters()` and `MLP.parameters()`.
    clipping : float
        λ, at least 0; inf clips nothing.
    eps : float
        Stands in for the norm of smaller weights, so that zero weights can move at all.

    Returns
    -------
    list of ndarray
        New arrays of the old shapes and dtypes.

    Raises
    ------
    ValueError
        If the two lists do not match, or `clipping` or `eps` is negative or not a number.

    Examples
    --------
    >>> adaptive([[[3.0, 4.0], [0.0, 0.1]]], [[[1.0, 0.0], [0.0, 20.0]]])
    [array([[0.006, 0.008],
           [0.   , 0.1  ]])]
    """
    grads, weights = _arrays("grads", grads), _arrays("weights", weights)
    clipping, eps = _threshold("clipping", clipping), number("eps", eps, low=0)
    if len(grads) != len(weights):
        fail("weights", f"{len(grads)} arrays, one for each gradient", len(weights))
    clipped = []
    for i, (G, W) in enumerate(zip(grads, weights)):
        floats(f"weights[{i}]", W, G.shape)
        sizes = _unit_norms(G)
        with np.errstate(invalid="ignore", divide="ignore"):
            allowed = clipping * np.maximum(_unit_norms(W), eps)
            factor = np.where(sizes <= allowed, 1.0, allowed / sizes)
            clipped.append(np.multiply(G, factor).astype(G.dtype, copy=False))
    return clipped


def angle(g: Any, clipped: Any) -> float:
    """The angle between two gradients, in radians from 0 to π: how far clipping turned the step.

    Computed as 2 atan2(‖u − v‖, ‖u + v‖) of the unit vectors (Kahan 2006): arccos of their product loses
    half the digits of a small angle, and would show parallel vectors 1e-8 apart.

    Parameters
    ----------
    g, clipped : array_like of one shape
        In either order.

    Returns
    -------
    float
        nan if one of them is zero, and so has no direction, or is not finite.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> round(angle([1.0, 0.0], [1.0, 1.0]) / np.pi, 6), angle([1.0, 0.0], [0.0, 0.0])
    (0.25, nan)
    """
    g = floats("g", g, dtype=np.float64)
    clipped = floats("clipped", clipped, g.shape, dtype=np.float64)
    if not (g.any() and clipped.any()):
        return math.nan
    u, v = to_length(g), to_length(clipped)
    return 2 * math.atan2(norm(u - v), norm(u + v))


def row_norms(x: Any) -> np.ndarray:
    """‖·‖₂ along the last axis, right also where the squares overflow or underflow.

    Parameters
    ----------
    x : array_like, shape (..., n)

    Returns
    -------
    ndarray of float64, shape (...)
        inf for a row with an infinite entry, nan for one with nan.

    Raises
    ------
    ValueError
        If `x` is a single number.

    Examples
    --------
    >>> row_norms([[3.0, 4.0], [3e200, 4e200]])
    array([5.e+000, 5.e+200])
    """
    x = floats("x", x, dtype=np.float64)  # the squares of float32 numbers are well inside this range
    if not x.ndim:
        fail("x", "at least one axis", "a single number")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares = np.einsum("...i,...i->...", x, x)
        result = np.sqrt(squares)
        unsafe = ~((np.finfo(np.float64).tiny * x.shape[-1] <= squares) & (squares < math.inf))
        if unsafe.any():
            rows = x[unsafe]
            largest = np.abs(rows).max(axis=-1, initial=0)
            scale = np.where((0 < largest) & (largest < math.inf), largest, 1)
            scaled = rows / scale[..., np.newaxis]
            lengths = scale * np.sqrt(np.einsum("...i,...i->...", scaled, scaled))
            result = np.asarray(result)
            result[unsafe] = np.where(largest < math.inf, lengths, largest)
    return result


def _factor(size: float, max_norm: float) -> float:
    """What to multiply a gradient of norm `size` with: nan if that is nan, 0 if it is inf."""
    return 1.0 if size <= max_norm else max_norm / size


def _scaled(g: np.ndarray, factor: float) -> np.ndarray:
    """factor · g, a new array of g's dtype."""
    wide = 0 < factor < np.finfo(g.dtype).tiny  # as a float32 the factor would lose its digits
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.multiply(g, factor, dtype=np.float64 if wide else g.dtype).astype(g.dtype, copy=False)


def _unit_norms(x: np.ndarray) -> np.ndarray:
    """The norm of each unit's weights, in a shape that x can be multiplied with."""
    if x.ndim < 2:
        return np.asarray(norm(x))
    return row_norms(x.reshape(len(x), -1)).reshape(-1, *[1] * (x.ndim - 1))


def _arrays(name: str, arrays: Sequence[Any]) -> list[np.ndarray]:
    if isinstance(arrays, np.ndarray):
        fail(name, "a list of arrays", f"one array of shape {arrays.shape}")
    return [floats(f"{name}[{i}]", g) for i, g in enumerate(arrays)]


def _threshold(name: str, x: Any) -> float:
    """A threshold: at least 0, and unlike other numbers possibly inf."""
    return x if isinstance(x, float) and x == math.inf else number(name, x, low=0)
