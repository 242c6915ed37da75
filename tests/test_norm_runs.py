"""Nets with and without normalization on the digits, and the stored runs."""

import math

import numpy as np
import pytest

from livegrad.data import load_digits, minibatches
from livegrad.experiments import norm_runs
from livegrad.experiments.gradients import standardized_digits
from livegrad.experiments.norm_runs import (
    BATCHES, CELLS, EXPERIMENTS, WEIGHT_SCALES, Band, accuracy_by_batch, accuracy_by_step, load, loss_by_weight_scale, stored_run)
from livegrad.experiments.normed_nets import (
    NORMS, PERCENTILES, evaluation_modes, first_and_last_weights, ioffe_szegedy, learn, small_batches, weight_scales)
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP
from livegrad.optim import SGD


@pytest.mark.parametrize("norm", NORMS)
def test_learning_is_gradient_descent_on_minibatches(norm):
    x, labels = standardized_digits()
    test = np.arange(len(x)) % 5 == 0
    net, twin = (MLP.create([64, 12, 10], np.random.default_rng(1), "lecun_normal", "tanh", norm=NORMS[norm]) for _ in range(2))
    reports = list(learn(net, SGD(0.2), np.random.default_rng(2), steps=25, batch=30, every=10))
    assert [len(r.loss) for r in reports] == [0, 10, 20, 25] and [len(r.accuracy) for r in reports] == [1, 2, 3, 4]
    batches = minibatches(np.random.default_rng(2), np.flatnonzero(~test), 30)
    for step in range(25):
        pick = next(batches)
        trace = twin.forward(x[pick])
        assert reports[-1].loss[step] == pytest.approx(softmax_cross_entropy(trace.a[-1], labels[pick]), rel=1e-9)
        gradients = twin.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[pick])).parameters()
        for p, g in zip(twin.parameters(), gradients, strict=True):
            p -= 0.2 * g
    end = twin.forward(x[test], train=False)
    last = reports[-1]
    assert last.accuracy[-1] == np.mean(end.a[-1].argmax(axis=1) == labels[test]) and last.recent == np.mean(last.loss[-20:])
    read = end.z[0] if norm == "none" else end.normed[0].out
    np.testing.assert_allclose(last.read[-1], np.percentile(read[:, 0], PERCENTILES), rtol=1e-8)
    assert last.gamma.shape == (4, 0 if norm == "none" else 12)
    if norm != "none":
        np.testing.assert_allclose(last.gamma[-1], twin.norms[0].gamma, rtol=1e-9)
        assert np.all(last.gamma[0] == 1) and np.all(last.beta[0] == 0) and np.any(last.beta[-1] != 0)


def test_an_overflow_ends_one_net_and_not_the_other():
    *_, last = weight_scales(100.0, "relu", seed=1, steps=40)
    none, batch = last.runs["none"], last.runs["batch"]
    assert none.overflowed and none.recent == math.inf and len(none.loss) < 40 and last.progress == 1
    assert not batch.overflowed and len(batch.loss) == 40 == last.taken
    assert last.tests("none")[-1] == len(none.loss) and list(last.tests("batch")) == [0, 20, 40]


def test_batch_norm_starts_the_same_from_weights_of_every_size():
    opened = next(weight_scales(1.0))
    assert opened.taken == 0 and opened.progress == 0 and np.isnan(opened.runs["batch"].recent)
    one, hundred = (list(weight_scales(scale, "relu", steps=20))[-1].runs for scale in (1.0, 100.0))
    assert one["batch"].loss[0] == pytest.approx(hundred["batch"].loss[0], rel=1e-4)
    assert hundred["none"].loss[0] > 1000 * one["none"].loss[0]


def test_under_batch_norm_the_rows_of_weights_only_grow():
    before, after = first_and_last_weights(1.0, seed=3, steps=60)
    assert before.std() * math.sqrt(50) == pytest.approx(1, abs=0.05)
    lengths = [np.linalg.norm(w, axis=1) for w in (before, after)]
    assert np.all(lengths[1] > lengths[0])  # Pythagoras, for the gradient is at right angles to each row
    start, end = first_and_last_weights(0.1, seed=3, steps=0)
    np.testing.assert_allclose(start, before / 10)
    np.testing.assert_array_equal(start, end)


def test_batches_of_one_are_refused_by_batch_norm_and_by_nothing_else():
    *_, last = small_batches(1, steps=40)
    assert last.runs["batch"] is None and last.taken == 40 and set(last.runs) == set(NORMS)
    assert all(len(last.runs[norm].loss) == 40 for norm in ("none", "layer"))
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least 2 examples in training mode"):
        list(learn(MLP.create([64, 5, 10], rng, norm=NORMS["batch"]), SGD(0.1), rng, 1, 1, 1))
    with pytest.raises(ValueError, match="norms: expected one of none, batch, layer"):
        next(small_batches(4, norms=["instance"]))


def test_the_paper_s_net_is_the_paper_s_net():
    pixels = load_digits().images
    assert pixels.min() == 0 and pixels.max() == 1
    first = next(ioffe_szegedy(seed=3, steps=60))
    assert set(first.runs) == {"none", "batch"} and first.steps == 60 and first.runs["batch"].gamma.shape == (1, 100)
    assert next(ioffe_szegedy()).steps == 50_000
    low, middle, high = first.runs["none"].read[0]
    assert low < middle < high and high - low < 0.2  # small weights: the sigmoid reads nearly the same for every digit


def test_left_in_training_mode_the_answer_depends_on_the_neighbors():
    modes = evaluation_modes(batch=30)
    assert np.all(modes.running > 0.95) and np.all(modes.by_class < 0.4) and np.all(modes.mixed < modes.running)
    pairs = evaluation_modes(batch=2, seeds=[0])
    np.testing.assert_array_equal(pairs.running, modes.running[:1])
    assert pairs.mixed[0] < 0.7


# --- the stored runs ---


def test_the_file_holds_every_cell_of_the_sweep():
    counts = {name: 0 for name in EXPERIMENTS}
    for name in EXPERIMENTS:
        runs, cells = load(name), [cell for cell in CELLS if cell["experiment"] == name]
        assert len(runs.loss) == len(runs.accuracy) == len(cells)
        for key, values in runs.settings.items():
            assert values.tolist() == [cell[key] for cell in cells]
        assert runs.at[-1] == cells[0]["steps"] and runs.loss.shape[1] == len(runs.at) - 1
        counts[name] = len(cells)
    assert counts == {"weight_scales": 1020, "small_batches": 115, "ioffe_szegedy": 10}
    with pytest.raises(ValueError, match="experiment: expected one of"):
        load("dropout")


SOME = [*range(0, 1020, 97), *range(1020, 1135, 16), 1135, 1140]


@pytest.mark.parametrize("i", SOME)
def test_the_first_steps_are_those_of_the_stored_runs(i):
    """Rounding grows from step to step, so that two machines part ways later; the start is the same everywhere."""
    cell = dict(CELLS[i])
    runs = load(cell["experiment"])
    row = i - next(k for k, c in enumerate(CELLS) if c["experiment"] == cell["experiment"])
    result = norm_runs.run_cell(**{**cell, "steps": runs.every})
    np.testing.assert_allclose(result["loss"][0], runs.loss[row, 0], rtol=2e-3)
    np.testing.assert_allclose(result["accuracy"], runs.accuracy[row, :2], atol=0.01)


def test_bands_are_least_median_and_greatest():
    values = np.array([[3.0, np.inf], [1.0, 2.0], [2.0, 4.0], [9.0, 1.0], [5.0, 3.0]])
    band = Band.of(values)
    np.testing.assert_array_equal([band.low, band.median, band.high], [[1, 1], [3, 3], [9, np.inf]])
    runs = load("weight_scales")
    bands = loss_by_weight_scale("tanh", 0.5, 200)
    k = 5
    five = [runs.loss[r, 9] for r in runs.rows(norm="batch", activation="tanh", learning_rate=0.5, weight_scale=WEIGHT_SCALES[k])]
    assert len(five) == 5 and bands["batch"].median[k] == np.median(five) and bands["batch"].high[k] == max(five)
    runs, bands = load("small_batches"), accuracy_by_batch(400)
    five = runs.accuracy[runs.rows(norm="layer", batch=4), 20]
    assert bands["layer"].low[BATCHES.index(4)] == min(five) and np.isnan(bands["batch"].median[0])


def test_what_the_runs_say():
    """Of the paper: with batch norm the net is better all the way, and what a sigmoid reads is steadier."""
    at, bands = accuracy_by_step()
    assert np.all(bands["batch"].low[4:] > bands["none"].high[4:]) and at[4] == 1000
    none, batch = (load("ioffe_szegedy").read[load("ioffe_szegedy").rows(norm=norm)] for norm in ("none", "batch"))
    assert np.all(np.ptp(none[:, 4:], axis=1).max(axis=1) > np.ptp(batch[:, 4:], axis=1).max(axis=1))
    small = accuracy_by_batch(1000)
    assert np.all(small["layer"].low[1:3] > small["batch"].high[1:3])  # batches of 2 and 4
    scales = loss_by_weight_scale("relu", 0.1, 300)
    assert np.all(scales["batch"].high < 1) and scales["none"].median[0] > 2.2 and np.isinf(scales["none"].median[-1])


def test_a_stored_run_is_a_comparison():
    run = stored_run(2)
    assert run.taken == 50_000 and run.progress == 1
    assert list(run.tests("none")[:3]) == [0, 250, 500] and run.tests("batch")[-1] == 50_000
    assert run.runs["batch"].gamma.shape == (201, 0) and stored_run(5) is None


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_one_long_run_again(norm):
    i = next(i for i, c in enumerate(CELLS) if (c["experiment"], c["norm"], c["seed"]) == ("ioffe_szegedy", norm, 0))
    result, runs = norm_runs.run_cell(**CELLS[i]), load("ioffe_szegedy")
    row = runs.rows(norm=norm, seed=0)[0]
    np.testing.assert_allclose(result["accuracy"][-1], runs.accuracy[row, -1], atol=0.02)
    np.testing.assert_allclose(result["accuracy"], runs.accuracy[row], atol=0.12)
    np.testing.assert_allclose(result["loss"][:4], runs.loss[row, :4], rtol=0.02)
