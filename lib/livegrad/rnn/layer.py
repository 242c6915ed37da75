"""The recurrent layer: forward, backpropagation through time, and its Jacobians.

Rows are examples: x is (N, T, D), for N sequences of T steps. One step is

    z_t = W_h h_(t−1) + W_x x_t + b,    h_t = φ(z_t),

in rows z_t = h_(t−1) W_hᵀ + x_t W_xᵀ + b, with the same weights at every step (Elman 1990). Backpropagation through
time (Werbos 1990) is backpropagation through the unrolled net. From the direct gradients ∂J_t/∂h_t that the costs
give, with J = Σ J_t,

    ∂J/∂h_t = ∂J_t/∂h_t + ∂J/∂z_(t+1) W_h,    ∂J/∂z_t = ∂J/∂h_t ⊙ φ'(z_t),    ∂J/∂W_h = Σ_t (∂J/∂z_t)ᵀ h_(t−1),

and one step back multiplies a gradient by the Jacobian ∂h_t/∂h_(t−1) = diag(φ'(z_t)) W_h. Papers count the steps from
1, arrays from 0: `h[:, 0]` is the state after the first input `x[:, 0]`, and the state before it is `h0`.

>>> import numpy as np
>>> net = RNN.create(n_in=2, n_hidden=3, rng=np.random.default_rng(0))
>>> trace = net.forward(np.ones((5, 7, 2)))
>>> trace.h.shape
(5, 7, 3)
>>> net.backward(trace, np.ones((5, 7, 3))).dW_h.shape
(3, 3)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from livegrad import activations, initializers
from livegrad.activations import Activation
from livegrad.clipping import row_norms
from livegrad.initializers import Draw
from livegrad.norms import Standardized, standardize, standardize_backward
from livegrad.products import dot
from livegrad.rnn.steps import chosen, flat, index, product, reused
from livegrad.validation import fail, floats, generator, integers, number, positive_ints

__all__ = ["RNN", "Gradients", "Trace"]


@dataclass(frozen=True)
class Trace:
    """What a forward pass leaves behind, for N sequences of T steps.

    The arrays lie with the steps first, so that what one step needs is one block of memory; the properties
    show the same numbers with the examples first.

    Attributes
    ----------
    inputs : ndarray, shape (T, N, D)
    states : ndarray, shape (T + 1, N, H)
        `states[0]` is the initial state.
    before : ndarray, shape (T, N, H)
        What φ was applied to.
    normalized : Standardized or None
        For a net with layer normalization, x̂ (T, N, H) and the statistics (T, N, 1) of W_h h + W_x x.
    """

    inputs: np.ndarray
    states: np.ndarray
    before: np.ndarray
    normalized: Standardized | None = None

    @property
    def x(self) -> np.ndarray:
        """The inputs, (N, T, D); symbols as one-hot rows."""
        return self.inputs.swapaxes(0, 1)

    @property
    def h(self) -> np.ndarray:
        """The states, (N, T, H): `h[:, t]` is the one after input `x[:, t]`."""
        return self.states[1:].swapaxes(0, 1)

    @property
    def z(self) -> np.ndarray:
        """The pre-activations, (N, T, H)."""
        return self.before.swapaxes(0, 1)

    @property
    def h0(self) -> np.ndarray:
        """The state before the first input, (N, H)."""
        return self.states[0]

    @property
    def last(self) -> np.ndarray:
        """The state after the last input, (N, H): the `h0` of whatever follows."""
        return self.states[-1]


@dataclass(frozen=True)
class Gradients:
    """What a backward pass leaves behind; like those of `Trace`, its arrays lie with the steps first.

    Attributes
    ----------
    dW_x : ndarray, shape (H, D)
    dW_h : ndarray, shape (H, H)
    db : ndarray, shape (H,)
    dgamma : ndarray, shape (H,), or None
        For a net with layer normalization.
    d_states : ndarray, shape (T, N, H)
        ∂J/∂h_t, along every path that was followed.
    d_before : ndarray, shape (T, N, H)
        ∂J/∂z_t.
    d_sum : ndarray, shape (T, N, H)
        ∂J/∂(W_h h + W_x x); without layer normalization this is `d_before`, the same array.
    dh0 : ndarray, shape (N, H)
        ∂J/∂h0.
    """

    dW_x: np.ndarray
    dW_h: np.ndarray
    db: np.ndarray
    dgamma: np.ndarray | None
    d_states: np.ndarray
    d_before: np.ndarray
    d_sum: np.ndarray
    dh0: np.ndarray

    @property
    def dh(self) -> np.ndarray:
        """∂J/∂h_t, (N, T, H)."""
        return self.d_states.swapaxes(0, 1)

    @property
    def dz(self) -> np.ndarray:
        """∂J/∂z_t, (N, T, H)."""
        return self.d_before.swapaxes(0, 1)

    def parameters(self) -> list[np.ndarray]:
        """[dW_x, dW_h, db], with layer normalization also dgamma, in the order of `RNN.parameters`."""
        return [self.dW_x, self.dW_h, self.db] + ([] if self.dgamma is None else [self.dgamma])


@dataclass
class RNN:
    """A recurrent layer, h_t = φ(W_h h_(t−1) + W_x x_t + b).

    With `gamma` it is layer-normalized in the recurrence (Ba, Kiros & Hinton 2016, eq. 4): h_t = φ(γ ⊙ â_t + b)
    with a_t = W_h h_(t−1) + W_x x_t, and â_t = a_t standardized over its own H entries.

    Attributes
    ----------
    W_x : ndarray, shape (H, D)
        All parameters have one floating dtype, which is the dtype of everything the layer computes.
    W_h : ndarray, shape (H, H)
    b : ndarray, shape (H,)
    activation : Activation
        φ.
    gamma : ndarray, shape (H,), or None
    eps : float
        ε of the layer normalization, added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit together or the dtypes differ.

    Examples
    --------
    >>> net = RNN([[1.0]], [[0.5]], [0.0], "linear")
    >>> net.forward([[[1.0], [0.0], [0.0]]]).h.ravel()
    array([1.  , 0.5 , 0.25])
    """

    W_x: np.ndarray
    W_h: np.ndarray
    b: np.ndarray
    activation: Activation = field(default_factory=lambda: activations.get("tanh"))
    gamma: np.ndarray | None = None
    eps: float = 1e-5

    def __post_init__(self) -> None:
        H = len(floats("W_h", self.W_h, (None, None)))
        self.W_h = floats("W_h", self.W_h, (H, H))
        self.W_x, self.b = floats("W_x", self.W_x, (H, None)), floats("b", self.b, (H,))
        if self.gamma is not None:
            self.gamma = floats("gamma", self.gamma, (H,))
        self.activation, self.eps = activations.get(self.activation), number("eps", self.eps, low=0)
        for p in self.parameters():
            if p.dtype != self.dtype:
                fail("parameters", f"{self.dtype} like W_h", p.dtype)

    @classmethod
    def create(
        cls,
        n_in: int,
        n_hidden: int,
        rng: np.random.Generator,
        init: str | Draw = "lecun_normal",
        init_x: str | Draw = "lecun_normal",
        activation: str | Activation = "tanh",
        layer_norm: bool = False,
        dtype: Any = np.float64,
    ) -> RNN:
        """A layer with random weights and zero biases.

        W_x and W_h are drawn from their own children of `rng`: other inputs leave W_h as it was.

        Parameters
        ----------
        n_in, n_hidden : int
            D and H.
        rng : numpy.random.Generator
        init, init_x : str or callable
            Rules for W_h and for W_x: a name that `initializers.get` knows, or a function `draw(shape, rng)`.
            `init="identity"` with ReLU is the IRNN of Le, Jaitly & Hinton (2015).
        activation : str or Activation
            φ.
        layer_norm : bool
            Normalize in the recurrence, with γ = 1 at the start.
        dtype : dtype
            float64 or float32; a float32 net holds the rounded weights of the float64 one.

        Raises
        ------
        ValueError
            If an argument is not as described.

        Examples
        --------
        >>> RNN.create(2, 3, np.random.default_rng(0), init="identity", activation="relu").W_h
        array([[1., 0., 0.],
               [0., 1., 0.],
               [0., 0., 1.]])
        """
        D, H = positive_ints("n_in and n_hidden", [n_in, n_hidden])
        for_x, for_h = generator("rng", rng).spawn(2)
        W_x = floats("init_x", initializers.get(init_x)((H, D), for_x), (H, D), dtype)
        W_h = floats("init", initializers.get(init)((H, H), for_h), (H, H), dtype)
        gamma = np.ones(H, dtype) if layer_norm else None
        return cls(W_x, W_h, np.zeros(H, dtype), activations.get(activation), gamma)

    @property
    def dtype(self) -> np.dtype:
        """The floating type of the weights, and so of everything computed."""
        return self.W_h.dtype

    def parameters(self) -> list[np.ndarray]:
        """[W_x, W_h, b], with layer normalization also gamma: the arrays themselves and not copies."""
        return [self.W_x, self.W_h, self.b] + ([] if self.gamma is None else [self.gamma])

    def forward(self, x: Any, h0: Any = None, trace: Trace | None = None) -> Trace:
        """Read whole sequences and keep all that was computed.

        A net that explodes gives inf and nan without a warning: here that is a result, not an accident. Sequences
        of different lengths are padded at the end; what is read later does not change the states before it.

        Parameters
        ----------
        x : array_like, shape (N, T, D), or integers (N, T)
            The inputs; integers are symbols from 0 to D − 1 and are read as one-hot rows.
        h0 : array_like, shape (N, H), optional
            The state before the first step, by default 0. To carry a state from one piece of a long sequence to
            the next, give `previous.last`.
        trace : Trace, optional
            An old trace whose arrays are overwritten if they fit, which is faster than new ones.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            If `x` or `h0` has another shape or a symbol is out of range.

        Examples
        --------
        >>> RNN(np.eye(2), np.eye(2), np.zeros(2), "linear").forward([[0, 1, 1]]).h
        array([[[1., 0.],
                [1., 1.],
                [1., 2.]]])
        """
        inputs = self._steps_first(x)
        T, N, _ = inputs.shape
        H, W_hT, phi = len(self.b), self.W_h.T, self.activation
        states = reused((T + 1, N, H), self.dtype, trace and trace.states)
        before = reused((T, N, H), self.dtype, trace and trace.before)
        states[0] = 0 if h0 is None else floats("h0", h0, (N, H), self.dtype)
        recurrent, parts = np.empty((N, H), self.dtype), []
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            dot(flat(inputs), self.W_x.T, out=flat(before))
            if self.gamma is None:
                before += self.b
            for z, h, h_next in zip(before, states, states[1:]):
                dot(h, W_hT, out=recurrent)
                z += recurrent
                if self.gamma is not None:
                    parts.append(standardize(z, -1, self.eps))
                    np.multiply(parts[-1].x_hat, self.gamma, out=z)
                    z += self.b
                phi.value_into(z, h_next)
        return Trace(inputs, states, before, _stacked(parts) if parts else None)

    def backward(
        self,
        trace: Trace,
        dh: Any,
        steps: Sequence[int] | None = None,
        tau: int | None = None,
        chunk: int | None = None,
        gradients: Gradients | None = None,
    ) -> Gradients:
        """Backpropagation through time: whole, truncated at a distance, or cut into chunks.

        Parameters
        ----------
        trace : Trace
            Of a forward pass of this layer, with these weights.
        dh : array_like, shape (N, T, H)
            The direct gradients ∂J_t/∂h_t, through the readout at step t alone.
        steps : sequence of int, optional
            If given, `dh` (N, len(steps), H) holds the direct gradients at these steps only and the others are 0;
            `steps=[-1]` for a cost that reads the last state.
        tau : int, optional
            Truncated BPTT (Williams & Peng 1990): J_t is sent back from step t to step t − tau and no further,

                ∂J_t/∂θ ≈ Σ_(k = t−tau … t) ∂J_t/∂h_t · ∂h_t/∂h_k · ∂⁺h_k/∂θ,

            where ∂⁺ means that h_(k−1) is kept. So tau = 0 looks at one step and tau ≥ T is the whole gradient.
            Every window is its own, which costs tau + 1 times as much arithmetic as the whole gradient.
        chunk : int, optional
            Stateful truncation: the state is carried on, but no gradient crosses a border between chunks
            of this many steps (the last may be shorter). The cost is that of the whole gradient, but a J_t early in its
            chunk is sent back less far than one late in it. The same as feeding the chunks one by one with
            `h0=previous.last`.
        gradients : Gradients, optional
            Old ones whose arrays are overwritten if they fit.

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError
            If a shape does not fit, a step does not exist, or `tau` and `chunk` are both given.

        Notes
        -----
        Memory: the trace and the gradients keep the inputs (T, N, D) and 4 arrays (T, N, H), 6 with layer
        normalization. Time and memory grow with T, and with `tau` the time with T · tau.

        Examples
        --------
        >>> net = RNN([[1.0]], [[0.5]], [0.0], "linear")
        >>> trace = net.forward([[[1.0], [0.0], [0.0]]])
        >>> net.backward(trace, [[[1.0]]], steps=[-1]).dh.ravel()
        array([0.25, 0.5 , 1.  ])
        >>> net.backward(trace, [[[1.0]]], steps=[-1], tau=1).dh.ravel()
        array([0. , 0.5, 1. ])
        """
        self._check(trace)
        for name, value in (("tau", tau), ("chunk", chunk)):
            if value is not None and not (isinstance(value, int | np.integer) and value >= (name == "chunk")):
                fail(name, f"an integer, at least {int(name == 'chunk')}", repr(value))
        if tau is not None and chunk is not None:
            fail("chunk", "no tau besides", f"tau={tau}")
        direct = self._direct(trace, dh, steps, gradients)
        T = len(direct)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            if tau is not None and tau < T:
                d_states, first = self._windows(trace, direct, int(tau))
                d_before = d_states * self._slope(trace, slice(None))
                d_sum = self._before_norm(trace, d_before, slice(None))
                dh0 = self._one_step_back(trace, first, self._slope(trace, 0), 0)
            else:
                d_states, d_before, d_sum = self._all_the_way(trace, direct, chunk or T, gradients)
                dh0 = d_sum[0] @ self.W_h
            rows, sums = flat(d_before), flat(d_sum)
            ones = np.ones(len(rows), self.dtype)
            dgamma = None if self.gamma is None else ones @ (rows * flat(trace.normalized.x_hat))
            dW_x, dW_h = sums.T @ flat(trace.inputs), sums.T @ flat(trace.states[:-1])
            return Gradients(dW_x, dW_h, ones @ rows, dgamma, d_states, d_before, d_sum, dh0)

    def input_gradient(self, gradients: Gradients) -> np.ndarray:
        """∂J/∂x_t, (N, T, D): which inputs mattered.

        Examples
        --------
        >>> net = RNN([[3.0]], [[0.5]], [0.0], "linear")
        >>> net.input_gradient(net.backward(net.forward(np.ones((1, 3, 1))), [[[1.0]]], steps=[-1])).ravel()
        array([0.75, 1.5 , 3.  ])
        """
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return product(gradients.d_sum, self.W_x).swapaxes(0, 1)

    def gradient_norms(self, trace: Trace, dh: Any, steps: Sequence[int] | None = None) -> np.ndarray:
        """‖∂J_t/∂h_k‖₂ for every pair of steps: how much of the error at step t arrives at step k.

        All J_t are sent back at once, one step further at a time: T products of matrices instead of T²/2.

        Parameters
        ----------
        trace, dh, steps
            As for `backward`.

        Returns
        -------
        ndarray of float64, shape (N, T, T)
            Entry [n, t, k]; 0 for k > t, where h_k comes after J_t.

        Raises
        ------
        ValueError
            If a shape does not fit.

        Examples
        --------
        >>> net = RNN([[1.0]], [[0.5]], [0.0], "linear")
        >>> net.gradient_norms(net.forward([[[1.0], [0.0], [0.0]]]), np.ones((1, 3, 1)))[0]
        array([[1.  , 0.  , 0.  ],
               [0.5 , 1.  , 0.  ],
               [0.25, 0.5 , 1.  ]])
        """
        self._check(trace)
        direct = self._direct(trace, dh, steps)
        T, N, _ = direct.shape
        table, first = np.zeros((T, T, N)), np.arange(T)
        for lag, d in enumerate(self._lags(trace, direct, T - 1)):
            k = first[: T - lag]
            table[k + lag, k] = row_norms(d)
        return table.transpose(2, 0, 1)

    def jacobian(self, trace: Trace, t: int) -> np.ndarray:
        """∂h_t/∂h_(t−1) of every example, (N, H, H): diag(φ'(z_t)) W_h.

        Entry [n, i, j] is ∂h_(t,i)/∂h_(t−1,j). With layer normalization it is
        diag(φ'(z_t) ⊙ γ) (I − 11ᵀ/H − ââᵀ/H) W_h / std. For t = 0 the earlier state is `h0`.

        Raises
        ------
        ValueError
            If there is no such step.

        Examples
        --------
        >>> net = RNN(np.eye(2), [[0.0, 1.0], [-1.0, 0.0]], np.zeros(2))
        >>> net.jacobian(net.forward([[[0.0, 0.0]]]), 0)[0]
        array([[ 0.,  1.],
               [-1.,  0.]])
        """
        t, _ = self._pair(trace, t, -1)
        slope, W = self._slope(trace, t), self.W_h
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            if self.gamma is not None:
                a_hat, std = trace.normalized.x_hat[t], trace.normalized.std[t]
                along = a_hat[:, :, np.newaxis] * (a_hat @ W)[:, np.newaxis] / len(W)
                slope, W = slope * self.gamma / std, W - W.mean(axis=0) - along
            return slope[:, :, np.newaxis] * W

    def jacobian_product(self, trace: Trace, t: int, k: int) -> np.ndarray:
        """∂h_t/∂h_k of every example, (N, H, H): the product of the t − k Jacobians between them.

        Parameters
        ----------
        trace : Trace
        t, k : int
            Steps with −1 ≤ k ≤ t < T; k = −1 is the initial state `h0`.

        Raises
        ------
        ValueError
            If there are no such steps.

        Examples
        --------
        >>> net = RNN(np.eye(2), [[0.0, 1.0], [-1.0, 0.0]], np.zeros(2), "linear")
        >>> net.jacobian_product(net.forward(np.ones((1, 5, 2))), 4, 2)[0]
        array([[-1.,  0.],
               [ 0., -1.]])
        """
        t, k = self._pair(trace, t, k)
        *_, whole = self._products(trace, t, k)
        return whole

    def jacobian_products(self, trace: Trace, t: int) -> np.ndarray:
        """∂h_t/∂h_k for all k = 0 … t at once, (N, t + 1, H, H); for k = t it is the identity.

        Raises
        ------
        ValueError
            If there is no such step.

        Examples
        --------
        >>> net = RNN([[1.0]], [[0.5]], [0.0], "linear")
        >>> net.jacobian_products(net.forward(np.ones((1, 3, 1))), 2).ravel()
        array([0.25, 0.5 , 1.  ])
        """
        t, k = self._pair(trace, t, 0)
        return np.stack(list(self._products(trace, t, k))[::-1], axis=1)

    def vjp(self, trace: Trace, v: Any, t: int, k: int) -> np.ndarray:
        """vᵀ ∂h_t/∂h_k, row by row (N, H): a gradient at step t carried back to step k, without any matrix ∂h_t/∂h_k.

        Parameters
        ----------
        trace : Trace
        v : array_like, shape (N, H)
            One row for each example.
        t, k : int
            Steps with −1 ≤ k ≤ t < T; k = −1 is the initial state `h0`.

        Raises
        ------
        ValueError
            If a shape does not fit or there are no such steps.

        Examples
        --------
        >>> net = RNN(np.eye(2), [[1.0, 1.0], [0.0, 1.0]], np.zeros(2), "linear")
        >>> net.vjp(net.forward(np.ones((1, 5, 2))), [[1.0, 0.0]], 4, 1)
        array([[1., 3.]])
        """
        t, k = self._pair(trace, t, k)
        v = floats("v", v, trace.h0.shape, self.dtype)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for s in range(t, k, -1):
                v = self._one_step_back(trace, v, self._slope(trace, s), s)
        return v

    def step_bounds(self, trace: Trace) -> np.ndarray:
        """β_W β_h of every example at every step, (N, T): ‖W_h‖₂ · max|φ'(z_t)| ≥ ‖∂h_t/∂h_(t−1)‖₂.

        Pascanu, Mikolov & Bengio (2013, sec. 2.1): the product of the bounds between k and t bounds ‖∂h_t/∂h_k‖₂.
        ‖W_h‖₂ is the largest singular value, not the spectral radius.

        Raises
        ------
        ValueError
            If the layer is normalized: its Jacobian has other factors.

        Examples
        --------
        >>> net = RNN(np.eye(2), [[0.0, 3.0], [0.0, 0.0]], np.zeros(2))
        >>> net.step_bounds(net.forward(np.zeros((1, 2, 2))))
        array([[3., 3.]])
        """
        self._check(trace)
        if self.gamma is not None:
            fail("net", "a layer without normalization", "gamma")
        slope = np.abs(self._slope(trace, slice(None))).max(axis=-1)
        return np.linalg.norm(self.W_h, 2) * slope.T

    def _all_the_way(
        self, trace: Trace, d_states: np.ndarray, chunk: int, old: Gradients | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The recursion from the last step to the first, in place in `d_states`."""
        T, W_h, carried = len(d_states), self.W_h, np.empty_like(d_states[0])
        d_before = reused(d_states.shape, self.dtype, old and old.d_before)
        d_sum = d_before if self.gamma is None else np.empty_like(d_before)
        self.activation.slope_into(trace.before, trace.states[1:], d_before)
        for t in range(T - 1, -1, -1):
            d, dz = d_states[t], d_before[t]
            dz *= d
            if self.gamma is not None:
                d_sum[t] = self._before_norm(trace, dz, t)
            if t % chunk:
                dot(d_sum[t], W_h, out=carried)
                d_states[t - 1] += carried
        return d_states, d_before, d_sum

    def _windows(self, trace: Trace, direct: np.ndarray, tau: int) -> tuple[np.ndarray, np.ndarray]:
        """∂J/∂h_k with every J_t followed back tau steps, and at k = 0 what may go one step further."""
        d_states, first = np.zeros_like(direct), np.zeros_like(direct[0])
        for lag, d in enumerate(self._lags(trace, direct, tau)):
            d_states[: len(d)] += d
            if lag < tau:
                first += d[0]
        return d_states, first

    def _lags(self, trace: Trace, d: np.ndarray, upto: int) -> Iterator[np.ndarray]:
        """For lag = 0 … upto the gradients ∂J_(k+lag)/∂h_k, (T − lag, N, H), one k after the other."""
        yield d
        slope = self._slope(trace, slice(None))
        for _ in range(upto):
            at = slice(1, len(d))
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                d = self._one_step_back(trace, d[1:], slope[at], at)
            yield d

    def _one_step_back(self, trace: Trace, d: np.ndarray, slope: np.ndarray, at: int | slice) -> np.ndarray:
        """Gradients with respect to h at these steps, multiplied by the Jacobians there."""
        return product(self._before_norm(trace, d * slope, at), self.W_h)

    def _before_norm(self, trace: Trace, dz: np.ndarray, at: int | slice) -> np.ndarray:
        """∂/∂(W_h h + W_x x) from ∂/∂z at these steps: the same if nothing is normalized."""
        if self.gamma is None:
            return dz
        return standardize_backward(dz * self.gamma, _at(trace.normalized, at), -1)

    def _slope(self, trace: Trace, at: int | slice) -> np.ndarray:
        return self.activation.derivative(trace.before[at], trace.states[1:][at])

    def _products(self, trace: Trace, t: int, k: int) -> Iterator[np.ndarray]:
        """∂h_t/∂h_s for s = t, t − 1, …, k."""
        N, H = trace.h0.shape
        so_far = np.tile(np.eye(H, dtype=self.dtype), (N, 1, 1))
        yield so_far
        for s in range(t, k, -1):
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                so_far = so_far @ self.jacobian(trace, s)
            yield so_far

    def _steps_first(self, x: Any) -> np.ndarray:
        """The inputs as an array (T, N, D) of the weights' dtype."""
        D = self.W_x.shape[1]
        if np.ndim(x) == 2 and np.asarray(x).dtype.kind in "iu":
            rows = np.eye(D, dtype=self.dtype)[integers("x", x, (None, None), below=D).T]
        else:
            rows = np.ascontiguousarray(floats("x", x, (None, None, D), self.dtype).swapaxes(0, 1))
        return rows if rows.size else fail("x", "at least one sequence of at least one step", np.shape(x))

    def _direct(
        self, trace: Trace, dh: Any, steps: Sequence[int] | None, old: Gradients | None = None
    ) -> np.ndarray:
        """The direct gradients as an array (T, N, H) of its own."""
        T, N, H = trace.before.shape
        direct, at = reused((T, N, H), self.dtype, old and old.d_states), chosen(steps, T)
        if len(at) < T:
            direct[...] = 0
        direct[index(at, T)] = floats("dh", dh, (N, len(at), H)).swapaxes(0, 1)
        return direct

    def _pair(self, trace: Trace, t: int, k: int) -> tuple[int, int]:
        self._check(trace)
        T = len(trace.before)
        if not all(isinstance(s, int | np.integer) for s in (t, k)) or not (-1 <= k <= t < T) or t < 0:
            fail("t, k", f"steps with -1 <= k <= t and 0 <= t <= {T - 1}", f"t={t}, k={k}")
        return int(t), int(k)

    def _check(self, trace: Trace) -> None:
        fits = trace.inputs.shape[2] == self.W_x.shape[1] and trace.before.shape[2] == len(self.b)
        if not fits or (trace.normalized is None) != (self.gamma is None):
            fail("trace", "the trace of a forward pass of this layer", f"x {trace.x.shape}, h {trace.h.shape}")


def _at(done: Standardized, at: int | slice) -> Standardized:
    return Standardized(done.x_hat[at], done.mean[at], done.var[at], done.std[at])


def _stacked(parts: list[Standardized]) -> Standardized:
    return Standardized(*(np.stack([getattr(p, name) for p in parts]) for name in ("x_hat", "mean", "var", "std")))
