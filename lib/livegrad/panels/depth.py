"""Panels of notebook 08: depth, width and residual connections."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from livegrad.experiments.depth_runs import (
    AT, DEPTHS, FOLDS, SEEDS, STEPS, BudgetBeside, RuleView, beside, rules, stored_budget_run)
from livegrad.experiments.depth_training import CASES, CONNECTIONS, EVERY, GRID, BudgetRun, budget_run
from livegrad.experiments.residual_stack import BRANCHES, STACK_NORMS, ResidualStack, StackView
from livegrad.experiments.sawtooth import SawtoothView, sawtooth_view
from livegrad.figures.depth import BudgetScene, ChecklistScene, ResidualScene, SawtoothScene
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider, Steps
from livegrad.panels.live import Panel
from livegrad.panels.training import TrainingPanel

__all__ = ["budget_panel", "checklist_panel", "residual_panel", "sawtooth_panel"]


def budget_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Deep or wide with the same number of parameters: what is learned of a sawtooth, and the gradient at every layer.

    Every setting shows a stored run; Train makes it anew. The line that marks the depth can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"hidden=4 connection=plain folds=3 seed=0"``. `folds` is how often the tent map is applied: 3 gives
        four teeth.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> panel = budget_panel("hidden=32")
    >>> panel.result.live.width, bool(panel.result.live.accuracy[-1] < 0.7)
    (5, True)
    """
    def run(hidden: str, connection: str, folds: int, seed: int) -> Iterator[BudgetBeside]:
        return map(beside, budget_run(folds, int(hidden), connection, seed))

    def opening(hidden: str, connection: str, folds: int, seed: int) -> BudgetBeside:
        return beside(stored_budget_run(folds, int(hidden), connection, seed))

    return TrainingPanel(
        partial(BudgetScene, depths=DEPTHS, grid=GRID),
        [Steps("hidden", "Hidden layers", tuple(map(str, DEPTHS)), "4"),
         Choice("connection", "Connection", CONNECTIONS, "plain"),
         Slider("folds", "Folds of the saw", min(FOLDS), max(FOLDS), 3),
         Slider("seed", "Seed", min(SEEDS), max(SEEDS), 0)],
        run, _describe_budget, opening, stored=True, state=state, lecture=lecture, drag=lambda grip, x, y, result: {"hidden": x},
        presets={"Wide": "hidden=1 connection=plain seed=0", "Too deep": "hidden=32 connection=plain seed=1",
                 "Too deep, with skips": "hidden=32 connection=residual seed=0"})


def _describe_budget(result: BudgetBeside) -> str:
    run: BudgetRun = result.live
    net = f"{run.hidden} hidden layer{'s' * (run.hidden > 1)} of {run.width} units, {run.parameters} parameters, {run.connection}"
    if run.connection == "residual" and run.hidden > 1:
        net += f" (branches times 1/√{run.hidden - 1})"
    first, last = run.gradient[0], run.gradient[-1]
    ratio = f"‖∂C/∂Z‖ is {plain(first)} at layer 1 and {plain(last)} at layer {run.hidden + 1}"
    if not run.taken:
        return f"Not trained yet: press Train. {net}: {ratio}."
    return (f"{net}: after {run.taken} updates {percent(run.accuracy[-1])} of the test points are right (median of five stored "
            f"runs: {percent(result.median, '.3g')}). {ratio}.")


def sawtooth_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """A sawtooth that a deep narrow net writes exactly, a shallow one of the same size beside it, and linear pieces counted.

    The number of layers can be dragged on the right.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"layers=5 times=1 width=2 noise=0 seed=0"``. `times`: the shallow net has so many times the
        units of the deep one. `width` is that of the random nets.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> sawtooth_panel("layers=5").result.deep.count
    32
    """
    most = 7

    def compute(layers: int, times: str, width: int, noise: float, seed: int) -> SawtoothView:
        return sawtooth_view(layers, int(times), noise, width, seed, most)

    return Panel(
        partial(SawtoothScene, most=most),
        [Slider("layers", "Hidden layers d", 1, most, 4),
         Choice("times", "Wide net: units ×", ("1", "2", "4", "8", "16"), "1"),
         Slider("width", "Random: width", 2, 64, 2),
         Slider("noise", "Noise on weights", 0.0, 0.2, 0.0, 0.005),
         Slider("seed", "Seed of the noise", 0, 9, 0, lecture=False)],
        compute, _describe_sawtooth, state=state, lecture=lecture, drag=lambda grip, x, y, result: {"layers": x},
        presets={"6 layers": "layers=6 times=1 noise=0", "8 times the units": "layers=6 times=8 noise=0",
                 "1 % noise": "layers=6 times=1 noise=0.01"})


def _describe_sawtooth(result: SawtoothView) -> str:
    deep, shallow = result.parameters
    error = "writes the sawtooth exactly" if result.deep_error < 1e-12 else f"is off by {plain(result.deep_error)} (rms)"
    line = "can be exact, too" if result.shallow.error < 1e-9 else f"comes no closer than about {plain(result.shallow.error)}"
    if result.hopeless:
        line += " but is off by at least ½ somewhere"
    middle = int(np.median(result.drawn[:, result.layers - 1]))
    layers = f"{result.layers} layer{'s' * (result.layers > 1)} of {result.width}"
    return (f"The deep net ({2 * result.layers} units, {deep} parameters) has {result.deep.count} linear pieces and {error}; one "
            f"hidden layer of {result.units} units ({shallow} parameters) has at most {result.units + 1} and {line}. "
            f"Random nets, {layers}: {middle} piece{'s' * (middle > 1)} on the line from one digit to another (median of 5).")


def residual_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """A stack of up to 200 blocks with or without skips: the gradient at every block, and eigenvalues of a block's Jacobian.

    The number of blocks can be dragged on the left, and without a norm the radius of the disk on the right: it is the
    branch scale times the weight scale.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"blocks=100 skip=yes branch=1 norm=none weight_scale=1"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> bool(residual_panel("blocks=200 branch=1/√L").result.survival < 10)
    True
    """
    most = 200
    stack = ResidualStack(most=most)

    def compute(blocks: int, skip: str, branch: str, norm: str, weight_scale: float) -> StackView:
        return stack.view(blocks, skip == "yes", branch, norm, weight_scale)

    def drag(grip: int, x: float, y: float, result: StackView) -> dict[str, float]:
        if grip == 0:
            return {"blocks": x}
        scale = panel.controls["weight_scale"].value
        return {"weight_scale": (x - result.center) * scale / result.radius}

    panel = Panel(
        partial(ResidualScene, most=most),
        [Slider("blocks", "Blocks L", 1, most, 100),
         Choice("skip", "Skips", ("yes", "no"), "yes", lecture=False),
         Choice("branch", "Branch scale α", BRANCHES, "1"),
         Choice("norm", "Layer norm", STACK_NORMS, "none"),
         Slider("weight_scale", "Times Kaiming", 0.1, 2.0, 0.8, 0.05)],
        compute, _describe_stack, drag=drag, state=state, lecture=lecture,
        presets={"Without skips": "blocks=200 skip=no branch=1 norm=none weight_scale=0.8",
                 "α = 1": "blocks=200 skip=yes branch=1 norm=none weight_scale=0.8",
                 "α = 1/√L": "blocks=200 skip=yes branch=1/√L norm=none weight_scale=0.8"})
    return panel


def _describe_stack(result: StackView) -> str:
    how = "with skips" if result.skip else "without skips"
    if math.isnan(result.survival):
        gradient = ("nowhere a gradient: the stream has become exactly 0" if result.overflow is None
                    else f"every gradient is not a number: after block {result.overflow} the stream is too large for float32")
    else:
        gradient = f"the gradient in front of the first block is {plain(result.survival)} of that behind the last"
    text = f"{result.blocks} block{'s' * (result.blocks > 1)} {how}: {gradient}."
    if not result.eigenvalues.size:
        return f"{text} The Jacobian of block {result.block} is not a number."
    if result.norm == "post":
        return (f"{text} The eigenvalues of block {result.block}'s Jacobian have mean {plain(result.mean)} and modulus "
                f"{plain(round(float(abs(result.eigenvalues[0])), 6))} at most.")
    return (f"{text} The eigenvalues of block {result.block}'s Jacobian lie within "
            f"{plain(round(float(abs(result.eigenvalues - result.center).max()), 6))} of {result.center:.0f}.")


_NOTEBOOKS = {"inputs": "06", "weights": "04", "depth": "08", "batch norm": "06"}
_SAID = {"inputs": "normalize inputs", "weights": "initialize properly", "depth": "deeper over wider", "batch norm": "batch norm"}


def checklist_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Four rules of thumb, one piece of evidence each: stored training runs without and with them, five seeds.

    The number of updates can be dragged on the left.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"case=typical updates=300"``. In ``case=limit`` a rule does not help, or hurts.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> without, with_it = checklist_panel("case=hard").result.right("inputs")
    >>> bool(with_it - without > 0.8)
    True
    """
    return Panel(
        partial(ChecklistScene, headings={rule: f"{rule} ({number})" for rule, number in _NOTEBOOKS.items()}, at=AT),
        [Choice("case", "Case", CASES, CASES[0]), Slider("updates", "Updates", 0, STEPS, 300, EVERY)],
        rules, _describe_rules, state=state, lecture=lecture, drag=lambda grip, x, y, result: {"updates": x},
        presets={"At the end": "case=typical updates=1000", "Hard": "case=hard updates=1000", "Limits": "case=limit updates=1000"})


def _describe_rules(result: RuleView) -> str:
    parts = []
    for rule, (without, with_it) in result.words.items():
        before, after = result.right(rule)
        parts.append(f"{_SAID[rule]} (notebook {_NOTEBOOKS[rule]}) {percent(before)} ({without}) → {percent(after)} ({with_it})")
    return f"Right after {result.updates} updates, median of 5 seeds: {'; '.join(parts)}."
