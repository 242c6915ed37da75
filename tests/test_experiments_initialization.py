"""The measurements behind notebook 04."""

import math
from functools import partial

import numpy as np
import pytest

from livegrad import initializers
from livegrad.experiments.deep_linear import (
    INITS,
    SETTINGS,
    learning_time,
    load_learning_times,
    mode_strength,
    two_layer_modes,
)
from livegrad.experiments.gradients import DeepNet, standardized_digits
from livegrad.experiments.initialization import (
    LEARNING_RATE,
    RULES,
    RuleNet,
    WideNet,
    kaiming_steps,
    layer_variances,
    log_edges,
)
from livegrad.experiments.initialization_cards import INITIALIZATIONS, glorot_bengio, he_30_layers
from livegrad.experiments.phases import SWEEP, depth_scales, edge, load_trainability, phase_point
from livegrad.experiments.symmetry import ring_points, symmetry
from livegrad.losses import half_mse, softmax_cross_entropy
from livegrad.meanfield import MeanField
from livegrad.mlp import MLP

# --- every layer under one rule ---


@pytest.mark.parametrize("init", RULES)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_sizes_and_shares_agree_with_a_net_built_from_the_rule(init, activation):
    deep = RuleNet(init, width=20, batch=12, max_depth=6, seed=3)
    spread = deep.spread(6, activation, gain=1.3)
    x, labels = deep.batch
    children = [np.random.default_rng(s) for s in np.random.SeedSequence(3).spawn(8)]
    rule = initializers.get(RULES[init])
    weights = [rule((20, 64), children[2]), *[rule((20, 20), child) for child in children[3:7]], rule((10, 20), children[1])]
    if init == "lsuv":
        weights = initializers.lsuv(MLP(weights, [np.zeros(len(W)) for W in weights], activation), x.astype(float)).weights
    net = MLP([1.3 * W for W in weights], [np.zeros(len(W)) for W in weights], activation)
    trace = net.forward(x.astype(float))
    gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels))
    for l in range(6):
        for found, array in ((spread.a, trace.a[l + 1]), (spread.dz, gradients.dz[l]), (spread.dW, gradients.dW[l])):
            assert found[l] == pytest.approx(np.sqrt(np.mean(array**2)), rel=1e-3)
        ratio = LEARNING_RATE * np.linalg.norm(gradients.dW[l]) / np.linalg.norm(net.weights[l])
        assert spread.update_ratio[l] == pytest.approx(ratio, rel=1e-3)
        for shares, array in ((spread.activation_shares, trace.a[l + 1]), (spread.gradient_shares, gradients.dz[l])):
            expected = np.histogram(np.abs(array), log_edges())[0] / array.size
            if init != "large_normal":  # where float32 rounds a saturated slope to 0
                assert np.abs(shares[l] - expected).sum() < 0.02  # rounding may move a number across an edge
    slopes = np.abs(net.activation.derivative(trace.z[-2][::4]))
    assert spread.flat[-2] == pytest.approx(np.mean(slopes < 0.05), abs=0.02)


def test_depth_and_gain_leave_the_draw_alone():
    deep = RuleNet("xavier_uniform", width=15, batch=8, max_depth=8)
    shallow = [W.copy() for W in deep.net(5, 1.0, "tanh").weights]
    for a, b in zip(shallow[:-1], deep.net(8, 2.0, "tanh").weights, strict=False):
        np.testing.assert_allclose(2 * a, b)


def test_lsuv_has_unit_variance_in_every_layer_and_orthogonal_one_singular_value():
    deep = RuleNet("lsuv", width=30, batch=32)
    net = initializers.lsuv(deep.net(20, 1.0, "relu"), deep.batch[0])
    np.testing.assert_allclose([z.std() for z in net.forward(deep.batch[0]).z], 1, rtol=1e-4)
    singular = np.linalg.svd(RuleNet("orthogonal", width=30).net(5, 1.0, "relu").weights[2], compute_uv=False)
    np.testing.assert_allclose(singular, 1, rtol=1e-5)


def test_the_trap_of_glorot_and_bengio():
    """PyTorch's default start, 30 tanh layers: ∂C/∂Z vanishes backward, ∂C/∂W looks flat."""
    back, back_W = RuleNet("pytorch_default", width=100).spread(30, "tanh").way_back
    assert back < 1e-5 and 0.3 < back_W < 3


def test_nothing_left_is_0_and_beyond_the_cells():
    spread = RuleNet("small_normal", width=50).spread(50, "tanh")
    assert spread.a[-1] == 0 or spread.a[-1] < 1e-30
    assert spread.activation_shares[-2].sum() == 0
    with pytest.raises(ValueError, match="init: expected one of"):
        RuleNet("he")


# --- the variance ---


def test_a_net_follows_the_map_in_the_middle():
    """The mean variance of five nets of width 192 stays within a factor of 1.5 of the map's."""
    nets = [WideNet(192, 15, seed=seed) for seed in range(5)]
    for activation, gain in [("tanh", 1.0), ("tanh", 1.5), ("relu", 1.3), ("selu", 1.0)]:
        runs = [net.run(15, 192, activation, gain, 1.0) for net in nets]
        ratio = np.mean([run.measured for run in runs], axis=0) / runs[0].predicted
        assert np.all(np.abs(np.log(ratio)) < math.log(1.5)), (activation, gain, ratio)


def test_the_first_layer_has_the_variance_asked_for():
    for start in (0.01, 1.0, 10.0):
        run = WideNet(192, 4).run(4, 192, "tanh", 1.7, start)
        assert run.predicted[0] == start and run.measured[0] == pytest.approx(start, rel=0.2)


def test_the_lost_layer_is_where_a_thousandth_is_left():
    net = WideNet(100, 40)
    run = net.run(40, 100, "relu", 1.0, 1.0)
    assert run.measured[run.lost - 1] < 1e-3 * run.measured[0] <= run.measured[run.lost - 2]
    assert run.fixed_point == 0
    grown = net.run(40, 100, "relu", 2.0, 1.0)
    assert grown.measured[grown.lost - 1] > 1e3 * grown.measured[0] and grown.fixed_point == math.inf
    assert net.run(40, 100, "relu", 1.41421, 1.0).fixed_point == 1.0  # √2, as far as a slider knows it
    settling = net.run(40, 100, "tanh", 2.0, 1e-3)  # far below its fixed point, which is where it goes
    assert settling.measured[-1] > 1e3 * settling.measured[0] and settling.lost is None


def test_depth_and_width_only_cut_the_wide_net():
    wide = WideNet(60, 12, batch=5, seed=1)
    np.testing.assert_allclose(wide.run(8, 60, "tanh", 1.2, 0.5).measured, wide.run(12, 60, "tanh", 1.2, 0.5).measured[:8])
    children = [np.random.default_rng(s) for s in np.random.SeedSequence(1).spawn(13)]
    images, _ = standardized_digits()
    a = images[children[0].permutation(len(images))[:5]]
    W = [child.standard_normal((60, 60 if l else 64))[:20, : 20 if l else 64] for l, child in enumerate(children[1:4])]
    z = a * math.sqrt(0.5 / np.mean(a**2)) @ W[0].T / 8
    for found, later in zip(wide.run(3, 20, "tanh", 1.2, 0.5).measured, [*W[1:], W[-1]], strict=True):
        assert found == pytest.approx(np.mean(z**2), rel=1e-4)
        z = 1.2 / math.sqrt(20) * np.tanh(z) @ later.T


def test_tanh_with_xavier_does_not_settle():
    """Width 512, five seeds: the mean square of Aˡ follows 1/(2l) and is still falling at layer 100."""
    found = np.mean([layer_variances(100, 512, "tanh", seed=seed, batch=16) for seed in range(5)], axis=0)
    for layer in (5, 10, 50, 100):
        assert found[layer - 1] * 2 * layer == pytest.approx(1, abs=0.2)
    assert found[99] < 0.6 * found[49]


def test_layer_variances_are_those_of_one_net():
    single = MLP.create([30, 30], np.random.default_rng(np.random.SeedSequence(4).spawn(3)[1]), "xavier_normal", output="tanh")
    x = np.random.default_rng(np.random.SeedSequence(4).spawn(3)[0]).standard_normal((64, 30))
    assert layer_variances(2, 30, "tanh", seed=4)[0] == pytest.approx(np.mean(single.forward(x).a[-1] ** 2), rel=1e-4)


# --- Kaiming-uniform ---


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("nonlinearity, a", [("relu", 0.0), ("tanh", 0.0), ("leaky_relu", math.sqrt(5)), ("selu", 0.0)])
def test_the_steps_are_the_rule(mode, nonlinearity, a):
    steps = kaiming_steps(200, 60, mode, nonlinearity, a)
    W = initializers.kaiming_uniform((60, 200), np.random.default_rng(0), a, mode, nonlinearity)
    assert steps.bound == pytest.approx(np.abs(W).max(), rel=1e-3) and steps.std == pytest.approx(W.std(), rel=0.02)
    assert steps.weights.shape == (60, 200) and steps.weights.std() == pytest.approx(steps.std, rel=0.02)
    assert np.abs(steps.weights).max() <= steps.bound
    assert steps.fan == {"fan_in": 200, "fan_out": 60}[mode] and steps.std == pytest.approx(steps.gain / math.sqrt(steps.fan))


def test_pytorchs_linear_starts_smaller_and_its_signal_dies():
    for fan_in in (50, 100, 300):
        default, kaiming = kaiming_steps(fan_in, 300, nonlinearity="leaky_relu", a=math.sqrt(5)), kaiming_steps(fan_in, 300)
        assert default.bound == pytest.approx(1 / math.sqrt(fan_in))
        assert kaiming.bound / default.bound == pytest.approx(math.sqrt(6))
        factor = default.sizes["relu"][-1] / default.sizes["relu"][0]
        assert factor == pytest.approx(6**-4.5, rel=1.0)  # 1/√6 a layer, nine times
        assert 0.3 < kaiming.sizes["relu"][-1] / kaiming.sizes["relu"][0] < 3


def test_with_fan_out_the_size_sways_and_does_not_drift():
    """He et al. 2015, §2.2: the ratios fan_in/fan_out of the layers cancel one another."""
    sizes = kaiming_steps(300, 75, "fan_out").sizes["relu"]
    np.testing.assert_allclose(sizes[1::2] / sizes[:-1:2], 0.5, rtol=0.35)
    assert 0.4 < sizes[-2] / sizes[0] < 2.5


# --- symmetry ---


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_units_that_start_equal_stay_equal(activation):
    *_, last = symmetry(6, activation, constant=0.5, noise=0.0)
    assert last.equal and last.moved["W1"] > 0.01 and last.accuracy < 0.75
    assert np.ptp(last.weights, axis=1).max() < 1e-6


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_from_zero_only_the_last_bias_moves(activation):
    *_, last = symmetry(6, activation, constant=0.0, noise=0.0)
    assert last.moved["W1"] == last.moved["W2"] == last.moved["b1"] == 0
    assert last.moved["b2"] == pytest.approx(math.log(2), rel=1e-3)  # logit of two thirds: it learns the share of the ring


def test_from_zero_sigmoid_units_move_as_one():
    """Their output is ½ and not 0, so W² gets a gradient, and through it W¹."""
    *_, last = symmetry(6, "sigmoid", constant=0.0, noise=0.0)
    assert last.equal and last.moved["W1"] > 0.01 and last.moved["W2"] > 0.01 and last.accuracy < 0.75


def test_noise_breaks_the_symmetry_even_a_little():
    right = [list(symmetry(6, "tanh", constant=0.0, noise=1.0, seed=seed))[-1].accuracy for seed in range(5)]
    assert min(right) > 0.95
    *_, small = symmetry(6, "tanh", constant=0.5, noise=1e-3)
    assert small.gap > 1 > 0.01 > list(symmetry(6, "tanh", 0.5, 1e-3, 0.5, steps=20))[0].gap


def test_the_reports_are_of_the_net_they_come_from():
    points, _ = ring_points()
    assert np.bincount(points.labels).tolist() == [50, 100]
    reports = list(symmetry(4, "tanh", 0.3, 0.1, 0.5, steps=50, report=20))
    assert [r.taken for r in reports] == [0, 20, 40, 50] and reports[-1].progress == 1
    for r in reports:
        assert len(r.loss) == len(r.weights) == r.taken + 1
    net = MLP.create([2, 4, 1], np.random.default_rng(0), lambda shape, rng: 0.3 + 0.1 * rng.standard_normal(shape), "tanh")
    z = np.tanh(points.x @ net.weights[0].T) @ net.weights[1].T
    assert reports[0].loss[0] == pytest.approx(np.mean(np.log(1 + np.exp(-(2 * points.labels - 1) * z[:, 0]))))


# --- order and chaos ---


def test_a_point_of_the_phase_diagram_is_the_mean_field():
    net, point = MeanField(math.sqrt(2.5), math.sqrt(0.05)), phase_point(2.5, 0.05, start=0.9)
    q = net.fixed_point()
    assert point.q == q and point.chi == net.chi(q) and point.depth_scale == net.depth_scale()
    assert point.phase == "chaotic" and point.path[0] == 0.9
    c = 0.9
    for found in point.path[1:12]:
        c = net.correlation(c, q)
        assert found == pytest.approx(c, abs=5e-3)
    assert phase_point(0.8, 0.0).q == 0 and math.isnan(phase_point(0.8, 0.0).fixed_correlation)


def test_the_edge_parts_order_from_chaos():
    weights, biases = edge()
    for i in (20, 60, 100):
        assert phase_point(weights[i], biases[i]).phase == "edge"
        assert phase_point(0.9 * weights[i], biases[i]).phase == "ordered"
        assert phase_point(1.1 * weights[i], biases[i]).phase == "chaotic"


def test_nets_near_the_edge_train_deepest():
    """As in the experiments of Schoenholz et al. 2017: a wedge around the edge, at σ_w² = 1.76 for σ_b² = 0.05."""
    sweep = load_trainability()
    assert sweep.accuracy.shape[2] >= 5 and sweep.settings["bias_variance"] == 0.05
    best = sweep.weight_variances[sweep.deepest == sweep.deepest.max()]
    assert sweep.deepest.max() >= 80 and 1.5 <= best.min() and best.max() <= 2.0
    assert sweep.deepest[0] <= 20 and sweep.deepest[-1] <= 30
    weights, scale = depth_scales()
    # 6 ξ holds within a factor of 2.5 on both sides, away from the edge itself.
    for variance, deepest in zip(sweep.weight_variances, sweep.deepest, strict=True):
        bound = 6 * np.interp(variance, weights, scale)
        if bound < sweep.depths[-1]:
            assert bound / 2.5 < deepest < bound * 2.5, variance


@pytest.mark.slow
def test_the_stored_trainability_comes_out_again():
    sweep = load_trainability()
    for cell in SWEEP.cells:
        chosen = (cell["depth"], cell["weight_variance"], cell["seed"])
        if chosen in {(10, 1.75, 0), (30, 1.0, 1), (30, 1.75, 2), (60, 4.0, 3), (60, 1.75, 4)}:
            where = sweep.depths == cell["depth"], sweep.weight_variances == cell["weight_variance"], cell["seed"]
            assert float(SWEEP.run(**cell)["accuracy"]) == pytest.approx(sweep.accuracy[where].item(), abs=0.1), chosen


# --- published results ---


def test_the_mean_singular_values_of_glorot_and_bengio():
    """§4.2.2: about 0.8 with normalized and 0.5 with standard initialization."""
    for name, value in (("standard", 0.5), ("normalized", 0.8)):
        found = glorot_bengio(name, seeds=[0])
        assert found.singular_value.shape == (1, 4)
        assert found.singular_value.mean() == pytest.approx(value, abs=0.05)
        shrinks = found.gradient[:, 0] / found.gradient[:, -1], found.activation[:, -1] / found.activation[:, 0]
        assert all((np.all(r < 0.2) if name == "standard" else np.all(r > 0.5)) for r in shrinks)


def test_their_standard_is_pytorchs_default():
    standard, default = (initializers.get(rule)((50, 80), np.random.default_rng(0))
                         for rule in (INITIALIZATIONS["standard"], RULES["pytorch_default"]))
    np.testing.assert_allclose(standard, default)


def test_he_starts_to_learn_where_xavier_stalls():
    stalled, started = he_30_layers("xavier_normal"), he_30_layers("kaiming_normal")
    assert np.all(np.abs(stalled.loss - math.log(10)) < 0.01) and np.all(stalled.accuracy < 0.12)
    assert np.all(started.loss < 1.8) and np.median(started.accuracy) > 1 / 3


def test_two_linear_layers_follow_the_formula_of_saxe():
    modes = two_layer_modes()
    np.testing.assert_allclose(modes.measured, modes.predicted, atol=2e-3)
    assert modes.measured[0] == pytest.approx(1e-3) and np.all(np.diff(modes.singular_values) < 0)
    # The strong modes are learned first: each is half done before the next.
    half = [np.argmax(u > s / 2) for u, s in zip(modes.measured.T, modes.singular_values, strict=True)]
    assert half[0] > 0 and np.all(np.diff(half) > 0)


def test_the_formula_solves_the_differential_equation():
    t = np.linspace(0, 5, 11)
    slope = (mode_strength(t + 1e-5, 1.3, 0.01) - mode_strength(t - 1e-5, 1.3, 0.01)) / 2e-5
    u = mode_strength(t, 1.3, 0.01)
    np.testing.assert_allclose(slope, 2 * u * (1.3 - u), rtol=1e-6)  # Saxe et al. 2013: τ du/dt = 2u(s − u)


def test_a_step_of_the_deep_linear_net_is_backpropagation():
    """The loop on correlations against the library's backward pass: the same number of steps."""
    x, labels = standardized_digits()
    y = np.eye(10)[labels]
    y -= y.mean(axis=0)
    children = np.random.SeedSequence(0).spawn(3)
    shapes = [(64, 64), (64, 64), (10, 64)]
    weights = [INITS["orthogonal"](shape, np.random.default_rng(s)) for shape, s in zip(shapes, children, strict=True)]
    net, step = MLP(weights, [np.zeros(64), np.zeros(64), np.zeros(10)], "linear"), 0
    while np.mean((trace := net.forward(x)).a[-1].argmax(axis=1) == labels) < 0.85:
        for W, dW in zip(net.weights, net.backward(trace, half_mse.gradient(trace.a[-1], y)).dW, strict=True):
            W -= 0.05 * dW
        step += 1
    assert step > 3
    assert learning_time(3, "orthogonal", 0.05, 0, 64, 0.85, 200)["steps"] == step


def test_learning_time_grows_with_depth_for_normal_and_not_for_orthogonal_weights():
    times = load_learning_times()
    orthogonal, normal = (np.median(times.steps[init], axis=1) for init in ("orthogonal", "normal"))
    assert np.all(np.isfinite(times.steps["orthogonal"])) and orthogonal.max() < 2 * orthogonal.min()
    assert np.all(np.diff(normal) > 0) and normal[-1] > 20 * normal[0]
    rates = times.settings["rates"]
    for init, best in times.learning_rate.items():  # the grid was wide enough
        assert np.all(best < max(rates)) and np.all(best > min(rates)), init


@pytest.mark.slow
def test_the_stored_learning_times_come_out_again():
    times = load_learning_times()
    for init in INITS:
        for depth in (2, 8, 16):
            i = np.flatnonzero(times.depths == depth)[0]
            again = learning_time(depth, init, float(times.learning_rate[init][i]), seed=1, **SETTINGS)
            assert float(again["steps"]) == pytest.approx(times.steps[init][i, 1], abs=2)


def test_deep_net_takes_any_rule():
    deep = DeepNet(0, width=12, batch=5, max_depth=4, init=partial(initializers.xavier_normal, gain=2.0))
    one = [W.copy() for W in deep.net(4, 1.0, "tanh").weights]
    assert np.std(one[1]) == pytest.approx(2 / math.sqrt(12), rel=0.3)
    children = [np.random.default_rng(s) for s in np.random.SeedSequence(0).spawn(6)]
    np.testing.assert_allclose(one[1], initializers.xavier_normal((12, 12), children[3], 2.0), rtol=1e-5)
