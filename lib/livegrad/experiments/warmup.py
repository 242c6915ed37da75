"""Before the course: four optimizers in one bowl, what they make of a tiny gradient, and the sizes in a deep net."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from livegrad.experiments.gradients import DeepNet
from livegrad.experiments.normed_nets import NORMS
from livegrad.mlp import Statistics, statistics
from livegrad.optim import SGD, Adam, Momentum, Optimizer, RMSProp
from livegrad.validation import choice, floats, number

__all__ = ["ALPHA", "FourPaths", "LEFT", "LayerSizes", "OPTIMIZERS", "STEEPEST", "first_steps", "four_paths", "layer_sizes"]

# --- the bowl ---

STEEPEST = 10.0
"""The larger eigenvalue of the bowl's Hessian. Gradient descent diverges at learning rates above 2 / STEEPEST."""

ALPHA = 0.9
"""What RMSProp keeps of its average in one step, as in Tieleman & Hinton (2012)."""

LEFT = 0.2
"""A path has arrived once it stays within this share of its first distance from the bottom."""

OPTIMIZERS = ("SGD", "momentum", "RMSProp", "Adam")
"""The four, in the order of the course."""


def _make(name: str, learning_rate: float, momentum: float) -> Optimizer:
    return {"SGD": lambda: SGD(learning_rate), "momentum": lambda: Momentum(learning_rate, momentum),
            "RMSProp": lambda: RMSProp(learning_rate, ALPHA), "Adam": lambda: Adam(learning_rate, momentum)}[name]()


@dataclass(frozen=True)
class FourPaths:
    """Four optimizers from one start, in the bowl C(w) = ½ wᵀ H w.

    Attributes
    ----------
    hessian : ndarray (2, 2)
        H, with eigenvalues STEEPEST / κ and STEEPEST.
    condition : float
        κ.
    paths : dict of str to ndarray (k + 1, 2)
        The two weights before the first step and after each, by the names in `OPTIMIZERS`. The bottom is at (0, 0).
    """

    hessian: np.ndarray
    condition: float
    paths: dict[str, np.ndarray]

    @property
    def start(self) -> np.ndarray:
        """Where all paths begin, (2,)."""
        return self.paths["SGD"][0]

    @property
    def steps(self) -> int:
        """k, the number of steps."""
        return len(self.paths["SGD"]) - 1

    def distance(self, name: str) -> np.ndarray:
        """From the bottom before the first step and after each, (k + 1,)."""
        return np.hypot(*self.paths[name].T)

    def loss(self, name: str) -> np.ndarray:
        """C before the first step and after each, (k + 1,)."""
        w = self.paths[name]
        return 0.5 * np.sum(w @ self.hessian * w, axis=1)

    def needed(self, name: str) -> int | None:
        """Steps after which the path stays within `LEFT` of its first distance; None if that is not in these steps."""
        outside = np.flatnonzero(self.distance(name) > LEFT * self.distance(name)[0])
        return 0 if not outside.size else int(outside[-1]) + 1 if outside[-1] < self.steps else None

    def grows(self, name: str) -> bool:
        """Whether the path ends further from the bottom than it began."""
        return bool(self.distance(name)[-1] > self.distance(name)[0])

    def contours(self, levels: Sequence[float], count: int = 121) -> np.ndarray:
        """Ellipses of equal loss, nan between them, (m, 2).

        Parameters
        ----------
        levels : sequence of float
            Where the ellipses cross the direction of the steepest slope, as distances from the bottom.
        count : int
            Points on each.
        """
        values, vectors = np.linalg.eigh(self.hessian)
        angle = np.linspace(0, 2 * np.pi, count)
        one = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.sqrt(values[-1] / values) @ vectors.T
        one = np.vstack([one, np.full((1, 2), np.nan)])
        return np.concatenate([level * one for level in levels])


def four_paths(condition: float, start: Sequence[float], learning_rate: float, momentum: float, steps: int = 100,
               turn: float = 0.0) -> FourPaths:
    """Descend the bowl C(w) = ½ wᵀ H w with all of `OPTIMIZERS`.

    Along w₂ the curvature is `STEEPEST`, along w₁ it is κ times less. Whatever κ, the gradient along w₂ is the same, and
    along w₁ it is κ times smaller than in a round bowl.

    Parameters
    ----------
    condition : float
        κ, at least 1.
    start : sequence of two floats
        The first weights, before the turn.
    learning_rate : float
        The same for all four.
    momentum : float
        μ of momentum and β₁ of Adam, in [0, 1). RMSProp keeps `ALPHA` of its average, Adam β₂ = 0.999.
    steps : int
    turn : float
        Degrees by which bowl and start are turned about the bottom, so that neither weight is along one of the bowl's axes.

    Returns
    -------
    FourPaths

    Raises
    ------
    ValueError
        If an argument is not as described.

    Examples
    --------
    >>> paths = four_paths(condition=30, start=(-1.6, 0.8), learning_rate=0.18, momentum=0.9)
    >>> paths.paths["Adam"].shape, paths.grows("SGD")
    ((101, 2), False)
    """
    condition, start = number("condition", condition, 1), floats("start", start, (2,), np.float64)
    angle = math.radians(number("turn", turn))
    axes = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    hessian, start = axes @ np.diag([STEEPEST / condition, STEEPEST]) @ axes.T, axes @ start
    paths = {}
    for name in OPTIMIZERS:
        optimizer, w = _make(name, learning_rate, momentum), start.copy()
        path = [start]
        for _ in range(steps):
            optimizer.step([w], [hessian @ w])
            path.append(w.copy())
        paths[name] = np.array(path)
    return FourPaths(hessian, condition, paths)


def first_steps(gradients: Sequence[float], eps: float = 1e-8) -> dict[str, np.ndarray]:
    """How long the first step is for gradients of these sizes, in units of the learning rate.

    From the optimizers themselves. For Adam this is g/(g + ε) (Kingma & Ba 2015, algorithm 1, with both averages
    corrected); it is also the length of every later step, if the gradient stays the same.

    Parameters
    ----------
    gradients : sequence of float
    eps : float
        ε of RMSProp and Adam.

    Returns
    -------
    dict of str to ndarray
        By the names in `OPTIMIZERS`, one entry for each gradient.

    Examples
    --------
    >>> first_steps([1.0, 1e-6, 1e-8])["Adam"].round(3)
    array([1.  , 0.99, 0.5 ])
    """
    gradients = floats("gradients", gradients, (None,), np.float64)
    made = {"SGD": SGD(1.0), "momentum": Momentum(1.0), "RMSProp": RMSProp(1.0, ALPHA, eps), "Adam": Adam(1.0, eps=eps)}
    lengths = {}
    for name, optimizer in made.items():
        w = np.zeros_like(gradients)
        optimizer.step([w], [gradients])
        lengths[name] = np.abs(w)
    return lengths


# --- the whole course in one figure ---


@dataclass(frozen=True)
class LayerSizes(Statistics):
    """Sizes at every layer of one forward and one backward pass: those of `livegrad.mlp.Statistics`.

    Attributes
    ----------
    normed : bool
        Whether a norm stands before the activations. It undoes the weight scale.
    """

    normed: bool = False

    @property
    def fate(self) -> str:
        """What became of the gradient between the last layer and the first, in a word."""
        if not np.all(np.isfinite(self.dz)):
            return "overflowed"
        return "vanished" if self.survival < 1e-3 else "exploded" if self.survival > 1e3 else "survived"


def layer_sizes(draw: DeepNet, depth: int, weight_scale: float, activation: str, norm: str = "none") -> LayerSizes:
    """Send digits through a deep net and the error back, before any training, and measure every layer.

    Parameters
    ----------
    draw : DeepNet
        The images and the weights at weight scale 1.
    depth : int
        Layers, the last one included.
    weight_scale : float
        The weights of the draw are multiplied by it.
    activation : str
        Of the hidden layers.
    norm : str
        What stands before it, a key of `livegrad.experiments.normed_nets.NORMS`.

    Returns
    -------
    LayerSizes

    Raises
    ------
    ValueError
        If there is no such norm or activation.

    Examples
    --------
    >>> net = DeepNet(seed=0, width=30, batch=50, max_depth=20)
    >>> layer_sizes(net, 20, 0.5, "relu").fate, layer_sizes(net, 20, 1.4, "relu").fate
    ('vanished', 'survived')
    """
    net, norm = draw.net(depth, weight_scale, activation), choice("norm", norm, NORMS)
    if norm is not None:
        net = replace(net, norms=[norm(len(b), dtype=net.dtype) for b in net.biases[:-1]])
    sizes = statistics(*draw.passes(net))
    return LayerSizes(sizes.a, sizes.dz, sizes.dW, normed=norm is not None)
