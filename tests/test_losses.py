import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from livegrad.gradcheck import check_gradient
from livegrad.losses import (
    LOSSES,
    get,
    half_mse,
    log_softmax,
    logistic,
    one_hot,
    softmax,
    softmax_cross_entropy,
)

logit_rows = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 4), st.integers(2, 5)), elements=st.floats(-50, 50)
)
cases = pytest.mark.parametrize("case", [*LOSSES, "soft_labels"])


def loss_of(case):
    return get("softmax_cross_entropy" if case == "soft_labels" else case)


@cases
def test_cost_and_gradient_are_those_of_pytorch(case, torch_values):
    loss, out, y = loss_of(case), torch_values["loss/out"], torch_values[f"loss/{case}/y"]
    assert loss(out, y) == pytest.approx(torch_values[f"loss/{case}/value"], rel=1e-13)
    np.testing.assert_allclose(
        loss.gradient(out, y), torch_values[f"loss/{case}/gradient"], rtol=1e-12, atol=1e-15
    )


@cases
def test_gradient_is_the_central_difference(case, torch_values):
    loss, out, y = loss_of(case), torch_values["loss/out"], torch_values[f"loss/{case}/y"]
    check_gradient(lambda o: loss(o, y), out, loss.gradient(out, y), tolerance=1e-9)


def test_known_costs():
    assert half_mse([[1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 4.0]]) == (2.5 + 8) / 2
    assert logistic([[0.0, 0.0]], [[0, 1]]) == pytest.approx(2 * np.log(2))
    assert softmax_cross_entropy(np.zeros((3, 10)), [0, 5, 9]) == pytest.approx(np.log(10))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_give_finite_costs_without_a_warning(dtype):
    z = np.array([[1e4, -1e4]], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert logistic(z, [[0, 1]]) == 2e4
        assert logistic(z, [[1, 0]]) == 0
        assert softmax_cross_entropy(z, [1]) == 2e4
        assert softmax_cross_entropy(z, [0]) == 0
        np.testing.assert_array_equal(logistic.gradient(z, [[0, 1]]), [[1, -1]])
        np.testing.assert_array_equal(softmax_cross_entropy.gradient(z, [1]), [[1, -1]])


@pytest.mark.parametrize("name", LOSSES)
def test_float32_stays_float32(name):
    out, y = np.zeros((2, 3), np.float32), np.eye(3)[:2]
    assert get(name).gradient(out, y).dtype == np.float32


@given(logit_rows, st.floats(-100, 100))
def test_softmax_rows_are_probabilities_and_ignore_a_common_shift(z, shift):
    p = softmax(z)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(softmax(z + shift), p, rtol=1e-11)
    np.testing.assert_allclose(np.exp(log_softmax(z)), p, rtol=1e-13)


@given(logit_rows, st.data())
def test_integer_labels_are_one_hot_rows_and_the_gradient_rows_sum_to_zero(z, data):
    n, k = z.shape
    labels = data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    gradient = softmax_cross_entropy.gradient(z, labels)
    assert softmax_cross_entropy(z, labels) == softmax_cross_entropy(z, one_hot(labels, k)) >= 0
    np.testing.assert_array_equal(gradient, softmax_cross_entropy.gradient(z, one_hot(labels, k)))
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-15)


@given(logit_rows)
def test_repeating_the_batch_keeps_the_cost_and_shares_the_gradient(z):
    y = one_hot(np.zeros(len(z), int), z.shape[1])
    twice_z, twice_y = np.concatenate([z, z]), np.concatenate([y, y])
    for loss in map(get, LOSSES):
        assert loss(twice_z, twice_y) == pytest.approx(loss(z, y), rel=1e-13)
        np.testing.assert_allclose(
            2 * loss.gradient(twice_z, twice_y)[: len(z)], loss.gradient(z, y), rtol=1e-15
        )


def test_a_row_with_nan_or_infinity_becomes_nan_and_harms_no_other():
    p = softmax([[np.nan, 0.0], [np.inf, 0.0], [0.0, 0.0]])
    assert np.isnan(p[:2]).all()
    assert (p[2] == 0.5).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: get("mse"), "loss: expected one of half_mse"),
        (lambda: half_mse(np.zeros((3, 1)), np.zeros(3)), r"y: expected shape \(3, 1\), got \(3,\)"),
        (lambda: half_mse(np.zeros(3), np.zeros(3)), r"out: expected shape \(any, any\), got \(3,\)"),
        (lambda: half_mse(np.zeros((0, 2)), np.zeros((0, 2))), "out: expected at least one example"),
        (lambda: logistic([[0.0]], [[2]]), "y: expected entries from 0 to 1, got 2 to 2"),
        (lambda: logistic([[0.0]], [[np.nan]]), "y: expected entries from 0 to 1"),
        (lambda: softmax_cross_entropy([[0.0, 0.0]], [2]), "y: expected integers from 0 to 1, got 2"),
        (lambda: softmax_cross_entropy([[0.0, 0.0]], [0, 1]), r"y: expected shape \(1,\), got \(2,\)"),
        (lambda: softmax_cross_entropy([[0.0, 0.0]], [0.0]), "y: expected integers, got float64"),
        (
            lambda: softmax_cross_entropy([[0.0, 0.0]], [[1, 1]]),
            "y: expected rows that sum to 1, got 2 in row 0",
        ),
        (lambda: one_hot([-1], 3), "labels: expected integers from 0 to 2, got -1"),
        (lambda: softmax(3.0), "z: expected at least one logit"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
