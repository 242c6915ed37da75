"""Backpropagation through time, taken apart: nets with random weights, one pair of their steps, and all pairs as a map.

Steps are counted from 1 here, as in papers and on the pictures: the state h_1 comes after the first symbol, and h_0 = 0.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from livegrad import activations, initializers
from livegrad.clipping import by_global_norm
from livegrad.experiments.reber import SYMBOLS
from livegrad.rnn import Gradients, SequenceModel, SequenceTrace
from livegrad.spectra import spectral_norm, spectral_radius as radius_of
from livegrad.validation import fail, number

__all__ = ["FATE", "MOST_STEPS", "SHORT", "GradientMap", "Unrolled", "gradient_map", "inputs_and_targets", "random_net",
           "random_symbols", "sent_back", "unrolled"]

SHORT = "BTBTXXVVETE"
"""A string of the embedded Reber grammar: 10 symbols to read, each with the next one as target."""

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


def inputs_and_targets(symbols: str) -> tuple[np.ndarray, np.ndarray]:
    """What the net reads and what comes next, each (1, T)."""
    numbers = np.array([[SYMBOLS.index(s) for s in symbols]])
    return numbers[:, :-1], numbers[:, 1:]


def sent_back(model: SequenceModel, trace: SequenceTrace, t: int, target: int) -> Gradients:
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
    x, targets = inputs_and_targets(symbols)
    if not 1 <= k <= t <= x.size:
        fail("t, k", f"1 <= k <= t <= {x.size}", f"t={t}, k={k}")
    model = random_net(seed, n_hidden, spectral_radius, activation)
    trace = model.forward(x)
    products = model.rnn.jacobian_products(trace.recurrent, t - 1)[0]
    beta_W, beta_h = spectral_norm(model.rnn.W_h), _steepest(activation)
    states, dz = trace.recurrent.states[:, 0], sent_back(model, trace, t, targets[0, t - 1]).dz[0]
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
        Truncation: no J_t is sent back more than tau steps. Clipping threshold ε.
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
    x, targets = (part[:1, :steps] for part in random_symbols(seed))
    model = random_net(seed, n_hidden, spectral_radius, activation)
    trace = model.forward(x)
    grads = model.backward(trace, targets, tau=tau).parameters()
    return GradientMap(model.gradient_norms(trace, targets)[0], tau, max_norm, activation, spectral_radius,
                       spectral_norm(model.rnn.W_h), _steepest(activation), by_global_norm(grads, max_norm)[1])


@lru_cache(maxsize=16)
def random_symbols(seed: int, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Sequences without any grammar, to read and as targets, (count, MOST_STEPS) each."""
    drawn = np.random.default_rng([seed, 1]).integers(0, len(SYMBOLS), (count, MOST_STEPS + 1))
    return drawn[:, :-1], drawn[:, 1:]
