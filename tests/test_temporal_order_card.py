"""The stored runs of the temporal-order card: complete, consistent, and the library's own."""

import numpy as np
import pytest

from livegrad.experiments import thresholds
from livegrad.experiments.temporal_order import train
from livegrad.experiments.temporal_order_card import CELLS, LENGTHS, RATES, SEEDS, START, UPDATES, live, run_cell, stored, success


def test_the_file_holds_every_cell_of_the_sweep():
    runs = stored()
    assert len(CELLS) == len(RATES) * len(LENGTHS) * 2 * len(SEEDS) == len(runs["seed"])
    for i, cell in enumerate(CELLS):
        for name in ("start", "learning_rate", "length", "max_norm", "seed"):
            assert runs[name][i] == cell[name]


def test_the_columns_agree_with_each_other():
    runs = stored()
    solved = runs["last_wrong"] < 10
    np.testing.assert_array_equal(solved, runs["taken"] < UPDATES)
    assert np.all(runs["least_wrong"] <= runs["last_wrong"]) and np.all(abs(runs["first_wrong"] / 1000.0 - 0.75) < 0.06)
    assert np.all(runs["taken"] % 200 == 0) and np.all(runs["clipped"][np.isinf(runs["max_norm"])] == 0)
    assert np.all(runs["seconds"] > 0)


@pytest.mark.parametrize("i", range(0, len(CELLS), 23))
def test_the_first_steps_are_those_of_the_stored_runs(i):
    *_, run = train(**{**CELLS[i], "updates": 20})
    assert run.loss.mean() == pytest.approx(stored()["first_loss"][i], rel=1e-4)
    assert 1000 * run.error[0] == pytest.approx(stored()["first_wrong"][i], abs=2)


def test_counts_are_those_of_the_rows():
    runs = stored()
    for rate in RATES:
        told = success(rate, budget=5000)
        for k, threshold in enumerate((1.0, np.inf)):
            for j, length in enumerate(LENGTHS):
                wanted = {"start": START, "learning_rate": rate, "max_norm": threshold, "length": length}
                rows = [i for i, cell in enumerate(CELLS) if wanted.items() <= cell.items()]
                taken = [runs["taken"][i] for i in rows if runs["last_wrong"][i] < 10]
                assert told.solved[k, j] == sum(t <= 5000 for t in taken)
                assert sorted(told.needed[k, j][np.isfinite(told.needed[k, j])]) == sorted(taken)
        assert told.seconds > 0 and told.runs == 5
    with pytest.raises(ValueError, match="learning_rate: expected one of 0.1, 0.01, got 1"):
        success(1.0)


def test_two_sweeps_agree_where_they_meet():
    """Runs at T = 30 are in the sweep of thresholds, too; there they may take twice as many updates."""
    others = thresholds.load()
    j = LENGTHS.index(30)
    for rate in RATES:
        for k, threshold in enumerate((1.0, np.inf)):
            there = others.needed()[others.rows(start=START, learning_rate=rate, max_norm=threshold)]
            there = np.where(there < UPDATES, there, np.nan)
            here = success(rate).needed[k, j]
            assert abs(np.isfinite(there).sum() - np.isfinite(here).sum()) <= 1


def test_a_live_run_comes_with_the_stored_ones():
    reports = list(live(0.1, length=10, seed=2, budget=600))
    assert reports[0].live is None and reports[0].progress == 0 and reports[-1].progress == 1 and reports[-1].live.solved
    assert all(report.stored.budget == 600 and report.length == 10 for report in reports)


@pytest.mark.slow
def test_one_cell_again():
    i = next(i for i, c in enumerate(CELLS) if (c["learning_rate"], c["length"], c["max_norm"], c["seed"]) == (0.1, 20, 1.0, 0))
    result = run_cell(**CELLS[i])
    assert result["wrong"][-1] < 10 and len(result["loss"]) < 10_000
    assert result["loss"][:20].mean() == pytest.approx(stored()["first_loss"][i], rel=1e-4)
    assert not list(train(**{**CELLS[i], "max_norm": np.inf, "learning_rate": 0.1, "length": 40, "updates": 3000}))[-1].solved
