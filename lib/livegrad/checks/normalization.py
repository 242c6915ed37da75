"""The exercises of notebook 06, Batch and layer normalization.

Every check says "Not attempted yet" to `...`, and the rest is explained in `livegrad.checks.grading`:

>>> check_standard_score(...)
Not attempted yet: standard_score is still to be written.
"""

from __future__ import annotations

import math

import numpy as np

from livegrad.checks.grading import Exercise
from livegrad.norms import LayerNorm, Standardized, standardize, standardize_backward

__all__ = [
    "check_batchnorm_dz",
    "check_folded_bias",
    "check_layer_norm",
    "check_running_mean",
    "check_standard_score",
    "check_undo",
    "check_warm_up",
]


def standard_score(X, eps):
    return standardize(X, axis=0, eps=eps).x_hat


def _centered(X):
    return X - X.mean(axis=0)


check_standard_score = Exercise(
    standard_score,
    "(N,n),()->(N,n)",
    cases=lambda rng: [
        (np.array(X), eps)
        for X, eps in (
            ([[1.0, 4.0], [3.0, 0.0], [5.0, -1.0]], 0.1),
            ([[2.0, 2.0, 0.0], [0.0, 1.0, 7.0]], 0.5),
            ([[1.0, -2.0, 0.5], [0.3, 9.0, 4.0], [-3.0, 2.0, 1.0], [6.0, 5.0, 1.5]], 2.0),
        )
    ],
    wrong={
        "You standardize each row; a feature is a column, and is compared over the examples.":
            lambda X, eps: standardize(X, axis=1, eps=eps).x_hat,
        "You take one mean and one variance for the whole matrix; every column has its own.":
            lambda X, eps: (X - X.mean()) / np.sqrt(X.var() + eps),
        "The mean is still to be subtracted.":
            lambda X, eps: X / np.sqrt(X.var(axis=0) + eps),
        "That is division by the root mean square; the mean is to be subtracted first.":
            lambda X, eps: standardize(X, axis=0, eps=eps, center=False).x_hat,
        "You subtract the mean and leave the spread as it is.":
            lambda X, eps: _centered(X),
        "You divide by the variance; its root is wanted.":
            lambda X, eps: _centered(X) / (X.var(axis=0) + eps),
        "You add ε to the standard deviation; it belongs under the root, added to the variance.":
            lambda X, eps: _centered(X) / (X.std(axis=0) + eps),
        "You add ε² under the root; it is ε that is added to the variance.":
            lambda X, eps: _centered(X) / np.sqrt(X.var(axis=0) + eps**2),
        "Where is ε?":
            lambda X, eps: _centered(X) / X.std(axis=0),
        "Your variance has the divisor N − 1. Here it describes these N numbers: divide by N.":
            lambda X, eps: _centered(X) / np.sqrt(X.var(axis=0, ddof=1) + eps),
        "You multiply by the root; divide by it.":
            lambda X, eps: _centered(X) * np.sqrt(X.var(axis=0) + eps),
    },
    stretch={
        "One thing more: on numbers near 1e8 it fails. What if you subtract the mean before you square?":
            (1e8 + np.array([[1.0], [2.0], [6.0]]), 1e-5),
    },
)
"""Every column with mean 0 and variance 1."""


def undo(z, eps):
    used = standardize(z, eps=eps)
    return np.array([used.std.item(), used.mean.item()])


check_undo = Exercise(
    undo,
    "(N),()->(2)",
    cases=lambda rng: [
        (np.array(z), eps)
        for z, eps in (([1.0, 3.0, 8.0], 0.5), ([-4.0, -2.0], 0.1), ([0.5, 2.0, -1.0, 6.0, 3.0], 2.0))
    ],
    wrong={
        "Nearly. ε was added to the variance on the way in, so γ needs it, too.":
            lambda z, eps: [z.std(), z.mean()],
        "Right numbers, wrong order: γ first, then β.":
            lambda z, eps: [z.mean(), np.sqrt(z.var() + eps)],
        "γ is the root: the norm divided by the standard deviation, not by the variance.":
            lambda z, eps: [z.var() + eps, z.mean()],
        "That divides once more. The norm has divided by √(Var + ε); multiply by it.":
            lambda z, eps: [1 / np.sqrt(z.var() + eps), z.mean()],
        "That normalizes a second time; the way back is wanted.":
            lambda z, eps: [1 / np.sqrt(z.var() + eps), -z.mean() / np.sqrt(z.var() + eps)],
        "The mean was subtracted; β has to put it back.":
            lambda z, eps: [np.sqrt(z.var() + eps), 0.0],
        "β has the wrong sign: the mean was subtracted, so add it.":
            lambda z, eps: [np.sqrt(z.var() + eps), -z.mean()],
        "β is added after γ has multiplied: it needs no factor.":
            lambda z, eps: [np.sqrt(z.var() + eps), z.mean() / np.sqrt(z.var() + eps)],
        "That shifts back and does not stretch back: γ = 1 leaves the variance at 1.":
            lambda z, eps: [1.0, z.mean()],
        "Your variance has the divisor N − 1; the norm divided by N.":
            lambda z, eps: [np.sqrt(z.var(ddof=1) + eps), z.mean()],
        "You add ε to the standard deviation; it was added to the variance.":
            lambda z, eps: [z.std() + eps, z.mean()],
        "You square ε; it was added to the variance as it is.":
            lambda z, eps: [np.sqrt(z.var() + eps**2), z.mean()],
    },
)
"""γ and β with which batch norm gives back what came in."""


def batchnorm_dz(z_hat, std, gamma, dout):
    done = Standardized(z_hat, np.zeros_like(std), std**2, std)  # of these the way back asks for z_hat and std only
    return standardize_backward(gamma * dout, done)


def _batch(rng, m, k):
    """A normalized batch as it comes in training, and a gradient."""
    used = standardize(rng.normal(1.0, 2.0, (m, k)).round(1), eps=0.3)
    gamma, dout = rng.uniform(0.5, 3.0, k).round(1), rng.normal(0.0, 1.0, (m, k)).round(1)
    return used.x_hat, used.std[0], gamma, dout


check_batchnorm_dz = Exercise(
    batchnorm_dz,
    "(N,n),(n),(n),(N,n)->(N,n)",
    cases=lambda rng: [_batch(rng, m, k) for m, k in ((3, 2), (4, 4), (5, 3))],
    wrong={
        "That is evaluation mode, where mean and variance are constants. Here both move with z: two terms are missing.":
            lambda x, s, g, d: d * g / s,
        "You let the mean move with z, but not the variance: the term with ẑ is missing.":
            lambda x, s, g, d: (d - d.mean(axis=0)) * g / s,
        "You let the variance move with z, but not the mean: mean(g) is missing.":
            lambda x, s, g, d: (d - x * (d * x).mean(axis=0)) * g / s,
        "Where is γ? The gradient of ẑ is γ times that of the output.":
            lambda x, s, g, d: (d - d.mean(axis=0) - x * (d * x).mean(axis=0)) / s,
        "The division by the standard deviation is missing.":
            lambda x, s, g, d: (d - d.mean(axis=0) - x * (d * x).mean(axis=0)) * g,
        "You multiply by the standard deviation; divide by it.":
            lambda x, s, g, d: (d - d.mean(axis=0) - x * (d * x).mean(axis=0)) * g * s,
        "You divide by γ; it multiplies.":
            lambda x, s, g, d: (d - d.mean(axis=0) - x * (d * x).mean(axis=0)) / g / s,
        "You take sums over the batch; both are means.":
            lambda x, s, g, d: (d - d.sum(axis=0) - x * (d * x).sum(axis=0)) * g / s,
        "Your means run along the rows; the statistics belong to the columns.":
            lambda x, s, g, d: (lambda h: h - h.mean(axis=1)[:, np.newaxis]
                                - x * (h * x).mean(axis=1)[:, np.newaxis])(d * g) / s,
        "The last term has the wrong sign: it is taken away.":
            lambda x, s, g, d: (d - d.mean(axis=0) + x * (d * x).mean(axis=0)) * g / s,
        "The mean of g ⊙ ẑ is still to be multiplied by ẑ, example by example.":
            lambda x, s, g, d: (d - d.mean(axis=0) - (d * x).mean(axis=0)) * g / s,
        "In the last mean g is meant: γ times the gradient of the output.":
            lambda x, s, g, d: (d * g - (d * g).mean(axis=0) - x * (d * x).mean(axis=0)) / s,
        "The mean is that of the product g ⊙ ẑ; the product of two means is 0.":
            lambda x, s, g, d: (d - d.mean(axis=0) - d.mean(axis=0) * x) * g / s,
    },
)
"""Backward through batch norm."""


def layer_norm(X, gamma, beta, eps):
    return LayerNorm(gamma, beta, eps).forward(X).out


def _rows(X, eps):
    return standardize(X, axis=1, eps=eps).x_hat


check_layer_norm = Exercise(
    layer_norm,
    "(N,n),(n),(n),()->(N,n)",
    cases=lambda rng: [
        (rng.normal(1.0, 2.0, (m, k)).round(1), rng.uniform(0.5, 3.0, k).round(1), rng.normal(0.0, 1.0, k).round(1), eps)
        for m, k, eps in ((2, 3, 0.2), (4, 2, 0.5), (3, 3, 1.0))
    ],
    wrong={
        "That is batch norm, down the columns. Layer norm goes along each row.":
            lambda X, g, b, eps: g * standardize(X, axis=0, eps=eps).x_hat + b,
        "γ and β are still to come.":
            lambda X, g, b, eps: _rows(X, eps),
        "β is still to be added.":
            lambda X, g, b, eps: g * _rows(X, eps),
        "Where is γ?":
            lambda X, g, b, eps: _rows(X, eps) + b,
        "β comes after γ: γx̂ + β, not γ(x̂ + β).":
            lambda X, g, b, eps: g * (_rows(X, eps) + b),
        "Normalize first. γ and β are there so that the result need not have mean 0 and variance 1.":
            lambda X, g, b, eps: _rows(g * X + b, eps),
        "That is RMS norm with a β: the mean of each row is to be subtracted.":
            lambda X, g, b, eps: g * standardize(X, axis=1, eps=eps, center=False).x_hat + b,
        "You subtract the mean and do not divide.":
            lambda X, g, b, eps: g * (X - X.mean(axis=1, keepdims=True)) + b,
        "You take one mean and one variance for the whole matrix; every row has its own.":
            lambda X, g, b, eps: g * (X - X.mean()) / np.sqrt(X.var() + eps) + b,
        "You divide by the variance; its root is wanted.":
            lambda X, g, b, eps: g * (X - X.mean(axis=1, keepdims=True)) / (X.var(axis=1, keepdims=True) + eps) + b,
        "You add ε to the standard deviation; it belongs under the root, added to the variance.":
            lambda X, g, b, eps: g * (X - X.mean(axis=1, keepdims=True)) / (X.std(axis=1, keepdims=True) + eps) + b,
        "Where is ε?":
            lambda X, g, b, eps: g * (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True) + b,
        "Your variance has the divisor n − 1; divide by n.":
            lambda X, g, b, eps:
                g * (X - X.mean(axis=1, keepdims=True)) / np.sqrt(X.var(axis=1, ddof=1, keepdims=True) + eps) + b,
    },
)
"""Layer norm, forward."""


def running_mean(means, momentum):
    weights = momentum ** np.arange(len(means))[::-1]
    return (1 - momentum) * weights @ means


def _running(means, momentum, start=0.0):
    return momentum ** len(means) * start + running_mean(means, momentum)


check_running_mean = Exercise(
    running_mean,
    "(t),()->()",
    cases=lambda rng: [
        (np.array(means), momentum)
        for means, momentum in (([4.0, 2.0, 6.0], 0.9), ([1.0, 5.0], 0.6), ([3.0, 3.5, -1.0, 2.0, 8.0], 0.75))
    ],
    wrong={
        "That is PyTorch's momentum, the share that is *new*. Here it is the share that is kept.":
            lambda means, m: _running(means, 1 - m),
        "You start from the first mean; batch norm starts from 0.":
            lambda means, m: _running(means[1:], m, means[0]),
        "You start from 1, as the running variance does; the running mean starts from 0.":
            lambda means, m: _running(means, m, 1.0),
        "That is the plain mean. A running one forgets: each batch keeps only `momentum` of what was before.":
            lambda means, m: np.mean(means),
        "The new mean enters with 1 − momentum.":
            lambda means, m: _running(means, m) / (1 - m),
        "You take the means from the last to the first; the last one counts most.":
            lambda means, m: _running(means[::-1], m),
        "You correct for the start at 0, as Adam does. Batch norm does not.":
            lambda means, m: _running(means, m) / (1 - m ** len(means)),
        "Only the last batch is in yours: keep what was there before.":
            lambda means, m: (1 - m) * means[-1],
        "Your loop leaves out the last batch.":
            lambda means, m: _running(means[:-1], m),
        "Your loop leaves out the first batch.":
            lambda means, m: _running(means[1:], m),
    },
)
"""The running mean after some batches."""


def folded_bias(b, mean, var, gamma, beta, eps):
    return gamma * (b - mean) / np.sqrt(var + eps) + beta


check_folded_bias = Exercise(
    folded_bias,
    "(n),(n),(n),(n),(n),()->(n)",
    cases=lambda rng: [
        (*rng.normal(0.0, 2.0, (2, k)).round(1), *rng.uniform(0.5, 3.0, (2, k)).round(1), rng.normal(0.0, 1.0, k).round(1), eps)
        for k, eps in ((2, 0.1), (3, 0.5), (5, 1.0))
    ],
    wrong={
        "b goes through the norm as well: it is shifted and scaled.":
            lambda b, mean, var, g, be, eps: b - g * mean / np.sqrt(var + eps) + be,
        "Where is b? It stands inside z, and the norm scales it.":
            lambda b, mean, var, g, be, eps: be - g * mean / np.sqrt(var + eps),
        "In training the mean takes b away. Here it is a running mean, a constant, and b stays.":
            lambda b, mean, var, g, be, eps: be,
        "You add the two biases; the norm stands between them, and b goes through it.":
            lambda b, mean, var, g, be, eps: b + be,
        "The running mean is still to be subtracted.":
            lambda b, mean, var, g, be, eps: g * b / np.sqrt(var + eps) + be,
        "The running mean is subtracted, not added.":
            lambda b, mean, var, g, be, eps: g * (b + mean) / np.sqrt(var + eps) + be,
        "β is still to be added.":
            lambda b, mean, var, g, be, eps: g * (b - mean) / np.sqrt(var + eps),
        "Where is γ?":
            lambda b, mean, var, g, be, eps: (b - mean) / np.sqrt(var + eps) + be,
        "β comes last and is not scaled.":
            lambda b, mean, var, g, be, eps: g * ((b - mean) / np.sqrt(var + eps) + be),
        "You divide by the variance; its root is wanted.":
            lambda b, mean, var, g, be, eps: g * (b - mean) / (var + eps) + be,
        "Where is ε?":
            lambda b, mean, var, g, be, eps: g * (b - mean) / np.sqrt(var) + be,
        "You add ε to the standard deviation; it belongs under the root.":
            lambda b, mean, var, g, be, eps: g * (b - mean) / (np.sqrt(var) + eps) + be,
        "`var` is a variance already: do not square it.":
            lambda b, mean, var, g, be, eps: g * (b - mean) / np.sqrt(var**2 + eps) + be,
    },
)
"""Bias of the layer that does what a layer and its batch norm do together in evaluation mode."""


def warm_up():
    return math.floor(math.log(0.01) / math.log(0.99)) + 1


check_warm_up = Exercise(
    warm_up,
    "->()",
    wrong={
        "One too few: after 458 batches 1.002 % is left.":
            lambda: 458,
        "One too many: it was below 1 % a batch earlier.":
            lambda: 460,
        "The formula is right. A whole number of batches is wanted, the first one below 1 %.":
            lambda: math.log(0.01) / math.log(0.99),
        "Near. A whole number of batches is wanted, the first one below 1 %.":
            lambda: 458.2,
        "After 100 batches 0.99^100 = 37 % is left. Each batch takes 1 % of what is *left*.":
            lambda: 100,
        "That counts down by 1 % of the start; each batch takes 1 % of what is *left*.":
            lambda: 99,
        "With momentum 0.01 that would be right. Here 0.99 is the share that is kept.":
            lambda: 2,
        "That is where half of it is left.":
            lambda: 69,
        "That is where 10 % is left.":
            lambda: 230,
        "That is for momentum 0.9; here it is 0.99.":
            lambda: 44,
        "That is where 0.1 % is left: 1 % was asked for.":
            lambda: 688,
    },
)
"""Batches until less than 1 % of the start is left in a running average of momentum 0.99."""
