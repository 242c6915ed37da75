"""What it costs a unit if its inputs are not centered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from livegrad.validation import number

__all__ = ["CLOSE", "Zigzag", "zigzag"]

CLOSE = 0.01
"""The weights count as right once they are within this distance of the right ones."""


@dataclass(frozen=True)
class Zigzag:
    """How a linear unit with two inputs finds two weights.

    Attributes
    ----------
    bounds : (float, float)
        Between which the inputs are drawn.
    inputs : ndarray (k, 2)
        One example per step.
    path : ndarray (k + 1, 2)
        The weights, from (0, 0) on.
    target : (float, float)
        The right weights.
    """

    bounds: tuple[float, float]
    inputs: np.ndarray
    path: np.ndarray
    target: tuple[float, float]

    @property
    def distance(self) -> np.ndarray:
        """From the right weights before the first step and after each, (k + 1,)."""
        return np.hypot(*(self.path - self.target).T)

    @property
    def needed(self) -> int | None:
        """Steps until the weights first were within `CLOSE` of the right ones, if they ever were."""
        there = np.flatnonzero(self.distance < CLOSE)
        return int(there[0]) if there.size else None

    @property
    def together(self) -> float:
        """Share of the steps on the way, up to arrival, on which both weights rise or both fall: the two inputs have one sign.

        1 if there is no step to make. The step is −η (w − w*)·x times x, so where it is not 0 its entries have the signs of x,
        or the opposite ones.
        """
        same = self.inputs[:self.needed, 0] * self.inputs[:self.needed, 1] > 0
        return float(np.mean(same)) if same.size else 1.0


def zigzag(center: float, learning_rate: float, target: tuple[float, float] = (1.0, -1.0), seed: int = 0,
           steps: int = 300) -> Zigzag:
    """Gradient descent, one example at a time, on C = ½ (w·x − w*·x)².

    Both inputs are drawn from U[c − s, c + s] with s = √(1 − 3c²), so that their mean square is ⅓ for every center c: from −1
    to 1 for c = 0, from 0 to 1 for c = ½. Positive inputs give every step one sign (LeCun et al. 1998, §4.3).

    Parameters
    ----------
    center : float
        c, from 0 to ½.
    learning_rate : float
        Stable below 1.
    target : (float, float)
        The right weights w*.
    seed : int
        The draws are made from U[−1, 1] and then shifted and stretched.
    steps : int

    Returns
    -------
    Zigzag

    Examples
    --------
    >>> zigzag(0.5, 0.5).needed, zigzag(0.0, 0.5).needed
    (92, 17)
    """
    center, rate = number("center", center, 0, 0.5), number("learning_rate", learning_rate, 0)
    spread = math.sqrt(1 - 3 * center**2)
    inputs = center + spread * np.random.default_rng(seed).uniform(-1, 1, (steps, 2))
    (u, v), (right_u, right_v) = (0.0, 0.0), target
    path = [(u, v)]
    for x, y in inputs.tolist():
        push = rate * ((u - right_u) * x + (v - right_v) * y)
        u, v = u - push * x, v - push * y
        path.append((u, v))
    return Zigzag((center - spread, center + spread), inputs, np.array(path), (float(right_u), float(right_v)))
