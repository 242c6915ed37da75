"""What the pictures of notebook 05 claim, what can be pulled in them, and what stands below."""

import math
import re

import numpy as np
import pytest
from driving import pull

from livegrad.experiments.cliff import descend_cliff
from livegrad.experiments.temporal_order import TemporalOrderRun
from livegrad.experiments.thresholds import load
from livegrad.panels.clipping import choose_panel, cliff_panel, clip_panel, temporal_order_panel, threshold_panel

# --- two entries, and n ---


def test_the_tip_the_circle_and_the_place_can_be_pulled():
    panel = clip_panel()
    pull(panel, 0, -2.0, 3.0)
    np.testing.assert_allclose(panel.result.gradient, [-2.0, 3.0])
    pull(panel, 1, 0.3, -0.4)
    assert panel.result.threshold == pytest.approx(0.5)
    pull(panel, 2, 400.0, 0.5)
    assert panel.controls["entries"].value == pytest.approx(400, abs=2)
    x, y = panel._scene._by_norm.get_data()
    assert math.hypot(x[1], y[1]) == pytest.approx(0.5)


def test_below_the_threshold_nothing_happens_and_a_zero_gradient_is_said_in_words():
    panel = clip_panel("g1=1.2 g2=0.9 threshold=2")
    np.testing.assert_array_equal(panel.result.by_norm, panel.result.gradient)
    assert "1.5 long, which ε = 2 leaves as it is" in panel.readout
    panel.state = "g1=0 g2=0"
    assert "no direction" in panel.readout and panel._scene._turn.get_text() == "no gradient, no direction"


def test_its_readout_is_the_arithmetic():
    panel = clip_panel("g1=3 g2=4 threshold=1 entries=100 tail=0")
    assert "from 5 to 1 and turns nothing" in panel.readout and "to 1.41 and turns it by 8.1°" in panel.readout
    assert "cannot fall below 0.100" in panel.readout


# --- the cliff ---


def test_the_step_off_the_cliff():
    panel = cliff_panel()
    assert "the largest gradient is 963, the step there is 96.3 long" in panel.readout and "clipping acts in 1 of 60 steps" in panel.readout
    scene = panel._scene
    path = scene._paths[0].get_data()
    assert np.max(path[1]) > 50 and len(scene._left.get_xdata()) == 1
    (star, _), (at, _) = scene._steepest[1][0].get_data()
    assert (star, at) == tuple(panel.result.clipped.path[panel.result.clipped.steepest])
    # A gradient of 0 is not drawn as if it were the smallest that the axis shows.
    assert scene._off.get_xdata().tolist() == [41] and np.isnan(scene._norms[0].get_ydata()[41:]).all()
    assert not panel._scene._norms[1].get_ydata().min() < 1e-3


def test_above_every_gradient_both_paths_are_one():
    panel = cliff_panel("threshold=3")
    assert "both paths are one" in panel.readout
    np.testing.assert_array_equal(panel.result.plain.path, panel.result.clipped.path)


def test_start_and_threshold_can_be_pulled():
    panel = cliff_panel()
    pull(panel, 0, 5.0, -2.0)
    np.testing.assert_allclose(panel.result.plain.path[0], [5.0, -2.0], atol=0.011)
    pull(panel, 1, 50.0, 10.0)
    assert panel.result.max_norm == pytest.approx(10.0)
    expected = descend_cliff(*panel.result.plain.path[0], 0.1, 10.0, 60)
    np.testing.assert_array_equal(panel.result.clipped.path, expected.clipped.path)


def test_the_mark_of_a_path_that_left_is_inside_the_picture():
    for state in ("w=5.2 b=-2.3", "w=4.7 b=-2.4 learning_rate=0.2 steps=100", "w=5 b=-1.6 learning_rate=0.5 steps=100"):
        panel = cliff_panel(state)
        axes = panel._scene._map
        for x, y in zip(*panel._scene._left.get_data(), strict=True):
            assert axes.get_xlim()[0] < x < axes.get_xlim()[1] and axes.get_ylim()[0] < y < axes.get_ylim()[1]


# --- the recurrent net ---


def test_it_opens_on_the_stored_run_and_else_untrained():
    panel = temporal_order_panel()
    stored = load().run(0.1, 1.0, 0)
    assert panel.result.taken == stored.taken and f"Solved after {stored.taken:,} updates" in panel.readout
    assert f"At ε = 1, {100 * stored.share_clipped:.0f} % of the updates were clipped" in panel.readout
    assert panel._progress.value == 1
    assert temporal_order_panel("seed=7").readout.startswith("Not trained yet: press Train.")
    assert "Nothing was clipped" in temporal_order_panel("threshold=none").readout


def test_a_preset_shows_the_stored_run_and_a_slider_the_untrained_net():
    panel = temporal_order_panel()
    jump = {b.description: b.click for b in panel.widget.children[1].children if hasattr(b, "on_click")}
    jump["Not clipped"]()
    assert panel.result.taken == 4000 and "Nothing was clipped" in panel.readout and panel.problem == ""
    panel.controls["learning_rate"].value = "0.3"
    assert panel.result.taken == 0 and panel._scene._clipped.get_text() == "not trained yet"
    jump["Clipped"]()
    assert panel.result.solved and panel.controls["learning_rate"].value == "0.1"
    jump["As published"]()
    assert panel.result.taken == 0 and panel.controls["seed"].value == 4
    jump["Not clipped"]()
    assert panel.controls["seed"].value == 0 and panel.result.taken == 4000


def test_it_trains_stops_goes_on_and_comes_back_on_reset():
    panel = temporal_order_panel()
    opened = panel.readout
    panel.state = "length=20 threshold=1 learning_rate=0.1 seed=1"
    shown, show = [], panel._display

    def stop_after_200(result, **options):
        show(result, **options)
        shown.append(result.taken)
        if result.taken == 200:
            panel.stop()

    panel._display = stop_after_200
    panel.train()
    assert shown == [0, 200] and not panel.running and panel.readout.startswith("Not solved after 200 updates")
    panel.train()
    assert panel.result.solved and shown[2] == 400 and panel.readout.startswith("Solved after") and panel.problem == ""
    panel.reset()
    assert panel.readout == opened


def test_the_line_of_the_threshold_snaps_to_the_choices():
    panel = temporal_order_panel("length=10")
    pull(panel, 0, 4000, 20.0)
    assert panel.controls["threshold"].value == "10" and panel.result.max_norm == 10
    panel.controls["threshold"].value = "none"
    assert panel._picture.frame["grips"] == []


def test_a_long_run_gets_longer_axes_and_a_new_one_short_ones():
    panel = temporal_order_panel()
    values = np.linspace(0.5, 2.0, 12_000)
    long = TemporalOrderRun(40_000, 1.0, values, values, np.full(61, 0.5), 200)
    assert panel._scene.update(long) and panel._scene._sizes.get_xlim() == (0, 20_000)
    assert not panel._scene.update(long)
    x, y = panel._scene._middle.get_data()
    np.testing.assert_allclose(y, np.interp(x, np.arange(12_000) + 0.5, values), rtol=1e-3)
    assert panel._scene.update(panel.result) and panel._scene._sizes.get_xlim() == (0, 5_000)


# --- the stored sweep ---


def test_the_readout_counts_the_stored_runs():
    panel = threshold_panel("learning_rate=0.1 error=1 budget=40000")
    trials = load()
    for name, threshold in (("ε = 0.01", 0.01), ("ε = 1", 1.0), ("none", math.inf)):
        rows = trials.rows(start="normal", learning_rate=0.1, max_norm=threshold)
        assert f"{trials.solved[rows].sum()} with {name}" in panel.readout
    never = panel._scene._never.get_xdata().size
    assert f"{never} of 30 runs were stopped at 40,000 updates" in panel.readout


def test_the_budget_can_be_pulled_and_counts():
    panel = threshold_panel("learning_rate=0.1")
    pull(panel, 0, 5.0, 5000.0)
    assert panel.controls["budget"].value == pytest.approx(5000, abs=500)
    np.testing.assert_array_equal(panel.result.solved, np.sum(panel.result.needed <= panel.result.budget, axis=1))
    np.testing.assert_array_equal(panel._scene._count.get_ydata()[1::3], panel.result.solved)


# --- choosing a threshold ---


def test_the_share_is_that_of_the_norms_and_follows_the_line():
    panel = choose_panel()
    norms = load().run(0.1, 1.0, 0).norms
    assert panel.result.share_clipped == np.mean(norms > 1) and f"average norm is {norms.mean():.3g}" in panel.readout
    pull(panel, 0, 10.0, 0.3)
    assert panel.result.threshold == pytest.approx(10, rel=0.16) and panel.result.share_clipped < 0.3
    pull(panel, 1, 1e-3, 0.5)
    assert panel.result.share_clipped == 1
    panel.state = "threshold=3.5"
    assert "None of 3,800 gradients in this run, made with ε = 1, is longer" in panel.readout
    assert "the same" not in panel.readout  # that run was clipped
    panel.state = "source=deep_ReLU"
    assert "made with ε = 10" in panel.readout


def test_for_a_vanishing_gradient_it_says_that_clipping_does_nothing():
    panel = choose_panel("source=deep_sigmoid threshold=0")
    assert "made without clipping, is longer than ε = 1. With it, training would be the same." in panel.readout
    assert re.search(r"first layer's gradient is \d\.\d+e-06 of the whole", panel.readout)
