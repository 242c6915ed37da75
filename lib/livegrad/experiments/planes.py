"""What a net of two layers says everywhere in the plane, beside the one layer that its weights collapse to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from livegrad import activations
from livegrad.activations import Activation
from livegrad.data.planar import Points, draw
from livegrad.losses import softmax, softmax_cross_entropy
from livegrad.mlp import MLP
from livegrad.optim import Adam
from livegrad.validation import fail

__all__ = ["Collapse", "Plane", "TwoLayers", "collapse"]

STEPS = 300
"""Steps after which the training of `TwoLayers` is over."""


def collapse(net: MLP) -> MLP:
    """The one layer that a net is if its hidden layers have no activation.

    W = W² W¹ and b = W² b¹ + b², and so on for more layers. It computes what `net` computes if the hidden activation is
    linear, and something else if not.

    Examples
    --------
    >>> net = MLP([np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])], [np.ones(1), np.zeros(2)], "linear")
    >>> collapse(net).weights[0]
    array([[3., 6.],
           [4., 8.]])
    >>> np.array_equal(collapse(net).forward([[5.0, 6.0]]).a[-1], net.forward([[5.0, 6.0]]).a[-1])
    True
    """
    W, b = net.weights[0], net.biases[0]
    for V, c in zip(net.weights[1:], net.biases[1:], strict=True):
        W, b = V @ W, V @ b + c
    return MLP([W], [b], output=net.output)


@dataclass(frozen=True)
class Plane:
    """What a net says everywhere in the plane.

    Attributes
    ----------
    net : MLP
    accuracy : float
        Share of the points that it names.
    shares : ndarray (g, g, k)
        Its probability of each class in the cells of `TwoLayers.edges`; rows go up, columns to the right.
    border : ndarray (m, 2)
        The borders between classes, as short lines with nan between them.
    """

    net: MLP
    accuracy: float
    shares: np.ndarray
    border: np.ndarray

    def at(self, point: tuple[float, float]) -> np.ndarray:
        """The probability of each class (k,) at one point."""
        return softmax(self.net.forward([point]).a[-1])[0]


@dataclass(frozen=True)
class Collapse:
    """A trained net of two layers beside the single layer its weights collapse to, looked at in one point.

    Attributes
    ----------
    points : Points
    two, one : Plane
        The net, and the single layer.
    rank : int
        Of the single layer's matrix W² W¹.
    difference : float
        Largest difference between any two outputs (logits) of the two, over the points.
    largest : float
        Largest output of the net, in size, over the points.
    point : (float, float)
        Where a test point stands.
    steps : int
        Steps of training made so far.
    """

    points: Points
    two: Plane
    one: Plane
    rank: int
    difference: float
    largest: float
    point: tuple[float, float]
    steps: int

    @property
    def so_far(self) -> str:
        """In words, how far the training is, if it is not over."""
        return f" after {self.steps} of {STEPS} steps" if self.steps < STEPS else ""

    @property
    def same(self) -> bool:
        """Whether the two differ by rounding only."""
        return self.difference < 1e-12 * max(self.largest, 1.0)


class TwoLayers:
    """A net of two layers, trained on points in the plane.

    The first weights are N(0, 1.5²), their biases N(0, ½²), the second weights N(0, 1/hidden); all are drawn once per seed
    for the largest net, so that one more hidden unit leaves the others as they were. Then follow `steps` steps of Adam,
    learning rate 0.1, on all points at once; `train` goes on from there.

    Parameters
    ----------
    points : str
        One of `livegrad.data.planar.PLANAR`.
    activation : str or Activation
        Of the hidden layer. The output is linear and goes into a softmax.
    hidden : int
        Hidden units, 1 to 32.
    seed : int
        Of points and weights.
    steps : int

    Attributes
    ----------
    points : Points
    net : MLP
        The trained net.

    Examples
    --------
    >>> rings = TwoLayers("rings", "linear", hidden=8)
    >>> rings.collapse().same, rings.collapse().rank
    (True, 2)
    >>> TwoLayers("rings", "tanh", hidden=8).collapse().same
    False
    """

    edges = np.linspace(-1.6, 1.6, 51)
    """Edges of the cells, in both directions, in whose middles a `Plane` is evaluated."""

    def __init__(self, points: str, activation: str | Activation, hidden: int, seed: int = 0, steps: int = STEPS) -> None:
        where, weights = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        self.points = draw(points, where)
        if hidden not in range(1, _MOST_HIDDEN + 1):
            fail("hidden", f"a whole number from 1 to {_MOST_HIDDEN}", hidden)
        W1, b1 = 1.5 * weights.standard_normal((_MOST_HIDDEN, 2)), 0.5 * weights.standard_normal(_MOST_HIDDEN)
        W2 = weights.standard_normal((_MOST_HIDDEN, self.points.classes))[:hidden].T / math.sqrt(hidden)
        self.net = MLP([W1[:hidden], W2], [b1[:hidden], np.zeros(len(W2))], activations.get(activation))
        self._optimizer, self._planes = Adam(0.1), ()
        self.train(steps)

    def train(self, steps: int = STEPS) -> None:
        """Go on until `steps` steps have been made in all; nothing if there were as many already."""
        trace = gradients = None
        while self._optimizer.steps < steps:
            trace = self.net.forward(self.points.x, trace)
            error = softmax_cross_entropy.gradient(trace.a[-1], self.points.labels)
            gradients = self.net.backward(trace, error, gradients)
            self._optimizer.step(self.net.parameters(), gradients.parameters())
            self._planes = ()

    def collapse(self, point: tuple[float, float] = (0.0, 0.0)) -> Collapse:
        """Set the net beside its collapsed single layer, and look at both in one point."""
        if not self._planes:
            self._planes = tuple(self._plane(net) for net in (self.net, collapse(self.net)))
        two, one = self._planes
        said, collapsed = (plane.net.forward(self.points.x).a[-1] for plane in (two, one))
        return Collapse(self.points, two, one, int(np.linalg.matrix_rank(one.net.weights[0])),
                        float(np.abs(said - collapsed).max()), float(np.abs(said).max()), point, self._optimizer.steps)

    def _plane(self, net: MLP) -> Plane:
        side, ticks = len(self.edges) - 1, (self.edges[:-1] + self.edges[1:]) / 2
        grid = np.stack(np.meshgrid(ticks, ticks), axis=-1)
        logits = net.forward(grid.reshape(-1, 2)).a[-1].reshape(side, side, -1)
        guesses = net.forward(self.points.x).a[-1].argmax(axis=1)
        return Plane(net, float(np.mean(guesses == self.points.labels)), softmax(logits), _border(grid, logits))


_MOST_HIDDEN = 32


def _border(grid: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Where the largest logit changes: pieces of line with nan between them, (m, 2).

    On each side of a grid cell a change lies where the two logits are equal, by linear interpolation. Within the cell
    all its changes are joined to their mean.
    """
    across = _changes(grid[:, :-1], grid[:, 1:], logits[:, :-1], logits[:, 1:])
    upward = _changes(grid[:-1], grid[1:], logits[:-1], logits[1:])
    sides = np.stack([across[:-1], across[1:], upward[:, :-1], upward[:, 1:]], axis=2)
    found = ~np.isnan(sides[..., 0])
    hub = np.where(found[..., None], sides, 0).sum(axis=2) / np.maximum(found.sum(axis=2), 1)[..., None]
    ends = sides[found]
    hubs = np.broadcast_to(hub[:, :, None], sides.shape)[found]
    return np.stack([ends, hubs, np.full_like(ends, np.nan)], axis=1).reshape(-1, 2)


def _changes(here: np.ndarray, there: np.ndarray, logits: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """The point between two neighbors at which their two classes draw level; nan where they have the same class."""
    pair = np.stack([logits.argmax(axis=-1), beyond.argmax(axis=-1)], axis=-1)
    lead, lag = (np.take_along_axis(z, pair, axis=-1) @ (1.0, -1.0) for z in (logits, beyond))
    share = np.divide(lead, lead - lag, out=np.full_like(lead, np.nan), where=pair[..., 0] != pair[..., 1])[..., None]
    return (1 - share) * here + share * there
