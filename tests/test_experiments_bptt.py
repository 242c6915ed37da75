"""Backpropagation through time taken apart: against central differences, products by hand, and the library's backward pass."""

import math

import numpy as np
import pytest

from livegrad.experiments.bptt import FATE, SHORT, gradient_map, random_net, unrolled
from livegrad.experiments.influence import LONG, NETS, SWEEP, influence, train_net, trained_net
from livegrad.experiments.reber import SYMBOLS, legal_lengths, strings
from livegrad.experiments.truncation import backward_seconds, pair_gradients, truncation
from livegrad.rnn import RNN, SequenceModel

EPS = 1e-6


def numbers(text):
    return np.array([[SYMBOLS.index(s) for s in text]])


def loss_from(model, x, targets, t, k=0, h=None):
    """J_t of a net whose state after step k is h; steps from 1."""
    trace = model.forward(x[:, k:t], h)
    return -trace.log_probabilities[0, -1, targets[0, t - 1]]


def test_the_two_strings_are_of_the_grammar_and_end_as_they_begin():
    for text in (SHORT, LONG):
        assert legal_lengths(numbers(text)) == len(text) and text[-1] == "E" and text[1] == text[-2] == "T"
    assert (len(SHORT), len(LONG)) == (11, 26)


def test_random_nets_share_their_draws_and_have_the_radius_asked_for():
    small, large = random_net(3, 10, 0.4), random_net(3, 10, 1.7, "relu")
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(large.rnn.W_h)).max(), 1.7)
    np.testing.assert_allclose(large.rnn.W_h * 0.4, small.rnn.W_h * 1.7)
    assert (small.rnn.W_x == large.rnn.W_x).all() and large.rnn.activation.name == "relu"
    orthogonal = random_net(0, 6, 2.0, rule="orthogonal").rnn.W_h
    np.testing.assert_allclose(orthogonal @ orthogonal.T, 4 * np.eye(6), atol=1e-12)
    with pytest.raises(ValueError, match="spectral_radius"):
        random_net(0, 6, -1.0)


# --- one pair of steps ---


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "linear"])
def test_the_product_of_jacobians_is_the_derivative_of_the_state(activation):
    t, k, model = 7, 3, random_net(0, 8, 1.3, activation)
    x, seen = numbers(SHORT)[:, :-1], unrolled(7, 3, 1.3, activation)
    h = seen.h[[k - 1]]
    steps = EPS * np.eye(8)
    forward = [model.rnn.forward(x[:, k:t], h + s).last[0] - model.rnn.forward(x[:, k:t], h - s).last[0] for s in steps]
    np.testing.assert_allclose(seen.product, np.array(forward).T / (2 * EPS), atol=1e-7)
    assert seen.norms[k - 1] == pytest.approx(np.linalg.svd(seen.product)[1][0])
    assert seen.beta_h == (0.25 if activation == "sigmoid" else 1)
    np.testing.assert_allclose(seen.bounds, (np.linalg.svd(model.rnn.W_h)[1][0] * seen.beta_h) ** np.arange(t - 1, -1, -1))
    assert (seen.norms <= seen.bounds * (1 + 1e-12)).all()


def test_the_terms_add_up_to_the_derivative_of_the_loss():
    x, targets = numbers(SHORT)[:, :-1], numbers(SHORT)[:, 1:]

    def differences(t):
        model = random_net(0, 8, 1.0)
        W, out = model.rnn.W_h, np.empty((8, 8))
        for at in np.ndindex(W.shape):
            now = W[at]
            values = []
            for W[at] in (now + EPS, now - EPS):
                values.append(loss_from(model, x, targets, t))
            W[at] = now
            out[at] = (values[0] - values[1]) / (2 * EPS)
        return out

    two, nine = unrolled(2, 2), unrolled(9, 2)
    assert two.sizes[0] == 0 and two.shares[1] == pytest.approx(1)  # h_0 = 0: only step 2 has a term
    assert two.sizes[1] == pytest.approx(np.linalg.norm(differences(2)), rel=1e-6)
    assert nine.shares.sum() == pytest.approx(1)
    # Step 5 alone: what is sent back to it by vector products, times the slope there, times the state before it.
    whole, model = differences(9), random_net(0, 8, 1.0)
    sent = model.rnn.vjp(model.forward(x).recurrent, _direct(model, x, targets, 9), 8, 4)[0]
    term = np.outer(sent * (1 - nine.h[4] ** 2), nine.h[3])
    assert nine.sizes[4] == pytest.approx(np.linalg.norm(term))
    assert nine.shares[4] == pytest.approx((term * whole).sum() / (whole**2).sum(), rel=1e-5)


def _direct(model, x, targets, t):
    return (model.forward(x).probabilities[:, t - 1] - np.eye(7)[targets[:, t - 1]]) @ model.W_s


def test_losses_are_those_of_the_softmax():
    seen = unrolled(9, 2)
    right = seen.probabilities[np.arange(10), numbers(SHORT)[0, 1:]]
    np.testing.assert_allclose(seen.per_step, -np.log(right))
    assert seen.perplexity == pytest.approx(math.prod(right) ** (-1 / 10))
    with pytest.raises(ValueError, match="1 <= k <= t <= 10"):
        unrolled(3, 4)


# --- all pairs ---


def test_pair_gradients_are_central_differences_and_add_up():
    rng, model = np.random.default_rng(0), random_net(1, 5, 1.2)
    x, targets = rng.integers(0, 7, (2, 2, 6))
    dh, dz = pair_gradients(model, x, targets)
    trace = model.forward(x[1:])
    for t, k in ((6, 2), (4, 4), (5, 1)):
        h = trace.recurrent.h[:, k - 1]
        if k == t:
            expected = _direct(model, x[1:], targets[1:], t)[0]
        else:
            expected = [(loss_from(model, x[1:], targets[1:], t, k, h + s) - loss_from(model, x[1:], targets[1:], t, k, h - s))
                        / (2 * EPS) for s in EPS * np.eye(5)]
        np.testing.assert_allclose(dh[1, t - 1, k - 1], expected, atol=1e-8)
    assert (dh[:, 1, 2:] == 0).all() and (dz[:, 1, 2:] == 0).all()
    back = model.backward(model.forward(x), targets).recurrent
    np.testing.assert_allclose(dz.sum(axis=1) / targets.size, back.dz, atol=1e-12)


@pytest.mark.parametrize(("activation", "radius"), [("tanh", 0.9), ("relu", 2.0), ("linear", 1.5), ("sigmoid", 2.0)])
def test_no_ratio_lies_above_the_bound_and_the_fates_are_counted(activation, radius):
    seen = gradient_map(40, 60, spectral_radius=radius, activation=activation)
    counted, exploded, heard = 0, 0, 0
    vanished_at = np.full(40, np.nan)
    for t in range(40):
        for k in range(t + 1):
            start = seen.norms[t, t]
            ratio = seen.norms[t, k] / start if start > 1e-12 else np.nan
            np.testing.assert_allclose(seen.relative[t, k], ratio)
            heard += ratio <= seen.bound[t - k] * (1 + 1e-9)
            exploded += ratio > FATE
            if ratio < 1 / FATE:
                counted, vanished_at[t] = counted + 1, k + 1
    silent = int(np.sum(np.diagonal(seen.norms) <= 1e-12))
    assert seen.silent == silent and heard == sum(t + 1 for t in range(40) if seen.norms[t, t] > 1e-12)
    assert seen.fates == pytest.approx((counted / 820, exploded / 820))
    np.testing.assert_array_equal(seen.borders[0], vanished_at)
    least, middle, most = seen.by_distance
    diagonal = [seen.relative[t, t - 7] for t in range(7, 40)]
    expected = np.nanmin(diagonal), np.nanmedian(diagonal), np.nanmax(diagonal)
    assert (least[7], middle[7], most[7]) == pytest.approx(expected)


def test_clipping_and_truncation_leave_every_ratio_as_it_is():
    free, cut = gradient_map(30, 60, 1e3, 1.5, "linear"), gradient_map(30, 3, 1e-2, 1.5, "linear")
    np.testing.assert_array_equal(free.norms, cut.norms)
    assert cut.factor == pytest.approx(1e-2 / cut.gradient) and cut.gradient < free.gradient
    assert gradient_map(30, 60, 1e3).factor == 1
    longer = gradient_map(50, 60, 1e3, 1.5, "linear")
    np.testing.assert_allclose(longer.norms[:30, :30], free.norms)


def test_truncated_gradients_are_those_of_the_backward_pass():
    steps, model = 15, random_net(2, 20, 1.5)
    drawn = np.random.default_rng([2, 1]).integers(0, 7, (2, 61))
    x, targets = drawn[:, :steps], drawn[:, 1:steps + 1]
    trace = model.forward(x)

    def flat(**how):
        return np.concatenate([g.ravel() for g in model.backward(trace, targets, **how).recurrent.parameters()])

    cut, whole = truncation(steps, 4, 1.5, seed=2), flat()
    for tau in (0, 1, 4, 13, 14):
        for g, cosine, length in ((flat(tau=tau), cut.cosine, cut.length),
                                  (flat(chunk=tau + 1), cut.chunk_cosine, cut.chunk_length)):
            assert cosine[tau] == pytest.approx(g @ whole / np.linalg.norm(g) / np.linalg.norm(whole))
            assert length[tau] == pytest.approx(np.linalg.norm(g) / np.linalg.norm(whole))
    assert cut.products.tolist() == [sum(min(t, tau) for t in range(steps)) for tau in range(steps)]
    assert cut.chunk_products.tolist() == [sum(t % (tau + 1) > 0 for t in range(steps)) for tau in range(steps)]
    assert cut.at(99).tau == 14
    with pytest.raises(ValueError, match="0 <= tau < steps"):
        truncation(10, 10)


def test_a_radius_of_zero_makes_one_step_back_enough():
    cut = truncation(12, 0, spectral_radius=0.0)
    np.testing.assert_allclose(cut.cosine, 1)
    np.testing.assert_allclose(cut.length, 1)


def test_seconds_are_measured_for_both_ways():
    assert [len(backward_seconds(6, (0, 3, 5), chunks)) for chunks in (False, True)] == [3, 3]


# --- which symbols mattered ---


def test_the_gradient_at_a_symbol_is_a_central_difference():
    model, t = random_net(0, 20, 1.2, rule="orthogonal"), 9
    seen = influence("orthogonal", t, 2, spectral_radius=1.2)
    inputs, target = np.eye(7)[numbers(LONG)[0, :t]][np.newaxis], SYMBOLS.index(LONG[t])
    for k in (2, 9):
        slope = np.empty(7)
        for i in range(7):
            step = np.zeros_like(inputs)
            step[0, k - 1, i] = EPS
            up, down = (model.forward(inputs + s).log_probabilities[0, -1, target] for s in (step, -step))
            slope[i] = (up - down) / (2 * EPS)
        assert seen.gradient[k - 1] == pytest.approx(np.linalg.norm(slope), rel=1e-6)
    assert seen.relative.max() == 1


def test_rivals_are_what_the_grammar_allows_besides_and_are_really_put_in():
    seen = influence("random", 24, 2, seed=4)
    assert seen.rivals == " P PXXXXSSVVVTVSVVTVSTP "[:24]
    model, target = random_net(4, 20, 1.0), SYMBOLS.index("T")
    for k in (2, 4, 22):
        other = LONG[:k - 1] + seen.rivals[k - 1] + LONG[k:24]
        read = model.forward(numbers(other)).probabilities[0, -1, target]
        assert seen.replaced[k - 1] == pytest.approx(read) and seen.change[k - 1] == pytest.approx(abs(read - seen.right))
        assert seen.lawful[k - 1] == (legal_lengths(numbers(other)) == 24)
    assert seen.lawful[1] and seen.lawful.sum() == 1 and np.isnan(seen.replaced[0])
    first = influence("random", 1, 1)
    assert first.rivals == " " and np.isnan(first.change).all()
    with pytest.raises(ValueError, match="net"):
        influence("tired", 1, 1)


def test_the_stored_net_knows_the_second_symbol_and_its_gradient_there_has_vanished():
    text, n = strings(500, np.random.default_rng(5)), np.arange(500)
    p = trained_net().forward(text.inputs).probabilities[n, text.asked]
    right = text.symbols[:, 1]
    assert (p[n, right] > p[n, np.where(right == SYMBOLS.index("T"), SYMBOLS.index("P"), SYMBOLS.index("T"))]).mean() > 0.99
    seen = {net: influence(net, 24, 2) for net in NETS}
    assert seen["trained"].right > 0.99 and seen["trained"].replaced[1] < 0.01
    assert seen["trained"].relative[1] < 1e-4 < seen["random"].relative[1] < seen["orthogonal"].relative[1]
    assert seen["orthogonal"].change[1] < 0.01


def test_the_stored_net_is_that_of_the_sweep_and_training_leaves_the_random_nets_alone():
    (cell,) = SWEEP.cells
    with np.load(SWEEP.target) as stored:
        assert {name: stored[name].item() for name in cell} == cell
    before = random_net(cell["seed"], cell["n_hidden"], 1.0, rule="orthogonal").parameters()
    trained = train_net(**{**cell, "updates": 3})
    after = random_net(cell["seed"], cell["n_hidden"], 1.0, rule="orthogonal").parameters()
    for old, new, learned in zip(before, after, trained.values(), strict=True):
        np.testing.assert_array_equal(old, new)
        assert not np.array_equal(new, learned)


@pytest.mark.slow
def test_training_again_gives_a_net_that_knows_the_grammar():
    learned = train_net(**SWEEP.cells[0])
    model = SequenceModel(RNN(learned["W_x"], learned["W_h"], learned["b"]), learned["W_s"], learned["c"])
    text = strings(2000, np.random.default_rng(5))
    loss = model.cost(model.forward(text.inputs), text.targets, text.mask).mean
    assert text.best_loss < loss < 1.05 * text.best_loss
