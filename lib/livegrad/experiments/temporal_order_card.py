"""How long may a sequence of the temporal-order task be? Success against its length, with clipping and without.

    python -m livegrad.experiments.sweeps temporal_order_card

makes the runs anew; `success` reads what is stored.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import data
from livegrad.experiments.sweeps import Sweep
from livegrad.experiments.temporal_order import SOLVED, TemporalOrderRun, train
from livegrad.validation import fail

__all__ = ["LENGTHS", "PAPER", "RATES", "SWEEP", "THRESHOLDS", "Card", "Success", "live", "success"]

LENGTHS = (10, 20, 30, 40, 50)
THRESHOLDS = (1.0, math.inf)
SEEDS = range(5)
START = "normal"
"""First weights: those that the paper calls basic."""
RATES = (0.1, 0.01)
"""Learning rates; the paper's is 0.01."""
UPDATES, EVERY, TEST_SIZE = 20_000, 200, 1000

PAPER = {"runs": 5, "updates": 5_000_000, "test_size": 10_000, "learning_rate": 0.01, "threshold": 1.0}
"""Settings of Pascanu, Mikolov & Bengio (2013, sec. 4.1.1). Units, minibatches and what counts as solved are the same here."""

CELLS = [{"start": START, "learning_rate": rate, "length": length, "max_norm": threshold, "seed": seed, "updates": UPDATES,
          "every": EVERY}
         for rate in RATES for length in LENGTHS for threshold in THRESHOLDS for seed in SEEDS]
_NAMES = ("start", "learning_rate", "length", "max_norm", "seed")


def run_cell(**settings: Any) -> dict[str, np.ndarray]:
    """One training run, to its end."""
    began = time.process_time()
    *_, run = train(**settings)
    return {"wrong": np.round(run.error * TEST_SIZE).astype(np.uint16), "loss": run.loss.astype(np.float32),
            "norms": run.norms.astype(np.float32), "seconds": np.array(time.process_time() - began)}


def collect(cells: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """A row for each run."""
    columns = {name: np.array([cell[name] for cell in cells]) for name in _NAMES}
    columns |= {"taken": np.array([len(result["loss"]) for result in results], np.int32),
                "first_wrong": np.array([result["wrong"][0] for result in results], np.uint16),
                "last_wrong": np.array([result["wrong"][-1] for result in results], np.uint16),
                "least_wrong": np.array([result["wrong"].min() for result in results], np.uint16),
                "clipped": np.array([np.mean(result["norms"] > cell["max_norm"])
                                     for cell, result in zip(cells, results, strict=True)], np.float32),
                "largest": np.array([result["norms"].max() for result in results], np.float32),
                "first_loss": np.array([result["loss"][:20].mean(dtype=float) for result in results], np.float32),
                "seconds": np.array([result["seconds"] for result in results], np.float32)}
    settings = {"updates": UPDATES, "every": EVERY, "test_size": TEST_SIZE, "hidden": 50, "batch": 20, "numpy": np.__version__}
    return {"settings": np.array(json.dumps(settings)), **columns}


SWEEP = Sweep(CELLS, run_cell, collect, Path(data.__file__).with_name("temporal_order.npz"))


@cache
def stored() -> dict[str, np.ndarray]:
    """The columns of the stored file, one entry for each run in the order of the sweep's cells.

    start, learning_rate, length, max_norm, seed; taken (updates), first_wrong, last_wrong, least_wrong (wrong answers to the test
    sequences before training, at the end, and at best), clipped (share of the updates), largest (norm of a gradient), first_loss
    (mean of 20 minibatches), seconds.

    Examples
    --------
    >>> sorted(set(stored()["length"].tolist()))
    [10, 20, 30, 40, 50]
    """
    return {name: column for name, column in data.read(SWEEP.target).items() if name != "settings"}


@dataclass(frozen=True)
class Success:
    """How the stored runs of one learning rate fared within so many updates.

    Attributes
    ----------
    learning_rate : float
    budget : int
        Updates allowed.
    lengths : tuple of int (m,)
        T.
    needed : ndarray (2, m, s)
        Updates until under 1 % errors, for each of the s seeds: with ε = 1 first, then without clipping; nan for a run that
        did not get there within all the updates it had.
    seconds : float
        That these runs took in all.
    """

    learning_rate: float
    budget: int
    lengths: tuple[int, ...]
    needed: np.ndarray
    seconds: float

    @property
    def solved(self) -> np.ndarray:
        """Number of seeds within the budget, (2, m)."""
        return np.sum(self.needed <= self.budget, axis=2)

    @property
    def runs(self) -> int:
        """Seeds for each length."""
        return self.needed.shape[2]


def success(learning_rate: float = 0.1, budget: int = UPDATES) -> Success:
    """Read from the stored runs which lengths were solved.

    Parameters
    ----------
    learning_rate : float
        One of `RATES`.
    budget : int

    Returns
    -------
    Success

    Raises
    ------
    ValueError
        If no runs were made with this learning rate.

    Examples
    --------
    >>> success(0.1).solved[:, 0]  # T = 10
    array([5, 5])
    """
    if learning_rate not in RATES:
        fail("learning_rate", f"one of {', '.join(map(str, RATES))}", learning_rate)
    runs = stored()
    mine = runs["learning_rate"] == learning_rate
    needed = np.where(runs["last_wrong"] < SOLVED * TEST_SIZE, runs["taken"], np.nan)
    by = [[needed[mine & (runs["max_norm"] == threshold) & (runs["length"] == T)] for T in LENGTHS] for threshold in THRESHOLDS]
    return Success(learning_rate, budget, LENGTHS, np.array(by), float(runs["seconds"][mine].sum()))


@dataclass(frozen=True)
class Card:
    """The stored runs, and a live one beside them as far as it has come.

    Attributes
    ----------
    stored : Success
    length : int
        T of the live run.
    live : TemporalOrderRun or None
        None before one is asked for.
    """

    stored: Success
    length: int
    live: TemporalOrderRun | None

    @property
    def progress(self) -> float:
        """Share of the live run that is over."""
        return 0.0 if self.live is None else self.live.progress


def live(learning_rate: float = 0.1, length: int = 20, max_norm: float = 1.0, seed: int = 0,
         budget: int = UPDATES) -> Iterator[Card]:
    """Train once, one report after the other, each beside the stored runs.

    For a length and a seed that are stored this is the stored run again, up to where rounding takes over.

    Parameters
    ----------
    learning_rate, budget
        As for `success`.
    length : int
        T, at least 10.
    max_norm : float
        The threshold ε; inf clips nothing.
    seed : int

    Yields
    ------
    Card
        First without a live run. It ends with the updates that the stored ones had, at the latest.

    Examples
    --------
    >>> *_, last = live(length=12)
    >>> last.live.solved
    True
    """
    rows = success(learning_rate, budget)
    yield Card(rows, length, None)
    for run in train(length, max_norm, learning_rate, seed, START, UPDATES, every=EVERY):
        yield Card(rows, length, run)
