"""The exercises of notebook 00: right answers in several styles pass, one of them only told."""

import numpy as np
import pytest

from livegrad.checks import start
from livegrad.mlp import MLP
from livegrad.optim import SGD, Adam, Momentum


def layer_by_einsum(A, W, b):
    return np.einsum("mi,oi->mo", A, W) + b


def layer_of_the_library(A, W, b):
    return MLP([W], [b]).forward(A).z[0]


def layer_in_loops(A, W, b):
    return [[sum(w * a for w, a in zip(unit, row)) + bias for unit, bias in zip(W, b)] for row in A]


def turned_at_the_end(X, W, b):
    return (W @ X + b[:, None]).T


def momentum_closed(g, lr, mu, t):
    return lr * g * (1 - mu**t) / (1 - mu)


def momentum_run(g, lr, mu, t):
    w, optimizer = np.zeros(1), Momentum(lr, mu)
    for _ in range(int(t)):
        before = w.copy()
        optimizer.step([w], [np.array([g])])
    return (before - w).item()


def rate_by_trying(curvatures):
    """Bisection on whether 100 steps of the library's own descent lead away."""
    def leads_away(rate):
        w, optimizer = np.ones(len(curvatures)), SGD(rate)
        for _ in range(100):
            optimizer.step([w], [curvatures * w])
        return not np.abs(w).max() <= 1  # it may be nan
    low, high = 0.0, 1000.0
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (low, middle) if leads_away(middle) else (middle, high)
    return high


def adam_run(g, lr, eps):
    w = np.zeros_like(g)
    Adam(lr, eps=eps).step([w], [g])
    return -w


@pytest.mark.parametrize("check, answer", [
    (start.check_layer, layer_by_einsum), (start.check_layer, layer_of_the_library), (start.check_layer, layer_in_loops),
    (start.check_rows_from_columns, turned_at_the_end), (start.check_momentum_step, momentum_closed),
    (start.check_momentum_step, momentum_run), (start.check_largest_rate, rate_by_trying), (start.check_first_step, adam_run),
], ids=lambda x: getattr(x, "__name__", ""))
def test_right_answers_in_any_style_pass(check, answer):
    verdict = check(answer)
    assert verdict.status == "passed", verdict


def test_the_formula_of_a_paper_copied_as_it_stands_gets_a_hint():
    assert "W is turned" in start.check_layer(lambda A, W, b: W @ A + b).message
    assert "meets an example" in start.check_layer(lambda A, W, b: W @ A.T + b).message
    assert "still columns" in start.check_rows_from_columns(lambda X, W, b: W @ X + b).message
    assert "t steps old" in start.check_momentum_step(lambda g, lr, mu, t: lr * g * mu**t).message


def test_what_is_unforeseen_is_explained_by_its_shape_or_factor():
    assert "shape (4,)" in start.check_layer(lambda A, W, b: (A @ W.T + b)[0]).message
    assert "2 times too large" in start.check_largest_rate(lambda c: 4 / c.max()).message
    assert "wrong sign" in start.check_first_step(lambda g, lr, eps: -lr * g / (np.abs(g) + eps)).message
