"""What the Jacobians of a recurrent net multiply to: from different starts, with gates, and against what is known beforehand.

Sizes of products are kept as logarithms to base 10, so that nothing overflows and nothing vanishes. A product over ℓ steps is
that of the last ℓ Jacobians of a run, the way a gradient goes back from its end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce

import numpy as np

from livegrad.experiments.eigenvalues import log10_powers
from livegrad.initializers import orthogonal
from livegrad.lstm import LSTM
from livegrad.rnn import RNN
from livegrad.spectra import product_singular_values, spectral_norm, spectral_radius
from livegrad.validation import choice

__all__ = ["GAMMA", "STARTS", "Gates", "Starts", "Statement", "gates", "starts", "statement"]

# --- starts ---

STARTS = ("Gaussian", "orthogonal", "identity", "layer norm")
"""The recurrent nets that `starts` compares."""


@dataclass(frozen=True)
class Starts:
    """Singular values of the product of the last ℓ Jacobians in nets that start differently.

    Attributes
    ----------
    lengths : ndarray of int, shape (k,)
        ℓ, from 0.
    values : dict of str to ndarray, shape (3, k)
        For each of `STARTS`, log₁₀ of the largest singular value, of the median and of the smallest; −inf where it is 0.
    size : int
        Number of units n. The median is singular value n/2.
    at : int
        The ℓ to look at.
    """

    lengths: np.ndarray
    values: dict[str, np.ndarray]
    size: int
    at: int

    def there(self, start: str) -> np.ndarray:
        """log₁₀ of the largest, the median and the smallest singular value at `at`."""
        return self.values[start][:, np.abs(self.lengths - self.at).argmin()]


def starts(
    weight_scale: float, input_scale: float, at: int, seed: int = 0, steps: int = 100, size: int = 16, draft: bool = False
) -> Starts:
    """Run four recurrent nets of the same size on the same inputs, and multiply their Jacobians along the way.

    - Gaussian: tanh, entries of W_h normal with standard deviation weight_scale/√n.
    - orthogonal: tanh, W_h = weight_scale · Q (Saxe, McClelland & Ganguli 2013).
    - identity: ReLU, W_h = weight_scale · I: the IRNN of Le, Jaitly & Hinton (2015).
    - layer norm: tanh of the normalized sum (Ba, Kiros & Hinton 2016, eq. 4), with the Gaussian W_h and γ = 1.

    All biases are 0. The n inputs of each step are standard normal, W_x normal with standard deviation input_scale/√n. The run is
    twice as long as the longest product, which covers its end: h is no longer what it was at the start.

    Parameters
    ----------
    weight_scale, input_scale : float
        Positive.
    at : int
        The ℓ to look at.
    seed : int
    steps : int
        The largest ℓ. It, `at` and the ℓ computed are multiples of 10.
    size : int
        n, even.
    draft : bool
        Multiply five Jacobians at a time in plain float64: faster, but rounding limits the smallest singular values.

    Returns
    -------
    Starts

    Notes
    -----
    Two products are singular for a reason. ReLU: a unit that is off at one step has a row of zeros. Layer norm takes the
    mean away, so that one direction is lost at every step.

    Examples
    --------
    >>> result = starts(weight_scale=1.0, input_scale=1e-6, at=100)
    >>> bool(np.abs(result.there("orthogonal")).max() < 1e-6)  # tanh is linear for small inputs: all singular values are 1
    True
    """
    values = {start: _three(start, _jacobians(start, weight_scale, input_scale, seed, steps, size), draft) for start in STARTS}
    return Starts(np.arange(0, steps + 1, _EVERY), values, size, at)


_EVERY, _TOGETHER = 10, 5


def _jacobians(start: str, weight_scale: float, input_scale: float, seed: int, length: int, size: int) -> np.ndarray:
    """Those of the last steps, last step first, (length, size, size)."""
    W_x, W_h, x = _draws(seed, 2 * length, size)
    W = weight_scale * {"orthogonal": W_h["orthogonal"], "identity": np.eye(size)}.get(start, W_h["Gaussian"])
    gamma = np.ones(size) if start == "layer norm" else None
    net = RNN(input_scale * W_x, W, np.zeros(size), "relu" if start == "identity" else "tanh", gamma)
    trace = net.forward(x)
    return np.array([net.jacobian(trace, t)[0] for t in range(2 * length - 1, length - 1, -1)])


@lru_cache(maxsize=16)
def _draws(seed: int, steps: int, size: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    for_x, for_W, for_Q, for_inputs = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4))
    W_x, W = (rng.standard_normal((size, size)) / math.sqrt(size) for rng in (for_x, for_W))
    return W_x, {"Gaussian": W, "orthogonal": orthogonal((size, size), for_Q)}, for_inputs.standard_normal((1, steps, size))


def _three(start: str, jacobians: np.ndarray, draft: bool) -> np.ndarray:
    """log₁₀ of the largest, the median and the smallest singular value of the products, (3, k)."""
    n = jacobians.shape[-1]
    if start == "identity":  # diagonal: the weight scale where a unit is on, else 0
        with np.errstate(divide="ignore"):
            logs = np.log10(np.diagonal(jacobians, axis1=1, axis2=2))
        spectra = -np.sort(-np.cumsum(logs, axis=0)[_EVERY - 1::_EVERY], axis=1)
    else:
        if draft:
            jacobians = reduce(np.matmul, jacobians.reshape(-1, _TOGETHER, n, n).swapaxes(0, 1))
        if start == "layer norm" or draft:  # what is lost is put back as a little something, so that the others can be computed
            jacobians = jacobians + 1e-13 * np.abs(jacobians).max(axis=(1, 2), keepdims=True) * np.eye(n)
        every = _EVERY // _TOGETHER if draft else _EVERY
        depths = range(every, len(jacobians) + 1, every)
        spectra = product_singular_values(jacobians.swapaxes(1, 2), depths)  # the last one first: transposed
        if start == "layer norm":
            spectra[:, -1] = -np.inf
    return np.vstack([np.zeros((1, 3)), spectra[:, [0, n // 2 - 1, n - 1]]]).T  # from no factor on


# --- gates ---


@dataclass(frozen=True)
class Gates:
    """The product of Jacobians of an LSTM, its additive path, and the product of a tanh net's beside them.

    Attributes
    ----------
    lengths : ndarray of int, shape (k,)
        ℓ, from 0.
    lstm, tanh : ndarray, shape (k,)
        log₁₀ ‖∂(c_t, h_t)/∂(c_(t−ℓ), h_(t−ℓ))‖₂ of the LSTM, and log₁₀ ‖∂h_t/∂h_(t−ℓ)‖₂ of the tanh net; −inf for 0.
    additive : ndarray, shape (3, k)
        log₁₀ of Π f over the ℓ steps: of the unit that keeps most, of the median one and of the one that keeps least.
    forget : ndarray, shape (T, H)
        The forget gates f_t at the steps multiplied.
    at : int
        The ℓ to look at.
    """

    lengths: np.ndarray
    lstm: np.ndarray
    tanh: np.ndarray
    additive: np.ndarray
    forget: np.ndarray
    at: int

    def there(self, curve: np.ndarray) -> np.ndarray:
        """A curve's value at the computed length next to `at`."""
        return curve[..., np.abs(self.lengths - self.at).argmin()]


def gates(forget_bias: float, weight_scale: float, at: int, seed: int = 0, steps: int = 100, size: int = 15) -> Gates:
    """Run an LSTM and a tanh net of as many units on the same inputs, and multiply their Jacobians.

    Every recurrent matrix, the four of the LSTM and the one of the tanh net, has normal entries of standard deviation
    weight_scale/√n, every input matrix of 1/√n, and inputs are standard normal. All biases are 0 but the forget gates'.

    Parameters
    ----------
    forget_bias : float
    weight_scale : float
        Not negative.
    at : int
        The ℓ to look at.
    seed : int
    steps : int
        The largest ℓ, even; the run is twice as long.
    size : int
        n, odd.

    Returns
    -------
    Gates

    Examples
    --------
    >>> open_, shut = (gates(forget_bias=b, weight_scale=1.0, at=50) for b in (5.0, -5.0))
    >>> bool(open_.lstm[-1] > -5 > -50 > shut.lstm[-1]), bool((open_.tanh == shut.tanh).all())
    (True, True)
    """
    lstm, tanh, x = _pair(seed, 2 * steps, size)
    last = range(2 * steps - 1, steps - 1, -1)
    gated = LSTM(lstm.W_x, weight_scale * lstm.W_h, lstm.b + forget_bias * (np.arange(4 * size) // size == 1))
    plain = RNN(tanh.W_x, weight_scale * tanh.W_h, tanh.b)
    trace = gated.forward(x)
    forget = trace.forget[0, steps:]
    kept = np.sort(np.vstack([np.zeros(size), np.cumsum(np.log10(forget[::-1]), axis=0)]), axis=1)
    run, every = plain.forward(x), 2
    return Gates(
        np.arange(0, steps + 1, every), _log_norms((gated.jacobian(trace, t)[0] for t in last), 2 * size, every),
        _log_norms((plain.jacobian(run, t)[0] for t in last), size, every), kept[::every][:, [-1, size // 2, 0]].T, forget, at)


@lru_cache(maxsize=16)
def _pair(seed: int, steps: int, size: int) -> tuple[LSTM, RNN, np.ndarray]:
    for_lstm, for_tanh, for_x = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    return (LSTM.create(size, size, for_lstm, forget_bias=0), RNN.create(size, size, for_tanh),
            for_x.standard_normal((1, steps, size)))


def _log_norms(jacobians: Iterable[np.ndarray], n: int, every: int = 1) -> np.ndarray:
    """log₁₀ ‖J_T ⋯ J_k‖₂ for k = T + 1 (no factor), T, T − 1, … or some of them; −inf for 0."""
    product, scale, products, scales = np.eye(n), 0.0, [np.eye(n)], [0.0]
    for J in jacobians:
        product = product @ J
        largest = np.abs(product).max()
        if largest > 0:
            product, scale = product / largest, scale + math.log10(largest)
        products.append(product)
        scales.append(scale)
    P = np.array(products[::every])
    with np.errstate(divide="ignore"):
        return np.log10(np.linalg.eigvalsh(P @ P.swapaxes(1, 2))[:, -1].clip(0)) / 2 + scales[::every]


# --- which statement applies ---

GAMMA = {"linear": 1.0, "tanh": 1.0, "sigmoid": 0.25}
"""The largest slope γ of each activation."""


@dataclass(frozen=True)
class Statement:
    """A recurrent net of two units: what is known of its gradient beforehand, and what becomes of it.

    Attributes
    ----------
    activation : str
    W : ndarray, shape (2, 2)
    gamma : float
        The largest slope γ of the activation.
    measured : ndarray, shape (T + 1,)
        log₁₀ ‖∂h_t/∂h_(t−ℓ)‖₂ for ℓ = 0 … T.
    """

    activation: str
    W: np.ndarray
    gamma: float
    measured: np.ndarray

    @cached_property
    def norm(self) -> float:
        """γ σ₁, with σ₁ = ‖W‖₂ the largest singular value."""
        return self.gamma * spectral_norm(self.W)

    @cached_property
    def radius(self) -> float:
        """γ ρ, with ρ the spectral radius."""
        return self.gamma * spectral_radius(self.W)

    @property
    def bound(self) -> np.ndarray:
        """log₁₀ (γσ₁)^ℓ, (T + 1,): `measured` is never above it."""
        return log10_powers(self.norm, np.arange(len(self.measured)))

    @property
    def rate(self) -> np.ndarray:
        """log₁₀ (γρ)^ℓ, (T + 1,): in the linear case `measured` is never below it, and in the end parallel to it."""
        return log10_powers(self.radius, np.arange(len(self.measured)))

    @property
    def peak(self) -> int:
        """The ℓ at which the gradient is largest; of those that differ by rounding only, the first."""
        return int(np.argmax(np.round(self.measured, 9)))

    @property
    def sufficient(self) -> bool:
        """γσ₁ < 1: the gradient vanishes, whatever the inputs."""
        return self.norm < 1 and not math.isclose(self.norm, 1)

    @property
    def necessary(self) -> bool:
        """γσ₁ > 1: without it no gradient explodes. With it, one may."""
        return self.norm > 1 and not math.isclose(self.norm, 1)


def statement(
    activation: str, radius: float, off_diagonal: float, input_scale: float, seed: int = 0, steps: int = 60
) -> Statement:
    """Run h_t = φ(W h_(t−1) + x_t) with W = [[r, v], [0, 0.8 r]]/γ and multiply its Jacobians.

    In units of 1/γ the eigenvalues are r and 0.8 r, whatever v is.

    Parameters
    ----------
    activation : str
        A key of `GAMMA`.
    radius, off_diagonal : float
        r and v.
    input_scale : float
        Standard deviation of the inputs x_t; they are normal, and drawn once for each seed.
    seed : int
    steps : int
        T. The run is twice as long.

    Returns
    -------
    Statement

    Raises
    ------
    ValueError
        If the activation is not one of `GAMMA`.

    Examples
    --------
    >>> result = statement("linear", radius=0.9, off_diagonal=2.0, input_scale=1.0)
    >>> result.sufficient, f"{10 ** result.measured.max():.2f} at {result.peak}", bool(result.measured[-1] < 0)
    (False, '4.45 at 5', True)
    """
    gamma = choice("activation", activation, GAMMA)
    W = np.array([[radius, off_diagonal], [0, 0.8 * radius]]) / gamma
    x = input_scale * np.random.default_rng(seed).standard_normal((1, 2 * steps, 2))
    net = RNN(np.eye(2), W, np.zeros(2), activation)
    trace = net.forward(x)
    measured = _log_norms((net.jacobian(trace, t)[0] for t in range(2 * steps - 1, steps - 1, -1)), 2)
    return Statement(activation, W, gamma, measured)
