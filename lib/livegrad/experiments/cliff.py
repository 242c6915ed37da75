"""Gradient descent over a cliff: the cost surface of a recurrent net with one unit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from livegrad.validation import fail, floats

__all__ = ["Cliff", "Descent", "Surface", "cliff_gradient", "cliff_surface", "descend_cliff"]

_TARGET, _START, _TIMES = 0.7, 0.5, 50


@dataclass(frozen=True)
class Surface:
    """The cost of the one-unit net over its weight and bias.

    Attributes
    ----------
    weights : ndarray (k,)
    biases : ndarray (m,)
    cost : ndarray (m, k)
        E at each pair: a row for each bias.
    """

    weights: np.ndarray
    biases: np.ndarray
    cost: np.ndarray


def cliff_surface(weights: np.ndarray, biases: np.ndarray) -> Surface:
    """The cost of a recurrent net with one unit, over its two parameters.

    x_t = w σ(x_(t−1)) + b from x_0 = 0.5, and E = (σ(x_50) − 0.7)² (Pascanu, Mikolov & Bengio 2013, Fig. 6).

    Examples
    --------
    >>> cliff_surface([0.0], [0.0]).cost  # x_50 = 0, σ(0) = 0.5
    array([[0.04]])
    """
    weights, biases = floats("weights", weights, (None,)), floats("biases", biases, (None,))
    w, b = np.meshgrid(weights, biases)
    x = np.full_like(w, _START)
    for _ in range(_TIMES):
        x = w * _sigmoid(x, np.tanh) + b
    return Surface(weights, biases, np.square(_sigmoid(x, np.tanh) - _TARGET))


def cliff_gradient(w: float, b: float) -> tuple[float, np.ndarray]:
    """E of `cliff_surface` at one point, and (∂E/∂w, ∂E/∂b).

    The derivatives of x_t are carried along with it: ∂x_t/∂w = σ(x_(t−1)) + w σ'(x_(t−1)) ∂x_(t−1)/∂w, and
    with 1 in place of σ(x_(t−1)) for b. Fifty factors w σ' are multiplied on the way.

    Returns
    -------
    cost : float
    gradient : ndarray (2,)

    Examples
    --------
    >>> cost, gradient = cliff_gradient(0.0, 0.0)
    >>> round(cost, 3), gradient.round(3)
    (0.04, array([-0.05, -0.1 ]))
    """
    x, dw, db = _START, 0.0, 0.0
    for _ in range(_TIMES):
        s = _sigmoid(x)
        factor = w * s * (1 - s)
        x, dw, db = w * s + b, s + factor * dw, 1 + factor * db
    s = _sigmoid(x)
    slope = 2 * (s - _TARGET) * s * (1 - s)
    return (s - _TARGET) ** 2, np.array([slope * dw, slope * db])


def _sigmoid(x, tanh=math.tanh):
    """σ as ½(1 + tanh(x/2)), which overflows nowhere. Plain floats: 50 steps of one number are slow in NumPy."""
    return 0.5 * (1 + tanh(0.5 * x))


@dataclass(frozen=True)
class Descent:
    """A path of gradient descent.

    Attributes
    ----------
    path : ndarray (k + 1, 2)
        Where it stood, (w, b), from the start to after step k.
    cost : ndarray (k + 1,)
        E at each of these places.
    norms : ndarray (k,)
        Norm of the gradient before each step, unclipped.
    """

    path: np.ndarray
    cost: np.ndarray
    norms: np.ndarray

    @property
    def steepest(self) -> int:
        """The step that met the largest gradient, counted from 0."""
        return int(np.argmax(self.norms))


@dataclass(frozen=True)
class Cliff:
    """Two descents from one start.

    Attributes
    ----------
    plain, clipped : Descent
        Without and with clipping by norm.
    max_norm : float
        The threshold ε of the second.
    """

    plain: Descent
    clipped: Descent
    max_norm: float

    @property
    def share_clipped(self) -> float:
        """Share of the second descent's steps that were clipped."""
        return float(np.mean(self.clipped.norms > self.max_norm))


def descend_cliff(w: float, b: float, learning_rate: float, max_norm: float, steps: int) -> Cliff:
    """Gradient descent on `cliff_surface` from (w, b), without clipping and with clipping by norm.

    Parameters
    ----------
    w, b : float
        The start.
    learning_rate, max_norm : float
    steps : int
        At least 1.

    Returns
    -------
    Cliff

    Examples
    --------
    >>> cliff = descend_cliff(5.5, -2.6, learning_rate=0.1, max_norm=1.0, steps=120)
    >>> bool(cliff.plain.path[-1].max() > 10), bool(cliff.clipped.path[-1].max() < 6)
    (True, True)
    """
    if steps < 1:
        fail("steps", "at least 1", steps)
    return Cliff(_descend(w, b, learning_rate, math.inf, steps), _descend(w, b, learning_rate, max_norm, steps), max_norm)


def _descend(w: float, b: float, learning_rate: float, max_norm: float, steps: int) -> Descent:
    place, path, costs, norms = np.array([w, b], dtype=float), [], [], []
    for _ in range(steps + 1):
        cost, gradient = cliff_gradient(*place.tolist())
        path.append(place)
        costs.append(cost)
        norms.append(math.hypot(*gradient.tolist()))
        factor = max_norm / norms[-1] if norms[-1] > max_norm else 1.0
        place = place - learning_rate * factor * gradient
    return Descent(np.array(path), np.array(costs), np.array(norms[:-1]))
