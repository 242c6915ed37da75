"""Every number in the prose of notebook 05, computed again; test_claims_02 says how."""

import functools
import math
import re

import claims
import notebooks
import numpy as np
import pytest

from livegrad import clipping
from livegrad.experiments.cliff import cliff_gradient, descend_cliff
from livegrad.experiments.clipping import RandomGradients, compare_schemes, norms_seen, train_digits
from livegrad.experiments.temporal_order import model
from livegrad.experiments.thresholds import RATES, load
from livegrad.figures.scene import plain
from livegrad.optim import SGD, Adam

NOTEBOOK = notebooks.lesson("05")


@functools.cache
def cliff(max_norm=1.0, w=5.2, b=-2.3, learning_rate=0.1, steps=60):
    return descend_cliff(w, b, learning_rate, max_norm, steps)


@functools.cache
def schemes(threshold, weight_scale=2.0, activation="relu"):
    return {scheme.name: scheme for scheme in compare_schemes(threshold, 20, weight_scale, activation, width=50)}


@functools.cache
def seen(source="recurrent, clipped", share=1.0):
    return norms_seen(source, share, 1.0)


def in_words(fraction, words):
    """The first of the words whose bounds hold the fraction."""
    return next(word for word, (low, high) in words.items() if low <= fraction <= high)


def percent(x, digits=3):
    return f"{100 * x:.{digits}g} %"


def opening():
    plain_run, clipped = cliff().plain, cliff().clipped
    lengths = np.hypot(*np.diff(plain_run.path, axis=0).T)
    assert plain_run.steepest == 40 and np.all(plain_run.norms[41:] == 0) and np.sum(clipped.norms > 1) == 1
    assert lengths[:40].max() < 0.026
    return [
        f"takes small steps. Then one is {lengths[40]:.1f} long",
        f"The step of {lengths[40]:.1f} on the first page is 0.1, the learning rate, times a gradient of {plain_run.norms.max():.0f}",
    ]


def turning():
    left = RandomGradients().clip([3.5, 1.2], 1.5, 100, 1.0)
    large = RandomGradients().clip([4.0, 1.0], 1.0, 100, 1.0)
    right = [RandomGradients().clip([3.5, 1.2], 0.1, 1000, tail).cosine_there for tail in (0.0, 1.0, 2.0)]
    z = np.linspace(-10, 10, 20_001)
    mean = np.trapezoid(np.abs(z) * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), z)
    degrees = [math.degrees(math.acos(cosine)) for cosine in right]
    # One large entry, and two entries at most.
    g = np.array([1.0, 1e-9, 1e-9, 1e-9])
    assert math.cos(clipping.angle(g, clipping.by_value(g, 1e-12))) == pytest.approx(1 / math.sqrt(4), rel=1e-6)
    return [
        f"At the start the gradient is {math.hypot(3.5, 1.2):.3g} long. By norm it becomes {math.hypot(*left.by_norm):.3g}",
        f"By value it becomes {math.hypot(*left.by_value):.3g} and turns by {left.turn:.1f}°",
        f"**One large entry**: {large.turn:.1f}°",
        f"The cosine is {right[0]:.3f}, or {degrees[0]:.0f}°",
        "and ε to 0.1",
        f"Set the tail to 1: {right[1]:.3f}, or {degrees[1]:.0f}°",
        f"At 2 it is {right[2]:.3f}, or {degrees[2]:.0f}°",
        f"The mean of |z| is {mean:.3f}",
        f"by about {math.degrees(math.acos(mean)):.0f} degrees",
    ]


def whose_norm():
    one, none_escapes, some = schemes(1.0), schemes(1e-4), schemes(10.0**3.2)
    gone, low = schemes(1.0, 1.0, "sigmoid"), schemes(1e-4, 1.0, "sigmoid")
    assert np.linalg.norm(one["none"].norms) > 10_000 and one["per array"].turn > 40
    assert (
        all(gone[name].turn < 1e-6 for name in ("global norm", "per layer", "per array", "by value"))
        and gone["adaptive"].turn > 1
    )
    assert np.all(gone["adaptive"].norms[:10] == gone["none"].norms[:10])
    assert all(
        low[name].norms[0] <= gone["none"].norms[0] and low[name].norms[-1] < gone["none"].norms[-1]
        for name in ("global norm", "per layer", "per array", "by value")
    )
    assert some["by value"].turn < some["per layer"].turn < some["per array"].turn
    assert 45 < one["by value"].norms[1:-1].max() <= math.sqrt(50 * 50)
    return [
        f"and by value turns by {some['by value'].turn:.1f}°",
        f"by {one['per layer'].turn:.1f}° per layer, by {one['per array'].turn:.1f}° per array and "
        f"by {one['by value'].turn:.1f}° by value",
        ", ".join(f"{none_escapes[name].turn:.1f}°" for name in ("per layer", "per array"))
        + f" and {none_escapes['by value'].turn:.1f}°",
        f"It turns, too, by {one['adaptive'].turn:.1f}°",
        f"{one['none'].norms[0]:.0f} in layer 1 to {one['global norm'].norms[0]:.4f}",
        f"ε is {plain(10**3.2)}",
        f"stays at {some['per layer'].norms[0]:.0f}; by global norm it becomes {some['global norm'].norms[0]:.0f}",
        f"layer 1 has {plain(gone['none'].norms[0])}, layer 20 has {plain(gone['none'].norms[-1])}",
        r"\max(\|W_i\|_2,\, 0.001)",
        r"\lambda\max(\Vert W_i\Vert, 0.001)",
    ]


def the_cliff():
    free, held, low, again = cliff().plain, cliff().clipped, cliff(0.01), cliff(1.0, 4.7, -2.4, 0.2, 100)
    s = 1 / (1 + math.exp(-0.5))
    on_the_line = 0.5 - 5.2 * s
    assert np.hypot(*cliff_gradient(5.2, on_the_line)[1]) > 1000
    assert free.path[40] @ (s, 1) == pytest.approx(0.5, abs=0.001)  # the first page's point of the wall
    assert all(np.hypot(*cliff_gradient(5.2, on_the_line + d)[1]) < 1 for d in (-0.001, 0.001))
    assert (
        free.norms.max() < 1000
        and low.share_clipped == 1
        and np.hypot(*np.diff(low.clipped.path, axis=0).T).max() <= 0.001 + 1e-12
    )
    assert 1 / (1 + math.exp(-free.path[-1] @ (1, 1))) == 1 and np.delete(held.norms, 40).max() < 0.3
    assert np.sum(again.clipped.norms > 1) == 7
    # The cost is high beyond the wall: the path has been there, and back, before it meets the wall.
    beyond = free.cost[:41] > 0.25
    assert np.flatnonzero(np.diff(beyond.astype(int))).tolist() == [37, 38, 39] and free.norms[:40].max() < 0.3
    assert np.any(held.cost[41:] > 0.25) and np.hypot(*(held.path[41:] - held.path[40]).T).max() < 0.3
    return [
        f"Forty gradients between {held.norms[:40].min():.3f} and {held.norms[:40].max():.3f}, then one of {held.norms[40]:.0f}",
        f"the step is {0.1 * free.norms.max():.1f} long and ends at w = {free.path[-1][0]:.1f}, b = {free.path[-1][1]:.1f}",
        rf"stays at $(1-0.7)^2 = {free.cost[-1]:.2g}$",
        "the same step has length 0.1",
        f"the cost is {held.cost[-2]:.3f} after 59 steps, and {held.cost[-1]:.2e} after 60",
        f"after 60 steps the cost is still {low.clipped.cost[-1]:.4f}",
        "no step is longer than 0.001",
        "at 0.01 all steps are clipped",
        "shorter than 0.3",
        "Learning rate 0.1, and 60 steps from $w = 5.2$, $b = -2.3$",
        "is to be 0.7",
        "x_0 = 0.5",
        r"- 0.7\big)^2",
        "Choose $b = 0.5 - w\\,\\sigma(0.5)$",
        "a state a little above 0.5",
        "thinner than 0.001",
        f"over a distance of less than 0.001, and at rate 0.1 the step from here would be "
        f"{0.1 * np.hypot(*cliff_gradient(5.2, on_the_line)[1]):.0f} long",
        f"along $b = 0.5 - {s:.3f}\\,w$ from $w = {1 / (s * (1 - s)):.2f}$ on",
    ]


def remembering():
    W_h = model(0).rnn.W_h
    run = load().run(0.1, 1.0, seed=0)
    assert run.solved and run.norms[:76].max() < 0.8
    return [
        f"of {np.abs(np.linalg.eigvals(W_h)).max():.2f}: below 1, what is fed back fades",
        f"after {run.taken:,} updates",
        "all shorter than 0.8",
        f"has norm {run.norms.max():.0f}",
        "learning rate 0.1, $\\varepsilon = 1$",
        "$\\varepsilon$ = 0.01, 0.1, 1, 10, 100 and without clipping, learning rate 0.1",
        "fewer than 1 % of the answers",
    ]


def which_threshold():
    trials = load()
    clipped, free = trials.run(0.1, 1.0, seed=0), trials.run(0.1, math.inf, seed=0)
    guessing = math.log(4)
    assert clipped.norms.argmax() + 1 == 500 and clipped.loss[200:400].mean() < 1 < clipped.loss[:100].mean()
    assert clipped.loss[2000:2200].mean() > 0.95 * guessing and clipped.loss[3650:].mean() < 0.3 < clipped.loss[3000:3500].min()
    assert free.taken == 4000 and np.isfinite(free.norms).all() and abs(free.loss[400:].mean() / guessing - 1) < 0.02
    solved = {
        rate: [
            int(trials.solved[trials.rows(start="normal", learning_rate=rate, max_norm=e)].sum())
            for e in (0.01, 0.1, 1.0, 10.0, 100.0, math.inf)
        ]
        for rate in (0.1, 0.01)
    }
    high = trials.error[trials.rows(start="normal", learning_rate=0.1, max_norm=10.0)]
    best, last = np.median(np.nanmin(high, axis=1)), np.median(high[:, -1])  # none of these runs ended early
    rows = trials.rows(start="normal", learning_rate=0.1, max_norm=0.01)
    assert trials.clipped[rows].min() > 0.999 and solved[0.1][0] == solved[0.01][1] == 0
    published = trials.needed()[trials.rows(start="normal", learning_rate=0.01, max_norm=1.0)]
    assert np.nanmin(published) == published[4] and free.every == 200 and solved[0.1][3] == 0
    radius = np.abs(np.linalg.eigvals(model(0, "sparse").rnn.W_h)).max()
    sparse = [trials.rows(start="sparse", learning_rate=0.01, max_norm=e) for e in (1.0, math.inf)]
    assert all(trials.solved[rows].all() for rows in sparse)
    with_it, without = (int(np.median(trials.needed()[rows])) for rows in sparse)
    assert without > 2 * with_it
    return [
        f"At learning rate 0.1 it is {', '.join(map(str, solved[0.1]))} seeds of 5",
        f"choose learning rate 0.01: {', '.join(map(str, solved[0.01]))}.",
        f"If it is 0.1, {solved[0.1][2]} of 5 and {solved[0.01][3]} of 5 solve the task; "
        f"if it is 0.01, {solved[0.1][1]} and {solved[0.01][2]}; if it is 0.001, none",
        f"shoots up to {clipped.norms.max():.0f}, at the 500th update",
        f"was 0.1 long, not {0.1 * clipped.norms.max():.0f}",
        f"In all, {percent(clipped.share_clipped, 2)} of the updates",
        f"of these 4,000 has norm {free.norms.max():.1f}",
        f"But {percent(np.mean(free.norms > 1), 2)} of its gradients are longer than 1",
        f"{percent(free.error[13])} of the answers are wrong after 2,600 updates, {percent(free.error[16])} after 3,200",
        f"wait for about {int(published[4]):,} updates",
        f"But at 1 it is {solved[0.1][3]} and {solved[0.01][4]}, and {solved[0.01][3]} seeds against {solved[0.01][2]} settle nothing",
        "ε = 10 is within the range, and solved it in none of five seeds",
        f"after {with_it:,} updates with clipping and after {without:,} without",
        f"it is {solved[0.01][2]} of 5 against {solved[0.01][5]} of 5",
        f"best test has {100 * best:.0f} % wrong answers and its last one {100 * last:.0f} %",
        "With ε = 0.01 every update is clipped",
        "At 0.01 no step exceeds 0.001",
        f"train at {RATES[0]}, with $\\varepsilon = 1$",
        f"from weights of standard deviation {model(0).rnn.W_h.std():.1f} or from sparse ones of spectral radius {radius:.2f}",
    ]


def choosing():
    whole, early, free, relu = seen(), seen(share=0.02), seen("recurrent, not clipped"), seen("deep ReLU")
    norms = whole.norms
    assert len(early.norms) == 76 and early.norms.max() < 1 and early.share_clipped == 0
    share = np.mean(norms > whole.average)
    assert whole.average / 2 < 10 < 10 * whole.average
    assert free.average < whole.average and free.norms.max() < norms.max()
    assert relu.average < 7  # a chaotic run: how much less depends on the processor
    return [
        f"The average norm of its gradients is {whole.average:.2f}",
        in_words(share, {"about one in five": (0.16, 0.24)}),
        f"The median is only {np.median(norms):.2f}",
        f"goes from {whole.average / 2:.3g} to {10 * whole.average:.3g}",
        f"{percent(np.mean(norms > whole.average / 2))} and {percent(np.mean(norms > 10 * whole.average), 2)} would be clipped",
        f"which is {percent(whole.share_clipped, 2)} of its updates",
        f"at 2 %: 76 updates, average {early.average:.3g}",
        f"the average is {free.average:.3g}, which puts the range at {free.average / 2:.3g} to {10 * free.average:.3g}, "
        f"and the longest is {free.norms.max():.3g}",
        "At learning rate 0.001 the same 400 updates",
        f"{seen('deep ReLU', 0.05).average:.3g} on average after 5 % of the run, less than 7 over all of it",
        "At 0 % you have no clipping. At 100 % every step",
    ]


def no_cure():
    sick = [train_digits(SGD(0.1), seed=seed) for seed in range(5)]
    ratio = np.median([np.median(run.first / run.norms) for run in sick])
    slow = [train_digits(SGD(0.1), 0.1, weight_scale=2.0, activation="relu", seed=seed) for seed in range(5)]
    lost = np.median([run.loss[-20:].mean() for run in slow])
    assert lost > math.log(10) and max(run.moved.max() for run in slow) <= 0.01 + 1e-12
    return [
        in_words(-math.log10(ratio), {"five powers of ten left of the whole": (4.9, 5.5)}),
        f"after 200 of them the loss, {lost:.1f}",
        "With 0.1 no step is longer than 0.01",
        "With $\\varepsilon = 10$ or with 0.1",
        "with $\\varepsilon = 0.1$ and average",
        "$\\beta_2 = 0.999$".replace("$", ""),
        "0.999 to the power 5806",
        "has norm 1e-7",
    ]


def check_yourself():
    return ["learning rate 0.1, clipping by norm at 1", "no step is longer than 0.1"]


CLAIMS = [opening, turning, whose_norm, the_cliff, remembering, which_threshold, choosing, no_cure, check_yourself]

test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)


def test_what_is_said_of_the_small_learning_rate_is_what_the_cell_above_prints():
    """The notebook's own run, which nbval repeats."""
    [cell] = [cell for cell in notebooks.cells(NOTEBOOK, "code") if cell["id"] == "c05-4-relu"]
    solved = re.findall(r"rate ([\d.]+), clipped at ([\d.inf]+): wrong answers below 1 % in (\d)",
                        "".join(cell["outputs"][0]["text"]))
    assert solved == [("0.1", "1.0", "5"), ("0.1", "inf", "0"), ("0.001", "1.0", "0"), ("0.001", "inf", "4")]
    text = notebooks.prose(NOTEBOOK)
    assert "four seeds of five solve the task without clipping, none with $\\varepsilon = 1$" in text


def test_one_spike_shortens_the_steps_of_adam_as_the_formula_says():
    p, adam, steps = np.zeros(1), Adam(lr=1.0), []
    for t in range(12_000):
        before = p.copy()
        adam.step([p], [np.array([1000.0 if t == 6000 else 1.0])])
        steps.append((before - p).item())
    later = np.array(steps[6000:])
    n = np.arange(len(later))
    np.testing.assert_allclose(later[200:], (1 + 0.001 * (1000**2 - 1) * 0.999 ** n[200:]) ** -0.5, rtol=3e-3)
    assert np.argmax((later > 0.5) & (n > 200)) == pytest.approx(5806, abs=20)


def test_value_clipping_never_turns_by_more_than_the_bound():
    rng = np.random.default_rng(0)
    for n in (2, 5, 50):
        for tail in (0.0, 1.0, 3.0):
            g = rng.standard_normal(n) * np.exp(tail * rng.standard_normal(n))
            cosines = [math.cos(clipping.angle(g, clipping.by_value(g, eps))) for eps in np.logspace(-4, 3, 60)]
            assert min(cosines) >= 1 / math.sqrt(n) - 1e-12 and np.all(np.diff(cosines) > -1e-12)


def test_descent_on_clipped_gradients_ends_near_the_median():
    targets = np.array([0.0] * 9 + [10.0])
    w = 0.0
    for _ in range(5000):
        w -= 0.01 * np.mean(clipping.by_value(w - targets, 0.1))
    assert w == pytest.approx(0.1 / 9, rel=1e-6)  # nine pull back with w, one pulls with 0.1


def test_only_the_product_counts_once_all_updates_are_clipped():
    """Check yourself, question 4."""
    one, other = (
        train_digits(SGD(0.1), 0.01, depth=3, activation="tanh", steps=30),
        train_digits(SGD(0.2), 0.005, depth=3, activation="tanh", steps=30),
    )
    assert one.norms.min() > 0.01
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-9)
