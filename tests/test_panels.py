"""What holds for every panel of the course."""

import warnings

import pytest
from driving import factories, stations

every = pytest.mark.parametrize("factory", factories().values(), ids=factories())


def test_all_are_found():
    assert len(factories()) >= 52


@every
def test_presets_pins_ends_and_reset_in_a_lecture(factory):
    """One panel for all of it, since opening one is what takes time."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        panel = factory(lecture=True)
        assert len(panel.controls) <= 5 and len(panel.widget.children[0].children) < 5
        opened = panel.readout, panel.png()
        for x, y in panel._picture.frame["grips"]:
            assert 0 < x < 1 and 0 < y < 1
        buttons = [one for one in panel.widget.children[1].children if hasattr(one, "on_click")]
        presets = [one for one in buttons if one.description not in ("Pin", "Reset", "Train", "Stop")]
        assert len(presets) <= 3
        panel._jump({name: stations(kind)[-1] for name, kind in panel._kinds.items()})
        panel.pin()
        for press in presets:
            press.click()
            assert panel.problem == "", press.description
        panel.reset()
    assert panel.readout == opened[0] and not panel._scene._ghosts
    assert panel.png() == opened[1] or hasattr(panel, "train")
