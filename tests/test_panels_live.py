"""The panel's contract, on a small scene of its own."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from livegrad.figures.scene import CurveScene
from livegrad.panels import live
from livegrad.panels.controls import Choice, Slider, parse_state
from livegrad.panels.live import Panel
from livegrad.panels.png import encode


@dataclass(frozen=True)
class Line:
    slope: float
    kind: str


class LineScene(CurveScene):
    title = "A line"

    def __init__(self, figure, style):
        super().__init__(style)
        self._axes = figure.subplots()
        self._axes.set(xlim=(0, 10), ylim=(-10, 10))
        self.heading(self._axes, "a line")
        self._line = self.curve(self._axes, "gradient", "line")
        self._said = self.words(self._axes)

    def update(self, result):
        self._line.set_data([0, 10], [0, result.slope])
        self._said.set_text(f"slope {result.slope:g}")

    def grips(self):
        (_, x), (_, y) = self._line.get_data()
        return [(self._axes, x, y)]


CONTROLS = [Slider("slope", "Slope", -10.0, 10.0, 1.0, 0.5), Slider("count", "Count", 1, 9, 3, lecture=False),
            Choice("kind", "Kind", ("good", "bad"), "good")]


def compute(slope, count, kind):
    if kind == "bad":
        raise ZeroDivisionError("no such line")
    return Line(slope, kind)


def make(**options):
    options = {"compute": compute, "drag": lambda grip, x, y, result: {"slope": y}, "presets": {"Steep": "slope=9"}} | options
    return Panel(LineScene, CONTROLS, options.pop("compute"), lambda r: f"The slope is {r.slope:g}.", **options)


def press(panel, label):
    buttons = [w for w in panel.widget.children[1].children if getattr(w, "description", "") == label]
    buttons[0].click()


def browser_shows(panel, width=800, ratio=2.0):
    panel._picture.view = {"width": width, "ratio": ratio}


def hand_rests(panel):
    panel._picture._handle_custom_msg({"rest": panel._picture.frame["number"]}, [])


def pixels(data):
    return Image.open(io.BytesIO(data))


def whole_width(panel):
    """Pixels across the whole picture, told from the moving layer, which is cut to what is drawn."""
    return round(100 * pixels(panel._picture.moving).width / panel._picture.frame["box"][2])


def test_both_layers_together_are_the_picture():
    panel = make()
    panel._scene._said.set_text("")  # words are the page's own
    whole = pixels(panel._picture.backdrop)
    left, top, width, height = panel._picture.frame["box"]
    moving = pixels(panel._picture.moving)
    assert moving.width < whole.width and moving.height < whole.height
    at = round(left * whole.width / 100), round(top * whole.height / 100)
    whole.alpha_composite(moving, at)
    difference = np.abs(np.asarray(whole, int) - np.asarray(pixels(panel.png()), int))
    assert difference.max() <= 2


def test_a_slider_moves_the_picture_the_readout_and_the_alt_text():
    panel = make()
    before = panel._picture.moving
    panel.controls["slope"].value = 5.0
    assert panel._picture.moving != before
    assert panel.readout == panel._picture.frame["readout"] == "The slope is 5."
    assert panel._picture.frame["alt"] == "A line. The slope is 5."


def test_only_what_moves_is_sent_again():
    panel = make()
    backdrop = panel._picture.backdrop
    panel.controls["slope"].value = 5.0
    assert panel._picture.backdrop is backdrop


def test_one_message_per_frame(monkeypatch):
    panel = make()
    sent = []
    monkeypatch.setattr(panel._picture, "send_state", lambda key=None: sent.append(set(key)))
    panel.controls["slope"].value = 5.0
    assert [keys for keys in sent if keys & {"moving", "frame"}] == [{"moving", "frame"}]


def test_the_same_position_gives_the_same_picture():
    panel = make()
    first = panel.png()
    panel.controls["slope"].value = 5.0
    assert panel.png() != first
    panel.controls["slope"].value = 1.0
    assert panel.png() == first


def test_light_while_moving_and_sharp_at_rest():
    panel = make()
    browser_shows(panel, width=800, ratio=2.0)
    assert pixels(panel._picture.backdrop).width == whole_width(panel) == 1600
    panel.controls["slope"].value = 5.0
    assert panel._picture.frame["light"] and whole_width(panel) == 800
    hand_rests(panel)
    assert not panel._picture.frame["light"] and whole_width(panel) == 1600


def test_words_are_left_to_the_page_and_stand_in_the_saved_picture():
    panel = make()
    ((left, bottom, size, text, centered, bold),) = panel._picture.frame["words"]
    assert text == "slope 1" and 0 < left < 30 and 70 < bottom < 100 and 1 < size < 3 and bold and not centered
    saved = panel.png()
    panel._scene._said.set_text("")
    assert panel.png() != saved


def test_in_a_narrow_window_the_layout_stays():
    panel = make()
    browser_shows(panel, width=300, ratio=1.0)
    assert pixels(panel._picture.backdrop).width >= 700


def test_a_rest_that_comes_late_is_dropped():
    panel = make()
    browser_shows(panel)
    panel.controls["slope"].value = 5.0
    late = panel._picture.frame["number"]
    panel.controls["slope"].value = 6.0
    panel._picture._handle_custom_msg({"rest": late}, [])
    assert panel._picture.frame["light"]


def test_a_preview_stands_in_until_the_hand_rests():
    panel = make(preview=lambda slope, **_: Line(round(slope), "rough"))
    panel.controls["slope"].value = 5.5
    assert panel.readout == "The slope is 6." and panel._picture.frame["stale"]
    hand_rests(panel)
    assert panel.readout == "The slope is 5.5." and not panel._picture.frame["stale"]


@pytest.mark.parametrize("ask", [lambda panel: panel.pin(), lambda panel: browser_shows(panel, width=900)])
def test_what_is_kept_is_never_a_preview(ask):
    panel = make(preview=lambda slope, **_: Line(round(slope), "rough"))
    panel.controls["slope"].value = 5.5
    ask(panel)
    assert panel.readout == "The slope is 5.5." and not panel._picture.frame["stale"]


def test_after_a_preview_reset_shows_what_the_panel_opened_with():
    panel = make(preview=lambda slope, **_: Line(round(slope), "rough"))
    panel.controls["slope"].value = 5.5
    panel.reset()
    assert panel.readout == "The slope is 1." and not panel._picture.frame["stale"]


@pytest.mark.parametrize("in_browser", [True, False])
def test_some_previews_are_for_the_browser_only(monkeypatch, in_browser):
    monkeypatch.setattr(live, "IN_BROWSER", in_browser)
    panel = make(browser_preview=lambda slope, **_: Line(round(slope), "rough"))
    panel.controls["slope"].value = 5.5
    assert panel._picture.frame["stale"] == in_browser
    assert panel.readout == ("The slope is 6." if in_browser else "The slope is 5.5.")


@pytest.mark.parametrize("level", [0, 1, 6])
def test_a_png_holds_the_pixels(level):
    drawn = np.random.default_rng(0).integers(0, 256, (7, 11, 4), dtype=np.uint8)
    np.testing.assert_array_equal(pixels(encode(drawn, level)), drawn)


def test_dragging_on_the_picture_moves_the_slider():
    panel = make()
    x, y = panel._picture.frame["grips"][0]
    panel._picture.pointer = {"grip": 0, "x": x, "y": y + 0.2}
    assert panel.controls["slope"].value > 3
    assert panel.controls["slope"].value % 0.5 == 0
    assert panel._picture.frame["grips"][0][1] > y


@pytest.mark.parametrize("x, y", [(-5, 7), (2, -3), (float("nan"), 0.5)])
def test_a_drag_that_leaves_the_picture_stays_within_the_slider(x, y):
    panel = make()
    panel._picture.pointer = {"grip": 0, "x": x, "y": y}
    assert -10 <= panel.controls["slope"].value <= 10 and panel.problem == ""


def test_pin_leaves_a_ghost_and_reset_takes_it_away():
    panel = make()
    clean = panel._picture.backdrop
    panel.controls["slope"].value = 8.0
    press(panel, "Pin")
    assert panel._picture.backdrop != clean
    press(panel, "Reset")
    assert panel.controls["slope"].value == 1.0 and panel.readout == "The slope is 1."
    assert pixels(panel._picture.backdrop).tobytes() == pixels(clean).tobytes()


def test_presets_and_state_strings_go_where_they_say():
    panel = make(state="slope=2 count=4")
    assert panel.state == "slope=2 count=4 kind=good"
    press(panel, "Steep")
    assert panel.state == "slope=9 count=4 kind=good"
    panel.state = "count=1"
    assert panel.values == {"slope": 9.0, "count": 1, "kind": "good"}
    panel.reset()
    assert panel.state == "slope=2 count=4 kind=good"


@pytest.mark.parametrize("text, said", [
    ("slope=", "slope: got ''"), ("slope=nan", "slope: got 'nan'"), ("slope=1e9", "from -10 to 10"), ("count=2.5", "whole number"),
    ("kind=ugly", "one of good, bad"), ("<b>", "name=value"), ("depth=3", "slope, count, kind")])
def test_a_bad_state_is_explained_and_changes_nothing(text, said):
    panel = make()
    panel._text.value = text
    assert said in panel.problem and panel._picture.frame["problem"] == panel.problem
    assert panel.state == "slope=1 count=3 kind=good"
    with pytest.raises(ValueError, match="got"):
        make(state=text)
    panel.controls["slope"].value = 2.0
    assert panel.problem == "" and panel.readout == "The slope is 2."


def test_an_error_is_shown_in_place_and_the_panel_lives_on():
    panel = make()
    panel.controls["kind"].value = "bad"
    assert panel.problem == "ZeroDivisionError: no such line" == panel._picture.frame["problem"]
    panel.controls["kind"].value = "good"
    assert panel.problem == ""


def test_an_error_at_the_start_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        make(state="kind=bad")


def test_the_saved_output_is_the_readout_and_the_picture():
    panel = make()
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == "The slope is 1."
    assert pixels(base64.b64decode(bundle["image/png"])).size[0] == 1000
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.widget.model_id


def test_two_panels_do_not_touch_each_other():
    one, two = make(), make()
    shown = two.png()
    one.controls["slope"].value = 9.0
    one.pin()
    assert two.png() == shown and two.state == "slope=1 count=3 kind=good"


def test_lecture_mode_is_larger_and_has_fewer_controls(monkeypatch):
    desk, hall = make(), make(lecture=True)
    assert len(hall.widget.children[0].children) == len(desk.widget.children[0].children) - 1
    assert hall._figure.axes[0].xaxis.label.get_size() > desk._figure.axes[0].xaxis.label.get_size()
    monkeypatch.setenv("LIVEGRAD_LECTURE", "1")
    assert make()._figure.axes[0].xaxis.label.get_size() == hall._figure.axes[0].xaxis.label.get_size()


def test_building_a_panel_leaves_the_global_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    make(lecture=True)
    assert dict(matplotlib.rcParams) == before


def test_a_slider_position_is_written_and_read_back():
    slider = Slider("s", "S", 0.05, 6.0, 0.7, 0.05)
    for value in np.arange(0.05, 6.0, 0.05):
        assert abs(parse_state(f"s={slider.text(value)}", {"s": slider})["s"] - value) < 1e-9
    assert slider.snap(0.72) == pytest.approx(0.7) and slider.snap(99) == 6.0 and slider.snap(float("nan")) == 0.7
