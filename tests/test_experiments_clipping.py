"""The measurements behind notebook 05: one gradient, the cliff, a deep net; the recurrent ones are in test_temporal_order.py."""

import math

import numpy as np
import pytest

from livegrad.experiments.clipping import SOURCES, NormsSeen, RandomGradients, compare_schemes, norms_seen, train_digits
from livegrad.experiments.cliff import cliff_gradient, cliff_surface, descend_cliff
from livegrad.experiments.gradients import DeepNet
from livegrad.gradcheck import numerical_gradient
from livegrad.losses import softmax_cross_entropy
from livegrad.optim import SGD, Adam
from livegrad.rnn import RNN

# --- one gradient ---


@pytest.fixture(scope="module")
def draws():
    return RandomGradients(largest=1000, count=100)


def test_the_gradient_of_two_entries_is_clipped_both_ways(draws):
    clips = draws.clip([3.0, -1.0], threshold=2.0)
    np.testing.assert_allclose(clips.by_norm, np.array([3.0, -1.0]) * 2 / math.sqrt(10))
    np.testing.assert_allclose(clips.by_value, [2.0, -1.0])
    np.testing.assert_allclose(clips.unit, np.array([3.0, -1.0]) / math.sqrt(10))
    assert clips.turn == pytest.approx(math.degrees(math.atan2(1, 2) - math.atan2(1, 3)))


def test_in_the_plane_clipping_by_value_turns_by_less_than_45_degrees(draws):
    turns = [draws.clip([x, y], threshold=e).turn for x in (0.1, 1, 4) for y in (0.1, 0.5, 4) for e in (0.01, 0.1, 1)]
    assert max(turns) < 45 and draws.clip([4.0, 0.01], threshold=0.01).turn > 44.8


@pytest.mark.parametrize("threshold", [0.05, 0.5, 1.0, 2.0])
def test_the_cosine_of_gaussian_gradients_is_the_one_of_the_formula(draws, threshold):
    """E[g clip(g)] = P(|g| < ε) by Stein's lemma, and E[clip(g)²] = P − 2εφ(ε) + ε²(1 − P), for g standard normal."""
    inside = math.erf(threshold / math.sqrt(2))
    density = math.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
    square = inside - 2 * threshold * density + threshold**2 * (1 - inside)
    measured = draws.clip([1.0, 1.0], threshold, entries=1000, tail=0.0).cosine_there
    assert measured == pytest.approx(inside / math.sqrt(square), abs=0.003)


@pytest.mark.parametrize("tail", [0.0, 0.5, 1.0])
def test_a_small_threshold_leaves_only_signs_and_a_heavy_tail_turns_more(draws, tail):
    """cos → E|g|/√E[g²] = √(2/π) exp(−tail²/2), for very many entries; with 1000 the largest are still missing."""
    measured = draws.clip([1.0, 1.0], 1e-4, entries=1000, tail=tail).cosine_there
    assert measured == pytest.approx(math.sqrt(2 / math.pi) * math.exp(-(tail**2) / 2), rel=0.002 + 0.03 * tail)


def test_no_gradient_falls_below_one_over_root_n(draws):
    for tail in (0.0, 1.0, 2.0):
        for threshold in (0.01, 0.3, 3.0):
            clips = draws.clip([2.0, 1.0], threshold, tail=tail)
            assert np.all(clips.cosine >= clips.numbers**-0.5) and np.all(clips.cosine <= 1 + 1e-6)
    worst = np.array([1e9] + [0.1] * 99)
    clipped = np.clip(worst, -0.1, 0.1)
    assert worst @ clipped / np.linalg.norm(worst) / np.linalg.norm(clipped) == pytest.approx(0.1)


def test_more_entries_leave_the_first_ones_alone_and_the_scale_only_stretches(draws):
    few = RandomGradients(largest=1000, count=100).clip([1.0, 2.0], 0.5, entries=50, tail=1.0)
    many = draws.clip([1.0, 2.0], 0.5, entries=900, tail=1.0)
    np.testing.assert_array_equal(few.cosine, many.cosine)
    np.testing.assert_allclose(draws.clip([10.0, 20.0], 5.0, tail=1.0).cosine, many.cosine, rtol=1e-5)


def test_a_zero_gradient_has_no_direction(draws):
    clips = draws.clip([0.0, 0.0], threshold=1.0)
    assert np.all(np.isnan(clips.unit)) and math.isnan(clips.turn) and not clips.by_norm.any()
    with pytest.raises(ValueError, match="entries: expected 2 to 1000"):
        draws.clip([1.0, 0.0], 1.0, entries=1001)


# --- the cliff ---

POINTS = [(5.2, -2.3), (4.4, -2.0), (6.0, -3.3), (0.0, 0.0), (2.0, 1.0)]


@pytest.mark.parametrize(("w", "b"), POINTS)
def test_the_cliff_is_a_recurrent_net_with_one_unit(w, b):
    """With h = σ(x) the recursion is h_t = σ(w h_(t−1) + b): the library's recurrent net without inputs."""
    net = RNN([[0.0]], [[w]], [b], "sigmoid")
    trace = net.forward(np.zeros((1, 50, 1)), h0=[[1 / (1 + math.exp(-0.5))]])
    off = trace.h[0, -1, 0] - 0.7
    gradients = net.backward(trace, [[[2 * off]]], steps=[-1])
    cost, gradient = cliff_gradient(w, b)
    assert cost == pytest.approx(off**2, rel=1e-9)
    np.testing.assert_allclose(gradient, [gradients.dW_h.item(), gradients.db.item()], rtol=1e-8, atol=1e-14)


def test_its_gradient_is_that_of_central_differences():
    for w, b in POINTS:
        numerical = numerical_gradient(lambda p: cliff_surface(p[:1], p[1:]).cost.item(), np.array([w, b]), h=1e-6)
        np.testing.assert_allclose(cliff_gradient(w, b)[1], numerical, rtol=1e-5, atol=1e-9)


def test_the_surface_agrees_with_the_gradient_function():
    surface = cliff_surface([4.5, 5.0, 5.5], [-3.0, -2.5])
    for row, b in zip(surface.cost, surface.biases, strict=True):
        np.testing.assert_allclose(row, [cliff_gradient(w, b)[0] for w in surface.weights], rtol=1e-9)
    assert surface.cost[1, 0] > 0.3 and surface.cost[1, 2] < 0.1  # either side of the cliff


def test_clipping_bounds_the_steps_and_changes_no_other():
    cliff = descend_cliff(5.2, -2.3, learning_rate=0.1, max_norm=1.0, steps=60)
    lengths = np.hypot(*np.diff(cliff.clipped.path, axis=0).T)
    np.testing.assert_allclose(lengths, 0.1 * np.minimum(cliff.clipped.norms, 1.0), rtol=1e-6)
    first = np.flatnonzero(cliff.plain.norms > 1.0)[0]
    np.testing.assert_array_equal(cliff.plain.path[: first + 1], cliff.clipped.path[: first + 1])
    assert cliff.plain.path[-1].max() > 50 and np.all(np.abs(cliff.clipped.path[-1] - cliff.clipped.path[0]) < 1)
    assert cliff.share_clipped == np.mean(cliff.clipped.norms > 1)
    with pytest.raises(ValueError, match="steps: expected at least 1"):
        descend_cliff(5.0, -2.0, 0.1, 1.0, 0)


def test_the_default_descent_does_not_hang_on_rounding():
    """Where a path crosses the cliff again and again, rounding decides; the one that the panel opens with must not."""
    cliff = descend_cliff(5.2, -2.3, 0.1, 1.0, 60)
    for nudge in (1 - 4e-16, 1 + 4e-16):
        other = descend_cliff(5.2 * nudge, -2.3 / nudge, 0.1, 1.0, 60)
        np.testing.assert_allclose(other.clipped.cost, cliff.clipped.cost, rtol=1e-6)
        assert other.plain.norms.max() == pytest.approx(cliff.plain.norms.max(), rel=1e-6)


# --- a deep net ---


def test_every_way_of_clipping_a_deep_nets_gradient():
    schemes = {scheme.name: scheme for scheme in compare_schemes(threshold=0.5, depth=8)}
    deep = DeepNet(0, max_depth=8, dtype=np.float64)
    net = deep.net(8, 2.0, "relu")
    trace = net.forward(deep.batch[0])
    gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], deep.batch[1]))
    sizes = np.array([np.linalg.norm(dW) for dW in gradients.dW])
    whole = np.concatenate([g.ravel() for g in gradients.parameters()])
    np.testing.assert_allclose(schemes["none"].norms, sizes)
    np.testing.assert_allclose(schemes["global norm"].norms, sizes * 0.5 / np.linalg.norm(whole))
    np.testing.assert_allclose(schemes["per array"].norms, np.minimum(sizes, 0.5))
    assert np.all(schemes["per layer"].norms <= 0.5 + 1e-12)
    by_value = np.clip(whole, -0.5, 0.5)
    cosine = whole @ by_value / np.linalg.norm(whole) / np.linalg.norm(by_value)
    assert schemes["by value"].turn == pytest.approx(math.degrees(math.acos(cosine)))
    allowed = [0.01 * np.linalg.norm(W, axis=1) for W in net.weights]
    actual = [np.linalg.norm(dW, axis=1) for dW in gradients.dW]
    units = [np.minimum(*sizes) for sizes in zip(allowed, actual, strict=True)]
    np.testing.assert_allclose(schemes["adaptive"].norms, [np.linalg.norm(sizes) for sizes in units])
    assert schemes["global norm"].turn < 1e-6 < schemes["per layer"].turn


def test_clipping_does_nothing_for_a_vanishing_gradient():
    """The first layer gets a millionth of the gradient; no gradient is longer than 1, so a threshold of 1 changes nothing."""
    free, clipped = train_digits(SGD(0.1)), train_digits(SGD(0.1), max_norm=1.0)
    assert np.array_equal(free.loss, clipped.loss) and np.array_equal(free.moved, clipped.moved)
    assert free.norms.max() < 1 and np.median(free.first / free.norms) < 1e-5
    tight = train_digits(SGD(0.1), max_norm=0.01)
    assert np.median(tight.first / tight.norms) < 1e-5 and tight.loss[-20:].mean() > free.loss[-20:].mean()


def test_it_saves_an_exploding_one():
    explosive = {"weight_scale": 2.0, "activation": "relu"}
    free, clipped = train_digits(SGD(0.1), **explosive), train_digits(SGD(0.1), max_norm=10.0, **explosive)
    assert len(free.loss) < 20 and not math.isfinite(free.loss[-1])
    assert len(clipped.loss) == 200 and clipped.loss[-20:].mean() < math.log(10) / 2  # half of guessing


def test_adam_hardly_notices_the_threshold():
    """Adam divides by the size of the gradients it saw: a threshold below all of them takes its factor out again."""
    healthy = {"weight_scale": 1.4, "activation": "relu", "seed": 1}
    adam = [train_digits(Adam(1e-3), threshold, **healthy) for threshold in (math.inf, 1e-2, 1e-4)]
    sgd = [train_digits(SGD(0.1), threshold, **healthy) for threshold in (math.inf, 1e-2, 1e-4)]
    assert max(run.loss[-20:].mean() for run in adam) < 0.2
    assert sgd[0].loss[-20:].mean() < 0.2 and min(run.loss[-20:].mean() for run in sgd[1:]) > 1.5
    moved = [np.median(run.moved) for run in adam]
    assert max(moved) < 1.3 * min(moved)
    assert np.median(sgd[2].moved) == pytest.approx(1e-5)  # lr · ε


# --- choosing a threshold ---


@pytest.mark.parametrize("source", SOURCES)
def test_shares_and_histograms_are_counts(source):
    seen = norms_seen(source, share=0.6, threshold=0.7)
    assert seen.share_clipped == np.mean(seen.norms > 0.7) and seen.average == seen.norms.mean()
    for gate, share in zip(seen.gates[::7], seen.shares[::7], strict=True):
        assert share == pytest.approx(np.mean(seen.norms > gate))
    heights = seen.histogram(seen.norms)
    assert heights.sum() == pytest.approx(1)
    low, high = seen.gates[56:58]
    assert heights[56] == pytest.approx(np.mean((seen.norms >= low) & (seen.norms < high)))


def test_a_longer_look_only_adds_to_what_was_seen():
    short, long = norms_seen("deep sigmoid", 0.01, 1.0), norms_seen("deep sigmoid", 1.0, 1.0)
    assert len(short.norms) == 2 and len(long.norms) == 200
    np.testing.assert_array_equal(short.norms, long.norms[:2])
    np.testing.assert_array_equal(long.norms, train_digits().norms)
    with pytest.raises(ValueError, match="share"):
        norms_seen("deep sigmoid", 0.0, 1.0)


def test_what_lies_beyond_the_histogram_counts_at_its_ends():
    seen = NormsSeen(1.0, math.inf, np.array([0.0, 1e-12, 1e9, 1.0]), np.empty(0))
    heights = seen.histogram(seen.norms)
    assert heights[0] == 0.5 and heights[-1] == 0.25 and heights.sum() == 1 and not seen.histogram(seen.first).any()
