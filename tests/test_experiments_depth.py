"""The sawtooth, linear pieces, stacks of blocks, nets of equal budget and the rules of thumb, against what they must be."""

import numpy as np
import pytest

from livegrad.experiments import depth_runs
from livegrad.experiments.depth_runs import (
    AT, CELLS, DEPTHS, RULES, beside, budget_runs, rule_runs, rules, stored_budget_run)
from livegrad.experiments.depth_training import (
    BUDGET, CASES, CONNECTIONS, ITEMS, Arm, budget_run, equal_width, fit, parameter_count, rule_of_thumb, teeth_data)
from livegrad.experiments.residual_stack import ResidualStack
from livegrad.experiments.sawtooth import closest_polyline, pieces, random_pieces, sawtooth, sawtooth_view, tent_net
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP
from livegrad.norms import LayerNorm
from livegrad.optim import SGD
from livegrad.residual import ResidualNet

# --- the sawtooth ---


@pytest.mark.parametrize("folds", [1, 4, 7])
def test_the_net_by_hand_writes_the_sawtooth_and_has_every_piece_of_it(folds):
    net, x = tent_net(folds), np.random.default_rng(0).uniform(0, 1, 500)
    triangle = np.abs(np.mod(2 ** (folds - 1) * x + 0.5, 1) - 0.5) * 2  # the distance to the nearest tooth's foot
    np.testing.assert_allclose(sawtooth(x, folds), triangle, atol=1e-12)
    np.testing.assert_allclose(net.forward(x[:, None]).a[-1][:, 0], triangle, atol=1e-12)
    along = pieces(net, [0.0], [1.0])
    np.testing.assert_array_equal(along.at, np.arange(2**folds + 1) / 2**folds)
    np.testing.assert_array_equal(along.values[:, 0], np.arange(2**folds + 1) % 2)
    assert sum(p.size for p in net.parameters()) == 6 * folds + 1 and len(net.weights) == folds + 1


def test_noise_scales_one_draw_and_leaves_the_first_layers_of_a_longer_net():
    half, full, long = tent_net(3, 0.1, seed=4), tent_net(3, 0.2, seed=4), tent_net(5, 0.2, seed=4)
    clean = tent_net(3)
    for c, h, f in zip(clean.parameters(), half.parameters(), full.parameters(), strict=True):
        np.testing.assert_allclose(f - c, 2 * (h - c), atol=1e-12)
    for l in range(3):
        np.testing.assert_array_equal(full.weights[l], long.weights[l])


def test_pieces_are_those_of_a_fine_grid():
    rng = np.random.default_rng(5)
    net = MLP.create([7, 12, 12, 12, 2], rng)
    for b in net.biases:
        b[:] = 0.3 * rng.standard_normal(b.shape)
    start, end = rng.standard_normal((2, 7))
    along = pieces(net, start, end)
    t = np.linspace(0, 1, 50_001)
    trace = net.forward(start + t[:, None] * (end - start))
    on = np.concatenate([z > 0 for z in trace.z[:-1]], axis=1)
    assert along.count == 1 + np.count_nonzero(np.any(on[1:] != on[:-1], axis=1)) > 5
    for out in (0, 1):
        np.testing.assert_allclose(np.interp(t, along.at, along.values[:, out]), trace.a[-1][:, out], atol=1e-9)
    with pytest.raises(ValueError, match="net: expected ReLU"):
        pieces(MLP.create([1, 3, 1], rng, activation="tanh"), [0.0], [1.0])
    with pytest.raises(ValueError, match="net: expected ReLU"):
        pieces(MLP.create([1, 3, 1], rng, norm=LayerNorm.create), [0.0], [1.0])


def best_on_a_grid(corners, most, worst=False, per=2, levels=33):
    """Least distance of a line with 0 … most kinks on a grid of places and heights, by dynamic programming.

    The root mean square of the distance, or the greatest one.
    """
    x, heights = np.arange(corners * per + 1) / per, np.linspace(-0.3, 1.3, levels)
    f, u, v = 1 - np.abs(np.mod(x, 2) - 1), heights[:, None, None], heights[None, :, None]
    join = np.maximum if worst else np.add

    def cost(p, q):
        off = u + (v - u) * (x[p:q + 1] - x[p]) / (x[q] - x[p]) - f[p:q + 1]
        if worst:
            return np.abs(off).max(axis=-1)
        return (off[..., :-1] ** 2 + off[..., :-1] * off[..., 1:] + off[..., 1:] ** 2).sum(axis=-1) / 3 / per

    edge = {(p, q): cost(p, q) for q in range(1, len(x)) for p in range(q)}
    nowhere = np.full(levels, np.inf)
    reach, found = [np.zeros(levels), *[nowhere] * (len(x) - 1)], []
    for _ in range(most + 1):
        reach = [nowhere, *(np.min([join(reach[p][:, None], edge[p, q]).min(axis=0) for p in range(q)], axis=0)
                            for q in range(1, len(x)))]
        found.append(reach[-1].min())
    return found if worst else list(np.sqrt(np.array(found) / corners))


def test_no_line_on_a_grid_is_much_closer_than_ours():
    for kinks, best in enumerate(best_on_a_grid(8, 6)):
        ours = closest_polyline(3, kinks)
        assert len(ours.at) == kinks + 2 and ours.error < 1.05 * best, kinks
        t = np.linspace(0, 1, 100_001)
        off = np.interp(t, ours.at, ours.values) - sawtooth(t, 3)
        assert ours.error == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-3)
        assert ours.worst == pytest.approx(np.abs(off).max(), rel=1e-2)
    assert closest_polyline(3, 0).error == pytest.approx(12**-0.5)  # the best constant: the standard deviation of the sawtooth
    assert closest_polyline(3, 7).error < 1e-12 and closest_polyline(3, 99) == closest_polyline(3, 99)


def test_where_one_hidden_layer_is_hopeless_and_where_not():
    for layers in range(1, 8):
        view = sawtooth_view(layers)
        assert view.hopeless == (layers >= 5) and view.deep_error < 1e-12 and view.parameters[0] == view.parameters[1]
        assert not view.hopeless or view.shallow.worst >= 0.5
    assert min(best_on_a_grid(8, 3, worst=True)) > 0.5 - 1e-12  # 8 corners, fewer than 4 kinks


def test_noise_takes_the_deep_net_s_sawtooth_away():
    assert min(sawtooth_view(6, noise=0.01, seed=seed).deep_error for seed in range(10)) > 12**-0.5  # a constant is better
    assert np.median([sawtooth_view(7, noise=0.1, seed=seed).built[-1] for seed in range(5)]) < 64


def test_random_nets_have_pieces_in_proportion_to_their_units():
    counts = np.median(random_pieces(64, 7), axis=0)
    assert np.all(random_pieces(64, 7)[:, :3] == random_pieces(64, 3))
    per_unit = counts / (64 * np.arange(1, 8))
    assert per_unit.max() / per_unit.min() < 1.5 and per_unit.max() < 1


# --- the stack of residual blocks ---


@pytest.fixture(scope="module")
def stack():
    return ResidualStack(most=200)


def test_predicted_gradients_are_those_of_many_draws():
    """Mean squares over draws, where the prediction is one about means."""
    for norm, scale in (("none", 0.7), ("pre", 1.0)):
        views = [ResidualStack(seed, width=100, batch=8, most=12).view(12, True, "1", norm, scale) for seed in range(30)]
        measured = np.mean([(v.gradient / v.gradient[-1]) ** 2 for v in views], axis=0)
        predicted = (views[0].prediction / views[0].gradient[-1]) ** 2
        np.testing.assert_allclose(measured, predicted, rtol=0.3)


def test_with_scaled_branches_the_gradient_stays_and_without_skips_it_is_gone(stack):
    for scale in (0.5, 1.0):
        kept = [stack.view(200, True, branch, norm, scale).survival
                for branch, norm in (("1/√L", "none"), ("0", "none"), ("1", "pre"))]
        assert all(0.5 < survival < 30 for survival in kept), (scale, kept)
    assert stack.view(200, True, "0").survival == 1
    assert stack.view(200, False, "1", "none", 0.8).survival < 1e-15
    assert stack.view(200, True, "1", "none", 0.8).survival > 1e15
    assert stack.view(100, True, "1/√L", "none", 1.0).prediction[0] == pytest.approx(
        stack.view(100, True, "1/√L", "none", 1.0).gradient[-1] * 1.01**50, rel=1e-6)


def test_eigenvalues_are_those_of_one_block_around_1(stack):
    view = stack.view(9, True, "1", "none", 1.0)
    assert view.block == 5 and view.radius == 1 and len(view.eigenvalues) == 50
    assert np.all(np.diff(np.abs(view.eigenvalues)) < 1e-9)
    away = np.abs(view.eigenvalues - 1)
    assert 15 <= np.count_nonzero(away < 1e-6) <= 35  # units that are off hand their input on
    assert 0.5 < np.sort(away)[-3] < 1.5
    np.testing.assert_allclose(np.abs(stack.view(9, False).eigenvalues).max(), away.max(), rtol=0.5)
    small = stack.view(200, True, "1/√L")
    assert np.abs(small.eigenvalues - 1).max() < 2 * small.radius < 0.2


def test_a_stack_is_the_residual_net_with_its_weights(stack):
    view = stack.view(6, True, "1/√L", "post", 0.9)
    plain = stack._deep.net(8, 0.9 * np.sqrt(2), "relu")
    net = ResidualNet(plain.weights, plain.biases, norms=[LayerNorm.create(50, dtype=np.float32) for _ in range(7)],
                      scales=np.full(6, 6**-0.5), placement="post")
    images, labels = stack._deep.batch
    trace = net.forward(images)
    gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels))
    np.testing.assert_allclose(view.gradient, [np.linalg.norm(dz) for dz in gradients.dz[:-1]], rtol=1e-4)
    np.testing.assert_allclose(view.stream, [np.sqrt(np.mean(z**2)) for z in trace.z[:-1]], rtol=1e-4)
    assert np.isnan(view.prediction).all() and stack.view(1).gradient.shape == (2,)
    assert stack.view(200, True, "1", "none", 2.0).overflow is not None
    with pytest.raises(ValueError, match="branch: expected one of"):
        stack.view(5, branch="2")


# --- equal budget ---


def test_budgets_are_equal_and_the_task_is_the_sawtooth():
    for hidden in DEPTHS:
        sizes = [1, *[equal_width(hidden)] * hidden, 2]
        net = MLP.create(sizes, np.random.default_rng(0))
        assert parameter_count(sizes) == sum(p.size for p in net.parameters())
        assert abs(parameter_count(sizes) / BUDGET - 1) < 0.05
    (x, labels), (far, _) = teeth_data(3, seed=1)
    u = x[:, 0] / np.sqrt(12) + 0.5
    assert 0 <= u.min() and u.max() <= 1 and x.shape == (600, 1) and far.shape == (1000, 1)
    np.testing.assert_array_equal(labels, np.mod(8 * u + 0.5, 2) >= 1)  # eight pieces: class 1 around each odd corner
    assert np.count_nonzero(np.diff(labels[np.argsort(u)])) == 8


def test_fit_is_gradient_descent_on_minibatches():
    train, test = teeth_data(1, seed=2)
    net, twin = (MLP.create([1, 6, 2], np.random.default_rng(1)) for _ in range(2))
    reports = list(fit(net, SGD(0.5), train, test, np.random.default_rng(3), steps=7, batch=600, every=5))
    for _ in range(7):
        trace = twin.forward(train[0])
        gradients = twin.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], train[1])).parameters()
        for p, g in zip(twin.parameters(), gradients, strict=True):
            p -= 0.5 * g
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-12)
    assert [r.taken for r in reports] == [0, 5, 7]
    assert reports[-1].accuracy[-1] == np.mean(twin.forward(test[0]).a[-1].argmax(axis=1) == test[1])


def test_an_overflow_ends_a_run():
    *_, last = rule_of_thumb(Arm("far too large", weight_scale=1e3, hidden=8), steps=100)
    assert last.overflowed and last.taken < 100


# --- the stored runs ---


def test_the_file_is_what_the_cells_give_at_their_start():
    """Rounding grows from step to step, so that two machines part ways later; the start is the same everywhere."""
    for folds, hidden, connection, seed in ((3, 32, "plain", 0), (1, 1, "plain", 3), (2, 6, "residual", 4)):
        stored, first = stored_budget_run(folds, hidden, connection, seed), next(budget_run(folds, hidden, connection, seed))
        np.testing.assert_allclose(stored.first_gradient, first.first_gradient, rtol=1e-4)
        assert stored.accuracy[0] == pytest.approx(first.accuracy[0], abs=0.003) and stored.width == first.width
        assert stored.gradient.shape == (hidden + 1,) and stored.progress == 1 and len(stored.accuracy) == len(AT)
    for item, case, side, seed in (("weights", "hard", 1, 2), ("batch norm", "limit", 1, 0), ("inputs", "typical", 0, 1)):
        *_, end = rule_of_thumb(ITEMS[item][case][side], seed, steps=50)
        assert end.accuracy[1] == pytest.approx(rule_runs(item, case)[side, seed, 1], abs=0.02)
    assert len(CELLS) == 3 * len(DEPTHS) * 2 * 5 + 3 * 3 * 2 * 5
    with pytest.raises(ValueError, match="hidden: expected one of 1, 2, 3, 4, 6"):
        stored_budget_run(3, 5, "plain", 0)
    with pytest.raises(ValueError, match="seed: expected one of 0, 1, 2, 3, 4"):
        stored_budget_run(3, 4, "plain", 5)


def test_what_the_runs_of_equal_budget_say():
    end = {connection: np.sort(budget_runs(3, connection)[:, :, -1], axis=1) for connection in CONNECTIONS}
    plain, residual = (dict(zip(DEPTHS, end[connection], strict=True)) for connection in CONNECTIONS)
    assert plain[1][-1] < plain[4][0]  # the worst of four layers beats the best of one
    assert plain[32][-1] < 0.6 < residual[32][0]  # too deep: every plain net guesses, no residual one does
    assert np.median(residual[32]) > 0.85
    easy = np.median(budget_runs(1, "plain")[:, :, -1], axis=1)
    assert easy[0] > 0.97 and easy[-1] < 0.75  # where nothing is composed, one layer is enough and depth hurts only
    with pytest.raises(ValueError, match="folds: expected one of 1, 2, 3"):
        budget_runs(4, "plain")


def test_what_the_rules_say():
    for case in ("typical", "hard"):
        view = rules(case)
        assert set(view.sides) == set(view.words) == set(RULES)
        for rule in RULES:
            without, with_it = view.sides[rule]
            assert with_it.low[2] > without.median[2] or rule == "depth"
            assert with_it.low[-1] > without.median[-1] or rule == "weights"
    limit = rules("limit")
    assert all(abs(np.subtract(*limit.right(rule))) < 0.02 for rule in ("inputs", "weights"))
    assert all(np.subtract(*limit.right(rule)) > 0.05 for rule in ("depth", "batch norm"))
    assert rules("typical", 100).right("inputs")[1] == np.median(rule_runs("inputs", "typical")[1, :, 2])
    with pytest.raises(ValueError, match="case: expected one of"):
        rules("never")


def test_a_run_stands_beside_the_stored_ones():
    both = beside(stored_budget_run(2, 3, "residual", 1))
    assert both.median == np.median(budget_runs(2, "residual")[DEPTHS.index(3), :, -1])
    assert both.stored["residual"].median[2] == np.median(budget_runs(2, "residual")[2, :, -1]) and both.progress == 1
    assert both.true[0] == 0 and both.true[32] == 1 and set(CASES) == {"typical", "hard", "limit"}


@pytest.mark.slow
@pytest.mark.parametrize("cell", [c for c in CELLS if c["seed"] == 0 and (c.get("hidden") in (4, 32) and c["folds"] == 3
                                  or c.get("case") == "hard")], ids=lambda c: " ".join(map(str, c.values())))
def test_one_run_of_each_kind_again(cell):
    cell = dict(cell)
    again = depth_runs.run_cell(**cell)["accuracy"]
    kind, *where = list(cell.values())[:-2]
    stored = (stored_budget_run(*where, 0).accuracy if kind == "budget" else rule_runs(*where[:2])[where[2], 0])
    np.testing.assert_allclose(again[-1], stored[-1], atol=0.15)
    np.testing.assert_allclose(again[:2], stored[:2], atol=0.05)
