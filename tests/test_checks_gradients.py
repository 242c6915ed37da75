"""The exercises of notebook 02: right answers in several styles pass, plausible wrong ones get their hint."""

from __future__ import annotations

import math

import answers
import numpy as np
import pytest

from livegrad.checks import gradients
from livegrad.checks.gradients import (
    check_diagnose,
    check_growth_factor,
    check_hidden_delta,
    check_last_delta,
    check_silent_depth,
    check_update_ratio,
    check_weight_gradient,
)

CHECKS = [getattr(gradients, name) for name in gradients.__all__]

# The students -------------------------------------------------------------------------------------


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def last_delta_loops(z, y):
    delta = np.zeros(z.shape)
    for i in range(len(z)):
        top = max(z[i])
        total = sum(math.exp(v - top) for v in z[i])
        for j in range(len(z[i])):
            delta[i, j] = (math.exp(z[i, j] - top) / total - y[i, j]) / len(z)
    return delta


def last_delta_by_differences(z, y):
    def cost(z):
        return np.mean(np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1) - (y * z).sum(1))

    delta, h = np.zeros(z.shape), 1e-5
    for index in np.ndindex(z.shape):
        step = np.zeros(z.shape)
        step[index] = h
        delta[index] = (cost(z + step) - cost(z - step)) / (2 * h)
    return delta


def hidden_delta_loops(delta_next, W_next, z):
    rows = []
    for i in range(len(z)):
        row = []
        for j in range(z.shape[1]):
            back = sum(delta_next[i, k] * W_next[k, j] for k in range(len(W_next)))
            row.append(back / math.cosh(z[i, j]) ** 2)
        rows.append(row)
    return rows


def weight_gradient_loops(delta, a_prev):
    total = 0
    for d, a in zip(delta, a_prev):
        total = total + np.outer(d, a)
    return total


def weight_gradient_overwriting(delta, a_prev):
    for d, a in zip(delta, a_prev):
        total = np.outer(d, a)
    return total


def silent_depth_loop(number):
    gradient, layers = number(1), 0
    while gradient:
        gradient, layers = gradient / number(4), layers + 1
    return layers


def growth_factor_loop(norms):
    product = 1.0
    for here, above in zip(norms[:-1], norms[1:]):
        product *= (here / above) ** (1 / (len(norms) - 1))
    return product


def diagnose_loop(norms):
    for n in norms:
        if math.isnan(n) or math.isinf(n):
            return "overflow"
    if norms[0] == 0:
        return "vanishing"
    orders = math.log10(norms[0] / norms[-1])
    return "vanishing" if orders < -3 else "exploding" if orders > 3 else "healthy"


def diagnose_ratio(norms, order="low first", finite=lambda norms: np.all(np.isfinite(norms))):
    if not finite(norms):
        return "overflow"
    ratio = norms[0] / norms[-1] if order == "low first" else norms[-1] / norms[0]
    return "vanishing" if ratio < 1e-3 else "exploding" if ratio > 1e3 else "healthy"


def rms(x):
    return np.sqrt(np.mean(x**2))


RIGHT = [
    (check_last_delta, lambda z, y: (softmax(z - z.max(axis=1, keepdims=True)) - y) / z.shape[0]),
    (check_last_delta, last_delta_loops),
    (check_last_delta, last_delta_by_differences),
    (check_hidden_delta, lambda delta_next, W_next, z: (delta_next @ W_next) * (1 - np.tanh(z) ** 2)),
    (check_hidden_delta, lambda d, W, z: (W.T @ d.T).T / np.cosh(z) ** 2),
    (check_hidden_delta, lambda d, W, z: np.einsum("ik,kj->ij", d, W) * (1 - np.tanh(z)) * (1 + np.tanh(z))),
    (check_hidden_delta, hidden_delta_loops),
    (check_weight_gradient, lambda delta, a_prev: delta.T @ a_prev),
    (check_weight_gradient, lambda d, a: (a.T @ d).T),
    (check_weight_gradient, lambda d, a: np.einsum("io,ij->oj", d, a)),
    (check_weight_gradient, weight_gradient_loops),
    (check_silent_depth, 75),
    (check_silent_depth, silent_depth_loop(np.float32)),
    (check_update_ratio, lambda W, dW, lr: np.linalg.norm(lr * dW) / np.linalg.norm(W)),
    (check_update_ratio, lambda W, dW, lr: lr * rms(dW) / rms(W)),
    (check_update_ratio, lambda W, dW, lr: lr * math.hypot(*dW.flat) / math.hypot(*W.flat)),
    (check_growth_factor, lambda norms: np.exp(np.log(norms[0] / norms[-1]) / (len(norms) - 1))),
    (check_growth_factor, lambda norms: 10 ** np.mean(-np.diff(np.log10(norms)))),
    (check_growth_factor, growth_factor_loop),
    (check_diagnose, diagnose_loop),
    (check_diagnose, diagnose_ratio),
]


WRONG = [
    (check_last_delta, lambda z, y: softmax(z) - y, "is the mean over the N examples missing?"),
    (check_last_delta, lambda z, y: (y - softmax(z)) / len(z), "the wrong sign"),
    (check_last_delta, lambda z, y: (softmax(z) - y) / z.size, "too small where k = 3"),
    (check_last_delta, lambda z, y: (z - y) / len(z), "z is not a probability yet"),
    (check_last_delta, lambda z, y: z - y, "z is not a probability yet"),
    (check_last_delta, lambda z, y: z - y, "one thing more: every entry is 5 times too large where N = 5"),
    (check_last_delta, lambda z, y: y - np.exp(z) / np.exp(z).sum(), "over the whole batch"),
    (check_hidden_delta, lambda d, W, z: d @ W * np.tanh(z) * (1 - np.tanh(z)), "a(1 − a) is the slope of a sigmoid"),
    (check_silent_depth, 149, "factors of 1/2"),
    (check_update_ratio, lambda W, dW, lr: np.linalg.norm(W - lr * dW) / np.linalg.norm(W), "after the step"),
    (check_last_delta, lambda z, y: (sigmoid(z) - y) / len(z), "That is the sigmoid of each output"),
    (check_last_delta, lambda z, y: (softmax(z.T).T - y) / len(z), "sums to 1 over the examples"),
    (check_last_delta, lambda z, y: (np.exp(z) / np.exp(z).sum() - y) / len(z), "over the whole batch"),
    (check_last_delta, lambda z, y: -(y / softmax(z)) / len(z), "That is ∂C/∂a"),
    (check_last_delta, lambda z, y: softmax(z) / len(z), "The label y does not enter"),
    (check_last_delta, lambda z, y: np.mean(softmax(z) - y, axis=0), "the axis of size N is gone"),
    (check_last_delta, lambda z, y: -np.mean(np.sum(y * np.log(softmax(z)), axis=1)),
     "a single number, expected (N, k)"),
    (check_hidden_delta, lambda d, W, z: d @ W * sigmoid(z) * (1 - sigmoid(z)),
     "the sigmoid's slope; this layer is tanh"),
    (check_hidden_delta, lambda d, W, z: d @ W * (1 - z**2), "you put z in the place of a"),
    (check_hidden_delta, lambda d, W, z: d @ W * (1 - np.tanh(np.tanh(z)) ** 2), "it is to be taken at z"),
    (check_hidden_delta, lambda d, W, z: d @ W.T * (1 - np.tanh(z) ** 2), "That is δ Wᵀ"),
    (check_hidden_delta, lambda d, W, z: W.T @ d * (1 - np.tanh(z) ** 2), "That is the column form"),
    (check_hidden_delta, lambda d, W, z: d @ W, "The slope of tanh is still missing"),
    (check_hidden_delta, lambda d, W, z: d @ W * np.tanh(z), "its slope belongs there"),
    (check_hidden_delta, lambda d, W, z: d @ W * (1 - np.tanh(z)), "A square is missing"),
    (check_hidden_delta, lambda d, W, z: (d * (1 - np.tanh(z) ** 2)) @ W, "after W, not before"),
    (check_hidden_delta, lambda d, W, z: d @ W * (1 - np.tanh(z) ** 2) / len(z),
     "divided by N once too often?"),
    (check_hidden_delta, lambda d, W, z: -d @ W * (1 - np.tanh(z) ** 2), "the wrong sign"),
    (check_weight_gradient, lambda d, a: a.T @ d,
     "shape (3, 2), expected (n_out, n_in) = (2, 3): that is the transpose"),
    (check_weight_gradient, lambda d, a: d.T @ a / len(d), "divided by N once too often?"),
    (check_weight_gradient, lambda d, a: d @ a.T, "it is the examples that must be summed over"),
    (check_weight_gradient, lambda d, a: d @ a, "Without a transpose"),
    (check_weight_gradient, lambda d, a: d * a, "`*` multiplies entry by entry"),
    (check_weight_gradient, lambda d, a: d[:, :, None] * a[:, None, :], "one gradient for each example"),
    (check_weight_gradient, lambda d, a: np.outer(d.sum(axis=0), a.sum(axis=0)), "then multiply"),
    (check_weight_gradient, weight_gradient_overwriting, "does each one overwrite the one before?"),
    (check_silent_depth, silent_depth_loop(np.float64), "where float64 falls silent"),
    (check_silent_depth, silent_depth_loop(np.float16), "where float16 falls silent"),
    (check_silent_depth, 150, "for a factor 1/2"),
    (check_silent_depth, 63, "the subnormal numbers"),
    (check_silent_depth, 64, "there are subnormal ones"),
    (check_silent_depth, 12, "precision of float32 near 1"),
    (check_silent_depth, 74, "something is still left"),
    (check_silent_depth, 76, "one layer earlier"),
    (check_silent_depth, 1000, "1000 is not the number"),
    (check_update_ratio, lambda W, dW, lr: np.linalg.norm(dW) / np.linalg.norm(W),
     "The learning rate is still missing"),
    (check_update_ratio, lambda W, dW, lr: np.linalg.norm(W) / np.linalg.norm(lr * dW), "upside down"),
    (check_update_ratio, lambda W, dW, lr: np.sum((lr * dW) ** 2) / np.sum(W**2), "A root is missing"),
    (check_update_ratio, lambda W, dW, lr: np.linalg.norm(lr * dW, 2) / np.linalg.norm(W, 2),
     "largest singular value"),
    (check_update_ratio, lambda W, dW, lr: np.mean(np.abs(lr * dW / W)), "entry by entry and average"),
    (check_update_ratio, lambda W, dW, lr: lr * dW / W, "shape (2, 3), expected a single number"),
    (check_update_ratio, lambda W, dW, lr: (lr * dW).std() / W.std(), "subtracts the mean"),
    (check_update_ratio, lambda W, dW, lr: lr * np.linalg.norm(dW), "divide it by the size of the weights"),
    (check_update_ratio, lambda W, dW, lr: -lr * np.linalg.norm(dW) / np.linalg.norm(W), "the wrong sign"),
    (check_growth_factor, lambda n: (n[-1] / n[0]) ** (1 / (len(n) - 1)), "That is the factor going forward"),
    (check_growth_factor, lambda n: (n[0] / n[-1]) ** (1 / len(n)),
     "between L layers there are not L of them"),
    (check_growth_factor, lambda n: n[0] / n[-1], "the factor over all layers together"),
    (check_growth_factor, lambda n: np.mean(n[:-1] / n[1:]), "That is the arithmetic mean"),
    (check_growth_factor, lambda n: np.mean(np.log(n[:-1] / n[1:])), "That is the logarithm of M."),
    (check_growth_factor, lambda n: n[0] / n[1], "That is one step only"),
    (check_growth_factor, lambda n: n[:-1] / n[1:], "shape (2,), expected a single number"),
    (check_diagnose, lambda n: diagnose_ratio(n, order="high first"), "The two words are swapped"),
    (check_diagnose, lambda n: diagnose_ratio(n, finite=lambda n: True), "before you look at the ratio"),
    (check_diagnose, lambda n: diagnose_ratio(n, finite=lambda n: not np.isinf(n).any()),
     "nan equals nothing"),
    (check_diagnose, lambda n: diagnose_ratio(n, finite=lambda n: np.nan not in n and np.inf not in n),
     "nan equals nothing"),
    (check_diagnose, lambda n: diagnose_ratio(n, finite=lambda n: not np.isnan(n).any()),
     "np.isfinite for both"),
    (check_diagnose, lambda n: diagnose_ratio(n, finite=lambda n: np.isfinite(n[0])), "in any layer"),
    (check_diagnose, lambda n: "healthy", "diagnose returns the same for every input"),
    (check_diagnose, lambda n: diagnose_ratio(np.append(n, 1)), "You judge layer 1 by its own size"),
    (check_diagnose, lambda n: diagnose_ratio(n).title(), "returns 'Vanishing', expected 'vanishing'"),
    (check_diagnose, lambda n: diagnose_ratio(n) if n[0] else None,
     "On norms = [0, 0, 1e-30, 1], diagnose returns nothing"),
]  # fmt: skip


test_right_answers_pass, test_wrong_answers_get_their_hint, test_every_exercise_has_its_share_of_tests = answers.tests_of(
    CHECKS, RIGHT, WRONG)


@pytest.mark.parametrize(
    "check, answer, remark",
    [
        (check_last_delta, lambda z, y: (softmax(z) - y) / len(z), "it fails on z = [[1000, 0]]"),
        (check_growth_factor, lambda n: (n[0] / n[-1]) ** (1 / (len(n) - 1)), "Its logarithm is not."),
        (check_diagnose, lambda n: diagnose_ratio(n), "the ratio is 0/0"),
    ],
)
def test_an_answer_that_breaks_at_the_extremes_passes_with_a_remark(check, answer, remark):
    assert check(answer).status == "passed"
    assert remark in check(answer).message


@pytest.mark.parametrize("check", [check_last_delta, check_growth_factor, check_diagnose], ids=repr)
def test_the_best_answers_pass_without_a_remark(check):
    assert check(check.reference).message.endswith("inputs.")
