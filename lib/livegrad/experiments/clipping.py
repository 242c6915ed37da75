"""What clipping does to one gradient, and to all gradients of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice

import numpy as np

from livegrad import clipping
from livegrad.activations import Activation
from livegrad.data import minibatches
from livegrad.experiments.gradients import DeepNet
from livegrad.experiments.thresholds import load
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP, Gradients, norm
from livegrad.optim import SGD, Optimizer
from livegrad.validation import choice, fail, floats, number

__all__ = ["DigitsRun", "NormsSeen", "PlaneClips", "RandomGradients", "SOURCES", "Scheme", "compare_schemes", "norms_seen",
           "train_digits"]

# --- one gradient in the plane, many in more dimensions ---


@dataclass(frozen=True)
class PlaneClips:
    """A gradient of two entries clipped by norm and by value, and random gradients of more entries clipped by value.

    Attributes
    ----------
    gradient : ndarray (2,)
    threshold : float
        ε: the largest norm for the one, the largest entry for the other.
    unit : ndarray (2,)
        The gradient scaled to length 1; nan if it is zero and has no direction.
    by_norm, by_value : ndarray (2,)
    entries : int
        n, the number of entries that is looked at among the random gradients.
    numbers : ndarray (k,)
        Numbers of entries tried, 2 to the largest.
    cosine : ndarray (k,)
        Cosine of the angle by which clipping by value turns a random gradient of so many entries, mean over the draws.
        nan if the gradients are zero.
    """

    gradient: np.ndarray
    threshold: float
    unit: np.ndarray
    by_norm: np.ndarray
    by_value: np.ndarray
    entries: int
    numbers: np.ndarray
    cosine: np.ndarray

    @property
    def turn(self) -> float:
        """Angle between the gradient of two entries and itself clipped by value, in degrees; nan if it is zero."""
        return math.degrees(clipping.angle(self.gradient, self.by_value))

    @property
    def cosine_there(self) -> float:
        """The mean cosine at `entries` entries."""
        return float(self.cosine[np.searchsorted(self.numbers, self.entries)])


class RandomGradients:
    """Random gradients with a tail as heavy as one likes, drawn once. Sliders only stretch and cut them.

    An entry is scale · z · exp(tail · u − tail²), with z and u standard normal. Its root mean square is `scale` whatever the
    tail. At tail 0 it is Gaussian; with tail 1 to 2 most entries are near 0 and few are huge: the size of an entry then is
    nearly lognormal, as Chmiel et al. (2021) found for gradients with respect to the outputs of a deep net's layers.

    Parameters
    ----------
    largest : int
        Entries drawn for each gradient, at least 2; those of n entries are the first n.
    count : int
        Gradients to average over.
    seed : int

    Examples
    --------
    >>> clips = RandomGradients(largest=50).clip([3.0, 4.0], threshold=1.0, entries=10)
    >>> clips.by_norm, clips.by_value, clips.cosine.shape
    (array([0.6, 0.8]), array([1., 1.]), (49,))
    """

    def __init__(self, largest: int = 1000, count: int = 100, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._normal, self._spread = rng.standard_normal((2, count, largest), dtype=np.float32)
        self._numbers = np.arange(2, largest + 1)

    def clip(self, gradient: np.ndarray, threshold: float, entries: int = 2, tail: float = 0.0) -> PlaneClips:
        """Clip a gradient of two entries both ways, and the random ones by value.

        Parameters
        ----------
        gradient : array_like (2,)
            Its root mean square is also that of the random gradients' entries.
        threshold : float
            ε, at least 0.
        entries : int
            Number of entries to look at, 2 to `largest`.
        tail : float
            At least 0.

        Returns
        -------
        PlaneClips

        Raises
        ------
        ValueError
            If an argument is not as described.
        """
        gradient = floats("gradient", gradient, (2,), np.float64)
        if not 2 <= entries <= self._numbers[-1]:
            fail("entries", f"2 to {self._numbers[-1]}", entries)
        unit = clipping.to_length(gradient) if gradient.any() else np.full(2, np.nan)
        cosine = self._cosines(norm(gradient) / math.sqrt(2), threshold, number("tail", tail, low=0))
        return PlaneClips(gradient, threshold, unit, clipping.by_norm(gradient, threshold),
                          clipping.by_value(gradient, threshold), entries, self._numbers, cosine)

    def _cosines(self, scale: float, threshold: float, tail: float) -> np.ndarray:
        """For every number of entries at once: the products are summed entry by entry."""
        g = scale * self._normal * np.exp(tail * self._spread - tail**2)
        clipped = clipping.by_value(g, threshold)
        along, before, after = (np.cumsum(product, axis=1)[:, 1:] for product in (g * clipped, g * g, clipped * clipped))
        with np.errstate(invalid="ignore"):  # a zero gradient has no direction
            return np.mean(along / np.sqrt(before * after), axis=0, dtype=np.float64)


# --- one gradient of a deep net, clipped in every way ---


@dataclass(frozen=True)
class Scheme:
    """What one way of clipping made of a deep net's gradient.

    Attributes
    ----------
    name : str
    threshold : float
        ε, or λ for adaptive clipping; inf if nothing was clipped.
    turn : float
        Angle between the whole gradient before and after, in degrees.
    norms : ndarray (L,)
        Norm of each layer's ∂C/∂W after clipping.
    """

    name: str
    threshold: float
    turn: float
    norms: np.ndarray

    @property
    def spread(self) -> float:
        """The largest layer's norm over the smallest's."""
        return float(self.norms.max() / self.norms.min())


def compare_schemes(threshold: float, depth: int = 20, weight_scale: float = 2.0, activation: str | Activation = "relu",
                    seed: int = 0, clipping_share: float = 0.01, width: int = 100) -> list[Scheme]:
    """Take the gradient of a deep net on 256 digits and clip it in every way the library knows.

    Parameters
    ----------
    threshold : float
        ε: the largest norm of the whole gradient, of a layer, of a parameter array; the largest entry.
    depth : int
    weight_scale : float
        Weights have standard deviation weight_scale / √fan_in, biases are zero.
    activation : str or Activation
    seed : int
    clipping_share : float
        λ of adaptive clipping: a unit's gradient may be this share of its weights.
    width : int
        Units in every hidden layer.

    Returns
    -------
    list of Scheme
        ``none``, ``global norm``, ``per layer``, ``per array``, ``by value`` and ``adaptive``.

    Examples
    --------
    >>> for scheme in compare_schemes(threshold=1.0)[:3]:
    ...     print(scheme.name, round(scheme.turn, 1))
    none 0.0
    global norm 0.0
    per layer 17.0
    """
    net, gradients = _deep_gradient(depth, weight_scale, activation, seed, width)
    grads = gradients.parameters()
    ways = {
        "none": (math.inf, grads),
        "global norm": (threshold, clipping.by_global_norm(grads, threshold)[0]),
        "per layer": (threshold, clipping.per_layer(zip(gradients.dW, gradients.db, strict=True), threshold)[0]),
        "per array": (threshold, clipping.per_layer(grads, threshold)[0]),
        "by value": (threshold, [clipping.by_value(g, threshold) for g in grads]),
        "adaptive": (clipping_share, clipping.adaptive(grads, net.parameters(), clipping_share)),
    }
    whole = _one_vector(grads)
    turns = [math.degrees(clipping.angle(whole, _one_vector(clipped))) for _, clipped in ways.values()]
    sizes = [np.array([norm(dW) for dW in clipped[::2]]) for _, clipped in ways.values()]
    return [Scheme(name, limit, *found) for (name, (limit, _)), *found in zip(ways.items(), turns, sizes, strict=True)]


@lru_cache(maxsize=1)  # while a threshold is dragged, net and gradient stay
def _deep_gradient(depth: int, weight_scale: float, activation: str | Activation, seed: int, width: int) -> tuple[MLP, Gradients]:
    deep = DeepNet(seed, width, max_depth=depth, dtype=np.float64)
    net = deep.net(depth, weight_scale, activation)
    return net, deep.passes(net)[1]


def _one_vector(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([a.ravel() for a in arrays])


# --- clipping while a deep net trains ---


@dataclass(frozen=True)
class DigitsRun:
    """A training run of a deep net on the digits.

    Attributes
    ----------
    loss : ndarray (k,)
        Cross-entropy of each minibatch, before its update. It ends with a value that is not finite, if one came.
    norms : ndarray (k,)
        Norm of the whole gradient before clipping.
    first : ndarray (k,)
        Norm of the first layer's ∂C/∂W¹ alone, before clipping.
    moved : ndarray (k,)
        Norm of each update: how far all parameters together were moved.
    """

    loss: np.ndarray
    norms: np.ndarray
    first: np.ndarray
    moved: np.ndarray


def train_digits(optimizer: Optimizer | None = None, max_norm: float = math.inf, depth: int = 10, weight_scale: float = 1.0,
                 activation: str | Activation = "sigmoid", seed: int = 0, steps: int = 200) -> DigitsRun:
    """Train a deep net on the digits and clip the gradient by its global norm before every update.

    The net is 50 units wide, a minibatch has 64 digits, all is computed in float64.

    Parameters
    ----------
    optimizer : Optimizer
        A new one: it is used up. By default gradient descent with learning rate 0.1.
    max_norm : float
        The threshold; inf clips nothing.
    depth, weight_scale, activation, seed
        As in `compare_schemes`. The seed also orders the minibatches.
    steps : int

    Returns
    -------
    DigitsRun

    Examples
    --------
    >>> from livegrad.optim import SGD
    >>> run = train_digits(SGD(0.1), max_norm=0.5, depth=3, activation="tanh", steps=20)
    >>> bool(run.norms.max() > 0.5), bool(run.moved.max() < 0.05 + 1e-12)
    (True, True)
    """
    deep = DeepNet(seed, width=50, batch=1797, max_depth=depth, dtype=np.float64)
    images, labels = deep.batch
    net = deep.net(depth, weight_scale, activation)
    batches = minibatches(np.random.default_rng(seed), np.arange(len(images)), 64)
    optimizer = optimizer or SGD(0.1)
    loss, norms, first, moved = [], [], [], []
    trace = gradients = None
    with np.errstate(all="ignore"):  # an overflow is a result here
        for pick in islice(batches, steps):
            trace = net.forward(images[pick], trace)
            loss.append(softmax_cross_entropy(trace.a[-1], labels[pick]))
            gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[pick]), gradients)
            clipped, size = clipping.by_global_norm(gradients.parameters(), max_norm)
            before = _one_vector(net.parameters())
            optimizer.step(net.parameters(), clipped)
            norms.append(size)
            first.append(norm(gradients.dW[0]))
            moved.append(norm(_one_vector(net.parameters()) - before))
            if not math.isfinite(loss[-1]):
                break
    return DigitsRun(np.array(loss), np.array(norms), np.array(first), np.array(moved))


# --- choosing a threshold from the gradients seen so far ---

_GATES = np.logspace(-8, 4, 97)  # eight to a power of ten


@dataclass(frozen=True)
class NormsSeen:
    """The gradients of the first part of a training run, and a threshold that one thinks of.

    Attributes
    ----------
    threshold : float
        ε.
    max_norm : float
        The threshold that the run was made with; inf if it was not clipped.
    norms : ndarray (k,)
        Norm of the whole gradient at each update so far, before clipping.
    first : ndarray (k,) or (0,)
        Norm of the first layer's gradient, for a net with layers.
    """

    threshold: float
    max_norm: float
    norms: np.ndarray
    first: np.ndarray

    gates = _GATES
    """Thresholds tried, and edges of the histograms' bins, ndarray (97,): powers of ten from 1e-8 to 1e4, each in eight."""

    @property
    def average(self) -> float:
        """Mean of the norms seen."""
        return float(np.mean(self.norms))

    @property
    def share_clipped(self) -> float:
        """Share of these gradients that are longer than the threshold."""
        return float(np.mean(self.norms > self.threshold))

    @property
    def shares(self) -> np.ndarray:
        """Share longer than each of `gates`, (97,)."""
        return 1 - np.searchsorted(np.sort(self.norms), self.gates, side="right") / len(self.norms)

    def histogram(self, sizes: np.ndarray) -> np.ndarray:
        """Share of the sizes in each bin between `gates`, (96,); what lies beyond counts into the bins at the ends."""
        low, high = self.gates[0], self.gates[-1] * (1 - 1e-12)
        return np.histogram(np.clip(sizes, low, high), self.gates)[0] / max(1, len(sizes))


@cache
def _recorded(source: str) -> tuple[float, np.ndarray, np.ndarray]:
    """Threshold and norms of a whole run, and the norms of its first layer alone if it has layers."""
    max_norm = {"recurrent, clipped": 1.0, "deep ReLU": 10.0}.get(source, math.inf)
    if source.startswith("recurrent"):
        return max_norm, load().run(0.1, max_norm, seed=0).norms, np.empty(0)
    weight_scale, activation = (1.0, "sigmoid") if source == "deep sigmoid" else (2.0, "relu")
    run = train_digits(None, max_norm, weight_scale=weight_scale, activation=activation)
    return max_norm, run.norms, run.first


SOURCES = ("recurrent, clipped", "recurrent, not clipped", "deep sigmoid", "deep ReLU")
"""Training runs that `norms_seen` knows: a recurrent net on the temporal-order task at length 30, learning rate 0.1, clipped at
norm 1 or not at all, from the stored runs; and ten layers on the digits, sigmoid units at weight scale 1 without clipping, where
the gradient vanishes, or ReLU units at weight scale 2 clipped at norm 10, where it explodes."""


def norms_seen(source: str, share: float, threshold: float) -> NormsSeen:
    """The norms of the gradients in the first part of a training run.

    Parameters
    ----------
    source : str
        One of `SOURCES`.
    share : float
        How much of the run has been seen, in (0, 1].
    threshold : float
        ε.

    Returns
    -------
    NormsSeen

    Raises
    ------
    ValueError
        If `source` is not known or `share` out of range.

    Examples
    --------
    >>> seen = norms_seen("deep sigmoid", share=1.0, threshold=1.0)
    >>> seen.share_clipped, bool(np.median(seen.first) < 1e-5 * np.median(seen.norms))
    (0.0, True)
    """
    max_norm, norms, first = _recorded(choice("source", source, SOURCES))
    seen = math.ceil(number("share", share, 0, 1, strict=share != 1) * len(norms))
    return NormsSeen(threshold, max_norm, norms[:seen], first[:seen])
