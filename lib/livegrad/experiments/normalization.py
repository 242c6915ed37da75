"""What normalization does to one unit, to a batch and to a matrix, without any training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np

from livegrad import activations
from livegrad.data import load_digits
from livegrad.experiments.gradients import standardized_digits
from livegrad.norms import BatchNorm, GroupNorm, LayerNorm, RMSNorm, standardize
from livegrad.validation import choice, fail

__all__ = ["LINEAR", "NORM_AXES", "BatchUnit", "BatchView", "Estimates", "MatrixView", "OneRow", "RowBatch", "UnitView",
           "matrix_view"]

# --- one unit: batch norm before a sigmoid ---

LINEAR = 2 * math.atanh(math.sqrt(0.2))
"""Up to this |z| = 0.96 the sigmoid's slope is at least 80 % of its steepest: its linear region, as the course counts it."""


@dataclass(frozen=True)
class UnitView:
    """One sigmoid unit and a batch, with batch norm and without.

    Attributes
    ----------
    z, out : ndarray (N,)
        Into batch norm, and out of it: γẑ + β.
    mean, var : float
        Of z over the batch.
    gamma, beta : float
    """

    z: np.ndarray
    out: np.ndarray
    mean: float
    var: float
    gamma: float
    beta: float

    @property
    def plain(self) -> np.ndarray:
        """σ(z), without batch norm."""
        return activations.get("sigmoid")(self.z)

    @property
    def normed(self) -> np.ndarray:
        """σ(γẑ + β)."""
        return activations.get("sigmoid")(self.out)

    @property
    def linear(self) -> tuple[float, float]:
        """Share of the examples in σ's linear region: without batch norm, and with it."""
        before, after = (float(np.mean(np.abs(x) <= LINEAR)) for x in (self.z, self.out))
        return before, after

    @property
    def difference(self) -> float:
        """The largest distance between z and γẑ + β, relative to the largest |z|: 0 but for rounding if all is undone."""
        return float(np.abs(self.out - self.z).max() / np.abs(self.z).max())


class BatchUnit:
    """One unit that reads standardized digits: z = weight_scale · (v·x)/√64 + bias, for one fixed normal v.

    Parameters
    ----------
    seed : int
    batch : int
        Number of digits.

    Examples
    --------
    >>> unit = BatchUnit()
    >>> bool(unit.view(weight_scale=3.0, bias=1.0, undo=True).difference < 1e-12)
    True
    """

    def __init__(self, seed: int = 0, batch: int = 500) -> None:
        pick, weights = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        x, _ = standardized_digits()
        self._z = x[pick.permutation(len(x))[:batch]] @ weights.standard_normal(x.shape[1]) / math.sqrt(x.shape[1])

    def view(self, weight_scale: float, bias: float = 0.0, gamma: float = 1.0, beta: float = 0.0, undo: bool = False) -> UnitView:
        """Send the batch through.

        Parameters
        ----------
        weight_scale, bias, gamma, beta : float
        undo : bool
            Take γ = √(var + ε) and β = mean instead: batch norm then changes nothing.
        """
        layer = BatchNorm.create(1)
        z = weight_scale * self._z + bias
        if undo:
            used = layer.forward(z[:, None]).used
            gamma, beta = used.std.item(), used.mean.item()
        layer.gamma[:], layer.beta[:] = gamma, beta
        trace = layer.forward(z[:, None])
        return UnitView(z, trace.out[:, 0], trace.used.mean.item(), trace.used.var.item(), gamma, beta)


# --- the size of the batch: how well x̄ and s² are known, and what is kept for the test ---


@dataclass(frozen=True)
class BatchView:
    """Batches of one size, the running averages over some of them, and a test set.

    Attributes
    ----------
    batch, momentum : int, float
    own_statistics : bool
        Whether the test set was normalized by the statistics of its own batches, as in training mode.
    true_mean, true_var : float
        Of all training examples.
    means, variances : ndarray (k,)
        x̄ and s² of the batches that training has met; those of a batch of 1 are the example, and 0.
    running_mean, running_var : ndarray (k + 1,)
        From 0 and 1 on. Batches of 1 are refused, so these stay.
    spread : (float, float)
        Standard deviation over 1000 batches: of x̄ in units of the true one, of s² in units of the true variance.
    average_var : float
        Mean of s² over the same batches, in units of the true variance. The divisor is the batch size.
    test : ndarray (n,)
        The test examples, normalized; empty where that is refused.
    left_out : int
        Test examples that were not, for too few of them were left for a batch of their own.
    """

    batch: int
    momentum: float
    own_statistics: bool
    true_mean: float
    true_var: float
    means: np.ndarray
    variances: np.ndarray
    running_mean: np.ndarray
    running_var: np.ndarray
    spread: tuple[float, float]
    average_var: float
    test: np.ndarray
    left_out: int

    @property
    def start_left(self) -> float:
        """Share of the first values that is still in the running averages: momentum to the power of the batches."""
        return self.momentum ** len(self.means) if self.batch > 1 else 1.0


class Estimates:
    """The pre-activation of one unit on the digits, batches of it, and the averages of batch norm.

    The unit reads raw pixels, so that mean and variance are not those of a standardized number. Every fifth digit is in the test
    set. Batches are drawn with replacement, 1000 of `largest`, once; a smaller batch is the first part of a larger one.

    Parameters
    ----------
    seed : int
    largest : int

    Examples
    --------
    >>> view = Estimates().view(batch=16, momentum=0.9, seen=100)
    >>> round(4 * view.spread[0], 1)  # x̄ spreads by σ/√16
    1.0
    """

    def __init__(self, seed: int = 0, largest: int = 256) -> None:
        weights, pick = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        pixels = load_digits().images
        z = pixels @ weights.normal(0.0, 0.75, pixels.shape[1])
        held_out = np.arange(len(z)) % 5 == 0
        self._test, train = z[held_out], z[~held_out]
        self.train = train
        self.mean, self.var = float(train.mean()), float(train.var())
        self.kurtosis = float(np.mean((train - self.mean) ** 4) / self.var**2)
        drawn = train[pick.integers(0, len(train), (1000, largest))]
        size = np.arange(1, largest + 1)
        self._means = np.cumsum(drawn, axis=1) / size
        offset = drawn - self.mean  # about the mean, where squares do not cancel
        self._vars = np.maximum(np.cumsum(offset**2, axis=1) / size - (self._means - self.mean) ** 2, 0)
        self._vars[:, 0] = 0

    @cached_property
    def spreads(self) -> tuple[np.ndarray, np.ndarray]:
        """`BatchView.spread` for batches of 1, 2, …, (largest,) each."""
        return self._means.std(axis=0) / math.sqrt(self.var), self._vars.std(axis=0) / self.var

    def view(self, batch: int, momentum: float, seen: int, shift: float = 0.0, own_statistics: bool = False) -> BatchView:
        """Train the averages, then normalize the test set.

        Parameters
        ----------
        batch : int
            B, 1 to `largest`.
        momentum : float
            Share of the running averages that is kept at each batch.
        seen : int
            Batches met in training.
        shift : float
            Added to the test examples, in standard deviations.
        own_statistics : bool
            Normalize them by the statistics of their own batches of B, as a net does that was left in training mode.

        Returns
        -------
        BatchView
        """
        if batch not in range(1, self._means.shape[1] + 1):
            fail("batch", f"a whole number from 1 to {self._means.shape[1]}", batch)
        means, variances = self._means[:seen, batch - 1], self._vars[:seen, batch - 1]
        test = self._test + shift * math.sqrt(self.var)
        layer = BatchNorm.create(1, momentum)
        averages = [np.full(seen + 1, start) for start in (0.0, 1.0)]
        if batch > 1:
            for running, new in zip(averages, (means, variances), strict=True):
                for i, value in enumerate(new):
                    running[i + 1] = momentum * running[i] + (1 - momentum) * value
        layer.running_mean[:], layer.running_var[:] = averages[0][-1], averages[1][-1]
        if not own_statistics:
            normed = layer.forward(test[:, None], train=False).out[:, 0]
        elif batch > 1:
            groups = test[: len(test) // batch * batch].reshape(-1, batch)
            normed = standardize(groups, axis=1).x_hat.ravel()
        else:
            normed = np.empty(0)
        at = batch - 1
        return BatchView(batch, momentum, own_statistics, self.mean, self.var, means, variances, *averages,
                         tuple(float(s[at]) for s in self.spreads), float(self._vars[:, at].mean() / self.var), normed,
                         len(test) - len(normed) if len(normed) else 0)


# --- one row of the batch is moved ---


@dataclass(frozen=True)
class OneRow:
    """A batch in which the first row was moved, and what the norms make of it.

    Attributes
    ----------
    x, x_home : ndarray (N, 3)
        The batch, and as it was before. All rows but the first are the same.
    outputs, outputs_home : dict of str to ndarray (N, 3)
        Out of "batch" and "layer" norm.
    train : bool
        Whether batch norm used the statistics of this batch, or running ones.
    """

    x: np.ndarray
    x_home: np.ndarray
    outputs: dict[str, np.ndarray]
    outputs_home: dict[str, np.ndarray]
    train: bool

    def others_moved(self, norm: str) -> float:
        """The largest change of an output of another row."""
        return float(np.abs(self.outputs[norm] - self.outputs_home[norm])[1:].max())


class RowBatch:
    """A batch of up to 16 rows of 3 features, of which the first can be set.

    Examples
    --------
    >>> moved = RowBatch().move(4, (5.0, 0.0, 0.0))
    >>> moved.others_moved("layer"), bool(moved.others_moved("batch") > 0.5)
    (0.0, True)
    """

    MEAN, STD = np.array([0.5, 0.0, -0.5]), np.array([1.0, 1.5, 1.0])
    """Of the features, where the batch comes from."""

    HOME = (1.5, -0.5, -1.5)
    """The first row before it is moved."""

    def __init__(self, seed: int = 0, most: int = 16) -> None:
        self._x = self.MEAN + self.STD * np.random.default_rng(seed).standard_normal((most, 3))
        self._x[0] = self.HOME

    def move(self, batch: int, row: tuple[float, float, float], train: bool = True) -> OneRow:
        """Put the first of `batch` rows elsewhere.

        Parameters
        ----------
        batch : int
            N, at least 2.
        row : (float, float, float)
        train : bool
            Whether batch norm uses the batch's own statistics, or running ones: `MEAN` and `STD`², where the rows come from.
        """
        if batch not in range(2, len(self._x) + 1):
            fail("batch", f"a whole number from 2 to {len(self._x)}", batch)
        home = self._x[:batch]
        x = home.copy()
        x[0] = row
        layers = {"batch": BatchNorm(np.ones(3), np.zeros(3), self.MEAN.copy(), self.STD**2, momentum=1.0),
                  "layer": LayerNorm.create(3)}
        out, out_home = ({name: layer.forward(y, train).out for name, layer in layers.items()} for y in (x, home))
        return OneRow(x, home, out, out_home, train)


# --- one matrix: along which axis? ---

NORM_AXES = ("batch", "layer", "group", "rms")


@dataclass(frozen=True)
class MatrixView:
    """A matrix of examples × features, before and after a norm, and one set of numbers that share their statistics.

    Attributes
    ----------
    norm : str
    x, out : ndarray (N, D)
    rows, columns : slice
        The set that is pointed at.
    """

    norm: str
    x: np.ndarray
    out: np.ndarray
    rows: slice
    columns: slice

    @property
    def inside(self) -> tuple[np.ndarray, np.ndarray]:
        """The set's numbers, before and after."""
        return self.x[self.rows, self.columns].ravel(), self.out[self.rows, self.columns].ravel()


def matrix_view(norm: str, groups: int = 2, which: int = 1, feature_scale: float = 1.0, example_scale: float = 1.0,
                seed: int = 0, size: int = 8) -> MatrixView:
    """Normalize one matrix of 8 examples × 8 features.

    Parameters
    ----------
    norm : {"batch", "layer", "group", "rms"}
    groups : int
        Of group norm.
    which : int
        Column (batch norm) or row (the others) to point at, from 1. Of its groups group norm points at one.
    feature_scale, example_scale : float
        Factors on column 3 and on row 6: a feature in another unit, an example that is brighter.
    seed, size : int

    Returns
    -------
    MatrixView

    Examples
    --------
    >>> view = matrix_view("layer", which=2)
    >>> bool(abs(view.out.mean(axis=1)).max() < 1e-12), view.inside[0].shape
    (True, (8,))
    """
    x = _matrix(seed, size).copy()
    x[:, 2] *= feature_scale
    x[5] *= example_scale
    layers = {"batch": BatchNorm.create, "layer": LayerNorm.create, "rms": RMSNorm.create,
              "group": partial(GroupNorm.create, groups=groups)}
    out = choice("norm", norm, layers)(size).forward(x).out
    if which not in range(1, size + 1):
        fail("which", f"a whole number from 1 to {size}", which)
    every, one = slice(0, size), slice(which - 1, which)
    if norm == "batch":
        return MatrixView(norm, x, out, every, one)
    width = size // groups if norm == "group" else size
    left = (which - 1) % (size // width) * width
    return MatrixView(norm, x, out, one, slice(left, left + width))


@lru_cache(maxsize=16)
def _matrix(seed: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((size, size)) + 0.7 * rng.standard_normal(size) + 0.7 * rng.standard_normal((size, 1))
