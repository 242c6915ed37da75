"""What a reader can set on a panel: a `Slider` over numbers or a `Choice` among words.

A control describes itself; `livegrad.panels.live.Panel` builds its widget. Its value can
also be written as text, which is how a state string such as ``depth=50 activation=tanh``
comes about.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

__all__ = ["Choice", "Control", "Slider", "Steps", "parse_state", "quoted"]

_LAYOUT = {"width": "350px", "max_width": "100%"}
_LABEL = {"description_width": "145px"}


@dataclass(frozen=True)
class Slider:
    """A number between two ends.

    Parameters
    ----------
    name : str
        Keyword under which the value is handed to the panel's computation.
    label : str
        What the reader sees, with its unit.
    low, high, default, step : int or float
        The slider is one of whole numbers when all four are.
    lecture : bool
        Whether the control stays in lecture mode, where there is room for few.

    Examples
    --------
    >>> depth = Slider("depth", "Depth (layers)", 2, 60, 20)
    >>> depth.parse("35")
    35
    """

    name: str
    label: str
    low: float
    high: float
    default: float
    step: float = 1
    lecture: bool = True

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.default, self.step))

    def widget(self) -> widgets.Widget:
        """Build the slider, with the value beside it."""
        kind = widgets.IntSlider if self.whole else widgets.FloatSlider
        return kind(value=self.default, min=self.low, max=self.high, step=self.step, description=self.label,
                    style=_LABEL, layout=_LAYOUT, **({} if self.whole else {"readout_format": ".3g"}))

    def parse(self, text: str) -> float:
        """Read a value from text.

        Raises
        ------
        ValueError
            If it is no number, or outside the slider's range.
        """
        expected = f"a {'whole ' if self.whole else ''}number from {self.low:g} to {self.high:g}"
        try:
            value = int(text) if self.whole else float(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name}: got {quoted(text)}, expected {expected}")
        return value

    def snap(self, value: float) -> float:
        """The slider's position nearest to a value, which may lie anywhere."""
        if math.isnan(value):
            return self.default
        steps = round((min(max(value, self.low), self.high) - self.low) / self.step)
        return self.low + steps * self.step

    def text(self, value: float) -> str:
        """Write a value as text that `parse` reads back."""
        return f"{value:.6g}"


@dataclass(frozen=True)
class Choice:
    """One of several words.

    Parameters
    ----------
    name, label : str
        As for `Slider`.
    options : tuple of str
        The words, in the order shown.
    default : str
        One of them.
    lecture : bool
        As for `Slider`.

    Examples
    --------
    >>> Choice("precision", "Precision", ("float32", "float64"), "float32").parse("float64")
    'float64'
    """

    name: str
    label: str
    options: tuple[str, ...]
    default: str
    lecture: bool = True

    def widget(self) -> widgets.Widget:
        """Build the drop-down list."""
        return widgets.Dropdown(options=self.options, value=self.default, description=self.label,
                                style=_LABEL, layout=_LAYOUT)

    def parse(self, text: str) -> str:
        """Read a value from text.

        Raises
        ------
        ValueError
            If it is not one of the options.
        """
        if text not in self.options:
            raise ValueError(f"{self.name}: got {quoted(text)}, expected one of {', '.join(self.options)}")
        return text

    def snap(self, value: str) -> str:
        """The value itself: a word has no neighbors."""
        return value

    def text(self, value: str) -> str:
        """Write a value as text that `parse` reads back."""
        return value


@dataclass(frozen=True)
class Steps(Choice):
    """A choice among numbers in ascending order, written as words, that is set with a slider.

    Examples
    --------
    >>> Steps("depth", "Depth", ("1", "2", "4", "8"), "2").snap(6.5)
    '8'
    """

    def widget(self) -> widgets.Widget:
        """Build the slider, with the word beside it."""
        return widgets.SelectionSlider(options=self.options, value=self.default, description=self.label,
                                       style=_LABEL, layout=_LAYOUT)

    def snap(self, value: float | str) -> str:
        """The number nearest to a value."""
        return min(self.options, key=lambda option: abs(float(option) - float(value)))


Control = Slider | Choice


def quoted(what: object) -> str:
    """What came, as it stands in a message: somebody may have pasted a whole page.

    Examples
    --------
    >>> quoted("depth"), len(quoted("depth" * 10_000))
    ("'depth'", 41)
    """
    text = repr(what)
    return text if len(text) <= 40 else f"{text[:40]}…"


def parse_state(text: str, controls: dict[str, Control]) -> dict[str, Any]:
    """Read a state string such as ``depth=50 activation=tanh``.

    Parameters
    ----------
    text : str
        Words of the form ``name=value``, separated by spaces, in any order. Controls that are
        not named are left out of the result.
    controls : dict of str to Control

    Returns
    -------
    dict of str to int, float or str

    Raises
    ------
    ValueError
        If it is no text, or a word has no ``=``, names no control, or gives a value that the control does not take.

    Examples
    --------
    >>> parse_state("depth=50", {"depth": Slider("depth", "Depth", 2, 60, 20)})
    {'depth': 50}
    """
    values = {}
    if not isinstance(text, str):
        raise ValueError(f"state: got {quoted(text)}, expected text such as {next(iter(controls), 'name')}=value")
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or name not in controls:
            raise ValueError(f"state: got {quoted(word)}, expected name=value with a name among {', '.join(controls)}")
        values[name] = controls[name].parse(value)
    return values
