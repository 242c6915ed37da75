"""Optimizers: `step(params, grads)` changes the parameters in place.

The formulas and the defaults are PyTorch's, so that a run here and a run there take the same path: momentum
adds the whole gradient, v ← μv + g, and not (1 − μ)g; RMSProp and Adam add eps outside the root; Adam
corrects the bias of its two averages.

>>> import numpy as np
>>> w = np.array([1.0, -2.0])
>>> SGD(lr=0.1).step([w], [2 * w])
>>> w
array([ 0.8, -1.6])
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from livegrad.validation import fail, number


class Optimizer:
    """What all optimizers share: a learning rate `lr`, free to be changed, and memory for each parameter."""

    memories = 0
    """How many arrays of its own size an optimizer keeps for each parameter."""

    def __init__(self, lr: float) -> None:
        self.lr = number("lr", lr, low=0)
        self.steps = 0
        self._state: list[list[np.ndarray]] = []

    def step(self, params: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Take one step, in place.

        Parameters
        ----------
        params : sequence of ndarray
            Floating arrays of any shapes, such as `MLP.parameters()`; the same ones at every step.
        grads : sequence of ndarray
            ∂C/∂param of the same shapes, such as `Gradients.parameters()`.

        Raises
        ------
        ValueError
            If the two lists do not match each other or those of the first step.

        Examples
        --------
        >>> Adam().step([np.zeros(3)], [np.zeros(2)])
        Traceback (most recent call last):
        ValueError: grads[0]: expected shape (3,), got (2,)
        """
        if len(params) != len(grads):
            fail("grads", f"{len(params)} arrays, one for each parameter", len(grads))
        for i, (p, g) in enumerate(zip(params, grads)):
            if not isinstance(p, np.ndarray) or p.dtype.kind != "f":
                fail(f"params[{i}]", "a floating ndarray, to be changed in place", type(p).__name__)
            if np.shape(g) != p.shape:
                fail(f"grads[{i}]", f"shape {p.shape}", np.shape(g))
        if not self._state:
            self._state = [[np.zeros_like(p) for _ in range(self.memories)] for p in params]
            self._shapes = [p.shape for p in params]
        elif self._shapes != [p.shape for p in params]:
            fail("params", f"the parameters of the first step, {self._shapes}", [p.shape for p in params])
        self.steps += 1
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for p, g, state in zip(params, grads, self._state):
                self._update(p, g, *state)

    def _update(self, p: np.ndarray, g: np.ndarray, *state: np.ndarray) -> None:
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent, p ← p − lr·g. Stochastic if the gradient comes from a minibatch.

    Examples
    --------
    >>> p = np.array([1.0])
    >>> SGD(lr=0.5).step([p], [np.array([1.0])])
    >>> p
    array([0.5])
    """

    def __init__(self, lr: float = 1e-3) -> None:
        super().__init__(lr)

    def _update(self, p, g):
        p -= self.lr * g


class Momentum(Optimizer):
    """Heavy ball: v ← μv + g, p ← p − lr·v (Polyak 1964; Sutskever et al. 2013, sec. 2, with lr inside v).

    In a long valley the steps add up to lr/(1 − μ); with averages of the form (1 − μ)g they would not.

    Examples
    --------
    >>> p, opt = np.array([1.0]), Momentum(lr=0.1, mu=0.9)
    >>> opt.step([p], [np.array([1.0])]); opt.step([p], [np.array([1.0])])
    >>> p.round(3)
    array([0.71])
    """

    memories = 1

    def __init__(self, lr: float = 1e-3, mu: float = 0.9) -> None:
        super().__init__(lr)
        self.mu = number("mu", mu, low=0)

    def _update(self, p, g, v):
        v *= self.mu
        v += g
        p -= self.lr * v


class RMSProp(Optimizer):
    """Divide by a running root mean square: s ← αs + (1 − α)g², p ← p − lr·g/(√s + eps).

    Tieleman & Hinton (2012), lecture 6.5. A gradient that is 1e-6 times too small gives the same step, as
    long as it is well above eps.

    Examples
    --------
    >>> p = np.array([0.0, 0.0])
    >>> RMSProp(lr=0.01).step([p], [np.array([1.0, 1e-3])])
    >>> p.round(3)
    array([-0.1, -0.1])
    """

    memories = 1

    def __init__(self, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__(lr)
        self.alpha, self.eps = _decay("alpha", alpha), number("eps", eps, 0)

    def _update(self, p, g, s):
        s *= self.alpha
        s += (1 - self.alpha) * np.square(g)
        p -= self.lr * g / (np.sqrt(s) + self.eps)


class Adam(Optimizer):
    """Momentum over RMSProp, both averages corrected for their start at 0 (Kingma & Ba 2015, algorithm 1).

    m ← β₁m + (1 − β₁)g,  s ← β₂s + (1 − β₂)g²,  p ← p − lr·m̂/(√ŝ + eps), m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ).

    Examples
    --------
    >>> p = np.array([0.0, 0.0])
    >>> Adam(lr=0.01).step([p], [np.array([1.0, 1e-3])])
    >>> p.round(4)
    array([-0.01, -0.01])
    """

    memories = 2

    def __init__(self, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        super().__init__(lr)
        self.beta1, self.beta2 = _decay("beta1", beta1), _decay("beta2", beta2)
        self.eps = number("eps", eps, 0)

    def _update(self, p, g, m, s):
        m *= self.beta1
        m += (1 - self.beta1) * g
        s *= self.beta2
        s += (1 - self.beta2) * np.square(g)
        correction1, correction2 = 1 - self.beta1**self.steps, 1 - self.beta2**self.steps
        p -= self.lr / correction1 * m / (np.sqrt(s) / math.sqrt(correction2) + self.eps)


def _decay(name: str, x: float) -> float:
    """The share of a running average that is kept; one that kept all of itself would stay at 0."""
    x = number(name, x)
    return x if 0 <= x < 1 else fail(name, "a number in [0, 1)", x)
