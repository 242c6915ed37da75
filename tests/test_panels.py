"""What holds for every panel of the course."""

import pytest
from driving import factories, stations, strict

from livegrad.panels.live import Panel

every = pytest.mark.parametrize("factory", factories().values(), ids=factories())


def page(panel):
    """What a page has of it: both layers of the picture, and all that stands on and beside them."""
    picture = panel._picture
    return picture.backdrop, picture.moving, picture.frame | {"number": None}


def test_all_are_found():
    assert len(factories()) >= 52


@every
def test_presets_pins_ends_and_reset_in_a_lecture(factory):
    """One panel for all of it, since opening one is what takes time."""
    with strict():
        panel = factory(lecture=True)
        assert len(panel.controls) <= 5 and len(panel.widget.children[0].children) < 5
        opened = page(panel)
        for x, y in panel._picture.frame["grips"]:
            assert 0 < x < 1 and 0 < y < 1
        buttons = [one for one in panel.widget.children[1].children if hasattr(one, "on_click")]
        presets = [one for one in buttons if one.description not in ("Pin", "Reset", "Train", "Stop")]
        assert len(presets) <= 3
        Panel._jump(panel, {name: stations(kind)[-1] for name, kind in panel.kinds.items()})  # without the run of one that trains
        panel.pin()
        for press in presets:
            press.click()
            assert panel.problem == "", press.description
        panel.reset()
        panel.png()  # draws the words, too, which a page draws itself
    assert page(panel) == opened and not panel._scene._ghosts
