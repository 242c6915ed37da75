"""Every patient of the clinic after every single change on offer: which of them cure, and so how short a cure can be.

    python -m livegrad.experiments.sweeps single_changes
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from livegrad import data
from livegrad.experiments.clinic import SEEDS, recoveries
from livegrad.experiments.patients import PATIENTS, TREATMENTS
from livegrad.experiments.sweeps import Arrays, Settings, Sweep
from livegrad.validation import choice

__all__ = ["CURED", "SWEEP", "cures", "run_cell", "well"]

CURED = 4
"""A treatment cures if that many of the 5 seeds, or more, are well."""


def _worth_a_run(patient: str, treatment: str) -> bool:
    """Whether the change makes another net of this patient."""
    settings, (name, value) = PATIENTS[patient].settings, TREATMENTS[treatment]
    return bool((changed := settings.change(**{name: value})).changes(settings)) and changed.means(name)


CELLS = tuple({"patient": patient, "treatment": treatment} for patient in PATIENTS if PATIENTS[patient].cure
              for treatment in TREATMENTS if _worth_a_run(patient, treatment))


def run_cell(patient: str, treatment: str) -> Arrays:
    """Treat one patient with one change, with each seed.

    Examples
    --------
    >>> run_cell("F", "init=normal")["well"]
    array(5)
    """
    name, value = TREATMENTS[treatment]
    return {"well": np.array(recoveries(PATIENTS[patient].settings.change(**{name: value}), SEEDS))}


def _collect(cells: Sequence[Settings], results: Sequence[Arrays]) -> Arrays:
    columns = {name: np.array([cell[name] for cell in cells]) for name in ("patient", "treatment")}
    return columns | {"well": np.array([result["well"] for result in results], np.uint8)}


SWEEP = Sweep(CELLS, run_cell, _collect, Path(data.__file__).with_name("single_changes.npz"))


@cache
def _stored() -> dict[tuple[str, str], int]:
    stored = data.read(SWEEP.target)
    return dict(zip(zip(stored["patient"].tolist(), stored["treatment"].tolist()), stored["well"].tolist()))


def well(patient: str) -> dict[str, int]:
    """How many of the 5 seeds are well after each single change that means something to this patient.

    Parameters
    ----------
    patient : str
        A key of `PATIENTS`.

    Returns
    -------
    dict of str to int
        By the way the change is written, in the order of `TREATMENTS`. Empty for the healthy one.

    Raises
    ------
    ValueError
        If there is no such patient.

    Examples
    --------
    >>> well("G")["gain=1.4"]
    5
    """
    choice("patient", patient, PATIENTS)
    return {treatment: count for (who, treatment), count in _stored().items() if who == patient}


def cures(patient: str) -> list[str]:
    """The single changes that cure a patient, in at least 4 of 5 seeds.

    Examples
    --------
    >>> cures("I")
    []
    """
    return [treatment for treatment, count in well(patient).items() if count >= CURED]
