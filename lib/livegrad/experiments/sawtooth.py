"""What depth can write down: a sawtooth by hand, broken lines beside it, and the linear pieces of ReLU nets along a line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from livegrad.experiments.gradients import standardized_digits
from livegrad.mlp import MLP
from livegrad.validation import fail, floats, positive_ints

__all__ = ["Pieces", "Polyline", "SawtoothView", "closest_polyline", "pieces", "random_pieces", "sawtooth", "sawtooth_view",
           "tent_net"]


def sawtooth(x: np.ndarray, folds: int) -> np.ndarray:
    """The tent map m(x) = 1 − |2x − 1| applied `folds` times: 2^folds straight pieces over [0, 1] (Telgarsky 2016).

    Examples
    --------
    >>> sawtooth(np.array([0.0, 0.125, 0.25, 0.5]), 2)
    array([0. , 0.5, 1. , 0. ])
    """
    x = floats("x", x)
    for _ in range(folds):
        x = 1 - np.abs(2 * x - 1)
    return x


def tent_net(folds: int, noise: float = 0.0, seed: int = 0) -> MLP:
    """A ReLU net that writes the sawtooth exactly: `folds` hidden layers of two units.

    On [0, 1] the tent map is m(x) = 2 relu(x) − 4 relu(x − ½). Each layer applies it to what the one before made.

    Parameters
    ----------
    folds : int
    noise : float
        Each weight and bias is multiplied by 1 + noise · a standard normal number.
    seed : int
        Of the noise. Moving `noise` scales the same draw, and the layers of a shorter net are those of a longer one.

    Returns
    -------
    MLP

    Examples
    --------
    >>> tent_net(2).forward([[0.125], [0.25]]).a[-1].ravel()
    array([0.5, 1. ])
    """
    (folds,) = positive_ints("folds", [folds])
    tent, shift = np.array([[2.0, -4.0]]), np.array([0.0, -0.5])
    weights = [np.ones((2, 1)), *[np.repeat(tent, 2, axis=0) for _ in range(folds - 1)], tent]
    biases = [*[shift.copy() for _ in range(folds)], np.zeros(1)]
    # The last layer's draw comes from a child of its own, so that more layers do not change the others.
    children = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(folds + 1)]
    for W, b, rng in zip(weights, biases, [*children[1:], children[0]], strict=True):
        W *= 1 + noise * rng.standard_normal(W.shape)
        b *= 1 + noise * rng.standard_normal(b.shape)
    return MLP(weights, biases)


@dataclass(frozen=True)
class Pieces:
    """A ReLU net along a straight line: it is linear between neighboring places.

    Attributes
    ----------
    at : ndarray (k + 1,)
        0, the places where a unit switches on or off, and 1.
    values : ndarray (k + 1, n_out)
        What the net gives there.
    """

    at: np.ndarray
    values: np.ndarray

    @property
    def count(self) -> int:
        """k, the number of linear pieces."""
        return len(self.at) - 1


_SAME = 1e-12
"""Two units that switch closer to each other than this switch at one place, but for rounding."""


def pieces(net: MLP, start: np.ndarray, end: np.ndarray) -> Pieces:
    """Where a ReLU net bends on the line from `start` to `end`: exactly, layer by layer, and not by looking at points.

    Between two places at which nothing switches every pre-activation is linear, so that its zero is found from its two ends.

    Parameters
    ----------
    net : MLP
        With ReLU, and no normalization.
    start, end : array_like (n_0,)

    Returns
    -------
    Pieces

    Raises
    ------
    ValueError
        If the net is not piecewise linear.

    Examples
    --------
    >>> pieces(tent_net(3), [0.0], [1.0]).at
    array([0.   , 0.125, 0.25 , 0.375, 0.5  , 0.625, 0.75 , 0.875, 1.   ])
    """
    *_, (at, a) = _bends(net, start, end)
    return Pieces(at, a @ net.weights[-1].T + net.biases[-1])


def _bends(net: MLP, start: np.ndarray, end: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """After each hidden layer: where the net bends so far, and the layer's activations there."""
    if net.activation.name != "relu" or net.output.name != "linear" or any(net.norms):
        fail("net", "ReLU in the hidden layers, a linear last one and no normalization", net.activation.name)
    n_in = net.weights[0].shape[1]
    a = np.stack([floats("start", start, (n_in,)), floats("end", end, (n_in,))])
    at = np.array([0.0, 1.0])
    for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
        z = a @ W.T + b
        left, unit = np.nonzero(z[:-1] * z[1:] < 0)
        low, high = z[left, unit], z[left + 1, unit]
        switches = np.unique(at[left] + (at[left + 1] - at[left]) * (low / (low - high)))
        between = np.searchsorted(at, switches)  # `at` starts with 0 and ends with 1, so that both neighbors exist
        known = np.minimum(switches - at[between - 1], at[between] - switches) < _SAME
        known[1:] |= np.diff(switches) < _SAME
        switches, between = switches[~known], between[~known]
        share = ((switches - at[between - 1]) / (at[between] - at[between - 1]))[:, None]
        z = np.insert(z, between, (1 - share) * z[between - 1] + share * z[between], axis=0)
        at = np.insert(at, between, switches)
        a = np.maximum(z, 0)
        yield at, a


@dataclass(frozen=True)
class Polyline:
    """A broken line near a sawtooth.

    Attributes
    ----------
    at, values : ndarray (k + 2,)
        Its ends and its k kinks.
    error : float
        Root mean square distance from the sawtooth over [0, 1].
    worst : float
        Largest distance.
    """

    at: np.ndarray
    values: np.ndarray
    error: float
    worst: float


@lru_cache(maxsize=256)
def closest_polyline(folds: int, kinks: int) -> Polyline:
    """A broken line with so many kinks as close to the sawtooth, in the mean square, as we can place it.

    A net with one hidden layer of m ReLU units is such a line with at most m kinks; not every such line is one, since the first
    slope takes a unit, too. The kinks stand on the first corners of the
    sawtooth, the last one where it helps most, and the heights are the least-squares solution. With 2^folds − 1 kinks that
    is the sawtooth itself. With fewer, a search over all lines on a grid finds none with an error smaller by more than 5 %.

    Parameters
    ----------
    folds, kinks : int

    Returns
    -------
    Polyline

    Examples
    --------
    >>> round(closest_polyline(3, 7).error, 9), round(closest_polyline(3, 6).error, 2)
    (0.0, 0.15)
    """
    corners = np.arange(2**folds + 1) / 2**folds
    kinks = min(kinks, len(corners) - 2)
    if kinks == len(corners) - 2:
        return _fit_line(folds, corners)
    ways = [kinks - 0.5 + shift for shift in np.linspace(-0.4, 0.4, 9)] if kinks else [None]
    lines = (_fit_line(folds, np.array([*corners[: max(kinks, 1)], *([] if w is None else [w / 2**folds]), 1.0])) for w in ways)
    return min(lines, key=lambda line: line.error)


def _fit_line(folds: int, at: np.ndarray) -> Polyline:
    """Least squares over the heights, with the integrals over [0, 1] taken exactly."""
    fine = np.union1d(at, np.arange(2**folds + 1) / 2**folds)
    y = sawtooth(fine, folds)
    hats = np.stack([np.interp(fine, at, row) for row in np.eye(len(at))], axis=1)
    step = np.diff(fine)

    def weighted(v: np.ndarray) -> np.ndarray:
        """M v, so that uᵀ M v is the integral of the product of two functions that are linear between the points of `fine`."""
        out, column = np.zeros_like(v), step.reshape(-1, *[1] * (v.ndim - 1))
        out[:-1] += column * (2 * v[:-1] + v[1:]) / 6
        out[1:] += column * (v[:-1] + 2 * v[1:]) / 6
        return out

    heights = np.linalg.solve(hats.T @ weighted(hats), hats.T @ weighted(y))
    off = hats @ heights - y
    return Polyline(at, heights, math.sqrt(max(off @ weighted(off), 0.0)), float(np.abs(off).max()))


@lru_cache(maxsize=128)
def random_pieces(width: int, most: int, seeds: int = 5) -> np.ndarray:
    """Linear pieces of random ReLU nets on the line from one digit to another.

    Kaiming's weights and no biases, 1 to `most` hidden layers; the line joins two of the standardized digits.

    Parameters
    ----------
    width, most, seeds : int

    Returns
    -------
    ndarray of int (seeds, most)

    Examples
    --------
    >>> counts = random_pieces(20, 6)
    >>> bool(counts.max() < 20 * 6 + 1), bool(np.all(np.diff(counts) >= 0))
    (True, True)
    """
    x, _ = standardized_digits()
    counts = []
    for seed in range(seeds):
        weights, pick = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        ends = x[pick.choice(len(x), 2, replace=False)]
        net = MLP.create([x.shape[1], *[width] * most, 1], weights)
        # The first layers of a deeper net are a shallower one, whatever the last layer does with them.
        counts.append([len(at) - 1 for at, _ in _bends(net, *ends)])
    return np.array(counts)


@dataclass(frozen=True)
class SawtoothView:
    """The net written by hand, a shallow one beside it, and pieces counted against depth.

    Attributes
    ----------
    layers, units, width : int
        Hidden layers of the deep net, hidden units of the shallow one, and width of the random ones.
    noise : float
    deep : Pieces
    deep_error : float
        Root mean square distance of the deep net from the sawtooth over [0, 1].
    shallow : Polyline
    built, one_layer : ndarray of int (most,)
        Pieces of the deep net with 1, 2, … hidden layers, and the most that one hidden layer of as many units can have.
    drawn : ndarray of int (seeds, most)
        Those of random nets.
    """

    layers: int
    units: int
    width: int
    noise: float
    deep: Pieces
    deep_error: float
    shallow: Polyline
    built: np.ndarray
    one_layer: np.ndarray
    drawn: np.ndarray

    @property
    def parameters(self) -> tuple[int, int]:
        """Weights and biases of the deep and of the shallow net."""
        return 6 * self.layers + 1, 3 * self.units + 1

    @property
    def hopeless(self) -> bool:
        """Whether every net with one hidden layer of so many units is off by ½ or more somewhere.

        The sawtooth takes the values 0 and 1 in turn at 2^L + 1 corners. A straight piece over three corners in a row is off by
        at least ½ at one of them. So between the two neighbors of each of the 2^L − 1 inner corners there must be a kink, and one
        kink serves two inner corners at most.
        """
        return self.units < 2 ** (self.layers - 1)


def sawtooth_view(layers: int, times: int = 1, noise: float = 0.0, width: int = 2, seed: int = 0,
                  most: int = 7) -> SawtoothView:
    """Write the sawtooth with a deep net, come as close as one can with a shallow one, and count pieces.

    Parameters
    ----------
    layers : int
        Hidden layers of the deep net, with two units each.
    times : int
        The shallow net has so many times the units of the deep one.
    noise, seed
        As for `tent_net`.
    width : int
        Of the random nets.
    most : int
        Up to which depth pieces are counted.

    Returns
    -------
    SawtoothView

    Examples
    --------
    >>> view = sawtooth_view(layers=5)
    >>> view.deep.count, view.units, view.parameters, view.shallow.worst >= 0.5
    (32, 10, (31, 31), True)
    """
    nets = [pieces(tent_net(folds, noise, seed), [0.0], [1.0]) for folds in range(1, most + 1)]
    deep, units = nets[layers - 1], 2 * layers * times
    fine = np.union1d(deep.at, np.arange(2**layers + 1) / 2**layers)
    off = np.interp(fine, deep.at, deep.values[:, 0]) - sawtooth(fine, layers)
    error = math.sqrt(np.diff(fine) @ (off[:-1] ** 2 + off[:-1] * off[1:] + off[1:] ** 2) / 3)
    built = np.array([net.count for net in nets])
    return SawtoothView(layers, units, width, noise, deep, error, closest_polyline(layers, units), built,
                        2 * times * np.arange(1, most + 1) + 1, random_pieces(width, most))
