"""The exercises of notebook 09, Clinic.

Every check says "Not attempted yet" to `...`, and the rest is explained in `livegrad.checks.grading`:

>>> check_disease_c(...)
Not attempted yet: disease_c is still to be found.
"""

from __future__ import annotations

import numpy as np

from livegrad.activations import get
from livegrad.checks.grading import Exercise, Verdict
from livegrad.mlp import norm

__all__ = [
    "check_closed_share",
    "check_different_units",
    "check_disease_c",
    "check_disease_f",
    "check_disease_h",
    "check_triage",
    "check_update_ratio",
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
    "recurrence-vanishes",
    "recurrence-explodes",
)


class _Diagnosis(Exercise):
    """The name of a disease. A word that is none gets the list, and never the answer."""

    def __call__(self, answer: object) -> Verdict:
        if answer is None or answer is ... or (isinstance(answer, str) and answer in NAMES):
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
    healthy="Is it? Compare the dots on the left with the line.",
    vanishing="Its first layer has as much gradient as its last.",
    exploding="Its sizes are about 1 in every layer, and no gradient grows.",
    dead_units="About half of it is closed, which is usual for ReLU.",
    saturated_units="About half of it is closed before and after the training: that is ReLU, and no disease.",
    symmetric_start="It has no copies.",
    unnormalized_inputs="Its A⁰, the first blue point, lies at 1.",
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
    recurrence_vanishes="It has layers and no steps in time. And the gradient is lost in one place only.",
    recurrence_explodes="It has layers and no steps in time. And its gradients do not grow.",
)
"""The disease of patient H."""


def update_ratio(W, dW, learning_rate):
    return learning_rate * norm(dW) / norm(W)


check_update_ratio = Exercise(
    update_ratio,
    "(n_out,n_in),(n_out,n_in),()->()",
    cases=lambda rng: [
        (rng.normal(size=shape).round(1), rng.normal(size=shape).round(1), rate) for shape, rate in (((2, 3), 0.1), ((4, 2), 0.5))
    ],
    wrong={
        "That is the gradient over the weights. The step is the learning rate times the gradient.":
            lambda W, dW, lr: norm(dW) / norm(W),
        "Upside down: the step stands above, the weights below.":
            lambda W, dW, lr: norm(W) / (lr * norm(dW)),
        "Those are the squares of the norms: a root is missing.":
            lambda W, dW, lr: lr * norm(dW) ** 2 / norm(W) ** 2,
        "That is the ratio of each entry, averaged. Take the norm of each matrix first.":
            lambda W, dW, lr: np.mean(np.abs(lr * dW / W)),
        "Your norm is the largest singular value, np.linalg.norm(…, 2). Take the root of the sum of all squares.":
            lambda W, dW, lr: lr * np.linalg.norm(dW, 2) / np.linalg.norm(W, 2),
        "You sum absolute values; the norm is the root of the sum of squares.":
            lambda W, dW, lr: lr * np.abs(dW).sum() / np.abs(W).sum(),
        "That is the step alone. Divide it by the norm of the weights.":
            lambda W, dW, lr: lr * norm(dW),
        "You divide by the weights after the step; those before it are wanted.":
            lambda W, dW, lr: lr * norm(dW) / norm(W - lr * dW),
    },
)
"""Norm of a step of gradient descent over the norm of the weights."""


def closed_share(z, limit):
    return np.mean(get("tanh").derivative(z) < limit)


def _tanh_slope(z):
    return 1 - np.tanh(z) ** 2


check_closed_share = Exercise(
    closed_share,
    "(m,n),()->()",
    cases=lambda rng: [
        (4 * rng.normal(size=shape).round(1), limit) for shape, limit in (((2, 3), 0.1), ((5, 4), 0.01), ((8, 6), 0.05))
    ],
    wrong={
        "That is the share of the open ones.":
            lambda z, limit: np.mean(_tanh_slope(z) >= limit),
        "That is how many there are; divide by the number of all.":
            lambda z, limit: np.sum(_tanh_slope(z) < limit),
        "That compares tanh(z), the output. Its slope at z is wanted.":
            lambda z, limit: np.mean(np.abs(np.tanh(z)) < limit),
        "A root too many, or a square too few: the slope is 1 − tanh²(z).":
            lambda z, limit: np.mean(1 - np.abs(np.tanh(z)) < limit),
        "That is the slope of the sigmoid.":
            lambda z, limit: np.mean(get("sigmoid").derivative(z) < limit),
        "That is the mean slope; count those below the limit.":
            lambda z, limit: np.mean(_tanh_slope(z)),
        "That is one share per unit; one for all units and examples is wanted.":
            lambda z, limit: np.mean(_tanh_slope(z) < limit, axis=0),
    },
)
"""Share of units and examples at which tanh has a slope below a limit."""


def different_units(W):
    return len(np.unique(W, axis=0))


check_different_units = Exercise(
    different_units,
    "(n_out,n_in)->()",
    cases=lambda rng: [
        (np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),),
        (np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),),
        (np.array([[1.0, 2.0, 2.0], [2.0, 1.0, 1.0], [2.0, 2.0, 1.0], [2.0, 1.0, 1.0]]),),
        (np.array([[1.0, 2.0, 1.0, 2.0], [2.0, 4.0, 2.0, 4.0], [-1.0, 0.0, 5.0, 0.0], [-1.0, 2.0, -1.0, 2.0]]),),
        (np.full((4, 5), 0.5),),
    ],
    wrong={
        "You compare with the first unit only; two others can be copies of each other.":
            lambda W: 1 + int(np.sum((W[1:] != W[0]).any(axis=1))),
        "Those are the different columns. A unit's weights are a row.":
            lambda W: len(np.unique(W, axis=1).T),
        "Those are the different numbers in W; compare whole rows.":
            lambda W: len(np.unique(W)),
        "That is the rank: rows that are multiples of one another differ all the same.":
            lambda W: np.linalg.matrix_rank(W),
        "Those are the copies; the others are wanted, and one of each kind.":
            lambda W: len(W) - len(np.unique(W, axis=0)),
        "You compare sums: two rows with the same sum can differ.":
            lambda W: len(np.unique(W.sum(axis=1))),
        "You compare norms: two rows of the same length can differ.":
            lambda W: len(np.unique(np.round((W**2).sum(axis=1), 9))),
        "You count only the rows that have no copy; of those that have, one each counts, too.":
            lambda W: int(np.sum(np.unique(W, axis=0, return_counts=True)[1] == 1)),
    },
)
"""How many different units a layer has."""


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
