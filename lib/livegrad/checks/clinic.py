"""The exercises of notebook 09, Clinic.

Every check says "Not attempted yet" to `...`, and the rest is explained in `livegrad.checks.grading`:

>>> check_disease_c(...)
Not attempted yet: disease_c is still to be found.
"""

from __future__ import annotations

import numpy as np

from livegrad.checks.grading import Exercise, Verdict

__all__ = [
    "check_cures_beyond_chance",
    "check_died_in_training",
    "check_disease_c",
    "check_disease_f",
    "check_disease_h",
    "check_scale_to_keep",
    "check_triage",
]

NAMES = (
    "healthy",
    "vanishing",
    "exploding",
    "dead-units",
    "saturated-units",
    "symmetric-start",
    "unnormalized-inputs",
    "evaluation-mode",
    "overfitting",
    "small-steps",
    "recurrence-vanishes",
    "recurrence-explodes",
)


class _Diagnosis(Exercise):
    """The name of a disease. A word that is none gets the list, and never the answer."""

    def __call__(self, answer: object) -> Verdict:
        if answer is None or answer is ... or (issubclass(type(answer), str) and str.__str__(answer) in NAMES):
            return super().__call__(answer)
        return Verdict("failed", f"Not yet. A diagnosis is one of the words {', '.join(NAMES)}.")


def _said(name):
    return lambda: name


def _diagnosis(reference, **hints):
    """A diagnosis with a hint for each disease it is not; `_` stands for a hyphen."""
    return _Diagnosis(reference, "->()", wrong={hint: _said(name.replace("_", "-")) for name, hint in hints.items()})


def disease_c():
    return "evaluation-mode"


check_disease_c = _diagnosis(
    disease_c,
    healthy="Is it? Compare the rings on the left with the line.",
    vanishing="Its first layer has as much gradient as its last.",
    exploding="Its sizes are about 1 in every layer, and no gradient grows.",
    dead_units="About half of it is closed, which is usual for ReLU.",
    saturated_units="About half of it is closed before and after the training: that is ReLU, and no disease.",
    symmetric_start="It has no copies.",
    unnormalized_inputs="Its A⁰, the first blue point, lies at 1.",
    overfitting="A net that learns its examples by heart is better than guessing at first. Look at the first rings.",
    small_steps="Its updates are of the usual size, and its training loss falls.",
    recurrence_vanishes="It is a feedforward net: the text below it speaks of layers. And its gradients keep their size.",
    recurrence_explodes="It is a feedforward net: the text below it speaks of layers. And nothing in it grows.",
)
"""The disease of patient C."""


def disease_f():
    return "symmetric-start"


check_disease_f = _diagnosis(
    disease_f,
    healthy="A healthy net would know more at the test.",
    vanishing="Its first layer has a seventh of the gradient of its last: four layers can learn with that.",
    exploding="Neither its activations nor its gradients grow from layer to layer.",
    dead_units="None of its units is closed.",
    saturated_units="All of its units are open: look at the other share.",
    unnormalized_inputs="Its inputs have size 1: the first blue point.",
    evaluation_mode="Its training loss does not fall like a healthy one: something is wrong before the test.",
    overfitting="The rings stay with the line: what it knows of the minibatches it knows at the test, too.",
    small_steps="Its updates are of the usual size, or larger.",
    recurrence_vanishes="The text below it speaks of layers, so it is not recurrent. And its gradients do not shrink.",
    recurrence_explodes="The text below it speaks of layers, so it is not recurrent. And its gradients do not grow.",
)
"""The disease of patient F."""


def disease_h():
    return "unnormalized-inputs"


check_disease_h = _diagnosis(
    disease_h,
    healthy="Look at the test: it is sick.",
    vanishing="Only layer 1 has lost its gradient. Vanishing goes on from layer to layer.",
    exploding="Only one of its sizes is large, and no layer multiplies it further.",
    dead_units="Its first layer is closed before the training begins. What closes it?",
    saturated_units="Layer 1 is closed, but only it: the others have weights of the same kind and are open. What does it read?",
    symmetric_start="All its units differ.",
    evaluation_mode="It has learned little in the training, too.",
    overfitting="The rings stay with the line, and the line is high.",
    small_steps="Only layer 1 stands still at the end, and at the start even that does not.",
    recurrence_vanishes="It has layers and no steps in time. And the gradient is lost in one place only.",
    recurrence_explodes="It has layers and no steps in time. And its gradients do not grow.",
)
"""The disease of patient H."""


def scale_to_keep(kept, L):
    return kept ** (-1 / (L - 1))


check_scale_to_keep = Exercise(
    scale_to_keep,
    "(),()->()",
    cases=lambda rng: [(0.25, 3), (1e-6, 7), (2e-6, 10), (1000.0, 4), (5e20, 50)],
    wrong={
        "You count a factor for each of the L layers; from layer L to layer 1 there are fewer.":
            lambda kept, L: kept ** (-1 / L),
        "That is what a layer multiplies by now, without the cure.":
            lambda kept, L: kept ** (1 / (L - 1)),
        "That factor is right for one layer alone; here all are multiplied.":
            lambda kept, L: 1 / kept,
        "You share the factor out by division; the factors of the layers multiply.":
            lambda kept, L: 1 / kept / (L - 1),
        "The error goes through L - 1 matrices; you left out one more.":
            lambda kept, L: kept ** (-1 / (L - 2)),
        "A root for each layer, and not a square root.":
            lambda kept, L: kept ** -0.5,
    },
)
"""By what to multiply all weights so that a gradient keeps its size."""


def died_in_training(first, last):
    return np.sum((last == 1) & (first < 1))


check_died_in_training = Exercise(
    died_in_training,
    "(n),(n)->()",
    cases=lambda rng: [
        tuple(np.array(shares) for shares in case) for case in (
            ([0.5, 1.0, 0.4], [1.0, 1.0, 0.6]),
            ([0.5, 0.98, 1.0, 0.3, 1.0], [1.0, 1.0, 1.0, 0.98, 0.4]),
            ([0.4, 0.5, 0.6, 0.5], [0.98, 0.5, 0.7, 0.4]),
            ([1.0, 1.0, 0.2, 0.3, 0.4, 0.9, 0.5], [1.0, 0.5, 1.0, 1.0, 1.0, 0.96, 1.0]),
        )
    ],
    wrong={
        "Those are all that are dead at the end. Some of them were dead before the training.":
            lambda first, last: np.sum(last == 1),
        "You take those dead at the start from those dead at the end; one that came back to life is then taken off, too.":
            lambda first, last: np.sum(last == 1) - np.sum(first == 1),
        "You count the units that are closed more often than before. Dead is closed for all examples.":
            lambda first, last: np.sum(last > first),
        "You look for the dead of the first minibatch that live in the last.":
            lambda first, last: np.sum((first == 1) & (last < 1)),
        "That is their share; their number is wanted.":
            lambda first, last: np.mean((last == 1) & (first < 1)),
        "You call a unit dead that is closed for nearly all examples. One example is enough to live.":
            lambda first, last: np.sum((last > 0.95) & (first <= 0.95)),
    },
)
"""How many units the training killed."""


def cures_beyond_chance(well):
    return np.sum(well >= 4) - len(well) * 6 / 32


check_cures_beyond_chance = Exercise(
    cures_beyond_chance,
    "(k)->()",
    cases=lambda rng: [(np.array(counts),) for counts in (
        [5, 0, 4, 3], [0, 0, 0, 0, 0, 0, 0, 5], [1, 2, 3, 2, 3], [5, 4, 5, 0, 0, 1, 4, 0, 5, 3, 0, 0])],
    wrong={
        "Those are the cures. How many coins would have passed among as many treatments?":
            lambda well: np.sum(well >= 4),
        "Four seeds of five are enough to cure.":
            lambda well: np.sum(well == 5) - len(well) * 6 / 32,
        "Three seeds of five are not enough to cure.":
            lambda well: np.sum(well >= 3) - len(well) * 6 / 32,
        "A coin falls well in 4 of 5 in five ways, and in 5 of 5 in one more.":
            lambda well: np.sum(well >= 4) - len(well) * 5 / 32,
        "That is the chance of 5 of 5; a coin may pass with 4 of 5, too.":
            lambda well: np.sum(well >= 4) - len(well) / 32,
        "A coin is well with one seed in two; it passes more rarely. Section 3 has the probability.":
            lambda well: np.sum(well >= 4) - len(well) / 2,
        "That is what one coin does; there are as many as treatments.":
            lambda well: np.sum(well >= 4) - 6 / 32,
        "You counted the seeds of a cure; count cures.":
            lambda well: np.sum(well[well >= 4]) - len(well) * 6 / 32,
    },
)
"""How many treatments cure, above what coins would."""


def triage(a, dz, closed, copies):
    if a[0] > 10:
        return "unnormalized-inputs"
    if copies.max() > 0.5:
        return "symmetric-start"
    if closed.min() > 0.8:
        return "saturated-units"
    if dz[0] > 1000 * dz[-1]:
        return "exploding"
    return "vanishing" if dz[0] < dz[-1] / 1000 else "healthy"


def _charts(rng):
    usual = {"a": [1.0, 0.9, 1.1, 1.0], "dz": [0.2, 0.1, 0.3], "closed": [0.5, 0.4], "copies": [0.0, 0.0]}
    cases = ({}, {"dz": [1e-6, 1e-4, 0.1]}, {"dz": [400.0, 9.0, 0.1]}, {"closed": [0.95, 0.9]}, {"copies": [1.0, 0.0]},
             {"a": [126.0, 1.0, 0.6, 0.5], "closed": [0.98, 0.0]}, {"closed": [0.95, 0.1]},
             {"a": [120.0, 1.0, 1.0, 1.0], "dz": [1e-7, 0.1, 0.1], "closed": [1.0, 0.9]},
             {"copies": [0.0, 1.0], "dz": [1e-9, 1e-4, 0.1]}, {"closed": [0.9, 0.85], "dz": [500.0, 7.0, 0.1]},
             {"closed": [1.0, 0.7]}, {"copies": [1.0, 0.9]},
             {"dz": [1e-3, 0.1, 0.5]}, {"dz": [90.0, 3.0, 0.2]}, {"a": [1.0, 30.0, 60.0, 90.0]})
    return [tuple(np.array(values) for values in (usual | case).values()) for case in cases]


def _triage(order, first=0, last=-1, most=np.min, copied=np.max):
    """The same questions in another order, or asked of other layers."""
    signs = {
        "unnormalized-inputs": lambda a, dz, closed, copies: a[0] > 10,
        "symmetric-start": lambda a, dz, closed, copies: copied(copies) > 0.5,
        "saturated-units": lambda a, dz, closed, copies: most(closed) > 0.8,
        "exploding": lambda a, dz, closed, copies: dz[first] > 1000 * dz[last],
        "vanishing": lambda a, dz, closed, copies: dz[first] < dz[last] / 1000,
    }
    names = [name for letter in order for name in signs if name[:2] == letter]
    return lambda *chart: next((name for name in names if signs[name](*chart)), "healthy")


check_triage = Exercise(
    triage,
    "(k),(l),(h),(h)->()",
    cases=_charts,
    wrong={
        "You have the two ends mixed up: dz[0] belongs to layer 1, which the gradient reaches last.":
            _triage(("un", "sy", "sa", "ex", "va"), first=-1, last=0),
        "One closed layer is enough for you; all are to be closed.":
            _triage(("un", "sy", "sa", "ex", "va"), most=np.max),
        "You take the mean over the layers; each of them is to be closed.":
            _triage(("un", "sy", "sa", "ex", "va"), most=np.mean),
        "One layer of copies is enough; you ask for all.":
            _triage(("un", "sy", "sa", "ex", "va"), copied=np.min),
        "You ask for the gradients first. Large inputs or copies come first: they spoil the gradients, too.":
            _triage(("ex", "va", "un", "sy", "sa")),
        "You ask for saturation before the inputs: large inputs close units, and then the inputs are the disease.":
            _triage(("sa", "un", "sy", "ex", "va")),
        "You ask for the gradients before saturation; the order is that of the list.":
            _triage(("un", "sy", "ex", "va", "sa")),
        "You forget the copies.":
            _triage(("un", "sa", "ex", "va")),
        "You forget the inputs.":
            _triage(("sy", "sa", "ex", "va")),
        "You look at the largest of all activations; only a[0] is the input.":
            lambda a, dz, closed, copies: "unnormalized-inputs" if a.max() > 10 else triage(a, dz, closed, copies),
    },
)
"""The disease that the first minibatch shows, by a list of rules."""
