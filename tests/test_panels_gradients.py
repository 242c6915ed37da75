"""What the pictures of notebook 02 claim, what can be pulled in them, and what stands below."""

import re
import threading

import numpy as np
import pytest
from driving import hand_rests

from livegrad.panels import live
from livegrad.panels.gradients import depth_panel, factors_panel, training_panel


@pytest.mark.parametrize("factory", [depth_panel, training_panel])
def test_every_seed_gives_its_own_result(factory):
    panel = factory("depth=3")
    results = set()
    for seed in range(10):
        panel.controls["seed"].value = seed
        if factory is training_panel:
            panel.train()
        results.add(panel.readout)
        assert panel.problem == ""
    assert len(results) == 10


@pytest.mark.parametrize("state, word", [("depth=50 weight_scale=1 activation=sigmoid", "vanished"),
                                         ("depth=50 weight_scale=3 activation=relu", "exploded"),
                                         ("depth=50 weight_scale=1.4 activation=relu", "survived"),
                                         ("depth=60 weight_scale=6 activation=linear", "Overflow")])
def test_the_readout_names_the_fate(state, word):
    assert word in depth_panel(state).readout


def test_in_the_browser_the_moving_hand_sees_fewer_digits_and_the_resting_one_all(monkeypatch):
    monkeypatch.setattr(live, "IN_BROWSER", True)
    panel = depth_panel()
    panel.controls["weight_scale"].value = 0.8
    assert panel._picture.frame["stale"] and panel.readout != depth_panel("weight_scale=0.8").readout
    hand_rests(panel)
    assert not panel._picture.frame["stale"] and panel.readout == depth_panel("weight_scale=0.8").readout


def test_overflow_is_said_on_the_picture_itself():
    panel = depth_panel("depth=60 weight_scale=6 activation=linear")
    # The first product beyond the range is inf, or already inf - inf: which, is up to the order in which a machine adds.
    assert re.match("(OVERFLOW|NOT A NUMBER) at layer 49", panel._scene._forward_words.get_text())
    assert "NOT A NUMBER at layer 60" in panel._scene._backward_words.get_text()


def test_what_leaves_the_picture_has_a_mark_and_what_is_not_finite_has_another():
    panel = depth_panel("depth=50 weight_scale=1 activation=sigmoid")
    (mark,) = panel._scene._out[1].get_xdata()[:1]
    assert mark == np.flatnonzero(panel.result.dz < 1e-20)[-1] + 1 and panel._scene._grip.get_alpha() < 1  # the first on its way down
    assert not len(panel._scene._lost[1].get_xdata()) and depth_panel()._scene._grip.get_alpha() == 1
    panel.state = "depth=60 weight_scale=6 activation=linear"
    np.testing.assert_array_equal(panel._scene._lost[0].get_xdata(), np.arange(49, 61))
    assert len(panel._scene._lost[1].get_xdata()) == 60


def test_an_exploded_run_is_on_the_picture():
    panel = training_panel("weight_scale=3 activation=relu")
    np.testing.assert_array_equal(panel._scene._out[0].get_xdata(), range(panel.result.taken))
    assert len(panel._scene._out[1].get_xdata()) == 10 and panel._scene._words.get_text() == "OVERFLOW: 3e+03 to 2e+111 in 3 steps"


def test_pulling_the_line_to_the_top_makes_m_one():
    """The ring stands at layer 1. Pulled to the height at which layer L starts, the line is level: M = 1."""
    panel = depth_panel("depth=30 weight_scale=0.7 activation=relu")
    axes, _, _ = panel._scene.grips()[0]
    for nudge in (0, 1, 2):
        x, y = axes.transData.transform((1, panel.result.dz[-1])) / panel._canvas.get_width_height()
        panel._picture.pointer = {"grip": 0, "x": x + 1e-4 * nudge, "y": y}
    assert panel.problem == "" and panel.result.factor == pytest.approx(1, abs=0.03)


def test_a_pull_that_means_nothing_moves_nothing():
    panel = depth_panel("depth=60 weight_scale=6 activation=linear")
    assert panel._picture.frame["grips"] == []
    panel._picture.pointer = {"grip": 0, "x": 0.6, "y": 0.7}
    assert panel.controls["weight_scale"].value == 6 and panel.problem == ""
    panel = depth_panel("depth=60 weight_scale=0.2 activation=sigmoid")
    panel._picture.pointer = {"grip": 0, "x": 0.6, "y": -0.2}
    assert panel.controls["weight_scale"].value == 0.2 and panel.problem == ""


def test_the_handle_never_leaves_the_picture():
    panel = factors_panel("depth=6 weight=8 activation=sigmoid")
    (x, y), = panel._picture.frame["grips"]
    assert 0 < x < 1 and 0 < y < 1
    assert panel._scene._here.get_ydata()[0] >= panel._scene._sweep.get_ylim()[0]


def test_pulling_the_weight_moves_it():
    panel = factors_panel()
    x, y = panel._picture.frame["grips"][0]
    panel._picture.pointer = {"grip": 0, "x": x + 0.1, "y": y}
    assert panel.controls["weight"].value > 2


def test_training_opens_finished_starts_anew_and_comes_back_on_reset():
    panel = training_panel("depth=3 activation=relu weight_scale=1.4")
    opened = panel.readout
    assert "After 300 steps" in opened
    panel.controls["learning_rate"].value = 0.2
    assert panel.readout.startswith("Not trained yet: press Train.") and panel._progress.value == 0
    panel.train()
    assert "After 300 steps" in panel.readout and panel.readout != opened and panel._progress.value == 1
    panel.reset()
    assert panel.readout == opened and not panel.running


def test_a_value_that_differs_in_its_last_bit_is_not_a_move():
    """Browsers report sliders back with rounding of their own."""
    panel = training_panel("depth=3 activation=relu weight_scale=1.4")
    opened = panel.readout
    panel.controls["weight_scale"].value = np.nextafter(1.4, 2)
    assert panel.readout == opened


def test_stop_halts_a_run_and_train_goes_on_with_it():
    panel = training_panel("depth=3 activation=relu weight_scale=1.4")
    opened = panel.readout
    panel.controls["seed"].value = 1
    panel.controls["seed"].value = 0
    shown = []
    show = panel._display

    def stop_at_100(result, **options):
        show(result, **options)
        shown.append(result.taken)
        if result.taken == 100:
            panel.stop()

    panel._display = stop_at_100
    panel.train()
    assert shown[-1] == 100 and not panel.running and not panel._train_button.disabled
    panel.train()
    assert shown[-1] == 300 and shown.count(110) == 1 and panel.readout == opened and panel.problem == ""


def test_an_error_while_training_is_shown_and_the_panel_lives_on(monkeypatch):
    panel = training_panel("depth=3")

    def breaks(**_):
        yield panel.result
        raise RuntimeError("power cut")

    monkeypatch.setattr(panel, "_run", breaks)
    panel.train()
    assert panel.problem == "RuntimeError: power cut" and not panel.running
    monkeypatch.undo()
    panel.train()
    assert panel.problem == "" and "After 300 steps" in panel.readout


def test_reset_in_another_thread_has_the_last_word(monkeypatch):
    """JupyterLab may press Reset in one thread while another computes the next piece of the run."""
    panel = training_panel("depth=3 activation=relu weight_scale=1.4")
    opened, run = panel.readout, panel._run
    computing, release = threading.Event(), threading.Event()

    def slow(**values):
        for result in run(**values):
            if result.taken == 100:
                computing.set()
                assert release.wait(10)
            yield result

    monkeypatch.setattr(panel, "_run", slow)
    training_thread = threading.Thread(target=panel.train)
    training_thread.start()
    assert computing.wait(10)
    reset_thread = threading.Thread(target=panel.reset)
    reset_thread.start()
    reset_thread.join(0.2)
    release.set()
    training_thread.join(10)
    reset_thread.join(10)
    assert panel.readout == opened and panel._progress.value == 1 and not panel.running


def test_names_below_the_factors_follow_the_depth_without_a_new_backdrop():
    panel = factors_panel("depth=1")
    backdrop = panel._picture.backdrop
    panel.controls["depth"].value = 6
    names = [text for *_, text, centered, bold in panel._picture.frame["words"] if centered and not bold]
    assert names == list(panel.result.chain.names) and panel._picture.backdrop == backdrop
