"""Stacks of residual blocks at the start: gradient and stream at every block, and a block's Jacobian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from livegrad.experiments.gradients import DeepNet
from livegrad.mlp import rms, statistics
from livegrad.norms import LayerNorm
from livegrad.residual import ResidualNet
from livegrad.validation import choice

__all__ = ["BRANCHES", "STACK_NORMS", "ResidualStack", "StackView"]

BRANCHES = ("1", "1/√L", "0")
"""Scales α of the branches of L blocks."""

STACK_NORMS = ("none", "pre", "post")


@dataclass(frozen=True)
class StackView:
    """One forward and one backward pass through a stack of L blocks, one layer before and one behind them.

    Attributes
    ----------
    blocks : int
        L.
    skip : bool
    norm : {"none", "pre", "post"}
    gradient : ndarray (L + 1,)
        ‖∂C/∂Z^l‖ of what goes into block l = 1 … L, and of what comes out of the last.
    stream : ndarray (L + 1,)
        Root mean square of the same Z^l.
    prediction : ndarray (L + 1,)
        ‖∂C/∂Z^l‖ as the sizes of weights and branches predict it from the last one, for random weights; nan with a post-norm,
        and for a norm without skips.
    block : int
        The one in the middle, whose Jacobian is shown.
    eigenvalues : ndarray of complex (H,)
        Of ∂Z^(l+1)/∂Z^l of that block for one example, the largest first; empty if it is not finite.
    radius : float
        Of the disk that they fill without a norm, by the circular law: α times weight scale.
    """

    blocks: int
    skip: bool
    norm: str
    gradient: np.ndarray
    stream: np.ndarray
    prediction: np.ndarray
    block: int
    eigenvalues: np.ndarray
    radius: float

    @property
    def center(self) -> float:
        """Around which the eigenvalues lie without a norm."""
        return float(self.skip)

    @property
    def mean(self) -> float:
        """Mean of the eigenvalues, which is real."""
        return float(self.eigenvalues.mean().real)

    @property
    def survival(self) -> float:
        """Gradient in front of the first block over that behind the last."""
        with np.errstate(all="ignore"):
            return float(np.float64(self.gradient[0]) / self.gradient[-1])

    @property
    def overflow(self) -> int | None:
        """The first block whose output is too large for float32; None if there is none."""
        over = np.flatnonzero(~np.isfinite(self.stream))
        return int(over[0]) if over.size else None


class ResidualStack:
    """A stack of residual blocks on the digits, with one draw of weights for all settings.

    The blocks are those of `livegrad.residual`: ReLU, layer norm if any. Weights have weight_scale times Kaiming's standard
    deviation √(2/fan_in). Everything is computed in float32.

    Parameters
    ----------
    seed, width, batch : int
    most : int
        Largest number of blocks.

    Examples
    --------
    >>> stack = ResidualStack(most=100)
    >>> [bool(1e-1 < stack.view(100, skip, "1/√L").survival < 10) for skip in (True, False)]
    [True, False]
    """

    def __init__(self, seed: int = 0, width: int = 50, batch: int = 32, most: int = 200) -> None:
        self._deep = DeepNet(seed, width, batch, most + 2)
        self._norms = [LayerNorm.create(width, dtype=np.float32) for _ in range(most + 1)]

    def view(self, blocks: int, skip: bool = True, branch: str = "1", norm: str = "none", weight_scale: float = 1.0) -> StackView:
        """Send a batch through and its error back.

        Parameters
        ----------
        blocks : int
            L.
        skip : bool
        branch : str
            One of `BRANCHES`.
        norm : {"none", "pre", "post"}
        weight_scale : float

        Returns
        -------
        StackView
        """
        alpha = {"1": 1.0, "1/√L": blocks**-0.5, "0": 0.0}[choice("branch", branch, BRANCHES)]
        norms = [] if choice("norm", norm, STACK_NORMS) == "none" else self._norms[: blocks + 1]
        mlp = self._deep.net(blocks + 2, math.sqrt(2) * weight_scale, "relu")
        net = ResidualNet(mlp.weights, mlp.biases, "relu", "linear", norms, np.full(blocks, alpha, np.float32), skip,
                          "pre" if norm == "none" else norm)
        trace, gradients = self._deep.passes(net)
        gradient = statistics(trace, gradients).dz[:-1]
        stream = np.array([rms(z) for z in trace.z[:-1]])
        block = (blocks + 1) // 2
        J = net.jacobian(trace, block).astype(float)
        values = np.linalg.eigvals(J) if np.isfinite(J).all() else np.empty(0, complex)
        values = values[np.argsort(-np.abs(values), kind="stable")]
        prediction = gradient[-1] * _from_the_last(blocks, skip, alpha * weight_scale, norm, weight_scale)
        return StackView(blocks, skip, norm, gradient, stream, prediction, block, values, alpha * weight_scale)


def _from_the_last(blocks: int, skip: bool, branch: float, norm: str, weight_scale: float) -> np.ndarray:
    """What the gradient of each Z^l is predicted to be over that of the last one; nan where we predict nothing.

    With Kaiming's weights times s and half of the ReLUs on, a gradient's mean square is multiplied by (αs)² on the way back
    through a branch. That of the skip adds to it, for they are independent. A pre-norm divides by the variance of what it
    reads, which is 2s² in front of the first block and grows by (αs)² with each.
    """
    if norm == "none":
        steps = np.full(blocks, skip + branch**2)
    elif norm == "pre" and skip:
        steps = 1 + branch**2 / (2 * weight_scale**2 + branch**2 * np.arange(blocks))
    else:
        return np.full(blocks + 1, np.nan)
    with np.errstate(all="ignore"):
        return np.sqrt(np.concatenate([np.cumprod(steps[::-1])[::-1], [1.0]]))
