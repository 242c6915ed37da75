"""What holds for every panel of the course."""

import pytest
from driving import factories, stations

every = pytest.mark.parametrize("factory", factories().values(), ids=factories())


def test_all_are_found():
    assert len(factories()) >= 52


@every
def test_pin_reset_the_handles_and_what_a_lecture_leaves_out(factory):
    panel, lecture = factory(), factory(lecture=True)
    assert len(panel.controls) <= 5 and len(lecture.widget.children[0].children) < 5
    labels = [b.description for b in panel.widget.children[1].children if hasattr(b, "on_click")]
    assert len([label for label in labels if label not in ("Pin", "Reset", "Train", "Stop")]) <= 3
    opened = panel.readout
    for x, y in panel._picture.frame["grips"]:
        assert 0 < x < 1 and 0 < y < 1
    panel.pin()
    for name in panel.controls:
        panel.controls[name].value = stations(panel._kinds[name])[-1]
    panel.pin()
    assert panel.problem == "" and panel.png()[:4] == b"\x89PNG"
    panel.reset()
    assert panel.readout == opened and not panel._scene._ghosts
