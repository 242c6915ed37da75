"""What repeated multiplication does: powers of one matrix, and products of many.

Sizes are kept as logarithms to base 10, so that nothing overflows and nothing vanishes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from livegrad import activations
from livegrad.activations import Activation
from livegrad.initializers import orthogonal
from livegrad.spectra import (
    departure_from_normality,
    eigen,
    eigenvalues,
    gaussian_lyapunov_exponents,
    jordan,
    nonnormal,
    powers_norm,
    product_singular_values,
    spectral_norm,
    with_eigenvalues,
)
from livegrad.validation import choice

__all__ = [
    "DEPTHS", "KINDS", "Hump", "PowerIteration", "Powers", "RandomProduct", "Repetition", "SharedWeights", "Spectra",
    "TurningPlanes", "hump", "jacobian_growth", "power_iteration",
]


@dataclass(frozen=True)
class Powers:
    """The powers of one matrix.

    Attributes
    ----------
    values : ndarray of complex, shape (n,)
        Eigenvalues. The first two are the dominant pair, the third is the largest of the others.
    norm, applied : ndarray, shape (T + 1,)
        log₁₀ of ‖W^t‖₂ and of ‖W^t x‖ for t = 0 … T, with ‖x‖ = 1.
    spectral_radius : float
    spectral_norm : float
        ‖W‖₂.
    condition : float
        cond(V) of unit eigenvectors, two in each plane that W turns. ‖W^t‖₂ never exceeds it times ρ^t.
    """

    values: np.ndarray
    norm: np.ndarray
    applied: np.ndarray
    spectral_radius: float
    spectral_norm: float
    condition: float

    @property
    def steps(self) -> int:
        """The largest t."""
        return len(self.norm) - 1

    @property
    def radius(self) -> np.ndarray:
        """log₁₀ ρ^t, shape (T + 1,)."""
        return _log10_powers(self.spectral_radius, np.arange(self.steps + 1))

    @property
    def tenfold(self) -> float:
        """Steps in which ρ^t changes by a factor of ten: inf at ρ = 1, 0 at ρ = 0."""
        return math.inf if math.isclose(self.spectral_radius, 1) else abs(1 / _log10(self.spectral_radius))


class TurningPlanes:
    """One random draw of a real matrix W = Q B Qᵀ that turns and stretches each of n/2 planes by itself.

    Q is orthogonal. B has a block for every plane, which turns along an ellipse: m S R(θ) S⁻¹ with
    S = diag(√c, 1/√c) and R(θ) the rotation by θ. Its eigenvalues are m e^(±iθ). Its t-th power is
    m^t S R(tθ) S⁻¹, of norm

        m^t (a + √(1 + a²)),   a = ½ (c − 1/c) |sin tθ|,

    because over m^t it has determinant 1 and squared Frobenius norm 2 + 4a². ‖W^t‖₂ is the largest of these: exact
    for any n and t, without forming W^t. For odd n the last eigenvalue is real and has a line, not a plane.

    Parameters
    ----------
    seed : int
    size : int
        n, at least 2.
    stretch : float
        c of the dominant plane, at least 1. The other planes have a c between 1 and this one.

    Examples
    --------
    >>> draw = TurningPlanes(seed=0, size=6)
    >>> draw.powers(spectral_radius=0.5, angle=90, rest=0, steps=2).norm.round(3)  # of 1, 4 · ½ and 1 · ¼
    array([ 0.   ,  0.301, -0.602])
    """

    def __init__(self, seed: int, size: int, stretch: float = 4.0) -> None:
        shape, start, self._turn = (np.random.default_rng(s) for s in np.random.SeedSequence([seed, size]).spawn(3))
        planes = (size + 1) // 2
        self.size = size
        # Moduli as shares of the largest one beside the dominant pair. The square root spreads the eigenvalues evenly
        # over a disk, like those of a random matrix.
        self._share = np.sqrt(shape.uniform(size=planes))
        self._share[:2] = 1.0
        self._angle = shape.uniform(0, math.pi, planes)
        self._stretch = shape.uniform(1, stretch, planes)
        self._stretch[0] = stretch
        if size % 2:
            self._angle[-1], self._stretch[-1] = math.pi * shape.integers(2), 1.0
        x = np.zeros(2 * planes)
        x[:size] = start.standard_normal(size)
        self._x = x.reshape(planes, 2) / np.linalg.norm(x)  # Qᵀ x

    def powers(self, spectral_radius: float, angle: float, rest: float, steps: int = 200) -> Powers:
        """W with its dominant eigenvalues at spectral_radius · e^(±i angle), and its powers.

        Parameters
        ----------
        spectral_radius : float
            ρ, the modulus of the dominant pair.
        angle : float
            Of the dominant pair, in degrees, 0 to 180.
        rest : float
            Largest modulus of the other eigenvalues over ρ, 0 to 1.
        steps : int
            The largest t.
        """
        modulus, angles = self._planes(angle, rest)
        t = np.arange(steps + 1.0)[:, np.newaxis]
        shrink = modulus**t  # relative to ρ^t
        cos, sin, c, (x, y) = np.cos(t * angles), np.sin(t * angles), self._stretch, self._x.T
        a = (c - 1 / c) / 2 * np.abs(sin)
        norm = (shrink * (a + np.sqrt(1 + a * a))).max(axis=1)
        applied = np.linalg.norm(np.hypot(cos * x - c * sin * y, sin / c * x + cos * y) * shrink, axis=1)
        growth = _log10_powers(spectral_radius, t[:, 0])
        return Powers(self._values(modulus, angles) * spectral_radius, growth + np.log10(norm), growth + np.log10(applied),
                      spectral_radius, float(spectral_radius * norm[1]), float(c.max()))

    def matrix(self, spectral_radius: float, angle: float, rest: float) -> np.ndarray:
        """W itself, (n, n)."""
        blocks = np.stack([self._stretch**0.5, self._stretch**-0.5], axis=1).ravel()[:self.size]
        turning = with_eigenvalues(self._values(*self._planes(angle, rest)), np.diag(blocks))
        return spectral_radius * (self._Q @ turning @ self._Q.T)

    @cached_property
    def x(self) -> np.ndarray:
        """The unit vector that is multiplied, (n,)."""
        return self._Q @ self._x.ravel()[:self.size]

    @cached_property
    def _Q(self) -> np.ndarray:
        return orthogonal((self.size, self.size), self._turn)

    def _planes(self, angle: float, rest: float) -> tuple[np.ndarray, np.ndarray]:
        """Modulus over ρ, and angle in radians, of every plane."""
        modulus, angles = rest * self._share, self._angle.copy()
        modulus[0], angles[0] = 1.0, math.radians(angle)
        return modulus, angles

    def _values(self, modulus: np.ndarray, angles: np.ndarray) -> np.ndarray:
        pairs = modulus * np.exp(1j * angles)
        values = np.stack([pairs, pairs.conj()], axis=1).ravel()[:self.size]
        if self.size % 2:
            values[-1] = values[-1].real
        return values


KINDS = ("triangular", "distinct", "jordan", "orthogonal", "identity")
"""The matrices that `hump` knows."""


@dataclass(frozen=True)
class Hump:
    """A matrix by its eigenvalues, by its singular values, and by the norm of its powers.

    Attributes
    ----------
    W : ndarray, shape (n, n)
    moduli, singular_values : ndarray, shape (n,)
        |λ_i| and σ_i, largest first.
    t : ndarray of int, shape (k,)
        Every step up to 100 and every 20th up to 1000, or fewer in a draft.
    norm : ndarray, shape (k,)
        log₁₀ ‖W^t‖₂.
    condition : float
        cond(V); inf for a defective W.
    departure : float
        Henrici's departure from normality.
    """

    W: np.ndarray
    moduli: np.ndarray
    singular_values: np.ndarray
    t: np.ndarray
    norm: np.ndarray
    condition: float
    departure: float

    @property
    def spectral_radius(self) -> float:
        """max |λ_i|."""
        return float(self.moduli[0])

    @property
    def radius(self) -> np.ndarray:
        """log₁₀ ρ^t, shape (k,)."""
        return _log10_powers(self.spectral_radius, self.t)

    @property
    def peak(self) -> int:
        """Index of the largest ‖W^t‖₂ of all t computed; of those that differ by rounding only, the first."""
        return int(np.argmax(np.round(self.norm, 9)))

    @property
    def settled(self) -> float:
        """The t from which on ‖W^t‖₂ is below 1; inf if that lies beyond the last one."""
        large = np.flatnonzero(self.norm > -1e-9)
        return math.inf if large[-1] == len(self.t) - 1 else float(self.t[large[-1] + 1])


def hump(kind: str, size: int, eigenvalue: float, off_diagonal: float, seed: int = 0, draft: bool = False) -> Hump:
    """A matrix whose eigenvalues stay where they are while what stands above its diagonal grows.

    Parameters
    ----------
    kind : str
        One of `KINDS`. All have the spectral radius `eigenvalue`.

        - triangular: every eigenvalue the same; above the diagonal normal entries of standard deviation off_diagonal/√n.
        - distinct: the same entries above, but eigenvalues evenly spaced from `eigenvalue` down to half of it.
        - jordan: every eigenvalue the same, off_diagonal right above it.
        - orthogonal, identity: an orthogonal matrix and the unit matrix, times `eigenvalue`. They have no off-diagonal
          part in their Schur form; off_diagonal does nothing.
    size : int
    eigenvalue : float
        Positive.
    off_diagonal : float
    seed : int
    draft : bool
        Look at less than half of the powers.

    Returns
    -------
    Hump

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> result = hump("jordan", 2, eigenvalue=0.9, off_diagonal=5)
    >>> f"{10 ** result.norm[result.peak]:.1f} at t = {result.t[result.peak]}", result.settled
    ('19.4 at t = 9', 55.0)
    """
    choice("kind", kind, KINDS)
    rng = np.random.default_rng(seed)
    if kind == "jordan":
        W = jordan(eigenvalue, size, off_diagonal)
    elif kind == "orthogonal":
        W = orthogonal((size, size), rng, gain=eigenvalue)
    else:
        W = nonnormal(eigenvalue, size, 0.0 if kind == "identity" else off_diagonal / math.sqrt(size), rng)
    if kind == "distinct":
        np.fill_diagonal(W, np.linspace(eigenvalue, eigenvalue / 2, size))
    t, norm = np.zeros(1, dtype=int), np.zeros(1)
    for every, last in ((1, 10), (5, 100), (25, 1000)) if draft else ((1, 100), (20, 1000)):
        more = np.arange(0, last + 1, every)  # powers of W^20 reach far in few steps
        new = more > t[-1]
        t, norm = (np.concatenate(two) for two in (
            (t, more[new]), (norm, powers_norm(np.linalg.matrix_power(W, every), last // every, log10=True)[new])))
    parts = eigen(W)
    return Hump(W, np.abs(parts.values), np.linalg.svd(W, compute_uv=False), t, norm, parts.condition, departure_from_normality(W))


@dataclass(frozen=True)
class PowerIteration:
    """W^t x taken apart into eigen-directions, with the growth ρ^t of the dominant one taken out.

    Attributes
    ----------
    values : ndarray of complex, shape (k,)
        The eigenvalue of each direction, dominant first; a pair is one direction.
    share : ndarray, shape (T + 1, k)
        Of each direction in W^t x, as `livegrad.spectra.eigen_shares` defines it.
    basis : ndarray, shape (2, 2)
        Columns are the unit vectors v₁ and v₂ in the plane they span: two eigenvectors, or the plane of the pair.
    path : ndarray, shape (T + 1, 2)
        The part of W^t x in that plane, over ρ^t.
    off : ndarray, shape (T + 1,)
        Angle between W^t x and v₁ (or the plane of the pair), in degrees.
    """

    values: np.ndarray
    share: np.ndarray
    basis: np.ndarray
    path: np.ndarray
    off: np.ndarray

    @property
    def pair(self) -> bool:
        """Whether the dominant direction is a plane."""
        return bool(self.values[0].imag > 0)

    @property
    def ratio(self) -> float:
        """|λ₂/λ₁|; 0 if there is one direction only."""
        return float(abs(self.values[1] / self.values[0])) if len(self.values) > 1 else 0.0

    @property
    def turned(self) -> float:
        """Angle from v₁ to v₂, in degrees."""
        return math.degrees(math.atan2(*self.basis[::-1, 1]))

    @property
    def won(self) -> float:
        """The first t at which the dominant direction has 99 %; inf if it never has among those computed."""
        there = np.flatnonzero(self.share[:, 0] >= 0.99)
        return float(there[0]) if there.size else math.inf

    @property
    def predicted(self) -> float:
        """The t at which direction 2 alone falls to 1/99 of direction 1: share₂/share₁ = ratio^t · (its start)."""
        if len(self.values) == 1 or not self.share[0, 1]:
            return 0.0
        if self.share[0, 0] == 0 or math.isclose(self.ratio, 1):
            return math.inf
        return max(0.0, math.log(99 * self.share[0, 1] / self.share[0, 0]) / -math.log(self.ratio))


def power_iteration(size: int, ratio: float, dominant: str, start: float, seed: int, steps: int = 60) -> PowerIteration:
    """Repeated multiplication by a matrix with known eigenvectors.

    Eigenvalues are 1 (or the pair e^(±i 30°)), then `ratio`, then evenly spaced below it. The eigenvectors are oblique.

    Parameters
    ----------
    size : int
        n.
    ratio : float
        |λ₂/λ₁|, over 0 and up to 1.
    dominant : {"real", "pair"}
    start : float
        Angle of x in the plane of v₁ and v₂, in degrees from v₁. Its part in the other directions is fixed by the seed.
    seed : int
    steps : int
        The largest t.

    Returns
    -------
    PowerIteration

    Examples
    --------
    >>> result = power_iteration(3, ratio=0.5, dominant="real", start=60, seed=0)
    >>> result.values.real, bool(result.off[-1] < 1e-6)
    (array([1.  , 0.5 , 0.25]), True)
    """
    rng = np.random.default_rng(seed)
    largest = choice("dominant", dominant, {"real": [1], "pair": [np.exp(1j * math.pi / 6), np.exp(-1j * math.pi / 6)]})
    others = size - len(largest)
    values = np.array([*largest, *ratio * (1 - np.arange(others) / max(others, 1))])
    turned = math.radians(rng.integers(50, 131))  # v₂: whole degrees, so that a start can lie exactly along it
    V = np.eye(size) + np.triu(rng.uniform(-1, 1, (6, 6))[:size, :size], 1)
    V[:2, 1] = math.cos(turned), math.sin(turned)
    V /= np.linalg.norm(V, axis=0)
    x = np.zeros(size)
    x[:2] = math.cos(math.radians(start)), math.sin(math.radians(start))
    coordinates = np.linalg.solve(V, x)
    coordinates[2:] = rng.standard_normal(6)[2:size]
    coordinates[np.abs(coordinates) < 1e-12] = 0.0  # a start along v₂ has no part along v₁, whatever the rounding says

    B, moving = with_eigenvalues(values), np.empty((steps + 1, size))
    for t in range(steps + 1):
        moving[t] = B @ moving[t - 1] if t else coordinates
    d = len(largest)  # dimensions of the dominant direction. A pair's two unit eigenvectors have |c| = ‖its coordinates‖/√2
    parts = np.column_stack([math.sqrt(d) * np.linalg.norm(moving[:, :d], axis=1), np.abs(moving[:, d:])])
    x = moving @ V.T  # V is triangular: the dominant direction fills the first d axes, and the rest is off it
    off = np.arctan2(np.linalg.norm(x[:, d:], axis=1), np.linalg.norm(x[:, :d], axis=1))
    return PowerIteration(np.array([values[0], *values[d:]]), parts / parts.sum(axis=1, keepdims=True), V[:2, :2],
                          moving[:, :2] @ V[:2, :2].T, np.degrees(off))


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
        self._W = weights.standard_normal((steps, draws, largest, largest), dtype=np.float32)
        self._h = start.standard_normal((draws, largest, 1), dtype=np.float32)
        self._g = end.standard_normal((draws, 1, largest), dtype=np.float32)
        self._known: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]] = {}

    def repeat(self, size: int, activation: str | Activation, weight_scale: float) -> Repetition:
        """Go forward T steps from a random h_0 of unit variance, and back with a random gradient of norm 1 at h_T."""
        act = activations.get(activation)
        layers = [W[:, :size, :size] for W in self._W]
        if act.name not in ("linear", "relu"):
            return Repetition(*(self._back(weights, act, weight_scale) for weights in ([layers[0]] * len(layers), layers)))
        # These do not notice the size of what they are given: the weight scale multiplies every step of the gradient.
        if (size, act.name) not in self._known:
            self._known[size, act.name] = tuple(self._back(weights, act, 1.0) for weights in ([layers[0]] * len(layers), layers))
        growth = _log10_powers(weight_scale, np.arange(len(layers) + 1))
        return Repetition(*(band + growth for band in self._known[size, act.name]))

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
        logs.append(logs[-1] + _log10(size))
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
        return _log10_powers(self.weight_scale, self.depths)


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
        growth = _log10_powers(weight_scale, depths)
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
        return _five(product_singular_values(self.matrices(), DEPTHS).T)


def _five(ordered: np.ndarray) -> np.ndarray:
    """Largest, upper quarter, median, lower quarter and smallest along the first axis, which is in falling order."""
    n = len(ordered)
    return ordered[[0, (n - 1) // 4, (n - 1) // 2, (3 * (n - 1) + 3) // 4, n - 1]]


def _log10(x: float) -> float:
    return math.log10(x) if x else -math.inf


def _log10_powers(x: float, t: np.ndarray) -> np.ndarray:
    """log₁₀ x^t, with x⁰ = 1 also for x = 0."""
    t = np.asarray(t, dtype=float)
    return np.where(t > 0, np.maximum(t, 1) * _log10(x), 0.0)


def _unit(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each of a stack of vectors over its norm, and log₁₀ of the norms. Zero stays zero."""
    norm = np.sqrt((v.astype(np.float64) ** 2).sum(axis=(1, 2)))
    with np.errstate(divide="ignore"):
        return v / np.where(norm > 0, norm, 1).astype(v.dtype)[:, np.newaxis, np.newaxis], np.log10(norm)
