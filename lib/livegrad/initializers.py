"""Rules for the first weights: `draw(shape, rng)` gives an array of shape (n_out, n_in).

Var[z] = n_in · Var[w] · E[a²] for independent weights of mean zero, so that almost every rule is a choice of
one standard deviation: LeCun keeps the size of z forward for a linear unit, Xavier compromises between
forward and backward, Kaiming accounts for the activation. The normal and the uniform form of a rule have the
same standard deviation; a uniform on [−b, b] has b/√3.

>>> import numpy as np
>>> W = get("kaiming_normal")((300, 200), np.random.default_rng(0))
>>> W.shape, float((W.std() * 200**0.5).round(2))
((300, 200), 1.41)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from livegrad import activations
from livegrad.validation import choice, fail, floats, generator, number, positive_ints

if TYPE_CHECKING:
    from livegrad.mlp import MLP

Shape = tuple[int, int]
Draw = Callable[[Shape, np.random.Generator], np.ndarray]


def constant(shape: Shape, rng: np.random.Generator | None = None, value: float = 0.1) -> np.ndarray:
    """Every weight the same: all units of a layer then stay the same, whatever the training.

    `rng` is not used; it is there so that every rule is called alike.

    Examples
    --------
    >>> constant((1, 2), value=0.5)
    array([[0.5, 0.5]])
    """
    return np.full(_shape(shape), number("value", value))


def zeros(shape: Shape, rng: np.random.Generator | None = None) -> np.ndarray:
    """Every weight 0: no signal forward, no gradient backward.

    Examples
    --------
    >>> zeros((1, 2))
    array([[0., 0.]])
    """
    return constant(shape, value=0.0)


def identity(shape: Shape, rng: np.random.Generator | None = None, gain: float = 1.0) -> np.ndarray:
    """`gain` on the diagonal, also of a rectangle (Le, Jaitly & Hinton 2015, for recurrent ReLU nets).

    Examples
    --------
    >>> identity((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    return number("gain", gain) * np.eye(*_shape(shape))


def orthogonal(shape: Shape, rng: np.random.Generator, gain: float = 1.0) -> np.ndarray:
    """Orthonormal rows or columns (whichever are fewer) times `gain`: all singular values are `gain`.

    Saxe, McClelland & Ganguli (2013). The Q of a normal matrix, with the signs of R's diagonal moved into it,
    without which it would not be uniformly distributed (Mezzadri 2007). PyTorch does the same.

    Examples
    --------
    >>> W = orthogonal((3, 5), np.random.default_rng(0))
    >>> np.allclose(W @ W.T, np.eye(3))
    True
    """
    n_out, n_in = _shape(shape)
    q, r = np.linalg.qr(_normal((max(n_out, n_in), min(n_out, n_in)), rng, 1.0))
    q *= np.copysign(1.0, np.diag(r))
    return number("gain", gain) * (q if n_out >= n_in else q.T)


def lecun_normal(shape: Shape, rng: np.random.Generator, gain: float = 1.0) -> np.ndarray:
    """Normal, std = gain/√fan_in (LeCun, Bottou, Orr & Müller 1998, eq. 16).

    Examples
    --------
    >>> lecun_normal((2, 100), np.random.default_rng(0)).shape
    (2, 100)
    """
    return _normal(shape, rng, _lecun_std(shape, gain))


def lecun_uniform(shape: Shape, rng: np.random.Generator, gain: float = 1.0) -> np.ndarray:
    """Uniform with the standard deviation of `lecun_normal`: bound = gain·√(3/fan_in).

    The *standard initialization* that Glorot & Bengio (2010, eq. 1) criticize has bound 1/√fan_in, a gain of
    1/√3; PyTorch's `Linear` still starts so.

    Examples
    --------
    >>> bool((abs(lecun_uniform((9, 300), np.random.default_rng(0))) <= 0.1).all())
    True
    """
    return _uniform(shape, rng, _lecun_std(shape, gain))


def xavier_normal(shape: Shape, rng: np.random.Generator, gain: float = 1.0) -> np.ndarray:
    """Normal, std = gain·√(2/(fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12).

    Examples
    --------
    >>> xavier_normal((2, 100), np.random.default_rng(0)).shape
    (2, 100)
    """
    return _normal(shape, rng, _xavier_std(shape, gain))


def xavier_uniform(shape: Shape, rng: np.random.Generator, gain: float = 1.0) -> np.ndarray:
    """Uniform, bound = gain·√(6/(fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16, "normalized").

    Examples
    --------
    >>> bool((abs(xavier_uniform((300, 300), np.random.default_rng(0))) <= 0.1).all())
    True
    """
    return _uniform(shape, rng, _xavier_std(shape, gain))


def kaiming_normal(
    shape: Shape,
    rng: np.random.Generator,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
) -> np.ndarray:
    """Normal, std = gain/√fan with gain = calculate_gain(nonlinearity, a) (He et al. 2015, eq. 10).

    Arguments and defaults are PyTorch's: `a` is the slope of leaky ReLU, and 0 makes it ReLU.

    Parameters
    ----------
    shape : (n_out, n_in)
    rng : numpy.random.Generator
    a : float
        Slope of leaky ReLU for z < 0; other nonlinearities do not use it.
    mode : {"fan_in", "fan_out"}
        Keep the size of the signal forward (n_in) or of the gradient backward (n_out).
    nonlinearity : str
        A name that `activations.get` knows.

    Returns
    -------
    ndarray, shape (n_out, n_in)

    Raises
    ------
    ValueError
        If an argument is not as described.

    Examples
    --------
    >>> W = kaiming_normal((400, 100), np.random.default_rng(0), mode="fan_out")
    >>> float((W.std() * 400**0.5).round(1))
    1.4
    """
    return _normal(shape, rng, _kaiming_std(shape, a, mode, nonlinearity))


def kaiming_uniform(
    shape: Shape,
    rng: np.random.Generator,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
) -> np.ndarray:
    """Uniform, bound = √3·std = gain·√(3/fan), else as `kaiming_normal`.

    PyTorch's `Linear` calls it with a = √5, which is no slope but a way to write bound = 1/√fan_in.

    Examples
    --------
    >>> W = kaiming_uniform((50, 100), np.random.default_rng(0), a=5**0.5)
    >>> float(abs(W).max().round(3))
    0.1
    """
    return _uniform(shape, rng, _kaiming_std(shape, a, mode, nonlinearity))


def truncated_normal(
    shape: Shape, rng: np.random.Generator, gain: float = 1.0, cut: float = 2.0
) -> np.ndarray:
    """A normal without its tails, whose standard deviation *after* the cut is gain/√fan_in.

    Draws beyond `cut` standard deviations are drawn again. Libraries differ: TensorFlow and JAX correct for
    the lost tails as here; the `std` of PyTorch's `trunc_normal_` is the one before the cut, and what comes
    out at cut 2 has 0.88 of it.

    Parameters
    ----------
    shape : (n_out, n_in)
    rng : numpy.random.Generator
    gain : float
    cut : float
        At how many standard deviations of the uncut normal to cut, at least 0.1.

    Examples
    --------
    >>> W = truncated_normal((300, 100), np.random.default_rng(0))
    >>> float((W.std() * 10).round(2)), float((abs(W).max() * 10).round(2))
    (1.0, 2.27)
    """
    cut = number("cut", cut, low=0.1)
    w = _normal(shape, rng, 1.0)
    while (outside := np.abs(w) > cut).any():
        w[outside] = rng.standard_normal(np.count_nonzero(outside))
    density = math.exp(-cut * cut / 2) / math.sqrt(2 * math.pi)
    std_after_cut = math.sqrt(1 - 2 * cut * density / math.erf(cut / math.sqrt(2)))
    return w * (_lecun_std(shape, gain) / std_after_cut)


def lsuv(net: MLP, x: Any) -> MLP:
    """Layer-sequential unit variance: scale each layer's weights so that Var[z] = 1 on the batch `x`.

    Mishkin & Matas (2016) start from orthogonal weights and repeat the division until the variance is within
    a tolerance; for a fully connected layer z is linear in W, and one division is exact. Biases are kept and
    left out of the variance.

    Parameters
    ----------
    net : MLP
        It is not changed.
    x : array_like, shape (N, n_0)
        A batch of real inputs.

    Returns
    -------
    MLP
        A new network with the scaled weights.

    Raises
    ------
    ValueError
        If a layer's z has no variance on this batch, or not a finite one.

    Examples
    --------
    >>> from livegrad.mlp import MLP
    >>> rng = np.random.default_rng(0)
    >>> net = MLP.create([10, 50, 50], rng, init="orthogonal", activation="tanh")
    >>> x = rng.standard_normal((100, 10))
    >>> [float(z.std().round(6)) for z in lsuv(net, x).forward(x).z]
    [1.0, 1.0]
    """
    weights: list[np.ndarray] = []
    a = floats("x", x, (None, net.weights[0].shape[1]), net.dtype)
    for l, (W, b) in enumerate(zip(net.weights, net.biases), start=1):
        z = a @ W.T
        std = z.std()
        if not 0 < std < math.inf:
            fail("x", "a batch on which every layer's z varies", f"standard deviation {std} in layer {l}")
        weights.append(W / std)
        a = net.activation(z / std + b)
    return type(net)(weights, [b.copy() for b in net.biases], net.activation, net.output)


def calculate_gain(nonlinearity: str, a: float = 0.01) -> float:
    """The gain of a nonlinearity, as `torch.nn.init.calculate_gain`; `a` is the slope of leaky ReLU.

    1 for linear and sigmoid, 5/3 for tanh, √2 for ReLU, √(2/(1 + a²)) for leaky ReLU, 3/4 for SELU. For the
    others, where PyTorch raises, it is `activations.variance_gain`.

    Examples
    --------
    >>> round(calculate_gain("leaky_relu", 5**0.5), 4)
    0.5774
    """
    params = {"slope": abs(number("a", a))} if nonlinearity == "leaky_relu" else {}
    return activations.get(nonlinearity, **params).gain


_INITIALIZERS: dict[str, Draw] = {
    draw.__name__: draw
    for draw in (
        constant, zeros, lecun_normal, lecun_uniform, xavier_normal, xavier_uniform, kaiming_normal,
        kaiming_uniform, truncated_normal, orthogonal, identity,
    )
}  # fmt: skip

INITIALIZERS: tuple[str, ...] = tuple(_INITIALIZERS)
"""The names that `get` knows, in the order of the course."""


def get(name: str | Draw) -> Draw:
    """The rule called `name`, one of `INITIALIZERS`; a function is returned as it is.

    For other arguments than the defaults wrap it: `partial(kaiming_normal, nonlinearity="tanh")`.

    Raises
    ------
    ValueError
        If there is no such rule.

    Examples
    --------
    >>> get("zeros") is zeros
    True
    """
    return name if callable(name) else choice("init", name, _INITIALIZERS)


def _shape(shape: Any) -> Shape:
    sizes = positive_ints("shape", shape)
    return sizes if len(sizes) == 2 else fail("shape", "(n_out, n_in)", shape)


def _normal(shape: Any, rng: np.random.Generator, std: float) -> np.ndarray:
    return std * generator("rng", rng).standard_normal(_shape(shape))


def _uniform(shape: Any, rng: np.random.Generator, std: float) -> np.ndarray:
    return math.sqrt(3) * std * generator("rng", rng).uniform(-1, 1, _shape(shape))


def _lecun_std(shape: Any, gain: float) -> float:
    return number("gain", gain) / math.sqrt(_shape(shape)[1])


def _xavier_std(shape: Any, gain: float) -> float:
    return number("gain", gain) * math.sqrt(2 / sum(_shape(shape)))


def _kaiming_std(shape: Any, a: float, mode: str, nonlinearity: str) -> float:
    n_out, n_in = _shape(shape)
    fan = choice("mode", mode, {"fan_in": n_in, "fan_out": n_out})
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)
