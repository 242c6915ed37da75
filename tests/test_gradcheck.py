import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from livegrad.gradcheck import check_gradient, numerical_gradient, relative_error

vectors = hnp.arrays(np.float64, 3, elements=st.floats(-100, 100))


def test_gradient_of_known_functions():
    x = np.array([[0.3, -2.0], [1.5, 4.0]])
    np.testing.assert_allclose(numerical_gradient(lambda x: np.sin(x).sum(), x), np.cos(x), rtol=1e-8)
    np.testing.assert_allclose(numerical_gradient(lambda x: (x**3).sum(), x), 3 * x**2, rtol=1e-8)


@given(vectors, vectors)
def test_central_differences_are_exact_for_quadratics_whatever_the_step(x, c):
    got = numerical_gradient(lambda x: x @ x + c @ x, x, h=0.5)
    np.testing.assert_allclose(got, 2 * x + c, atol=1e-9)


def test_the_error_falls_with_the_square_of_the_step():
    errors = [abs(numerical_gradient(np.exp, 1.0, h=h) - np.e) for h in (1e-1, 1e-2)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)


def test_x_survives_a_function_that_destroys_its_argument():
    def destructive(x):
        value = (x**2).sum()
        x[...] = np.nan
        return value

    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(numerical_gradient(destructive, x), [2, 4], rtol=1e-8)
    assert x.tolist() == [1, 2]


def test_float32_input_is_differentiated_in_float64():
    assert numerical_gradient(np.exp, np.float32(1)) == pytest.approx(np.e, rel=1e-9)


@given(vectors, vectors)
def test_relative_error_is_symmetric_and_at_most_2(a, b):
    assert relative_error(a, b) == relative_error(b, a) <= 2 + 1e-12
    assert relative_error(a, a) == 0


def test_relative_error_of_a_lost_factor():
    a = np.array([1.0, 2.0])
    assert relative_error(a, 0 * a) == 1
    assert relative_error(a, -a) == 2
    assert relative_error(a, 2 * a) == 0.5


@pytest.mark.parametrize("wrong", [0.5, -1, 2, np.nan])
def test_a_wrong_gradient_is_found(wrong):
    x = np.array([1.0, 2.0])
    assert check_gradient(lambda x: x @ x, x, 2 * x) < 1e-9
    with pytest.raises(AssertionError, match="worst at"):
        check_gradient(lambda x: x @ x, x, wrong * 2 * x)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: numerical_gradient(np.sin, np.zeros(2)), r"f: expected a function .* shape \(2,\)"),
        (lambda: numerical_gradient(np.sin, 0.0, h=0), "h: expected a finite number in"),
        (lambda: relative_error([1.0], [1.0, 2.0]), r"b: expected shape \(1,\), got \(2,\)"),
        (lambda: check_gradient(np.sum, np.zeros(2), np.zeros(3)), r"gradient: expected shape \(2,\)"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
