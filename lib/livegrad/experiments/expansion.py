"""A gradient on its way back through a linear recurrent net, as a sum with one term for each eigenvalue."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from livegrad.initializers import orthogonal
from livegrad.rnn import RNN
from livegrad.spectra import Eigen, eigen, eigen_shares, spectral_radius, with_eigenvalues
from livegrad.validation import choice

__all__ = ["EIGENVALUES", "Expansion", "expansion"]

_MODULI = np.array([1.0, 0.9, 0.8, 0.65, 0.5, 0.3])
EIGENVALUES = {
    "real": _MODULI * [1, 1, -1, 1, 1, 1],
    "pair": np.concatenate([np.exp([0.5j, -0.5j]), _MODULI[2:]]),
}
"""Eigenvalues that `expansion` multiplies by the spectral radius."""


@dataclass(frozen=True)
class Expansion:
    """A gradient on its way back through a linear recurrent net, and the same as a sum over eigen-directions.

    Attributes
    ----------
    W : ndarray, shape (n, n)
    parts : Eigen
        Of Wᵀ: its eigenvalues λ_i and eigenvectors q_i.
    backward : ndarray, shape (T + 1, n)
        (Wᵀ)^ℓ g for ℓ = 0 … T, as `RNN.backward` computes it.
    expanded : ndarray, shape (T + 1, n)
        Σ c_i λ_i^ℓ q_i, with g = Σ c_i q_i.
    values : ndarray of complex, shape (k,)
        The eigenvalue of each direction; a pair is one direction.
    share : ndarray, shape (T + 1, k)
        Of each direction, |c_i λ_i^ℓ| over the sum of all of them.
    at : int
        The ℓ to look at.
    """

    W: np.ndarray
    parts: Eigen
    backward: np.ndarray
    expanded: np.ndarray
    values: np.ndarray
    share: np.ndarray
    at: int

    @cached_property
    def norm(self) -> np.ndarray:
        """‖(Wᵀ)^ℓ g‖, (T + 1,)."""
        return np.linalg.norm(self.backward, axis=1)

    @cached_property
    def radius(self) -> float:
        """ρ(W)."""
        return spectral_radius(self.W)

    @property
    def difference(self) -> float:
        """The largest ‖sum − backward pass‖ over ‖backward pass‖ among all ℓ."""
        return float((np.linalg.norm(self.expanded - self.backward, axis=1) / self.norm).max())


def expansion(kind: str, radius: float, off_diagonal: float, at: int, seed: int = 0, steps: int = 60) -> Expansion:
    """Send a random gradient of norm 1 back through h_t = W h_(t−1) + W_x x_t, in which every Jacobian is W.

    W = Q (B + N) Qᵀ with Q orthogonal, B block diagonal with the eigenvalues and N above the blocks. Without N and with real
    eigenvalues W is symmetric.

    Parameters
    ----------
    kind : str
        A key of `EIGENVALUES`.
    radius : float
        Spectral radius, positive.
    off_diagonal : float
        N has normal entries of this standard deviation over √n.
    at : int
        The ℓ to look at.
    seed : int
        Of Q, N and g.
    steps : int
        T.

    Returns
    -------
    Expansion

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> result = expansion("real", radius=0.9, off_diagonal=1.0, at=10)
    >>> result.difference < 1e-10, bool(result.share[-1, 0] > 0.99)
    (True, True)
    """
    values = radius * choice("kind", kind, EIGENVALUES)
    n = len(values)
    for_Q, for_N, for_g = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    Q, above, g = orthogonal((n, n), for_Q), np.triu(for_N.standard_normal((n, n)), 1), for_g.standard_normal(n)
    if np.iscomplexobj(values):
        above[0, 1] = 0  # inside the pair's block
    W = Q @ (with_eigenvalues(values) + off_diagonal / math.sqrt(n) * above) @ Q.T
    if kind == "real" and off_diagonal == 0:
        W = (W + W.T) / 2  # exactly
    g /= np.linalg.norm(g)
    parts, lags = eigen(W.T), np.arange(steps + 1)[:, np.newaxis]
    c = np.linalg.solve(parts.V, g.astype(complex))
    expanded = ((c * parts.values**lags) @ parts.V.T).real
    net = RNN(np.zeros((n, 1)), W, np.zeros(n), "linear")
    trace = net.forward(np.zeros((1, steps + 1, 1)))
    backward = net.backward(trace, g[np.newaxis, np.newaxis], steps=[-1]).dh[0, ::-1]
    shares = eigen_shares(W.T, g, steps)
    return Expansion(W, parts, backward, expanded, shares.values, shares.share, at)
