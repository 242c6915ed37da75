"""The measurements behind notebook 06 that train nothing."""

import math

import numpy as np
import pytest

from livegrad.data import load_digits
from livegrad.experiments.inputs import inputs
from livegrad.experiments.normalization import LINEAR, BatchUnit, Estimates, RowBatch, matrix_view
from livegrad.norms import BatchNorm

# --- inputs ---


@pytest.mark.parametrize(("mean", "std", "correlation"), [(0, 1, 0), (5, 1, 0), (0, 5, 0), (3, 0.2, -0.9), (4, 2, 0.5)])
def test_the_bowl_is_that_of_the_second_moments(mean, std, correlation):
    both = inputs(mean, std, correlation)
    exact = np.array([[std**2 + mean**2, std * correlation + mean**2], [std * correlation + mean**2, 1 + mean**2]])
    np.testing.assert_allclose(both.before.hessian, exact, atol=1e-10)
    np.testing.assert_allclose(both.after.hessian, [[1, correlation], [correlation, 1]], atol=1e-10)
    assert both.before.condition == pytest.approx(np.linalg.cond(exact), rel=1e-6)
    assert both.after.condition == pytest.approx((1 + abs(correlation)) / (1 - abs(correlation)), rel=1e-6)


def test_the_path_is_gradient_descent_on_the_examples():
    both, w_star = inputs(2.0, 1.5, 0.3, rate=1.3, steps=25), np.array([0.7, -2.0])
    x, y = both.raw, both.raw @ w_star
    learning_rate = 1.3 / np.linalg.svd(x, compute_uv=False)[0] ** 2 * len(x)
    w, loss = w_star + both.before.path[0], []
    for k in range(26):
        np.testing.assert_allclose(both.before.path[k], w - w_star, atol=1e-10)
        loss.append(np.mean((x @ w - y) ** 2) / 2)
        assert both.before.left(k) == pytest.approx(loss[-1] / loss[0], rel=1e-8)
        w = w - learning_rate * x.T @ (x @ w - y) / len(x)


@pytest.mark.parametrize("rate", [0.1, 1.0, 1.9])
def test_the_steps_needed_are_the_first_with_a_hundredth_left(rate):
    for bowl in (inputs(4, 1, rate=rate, steps=2000).before, inputs(0, 1, 0.9, rate=rate, steps=2000).after):
        loss = np.einsum("ki,ij,kj->k", bowl.path, bowl.hessian, bowl.path)
        assert bowl.needed == np.argmax(loss <= 0.01 * loss[0]) > 0


def test_gradient_descent_stops_to_converge_at_two_over_the_largest_eigenvalue():
    assert inputs(4, 1, rate=1.99).before.needed > 200 and inputs(4, 1, rate=2.0).before.needed is None
    assert inputs(4, 1, rate=2.1).before.needed is None and inputs(4, 1, rate=2.1).before.left(1e6) == np.inf
    assert inputs(0, 1, rate=1.0).before.needed == 1


def test_contours_have_their_share_of_the_loss():
    bowl = inputs(3, 2, 0.4).before
    points = bowl.contours(np.array([1.0, 0.1]))
    loss = np.einsum("ki,ij,kj->k", points, bowl.hessian, points) / (bowl.path[0] @ bowl.hessian @ bowl.path[0])
    np.testing.assert_allclose(loss[:121], 1)
    np.testing.assert_allclose(loss[122:-1], 0.1)
    assert np.isnan(loss[121]) and np.isnan(loss[-1])


def test_bad_inputs_are_refused():
    with pytest.raises(ValueError, match="std: expected a finite number in"):
        inputs(0, 0)
    with pytest.raises(ValueError, match="correlation"):
        inputs(0, 1, 1.0)


# --- one unit ---


def test_the_linear_region_ends_where_the_slope_has_lost_a_fifth():
    s = 1 / (1 + math.exp(-LINEAR))
    assert s * (1 - s) == pytest.approx(0.8 * 0.25)


def test_batch_norm_does_not_care_for_the_scale_of_the_weights_nor_for_the_bias():
    unit = BatchUnit()
    one = unit.view(1.0)
    for scale, bias in ((0.1, 3.0), (30.0, -5.0)):
        other = unit.view(scale, bias)
        np.testing.assert_allclose(other.z, scale * one.z + bias)
        np.testing.assert_allclose(other.out, one.out, rtol=1e-3)  # ε counts a little at scale 0.1
    assert abs(one.out.mean()) < 1e-12 and one.out.std() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_undoing_gives_the_input_back(scale):
    view = BatchUnit().view(scale, 2.0, gamma=3.0, beta=1.0, undo=True)
    np.testing.assert_allclose(view.out, view.z, rtol=1e-12, atol=1e-12)
    assert view.gamma == pytest.approx(math.sqrt(view.z.var() + 1e-5)) and view.beta == pytest.approx(view.z.mean())
    assert view.difference < 1e-12
    assert view.linear[0] == view.linear[1] == np.mean(np.abs(view.z) <= LINEAR)
    free = BatchUnit().view(scale, 2.0, gamma=3.0, beta=1.0)
    assert free.difference > 0.01 and free.out.mean() == pytest.approx(1) and free.out.std() == pytest.approx(3, rel=1e-2)
    np.testing.assert_allclose(free.normed, 1 / (1 + np.exp(-free.out)))
    np.testing.assert_allclose(free.plain, 1 / (1 + np.exp(-free.z)))


# --- the size of the batch ---


@pytest.fixture(scope="module")
def estimates():
    return Estimates()


def test_mean_and_variance_spread_as_the_theory_says(estimates):
    """σ/√B for x̄; for s² with divisor B, ((B − 1)/B)² (μ₄ − σ⁴ (B − 3)/(B − 1))/B is the variance, whatever the distribution."""
    mean, var = estimates.spreads
    B = np.arange(1, 257)
    np.testing.assert_allclose(mean, 1 / np.sqrt(B), rtol=0.1)
    B = B[1:]
    exact = np.sqrt(((B - 1) / B) ** 2 * (estimates.kurtosis - (B - 3) / (B - 1)) / B)
    np.testing.assert_allclose(var[1:], exact, rtol=0.12)
    assert var[0] == 0


@pytest.mark.parametrize("batch", [2, 8, 100])
def test_the_variance_of_a_batch_is_too_small_by_one_example(estimates, batch):
    assert estimates.view(batch, 0.9, 0).average_var == pytest.approx((batch - 1) / batch, abs=0.06)


def test_the_running_averages_are_those_of_batch_norm(estimates):
    train = estimates.train
    pick = np.random.default_rng(np.random.SeedSequence(0).spawn(2)[1]).integers(0, len(train), (1000, 256))
    view, layer = estimates.view(16, 0.8, 30), BatchNorm.create(1, momentum=0.8)
    for i in range(30):
        z = train[pick[i, :16]]
        layer.forward(z[:, None])
        assert view.means[i] == pytest.approx(z.mean()) and view.variances[i] == pytest.approx(z.var())
        assert view.running_mean[i + 1] == pytest.approx(layer.running_mean.item())
        assert view.running_var[i + 1] == pytest.approx(layer.running_var.item())
    assert (view.running_mean[0], view.running_var[0]) == (0, 1) and view.start_left == pytest.approx(0.8**30)


def test_the_test_set_by_running_and_by_its_own_statistics(estimates):
    warm = estimates.view(64, 0.9, 200)
    assert abs(warm.test.mean()) < 0.2 and warm.test.std() == pytest.approx(1, abs=0.1)
    shifted = estimates.view(64, 0.9, 200, shift=2.0)
    assert shifted.test.mean() - warm.test.mean() == pytest.approx(2 * math.sqrt(estimates.var / warm.running_var[-1]), rel=1e-4)
    own = estimates.view(64, 0.9, 200, shift=2.0, own_statistics=True)
    assert abs(own.test.mean()) < 1e-12  # the shift cannot be seen any more
    assert own.test.size == 360 // 64 * 64 == 360 - own.left_out and not shifted.left_out
    cold = estimates.view(64, 0.9, 0)
    assert len(load_digits()) // 5 + 1 == cold.test.size == 360
    np.testing.assert_allclose(cold.test.mean(), estimates.mean, rtol=0.1)


def test_one_example_has_no_variance(estimates):
    one = estimates.view(1, 0.9, 50)
    assert not one.variances.any() and set(one.running_mean) == {0.0} and set(one.running_var) == {1.0} and one.start_left == 1
    assert one.test.size == 360 and estimates.view(1, 0.9, 50, own_statistics=True).test.size == 0
    with pytest.raises(ValueError, match="batch: expected a whole number from 1 to 256, got 0"):
        estimates.view(0, 0.9, 50)


def test_a_larger_batch_begins_with_the_smaller_one(estimates):
    """The second example of each pair follows from the two means."""
    one, two = (estimates.view(b, 0.9, 20).means for b in (1, 2))
    assert set(np.round(2 * two - one, 9)) <= set(np.round(estimates.train, 9))


# --- one row, one matrix ---


@pytest.mark.parametrize("batch", [2, 6, 16])
def test_one_row_moves_the_others_under_batch_norm_only(batch):
    rows = RowBatch()
    moved = rows.move(batch, (5.0, -5.0, 0.0))
    assert moved.others_moved("layer") == 0 and moved.others_moved("batch") > 0.1
    np.testing.assert_array_equal(moved.x[1:], moved.x_home[1:])
    x = moved.x
    np.testing.assert_allclose(moved.outputs["batch"], (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5))
    np.testing.assert_allclose(moved.outputs["layer"], (x.T - x.mean(1)).T / np.sqrt(x.var(1) + 1e-5)[:, None])
    evaluated = rows.move(batch, (5.0, -5.0, 0.0), train=False)
    assert evaluated.others_moved("batch") == 0
    np.testing.assert_allclose(evaluated.outputs["batch"], (x - rows.MEAN) / np.sqrt(rows.STD**2 + 1e-5))
    assert rows.move(batch, rows.HOME).others_moved("batch") == 0
    with pytest.raises(ValueError, match="batch: expected a whole number from 2 to 16"):
        rows.move(1, (0, 0, 0))


@pytest.mark.parametrize(("norm", "axis"), [("batch", 0), ("layer", 1)])
def test_the_axis_decides_what_has_mean_0_and_variance_1(norm, axis):
    view = matrix_view(norm, feature_scale=5, example_scale=3)
    np.testing.assert_allclose(view.out.mean(axis), 0, atol=1e-12)
    np.testing.assert_allclose(view.out.var(axis), 1, atol=1e-3)
    assert np.abs(view.out.mean(1 - axis)).max() > 0.1


def test_groups_and_root_mean_squares():
    grouped = matrix_view("group", groups=4, example_scale=3)
    np.testing.assert_allclose(grouped.out.reshape(8, 4, 2).mean(axis=2), 0, atol=1e-12)
    np.testing.assert_array_equal(matrix_view("group", groups=1).out, matrix_view("layer").out)
    rms = matrix_view("rms", feature_scale=5).out
    np.testing.assert_allclose(np.mean(rms**2, axis=1), 1, atol=1e-3)
    assert np.abs(rms.mean(axis=1)).max() > 0.1


def test_a_factor_on_a_feature_or_an_example_is_taken_away_by_one_norm_only():
    plain, feature, example = ([matrix_view(n, **scales).out for n in ("batch", "layer")]
                               for scales in ({}, {"feature_scale": 9}, {"example_scale": 9}))
    np.testing.assert_allclose(feature[0], plain[0], atol=1e-3)
    np.testing.assert_allclose(example[1], plain[1], atol=1e-3)
    assert np.abs(feature[1] - plain[1]).max() > 0.5 < np.abs(example[0] - plain[0]).max()


@pytest.mark.parametrize(("norm", "groups", "which", "rows", "columns"), [
    ("batch", 2, 3, slice(0, 8), slice(2, 3)), ("layer", 2, 6, slice(5, 6), slice(0, 8)),
    ("rms", 2, 8, slice(7, 8), slice(0, 8)), ("group", 2, 4, slice(3, 4), slice(4, 8)),
    ("group", 8, 5, slice(4, 5), slice(4, 5)), ("group", 1, 5, slice(4, 5), slice(0, 8))])
def test_the_frame_holds_what_shares_its_statistics(norm, groups, which, rows, columns):
    view = matrix_view(norm, groups, which)
    assert (view.rows, view.columns) == (rows, columns)
    after = view.inside[1]
    assert (abs(after.mean()) < 1e-12) or norm == "rms"
    assert np.mean(after**2) == pytest.approx(0 if groups == 8 and norm == "group" else 1, abs=1e-3)


def test_bad_matrix_settings_are_refused():
    for settings, words in (({"norm": "instance"}, "norm: expected one of"), ({"norm": "batch", "which": 9}, "which"),
                            ({"norm": "group", "groups": 3}, "groups")):
        with pytest.raises(ValueError, match=words):
            matrix_view(**settings)
