"""Deep linear nets: their exact learning dynamics, and how long they take to learn against their depth.

A linear net computes one matrix, whatever its depth, and yet its learning is not linear (Saxe, McClelland & Ganguli 2013).

    python -m livegrad.experiments.sweeps deep_linear

trains the nets of `LearningTimes` anew, in a few minutes; `load_learning_times` reads what is stored with the course.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import data
from livegrad.experiments.gradients import standardized_digits
from livegrad.experiments.sweeps import Sweep
from livegrad.initializers import lecun_normal, orthogonal
from livegrad.losses import one_hot
from livegrad.validation import choice, number

__all__ = ["SWEEP", "LearningTimes", "Modes", "learning_time", "load_learning_times", "mode_strength", "two_layer_modes"]


def mode_strength(t: Any, s: float, u0: float) -> np.ndarray:
    """Strength u of one input-output mode of a linear net of two layers, at time t of gradient descent with tiny steps.

    u(t) = s e^(2st) / (e^(2st) − 1 + s/u0): it stays small, then rises at once, the sooner the larger s is (Saxe et al. 2013,
    §1.3, eq. 12, where t is counted in units of their time constant τ = 1/learning rate).

    Parameters
    ----------
    t : array_like
        Learning rate times updates.
    s : float
        Singular value of the input-output correlation, where u ends. Above 0.
    u0 : float
        Strength at the start. Above 0.

    Examples
    --------
    >>> mode_strength([0.0, 100.0], s=2.0, u0=0.1).round(6)
    array([0.1, 2. ])
    """
    s, u0 = number("s", s, low=0, strict=True), number("u0", u0, low=0, strict=True)
    # Divided through by e^(2st), which may overflow.
    decay = np.exp(-2 * s * np.asarray(t, dtype=float))
    return s / (1 + (s / u0 - 1) * decay)


@dataclass(frozen=True)
class Modes:
    """Modes of a linear net of two layers while it learns, measured and by the formula.

    Attributes
    ----------
    t : ndarray (k,)
        Learning rate times updates made.
    singular_values : ndarray (m,)
        Of the input-output correlation.
    measured, predicted : ndarray (k, m)
        Strength of each mode.
    """

    t: np.ndarray
    singular_values: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray


def two_layer_modes(learning_rate: float = 0.01, steps: int = 1500, u0: float = 1e-3, hidden: int = 32, seed: int = 0) -> Modes:
    """Train a linear net of two layers on the digits by full-batch gradient descent, and follow its modes.

    Inputs are whitened, as the formula asks. The weights start small and along the modes, but the hidden layer is turned at
    random, which changes nothing.

    Parameters
    ----------
    learning_rate : float
    steps : int
    u0 : float
        Strength of every mode at the start.
    hidden : int
        Units of the hidden layer, at least 10.
    seed : int

    Returns
    -------
    Modes

    Examples
    --------
    >>> modes = two_layer_modes()
    >>> bool(abs(modes.measured - modes.predicted).max() < 0.02)
    True
    """
    x, y = _centered()
    U, _, _ = np.linalg.svd(x, full_matrices=False)
    white = U[:, : np.linalg.matrix_rank(x)] * math.sqrt(len(x))  # Σ xxᵀ/N is the identity
    target = y.T @ white / len(x)
    left, s, right = np.linalg.svd(target, full_matrices=False)
    kept = s > 1e-9 * s[0]  # the ten classes add up to 1: one mode is empty
    left, s, right = left[:, kept], s[kept], right[kept]
    turn = orthogonal((hidden, len(s)), np.random.default_rng(seed))
    W1, W2 = math.sqrt(u0) * turn @ right, math.sqrt(u0) * left @ turn.T
    measured = np.empty((steps + 1, len(s)))
    for k in range(steps + 1):
        measured[k] = np.einsum("im,ij,mj->m", left, W2 @ W1, right)
        error = W2 @ W1 - target
        W1, W2 = W1 - learning_rate * W2.T @ error, W2 - learning_rate * error @ W1.T
    t = learning_rate * np.arange(steps + 1)
    return Modes(t, s, measured, np.column_stack([mode_strength(t, si, u0) for si in s]))


DEPTHS = (2, 4, 8, 16, 32)
INITS = {"orthogonal": orthogonal, "normal": lecun_normal}
RATES = tuple(0.8 / 2**k for k in range(11))
SEEDS = range(5)
SETTINGS = {"width": 64, "right": 0.9, "most": 600}


def learning_time(depth: int, init: str, learning_rate: float, seed: int, width: int, right: float,
                  most: int) -> dict[str, np.ndarray]:
    """Train a deep linear net on the digits; ``steps`` is after how many updates it first names enough of them right.

    Full-batch gradient descent on half the mean squared error from one-hot labels, inputs standardized, both centered. Its
    gradient needs only the correlations of the data, so that a step costs the same whatever the number of digits.

    Parameters
    ----------
    depth : int
        Layers L; there are no biases.
    init : {"orthogonal", "normal"}
        Orthogonal weights, or normal ones of standard deviation 1/√fan_in: both keep the size of a signal on average.
    learning_rate : float
    seed : int
    width : int
        Units of every hidden layer.
    right : float
        Share of all digits to name.
    most : int
        Updates after which to give up.

    Returns
    -------
    dict of ndarray
        ``steps``, a float, inf if it gave up or overflowed; ``seconds``.

    Examples
    --------
    >>> float(learning_time(2, "orthogonal", 0.1, seed=0, width=64, right=0.8, most=100)["steps"]) < 100
    True
    """
    started = time.perf_counter()
    rule = choice("init", init, INITS)
    x, y = _centered()
    labels = standardized_digits()[1]
    sizes = [x.shape[1], *[width] * (depth - 1), y.shape[1]]
    children = np.random.SeedSequence(seed).spawn(depth)
    shapes = zip(sizes[1:], sizes[:-1], strict=True)
    weights = [rule(shape, np.random.default_rng(s)) for shape, s in zip(shapes, children, strict=True)]
    inputs, target = x.T @ x / len(x), y.T @ x / len(x)

    def found(steps: float) -> dict[str, np.ndarray]:
        return {"steps": np.array(steps), "seconds": np.array(time.perf_counter() - started)}

    with np.errstate(all="ignore"):  # too large a rate explodes
        for step in range(most + 1):
            below = [np.eye(x.shape[1])]
            for W in weights:
                below.append(W @ below[-1])
            whole = below[-1]
            if not np.isfinite(whole).all():
                break
            if np.mean((x @ whole.T).argmax(axis=1) == labels) >= right:
                return found(step)
            error = whole @ inputs - target  # of the product of all weights, its gradient
            for l in reversed(range(depth)):
                gradient = error @ below[l].T
                error = weights[l].T @ error
                weights[l] -= learning_rate * gradient
    return found(math.inf)


@dataclass(frozen=True)
class LearningTimes:
    """How many updates deep linear nets needed, for each depth with the learning rate that suits it best.

    Attributes
    ----------
    depths : ndarray of int (n,)
    steps : dict of str to ndarray (n, s)
        For ``orthogonal`` and ``normal`` weights: updates needed, for each depth and seed, at the learning rate whose median is
        the smallest. inf where the net never got there.
    learning_rate : dict of str to ndarray (n,)
        That learning rate.
    settings : dict
        width, right, most, rates, seeds, and the NumPy it was computed with.
    """

    depths: np.ndarray
    steps: dict[str, np.ndarray]
    learning_rate: dict[str, np.ndarray]
    settings: dict[str, Any]


def _collect(cells: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    shape = len(INITS), len(DEPTHS), len(RATES), len(SEEDS)
    columns = {name: np.array([r[name] for r in results], np.float32).reshape(shape) for name in ("steps", "seconds")}
    settings = {**SETTINGS, "inits": list(INITS), "rates": RATES, "seeds": len(SEEDS), "numpy": np.__version__}
    return {"settings": np.array(json.dumps(settings)), "depths": np.array(DEPTHS), **columns}


SWEEP = Sweep([{"depth": depth, "init": init, "learning_rate": rate, "seed": seed, **SETTINGS}
               for init in INITS for depth in DEPTHS for rate in RATES for seed in SEEDS],
              learning_time, _collect, Path(data.__file__).with_name("learning_times.npz"))
"""What ``python -m livegrad.experiments.sweeps deep_linear`` runs."""


@cache
def load_learning_times() -> LearningTimes:
    """The stored sweep.

    Examples
    --------
    >>> times = load_learning_times()
    >>> times.steps["orthogonal"].shape == (len(times.depths), 5)
    True
    """
    stored = data.read(SWEEP.target)
    settings = json.loads(stored["settings"].item())
    steps, best = {}, {}
    for init, found in zip(settings["inits"], stored["steps"].astype(float), strict=True):
        chosen = np.median(found, axis=2).argmin(axis=1)
        steps[init] = found[np.arange(len(found)), chosen]
        best[init] = np.array(settings["rates"])[chosen]
    return LearningTimes(stored["depths"], steps, best, settings)


@cache
def _centered() -> tuple[np.ndarray, np.ndarray]:
    """Standardized digits and one-hot labels, both with mean 0. Not to be written to."""
    x, labels = standardized_digits()
    y = one_hot(labels, 10)
    y -= y.mean(axis=0)
    y.setflags(write=False)
    return x, y
