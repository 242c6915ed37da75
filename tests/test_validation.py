import numpy as np
import pytest

from livegrad import validation


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (lambda: validation.floats("x", "abc"), "x: expected an array of real numbers, got <U3 values"),
        (lambda: validation.floats("x", [1j]), "x: expected an array of real numbers, got complex128 values"),
        (
            lambda: validation.floats("x", [[1], [2, 3]]),
            "x: expected an array of numbers, got rows of different",
        ),
        (lambda: validation.floats("x", [1.0], shape=(2,)), r"x: expected shape \(2,\), got \(1,\)"),
        (lambda: validation.finite("x", np.nan), "x: expected finite numbers, got inf or nan"),
        (lambda: validation.square("W", np.eye(2, 3)), r"W: expected a square matrix, got shape \(2, 3\)"),
        (lambda: validation.square("W", np.empty((0, 0))), "W: expected a square matrix"),
        (lambda: validation.integers("y", [1.0]), "y: expected integers, got float64 values"),
        (lambda: validation.integers("y", [-1]), "y: expected integers from 0, got -1"),
        (lambda: validation.integers("y", [1], shape=(2,)), r"y: expected shape \(2,\), got \(1,\)"),
        (lambda: validation.number("lr", "fast"), "lr: expected a finite number in .*, got 'fast'"),
        (lambda: validation.number("lr", np.nan), "lr: expected a finite number"),
        (lambda: validation.number("lr", np.inf), "lr: expected a finite number"),
        (lambda: validation.number("lr", [1, 2]), "lr: expected a finite number"),
        (
            lambda: validation.number("beta", 1.5, 0, 1),
            r"beta: expected a finite number in \[0, 1\], got 1.5",
        ),
        (lambda: validation.positive_ints("sizes", 3), "sizes: expected 1 or more integers"),
        (lambda: validation.positive_ints("sizes", [2.0]), "sizes: expected 1 or more integers"),
        (lambda: validation.choice("init", 3, {"a": 1}), "init: expected one of a, got 3"),
        (lambda: validation.generator("rng", np.random), "rng: expected a numpy.random.Generator"),
    ],
)
def test_errors_name_the_argument_what_was_expected_and_what_came(check, words):
    with pytest.raises(ValueError, match=words):
        check()


def test_floats_keeps_a_floating_array_as_it_is():
    x = np.ones(3, np.float32)
    assert validation.floats("x", x) is x
    assert validation.floats("x", x, dtype=np.float64).dtype == np.float64
    assert validation.floats("x", [True, False]).dtype == np.float64
