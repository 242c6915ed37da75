"""Many training runs with and without normalization, stored with the course.

    python -m livegrad.experiments.sweeps norm_runs

makes them anew; `load` reads what is stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import data
from livegrad.experiments.normed_nets import Comparison, Learning, ioffe_szegedy, small_batches, weight_scales
from livegrad.experiments.sweeps import Sweep
from livegrad.validation import choice

__all__ = ["BATCHES", "EXPERIMENTS", "RATES", "SWEEP", "WEIGHT_SCALES", "Band", "Beside", "NormRuns", "accuracy_by_batch",
           "accuracy_by_step", "load", "loss_by_weight_scale", "stored_run"]

EXPERIMENTS: dict[str, Callable[..., Iterator[Comparison]]] = {
    "weight_scales": weight_scales, "small_batches": small_batches, "ioffe_szegedy": ioffe_szegedy}
WEIGHT_SCALES = tuple(float(f"{10**e:.4g}") for e in np.arange(-2, 2.1, 0.25))
RATES = (0.1, 0.5)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
SEEDS = range(5)

CELLS: list[dict[str, Any]] = [
    *({"experiment": "weight_scales", "norm": norm, "weight_scale": scale, "activation": activation, "learning_rate": rate,
       "seed": seed, "steps": 300} for norm in ("none", "batch") for activation in ("sigmoid", "tanh", "relu")
      for rate in RATES for scale in WEIGHT_SCALES for seed in SEEDS),
    *({"experiment": "small_batches", "norm": norm, "batch": batch, "seed": seed, "steps": 1000}
      for norm in ("none", "batch", "layer") for batch in BATCHES if (norm, batch) != ("batch", 1) for seed in SEEDS),
    *({"experiment": "ioffe_szegedy", "norm": norm, "seed": seed, "steps": 50_000}
      for norm in ("none", "batch") for seed in SEEDS)]


def run_cell(experiment: str, norm: str, **settings: Any) -> dict[str, np.ndarray]:
    """One training run, to its end."""
    *_, last = EXPERIMENTS[experiment](norms=[norm], **settings)
    run, every, tests = last.runs[norm], last.every, settings["steps"] // last.every + 1
    full = np.full(settings["steps"], np.inf)
    full[: len(run.loss)] = run.loss
    missing = tests - len(run.accuracy)  # after an overflow the net stays as it is
    accuracy, read = (np.concatenate([a, np.repeat(a[-1:], missing, axis=0)]) for a in (run.accuracy, run.read))
    with np.errstate(invalid="ignore"):
        loss = full.reshape(-1, every).mean(axis=1)
    return {"every": np.array(every), "loss": np.where(np.isnan(loss), np.inf, loss).astype(np.float32),
            "accuracy": accuracy.astype(np.float32), "read": read.astype(np.float32)}


def collect(cells: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of each experiment, a row for each run."""
    file: dict[str, np.ndarray] = {"numpy": np.array(np.__version__)}
    for name in EXPERIMENTS:
        rows = [i for i, cell in enumerate(cells) if cell["experiment"] == name]
        settings = [{k: v for k, v in cells[i].items() if k != "experiment"} for i in rows]
        file[f"{name}_settings"] = np.array(json.dumps({k: [s[k] for s in settings] for k in settings[0]}))
        file[f"{name}_every"] = results[rows[0]]["every"]
        # What φ reads is drawn for the one experiment that is about it.
        for what in ("loss", "accuracy", "read") if name == "ioffe_szegedy" else ("loss", "accuracy"):
            file[f"{name}_{what}"] = np.stack([results[i][what] for i in rows])
    return file


SWEEP = Sweep(CELLS, run_cell, collect, Path(data.__file__).with_name("norm_runs.npz"))


@dataclass(frozen=True)
class NormRuns:
    """The stored runs of one experiment, one in each row of the arrays.

    Attributes
    ----------
    settings : dict of str to ndarray (n,)
        norm, seed, steps, and what else the experiment varies.
    every : int
        Updates between two tests.
    loss : ndarray (n, t − 1)
        Mean cross-entropy of the `every` minibatches before each test; inf from an overflow on.
    accuracy : ndarray (n, t)
        Share of the test digits right at each test, the first one before training.
    read : ndarray (n, t, 3), or None
        As in `livegrad.experiments.normed_nets.Learning`.
    """

    settings: Mapping[str, np.ndarray]
    every: int
    loss: np.ndarray
    accuracy: np.ndarray
    read: np.ndarray | None

    @property
    def at(self) -> np.ndarray:
        """Updates made at each test, (t,)."""
        return self.every * np.arange(self.accuracy.shape[1])

    def rows(self, **wanted: Any) -> np.ndarray:
        """The rows with these settings, by seed.

        Examples
        --------
        >>> load("small_batches").rows(norm="batch", batch=4).size
        5
        """
        return np.flatnonzero(np.all([self.settings[name] == value for name, value in wanted.items()], axis=0))


@cache
def load(experiment: str) -> NormRuns:
    """The runs of one experiment that are stored with the course.

    Parameters
    ----------
    experiment : str
        One of `EXPERIMENTS`, functions of `livegrad.experiments.normed_nets`.

    Returns
    -------
    NormRuns

    Raises
    ------
    ValueError
        If there is no such experiment.

    Examples
    --------
    >>> runs = load("ioffe_szegedy")
    >>> runs.accuracy.shape, int(runs.at[-1])
    ((10, 201), 50000)
    """
    choice("experiment", experiment, EXPERIMENTS)
    stored = data.read(SWEEP.target)

    def column(what: str) -> np.ndarray | None:
        return stored.get(f"{experiment}_{what}")

    read = column("read")
    settings = {k: np.array(v) for k, v in json.loads(str(column("settings"))).items()}
    return NormRuns(settings, int(column("every")), column("loss").astype(float), column("accuracy").astype(float),
                    None if read is None else read.astype(float))


@dataclass(frozen=True)
class Band:
    """What several seeds gave: the least, the median and the greatest, as functions of something."""

    low: np.ndarray
    median: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Band:
        """Of values with one seed a row."""
        return cls(*np.sort(values, axis=0)[[0, len(values) // 2, -1]])


@dataclass(frozen=True)
class Beside:
    """A comparison under way, and the stored runs that it is one of.

    Attributes
    ----------
    live : Comparison
    at : float
        Its place among the stored runs: its weight scale, or its batch size.
    stored : dict of str to Band
        By name of the normalization, over `WEIGHT_SCALES` or `BATCHES`.
    """

    live: Comparison
    at: float
    stored: Mapping[str, Band]

    @property
    def progress(self) -> float:
        """Share of the comparison that is over."""
        return self.live.progress


def loss_by_weight_scale(activation: str, learning_rate: float, steps: int) -> dict[str, Band]:
    """The loss of minibatches `steps` − 19 to `steps`, without and with batch norm, for each of `WEIGHT_SCALES`.

    Parameters
    ----------
    activation : {"sigmoid", "tanh", "relu"}
    learning_rate : float
        One of `RATES`.
    steps : int
        A multiple of 20, up to 300.

    Returns
    -------
    dict of str to Band
        inf where the net overflowed.

    Examples
    --------
    >>> bands = loss_by_weight_scale("relu", 0.1, 300)
    >>> bool(bands["none"].median[0] > 2.2), bool(bands["batch"].median[0] < 0.3)  # weight scale 0.01
    (True, True)
    """
    runs = load("weight_scales")
    which = {"activation": activation, "learning_rate": learning_rate}
    rows = {norm: [runs.rows(norm=norm, weight_scale=scale, **which) for scale in WEIGHT_SCALES] for norm in ("none", "batch")}
    return {norm: Band.of(runs.loss[np.transpose(r), steps // runs.every - 1]) for norm, r in rows.items()}


def accuracy_by_batch(steps: int) -> dict[str, Band]:
    """Share of the test digits right after `steps` updates, a multiple of 20 up to 1000, for each of `BATCHES`.

    Returns
    -------
    dict of str to Band
        nan for batch norm on batches of 1.

    Examples
    --------
    >>> bands = accuracy_by_batch(1000)
    >>> bool(bands["layer"].median[1] - bands["batch"].median[1] > 0.2)  # batches of 2
    True
    """
    runs, bands = load("small_batches"), {}
    for norm in ("none", "batch", "layer"):
        values = np.full((len(SEEDS), len(BATCHES)), np.nan)
        for k, batch in enumerate(BATCHES):
            rows = runs.rows(norm=norm, batch=batch)
            values[: len(rows), k] = runs.accuracy[rows, steps // runs.every]
        bands[norm] = Band.of(values)
    return bands


def accuracy_by_step() -> tuple[np.ndarray, dict[str, Band]]:
    """The stored runs of `ioffe_szegedy`: updates at each test, and share of the test digits right, without and with batch norm.

    Examples
    --------
    >>> at, bands = accuracy_by_step()
    >>> bool(bands["batch"].low[at == 1000].item() > bands["none"].high[at == 1000].item())
    True
    """
    runs = load("ioffe_szegedy")
    return runs.at, {norm: Band.of(runs.accuracy[runs.rows(norm=norm)]) for norm in ("none", "batch")}


def stored_run(seed: int) -> Comparison | None:
    """A stored run of `ioffe_szegedy` with one seed, as that would give it; None if there is none.

    Of γ and β nothing is stored, and of the loss the means between two tests.

    Examples
    --------
    >>> stored_run(0).taken, stored_run(9)
    (50000, None)
    """
    runs, found = load("ioffe_szegedy"), {}
    for norm in ("none", "batch"):
        for row in runs.rows(norm=norm, seed=seed):
            nothing = np.empty((len(runs.at), 0))
            found[norm] = Learning(np.repeat(runs.loss[row], runs.every), runs.accuracy[row], runs.read[row], nothing, nothing)
    return Comparison(int(runs.at[-1]), runs.every, found) if found else None
