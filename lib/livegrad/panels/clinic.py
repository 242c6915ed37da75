"""Panels of notebook 09: patients to diagnose and to cure, and a form with every setting."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import traitlets

from livegrad.experiments.clinic import HEALTHY, Chart, Visit, outcome, treat
from livegrad.experiments.patients import CHOICES, DISEASES, PATIENTS, TASKS, TREATMENTS, Settings, spelled
from livegrad.experiments.single_changes import CURED, cures, well
from livegrad.figures.clinic import ChartScene
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider, quoted
from livegrad.panels.training import TrainingPanel
from livegrad.style import lecture_mode

__all__ = ["Form", "patient_panel", "patient_state", "sandbox_panel"]

_NOTHING = "nothing"


def patient_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """A net that may be sick: name the disease, prescribe at most two changes, train, and see whether it gets well.

    Without changes the panel shows the finished training of the sick net, its symptoms.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"patient=C diagnosis=? change_1=gain=1 change_2=nothing"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> patient_panel("patient=A change_1=gain=1").result.well
    True
    """
    finished: dict[tuple[Settings, int], Chart] = {}

    def run(patient: str, diagnosis: str, change_1: str, change_2: str, seed: int) -> Iterator[Visit]:
        prescribed = _prescribed(change_1, change_2)
        settings = PATIENTS[patient].settings.change(**prescribed)
        if settings == PATIENTS[patient].settings:
            finished[settings, seed] = outcome(settings, seed)
        # What has been trained before is there at once, so that a diagnosis can still be changed.
        if (settings, seed) in finished:
            yield Visit.of(finished[settings, seed], patient, diagnosis, prescribed)
        for chart in treat(settings, seed):
            yield Visit.of(chart, patient, diagnosis, prescribed)
        finished[settings, seed] = chart

    def glance(patient: str, diagnosis: str, change_1: str, change_2: str, seed: int) -> Visit:
        """The end of a training that is known, or else the untrained net: another seed is trained when the hand rests."""
        prescribed = _prescribed(change_1, change_2)
        settings = PATIENTS[patient].settings.change(**prescribed)
        if settings == PATIENTS[patient].settings and not any(known == settings for known, _ in finished):
            finished[settings, seed] = outcome(settings, seed)  # who is called in shows the symptoms at once
        chart = finished.get((settings, seed)) or next(treat(settings, seed))
        return Visit.of(chart, patient, diagnosis, prescribed)

    changes = (_NOTHING, *TREATMENTS)
    return TrainingPanel(
        ChartScene,
        [Choice("patient", "Patient", tuple(PATIENTS), "A"),
         Choice("diagnosis", "Diagnosis", ("?", *DISEASES), "?"),
         Choice("change_1", "Change", changes, _NOTHING),
         Choice("change_2", "and change", changes, _NOTHING),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        run, _describe_visit, preview=glance, state=state, lecture=lecture)


def _prescribed(*treatments: str) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in (TREATMENTS[treatment] for treatment in treatments if treatment != _NOTHING):
        if changes.setdefault(name, value) != value:
            raise ValueError(f"change: got {spelled(name, changes[name])} and {spelled(name, value)}, "
                             "expected one value: take one back")
    return changes


def _describe_visit(result: Visit) -> str:
    said = (_condition(result, f"Patient {result.patient}"), _opinion(result), _prognosis(result))
    return " ".join(filter(None, map(str.strip, said)))


def _condition(result: Chart, who: str) -> str:
    """How the net fares, and what its gradient did before the training."""
    unit = {"digits": "layer", "recall": "step"}[result.settings.task]
    kept, last = result.first.back, len(result.first.dz)
    start = f"On the first minibatch the gradient at {unit} 1 is {plain(kept)} times that at {unit} {last}."
    if not math.isfinite(kept):
        start = "On the first minibatch there is no finite gradient to compare."
    if result.overflowed:
        before = f", after a loss of {plain(result.loss[-2])}" if result.taken else ""
        return f"{who} overflowed at update {result.taken}{before}. {start}"
    if result.taken < result.steps:
        return f"{who} after {result.taken} of {result.steps} updates: press Train. {start}"
    return (f"{who} after {result.steps} updates gives {percent(result.accuracy)} right answers at the test; "
            f"well is {percent(HEALTHY)} or more. {start}")


def _opinion(result: Visit) -> str:
    if result.diagnosis == "?":
        return ""
    return f"The diagnosis {result.diagnosis} is {'right' if result.right else f'wrong: {DISEASES[result.diagnosis]}'}."


def _prognosis(result: Visit) -> str:
    """What came of the treatment; once it has cured, also what would have been enough."""
    changes, cure, note = result.changes, PATIENTS[result.patient].cure, _idle(result)
    if not changes:
        return note
    written = _spelled(changes)
    if result.progress < 1:
        return f"Prescribed: {written}. {note}"
    if not cure:
        return f"With {written} it is {'well, as it was before' if result.well else 'no longer well'}. {note}"
    counts = well(result.patient)
    seeds = counts.get(written, 0 if len(changes) == 1 else None)  # what means nothing to the net was not tried
    said = f"With {written} it {'is well' if result.well else 'has not recovered'} with this seed"
    if seeds is not None:
        said += f"; {seeds or 'none'} of the seeds 0 to 4 {'is' if seeds < 2 else 'are'} well, and a cure needs {CURED}"
    if not result.well or (seeds is not None and seeds < CURED):
        return f"{said}. {note}"
    enough = len(cures(result.patient))
    return (f"{said}. A shortest cure has {_count(len(cure))}: {_spelled(cure)}. "
            f"Of {len(counts)} single changes {enough or 'none'} {'is' if enough < 2 else 'are'} enough. {note}")


def _idle(result: Visit) -> str:
    """What of the prescription changes nothing."""
    had = {name: value for name, value in result.prescribed.items() if name not in result.changes}
    idle = [name for name in result.changes if not result.settings.means(name)]
    return " ".join([*([f"Patient {result.patient} has {_spelled(had)} already: no change."] if had else []),
                     *([f"This net has no use for {' and '.join(idle)}."] if idle else [])])


def _spelled(changes: Mapping[str, Any]) -> str:
    return " ".join(spelled(*change) for change in changes.items())


def _count(changes: int) -> str:
    return f"{changes} change{'s' * (changes != 1)}"


@dataclass(frozen=True)
class Form:
    """A control for many settings at once, each a small list of words; its value is written ``depth:6,width:40,…``.

    A panel of the course has five controls at most, because a reader who moves one has to remember the others. A sandbox is
    for those who have met all of them: it needs every setting at once, and a form with names in a fixed order can be read.

    Parameters
    ----------
    name, label : str
        As for `Slider`.
    fields : mapping of str to tuple of str
        The settings and their words, the first of each being the default.
    shown : tuple of str
        The settings that have a list of their own; the others can be written in a state only.
    lecture : bool
        As for `Slider`.

    Examples
    --------
    >>> Form("net", "Net", {"depth": ("6", "12"), "norm": ("none", "batch")}).parse("norm:batch")
    'depth:6,norm:batch'
    """

    name: str
    label: str
    fields: Mapping[str, tuple[str, ...]]
    shown: tuple[str, ...] = ()
    lecture: bool = True

    @property
    def default(self) -> str:
        """The first word of every setting."""
        return self.text({name: words[0] for name, words in self.fields.items()})

    @property
    def options(self) -> tuple[str, ...]:
        """Two values far apart: the first words of all settings, and the last."""
        return self.default, self.text({name: words[-1] for name, words in self.fields.items()})

    def widget(self) -> widgets.Widget:
        """Build the lists."""
        return _FormBox(self)

    def parse(self, text: str) -> str:
        """Read a value from text; settings left out get their default.

        Raises
        ------
        ValueError
            If a setting or its word is not one of those on offer.
        """
        return self.text(self.read(text))

    def read(self, text: str) -> dict[str, str]:
        """The words by setting."""
        words = {name: options[0] for name, options in self.fields.items()}
        for piece in filter(None, text.split(",")):
            name, _, word = piece.partition(":")
            if word not in self.fields.get(name, ()):
                what, offer = (name, self.fields[name]) if name in self.fields else ("a setting", self.fields)
                raise ValueError(f"{self.name}: got {quoted(piece)}, expected {what} among {', '.join(offer)}")
            words[name] = word
        return words

    def snap(self, value: str) -> str:
        """The value itself."""
        return value

    def text(self, value: str | Mapping[str, str]) -> str:
        """Write a value as text that `parse` reads back."""
        return value if isinstance(value, str) else ",".join(f"{name}:{word}" for name, word in value.items())


class _FormBox(widgets.GridBox):
    """The lists of a form. Its value follows them, and they follow it."""

    value = traitlets.Unicode()

    def __init__(self, form: Form) -> None:
        self._form = form
        self._lists = {name: widgets.Dropdown(options=form.fields[name], description=name, style={"description_width": "90px"},
                                              layout={"width": "225px"}) for name in form.shown or form.fields}
        super().__init__([*self._lists.values()], layout={"grid_template_columns": "repeat(auto-fill, 230px)", "width": "100%"})
        self.value, self._writing = form.default, False
        for single in self._lists.values():
            single.observe(self._picked, "value")
        self.observe(self._written, "value")

    def _picked(self, _: Any) -> None:
        if not self._writing:
            picked = {name: single.value for name, single in self._lists.items()}
            self.value = self._form.text(self._form.read(self.value) | picked)

    def _written(self, change: Mapping[str, Any]) -> None:
        self._writing = True  # one list after the other: what they say between is nobody's wish
        try:
            words = self._form.read(change["new"])
            for name, single in self._lists.items():
                single.value = words[name]
        finally:
            self._writing = False


def _words() -> dict[str, dict[str, Any]]:
    """For the form: every setting's values by the word for them, those of the patients too, the default first."""
    found = {}
    for name, values in CHOICES.items():
        more = {getattr(patient.settings, name) for patient in PATIENTS.values()}
        every = [*values, *sorted(more - set(values))] if isinstance(values[0], str) else sorted({*values, *more})
        usual = getattr(Settings(), name)
        found[name] = {spelled(name, value).partition("=")[2]: value for value in (usual, *(v for v in every if v != usual))}
    return found


_WORDS = _words()
_IN_LECTURE = ("depth", "residual", "gain", "activation", "norm", "learning_rate")


def sandbox_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Every setting of the clinic at once, and the chart of the net that they make.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"task=digits settings=depth:12,norm:batch seed=3"``; settings that are not named are those of
        a healthy net for the digits.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> sandbox_panel("settings=depth:3").result.settings.depth
    3
    """
    form = Form("settings", "Settings", {name: tuple(words) for name, words in _WORDS.items()},
                shown=_IN_LECTURE if lecture_mode(lecture) else ())

    def run(task: str, settings: str, seed: int) -> Iterator[Chart]:
        values = {name: _WORDS[name][word] for name, word in form.read(settings).items()}
        return treat(Settings(task=task, **values), seed)

    return TrainingPanel(
        ChartScene, [Choice("task", "Task", tuple(TASKS), "digits"), form, Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        run, _describe_chart, state=state, lecture=lecture,
        presets={"Digits": "task=digits settings=depth:6",
                 "Recall": "task=recall settings=width:30,init:orthogonal,activation:tanh",
                 "Deep, with skips": "task=digits settings=depth:12,residual:yes,norm:layer,activation:tanh,gain:1"})


def patient_state(patient: str) -> str:
    """The state that opens a patient in `sandbox_panel`: the file, which names the disease to whom can read it.

    Examples
    --------
    >>> sandbox_panel(patient_state("J")).result.settings == PATIENTS["J"].settings
    True
    """
    settings = PATIENTS[patient].settings
    words = ",".join(spelled(name, getattr(settings, name)).replace("=", ":") for name in CHOICES)
    return f"task={settings.task} settings={words}"


def _describe_chart(result: Chart) -> str:
    verdict = " Well." if result.well else " Not well." if result.progress == 1 else ""
    return _condition(result, "The net") + verdict
