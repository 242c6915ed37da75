"""Residual nets against central differences, against the MLP that they are without skips, and against NumPy."""

import warnings
from functools import partial

import numpy as np
import pytest

from livegrad.gradcheck import check_gradient, numerical_gradient
from livegrad.losses import half_mse
from livegrad.mlp import MLP, statistics
from livegrad.norms import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from livegrad.optim import SGD
from livegrad.residual import ResidualNet

NORMS = {"none": None, "batch": BatchNorm.create, "layer": LayerNorm.create, "rms": RMSNorm.create,
         "group": partial(GroupNorm.create, groups=2)}
every_norm = pytest.mark.parametrize("norm", NORMS)


def rng(seed=0):
    return np.random.default_rng(seed)


def stir(net, seed=4):
    """Nothing stays at its special start: weights, biases, γ, β and α."""
    draw = rng(seed)
    for p in net.parameters():
        p += 0.4 * draw.standard_normal(p.shape)
    return net


def build(norm="none", activation="tanh", **options):
    net = ResidualNet.create([3, 6, 6, 6, 6, 2], rng(3), "xavier_normal", activation, "tanh", norm=NORMS[norm],
                             learn_scales=True, **options)
    return stir(net)


@pytest.mark.parametrize("options", [{}, {"placement": "post"}, {"skip": False}, {"activation": "relu"}], ids=str)
@every_norm
def test_every_gradient_is_the_central_difference(norm, options):
    net = build(norm, **options)
    if "activation" not in options:
        net.scales[1] *= not net.skip  # a branch of scale 0 still has a gradient on its scale
    x, y = rng(1).standard_normal((5, 3)), rng(2).standard_normal((5, 2))
    trace = net.forward(x)
    gradients = net.backward(trace, half_mse.gradient(trace.a[-1], y)).parameters()
    assert [g.shape for g in gradients] == [p.shape for p in net.parameters()]
    starts = np.cumsum([p.size for p in net.parameters()])[:-1]

    def cost(values):
        for p, part in zip(net.parameters(), np.split(values, starts), strict=True):
            p[...] = part.reshape(p.shape)
        return half_mse(net.forward(x).a[-1], y)

    flat = [np.concatenate([v.ravel() for v in values]) for values in (net.parameters(), gradients)]
    check_gradient(cost, *flat, tolerance=1e-7)


@pytest.mark.parametrize("placement", ["pre", "post"])
@every_norm
def test_without_skips_it_is_the_mlp(norm, placement):
    net = build(norm, skip=False, placement=placement)
    net.scales[:] = 1
    plain = MLP(net.weights, net.biases, "tanh", "tanh", net.norms)
    x, dout = rng(1).standard_normal((5, 3)), rng(2).standard_normal((5, 2))
    traces = [n.forward(x, train=False) for n in (net, plain)]
    gradients = [n.backward(t, dout) for n, t in zip((net, plain), traces, strict=True)]
    for got, expected in zip(traces[0].z, traces[1].z, strict=True):
        np.testing.assert_array_equal(got, expected)
    for got, expected in zip([*gradients[0].dz, *gradients[0].parameters()[:-1]],
                             [*gradients[1].dz, *gradients[1].parameters()], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)
    for what in ("a", "dz", "dW"):
        got, expected = (getattr(statistics(t, g), what) for t, g in zip(traces, gradients, strict=True))
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("options", [{}, {"placement": "post"}, {"skip": False}], ids=str)
@every_norm
def test_the_jacobian_is_the_finite_difference_and_the_chain_of_them_the_gradient(norm, options):
    net = build(norm, **options)
    x = rng(1).standard_normal((1, 3))
    trace = net.forward(x, train=False)
    block = ResidualNet(net.weights[1:4], net.biases[1:4], "tanh", "tanh", net.norms[1:3], net.scales[1:2], net.skip,
                        net.placement)
    block.weights[0], block.biases[0] = np.eye(6), np.zeros(6)  # its Z^1 is what comes in: Z^2 of the whole net
    measured = np.stack([numerical_gradient(lambda z, i=i: block.forward(z[None], train=False).z[1][0, i], trace.z[1][0])
                         for i in range(6)])
    np.testing.assert_allclose(net.jacobian(trace, 2), measured, atol=1e-8)
    gradients = net.backward(trace, rng(2).standard_normal((1, 2)))
    d = gradients.dz[3][0]
    for l in (3, 2, 1):
        d = d @ net.jacobian(trace, l)
    np.testing.assert_allclose(d, gradients.dz[0][0], rtol=1e-10)


def test_of_a_plain_residual_block_it_is_the_identity_and_j():
    net = build()
    trace = net.forward(rng(1).standard_normal((4, 3)))
    slope = 1 - np.tanh(trace.z[1][2]) ** 2
    expected = np.eye(6) + net.scales[1] * net.weights[2] @ np.diag(slope)
    np.testing.assert_allclose(net.jacobian(trace, 2, example=2), expected, rtol=1e-12)


def test_branches_of_scale_0_make_every_block_the_identity():
    net = ResidualNet.create([3, 5, 5, 5, 5, 2], rng(), branch_scale=0, learn_scales=True)
    trace = net.forward(rng(1).standard_normal((7, 3)))
    gradients = net.backward(trace, rng(2).standard_normal((7, 2)))
    for l in (1, 2, 3):
        np.testing.assert_array_equal(trace.z[l], trace.z[0])
        np.testing.assert_array_equal(gradients.dz[l], gradients.dz[0])
        np.testing.assert_array_equal(net.jacobian(trace, l), np.eye(5))
        assert not gradients.dW[l].any() and gradients.dscales[l - 1] != 0  # α learns first, the branch once α has moved


def test_a_step_down_the_gradient_lowers_the_cost_and_old_arrays_serve_again():
    net = build("layer")
    x, y = rng(1).standard_normal((20, 3)), 0.5 * rng(2).standard_normal((20, 2))
    optimizer, trace, gradients, costs = SGD(0.1), None, None, []
    for _ in range(30):
        trace = net.forward(x, trace)
        before = trace.z[0]
        gradients = net.backward(trace, half_mse.gradient(trace.a[-1], y), gradients)
        optimizer.step(net.parameters(), gradients.parameters())
        costs.append(half_mse(trace.a[-1], y))
    assert costs[-1] < 0.5 * costs[0] and net.forward(x, trace).z[0] is before
    fresh = net.backward(net.forward(x), half_mse.gradient(net.forward(x).a[-1], y))
    again = net.backward(net.forward(x, trace), half_mse.gradient(net.forward(x).a[-1], y), gradients)
    for a, b in zip(fresh.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_single_precision_stays_and_an_explosion_is_silent():
    net = ResidualNet.create([3, 20, *[20] * 200, 2], rng(), "kaiming_normal", dtype=np.float32, branch_scale=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = net.forward(np.ones((4, 3)))
        gradients = net.backward(trace, np.ones((4, 2)))
    assert not np.isfinite(trace.a[-1]).all()
    assert {v.dtype for v in [*trace.z, *gradients.dz, *gradients.dW]} == {np.dtype(np.float32)}


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="weights: expected hidden layers of one width"):
        ResidualNet.create([3, 4, 5, 2], rng())
    with pytest.raises(ValueError, match="weights: expected at least 2 layers"):
        ResidualNet.create([3, 2], rng())
    with pytest.raises(ValueError, match="placement: expected one of pre, post"):
        ResidualNet.create([3, 4, 4, 2], rng(), placement="peri")
    with pytest.raises(ValueError, match="branch_scale: expected a finite number"):
        ResidualNet.create([3, 4, 4, 2], rng(), branch_scale=np.inf)
    net = build("batch")
    with pytest.raises(ValueError, match=r"scales: expected shape \(3,\)"):
        ResidualNet(net.weights, net.biases, scales=np.ones(2))
    trace = net.forward(rng().standard_normal((4, 3)))
    with pytest.raises(ValueError, match="trace: expected one of train=False"):
        net.jacobian(trace, 1)
    with pytest.raises(ValueError, match="l: expected a block, 1 to 3"):
        net.jacobian(trace, 4)
    with pytest.raises(ValueError, match="dout: expected shape"):
        net.backward(trace, np.ones((4, 3)))
