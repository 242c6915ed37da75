"""What the pictures of notebook 01 claim, what can be pulled in them, and what stands below."""

import math
import re

import numpy as np
import pytest
from driving import pull

from livegrad.panels.activations import collapse_panel, dead_relu_panel, saturation_panel, slope_panel, zigzag_panel
from livegrad.panels.rounding import rounding_panel


def places(panel):
    return panel._picture.frame["grips"]


# --- the slope ---


def test_the_point_can_be_dragged_on_both_curves_and_the_message_on_its_bar():
    panel = slope_panel("activation=tanh")
    pull(panel, 0, -3.04, 1.0)
    assert panel.controls["z"].value == pytest.approx(-3.0)
    pull(panel, 1, 1.5, 0.3)
    assert panel.controls["z"].value == pytest.approx(1.5)
    pull(panel, 2, 0.7, -1.26)
    assert panel.controls["e"].value == pytest.approx(-1.3)
    pull(panel, 0, 30, 0)
    assert panel.controls["z"].value == 8 and panel.result.passed_back == pytest.approx(-1.3 / math.cosh(8) ** 2)


def names(panel):
    (legend,) = panel._scene._left.figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_the_largest_error_passed_back_stays_in_the_picture():
    panel = slope_panel("activation=selu z=0 e=2")
    assert 3.5 < panel._scene._passed.get_ydata()[1] < panel._scene._right.get_ylim()[1]


def test_the_picture_shows_the_tangent_and_names_every_curve():
    panel = slope_panel("activation=gelu second=silu third=relu z=1.2 e=0.5")
    x, y = (part[:2] for part in panel._scene._tangent.get_data())
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(panel.result.slope) and np.mean(y) == pytest.approx(panel.result.value)
    assert names(panel) == ["tangent at z", "gelu", "silu", "relu"]
    assert len({line.get_linestyle() for line in panel._scene._values}) == 3
    panel.controls["third"].value = "none"
    assert names(panel) == ["tangent at z", "gelu", "silu"] and not len(panel._scene._values[2].get_xdata())
    assert "back: " in panel._scene._passed_words.get_text()


def test_a_point_beyond_the_axes_is_a_cross_and_said_so():
    panel = slope_panel("activation=relu z=8")
    assert panel._scene._value.get_marker() == "x" and "(outside)" in panel._scene._value_words.get_text()
    assert panel._scene._value.get_ydata()[0] == panel._scene._left.get_ylim()[1]
    panel.controls["z"].value = 1.0
    assert panel._scene._value.get_marker() == "o" and "(outside)" not in panel._scene._value_words.get_text()


@pytest.mark.parametrize(("state", "words"), [
    ("activation=sigmoid z=2 e=1", "φ(2) = 0.881 with slope φ'(2) = 0.105: of a message e = 1 the unit passes back 0.105."),
    ("activation=sigmoid z=8", "φ(8) = 1 − 3.35e-04"), ("activation=tanh z=-8", "φ(-8) = -1 + 2.25e-07"),
    ("activation=relu z=-1", "passes back 0."),
    ("activation=relu z=0", "Here is a kink, slope 0 on its left and 1 on its right; the library takes 0"),
    ("activation=leaky_relu z=0", "the library takes 0.01"), ("activation=selu z=0", "the library takes 1.76")])
def test_the_readout_of_the_slope(state, words):
    assert words in slope_panel(state).readout


def test_no_kink_is_announced_where_there_is_none():
    assert "kink" not in slope_panel("activation=elu z=0").readout and "kink" not in slope_panel("activation=relu z=0.1").readout


# --- saturation ---


def press(panel, label):
    next(b for b in panel.widget.children[1].children if getattr(b, "description", "") == label).click()


def test_the_presets_of_the_saturation_panel():
    panel = saturation_panel()
    press(panel, "2 to 5")
    assert panel.result.bounds == (2, 5) and "100 % of the 30000 slopes" in panel.readout
    assert panel.readout.endswith("with size 0 (rounded).")
    panel.controls["activation"].value = "relu"
    press(panel, "2 to 5")
    panel.controls["lo"].value, panel.controls["hi"].value = -5.0, -2.0
    assert panel.readout.endswith("with size 0.")  # by definition
    panel.controls["activation"].value = "sigmoid"
    press(panel, "−0.5 to 0.5")
    assert panel.result.bounds == (-0.5, 0.5) and ": saturated." in panel.readout and " 0 % of the" in panel.readout
    press(panel, "−5 to 5")
    assert 0.5 < panel.result.saturated < 1


def test_the_ends_of_the_interval_can_be_dragged_also_past_each_other():
    panel = saturation_panel("lo=1 hi=2")
    pull(panel, 0, -1.52, 0)
    pull(panel, 1, 3.0, 0.4)
    assert panel.result.bounds == (-1.5, 3)
    pull(panel, 0, 4.0, 0)
    assert panel.result.bounds == (3, 4) and panel.readout.startswith("Weights between 3 and 4")
    pull(panel, 1, 4.5, 0)  # the upper end is now what the slider `lo` holds
    assert panel.values["lo"] == 4.5 and panel.result.bounds == (3, 4.5)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "selu"])
def test_the_three_histograms_are_those_of_the_layer_and_stay_inside_their_axes(activation):
    panel = saturation_panel(f"activation={activation} lo=-3 hi=4")
    scene = panel._scene
    for name, axes in (("z", scene._z), ("a", scene._a), ("slope", scene._slope)):
        shares, edges = panel.result.histogram(name)
        outline = max(axes.get_lines(), key=lambda line: len(line.get_xdata()))
        assert outline.get_ydata().max() == shares.max() and axes.get_ylim() == (0, 100)
        low, high = axes.get_xlim()
        occupied = np.flatnonzero(shares)
        assert low <= edges[occupied[0]] and edges[occupied[-1] + 1] <= high + 2
    shaded = len(panel.result.flat) + 1
    assert len(scene._shades) == shaded


# --- collapse ---


@pytest.mark.parametrize(("label", "same"), [("No activation", True), ("Sigmoid", False), ("ReLU", False)])
def test_the_presets_of_the_collapse_panel(label, same):
    panel = collapse_panel("activation=tanh")
    press(panel, label)
    assert panel.result.same == same
    if same:
        assert "equal to rounding" in panel.readout and panel.result.two.accuracy < 0.6
        left, right = (shown._border.get_xydata() for shown in panel._scene._maps)
        np.testing.assert_allclose(left, right, atol=1e-9)
    else:
        assert "name 100 %" in panel.readout and " apart" in panel.readout


def test_the_star_can_be_dragged_on_either_map_and_nothing_is_trained_anew():
    panel = collapse_panel("activation=relu points=moons")
    trained = panel.result.two
    pull(panel, 0, 0.52, -0.71)
    assert panel.result.point == (0.5, -0.7) and panel.result.two is trained
    pull(panel, 1, -1.0, 9.0)
    assert panel.result.point == (-1.0, 1.5)
    (_, x0, y0), (_, x1, y1) = panel._scene.grips()
    assert (x0, y0) == (x1, y1) == (-1.0, 1.5)
    shares = panel.result.two.at(panel.result.point)
    said = re.search(r"take the star for a (\w+) \((?:nearly )?(\d+) %\)", panel.readout)
    assert ("circle", "square")[shares.argmax()] == said[1] and int(said[2]) == round(100 * shares.max())


def test_a_preview_is_trained_further_once_the_hand_rests():
    panel = collapse_panel("activation=tanh points=spirals")
    panel.controls["hidden"].value = 5
    assert panel._light and panel._picture.frame["stale"]
    sketch = panel.result
    assert "right after 60 of 300 steps; " in panel.readout
    panel._rested(None, {"rest": panel._number}, None)
    assert not panel._picture.frame["stale"] and panel.result.two.accuracy > sketch.two.accuracy
    assert panel.readout == collapse_panel("activation=tanh points=spirals hidden=5").readout


def test_the_ghost_of_a_border_lies_over_the_map():
    panel = collapse_panel("activation=relu")
    border = panel._scene._maps[0]._border.get_xydata()
    panel.pin()
    panel.controls["activation"].value = "linear"
    ghosts = panel._scene.moving[-2:]
    np.testing.assert_array_equal(ghosts[0].get_xydata(), border.reshape(-1, 3, 2)[::2].reshape(-1, 2))
    before = len(panel._scene.moving)
    for _ in range(5):
        panel.pin()
    assert len(panel._scene.moving) == before + 4  # three ghosts at most, on two maps
    assert ghosts[0] not in panel._scene.moving and all(artist.axes is not None for artist in panel._scene.moving)
    panel.reset()
    assert len(panel._scene.moving) == before - 2


# --- dead units ---


def test_the_presets_of_the_dead_relu_panel_do_what_they_say():
    panel = dead_relu_panel()
    opened = panel.readout
    outcomes = {}
    for label in ("Large steps", "Negative bias", "Healthy"):
        press(panel, label)
        assert panel.readout.startswith("Not trained yet: press Train. Dead at birth: ")
        panel.train()
        outcomes[label] = panel.result
    assert outcomes["Large steps"].dead[0].max() == 0 and outcomes["Large steps"].dead[-1][0] > 1 / 3
    assert outcomes["Negative bias"].dead[0].min() > 1 / 3 and outcomes["Negative bias"].accuracy < 0.2
    assert outcomes["Healthy"].accuracy > 0.95 and panel.readout == opened


def test_the_curves_are_the_counts():
    panel = dead_relu_panel("learning_rate=0.8")
    for l, (dead, activity) in enumerate(zip(panel._scene._dead, panel._scene._activity, strict=True)):
        np.testing.assert_allclose(dead.get_ydata(), 100 * panel.result.dead[:, l])
        assert list(dead.get_xdata()) == list(range(0, 301, 10))
        assert np.all(np.diff(activity.get_ydata()) <= 0)
        assert np.sum(activity.get_ydata() == 0) == round(50 * panel.result.dead[-1, l])
    assert f"{100 * panel.result.dead[-1, 0]:.0f} % in layer 1" in panel._scene._left_words.get_text()


def test_a_slope_that_only_rounds_to_zero_is_told_from_a_dead_relu():
    panel = dead_relu_panel("activation=elu weight_scale=4 learning_rate=2")
    assert panel.result.dead[-1].any() and "so small that it rounds to 0" in panel.readout
    assert "rounds" not in dead_relu_panel("bias=-2").readout


@pytest.mark.parametrize("factory", [saturation_panel, dead_relu_panel, zigzag_panel])
def test_every_seed_gives_its_own_result(factory):
    panel = factory()
    results = []
    for seed in range(10):
        panel.controls["seed"].value = seed
        results.append(getattr(panel.result, {saturation_panel: "z", dead_relu_panel: "activity", zigzag_panel: "path"}[factory]))
        assert panel.problem == ""
    assert len({result.tobytes() for result in results}) == 10


def test_the_collapse_panel_takes_its_seed_from_whoever_builds_it():
    assert not np.array_equal(collapse_panel().result.points.x, collapse_panel(seed=1).result.points.x)


# --- the zigzag ---


def test_the_presets_of_the_zigzag_panel():
    panel = zigzag_panel()
    press(panel, "Centered inputs")
    centered = panel.result
    assert centered.bounds == (-1, 1) and 0.4 < centered.together < 0.6
    press(panel, "Positive inputs")
    assert "on 100 % of the steps on the way both weights rise or both fall" in panel.readout and panel.result.needed > 2 * centered.needed
    press(panel, "Same sign")
    assert panel.result.target == (1, 1) and panel.result.needed < 100


def test_the_star_of_the_zigzag_can_be_dragged_and_not_arriving_is_said():
    panel = zigzag_panel("learning_rate=0.05")
    pull(panel, 0, -0.81, 0.52)
    assert panel.result.target == (-0.8, 0.5) == tuple(panel._scene.grips()[0][1:])
    assert "In 300 steps the weights did not come within 0.01" in panel.readout and "not yet" in panel._scene._words.get_text()
    np.testing.assert_array_equal(panel._scene._path.get_xydata(), panel.result.path)


def test_a_star_at_the_start_leaves_nothing_to_do():
    panel = zigzag_panel("w1=0 w2=0")
    assert panel.readout.endswith("already there.") and panel._scene._path_words.get_text() == "already there"


def test_weights_beyond_the_axes_are_crosses_at_their_edge():
    panel = zigzag_panel("center=0.3 learning_rate=0.95 w1=1.4 w2=-1.4 seed=3")
    assert np.abs(panel.result.path).max() > 1.6 == np.abs(panel._scene._outside.get_xydata()).max()
    assert panel._scene._path_words.get_text().startswith("outside (x)")
    panel.controls["learning_rate"].value = 0.2
    assert not len(panel._scene._outside.get_xdata())


def test_the_heading_of_the_digits_names_the_formula():
    panel = rounding_panel()
    assert panel._scene._heading.get_text() == "slope, as a(1-a)"
    panel.controls["form"].value = "e^-z"
    assert panel._scene._heading.get_text() == "slope, as p/(1+p)² with p = e^-z"
