"""The patients of the clinic, the diseases that they may have, and what can be prescribed.

A patient is a net with its training, both written down in `Settings`. Nine of the ten have one disease each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from livegrad.validation import choice, fail, number, positive_ints

__all__ = ["CHOICES", "DISEASES", "PATIENTS", "TASKS", "TREATMENTS", "Patient", "Settings", "spelled"]

TASKS = {"digits": 10, "recall": 4}
"""The tasks, and among how many answers a net has to choose."""

CHOICES: dict[str, tuple[Any, ...]] = {
    "depth": (3, 6, 12),
    "width": (20, 40, 80),
    "residual": ("no", "yes"),
    "init": ("normal", "orthogonal", "constant"),
    "gain": (0.1, 0.5, 1.0, 1.4, 2.0, 4.0),
    "activation": ("sigmoid", "tanh", "relu", "leaky_relu"),
    "norm": ("none", "batch", "layer"),
    "max_norm": (0.1, 1.0, 10.0, math.inf),
    "optimizer": ("sgd", "momentum", "rmsprop", "adam"),
    "learning_rate": (0.001, 0.01, 0.1, 1.0),
    "inputs": ("standardized", "0..1", "0..255"),
    "evaluation": ("running", "batch"),
}
"""What can be prescribed: the fields of `Settings` but for the task, and the values on offer."""


@dataclass(frozen=True)
class Settings:
    """A net and its training, all of it.

    Parameters
    ----------
    task : {"digits", "recall"}
        "digits": a feedforward net names handwritten digits. "recall": a recurrent net reads 15 symbols and names the first.
    depth : int
        Layers with weights, the last one included; at least 2.
    width : int
        Units of every hidden layer, or of the recurrent one.
    residual : {"no", "yes"}
        Whether the hidden layers after the first add to what they read, as in `livegrad.residual.ResidualNet`.
    init : {"normal", "orthogonal", "constant"}
        Rule for the hidden weights, or the recurrent ones: normal with standard deviation gain/√fan_in; gain times an orthogonal
        matrix; or all equal to gain/fan_in. The weights of the readout are always normal, with standard deviation 1/√fan_in.
    gain : float
    activation : str
        φ of the hidden units.
    norm : {"none", "batch", "layer"}
        What stands before φ. In the recurrence batch norm is not possible and means none.
    max_norm : float
        Threshold of clipping by global norm; inf clips nothing.
    optimizer : {"sgd", "momentum", "rmsprop", "adam"}
    learning_rate : float
    inputs : {"standardized", "0..1", "0..255"}
        Every pixel with mean 0 and standard deviation 1, or as it is, in one of two units.
    evaluation : {"running", "batch"}
        What batch norm uses at the test: its running averages, or the statistics of the test batch, as in training.

    Raises
    ------
    ValueError
        If a value is not one of those above.

    Examples
    --------
    >>> Settings().change(gain=0.5, max_norm=1.0).changes(Settings())
    {'gain': 0.5, 'max_norm': 1.0}
    """

    task: str = "digits"
    depth: int = 6
    width: int = 40
    residual: str = "no"
    init: str = "normal"
    gain: float = 1.4
    activation: str = "relu"
    norm: str = "none"
    max_norm: float = math.inf
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    inputs: str = "standardized"
    evaluation: str = "running"

    def __post_init__(self) -> None:
        choice("task", self.task, TASKS)
        for name, options in CHOICES.items():
            if isinstance(options[0], str):
                choice(name, getattr(self, name), options)
        positive_ints("depth and width", [self.depth - 1, self.width])
        number("gain", self.gain)
        number("learning_rate", self.learning_rate, low=0)
        if not self.max_norm > 0:
            fail("max_norm", "a positive number or inf", self.max_norm)

    def change(self, **treatment: Any) -> Settings:
        """The same with other values for some of the fields in `CHOICES`."""
        for name in treatment:
            choice("treatment", name, CHOICES)
        return replace(self, **treatment)

    def changes(self, since: Settings) -> dict[str, Any]:
        """What has another value than in `since`."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != getattr(since, f.name)}

    def means(self, name: str) -> bool:
        """Whether the field has a meaning for this net: a recurrent net has no layers, and only batch norm is told to evaluate.

        Examples
        --------
        >>> Settings().means("evaluation"), Settings(norm="batch").means("evaluation")
        (False, True)
        """
        if self.task == "recall":
            return name not in ("depth", "residual", "inputs", "evaluation") and (name, self.norm) != ("norm", "batch")
        return name != "evaluation" or self.norm == "batch"


def spelled(name: str, value: Any) -> str:
    """A setting in the way it is written on a prescription.

    Examples
    --------
    >>> spelled("max_norm", math.inf), spelled("depth", 3)
    ('max_norm=inf', 'depth=3')
    """
    return f"{name}={value}" if isinstance(value, str) else f"{name}={value:g}"


TREATMENTS: dict[str, tuple[str, Any]] = {
    spelled(name, value): (name, value) for name, values in CHOICES.items() for value in values}
"""Every single change on offer, by the way it is written."""


@dataclass(frozen=True)
class Patient:
    """A net, what is wrong with it, and the shortest treatment known.

    Attributes
    ----------
    settings : Settings
    disease : str
        A key of `DISEASES`.
    cure : mapping
        The fewest changes after which at least 4 of 5 seeds are well. Others as short may do as much.
    """

    settings: Settings
    disease: str
    cure: Mapping[str, Any] = field(default_factory=dict)


DISEASES: dict[str, str] = {
    "healthy": "a healthy net would answer most of the test examples right",
    "vanishing": "the gradients of a feedforward net would shrink layer by layer on their way back, from an ordinary start",
    "exploding": "activations or gradients of a feedforward net would grow by the same factor with every layer",
    "dead-units": "hidden units would be closed for all digits at the end of the training, and not at its start",
    "saturated-units": "hidden layers would be closed from the start, though what they read is of ordinary size",
    "symmetric-start": "the units of a layer would be copies of one another",
    "unnormalized-inputs": "A⁰, the size of the input, would be far from 1",
    "evaluation-mode": "the training loss would fall like a healthy one, and the test would never be better than guessing",
    "overfitting": "the test would get better at first, and worse while the training loss still falls",
    "small-steps": "gradients would arrive in every layer, and yet every update would be far below 0.001 of the weights",
    "recurrence-vanishes": "gradients would shrink with every step back in time, from the start of the training on",
    "recurrence-explodes": "gradients would grow with every step back in time, from the start of the training on",
}
"""The diseases, and what each of them would show. Not every one has a patient: what is left over must not name itself."""

_DIGITS = Settings()
_RECALL = Settings(task="recall", width=30, init="orthogonal", activation="tanh")

PATIENTS: dict[str, Patient] = {
    "A": Patient(_DIGITS.change(depth=10, activation="tanh", gain=0.2), "vanishing", {"gain": 1.0}),
    "B": Patient(_DIGITS.change(depth=5, inputs="0..1", optimizer="momentum", learning_rate=1.0), "dead-units",
                 {"learning_rate": 0.01}),
    "C": Patient(_DIGITS.change(depth=4, norm="batch", evaluation="batch"), "evaluation-mode", {"evaluation": "running"}),
    "D": Patient(_DIGITS, "healthy"),
    "E": Patient(_RECALL.change(gain=0.4, learning_rate=0.3, max_norm=1.0), "recurrence-vanishes", {"gain": 1.4}),
    "F": Patient(_DIGITS.change(depth=4, activation="tanh", gain=1.0, init="constant"), "symmetric-start", {"init": "normal"}),
    "G": Patient(_DIGITS.change(depth=9, gain=4.0), "exploding", {"gain": 1.4}),
    "H": Patient(_DIGITS.change(depth=4, activation="tanh", gain=1.0, inputs="0..255"), "unnormalized-inputs",
                 {"inputs": "standardized"}),
    "I": Patient(_DIGITS.change(depth=5, activation="sigmoid", gain=30.0), "saturated-units",
                 {"activation": "tanh", "gain": 1.0}),
    "J": Patient(_RECALL.change(gain=6.0), "recurrence-explodes", {"gain": 1.4}),
}
"""The patients. Their names say nothing."""
