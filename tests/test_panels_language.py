"""The panels that train: the language model, and the card of the temporal-order task."""

import numpy as np
import pytest
from driving import pull

from livegrad.experiments.temporal_order_card import THRESHOLDS, UPDATES, stored, success
from livegrad.panels.language import language_panel, temporal_order_panel


@pytest.fixture(scope="module")
def opened():
    return language_panel()


@pytest.fixture(scope="module")
def card():
    return temporal_order_panel("learning_rate=0.01")


# --- the language model ---


def test_it_opens_on_the_finished_run(opened):
    run, scene = opened.result, opened._scene
    assert run.taken == 600 and opened._progress.value == 1
    assert f"perplexity {run.perplexity[-1]:.3g} on test strings (the grammar's own: {run.best:.3g})" in opened.readout
    assert f"known in {100 * run.recall[-1]:.0f} %" in opened.readout
    assert f"{100 * run.legal:.0f} % of the texts" in opened.readout
    assert np.sum(run.norms > 1) == 1 and "At ε = 1, 1 update was clipped" in opened.readout
    assert scene._clipped.get_text() == "clipped: 1 of 600"
    np.testing.assert_array_equal(scene._recall.get_ydata(), run.recall)
    assert scene._beyond.get_xdata().tolist() == [0]  # before training it is near 7, off the axes
    np.testing.assert_array_equal(scene._test.get_ydata()[1:], run.perplexity[1:])
    np.testing.assert_array_equal(scene._best.get_ydata()[[0, 3]], [run.best, run.forgetful])


def test_the_texts_stand_under_the_picture(opened):
    shown = [line.get_text() for line in opened._scene._texts]
    assert len(shown) == 6
    for line, (text, right) in zip(shown, opened.result.texts, strict=True):
        assert line.split()[0].lstrip("…") == text[-20:] and line.endswith("✓" if right == len(text) else "✗")


def test_moving_a_control_shows_the_untrained_model_and_train_runs_it():
    panel = language_panel()
    panel.controls["tau"].value = "3"
    assert panel.readout.startswith("Not trained yet: press Train. Loss ")
    assert panel._scene._clipped.get_text() == "not trained yet"
    shown, show = [], panel._display

    def stop_after_50(result, **options):
        show(result, **options)
        shown.append(result.taken)
        if result.taken == 50:
            panel.stop()

    panel._display = stop_after_50
    panel.train()
    assert shown == [0, 50] and panel.readout.startswith("After 50 updates") and panel.problem == ""
    assert len(panel.result.texts) == 6


def test_an_overflow_is_said_and_what_is_off_the_axes_is_marked():
    panel = language_panel("start=identity radius=3 threshold=none learning_rate=3")
    assert panel.readout.startswith(f"Overflow after {panel.result.taken} updates") and panel.problem == ""
    assert panel._scene._clipped.get_text() == "OVERFLOW" and panel._scene._share.get_text() == "no number"
    assert panel.result.taken in panel._scene._off.get_xdata() and panel.result.taken in panel._scene._beyond.get_xdata()
    assert all(line.get_text() == "" for line in panel._scene._texts)


def test_the_threshold_snaps_to_the_choices(opened):
    panel = language_panel()
    pull(panel, 0, 300, 0.4)
    assert panel.controls["threshold"].value == "0.3" and panel.result.max_norm == 0.3
    panel.controls["threshold"].value = "none"
    assert panel._picture.frame["grips"] == []
    assert panel.result.perplexity[0] == opened.result.perplexity[0]  # the same weights


# --- the card ---


def test_it_opens_on_the_stored_runs(card):
    runs = stored()
    for threshold, counts in zip(THRESHOLDS, card.result.stored.solved, strict=True):
        for length, count in zip(card.result.stored.lengths, counts, strict=True):
            mine = ((runs["learning_rate"] == 0.01) & (runs["start"] == "normal") & (runs["max_norm"] == threshold)
                    & (runs["length"] == length))
            assert mine.sum() == 5 and np.sum(runs["least_wrong"][mine] < 10) == count
    clipped, free = (", ".join(map(str, counts)) for counts in card.result.stored.solved)
    assert f"{clipped} of 5 seeds with ε = 1, {free} without clipping" in card.readout and card.result.live is None
    assert card._scene._fate.get_text() == "press Train"
    crosses = sum(line.get_xdata().size for line in card._scene._never)
    assert card._scene._never[0].get_xdata().size == np.isnan(card.result.stored.needed[0]).sum()
    assert crosses + sum(np.isfinite(line.get_ydata()).sum() for line in card._scene._runs) == 50


def test_the_budget_can_be_pulled_and_counts():
    panel = temporal_order_panel()
    pull(panel, 0, 50.0, 2000.0)
    assert panel.controls["budget"].value == pytest.approx(2000, abs=200)
    budget = panel.controls["budget"].value
    np.testing.assert_array_equal(panel.result.stored.solved, np.sum(success().needed <= budget, axis=2))
    np.testing.assert_array_equal(panel._scene._counts[0].get_ydata(), panel.result.stored.solved[0])
    assert panel.result.stored.solved.sum() < success(budget=UPDATES).solved.sum()


def test_a_live_run_beside_the_stored_ones():
    panel = temporal_order_panel("learning_rate=0.1 length=10 seed=1")
    panel.train()
    assert panel.result.live.solved and panel.readout.endswith(f"Live, T = 10: solved after {panel.result.live.taken:,} updates.")
    again = success().needed[0, 0, 1]
    assert panel.result.live.taken == again  # short enough for rounding not to matter
    np.testing.assert_array_equal(panel._scene._error.get_ydata(), panel.result.live.error)
    panel.controls["length"].value = 11
    assert panel.result.live is None and panel._scene._error.get_xdata() == []
