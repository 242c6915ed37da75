"""Order, chaos and the edge between them, for wide tanh nets: computed, and measured by training.

    python -m livegrad.experiments.sweeps phases

trains the nets of `Trainability` anew, in a few minutes; `load_trainability` reads what is stored with the course.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from livegrad import data
from livegrad.experiments.gradients import descend
from livegrad.experiments.sweeps import Sweep
from livegrad.initializers import lecun_normal
from livegrad.meanfield import MeanField, edge_of_chaos
from livegrad.mlp import MLP
from livegrad.validation import number

__all__ = ["SWEEP", "PhasePoint", "Trainability", "depth_scales", "edge", "load_trainability", "phase_point", "train_cell"]


@dataclass(frozen=True)
class PhasePoint:
    """One wide tanh net in the plane of its weight and bias variance.

    Attributes
    ----------
    weight_variance, bias_variance : float
        σ_w² and σ_b²: weights have variance σ_w²/fan_in.
    q : float
        Fixed point q* of the variance; 0 if every signal dies.
    chi : float
        χ₁ at q*: what a layer multiplies a gradient's squared norm by.
    fixed_correlation : float
        c*, where the correlation of two inputs ends up; nan if q* is 0.
    depth_scale : float
        ξ, in layers: how fast it gets there.
    c, next_c : ndarray (k,)
        The correlation map on a grid from 0 to 1.
    path : ndarray (n,)
        Correlation of two inputs at layers 1 to n, read off that grid.
    """

    weight_variance: float
    bias_variance: float
    q: float
    chi: float
    fixed_correlation: float
    depth_scale: float
    c: np.ndarray
    next_c: np.ndarray
    path: np.ndarray

    @property
    def phase(self) -> str:
        """``ordered``, ``edge`` (χ₁ within a hundredth of 1) or ``chaotic``."""
        return "edge" if abs(self.chi - 1) < 0.01 else "ordered" if self.chi < 1 else "chaotic"


def phase_point(weight_variance: float, bias_variance: float, start: float = 0.5, layers: int = 30) -> PhasePoint:
    """Where a wide tanh net lies in the phase diagram, and what becomes of the correlation `start` of two inputs.

    Parameters
    ----------
    weight_variance, bias_variance : float
        σ_w² and σ_b², not negative.
    start : float
        Correlation of the two inputs' z at layer 1, from 0 to 1.
    layers : int
        Length of the path.

    Returns
    -------
    PhasePoint

    Examples
    --------
    >>> phase_point(1.0, 0.05).phase, phase_point(1.76, 0.05).phase, phase_point(3.0, 0.05).phase
    ('ordered', 'edge', 'chaotic')
    """
    weights = number("weight_variance", weight_variance, low=0)
    biases = number("bias_variance", bias_variance, low=0)
    net = MeanField(math.sqrt(weights), math.sqrt(biases), "tanh")
    q = net.fixed_point()
    grid, path = np.linspace(0, 1, 21), np.full(layers, number("start", start, 0, 1))
    if q == 0:
        gone = np.full_like(grid, math.nan)
        return PhasePoint(weights, biases, q, net.chi(q), math.nan, math.nan, grid, gone, path[:1])
    next_c = np.array([net.correlation(c, q) for c in grid])
    for l in range(1, layers):
        path[l] = np.interp(path[l - 1], grid, next_c)
    return PhasePoint(weights, biases, q, net.chi(q), net.fixed_correlation(q), net.depth_scale(), grid, next_c, path)


@cache
def edge() -> tuple[np.ndarray, np.ndarray]:
    """σ_w² and σ_b² along the edge of chaos of tanh, from (1, 0) up.

    Examples
    --------
    >>> weight_variance, bias_variance = edge()
    >>> bool(np.all(np.diff(weight_variance) > 0) and bias_variance[-1] > 0.3)
    True
    """
    return edge_of_chaos(np.linspace(0, 2.5, 126))


@lru_cache(maxsize=16)
def depth_scales(bias_variance: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """ξ of wide tanh nets against their weight variance, from 1 to 4.

    Six times ξ is about the depth to which such nets can be trained (Schoenholz et al. 2017, in their experiments).

    Returns
    -------
    weight_variance, depth_scale : ndarray (k,)

    Examples
    --------
    >>> weight_variance, xi = depth_scales()
    >>> float(weight_variance[xi.argmax()].round(1))
    1.8
    """
    weight_variance, bias_scale = np.linspace(1, 4, 41), math.sqrt(bias_variance)
    return weight_variance, np.array([MeanField(math.sqrt(v), bias_scale, "tanh").depth_scale() for v in weight_variance])


@dataclass(frozen=True)
class Trainability:
    """How well tanh nets of many depths and weight variances had learned the digits after a fixed number of steps.

    Attributes
    ----------
    weight_variances : ndarray (m,)
        σ_w² tried.
    depths : ndarray of int (n,)
        Layers tried, the last one included.
    accuracy : ndarray (n, m, s)
        Share of the test digits right after the last step, for each depth, weight variance and seed. A run that overflowed
        counts with the share that its broken net gets right.
    settings : dict
        bias_variance, width, batch, steps, learning_rate, seeds, and the NumPy it was computed with.
    """

    weight_variances: np.ndarray
    depths: np.ndarray
    accuracy: np.ndarray
    settings: dict[str, Any]

    @property
    def deepest(self) -> np.ndarray:
        """For each weight variance, the depth up to which most runs get more than half of the digits right; 0 if none."""
        most = np.mean(self.accuracy > 0.5, axis=2) > 0.5
        unbroken = np.logical_and.accumulate(most, axis=0)
        return np.where(unbroken.any(axis=0), self.depths[np.maximum(unbroken.sum(axis=0) - 1, 0)], 0)


WEIGHT_VARIANCES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0)
DEPTHS = (10, 20, 30, 45, 60, 80, 100)
SEEDS = range(5)
SETTINGS = {"bias_variance": 0.05, "width": 100, "batch": 32, "steps": 300, "learning_rate": 0.005}


def train_cell(depth: int, weight_variance: float, seed: int, bias_variance: float, width: int, batch: int, steps: int,
               learning_rate: float) -> dict[str, np.ndarray]:
    """Train one net of the sweep: ``accuracy`` is the share of the test digits that it then gets right.

    Weights have variance σ_w²/fan_in and biases σ_b², in every layer. Computed in float32, to be done in time.

    Examples
    --------
    >>> found = train_cell(3, 1.5, seed=0, **SETTINGS | {"steps": 5})
    >>> bool(0 <= found["accuracy"] <= 1)
    True
    """
    weights, biases, order = (np.random.default_rng(s) for s in np.random.SeedSequence([seed, depth]).spawn(3))
    net = MLP.create([64, *[width] * (depth - 1), 10], weights, partial(lecun_normal, gain=math.sqrt(weight_variance)), "tanh",
                     dtype=np.float32)
    for b in net.biases:
        b[:] = math.sqrt(bias_variance) * biases.standard_normal(len(b))
    started = time.perf_counter()
    *_, last = descend(net, learning_rate, order, steps, batch, report=steps)
    return {"accuracy": np.array(last.accuracy), "seconds": np.array(time.perf_counter() - started)}


def _collect(cells: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    shape = len(DEPTHS), len(WEIGHT_VARIANCES), len(SEEDS)
    columns = {name: np.array([r[name] for r in results], np.float32).reshape(shape) for name in ("accuracy", "seconds")}
    settings = {**SETTINGS, "seeds": len(SEEDS), "numpy": np.__version__}
    return {"settings": np.array(json.dumps(settings)), "weight_variances": np.array(WEIGHT_VARIANCES),
            "depths": np.array(DEPTHS), **columns}


SWEEP = Sweep([{"depth": depth, "weight_variance": variance, "seed": seed, **SETTINGS}
               for depth in DEPTHS for variance in WEIGHT_VARIANCES for seed in SEEDS],
              train_cell, _collect, Path(data.__file__).with_name("trainability.npz"))
"""What ``python -m livegrad.experiments.sweeps phases`` runs."""


@cache
def load_trainability() -> Trainability:
    """The stored sweep.

    Examples
    --------
    >>> sweep = load_trainability()
    >>> sweep.accuracy.shape == (len(sweep.depths), len(sweep.weight_variances), 5)
    True
    """
    stored = data.read(SWEEP.target)
    settings = json.loads(stored["settings"].item())
    return Trainability(stored["weight_variances"], stored["depths"], stored["accuracy"].astype(float), settings)
