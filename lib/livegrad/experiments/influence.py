"""Which earlier symbols one output of a recurrent net hangs on: by its gradient, and by really replacing them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import data
from livegrad.clipping import by_global_norm
from livegrad.experiments.bptt import inputs_and_targets, random_net, sent_back
from livegrad.experiments.reber import SYMBOLS, allowed, strings
from livegrad.experiments.sweeps import Sweep
from livegrad.optim import Adam
from livegrad.rnn import RNN, SequenceModel
from livegrad.validation import choice, fail

__all__ = ["LONG", "NETS", "SWEEP", "Influence", "influence", "train_net", "trained_net"]

LONG = "BTBTSSSSXXTTTVPXTTVPXVVETE"
"""A string of the embedded Reber grammar: its last symbol but one has to be the T at its second place, 22 symbols before."""

NETS = ("random", "orthogonal", "trained")
"""Nets of `influence`: two ways to draw W_h, and stored weights that have learned the grammar."""


@dataclass(frozen=True)
class Influence:
    """Which earlier symbols one output of a net hangs on: by its gradient, and by really replacing them.

    Attributes
    ----------
    net : str
        One of `NETS`.
    symbols : str
        T + 1 of them: T are read, and each is the target of the step before.
    t, k : int
        The output's step, and an earlier one that is pointed at.
    right : float
        ŷ_t of the symbol that comes next.
    gradient : ndarray (t,)
        ‖∂ ln ŷ_t[target]/∂x_s‖ for s = 1 … t.
    rivals : str
        For s = 1 … t the other symbol that the grammar allowed there, or a space if it allowed no other.
    replaced : ndarray (t,)
        ŷ_t[target] if the rival stood at s; nan without a rival.
    lawful : ndarray of bool (t,)
        Whether the string up to step t is then still the beginning of one of the grammar.
    """

    net: str
    symbols: str
    t: int
    k: int
    right: float
    gradient: np.ndarray
    rivals: str
    replaced: np.ndarray
    lawful: np.ndarray

    @property
    def relative(self) -> np.ndarray:
        """The gradient over its largest, (t,)."""
        return self.gradient / self.gradient.max()

    @property
    def change(self) -> np.ndarray:
        """By how much the rival changes ŷ_t[target], (t,)."""
        return np.abs(self.replaced - self.right)


def influence(net: str, t: int, k: int, spectral_radius: float = 1.0, seed: int = 0, symbols: str = LONG) -> Influence:
    """Ask one output of a net which earlier symbols it hangs on.

    Parameters
    ----------
    net : {"random", "orthogonal", "trained"}
    t, k : int
        Steps with 1 ≤ k ≤ t ≤ T.
    spectral_radius, seed : float, int
        Of the nets that are not trained.
    symbols : str
        A string of the embedded Reber grammar.

    Returns
    -------
    Influence

    Examples
    --------
    >>> seen = influence("trained", t=24, k=2)
    >>> bool(seen.relative[1] < 1e-3), bool(seen.change[1] > 0.9)
    (True, True)
    """
    x, targets = inputs_and_targets(symbols)
    if not 1 <= k <= t <= x.size:
        fail("t, k", f"1 <= k <= t <= {x.size}", f"t={t}, k={k}")
    if choice("net", net, NETS) == "trained":
        model = trained_net()
    else:
        model = random_net(seed, 20, spectral_radius, rule="orthogonal" if net == "orthogonal" else "lecun_normal")
    read, target = x[:, :t], targets[0, t - 1]
    trace = model.forward(read)
    back = sent_back(model, trace, t, target)
    at, rivals = _rivals(read)
    others = np.repeat(read, len(at), axis=0)
    others[np.arange(len(at)), at] = rivals
    replaced, lawful, named = np.full(t, np.nan), np.zeros(t, bool), np.full(t, " ")
    if len(at):
        replaced[at] = model.forward(others, steps=[-1]).probabilities[:, 0, target]
        lawful[at] = allowed(others)[:, -1].any(axis=1)
        named[at] = np.array(list(SYMBOLS))[rivals]
    return Influence(net, symbols, t, k, float(trace.probabilities[0, -1, target]),
                     np.linalg.norm(model.rnn.input_gradient(back)[0], axis=1), "".join(named), replaced, lawful)


def _rivals(read: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the grammar had allowed another symbol than the one that was read, (1, t), and which, (m,) each."""
    others = allowed(read)[0, :-1] & (np.arange(len(SYMBOLS)) != read[0, 1:, np.newaxis])
    at, symbols = np.nonzero(others)
    return at + 1, symbols


def train_net(seed: int, n_hidden: int, updates: int, learning_rate: float, batch: int, max_norm: float) -> dict[str, np.ndarray]:
    """Teach an orthogonal tanh net the embedded Reber grammar with Adam and clipping; the arrays are its parameters.

    Every update sees fresh strings of the grammar.
    """
    model = random_net(seed, n_hidden, 1.0, rule="orthogonal")
    optimizer, rng = Adam(learning_rate), np.random.default_rng([seed, 2])
    for _ in range(updates):
        text = strings(batch, rng)
        trace = model.forward(text.inputs)
        grads, _ = by_global_norm(model.backward(trace, text.targets, text.mask).parameters(), max_norm)
        optimizer.step(model.parameters(), grads)
    return dict(zip(("W_x", "W_h", "b", "W_s", "c"), model.parameters(), strict=True))


def _with_settings(cells: list[dict[str, Any]], results: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return results[0] | {name: np.array(value) for name, value in cells[0].items()}


SWEEP = Sweep([{"seed": 1, "n_hidden": 20, "updates": 3000, "learning_rate": 0.01, "batch": 32, "max_norm": 1.0}],
              train_net, _with_settings, Path(data.__file__).with_name("reber_net.npz"))


@cache
def trained_net() -> SequenceModel:
    """Weights that have learned the embedded Reber grammar, as `SWEEP` has stored them.

    Examples
    --------
    >>> trained_net().rnn.W_h.shape
    (20, 20)
    """
    stored = data.read(SWEEP.target)
    return SequenceModel(RNN(stored["W_x"], stored["W_h"], stored["b"], "tanh"), stored["W_s"], stored["c"])
