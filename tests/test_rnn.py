import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegrad.activations import ACTIVATIONS
from livegrad.gradcheck import check_gradient
from livegrad.losses import softmax_cross_entropy
from livegrad.rnn import RNN, SequenceModel

N, T, D, H, K = 3, 8, 2, 4, 5
PARAMETERS = ("W_x", "W_h", "b")
both = pytest.mark.parametrize("layer_norm", [False, True], ids=["plain", "layer_norm"])
like_torch = pytest.mark.parametrize("activation", ["tanh", "relu"])
pairs = st.tuples(st.integers(-1, T - 1), st.integers(0, T - 1)).map(sorted).filter(lambda p: p[1] >= 0)


def rng(seed=0):
    return np.random.default_rng(seed)


def small(activation="tanh", layer_norm=False, seed=0, dtype=np.float64):
    """A layer with no parameter at a special value, and something to read."""
    net = RNN.create(D, H, rng(seed), activation=activation, layer_norm=layer_norm, dtype=dtype)
    for p in net.parameters():
        p += (0.3 * rng(seed + 1).standard_normal(p.shape)).astype(dtype)
    x, dh = rng(seed + 2).standard_normal((N, T, D)), rng(seed + 3).standard_normal((N, T, H))
    return net, net.forward(x, rng(seed + 4).standard_normal((N, H))), dh


def model_of(values, activation, layer_norm=False):
    gamma = values["rnn/gamma"] if layer_norm else None
    rnn = RNN(*(values[f"rnn/{p}"].copy() for p in PARAMETERS), activation, gamma)
    return SequenceModel(rnn, values["rnn/W_s"], values["rnn/c"])


def window_sum(net, trace, dh, tau, chunk=None):
    """∂J/∂h0 and the parameters' gradients as the double sum over t and k, with matrices and in loops."""
    a_hat = trace.normalized.x_hat if net.gamma is not None else None
    sums = {p: 0.0 for p in ("W_x", "W_h", "b", "gamma", "h0")}
    for t in range(T):
        for k in range(t, -2, -1):
            if t - k > tau or (chunk and k // chunk != t // chunk and not (k == -1 and t < chunk)):
                break
            d = np.einsum("ni,nij->nj", dh[:, t], net.jacobian_product(trace, t, k))
            if k == -1:
                sums["h0"] = sums["h0"] + d
                break
            dz = d * net.activation.derivative(trace.z[:, k])
            da = dz
            if net.gamma is not None:
                x_hat, std = a_hat[k], trace.normalized.std[k]
                centering = np.eye(H) - 1 / H - np.einsum("ni,nj->nij", x_hat, x_hat) / H
                da = np.einsum("ni,nij->nj", dz * net.gamma, centering) / std
                sums["gamma"] = sums["gamma"] + (dz * x_hat).sum(axis=0)
            before = trace.h[:, k - 1] if k else trace.h0
            sums["W_h"] = sums["W_h"] + da.T @ before
            sums["W_x"] = sums["W_x"] + da.T @ trace.x[:, k]
            sums["b"] = sums["b"] + dz.sum(axis=0)
    return sums


def assert_same(gradients, sums):
    names = ["W_x", "W_h", "b"] + (["gamma"] if gradients.dgamma is not None else [])
    for name, g in zip(names, gradients.parameters()):
        np.testing.assert_allclose(g, sums[name], rtol=1e-10, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(gradients.dh0, sums["h0"] * np.ones((N, H)), rtol=1e-10, atol=1e-12)


# --- against PyTorch ---


@like_torch
def test_passes_are_those_of_pytorch(activation, torch_values):
    model = model_of(torch_values, activation)
    trace = model.forward(torch_values["rnn/x"], torch_values["rnn/h0"])
    gradients = model.backward(trace, torch_values["rnn/targets"])
    got = dict(zip(("dW_x", "dW_h", "db", "dW_s", "dc"), gradients.parameters()))
    got |= {"h": trace.recurrent.h, "dh": gradients.recurrent.dh, "dz": gradients.recurrent.dz}
    got |= {"dx": model.rnn.input_gradient(gradients.recurrent), "dh0": gradients.recurrent.dh0}
    got["cost"] = model.cost(trace, torch_values["rnn/targets"]).mean
    for key, value in got.items():
        expected = torch_values[f"rnn/{activation}/{key}"]
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-13, err_msg=key)


@like_torch
@pytest.mark.parametrize(
    ("case", "options"),
    [("tau0", {"tau": 0}), ("tau2", {"tau": 2}), ("chunk3", {"chunk": 3}), ("layer_norm", {})],
)
def test_truncation_and_layer_norm_are_those_of_autograd(activation, case, options, torch_values):
    model = model_of(torch_values, activation, case == "layer_norm")
    trace = model.forward(torch_values["rnn/x"], torch_values["rnn/h0"])
    gradients = model.backward(trace, torch_values["rnn/targets"], **options)
    names = ["dW_x", "dW_h", "db", *(["dgamma"] if case == "layer_norm" else []), "dW_s", "dc"]
    got = dict(zip(names, gradients.parameters())) | {"dh0": gradients.recurrent.dh0, "h": trace.recurrent.h}
    got["dx"] = model.rnn.input_gradient(gradients.recurrent)
    if "tau" not in options:
        got |= {"dh": gradients.recurrent.dh, "dz": gradients.recurrent.dz}
    for key, value in got.items():
        expected = torch_values[f"rnn/{activation}/{case}/{key}"]
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-13, err_msg=key)


# --- against central differences and against the definition ---


@pytest.mark.parametrize("activation", ACTIVATIONS)
@both
def test_every_gradient_is_the_central_difference(activation, layer_norm):
    net, trace, dh = small(activation, layer_norm)
    gradients = net.backward(trace, dh)
    x, h0 = trace.x.copy(), trace.h0.copy()

    def cost():
        return float(np.vdot(net.forward(x, h0).h, dh))

    pairs = [*zip(net.parameters(), gradients.parameters()), (x, net.input_gradient(gradients)), (h0, gradients.dh0)]
    for p, g in pairs:
        original = p.copy()

        def of(value, p=p):
            p[...] = value
            return cost()

        check_gradient(of, original, g, tolerance=1e-7)
        p[...] = original


def test_one_unit_by_hand():
    w, u, b, h0 = 0.7, -1.1, 0.2, 0.3
    x = [0.5, -0.4, 0.9]
    net = RNN([[u]], [[w]], [b])
    gradients = net.backward(net.forward(np.reshape(x, (1, 3, 1)), [[h0]]), [[[1.0]]], steps=[2])
    h1 = np.tanh(w * h0 + u * x[0] + b)
    h2 = np.tanh(w * h1 + u * x[1] + b)
    h3 = np.tanh(w * h2 + u * x[2] + b)
    s1, s2, s3 = 1 - h1**2, 1 - h2**2, 1 - h3**2
    assert gradients.dW_h.item() == pytest.approx(s3 * (h2 + w * s2 * (h1 + w * s1 * h0)), rel=1e-14)
    assert gradients.dW_x.item() == pytest.approx(s3 * (x[2] + w * s2 * (x[1] + w * s1 * x[0])), rel=1e-14)
    assert gradients.dh0.item() == pytest.approx(s3 * w * s2 * w * s1 * w, rel=1e-14)


@both
@pytest.mark.parametrize("tau", [0, 1, 3, T - 1, T, T + 5])
def test_truncated_gradient_is_the_double_sum_over_its_window(layer_norm, tau):
    net, trace, dh = small(layer_norm=layer_norm)
    assert_same(net.backward(trace, dh, tau=tau), window_sum(net, trace, dh, tau))


@both
@pytest.mark.parametrize("chunk", [1, 3, 4, T, T + 2])
def test_cut_gradient_is_the_double_sum_within_its_chunk(layer_norm, chunk):
    net, trace, dh = small(layer_norm=layer_norm)
    assert_same(net.backward(trace, dh, chunk=chunk), window_sum(net, trace, dh, T, chunk))


@both
def test_whole_gradient_is_the_double_sum(layer_norm):
    net, trace, dh = small(layer_norm=layer_norm)
    assert_same(net.backward(trace, dh), window_sum(net, trace, dh, T))


@both
def test_chunks_fed_one_by_one_with_the_state_carried_give_the_cut_gradient(layer_norm):
    net, trace, dh = small(layer_norm=layer_norm)
    whole = net.backward(trace, dh, chunk=3)
    state, sums = trace.h0, [0.0] * len(net.parameters())
    for start in range(0, T, 3):
        piece = net.forward(trace.x[:, start : start + 3], state)
        sums = [s + g for s, g in zip(sums, net.backward(piece, dh[:, start : start + 3]).parameters())]
        state = piece.last
    np.testing.assert_allclose(state, trace.last, rtol=1e-13)
    for g, s in zip(whole.parameters(), sums):
        np.testing.assert_allclose(g, s, rtol=1e-11, atol=1e-13)


def test_a_shorter_window_never_sees_further():
    net, trace, dh = small()
    for tau in range(T):
        d = net.backward(trace, dh[:, -1:], steps=[-1], tau=tau).dh
        assert (d[:, : T - 1 - tau] == 0).all() and (d[:, T - 1 - tau :] != 0).all()


@both
def test_gradients_at_some_steps_are_those_with_zeros_elsewhere(layer_norm):
    net, trace, dh = small(layer_norm=layer_norm)
    padded = np.zeros_like(dh)
    padded[:, [6, 1]] = dh[:, :2]
    for options in ({}, {"tau": 2}, {"chunk": 3}):
        some = net.backward(trace, dh[:, :2], steps=[-2, 1], **options)
        for g, p in zip(some.parameters(), net.backward(trace, padded, **options).parameters()):
            np.testing.assert_allclose(g, p, rtol=1e-13, atol=1e-14)


@given(st.permutations(range(N)))
def test_the_order_of_the_sequences_does_not_matter(order):
    net, trace, dh = small()
    gradients = net.backward(trace, dh)
    shuffled = net.forward(trace.x[order], trace.h0[order])
    np.testing.assert_allclose(shuffled.h, trace.h[order], rtol=1e-13)
    for g, s in zip(gradients.parameters(), net.backward(shuffled, dh[order]).parameters()):
        np.testing.assert_allclose(s, g, rtol=1e-11, atol=1e-13)


def test_what_is_read_later_does_not_change_earlier_states():
    net, trace, _ = small()
    short = net.forward(trace.x[:, :3], trace.h0)
    np.testing.assert_allclose(short.h, trace.h[:, :3], rtol=1e-14)


# --- Jacobians ---


@both
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "gelu", "linear"])
def test_jacobian_is_the_central_difference(activation, layer_norm):
    net, trace, dh = small(activation, layer_norm)
    J = net.jacobian(trace, 5)
    for n in range(N):
        v = dh[n, 0]

        def projected(h, n=n, v=v):
            return float(net.forward(trace.x[n : n + 1, 5:6], h[np.newaxis]).last[0] @ v)

        check_gradient(projected, trace.h[n, 4], v @ J[n], tolerance=1e-8)


@both
@given(pair=pairs)
def test_matrices_and_the_vector_product_agree(layer_norm, pair):
    k, t = pair
    net, trace, dh = small(layer_norm=layer_norm)
    product = net.jacobian_product(trace, t, k)
    back = net.vjp(trace, dh[:, 0], t, k)
    np.testing.assert_allclose(back, np.einsum("ni,nij->nj", dh[:, 0], product), rtol=1e-10, atol=1e-12)
    chained = np.eye(H)
    for s in range(t, k, -1):
        chained = chained @ net.jacobian(trace, s)
    np.testing.assert_allclose(product, np.broadcast_to(chained, product.shape), rtol=1e-12, atol=1e-14)


def test_jacobian_products_of_one_step_to_all_earlier_ones():
    net, trace, _ = small()
    products = net.jacobian_products(trace, 5)
    assert products.shape == (N, 6, H, H)
    for k in range(6):
        np.testing.assert_allclose(products[:, k], net.jacobian_product(trace, 5, k), rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(products[:, 5], np.broadcast_to(np.eye(H), (N, H, H)))


def test_linear_net_multiplies_by_powers_of_its_matrix():
    net, trace, dh = small("linear")
    power = np.linalg.matrix_power(net.W_h, 6)
    np.testing.assert_allclose(net.jacobian_product(trace, 7, 1), np.broadcast_to(power, (N, H, H)), rtol=1e-12)
    np.testing.assert_allclose(net.vjp(trace, dh[:, 0], 7, 1), dh[:, 0] @ power, rtol=1e-12)


def test_jacobian_is_the_slope_times_the_matrix_as_in_the_papers():
    net, trace, _ = small()
    expected = [np.diag(1 - trace.h[n, 3] ** 2) @ net.W_h for n in range(N)]
    np.testing.assert_allclose(net.jacobian(trace, 3), expected, rtol=1e-13)


@both
def test_table_of_norms_is_the_norm_of_each_gradient_carried_back(layer_norm):
    net, trace, dh = small(layer_norm=layer_norm)
    table = net.gradient_norms(trace, dh)
    for t in range(T):
        for k in range(T):
            d = net.vjp(trace, dh[:, t], t, k) if k <= t else np.zeros((N, H))
            np.testing.assert_allclose(table[:, t, k], np.linalg.norm(d, axis=1), rtol=1e-10)
    some = net.gradient_norms(trace, dh[:, [4]], steps=[4])
    np.testing.assert_allclose(some[:, 4], table[:, 4], rtol=1e-13)
    assert not np.delete(some, 4, axis=1).any()


@given(st.floats(0.1, 3), st.integers(0, 20))
def test_no_jacobian_exceeds_its_bound(scale, seed):
    net = RNN.create(D, H, rng(seed), init=lambda shape, r: scale * r.standard_normal(shape))
    trace = net.forward(rng(seed + 1).standard_normal((N, T, D)))
    bounds = net.step_bounds(trace)
    for t in range(T):
        norms = np.linalg.norm(net.jacobian(trace, t), 2, axis=(1, 2))
        assert (norms <= bounds[:, t] * (1 + 1e-12)).all()
    largest = np.linalg.norm(net.jacobian_product(trace, T - 1, 0), 2, axis=(1, 2))
    assert (largest <= bounds[:, 1:].prod(axis=1) * (1 + 1e-12)).all()


def test_spectral_radius_below_one_does_not_bound_a_step():
    net = RNN(np.eye(2), [[0.5, 5.0], [0.0, 0.5]], np.zeros(2), "linear")
    trace = net.forward(np.zeros((1, 3, 2)))
    assert np.abs(np.linalg.eigvals(net.W_h)).max() == 0.5
    assert np.linalg.norm(net.jacobian(trace, 1)[0], 2) > 5


# --- numbers at the edge, memory, types ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@both
def test_dtype_of_the_weights_is_that_of_everything(dtype, layer_norm):
    net, trace, dh = small(layer_norm=layer_norm, dtype=dtype)
    assert {p.dtype for p in net.parameters()} == {np.dtype(dtype)}
    for options in ({}, {"tau": 2}, {"chunk": 3}):
        gradients = net.backward(trace, dh, **options)
        arrays = [*gradients.parameters(), gradients.dh, gradients.dz, gradients.dh0, net.input_gradient(gradients)]
        assert {a.dtype for a in [*arrays, trace.h, trace.z, trace.x]} == {np.dtype(dtype)}
    products = [net.jacobian_product(trace, 3, k) for k in (1, 3)]
    assert {a.dtype for a in [*products, net.vjp(trace, dh[:, 0], 3, 1)]} == {np.dtype(dtype)}


def test_float32_holds_the_rounded_weights_and_comes_close():
    net, trace, dh = small()
    single, short, _ = small(dtype=np.float32)
    np.testing.assert_allclose(single.W_h, net.W_h, rtol=1e-6)
    np.testing.assert_allclose(single.backward(short, dh).dW_h, net.backward(trace, dh).dW_h, rtol=1e-4, atol=1e-5)


def test_an_exploding_net_overflows_without_a_warning():
    net = RNN([[1.0]], [[1e30]], [0.0], "relu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = net.forward(np.ones((1, 20, 1)))
        gradients = net.backward(trace, np.ones((1, 20, 1)))
        net.backward(trace, np.ones((1, 20, 1)), tau=15)
        table = net.gradient_norms(trace, np.ones((1, 20, 1)))
        products = net.jacobian_products(trace, 19)
    assert trace.h[0, -1, 0] == np.inf == gradients.dW_x and not np.isfinite(gradients.dW_h)
    assert table[0, 19, 15] == pytest.approx(1e120) and table[0, 19, 8] == np.inf
    assert table[0, 19, 9] == pytest.approx(1e300) == products[0, 9, 0, 0]


def test_a_vanishing_net_raises_no_flag_at_all():
    net = RNN(np.eye(2), 1e-30 * np.eye(2), np.zeros(2))
    with np.errstate(all="raise", under="ignore"):
        gradients = net.backward(net.forward(np.ones((1, 20, 2))), np.ones((1, 1, 2)), steps=[-1])
    assert np.isfinite(gradients.dW_x).all() and (gradients.dh[0, 0] == 0).all() and gradients.dh[0, 15].all()


@both
def test_old_arrays_are_reused_and_change_nothing(layer_norm):
    net, trace, dh = small(layer_norm=layer_norm)
    x, h0 = trace.x.copy(), trace.h0.copy()
    fresh = net.backward(trace, dh)
    old_trace = net.forward(-x)
    old = net.backward(old_trace, 2 * dh)
    again = net.forward(x, h0, old_trace)
    gradients = net.backward(again, dh, gradients=old)
    assert np.shares_memory(again.h, old_trace.h) and np.shares_memory(gradients.dh, old.dh)
    np.testing.assert_array_equal(again.h, trace.h)
    for g, f in zip([*gradients.parameters(), gradients.dh, gradients.dz], [*fresh.parameters(), fresh.dh, fresh.dz]):
        np.testing.assert_array_equal(g, f)
    longer = net.forward(np.concatenate([x, x], axis=1), h0, again)
    assert longer.h.shape == (N, 2 * T, H)
    assert net.backward(longer, np.ones((N, 2 * T, H)), gradients=old).dh.shape == (N, 2 * T, H)


def test_a_state_may_be_carried_on_in_the_trace_that_is_reused():
    net, trace, _ = small()
    x = trace.x.copy()
    expected = net.forward(np.concatenate([x, x], axis=1)).last
    first = net.forward(x)
    np.testing.assert_allclose(net.forward(x, first.last, first).last, expected, rtol=1e-13)


def test_memory_of_whole_bptt_is_four_arrays_of_states_and_grows_linearly():
    net, sizes = RNN.create(D, 32, rng()), []
    for steps in (50, 200):
        x, dh = np.ones((16, steps, D)), np.ones((16, steps, 32))
        tracemalloc.start()
        trace = net.forward(x)
        net.backward(trace, dh)
        sizes.append(tracemalloc.get_traced_memory()[1] / (8 * steps * 16 * (4 * 32 + D)))
        tracemalloc.stop()
    assert sizes[0] < 1.4 and sizes[1] < 1.2


# --- creation and symbols ---


def test_recurrent_weights_do_not_depend_on_the_inputs():
    narrow, wide = RNN.create(2, 5, rng(7)), RNN.create(30, 5, rng(7))
    np.testing.assert_array_equal(narrow.W_h, wide.W_h)
    assert not np.array_equal(RNN.create(5, 5, rng(7)).W_h, RNN.create(5, 5, rng(7)).W_x)


def test_a_model_holds_the_layer_drawn_from_its_first_child():
    model = SequenceModel.create(3, 5, 4, rng(7), init="orthogonal", activation="relu", layer_norm=True, dtype=np.float32)
    same = RNN.create(3, 5, rng(7).spawn(1)[0], init="orthogonal", activation="relu")
    np.testing.assert_array_equal(model.rnn.W_h, same.W_h.astype(np.float32))
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert [p.shape for p in model.parameters()] == [(5, 3), (5, 5), (5,), (5,), (4, 5), (4,)]
    assert all(any(p is q for q in model.parameters()) for p in (model.rnn.W_h, model.rnn.gamma, model.W_s))


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_symbols_are_one_hot_rows(kind):
    net, symbols = RNN.create(4, 5, rng()), rng(1).integers(4, size=(N, T))
    trace = net.forward(symbols.astype(kind))
    np.testing.assert_array_equal(trace.x, np.eye(4)[symbols])
    np.testing.assert_array_equal(trace.h, net.forward(np.eye(4)[symbols]).h)


# --- the model with a readout ---


def a_model(seed=0, **options):
    model = SequenceModel.create(K, H, K, rng(seed), **options)
    symbols = rng(seed + 1).integers(K, size=(N, T + 1))
    return model, symbols[:, :-1], symbols[:, 1:]


@both
@pytest.mark.parametrize("steps", [None, [-1], [5, 2]])
@pytest.mark.parametrize("masked", [False, True])
def test_every_gradient_of_the_model_is_the_central_difference(layer_norm, steps, masked):
    model, x, targets = a_model(layer_norm=layer_norm)
    targets = targets if steps is None else targets[:, steps]
    mask = rng(5).random(targets.shape) < 0.6 if masked else None
    gradients = model.backward(model.forward(x, steps=steps), targets, mask)
    for p, g in zip(model.parameters(), gradients.parameters()):
        original = p.copy()

        def cost(value, p=p):
            p[...] = value
            return model.cost(model.forward(x, steps=steps), targets, mask).mean

        check_gradient(cost, original, g, tolerance=1e-7)
        p[...] = original


def test_cost_is_softmax_cross_entropy_over_all_steps():
    model, x, targets = a_model()
    trace = model.forward(x)
    cost = model.cost(trace, targets)
    assert cost.mean == pytest.approx(softmax_cross_entropy(trace.logits.reshape(-1, K), targets.ravel()), rel=1e-13)
    for t in range(T):
        assert cost.per_step[t] == pytest.approx(softmax_cross_entropy(trace.logits[:, t], targets[:, t]), rel=1e-13)
    assert cost.mean == pytest.approx(cost.per_step.mean(), rel=1e-13)  # J = 1/T Σ J_t
    assert cost.perplexity == pytest.approx(np.exp(cost.mean))
    np.testing.assert_allclose(trace.probabilities.sum(axis=2), 1, rtol=1e-13)
    dlogits = softmax_cross_entropy.gradient(trace.logits.reshape(-1, K), targets.ravel()).reshape(N, T, K)
    np.testing.assert_allclose(model.backward(trace, targets).dlogits, dlogits, rtol=1e-12, atol=1e-16)


def test_padded_sequences_cost_what_they_cost_alone():
    model, x, targets = a_model()
    lengths = np.array([3, T, 5])
    mask = np.arange(T) < lengths[:, np.newaxis]
    trace = model.forward(x)
    together = model.cost(trace, targets, mask)
    alone = [model.cost(model.forward(x[n : n + 1, :l]), targets[n : n + 1, :l]).mean for n, l in enumerate(lengths)]
    assert together.mean == pytest.approx(np.average(alone, weights=lengths), rel=1e-13)
    assert together.per_step[6] == pytest.approx(-trace.log_probabilities[1, 6, targets[1, 6]])  # the only one left
    nothing_late = model.cost(trace, targets, mask & (np.arange(T) < 4))
    assert np.isnan(nothing_late.per_step[4:]).all() and np.isfinite(nothing_late.per_step[:4]).all()
    d = model.backward(trace, targets, mask)
    assert (d.dlogits[~mask] == 0).all() and (d.recurrent.dh[0, 3:] == 0).all()


def test_reading_one_step_is_reading_all_and_looking_at_one():
    model, x, targets = a_model()
    trace, last = model.forward(x), model.forward(x, steps=[-1])
    np.testing.assert_array_equal(last.steps, [T - 1])
    np.testing.assert_allclose(last.logits[:, 0], trace.logits[:, -1], rtol=1e-13)
    assert model.cost(last, targets[:, -1]).mean == model.cost(last, targets[:, -1:]).mean
    shuffled = model.forward(x, steps=list(range(T))[::-1])
    np.testing.assert_allclose(shuffled.logits, trace.logits[:, ::-1], rtol=1e-13)
    backward = model.backward(shuffled, targets[:, ::-1])
    for g, s in zip(backward.parameters(), model.backward(trace, targets).parameters()):
        np.testing.assert_allclose(g, s, rtol=1e-11, atol=1e-14)


@both
def test_truncation_of_the_model_is_that_of_its_layer(layer_norm):
    model, x, targets = a_model(layer_norm=layer_norm)
    trace = model.forward(x)
    for options in ({"tau": 2}, {"chunk": 3}):
        gradients = model.backward(trace, targets, **options)
        expected = model.rnn.backward(trace.recurrent, gradients.dlogits @ model.W_s, **options)
        for g, e in zip(gradients.recurrent.parameters(), expected.parameters()):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-15)
        readout = model.backward(trace, targets)
        np.testing.assert_array_equal(gradients.dW_s, readout.dW_s)  # truncation leaves the readout alone


def test_norms_of_the_model_are_those_of_one_sequence_and_one_step():
    model, x, targets = a_model()
    table = model.gradient_norms(model.forward(x), targets)
    one = model.forward(x[1:2], steps=[5])
    d = model.backward(one, targets[1:2, 5]).recurrent.dh
    np.testing.assert_allclose(table[1, 5], np.linalg.norm(d[0], axis=1), rtol=1e-11)


def test_old_arrays_of_the_model_are_reused_and_change_nothing():
    model, x, targets = a_model()
    fresh_trace = model.forward(x)
    fresh = model.backward(fresh_trace, targets)
    old_trace = model.forward(x[::-1])
    old = model.backward(old_trace, targets)
    trace = model.forward(x, trace=old_trace)
    gradients = model.backward(trace, targets, gradients=old)
    assert np.shares_memory(trace.recurrent.h, old_trace.recurrent.h)
    assert np.shares_memory(gradients.recurrent.dh, old.recurrent.dh)
    for g, f in zip([trace.logits, *gradients.parameters()], [fresh_trace.logits, *fresh.parameters()]):
        np.testing.assert_array_equal(g, f)


def test_perplexity_of_a_hopeless_model_is_infinite_without_a_warning():
    model, x, targets = a_model()
    model.c[:] = [1e4, 0, 0, 0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.cost(model.forward(x), np.ones_like(targets)).perplexity == np.inf


# --- sampling ---


def test_samples_follow_the_predicted_probabilities():
    model, _, _ = a_model()
    n = 20_000
    start = np.full(n, 2)
    text = model.sample(2, rng(3), start)
    first = model.forward([[2]]).probabilities[0, 0]
    np.testing.assert_allclose(np.bincount(text[:, 0], minlength=K) / n, first, atol=0.015)
    after_one = text[text[:, 0] == 1, 1]
    second = model.forward([[2, 1]]).probabilities[0, 1]
    np.testing.assert_allclose(np.bincount(after_one, minlength=K) / len(after_one), second, atol=0.05)


def test_a_model_without_doubt_writes_the_likeliest_symbol_after_all_that_came_before():
    model, _, _ = a_model()
    model.W_s *= 1e6
    text = model.sample(6, rng(3), 0)
    fed = np.concatenate([[0], text[0, :-1]])[np.newaxis]
    np.testing.assert_array_equal(model.forward(fed).logits[0].argmax(axis=1), text[0])


def test_sampling_is_repeatable_and_a_small_change_changes_little():
    model, _, _ = a_model()
    start = np.zeros(300, int)
    text = model.sample(1, rng(3), start)
    np.testing.assert_array_equal(text, model.sample(1, rng(3), start))
    model.c[0] += 0.05
    changed = np.mean(text != model.sample(1, rng(3), start))
    assert 0 < changed < 0.1
    np.testing.assert_array_equal(model.sample(3, rng(3), start)[:, 0], model.sample(1, rng(3), start)[:, 0])


# --- refusals ---


def two_layers():
    return RNN.create(2, 3, rng()), RNN.create(2, 4, rng())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: RNN(np.eye(2), np.ones((2, 3)), np.zeros(2)), r"W_h: expected shape \(2, 2\), got \(2, 3\)"),
        (lambda: RNN(np.eye(3), np.eye(2), np.zeros(2)), r"W_x: expected shape \(2, any\)"),
        (lambda: RNN(np.eye(2), np.eye(2), np.zeros(3)), r"b: expected shape \(2,\)"),
        (lambda: RNN(np.eye(2), np.eye(2), np.zeros(2), gamma=np.ones(3)), r"gamma: expected shape \(2,\)"),
        (lambda: RNN(np.eye(2), np.eye(2), np.zeros(2, np.float32)), "parameters: expected float64 like W_h"),
        (lambda: RNN(np.eye(2), np.eye(2), np.zeros(2), "step"), "activation: expected one of"),
        (lambda: RNN.create(0, 3, rng()), "n_in and n_hidden: expected 1 or more integers"),
        (lambda: RNN.create(2, 3, 0), "rng: expected a numpy.random.Generator"),
        (lambda: RNN.create(2, 3, rng(), init="best"), "init: expected one of"),
        (lambda: RNN.create(2, 3, rng(), init_x=lambda s, r: np.eye(5)), r"init_x: expected shape \(3, 2\)"),
        (lambda: two_layers()[0].forward(np.ones((1, 5, 3))), r"x: expected shape \(any, any, 2\)"),
        (lambda: two_layers()[0].forward([[0, 2]]), "x: expected integers from 0 to 1, got 2"),
        (lambda: two_layers()[0].forward([[0.0, 1.0]]), r"x: expected shape \(any, any, 2\), got \(1, 2\)"),
        (lambda: two_layers()[0].forward(np.ones((1, 0, 2))), "x: expected at least one sequence"),
        (lambda: two_layers()[0].forward(np.ones((1, 5, 2)), np.ones(3)), r"h0: expected shape \(1, 3\)"),
        (lambda: two_layers()[1].backward(two_layers()[0].forward([[0]]), [[[1, 1, 1, 1]]]), "trace: expected the trace"),
        (lambda: small()[0].backward(small()[1], np.ones((N, T))), r"dh: expected shape \(3, 8, 4\)"),
        (lambda: small()[0].backward(small()[1], np.ones((N, 1, H)), steps=[T]), "steps: expected .* from -8 to 7"),
        (lambda: small()[0].backward(small()[1], np.ones((N, 2, H)), steps=[1, 1]), "steps: expected different steps"),
        (lambda: small()[0].backward(small()[1], np.ones((N, 1, H)), steps=[-1, 0]), r"dh: expected shape \(3, 2, 4\)"),
        (lambda: small()[0].backward(*small()[1:], tau=-1), "tau: expected an integer, at least 0, got -1"),
        (lambda: small()[0].backward(*small()[1:], tau=1.5), "tau: expected an integer, at least 0, got 1.5"),
        (lambda: small()[0].backward(*small()[1:], chunk=0), "chunk: expected an integer, at least 1, got 0"),
        (lambda: small()[0].backward(*small()[1:], tau=1, chunk=1), "chunk: expected no tau besides"),
        (lambda: small()[0].jacobian(small()[1], T), "t, k: expected steps with -1 <= k <= t"),
        (lambda: small()[0].jacobian_product(small()[1], 2, 3), "t, k: expected steps with .* got t=2, k=3"),
        (lambda: small()[0].vjp(small()[1], np.ones((N, H)), 1, -2), "t, k: expected steps"),
        (lambda: small()[0].vjp(small()[1], np.ones(H), 1, 0), r"v: expected shape \(3, 4\)"),
        (lambda: small(layer_norm=True)[0].step_bounds(small(layer_norm=True)[1]), "net: expected a layer without normalization"),
        (lambda: small()[0].jacobian(small(layer_norm=True)[1], 1), "trace: expected the trace"),
        (lambda: SequenceModel(two_layers()[0], np.ones((2, 4)), np.zeros(2)), r"W_s: expected shape \(any, 3\)"),
        (lambda: SequenceModel(two_layers()[0], np.ones((2, 3)), np.zeros(3)), r"c: expected shape \(2,\)"),
        (lambda: SequenceModel(two_layers()[0], np.ones((2, 3), "f4"), np.zeros(2)), "W_s and c: expected float64"),
        (lambda: a_model()[0].forward([[0, 1]], steps=[2]), "steps: expected a list of integers from -2 to 1"),
        (lambda: a_model()[0].cost(a_model()[0].forward([[0, 1]]), [[0]]), r"targets: expected shape \(1, 2\)"),
        (lambda: a_model()[0].cost(a_model()[0].forward([[0]]), [K]), "targets: expected integers from 0 to 4, got 5"),
        (lambda: a_model()[0].cost(a_model()[0].forward([[0]]), [0], [[1]]), "mask: expected booleans of shape"),
        (lambda: a_model()[0].backward(a_model()[0].forward([[0]]), [0], [[False]]), "mask: expected .* some of them True"),
        (lambda: a_model()[0].sample(0, rng(), 0), "length: expected 1 or more integers"),
        (lambda: a_model()[0].sample(1, 0, 0), "rng: expected a numpy.random.Generator"),
        (lambda: a_model()[0].sample(1, rng(), K), "start: expected integers from 0 to 4"),
        (lambda: SequenceModel.create(3, 4, 5, rng()).sample(1, rng(), 0), "model: expected as many outputs as inputs, 3, got 5"),
        (lambda: SequenceModel(RNN(np.eye(2), np.eye(2), np.zeros(2)), np.full((2, 2), np.inf), np.zeros(2)).sample(1, rng(), 0),
         "model: expected finite logits, got inf or nan"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
