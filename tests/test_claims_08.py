"""Every number in the prose of notebook 08, computed again; test_claims_02 says how."""

import functools
import math

import claims
import notebooks
import numpy as np
import pytest

from livegrad.checks.depth import check_blocks_to_vanish
from livegrad.experiments.depth_runs import AT, DEPTHS, RULES, budget_runs, rules, stored_budget_run
from livegrad.experiments.depth_training import equal_width, fit, parameter_count, teeth_data
from livegrad.experiments.gradients import standardized_digits
from livegrad.experiments.residual_stack import ResidualStack
from livegrad.experiments.sawtooth import pieces, random_pieces, sawtooth, sawtooth_view, tent_net
from livegrad.figures.scene import plain
from livegrad.losses import half_mse, softmax_cross_entropy
from livegrad.mlp import MLP
from livegrad.norms import LayerNorm
from livegrad.optim import SGD, Adam
from livegrad.residual import ResidualNet

NOTEBOOK = notebooks.lesson("08")


@functools.cache
def stack(**settings):
    return _stack().view(**settings)


@functools.cache
def _stack():
    return ResidualStack()


def percent(x, digits=2):
    return f"{100 * x:.{digits}g} %"


def median_right(hidden, connection="plain", folds=3):
    return float(np.median(budget_runs(folds, connection)[DEPTHS.index(hidden), :, -1]))


# The saw ------------------------------------------------------------------------------------------


def the_saw():
    deep, wide, wider = (sawtooth_view(6, times) for times in (1, 4, 8))
    x = np.linspace(0, 1, 2**16 + 1)
    flat = math.sqrt(np.mean((sawtooth(x, 6) - 0.5) ** 2))
    assert pieces(tent_net(10), [0.0], [1.0]).count == 1024
    assert deep.shallow.error < flat and wider.shallow.error < 1e-9 and wider.units == 96
    # The first teeth of the best line are those of the saw, and then there are none.
    follows = np.abs(np.interp(x, deep.shallow.at, deep.shallow.values) - sawtooth(x, 6)) < 0.1
    assert 5.5 / 32 < follows.argmin() / len(x) < 6.5 / 32
    assert all(sawtooth_view(layers).shallow.error < 1e-9 for layers in (1, 2)) and sawtooth_view(3).shallow.error > 0.1
    return [
        f"It is off by {deep.shallow.error:.3f} (root mean square); a flat line at ½ is off by {flat:.3f}",
        f"With 4 times the units it is off by {wide.shallow.error:.3f}",
        f"it is {deep.parameters[0]} for the deep net against {3 * 64 + 1} for a wide one with 64 units",
        f"A further layer costs the deep net {sawtooth_view(7).parameters[0] - deep.parameters[0]} more",
        "draw no more than $h + 1$ pieces",
    ]


def error_after_training(net, steps=300, rate=0.003):
    points = np.linspace(0, 1, 129)[:, np.newaxis]
    saw, optimizer, trace, gradients = sawtooth(points, 4), Adam(rate), None, None
    for _ in range(steps):
        trace = net.forward(points, trace)
        gradients = net.backward(trace, half_mse.gradient(trace.a[-1], saw), gradients)
        optimizer.step(net.parameters(), gradients.parameters())
    return math.sqrt(np.mean((net.forward(points).a[-1] - saw) ** 2))


def wide_net(folds, noise=0.0, seed=0):
    """The saw with one hidden layer: one unit for each bend and one for the first slope."""
    corners = np.arange(1, 2**folds) / 2**folds
    jumps = np.where(np.arange(len(corners)) % 2 == 0, -1, 1) * 2 ** (folds + 1)
    net = MLP([np.ones((2**folds, 1)), np.array([[2.0**folds, *jumps]])], [np.array([0, *-corners]), np.zeros(1)])
    rng = np.random.default_rng(seed)
    for part in (*net.weights, *net.biases):
        part *= 1 + noise * rng.standard_normal(part.shape)
    return net


def rms_off(net, x):
    return math.sqrt(np.mean((net.forward(x[:, np.newaxis]).a[-1].ravel() - sawtooth(x, 6)) ** 2))


def not_learned():
    flat = sawtooth(np.linspace(0, 1, 129), 4).std()
    random = [error_after_training(MLP.create([1, 2, 2, 2, 2, 1], np.random.default_rng(seed))) for seed in range(5)]
    assert min(random) > 0.95 * flat
    dead = [any(np.all(z <= 0) for z in MLP.create([1, 2, 2, 2, 2, 1], np.random.default_rng(seed)).forward(
        np.linspace(0, 1, 129)[:, np.newaxis]).z[:-1]) for seed in range(200)]
    assert sum(dead[:5]) == 2 and abs(sum(dead) / 200 - 2 / 3) < 0.02
    noisy = sawtooth_view(6, noise=0.01)
    found = [sum(error_after_training(tent_net(4, noise, seed)) < 0.05 for seed in range(5)) for noise in (0.1, 0.05, 0.02, 0.01)]
    words = ["none", "one", "two", "three", "four", "five"]
    assert np.abs(wide_net(6).weights[1]).max() == 128
    x = np.linspace(0, 1, 4097)
    assert np.abs(wide_net(6).forward(x[:, np.newaxis]).a[-1].ravel() - sawtooth(x, 6)).max() < 1e-9
    off = [rms_off(wide_net(6, 0.01, seed), x) for seed in range(5)]
    assert [np.median(random_pieces(width, 6)[:, -1]) for width in (2, 20)] == [2, 70] and tent_net(6).depth == 7
    return [
        f"Change them and the biases by 1 %, and it is {min(off):.1f} to {max(off):.1f} off (five draws)",
        "press **1 % noise**",
        "(off by less than 0.05)",
        f"A flat line at the mean of the saw has {flat:.1f}",
        f"all five end near {np.mean(random):.1f}",
        "each of them changed by about 10 %",
        "and 10 % in each of four layers",
        f"Changed by 10 %, {words[found[0]]} of five finds the way back, by 5 % {words[found[1]]}, by 2 % {words[found[2]]}",
        "Only within 1 % do all " + words[found[3]],
        f"makes the deep net worse than a flat line, {noisy.deep_error:.3g} against",
    ]


# One budget ---------------------------------------------------------------------------------------


def one_budget():
    deepest = budget_runs(3, "plain")[DEPTHS.index(32), :, -1]
    easy = [median_right(hidden, folds=1) for hidden in DEPTHS]
    assert all(abs(median_right(hidden) - 0.5) < 0.02 for hidden in DEPTHS if hidden >= 18)
    assert all(abs(parameter_count([1, *[equal_width(h)] * h, 2]) - 1000) < 120 for h in DEPTHS)
    assert median_right(2) <= median_right(1)
    assert max(easy) <= easy[0] + 0.0015 and deepest.min() > 0.45
    assert [equal_width(h) for h in (1, 8, 32)] == [249, 11, 5]
    assert pieces(tent_net(3), [0.0], [1.0]).count == 8  # four teeth
    silent, dead = [], 0
    for seed in range(5):
        (x, _), _ = teeth_data(3, seed)
        net = MLP.create([1, *[5] * 32, 2], np.random.default_rng(np.random.SeedSequence(seed).spawn(3)[1]))
        trace = net.forward(x)
        silent.append(np.ptp(trace.a[-1], axis=0).max())
        dead += any(np.all(z <= 0) for z in trace.z[:-1])
    assert dead == 2
    ended = [run for hidden in (18, 24, 32) for run in (stored_budget_run(3, hidden, "plain", seed) for seed in range(5))
             if run.gradient[0] == 0]
    assert len(ended) == 13 and sum(run.first_gradient[0] == 0 for run in ended) == 4
    right = {hidden: percent(median_right(hidden)) for hidden in (1, 3, 8)}
    wrong = {(c, h): f"{100 * (1 - median_right(h, c)):.0f} %" for c in ("plain", "residual") for h in (8, 32)}
    return [
        f"with 1 hidden layer {right[1]} of the test points are right, with 2 no more, with 3 it is {right[3]}, "
        f"with 8 layers of 11 units {right[8]}",
        f"no seed of five gets beyond {math.ceil(100 * deepest.max())} %",
        f"varies by less than {math.ceil(1000 * max(silent)) / 1000} over the whole line",
        f"{percent(median_right(32, 'residual'))} in the median",
        f"the skips cost something: {percent(median_right(3, 'residual'))} against {right[3]}",
        f"or eight with skips ({percent(median_right(8, 'residual'))})",
        f"One hidden layer gets {percent(easy[0], 3)} right",
        # On the left the numbers of He et al. 2016a, table 2.
        f"| plain, wrong | 27.94 %, deeper 28.54 % | {wrong['plain', 8]}, deeper {wrong['plain', 32]} |",
        f"| residual, wrong | 27.88 %, deeper 25.03 % | {wrong['residual', 8]}, deeper {wrong['residual', 32]} |",
    ]


# Skips --------------------------------------------------------------------------------------------


def two_hundred_blocks():
    free, kaiming = stack(blocks=200, skip=False, weight_scale=0.8), stack(blocks=200, skip=False, weight_scale=1.0)
    one, one_kaiming = stack(blocks=200, weight_scale=0.8), stack(blocks=200, weight_scale=1.0)
    root = stack(blocks=200, branch="1/√L", weight_scale=0.8)
    assert one_kaiming.survival > 1e25 and np.count_nonzero(abs(one.eigenvalues - 1) < 1e-9) > 10
    assert 0.1 < one.stream[-1] / one.survival < 10
    assert all(0.5 < stack(blocks=L, branch="1/√L", weight_scale=0.8).survival < 2 for L in (10, 50, 100, 200))
    return [
        f"the eigenvalues lie within {plain(abs(free.eigenvalues).max())} of 0",
        f"It lies within {plain(abs(one.eigenvalues - 1).max())} of 1",
        f"the largest is {abs(one.eigenvalues).max():.2f}",
        f"$\\sqrt{{1 + 0.8^2}} = {math.sqrt(1 + 0.8**2):.2f}$ a block",
        "at 0.8 times Kaiming's weights",
        f"at the first is {plain(free.survival)} of what came in",
        f"Kaiming's own, 1, keep it at {plain(kaiming.survival)}",
        f"now explode, to {plain(one.survival)}. At 1 it is {plain(one_kaiming.survival)}",
        f"It lies within {plain(abs(root.eigenvalues - 1).max())} of 1, and the gradient at the first block is "
        f"{plain(root.survival)} times",
        f"Without a norm the gradient was {plain(one_kaiming.survival)} times",
        "it is about 0.9, after only thirty layers",
    ]


def first_to_last(L, seed, **kind):
    net, rng = ResidualNet.create([50] * (L + 3), np.random.default_rng(seed), **kind), np.random.default_rng(seed + 5)
    trace = net.forward(rng.standard_normal((32, 50)))
    dz = net.backward(trace, rng.standard_normal((32, 50))).dz
    return np.linalg.norm(dz[0]) / np.linalg.norm(dz[-2])


def the_scale():
    ratio = np.median([first_to_last(200, seed) for seed in range(5)])
    assert 29 <= math.log10(ratio) < 30 and math.floor(math.log10(2**100)) == 30
    small = [first_to_last(200, seed, branch_scale=200**-0.5) for seed in range(5)]
    assert 1.4 < np.median(small) < 1.9 and math.sqrt((1 + 1 / 200) ** 200) < math.sqrt(math.e)
    return [
        f"below $\\sqrt{{\\mathrm{{e}}}} = {math.sqrt(math.e):.2f}$",
        "learning rate 0.1, five seeds",
        "guessing gets 10 %",
    ]


@functools.cache
def digits():
    images, labels = standardized_digits()
    return images.astype(np.float32), labels, np.eye(10, dtype=np.float32)[labels]


def thirty_layers(seed, **kind):
    return ResidualNet.create([64, *[30] * 29, 10], np.random.default_rng(seed), **kind)


def right_after_training(net, seed, steps=40):
    images, labels, one_hot = digits()
    rng, optimizer, trace, gradients = np.random.default_rng(seed), SGD(0.1), None, None
    for _ in range(steps):
        batch = rng.integers(len(images), size=60)
        trace = net.forward(images[batch], trace)
        gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], one_hot[batch]), gradients)
        optimizer.step(net.parameters(), gradients.parameters())
    logits = net.forward(images).a[-1]
    return np.mean(logits.argmax(axis=1) == labels) if np.isfinite(logits).all() else math.nan


def alikeness(net):
    z = net.forward(digits()[0][:200]).z[-2]
    directions = z / np.linalg.norm(z, axis=1, keepdims=True)
    return np.mean(directions @ directions.T)


def the_norm():
    assert 0.87 < np.mean([alikeness(thirty_layers(seed, norm=LayerNorm.create, placement="post")) for seed in range(5)]) < 0.94
    post, pre = (stack(blocks=200, norm=norm, weight_scale=1.0) for norm in ("post", "pre"))
    small = [stack(blocks=200, norm=norm, branch="1/√L", weight_scale=1.0).survival for norm in ("post", "pre")]
    assert abs(post.eigenvalues.mean() - math.sqrt(0.5)) < 0.05
    within = abs(pre.eigenvalues - 1).max()
    others = [ResidualStack(seed).view(200, norm="post", weight_scale=1.0).survival for seed in range(1, 5)]
    formula = pre.prediction[0] / pre.gradient[-1]
    assert formula == pytest.approx(math.sqrt(202 / 2), rel=1e-3) and np.count_nonzero(abs(post.eigenvalues) < 1e-3) == 2
    return [
        f"grows to {plain(post.survival)} times what it was",
        f"four others have {plain(min(others))} to {plain(max(others))}",
        f"The eigenvalues have the mean {plain(post.mean)}, which is about",
        f"Pre-norm: {plain(pre.survival)}. The dotted line, the formula, has {formula:.1f}",
        f"The eigenvalues of the block in the middle are within {plain(within)} of 1",
        "after 200 updates it gets about half of the digits right",
        f"post-norm has {plain(small[0])} and pre-norm {plain(small[1])}",
    ]


# The list, and the rest ---------------------------------------------------------------------------


def the_list():
    def right(case, rule, updates=1000):
        return [f"{100 * share:.0f} %" for share in rules(case, updates).right(rule)]

    assert all(with_it >= 0.945 and without < 0.13 for rule in ("inputs", "weights", "batch norm") for updates in (300, 1000)
               for without, with_it in [rules("hard", updates).right(rule)])
    typical, limit = ({rule: right(case, rule) for rule in RULES} for case in ("typical", "limit"))
    early = right("typical", "weights", 300)
    assert typical["weights"][0] == typical["weights"][1] and AT[-1] == 1000
    return [
        f"pixels from 0 to 16: {typical['inputs'][1]} against {typical['inputs'][0]}",
        f"after 1000 updates both are at {typical['weights'][1]}",
        f"in eight hidden layers, are at {early[1]}, weights half as large at {early[0]}",
        f"in place of one: {typical['depth'][1]} against {typical['depth'][0]}",
        f"four sigmoid layers: {typical['batch norm'][1]} against {typical['batch norm'][0]}",
        "with it at 95 % or better. Eight layers in place of one: after 1000 updates {1} against {0}".format(*right("hard", "depth")),
        f"as well as standardized ones ({limit['inputs'][0]} and {limit['inputs'][1]})",
        f"as well as Kaiming's ({limit['weights'][0]} and {limit['weights'][1]})",
        f"32 plain layers get {limit['depth'][1]} right, where one gets {limit['depth'][0]}",
        f"batches of two examples: {limit['batch norm'][1]}, and {limit['batch norm'][0]} without",
        f"drop from {limit['batch norm'][0]} to {limit['batch norm'][1]}",
    ]


def check_yourself():
    assert 1.3**2 == pytest.approx(1.69)
    return ["lie within 0.3 of 0", "Within 0.3 of 1", "of modulus 1.3 at most, so at most 1.69"]


CLAIMS = [the_saw, not_learned, one_budget, two_hundred_blocks, the_scale, the_norm, the_list, check_yourself]

test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)


def fewest_wrong(points, runs):
    """Of points whose right answers alternate, how many at least are named wrong by answers that change runs − 1 times."""
    best = np.full((runs + 1, 2), math.inf)  # so many runs used, the last of them saying 0 or 1
    best[1] = 0, 0
    for i in range(points):
        if i:
            best[1:] = np.minimum(best[1:], best[:-1, ::-1])
        best += (i % 2 != 0, i % 2 != 1)
    return best.min()


@pytest.mark.parametrize("depth, pieces_of_the_wide", [(2, 5), (4, 9), (6, 13), (6, 40), (10, 21)])
def test_fewer_pieces_are_at_least_so_wrong(depth, pieces_of_the_wide):
    bound = math.ceil(max(0, 2**depth - pieces_of_the_wide) / 2)
    assert fewest_wrong(2**depth + 1, pieces_of_the_wide + 1) == bound


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_one_unit_for_each_bend_does_not_make_the_saw_but_one_more_does(depth):
    jumps = np.where(np.arange(2**depth - 1) % 2 == 0, -1, 1) * 2 ** (depth + 1)
    # Each unit owns a bend. It has a slope to the right of it, or one to the left, and the left ones make up the first slope.
    sums = {sum(-jump for jump, left in zip(jumps, bits, strict=True) if left)
            for bits in np.array(np.meshgrid(*[[0, 1]] * len(jumps))).T.reshape(-1, len(jumps))}
    assert 2**depth not in sums
    x = np.linspace(0, 1, 101)
    np.testing.assert_allclose(wide_net(depth).forward(x[:, np.newaxis]).a[-1].ravel(), sawtooth(x, depth), atol=1e-12)


def test_random_arrangements_of_200_units_make_no_more_pieces_than_units():
    for depth, width in ((1, 200), (4, 50), (10, 20)):
        for seed in range(5):
            net, rng = MLP.create([1, *[width] * depth, 1], np.random.default_rng(seed)), np.random.default_rng(seed + 5)
            for b in net.biases:
                b += rng.standard_normal(b.shape)
            assert pieces(net, [-3.0], [3.0]).count < 200


def test_thirty_layers_learn_if_the_branches_start_small_or_the_norm_is_in_them():
    small = {"branch_scale": 28**-0.5}, {"branch_scale": 0.0, "learn_scales": True}
    pre, post = {"norm": LayerNorm.create}, {"norm": LayerNorm.create, "placement": "post"}
    assert all(not right_after_training(thirty_layers(seed), seed) > 0.12 for seed in range(5))
    for seed in range(1):  # the notebook prints all five, and nbval compares them
        assert right_after_training(thirty_layers(seed, skip=False), seed) < 0.25
        assert all(right_after_training(thirty_layers(seed, **kind), seed) > 0.8 for kind in small)
        assert right_after_training(thirty_layers(seed, **pre), seed) > 0.75
        assert right_after_training(thirty_layers(seed, **post), seed) < 0.5
    assert all(alikeness(thirty_layers(seed, **pre)) < 0.7 < 0.85 < alikeness(thirty_layers(seed, **post)) for seed in range(5))
    assert all(alikeness(thirty_layers(seed, skip=False)) > 0.97 for seed in range(5))


def test_what_skips_alone_carry_through_post_norm():
    blocks = check_blocks_to_vanish.reference()
    assert 2 ** (-blocks / 2) < 1e-3 < 2 ** (-(blocks - 1) / 2)
    rng = np.random.default_rng(0)
    net = ResidualNet.create([200] * (blocks + 3), rng, norm=LayerNorm.create, placement="post")
    sums = net.forward(rng.standard_normal((32, 200))).z[1:-1]
    assert 5e-4 < 1 / np.prod([z.std(axis=1).mean() for z in sums]) < 2e-3


def test_pre_norm_s_formula_is_that_of_wide_nets():
    def ratio(width):
        rng = np.random.default_rng(0)
        net = ResidualNet.create([width] * 23, rng, norm=LayerNorm.create)
        dz = net.backward(net.forward(rng.standard_normal((8, width))), rng.standard_normal((8, width))).dz
        return np.linalg.norm(dz[0]) / np.linalg.norm(dz[-2])
    assert ratio(300) == pytest.approx(math.sqrt((20 + 2) / 2), rel=0.06)
    assert np.median([first_to_last(20, seed, norm=LayerNorm.create) for seed in range(5)]) > math.sqrt((20 + 2) / 2)


def test_one_update_and_the_residual_net_overflows():
    images, labels, one_hot = digits()
    for seed in range(5):
        net = thirty_layers(seed, dtype=np.float32)
        for finite in (True, False):
            trace = net.forward(images[:60])
            assert np.isfinite(trace.z[-1]).all() == finite
            gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], one_hot[:60]))
            with np.errstate(all="ignore"):
                SGD(0.1).step(net.parameters(), gradients.parameters())


@pytest.mark.slow
def test_post_norm_learns_slowly():
    post = {"norm": LayerNorm.create, "placement": "post"}
    right = [right_after_training(thirty_layers(seed, **post), seed, steps=200) for seed in range(5)]
    assert 0.4 < np.median(right) < 0.65  # each one depends on the last bit of every product


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.001, 0.01])
def test_other_rates_and_more_updates_find_the_saw_no_more_often(rate):
    random = [error_after_training(MLP.create([1, 2, 2, 2, 2, 1], np.random.default_rng(seed)), 1500, rate) for seed in range(5)]
    found = [sum(error_after_training(tent_net(4, noise, seed), 1500, rate) < 0.05 for seed in range(5))
             for noise in (0.1, 0.05, 0.02, 0.01)]
    assert min(random) > 0.28 and found == [0, 1, 3, 5]


@pytest.mark.slow
def test_deep_nets_with_branches_of_full_size_guess_and_plain_ones_lose_a_layer():
    full = []
    for seed in range(5):
        train, test = teeth_data(3, seed)
        weights, order = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)[1:])
        *_, end = fit(ResidualNet.create([1, *[5] * 32, 2], weights), Adam(0.005), train, test, order, 1000)
        full.append(end.accuracy[-1])
    assert np.median(full) == pytest.approx(0.5, abs=0.02)
    for hidden in (18, 24, 32):
        for seed in range(5):
            if stored_budget_run(3, hidden, "plain", seed).gradient[0]:
                continue
            train, test = teeth_data(3, seed)
            weights, order = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)[1:])
            net = MLP.create([1, *[equal_width(hidden)] * hidden, 2], weights)
            *_, _ = fit(net, Adam(0.005), train, test, order, 200)
            assert any(np.all(z <= 0) for z in net.forward(train[0]).z[:-1]), (hidden, seed)
