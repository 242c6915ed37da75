"""Panels of notebook 05: gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np

from livegrad.experiments.cliff import Cliff, Surface, cliff_surface, descend_cliff
from livegrad.experiments.clipping import SOURCES, NormsSeen, PlaneClips, RandomGradients, norms_seen
from livegrad.experiments.temporal_order import CHANCE, STARTS, TemporalOrderRun, train
from livegrad.experiments.thresholds import RATES, THRESHOLDS, ThresholdSweep, compare_thresholds, load
from livegrad.figures.clipping import CliffScene, NormsScene, PlaneScene, TemporalOrderScene, ThresholdScene
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel
from livegrad.panels.training import TrainingPanel

__all__ = ["choose_panel", "cliff_panel", "clip_panel", "temporal_order_panel", "threshold_panel"]

_NONE = "none"
_THRESHOLDS = {_NONE if math.isinf(threshold) else f"{threshold:g}": threshold for threshold in THRESHOLDS}


def clip_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """A gradient clipped by norm and by value: two entries as an arrow, and the turn of gradients of n entries.

    The arrow's tip, the circle's lowest point and the ring on the curve can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"entries=100 tail=1 g1=3 g2=1 threshold=1"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> clip_panel("g1=3 g2=4 threshold=1").result.by_norm
    array([0.6, 0.8])
    """
    draws = RandomGradients()

    def compute(entries: int, tail: float, g1: float, g2: float, threshold: float) -> PlaneClips:
        return draws.clip([g1, g2], threshold, entries, tail)

    def drag(grip: int, x: float, y: float, result: PlaneClips) -> dict[str, float]:
        return ({"g1": x, "g2": y}, {"threshold": math.hypot(x, y)}, {"entries": x})[grip]

    return Panel(
        PlaneScene,
        [Slider("entries", "Entries n, right", 2, 1000, 100),
         Slider("tail", "Tail, right (0: Gauss)", 0.0, 2.0, 1.0, 0.1),
         Slider("g1", "Gradient, entry 1", -4.0, 4.0, 3.5, 0.1, lecture=False),
         Slider("g2", "Gradient, entry 2", -4.0, 4.0, 1.2, 0.1, lecture=False),
         Slider("threshold", "Threshold ε", 0.1, 4.0, 1.5, 0.1)],
        compute, _describe_clips, drag=drag, state=state, lecture=lecture,
        presets={"Below ε": "g1=1.2 g2=0.9 threshold=2", "One large entry": "g1=4 g2=1 threshold=1",
                 "On the diagonal": "g1=3 g2=3 threshold=1"})


def _describe_clips(result: PlaneClips) -> str:
    size, by_norm, by_value = (plain(math.hypot(*v)) for v in (result.gradient, result.by_norm, result.by_value))
    if not result.gradient.any():
        return "The gradient is zero: it has no direction, and there is nothing to clip."
    if np.array_equal(result.by_norm, result.gradient):
        fate = f"The gradient is {size} long, which ε = {plain(result.threshold)} leaves as it is."
    else:
        fate = (f"Clipping by norm takes the length from {size} to {by_norm} and turns nothing; "
                f"by value takes it to {by_value} and turns it by {abs(result.turn):.1f}°.")
    return (f"{fate} A random gradient of {result.entries} entries clipped by value keeps a cosine of {result.cosine_there:.3f}; "
            f"it cannot fall below {result.entries**-0.5:.3f}.")


def cliff_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Gradient descent over the cliff of a one-unit recurrent net, without and with clipping.

    The start can be dragged on the surface, and the threshold on the right.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"w=5.2 b=-2.3 learning_rate=0.1 threshold=0 steps=60"``; threshold=0 is ε = 10⁰.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> cliff_panel("steps=10").result.plain.norms.shape
    (10,)
    """
    def compute(w: float, b: float, learning_rate: float, threshold: float, steps: int) -> Cliff:
        return descend_cliff(w, b, learning_rate, 10.0**threshold, steps)

    def drag(grip: int, x: float, y: float, result: Cliff) -> dict[str, float]:
        return {"w": x, "b": y} if grip == 0 else {"threshold": math.log10(y)} if y > 0 else {}

    return Panel(
        partial(CliffScene, surface=_surface()),
        [Slider("w", "Start: weight w", 4.0, 6.5, 5.2, 0.02, lecture=False),
         Slider("b", "Start: bias b", -3.6, -1.6, -2.3, 0.02, lecture=False),
         Slider("learning_rate", "Learning rate", 0.02, 0.5, 0.1, 0.02),
         Slider("threshold", "Threshold ε = 10^", -2.0, 4.0, 0.0, 0.1),
         Slider("steps", "Steps", 1, 100, 60)],
        compute, _describe_cliff, drag=drag, state=state, lecture=lecture,
        presets={"ε too high": "w=5.2 b=-2.3 learning_rate=0.1 threshold=3.5 steps=60",
                 "ε too low": "w=5.2 b=-2.3 learning_rate=0.1 threshold=-2 steps=60",
                 "Again and again": "w=4.7 b=-2.4 learning_rate=0.2 threshold=0 steps=100"})


@lru_cache(maxsize=1)
def _surface() -> Surface:
    return cliff_surface(np.linspace(4.0, 6.5, 301), np.linspace(-3.6, -1.6, 241))


def _describe_cliff(result: Cliff) -> str:
    free, held = result.plain, result.clipped
    at = held.steepest
    length = np.hypot(*np.diff(free.path[free.steepest : free.steepest + 2], axis=0)[0])
    first = (f"Without clipping the largest gradient is {plain(free.norms.max())}, the step there is {plain(length)} long, "
             f"and the cost ends at {plain(free.cost[-1])}.")
    if not result.share_clipped:
        return f"{first} ε = {plain(result.max_norm)} is above every gradient: nothing was clipped, and both paths are one."
    clipped = np.count_nonzero(held.norms > result.max_norm)
    return (f"{first} With ε = {plain(result.max_norm)}, clipping acts in {clipped} of {len(held.norms)} steps; "
            f"the largest gradient is {plain(held.norms[at])}, and the cost ends at {plain(held.cost[-1])}.")


def temporal_order_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Train a recurrent net to remember which of two symbols came first, with the gradient clipped by its norm.

    It opens on a run stored with the course, if there is one with these settings, and else on the untrained net; presets
    do the same. The line of the threshold can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"length=30 threshold=1 learning_rate=0.1 start=normal seed=0"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> panel = temporal_order_panel()
    >>> panel.result.solved, panel.result.taken
    (True, 3800)
    """
    def run(threshold: str, learning_rate: str, **values: object) -> Iterator[TemporalOrderRun]:
        return train(max_norm=_THRESHOLDS[threshold], learning_rate=float(learning_rate), **values)

    def opening(length: int, start: str, threshold: str, learning_rate: str, seed: int) -> TemporalOrderRun:
        stored = load().run(float(learning_rate), _THRESHOLDS[threshold], seed, start)
        if stored and length == load().settings["length"]:
            return stored
        return next(run(threshold, learning_rate, length=length, start=start, seed=seed))

    def drag(grip: int, x: float, y: float, result: TemporalOrderRun) -> dict[str, str]:
        finite = [name for name in _THRESHOLDS if name != _NONE]
        return {"threshold": min(finite, key=lambda name: abs(math.log(_THRESHOLDS[name] / y)))} if y > 0 else {}

    return TrainingPanel(
        TemporalOrderScene,
        [Slider("length", "Length T (symbols)", 10, 60, 30),
         Choice("start", "First weights", STARTS, "normal", lecture=False),
         Choice("threshold", "Threshold ε", tuple(_THRESHOLDS), "1"),
         Choice("learning_rate", "Learning rate", ("0.01", "0.03", "0.1", "0.3"), "0.1"),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        run, _describe_run, opening, drag=drag, state=state, lecture=lecture,
        presets={"Clipped": "length=30 threshold=1 learning_rate=0.1 start=normal seed=0",
                 "Not clipped": "length=30 threshold=none learning_rate=0.1 start=normal seed=0",
                 "As published": "length=30 threshold=1 learning_rate=0.01 start=normal seed=4"})


def _describe_run(result: TemporalOrderRun) -> str:
    wrong = f"{percent(result.error[-1], '.3g')} of 1000 test sequences are answered wrongly (guessing: {percent(CHANCE)})"
    if result.taken == 0:
        return f"Not trained yet: press Train. {wrong}."
    fate = "Solved" if result.solved else "Overflow" if result.overflowed else "Not solved"
    clipped = ("Nothing was clipped" if math.isinf(result.max_norm) else
               f"At ε = {plain(result.max_norm)}, {percent(result.share_clipped)} of the updates were clipped")
    longest = f"the longest gradient had norm {plain(result.norms.max())}"
    return f"{fate} after {result.taken:,} updates: {wrong}. {clipped}; {longest}."


def threshold_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Clipping threshold against solved share and updates needed, from the stored runs.

    The line of the budget can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"learning_rate=0.01 error=1 budget=20000"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> threshold_panel("budget=40000").result.needed.shape
    (6, 5)
    """
    def compute(learning_rate: str, error: str, budget: int) -> ThresholdSweep:
        return compare_thresholds(float(learning_rate), budget, float(error) / 100)

    rates = tuple(map(str, RATES))
    return Panel(
        partial(ThresholdScene, sweep=compare_thresholds(RATES[0], 1)),
        [Choice("learning_rate", "Learning rate", rates, "0.1"),
         Choice("error", "Solved: wrong < (%)", ("1", "5", "10", "25", "50"), "1"),
         Slider("budget", "Budget (updates)", 500, 40_000, 40_000, 500)],
        compute, _describe_thresholds, drag=lambda grip, x, y, result: {"budget": y}, state=state, lecture=lecture)


def _describe_thresholds(result: ThresholdSweep) -> str:
    labels = [name if name == _NONE else f"ε = {name}" for name in _THRESHOLDS]
    counts = ", ".join(f"{solved} with {label}" for label, solved in zip(labels, result.solved, strict=True))
    count, seeds = result.needed.size, result.needed.shape[1]
    return (f"Below {percent(result.error)} wrong answers within {result.budget:,} updates, of {seeds} seeds: {counts}. "
            f"{np.isnan(result.needed).sum()} of {count} runs were stopped at {result.cap:,} updates without getting there.")


def choose_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The histogram of gradient norms seen so far, to choose a threshold from.

    The threshold can be dragged, on the histogram and on the curve.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"source=deep_sigmoid seen=20 threshold=-1"``; threshold=-1 is ε = 10⁻¹.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> choose_panel("source=deep_sigmoid threshold=0").result.share_clipped
    0.0
    """
    sources = {name.replace(", ", "_").replace(" ", "_"): name for name in SOURCES}

    def compute(source: str, seen: int, threshold: float) -> NormsSeen:
        return norms_seen(sources[source], seen / 100, 10.0**threshold)

    return Panel(
        NormsScene,
        [Choice("source", "Net", tuple(sources), next(iter(sources))),
         Slider("seen", "Run seen (%)", 1, 100, 100),
         Slider("threshold", "Threshold ε = 10^", -8.0, 4.0, 0.0, 0.125)],
        compute, _describe_norms, drag=lambda grip, x, y, result: {"threshold": math.log10(x)}, state=state, lecture=lecture,
        presets={"Explodes": "source=deep_ReLU seen=100 threshold=0", "Vanishes": "source=deep_sigmoid seen=100 threshold=0"})


def _describe_norms(result: NormsSeen) -> str:
    count, gate, average = len(result.norms), plain(result.threshold), result.average
    made = "without clipping" if math.isinf(result.max_norm) else f"with ε = {plain(result.max_norm)}"
    longer = percent(result.share_clipped) if result.share_clipped else "None"
    are = "are" if result.share_clipped else "is"
    fate = f"{longer} of {count:,} gradients in this run, made {made}, {are} longer than ε = {gate}."
    if not result.share_clipped and math.isinf(result.max_norm):
        fate += " With it, training would be the same."
    advice = (f"Their average norm is {plain(average)}; from half to ten times that is {plain(average / 2)} to "
              f"{plain(10 * average)}.")
    if not result.first.size:
        return f"{fate} {advice}"
    share = plain(np.median(result.first / result.norms))
    return f"{fate} {advice} The first layer's gradient is {share} of the whole, clipped or not."
