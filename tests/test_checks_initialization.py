"""The exercises of notebook 04: right answers in several styles pass, plausible wrong ones get their hint."""

from __future__ import annotations

import math

import answers
import numpy as np
import pytest

from livegrad.checks import initialization
from livegrad.checks.initialization import (
    check_default_shrink,
    check_distinct_units,
    check_kaiming_bound,
    check_unit_variance,
    check_variance_step,
    check_xavier_bound,
    check_z_variance,
)
from livegrad.initializers import kaiming_uniform, lsuv, xavier_uniform
from livegrad.mlp import MLP

CHECKS = [getattr(initialization, name) for name in initialization.__all__]

# The students -------------------------------------------------------------------------------------


def distinct_units_loops(W):
    seen = []
    for row in W:
        if not any(np.array_equal(row, other) for other in seen):
            seen.append(row)
    return len(seen)


def z_variance_loops(a_prev, w_std):
    total = 0.0
    for row in a_prev:
        for a in row:
            total += w_std**2 * a**2
    return total / len(a_prev)


def largest_drawn(rule, n_in, n_out, **options):
    """The bound read off the library's own draw: the generator's numbers before they are scaled are known."""
    W = rule((n_out, n_in), np.random.default_rng(0), **options)
    unscaled = np.random.default_rng(0).uniform(-1, 1, W.shape)
    return np.median(W / unscaled)


def kaiming_steps(n_in, n_out, a, mode):
    gain = math.sqrt(2 / (1 + a**2))
    fan = n_in if mode == "fan_in" else n_out
    std = gain / math.sqrt(fan)
    return math.sqrt(3) * std


def kaiming(gain=lambda a: math.sqrt(2 / (1 + a * a)), root_3=math.sqrt(3), fan="right"):
    def kaiming_bound(n_in, n_out, a, mode):
        forward = (mode == "fan_in") is (fan == "right")
        return root_3 * gain(a) / math.sqrt(n_in if forward else n_out)

    return kaiming_bound


def variance_step_loops(q, gain, u):
    return gain**2 * sum(math.tanh(math.sqrt(q) * x) ** 2 for x in u) / len(u)


def unit_variance_by_the_library(W, a_prev):
    return lsuv(MLP([W], [np.zeros(len(W))]), a_prev).weights[0]


RIGHT = [
    (check_distinct_units, lambda W: len(set(map(tuple, W)))),
    (check_distinct_units, lambda W: np.unique(W, axis=0).shape[0]),
    (check_distinct_units, distinct_units_loops),
    (check_z_variance, lambda a_prev, w_std: a_prev.shape[1] * w_std**2 * (a_prev**2).mean()),
    (check_z_variance, lambda a, s: np.mean(np.sum((s * a) ** 2, axis=1))),
    (check_z_variance, z_variance_loops),
    (check_xavier_bound, lambda n_in, n_out: np.sqrt(6 / (n_in + n_out))),
    (check_xavier_bound, lambda n_in, n_out: math.sqrt(3) * math.sqrt(2 / (n_in + n_out))),
    (check_xavier_bound, lambda n_in, n_out: largest_drawn(xavier_uniform, n_in, n_out)),
    (check_kaiming_bound, kaiming_steps),
    (check_kaiming_bound, kaiming()),
    (check_kaiming_bound, lambda n_in, n_out, a, mode: largest_drawn(kaiming_uniform, n_in, n_out, a=a, mode=mode)),
    (check_default_shrink, 6 / 1.04),
    (check_default_shrink, 3 * math.sqrt(2 / (1 + 0.2**2)) ** 2),
    (check_variance_step, lambda q, gain, u: np.linalg.norm(gain * np.tanh(q**0.5 * u)) ** 2 / len(u)),
    (check_variance_step, variance_step_loops),
    (check_unit_variance, lambda W, a_prev: W / np.std(a_prev @ W.T)),
    (check_unit_variance, lambda W, a: W / math.sqrt(np.mean((W @ a.T) ** 2) - np.mean(W @ a.T) ** 2)),
    (check_unit_variance, unit_variance_by_the_library),
]


WRONG = [
    (check_distinct_units, lambda W: W.shape[0], "equal or not"),
    (check_distinct_units, lambda W: np.linalg.matrix_rank(W), "twice the weights of another"),
    (check_distinct_units, lambda W: len(set(W.ravel().tolist())), "A unit is a whole row"),
    (check_distinct_units, lambda W: len(set(map(tuple, W.T))), "a column belongs to an input"),
    (check_distinct_units, lambda W: len({float(row.sum()) for row in W}), "can have the same sum"),
    (check_distinct_units, lambda W: len(W) - len(set(map(tuple, W))), "copies of another one"),
    (check_distinct_units, lambda W: np.unique(W, axis=0), "expected a single number"),
    (check_distinct_units, lambda W: 1, "returns the same for every input"),
    (check_z_variance, lambda a, s: a.shape[1] * s**2 * np.var(a), "not their variance"),
    (check_z_variance, lambda a, s: a.shape[1] * s * np.mean(a**2), "w_std is its root"),
    (check_z_variance, lambda a, s: s**2 * np.mean(a**2), "n products add up to one z"),
    (check_z_variance, lambda a, s: s**2 * np.sum(a**2), "is the mean over the N examples missing?"),
    (check_z_variance, lambda a, s: len(a) * s**2 * np.mean(a**2), "number of examples does not enter"),
    (check_z_variance, lambda a, s: s * np.sqrt(a.shape[1] * np.mean(a**2)), "the standard deviation of z"),
    (check_z_variance, lambda a, s: a.shape[1] * s**2 * np.mean(a**2, axis=0), "expected a single number"),
    (check_xavier_bound, lambda n_in, n_out: math.sqrt(2 / (n_in + n_out)), "That is the standard deviation"),
    (check_xavier_bound, lambda n_in, n_out: 6 / (n_in + n_out), "square of the bound"),
    (check_xavier_bound, lambda n_in, n_out: math.sqrt(3 / (n_in + n_out)), "you divide by their sum"),
    (check_xavier_bound, lambda n_in, n_out: math.sqrt(3 / n_in), "LeCun's rule"),
    (check_xavier_bound, lambda n_in, n_out: math.sqrt(6 / n_in), "Kaiming's rule for ReLU"),
    (check_xavier_bound, lambda n_in, n_out: math.sqrt(24 / (n_in + n_out)), "width of the interval"),
    (check_xavier_bound, lambda n_in, n_out: -math.sqrt(6 / (n_in + n_out)), "the wrong sign"),
    (check_kaiming_bound, kaiming(root_3=1), "That is std."),
    (check_kaiming_bound, kaiming(root_3=3), "is a root"),
    (check_kaiming_bound, kaiming(fan="wrong"), "The two fans are swapped"),
    (check_kaiming_bound, kaiming(gain=lambda a: 2 / (1 + a**2)), "Its square belongs to the variance"),
    (check_kaiming_bound, kaiming(gain=lambda a: math.sqrt(2 / (1 + a))), "by its own square"),
    (check_kaiming_bound, kaiming(gain=lambda a: math.sqrt(2)), "does not enter your gain"),
    (check_kaiming_bound, lambda n_in, n_out, a, mode: kaiming_steps(n_in, n_out, a, "fan_in"), "inputs in both modes"),
    (check_kaiming_bound, lambda n_in, n_out, a, mode: kaiming_steps(n_in, n_out, a, "fan_in") ** 2, "On n_in = 64"),
    (check_default_shrink, 3, "The units take something away, too."),
    (check_default_shrink, 2 / 1.04, "what the units do"),
    (check_default_shrink, 6, "That is for ReLU"),
    (check_default_shrink, 5, "by its own square"),
    (check_default_shrink, 1.04 / 6, "Upside down"),
    (check_default_shrink, math.sqrt(6 / 1.04), "the factor for the rms"),
    (check_default_shrink, 24 / 1.04, "the interval's length"),
    (check_default_shrink, 7, "7 is not the number"),
    (check_variance_step, lambda q, s, u: s**2 * np.mean(np.tanh(q * u) ** 2), "q is a mean square"),
    (check_variance_step, lambda q, s, u: s * np.mean(np.tanh(np.sqrt(q) * u) ** 2), "squared."),
    (check_variance_step, lambda q, s, u: s**2 * np.var(np.tanh(np.sqrt(q) * u)), "You subtract the mean"),
    (check_variance_step, lambda q, s, u: np.mean(np.tanh(s * np.sqrt(q) * u) ** 2), "the weights inside tanh"),
    (check_variance_step, lambda q, s, u: s**2 * np.mean(1 / np.cosh(np.sqrt(q) * u) ** 4), "square of the slopes"),
    (check_variance_step, lambda q, s, u: s**2 * np.sum(np.tanh(np.sqrt(q) * u) ** 2), "a division by k missing?"),
    (check_variance_step, lambda q, s, u: s**2 * np.tanh(np.sqrt(q) * u) ** 2, "expected a single number"),
    (check_unit_variance, lambda W, a: W / np.var(a @ W.T), "goes with the square of W"),
    (check_unit_variance, lambda W, a: W / np.std(a @ W.T, axis=0)[:, None], "the whole layer has one"),
    (check_unit_variance, lambda W, a: W / np.std(a @ W.T, axis=0), "stopped with ValueError"),
    (check_unit_variance, lambda W, a: W / np.std(W), "it is z that should have it"),
    (check_unit_variance, lambda W, a: W / np.std(a), "depends on W as well"),
    (check_unit_variance, lambda W, a: W / np.sqrt(np.mean((a @ W.T) ** 2)), "subtracts the mean first"),
    (check_unit_variance, lambda W, a: a @ W.T / np.std(a @ W.T), "the weights are asked for"),
    (check_unit_variance, lambda W, a: W * np.std(a @ W.T), "You multiply where you should divide"),
]


test_right_answers_pass, test_wrong_answers_get_their_hint, test_every_exercise_has_its_share_of_tests = answers.tests_of(
    CHECKS, RIGHT, WRONG)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_the_bound_asked_for_is_the_one_pytorch_draws_with(mode):
    torch = pytest.importorskip("torch")
    W = torch.empty(300, 200)
    torch.manual_seed(0)
    torch.nn.init.kaiming_uniform_(W, a=0.3, mode=mode)
    bound = check_kaiming_bound.reference(200, 300, 0.3, mode)
    assert 0.999 * bound < W.abs().max().item() <= bound
