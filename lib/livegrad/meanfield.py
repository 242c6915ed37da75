"""What an infinitely wide random net does to the size of a signal, to two signals at once, and to a gradient.

With weights of standard deviation weight_scale/√fan_in and biases of standard deviation bias_scale, each z of a
wide layer is a sum of many independent terms, so it is nearly normal, and one number describes the layer: the
*variance* q = E[z²]. From one layer to the next

    q ← V(q) = σ_w² E[φ(√q z)²] + σ_b²,   z ~ N(0, 1),

and likewise the correlation c of two inputs' z. What a gradient is multiplied by, squared, is χ₁ = σ_w² E[φ'(√q z)²]
(Poole et al. 2016, §2; Schoenholz et al. 2017). Nothing is drawn here: the means are integrals.

>>> tanh = MeanField(weight_scale=1.5, activation="tanh")
>>> q = tanh.fixed_point()
>>> round(q, 3), round(float(tanh.variance(q)), 3), round(tanh.chi(q), 3)
(0.793, 0.793, 1.139)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from livegrad import activations
from livegrad.activations import Activation
from livegrad.validation import floats, number

_NOTHING, _EVERYTHING = 1e-12, 1e6  # a variance outside is called 0 or infinite


@dataclass(frozen=True)
class MeanField:
    """An infinitely wide net with one activation function, every layer drawn alike.

    Its maps take a variance q as an array too; the means are exact to rounding for an activation that is smooth
    except at 0, as long as √q stays below about 30: beyond, a saturating function looks like a step.

    Attributes
    ----------
    weight_scale : float
        σ_w: weights have standard deviation σ_w/√fan_in. A `gain`, in the words of the initializers.
    bias_scale : float
        σ_b, the standard deviation of the biases.
    activation : Activation
        Or its name.

    Raises
    ------
    ValueError
        If a scale is negative or not finite, or there is no such activation.

    Examples
    --------
    >>> MeanField(2**0.5, activation="relu").variance([1.0, 4.0]).round(12)
    array([1., 4.])
    """

    weight_scale: float
    bias_scale: float = 0.0
    activation: Activation = "tanh"

    def __post_init__(self) -> None:
        for name in ("weight_scale", "bias_scale"):
            object.__setattr__(self, name, number(name, getattr(self, name), low=0))
        object.__setattr__(self, "activation", activations.get(self.activation))

    def variance(self, q: Any) -> np.ndarray:
        """V(q), the next layer's variance (Poole et al. 2016, §2; for ReLU He et al. 2015, §2.2).

        Parameters
        ----------
        q : array_like, any shape
            Variances, not negative.

        Returns
        -------
        ndarray, shape of q

        Examples
        --------
        >>> float(MeanField(1.0, activation="tanh").variance(0.1).round(4))  # tanh with Xavier: it shrinks
        0.0842
        """
        return self.weight_scale**2 * self._mean(lambda z: self.activation(z) ** 2, q) + self.bias_scale**2

    def layers(self, q: float, depth: int) -> np.ndarray:
        """q and what becomes of it: the variance at layers 1 to `depth`, with q that of layer 1.

        Examples
        --------
        >>> MeanField(1.0, activation="relu").layers(1.0, 4)
        array([1.   , 0.5  , 0.25 , 0.125])
        """
        found = np.full(depth, number("q", q, low=0))
        with np.errstate(over="ignore"):
            for l in range(1, depth):
                found[l] = self.variance(found[l - 1]) if found[l - 1] < math.inf else math.inf
        return found

    def fixed_point(self, start: float = 1.0) -> float:
        """q*, where the variance settles when it starts at `start`: 0 and infinity are answers too.

        V grows with q, so that the way from the start never turns round, and ends at the first q = V(q) that it
        meets. If the start is one itself, as every q is for ReLU with weight_scale √2, it is the start.

        Parameters
        ----------
        start : float
            Variance of the first layer, between 1e-12 and 1e6.

        Returns
        -------
        float
            0.0 if it sinks below 1e-12, inf if it rises above 1e6.

        Examples
        --------
        >>> [MeanField(s, activation="relu").fixed_point(3.0) for s in (1.4, 2**0.5, 1.5)]
        [0.0, 3.0, inf]
        """
        start = number("start", start, _NOTHING, _EVERYTHING, strict=True)
        drift = self._drift(start)
        if abs(drift) < 1e-13:
            return start
        end = _EVERYTHING if drift > 0 else _NOTHING
        way = np.geomspace(start, end, 2 + round(8 * abs(math.log2(end / start))))
        turned = np.flatnonzero(self._drift(way) * drift <= 0)
        if not turned.size:
            return math.inf if drift > 0 else 0.0
        before, after = way[turned[0] - 1], way[turned[0]]
        for _ in range(60):  # halve the gap, in ratio
            middle = math.sqrt(before * after)
            before, after = (before, middle) if self._drift(middle) * drift <= 0 else (middle, after)
        return float(after)

    def chi(self, q: float) -> float:
        """χ₁ = σ_w² E[φ'(√q z)²]: what one layer multiplies a gradient's squared norm by, at variance q.

        Below 1 two nearby inputs come together and gradients vanish (ordered), above 1 both grow apart (chaotic).

        Examples
        --------
        >>> round(MeanField(2**0.5, activation="relu").chi(1.0), 12)
        1.0
        """
        return float(self.weight_scale**2 * self._mean(lambda z: self.activation.derivative(z) ** 2, q))

    def correlation(self, c: float, q: float) -> float:
        """The next layer's correlation of two inputs that both have variance q and have correlation c now.

        Parameters
        ----------
        c : float
            From −1 to 1.
        q : float
            A fixed point of `variance`, above 0; at another q the two variances would move too.

        Examples
        --------
        >>> relu = MeanField(2**0.5, activation="relu")
        >>> round(relu.correlation(0.0, 1.0), 6) == round(1 / np.pi, 6)  # Cho & Saul 2009, degree 1
        True
        """
        product = _mean_of_product(self.activation, number("c", c, -1, 1), number("q", q, low=0, strict=True))
        return float((self.weight_scale**2 * product + self.bias_scale**2) / self.variance(q))

    def correlation_slope(self, c: float, q: float) -> float:
        """The derivative of `correlation` after c, σ_w² E[φ'(u₁) φ'(u₂)]; at c = 1 it is χ₁.

        Examples
        --------
        >>> net = MeanField(1.5)
        >>> abs(net.correlation_slope(1.0, 0.8) - net.chi(0.8)) < 1e-12
        True
        """
        product = _mean_of_product(self.activation.derivative, number("c", c, -1, 1), number("q", q, low=0, strict=True))
        return float(self.weight_scale**2 * product)

    def fixed_correlation(self, q: float) -> float:
        """c*, the correlation at which any two different inputs of variance q end up.

        In the ordered phase it is 1: all inputs become the same. In the chaotic phase 1 repels, and the map, which
        is convex between 0 and 1, has one more fixed point below. Newton's method climbs to it from 0.

        Examples
        --------
        >>> MeanField(1.2, 0.2).fixed_correlation(0.5)
        1.0
        """
        if self.chi(q) <= 1:
            return 1.0
        c = 0.0
        for _ in range(100):
            step = (self.correlation(c, q) - c) / (1 - self.correlation_slope(c, q))
            c = min(c + step, 1.0)
            if abs(step) < 1e-12:
                break
        return c

    def depth_scale(self, start: float = 1.0) -> float:
        """ξ_c, in layers: two inputs forget what told them apart like e^(−l/ξ_c) (Schoenholz et al. 2017).

        1/ξ_c = −ln of the slope of `correlation` at c*. It is infinite at the edge of chaos, where χ₁ = 1.

        Parameters
        ----------
        start : float
            As for `fixed_point`.

        Returns
        -------
        float
            nan if the variance sinks to 0 or grows without end: then no two signals are left to compare.

        Examples
        --------
        >>> round(MeanField(1.0, bias_scale=0.05**0.5).depth_scale(), 2)
        3.63
        """
        q = self.fixed_point(start)
        if not 0 < q < math.inf:
            return math.nan
        slope = self.correlation_slope(self.fixed_correlation(q), q)
        return math.inf if abs(slope - 1) < 1e-12 else -1 / math.log(slope)

    def _mean(self, f, q: Any) -> np.ndarray:
        """E[f(√q z)] for every q."""
        q = floats("q", q)
        z, weight = activations.normal_quadrature()
        return weight @ f(np.multiply.outer(z, np.sqrt(q)))

    def _drift(self, q: Any) -> np.ndarray:
        """By which share of itself a variance grows in one layer."""
        return self.variance(q) / q - 1


def edge_of_chaos(q: Any, activation: str | Activation = "tanh") -> tuple[np.ndarray, np.ndarray]:
    """σ_w² and σ_b² of the net whose variance settles at q and whose χ₁ is 1 there.

    So a grid of q draws the whole line that parts order from chaos (Poole et al. 2016; Schoenholz et al. 2017).

    Parameters
    ----------
    q : array_like, any shape
        Variances, not negative.
    activation : str or Activation

    Returns
    -------
    weight_variance, bias_variance : ndarray, shape of q
        The bias variance is negative where no net has this fixed point on the edge.

    Examples
    --------
    >>> weight_variance, bias_variance = edge_of_chaos([0.0, 1.0])
    >>> weight_variance.round(3), bias_variance.round(3)
    (array([1.   , 2.153]), array([0.   , 0.151]))
    """
    unit = MeanField(1.0, activation=activation)
    q = floats("q", q)
    weight_variance = 1 / unit._mean(lambda z: unit.activation.derivative(z) ** 2, q)
    return weight_variance, q - weight_variance * unit.variance(q)


def _mean_of_product(f, c: float, q: float) -> float:
    """E[f(u₁) f(u₂)] for normal u₁, u₂ of variance q and correlation c, exact to rounding if f is smooth except at 0.

    In polar coordinates u₁ and u₂ are √q r cos(ψ ± θ/2) with cos θ = c. Where one of them is 0, and f may have its kink,
    the angle is fixed: the arcs between those angles are integrated one by one. ψ and −ψ give the same product.
    """
    z, weight = activations.normal_quadrature()
    inner = (z > 0) & (z < 9)  # what lies beyond has probability 1e-18
    r, weight = z[inner], weight[inner]
    node, node_weight = np.polynomial.legendre.leggauss(24)
    half_angle = math.acos(c) / 2
    ends = np.array([0, math.pi / 2 - half_angle, math.pi / 2 + half_angle, math.pi])
    halves, middles = np.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    angle = np.add.outer(middles, np.zeros_like(node)) + np.multiply.outer(halves, node)
    angle_weight = np.multiply.outer(halves, node_weight).ravel() / math.pi
    u1, u2 = (math.sqrt(q) * np.multiply.outer(r, np.cos(angle.ravel() + side)) for side in (half_angle, -half_angle))
    # The density of r is r e^(−r²/2), √(2π) r times the normal one.
    return float((math.sqrt(2 * math.pi) * r * weight) @ (f(u1) * f(u2)) @ angle_weight)
