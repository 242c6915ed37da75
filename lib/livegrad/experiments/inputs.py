"""A linear unit's loss over its two weights, before and after its inputs are standardized."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from livegrad.norms import standardize
from livegrad.validation import number

__all__ = ["NEEDED", "Bowl", "Inputs", "inputs"]

NEEDED = 0.01
"""Gradient descent has got there when this share of the first loss is left."""


@dataclass(frozen=True)
class Bowl:
    """The loss of a linear unit with two weights, C(w) = ½ (w − w*)ᵀ H (w − w*), and gradient descent in it.

    Attributes
    ----------
    hessian : ndarray (2, 2)
        H = XᵀX / N.
    path : ndarray (k + 1, 2)
        w − w* from the start on.
    rate : float
        Learning rate times the largest eigenvalue of H. At 2 it stops to converge.
    """

    hessian: np.ndarray
    path: np.ndarray
    rate: float

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray]:
        return np.linalg.eigh(self.hessian)

    @property
    def condition(self) -> float:
        """Condition number κ: the largest eigenvalue of H over the smallest."""
        low, high = self._modes[0]
        return float(high / low)

    def contours(self, shares: np.ndarray, count: int = 121) -> np.ndarray:
        """Ellipses on which the loss is such a share of that at the start, nan between them, (m, 2)."""
        values, vectors = self._modes
        angle = np.linspace(0, 2 * np.pi, count)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) / np.sqrt(values)
        start = self.path[0] @ self.hessian @ self.path[0]
        one = np.vstack([circle @ vectors.T, np.full((1, 2), np.nan)])
        return np.concatenate([math.sqrt(share * start) * one for share in shares])

    def left(self, steps: float) -> float:
        """Share of the first loss left after so many steps; along an eigenvector each multiplies the error by 1 − ηλ."""
        values, vectors = self._modes
        weight = values * (vectors.T @ self.path[0]) ** 2
        with np.errstate(over="ignore"):
            return float(weight @ np.abs(1 - self.rate * values / values[-1]) ** (2 * steps) / weight.sum())

    @property
    def needed(self) -> int | None:
        """Steps until `NEEDED` of the first loss is left; None if that never comes."""
        low, high = 0, 2**40
        if not self.left(high) <= NEEDED:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.left(middle) <= NEEDED else (middle, high)
        return high


@dataclass(frozen=True)
class Inputs:
    """The same examples as they come and standardized, and the bowls that a linear unit sees.

    Attributes
    ----------
    raw, standardized : ndarray (N, 2)
    before, after : Bowl
    """

    raw: np.ndarray
    standardized: np.ndarray
    before: Bowl
    after: Bowl


def inputs(mean: float, std: float, correlation: float = 0.0, rate: float = 1.0, steps: int = 50) -> Inputs:
    """Two inputs, the loss of a linear unit ŷ = w₁x₁ + w₂x₂ that reads them, and gradient descent on it.

    The unit has no bias, the cost is ½ mean squared error, and some w* fits exactly. So C = ½ (w − w*)ᵀ (XᵀX/N) (w − w*): the
    second moments of the inputs are the whole landscape (LeCun, Bottou, Orr & Müller 1998, §5.1).

    Parameters
    ----------
    mean : float
        Of both inputs.
    std : float
        Standard deviation of input 1. That of input 2 is 1.
    correlation : float
        Between the two, in (−1, 1).
    rate : float
        Learning rate times the largest eigenvalue, for either bowl its own.
    steps : int
        Length of the path.

    Returns
    -------
    Inputs

    Examples
    --------
    >>> both = inputs(mean=0, std=3)
    >>> round(both.before.condition, 6), round(both.after.condition, 6)
    (9.0, 1.0)
    """
    std, correlation = number("std", std, 0, strict=True), number("correlation", correlation, -1, 1, strict=True)
    u = _white()
    raw = mean + np.stack([std * u[:, 0], correlation * u[:, 0] + math.sqrt(1 - correlation**2) * u[:, 1]], axis=1)
    standardized = standardize(raw, eps=0).x_hat
    return Inputs(raw, standardized, *(_bowl(x, rate, steps) for x in (raw, standardized)))


_START = np.array([-1.5, 0.6])


def _bowl(x: np.ndarray, rate: float, steps: int) -> Bowl:
    hessian = x.T @ x / len(x)
    step = np.eye(2) - rate / np.linalg.eigvalsh(hessian)[-1] * hessian
    path = [_START]
    for _ in range(steps):
        path.append(step @ path[-1])
    return Bowl(hessian, np.array(path), rate)


@cache
def _white(count: int = 200) -> np.ndarray:
    """Points with mean 0 and covariance I, exactly, so that the sliders' numbers are those of the sample."""
    u = np.random.default_rng(0).standard_normal((count, 2))
    u -= u.mean(axis=0)
    return u @ np.linalg.inv(np.linalg.cholesky(u.T @ u / count)).T
