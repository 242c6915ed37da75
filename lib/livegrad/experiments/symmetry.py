"""Hidden units that start alike, trained: whether they ever become different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from livegrad import activations
from livegrad.activations import Activation
from livegrad.data.planar import Points, draw
from livegrad.losses import logistic
from livegrad.mlp import MLP, Gradients, Trace
from livegrad.optim import SGD

__all__ = ["SymmetryRun", "ring_points", "symmetry"]


@dataclass(frozen=True)
class SymmetryRun:
    """A net with one hidden layer, trained on a disk and the ring around it, as far as it has come.

    Attributes
    ----------
    steps, taken : int
        Updates planned and made.
    loss : ndarray (taken + 1,)
        Of all points, before each update and now.
    weights : ndarray (taken + 1, H)
        Each hidden unit's weight from the first input, before each update and now.
    gap : float
        Largest difference between two hidden units, over all their weights and biases, in and out.
    moved : dict of str to float
        For W1, b1, W2 and b2: largest change of an entry since the start.
    accuracy : float
        Share of the points on the right side.
    answers : ndarray (g, g)
        Probability of class 1 on the grid of `ring_points`, one row for each second input.
    """

    steps: int
    taken: int
    loss: np.ndarray
    weights: np.ndarray
    gap: float
    moved: dict[str, float]
    accuracy: float
    answers: np.ndarray

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return self.taken / self.steps

    @property
    def equal(self) -> bool:
        """Whether the hidden units still are one and the same but for rounding, which training slowly magnifies."""
        return self.gap < 1e-6


@cache
def ring_points() -> tuple[Points, np.ndarray]:
    """The data of `symmetry`, 50 points on a disk (class 0) and 100 on the ring around it, and a grid of coordinates.

    Not to be written to.
    """
    points = draw("rings", np.random.default_rng(0), 200)
    # One disk point for two of the ring, so that there is something to learn even for a net that always says the same.
    kept = np.arange(200) % 4 != 0
    points, grid = Points(points.x[kept], points.labels[kept]), np.linspace(-1.6, 1.6, 41)
    for shared in (points.x, points.labels, grid):
        shared.setflags(write=False)
    return points, grid


def symmetry(units: int, activation: str | Activation, constant: float, noise: float, learning_rate: float = 0.5,
             steps: int = 600, report: int = 20, seed: int = 0) -> Iterator[SymmetryRun]:
    """Train a small net whose weights all start at `constant` plus normal noise of standard deviation `noise`.

    Two inputs, one hidden layer, one output with logistic loss; biases start at 0; full-batch gradient descent.

    Parameters
    ----------
    units : int
        Hidden units H.
    activation : str or Activation
        Of the hidden units.
    constant, noise, learning_rate : float
    steps, report : int
        Updates, and updates between two reports.
    seed : int
        Of the noise.

    Yields
    ------
    SymmetryRun
        First of the untrained net, then after every `report` updates.

    Examples
    --------
    >>> *_, last = symmetry(4, "tanh", constant=0.5, noise=0.0, steps=50)
    >>> last.gap < 1e-12, last.moved["W1"] > 0.01
    (True, True)
    """
    points, grid = ring_points()
    target = points.labels[:, None].astype(float)
    net = MLP.create([2, units, 1], np.random.default_rng(seed),
                     lambda shape, rng: constant + noise * rng.standard_normal(shape), activation)
    start = [p.copy() for p in net.parameters()]
    plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    optimizer = SGD(learning_rate)
    losses, weights = [], []
    trace = gradients = None

    def look() -> tuple[Trace, Gradients]:
        found = net.forward(points.x, trace)
        losses.append(logistic(found.a[-1], target))
        weights.append(net.weights[0][:, 0].copy())
        return found, net.backward(found, logistic.gradient(found.a[-1], target), gradients)

    def so_far(taken: int) -> SymmetryRun:
        (W1, W2), b1 = net.weights, net.biases[0]
        units_own = np.column_stack([W1, b1, W2[0]])
        moved = {name: float(np.abs(p - old).max()) for name, p, old in
                 zip(("W1", "b1", "W2", "b2"), net.parameters(), start, strict=True)}
        answers = activations.get("sigmoid")(net.forward(plane).a[-1].reshape(len(grid), -1))
        return SymmetryRun(steps, taken, np.array(losses), np.array(weights), float(np.ptp(units_own, axis=0).max()), moved,
                           float(np.mean((trace.a[-1] > 0) == target)), answers)

    trace, gradients = look()
    yield so_far(0)
    for taken in range(1, steps + 1):
        optimizer.step(net.parameters(), gradients.parameters())
        trace, gradients = look()
        if taken % report == 0 or taken == steps:
            yield so_far(taken)
