"""What all figures of moving curves share: curves with a name, words on the picture, ghosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import PcolorImage
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.text import Text
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from livegrad.style import GRAY, Style

__all__ = ["CurveScene", "LogScene", "blue_and_red", "drawable", "exit_point", "exits", "faded", "few_ticks", "height", "near",
           "neighbors", "percent", "places", "plain", "tint"]

_MOST_GHOSTS = 3


class CurveScene:
    """Base of a scene whose moving artists are curves and words.

    A subclass builds its axes in ``__init__``, makes its artists with `curve` and `words`, and
    moves them in ``update``.

    Parameters
    ----------
    style : Style
    """

    title = ""
    aspect = 2.2

    def __init__(self, style: Style) -> None:
        self.style = style
        self.moving: list[Any] = []
        self._curves: list[Line2D] = []
        self._ghosts: list[list[Line2D]] = []
        self._columns = 0  # of the legend, where there is room
        self._covered: list[Axes] = []  # by an image, which would hide ghosts in the backdrop

    def curve(self, axes: Axes, quantity: str, label: str = "", **changes: Any) -> Line2D:
        """Add an empty curve in the quantity's color; a label puts it into the legend."""
        (line,) = axes.plot([], [], label=label or "_nolegend_", **self.style.line(quantity, **changes))
        self._curves.append(line)
        self.moving.append(line)
        return line

    def histogram(self, axes: Axes, quantity: str, **changes: Any) -> Callable[[np.ndarray, np.ndarray], None]:
        """Add an empty histogram in the quantity's color; the function that comes back sets its heights and bin edges."""
        outline = self.curve(axes, quantity, **{"marker": "", "linestyle": "-", "linewidth": 0.6 * self.style.width, **changes})
        area = axes.stairs([0.0], [0.0, 1.0], fill=True, color=outline.get_color(), alpha=0.35)
        self.moving.insert(self.moving.index(outline), area)

        def fill(heights: np.ndarray, edges: np.ndarray) -> None:
            area.set_data(heights, edges)
            outline.set_data(np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(heights, 2), [0.0]]))
        return fill

    def image(self, axes: Axes, across: np.ndarray, upward: np.ndarray) -> Callable[[np.ndarray], None]:
        """Add an image of cells; the function that comes back colors them.

        Parameters
        ----------
        across : ndarray (m + 1,)
            Edges of the columns.
        upward : ndarray (n + 1,)
            Edges of the rows, from below.

        Returns
        -------
        callable
            Takes red, green and blue as an ndarray of uint8 (n, m, 3). It draws ten times faster than `Axes.imshow`.
        """
        cells = np.full((len(upward) - 1, len(across) - 1, 3), 255, np.uint8)
        picture = axes.add_image(PcolorImage(axes, across, upward, cells))
        picture.set_in_layout(False)  # it fills its axes and does not know its own extent
        self.moving.append(picture)
        self._covered.append(axes)
        return lambda colors: picture.set_data(across, upward, colors)

    def band(self, axes: Axes, quantity: str, **changes: Any) -> Callable[[np.ndarray, np.ndarray, np.ndarray], None]:
        """Add an empty shaded band in the quantity's color; the function that comes back takes x, lower and upper edge."""
        area = Polygon(np.zeros((1, 2)), **{"facecolor": self.style.line(quantity)["color"], "alpha": 0.25, "linewidth": 0, **changes})
        axes.add_patch(area)
        self.moving.append(area)
        return lambda x, low, high: area.set_xy(np.column_stack([[*x, *x[::-1]], [*low, *high[::-1]]]))

    def ring(self, axes: Axes) -> Line2D:
        """Add a handle: a black ring, whole also on the edge of its axes."""
        (ring,) = axes.plot([], [], "o", color="black", markersize=5.5 * self.style.width, fillstyle="none",
                            markeredgewidth=self.style.width, clip_on=False)
        ring.set_in_layout(False)  # where it stands out over the edge is nobody's room
        self.moving.append(ring)
        return ring

    def crosses(self, axes: Axes, label: str = "", quantity: str = "threshold", size: float = 3.2) -> Line2D:
        """Add the marks, none yet, of what does not stand on the axes where it should."""
        return self.curve(axes, quantity, label, linestyle="", marker="x", markersize=size * self.style.width,
                          markeredgewidth=size / 4 * self.style.width)

    def level(self, axes: Axes, y: float, text: str = "") -> None:
        """A thin gray line to compare with, its meaning at the right end: part of the backdrop."""
        axes.axhline(y, color=GRAY, linewidth=1)
        axes.annotate(text, (1, y), (-4, 3), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right", color="#666666")

    def heading(self, axes: Axes, text: str) -> Text:
        """Say what the axes show, with room below for `words`."""
        return axes.set_title(text, pad=2.1 * self.style.font)

    def words(self, axes: Axes, below: bool = False) -> Text:
        """Add an empty line of text under the axes' heading, where no curve can cover it; or centered below the x axis."""
        if below:
            down = ScaledTranslation(0, -1.7 * self.style.font / 72, axes.figure.dpi_scale_trans)
            text = axes.text(0, 0, "", transform=axes.get_xaxis_transform() + down, va="bottom", ha="center")
        else:
            text = axes.text(0, 1.025, "", transform=axes.transAxes, va="bottom", fontweight="bold")
        self.moving.append(text)
        return text

    def legend(self, figure: Figure, columns: int = 6) -> None:
        """Explain all labelled curves below the picture, in one line if they are not more than the columns and there is room."""
        labelled = [line for axes in figure.axes for line in axes.get_lines() if not line.get_label().startswith("_")]
        self._legend = partial(figure.legend, handles=labelled, loc="outside lower center", handlelength=2.8, frameon=False,
                               columnspacing=1.2 if self.style.lecture else 2.0, fontsize=0.95 * self.style.font)
        self._columns = self._shown_columns = min(columns, 6)
        self._shown_legend = self._legend(ncols=self._columns)

    def fit(self, figure: Figure) -> None:
        """Fold the legend as often as the width of the figure asks for."""
        for columns in range(self._columns, 0, -1):
            if columns != self._shown_columns:
                self._shown_legend.remove()
                self._shown_columns, self._shown_legend = columns, self._legend(ncols=columns)
            if self._shown_legend.get_window_extent().width <= figure.bbox.width:
                return

    def pin(self, result: Any) -> None:
        """Leave the present curves behind as grayish, thin lines. None takes all such ghosts away."""
        keep = 0 if result is None else _MOST_GHOSTS - 1
        while len(self._ghosts) > keep:
            for ghost in self._ghosts.pop(0):
                ghost.remove()
                if ghost in self.moving:
                    self.moving.remove(ghost)
        if result is not None:
            self._ghosts.append([
                line.axes.plot(*line.get_data(), color=faded(line.get_color()), linestyle=line.get_linestyle(),
                               linewidth=0.7 * self.style.width, zorder=1)[0] for line in self._curves])
            for ghost in self._ghosts[-1]:
                if ghost.axes in self._covered:
                    ghost.set_animated(True)
                    self.moving.append(ghost)

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """No grips, unless a subclass has some."""
        return []


class LogScene(CurveScene):
    """Curves given by their log₁₀, on axes of fixed decades; where one leaves them, an x stands at the edge: see `exits`."""

    def decades(self, axes: Axes, low: float, high: float, one: bool = True) -> None:
        """Make the y axis a log one from 10^low to 10^high, with a line at 1."""
        axes.set(yscale="log", ylim=(10.0**low, 10.0**high))
        few_ticks(axes, self.style)
        if one:
            axes.axhline(1, color=GRAY, linewidth=1)


def exit_point(axes: Axes, path: np.ndarray) -> tuple[list[float], list[float]]:
    """Where a path (k, 2) first crosses the frame of its axes, moved in a little; nothing if it never does or starts outside."""
    low, high = np.transpose([axes.get_xlim(), axes.get_ylim()])
    low, high = low + 0.03 * (high - low), high - 0.03 * (high - low)  # room for the mark
    outside = np.flatnonzero(np.any((path < low) | (path > high), axis=1))
    if not outside.size or not outside[0]:
        return [], []
    here, there = path[outside[0] - 1 : outside[0] + 1]
    way = there - here
    with np.errstate(divide="ignore"):
        share = np.min(np.where(way > 0, high - here, low - here)[way != 0] / way[way != 0])
    x, y = here + share * way
    return [x], [y]


def height(exponents: np.ndarray) -> np.ndarray:
    """Numbers from their logarithms, as far as float64 goes: an axis ends long before."""
    return 10.0 ** np.clip(exponents, -300, 300)


def exits(axes: Axes, x: np.ndarray, *curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where curves of log₁₀ first lie beyond the axes, just inside the edge."""
    low, high = np.log10(axes.get_ylim())
    inset, places = 0.02 * (high - low), []
    for exponents in curves:
        beyond = np.flatnonzero((exponents < low) | (exponents > high))
        if beyond.size:
            first = beyond[0]
            places.append((x[first], 10.0 ** (high - inset if exponents[first] > high else low + inset)))
    return tuple(np.array(places).T) if places else (np.empty(0), np.empty(0))


def drawable(values: np.ndarray) -> np.ndarray:
    """Values that a log axis can draw: what is 0, infinite or nan leaves a gap."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def tint(shares: np.ndarray, color: str) -> np.ndarray:
    """Shares from 0 to 1 as red, green and blue, from white to the color."""
    strength = np.clip(shares, 0, 1)[..., np.newaxis]
    return (255.5 - 255 * strength * (1 - np.array(to_rgb(color)))).astype(np.uint8)


def blue_and_red(shares: np.ndarray) -> np.ndarray:
    """−1 to 1 as red, green and blue, from blue over white to orange."""
    shares = np.asarray(shares)
    return np.where(shares[..., np.newaxis] < 0, tint(-shares, "#0072B2"), tint(shares, "#D55E00"))


def faded(color: str) -> str:
    """Halfway between a color and gray: what only stays for comparison, and can still be seen."""
    return to_hex((np.array(to_rgb(color)) + to_rgb(GRAY)) / 2)


def few_ticks(axes: Axes, style: Style) -> None:
    """Round powers of ten on the log axis, no more than can be read, and no ticks between."""
    low, high = np.round(np.log10(axes.get_ylim())).astype(int)
    every = next(e for e in (1, 2, 5, 10, 20, 50) if (high - low) / e <= (4 if style.lecture else 8))
    axes.set_yticks(10.0 ** np.arange(low + -low % every, high + 1, every))
    axes.yaxis.set_minor_locator(NullLocator())


def neighbors(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where groups of `width` neighboring values lie, and the groups as rows. What is left over at the end waits."""
    groups = len(values) // width
    return (np.arange(groups) + 0.5) * width, values[: groups * width].reshape(groups, width)


def places(*lines: Line2D) -> list[tuple[Axes, float, float]]:
    """Every point of these lines that has a place, as grips."""
    return [(line.axes, float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)
            if np.isfinite(x) and np.isfinite(y)]


def plain(value: float) -> str:
    """A number as a reader says it: three digits, and inf or nan in words.

    Examples
    --------
    >>> plain(0.000123456), plain(12.0), plain(float("inf"))
    ('1.23e-04', '12', 'infinite')
    """
    if np.isnan(value):
        return "not a number"
    if np.isinf(value):
        return "infinite"
    return f"{value:.3g}" if value == 0 or 1e-2 <= abs(value) < 1e4 else f"{value:.2e}"


def near(value: float) -> str:
    """Like `plain`, but what is a whole number only by rounding is told from one that is.

    Examples
    --------
    >>> near(0.99966), near(-1.00002), near(1.0), near(0.881)
    ('1 − 3.40e-04', '-1 − 2.00e-05', '1', '0.881')
    """
    whole = np.round(value)
    rest = value - whole
    if whole == 0 or not 1e-9 < abs(rest) < 5e-4:
        return plain(value)
    return f"{whole:.0f} {'+' if rest > 0 else '−'} {plain(abs(rest))}"


def percent(share: float, form: str = ".0f") -> str:
    """A share from 0 to 1 in percent, in which only none is 0 % and only all is 100 %.

    Examples
    --------
    >>> percent(0.978), percent(0.0), percent(0.9996), percent(0.00123, ".3g")
    ('98 %', '0 %', 'nearly 100 %', '0.123 %')
    """
    text = f"{100 * share:{form}}"
    return f"{'nearly ' if float(text) in (0, 100) and 0 < share < 1 else ''}{text} %"
