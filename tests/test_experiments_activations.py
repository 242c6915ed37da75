"""The measurements behind notebook 01."""

import math

import numpy as np
import pytest

from livegrad import activations
from livegrad.activations import ACTIVATIONS
from livegrad.experiments import dead as dying
from livegrad.experiments.activations import activation_table, curve, facts, tangent
from livegrad.experiments.dead import count_dead, dead_units
from livegrad.experiments.planes import TwoLayers, collapse
from livegrad.experiments.uniform import SATURATED, UniformLayer
from livegrad.experiments.zigzag import CLOSE, zigzag
from livegrad.mlp import MLP

every_activation = pytest.mark.parametrize("name", ACTIVATIONS)

# --- the table ---


def normal(z):
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


@every_activation
def test_what_is_measured_is_what_the_function_says_of_itself(name):
    row, phi = facts(name), activations.get(name)
    assert row.range == pytest.approx(phi.range, abs=1e-7)
    assert (row.saturates, row.can_die) == (phi.saturates, phi.can_die)
    assert row.convention == phi.gain


@every_activation
def test_means_over_a_normal_z_agree_with_the_trapezoidal_rule(name):
    z = np.linspace(-12, 12, 240_001)
    value = activations.get(name)(z)
    assert facts(name).mean == pytest.approx(np.trapezoid(value * normal(z), z), abs=1e-7)
    assert facts(name).gain == pytest.approx(np.trapezoid(value**2 * normal(z), z) ** -0.5, rel=1e-6)


def test_closed_forms():
    steepest_gelu = (1 + math.erf(1)) / 2 + math.sqrt(2) * normal(math.sqrt(2))  # φ'' = 0 at z = √2
    slopes = {"linear": 1, "sigmoid": 0.25, "tanh": 1, "relu": 1, "leaky_relu": 1, "elu": 1, "softplus": 1,
              "selu": 1.0507009873554805 * 1.6732632423543772, "gelu": steepest_gelu, "silu": 1.0998393}
    at_zero = {"sigmoid": 0.5, "softplus": math.log(2)}
    slope_at_zero = slopes | {"relu": 0, "leaky_relu": 0.01, "softplus": 0.5, "gelu": 0.5, "silu": 0.5}
    means = {"linear": 0, "sigmoid": 0.5, "tanh": 0, "relu": (2 * math.pi) ** -0.5, "gelu": 0.5 / math.sqrt(math.pi)}
    for name in ACTIVATIONS:
        row = facts(name)
        assert row.max_slope == pytest.approx(slopes[name], rel=1e-6), name
        assert row.at_zero == pytest.approx(at_zero.get(name, 0)), name
        assert row.slope_at_zero == pytest.approx(slope_at_zero[name]), name
    for name, mean in means.items():
        assert facts(name).mean == pytest.approx(mean, abs=1e-12), name
    assert facts("gelu").range[0] == pytest.approx(-0.1699712, abs=1e-6)
    assert facts("silu").range[0] == pytest.approx(-0.2784645, abs=1e-6)
    assert facts("gelu").least_slope == pytest.approx(1 - steepest_gelu, rel=1e-5)  # the slope is symmetric about (0, 1/2)
    assert {row.name for row in activation_table().rows if row.kink} == {"relu", "leaky_relu", "selu"}


def test_the_copied_column_is_what_pytorch_says():
    gain = pytest.importorskip("torch").nn.init.calculate_gain
    column = str(activation_table()).split("\n")[0].index("PyTorch's")
    for line, row in zip(str(activation_table()).split("\n")[1:], activation_table().rows, strict=True):
        said = line[column:].split()[0]
        try:
            theirs = gain(row.name)
        except ValueError:
            assert said == "none", row.name
        else:
            assert (row.gain if said == "same" else float(said)) == pytest.approx(theirs, rel=1e-3), row.name


def test_functions_with_parameters_are_measured_and_not_looked_up():
    assert facts(activations.get("elu", alpha=2.5)).range[0] == pytest.approx(-2.5)
    assert facts(activations.get("elu", alpha=2.5)).kink and not facts("elu").kink
    flat = facts(activations.get("leaky_relu", slope=0))
    assert flat.can_die and flat.saturates == "left" and flat.range[0] == 0


def test_the_table_prints_aligned_and_narrow():
    table = activation_table()
    head, *lines = str(table).split("\n")
    assert [line.split()[0] for line in lines] == list(ACTIVATIONS)
    assert max(map(len, [head, *lines])) <= 120
    column = head.index("saturates")
    for line, row in zip(lines, table.rows, strict=True):
        assert line[column:].split()[0] == row.saturates and line[column - 1] == " "
    gain, pytorchs = head.index("gain"), head.index("PyTorch's")
    copied = {line.split()[0]: line[pytorchs:column].strip() for line in lines}
    assert {name: text for name, text in copied.items() if text not in ("same", "none")} == {
        "sigmoid": "1", "tanh": "1.667", "selu": "0.75"}
    assert float(lines[2][gain:pytorchs]) == pytest.approx(1.5925, abs=1e-3)
    assert table["gelu"] is table.rows[8]
    with pytest.raises(ValueError, match="name: expected one of linear, "):
        table["step"]


# --- one unit ---


@every_activation
def test_a_curve_is_value_and_slope_and_breaks_at_a_kink_only(name):
    drawn = curve(name)
    assert (drawn.z[0], drawn.z[-1]) == (-8, 8)
    smooth = ~np.isnan(drawn.slope)
    assert set(drawn.z[~smooth]) <= {0.0} and (not smooth.all()) == facts(name).kink
    h = 1e-6
    phi = activations.get(name)
    measured = (phi(drawn.z + h) - phi(drawn.z - h)) / (2 * h)
    np.testing.assert_allclose(drawn.slope[smooth], measured[smooth], atol=1e-6)


def test_a_unit_passes_back_the_message_times_the_slope():
    unit = tangent("tanh", z=0.7, e=-1.5, others=("relu", "gelu"))
    assert unit.passed_back == pytest.approx(-1.5 * (1 - math.tanh(0.7) ** 2))
    assert [c.name for c in unit.curves] == ["tanh", "relu", "gelu"] and not unit.kink


@pytest.mark.parametrize(("name", "sides", "taken"), [("relu", (0, 1), 0), ("leaky_relu", (0.01, 1), 0.01),
                                                      ("selu", (1.75810, 1.05070), 1.75810)])
def test_a_kink_is_met_at_zero_also_if_the_slider_says_almost_zero(name, sides, taken):
    unit = tangent(name, z=1e-16)
    assert unit.kink and unit.sides == pytest.approx(sides, abs=1e-4) and unit.slope == pytest.approx(taken, abs=1e-5)
    assert not tangent(name, z=0.1).kink and not tangent("elu", z=0).kink
    z, value = (part.reshape(2, 3)[:, :2] for part in unit.lines)
    np.testing.assert_allclose(np.diff(value)[:, 0] / np.diff(z)[:, 0], sides, atol=1e-4)
    np.testing.assert_allclose(value.mean(axis=1), unit.value, atol=1e-12)


# --- one layer ---


def test_bounds_only_shift_and_stretch_and_more_inputs_leave_the_weights_alone():
    layer = UniformLayer(3)
    wide, unit, few = (layer.response(*given, "sigmoid") for given in ((64, 2, 5), (64, 0, 1), (40, 0, 1)))
    np.testing.assert_allclose(wide.weights, 2 + 3 * unit.weights)
    assert 0 <= unit.weights.min() < 0.001 and 0.999 < unit.weights.max() <= 1
    assert np.array_equal(few.weights, unit.weights[:, :40]) and np.array_equal(few.x, unit.x[:, :40])
    assert np.array_equal(np.sort(unit.x.sum(axis=0)), np.sort(layer._x.sum(axis=0)))  # every pixel once


def test_the_mean_of_z_is_nearly_proportional_to_the_number_of_inputs():
    every = UniformLayer(0, images=1797).response(64, 0, 0.5, "sigmoid").z.mean()
    for n in range(5, 64):
        assert UniformLayer(0, images=1797).response(n, 0, 0.5, "sigmoid").z.mean() == pytest.approx(every * n / 64, rel=0.15)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "gelu"])
def test_a_layer_agrees_with_a_count_by_hand(name):
    seen = UniformLayer(1, units=10, images=80).response(20, -2, 2, name)
    phi = activations.get(name)
    steepest = {"sigmoid": 0.25, "tanh": 1, "relu": 1, "gelu": 1.128904145}[name]
    flat = squares = 0
    for x in seen.x:
        for w in seen.weights:
            slope = float(phi.derivative(np.array([x @ w]))[0])
            flat += abs(slope) < 0.05 * steepest
            squares += slope**2
    assert seen.saturated == flat / seen.z.size > 0
    assert seen.passed_back == pytest.approx(math.sqrt(squares / seen.z.size))


def test_the_two_intervals_of_the_notebook():
    for seed in range(5):
        layer = UniformLayer(seed)
        small, large = layer.response(64, -0.5, 0.5, "sigmoid"), layer.response(64, 2, 5, "sigmoid")
        assert small.saturated < 0.001 and large.saturated == 1
        assert small.passed_back > 0.2 and large.passed_back < 1e-6
        # independent weights: mean and variance add up over the inputs
        assert large.z.mean() == pytest.approx(64 * 3.5 * large.x.mean(), rel=0.02)
        assert small.z.std() == pytest.approx(math.sqrt(64 * np.mean(small.x**2) / 12), rel=0.1)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "elu", "gelu"])
@pytest.mark.parametrize("of", ["z", "a", "slope"])
def test_a_histogram_counts_every_value_once(name, of):
    seen = UniformLayer(0).response(30, -5, 5, name)
    shares, edges = seen.histogram(of)
    assert shares.sum() == pytest.approx(100) and len(edges) == len(shares) + 1
    expected, _ = np.histogram(np.clip(getattr(seen, of), edges[0], edges[-1]), edges)
    np.testing.assert_allclose(shares, 100 * expected / seen.z.size)
    assert np.array_equal(edges, UniformLayer(1).response(3, 0, 1, name).histogram(of)[1])


def test_the_flat_stretches_of_a_sigmoid_begin_where_its_slope_is_five_percent_of_a_quarter():
    (_, left), (right, _) = UniformLayer(0).response(1, 0, 1, "sigmoid").flat
    root = math.sqrt(1 - SATURATED)  # of a(1 − a) = 0.05/4
    assert right == pytest.approx(math.log((1 + root) / (1 - root)), abs=0.02) and left == pytest.approx(-right)
    assert len(UniformLayer(0).response(1, 0, 1, "relu").flat) == 1


def test_bounds_come_in_either_order_and_seeds_differ():
    layer = UniformLayer(0)
    assert np.array_equal(layer.response(9, 5, 2, "tanh").z, layer.response(9, 2, 5, "tanh").z)
    assert not np.array_equal(layer.response(9, 2, 5, "tanh").z, UniformLayer(1).response(9, 2, 5, "tanh").z)
    assert not layer.response(9, 1, 1, "tanh").weights.std()


@pytest.mark.parametrize("fan_in", [0, 65, 2.5])
def test_a_number_of_inputs_that_cannot_be_is_refused(fan_in):
    with pytest.raises(ValueError, match="fan_in: expected a whole number from 1 to 64"):
        UniformLayer(0).response(fan_in, 0, 1, "relu")


# --- the collapse ---


def test_a_linear_net_of_any_depth_is_its_collapse():
    rng = np.random.default_rng(0)
    net = MLP.create([6, 5, 2, 7, 3], rng, activation="linear")
    for b in net.biases:
        b += rng.standard_normal(b.shape)
    x = rng.standard_normal((40, 6))
    one = collapse(net)
    np.testing.assert_allclose(one.forward(x).a[-1], net.forward(x).a[-1], atol=1e-12)
    np.testing.assert_allclose(one.weights[0], np.linalg.multi_dot(net.weights[::-1]))
    assert np.linalg.matrix_rank(one.weights[0]) == 2 and one.depth == 1


@every_activation
def test_only_the_linear_net_is_the_same_as_its_collapse(name):
    result = TwoLayers("moons", name, hidden=4).collapse()
    assert result.same == (name == "linear")
    said, collapsed = (plane.net.forward(result.points.x).a[-1] for plane in (result.two, result.one))
    W1, W2, b1, b2 = *result.two.net.weights, *result.two.net.biases
    np.testing.assert_allclose(collapsed, result.points.x @ (W2 @ W1).T + W2 @ b1 + b2, atol=1e-9)
    assert result.difference == np.abs(said - collapsed).max()
    for plane, logits in ((result.two, said), (result.one, collapsed)):
        assert plane.accuracy == np.mean(logits.argmax(axis=1) == result.points.labels)


@pytest.mark.parametrize(("points", "hidden", "rank"), [("moons", 1, 1), ("moons", 8, 2), ("spirals", 1, 1), ("spirals", 8, 2)])
def test_the_rank_is_that_of_the_narrowest_place(points, hidden, rank):
    assert TwoLayers(points, "relu", hidden).collapse().rank == rank


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_with_an_activation_the_ring_is_learned_and_without_never(activation):
    for seed in range(5):
        assert TwoLayers("rings", activation, 8, seed).collapse().two.accuracy == 1
        assert TwoLayers("rings", "linear", 8, seed).collapse().two.accuracy < 0.6


def test_one_more_hidden_unit_leaves_the_first_weights_of_the_others_alone():
    few, many = (TwoLayers("rings", "relu", hidden, seed=2, steps=0).net for hidden in (3, 4))
    assert np.array_equal(few.weights[0], many.weights[0][:3]) and np.array_equal(few.biases[0], many.biases[0][:3])
    np.testing.assert_allclose(few.weights[1] * math.sqrt(3), many.weights[1][:, :3] * math.sqrt(4))


def test_training_in_two_goes_is_training_in_one():
    once, twice = TwoLayers("spirals", "tanh", 5, steps=60), TwoLayers("spirals", "tanh", 5, steps=20)
    before = twice.collapse().two.shares
    twice.train(60)
    twice.train(40)
    for one, other in zip(once.net.parameters(), twice.net.parameters(), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(twice.collapse().two.shares, once.collapse().two.shares)
    assert not np.array_equal(twice.collapse().two.shares, before)


def test_seeds_give_other_points_and_other_nets():
    one, other = TwoLayers("rings", "relu", 3, seed=0, steps=0), TwoLayers("rings", "relu", 3, seed=1, steps=0)
    assert not np.array_equal(one.points.x, other.points.x) and not np.array_equal(one.net.weights[0], other.net.weights[0])


@pytest.mark.parametrize("hidden", [0, 33, 2.5])
def test_a_number_of_hidden_units_that_cannot_be_is_refused(hidden):
    with pytest.raises(ValueError, match="hidden: expected a whole number from 1 to 32"):
        TwoLayers("rings", "relu", hidden)


@pytest.mark.parametrize("points", ["moons", "spirals"])
def test_the_plane_says_what_the_net_says(points):
    result = TwoLayers(points, "relu", 6).collapse()
    for plane in (result.two, result.one):
        middle = (TwoLayers.edges[12] + TwoLayers.edges[13]) / 2, (TwoLayers.edges[40] + TwoLayers.edges[41]) / 2
        np.testing.assert_allclose(plane.at(middle), plane.shares[40, 12])
        np.testing.assert_allclose(plane.shares.sum(axis=-1), 1)


def test_the_border_of_one_layer_is_where_two_classes_draw_level():
    result = TwoLayers("moons", "linear", 4).collapse()
    drawn = result.one.border[~np.isnan(result.one.border[:, 0])]
    logits = result.one.net.forward(drawn).a[-1]
    assert len(drawn) > 50
    np.testing.assert_allclose(logits[:, 0], logits[:, 1], atol=1e-9)
    assert not len(TwoLayers("rings", "relu", 8).collapse().one.border)  # it says the same everywhere


def test_the_border_of_three_classes_separates_what_the_net_tells_apart():
    result = TwoLayers("spirals", "tanh", 8).collapse()
    labels = result.two.shares.argmax(axis=-1)
    drawn = result.two.border[~np.isnan(result.two.border[:, 0])]
    cell = TwoLayers.edges[1] - TwoLayers.edges[0]
    columns, rows = ((drawn - TwoLayers.edges[0]) // cell).astype(int).T
    for column, row in zip(columns, rows, strict=True):
        around = labels[max(row - 1, 0):row + 2, max(column - 1, 0):column + 2]
        assert len(np.unique(around)) > 1


# --- dead units ---


def test_dead_units_are_those_without_a_slope_for_any_example():
    rng = np.random.default_rng(0)
    net, x = MLP.create([5, 30, 30, 2], rng), rng.standard_normal((12, 5))
    net.biases[0] -= 1.5
    net.biases[1] -= 1.0
    a, dead = x, []
    for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
        z = a @ W.T + b
        dead.append([all(z[n, i] <= 0 for n in range(len(x))) for i in range(len(b))])
        a = np.maximum(z, 0)
    assert [units.tolist() for units in dead_units(net, x)] == dead
    assert 0 < np.mean(dead[0]) < 1 and 0 < np.mean(dead[1]) < 1
    net.activation = activations.get("leaky_relu")
    assert not np.any(dead_units(net, x))


def test_the_shares_reported_are_those_of_the_net_then(monkeypatch):
    seen = []

    def spy(net, x):
        seen.append([(a.max(axis=0) == 0) for a in net.forward(x).a[1:-1]])
        assert len(x) == 1437  # four of five digits
        return dead_units(net, x)

    monkeypatch.setattr(dying, "dead_units", spy)
    *_, last = count_dead(0.0, 1.4, 0.8, "relu", seed=0, steps=50)
    np.testing.assert_allclose(last.dead, np.mean(seen, axis=2))
    assert last.at.tolist() == [0, 10, 20, 30, 40, 50] and last.dead[-1].any()
    silent = [(row == 0).mean() for row in last.activity]
    np.testing.assert_allclose(silent, last.dead[-1])  # a ReLU unit is dead if z is never above 0


def test_a_dead_first_layer_unit_stays_dead():
    """Its weights, its bias and its inputs, which are pixels, no longer change."""
    for seed in range(5):
        shares = [report.dead[-1][0] for report in count_dead(0.0, 1.4, 0.8, "relu", seed)]
        assert all(np.diff(shares) >= 0)


def test_over_ten_seeds():
    """What the notebook says of all ten seeds that the panel's slider reaches."""
    large, negative = ([run(seed, report=300, **how) for seed in range(10)] for how in ({"learning_rate": 0.8}, {"bias": -1.0}))
    assert sum(r.dead[-1][0] > 1 / 3 for r in large) == 8 and sum(r.accuracy > 0.9 for r in large) == 8
    assert sum(r.dead[-1][1] > 0.97 and r.accuracy < 0.1 for r in negative) == 9


def run(seed, bias=0.0, weight_scale=1.4, learning_rate=0.3, activation="relu", **more):
    return list(count_dead(bias, weight_scale, learning_rate, activation, seed, **more))[-1]


def test_what_kills_units_and_what_cures_over_five_seeds():
    for seed in range(5):
        healthy, large, negative = run(seed), run(seed, learning_rate=0.8), run(seed, bias=-2.0)
        assert healthy.dead.max() <= 0.2 and healthy.accuracy > 0.95
        assert large.dead[0].max() <= 0.1 and large.dead[-1][0] > 1 / 3 and large.accuracy > 0.9
        assert negative.dead[0].min() > 0.8 and negative.accuracy < 0.2
        elu = run(seed, bias=-2.0, activation="elu")
        assert not elu.dead.any() and elu.accuracy > 0.9


def test_a_run_repeats_itself_and_seeds_differ():
    one, again, other = (run(seed, steps=20) for seed in (2, 2, 3))
    assert one.loss == again.loss != other.loss and one.progress == 1
    assert np.array_equal(one.activity, again.activity)


def test_an_overflow_ends_the_run_and_keeps_the_last_count():
    lost = run(0, learning_rate=1e200)
    assert lost.overflowed and lost.progress == 1 and lost.taken < 10
    assert lost.at.tolist() == [0] and lost.dead.shape == (1, 2) and np.all(lost.activity > -1)


# --- the zigzag ---


@pytest.mark.parametrize(("low", "high", "center"), [(0, 1, 0.5), (-1, 1, 0.0)])
def test_the_path_is_that_of_plain_gradient_descent(low, high, center):
    result = zigzag(center, 0.5, (1.0, -1.0), seed=4, steps=200)
    assert result.bounds == pytest.approx((low, high))
    rng, w = np.random.default_rng(4), np.zeros(2)
    for step in range(200):
        x = rng.uniform(low, high, 2)
        w = w - 0.5 * ((w - (1, -1)) @ x) * x
        np.testing.assert_allclose(result.path[step + 1], w, atol=1e-12)
    distances = np.linalg.norm(result.path - (1, -1), axis=1)
    np.testing.assert_allclose(result.distance, distances)
    assert distances[result.needed] < CLOSE <= distances[: result.needed].min()


def test_the_mean_square_of_the_inputs_does_not_depend_on_their_center():
    for center in (0, 0.2, 0.35, 0.5):
        inputs = zigzag(center, 0.1, steps=20_000).inputs
        assert np.mean(inputs**2) == pytest.approx(1 / 3, abs=0.01) and inputs.mean() == pytest.approx(center, abs=0.01)


def test_positive_inputs_move_both_weights_the_same_way_and_that_takes_longer():
    for seed in range(5):
        positive, centered = zigzag(0.5, 0.5, seed=seed), zigzag(0.0, 0.5, seed=seed)
        steps = np.diff(positive.path, axis=0)
        assert np.all(steps[:, 0] * steps[:, 1] >= 0) and positive.together == 1
        moves = np.diff(centered.path[:20], axis=0)
        assert np.mean(moves[:, 0] * moves[:, 1] > 0) < 1 and 0.4 < centered.together < 0.6
        assert positive.needed > 2 * centered.needed
        assert centered.together == np.mean(centered.inputs.prod(axis=1)[:centered.needed] > 0)


def test_a_path_that_does_not_arrive_says_so():
    assert zigzag(0.5, 0.05, steps=10).needed is None
    there = zigzag(0.0, 0.5, target=(0, 0))
    assert there.needed == 0 and there.together == 1
    with pytest.raises(ValueError, match="center: expected a finite number in"):
        zigzag(0.6, 0.5)
