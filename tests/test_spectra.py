"""Eigenvalues and powers against NumPy, against closed forms, and against what the theorems say."""

import math

import numpy as np
import pytest
from livegrad import spectra
from livegrad.initializers import orthogonal
from livegrad.spectra import (
    departure_from_normality,
    eigen,
    eigen_shares,
    eigenvalues,
    gaussian_lyapunov_exponents,
    jordan,
    nonnormal,
    powers_norm,
    product_singular_values,
    spectral_norm,
    spectral_radius,
    with_eigenvalues,
)


def gaussian(n, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal((n, n)) / math.sqrt(n)


# --- eigenvalues and singular values ---


@pytest.mark.parametrize("n", [1, 2, 3, 10, 50])
def test_radius_and_norm_are_the_largest_of_their_kind(n):
    W = gaussian(n, seed=n)
    assert spectral_radius(W) == pytest.approx(max(abs(np.roots(np.poly(W)))), rel=1e-6 if n < 20 else 0.05)
    assert spectral_norm(W) == pytest.approx(math.sqrt(np.linalg.eigvalsh(W.T @ W).max()))
    assert spectral_radius(W) <= spectral_norm(W) * (1 + 1e-12)
    assert spectral_radius(W.T) == pytest.approx(spectral_radius(W))


def test_eigenvalues_are_sorted_and_pairs_stay_together():
    values = eigenvalues(gaussian(31, seed=4))
    assert np.all(np.diff(abs(values)) < 1e-9)
    i = 0
    while i < len(values):
        if values[i].imag:
            assert values[i].imag > 0 and values[i + 1] == values[i].conj()
        i += 2 if values[i].imag else 1


def test_rounding_does_not_shuffle_eigenvalues_of_equal_modulus():
    rng = np.random.default_rng(1)
    W = orthogonal((12, 12), rng)
    np.testing.assert_allclose(eigenvalues(W), eigenvalues(W + 1e-14 * rng.standard_normal((12, 12))), atol=1e-11)
    assert eigenvalues(np.diag([-1.0, 1.0, 0.5])).tolist() == [1, -1, 0.5]


@pytest.mark.parametrize("W", [gaussian(7), np.diag([3.0, 1.0, 2.0]), [[2.0, 1.0], [1.0, 2.0]]])
def test_eigen_takes_a_matrix_apart(W):
    parts = eigen(W)
    np.testing.assert_allclose(parts.V @ np.diag(parts.values) @ np.linalg.inv(parts.V), W, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(parts.V, axis=0), 1)
    np.testing.assert_allclose(parts.values, eigenvalues(W), atol=1e-12)
    assert parts.condition == pytest.approx(np.linalg.cond(parts.V)) and not parts.defective


def test_a_normal_matrix_has_condition_1():
    rng = np.random.default_rng(0)
    for W in (orthogonal((9, 9), rng), np.eye(4), np.ones((3, 3)), with_eigenvalues([1j, -1j, 0.3], orthogonal((3, 3), rng))):
        assert eigen(W).condition == pytest.approx(1, abs=1e-9)
        assert departure_from_normality(W) < 1e-7


@pytest.mark.parametrize("a, b, c", [(0.9, 0.5, 5.0), (2.0, -1.0, 0.1), (1.0, 0.999, 1.0)])
def test_condition_of_two_oblique_eigenvectors(a, b, c):
    """(1, 0) and (c, b − a): unit vectors at an angle of cosine k have condition √((1 + k)/(1 − k))."""
    k = c / math.hypot(c, a - b)
    assert eigen([[a, c], [0, b]]).condition == pytest.approx(math.sqrt((1 + k) / (1 - k)), rel=1e-9)


def test_defective_and_nearly_defective():
    for n in (2, 5, 20):
        for c in (5.0, 0.3, 1e-3):
            assert eigen(jordan(0.9, n, c)).defective and eigen(nonnormal(0.9, n, c, np.random.default_rng(n))).defective
    # Turned, it is defective to rounding only: what is left to see is a condition near 1/√ε.
    Q = orthogonal((2, 2), np.random.default_rng(0))
    turned = eigen(Q @ jordan(0.9, 2, 5.0) @ Q.T)
    assert turned.defective or turned.condition > 1e6
    # The condition grows like the off-diagonal over the gap.
    for gap in (1e-2, 1e-6, 1e-10, 1e-14):
        nearly = eigen([[0.9, 5], [0, 0.9 - gap]])
        assert nearly.condition == pytest.approx(10 / gap, rel=0.02) and not nearly.defective


# --- powers ---


@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_norms_of_powers_agree_with_numpy(n):
    W = gaussian(n, seed=n, scale=1.1)
    powers = [np.linalg.matrix_power(W, t) for t in range(41)]
    np.testing.assert_allclose(powers_norm(W, 40), [np.linalg.norm(P, 2) for P in powers], rtol=1e-10)
    np.testing.assert_allclose(10 ** powers_norm(W, 40, log10=True), powers_norm(W, 40), rtol=1e-12)


@pytest.mark.parametrize("value, c", [(0.9, 5.0), (1.1, 5.0), (0.5, 1e-3), (1e-100, 1.0), (1e200, 1e200)])
def test_the_two_by_two_has_a_closed_form_beyond_both_ends_of_float64(value, c):
    """W^t = λ^t [[1, tc/λ], [0, 1]]. The norm of the unipotent part with corner b is b/2 + √(1 + b²/4)."""
    t = np.arange(3001)
    b = t * (c / value)
    wanted = t * math.log10(value) + np.log10(b / 2 + np.hypot(1, b / 2))
    np.testing.assert_allclose(powers_norm(jordan(value, 2, c), 3000, log10=True), wanted, atol=1e-9, rtol=1e-12)


def test_the_plain_norm_runs_out_where_float64_does():
    W = np.diag([1e3, 1.0])
    assert powers_norm(W, 200)[100] == pytest.approx(1e300) and powers_norm(W, 200)[200] == math.inf
    assert powers_norm(np.diag([1e-3, 0.0]), 200)[200] == 0
    assert powers_norm(W, 200, log10=True)[200] == pytest.approx(600)


def test_orthogonal_powers_stay_flat_and_nilpotent_ones_end():
    np.testing.assert_allclose(powers_norm(orthogonal((20, 20), np.random.default_rng(0)), 500), 1, rtol=1e-12)
    assert powers_norm(jordan(0.0, 4, 2.0), 5).tolist() == [1, 2, 4, 8, 0, 0]
    assert powers_norm(jordan(0.0, 4, 2.0), 5, log10=True)[4:].tolist() == [-math.inf, -math.inf]
    assert powers_norm([[0.3]], 0).tolist() == [1]


def test_the_theorems_hold():
    """ρ^t ≤ ‖W^t‖ ≤ ‖W‖^t, ‖W^t‖ ≤ cond(V) ρ^t, and ‖W^t‖^(1/t) → ρ (Gelfand)."""
    for seed in range(20):
        W = gaussian(2 + seed % 7, seed)
        t, logs = np.arange(2001), powers_norm(W, 2000, log10=True)
        radius, norm = math.log10(spectral_radius(W)), math.log10(spectral_norm(W))
        assert np.all(logs >= t * radius - 1e-9) and np.all(logs <= t * norm + 1e-9)
        assert np.all(logs <= t * radius + math.log10(eigen(W).condition) + 1e-9)
        assert logs[-1] / 2000 == pytest.approx(radius, abs=2e-3)


def test_powers_of_a_jordan_block_are_binomial():
    W = np.linalg.matrix_power(jordan(0.8, 6, 2.0), 9)
    for k in range(6):
        np.testing.assert_allclose(np.diag(W, k), math.comb(9, k) * 0.8 ** (9 - k) * 2.0**k)


def test_nonnormal_keeps_its_eigenvalues():
    for W in (nonnormal(0.9, 6, 3.0), nonnormal(0.9, 6, 3.0, np.random.default_rng(0))):
        assert np.all(eigenvalues(W) == 0.9) and np.all(np.tril(W, -1) == 0)
        assert departure_from_normality(W) == pytest.approx(np.linalg.norm(np.triu(W, 1)))
        Q = orthogonal((6, 6), np.random.default_rng(1))
        assert departure_from_normality(Q @ W @ Q.T) == pytest.approx(np.linalg.norm(np.triu(W, 1)), rel=1e-3)
    assert nonnormal(0.9, 200, 3.0, np.random.default_rng(0))[np.triu_indices(200, 1)].std() == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("values", [[0.5], [1j, -1j], [2, 0.5 - 0.5j, 0.5 + 0.5j, -1], [0, 0, 1 + 1j, 1 - 1j, 1 + 1j, 1 - 1j]])
def test_a_matrix_with_wanted_eigenvalues(values):
    V = np.random.default_rng(0).standard_normal((len(values), len(values)))
    for W in (with_eigenvalues(values), with_eigenvalues(values, V)):
        np.testing.assert_allclose(np.poly(W), np.poly(np.array(values)).real, atol=1e-9)
    np.testing.assert_allclose(with_eigenvalues(values, V) @ V, V @ with_eigenvalues(values), atol=1e-12)


# --- shares ---


def test_shares_are_those_of_the_expansion():
    W, x = with_eigenvalues([1.0, 0.7, -0.4], np.random.default_rng(2).standard_normal((3, 3))), np.array([0.3, -1.0, 2.0])
    values, V = np.linalg.eig(W)
    c = np.linalg.solve(V, x)
    shares = eigen_shares(W, x, 12)
    for t in range(13):
        parts = np.array([np.linalg.norm(c[i] * values[i]**t * V[:, i]) for i in np.argsort(-abs(values))])
        np.testing.assert_allclose(shares.share[t], parts / parts.sum(), rtol=1e-9)
        np.testing.assert_allclose(V @ (c * values**t), np.linalg.matrix_power(W, t) @ x, atol=1e-12)


def test_a_pair_is_one_direction_and_ratios_follow_the_eigenvalues():
    W = with_eigenvalues([0.9j, -0.9j, 0.6, 0.3 + 0.1j, 0.3 - 0.1j], np.random.default_rng(0).standard_normal((5, 5)))
    shares = eigen_shares(W, np.ones(5), 3000)
    np.testing.assert_allclose(shares.values, [0.9j, 0.6, 0.3 + 0.1j], atol=1e-12)
    np.testing.assert_allclose(shares.share.sum(axis=1), 1)
    ratios = shares.share[:20, 1] / shares.share[:20, 0]
    np.testing.assert_allclose(ratios[1:] / ratios[:-1], 0.6 / 0.9)
    assert shares.share[-1].tolist() == [1, 0, 0]


def test_shares_where_there_is_nothing_left():
    shares = eigen_shares([[0, 0], [0, 0.5]], [1, 0], 2)
    assert shares.share[0].tolist() == [0, 1] and np.isnan(shares.share[1:]).all()


# --- products ---


@pytest.mark.parametrize("n", [1, 2, 6, 30])
def test_shallow_products_agree_with_numpy(n):
    Ws = np.stack([gaussian(n, seed) for seed in range(4)])
    product = np.eye(n)
    for found, W in zip(product_singular_values(Ws), Ws, strict=True):
        product = W @ product
        np.testing.assert_allclose(found, np.log10(np.linalg.svd(product, compute_uv=False)), atol=1e-10)


@pytest.mark.parametrize("n, depth", [(2, 300), (10, 100), (40, 60)])
def test_singular_values_far_below_float64_are_found(n, depth):
    """W_l = U_l S_l U_(l−1)ᵀ multiply to U_L (Π S_l) U_0ᵀ: the singular values of the product are known."""
    rng = np.random.default_rng(n)
    bases = [orthogonal((n, n), rng) for _ in range(depth + 1)]
    logs = rng.uniform(-0.5, 0.5, (depth, n)) + np.linspace(0.3, -0.7, n)
    Ws = (bases[l + 1] @ np.diag(10 ** logs[l]) @ bases[l].T for l in range(depth))
    found = product_singular_values(Ws, [1, depth // 2, depth])
    for row, l in zip(found, (1, depth // 2, depth), strict=True):
        np.testing.assert_allclose(row, np.sort(logs[:l].sum(axis=0))[::-1], atol=1e-8)
    assert found[-1, -1] < -16 < found[-1, 0]


def test_determinant_and_inverse_agree():
    """Two exact laws that see the smallest singular values: their product is |det|, and the inverses have the reciprocals."""
    Ws = np.stack([gaussian(12, seed) for seed in range(80)])
    found = product_singular_values(Ws, [80])[0]
    assert found.sum() == pytest.approx(np.linalg.slogdet(Ws)[1].sum() / math.log(10), rel=1e-12)
    backward = np.linalg.inv(Ws)[::-1]
    np.testing.assert_allclose(product_singular_values(backward, [80])[0][::-1], -found, atol=1e-7)
    # The largest of the inverse product, float64 can see by itself.
    product = np.eye(12)
    for W in backward:
        product = W @ product
    assert -np.log10(np.linalg.norm(product, 2)) == pytest.approx(found[-1], abs=1e-7)


def test_newman_s_exponents_are_what_long_products_tend_to():
    n, depth = 5, 3000
    rng = np.random.default_rng(0)
    measured = product_singular_values((rng.standard_normal((n, n)) / math.sqrt(n) for _ in range(depth)), [depth])[0]
    np.testing.assert_allclose(measured * math.log(10) / depth, gaussian_lyapunov_exponents(n), atol=0.04)


def test_the_exponents_add_up_and_shift():
    """E ln|N(0, 1)| = −(γ + ln 2)/2 for n = 1; their sum is E ln|det|; a weight scale adds its logarithm."""
    assert gaussian_lyapunov_exponents(1)[0] == pytest.approx(-(np.euler_gamma + math.log(2)) / 2)
    dets = np.linalg.slogdet(np.random.default_rng(0).standard_normal((20000, 4, 4)) / 2)[1]
    assert gaussian_lyapunov_exponents(4).sum() == pytest.approx(dets.mean(), abs=4 * dets.std() / math.sqrt(len(dets)))
    np.testing.assert_allclose(gaussian_lyapunov_exponents(9, 2.0), gaussian_lyapunov_exponents(9) + math.log(2))
    first, *_, last = gaussian_lyapunov_exponents(200)
    assert first == pytest.approx(-1 / 400, rel=0.2) and first - last == pytest.approx(math.log(200) / 2 + 0.63, abs=0.01)


# --- bad input ---


@pytest.mark.parametrize("call", [
    lambda: spectral_radius([[1, 2, 3], [4, 5, 6]]), lambda: spectral_radius([[math.nan]]), lambda: spectral_norm([1, 2]),
    lambda: eigenvalues([[1j]]), lambda: eigen([]), lambda: powers_norm(np.eye(2), -1), lambda: powers_norm(np.eye(2), 2.0),
    lambda: eigen_shares(np.eye(2), [1, 2, 3], 4), lambda: eigen_shares(jordan(0.9, 3), np.ones(3), 4),
    lambda: eigen_shares(np.eye(2), [0, 0], 4), lambda: jordan(0.9, 0), lambda: jordan(math.inf, 2),
    lambda: nonnormal(0.9, 3, 1.0, rng=0), lambda: with_eigenvalues([1j, 1j]), lambda: with_eigenvalues([]),
    lambda: with_eigenvalues("W"), lambda: with_eigenvalues([1, 2], np.ones((2, 2))), lambda: with_eigenvalues([1, 2], np.eye(3)),
    lambda: product_singular_values([np.eye(2), np.zeros((2, 2))]), lambda: product_singular_values([np.eye(2), np.eye(3)]),
    lambda: product_singular_values([]), lambda: product_singular_values([np.eye(2)], [2]),
    lambda: product_singular_values([np.eye(2)] * 3, [2, 1]), lambda: gaussian_lyapunov_exponents(0),
    lambda: gaussian_lyapunov_exponents(3, 0.0), lambda: departure_from_normality(np.ones((2, 3)))])
def test_bad_input_is_refused_by_name(call):
    with pytest.raises(ValueError, match=r"^\w+: expected .*, got "):
        call()


def test_every_public_function_is_tested_here():
    assert set(spectra.__all__) - {"Eigen", "Shares"} <= set(globals())
