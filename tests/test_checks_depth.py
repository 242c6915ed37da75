"""The exercises of notebook 08: right answers in several styles pass, plausible wrong ones get their hint."""

from __future__ import annotations

import math

import answers
import numpy as np
import pytest

from livegrad.checks import depth as exercises
from livegrad.checks.depth import (
    check_block_jacobian,
    check_blocks_to_vanish,
    check_branch_scale,
    check_linear_pieces,
    check_repeated_tent,
    check_through_the_stack,
    check_width_for,
)
from livegrad.mlp import MLP
from livegrad.residual import ResidualNet

CHECKS = [getattr(exercises, name) for name in exercises.__all__]
NUMBERS = [check_blocks_to_vanish]

# The students -------------------------------------------------------------------------------------


def relu(z):
    return np.maximum(z, 0)


def tent(x):
    return 2 * relu(x) - 4 * relu(x - 0.5)


def sawtooth_loop(x, depth):
    for _ in range(depth):
        x = tent(x)
    return x


def sawtooth_folded(x, depth):
    """The distance to the nearest even number of 2^depth x."""
    far = (2**depth * np.asarray(x)) % 2
    return np.minimum(far, 2 - far)


def sawtooth_recursive(x, depth):
    return x if depth == 0 else sawtooth_recursive(1 - np.abs(2 * x - 1), depth - 1)


def pieces_by_slopes(w, b, v):
    """Walk along x, and count the changes of slope."""
    x = np.linspace(0, 1, 100_001) + 3.7e-6
    slope = (relu(np.outer(x[:-1], w) + b) > 0) @ (w * v)
    return 1 + np.count_nonzero(np.diff(slope))


def pieces_by_sorting(w, b, v):
    with np.errstate(divide="ignore"):
        at = np.unique((-b / w)[v != 0])
    return np.count_nonzero((at > 0) & (at < 1)) + 1


def width_by_formula(budget, hidden, n_in, n_out):
    a, b, c = hidden - 1, n_in + n_out + hidden, n_out - budget
    return math.floor(-c / b if a == 0 else (-b + math.sqrt(b**2 - 4 * a * c)) / (2 * a))


def width_by_building(budget, hidden, n_in, n_out):
    width = 1
    while True:
        sizes = [n_in, *[width] * hidden, n_out]
        if sum((n + 1) * m for n, m in zip(sizes, sizes[1:])) > budget:
            return width - 1
        width += 1


def jacobian_by_differences(W, z, scale):
    def block(z):
        return z + scale * W @ relu(z)

    columns = [(block(z + 1e-6 * e) - block(z - 1e-6 * e)) / 2e-6 for e in np.eye(len(z))]
    return np.stack(columns, axis=1)


def jacobian_by_diag(W, z, scale):
    return np.eye(len(z)) + scale * W @ np.diag((z > 0).astype(float))


def jacobian_of_the_library(W, z, scale):
    n = len(z)
    net = ResidualNet([np.eye(n), W, np.eye(n)], [np.zeros(n)] * 3, scales=[scale])
    return net.jacobian(net.forward([z]), 1)


def stack_by_product(J, g):
    product = np.eye(len(g))
    for J_l in J:
        product = (np.eye(len(g)) + J_l) @ product
    return product.T @ g


def stack_by_paths(J, g):
    """The sum over all 2^l choices of the branches to go through."""
    total = np.zeros(len(g))
    for choice in range(2 ** len(J)):
        path = g
        for l in reversed(range(len(J))):
            path = path @ J[l] if choice >> l & 1 else path
        total += path
    return total


def scale_by_bisection(growth, depth):
    low, high = 0.0, 2.0
    for _ in range(100):
        alpha = (low + high) / 2
        low, high = (low, alpha) if (1 + alpha**2) ** depth > growth else (alpha, high)
    return alpha


def blocks_loop():
    norm, n = 1.0, 0
    while norm >= 1e-3:
        norm, n = norm / math.sqrt(2), n + 1
    return n


RIGHT = [
    (check_repeated_tent, sawtooth_loop),
    (check_repeated_tent, sawtooth_folded),
    (check_repeated_tent, sawtooth_recursive),
    (check_linear_pieces, pieces_by_slopes),
    (check_linear_pieces, pieces_by_sorting),
    (check_width_for, width_by_formula),
    (check_width_for, width_by_building),
    (check_block_jacobian, jacobian_by_differences),
    (check_block_jacobian, jacobian_by_diag),
    (check_block_jacobian, jacobian_of_the_library),
    (check_through_the_stack, stack_by_product),
    (check_through_the_stack, stack_by_paths),
    (check_branch_scale, scale_by_bisection),
    (check_branch_scale, lambda growth, depth: math.sqrt(math.expm1(math.log(growth) / depth))),
    (check_blocks_to_vanish, blocks_loop()),
    (check_blocks_to_vanish, math.ceil(math.log(1e-3) / math.log(2**-0.5))),
]


WRONG = [
    (check_repeated_tent, lambda x, depth: sawtooth_loop(x, depth + 1), "one layer too many"),
    (check_repeated_tent, lambda x, depth: sawtooth_loop(x, depth - 1), "one layer too few"),
    (check_repeated_tent, lambda x, depth: tent(x), "whatever the depth"),
    (check_repeated_tent, lambda x, depth: sum(tent(x) for _ in range(depth)), "You multiply the tent by the depth"),
    (check_repeated_tent, lambda x, depth: np.mod(2**depth * x, 1), "it jumps"),
    (check_repeated_tent, lambda x, depth: sawtooth_folded(x, depth)[0], "a single number, expected (N)"),
    (check_linear_pieces, lambda w, b, v: len(w) + 1, "the most there can be"),
    (check_linear_pieces, lambda w, b, v: pieces_by_sorting(w, b, v) - 1, "there is one piece more"),
    (check_linear_pieces, lambda w, b, v: pieces_by_sorting(w, b, 1 + 0 * v), "is not read"),
    (check_linear_pieces, lambda w, b, v: pieces_by_sorting(w, -b, v), "the sign of that x wrong"),
    (check_linear_pieces, lambda w, b, v: 1 + sum(0 < -q / p < 1 for p, q, r in zip(w, b, v) if p and r),
     "Two units that bend at the same x"),
    (check_width_for, lambda *case: width_by_building(*case) + 1, "does not fit"),
    (check_width_for, lambda budget, hidden, n_in, n_out: width_by_building(budget, hidden + 1, n_in, n_out),
     "They stand between hidden layers"),
    (check_width_for, lambda budget, hidden, n_in, n_out: math.isqrt(budget // (hidden + 1)), "the square ones need far more"),
    (check_width_for, lambda budget, hidden, n_in, n_out: width_by_formula(budget, hidden, n_in, 0), "The last layer is missing"),
    (check_width_for, lambda budget, hidden, n_in, n_out: width_by_formula(budget + n_out, hidden, n_in, n_out), "The biases of the"),
    (check_width_for, lambda budget, hidden, n_in, n_out: width_by_formula(budget - 1, hidden, n_in, n_out), "is allowed"),
    (check_block_jacobian, lambda W, z, scale: scale * W @ np.diag(z > 0), "The skip adds its own"),
    (check_block_jacobian, lambda W, z, scale: np.eye(len(z)) + W @ np.diag(z > 0), "not multiplied by scale"),
    (check_block_jacobian, lambda W, z, scale: np.eye(len(z)) + scale * W, "ReLU is missing"),
    (check_block_jacobian, lambda W, z, scale: np.eye(len(z)) + scale * np.diag(z > 0) @ W, "You put it on the rows"),
    (check_block_jacobian, lambda W, z, scale: jacobian_by_diag(W, z, scale).T, "That is the transpose"),
    (check_block_jacobian, lambda W, z, scale: z + scale * W @ relu(z), "the block's output"),
    (check_through_the_stack, lambda J, g: stack_by_product(J[::-1], g), "You start at the first block"),
    (check_through_the_stack, lambda J, g: g @ np.linalg.multi_dot([*J[::-1], np.eye(len(g))]), "without skips"),
    (check_through_the_stack, lambda J, g: g + g @ J.sum(axis=0), "one branch each"),
    (check_through_the_stack, lambda J, g: stack_by_product(np.swapaxes(J, 1, 2), g), "as J g"),
    (check_branch_scale, lambda growth, depth: growth ** (1 / depth) - 1, "That is α²"),
    (check_branch_scale, lambda growth, depth: math.sqrt((growth - 1) / depth), "growth to add up"),
    (check_branch_scale, lambda growth, depth: 1 / math.sqrt(depth), "is one choice"),
    (check_branch_scale, lambda growth, depth: math.sqrt(math.log(growth) / depth), "only for many blocks"),
    (check_blocks_to_vanish, 10, "the mean square is halved"),
    (check_blocks_to_vanish, 19, "the last number of blocks"),
    (check_blocks_to_vanish, math.log(1000) / math.log(math.sqrt(2)), "round up"),
    (check_blocks_to_vanish, 21, "21 is not the number"),
]  # fmt: skip


test_right_answers_pass, test_wrong_answers_get_their_hint, test_every_exercise_has_its_share_of_tests = answers.tests_of(
    CHECKS, RIGHT, WRONG)


@pytest.mark.parametrize("case", check_width_for.cases(None), ids=repr)
def test_the_width_is_that_of_a_real_net(case):
    budget, hidden, n_in, n_out = case
    width = check_width_for.reference(*case)
    for wider, fits in ((0, True), (1, False)):
        net = MLP.create([n_in, *[width + wider] * hidden, n_out], np.random.default_rng(0))
        assert (sum(p.size for p in net.parameters()) <= budget) == fits
