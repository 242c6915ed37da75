"""What the pictures of notebook 04 claim, what can be pulled in them, and what stands below."""

import math

import numpy as np
import pytest
from driving import pull

from livegrad.figures.initialization import VarianceScene
from livegrad.panels.initialization import kaiming_panel, layers_panel, phase_panel, symmetry_panel, variance_panel

# --- layers ---


def test_the_three_sizes_are_told_apart():
    panel = layers_panel("depth=30 activation=tanh init=pytorch_default gain=1")
    back, back_W = panel.result.way_back
    assert back < 1e-5 and 0.3 < back_W < 3
    assert f"∂C/∂Z is multiplied by {back:.2e} and ∂C/∂W by {back_W:.3g}" in panel.readout
    assert f"∂C/∂Z ×{back:.2e}" in panel._scene._right_words.get_text()


def test_what_leaves_the_heat_map_is_marked():
    panel = layers_panel("depth=50 activation=relu init=small_normal gain=1 width=50")
    marked = panel._scene._lost[0].get_xdata()
    np.testing.assert_array_equal(marked, 1 + np.flatnonzero(panel.result.a < 1e-10))
    assert len(marked) and "∂C/∂Z = 0" in panel._scene._right_words.get_text()
    assert "∂C/∂Z is 0 throughout and ∂C/∂W is 0 throughout" in panel.readout
    steep = layers_panel("depth=50 activation=relu init=kaiming_normal gain=4")
    for crosses, sizes in zip(steep._scene._lost, (steep.result.a, steep.result.dz, steep.result.dW, steep.result.update_ratio),
                              strict=True):
        np.testing.assert_array_equal(crosses.get_xdata(), 1 + np.flatnonzero((sizes > 1e8) | (sizes < 1e-10)))
        assert len(crosses.get_xdata())
    high = layers_panel("depth=50 activation=linear init=large_normal gain=4 width=200")
    assert len(high._scene._lost[0].get_xdata()) > 20 and "Overflow" in high.readout


def test_ghosts_lie_over_the_heat_map():
    panel = layers_panel("depth=10 width=50")
    bare = len(panel._scene.moving)
    panel.pin()
    ghosts = panel._scene._ghosts[0]
    assert all(ghost.get_animated() for ghost in ghosts) and len(panel._scene.moving) == bare + len(ghosts)
    panel.reset()
    assert len(panel._scene.moving) == bare


def test_saturated_activations_stand_at_one():
    panel = layers_panel("depth=10 width=100 activation=tanh init=large_normal gain=4")
    cells = panel.result.activation_shares[4]
    assert cells[60] > 0.8  # of 6 cells a decade from 1e-10 up, the one around 1
    assert panel.result.flat[4] > 0.8


# --- variance ---


def test_pulling_the_start_and_the_gain():
    panel = variance_panel()
    pull(panel, 0, 0.1, 0.1)
    assert panel.controls["start"].value == pytest.approx(-1) and panel.result.predicted[0] == pytest.approx(0.1)
    pull(panel, 1, VarianceScene.HANDLE, 2.0)
    assert float(panel.result.field.variance(VarianceScene.HANDLE)) == pytest.approx(2.0, rel=0.03)
    assert panel.controls["gain"].value == pytest.approx(math.sqrt(2 / float(panel.result.field.variance(30.0)))
                                                         * panel.result.field.weight_scale, abs=0.02)
    assert panel.problem == ""


@pytest.mark.parametrize("state, words", [
    ("activation=tanh gain=1", "sinks to 0"), ("activation=tanh gain=1.66667", "q* = 1.18"),
    ("activation=relu gain=1.41421 start=-2", "Every q is a fixed point, with χ₁ = 1.000"), ("activation=relu gain=2", "grows without end"),
    ("activation=relu gain=1 depth=30", "lost at layer"), ("activation=selu gain=1", "q* = 1, with χ₁ = 1.0")])
def test_the_variance_readout_names_the_end(state, words):
    assert words in variance_panel(state).readout


def test_the_cobweb_is_the_map():
    scene = variance_panel("depth=20 activation=tanh gain=1.5 start=1")._scene
    x, y = scene._steps.get_data()
    np.testing.assert_allclose(y[2::2], x[2::2])  # on the diagonal
    field = variance_panel("depth=20 activation=tanh gain=1.5 start=1").result.field
    np.testing.assert_allclose(y[1::2], field.variance(x[1::2]), rtol=1e-9)  # on the map


def test_a_curve_ends_where_it_leaves_the_axes():
    panel = variance_panel("activation=relu gain=3")
    y, gone = panel._scene._measured.get_ydata(), np.flatnonzero(panel.result.measured > 100)[0]
    assert y[gone] == 100 and np.isnan(y[gone + 1:]).all() and np.isfinite(y[:gone]).all()
    assert "size is lost" in panel.readout and not len(panel._scene._fixed.get_xdata())


# --- Kaiming ---


def test_the_preset_is_pytorchs_bound():
    panel = kaiming_panel("fan_in=100")
    panel.state = f"mode=fan_in nonlinearity=leaky_relu a={5**0.5:.6g}"
    assert panel.result.bound == pytest.approx(0.1, rel=1e-5) and "bound 0.1." in panel.readout


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_pulling_the_bound_sets_the_fan_of_the_mode(mode):
    panel = kaiming_panel(f"fan_in=100 fan_out=100 mode={mode} nonlinearity=relu")
    pull(panel, 0, math.sqrt(6 / 200), 1.0)
    other = {"fan_in": "fan_out", "fan_out": "fan_in"}[mode]
    assert panel.controls[mode].value == 200 and panel.controls[other].value == 100
    pull(panel, 0, -0.3, 1.0)
    assert panel.controls[mode].value == 200 and panel.problem == ""


# --- phases ---


def test_the_point_and_the_start_can_be_pulled():
    panel = phase_panel()
    pull(panel, 0, 3.0, 0.1)
    assert panel.controls["weight_variance"].value == pytest.approx(3)
    assert panel.controls["bias_variance"].value == pytest.approx(0.1)
    assert panel.readout.startswith("Chaotic")
    pull(panel, 1, 0.2, 0.9)
    assert panel.controls["start"].value == pytest.approx(0.2) and panel.result.path[0] == pytest.approx(0.2)


def test_a_dead_signal_is_said():
    panel = phase_panel("weight_variance=0.8 bias_variance=0")
    assert "every signal dies" in panel.readout and "no signal left" in panel._scene._map_words.get_text()


def test_the_phase_of_each_preset():
    panel = phase_panel()
    for button, word in zip(panel.widget.children[1].children[:3], ("Ordered", "Edge", "Chaotic"), strict=True):
        button.click()
        assert button.description == word and panel.readout.startswith(word)


def test_stored_runs_are_told_only_where_there_are_some():
    assert "learned up to depth" in phase_panel("weight_variance=2.1 bias_variance=0.05").readout
    assert "not here" in phase_panel("weight_variance=1.5 bias_variance=0").readout
    assert "No stored run" in phase_panel("weight_variance=0.5 bias_variance=0.05").readout
    assert phase_panel("weight_variance=1 bias_variance=0").readout.startswith("Edge: χ₁ = 1.000, and the variance sinks to 0, like")


# --- symmetry ---


def test_zero_constant_and_random():
    panel = symmetry_panel("constant=0.5 noise=0")
    opened = panel.readout
    assert "All 6 hidden units are still equal" in opened and "67 % of the points right" in opened
    curves = np.array([line.get_ydata() for line in panel._scene._weights[:6]])
    assert np.ptp(curves, axis=0).max() < 1e-6
    panel.state = "constant=0 noise=0"
    assert panel.readout == "Not trained yet: press Train."
    panel.train()
    assert "W¹, b¹, W² have not moved at all" in panel.readout
    panel.state = "constant=0 noise=1"
    panel.train()
    assert "differ by up to" in panel.readout and panel.result.accuracy > 0.95
    panel.reset()
    assert panel.readout == opened
    assert [len(line.get_xdata()) > 0 for line in panel._scene._weights] == [True] * 6 + [False] * 2
