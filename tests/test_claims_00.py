"""Every number in the prose of notebook 00, computed again; test_claims_02 says how. And its tables: the map, the notation."""

import functools
import math
import re

import claims
import notebooks
import numpy as np
import pytest

from livegrad import spectra
from livegrad.experiments.clipping import train_digits
from livegrad.experiments.gradients import DeepNet
from livegrad.experiments.warmup import ALPHA, LEFT, OPTIMIZERS, STEEPEST, four_paths, layer_sizes
from livegrad.figures.scene import plain
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP, norm, rms
from livegrad.norms import LayerNorm
from livegrad.optim import SGD, Adam, Momentum, RMSProp
from livegrad.rnn import RNN

NOTEBOOK = notebooks.lesson("00")


@functools.cache
def paths(exponent=1.5, learning_rate=0.16, momentum=0.8, turn=0.0):
    return four_paths(10.0**exponent, [-1.6, 0.8], learning_rate, momentum, turn=turn)


@functools.cache
def draw(init="lecun_normal", seed=0):
    return DeepNet(seed=seed, width=100, batch=64, max_depth=50, init=init)


def sizes(weight_scale=1.0, activation="relu", norm="none", init="lecun_normal", seed=0):
    return layer_sizes(draw(init, seed), 50, weight_scale, activation, norm)


@functools.cache
def costs(make, activation="sigmoid", depth=20, steps=100):
    """Cost at the end and the median norm of layer 1's gradient, for five seeds."""
    runs = [train_digits(make(), depth=depth, activation=activation, seed=seed, steps=steps) for seed in range(5)]
    return [run.loss[-20:].mean() for run in runs], np.median([np.median(run.first) for run in runs])


def adam():
    return Adam(1e-3)


def adam_without_eps():
    return Adam(1e-3, eps=1e-30)


def change(weight_scale):
    """One step of gradient descent at learning rate 0.1, relative to the size of layer 1."""
    result = sizes(weight_scale)
    return 0.1 * result.dW[0] / norm(draw().net(50, weight_scale, "relu").weights[0])


def opening():
    one, two = sizes(1.0).survival, sizes(2.0).survival
    assert 14.5 < math.log10(two / one) < 15
    return [
        f"layer 1 receives {plain(one)} of what layer 50 had",
        f"layer 1 receives {plain(two)} *times* what layer 50 had",
        "One factor of 2, and nearly fifteen powers of ten",
        f"at learning rate 0.1, would change layer 1 of the first by {change(1.0):.1e} of its size",
        f"layer 1 of the second by {round(change(2.0), -3):,.0f} *times* its size",
    ]


def the_bowl():
    start, flat, round_ = paths(), paths(3), paths(0)
    needed = {name: start.needed(name) for name in OPTIMIZERS}
    for name in ("RMSProp", "Adam"):
        assert flat.needed(name) == round_.needed(name) == needed[name]
        assert max(np.abs(other.paths[name] - start.paths[name]).max() for other in (flat, round_)) < 1e-3
    assert flat.needed("SGD") is flat.needed("momentum") is None and (LEFT, STEEPEST, ALPHA) == (0.2, 10, 0.9)
    np.testing.assert_array_equal(paths(momentum=0.0).paths["SGD"], paths(momentum=0.0).paths["momentum"])
    fast = paths(learning_rate=0.21, momentum=0.0)
    assert fast.grows("SGD") and fast.grows("momentum") and Adam().beta2 == 0.999
    for rate in np.arange(0.01, 0.405, 0.03):
        other = paths(learning_rate=rate, momentum=0.0)
        for name in ("RMSProp", "Adam"):
            assert np.all(np.abs(other.paths[name]) < (2.2, 1.25)), (name, rate)
    jumps = np.abs(np.diff(start.paths["RMSProp"], axis=0))[:, 1]
    share = start.distance("RMSProp") / start.distance("RMSProp")[0]
    assert 0.14 < jumps[-20:].mean() < 0.16 and np.all(share[17:51] < 1e-3) and min(share[16], share[51]) > 1e-3
    grown = np.abs(start.paths["RMSProp"][1:, 1] / start.paths["RMSProp"][:-1, 1])  # a step multiplies w₂ by 1 − 1.6/√s
    assert np.all(grown[16:24] < 1) and np.all(grown[24:52] > 1)
    assert np.argmax(share[17:60]) + 17 == 53 and 0.18 < share[53] < LEFT
    assert paths(learning_rate=0.21, momentum=0.0).needed("RMSProp") == 68
    return [
        rf"$\kappa = 10^{{1.5}} = {10**1.5:.1f}$",
        "$1 - 0.16\\cdot 10 = -0.6$",
        f"and $w_1$ by {1 - 0.16 * 10 / 10**1.5:.3f}. After {needed['SGD']} steps a fifth of the distance is left",
        f"swings about the bottom: {needed['momentum']} steps",
        f"= {10**0.5:.2f} learning rates long, and it has arrived after {needed['RMSProp']}.",
        "From step 25 on $0.16\\cdot 10/\\sqrt s$ is above 2",
        f"There SGD needs {round_.needed('SGD')}, and momentum, which overshoots, {round_.needed('momentum')}",
        "at $\\kappa = 10^{1.5} = 31.6$, $\\eta = 0.16$, $\\mu = \\beta_1 = 0.8$, $\\alpha = 0.9$ and $\\beta_2 = 0.999$",
        "it jumps across the valley by about 0.15 on average, nearly a learning rate",
        f"It never settles: it ends {start.distance('RMSProp')[-1]:.3f} from the bottom",
        f"and comes back: {needed['Adam']} steps",
        f"RMSProp needs {flat.needed('RMSProp')} and Adam {flat.needed('Adam')}, as before",
        f"**Round**: the same {round_.needed('RMSProp')} and {round_.needed('Adam')}",
        "Back at 10^1.5, set the momentum to 0",
        "Raise the learning rate to 0.21: they leave. Now each step multiplies $w_2$ by $1 - 0.21\\cdot 10 = -1.1$",
        r"$\eta = 2/10 = 0.2$",
        "RMSProp has α = 0.9 and Adam β₂ = 0.999",
        "$\\kappa$ goes from 31.6 to 1000, and the gradient along $w_1$ is 31.6 times smaller",
    ]


def a_millionth():
    tiny, small, gone = paths(6), paths(9), paths(10)
    assert tiny.needed("Adam") == paths(0).needed("Adam") == paths().needed("Adam")
    assert np.abs(tiny.paths["Adam"] - paths().paths["Adam"]).max() < 0.001
    assert gone.needed("RMSProp") is None and small.needed("RMSProp") == small.needed("Adam")
    missed, before = gone.distance("RMSProp")[-1] / gone.distance("RMSProp")[0], paths(8.5)
    g = STEEPEST / 1e10 * 1.6
    assert 0.15 < g / 1e-8 < 0.17 and 1 / 7.5 < g / (g + 1e-8) < 1 / 7
    return [
        f"Adam takes {tiny.needed('Adam')} steps all the same",
        f"The gradient along w1 is now {g:.1e}".replace("e-09", "e-9"),
        "a sixth of eps: the steps are about a seventh as long",
        f"after 100 steps $w_1$ is −{-tiny.paths['SGD'][-1, 0]:.4f}, from −1.6",
        f"Adam arrives after {tiny.needed('Adam')} steps, as in the round bowl",
        "its path is within 0.001 of the one at κ = 31.6",
        f"at 10^8.5 it takes {before.needed('RMSProp')} steps, and Adam {before.needed('Adam')}",
        f"at the start {STEEPEST / 1e9 * 1.6:.1e}, has come down to ε, and both take {small.needed('Adam')}",
        f"Adam reaches the line at step {gone.needed('Adam')}, and RMSProp, with {missed:.3f} of the distance left",
        "A net whose gradients are near 1e-8 gets another Adam",
    ]


def not_repaired():
    turned = paths(3, turn=45.0)
    assert turned.distance("Adam")[-1] > turned.distance("SGD")[-1] and paths(3).needed("Adam") is not None
    for name in ("SGD", "momentum"):
        np.testing.assert_allclose(turned.distance(name), paths(3).distance(name), atol=1e-10)
    (with_eps, gradient), (without, _) = costs(adam), costs(adam_without_eps)  # nbval compares those of SGD
    for cost in (with_eps, without):
        assert np.all(np.abs(np.array(cost) - math.log(10)) < 0.012)
    healthy, _ = costs(adam, "tanh")
    assert 0.3 < min(healthy) and max(healthy) < 0.37 and f"{gradient:.0e}" == "2e-12"
    helped, _ = costs(adam, "sigmoid", 10, 300)
    deep = DeepNet(0, width=50, batch=256, max_depth=20, dtype=np.float64).scales(20, 1.0, "sigmoid")
    return [
        "In the first layer the gradient has norm 2e-12, far below ε. So you take ε = 1e-30",
        f"ln 10 = {math.log(10):.3f}",
        "Adam has it down to about 0.35 in 100 steps. And with the sigmoid and ε = 1e-30",
        '["about 0.35, too", "about 1", "still 2.30"]',
        f"A gradient of norm 2e-12 makes a statement. Move each of the {50 * 64} weights of this layer by 0.001",
        rf"2\cdot 10^{{-12}}\cdot\sqrt{{3200}}\cdot 0.001$ = {2e-12 * math.sqrt(3200) * 0.001:.1e}",
        f"differ from digit to digit by only {deep.difference[18]:.1e}",
        f"is between {min(helped):.2f} and {max(helped):.2f} in five seeds. (SGD is then",
        "far from the 0.35 that tanh needs a third of the steps for",
    ]


def one_figure():
    start, clever, layered = sizes(), sizes(init="kaiming_normal"), sizes(norm="layer")
    assert all(1.4 < sizes(scale, norm="layer").survival < 1.6 for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 4.0))
    low, wide, batch = sizes(activation="sigmoid"), sizes(4.0, "tanh"), sizes(norm="batch")
    assert np.all((low.a[:-1] > 0.48) & (low.a[:-1] < 0.55)) and np.all(np.abs(wide.a[:-1] - 0.9) < 0.03)
    assert 0.5e9 < wide.survival < 2e9  # "about a billion times": saturated units amplify rounding
    assert np.ptp(batch.a[:-1]) < 0.1
    assert all(0.7e4 < sizes(norm="batch", seed=seed).survival < 2e4 for seed in range(6))
    layered_draws = [sizes(norm="layer", seed=seed).survival for seed in range(6)]
    factor = start.survival ** (-1 / 49)
    return [
        f"If each of fifty leaves a share of 0.7, then $0.7^{{50}} = {0.7**50 * 1e8:.1f}\\cdot 10^{{-8}}$ arrives",
        f"If each multiplies by 1.3, it is $1.3^{{50}} = {1.3**50 / 1e5:.1f}\\cdot 10^{{5}}$",
        f"of the gradient at layer 50, {plain(start.survival)} arrives at layer 1",
        '["about 1.1", "about 1.4", "about 1.9"]',
        f"49 factors of {factor:.3f} make {1 / start.survival:.1e}".replace("e+07", "e7"),
        f"At the start {plain(start.survival)} of the gradient is left",
        f"and the activations of layer 50 have size {plain(start.a[-1])}",
        f"**Twice the weights**: {plain(sizes(2.0).survival)}. (49 factors of 2 would make {plain(2.0**49 * start.survival)}; the error",
        f"at a weight scale of 1.4, it is {plain(sizes(1.4).survival)}, and at 1.45 already {plain(sizes(1.45).survival)}",
        f"It finds the place without you: {plain(clever.survival)}",
        f"and {plain(layered.survival)} is left. Now move the weight scale over its whole range: it stays between 1.4 and 1.6",
        f"in six draws layer norm leaves between {min(layered_draws):.1f} and {max(layered_draws):.1f}",
        f"with `sigmoid` and a weight scale of 0.1, {plain(sizes(0.1, 'sigmoid', 'layer').survival)} is left",
        f"and set the activation to `sigmoid`: {plain(low.survival)}",
        "all but the last, stay between 0.48 and 0.55",
        "0.7 each, and nothing arrives; 1.3 each, and it explodes",
        f"Where the {math.sqrt(2):.2f} comes from",
    ]


def check_yourself():
    assert 1e-9 / (1e-9 + 1e-8) == pytest.approx(1 / 11)
    return [
        "The gradients of a layer are about 1e-9",
        f"= 1/11$, or {1 / 11:.2f}",
        "A layer multiplies the gradient by 0.9",
        f"$0.9^{{100}}$ = {0.9**100:.1e}",
    ]


CLAIMS = [opening, the_bowl, a_millionth, not_repaired, one_figure, check_yourself]

test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)


# --- the map ---


def head(path):
    """Number, question, what is needed, minutes and those for the exercises, as the first cell of a notebook says them."""
    text = notebooks.source(notebooks.read(path)["cells"][0])
    number, question = re.match(r"# (\d\d) · (?:Start here\. )?(.+)", text).groups()
    time = r"\*\*You need\*\* (.*?)\*\*Time\*\* about (\d+) minutes, (\d+) of them for the exercises\."
    needs, minutes, exercises = re.search(time, text, re.S).groups()
    return number, question, re.findall(r"\b\d\d\b", re.sub(r"\]\([^)]*\)", "]", needs)), int(minutes), int(exercises)


def rows_of(text, folder=""):
    """Number, cells and minutes of a table's rows that begin with a notebook's number."""
    found = re.findall(rf"^\| \[?(\d\d)(?:\]\({folder}[^)]*\))? \| (.*) \| (\d+) min \|$", text, re.M)
    return {number: (cells.split(" | "), int(minutes)) for number, cells, minutes in found}


def test_the_map_says_what_the_notebooks_say():
    rows = rows_of(notebooks.prose(NOTEBOOK))
    assert len(rows) == len(notebooks.LESSONS) == 10
    total = practice = 0
    for path in notebooks.LESSONS:
        number, question, needs, minutes, exercises = head(path)
        total, practice = total + minutes, practice + exercises
        (asks, needed, *_), time = rows[number]
        assert (asks, time) == (question, minutes)
        assert re.findall(r"\d\d", needed) == sorted(needs), number
        assert f"| [{number}]({path.name}) |" in notebooks.prose(NOTEBOOK) or number == "00"
    together = f"Together that is {total} minutes, {practice} of them for the exercises, or about {round(total / 60)} hours"
    assert together in notebooks.prose(NOTEBOOK)


def test_the_readme_says_the_same_times_and_questions():
    rows = rows_of((notebooks.ROOT / "README.md").read_text(encoding="utf-8"), "notebooks/")
    assert "00" in rows
    for number, (cells, time) in rows.items():
        _, question, _, minutes, _ = head(notebooks.lesson(number))
        assert (cells[0], time) == (question, minutes), number


# --- the notation ---


def symbols():
    """Code and shape of every row of the notation's tables."""
    rows = re.findall(r"^\|[^|\n]*\| `([^`]+)` \| `(\([^`]*\))` \|", notebooks.prose(NOTEBOOK), re.M)
    assert len(rows) >= 35
    return rows


@functools.cache
def an_example():
    """Nets and passes under the names that the notation uses, with sizes that all differ."""
    N, n, l, D, H, T = 7, (5, 4, 3, 2), 2, 6, 8, 9
    rng = np.random.default_rng(0)
    net = MLP.create(n, rng, activation="tanh")
    trace, y, loss = net.forward(rng.standard_normal((N, 5))), np.eye(2)[rng.integers(2, size=N)], softmax_cross_entropy
    rnn = RNN.create(D, H, rng)
    rnn_trace = rnn.forward(rng.standard_normal((N, T, D)))
    return dict(N=N, n=n, l=l, L=3, D=D, H=H, t=3, net=net, trace=trace, y=y, loss=loss, rnn=rnn, rnn_trace=rnn_trace,
                gradients=net.backward(trace, loss.gradient(trace.a[-1], y)), weight_scale=1.0, norm=norm, rms=rms,
                rnn_gradients=rnn.backward(rnn_trace, np.ones((N, T, H))), spectra=spectra, paths=paths(), SGD=SGD,
                Momentum=Momentum, RMSProp=RMSProp, Adam=Adam, layer_norm=LayerNorm.create(n[l]))


@pytest.mark.parametrize("code, shape", symbols())
def test_every_symbol_is_in_the_library_and_has_its_shape(code, shape):
    assert np.shape(eval(code, an_example())) == eval(shape, an_example())


def test_the_notation_counts_as_it_says():
    names = an_example()
    net, trace, rnn, rnn_trace = names["net"], names["trace"], names["rnn"], names["rnn_trace"]
    np.testing.assert_allclose(trace.z[1], trace.a[1] @ net.weights[1].T + net.biases[1])
    slopes = rnn.activation.derivative(rnn_trace.z[:, 2])
    np.testing.assert_allclose(rnn.jacobian(rnn_trace, 2), slopes[:, :, None] * rnn.W_h)
