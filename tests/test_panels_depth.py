"""What the pictures of notebook 08 claim, what can be pulled in them, and what stands below."""

import math

import numpy as np
import pytest
from driving import pull

from livegrad.experiments.depth_runs import DEPTHS, budget_runs, rule_runs
from livegrad.panels.depth import budget_panel, checklist_panel, residual_panel, sawtooth_panel

# --- the sawtooth ---


def test_the_sawtooth_is_written_by_the_deep_net_only():
    panel = sawtooth_panel("layers=6")
    assert panel.readout.startswith("The deep net (12 units, 37 parameters) has 64 linear pieces and writes the sawtooth "
                                    "exactly; one hidden layer of 12 units (37 parameters) has at most 13 and comes no "
                                    "closer than about 0.26")
    assert "but is off by at least ½ somewhere" in panel.readout
    panel.controls["times"].value = "8"
    assert panel.result.units == 96 and "(289 parameters) has at most 97 and can be exact, too" in panel.readout
    np.testing.assert_allclose(panel._scene._shallow.get_ydata(), np.arange(65) % 2, atol=1e-9)
    pull(panel, 0, 3.2, 10.0)
    assert panel.controls["layers"].value == 3 and panel.result.deep.count == 8
    np.testing.assert_allclose(panel._scene._built.get_ydata(), 2.0 ** np.arange(1, 8))
    np.testing.assert_array_equal(panel._scene._drawn.get_ydata(), np.median(panel.result.drawn, axis=0))


def test_noise_shows_in_picture_and_words():
    panel = sawtooth_panel("layers=6 noise=0.01")
    assert f"is off by {panel.result.deep_error:.3g} (rms)" in panel.readout
    panel.controls["noise"].value = 0.2
    y = panel.result.deep.values
    assert (len(panel._scene._beyond.get_xdata()) > 0) == bool((y > 1.35).any() or (y < -0.35).any())


# --- the stack ---


def test_a_stack_in_words():
    panel = residual_panel("blocks=200 branch=0")
    assert panel.readout == ("200 blocks with skips: the gradient in front of the first block is 1 of that behind the last. The "
                             "eigenvalues of block 100's Jacobian lie within 0 of 1.")
    panel.state = "skip=no"
    assert "nowhere a gradient: the stream has become exactly 0" in panel.readout
    panel.state = "skip=yes branch=1 weight_scale=2"
    assert f"after block {panel.result.overflow} the stream is too large for float32" in panel.readout
    assert panel._scene._words[0].get_text() == f"overflow after block {panel.result.overflow}"
    panel.state = "skip=no weight_scale=0.8"
    assert panel.result.survival < 1e-15 and "of that behind the last. The eigenvalues" in panel.readout
    panel.state = "weight_scale=0.3"
    assert all(len(marks.get_xdata()) > 0 for marks in panel._scene._beyond.values())
    panel.state = "skip=yes norm=post weight_scale=1"
    values = panel.result.eigenvalues
    assert f"have mean {values.mean().real:.3g} and modulus {abs(values).max():.3g} at most" in panel.readout
    assert np.count_nonzero(abs(values) < 1e-3) == 2  # layer norm takes away mean and length


def test_blocks_and_the_disk_can_be_pulled():
    panel = residual_panel()
    pull(panel, 0, 60.0, 1.0)
    assert panel.controls["blocks"].value in (59, 60, 61) and len(panel.result.gradient) == panel.controls["blocks"].value + 1
    pull(panel, 1, 1.5, 0.0)
    assert panel.controls["weight_scale"].value == pytest.approx(0.5) and panel.result.radius == pytest.approx(0.5)
    panel.state = "skip=no"
    pull(panel, 1, 1.2, 0.0)
    assert panel.controls["weight_scale"].value == pytest.approx(1.2)
    panel.state = "norm=pre"
    assert len(panel._scene.grips()) == 1 and len(panel._scene._disk.get_xdata()) == 0


def test_the_curves_are_the_result():
    panel = residual_panel("blocks=30 branch=1/√L")
    for name in ("gradient", "stream", "prediction"):
        np.testing.assert_allclose(panel._scene._lines[name].get_ydata(), getattr(panel.result, name))
    points = panel._scene._values.get_xydata()
    np.testing.assert_allclose(points[:, 0] + 1j * points[:, 1], panel.result.eigenvalues)


def test_a_pin_leaves_the_eigenvalues_behind():
    panel = residual_panel("norm=pre")
    before = panel._scene._values.get_xydata().copy()
    panel.pin()
    panel.state = "norm=post"
    np.testing.assert_allclose(panel._scene._ghosts[0][-1].get_xydata(), before)
    panel.reset()
    assert not panel._scene._ghosts and len(panel._scene._plane.get_lines()) == 5


# --- equal budget ---


def test_the_budget_opens_on_a_stored_run_and_trains_a_live_one():
    panel = budget_panel()
    share = budget_runs(3, "plain")[DEPTHS.index(4), 0, -1]
    assert panel.readout.startswith("4 hidden layers of 17 units, 988 parameters, plain: after 1000 updates ")
    middle = np.median(budget_runs(3, "plain")[DEPTHS.index(4), :, -1])
    assert f" {100 * share:.0f} % of the test points are right (median of five stored runs: {100 * middle:.3g} %)" in panel.readout
    assert panel._progress.value == 1
    pull(panel, 0, 2.2, 0.5)  # the depth moves from one stored run to the next, and is never between
    assert panel.controls["hidden"].value == "2" and panel.readout.startswith("2 hidden layers of 29 units, ")
    first = next(panel._run(**panel.values))
    assert first.live.taken == 0 and panel._describe(first).startswith("Not trained yet: press Train. 2 hidden layers of 29 ")
    panel.train()
    stored = budget_runs(3, "plain")[DEPTHS.index(2), 0]
    np.testing.assert_allclose(panel.result.live.accuracy[:3], stored[:3], atol=0.02)
    assert panel.result.live.taken == 1000 and panel.problem == ""
    assert "(branches times 1/√31): after 1000" in budget_panel("hidden=32 connection=residual").readout


def test_its_curves_are_the_stored_runs():
    panel = budget_panel("folds=2 connection=residual hidden=32")
    for connection in ("plain", "residual"):
        runs = budget_runs(2, connection)[:, :, -1]
        np.testing.assert_allclose(panel._scene._medians[connection].get_ydata(), np.median(runs, axis=1))
    np.testing.assert_allclose(panel._scene._learned.get_ydata(), panel.result.live.learned)
    assert len(panel._scene._now.get_xdata()) == 33 and len(panel._scene._zero.get_xdata()) == 0
    panel.state = "folds=3 connection=plain"
    assert list(panel._scene._zero.get_xdata()) == [1, 2, 4, 8, 16, 32] and np.all(panel.result.live.gradient[:32] == 0)
    assert panel._scene._words[2].get_text() == "×: exactly 0"


# --- the checklist ---


def test_the_checklist_says_the_medians_and_where_to_read_on():
    panel = checklist_panel("case=hard updates=1000")
    without, with_it = np.median(rule_runs("inputs", "hard")[:, :, -1], axis=1)
    assert panel.readout.startswith("Right after 1000 updates, median of 5 seeds: normalize inputs (notebook 06) "
                                    f"{100 * without:.0f} % (pixels 0 to 255) → {100 * with_it:.0f} % (standardized); initialize ")
    pull(panel, 0, 210.0, 0.5)
    assert panel.controls["updates"].value == 200 and "after 200 updates" in panel.readout
    before, after = np.median(rule_runs("weights", "hard")[:, :, 4], axis=1)
    assert panel._scene._parts["weights"][-1].get_text() == f"{100 * before:.0f} % → {100 * after:.0f} %"
    panel.state = "case=limit updates=1000"
    shares = panel.result.right("batch norm")
    assert shares[0] > shares[1] and not math.isnan(shares[0])
