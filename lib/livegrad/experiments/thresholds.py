"""Which clipping threshold trains a recurrent net? Many runs on the temporal-order task, stored with the course.

    python -m livegrad.experiments.sweeps thresholds

makes them anew; `load` reads what is stored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import data
from livegrad.experiments.sweeps import Sweep
from livegrad.experiments.temporal_order import SOLVED, TemporalOrderRun, train
from livegrad.validation import fail

__all__ = ["SWEEP", "ThresholdSweep", "Trials", "compare_thresholds", "load"]

LENGTH, UPDATES, EVERY, TEST_SIZE = 30, 40_000, 200, 1000
THRESHOLDS = (0.01, 0.1, 1.0, 10.0, 100.0, math.inf)
RATES = (0.01, 0.1)
SEEDS = range(5)

_TRACED = 4000
"""Updates of which loss and norm are kept, in the runs whose whole course is kept."""


def _cell(start: str, learning_rate: float, max_norm: float, seed: int) -> dict[str, Any]:
    return {"start": start, "learning_rate": learning_rate, "max_norm": max_norm, "seed": seed,
            "length": LENGTH, "updates": UPDATES, "every": EVERY}


CELLS = [_cell("normal", rate, threshold, seed) for rate in RATES for threshold in THRESHOLDS for seed in SEEDS]
CELLS += [_cell("sparse", 0.01, threshold, seed) for threshold in (1.0, math.inf) for seed in SEEDS]


def run_cell(**settings: Any) -> dict[str, np.ndarray]:
    """One training run, to its end."""
    *_, run = train(**settings)
    return {"wrong": np.round(run.error * TEST_SIZE).astype(np.uint16), "loss": run.loss.astype(np.float32),
            "norms": run.norms.astype(np.float32)}


def collect(cells: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """A row for each run, and the whole course of the first runs with the larger learning rate."""
    pairs = list(zip(cells, results, strict=True))
    wrong = np.full((len(cells), UPDATES // EVERY + 1), -1, np.int16)
    for row, (_, result) in zip(wrong, pairs, strict=True):
        row[: len(result["wrong"])] = result["wrong"]
    traced = [i for i, cell in enumerate(cells) if (cell["learning_rate"], cell["seed"]) == (0.1, 0)]
    courses = {f"{name}_{i}": results[i][name][:_TRACED] for i in traced for name in ("loss", "norms")}
    columns = {name: np.array([cell[name] for cell in cells]) for name in ("start", "learning_rate", "max_norm", "seed")}
    columns |= {"taken": np.array([len(result["loss"]) for result in results], np.int32),
                "clipped": np.array([np.mean(r["norms"] > cell["max_norm"]) for cell, r in pairs], np.float32),
                "largest": np.array([r["norms"].max() for r in results], np.float32),
                "first_loss": np.array([r["loss"][:20].mean(dtype=float) for r in results], np.float32)}
    settings = {"length": LENGTH, "updates": UPDATES, "every": EVERY, "test_size": TEST_SIZE, "hidden": 50, "batch": 20,
                "numpy": np.__version__}
    return {"settings": np.array(json.dumps(settings)), "wrong": wrong, **columns, **courses}


SWEEP = Sweep(CELLS, run_cell, collect, Path(data.__file__).with_name("thresholds.npz"))


@dataclass(frozen=True)
class Trials:
    """The stored runs, one in each row of the arrays.

    Attributes
    ----------
    settings : dict
        What all runs have in common: length, updates (the most a run may take), every (updates between two tests), test_size,
        hidden, batch, and the NumPy that computed them.
    start : ndarray of str (n,)
    learning_rate, max_norm : ndarray (n,)
        max_norm is inf for the runs without clipping.
    seed, taken : ndarray of int (n,)
        Seed, and updates made: fewer than `updates` if the task was solved before.
    error : ndarray (n, m)
        Share of wrong answers at each test, the first one before training; nan after the end of the run.
    clipped, largest, first_loss : ndarray (n,)
        Share of the updates that were clipped, largest norm of a gradient, and mean loss of the first 20 minibatches.
    courses : dict of int to (ndarray, ndarray)
        For some rows the loss and the norm of the gradient at every update, the first 4000 at most.
    """

    settings: Mapping[str, Any]
    start: np.ndarray
    learning_rate: np.ndarray
    max_norm: np.ndarray
    seed: np.ndarray
    taken: np.ndarray
    error: np.ndarray
    clipped: np.ndarray
    largest: np.ndarray
    first_loss: np.ndarray
    courses: Mapping[int, tuple[np.ndarray, np.ndarray]]

    @property
    def solved(self) -> np.ndarray:
        """Whether each run came below 1 % errors, (n,)."""
        return np.nanmin(self.error, axis=1) < SOLVED

    def rows(self, **wanted: Any) -> np.ndarray:
        """The rows with these settings, such as ``start="normal", learning_rate=0.1``.

        Examples
        --------
        >>> load().rows(start="normal", learning_rate=0.1, max_norm=1.0).size
        5
        """
        return np.flatnonzero(np.all([getattr(self, name) == value for name, value in wanted.items()], axis=0))

    def needed(self, error: float = SOLVED) -> np.ndarray:
        """Updates after which a test first had fewer errors than this share, (n,); nan for a run that never had."""
        good = self.error < error
        return np.where(good.any(axis=1), good.argmax(axis=1) * float(self.settings["every"]), np.nan)

    def run(self, learning_rate: float, max_norm: float, seed: int, start: str = "normal") -> TemporalOrderRun | None:
        """A stored run as `livegrad.experiments.temporal_order.train` would give it; None if its course is not stored.

        Of a run longer than 4000 updates it is the first 4000.

        Examples
        --------
        >>> load().run(0.1, 1.0, seed=0).solved, load().run(0.01, 1.0, seed=0)
        (True, None)
        """
        rows = self.rows(start=start, learning_rate=learning_rate, max_norm=max_norm, seed=seed)
        if not rows.size or rows[0] not in self.courses:
            return None
        loss, norms = self.courses[rows[0]]
        every, error = self.settings["every"], self.error[rows[0]]
        tests = min(len(loss) // every, np.count_nonzero(~np.isnan(error)) - 1)
        return TemporalOrderRun(self.settings["updates"], max_norm, loss, norms, error[: tests + 1], every)


@cache
def load() -> Trials:
    """The runs stored with the course.

    Examples
    --------
    >>> trials = load()
    >>> sorted(set(trials.learning_rate.tolist())), len(set(trials.seed.tolist()))
    ([0.01, 0.1], 5)
    """
    stored = data.read(SWEEP.target)
    settings = json.loads(str(stored["settings"]))
    names = ("start", "learning_rate", "max_norm", "seed", "taken", "clipped", "largest", "first_loss")
    columns = {name: stored[name] for name in names}
    courses = {int(name.split("_")[1]): (stored[name].astype(float), stored[name.replace("loss", "norms")].astype(float))
               for name in stored if name.startswith("loss_")}
    error = np.where(stored["wrong"] < 0, np.nan, stored["wrong"] / settings["test_size"])
    return Trials(settings=settings, error=error, courses=courses, **columns)


@dataclass(frozen=True)
class ThresholdSweep:
    """How runs with each threshold fared, within so many updates and by so strict a measure.

    Attributes
    ----------
    thresholds : ndarray (k,)
        θ; the last is inf, no clipping.
    needed : ndarray (k, s)
        Updates that each of the s seeds needed; nan if more than `cap`.
    budget, cap : int
        Updates allowed, and the most that any run made.
    error : float
        A run has got there when its share of wrong answers is below this.
    """

    thresholds: np.ndarray
    needed: np.ndarray
    budget: int
    cap: int
    error: float

    @property
    def solved(self) -> np.ndarray:
        """Number of seeds within the budget, for each threshold."""
        return np.sum(self.needed <= self.budget, axis=1)

    @property
    def median(self) -> np.ndarray:
        """Median of the updates needed, for each threshold; inf if most seeds did not get there at all."""
        return np.median(np.nan_to_num(self.needed, nan=np.inf), axis=1)


def compare_thresholds(learning_rate: float, budget: int, error: float = SOLVED) -> ThresholdSweep:
    """Read from the stored runs which thresholds got below this share of errors within `budget` updates.

    Parameters
    ----------
    learning_rate : float
        One of those stored.
    budget : int
    error : float

    Returns
    -------
    ThresholdSweep

    Raises
    ------
    ValueError
        If there are no runs with this learning rate.

    Examples
    --------
    >>> compare_thresholds(0.1, budget=10_000).solved.tolist()[2]  # threshold 1
    5
    """
    trials = load()
    thresholds = np.array(THRESHOLDS)
    rows = [trials.rows(start="normal", learning_rate=learning_rate, max_norm=threshold) for threshold in thresholds]
    if not rows[0].size:
        fail("learning_rate", f"one of {', '.join(map(str, RATES))}", learning_rate)
    return ThresholdSweep(thresholds, trials.needed(error)[np.array(rows)], budget, trials.settings["updates"], error)
