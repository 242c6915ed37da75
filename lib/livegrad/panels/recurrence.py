"""Panels of notebook 07: why recurrent nets suffer, what is known beforehand, and what helps."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from livegrad.experiments.expansion import EIGENVALUES, Expansion, expansion
from livegrad.experiments.recurrence import GAMMA, STARTS, Gates, Starts, Statement, gates, starts, statement
from livegrad.experiments.spike import FOLLOWED, Spike, spike
from livegrad.figures.eigenvalues import power_of_ten
from livegrad.figures.recurrence import ExpansionScene, GatesScene, SpikeScene, StartsScene, StatementScene, verdict
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel

__all__ = ["expansion_panel", "gates_panel", "lambda_panel", "spike_panel", "starts_panel"]


def spike_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """One input out of the ordinary, and its share of every later update, in a recurrent and in a feed-forward unit.

    The spike can be dragged, which sets its step and size, and the output eight steps later, which sets the recurrent weight.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"recurrent_weight=1 spike=3 step=5 view=bias"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> result = spike_panel("recurrent_weight=0.5").result
    >>> result.feedforward_drowned, result.drowned
    (1, 8)
    """

    def compute(recurrent_weight: float, spike: float, step: int, view: str) -> Spike:
        return _spike(10 ** round(spike, 6), step, recurrent_weight, view)

    def drag(grip: int, x: float, y: float, result: Spike) -> dict[str, float]:
        if grip == 1:
            later = min(result.at + 8, len(result.share))
            if later == result.at:
                return {}
            w, output = panel.controls["recurrent_weight"].value, result.recurrent[0, later - 1]
            return {"recurrent_weight": max(w, 0.05) * (y / output) ** (1 / (later - result.at))}
        step = int(np.clip(round(x), 1, len(result.share)))
        usual = result.recurrent[1, step - 1], result.feedforward[1, step - 1] - 0.1  # the output, and the input
        return {"step": step, "spike": math.log10(max(1 + (y - usual[0]) / usual[1], 1e-9))}

    panel = Panel(
        SpikeScene,
        [Slider("recurrent_weight", "Recurrent weight", 0.0, 1.2, 0.8, 0.01),
         Slider("spike", "Spike × 10^", -2.0, 3.0, 2.0, 0.1),
         Slider("step", "Step of the spike", 1, 30, 5),
         Choice("view", "Update of", tuple(FOLLOWED), "weights", lecture=False)],
        compute, _describe_spike, drag=drag, state=state, lecture=lecture,
        presets={"Forgets": "recurrent_weight=0.3 spike=2", "Keeps": "recurrent_weight=1 spike=2",
                 "Tiny": "recurrent_weight=1 spike=-2"})
    return panel


_spike = spike  # `compute` has an argument of this name


def _describe_spike(result: Spike) -> str:
    if result.factor == 1:
        return "No spike: the input is multiplied by 1, and every share is 0."
    last, at, shares = len(result.share), result.at, (result.share, result.feedforward_share)
    here, feedforward = (percent(share[at - 1]) for share in shares)
    course = (f"is {here} at that step" if not result.drowned else "is over half at that step only" if result.drowned == 1 else
              "stays over half to the end" if result.drowned == last - at + 1 else
              f"stays over half for {result.drowned} steps")
    return (f"The input of step {at} is {result.factor:,.4g} times what it was. Its share of the update of the "
            f"{result.followed} {course}, and is {percent(round(result.share[-1], 12))} at step {last}. In the feed-forward net "
            f"it is {feedforward} at step {at}, and 0 % from the next step on.")


def expansion_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """A linear recurrent net: the backward pass, and the same gradient as a sum with one term for each eigenvalue.

    The line of the spectral radius can be dragged, and the mark at ℓ.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"kind=pair spectral_radius=1.1 length=40"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> expansion_panel("off_diagonal=0").readout.split(". ")[-1]
    'W is symmetric, and its q are orthogonal.'
    """
    def compute(kind: str, spectral_radius: float, off_diagonal: float, length: int, seed: int) -> Expansion:
        return replace(known(kind, spectral_radius, off_diagonal, 0, seed), at=length)

    def drag(grip: int, x: float, y: float, result: Expansion) -> dict[str, float]:
        return {"length": x} if grip == 0 else {"spectral_radius": y ** (1 / max(x, 1))}

    known = lru_cache(maxsize=8)(expansion)
    return Panel(
        ExpansionScene,
        [Choice("kind", "Eigenvalues", tuple(EIGENVALUES), "real"),
         Slider("spectral_radius", "Spectral radius ρ", 0.5, 1.3, 0.9, 0.01),
         Slider("off_diagonal", "Off-diagonal", 0.0, 3.0, 1.0, 0.1),
         Slider("length", "Steps back ℓ", 0, 60, 20),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        compute, _describe_expansion, drag=drag, state=state, lecture=lecture,
        presets={"Symmetric": "kind=real off_diagonal=0", "Oblique": "kind=real off_diagonal=3",
                 "Turning pair": "kind=pair off_diagonal=1"})


def _describe_expansion(result: Expansion) -> str:
    at, condition = result.at, result.parts.condition
    agree = ("agree: their relative difference is below 1e-10" if result.difference < 1e-10 else
             f"differ by up to {result.difference:.0e} of the norm, for rounding")
    name = "The leading pair" if result.values[0].imag > 0 else "λ₁"
    basis = ("W is symmetric, and its q are orthogonal." if np.array_equal(result.W, result.W.T) else
             "The q are orthogonal." if condition < 1 + 1e-6 else
             f"The q are oblique: as a matrix, they have condition {condition:.3g}.")
    return (f"After ℓ = {at} steps back the gradient's norm is {plain(result.norm[at])}. Backward pass and sum {agree}. "
            f"{name} (modulus {result.radius:.3g}) has {percent(result.share[at, 0], '.3g')} of the terms. {basis}")


def starts_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Singular values of the product of Jacobians against its length, for four starts of a recurrent net.

    The median at ℓ can be dragged: across, which sets ℓ, and up and down, which sets the weight scale.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"weight_scale=1.5 input_scale=0.5 length=100"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> panel = starts_panel()
    >>> bool(panel.result.there("orthogonal")[1] > panel.result.there("Gaussian")[1])
    True
    """
    def compute(weight_scale: float, input_scale: float, length: int, seed: int, draft: bool = False) -> Starts:
        asked = weight_scale, input_scale, seed
        draft = draft and (*asked, False) not in known
        if (*asked, draft) not in known:
            known[*asked, draft] = starts(weight_scale, input_scale, length, seed, draft=draft)
        return replace(known[*asked, draft], at=length)

    def drag(grip: int, x: float, y: float, result: Starts) -> dict[str, float]:
        length, start = int(np.clip(10 * round(x / 10), 10, 100)), STARTS[grip]
        median = result.values[start][1, length // 10]
        if start == "layer norm" or not np.isfinite(median):
            return {"length": length}
        scale = panel.controls["weight_scale"].value
        return {"length": length, "weight_scale": scale * 10 ** ((math.log10(y) - median) / length)}

    known: dict[tuple[float, float, int, bool], Starts] = {}
    panel = Panel(
        StartsScene,
        [Slider("weight_scale", "Weight scale", 0.5, 2.0, 1.0, 0.02),
         Slider("input_scale", "Input scale", 0.02, 2.0, 0.1, 0.02),
         Slider("length", "Steps back ℓ", 10, 100, 50, 10),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        compute, _describe_starts, preview=partial(compute, draft=True), drag=drag, state=state, lecture=lecture,
        presets={"Small": "weight_scale=0.8", "Just right": "weight_scale=1", "Large": "weight_scale=1.4"})
    return panel


def _describe_starts(result: Starts) -> str:
    said = {start: ", ".join(power_of_ten(exponent) for exponent in result.there(start)) for start in STARTS}
    return (f"Largest, median and smallest singular value of the product of ℓ = {result.at} Jacobians: "
            f"{'; '.join(f'{name} {said[start]}' for start, name in StartsScene.NAMES.items())}.")


def gates_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The product of Jacobians of an LSTM, its additive path, and the product of a tanh net on the same axes.

    The median of the additive path can be dragged: across, which sets ℓ, and up and down, which sets the forget bias.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"weight_scale=1 forget_bias=4"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> panel = gates_panel("forget_bias=5")
    >>> bool(panel.result.lstm[-1] > -1 > -20 > panel.result.tanh[-1])
    True
    """
    def compute(weight_scale: float, forget_bias: float, length: int, seed: int) -> Gates:
        return replace(known(forget_bias, weight_scale, 0, seed), at=length)

    def drag(grip: int, x: float, y: float, result: Gates) -> dict[str, float]:
        length = int(np.clip(2 * round(x / 2), 2, 100))
        kept = min(y ** (1 / length), 1 - 1e-6)  # of the cell state at each step, in the middle
        before = 10 ** (result.additive[1, length // 2] / length)
        logit = [math.log(f / (1 - f)) for f in (kept, min(before, 1 - 1e-6))]
        return {"length": length, "forget_bias": panel.controls["forget_bias"].value + logit[0] - logit[1]}

    known = lru_cache(maxsize=8)(gates)
    panel = Panel(
        GatesScene,
        [Slider("weight_scale", "Weight scale", 0.0, 3.0, 1.0, 0.05),
         Slider("forget_bias", "Forget bias", -2.0, 6.0, 1.0, 0.1),
         Slider("length", "Steps back ℓ", 2, 100, 50, 2),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        compute, _describe_gates, drag=drag, state=state, lecture=lecture,
        presets={"Shut": "weight_scale=1 forget_bias=-2", "Open": "weight_scale=1 forget_bias=5",
                 "Scale 3, bias 5": "weight_scale=3 forget_bias=5"})
    return panel


def _describe_gates(result: Gates) -> str:
    tanh, lstm = (power_of_ten(result.there(curve)) for curve in (result.tanh, result.lstm))
    most, median, least = (power_of_ten(exponent) for exponent in result.there(result.additive))
    return (f"Over ℓ = {result.at} steps the tanh net's product has norm {tanh}, the LSTM's {lstm}. The additive path alone has "
            f"{most} for the unit that keeps most, {median} for the middle one and {least} for the one that keeps least; the "
            f"mean forget gate is {result.forget.mean():.3f}.")


def lambda_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Bound, spectral radius and measured norm on one axis, and which statement applies.

    Radius and off-diagonal are those of γW. The end of the longest half-axis can be dragged, which sets the off-diagonal,
    and the line of the spectral radius.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"activation=tanh spectral_radius=1.2 off_diagonal=0"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> lambda_panel("spectral_radius=0.5 off_diagonal=0").readout
    'γσ₁ = 0.5 and γρ = 0.5. Says: γσ₁ < 1: it vanishes, for any input. Measured: never above 1, and 8.67e-19 at ℓ = 60.'
    """
    def drag(grip: int, x: float, y: float, result: Statement) -> dict[str, float]:
        if grip == 1:
            return {"spectral_radius": y ** (1 / max(x, 1))}
        a, b = np.diag(result.gamma * result.W)
        longest = max(math.hypot(x, y), a)
        return {"off_diagonal": math.sqrt(max(longest**2 + (a * b / longest) ** 2 - a**2 - b**2, 0.0))}

    return Panel(
        StatementScene,
        [Choice("activation", "Activation", tuple(GAMMA), "linear"),
         Slider("spectral_radius", "Radius γρ", 0.1, 1.5, 0.9, 0.02),
         Slider("off_diagonal", "Off-diagonal × γ", 0.0, 3.0, 2.0, 0.05),
         Slider("input_scale", "Input scale", 0.0, 5.0, 0.5, 0.1),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        _statement, _describe_statement, drag=drag, state=state, lecture=lecture,
        presets={"For certain": "activation=tanh spectral_radius=0.7 off_diagonal=0.4 input_scale=0.5",
                 "Grows first": "activation=linear spectral_radius=0.9 off_diagonal=2 input_scale=0.5",
                 "Vanishes anyway": "activation=tanh spectral_radius=1.24 off_diagonal=0 input_scale=0.3"})


def _statement(spectral_radius: float, **net: float) -> Statement:
    return statement(radius=spectral_radius, **net)


def _describe_statement(result: Statement) -> str:
    last, peak = len(result.measured) - 1, result.peak
    course = ("never above 1" if peak == 0 else "largest at the end" if peak == last else
              f"at most {power_of_ten(result.measured[peak])}, at ℓ = {peak}")
    undecided = "γσ₁ > 1 decides nothing; " * (result.necessary and result.activation == "linear")
    return (f"γσ₁ = {plain(result.norm)} and γρ = {plain(result.radius)}. Says: {undecided}{verdict(result)}. "
            f"Measured: {course}, and {power_of_ten(result.measured[last])} at ℓ = {last}.")
