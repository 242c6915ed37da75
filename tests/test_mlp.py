import math
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from livegrad.activations import ACTIVATIONS, get
from livegrad.gradcheck import check_gradient, numerical_gradient
from livegrad.losses import half_mse, softmax_cross_entropy
from livegrad.mlp import MLP, norm, rms, statistics
from livegrad.norms import BatchNorm, GroupNorm, LayerNorm, RMSNorm

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


def rng(seed=0):
    return np.random.default_rng(seed)


def passes(net, x, dout=None):
    trace = net.forward(x)
    return trace, net.backward(trace, np.ones_like(trace.a[-1]) if dout is None else dout)


@every_activation
def test_passes_are_those_of_pytorch(activation, torch_values):
    weights, biases = ([torch_values[f"net/{p}{l}"] for l in range(3)] for p in "Wb")
    net = MLP(weights, biases, activation)
    trace = net.forward(torch_values["net/x"])
    dout = softmax_cross_entropy.gradient(trace.a[-1], torch_values["net/labels"])
    gradients = net.backward(trace, dout)
    np.testing.assert_allclose(trace.a[-1], torch_values[f"net/{activation}/out"], rtol=1e-12, atol=1e-12)
    for l in range(3):
        for got, key in ((gradients.dz, "dz"), (gradients.dW, "dW"), (gradients.db, "db")):
            np.testing.assert_allclose(
                got[l], torch_values[f"net/{activation}/{key}{l}"], rtol=1e-11, atol=1e-13
            )


@every_activation
def test_every_gradient_is_the_central_difference(activation):
    net = MLP.create([3, 4, 4, 2], rng(3), init="xavier_normal", activation=activation, output=activation)
    for b in net.biases:  # with zero biases a dead layer leaves the next one exactly at the kink
        b[:] = rng(4).standard_normal(b.shape)
    x, y = rng(1).standard_normal((5, 3)), rng(2).standard_normal((5, 2))
    trace, gradients = passes(net, x, half_mse.gradient(net.forward(x).a[-1], y))
    for p, g in zip(net.parameters(), gradients.parameters()):
        original = p.copy()

        def cost(value, p=p):
            p[...] = value
            return half_mse(net.forward(x).a[-1], y)

        check_gradient(cost, original, g, tolerance=1e-7)
        p[...] = original


NORMS = {"batch": BatchNorm.create, "layer": LayerNorm.create, "rms": RMSNorm.create}
NORMS["group"] = partial(GroupNorm.create, groups=2)


def normed_net(name, **kwargs):
    """With γ, β and running averages that are not those of a new layer."""
    net = MLP.create([3, 4, 6, 2], rng(3), activation="tanh", norm=NORMS[name], **kwargs)
    for p in net.parameters()[6:]:
        p += 0.3 * rng(4).standard_normal(p.shape)
    for layer in net.norms:
        if name == "batch":
            layer.running_mean += 0.2
            layer.running_var *= 1.7
    return net


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", NORMS)
def test_every_gradient_through_a_normalization_is_the_central_difference(name, train):
    net, x, y = normed_net(name), rng(1).standard_normal((5, 3)), rng(2).standard_normal((5, 2))
    trace = net.forward(x, train=train)
    gradients = net.backward(trace, half_mse.gradient(trace.a[-1], y)).parameters()
    assert len(gradients) == len(net.parameters()) == 6 + (2 if name == "rms" else 4)
    running = [(layer.running_mean.copy(), layer.running_var.copy()) for layer in net.norms] if name == "batch" else []
    for p, g in zip(net.parameters(), gradients, strict=True):
        original = p.copy()

        def cost(value, p=p):
            p[...] = value
            cost = half_mse(net.forward(x, train=train).a[-1], y)
            for layer, (mean, var) in zip(net.norms, running):
                layer.running_mean[...], layer.running_var[...] = mean, var
            return cost

        # Batch norm takes a bias away again: its gradient is 0, but for rounding.
        np.testing.assert_allclose(g, numerical_gradient(cost, original), rtol=1e-5, atol=1e-9)
        p[...] = original


def test_phi_reads_what_the_normalization_leaves():
    net, x = normed_net("batch"), rng(1).standard_normal((5, 3))
    a = x
    for W, b, layer in zip(net.weights, net.biases, net.norms):
        z = a @ W.T + b
        a = np.tanh(layer.gamma * (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5) + layer.beta)
    trace = net.forward(x)
    np.testing.assert_allclose(trace.a[2], a, rtol=1e-12)
    np.testing.assert_allclose(trace.z[1].mean(axis=0), net.norms[1].forward(trace.z[1]).used.mean[0])
    one = net.forward(x[:1], train=False).a[-1]
    np.testing.assert_allclose(one, net.forward(x, train=False).a[-1][:1], rtol=1e-12)
    assert not np.allclose(one, net.forward(x).a[-1][:1])
    with pytest.raises(ValueError, match="at least 2 examples in training mode"):
        net.forward(x[:1])


def test_a_normalization_in_one_layer_only_and_in_float32():
    net = MLP.create([3, 4, 4, 2], rng(3), norm=LayerNorm.create, dtype=np.float32)
    net.norms[0] = None
    trace, gradients = passes(net, rng(1).standard_normal((5, 3)))
    assert trace.normed[0] is None and gradients.dnorms[0] is None and len(net.parameters()) == 8
    assert {x.dtype for x in (*net.parameters(), *gradients.parameters(), *trace.a)} == {np.dtype(np.float32)}
    plain = MLP(net.weights, net.biases, net.activation)
    assert plain.norms == [None, None] and len(plain.parameters()) == 6
    np.testing.assert_array_equal(plain.forward(trace.a[0]).a[1], trace.a[1])


def test_old_buffers_do_not_disturb_a_normalized_net():
    net, x, dout = normed_net("batch"), rng(1).standard_normal((5, 3)), rng(2).standard_normal((5, 2))
    fresh_trace, fresh = passes(net, x, dout)
    old_trace, old = passes(net, -x, 2 * dout)
    trace = net.forward(x, old_trace)
    for new, f in zip(net.backward(trace, dout, old).parameters(), fresh.parameters(), strict=True):
        np.testing.assert_array_equal(new, f)
    np.testing.assert_array_equal(trace.a[-1], fresh_trace.a[-1])


def test_three_sigmoid_units_in_one_line():
    """∂C/∂W¹ = (A³ − Y) A³(1 − A³) W³ A²(1 − A²) W² A¹(1 − A¹) X for ½ MSE and one unit per layer."""
    w, x, y = (0.7, -1.3, 2.1), 0.9, 0.2
    net = MLP([np.array([[wl]]) for wl in w], [np.zeros(1)] * 3, "sigmoid", "sigmoid")
    trace = net.forward([[x]])
    gradients = net.backward(trace, half_mse.gradient(trace.a[-1], [[y]]))
    a1 = 1 / (1 + math.exp(-w[0] * x))
    a2 = 1 / (1 + math.exp(-w[1] * a1))
    a3 = 1 / (1 + math.exp(-w[2] * a2))
    by_hand = (a3 - y) * a3 * (1 - a3) * w[2] * a2 * (1 - a2) * w[1] * a1 * (1 - a1) * x
    assert gradients.dW[0].item() == pytest.approx(by_hand, rel=1e-14)


def test_layers_are_numbered_as_documented():
    net = MLP.create([3, 4, 5, 2], rng(), activation="tanh")
    trace, gradients = passes(net, rng().standard_normal((6, 3)))
    assert net.depth == 3
    assert [a.shape[1] for a in trace.a] == [3, 4, 5, 2]
    for l in range(3):
        np.testing.assert_allclose(trace.z[l], trace.a[l] @ net.weights[l].T + net.biases[l])
        phi = get("tanh") if l < 2 else get("linear")
        np.testing.assert_array_equal(trace.a[l + 1], phi(trace.z[l]))
        assert gradients.dz[l].shape == trace.z[l].shape
    assert [id(p) for p in net.parameters()[::2]] == [id(W) for W in net.weights]
    assert [g.shape for g in gradients.parameters()] == [p.shape for p in net.parameters()]


def test_a_linear_net_is_one_matrix():
    net = MLP.create([4, 6, 5, 3], rng(), activation="linear")
    x = rng(1).standard_normal((7, 4))
    W1, W2, W3 = net.weights
    np.testing.assert_allclose(net.forward(x).a[-1], x @ (W3 @ W2 @ W1).T, rtol=1e-12)


@given(st.permutations(range(6)))
def test_the_order_of_the_examples_does_not_matter(order):
    net, x, dout = (
        MLP.create([3, 5, 2], rng()),
        rng(1).standard_normal((6, 3)),
        rng(2).standard_normal((6, 2)),
    )
    (trace, gradients), (shuffled, same) = passes(net, x, dout), passes(net, x[order], dout[order])
    np.testing.assert_allclose(shuffled.a[-1], trace.a[-1][order], rtol=1e-12)
    for g, s in zip(gradients.parameters(), same.parameters()):
        np.testing.assert_allclose(s, g, rtol=1e-10, atol=1e-12)


@given(st.floats(-1e3, 1e3))
def test_gradients_are_linear_in_the_output_gradient(factor):
    net, x = MLP.create([3, 5, 2], rng(), activation="tanh"), rng(1).standard_normal((4, 3))
    trace = net.forward(x)
    one, scaled = net.backward(trace, np.ones((4, 2))), net.backward(trace, np.full((4, 2), factor))
    for g, s in zip(one.parameters(), scaled.parameters()):
        np.testing.assert_allclose(s, factor * g, rtol=1e-11, atol=1e-12)


def test_a_deeper_net_has_the_same_first_layers():
    shallow = MLP.create([3, 5, 5, 5], rng(7))
    deep = MLP.create([3, 5, 5, 5, 5, 5], rng(7))
    for W, V in zip(shallow.weights, deep.weights):
        np.testing.assert_array_equal(W, V)
    assert not np.array_equal(deep.weights[3], deep.weights[4])


def test_a_layer_draws_the_same_whatever_the_others_need():
    narrow, wide = MLP.create([3, 5, 4], rng(7)), MLP.create([30, 5, 4], rng(7))
    np.testing.assert_array_equal(narrow.weights[1], wide.weights[1])


def test_float32_stays_float32_and_holds_the_rounded_weights():
    nets = [MLP.create([3, 5, 2], rng(7), activation="gelu", dtype=t) for t in (np.float32, np.float64)]
    trace, gradients = passes(nets[0], rng().standard_normal((4, 3)))
    arrays = [*nets[0].parameters(), *trace.a, *trace.z, *gradients.dz, *gradients.parameters()]
    assert {x.dtype for x in arrays} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(nets[0].weights[1], nets[1].weights[1].astype(np.float32))


@pytest.mark.parametrize("activation", ["tanh", "relu", "elu"])
def test_old_buffers_are_reused_and_change_nothing(activation):
    net = MLP.create([3, 5, 5, 2], rng(), activation=activation)
    x, dout = rng(1).standard_normal((4, 3)), rng(2).standard_normal((4, 2))
    fresh_trace, fresh = passes(net, x, dout)
    old_trace, old = passes(net, -x, 2 * dout)
    trace = net.forward(x, old_trace)
    gradients = net.backward(trace, dout, old)
    assert all(new is o for new, o in zip(trace.a[1:] + trace.z, old_trace.a[1:] + old_trace.z))
    assert all(new is o for new, o in zip(gradients.dz + gradients.parameters(), old.dz + old.parameters()))
    for new, f in zip(
        trace.a + trace.z + gradients.parameters(), fresh_trace.a + fresh_trace.z + fresh.parameters()
    ):
        np.testing.assert_array_equal(new, f)
    assert trace.a_squares == fresh_trace.a_squares


def test_buffers_of_another_net_are_reused_where_they_fit():
    short, long = MLP.create([3, 5, 5], rng()), MLP.create([3, 5, 5, 5], rng())
    x = rng(1).standard_normal((4, 3))
    trace, gradients = passes(short, x)
    longer = long.forward(x, trace)
    grown = long.backward(longer, np.ones((4, 5)), gradients)
    assert [new is old for new, old in zip(longer.z, trace.z)] == [True, True]
    np.testing.assert_array_equal(longer.a[-1], long.forward(x).a[-1])
    assert len(grown.dz) == 3
    other_batch = long.forward(x[:2], longer)
    assert other_batch.a[-1].shape == (2, 5)
    single = MLP([W.astype(np.float32) for W in long.weights], [b.astype(np.float32) for b in long.biases])
    assert single.forward(x[:2], other_batch).z[0].dtype == np.float32


def test_statistics_are_the_norms_of_the_arrays():
    net = MLP.create([3, 6, 5, 2], rng(), activation="tanh")
    trace, gradients = passes(net, rng(1).standard_normal((8, 3)))
    sizes = statistics(trace, gradients)
    np.testing.assert_allclose(sizes.a, [np.sqrt(np.mean(a**2)) for a in trace.a[1:]])
    np.testing.assert_allclose(sizes.dz, [np.linalg.norm(d) for d in gradients.dz])
    np.testing.assert_allclose(sizes.dW, [np.linalg.norm(d) for d in gradients.dW])


def test_statistics_follow_a_gradient_below_the_square_root_of_the_smallest_float32():
    """Each layer multiplies by 2^-20. Float32 ends at 2^-149: 2^-120 at layer 1 is there, its square not."""
    depth = 7
    net = MLP([np.full((1, 1), 2.0**-20, np.float32)] * depth, [np.zeros(1, np.float32)] * depth, "linear")
    trace, gradients = passes(net, np.ones((1, 1)))
    np.testing.assert_array_equal(statistics(trace, gradients).dz, 2.0 ** (-20.0 * np.arange(depth)[::-1]))


def test_an_exploding_net_gives_inf_or_nan_and_no_warning():
    net = MLP([np.full((2, 2), 1e30, np.float32)] * 3, [np.zeros(2, np.float32)] * 3, "relu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace, gradients = passes(net, [[1.0, -0.5]])
        sizes = statistics(trace, gradients)
    assert sizes.a[-1] == np.inf
    assert not np.isfinite(sizes.dW).all()


@given(
    hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([1e-36, 1e-25, 1e-20, 1.0, 1e18, 1e25, 1e37]),
)
def test_norm_is_right_over_the_whole_range_of_float32(x, scale):
    x = (x * np.float32(scale)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = norm(x)
    assert got == pytest.approx(np.linalg.norm(x.astype(np.float64)), rel=1e-5, abs=1e-300)


def test_norm_of_extreme_float64():
    assert norm([3e200, 4e200]) == pytest.approx(5e200)
    assert norm([3e-200, 4e-200]) == pytest.approx(5e-200)
    assert norm([5e-324]) == 5e-324


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([0.0, 0.0], 0),
        ([], 0),
        ([1.0, np.inf], np.inf),
        ([np.nan, np.inf], np.nan),
        (np.ones((2, 8))[:, ::2], 8**0.5),
    ],
)
def test_norm_of_special_arrays(x, expected):
    assert norm(x) == pytest.approx(expected, nan_ok=True)


def test_rms_does_not_subtract_the_mean():
    assert rms([2.0, 2.0]) == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MLP([], []), "biases: expected one for each of 1 or more weights"),
        (lambda: MLP([np.eye(2)], []), "biases: expected one for each"),
        (
            lambda: MLP([np.eye(2), np.eye(3)], [np.zeros(2), np.zeros(3)]),
            r"weights\[1\]: expected shape \(any, 2\)",
        ),
        (lambda: MLP([np.eye(2)], [np.zeros(3)]), r"biases\[0\]: expected shape \(2,\), got \(3,\)"),
        (
            lambda: MLP([np.eye(2)], [np.zeros(2, np.float32)]),
            "layer 1: expected float64 like the first weights",
        ),
        (lambda: MLP([np.eye(2)], [np.zeros(2)], "step"), "activation: expected one of"),
        (lambda: MLP.create([3], rng()), "sizes: expected 2 or more integers"),
        (lambda: MLP.create([3, 2], 0), "rng: expected a numpy.random.Generator"),
        (lambda: MLP.create([3, 2], rng(), init="best"), "init: expected one of"),
        (
            lambda: MLP.create([3, 2], rng(), init=lambda shape, r: np.eye(5)),
            r"init: expected shape \(2, 3\)",
        ),
        (lambda: MLP.create([3, 2], rng()).forward(np.zeros(3)), r"x: expected shape \(any, 3\), got \(3,\)"),
        (lambda: MLP.create([3, 2], rng()).forward(np.zeros((0, 3))), "x: expected at least one example"),
        (
            lambda: passes(MLP.create([3, 2], rng()), np.zeros((4, 3)), np.zeros(2)),
            r"dout: expected shape \(4, 2\)",
        ),
        (
            lambda: MLP.create([3, 2, 2], rng()).backward(
                MLP.create([3, 2], rng()).forward(np.zeros((1, 3))), [[1, 1]]
            ),
            "trace: expected the trace of a forward pass of this network",
        ),
        (lambda: rms([]), "x: expected at least one entry"),
        (
            lambda: MLP([np.eye(2)] * 2, [np.zeros(2)] * 2, norms=[None, None]),
            "norms: expected one for each of the 1 hidden layers, or none, got 2",
        ),
        (
            lambda: MLP([np.eye(2)] * 2, [np.zeros(2)] * 2, norms=[BatchNorm.create(3)]),
            r"norms\[0\]: expected 2 features in float64, got 3 in float64",
        ),
        (
            lambda: normed_net("layer").backward(MLP.create([3, 4, 6, 2], rng()).forward(np.zeros((1, 3))), [[1, 1]]),
            "trace: expected the trace of a forward pass of this network, got one with other layers normalized",
        ),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
