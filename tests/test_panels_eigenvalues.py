"""What the pictures of notebook 03 claim, what can be pulled in them, and what stands below."""

import math
import re

import numpy as np
import pytest
from driving import pull
from livegrad.figures.eigenvalues import power_of_ten
from livegrad.panels.eigenvalues import (
    eigenvalue_panel,
    nonnormal_panel,
    power_iteration_panel,
    random_matrix_panel,
    same_matrix_panel,
)


def release(panel):
    """The hand rests: the browser asks for the full picture."""
    panel._rested(None, {"rest": panel._number}, None)
    assert panel.problem == "" and not panel._light


@pytest.mark.parametrize("factory, state", [(eigenvalue_panel, ""), (power_iteration_panel, ""), (same_matrix_panel, "size=5"),
                                            (random_matrix_panel, "size=10")])
def test_every_seed_gives_its_own_result(factory, state):
    panel, frames = factory(state), set()
    for seed in range(10):
        panel.controls["seed"].value = seed
        release(panel)
        frames.add(panel._picture.moving)
    assert len(frames) == 10


@pytest.mark.parametrize("exponent, said", [(0.0, "1"), (-2.5, "3.16e-03"), (1234.5, "3.16e+1234"), (-math.inf, "0"),
                                            (-1e5, "1.00e-100000")])
def test_powers_of_ten_are_said_beyond_float64(exponent, said):
    assert power_of_ten(exponent) == said


# --- (a) ---


@pytest.mark.parametrize("state, word", [("spectral_radius=0.9", "vanishes"), ("spectral_radius=1", "stays at 1"),
                                         ("spectral_radius=1.1", "explodes"), ("spectral_radius=0", "is 0 from t = 1 on")])
def test_the_readout_names_the_fate(state, word):
    assert word in eigenvalue_panel(state).readout


def test_pulling_an_eigenvalue_across_the_unit_circle():
    panel = eigenvalue_panel("size=200")
    pull(panel, 1, 0.6, 0.6)
    assert panel.values["spectral_radius"] == pytest.approx(0.85) and panel.values["angle"] == 45 and "vanishes" in panel.readout
    pull(panel, 1, -0.9, 0.9)
    assert panel.values["spectral_radius"] == pytest.approx(1.27) and panel.values["angle"] == 135 and "explodes" in panel.readout
    pull(panel, 2, 0.0, -1.0)  # the conjugate: the pair goes together
    assert panel.values["spectral_radius"] == pytest.approx(1) and panel.values["angle"] == 90
    np.testing.assert_allclose(panel.result.values[:2], [1j, -1j], atol=1e-12)
    pull(panel, 3, 0.3, 0.0)
    assert panel.values["rest"] == pytest.approx(0.3) and abs(panel.result.values[2]) == pytest.approx(0.3)


def test_pulling_the_line_sets_the_radius():
    panel = eigenvalue_panel()
    pull(panel, 0, 50, 1.0)
    assert panel.values["spectral_radius"] == pytest.approx(1)
    pull(panel, 0, 50, 1e-300)
    assert panel.values["spectral_radius"] < 0.01
    pull(panel, 0, 50, 1e300)
    assert panel.values["spectral_radius"] == 1.5


def test_a_pull_that_means_nothing_moves_nothing():
    panel = eigenvalue_panel("spectral_radius=0")
    before = panel.values
    pull(panel, 3, 0.5, 0.5)
    assert panel.values == before
    panel = nonnormal_panel("kind=orthogonal view=near")
    before = panel.values
    assert len(panel._scene.grips()) == 1  # there is no peak to pull


@pytest.mark.parametrize("factory, state, grip", [
    (eigenvalue_panel, "spectral_radius=0.5", 0), (eigenvalue_panel, "spectral_radius=1.5", 0),
    (nonnormal_panel, "kind=jordan size=2 eigenvalue=0.5 view=near", 0), (same_matrix_panel, "weight_scale=0.3", 0)])
def test_a_grip_stays_on_its_line_and_pulling_it_nowhere_changes_nothing(factory, state, grip):
    panel = factory(state)
    axes, x, y = panel._scene.grips()[grip]
    low, high = axes.get_ylim()
    assert low < y < high
    before = panel.values
    pull(panel, grip, x, y)
    assert {name: pytest.approx(value) if isinstance(value, float) else value for name, value in before.items()} == panel.values


def test_curves_that_leave_the_axes_are_marked():
    panel = eigenvalue_panel("spectral_radius=1.5 size=2")
    x, y = panel._scene._lost.get_data()
    assert len(x) == 3 and 50 < min(x) and max(x) < 80 and np.all(y > 1e11)
    assert "1e" not in panel.readout or "e+35" in panel.readout
    assert len(eigenvalue_panel("spectral_radius=1")._scene._lost.get_xdata()) == 0
    assert len(random_matrix_panel("size=100")._scene._lost.get_xdata()) == 1


# --- (b) ---


def test_the_two_by_two_preset_peaks_near_19():
    panel = nonnormal_panel("kind=jordan size=2 eigenvalue=0.9 off_diagonal=5 view=near")
    assert "peaks with 19.4 at t = 9" in panel.readout and "defective" in panel.readout and "‖W‖₂ = 5.16" in panel.readout
    assert panel.result[0].W.tolist() == [[0.9, 5.0], [0.0, 0.9]]


@pytest.mark.parametrize("label, words", [("2 × 2", ["peaks with 19.4", "below 1 from t = 55 on", "defective"]),
                                          ("Jordan", ["1.40e+08 at t = 89", "defective"]),
                                          ("Orthogonal", ["‖Wᵗ‖₂ = 1 at every t", "normal"])])
def test_presets_keep_their_promise(label, words):
    panel = nonnormal_panel()
    next(b for b in panel.widget.children[1].children if getattr(b, "description", "") == label).click()
    assert panel.problem == "" and all(word in panel.readout for word in words), panel.readout


@pytest.mark.parametrize("state, word", [("kind=identity eigenvalue=1", "normal"), ("kind=distinct size=5", "cond(V) = 595"),
                                         ("kind=distinct size=20", "nearly defective"), ("kind=triangular", "is defective"),
                                         ("kind=distinct size=50 off_diagonal=5", "as far as float64 can tell"),
                                         ("kind=triangular off_diagonal=0", "normal"), ("kind=identity", "never above 1"),
                                         ("kind=jordan eigenvalue=1.1", "still grows")])
def test_what_is_said_of_the_eigenvectors_and_the_course(state, word):
    assert word in nonnormal_panel(state).readout


def test_pulling_the_peak_and_the_line():
    panel = nonnormal_panel("kind=jordan size=2 eigenvalue=0.9 off_diagonal=5 view=near")
    pull(panel, 1, 9, 9.7)
    assert panel.values["off_diagonal"] == pytest.approx(2.5, abs=0.06)
    pull(panel, 0, 20, 1.0)
    assert panel.values["eigenvalue"] == pytest.approx(1)
    panel = nonnormal_panel("kind=triangular size=30")
    for x in (100, 101, 102, 103):  # the height is nearly a power of the off-diagonal: a few pulls arrive
        pull(panel, 1, x, 1e6)
    assert panel.result[0].norm.max() == pytest.approx(6, abs=0.5)


def test_a_large_matrix_is_drafted_and_then_computed():
    panel = nonnormal_panel("size=50")
    panel.controls["off_diagonal"].value = 3.0
    assert panel._picture.frame["stale"] and len(panel.result[0].t) < 70
    release(panel)
    assert not panel._picture.frame["stale"] and len(panel.result[0].t) > 140


# --- (c) ---


def test_pulling_the_start_around():
    panel = power_iteration_panel("size=2 seed=1")
    pull(panel, 0, -1.2, 0.0)
    assert abs(panel.values["start"]) == 180 and panel.result.share[0, 0] == 1
    pull(panel, 0, 0.0, -0.4)
    assert panel.values["start"] == -90


def test_a_start_along_v2_is_said_to_hold_nothing_of_v1():
    panel = power_iteration_panel()
    at = re.search(r"v₂ lies at (\d+)°", panel.readout).group(1)
    panel.controls["start"].value = int(at)
    assert panel.readout.startswith("x has no part along v₁")
    panel.controls["start"].value = int(at) + 1
    assert panel.readout.startswith("λ₁ has 99 %")


@pytest.mark.parametrize("state, word", [("dominant=pair", "never settles"), ("ratio=1", "neither wins"),
                                         ("ratio=0.99", "not yet 99 %"), ("size=2 dominant=pair", "only the pair")])
def test_where_power_iteration_does_not_arrive(state, word):
    assert word in power_iteration_panel(state).readout


# --- (d) ---


def test_the_same_w_spreads_wider():
    for size in (4, 10, 50):
        result = same_matrix_panel(f"size={size}").result
        assert result.spread(result.same)[-1] > 2 * result.spread(result.different)[-1]


def test_nets_of_a_new_seed_take_their_first_steps_while_the_hand_moves():
    panel = same_matrix_panel()
    panel.controls["seed"].value = 1
    assert panel.result.steps == 15 and panel.readout.startswith("After 15 steps")
    release(panel)
    assert panel.result.steps == 60 and panel.readout == same_matrix_panel("seed=1").readout
    panel.controls["weight_scale"].value = 1.5
    assert panel.result.steps == 60  # they are drawn already


def test_pulling_the_middle_to_one_balances_the_nets():
    panel = same_matrix_panel("size=10 weight_scale=0.5")
    pull(panel, 0, 60, 1.0)
    assert abs(panel.result.different[1, -1]) < 1
    dead = same_matrix_panel("size=2 activation=relu")
    pull(dead, 0, 60, 1.0)
    assert dead.values["weight_scale"] == 1 and "exactly 0" in dead.readout


# --- (e) ---


def test_a_new_product_is_promised_while_the_hand_moves_and_there_when_it_rests():
    panel = random_matrix_panel("size=10")
    panel.controls["size"].value = 12
    assert "when the hand rests" in panel.readout and np.isnan(panel.result.product).all() and len(panel.result.values) == 12
    release(panel)
    assert "median" in panel.readout and np.isfinite(panel.result.product).all()
    panel.controls["weight_scale"].value = 1.5
    assert "median" in panel.readout  # it is there already


def test_eigenvalues_outside_the_picture_are_marked_and_counted():
    panel = random_matrix_panel("size=3 weight_scale=2 seed=4")
    assert abs(panel.result.values[0]) > 2.2 > abs(panel.result.values[1])
    assert len(panel._scene._outside.get_xdata()) == 1 and "1 outside" in panel._scene._left_words.get_text()
    panel.controls["weight_scale"].value = 1.0
    assert len(panel._scene._outside.get_xdata()) == 0 and "outside" not in panel._scene._left_words.get_text()


def test_pulling_the_circle_and_the_median():
    panel = random_matrix_panel("size=20")
    pull(panel, 0, 0.9, 1.2)
    assert panel.values["weight_scale"] == pytest.approx(1.5)
    pull(panel, 1, 42, 1.0)
    assert panel.values["depth"] == 40 and abs(panel.result.predicted[2, -1]) < 1
    pull(panel, 1, -500, 1e-3)
    assert panel.values["depth"] == 5
