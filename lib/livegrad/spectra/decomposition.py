"""Eigenvalues, eigenvectors and singular values of one matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from livegrad.validation import finite, square

__all__ = ["Eigen", "departure_from_normality", "eigen", "eigenvalues", "spectral_norm", "spectral_radius"]


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
        If W is not a square matrix of finite real numbers, here and in all of `livegrad.spectra`.

    Examples
    --------
    >>> spectral_radius([[0.9, 5], [0, -0.5]])
    0.9
    """
    return float(np.abs(np.linalg.eigvals(square("W", W))).max())


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
    return float(np.linalg.norm(finite("W", W, (None, None)), 2))


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
    values = np.linalg.eigvals(square("W", W)).astype(complex)
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
    W = square("W", W)
    values, V = np.linalg.eigh(W) if np.array_equal(W, W.T) else np.linalg.eig(W)
    order = _order(values)
    values, V = values[order].astype(complex), V[:, order].astype(complex)
    sizes = np.linalg.svd(V, compute_uv=False)
    condition = max(float(sizes[0] / sizes[-1]), 1.0) if sizes[-1] else math.inf
    eps = np.finfo(float).eps
    if condition > eps**-0.5 and departure_from_normality(W) <= condition * len(W) * eps * np.linalg.norm(W):
        condition = math.inf
    return Eigen(values, V, condition)


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
    W = square("W", W)
    scale = np.abs(W).max() or 1.0
    rest = ((W / scale) ** 2).sum() - (np.abs(np.linalg.eigvals(W / scale)) ** 2).sum()
    return float(scale * math.sqrt(max(rest, 0.0)))


def _order(values: np.ndarray) -> np.ndarray:
    """Indices for the order of `eigenvalues`. Rounded keys make a tie of what differs by rounding only."""
    modulus = np.abs(values)
    modulus, angle = np.round(modulus / (modulus.max() or 1.0), 10), np.round(np.abs(np.angle(values)), 9)
    return np.lexsort((-values.imag, angle, -modulus))
