"""Panels of notebook 04: initialization."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np

from livegrad.experiments.initialization import (
    KAIMING_LAYERS,
    LEARNING_RATE,
    RULES,
    KaimingSteps,
    LayerSpread,
    RuleNet,
    VarianceRun,
    WideNet,
    kaiming_steps,
    log_edges,
)
from livegrad.experiments.phases import PhasePoint, depth_scales, edge, load_trainability, phase_point
from livegrad.experiments.symmetry import SymmetryRun, ring_points, symmetry
from livegrad.figures.initialization import KaimingScene, LayersScene, PhaseScene, SymmetryScene, VarianceScene
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel
from livegrad.panels.training import TrainingPanel

__all__ = ["kaiming_panel", "layers_panel", "phase_panel", "symmetry_panel", "variance_panel"]


def layers_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """How activations and gradients are spread in every layer of a deep net, under a rule for its first weights.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"depth=30 activation=tanh init=xavier_normal gain=1"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> layers_panel("depth=10 width=50 init=orthogonal").result.depth
    10
    """

    @lru_cache(maxsize=4)
    def draw(init: str, width: int) -> RuleNet:
        return RuleNet(init, width)

    def compute(depth: int, width: int, activation: str, init: str, gain: float) -> LayerSpread:
        return draw(init, width).spread(depth, activation, gain)

    return Panel(
        partial(LayersScene, edges=log_edges()),
        [Slider("depth", "Depth (layers)", 5, 50, 30),
         Slider("width", "Width (units)", 50, 200, 100, 50, lecture=False),
         Choice("activation", "Activation", ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"), "tanh"),
         Choice("init", "Initializer", tuple(RULES), "xavier_normal"),
         Slider("gain", "Weights times", 0.1, 4.0, 1.0, 0.05)],
        compute, _describe_layers, state=state, lecture=lecture,
        presets={"Xavier tanh": "activation=tanh init=xavier_normal gain=1",
                 "He ReLU": "activation=relu init=kaiming_normal gain=1",
                 "PyTorch default": "activation=tanh init=pytorch_default gain=1"})


def _describe_layers(result: LayerSpread) -> str:
    """The three sizes, back from the last to the first of the layers that are alike."""
    last = result.depth - 1
    if not np.all(np.isfinite([result.a, result.dz, result.dW])):
        return (f"Overflow: {np.sum(~np.isfinite(result.a))} of {result.depth} layers have no finite activation, "
                f"{np.sum(~np.isfinite(result.dz))} no finite gradient.")
    back, back_W = result.way_back
    sizes = [f"∂C/∂Z is {'0 throughout' if math.isnan(back) else f'multiplied by {plain(back)}'}",
             f"∂C/∂W {'is 0 throughout' if math.isnan(back_W) else f'by {plain(back_W)}'}"]
    gone = "" if back > 0 and back_W > 0 else " (0: below what float32 holds)"
    return (f"From layer {last} back to layer 2, {' and '.join(sizes)}{gone}. "
            f"A step of learning rate {LEARNING_RATE:g} changes layer 2's weights by {plain(result.update_ratio[1])} of their "
            f"size, those of layer {last} by {plain(result.update_ratio[-2])}. Activations: {plain(result.a[0])} at layer 1, "
            f"{plain(result.a[-2])} at layer {last}, where {percent(result.flat[-2])} of the slopes are nearly flat.")


def variance_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The variance map of an activation function as a cobweb, and the variance of every layer of a net beside it.

    The start can be dragged along the diagonal, and the map itself up and down: that is the gain.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"depth=100 activation=tanh gain=1 start=0"``. `start` is the exponent of the first
        layer's variance: 0 for 1, −1 for 0.1.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> variance_panel("activation=relu gain=1").result.fixed_point
    0.0
    """
    most_layers, most_units = 100, 192
    net = WideNet(most_units, most_layers)

    def compute(start: float, **values: Any) -> VarianceRun:
        return net.run(start=10.0**start, **values)

    def drag(grip: int, x: float, y: float, result: VarianceRun) -> dict[str, float]:
        if not (x > 0 and y > 0):
            return {}
        if grip == 0:
            return {"start": math.log10(x)}
        at_handle = float(result.field.variance(VarianceScene.HANDLE))
        return {"gain": result.field.weight_scale * math.sqrt(y / at_handle)}

    return Panel(
        partial(VarianceScene, most_layers=most_layers),
        [Slider("depth", "Depth (layers)", 2, most_layers, 50),
         Slider("width", "Width (units)", 32, most_units, most_units, 32, lecture=False),
         Choice("activation", "Activation", ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"), "tanh"),
         Slider("gain", "Gain g", 0.5, 3.0, 1.0, 0.01),
         Slider("start", "log₁₀ of first q", -3.0, 1.0, 0.0, 0.1)],
        compute, _describe_variance, drag=drag, state=state, lecture=lecture,
        presets={"Xavier tanh": "activation=tanh gain=1 start=0",
                 "5/3 tanh": "activation=tanh gain=1.66667 start=-2",
                 "He ReLU": "activation=relu gain=1.41421 start=0"})


def _describe_variance(result: VarianceRun) -> str:
    q, L = result.fixed_point, result.depth
    end = (f"Every q is a fixed point, with χ₁ = {result.chi:.3f}" if result.neutral
           else "The variance sinks to 0: no fixed point above it" if q == 0
           else "The variance grows without end: no fixed point" if np.isinf(q)
           else f"The fixed point is q* = {plain(q)}, with χ₁ = {result.chi:.3f}")
    fate = f"The size is lost at layer {result.lost}" if result.lost else f"The size is not lost within {L} layers"
    measured = f"has {plain(result.measured[-1])}" if np.isfinite(result.measured[-1]) else "has overflowed"
    return f"{end}. At layer {L} the map says {plain(result.predicted[-1])}, the net {measured}. {fate}."


def kaiming_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The Kaiming-uniform rule step by step: gain, standard deviation, bound, weights, and a deep net made of them.

    The bound can be dragged on the histogram: it sets the fan.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"fan_in=100 fan_out=100 mode=fan_in nonlinearity=relu"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> round(kaiming_panel("fan_in=150 nonlinearity=relu").result.bound, 4)  # √2·√(3/150)
    0.2
    """

    def drag(grip: int, x: float, y: float, result: KaimingSteps) -> dict[str, float]:
        if x <= 0:
            return {}
        return {panel.controls["mode"].value: 3 * (result.gain / x) ** 2}

    panel = Panel(
        KaimingScene,
        [Slider("fan_in", "fan_in (inputs)", 10, 300, 100, 10),
         Slider("fan_out", "fan_out (units)", 10, 300, 100, 10),
         Choice("mode", "Mode", ("fan_in", "fan_out"), "fan_in"),
         Choice("nonlinearity", "Nonlinearity", ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"), "leaky_relu"),
         Slider("a", "Slope a (leaky)", 0.0, 2.5, 0.0, 0.01, lecture=False)],
        kaiming_steps, _describe_kaiming, drag=drag, state=state, lecture=lecture,
        presets={"ReLU": "mode=fan_in nonlinearity=relu a=0",
                 "tanh": "mode=fan_in nonlinearity=tanh a=0",
                 "PyTorch's Linear": f"mode=fan_in nonlinearity=leaky_relu a={5**0.5:.6g}"})
    return panel


def _describe_kaiming(result: KaimingSteps) -> str:
    relu, tanh = (sizes[-1] / sizes[0] for sizes in (result.sizes["relu"], result.sizes["tanh"]))
    return (f"Gain {result.gain:.3g}, divided by √{result.fan}: std {result.std:.3g}. Times √3: bound {result.bound:.3g}. "
            f"From layer 1 to layer {KAIMING_LAYERS} the size of z is multiplied by {plain(relu)} in a ReLU net, "
            f"by {plain(tanh)} in a tanh net.")


def phase_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The phase diagram of wide tanh nets: order, chaos, what happens to two inputs, and how deep nets can be trained.

    The point in the plane can be dragged, and the correlation at the start.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"weight_variance=1.5 bias_variance=0.05 start=0.5"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> phase_panel("weight_variance=3").result.phase
    'chaotic'
    """
    sweep = load_trainability()

    def drag(grip: int, x: float, y: float, result: PhasePoint) -> dict[str, float]:
        return {"weight_variance": x, "bias_variance": y} if grip == 0 else {"start": x}

    def describe(result: PhasePoint) -> str:
        nearest = int(np.argmin(np.abs(sweep.weight_variances - result.weight_variance)))
        stored = sweep.settings["bias_variance"]
        if abs(result.bias_variance - stored) > 1e-3:
            trained = f"The stored runs are at σ_b² = {stored:g}, not here."
        elif abs(sweep.weight_variances[nearest] - result.weight_variance) > 0.26:
            trained = "No stored run is near."
        else:
            trained = (f"Stored runs at g² = {sweep.weight_variances[nearest]:g}, σ_b² = {stored:g}: "
                       f"learned up to depth {sweep.deepest[nearest]}.")
        if result.q == 0:
            fate = "like 1/(2l)" if result.phase == "edge" else "and fast: every signal dies"
            return f"{result.phase.capitalize()}: χ₁ = {result.chi:.3f}, and the variance sinks to 0, {fate}. {trained}"
        return (f"{result.phase.capitalize()}: χ₁ = {result.chi:.3f} at q* = {plain(result.q)}. Any two inputs end at "
                f"correlation c* = {result.fixed_correlation:.3f}, e times nearer every {plain(result.depth_scale)} layers. "
                f"{trained}")

    return Panel(
        partial(PhaseScene, edge=edge(), sweep=sweep, depth_scales=depth_scales(sweep.settings["bias_variance"])),
        [Slider("weight_variance", "Weights g²", 0.1, 4.0, 1.5, 0.01),
         Slider("bias_variance", "Biases σ_b²", 0.0, 0.3, 0.05, 0.005),
         Slider("start", "First correlation", 0.0, 0.99, 0.5, 0.01)],
        phase_point, describe, drag=drag, state=state, lecture=lecture,
        presets={"Ordered": "weight_variance=1.2 bias_variance=0.05 start=0.5",
                 "Edge": "weight_variance=1.76 bias_variance=0.05 start=0.5",
                 "Chaotic": "weight_variance=3 bias_variance=0.05 start=0.95"})


def symmetry_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Train a small net from zero, constant or random weights, and watch whether its hidden units become different.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"constant=0.5 noise=0"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> symmetry_panel("constant=0 noise=0").result.moved["W1"]
    0.0
    """
    steps, most_units = 600, 8
    points, grid = ring_points()

    def run(noise: str, **values: Any):
        return symmetry(noise=float(noise), steps=steps, **values)

    return TrainingPanel(
        partial(SymmetryScene, points=points, grid=grid, steps=steps, most_units=most_units),
        [Slider("units", "Hidden units", 2, most_units, 6, lecture=False),
         Choice("activation", "Activation", ("tanh", "sigmoid", "relu"), "tanh"),
         Slider("constant", "Start: constant", 0.0, 1.0, 0.5, 0.05),
         Choice("noise", "Start: noise, std", ("0", "1e-06", "0.001", "0.1", "1"), "0")],
        run, _describe_symmetry, state=state, lecture=lecture,
        presets={"Zero": "constant=0 noise=0", "Constant": "constant=0.5 noise=0", "Random": "constant=0 noise=1"})


def _describe_symmetry(result: SymmetryRun) -> str:
    if result.taken == 0:
        return "Not trained yet: press Train."
    units = (f"All {result.weights.shape[1]} hidden units are still equal" if result.equal
             else f"Two hidden units differ by up to {plain(result.gap)}")
    names = {"W1": "W¹", "b1": "b¹", "W2": "W²", "b2": "b²"}
    still = [names[name] for name, moved in result.moved.items() if moved < 1e-12]
    rest = f" {', '.join(still)} {'have' if len(still) > 1 else 'has'} not moved at all." if still else ""
    return (f"After {result.taken} steps: loss {plain(result.loss[-1])}, {percent(result.accuracy)} of the points right. "
            f"{units}.{rest}")
