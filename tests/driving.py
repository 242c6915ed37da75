"""Find the panels of the course, drive one through the ends of its controls, pull at its picture."""

import importlib
import itertools
import pkgutil

import livegrad.panels
from livegrad.panels.controls import Slider


def stations(kind):
    return [kind.low, kind.default, kind.high] if isinstance(kind, Slider) else kind.options


def drive(panel, **only):
    """Set every combination of minimum, default and maximum; yield after each. A control in `only` takes those values alone."""
    for values in itertools.product(*(only.get(name, stations(kind)) for name, kind in panel._kinds.items())):
        panel._assign(dict(zip(panel._kinds, values, strict=True)))
        panel._moved()
        yield values


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
