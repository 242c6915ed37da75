"""The fully connected network of the course: forward, backward, and the size of everything on the way.

Rows are examples. Layer l = 1 … L computes

    Z^l = A^(l-1) (W^l)ᵀ + b^l,    A^l = φ(Z^l),    A^0 = X,

and backpropagation, from ∂C/∂A^L down,

    ∂C/∂Z^l = ∂C/∂A^l ⊙ φ'(Z^l),   ∂C/∂W^l = (∂C/∂Z^l)ᵀ A^(l-1),   ∂C/∂A^(l-1) = ∂C/∂Z^l W^l

(Rumelhart, Hinton & Williams 1986). A hidden layer may have a normalization between Z^l and φ, as in Ioffe & Szegedy
(2015, sec. 3.2): A^l = φ(norm(Z^l)). The papers count layers from 1, Python lists from 0: `weights[0]` is W^1,
`z[0]` is Z^1, but `a[0]` is the input A^0, so that `a[l]` is A^l.

>>> import numpy as np
>>> from livegrad.losses import half_mse
>>> net = MLP.create([3, 4, 2], np.random.default_rng(0), activation="tanh")
>>> trace = net.forward(np.ones((5, 3)))
>>> gradients = net.backward(trace, half_mse.gradient(trace.a[-1], np.zeros((5, 2))))
>>> [dW.shape for dW in gradients.dW]
[(4, 3), (2, 4)]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from livegrad import activations, initializers
from livegrad.activations import Activation
from livegrad.norms import Gradients as NormGradients
from livegrad.norms import Norm
from livegrad.norms import Trace as NormTrace
from livegrad.products import dot
from livegrad.validation import fail, floats, generator, positive_ints


@dataclass
class Trace:
    """What a forward pass leaves behind, for N examples.

    Attributes
    ----------
    a : list of ndarray
        Activations; `a[l]` is A^l of shape (N, n_l), and `a[0]` is the input.
    z : list of ndarray
        Pre-activations; `z[l-1]` is Z^l of shape (N, n_l), before any normalization.
    a_squares : list of float
        Σ (A^l)² for l = 1 … L, summed while A^l was still in the processor's cache; see `statistics`.
    normed : list of livegrad.norms.Trace or None
        What the normalization of each hidden layer left behind; φ reads its `out`. None where there is no normalization.
    """

    a: list[np.ndarray]
    z: list[np.ndarray]
    a_squares: list[float] = field(repr=False)
    normed: list[NormTrace | None] = field(repr=False)


@dataclass
class Gradients:
    """What a backward pass leaves behind; C is the cost, the mean over the N examples.

    Attributes
    ----------
    dz : list of ndarray
        `dz[l-1]` is ∂C/∂Z^l of shape (N, n_l), δ^l of the textbooks.
    dW : list of ndarray
        `dW[l-1]` is ∂C/∂W^l of shape (n_l, n_(l-1)).
    db : list of ndarray
        `db[l-1]` is ∂C/∂b^l of shape (n_l,).
    dz_squares, dW_squares : list of float
        Σ (∂C/∂Z^l)² and Σ (∂C/∂W^l)², summed on the way; see `statistics`.
    dnorms : list of livegrad.norms.Gradients or None
        Those of γ and β of each hidden layer; None where there is no normalization.
    """

    dz: list[np.ndarray]
    dW: list[np.ndarray]
    db: list[np.ndarray]
    dz_squares: list[float] = field(repr=False)
    dW_squares: list[float] = field(repr=False)
    dnorms: list[NormGradients | None] = field(repr=False)

    def parameters(self) -> list[np.ndarray]:
        """[dW^1, db^1, dW^2, db^2, …, dγ^1, dβ^1, …], in the order of `MLP.parameters`."""
        return _parameters(self.dW, self.db, self.dnorms)


@dataclass
class MLP:
    """A fully connected network.

    Attributes
    ----------
    weights : list of ndarray
        `weights[l-1]` is W^l of shape (n_l, n_(l-1)), all of one floating dtype, which is the dtype of
        everything the network computes.
    biases : list of ndarray
        `biases[l-1]` is b^l of shape (n_l,).
    activation : Activation
        φ of the hidden layers.
    output : Activation
        φ of the last layer.
    norms : list of livegrad.norms.Norm or None
        The normalization of each of the L − 1 hidden layers, applied to Z^l before φ; None for a layer without. An
        empty list, the default, stands for none at all. Batch norm subtracts b^l again; β has its place.

    Raises
    ------
    ValueError
        If the shapes do not chain or the dtypes differ.

    Examples
    --------
    >>> net = MLP([np.eye(2), np.ones((1, 2))], [np.zeros(2), np.zeros(1)])
    >>> net.forward([[1.0, 2.0]]).a[-1]
    array([[3.]])
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    activation: Activation = field(default_factory=lambda: activations.get("relu"))
    output: Activation = field(default_factory=lambda: activations.get("linear"))
    norms: list[Norm | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weights, self.biases = list(self.weights), list(self.biases)
        self.activation, self.output = activations.get(self.activation), activations.get(self.output)
        if not self.weights or len(self.weights) != len(self.biases):
            fail("biases", f"one for each of 1 or more weights, {len(self.weights)}", len(self.biases))
        n_in, dtype = None, floats("weights[0]", self.weights[0]).dtype
        for l, (W, b) in enumerate(zip(self.weights, self.biases)):
            self.weights[l] = W = floats(f"weights[{l}]", W, (None, n_in))
            self.biases[l] = b = floats(f"biases[{l}]", b, (len(W),))
            if not W.dtype == b.dtype == dtype:
                fail(f"layer {l + 1}", f"{dtype} like the first weights", f"W {W.dtype}, b {b.dtype}")
            n_in = len(W)
        self.norms = list(self.norms) or [None] * (self.depth - 1)
        if len(self.norms) != self.depth - 1:
            fail("norms", f"one for each of the {self.depth - 1} hidden layers, or none", len(self.norms))
        for l, (norm, b) in enumerate(zip(self.norms, self.biases)):
            if norm is not None and (norm.gamma.shape, norm.gamma.dtype) != (b.shape, dtype):
                fail(f"norms[{l}]", f"{len(b)} features in {dtype}", f"{len(norm.gamma)} in {norm.gamma.dtype}")

    @classmethod
    def create(
        cls,
        sizes: Sequence[int],
        rng: np.random.Generator,
        init: str | Callable[[tuple[int, int], np.random.Generator], np.ndarray] = "kaiming_normal",
        activation: str | Activation = "relu",
        output: str | Activation = "linear",
        dtype: Any = np.float64,
        norm: Callable[..., Norm] | None = None,
    ) -> MLP:
        """A network with random weights and zero biases.

        Every layer draws from its own child of `rng`, so that a deeper network has the same first layers. A
        float32 network holds the rounded weights of the float64 one.

        Parameters
        ----------
        sizes : sequence of int
            n_0, n_1, …, n_L: inputs, then the units of each layer.
        rng : numpy.random.Generator
        init : str or callable
            A name that `initializers.get` knows, or a function `draw(shape, rng)` that gives an array of
            shape (n_out, n_in). A named rule uses its own default gain, whatever the activation.
        activation, output : str or Activation
            φ of the hidden layers and of the last.
        dtype : dtype
            float64 or float32.
        norm : callable, optional
            ``norm(n, dtype=dtype)`` makes the normalization of a hidden layer of n units, for instance `BatchNorm.create`.

        Raises
        ------
        ValueError
            If an argument is not as described.

        Examples
        --------
        >>> short = MLP.create([2, 3, 3], np.random.default_rng(7))
        >>> long = MLP.create([2, 3, 3, 3], np.random.default_rng(7))
        >>> bool((short.weights[1] == long.weights[1]).all())
        True
        """
        sizes = positive_ints("sizes", sizes, at_least=2)
        draw = initializers.get(init)
        children = generator("rng", rng).spawn(len(sizes) - 1)
        shapes = list(zip(sizes[1:], sizes))
        weights = [floats("init", draw(s, r), s, dtype) for s, r in zip(shapes, children)]
        norms = [norm(n, dtype=dtype) for n in sizes[1:-1]] if norm else []
        return cls(weights, [np.zeros(n, dtype) for n in sizes[1:]], activation, output, norms)

    @property
    def depth(self) -> int:
        """L, the number of layers with weights."""
        return len(self.weights)

    @property
    def dtype(self) -> np.dtype:
        """The floating type of the weights, and so of everything computed."""
        return self.weights[0].dtype

    def parameters(self) -> list[np.ndarray]:
        """[W^1, b^1, W^2, b^2, …, γ^1, β^1, γ^2, β^2, …], the arrays themselves and not copies."""
        return _parameters(self.weights, self.biases, self.norms)

    def forward(self, x: Any, trace: Trace | None = None, train: bool = True) -> Trace:
        """Run the network and keep all it computed.

        An exploding network gives inf and nan without a warning: here that is a result, not an accident.

        Parameters
        ----------
        x : array_like, shape (N, n_0)
            The input, N ≥ 1 examples.
        trace : Trace, optional
            An old trace whose arrays are overwritten where they fit, which is much faster than new ones.
        train : bool
            Whether batch norm uses the batch's own statistics, and updates the running ones. Nothing else depends on it.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            If `x` has another shape, or is one example alone for a batch norm that trains.

        Examples
        --------
        >>> net = MLP([np.array([[2.0]])], [np.array([1.0])], output="tanh")
        >>> net.forward([[0.5]]).z[0]
        array([[2.]])
        """
        x = self._input(x)
        shapes = [(len(x), len(b)) for b in self.biases]
        old_a, old_z = (trace.a[1:], trace.z) if trace else ((), ())
        a, z = [x, *_buffers(shapes, self.dtype, old_a)], _buffers(shapes, self.dtype, old_z)
        squares, normed = [], []
        with np.errstate(over="ignore", invalid="ignore"):
            for W, b, norm, phi, a_in, zl, a_out in zip(
                self.weights, self.biases, [*self.norms, None], self._activations(), a, z, a[1:]
            ):
                dot(a_in, W.T, out=zl)
                zl += b
                normed.append(norm and norm.forward(zl, train))
                phi.value_into(_read_by_phi(zl, normed[-1]), a_out)
                squares.append(np.vdot(a_out, a_out))
        return Trace(a, z, squares, normed[:-1])

    def backward(self, trace: Trace, dout: Any, gradients: Gradients | None = None) -> Gradients:
        """Backpropagate ∂C/∂A^L to every layer.

        Parameters
        ----------
        trace : Trace
            Of a forward pass of this network, with these weights.
        dout : array_like, shape (N, n_L)
            ∂C/∂A^L, for instance `loss.gradient(trace.a[-1], y)`. For the losses that read logits the last
            layer is linear, so that A^L = Z^L.
        gradients : Gradients, optional
            Old ones whose arrays are overwritten where they fit.

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError
            If `dout` does not have the shape of the output.

        Examples
        --------
        >>> net = MLP([np.array([[2.0]])], [np.array([1.0])])
        >>> net.backward(net.forward([[3.0]]), [[1.0]]).dW
        [array([[3.]])]
        """
        a, z = trace.a, trace.z
        dout = self._output_gradient(trace, dout)
        dz, dW, db = self._gradient_arrays(z, gradients)
        dz_squares, dW_squares = [0.0] * self.depth, [0.0] * self.depth
        normed, dnorms = [*trace.normed, None], [None] * len(self.norms)
        slope, ones = np.empty_like(z[-1]), np.ones(len(dout), self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            dz[-1][...] = dout
            for l, phi in reversed(list(enumerate(self._activations()))):
                zl, d, D = z[l], dz[l], dW[l]
                if l + 1 < self.depth:
                    dot(dz[l + 1], self.weights[l + 1], out=d)
                if slope.shape != zl.shape:  # else one array serves all layers and stays in the cache
                    slope = np.empty_like(zl)
                phi.slope_into(_read_by_phi(zl, normed[l]), a[l + 1], slope)
                d *= slope
                if normed[l] is not None:
                    dnorms[l] = self.norms[l].backward(normed[l], d)
                    d[...] = dnorms[l].dx
                np.dot(ones, d, out=db[l])  # the sum over the examples
                dz_squares[l] = np.vdot(d, d)
                dot(d.T, a[l], out=D)
                dW_squares[l] = np.vdot(D, D)
        return Gradients(dz, dW, db, dz_squares, dW_squares, dnorms)

    def _input(self, x: Any) -> np.ndarray:
        x = floats("x", x, (None, self.weights[0].shape[1]), self.dtype)
        return x if len(x) else fail("x", "at least one example", "none")

    def _output_gradient(self, trace: Trace, dout: Any) -> np.ndarray:
        z = trace.z
        if [zl.shape[1] for zl in z] != [len(b) for b in self.biases]:
            fail("trace", "the trace of a forward pass of this network", f"layers {[zl.shape for zl in z]}")
        if [norm is None for norm in self.norms] != [t is None for t in trace.normed]:
            fail("trace", "the trace of a forward pass of this network", "one with other layers normalized")
        return floats("dout", dout, z[-1].shape)

    def _gradient_arrays(self, z: list[np.ndarray], old: Gradients | None) -> list[list[np.ndarray]]:
        """Arrays for dz, dW and db: those of `old` where they fit."""
        kept = (old.dz, old.dW, old.db) if old else ((), (), ())
        return [
            _buffers([x.shape for x in like], self.dtype, arrays)
            for like, arrays in zip((z, self.weights, self.biases), kept)
        ]

    def _activations(self) -> list[Activation]:
        return [self.activation] * (self.depth - 1) + [self.output]


@dataclass(frozen=True)
class Statistics:
    """The sizes that tell a healthy network from a sick one; entry l−1 belongs to layer l.

    Attributes
    ----------
    a : ndarray, shape (L,)
        Root mean square of A^l.
    dz : ndarray, shape (L,)
        Frobenius norm of ∂C/∂Z^l.
    dW : ndarray, shape (L,)
        Frobenius norm of ∂C/∂W^l.
    """

    a: np.ndarray
    dz: np.ndarray
    dW: np.ndarray

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.dz)

    @property
    def survival(self) -> float:
        """‖∂C/∂Z¹‖ over ‖∂C/∂Zᴸ‖."""
        with np.errstate(all="ignore"):
            return float(self.dz[0] / self.dz[-1])


def statistics(trace: Trace, gradients: Gradients) -> Statistics:
    """The size of activations and gradients at every layer, as the two passes found them.

    The passes add up the squares while an array is still in the cache, so that this costs next to nothing.

    Examples
    --------
    >>> net = MLP([np.array([[2.0]])], [np.array([1.0])])
    >>> trace = net.forward([[3.0]])
    >>> statistics(trace, net.backward(trace, [[1.0]]))
    Statistics(a=array([7.]), dz=array([1.]), dW=array([3.]))
    """
    a = trace.a[1:]
    return Statistics(
        _norms(a, trace.a_squares) / np.sqrt([al.size for al in a]),
        _norms(gradients.dz, gradients.dz_squares),
        _norms(gradients.dW, gradients.dW_squares),
    )


def norm(x: Any) -> float:
    """√Σx² over all entries (Frobenius norm), right also where the squares overflow or underflow.

    A float32 entry of 1e-30 has the square 0, one of 1e30 the square inf: an exploding or vanishing gradient
    would look dead long before it is. If the fast sum is not safely inside the range, the entries are first
    divided by the largest.

    Parameters
    ----------
    x : array_like, any shape

    Returns
    -------
    float
        inf if an entry is infinite, nan if one is nan.

    Examples
    --------
    >>> norm([[3.0], [4.0]])
    5.0
    """
    x = floats("x", x)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(_norms([x], [np.vdot(x, x)])[0])


def rms(x: Any) -> float:
    """Root mean square of all entries, √(Σx²/n); 0 is *not* subtracted as a mean.

    Examples
    --------
    >>> rms([[1.0, -1.0], [1.0, 1.0]])
    1.0
    """
    x = floats("x", x)
    return norm(x) / math.sqrt(x.size) if x.size else fail("x", "at least one entry", "none")


def _parameters(weights: list, biases: list, norms: list) -> list[np.ndarray]:
    """All of them, or all their gradients, in the one order that both have."""
    of_norms = (norm.parameters() for norm in norms if norm is not None)
    return [*chain.from_iterable(zip(weights, biases)), *chain.from_iterable(of_norms)]


def _read_by_phi(zl: np.ndarray, normed: NormTrace | None) -> np.ndarray:
    return zl if normed is None else normed.out


def _norms(arrays: list[np.ndarray], squares: list[float]) -> np.ndarray:
    """The norm of each array from its sum of squares, or anew where that sum is not to be trusted."""
    squares = np.array(squares, np.float64)
    result = np.sqrt(squares)
    # Squares of tiny numbers are rounded as subnormals or lost; below this sum that could have mattered.
    safe = float(np.finfo(arrays[0].dtype).tiny) * np.array([x.size for x in arrays])
    for i in np.flatnonzero(~((safe <= squares) & (squares < math.inf))):
        largest = float(np.abs(arrays[i]).max(initial=0))
        if 0 < largest < math.inf:
            x = arrays[i] / largest
            result[i] = largest * math.sqrt(np.vdot(x, x))
        else:
            result[i] = largest
    return result


def _buffers(shapes: list[tuple], dtype: np.dtype, old: Sequence[np.ndarray]) -> list[np.ndarray]:
    """One array per shape: the old one where it fits, so that a deeper network only adds its new layers."""
    if [o.shape for o in old] == shapes and old[0].dtype == dtype:
        return list(old)
    return [
        o if o is not None and o.shape == s and o.dtype == dtype else np.empty(s, dtype)
        for s, o in zip_longest(shapes, old[: len(shapes)])
    ]
