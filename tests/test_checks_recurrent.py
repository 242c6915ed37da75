"""The exercises of notebook 07: right answers in several styles pass, plausible wrong ones get their hint."""

from __future__ import annotations

import math

import answers
import numpy as np
import pytest

from livegrad.checks import recurrent
from livegrad.checks.recurrent import (
    check_carried_back,
    check_forget_bias,
    check_perplexity,
    check_reach,
    check_recurrent_gradient,
    check_spike_share,
    check_step_jacobian,
    check_truncated,
)
from livegrad.gradcheck import numerical_gradient
from livegrad.rnn import RNN

CHECKS = [getattr(recurrent, name) for name in recurrent.__all__]

# The students -------------------------------------------------------------------------------------


def perplexity_loop(predictions, targets):
    product = 1.0
    for p, y in zip(predictions, targets):
        product *= p[y]
    return product ** (-1 / len(targets))


def jacobian_by_differences(W_h, z):
    """∂h/∂h_before, with the inputs such that the pre-activations are z."""
    h = np.full(len(z), 0.3)
    x = z - W_h @ h
    return np.array([numerical_gradient(lambda v, i=i: float(np.tanh(W_h @ v + x)[i]), h) for i in range(len(z))])


def carried_by_the_library(W_h, z, g):
    """The gradient at step −1 of a net whose inputs make the given pre-activations."""
    before = np.vstack([np.zeros(len(g)), np.tanh(z)[:-1]])
    net = RNN(np.eye(len(g)), W_h, np.zeros(len(g)))
    trace = net.forward((z - before @ W_h.T)[np.newaxis])
    return net.vjp(trace, g[np.newaxis], len(z) - 1, -1)[0]


def carried_by_a_matrix(W_h, z, g):
    product = np.eye(len(g))
    for row in z:
        product = np.diag(1 - np.tanh(row) ** 2) @ W_h @ product
    return product.T @ g


def carried_by_slopes(W_h, g, slopes):
    for row in slopes[::-1]:
        g = W_h.T @ (row * g)
    return g


def gradient_loop(dz, h):
    total = np.zeros((dz.shape[1], h.shape[1]))
    for t in range(1, len(dz)):
        total += np.outer(dz[t], h[t - 1])
    return total


def reach_by_counting(W_h, gamma, eps):
    factor, steps, left = gamma * np.linalg.norm(W_h, 2), 0, 1.0
    while left >= eps and factor < 1:
        steps, left = steps + 1, left * factor
    return steps if factor < 1 else math.inf


def truncated_by_the_library(w, x, tau):
    net = RNN([[1.0]], [[w]], [0.0], "linear")
    return net.backward(net.forward(x[np.newaxis, :, np.newaxis]), [[[1.0]]], steps=[-1], tau=tau).dW_h.item()


def truncated_backward(w, x, tau):
    h = [0.0]
    for value in x:
        h.append(w * h[-1] + value)
    total, carried = 0.0, 1.0
    for k in range(len(x), max(0, len(x) - tau - 1), -1):
        total += carried * h[k - 1]
        carried *= w
    return total


def share_by_running(w1, spike, n):
    with_it = without = 1 / (1 - w1)
    for x in [spike] + n * [1.0]:
        with_it, without = max(0.0, w1 * with_it + x), max(0.0, w1 * without + 1)
    return 1 - without / with_it


def bias_by_bisection():
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + math.exp(-middle))) ** 100 < 0.5 else (low, middle)
    return low


RIGHT = [
    (check_perplexity, perplexity_loop),
    (check_perplexity, lambda p, y: 2 ** -np.mean(np.log2([row[s] for row, s in zip(p, y)]))),
    (check_step_jacobian, jacobian_by_differences),
    (check_step_jacobian, lambda W, z: np.diag(1 / np.cosh(z) ** 2) @ W),
    (check_carried_back, carried_by_the_library),
    (check_carried_back, carried_by_a_matrix),
    (check_recurrent_gradient, gradient_loop),
    (check_recurrent_gradient, lambda dz, h: dz.T @ np.vstack([np.zeros(h.shape[1]), h[:-1]])),
    (check_reach, reach_by_counting),
    (check_reach, lambda W, g, e: np.inf if (s := g * np.linalg.svd(W)[1][0]) >= 1 else np.ceil(np.log(e) / np.log(s))),
    (check_truncated, truncated_by_the_library),
    (check_truncated, truncated_backward),
    (check_spike_share, share_by_running),
    (check_spike_share, lambda w, s, n: 1 / (1 + 1 / ((1 - w) * (s - 1) * w**n))),
    (check_forget_bias, -math.log(2**0.01 - 1)),
    (check_forget_bias, bias_by_bisection()),
    (check_forget_bias, 4.96822),
]


def slope(z):
    return 1 - np.tanh(z) ** 2


def back(W, rows, g):
    for z in rows:
        g = W.T @ (slope(z) * g)
    return g


WRONG = [
    (check_perplexity, lambda p, y: -np.log(p[np.arange(len(y)), y]).mean(), "e to the power J"),
    (check_perplexity, lambda p, y: np.exp(-np.log(p[np.arange(len(y)), y]).sum()), "The costs are added up"),
    (check_perplexity, lambda p, y: 1 / p[np.arange(len(y)), y].mean(), "mean of the probabilities"),
    (check_perplexity, lambda p, y: p.shape[1], "all for equally likely"),
    (check_perplexity, lambda p, y: np.exp(-np.log(p[:, y]).mean()), "takes all the columns"),
    (check_step_jacobian, lambda W, z: W * slope(z), "You scale the columns"),
    (check_step_jacobian, lambda W, z: (np.diag(slope(z)) @ W).T, "That is the transpose"),
    (check_step_jacobian, lambda W, z: np.diag(np.tanh(z)) @ W, "tanh(z) in place of its slope"),
    (check_step_jacobian, lambda W, z: np.diag(slope(z)) * W, "entry by entry"),
    (check_step_jacobian, lambda W, z: W @ slope(z), "a vector. The Jacobian is a matrix"),
    (check_carried_back, lambda W, z, g: back(W, z, g), "You begin with the first step"),
    (check_carried_back, lambda W, z, g: back(W, z[:0:-1], g), "the first row of z is not used"),
    (check_carried_back, lambda W, z, g: back(W.T, z[::-1], g), "W_h is the wrong way round"),
    (check_carried_back, lambda W, z, g: g @ np.linalg.matrix_power(W, len(z)), "The slopes are missing"),
    (check_recurrent_gradient, lambda dz, h: dz.T @ h, "the state of its own step"),
    (check_recurrent_gradient, lambda dz, h: gradient_loop(dz, h).T, "That is the transpose"),
    (check_recurrent_gradient, lambda dz, h: gradient_loop(dz, h) / len(h), "the 1/T is in δ already"),
    (check_recurrent_gradient, lambda dz, h: np.outer(dz[-1], h[-2]), "That is the last step alone"),
    (check_reach, lambda W, g, e: reach_by_counting(np.diag(np.abs(np.linalg.eigvals(W))), g, e), "You use the spectral radius"),
    (check_reach, lambda W, g, e: reach_by_counting(W, 1.0, e), "γ is missing"),
    (check_reach, lambda W, g, e: math.ceil(math.log(e) / math.log(g * np.linalg.norm(W, 2))), "the answer is inf"),
    (check_reach, lambda W, g, e: reach_by_counting(W, g, e) - 1, "One step too few"),
    (check_truncated, lambda w, x, tau: truncated_backward(w, x, len(x)), "the whole gradient"),
    (check_truncated, lambda w, x, tau: truncated_backward(w, x, tau - 1), "One term too few"),
    (check_truncated, lambda w, x, tau: truncated_backward(w, x[-tau - 1 :], tau), "You start the state afresh"),
    (check_truncated, lambda w, x, tau: w * truncated_backward(w, x, tau), "One factor w too many"),
    (check_carried_back, lambda W, z, g: carried_by_slopes(W, g, 1 - z**2), "takes z for the state"),
    (check_recurrent_gradient, lambda dz, h: sum(np.outer(dz[t], h[t - 1]) for t in range(len(h))), "Index −1"),
    (check_spike_share, lambda w, s, n: (s - 1) * w**n / (w / (1 - w) + (s - 1) * w**n), "lacks its newest input"),
    (check_spike_share, lambda w, s, n: s * w**n / (1 / (1 - w) + s * w**n), "the spike adds spike − 1"),
    (check_spike_share, lambda w, s, n: (s - 1) * w**n / (1 + (s - 1) * w**n), "1 + w1 + w1²"),
    (check_spike_share, lambda w, s, n: 1 - share_by_running(w, s, n), "what is left of the ordinary inputs"),
    (check_spike_share, lambda w, s, n: share_by_running(w, s, 0), "The spike fades"),
    (check_forget_bias, 0.5**0.01, "the forget gate f itself"),
    (check_forget_bias, math.log(2**0.01 - 1), "The sign is wrong"),
    (check_forget_bias, 1, "the usual start"),
    (check_forget_bias, math.log(199), "losses are a power"),
    (check_forget_bias, 4.97, "Right to two decimals"),
    (check_forget_bias, 5.5, "5.5 is not the number"),
]


test_right_answers_pass, test_wrong_answers_get_their_hint, test_every_exercise_has_its_share_of_tests = answers.tests_of(
    CHECKS, RIGHT, WRONG)


@pytest.mark.parametrize("bias, left", [(0.0, 8e-31), (1.0, 2.5e-14), (math.log(0.995 / 0.005), 0.606)])
def test_the_hints_on_the_forget_gate_say_what_these_gates_leave(bias, left):
    assert (1 / (1 + math.exp(-bias))) ** 100 == pytest.approx(left, rel=0.02)
