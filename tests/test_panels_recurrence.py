"""What the pictures of why recurrent nets suffer claim, what can be pulled in them, and what stands below."""

import math
from functools import cache

import numpy as np
import pytest
from driving import pull

from livegrad.panels.recurrence import expansion_panel, gates_panel, lambda_panel, spike_panel, starts_panel


@cache
def opened(factory):
    return factory()


def at(factory, state=""):
    """The one panel of its kind that these tests share, as it opens, and then at a state."""
    panel = opened(factory)
    panel.reset()
    panel.state = state
    return panel


# --- the spike ---


def test_the_spike_s_step_and_size_and_what_is_left_of_it_can_be_pulled():
    panel = at(spike_panel)
    usual = panel.result.recurrent[1, 9]
    x = panel.result.feedforward[1, 9] - 0.1
    pull(panel, 0, 10.2, usual + 9 * x)
    assert panel.controls["step"].value == 10 and panel.controls["spike"].value == pytest.approx(1.0)
    pull(panel, 0, 10, 0.01)
    assert panel.controls["spike"].value == -2
    panel.state = "spike=3 step=5 recurrent_weight=0.8"
    excess = panel.result.recurrent[0, 4] - panel.result.recurrent[1, 4]
    pull(panel, 1, 13, excess * 0.9**8)
    assert panel.controls["recurrent_weight"].value == pytest.approx(0.9, abs=0.02)


def test_the_spike_s_readout_says_how_long():
    panel = at(spike_panel, "recurrent_weight=0.5")
    assert "stays over half for 8 steps" in panel.readout
    assert panel.readout.endswith("nearly 100 % at step 5, and 0 % from the next step on.")
    np.testing.assert_allclose(panel._scene._shares[0].get_ydata(), 100 * panel.result.share)
    panel.state = "spike=0"
    assert panel.readout.startswith("No spike")
    panel.state = "spike=3 recurrent_weight=1.2"
    assert "1,000 times" in panel.readout and "stays over half to the end" in panel.readout
    panel.state = "view=bias spike=-2 recurrent_weight=0.3 step=6"
    assert "update of the bias is over half at that step only, and is 0 % at step 40" in panel.readout
    panel.state = "spike=-0.1"
    assert panel.result.drowned == 0 and f"is {100 * panel.result.share[5]:.0f} % at that step" in panel.readout


def test_what_the_spike_changed_is_a_curve_of_its_own():
    panel = at(spike_panel, "recurrent_weight=1 spike=-2")
    changed = panel._scene._trace.get_ydata()
    assert np.isnan(changed[:4]).all()  # nothing before the spike, and no cross for that
    np.testing.assert_allclose(changed[4:], 0.99 * (panel.result.feedforward[1, 4] - 0.1))
    assert len(panel._scene._lost.get_xdata()) == 0


# --- eigen-directions ---


def test_the_sum_lies_on_the_backward_pass():
    panel = at(expansion_panel)
    assert "agree: their relative difference is below 1e-10" in panel.readout
    np.testing.assert_allclose(panel._scene._backward.get_ydata(), panel._scene._sum.get_ydata(), rtol=1e-10)
    np.testing.assert_allclose(panel._scene._entries.get_ydata(), panel._scene._summed.get_ydata(), atol=1e-10)
    pull(panel, 0, 35.3, 1.0)
    assert panel.controls["length"].value == 35 == panel.result.at
    pull(panel, 1, 55, 1.05**55)
    assert panel.controls["spectral_radius"].value == pytest.approx(1.05) and panel.result.radius == pytest.approx(1.05)


def test_its_readout_names_the_matrix():
    panel = at(expansion_panel, "off_diagonal=0")
    assert panel.readout.endswith("W is symmetric, and its q are orthogonal.")
    panel.state = "kind=pair"
    assert "The leading pair (modulus 0.9)" in panel.readout and panel.readout.endswith("The q are orthogonal.")
    assert len(panel._scene._shares[-1].get_xdata()) == 0  # a pair is one direction
    panel.state = "off_diagonal=2"
    assert "The q are oblique" in panel.readout


# --- starts ---


def test_a_slider_shows_a_draft_and_a_rested_hand_the_exact_values():
    panel = at(starts_panel)
    panel.controls["weight_scale"].value = 1.4
    draft = panel.result.values["orthogonal"]
    panel._show(light=False)
    exact = panel.result.values["orthogonal"]
    np.testing.assert_allclose(draft[0], exact[0], atol=1e-2)
    assert not np.array_equal(draft, exact)
    panel.controls["length"].value = 80  # of what is known nothing is drafted
    assert panel.result.at == 80 and panel.result.values["orthogonal"] is exact


def test_the_median_can_be_pulled():
    panel = at(starts_panel)
    wanted = panel.result.values["orthogonal"][1, 8] + 80 * math.log10(0.9)
    pull(panel, 1, 81, 10**wanted)
    assert panel.controls["length"].value == 80 and panel.controls["weight_scale"].value == pytest.approx(0.9)
    pull(panel, 3, 32, 1.0)
    assert panel.controls["length"].value == 30 and panel.controls["weight_scale"].value == pytest.approx(0.9)


def test_what_is_zero_or_off_the_axis_is_marked_and_said():
    panel = at(starts_panel)
    assert "identity, ReLU 1, 1, 0;" in panel.readout and panel.readout.endswith(", 0.")
    crosses = {start: len(lost.get_xdata()) for start, (_, _, lost, _) in panel._scene._shown.items()}
    assert crosses == {"Gaussian": 1, "orthogonal": 0, "identity": 1, "layer norm": 1}
    assert panel._scene._words[2].get_text() == "median 1"


# --- gates ---


def test_the_additive_path_can_be_pulled():
    panel = at(gates_panel)
    pull(panel, 0, 60, 0.99**60)
    assert panel.controls["length"].value == 60
    assert 10 ** (panel.result.there(panel.result.additive)[1] / 60) == pytest.approx(0.99, abs=0.005)


def test_gates_readout_and_curves():
    panel = at(gates_panel, "forget_bias=5 length=50")
    value = 10 ** panel.result.lstm[25]
    assert f"the LSTM's {value:.3g}." in panel.readout and 0.1 < value < 10
    heights = panel._scene._tanh.get_ydata()
    assert f"{heights[25]:.2e}" in panel.readout and heights[25] < 1e-9
    panel.state = "weight_scale=0"
    assert "the tanh net's product has norm 0, " in panel.readout


# --- which statement applies ---


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("activation=tanh spectral_radius=0.7 off_diagonal=0.3", "Says: γσ₁ < 1: it vanishes, for any input."),
        ("activation=linear spectral_radius=0.9 off_diagonal=2", "γσ₁ > 1 decides nothing; linear, ρ < 1: it vanishes"),
        ("activation=linear spectral_radius=1.1 off_diagonal=0", "linear, ρ > 1: it explodes. Measured: largest at the end"),
        ("activation=linear spectral_radius=1 off_diagonal=1", "linear, ρ = 1: it does neither in the end."),
        ("activation=tanh spectral_radius=1 off_diagonal=0", "Says: γσ₁ = 1: it cannot explode. Measured: never above 1"),
        ("activation=sigmoid spectral_radius=1.3 off_diagonal=1", "Says: γσ₁ > 1: it may explode, or not."),
    ],
)
def test_the_statement_that_applies_is_said(state, says):
    panel = at(lambda_panel, state)
    assert says in panel.readout
    assert panel._scene._right_words.get_text().removeprefix("says: ") in panel.readout


def test_norm_and_radius_can_be_pulled():
    panel = at(lambda_panel)
    pull(panel, 0, 3.0, 0.5)
    assert panel.result.norm == pytest.approx(math.hypot(3.0, 0.5), abs=0.05)
    pull(panel, 1, 50, 0.96**50)
    assert panel.controls["spectral_radius"].value == pytest.approx(0.96)


def test_the_ellipse_is_the_image_of_the_circle():
    panel = at(lambda_panel, "activation=sigmoid spectral_radius=0.8 off_diagonal=1.5")
    points = panel._scene._ellipse.get_xydata()
    assert np.linalg.norm(points, axis=1).max() == pytest.approx(panel.result.norm, rel=1e-3)
    ends = panel._scene._own.get_xydata()[[0, 2]]
    W = panel.result.gamma * panel.result.W
    for end, value in zip(ends, (0.8, 0.64), strict=True):
        np.testing.assert_allclose(W @ end, value * end, atol=1e-12)
        assert np.linalg.norm(end) == pytest.approx(value)
