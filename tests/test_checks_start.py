"""The exercises of notebook 00: right answers in several styles pass, one of them only told."""

import numpy as np
import pytest

from livegrad.checks import start
from livegrad.mlp import MLP
from livegrad.optim import SGD, Adam, Momentum


def by_einsum(X, W, b):
    return np.einsum("im,oi->mo", X, W) + b


def by_the_library(X, W, b):
    return MLP([W], [b]).forward(X.T).z[0]


def in_loops(X, W, b):
    return [[sum(w * a for w, a in zip(unit, row)) + bias for unit, bias in zip(W, b)] for row in X.T]


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


def steps_by_logarithm(c, lr, left):
    return np.ceil(np.log(left) / np.log(abs(1 - lr * c)))


def steps_run(c, lr, left):
    w, optimizer, steps = np.ones(1), SGD(lr), 0
    while abs(w[0]) > left:
        optimizer.step([w], [c * w])
        steps += 1
    return steps


def adam_run(g, lr, eps):
    w = np.zeros_like(g)
    Adam(lr, eps=eps).step([w], [g])
    return -w


@pytest.mark.parametrize("check, answer", [
    (start.check_rows_from_columns, by_einsum), (start.check_rows_from_columns, by_the_library),
    (start.check_rows_from_columns, in_loops), (start.check_rows_from_columns, turned_at_the_end),
    (start.check_steps_needed, steps_by_logarithm), (start.check_steps_needed, steps_run), (start.check_momentum_step, momentum_closed),
    (start.check_momentum_step, momentum_run), (start.check_largest_rate, rate_by_trying), (start.check_first_step, adam_run),
], ids=lambda x: getattr(x, "__name__", ""))
def test_right_answers_in_any_style_pass(check, answer):
    verdict = check(answer)
    assert verdict.status == "passed", verdict


def test_the_formula_of_a_paper_copied_as_it_stands_gets_a_hint():
    assert "still columns" in start.check_rows_from_columns(lambda X, W, b: W @ X + b).message
    assert "t steps old" in start.check_momentum_step(lambda g, lr, mu, t: lr * g * mu**t).message


def test_what_is_unforeseen_is_explained_by_its_shape_or_factor():
    assert "shape (4,)" in start.check_rows_from_columns(lambda X, W, b: (X.T @ W.T + b)[0]).message
    assert "2 times too large" in start.check_largest_rate(lambda c: 4 / c.max()).message
    assert "wrong sign" in start.check_first_step(lambda g, lr, eps: -lr * g / (np.abs(g) + eps)).message


def test_steps_are_counted_where_they_overshoot_and_where_one_is_enough():
    naive = start.check_steps_needed(lambda c, lr, left: np.ceil(np.log(left) / np.log(1 - lr * c)))
    assert naive.status == "failed" and "has no logarithm" in naive.message
    assert "round up" in start.check_steps_needed(lambda c, lr, left: int(np.log(left) / np.log(abs(1 - lr * c)))).message
    assert "the square of the distance" in start.check_steps_needed(
        lambda c, lr, left: np.ceil(np.log(left) / np.log((1 - lr * c) ** 2))).message
    assert "a single step" in start.check_steps_needed(steps_by_logarithm).message
    assert start.check_steps_needed(steps_run).message.endswith("inputs.")
