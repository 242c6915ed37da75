"""Eigenvalues, singular values, and what they say about W^t.

A recurrent net applies the same W at every step: h_t = W h_(t−1) forward, and Wᵀ to the gradient on its way back.
W and Wᵀ have the same eigenvalues, and W^t and (Wᵀ)^t the same norm, so most of what stands here holds for both.

Two numbers are easily mixed up. The spectral radius ρ = max |λ_i| is the largest *eigenvalue's* modulus; it rules
W^t as t → ∞. The spectral norm ‖W‖₂ = max ‖Wx‖/‖x‖ is the largest *singular value*; it rules one step. For all t

    ρ^t ≤ ‖W^t‖₂ ≤ ‖W‖₂^t,   and   ‖W^t‖₂ ≤ cond(V) ρ^t   if W = V diag(λ) V⁻¹

(Horn & Johnson, Matrix Analysis, ch. 5; Trefethen & Embree 2005, Spectra and Pseudospectra, §14 and §16).

>>> W = jordan(0.9, 2, off_diagonal=5.0)
>>> f"{spectral_radius(W):.2f} {spectral_norm(W):.2f}", powers_norm(W, 10).round(1)[[0, 1, 10]]
('0.90 5.16', array([ 1. ,  5.2, 19.4]))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np

from livegrad.validation import fail, floats, generator, number, positive_ints


def spectral_radius(W: Any) -> float:
    """ρ(W) = max |λ_i|: W^t → 0 as t → ∞ if and only if it is below 1.

    Parameters
    ----------
    W : array_like, shape (n, n)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If W is not a square matrix of finite real numbers, here and in all functions of this module.

    Examples
    --------
    >>> spectral_radius([[0.9, 5], [0, -0.5]])
    0.9
    """
    return float(np.abs(np.linalg.eigvals(_square(W))).max())


def spectral_norm(W: Any) -> float:
    """‖W‖₂, the largest singular value: the most that W can lengthen a vector.

    Parameters
    ----------
    W : array_like, shape (m, n)

    Returns
    -------
    float

    Examples
    --------
    >>> spectral_norm([[3, 0], [0, -4], [0, 0]])
    4.0
    """
    return float(np.linalg.norm(_finite("W", W, (None, None)), 2))


def eigenvalues(W: Any) -> np.ndarray:
    """The eigenvalues in a fixed order: the largest modulus first.

    Moduli that agree to 10 digits are a tie; then the smaller angle to the positive real axis comes first, and of a
    conjugate pair the one with positive imaginary part. A pair stays together.

    Parameters
    ----------
    W : array_like, shape (n, n)

    Returns
    -------
    ndarray of complex, shape (n,)

    Examples
    --------
    >>> eigenvalues([[0, -1, 0], [1, 0, 0], [0, 0, 0.5]])
    array([0. +1.j, 0. -1.j, 0.5+0.j])
    """
    values = np.linalg.eigvals(_square(W)).astype(complex)
    return values[_order(values)]


@dataclass(frozen=True)
class Eigen:
    """W = V diag(values) V⁻¹, as far as there is such a thing.

    Attributes
    ----------
    values : ndarray of complex, shape (n,)
        In the order of `eigenvalues`.
    V : ndarray of complex, shape (n, n)
        Column i is a unit eigenvector of `values[i]`.
    condition : float
        cond(V) = ‖V‖₂‖V⁻¹‖₂, 1 or more. 1 means that W is normal. `inf` means that V is singular to rounding: W is
        defective, there is no basis of eigenvectors. See `eigen`.
    """

    values: np.ndarray
    V: np.ndarray
    condition: float

    @property
    def defective(self) -> bool:
        """Whether the eigenvectors are no basis, to rounding."""
        return math.isinf(self.condition)


def eigen(W: Any) -> Eigen:
    """The eigenvectors too, and how far they are from being no basis.

    Nearly parallel eigenvectors belong to nearly equal eigenvalues: cond(V) is about the departure from normality over
    a gap between eigenvalues. W counts as defective where that gap is no larger than the rounding of W itself,
    n ε ‖W‖_F with ε = 2.2e-16. A defective matrix that went through arithmetic is no longer exactly defective: rounding
    splits a double eigenvalue by about √ε, and a large condition (1e8 for a 2 × 2) is all that is left to see. A
    symmetric W gets orthonormal eigenvectors.

    Parameters
    ----------
    W : array_like, shape (n, n)

    Returns
    -------
    Eigen

    Examples
    --------
    >>> eigen([[2, 0], [0, 3]]).condition
    1.0
    >>> eigen([[0.9, 5], [0, 0.9]]).defective
    True
    """
    W = _square(W)
    values, V = np.linalg.eigh(W) if np.array_equal(W, W.T) else np.linalg.eig(W)
    order = _order(values)
    values, V = values[order].astype(complex), V[:, order].astype(complex)
    sizes = np.linalg.svd(V, compute_uv=False)
    condition = max(float(sizes[0] / sizes[-1]), 1.0) if sizes[-1] else math.inf
    eps = np.finfo(float).eps
    if condition > eps**-0.5 and departure_from_normality(W) <= condition * len(W) * eps * np.linalg.norm(W):
        condition = math.inf
    return Eigen(values, V, condition)


def powers_norm(W: Any, t_max: int, log10: bool = False) -> np.ndarray:
    """‖W^t‖₂ for t = 0 … t_max.

    W^t is formed by repeated multiplication, with its exponent kept apart, so that nothing overflows on the way. (Only
    entries of W more than 150 powers of ten below the largest are lost.)
    For a matrix far from normal, rounding acts like a small change of W, and the last powers may differ from those
    of the exact W (Higham & Knight 1995); triangular matrices keep their eigenvalues exactly.

    Parameters
    ----------
    W : array_like, shape (n, n)
    t_max : int
        At least 0.
    log10 : bool
        Return log₁₀ of the norms instead: finite also where the norm itself would be 0 or inf in float64. The
        zero matrix has −inf.

    Returns
    -------
    ndarray, shape (t_max + 1,)

    Examples
    --------
    >>> powers_norm([[0.5, 0], [0, 0.1]], 3)
    array([1.   , 0.5  , 0.25 , 0.125])
    >>> powers_norm([[1e300, 0], [0, 1]], 2, log10=True)
    array([  0., 300., 600.])
    """
    W = _square(W)

    # The Gram matrix is a faster way to the largest singular value, and as exact for the largest one.
    def largest(P: np.ndarray) -> float:
        return math.sqrt(max(np.linalg.eigvalsh(P.T @ P)[-1], 0.0))

    return _assemble(((largest(P), exponent) for P, exponent in _powers(W, np.eye(len(W)), t_max)), log10)


def matrix_power_apply(W: Any, x: Any, t_max: int, log10: bool = False) -> np.ndarray:
    """‖W^t x‖₂ for t = 0 … t_max.

    Parameters
    ----------
    W : array_like, shape (n, n)
    x : array_like, shape (n,)
    t_max : int
    log10 : bool
        As for `powers_norm`.

    Returns
    -------
    ndarray, shape (t_max + 1,)

    Examples
    --------
    >>> matrix_power_apply([[2, 0], [0, 0]], [3, 4], 3)
    array([ 5.,  6., 12., 24.])
    """
    W = _square(W)
    x = _finite("x", x, (len(W),))
    return _assemble(((float(np.linalg.norm(v)), exponent) for v, exponent in _powers(W, x, t_max)), log10)


@dataclass(frozen=True)
class Shares:
    """How much of W^t x lies along each eigen-direction.

    Attributes
    ----------
    values : ndarray of complex, shape (k,)
        One eigenvalue per direction, largest modulus first. A conjugate pair is one direction, named by its
        eigenvalue of positive imaginary part.
    share : ndarray, shape (t_max + 1, k)
        Every row sums to 1; nan where W^t x = 0.
    """

    values: np.ndarray
    share: np.ndarray


def eigen_shares(W: Any, x: Any, t_max: int) -> Shares:
    """The share of each eigen-direction in W^t x, for t = 0 … t_max.

    With x = Σ c_i v_i and unit eigenvectors v_i, W^t x = Σ c_i λ_i^t v_i. The share of direction i is
    |c_i λ_i^t| / Σ_j |c_j λ_j^t|, the two of a conjugate pair added. So the ratio of two shares changes by
    |λ_i/λ_j| every step, exactly. The shares measure coordinates: where eigenvectors are nearly parallel, large
    shares may cancel in W^t x.

    Parameters
    ----------
    W : array_like, shape (n, n)
    x : array_like, shape (n,)
        Not zero.
    t_max : int

    Returns
    -------
    Shares

    Raises
    ------
    ValueError
        If W is defective, or x is zero.

    Examples
    --------
    >>> eigen_shares([[1, 0], [0, 0.5]], [1, 1], 2).share.round(3)
    array([[0.5  , 0.5  ],
           [0.667, 0.333],
           [0.8  , 0.2  ]])
    """
    parts = eigen(W)
    if parts.defective:
        fail("W", "a matrix with a basis of eigenvectors", "a defective one")
    x = _finite("x", x, (len(parts.values),))
    if not x.any():
        fail("x", "a vector that is not zero", "zeros")
    steps = np.arange(_steps(t_max) + 1)[:, np.newaxis]
    kept = parts.values.imag >= 0
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 = −inf is what a missing direction has
        size = np.log(np.abs(np.linalg.solve(parts.V, x)) * np.where(parts.values.imag > 0, 2, 1))[kept]
        rate = np.log(np.abs(parts.values[kept]))
        logs = size + np.where(steps == 0, 0.0, steps * rate)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        return Shares(parts.values[kept], weights / weights.sum(axis=1, keepdims=True))


def departure_from_normality(W: Any) -> float:
    """Henrici's number √(‖W‖_F² − Σ|λ_i|²): 0 if and only if W is normal (Henrici 1962).

    It is the Frobenius norm of what stands above the diagonal in the Schur form W = Q (diag(λ) + N) Q*.

    Parameters
    ----------
    W : array_like, shape (n, n)

    Returns
    -------
    float
        Rounding makes it about √ε ‖W‖ for a normal W that is not exactly so.

    Examples
    --------
    >>> departure_from_normality([[0.9, 5], [0, 0.9]])
    5.0
    """
    W = _square(W)
    scale = np.abs(W).max() or 1.0
    rest = ((W / scale) ** 2).sum() - (np.abs(np.linalg.eigvals(W / scale)) ** 2).sum()
    return float(scale * math.sqrt(max(rest, 0.0)))


def jordan(value: float, n: int, off_diagonal: float = 1.0) -> np.ndarray:
    """`value` on the diagonal and `off_diagonal` right above it.

    With off_diagonal = 1 it is a Jordan block; any other but 0 is similar to it. It has one eigenvector only, so for
    n > 1 no V exists. The entry k places right of the diagonal of W^t is C(t, k) value^(t−k) off_diagonal^k
    (Horn & Johnson, Matrix Analysis, §3.2).

    Parameters
    ----------
    value, off_diagonal : float
    n : int

    Returns
    -------
    ndarray, shape (n, n)

    Examples
    --------
    >>> jordan(0.9, 2, off_diagonal=5)
    array([[0.9, 5. ],
           [0. , 0.9]])
    """
    (n,) = positive_ints("n", [n])
    return number("value", value) * np.eye(n) + number("off_diagonal", off_diagonal) * np.eye(n, k=1)


def nonnormal(value: float, n: int, off_diagonal: float, rng: np.random.Generator | None = None) -> np.ndarray:
    """Upper triangular with every eigenvalue equal to `value`, and as far from normal as one likes.

    Parameters
    ----------
    value : float
        On the diagonal: these are the eigenvalues.
    n : int
    off_diagonal : float
        Every entry above the diagonal; with `rng`, their standard deviation.
    rng : numpy.random.Generator, optional
        Draw the entries above the diagonal from a normal distribution.

    Returns
    -------
    ndarray, shape (n, n)

    Examples
    --------
    >>> nonnormal(0.9, 3, 5)
    array([[0.9, 5. , 5. ],
           [0. , 0.9, 5. ],
           [0. , 0. , 0.9]])
    """
    (n,) = positive_ints("n", [n])
    above = np.ones((n, n)) if rng is None else generator("rng", rng).standard_normal((n, n))
    return number("value", value) * np.eye(n) + number("off_diagonal", off_diagonal) * np.triu(above, 1)


def with_eigenvalues(values: Any, V: Any = None) -> np.ndarray:
    """A real matrix with these eigenvalues: V B V⁻¹, where B has them in blocks along its diagonal.

    A real λ is a block of its own. A pair r e^(±iθ) is the 2 × 2 block that turns by θ and stretches by r.

    Parameters
    ----------
    values : array_like of complex, shape (n,)
        With every λ that is not real, its conjugate. Blocks come in the order in which the λ of Im λ ≥ 0 stand.
    V : array_like, shape (n, n), optional
        A real basis: a real λ acts on one column, a pair on two neighboring ones. Without it W is B itself. An
        orthogonal V (`livegrad.initializers.orthogonal`) makes W normal.

    Returns
    -------
    ndarray, shape (n, n)

    Raises
    ------
    ValueError
        If a conjugate is missing, or V is singular.

    Examples
    --------
    >>> with_eigenvalues([2j, -2j, 3])
    array([[ 0., -2.,  0.],
           [ 2.,  0.,  0.],
           [ 0.,  0.,  3.]])
    """
    try:
        values = np.atleast_1d(np.asarray(values, dtype=complex))
    except (TypeError, ValueError):
        fail("values", "complex numbers", repr(values))
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        fail("values", "one or more finite complex numbers in a row", values)
    upper, lower = values[values.imag > 0], values[values.imag < 0]
    if sorted(upper, key=_parts) != sorted(lower.conj(), key=_parts):
        fail("values", "with every complex number its conjugate", values)
    B, at = np.zeros((len(values), len(values))), 0
    for value in values[values.imag >= 0]:
        if value.imag > 0:
            B[at:at + 2, at:at + 2] = [[value.real, -value.imag], [value.imag, value.real]]
        else:
            B[at, at] = value.real
        at += 2 if value.imag > 0 else 1
    if V is None:
        return B
    V = _finite("V", V, (len(values), len(values)))
    try:
        return np.linalg.solve(V.T, (V @ B).T).T
    except np.linalg.LinAlgError:
        fail("V", "an invertible matrix", "a singular one")


def product_singular_values(matrices: Iterable[Any], depths: Sequence[int] | None = None) -> np.ndarray:
    """log₁₀ of the singular values of W_l ⋯ W_2 W_1, also of those that float64 rounds away.

    Multiply a hundred matrices and ask for the singular values of the product, and all below 1e-16 of the largest one
    are rounding noise. Here the product is kept as Q D T with Q orthogonal, D diagonal and stored as logarithms, and T
    well-conditioned; each factor is taken in by a QR decomposition (the way Lyapunov exponents are computed: Benettin
    et al. 1980; Eckmann & Ruelle 1985). A few QR steps more bring D near the singular values, and the rest is
    done window by window, each narrow enough for float64.

    Parameters
    ----------
    matrices : iterable of array_like, each of shape (n, n)
        W_1 first. Invertible. A generator is read once and never held as a whole.
    depths : sequence of int, optional
        The l wanted, 1 … L, ascending. None gives all.

    Returns
    -------
    ndarray, shape (len(depths), n)
        Largest first.

    Raises
    ------
    ValueError
        If a matrix is singular, or there are fewer than asked for.

    Examples
    --------
    >>> product_singular_values([[[1, 0], [0, 1e-200]]] * 2)
    array([[   0., -200.],
           [   0., -400.]])
    """
    wanted = None if depths is None else positive_ints("depths", depths)
    if wanted and any(b <= a for a, b in pairwise(wanted)):
        fail("depths", "ascending numbers", depths)
    Q, spectra = None, []
    for depth, W in enumerate(islice(matrices, wanted and wanted[-1]), start=1):
        if Q is None:
            Q = np.eye(len(_square(W)))
            logs, T = np.zeros(len(Q)), Q
        order = np.argsort(-logs, kind="stable")
        Q, R = np.linalg.qr(_finite("matrices", W, Q.shape) @ Q[:, order])
        logs, M = _pull_out(R, logs[order])
        T = M @ T[order]
        if wanted is None or depth in wanted:
            spectra.append(_graded_singular_values(logs, T))
    if len(spectra) < len(wanted or [1]):
        fail("matrices", f"{wanted[-1] if wanted else 1} or more matrices", "fewer")
    return np.array(spectra) / math.log(10)


def gaussian_lyapunov_exponents(n: int, weight_scale: float = 1.0) -> np.ndarray:
    """What one layer adds to the logarithm of each singular value in a long product of Gaussian matrices.

    For independent n × n matrices with entries of standard deviation weight_scale/√n, (1/L) ln σ_i of the product of
    L of them tends to

        μ_i = ln weight_scale + ½ [ln(2/n) + ψ((n − i + 1)/2)],   i = 1 … n,

    with ψ the digamma function (Newman 1986). For i = 1 and large n it is near ln weight_scale − 1/(2n); the last one
    is lower by about ½ ln n + 0.63.

    Parameters
    ----------
    n : int
    weight_scale : float
        Positive.

    Returns
    -------
    ndarray, shape (n,)
        Natural logarithms per layer, largest first.

    Examples
    --------
    >>> gaussian_lyapunov_exponents(2).round(4)
    array([-0.2886, -0.9818])
    """
    (n,) = positive_ints("n", [n])
    digamma = np.empty(n)  # ψ(k/2) for k = 1 … n, from ψ(1/2), ψ(1) and ψ(z + 1) = ψ(z) + 1/z
    for k in range(1, n + 1):
        digamma[k - 1] = digamma[k - 3] + 2 / (k - 2) if k > 2 else -np.euler_gamma - (2 * math.log(2) if k == 1 else 0)
    return math.log(number("weight_scale", weight_scale, low=0, strict=True)) + (math.log(2 / n) + digamma[::-1]) / 2


def _finite(name: str, x: Any, shape: tuple[int | None, ...]) -> np.ndarray:
    x = floats(name, x, shape=shape, dtype=np.float64)
    return x if np.isfinite(x).all() else fail(name, "finite numbers", "inf or nan among them")


def _square(W: Any) -> np.ndarray:
    W = _finite("W", W, (None, None))
    return W if W.shape[0] == W.shape[1] > 0 else fail("W", "a square matrix", f"shape {W.shape}")


def _steps(t_max: Any) -> int:
    ok = isinstance(t_max, int | np.integer) and not isinstance(t_max, bool) and t_max >= 0
    return int(t_max) if ok else fail("t_max", "an integer from 0", repr(t_max))


def _parts(value: complex) -> tuple[float, float]:
    return value.real, value.imag


def _order(values: np.ndarray) -> np.ndarray:
    """Indices for the order of `eigenvalues`. Rounded keys make a tie of what differs by rounding only."""
    modulus = np.abs(values)
    modulus, angle = np.round(modulus / (modulus.max() or 1.0), 10), np.round(np.abs(np.angle(values)), 9)
    return np.lexsort((-values.imag, angle, -modulus))


def _powers(W: np.ndarray, x: np.ndarray, t_max: int) -> Iterator[tuple[np.ndarray, int]]:
    """x, W x, W² x, … each as an array with largest entry in [½, 1) and a power of two."""
    W, step = _normalized(W)
    exponent = 0
    for t in range(_steps(t_max) + 1):
        x, shift = _normalized(W @ x if t else x)
        exponent += shift + (step if t else 0)
        yield x, exponent


def _normalized(x: np.ndarray) -> tuple[np.ndarray, int]:
    exponent = math.frexp(np.abs(x).max())[1]
    return np.ldexp(x, -exponent), exponent


def _assemble(sizes: Iterator[tuple[float, int]], log10: bool) -> np.ndarray:
    mantissas, exponents = (np.array(column) for column in zip(*sizes, strict=True))
    with np.errstate(all="ignore"):  # beyond the ends of float64 0 and inf are the answer
        if log10:
            return np.log10(mantissas) + exponents * math.log10(2)
        return np.ldexp(mantissas, exponents)


def _pull_out(R: np.ndarray, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R D = D' M for upper triangular R and D = diag(exp(logs)), largest first: the logarithms of D', and M.

    M is upper triangular with ±1 on its diagonal. It stays moderate because D is sorted.
    """
    diagonal = np.diag(R)
    if not diagonal.all():
        fail("matrices", "invertible matrices", "a singular one")
    new = logs + np.log(np.abs(diagonal))
    above = np.tri(len(R), dtype=bool).T
    return new, R * np.exp(np.where(above, logs - new[:, np.newaxis], -np.inf))


def _graded_singular_values(logs: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Natural logarithms of the singular values of diag(exp(logs)) T, largest first, for well-conditioned T."""
    for _ in range(2):  # each brings T nearer to the unit matrix, the faster the wider the values lie apart
        order = np.argsort(-logs, kind="stable")
        logs, T = _pull_out(np.linalg.qr(T[order].T, mode="r"), logs[order])
    # Windows of 12 decades. In each, float64 is good for the upper 8; the first 4 of these the window before has given.
    n, start, done = len(logs), 0, 0
    level = -np.minimum.accumulate(logs) / math.log(10)
    found = np.empty(n)
    while done < n:
        start = int(np.searchsorted(level, level[done] - 4)) if done else 0
        stop, good = (int(np.searchsorted(level, level[start] + decades, side="right")) for decades in (12, 8))
        good = n if stop == n else max(good, done + 1)
        block = np.exp(logs[start:stop] - logs[start])[:, np.newaxis] * T[start:stop, start:stop]
        values = logs[start] + np.log(np.linalg.svd(block, compute_uv=False))
        found[done:good] = values[done - start:good - start]
        done = good
    return found
