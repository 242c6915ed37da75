"""The exercises of notebook 05, Gradient clipping.

Every check says "Not attempted yet" to `...`, and the rest is explained in `livegrad.checks.grading`:

>>> check_clip_by_norm(...)
Not attempted yet: clip_by_norm is still to be written.
"""

from __future__ import annotations

import numpy as np

from livegrad import clipping
from livegrad.checks.grading import Exercise

__all__ = [
    "check_cliff_bias",
    "check_clip_by_norm",
    "check_cosine_kept",
    "check_global_factor",
    "check_mean_of_clipped",
    "check_shortened",
    "check_smallest_threshold",
]


def _length(g):
    return np.sqrt(np.sum(np.square(g)))


def clip_by_norm(g, max_norm):
    return clipping.by_norm(g, max_norm)


check_clip_by_norm = Exercise(
    clip_by_norm,
    "(n),()->(n)",
    cases=lambda rng: [
        (np.array(g), max_norm)
        for g, max_norm in (
            ([3.0, -4.0], 2.0),
            ([1.0, 1.0, 0.5], 2.0),
            ([1.0, -2.0, 2.0, 4.0], 3.0),
            ([0.8, 0.9, 0.8, 0.1], 1.0),
            ([6.0, 0.0, 8.0], 10.0),
            ([0.1, -0.2], 0.5),
        )
    ],
    wrong={
        "You stretch short gradients to length ε as well; a gradient of at most ε is to stay as it is.":
            lambda g, e: g * e / _length(g),
        "It is the other way round: gradients longer than ε are scaled, the others stay.":
            lambda g, e: g * e / _length(g) if _length(g) <= e else g,
        "That is clipping by value, entry by entry. It turns the gradient; one factor for all entries is wanted.":
            lambda g, e: np.clip(g, -e, e),
        "That has length 1; the length wanted is ε.":
            lambda g, e: g / _length(g) if _length(g) > e else g,
        "A root is missing: you divide by the squared norm.":
            lambda g, e: g * e / _length(g) ** 2 if _length(g) > e else g,
        "You compare the squared norm with ε.":
            lambda g, e: g * e / _length(g) if _length(g) ** 2 > e else g,
        "That is the sum of absolute values in place of the norm, which is the root of the sum of squares.":
            lambda g, e: g * e / np.abs(g).sum() if np.abs(g).sum() > e else g,
        "You measure the gradient by its largest entry; the norm takes all entries.":
            lambda g, e: g * e / np.abs(g).max() if np.abs(g).max() > e else g,
        "You ask whether an entry is above ε; it is the norm that is compared.":
            lambda g, e: g * e / _length(g) if np.abs(g).max() > e else g,
        "Your root mean square forgets that the norm grows with the number of entries.":
            lambda g, e: g * e / np.sqrt(np.mean(g**2)) if np.sqrt(np.mean(g**2)) > e else g,
        "A gradient that is too long is not thrown away: it keeps its direction and gets the length ε.":
            lambda g, e: g * (_length(g) <= e),
    },
    stretch={
        "One thing more: it fails on a gradient of zeros. What if you divide only where something is to be clipped?":
            (np.zeros(2), 1.0),
        "One thing more: the squares of [3e200, 4e200] overflow. What if you divide by the largest entry first?":
            (np.array([3e200, 4e200]), 1.0),
    },
)
"""A gradient clipped by its norm."""


def cosine_kept(g, limit):
    return np.cos(clipping.angle(g, clipping.by_value(g, limit)))


def _cosine(u, v):
    return u @ v / (_length(u) * _length(v))


check_cosine_kept = Exercise(
    cosine_kept,
    "(n),()->()",
    cases=lambda rng: [
        (np.array(g), limit)
        for g, limit in (
            ([3.0, 0.5], 1.0),
            ([-4.0, 3.0, 0.2], 0.5),
            ([2.0, -2.0, 1.0, 0.1], 1.5),
            ([1.0, 5.0, -0.2, -0.3, 9.0], 2.0),
        )
    ],
    wrong={
        "That is the angle in radians; its cosine is wanted.":
            lambda g, e: np.arccos(_cosine(g, np.clip(g, -e, e))),
        "That is the angle in degrees; its cosine is wanted.":
            lambda g, e: np.degrees(np.arccos(_cosine(g, np.clip(g, -e, e)))),
        "That is the product of the two vectors. Divide it by both their lengths.":
            lambda g, e: g @ np.clip(g, -e, e),
        "You divide by the length of g only; the clipped one has another.":
            lambda g, e: g @ np.clip(g, -e, e) / _length(g),
        "You divide by the squared length of g; the clipped one has another length.":
            lambda g, e: g @ np.clip(g, -e, e) / _length(g) ** 2,
        "You divide by the squared lengths; a root is missing.":
            lambda g, e: g @ np.clip(g, -e, e) / (g @ g * (np.clip(g, -e, e) @ np.clip(g, -e, e))),
        "That is the ratio of the two lengths. It says how much shorter the gradient is, not how far it turned.":
            lambda g, e: _length(np.clip(g, -e, e)) / _length(g),
        "1 is right for clipping by norm, which turns nothing; here each entry is clipped by itself.":
            lambda g, e: 1.0,
        "Your clipping cuts at +limit only; entries below −limit must be cut, too.":
            lambda g, e: _cosine(g, np.minimum(g, e)),
        "Clipped entries keep their sign.":
            lambda g, e: _cosine(g, np.minimum(np.abs(g), e)),
        "You set what is too large to 0; it is set to ±limit.":
            lambda g, e: _cosine(g, np.where(np.abs(g) > e, 0, g)),
        "You make every entry ±limit; the small ones stay as they are.":
            lambda g, e: _cosine(g, np.sign(g)),
        "A correlation takes the mean away first; the cosine does not.":
            lambda g, e: np.corrcoef(g, np.clip(g, -e, e))[0, 1],
    },
)
"""Cosine of the angle by which clipping by value turns a gradient."""


def global_factor(dW, db, max_norm):
    size = clipping.global_norm([dW, db])
    return 1.0 if size <= max_norm else max_norm / size


check_global_factor = Exercise(
    global_factor,
    "(n_out,n_in),(n_out),()->()",
    cases=lambda rng: [
        (np.array(dW), np.array(db), max_norm)
        for dW, db, max_norm in (
            ([[1.0, 2.0, 2.0], [0.0, 4.0, 0.0]], [12.0, 0.0], 2.6),
            ([[0.3, 0.1], [0.0, 0.2]], [0.1, 0.2], 1.0),
            ([[3.0, -1.0], [2.0, 1.0], [0.5, 2.0]], [1.0, -2.0, 0.3], 1.5),
            ([[0.6, 0.6]], [0.6], 1.0),
            ([[5.0, 1.0]], [0.1], 1.0),
        )
    ],
    wrong={
        "A factor above 1 stretches a gradient that is short enough: it must be at most 1.":
            lambda dW, db, e: e / np.hypot(_length(dW), _length(db)),
        "Squares are added up before the root is taken, not the two norms after it.":
            lambda dW, db, e: min(1.0, e / (_length(dW) + _length(db))),
        "That is for the longer of the two alone; in the global norm both count.":
            lambda dW, db, e: min(1.0, e / max(_length(dW), _length(db))),
        "That is for the weights alone: db counts, too.":
            lambda dW, db, e: min(1.0, e / _length(dW)),
        "That is for the biases alone: dW counts, too.":
            lambda dW, db, e: min(1.0, e / _length(db)),
        "That is the mean of two norms; the global norm is that of one long vector.":
            lambda dW, db, e: min(1.0, 2 * e / (_length(dW) + _length(db))),
        "np.linalg.norm(·, 2) of a matrix is its largest singular value; all entries are to count.":
            lambda dW, db, e: min(1.0, e / np.hypot(np.linalg.norm(dW, 2), _length(db))),
        "A root is missing: that is for the squared norm.":
            lambda dW, db, e: min(1.0, e / (np.sum(dW**2) + np.sum(db**2))),
        "That is the norm itself; the factor that brings it to ε is wanted.":
            lambda dW, db, e: np.hypot(_length(dW), _length(db)),
        "The ratio is upside down.":
            lambda dW, db, e: max(1.0, np.hypot(_length(dW), _length(db)) / e),
        "That is upside down, and above ε it is the factor that is wanted.":
            lambda dW, db, e: np.hypot(_length(dW), _length(db)) / e,
    },
    stretch={
        "One thing more: it fails where both gradients are 0, which is no reason to clip.":
            (np.zeros((2, 2)), np.zeros(2), 1.0),
    },
)
"""The one number that clipping by global norm multiplies two arrays with."""


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cliff_bias():
    return 0.5 - 6 * _sigmoid(0.5)


check_cliff_bias = Exercise(
    cliff_bias,
    "->()",
    wrong={
        "The state does not move if x = wσ(x) + b. You have the sign of b wrong.":
            lambda: 6 * _sigmoid(0.5) - 0.5,
        "That leaves σ out: x goes through the sigmoid before it is multiplied by w.":
            lambda: 0.5 - 6 * 0.5,
        "That is for σ(0): the start is x₀ = 0.5.":
            lambda: -6 * _sigmoid(0.0),
        "That makes x₁ = 0. It is to be 0.5 again.":
            lambda: -6 * _sigmoid(0.5),
        "You put the slope σ'(0.5) in the place of σ(0.5).":
            lambda: 0.5 - 6 * _sigmoid(0.5) * (1 - _sigmoid(0.5)),
        "That is the factor by which every step multiplies a small change, 6σ'(0.5).":
            lambda: 6 * _sigmoid(0.5) * (1 - _sigmoid(0.5)),
        "That starts at the target 0.7. The states start at x₀ = 0.5.":
            lambda: 0.7 - 6 * _sigmoid(0.7),
        "That is for w = 5.2, the example of the notebook; here w is 6.":
            lambda: 0.5 - 5.2 * _sigmoid(0.5),
        "That is for w = 5; here w is 6.":
            lambda: 0.5 - 5 * _sigmoid(0.5),
        "Right to two decimals. Write the formula, and let Python compute it.":
            lambda: -3.23,
        "Right to three decimals. Write the formula, and let Python compute it.":
            lambda: -3.235,
        "Right to four decimals. Write the formula, and let Python compute it.":
            lambda: -3.2348,
        "That is with σ(0.5) rounded to 0.622. Write the formula, and let Python compute it.":
            lambda: 0.5 - 6 * 0.622,
    },
)
"""The bias at which the one-unit net with w = 6 stays at its start x₀ = 0.5."""


def smallest_threshold(norms, share):
    return min(e for e in norms if np.count_nonzero(norms > e) <= share * len(norms) + 1e-9)


def _by_rank(norms, place):
    return np.sort(norms)[int(np.clip(place, 0, len(norms) - 1))]


check_smallest_threshold = Exercise(
    smallest_threshold,
    "(t),()->()",
    cases=lambda rng: [
        (np.array(norms), share)
        for norms, share in (
            ([0.3, 5.0, 0.4, 0.2, 80.0, 0.6, 0.5, 0.9], 0.25),
            ([3.0, 1.0, 4.0, 1.5, 9.0], 0.5),
            ([2.0, 2.0, 7.0, 1.0], 0.25),
            ([0.1, 30.0, 0.2, 0.7, 4.0, 0.4, 11.0], 0.1),
            ([6.0, 2.0, 8.0], 0.0),
            ([0.5, 12.0, 0.8, 0.9, 0.7, 3.0, 0.6, 0.4, 1.0, 20.0, 2.0, 1.5], 0.6),
        )
    ],
    wrong={
        "Your quantile lies between two of the norms; it is to be one of them.":
            lambda norms, share: np.quantile(norms, 1 - share),
        "That is counted from the wrong end: the share is that of the *longer* gradients.":
            lambda norms, share: min(e for e in norms if np.mean(norms < e) >= share),
        "That is the quantile of the share that is clipped; the rest stays below ε.":
            lambda norms, share: np.quantile(norms, share),
        "Too cautious by one: a gradient exactly as long as ε is not clipped.":
            lambda norms, share: min([e for e in norms if np.mean(norms >= e) <= share] or [max(norms)]),
        "One place too low: now more than the share is clipped.":
            lambda norms, share: _by_rank(norms, len(norms) - int(share * len(norms) + 1e-9) - 2),
        "You sorted the norms with the largest first, and then counted as if it were last.":
            lambda norms, share: _by_rank(norms, int(share * len(norms) + 1e-9)),
        "The norms are not sorted yet: they come in the order of training.":
            lambda norms, share: norms[len(norms) - 1 - int(share * len(norms) + 1e-9)],
        "That is the largest of all, and clips nothing; a smaller one would do.":
            lambda norms, share: np.max(norms),
        "You multiply the largest norm by the share; it is the updates that are counted.":
            lambda norms, share: np.max(norms) * (1 - share),
        "That clips enough, and more than was asked: *at most* this share is to be clipped.":
            lambda norms, share: max(e for e in norms if np.mean(norms > e) >= share),
    },
)
"""The smallest of the norms that, as a threshold, clips no more than a given share of the updates."""


def mean_of_clipped(G, max_norm):
    return np.mean([clipping.by_norm(g, max_norm) for g in G], axis=0)


def _row_norms(G, axis=1):
    return np.sqrt(np.sum(G**2, axis=axis))


def _clipped_rows(G, max_norm):
    return G * np.minimum(1, max_norm / _row_norms(G))[:, np.newaxis]


check_mean_of_clipped = Exercise(
    mean_of_clipped,
    "(N,n),()->(n)",
    cases=lambda rng: [
        (np.array(G), max_norm)
        for G, max_norm in (
            ([[-0.6, 0.8], [-0.6, 0.8], [30.0, 0.0]], 1.0),
            ([[3.0, 4.0, 0.0], [0.0, 0.3, 0.4], [1.0, -2.0, 2.0], [0.1, 0.1, 0.2]], 2.0),
            ([[0.0, 5.0], [3.0, 0.0], [0.2, 0.1], [0.3, -0.4], [4.0, 4.0]], 1.5),
            ([[1.0, 1.0, 2.0], [5.0, 1.0, 1.0], [0.2, 0.4, -6.0]], 1.0),
        )
    ],
    wrong={
        "You clip the mean of the gradients; each example's is to be clipped first, and then the mean taken.":
            lambda G, e: clip_by_norm(G.mean(axis=0), e),
        "You clip the sum of the gradients; each example's is to be clipped first, and then the mean taken.":
            lambda G, e: clip_by_norm(G.sum(axis=0), e),
        "That is the mean without clipping.":
            lambda G, e: G.mean(axis=0),
        "You take one norm for the whole matrix; every row is the gradient of an example and has a norm of its own.":
            lambda G, e: clip_by_norm(G, e).mean(axis=0),
        "Your norms are those of the columns; an example is a row.":
            lambda G, e: (G * np.minimum(1, e / _row_norms(G, axis=0))).mean(axis=0),
        "You clip by value; each row is to be clipped by its norm.":
            lambda G, e: np.clip(G, -e, e).mean(axis=0),
        "You stretch the short ones to length ε as well.":
            lambda G, e: (G * (e / _row_norms(G))[:, np.newaxis]).mean(axis=0),
        "Those are all the clipped gradients; their mean over the examples is wanted.":
            _clipped_rows,
        "That is the mean over the entries of each example; it is to be taken over the examples.":
            lambda G, e: _clipped_rows(G, e).mean(axis=1),
        "That is the median; the mean over the examples is wanted.":
            lambda G, e: np.median(_clipped_rows(G, e), axis=0),
        "You leave out the examples whose gradient is too long; they are to be clipped and kept.":
            lambda G, e: G[_row_norms(G) <= e].mean(axis=0),
    },
)
"""Mean of the examples' gradients, each of them clipped by its norm."""


def shortened(spike, n, beta2):
    return (1 + (1 - beta2) * (spike**2 - 1) * beta2**n) ** -0.5


check_shortened = Exercise(
    shortened,
    "(),(),()->()",
    cases=lambda rng: [(1000.0, 0, 0.999), (1000.0, 1000, 0.999), (30.0, 5, 0.99), (200.0, 100, 0.98), (10.0, 2, 0.9)],
    wrong={
        "The spike counts with its square: s is a mean of squares.":
            lambda k, n, b: (1 + (1 - b) * (k - 1) * b**n) ** -0.5,
        "A root is missing: Adam divides by √s.":
            lambda k, n, b: 1 / (1 + (1 - b) * (k**2 - 1) * b**n),
        "That is √s, by which the step is divided.":
            lambda k, n, b: (1 + (1 - b) * (k**2 - 1) * b**n) ** 0.5,
        "That is s itself. Adam divides by its root.":
            lambda k, n, b: 1 + (1 - b) * (k**2 - 1) * b**n,
        "The spike fades: each later update keeps β₂ of it.":
            lambda k, n, b: (1 + (1 - b) * (k**2 - 1)) ** -0.5,
        "The spike enters s with weight 1 − β₂, not as a whole.":
            lambda k, n, b: (1 + (k**2 - 1) * b**n) ** -0.5,
        "You multiply the spike by β₂ where it enters; it enters with 1 − β₂.":
            lambda k, n, b: (1 + b * (k**2 - 1) * b**n) ** -0.5,
        "It fades with β₂ to the power n; you took n times.":
            lambda k, n, b: (1 + (1 - b) * (k**2 - 1) * b * n) ** -0.5,
        "It fades by β₂ at each update; you took 1 − β₂.":
            lambda k, n, b: (1 + (1 - b) * (k**2 - 1) * (1 - b) ** n) ** -0.5,
        "n counts the updates after the spike: at n = 0 it has not faded yet.":
            lambda k, n, b: (1 + (1 - b) * (k**2 - 1) * b ** (n + 1)) ** -0.5,
        "The gradients before and after the spike count in s, too: without it s is 1.":
            lambda k, n, b: ((1 - b) * k**2 * b**n) ** -0.5,
        "Nearly. Where the spike is, there is no gradient of 1: put spike² − 1 in the place of spike².":
            lambda k, n, b: (1 + (1 - b) * k**2 * b**n) ** -0.5,
    },
)
"""How much Adam's memory of one spike shortens its steps, for gradients of 1 before and after."""
