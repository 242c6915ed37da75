"""What W^t does as t grows: its norm, and the share of each eigen-direction in W^t x."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from livegrad.spectra.decomposition import eigen
from livegrad.validation import fail, finite, square

__all__ = ["Shares", "eigen_shares", "powers_norm"]


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
    norms, exponents = (np.array(column) for column in zip(*_powers(square("W", W), t_max), strict=True))
    with np.errstate(all="ignore"):  # beyond the ends of float64 0 and inf are the answer
        return np.log10(norms) + exponents * math.log10(2) if log10 else np.ldexp(norms, exponents)


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
    x = finite("x", x, (len(parts.values),))
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


def _steps(t_max: Any) -> int:
    ok = isinstance(t_max, int | np.integer) and not isinstance(t_max, bool) and t_max >= 0
    return int(t_max) if ok else fail("t_max", "an integer from 0", repr(t_max))


def _powers(W: np.ndarray, t_max: int) -> Iterator[tuple[float, int]]:
    """‖W^t‖₂ for t = 0 … t_max, each as a number of moderate size and a power of two."""
    W, step = _normalized(W)
    P, exponent = _normalized(np.eye(len(W)))
    for t in range(_steps(t_max) + 1):
        if t:
            P, shift = _normalized(W @ P)
            exponent += step + shift
        # The Gram matrix is a faster way to the largest singular value, and as exact for the largest one.
        yield math.sqrt(max(np.linalg.eigvalsh(P.T @ P)[-1], 0.0)), exponent


def _normalized(x: np.ndarray) -> tuple[np.ndarray, int]:
    exponent = math.frexp(np.abs(x).max())[1]
    return np.ldexp(x, -exponent), exponent
