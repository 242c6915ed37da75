"""How the size of a gradient changes on its way through a deep net."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import DTypeLike

from livegrad import activations, initializers
from livegrad.activations import Activation
from livegrad.data import load_digits, minibatches
from livegrad.initializers import Draw, lecun_normal
from livegrad.losses import half_mse, softmax_cross_entropy
from livegrad.mlp import MLP, Gradients, Statistics, Trace, norm, rms, statistics
from livegrad.optim import SGD

__all__ = ["Chain", "ChainSweep", "DeepNet", "Scales", "TrainingRun", "chain", "chain_sweep", "descend",
           "standardized_digits", "train"]


@dataclass(frozen=True)
class Scales(Statistics):
    """Sizes at every layer of one forward and one backward pass, and what one factor M says of them.

    The sizes are those of `livegrad.mlp.Statistics`.

    Attributes
    ----------
    difference : ndarray (L,)
        Root mean square of the difference between Aˡ of an image and Aˡ of the first image: what is left of the
        signal. A layer can be active and yet answer the same to everything.
    factor : float
        M, estimated from one layer in the middle: weight scale times the root mean square of the slopes
        φ'(z) there. For random weights of variance weight_scale² / fan_in this is what one layer multiplies
        the gradient's norm by, on average over the draw (Schoenholz et al. 2017, where M² is called χ₁).
    """

    difference: np.ndarray
    factor: float

    @property
    def prediction(self) -> np.ndarray:
        """What M alone predicts for ‖∂C/∂Zˡ‖, (L,): ‖∂C/∂Zᴸ‖ · M^(L−l)."""
        with np.errstate(all="ignore"):
            return self.dz[-1] * self.factor ** np.arange(self.depth - 1.0, -1, -1)


class DeepNet:
    """One random draw of a deep net on digits. Depth and weight scale only cut and stretch it.

    The draws are made once. So the same slider position always gives the same picture, and adding
    a layer leaves the weights of all others as they were. Biases are zero.

    Parameters
    ----------
    seed : int
    width : int
        Units in every hidden layer.
    batch : int
        Images sent through, 1 to 1797.
    max_depth : int
        Layers to draw, the last one included.
    dtype : float32 or float64
    init : str or callable
        Rule for the weights at weight scale 1, as for `MLP.create`.

    Attributes
    ----------
    batch : (ndarray (N, 64), ndarray (N,))
        The standardized images and their labels.

    Examples
    --------
    >>> net = DeepNet(seed=0, width=30, batch=50, max_depth=8)
    >>> net.scales(depth=5, weight_scale=1.0, activation="tanh").depth
    5
    """

    def __init__(self, seed: int, width: int = 100, batch: int = 256, max_depth: int = 60,
                 dtype: DTypeLike = np.float32, init: str | Draw = "lecun_normal") -> None:
        x, labels = standardized_digits()
        rule = initializers.get(init)

        def draw(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
            # At unit size, whatever the fan-in; `net` brings each layer down to its scale.
            return (math.sqrt(shape[1]) * rule(shape, rng)).astype(dtype)

        children = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(max_depth + 2)]
        pick = children[0].permutation(len(x))[:batch]
        self.batch = x[pick].astype(dtype), labels[pick]
        self._last = draw((10, width), children[1])
        self._hidden = [draw((width, width if layer else x.shape[1]), child) for layer, child in enumerate(children[2:-1])]
        self._weights = [np.empty_like(draw) for draw in [*self._hidden, self._last]]
        self._biases = [np.zeros(len(draw), dtype) for draw in self._weights]
        self._memory: tuple[Trace | None, Gradients | None] = (None, None)

    def net(self, depth: int, weight_scale: float, activation: str | Activation) -> MLP:
        """The net of this draw: `depth` layers, the rule's weights times `weight_scale`.

        By the default rule they have standard deviation weight_scale / √fan_in. The
        net's arrays are the draw's own and are overwritten by the next call.
        """
        weights = [*self._weights[: depth - 1], self._weights[-1]]
        for draw, weight in zip([*self._hidden[: depth - 1], self._last], weights, strict=True):
            np.multiply(draw, weight_scale / math.sqrt(draw.shape[1]), out=weight)
        biases = [*self._biases[: depth - 1], self._biases[-1]]
        return MLP(weights, biases, activations.get(activation), activations.get("linear"))

    def scales(self, depth: int, weight_scale: float, activation: str | Activation) -> Scales:
        """Send the batch through `net` and its error back, and measure every layer."""
        net = self.net(depth, weight_scale, activation)
        trace, gradients = self.passes(net)
        with np.errstate(all="ignore"):
            sizes = statistics(trace, gradients)
            difference = np.array([rms(a - a[0]) for a in trace.a[1:]])
            factor = weight_scale * rms(net.activation.derivative(trace.z[(depth - 1) // 2]))
        return Scales(sizes.a, sizes.dz, sizes.dW, difference, factor)

    def passes(self, net: MLP) -> tuple[Trace, Gradients]:
        """Send the batch through a net and its error back; the next call overwrites what this one gives.

        The cost is softmax cross-entropy, averaged over the batch.
        """
        images, labels = self.batch
        with np.errstate(all="ignore"):  # an overflow is a result here, not an accident
            trace = net.forward(images, self._memory[0])
            error = softmax_cross_entropy.gradient(trace.a[-1], labels)
            gradients = net.backward(trace, error, self._memory[1])
        self._memory = trace, gradients
        return self._memory


@dataclass(frozen=True)
class Chain:
    """The factors whose product is ∂C/∂w¹ in a net with one unit per layer.

    Attributes
    ----------
    names : tuple of str
        From the error at the output back to the input: error a − y, slope, weight, slope, …, input.
        The slope σ'(z) of layer 3 is called ``σ'3``.
    factors : ndarray (2L + 1,)
        Their values, with sign.
    """

    names: tuple[str, ...]
    factors: np.ndarray

    @property
    def product(self) -> np.ndarray:
        """The product so far, (2L + 1,). Its last entry is ∂C/∂w¹."""
        return np.cumprod(self.factors)


def chain(depth: int, weight: float, x: float, y: float, activation: str | Activation = "sigmoid") -> Chain:
    """Take ∂C/∂w¹ apart, for C = ½(a − y)² and one unit per layer, all with the same weight.

    Parameters
    ----------
    depth : int
        Number of layers L.
    weight : float
        The weight of every layer. There are no biases.
    x, y : float
        Input and target.
    activation : str or Activation
        Of every layer, the last one too.

    Returns
    -------
    Chain

    Examples
    --------
    >>> chain(3, weight=1.0, x=1.0, y=0.0).names
    ('err', "σ'3", 'w3', "σ'2", 'w2', "σ'1", 'x')
    """
    act = activations.get(activation)
    net = MLP([np.array([[float(weight)]])] * depth, [np.zeros(1)] * depth, act, act)
    trace = net.forward(np.array([[float(x)]]))
    error = half_mse.gradient(trace.a[-1], np.array([[float(y)]])).item()
    names, factors = ["err"], [error]
    for layer in range(depth, 0, -1):
        names += [f"σ'{layer}", f"w{layer}" if layer > 1 else "x"]
        factors += [act.derivative(trace.z[layer - 1]).item(), weight if layer > 1 else x]
    return Chain(tuple(names), np.array(factors, dtype=float))


@dataclass(frozen=True)
class ChainSweep:
    """One chain, and what would become of its product with other weights.

    Attributes
    ----------
    chain : Chain
    weight : float
        Its weight.
    weights, gradients : ndarray (k,)
        Weights tried, and ∂C/∂w¹ for each.
    """

    chain: Chain
    weight: float
    weights: np.ndarray
    gradients: np.ndarray


def chain_sweep(depth: int, weight: float, x: float, y: float, activation: str | Activation = "sigmoid",
                widest: float = 8.0, count: int = 161) -> ChainSweep:
    """`chain` at one weight, and ∂C/∂w¹ at `count` weights from −widest to widest.

    Examples
    --------
    >>> bool(np.abs(chain_sweep(3, 1.0, 1.0, 0.0).gradients).max() < 0.01)
    True
    """
    weights = np.linspace(-widest, widest, count)
    act = activations.get(activation)
    # All weights at once: one column each, and the same recursion as `chain`.
    a, slopes = np.full(count, float(x)), np.ones(count)
    for _ in range(depth):
        z = weights * a
        slopes, a = slopes * act.derivative(z), act(z)
    return ChainSweep(chain(depth, weight, x, y, act), weight, weights, (a - y) * slopes * weights ** (depth - 1) * x)


@dataclass(frozen=True)
class TrainingRun:
    """A training run as far as it has come.

    Attributes
    ----------
    steps : int
        Updates planned.
    taken : int
        Updates made.
    loss : ndarray (k,)
        Cross-entropy of each minibatch, before its update. The last one is not finite if the
        net overflowed, and then the run ends.
    update_ratio : ndarray (L,)
        Learning rate times ‖∂C/∂Wˡ‖ over ‖Wˡ‖, the median of the latest updates. Before the
        first one: what it will be.
    accuracy : float
        Share of the test digits that the net names, now.
    """

    steps: int
    taken: int
    loss: np.ndarray
    update_ratio: np.ndarray
    accuracy: float

    @property
    def progress(self) -> float:
        """Share of the run that is over; 1 after an overflow."""
        return 1.0 if self.overflowed else self.taken / self.steps

    @property
    def overflowed(self) -> bool:
        """Whether the last loss is infinite or not a number."""
        return not np.isfinite(self.loss[-1])


def train(depth: int, weight_scale: float, activation: str | Activation, learning_rate: float, seed: int,
          steps: int = 300, width: int = 50, batch: int = 64, report: int = 10) -> Iterator[TrainingRun]:
    """Train a deep net on the digits by gradient descent, one report at a time.

    Inputs are standardized, biases start at zero, weights at standard deviation weight_scale / √fan_in. Every
    fifth digit is kept for the test. Computed in float64, so that the numbers are the same everywhere.

    Parameters
    ----------
    depth : int
        Layers, the last one included.
    weight_scale : float
    activation : str or Activation
        Of the hidden layers.
    learning_rate : float
    seed : int
        Of the weights and of the order of the minibatches.
    steps : int
        Updates.
    width : int
        Units of every hidden layer.
    batch : int
        Digits per update.
    report : int
        Updates between two reports.

    Yields
    ------
    TrainingRun
        First of the untrained net, then after every `report` updates. The run ends early when the
        loss is no longer finite.

    Examples
    --------
    >>> *_, last = train(3, 1.4, "relu", learning_rate=0.1, seed=0, steps=50)
    >>> last.progress, bool(last.loss[-1] < last.loss[0])
    (1.0, True)
    """
    weights, order = np.random.SeedSequence(seed).spawn(2)
    net = MLP.create([64, *[width] * (depth - 1), 10], np.random.default_rng(weights), activation=activation,
                     init=partial(lecun_normal, gain=weight_scale))
    yield from descend(net, learning_rate, np.random.default_rng(order), steps, batch, report)


def descend(net: MLP, learning_rate: float, rng: np.random.Generator, steps: int = 300, batch: int = 64,
            report: int = 10) -> Iterator[TrainingRun]:
    """Train a net of your own on the digits, as `train` does: 64 inputs, 10 outputs that go into a softmax.

    Parameters
    ----------
    net : MLP
        It is changed. Its dtype is that of the computation.
    rng : numpy.random.Generator
        For the order of the minibatches.
    learning_rate, steps, batch, report
        As for `train`.

    Yields
    ------
    TrainingRun
        As for `train`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> *_, last = descend(MLP.create([64, 30, 10], rng), 0.1, rng, steps=50)
    >>> bool(last.accuracy > 0.8)
    True
    """
    x, labels = standardized_digits()
    x, test = x.astype(net.dtype), np.arange(len(x)) % 5 == 0
    batches = minibatches(rng, np.flatnonzero(~test), batch)
    optimizer = SGD(learning_rate)
    losses: list[float] = []
    ratios: list[np.ndarray] = []
    trace = gradients = None

    @np.errstate(all="ignore")  # an overflow ends the run and is reported
    def so_far(taken: int) -> TrainingRun:
        guesses = net.forward(x[test], train=False).a[-1].argmax(axis=1)
        recent = np.median(ratios[-report:], axis=0) if ratios else np.full(net.depth, np.nan)
        return TrainingRun(steps, taken, np.array(losses), recent, float(np.mean(guesses == labels[test])))

    @np.errstate(all="ignore")
    def look() -> Gradients | None:
        nonlocal trace
        pick = next(batches)
        trace = net.forward(x[pick], trace)
        losses.append(softmax_cross_entropy(trace.a[-1], labels[pick]))
        if not np.isfinite(losses[-1]):
            return None
        found = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[pick]), gradients)
        ratios.append(learning_rate * statistics(trace, found).dW / [norm(W) for W in net.weights])
        return found

    for taken in range(steps):
        gradients = look()
        if gradients is None:
            yield so_far(taken)
            return
        if taken % report == 0:
            yield so_far(taken)
        optimizer.step(net.parameters(), gradients.parameters())
    yield so_far(steps)


@cache  # every step of a slider asks for them
def standardized_digits() -> tuple[np.ndarray, np.ndarray]:
    """Images with mean 0 and standard deviation 1 in every pixel, and labels. Not to be written to.

    Returns
    -------
    images : ndarray (1797, 64)
    labels : ndarray (1797,)

    Examples
    --------
    >>> images, labels = standardized_digits()
    >>> bool(abs(images.mean()) < 1e-12)
    True
    """
    digits = load_digits()
    spread = digits.images.std(axis=0)
    # A pixel that is the same in all images carries nothing; dividing by 1 leaves it at 0.
    images = (digits.images - digits.images.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    for shared in (images, digits.labels):
        shared.setflags(write=False)
    return images, digits.labels
