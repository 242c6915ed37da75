"""Training nets of many depths: the same number of parameters deep or wide, and the four rules of thumb with and without."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from livegrad.data import load_digits, minibatches
from livegrad.experiments.gradients import standardized_digits
from livegrad.experiments.sawtooth import sawtooth
from livegrad.initializers import kaiming_normal
from livegrad.losses import softmax, softmax_cross_entropy
from livegrad.mlp import MLP, statistics
from livegrad.norms import BatchNorm
from livegrad.optim import SGD, Adam, Optimizer
from livegrad.residual import ResidualNet
from livegrad.validation import choice, positive_ints

__all__ = ["BUDGET", "CASES", "CONNECTIONS", "EVERY", "GRID", "ITEMS", "Arm", "BudgetRun", "Fit", "budget_run", "equal_width",
           "fit", "parameter_count", "rule_of_thumb", "teeth_data"]

Data = tuple[np.ndarray, np.ndarray]

EVERY = 50
"""Updates between two tests."""


@dataclass(frozen=True)
class Fit:
    """A training as far as it has come; t is the number of tests so far, the first one before training.

    Attributes
    ----------
    taken : int
        Updates made.
    accuracy : ndarray (t,)
        Share of the test examples that the net names.
    overflowed : bool
        Whether the loss has become infinite or not a number. The net then stays as it is.
    """

    taken: int
    accuracy: np.ndarray
    overflowed: bool


def fit(net: MLP, optimizer: Optimizer, train: Data, test: Data, rng: np.random.Generator, steps: int, batch: int = 60,
        every: int = EVERY) -> Iterator[Fit]:
    """Train a classifier with softmax and cross-entropy on minibatches.

    Parameters
    ----------
    net : MLP
        It is changed.
    optimizer : Optimizer
    train, test : (ndarray (N, D), ndarray of int (N,))
        Examples and their classes.
    rng : numpy.random.Generator
        For the order of the minibatches.
    steps, batch, every : int
        Updates, examples per update, and updates between two reports.

    Yields
    ------
    Fit
        Before training, after every `every` updates and at the end, which comes early when the loss is no longer finite.

    Examples
    --------
    >>> train, test = teeth_data(folds=1, seed=0)
    >>> *_, last = fit(MLP.create([1, 20, 2], np.random.default_rng(0)), Adam(0.01), train, test, np.random.default_rng(1), 150)
    >>> last.taken, len(last.accuracy), bool(last.accuracy[-1] > 0.9)
    (150, 4, True)
    """
    x, labels = train
    batches, params, accuracy = minibatches(rng, np.arange(len(x)), batch), net.parameters(), []
    trace = gradients = None

    @np.errstate(all="ignore")  # an overflow ends the run and is reported
    def look(taken: int, overflowed: bool) -> Fit:
        accuracy.append(np.mean(net.forward(test[0], train=False).a[-1].argmax(axis=1) == test[1]))
        return Fit(taken, np.array(accuracy), overflowed)

    @np.errstate(all="ignore")
    def update() -> bool:
        nonlocal trace, gradients
        pick = next(batches)
        trace = net.forward(x[pick], trace)
        fine = np.isfinite(softmax_cross_entropy(trace.a[-1], labels[pick]))
        if fine:
            gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[pick]), gradients)
            optimizer.step(params, gradients.parameters())
        return bool(fine)

    yield look(0, False)
    for taken in range(1, steps + 1):
        fine = update()
        if taken % every == 0 or taken == steps or not fine:
            yield look(taken, not fine)
        if not fine:
            return


# --- equal budget ---

BUDGET = 1000
"""Parameters that a net may have, about."""

CONNECTIONS = ("plain", "residual")

GRID = np.linspace(0, 1, 129)
"""Where a learned function is kept."""


def parameter_count(sizes: list[int]) -> int:
    """Weights and biases of a fully connected net.

    Examples
    --------
    >>> parameter_count([2, 3, 1])
    13
    """
    return sum((n_in + 1) * n_out for n_in, n_out in zip(sizes, sizes[1:]))


def equal_width(hidden: int, budget: int = BUDGET, n_in: int = 1, n_out: int = 2) -> int:
    """Width of `hidden` layers, all alike, with which a net comes closest to a number of parameters.

    Parameters
    ----------
    hidden, budget, n_in, n_out : int

    Returns
    -------
    int

    Examples
    --------
    >>> [equal_width(hidden) for hidden in (1, 3, 8, 32)]
    [249, 21, 11, 5]
    """
    positive_ints("hidden, budget", (hidden, budget))

    def off(width: int) -> int:
        return abs(parameter_count([n_in, *[width] * hidden, n_out]) - budget)

    return min(range(1, budget + 1), key=off)


@lru_cache(maxsize=16)
def teeth_data(folds: int, seed: int, train: int = 600, test: int = 1000) -> tuple[Data, Data]:
    """Points of [0, 1] and whether the sawtooth over them is above one half.

    Each fold doubles the number of intervals that have to be told apart: there are 2^folds + 1 of them.

    Parameters
    ----------
    folds : int
        How often the tent map is applied.
    seed : int
    train, test : int
        Number of points, drawn evenly from [0, 1].

    Returns
    -------
    train, test : (ndarray (N, 1), ndarray of int (N,))
        The input is scaled to mean 0 and standard deviation 1, as of the even distribution.

    Examples
    --------
    >>> (x, labels), _ = teeth_data(folds=1, seed=0)
    >>> bool(labels[np.abs(x[:, 0]).argmin()])  # in the middle, at the top of the tent
    True
    """
    u = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0]).uniform(0, 1, train + test)
    x, labels = _spread(u)[:, None], (sawtooth(u, folds) > 0.5).astype(np.int64)
    return (x[:train], labels[:train]), (x[train:], labels[train:])


def _spread(u: np.ndarray) -> np.ndarray:
    return math.sqrt(12) * (u - 0.5)


@dataclass(frozen=True)
class BudgetRun:
    """A net of about `BUDGET` parameters that learns a sawtooth, as far as it has come.

    Attributes
    ----------
    folds, hidden, width : int
        The task, and the net's hidden layers and their width.
    connection : {"plain", "residual"}
    steps, taken : int
        Updates planned, and made.
    accuracy : ndarray (t,)
        Share of the test points right, before training and after every `EVERY` updates.
    first_gradient, gradient : ndarray (hidden + 1,)
        ‖∂C/∂Z^l‖ over all training points, before training and now.
    learned : ndarray (129,)
        The probability of class 1 at each point of `GRID`, now.
    """

    folds: int
    hidden: int
    width: int
    connection: str
    steps: int
    taken: int
    accuracy: np.ndarray
    first_gradient: np.ndarray
    gradient: np.ndarray
    learned: np.ndarray

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return self.taken / self.steps

    @property
    def parameters(self) -> int:
        """How many the net has, without the branch scales, which are not learned."""
        return parameter_count([1, *[self.width] * self.hidden, 2])


def budget_run(folds: int, hidden: int, connection: str = "plain", seed: int = 0, steps: int = 1000) -> Iterator[BudgetRun]:
    """Learn a sawtooth with a net of about `BUDGET` parameters, deep or wide.

    ReLU, Kaiming's weights, Adam with rate 0.005, minibatches of 60 of 600 points. The branches of a residual net have the
    scale 1/√(hidden − 1).

    Parameters
    ----------
    folds, hidden : int
    connection : {"plain", "residual"}
    seed, steps : int

    Yields
    ------
    BudgetRun
        Before training and after every `EVERY` updates.

    Examples
    --------
    >>> first = next(budget_run(folds=3, hidden=32))
    >>> first.parameters, first.accuracy.shape, first.gradient.shape
    (952, (1,), (33,))
    """
    choice("connection", connection, CONNECTIONS)
    train, test = teeth_data(folds, seed)
    weights, order = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)[1:])
    width = equal_width(hidden)
    make = MLP.create if connection == "plain" else partial(ResidualNet.create, branch_scale=max(hidden - 1, 1) ** -0.5)
    net = make([1, *[width] * hidden, 2], weights)

    def gradient() -> np.ndarray:
        trace = net.forward(train[0])
        return statistics(trace, net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], train[1]))).dz

    first = gradient()
    for now in fit(net, Adam(0.005), train, test, order, steps):
        learned = softmax(net.forward(_spread(GRID)[:, None]).a[-1])[:, 1]
        yield BudgetRun(folds, hidden, width, connection, steps, now.taken, now.accuracy, first, gradient(), learned)


# --- the four rules of thumb ---


@dataclass(frozen=True)
class Arm:
    """One side of a comparison on the digits: what is not said is as usual.

    Attributes
    ----------
    words : str
    pixels : float
        The inputs are pixels from 0 (paper) to this (ink); 0 means standardized.
    hidden, width : int
    weight_scale : float
        Times Kaiming's weights.
    activation : str
    batch_norm : bool
    rate : float
        Learning rate of gradient descent.
    batch : int
    """

    words: str
    pixels: float = 0.0
    hidden: int = 2
    width: int = 50
    weight_scale: float = 1.0
    activation: str = "relu"
    batch_norm: bool = False
    rate: float = 0.1
    batch: int = 60


CASES = ("typical", "hard", "limit")
"""In the last one the rule does not help, or hurts."""

ITEMS: Mapping[str, Mapping[str, tuple[Arm, Arm]]] = {
    "inputs": {"typical": (Arm("pixels 0 to 16", pixels=16), Arm("standardized")),
               "hard": (Arm("pixels 0 to 255", pixels=255), Arm("standardized")),
               "limit": (Arm("pixels 0 to 1", pixels=1), Arm("standardized"))},
    "weights": {"typical": (Arm("half as large", weight_scale=0.5, hidden=8), Arm("Kaiming's", hidden=8)),
                "hard": (Arm("three times as large", weight_scale=3, hidden=8), Arm("Kaiming's", hidden=8)),
                "limit": (Arm("half as large", weight_scale=0.5, hidden=1), Arm("Kaiming's", hidden=1))},
    "batch norm": {"typical": (Arm("without", activation="sigmoid", hidden=4),
                               Arm("with", activation="sigmoid", hidden=4, batch_norm=True)),
                   "hard": (Arm("without", weight_scale=0.2, hidden=8), Arm("with", weight_scale=0.2, hidden=8, batch_norm=True)),
                   "limit": (Arm("without", batch=2, rate=0.02), Arm("with", batch=2, rate=0.02, batch_norm=True))}}
"""Rule to case to the two sides, without and with. The fourth rule, deeper over wider, is a matter of `budget_run`."""


def rule_of_thumb(arm: Arm, seed: int = 0, steps: int = 1000) -> Iterator[Fit]:
    """Train one side of a comparison on the digits by gradient descent; every fifth digit is kept for the test.

    Parameters
    ----------
    arm : Arm
    seed, steps : int

    Yields
    ------
    Fit

    Examples
    --------
    >>> *_, last = rule_of_thumb(Arm("usual"), steps=100)
    >>> bool(last.accuracy[-1] > 0.85)
    True
    """
    x, labels = standardized_digits()
    if arm.pixels:
        x = arm.pixels * load_digits().images
    test = np.arange(len(x)) % 5 == 0
    weights, order = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))

    def init(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        return arm.weight_scale * kaiming_normal(shape, rng)

    norm: Callable[..., BatchNorm] | None = partial(BatchNorm.create, unbiased=True) if arm.batch_norm else None
    net = MLP.create([64, *[arm.width] * arm.hidden, 10], weights, init, arm.activation, norm=norm)
    return fit(net, SGD(arm.rate), (x[~test], labels[~test]), (x[test], labels[test]), order, steps, arm.batch)
