"""One visual language for the whole course: a color, a line and a marker for each quantity.

The colors are those of Okabe and Ito (2008), and some of Paul Tol's, which stay
apart for the three common color-vision deficiencies; the light ones are darkened until they stand out from white
at 3 : 1 (WCAG 2.2, criterion 1.4.11). No quantity is told by its color alone: the line style and the marker differ too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

__all__ = ["CLASSES", "GRAY", "LINES", "Style", "lecture_mode"]

LINES: dict[str, dict[str, Any]] = {
    "pre_activation": {"color": "#004466", "linestyle": "--", "marker": ""},
    "activation": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "second_layer": {"color": "#661100", "linestyle": "--", "marker": "s"},
    "difference": {"color": "#BB8000", "linestyle": "--", "marker": ""},
    "gradient": {"color": "#D55E00", "linestyle": "-", "marker": "o"},
    "clipped": {"color": "#004488", "linestyle": "-", "marker": "D"},
    "clipped_by_value": {"color": "#AA4499", "linestyle": "--", "marker": "s"},
    "weight_gradient": {"color": "#CC79A7", "linestyle": "--", "marker": "s"},
    "weight": {"color": "#009E73", "linestyle": "-", "marker": "D"},
    "update": {"color": "#009E73", "linestyle": "-", "marker": "D"},
    "prediction": {"color": "#000000", "linestyle": ":", "marker": ""},
    "threshold": {"color": "#56544F", "linestyle": "-.", "marker": ""},
    "slope": {"color": "#3A97D4", "linestyle": "-", "marker": "^"},
    "loss": {"color": "#882255", "linestyle": "-", "marker": ""},
    "eigenvalue": {"color": "#332288", "linestyle": "--", "marker": ""},
    "feedforward": {"color": "#3CA08F", "linestyle": "--", "marker": ""},
    "singular_value": {"color": "#999933", "linestyle": "-", "marker": "s"},
    "unnormalized": {"color": "#BB5566", "linestyle": "--", "marker": "s"},
    "batch_norm": {"color": "#117733", "linestyle": "-", "marker": "o"},
    "layer_norm": {"color": "#4477AA", "linestyle": "-.", "marker": "^"},
    "plain_net": {"color": "#3CA08F", "linestyle": "--", "marker": "s"},
    "sgd": {"color": "#EA7125", "linestyle": "-", "marker": "o"},
    "momentum": {"color": "#CC3311", "linestyle": "--", "marker": "s"},
    "rmsprop": {"color": "#209CCB", "linestyle": "-.", "marker": "^"},
    "adam": {"color": "#004488", "linestyle": "-", "marker": "D"},
    "residual_net": {"color": "#AA3377", "linestyle": "-", "marker": "o"},
    "copies": {"color": "#666633", "linestyle": "--", "marker": "D"},
}
"""Line, marker and color of each quantity, as keyword arguments of `Axes.plot`."""

CLASSES: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "marker": "o"}, {"color": "#BB8000", "marker": "s"}, {"color": "#009E73", "marker": "^"})
"""Marker and color of the points of each class, in classification problems."""

GRAY = "#888888"
"""Color of what is only there to compare with: lines at 0 and 1, level lines."""


def lecture_mode(flag: bool | None = None) -> bool:
    """Whether to draw for a projector.

    Parameters
    ----------
    flag : bool, optional
        The caller's own wish. None asks the environment variable ``LIVEGRAD_LECTURE``,
        where ``1`` means yes.

    Returns
    -------
    bool

    Examples
    --------
    >>> lecture_mode(True)
    True
    """
    return os.environ.get("LIVEGRAD_LECTURE", "") == "1" if flag is None else bool(flag)


@dataclass(frozen=True)
class Style:
    """Type size and line width of a figure, for a desk or for a lecture hall.

    Sizes are in CSS pixels, because a panel draws at 100 dots per CSS-pixel inch.

    Parameters
    ----------
    lecture : bool
        Large type and thick lines.

    Examples
    --------
    >>> Style(lecture=True).font > Style().font
    True
    """

    lecture: bool = False

    @property
    def font(self) -> float:
        """Type size in points."""
        return 15.0 if self.lecture else 10.5

    @property
    def width(self) -> float:
        """Width of a curve in points."""
        return 3.2 if self.lecture else 1.9

    def line(self, quantity: str, **changes: Any) -> dict[str, Any]:
        """Keyword arguments of `Axes.plot` for one quantity of the course.

        Parameters
        ----------
        quantity : str
            A key of `LINES`.
        **changes
            What to say differently here.

        Returns
        -------
        dict

        Raises
        ------
        KeyError
            If `quantity` has no color yet: give it one in `LINES`.

        Examples
        --------
        >>> Style().line("gradient")["color"]
        '#D55E00'
        """
        return {**LINES[quantity], "linewidth": self.width, "markersize": 2.4 * self.width, **changes}

    def rc(self) -> dict[str, Any]:
        """Settings for `matplotlib.rc_context` while a figure is built. Nothing global stays changed."""
        return {
            "font.size": self.font,
            "axes.titlesize": self.font * 1.1,
            "axes.titlelocation": "left",
            "axes.labelsize": self.font,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.8,
            "legend.frameon": False,
            "legend.fontsize": self.font * 0.95,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
        }
