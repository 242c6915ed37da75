"""Products of many different matrices: their singular values, and the Lyapunov exponents that these tend to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np

from livegrad.validation import fail, finite, number, positive_ints, square

__all__ = ["gaussian_lyapunov_exponents", "product_singular_values"]


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
            Q = np.eye(len(square("matrices", W)))
            logs, T = np.zeros(len(Q)), Q
        order = np.argsort(-logs, kind="stable")
        Q, R = np.linalg.qr(finite("matrices", W, Q.shape) @ Q[:, order])
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
    n, done = len(logs), 0
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
