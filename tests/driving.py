"""Find the panels of the course and the ends of their controls, pull at a picture, play with a panel for long."""

import contextlib
import importlib
import pkgutil
import time
import warnings

import ipywidgets as widgets
import pytest

import livegrad.panels
from livegrad.panels.controls import Slider
from livegrad.panels.live import Panel


def stations(kind):
    return [kind.low, kind.default, kind.high] if isinstance(kind, Slider) else kind.options


@contextlib.contextmanager
def strict():
    """Inside, a warning is an error; what other packages deprecate in each other is their affair, and no student sees it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="(?!livegrad)")
        yield


@contextlib.contextmanager
def undrawn():
    """Inside, panels compute and say, and draw nothing: that takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Panel, "_resize", lambda self: None)
        patch.setattr(Panel, "_repaint", lambda self, light: setattr(self, "_light", light))
        yield


def pull(panel, grip, x, y):
    """Drag a grip to a place in the coordinates of its axes."""
    axes = panel._scene.grips()[grip][0]
    x, y = axes.transData.transform((x, y)) / panel._canvas.get_width_height()
    panel._picture.pointer = {"grip": grip, "x": x, "y": y}
    assert panel.problem == ""


def factories():
    """Every panel factory of the course, by its module and its name, such as ``gradients.depth_panel``."""
    modules = {found.name: importlib.import_module(f"livegrad.panels.{found.name}")
               for found in pkgutil.iter_modules(livegrad.panels.__path__)}
    return {f"{room}.{name}": getattr(module, name) for room, module in modules.items() for name in module.__all__
            if name.endswith("_panel")}


def page_says(widget, **state):
    """A change that the page reports, as it comes in from there."""
    widget._handle_msg({"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []})


def hand_rests(panel):
    """What the page says a moment after the last move; the panel answers with the sharp picture."""
    rest = {"method": "custom", "content": {"rest": panel._picture.frame["number"]}}
    panel._picture._handle_msg({"content": {"data": rest}, "buffers": []})


def play(panel, moves, rng):
    """Do what a hand does, `moves` times: one control to one random place. Now and then it rests, pulls at the picture, pins, trains.

    Yields the seconds of processor time that each move of a control took.
    """
    leaves = [leaf for control in panel.controls.values() for leaf in getattr(control, "children", None) or [control]]
    for k in range(1, moves + 1):
        leaf = leaves[rng.integers(len(leaves))]
        if isinstance(leaf, widgets.Dropdown | widgets.SelectionSlider):
            wish = {"index": int(rng.integers(len(leaf.options)))}
        else:
            wish = {"value": leaf.min + leaf.step * int(rng.integers(round((leaf.max - leaf.min) / leaf.step) + 1))}
        started = time.process_time()
        page_says(leaf, **wish)
        yield time.process_time() - started
        if k % 10 == 0:
            hand_rests(panel)
        if k % 25 == 0 and (grips := len(panel._picture.frame["grips"])):
            page_says(panel._picture, pointer={"grip": int(rng.integers(grips)), "x": rng.uniform(), "y": rng.uniform()})
        if k % 50 == 0 and hasattr(panel, "train"):
            panel._start_turn().close()  # no loop runs here to follow it
            for _ in range(3):
                panel._next_piece(panel._turn)
            panel.stop()
        if k % 100 == 0:
            panel.pin()
        refused = "expected" in panel.problem  # such as two treatments that exclude each other
        assert refused or not panel.problem, f"the panel complains at {panel.state!r}: {panel.problem}"
