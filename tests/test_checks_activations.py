"""The exercises of notebook 01: right answers in several styles pass, plausible wrong ones get their hint."""

from __future__ import annotations

import math

import answers
import numpy as np

from livegrad.checks import activations
from livegrad.checks.activations import (
    check_collapsed_bias,
    check_collapsed_weight,
    check_how_many_quiet,
    check_measured_gain,
    check_passed_back,
    check_safe_slope,
    check_saturated_share,
)

CHECKS = [getattr(activations, name) for name in activations.__all__]

# The students -------------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def collapsed_weight_by_probing(W1, W2, W3):
    columns = [W3 @ (W2 @ (W1 @ unit)) for unit in np.eye(W1.shape[1])]
    return np.array(columns).T


def collapsed_bias_by_probing(b1, W2, b2, W3, b3):
    nothing = np.zeros((1, len(b1)))
    return (((nothing + b1) @ W2.T + b2) @ W3.T + b3)[0]


def through(W, b, c):
    return [sum(w * x for w, x in zip(row, b)) + last for row, last in zip(W, c)]


def collapsed_bias_loops(b1, W2, b2, W3, b3):
    return through(W3, through(W2, b1, b2), b3)


def passed_back_by_differences(e, z, h=1e-5):
    return e * (sigmoid(z + h) - sigmoid(z - h)) / (2 * h)


def saturated_share_loop(z):
    hits = 0
    for value in z.flat:
        a = 1 / (1 + math.exp(-2 * value))
        hits += 4 * a * (1 - a) < 0.05
    return hits / z.size


def how_many_quiet_loops(x, W, b, share):
    quiet = 0
    for w, bias in zip(W, b):
        if sum(w @ example + bias > 0 for example in x) < share * len(x):
            quiet += 1
    return quiet


def safe_slope_branches(z):
    out = np.empty_like(z)
    for i, value in enumerate(z):
        power = math.exp(-value) if value > 0 else math.exp(value)
        out[i] = power / (1 + power) ** 2
    return out


RIGHT = [
    (check_collapsed_weight, lambda W1, W2, W3: W3 @ W2 @ W1),
    (check_collapsed_weight, lambda W1, W2, W3: (W1.T @ W2.T @ W3.T).T),
    (check_collapsed_weight, collapsed_weight_by_probing),
    (check_collapsed_bias, lambda b1, W2, b2, W3, b3: W3 @ W2 @ b1 + W3 @ b2 + b3),
    (check_collapsed_bias, lambda b1, W2, b2, W3, b3: (b1 @ W2.T + b2) @ W3.T + b3),
    (check_collapsed_bias, collapsed_bias_by_probing),
    (check_collapsed_bias, collapsed_bias_loops),
    (check_passed_back, lambda e, z: e * sigmoid(z) * (1 - sigmoid(z))),
    (check_passed_back, lambda e, z: e * np.exp(-z) / (1 + np.exp(-z)) ** 2),
    (check_passed_back, lambda e, z: e / (4 * np.cosh(z / 2) ** 2)),
    (check_passed_back, passed_back_by_differences),
    (check_saturated_share, lambda z: np.mean(1 - np.tanh(z) ** 2 < 0.05)),
    (check_saturated_share, lambda z: (np.abs(z) > 2.179).sum() / z.size),
    (check_saturated_share, saturated_share_loop),
    (check_how_many_quiet, lambda x, W, b, share: np.sum(np.mean(x @ W.T + b > 0, axis=0) < share)),
    (check_how_many_quiet, lambda x, W, b, share: np.count_nonzero((W @ x.T + b[:, None] <= 0).mean(axis=1) > 1 - share)),
    (check_how_many_quiet, lambda x, W, b, share: np.sum(np.count_nonzero(np.maximum(x @ W.T + b, 0), axis=0) / len(x) < share)),
    (check_how_many_quiet, how_many_quiet_loops),
    (check_measured_gain, lambda a, s: s / np.sqrt(np.mean(a**2))),
    (check_measured_gain, lambda a, s: s * math.sqrt(len(a)) / np.linalg.norm(a)),
    (check_measured_gain, lambda a, s: np.mean((a / s) ** 2) ** -0.5),
    (check_safe_slope, lambda z: sigmoid(z) * sigmoid(-z)),
    (check_safe_slope, lambda z: np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))) ** 2),
    (check_safe_slope, lambda z: 1 / (2 * np.cosh(z / 2)) ** 2),
    (check_safe_slope, lambda z: np.where(z > 0, np.exp(-z) * sigmoid(z) ** 2, sigmoid(z) * (1 - sigmoid(z)))),
    (check_safe_slope, safe_slope_branches),
]


WRONG = [
    (check_collapsed_weight, lambda W1, W2, W3: W1 @ W2 @ W3, "would meet the last layer first"),
    (check_collapsed_weight, lambda W1, W2, W3: W1.T @ W2.T @ W3.T, "to multiply A⁰ with from the right"),
    (check_collapsed_weight, lambda W1, W2, W3: W3.T @ W2.T @ W1.T, "both the wrong way round"),
    (check_collapsed_weight, lambda W1, W2, W3: W1 @ W2.T @ W3.T, "every matrix is transposed, W¹ too"),
    (check_collapsed_weight, lambda W1, W2, W3: W3 * W2 * W1, "`*` multiplies entry by entry"),
    (check_collapsed_weight, lambda W1, W2, W3: W2 @ W1, "The third layer does not enter"),
    (check_collapsed_weight, lambda W1, W2, W3: W3, "shape (1, 4), expected (o, i) = (1, 3)"),
    (check_collapsed_weight, lambda W1, W2, W3: -(W3 @ W2 @ W1), "the wrong sign"),
    (check_collapsed_bias, lambda b1, W2, b2, W3, b3: b3, "b¹ and b² do not enter yet"),
    (check_collapsed_bias, lambda b1, W2, b2, W3, b3: W3 @ b2 + b3, "b¹ does not enter yet"),
    (check_collapsed_bias, lambda b1, W2, b2, W3, b3: W3 @ W2 @ b1 + b3, "b² does not enter yet"),
    (check_collapsed_bias, lambda b1, W2, b2, W3, b3: W3 @ W2 @ (b1 + b2) + b3, "you send it through W²"),
    (check_collapsed_bias, lambda b1, W2, b2, W3, b3: W3 @ W2 @ b1 + b2 + b3, "one more layer for it to go through"),
    (check_collapsed_bias, lambda b1, W2, b2, W3, b3: W3.T @ (W2.T @ b1 + b2) + b3, "a row for each output"),
    (check_passed_back, lambda e, z: e * (1 / (1 + e**-z)) * (1 - 1 / (1 + e**-z)), "a power of it"),
    (check_passed_back, lambda e, z: e * sigmoid(z), "You multiply by the activation"),
    (check_passed_back, lambda e, z: e * z * (1 - z), "you put z in the place of a"),
    (check_passed_back, lambda e, z: sigmoid(z) * (1 - sigmoid(z)), "the message e does not enter"),
    (check_passed_back, lambda e, z: e * (1 - np.tanh(z) ** 2), "That is the slope of tanh"),
    (check_passed_back, lambda e, z: e * (z > 0), "That is the slope of ReLU"),
    (check_passed_back, lambda e, z: e / (sigmoid(z) * (1 - sigmoid(z))), "You divide by the slope"),
    (check_passed_back, lambda e, z: e * sigmoid(z) * (sigmoid(z) - 1), "the wrong sign"),
    (check_passed_back, lambda e, z: e * sigmoid(z) * (1 - sigmoid(z)) / len(e), "divided by N once too often?"),
    (check_passed_back, lambda e, z: 4 * e * sigmoid(z) * (1 - sigmoid(z)), "4 times too large, on every input"),
    (check_passed_back, lambda e, z: e @ (sigmoid(z) * (1 - sigmoid(z))).T, "`@` mixes examples"),
    (check_passed_back, lambda e, z: (e * sigmoid(z) * (1 - sigmoid(z))).sum(axis=0), "the axis of size N is gone"),
    (check_saturated_share, lambda z: np.mean(1 - np.tanh(z) ** 2 < 0.0125), "How steep does tanh get?"),
    (check_saturated_share, lambda z: np.mean(sigmoid(z) * (1 - sigmoid(z)) < 0.0125), "these units are tanh"),
    (check_saturated_share, lambda z: np.mean(np.abs(z) < 2.179), "the ones that are not saturated"),
    (check_saturated_share, lambda z: np.sum(np.abs(z) > 2.179), "a share is wanted"),
    (check_saturated_share, lambda z: np.mean(z > 2.179), "two flat ends"),
    (check_saturated_share, lambda z: np.mean(np.abs(z) > 2.179, axis=0), "shape (3,), expected a single number"),
    (check_saturated_share, lambda z: np.mean(np.abs(np.tanh(z)) > 0.95), "You compare the activation"),
    (check_saturated_share, lambda z: 100 * np.mean(np.abs(z) > 2.179), "That is a percentage"),
    (check_how_many_quiet, lambda x, W, b, share: np.sum(np.mean(x @ W.T > 0, axis=0) < share), "The bias does not enter"),
    (check_how_many_quiet, lambda x, W, b, share: np.sum(np.all(x @ W.T + b <= 0, axis=0)), "That counts the dead units"),
    (check_how_many_quiet, lambda x, W, b, share: np.sum(np.mean(x @ W.T + b > 0, axis=1) < share), "units that few examples wake"),
    (check_how_many_quiet, lambda x, W, b, share: np.mean(np.mean(x @ W.T + b > 0, axis=0) < share), "their number is wanted"),
    (check_how_many_quiet, lambda x, W, b, share: np.sum(np.mean(x @ W.T + b >= 0, axis=0) < share), "by convention"),
    (check_how_many_quiet, lambda x, W, b, share: np.sum(np.mean(x @ W.T + b > 0, axis=0) <= share), "is not below it"),
    (check_how_many_quiet, lambda x, W, b, share: np.sum(np.sum(x @ W.T + b > 0, axis=0) < share), "`share` is one of the examples"),
    (check_how_many_quiet, lambda x, W, b, share: np.mean(x @ W.T + b > 0, axis=0) < share, "True and False, expected real numbers"),
    (check_measured_gain, lambda a, s: 1 / np.sqrt(np.mean(a**2)), "That is right for s = 1"),
    (check_measured_gain, lambda a, s: s / a.std(), "subtracts the mean first"),
    (check_measured_gain, lambda a, s: np.sqrt(np.mean(a**2)) / s, "upside down"),
    (check_measured_gain, lambda a, s: s / np.mean(a**2), "A root is missing"),
    (check_measured_gain, lambda a, s: s / np.sqrt(np.sum(a**2)), "you take a sum"),
    (check_measured_gain, lambda a, s: s / np.abs(a).mean(), "The mean of |a| is another size"),
    (check_measured_gain, lambda a, s: s * a / np.sqrt(np.mean(a**2)), "shape (3,), expected a single number"),
    (check_safe_slope, lambda z: sigmoid(z) * (1 - sigmoid(z)), "a has rounded to 1"),
    (check_safe_slope, lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2, "overflows for very negative z"),
    (check_safe_slope, lambda z: np.exp(z) / (1 + np.exp(z)) ** 2, "overflows for large z"),
    (check_safe_slope, lambda z: (1 - np.tanh(z / 2) ** 2) / 4, "rounds to 0 at both ends"),
    (check_safe_slope, lambda z: np.exp(-np.clip(z, -30, 30)) / (1 + np.exp(-np.clip(z, -30, 30))) ** 2,
     "the true one goes on"),
    (check_safe_slope, lambda z: 1 / (2 * np.cosh(np.clip(z, -700, 700) / 2)) ** 2, "from 746 on"),
    (check_safe_slope, lambda z: np.exp(-np.abs(z)), "the denominator is more than 1"),
]  # fmt: skip


test_right_answers_pass, test_wrong_answers_get_their_hint, test_every_exercise_has_its_share_of_tests = answers.tests_of(
    CHECKS, RIGHT, WRONG)


def test_an_answer_that_breaks_at_the_extremes_passes_with_a_remark():
    verdict = check_passed_back(lambda e, z: e * np.exp(z) / (1 + np.exp(z)) ** 2)
    assert verdict.status == "passed" and "it fails on z = [[1000, -1000]]" in verdict.message
    assert check_passed_back(check_passed_back.reference).message.endswith("inputs.")
