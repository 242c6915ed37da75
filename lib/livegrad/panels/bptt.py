"""Panels of notebook 07: backpropagation through time itself."""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np

from livegrad.experiments.bptt import FATE, MOST_STEPS, SHORT, GradientMap, Unrolled, gradient_map, unrolled
from livegrad.experiments.influence import LONG, NETS, Influence, influence
from livegrad.experiments.reber import SYMBOLS
from livegrad.experiments.truncation import Truncation, backward_seconds, truncation
from livegrad.figures.bptt import HeatMapScene, InfluenceScene, TruncationScene, UnrolledScene
from livegrad.figures.scene import percent, plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel

__all__ = ["heat_map_panel", "strip_panel", "truncation_panel", "unrolled_panel"]

_ACTIVATIONS = ("tanh", "sigmoid", "relu", "linear")


def unrolled_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """A small net unrolled over a short string, and one pair of steps: its product of Jacobians, the bound, the term it gives.

    Step t can be dragged at the top of the strip of states, step k at its bottom and on the curve.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"activation=tanh spectral_radius=1 t=9 k=2"``. Steps are counted from 1; k is at most t.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> result = unrolled_panel("activation=linear t=5 k=3").result
    >>> bool(result.norms[2] <= result.bounds[2])
    True
    """
    def compute(activation: str, spectral_radius: float, t: int, k: int, seed: int) -> Unrolled:
        return unrolled(t, min(k, t), spectral_radius, activation, seed)

    last = len(SHORT) - 1
    return Panel(
        partial(UnrolledScene, symbols=SHORT, vocabulary=SYMBOLS),
        [Choice("activation", "Activation", _ACTIVATIONS, "tanh"),
         Slider("spectral_radius", "Spectral radius ρ", 0.0, 2.0, 1.0, 0.05),
         Slider("seed", "Seed", 0, 9, 0, lecture=False),
         Slider("t", "Step t", 1, last, 9),
         Slider("k", "Back to step k", 1, last, 2)],
        compute, _describe_unrolled, drag=lambda grip, x, y, result: {("t", "k", "k")[grip]: x}, state=state, lecture=lecture,
        presets={"Vanish": "activation=tanh spectral_radius=0.5 t=9 k=2",
                 "Explode": "activation=linear spectral_radius=2 t=9 k=2",
                 "Sigmoid": "activation=sigmoid spectral_radius=1 t=9 k=2"})


def _describe_unrolled(result: Unrolled) -> str:
    t, k = result.t, result.k
    norm, bound, size, share = (values[k - 1] for values in (result.norms, result.bounds, result.sizes, result.shares))
    first = (f"J = {plain(result.loss)} and perplexity {plain(result.perplexity)}; guessing gives {math.log(7):.3g} and 7.")
    if k == t:
        pair = f"From t = {t} to k = {k} there is no step back: the product is the identity, of norm 1."
    else:
        pair = (f"From t = {t} back to k = {k}: the product of {t - k} Jacobian{'s' * (t - k > 1)} has norm {plain(norm)}, "
                f"the bound ({plain(result.beta_W)} · {plain(result.beta_h)})^{t - k} is {plain(bound)}.")
    if k == 1:
        term = "Step 1 gives no term to ∂J_t/∂W_h, because h_0 = 0."
    elif not size or np.isnan(share):
        term = "Its term of ∂J_t/∂W_h is 0."
    else:
        term = (f"Its term of ∂J_t/∂W_h has norm {plain(size)}; its share of the whole is {percent(share, '.2g')}"
                f"{', against it' * bool(share < 0)}.")
        if t > 4:  # k = 1 gives none
            term += f" That of the last three is {percent(result.shares[-3:].sum())}."
    return f"{pair} {term} {first}"


def heat_map_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """‖∂J_t/∂h_k‖ over ‖∂J_t/∂h_t‖ for every pair of steps, what bounds it, and what truncation and clipping do to it.

    Clipping acts on the whole gradient after all pairs have been added, so no color of the map depends on its threshold.
    The line of the spectral radius, the truncation and the threshold can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"activation=tanh steps=50 spectral_radius=1 tau=60 max_norm=0"``. `max_norm` is the exponent of
        the threshold: 0 for 1. `tau` of `steps` − 1 or more truncates nothing.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> clipped, free = (heat_map_panel(f"spectral_radius=2 activation=linear max_norm={e}").result for e in (-3, 0))
    >>> bool((clipped.norms == free.norms).all()), bool(clipped.factor < free.factor)
    (True, True)
    """
    def compute(activation: str, steps: int, spectral_radius: float, tau: int, max_norm: float) -> GradientMap:
        return gradient_map(steps, tau, 10.0**max_norm, spectral_radius, activation)

    def drag(grip: int, x: float, y: float, result: GradientMap) -> dict[str, float]:
        if grip == 1:
            return {"tau": x}
        if grip == 2:
            return {"max_norm": math.log10(y)}
        held = min(10, result.steps - 1)
        return {"spectral_radius": y ** (1 / held)}

    return Panel(
        HeatMapScene,
        [Choice("activation", "Activation", _ACTIVATIONS, "tanh"),
         Slider("steps", "Length T", 5, MOST_STEPS, 50, lecture=False),
         Slider("spectral_radius", "Spectral radius ρ", 0.0, 2.0, 0.9, 0.05),
         Slider("tau", "Truncation τ", 0, MOST_STEPS, MOST_STEPS),
         Slider("max_norm", "Clipping ε = 10^", -3.0, 3.0, 0.0, 0.25)],
        compute, _describe_map, drag=drag, state=state, lecture=lecture,
        presets={"Vanish": "activation=sigmoid spectral_radius=1 tau=60 max_norm=0",
                 "Explode": "activation=linear spectral_radius=1.5 tau=60 max_norm=0",
                 "Truncated": "activation=linear spectral_radius=1.5 tau=10 max_norm=0"})


def _describe_map(result: GradientMap) -> str:
    vanished, exploded = result.fates
    pairs = (f"Of all pairs k ≤ t, {percent(vanished)} have vanished (‖∂J_t/∂h_k‖ under 1/{FATE:.0f} of ‖∂J_t/∂h_t‖) and "
             f"{percent(exploded)} have exploded (over {FATE:.0f} times).")
    if result.silent:
        pairs += f" At {result.silent} of {result.steps} steps the net is certain and right, and J_t sends nothing (gray rows)."
    if result.tau < result.steps - 1:
        pairs += f" Those more than τ = {result.tau} steps apart are left out of the gradient."
    if result.gradient <= result.max_norm:
        return (f"{pairs} The gradient of J has norm {plain(result.gradient)}, under ε = {plain(result.max_norm)}: clipping does "
                "nothing, and would not lift what has vanished.")
    return (f"{pairs} The gradient of J has norm {plain(result.gradient)}; clipping at ε = {plain(result.max_norm)} multiplies "
            f"all of it by {plain(result.factor)}. The map stays, and so do the ratios in it.")


def truncation_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """The truncated gradient against the whole one, for every τ, and what truncation costs.

    Two kinds: every J_t sent back τ steps, and chunks of τ + 1 steps between which no gradient passes. The line at τ can be
    dragged. Seconds are measured once for each length, when the hand rests. It opens without: its saved picture shows what was
    counted, and no two measurements agree.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"activation=tanh steps=40 spectral_radius=1 tau=5"``. `tau` is at most `steps` − 1.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> cut, seconds = truncation_panel("steps=20 tau=19").result
    >>> cut.cosine[19].round(12).item()
    1.0
    """
    @lru_cache(maxsize=4)
    def known(steps: int, spectral_radius: float, activation: str, seed: int) -> Truncation:
        return truncation(steps, 0, spectral_radius, activation, seed)

    measured: dict[int, tuple[np.ndarray, ...]] = {}
    opened = False

    def preview(tau: int, **net: float) -> tuple[Truncation, tuple[np.ndarray, ...] | None]:
        return known(**net).at(tau), measured.get(net["steps"])

    def compute(tau: int, steps: int, **net: float) -> tuple[Truncation, tuple[np.ndarray, ...] | None]:
        if opened and steps not in measured:
            taus = tuple(np.unique(np.linspace(0, steps - 1, 7).round().astype(int)).tolist())
            measured[steps] = np.array(taus), backward_seconds(steps, taus), backward_seconds(steps, taus, chunks=True)
        return preview(tau, steps=steps, **net)

    panel = Panel(
        TruncationScene,
        [Choice("activation", "Activation", _ACTIVATIONS, "tanh"),
         Slider("steps", "Length T", 5, MOST_STEPS, 50, 5, lecture=False),
         Slider("spectral_radius", "Spectral radius ρ", 0.0, 2.0, 1.4, 0.05),
         Slider("seed", "Seed", 0, 9, 0, lecture=False),
         Slider("tau", "Truncation τ", 0, MOST_STEPS - 1, 5)],
        compute, _describe_truncation, preview=preview, drag=lambda grip, x, y, result: {"tau": x}, state=state, lecture=lecture,
        presets={"Short memory": "activation=tanh spectral_radius=0.7 tau=5",
                 "Long memory": "activation=tanh spectral_radius=1.5 tau=5",
                 "Explode": "activation=linear spectral_radius=1.5 tau=5"})
    opened = True
    return panel


def _describe_truncation(result: tuple[Truncation, object]) -> str:
    cut, _ = result
    tau, whole = cut.tau, cut.steps - 1

    def words(cosine: float, length: float) -> str:
        if np.isnan(cosine):
            return "is exactly 0"
        return f"has cosine {plain(cosine)} with the whole gradient and {plain(length)} of its length"

    return (f"Every J_t sent back τ = {tau} steps: the gradient {words(cut.cosine[tau], cut.length[tau])}, and costs "
            f"{cut.products[tau]:,} products with a Jacobian against {whole:,} of one full pass. In chunks of {tau + 1} it "
            f"{words(cut.chunk_cosine[tau], cut.chunk_length[tau])}, for {cut.chunk_products[tau]:,} products.")


def strip_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """Which earlier symbols one output hangs on: by its gradient, and by what replacing them really does.

    Strips for three nets under one string: random weights, an orthogonal W_h, and weights that have learned the grammar. The
    output's step can be dragged on the upper strip, the earlier step on the curve.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"net=trained spectral_radius=1 t=24 k=2"``. The spectral radius is that of the nets that are not
        trained. Steps are counted from 1; k is at most t.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> nets, shown = strip_panel().result
    >>> bool(nets["trained"].relative[1] < 1e-3), bool(nets["trained"].change[1] > 0.9)
    (True, True)
    """
    def compute(net: str, spectral_radius: float, seed: int, t: int, k: int) -> tuple[dict[str, Influence], str]:
        return {name: influence(name, t, min(k, t), spectral_radius, seed) for name in NETS}, net

    last = len(LONG) - 1
    return Panel(
        partial(InfluenceScene, symbols=LONG, nets=NETS),
        [Choice("net", "Curves of", NETS, "trained"),
         Slider("spectral_radius", "ρ of untrained nets", 0.0, 2.0, 1.0, 0.05),
         Slider("seed", "Seed", 0, 9, 0, lecture=False),
         Slider("t", "Output at step t", 1, last, last - 1),
         Slider("k", "Earlier step k", 1, last, 2)],
        compute, _describe_strip, drag=lambda grip, x, y, result: {("t", "k")[grip]: x}, state=state, lecture=lecture,
        presets={"Long range": "net=trained t=24 k=2", "Within the grammar": "net=trained t=14 k=13",
                 "Orthogonal": "net=orthogonal spectral_radius=1 t=24 k=2"})


def _describe_strip(result: tuple[dict[str, Influence], str]) -> str:
    nets, shown = result
    one = nets[shown]
    t, k, target = one.t, one.k, one.symbols[one.t]
    symbol, rival, new = one.symbols[k - 1], one.rivals[k - 1], one.replaced[k - 1]
    swap = (f"With {rival} in its place it would be {percent(new, '.3g')}." if rival != " " else
            f"The grammar allows nothing but {symbol} there.")
    return (f"The {shown} net gives the next symbol, {target}, {percent(one.right, '.3g')} at step {t}. The gradient of this "
            f"output at step {k} ({symbol}) is {plain(one.relative[k - 1])} of its largest. {swap}")
