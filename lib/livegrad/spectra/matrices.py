"""Matrices with the eigenvalues one asks for: normal ones, defective ones, and those in between."""

from __future__ import annotations

from typing import Any

import numpy as np

from livegrad.validation import fail, finite, generator, number, positive_ints

__all__ = ["jordan", "nonnormal", "with_eigenvalues"]


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
    if not np.array_equal(np.sort_complex(upper), np.sort_complex(lower.conj())):
        fail("values", "with every complex number its conjugate", values)
    B, at = np.zeros((len(values), len(values))), 0
    for value in values[values.imag >= 0]:
        n = 1 + int(value.imag > 0)
        B[at:at + n, at:at + n] = [[value.real, -value.imag], [value.imag, value.real]] if n == 2 else value.real
        at += n
    if V is None:
        return B
    V = finite("V", V, (len(values), len(values)))
    try:
        return np.linalg.solve(V.T, (V @ B).T).T
    except np.linalg.LinAlgError:
        fail("V", "an invertible matrix", "a singular one")
