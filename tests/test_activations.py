import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegrad.activations import ACTIVATIONS, Activation, get, variance_gain
from livegrad.gradcheck import numerical_gradient

DTYPES = (np.float32, np.float64)
MODERATE = st.floats(-30, 30)
every_activation = pytest.mark.parametrize("name", ACTIVATIONS)


@every_activation
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-6)])
def test_value_and_slope_are_those_of_pytorch(name, dtype, tolerance, torch_values):
    z, phi = torch_values[f"{dtype}/z"], get(name)
    np.testing.assert_allclose(phi(z), torch_values[f"{dtype}/{name}/value"], tolerance, tolerance)
    np.testing.assert_allclose(phi.derivative(z), torch_values[f"{dtype}/{name}/slope"], tolerance, tolerance)


@every_activation
def test_slope_is_the_central_difference(name):
    z = np.array([-4.0, -1.1, -0.3, 0.2, 0.9, 3.0])
    measured = [numerical_gradient(get(name), zi).item() for zi in z]
    np.testing.assert_allclose(get(name).derivative(z), measured, rtol=1e-8, atol=1e-10)


@every_activation
@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_inputs_give_the_limits_without_a_warning(name, dtype):
    phi = get(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = phi(np.array([-1e4, 1e4], dtype))
        slope_low, slope_high = phi.derivative(np.array([-1e4, 1e4], dtype))
    positive_end = 1e4 * (1.0507009873554805 if name == "selu" else 1)
    ends = {"linear": -1e4, "leaky_relu": -100, "gelu": 0, "silu": 0}
    np.testing.assert_allclose(low, ends.get(name, phi.range[0]), rtol=1e-6)
    np.testing.assert_allclose(high, min(phi.range[1], positive_end), rtol=1e-6)
    assert (slope_low == 0) == (phi.saturates in ("left", "both"))
    assert (slope_high == 0) == (phi.saturates == "both")


@every_activation
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)])
def test_shape_and_dtype_are_kept(name, dtype, shape):
    z = np.full(shape, 0.5, dtype)
    for result in (get(name)(z), get(name).derivative(z)):
        assert result.shape == shape
        assert result.dtype == dtype


@every_activation
def test_nan_stays_nan(name):
    assert np.isnan(get(name)(np.array([np.nan, 1.0]))).tolist() == [True, False]
    slope = get(name).derivative(np.array([np.nan]))[0]
    assert slope == 1 if name in ("linear", "relu") else np.isnan(slope)


@every_activation
def test_slope_at_the_kink_is_pytorchs(name):
    expected = {"relu": 0, "leaky_relu": 0.01, "elu": 1, "selu": 1.7580993408473766, "sigmoid": 0.25}
    expected |= {"softplus": 0.5, "gelu": 0.5, "silu": 0.5}
    assert get(name).derivative(0.0) == pytest.approx(expected.get(name, 1), rel=1e-14)


@every_activation
def test_buffers_are_filled_and_known_values_reused(name):
    phi, z = get(name), np.linspace(-3, 3, 7)
    value, slope = np.empty(7), np.empty(7)
    assert phi(z, out=value) is value
    assert phi.derivative(z, value, out=slope) is slope
    np.testing.assert_array_equal(value, phi(z))
    np.testing.assert_array_equal(slope, phi.derivative(z))


@every_activation
def test_the_stated_range_is_the_reached_one(name):
    low, high = get(name).range
    a = get(name)(np.linspace(-50, 50, 200_001))
    assert low <= a.min()
    assert a.max() <= high
    assert a.min() < -0.4 if low == -math.inf else a.min() == pytest.approx(low, abs=1e-6)
    assert a.max() > 40 if high == math.inf else a.max() == pytest.approx(high, abs=1e-6)


def test_only_relu_can_die():
    z = np.linspace(-20, -1e-3, 100)
    dead = [name for name in ACTIVATIONS if not get(name).derivative(z).any()]
    assert dead == [name for name in ACTIVATIONS if get(name).can_die] == ["relu"]
    assert get("leaky_relu", slope=0).can_die


@given(MODERATE, MODERATE)
def test_sigmoid_lies_in_0_1_is_symmetric_and_increases(z1, z2):
    sigmoid = get("sigmoid")
    assert 0 < sigmoid(z1) <= 1
    assert sigmoid(-z1) == pytest.approx(1 - sigmoid(z1), abs=1e-15)
    assert (z1 <= z2) == (sigmoid(z1) <= sigmoid(z2)) or sigmoid(z1) == sigmoid(z2)
    assert 0 <= sigmoid.derivative(z1) <= 0.25


@given(MODERATE)
def test_identities_between_the_functions(z):
    sigmoid = get("sigmoid")
    assert get("tanh")(z) == pytest.approx(2 * sigmoid(2 * z) - 1, abs=1e-15)
    assert get("tanh")(-z) == -get("tanh")(z)
    assert get("silu")(z) == pytest.approx(z * sigmoid(z), rel=1e-15)
    assert get("softplus")(z) - get("softplus")(-z) == pytest.approx(z, rel=1e-12, abs=1e-15)
    assert get("softplus").derivative(z) == sigmoid(z)
    assert get("gelu")(z) - get("gelu")(-z) == pytest.approx(z, rel=1e-14, abs=1e-300)  # Φ(z) + Φ(-z) = 1
    assert get("leaky_relu", slope=0)(z) == get("relu")(z)
    assert get("leaky_relu", slope=1)(z) == z


@pytest.mark.parametrize("name", ["tanh", "elu"])
def test_no_digits_are_lost_near_zero(name):
    assert get(name)(-1e-12) == pytest.approx(-1e-12, rel=1e-11, abs=0)


@given(st.floats(-36, 8))
def test_gelu_has_the_digits_of_erfc(z):
    exact = z * math.erfc(-z / math.sqrt(2)) / 2
    assert get("gelu")(z) == pytest.approx(exact, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu", "selu"])
def test_gains_are_those_of_pytorch(name, torch_values):
    assert get(name).gain == pytest.approx(torch_values[f"gain/{name}"])


def test_leaky_gains_are_those_of_pytorch(torch_values):
    for slope, gain in torch_values["gain/leaky_relu"]:
        assert get("leaky_relu", slope=slope).gain == pytest.approx(gain)


@every_activation
def test_variance_gain_keeps_the_mean_square_of_normal_inputs(name):
    z = np.random.default_rng(0).standard_normal(400_000)
    assert variance_gain(name) ** -2 == pytest.approx(np.mean(get(name)(z) ** 2), rel=0.01)


def test_variance_gains_known_in_closed_form():
    assert variance_gain("linear") == pytest.approx(1, rel=1e-13)
    assert variance_gain("relu") == pytest.approx(math.sqrt(2), rel=1e-13)
    assert variance_gain("selu") == pytest.approx(1, rel=1e-7)  # what its two constants were chosen for
    assert get("elu").gain == variance_gain("elu")
    assert get("elu", alpha=0.5).gain != get("elu").gain


def test_get():
    assert ACTIVATIONS[:4] == ("linear", "sigmoid", "tanh", "relu")
    assert get("tanh") == get("tanh") != get("relu")
    assert get(phi := get("elu", alpha=0.5)) is phi
    assert isinstance(phi, Activation)
    assert phi.range[0] == phi(-50.0) == -0.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: get("relu6"), "activation: expected one of linear, .* got 'relu6'"),
        (lambda: get("tanh", slope=1), "tanh: expected no parameters, got slope"),
        (lambda: get("elu", slope=1), "elu: expected parameters alpha, got slope"),
        (lambda: get("elu", alpha=0), "alpha: expected a finite number in"),
        (lambda: get("leaky_relu", slope=-1), "slope: expected a finite number in"),
        (lambda: get("tanh")("z"), "z: expected an array of real numbers"),
        (lambda: get("tanh")(np.zeros(3), out=np.zeros(2)), "out: expected float64 of shape"),
        (lambda: get("tanh")(np.zeros(3), out=np.zeros(3, np.float32)), "out: expected float64 of shape"),
        (lambda: get("elu")(z := np.zeros(3), out=z), "out: expected a buffer of its own"),
        (lambda: get("tanh").derivative(np.zeros(3), np.zeros(2)), "a: expected the shape of z"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
