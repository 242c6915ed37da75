"""Training runs of nets of equal budget, deep or wide, and of the rules of thumb, stored with the course.

    python -m livegrad.experiments.sweeps depth_runs

makes them anew; `budget_runs` and `rule_runs` read what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import data
from livegrad.experiments.depth_training import (
    CASES, CONNECTIONS, EVERY, GRID, ITEMS, BudgetRun, budget_run, equal_width, rule_of_thumb)
from livegrad.experiments.norm_runs import Band
from livegrad.experiments.sawtooth import sawtooth
from livegrad.experiments.sweeps import Sweep
from livegrad.validation import choice, fail

__all__ = ["AT", "DEPTHS", "DEPTH_CASES", "FOLDS", "RULES", "SEEDS", "STEPS", "SWEEP", "BudgetBeside", "RuleView", "beside",
           "budget_runs", "rule_runs", "rules", "stored_budget_run"]

FOLDS = (1, 2, 3)
DEPTHS = (1, 2, 3, 4, 6, 8, 12, 18, 24, 32)
SEEDS = range(5)
STEPS = 1000
AT = np.arange(0, STEPS + 1, EVERY)
"""Updates made at each test."""

# The slow ones first, so that no process is left with one at the end.
CELLS: list[dict[str, Any]] = [
    *({"what": "budget", "folds": folds, "hidden": hidden, "connection": connection, "seed": seed, "steps": STEPS}
      for hidden in DEPTHS[::-1] for folds in FOLDS for connection in CONNECTIONS for seed in SEEDS),
    *({"what": "rule", "item": item, "case": case, "side": side, "seed": seed, "steps": STEPS}
      for item in ITEMS for case in CASES for side in (0, 1) for seed in SEEDS)]


def run_cell(what: str, **settings: Any) -> dict[str, np.ndarray]:
    """One training run, to its end."""
    if what == "budget":
        *_, run = budget_run(**settings)
        return {"accuracy": run.accuracy.astype(np.float32), "first_gradient": run.first_gradient.astype(np.float32),
                "gradient": run.gradient.astype(np.float32), "learned": run.learned.astype(np.float16)}
    arm = ITEMS[settings["item"]][settings["case"]][settings["side"]]
    *_, end = rule_of_thumb(arm, settings["seed"], settings["steps"])
    full = np.full(settings["steps"] // EVERY + 1, end.accuracy[-1])  # after an overflow the net stays as it is
    full[: len(end.accuracy)] = end.accuracy[: len(full)]
    return {"accuracy": full.astype(np.float32)}


def collect(cells: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays with an axis for each setting, in the order of `FOLDS`, `DEPTHS`, `CONNECTIONS` and `SEEDS`, or of the rules'."""
    by_cell = {tuple(cell.values())[:-1]: result for cell, result in zip(cells, results, strict=True)}

    def padded(result: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        values = result[name]
        width = max(DEPTHS) + 1 if "gradient" in name else len(values)
        return np.concatenate([values, np.full(width - len(values), np.nan, values.dtype)])

    budget = {name: np.array([[[[padded(by_cell["budget", folds, hidden, connection, s], name) for s in SEEDS]
                                for connection in CONNECTIONS] for hidden in DEPTHS] for folds in FOLDS])
              for name in ("accuracy", "first_gradient", "gradient", "learned")}
    rules = np.array([[[[by_cell["rule", item, case, side, s]["accuracy"] for s in SEEDS] for side in (0, 1)] for case in CASES]
                      for item in ITEMS])
    return {"numpy": np.array(np.__version__), "steps": np.array(STEPS), "rules": rules, **budget}


SWEEP = Sweep(CELLS, run_cell, collect, Path(data.__file__).with_name("depth_runs.npz"))


@cache
def _stored() -> Mapping[str, np.ndarray]:
    return {name: column.astype(float) for name, column in data.read(SWEEP.target).items() if name != "numpy"}


def budget_runs(folds: int, connection: str) -> np.ndarray:
    """Share of the test points right in the stored runs of `budget_run`.

    Parameters
    ----------
    folds : int
        One of `FOLDS`.
    connection : {"plain", "residual"}

    Returns
    -------
    ndarray (len(DEPTHS), 5, t)
        A row for each depth and seed, and a column for each test: before training and after every `EVERY` updates.

    Examples
    --------
    >>> runs = budget_runs(3, "plain")[:, :, -1]
    >>> middle = np.median(runs, axis=1)
    >>> bool(middle[0] < 0.75), bool(middle[DEPTHS.index(4)] > 0.85), bool(middle[-1] < 0.6)
    (True, True, True)
    """
    return _stored()["accuracy"][_place("folds", folds, FOLDS), :, _place("connection", connection, CONNECTIONS)]


def stored_budget_run(folds: int, hidden: int, connection: str, seed: int) -> BudgetRun:
    """A stored run of `budget_run`, as that would give it.

    Examples
    --------
    >>> stored_budget_run(3, 4, "plain", 0).taken
    1000
    """
    file = _stored()
    at = (_place("folds", folds, FOLDS), _place("hidden", hidden, DEPTHS), _place("connection", connection, CONNECTIONS),
          _place("seed", seed, SEEDS))
    gradients = (file[name][at][: hidden + 1] for name in ("first_gradient", "gradient"))
    return BudgetRun(folds, hidden, equal_width(hidden), connection, STEPS, STEPS, file["accuracy"][at], *gradients,
                     file["learned"][at])


def rule_runs(item: str, case: str) -> np.ndarray:
    """Share of the test digits right in the stored runs of `rule_of_thumb`.

    Parameters
    ----------
    item, case : str
        Of `ITEMS`.

    Returns
    -------
    ndarray (2, 5, t)
        Without and with the rule, for each seed and test.

    Examples
    --------
    >>> without, with_it = rule_runs("inputs", "hard")[:, :, -1]
    >>> bool(without.max() < 0.2), bool(with_it.min() > 0.9)
    (True, True)
    """
    return _stored()["rules"][_place("item", item, ITEMS), _place("case", case, CASES)]


@dataclass(frozen=True)
class BudgetBeside:
    """A run under way, and the stored runs that it is one of.

    Attributes
    ----------
    live : BudgetRun
    stored : dict of str to Band
        By connection: share right at the end, over `DEPTHS`.
    true : ndarray (129,)
        The class at each point of `livegrad.experiments.depth_training.GRID`.
    """

    live: BudgetRun
    stored: Mapping[str, Band]
    true: np.ndarray

    @property
    def median(self) -> float:
        """Share right at the end in the stored runs of the same depth and connection."""
        return float(self.stored[self.live.connection].median[DEPTHS.index(self.live.hidden)])

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return self.live.progress


def beside(live: BudgetRun) -> BudgetBeside:
    """Put a run beside the stored ones of the same task.

    Examples
    --------
    >>> beside(stored_budget_run(3, 4, "plain", 0)).stored["plain"].median.shape
    (10,)
    """
    stored = {connection: Band.of(budget_runs(live.folds, connection)[:, :, -1].T) for connection in CONNECTIONS}
    return BudgetBeside(live, stored, (sawtooth(GRID, live.folds) > 0.5).astype(float))


DEPTH_CASES = {"typical": (3, 4), "hard": (3, 8), "limit": (3, 32)}
"""For the rule deeper over wider: folds of the sawtooth, and hidden layers of the plain net beside one with a single layer."""

RULES = ("inputs", "weights", "depth", "batch norm")


@dataclass(frozen=True)
class RuleView:
    """The rules of thumb in one case each, after so many updates.

    Attributes
    ----------
    case : str
    updates : int
        A multiple of `EVERY`.
    sides : dict of str to (Band, Band)
        By rule: share of the test examples right over `AT`, without the rule and with it.
    words : dict of str to (str, str)
        What is without and with.
    """

    case: str
    updates: int
    sides: Mapping[str, tuple[Band, Band]]
    words: Mapping[str, tuple[str, str]]

    def right(self, rule: str) -> tuple[float, float]:
        """Median share right after `updates`, without and with."""
        without, with_it = (float(side.median[self.updates // EVERY]) for side in self.sides[rule])
        return without, with_it


def rules(case: str, updates: int = STEPS) -> RuleView:
    """The evidence for the four rules of thumb: stored runs, five seeds each.

    Parameters
    ----------
    case : str
        One of `CASES`.
    updates : int
        A multiple of 50, up to 1000.

    Returns
    -------
    RuleView

    Examples
    --------
    >>> view = rules("typical")
    >>> view.words["inputs"], view.right("inputs")[1] > 0.9
    (('pixels 0 to 16', 'standardized'), True)
    """
    sides, words = {}, {}
    for rule in RULES:
        if rule == "depth":
            folds, hidden = DEPTH_CASES[choice("case", case, CASES)]
            runs = budget_runs(folds, "plain")
            both = [runs[DEPTHS.index(layers)] for layers in (1, hidden)]
            words[rule] = "1 hidden layer", f"{hidden} of equal budget"
        else:
            both, words[rule] = rule_runs(rule, case), tuple(arm.words for arm in ITEMS[rule][case])
        sides[rule] = tuple(Band.of(side) for side in both)
    return RuleView(case, updates, sides, words)


def _place(name: str, key: object, options: Sequence[Any] | Mapping[str, Any]) -> int:
    if key not in options:
        fail(name, f"one of {', '.join(map(str, options))}", repr(key))
    return list(options).index(key)
