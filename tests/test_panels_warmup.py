"""What the pictures of notebook 00 claim, what can be pulled in them, and what stands below."""

import numpy as np
import pytest
from driving import pull

from livegrad.experiments.warmup import OPTIMIZERS, four_paths
from livegrad.panels.warmup import optimizers_panel, teaser_panel

# --- the bowl ---


def test_covered_shows_the_question_only_and_then_the_answer():
    panel = optimizers_panel(covered=True)
    assert panel.result.steps == 0 and "press Uncover" in panel.readout and panel._scene._first.get_text() == "covered"
    assert all(len(line.get_xdata()) == 0 for line in panel._scene._paths.values())
    panel.controls["condition"].value = 0.0
    assert panel.result.steps == 0 and "κ = 1." in panel.readout
    button = next(b for b in panel.widget.children[1].children if getattr(b, "description", "") == "Uncover")
    button.click()
    assert panel.result.steps == 100 and panel.result.condition == 1 and button.disabled
    panel.reset()
    assert panel.readout == optimizers_panel().readout
    assert optimizers_panel("w1=1", covered=True).result.start.tolist() == [1.0, 0.8]


def test_the_picture_and_the_words_are_those_of_the_paths():
    panel = optimizers_panel()
    expected = four_paths(10**1.5, [-1.6, 0.8], 0.16, 0.8)
    for name in OPTIMIZERS:
        np.testing.assert_array_equal(np.transpose(panel._scene._paths[name].get_data()), expected.paths[name])
        assert f"{name} {expected.needed(name)}" in panel.readout
    first = min(OPTIMIZERS, key=expected.needed)
    assert panel._scene._first.get_text() == f"first: {first}, {expected.needed(first)} steps"
    panel.state = "learning_rate=0.4 momentum=0"
    assert "SGD moves away, momentum moves away" in panel.readout
    low, high = panel._scene._map.get_ylim()
    for name in OPTIMIZERS:
        marks, drawn = panel._scene._off[name].get_ydata(), panel._scene._paths[name].get_ydata()
        leaves = name in ("SGD", "momentum")
        assert len(marks) == leaves and np.all((np.array(marks) > low) & (np.array(marks) < high))
        assert np.sum(np.abs(drawn) > high) == leaves and (len(drawn) < 101) == leaves  # the first point outside is the last
    panel.state = "condition=9 learning_rate=0.16 momentum=0.8"
    assert panel._scene._first.get_text() == "first: RMSProp and Adam, 16 steps"
    panel.state = "condition=10 learning_rate=0.16 momentum=0.8"
    assert "SGD not in 100" in panel.readout
    panel.state = "w1=0 w2=0"
    assert panel.readout == "The start is the bottom, at distance 0: no gradient, no path."
    assert panel._scene._first.get_text() == "no path"


def test_the_start_can_be_pulled():
    panel = optimizers_panel()
    pull(panel, 0, 1.2, -0.5)
    np.testing.assert_allclose(panel.result.start, [1.2, -0.5])


# --- the whole course ---


def test_doubling_the_weights_turns_vanished_into_exploded():
    panel = teaser_panel()
    assert "it has vanished" in panel.readout and panel._scene._activation.get_xdata().size == 50
    vanished = panel.result.survival
    panel.state = "weight_scale=2"
    assert "it has exploded" in panel.readout
    assert panel.result.survival / vanished == pytest.approx(2.0**49, rel=1)
    panel.state = "weight_scale=1 init=kaiming_normal"
    assert "it has survived" in panel.readout


def test_its_rings_set_weight_scale_and_depth():
    panel = teaser_panel("weight_scale=1")
    pull(panel, 1, 1.0, float(panel.result.dz[-1]))
    assert panel.controls["weight_scale"].value == pytest.approx(1.4, abs=0.051) and 0.1 < panel.result.survival < 10
    pull(panel, 0, 20.2, 1.0)
    assert panel.result.depth == 20
    panel.state = "norm=layer"
    assert len(panel._scene.grips()) == 1  # a norm undoes the weight scale: there is nothing to set


def test_what_leaves_the_picture_is_marked():
    panel = teaser_panel("activation=sigmoid")
    gradient, (mark,) = panel.result.dz, panel._scene._lost[1].get_xdata()
    assert mark == np.flatnonzero(gradient < 1e-16)[-1] + 1  # the first on its way down
    panel.state = "activation=relu weight_scale=4"
    assert panel._scene._lost[0].get_xdata() == np.flatnonzero(panel.result.a > 1e16)[0] + 1
    assert panel._scene._last.get_alpha() < 1 == teaser_panel()._scene._last.get_alpha()
    panel.state = "weight_scale=0.1"
    assert "The gradient at layer 1 is 0 (too small for float32): it has vanished." in panel.readout
    np.testing.assert_allclose(panel._scene._level.get_ydata(), panel.result.dz[-1])  # all that is left on the right
