"""Normalization layers: the same arithmetic along different axes.

Rows are examples, columns are features. With x̄ and s² the mean and the variance along the axis,

    x̂ = (x − x̄) / √(s² + ε),    out = γ ⊙ x̂ + β.

`BatchNorm` takes them down each column, over the batch; `LayerNorm` along each row; `GroupNorm` along parts of
a row; `RMSNorm` along the row, dividing only. γ and β always belong to the columns.

>>> import numpy as np
>>> x = np.array([[1.0, 2.0, 6.0], [3.0, 10.0, 2.0]])
>>> BatchNorm.create(3).forward(x).out.round(2)
array([[-1., -1.,  1.],
       [ 1.,  1., -1.]])
>>> LayerNorm.create(3).forward(x).out.round(2)
array([[-0.93, -0.46,  1.39],
       [-0.56,  1.4 , -0.84]])

The variance has the divisor n, in all of them and in PyTorch alike: it describes these n numbers and does not
estimate a population. Overflow gives inf and nan without a warning, as in `livegrad.mlp`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from livegrad.validation import fail, floats, number, positive_ints


@dataclass(frozen=True)
class Standardized:
    """x̂ and the statistics it was made with, each of length 1 along the axis.

    Attributes
    ----------
    x_hat : ndarray
        (x − mean) / std, of the shape of x.
    mean : ndarray
        x̄, or 0 where nothing was subtracted.
    var : ndarray
        s² = 1/n Σ (x − mean)².
    std : ndarray
        √(var + eps).
    """

    x_hat: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    std: np.ndarray


def standardize(x: Any, axis: int = 0, eps: float = 1e-5, center: bool = True) -> Standardized:
    """(x − x̄)/√(s² + ε) along one axis, with s² = 1/n Σ (x − x̄)².

    Parameters
    ----------
    x : array_like
    axis : int
        0 compares the examples with each other, feature by feature; −1 the features of one example.
    eps : float
        ε, at least 0, added to the variance, so that a feature that does not vary gives 0 and not nan.
    center : bool
        If False, x̄ is taken to be 0: division by the root mean square.

    Returns
    -------
    Standardized

    Raises
    ------
    ValueError
        If there is nothing along the axis or `eps` is negative.

    Examples
    --------
    >>> standardize([[1.0, 5.0], [3.0, 5.0]], eps=0.0001).x_hat.round(2)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    x, eps = floats("x", x), number("eps", eps, low=0)
    if not -x.ndim <= axis < x.ndim or not x.shape[axis]:
        fail("x", f"at least one entry along axis {axis}", f"shape {x.shape}")
    n = x.shape[axis]
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        if center:
            mean = np.add.reduce(x, axis, keepdims=True) / n
            x_hat = x - mean
        else:
            mean = np.zeros_like(x, shape=[1 if a == axis % x.ndim else s for a, s in enumerate(x.shape)])
            x_hat = x.copy()
        var = np.add.reduce(x_hat * x_hat, axis, keepdims=True) / n
        std = np.sqrt(var + eps)
        x_hat /= std
    return Standardized(x_hat, mean, var, std)


def standardize_backward(
    dx_hat: Any, done: Standardized, axis: int = 0, center: bool = True
) -> np.ndarray:
    """∂C/∂x from g = ∂C/∂x̂: (g − mean(g) − x̂ mean(g ⊙ x̂)) / std, with means along the axis.

    Shifting x does not change x̂ and stretching it hardly does: no gradient may ask for either, and the two
    subtractions take just that away. Without centering mean(g) is not subtracted. The Jacobian,
    (I − 11ᵀ/n − x̂x̂ᵀ/n)/std, is symmetric: it carries a small change of x forward as it carries a gradient back.
    The formula is the chain of Ioffe & Szegedy (2015, sec. 3) multiplied out.

    Parameters
    ----------
    dx_hat : array_like, shape of x
        g = ∂C/∂x̂.
    done : Standardized
        From `standardize`, with the same `axis` and `center`.

    Returns
    -------
    ndarray, shape of x

    Raises
    ------
    ValueError
        If the shape is another.

    Examples
    --------
    >>> done = standardize([1.0, 2.0, 6.0], eps=0)
    >>> standardize_backward([0.0, 0.0, 1.0], done).round(4)
    array([ 0.0441, -0.0551,  0.011 ])
    """
    x_hat, std = done.x_hat, done.std
    g = floats("dx_hat", dx_hat, x_hat.shape)
    n = g.shape[axis]
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        dx = x_hat * (np.add.reduce(g * x_hat, axis, keepdims=True) / -n)
        dx += g
        if center:
            dx -= np.add.reduce(g, axis, keepdims=True) / n
        dx /= std
    return dx


@dataclass(frozen=True)
class Trace:
    """What a forward pass leaves behind.

    Attributes
    ----------
    out : ndarray
        γ x̂ + β, of the shape of the input.
    used : Standardized
        x̂ and the statistics. Group norm has them in the shape (..., groups, D/groups).
    train : bool
        Whether the statistics are those of this very input. Only a batch norm that evaluates uses others.
    """

    out: np.ndarray
    used: Standardized
    train: bool = True


@dataclass(frozen=True)
class Gradients:
    """What a backward pass leaves behind.

    Attributes
    ----------
    dx : ndarray
        ∂C/∂x, of the shape of the input.
    dgamma : ndarray, shape (D,)
        ∂C/∂γ.
    dbeta : ndarray, shape (D,), or None
        ∂C/∂β; None for RMS norm, which has no β.
    """

    dx: np.ndarray
    dgamma: np.ndarray
    dbeta: np.ndarray | None

    def parameters(self) -> list[np.ndarray]:
        """[dgamma, dbeta], in the order of the layer's `parameters`."""
        return [self.dgamma] if self.dbeta is None else [self.dgamma, self.dbeta]


class Norm:
    """What all normalization layers offer: `forward(x, train)`, `backward(trace, dout)`, `parameters()`."""

    gamma: np.ndarray
    beta: np.ndarray | None
    eps: float

    def parameters(self) -> list[np.ndarray]:
        """[gamma, beta], the arrays themselves and not copies; RMS norm has no beta."""
        return [self.gamma] if self.beta is None else [self.gamma, self.beta]

    def forward(self, x: Any, train: bool = True) -> Trace:
        """Normalize x. Only batch norm cares whether it is training."""
        raise NotImplementedError

    def backward(self, trace: Trace, dout: Any) -> Gradients:
        """Backpropagate ∂C/∂out.

        Parameters
        ----------
        trace : Trace
            Of a forward pass of this layer, with this γ.
        dout : array_like
            ∂C/∂out, of the shape of the input.

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError
            If `dout` has another shape.

        Examples
        --------
        >>> layer = LayerNorm.create(3)
        >>> layer.backward(layer.forward([[1.0, 2.0, 6.0]]), [[0.0, 0.0, 1.0]]).dgamma.round(2)
        array([0.  , 0.  , 1.39])
        """
        dout = floats("dout", dout, trace.out.shape, self.gamma.dtype)
        rows = tuple(range(dout.ndim - 1))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            dgamma = np.add.reduce(dout * trace.used.x_hat.reshape(dout.shape), rows)
            dbeta = None if self.beta is None else np.add.reduce(dout, rows)
            dx = self._input_gradient(trace, dout, dgamma, dbeta)
        return Gradients(dx, dgamma, dbeta)

    def _input_gradient(
        self, trace: Trace, dout: np.ndarray, dgamma: np.ndarray, dbeta: np.ndarray | None
    ) -> np.ndarray:
        raise NotImplementedError

    def _check(self) -> None:
        self.gamma = floats("gamma", self.gamma, (None,))
        if self.beta is not None:
            self.beta = floats("beta", self.beta, self.gamma.shape, self.gamma.dtype)
        self.eps = number("eps", self.eps, low=0)

    def _scaled_and_shifted(self, x_hat: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            out = x_hat * self.gamma
            if self.beta is not None:
                out += self.beta
        return out


@dataclass
class BatchNorm(Norm):
    """Batch normalization (Ioffe & Szegedy 2015): each feature standardized over the examples of the batch.

    In training mode the statistics are those of the batch, so that every example's output depends on all the
    others. In evaluation mode they are running averages, which every forward pass in training mode updates:

        running ← momentum · running + (1 − momentum) · batch.

    Conventions differ. *Momentum* is the share that is kept, as in Keras; PyTorch's is the share that is new, and
    its default of 0.1 is 0.9 here (`torch_momentum`). *Variance*: a batch is divided by its own, with divisor
    N. The running variance averages the same numbers, or with `unbiased` those with divisor N − 1, as in PyTorch and
    in algorithm 2 of the paper.

    Attributes
    ----------
    gamma, beta : ndarray, shape (D,)
        What is learned. γ = √(var + ε), β = mean gives the input back.
    running_mean, running_var : ndarray, shape (D,)
        Updated in place. Of the value that they start from, momentumᵏ is left after k batches.
    momentum : float
        In [0, 1].
    unbiased : bool
        Whether `running_var` averages variances with divisor N − 1.
    eps : float
        ε, added to the variance.

    Raises
    ------
    ValueError
        If shapes do not match or a number is out of range.

    Examples
    --------
    >>> layer = BatchNorm.create(1)
    >>> layer.forward([[1.0], [3.0]]).out.round(2).tolist()
    [[-1.0], [1.0]]
    >>> layer.running_mean.round(2), layer.forward([[1.0], [3.0]], train=False).out.round(2).tolist()
    (array([0.2]), [[0.8], [2.8]])
    """

    gamma: np.ndarray
    beta: np.ndarray
    running_mean: np.ndarray
    running_var: np.ndarray
    momentum: float = 0.9
    unbiased: bool = False
    eps: float = 1e-5

    def __post_init__(self) -> None:
        self._check()
        shape, dtype = self.gamma.shape, self.gamma.dtype
        self.running_mean = floats("running_mean", self.running_mean, shape, dtype)
        self.running_var = floats("running_var", self.running_var, shape, dtype)
        self.momentum = number("momentum", self.momentum, 0, 1)

    @classmethod
    def create(
        cls,
        n: int,
        momentum: float = 0.9,
        unbiased: bool = False,
        eps: float = 1e-5,
        dtype: Any = np.float64,
    ) -> BatchNorm:
        """A layer for n features, with γ = 1, β = 0 and running averages of mean 0 and variance 1.

        `BatchNorm.create(n, unbiased=True)` has PyTorch's defaults.

        Examples
        --------
        >>> BatchNorm.create(2).gamma
        array([1., 1.])
        """
        gamma, beta = _ones_and_zeros(n, dtype)
        var, mean = _ones_and_zeros(n, dtype)
        return cls(gamma, beta, mean, var, momentum, unbiased, eps)

    @property
    def torch_momentum(self) -> float:
        """What PyTorch calls momentum: 1 − momentum, the share that is new."""
        return 1 - self.momentum

    def forward(self, x: Any, train: bool = True) -> Trace:
        """Normalize a batch.

        Parameters
        ----------
        x : array_like, shape (N, D)
        train : bool
            True: use the batch's statistics, and update the running ones. False: use the running ones.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            If `x` has another shape, or in training mode fewer than 2 examples. One alone has no variance: x̂
            would be 0 and the output β, whatever the example. PyTorch refuses that, too.

        Examples
        --------
        >>> BatchNorm.create(2).forward([[1.0, 2.0]])
        Traceback (most recent call last):
        ValueError: x: expected at least 2 examples in training mode (one alone has no variance), got 1
        """
        x = floats("x", x, (None, len(self.gamma)), self.gamma.dtype)
        N = len(x)
        if train:
            if N < 2:
                fail("x", "at least 2 examples in training mode (one alone has no variance)", N)
            used = standardize(x, 0, self.eps)
            self._average(used.mean[0], used.var[0] * (N / (N - 1)) if self.unbiased else used.var[0])
        else:
            mean, var = self.running_mean[np.newaxis].copy(), self.running_var[np.newaxis].copy()
            with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
                std = np.sqrt(var + self.eps)
                used = Standardized((x - mean) / std, mean, var, std)
        return Trace(self._scaled_and_shifted(used.x_hat), used, train)

    def _average(self, mean: np.ndarray, var: np.ndarray) -> None:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for running, new in ((self.running_mean, mean), (self.running_var, var)):
                running *= self.momentum
                running += (1 - self.momentum) * new

    def _input_gradient(
        self, trace: Trace, dout: np.ndarray, dgamma: np.ndarray, dbeta: np.ndarray
    ) -> np.ndarray:
        per_column = self.gamma / trace.used.std
        if not trace.train:
            return dout * per_column
        # `standardize_backward` of γ · dout, whose two sums along the batch are γ · dbeta and γ · dgamma.
        dx = trace.used.x_hat * (dgamma / -len(dout))
        dx += dout
        dx -= dbeta / len(dout)
        dx *= per_column
        return dx


class _RowNorm(Norm):
    """Normalization within each row, in `groups` equal parts: no example knows of another."""

    groups = 1
    center = True

    def forward(self, x: Any, train: bool = True) -> Trace:
        """Normalize every row.

        Parameters
        ----------
        x : array_like, shape (..., D)
            One row is enough.
        train : bool
            Makes no difference: there is nothing to average over batches. It is there so that every layer
            is called alike.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            If the last axis has another length than γ.

        Examples
        --------
        >>> RMSNorm.create(2).forward([3.0, 4.0]).out.round(3)
        array([0.849, 1.131])
        """
        x, D = floats("x", x, dtype=self.gamma.dtype), len(self.gamma)
        if not x.ndim or x.shape[-1] != D:
            fail("x", f"shape (..., {D})", x.shape)
        used = standardize(self._parted(x), -1, self.eps, self.center)
        return Trace(self._scaled_and_shifted(used.x_hat.reshape(x.shape)), used)

    def _input_gradient(
        self, trace: Trace, dout: np.ndarray, dgamma: np.ndarray, dbeta: np.ndarray | None
    ) -> np.ndarray:
        dx = standardize_backward(self._parted(dout * self.gamma), trace.used, -1, self.center)
        return dx.reshape(dout.shape)

    def _parted(self, x: np.ndarray) -> np.ndarray:
        return x if self.groups == 1 else x.reshape(*x.shape[:-1], self.groups, -1)


@dataclass
class LayerNorm(_RowNorm):
    """Layer normalization (Ba, Kiros & Hinton 2016): each example standardized over its own features.

    Attributes
    ----------
    gamma, beta : ndarray, shape (D,)
    eps : float
        ε, added to the variance.

    Examples
    --------
    >>> LayerNorm.create(4).forward([[1.0, 1.0, 3.0, 3.0]]).out.round(2)
    array([[-1., -1.,  1.,  1.]])
    """

    gamma: np.ndarray
    beta: np.ndarray
    eps: float = 1e-5

    def __post_init__(self) -> None:
        self._check()

    @classmethod
    def create(cls, n: int, eps: float = 1e-5, dtype: Any = np.float64) -> LayerNorm:
        """A layer for n features, with γ = 1 and β = 0.

        Examples
        --------
        >>> LayerNorm.create(2).beta
        array([0., 0.])
        """
        return cls(*_ones_and_zeros(n, dtype), eps)


@dataclass
class GroupNorm(_RowNorm):
    """Group normalization (Wu & He 2018): each example standardized over groups of neighboring features.

    One group is layer norm.

    Attributes
    ----------
    gamma, beta : ndarray, shape (D,)
    groups : int
        How many; it must divide D.
    eps : float
        ε, added to the variance.

    Raises
    ------
    ValueError
        If shapes do not match or `groups` does not divide D.

    Examples
    --------
    >>> GroupNorm.create(4, groups=2).forward([[1.0, 3.0, 10.0, 50.0]]).out.round(2)
    array([[-1.,  1., -1.,  1.]])
    """

    gamma: np.ndarray
    beta: np.ndarray
    groups: int
    eps: float = 1e-5

    def __post_init__(self) -> None:
        self._check()
        (self.groups,) = positive_ints("groups", [self.groups])
        if len(self.gamma) % self.groups:
            fail("groups", f"a divisor of the {len(self.gamma)} features", self.groups)

    @classmethod
    def create(cls, n: int, groups: int, eps: float = 1e-5, dtype: Any = np.float64) -> GroupNorm:
        """A layer for n features in `groups` groups, with γ = 1 and β = 0.

        Examples
        --------
        >>> GroupNorm.create(6, groups=4)
        Traceback (most recent call last):
        ValueError: groups: expected a divisor of the 6 features, got 4
        """
        return cls(*_ones_and_zeros(n, dtype), groups, eps)


@dataclass
class RMSNorm(_RowNorm):
    """RMS normalization (Zhang & Sennrich 2019): each example divided by its root mean square; no mean, no β.

    PyTorch's `eps` is by default the machine epsilon of the dtype; give it to compare.

    Attributes
    ----------
    gamma : ndarray, shape (D,)
    eps : float
        ε, added to the mean square, inside the root.

    Examples
    --------
    >>> RMSNorm.create(2, eps=0).forward([[3.0, 3.0]]).out
    array([[1., 1.]])
    """

    gamma: np.ndarray
    eps: float = 1e-5

    beta = None
    center = False

    def __post_init__(self) -> None:
        self._check()

    @classmethod
    def create(cls, n: int, eps: float = 1e-5, dtype: Any = np.float64) -> RMSNorm:
        """A layer for n features, with γ = 1.

        Examples
        --------
        >>> RMSNorm.create(2).parameters()
        [array([1., 1.])]
        """
        return cls(_ones_and_zeros(n, dtype)[0], eps)


def _ones_and_zeros(n: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    (n,) = positive_ints("n", [n])
    return np.ones(n, dtype), np.zeros(n, dtype)
