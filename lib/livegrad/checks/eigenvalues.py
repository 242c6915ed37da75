"""The exercises of notebook 03, the eigenvalues of Wᵗ.

A reference calls the library where that has the formula, and writes it out where it does not. All answers are
real: where eigenvalues are complex, their modulus or the real matrix they come from is asked for.
"""

from __future__ import annotations

import numpy as np

from livegrad import spectra
from livegrad.checks.grading import Exercise

__all__ = [
    "check_corner",
    "check_dominant_share",
    "check_first_contraction",
    "check_half_life",
    "check_largest_modulus",
    "check_power_by_eigen",
    "check_rescale",
]


def _turn(modulus: float, degrees: float) -> np.ndarray:
    """The rotation by an angle, times the modulus of its two eigenvalues."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return modulus * np.array([[c, -s], [s, c]])


def largest_modulus(W):
    return spectra.spectral_radius(W)


check_largest_modulus = Exercise(
    largest_modulus,
    "(n,n)->()",
    cases=lambda rng: [
        (np.array(W),)
        for W in (
            [[0.5, 1.0], [0.0, -0.9]],
            [[0.0, -2.0], [1.0, 0.0]],
            [[0.6, -0.8, 0.3], [0.8, 0.6, 0.1], [0.0, 0.0, 0.7]],
            rng.normal(size=(4, 4)).round(1),
        )
    ],
    wrong={
        "That is the largest singular value. It is never smaller than the spectral radius, and here it is larger.":
            lambda W: np.linalg.norm(W, 2),
        "That is the Frobenius norm; the spectral radius comes from the eigenvalues.":
            np.linalg.norm,
        "An eigenvalue can be negative or complex, and then it is its modulus that counts.":
            lambda W: np.max(np.linalg.eigvals(W)),
        "That is the largest real part. A complex eigenvalue is longer than its real part.":
            lambda W: np.linalg.eigvals(W).real.max(),
        "You take the size of the real part only; the modulus also holds the imaginary part.":
            lambda W: np.abs(np.linalg.eigvals(W).real).max(),
        "The sum of real and imaginary part is not the modulus: think of Pythagoras.":
            lambda W: max(abs(v.real) + abs(v.imag) for v in np.linalg.eigvals(W)),
        "That is the square of the modulus.":
            lambda W: np.max(np.abs(np.linalg.eigvals(W)) ** 2),
        "`eigvalsh` looks at one triangle only and takes the matrix for symmetric. This one is not.":
            lambda W: np.abs(np.linalg.eigvalsh(W)).max(),
        "That is the smallest modulus; which eigenvalue outlives the others?":
            lambda W: np.abs(np.linalg.eigvals(W)).min(),
        "That is the first eigenvalue NumPy lists; it does not sort them.":
            lambda W: np.abs(np.linalg.eigvals(W))[0],
        "The mean of the moduli does not decide; one of them does.":
            lambda W: np.abs(np.linalg.eigvals(W)).mean(),
        "The largest entry of W says little about its eigenvalues.":
            lambda W: np.abs(W).max(),
    },
)
"""max |λ|."""


def half_life(rho):
    return np.log(0.5) / np.log(rho)


check_half_life = Exercise(
    half_life,
    "()->()",
    cases=lambda rng: [(0.9,), (0.99,), (0.3,), (0.7,)],
    wrong={
        "The steps may be a fraction here: leave the number as it is.":
            lambda rho: np.ceil(half_life(rho)),
        "The two logarithms are the wrong way round.":
            lambda rho: 1 / half_life(rho),
        "You divide ½ by ρ; but the steps multiply, so ρ stands to a power.":
            lambda rho: 0.5 / rho,
        "Each step takes a share of what is left, not of what there was at the start.":
            lambda rho: 0.5 / (1 - rho),
        "1/(1 − ρ) is about how long it takes to fall to 1/e, and only for ρ near 1.":
            lambda rho: 1 / (1 - rho),
        "That is how long it takes to fall to 1/e = 0.37.":
            lambda rho: -1 / np.log(rho),
        "That is how long it takes to fall to a tenth.":
            lambda rho: -1 / np.log10(rho),
        "That is the root that halves something once; count the steps of size ρ instead.":
            lambda rho: 0.5**rho,
        "You take ½ to the power ρ's logarithm; solve ρᵗ = ½ for t.":
            lambda rho: 0.5 ** np.log(rho),
    },
)
"""The t at which ρᵗ = ½."""


def power_by_eigen(W, t):
    return np.linalg.matrix_power(W, t)


def _recombined(recombine):
    """The mistake of putting W^t together wrongly from eigenvalues and eigenvectors, real part at the end."""

    def mistaken(W, t):
        values, V = np.linalg.eig(W)
        return np.real(recombine(values, V, np.linalg.inv(V), t))

    return mistaken


check_power_by_eigen = Exercise(
    power_by_eigen,
    "(n,n),()->(n,n)",
    cases=lambda rng: [
        (np.array([[0.8, 0.5], [0.1, 0.6]]), 5),
        (np.array([[0.5, 1.0, 0.2], [0.0, -0.9, 0.3], [0.4, 0.0, 0.7]]), 3),
        (_turn(0.9, 50), 4),
        (_turn(1.1, 50) + np.array([[0.0, 0.4], [0.0, 0.0]]), 7),
    ],
    wrong={
        "`**` takes the power of each entry; a matrix power multiplies whole matrices.":
            lambda W, t: W**t,
        "V and its inverse have changed places: NumPy's columns of V are the eigenvectors.":
            _recombined(lambda values, V, V_inv, t: V_inv @ np.diag(values**t) @ V),
        "Vᵀ undoes V only if the eigenvectors are perpendicular; these are not.":
            _recombined(lambda values, V, V_inv, t: V @ np.diag(values**t) @ V.T),
        "The conjugate transpose undoes V only if the eigenvectors are perpendicular; these are not.":
            _recombined(lambda values, V, V_inv, t: V @ np.diag(values**t) @ V.conj().T),
        "The eigenvalues are multiplied by t; a power of them is wanted.":
            _recombined(lambda values, V, V_inv, t: V @ np.diag(values * t) @ V_inv),
        "The modulus of the eigenvalues loses their sign and their angle.":
            _recombined(lambda values, V, V_inv, t: V @ np.diag(np.abs(values) ** t) @ V_inv),
        "You drop the imaginary parts too early: they cancel only when all three factors are multiplied.":
            _recombined(lambda values, V, V_inv, t: V.real @ np.diag(values.real**t) @ V_inv.real),
        "The powers of the eigenvalues are complex, and you drop their imaginary parts before the product.":
            _recombined(lambda values, V, V_inv, t: V @ np.diag((values**t).real) @ V_inv),
        "`abs` takes the minus signs from the entries. The imaginary parts cancel by themselves; only drop them.":
            _recombined(lambda values, V, V_inv, t: np.abs(V @ np.diag(values**t) @ V_inv)),
        "That is the diagonal matrix in the middle; go back to the old basis.":
            _recombined(lambda values, V, V_inv, t: np.diag(values**t)),
        "That is W itself: the power is missing.":
            lambda W, t: W,
        "That is one factor of W too many.":
            lambda W, t: np.linalg.matrix_power(W, t + 1),
        "That is one factor of W too few.":
            lambda W, t: np.linalg.matrix_power(W, t - 1),
        "That is the power of Wᵀ, the way of the gradient; here the power of W is asked for.":
            lambda W, t: np.linalg.matrix_power(W, t).T,
    },
    stretch={
        "One thing more: at t = 0 every matrix gives the identity, and yours does not.":
            (np.array([[0.8, 0.5], [0.1, 0.6]]), 0),
    },
)
"""Wᵗ of a matrix that has an eigenbasis, as a real array."""


def dominant_share(W, x, t):
    return spectra.eigen_shares(W, x, t).share[t, 0]


def _shares(parts):
    return np.abs(parts) / np.abs(parts).sum()


def _shared(shares, which=lambda values: np.argmax(np.abs(values))):
    """The mistake of computing shares wrongly from the eigenvalues, V, x and t, or picking a wrong one."""

    def mistaken(W, x, t):
        values, V = np.linalg.eig(W)
        return shares(values, V, x, t)[which(values)]

    return mistaken


def _all_shares(values, V, x, t):
    return _shares(values**t * np.linalg.solve(V, x))


check_dominant_share = Exercise(
    dominant_share,
    "(n,n),(n),()->()",
    cases=lambda rng: [
        (np.array([[0.5, 0.3], [0.2, 0.8]]), np.array([1.0, -0.5]), 3),
        (np.array([[0.4, 1.0, 0.5], [0.0, -0.9, 0.2], [0.0, 0.0, 0.6]]), np.array([1.0, 0.1, -1.0]), 4),
        (np.array([[0.7, 0.0], [1.0, -1.1]]), np.array([2.0, 1.0]), 1),
        (np.array([[0.7, 0.2], [0.1, 0.3]]), np.array([0.0, 1.0]), 0),
    ],
    wrong={
        "The coefficients of x are V⁻¹x: Vᵀx gives them only if the eigenvectors are perpendicular.":
            _shared(lambda values, V, x, t: _shares(values**t * (V.T @ x))),
        "You write V x where the coefficients of x are needed: which c solves V c = x?":
            _shared(lambda values, V, x, t: _shares(values**t * (V @ x))),
        "That is a share of the squares; add up the sizes themselves.":
            _shared(lambda values, V, x, t: _shares((values**t * np.linalg.solve(V, x)) ** 2)),
        "The parts can have opposite signs, and then their plain sum says nothing: take sizes first.":
            _shared(lambda values, V, x, t: (c := values**t * np.linalg.solve(V, x)) / c.sum()),
        "You divide by the length of Wᵗx. The parts are not perpendicular, so their sizes do not add up to it.":
            _shared(lambda values, V, x, t: np.abs(c := values**t * np.linalg.solve(V, x)) / np.linalg.norm(V @ c)),
        "That is the size of the dominant part. A share is what it is of all the sizes together.":
            _shared(lambda values, V, x, t: np.abs(values**t * np.linalg.solve(V, x))),
        "That is the share at the start; t multiplications come after.":
            _shared(lambda values, V, x, t: _shares(np.linalg.solve(V, x))),
        "The eigenvalue is multiplied by t; it stands to the power t.":
            _shared(lambda values, V, x, t: _shares(values * t * np.linalg.solve(V, x))),
        "That is the share among the eigenvalues; how much of each direction x holds is missing.":
            _shared(lambda values, V, x, t: _shares(values**t)),
        "That is the direction NumPy lists first; it does not sort them.":
            _shared(_all_shares, lambda values: 0),
        "You pick the largest eigenvalue by its sign; the dominant one has the largest modulus.":
            _shared(_all_shares, np.argmax),
        "You pick the direction that is largest in Wᵗx. The dominant one is told by its eigenvalue.":
            lambda W, x, t: _all_shares(*np.linalg.eig(W), x, t).max(),
        "That is what the other directions hold.":
            lambda W, x, t: 1 - dominant_share(W, x, t),
    },
)
"""The share of the dominant eigen-direction in Wᵗx, for real eigenvalues of different modulus."""


def corner(a, b, c, t):
    return c * sum(a**k * b ** (t - 1 - k) for k in range(t))


check_corner = Exercise(
    corner,
    "(),(),(),()->()",
    cases=lambda rng: [(0.9, 0.5, 5.0, 3), (0.5, 0.9, 2.0, 4), (0.8, -0.6, 3.0, 5), (1.0, 0.4, 4.0, 2)],
    wrong={
        "`**` of an entry is not the entry of the power: multiply the matrix by itself once and look.":
            lambda a, b, c, t: c**t,
        "That is the corner when a and b are equal. Here they differ.":
            lambda a, b, c, t: t * a ** (t - 1) * c,
        "The mean of a and b is not enough: each of the t terms has its own share of a's and b's.":
            lambda a, b, c, t: t * ((a + b) / 2) ** (t - 1) * c,
        "Count the factors: of t factors one is c, and t − 1 are left for a and b.":
            lambda a, b, c, t: c * sum(a**k * b ** (t - k) for k in range(t)),
        "One term is missing: c can stand at the first, the second, … and at the t-th place.":
            lambda a, b, c, t: c * sum(a**k * b ** (t - 1 - k) for k in range(t - 1)),
        "The difference of the powers is right; it still has to be divided by a difference.":
            lambda a, b, c, t: c * (a**t - b**t),
        "A sum of the powers, over the sum: try t = 2, where the corner is c(a + b).":
            lambda a, b, c, t: c * (a**t + b**t) / (a + b),
        "a and b each keep all their factors in yours; they share t − 1 places.":
            lambda a, b, c, t: c * t * (a * b) ** (t - 1),
        "Only one of the t terms is there: the one with all the a's.":
            lambda a, b, c, t: c * a ** (t - 1),
        "Only one of the t terms is there: the one with all the b's.":
            lambda a, b, c, t: c * b ** (t - 1),
    },
    stretch={
        "One thing more: at a = b it divides by zero, though the corner is finite there. A sum would do both.":
            (0.9, 0.9, 5.0, 10),
    },
)
"""The upper right entry of [[a, c], [0, b]] to the power t."""


def first_contraction(W):
    return 1 + np.argmax(spectra.powers_norm(W, 200)[1:] < 1)


def _first(true):
    """The first t ≥ 1 at which it is true."""
    return next(t for t in range(1, 200) if true(t))


check_first_contraction = Exercise(
    first_contraction,
    "(n,n)->()",
    cases=lambda rng: [
        (np.array([[0.9, 0.9], [0.0, 0.9]]),),
        (np.array([[0.9, 0.0], [0.0, -0.8]]),),
        (np.eye(3) * 0.8 + np.triu(np.full((3, 3), 0.9), 1),),
        (np.array([[0.6, -0.4, 0.5], [0.4, 0.6, 0.5], [0.0, 0.0, 0.5]]),),
        (np.array([[0.5, 3.0], [0.0, 0.6]]),),
    ],
    wrong={
        "ρᵗ is below 1 from the first step on. The norm of the power is another matter: form it.":
            lambda W: _first(lambda t: np.abs(np.linalg.eigvals(W)).max() ** t < 1),
        "`**` takes the power of each entry; a matrix power multiplies whole matrices.":
            lambda W: _first(lambda t: np.linalg.norm(W**t, 2) < 1),
        "You look at the largest entry. Many entries below 1 can together lengthen a vector.":
            lambda W: _first(lambda t: np.abs(np.linalg.matrix_power(W, t)).max() < 1),
        "np.linalg.norm without the 2 is the Frobenius norm, which is larger.":
            lambda W: _first(lambda t: np.linalg.norm(np.linalg.matrix_power(W, t)) < 1),
        "np.linalg.norm(·, 1) is the largest column sum; the largest singular value is norm(·, 2).":
            lambda W: _first(lambda t: np.linalg.norm(np.linalg.matrix_power(W, t), 1) < 1),
        "np.linalg.norm(·, np.inf) is the largest row sum; the largest singular value is norm(·, 2).":
            lambda W: _first(lambda t: np.linalg.norm(np.linalg.matrix_power(W, t), np.inf) < 1),
        "Close: you stop one step too early.":
            lambda W: first_contraction(W) - 1,
        "Close: you stop one step too late.":
            lambda W: first_contraction(W) + 1,
        "You look for the peak; go on until the norm is below 1.":
            lambda W: max(range(1, 200), key=lambda t: np.linalg.norm(np.linalg.matrix_power(W, t), 2)),
    },
)
"""The first t ≥ 1 with ‖Wᵗ‖₂ < 1."""


def rescale(W, radius):
    return W * (radius / spectra.spectral_radius(W))


check_rescale = Exercise(
    rescale,
    "(n,n),()->(n,n)",
    cases=lambda rng: [
        (np.array([[0.5, 1.0], [0.0, -0.8]]), 0.9),
        (np.array([[0.0, -2.0], [1.0, 0.0]]), 1.0),
        (rng.normal(size=(3, 3)).round(1), 1.2),
    ],
    wrong={
        "Now the largest singular value is right; it is the eigenvalues that should be.":
            lambda W, radius: W * radius / np.linalg.norm(W, 2),
        "You divide by the Frobenius norm; the eigenvalues do not know it.":
            lambda W, radius: W * radius / np.linalg.norm(W),
        "You multiply by the radius that is wanted, and forget the one W has.":
            lambda W, radius: W * radius,
        "The radius that W has is gone, the one that is wanted is not in it yet.":
            lambda W, radius: W / np.abs(np.linalg.eigvals(W)).max(),
        "The ratio of the two radii is upside down.":
            lambda W, radius: W * np.abs(np.linalg.eigvals(W)).max() / radius,
        "Only the modulus of an eigenvalue counts; you divide by its real part.":
            lambda W, radius: W * radius / np.linalg.eigvals(W).real.max(),
        "Eigenvalues scale as W does: no root is needed.":
            lambda W, radius: W * np.sqrt(radius / np.abs(np.linalg.eigvals(W)).max()),
        "You add to W; adding shifts some eigenvalues and not others. Which operation scales them all?":
            lambda W, radius: W + (radius - np.abs(np.linalg.eigvals(W)).max()) * np.eye(len(W)),
        "The largest entry of W is not its radius.":
            lambda W, radius: W * radius / np.abs(W).max(),
    },
)
"""A multiple of W whose spectral radius is the one asked for."""
