"""The exercises of notebook 09: right answers in several styles pass, and a diagnosis is never given away."""

import math

import numpy as np
import pytest

from livegrad.checks import clinic
from livegrad.checks.clinic import check_closed_share, check_different_units, check_disease_c, check_triage, check_update_ratio
from livegrad.experiments.clinic import DISEASES, PATIENTS

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


def update_by_loop(W, dW, learning_rate):
    step = math.sqrt(sum((learning_rate * g) ** 2 for row in dW for g in row))
    return step / math.sqrt(sum(w * w for row in W for w in row))


def closed_by_loop(z, limit):
    return sum(1 / math.cosh(v) ** 2 < limit for row in z for v in row) / z.size


def different_by_loop(W):
    kept = []
    for row in W:
        if not any(np.allclose(row, old) for old in kept):
            kept.append(row)
    return len(kept)


def triage_by_list(a, dz, closed, copies):
    rules = [("unnormalized-inputs", a[0] > 10), ("symmetric-start", (copies > 0.5).any()),
             ("saturated-units", (closed > 0.8).all()),
             ("exploding", dz[0] / dz[-1] > 1000), ("vanishing", dz[-1] / dz[0] > 1000), ("healthy", True)]
    return next(name for name, applies in rules if applies)


@pytest.mark.parametrize("check, answer", [(check_update_ratio, update_by_loop), (check_closed_share, closed_by_loop),
                                           (check_different_units, different_by_loop), (check_triage, triage_by_list)],
                         ids=lambda x: getattr(x, "__name__", ""))
def test_right_answers_in_another_style_pass(check, answer):
    assert check(answer).status == "passed", check(answer)
