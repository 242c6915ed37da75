"""One layer on real inputs, with weights drawn evenly between two numbers: how much of it is saturated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from livegrad import activations
from livegrad.activations import Activation
from livegrad.data import load_digits
from livegrad.experiments.activations import facts
from livegrad.mlp import rms
from livegrad.validation import choice, fail, number

__all__ = ["LINEAR", "SATURATED", "LayerResponse", "UniformLayer"]

SATURATED = 0.05
"""A unit counts as saturated where its slope is less, in size, than this share of the function's steepest."""


@dataclass(frozen=True)
class LayerResponse:
    """What one layer makes of real inputs.

    Attributes
    ----------
    activation : Activation
    bounds : (float, float)
        Lowest and highest weight.
    x : ndarray (N, fan_in)
    weights : ndarray (H, fan_in)
    z, a, slope : ndarray (N, H)
        Z = X Wᵀ, φ(Z) and φ'(Z).
    """

    activation: Activation
    bounds: tuple[float, float]
    x: np.ndarray
    weights: np.ndarray
    z: np.ndarray
    a: np.ndarray
    slope: np.ndarray

    @property
    def saturated(self) -> float:
        """Share of all (image, unit) pairs with |φ'(z)| below `SATURATED` of the steepest slope."""
        return float(np.mean(np.abs(self.slope) < SATURATED * facts(self.activation).max_slope))

    @property
    def passed_back(self) -> float:
        """Root mean square of φ'(z): that of e·φ'(z) for messages e of size 1."""
        return rms(self.slope)

    def histogram(self, of: str) -> tuple[np.ndarray, np.ndarray]:
        """Share of the values in each bin, in percent, and the bins' edges.

        Parameters
        ----------
        of : {"z", "a", "slope"}

        Returns
        -------
        shares : ndarray (k,)
        edges : ndarray (k + 1,)
            The same for every setting of one activation function. Those of z, and of an unbounded φ, widen like sinh.
        """
        values = getattr(self, choice("of", of, ("z", "a", "slope")))
        edges = _edges(self.activation, of)
        bins = np.searchsorted(edges[1:-1], values.ravel(), side="right")  # what lies beyond the ends goes into the last bins
        return 100 * np.bincount(bins, minlength=len(edges) - 1) / values.size, edges

    @property
    def flat(self) -> list[tuple[float, float]]:
        """The stretches of the z axis on which the function counts as saturated."""
        return _flat(self.activation)


LINEAR = 3.0
"""Up to about this |z| the bins of z are of equal width; beyond, they widen like sinh."""


def _stretched(count: int) -> np.ndarray:
    """`count` values from about −200 to 200, evenly spaced in arcsinh(z / LINEAR)."""
    return LINEAR * np.sinh(np.linspace(-4.9, 4.9, count))


@cache
def _edges(activation: Activation, of: str) -> np.ndarray:
    known = facts(activation)
    if of == "slope":
        return np.linspace(known.least_slope, known.max_slope, 21)
    bounded = of == "a" and np.all(np.isfinite(known.range))
    return np.linspace(*known.range, 21) if bounded else _stretched(36)


@cache
def _flat(activation: Activation) -> list[tuple[float, float]]:
    z = _stretched(4001)
    low = np.abs(activation.derivative(z)) < SATURATED * facts(activation).max_slope
    turns = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(int)))
    return [(float(z[i]), float(z[j - 1])) for i, j in turns.reshape(-1, 2)]


class UniformLayer:
    """A layer on real digits whose weights are drawn from U[lo, hi]. No biases.

    The draws are made once, from U[0, 1]; `response` only shifts and stretches them. So the same bounds always give the
    same layer, and another pixel leaves the other weights as they were.

    Parameters
    ----------
    seed : int
    units : int
        Units H of the layer.
    images : int
        Digits N sent through, 1 to 1797.

    Examples
    --------
    >>> layer = UniformLayer(seed=0)
    >>> layer.response(64, 2.0, 5.0, "sigmoid").saturated
    1.0
    """

    def __init__(self, seed: int, units: int = 100, images: int = 300) -> None:
        weights, pick = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        pixels = load_digits().images
        self._x = pixels[np.sort(pick.permutation(len(pixels))[:images])]
        self._draw = weights.uniform(0, 1, (units, pixels.shape[1]))
        # Any first few of these pixels have about the mean ink of all 64: steps of 23 go evenly through the order of ink.
        by_ink = np.argsort(-pixels.sum(axis=0), kind="stable")
        self._order = by_ink[(37 + 23 * np.arange(by_ink.size)) % by_ink.size]

    def response(self, fan_in: int, lo: float, hi: float, activation: str | Activation) -> LayerResponse:
        """Send the digits through the layer.

        Parameters
        ----------
        fan_in : int
            How many pixels each unit reads, 1 to 64, chosen so that their mean hardly depends on how many they are. Pixels go
            from 0 (paper) to 1 (ink).
        lo, hi : float
            Bounds of the weights, in either order.
        activation : str or Activation

        Returns
        -------
        LayerResponse
        """
        if fan_in not in range(1, len(self._order) + 1):
            fail("fan_in", f"a whole number from 1 to {len(self._order)}", fan_in)
        lo, hi = sorted((number("lo", lo), number("hi", hi)))
        phi = activations.get(activation)
        pixels = self._order[:fan_in]
        x, weights = self._x[:, pixels], lo + (hi - lo) * self._draw[:, pixels]
        z = x @ weights.T
        a = phi(z)
        return LayerResponse(phi, (lo, hi), x, weights, z, a, phi.derivative(z, a))
