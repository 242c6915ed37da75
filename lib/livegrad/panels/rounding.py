"""The panel of notebook 01 on digits: three ways to compute one slope."""

from __future__ import annotations

from livegrad.experiments.rounding import FORMS, PRECISIONS, SlopeDigits, slope_digits
from livegrad.figures.rounding import RoundingScene
from livegrad.figures.scene import plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel

__all__ = ["rounding_panel"]


def rounding_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The sigmoid's slope computed in three ways that are equal on paper, and how many digits each keeps.

    The point can be dragged along the curve.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"form=e^-z precision=float32 z=-89"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> rounding_panel("form=a(1-a) precision=float64 z=40").readout
    'In float64 a(1-a) gives 0 at z = 40. The slope is 4.25e-18, so that none of its digits is right.'
    """
    return Panel(
        RoundingScene,
        [Choice("form", "Computed as", FORMS, FORMS[0]),
         Choice("precision", "Precision", PRECISIONS, "float64"),
         Slider("z", "z", -120, 120, 0)],
        slope_digits, _describe, drag=lambda grip, x, y, result: {"z": x}, state=state, lecture=lecture,
        presets={"Rounded away": "form=a(1-a) precision=float64 z=40", "Overflow": "form=e^-z precision=float32 z=-89",
                 "Stable": "form=e^-|z| precision=float64 z=40"})


def _describe(result: SlopeDigits) -> str:
    right = round(result.digits[result.here])
    kept = "none of its digits is" if right == 0 else "one of its digits is" if right == 1 else f"{right} of its digits are"
    return (f"In {result.precision} {result.formula} gives {plain(result.computed[result.here])} at z = {result.z:g}. "
            f"The slope is {plain(result.true[result.here])}, so that {kept} right.")
