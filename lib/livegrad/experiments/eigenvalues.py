"""What repeated multiplication by one matrix does: its powers, and a vector on its way through them.

Sizes are kept as logarithms to base 10, so that nothing overflows and nothing vanishes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from livegrad.initializers import orthogonal
from livegrad.spectra import (
    departure_from_normality,
    eigen,
    jordan,
    nonnormal,
    powers_norm,
    spectral_norm,
    with_eigenvalues,
)
from livegrad.validation import choice

__all__ = [
    "KINDS", "Hump", "PowerIteration", "Powers", "TurningPlanes", "hump", "log10_powers", "power_iteration",
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
        return log10_powers(self.spectral_radius, np.arange(self.steps + 1))

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
        growth = log10_powers(spectral_radius, t[:, 0])
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
        Every step up to 100 and every 20th up to 1200, or fewer in a draft. Unless it is one, also all steps around the
        largest norm and around the one from which on the norms are below 1.
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
        return log10_powers(self.spectral_radius, self.t)

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
    for every, last in ((1, 10), (5, 100), (40, 1200)) if draft else ((1, 100), (20, 1200)):
        more = np.arange(0, last + 1, every)  # powers of W^20 reach far in few steps
        new = more > t[-1]
        t, norm = (np.concatenate(two) for two in (
            (t, more[new]), (norm, powers_norm(np.linalg.matrix_power(W, every), last // every, log10=True)[new])))
    if not draft:
        t, norm = _refined(W, t, norm)
    parts = eigen(W)
    return Hump(W, np.abs(parts.values), np.linalg.svd(W, compute_uv=False), t, norm, parts.condition, departure_from_normality(W))


def _refined(W: np.ndarray, t: np.ndarray, norm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add every step between the neighbors of the largest norm, and from the last norm above 1 to the next."""
    peak, crossing = int(norm.argmax()), np.flatnonzero(norm > -1e-9)[-1]
    known = dict(zip(t.tolist(), norm.tolist(), strict=True))
    for before, after in ((peak - 1, peak + 1), (crossing, crossing + 1)):
        first, last = t[[max(before, 0), min(after, len(t) - 1)]]
        P = np.linalg.matrix_power(W, first)
        for step in range(first + 1, last):
            P = W @ P
            if step not in known:
                known[step] = _log10(spectral_norm(P))
    steps = np.array(sorted(known))
    return steps, np.array([known[step] for step in steps])


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
    def rival(self) -> int | None:
        """The first direction after the dominant one that x has a part in; None if there is none."""
        held = np.flatnonzero(self.share[0, 1:])
        return int(held[0]) + 1 if held.size else None

    @property
    def predicted(self) -> float:
        """The t at which the rival alone falls to 1/99 of direction 1: the ratio of their shares goes like |λ/λ₁|^t."""
        if self.rival is None:
            return 0.0
        ratio, (first, other) = abs(self.values[self.rival] / self.values[0]), self.share[0, [0, self.rival]]
        if first == 0 or math.isclose(ratio, 1):
            return math.inf
        return max(0.0, math.log(99 * other / first) / -math.log(ratio))


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


def _log10(x: float) -> float:
    return math.log10(x) if x else -math.inf


def log10_powers(x: float, t: np.ndarray) -> np.ndarray:
    """log₁₀ x^t for x ≥ 0, with x⁰ = 1 also for x = 0.

    Examples
    --------
    >>> log10_powers(100.0, [0, 1, 2]), log10_powers(0.0, [0, 1])
    (array([0., 2., 4.]), array([  0., -inf]))
    """
    t = np.asarray(t, dtype=float)
    return np.where(t > 0, np.maximum(t, 1) * _log10(x), 0.0)
