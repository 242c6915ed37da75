"""A clinic for networks: a net is trained, what can be measured on the way is reported, and a test says who is well."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from typing import Any, ClassVar

import numpy as np

from livegrad import initializers
from livegrad.activations import Activation
from livegrad.clipping import by_global_norm
from livegrad.data import load_digits, minibatches
from livegrad.experiments.gradients import standardized_digits
from livegrad.experiments.patients import PATIENTS, TASKS, Settings
from livegrad.initializers import Draw
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP, norm, rms
from livegrad.norms import BatchNorm, LayerNorm, Norm
from livegrad.optim import SGD, Adam, Momentum, Optimizer, RMSProp
from livegrad.residual import ResidualNet
from livegrad.rnn import SequenceModel
from livegrad.validation import generator

__all__ = ["HEALTHY", "SEEDS", "STEPS", "Chart", "Visit", "Vitals", "outcome", "recall", "recoveries", "treat"]

HEALTHY = 0.85
"""A net is well if, at the end of its training, it gives the right answer to this share of the test examples or more."""
STEPS = 200
"""Updates of every training."""
SEEDS = range(5)

_NORMS: dict[str, Callable[..., Norm] | None] = {"none": None, "batch": BatchNorm.create, "layer": LayerNorm.create}
_OPTIMIZERS: dict[str, Callable[[float], Optimizer]] = {"sgd": SGD, "momentum": Momentum, "rmsprop": RMSProp, "adam": Adam}
_UNKNOWN = np.array(np.nan)
_CLOSED = 0.01  # a slope below this lets next to nothing through


@dataclass(frozen=True)
class Vitals:
    """What can be measured while a net trains, on one minibatch. In a recurrent net the L layers are its steps.

    Attributes
    ----------
    a : ndarray (L + 1,)
        Root mean square of Aˡ, from the input A⁰ on; of a recurrent net, of its states.
    dz : ndarray (L,)
        Norm of ∂C/∂Zˡ.
    update : ndarray (L,)
        Norm of the step that the weights take, over the norm of the weights. A recurrent net has one W_h for all its steps.
    closed : ndarray (L,)
        Share of the hidden units and examples at which the slope |φ'| is below 0.01; nan for a readout, which has no φ.
    copies : ndarray (L,)
        Share of a layer's units whose weights are those of its first unit, itself not counted; nan for a readout.
    """

    a: np.ndarray
    dz: np.ndarray
    update: np.ndarray
    closed: np.ndarray
    copies: np.ndarray

    @property
    def back(self) -> float:
        """‖∂C/∂Z¹‖ over ‖∂C/∂Zᴸ‖: what is left of the gradient at the far end."""
        with np.errstate(all="ignore"):
            return float(self.dz[0] / self.dz[-1])


@dataclass(frozen=True)
class Chart:
    """A net in training, as far as it has come.

    Attributes
    ----------
    settings : Settings
    steps, taken : int
        Updates planned and made.
    every : int
        Updates between two reports.
    loss : ndarray (taken + 1,)
        Cross-entropy of each minibatch before its update, the last one without. If that is not finite, the run ended there.
    tests : ndarray (m,)
        Cross-entropy of the test examples at each report.
    accuracy : float
        Share of the test examples that are answered right, now.
    first, last : Vitals
        On the first minibatch and on the latest one reported. After an overflow `last` is from before it.
    """

    settings: Settings
    steps: int
    taken: int
    every: int
    loss: np.ndarray
    tests: np.ndarray
    accuracy: float
    first: Vitals
    last: Vitals

    @property
    def overflowed(self) -> bool:
        """Whether the last loss is infinite or not a number."""
        return not math.isfinite(self.loss[-1])

    @property
    def progress(self) -> float:
        """Share of the run that is over; 1 after an overflow."""
        return 1.0 if self.overflowed else self.taken / self.steps

    @property
    def well(self) -> bool:
        """Whether the run came to its end and the net answers `HEALTHY` of the test examples right."""
        return self.taken == self.steps and not self.overflowed and self.accuracy >= HEALTHY

    @property
    def guessing(self) -> float:
        """The loss of a net that gives the same chance to every answer."""
        return math.log(TASKS[self.settings.task])


@dataclass(frozen=True)
class Visit(Chart):
    """A patient's chart, with a name on it.

    Attributes
    ----------
    patient : str
        A key of `livegrad.experiments.patients.PATIENTS`.
    diagnosis : str
        A key of its `DISEASES`, or "?" for none yet.
    prescribed : mapping
        Settings that were asked for. The patient may have had some of them before.
    """

    patient: str
    diagnosis: str
    prescribed: Mapping[str, Any]

    @classmethod
    def of(cls, chart: Chart, patient: str, diagnosis: str = "?", prescribed: Mapping[str, Any] = {}) -> Visit:
        """Put a name on a chart."""
        return cls(**{f.name: getattr(chart, f.name) for f in fields(chart)}, patient=patient, diagnosis=diagnosis,
                   prescribed=prescribed)

    @property
    def changes(self) -> dict[str, Any]:
        """What the prescription has changed."""
        return self.settings.changes(PATIENTS[self.patient].settings)

    @property
    def right(self) -> bool:
        """Whether the diagnosis is."""
        return self.diagnosis == PATIENTS[self.patient].disease


def recall(count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences whose first symbol is to be named at the end. It is 0, 1, 2 or 3; all that follow are 4 or 5.

    Parameters
    ----------
    count, length : int
        N and T.
    rng : numpy.random.Generator

    Returns
    -------
    symbols : ndarray of int (N, T)
    labels : ndarray of int (N,)

    Examples
    --------
    >>> symbols, labels = recall(2, 8, np.random.default_rng(0))
    >>> symbols.tolist(), labels
    ([[3, 5, 4, 4, 4, 4, 4, 4], [2, 5, 5, 5, 5, 5, 5, 5]], array([3, 2]))
    """
    labels = generator("rng", rng).integers(0, TASKS["recall"], count)
    return np.column_stack([labels, rng.integers(4, 6, (count, length - 1))]), labels


class _Digits:
    """A feedforward net and its data. Every fifth digit is for the test, where they come in piles, one for each digit."""

    batch: ClassVar[int] = 50

    def __init__(self, settings: Settings, seed: int) -> None:
        self._x, self._labels = _images(settings.inputs)
        for_weights, for_order = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
        kind = ResidualNet if settings.residual == "yes" else MLP
        # `create` asks for the layers in order; the readout comes last.
        rules = iter([_rule(settings)] * (settings.depth - 1) + [initializers.lecun_normal])
        self._net = kind.create([64, *[settings.width] * (settings.depth - 1), 10], for_weights,
                                lambda shape, rng: next(rules)(shape, rng), settings.activation, norm=_NORMS[settings.norm])
        held_out = np.arange(len(self._x)) % 5 == 0
        self._batches = minibatches(for_order, np.flatnonzero(~held_out), self.batch)
        piles = [np.flatnonzero(held_out & (self._labels == digit)) for digit in range(TASKS["digits"])]
        self._trains_at_test = (settings.norm, settings.evaluation) == ("batch", "batch")
        self._piles = piles if self._trains_at_test else [np.concatenate(piles)]
        self._trace = self._gradients = None
        self.weights, self.parameters = self._net.weights, self._net.parameters()

    def look(self) -> float:
        self._pick = next(self._batches)
        self._trace = self._net.forward(self._x[self._pick], self._trace)
        return softmax_cross_entropy(self._trace.a[-1], self._labels[self._pick])

    def gradients(self) -> list[np.ndarray]:
        error = softmax_cross_entropy.gradient(self._trace.a[-1], self._labels[self._pick])
        self._gradients = self._net.backward(self._trace, error, self._gradients)
        return self._gradients.parameters()

    def vitals(self) -> Vitals:
        trace = self._trace
        read = [z if normed is None else normed.out for z, normed in zip(trace.z, trace.normed)]
        return Vitals(np.array([rms(a) for a in trace.a]), np.array([norm(d) for d in self._gradients.dz]), _UNKNOWN,
                      np.array([*(_closed(self._net.activation, z) for z in read), np.nan]),
                      np.array([*(_copies(W) for W in self.weights[:-1]), np.nan]))

    def test(self) -> tuple[float, float]:
        logits = [self._net.forward(self._x[pile], train=self._trains_at_test).a[-1] for pile in self._piles]
        return _score(np.concatenate(logits), self._labels[np.concatenate(self._piles)])


class _Recall:
    """A recurrent net and its data. Every minibatch is drawn anew."""

    batch: ClassVar[int] = 20
    length: ClassVar[int] = 15

    def __init__(self, settings: Settings, seed: int) -> None:
        for_weights, self._rng, for_test = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3))
        # The gain is that of the recurrent weights. Whether all are equal concerns both.
        inward = _rule(settings.change(gain=1.0)) if settings.init == "constant" else initializers.lecun_normal
        self._net = SequenceModel.create(6, settings.width, TASKS["recall"], for_weights, init=_rule(settings), init_x=inward,
                                         activation=settings.activation, layer_norm=settings.norm == "layer")
        self._questions = recall(400, self.length, for_test)
        self._trace = self._gradients = None
        self.weights, self.parameters = [self._net.rnn.W_h], self._net.parameters()

    def look(self) -> float:
        symbols, self._labels = recall(self.batch, self.length, self._rng)
        self._trace = self._net.forward(symbols, steps=[-1], trace=self._trace)
        return self._net.cost(self._trace, self._labels).mean

    def gradients(self) -> list[np.ndarray]:
        self._gradients = self._net.backward(self._trace, self._labels, gradients=self._gradients)
        return self._gradients.parameters()

    def vitals(self) -> Vitals:
        trace, rnn = self._trace.recurrent, self._net.rnn
        return Vitals(np.array([rms(h) for h in trace.states]), np.array([norm(d) for d in self._gradients.recurrent.d_before]),
                      _UNKNOWN, np.array([_closed(rnn.activation, z) for z in trace.before]),
                      np.full(self.length, _copies(np.hstack([rnn.W_x, rnn.W_h]))))

    def test(self) -> tuple[float, float]:
        symbols, labels = self._questions
        return _score(self._net.forward(symbols, steps=[-1]).logits[:, 0], labels)


def treat(settings: Settings, seed: int = 0, steps: int = STEPS, every: int = 10) -> Iterator[Chart]:
    """Train a net and measure it, one report at a time.

    Parameters
    ----------
    settings : Settings
    seed : int
        Of the weights and of the minibatches.
    steps : int
        Updates.
    every : int
        Updates between two reports.

    Yields
    ------
    Chart
        First of the untrained net, then after every `every` updates and at the end, which comes early when the loss is no
        longer finite.

    Examples
    --------
    >>> *_, chart = treat(PATIENTS["D"].settings)
    >>> chart.well, chart.last.a.shape
    (True, (7,))
    """
    net = {"digits": _Digits, "recall": _Recall}[settings.task](settings, seed)
    optimizer = _OPTIMIZERS[settings.optimizer](settings.learning_rate)
    loss, tests, vitals = np.empty(steps + 1), [], []

    @np.errstate(all="ignore")  # an overflow ends the run and is reported
    def look(taken: int) -> list[np.ndarray]:
        loss[taken] = net.look()
        gradients = net.gradients()
        return by_global_norm(gradients, settings.max_norm)[0] if settings.max_norm < math.inf else gradients

    @np.errstate(all="ignore")
    def report(taken: int, gradients: list[np.ndarray]) -> Chart:
        cost, right = net.test()
        tests.append(cost)
        if math.isfinite(loss[taken]) or not vitals:
            now, before = net.vitals(), [W.copy() for W in net.weights]
            optimizer.step(net.parameters, gradients)
            update = np.array([norm(W - old) / norm(old) for W, old in zip(net.weights, before)])
            vitals.append(replace(now, update=np.broadcast_to(update, now.dz.shape)))
        return Chart(settings, steps, taken, every, loss[: taken + 1].copy(), np.array(tests), right, vitals[0], vitals[-1])

    for taken in range(steps + 1):
        gradients = look(taken)
        over = not math.isfinite(loss[taken])
        if taken % every == 0 or taken == steps or over:
            yield report(taken, gradients)
        else:
            optimizer.step(net.parameters, gradients)
        if over:
            return


@lru_cache(maxsize=128)  # the untreated patients are asked for again and again
def outcome(settings: Settings, seed: int = 0) -> Chart:
    """The last report of `treat`.

    Examples
    --------
    >>> outcome(PATIENTS["A"].settings).well, outcome(PATIENTS["A"].settings.change(gain=1.0)).well
    (False, True)
    """
    return deque(treat(settings, seed), maxlen=1)[0]


def recoveries(settings: Settings, seeds: Sequence[int] = SEEDS) -> int:
    """With how many seeds the net is well at the end.

    Examples
    --------
    >>> recoveries(PATIENTS["F"].settings, seeds=[0])
    0
    """
    return sum(_well(settings, seed) for seed in seeds)


@lru_cache(maxsize=1024)  # with two reports it is quicker than `outcome`, and the training is the same
def _well(settings: Settings, seed: int) -> bool:
    return deque(treat(settings, seed, every=STEPS), maxlen=1)[0].well


def _rule(settings: Settings) -> Draw:
    def draw(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        if settings.init == "constant":
            return initializers.constant(shape, value=settings.gain / shape[1])
        rule = {"normal": initializers.lecun_normal, "orthogonal": initializers.orthogonal}[settings.init]
        return rule(shape, rng, settings.gain)
    return draw


def _closed(phi: Activation, z: np.ndarray) -> float:
    return float(np.mean(np.abs(phi.derivative(z)) < _CLOSED))


def _copies(W: np.ndarray) -> float:
    """Share of the rows after the first that equal it, but for rounding."""
    return float(np.mean(np.abs(W[1:] - W[0]).max(axis=1) <= 1e-6 * np.abs(W[0]).max())) if len(W) > 1 else 0.0


def _score(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    return softmax_cross_entropy(logits, labels), float(np.mean(logits.argmax(axis=1) == labels))


@cache
def _images(inputs: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = standardized_digits()
    if inputs != "standardized":
        images = load_digits().images * {"0..1": 1.0, "0..255": 255.0}[inputs]
    return images, labels
