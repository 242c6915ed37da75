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
    "check_how_many_quiet",
    "check_measured_gain",
    "check_passed_back",
    "check_safe_slope",
    "check_saturated_share",
]

_sigmoid = get("sigmoid")
_slope = {name: get(name).derivative for name in ("sigmoid", "tanh", "relu")}


def _normal(rng, *shapes, scale=1):
    return tuple((scale * rng.normal(size=shape)).round(1) for shape in shapes)


def collapsed_weight(W1, W2, W3):
    return np.einsum("ok,kh,hi->oi", W3, W2, W1)


check_collapsed_weight = Exercise(
    collapsed_weight,
    "(h,i),(k,h),(o,k)->(o,i)",
    cases=lambda rng: [  # with equal sizes the wrong order still multiplies, and can be recognized
        _normal(rng, (h, i), (k, h), (o, k)) for h, i, k, o in [(2, 3, 4, 1), (3, 2, 3, 3), (2, 2, 2, 2), (3, 3, 3, 3)]
    ],
    wrong={
        "The order is wrong: with that product the input would meet the last layer first.":
            lambda W1, W2, W3: W1 @ W2 @ W3,
        "That is the matrix to multiply A⁰ with from the right. A layer keeps its W the other way round: Z = A Wᵀ + b.":
            lambda W1, W2, W3: (W3 @ W2 @ W1).T,
        "The order and the transposes are both the wrong way round. Start from the formula for two layers.":
            lambda W1, W2, W3: W3.T @ W2.T @ W1.T,
        "In A⁰ W¹ᵀ W²ᵀ W³ᵀ every matrix is transposed, W¹ too; and the three together are one Wᵀ.":
            lambda W1, W2, W3: W1 @ W2.T @ W3.T,
        "A transpose too many on W¹: look at the shapes, the h units in the middle must meet.":
            lambda W1, W2, W3: W3 @ W2 @ W1.T,
        "A transpose too many on W³: look at the shapes, the k units in the middle must meet.":
            lambda W1, W2, W3: W3.T @ W2 @ W1,
        "The third layer does not enter yet.":
            lambda W1, W2, W3: W2 @ W1,
        "The first layer does not enter yet.":
            lambda W1, W2, W3: W3 @ W2,
        "`*` multiplies entry by entry; one layer after the other is a matrix product.":
            lambda W1, W2, W3: W3 * W2 * W1,
        "Layers that follow each other do not add up: each acts on what the one before it gives.":
            lambda W1, W2, W3: W1 + W2 + W3,
    },
)
"""The weights of the one layer that three layers without an activation are."""


def collapsed_bias(b1, W2, b2, W3, b3):
    return np.einsum("ok,k->o", W3, np.einsum("kh,h->k", W2, b1) + b2) + b3


check_collapsed_bias = Exercise(
    collapsed_bias,
    "(h),(k,h),(k),(o,k),(o)->(o)",
    cases=lambda rng: [_normal(rng, (h,), (k, h), (k,), (o, k), (o,)) for h, k, o in [(3, 4, 2), (1, 3, 2), (2, 2, 2)]],
    wrong={
        "b¹ and b² do not reach the output as they are: between them and the output there are layers.":
            lambda b1, W2, b2, W3, b3: b1 + b2 + b3,
        "b¹ and b² do not enter yet: they go on into the layers above.":
            lambda b1, W2, b2, W3, b3: b3,
        "b¹ does not enter yet: the first layer's bias goes on into the second.":
            lambda b1, W2, b2, W3, b3: W3 @ b2 + b3,
        "b² does not enter yet: the second layer's bias goes on into the third.":
            lambda b1, W2, b2, W3, b3: W3 @ W2 @ b1 + b3,
        "b³ does not enter yet.":
            lambda b1, W2, b2, W3, b3: W3 @ (W2 @ b1 + b2),
        "b² is not at the output yet: there is one more layer for it to go through.":
            lambda b1, W2, b2, W3, b3: W3 @ W2 @ b1 + b2 + b3,
        "b² is added after W² has done its work; you send it through W².":
            lambda b1, W2, b2, W3, b3: W3 @ W2 @ (b1 + b2) + b3,
        "b³ is added after W³ has done its work; you send it through W³.":
            lambda b1, W2, b2, W3, b3: W3 @ (W2 @ b1 + b2 + b3),
        "That sends b¹ through W³ only; the second layer comes before.":
            lambda b1, W2, b2, W3, b3: W3 @ (b1 + b2) + b3,
        "That is b¹ W² and so on. Look at the shapes: a W has a row for each output.":
            lambda b1, W2, b2, W3, b3: (b1 @ W2 + b2) @ W3 + b3,
    },
)
"""The bias of the one layer that three layers without an activation are."""


def passed_back(e, z):
    return e * _slope["sigmoid"](z)


check_passed_back = Exercise(
    passed_back,
    "(N,n),(N,n)->(N,n)",
    cases=lambda rng: [_normal(rng, (N, n), (N, n)) for N, n in [(2, 3), (4, 1), (2, 2)]],
    wrong={
        "`e` is the message here, so `e**(-z)` is a power of it. The exponential function is `np.exp`.":
            lambda e, z: e * (1 / (1 + e ** (-z))) * (1 - 1 / (1 + e ** (-z))),
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
        "That is the slope alone: the message e does not enter yet.":
            lambda e, z: _slope["sigmoid"](z),
        "That is the message as it came: the units have not acted on it yet.":
            lambda e, z: 1 * e,
        "You divide by the slope; the chain rule multiplies.":
            lambda e, z: e / _slope["sigmoid"](z),
        "You add the slope; the chain rule multiplies.":
            lambda e, z: e + _slope["sigmoid"](z),
        "`@` mixes units with each other. Each unit acts on its own message alone, entry by entry.":
            lambda e, z: e @ _slope["sigmoid"](z),
        "`@` mixes examples with each other. Each unit acts on its own message alone, entry by entry.":
            lambda e, z: e @ _slope["sigmoid"](z).T,
    },
    stretch={
        "One thing more: it fails on z = [[1000, -1000]]. Which power of e overflows there?":
            (np.ones((1, 2)), np.array([[1000.0, -1000.0]])),
    },
)
"""δ = ∂C/∂z of a layer of sigmoid units from the message e = ∂C/∂a that reaches them."""

_LIMIT = 0.05  # 5 % of tanh's best slope, which is 1


def saturated_share(z):
    return np.mean(_slope["tanh"](z) < _LIMIT)


check_saturated_share = Exercise(
    saturated_share,
    "(N,n)->()",
    cases=lambda rng: [
        (np.array([[0.2, -2.6, 4.0], [3.1, 0.9, -0.2]]),),
        (np.array([[1.9, -2.1], [2.0, -4.6], [1.0, -1.7], [2.5, 0.1]]),),
        (np.array([[-3.7, -3.0], [-2.6, 0.6]]),),
        (np.array([[2.8, 3.0, 3.2]]),),
        *(_normal(rng, shape, scale=2) for shape in [(3, 5), (6, 4)]),
    ],
    wrong={
        "A quarter is the steepest slope of the sigmoid. How steep does tanh get?":
            lambda z: np.mean(_slope["tanh"](z) < 0.05 * 0.25),
        "That is the share of saturated sigmoids; these units are tanh.":
            lambda z: np.mean(_slope["sigmoid"](z) < 0.05 * 0.25),
        "a(1 − a) is the slope of the sigmoid, written in its a; tanh has another formula.":
            lambda z: np.mean(np.tanh(z) * (1 - np.tanh(z)) < _LIMIT),
        "The limit is 5 %: one zero too many or too few?":
            lambda z: np.mean(_slope["tanh"](z) < _LIMIT / 10),
        "The largest slope is that of the function, wherever it has it, not the largest one among these z.":
            lambda z: np.mean(_slope["tanh"](z) < 0.05 * _slope["tanh"](z).max()),
        "That is the share of the others, the ones that are not saturated.":
            lambda z: np.mean(_slope["tanh"](z) >= _LIMIT),
        "That is how many there are; a share is wanted, from 0 to 1.":
            lambda z: np.sum(_slope["tanh"](z) < _LIMIT),
        "That is a percentage; a share is wanted, from 0 to 1.":
            lambda z: 100 * np.mean(_slope["tanh"](z) < _LIMIT),
        "You find the ones with large positive z only. tanh has two flat ends.":
            lambda z: np.mean((_slope["tanh"](z) < _LIMIT) & (z > 0)),
        "You find the ones with large negative z only. tanh has two flat ends.":
            lambda z: np.mean((_slope["tanh"](z) < _LIMIT) & (z < 0)),
        "You compare the activation with 5 %; it is the slope that counts.":
            lambda z: np.mean(np.abs(np.tanh(z)) > 0.95),
        "That is the share of units that are saturated for every example; count entry by entry.":
            lambda z: np.mean((_slope["tanh"](z) < _LIMIT).all(axis=0)),
        "That is the share of units that are saturated for some example; count entry by entry.":
            lambda z: np.mean((_slope["tanh"](z) < _LIMIT).any(axis=0)),
    },
)
"""The share of entries of z, (N, n), at which the slope of tanh is below 5 % of its best."""


def how_many_quiet(x, W, b, share):
    return np.sum((np.einsum("mi,ni->mn", x, W) + b > 0).mean(axis=0) < share)


def _making(z, share):
    """x, W and b that make this z, exactly where it is 0."""
    z = np.array(z)
    b = np.where(np.arange(z.shape[1]) % 2, 0.5, -1.0)
    return np.eye(len(z)), z.T - b[:, None], b, share


def _of_z(count):
    return lambda x, W, b, share: count(x @ W.T + b, share)


check_how_many_quiet = Exercise(
    how_many_quiet,
    "(N,i),(n,i),(n),()->()",
    cases=lambda rng: [
        *(_making(z, share) for z, share in (
            ([[1.2, -0.3, -2.0], [-0.7, -1.1, 0.4]], 0.75),
            ([[-0.5, -1.0, 2.0, -0.1], [-2.2, -0.4, 1.5, -3.0], [-0.9, 0.6, 0.2, -1.4]], 0.4),
            ([[0.0, -0.2, 1.0], [-1.3, -0.8, 0.0]], 0.25),
            ([[-0.1, -0.2, -0.3, -0.6], [0.5, -1.5, -0.7, -2.0]], 0.5),
            ([[0.0, 0.4], [0.0, -0.6], [0.0, 1.1]], 0.5),
            ([[0.7, 1.3], [0.2, 0.9], [2.1, -0.1]], 0.9),
        )),
        *((*_normal(rng, (N, i), (n, i)), _normal(rng, (n,))[0] - 1, share)
          for N, i, n, share in [(6, 2, 5, 0.4), (4, 3, 3, 0.6), (3, 4, 4, 0.5), (3, 5, 5, 0.5)]),
    ],
    wrong={
        "The bias does not enter yet.":
            lambda x, W, b, share: np.sum((x @ W.T > 0).mean(axis=0) < share),
        "The bias is added to z, not taken away.":
            lambda x, W, b, share: np.sum((x @ W.T - b > 0).mean(axis=0) < share),
        "W has a row for each unit, and z = x Wᵀ + b.":
            lambda x, W, b, share: np.sum((x @ W + b > 0).mean(axis=0) < share),
        "That counts the dead units. The quiet ones that answer to a few examples count as well: `share` is one of the examples.":
            _of_z(lambda z, share: np.sum((z <= 0).all(axis=0))),
        "That counts examples that wake few units; count units that few examples wake.":
            _of_z(lambda z, share: np.sum((z > 0).mean(axis=1) < share)),
        "That is a share of the units; their number is wanted.":
            _of_z(lambda z, share: np.mean((z > 0).mean(axis=0) < share)),
        "At z = 0 exactly the slope of ReLU is 0 too, by convention: is that unit active?":
            _of_z(lambda z, share: np.sum((z >= 0).mean(axis=0) < share)),
        "A unit that is active for exactly this share is not below it.":
            _of_z(lambda z, share: np.sum((z > 0).mean(axis=0) <= share)),
        "That counts the units that are active for more than the share.":
            _of_z(lambda z, share: np.sum((z > 0).mean(axis=0) > share)),
        "That compares the share with how often z is 0 or below; it is about how often the unit is active.":
            _of_z(lambda z, share: np.sum((z <= 0).mean(axis=0) < share)),
        "You average z itself. How large it is does not count, only for how many examples it is above 0.":
            _of_z(lambda z, share: np.sum(z.mean(axis=0) < share)),
    },
)
"""How many of n ReLU units are active for less than a share of the N examples x, from their weights and biases."""


def measured_gain(a, s):
    return s / np.sqrt(np.mean(a**2))


check_measured_gain = Exercise(
    measured_gain,
    "(N),()->()",
    cases=lambda rng: [
        (np.array(a), s) for a, s in (([0.5, 1.0, 0.1], 0.5), ([0.3, -0.8, 1.2, 0.9], 2.0), ([2.0, 0.0, 0.0, 1.5, 0.7], 1.2))
    ],
    wrong={
        "That is right for s = 1. Here the root mean square of z is s, and a is to be as large.":
            lambda a, s: 1 / np.sqrt(np.mean(a**2)),
        "A standard deviation subtracts the mean first, and the next layer gets the mean as well.":
            lambda a, s: s / np.std(a),
        "That is the gain upside down.":
            lambda a, s: np.sqrt(np.mean(a**2)) / s,
        "s stands on the wrong side: z is s times as large as a standard-normal one.":
            lambda a, s: 1 / (s * np.sqrt(np.mean(a**2))),
        "A root is missing: a gain multiplies numbers, not their squares.":
            lambda a, s: s / np.mean(a**2),
        "That is the gain for squares: take the root of all of it.":
            lambda a, s: s**2 / np.mean(a**2),
        "A mean is taken over the samples; you take a sum.":
            lambda a, s: s / np.linalg.norm(a),
        "That is s over the mean. Where positive and negative numbers cancel, it says nothing about size.":
            lambda a, s: s / np.mean(a),
        "The mean of |a| is another size than the root mean square: squares weigh large numbers more.":
            lambda a, s: s / np.mean(np.abs(a)),
        "That looks at the largest entry alone; the root mean square takes all of them.":
            lambda a, s: s / np.max(np.abs(a)),
    },
)
"""The factor that brings the root mean square of activations back to that of what went in."""


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
        "Where z is cut off the slope stops falling: from 746 on the float64 nearest to the true one is 0.":
            lambda z: _through(np.exp(-np.minimum(np.abs(z), 700))),
        "Far out that is right. Near 0 the denominator is more than 1.":
            lambda z: np.exp(-np.abs(z)),
        "A square is missing: at z = 0 the slope is 1/4.":
            lambda z: np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))),
        "That is the sigmoid itself; its slope is wanted.":
            lambda z: _sigmoid(z),
    },
)
"""The sigmoid's slope with all its digits, however far out z lies."""
