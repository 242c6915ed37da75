import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from livegrad.clipping import (
    adaptive,
    angle,
    by_global_norm,
    by_norm,
    by_value,
    global_norm,
    per_layer,
    row_norms,
    to_length,
)
from livegrad.mlp import MLP

vectors = hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(-1e3, 1e3, allow_subnormal=False))
thresholds = st.floats(1e-3, 1e3)


def three_grads(rng, dtype=np.float64):
    return [rng.standard_normal(shape).astype(dtype) for shape in ((3, 4), (4,), (2, 3))]


@pytest.mark.parametrize("case", ["finite", "inf", "nan"])
@pytest.mark.parametrize("threshold", [0.3, 1e3])
def test_clipped_gradients_are_those_of_pytorch(case, threshold, torch_values):
    grads = [torch_values[f"clip/{case}/g{i}"] for i in range(3)]
    clipped, norm = by_global_norm(grads, threshold)
    assert norm == pytest.approx(float(torch_values[f"clip/{case}/total"]), rel=1e-12, nan_ok=True)
    for i, g in enumerate(grads):
        theirs = torch_values[f"clip/{case}/norm{threshold:g}/g{i}"]
        if norm > threshold:  # PyTorch divides by norm + 1e-6
            theirs = theirs * ((norm + 1e-6) / norm if math.isfinite(norm) else 1)
        np.testing.assert_allclose(clipped[i], theirs, rtol=1e-12)
        np.testing.assert_array_equal(by_value(g, threshold), torch_values[f"clip/{case}/value{threshold:g}/g{i}"])


@given(vectors, thresholds)
def test_by_norm_caps_the_length_and_keeps_the_direction(g, max_norm):
    clipped, length = by_norm(g, max_norm), np.linalg.norm(g)
    if length <= max_norm:
        np.testing.assert_array_equal(clipped, g)
    else:
        assert np.linalg.norm(clipped) == pytest.approx(max_norm, rel=1e-14)
        np.testing.assert_allclose(clipped, g * (max_norm / length), rtol=1e-14)
        assert angle(g, clipped) < 1e-14


@given(vectors, thresholds)
def test_by_value_caps_each_entry_and_keeps_its_sign(g, limit):
    clipped = by_value(g, limit)
    np.testing.assert_array_equal(clipped, np.sign(g) * np.minimum(np.abs(g), limit))
    if g.any():
        assert angle(g, clipped) < math.pi / 2  # no entry changes its sign, so it still points downhill


@given(vectors, thresholds)
def test_a_list_is_clipped_as_the_one_long_vector(g, max_norm):
    cut = len(g) // 2
    (first, second), norm = by_global_norm([g[:cut], g[cut:].reshape(1, -1)], max_norm)
    assert norm == pytest.approx(np.linalg.norm(g), rel=1e-14)
    np.testing.assert_allclose(np.concatenate([first, second[0]]), by_norm(g, max_norm), rtol=1e-13)


def test_layers_are_clipped_by_their_own_norms():
    net = MLP.create([3, 4, 2], np.random.default_rng(0))
    gradients = net.backward(net.forward(np.ones((5, 3))), np.ones((5, 2)))
    clipped, norms = per_layer(zip(gradients.dW, gradients.db), 0.5)
    assert [g.shape for g in clipped] == [p.shape for p in net.parameters()]
    for l, (dW, db) in enumerate(zip(gradients.dW, gradients.db)):
        together = np.concatenate([dW.ravel(), db])
        assert norms[l] == pytest.approx(np.linalg.norm(together))
        expected = by_norm(together, 0.5)
        np.testing.assert_allclose(np.concatenate([clipped[2 * l].ravel(), clipped[2 * l + 1]]), expected, rtol=1e-13)


def test_a_flat_list_is_clipped_parameter_by_parameter():
    grads = three_grads(np.random.default_rng(1))
    clipped, norms = per_layer(grads, 0.7)
    np.testing.assert_allclose(norms, [np.linalg.norm(g) for g in grads], rtol=1e-14)
    for c, g in zip(clipped, grads):
        np.testing.assert_allclose(c, by_norm(g, 0.7), rtol=1e-15)


def test_only_global_clipping_keeps_the_direction_of_the_whole_gradient():
    grads = [np.array([100.0, 0.0]), np.array([0.1, 0.1])]
    whole = np.concatenate(grads)
    assert angle(whole, np.concatenate(by_global_norm(grads, 1.0)[0])) == pytest.approx(0, abs=1e-15)
    assert angle(whole, np.concatenate(per_layer(grads, 1.0)[0])) > 0.1


def test_adaptive_clipping_unit_by_unit_as_written_in_the_paper():
    rng = np.random.default_rng(2)
    grads, weights = three_grads(rng), three_grads(rng)
    weights[0][1] = 0  # this unit is allowed clipping · eps
    clipped = adaptive(grads, weights, clipping=1.2, eps=1e-2)
    touched = []
    for c, G, W in zip(clipped, grads, weights):
        units = zip(c, G, W) if G.ndim == 2 else [(c, G, W)]
        for got, g, w in units:
            ratio = np.linalg.norm(g) / max(np.linalg.norm(w), 1e-2)
            np.testing.assert_allclose(got, g * (1.2 / ratio if ratio > 1.2 else 1), rtol=1e-13)
            touched.append(ratio > 1.2)
    assert True in touched and False in touched


def test_a_unit_of_a_filter_bank_is_its_whole_filter():
    rng = np.random.default_rng(3)
    G, W = rng.standard_normal((2, 5, 3, 2, 2))
    by_rows = adaptive([G.reshape(5, -1)], [W.reshape(5, -1)], clipping=0.1)[0]
    np.testing.assert_allclose(adaptive([G], [W], clipping=0.1)[0], by_rows.reshape(G.shape))


@given(
    hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1, 1, width=32, allow_subnormal=False)),
    st.sampled_from([1e-36, 1e-25, 1e-20, 1.0, 1e18, 1e25, 1e37]),
    st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_float32_is_clipped_right_over_its_whole_range(g, scale, max_norm):
    g = (g * np.float32(scale)).astype(np.float32)
    exact = np.linalg.norm(g.astype(np.float64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (clipped,), norm = by_global_norm([g], max_norm)
        alone = by_norm(g, max_norm)
    assert clipped.dtype == alone.dtype == np.float32
    assert norm == pytest.approx(exact, rel=1e-5, abs=1e-300)
    expected = g.astype(np.float64) * min(1, max_norm / exact if exact else 1)
    np.testing.assert_allclose(clipped, expected, rtol=1e-5, atol=1e-37)
    np.testing.assert_allclose(alone, expected, rtol=1e-5, atol=1e-37)


def test_an_overflowing_square_does_not_clip_the_gradient_away():
    g = np.array([3e30, 4e30], np.float32)
    with np.errstate(over="ignore"):
        assert np.sqrt(np.sum(g * g)) == np.inf  # what a plain float32 norm sees, and so multiplies by 0
    np.testing.assert_allclose(by_norm(g, 1.0), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(by_norm([3e200, 4e200], 1.0), [0.6, 0.8], rtol=1e-14)


def test_a_small_array_beside_a_large_one_is_not_lost_from_the_norm():
    assert global_norm([np.full(4, 1e-25, np.float32), np.zeros(2, np.float32)]) == pytest.approx(2e-25)
    assert global_norm([[1e200], [1e-200]]) == pytest.approx(1e200)
    assert global_norm([]) == 0


def test_what_becomes_of_inf_and_nan():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(by_norm([np.inf, 1.0, -2.0], 1.0), [np.nan, 0, 0])
        np.testing.assert_array_equal(by_norm([np.nan, 1.0], 5.0), [np.nan, np.nan])
        np.testing.assert_array_equal(by_value([np.inf, -np.inf, np.nan, 0.5], 1.0), [1, -1, np.nan, 0.5])
        (g,), norm = by_global_norm([np.array([np.inf, 1.0])], math.inf)
        assert norm == math.inf
        np.testing.assert_array_equal(g, [np.inf, 1])


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_nonfinite_norm_raises_if_that_is_asked_for(bad):
    with pytest.raises(FloatingPointError, match="grads: expected a finite norm, got"):
        by_global_norm([np.array([1.0, bad])], 1.0, error_if_nonfinite=True)
    assert by_global_norm([np.array([3.0, 4.0])], 1.0, error_if_nonfinite=True)[1] == 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_is_changed_in_place_nor_handed_back_as_it_is(dtype):
    grads = three_grads(np.random.default_rng(4), dtype)
    copies = [g.copy() for g in grads]
    for max_norm in (1e-2, math.inf):
        results = [
            by_global_norm(grads, max_norm)[0],
            per_layer(grads, max_norm)[0],
            adaptive(grads, grads, max_norm),
            [by_norm(g, max_norm) for g in grads],
            [by_value(g, max_norm) for g in grads],
        ]
        for clipped in results:
            for c, g, copy in zip(clipped, grads, copies):
                assert c.dtype == dtype and not np.shares_memory(c, g)
                np.testing.assert_array_equal(g, copy)
                if max_norm == math.inf:
                    np.testing.assert_array_equal(c, g)


def test_zero_gradients_and_zero_thresholds():
    zero = np.zeros(3)
    assert not by_norm(zero, 1.0).any() and not by_norm(zero, 0).any() and not by_norm(np.ones(3), 0).any()
    assert not by_value(np.ones(3), 0).any()
    assert by_global_norm([zero, zero], 1.0)[1] == 0
    assert not adaptive([np.zeros((2, 2))], [np.zeros((2, 2))], eps=0)[0].any()
    assert not adaptive([np.ones((2, 2))], [np.zeros((2, 2))], eps=0)[0].any()


@given(vectors, st.floats(1e-3, 1e3))
def test_to_length_gives_that_length_and_the_same_direction(v, length):
    assume(v.any())
    scaled = to_length(v, length)
    assert np.linalg.norm(scaled) == pytest.approx(length, rel=1e-14)
    assert angle(v, scaled) < 1e-14


@pytest.mark.parametrize("v", [[5e-324, 0.0], [1.7e308, 1.7e308], np.array([1e-45, 0], np.float32)])
def test_to_length_of_extreme_vectors(v):
    assert np.linalg.norm(to_length(v)) == pytest.approx(1, rel=1e-6)


@given(st.floats(0, math.pi), st.sampled_from([1e-300, 1.0, 1e300]))
def test_angle_in_the_plane(alpha, size):
    assert angle([size, 0], [math.cos(alpha), math.sin(alpha)]) == pytest.approx(alpha, abs=1e-15)


def test_angle_of_nearly_parallel_vectors_keeps_its_digits():
    assert angle([1.0, 0.0], [1.0, 1e-10]) == pytest.approx(1e-10, rel=1e-12)
    assert math.acos(1 / math.hypot(1, 1e-10)) == 0  # what the textbook formula makes of it


@pytest.mark.parametrize("other", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_no_angle_without_a_direction(other):
    assert math.isnan(angle([1.0, 1.0], other)) and math.isnan(angle(other, [1.0, 1.0]))


@given(hnp.arrays(np.float64, (4, 3), elements=st.floats(-1, 1, allow_subnormal=False)), st.sampled_from([1e-200, 1, 1e200]))
def test_row_norms_are_right_at_every_scale(x, scale):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = row_norms(x * scale)
    np.testing.assert_allclose(got, np.linalg.norm(x, axis=1) * scale, rtol=1e-13, atol=1e-300)


def test_row_norms_of_special_rows():
    x = [[3.0, 4.0], [0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0], [np.nan, np.inf], [3e200, 4e200], [5e-324, 0]]
    np.testing.assert_allclose(row_norms(x), [5, 0, np.inf, np.nan, np.nan, 5e200, 5e-324])
    assert row_norms(np.ones((2, 0))).tolist() == [0, 0]
    assert row_norms([3.0, 4.0]) == 5 and row_norms([3e200, 4e200]) == pytest.approx(5e200)


def test_clipping_an_exploded_vector_does_nothing_for_a_vanished_one():
    exploded, vanished = np.array([1e6]), np.array([1e-6])
    assert by_norm(exploded, 1.0) == 1 and by_norm(vanished, 1.0) == 1e-6


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: by_norm([1.0], -1), r"max_norm: expected a finite number in \[0, inf\], got -1"),
        (lambda: by_norm([1.0], math.nan), "max_norm: expected a finite number"),
        (lambda: by_norm([1.0], None), "max_norm: expected a finite number"),
        (lambda: by_value([1.0], -1), "limit: expected a finite number"),
        (lambda: by_norm(["a"], 1), "g: expected an array of real numbers"),
        (lambda: to_length([0.0, 0.0]), "v: expected a vector with a direction, got only zeros"),
        (lambda: to_length([1.0], -1), "length: expected a finite number"),
        (lambda: global_norm(np.ones((2, 2))), r"grads: expected a list of arrays, got one array of shape \(2, 2\)"),
        (lambda: by_global_norm(np.ones(2), 1), "grads: expected a list of arrays"),
        (lambda: by_global_norm([np.ones(2)], -1), "max_norm: expected a finite number"),
        (lambda: per_layer(np.ones(2), 1), "grads: expected a list of layers, got one array"),
        (lambda: adaptive([np.ones(2)], []), "weights: expected 1 arrays, one for each gradient, got 0"),
        (lambda: adaptive([np.ones(2)], [np.ones(3)]), r"weights\[0\]: expected shape \(2,\), got \(3,\)"),
        (lambda: adaptive([np.ones(2)], [np.ones(2)], -1), "clipping: expected a finite number"),
        (lambda: adaptive([np.ones(2)], [np.ones(2)], eps=-1), "eps: expected a finite number"),
        (lambda: angle([1.0], [1.0, 2.0]), r"clipped: expected shape \(1,\)"),
        (lambda: row_norms(1.0), "x: expected at least one axis"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
