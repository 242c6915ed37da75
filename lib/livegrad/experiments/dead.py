"""Units that die: no example finds a slope in them, and so no step of training changes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from livegrad.activations import Activation
from livegrad.data import load_digits, minibatches
from livegrad.initializers import lecun_normal
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP
from livegrad.optim import SGD

__all__ = ["DeadCount", "count_dead", "dead_units"]


def dead_units(net: MLP, x: np.ndarray) -> list[np.ndarray]:
    """The units of each hidden layer that are dead: their slope is 0 for every example.

    No gradient passes them, so no example can change their weights. A dead ReLU unit also has output 0 for every example.
    A unit of a smooth activation such as ELU can be dead in this sense only where its slope is rounded to 0.

    Parameters
    ----------
    net : MLP
    x : ndarray (N, n_0)

    Returns
    -------
    list of ndarray of bool (n_l,)
        One for each layer but the last.

    Examples
    --------
    >>> net = MLP([np.eye(2), np.ones((1, 2))], [np.array([0.0, -5.0]), np.zeros(1)], "relu")
    >>> dead_units(net, np.array([[1.0, 2.0], [3.0, 4.0]]))
    [array([False,  True])]
    """
    trace = net.forward(x)
    return [~net.activation.derivative(z, a).any(axis=0) for z, a in zip(trace.z[:-1], trace.a[1:], strict=False)]


@dataclass(frozen=True)
class DeadCount:
    """A training run as far as it has come, and the units that died on the way.

    Attributes
    ----------
    activation : Activation
        Of the hidden layers.
    steps, taken : int
        Updates planned and made.
    at : ndarray of int (k,)
        Steps at which the dead were counted, the last one at `taken` or, after an overflow, before it.
    dead : ndarray (k, H)
        Share of dead units in each hidden layer then.
    activity : ndarray (H, width)
        For each unit the share of training digits for which z > 0, at the last count.
    loss : float
        Cross-entropy of the last minibatch.
    accuracy : float
        Share of the test digits that the net names.
    """

    activation: Activation
    steps: int
    taken: int
    at: np.ndarray
    dead: np.ndarray
    activity: np.ndarray
    loss: float
    accuracy: float

    @property
    def progress(self) -> float:
        """Share of the run that is over; 1 after an overflow."""
        return 1.0 if self.overflowed else self.taken / self.steps

    @property
    def overflowed(self) -> bool:
        """Whether the last loss is infinite or not a number."""
        return not math.isfinite(self.loss)


def count_dead(bias: float, weight_scale: float, learning_rate: float, activation: str | Activation, seed: int,
               steps: int = 300, width: int = 50, hidden: int = 2, batch: int = 64, report: int = 10) -> Iterator[DeadCount]:
    """Train a small net on the digits by gradient descent and count its dead units on the way.

    Inputs are the pixels themselves, 0 (paper) to 1 (ink). Weights start at standard deviation weight_scale / √fan_in. Every
    fifth digit is kept for the test.

    Parameters
    ----------
    bias : float
        What all hidden biases start at.
    weight_scale, learning_rate : float
    activation : str or Activation
        Of the hidden layers.
    seed : int
        Of the weights and of the order of the minibatches.
    steps, batch : int
        Updates, and digits per update.
    width, hidden : int
        Units per hidden layer, and hidden layers.
    report : int
        Updates between two counts.

    Yields
    ------
    DeadCount
        First of the untrained net, then after every `report` updates. The run ends early when the loss is no longer finite.

    Examples
    --------
    >>> *_, last = count_dead(bias=-2.0, weight_scale=1.4, learning_rate=0.3, activation="relu", seed=0, steps=10)
    >>> last.dead[-1]
    array([1., 1.])
    """
    x, labels = load_digits().images, load_digits().labels
    test = np.arange(len(x)) % 5 == 0
    train = x[~test]
    weights, order = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    net = MLP.create([x.shape[1], *[width] * hidden, 10], weights, activation=activation,
                     init=partial(lecun_normal, gain=weight_scale))
    for b in net.biases[:-1]:
        b += bias
    batches = minibatches(order, np.flatnonzero(~test), batch)
    optimizer, activity = SGD(learning_rate), np.zeros((hidden, width))
    at: list[int] = []
    dead: list[list[float]] = []
    trace = gradients = None

    @np.errstate(all="ignore")  # an overflow ends the run and is reported
    def look() -> float:
        nonlocal trace, gradients
        pick = next(batches)
        trace = net.forward(x[pick], trace)
        gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[pick]), gradients)
        return softmax_cross_entropy(trace.a[-1], labels[pick])

    @np.errstate(all="ignore")
    def so_far(taken: int, loss: float) -> DeadCount:
        if math.isfinite(loss):
            at.append(taken)
            dead.append([float(units.mean()) for units in dead_units(net, train)])
            activity[:] = [(z > 0).mean(axis=0) for z in net.forward(train).z[:-1]]
        guesses = net.forward(x[test]).a[-1].argmax(axis=1)
        return DeadCount(net.activation, steps, taken, np.array(at), np.array(dead), activity.copy(), loss,
                         float(np.mean(guesses == labels[test])))

    for taken in range(steps + 1):
        loss = look()
        if taken % report == 0 or taken == steps or not math.isfinite(loss):
            yield so_far(taken, loss)
        if not math.isfinite(loss):
            return
        optimizer.step(net.parameters(), gradients.parameters())
