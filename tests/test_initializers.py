import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegrad import initializers as init
from livegrad.initializers import INITIALIZERS, calculate_gain, get, lsuv
from livegrad.mlp import MLP

SHAPE = (300, 500)  # n_out, n_in


def drawn(rule, shape=SHAPE, **kwargs):
    return get(rule)(shape, np.random.default_rng(1), **kwargs)


@pytest.mark.parametrize(
    ("rule", "std"),
    [
        ("lecun_normal", 1 / math.sqrt(500)),
        ("lecun_uniform", 1 / math.sqrt(500)),
        ("truncated_normal", 1 / math.sqrt(500)),
        ("xavier_normal", math.sqrt(2 / 800)),
        ("xavier_uniform", math.sqrt(2 / 800)),
        ("kaiming_normal", math.sqrt(2 / 500)),
        ("kaiming_uniform", math.sqrt(2 / 500)),
        (partial(init.kaiming_normal, mode="fan_out"), math.sqrt(2 / 300)),
        (partial(init.kaiming_uniform, nonlinearity="tanh"), 5 / 3 / math.sqrt(500)),
        (partial(init.kaiming_uniform, a=math.sqrt(5)), 1 / math.sqrt(3 * 500)),
        (partial(init.lecun_normal, gain=3), 3 / math.sqrt(500)),
        (partial(init.truncated_normal, cut=0.5), 1 / math.sqrt(500)),
    ],
)
def test_standard_deviation_is_the_rules(rule, std):
    W = drawn(rule)
    assert W.std() == pytest.approx(std, rel=0.01)
    assert abs(W.mean()) < 0.01 * std


@pytest.mark.parametrize(
    "rule", ["xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform", "orthogonal"]
)
def test_spread_is_that_of_pytorch(rule, torch_values):
    std, largest = torch_values[f"init/{rule}"]
    W = drawn(rule)
    assert W.std() == pytest.approx(std, rel=0.01)
    if "uniform" in rule:
        assert abs(W).max() == pytest.approx(largest, rel=1e-3)


@pytest.mark.parametrize("nonlinearity", ["linear", "sigmoid", "tanh", "relu", "selu"])
def test_calculate_gain_is_pytorchs(nonlinearity, torch_values):
    assert calculate_gain(nonlinearity) == pytest.approx(torch_values[f"gain/{nonlinearity}"])


def test_calculate_gain_of_leaky_relu_is_pytorchs(torch_values):
    for slope, gain in torch_values["gain/leaky_relu"]:
        for a in (slope, -slope):
            assert calculate_gain("leaky_relu", a) == pytest.approx(gain)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.1, 10))
def test_orthogonal_has_one_singular_value(n_out, n_in, gain):
    W = drawn("orthogonal", (n_out, n_in), gain=gain)
    assert W.shape == (n_out, n_in)
    np.testing.assert_allclose(np.linalg.svd(W, compute_uv=False), gain, rtol=1e-12)


def test_orthogonal_is_uniform_over_rotations():
    # Without the sign correction QR makes the first entry negative every time.
    first = [init.orthogonal((2, 2), np.random.default_rng(seed))[0, 0] for seed in range(200)]
    assert 60 < np.count_nonzero(np.array(first) > 0) < 140


def test_truncated_normal_keeps_its_promise():
    uncut_std = 1 / math.sqrt(500) / 0.87962566103423978  # the std of a standard normal cut at 2
    W = drawn("truncated_normal")
    assert 1.99 * uncut_std < abs(W).max() <= 2 * uncut_std


def test_plain_rules():
    assert (drawn("constant", (2, 3), value=0.3) == 0.3).all()
    assert not drawn("zeros", (2, 3)).any()
    np.testing.assert_array_equal(drawn("identity", (2, 3), gain=2), [[2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize("rule", INITIALIZERS)
def test_every_rule_is_called_alike_and_depends_on_nothing_but_its_generator(rule):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    assert drawn(rule, (4, 6)).shape == (4, 6)
    np.testing.assert_array_equal(drawn(rule, (4, 6)), drawn(rule, (4, 6)))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("rule", ["lecun_normal", "xavier_uniform", "orthogonal", "truncated_normal"])
def test_the_gain_only_rescales_one_draw(rule):
    np.testing.assert_allclose(drawn(rule, (9, 7), gain=3), 3 * drawn(rule, (9, 7)), rtol=1e-14)


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_lsuv_gives_every_layer_unit_variance(activation):
    rng = np.random.default_rng(0)
    net = MLP.create([20, 50, 40, 30, 5], rng, init="orthogonal", activation=activation)
    x = rng.standard_normal((64, 20)) * 7
    scaled = lsuv(net, x)
    np.testing.assert_allclose([z.std() for z in scaled.forward(x).z], 1, rtol=1e-12)
    for W, old in zip(scaled.weights, net.weights):
        np.testing.assert_allclose(W / W[0, 0], old / old[0, 0], rtol=1e-10)
    assert scaled.biases[0] is not net.biases[0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: get("he"), "init: expected one of constant, .* got 'he'"),
        (lambda: drawn("lecun_normal", (3,)), r"shape: expected \(n_out, n_in\), got \(3,\)"),
        (lambda: drawn("lecun_normal", (3, 0)), "shape: expected 1 or more integers"),
        (lambda: init.xavier_normal((3, 2), 0), "rng: expected a numpy.random.Generator"),
        (lambda: drawn("kaiming_normal", mode="fan_avg"), "mode: expected one of fan_in, fan_out"),
        (lambda: drawn("kaiming_normal", nonlinearity="cubic"), "activation: expected one of"),
        (lambda: drawn("orthogonal", gain=np.nan), "gain: expected a finite number"),
        (lambda: drawn("truncated_normal", cut=0), "cut: expected a finite number"),
        (
            lambda: lsuv(MLP([np.zeros((2, 2))], [np.zeros(2)]), np.ones((3, 2))),
            "x: expected a batch .* layer 1",
        ),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
