"""Backpropagation through time, taken apart: pairs of steps, their Jacobians, truncation, and which symbols mattered.

Steps are counted from 1 here, as in papers and on the pictures: the state h_1 comes after the first symbol, and h_0 = 0.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import activations, data, initializers
from livegrad.clipping import by_global_norm
from livegrad.experiments.reber import SYMBOLS, allowed, strings
from livegrad.experiments.sweeps import Sweep
from livegrad.optim import Adam
from livegrad.rnn import RNN, Gradients, SequenceModel, SequenceTrace
from livegrad.spectra import spectral_norm, spectral_radius as radius_of
from livegrad.validation import choice, fail, number

__all__ = ["LONG", "MOST_STEPS", "NETS", "SHORT", "GradientMap", "Influence", "Truncation", "Unrolled", "backward_seconds",
           "gradient_map", "influence", "pair_gradients", "random_net", "trained_net", "truncation", "unrolled"]

SHORT = "BTBTXXVVETE"
"""A string of the embedded Reber grammar: 10 symbols to read, each with the next one as target."""

LONG = "BTBTSSSSXXTTTVPXTTVPXVVETE"
"""A longer one: its last symbol but one has to be the T at its second place, 22 symbols before."""

MOST_STEPS = 60
"""The longest sequence of `gradient_map`."""


# --- nets with random weights ---


@lru_cache(maxsize=64)
def _unit_net(seed: int, n_hidden: int, rule: str) -> SequenceModel:
    """A net of which W_h has spectral radius 1."""
    draw = initializers.get(rule)

    def scaled(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        W = draw(shape, rng)
        return W / radius_of(W)

    return SequenceModel.create(len(SYMBOLS), n_hidden, len(SYMBOLS), np.random.default_rng(seed), init=scaled)


def random_net(seed: int, n_hidden: int, spectral_radius: float, activation: str = "tanh",
               rule: str = "lecun_normal") -> SequenceModel:
    """A language model over the seven symbols with random weights and zero biases.

    Spectral radius and activation change neither the draws nor each other.

    Parameters
    ----------
    seed, n_hidden : int
    spectral_radius : float
        Of W_h, exactly.
    activation : str
    rule : str
        How W_h is drawn, before it is scaled.

    Examples
    --------
    >>> W = random_net(0, 20, 0.9).rnn.W_h
    >>> abs(np.linalg.eigvals(W)).max().round(12).item()
    0.9
    """
    model = deepcopy(_unit_net(seed, n_hidden, rule))
    model.rnn.W_h *= number("spectral_radius", spectral_radius, 0)
    model.rnn.activation = activations.get(activation)
    return model


def _steepest(activation: str) -> float:
    """β_h, the largest slope of φ: 1 for tanh, ReLU and the identity, 1/4 for the sigmoid."""
    return float(activations.get(activation).derivative(np.linspace(-5, 5, 11)).max())


def _read(symbols: str) -> tuple[np.ndarray, np.ndarray]:
    """What the net reads and what comes next, each (1, T)."""
    numbers = np.array([[SYMBOLS.index(s) for s in symbols]])
    return numbers[:, :-1], numbers[:, 1:]


def _sent_back(model: SequenceModel, trace: SequenceTrace, t: int, target: int) -> Gradients:
    """What one backward pass of J_t alone leaves behind."""
    error = trace.probabilities[:, t - 1] - (np.arange(len(SYMBOLS)) == target)
    return model.rnn.backward(trace.recurrent, (error @ model.W_s)[:, np.newaxis], steps=[t - 1])


# --- one pair of steps ---


@dataclass(frozen=True)
class Unrolled:
    """A net that has read a string, and one pair of its steps.

    Attributes
    ----------
    symbols : str
        T + 1 of them: T are read, and each is the target of the step before.
    h : ndarray (T, H)
    probabilities : ndarray (T, 7)
        ŷ_t.
    per_step : ndarray (T,)
        J_t = −ln ŷ_t[target].
    t, k : int
        Steps with 1 ≤ k ≤ t ≤ T.
    product : ndarray (H, H)
        ∂h_t/∂h_k.
    norms, bounds : ndarray (t,)
        ‖∂h_t/∂h_s‖₂ and (β_W β_h)^(t−s) for s = 1 … t.
    beta_W, beta_h : float
        Largest singular value of W_h, and largest slope of the activation function.
    sizes : ndarray (t,)
        Norm of the term of ∂J_t/∂W_h that step s gives, (∂J_t/∂z_s) h_(s−1)ᵀ. That of step 1 is 0, because h_0 is.
    shares : ndarray (t,)
        Each term's part along the whole ∂J_t/∂W_h, as a share of its length. They sum to 1; terms that point against the sum
        have negative ones. nan if the whole is 0.
    """

    symbols: str
    h: np.ndarray
    probabilities: np.ndarray
    per_step: np.ndarray
    t: int
    k: int
    product: np.ndarray
    norms: np.ndarray
    bounds: np.ndarray
    beta_W: float
    beta_h: float
    sizes: np.ndarray
    shares: np.ndarray

    @property
    def loss(self) -> float:
        """J, the mean of all J_t."""
        return float(self.per_step.mean())

    @property
    def perplexity(self) -> float:
        """e^J; 7 for a net that guesses."""
        return float(np.exp(self.loss))


def unrolled(t: int, k: int, spectral_radius: float = 1.0, activation: str = "tanh", seed: int = 0,
             symbols: str = SHORT, n_hidden: int = 8) -> Unrolled:
    """Let a net with random weights read a string, and follow J_t back to step k.

    Parameters
    ----------
    t, k : int
        Steps with 1 ≤ k ≤ t ≤ T.
    spectral_radius : float
        Of W_h.
    activation : str
    seed : int
    symbols : str
    n_hidden : int

    Returns
    -------
    Unrolled

    Raises
    ------
    ValueError
        If there is no such pair of steps.

    Examples
    --------
    >>> net = unrolled(t=9, k=2, activation="linear")
    >>> net.product.shape, bool(net.norms[1] <= net.bounds[1]), net.shares.sum().round(12).item()
    ((8, 8), True, 1.0)
    """
    x, targets = _read(symbols)
    if not 1 <= k <= t <= x.size:
        fail("t, k", f"1 <= k <= t <= {x.size}", f"t={t}, k={k}")
    model = random_net(seed, n_hidden, spectral_radius, activation)
    trace = model.forward(x)
    products = model.rnn.jacobian_products(trace.recurrent, t - 1)[0]
    beta_W, beta_h = spectral_norm(model.rnn.W_h), _steepest(activation)
    states, dz = trace.recurrent.states[:, 0], _sent_back(model, trace, t, targets[0, t - 1]).dz[0]
    terms = dz[:t, :, np.newaxis] * states[:t, np.newaxis]
    whole = terms.sum(axis=0)
    with np.errstate(invalid="ignore"):
        shares = np.einsum("sij,ij->s", terms, whole) / np.sum(whole**2)
    return Unrolled(symbols, states[1:], trace.probabilities[0], model.cost(trace, targets).per_step, t, k, products[k - 1],
                    np.linalg.norm(products, 2, axis=(1, 2)), (beta_W * beta_h) ** np.arange(t - 1.0, -1, -1), beta_W, beta_h,
                    np.linalg.norm(terms, axis=(1, 2)), shares)


# --- all pairs as a map ---

FATE = 1e3
"""A gradient that is this much smaller than where it started has vanished; this much larger, it has exploded."""


@dataclass(frozen=True)
class GradientMap:
    """‖∂J_t/∂h_k‖ over all pairs of steps, what bounds it, and what truncation and clipping make of the gradient.

    Attributes
    ----------
    norms : ndarray (T, T)
        Entry [t − 1, k − 1]; 0 for k > t.
    tau, max_norm : int, float
        Truncation: no J_t is sent back more than tau steps. Clipping threshold θ.
    activation : str
    spectral_radius, beta_W, beta_h : float
        ρ and the largest singular value of W_h, and the largest slope of the activation function.
    gradient : float
        ‖∂J/∂θ‖ over all parameters, of the truncated gradient, before clipping.
    """

    norms: np.ndarray
    tau: int
    max_norm: float
    activation: str
    spectral_radius: float
    beta_W: float
    beta_h: float
    gradient: float

    @property
    def steps(self) -> int:
        """T."""
        return len(self.norms)

    @property
    def factor(self) -> float:
        """What clipping multiplies the whole gradient by, and so every term in it; at most 1."""
        return 1.0 if self.gradient <= self.max_norm else self.max_norm / self.gradient

    @cached_property
    def relative(self) -> np.ndarray:
        """‖∂J_t/∂h_k‖ over ‖∂J_t/∂h_t‖, (T, T). Rows of nan where J_t sends nothing but rounding: the net is
        certain there, and right."""
        start = np.diagonal(self.norms)[:, np.newaxis]
        # What is left below that is rounding.
        return np.divide(self.norms, start, out=np.full_like(self.norms, np.nan), where=start > _SILENT)

    @property
    def silent(self) -> int:
        """How many J_t send nothing."""
        return int(np.isnan(self.relative[:, 0]).sum())

    @property
    def by_distance(self) -> np.ndarray:
        """Smallest, median and largest of these ratios over all t, for ℓ = t − k = 0 … T − 1, (3, T). nan if all are silent."""
        diagonals = [np.diagonal(self.relative, -lag) for lag in range(self.steps)]
        heard = [d[~np.isnan(d)] for d in diagonals]
        return np.array([np.quantile(d, (0, 0.5, 1)) if d.size else np.full(3, np.nan) for d in heard]).T

    @property
    def bound(self) -> np.ndarray:
        """(β_W β_h)^ℓ, (T,): no ratio lies above it."""
        return (self.beta_W * self.beta_h) ** np.arange(self.steps)

    @property
    def linear(self) -> np.ndarray:
        """ρ^ℓ, (T,): the rate of the linear case."""
        return self.spectral_radius ** np.arange(self.steps)

    @property
    def borders(self) -> tuple[np.ndarray, np.ndarray]:
        """For every t the largest k at which the gradient has vanished, and at which it has exploded, (T,) each; nan: nowhere."""
        def first(there: np.ndarray) -> np.ndarray:
            return np.where(there.any(axis=1), self.steps - np.argmax(there[:, ::-1], axis=1), np.nan)

        pairs = np.tri(self.steps, dtype=bool)
        return first(pairs & (self.relative * FATE < 1)), first(pairs & (self.relative > FATE))

    @cached_property
    def fates(self) -> tuple[float, float]:
        """Share of the pairs k ≤ t whose ratio is under 1/1000, and share over 1000. Those of a silent J_t are neither."""
        ratios = self.relative[np.tril_indices(self.steps)]
        return float(np.mean(ratios * FATE < 1)), float(np.mean(ratios > FATE))


_SILENT = 1e-12


def gradient_map(steps: int, tau: int, max_norm: float = 1.0, spectral_radius: float = 1.0, activation: str = "tanh",
                 seed: int = 0, n_hidden: int = 30) -> GradientMap:
    """Send every J_t back through a net with random weights that has read random symbols.

    Parameters
    ----------
    steps : int
        T, 1 to `MOST_STEPS`. A shorter sequence is the first part of a longer one.
    tau : int
        Truncation; T − 1 or more is none.
    max_norm : float
        Clipping threshold.
    spectral_radius : float
        Of W_h.
    activation : str
    seed, n_hidden : int

    Returns
    -------
    GradientMap

    Examples
    --------
    >>> vanishing = gradient_map(steps=30, tau=30, spectral_radius=0.5)
    >>> bool(vanishing.norms[29, 0] < 1e-7 * vanishing.norms[29, 29]), vanishing.factor
    (True, 1.0)
    """
    x, targets = (part[:1, :steps] for part in _random_symbols(seed))
    model = random_net(seed, n_hidden, spectral_radius, activation)
    trace = model.forward(x)
    grads = model.backward(trace, targets, tau=tau).parameters()
    return GradientMap(model.gradient_norms(trace, targets)[0], tau, max_norm, activation, spectral_radius,
                       spectral_norm(model.rnn.W_h), _steepest(activation), by_global_norm(grads, max_norm)[1])


@cache
def _random_symbols(seed: int, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Sequences without any grammar, to read and as targets, (count, MOST_STEPS) each."""
    drawn = np.random.default_rng([seed, 1]).integers(0, len(SYMBOLS), (count, MOST_STEPS + 1))
    return drawn[:, :-1], drawn[:, 1:]


# --- truncated ---


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
    x, targets = (part[:, :steps] for part in _random_symbols(seed))
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
    x, targets = (part[:, :steps] for part in _random_symbols(0))
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


# --- which symbols mattered ---

NETS = ("random", "orthogonal", "trained")
"""Nets of `influence`: two ways to draw W_h, and stored weights that have learned the grammar."""


@dataclass(frozen=True)
class Influence:
    """Which earlier symbols one output of a net hangs on: by its gradient, and by really replacing them.

    Attributes
    ----------
    net : str
        One of `NETS`.
    symbols : str
        As in `Unrolled`.
    t, k : int
        The output's step, and an earlier one that is pointed at.
    right : float
        ŷ_t of the symbol that comes next.
    gradient : ndarray (t,)
        ‖∂ ln ŷ_t[target]/∂x_s‖ for s = 1 … t.
    rivals : str
        For s = 1 … t the other symbol that the grammar allowed there, or a space if it allowed no other.
    replaced : ndarray (t,)
        ŷ_t[target] if the rival stood at s; nan without a rival.
    lawful : ndarray of bool (t,)
        Whether the string up to step t is then still the beginning of one of the grammar.
    """

    net: str
    symbols: str
    t: int
    k: int
    right: float
    gradient: np.ndarray
    rivals: str
    replaced: np.ndarray
    lawful: np.ndarray

    @property
    def relative(self) -> np.ndarray:
        """The gradient over its largest, (t,)."""
        return self.gradient / self.gradient.max()

    @property
    def change(self) -> np.ndarray:
        """By how much the rival changes ŷ_t[target], (t,)."""
        return np.abs(self.replaced - self.right)


def influence(net: str, t: int, k: int, spectral_radius: float = 1.0, seed: int = 0, symbols: str = LONG) -> Influence:
    """Ask one output of a net which earlier symbols it hangs on.

    Parameters
    ----------
    net : {"random", "orthogonal", "trained"}
    t, k : int
        Steps with 1 ≤ k ≤ t ≤ T.
    spectral_radius, seed : float, int
        Of the nets that are not trained.
    symbols : str
        A string of the embedded Reber grammar.

    Returns
    -------
    Influence

    Examples
    --------
    >>> seen = influence("trained", t=24, k=2)
    >>> bool(seen.relative[1] < 1e-3), bool(seen.change[1] > 0.9)
    (True, True)
    """
    x, targets = _read(symbols)
    if not 1 <= k <= t <= x.size:
        fail("t, k", f"1 <= k <= t <= {x.size}", f"t={t}, k={k}")
    if choice("net", net, NETS) == "trained":
        model = trained_net()
    else:
        model = random_net(seed, 20, spectral_radius, rule="orthogonal" if net == "orthogonal" else "lecun_normal")
    read, target = x[:, :t], targets[0, t - 1]
    trace = model.forward(read)
    back = _sent_back(model, trace, t, target)
    at, rivals = _rivals(read)
    others = np.repeat(read, len(at), axis=0)
    others[np.arange(len(at)), at] = rivals
    replaced, lawful, named = np.full(t, np.nan), np.zeros(t, bool), np.full(t, " ")
    if len(at):
        replaced[at] = model.forward(others, steps=[-1]).probabilities[:, 0, target]
        lawful[at] = allowed(others)[:, -1].any(axis=1)
        named[at] = np.array(list(SYMBOLS))[rivals]
    return Influence(net, symbols, t, k, float(trace.probabilities[0, -1, target]),
                     np.linalg.norm(model.rnn.input_gradient(back)[0], axis=1), "".join(named), replaced, lawful)


def _rivals(read: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the grammar had allowed another symbol than the one that was read, (1, t), and which, (m,) each."""
    others = allowed(read)[0, :-1] & (np.arange(len(SYMBOLS)) != read[0, 1:, np.newaxis])
    at, symbols = np.nonzero(others)
    return at + 1, symbols


def train_net(seed: int, n_hidden: int, updates: int, learning_rate: float, batch: int, max_norm: float) -> dict[str, np.ndarray]:
    """Teach an orthogonal tanh net the embedded Reber grammar with Adam and clipping; the arrays are its parameters.

    Every update sees fresh strings of the grammar.
    """
    model = random_net(seed, n_hidden, 1.0, rule="orthogonal")
    optimizer, rng = Adam(learning_rate), np.random.default_rng([seed, 2])
    for _ in range(updates):
        text = strings(batch, rng)
        trace = model.forward(text.inputs)
        grads, _ = by_global_norm(model.backward(trace, text.targets, text.mask).parameters(), max_norm)
        optimizer.step(model.parameters(), grads)
    return dict(zip(("W_x", "W_h", "b", "W_s", "c"), model.parameters(), strict=True))


def _with_settings(cells: list[dict[str, Any]], results: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return results[0] | {name: np.array(value) for name, value in cells[0].items()}


SWEEP = Sweep([{"seed": 1, "n_hidden": 20, "updates": 3000, "learning_rate": 0.01, "batch": 32, "max_norm": 1.0}],
              train_net, _with_settings, Path(data.__file__).with_name("reber_net.npz"))


@cache
def trained_net() -> SequenceModel:
    """Weights that have learned the embedded Reber grammar, as `SWEEP` has stored them.

    Examples
    --------
    >>> trained_net().rnn.W_h.shape
    (20, 20)
    """
    with np.load(SWEEP.target) as stored:
        layer = RNN(stored["W_x"], stored["W_h"], stored["b"], "tanh")
        return SequenceModel(layer, stored["W_s"], stored["c"])
