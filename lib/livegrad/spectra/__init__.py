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

from livegrad.spectra.decomposition import Eigen, departure_from_normality, eigen, eigenvalues, spectral_norm, spectral_radius
from livegrad.spectra.lyapunov import gaussian_lyapunov_exponents, product_singular_values
from livegrad.spectra.matrices import jordan, nonnormal, with_eigenvalues
from livegrad.spectra.powers import Shares, eigen_shares, powers_norm

__all__ = ["Eigen", "Shares", "departure_from_normality", "eigen", "eigen_shares", "eigenvalues", "gaussian_lyapunov_exponents",
           "jordan", "nonnormal", "powers_norm", "product_singular_values", "spectral_norm", "spectral_radius", "with_eigenvalues"]
