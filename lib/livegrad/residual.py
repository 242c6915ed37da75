"""Residual networks: a fully connected network whose middle layers add to what they read.

It has the layers of `livegrad.mlp.MLP`, and its notation. Layer 1 brings the input to the width of the net and layer L
reads the answer off. Each of the L − 2 layers between is a residual block (He, Zhang, Ren & Sun 2016),

    Z^(l+1) = S^l + α_l F(Z^l),    F(Z^l) = A^l (W^(l+1))ᵀ + b^(l+1),    A^l = φ(norm(Z^l)),

where S^l is what the skip carries: Z^l itself ("pre" norm: the norm stands in the branch only) or norm(Z^l)
("post" norm: it stands on the sum, behind every addition). Without a norm both are Z^l. The pre-norm block is the
"full pre-activation" of He et al. (2016b, fig. 1b and 4e) with one layer of weights; the two placements are compared in Xiong
et al. (2020). With J the Jacobian of α F, that of a block without norm on the skip is

    ∂Z^(l+1)/∂Z^l = I + J.

Without its skips the net is an MLP, exactly, wherever the norm stands.

>>> import numpy as np
>>> net = ResidualNet.create([3, 4, 4, 4, 2], np.random.default_rng(0), branch_scale=0)
>>> trace = net.forward(np.ones((5, 3)))
>>> bool((trace.z[2] == trace.z[0]).all())  # branches of scale 0: every block hands on what it gets
True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from livegrad import mlp
from livegrad.activations import Activation
from livegrad.mlp import MLP, Trace, _buffers, _read_by_phi
from livegrad.norms import BatchNorm, Norm
from livegrad.products import dot
from livegrad.validation import choice, fail, floats, number

PLACEMENTS = ("pre", "post")
"""Where the norm of a block stands: in its branch, or on the sum of branch and skip."""


@dataclass
class Gradients(mlp.Gradients):
    """What a backward pass leaves behind: that of `livegrad.mlp.Gradients`, and one more.

    Attributes
    ----------
    dscales : ndarray, shape (L − 2,), or None
        ∂C/∂α_l; None if the net does not learn its branch scales.
    """

    dscales: np.ndarray | None = None

    def parameters(self) -> list[np.ndarray]:
        """[dW^1, db^1, …, dγ^1, dβ^1, …, dα], in the order of `ResidualNet.parameters`."""
        return [*super().parameters(), *([] if self.dscales is None else [self.dscales])]


@dataclass
class ResidualNet(MLP):
    """A fully connected network with residual blocks, used and trained like an `MLP`.

    Attributes
    ----------
    weights, biases, activation, output, norms
        As for `MLP`. All hidden layers have the same width.
    scales : ndarray, shape (L − 2,)
        α, the factor of each branch. Left out, all are 1.
    skip : bool
        Whether there are skips. Without them the net is the MLP with the weights α_l W^(l+1) and biases α_l b^(l+1).
    placement : {"pre", "post"}
        What the skip carries: what came before the norm, or after it.
    learn_scales : bool
        Whether α is a parameter: learned from 0 it is SkipInit (De & Smith 2020) or ReZero (Bachlechner et al. 2021).

    Raises
    ------
    ValueError
        If shapes do not match, dtypes differ or the placement is unknown.

    Examples
    --------
    >>> eye = np.eye(2)
    >>> net = ResidualNet([eye, eye, eye], [np.zeros(2)] * 3, scales=[0.5])
    >>> net.forward([[1.0, 2.0]]).a[-1]
    array([[1.5, 3. ]])
    """

    scales: np.ndarray | None = None
    skip: bool = True
    placement: str = "pre"
    learn_scales: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        blocks, widths = self.depth - 2, {len(b) for b in self.biases[:-1]}
        if blocks < 0:
            fail("weights", "at least 2 layers: one in front of the blocks and one behind them", self.depth)
        if len(widths) > 1:
            fail("weights", "hidden layers of one width, so that they can be added", sorted(widths))
        self.scales = floats("scales", np.ones(blocks) if self.scales is None else self.scales, (blocks,), self.dtype)
        choice("placement", self.placement, PLACEMENTS)

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
        skip: bool = True,
        branch_scale: float = 1.0,
        placement: str = "pre",
        learn_scales: bool = False,
    ) -> ResidualNet:
        """A network with the random weights and zero biases of `MLP.create`.

        Parameters
        ----------
        sizes, rng, init, activation, output, dtype, norm
            As for `MLP.create`, hidden sizes all alike.
        skip : bool
        branch_scale : float
            α of every branch: 1, 1/√(L − 2), or 0 with `learn_scales`.
        placement : {"pre", "post"}
        learn_scales : bool

        Raises
        ------
        ValueError
            If an argument is not as described.

        Examples
        --------
        >>> net = ResidualNet.create([64, 20, 20, 20, 10], np.random.default_rng(0), norm=BatchNorm.create)
        >>> net.depth, net.scales
        (4, array([1., 1.]))
        >>> ResidualNet.create([64, 20, 30, 10], np.random.default_rng(0))
        Traceback (most recent call last):
        ValueError: weights: expected hidden layers of one width, so that they can be added, got [20, 30]
        """
        net = MLP.create(sizes, rng, init, activation, output, dtype, norm)
        scales = np.full(max(net.depth - 2, 0), number("branch_scale", branch_scale), net.dtype)
        return cls(net.weights, net.biases, net.activation, net.output, net.norms, scales, skip, placement,
                   learn_scales=learn_scales)

    def parameters(self) -> list[np.ndarray]:
        """[W^1, b^1, …, γ^1, β^1, …], and α if it is learned: the arrays themselves and not copies."""
        return [*super().parameters(), *([self.scales] if self.learn_scales else [])]

    def forward(self, x: Any, trace: Trace | None = None, train: bool = True) -> Trace:
        """Run the network and keep all it computed.

        Parameters
        ----------
        x, trace, train
            As for `MLP.forward`.

        Returns
        -------
        livegrad.mlp.Trace
            `z[l-1]` is Z^l: the sum of skip and branch, before any norm.

        Raises
        ------
        ValueError
            If `x` has another shape, or is one example alone for a batch norm that trains.

        Examples
        --------
        >>> net = ResidualNet([np.eye(1)] * 3, [np.zeros(1)] * 3)
        >>> [z.item() for z in net.forward([[3.0]]).z]
        [3.0, 6.0, 6.0]
        """
        x = self._input(x)
        shapes = [(len(x), len(b)) for b in self.biases]
        a = [x, *_buffers(shapes, self.dtype, trace.a[1:] if trace else ())]
        z = _buffers(shapes, self.dtype, trace.z if trace else ())
        squares, normed, last = [], [], self.depth - 1
        with np.errstate(over="ignore", invalid="ignore"):
            for l, (W, b, norm, phi) in enumerate(zip(self.weights, self.biases, [*self.norms, None], self._activations())):
                dot(a[l], W.T, out=z[l])
                z[l] += b
                if 0 < l < last:
                    z[l] *= self.scales[l - 1]
                    if self.skip:
                        z[l] += self._carried(z, normed, l - 1)
                normed.append(norm and norm.forward(z[l], train))
                phi.value_into(_read_by_phi(z[l], normed[l]), a[l + 1])
                squares.append(np.vdot(a[l + 1], a[l + 1]))
        return Trace(a, z, squares, normed[:-1])

    def backward(self, trace: Trace, dout: Any, gradients: mlp.Gradients | None = None) -> Gradients:
        """Backpropagate ∂C/∂A^L to every layer.

        Parameters
        ----------
        trace, dout, gradients
            As for `MLP.backward`.

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError
            If `dout` does not have the shape of the output.

        Examples
        --------
        >>> net = ResidualNet([np.eye(1)] * 3, [np.zeros(1)] * 3)
        >>> [dz.item() for dz in net.backward(net.forward([[3.0]]), [[1.0]]).dz]  # the block doubles: 1 + 1
        [2.0, 1.0, 1.0]
        """
        a, z, dtype, last = trace.a, trace.z, self.dtype, self.depth - 1
        dout = self._output_gradient(trace, dout)
        dz, dW, db = self._gradient_arrays(z, gradients)
        dz_squares, dW_squares = [0.0] * self.depth, [0.0] * self.depth
        normed, dnorms, dscales = [*trace.normed, None], [None] * last, np.zeros(last - 1, dtype)
        slope, ones = np.empty_like(z[0]), np.ones(len(dout), dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            self.output.slope_into(z[-1], a[-1], dz[-1])
            dz[-1] *= dout
            for l in reversed(range(self.depth)):
                d = dz[l]
                if l < last:  # dz[l + 1] goes through the branch above, and past it
                    scale = self.scales[l] if l + 1 < last else 1
                    past = dz[l + 1] if self.skip and l + 1 < last else 0
                    before_norm = normed[l] is not None and self.placement == "pre"
                    dot(dz[l + 1], self.weights[l + 1], out=d)
                    self.activation.slope_into(_read_by_phi(z[l], normed[l]), a[l + 1], slope)
                    d *= slope
                    d *= scale
                    if not before_norm:
                        d += past
                    if normed[l] is not None:
                        dnorms[l] = self.norms[l].backward(normed[l], d)
                        np.add(dnorms[l].dx, past if before_norm else 0, out=d)
                np.dot(ones, d, out=db[l])  # the sum over the examples
                dot(d.T, a[l], out=dW[l])
                if 0 < l < last:
                    dscales[l - 1] = np.vdot(dW[l], self.weights[l]) + np.vdot(db[l], self.biases[l])
                    dW[l] *= self.scales[l - 1]
                    db[l] *= self.scales[l - 1]
                dz_squares[l], dW_squares[l] = np.vdot(d, d), np.vdot(dW[l], dW[l])
        return Gradients(dz, dW, db, dz_squares, dW_squares, dnorms, dscales if self.learn_scales else None)

    def jacobian(self, trace: Trace, l: int, example: int = 0) -> np.ndarray:
        """∂Z^(l+1)/∂Z^l of block l and one example: I + J, or J without skips.

        Parameters
        ----------
        trace : Trace
            Of a forward pass of this network. A batch norm must have been evaluating: while it trains an example's Z^(l+1)
            depends on those of all others.
        l : int
            The block, 1 to L − 2.
        example : int
            The row of the batch.

        Returns
        -------
        ndarray, shape (H, H)
            Entry (i, j) is ∂Z_i^(l+1)/∂Z_j^l, so that it acts on columns from the left.

        Raises
        ------
        ValueError
            If there is no such block, or a batch norm was training.

        Examples
        --------
        >>> net = ResidualNet([np.eye(2), 2 * np.eye(2), np.eye(2)], [np.zeros(2)] * 3)
        >>> net.jacobian(net.forward([[1.0, -1.0]]), 1)  # the unit that is off hands its input on
        array([[3., 0.],
               [0., 1.]])
        """
        if l not in range(1, self.depth - 1):
            fail("l", f"a block, 1 to {self.depth - 2}", l)
        normed, norm = trace.normed[l - 1], self.norms[l - 1]
        if isinstance(norm, BatchNorm) and normed.train:
            fail("trace", "one of train=False, since in training an example's output depends on the whole batch", "train=True")
        row = slice(example, example + 1)
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.empty_like(trace.z[l - 1][row])
            self.activation.slope_into(_read_by_phi(trace.z[l - 1], normed)[row], trace.a[l][row], slope)
            J = self.scales[l - 1] * self.weights[l] * slope
            eye = np.eye(len(J), dtype=self.dtype) if self.skip else 0
            if norm is None:
                return J + eye
            # Row i of ∂norm(z)/∂z is what the norm makes of the i-th unit vector on the way back.
            rows = np.repeat(trace.z[l - 1][row], len(J), axis=0)
            through = norm.backward(norm.forward(rows, train=False), np.eye(len(J), dtype=self.dtype)).dx
            return J @ through + eye if self.placement == "pre" else (J + eye) @ through

    def _carried(self, z: list[np.ndarray], normed: list, l: int) -> np.ndarray:
        """What the skip out of layer l, counted from 0, brings to the next."""
        return z[l] if self.placement == "pre" else _read_by_phi(z[l], normed[l])
