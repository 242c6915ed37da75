"""The panel of notebook 05 on a whole net: one gradient, clipped in every way at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from livegrad.experiments.clipping import Scheme, compare_schemes
from livegrad.figures.scene import plain
from livegrad.figures.schemes import SchemeScene
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel

__all__ = ["scheme_panel"]


def scheme_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The gradient of a deep net on the digits, clipped by global norm, per layer, per array, by value and adaptively.

    The line of the threshold can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"depth=20 weight_scale=2 activation=relu threshold=0 share=-2"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> [scheme.name for scheme in scheme_panel("depth=3").result]
    ['none', 'global norm', 'per layer', 'per array', 'by value', 'adaptive']
    """
    def compute(depth: int, weight_scale: float, activation: str, threshold: float, share: float) -> list[Scheme]:
        return compare_schemes(10.0**threshold, depth, weight_scale, activation, clipping_share=10.0**share, width=50)

    return Panel(
        SchemeScene,
        [Slider("depth", "Depth (layers)", 2, 30, 20),
         Slider("weight_scale", "Weight scale", 0.5, 3.0, 2.0, 0.1),
         Choice("activation", "Activation", ("sigmoid", "tanh", "relu"), "relu", lecture=False),
         Slider("threshold", "Threshold ε = 10^", -4.0, 4.0, 0.0, 0.1),
         Slider("share", "Adaptive: λ = 10^", -4.0, 2.0, -2.0, 0.1, lecture=False)],
        compute, _describe, drag=lambda grip, x, y, result: {"threshold": math.log10(y)} if y > 0 else {},
        state=state, lecture=lecture,
        presets={"Exploding": "depth=20 weight_scale=2 activation=relu threshold=0",
                 "Vanishing": "depth=20 weight_scale=1 activation=sigmoid threshold=0",
                 "Only some layers": "depth=20 weight_scale=2 activation=relu threshold=3.2"})


def _describe(result: Sequence[Scheme]) -> str:
    before, *after = result
    sizes = (f"Before clipping, layer 1 has a gradient of norm {plain(before.norms[0])}, "
             f"layer {len(before.norms)} one of {plain(before.norms[-1])}.")
    adverb = {"adaptive": "adaptively", "global norm": "by global norm"}
    turns = ", ".join(f"{scheme.turn:.1f}° {adverb.get(scheme.name, scheme.name)}" for scheme in after)
    return f"{sizes} At ε = {plain(after[0].threshold)} and λ = {plain(after[-1].threshold)} the whole turns by {turns}."
