"""The exercises of notebook 07, Backpropagation through time.

Every check says "Not attempted yet" to `...`, and the rest is explained in `livegrad.checks.grading`:

>>> check_perplexity(...)
Not attempted yet: perplexity is still to be written.
"""

from __future__ import annotations

import math

import numpy as np

from livegrad.checks.grading import Exercise
from livegrad.spectra import spectral_norm, spectral_radius

__all__ = [
    "check_carried_back",
    "check_forget_bias",
    "check_perplexity",
    "check_reach",
    "check_recurrent_gradient",
    "check_spike_share",
    "check_step_jacobian",
    "check_truncated",
]


def _rows(rng, T, K):
    """T rows of K probabilities, each a multiple of 1/20."""
    return (rng.multinomial(20 - K, np.ones(K) / K, T) + 1) / 20


def _of_targets(predictions, targets):
    return predictions[np.arange(len(targets)), targets]


def perplexity(predictions, targets):
    return np.exp(-np.mean(np.log(_of_targets(predictions, targets))))


check_perplexity = Exercise(
    perplexity,
    "(t,k),(t)->()",
    cases=lambda rng: [
        (np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]), np.array([0, 2])),
        (_rows(rng, 3, 4), np.array([1, 3, 0])),
        (_rows(rng, 5, 7), np.array([6, 0, 2, 2, 5])),
        (_rows(rng, 4, 2), np.array([0, 1, 1, 0])),
    ],
    wrong={
        "That is the cost J. One step more: e to the power J.":
            lambda p, y: -np.mean(np.log(_of_targets(p, y))),
        "The costs are added up; their mean over the T steps is wanted before the exponential.":
            lambda p, y: np.exp(-np.sum(np.log(_of_targets(p, y)))),
        "The sign is missing: J is minus the mean logarithm, and a perplexity is at least 1.":
            lambda p, y: np.exp(np.mean(np.log(_of_targets(p, y)))),
        "You take the mean of the probabilities; the mean is of their logarithms.":
            lambda p, y: 1 / np.mean(_of_targets(p, y)),
        "You take the mean of the steps' own perplexities; the mean is of their logarithms.":
            lambda p, y: np.mean(1 / _of_targets(p, y)),
        "The logarithm is natural and your power is one of 2: both must have the same base.":
            lambda p, y: 2 ** -np.mean(np.log(_of_targets(p, y))),
        "Your logarithm has base 2 and your power base e: both must have the same base.":
            lambda p, y: np.exp(-np.mean(np.log2(_of_targets(p, y)))),
        "That is the entropy of the predictions. What counts is the symbol that came.":
            lambda p, y: np.exp(-np.mean(np.sum(p * np.log(p), axis=1))),
        "You take the most probable symbol; what counts is the one that came.":
            lambda p, y: np.exp(-np.mean(np.log(p.max(axis=1)))),
        "p[:, y] takes all the columns y of every row. Step t has one: row t, column y[t].":
            lambda p, y: np.exp(-np.mean(np.log(p[:, y]))),
        "You take the logarithms of all entries of ŷ; only that of the symbol that came counts.":
            lambda p, y: np.exp(-np.mean(np.log(p))),
        "That is the number of symbols, the perplexity of a net that takes all for equally likely.":
            lambda p, y: p.shape[1],
    },
)  # fmt: skip
"""Perplexity of predictions, given the symbols that came."""


def _slope(z):
    return 1 - np.tanh(z) ** 2


def step_jacobian(W_h, z):
    return _slope(z)[:, np.newaxis] * W_h


def _weights(rng, n, T=None):
    """Recurrent weights of n units and the pre-activations of one step, or of T."""
    return rng.normal(size=(n, n)).round(1), rng.normal(size=n if T is None else (T, n)).round(1)


check_step_jacobian = Exercise(
    step_jacobian,
    "(n,n),(n)->(n,n)",
    cases=lambda rng: [
        (np.array([[0.5, 1.0], [-2.0, 0.3]]), np.array([0.0, 1.0])),
        _weights(rng, 3),
        _weights(rng, 4),
    ],
    wrong={
        "You scale the columns. Row i of the Jacobian is unit i of the new state, so φ'(z_i) multiplies row i.":
            lambda W, z: W * _slope(z),
        "That is the transpose: row i is to be unit i of the new state.":
            lambda W, z: W.T * _slope(z),
        "That is diag(φ') times the transpose of W_h. Transposed it would be W_hᵀ diag(φ'), which acts on gradients.":
            lambda W, z: _slope(z)[:, np.newaxis] * W.T,
        "φ is missing: you have the Jacobian of the linear net.":
            lambda W, z: W,
        "That is tanh(z) in place of its slope, 1 − tanh²(z).":
            lambda W, z: np.tanh(z)[:, np.newaxis] * W,
        "The slope of tanh at z is 1 − tanh²(z); your 1 − z² takes z for the state.":
            lambda W, z: (1 - z**2)[:, np.newaxis] * W,
        "You square z before tanh is taken.":
            lambda W, z: (1 - np.tanh(z**2))[:, np.newaxis] * W,
        "That is the slope of the sigmoid; this net has tanh.":
            lambda W, z: (1 / (2 + np.exp(z) + np.exp(-z)))[:, np.newaxis] * W,
        "That is the product of W_h with the slopes, a vector. The Jacobian is a matrix: diag(φ') W_h.":
            lambda W, z: W @ _slope(z),
        "That is the diagonal matrix alone: W_h is missing.":
            lambda W, z: np.diag(_slope(z)),
        "That is φ'(z) entry by entry on the diagonal of W_h. diag(φ') W_h is a product of matrices.":
            lambda W, z: np.diag(_slope(z)) * W,
    },
)  # fmt: skip
"""Jacobian of one step of a tanh net."""


def carried_back(W_h, z, g):
    for z_s in z[::-1]:
        g = (g * _slope(z_s)) @ W_h
    return g


def _carried(W, z, g, step):
    for z_s in z:
        g = step(W, z_s, g)
    return g


def _gradient(rng, n, T):
    return (*_weights(rng, n, T), rng.normal(size=n).round(1))


check_carried_back = Exercise(
    carried_back,
    "(n,n),(s,n),(n)->(n)",
    cases=lambda rng: [
        (np.array([[0.5, 1.0], [-2.0, 0.3]]), np.array([[0.0, 1.0], [-0.5, 0.2], [0.4, 2.0]]), np.array([1.0, -0.5])),
        _gradient(rng, 3, 2),
        _gradient(rng, 2, 4),
        _gradient(rng, 4, 3),
    ],
    wrong={
        "You begin with the first step. A gradient starts at the last step and goes back.":
            lambda W, z, g: _carried(W, z, g, lambda W, z, g: (g * _slope(z)) @ W),
        "That carries a change of the state forward. Back it is through the transposes, the last step first.":
            lambda W, z, g: _carried(W, z, g, lambda W, z, g: _slope(z) * (W @ g)),
        "The order within the steps: back through φ first, and then through W_h.":
            lambda W, z, g: _carried(W, z[::-1], g, lambda W, z, g: (g @ W) * _slope(z)),
        "W_h is the wrong way round: in a row of numbers, back is g W_h; in a column, W_hᵀ g.":
            lambda W, z, g: _carried(W, z[::-1], g, lambda W, z, g: W @ (g * _slope(z))),
        "The slopes are missing: that is the linear net.":
            lambda W, z, g: _carried(W, z[::-1], g, lambda W, z, g: g @ W),
        "One step too few: the first row of z is not used.":
            lambda W, z, g: carried_back(W, z[1:], g),
        "One step too few: the last row of z is not used.":
            lambda W, z, g: carried_back(W, z[:-1], g),
        "That is one step back; all rows of z are to be gone through.":
            lambda W, z, g: carried_back(W, z[-1:], g),
        "You stop before the last product with W_h: that is ∂J/∂z of the first of these steps.":
            lambda W, z, g: carried_back(W, z[1:], g) * _slope(z[0]),
        "The slope of tanh is 1 − tanh²; tanh itself stands in its place.":
            lambda W, z, g: _carried(W, z[::-1], g, lambda W, z, g: (g * np.tanh(z)) @ W),
        "The slope of tanh at z is 1 − tanh²(z); your 1 − z² takes z for the state.":
            lambda W, z, g: _carried(W, z[::-1], g, lambda W, z, g: (g * (1 - z**2)) @ W),
        "You use the slopes of the last step for all of them.":
            lambda W, z, g: _carried(W, z, g, lambda W, _, g: (g * _slope(z[-1])) @ W),
        "You use the slopes of the first step for all of them.":
            lambda W, z, g: _carried(W, z, g, lambda W, _, g: (g * _slope(z[0])) @ W),
        "Those are the gradients at all the steps; the one at step k is wanted.":
            lambda W, z, g: np.array([carried_back(W, z[s:], g) for s in range(len(z))]),
    },
)  # fmt: skip
"""A gradient carried back over some steps of a tanh net."""


def recurrent_gradient(dz, h):
    return dz[1:].T @ h[:-1]


check_recurrent_gradient = Exercise(
    recurrent_gradient,
    "(t,n),(t,n)->(n,n)",
    cases=lambda rng: [
        (np.array([[1.0, 0.5], [0.2, -1.0], [-0.4, 0.3]]), np.array([[0.1, 0.6], [-0.5, 0.2], [0.9, -0.7]])),
        (rng.normal(size=(5, 3)).round(1), rng.normal(size=(5, 3)).round(1)),
        (rng.normal(size=(4, 2)).round(1), rng.normal(size=(4, 2)).round(1)),
    ],
    wrong={
        "You pair every δ with the state of its own step. What W_h was multiplied with is the state before it.":
            lambda dz, h: dz.T @ h,
        "You pair every δ with the state after it. What W_h was multiplied with is the state before it.":
            lambda dz, h: dz[:-1].T @ h[1:],
        "That is the transpose: row i belongs to unit i of δ.":
            lambda dz, h: h[:-1].T @ dz[1:],
        "That is the last step alone. W_h is used at every step, and all uses count.":
            lambda dz, h: np.outer(dz[-1], h[-2]),
        "You take the mean over the steps. The uses of W_h add up; the 1/T is in δ already.":
            lambda dz, h: dz[1:].T @ h[:-1] / len(h),
        "You take the mean over the terms. The uses of W_h add up; the 1/T is in δ already.":
            lambda dz, h: dz[1:].T @ h[:-1] / (len(h) - 1),
        "You add up δ and states first and multiply then; each step has its own product.":
            lambda dz, h: np.outer(dz[1:].sum(axis=0), h[:-1].sum(axis=0)),
        "Index −1, or np.roll, brings the last state before the first step; before that step the state is 0.":
            lambda dz, h: dz.T @ np.roll(h, 1, axis=0),
        "One term is missing: the last step counts, too.":
            lambda dz, h: dz[1:-1].T @ h[:-2],
        "That is the gradient of the bias, Σ δ. For W_h each δ is multiplied with the state before it.":
            lambda dz, h: dz.sum(axis=0),
        "Those are the products of all the steps; W_h is the same in all of them, so add them up.":
            lambda dz, h: np.einsum("ti,tj->tij", dz[1:], h[:-1]),
    },
)  # fmt: skip
"""Gradient of the recurrent weights from the gradients of the pre-activations."""


def reach(W_h, gamma, eps):
    factor = gamma * spectral_norm(W_h)
    return math.inf if factor >= 1 else math.floor(math.log(eps) / math.log(factor)) + 1


def _reach(factor, eps):
    return math.inf if factor >= 1 else math.floor(math.log(eps) / math.log(factor)) + 1


def _exact_logarithm(W, gamma, eps):
    factor = gamma * spectral_norm(W)
    return math.inf if factor >= 1 else math.log(eps) / math.log(factor)


check_reach = Exercise(
    reach,
    "(n,n),(),()->()",
    cases=lambda rng: [
        (np.array([[0.5, 1.6], [0.0, 0.5]]), 0.25, 1e-3),
        (np.array([[0.6, 0.5], [0.0, 0.6]]), 1.0, 0.01),
        (np.array([[0.9, 5.0], [0.0, 0.9]]), 1.0, 0.1),
        (np.array([[2.0, 1.0, 0.0], [0.5, 1.0, 0.3], [0.0, -1.0, 1.5]]), 0.25, 1e-6),
        (np.array([[0.5, 0.0], [0.0, -0.25]]), 1.0, 0.1),
        (np.array([[0.2, 0.0], [0.1, 0.15]]), 0.5, 0.005),
    ],
    wrong={
        "You use the spectral radius. It rules the linear net as ℓ → ∞; the bound takes the largest singular value.":
            lambda W, gamma, eps: _reach(gamma * spectral_radius(W), eps),
        "γ is missing: a step shrinks by the slope of φ as well.":
            lambda W, gamma, eps: _reach(spectral_norm(W), eps),
        "np.linalg.norm(W_h) is the root of the sum of all squares. The largest singular value is smaller, and is wanted.":
            lambda W, gamma, eps: _reach(gamma * np.linalg.norm(W), eps),
        "One step too few: at your ℓ the bound is not yet below eps.":
            lambda W, gamma, eps: reach(W, gamma, eps) - 1,
        "One step too many: it is below eps one step earlier.":
            lambda W, gamma, eps: reach(W, gamma, eps) + 1,
        "A number of steps is an integer: the first at which the bound is below eps.":
            _exact_logarithm,
        "What if γ‖W_h‖₂ is not below 1? Then the bound never gets below eps, and the answer is inf.":
            lambda W, gamma, eps: math.floor(math.log(eps) / math.log(gamma * spectral_norm(W))) + 1,
        "You divide by γ; the bound on one step is γ times ‖W_h‖₂.":
            lambda W, gamma, eps: _reach(spectral_norm(W) / gamma, eps),
        "You take the bound of one step. How many steps does it take until its power is below eps?":
            lambda W, gamma, eps: gamma * spectral_norm(W),
        "You take the largest entry of W_h; the largest singular value can be larger.":
            lambda W, gamma, eps: _reach(gamma * np.abs(W).max(), eps),
        "You take the smallest singular value; the bound takes the largest.":
            lambda W, gamma, eps: _reach(gamma * np.linalg.norm(W, -2), eps),
    },
)  # fmt: skip
"""The number of steps from which the bound guarantees that less than eps is left."""


def _states(w, x):
    h = [0.0]
    for value in x:
        h.append(w * h[-1] + value)
    return np.array(h)


def _terms(w, x):
    """The terms w^(T−k) h_(k−1), k = 1 … T."""
    T = len(x)
    return w ** (T - np.arange(1, T + 1)) * _states(w, x)[:-1]


def truncated(w, x, tau):
    return _terms(w, x)[max(0, len(x) - 1 - tau) :].sum()


check_truncated = Exercise(
    truncated,
    "(),(t),()->()",
    cases=lambda rng: [
        (0.5, np.array([1.0, 2.0, -1.0, 3.0]), 1),
        (0.9, np.array([1.0, 0.5, 0.0, 2.0, -1.0]), 1),
        (1.5, np.array([1.0, -1.0, 2.0]), 0),
        (-0.8, np.array([2.0, 1.0, 1.0, -0.5, 0.3, 1.0]), 3),
        (0.7, np.array([1.0, 3.0, 2.0]), 7),
    ],
    wrong={
        "That is the whole gradient: tau is to cut it off.":
            lambda w, x, tau: _terms(w, x).sum(),
        "One term too few: k runs from T − tau to T, which is tau + 1 values.":
            lambda w, x, tau: _terms(w, x)[max(0, len(x) - tau) :].sum(),
        "One term too many: k runs from T − tau to T, which is tau + 1 values.":
            lambda w, x, tau: _terms(w, x)[max(0, len(x) - 2 - tau) :].sum(),
        "You multiply with h_k. In the step to h_k it is h_(k−1) that w multiplies.":
            lambda w, x, tau: (w ** np.arange(len(x))[::-1] * _states(w, x)[1:])[max(0, len(x) - 1 - tau) :].sum(),
        "One factor w too many in every term: from step k to step T there are T − k steps.":
            lambda w, x, tau: w * truncated(w, x, tau),
        "The powers of w are missing: a change at step k is multiplied by w at each of the T − k steps after it.":
            lambda w, x, tau: _states(w, x)[:-1][max(0, len(x) - 1 - tau) :].sum(),
        "You cut off the wrong end: the last tau + 1 terms are kept, not the first.":
            lambda w, x, tau: _terms(w, x)[: tau + 1].sum(),
        "That is the term at T − tau alone; the later ones count, too.":
            lambda w, x, tau: _terms(w, x)[max(0, len(x) - 1 - tau)],
        "You multiply with the inputs; it is the states that w multiplies.":
            lambda w, x, tau: (w ** np.arange(len(x))[::-1] * np.append(0, x[:-1]))[max(0, len(x) - 1 - tau) :].sum(),
        "You start the state afresh where the gradient stops. Only the way back is cut; the state comes from the first input.":
            lambda w, x, tau: _terms(w, x[max(0, len(x) - 1 - tau) :]).sum(),
        "You divide by the number of terms; they add up.":
            lambda w, x, tau: _terms(w, x)[max(0, len(x) - 1 - tau) :].mean(),
    },
)  # fmt: skip
"""Truncated gradient of the last state of a linear net with one unit."""


def spike_share(w1, spike, n):
    extra = (spike - 1) * w1**n
    return extra / (1 / (1 - w1) + extra)


check_spike_share = Exercise(
    spike_share,
    "(),(),()->()",
    cases=lambda rng: [(0.5, 101.0, 3), (0.9, 1000.0, 20), (0.8, 50.0, 0), (0.6, 11.0, 5), (0.95, 200.0, 100)],
    wrong={
        "An ordinary input is 1, so the spike adds spike − 1.":
            lambda w1, spike, n: spike * w1**n / (1 / (1 - w1) + spike * w1**n),
        "An ordinary input is 1, so the spike adds spike − 1. It is in the numerator that you forgot it.":
            lambda w1, spike, n: spike * w1**n / (1 / (1 - w1) + (spike - 1) * w1**n),
        "Without the spike the output is not 1: all the earlier inputs are in it, 1 + w1 + w1² + …":
            lambda w1, spike, n: (spike - 1) * w1**n / (1 + (spike - 1) * w1**n),
        "That is what the spike adds; divide it by the whole output.":
            lambda w1, spike, n: (spike - 1) * w1**n,
        "You divide by the output without the spike; its share is of the whole.":
            lambda w1, spike, n: (spike - 1) * w1**n * (1 - w1),
        "The spike fades: each of the n steps multiplies it by w1.":
            lambda w1, spike, n: (spike - 1) / (1 / (1 - w1) + spike - 1),
        "One factor w1 too many: n steps after it is w1 to the power n.":
            lambda w1, spike, n: spike_share(w1, spike, n + 1),
        "One factor w1 too few: after n steps it is w1 to the power n. Or the usual output lacks its newest input: it is 1/(1 − w1).":
            lambda w1, spike, n: spike_share(w1, spike, n - 1),
        "That is what is left of the ordinary inputs; the share of the spike is 1 minus that.":
            lambda w1, spike, n: 1 - spike_share(w1, spike, n),
        "You stop the sum at the spike: the inputs before and after it all add to the output without it, 1/(1 − w1).":
            lambda w1, spike, n: (spike - 1) * w1**n / ((1 - w1**n) / (1 - w1) + (spike - 1) * w1**n),
        "You add up all that the spike has been; n steps later only w1 to the power n of it is there.":
            lambda w1, spike, n: (spike - 1) * (1 - w1 ** (n + 1)) / (1 + (spike - 1) * (1 - w1 ** (n + 1))),
    },
)  # fmt: skip
"""Share of an output that is due to one spike some steps before."""


def forget_bias():
    f = 0.5**0.01
    return math.log(f / (1 - f))


check_forget_bias = Exercise(
    forget_bias,
    "->()",
    wrong={
        "That is the forget gate f itself. Which b has σ(b) = f?":
            lambda: 0.5**0.01,
        "The sign is wrong: your gate forgets almost all at each step.":
            lambda: -forget_bias(),
        "That is for a gate of 0.5, which is σ(0): after 100 steps it leaves 8e-31.":
            lambda: 0.0,
        "A bias of 1 is the usual start (Jozefowicz, Zaremba & Sutskever 2015). Its gate, 0.731, leaves 2.5e-14 after 100 steps.":
            lambda: 1.0,
        "A gate that loses 0.5/100 at each step leaves 0.606: losses are a power, not a sum.":
            lambda: math.log(0.995 / 0.005),
        "That is the logarithm of f. The inverse of σ is ln(f/(1 − f)).":
            lambda: math.log(0.5) / 100,
        "The ratio is right, the logarithm of it is missing.":
            lambda: 0.5**0.01 / (1 - 0.5**0.01),
        "That is 1 − f, what the gate forgets at each step. Which b has σ(b) = f?":
            lambda: 1 - 0.5**0.01,
        "That logarithm is to base 10; σ is made with e.":
            lambda: forget_bias() / math.log(10),
        "That is for ten steps; here it is 100.":
            lambda: math.log(0.5**0.1 / (1 - 0.5**0.1)),
        "Right to two decimals. Write the formula, and let Python compute it.":
            lambda: 4.97,
        "Right to three decimals. Write the formula, and let Python compute it.":
            lambda: 4.968,
    },
)  # fmt: skip
"""The bias of a forget gate that keeps half of a cell over 100 steps."""
