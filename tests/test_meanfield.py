"""The mean-field maps against closed forms, Monte Carlo and what finite nets do."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegrad import activations
from livegrad.activations import ACTIVATIONS
from livegrad.meanfield import MeanField, edge_of_chaos

SCALES = st.floats(0.1, 3.0)


@given(SCALES, st.floats(0, 1), st.floats(1e-6, 1e4))
def test_relu_is_half_a_linear_unit(weight_scale, bias_scale, q):
    """He et al. 2015: q ← σ_w² q/2 + σ_b² and χ₁ = σ_w²/2, whatever q."""
    net = MeanField(weight_scale, bias_scale, "relu")
    assert net.variance(q) == pytest.approx(weight_scale**2 * q / 2 + bias_scale**2, rel=1e-12)
    assert net.chi(q) == pytest.approx(weight_scale**2 / 2, rel=1e-12)


@given(st.floats(-1, 1), st.floats(1e-3, 1e3))
def test_relu_correlations_are_cho_and_sauls(c, q):
    """Cho & Saul 2009: the arc-cosine kernels of degree 1 and 0."""
    net, theta = MeanField(math.sqrt(2), activation="relu"), math.acos(c)
    assert net.correlation(c, q) == pytest.approx((math.sin(theta) + (math.pi - theta) * math.cos(theta)) / math.pi, abs=1e-12)
    assert net.correlation_slope(c, q) == pytest.approx((math.pi - theta) / math.pi, abs=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("q", [0.3, 4.0])
def test_the_integrals_agree_with_monte_carlo(name, q):
    phi, net, c = activations.get(name), MeanField(1.3, 0.4, name), 0.6
    z = np.random.default_rng(0).standard_normal((2, 400_000))
    u1 = math.sqrt(q) * z[0]
    u2 = math.sqrt(q) * (c * z[0] + math.sqrt(1 - c * c) * z[1])
    assert net.variance(q) == pytest.approx(1.69 * np.mean(phi(u1) ** 2) + 0.16, rel=0.01)
    assert net.chi(q) == pytest.approx(1.69 * np.mean(phi.derivative(u1) ** 2), rel=0.01)
    assert net.correlation(c, q) == pytest.approx((1.69 * np.mean(phi(u1) * phi(u2)) + 0.16) / net.variance(q), abs=0.01)
    assert net.correlation_slope(c, q) == pytest.approx(1.69 * np.mean(phi.derivative(u1) * phi.derivative(u2)), rel=0.01)


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu", "sigmoid"])
def test_correlation_one_and_the_slope_of_the_map(name):
    net, q = MeanField(1.4, 0.3, name), 0.9
    assert net.correlation(1.0, q) == pytest.approx(1, abs=1e-12)
    assert net.correlation_slope(1.0, q) == pytest.approx(net.chi(q), rel=1e-12)
    for c in (-0.5, 0.0, 0.7):  # d(covariance)/dc is q times the slope of the map at a fixed point
        numerical = (net.correlation(c + 1e-5, q) - net.correlation(c - 1e-5, q)) / 2e-5
        assert numerical * net.variance(q) / q == pytest.approx(net.correlation_slope(c, q), rel=1e-6)


@settings(max_examples=20)
@given(st.sampled_from(["tanh", "sigmoid", "selu"]), st.floats(0.3, 2.0), st.floats(0, 0.6), st.floats(0.01, 10))
def test_a_fixed_point_is_one_and_iteration_leads_there(name, weight_scale, bias_scale, start):
    net = MeanField(weight_scale, bias_scale, name)
    q = net.fixed_point(start)
    end = net.layers(start, 3000)[-1]
    if q == 0:
        assert end < 0.02
    elif math.isinf(q):
        assert end > 1e3 or net.layers(start, 2)[1] > start
    else:
        assert net.variance(q) == pytest.approx(q, rel=1e-9)
        assert end == pytest.approx(q, rel=0.2)


def test_fixed_points_of_the_course():
    assert MeanField(1.0, activation="tanh").fixed_point() == 0.0
    assert MeanField(1.0, activation="selu").fixed_point(5.0) == pytest.approx(1, rel=1e-9)  # Klambauer et al. 2017
    assert MeanField(1.0, 0.5, "relu").fixed_point() == pytest.approx(0.25 / (1 - 0.5), rel=1e-9)
    assert MeanField(math.sqrt(2), activation="relu").fixed_point(7.0) == 7.0


def test_xavier_tanh_decays_like_one_over_twice_the_layer():
    """tanh² z = z² − 2z⁴/3 + …, so q ← q − 2q² + …, and 1/q grows by 2 a layer."""
    q = MeanField(1.0, activation="tanh").layers(1.0, 10_001)
    assert q[10_000] * 2 * 10_000 == pytest.approx(1, rel=0.01)
    small = 1e-3
    assert MeanField(1.0).variance(small) == pytest.approx(small - 2 * small**2, abs=10 * small**3)


@pytest.mark.parametrize("weight_variance, bias_variance", [(1.0, 0.05), (1.5, 0.1), (2.5, 0.05), (3.5, 0.2)])
def test_the_correlation_settles_at_c_star_as_fast_as_xi_says(weight_variance, bias_variance):
    net = MeanField(math.sqrt(weight_variance), math.sqrt(bias_variance))
    q = net.fixed_point()
    c_star, xi = net.fixed_correlation(q), net.depth_scale()
    assert net.correlation(c_star, q) == pytest.approx(c_star, abs=1e-10)
    assert (c_star == 1.0) == (net.chi(q) <= 1)
    c, gaps = 0.5, []
    for _ in range(40):
        c = net.correlation(min(c, 1.0), q)
        gaps.append(abs(c - c_star))
    last = [g for g in gaps if g > 1e-8][-3:]
    assert last[-1] / last[-2] == pytest.approx(math.exp(-1 / xi), rel=0.05)


def test_schoenholz_meets_poole_at_the_edge():
    """On the edge χ₁ is 1 at the fixed point, and the depth scale has no end; it falls to both sides."""
    for q, weights, biases in zip([0.3, 1.0, 2.0], *edge_of_chaos([0.3, 1.0, 2.0]), strict=True):
        net = MeanField(math.sqrt(weights), math.sqrt(biases))
        assert net.fixed_point() == pytest.approx(q, rel=1e-9)
        assert net.chi(q) == pytest.approx(1, rel=1e-12)
        near = [MeanField(math.sqrt(weights * f), math.sqrt(biases)).depth_scale() for f in (0.8, 0.95, 1.05, 1.2)]
        assert near[0] < near[1] and near[3] < near[2] and near[1] > 20 and near[2] > 20


def test_without_a_fixed_point_there_is_no_depth_scale():
    assert math.isnan(MeanField(0.9).depth_scale()) and math.isnan(MeanField(2.0, activation="relu").depth_scale())


def test_a_wide_net_follows_the_maps():
    """Two inputs through 6 layers of 2000 tanh units."""
    rng, (sw, sb, c) = np.random.default_rng(0), (1.6, 0.3, 0.2)
    net, n = MeanField(sw, sb), 2000
    first = rng.standard_normal((2, n))
    z = net.fixed_point() ** 0.5 * np.stack([first[0], c * first[0] + math.sqrt(1 - c * c) * first[1]])
    for _ in range(6):
        z = np.tanh(z) @ rng.standard_normal((n, n)).T * (sw / math.sqrt(n)) + sb * rng.standard_normal(n)
        c = net.correlation(c, net.fixed_point())
    assert np.mean(z**2) == pytest.approx(net.fixed_point(), rel=0.05)
    assert np.corrcoef(z)[0, 1] == pytest.approx(c, abs=0.05)


@pytest.mark.parametrize("call, words", [
    (lambda: MeanField(-1.0), "weight_scale: expected"),
    (lambda: MeanField(1.0, math.nan), "bias_scale: expected"),
    (lambda: MeanField(1.0, activation="cubic"), "activation: expected one of"),
    (lambda: MeanField(1.0).fixed_point(0.0), "start: expected"),
    (lambda: MeanField(1.0).correlation(1.5, 1.0), "c: expected"),
    (lambda: MeanField(1.0).correlation(0.5, 0.0), "q: expected"),
    (lambda: MeanField(1.0).layers(-1.0, 3), "q: expected"),
])
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
