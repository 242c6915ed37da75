"""Panels of notebook 06 in which nothing trains: what normalization does to inputs, to a unit, to a batch, to a matrix."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from livegrad.experiments.inputs import NEEDED, Bowl, Inputs, inputs
from livegrad.experiments.normalization import (
    LINEAR, NORM_AXES, BatchUnit, BatchView, Estimates, MatrixView, OneRow, RowBatch, UnitView, matrix_view)
from livegrad.figures.normalization import (
    BatchSizeScene, BatchUnitScene, InputsScene, MatrixScene, OneRowScene, start_left)
from livegrad.figures.scene import percent, plain
from livegrad.mlp import rms
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel

__all__ = ["axis_panel", "batch_size_panel", "batchnorm_panel", "inputs_panel", "one_row_panel"]


def inputs_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Two inputs, the bowl that the loss of a linear unit is over them, and gradient descent, before and after standardizing.

    The middle of the inputs can be dragged, and the point two standard deviations to its right.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"mean=4 std=1 correlation=0 rate=1 steps=50"``. `rate` is the learning rate times
        the largest eigenvalue of each bowl.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> round(inputs_panel("mean=0 std=3").result.before.condition, 3)
    9.0
    """
    def drag(grip: int, x: float, y: float, result: Inputs) -> dict[str, float]:
        return {"mean": (x + y) / 2} if grip == 0 else {"std": (x - panel.controls["mean"].value) / 2}

    panel = Panel(
        InputsScene,
        [Slider("mean", "Both means", 0.0, 5.0, 4.0, 0.1),
         Slider("std", "Std of input 1", 0.2, 5.0, 1.0, 0.1),
         Slider("correlation", "Correlation", -0.9, 0.9, 0.0, 0.1),
         Slider("rate", "Rate × λ_max", 0.1, 2.2, 1.0, 0.1),
         Slider("steps", "Steps", 1, 200, 50, lecture=False)],
        inputs, _describe_inputs, drag=drag, state=state, lecture=lecture,
        presets={"Off center": "mean=5 std=1 correlation=0", "One wide input": "mean=0 std=5 correlation=0",
                 "Correlated": "mean=0 std=1 correlation=0.9"})
    return panel


def _describe_inputs(result: Inputs) -> str:
    raw, standardized = result.before, result.after

    def way(bowl: Bowl) -> str:
        return "never" if bowl.needed is None else f"after {bowl.needed:,} step{'s' * (bowl.needed != 1)}"

    return (f"The condition number of the loss is {plain(raw.condition)}; with standardized inputs "
            f"{plain(standardized.condition)}. Gradient descent has {percent(NEEDED)} of the first loss left {way(raw)}; "
            f"with standardized inputs {way(standardized)}.")


def batchnorm_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """What batch norm makes of one unit's pre-activations, and the sigmoid of the result.

    β and β + γ can be dragged on the histogram in the middle.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"weight_scale=0.5 bias=2 gamma=1 beta=0 learned=free"``. `weight_scale` is the exponent: 0.5
        for 10^0.5. ``learned=undo`` takes γ = √(Var + ε), β = E in place of the sliders.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> bool(batchnorm_panel("learned=undo").result.difference < 1e-12)
    True
    """
    unit = BatchUnit()

    def compute(weight_scale: float, bias: float, gamma: float, beta: float, learned: str) -> UnitView:
        return unit.view(10.0**weight_scale, bias, gamma, beta, undo=learned == "undo")

    def drag(grip: int, x: float, y: float, result: UnitView) -> dict[str, float | str]:
        gamma, beta = (result.gamma, x) if grip == 0 else (x - result.beta, result.beta)
        return {"gamma": gamma, "beta": beta, "learned": "free"}

    return Panel(
        BatchUnitScene,
        [Slider("weight_scale", "Weight scale = 10^", -1.0, 1.5, 0.5, 0.05),
         Slider("bias", "Bias", -5.0, 5.0, 2.0, 0.1, lecture=False),
         Slider("gamma", "γ", 0.0, 5.0, 1.0, 0.05),
         Slider("beta", "β", -5.0, 5.0, 0.0, 0.1),
         Choice("learned", "γ and β", ("free", "undo"), "free")],
        compute, _describe_unit, drag=drag, state=state, lecture=lecture,
        presets={"Undo": "learned=undo", "Small weights": "weight_scale=-1 bias=0 gamma=1 beta=0 learned=free",
                 "Other weights": "weight_scale=1.5 bias=-5 gamma=1 beta=0 learned=free"})


def _describe_unit(result: UnitView) -> str:
    before, after = result.linear
    shares = (f"The share of the batch in the sigmoid's linear region (|z| ≤ {LINEAR:.2f}) is {percent(before)} without batch "
              f"norm and {percent(after)} with it.")
    if result.difference < 1e-12:
        return (f"With γ = √(Var + ε) = {plain(result.gamma)} and β = E = {plain(result.beta)} batch norm gives back what came "
                f"in, but for rounding. {shares}")
    return (f"Into batch norm: mean {plain(result.mean)}, standard deviation {plain(math.sqrt(result.var))}. Out of it: mean "
            f"{plain(result.beta)}, standard deviation {plain(result.out.std())}. {shares}")


def batch_size_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """What a batch of B knows of mean and variance, what the running averages keep, and how a test set comes out.

    The batch size can be dragged on the left, the number of batches met in the middle.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"batch=8 momentum=0.9 seen=50 shift=0 statistics=running"``. `momentum` is the share that is kept.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> batch_size_panel("batch=1").result.test.size, batch_size_panel("batch=1 statistics=own").result.test.size
    (360, 0)
    """
    estimates, most_seen = Estimates(), 200

    def compute(batch: int, momentum: float, seen: int, shift: float, statistics: str) -> BatchView:
        return estimates.view(batch, momentum, seen, shift, statistics == "own")

    return Panel(
        partial(BatchSizeScene, spreads=estimates.spreads, kurtosis=estimates.kurtosis, train=estimates.train,
                most_seen=most_seen),
        [Slider("batch", "Batch size B", 1, 256, 8),
         Slider("momentum", "Momentum (kept)", 0.0, 0.99, 0.9, 0.01),
         Slider("seen", "Training batches", 0, most_seen, 50),
         Slider("shift", "Test set shift (σ)", -3.0, 3.0, 0.0, 0.1, lecture=False),
         Choice("statistics", "Test set uses", ("running", "own"), "running")],
        compute, _describe_batches, drag=lambda grip, x, y, result: {("batch", "seen")[grip]: x}, state=state, lecture=lecture,
        presets={"Not warmed up": "batch=32 momentum=0.99 seen=20 shift=0 statistics=running",
                 "Shifted test set": "batch=32 momentum=0.9 seen=100 shift=2 statistics=running",
                 "Batches of 1": "batch=1 momentum=0.9 seen=50 shift=0 statistics=own"})


def _describe_batches(result: BatchView) -> str:
    test = "Normalizing the test set by its own batches is refused, too."
    if result.test.size:
        how = "its own batches" if result.own_statistics else "the running averages"
        # By its own batches its mean is 0 but for rounding.
        mean, std = round(float(result.test.mean()), 3) + 0.0, plain(result.test.std())
        test = f"Normalized by {how}, the test set has mean {mean:.3g} and standard deviation {std}."
        if result.left_out:
            test += f" The last {result.left_out} test examples fill no batch and are left out."
    if result.batch == 1:
        return ("B = 1: one example has no variance, so batch norm refuses to train and the running averages stay at 0 and 1 "
                f"(the true variance is {plain(result.true_var)}). {test}")
    mean, var = result.spread
    return (f"Batches of {result.batch}: x̄ spreads by {plain(mean)} σ (1/√B = {plain(result.batch**-0.5)}), s² is on average "
            f"{percent(result.average_var, '.3g')} of σ² and spreads by {plain(var)} σ². After {len(result.means)} batches "
            f"{start_left(result)} of the running averages is still their start. {test}")


def one_row_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Move one example of a batch, and see whether batch norm and layer norm change the outputs of the others.

    The example's three features can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"batch=6 x1=4 x2=-0.5 x3=-1.5 statistics=batch"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> one_row_panel("statistics=running").result.others_moved("batch")
    0.0
    """
    rows, most = RowBatch(), 16

    def compute(batch: int, x1: float, x2: float, x3: float, statistics: str) -> OneRow:
        return rows.move(batch, (x1, x2, x3), train=statistics == "batch")

    return Panel(
        OneRowScene,
        [Slider("batch", "Batch size", 2, most, 6),
         Slider("x1", "Moved: feature 1", -5.0, 5.0, 4.0, 0.1),
         Slider("x2", "Moved: feature 2", -5.0, 5.0, RowBatch.HOME[1], 0.1, lecture=False),
         Slider("x3", "Moved: feature 3", -5.0, 5.0, RowBatch.HOME[2], 0.1, lecture=False),
         Choice("statistics", "Batch norm uses", ("batch", "running"), "batch")],
        compute, _describe_row, drag=lambda grip, x, y, result: {f"x{grip + 1}": y}, state=state, lecture=lecture,
        presets={"Home": "x1=1.5 x2=-0.5 x3=-1.5 statistics=batch", "Batch of 2": "batch=2 x1=4 statistics=batch",
                 "Evaluation mode": "x1=4 statistics=running"})


def _describe_row(result: OneRow) -> str:
    batch, layer = (result.others_moved(norm) for norm in ("batch", "layer"))
    mode = "batch's own statistics (training mode)" if result.train else "running statistics (evaluation mode)"

    def words(moved: float) -> str:
        return f"move by up to {plain(moved)}" if moved else "stay exactly where they were"

    return (f"One of {len(result.x)} examples is moved. With the {mode}, the other examples' outputs of batch norm "
            f"{words(batch)}; those of layer norm {words(layer)}.")


def axis_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """One matrix of examples and features, the numbers that a norm takes together, and what comes out.

    The frame can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"norm=layer groups=2 which=3 feature_scale=4 example_scale=1"``. The two scales multiply
        feature 3 and example 6.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> bool(abs(axis_panel("norm=batch").result.out.mean(axis=0)).max() < 1e-12)
    True
    """
    def compute(norm: str, groups: str, which: int, feature_scale: float, example_scale: float) -> MatrixView:
        return matrix_view(norm, int(groups), which, feature_scale, example_scale)

    return Panel(
        MatrixScene,
        [Choice("norm", "Norm", NORM_AXES, "batch"),
         Choice("groups", "Groups", ("1", "2", "4", "8"), "2"),
         Slider("which", "Column or row", 1, 8, 3),
         Slider("feature_scale", "Feature 3 times", 1.0, 10.0, 4.0, 0.5, lecture=False),
         Slider("example_scale", "Example 6 times", 1.0, 10.0, 1.0, 0.5)],
        compute, _describe_matrix, state=state, lecture=lecture,
        drag=lambda grip, x, y, result: {"which": x if result.norm == "batch" else y},
        presets={"Loud feature, batch": "norm=batch which=3 feature_scale=8 example_scale=1",
                 "Loud feature, layer": "norm=layer which=3 feature_scale=8 example_scale=1",
                 "Loud example, layer": "norm=layer which=6 feature_scale=1 example_scale=8"})


def _describe_matrix(result: MatrixView) -> str:
    before, after = result.inside
    example, first, last = result.rows.start + 1, result.columns.start + 1, result.columns.stop
    who = {"batch": f"Batch norm: feature {first} of all {before.size} examples has",
           "layer": f"Layer norm: the {before.size} features of example {example} have",
           "rms": f"RMS norm: the {before.size} features of example {example} have",
           "group": f"Group norm: feature{f's {first} to' if first < last else ''} {last} of example {example} "
                    f"{'have' if first < last else 'has'}"}
    if result.norm == "rms":
        sizes = (f"root mean square {rms(before):.2f} before and {rms(after):.2f} after; their mean goes from "
                 f"{before.mean():.2f} to {after.mean():.2f}, not to 0")
    else:
        mean = round(float(after.mean()), 2) + 0.0  # 0 but for rounding
        sizes = f"mean {before.mean():.2f} and variance {before.var():.2f} before, {mean:.2f} and {after.var():.2f} after"
    rows, columns = (np.abs(result.out.mean(axis=axis)).max() for axis in (1, 0))
    return f"{who[result.norm]} {sizes}. Afterwards the means of rows reach {rows:.2f} in size, those of columns {columns:.2f}."
