"""Every picture of the course can be read with a color-vision deficiency, and in shades of gray.

What a reader with a deficiency sees is simulated with the matrices of Machado, Oliveira and Fernandes (2009), severity 1;
differences are those of CIE Lab (1976); contrast is that of WCAG 2.2.
"""

import itertools
from unittest import mock

import matplotlib
import numpy as np
import pytest
from driving import factories
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, StepPatch

from livegrad.figures.scene import faded
from livegrad.panels.live import Panel
from livegrad.style import CLASSES, GRAY, LINES, Style

BRIGHTNESS = np.array([0.2126, 0.7152, 0.0722])
VISIONS = {
    "usual": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
    "gray": np.tile(BRIGHTNESS, (3, 1)),
}
APART = 12  # of two thin lines; side by side, large areas are told apart at about 2
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])

NARROW = 7.6  # inches, of the narrowest picture that is drawn; narrower ones are scaled down

# Told apart by words on the picture itself.
NAMED = {("gradients.factors_panel", "slope  σ'", "weight  w"): "every bar has its name below it"}
# What stands for an area in the legend.
SWATCHES = {"linear region"}


def linear(rgb):
    rgb = np.asarray(rgb)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb, vision="usual"):
    t = XYZ @ np.clip(VISIONS[vision] @ linear(rgb), 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def closest(one, other):
    """The least difference of two colors over all visions, and the vision."""
    return min((float(np.linalg.norm(lab(one, vision) - lab(other, vision))), vision) for vision in VISIONS)


def contrast(rgb, ground=(1.0, 1.0, 1.0)):
    low, high = sorted(float(BRIGHTNESS @ linear(c)) for c in (rgb, ground))
    return (high + 0.05) / (low + 0.05)


def seen(color, alpha=None):
    """A color as it comes out on white."""
    *rgb, alpha = to_rgba(color, alpha)
    return tuple(1 - alpha * (1 - np.array(rgb)))


def look(line):
    """What tells a curve from another besides its color: line style, marker, whether that is full. And its width."""
    marker = line.get_marker() not in ("", " ", "None", None)
    solid = line.get_linestyle() not in ("", " ", "None")
    return (line.get_linestyle() if solid else "", line.get_marker() if marker else "", marker and line.get_fillstyle())


@pytest.fixture(scope="module")
def scenes():
    """The picture of every panel as it is before it shows a result: all artists are there, and nothing was computed."""
    class Reached(Exception):
        pass

    def stop(self, scene, *args, **options):
        raise Reached(scene)

    found = {}
    for name, factory in factories().items():
        with mock.patch.object(Panel, "__init__", stop), pytest.raises(Reached) as reached:
            factory()
        with matplotlib.rc_context(Style().rc()):
            found[name] = Figure(figsize=(NARROW, 4), dpi=100)
            reached.value.args[0](found[name], Style()).fit(found[name])
    return found


def curves(scenes):
    """Every curve of every panel, with the names of both, by axes."""
    for name, figure in scenes.items():
        for axes in figure.axes:
            yield name, [line for line in axes.get_lines() if line.get_label() not in SWATCHES]


def test_the_simulation_is_sound():
    """Gray stays gray, red and green of one brightness are confused, and red is where the tables of CIE Lab have it."""
    for vision, matrix in VISIONS.items():
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-4, err_msg=vision)
    np.testing.assert_allclose(lab((1, 0, 0)), (53.24, 80.09, 67.20), atol=0.02)
    assert closest((1, 0, 0), (0, 0.52, 0))[0] < 10 and contrast((0, 0, 0)) == pytest.approx(21)


def test_every_color_stands_out_from_white():
    colors = {name: look["color"] for name, look in [*LINES.items(), *enumerate(CLASSES)]}
    faint = {name: color for name, color in (colors | {"gray": GRAY}).items() if contrast(to_rgb(color)) < 3}
    assert not faint
    assert all(contrast(to_rgb(faded(color))) >= 3 for color in colors.values()), "a ghost cannot be seen"


def test_every_curve_and_every_word_stands_out_from_white(scenes):
    faint = {(name, line.get_label()): round(contrast(seen(line.get_color(), line.get_alpha())), 2)
             for name, lines in curves(scenes) for line in lines if contrast(seen(line.get_color(), line.get_alpha())) < 3}
    assert not faint
    pale = {(name, text.get_text()) for name, figure in scenes.items() for text in figure.findobj(matplotlib.text.Text)
            if contrast(seen(text.get_color(), text.get_alpha())) < 4.5}
    assert not pale


def test_what_differs_in_color_differs_in_something_else_or_stays_apart(scenes):
    """Straight lines of the backdrop are told by where they are, a cross by the curve on whose end it stands."""
    met, alike = 0, {}
    for name, lines in curves(scenes):
        straight = [line for line in lines if line.get_color() == GRAY and len(line.get_xdata()) == 2]
        told = [line for line in lines if line.get_marker() != "x" and line not in straight]
        for one, other in itertools.combinations(told, 2):
            widths = sorted((one.get_linewidth(), other.get_linewidth()))
            if look(one) != look(other) or look(one)[0] and widths[1] >= 1.8 * widths[0]:
                continue
            difference, vision = closest(*(seen(line.get_color(), line.get_alpha()) for line in (one, other)))
            labels = name, one.get_label(), other.get_label()
            met += 1
            if one.get_color() != other.get_color() and difference < APART and labels not in NAMED:
                alike[labels] = f"{difference:.0f} in {vision}"
    assert not alike
    assert met > 20


def test_every_tinted_area_has_an_edge_of_its_own_color(scenes):
    """Areas are pale, for what lies behind them. The curve that is their edge or their middle is not."""
    met = 0
    for name, figure in scenes.items():
        for axes in figure.axes:
            full = {to_rgb(line.get_color()) for line in axes.get_lines()}
            for area in axes.patches:
                span = area.get_data_transform() != axes.transData  # a polygon, too, in Matplotlib 3.8
                if isinstance(area, StepPatch | Polygon) and not span:
                    met += 1
                    assert to_rgb(area.get_facecolor()) in full, f"{name}: {axes.get_title(loc='left')}"
    assert met > 30


def test_positive_and_negative_cells_stay_apart_for_all_but_the_gray_eye():
    """The two ends of a heat map of signs; where the sign matters, a mark says it too."""
    for vision in VISIONS.keys() - {"gray"}:
        ends = [lab(to_rgb(LINES[quantity]["color"]), vision) for quantity in ("activation", "gradient")]
        assert np.linalg.norm(ends[0] - ends[1]) > 40, vision


def test_no_legend_is_cut_off_in_a_narrow_window(scenes):
    widths = {name: legend.get_window_extent().width for name, figure in scenes.items() for legend in figure.legends}
    assert len(widths) > 40 and {name: width for name, width in widths.items() if width > 100 * NARROW} == {}
