"""Panels of notebook 01: activations."""

from __future__ import annotations

from functools import lru_cache, partial

from livegrad import activations
from livegrad.activations import ACTIVATIONS
from livegrad.data.planar import PLANAR
from livegrad.experiments.activations import Tangent, facts, tangent
from livegrad.experiments.dead import DeadCount, count_dead
from livegrad.experiments.planes import STEPS, Collapse, TwoLayers
from livegrad.experiments.uniform import SATURATED, LayerResponse, UniformLayer
from livegrad.experiments.zigzag import CLOSE, Zigzag, zigzag
from livegrad.figures.activations import CollapseScene, DeadScene, SaturationScene, SlopeScene, ZigzagScene
from livegrad.figures.scene import near, percent, plain
from livegrad.panels.controls import Choice, Slider
from livegrad.panels.live import Panel
from livegrad.panels.training import TrainingPanel

__all__ = ["collapse_panel", "dead_relu_panel", "saturation_panel", "slope_panel", "zigzag_panel"]

_NONE = "none"
_MARKERS = "circle", "square", "triangle"  # of the classes, as `livegrad.style.CLASSES` draws them


def slope_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """One activation function with its tangent, its slope, and what becomes of a message that comes back through it.

    The point on the curve can be dragged, and so can the message. Two more functions can be laid over the first.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"activation=tanh second=relu z=2 e=1"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> slope_panel("activation=sigmoid z=0 e=1").result.passed_back
    0.25
    """
    def compute(activation: str, second: str, third: str, z: float, e: float) -> Tangent:
        return tangent(activation, z, e, [name for name in (second, third) if name != _NONE])

    def drag(grip: int, x: float, y: float, result: Tangent) -> dict[str, float]:
        return {"e": y} if grip == 2 else {"z": x}

    return Panel(
        SlopeScene,
        [Choice("activation", "Activation", ACTIVATIONS, "sigmoid"),
         Choice("second", "Compare with", (_NONE, *ACTIVATIONS), _NONE),
         Choice("third", "and with", (_NONE, *ACTIVATIONS), _NONE, lecture=False),
         Slider("z", "z", -8.0, 8.0, 2.0, 0.1),
         Slider("e", "Message e", -2.0, 2.0, 1.0, 0.1)],
        compute, _describe_tangent, drag=drag, state=state, lecture=lecture,
        presets={"Flat end": "activation=sigmoid second=none third=none z=6",
                 "Kink": "activation=relu second=leaky_relu third=none z=0",
                 "Three at once": "activation=sigmoid second=tanh third=relu z=1"})


def _describe_tangent(result: Tangent) -> str:
    at = (f"φ({result.z:g}) = {near(result.value)} with slope φ'({result.z:g}) = {plain(result.slope)}: "
          f"of a message e = {result.e:.3g} the unit passes back {plain(result.passed_back)}.")
    if result.kink:
        left, right = map(plain, result.sides)
        return (f"{at} Here is a kink, slope {left} on its left and {right} on its right; "
                f"the library takes {plain(result.slope)}, as PyTorch does.")
    return at


def saturation_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """One layer on real digits with weights from U[lo, hi]: z, activation and slope of all its units.

    The two ends of the interval can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"fan_in=64 lo=2 hi=5 activation=sigmoid"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> saturation_panel("lo=2 hi=5").result.saturated
    1.0
    """
    layer = lru_cache(maxsize=4)(UniformLayer)

    def compute(fan_in: int, lo: float, hi: float, activation: str, seed: int) -> LayerResponse:
        return layer(seed).response(fan_in, round(lo, 9), round(hi, 9), activation)

    def drag(grip: int, x: float, y: float, result: LayerResponse) -> dict[str, float]:
        # The picture shows the bounds in order; the sliders may hold them the other way round.
        values = panel.values
        ends = ("lo", "hi") if values["lo"] <= values["hi"] else ("hi", "lo")
        return {ends[grip]: x}

    panel = Panel(
        SaturationScene,
        [Choice("activation", "Activation", tuple(n for n in ACTIVATIONS if activations.get(n).saturates != "no"), "sigmoid"),
         Slider("fan_in", "Inputs per unit", 1, 64, 64),
         Slider("lo", "Weights from", -5.0, 5.0, -0.5, 0.1),
         Slider("hi", "Weights to", -5.0, 5.0, 0.5, 0.1),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        compute, _describe_layer, drag=drag, state=state, lecture=lecture,
        presets={"−0.5 to 0.5": "lo=-0.5 hi=0.5", "2 to 5": "lo=2 hi=5", "−5 to 5": "lo=-5 hi=5"})
    return panel


def _describe_layer(result: LayerResponse) -> str:
    lo, hi = result.bounds
    known = facts(result.activation)
    size = "0 (rounded)" if result.passed_back == 0 and not known.can_die else plain(result.passed_back)
    return (f"Weights between {lo:.3g} and {hi:.3g}: z has mean {plain(result.z.mean())} and standard deviation "
            f"{plain(result.z.std())}. {percent(result.saturated, '.3g')} of the {result.z.size} slopes are below "
            f"{100 * SATURATED:.0f} % of the steepest ({plain(known.max_slope)}): saturated. A message of size 1 is passed "
            f"back with size {size}.")


def collapse_panel(state: str = "", lecture: bool | None = None, seed: int = 0) -> Panel:
    """A net of two layers, trained on points in the plane, beside the single layer its two matrices multiply to.

    The star can be dragged: both nets say what they think of it.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"points=moons activation=relu hidden=8"``.
    lecture : bool, optional
        Draw for a projector.
    seed : int
        Of points and weights.

    Returns
    -------
    Panel

    Examples
    --------
    >>> collapse_panel("activation=linear").result.same
    True
    """
    started = lru_cache(maxsize=64)(partial(TwoLayers, seed=seed, steps=0))

    def look(steps: int, points: str, activation: str, hidden: int, x1: float, x2: float) -> Collapse:
        net = started(points, activation, hidden)
        net.train(steps)  # a net that a preview has begun is trained further
        return net.collapse((round(x1, 9), round(x2, 9)))

    def drag(grip: int, x: float, y: float, result: Collapse) -> dict[str, float]:
        return {"x1": x, "x2": y}

    return Panel(
        CollapseScene,
        [Choice("points", "Points", PLANAR, "rings"),
         Choice("activation", "Activation", ACTIVATIONS, "linear"),
         Slider("hidden", "Hidden units", 1, 32, 8),
         Slider("x1", "Star, x1", -1.5, 1.5, 0.0, 0.1, lecture=False),
         Slider("x2", "Star, x2", -1.5, 1.5, 0.0, 0.1, lecture=False)],
        partial(look, STEPS), _describe_collapse, preview=partial(look, 60), drag=drag, state=state, lecture=lecture,
        presets={"No activation": "activation=linear", "Sigmoid": "activation=sigmoid", "ReLU": "activation=relu"})


def _describe_collapse(result: Collapse) -> str:
    two, one = (plane.at(result.point) for plane in (result.two, result.one))
    difference = "equal to rounding" if result.same else f"up to {plain(result.difference)} apart"
    return (f"Two layers name {percent(result.two.accuracy)} of the points right{result.so_far}; the one matrix W²W¹, of rank "
            f"{result.rank}, names {percent(result.one.accuracy)}. Their outputs are {difference}. "
            f"Two layers take the star for a {_MARKERS[two.argmax()]} ({percent(two.max())}), "
            f"one layer for a {_MARKERS[one.argmax()]} ({percent(one.max())}).")


def dead_relu_panel(state: str = "", lecture: bool | None = None) -> TrainingPanel:
    """Train a small net on the digits and count the units through which no gradient passes.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"activation=relu bias=-1 learning_rate=0.3"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    TrainingPanel

    Examples
    --------
    >>> dead_relu_panel("bias=-3").result.dead[0]
    array([1., 1.])
    """
    return TrainingPanel(
        DeadScene,
        [Choice("activation", "Activation", ("relu", "leaky_relu", "elu"), "relu"),
         Slider("bias", "Bias at the start", -3.0, 1.0, 0.0, 0.1),
         Slider("weight_scale", "Weight scale", 0.1, 4.0, 1.4, 0.1),
         Slider("learning_rate", "Learning rate", 0.05, 2.0, 0.3, 0.05),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        count_dead, _describe_dead, state=state, lecture=lecture,
        presets={"Healthy": "activation=relu bias=0 weight_scale=1.4 learning_rate=0.3",
                 "Large steps": "activation=relu bias=0 weight_scale=1.4 learning_rate=0.8",
                 "Negative bias": "activation=relu bias=-1 weight_scale=1.4 learning_rate=0.3"})


def _describe_dead(result: DeadCount) -> str:
    dead = " and ".join(f"{percent(share)} of hidden layer {l}" for l, share in enumerate(result.dead[-1], 1))
    if result.overflowed:
        return f"Overflow: after {result.taken} steps the loss is no longer finite. At the last count {dead} were dead."
    if result.taken == 0:
        return f"Not trained yet: press Train. Dead at birth: {dead}."
    by_rounding = result.dead[-1].any() and not facts(result.activation).can_die
    rounded = " (their slope is so small that it rounds to 0)" if by_rounding else ""
    return f"After {result.taken} steps {dead} are dead{rounded}, and {percent(result.accuracy)} of the test digits are right."


def zigzag_panel(state: str = "", lecture: bool | None = None) -> Panel:
    """One linear unit with two inputs learns two weights; the mean of its inputs decides how straight the way is.

    The star, where the right weights are, can be dragged.

    Parameters
    ----------
    state : str
        Where to start, e.g. ``"center=0.5 w1=1 w2=-1"``.
    lecture : bool, optional
        Draw for a projector.

    Returns
    -------
    Panel

    Examples
    --------
    >>> zigzag_panel("center=0.5").result.together
    1.0
    """
    def compute(center: float, learning_rate: float, w1: float, w2: float, seed: int) -> Zigzag:
        return zigzag(round(center, 9), learning_rate, (round(w1, 9), round(w2, 9)), seed)

    def drag(grip: int, x: float, y: float, result: Zigzag) -> dict[str, float]:
        return {"w1": x, "w2": y}

    return Panel(
        ZigzagScene,
        [Slider("center", "Mean of the inputs", 0.0, 0.5, 0.5, 0.05),
         Slider("learning_rate", "Learning rate", 0.05, 0.95, 0.5, 0.05),
         Slider("w1", "Right weight 1", -1.4, 1.4, 1.0, 0.1),
         Slider("w2", "Right weight 2", -1.4, 1.4, -1.0, 0.1),
         Slider("seed", "Seed", 0, 9, 0, lecture=False)],
        compute, _describe_zigzag, drag=drag, state=state, lecture=lecture,
        presets={"Positive inputs": "center=0.5 w1=1 w2=-1", "Centered inputs": "center=0 w1=1 w2=-1",
                 "Same sign": "center=0.5 w1=1 w2=1"})


def _describe_zigzag(result: Zigzag) -> str:
    low, high = result.bounds
    if result.needed == 0:
        return f"Inputs between {low:.3g} and {high:.3g}. The weights start within {CLOSE} of the right ones: already there."
    arrived = (f"After {result.needed} steps the weights are within {CLOSE} of the right ones." if result.needed is not None
               else f"In {len(result.path) - 1} steps the weights did not come within {CLOSE} of the right ones.")
    return (f"Inputs between {low:.3g} and {high:.3g}: on {percent(result.together)} of the steps on the way both "
            f"weights rise or both fall. {arrived}")
