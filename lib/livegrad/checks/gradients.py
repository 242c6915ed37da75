"""The exercises of notebook 02, exploding and vanishing gradients.

A reference calls the library where that has the formula, and writes it out where it does not. Inputs have one
decimal, so that what a check shows of them is all there is to them.
"""

from __future__ import annotations

import numpy as np

from livegrad.activations import get
from livegrad.checks.grading import Exercise
from livegrad.losses import one_hot, softmax, softmax_cross_entropy

__all__ = [
    "check_diagnose",
    "check_growth_factor",
    "check_hidden_delta",
    "check_last_delta",
    "check_silent_depth",
    "check_update_ratio",
    "check_weight_gradient",
]

_slope = {name: get(name).derivative for name in ("sigmoid", "tanh", "relu")}


def _normal(rng, *shapes):
    return tuple(rng.normal(size=shape).round(1) for shape in shapes)


def last_delta(z, y):
    return softmax_cross_entropy.gradient(z, y)


check_last_delta = Exercise(
    last_delta,
    "(N,k),(N,k)->(N,k)",
    cases=lambda rng: [
        (*_normal(rng, (N, k)), one_hot(rng.integers(k, size=N), k)) for N, k in [(2, 3), (4, 3), (5, 2)]
    ],
    wrong={
        "z is not a probability yet: the softmax comes before the comparison with y.":
            lambda z, y: (z - y) / len(z),
        "That is the sigmoid of each output; here the outputs share one softmax.":
            lambda z, y: (get("sigmoid")(z) - y) / len(z),
        "Your softmax sums to 1 over the examples; it must sum to 1 over the classes of each example.":
            lambda z, y: (softmax(z.T).T - y) / len(z),
        "Your softmax divides by the sum over the whole batch; each example has a sum of its own.":
            lambda z, y: (np.exp(z) / np.exp(z).sum() - y) / len(z),
        "The slope of the softmax is in there twice: the short formula holds it already.":
            lambda z, y: (softmax(z) - y) * softmax(z) * (1 - softmax(z)) / len(z),
        "That is ∂C/∂a, before the softmax; δ is ∂C/∂z.":
            lambda z, y: -y / softmax(z) / len(z),
        "The label y does not enter yet.":
            lambda z, y: softmax(z) / len(z),
    },
    stretch={
        "One thing more: it fails on z = [[1000, 0]]. What if the largest z of a row is subtracted first?":
            (np.array([[1000.0, 0.0]]), np.array([[0.0, 1.0]])),
    },
)
"""δ of the last layer, for softmax and cross-entropy with one-hot y."""


def hidden_delta(delta_next, W_next, z):
    return np.einsum("mk,kn,mn->mn", delta_next, W_next, _slope["tanh"](z))


check_hidden_delta = Exercise(
    hidden_delta,
    "(N,n_next),(n_next,n),(N,n)->(N,n)",
    cases=lambda rng: [  # in the square ones a wrong transpose still multiplies, and can be recognized
        _normal(rng, (N, n_next), (n_next, n), (N, n)) for N, n_next, n in [(2, 2, 3), (4, 3, 3), (2, 2, 2)]
    ],
    wrong={
        "That is the sigmoid's slope; this layer is tanh.":
            lambda d, W, z: d @ W * _slope["sigmoid"](z),
        "That is ReLU's slope; this layer is tanh.":
            lambda d, W, z: d @ W * _slope["relu"](z),
        "1 − a² is the slope written in a = tanh(z); you put z in the place of a.":
            lambda d, W, z: d @ W * (1 - z**2),
        "You take the slope at a = tanh(z); it is to be taken at z.":
            lambda d, W, z: d @ W * _slope["tanh"](np.tanh(z)),
        "You multiply by the activation tanh(z); its slope belongs there.":
            lambda d, W, z: d @ W * np.tanh(z),
        "A square is missing in the slope of tanh.":
            lambda d, W, z: d @ W * (1 - np.tanh(z)),
        "a(1 − a) is the slope of a sigmoid; tanh has another.":
            lambda d, W, z: d @ W * np.tanh(z) * (1 - np.tanh(z)),
        "That is the slope of a sigmoid, and z in the place of a.":
            lambda d, W, z: d @ W * z * (1 - z),
        "The slope of tanh is still missing.":
            lambda d, W, z: d @ W,
        "You divide by the slope; the chain rule multiplies.":
            lambda d, W, z: d @ W / _slope["tanh"](z),
        "That is δ Wᵀ. Look at the shapes: W has a row for each unit of the next layer.":
            lambda d, W, z: d @ W.T * _slope["tanh"](z),
        "That is the column form Wᵀ δ. Here rows are examples, so δ comes first.":
            lambda d, W, z: W.T @ d * _slope["tanh"](z),
        "That is W δ. Here rows are examples, so δ comes first.":
            lambda d, W, z: W @ d * _slope["tanh"](z),
        "The slope is that of this layer: apply it after W, not before.":
            lambda d, W, z: d * _slope["tanh"](z) @ W,
        "`*` multiplies entry by entry; the way back through W is a matrix product.":
            lambda d, W, z: d * W * _slope["tanh"](z),
    },
)
"""δ of a tanh layer, from the δ and the weights of the layer after it."""


def weight_gradient(delta, a_prev):
    return np.einsum("mo,mi->oi", delta, a_prev)


check_weight_gradient = Exercise(
    weight_gradient,
    "(N,n_out),(N,n_in)->(n_out,n_in)",
    cases=lambda rng: [
        _normal(rng, (N, n_out), (N, n_in)) for N, n_out, n_in in [(4, 2, 3), (3, 3, 1), (2, 2, 2)]
    ],
    wrong={
        "You sum over the units and keep the examples; it is the examples that must be summed over.":
            lambda d, a: d @ a.T,
        "Without a transpose the product runs over the units; it must run over the examples.":
            lambda d, a: d @ a,
        "`*` multiplies entry by entry. A weight joins one output to one input: each pair needs an entry.":
            lambda d, a: d * a,
        "That is one gradient for each example; the cost wants their sum.":
            lambda d, a: np.einsum("mo,mi->moi", d, a),
        "You sum δ and a over the examples, then multiply; multiply within each example first.":
            lambda d, a: np.outer(d.sum(0), a.sum(0)),
        "That is the product of two means; multiply within each example first.":
            lambda d, a: np.outer(d.mean(0), a.mean(0)),
        "Only the first example is in it.":
            lambda d, a: np.outer(d[0], a[0]),
        "Only the last example is in it: does each one overwrite the one before?":
            lambda d, a: np.outer(d[-1], a[-1]),
    },
)
"""∂C/∂W of one layer, from a δ that holds the 1/N already."""


def _layers_above(floor, dtype=np.float32, factor=0.25):
    """How often 1 is multiplied by `factor`, rounded each time, until it is no more than `floor`."""
    gradient, layers = dtype(1), 0
    while gradient > floor:
        gradient = dtype(gradient * dtype(factor))
        layers += 1
    return layers


def silent_depth():
    return _layers_above(0)


_SMALLEST_NORMAL = np.finfo(np.float32).tiny

check_silent_depth = Exercise(
    silent_depth,
    "->()",
    wrong={
        "That is where float64 falls silent; the question is about float32.":
            lambda: _layers_above(0, np.float64),
        "That is where float16 falls silent; the question is about float32.":
            lambda: _layers_above(0, np.float16),
        "That is for a factor 1/2; the slope of the sigmoid at 0 is smaller.":
            lambda: _layers_above(0, factor=0.5),
        "That many layers reach the smallest normal float32. Smaller ones exist: the subnormal numbers.":
            lambda: _layers_above(_SMALLEST_NORMAL),
        "That many layers lead below the normal float32 numbers. It is not 0 yet: there are subnormal ones.":
            lambda: _layers_above(_SMALLEST_NORMAL / 2),
        "That counts factors of 1/2 down to the smallest float32. Each layer here brings a factor of 1/4.":
            lambda: -int(np.log2(np.finfo(np.float32).smallest_subnormal)),
        "That is the precision of float32 near 1. Near 0 its numbers lie much closer together.":
            lambda: _layers_above(np.finfo(np.float32).eps),
        "Close: after that many layers something is still left.":
            lambda: silent_depth() - 1,
        "Close: it is 0 already one layer earlier.":
            lambda: silent_depth() + 1,
    },
)
"""The depth at which a chain of sigmoid units with w = 1, z = 0 hands back exactly 0 in float32."""


def update_ratio(W, dW, lr):
    return np.sqrt(np.sum((lr * dW) ** 2) / np.sum(W**2))


check_update_ratio = Exercise(
    update_ratio,
    "(n_out,n_in),(n_out,n_in),()->()",
    cases=lambda rng: [
        (*_normal(rng, shape, shape), lr) for shape, lr in [((2, 3), 0.1), ((4, 2), 0.5), ((3, 5), 0.01)]
    ],
    wrong={
        "The learning rate is still missing: the step is lr · dW.":
            lambda W, dW, lr: np.linalg.norm(dW) / np.linalg.norm(W),
        "The ratio is upside down.":
            lambda W, dW, lr: np.linalg.norm(W) / np.linalg.norm(lr * dW),
        "A root is missing: that is the ratio of the squared norms.":
            lambda W, dW, lr: np.sum((lr * dW) ** 2) / np.sum(W**2),
        "np.linalg.norm(·, 2) of a matrix is its largest singular value; the Frobenius norm is wanted.":
            lambda W, dW, lr: np.linalg.norm(lr * dW, 2) / np.linalg.norm(W, 2),
        "That is the ratio of the sums of absolute values; the norms are roots of sums of squares.":
            lambda W, dW, lr: np.abs(lr * dW).sum() / np.abs(W).sum(),
        "That is the ratio of the largest entries; the norms take all entries.":
            lambda W, dW, lr: np.abs(lr * dW).max() / np.abs(W).max(),
        "You divide entry by entry and average; take the two norms first, then divide once.":
            lambda W, dW, lr: np.mean(np.abs(lr * dW / W)),
        "You divide entry by entry and take the norm of that; take the two norms first, then divide once.":
            lambda W, dW, lr: np.linalg.norm(lr * dW / W),
        "A standard deviation subtracts the mean first; the norm does not.":
            lambda W, dW, lr: np.std(lr * dW) / np.std(W),
        "You divide by the weights after the step; the ratio is to those before it.":
            lambda W, dW, lr: np.linalg.norm(lr * dW) / np.linalg.norm(W - lr * dW),
        "That is how large the weights are after the step, not how large the step is.":
            lambda W, dW, lr: np.linalg.norm(W - lr * dW) / np.linalg.norm(W),
        "That is the size of the step; divide it by the size of the weights.":
            lambda W, dW, lr: np.linalg.norm(lr * dW),
    },
)
"""Size of one gradient-descent step relative to the weights, in the Frobenius norm."""


def growth_factor(norms):
    steps = np.diff(np.log(norms))
    return np.exp(-steps.mean())


check_growth_factor = Exercise(
    growth_factor,
    "(L)->()",
    cases=lambda rng: [
        (np.array(norms),)
        for norms in ([0.1, 0.2, 0.8], [0.5, 1.5], [30, 2, 5, 0.4, 1], [4e-6, 3e-5, 1e-3, 0.01, 0.2, 1])
    ],
    wrong={
        "That is the factor going forward; the gradient travels from the last layer to the first.":
            lambda norms: (norms[-1] / norms[0]) ** (1 / (len(norms) - 1)),
        "That is the factor going forward, and the root counts one step too many.":
            lambda norms: (norms[-1] / norms[0]) ** (1 / len(norms)),
        "Count the steps: between L layers there are not L of them.":
            lambda norms: (norms[0] / norms[-1]) ** (1 / len(norms)),
        "Count the steps between L layers again: the root has the wrong degree.":
            lambda norms: (norms[0] / norms[-1]) ** (1 / (len(norms) + 1)),
        "That is the factor over all layers together; which one, used at every step, gives it?":
            lambda norms: norms[0] / norms[-1],
        "You divide the factor by the number of steps. Factors multiply: which operation undoes a power?":
            lambda norms: norms[0] / norms[-1] / (len(norms) - 1),
        "That is the arithmetic mean of the factors. Factors multiply, so their mean is the geometric one.":
            lambda norms: np.mean(norms[:-1] / norms[1:]),
        "That is the logarithm of M.":
            lambda norms: np.log(norms[0] / norms[-1]) / (len(norms) - 1),
        "That is the logarithm of M, and of the way forward.":
            lambda norms: np.log(norms[-1] / norms[0]) / (len(norms) - 1),
        "That is one step only, the one into layer 1; M is the mean over all steps.":
            lambda norms: norms[0] / norms[1],
        "That is one step only, the one out of layer L; M is the mean over all steps.":
            lambda norms: norms[-2] / norms[-1],
    },
    stretch={
        "One thing more: from 1e-200 to 1e+200 the ratio is too large for a float64. Its logarithm is not.":
            (np.array([1e200, 1.0, 1e-200]),),
    },
)
"""M, the geometric mean of the factor per layer by which the norm of ∂C/∂z grows on its way back."""


def diagnose(norms):
    if not np.isfinite(norms).all():
        return "overflow"
    if norms[0] < 1e-3 * norms[-1] or norms[0] == 0:
        return "vanishing"
    return "exploding" if norms[0] > 1e3 * norms[-1] else "healthy"


def _naive(norms, first=0, last=-1, low=1e-3, high=1e3):
    """The three words by the ratio alone."""
    ratio = norms[first] / norms[last]
    return "vanishing" if ratio < low else "exploding" if ratio > high else "healthy"


def _checked(norms, check=lambda norms: np.isfinite(norms).all(), **options):
    return _naive(norms, **options) if check(norms) else "overflow"


check_diagnose = Exercise(
    diagnose,
    "(L)->()",
    cases=lambda rng: [
        (np.array(norms),)
        for norms in (
            [1e-5, 1e-3, 1e-1],
            [2e4, 50, 2],
            [0.3, 0.1, 0.4, 0.2],
            [2e-6, 3e-6, 1e-6],
            [4e5, 3e5, 5e5],
            [2e-3, 0.5, 1],
            [500, 40, 1],
            [1e-6, 1e4, 1],
            [0, 0, 1e-30, 1],
            [np.inf, 1e30, 1],
            [np.nan, np.inf, 1],
            [0.1, np.nan, 0.1],
            [1, np.inf, 1],
        )
    ],
    wrong={
        "The two words are swapped: norms[0] is layer 1, where the gradient arrives last.":
            lambda norms: _checked(norms, first=-1, last=0),
        "Layer 1 is norms[0] and the last layer is norms[-1].":
            lambda norms: _checked(norms, first=1),
        "You judge layer 1 by its own size; it is its ratio to the last layer that counts.":
            lambda norms: _checked(np.append(norms, 1)),
        "You compare the largest with the smallest; the first and the last layer are meant.":
            lambda norms: _checked(np.array([norms.max(), norms.min()])),
        "Look for inf and nan before you look at the ratio: inf is more than a large number.":
            _naive,
        "inf is found and nan is not. nan equals nothing, not even itself: there is np.isnan.":
            lambda norms: _checked(norms, lambda norms: not np.isinf(norms).any()),
        "nan is found and inf is not: there is np.isfinite for both.":
            lambda norms: _checked(norms, lambda norms: not np.isnan(norms).any()),
        "inf and nan can sit in any layer, not in the first alone.":
            lambda norms: _checked(norms, lambda norms: np.isfinite(norms[0])),
        "The limits of the ratio are 1e-3 and 1e3; yours are tighter.":
            lambda norms: _checked(norms, low=1e-2, high=1e2),
        "A gradient of exactly 0 at layer 1 has vanished, too.":
            lambda norms: _checked(norms) if norms[0] else "healthy",
    },
    stretch={
        "One thing more: where every norm is 0 the ratio is 0/0. That gradient has vanished as well.":
            (np.zeros(3),),
    },
)
"""One word for the norms of ∂C/∂z in layers 1 to L."""
