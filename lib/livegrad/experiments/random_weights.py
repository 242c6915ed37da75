"""Random weights: the same matrix many times against many matrices once, and the spectra of their products.

Sizes are kept as logarithms to base 10, so that nothing overflows and nothing vanishes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import islice, pairwise

import numpy as np

from livegrad import activations
from livegrad.activations import Activation
from livegrad.experiments.eigenvalues import log10_powers
from livegrad.spectra import eigenvalues, gaussian_lyapunov_exponents, product_singular_values, spectral_norm

__all__ = ["DEPTHS", "RandomProduct", "Repetition", "SharedWeights", "Spectra", "jacobian_growth"]


@dataclass(frozen=True)
class Repetition:
    """A gradient on its way back through t steps, over many random draws.

    Attributes
    ----------
    same, different : ndarray, shape (3, T + 1)
        log₁₀ of the gradient's norm at steps back t = 0 … T: 10 %, 50 % and 90 % of the draws lie below. −inf where it
        is exactly 0. `same` uses one W at every step, `different` a W_l of its own at each.
    """

    same: np.ndarray
    different: np.ndarray

    @property
    def steps(self) -> int:
        """The largest t."""
        return self.same.shape[1] - 1

    @staticmethod
    def spread(band: np.ndarray) -> np.ndarray:
        """Powers of ten between the 10 % and the 90 % line; inf or nan where gradients are 0."""
        with np.errstate(invalid="ignore"):
            return band[2] - band[0]


class SharedWeights:
    """Random draws of a net h_t = φ(W h_(t−1)), once with the same W at all t and once with another W_t at each.

    Entries of W are independent and normal, of standard deviation weight_scale/√n, in both. The draws are made once;
    size cuts and weight_scale stretches them.

    Parameters
    ----------
    seed : int
    draws : int
        Nets of each kind; 1 more than a multiple of 10, so that 10 %, 50 % and 90 % are draws and not interpolated.
    steps : int
        T.
    largest : int
        Greatest size.

    Examples
    --------
    >>> draw = SharedWeights(seed=0, draws=11, steps=10, largest=8)
    >>> draw.repeat(size=8, activation="linear", weight_scale=1.0).same.shape
    (3, 11)
    """

    def __init__(self, seed: int, draws: int = 31, steps: int = 60, largest: int = 50) -> None:
        weights, start, end = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
        self.steps, self._weights, self._shape = steps, weights, (draws, largest, largest)
        self._W: list[np.ndarray] = []
        self._h = start.standard_normal((draws, largest, 1), dtype=np.float32)
        self._g = end.standard_normal((draws, 1, largest), dtype=np.float32)
        self._known: dict[tuple[int, str, int], tuple[np.ndarray, np.ndarray]] = {}

    @property
    def drawn(self) -> bool:
        """Whether the W of all T steps are there. They are drawn when first needed, which is most of the work."""
        return len(self._W) == self.steps

    def repeat(self, size: int, activation: str | Activation, weight_scale: float, steps: int | None = None) -> Repetition:
        """Go forward T steps from a random h_0 of unit variance, and back with a random gradient of norm 1 at h_T.

        `steps` takes the place of T, up to which it may go.
        """
        act, steps = activations.get(activation), steps or self.steps
        while len(self._W) < steps:
            self._W.append(self._weights.standard_normal(self._shape, dtype=np.float32))
        layers = [W[:, :size, :size] for W in self._W[:steps]]
        if act.name not in ("linear", "relu"):
            return Repetition(*(self._back(weights, act, weight_scale) for weights in ([layers[0]] * len(layers), layers)))
        # These do not notice the size of what they are given: the weight scale multiplies every step of the gradient.
        known = size, act.name, steps
        if known not in self._known:
            self._known[known] = tuple(self._back(weights, act, 1.0) for weights in ([layers[0]] * len(layers), layers))
        growth = log10_powers(weight_scale, np.arange(len(layers) + 1))
        return Repetition(*(band + growth for band in self._known[known]))

    def _back(self, weights: Sequence[np.ndarray], act: Activation, weight_scale: float) -> np.ndarray:
        size = weights[0].shape[-1]
        scale = np.float32(weight_scale / math.sqrt(size))
        h, slopes = self._h[:, :size], []
        for W in weights:
            z = scale * (W @ h)
            h = act(z)
            slopes.append(act.derivative(z, h).transpose(0, 2, 1))
            if act.name in ("linear", "relu"):
                h = _unit(h)[0]
        g, _ = _unit(self._g[:, :, :size])
        logs = [np.zeros(len(g))]
        for W, slope in zip(reversed(weights), reversed(slopes), strict=True):
            g, norm = _unit(scale * ((g * slope) @ W))  # (Wᵀ diag(φ') g)ᵀ
            logs.append(logs[-1] + norm)
        draws = len(g) - 1
        return np.sort(logs, axis=1)[:, [draws // 10, draws // 2, draws * 9 // 10]].T


def jacobian_growth(W: np.ndarray, h: np.ndarray, activation: str | Activation, steps: int) -> np.ndarray:
    """How the net h_t = φ(W h_(t−1)) multiplies a small change of h_0: log₁₀ of ‖Π_k diag(φ'(z_k)) W‖₂.

    With φ the identity it is log₁₀ ‖W^t‖₂. Slopes of at most 1 keep it below t log₁₀ ‖W‖₂, though not always below
    log₁₀ ‖W^t‖₂: they can undo a cancellation.

    Parameters
    ----------
    W : ndarray, shape (n, n)
    h : ndarray, shape (n,)
        h_0.
    activation : str or Activation
    steps : int
        The largest t.

    Returns
    -------
    ndarray, shape (steps + 1,)

    Examples
    --------
    >>> W = np.array([[0.0, -2.0], [2.0, 0.0]])
    >>> jacobian_growth(W, np.ones(2), "linear", 2).round(3)
    array([0.   , 0.301, 0.602])
    >>> bool(jacobian_growth(W, np.ones(2), "tanh", 2)[-1] < 0.602)
    True
    """
    act = activations.get(activation)
    W, h = np.asarray(W, dtype=float), np.asarray(h, dtype=float)
    product, logs = np.eye(len(W)), [0.0]
    for _ in range(steps):
        z = W @ h
        h = act(z)
        product = act.derivative(z)[:, np.newaxis] * (W @ product)
        size = spectral_norm(product)
        logs.append(logs[-1] + float(log10_powers(size, 1)))
        product = product / (size or 1.0)
    return np.array(logs)


DEPTHS = (1, 2, 3, 4, *range(5, 101, 5))
"""The depths at which `RandomProduct` looks at the product."""


@dataclass(frozen=True)
class Spectra:
    """One Gaussian matrix by its eigenvalues, and the product of many by its singular values.

    Attributes
    ----------
    values : ndarray of complex, shape (n,)
        Eigenvalues of W_1.
    weight_scale : float
        Entries have standard deviation weight_scale/√n. It is the radius of the circular law (Girko 1985).
    spectral_norm : float
        ‖W_1‖₂.
    depths : ndarray of int, shape (k,)
        Up to the depth asked for.
    product : ndarray, shape (5, k)
        log₁₀ of the largest, the upper-quarter, the median, the lower-quarter and the smallest singular value of
        W_L ⋯ W_1. nan if it has not been computed.
    predicted : ndarray, shape (5, k)
        The same from the Lyapunov exponents of `livegrad.spectra.gaussian_lyapunov_exponents`.
    """

    values: np.ndarray
    weight_scale: float
    spectral_norm: float
    depths: np.ndarray
    product: np.ndarray
    predicted: np.ndarray

    @property
    def orthogonal(self) -> np.ndarray:
        """log₁₀ of every singular value of a product of orthogonal matrices times weight_scale, shape (k,)."""
        return log10_powers(self.weight_scale, self.depths)


class RandomProduct:
    """A hundred n × n matrices of independent standard normal entries, over √n. Each has a generator of its own.

    The singular values of their products are computed on the first call that needs them and then kept.

    Parameters
    ----------
    size : int
        n.
    seed : int

    Examples
    --------
    >>> RandomProduct(size=10, seed=0).spectra(weight_scale=1.0, depth=5).product.shape
    (5, 5)
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self._seeds = size, np.random.SeedSequence([seed, size]).spawn(DEPTHS[-1])

    def matrices(self) -> Iterator[np.ndarray]:
        """W_1, W_2, …, at weight_scale 1."""
        for seed in self._seeds:
            yield np.random.default_rng(seed).standard_normal((self.size, self.size)) / math.sqrt(self.size)

    @property
    def computed(self) -> bool:
        """Whether the singular values of the products are there already."""
        return "_product" in vars(self)

    def spectra(self, weight_scale: float, depth: int, product: bool = True) -> Spectra:
        """All at one weight scale, to one of `DEPTHS`. `product=False` leaves the costly part out."""
        depths = np.array([d for d in DEPTHS if d <= depth])
        growth = log10_powers(weight_scale, depths)
        measured = self._product[:, :len(depths)] if product else np.full((5, len(depths)), np.nan)
        exponents = _five(gaussian_lyapunov_exponents(self.size)) / math.log(10)
        return Spectra(weight_scale * self._values, weight_scale, weight_scale * self._norm, depths,
                       measured + growth, exponents[:, np.newaxis] * depths + growth)

    @cached_property
    def _values(self) -> np.ndarray:
        return eigenvalues(next(self.matrices()))

    @cached_property
    def _norm(self) -> float:
        return spectral_norm(next(self.matrices()))

    @cached_property
    def _product(self) -> np.ndarray:
        return _five(product_singular_values(self._factors()).T)

    def _factors(self) -> Iterator[np.ndarray]:
        """What takes the product from each of `DEPTHS` to the next.

        At most five matrices are multiplied as they are. That costs the smallest singular value about five digits
        of float64's sixteen and saves four of five QR decompositions.
        """
        matrices = self.matrices()
        for before, depth in pairwise((0, *DEPTHS)):
            yield reduce(lambda product, W: W @ product, islice(matrices, depth - before))


def _five(ordered: np.ndarray) -> np.ndarray:
    """Largest, upper quarter, median, lower quarter and smallest along the first axis, which is in falling order."""
    n = len(ordered)
    return ordered[[0, (n - 1) // 4, (n - 1) // 2, (3 * (n - 1) + 3) // 4, n - 1]]


def _unit(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each of a stack of vectors over its norm, and log₁₀ of the norms. Zero stays zero."""
    norm = np.sqrt((v.astype(np.float64) ** 2).sum(axis=(1, 2)))
    with np.errstate(divide="ignore"):
        return v / np.where(norm > 0, norm, 1).astype(v.dtype)[:, np.newaxis, np.newaxis], np.log10(norm)
