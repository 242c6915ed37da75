"""Panels of notebook 07 that train: a recurrent language model, and the temporal-order task against its length."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from functools import lru_cache, partial

from livegrad.experiments.reber import CHANCE, STARTS, LanguageRun, train
from livegrad.experiments.temporal_order_card import EVERY, RATES, UPDATES, Card, live, success
from livegrad.figures.language import CardScene, LanguageScene
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.training import TrainingPanel

__all__ = ["language_panel", "temporal_order_panel"]

_THRESHOLDS = {"0.1": 0.1, "0.3": 0.3, "1": 1.0, "3": 3.0, "none": math.inf}
_TAUS = {"1": 1, "2": 2, "3": 3, "5": 5, "8": 8, "all": None}


def language_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Train a recurrent language model on the embedded Reber grammar and read what it writes.

    The line of the threshold can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"start=normal radius=1 tau=all threshold=1 learning_rate=1"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> panel = language_panel()
    >>> round(float(panel.result.perplexity[-1]), 2), float(panel.result.recall[-1])
    (1.57, 1.0)
    """
    def drag(grip: int, x: float, y: float, result: LanguageRun) -> dict[str, str]:
        finite = [name for name, threshold in _THRESHOLDS.items() if math.isfinite(threshold)]
        return {"threshold": min(finite, key=lambda name: abs(math.log(_THRESHOLDS[name] / y)))} if y > 0 else {}

    return TrainingPanel(
        LanguageScene,
        [Choice("start", "First weights", STARTS, "normal"),
         Slider("radius", "Spectral radius", 0.1, 3.0, 1.0, 0.1),
         Choice("tau", "Steps back τ", tuple(_TAUS), "all"),
         Choice("threshold", "Threshold ε", tuple(_THRESHOLDS), "1"),
         Choice("learning_rate", "Learning rate", ("0.1", "0.3", "1", "3"), "1", lecture=False)],
        _language_run, _describe_language, _finished, drag=drag, state=state, lecture=lecture,
        presets={"Sent back 2 steps": "start=normal radius=1 tau=2 threshold=1 learning_rate=1",
                 "Radius 3": "start=normal radius=3 tau=all threshold=1 learning_rate=1",
                 "Not clipped, rate 3": "start=normal radius=1 tau=all threshold=none learning_rate=3"})


def _language_run(start: str, radius: float, tau: str, threshold: str, learning_rate: str) -> Iterator[LanguageRun]:
    return train(start=start, radius=radius, tau=_TAUS[tau], max_norm=_THRESHOLDS[threshold], learning_rate=float(learning_rate))


@lru_cache(maxsize=8)
def _finished(**values: object) -> LanguageRun:
    return deque(_language_run(**values), maxlen=1)[-1]


def _describe_language(result: LanguageRun) -> str:
    score = f"perplexity {plain(result.perplexity[-1])} on test strings (the grammar's own: {plain(result.best)})"
    if not result.taken:
        return f"Not trained yet: press Train. Loss {plain(math.log(result.perplexity[-1]))}, {score}."
    if result.overflowed or math.isnan(result.recall[-1]):
        return f"Overflow after {result.taken} updates: what the model computes is not finite, and no update will bring it back."
    clipped = ("Nothing was clipped" if math.isinf(result.max_norm) else
               f"At ε = {plain(result.max_norm)}, {result.clipped} update{'s were' if result.clipped != 1 else ' was'} clipped")
    return (f"After {result.taken} updates: {score}. The long-range symbol is known in {percent(result.recall[-1])} of them "
            f"(chance: {percent(CHANCE)}), and {percent(result.legal)} of the texts it writes are legal. {clipped}; the longest "
            f"gradient had norm {plain(result.norms.max())}.")


def temporal_order_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Success on the temporal-order task against its length, from stored runs, with the paper's settings and a run made live.

    It opens on the stored runs. Train makes one more run, with the length, the clipping and the seed that are set; for stored
    ones it is the stored run again. The line of the budget can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"learning_rate=0.01 length=20 threshold=1 seed=0 budget=20000"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> temporal_order_panel().result.stored.solved.shape
    (2, 5)
    """
    def run(learning_rate: str, threshold: str, **values: object) -> Iterator[Card]:
        return live(float(learning_rate), max_norm=_THRESHOLDS[threshold], **values)

    return TrainingPanel(
        partial(CardScene, stored=success()),
        [Choice("learning_rate", "Learning rate", tuple(map(str, RATES)), str(RATES[0])),
         Slider("length", "Live: length T", 10, 50, 20),
         Choice("threshold", "Live: threshold ε", ("1", "none"), "1"),
         Slider("seed", "Live: seed", 0, 9, 0, lecture=False),
         Slider("budget", "Budget (updates)", EVERY, UPDATES, UPDATES, EVERY)],
        run, _describe_card, lambda **values: next(run(**values)), drag=lambda grip, x, y, result: {"budget": y},
        state=state, lecture=lecture)


def _describe_card(result: Card) -> str:
    stored, run = result.stored, result.live
    clipped, free = (", ".join(map(str, counts)) for counts in stored.solved)
    lengths = ", ".join(map(str, stored.lengths))
    told = (f"Under 1 % errors within {stored.budget:,} updates at T = {lengths}: {clipped} of {stored.runs} seeds with ε = 1, "
            f"{free} without clipping.")
    if run is None or not run.taken:
        return told
    fate = "solved" if run.solved else "overflow" if run.overflowed else f"{percent(run.error[-1], '.3g')} wrong"
    return f"{told} Live, T = {result.length}: {fate} after {run.taken:,} updates."
