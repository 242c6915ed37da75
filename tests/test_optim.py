import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegrad.optim import SGD, Adam, Momentum, RMSProp

LIKE_TORCH = {
    "SGD": lambda: SGD(lr=0.1),
    "Momentum": lambda: Momentum(lr=0.1, mu=0.9),
    "RMSProp": lambda: RMSProp(lr=0.01, alpha=0.9),
    "Adam": lambda: Adam(lr=0.01),
}
every_optimizer = pytest.mark.parametrize("name", LIKE_TORCH)


@every_optimizer
def test_path_is_that_of_pytorch(name, torch_values):
    optimizer, p = LIKE_TORCH[name](), torch_values["optim/start"].copy()
    for g, expected in zip(torch_values["optim/grads"], torch_values[f"optim/{name}"]):
        optimizer.step([p], [g])
        np.testing.assert_allclose(p, expected, rtol=1e-12, atol=1e-12)


@every_optimizer
def test_a_step_changes_the_parameters_in_place_and_nothing_else(name):
    params, grads = [np.ones((2, 3), np.float32), np.ones(2, np.float32)], [np.ones((2, 3)), np.ones(2)]
    assert LIKE_TORCH[name]().step(params, grads) is None
    assert all((p < 1).all() and p.dtype == np.float32 for p in params)
    assert all((g == 1).all() for g in grads)


@every_optimizer
def test_a_bowl_is_descended(name):
    optimizer, p = LIKE_TORCH[name](), np.array([1.0, -0.5])
    for _ in range(300):
        optimizer.step([p], [2 * p])
    assert np.abs(p).max() < 0.02


@every_optimizer
def test_a_learning_rate_changed_on_the_way_counts_from_the_next_step(name):
    optimizer, p = LIKE_TORCH[name](), np.zeros(1)
    optimizer.step([p], [np.ones(1)])
    optimizer.lr, before = 0.0, p.copy()
    optimizer.step([p], [np.ones(1)])
    assert p == before


@pytest.mark.parametrize("make", [RMSProp, Adam])
@given(scale=st.floats(0.1, 1e6))
def test_rescaling_optimizers_ignore_the_size_of_the_gradient(make, scale):
    paths = []
    for factor in (1.0, scale):
        optimizer, p = make(lr=0.01), np.zeros(3)
        for g in np.random.default_rng(0).standard_normal((5, 3)):
            optimizer.step([p], [factor * g])
        paths.append(p)
    np.testing.assert_allclose(paths[1], paths[0], rtol=1e-3)


def test_momentum_reaches_lr_over_one_minus_mu():
    optimizer, p = Momentum(lr=0.1, mu=0.9), np.zeros(1)
    for _ in range(300):
        before = p.copy()
        optimizer.step([p], [np.ones(1)])
    assert before - p == pytest.approx(0.1 / (1 - 0.9))


def test_first_step_of_adam_is_the_learning_rate():
    p = np.zeros(2)
    Adam(lr=0.01).step([p], [np.array([5.0, -1e-4])])
    np.testing.assert_allclose(p, [-0.01, 0.01], rtol=1e-3)


def test_an_exploded_gradient_raises_no_warning():
    p = np.zeros(2, np.float32)
    Adam().step([p], [np.array([1e30, np.inf], np.float32)])
    assert np.isnan(p[1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SGD(lr=-1), "lr: expected a finite number in"),
        (lambda: Momentum(mu=-0.1), "mu: expected a finite number in"),
        (lambda: RMSProp(alpha=1.1), r"alpha: expected a number in \[0, 1\), got 1.1"),
        (lambda: Adam(beta1=-0.1), "beta1: expected a number in"),
        (lambda: Adam(beta2=1), "beta2: expected a number in"),
        (lambda: Adam(eps=-1), "eps: expected a finite number in"),
        (lambda: SGD().step([np.zeros(2)], []), "grads: expected 1 arrays, one for each parameter, got 0"),
        (lambda: SGD().step([np.zeros(2)], [np.zeros(3)]), r"grads\[0\]: expected shape \(2,\), got \(3,\)"),
        (lambda: SGD().step([[1.0]], [[1.0]]), r"params\[0\]: expected a floating ndarray, .* got list"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_other_parameters_at_the_second_step_are_refused():
    optimizer = Adam()
    optimizer.step([np.zeros(2)], [np.zeros(2)])
    with pytest.raises(ValueError, match="params: expected the parameters of the first step"):
        optimizer.step([np.zeros(3)], [np.zeros(3)])
