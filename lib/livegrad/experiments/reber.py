"""The embedded Reber grammar, and a recurrent language model that learns it.

Reber's grammar (Reber 1967) writes strings over seven symbols. Each begins with B and walks through a graph; at five of its
places either of two symbols may follow, with even chances, and E ends it. The embedded grammar puts such a string between two
more symbols, T or P, that are the same:

    B T [a Reber string] T E        or        B P [a Reber string] P E

(Hochreiter & Schmidhuber 1997, experiment 1; the graph is also in Cleeremans, Servan-Schreiber & McClelland 1989). Whoever
predicts the last symbol but one has to have kept the second in mind: nothing between them tells which it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from livegrad.clipping import by_global_norm
from livegrad.initializers import get
from livegrad.optim import SGD
from livegrad.rnn import SequenceModel, SequenceTrace
from livegrad.validation import choice, generator, integers, number, positive_ints

__all__ = ["BEST_LOSS", "CHANCE", "FORGETFUL_LOSS", "STARTS", "SYMBOLS", "LanguageRun", "Strings", "allowed", "legal_lengths",
           "model", "recall", "strings", "train"]

SYMBOLS = "BTSXPVE"
CHANCE = 0.5
"""Share of right answers to the long-range symbol that guessing gives."""
BEST_LOSS = 7 * math.log(2) / 11
"""Cross-entropy for each predicted symbol, in nats, of one who knows the grammar: on average 7 of 11 are a choice of two."""
FORGETFUL_LOSS = 8 * math.log(2) / 11
"""The same of one who knows all but which symbol was the second."""
_RULES = {"normal": "lecun_normal", "orthogonal": "orthogonal", "identity": "identity", "layer_norm": "lecun_normal"}
STARTS = tuple(_RULES)

_REBER = {"start": [("B", "1")], "1": [("T", "2"), ("P", "3")], "2": [("S", "2"), ("X", "4")], "3": [("T", "3"), ("V", "5")],
          "4": [("X", "3"), ("S", "6")], "5": [("P", "4"), ("V", "6")], "6": [("E", "end")], "end": []}
"""Reber's graph: from each place the symbols that may follow, and where they lead."""


def _embedded() -> dict[str, list[tuple[str, str]]]:
    """The graph with a copy of Reber's for either symbol around it."""
    graph = {"start": [("B", "choice")], "choice": [(kept, f"{kept} start") for kept in "TP"]}
    for kept in "TP":
        graph |= {f"{kept} {place}": [(symbol, f"{kept} {to}") for symbol, to in ways] for place, ways in _REBER.items()}
        graph |= {f"{kept} end": [(kept, f"{kept} again")], f"{kept} again": [("E", "end")]}
    return graph | {"end": []}


_GRAPH = _embedded()
_PLACES = list(_GRAPH)
_END, _NOWHERE = _PLACES.index("end"), len(_PLACES)
_ALLOWED = np.array([[symbol in dict(_GRAPH[place]) for symbol in SYMBOLS] for place in _PLACES] + [[False] * 7])
"""Whether a symbol may follow at a place; the last row is for those who have lost the way."""
_LEADS = np.full(_ALLOWED.shape, _NOWHERE)
_LEADS[_END] = _END  # what is written after the end does not matter
_WRITES = np.full((len(_PLACES), 2), SYMBOLS.index("E"))
"""The two symbols to choose from at each place; the same one twice where there is no choice."""
for _place, _ways in enumerate(_GRAPH.values()):
    for _symbol, _to in _ways:
        _LEADS[_place, SYMBOLS.index(_symbol)] = _PLACES.index(_to)
    if _ways:
        _WRITES[_place] = [SYMBOLS.index(_symbol) for _symbol, _ in (_ways[0], _ways[-1])]


@dataclass(frozen=True)
class Strings:
    """Strings of the grammar, filled up with E to one length.

    Attributes
    ----------
    symbols : ndarray of int, shape (N, T)
        Places in `SYMBOLS`.
    lengths : ndarray of int, shape (N,)
    """

    symbols: np.ndarray
    lengths: np.ndarray

    @property
    def inputs(self) -> np.ndarray:
        """What a language model reads, (N, T − 1)."""
        return self.symbols[:, :-1]

    @property
    def targets(self) -> np.ndarray:
        """What it is to predict, (N, T − 1): the next symbol."""
        return self.symbols[:, 1:]

    @property
    def mask(self) -> np.ndarray:
        """Which of the targets belong to the strings, (N, T − 1)."""
        return np.arange(self.symbols.shape[1] - 1) < self.lengths[:, np.newaxis] - 1

    @property
    def asked(self) -> np.ndarray:
        """Step of `inputs` after which the long-range symbol is to be predicted, (N,). It was read at step 1."""
        return self.lengths - 3

    @property
    def best_loss(self) -> float:
        """Cross-entropy of the grammar itself on these strings: ln 2 for each choice it had."""
        choices = allowed(self.inputs).sum(axis=2) == 2
        return float(math.log(2) * choices[self.mask].sum() / self.mask.sum())

    @property
    def texts(self) -> list[str]:
        """The strings as text."""
        return [_text(row[:length]) for row, length in zip(self.symbols, self.lengths, strict=True)]


def strings(count: int, rng: np.random.Generator) -> Strings:
    """Draw strings of the embedded Reber grammar; every choice is made with even chances.

    Parameters
    ----------
    count : int
        N.
    rng : numpy.random.Generator

    Returns
    -------
    Strings

    Raises
    ------
    ValueError
        If `count` is not positive or `rng` is no generator.

    Examples
    --------
    >>> strings(3, np.random.default_rng(1)).texts
    ['BPBTSSSXSEPE', 'BTBPVVETE', 'BTBTSXSETE']
    """
    (count,), rng = positive_ints("count", [count]), generator("rng", rng)
    place, written, lengths = np.zeros(count, int), [], np.zeros(count, int)
    while (going := place != _END).any():
        symbol = _WRITES[place, rng.integers(0, 2, count)]
        place = _LEADS[place, symbol]
        written.append(symbol)
        lengths += going
    return Strings(np.stack(written, axis=1), lengths)


def allowed(symbols: np.ndarray) -> np.ndarray:
    """Which symbols may come next, after each symbol of each string.

    Parameters
    ----------
    symbols : array_like of int, shape (N, T)
        Strings or their beginnings, from the first B on.

    Returns
    -------
    ndarray of bool, shape (N, T, 7)
        All False after the end, and after a symbol that was not allowed itself.

    Raises
    ------
    ValueError
        If `symbols` are not integers from 0 to 6.

    Examples
    --------
    >>> ["".join(np.array(list(SYMBOLS))[row]) for row in allowed([[0, 1, 0, 4]])[0]]
    ['TP', 'B', 'TP', 'TV']
    """
    return _ALLOWED[_walk(symbols)]


def legal_lengths(symbols: np.ndarray) -> np.ndarray:
    """How many symbols of each text stand in order, up to the first that is not allowed or to the end of a string.

    Parameters
    ----------
    symbols : array_like of int, shape (N, T)

    Returns
    -------
    ndarray of int, shape (N,)

    Examples
    --------
    >>> right, wrong = "BTBTXSETE", "BTBTXSEPE"
    >>> legal_lengths([[SYMBOLS.index(s) for s in text] for text in (right, wrong)])
    array([9, 7])
    """
    places = _walk(symbols)
    ended = np.cumsum(places == _END, axis=1) > 1
    return np.sum((places != _NOWHERE) & ~ended, axis=1)


def _walk(symbols: np.ndarray) -> np.ndarray:
    """The place in the graph after each symbol, (N, T)."""
    symbols = integers("symbols", symbols, (None, None), below=len(SYMBOLS))
    places = np.zeros((len(symbols), symbols.shape[1] + 1), int)
    for t, symbol in enumerate(symbols.T):
        places[:, t + 1] = _LEADS[places[:, t], symbol]
    return places[:, 1:]


def _text(symbols: np.ndarray) -> str:
    return "".join(SYMBOLS[s] for s in symbols)


def model(seed: int, hidden: int = 30, start: str = "normal", radius: float = 1.0) -> SequenceModel:
    """The untrained language model.

    Parameters
    ----------
    seed : int
    hidden : int
        Number of units.
    start : {"normal", "orthogonal", "identity", "layer_norm"}
        W_h: normal numbers, an orthogonal matrix, or the identity, this one with ReLU (Le, Jaitly & Hinton 2015). "layer_norm":
        normal numbers, and layer normalization in the recurrence. The units are tanh but with "identity".
    radius : float
        Spectral radius of W_h.

    Returns
    -------
    SequenceModel

    Raises
    ------
    ValueError
        If `start` is no such word or a number is out of range.

    Examples
    --------
    >>> round(float(np.abs(np.linalg.eigvals(model(0, radius=0.7).rnn.W_h)).max()), 3)
    0.7
    """
    rule, radius = get(_RULES[choice("start", start, STARTS)]), number("radius", radius, low=0)

    def recurrent(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        W = rule(shape, rng)
        return W * (radius / np.abs(np.linalg.eigvals(W)).max())

    return SequenceModel.create(len(SYMBOLS), hidden, len(SYMBOLS), np.random.default_rng(seed), init=recurrent,
                                activation="relu" if start == "identity" else "tanh", layer_norm=start == "layer_norm")


def recall(trace: SequenceTrace, texts: Strings) -> float:
    """Share of the strings whose long-range symbol is thought likelier than the other of T and P; nan after an overflow.

    Parameters
    ----------
    trace : SequenceTrace
        Of a model that has read `texts.inputs`.
    texts : Strings

    Returns
    -------
    float

    Examples
    --------
    >>> net, texts = model(0), strings(200, np.random.default_rng(0))
    >>> abs(recall(net.forward(texts.inputs), texts) - CHANCE) < 0.2
    True
    """
    rows, symbols = np.arange(len(texts.lengths)), [SYMBOLS.index(s) for s in "TP"]
    T, P = trace.logits[rows, texts.asked][:, symbols].T
    if not np.isfinite([T, P]).all():
        return math.nan
    return float(np.mean((T > P) == (texts.targets[rows, texts.asked] == symbols[0])))


@dataclass(frozen=True)
class LanguageRun:
    """A training run of the language model as far as it has come.

    Attributes
    ----------
    updates : int
        How many will be made.
    max_norm : float
        The threshold ε; inf clips nothing.
    loss : ndarray (k,)
        J of each minibatch, before its update.
    norms : ndarray (k,)
        Norm of the whole gradient at each update, before clipping.
    every : int
        Updates between two tests.
    perplexity : ndarray (m + 1,)
        On strings that are not trained on, before training and then at each test; nan or inf after an overflow.
    recall : ndarray (m + 1,)
        Share of these strings whose long-range symbol is known; nan after an overflow.
    best, forgetful : float
        Perplexity on the same strings of the grammar itself, and of it without the long-range symbol.
    texts : list of (str, int)
        What the model writes now, and how many symbols of each text stand in order. It is cut at the end of a string or
        after the first symbol that is not allowed.
    legal : float
        Share of the texts that the model writes now without a mistake, of 100; nan after an overflow.
    """

    updates: int
    max_norm: float
    loss: np.ndarray
    norms: np.ndarray
    every: int
    perplexity: np.ndarray
    recall: np.ndarray
    best: float
    forgetful: float
    texts: list[tuple[str, int]]
    legal: float

    @property
    def taken(self) -> int:
        """Updates made."""
        return len(self.loss)

    @property
    def tests(self) -> np.ndarray:
        """Updates made before each test, (m + 1,)."""
        return np.minimum(np.arange(len(self.perplexity)) * self.every, self.taken)

    @property
    def overflowed(self) -> bool:
        """Whether the last gradient is not finite. The run ends there."""
        return self.taken > 0 and not math.isfinite(self.norms[-1])

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return 1.0 if self.overflowed else self.taken / self.updates

    @property
    def clipped(self) -> int:
        """Number of updates whose gradient was clipped."""
        return int(np.sum(self.norms > self.max_norm))


def train(hidden: int = 30, start: str = "normal", radius: float = 1.0, tau: int | None = None, max_norm: float = 1.0,
          learning_rate: float = 1.0, seed: int = 0, updates: int = 600, batch: int = 32,
          every: int = 50) -> Iterator[LanguageRun]:
    """Train the language model on fresh strings by gradient descent with clipping by global norm, one report at a time.

    Parameters
    ----------
    hidden, start, radius
        As for `model`.
    tau : int, optional
        Each J_t is sent back this many steps; by default all.
    max_norm : float
        The threshold ε; inf clips nothing.
    learning_rate : float
    seed : int
        Of the weights, of the minibatches, of the 300 test strings, and of the chances with which the model writes.
    updates, batch : int
        How many, and strings in each.
    every : int
        Updates between two reports.

    Yields
    ------
    LanguageRun
        First of the untrained model. The run ends after `updates`, or earlier when the gradient is not finite.

    Examples
    --------
    >>> first, *_, last = train(updates=100)
    >>> round(float(first.perplexity[-1])), round(float(last.perplexity[-1]), 1)
    (7, 1.7)
    """
    for_model, for_training, for_test, for_texts = map(int, np.random.SeedSequence(seed).generate_state(4))
    net, optimizer, rng = model(for_model, hidden, start, radius), SGD(learning_rate), np.random.default_rng(for_training)
    held = strings(300, np.random.default_rng(for_test))
    best = held.best_loss
    forgetful = best + math.log(2) * len(held.lengths) / held.mask.sum()
    loss, norms, tests = np.empty(updates), np.empty(updates), []
    trace = gradients = None

    def so_far(taken: int) -> LanguageRun:
        read = net.forward(held.inputs)
        tests.append((net.cost(read, held.targets, held.mask).perplexity, recall(read, held)))
        texts = _write(net, np.random.default_rng(for_texts)) if math.isfinite(tests[-1][1]) else []
        legal = np.mean([right == len(text) for text, right in texts]) if texts else math.nan
        return LanguageRun(updates, max_norm, loss[:taken], norms[:taken], every, *np.array(tests).T, math.exp(best),
                           math.exp(forgetful), texts[:6], float(legal))

    yield so_far(0)
    for taken in range(updates):
        drawn = strings(batch, rng)
        trace = net.forward(drawn.inputs, trace=trace)
        loss[taken] = net.cost(trace, drawn.targets, drawn.mask).mean
        gradients = net.backward(trace, drawn.targets, drawn.mask, tau=tau, gradients=gradients)
        clipped, norms[taken] = by_global_norm(gradients.parameters(), max_norm)
        optimizer.step(net.parameters(), clipped)
        over = not math.isfinite(norms[taken])
        if (taken + 1) % every == 0 or taken + 1 == updates or over:
            yield so_far(taken + 1)
            if over:
                return


def _write(net: SequenceModel, rng: np.random.Generator, count: int = 100, length: int = 40) -> list[tuple[str, int]]:
    """Texts the model writes after a first B, each with the number of its symbols that stand in order."""
    begin = np.full((count, 1), SYMBOLS.index("B"))
    written = np.hstack([begin, net.sample(length - 1, rng, begin[:, 0])])
    right = legal_lengths(written)
    ended = _walk(written)[:, -1] == _END
    return [(_text(row[: n + (not over)]), int(n)) for row, n, over in zip(written, right, ended, strict=True)]
