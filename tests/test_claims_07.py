"""Every number in the prose of notebook 07, computed again; test_claims_02 says how."""

import functools
import math

import claims
import notebooks
import numpy as np
import pytest

from livegrad.clipping import by_global_norm, global_norm
from livegrad.experiments import reber, recurrence, thresholds
from livegrad.experiments.bptt import SHORT, gradient_map, random_net, unrolled
from livegrad.experiments.expansion import expansion
from livegrad.experiments.influence import LONG, influence, trained_net
from livegrad.experiments.recurrence import STARTS, starts
from livegrad.experiments.spike import spike
from livegrad.experiments.temporal_order_card import PAPER, success
from livegrad.experiments.truncation import truncation
from livegrad.figures.eigenvalues import power_of_ten
from livegrad.figures.scene import plain
from livegrad.lstm import LSTM
from livegrad.optim import SGD
from livegrad.panels.recurrence import lambda_panel
from livegrad.rnn import RNN, SequenceModel
from livegrad.spectra import spectral_norm, spectral_radius

NOTEBOOK = notebooks.lesson("07")


def symbols(text):
    return np.array([[reber.SYMBOLS.index(s) for s in text]])


def percent(x, digits=2):
    return f"{100 * x:.{digits}g} %"


def nearest(x):
    """The nearest power of ten."""
    return f"1e{round(math.log10(x)):+03d}"


def pressed(panel, label):
    """What a panel shows after a press of one of its buttons."""
    (button,) = (button for button in panel.widget.children[1].children if getattr(button, "description", "") == label)
    button.click()
    return panel.result


@functools.cache
def net_of_section_3(scale, activation, dtype=np.float32):
    """One of three: norm of its gradient, what is left of the last error after each lag, its finite states, its cost."""
    text = np.random.default_rng(0).integers(0, 7, (1, 201))
    net = SequenceModel.create(7, 50, 7, np.random.default_rng(0), init="orthogonal", activation=activation, dtype=dtype)
    net.rnn.W_h *= scale
    trace = net.forward(text[:, :-1])
    last = net.gradient_norms(trace, text[:, 1:])[0, -1]
    finite = np.isfinite(trace.recurrent.h[0]).all(axis=1)
    size, cost = global_norm(net.backward(trace, text[:, 1:]).parameters()), net.cost(trace, text[:, 1:])
    return size, last[::-1] / last[-1], finite.sum(), cost


def opening():
    (sick, left, *_), (healthy, *_), (exploded, _, finite, _) = (
        net_of_section_3(*net) for net in ((0.5, "tanh"), (1.0, "tanh"), (2.5, "relu")))
    *_, cost = net_of_section_3(2.5, "relu", np.float64)
    assert left[150] == 0 and left[10] < 1e-3 and not math.isfinite(exploded)
    return [
        f"at step {finite + 1} its states are larger than float32 can hold",
        f"In float64 it would stay finite, with J = {cost.mean:.0e}",
        f"Its norm, {sick:.3f}, is as ordinary as the {healthy:.3f} of the second net",
        f"After 50 steps it has {left[50]:.0e} of the last symbol's gradient",
        f"float32 ends at {np.nextafter(np.float32(0), np.float32(1)):.1e}",
        "orthogonal times 0.5, 1 or 2.5",
    ]


def pairs():
    start, ten = unrolled(9, 2), unrolled(10, 2)
    vanish, sigmoid, explode = unrolled(9, 2, 0.5), unrolled(9, 2, 1.0, "sigmoid"), unrolled(9, 2, 2.0, "linear")
    assert vanish.bounds[1] < 1
    assert sum(unrolled(10, 2, seed=seed).shares[-3:].sum() > 0.7 for seed in range(10)) == 9  # no matter of seed 0 alone
    return [
        (
            f"The product of seven Jacobians has norm {plain(start.norms[1])}, far under its bound of {plain(start.bounds[1])}, "
            f"and the pair gives {percent(start.shares[1])} of"
        ),
        f"give {percent(ten.shares[9])}, {percent(ten.shares[8])} and {percent(ten.shares[7])} of the sum",
        f"the three last give {percent(start.shares[8])}, {percent(start.shares[7])} and {percent(start.shares[6])}",
        f"The product has norm {plain(vanish.norms[1])}. The bound is {plain(vanish.bounds[1])}, below 1",
        f"{plain(sigmoid.norms[1])}, and a bound of {plain(sigmoid.bounds[1])}, though the spectral radius is 1",
        f"The norm is {plain(explode.norms[1])}, and the states have grown as well. "
        f"The perplexity is {plain(explode.perplexity)}",
        "spectral radius 0.5",
        f"It is {percent(ten.shares[-3:].sum())} here, and at t = 9 it is {percent(start.shares[-3:].sum())}.",
        "more than 70 %",
        "about 30 %",
        "about 50 %",
    ]


def bounds():
    net = RNN.create(7, 50, np.random.default_rng(0))
    panel = lambda_panel()
    certain, first, anyway = (pressed(panel, name) for name in ("For certain", "Grows first", "Vanishes anyway"))
    panel.controls["input_scale"].value = 0.0
    still = panel.result
    W = np.array([[0.9, 5.0], [0.0, 0.9]])
    nilpotent = np.array([[2.0, 2.0], [-2.0, -2.0]])
    step = np.diag([1.0, 0.2]) @ nilpotent
    assert not np.any(nilpotent @ nilpotent) and np.linalg.norm([1, 0] @ np.linalg.matrix_power(step, 20)) > 10_000
    assert certain.sufficient and certain.measured[-1] < -18 and anyway.radius == anyway.norm == 1.24
    assert np.array_equal(still.W, anyway.W)
    return [
        f"random weights of spectral radius {spectral_radius(net.W_h):.2f}",
        f"The net above has $\\sigma_1 = {spectral_norm(net.W_h):.2f} > 1$",
        f"its $\\sigma_1$ is {spectral_norm(W):.2f}, and its $\\rho$ is {spectral_radius(W):.1f}",
        r"\begin{pmatrix}0.9 & 5\\ 0 & 0.9\end{pmatrix}",
        "where the slope is 0.2",
        "Shrink one, and diag(1, 0.2) W has the eigenvalue " + f"{abs(np.linalg.eigvals(step)).max():.1f}",
        (
            f"$\\gamma\\rho = {first.radius:.1f}$ and $\\gamma\\sigma_1 = {plain(first.norm)}$. The gradient grows to "
            f"{power_of_ten(first.measured.max())} at $\\ell = {first.peak}$, and at $\\ell = 60$ "
            f"it is down to {power_of_ten(first.measured[-1])}"
        ),
        f"$\\gamma\\sigma_1 = {plain(certain.norm)}$. The first statement applies, for any input, "
        f"and {power_of_ten(certain.measured[-1])} is left",
        f"$\\gamma\\sigma_1 = \\gamma\\rho = 1.24$, above 1, and yet {power_of_ten(anyway.measured[-1])}",
        f"the same $W_h$ explodes, to {power_of_ten(still.measured[-1])}",
    ]


def directions():
    start, symmetric, oblique = (expansion("real", 0.9, off, 20) for off in (1.0, 0.0, 3.0))
    assert start.norm[0] == pytest.approx(1) and start.difference < 1e-10 and symmetric.norm[20] <= 0.9**20 and oblique.norm[20] > 10
    return [
        "agree, to better than 1e-10",
        f"At 20 steps back it has {plain(start.norm[20])}. **Symmetric**: {plain(symmetric.norm[20])}",
        f"**Oblique**: {plain(oblique.norm[20])}",
        (
            f"It has {percent(start.share[0, 0], 3)} of the terms at the start, {percent(start.share[20, 0], 3)} after 20 steps "
            f"and {percent(start.share[60, 0], 3)} after 60"
        ),
    ]


def maps():
    @functools.cache
    def found(radius, activation="tanh", theta=1.0, tau=60):
        return gradient_map(50, tau, theta, radius, activation)

    start, sick, wild = found(0.9), found(1.0, "sigmoid"), found(1.5, "linear")
    cut, relu = found(1.5, "linear", tau=10), found(1.0, "relu")
    assert found(1.5).fates == found(2.0).fates == (0.0, 0.0) and found(2.0, "relu").fates[1] > 0 and start.fates[1] == 0
    assert found(0.9, theta=0.1).fates == start.fates
    return [
        f"and {percent(start.fates[0])} of all pairs have less than a thousandth left",
        (
            f"At 49 steps the bound is near {nearest(start.bound[-1])}, $\\rho^\\ell$ near {nearest(start.linear[-1])}, "
            f"and what is measured near {nearest(start.by_distance[1, -1])}"
        ),
        f"the whole gradient is multiplied by {plain(found(0.9, theta=0.1).factor)}",
        f"{percent(start.fates[0])} stay {percent(start.fates[0])}",
        f"**Vanish**, sigmoid: {percent(sick.fates[0])}",
        (
            f"the linear net at 1.5: {percent(wild.fates[1])} of the pairs have grown a thousandfold, "
            f"the gradient has norm {plain(wild.gradient)}, and clipping at 1 multiplies it by {plain(wild.factor)}"
        ),
        f"the norm is still {plain(cut.gradient)}",
        f"{percent(found(0.5).fates[0])} vanish at 0.5, {percent(found(1.0).fates[0])} at 1, none at 1.5",
        f"at 1 it loses {percent(relu.fates[0])} of the pairs",
        "the spectral radius is 0.9",
        "from 1 to 0.1",
    ]


def cutting():
    @functools.cache
    def cut(radius):
        return truncation(50, 5, radius)

    start, short, long = cut(1.4), cut(0.7), cut(1.5)
    model = random_net(0, 8, 1.0)
    text = symbols(SHORT)
    trace = model.forward(text[:, :-1])
    whole, three = (model.backward(trace, text[:, 1:], tau=tau).recurrent.dW_h for tau in (None, 3))
    cosine = np.sum(whole * three) / np.linalg.norm(whole) / np.linalg.norm(three)
    others = [truncation(50, 5, 1.4, seed=seed).cosine[5] for seed in range(1, 10)]
    assert short.cosine[5] > 0.9995
    return [
        f"$\\tau = 3$ gave a cosine of {cosine:.3f}. Now the spectral radius is 1.4",
        f"In this net it is {start.cosine[5]:.3f}, with nine other seeds {min(others):.2f} to {max(others):.2f}.",
        (
            f"At $\\tau = 5$ the truncated gradient has a cosine of {plain(start.cosine[5])} with the whole one "
            f"and {plain(start.length[5])} of its length. "
            f"It costs {start.products[5]} products with a Jacobian; the whole gradient costs {start.chunk_products[-1]}."
        ),
        (f"Chunks of 6 steps cost {start.chunk_products[5]}, and their cosine is {plain(start.chunk_cosine[5])}"),
        f"With $\\tau = 20$ the cosine is {plain(start.cosine[20])}, for {start.products[20]} products",
        f"**Long memory**, 1.5: {plain(long.cosine[5])}",
        "**Short memory**, $\\rho = 0.7$",
        "above 0.99",
        "about 0.8",
    ]


def spikes():
    half, start, forgets, keeps, tiny = (
        spike(*case) for case in ((100, 5, 0.5), (100, 5, 0.8), (100, 5, 0.3), (100, 5, 1.0), (0.01, 5, 1.0))
    )
    bias, times = spike(100, 5, 0.8, "bias"), math.log(0.5) / math.log(0.8)
    assert start.feedforward_drowned == 1 and keeps.drowned == 36 and keeps.share[-1] > 0.995
    return [
        f"With $w_1 = 0.5$ the spike's share stays over half for {half.drowned} steps. With $w_1 = 0.8$",
        f"ln 0.5 is {times:.1f} times ln 0.8, and {half.drowned} · {times:.1f} is {half.drowned * times:.0f}",
        (
            f"With $w_1 = 0.8$ the spike makes up more than half of the gradient for {start.drowned} steps, "
            f"and at step 40 it still has "
            f"{percent(start.share[-1])}"
        ),
        f"is under its rule for {bias.drowned} steps",
        f"**Forgets**, $w_1 = 0.3$: {forgets.drowned} steps",
        "to the end, nearly 100 % at step 40",
        f"its share is {percent(tiny.share[-1])} at the end",
    ]


def at_the_start():
    @functools.cache
    def there(scale=1.0, inputs=0.1, length=50):
        found = starts(scale, inputs, length)
        return {name: found.there(name) for name in STARTS}

    wide, start = there(inputs=1.0), there()
    small, large = ([power_of_ten(there(scale, inputs)["layer norm"][0]) for scale in (0.8, 1.4)] for inputs in (0.1, 1.0))
    seeds = [starts(1.0, 0.1, 50, seed) for seed in range(10)]
    normed, gaussian = ([found.there(name)[i] for found in seeds] for name, i in (("layer norm", 0), ("Gaussian", 1)))
    assert wide["orthogonal"][1] < -15 and min(normed) == normed[0] and min(gaussian) == gaussian[0]
    assert all(found.there("identity").tolist() == [0.0, 0.0, -np.inf] for found in seeds)
    net = RNN.create(7, 50, np.random.default_rng(0), init="identity", activation="relu")
    product = net.jacobian_product(net.forward(np.random.default_rng(1).integers(0, 7, (1, 41))), 40, 0)[0]
    assert set(np.unique(product)) == {0.0, 1.0}
    assert there(1.4)["identity"][0] == pytest.approx(50 * math.log10(1.4))
    return [
        (
            f"At input scale 1 the median of the orthogonal start is {power_of_ten(wide['orthogonal'][1])} after 50 steps. "
            f"At 0.1, where the panel "
            f"opens, it is {power_of_ten(start['orthogonal'][1])}"
        ),
        (
            f"Gaussian weights of the same scale have {power_of_ten(gaussian[0])}, "
            f"and with nine other seeds up to {power_of_ten(max(gaussian))}"
        ),
        f"more than half here, {product.trace():.0f} of 50 in the cell below",
        f"**Large**, scale 1.4, makes the largest {power_of_ten(there(1.4)['identity'][0])}, and 1.4 to the power 50 is just",
        (
            f"Its largest singular value is {power_of_ten(normed[0])} with this seed, "
            f"and up to {power_of_ten(max(normed))} with nine others"
        ),
        f"on the scale of $W_h$: {small[0]} at 0.8, {small[1]} at 1.4",
        f"With input scale 1 it does: {large[0]} and {large[1]}",
        "below 1e-15",
        "about 0.001",
    ]


FIRST_WEIGHTS, FIRST_STRINGS, *_ = map(int, np.random.SeedSequence(0).generate_state(4))  # as `reber.train` does for seed 0


@functools.cache
def language_run(**options):
    *_, last = reber.train(**options)
    return last


def language():
    run, cut = language_run(), language_run(tau=2)
    wild = language_run(radius=3.0)
    # "a perplexity of about 1.7 … about four of five strings … about two of three texts": rounding is amplified at this radius
    assert 1.63 < wild.perplexity[-1] < 1.75 and 0.72 < wild.recall[-1] < 0.88 and 0.57 < wild.legal < 0.76
    assert run.clipped == 1 and run.taken == 600 and abs(cut.recall[-1] - 0.5) < 0.1
    net, optimizer, rng = reber.model(FIRST_WEIGHTS, radius=0.1), SGD(1.0), np.random.default_rng(FIRST_STRINGS)
    for _ in range(100):
        drawn = reber.strings(32, rng)
        gradients = net.backward(net.forward(drawn.inputs), drawn.targets, drawn.mask).parameters()
        optimizer.step(net.parameters(), by_global_norm(gradients, 1.0)[0])
    best, forgetful = (math.exp(k / 11 * math.log(2)) for k in (7, 8))
    assert math.isclose(best, math.exp(reber.BEST_LOSS)) and math.isclose(forgetful, math.exp(reber.FORGETFUL_LOSS))
    return [
        f"\\ln 2}} = {best:.3f}",
        f"\\ln 2}} = {forgetful:.3f}",
        f"they reach perplexity {run.perplexity[-1]:.2f}",
        (
            f"The run ends at perplexity {run.perplexity[-1]:.2f}, where {run.best:.2f} is the best possible, "
            f"and the long-range symbol is "
            f"known in {percent(run.recall[-1], 3)}"
        ),
        f"**Sent back 2 steps**: perplexity {cut.perplexity[-1]:.2f}",
        "a perplexity of about 1.7",
        f"all five end above perplexity {forgetful:.3f}",
        f"about {cut.perplexity[-1]:.2f}",
        f"{run.perplexity[-1]:.2f} as before",
        "radius 0.5, orthogonal",
        "A start at radius 0.1",
        f"to a radius of {spectral_radius(net.rnn.W_h):.2f} in the first 100 updates",
        f"is worth is {forgetful - best:.1f} of",
        "At learning rate 0.1, clipped",
    ]


def strip():
    trained, random, orthogonal = (influence(net, 24, 2) for net in ("trained", "random", "orthogonal"))
    net, x = trained_net(), symbols(LONG)[:, :-1]
    product = net.rnn.jacobian_product(net.forward(x).recurrent, 23, 1)[0]
    assert trained.relative[1] < 1e-5 and max(random.change[1], orthogonal.change[1]) < 2e-3
    return [
        f"It says with {percent(trained.right, 3)} that",
        f"It is {trained.relative[1]:.0e} of the largest",
        f"irrelevant: {plain(trained.relative[1])} of the largest",
        f"The spectral radius of its $W_h$ is {spectral_radius(net.rnn.W_h):.1f}, "
        f"and yet the product of its 22 Jacobians has norm {spectral_norm(product):.1e}",
        f"falls from {percent(trained.right, 3)} to {percent(trained.replaced[1], 3)}",
        f"{plain(random.relative[1])} and {plain(orthogonal.relative[1])} of their largest",
    ]


def card():
    rows, slow = success(0.1), success(0.01)
    trials = thresholds.load()
    for threshold in (1.0, math.inf):
        assert trials.solved[trials.rows(start="sparse", learning_rate=0.01, max_norm=threshold)].tolist() == [True] * 5
    assert thresholds.LENGTH == 30 and thresholds.UPDATES == 2 * slow.budget == 40_000 and rows.needed[0, 1, 0] == 1200
    at_paper_rate = [", ".join(map(str, counts)) for counts in slow.solved]
    assert np.abs(np.diff(slow.solved, axis=0)).max() == 2 and PAPER["updates"] / slow.budget == 250
    with_it, without = (", ".join(map(str, counts)) for counts in rows.solved)
    longer = [trials.solved[trials.rows(start="normal", learning_rate=0.01, max_norm=e)].sum() for e in (1.0, math.inf)]
    assert rows.solved[1].tolist()[:3] == [5, 2, 0] and rows.solved[0].tolist()[:4] == [5, 5, 5, 5]
    return [
        f"at rate 0.1: {with_it} of 5 seeds with clipping, {without} without",
        f"50 runs took {rows.seconds:.0f} s at rate 0.1 and {slow.seconds:.0f} s at 0.01",
        "30 symbols, learning rate 0.1",
        "weights from N(0, 0.1), or sparse",
        "spectral radius 0.95",
        "learning rate 0.01, no momentum",
        "learning rate 0.1 besides",
        f"At the paper's own rate, 0.01, it is {at_paper_rate[0]} of five seeds with clipping and {at_paper_rate[1]} without",
        f"(Notebook 05 counted {longer[0]} and {longer[1]} at {thresholds.LENGTH} symbols: it allowed {thresholds.UPDATES:,} updates, "
        f"here it is {slow.budget:,}.)",
        "below 1 % wrong",
        "below 1 % of 1000",
    ]


def gated():
    @functools.cache
    def found(bias, scale=1.0):
        gates = recurrence.gates(bias, scale, 50)
        return [power_of_ten(gates.there(curve)) for curve in (gates.tanh, gates.lstm)] + [
            power_of_ten(gates.there(gates.additive)[1])
        ], gates

    (tanh, lstm, path), usual = found(1.0)
    (_, whole, kept), _ = found(5.0)
    (grown, calm, _), _ = found(5.0, 3.0)
    (_, shut, _), sick = found(-2.0)
    assert sick.there(sick.lstm) < sick.there(sick.tanh)
    seeds = [recurrence.gates(5.0, 3.0, 50, seed) for seed in range(10)]
    gated, plain_net = (np.array([gates.there(getattr(gates, name)) for gates in seeds]) for name in ("lstm", "tanh"))
    assert (gated > 0).all() and (gated < math.log10(30)).all() and gated[0] == gated.min() and (plain_net < gated).sum() == 3
    assert all(gates.additive.max() <= 0 for gates in seeds)
    net = LSTM.create(7, 50, np.random.default_rng(0), forget_bias=4.0)
    trace = net.forward(np.eye(7)[np.random.default_rng(1).integers(0, 7, (1, 41))])
    product = functools.reduce(np.matmul, (net.jacobian(trace, t)[0] for t in range(40, 0, -1)))
    assert f"{np.linalg.norm(product, 2):.0f}" == "40"
    mean = f"{usual.forget.mean():.3f}"
    return [
        f"has norm {grown}. An LSTM",
        f"It is {calm}, and up to {power_of_ten(gated.max())} with nine other seeds",
        f"its product lies between {power_of_ten(plain_net.min())} and {power_of_ten(plain_net.max())} over ten seeds",
        f"over 50 steps the tanh net has {tanh}, the LSTM {lstm}",
        f"its additive path gives alone, {path} in the middle",
        f"The mean gate is {mean}. Its power ${mean}^{{50}}$ is {float(mean) ** 50:.1e}",
        f"the path keeps {kept} in the middle, and the whole product is {whole}",
        f"bias −2: {shut}",
        "one below 1e-3",
    ]


def check_yourself():
    return [
        "$\\|W_h\\|_2 = 0.9$",
        "$\\|W_h\\|_2 = 1.1$",
        "spectral radius 0.9. Can",
        "norms near 0.3",
        "the bound is $0.9^\\ell$. And no: 1.1 is",
        "has $f = 0.5$",
        f"$0.5^{{20}}$, about {0.5**20:.0e}",
    ]


CLAIMS = [opening, pairs, bounds, directions, maps, cutting, spikes, at_the_start, language, strip, card, gated, check_yourself]

test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)


def test_the_long_range_symbol_lies_five_steps_back_at_least():
    texts = reber.strings(2000, np.random.default_rng(0))
    assert (texts.asked - 1).min() == 5


KNOWN = [  # how many of five seeds know the long-range symbol after 600 updates
    ({"tau": 2}, 0),
    ({"tau": 5}, 5),
    ({"radius": 0.5}, 5),
    ({"radius": 0.1}, 4),
    ({"start": "orthogonal"}, 5),
    ({"start": "layer_norm"}, 5),
    ({"learning_rate": 3}, 5),
    ({"start": "identity"}, 1),
    ({"start": "identity", "max_norm": math.inf}, 0),
    ({"start": "identity", "learning_rate": 0.1}, 4),
]


@pytest.mark.slow
@pytest.mark.parametrize("options, count", KNOWN, ids=str)
def test_how_many_of_five_seeds_learn_the_long_range_symbol(options, count):
    runs = [language_run(seed=seed, **options) for seed in range(5)]
    # With the identity start training is chaotic, and another processor may change the fate of a seed.
    assert abs(sum(run.recall[-1] > 0.95 for run in runs) - count) <= ("identity" in options.values()), [
        run.recall[-1] for run in runs
    ]


@pytest.mark.slow
def test_the_identity_start_that_knows_the_symbol_is_worse_than_no_memory():
    for seed in range(5):
        run = language_run(seed=seed, start="identity", learning_rate=0.1)
        assert run.perplexity[-1] > math.exp(reber.FORGETFUL_LOSS) and run.legal < 0.5


@pytest.mark.slow
def test_without_clipping_a_learning_rate_of_three_ends_in_the_thousands():
    assert all(not language_run(seed=seed, learning_rate=3, max_norm=math.inf).perplexity[-1] < 1000 for seed in range(5))
