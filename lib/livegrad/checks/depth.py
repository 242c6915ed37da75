"""The exercises of notebook 08, Depth, width and residual connections.

Every check says "Not attempted yet" to `...`, and the rest is explained in `livegrad.checks.grading`:

>>> check_repeated_tent(...)
Not attempted yet: repeated_tent is still to be written.
"""

from __future__ import annotations

import math

import numpy as np

from livegrad.checks.grading import Exercise

__all__ = [
    "check_block_jacobian",
    "check_blocks_to_vanish",
    "check_branch_scale",
    "check_linear_pieces",
    "check_repeated_tent",
    "check_through_the_stack",
    "check_width_for",
]


def _relu(z):
    return np.maximum(z, 0)


def _tent(x):
    return 2 * _relu(x) - 4 * _relu(x - 0.5)


def _again(f, x, times):
    for _ in range(times):
        x = f(x)
    return x


def repeated_tent(x, depth):
    return _again(_tent, x, depth)


check_repeated_tent = Exercise(
    repeated_tent,
    "(N),()->(N)",
    cases=lambda rng: [(rng.uniform(0.02, 0.98, n).round(2), depth) for n, depth in ((4, 2), (5, 3), (3, 1), (6, 4))],
    wrong={
        "That is one layer too many: at depth 1 it is a single tent.":
            lambda x, depth: _again(_tent, x, depth + 1),
        "That is one layer too few: at depth 1 the tent is already there once.":
            lambda x, depth: _again(_tent, x, depth - 1),
        "That is one tent, whatever the depth: feed the result to the next layer, depth times.":
            lambda x, depth: _tent(x),
        "You multiply the tent by the depth; each layer is to work on the result of the one before.":
            lambda x, depth: depth * _tent(x),
        "You raise the tent to a power; each layer is to work on the result of the one before.":
            lambda x, depth: _tent(x) ** depth,
        "Your tent goes up and stays up: past ½ the slope must change from 2 to −2, by 4.":
            lambda x, depth: _again(lambda s: 2 * _relu(s) - 2 * _relu(s - 0.5), x, depth),
        "Your tent is only ½ high: its sides have slope 1, and they need 2 to fill the next layer's interval.":
            lambda x, depth: _again(lambda s: _relu(s) - 2 * _relu(s - 0.5), x, depth),
        "The second unit's bend is at 1 in your tent; it belongs at ½.":
            lambda x, depth: _again(lambda s: 2 * _relu(s) - 4 * _relu(s - 1), x, depth),
        "Your saw has no way down: it jumps. A ReLU net is continuous.":
            lambda x, depth: 2**depth * x % 1,
    },
)
"""The tent map applied depth times, which a ReLU net with two units a layer computes."""


def linear_pieces(w, b, v):
    at = [-b_i / w_i for w_i, b_i, v_i in zip(w, b, v) if w_i and v_i]
    return 1 + len({bend for bend in at if 0 < bend < 1})


def _bends(w, b, v):
    return np.array([-b_i / w_i for w_i, b_i, v_i in zip(w, b, v) if w_i and v_i])


def _inside(at):
    return at[(at > 0) & (at < 1)]


check_linear_pieces = Exercise(
    linear_pieces,
    "(h),(h),(h)->()",
    cases=lambda rng: [
        tuple(np.array(part, dtype=float) for part in case)
        for case in (
            # bends at 0.25, 0.5, −2 and 3; then with a unit that is not read, a bend twice, and a unit without a bend
            ([4, 2, 1, 1], [-1, -1, 2, -3], [1, -3, 2, 1]),
            ([4, -2, 5, 4, 8], [-1, 1, -4, -3, -1], [1, 2, -1, 0, 3]),
            ([2, 4, -8], [-1, -2, 2], [1, 1, -1]),
            ([4, 0, 2, -8, 1, 3], [-3, 1, -1, 1, 1, 1], [1, 2, 1, -1, 1, 1]),
            ([1, -1], [1, 3], [1, 1]),
            ([2, 8, 4, -8, 5, 4, -1], [1, -3, 1, 7, -2, 3, -2], [1, 1, 2, 2, 0, 1, 1]),
        )
    ],
    wrong={
        "h + 1 is the most there can be. Not every bend lies between 0 and 1.":
            lambda w, b, v: len(w) + 1,
        "Those are the bends. Two pieces meet at a bend, so there is one piece more.":
            lambda w, b, v: len(set(_inside(_bends(w, b, v)))),
        "You count bends outside of 0 < x < 1 as well.":
            lambda w, b, v: 1 + len(set(_bends(w, b, v))),
        "Two units that bend at the same x make one bend.":
            lambda w, b, v: 1 + len(_inside(_bends(w, b, v))),
        "A unit bends where wx + b = 0; you have the sign of that x wrong.":
            lambda w, b, v: 1 + len(set(_inside(-_bends(w, b, v)))),
        "You take the bias for the place of the bend; it is where wx + b = 0.":
            lambda w, b, v: 1 + len(set(_inside(np.array([-b_i for b_i, v_i in zip(b, v) if v_i])))),
        "A unit with v = 0 is not read: it bends nothing.":
            lambda w, b, v: 1 + len(set(_inside(_bends(w, b, np.ones_like(v))))),
        "You count the units that are read, wherever they bend.":
            lambda w, b, v: 1 + np.count_nonzero(v),
        "You miss the bends of units with a negative weight.":
            lambda w, b, v: 1 + len(set(_inside(_bends(_relu(w), b, v)))),
    },
)
"""Linear pieces, between 0 and 1, of a net with one hidden layer of ReLU units and one input."""


def width_for(budget, hidden, n_in, n_out):
    return _widest(budget, lambda width: _parameters(width, hidden, n_in, n_out))


def _parameters(width, hidden, n_in, n_out):
    return (n_in + 1) * width + (hidden - 1) * (width + 1) * width + (width + 1) * n_out


def _widest(budget, count):
    """The largest width whose parameters, counted like that, fit."""
    return max(width for width in range(1000) if count(width) <= budget)


def _not_rounded(budget, hidden, n_in, n_out):
    """The root of (hidden − 1) w² + (n_in + n_out + hidden) w + n_out = budget."""
    a, b, c = hidden - 1, n_in + n_out + hidden, n_out - budget
    return (math.sqrt(b * b - 4 * a * c) - b) / (2 * a) if a else -c / b


check_width_for = Exercise(
    width_for,
    "(),(),(),()->()",
    cases=lambda rng: [(5000, 3, 64, 10), (2650, 1, 8, 3), (20000, 9, 64, 10), (700, 2, 5, 2), (9000, 29, 20, 7),
                       (988, 4, 1, 2), (987, 4, 1, 2)],  # the budget of width 17 to the last parameter, and one fewer
    wrong={
        "You leave out the biases: they are parameters, too.":
            lambda budget, hidden, n_in, n_out: _widest(
                budget, lambda w: n_in * w + (hidden - 1) * w * w + w * n_out),
        "The smallest that does not fit is one too many: the largest that fits is wanted.":
            lambda budget, hidden, n_in, n_out: 1 + width_for(budget, hidden, n_in, n_out),
        "You count as many square matrices as hidden layers. They stand between hidden layers: one fewer.":
            lambda budget, hidden, n_in, n_out: _widest(
                budget, lambda w: _parameters(w, hidden + 1, n_in, n_out)),
        "You count all matrices as square; the first has n_in columns, and the last n_out rows.":
            lambda budget, hidden, n_in, n_out: _widest(budget, lambda w: (hidden + 1) * (w + 1) * w),
        "The last layer is missing: it has n_out rows, and n_out biases.":
            lambda budget, hidden, n_in, n_out: _widest(
                budget, lambda w: _parameters(w, hidden, n_in, 0)),
        "The biases of the last layer are missing: it has n_out of them.":
            lambda budget, hidden, n_in, n_out: _widest(
                budget, lambda w: _parameters(w, hidden, n_in, n_out) - n_out),
        "A net with exactly as many parameters as the budget is allowed: it has no more.":
            lambda budget, hidden, n_in, n_out: width_for(budget - 1, hidden, n_in, n_out),
        "The first layer is missing: it has n_in columns, and one bias for each unit.":
            lambda budget, hidden, n_in, n_out: _widest(
                budget, lambda w: _parameters(w, hidden, -1, n_out)),
        "You share the budget out evenly among the layers; the square ones need far more than the others.":
            lambda budget, hidden, n_in, n_out: int((budget / (hidden + 1)) ** 0.5),
        "Those are the parameters; the width is wanted.":
            lambda budget, hidden, n_in, n_out: _parameters(
                width_for(budget, hidden, n_in, n_out), hidden, n_in, n_out),
        "A width is a whole number: round down.":
            _not_rounded,
        "You round to the nearest width; where that is up, it no longer fits.":
            lambda *case: round(_not_rounded(*case)),
    },
)
"""The largest width at which a net has no more parameters than the budget."""


def block_jacobian(W, z, scale):
    return np.eye(len(z)) + scale * W * (z > 0)


check_block_jacobian = Exercise(
    block_jacobian,
    "(n,n),(n),()->(n,n)",
    cases=lambda rng: [
        (rng.normal(size=(n, n)).round(1), np.array(z), scale)
        for n, z, scale in ((2, [1.5, -0.4], 0.5), (3, [-0.7, 2.0, 0.3], -0.4), (4, [0.2, -1.0, 1.2, 3.0], 2.0))
    ],
    wrong={
        "That is the Jacobian of the branch. The skip adds its own, the identity.":
            lambda W, z, s: s * W * (z > 0),
        "The branch's part is not multiplied by scale.":
            lambda W, z, s: np.eye(len(z)) + W * (z > 0),
        "Only the branch is scaled; the skip passes z unchanged.":
            lambda W, z, s: s * (np.eye(len(z)) + W * (z > 0)),
        "The derivative of z by itself is the identity matrix, with ones on the diagonal only.":
            lambda W, z, s: 1 + s * W * (z > 0),
        "ReLU is missing: where z is negative, its slope is 0.":
            lambda W, z, s: np.eye(len(z)) + s * W,
        "You multiply by ReLU's value; in the derivative stands its slope, 0 or 1.":
            lambda W, z, s: np.eye(len(z)) + s * W * _relu(z),
        "You keep the units whose slope is 0 and drop the others.":
            lambda W, z, s: np.eye(len(z)) + s * W * (z <= 0),
        "The slope of unit j belongs to column j of W: z_j is what W's column j is multiplied with. You put it on the rows.":
            lambda W, z, s: np.eye(len(z)) + s * W * (z > 0)[:, np.newaxis],
        "That is the transpose: row i belongs to output i, column j to input j.":
            lambda W, z, s: block_jacobian(W, z, s).T,
        "The skip goes past ReLU: its derivative is the identity, also for units that are off.":
            lambda W, z, s: (np.eye(len(z)) + s * W) * (z > 0),
        "That is the block's output, not its Jacobian.":
            lambda W, z, s: z + s * W @ _relu(z),
    },
)
"""Jacobian of a residual block z + scale · W ReLU(z)."""


def through_the_stack(J, g):
    for J_l in J[::-1]:
        g = g + g @ J_l
    return g


def _one_by_one(J, g, step):
    for J_l in J:
        g = step(J_l, g)
    return g


check_through_the_stack = Exercise(
    through_the_stack,
    "(l,n,n),(n)->(n)",
    cases=lambda rng: [(rng.normal(size=(l, n, n)).round(1), rng.normal(size=n).round(1)) for l, n in ((3, 2), (2, 3), (4, 2))],
    wrong={
        "You start at the first block. A gradient comes in at the last.":
            lambda J, g: _one_by_one(J, g, lambda J_l, h: h + h @ J_l),
        "That is the way without skips: each block adds what it was given.":
            lambda J, g: _one_by_one(J[::-1], g, lambda J_l, h: h @ J_l),
        "You send it forward through the matrices, as J g. Back through a block it is gᵀJ, the transpose.":
            lambda J, g: _one_by_one(J[::-1], g, lambda J_l, h: h + J_l @ h),
        "You send it forward through the matrices, and start at the first block.":
            lambda J, g: _one_by_one(J, g, lambda J_l, h: h + J_l @ h),
        "You add up the paths through one branch each. A path may go through several: each block works on the sum so far.":
            lambda J, g: g + sum(g @ J_l for J_l in J),
        "You add the paths through all the branches and through none. A path may take some of them.":
            lambda J, g: g + _one_by_one(J[::-1], g, lambda J_l, h: h @ J_l),
        "The skip adds what the block was given, not the gradient at the very end.":
            lambda J, g: _one_by_one(J[::-1], g, lambda J_l, h: g + h @ J_l),
        "That is one block short: the last gradient to be computed is the one before the first block.":
            lambda J, g: through_the_stack(J[1:], g),
    },
)
"""A gradient sent back through residual blocks with the branch Jacobians J."""


def branch_scale(growth, depth):
    return np.sqrt(growth ** (1 / depth) - 1)


check_branch_scale = Exercise(
    branch_scale,
    "(),()->()",
    cases=lambda rng: [(4.0, 2), (9.0, 10), (2.0, 100), (100.0, 5), (1.5, 1)],
    wrong={
        "That is α². Take the root.":
            lambda growth, depth: growth ** (1 / depth) - 1,
        "That takes the blocks' growth to add up. It multiplies: (1 + α²) to the power depth.":
            lambda growth, depth: np.sqrt((growth - 1) / depth),
        "That is from e^(depth·α²) = growth, which holds only for many blocks; here depth may be small.":
            lambda growth, depth: np.sqrt(np.log(growth) / depth),
        "That is the growth for one block as a whole. The skip's own 1 has to be taken off.":
            lambda growth, depth: growth ** (1 / depth),
        "That is the root of the growth for one block as a whole. The skip's own 1 has to be taken off.":
            lambda growth, depth: np.sqrt(growth ** (1 / depth)),
        "1/√depth is one choice. It makes the mean square grow e-fold at most; here the growth is given.":
            lambda growth, depth: depth**-0.5,
        "You take `growth` for that of the root mean square; it is that of the mean square.":
            lambda growth, depth: np.sqrt(growth ** (2 / depth) - 1),
        "You subtract the skip's 1 after the root; it is 1 + α² that is raised to the power.":
            lambda growth, depth: np.sqrt(growth ** (1 / depth)) - 1,
        "You share the growth out by division; it is a power of depth.":
            lambda growth, depth: np.sqrt(np.abs(growth / depth - 1)),
        "That is for one block; every one of them multiplies.":
            lambda growth, depth: np.sqrt(growth - 1),
    },
)
"""The α at which (1 + α²) to the power depth is a given growth."""


def blocks_to_vanish():
    return next(n for n in range(1000) if 2 ** (-n / 2) < 1e-3)


check_blocks_to_vanish = Exercise(
    blocks_to_vanish,
    "->()",
    wrong={
        "That is the last number of blocks for which it is still above a thousandth.":
            lambda: 19,
        "That is with a factor of ½ for each block: the mean square is halved, the length of what the skips carry divided by √2.":
            lambda: 10,
        "That is the 9.97 of a factor ½, rounded down. The length is divided by √2.":
            lambda: 9,
        "A number of blocks is a whole number: round up.":
            lambda: 3 * math.log(10) / math.log(math.sqrt(2)),
        "That is the 9.97 of a factor ½; the length is divided by √2, not by 2.":
            lambda: 3 * math.log2(10),
        "That is for a factor of e. Here each block divides the length by √2.":
            lambda: 7,
        "That is for a millionth; a thousandth is asked for.":
            lambda: 40,
    },
)
"""Post-norm blocks, each dividing what the skips carry by √2, until less than a thousandth is left."""
