"""Two published results on initialization, measured again: Glorot & Bengio (2010) and He et al. (2015)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from livegrad.experiments.gradients import TrainingRun, descend, standardized_digits
from livegrad.initializers import Draw, lecun_uniform
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP
from livegrad.products import dot
from livegrad.validation import choice

__all__ = ["INITIALIZATIONS", "Start", "TwoSpreads", "glorot_bengio", "he_30_layers"]

INITIALIZATIONS: dict[str, Draw | str] = {
    "standard": partial(lecun_uniform, gain=1 / math.sqrt(3)), "normalized": "xavier_uniform"}
"""Of Glorot & Bengio (2010): *standard* is U[−1/√fan_in, 1/√fan_in] (eq. 1), *normalized* is Xavier (eq. 16)."""


@dataclass(frozen=True)
class TwoSpreads:
    """What Glorot & Bengio (2010, §4.2) looked at in an untrained tanh net, one row per seed.

    Attributes
    ----------
    activation, gradient : ndarray (s, h)
        Standard deviation of Aˡ and of ∂C/∂Zˡ in hidden layers 1 to h.
    singular_value : ndarray (s, h − 1)
        Mean singular value of the Jacobian ∂z^(l+1)/∂zˡ of one example, from each hidden layer to the next. (Their z are the
        activations; the mean is nearly the same.)
    """

    activation: np.ndarray
    gradient: np.ndarray
    singular_value: np.ndarray


def glorot_bengio(initialization: str, seeds: Sequence[int] = range(5), width: int = 1000, hidden: int = 5,
                  batch: int = 100) -> TwoSpreads:
    """Glorot & Bengio (2010), figures 6 and 7 and the Jacobians of §4.2: the spread in each hidden layer, before training.

    Their net: five hidden tanh layers of 1000 units and a softmax; biases 0. Their inputs were pictures of shapes, here they are
    the standardized digits. Those are 64 numbers only, so that normalized weights give the first layer smaller numbers than
    1000 inputs of the same size would; larger ones would meet flatter slopes, and the singular values would be smaller.

    Parameters
    ----------
    initialization : {"standard", "normalized"}
        See `INITIALIZATIONS`.
    seeds : sequence of int
    width, hidden, batch : int
        Units per hidden layer, hidden layers, digits.

    Returns
    -------
    TwoSpreads

    Examples
    --------
    >>> two = [glorot_bengio(name, seeds=[0], width=100) for name in INITIALIZATIONS]
    >>> [bool(t.gradient[0, 0] < 0.3 * t.gradient[0, -1]) for t in two]  # does the gradient vanish?
    [True, False]
    """
    init = choice("initialization", initialization, INITIALIZATIONS)
    x, labels = standardized_digits()
    rows = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pick = rng.permutation(len(x))[:batch]
        net = MLP.create([x.shape[1], *[width] * hidden, 10], rng, init, "tanh")
        trace = net.forward(x[pick])
        gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[pick]))
        slopes = [net.activation.derivative(z[0]) for z in trace.z[:-1]]
        jacobians = [W * slope for W, slope in zip(net.weights[1:-1], slopes[:-1], strict=True)]
        rows.append(([a.std() for a in trace.a[1:-1]], [dz.std() for dz in gradients.dz[:-1]],
                     [_mean_singular_value(J) for J in jacobians]))
    return TwoSpreads(*(np.array(column) for column in zip(*rows, strict=True)))


def _mean_singular_value(J: np.ndarray) -> float:
    # They are the roots of the eigenvalues of JᵀJ, in half the time. What that loses in the smallest does not show in the mean.
    return float(np.sqrt(np.maximum(np.linalg.eigvalsh(dot(J.T, J)), 0)).mean())


@dataclass(frozen=True)
class Start:
    """Whether deep nets started to learn, one entry per seed.

    Attributes
    ----------
    runs : tuple of TrainingRun
        The runs at their ends.
    """

    runs: tuple[TrainingRun, ...]

    @property
    def loss(self) -> np.ndarray:
        """Median cross-entropy of the last twenty minibatches, (s,); guessing among ten digits is ln 10 = 2.303."""
        return np.array([np.median(run.loss[-20:]) for run in self.runs])

    @property
    def accuracy(self) -> np.ndarray:
        """Share of the test digits right, (s,)."""
        return np.array([run.accuracy for run in self.runs])


def he_30_layers(init: str | Draw, seeds: Sequence[int] = range(5), depth: int = 30, width: int = 64,
                 learning_rate: float = 0.01, steps: int = 300) -> Start:
    """He et al. (2015), figure 3: does a ReLU net of 30 layers start to learn?

    An analogue: theirs was a convolutional net (27 convolutions and 3 fully connected layers) on ImageNet, this one is fully
    connected, on the digits. Gradient descent on minibatches of 64.

    Parameters
    ----------
    init : str or callable
        As for `MLP.create`: ``"xavier_normal"`` against ``"kaiming_normal"``.
    seeds : sequence of int
    depth, width : int
        Layers, the last one included, and units of every hidden one.
    learning_rate : float
    steps : int

    Returns
    -------
    Start

    Examples
    --------
    >>> bool(he_30_layers("xavier_normal", seeds=[0], steps=20).loss[0] > 2.2)
    True
    """
    runs = []
    for seed in seeds:
        weights, order = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        net = MLP.create([64, *[width] * (depth - 1), 10], weights, init, "relu")
        *_, last = descend(net, learning_rate, order, steps, report=steps)  # tested at the ends only
        runs.append(last)
    return Start(tuple(runs))
