"""The exercises of notebook 06: right answers in several styles pass, plausible wrong ones get their hint."""

from __future__ import annotations

import math

import answers
import numpy as np
import pytest

from livegrad.checks import normalization
from livegrad.checks.normalization import (
    check_batchnorm_dz, check_folded_bias, check_layer_norm, check_running_mean, check_standard_score, check_undo, check_warm_up)
from livegrad.gradcheck import numerical_gradient

CHECKS = [getattr(normalization, name) for name in normalization.__all__]
NUMBERS = [check_warm_up]

# The students -------------------------------------------------------------------------------------


def score_loop(X, eps):
    out = np.zeros(X.shape)
    for j in range(X.shape[1]):
        mean = sum(X[:, j]) / len(X)
        var = sum((x - mean) ** 2 for x in X[:, j]) / len(X)
        for i in range(len(X)):
            out[i, j] = (X[i, j] - mean) / math.sqrt(var + eps)
    return out


def undo_by_two_points(z, eps):
    """The line through two examples: (ẑ, z)."""
    z_hat = (z - z.mean()) / np.sqrt(z.var() + eps)
    gamma = (z[1] - z[0]) / (z_hat[1] - z_hat[0])
    return [gamma, z[0] - gamma * z_hat[0]]


def dz_by_jacobian(z_hat, std, gamma, dout):
    out = np.empty(z_hat.shape)
    for j in range(len(std)):
        x = z_hat[:, j]
        jacobian = (np.eye(len(x)) - 1 / len(x) - np.outer(x, x) / len(x)) / std[j]
        out[:, j] = jacobian @ (gamma[j] * dout[:, j])
    return out


def dz_by_the_chain(z_hat, std, gamma, dout):
    """As in the paper: through the variance, through the mean, and directly."""
    m, centered, dx_hat = len(dout), z_hat * std, dout * gamma
    dvar = (dx_hat * centered).sum(axis=0) * -0.5 * std**-3
    dmean = -dx_hat.sum(axis=0) / std - 2 * dvar * centered.mean(axis=0)
    return dx_hat / std + dvar * 2 * centered / m + dmean / m


def layer_norm_loop(X, gamma, beta, eps):
    return [[g * (x - np.mean(row)) / math.sqrt(np.var(row) + eps) + b for x, g, b in zip(row, gamma, beta)] for row in X]


def running_loop(means, momentum):
    running = 0
    for mean in means:
        running += (1 - momentum) * (mean - running)
    return running


def folded_by_trying(b, mean, var, gamma, beta, eps):
    """What comes out when the layer reads zeros."""
    z = 0 + b
    return gamma * ((z - mean) / np.sqrt(var + eps)) + beta


def count_down():
    left, batches = 1.0, 0
    while left >= 0.01:
        left, batches = 0.99 * left, batches + 1
    return batches


RIGHT = [
    (check_standard_score, score_loop),
    (check_standard_score, lambda X, eps: (X - X.mean(0)) / np.sqrt(X.var(0) + eps)),
    (check_standard_score, lambda X, eps: (X - np.mean(X, axis=0)) * (np.var(X, axis=0) + eps) ** -0.5),
    (check_undo, lambda z, eps: (math.sqrt(z.var() + eps), z.mean())),
    (check_undo, undo_by_two_points),
    (check_batchnorm_dz, dz_by_jacobian),
    (check_batchnorm_dz, dz_by_the_chain),
    (check_batchnorm_dz,
     lambda x, s, g, d: g / s / len(d) * (len(d) * d - d.sum(axis=0) - x * (d * x).sum(axis=0))),
    (check_layer_norm, layer_norm_loop),
    (check_layer_norm, lambda X, g, b, eps: (g * ((X.T - X.mean(1)) / np.sqrt(X.var(1) + eps)).T) + b),
    (check_running_mean, running_loop),
    (check_running_mean, lambda means, m: sum((1 - m) * m**k * mean for k, mean in enumerate(reversed(list(means))))),
    (check_folded_bias, folded_by_trying),
    (check_folded_bias, lambda b, mean, var, g, be, eps: be + g / np.sqrt(var + eps) * b - g / np.sqrt(var + eps) * mean),
    (check_warm_up, count_down()),
    (check_warm_up, math.ceil(math.log(0.01, 0.99))),
]  # fmt: skip


def row(X, f):
    return f(X, axis=1)[:, np.newaxis]


WRONG = [
    (check_standard_score, lambda X, eps: (X - row(X, np.mean)) / np.sqrt(row(X, np.var) + eps), "You standardize each row"),
    (check_standard_score, lambda X, eps: (X - X.mean(0)) / X.std(0), "Where is ε?"),
    (check_standard_score, lambda X, eps: (X - X.mean(0)) / (X.std(0) + eps), "it belongs under the root"),
    (check_standard_score, lambda X, eps: (X - X.mean(0)) / (X.var(0) + eps), "You divide by the variance"),
    (check_standard_score, lambda X, eps: (X - X.mean(0)) / np.sqrt(X.var(0, ddof=1) + eps), "the divisor N − 1"),
    (check_standard_score, lambda X, eps: (X.mean(0) - X) / np.sqrt(X.var(0) + eps), "the wrong sign"),
    (check_undo, lambda z, eps: (z.std(), z.mean()), "so γ needs it, too"),
    (check_undo, lambda z, eps: (z.mean(), np.sqrt(z.var() + eps)), "wrong order"),
    (check_undo, lambda z, eps: (np.sqrt(z.var() + eps), -z.mean()), "β has the wrong sign"),
    (check_undo, lambda z, eps: (1 / np.sqrt(z.var() + eps), z.mean()), "divides once more"),
    (check_undo, lambda z, eps: z, "expected (2) = (2,)"),
    (check_batchnorm_dz, lambda x, s, g, d: g * d / s, "That is evaluation mode"),
    (check_batchnorm_dz, lambda x, s, g, d: g * (d - d.mean(0)) / s, "but not the variance"),
    (check_batchnorm_dz, lambda x, s, g, d: (d - d.mean(0) - x * np.mean(d * x, 0)) / s, "Where is γ?"),
    (check_batchnorm_dz, lambda x, s, g, d: g * (d - d.sum(0) - x * np.sum(d * x, 0)) / s, "You take sums"),
    (check_batchnorm_dz, lambda x, s, g, d: g * (d - d.mean(0) - np.mean(d * x, 0)) / s, "multiplied by ẑ"),
    (check_batchnorm_dz, lambda x, s, g, d: -g * (d - d.mean(0) - x * np.mean(d * x, 0)) / s, "the wrong sign"),
    (check_batchnorm_dz, lambda x, s, g, d: (d * g - (d * g).mean(0) - x * np.mean(d * x, 0)) / s, "In the last mean g is meant"),
    (check_layer_norm, lambda X, g, b, eps: g * (X - row(X, np.mean)) / (row(X, np.var) + eps) + b, "its root is wanted"),
    (check_folded_bias, lambda b, mean, var, g, be, eps: b + be, "You add the two biases"),
    (check_layer_norm, lambda X, g, b, eps: g * (X - X.mean(0)) / np.sqrt(X.var(0) + eps) + b, "That is batch norm"),
    (check_layer_norm, lambda X, g, b, eps: (X - row(X, np.mean)) / np.sqrt(row(X, np.var) + eps), "γ and β are still to come"),
    (check_layer_norm, lambda X, g, b, eps: g * X / np.sqrt(row(X**2, np.mean) + eps) + b, "That is RMS norm with a β"),
    (check_layer_norm, lambda X, g, b, eps: g * ((X - row(X, np.mean)) / np.sqrt(row(X, np.var) + eps) + b), "β comes after γ"),
    (check_layer_norm, lambda X, g, b, eps: ((X.T - X.mean(1)) / np.sqrt(X.var(1) + eps)) * g + b, "layer_norm stopped with"),
    (check_running_mean, lambda means, m: running_loop(means, 1 - m), "That is PyTorch's momentum"),
    (check_running_mean, lambda means, m: float(np.mean(means)), "That is the plain mean"),
    (check_running_mean, lambda means, m: running_loop(means, m) / (1 - m ** len(means)), "as Adam does"),
    (check_running_mean, lambda means, m: running_loop(means[::-1], m), "from the last to the first"),
    (check_running_mean, lambda means, m: running_loop(means, m) + m ** len(means), "as the running variance does"),
    (check_folded_bias, lambda b, mean, var, g, be, eps: be - g * mean / np.sqrt(var + eps), "Where is b?"),
    (check_folded_bias, lambda b, mean, var, g, be, eps: be, "b stays"),
    (check_folded_bias, lambda b, mean, var, g, be, eps: b + be - g * mean / np.sqrt(var + eps), "it is shifted and scaled"),
    (check_folded_bias, lambda b, mean, var, g, be, eps: g * (b - mean) / (var + eps) + be, "its root is wanted"),
    (check_warm_up, 458, "One too few"),
    (check_warm_up, 458.2, "A whole number of batches"),
    (check_warm_up, math.log(0.01, 0.99), "A whole number of batches"),
    (check_warm_up, 100, "37 % is left"),
    (check_warm_up, 69, "half of it"),
    (check_warm_up, 2, "0.99 is the share that is kept"),
]  # fmt: skip


test_right_answers_pass, test_wrong_answers_get_their_hint, test_every_exercise_has_its_share_of_tests = answers.tests_of(
    CHECKS, RIGHT, WRONG)


def test_a_variance_from_mean_squares_passes_with_a_remark():
    verdict = check_standard_score(lambda X, eps: (X - X.mean(0)) / np.sqrt((X**2).mean(0) - X.mean(0) ** 2 + eps))
    assert verdict.status == "passed" and "subtract the mean before you square" in verdict.message


@pytest.mark.parametrize("check", [c for c in CHECKS if c not in NUMBERS], ids=repr)
def test_the_best_answers_pass_without_a_remark(check):
    assert check(check.reference).message.endswith("inputs.")


def test_the_backward_exercise_is_the_slope_of_the_forward_one():
    rng = np.random.default_rng(1)
    Z, gamma, dout = rng.normal(2.0, 3.0, (5, 3)), rng.uniform(0.5, 2.0, 3), rng.standard_normal((5, 3))
    z_hat = check_standard_score.reference(Z, 0.2)
    std = np.sqrt(Z.var(axis=0) + 0.2)
    slope = numerical_gradient(lambda Z: np.sum(dout * gamma * check_standard_score.reference(Z, 0.2)), Z)
    np.testing.assert_allclose(check_batchnorm_dz.reference(z_hat, std, gamma, dout), slope, rtol=1e-6, atol=1e-9)


def test_a_folded_layer_does_what_layer_and_norm_do():
    rng = np.random.default_rng(2)
    x, W = rng.standard_normal((6, 4)), rng.standard_normal((3, 4))
    b, mean, beta = rng.standard_normal((3, 3))
    var, gamma = rng.uniform(0.5, 2.0, (2, 3))
    both = gamma * (x @ W.T + b - mean) / np.sqrt(var + 0.1) + beta
    one = x @ (W * (gamma / np.sqrt(var + 0.1))[:, np.newaxis]).T + check_folded_bias.reference(b, mean, var, gamma, beta, 0.1)
    np.testing.assert_allclose(one, both)
