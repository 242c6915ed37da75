"""Sweeps that take too long for a notebook: many training runs, each stored as soon as it is done.

    python -m livegrad.experiments.sweeps thresholds                                # on all cores of this machine
    python -m livegrad.experiments.sweeps thresholds --jobs 1                       # on one
    python -m livegrad.experiments.sweeps thresholds --scheduler tcp://10.0.0.5:8786   # on a Dask cluster

The word names a module of `livegrad.experiments` that has a `SWEEP`. Stopped at any point, the same command goes on where it
was. When all cells are there they are collected into one small file, by default the one that the course reads.

The course itself needs neither joblib nor Dask: the extras `sweeps` and `cluster` bring them. On a cluster the course must be
installed on the workers, too, and OPENBLAS_NUM_THREADS=1 should be in their environment. Results come back to
the machine where the command runs, so no common folder is needed.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import data

__all__ = ["Sweep", "main", "run_sweep"]

Settings = Mapping[str, Any]
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sweep:
    """Runs of one function with many settings.

    Attributes
    ----------
    cells : sequence of mappings
        The keyword arguments of each run, all of them: a cell with other settings is another cell.
    run : callable
        ``run(**cell)`` gives the arrays to keep. It is called in other processes, so it has to be a function of a
        module that can be imported there.
    collect : callable
        ``collect(cells, results)`` makes the arrays of the one file from those of all runs.
    target : Path
        That file, an ``.npz``.
    """

    cells: Sequence[Settings]
    run: Callable[..., Arrays]
    collect: Callable[[Sequence[Settings], Sequence[Arrays]], Arrays]
    target: Path


def run_sweep(sweep: Sweep, folder: Path, jobs: int = -1, scheduler: str | None = None,
              tell: Callable[[int, int], None] = lambda done, of: None) -> list[Arrays]:
    """Run all cells that `folder` does not hold yet, and store each there as soon as it is done.

    Parameters
    ----------
    sweep : Sweep
    folder : Path
        Made if it is not there. A file in it is named after the settings of its cell.
    jobs : int
        Processes at a time, as joblib counts them: −1 for all cores, 1 for this process alone.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``: its workers are used, and `jobs` is not.
    tell : callable
        ``tell(done, of)`` is called at the start and after every run.

    Returns
    -------
    list of dict
        The results in the order of the cells.

    Raises
    ------
    ImportError
        If joblib, or for a scheduler Dask, is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{_named(cell)}.npz" for cell in sweep.cells]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    done = len(paths) - len(missing)
    tell(done, len(paths))
    for i, result in _results(sweep, missing, jobs, scheduler):
        _write(paths[i], result)
        done += 1
        tell(done, len(paths))
    return [data.read(path, "Delete it and call the same command again: it makes that run anew.") for path in paths]


def _results(sweep: Sweep, which: Sequence[int], jobs: int, scheduler: str | None) -> Iterator[tuple[int, Arrays]]:
    """Each cell's result as it comes, in any order."""
    if not which:
        return
    from joblib import Parallel, delayed

    with _backend(scheduler):
        parallel = Parallel(jobs if scheduler is None else -1, return_as="generator_unordered", batch_size=1, pre_dispatch="all")
        yield from parallel(delayed(_run_cell)(sweep.run, i, dict(sweep.cells[i])) for i in which)


def _run_cell(run: Callable[..., Arrays], index: int, cell: Settings) -> tuple[int, Arrays]:
    return index, run(**cell)


@contextmanager
def _backend(scheduler: str | None) -> Iterator[None]:
    """joblib's processes, or the workers of a Dask cluster."""
    if scheduler is None:
        yield
        return
    from dask.distributed import Client
    from joblib import parallel_config

    with Client(scheduler), parallel_config("dask"):
        yield


def _named(cell: Settings) -> str:
    return " ".join(f"{name}={value}" for name, value in cell.items())


def _write(path: Path, arrays: Arrays) -> None:
    """All or nothing: a run that is cut short leaves no half of a file."""
    half = path.with_suffix(".part")
    with half.open("wb") as file:
        np.savez_compressed(file, **arrays)
    half.replace(path)


def _bar(started: float, fresh: list[int]) -> Callable[[int, int], None]:
    """A progress bar on the terminal, with the time that is left by the pace so far."""
    def tell(done: int, of: int) -> None:
        fresh.append(done)
        spent, made = time.monotonic() - started, done - fresh[0]
        left = f"{spent / made * (of - done) / 60:.1f} min left" if made and done < of else ""
        filled = 30 * done // of
        print(f"\r[{'#' * filled}{'.' * (30 - filled)}] {done} of {of} runs  {left:<15}", end="", file=sys.stderr, flush=True)
    return tell


def main(words: Sequence[str] | None = None) -> None:
    """The command line; `words` are those of the command by default."""
    parser = argparse.ArgumentParser(prog="python -m livegrad.experiments.sweeps", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="module of livegrad.experiments that has a SWEEP")
    parser.add_argument("--jobs", type=int, default=-1, help="processes at a time; -1, the default, for all cores")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, to run on its workers")
    parser.add_argument("--folder", type=Path, help="where finished runs are kept (default: sweeps/<name>)")
    parser.add_argument("--target", type=Path, help="the file to write (default: the one that the course reads)")
    asked = parser.parse_args(words)
    sweep: Sweep = importlib.import_module(f"livegrad.experiments.{asked.name}").SWEEP
    folder, target = asked.folder or Path("sweeps") / asked.name, asked.target or sweep.target
    try:
        results = run_sweep(sweep, folder, asked.jobs, asked.scheduler, _bar(time.monotonic(), []))
    except ModuleNotFoundError as missing:
        parser.exit(1, f"\n{missing}. `pip install joblib` brings what sweeps need here, "
                       "`pip install joblib distributed` what they need on a Dask cluster.\n")
    _write(target, sweep.collect(sweep.cells, results))
    print(f"\n{target}: {len(results)} runs, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
