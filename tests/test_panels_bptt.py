"""What the first pictures of notebook 07 claim, what can be pulled in them, and what stands below."""

from functools import cache

import numpy as np
import pytest
from driving import pull

from livegrad.experiments.bptt import gradient_map, unrolled
from livegrad.experiments.influence import LONG, influence
from livegrad.experiments.truncation import truncation
from livegrad.panels.bptt import heat_map_panel, strip_panel, truncation_panel, unrolled_panel


@cache
def made(factory):
    return factory()


def opened(factory, state=""):
    """One panel for all tests, as it opens, or moved to a state: to lay a figure out takes longer than all that is tested."""
    panel = made(factory)
    panel.reset()
    panel.state = state
    return panel


# --- the unrolled net ---


def test_the_pair_is_read_out_and_step_k_stays_at_or_before_step_t():
    panel, seen = opened(unrolled_panel), unrolled(9, 2)
    assert f"the product of 7 Jacobians has norm {seen.norms[1]:.3g}, " in panel.readout
    assert f"the bound (1.69 · 1)^7 is {seen.bounds[1]:.3g}." in panel.readout
    assert f"norm {seen.sizes[1]:.3g}; its share of the whole is {100 * seen.shares[1]:.2g} %." in panel.readout
    assert f"That of the last three is {100 * sum(seen.shares[6:9]):.0f} %." in panel.readout
    panel.state = "t=4 k=8"
    assert panel.result.k == 4 and "From t = 4 to k = 4 there is no step back" in panel.readout
    panel.state = "t=2 k=1"
    assert "product of 1 Jacobian has" in panel.readout and "Step 1 gives no term" in panel.readout
    panel.state = "t=9 k=3 spectral_radius=0"
    assert "has norm 0," in panel.readout and "Its term of ∂J_t/∂W_h is 0." in panel.readout


def test_both_steps_can_be_pulled_and_the_frames_follow():
    panel = opened(unrolled_panel)
    pull(panel, 0, 6.2, 8.0)
    pull(panel, 1, 3.9, 1.0)
    assert (panel.controls["t"].value, panel.controls["k"].value) == (6, 4)
    assert [(min(line.get_xdata()), max(line.get_xdata())) for line in panel._scene._frames] == [(5.5, 6.5), (3.5, 4.5)]
    pull(panel, 2, 2.0, 0.5)
    assert panel.controls["k"].value == 2
    np.testing.assert_allclose(panel._scene._norm.get_ydata(), unrolled(6, 2).norms)


def test_losses_beyond_the_axis_are_marked():
    panel = opened(unrolled_panel, "activation=linear spectral_radius=2")
    above = np.flatnonzero(panel.result.per_step > 5) + 1
    assert above.size and panel._scene._beyond.get_xdata().tolist() == above.tolist()


# --- the map ---


def test_no_color_of_the_map_depends_on_the_threshold():
    panel = opened(heat_map_panel, "activation=linear spectral_radius=1.5 tau=60 max_norm=3")
    picture = panel._scene.moving[0]
    colors, readout = picture.get_array().copy(), panel.readout
    panel.controls["max_norm"].value = -3.0
    np.testing.assert_array_equal(picture.get_array(), colors)
    assert panel.readout != readout and "The map stays, and so do the ratios in it." in panel.readout
    seen = panel.result
    assert f"multiplies all of it by {seen.factor:.2e}" in panel.readout
    middle, clipped = panel._scene._middle.get_ydata(), panel._scene._clipped.get_ydata()
    np.testing.assert_allclose(clipped / middle, seen.factor)
    panel.state = "activation=sigmoid spectral_radius=1 max_norm=0"
    assert "clipping does nothing, and would not lift what has vanished" in panel.readout
    assert not panel._scene._clipped.get_visible()


def test_the_map_shows_the_ratios_and_what_is_cut():
    panel = opened(heat_map_panel, "steps=30 tau=7 spectral_radius=0.5")
    colors, seen = panel._scene.moving[0].get_array()[..., :3], gradient_map(30, 7, 1.0, 0.5)
    t, k = np.indices((60, 60))
    assert (colors[(t < 30) & (t - k > 7)] == 190).all() and (colors[(t < 30) & (k > t)] == 240).all()
    assert (colors[30:] == 255).all() and (colors[np.arange(30), np.arange(30)] == 255).all()
    blue = colors[12:20, 12:20][7, :8, 0].astype(int)  # step t = 20: the farther back, the less red
    assert (np.diff(blue) > 0).all()
    assert "Those more than τ = 7 steps apart are left out" in panel.readout
    assert f"{100 * seen.fates[0]:.0f} % have vanished" in panel.readout
    assert panel._scene._middle.get_xdata()[-1] == 7 and len(panel._scene._bound.get_xdata()) == 30


def test_rate_truncation_and_threshold_can_be_pulled():
    panel = opened(heat_map_panel)
    pull(panel, 0, 10.0, 1.5**10)
    assert panel.controls["spectral_radius"].value == pytest.approx(1.5)
    pull(panel, 1, 12.0, 1.0)
    assert panel.controls["tau"].value == 12
    pull(panel, 2, 0.5, 0.01)
    assert panel.controls["max_norm"].value == -2 and panel.result.factor < 1


def test_a_loss_that_sends_nothing_is_said():
    panel = opened(heat_map_panel, "activation=linear spectral_radius=1.5")
    assert panel.result.silent and f"At {panel.result.silent} of 50 steps the net is certain and right" in panel.readout


# --- truncation ---


def test_truncation_opens_with_counts_alone_so_that_its_saved_picture_is_the_same_everywhere():
    panel = truncation_panel()
    saved = panel.png()
    assert panel.result[1] is None and truncation_panel().png() == saved
    panel.controls["tau"].value = 9
    panel._show(light=False)
    assert panel.result[1] is not None and panel.png() != saved
    panel.reset()
    assert panel.result[1] is None and panel.png() == saved


def test_the_readout_of_truncation_holds_no_seconds_and_the_count_is_exact():
    panel, cut = opened(truncation_panel, "steps=40 tau=5 spectral_radius=1.2"), truncation(40, 5, 1.2)
    panel._show(light=False)
    assert f"cosine {cut.cosine[5]:.3g} with the whole gradient and {cut.length[5]:.3g} of its length" in panel.readout
    assert f"costs {sum(min(t, 5) for t in range(40))} products with a Jacobian against 39 of one full pass" in panel.readout
    assert "second" not in panel.readout and " ms" not in panel.readout and "ms" in panel._scene._words[2].get_text()
    panel.controls["tau"].value = 59
    assert panel.result[0].tau == 39 and "has cosine 1 with the whole gradient and 1 of its length" in panel.readout


def test_seconds_wait_until_the_hand_rests_and_are_measured_once_for_each_length():
    panel = opened(truncation_panel, "steps=20")
    panel._show(light=False)
    at, windows, chunks = panel.result[1]
    assert at[0] == 0 and at[-1] == 19 and len(at) == len(windows) == len(chunks)
    panel.controls["steps"].value = 30
    assert panel.result[1] is None and panel._scene._words[2].get_text() == "" and not len(panel._scene._measured[0].get_xdata())
    panel._show(light=False)
    assert panel.result[1] is not None
    panel.controls["steps"].value = 20
    assert panel.result[1][1] is windows
    pull(panel, 0, 11.0, -0.4)
    assert panel.controls["tau"].value == 11 and panel.result[0].tau == 11


# --- strips ---


def test_the_gradient_says_the_symbol_is_forgotten_and_the_replacement_says_it_is_not():
    panel, seen = opened(strip_panel), influence("trained", 24, 2)
    assert panel.readout == (f"The trained net gives the next symbol, T, 99.9 % at step 24. The gradient of this output "
                             f"at step 2 (T) is {seen.relative[1]:.2e} of its largest. With P in its place it would "
                             f"be {100 * seen.replaced[1]:.3g} %.")
    panel.state = "k=3"
    assert panel.readout.endswith("The grammar allows nothing but B there.")
    panel.state = "t=5 k=20"
    assert panel.result[0]["random"].k == 5


def test_the_strip_of_changes_is_as_blue_as_the_change_is_large():
    scene = opened(strip_panel, "t=24")._scene
    colors = scene.moving[1].get_array()[..., 0].astype(float)
    changes = np.array([influence(net, 24, 2).change for net in ("random", "orthogonal", "trained")])
    known = ~np.isnan(changes)
    np.testing.assert_allclose(colors[:, :24][known], 255 * (1 - changes[known]), atol=1)


def test_the_marks_tell_strings_of_the_grammar_from_others():
    scene = opened(strip_panel, "t=24")._scene
    assert scene._lawful.get_xdata().tolist() == [2] and 4 in scene._broken.get_xdata()
    np.testing.assert_allclose(scene._gradient.get_ydata(), influence("trained", 24, 2).relative)


def test_output_and_earlier_step_can_be_pulled():
    panel = opened(strip_panel, "net=orthogonal")
    pull(panel, 0, 14.1, 0.6)
    assert panel.controls["t"].value == 14 and LONG[14] in panel._scene._words[0].get_text()
    pull(panel, 1, 8.0, 0.01)
    assert panel.controls["k"].value == 8 and panel.result[1] == "orthogonal"
