"""What the pictures of notebook 06 claim, what can be pulled in them, and what stands below."""

import math

import numpy as np
import pytest
from driving import pull

from livegrad.experiments.norm_runs import WEIGHT_SCALES, accuracy_by_batch, load, loss_by_weight_scale
from livegrad.panels.normalization import axis_panel, batch_size_panel, batchnorm_panel, inputs_panel, one_row_panel
from livegrad.panels.normed_nets import bn_or_ln_panel, ioffe_szegedy_panel, prior_panel

# --- inputs ---


def test_standardizing_makes_the_bowl_round_unless_the_inputs_are_correlated():
    panel = inputs_panel("mean=5 std=1")
    assert panel.readout.startswith("The condition number of the loss is 51; with standardized inputs 1.")
    assert panel.readout.endswith("with standardized inputs after 1 step.")
    panel.state = "mean=0 std=1 correlation=0.9"
    assert "is 19; with standardized inputs 19." in panel.readout
    panel.state = "mean=3 correlation=0 rate=2"
    assert panel.readout.endswith("left never; with standardized inputs never.")


def test_the_middle_of_the_inputs_and_their_width_can_be_pulled():
    panel = inputs_panel()
    pull(panel, 0, 2.0, 1.0)
    assert panel.controls["mean"].value == pytest.approx(1.5)
    pull(panel, 1, 7.5, 0.0)
    assert panel.controls["std"].value == pytest.approx(3.0)
    np.testing.assert_allclose(panel.result.raw.mean(axis=0), 1.5)
    assert panel.result.raw[:, 0].std() == pytest.approx(3)


def test_a_path_that_leaves_is_cut_where_it_is_far_away():
    panel = inputs_panel("mean=5 std=5 rate=2.2 steps=200")
    path = panel._scene._bowls[0][1].get_xydata()
    assert 5 < len(path) < 200 and np.abs(path[:-1]).max() <= 50
    assert all(len(gone.get_xdata()) == 1 for *_, gone, _ in panel._scene._bowls)
    panel.state = "rate=1"
    assert not any(len(gone.get_xdata()) for *_, gone, _ in panel._scene._bowls)


# --- one unit ---


def test_undo_gives_back_what_came_in_at_every_weight_scale():
    panel = batchnorm_panel("learned=undo")
    for scale in (-1.0, 0.0, 1.5):
        panel.controls["weight_scale"].value = scale
        assert "gives back what came in, but for rounding" in panel.readout
        np.testing.assert_allclose(panel.result.out, panel.result.z, atol=1e-10)
    pull(panel, 0, -1.0, 1.05)
    assert panel.controls["learned"].value == "free" and panel.controls["beta"].value == -1
    pull(panel, 1, 1.5, 1.05)
    assert panel.controls["gamma"].value == pytest.approx(2.5) and panel.result.out.std() == pytest.approx(2.5, rel=1e-3)


def test_the_readout_counts_the_linear_region():
    panel = batchnorm_panel()
    a = panel.result.normed
    share = np.mean(a * (1 - a) >= 0.2)
    assert f"without batch norm and {100 * share:.0f} % with it" in panel.readout


def test_what_lies_beyond_the_axis_is_marked():
    panel = batchnorm_panel("weight_scale=1.5 bias=0")
    assert len(panel._scene._beyond[0].get_xdata()) == 2 and np.abs(panel.result.z).max() > 8
    panel.state = "weight_scale=-1 bias=0 gamma=0.5"
    assert all(len(crosses.get_xdata()) == 0 for crosses in panel._scene._beyond)


# --- batches ---


def test_batch_size_and_the_batches_met_can_be_pulled():
    panel = batch_size_panel()
    pull(panel, 0, 32.0, 0.1)
    assert panel.controls["batch"].value in (31, 32, 33)
    pull(panel, 1, 120.0, 1.0)
    assert panel.controls["seen"].value in (119, 120, 121) and len(panel.result.means) == panel.controls["seen"].value


def test_its_readout_is_the_arithmetic():
    panel = batch_size_panel("batch=16 momentum=0.9 seen=10")
    assert "(1/√B = 0.25)" in panel.readout and f"After 10 batches {100 * 0.9**10:.2g} %" in panel.readout
    panel.state = "batch=1"
    assert "refuses to train" in panel.readout and "stay at 0 and 1" in panel.readout
    panel.state = "statistics=own"
    assert panel.readout.endswith("by its own batches is refused, too.") and "refused" in panel._scene._words[2].get_text()
    panel.state = "batch=256 shift=0"
    assert panel.readout.endswith("The last 104 test examples fill no batch and are left out.")
    panel.state = "batch=32 statistics=running seen=0"
    assert "After 0 batches 100 % of" in panel.readout and panel._scene._words[1].get_text() == "start left: 100 %"
    panel.state = "seen=200"
    assert "After 200 batches < 0.01 % of" in panel.readout
    panel.state = "batch=32 shift=3 statistics=own seen=10"
    assert "by its own batches, the test set has mean 0 and standard deviation 1." in panel.readout


def test_what_the_axes_of_the_batches_cannot_hold_is_marked():
    panel = batch_size_panel()
    assert not len(panel._scene._lost.get_xdata()) and not len(panel._scene._beyond.get_xdata())
    panel.state = "batch=2 momentum=0 statistics=own"
    ratios = [panel.result.means / panel.result.true_mean, panel.result.running_var / panel.result.true_var]
    assert max(map(np.max, ratios)) > 2.05 and len(panel._scene._lost.get_xdata())
    np.testing.assert_allclose(np.sort(panel._scene._beyond.get_xdata()), [-1, 1], atol=0.15)


# --- one row, one matrix ---


def test_the_others_move_under_batch_norm_in_training_mode_only():
    panel = one_row_panel()
    assert "batch norm move by up to" in panel.readout and "layer norm stay exactly where they were" in panel.readout
    assert panel._scene._words[2].get_text() == "the others stay"
    pull(panel, 1, 2.0, 3.0)
    assert panel.controls["x2"].value == pytest.approx(3.0)
    panel.state = "statistics=running"
    assert "batch norm stay exactly where they were" in panel.readout
    panel.state = "x1=-5 x2=5 x3=-2"
    *_, beyond = panel._scene._shown["batch"]
    assert beyond.get_xdata().tolist() == [1] and panel.result.outputs["batch"][0, 0] < -4
    panel.state = "x1=5 x2=5 x3=-5 statistics=batch batch=16"
    assert all(not len(curves[-1].get_xdata()) for curves in panel._scene._shown.values())


def test_the_frame_follows_the_norm_and_can_be_pulled():
    panel = axis_panel("norm=batch which=2")
    x, y = panel._scene._frames[0].get_data()
    assert (min(x), max(x), min(y), max(y)) == (1.5, 2.5, 0.5, 8.5)
    pull(panel, 0, 5.2, 8.0)
    assert panel.controls["which"].value == 5
    panel.state = "norm=group groups=2 which=2"
    x, y = panel._scene._frames[0].get_data()
    assert (min(x), max(x), min(y), max(y)) == (4.5, 8.5, 1.5, 2.5) and "features 5 to 8 of example 2" in panel.readout
    pull(panel, 0, 8.0, 7.1)
    assert panel.controls["which"].value == 7


def test_the_statistics_drawn_are_those_of_the_matrix():
    panel = axis_panel("norm=layer feature_scale=8")
    (mean, variance, lost), (columns, *_) = panel._scene._stats
    above, below = (marks.get_xydata().astype(int) - 1 for marks in panel._scene._signs[1])
    assert np.all(panel.result.out[tuple(above.T[::-1])] > 0) and np.all(panel.result.out[tuple(below.T[::-1])] < 0)
    assert len(above) + len(below) == 64 and panel._scene._titles[1].get_text() == "after layer norm"
    np.testing.assert_allclose(mean.get_xdata(), 0, atol=1e-12)
    np.testing.assert_allclose(variance.get_xdata(), 1, atol=1e-3)
    np.testing.assert_allclose(columns.get_ydata(), panel.result.out.mean(axis=0).clip(-2.2, 4.2))
    assert "RMS norm" in axis_panel("norm=rms").readout and "not to 0" in axis_panel("norm=rms").readout
    root = axis_panel("norm=rms")._scene
    assert root._words[1].get_text().endswith("rms 1") and root._titles[1].get_text() == "after RMS norm"
    assert "feature 5 of example 5 has mean" in axis_panel("norm=group groups=8 which=5").readout


# --- training ---


def test_the_prior_opens_finished_and_its_marks_lie_on_the_stored_curves():
    panel = prior_panel()
    row = load("weight_scales").rows(norm="none", activation="relu", learning_rate=0.1, weight_scale=0.01, seed=0)[0]
    assert panel.result.live.runs["none"].recent == pytest.approx(load("weight_scales").loss[row, -1], rel=1e-3)
    assert panel._progress.value == 1 and "Weight scale 0.01, after 300 updates" in panel.readout
    pull(panel, 0, 10.0, 0.1)
    assert panel.controls["weight_scale"].value == 1 and panel.result.at == WEIGHT_SCALES[12] == 10
    assert panel.readout.startswith("Not trained yet: press Train. Weight scale 10;")
    panel.train()
    assert "loss infinite (overflow) without" in panel.readout and panel._scene._words[1].get_text().startswith("none ∞, batch ")
    places, _ = panel._scene._beyond[1].get_data()
    median = panel.result.stored["none"].median
    assert places.tolist() == [scale for scale, loss in zip(WEIGHT_SCALES, median, strict=True) if np.isinf(loss)]


def test_a_preset_of_the_prior_shows_a_finished_run_beside_the_stored_medians():
    panel = prior_panel("steps=60")
    panel._jump({"weight_scale": 2.0})
    bands = loss_by_weight_scale("relu", 0.1, 60)
    assert panel.result.live.taken == 60 and panel.readout.startswith("Weight scale 100, after 60 updates")
    assert panel.readout.endswith(
        f"Medians of the stored seeds: infinite (overflow) without, {bands['batch'].median[-1]:.3g} with batch norm.")


def test_the_stored_curves_follow_activation_rate_and_updates():
    panel = prior_panel("steps=20")
    panel.state = "activation=tanh learning_rate=0.5 steps=60"
    bands = loss_by_weight_scale("tanh", 0.5, 60)
    for norm in ("none", "batch"):
        np.testing.assert_allclose(panel._scene._medians[norm].get_ydata(), np.clip(bands[norm].median, 0.001, 30))


def test_bn_or_ln_at_one_and_at_four():
    panel = bn_or_ln_panel("steps=60")
    assert "Batches of 4, after 60 updates" in panel.readout and "with layer norm" in panel.readout
    panel.state = "batch=1 steps=40"
    panel.train()
    assert "Batch norm refuses" in panel.readout and "with batch norm" not in panel.readout
    assert len(panel._scene._accuracy["batch"].get_xdata()) == 0 and "batch refused" in panel._scene._words[0].get_text()
    assert panel.readout.endswith("% with layer norm.") and "Medians of the stored seeds:" in panel.readout
    np.testing.assert_allclose(panel._scene._medians["batch"].get_ydata(), accuracy_by_batch(40)["batch"].median[1:])
    pull(panel, 0, 16.0, 0.5)
    assert panel._scene._words[0].get_text() == "not trained yet"
    assert not any(len(mark.get_xdata()) for mark in panel._scene._marks.values())
    assert panel.controls["batch"].value in (15, 16, 17)


def test_the_paper_s_panel_opens_on_the_stored_run_and_trains_a_short_one():
    panel = ioffe_szegedy_panel()
    stored = load("ioffe_szegedy")
    shares = [stored.accuracy[stored.rows(norm=norm, seed=0)[0], -1] for norm in ("none", "batch")]
    assert panel.readout.startswith(f"After 50,000 updates {100 * shares[0]:.1f} % of the test digits are right without")
    assert f"{100 * shares[1]:.1f} % with it" in panel.readout
    panel.state = "steps=500 seed=1"
    assert panel.readout == "Not trained yet: press Train." and panel._scene._words.get_text() == "not trained yet"
    panel.train()
    assert panel.result.taken == 500 and "After 500 updates" in panel.readout
    assert ioffe_szegedy_panel("seed=9").readout == "Not trained yet: press Train."
    assert math.isclose(panel.result.runs["batch"].accuracy[-1],
                        stored.accuracy[stored.rows(norm="batch", seed=1)[0], 2], abs_tol=0.01)


def test_stop_halts_a_comparison_and_train_goes_on_with_it():
    panel = bn_or_ln_panel("steps=100 batch=8")
    opened = panel.readout
    panel.controls["seed"].value = 1
    panel.controls["seed"].value = 0
    shown, show = [], panel._display

    def stop_at_40(result, **options):
        show(result, **options)
        shown.append(result.live.taken)
        if result.live.taken == 40:
            panel.stop()

    panel._display = stop_at_40
    panel.train()
    assert shown == [0, 20, 40] and not panel.running
    panel.train()
    assert shown[3:] == [60, 80, 100] and panel.readout == opened and panel.problem == ""
