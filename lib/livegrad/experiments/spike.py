"""One input out of the ordinary, and how long it stays in the updates of a recurrent unit and of a feed-forward one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from livegrad.rnn import RNN
from livegrad.validation import choice

__all__ = ["FOLLOWED", "Spike", "spike"]

FOLLOWED = {"weights": ("dW_x", "dW_h"), "bias": ("db",)}
"""The gradients that `spike` can follow."""


@dataclass(frozen=True)
class Spike:
    """One input multiplied by a factor, and what is left of it at every step, in two nets of one ReLU unit.

    Attributes
    ----------
    at, factor : int, float
        The step of the spike, from 1, and what its input is multiplied by.
    followed : str
        Whose gradient the shares are of, a key of `FOLLOWED`.
    recurrent, feedforward : ndarray, shape (2, T)
        The unit's outputs o_t, with the spike and without, in the net that reads o_(t−1) and in one that does not.
    share, feedforward_share : ndarray, shape (T,)
        How much of the gradient of the loss at step t is the spike's doing: ‖g − g°‖ / (‖g − g°‖ + ‖g°‖), with g° the
        gradient without the spike. 0 where it left no trace, near 1 where it drowns what the step itself has to say.
    """

    at: int
    factor: float
    followed: str
    recurrent: np.ndarray
    feedforward: np.ndarray
    share: np.ndarray
    feedforward_share: np.ndarray

    @property
    def drowned(self) -> int:
        """Number of steps, that of the spike included, until its share falls to one half; all if it never does."""
        return _steps_above_half(self.share[self.at - 1:])

    @property
    def feedforward_drowned(self) -> int:
        """The same in the net without recurrence: 1 or 0."""
        return _steps_above_half(self.feedforward_share[self.at - 1:])


def _steps_above_half(share: np.ndarray) -> int:
    small = np.flatnonzero(share <= 0.5)
    return int(small[0]) if small.size else len(share)


def spike(factor: float, at: int, recurrent_weight: float, followed: str = "weights", steps: int = 40) -> Spike:
    """Send an ordinary sequence through o_t = ReLU(w₀ x_t + b + w₁ o_(t−1)), and the same with one input multiplied.

    w₀ = 1, b = 0.1, and x_t from ½ to 1½. The loss at step t is ½(o_t − y_t)²; the targets y_t are such that without the
    spike every step is wrong by ⅓ to 1, up or down. Nothing is trained: these are the gradients at one and the same
    weights, each with everything that backpropagation through time sends it.

    Parameters
    ----------
    factor : float
        Not negative.
    at : int
        Step of the spike, 1 to `steps`.
    recurrent_weight : float
        w₁; the net without recurrence has 0.
    followed : str
        A key of `FOLLOWED`: the gradient of both weights together, or that of the bias.
    steps : int
        T.

    Returns
    -------
    Spike

    Raises
    ------
    ValueError
        If `followed` is none of `FOLLOWED`.

    Examples
    --------
    >>> result = spike(factor=100, at=5, recurrent_weight=0.9)
    >>> result.drowned > 20, result.feedforward_drowned
    (True, 1)
    """
    names = choice("followed", followed, FOLLOWED)
    x, wrong = _ordinary(steps)
    spiked = x.copy()
    spiked[at - 1] *= factor
    both = []
    for w in (recurrent_weight, 0.0):
        net = RNN([[1.0]], [[w]], [0.1], "relu")
        target = net.forward(x[np.newaxis, :, np.newaxis]).h[0, :, 0] - wrong
        (with_spike, g), (without, usual) = (_per_step(net, inputs, target) for inputs in (spiked, x))
        used = names if w else names[:1]  # a net without recurrence has no w₁
        change, size = (np.linalg.norm([rows[name] for name in used], axis=0)
                        for rows in ({name: g[name] - usual[name] for name in g}, usual))
        both.append((np.stack([with_spike, without]), change / (change + size)))
    (recurrent, share), (feedforward, feedforward_share) = both
    return Spike(at, factor, followed, recurrent, feedforward, share, feedforward_share)


@lru_cache(maxsize=16)
def _ordinary(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and how wrong the net is at each step without a spike."""
    for_x, for_y = (np.random.default_rng(s) for s in np.random.SeedSequence(7).spawn(2))
    return for_x.uniform(0.5, 1.5, steps), for_y.uniform(1 / 3, 1, steps) * for_y.choice([-1, 1], steps)


def _per_step(net: RNN, x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Outputs, and the gradient of each step's loss alone: one copy of the sequence for each, in which only that step counts."""
    T = len(x)
    trace = net.forward(np.tile(x, (T, 1))[:, :, np.newaxis])
    o = trace.h[0, :, 0]
    d = net.backward(trace, np.diag(o - target)[:, :, np.newaxis]).d_sum[:, :, 0]
    carried = {"dW_x": trace.inputs[:, :, 0], "dW_h": trace.states[:-1, :, 0], "db": 1.0}
    return o, {name: (d * factor).sum(axis=0) for name, factor in carried.items()}
