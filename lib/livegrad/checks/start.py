"""The exercises of notebook 00, Start here.

Every check says "Not attempted yet" to `...`, and the rest is explained in `livegrad.checks.grading`:

>>> check_rows_from_columns(...)
Not attempted yet: rows_from_columns is still to be written.
"""

from __future__ import annotations

import numpy as np

from livegrad.checks.grading import Exercise

__all__ = ["check_first_step", "check_largest_rate", "check_momentum_step", "check_rows_from_columns", "check_steps_needed"]


def rows_from_columns(X, W, b):
    return X.T @ W.T + b


check_rows_from_columns = Exercise(
    rows_from_columns,
    "(n_in,N),(n_out,n_in),(n_out)->(N,n_out)",
    cases=lambda rng: [
        (rng.normal(size=(n_in, N)).round(1), rng.normal(size=(n_out, n_in)).round(1), rng.normal(size=n_out).round(1))
        for N, n_in, n_out in ((2, 3, 4), (5, 2, 3), (1, 4, 2), (3, 3, 3))
    ],
    wrong={
        "Right as the paper has it, with examples as columns. Here Z is to have them as rows.":
            lambda X, W, b: W @ X + b[:, np.newaxis],
        "You take X as if its rows were examples; in this paper its columns are.":
            lambda X, W, b: X @ W.T + b,
        "In W @ X the examples are still columns, so that each bias meets an example in place of a unit.":
            lambda X, W, b: W @ X + b,
        "The biases are missing.":
            lambda X, W, b: X.T @ W.T,
        "W needs no other storage than here: only the examples are to be turned.":
            lambda X, W, b: X.T @ W + b,
        "Nearly: you add b to the rows before turning, so that each bias meets an example in place of a unit.":
            lambda X, W, b: (W @ X + b).T,
    },
)
"""One layer from a paper whose examples are columns."""


def momentum_step(g, lr, mu, t):
    return lr * g * sum(mu**i for i in range(int(t)))


check_momentum_step = Exercise(
    momentum_step,
    "(),(),(),()->()",
    cases=lambda rng: [(1.0, 0.1, 0.9, 1), (2.0, 0.1, 0.5, 3), (0.5, 0.01, 0.9, 20), (3.0, 0.2, 0.0, 4), (1.0, 1.0, 0.8, 2)],
    wrong={
        "That is the length in the long run. At step t the sum has t terms only.":
            lambda g, lr, mu, t: lr * g / (1 - mu),
        "That is how far all t steps lead together; one step is wanted, the t-th.":
            lambda g, lr, mu, t: lr * g * sum(sum(mu**i for i in range(int(s))) for s in range(1, int(t) + 1)),
        "One term too few: the first step is lr · g long already.":
            lambda g, lr, mu, t: lr * g * sum(mu**i for i in range(int(t) - 1)),
        "One term too many: the first step is lr · g long.":
            lambda g, lr, mu, t: lr * g * sum(mu**i for i in range(int(t) + 1)),
        "That is v. The step is the learning rate times v.":
            lambda g, lr, mu, t: g * sum(mu**i for i in range(int(t))),
        "You average, v ← μv + (1 − μ)g. Here momentum adds the whole gradient.":
            lambda g, lr, mu, t: lr * g * (1 - mu**t),
        "That is plain gradient descent: the memory is missing.":
            lambda g, lr, mu, t: lr * g,
        "That is a single gradient, t steps old. Step t adds up t gradients, and the newest has not faded at all.":
            lambda g, lr, mu, t: lr * g * mu**t,
        "That is the oldest of the terms, which has faded most. Add all t of them.":
            lambda g, lr, mu, t: lr * g * mu ** (t - 1),
    },
)
"""Length of the t-th step of momentum while the gradient stays the same."""


def largest_rate(curvatures):
    return 2 / np.max(curvatures)


check_largest_rate = Exercise(
    largest_rate,
    "(n)->()",
    cases=lambda rng: [(np.array(c),) for c in ([10.0, 0.3], [0.5, 4.0, 2.0], [1.0, 1.0], [0.02, 0.1, 0.05, 0.01])],
    wrong={
        "That rate brings the steepest direction to its bottom in one step. It may be twice that before it diverges.":
            lambda c: 1 / np.max(c),
        "That is for the flattest direction. The steepest one diverges first.":
            lambda c: 2 / np.min(c),
        "The mean does not decide: one direction that diverges is enough.":
            lambda c: 2 / np.mean(c),
        "That is the fastest rate, 2 over the sum of the largest and the smallest; it may be larger before it diverges.":
            lambda c: 2 / (np.max(c) + np.min(c)),
        "That is the condition number.":
            lambda c: np.max(c) / np.min(c),
        "Curvatures do not add up here: each direction goes its own way.":
            lambda c: 2 / np.sum(c),
        "You take the first direction. The steepest decides, wherever it stands.":
            lambda c: 2 / c[0],
    },
)
"""The learning rate above which gradient descent leaves a bowl."""


def steps_needed(c, lr, left):
    share, steps = 1.0, 0
    while share > left:
        share, steps = share * abs(1 - lr * c), steps + 1
    return steps


def _rounded_up(steps):
    """A count by formula; where that has no value, none."""
    return lambda c, lr, left: np.ceil(steps(c, lr, left))


check_steps_needed = Exercise(
    steps_needed,
    "(),(),()->()",
    cases=lambda rng: [(10.0, 0.16, 0.2), (0.3, 0.2, 0.1), (4.0, 0.1, 0.05), (2.0, 0.9, 0.01), (5.0, 0.1, 0.4)],
    wrong={
        "After that many steps a little more than the share is still left: round up.":
            lambda c, lr, left: np.floor(np.log(left) / np.log(np.abs(1 - lr * c))),
        "Steps are whole: round up.":
            lambda c, lr, left: np.log(left) / np.log(np.abs(1 - lr * c)),
        "Where a step overshoots, 1 − lr · c is negative and has no logarithm. Its size counts.":
            _rounded_up(lambda c, lr, left: np.log(left) / np.log(1 - lr * c)),
        "One step too many: the share may be reached exactly at the end of a step.":
            lambda c, lr, left: steps_needed(c, lr, left) + 1,
        "lr · c is what a step takes away of the distance; what it leaves is |1 − lr · c|.":
            _rounded_up(lambda c, lr, left: np.log(left) / np.log(np.abs(lr * c))),
        "A step takes a share of what is left by then, not of the first distance.":
            _rounded_up(lambda c, lr, left: (1 - left) / (lr * c)),
        "e to the −lr · c is |1 − lr · c| for tiny steps only.":
            _rounded_up(lambda c, lr, left: -np.log(left) / (lr * c)),
        "That many steps bring the cost down to the share. It goes with the square of the distance.":
            _rounded_up(lambda c, lr, left: np.log(left) / np.log(np.abs(1 - lr * c)) / 2),
        "The learning rate is missing: the step is lr times the gradient c · w.":
            _rounded_up(lambda c, lr, left: np.log(left) / np.log(np.abs(1 - c))),
    },
    stretch={
        "One thing more: at lr = 1/c a single step leads to the bottom.": (2.0, 0.5, 0.1),
    },
)
"""Steps of gradient descent along one axis of a bowl until no more than a share of the distance is left."""


def first_step(g, lr, eps):
    return lr * g / (np.abs(g) + eps)


check_first_step = Exercise(
    first_step,
    "(n),(),()->(n)",
    cases=lambda rng: [
        (np.array(g), lr, eps)
        for g, lr, eps in (
            ([1.0, -2.0, 0.5], 0.1, 0.5),
            ([1e-6, -1e-8, 1e-10, 3.0], 0.01, 1e-8),
            ([-0.2, 0.1], 1.0, 0.1),
            ([5e-7, -2e-7, 1e-7, -1e-6, 4e-7], 0.001, 1e-7),
        )
    ],
    wrong={
        "That is the step without ε, always as long as the learning rate. Near 1e-8 it is ε that decides.":
            lambda g, lr, eps: lr * np.sign(g),
        "The sign is lost: take |g| below the line, and g above it.":
            lambda g, lr, eps: lr * np.abs(g) / (np.abs(g) + eps),
        "ε stands outside the root, beside |g|.":
            lambda g, lr, eps: lr * g / np.sqrt(g**2 + eps),
        "A root is missing: s is the mean of g², and the step is divided by √s.":
            lambda g, lr, eps: lr * g / (g**2 + eps),
        "That is without the corrections for the start at 0: m would be 0.1 g, and √s only 0.032 |g|.":
            lambda g, lr, eps: lr * 0.1 * g / (np.sqrt(0.001) * np.abs(g) + eps),
        "That is the step of gradient descent.":
            lambda g, lr, eps: lr * g,
        "You divide by g, which may be negative; √s is |g|.":
            lambda g, lr, eps: lr * g / (g + eps),
        "The learning rate is missing.":
            lambda g, lr, eps: g / (np.abs(g) + eps),
    },
)
"""Adam's first step, from the gradient alone."""
