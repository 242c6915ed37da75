"""One LSTM cell: forward, backpropagation through time, and the Jacobian of its two states.

Rows are examples: x is (N, T, D), for N sequences of T steps. One step is

    i, f, o = σ(W_h h_(t−1) + W_x x_t + b),    g = tanh(W_h h_(t−1) + W_x x_t + b),    each with rows of its own,
    c_t = f ⊙ c_(t−1) + i ⊙ g,    h_t = o ⊙ tanh(c_t)

(Hochreiter & Schmidhuber 1997; the forget gate f is that of Gers, Schmidhuber & Cummins 2000; no peepholes). The old cell
state is not multiplied by a matrix but by a gate, and the new is added to it. So with h_(t−1) held fixed

    ∂c_t/∂c_(t−1) = diag(f_t),

the additive path. The whole derivative has three more blocks, because h_(t−1) opens and closes the gates:

    ∂c_t/∂h_(t−1) = A,    ∂h_t/∂c_(t−1) = R diag(f_t),    ∂h_t/∂h_(t−1) = diag(tanh c_t ⊙ o') W_o + R A,

with A = diag(c_(t−1) ⊙ f') W_f + diag(g ⊙ i') W_i + diag(i ⊙ g') W_g and R = diag(o ⊙ tanh'(c_t)). Primes are slopes, of a
gate at its pre-activation.

>>> import numpy as np
>>> net = LSTM.create(n_in=2, n_hidden=3, rng=np.random.default_rng(0))
>>> trace = net.forward(np.ones((5, 7, 2)))
>>> trace.h.shape, net.jacobian(trace, 6).shape
((5, 7, 3), (5, 6, 6))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from livegrad import activations, initializers
from livegrad.validation import fail, floats, generator, number, positive_ints

Draw = Callable[[tuple[int, int], np.random.Generator], np.ndarray]

_SIGMOID, _TANH = activations.get("sigmoid"), activations.get("tanh")
_I, _F, _G, _O = range(4)  # PyTorch's order


@dataclass(frozen=True)
class Trace:
    """What a forward pass leaves behind, for N sequences of T steps. The arrays lie with the steps first.

    Attributes
    ----------
    inputs : ndarray, shape (T, N, D)
    gates : ndarray, shape (4, T, N, H)
        i, f, g and o.
    cells, states : ndarray, shape (T + 1, N, H)
        c and h; `cells[0]` and `states[0]` are the initial ones.
    """

    inputs: np.ndarray
    gates: np.ndarray
    cells: np.ndarray
    states: np.ndarray

    @property
    def h(self) -> np.ndarray:
        """The states h_t, (N, T, H): `h[:, t]` is the one after input `x[:, t]`."""
        return self.states[1:].swapaxes(0, 1)

    @property
    def c(self) -> np.ndarray:
        """The cell states c_t, (N, T, H)."""
        return self.cells[1:].swapaxes(0, 1)

    @property
    def forget(self) -> np.ndarray:
        """The forget gates f_t, (N, T, H): the diagonals of the additive path ∂c_t/∂c_(t−1)."""
        return self.gates[_F].swapaxes(0, 1)


@dataclass(frozen=True)
class Gradients:
    """What a backward pass leaves behind.

    Attributes
    ----------
    dW_x : ndarray, shape (4H, D)
    dW_h : ndarray, shape (4H, H)
    db : ndarray, shape (4H,)
    dx : ndarray, shape (N, T, D)
    dh0, dc0 : ndarray, shape (N, H)
    """

    dW_x: np.ndarray
    dW_h: np.ndarray
    db: np.ndarray
    dx: np.ndarray
    dh0: np.ndarray
    dc0: np.ndarray

    def parameters(self) -> list[np.ndarray]:
        """[dW_x, dW_h, db], in the order of `LSTM.parameters`."""
        return [self.dW_x, self.dW_h, self.db]


@dataclass
class LSTM:
    """A layer of H LSTM cells.

    Attributes
    ----------
    W_x : ndarray, shape (4H, D)
        H rows each for i, f, g and o, the order of `torch.nn.LSTMCell`. PyTorch has two biases; theirs add up to `b`.
    W_h : ndarray, shape (4H, H)
    b : ndarray, shape (4H,)

    Raises
    ------
    ValueError
        If the shapes do not fit together or the dtypes differ.

    Examples
    --------
    A cell that forgets nothing and takes nothing in:

    >>> net = LSTM(np.zeros((4, 1)), np.zeros((4, 1)), [-50.0, 50.0, 0.0, 0.0])
    >>> net.forward(np.ones((1, 100, 1)), c0=[[0.3]]).c[0, -1]
    array([0.3])
    """

    W_x: np.ndarray
    W_h: np.ndarray
    b: np.ndarray

    def __post_init__(self) -> None:
        self.W_h = floats("W_h", self.W_h, (None, None))
        H = self.W_h.shape[1]
        self.W_h = floats("W_h", self.W_h, (4 * H, H))
        self.W_x, self.b = floats("W_x", self.W_x, (4 * H, None)), floats("b", self.b, (4 * H,))
        for p in self.parameters():
            if p.dtype != self.W_h.dtype:
                fail("parameters", f"{self.W_h.dtype} like W_h", p.dtype)

    @classmethod
    def create(
        cls,
        n_in: int,
        n_hidden: int,
        rng: np.random.Generator,
        init: str | Draw = "lecun_normal",
        init_x: str | Draw = "lecun_normal",
        forget_bias: float = 1.0,
    ) -> LSTM:
        """A layer with random weights. All biases are 0 but those of the forget gates.

        Parameters
        ----------
        n_in, n_hidden : int
            D and H.
        rng : numpy.random.Generator
            Every gate's two matrices are drawn from a child of it each.
        init, init_x : str or callable
            Rules for the four (H, H) blocks of W_h and the four (H, D) blocks of W_x, as for `livegrad.rnn.RNN.create`.
        forget_bias : float
            Above 0, the gates start nearly open. Jozefowicz, Zaremba & Sutskever (2015) found 1 to be better than 0.

        Raises
        ------
        ValueError
            If an argument is not as described.

        Examples
        --------
        >>> LSTM.create(2, 1, np.random.default_rng(0), forget_bias=2).b
        array([0., 2., 0., 0.])
        """
        D, H = positive_ints("n_in and n_hidden", [n_in, n_hidden])
        draws = generator("rng", rng).spawn(8)
        b = np.zeros((4, H))
        b[_F] = number("forget_bias", forget_bias)
        blocks = ((init_x, "init_x", (H, D), draws[:4]), (init, "init", (H, H), draws[4:]))
        W_x, W_h = (np.vstack([floats(name, initializers.get(rule)(shape, draw), shape) for draw in children])
                    for rule, name, shape, children in blocks)
        return cls(W_x, W_h, b.ravel())

    def parameters(self) -> list[np.ndarray]:
        """[W_x, W_h, b]: the arrays themselves and not copies."""
        return [self.W_x, self.W_h, self.b]

    def forward(self, x: Any, h0: Any = None, c0: Any = None) -> Trace:
        """Read whole sequences and keep all that was computed.

        Parameters
        ----------
        x : array_like, shape (N, T, D)
        h0, c0 : array_like, shape (N, H), optional
            The states before the first step, by default 0.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            If an array has another shape.

        Examples
        --------
        >>> LSTM.create(1, 4, np.random.default_rng(0)).forward(np.ones((2, 9, 1))).forget.shape
        (2, 9, 4)
        """
        H, D, dtype = self.W_h.shape[1], self.W_x.shape[1], self.W_h.dtype
        inputs = floats("x", x, (None, None, D), dtype).swapaxes(0, 1)
        T, N, _ = inputs.shape
        gates, (cells, states) = np.empty((4, T, N, H), dtype), np.empty((2, T + 1, N, H), dtype)
        cells[0] = 0 if c0 is None else floats("c0", c0, (N, H), dtype)
        states[0] = 0 if h0 is None else floats("h0", h0, (N, H), dtype)
        from_x = inputs @ self.W_x.T + self.b
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for t in range(T):
                z = (from_x[t] + states[t] @ self.W_h.T).reshape(N, 4, H).swapaxes(0, 1)
                gates[:, t] = _SIGMOID(z)
                gates[_G, t] = _TANH(z[_G])
                i, f, g, o = gates[:, t]
                cells[t + 1] = f * cells[t] + i * g
                states[t + 1] = o * np.tanh(cells[t + 1])
        return Trace(inputs, gates, cells, states)

    def backward(self, trace: Trace, dh: Any) -> Gradients:
        """Backpropagation through time.

        Parameters
        ----------
        trace : Trace
            Of a forward pass of this layer, with these weights.
        dh : array_like, shape (N, T, H)
            The direct gradients ∂J_t/∂h_t.

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError
            If a shape does not fit.

        Examples
        --------
        >>> net = LSTM([[0.0]] * 4, [[0.0]] * 4, [0.0, 50.0, 0.0, 50.0])  # f = o = 1, i = 1/2, g = 0: c stays
        >>> net.backward(net.forward(np.ones((1, 9, 1))), np.eye(9)[[-1], :, None]).dc0
        array([[1.]])
        """
        self._check(trace)
        _, T, N, H = trace.gates.shape
        direct = floats("dh", dh, (N, T, H), self.W_h.dtype).swapaxes(0, 1)
        dz = np.empty((T, N, 4, H), self.W_h.dtype)
        dh_back, dc_back = np.zeros((2, N, H), self.W_h.dtype)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for t in range(T - 1, -1, -1):
                (i, f, g, o), tanh_c = trace.gates[:, t], np.tanh(trace.cells[t + 1])
                d = direct[t] + dh_back
                dc = dc_back + d * o * (1 - tanh_c**2)
                dz[t] = (np.stack([dc * g, dc * trace.cells[t], dc * i, d * tanh_c]) * _slopes(trace.gates[:, t])).swapaxes(0, 1)
                dh_back, dc_back = dz[t].reshape(N, 4 * H) @ self.W_h, dc * f
            rows = dz.reshape(T * N, 4 * H)
            dx = (rows @ self.W_x).reshape(trace.inputs.shape).swapaxes(0, 1)
            dW_x = rows.T @ trace.inputs.reshape(T * N, -1)
            dW_h = rows.T @ trace.states[:-1].reshape(T * N, H)
        return Gradients(dW_x, dW_h, rows.sum(axis=0), dx, dh_back, dc_back)

    def jacobian(self, trace: Trace, t: int) -> np.ndarray:
        """∂(c_t, h_t)/∂(c_(t−1), h_(t−1)) of every example, (N, 2H, 2H); the first H rows and columns are those of c.

        Its upper left block is the additive path diag(f_t). The product of these matrices from step k + 1 to t is the
        derivative of both states at t with respect to both at k.

        Raises
        ------
        ValueError
            If there is no such step.

        Examples
        --------
        >>> net = LSTM([[0.0]] * 4, [[0.0]] * 4, [0.0, 0.0, 0.0, 0.0])  # all gates ½
        >>> net.jacobian(net.forward([[[1.0]]]), 0)[0]
        array([[0.5 , 0.  ],
               [0.25, 0.  ]])
        """
        self._check(trace)
        _, T, N, H = trace.gates.shape
        if not isinstance(t, int | np.integer) or not 0 <= t < T:
            fail("t", f"a step from 0 to {T - 1}", t)
        (i, f, g, o), tanh_c = trace.gates[:, t], np.tanh(trace.cells[t + 1])
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            reach = np.stack([g, trace.cells[t], i, tanh_c]) * _slopes(trace.gates[:, t])  # ∂c_t/∂z, for o ∂h_t/∂z
            blocks = reach[..., np.newaxis] * self.W_h.reshape(4, 1, H, H)
            A, out = blocks[:_O].sum(axis=0), (o * (1 - tanh_c**2))[..., np.newaxis]
            keep = f[..., np.newaxis] * np.eye(H, dtype=f.dtype)
            return np.block([[keep, A], [out * keep, blocks[_O] + out * A]])

    def _check(self, trace: Trace) -> None:
        H, D = self.W_h.shape[1], self.W_x.shape[1]
        if trace.inputs.shape[2] != D or trace.gates.shape[3] != H:
            fail("trace", "the trace of a forward pass of this layer", f"x {trace.inputs.shape}, gates {trace.gates.shape}")


def _slopes(gates: np.ndarray) -> np.ndarray:
    """σ' for i, f and o, tanh' for g, from their values (4, N, H)."""
    slopes = gates * (1 - gates)
    slopes[_G] = 1 - gates[_G] ** 2
    return slopes
