"""The product of two matrices, as fast as the place allows.

In the browser's own Python, NumPy has no BLAS. There the plain loop of `numpy.einsum` takes a bit more than half the time of
`numpy.dot`, and products are most of what a net's passes cost.
"""

from __future__ import annotations

import sys

import numpy as np

__all__ = ["dot"]

_NO_BLAS = sys.platform == "emscripten"


def dot(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The product of two matrices.

    Parameters
    ----------
    a : ndarray, shape (m, n)
    b : ndarray, shape (n, p)
    out : ndarray, shape (m, p), optional
        Where to write it.

    Returns
    -------
    ndarray, shape (m, p)

    Examples
    --------
    >>> dot(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    return np.einsum("mn,np->mp", a, b, out=out) if _NO_BLAS else np.dot(a, b, out=out)
