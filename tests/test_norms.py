import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegrad.gradcheck import check_gradient
from livegrad.norms import BatchNorm, GroupNorm, LayerNorm, Norm, RMSNorm, standardize, standardize_backward

D, GROUPS = 6, 2
KINDS = ("batch", "layer", "group", "rms")
every_kind = pytest.mark.parametrize("kind", KINDS)
row_kinds = pytest.mark.parametrize("kind", KINDS[1:])


def rng(seed=0):
    return np.random.default_rng(seed)


def make(kind, n=D, dtype=np.float64, **options) -> Norm:
    if kind == "group":
        options["groups"] = GROUPS
    layers = {"batch": BatchNorm, "layer": LayerNorm, "group": GroupNorm, "rms": RMSNorm}
    return layers[kind].create(n, dtype=dtype, **options)


def like_torch(kind, values):
    """The layer of the reference: same γ, β and, for batch norm, PyTorch's conventions."""
    layer = make(kind, **({"momentum": 1 - 0.3, "unbiased": True} if kind == "batch" else {}))
    layer.gamma[:] = values["norm/gamma"]
    if layer.beta is not None:
        layer.beta[:] = values["norm/beta"]
    return layer


def assert_pass_is(layer, x, dout, values, name, train=True):
    trace = layer.forward(x, train)
    gradients = layer.backward(trace, dout)
    got = {"out": trace.out, "dx": gradients.dx, "dgamma": gradients.dgamma, "dbeta": gradients.dbeta}
    for key, value in got.items():
        if value is None:
            assert f"norm/{name}/{key}" not in values
        else:
            np.testing.assert_allclose(value, values[f"norm/{name}/{key}"], rtol=1e-10, atol=1e-13, err_msg=key)


def random_layer(kind, dtype=np.float64):
    layer = make(kind, dtype=dtype)
    for p in layer.parameters():
        p += (0.5 * rng(8).standard_normal(p.shape)).astype(dtype)
    return layer


# --- against PyTorch ---


@every_kind
def test_passes_are_those_of_pytorch(kind, torch_values):
    layer = like_torch(kind, torch_values)
    for k, x in enumerate(torch_values["norm/batches"]):
        assert_pass_is(layer, x, torch_values["norm/dout"], torch_values, f"{kind}/{k}")


def test_running_statistics_and_evaluation_are_those_of_pytorch(torch_values):
    layer = like_torch("batch", torch_values)
    for x in torch_values["norm/batches"]:
        layer.forward(x)
    for name in ("running_mean", "running_var"):
        np.testing.assert_allclose(getattr(layer, name), torch_values[f"norm/batch/{name}"], rtol=1e-13)
    x, dout = torch_values["norm/batches"][0], torch_values["norm/dout"]
    assert_pass_is(layer, x, dout, torch_values, "batch/eval", train=False)


@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_sequences_are_normalized_row_by_row_as_in_pytorch(kind, torch_values):
    x = torch_values["norm/sequences"]
    assert_pass_is(like_torch(kind, torch_values), x, x[::-1], torch_values, f"{kind}/sequences")


# --- against central differences ---


@pytest.mark.parametrize("train", [True, False])
@every_kind
def test_every_gradient_is_the_central_difference(kind, train):
    layer, x, dout = random_layer(kind), 2 + rng(1).standard_normal((5, D)), rng(2).standard_normal((5, D))
    layer.forward(x)  # moves the running averages away from 0 and 1
    if kind == "batch":
        layer.momentum = 1.0  # and now they stay
    gradients = layer.backward(layer.forward(x, train), dout)
    for p, g in zip([x, *layer.parameters()], [gradients.dx, *gradients.parameters()]):
        original = p.copy()

        def cost(value, p=p):
            p[...] = value
            return float(np.vdot(layer.forward(x, train).out, dout))

        check_gradient(cost, original, g, tolerance=1e-7)
        p[...] = original


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("center", [True, False])
def test_standardize_has_the_gradient_of_its_definition(axis, center):
    x, g = rng(1).standard_normal((4, 5)), rng(2).standard_normal((4, 5))

    def cost(x):
        centered = x - x.mean(axis=axis, keepdims=True) if center else x
        return float((centered / np.sqrt((centered**2).mean(axis=axis, keepdims=True) + 1e-3) * g).sum())

    done = standardize(x, axis, 1e-3, center)
    assert float((done.x_hat * g).sum()) == pytest.approx(cost(x), rel=1e-12)
    check_gradient(cost, x, standardize_backward(g, done, axis, center), tolerance=1e-8)


def test_jacobian_of_standardizing_is_the_symmetric_matrix_of_the_docstring():
    x, n = rng(1).standard_normal(5), 5
    done = standardize(x, eps=1e-3)
    J = (np.eye(n) - 1 / n - np.outer(done.x_hat, done.x_hat) / n) / done.std
    by_rows = np.stack([standardize_backward(e, done) for e in np.eye(n)])
    np.testing.assert_allclose(by_rows, J, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(J, J.T, rtol=1e-14)


# --- what each layer is for ---


def test_batch_norm_standardizes_columns_and_layer_norm_rows():
    x = 5 + 3 * rng().standard_normal((50, D))
    columns, rows = make("batch", eps=0).forward(x).out, make("layer", eps=0).forward(x).out
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(columns.var(axis=0), 1, rtol=1e-13)
    np.testing.assert_allclose(rows.mean(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(rows.var(axis=1), 1, rtol=1e-13)
    parts = make("group", eps=0).forward(x).out.reshape(50, GROUPS, -1)
    np.testing.assert_allclose(parts.mean(axis=2), 0, atol=1e-13)
    np.testing.assert_allclose((make("rms", eps=0).forward(x).out ** 2).mean(axis=1), 1, rtol=1e-13)


def test_one_group_is_layer_norm():
    x, dout = rng().standard_normal((2, 5, D))
    group, layer = GroupNorm.create(D, groups=1), LayerNorm.create(D)
    a, b = group.forward(x), layer.forward(x)
    np.testing.assert_array_equal(a.out, b.out)
    np.testing.assert_array_equal(group.backward(a, dout).dx, layer.backward(b, dout).dx)


def test_gamma_and_beta_can_undo_it():
    x = 3 + 2 * rng().standard_normal((20, D))
    layer = make("batch")
    used = layer.forward(x).used
    layer.gamma[:], layer.beta[:] = used.std[0], used.mean[0]  # γ = √(Var + ε), β = E
    np.testing.assert_allclose(layer.forward(x).out, x, rtol=1e-13)


@given(st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_scale_and_shift_of_a_feature_do_not_come_through_batch_norm(scale, shift):
    x = rng().standard_normal((20, D))
    layer = make("batch", eps=0)
    np.testing.assert_allclose(layer.forward(scale * x + shift).out, layer.forward(x).out, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["batch", "layer", "group", "rms"])
def test_the_gradient_asks_for_neither_shift_nor_stretch(kind):
    x, dout = rng(1).standard_normal((2, 7, D))
    layer = make(kind, eps=0)
    dx = layer.backward(layer.forward(x), dout).dx
    if kind == "group":
        x, dx = x.reshape(7, GROUPS, -1), dx.reshape(7, GROUPS, -1)
    axis = 0 if kind == "batch" else -1
    np.testing.assert_allclose((dx * x).sum(axis=axis), 0, atol=1e-13)
    if kind != "rms":
        np.testing.assert_allclose(dx.sum(axis=axis), 0, atol=1e-13)


@pytest.mark.parametrize(
    ("kind", "train", "moves"),
    [("batch", True, [True] * 5), ("batch", False, [True] + [False] * 4)]
    + [(kind, True, [True] + [False] * 4) for kind in KINDS[1:]],
)
def test_one_example_moves_all_others_only_while_batch_norm_trains(kind, train, moves):
    x = rng().standard_normal((5, D))
    moved = x.copy()
    moved[0, 0] += 3
    layer = make(kind)
    change = layer.forward(moved, train).out != layer.forward(x, train).out
    assert change.any(axis=1).tolist() == moves


@row_kinds
def test_rows_alone_give_what_rows_together_give_in_both_modes(kind):
    layer, x = random_layer(kind), rng().standard_normal((4, 5, D))
    out = layer.forward(x).out
    np.testing.assert_array_equal(layer.forward(x, train=False).out, out)
    np.testing.assert_allclose(layer.forward(x[2, 3]).out, out[2, 3], rtol=1e-13)
    np.testing.assert_allclose(layer.forward(x[2:3, 3]).out, out[2:3, 3], rtol=1e-13)


# --- running averages ---


@pytest.mark.parametrize("unbiased", [False, True])
def test_running_averages_are_the_recurrence_of_the_docstring(unbiased):
    layer, mean, var = make("batch", momentum=0.8, unbiased=unbiased), 0.0, 1.0
    for seed in range(4):
        x = 2 + 3 * rng(seed).standard_normal((10, D))
        layer.forward(x)
        mean, var = 0.8 * mean + 0.2 * x.mean(axis=0), 0.8 * var + 0.2 * x.var(axis=0, ddof=int(unbiased))
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-13)
    np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)
    assert layer.torch_momentum == pytest.approx(0.2)


def test_after_k_batches_momentum_to_the_k_of_the_start_is_left():
    layer, x = make("batch", momentum=0.9), 4 + rng().standard_normal((10, D))
    for _ in range(7):
        layer.forward(x)
    np.testing.assert_allclose(layer.running_mean, (1 - 0.9**7) * x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var - x.var(axis=0), 0.9**7 * (1 - x.var(axis=0)), rtol=1e-10)


def test_evaluation_leaves_the_running_averages_alone_and_its_trace_keeps_them():
    layer, x = make("batch"), rng().standard_normal((10, D))
    trace = layer.forward(x, train=False)
    np.testing.assert_array_equal(layer.running_mean, 0)
    layer.forward(x + 5)
    assert layer.running_mean.all() and not trace.used.mean.any()


def test_warmed_up_evaluation_is_training():
    layer, x = make("batch", momentum=0.0), 3 + rng().standard_normal((10, D))
    trained = layer.forward(x).out
    np.testing.assert_allclose(layer.forward(x, train=False).out, trained, rtol=1e-12)
    np.testing.assert_allclose(layer.forward(x[:1], train=False).out, trained[:1], rtol=1e-12)


# --- numbers at the edge ---


@every_kind
def test_float32_stays_float32(kind):
    layer = random_layer(kind, np.float32)
    trace = layer.forward(rng().standard_normal((5, D)))
    gradients = layer.backward(trace, np.ones((5, D)))
    arrays = [trace.out, trace.used.x_hat, trace.used.std, gradients.dx, *gradients.parameters(), *layer.parameters()]
    if kind == "batch":
        arrays += [layer.running_mean, layer.running_var, layer.forward(np.ones((5, D)), train=False).out]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_the_mean_is_subtracted_before_squaring():
    """E[x²] − E[x]² would lose every digit of this variance."""
    x = 1e8 + np.array([[0.0], [1.0], [2.0]])
    np.testing.assert_allclose(standardize(x, eps=0).var, [[2 / 3]], rtol=1e-12)


def test_the_running_variance_keeps_a_small_variance():
    layer = make("batch", momentum=0.0, dtype=np.float32)
    layer.forward(1e-5 * rng().standard_normal((50, D)))
    np.testing.assert_allclose(layer.running_var, 1e-10 * rng().standard_normal((50, D)).var(axis=0), rtol=1e-5)


def test_a_feature_that_does_not_vary_gives_beta_and_without_eps_nan():
    x = np.column_stack([np.ones(4), np.arange(4.0)])
    layer = make("batch", n=2)
    layer.beta[:] = 7
    assert (layer.forward(x).out[:, 0] == 7).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(make("batch", n=2, eps=0).forward(x).out[:, 0]).all()


@every_kind
def test_overflow_raises_no_warning(kind):
    layer, x = make(kind, dtype=np.float32), np.full((4, D), 1e30, np.float32)
    x[::2, ::2] *= -1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = layer.forward(x)
        layer.backward(trace, np.ones((4, D)))
        layer.forward(np.full((4, D), np.inf))
    assert (trace.out == 0).all()  # the variance is inf


# --- refusals ---


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: make("batch").forward(np.ones((1, D))), r"x: expected at least 2 examples in training mode .* got 1"),
        (lambda: make("batch").forward(np.ones((0, D))), "x: expected at least 2 examples in training mode"),
        (lambda: make("batch").forward(np.ones((5, 4))), r"x: expected shape \(any, 6\), got \(5, 4\)"),
        (lambda: make("batch").forward(np.ones((2, 5, D))), r"x: expected shape \(any, 6\)"),
        (lambda: make("layer").forward(np.ones((5, 4))), r"x: expected shape \(\.\.\., 6\), got \(5, 4\)"),
        (lambda: make("layer").forward(1.0), r"x: expected shape \(\.\.\., 6\), got \(\)"),
        (lambda: make("rms").backward(make("rms").forward(np.ones((5, D))), np.ones(D)), r"dout: expected shape \(5, 6\)"),
        (lambda: LayerNorm.create(0), "n: expected 1 or more integers"),
        (lambda: LayerNorm.create(3, eps=-1), "eps: expected a finite number"),
        (lambda: LayerNorm(np.ones(3), np.zeros(2)), r"beta: expected shape \(3,\), got \(2,\)"),
        (lambda: LayerNorm(np.ones((3, 3)), np.zeros(3)), r"gamma: expected shape \(any,\)"),
        (lambda: GroupNorm.create(6, groups=4), "groups: expected a divisor of the 6 features, got 4"),
        (lambda: GroupNorm.create(6, groups=0), "groups: expected 1 or more integers"),
        (lambda: BatchNorm.create(3, momentum=1.1), r"momentum: expected a finite number in \[0, 1\], got 1.1"),
        (lambda: BatchNorm(np.ones(3), np.zeros(3), np.zeros(2), np.ones(3)), r"running_mean: expected shape \(3,\)"),
        (lambda: BatchNorm(np.ones(3), np.zeros(3), np.zeros(3), np.ones(2)), r"running_var: expected shape \(3,\)"),
        (lambda: standardize(np.ones((0, 3))), "x: expected at least one entry along axis 0"),
        (lambda: standardize(np.ones(3), axis=1), "x: expected at least one entry along axis 1"),
        (lambda: standardize(np.ones(3), eps=-1), "eps: expected a finite number"),
        (lambda: standardize_backward(np.ones(2), standardize(np.ones(3))), r"dx_hat: expected shape \(3,\)"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_one_example_can_be_evaluated():
    assert make("batch").forward(np.ones((1, D)), train=False).out.shape == (1, D)
