"""What an activation function does to a signal, and to the error that comes back through it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial

import numpy as np

from livegrad import activations
from livegrad.activations import ACTIVATIONS, Activation
from livegrad.data import load_digits, minibatches
from livegrad.initializers import lecun_normal
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP, rms
from livegrad.optim import SGD
from livegrad.validation import choice, fail, number

__all__ = ["ActivationTable", "Curve", "DeadCount", "Facts", "LayerResponse", "Tangent", "UniformLayer", "Zigzag",
           "activation_table", "collapse", "count_dead", "curve", "dead_units", "facts", "tangent", "zigzag"]

# --- the table: facts found by evaluating the functions, not by knowing them ---

_FAR = 1e6


@dataclass(frozen=True)
class Facts:
    """What evaluating φ and φ' on a wide grid says about them.

    Attributes
    ----------
    name : str
    range : (float, float)
        Infimum and supremum of φ.
    at_zero, slope_at_zero : float
        φ(0) and φ'(0). At a kink the slope is the library's choice, see `Activation.derivative`.
    mean : float
        E[φ(z)] for z ~ N(0, 1): 0 if the function is zero-centered.
    least_slope, max_slope : float
    gain : float
        1/√E[φ(z)²] for z ~ N(0, 1).
    convention : float
        The gain that the library uses, `Activation.gain`: PyTorch's where PyTorch defines one.
    saturates : {"no", "left", "right", "both"}
        Where the slope goes to 0.
    can_die : bool
        Whether the slope is exactly 0 on a whole half-line.
    kink : bool
        Whether the slope jumps at 0.
    """

    name: str
    range: tuple[float, float]
    at_zero: float
    slope_at_zero: float
    mean: float
    least_slope: float
    max_slope: float
    gain: float
    convention: float
    saturates: str
    can_die: bool
    kink: bool


@cache
def facts(activation: str | Activation) -> Facts:
    """Measure one activation function.

    Raises
    ------
    ValueError
        If there is no such function.

    Examples
    --------
    >>> sigmoid = facts("sigmoid")
    >>> sigmoid.range, sigmoid.max_slope, sigmoid.saturates
    ((0.0, 1.0), 0.25, 'both')
    """
    phi = activations.get(activation)
    z = _wide_grid()
    value, slope = phi(z), phi.derivative(z)
    ends = [_limit(phi, side * _FAR) for side in (-1, 1)]
    # A slope that only rounds to 0 does so far out; one that is 0 from z = ∓1 on is 0 by definition.
    zero = [not slope[z < -1].any(), not slope[z > 1].any()]
    vanishes = [abs(phi.derivative(side * _FAR)) < 1e-9 * slope.max() for side in (-1, 1)]
    return Facts(
        name=phi.name, range=(float(min(value.min(), *ends)), float(max(value.max(), *ends))),
        at_zero=float(phi(0.0)), slope_at_zero=float(phi.derivative(0.0)), mean=activations.normal_mean(phi),
        least_slope=float(slope.min()), max_slope=float(slope.max()),
        gain=activations.variance_gain(phi), convention=phi.gain,
        saturates={(False, False): "no", (True, False): "left", (False, True): "right", (True, True): "both"}[tuple(vanishes)],
        can_die=any(zero), kink=bool(_jumps(phi, np.zeros(1))[0]))


@cache
def _wide_grid() -> np.ndarray:
    """Fine where the functions bend, and out to ±1e6."""
    far = np.logspace(1, math.log10(_FAR), 501)
    return np.concatenate([-far[::-1], np.linspace(-10, 10, 20001), far])


def _limit(phi: Activation, far: float) -> float:
    """φ as z → ±∞: what it is far out, or ±∞ if it still grows there."""
    there, before = float(phi(far)), float(phi(far / 1000))
    return math.copysign(math.inf, there) if abs(there) > 100 * abs(before) else there


def _jumps(phi: Activation, z: np.ndarray) -> np.ndarray:
    """Where the slope jumps: a smooth one changes by less than a thousandth within 1e-6."""
    return np.abs(phi.derivative(z + 1e-6) - phi.derivative(z - 1e-6)) > 1e-3


@dataclass(frozen=True, repr=False)
class ActivationTable:
    """Facts of several activation functions, which print as a table.

    Attributes
    ----------
    rows : tuple of Facts
    """

    rows: tuple[Facts, ...]

    def __getitem__(self, name: str) -> Facts:
        """The row of one function."""
        return next((row for row in self.rows if row.name == name), None) or fail(
            "name", f"one of {', '.join(row.name for row in self.rows)}", repr(name))

    def __repr__(self) -> str:
        head = ("function", "range", "φ(0)", "φ'(0)", "mean φ", "max φ'", "gain", "PyTorch's", "saturates", "can die", "kink")
        lines = [head, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cells(row: Facts) -> tuple[str, ...]:
    def text(x: float) -> str:
        return f"{x:.4g}" if abs(x) > 1e-9 else "0"

    numbers = map(text, (row.at_zero, row.slope_at_zero, row.mean, row.max_slope, row.gain))
    other = "" if math.isclose(row.gain, row.convention, rel_tol=1e-3) else text(row.convention)
    can_die, kink = ("yes" if fact else "no" for fact in (row.can_die, row.kink))
    return row.name, f"{text(row.range[0])} to {text(row.range[1])}", *numbers, other, row.saturates, can_die, kink


def activation_table(names: Sequence[str | Activation] = ACTIVATIONS) -> ActivationTable:
    """The facts that decide how a gradient fares, measured for each activation function.

    ``gain`` is 1/√E[φ(z)²] for z ~ N(0, 1); ``PyTorch's`` is what its `calculate_gain` says, where that differs. ``mean φ``
    is E[φ(z)] for the same z.

    Examples
    --------
    >>> print(activation_table(["sigmoid", "relu"]))
    function  range     φ(0)  φ'(0)  mean φ  max φ'  gain   PyTorch's  saturates  can die  kink
    sigmoid   0 to 1    0.5   0.25   0.5     0.25    1.846  1          both       no       no
    relu      0 to inf  0     0      0.3989  1       1.414             left       yes      yes
    """
    return ActivationTable(tuple(facts(name) for name in names))


# --- one unit: the curve and its tangent ---


@dataclass(frozen=True)
class Curve:
    """φ and φ' on a grid.

    Attributes
    ----------
    name : str
    z, value, slope : ndarray (k,)
        Where the slope jumps it is nan, so that no line is drawn across.
    """

    name: str
    z: np.ndarray
    value: np.ndarray
    slope: np.ndarray


@lru_cache(maxsize=32)
def curve(activation: str | Activation, widest: float = 8.0, count: int = 401) -> Curve:
    """φ and φ' from −widest to widest.

    Examples
    --------
    >>> bool(np.nanmax(curve("sigmoid").slope) == 0.25)
    True
    """
    phi = activations.get(activation)
    z = np.linspace(-widest, widest, count)
    z = np.union1d(z, [-1e-5, 0.0, 1e-5])
    slope = np.where(_jumps(phi, z), np.nan, phi.derivative(z))
    return Curve(phi.name, z, phi(z), slope)


@dataclass(frozen=True)
class Tangent:
    """One unit at one z, with an error e = ∂C/∂a coming back to it.

    Attributes
    ----------
    curves : tuple of Curve
        The unit's own first, then those to compare with.
    z, e : float
    value, slope : float
        φ(z) and φ'(z).
    sides : (float, float)
        The slopes just left and just right of z. They differ at a kink only.
    """

    curves: tuple[Curve, ...]
    z: float
    e: float
    value: float
    slope: float
    sides: tuple[float, float]

    @property
    def passed_back(self) -> float:
        """∂C/∂z = e·φ'(z): what the unit hands to everything below."""
        return self.e * self.slope

    @property
    def kink(self) -> bool:
        """Whether the slope jumps at z."""
        return abs(self.sides[1] - self.sides[0]) > 1e-3


def tangent(activation: str | Activation, z: float, e: float = 1.0, others: Sequence[str | Activation] = ()) -> Tangent:
    """Value and slope at z, and the error passed back.

    Parameters
    ----------
    activation : str or Activation
    z : float
    e : float
        The error from above, ∂C/∂a.
    others : sequence of str or Activation
        Curves to compare with.

    Returns
    -------
    Tangent

    Examples
    --------
    >>> tangent("sigmoid", z=0.0, e=2.0).passed_back
    0.5
    >>> tangent("relu", z=0.0).sides
    (0.0, 1.0)
    """
    # A slider's 0 may be 1e-16, and a kink is met at 0 only.
    z, e = round(number("z", z), 9), number("e", e)
    phi = activations.get(activation)
    value, slope, left, right = (float(x) for x in (phi(z), *phi.derivative(np.array([z, z - 1e-6, z + 1e-6]))))
    return Tangent(tuple(curve(name) for name in (activation, *others)), z, e, value, slope, (left, right))


# --- one layer: weights drawn between two numbers ---

SATURATED = 0.05
"""A unit counts as saturated where its slope is less, in size, than this share of the function's steepest."""


@dataclass(frozen=True)
class LayerResponse:
    """What one layer makes of real inputs.

    Attributes
    ----------
    activation : Activation
    bounds : (float, float)
        Lowest and highest weight.
    x : ndarray (N, fan_in)
    weights : ndarray (H, fan_in)
    z, a, slope : ndarray (N, H)
        Z = X Wᵀ, φ(Z) and φ'(Z).
    """

    activation: Activation
    bounds: tuple[float, float]
    x: np.ndarray
    weights: np.ndarray
    z: np.ndarray
    a: np.ndarray
    slope: np.ndarray

    @property
    def saturated(self) -> float:
        """Share of all (image, unit) pairs with |φ'(z)| below `SATURATED` of the steepest slope."""
        return float(np.mean(np.abs(self.slope) < SATURATED * facts(self.activation).max_slope))

    @property
    def passed_back(self) -> float:
        """Root mean square of φ'(z): that of e·φ'(z) for errors e of size 1."""
        return rms(self.slope)

    def histogram(self, of: str) -> tuple[np.ndarray, np.ndarray]:
        """Share of the values in each bin, in percent, and the bins' edges.

        Parameters
        ----------
        of : {"z", "a", "slope"}

        Returns
        -------
        shares : ndarray (k,)
        edges : ndarray (k + 1,)
            The same for every setting of one activation function. Those of z, and of an unbounded φ, widen like sinh.
        """
        values = getattr(self, choice("of", of, ("z", "a", "slope")))
        edges = _edges(self.activation, of)
        bins = np.searchsorted(edges[1:-1], values.ravel(), side="right")  # what lies beyond the ends goes into the last bins
        return 100 * np.bincount(bins, minlength=len(edges) - 1) / values.size, edges

    @property
    def flat(self) -> list[tuple[float, float]]:
        """The stretches of the z axis on which the function counts as saturated."""
        return _flat(self.activation)


LINEAR = 3.0
"""Up to about this |z| the bins of z are of equal width; beyond, they widen like sinh."""


def _stretched(count: int) -> np.ndarray:
    """`count` values from about −200 to 200, evenly spaced in arcsinh(z / LINEAR)."""
    return LINEAR * np.sinh(np.linspace(-4.9, 4.9, count))


@cache
def _edges(activation: Activation, of: str) -> np.ndarray:
    known = facts(activation)
    if of == "slope":
        return np.linspace(known.least_slope, known.max_slope, 21)
    bounded = of == "a" and np.all(np.isfinite(known.range))
    return np.linspace(*known.range, 21) if bounded else _stretched(36)


@cache
def _flat(activation: Activation) -> list[tuple[float, float]]:
    z = _stretched(4001)
    low = np.abs(activation.derivative(z)) < SATURATED * facts(activation).max_slope
    turns = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(int)))
    return [(float(z[i]), float(z[j - 1])) for i, j in turns.reshape(-1, 2)]


class UniformLayer:
    """A layer on real digits whose weights are drawn from U[lo, hi]. No biases.

    The draws are made once, from U[0, 1]; `response` only shifts and stretches them. So the same bounds always give the
    same layer, and another pixel leaves the other weights as they were.

    Parameters
    ----------
    seed : int
    units : int
        Units H of the layer.
    images : int
        Digits N sent through, 1 to 1797.

    Examples
    --------
    >>> layer = UniformLayer(seed=0)
    >>> layer.response(64, 2.0, 5.0, "sigmoid").saturated
    1.0
    """

    def __init__(self, seed: int, units: int = 100, images: int = 300) -> None:
        weights, pick = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        pixels = load_digits().images
        self._x = pixels[np.sort(pick.permutation(len(pixels))[:images])]
        self._draw = weights.uniform(0, 1, (units, pixels.shape[1]))
        self._by_ink = np.argsort(-pixels.sum(axis=0), kind="stable")

    def response(self, fan_in: int, lo: float, hi: float, activation: str | Activation) -> LayerResponse:
        """Send the digits through the layer.

        Parameters
        ----------
        fan_in : int
            How many pixels each unit reads, 1 to 64: those with the most ink over all digits, in the image's order. Pixels
            go from 0 (paper) to 1 (ink).
        lo, hi : float
            Bounds of the weights, in either order.
        activation : str or Activation

        Returns
        -------
        LayerResponse
        """
        if fan_in not in range(1, len(self._by_ink) + 1):
            fail("fan_in", f"a whole number from 1 to {len(self._by_ink)}", fan_in)
        lo, hi = sorted((number("lo", lo), number("hi", hi)))
        phi = activations.get(activation)
        pixels = np.sort(self._by_ink[:fan_in])
        x, weights = self._x[:, pixels], lo + (hi - lo) * self._draw[:, pixels]
        z = x @ weights.T
        a = phi(z)
        return LayerResponse(phi, (lo, hi), x, weights, z, a, phi.derivative(z, a))


# --- several layers, and the one matrix that they are without an activation ---


def collapse(net: MLP) -> MLP:
    """The one layer that a net is if its hidden layers have no activation.

    W = W² W¹ and b = W² b¹ + b², and so on for more layers. It computes what `net` computes if the hidden activation is
    linear, and something else if not.

    Examples
    --------
    >>> net = MLP([np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])], [np.ones(1), np.zeros(2)], "linear")
    >>> collapse(net).weights[0]
    array([[3., 6.],
           [4., 8.]])
    >>> np.array_equal(collapse(net).forward([[5.0, 6.0]]).a[-1], net.forward([[5.0, 6.0]]).a[-1])
    True
    """
    W, b = net.weights[0], net.biases[0]
    for V, c in zip(net.weights[1:], net.biases[1:], strict=True):
        W, b = V @ W, V @ b + c
    return MLP([W], [b], output=net.output)


# --- ReLU units that die ---


def dead_units(net: MLP, x: np.ndarray) -> list[np.ndarray]:
    """The units of each hidden layer that are dead: their slope is 0 for every example.

    No gradient passes them, so no example can change their weights. A dead ReLU unit also has output 0 for every example.
    A unit of a smooth activation such as ELU can be dead in this sense only where its slope is rounded to 0.

    Parameters
    ----------
    net : MLP
    x : ndarray (N, n_0)

    Returns
    -------
    list of ndarray of bool (n_l,)
        One for each layer but the last.

    Examples
    --------
    >>> net = MLP([np.eye(2), np.ones((1, 2))], [np.array([0.0, -5.0]), np.zeros(1)], "relu")
    >>> dead_units(net, np.array([[1.0, 2.0], [3.0, 4.0]]))
    [array([False,  True])]
    """
    trace = net.forward(x)
    return [~net.activation.derivative(z, a).any(axis=0) for z, a in zip(trace.z[:-1], trace.a[1:], strict=False)]


@dataclass(frozen=True)
class DeadCount:
    """A training run as far as it has come, and the units that died on the way.

    Attributes
    ----------
    activation : Activation
        Of the hidden layers.
    steps, taken : int
        Updates planned and made.
    at : ndarray of int (k,)
        Steps at which the dead were counted, the last one at `taken` or, after an overflow, before it.
    dead : ndarray (k, H)
        Share of dead units in each hidden layer then.
    activity : ndarray (H, width)
        For each unit the share of training digits for which z > 0, at the last count.
    loss : float
        Cross-entropy of the last minibatch.
    accuracy : float
        Share of the test digits that the net names.
    """

    activation: Activation
    steps: int
    taken: int
    at: np.ndarray
    dead: np.ndarray
    activity: np.ndarray
    loss: float
    accuracy: float

    @property
    def progress(self) -> float:
        """Share of the run that is over; 1 after an overflow."""
        return 1.0 if self.overflowed else self.taken / self.steps

    @property
    def overflowed(self) -> bool:
        """Whether the last loss is infinite or not a number."""
        return not math.isfinite(self.loss)


def count_dead(bias: float, weight_scale: float, learning_rate: float, activation: str | Activation, seed: int,
               steps: int = 300, width: int = 50, hidden: int = 2, batch: int = 64, report: int = 10) -> Iterator[DeadCount]:
    """Train a small net on the digits by gradient descent and count its dead units on the way.

    Inputs are the pixels themselves, 0 (paper) to 1 (ink). Weights start at standard deviation weight_scale / √fan_in. Every
    fifth digit is kept for the test.

    Parameters
    ----------
    bias : float
        What all hidden biases start at.
    weight_scale, learning_rate : float
    activation : str or Activation
        Of the hidden layers.
    seed : int
        Of the weights and of the order of the minibatches.
    steps, batch : int
        Updates, and digits per update.
    width, hidden : int
        Units per hidden layer, and hidden layers.
    report : int
        Updates between two counts.

    Yields
    ------
    DeadCount
        First of the untrained net, then after every `report` updates. The run ends early when the loss is no longer finite.

    Examples
    --------
    >>> *_, last = count_dead(bias=-2.0, weight_scale=1.4, learning_rate=0.3, activation="relu", seed=0, steps=10)
    >>> last.dead[-1]
    array([1., 1.])
    """
    x, labels = load_digits().images, load_digits().labels
    test = np.arange(len(x)) % 5 == 0
    train = x[~test]
    weights, order = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    net = MLP.create([x.shape[1], *[width] * hidden, 10], weights, activation=activation,
                     init=partial(lecun_normal, gain=weight_scale))
    for b in net.biases[:-1]:
        b += bias
    batches = minibatches(order, np.flatnonzero(~test), batch)
    optimizer, activity = SGD(learning_rate), np.zeros((hidden, width))
    at: list[int] = []
    dead: list[list[float]] = []
    trace = gradients = None

    @np.errstate(all="ignore")  # an overflow ends the run and is reported
    def look() -> float:
        nonlocal trace, gradients
        pick = next(batches)
        trace = net.forward(x[pick], trace)
        gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels[pick]), gradients)
        return softmax_cross_entropy(trace.a[-1], labels[pick])

    @np.errstate(all="ignore")
    def so_far(taken: int, loss: float) -> DeadCount:
        if math.isfinite(loss):
            at.append(taken)
            dead.append([float(units.mean()) for units in dead_units(net, train)])
            activity[:] = [(z > 0).mean(axis=0) for z in net.forward(train).z[:-1]]
        guesses = net.forward(x[test]).a[-1].argmax(axis=1)
        return DeadCount(net.activation, steps, taken, np.array(at), np.array(dead), activity.copy(), loss,
                         float(np.mean(guesses == labels[test])))

    for taken in range(steps + 1):
        loss = look()
        if taken % report == 0 or taken == steps or not math.isfinite(loss):
            yield so_far(taken, loss)
        if not math.isfinite(loss):
            return
        optimizer.step(net.parameters(), gradients.parameters())


# --- what it costs a unit if its inputs are not centered ---

CLOSE = 0.01
"""The weights count as right once they are within this distance of the right ones."""


@dataclass(frozen=True)
class Zigzag:
    """How a linear unit with two inputs finds two weights.

    Attributes
    ----------
    bounds : (float, float)
        Between which the inputs are drawn.
    inputs : ndarray (k, 2)
        One example per step.
    path : ndarray (k + 1, 2)
        The weights, from (0, 0) on.
    target : (float, float)
        The right weights.
    """

    bounds: tuple[float, float]
    inputs: np.ndarray
    path: np.ndarray
    target: tuple[float, float]

    @property
    def distance(self) -> np.ndarray:
        """From the right weights before the first step and after each, (k + 1,)."""
        return np.hypot(*(self.path - self.target).T)

    @property
    def needed(self) -> int | None:
        """Steps until the weights first were within `CLOSE` of the right ones, if they ever were."""
        there = np.flatnonzero(self.distance < CLOSE)
        return int(there[0]) if there.size else None

    @property
    def together(self) -> float:
        """Share of the steps on which both weights rise or both fall: the two inputs have one sign.

        The step is −η (w − w*)·x times x, so where it is not 0 its entries have the signs of x, or the opposite ones.
        """
        return float(np.mean(self.inputs[:, 0] * self.inputs[:, 1] > 0))


def zigzag(center: float, learning_rate: float, target: tuple[float, float] = (1.0, -1.0), seed: int = 0,
           steps: int = 600) -> Zigzag:
    """Gradient descent, one example at a time, on C = ½ (w·x − w*·x)².

    Both inputs are drawn from U[c − s, c + s] with s = √(1 − 3c²), so that their mean square is ⅓ for every center c: from −1
    to 1 for c = 0, from 0 to 1 for c = ½. Positive inputs give every step one sign (LeCun et al. 1998, §4.3).

    Parameters
    ----------
    center : float
        c, from 0 to ½.
    learning_rate : float
        Stable below 1.
    target : (float, float)
        The right weights w*.
    seed : int
        The draws are made from U[−1, 1] and then shifted and stretched.
    steps : int

    Returns
    -------
    Zigzag

    Examples
    --------
    >>> zigzag(0.5, 0.5).needed, zigzag(0.0, 0.5).needed
    (92, 17)
    """
    center, rate = number("center", center, 0, 0.5), number("learning_rate", learning_rate, 0)
    spread = math.sqrt(1 - 3 * center**2)
    inputs = center + spread * np.random.default_rng(seed).uniform(-1, 1, (steps, 2))
    (u, v), (right_u, right_v) = (0.0, 0.0), target
    path = [(u, v)]
    for x, y in inputs.tolist():
        push = rate * ((u - right_u) * x + (v - right_v) * y)
        u, v = u - push * x, v - push * y
        path.append((u, v))
    return Zigzag((center - spread, center + spread), inputs, np.array(path), (float(right_u), float(right_v)))
