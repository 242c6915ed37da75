"""A picture of digits that get lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livegrad.experiments.rounding import SlopeDigits
from livegrad.figures.scene import CurveScene, drawable, few_ticks, plain
from livegrad.style import Style

__all__ = ["RoundingScene"]


class RoundingScene(CurveScene):
    """Left: the sigmoid's slope, computed and true. Right: how many digits of it are right.

    The axes are fixed. What a log axis cannot show is marked at its edges: 0 below, not a number above.
    """

    title = ("Left: the slope of the sigmoid against z on a log axis, as computed and as it is. "
             "Right: the number of its decimal digits that are right")
    aspect = 2.3

    def __init__(self, figure: Figure, style: Style, widest: float = 120.0) -> None:
        super().__init__(style)
        self._left, self._right = figure.subplots(1, 2)
        self._left.set(yscale="log", ylim=(1e-55, 1e5), xlim=(-widest, widest), xlabel="z")
        self._right.set(ylim=(-0.5, 17), yticks=range(0, 17, 4), xlim=(-widest, widest), xlabel="z")
        few_ticks(self._left, style)
        self._heading = self.heading(self._left, "slope σ'(z)")
        self.heading(self._right, "right digits")
        self._computed = self.curve(self._left, "slope", "computed", marker="", linewidth=1.6 * style.width)
        self._true = self.curve(self._left, "prediction", "true")
        lost = {"linestyle": "", "marker": "x", "markersize": 2.6 * style.width, "markeredgewidth": 0.8 * style.width,
                "markevery": 5}
        self._zero = self.curve(self._left, "threshold", "0 (below) or not a number (above)", **lost)
        self._digits = self.curve(self._right, "slope", marker="")
        dot = {"linestyle": "", "marker": "o", "markersize": 5 * style.width}
        self._here, self._twin = self.curve(self._left, "slope", **dot), self.curve(self._right, "slope", **dot)
        self.legend(figure)
        self._left_words, self._right_words = self.words(self._left), self.words(self._right)

    def update(self, result: SlopeDigits) -> bool:
        """Move the curves and the point on them. Another form has another heading."""
        low, high = self._left.get_ylim()
        value, digits, here = result.computed[result.here], result.digits, result.here
        self._computed.set_data(result.grid, drawable(result.computed))
        self._true.set_data(result.grid, result.true)
        edge = np.where(np.isnan(result.computed), high / 1e2, np.where(result.computed == 0, low * 1e2, np.nan))
        self._zero.set_data(result.grid, edge)
        self._digits.set_data(result.grid, digits)
        self._here.set_data([result.z], [value if value > 0 else edge[here]])
        self._twin.set_data([result.z], [digits[here]])
        self._left_words.set_text(f"at z = {result.z:g}: {plain(value)}")
        self._right_words.set_text(f"{digits[here]:.0f} of {digits.max():.0f}")
        heading = f"slope, as {result.formula}"
        renamed = self._heading.get_text() != heading
        self._heading.set_text(heading)
        return renamed

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The point on each curve."""
        return [(point.axes, *(float(v[0]) for v in point.get_data())) for point in (self._here, self._twin)]
