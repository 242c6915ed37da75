"""The temporal-order task: which of two symbols came first, a long time ago?

A sequence of T symbols is noise from four letters c, d, e, f, but for two places. One lies in [T/10, 2T/10), the other in
[5T/10, 6T/10), and each holds an A or a B. After the last symbol the net says which of AA, AB, BA and BB it was, so the first one
has to be kept for most of the sequence (Hochreiter & Schmidhuber 1997, task 6a; in this form Pascanu, Mikolov & Bengio 2013,
sec. 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from livegrad.clipping import by_global_norm
from livegrad.optim import SGD
from livegrad.rnn import SequenceModel
from livegrad.validation import choice, fail, generator

__all__ = ["CHANCE", "SOLVED", "STARTS", "SYMBOLS", "TemporalOrderRun", "model", "sequences", "train"]

SYMBOLS = "ABcdef"
CHANCE = 0.75
"""Share of errors that guessing makes."""
SOLVED = 0.01
"""The task counts as solved when the share of errors is below this."""
STARTS = ("normal", "sparse")


def sequences(count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences of the task.

    Parameters
    ----------
    count : int
        N.
    length : int
        T, at least 10.
    rng : numpy.random.Generator

    Returns
    -------
    symbols : ndarray of int, shape (N, T)
        Places in `SYMBOLS`.
    labels : ndarray of int, shape (N,)
        0 for AA, 1 for AB, 2 for BA, 3 for BB.

    Raises
    ------
    ValueError
        If `length` is below 10 or `rng` is no generator.

    Examples
    --------
    >>> symbols, labels = sequences(2, 20, np.random.default_rng(3))
    >>> ["".join(SYMBOLS[s] for s in row) for row in symbols], labels
    (['fccBcffeccAdeddceecc', 'ddAeddeeceBffddeeefd'], array([2, 1]))
    """
    if length < 10:
        fail("length", "at least 10", length)
    symbols = generator("rng", rng).integers(2, len(SYMBOLS), (count, length))
    rows = np.arange(count)
    first, second = rng.integers(0, 2, (2, count))
    symbols[rows, rng.integers(length // 10, 2 * length // 10, count)] = first
    symbols[rows, rng.integers(5 * length // 10, 6 * length // 10, count)] = second
    return symbols, 2 * first + second


def model(seed: int, start: str = "normal", hidden: int = 50) -> SequenceModel:
    """The untrained net: tanh units, read out after the last symbol, all in float32.

    Parameters
    ----------
    seed : int
    start : {"normal", "sparse"}
        "normal": all weights from N(0, 0.1²), the paper's basic start. "sparse": 15 standard normal weights into each
        hidden unit, scaled to spectral radius 0.95, after the paper's "smart" start.
    hidden : int
        Number of units.

    Returns
    -------
    SequenceModel

    Examples
    --------
    >>> round(float(np.abs(np.linalg.eigvals(model(0, "sparse").rnn.W_h)).max()), 3)
    0.95
    """
    recurrent = {"normal": _normal, "sparse": _sparse}[choice("start", start, STARTS)]
    return SequenceModel.create(len(SYMBOLS), hidden, 4, np.random.default_rng(seed), init=recurrent, init_x=_normal,
                                init_s=_normal, dtype=np.float32)


def _normal(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0.0, 0.1, shape)


def _sparse(shape: tuple[int, int], rng: np.random.Generator, count: int = 15, radius: float = 0.95) -> np.ndarray:
    W = rng.standard_normal(shape)
    W[rng.random(shape).argsort(axis=1) >= count] = 0
    return W * (radius / np.abs(np.linalg.eigvals(W)).max())


@dataclass(frozen=True)
class TemporalOrderRun:
    """A training run as far as it has come.

    Attributes
    ----------
    updates : int
        The most that will be made.
    max_norm : float
        The threshold; inf clips nothing.
    loss : ndarray (k,)
        Cross-entropy of each minibatch, before its update.
    norms : ndarray (k,)
        Norm of the whole gradient at each update, before clipping.
    error : ndarray (m + 1,)
        Share of wrong answers to sequences that are not trained on: before training and after every `every` updates.
    every : int
    """

    updates: int
    max_norm: float
    loss: np.ndarray
    norms: np.ndarray
    error: np.ndarray
    every: int

    @property
    def taken(self) -> int:
        """Updates made."""
        return len(self.loss)

    @property
    def solved(self) -> bool:
        """Whether the share of errors came below 1 %. The run ends there."""
        return bool(self.error[-1] < SOLVED)

    @property
    def overflowed(self) -> bool:
        """Whether the last gradient is not finite. The run ends there, too."""
        return self.taken > 0 and not math.isfinite(self.norms[-1])

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return 1.0 if self.solved or self.overflowed else self.taken / self.updates

    @property
    def share_clipped(self) -> float:
        """Share of the updates whose gradient was clipped; 0 before the first."""
        return float(np.mean(self.norms > self.max_norm)) if self.taken else 0.0


def train(length: int = 30, max_norm: float = 1.0, learning_rate: float = 0.01, seed: int = 0, start: str = "normal",
          updates: int = 40_000, batch: int = 20, every: int = 200) -> Iterator[TemporalOrderRun]:
    """Train on fresh sequences by gradient descent with clipping by global norm, one report at a time.

    The defaults are those of Pascanu, Mikolov & Bengio (2013): 50 tanh units, minibatches of 20, a constant learning rate of
    0.01, no momentum. A report is also a test, on 1000 sequences of their own.

    Parameters
    ----------
    length : int
        T, at least 10.
    max_norm : float
        The threshold θ; inf clips nothing.
    learning_rate : float
    seed : int
        Of the weights, of the minibatches and of the test sequences.
    start : str
        As for `model`.
    updates : int
        The run ends after so many at the latest.
    batch : int
        Sequences per update.
    every : int
        Updates between two reports.

    Yields
    ------
    TemporalOrderRun
        First of the untrained net, then after every `every` updates. The run ends when the task is solved or the
        gradient is not finite.

    Examples
    --------
    >>> *_, last = train(length=10, learning_rate=0.1, updates=3000)
    >>> last.solved, last.taken < 3000
    (True, True)
    """
    for_model, for_training, for_test = np.random.SeedSequence(seed).generate_state(3)
    rng = np.random.default_rng(for_training)
    net, optimizer = model(int(for_model), start), SGD(learning_rate)
    questions, answers = sequences(1000, length, np.random.default_rng(for_test))
    loss, norms, error = np.empty(updates), np.empty(updates), []
    trace = gradients = None

    def so_far(taken: int) -> TemporalOrderRun:
        guesses = net.forward(questions, steps=[-1]).logits[:, 0].argmax(axis=1)
        error.append(float(np.mean(guesses != answers)))
        return TemporalOrderRun(updates, max_norm, loss[:taken], norms[:taken], np.array(error), every)

    yield so_far(0)
    for taken in range(updates):
        x, labels = sequences(batch, length, rng)
        trace = net.forward(x, steps=[-1], trace=trace)
        loss[taken] = net.cost(trace, labels).mean
        gradients = net.backward(trace, labels, gradients=gradients)
        clipped, norms[taken] = by_global_norm(gradients.parameters(), max_norm)
        optimizer.step(net.parameters(), clipped)
        over = not math.isfinite(norms[taken])
        if (taken + 1) % every == 0 or taken + 1 == updates or over:
            report = so_far(taken + 1)
            yield report
            if report.progress == 1:
                return
