"""Every number in the prose of notebook 06, computed again; test_claims_02 says how."""

import math
import re

import claims
import notebooks
import numpy as np
import pytest

from livegrad.experiments.gradients import standardized_digits
from livegrad.experiments.inputs import inputs
from livegrad.experiments.norm_runs import WEIGHT_SCALES, accuracy_by_batch, accuracy_by_step, load, loss_by_weight_scale
from livegrad.experiments.normalization import LINEAR, BatchUnit, Estimates, RowBatch, matrix_view
from livegrad.experiments.normed_nets import evaluation_modes, first_and_last_weights, weight_scales
from livegrad.figures.scene import plain
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP, norm, rms
from livegrad.norms import BatchNorm, LayerNorm
from livegrad.optim import SGD

NOTEBOOK = notebooks.lesson("06")


def percent(x, digits=3):
    return f"{100 * x:.{digits}g} %"


def minus(x, digits):
    return f"{x:.{digits}f}".replace("-", "−")


def opening():
    at, bands = accuracy_by_step()
    none, batch = (bands[name].median[list(at).index(1000)] for name in ("none", "batch"))
    return [f"the net names {percent(none)} of the digits", f"it names {percent(batch)}.", "by guessing it would be 10 %",
            f"it was {percent(none)} against {percent(batch)}"]


def standardizing():
    four, five, wide, aslant = inputs(4, 1), inputs(5, 1), inputs(0, 5), inputs(0, 1, 0.9)
    for bowl, m in ((four.before, 4), (five.before, 5)):
        assert bowl.condition == pytest.approx(1 + 2 * m**2)
    assert four.after.needed == five.after.needed == wide.before.needed == 1
    assert aslant.before.condition == pytest.approx(aslant.after.condition) == pytest.approx(19)
    assert aslant.before.needed == aslant.after.needed
    error = wide.before.path[:, 1]
    assert abs(wide.before.path[1, 0]) < 1e-12  # the loss that is left is all in the flat direction
    fast = inputs(4, 1, rate=1.9).after.needed
    worse, lucky = inputs(4, 5, 0.9), inputs(4, 1, -0.9)
    assert lucky.after.needed == 1 and lucky.before.condition < lucky.after.condition
    assert inputs(4, 1, rate=2.0).before.needed is inputs(4, 1, rate=2.0).after.needed is None
    return [
        f"brings its loss down to 1 % in {four.before.needed} steps",
        f"the condition number is {four.before.condition:.0f}",
        f"{four.before.needed} steps until 1 % of the loss is left",
        f"**Off center**: {five.before.condition:.0f}, and {five.before.needed} steps",
        f"The condition number is {wide.before.condition:.0f}, and still one step brings the loss below 1 %",
        f"$w_2$ has gone from {error[0]:.1f} to ${error[0]:.1f}\\,(1 - 1/25)$ = {error[1]:.3f}",
        f"after 50 steps $w_2$ is still off by {error[50]:.3f}",
        f"Means of 4, standard deviation 5, correlation 0.9: from {worse.before.condition:.1f} to {worse.after.condition:.0f}, "
        f"and {worse.before.needed} steps become {worse.after.needed}",
        f"correlation −0.9: from {lucky.before.condition:.1f} to {lucky.after.condition:.0f}, and yet {lucky.before.needed} "
        "steps become one",
        f"**Correlated**: {aslant.after.condition:.0f} on both sides, and {aslant.after.needed} steps",
        f"**Rate**: at 1.9 the round bowl needs {fast} steps",
        "a correlation of 0.9. The condition number is 19",
    ]


def one_unit():
    unit = BatchUnit()
    start, other, narrow = unit.view(10**0.5, 2), unit.view(10**1.5, -5), unit.view(0.1, 0)
    wide, tight, undone = unit.view(10**0.5, 2, gamma=5), unit.view(10**0.5, 2, gamma=0.5), unit.view(10**0.5, 2, undo=True)
    np.testing.assert_allclose(other.out, start.out, atol=1e-3)
    assert narrow.linear[0] == 1 and f"{100 * narrow.linear[1]:.0f}" == f"{100 * start.linear[1]:.0f}"
    assert undone.difference < 1e-12
    return [
        f"at least 80 % of its steepest where $|z| \\le {LINEAR:.2f}$",
        f"without batch norm {percent(start.linear[0], 2)} of them fall into it, with batch norm, $\\gamma = 1$ and "
        f"$\\beta = 0$, it is {percent(start.linear[1], 2)}",
        f"only {percent(other.linear[0], 1)} are left",
        f'"{percent(start.linear[1], 2)}, as before"',
        "about 30 %",
        f"In: mean {start.mean:.2f}, standard deviation {math.sqrt(start.var):.2f}",
        f"makes it {minus(other.mean, 2)} and {math.sqrt(other.var):.1f} on the left",
        f"in the linear region, with it {percent(narrow.linear[1], 2)}",
        f"then γ = 5: it is {percent(wide.linear[1], 2)}; with γ = 0.5, {percent(tight.linear[1], 2)}. With γ = 0 it would be "
        f"{percent(unit.view(10**0.5, 2, gamma=0).linear[1])}",
        rf"\varepsilon}}$ = {undone.gamma:.2f} and $\beta = \bar z$ = {undone.beta:.2f}",
    ]


def depth():
    digits, labels = standardized_digits()
    growth = {}
    for name, make in (("none", None), ("batch", BatchNorm.create), ("layer", LayerNorm.create)):
        net = MLP.create([64] + 30 * [100] + [10], np.random.default_rng(0), norm=make)
        trace = net.forward(digits[:200])
        dz = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[:200])).dz
        growth[name] = (norm(dz[1]) / norm(dz[29])) ** (1 / 28)
    assert growth["none"] == pytest.approx(1, abs=0.03) and growth["layer"] == pytest.approx(1, abs=0.03)
    z = np.linspace(-10, 10, 20_001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    mean, square = (np.trapezoid(np.maximum(z, 0) ** k * density, z) for k in (1, 2))
    assert mean == pytest.approx(1 / math.sqrt(2 * math.pi)) and square == pytest.approx(0.5) and mean**2 == pytest.approx(square / math.pi)
    stretched = math.sqrt(square / (square - mean**2))
    assert growth["batch"] == pytest.approx(stretched, rel=0.01)
    net, steepest, ratios = MLP.create([64] + 30 * [100] + [10], np.random.default_rng(0), norm=BatchNorm.create), SGD(0.1), []
    for _ in range(6):
        trace = net.forward(digits[:200])
        gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[:200]))
        ratios.append(norm(gradients.dz[1]) / norm(gradients.dz[29]))
        steepest.step(net.parameters(), gradients.parameters())
    return [f"makes the gradient *explode*, by {growth['batch']:.2f} per layer", rf"$1/\sqrt{{1 - 1/\pi}}$ = {stretched:.2f}",
            rf"a mean of $1/\sqrt{{2\pi}}$, the {mean:.3f} of notebook 01",
            f"one step of rate 0.1 takes seed 0 from {ratios[0]:.0f} to {ratios[1]:.0f}, five steps to {ratios[5]:.0f}",
            f"the first gradients grow by {stretched:.2f} per layer (ReLU)"]


def any_size():
    bands, slow = loss_by_weight_scale("relu", 0.1, 300), loss_by_weight_scale("sigmoid", 0.1, 300)
    none, batch = bands["none"].median, bands["batch"].median
    at = {scale: i for i, scale in enumerate(WEIGHT_SCALES)}
    best = int(np.argmin(none))
    assert np.isinf(none[-1]) and batch[-1] == max(batch) and not np.isinf(bands["batch"].high).any()
    near = np.flatnonzero(batch < 0.03)  # nearly as low as the best of either
    assert np.sum(none[near] > 2.2) >= 2 and none[at[1.0]] < 0.04
    assert np.all(slow["none"].median[: at[1.0]] > 2.3)
    fast = loss_by_weight_scale("relu", 0.5, 300)
    lowest = [[min(bands[name].median) for name in ("none", "batch")] for bands in (fast, slow)]
    lengths = np.median([[norm(w) for w in first_and_last_weights(0.01, seed)] for seed in range(5)], axis=0)
    assert 80 < lengths[1] / lengths[0] < 125
    *_, last = weight_scales(0.01)
    gamma, beta = last.runs["batch"].gamma[-1], last.runs["batch"].beta[-1]
    return [
        f"stays at {last.runs['none'].recent:.2f}, which is guessing. With it the loss falls to "
        f"{plain(last.runs['batch'].recent)}",
        f"From 0.01 to 1 no median is above {max(batch[: at[1.0] + 1]):.3f}",
        f"With it the median is {batch[-1]:.3f}",
        f"The best of all its medians, {none[best]:.3f} at scale {WEIGHT_SCALES[best]:.3g}, is as good as the best with batch "
        f"norm, {min(batch):.3f}, and at that scale it is better: there batch norm has {batch[best]:.3f}",
        f"to between {gamma.min():.2f} and {gamma.max():.2f}, $\\beta$ from 0 to between {beta.min():.2f} and {beta.max():.2f}",
        f"ReLU at rate 0.5: the best median is {lowest[0][0]:.3f} without batch norm and {lowest[0][1]:.3f} with it. "
        f"Sigmoid at 0.1: {lowest[1][0]:.2f} and {lowest[1][1]:.3f}",
        "grow about a hundredfold",
        "learning rate 0.1, 300 updates",
        "from 0.01 to 100",
        "highest at scale 0.01",
    ]


def the_paper():
    runs = load("ioffe_szegedy")
    none, batch = (runs.accuracy[runs.rows(norm=name)] for name in ("none", "batch"))
    at = list(runs.at)
    assert batch[:, 1].min() > 0.9 and runs.at[1] == 250
    assert none[:, at.index(2000)].min() > 0.4 and none[:, at.index(1000)].max() < 0.2
    plain_read, normed_read = (runs.read[runs.rows(norm=name, seed=0)[0]] for name in ("none", "batch"))
    low, high = normed_read[1:, 0], normed_read[1:, 2]
    assert len(standardized_digits()[1]) == 1437 + 360
    assert np.all(batch[:, 1:] > none[:, 1:])  # all the way
    middle = {name: runs.read[runs.rows(norm=name), 1:, 1] for name in ("none", "batch")}
    assert np.all(np.ptp(middle["batch"], axis=1) < np.ptp(middle["none"], axis=1))
    ends = middle["none"][:, -1]
    end = [f"{100 * np.median(a[:, -1]):.0f} %" for a in (none, batch)]
    return [
        "finds over 90 % right in all five seeds",
        f"of seed 0 reads between {plain_read[1, 0]:.2f} and {plain_read[1, 2]:.2f} for 70 % of the digits",
        "all five seeds are above 40 %",
        f"in the end at {end[0]}; with batch norm it is {end[1]}",
        f"about {end[0]}", f"Batch norm has {end[1]} by then",
        f"reading from {minus(plain_read[-1, 0], 2)} to {plain_read[-1, 2]:.2f}, and the middle has drifted from "
        f"{plain_read[1, 1]:.2f} to {plain_read[-1, 1]:.2f}",
        f"over the seeds the middle ends between {min(ends):.2f} and {max(ends):.2f} without",
        f"stays between {minus(max(low), 1)} and {minus(min(low), 2)} from the first test to the last, the upper one between "
        f"{min(high):.1f} and {max(high):.2f}",
        '"about 60 %", "13 %, still"', "N(0, 0.1²)", "learning rate 0.1, our choice",
    ]


def samples():
    estimates = Estimates()
    eight, cold, warm = estimates.view(8, 0.9, 50), estimates.view(32, 0.99, 20), estimates.view(32, 0.99, 200)
    shifted, own = (estimates.view(32, 0.9, 100, 2.0, statistics) for statistics in (False, True))
    assert abs(own.test.mean()) < 1e-9 and own.test.std() == pytest.approx(1, abs=1e-3)
    return [
        f"the mean spreads by {plain(eight.spread[0])} σ, and $1/\\sqrt 8$ is {8**-0.5:.3f}",
        f"The variance spreads by {plain(eight.spread[1])} σ², and on average it is {percent(eight.average_var)} of σ²; "
        f"7/8 is {100 * 7 / 8} %",
        f"the variance starts at {1 / estimates.var:.2f}, since 1 is {1 / estimates.var:.2f} of the true one",
        "momentum 0.99 and 20 batches",
        f"{percent(cold.start_left, 2)} is still their start",
        f"with mean {cold.test.mean():.2f} and standard deviation {cold.test.std():.2f}",
        f"now {percent(warm.start_left, 2)} is left, the mean is {warm.test.mean():.2f}, and the standard deviation "
        f"{warm.test.std():.2f}",
        f"**Shifted test set**: mean {shifted.test.mean():.2f} by the running averages",
    ]


def company():
    rows = RowBatch()
    moved = {batch: rows.move(batch, (4.0, *rows.HOME[1:])).others_moved("batch") for batch in (2, 6, 16)}
    modes = evaluation_modes(batch=30)
    running, mixed, by_class = (f"{100 * np.median(m):.0f} %" for m in (modes.running, modes.mixed, modes.by_class))
    assert 0.01 < np.median(modes.running) - np.median(modes.mixed) < 0.03
    return [
        f"the others' outputs move by {moved[6]:.2f}",
        f"move by up to {plain(moved[6])} under batch norm",
        f"A batch of 16 dilutes it: {plain(moved[16])}",
        f"moves by {plain(moved[2])}, and even that comes only from",
        f"With them sorted it is {by_class}.",
        f"names {running} of the test digits", f'"{running}: the weights are the same", "about 90 %", "about 30 %"',
    ]


def along_which_axis():
    start, loud = matrix_view("batch", which=3, feature_scale=4), matrix_view("layer", which=3, feature_scale=8)
    before, after = start.inside
    squares, quiet = loud.out**2, matrix_view("layer", which=3).out ** 2
    np.testing.assert_allclose(matrix_view("batch", which=3, feature_scale=8).out, start.out, atol=1e-5)
    assert abs(after.mean()) < 1e-9 and not matrix_view("group", groups=8).out.any()
    root = matrix_view("rms", which=3, feature_scale=4).inside
    return [
        f"with mean {before.mean():.2f} and variance {before.var():.2f} before",
        f"their means reach {abs(start.out.mean(axis=1)).max():.2f}",
        f"the columns reach {abs(loud.out.mean(axis=0)).max():.2f}",
        f"takes {percent(squares[:, 2].sum() / squares.sum(), 2)} of the squares of the matrix, where it would have "
        f"{percent(quiet[:, 2].sum() / quiet.sum(), 2)}",
        f"root mean square {rms(root[0]):.2f} before and {rms(root[1]):.0f} after; the mean goes from {root[0].mean():.2f} to "
        f"{root[1].mean():.2f}",
    ]


def recurrent():
    sizes = []
    for scale in (0.5, 1.0, 2.0):
        rng = np.random.default_rng(0)
        W, h, layer = scale * rng.standard_normal((100, 100)) / 10, rng.standard_normal(100), LayerNorm.create(100)
        for _ in range(1000):
            h = np.maximum(layer.forward(W @ h).out, 0)
            sizes.append(rms(h))
    low, high = math.floor(100 * min(sizes)) / 100, math.ceil(100 * max(sizes)) / 100
    return [f"stays between {low:.2f} and {high:.2f} for 1,000 steps"]


def small_batches():
    bands, places, runs = accuracy_by_batch(1000), {1: 0, 2: 1, 4: 2, 128: 7}, load("small_batches")
    best = np.fmax(bands["none"].median, bands["batch"].median)
    assert (best - bands["layer"].median).max() * 360 == pytest.approx(1, abs=0.01)
    for batch in (2, 4, 8, 16, 32, 64, 128):
        loss = {name: np.median(runs.loss[runs.rows(norm=name, batch=batch)], axis=0) for name in ("none", "batch", "layer")}
        assert np.all(loss["layer"] < loss["batch"])
    for batch in (1, 2, 4, 8, 16, 32, 64, 128):
        end = {name: runs.loss[runs.rows(norm=name, batch=batch), -1] for name in ("none", "batch", "layer")}
        assert all(np.median(end["none"]) < np.median(end[name]) for name in ("batch", "layer") if end[name].size), batch
    none, batch, layer = ({b: f"{100 * bands[name].median[i]:.1f} %" for b, i in places.items()}
                          for name in ("none", "batch", "layer"))
    return [
        f"Without any norm, {none[4]} of the test digits are right",
        f"{none[128]} without a norm, {batch[128]} with batch norm, {layer[128]} with layer norm",
        f"At 4 they are {none[4]}, {batch[4]} and {layer[4]}. At 2, {none[2]}, {batch[2]} and {layer[2]}",
        f"layer norm has {layer[1]}, no norm {none[1]}",
        f'"{batch[4]} and {layer[4]}", "{layer[4]} and {batch[4]}"', f"{batch[128]} and {layer[128]}: both help",
        "learning rate 0.001, 1,000 updates",
    ]


def conventions():
    assert BatchNorm.create(1).momentum == 0.9 and BatchNorm.create(1).torch_momentum == pytest.approx(0.1)
    assert BatchNorm.create(1).eps == 1e-5
    return ["| the share that is kept | 0.9 | 1e-5 |", "0.1, which is 0.9 here | 1e-5", "| 0.99 | 1e-3 |", "| 0.99 | 1e-5 |",
            "`momentum=0.1`", "3. 0.9.", "Momentum 0.99. After how many batches is less than 1 % of the start left"]


CLAIMS = [opening, standardizing, one_unit, depth, any_size, the_paper, samples, company, along_which_axis, recurrent,
          small_batches, conventions]

test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)


def test_minibatches_learn_in_one_pass_nearly_what_full_batches_learn_in_24():
    """By the notebook's own runs, which nbval repeats."""
    [cell] = [cell for cell in notebooks.cells(NOTEBOOK, "code") if cell["id"] == "c06-5-full"]
    found = re.findall(r"B = +(\d+): passes +(\d+), updates +(\d+), loss ([\d.]+)", "".join(cell["outputs"][0]["text"]))
    (*one, loss), (*mini, mini_loss), (*full, full_loss) = ([int(n) for n in line[:3]] + [float(line[3])] for line in found)
    assert (one, mini, full) == ([1440, 1, 1], [60, 1, 24], [1440, 24, 24])
    assert full_loss < mini_loss < full_loss + 0.05 * (loss - full_loss)
