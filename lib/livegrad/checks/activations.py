"""The exercises of notebook 01, activations.

A reference calls the library where that has the formula, and writes it out where it does not. Inputs have one
decimal, so that what a check shows of them is all there is to them.
"""

from __future__ import annotations

import numpy as np

from livegrad.activations import get
from livegrad.checks.grading import Exercise

__all__ = [
    "check_collapsed_bias",
    "check_collapsed_weight",
    "check_how_many_dead",
    "check_measured_gain",
    "check_passed_back",
    "check_safe_slope",
    "check_saturated_share",
]

_sigmoid = get("sigmoid")
_slope = {name: get(name).derivative for name in ("sigmoid", "tanh", "relu")}


def _normal(rng, *shapes, scale=1):
    return tuple((scale * rng.normal(size=shape)).round(1) for shape in shapes)


def collapsed_weight(W1, W2):
    return np.einsum("oh,hi->oi", W2, W1)


check_collapsed_weight = Exercise(
    collapsed_weight,
    "(h,i),(o,h)->(o,i)",
    cases=lambda rng: [  # with i = o the wrong order still multiplies, and can be recognized
        _normal(rng, (h, i), (o, h)) for h, i, o in [(2, 3, 4), (3, 2, 2), (2, 2, 2)]
    ],
    wrong={
        "The order is wrong: with that product the input would meet the second layer first.":
            lambda W1, W2: W1 @ W2,
        "That is the matrix to multiply A⁰ with from the right. A layer keeps its W the other way round: Z = A Wᵀ + b.":
            lambda W1, W2: (W2 @ W1).T,
        "A transpose too many on W¹: look at the shapes, the h units in the middle must meet.":
            lambda W1, W2: W2 @ W1.T,
        "A transpose too many on W²: look at the shapes, the h units in the middle must meet.":
            lambda W1, W2: W2.T @ W1,
        "`*` multiplies entry by entry; one layer after the other is a matrix product.":
            lambda W1, W2: W2 * W1,
        "Layers that follow each other do not add up: each acts on what the one before it gives.":
            lambda W1, W2: W1 + W2,
    },
)
"""The weights of the one layer that two layers without an activation are."""


def collapsed_bias(b1, W2, b2):
    return np.einsum("oh,h->o", W2, b1) + b2


check_collapsed_bias = Exercise(
    collapsed_bias,
    "(h),(o,h),(o)->(o)",
    cases=lambda rng: [_normal(rng, (h,), (o, h), (o,)) for h, o in [(3, 2), (1, 3), (2, 2)]],
    wrong={
        "b¹ does not reach the output as it is: between it and the output there is a layer.":
            lambda b1, W2, b2: b1 + b2,
        "b¹ does not enter yet: the first layer's bias goes on into the second.":
            lambda b1, W2, b2: b2,
        "b² does not enter yet.":
            lambda b1, W2, b2: W2 @ b1,
        "b² is added after W² has done its work; you send it through W².":
            lambda b1, W2, b2: W2 @ (b1 + b2),
        "That is b¹ W². Look at the shapes: W² has a row for each output.":
            lambda b1, W2, b2: b1 @ W2 + b2,
        "b¹ is multiplied with W² but not summed over the hidden units.":
            lambda b1, W2, b2: W2 * b1 + b2[:, None],
        "The two biases are swapped: it is the first layer's that goes through W².":
            lambda b1, W2, b2: W2 @ b2 + b1,
    },
)
"""The bias of the one layer that two layers without an activation are."""


def passed_back(e, z):
    return e * _slope["sigmoid"](z)


check_passed_back = Exercise(
    passed_back,
    "(m,n),(m,n)->(m,n)",
    cases=lambda rng: [_normal(rng, (m, n), (m, n)) for m, n in [(2, 3), (4, 1), (2, 2)]],
    wrong={
        "You multiply by the activation σ(z); its slope belongs there.":
            lambda e, z: e * _sigmoid(z),
        "a(1 − a) is the slope written in a = σ(z); you put z in the place of a.":
            lambda e, z: e * z * (1 - z),
        "You take the slope at a = σ(z); it is to be taken at z.":
            lambda e, z: e * _slope["sigmoid"](_sigmoid(z)),
        "That is only one of the two factors of the slope: 1 − a.":
            lambda e, z: e * (1 - _sigmoid(z)),
        "1 − a² is the slope of another function, tanh, written in its own a.":
            lambda e, z: e * (1 - _sigmoid(z) ** 2),
        "That is the slope of tanh; these units are sigmoid.":
            lambda e, z: e * _slope["tanh"](z),
        "That is the slope of ReLU; these units are sigmoid.":
            lambda e, z: e * _slope["relu"](z),
        "That is the slope alone: the error e does not enter yet.":
            lambda e, z: _slope["sigmoid"](z),
        "That is the error as it came: the units have not acted on it yet.":
            lambda e, z: 1 * e,
        "You divide by the slope; the chain rule multiplies.":
            lambda e, z: e / _slope["sigmoid"](z),
        "You add the slope; the chain rule multiplies.":
            lambda e, z: e + _slope["sigmoid"](z),
        "`@` mixes units with each other. Each unit acts on its own error alone, entry by entry.":
            lambda e, z: e @ _slope["sigmoid"](z),
        "`@` mixes examples with each other. Each unit acts on its own error alone, entry by entry.":
            lambda e, z: e @ _slope["sigmoid"](z).T,
    },
    stretch={
        "One thing more: it fails on z = [[1000, -1000]]. Which power of e overflows there?":
            (np.ones((1, 2)), np.array([[1000.0, -1000.0]])),
    },
)
"""∂C/∂z of a layer of sigmoid units from the error e = ∂C/∂a that reaches them."""

_LIMIT = 0.05 * 0.25  # 5 % of the sigmoid's best slope


def saturated_share(z):
    return np.mean(_slope["sigmoid"](z) < _LIMIT)


check_saturated_share = Exercise(
    saturated_share,
    "(m,n)->()",
    cases=lambda rng: [
        (np.array([[0.3, -5.1, 8.0], [6.2, 1.9, -0.4]]),),
        (np.array([[3.8, -4.2], [4.1, -9.0], [2.0, -3.5], [4.9, 0.1]]),),
        (np.array([[-7.3, -6.0], [-5.2, 1.1]]),),
        (np.array([[5.6, 5.9, 6.4]]),),
        *(_normal(rng, shape, scale=4) for shape in [(3, 5), (6, 4)]),
    ],
    wrong={
        "The limit is 5 % of the largest slope, and that is not 0.05.":
            lambda z: np.mean(_slope["sigmoid"](z) < 0.05),
        "The limit is 5 %: one zero too many or too few?":
            lambda z: np.mean(_slope["sigmoid"](z) < _LIMIT / 10),
        "The largest slope is that of the function, wherever it has it, not the largest one among these z.":
            lambda z: np.mean(_slope["sigmoid"](z) < 0.05 * _slope["sigmoid"](z).max()),
        "That is the share of the others, the ones that are not saturated.":
            lambda z: np.mean(_slope["sigmoid"](z) >= _LIMIT),
        "That is how many there are; a share is wanted, from 0 to 1.":
            lambda z: np.sum(_slope["sigmoid"](z) < _LIMIT),
        "That is a percentage; a share is wanted, from 0 to 1.":
            lambda z: 100 * np.mean(_slope["sigmoid"](z) < _LIMIT),
        "You find the ones with large positive z only. The sigmoid has two flat ends.":
            lambda z: np.mean((_slope["sigmoid"](z) < _LIMIT) & (z > 0)),
        "You find the ones with large negative z only. The sigmoid has two flat ends.":
            lambda z: np.mean((_slope["sigmoid"](z) < _LIMIT) & (z < 0)),
        "You compare the activation with 5 %; it is the slope that counts.":
            lambda z: np.mean((_sigmoid(z) < 0.05) | (_sigmoid(z) > 0.95)),
        "That is the share of units that are saturated for every example; count entry by entry.":
            lambda z: np.mean((_slope["sigmoid"](z) < _LIMIT).all(axis=0)),
        "That is the share of units that are saturated for some example; count entry by entry.":
            lambda z: np.mean((_slope["sigmoid"](z) < _LIMIT).any(axis=0)),
    },
)
"""The share of entries of z, (m, n), at which a sigmoid's slope is below 5 % of its best."""


def how_many_dead(z):
    return np.sum((z <= 0).all(axis=0))


check_how_many_dead = Exercise(
    how_many_dead,
    "(m,n)->()",
    cases=lambda rng: [
        (np.array(z),)
        for z in (
            [[1.2, -0.3, -2.0], [-0.7, -1.1, 0.4]],
            [[-0.5, -1.0, 2.0, -0.1], [-2.2, -0.4, 1.5, -3.0], [-0.9, 0.6, 0.2, -1.4]],
            [[0.0, -0.2, 1.0], [-1.3, -0.8, 0.0]],
            [[-0.1, -0.2, -0.3, -0.6], [0.5, -1.5, -0.7, -2.0]],
            [[0.0, 0.4], [0.0, -0.6], [0.0, 1.1]],
            [[0.7, 1.3], [0.2, 0.9], [2.1, -0.1]],
            [[0.8, -0.1, -0.4, -1.2, -1.0], [-3.0, 0.2, -2.5, -0.6, -0.3], [-1.0, -1.7, -0.8, -0.5, 0.1]],
        )
    ],
    wrong={
        "A unit that is silent for one example may answer another: it is dead if no example wakes it.":
            lambda z: np.sum((z <= 0).any(axis=0)),
        "That counts examples for which all units are silent; count units that are silent for all examples.":
            lambda z: np.sum((z <= 0).all(axis=1)),
        "That is a share; the number of units is wanted.":
            lambda z: np.mean((z <= 0).all(axis=0)),
        "At z = 0 exactly the slope of ReLU is 0 too, by convention: what does that unit pass back?":
            lambda z: np.sum((z < 0).all(axis=0)),
        "z comes before the ReLU: a silent unit has z below 0 there, and 0 only after it.":
            lambda z: np.sum((z == 0).all(axis=0)),
        "That counts zeros of the output one by one; a unit is a whole column.":
            lambda z: np.sum(z <= 0),
        "That counts the living units.":
            lambda z: np.sum((z > 0).any(axis=0)),
        "The mean over the examples can be negative though some example wakes the unit.":
            lambda z: np.sum(z.mean(axis=0) <= 0),
        "The sign is the other way round: you count the units that are active for every example.":
            lambda z: np.sum((z > 0).all(axis=0)),
    },
)
"""How many of n ReLU units are silent for all m examples, from z of shape (m, n)."""


def measured_gain(a):
    return 1 / np.sqrt(np.mean(a**2))


check_measured_gain = Exercise(
    measured_gain,
    "(m)->()",
    cases=lambda rng: [(np.array(a),) for a in ([0.5, 1.0, 0.1], [0.3, -0.8, 1.2, 0.9], [2.0, 0.0, 0.0, 1.5, 0.7])],
    wrong={
        "A standard deviation subtracts the mean first, and the next layer gets the mean as well.":
            lambda a: 1 / np.std(a),
        "That is the gain upside down.":
            lambda a: np.sqrt(np.mean(a**2)),
        "A root is missing: a gain multiplies numbers, not their squares.":
            lambda a: 1 / np.mean(a**2),
        "A root is missing, and the result is upside down.":
            lambda a: np.mean(a**2),
        "A mean is taken over the samples; you take a sum.":
            lambda a: 1 / np.linalg.norm(a),
        "That is 1 over the mean. Where positive and negative numbers cancel, it says nothing about size.":
            lambda a: 1 / np.mean(a),
        "The mean of |a| is another size than the root mean square: squares weigh large numbers more.":
            lambda a: 1 / np.mean(np.abs(a)),
        "That looks at the largest entry alone; the root mean square takes all of them.":
            lambda a: 1 / np.max(np.abs(a)),
    },
)
"""The factor that brings the root mean square of activations back to 1."""


def safe_slope(z):
    tail = np.exp(-np.abs(z))  # at most 1; the slope is an even function
    return tail / (1 + tail) ** 2


def _through(power):
    return power / (1 + power) ** 2


check_safe_slope = Exercise(
    safe_slope,
    "(n)->(n)",
    # An input for each order of magnitude: entries are compared relative to the largest one.
    cases=lambda rng: [(np.array(z),) for z in ([0.5, -1.2, 2.0], [40.0, 40.3], [-41.0], [-400.0], [401.5], [800.0], [-900.0])],
    wrong={
        "On the right a has rounded to 1, and 1 − a to 0. The slope there is tiny, but it is not 0.":
            lambda z: _slope["sigmoid"](z),
        "1 − tanh² rounds to 0 at both ends. The slope there is tiny, but it is not 0.":
            lambda z: (1 - np.tanh(z / 2) ** 2) / 4,
        "e⁻ᶻ overflows for very negative z, or its square does, and the fraction is then 0 or not a number.":
            lambda z: _through(np.exp(-z)),
        "eᶻ overflows for large z, or its square does, and the fraction is then 0 or not a number.":
            lambda z: _through(np.exp(z)),
        "Where z is cut off the slope stops falling; the true one goes on.":
            lambda z: _through(np.exp(-np.clip(z, -30, 30))),
        "Far out that is right. Near 0 the denominator is more than 1.":
            lambda z: np.exp(-np.abs(z)),
        "A square is missing: at z = 0 the slope is 1/4.":
            lambda z: np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))),
        "That is the sigmoid itself; its slope is wanted.":
            lambda z: _sigmoid(z),
    },
)
"""The sigmoid's slope with all its digits, however far out z lies."""
