"""The exercises of notebook 05: right answers in several styles pass, plausible wrong ones get their hint."""

from __future__ import annotations

import math

import answers
import numpy as np
import pytest

from livegrad.checks import clipping
from livegrad.checks.clipping import (
    check_cliff_bias,
    check_clip_by_norm,
    check_cosine_kept,
    check_global_factor,
    check_mean_of_clipped,
    check_shortened,
    check_smallest_threshold,
)

CHECKS = [getattr(clipping, name) for name in clipping.__all__]
NUMBERS = [check_cliff_bias]

# The students -------------------------------------------------------------------------------------


def clip_by_norm_loop(g, max_norm):
    total = 0.0
    for entry in g:
        total += entry * entry
    if math.sqrt(total) <= max_norm:
        return list(g)
    return [max_norm * entry / math.sqrt(total) for entry in g]


def cosine_loop(g, limit):
    clipped = [max(min(entry, limit), -limit) for entry in g]
    product = sum(a * b for a, b in zip(g, clipped))
    return product / math.hypot(*g) / math.hypot(*clipped)


def cosine_from_the_difference(g, limit):
    u, v = g / np.linalg.norm(g), np.clip(g, -limit, limit)
    v = v / np.linalg.norm(v)
    return 1 - np.sum((u - v) ** 2) / 2


def settle(w):
    """The bias that keeps x = 0.5, by bisection on where the state goes."""
    low, high = -10.0, 10.0
    for _ in range(80):
        b = (low + high) / 2
        low, high = (b, high) if w / (1 + math.exp(-0.5)) + b < 0.5 else (low, b)
    return b


def threshold_sorted(norms, share):
    return np.sort(norms)[len(norms) - 1 - math.floor(share * len(norms))]


def threshold_by_quantile(norms, share):
    return np.quantile(norms, 1 - share, method="inverted_cdf")


def threshold_loop(norms, share):
    for e in sorted(norms):
        if sum(norm > e for norm in norms) <= share * len(norms):
            return e
    return None


def mean_loop(G, max_norm):
    total = np.zeros(G.shape[1])
    for g in G:
        size = np.linalg.norm(g)
        total += g * max_norm / size if size > max_norm else g
    return total / len(G)


def shortened_by_running(spike, n, beta2):
    s = beta2 * 1.0 + (1 - beta2) * spike**2
    for _ in range(n):
        s = beta2 * s + (1 - beta2)
    return 1 / math.sqrt(s)


RIGHT = [
    (check_clip_by_norm, lambda g, max_norm: g * min(1, max_norm / np.linalg.norm(g))),
    (check_clip_by_norm, lambda g, e: g * e / np.linalg.norm(g) if np.linalg.norm(g) > e else g),
    (check_clip_by_norm, lambda g, e: g * min(1, e / (np.linalg.norm(g) + 1e-6))),  # PyTorch's
    (check_clip_by_norm, clip_by_norm_loop),
    (check_cosine_kept, lambda g, e: g @ np.clip(g, -e, e) / np.linalg.norm(g) / np.linalg.norm(np.clip(g, -e, e))),
    (check_cosine_kept, cosine_loop),
    (check_cosine_kept, cosine_from_the_difference),
    (check_global_factor, lambda dW, db, e: min(1, e / np.linalg.norm([*dW.ravel(), *db]))),
    (check_global_factor, lambda dW, db, e: min(1, e / math.sqrt((dW**2).sum() + (db**2).sum()))),
    (check_cliff_bias, 0.5 - 6 / (1 + math.exp(-0.5))),
    (check_cliff_bias, settle(6)),
    (check_cliff_bias, -3.23476),
    (check_smallest_threshold, threshold_sorted),
    (check_smallest_threshold, threshold_by_quantile),
    (check_smallest_threshold, threshold_loop),
    (check_mean_of_clipped, mean_loop),
    (check_mean_of_clipped,
     lambda G, e: (G * np.minimum(1, e / np.linalg.norm(G, axis=1, keepdims=True))).mean(axis=0)),
    (check_shortened, shortened_by_running),
    (check_shortened, lambda k, n, b: 1 / np.sqrt(1 - b**n * (1 - b) + (1 - b) * b**n * k**2)),
]  # fmt: skip


def size(g):
    return np.linalg.norm(g)


WRONG = [
    (check_clip_by_norm, lambda g, e: e * g / size(g), "You stretch short gradients"),
    (check_clip_by_norm, lambda g, e: np.maximum(np.minimum(g, e), -e), "That is clipping by value"),
    (check_clip_by_norm, lambda g, e: g / size(g) if size(g) > e else g, "the length wanted is ε"),
    (check_clip_by_norm, lambda g, e: g * e / (g @ g) if size(g) > e else g, "A root is missing"),
    (check_clip_by_norm, lambda g, e: g * e / size(g) if (g > e).any() or (g < -e).any() else g, "an entry is above ε"),
    (check_clip_by_norm, lambda g, e: g * e / size(g) if size(g) < e else g, "the other way round"),
    (check_clip_by_norm, lambda g, e: g if size(g) <= e else 0 * g, "not thrown away"),
    (check_clip_by_norm, lambda g, e: g / max(1, np.abs(g).max() / e), "by its largest entry"),
    (check_clip_by_norm, lambda g, e: size(g), "a single number, expected (n) = (2,)"),
    (check_clip_by_norm, lambda g, e: -g * min(1, e / size(g)), "the wrong sign"),
    (check_cosine_kept, lambda g, e: math.degrees(math.acos(cosine_loop(g, e))), "the angle in degrees"),
    (check_cosine_kept, lambda g, e: math.acos(cosine_loop(g, e)), "the angle in radians"),
    (check_cosine_kept, lambda g, e: g @ np.clip(g, -e, e), "Divide it by both their lengths"),
    (check_cosine_kept, lambda g, e: size(np.clip(g, -e, e)) / size(g), "how much shorter"),
    (check_cosine_kept, lambda g, e: 1.0, "which turns nothing"),
    (check_cosine_kept, lambda g, e: g @ np.sign(g) / size(g) / np.sqrt(g.size), "You make every entry ±limit"),
    (check_cosine_kept, lambda g, e: cosine_loop(g, math.inf if max(g) < e else 1e9), "which turns nothing"),
    (check_global_factor, lambda dW, db, e: e / np.hypot(size(dW), size(db)), "it must be at most 1"),
    (check_global_factor, lambda dW, db, e: min(1, e / (size(dW) + size(db))), "before the root is taken"),
    (check_global_factor, lambda dW, db, e: min(1, e / size(dW)), "db counts, too"),
    (check_global_factor, lambda dW, db, e: min(1, e / max(size(dW), size(db))), "the longer of the two alone"),
    (check_global_factor, lambda dW, db, e: min(1, e / np.sqrt(np.linalg.norm(dW, 2) ** 2 + db @ db)),
     "largest singular value"),
    (check_global_factor, lambda dW, db, e: dW * min(1, e / np.hypot(size(dW), size(db))), "expected a single number"),
    (check_cliff_bias, 6 / (1 + math.exp(-0.5)) - 0.5, "the sign of b wrong"),
    (check_cliff_bias, -2.5, "leaves σ out"),
    (check_cliff_bias, -3, "That is for σ(0)"),
    (check_cliff_bias, -6 / (1 + math.exp(-0.5)), "That makes x₁ = 0"),
    (check_cliff_bias, -3.23, "Right to two decimals"),
    (check_cliff_bias, -3.235, "Right to three decimals"),
    (check_cliff_bias, -3.2348, "Right to four decimals"),
    (check_cliff_bias, -3.232, "rounded to 0.622"),
    (check_cliff_bias, 1.0, "1 is not the number"),
    (check_smallest_threshold, lambda norms, share: np.quantile(norms, 1 - share), "one of them"),
    (check_smallest_threshold, lambda norms, share: max(norms), "clips nothing"),
    (check_smallest_threshold, lambda norms, share: norms[len(norms) - 1 - int(share * len(norms))], "not sorted yet"),
    (check_smallest_threshold, lambda norms, share: sorted(norms)[::-1][len(norms) - 1 - int(share * len(norms))],
     "the largest first"),
    (check_smallest_threshold, lambda norms, share: sorted(norms)[-int(share * len(norms)) - 2], "One place too low"),
    (check_mean_of_clipped, lambda G, e: G.mean(axis=0) * min(1, e / size(G.mean(axis=0))), "You clip the mean"),
    (check_mean_of_clipped, lambda G, e: np.clip(G, -e, e).mean(axis=0), "You clip by value"),
    (check_mean_of_clipped, lambda G, e: (G * min(1, e / size(G))).mean(axis=0), "one norm for the whole matrix"),
    (check_mean_of_clipped, lambda G, e: G * np.minimum(1, e / np.linalg.norm(G, axis=1))[:, None],
     "their mean over the examples is wanted"),
    (check_mean_of_clipped, lambda G, e: mean_loop(G, e) * len(G), "is the mean over the N examples missing?"),
    (check_mean_of_clipped, lambda G, e: (e * G / np.linalg.norm(G, axis=1)[:, None]).mean(axis=0), "You stretch the short ones"),
    (check_shortened, lambda k, n, b: 1 / shortened_by_running(k, n, b), "by which the step is divided"),
    (check_shortened, lambda k, n, b: shortened_by_running(k, n, b) ** 2, "Adam divides by √s"),
    (check_shortened, lambda k, n, b: shortened_by_running(k, 0, b), "The spike fades"),
    (check_shortened, lambda k, n, b: shortened_by_running(k, n + 1, b), "n counts the updates after the spike"),
    (check_shortened, lambda k, n, b: 1 / np.sqrt(1 + (1 - b) * k**2 * b**n), "put spike² − 1"),
]  # fmt: skip


test_right_answers_pass, test_wrong_answers_get_their_hint, test_every_exercise_has_its_share_of_tests = answers.tests_of(
    CHECKS, RIGHT, WRONG)


@pytest.mark.parametrize(
    "check, answer, remark",
    [
        (check_clip_by_norm, lambda g, e: g * min(1, e / math.hypot(*g)), "it fails on a gradient of zeros"),
        (check_clip_by_norm, lambda g, e: g if size(g) <= e else g * e / size(g), "overflow"),
        (check_global_factor, lambda dW, db, e: min(1, e / math.hypot(*dW.flat, *db)), "both gradients are 0"),
    ],
)
def test_an_answer_that_breaks_at_the_extremes_passes_with_a_remark(check, answer, remark):
    assert check(answer).status == "passed"
    assert remark in check(answer).message


@pytest.mark.parametrize("check", [c for c in CHECKS if c not in NUMBERS], ids=repr)
def test_the_best_answers_pass_without_a_remark(check):
    assert check(check.reference).message.endswith("inputs.")


def test_the_state_of_the_cliff_exercise_stays_where_it_is():
    x = 0.5
    for _ in range(50):
        x = 6 / (1 + math.exp(-x)) + check_cliff_bias.reference()
    assert x == pytest.approx(0.5, abs=1e-6)
