"""Random weights: the same matrix many times, many once, and the spectra of their products."""

import math

import numpy as np
import pytest
from livegrad.experiments.random_weights import DEPTHS, RandomProduct, SharedWeights, jacobian_growth
from livegrad.spectra import eigenvalues, powers_norm, product_singular_values


# --- the same W against another each ---


@pytest.mark.parametrize("activation", ["linear", "tanh", "relu"])
def test_the_gradient_is_the_slope_of_the_net(activation):
    """One draw, checked by central differences through all steps, in float64."""
    draw = SharedWeights(seed=5, draws=1, steps=7, largest=6)
    result = draw.repeat(size=5, activation=activation, weight_scale=1.3)
    act = {"linear": lambda z: z, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[activation]
    h, g = draw._h[0, :5, 0].astype(float), draw._g[0, 0, :5].astype(float)

    def out(h, layers):
        for l in layers:
            h = act(1.3 / math.sqrt(5) * draw._W[l][0, :5, :5].astype(float) @ h)
        return g @ h / np.linalg.norm(g)

    for layers, band in (([0] * 7, result.same), (range(7), result.different)):
        slope = [(out(h + e, layers) - out(h - e, layers)) / 2e-6 for e in 1e-6 * np.eye(5)]
        assert band[1, -1] == pytest.approx(math.log10(np.linalg.norm(slope)), abs=1e-4)
        assert np.all(band[:, 0] == 0)


def test_the_weight_scale_only_stretches_where_slopes_do_not_see_it():
    draw = SharedWeights(seed=0, draws=11, steps=20, largest=10)
    for activation in ("linear", "relu"):
        one, two = (draw.repeat(size=8, activation=activation, weight_scale=s) for s in (1.0, 2.0))
        for a, b in ((one.same, two.same), (one.different, two.different)):
            np.testing.assert_allclose(b, a + np.arange(21) * math.log10(2), atol=1e-5)


def test_chance_adds_up_with_one_w_and_averages_out_with_many():
    """Width of the band over 201 nets: like t with the same W, like √t with another W_l at each step."""
    draw = SharedWeights(seed=0, draws=201, steps=60, largest=10)
    result = draw.repeat(size=10, activation="linear", weight_scale=1.0)
    t = np.arange(10, 61)
    for band, power in ((result.same, 1.0), (result.different, 0.5)):
        fitted = np.polyfit(np.log(t), np.log(result.spread(band)[t]), 1)[0]
        assert fitted == pytest.approx(power, abs=0.15)
    # Another W_l each: the spread of ln ‖g_t‖ is √(t/2n), and 8 of 10 lie within 2.56 standard deviations.
    assert result.spread(result.different)[60] == pytest.approx(2.56 * math.sqrt(60 / 20) / math.log(10), rel=0.2)


def test_a_dead_net_has_a_gradient_of_exactly_0():
    result = SharedWeights(seed=0, draws=31, steps=60, largest=4).repeat(size=2, activation="relu", weight_scale=1.0)
    assert np.all(result.different[:, -1] == -math.inf) and not np.isnan(result.same).any()


# --- slopes ---


def test_jacobian_growth_is_the_norm_of_the_jacobian():
    rng = np.random.default_rng(0)
    W, h = rng.standard_normal((4, 4)), rng.standard_normal(4)

    def out(h):
        for _ in range(5):
            h = np.tanh(W @ h)
        return h

    jacobian = np.stack([(out(h + e) - out(h - e)) / 2e-6 for e in 1e-6 * np.eye(4)], axis=1)
    assert jacobian_growth(W, h, "tanh", 5)[-1] == pytest.approx(math.log10(np.linalg.norm(jacobian, 2)), abs=1e-6)
    np.testing.assert_allclose(jacobian_growth(W, h, "linear", 300), powers_norm(W, 300, log10=True), atol=1e-9)
    assert jacobian_growth(W, -abs(h), "relu", 0).tolist() == [0]
    assert jacobian_growth(-np.eye(2), np.ones(2), "relu", 2).tolist() == [0, -math.inf, -math.inf]


# --- random matrices ---


def test_the_circular_law():
    result = RandomProduct(size=200, seed=0).spectra(weight_scale=1.5, depth=5, product=False)
    moduli = abs(result.values) / 1.5
    assert moduli[0] == pytest.approx(1, abs=0.1) and result.spectral_norm / 1.5 == pytest.approx(2, abs=0.1)
    for radius in (0.3, 0.5, 0.8):  # evenly over the disk
        assert np.mean(moduli < radius) == pytest.approx(radius**2, abs=0.06)
    assert np.isnan(result.product).all() and np.isfinite(result.predicted).all()


def test_the_product_is_measured_at_every_depth_and_stretched_by_the_scale():
    draw = RandomProduct(size=9, seed=3)
    assert not draw.computed
    result = draw.spectra(weight_scale=2.0, depth=20)
    assert draw.computed and result.depths.tolist() == [d for d in DEPTHS if d <= 20]
    wanted = product_singular_values([2.0 * W for W in draw.matrices()], result.depths.tolist())
    np.testing.assert_allclose(result.product, wanted[:, [0, 2, 4, 6, 8]].T, atol=1e-9)
    np.testing.assert_allclose(result.values, 2 * eigenvalues(next(draw.matrices())))
    np.testing.assert_allclose(result.orthogonal, result.depths * math.log10(2))


def test_a_deep_product_keeps_its_largest_and_loses_its_median():
    """n = 200, a hundred factors: the largest singular value is near 10, the median near 1e-15, the smallest below 1e-130."""
    for seed in range(3):
        largest, _, median, _, smallest = RandomProduct(size=200, seed=seed).spectra(1.0, 100).product[:, -1]
        assert 0 < largest < 2 and median == pytest.approx(-15.05, abs=0.6) and smallest < -130


@pytest.mark.parametrize("size", [3, 60])
def test_taking_five_factors_at_once_costs_nothing_that_is_shown(size):
    draw = RandomProduct(size, seed=1)
    one_by_one = product_singular_values(draw.matrices(), DEPTHS)
    np.testing.assert_allclose(draw.spectra(1.0, 100).product[[0, -1]], one_by_one.T[[0, -1]], atol=1e-8)
