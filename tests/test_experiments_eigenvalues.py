"""The measurements behind notebook 03."""

import math

import numpy as np
import pytest
from livegrad.experiments.eigenvalues import KINDS, TurningPlanes, hump, power_iteration
from livegrad.spectra import (
    eigen,
    eigen_shares,
    eigenvalues,
    powers_norm,
    spectral_norm,
    spectral_radius,
    with_eigenvalues,
)

CORNERS = [(0.9, 30, 0.8), (1.1, 90, 1.0), (0.5, 0, 0.5), (1.0, 180, 0.3), (1.5, 73, 0.0)]


# --- planes that turn ---


@pytest.mark.parametrize("size", [2, 3, 8, 21])
@pytest.mark.parametrize("radius, angle, rest", CORNERS)
def test_the_closed_form_is_the_norm_of_the_matrix_s_powers(size, radius, angle, rest):
    draw = TurningPlanes(seed=1, size=size)
    result, W = draw.powers(radius, angle, rest, steps=80), draw.matrix(radius, angle, rest)
    np.testing.assert_allclose(result.norm, powers_norm(W, 80, log10=True), atol=1e-9)
    applied = [np.linalg.norm(np.linalg.matrix_power(W, t) @ draw.x) for t in range(81)]
    np.testing.assert_allclose(result.applied, np.log10(applied), atol=1e-9)
    np.testing.assert_allclose(np.sort(abs(result.values)), np.sort(abs(eigenvalues(W))), atol=1e-7)
    assert result.spectral_norm == pytest.approx(spectral_norm(W)) and result.spectral_radius == pytest.approx(spectral_radius(W))
    assert np.all(result.norm >= result.radius - 1e-9)
    assert np.all(result.norm <= result.radius + math.log10(result.condition) + 1e-9)


def test_its_condition_is_that_of_the_eigenvectors():
    for size in (2, 9, 20):
        draw = TurningPlanes(seed=2, size=size)
        assert eigen(draw.matrix(0.9, 40, 0.8)).condition == pytest.approx(draw.powers(0.9, 40, 0.8).condition, rel=1e-6)


def test_moving_one_slider_moves_nothing_else():
    draw = TurningPlanes(seed=0, size=12)
    here = draw.powers(0.9, 30, 0.8)
    assert np.array_equal(draw.powers(0.9, 120, 0.8).values[2:], here.values[2:])
    larger = draw.powers(1.2, 30, 0.8)
    np.testing.assert_allclose(larger.norm - larger.radius, here.norm - here.radius, atol=1e-12)
    assert np.array_equal(draw.matrix(0.9, 30, 0.8), TurningPlanes(seed=0, size=12).matrix(0.9, 30, 0.8))
    assert abs(here.values[2]) == pytest.approx(0.72) and np.all(abs(here.values[4:]) <= 0.72 + 1e-12)


def test_tenfold_is_how_long_a_power_of_ten_takes():
    draw = TurningPlanes(seed=0, size=4)
    assert 0.9 ** draw.powers(0.9, 10, 0.5).tenfold == pytest.approx(0.1)
    assert 1.1 ** draw.powers(1.1, 10, 0.5).tenfold == pytest.approx(10)
    assert draw.powers(1.0, 10, 0.5).tenfold == math.inf and draw.powers(0.0, 10, 0.5).tenfold == 0
    nothing = draw.powers(0.0, 10, 0.5)
    assert nothing.norm[0] == 0 and np.all(nothing.norm[1:] == -math.inf)


# --- the hump ---


@pytest.mark.parametrize("kind", KINDS)
def test_the_off_diagonal_leaves_the_eigenvalues_where_they_are(kind):
    weak, strong = (hump(kind, 12, 0.9, c) for c in (0.1, 3.0))
    np.testing.assert_allclose(weak.moduli, strong.moduli, rtol=1e-9)
    assert weak.spectral_radius == pytest.approx(0.9)
    if kind in ("orthogonal", "identity"):
        assert np.array_equal(weak.W, strong.W) and weak.departure < 1e-7 and weak.condition == pytest.approx(1)
        np.testing.assert_allclose(weak.norm, weak.radius, atol=1e-9)
    else:
        assert strong.singular_values[0] > 2 > weak.singular_values[0]
        assert strong.departure == pytest.approx(30 * weak.departure, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("draft", [False, True])
def test_its_norms_are_those_of_the_powers(kind, draft):
    result = hump(kind, 9, 0.95, 2.0, seed=3, draft=draft)
    np.testing.assert_allclose(result.norm, powers_norm(result.W, 1200, log10=True)[result.t], atol=1e-8)
    assert result.t[0] == 0 and result.t[-1] == 1200 and np.all(np.diff(result.t) > 0)


def test_the_two_by_two_of_the_course():
    """[[.9, 5], [0, .9]]: radius .9, peak near 19, below 1 from t = 55 on."""
    result = hump("jordan", 2, 0.9, 5.0)
    norms = powers_norm([[0.9, 5.0], [0.0, 0.9]], 200)
    assert result.t[result.peak] == norms.argmax() == 9 and 10 ** result.norm[result.peak] == pytest.approx(norms.max())
    assert result.settled == np.flatnonzero(norms >= 1)[-1] + 1 == 55
    assert math.isinf(result.condition)


def test_every_eigenvalue_below_one_and_yet_eight_powers_of_ten():
    """n = 50, all |λ| = .9, normal entries of standard deviation .35 above the diagonal: at t = 40 near 1e8, in every draw."""
    for seed in range(10):
        norm = hump("triangular", 50, 0.9, 2.5, seed).norm
        assert np.all(np.abs(norm[[1, 10, 20, 40]] - [0.6, 3.5, 5.5, 8.5]) < [0.05, 0.3, 0.8, 1.5])


@pytest.mark.parametrize("kind, size, c", [("triangular", 50, 2.5), ("triangular", 20, 2.5), ("distinct", 20, 2.5), ("jordan", 10, 1.0)])
def test_peak_and_end_are_exact_between_the_grid_points(kind, size, c):
    result = hump(kind, size, 0.9, c)
    norms = powers_norm(result.W, 1200, log10=True)
    assert result.t[result.peak] == norms.argmax()
    assert result.settled == np.flatnonzero(norms >= 0)[-1] + 1


def test_peak_and_end_where_there_is_no_hump():
    assert hump("orthogonal", 10, 0.9, 0.0).peak == hump("orthogonal", 10, 1.0, 0.0).peak == 0
    assert hump("identity", 10, 0.9, 0.0).settled == 1 and hump("identity", 10, 1.0, 0.0).settled == math.inf
    assert hump("triangular", 10, 1.1, 1.0).t[hump("triangular", 10, 1.1, 1.0).peak] == 1200
    with pytest.raises(ValueError, match="kind"):
        hump("upper", 3, 0.9, 1.0)


# --- power iteration ---


@pytest.mark.parametrize("dominant", ["real", "pair"])
@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("seed", range(4))
def test_the_dominant_direction_takes_over_at_the_rate_of_the_ratio(dominant, size, seed):
    result = power_iteration(size, 0.8, dominant, start=40, seed=seed)
    np.testing.assert_allclose(result.share.sum(axis=1), 1)
    assert np.all(np.diff(result.share[:, 0]) >= -1e-12)
    if len(result.values) > 1:
        np.testing.assert_allclose(np.diff(np.log(result.share[:, 1] / result.share[:, 0])), math.log(0.8), atol=1e-9)
        assert 0 <= result.won - result.predicted < (1 + 1e-9 if len(result.values) == 2 else 6)
        assert result.off[-1] < 1e-3 < result.off[0]
    else:
        assert result.won == result.predicted == 0 and np.all(result.off < 1e-9)


def test_the_path_runs_along_v2_or_around():
    real = power_iteration(5, 0.7, "real", start=80, seed=1)
    np.testing.assert_allclose(real.path[0], [math.cos(math.radians(80)), math.sin(math.radians(80))])
    v2 = real.basis[:, 1]
    np.testing.assert_allclose(np.diff(real.path, axis=0) @ [-v2[1], v2[0]], 0, atol=1e-12)
    assert abs(real.path[-1, 1]) < 1e-8
    pair = power_iteration(5, 0.7, "pair", start=80, seed=1)
    np.testing.assert_allclose(pair.path[12:], pair.path[:-12], atol=1e-9)
    np.testing.assert_allclose(pair.path[6], -pair.path[0], atol=1e-9)
    assert pair.pair and not real.pair


def test_a_start_along_v2_holds_nothing_of_v1():
    for seed in range(10):
        turned = power_iteration(2, 0.8, "real", start=40, seed=seed).turned
        assert turned == pytest.approx(round(turned))
        result = power_iteration(4, 0.8, "real", start=round(turned), seed=seed)
        assert not result.share[:, 0].any() and result.won == result.predicted == math.inf


def test_its_shares_are_those_of_the_library():
    result = power_iteration(2, 0.8, "real", start=60, seed=3)
    W = with_eigenvalues(result.values, result.basis)
    shares = eigen_shares(W, result.path[0], 60)
    np.testing.assert_allclose(shares.share, result.share)
    np.testing.assert_allclose(shares.values, result.values)
    pair = power_iteration(3, 0.8, "pair", start=60, seed=3)
    shares = eigen_shares(with_eigenvalues([*pair.values[:1], pair.values[0].conj(), 0.8]), [0.6, 0.8, 2.0], 5).share
    np.testing.assert_allclose(shares[0], np.array([math.sqrt(2), 2]) / (math.sqrt(2) + 2))


@pytest.mark.parametrize("dominant", ["real", "pair"])
def test_equal_moduli_have_no_winner(dominant):
    result = power_iteration(3, 1.0, dominant, start=60, seed=0)
    two = result.share[:, :2] / result.share[:, :2].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(two, two[0] * np.ones((61, 1)))
    assert result.predicted == math.inf and result.pair == (dominant == "pair")
    nearly = power_iteration(3, 1.0 - 1e-9, dominant, start=60, seed=0)
    np.testing.assert_allclose(nearly.share, result.share, atol=1e-6)


def test_without_a_part_along_v2_the_next_direction_is_the_rival():
    result = power_iteration(4, 0.8, "real", start=0, seed=0)
    assert result.share[:, 1].max() == 0 and result.rival == 2
    assert 0 <= result.won - result.predicted < 2
    assert power_iteration(2, 0.8, "real", start=0, seed=0).rival is None
