"""Costs: the mean over the N examples, and the gradient that starts backpropagation.

Each loss is called as `loss(out, y)` and gives the cost C as a float; `loss.gradient(out, y)` is ∂C/∂out of
shape (N, k), with the 1/N inside. `half_mse` reads the activations a^L, `logistic` and
`softmax_cross_entropy` the *logits* z^L: taken together with their sigmoid or softmax the gradient is the
short (ŷ − y)/N, and nothing overflows.

>>> import numpy as np
>>> logits, y = np.array([[2.0, 0.0, 0.0]]), np.array([0])
>>> round(softmax_cross_entropy(logits, y), 4)
0.2395
>>> softmax_cross_entropy.gradient(logits, y).round(4)
array([[-0.213 ,  0.1065,  0.1065]])
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from livegrad import activations
from livegrad.validation import choice, fail, floats, integers


class Loss(Protocol):
    """What every loss offers."""

    name: str

    def __call__(self, out: Any, y: Any) -> float: ...

    def gradient(self, out: Any, y: Any) -> np.ndarray: ...


class HalfMSE:
    """½ mean squared error, C = 1/(2N) Σ ‖a − y‖², over outputs a = a^L of shape (N, k).

    With the ½ the gradient is (a − y)/N. PyTorch's `MSELoss` has no ½ and divides by N·k.

    Raises
    ------
    ValueError
        If `out` is not (N, k) with N ≥ 1 or `y` has another shape: broadcasting (N,) against (N, 1) would
        silently compare every example with every other.

    Examples
    --------
    >>> half_mse([[1.0, 2.0]], [[0.0, 0.0]])
    2.5
    """

    name = "half_mse"

    def __call__(self, out: Any, y: Any) -> float:
        out, y = _paired(out, y)
        return _mean_over_examples((out - y) ** 2 / 2)

    def gradient(self, out: Any, y: Any) -> np.ndarray:
        """∂C/∂a = (a − y)/N, shape (N, k).

        Examples
        --------
        >>> half_mse.gradient([[1.0, 2.0]], [[0.0, 0.0]])
        array([[1., 2.]])
        """
        out, y = _paired(out, y)
        return (out - y) / len(out)


class Logistic:
    """Logistic loss of logits z, C = −1/N Σ [y ln σ(z) + (1 − y) ln(1 − σ(z))], z and y of shape (N, k).

    It is summed over the k outputs of an example; PyTorch's `BCEWithLogitsLoss` averages over them too.

    Raises
    ------
    ValueError
        If `out` is not (N, k) with N ≥ 1, `y` has another shape, or an entry of `y` is not in [0, 1].

    Examples
    --------
    >>> round(logistic([[0.0]], [[1]]), 4)
    0.6931
    >>> logistic([[1e4]], [[0]])
    10000.0
    """

    name = "logistic"

    def __call__(self, out: Any, y: Any) -> float:
        z, y = _paired(out, y, probabilities=True)
        return _mean_over_examples(activations.get("softplus")(z) - y * z)  # ln(1 + e^z) - yz

    def gradient(self, out: Any, y: Any) -> np.ndarray:
        """∂C/∂z = (σ(z) − y)/N, shape (N, k).

        Examples
        --------
        >>> logistic.gradient([[0.0]], [[1]])
        array([[-0.5]])
        """
        z, y = _paired(out, y, probabilities=True)
        return (activations.get("sigmoid")(z) - y) / len(z)


class SoftmaxCrossEntropy:
    """Cross-entropy of softmax(z), C = −1/N Σ y ln softmax(z), for logits z of shape (N, k).

    `y` holds integer labels (N,) or rows of probabilities (N, k), one-hot or soft. This is PyTorch's
    `CrossEntropyLoss`.

    Raises
    ------
    ValueError
        If `out` is not (N, k) with N ≥ 1, a label is not in 0 … k − 1, or a row of `y` does not sum to 1.

    Examples
    --------
    >>> round(softmax_cross_entropy([[0.0, 0.0]], [1]), 4)
    0.6931
    """

    name = "softmax_cross_entropy"

    def __call__(self, out: Any, y: Any) -> float:
        z, y = _classified(out, y)
        return -_mean_over_examples(np.where(y > 0, y * log_softmax(z), 0))  # 0 ln 0 = 0

    def gradient(self, out: Any, y: Any) -> np.ndarray:
        """∂C/∂z = (softmax(z) − y)/N, shape (N, k).

        Examples
        --------
        >>> softmax_cross_entropy.gradient([[0.0, 0.0]], [1])
        array([[ 0.5, -0.5]])
        """
        z, y = _classified(out, y)
        return (softmax(z) - y) / len(z)


half_mse = HalfMSE()
logistic = Logistic()
softmax_cross_entropy = SoftmaxCrossEntropy()

_LOSSES: dict[str, Loss] = {loss.name: loss for loss in (half_mse, logistic, softmax_cross_entropy)}
LOSSES: tuple[str, ...] = tuple(_LOSSES)
"""The names that `get` knows."""


def get(name: str) -> Loss:
    """The loss called `name`, one of `LOSSES`.

    Raises
    ------
    ValueError
        If there is no such loss.

    Examples
    --------
    >>> get("half_mse") is half_mse
    True
    """
    return choice("loss", name, _LOSSES)


def softmax(z: Any) -> np.ndarray:
    """e^z / Σ e^z along the last axis.

    The largest entry is subtracted first, which changes nothing but that e^z cannot overflow.

    Parameters
    ----------
    z : array_like, shape (..., k)

    Returns
    -------
    ndarray, shape (..., k)
        Non-negative, each row sums to 1. A row that holds nan or +inf comes back as nan.

    Examples
    --------
    >>> softmax([1e4, 1e4])
    array([0.5, 0.5])
    """
    e = np.exp(_below_maximum(z))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(z: Any) -> np.ndarray:
    """ln softmax(z) along the last axis, exact also where softmax itself underflows to 0.

    Examples
    --------
    >>> log_softmax([0.0, 1e4])
    array([-10000.,      0.])
    """
    z = _below_maximum(z)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def one_hot(labels: Any, k: int, dtype: Any = np.float64) -> np.ndarray:
    """Rows of zeros with a 1 at each label.

    Parameters
    ----------
    labels : array_like of int, shape (N,)
    k : int
        Number of classes.

    Returns
    -------
    ndarray, shape (N, k)

    Raises
    ------
    ValueError
        If a label is not an integer from 0 to k − 1.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    labels = integers("labels", labels, shape=(None,), below=k)
    rows = np.zeros((len(labels), k), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def _mean_over_examples(terms: np.ndarray) -> float:
    return float(terms.sum(dtype=np.float64) / len(terms))


def _examples(out: Any) -> np.ndarray:
    out = floats("out", out, shape=(None, None))
    return out if len(out) else fail("out", "at least one example", "none")


def _paired(out: Any, y: Any, probabilities: bool = False) -> tuple[np.ndarray, np.ndarray]:
    out = _examples(out)
    y = floats("y", y, shape=out.shape, dtype=out.dtype)
    if probabilities and not ((y >= 0) & (y <= 1)).all():
        fail("y", "entries from 0 to 1", f"{y.min():g} to {y.max():g}")
    return out, y


def _classified(out: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    out = _examples(out)
    if np.ndim(y) == 1:
        y = integers("y", y, shape=(len(out),), below=out.shape[1])
        return out, one_hot(y, out.shape[1], out.dtype)
    out, y = _paired(out, y, probabilities=True)
    sums = y.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > 1e-6)
    if wrong.size:
        fail("y", "rows that sum to 1", f"{sums[wrong[0]]:g} in row {wrong[0]}")
    return out, y


def _below_maximum(z: Any) -> np.ndarray:
    z = floats("z", z)
    if not z.ndim or not z.shape[-1]:
        fail("z", "at least one logit", f"shape {z.shape}")
    with np.errstate(invalid="ignore"):  # inf - inf: nan, as it should be
        return z - z.max(axis=-1, keepdims=True)
