"""What the picture of a whole net in notebook 05 claims."""

import math

import numpy as np
import pytest

from livegrad.experiments.clipping import compare_schemes
from livegrad.panels.schemes import scheme_panel


def test_the_curves_are_the_norms_and_the_stems_the_angles():
    panel = scheme_panel("depth=12 weight_scale=2 activation=relu threshold=1 share=-3")
    for scheme in compare_schemes(10.0, 12, 2.0, "relu", clipping_share=1e-3, width=50)[1:]:
        np.testing.assert_allclose(panel._scene._after[scheme.name].get_ydata(), scheme.norms)
        assert panel._scene._stems[scheme.name].get_xdata()[1] == pytest.approx(scheme.turn)
        assert f"{scheme.turn:.1f}°" in panel.readout


def test_the_threshold_can_be_pulled():
    panel = scheme_panel()
    axes = panel._scene.grips()[0][0]
    x, y = axes.transData.transform((28, 100.0)) / panel._canvas.get_width_height()
    panel._picture.pointer = {"grip": 0, "x": x, "y": y}
    assert panel.problem == "" and panel.result[1].threshold == pytest.approx(100, rel=0.13)
    assert max(panel.result[2].norms) <= panel.result[2].threshold * (1 + 1e-12)


def test_the_finer_the_cut_the_more_it_turns():
    """Of one gradient whose pieces are all longer than the threshold: whole net, layer, array, entry."""
    panel = scheme_panel("threshold=-4")
    turns = [scheme.turn for scheme in panel.result[1:5]]
    assert turns == sorted(turns) and turns[0] < 1e-6 and turns[3] > 60
    # All layers get the same length, so the cosine is the sum of their lengths over √K times that of the whole.
    sizes = panel.result[0].norms
    expected = math.degrees(math.acos(sizes.sum() / math.sqrt(len(sizes)) / np.linalg.norm(sizes)))
    assert panel.result[2].turn == pytest.approx(expected, rel=0.02)


def test_clipping_lengthens_nothing():
    for scheme in scheme_panel("depth=20 weight_scale=1 activation=sigmoid threshold=-4").result[1:]:
        before = compare_schemes(1.0, 20, 1.0, "sigmoid", width=50)[0].norms
        assert np.all(scheme.norms <= before * (1 + 1e-12))


def test_pin_and_reset():
    panel = scheme_panel()
    opened = panel.readout
    panel.pin()
    panel.controls["depth"].value = 5
    assert panel.readout != opened and panel._scene._ghosts and panel.png()[:4] == b"\x89PNG"
    panel.reset()
    assert panel.readout == opened and not panel._scene._ghosts


def test_norms_off_the_scale_are_marked_and_not_drawn():
    scene = scheme_panel("depth=20 weight_scale=1 activation=sigmoid threshold=-4")._scene
    low = scene._sizes.get_ylim()[0]
    assert scene._before.get_ydata()[0] < 1e-11  # layer 1 before clipping is on the scale
    shrunk = scene._after["global norm"].get_ydata()
    gaps = np.flatnonzero(np.isnan(shrunk))
    assert gaps.size and shrunk[gaps[-1] + 1] > low
    assert sorted(scene._off.get_xdata()) == list(gaps + 1)
    assert scheme_panel()._scene._off.get_xdata().size == 0
