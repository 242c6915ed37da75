"""Panels of notebook 06 that train: nets with batch norm, with layer norm and without."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np

from livegrad.experiments.norm_runs import (
    BATCHES, RATES, WEIGHT_SCALES, Beside, accuracy_by_batch, accuracy_by_step, loss_by_weight_scale, stored_run)
from livegrad.experiments.normed_nets import Comparison, ioffe_szegedy, small_batches, weight_scales
from livegrad.figures.normed_nets import NAMES, IoffeSzegedyScene, SmallBatchScene, WeightScaleScene
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.training import TrainingPanel

__all__ = ["bn_or_ln_panel", "ioffe_szegedy_panel", "prior_panel"]


def prior_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Train from weights of any size, without and with batch norm: the loss after some updates, and where γ and β go.

    The line that marks the weight scale can be dragged over the stored runs.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"weight_scale=-2 activation=relu learning_rate=0.1 steps=300 seed=0"``. `weight_scale` is the
        exponent: −2 for 0.01.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> runs = prior_panel("weight_scale=-2 activation=tanh steps=100").result.live.runs
    >>> bool(runs["none"].recent > 2.2), bool(runs["batch"].recent < 1)
    (True, True)
    """
    @lru_cache(maxsize=32)
    def stored(activation: str, learning_rate: float, steps: int):
        return loss_by_weight_scale(activation, learning_rate, steps)

    def run(activation: str, weight_scale: float, learning_rate: str, steps: int, seed: int) -> Iterator[Beside]:
        scale = WEIGHT_SCALES[round((weight_scale - math.log10(WEIGHT_SCALES[0])) * 4)]
        bands = stored(activation, float(learning_rate), steps)
        for live in weight_scales(scale, activation, float(learning_rate), seed, steps):
            yield Beside(live, scale, bands)

    def opening(**values: float | str) -> Beside:
        return deque(run(**values), maxlen=1)[-1]

    return TrainingPanel(
        partial(WeightScaleScene, places=WEIGHT_SCALES),
        [Choice("activation", "Activation", ("sigmoid", "tanh", "relu"), "relu"),
         Slider("weight_scale", "Weight scale = 10^", -2.0, 2.0, -2.0, 0.25),
         Choice("learning_rate", "Learning rate", tuple(f"{rate:g}" for rate in RATES), f"{RATES[0]:g}"),
         Slider("steps", "Updates k", 20, 300, 300, 20),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        run, _describe_scale, opening, state=state, lecture=lecture,
        drag=lambda grip, x, y, result: {"weight_scale": math.log10(x)} if x > 0 else {},
        presets={"Scale 0.01": "weight_scale=-2", "Scale 1": "weight_scale=0", "Scale 100": "weight_scale=2"})


def _describe_scale(result: Beside) -> str:
    none, batch = (result.live.runs[norm] for norm in ("none", "batch"))
    at = f"Weight scale {plain(result.at)}"

    def loss(value: float) -> str:
        return "infinite (overflow)" if np.isinf(value) else plain(value)

    medians = [loss(result.stored[norm].median[WEIGHT_SCALES.index(result.at)]) for norm in ("none", "batch")]
    stored = f"Medians of the stored seeds: {medians[0]} without, {medians[1]} with batch norm."
    if not result.live.taken:
        return f"Not trained yet: press Train. {at}; γ starts at 1, β at 0. {stored}"

    gamma, beta = batch.gamma[-1], batch.beta[-1]
    return (f"{at}, after {result.live.taken} updates: loss {loss(none.recent)} without and {loss(batch.recent)} with batch norm "
            f"(guessing: {math.log(10):.2f}). In the last hidden layer γ is now {gamma.min():.2f} to {gamma.max():.2f}, "
            f"β {beta.min():.2f} to {beta.max():.2f}. {stored}")


def bn_or_ln_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Train without normalization, with batch norm and with layer norm on batches of any size, down to 1.

    The line that marks the batch size can be dragged over the stored runs.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"batch=4 steps=300 seed=0"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> bn_or_ln_panel("batch=1 steps=20").result.live.runs["batch"] is None
    True
    """
    stored = lru_cache(maxsize=64)(accuracy_by_batch)

    def run(batch: int, steps: int, seed: int) -> Iterator[Beside]:
        for live in small_batches(batch, seed, steps):
            yield Beside(live, batch, stored(steps))

    return TrainingPanel(
        partial(SmallBatchScene, places=BATCHES),
        [Slider("batch", "Batch size B", BATCHES[0], BATCHES[-1], 4),
         Slider("steps", "Updates k", 20, 1000, 300, 20),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        run, _describe_three, state=state, lecture=lecture, drag=lambda grip, x, y, result: {"batch": x},
        presets={"Batches of 128": "batch=128", "Batches of 2": "batch=2", "One at a time": "batch=1"})


def _describe_three(result: Beside) -> str:
    live = result.live
    stored = ""
    if result.at in BATCHES:
        medians = {norm: band.median[BATCHES.index(int(result.at))] for norm, band in result.stored.items()}
        shares = [f"{percent(share, '.1f')} with {NAMES[norm]}" for norm, share in medians.items() if not np.isnan(share)]
        stored = f" Medians of the stored seeds: {', '.join(shares)}."
    if not live.taken:
        return f"Not trained yet: press Train. Batches of {result.at:.0f}.{stored}"
    shares = [f"{percent(run.accuracy[-1])} with {NAMES[norm]}" for norm, run in live.runs.items() if run is not None]
    refused = " Batch norm refuses: one example has no variance." if live.runs["batch"] is None else ""
    return (f"Batches of {result.at:.0f}, after {live.taken} updates: of the test digits are right {', '.join(shares)}."
            f"{refused}{stored}")


def ioffe_szegedy_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """The sigmoid net of Ioffe & Szegedy (2015, §4.1) on the digits, without and with batch norm.

    It opens on a stored run of 50,000 updates; Train makes a short one.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"steps=2000 seed=0"``. Runs are stored for seeds 0 to 4.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> ioffe_szegedy_panel().result.taken
    50000
    """
    def run(steps: int, seed: int) -> Iterator[Comparison]:
        return ioffe_szegedy(seed, steps)

    def opening(steps: int, seed: int) -> Comparison:
        return stored_run(seed) or next(run(steps, seed))

    at, bands = accuracy_by_step()
    return TrainingPanel(
        partial(IoffeSzegedyScene, at=at, bands=bands),
        [Slider("steps", "Updates, own run", 500, 5000, 2000, 250), Slider("seed", "Seed", 0, 9, 0)],
        run, _describe_paper, opening, state=state, lecture=lecture)


def _describe_paper(result: Comparison) -> str:
    if not result.taken:
        return "Not trained yet: press Train."
    none, batch = (result.runs[norm] for norm in ("none", "batch"))
    ends = [f"{low:.2f} and {high:.2f}" for low, _, high in (none.read[-1], batch.read[-1])]
    right = [percent(run.accuracy[-1], ".1f") for run in (none, batch)]
    return (f"After {result.taken:,} updates {right[0]} of the test digits are right without batch norm, {right[1]} with it. "
            f"For 70 % of them the sigmoid reads something between {ends[0]} without, between {ends[1]} with batch norm.")
