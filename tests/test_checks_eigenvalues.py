"""The exercises of notebook 03: right answers in several styles pass, plausible wrong ones get their hint."""

from __future__ import annotations

import math

import answers
import numpy as np
import pytest

from livegrad.checks import eigenvalues
from livegrad.checks.eigenvalues import (
    check_corner,
    check_dominant_share,
    check_first_contraction,
    check_half_life,
    check_largest_modulus,
    check_power_by_eigen,
    check_rescale,
)

CHECKS = [getattr(eigenvalues, name) for name in eigenvalues.__all__]

# The students -------------------------------------------------------------------------------------


def moduli(W):
    return np.abs(np.linalg.eigvals(W))


def radius_by_characteristic_polynomial(W):
    return max(abs(root) for root in np.roots(np.poly(W)))


def radius_by_gelfand(W):
    """‖Wᵗ‖^(1/t) at t = 2²⁰, by squaring, with the size kept apart."""
    log = 0.0
    for k in range(20):
        size = np.linalg.norm(W)
        W, log = (W / size) @ (W / size), 2 * (log + math.log(size))
    return math.exp((log + math.log(np.linalg.norm(W))) / 2**20)


def half_life_by_bisection(rho):
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rho**middle > 0.5 else (low, middle)
    return low


def power_in_eigenbasis(W, t):
    values, V = np.linalg.eig(W)
    return (V @ np.diag(values**t) @ np.linalg.inv(V)).real


def power_by_solving(W, t):
    values, V = np.linalg.eig(W)
    return np.linalg.solve(V.T, (V * values**t).T).T.real


def power_loop(W, t):
    power = np.eye(len(W))
    for _ in range(t):
        power = W @ power
    return power


def power_from_ones(W, t):
    power = W.copy()
    for _ in range(t - 1):
        power = power @ W
    return power


def dominant_share_by_left_eigenvectors(W, x, t):
    values, V = np.linalg.eig(W)
    left = np.linalg.inv(V)
    sizes = [abs(left[i] @ x) * abs(values[i]) ** t * np.linalg.norm(V[:, i]) for i in range(len(x))]
    return sizes[int(np.argmax(np.abs(values)))] / sum(sizes)


def dominant_share_by_iteration(W, x, t):
    _, V = np.linalg.eig(W)
    for _ in range(t):
        x = W @ x
    parts = np.abs(np.linalg.solve(V, x))
    return parts[np.argmax(moduli(W))] / parts.sum()


def corner_by_power(a, b, c, t):
    return np.linalg.matrix_power(np.array([[a, c], [0, b]]), t)[0, 1]


def corner_loop(a, b, c, t):
    corner, lower = c, b
    for _ in range(t - 1):
        corner, lower = a * corner + c * lower, lower * b
    return corner


def contraction_loop(W):
    t, power = 1, W
    while np.linalg.svd(power, compute_uv=False)[0] >= 1:
        t, power = t + 1, power @ W
    return t


def contraction_by_gram(W):
    for t in range(1, 1000):
        power = np.linalg.matrix_power(W, t)
        if np.linalg.eigvalsh(power.T @ power).max() < 1:
            return t


RIGHT = [
    (check_largest_modulus, lambda W: np.max(np.abs(np.linalg.eigvals(W)))),
    (check_largest_modulus, lambda W: max(math.hypot(v.real, v.imag) for v in np.linalg.eig(W)[0])),
    (check_largest_modulus, radius_by_characteristic_polynomial),
    (check_largest_modulus, radius_by_gelfand),
    (check_half_life, lambda rho: math.log(0.5) / math.log(rho)),
    (check_half_life, lambda rho: -1 / np.log2(rho)),
    (check_half_life, half_life_by_bisection),
    (check_power_by_eigen, power_in_eigenbasis),
    (check_power_by_eigen, power_by_solving),
    (check_power_by_eigen, power_loop),
    (check_dominant_share, dominant_share_by_left_eigenvectors),
    (check_dominant_share, dominant_share_by_iteration),
    (check_corner, lambda a, b, c, t: c * (a**t - b**t) / (a - b)),
    (check_corner, corner_by_power),
    (check_corner, corner_loop),
    (check_first_contraction, contraction_loop),
    (check_first_contraction, contraction_by_gram),
    (check_rescale, lambda W, radius: radius * W / moduli(W).max()),
    (check_rescale, lambda W, radius: W / (radius_by_characteristic_polynomial(W) / radius)),
]


def eig(W):
    values, V = np.linalg.eig(W)
    return values, V, np.linalg.inv(V)


def complex_power(W, t):
    values, V, V_inv = eig(W)
    return V @ np.diag(values**t) @ V_inv


def in_basis(W, x, solve=lambda V, x: np.linalg.solve(V, x)):
    values, V = np.linalg.eig(W)
    return np.argmax(np.abs(values)), values, solve(V, x)


def share_by(combine, solve=np.linalg.solve):
    def answer(W, x, t):
        lead, values, c = in_basis(W, x, solve)
        return combine(values, c, t, lead)

    return answer


WRONG = [
    (check_largest_modulus, lambda W: np.linalg.svd(W)[1].max(), "That is the largest singular value"),
    (check_largest_modulus, lambda W: np.sqrt((W**2).sum()), "That is the Frobenius norm"),
    (check_largest_modulus, lambda W: np.linalg.eigvals(W).max(), "its modulus that counts"),
    (check_largest_modulus, lambda W: max(np.linalg.eigvals(W).real), "the largest real part"),
    (check_largest_modulus, lambda W: max(abs(np.linalg.eigvals(W).real)), "also holds the imaginary part"),
    (check_largest_modulus, lambda W: (moduli(W) ** 2).max(), "the square of the modulus"),
    (check_largest_modulus, lambda W: np.abs(np.linalg.eigvalsh(W)).max(), "takes the matrix for symmetric"),
    (check_largest_modulus, lambda W: moduli(W).min(), "which eigenvalue outlives the others?"),
    (check_largest_modulus, lambda W: moduli(W), "expected a single number"),
    (check_largest_modulus, lambda W: np.abs(W).max(), "The largest entry"),
    (check_half_life, lambda rho: math.log(rho) / math.log(0.5), "the wrong way round"),
    (check_half_life, lambda rho: math.ceil(math.log(0.5) / math.log(rho)), "may be a fraction"),
    (check_half_life, lambda rho: 1 / np.log2(rho), "the wrong sign"),
    (check_half_life, lambda rho: 0.5 / rho, "ρ stands to a power"),
    (check_half_life, lambda rho: 0.5 / (1 - rho), "a share of what is left"),
    (check_half_life, lambda rho: -1 / math.log(rho), "to fall to 1/e"),
    (check_half_life, lambda rho: -1 / math.log10(rho), "to fall to a tenth"),
    (check_power_by_eigen, lambda W, t: W**t, "the power of each entry"),
    (check_power_by_eigen, complex_power, "complex numbers, expected real numbers"),
    (check_power_by_eigen, lambda W, t: (eig(W)[2] @ np.diag(eig(W)[0] ** t) @ eig(W)[1]).real, "have changed places"),
    (check_power_by_eigen, lambda W, t: (eig(W)[1] @ np.diag(eig(W)[0] ** t) @ eig(W)[1].T).real, "perpendicular"),
    (check_power_by_eigen, lambda W, t: (eig(W)[1] * (t * eig(W)[0]) @ eig(W)[2]).real, "are multiplied by t"),
    (check_power_by_eigen, lambda W, t: (eig(W)[1] * moduli(W) ** t @ eig(W)[2]).real, "sign and their angle"),
    (check_power_by_eigen, lambda W, t: abs(eig(W)[1] * eig(W)[0] ** t @ eig(W)[2]), "takes the minus signs"),
    (check_power_by_eigen, lambda W, t: power_loop(W, t + 1), "one factor of W too many"),
    (check_power_by_eigen, lambda W, t: np.diag(np.linalg.eigvals(W) ** t).real, "go back to the old basis"),
    (check_dominant_share, share_by(lambda v, c, t, lead: abs(v**t * c)[0] / sum(abs(v**t * c))), "does not sort"),
    (check_dominant_share, share_by(lambda v, c, t, lead: abs(v**t * c)[lead] / sum(abs(v**t * c)),
                                    lambda V, x: V.T @ x), "only if the eigenvectors are perpendicular"),
    (check_dominant_share, share_by(lambda v, c, t, lead: (v**t * c)[lead] / sum(v**t * c)), "take sizes first"),
    (check_dominant_share, share_by(lambda v, c, t, lead: (v**t * c)[lead] ** 2 / sum((v**t * c) ** 2)), "of the squares"),
    (check_dominant_share, share_by(lambda v, c, t, lead: abs(c)[lead] / sum(abs(c))), "the share at the start"),
    (check_dominant_share, share_by(lambda v, c, t, lead: abs(v**t)[lead] / sum(abs(v**t))), "is missing"),
    (check_dominant_share, share_by(lambda v, c, t, lead: abs(v**t * c)[lead]), "of all the sizes together"),
    (check_corner, lambda a, b, c, t: t * a ** (t - 1) * c, "when a and b are equal"),
    (check_corner, lambda a, b, c, t: c**t, "is not the entry of the power"),
    (check_corner, lambda a, b, c, t: c * (a**t - b**t), "divided by a difference"),
    (check_corner, lambda a, b, c, t: c * (a**t - b**t) / (b - a), "the wrong sign"),
    (check_corner, lambda a, b, c, t: sum(c * a**k * b ** (t - k) for k in range(t)), "of t factors one is c"),
    (check_first_contraction, lambda W: next(t for t in range(1, 99) if moduli(W).max() ** t < 1), "from the first step on"),
    (check_first_contraction, lambda W: next(t for t in range(1, 99) if np.linalg.norm(W**t, 2) < 1), "of each entry"),
    (check_first_contraction, lambda W: next(t for t in range(1, 99) if power_loop(W, t).max() < 1), "the largest entry"),
    (check_first_contraction, lambda W: contraction_loop(W) - 1, "one step too early"),
    (check_first_contraction, lambda W: contraction_loop(W) + 1, "one step too late"),
    (check_first_contraction, lambda W: next(t for t in range(1, 999) if np.linalg.norm(power_loop(W, t)) < 1),
     "the Frobenius norm, which is larger"),
    (check_rescale, lambda W, radius: radius * W / np.linalg.norm(W, 2), "the eigenvalues that should be"),
    (check_rescale, lambda W, radius: radius * W / np.linalg.norm(W), "Frobenius"),
    (check_rescale, lambda W, radius: radius * W, "forget the one W has"),
    (check_rescale, lambda W, radius: W / moduli(W).max(), "not in it yet"),
    (check_rescale, lambda W, radius: W * moduli(W).max() / radius, "upside down"),
    (check_rescale, lambda W, radius: radius * W / max(np.linalg.eigvals(W).real), "you divide by its real part"),
]  # fmt: skip


test_right_answers_pass, test_wrong_answers_get_their_hint, test_every_exercise_has_its_share_of_tests = answers.tests_of(
    CHECKS, RIGHT, WRONG)


@pytest.mark.parametrize(
    "check, answer, remark",
    [
        (check_power_by_eigen, power_from_ones, "at t = 0 every matrix gives the identity"),
        (check_corner, lambda a, b, c, t: c * (a**t - b**t) / (a - b), "at a = b it divides by zero"),
    ],
)
def test_an_answer_that_breaks_at_the_extremes_passes_with_a_remark(check, answer, remark):
    assert check(answer).status == "passed"
    assert remark in check(answer).message


@pytest.mark.parametrize("check", CHECKS, ids=repr)
def test_the_best_answers_pass_without_a_remark(check):
    assert check(check.reference).message.endswith("inputs.")
