import numpy as np
import pytest

from livegrad.gradcheck import check_gradient, numerical_gradient
from livegrad.lstm import LSTM

N, T, D, H = 3, 5, 2, 4


def rng(seed=0):
    return np.random.default_rng(seed)


def small():
    """A layer with no parameter at a special value, something to read, and states to start from."""
    net = LSTM.create(D, H, rng())
    net.b += 0.3 * rng(1).standard_normal(4 * H)
    return net, rng(2).standard_normal((N, T, D)), rng(3).standard_normal((N, H)), rng(4).standard_normal((N, H))


def test_passes_are_those_of_pytorch(torch_values):
    v = {key.removeprefix("lstm/"): value for key, value in torch_values.items() if key.startswith("lstm/")}
    net = LSTM(v["W_x"], v["W_h"], v["b"])
    trace = net.forward(v["x"], v["h0"], v["c0"])
    gradients = net.backward(trace, v["dh"])
    got = {"h": trace.h, "c": trace.c, "jacobian": net.jacobian(trace, 0)[0]}
    got |= {key: getattr(gradients, key) for key in ("dW_x", "dW_h", "db", "dx", "dh0", "dc0")}
    for key, value in got.items():
        np.testing.assert_allclose(value, v[key], rtol=1e-10, atol=1e-13, err_msg=key)


def test_every_gradient_is_the_central_difference():
    net, x, h0, c0 = small()
    dh = rng(5).standard_normal((N, T, H))
    gradients = net.backward(net.forward(x, h0, c0), dh)
    given = gradients.dx, gradients.dh0, gradients.dc0
    for p, g in [*zip(net.parameters(), gradients.parameters()), *zip((x, h0, c0), given)]:
        original = p.copy()

        def cost(value, p=p):
            p[...] = value
            return float(np.vdot(net.forward(x, h0, c0).h, dh))

        check_gradient(cost, original, g, tolerance=1e-7)
        p[...] = original


def test_the_jacobian_is_the_central_difference_and_its_products_carry_gradients_back():
    net, x, h0, c0 = small()
    trace = net.forward(x, h0, c0)
    both = np.concatenate([trace.cells, trace.states], axis=2)
    for row in range(2 * H):
        def entry(state, row=row):
            step = net.forward(x[:1, 2:3], state[None, H:], state[None, :H])
            return float(np.concatenate([step.c[0, 0], step.h[0, 0]])[row])

        np.testing.assert_allclose(net.jacobian(trace, 2)[0, row], numerical_gradient(entry, both[2, 0]), atol=1e-8)
    dh = np.zeros((N, T, H))
    dh[:, -1] = rng(6).standard_normal((N, H))
    v = np.concatenate([np.zeros((N, H)), dh[:, -1]], axis=1)
    for t in range(T - 1, -1, -1):
        v = np.einsum("ni,nij->nj", v, net.jacobian(trace, t))
    gradients = net.backward(trace, dh)
    np.testing.assert_allclose(v, np.concatenate([gradients.dc0, gradients.dh0], axis=1), rtol=1e-12)


def test_the_additive_path_is_the_forget_gate_and_with_no_way_through_h_it_is_all():
    net, x, h0, c0 = small()
    trace = net.forward(x, h0, c0)
    for t in range(T):
        np.testing.assert_array_equal(net.jacobian(trace, t)[:, :H, :H], trace.forget[:, t, :, None] * np.eye(H))
    z = h0 @ net.W_h.T + x[:, 0] @ net.W_x.T + net.b
    np.testing.assert_allclose(trace.forget[:, 0], 1 / (1 + np.exp(-z[:, H:2 * H])))
    net.W_h[:] = 0
    trace = net.forward(x, h0, c0)
    product = np.eye(2 * H)
    for t in range(T):
        product = net.jacobian(trace, t) @ product
    np.testing.assert_allclose(product[:, :H, :H], trace.forget.prod(axis=1)[:, :, None] * np.eye(H), rtol=1e-12)
    assert not product[:, :, H:].any()


def test_float32_stays_float32_and_huge_inputs_saturate_without_a_warning():
    net, x, _, _ = small()
    half = LSTM(*(p.astype(np.float32) for p in net.parameters()))
    trace = half.forward(1e30 * x)
    assert trace.h.dtype == half.jacobian(trace, 0).dtype == half.backward(trace, np.zeros((N, T, H))).dW_h.dtype == np.float32
    assert np.isfinite(trace.h).all() and set(np.unique(trace.forget)) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LSTM(np.ones((8, 1)), np.ones((6, 2)), np.ones(8)), r"W_h: expected shape \(8, 2\), got \(6, 2\)"),
        (lambda: LSTM(np.ones((4, 1), np.float32), np.ones((4, 1)), np.ones(4)), "parameters: expected float64 like W_h"),
        (lambda: LSTM.create(1, 0, rng()), "n_in and n_hidden: expected"),
        (lambda: LSTM.create(1, 2, rng(), forget_bias=np.inf), "forget_bias: expected a finite number"),
        (lambda: LSTM.create(1, 2, rng()).forward(np.ones((1, 3))), "x: expected shape"),
        (lambda: LSTM.create(1, 2, rng()).forward(np.ones((1, 3, 1)), c0=np.ones((2, 2))), "c0: expected shape"),
        (lambda: LSTM.create(1, 2, rng()).jacobian(small()[0].forward(small()[1]), 0), "trace: expected the trace"),
        (lambda: small()[0].jacobian(small()[0].forward(small()[1]), T), f"t: expected a step from 0 to {T - 1}, got {T}"),
        (lambda: small()[0].backward(small()[0].forward(small()[1]), np.ones((N, 1, H))), "dh: expected shape"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
