"""The live panel: sliders around one picture that follows the hand.

All widget plumbing of the course is here and in ``live.js``. A panel module brings three
things: controls, a function that computes a result from their values, and a `Scene` that
draws the result. What makes it fast:

- The figure is built once. A slider moves its artists and nothing else.
- The picture has two layers. Axes, labels and pinned curves are the backdrop; it is drawn
  and sent again only when it changes. The moving artists are drawn alone on a transparent
  layer, of which only the inked part is sent. Words are left to the browser: to draw them
  would take longer than all curves together.
- While the hand moves, that layer is drawn at one pixel per CSS pixel. Once the hand rests,
  the browser asks for the sharp one.
- No event waits in a queue: ipywidgets keeps one message per slider under way and folds all
  later ones into the next, so the kernel always works on the newest position.
"""

from __future__ import annotations

import base64
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Protocol

import anywidget
import ipywidgets as widgets
import matplotlib
import numpy as np
import traitlets
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from livegrad.panels.access import Access
from livegrad.panels.controls import Control, parse_state
from livegrad.panels.png import encode
from livegrad.panels.shown import Shown
from livegrad.style import Style, lecture_mode

__all__ = ["Panel", "Picture", "Scene", "alone", "button"]

CSS_DPI = 100
"""Dots per figure inch at one device pixel per CSS pixel: a figure of 9 inches is 900 CSS pixels wide."""

IN_BROWSER = sys.platform == "emscripten"
"""Whether Python itself runs in the reader's browser, where products of matrices take ten times as long."""

_HERE = Path(__file__).parent

# JupyterLab runs widget callbacks beside a running cell, in threads of their own, and two of one
# panel may come in two threads. A panel answers one at a time, and Matplotlib draws in one thread at a time.
_lock = threading.RLock()


def alone(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let no other thread into any panel while the method runs."""
    @wraps(method)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with _lock:
            return method(*args, **kwargs)
    return locked


class Scene(Protocol):
    """What a figure module brings to a panel: artists that are built once and then moved."""

    title: str
    """What the picture shows, for readers who do not see it."""

    aspect: float
    """Width of the picture over its height."""

    moving: Sequence[Any]
    """The artists that `update` moves, in drawing order. Texts among them stand on their lower left corner, or centered."""

    def update(self, result: Any) -> bool | None:
        """Move the artists to a result. True says that something behind them changed too."""

    def pin(self, result: Any) -> None:
        """Leave a result behind as a ghost. None takes all ghosts away."""

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The places on the picture that can be dragged, in data coordinates."""

    def fit(self, figure: Figure) -> None:
        """Arrange what depends on the size of the figure."""


class Picture(anywidget.AnyWidget):
    """Two stacked PNG layers, the line of text under them, and what the browser reports back."""

    # Their text and not their paths: anywidget watches a path, and the watch would hold every picture ever made.
    _esm = (_HERE / "live.js").read_text(encoding="utf-8")
    _css = (_HERE / "live.css").read_text(encoding="utf-8")

    backdrop = traitlets.Bytes().tag(sync=True)
    moving = traitlets.Bytes().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    view = traitlets.Dict({"width": 0, "ratio": 1}).tag(sync=True)
    pointer = traitlets.Dict().tag(sync=True)


class Panel(Shown):
    """Sliders, a picture that follows them, and one line of numbers.

    Parameters
    ----------
    scene : callable
        ``scene(figure, style)`` builds a `Scene` on an empty figure.
    controls : sequence of Control
        At most five, in the course's order: architecture, weights, training, view.
    compute : callable
        ``compute(**values)`` gives the result for the controls' values.
    describe : callable
        ``describe(result)`` says it in one or two sentences with numbers.
    preview : callable, optional
        A cheaper `compute` for while the hand moves; the full one follows when it rests. Until then the readout says
        that it is rough.
    browser_preview : callable, optional
        The same, for a panel that needs it only where Python itself runs in the browser.
    drag : callable, optional
        ``drag(grip, x, y, result)`` turns a pull at the scene's grip, in data coordinates,
        into new values of controls.
    presets : mapping of str to str, optional
        Button label to state string.
    state : str
        Values to start from, e.g. ``"depth=50 activation=tanh"``. Reset comes back to them.
    lecture : bool, optional
        Draw for a projector. None asks `livegrad.style.lecture_mode`.

    Attributes
    ----------
    kinds : dict of str to Control
        What was given as `controls`, by name.
    controls : dict of str to ipywidgets.Widget
    result : object
        The result shown.
    readout : str
        `describe` of it. It is also the text of the saved output.
    problem : str
        The message of the last error, empty when all is well.
    timing : dict of str to float
        Seconds that the last frame took: ``compute``, ``draw``, ``encode``.
    widget : ipywidgets.Widget
        The whole panel, to put into a layout of one's own.

    Raises
    ------
    ValueError
        If `state` or a preset does not fit the controls.
    """

    @alone
    def __init__(self, scene: Callable[[Figure, Style], Scene], controls: Sequence[Control],
                 compute: Callable[..., Any], describe: Callable[[Any], str], *,
                 preview: Callable[..., Any] | None = None, browser_preview: Callable[..., Any] | None = None,
                 drag: Callable[..., dict[str, Any]] | None = None, presets: Mapping[str, str] | None = None,
                 state: str = "", lecture: bool | None = None) -> None:
        self.kinds: dict[str, Control] = {control.name: control for control in controls}
        self._compute, self._describe, self._drag = compute, describe, drag
        self._preview = preview or (browser_preview if IN_BROWSER else None)
        presets = {label: parse_state(text, self.kinds) for label, text in (presets or {}).items()}
        self._start = parse_state(state, self.kinds)

        style = Style(lecture_mode(lecture))
        self._width, self._ratio = 1000, 1.0
        self._narrowest = 1000 if style.lecture else 760
        self._number, self._quiet, self._light, self._rough = 0, False, False, False
        self._backdrop_ratio = 0.0
        self.readout = self.problem = self._shown = ""
        self.result: Any = None
        self.timing: dict[str, float] = {}
        with matplotlib.rc_context(style.rc()):
            self._figure = Figure()
            self._canvas = FigureCanvasAgg(self._figure)
            self._scene = scene(self._figure, style)
        for artist in self._scene.moving:
            artist.set_animated(True)

        self.controls: dict[str, widgets.Widget] = {name: kind.widget() for name, kind in self.kinds.items()}
        self._picture = Picture()
        self._text = widgets.Text(description="State", continuous_update=False, layout={"width": "520px", "max_width": "100%"},
                                  style={"description_width": "40px"}, tooltip="Copy this to share it; paste one and press Enter")
        self._assign(self._start)
        self._widget = self._assemble(presets, style)
        self._unseen = tuple(self.controls.values())  # a lecture leaves some out
        self._resize()
        self._show(light=False, guard=False)
        self._opened = self.result
        for control in self.controls.values():
            control.observe(lambda _: self._moved(), "value")
        self._text.observe(self._typed, "value")
        self._picture.observe(self._dragged, "pointer")
        self._picture.observe(self._viewed, "view")
        self._picture.on_msg(self._rested)

    # --- what a notebook or a test uses ---

    @property
    def values(self) -> dict[str, Any]:
        """The controls' values by name."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def state(self) -> str:
        """A string that says where the panel stands; setting it goes there.

        Raises
        ------
        ValueError
            On setting, if it does not fit the controls. The panel then stays where it was.
        """
        return " ".join(f"{name}={self.kinds[name].text(value)}" for name, value in self.values.items())

    @state.setter
    @alone
    def state(self, text: str) -> None:
        values = parse_state(text, self.kinds)
        self._assign(values)
        self._moved()

    @alone
    def pin(self) -> None:
        """Keep the present curves as a ghost to compare with."""
        if self._rough:
            self._sharpen()
        self._scene.pin(self.result)
        self._backdrop_ratio = 0.0
        self._repaint(light=False)

    @alone
    def reset(self) -> None:
        """Go back to what the panel opened with and take the ghosts away."""
        self._assign({name: kind.default for name, kind in self.kinds.items()} | self._start)
        self._scene.pin(None)
        self._backdrop_ratio = 0.0
        self._shown = self.state
        self._display(self._opened, light=False)

    @alone
    def png(self) -> bytes:
        """The whole picture, both layers, as a PNG."""
        self._canvas.draw()
        for artist in self._scene.moving:
            artist.draw(self._canvas.get_renderer())
        return encode(np.asarray(self._canvas.buffer_rgba()))

    @alone
    def close(self) -> None:
        """Free the widgets. Shown again, they open again."""
        super().close()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self._view() | {
            "text/plain": self.readout, "image/png": base64.b64encode(self.png()).decode("ascii")}

    # --- events from the browser ---

    @alone
    def _moved(self) -> None:
        # A browser's slider may report a value anew that differs in its last bit only.
        if not self._quiet and self.state != self._shown:
            self._show(light=True)

    @alone
    def _typed(self, change: Mapping[str, Any]) -> None:
        if change["new"] == self.state:
            return
        with self._complaining():
            self.state = change["new"]

    @alone
    def _dragged(self, change: Mapping[str, Any]) -> None:
        pull = change["new"]
        grips = self._scene.grips()
        if self._drag is None or pull["grip"] >= len(grips):
            return
        axes = grips[pull["grip"]][0]
        with self._complaining():
            size = self._canvas.get_width_height()
            x, y = axes.transData.inverted().transform(np.multiply(size, (pull["x"], pull["y"])))
            pulled = self._drag(pull["grip"], x, y, self.result)
            self._assign({name: self.kinds[name].snap(value) for name, value in pulled.items()})
            self._moved()

    @alone
    def _viewed(self, change: Mapping[str, Any]) -> None:
        # A narrow window scales the picture down: its type needs some room to stand in.
        self._width = int(np.clip(change["new"]["width"], self._narrowest, 2000))
        self._ratio = float(np.clip(change["new"]["ratio"], 0.5, 3.0))
        with self._complaining():
            self._resize()
            self._sharpen()

    @alone
    def _rested(self, _: widgets.Widget, content: Any, __: Any) -> None:
        if content.get("rest") == self._number and self._light:
            self._sharpen()

    # --- from values to pixels ---

    def _assign(self, values: Mapping[str, Any]) -> None:
        self._quiet = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._quiet = False

    def _show(self, *, light: bool, guard: bool = True) -> None:
        """Compute, then paint. With `guard` an error is shown in place and the old picture stays."""
        self._shown = self.state
        with self._complaining(guard):
            started = time.perf_counter()
            rough = light and self._preview is not None
            compute = self._preview if rough else self._compute
            self._display(compute(**self.values), light=light, rough=rough, started=started)

    def _sharpen(self) -> None:
        """Show what is shown, as it looks at rest: computed in full, drawn for every pixel of the screen."""
        if self._rough:
            self._show(light=False)
        else:
            with self._complaining():
                self._repaint(light=False)

    def _display(self, result: Any, *, light: bool, rough: bool = False, started: float | None = None) -> None:
        """Show a result that is there already; a `rough` one is a preview's."""
        self.result, self._rough = result, rough
        self.readout = self._describe(result)
        self.problem = ""
        if started is not None:
            self.timing["compute"] = time.perf_counter() - started
        if self._scene.update(result):
            self._backdrop_ratio = 0.0
        self._repaint(light=light)

    def _repaint(self, *, light: bool) -> None:
        ratio = min(1.0, self._ratio) if light else self._ratio
        self._light = light
        changes: dict[str, Any] = {}
        if self._backdrop_ratio < ratio:
            changes["backdrop"] = self._draw_backdrop(ratio)
        started = time.perf_counter()
        self._figure.set_dpi(CSS_DPI * ratio)
        renderer = self._canvas.get_renderer()
        renderer.clear()
        for artist in self._scene.moving:
            if not isinstance(artist, Text):
                artist.draw(renderer)
        drawn = time.perf_counter()
        pixels = np.asarray(self._canvas.buffer_rgba())
        box = _inked(pixels)
        changes["moving"] = encode(pixels[box], level=1)
        self.timing |= {"draw": drawn - started, "encode": time.perf_counter() - drawn}
        places = {"box": _percent(box, pixels.shape), "grips": self._places(), "words": self._words()}
        self._number += 1
        self._send(changes, places)

    def _draw_backdrop(self, ratio: float) -> bytes:
        self._figure.set_dpi(CSS_DPI * ratio)
        self._canvas.draw()
        self._backdrop_ratio = ratio
        return encode(np.asarray(self._canvas.buffer_rgba()), level=1)

    def _places(self) -> list[list[float]]:
        """Grips as fractions of the picture, kept inside their axes so that they can be caught."""
        size = np.array(self._canvas.get_width_height(), dtype=float)
        places = []
        for axes, x, y in self._scene.grips():
            box = axes.bbox
            at = np.nan_to_num(axes.transData.transform((x, y)), nan=0.0)
            at = np.clip(at, (box.x0, box.y0), (box.x1, box.y1))
            places.append([round(float(f), 4) for f in at / size])
        return places

    def _words(self) -> list[list[Any]]:
        """Left (or middle) and bottom in percent of the picture, type size in percent of its width, the text and its look."""
        size = np.array(self._canvas.get_width_height(), dtype=float)
        texts = [artist for artist in self._scene.moving if isinstance(artist, Text) and artist.get_text()]
        return [[*(100 * text.get_transform().transform(text.get_position()) / size).round(2).tolist(),
                 round(text.get_fontsize() / 72 / self._figure.get_figwidth() * 100, 3), text.get_text(),
                 text.get_ha() == "center", text.get_weight() == "bold"] for text in texts]

    def _send(self, changes: Mapping[str, Any], places: Mapping[str, Any]) -> None:
        """One message a frame, with all that changed."""
        with self._picture.hold_sync():
            for name, value in changes.items():
                setattr(self._picture, name, value)
            self._picture.frame = {
                "number": self._number, "light": self._light, "stale": self._rough,
                "alt": f"{self._scene.title}. {self.readout}", "readout": self.readout, "problem": self.problem,
                "aspect": self._scene.aspect, **places}
        if not self._light:
            self._text.value = self.state

    def _resize(self) -> None:
        """Lay the figure out for the width shown. Type keeps its size."""
        inches = self._width / CSS_DPI
        self._figure.set_size_inches(inches, inches / self._scene.aspect)
        self._figure.set_dpi(CSS_DPI)
        self._scene.fit(self._figure)
        self._figure.set_layout_engine("constrained")
        self._figure.get_layout_engine().execute(self._figure)
        self._figure.set_layout_engine("none")
        self._backdrop_ratio = 0.0

    @contextmanager
    def _complaining(self, guard: bool = True):
        try:
            yield
        except Exception as error:
            if not guard:
                raise
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        self.problem = f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        self._picture.frame = {**self._picture.frame, "problem": self.problem}

    # --- the frame around the picture ---

    def _buttons(self) -> list[widgets.Widget]:
        """The course's own buttons; a panel of another kind adds to them."""
        return [button("Pin", "Keep these curves as a ghost to compare with", self.pin),
                button("Reset", "Back to the start, without ghosts", self.reset)]

    def _assemble(self, presets: Mapping[str, dict[str, Any]], style: Style) -> widgets.Widget:
        shown = [self.controls[name] for name, kind in self.kinds.items() if kind.lecture or not style.lecture]
        jumps = [button(label, f"Go to {label.lower()}", lambda values=values: self._jump(values))
                 for label, values in presets.items()]
        bars = [widgets.HBox(shown), widgets.HBox([*jumps, *self._buttons(), self._text])]
        for bar in bars:
            bar.add_class("livegrad-bar")
        panel = widgets.VBox([*bars, self._picture, Access()])
        panel.add_class("livegrad-panel")
        return panel

    @alone
    def _jump(self, values: Mapping[str, Any]) -> None:
        self._assign(values)
        self._show(light=False)


def button(label: str, tooltip: str, act: Callable[[], None]) -> widgets.Button:
    """A button as wide as its label."""
    made = widgets.Button(description=label, tooltip=tooltip, layout={"width": "auto"})
    made.on_click(lambda _: act())
    return made


def _inked(pixels: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest box that holds all that is drawn; at least one pixel."""
    alpha = pixels[..., 3]
    rows, columns = (np.flatnonzero(alpha.any(axis=axis)) for axis in (1, 0))
    return tuple(slice(at[0], at[-1] + 1) if at.size else slice(0, 1) for at in (rows, columns))


def _percent(box: tuple[slice, slice], shape: tuple[int, ...]) -> list[float]:
    """Left, top, width and height of a box, in percent of a picture of this shape."""
    (rows, columns), (height, width) = box, shape[:2]
    return [100 * columns.start / width, 100 * rows.start / height,
            100 * (columns.stop - columns.start) / width, 100 * (rows.stop - rows.start) / height]
