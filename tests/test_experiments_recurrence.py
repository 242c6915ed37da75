"""What recurrence does to gradients, against loops, closed forms, central differences and numpy.linalg."""

import math

import numpy as np
import pytest

from livegrad.experiments import recurrence
from livegrad.experiments.expansion import EIGENVALUES, expansion
from livegrad.experiments.recurrence import GAMMA, STARTS, gates, starts, statement
from livegrad.experiments.spike import _ordinary, spike
from livegrad.gradcheck import numerical_gradient

# --- the spike ---


def unit(w0, w1, b, x):
    """Outputs of o_t = ReLU(w₀ x_t + b + w₁ o_(t−1)), step by step."""
    o = [0.0]
    for x_t in x:
        o.append(max(w0 * x_t + b + w1 * o[-1], 0.0))
    return np.array(o[1:])


@pytest.mark.parametrize(("w1", "factor", "followed"), [(0.8, 100, "weights"), (1.1, 0.01, "bias"), (0.0, 50, "weights")])
def test_a_share_is_that_of_central_differences(w1, factor, followed):
    steps, at = 12, 4
    result = spike(factor, at, w1, followed, steps)
    usual, wrong = _ordinary(steps)
    spiked = usual.copy()
    spiked[at - 1] *= factor
    np.testing.assert_allclose(result.recurrent, [unit(1, w1, 0.1, spiked), unit(1, w1, 0.1, usual)], rtol=1e-12)
    which = [2] if followed == "bias" else [0, 1] if w1 else [0]
    for t in (2, at - 1, at, steps - 1):
        target = unit(1, w1, 0.1, usual)[t] - wrong[t]
        g, g0 = (numerical_gradient(lambda p, x=x: (unit(*p, x)[t] - target) ** 2 / 2, [1.0, w1, 0.1])[which]
                 for x in (spiked, usual))
        change, size = np.linalg.norm(g - g0), np.linalg.norm(g0)
        assert result.share[t] == pytest.approx(change / (change + size), abs=1e-6)


def test_a_spike_stays_by_powers_of_the_recurrent_weight_and_leaves_a_feedforward_net_at_once():
    result = spike(factor=1000, at=5, recurrent_weight=0.9)
    excess = result.recurrent[0] - result.recurrent[1]
    np.testing.assert_allclose(excess[4:], excess[4] * 0.9 ** np.arange(36), rtol=1e-9)
    assert np.flatnonzero(result.feedforward_share).tolist() == [4] and result.feedforward_drowned == 1
    assert not result.share[:4].any() and (result.share[4:] > 0).all()
    counts = [spike(100, 5, w).drowned for w in (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)]
    assert counts == sorted(counts) and counts[0] == 1 and counts[-1] == 36
    assert not spike(1, 5, 0.9).share.any() and spike(1, 5, 0.9).drowned == 0


def test_there_is_no_other_gradient_to_follow():
    with pytest.raises(ValueError, match="followed: expected one of"):
        spike(10, 5, 0.9, "all")


# --- eigen-directions ---


@pytest.mark.parametrize("kind", EIGENVALUES)
@pytest.mark.parametrize("off_diagonal", [0.0, 1.0, 3.0])
def test_backward_pass_and_sum_are_the_powers_of_W(kind, off_diagonal):
    result = expansion(kind, 1.1, off_diagonal, at=7, seed=3)
    g = result.backward[0]
    assert np.linalg.norm(g) == pytest.approx(1) and result.radius == pytest.approx(1.1, rel=1e-9)
    np.testing.assert_allclose(np.sort(np.abs(np.linalg.eigvals(result.W))), np.sort(1.1 * np.abs(EIGENVALUES[kind])), rtol=1e-9)
    for lag in (1, 7, 60):
        exact = np.linalg.matrix_power(result.W.T, lag) @ g
        np.testing.assert_allclose(result.backward[lag], exact, rtol=1e-9, atol=1e-12 * np.linalg.norm(exact))
    assert result.difference < 1e-10
    values, V = np.linalg.eig(result.W.T)
    c = np.linalg.solve(V, g)
    terms = np.abs(c * values**7)
    leading = np.isclose(np.abs(values), 1.1)
    assert leading.sum() == (2 if kind == "pair" else 1)
    assert result.share[7, 0] == pytest.approx(terms[leading].sum() / terms.sum(), rel=1e-8)


def test_without_an_off_diagonal_the_eigenvectors_are_orthogonal():
    symmetric, pair, oblique = (expansion(*which, at=0) for which in (("real", 0.9, 0.0), ("pair", 0.9, 0.0), ("real", 0.9, 2.0)))
    np.testing.assert_array_equal(symmetric.W, symmetric.W.T)
    assert symmetric.parts.condition == pytest.approx(1) and pair.parts.condition == pytest.approx(1)
    assert oblique.parts.condition > 100
    assert (symmetric.norm <= 0.9 ** np.arange(61) * (1 + 1e-12)).all() and not (oblique.norm <= 1).all()


def test_the_sum_agrees_in_every_corner():
    for kind in EIGENVALUES:
        for radius in (0.5, 1.3):
            for seed in range(10):
                assert expansion(kind, radius, 3.0, 0, seed).difference < 1e-10


# --- starts ---


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("weight_scale", [0.7, 1.0])
def test_short_products_are_numpy_s(start, weight_scale):
    result = starts(weight_scale, 0.3, at=10, seed=1, steps=10)
    jacobians = recurrence._jacobians(start, weight_scale, 0.3, 1, 10, 16)
    exact = np.linalg.svd(np.linalg.multi_dot(jacobians), compute_uv=False)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(result.there(start)[:2], np.log10(exact[[0, 7]]), atol=1e-4)
    smallest = result.there(start)[2]
    if start == "layer norm":
        assert smallest == -np.inf and exact[-1] < 1e-12 * exact[0]
    elif start == "identity":
        assert 10**smallest == pytest.approx(exact[-1])
    else:
        assert smallest == pytest.approx(math.log10(exact[-1]), abs=0.01)


def test_small_inputs_show_the_matrix_itself():
    result = starts(0.7, 1e-6, at=100)
    np.testing.assert_allclose(result.there("orthogonal"), 100 * math.log10(0.7), atol=1e-6)
    W = 0.7 * recurrence._draws(0, 200, 16)[1]["Gaussian"]
    largest = np.linalg.norm(np.linalg.matrix_power(W, 100), 2)
    assert result.there("Gaussian")[0] == pytest.approx(math.log10(largest), abs=1e-4)


def test_the_identity_keeps_exactly_what_was_never_off():
    result = starts(1.0, 0.1, at=50)
    values = result.values["identity"]
    assert set(np.unique(values)) <= {-np.inf, 0.0} and (np.diff(values[1]) <= 0).all() and not values[0].any()
    np.testing.assert_allclose(values[:, :6], starts(1.0, 1.5, at=50).values["identity"][:, :6])  # ReLU does not know how large


def test_layer_norm_cares_less_for_the_weight_scale():
    small, large = starts(0.5, 0.1, at=100), starts(2.0, 0.1, at=100)
    moved = {start: abs(large.there(start)[0] - small.there(start)[0]) for start in STARTS}
    assert moved["layer norm"] < 5 < moved["Gaussian"] < moved["orthogonal"]


def test_a_draft_is_near():
    exact, draft = starts(1.0, 0.5, at=60), starts(1.0, 0.5, at=60, draft=True)
    np.testing.assert_array_equal(exact.lengths, draft.lengths)
    for start in STARTS:
        np.testing.assert_allclose(draft.values[start][:2], exact.values[start][:2], atol=1e-3)


# --- gates ---


@pytest.fixture(scope="module")
def gated():
    return gates(1.0, 1.0, at=50)


def test_the_additive_path_is_the_product_of_forget_gates(gated):
    kept = np.prod(gated.forget[-50:], axis=0)
    np.testing.assert_allclose(10.0 ** gated.there(gated.additive), [kept.max(), np.median(kept), kept.min()], rtol=1e-9)
    assert 0.6 < gated.forget.mean() < 0.731  # around σ(1), below it for Jensen's reason


def test_the_products_are_those_of_the_nets(gated):
    lstm, tanh, x = recurrence._pair(0, 200, 15)
    product = tanh.jacobian_product(tanh.forward(x), 199, 149)[0]
    assert gated.there(gated.tanh) == pytest.approx(math.log10(np.linalg.norm(product, 2)), rel=1e-9)
    lstm.b[15:30] = 1
    trace = lstm.forward(x)
    lstm.b[15:30] = 0
    np.testing.assert_array_equal(trace.forget[0, 100:], gated.forget)
    product = np.linalg.multi_dot([lstm.jacobian(trace, t)[0] for t in range(199, 149, -1)])
    assert gated.there(gated.lstm) == pytest.approx(math.log10(np.linalg.norm(product, 2)), rel=1e-9)


def test_with_nothing_read_from_h_only_the_additive_path_is_left():
    cut = gates(2.0, 0.0, at=50)
    assert (cut.tanh[1:] == -np.inf).all()
    above = cut.lstm[1:] - cut.additive[0, 1:]
    assert (above >= -1e-12).all() and (above <= math.log10(2) / 2).all()  # h shows at most what c has


def test_the_forget_bias_opens_the_path():
    ends = [gates(bias, 1.0, at=100).additive[1, -1] for bias in (-2, 0, 2, 4, 6)]
    assert ends == sorted(ends) and ends[0] < -90 and ends[-1] > -1


# --- which statement applies ---


@pytest.mark.parametrize(("radius", "off_diagonal"), [(0.9, 2.0), (1.2, 0.0), (0.5, 3.0), (1.0, 1.0)])
def test_the_linear_case_is_the_powers_of_W(radius, off_diagonal):
    result = statement("linear", radius, off_diagonal, 1.0)
    exact = [np.linalg.norm(np.linalg.matrix_power(result.W, lag), 2) for lag in range(61)]
    np.testing.assert_allclose(10**result.measured, exact, rtol=1e-9)
    corner = off_diagonal * (radius**30 - (0.8 * radius) ** 30) / (0.2 * radius)
    assert np.linalg.matrix_power(result.W, 30)[0, 1] == pytest.approx(corner, rel=1e-9)
    assert result.radius == pytest.approx(radius) and result.norm == pytest.approx(np.linalg.svd(result.W)[1][0])
    assert (result.rate <= result.measured + 1e-9).all() and (result.measured <= result.bound + 1e-9).all()


@pytest.mark.parametrize("activation", GAMMA)
def test_the_bound_holds_and_below_one_it_is_enough(activation):
    for radius in (0.3, 0.8, 1.4):
        for off_diagonal in (0.0, 0.4, 3.0):
            for scale in (0.0, 0.5, 5.0):
                result = statement(activation, radius, off_diagonal, scale)
                assert (result.measured <= result.bound + 1e-9).all() and result.gamma * result.W[0, 0] == pytest.approx(radius)
                assert not result.sufficient or result.measured[-1] < -3
                assert result.necessary or result.measured.max() < 1e-9


def test_singular_value_and_spectral_radius_differ_both_ways():
    grows = statement("linear", 0.9, 2.0, 0.5)
    assert grows.radius < 1 < grows.norm and 10 ** grows.measured[grows.peak] > 4 and grows.measured[-1] < -1
    saved = statement("tanh", 1.3, 0.5, 1.0)
    assert saved.norm > saved.radius > 1 and saved.measured[-1] < -10


def test_at_the_border_neither_statement_applies():
    result = statement("tanh", 1.0, 0.0, 0.0)
    assert not result.sufficient and not result.necessary and np.abs(result.measured).max() < 1e-9
