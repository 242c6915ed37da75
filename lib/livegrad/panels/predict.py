"""Commit to an answer first, then see."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from livegrad.panels.access import Access
from livegrad.panels.shown import Shown

__all__ = ["Prediction", "predict"]


class Prediction(Shown):
    """A question with one right option. See `predict`.

    Attributes
    ----------
    widget : ipywidgets.Widget
    committed : int or None
        Index of the answer given, None before.
    """

    def __init__(self, number: str, options: Sequence[str], answer: int, because: str) -> None:
        if len(options) < 2:
            raise ValueError(f"options: got {len(options)}, expected at least two")
        if not 0 <= answer < len(options):
            raise ValueError(f"answer: got {answer}, expected an index from 0 to {len(options) - 1}")
        self.committed: int | None = None
        self._number, self._options, self._answer, self._because = number, list(options), answer, because
        self._choice = widgets.RadioButtons(options=self._options, value=None, layout={"width": "max-content", "max_width": "100%"},
                                            description=f"Prediction {number}", style={"description_width": "0px"})
        self._commit = widgets.Button(description="Commit", disabled=True, tooltip="Commit to the marked answer, then see")
        self._verdict = widgets.HTML()
        self._choice.observe(self._chosen, "value")
        self._commit.on_click(lambda _: self._reveal())
        self._widget = widgets.VBox([self._choice, widgets.HBox([self._commit, self._verdict]), Access()])
        self._widget.add_class("livegrad-question")

    def _chosen(self, change: Any) -> None:
        self._commit.disabled = change["new"] is None

    def _reveal(self) -> None:
        self.committed = self._choice.index
        self._choice.disabled = self._commit.disabled = True
        right = self.committed == self._answer
        answer = escape(self._options[self._answer])
        words = f"<b>{'Yes' if right else 'Not quite'}:</b> {answer}. {escape(self._because)}"
        self._verdict.value = f"<span role='alert'>{words}</span>"  # which is read aloud as it appears

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        lines = [f"Prediction {self._number}", *(f"  ( ) {option}" for option in self._options)]
        return self._view() | {"text/plain": "\n".join(lines)}


def predict(number: str, options: Sequence[str], answer: int, because: str = "") -> Prediction:
    """Ask for a prediction: mark an answer, commit, and only then see which one holds.

    Parameters
    ----------
    number : str
        The question's number in its notebook. The question itself stands in the cell above.
    options : sequence of str
    answer : int
        Index of the right option.
    because : str
        One sentence, shown after the answer.

    Returns
    -------
    Prediction
        Shown as radio buttons; as plain text where there are no widgets.

    Raises
    ------
    ValueError
        If there are fewer than two options, or `answer` is no index of them.

    Examples
    --------
    >>> print(predict("1", ["grows", "shrinks"], answer=1)._repr_mimebundle_()["text/plain"])
    Prediction 1
      ( ) grows
      ( ) shrinks
    """
    return Prediction(number, options, answer, because)
