"""The panels of notebook 09: diagnosis, prescription, recovery, and the form with every setting."""

import re

import numpy as np
import pytest
from driving import hand_rests

from livegrad.experiments.patients import CHOICES, DISEASES, PATIENTS, spelled
from livegrad.panels.clinic import Form, patient_panel, patient_state, sandbox_panel


@pytest.fixture(scope="module")
def panel():
    return patient_panel()


@pytest.fixture(scope="module")
def sandbox():
    return sandbox_panel("settings=depth:3")


def test_every_patient_opens_on_its_symptoms_and_nothing_names_the_disease(panel):
    for name, patient in PATIENTS.items():
        panel.controls["patient"].value = name
        assert panel.problem == "" and panel.result.progress == 1 and f"Patient {name}" in panel.readout
        assert patient.disease not in panel.readout and not re.search(r"\bnan\b|\binf\b", panel.readout)
        assert not any(spelled(*change) in panel.readout for change in patient.cure.items())
        if patient.disease == "healthy":
            assert panel.result.well
        else:
            assert not panel.result.well
    panel.reset()


def test_a_diagnosis_is_judged_and_a_wrong_one_told_what_it_would_show(panel):
    panel.controls["diagnosis"].value = "exploding"
    assert f"wrong: {DISEASES['exploding']}" in panel.readout and "vanishing" not in panel.readout
    panel.controls["diagnosis"].value = "vanishing"
    assert "The diagnosis vanishing is right." in panel.readout
    assert panel.result.progress == 1
    panel.reset()


def test_treatment_from_prescription_to_recovery():
    panel = patient_panel("patient=I change_1=gain=4")
    assert "With gain=4 it has not recovered with this seed; none of the seeds 0 to 4 is well" in panel.readout
    assert not panel.result.well
    panel.controls["change_2"].value = "learning_rate=1"
    assert "press Train" in panel.readout and "Prescribed: gain=4 learning_rate=1." in panel.readout
    assert "shortest" not in panel.readout
    panel.train()
    assert "it is well with this seed. A shortest cure has 2 changes: " in panel.readout
    assert "Of 30 single changes none is enough." in panel.readout
    # What has been trained once need not be trained again to try another diagnosis.
    panel.controls["diagnosis"].value = "saturated-units"
    assert panel.result.well and "is right" in panel.readout
    assert panel.state == "patient=I diagnosis=saturated-units change_1=gain=4 change_2=learning_rate=1 seed=0"


def test_another_seed_is_trained_when_the_hand_rests():
    panel = patient_panel()
    panel.controls["seed"].value = 1
    assert panel.result.taken == 0 and panel._picture.frame["stale"]
    hand_rests(panel)
    assert panel.result.progress == 1 and panel.readout == patient_panel("seed=1").readout
    panel.controls["seed"].value = 0
    assert panel.result.progress == 1, "what has been trained is there at once"


def test_one_setting_cannot_have_two_values(panel):
    panel.controls["change_1"].value = "gain=1"
    panel.controls["change_2"].value = "gain=2"
    assert "gain=1" in panel.problem and "gain=2" in panel.problem
    panel.controls["change_2"].value = "gain=1"
    assert panel.problem == "" and panel.result.changes == {"gain": 1.0}
    panel.reset()


def test_a_change_that_means_nothing_to_the_patient_is_said_to(panel):
    panel.state = "patient=E change_1=depth=3"
    assert "This net has no use for depth." in panel.readout
    panel.reset()


def test_one_seed_that_gets_well_is_no_cure():
    panel = patient_panel("patient=G change_1=gain=1")
    assert panel.result.well and "1 of the seeds 0 to 4 is well, and a cure needs 4." in panel.readout
    assert "shortest" not in panel.readout
    panel.state = "patient=G change_1=gain=1.4 seed=9"
    panel.train()
    assert "5 of the seeds 0 to 4 are well, and a cure needs 4. A shortest cure has 1 change" in panel.readout


def test_a_change_to_what_the_patient_has_is_said_to_be_none(panel):
    panel.state = "patient=G change_1=gain=4"
    assert panel.readout.endswith("Patient G has gain=4 already: no change.") and "after a loss of 1.85e+71" in panel.readout
    panel.state = "patient=D change_1=gain=1.4 change_2=norm=batch"
    assert "Patient D has gain=1.4 already: no change." in panel.readout
    panel.reset()


def test_well_before_and_well_after():
    panel = patient_panel("patient=D change_1=norm=batch")
    assert "well, as it was before" in panel.readout


def test_stop_and_go_on():
    panel = patient_panel("patient=G")
    panel.controls["change_1"].value = "gain=1.4"
    display, seen = panel._display, []

    def stop_at_50(result, **how):
        display(result, **how)
        seen.append(result.taken)
        if result.taken == 50:
            panel.stop()

    panel._display = stop_at_50
    panel.train()
    assert seen[-1] == 50 and not panel.running
    panel.train()
    assert seen[-1] == 200 and seen.count(50) == 1 and panel.result.well


def test_the_picture_shows_what_it_says(panel):
    panel.state = "patient=G"
    scene = panel._scene
    assert scene._left_words.get_text() == "OVERFLOW at update 3" and np.isnan(scene._loss.get_ydata()).all()
    x, y = scene._beyond[0].get_data()
    assert set(x) == {0} and (np.array(y) > 10).all()  # lost from the first update on
    panel.state = "patient=B"
    scene, chart = panel._scene, panel.result
    assert scene._shares_words.get_text() == "closed 100 %" and scene._sizes_words.get_text() == "gradient 1:5 now 0"
    np.testing.assert_array_equal(scene._last[3].get_data(), [range(1, 6), 100 * chart.last.closed])
    x, y = scene._first[0].get_data()
    np.testing.assert_array_equal(x, range(6))
    np.testing.assert_array_equal(y, chart.first.a)
    x, y = scene._first[2].get_data()
    np.testing.assert_array_equal(y, chart.first.update)
    x, _ = scene._beyond[1].get_data()  # zeros: activations and gradients of the hidden layers
    assert sorted(x) == [1, 1, 2, 2, 3, 3, 4, 4]
    panel.state = "patient=E"
    assert panel._scene._sizes.get_xlabel() == "step" and 0 not in panel._scene._beyond[1].get_xdata()
    panel.reset()
    assert panel._scene._sizes.get_xlabel() == "layer"


def test_what_lies_beyond_the_axes_gets_a_cross():
    panel = sandbox_panel("settings=depth:12,gain:30")
    chart = panel.result
    assert chart.overflowed
    x, y = panel._scene._beyond[1].get_data()
    beyond = [layers + 1 for values in (chart.last.dz, chart.last.update) for layers in np.flatnonzero(values > 1e6)]
    assert set(x) == set(beyond) | set(np.flatnonzero(chart.last.a > 1e6)) and len(x) and (np.array(y) < 1e6).all()


def test_the_file_of_a_patient_opens_in_the_sandbox(sandbox):
    for name, patient in PATIENTS.items():
        sandbox.state = patient_state(name)
        assert sandbox.problem == "" and sandbox.result.settings == patient.settings
    sandbox.reset()


def test_the_form_follows_its_lists_and_the_lists_the_form(sandbox):
    panel = sandbox
    box = panel.controls["settings"]
    box._lists["activation"].value = "tanh"
    assert "activation:tanh" in panel.state and "press Train" in panel.readout and panel.result.settings.activation == "tanh"
    panel.state = panel.state.replace("depth:3", "depth:12").replace("norm:none", "norm:batch")
    assert (box._lists["depth"].value, box._lists["norm"].value, box._lists["activation"].value) == ("12", "batch", "tanh")
    panel.reset()
    assert box._lists["depth"].value == "3" and panel.result.well


def test_the_form_shows_fewer_lists_to_a_lecture_and_keeps_the_others(sandbox):
    lecture = sandbox_panel("settings=depth:3,width:20", lecture=True)
    assert len(lecture.controls["settings"].children) < len(sandbox.controls["settings"].children) == len(CHOICES)
    assert lecture.result.settings.width == 20


@pytest.mark.parametrize("text", ["height:3", "depth:99", "depth"])
def test_a_form_refuses_what_is_not_on_offer(text):
    form = Form("net", "Net", {"depth": ("6", "12"), "norm": ("none", "batch")})
    with pytest.raises(ValueError, match="net: got"):
        form.parse(text)
