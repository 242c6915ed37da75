"""Every number in the prose of notebook 01, computed again; test_claims_02 says how."""

import functools
import math

import claims
import notebooks
import numpy as np
import pytest

from livegrad import activations
from livegrad.data import load_digits
from livegrad.experiments.activations import activation_table
from livegrad.experiments.dead import count_dead
from livegrad.experiments.planes import TwoLayers
from livegrad.experiments.rounding import slope_digits
from livegrad.experiments.uniform import UniformLayer
from livegrad.experiments.zigzag import zigzag
from livegrad.mlp import MLP

NOTEBOOK = notebooks.lesson("01")
TABLE = activation_table()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def slope(name, z):
    """By central difference, from the function alone."""
    phi, h = activations.get(name), 1e-5
    return (phi(z + h) - phi(z - h)) / (2 * h)


@functools.cache
def layer(low, high, activation="sigmoid", fan_in=64):
    return UniformLayer(0).response(fan_in, low, high, activation)


@functools.cache
def trained(bias=0.0, learning_rate=0.3, activation="relu", seed=0):
    return list(count_dead(bias, 1.4, learning_rate, activation, seed))


def in_words(fraction, words):
    """The first of the words whose bounds hold the fraction."""
    return next(word for word, (low, high) in words.items() if low <= fraction <= high)


def percent(x):
    return f"{100 * x:.3g} %"


def opening():
    net = MLP.create([64, *[100] * 9, 10], np.random.default_rng(0), activation="linear")
    images = load_digits().images
    W = np.random.default_rng(0).uniform(2, 5, (100, 64))
    a = sigmoid(images @ W.T)
    assert (a * (1 - a)).max() < 1e-14
    digits = in_words(-np.log10((a * (1 - a)).max()), {"fourteen": (14, 15)})
    return [f"A net of ten layers has {sum(w.size for w in net.weights):,} weights", f"one matrix of {64 * 10} numbers",
            f"to {digits} digits, nothing of an error", f"on {len(images)} handwritten digits of {images.shape[1]} pixels",
            "from 2 to 5 where −0.5 to 0.5 would have done",
            f"drag a point along {in_words(len(TABLE.rows), {'ten': (10, 10)})} activation functions"]


def collapsing():
    linear = [TwoLayers("rings", "linear", hidden).collapse() for hidden in (1, 2, 8, 32)]
    (share,) = {percent(round(c.two.accuracy, 2)) for c in linear}
    assert all(c.same for c in linear) and [c.rank for c in linear] == [1, 2, 2, 2]
    bent, moons = TwoLayers("rings", "sigmoid", 8).collapse(), TwoLayers("moons", "linear", 8).collapse()
    return [f"{share} are right at 8 hidden units, and at 1, and at 32",
            f"cuts a piece off the ring gets {percent(best_line(linear[0].points))} right",
            in_words(linear[1].two.accuracy, {"about half": (0.4, 0.6)}),
            f"and {percent(bent.two.accuracy)} are right. On the right are the same trained weights with the sigmoid left out: "
            f"{percent(bent.one.accuracy)}",
            f"**No activation**: {percent(round(moons.two.accuracy, 2))}"]


def best_line(points):
    """The most points that any straight line gets right, of 720 directions."""
    best = 0
    for angle in np.linspace(0, np.pi, 720, endpoint=False):
        labels = points.labels[np.argsort(points.x @ (np.cos(angle), np.sin(angle)))]
        right = np.append(0, np.cumsum(2 * labels - 1)) + np.sum(labels == 0)  # class 1 before the cut, class 0 after
        best = max(best, right.max(), len(labels) - right.min())
    return best / len(labels)


def slopes():
    edge = next(z for z in np.arange(0, 100, 0.01) if slope("sigmoid", z) < 0.01 * 0.25)
    assert round(edge) == 6 and slope("sigmoid", 0.0) == pytest.approx(0.25)
    z = np.linspace(-8, 8, 161)
    np.testing.assert_allclose(np.tanh(z), 2 * sigmoid(2 * z) - 1, atol=1e-12)
    np.testing.assert_allclose(slope("tanh", z), 4 * slope("sigmoid", 2 * z), atol=1e-9)
    return [f"near z = {edge:.0f}", f"at z = 6 the slope is {slope('sigmoid', 6.0):.2e}, a hundredth of ¼",
            "fallen to 1 % of that",
            f"e^-6 is {math.exp(-6):.4f}: a hundredth of a quarter", f"it is at {sigmoid(6.0):.3f}",
            f"only {slope('sigmoid', 6.0):.2e} is passed back",
            f"gone sooner: {slope('tanh', 3.0):.2e} at z = 3", f"around z = 1.4, where its slope is {slope('gelu', 1.4):.2f}",
            f"around z = −1.4, with −{-slope('gelu', -1.4):.3f}"]


def saturation():
    small, positive, large, far = layer(-0.5, 0.5), layer(0, 0.5), layer(-5, 5), layer(2, 5)
    fewer = {n: layer(0, 0.5, fan_in=n) for n in (64, 40, 30, 20)}
    assert far.passed_back == 0
    tail = np.exp(-np.abs(far.z))
    on_paper = np.sqrt(np.mean((tail / (1 + tail) ** 2) ** 2))
    formula = 3 / math.sqrt(12) * math.sqrt(64 * np.mean(load_digits().images ** 2))
    within = np.std(load_digits().images @ np.random.default_rng(0).uniform(2, 5, (100, 64)).T, axis=1).mean()
    assert f"{within:.1f}" == f"{far.z.std(axis=1).mean():.1f}"
    even, _ = np.histogram(large.z, np.arange(-30, 31, 4))
    assert np.all(np.diff(even)[:7] > 0) and np.all(np.diff(even)[7:] < 0)  # one hump
    sizes = {name: layer(0, 0.5, name).passed_back for name in ("sigmoid", "tanh", "relu")}
    for name, size in sizes.items():
        assert size == pytest.approx(np.sqrt(np.mean(slope(name, layer(0, 0.5, name).z) ** 2)), rel=1e-4)
    z = np.linspace(0, 10, 10_001)
    edge = z[np.argmax(slope("sigmoid", z) < 0.05 * 0.25)]
    # The two formulas, against many draws for one image.
    image = load_digits().images[0]
    z = np.random.default_rng(0).uniform(-1, 3, (20_000, 64)) @ image
    assert z.mean() == pytest.approx(64 * 1 * image.mean(), rel=0.01)
    assert z.std() == pytest.approx(4 / math.sqrt(12) * math.sqrt(64 * np.mean(image**2)), rel=0.02)
    return [f"z has standard deviation {small.z.std():.2f}, {percent(small.saturated)} are saturated, "
            f"and a message of size 1 is passed back with size {small.passed_back:.3f}",
            f"the mean of z is {far.z.mean():.1f}, {percent(far.saturated)} are saturated, and the size is 0 (rounded). "
            f"On paper it is {on_paper:.0e}",
            f"standard deviation is {far.z.std():.2f} and not {formula:.1f} as in the formula",
            f"Within one digit it is {within:.1f} on average",
            f"all small, and {percent(positive.saturated)} are saturated", f"and it is {percent(large.saturated)}",
            in_words(positive.saturated, {"about three quarters": (0.7, 0.8)}), f"add up to a z near {positive.z.mean():.0f}",
            f"{percent(fewer[40].saturated)} at 40 inputs, {percent(fewer[30].saturated)} at 30, {percent(fewer[20].saturated)} at 20",
            "nearly proportional to $n$: " + ", ".join(f"{seen.z.mean():.2f}" for seen in fewer.values()),
            f"leaves a sigmoid layer with {sizes['sigmoid']:.3g}, tanh with {sizes['tanh']:.2e}, ReLU with {sizes['relu']:.3g}",
            f"For the sigmoid that is beyond ±{edge:.1f}", "weights from 0 to 0.5", "at 0 to 0.5", "slope is below 5 % of the steepest",
            "at which the slope is below 5 % of the steepest"]


def rounding():
    true = math.exp(-40) / (1 + math.exp(-40)) ** 2
    assert sigmoid(40.0) == 1 and sigmoid(36.0) < 1 == sigmoid(37.0)
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isinf(np.exp(710.0)) and np.isfinite(np.exp(709.0)) and np.isnan(np.exp(800.0) / (1 + np.exp(800.0)))
    gone = {p: slope_digits("a(1-a)", p, 0) for p in ("float32", "float64")}
    ends = {p: next(z for z in run.grid[run.grid > 0] if not run.computed[run.grid == z]) for p, run in gone.items()}
    other = slope_digits("e^-z", "float32", 0)
    zero, lost = other.grid[(other.computed == 0) & (other.grid < 0)].max(), other.grid[np.isnan(other.computed)].max()
    assert slope_digits("e^-|z|", "float64", 40).digits.round().min() == 16
    return [f"the computed slope is 0 and the true one {true:.2e}", f"does not learn with {true:.2e} either",
            f"a 0 that should be {true:.2e} is",
            f"each unit of z costs {math.log10(math.e):.2f} of a digit. At z = 20 there are 7 left, "
            f"and from z = {ends['float64']:.0f} on none",
            f"they are gone from z = {ends['float32']:.0f} on", f"Left of −{-math.ceil(zero):.0f} its denominator",
            f"From −{-lost:.0f} on $\\mathrm{{e}}^{{-z}}$ overflows",
            rf"On paper $\sigma'(40)$ is ${true:.1e}".replace("e-18", r"\cdot 10^{-18}"), "For $z$ below −709 it overflows",
            rf"$\sigma(20) = {math.floor(1e10 * sigmoid(20.0)) / 1e10}$",
            in_words(gone["float64"].digits[gone["float64"].grid == 20], {"about 7": (6.5, 7.5)}),
            f"1 - a is {1 - sigmoid(20.0):.0e}, but a is known to {np.finfo(float).eps / 2:.0e} only".replace("e-0", "e-"),
            "0 by rounding from $z = 37$"]


def dying():
    healthy, large, negative = trained()[-1], trained(learning_rate=0.8), trained(bias=-1.0)[-1]
    first, second = large[-1].dead.T
    assert np.all(np.diff(first) >= 0)  # never one that comes back, in the layer that reads pixels
    assert (np.diff(second) < 0).sum() > 3
    half = in_words(first[large[-1].at == 150].item(), {"about half of layer 1": (0.42, 0.58)})
    relu, leaky, elu = ([trained(-2.0, 0.1, name, seed)[-1] for seed in range(5)] for name in ("relu", "leaky_relu", "elu"))
    assert not np.any([run.dead[-1] for run in leaky]) and min(run.accuracy for run in elu) > 0.8
    (ends,) = {f"{100 * run.accuracy:.0f} %" for run in relu + leaky}
    assert trained(-2.0, 0.1)[0].dead[0].min() > 0.8
    assert healthy.dead[-1][0] == 0
    return [f"at learning rate 0.3 it gets {100 * healthy.accuracy:.0f} % of the test digits right", "At 0.8 it still gets 95 %",
            "learning rate 0.1 the net",
            f"Within 150 steps {half} is dead", in_words((large[-1].activity[0] > 0.01).sum(), {"only about 15 units are active": (12, 18)}),
            f"you pay for 50 units and use {in_words((large[-1].activity[0] > 0).sum(), {'about 25': (21, 29)})}",
            f"every seed ends at {ends}, as with ReLU", f"at $z = -2$ is still {math.exp(-2):.3f}",
            f"and {in_words(large[-1].accuracy, {'95 %': (0.935, 0.965)})} of the test digits are right",
            f"at −1, {100 * negative.dead[-1][0]:.0f} % of layer 1 and {100 * negative.dead[-1][1]:.0f} % of layer 2 are dead",
            f"image: {100 * negative.accuracy:.0f} % are right because the net says the same digit every time",
            in_words(first[-1], {"half of the units die": (0.44, 0.56)}),
            "with a slope of 0.01 leave 0.0001 of the message", "| $\\max(z, 0.01\\,z)$ | 0.01 |",
            "0.01 for leaky ReLU", *over_ten_seeds()]


def over_ten_seeds():
    large = [trained(learning_rate=0.8, seed=seed)[-1] for seed in range(10)]
    negative = [trained(bias=-1.0, seed=seed)[-1] for seed in range(10)]
    assert not any(trained(seed=seed)[-1].dead[-1][0] > 1 / 8 for seed in range(10))
    first = [run.dead[-1][0] for run in large]
    *worst, third = sorted(run.accuracy for run in large)[:3]
    assert worst[1] < 0.9 and third > 0.94
    assert [seed for seed, run in enumerate(negative) if run.accuracy > 0.1] == [3]
    assert all(run.dead[-1][1] > 0.9 for seed, run in enumerate(negative) if seed != 3) and negative[3].dead[-1][1] < 0.5
    born = 50 * trained(bias=-1.0)[0].dead[0][0]
    return [f"Before training {born:.0f} units of layer 1 are dead",
            in_words(min(first), {"(other seeds: from about a fifth": (0.15, 0.25)}),
            in_words(max(first), {"to about three quarters)": (0.7, 0.8)}),
            "in two it shows, and fewer than 90 % are right"]


def test_leaky_relu_says_the_same_digit_for_every_image_and_little_of_them_is_left_on_the_way_up():
    x = load_digits().images
    shares = np.bincount(load_digits().labels[::5]) / len(x[::5])
    for seed in range(5):
        assert np.abs(shares - trained(-2.0, 0.1, "leaky_relu", seed)[-1].accuracy).min() < 1e-9
    a, rng = x, np.random.default_rng(np.random.SeedSequence(0).spawn(1)[0])
    for n_in in (64, 50):
        z = a @ (1.4 / math.sqrt(n_in) * rng.standard_normal((50, n_in))).T - 2
        a = np.where(z > 0, z, 0.01 * z)
    assert a.std(axis=0).max() < 1e-4


def the_friends():
    selu = activations.get("selu")
    scale, alpha = float(selu(1.0)), float(-selu(-50.0) / selu(1.0))
    z = np.linspace(-4, 4, 81)
    np.testing.assert_allclose(selu(z), scale * np.where(z > 0, z, alpha * np.expm1(z)), atol=1e-12)
    np.testing.assert_allclose(activations.get("leaky_relu")(z), np.maximum(z, 0.01 * z))
    np.testing.assert_allclose(slope("softplus", z), sigmoid(z), atol=1e-8)
    np.testing.assert_allclose(slope("elu", z[z < -0.01]), np.exp(z[z < -0.01]), atol=1e-8)
    z = np.linspace(-8, 8, 16_001)
    by_tanh = np.abs(z / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))) - activations.get("gelu")(z)).max()
    assert slope("gelu", -2.0) < 0 > slope("silu", -2.0)
    assert [row.name for row in TABLE.rows if row.can_die] == ["relu"] and sum(row.max_slope > 1.001 for row in TABLE.rows) == 3
    return [f"{scale:.4f} times: $z$, and ${alpha:.4f}\\,(\\mathrm{{e}}^z-1)$ for $z<0$ | ${scale * alpha:.3f}\\,\\mathrm{{e}}^z$; a kink at 0",
            f"below 0 from −{-turn('gelu'):.3f} leftward", f"below 0 from −{-turn('silu'):.2f} leftward",
            f"changes GELU by less than {in_words(by_tanh, {'0.0005': (0.0004, 0.0005)})}"]


def turn(name):
    """Where the function is lowest."""
    z = np.linspace(-3, 0, 300_001)
    return z[activations.get(name)(z).argmin()]


def around_zero():
    images = load_digits().images - load_digits().images.mean(axis=0)
    Z = images @ np.random.default_rng(0).standard_normal((100, 64)).T / 8
    means = {"sigmoid": sigmoid(Z).mean(), "tanh": np.tanh(Z).mean(), "relu": np.maximum(Z, 0).mean()}
    assert abs(TABLE["selu"].mean) < 1e-6 and TABLE["selu"].gain == pytest.approx(1, abs=1e-6)
    assert abs(means["tanh"]) < 0.0005 and abs(means["sigmoid"] - 0.5) < 0.0005
    needed = {low: np.median([steps_needed(low, 1, seed) for seed in range(5)]) for low in (0, -1)}
    x = np.random.default_rng(0).uniform(0, 1, (10**6, 2)) @ (1, -1) / math.sqrt(2)
    assert np.mean(x**2) == pytest.approx(1 / 12, rel=0.01)
    return ["gives 0.5 on average", f"ReLU, mean {means['relu']:.3f}",
            in_words(needed[0] / needed[-1], {"four or five times as many": (4, 5)}),
            f"arrives after {needed_by(0.5)} steps",
            f"it arrives after {needed_by(0.0)} steps, of which {percent(round(zigzag(0.0, 0.5).together, 2))} are so",
            f"going together is the way: {zigzag(0.5, 0.5, (1, 1)).needed} steps",
            f"medians\nare {needed[0]:.0f} and {needed[-1]:.0f}"]


def needed_by(center):
    run = zigzag(center, 0.5)
    assert center == 0 or run.together == 1
    return run.needed


def steps_needed(low, high, seed):
    rng, w = np.random.default_rng(seed), [0.0, 0.0]
    for step in range(1, 10_000):
        x = rng.uniform(low, high, 2)
        error = (w[0] - 1) * x[0] + (w[1] + 1) * x[1]
        w = [w[0] - 0.5 * error * x[0], w[1] - 0.5 * error * x[1]]
        if math.hypot(w[0] - 1, w[1] + 1) < 0.01:
            return step
    return None


CLAIMS = [opening, collapsing, slopes, saturation, rounding, dying, the_friends, around_zero]

test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)


def test_a_sum_of_uniform_weights_in_the_notebook_goes_as_the_formula_says():
    """The printed line 'formula' of section 3, against the mean over ten draws."""
    images = load_digits().images
    means = [(images @ np.random.default_rng(seed).uniform(2, 5, (100, 64)).T).mean() for seed in range(10)]
    assert np.mean(means) == pytest.approx(64 * 3.5 * images.mean(), rel=0.005)
