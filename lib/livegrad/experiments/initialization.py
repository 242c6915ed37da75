"""What the first weights do to every layer's signal and gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from livegrad.activations import Activation
from livegrad.experiments.activations import facts
from livegrad.experiments.gradients import DeepNet, standardized_digits
from livegrad.experiments.uniform import SATURATED
from livegrad.initializers import Draw, calculate_gain, kaiming_uniform, lsuv
from livegrad.meanfield import MeanField
from livegrad.mlp import MLP, norm, rms, statistics
from livegrad.validation import choice

__all__ = ["RULES", "KaimingSteps", "LayerSpread", "RuleNet", "VarianceRun", "WideNet", "kaiming_steps",
           "layer_variances", "log_edges"]

# --- every layer of a deep net under one rule ---


def _normal(shape: tuple[int, int], rng: np.random.Generator, std: float) -> np.ndarray:
    return std * rng.standard_normal(shape)


RULES: dict[str, Draw | str] = {
    **{name: name for name in ("xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform", "lecun_normal",
                               "truncated_normal", "orthogonal", "identity")},
    "lsuv": "orthogonal",
    "pytorch_default": partial(kaiming_uniform, a=math.sqrt(5)),
    "small_normal": partial(_normal, std=0.01),
    "large_normal": partial(_normal, std=1.0),
}
"""Rules to start a deep net with, by name; `lsuv` is one only together with a batch. ``small_normal`` and ``large_normal``
have standard deviation 0.01 and 1 whatever the fan-in."""

LEARNING_RATE = 0.01
"""Of the one update whose size is compared with the weights."""

_PER_DECADE = 6
_CELLS = 18 * _PER_DECADE + 1
_LOWEST = -10 - 0.5 / _PER_DECADE  # as a power of ten; so 1, where tanh saturates, lies in the middle of a cell


@dataclass(frozen=True)
class LayerSpread:
    """How the numbers of each layer of an untrained net are spread, and three sizes of its gradient.

    Attributes
    ----------
    activation_shares, gradient_shares : ndarray (L, k)
        Share of |Aˡ| and of |∂C/∂Zˡ|, over images and units, in each cell of `log_edges`. The shares of a layer sum to
        less than 1 if some numbers are 0 or beyond the edges.
    a, dz, dW : ndarray (L,)
        Root mean square of Aˡ, ∂C/∂Zˡ and ∂C/∂Wˡ.
    update_ratio : ndarray (L,)
        `LEARNING_RATE` times ‖∂C/∂Wˡ‖ over ‖Wˡ‖.
    flat : ndarray (L,)
        Share of (image, unit) pairs whose slope φ'(z) is less than 5 % of the function's steepest.
    """

    activation_shares: np.ndarray
    gradient_shares: np.ndarray
    a: np.ndarray
    dz: np.ndarray
    dW: np.ndarray
    update_ratio: np.ndarray
    flat: np.ndarray

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.a)

    @property
    def way_back(self) -> tuple[float, float]:
        """∂C/∂Z and ∂C/∂W of layer 2 over those of layer L−1: the first and the last of the layers that are alike.

        nan where both are 0.
        """
        with np.errstate(all="ignore"):
            return float(self.dz[1] / self.dz[-2]), float(self.dW[1] / self.dW[-2])


class RuleNet(DeepNet):
    """One draw of a deep net on digits by a rule of `RULES`, all of whose layers can be looked into.

    Biases are zero, the last layer is linear and follows the same rule.

    Parameters
    ----------
    init : str
        A key of `RULES`.
    width, batch, max_depth, seed
        As for `DeepNet`.

    Raises
    ------
    ValueError
        If there is no such rule.

    Examples
    --------
    >>> spread = RuleNet("orthogonal", width=50).spread(10, "tanh")
    >>> bool(spread.activation_shares.sum(axis=1).min() > 0.99)
    True
    """

    def __init__(self, init: str, width: int = 100, batch: int = 32, max_depth: int = 50, seed: int = 0) -> None:
        super().__init__(seed, width, batch, max_depth, init=choice("init", init, RULES))
        self._calibrate = init == "lsuv"

    def spread(self, depth: int, activation: str | Activation, gain: float = 1.0) -> LayerSpread:
        """Send the digits through the net and their error back, and look at every layer.

        The cost is softmax cross-entropy, averaged over the batch.

        Parameters
        ----------
        depth : int
            Layers L, the last one included; at least 4.
        activation : str or Activation
            Of the hidden layers.
        gain : float
            Factor on all weights of the rule.
        """
        net = self.net(depth, 1.0 if self._calibrate else gain, activation)
        if self._calibrate:
            net = lsuv(net, self.batch[0])
            for W in net.weights:
                W *= gain
        trace, gradients = self.passes(net)
        with np.errstate(all="ignore"):
            sizes = statistics(trace, gradients)
            steepest = facts(net.activation).max_slope
            # A few of the images will do.
            flat = [np.mean(np.abs(net.activation.derivative(z[::4])) < SATURATED * steepest) for z in trace.z[:-1]]
            ratio = LEARNING_RATE * sizes.dW / [norm(W) for W in net.weights]
        return LayerSpread(
            _log_shares(trace.a[1:]), _log_shares(gradients.dz), sizes.a,
            sizes.dz / np.sqrt([d.size for d in gradients.dz]), sizes.dW / np.sqrt([W.size for W in net.weights]),
            ratio, np.array([*flat, 0.0]))


def log_edges() -> np.ndarray:
    """Ends of the cells in which `RuleNet.spread` counts, (k + 1,), from about 1e-10 to 1e8."""
    return 10.0 ** (_LOWEST + np.arange(_CELLS + 1) / _PER_DECADE)


def _log_shares(arrays: list[np.ndarray]) -> np.ndarray:
    """Share of each array's numbers, by size, in the cells of the log scale, one row per array."""
    shares = np.empty((len(arrays), _CELLS))
    for row, array in zip(shares, arrays, strict=True):
        sizes = np.abs(array.ravel()[:: max(1, array.size // 4000)])  # a picture needs no more of them
        with np.errstate(divide="ignore"):
            cell = (np.log10(sizes) - _LOWEST) * _PER_DECADE
        cell = np.nan_to_num(cell, nan=-1, posinf=_CELLS, neginf=-1).clip(-1, _CELLS)
        row[:] = np.bincount(np.floor(cell).astype(np.intp) + 1, minlength=_CELLS + 2)[1:-1] / sizes.size
    return shares


# --- the variance map, and a net that follows it ---

_STILL = 1e-4
"""A change per layer, as a share of the variance, that counts as none: on a slider √2 has a few digits only."""


@dataclass(frozen=True)
class VarianceRun:
    """The variance of z from layer to layer: what the map of an infinitely wide net says, and what a net does.

    Attributes
    ----------
    field : MeanField
        The map.
    q, next_q : ndarray (k,)
        A grid of variances, and the next layer's.
    fixed_point : float
        Where the map leads from the start: 0 and inf are answers too. A change of less than `_STILL` counts as none.
    predicted, measured : ndarray (L,)
        Variance E[z²] at layers 1 to L, by the map and over images and units of one net.
    """

    field: MeanField
    q: np.ndarray
    next_q: np.ndarray
    fixed_point: float
    predicted: np.ndarray
    measured: np.ndarray

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.predicted)

    @property
    def neutral(self) -> bool:
        """Whether the map is the diagonal, so that every variance is a fixed point."""
        return bool(np.all(np.abs(self.next_q / self.q - 1) < _STILL))

    @property
    def chi(self) -> float:
        """χ₁ at the fixed point; nan if there is none above 0."""
        return self.field.chi(self.fixed_point) if 0 < self.fixed_point < math.inf else math.nan

    @property
    def lost(self) -> int | None:
        """First layer whose measured variance is a thousand times below or above layer 1's; None if none is.

        Where the map settles at a fixed point, on the way to it nothing is lost, however far it lies.
        """
        end = self.fixed_point if 0 < self.fixed_point < math.inf else self.measured[0]
        low, high = sorted((self.measured[0], end))
        beyond = np.flatnonzero(~((self.measured >= 1e-3 * low) & (self.measured <= 1e3 * high)))
        return int(beyond[0]) + 1 if beyond.size else None


class WideNet:
    """One draw of a deep net, through which the variance of z can be followed. Depth, width and gain only cut and stretch it.

    Parameters
    ----------
    width, depth : int
        The most of each.
    batch : int
        Digits sent through.
    seed : int

    Examples
    --------
    >>> run = WideNet(width=100, depth=30).run(30, 100, "tanh", gain=1.5, start=1.0)
    >>> bool(abs(run.measured[-1] - run.fixed_point) < 0.2 * run.fixed_point)
    True
    """

    def __init__(self, width: int = 192, depth: int = 100, batch: int = 16, seed: int = 0) -> None:
        images, _ = standardized_digits()
        first, *rest = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(depth + 1))
        images = images[first.permutation(len(images))[:batch]]
        self._images = (images / rms(images)).astype(np.float32)
        self._draws = [rng.standard_normal((width, width if l else images.shape[1])).astype(np.float32)
                       for l, rng in enumerate(rest)]

    def run(self, depth: int, width: int, activation: str | Activation, gain: float, start: float) -> VarianceRun:
        """Follow the variance of z through this net and through the map.

        Parameters
        ----------
        depth, width : int
            Layers, and units in each. The map knows no width.
        activation : str or Activation
        gain : float
            Weights have standard deviation gain/√fan_in; biases are zero.
        start : float
            Variance of z at layer 1, above 0: the input is scaled so.

        Returns
        -------
        VarianceRun
        """
        field = MeanField(gain, activation=activation)
        a, measured = self._images, np.empty(depth)
        scale = math.sqrt(start / a.shape[1])
        with np.errstate(all="ignore"):
            for l, draw in enumerate(self._draws[:depth]):
                z = scale * (a @ draw[:width, :a.shape[1]].T)
                measured[l], a, scale = rms(z) ** 2, field.activation(z), gain / math.sqrt(width)
        q = np.geomspace(1e-5, 1e5, 161)
        still = abs(field.variance(start) / start - 1) < _STILL
        fixed_point = start if still else field.fixed_point(start)
        return VarianceRun(field, q, field.variance(q), fixed_point, field.layers(start, depth), measured)


def layer_variances(depth: int, width: int, activation: str | Activation, init: str | Draw = "xavier_normal", batch: int = 64,
                    seed: int = 0) -> np.ndarray:
    """Mean square of Aˡ at layers 1 to `depth` of a net as wide as you like, one layer in memory at a time.

    The input is standard normal and as wide as the layers. Computed in float32.

    Returns
    -------
    ndarray (depth,)

    Examples
    --------
    >>> bool(layer_variances(3, 200, "tanh")[2] < 0.3)
    True
    """
    first, *rest = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(depth + 1))
    a, found = first.standard_normal((batch, width)).astype(np.float32), []
    for rng in rest:
        layer = MLP.create([width, width], rng, init, output=activation, dtype=np.float32)
        a = layer.forward(a).a[-1]
        found.append(rms(a) ** 2)
    return np.array(found)


# --- Kaiming-uniform, one step at a time ---

KAIMING_LAYERS = 10
_MOST_FAN = 300


@dataclass(frozen=True)
class KaimingSteps:
    """The Kaiming-uniform rule taken apart, and what a deep net makes of its weights.

    Attributes
    ----------
    fan : int
        fan_in or fan_out, whichever the mode says.
    gain, std, bound : float
        gain of the nonlinearity, std = gain/√fan, bound = √3·std.
    weights : ndarray (fan_out, fan_in)
        Drawn from U[−bound, bound].
    sizes : dict of str to ndarray (10,)
        For a ReLU and for a tanh net: root mean square of Zˡ. Its layers have fan_in and fan_out units in turn, so that
        every other layer has the fans asked for and the ones between have them swapped.
    """

    fan: int
    gain: float
    std: float
    bound: float
    weights: np.ndarray
    sizes: dict[str, np.ndarray]


@lru_cache(maxsize=1)
def _uniform_draws(seed: int) -> list[np.ndarray]:
    """Input and weights on [−1, 1], for the largest fans."""
    children = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(KAIMING_LAYERS + 1)]
    x = children[0].standard_normal((64, _MOST_FAN)).astype(np.float32)
    return [x, *(child.uniform(-1, 1, (_MOST_FAN, _MOST_FAN)).astype(np.float32) for child in children[1:])]


def kaiming_steps(fan_in: int, fan_out: int, mode: str = "fan_in", nonlinearity: str = "relu", a: float = 0.0,
                  seed: int = 0) -> KaimingSteps:
    """From the nonlinearity's gain to drawn weights, as `initializers.kaiming_uniform` does, and on through ten layers.

    Parameters
    ----------
    fan_in, fan_out : int
        1 to 300.
    mode, nonlinearity, a
        As for `initializers.kaiming_uniform`. They make the weights; the nets are ReLU and tanh whatever they say.

    Returns
    -------
    KaimingSteps

    Examples
    --------
    >>> default = kaiming_steps(100, 50, nonlinearity="leaky_relu", a=5**0.5)  # torch.nn.Linear
    >>> round(default.bound, 12) == round(1 / 100**0.5, 12)
    True
    """
    gain = calculate_gain(nonlinearity, a)

    def bound(n_out: int, n_in: int) -> float:
        fan = choice("mode", mode, {"fan_in": n_in, "fan_out": n_out})
        std = gain / math.sqrt(fan)
        return math.sqrt(3) * std

    x, *draws = _uniform_draws(seed)
    fans = [(fan_out, fan_in), (fan_in, fan_out)] * (KAIMING_LAYERS // 2)
    weights = [bound(*shape) * unit[:shape[0], :shape[1]] for unit, shape in zip(draws, fans, strict=True)]
    biases = [np.zeros(len(W), W.dtype) for W in weights]
    sizes = {name: np.array([rms(z) for z in MLP(weights, biases, name).forward(x[:, :fan_in]).z]) for name in ("relu", "tanh")}
    top = bound(fan_out, fan_in)
    return KaimingSteps(fan_in if mode == "fan_in" else fan_out, gain, top / math.sqrt(3), top, weights[0], sizes)
