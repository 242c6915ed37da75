"""Panels of notebook 00: four optimizers in a bowl, and the whole course in one figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from livegrad.experiments.gradients import DeepNet
from livegrad.experiments.normed_nets import NORMS
from livegrad.experiments.warmup import LEFT, OPTIMIZERS, FourPaths, LayerSizes, four_paths, layer_sizes
from livegrad.figures.scene import percent, plain
from livegrad.figures.warmup import BowlScene, WholeCourseScene
from livegrad.panels.controls import Choice, Control, Slider
from livegrad.panels.live import Panel, alone, button

__all__ = ["CoveredPanel", "optimizers_panel", "teaser_panel"]

_STEPS = 100
_MOST_LAYERS = 50


class CoveredPanel(Panel):
    """A panel that shows the question only, until Uncover is pressed.

    Parameters
    ----------
    scene, controls, describe
        As for `Panel`.
    question, answer : callable
        As `compute` of `Panel`: what to show before, and what after.
    **options
        As for `Panel`.
    """

    def __init__(self, scene: Callable, controls: Sequence[Control], question: Callable[..., Any], answer: Callable[..., Any],
                 describe: Callable[[Any], str], **options: Any) -> None:
        self._answer = answer
        self._uncover_button = button("Uncover", "Show what you have drawn by now", self.uncover)
        super().__init__(scene, controls, question, describe, **options)

    @alone
    def uncover(self) -> None:
        """Show the answer, from now on."""
        self._compute, self._uncover_button.disabled = self._answer, True
        self._opened = self._answer(**{name: kind.default for name, kind in self.kinds.items()} | self._start)
        self._show(light=False)

    def _buttons(self) -> list[Any]:
        return [self._uncover_button, *super()._buttons()]


def optimizers_panel(state: str = "", lecture: bool | None = None, covered: bool = False) -> Panel:
    """The paths of SGD, momentum, RMSProp and Adam in a bowl.

    The start can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"condition=1.5 w1=-1.6 w2=0.8 learning_rate=0.16 momentum=0.8"``; condition=1.5 is κ = 10^1.5.
    lecture : bool, optional
        Draw for a projector.
    covered : bool
        Show the bowl and the start alone, until the reader presses Uncover.

    Returns
    -------
    Panel

    Examples
    --------
    >>> panel = optimizers_panel(covered=True)
    >>> panel.result.steps
    0
    >>> panel.uncover()
    >>> panel.result.steps
    100
    """
    def compute(condition: float, w1: float, w2: float, learning_rate: float, momentum: float, steps: int = _STEPS) -> FourPaths:
        return four_paths(10.0**condition, (w1, w2), learning_rate, momentum, steps)

    computing = (partial(compute, steps=0), compute) if covered else (compute,)
    return (CoveredPanel if covered else Panel)(
        partial(BowlScene, most_steps=_STEPS),
        [Slider("condition", "Condition κ = 10^", 0.0, 10.0, 1.5, 0.1),
         Slider("w1", "Start: weight w₁", -2.0, 2.0, -1.6, 0.05, lecture=False),
         Slider("w2", "Start: weight w₂", -1.1, 1.1, 0.8, 0.05, lecture=False),
         Slider("learning_rate", "Learning rate", 0.01, 0.4, 0.16, 0.01),
         Slider("momentum", "Momentum μ (= β₁)", 0.0, 0.99, 0.8, 0.01)],
        *computing, _describe_paths, drag=lambda grip, x, y, result: {"w1": x, "w2": y}, state=state, lecture=lecture,
        presets={"Round": "condition=0", "A millionth": "condition=6", "Below ε": "condition=10"})


def _describe_paths(result: FourPaths) -> str:
    w1, w2 = result.start
    if not result.start.any():
        return "The start is the bottom, at distance 0: no gradient, no path."
    if not result.steps:
        return (f"The start is at ({w1:.2f}, {w2:.2f}), {plain(np.hypot(w1, w2))} from the bottom, and "
                f"κ = {plain(result.condition)}. Draw the four paths on paper, then press Uncover.")
    needed = {name: result.needed(name) for name in OPTIMIZERS}
    fates = [f"{name} moves away" if result.grows(name) else f"{name} not in {result.steps}" if needed[name] is None
             else f"{name} {needed[name]}" for name in OPTIMIZERS]
    return (f"κ = {plain(result.condition)}. Steps until no more than {percent(LEFT)} of the way to the bottom is left, "
            f"for good: {', '.join(fates)}.")


def teaser_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The whole course in one figure: what depth, activation, norm and first weights do to the sizes at every layer.

    The last layer can be dragged on the left, and without a norm the gradient at layer 1 on the right, which sets the
    weight scale.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"depth=50 activation=relu norm=none init=lecun_normal weight_scale=1"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> bool(teaser_panel("init=kaiming_normal").result.survival > 0.1)
    True
    """
    @lru_cache(maxsize=4)
    def draw(init: str) -> DeepNet:
        return DeepNet(seed=0, width=100, batch=64, max_depth=_MOST_LAYERS, init=init)

    def compute(depth: int, activation: str, norm: str, init: str, weight_scale: float) -> LayerSizes:
        return layer_sizes(draw(init), depth, weight_scale, activation, norm)

    def drag(grip: int, x: float, y: float, result: LayerSizes) -> dict[str, float]:
        if grip == 0:
            return {"depth": x}
        now = result.dz[0]
        if not (y > 0 and 0 < now < np.inf):
            return {}
        # The gradient passes L − 1 layers, and each multiplies it by the weight scale.
        return {"weight_scale": panel.values["weight_scale"] * (y / now) ** (1 / (result.depth - 1))}

    panel = Panel(
        partial(WholeCourseScene, most_layers=_MOST_LAYERS),
        [Slider("depth", "Depth (layers)", 2, _MOST_LAYERS, _MOST_LAYERS),
         Choice("activation", "Activation", ("relu", "tanh", "sigmoid"), "relu"),
         Choice("norm", "Normalization", tuple(NORMS), "none"),
         Choice("init", "First weights", ("lecun_normal", "xavier_uniform", "kaiming_normal", "orthogonal"), "lecun_normal",
                lecture=False),
         Slider("weight_scale", "Weight scale", 0.1, 4.0, 1.0, 0.05)],
        compute, _describe_sizes, drag=drag, state=state, lecture=lecture,
        presets={"Twice the weights": "depth=50 activation=relu norm=none init=lecun_normal weight_scale=2",
                 "Clever weights": "depth=50 activation=relu norm=none init=kaiming_normal weight_scale=1",
                 "Layer norm": "depth=50 activation=relu norm=layer init=lecun_normal weight_scale=1"})
    return panel


def _describe_sizes(result: LayerSizes) -> str:
    L = result.depth
    last = f"The activations of layer {L} have size {_size(result.a[-1])}."
    if result.fate == "overflowed":
        return f"{last} Overflow: {np.sum(~np.isfinite(result.dz))} of {L} layers have no finite gradient."
    if result.survival == 0:
        return f"{last} The gradient at layer 1 is {_size(0)}: it has vanished."
    return f"{last} The gradient at layer 1 is {plain(result.survival)} of that at layer {L}: it has {result.fate}."


def _size(value: float) -> str:
    return plain(value) if value else "0 (too small for float32)"
