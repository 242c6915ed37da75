"""The sequence model: a recurrent layer whose states are read out as probabilities, at every step or at some.

>>> import numpy as np
>>> model = SequenceModel.create(n_in=3, n_hidden=5, n_out=3, rng=np.random.default_rng(0))
>>> trace = model.forward([[0, 1, 2]])
>>> [g.shape for g in model.backward(trace, [[1, 2, 0]]).parameters()]
[(5, 3), (5, 5), (5,), (3, 5), (3,)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from livegrad import initializers
from livegrad.initializers import Draw
from livegrad.losses import log_softmax
from livegrad.rnn.layer import RNN, Gradients, Trace
from livegrad.rnn.steps import chosen, flat, index, product
from livegrad.validation import fail, floats, generator, integers, positive_ints

__all__ = ["Cost", "SequenceGradients", "SequenceModel", "SequenceTrace"]


@dataclass(frozen=True)
class SequenceTrace:
    """What a forward pass of a `SequenceModel` leaves behind, for S steps that are read out.

    Attributes
    ----------
    recurrent : Trace
        Of the recurrent layer.
    steps : ndarray of int, shape (S,)
        The steps that are read out, from 0.
    logits : ndarray, shape (N, S, K)
        W_s h_t + c.
    log_probabilities : ndarray, shape (N, S, K)
        ln ŷ_t = ln softmax(logits).
    """

    recurrent: Trace
    steps: np.ndarray
    logits: np.ndarray
    log_probabilities: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """ŷ_t, (N, S, K)."""
        return np.exp(self.log_probabilities)


@dataclass(frozen=True)
class Cost:
    """Cross-entropy of predicted symbols, in nats.

    Attributes
    ----------
    mean : float
        J, the mean over all sequences and steps that count; 1/T Σ J_t if all do.
    per_step : ndarray, shape (S,)
        J_t, the mean over the sequences; nan at a step where none counts.
    """

    mean: float
    per_step: np.ndarray

    @property
    def perplexity(self) -> float:
        """e^J: as unsure as a fair choice among that many symbols. inf above the float64 range."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.mean))


@dataclass(frozen=True)
class SequenceGradients:
    """What a backward pass of a `SequenceModel` leaves behind.

    Attributes
    ----------
    recurrent : Gradients
        Of the recurrent layer.
    dW_s : ndarray, shape (K, H)
    dc : ndarray, shape (K,)
    dlogits : ndarray, shape (N, S, K)
        ∂J/∂logits.
    """

    recurrent: Gradients
    dW_s: np.ndarray
    dc: np.ndarray
    dlogits: np.ndarray

    def parameters(self) -> list[np.ndarray]:
        """[dW_x, dW_h, db, dW_s, dc], in the order of `SequenceModel.parameters`."""
        return [*self.recurrent.parameters(), self.dW_s, self.dc]


@dataclass
class SequenceModel:
    """A recurrent layer with a softmax readout, ŷ_t = softmax(W_s h_t + c).

    Read at every step, with the next symbol as target, it is the recurrent language model (Mikolov et al. 2010);
    read at the last step it classifies whole sequences.

    Attributes
    ----------
    rnn : RNN
    W_s : ndarray, shape (K, H)
    c : ndarray, shape (K,)

    Raises
    ------
    ValueError
        If the shapes do not fit together or the dtypes differ.

    Examples
    --------
    >>> model = SequenceModel.create(7, 20, 7, np.random.default_rng(0))
    >>> text = np.array([[0, 1, 3, 5, 6]])
    >>> trace = model.forward(text[:, :-1])
    >>> model.cost(trace, text[:, 1:]).per_step.shape
    (4,)
    """

    rnn: RNN
    W_s: np.ndarray
    c: np.ndarray

    def __post_init__(self) -> None:
        self.W_s = floats("W_s", self.W_s, (None, len(self.rnn.b)))
        self.c = floats("c", self.c, (len(self.W_s),))
        if not self.W_s.dtype == self.c.dtype == self.rnn.dtype:
            fail("W_s and c", f"{self.rnn.dtype} like the recurrent layer", f"{self.W_s.dtype}, {self.c.dtype}")

    @classmethod
    def create(
        cls,
        n_in: int,
        n_hidden: int,
        n_out: int,
        rng: np.random.Generator,
        init_s: str | Draw = "lecun_normal",
        **recurrent: Any,
    ) -> SequenceModel:
        """A model with random weights and zero biases.

        Parameters
        ----------
        n_in, n_hidden, n_out : int
            D, H and K.
        rng : numpy.random.Generator
        init_s : str or callable
            Rule for W_s.
        **recurrent
            init, init_x, activation, layer_norm and dtype of `RNN.create`.

        Raises
        ------
        ValueError
            If an argument is not as described.

        Examples
        --------
        >>> model = SequenceModel.create(2, 5, 3, np.random.default_rng(0), init="orthogonal")
        >>> [p.shape for p in model.parameters()]
        [(5, 2), (5, 5), (5,), (3, 5), (3,)]
        """
        for_rnn, for_readout = generator("rng", rng).spawn(2)
        rnn = RNN.create(n_in, n_hidden, for_rnn, **recurrent)
        shape = (*positive_ints("n_out", [n_out]), n_hidden)
        W_s = floats("init_s", initializers.get(init_s)(shape, for_readout), shape, rnn.dtype)
        return cls(rnn, W_s, np.zeros(n_out, rnn.dtype))

    def parameters(self) -> list[np.ndarray]:
        """[W_x, W_h, b, W_s, c], with layer normalization gamma after b: the arrays themselves and not copies."""
        return [*self.rnn.parameters(), self.W_s, self.c]

    def forward(
        self,
        x: Any,
        h0: Any = None,
        steps: Sequence[int] | None = None,
        trace: SequenceTrace | None = None,
    ) -> SequenceTrace:
        """Read sequences and predict.

        Parameters
        ----------
        x, h0
            As for `RNN.forward`.
        steps : sequence of int, optional
            The steps to read out, by default all; `[-1]` for the last one only.
        trace : SequenceTrace, optional
            An old one whose arrays are overwritten if they fit.

        Returns
        -------
        SequenceTrace

        Raises
        ------
        ValueError
            If a shape does not fit or a step does not exist.

        Examples
        --------
        >>> model = SequenceModel.create(2, 5, 3, np.random.default_rng(0))
        >>> model.forward(np.ones((4, 9, 2)), steps=[-1]).logits.shape
        (4, 1, 3)
        """
        recurrent = self.rnn.forward(x, h0, trace and trace.recurrent)
        at = chosen(steps, len(recurrent.before))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            logits = product(self._read(recurrent, at), self.W_s.T) + self.c
            logs = log_softmax(logits)
        return SequenceTrace(recurrent, at, logits.swapaxes(0, 1), logs.swapaxes(0, 1))

    def cost(self, trace: SequenceTrace, targets: Any, mask: Any = None) -> Cost:
        """J = mean of J_t = −ln ŷ_t[target].

        Parameters
        ----------
        trace : SequenceTrace
        targets : array_like of int, shape (N, S)
            The right symbol at every step that is read; (N,) if that is one.
        mask : array_like of bool, shape (N, S), optional
            Which of them count, by default all: `np.arange(T) < lengths[:, None]` for padded sequences.

        Returns
        -------
        Cost

        Raises
        ------
        ValueError
            If a shape does not fit, a target is out of range, or nothing counts.

        Examples
        --------
        >>> model = SequenceModel(RNN(np.eye(4), np.eye(4), np.zeros(4)), np.zeros((4, 4)), np.zeros(4))
        >>> round(model.cost(model.forward([[0, 1, 2]]), [[1, 2, 3]]).perplexity, 6)
        4.0
        """
        targets, mask = self._targets(trace, targets, mask)
        J = -np.take_along_axis(trace.log_probabilities, targets[:, :, np.newaxis], 2)[:, :, 0].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            if mask is None:
                return Cost(float(J.mean()), J.mean(axis=0))
            J = np.where(mask, J, 0)
            return Cost(float(J.sum() / mask.sum()), J.sum(axis=0) / mask.sum(axis=0))

    def backward(
        self,
        trace: SequenceTrace,
        targets: Any,
        mask: Any = None,
        tau: int | None = None,
        chunk: int | None = None,
        gradients: SequenceGradients | None = None,
    ) -> SequenceGradients:
        """∂J/∂θ of the J that `cost` gives, by backpropagation through time.

        Parameters
        ----------
        trace, targets, mask
            As for `cost`.
        tau, chunk
            As for `RNN.backward`.
        gradients : SequenceGradients, optional
            Old ones whose arrays are overwritten if they fit.

        Returns
        -------
        SequenceGradients

        Raises
        ------
        ValueError
            As for `cost` and `RNN.backward`.

        Examples
        --------
        >>> model = SequenceModel.create(3, 5, 3, np.random.default_rng(0))
        >>> trace = model.forward([[0, 1, 2]])
        >>> model.backward(trace, [[1, 2, 0]]).dlogits.sum(axis=2).round(12) + 0.0
        array([[0., 0., 0.]])
        """
        targets, mask = self._targets(trace, targets, mask)
        d = self._logit_gradients(trace, targets)
        d *= 1 / targets.size if mask is None else (mask.T / mask.sum())[:, :, np.newaxis]
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            rows = flat(d)
            dW_s = rows.T @ flat(self._read(trace.recurrent, trace.steps))
            dc = np.ones(len(rows), d.dtype) @ rows
        recurrent = self.rnn.backward(
            trace.recurrent, self._direct(d), trace.steps, tau, chunk, gradients and gradients.recurrent)
        return SequenceGradients(recurrent, dW_s, dc, d.swapaxes(0, 1))

    def gradient_norms(self, trace: SequenceTrace, targets: Any) -> np.ndarray:
        """‖∂J_t/∂h_k‖₂ for every sequence and pair of steps, (N, T, T); see `RNN.gradient_norms`.

        J_t is that of one sequence: it is not divided by N or T.

        Examples
        --------
        >>> model = SequenceModel.create(3, 5, 3, np.random.default_rng(0))
        >>> model.gradient_norms(model.forward([[0, 1, 2]]), [[1, 2, 0]]).shape
        (1, 3, 3)
        """
        targets, _ = self._targets(trace, targets, None)
        return self.rnn.gradient_norms(trace.recurrent, self._direct(self._logit_gradients(trace, targets)), trace.steps)

    def sample(self, length: int, rng: np.random.Generator, start: Any) -> np.ndarray:
        """Let the language model write: draw a symbol from ŷ, feed it in, and so on.

        Parameters
        ----------
        length : int
            How many symbols to draw.
        rng : numpy.random.Generator
            One uniform number for each symbol is drawn from it beforehand, so that a model that changed a little
            writes a text that changed a little.
        start : int, or array_like of int, shape (n,)
            The first symbol, fed in and not part of the result; several start as many texts.

        Returns
        -------
        ndarray of int, shape (n, length)

        Raises
        ------
        ValueError
            If an argument is not as described, the model does not predict its own inputs (K ≠ D), or its weights
            have exploded so that there are no probabilities to draw from.

        Examples
        --------
        >>> model = SequenceModel(RNN(np.eye(3), np.zeros((3, 3)), np.zeros(3)), 99 * np.eye(3)[[2, 0, 1]], np.zeros(3))
        >>> model.sample(5, np.random.default_rng(0), start=0)
        array([[1, 2, 0, 1, 2]])
        """
        K, D = len(self.c), self.rnn.W_x.shape[1]
        if K != D:
            fail("model", f"as many outputs as inputs, {D}", K)
        (length,) = positive_ints("length", [length])
        symbols = integers("start", np.atleast_1d(start), (None,), below=K)
        chance = generator("rng", rng).random((length, len(symbols), 1))
        text, state, trace = np.empty((len(symbols), length), int), None, None
        for i in range(length):
            trace = self.forward(symbols[:, np.newaxis], state, trace=trace)
            symbols = text[:, i] = _drawn(trace.logits[:, 0], chance[i])
            state = trace.recurrent.last
        return text

    def _read(self, recurrent: Trace, at: np.ndarray) -> np.ndarray:
        """The states that are read out, (S, N, H)."""
        return recurrent.states[1:][index(at, len(recurrent.before))]

    def _logit_gradients(self, trace: SequenceTrace, targets: np.ndarray) -> np.ndarray:
        """∂J_t/∂logits = ŷ_t − y_t of every sequence, (S, N, K)."""
        d = np.exp(trace.log_probabilities.swapaxes(0, 1))
        rows = flat(d)
        rows[np.arange(len(rows)), targets.T.ravel()] -= 1
        return d

    def _direct(self, dlogits: np.ndarray) -> np.ndarray:
        """∂J_t/∂h_t through the readout, (N, S, H)."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return product(dlogits, self.W_s).swapaxes(0, 1)

    def _targets(
        self, trace: SequenceTrace, targets: Any, mask: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        N, S, K = trace.logits.shape
        targets = np.asarray(targets)
        if S == 1 and targets.ndim == 1:
            targets = targets[:, np.newaxis]
        targets = integers("targets", targets, (N, S), below=K)
        if mask is not None:
            mask = np.asarray(mask)
            if mask.dtype != bool or mask.shape != (N, S) or not mask.any():
                fail("mask", f"booleans of shape {(N, S)}, some of them True", f"{mask.dtype} of shape {mask.shape}")
        return targets, mask


def _drawn(logits: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """One symbol for each row: where `chance` falls among the stacked probabilities."""
    if not np.isfinite(logits).all():
        fail("model", "finite logits", "inf or nan: the weights or states have exploded")
    below = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    with np.errstate(under="ignore"):
        stacked = np.exp(below).cumsum(axis=1)
    return (stacked <= chance * stacked[:, -1:]).sum(axis=1)
