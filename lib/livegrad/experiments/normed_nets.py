"""Nets with and without normalization, trained side by side on the digits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import zip_longest

import numpy as np
from numpy.typing import DTypeLike

from livegrad.activations import Activation
from livegrad.data import load_digits, minibatches
from livegrad.experiments.gradients import standardized_digits
from livegrad.initializers import Draw, lecun_normal
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP
from livegrad.norms import BatchNorm, LayerNorm, Norm
from livegrad.optim import SGD, Adam, Optimizer
from livegrad.validation import choice

__all__ = ["NORMS", "PERCENTILES", "Comparison", "Learning", "Modes", "compare", "evaluation_modes", "first_and_last_weights",
           "ioffe_szegedy", "learn", "small_batches", "weight_scales"]

NORMS: dict[str, Callable[..., Norm] | None] = {"none": None, "batch": partial(BatchNorm.create, unbiased=True),
                                                "layer": LayerNorm.create}
"""What stands before φ in each hidden layer. The running variance has the divisor N − 1, which matters for small batches."""

PERCENTILES = (15, 50, 85)
"""Those in which Ioffe & Szegedy (2015, fig. 1) show what a unit reads."""


@dataclass(frozen=True)
class Learning:
    """One net's training as far as it has come; t is the number of tests so far, the first one before training.

    Attributes
    ----------
    loss : ndarray (k,)
        Cross-entropy of each minibatch, before its update. The last one is not finite if the net overflowed; then the run ends.
    accuracy : ndarray (t,)
        Share of the test digits that the net names.
    read : ndarray (t, 3)
        What φ reads in the first unit of the last hidden layer: `PERCENTILES` over the test digits.
    gamma, beta : ndarray (t, H)
        Of that layer; (t, 0) without a normalization.
    """

    loss: np.ndarray
    accuracy: np.ndarray
    read: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray

    @property
    def overflowed(self) -> bool:
        """Whether the last loss is infinite or not a number."""
        return len(self.loss) > 0 and not np.isfinite(self.loss[-1])

    @property
    def recent(self) -> float:
        """Mean loss of the last 20 minibatches; nan before the first, inf after an overflow."""
        if self.overflowed:
            return np.inf
        return float(self.loss[-20:].mean()) if len(self.loss) else np.nan


def learn(net: MLP, optimizer: Optimizer, rng: np.random.Generator, steps: int, batch: int, every: int,
          standardized: bool = True) -> Iterator[Learning]:
    """Train a net on the digits, with a softmax and cross-entropy after its 10 outputs; every fifth digit is kept for the test.

    Parameters
    ----------
    net : MLP
        It is changed.
    optimizer : Optimizer
    rng : numpy.random.Generator
        For the order of the minibatches.
    steps : int
        Updates.
    batch : int
        Digits per update.
    every : int
        Updates between two reports.
    standardized : bool
        Whether every pixel has mean 0 and standard deviation 1, or goes from 0 (paper) to 1 (ink).

    Yields
    ------
    Learning
        Before training, after every `every` updates, and at the end, which comes early when the loss is no longer finite.

    Raises
    ------
    ValueError
        If a batch norm is to train on batches of 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> net = MLP.create([64, 30, 10], rng, norm=BatchNorm.create)
    >>> *_, last = learn(net, SGD(0.1), rng, steps=100, batch=60, every=50)
    >>> bool(last.accuracy[-1] > 0.8), last.accuracy.shape, last.gamma.shape
    (True, (3,), (3, 30))
    """
    x, labels = _digits(standardized, net.dtype)
    test = np.arange(len(x)) % 5 == 0
    batches = minibatches(rng, np.flatnonzero(~test), batch)
    params, last = net.parameters(), net.norms[-1]
    loss, tests = np.empty(steps), []
    trace = gradients = None

    @np.errstate(all="ignore")  # an overflow ends the run and is reported
    def look(taken: int) -> Learning:
        seen = net.forward(x[test], train=False)
        read = seen.normed[-1].out if last else seen.z[-2]
        none = np.empty(0)
        tests.append((np.mean(seen.a[-1].argmax(axis=1) == labels[test]), np.percentile(read[:, 0], PERCENTILES),
                      last.gamma.copy() if last else none, last.beta.copy() if last else none))
        return Learning(loss[:taken], *map(np.array, zip(*tests, strict=True)))

    @np.errstate(all="ignore")
    def update() -> float:
        nonlocal trace, gradients
        pick = next(batches)
        trace = net.forward(x[pick], trace)
        cost = softmax_cross_entropy(trace.a[-1], labels[pick])
        if np.isfinite(cost):
            gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[pick]), gradients)
            optimizer.step(params, gradients.parameters())
        return cost

    yield look(0)
    for taken in range(1, steps + 1):
        loss[taken - 1] = cost = update()
        over = not np.isfinite(cost)
        if taken % every == 0 or taken == steps or over:
            yield look(taken)
        if over:
            return


@dataclass(frozen=True)
class Comparison:
    """Several nets that start from the same weights and see the same minibatches, as far as they have come.

    Attributes
    ----------
    steps : int
        Updates planned.
    every : int
        Updates between two tests.
    runs : dict of str to Learning or None
        By name of the normalization; None for batch norm that is to train on batches of 1, which it refuses.
    """

    steps: int
    every: int
    runs: Mapping[str, Learning | None]

    @property
    def taken(self) -> int:
        """Updates made by the nets that have not overflowed, or before the last of them did."""
        return max(len(run.loss) for run in self.runs.values() if run is not None)

    @property
    def progress(self) -> float:
        """Share of the comparison that is over."""
        return 1.0 if all(run is None or run.overflowed for run in self.runs.values()) else self.taken / self.steps

    def tests(self, name: str) -> np.ndarray:
        """Updates made before each test of one net, (t,)."""
        run = self.runs[name]
        return np.minimum(self.every * np.arange(len(run.accuracy)), len(run.loss))


def compare(norms: Sequence[str], sizes: Sequence[int], init: str | Draw, activation: str | Activation,
            optimizer: Callable[[], Optimizer], seed: int, steps: int, batch: int, every: int, standardized: bool = True,
            dtype: DTypeLike = np.float64) -> Iterator[Comparison]:
    """Train one net per normalization: the same weights at the start, the same minibatches.

    Parameters
    ----------
    norms : sequence of str
        Keys of `NORMS`.
    sizes, init, activation, dtype
        As for `MLP.create`.
    optimizer : callable
        ``optimizer()`` makes one.
    seed : int
        Of the weights and of the order of the minibatches.
    steps, batch, every, standardized
        As for `learn`.

    Yields
    ------
    Comparison
        Before training and after every `every` updates.

    Examples
    --------
    >>> *_, last = compare(["none", "batch"], [64, 20, 10], "lecun_normal", "tanh", lambda: SGD(0.1), 0, 60, 30, 30)
    >>> last.taken, last.progress, last.tests("batch")
    (60, 1.0, array([ 0, 30, 60]))
    """
    def start(name: str) -> Iterator[Learning]:
        weights, order = _streams(seed, 2)
        net = MLP.create(sizes, weights, init, activation, dtype=dtype, norm=choice("norms", name, NORMS))
        return learn(net, optimizer(), order, steps, batch, every, standardized)

    trained = {name: start(name) for name in norms if (name, batch) != ("batch", 1)}
    runs: dict[str, Learning | None] = dict.fromkeys(norms)
    for reports in zip_longest(*trained.values()):
        runs |= {name: report for name, report in zip(trained, reports, strict=True) if report is not None}
        yield Comparison(steps, every, dict(runs))


def weight_scales(weight_scale: float, activation: str | Activation = "relu", learning_rate: float = 0.1, seed: int = 0,
                  steps: int = 300, norms: Sequence[str] = ("none", "batch")) -> Iterator[Comparison]:
    """Train with hidden weights of any size, without and with batch norm, by gradient descent on minibatches of 60.

    Three hidden layers of 50 units. Their weights have standard deviation weight_scale / √fan_in; those of the output
    layer, which no norm follows, have 1 / √fan_in in either net.

    Parameters
    ----------
    weight_scale : float
    activation : str or Activation
    learning_rate : float
    seed, steps, norms
        As for `compare`.

    Yields
    ------
    Comparison
        Before training and after every 20 updates.

    Examples
    --------
    >>> *_, last = weight_scales(0.01, "tanh", steps=100)
    >>> [bool(run.accuracy[-1] > 0.8) for run in last.runs.values()]
    [False, True]
    """
    return compare(norms, _SIZES, _scaled(weight_scale), activation, partial(SGD, learning_rate), seed, steps, batch=60, every=20)


_SIZES = [64, 50, 50, 50, 10]


def _scaled(weight_scale: float) -> Draw:
    def init(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        return lecun_normal(shape, rng, gain=1.0 if shape[0] == _SIZES[-1] else weight_scale)

    return init


def first_and_last_weights(weight_scale: float, seed: int = 0, steps: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """The second hidden layer's weights in the ReLU net with batch norm of `weight_scales`, before the training and after it.

    Parameters
    ----------
    weight_scale, seed, steps
        As there.

    Returns
    -------
    ndarray (50, 50), ndarray (50, 50)

    Examples
    --------
    >>> before, after = first_and_last_weights(0.01, steps=20)
    >>> bool(np.linalg.norm(after) > 2 * np.linalg.norm(before))
    True
    """
    weights, order = _streams(seed, 2)
    net = MLP.create(_SIZES, weights, _scaled(weight_scale), norm=NORMS["batch"])
    before = net.weights[1].copy()
    deque(learn(net, SGD(0.1), order, steps, batch=60, every=steps), maxlen=0)
    return before, net.weights[1]


def small_batches(batch: int, seed: int = 0, steps: int = 300, norms: Sequence[str] = tuple(NORMS)) -> Iterator[Comparison]:
    """Train without normalization, with batch norm and with layer norm, on batches of any size.

    A small version of Ba, Kiros & Hinton (2016, §6.6): two hidden layers of 100 ReLU units, normalized, an output
    layer that is not, and Adam (learning rate 0.001); theirs had 1000 units each, on MNIST.

    Parameters
    ----------
    batch : int
        Digits per update, from 1.
    seed, steps, norms
        As for `compare`.

    Yields
    ------
    Comparison
        Before training and after every 20 updates.

    Examples
    --------
    >>> *_, last = small_batches(1, steps=20)
    >>> [name for name, run in last.runs.items() if run is None]
    ['batch']
    """
    return compare(norms, [64, 100, 100, 10], "kaiming_normal", "relu", Adam, seed, steps, batch, every=20)


def ioffe_szegedy(seed: int = 0, steps: int = 50_000, norms: Sequence[str] = ("none", "batch"),
                  every: int = 250) -> Iterator[Comparison]:
    """Ioffe & Szegedy (2015, §4.1): three hidden layers of 100 sigmoid units, without and with batch norm.

    Theirs: MNIST, 28 × 28 pixels, "small random Gaussian" first weights, minibatches of 60, 50,000 updates. Here the digits
    have 8 × 8 pixels, from 0 to 1 and not standardized; the weights are from N(0, 0.1²) and the learning rate is 0.1,
    both of which the paper leaves open. All in float32.

    Parameters
    ----------
    seed, steps, norms, every
        As for `compare`.

    Yields
    ------
    Comparison

    Examples
    --------
    >>> *_, last = ioffe_szegedy(steps=500)
    >>> [bool(run.accuracy[-1] > 0.9) for run in last.runs.values()]
    [False, True]
    """
    def init(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0.0, 0.1, shape)

    return compare(norms, [64, 100, 100, 100, 10], init, "sigmoid", partial(SGD, 0.1), seed, steps, 60, every,
                   standardized=False, dtype=np.float32)


@dataclass(frozen=True)
class Modes:
    """Share of test digits that a net with batch norm names, one entry per seed, by the statistics that it uses.

    Attributes
    ----------
    running : ndarray (s,)
        The running averages of the training, as it should be.
    mixed : ndarray (s,)
        Those of the test batch, of digits in random order.
    by_class : ndarray (s,)
        Those of the test batch, of digits sorted by class.
    """

    running: np.ndarray
    mixed: np.ndarray
    by_class: np.ndarray


def evaluation_modes(batch: int, seeds: Sequence[int] = range(5), steps: int = 300) -> Modes:
    """Leave a net with batch norm in training mode when it is tested: its answers then depend on who else is in the batch.

    The net is that of `small_batches`, trained on batches of 60.

    Parameters
    ----------
    batch : int
        Digits per test batch, from 2 to 36. A remainder is left out, also for the running averages.
    seeds : sequence of int
    steps : int
        Updates of the training.

    Returns
    -------
    Modes

    Examples
    --------
    >>> modes = evaluation_modes(batch=30, seeds=[0], steps=100)
    >>> bool(modes.running[0] > 0.9), bool(modes.by_class[0] < 0.5)
    (True, True)
    """
    x, labels = _digits(True, np.dtype(float))
    test = np.flatnonzero(np.arange(len(x)) % 5 == 0)
    by_class = test[np.argsort(labels[test], kind="stable")]
    rows = []
    for seed in seeds:
        weights, order, mixing = _streams(seed, 3)
        net = MLP.create([64, 100, 100, 10], weights, norm=NORMS["batch"])
        deque(learn(net, Adam(), order, steps, batch=60, every=steps), maxlen=0)

        def right(who: np.ndarray, train: bool, net: MLP = net) -> float:
            groups = who[: len(who) // batch * batch].reshape(-1, batch)
            return float(np.mean([net.forward(x[g], train=train).a[-1].argmax(axis=1) == labels[g] for g in groups]))

        shuffled = mixing.permutation(test)
        rows.append([right(shuffled, train=False), right(shuffled, train=True), right(by_class, train=True)])
    return Modes(*np.array(rows).T)


def _streams(seed: int, count: int) -> list[np.random.Generator]:
    """Of weights, of the order of the minibatches, …"""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(count)]


@cache
def _digits(standardized: bool, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray]:
    images, labels = standardized_digits()
    return (images if standardized else load_digits().images).astype(dtype), labels
