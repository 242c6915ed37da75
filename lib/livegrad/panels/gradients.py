"""Panels of notebook 02: exploding and vanishing gradients."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from livegrad.experiments.gradients import ChainSweep, DeepNet, Scales, TrainingRun, chain_sweep, train
from livegrad.figures.gradients import ChainScene, ScalesScene, TrainingScene
from livegrad.figures.scene import plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel
from livegrad.panels.training import TrainingPanel

__all__ = ["depth_panel", "factors_panel", "training_panel"]

_PRECISIONS = {"float32": np.float32, "float64": np.float64}
_MOST_LAYERS = 60


def depth_panel(state: str = "", lecture: bool | None = None, decades: int = 20) -> Panel:
    """Depth and weight scale against the size of the gradient at every layer, on the digits.

    The line M^L can be dragged on the picture: its far end sets the weight scale.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"depth=50 weight_scale=0.9 activation=tanh"``.
    lecture : bool, optional
        Draw for a projector.
    decades : int
        Powers of ten that the axes reach to either side of 1. From 46 on, the ends of float32 are drawn.

    Returns
    -------
    Panel

    Examples
    --------
    >>> depth_panel("depth=3 weight_scale=1").state
    'depth=3 weight_scale=1 activation=tanh seed=0 precision=float32'
    """

    @lru_cache(maxsize=4)
    def draw(seed: int, precision: str, batch: int) -> DeepNet:
        return DeepNet(seed, width=100, batch=batch, max_depth=_MOST_LAYERS, dtype=_PRECISIONS[precision])

    def compute(depth: int, weight_scale: float, activation: str, seed: int, precision: str, batch: int = 256) -> Scales:
        return draw(seed, precision, batch).scales(depth, weight_scale, activation)

    def drag(grip: int, x: float, y: float, result: Scales) -> dict[str, float]:
        # The line runs from layer L to layer 1, so its slope asks for a factor M. M is nearly
        # proportional to the weight scale; what is missing, the next pull makes up for.
        if not (10.0**-decades < y < 10.0**decades and np.isfinite(result.dz[-1])):
            return {}
        wanted = (y / result.dz[-1]) ** (1 / (result.depth - 1))
        scale = panel.controls["weight_scale"].value
        return {"weight_scale": scale * wanted / result.factor}

    panel = Panel(
        partial(ScalesScene, most_layers=_MOST_LAYERS, decades=decades),
        [Slider("depth", "Depth (layers)", 2, _MOST_LAYERS, 30),
         Slider("weight_scale", "Weight scale", 0.05, 6.0, 0.7, 0.05),
         Choice("activation", "Activation", ("linear", "sigmoid", "tanh", "relu"), "tanh"),
         Slider("seed", "Seed", 0, 9, 0, lecture=False),
         Choice("precision", "Precision", tuple(_PRECISIONS), "float32")],
        compute, _describe_scales, browser_preview=partial(compute, batch=32), drag=drag, state=state, lecture=lecture,
        presets={"Vanish": "depth=30 weight_scale=1 activation=sigmoid",
                 "Explode": "depth=30 weight_scale=3 activation=relu",
                 "Just right": "depth=50 weight_scale=1.4 activation=relu"})
    return panel


def _describe_scales(result: Scales) -> str:
    """The gradient's fate in one sentence, and what M says in another."""
    L, survival = result.depth, result.survival
    sizes = np.concatenate([result.a, result.dz])
    if not np.all(np.isfinite(sizes)):
        return (f"Overflow: {np.sum(~np.isfinite(result.a))} of {L} layers have no finite activation, "
                f"{np.sum(~np.isfinite(result.dz))} of {L} no finite gradient.")
    fate = "vanished" if survival < 1e-3 else "exploded" if survival > 1e3 else "survived"
    return (f"The gradient at layer 1 is {plain(survival)} of that at layer {L}: {fate}. "
            f"One layer multiplies it by M = {result.factor:.3f}, and M^{L - 1} = {plain(result.factor ** (L - 1))}.")


def factors_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The factors of ∂C/∂w¹ in a net with one unit per layer, and what the weight does to their product.

    The point on the right-hand curve can be dragged: it is the weight.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"depth=3 weight=1 activation=sigmoid"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> factors_panel("depth=1 weight=0 x=1 y=0").result.chain.product[-1]  # (½ − 0) · ¼ · 1
    np.float64(0.125)
    """
    return Panel(
        ChainScene,
        [Slider("depth", "Depth (layers)", 1, 6, 3),
         Slider("weight", "Weight w, all layers", -8.0, 8.0, 1.0, 0.1),
         Choice("activation", "Activation", ("sigmoid", "tanh", "relu"), "sigmoid"),
         Slider("x", "Input x", -3.0, 3.0, 1.0, 0.1, lecture=False),
         Slider("y", "Target y", 0.0, 1.0, 0.0, 0.1, lecture=False)],
        chain_sweep, _describe_chain, drag=lambda grip, x, y, result: {"weight": x}, state=state, lecture=lecture,
        presets={"Three sigmoids": "depth=3 weight=1 activation=sigmoid", "Large weights": "depth=3 weight=6 activation=sigmoid",
                 "Six layers": "depth=6 weight=1 activation=sigmoid"})


def _describe_chain(result: ChainSweep) -> str:
    pieces = result.chain
    smallest = int(np.argmin(np.abs(pieces.factors)))
    return (f"The {len(pieces.factors)} factors multiply to ∂C/∂w1 = {plain(pieces.product[-1])}. The smallest factor is "
            f"{pieces.names[smallest]} = {plain(pieces.factors[smallest])}. No weight from −8 to 8 "
            f"gives more than {plain(np.abs(result.gradients).max())} in size.")


def training_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Train a deep net on the digits, 300 steps, and watch the loss and each layer's share of the update.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"depth=10 weight_scale=1.4 activation=relu"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel
    """
    steps = 300
    return TrainingPanel(
        TrainingScene,
        [Slider("depth", "Depth (layers)", 2, 30, 10),
         Slider("weight_scale", "Weight scale", 0.05, 4.0, 1.0, 0.05),
         Choice("activation", "Activation", ("linear", "sigmoid", "tanh", "relu"), "sigmoid"),
         Slider("learning_rate", "Learning rate", 0.01, 1.0, 0.1, 0.01),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        lambda **values: train(**values, steps=steps), _describe_training, state=state, lecture=lecture,
        presets={"Vanish": "depth=10 weight_scale=1 activation=sigmoid learning_rate=0.1",
                 "Explode": "depth=10 weight_scale=3 activation=relu learning_rate=0.1",
                 "Healthy": "depth=10 weight_scale=1.4 activation=relu learning_rate=0.1"})


def _describe_training(result: TrainingRun) -> str:
    if result.overflowed:
        return f"Overflow: after {result.taken} steps the loss is no longer finite. Its last finite value was {plain(result.loss[-2])}."
    first, last = result.update_ratio[0], result.update_ratio[-1]
    steps = f"One update changes layer 1 by {first:.1e} of its size, layer {len(result.update_ratio)} by {last:.1e}."
    if result.taken == 0:
        return f"Not trained yet: press Train. {steps}"
    return (f"After {result.taken} steps the loss is {plain(result.loss[-1])} (guessing: {np.log(10):.2f}) and "
            f"{100 * result.accuracy:.0f} % of the test digits are right. {steps}")
