"""The exercises of notebook 04, initialization.

A reference calls the library where that has the formula, and writes it out where it does not. No answer is a
random draw: an exercise asks for the spread that a draw should have, or for what to do with a given one.
"""

from __future__ import annotations

import numpy as np

from livegrad.checks.grading import Exercise
from livegrad.initializers import calculate_gain

__all__ = [
    "check_default_shrink",
    "check_distinct_units",
    "check_kaiming_bound",
    "check_unit_variance",
    "check_variance_step",
    "check_xavier_bound",
    "check_z_variance",
]


def distinct_units(W):
    return len(np.unique(W, axis=0))


check_distinct_units = Exercise(
    distinct_units,
    "(n_out,n_in)->()",
    cases=lambda rng: [
        (np.array(W),)
        for W in (
            [[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]],
            [[0.5, -0.2], [0.3, 0.3], [0.5, -0.2], [1.0, -0.4]],
            [[0.4, 0.4, 0.4], [0.7, 0.7, 0.7]],
            [[0.2, -0.2], [-0.2, 0.2], [-0.2, 0.2]],
            [[0.6, 0.8], [1.0, 0.0], [0.8, 0.6]],
            [[0.1, 0.9, 0.4]],
        )
    ],
    wrong={
        "That is the rank. A unit with twice the weights of another is a different unit.":
            lambda W: np.linalg.matrix_rank(W),
        "That counts the different numbers in W. A unit is a whole row.":
            lambda W: len(np.unique(W)),
        "That counts the different columns. A unit of the layer is a row of W; a column belongs to an input.":
            lambda W: len(np.unique(W, axis=1).T),
        "That is the number of units, equal or not.":
            lambda W: len(W),
        "That is how many units are copies of another one; how many different ones are there?":
            lambda W: len(W) - len(np.unique(W, axis=0)),
        "You count only the units that have no copy. A group of equal units still counts as one.":
            lambda W: int((np.unique(W, axis=0, return_counts=True)[1] == 1).sum()),
        "You compare each unit with the one before it; a copy can stand anywhere.":
            lambda W: 1 + int((W[1:] != W[:-1]).any(axis=1).sum()),
        "You compare sums of rows. Different rows can have the same sum.":
            lambda W: len(np.unique(W.sum(axis=1))),
        "You sort the numbers within a row. The same weights on other inputs make another unit.":
            lambda W: len(np.unique(np.sort(W, axis=1), axis=0)),
        "You compare sizes of rows. Different rows can have the same size.":
            lambda W: len(np.unique(np.linalg.norm(W, axis=1).round(9))),
    },
)
"""How many rows of W differ from one another."""


def z_variance(a_prev, w_std):
    return a_prev.shape[1] * w_std**2 * np.mean(a_prev**2)


check_z_variance = Exercise(
    z_variance,
    "(N,n_in),()->()",
    cases=lambda rng: [
        (rng.normal(0.5, 1.0, (N, n_in)).round(1), w_std) for N, n_in, w_std in [(2, 3, 0.5), (4, 2, 0.1), (3, 5, 2.0)]
    ],
    wrong={
        "You subtract the mean of the activations. In the rule stands their mean square, not their variance.":
            lambda a, s: a.shape[1] * s**2 * a.var(),
        "You take each input's variance over the examples. In the rule stands the mean square.":
            lambda a, s: a.shape[1] * s**2 * a.var(axis=0).mean(),
        "The weights enter with their variance, and w_std is its root.":
            lambda a, s: a.shape[1] * s * np.mean(a**2),
        "n counts the inputs of a unit. The number of examples does not enter.":
            lambda a, s: len(a) * s**2 * np.mean(a**2),
        "That is the standard deviation of z.":
            lambda a, s: np.sqrt(a.shape[1] * s**2 * np.mean(a**2)),
        "You average first and square then; that lets the signs cancel.":
            lambda a, s: a.shape[1] * s**2 * np.mean(a) ** 2,
        "You take the mean size of the activations; their mean square is wanted.":
            lambda a, s: a.shape[1] * s**2 * np.mean(np.abs(a)),
        "The sum over the inputs is not there: n products add up to one z.":
            lambda a, s: s**2 * np.mean(a**2),
        "n is there twice: a variance of a sum grows like n, not like n².":
            lambda a, s: a.shape[1] ** 2 * s**2 * np.mean(a**2),
    },
)
"""Var[z] of a layer whose weights are drawn with mean 0 and standard deviation w_std."""


def xavier_bound(n_in, n_out):
    return np.sqrt(6 / (n_in + n_out))


check_xavier_bound = Exercise(
    xavier_bound,
    "(),()->()",
    cases=lambda rng: [(64, 100), (100, 10), (50, 50), (3, 1)],
    wrong={
        "That is the standard deviation. A uniform draw reaches further than that: by which factor?":
            lambda n_in, n_out: np.sqrt(2 / (n_in + n_out)),
        "That is the variance. The bound is found from its root.":
            lambda n_in, n_out: 2 / (n_in + n_out),
        "That is the square of the bound.":
            lambda n_in, n_out: 6 / (n_in + n_out),
        "You put the factor between bound and standard deviation under no root: b²/3 is the variance.":
            lambda n_in, n_out: 3 * np.sqrt(2 / (n_in + n_out)),
        "Xavier divides by the mean of the two fans; you divide by their sum.":
            lambda n_in, n_out: np.sqrt(3 / (n_in + n_out)),
        "That is LeCun's rule, which looks forward only; Xavier compromises between the two directions.":
            lambda n_in, n_out: np.sqrt(3 / n_in),
        "That looks backward only; Xavier compromises between the two directions.":
            lambda n_in, n_out: np.sqrt(3 / n_out),
        "There is ReLU's gain in it. Gain 1 is asked for.":
            lambda n_in, n_out: np.sqrt(2) * np.sqrt(6 / (n_in + n_out)),
        "That is Kaiming's rule for ReLU.":
            lambda n_in, n_out: np.sqrt(6 / n_in),
        "That is the width of the interval, from −bound to bound.":
            lambda n_in, n_out: 2 * np.sqrt(6 / (n_in + n_out)),
        "The root goes over the whole fraction.":
            lambda n_in, n_out: np.sqrt(6) / (n_in + n_out),
        "The mean that Xavier takes is of the two fans, not of the two standard deviations.":
            lambda n_in, n_out: np.sqrt(3) * (1 / np.sqrt(n_in) + 1 / np.sqrt(n_out)) / 2,
        "The mean that Xavier takes is of the two fans, not of the two variances.":
            lambda n_in, n_out: np.sqrt(3 * (1 / n_in + 1 / n_out) / 2),
        "That is the geometric mean of the two fans; Xavier takes the plain one.":
            lambda n_in, n_out: np.sqrt(3 / np.sqrt(n_in * n_out)),
    },
)
"""The largest weight that Xavier's rule draws in its uniform form."""


def kaiming_bound(n_in, n_out, a, mode):
    return calculate_gain("leaky_relu", a) * np.sqrt(3 / {"fan_in": n_in, "fan_out": n_out}[mode])


def _kaiming(gain=lambda a: np.sqrt(2 / (1 + a**2)), bound=lambda gain, fan: gain * np.sqrt(3 / fan),
             fan=lambda n_in, n_out, mode: n_in if mode == "fan_in" else n_out):
    """A mistaken Kaiming rule: right but for one of its three steps."""
    return lambda n_in, n_out, a, mode: bound(gain(a), fan(n_in, n_out, mode))


check_kaiming_bound = Exercise(
    kaiming_bound,
    "(),(),(),()->()",
    cases=lambda rng: [
        (64, 100, 0.0, "fan_in"), (64, 100, 0.5, "fan_out"), (100, 10, 5**0.5, "fan_in"), (30, 20, 0.1, "fan_out"),
    ],
    wrong={
        "That is std. A uniform draw of that std reaches further: by which factor?":
            _kaiming(bound=lambda gain, fan: gain / np.sqrt(fan)),
        "The factor from std to bound is a root: the variance of a uniform on [−b, b] is b²/3.":
            _kaiming(bound=lambda gain, fan: 3 * gain / np.sqrt(fan)),
        "From std to bound you go the wrong way: the bound is larger than std.":
            _kaiming(bound=lambda gain, fan: gain / np.sqrt(3 * fan)),
        "The two fans are swapped: fan_in is the number of inputs.":
            _kaiming(fan=lambda n_in, n_out, mode: n_out if mode == "fan_in" else n_in),
        "You use the number of inputs in both modes.":
            _kaiming(fan=lambda n_in, n_out, mode: n_in),
        "You use the number of outputs in both modes.":
            _kaiming(fan=lambda n_in, n_out, mode: n_out),
        "You use the mean of the two fans, which is Xavier's compromise. Here mode names one.":
            _kaiming(fan=lambda n_in, n_out, mode: (n_in + n_out) / 2),
        "fan stands under a root: its inverse is a variance.":
            _kaiming(bound=lambda gain, fan: np.sqrt(3) * gain / fan),
        "That is the square of the bound.":
            _kaiming(bound=lambda gain, fan: 3 * gain**2 / fan),
        "The gain goes in as it is. Its square belongs to the variance.":
            _kaiming(gain=lambda a: 2 / (1 + a**2)),
        "The gain has one root too many.":
            _kaiming(gain=lambda a: (2 / (1 + a**2)) ** 0.25),
        "The slope does not enter your gain.":
            _kaiming(gain=lambda a: np.sqrt(2)),
        "Your gain is 1: it is that of a linear unit.":
            _kaiming(gain=lambda a: 1.0),
        "A slope multiplies the mean square by its own square.":
            _kaiming(gain=lambda a: np.sqrt(2 / (1 + a))),
        "The gain makes up for what the unit loses, so the steeper its left side, the smaller the gain.":
            _kaiming(gain=lambda a: np.sqrt(2 * (1 + a**2))),
        "The gain is upside down: it makes up for what the unit loses.":
            _kaiming(gain=lambda a: np.sqrt((1 + a**2) / 2)),
    },
)
"""The bound of Kaiming's uniform rule for a leaky ReLU of slope a."""


def default_shrink():
    left_by_the_weights, left_by_the_units = calculate_gain("leaky_relu", 5**0.5) ** 2, 1 / calculate_gain("leaky_relu", 0.2) ** 2
    return 1 / (left_by_the_weights * left_by_the_units)


check_default_shrink = Exercise(
    default_shrink,
    "->()",
    wrong={
        "That is what the weights do. The units take something away, too.":
            lambda: 3,
        "That is what the units do. The weights are not of variance 1/fan_in here.":
            lambda: 2 / 1.04,
        "That is for ReLU. The left side of this unit lets something through.":
            lambda: 6,
        "That is the factor for the rms; the mean square is its square.":
            lambda: (6 / 1.04) ** 0.5,
        "That is the factor for the rms, and of the weights alone.":
            lambda: 3**0.5,
        "Upside down: asked is how many times smaller, a number above 1.":
            lambda: 1.04 / 6,
        "Upside down, and of the weights alone.":
            lambda: 1 / 3,
        "Upside down, and of the rms.":
            lambda: (1.04 / 6) ** 0.5,
        "A slope multiplies the mean square by its own square.":
            lambda: 6 / 1.2,
        "Left of 0 the slope multiplies the numbers; it does not take away from them.":
            lambda: 6 / 0.96,
        "The two halves are averaged: half of the units keep 1 of their mean square, half 0.2².":
            lambda: 3 / 1.04,
        "That is what the left halves of the units let through alone.":
            lambda: 6 / 0.04,
        "You divide the square of the bound by 12; that takes the square of the interval's length, which is twice the bound.":
            lambda: 24 / 1.04,
        "You let the units enlarge the mean square. They take some of it away.":
            lambda: 3 * 1.04 / 2,
        "That would be right if the weights were drawn by Kaiming's rule for these units. They are smaller.":
            lambda: 1,
        "Right to two decimals. Write the formula, and let Python compute it.":
            lambda: 5.77,
    },
)
"""How many times smaller a layer of leaky ReLU, slope 0.2, with PyTorch's default weights makes the mean square."""


def variance_step(q, gain, u):
    return gain**2 * np.mean(np.tanh(np.sqrt(q) * u) ** 2)


check_variance_step = Exercise(
    variance_step,
    "(),(),(k)->()",
    cases=lambda rng: [
        (q, gain, rng.normal(size=k).round(1)) for q, gain, k in [(0.5, 1.5, 4), (2.0, 0.8, 6), (4.0, 3.0, 5)]
    ],
    wrong={
        "q is a mean square. Numbers of that mean square are √q times u.":
            lambda q, s, u: s**2 * np.mean(np.tanh(q * u) ** 2),
        "The gain enters the mean square squared.":
            lambda q, s, u: s * np.mean(np.tanh(np.sqrt(q) * u) ** 2),
        "The weights are not in it yet.":
            lambda q, s, u: np.mean(np.tanh(np.sqrt(q) * u) ** 2),
        "You subtract the mean of the activations. In the rule stands their mean square.":
            lambda q, s, u: s**2 * np.var(np.tanh(np.sqrt(q) * u)),
        "That is the root mean square; q is a mean square.":
            lambda q, s, u: s * np.sqrt(np.mean(np.tanh(np.sqrt(q) * u) ** 2)),
        "Square first, then average.":
            lambda q, s, u: s**2 * np.mean(np.tanh(np.sqrt(q) * u)) ** 2,
        "The map goes from z to the next z: first tanh, then the weights. You put the weights inside tanh.":
            lambda q, s, u: np.mean(np.tanh(s * np.sqrt(q) * u) ** 2),
        "That is the mean square of the slopes, which is what counts going backward.":
            lambda q, s, u: s**2 * np.mean((1 - np.tanh(np.sqrt(q) * u) ** 2) ** 2),
        "tanh is not there: a linear layer would do that.":
            lambda q, s, u: s**2 * q * np.mean(u**2),
        "tanh acts on each number before anything is averaged.":
            lambda q, s, u: s**2 * np.tanh(np.sqrt(q * np.mean(u**2))) ** 2,
        "q belongs inside tanh: large numbers are bent more than small ones.":
            lambda q, s, u: s**2 * q * np.mean(np.tanh(u) ** 2),
        "A square is missing: that is the mean of the activations.":
            lambda q, s, u: s**2 * np.mean(np.tanh(np.sqrt(q) * u)),
        "That is the mean of the sizes; the mean of the squares is wanted.":
            lambda q, s, u: s**2 * np.mean(np.abs(np.tanh(np.sqrt(q) * u))),
    },
)
"""One step of the variance map of tanh, the expectation taken over given standard normal numbers."""


def unit_variance(W, a_prev):
    return W / (a_prev @ W.T).std()


check_unit_variance = Exercise(
    unit_variance,
    "(n_out,n_in),(N,n_in)->(n_out,n_in)",
    cases=lambda rng: [
        (rng.normal(size=(n_out, n_in)).round(1), rng.normal(0.5, 1.0, (N, n_in)).round(1))
        for n_out, n_in, N in [(2, 3, 4), (4, 2, 3), (3, 3, 5)]
    ],
    wrong={
        "You divide by the variance. W enters z once, so the variance of z goes with the square of W.":
            lambda W, a: W / (a @ W.T).var(),
        "You multiply where you should divide.":
            lambda W, a: W * (a @ W.T).std(),
        "You divide each unit by a standard deviation of its own; the whole layer has one.":
            lambda W, a: W / (a @ W.T).std(axis=0)[:, None],
        "You divide each input's weights by the spread of that input; it is z that should have it 1.":
            lambda W, a: W / a.std(axis=0),
        "You divide by the spread of the activations below. How large z becomes depends on W as well.":
            lambda W, a: W / a.std(),
        "Now the weights have standard deviation 1; it is z that should have it.":
            lambda W, a: W / W.std(),
        "Now the weights have norm 1; it is the spread of z that should be 1.":
            lambda W, a: W / np.linalg.norm(W),
        "That makes the mean square of z 1. A standard deviation subtracts the mean first.":
            lambda W, a: W / np.sqrt(np.mean((a @ W.T) ** 2)),
        "That is what the rule says for an average draw. You have the draw: measure z.":
            lambda W, a: W / np.sqrt(W.shape[1] * W.var() * np.mean(a**2)),
        "You average one standard deviation per unit; take one over all entries of z.":
            lambda W, a: W / (a @ W.T).std(axis=0).mean(),
        "That is z, scaled; the weights are asked for.":
            lambda W, a: (a @ W.T) / (a @ W.T).std(),
        "ddof=1 divides by one less than the number of entries; here all of them count.":
            lambda W, a: W / (a @ W.T).std(ddof=1),
    },
)
"""A multiple of W with which z has standard deviation 1 on this batch."""
