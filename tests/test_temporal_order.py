"""The temporal-order task, its training, and the stored runs."""

import math

import numpy as np
import pytest

from livegrad.clipping import global_norm
from livegrad.experiments import temporal_order, thresholds
from livegrad.experiments.temporal_order import SYMBOLS, model, sequences, train
from livegrad.experiments.thresholds import CELLS, RATES, THRESHOLDS, compare_thresholds, load
from livegrad.optim import SGD


@pytest.mark.parametrize("length", [10, 20, 30, 57])
def test_two_symbols_count_and_the_label_is_their_order(length):
    symbols, labels = sequences(4000, length, np.random.default_rng(0))
    counts = symbols < 2
    assert symbols.shape == (4000, length) and symbols.max() == len(SYMBOLS) - 1 and np.all(counts.sum(axis=1) == 2)
    places = np.argwhere(counts)[:, 1].reshape(-1, 2)
    first, second = places.T
    assert set(first) == set(range(length // 10, 2 * length // 10))
    assert set(second) == set(range(5 * length // 10, 6 * length // 10))
    rows = np.arange(4000)
    np.testing.assert_array_equal(labels, 2 * symbols[rows, first] + symbols[rows, second])
    assert np.all(np.abs(np.bincount(labels) - 1000) < 120)  # 4 standard deviations
    assert np.all(np.abs(np.bincount(symbols[~counts])[2:] / (~counts).sum() - 0.25) < 0.02)


def test_too_short_a_sequence_is_refused():
    with pytest.raises(ValueError, match="length: expected at least 10, got 9"):
        sequences(1, 9, np.random.default_rng(0))


def test_the_two_starts():
    normal, sparse = model(3), model(3, "sparse")
    assert normal.rnn.dtype == np.float32 and normal.rnn.W_h.shape == (50, 50)
    for W in (normal.rnn.W_x, normal.rnn.W_h, normal.W_s):
        assert W.std() == pytest.approx(0.1, rel=0.2) and abs(W.mean()) < 0.02
    assert np.all(np.count_nonzero(sparse.rnn.W_h, axis=1) == 15)
    assert np.abs(np.linalg.eigvals(sparse.rnn.W_h)).max() == pytest.approx(0.95, rel=1e-5)
    np.testing.assert_array_equal(normal.rnn.W_x, sparse.rnn.W_x)
    with pytest.raises(ValueError, match="start: expected one of normal, sparse"):
        model(0, "identity")


def test_reports_come_on_time_and_a_run_repeats_itself():
    def run(seed):
        return list(train(length=20, max_norm=1.0, learning_rate=0.01, seed=seed, updates=50, every=20))

    reports = run(2)
    assert [r.taken for r in reports] == [0, 20, 40, 50] and reports[0].progress == 0 and reports[-1].progress == 1
    assert [len(r.error) for r in reports] == [1, 2, 3, 4] and not reports[-1].solved
    assert np.array_equal(reports[-1].norms, run(2)[-1].norms) and not np.array_equal(reports[-1].norms, run(3)[-1].norms)
    assert abs(reports[0].error[0] - 0.75) < 0.06
    assert reports[-1].share_clipped == np.mean(reports[-1].norms > 1)


def test_the_gradient_that_arrives_is_clipped_and_the_norm_that_is_kept_is_not(monkeypatch):
    taken = []
    step = SGD.step
    monkeypatch.setattr(SGD, "step", lambda self, params, grads: (taken.append(global_norm(grads)), step(self, params, grads)))
    *_, run = train(length=20, max_norm=0.3, learning_rate=0.1, updates=100, every=50)
    assert run.norms.min() < 0.3 < run.norms.max()
    np.testing.assert_allclose(taken, np.minimum(run.norms, 0.3), rtol=1e-5)


def test_the_task_is_learned_and_the_run_ends_there():
    *_, run = train(length=12, learning_rate=0.1, updates=5000)
    assert run.solved and run.error[-1] < 0.01 and run.taken < 5000 and run.progress == 1


def test_a_gradient_that_is_not_finite_ends_the_run(monkeypatch):
    monkeypatch.setattr(temporal_order, "by_global_norm", lambda grads, max_norm: (list(grads), math.inf))
    *_, run = train(length=10, updates=100)
    assert run.taken == 1 and run.overflowed and run.progress == 1 and not run.solved


# --- the stored runs ---


def test_the_file_holds_every_cell_of_the_sweep():
    trials = load()
    assert len(trials.seed) == len(CELLS) == 70
    for i, cell in enumerate(CELLS):
        stored = {name: getattr(trials, name)[i] for name in ("start", "learning_rate", "max_norm", "seed")}
        assert stored == {name: cell[name] for name in stored}
        assert {name: trials.settings[name] for name in ("length", "updates", "every")} == {
            name: cell[name] for name in ("length", "updates", "every")}


def test_the_columns_agree_with_each_other():
    trials = load()
    every, cap = trials.settings["every"], trials.settings["updates"]
    tests = np.sum(~np.isnan(trials.error), axis=1)
    np.testing.assert_array_equal(trials.taken, (tests - 1) * every)
    np.testing.assert_array_equal(trials.solved, trials.taken < cap)
    np.testing.assert_array_equal(np.isnan(trials.needed()), ~trials.solved)
    np.testing.assert_array_equal(trials.needed()[trials.solved], trials.taken[trials.solved])
    assert np.all(trials.clipped[np.isinf(trials.max_norm)] == 0) and np.all(trials.largest > 0.5)


@pytest.mark.parametrize("i", range(0, 70, 9))
def test_the_first_steps_are_those_of_the_stored_runs(i):
    """Rounding grows from step to step, so two machines part ways later; the first 20 updates are the same everywhere."""
    cell = {**CELLS[i], "updates": 20}
    *_, run = train(**cell)
    assert run.loss.mean() == pytest.approx(load().first_loss[i], rel=1e-4)
    assert run.error[0] == pytest.approx(load().error[i, 0], abs=0.002)


def test_counts_and_medians_of_the_comparison():
    trials = load()
    for rate in RATES:
        sweep = compare_thresholds(rate, budget=20_000)
        for k, threshold in enumerate(THRESHOLDS):
            wanted = {"start": "normal", "learning_rate": rate, "max_norm": threshold}
            rows = [i for i, cell in enumerate(CELLS) if wanted.items() <= cell.items()]
            assert len(rows) == 5
            quick = [trials.taken[i] <= 20_000 and bool(trials.solved[i]) for i in rows]
            assert sweep.solved[k] == sum(quick)
            ends = sorted(trials.taken[i] if trials.solved[i] else math.inf for i in rows)
            assert sweep.median[k] == ends[2]
    with pytest.raises(ValueError, match="learning_rate: expected one of 0.01, 0.1, got 0.05"):
        compare_thresholds(0.05, 1000)


def test_a_looser_measure_is_met_earlier():
    strict, loose = (compare_thresholds(0.1, 40_000, error) for error in (0.01, 0.5))
    assert np.all(np.nan_to_num(loose.needed, nan=1e9) <= np.nan_to_num(strict.needed, nan=1e9))
    assert loose.solved.sum() > strict.solved.sum()


def test_a_stored_course_is_the_run_itself():
    run = load().run(0.1, 1.0, seed=0)
    row = load().rows(start="normal", learning_rate=0.1, max_norm=1.0, seed=0)[0]
    assert run.taken == load().taken[row] and run.solved and run.share_clipped == pytest.approx(load().clipped[row])
    assert run.norms.max() == pytest.approx(load().largest[row])
    free = load().run(0.1, math.inf, seed=0)
    assert free.taken == 4000 and len(free.error) == 21 and not free.solved
    assert load().run(0.1, 1.0, seed=99) is None and load().run(0.01, 1.0, seed=0) is None


@pytest.mark.slow
def test_one_cell_again():
    """The whole run: the same up to where rounding takes over, and the same outcome."""
    i = next(i for i, c in enumerate(CELLS) if (c["learning_rate"], c["max_norm"], c["seed"]) == (0.1, 1.0, 0))
    result = thresholds.run_cell(**CELLS[i])
    stored = load().run(0.1, 1.0, seed=0)
    np.testing.assert_allclose(result["loss"][:50], stored.loss[:50], rtol=1e-3)
    assert result["wrong"][-1] < 10 and len(result["loss"]) < 20_000
    assert np.mean(result["norms"] > 1) == pytest.approx(stored.share_clipped, abs=0.25)
    assert not list(train(**{**CELLS[i], "max_norm": math.inf, "updates": 5000}))[-1].solved
