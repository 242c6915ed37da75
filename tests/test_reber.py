"""The embedded Reber grammar against a regular expression of it, and the language model that learns it."""

import math
import re
from collections import Counter

import numpy as np
import pytest

from livegrad.clipping import global_norm
from livegrad.experiments.reber import (
    BEST_LOSS, FORGETFUL_LOSS, STARTS, SYMBOLS, allowed, legal_lengths, model, recall, strings, train)
from livegrad.optim import SGD
from livegrad.rnn import SequenceTrace

_LOWER = "T*V(?:PXT*V)*(?:VE|PSE)"
LEGAL = re.compile(f"B([TP])B(?:TS*X(?:SE|X{_LOWER})|P{_LOWER})\\1E")


def numbers(*texts):
    return np.array([[SYMBOLS.index(s) for s in text] for text in texts])


@pytest.fixture(scope="module")
def drawn():
    return strings(4000, np.random.default_rng(0))


@pytest.fixture(scope="module")
def learned():
    return list(train())


# --- the grammar ---


def test_every_string_is_one_of_the_grammar_and_the_short_ones_are_all_there(drawn):
    assert all(LEGAL.fullmatch(text) for text in drawn.texts)
    shortest = {"B" + kept + inner + kept + "E" for kept in "TP" for inner in ("BTXSE", "BPVVE")}
    assert {text for text in drawn.texts if len(text) <= 9} == shortest
    for inner in ("BTSSXXTVVE", "BPVVE", "BTXXVPSE"):  # strings printed with the graph in many places
        assert legal_lengths(numbers(f"BT{inner}TE"))[0] == len(inner) + 4


def test_choices_are_even(drawn):
    """Every string has probability 2^−(its number of choices)."""
    counts = Counter(drawn.texts)
    for text, choices in (("BTBTXSETE", 4), ("BPBPVVEPE", 4), ("BTBTSXSETE", 5), ("BPBPVPSEPE", 5), ("BTBPTVVETE", 5)):
        p = 2.0**-choices
        assert abs(counts[text] / 4000 - p) < 4 * math.sqrt(p * (1 - p) / 4000), text


def test_what_may_follow_is_what_follows_in_some_string(drawn):
    seen = {}
    for text in drawn.texts:
        for t in range(1, min(len(text), 8)):
            seen.setdefault(text[:t], set()).add(text[t])
    for start, following in seen.items():
        told = {SYMBOLS[s] for s in np.flatnonzero(allowed(numbers(start))[0, -1])}
        assert told == following, start


def test_nothing_follows_the_end_or_a_mistake():
    assert not allowed(numbers("BTBTXSETE"))[0, -1].any()
    assert not allowed(numbers("BTBV"))[0, -1].any() and not allowed(numbers("T"))[0, -1].any()


@pytest.mark.parametrize(("text", "right"),
                         [("BTBTXSETEVV", 9), ("BTBTXSEPE", 7), ("BPBPX", 4), ("EEE", 0), ("BTB", 3)])
def test_how_far_a_text_is_legal(text, right):
    assert legal_lengths(numbers(text)).tolist() == [right]


def test_targets_mask_and_the_long_range_symbol(drawn):
    rows = np.arange(len(drawn.lengths))
    assert drawn.targets[rows, drawn.lengths - 2].tolist() == [SYMBOLS.index("E")] * len(rows)
    np.testing.assert_array_equal(drawn.mask.sum(axis=1), drawn.lengths - 1)
    np.testing.assert_array_equal(drawn.targets[rows, drawn.asked], drawn.inputs[:, 1])
    assert abs(np.mean(drawn.inputs[:, 1] == SYMBOLS.index("T")) - 0.5) < 0.04


def test_the_best_perplexity(drawn):
    """By the theory of absorbing chains: visits = (1 − Q)⁻¹ of Reber's graph, ln 2 for each visit to a place with two ways."""
    ways = {0: (1, 2), 1: (1, 3), 2: (2, 4), 3: (2, 5), 4: (3, 5)}  # from the first choice on; 5 has one way, out
    Q = np.zeros((6, 6))
    for place, following in ways.items():
        for to in following:
            Q[place, to] += 0.5
    visits = np.linalg.inv(np.eye(6) - Q)[0]
    inner, choices = 1 + visits.sum(), visits[:5].sum()
    assert (1 + choices) / (inner + 3) * math.log(2) == pytest.approx(BEST_LOSS)
    assert (2 + choices) / (inner + 3) * math.log(2) == pytest.approx(FORGETFUL_LOSS)
    assert drawn.lengths.mean() == pytest.approx(inner + 4, abs=0.3)
    assert drawn.best_loss == pytest.approx(BEST_LOSS, rel=0.01)
    following = allowed(drawn.inputs)
    assert drawn.best_loss == pytest.approx(np.log(following.sum(axis=2)[drawn.mask]).mean())


def test_drawing_repeats_itself_and_complains():
    assert strings(5, np.random.default_rng(3)).texts == strings(5, np.random.default_rng(3)).texts
    with pytest.raises(ValueError, match="count"):
        strings(0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="rng"):
        strings(1, 0)
    with pytest.raises(ValueError, match="symbols"):
        allowed([[7]])


# --- the model ---


@pytest.mark.parametrize("start", STARTS)
def test_the_first_weights_have_the_radius(start):
    net = model(3, 20, start, 1.7)
    assert np.abs(np.linalg.eigvals(net.rnn.W_h)).max() == pytest.approx(1.7)
    assert (net.rnn.gamma is not None) == (start == "layer_norm")
    assert net.rnn.activation.name == ("relu" if start == "identity" else "tanh")
    if start in ("orthogonal", "identity"):
        np.testing.assert_allclose(net.rnn.W_h @ net.rnn.W_h.T, 1.7**2 * np.eye(20), atol=1e-12)
    with pytest.raises(ValueError, match="start"):
        model(0, start="zeros")


def test_recall_asks_for_the_long_range_symbol_alone(drawn):
    rows = np.arange(len(drawn.lengths))
    logits = np.zeros((*drawn.inputs.shape, 7))
    logits[..., SYMBOLS.index("E")] = 9.0
    logits[rows, drawn.asked, drawn.inputs[:, 1]] = 1.0
    trace = SequenceTrace(None, None, logits, None)
    assert recall(trace, drawn) == 1.0
    logits[rows, drawn.asked] *= -1
    assert recall(trace, drawn) == 0.0
    logits[0, drawn.asked[0]] = math.nan
    assert math.isnan(recall(trace, drawn))


def test_it_learns_the_grammar_and_the_long_range_symbol(learned):
    first, last = learned[0], learned[-1]
    assert first.taken == 0 and first.progress == 0 and last.taken == 600 and last.progress == 1
    assert abs(math.log(first.perplexity[0]) - math.log(7)) < 0.3 and abs(first.recall[0] - 0.5) < 0.15 and first.legal < 0.1
    assert last.best < last.perplexity[-1] < 1.02 * last.best < last.forgetful
    assert last.recall[-1] > 0.98 and last.legal > 0.85
    assert last.clipped == np.sum(last.norms > 1) > 0
    np.testing.assert_array_equal(last.tests, np.arange(0, 601, 50))


def test_the_texts_are_judged(learned):
    assert learned[-1].texts
    for text, right in [*learned[-1].texts, *learned[0].texts]:
        assert (right == len(text) and (LEGAL.fullmatch(text) or len(text) == 40)) or right == len(text) - 1
        assert text.startswith("B") and legal_lengths(numbers(text))[0] == right


def test_sent_back_two_steps_it_learns_all_but_the_long_range_symbol():
    *_, last = train(tau=2)
    assert abs(last.recall[-1] - 0.5) < 0.15
    assert last.forgetful < last.perplexity[-1] < 1.03 * last.forgetful


def test_the_gradient_that_arrives_is_clipped_and_the_norm_that_is_kept_is_not(monkeypatch):
    taken, step = [], SGD.step
    monkeypatch.setattr(SGD, "step", lambda self, params, grads: (taken.append(global_norm(grads)), step(self, params, grads)))
    *_, run = train(max_norm=0.3, updates=30, every=30)
    assert run.norms.min() < 0.3 < run.norms.max()
    np.testing.assert_allclose(taken, np.minimum(run.norms, 0.3), rtol=1e-10)


def test_a_run_that_overflows_ends():
    *_, run = train(start="identity", radius=3.0, max_norm=math.inf, learning_rate=3.0)
    assert run.overflowed and run.progress == 1 and run.taken < 100
    assert math.isnan(run.recall[-1]) and math.isnan(run.legal) and run.texts == []
    assert math.isfinite(run.norms[:-1].max()) and run.tests[-1] == run.taken


def test_the_same_seed_gives_the_same_run():
    one, two, other = (list(train(seed=seed, updates=20, every=20))[-1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.norms, two.norms)
    assert one.texts == two.texts and not np.array_equal(one.norms, other.norms)
