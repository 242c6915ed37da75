"""Long sweeps: resumable, and the same results from one process, from several, and from a Dask cluster."""

import subprocess
import sys

import numpy as np
import pytest

from livegrad.experiments import sweeps, thresholds
from livegrad.experiments.sweeps import Sweep, main, run_sweep

pytest.importorskip("joblib", reason="joblib is not installed")

SHORT = {"start": "normal", "learning_rate": 0.1, "max_norm": 1.0, "length": 12, "updates": 30, "every": 10}
CELLS = [{**SHORT, "seed": seed} for seed in range(4)]


def stack(cells, results):
    return {"seed": np.array([cell["seed"] for cell in cells]), "loss": np.stack([result["loss"] for result in results])}


@pytest.fixture
def sweep(tmp_path):
    return Sweep(CELLS, thresholds.run_cell, stack, tmp_path / "made.npz")


@pytest.fixture(scope="module")
def expected():
    return [thresholds.run_cell(**cell) for cell in CELLS]


def same(results, expected):
    for got, wanted in zip(results, expected, strict=True):
        assert got.keys() == wanted.keys()
        for name in ("wrong", "loss", "norms"):
            np.testing.assert_array_equal(got[name], wanted[name])


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_cells(sweep, expected, tmp_path, jobs):
    told = []
    same(run_sweep(sweep, tmp_path / "cells", jobs, tell=lambda *now: told.append(now)), expected)
    assert told == [(done, 4) for done in range(5)]


def test_runs_that_are_there_are_not_made_again(sweep, expected, tmp_path):
    folder, made = tmp_path / "cells", []
    run_sweep(Sweep(CELLS[:2], sweep.run, stack, sweep.target), folder, jobs=1)

    def counting(**cell):
        made.append(cell["seed"])
        return thresholds.run_cell(**cell)

    same(run_sweep(Sweep(CELLS, counting, stack, sweep.target), folder, jobs=1), expected)
    assert made == [2, 3]


def test_a_sweep_that_breaks_off_keeps_what_it_has(sweep, expected, tmp_path):
    def breaks(**cell):
        if cell["seed"] == 2:
            raise KeyboardInterrupt
        return thresholds.run_cell(**cell)

    folder = tmp_path / "cells"
    with pytest.raises(KeyboardInterrupt):
        run_sweep(Sweep(CELLS, breaks, stack, sweep.target), folder, jobs=1)
    assert len(list(folder.glob("*.npz"))) == 2 and len(list(folder.iterdir())) == 2
    same(run_sweep(sweep, folder, jobs=1), expected)


def test_other_settings_are_other_runs(sweep, tmp_path):
    folder = tmp_path / "cells"
    run_sweep(Sweep(CELLS[:1], sweep.run, stack, sweep.target), folder, jobs=1)
    run_sweep(Sweep([{**CELLS[0], "updates": 20}], sweep.run, stack, sweep.target), folder, jobs=1)
    assert len(list(folder.glob("*.npz"))) == 2


def test_the_command_writes_one_file_and_shows_its_progress(sweep, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(thresholds, "SWEEP", sweep)
    target = tmp_path / "elsewhere.npz"
    main(["thresholds", "--jobs", "1", "--folder", str(tmp_path / "cells"), "--target", str(target)])
    said = capsys.readouterr()
    assert "4 of 4 runs" in said.err and f"{target}: 4 runs" in said.out and not sweep.target.exists()
    with np.load(target) as made:
        np.testing.assert_array_equal(made["loss"], [result["loss"] for result in expected])


def test_without_joblib_the_command_says_what_to_install(sweep, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(thresholds, "SWEEP", sweep)
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(SystemExit):
        main(["thresholds", "--folder", str(tmp_path / "cells")])
    assert "pip install joblib" in capsys.readouterr().err


def test_the_panels_do_not_load_it():
    code = "import sys, livegrad.panels.clipping; sys.exit('joblib' in sys.modules or 'dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_same_command_runs_on_a_dask_cluster(sweep, expected, tmp_path, monkeypatch):
    distributed = pytest.importorskip("dask.distributed", reason="Dask is not installed")
    monkeypatch.setattr(thresholds, "SWEEP", sweep)
    where = set()
    write = sweeps._write
    monkeypatch.setattr(sweeps, "_write", lambda path, arrays: (where.add(path.name), write(path, arrays)))
    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": str(tmp_path / "dask")}
    with distributed.LocalCluster(n_workers=2, **options) as cluster:
        main(["thresholds", "--scheduler", cluster.scheduler_address, "--folder", str(tmp_path / "cells")])
        with distributed.Client(cluster) as client:
            tasks = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert len(tasks) == 2 and sum(tasks.values()) >= len(CELLS) and min(tasks.values()) > 0
    assert len(where) == len(CELLS) + 1
    with np.load(sweep.target) as made:
        np.testing.assert_array_equal(made["loss"], [result["loss"] for result in expected])
