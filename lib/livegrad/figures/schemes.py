"""A picture of one gradient that is clipped in many ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livegrad.experiments.clipping import Scheme
from livegrad.figures.scene import CurveScene, few_ticks, plain
from livegrad.style import Style

__all__ = ["SchemeScene"]

_WAYS = {
    "global norm": ("clipped", {}),
    "per layer": ("clipped", {"linestyle": "--", "marker": "^", "color": "#3A97D4"}),
    "per array": ("clipped", {"linestyle": ":", "marker": "X", "color": "#661100"}),
    "by value": ("clipped_by_value", {}),
    "adaptive": ("weight", {"linestyle": "-.", "marker": "v"}),
}


class SchemeScene(CurveScene):
    """Left: the norm of every layer's gradient before and after clipping. Right: how far each way turns the whole."""

    title = ("Left: norm of the gradient of every layer's weights, log axis, before clipping and after clipping by global norm, "
             "per layer, per array, by value and adaptively. Right: angle in degrees between the whole gradient before "
             "and after, one line for each way")
    aspect = 2.2

    def __init__(self, figure: Figure, style: Style, most_layers: int = 30) -> None:
        super().__init__(style)
        self._sizes, self._turns = figure.subplots(1, 2, width_ratios=(1.25, 1))
        self._sizes.set(yscale="log", ylim=(1e-14, 1e8), xlim=(0, most_layers + 1), xlabel="layer")
        few_ticks(self._sizes, style)
        self.heading(self._sizes, r"norm of each layer's $\partial C/\partial W^l$")
        self._turns.set(xlim=(0, 90), xticks=range(0, 91, 30), xlabel="turned by (degrees)", ylim=(len(_WAYS) - 0.5, -0.5))
        self._turns.set_yticks(range(len(_WAYS)), list(_WAYS))  # this names the ways, for the left axes too
        self.heading(self._turns, "the whole gradient turns")
        self._before = self.curve(self._sizes, "gradient", "before clipping", markevery=5)
        self._off = self.crosses(self._sizes, "beyond the axis")
        self._threshold = self.curve(self._sizes, "threshold", "threshold ε")
        self._after, self._stems = (
            {name: self.curve(axes, quantity, markevery=[1] if axes is self._turns else (place, 5), **changes)
             for place, (name, (quantity, changes)) in enumerate(_WAYS.items())}
            for axes in (self._sizes, self._turns))
        self._handle = self.ring(self._sizes)
        self.legend(figure, columns=4)
        self._whole, self._words = self.words(self._sizes), self.words(self._turns)

    def update(self, result: Sequence[Scheme]) -> None:
        """Move the curves and the stems."""
        before, *after = result
        low, high = self._sizes.get_ylim()
        layers = np.arange(1, len(before.norms) + 1)
        on_scale = [np.where((scheme.norms < low) | (scheme.norms > high), np.nan, scheme.norms) for scheme in result]
        lost = [(layer, 3 * low if size < low else high / 3) for scheme in result
                for layer, size in zip(layers, scheme.norms, strict=True) if not low <= size <= high]
        self._off.set_data(*np.reshape(lost, (-1, 2)).T)
        self._before.set_data(layers, on_scale[0])
        for place, scheme in enumerate(after):
            self._after[scheme.name].set_data(layers, on_scale[place + 1])
            self._stems[scheme.name].set_data([0, scheme.turn], [place, place])
        self._threshold.set_data(self._sizes.get_xlim(), [after[0].threshold] * 2)
        self._handle.set_data([0.93 * self._sizes.get_xlim()[1]], [after[0].threshold])
        self._whole.set_text(f"layer 1: {plain(before.norms[0])},  global: {plain(after[0].norms[0])}")
        self._words.set_text(f"per array: {after[2].turn:.0f}°")

    def grips(self) -> Sequence[tuple[Axes, float, float]]:
        """The threshold."""
        (x,), (y,) = self._handle.get_data()
        return [(self._sizes, x, y)]
