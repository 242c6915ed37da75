"""Truncated backpropagation through time against the whole gradient: what it leaves out, and what it costs."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from livegrad.experiments.bptt import MOST_STEPS, random_net, random_symbols
from livegrad.rnn import SequenceModel
from livegrad.validation import fail

__all__ = ["Truncation", "backward_seconds", "pair_gradients", "truncation"]


def pair_gradients(model: SequenceModel, x: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """∂J_t/∂h_k and ∂J_t/∂z_k for every pair of steps.

    One copy of the sequence is read for each t, and sent back from there alone. So one backward pass gives all pairs.

    Parameters
    ----------
    model : SequenceModel
        Without layer normalization.
    x, targets : ndarray of int (N, T)

    Returns
    -------
    dh, dz : ndarray (N, T, T, H)
        Entry [n, t − 1, k − 1]; 0 for k > t.

    Examples
    --------
    >>> dh, dz = pair_gradients(random_net(0, 8, 1.0), np.array([[0, 1, 2]]), np.array([[1, 2, 3]]))
    >>> dh.shape, bool(np.all(dh[0, 0, 1:] == 0))
    ((1, 3, 3, 8), True)
    """
    N, T = x.shape
    errors = model.forward(x).probabilities
    errors -= np.eye(len(model.c))[targets]
    copies = model.rnn.forward(np.repeat(x, T, axis=0))
    direct = np.zeros((N, T, T, len(model.rnn.b)))
    direct[:, np.arange(T), np.arange(T)] = errors @ model.W_s
    back = model.rnn.backward(copies, direct.reshape(N * T, T, -1))
    return back.dh.reshape(N, T, T, -1), back.dz.reshape(N, T, T, -1)


@dataclass(frozen=True)
class Truncation:
    """The gradient of J by backpropagation through time that is cut off, against the whole one.

    All arrays are over τ = 0 … T − 1. The gradient is that of W_x, W_h and b as one vector.

    Attributes
    ----------
    tau : int
        The one that is pointed at.
    cosine, length : ndarray (T,)
        Cosine between the truncated and the whole gradient, and its length over that of the whole: every J_t is followed τ
        steps back. nan if the whole is 0.
    chunk_cosine, chunk_length : ndarray (T,)
        The same for chunks of τ + 1 steps, between which no gradient passes.
    """

    tau: int
    cosine: np.ndarray
    length: np.ndarray
    chunk_cosine: np.ndarray
    chunk_length: np.ndarray

    def at(self, tau: int) -> Truncation:
        """The same with another τ pointed at; T − 1 if `tau` is more."""
        return replace(self, tau=min(tau, self.steps - 1))

    @property
    def steps(self) -> int:
        """T."""
        return len(self.cosine)

    @property
    def products(self) -> np.ndarray:
        """Vectors sent one step back if every J_t has its own window: Σ_t min(t − 1, τ), (T,)."""
        t = np.arange(self.steps)
        return np.minimum(t, t[:, None]).sum(axis=1)

    @property
    def chunk_products(self) -> np.ndarray:
        """The same with chunks of τ + 1 steps: T less one for each chunk, (T,). With one chunk it is the whole gradient's."""
        return self.steps - -(-self.steps // np.arange(1, self.steps + 1))


def truncation(steps: int, tau: int, spectral_radius: float = 1.0, activation: str = "tanh", seed: int = 0,
               n_hidden: int = 20) -> Truncation:
    """Compare every truncated gradient with the whole, over two sequences of random symbols.

    Truncation from step t back to t − τ: Williams & Peng (1990).

    Parameters
    ----------
    steps : int
        T, 2 to `MOST_STEPS`.
    tau : int
        To point at, 0 to T − 1.
    spectral_radius : float
        Of W_h.
    activation : str
    seed, n_hidden : int

    Returns
    -------
    Truncation

    Examples
    --------
    >>> cut = truncation(steps=20, tau=19)
    >>> cut.cosine[-1].round(12).item(), cut.products[[0, -1]]
    (1.0, array([  0, 190]))
    """
    if not 0 <= tau < steps <= MOST_STEPS:
        fail("tau, steps", f"0 <= tau < steps <= {MOST_STEPS}", f"tau={tau}, steps={steps}")
    x, targets = (part[:, :steps] for part in random_symbols(seed))
    model = random_net(seed, n_hidden, spectral_radius, activation)
    trace = model.forward(x).recurrent
    _, dz = pair_gradients(model, x, targets)
    # ∂J/∂(W_x, W_h, b) is a sum over k of ∂J/∂z_k times what enters z_k.
    entering = np.concatenate([trace.inputs, trace.states[:-1], np.ones((steps, len(x), 1))], axis=2).reshape(steps * len(x), -1)
    summed = np.cumsum(dz.transpose(1, 2, 0, 3), axis=0)  # over J_1 … J_t, (t, k, N, H)
    k, windows, chunks = np.arange(steps), [], []
    for reach in range(steps):
        for found, last in ((windows, k + reach), (chunks, k - k % (reach + 1) + reach)):
            from_k = summed[np.minimum(last, steps - 1), k].reshape(len(entering), -1)
            found.append((from_k.T @ entering).ravel())
    return Truncation(tau, *_against_the_last(np.array(windows)), *_against_the_last(np.array(chunks)))


def _against_the_last(gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines with the last one and lengths over its length. A gradient of 0 has cosine nan."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        sizes = np.linalg.norm(gradients, axis=1)
        return gradients @ gradients[-1] / sizes / sizes[-1], sizes / sizes[-1]


def backward_seconds(steps: int, taus: tuple[int, ...], chunks: bool = False, repeat: int = 3) -> np.ndarray:
    """Seconds that the library's backward pass takes, truncated at each of these τ or cut into chunks of τ + 1 steps.

    Measured here and now, so that no two calls agree. The best of `repeat` trials.

    Examples
    --------
    >>> bool((backward_seconds(10, (0, 9)) > 0).all())
    True
    """
    x, targets = (part[:, :steps] for part in random_symbols(0))
    model = random_net(0, 20, 1.0)
    trace = model.forward(x)
    spent = []
    for tau in taus:
        trials = []
        for _ in range(repeat):
            started = time.perf_counter()
            model.backward(trace, targets, **({"chunk": tau + 1} if chunks else {"tau": tau}))
            trials.append(time.perf_counter() - started)
        spent.append(min(trials))
    return np.array(spent)
