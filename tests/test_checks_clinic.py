"""The exercises of notebook 09: right answers in several styles pass, and a diagnosis is never given away."""

import itertools
import math

import numpy as np
import pytest

from livegrad.checks import clinic
from livegrad.checks.clinic import (check_cures_beyond_chance, check_died_in_training, check_disease_c, check_scale_to_keep,
                                    check_triage)
from livegrad.experiments.clinic import outcome
from livegrad.experiments.patients import DISEASES, PATIENTS

DIAGNOSES = {"C": clinic.check_disease_c, "F": clinic.check_disease_f, "H": clinic.check_disease_h}


def test_the_names_are_those_of_the_clinic():
    assert set(clinic.NAMES) == set(DISEASES)


@pytest.mark.parametrize("patient", DIAGNOSES)
def test_a_diagnosis_passes_only_if_it_is_that_of_the_patient(patient):
    disease = PATIENTS[patient].disease
    for name in DISEASES:
        verdict = DIAGNOSES[patient](name)
        assert (verdict.status == "passed") == (name == disease)
        assert name == disease or disease not in verdict.message


@pytest.mark.parametrize("odd", ["Evaluation-Mode", "evaluation mode", "", 7, ["evaluation-mode"], np.zeros(3), lambda: "healthy"],
                         ids=["capitals", "blank", "empty", "number", "list", "array", "function"])
def test_an_odd_word_gets_the_list_of_all(odd):
    verdict = check_disease_c(odd)
    assert verdict.status == "failed" and all(name in verdict.message for name in DISEASES)


def scale_by_logs(kept, L):
    return math.exp(-math.log(kept) / (L - 1))


def died_by_loop(first, last):
    return sum(before < 1 and after == 1 for before, after in zip(first, last))


def cures_by_trials(well):
    passed = sum(sum(trial) >= 4 for trial in itertools.product((0, 1), repeat=5))
    return sum(count in (4, 5) for count in well) - sum(passed / 2**5 for _ in well)


def triage_by_list(a, dz, closed, copies):
    rules = [("unnormalized-inputs", a[0] > 10), ("symmetric-start", (copies > 0.5).any()),
             ("saturated-units", (closed > 0.8).all()),
             ("exploding", dz[0] / dz[-1] > 1000), ("vanishing", dz[-1] / dz[0] > 1000), ("healthy", True)]
    return next(name for name, applies in rules if applies)


@pytest.mark.parametrize("check, answer", [(check_scale_to_keep, scale_by_logs), (check_died_in_training, died_by_loop),
                                           (check_cures_beyond_chance, cures_by_trials), (check_triage, triage_by_list)],
                         ids=lambda x: getattr(x, "__name__", ""))
def test_right_answers_in_another_style_pass(check, answer):
    assert check(answer).status == "passed", check(answer)


def test_patient_a_in_one_line():
    """A linear net keeps all of its gradient after the exercise's factor: so does A, nearly, whose tanh is nearly linear."""
    settings = PATIENTS["A"].settings
    factor = scale_by_logs(outcome(settings).first.back, settings.depth)
    assert 0.8 < factor * settings.gain < 1
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.1, (8, 8)) for _ in range(5)]
    d = rng.normal(size=8)

    def back(scale):
        through = d
        for W in weights[:0:-1]:
            through = scale * W.T @ through
        return np.linalg.norm(through) / np.linalg.norm(d)

    assert back(scale_by_logs(back(1), 5)) == pytest.approx(1)
