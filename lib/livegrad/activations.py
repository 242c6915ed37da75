"""Activation functions: value, derivative, and the few facts that decide how a gradient fares.

>>> import numpy as np
>>> phi = get("tanh")
>>> float(phi(1.0).round(4)), float(phi.derivative(1.0).round(4))
(0.7616, 0.42)

Each function is written once, for whole arrays, into a buffer: in a deep network new memory costs more than
the arithmetic. Extreme inputs need no warning filter: where e^-z overflows, its limit is the right answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from livegrad.validation import choice, fail, floats, number


@dataclass(frozen=True)
class Activation:
    """One activation function φ. Get one with `get(name)`.

    Attributes
    ----------
    name : str
    gain : float
        Factor by which to multiply weights of standard deviation 1/√fan_in. It is PyTorch's `calculate_gain`
        where PyTorch defines one, else `variance_gain`. The two differ: for tanh PyTorch says 5/3, the
        variance says 1.59; for SELU it says 3/4 against 1.
    range : (float, float)
        Infimum and supremum of φ.
    saturates : {"no", "left", "right", "both"}
        Where the slope goes to 0 as z → ∓∞.
    can_die : bool
        True if the slope is exactly 0 on a whole half-line: a unit pushed there gets no gradient back.
    """

    name: str
    gain: float
    range: tuple[float, float]
    saturates: str
    can_die: bool
    value_into: Callable[[np.ndarray, np.ndarray], Any] = field(repr=False, compare=False)
    slope_into: Callable[[np.ndarray, np.ndarray, np.ndarray], Any] = field(repr=False, compare=False)

    def __call__(self, z: Any, out: np.ndarray | None = None) -> np.ndarray:
        """φ(z), elementwise.

        Parameters
        ----------
        z : array_like, any shape
            Pre-activations. Floats keep their dtype, integers become float64.
        out : ndarray, optional
            Buffer of z's shape and dtype for the result; it must not be z itself.

        Returns
        -------
        ndarray
            Shape and dtype of `z`. nan gives nan.

        Raises
        ------
        ValueError
            If `z` is not real numbers or `out` does not fit.

        Examples
        --------
        >>> get("relu")([-2.0, 0.0, 3.0])
        array([0., 0., 3.])
        """
        z = floats("z", z)
        out = _buffer(out, z)
        with np.errstate(over="ignore", under="ignore"):
            self.value_into(z, out)
        return out if out.ndim else out[()]

    def derivative(self, z: Any, a: np.ndarray | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """φ'(z), elementwise.

        At a kink it is what PyTorch uses: 0 for ReLU, the slope for leaky ReLU, the limit from the left for
        ELU and SELU. Sigmoid and tanh compute it from a, as σ(1 − σ) and 1 − tanh², like PyTorch and like
        the formulas on paper; so it is exactly 0 once a rounds to 1.

        Parameters
        ----------
        z : array_like, any shape
            Pre-activations.
        a : ndarray, optional
            φ(z) if you have it already: linear, sigmoid, tanh and ReLU then need nothing else and are cheap.
        out : ndarray, optional
            Buffer of z's shape and dtype for the result; it must be neither z nor a.

        Returns
        -------
        ndarray
            Shape and dtype of `z`. nan gives nan, but for linear and ReLU the slope 1, as in PyTorch.

        Raises
        ------
        ValueError
            If `z` is not real numbers or `a` or `out` does not fit.

        Examples
        --------
        >>> get("sigmoid").derivative([0.0, 100.0])
        array([0.25, 0.  ])
        """
        z = floats("z", z)
        out = _buffer(out, z, a)
        if a is None:
            a = np.asarray(self(z))
        elif a.shape != z.shape:
            fail("a", f"the shape of z, {z.shape}", a.shape)
        with np.errstate(over="ignore", under="ignore"):
            self.slope_into(z, a, out)
        return out if out.ndim else out[()]


def get(name: str | Activation, **params: float) -> Activation:
    """The activation function called `name`.

    Parameters
    ----------
    name : str or Activation
        One of `ACTIVATIONS`; an `Activation` is returned as it is.
    **params : float
        `slope` of leaky_relu for z < 0 (default 0.01), `alpha` of elu (default 1).

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If there is no such function or it has no such parameter.

    References
    ----------
    ReLU: Nair & Hinton (2010). Leaky ReLU: Maas et al. (2013). ELU: Clevert et al. (2016). SELU: Klambauer
    et al. (2017), eq. 2. GELU: Hendrycks & Gimpel (2016), the exact form z Φ(z), not the tanh approximation.
    SiLU: Elfwing et al. (2018). Softplus: Dugas et al. (2001); PyTorch's goes linear above z = 20.

    Examples
    --------
    >>> get("relu")
    Activation(name='relu', gain=1.4142135623730951, range=(0.0, inf), saturates='left', can_die=True)
    >>> get("step")
    Traceback (most recent call last):
    ValueError: activation: expected one of linear, sigmoid, tanh, relu, leaky_relu, elu, selu, softplus, \
gelu, silu, got 'step'
    """
    if isinstance(name, Activation):
        return name
    build = choice("activation", name, _BUILDERS)
    known = {"leaky_relu": ("slope",), "elu": ("alpha",)}.get(name, ())
    for key in params:
        if key not in known:
            fail(name, f"parameters {', '.join(known)}" if known else "no parameters", key)
    return build(**params)


def variance_gain(activation: str | Activation) -> float:
    """The gain that keeps the mean square of standard-normal pre-activations: 1/√E[φ(z)²], z ~ N(0, 1).

    He et al. (2015), sec. 2.2, find √2 for ReLU so; `Activation.gain` follows PyTorch, which agrees there
    and differs for sigmoid, tanh and SELU.

    Examples
    --------
    >>> round(variance_gain("relu"), 6), round(variance_gain("tanh"), 6)
    (1.414214, 1.592537)
    """
    phi = get(activation)
    return 1 / math.sqrt(normal_mean(lambda z: phi(z) ** 2))


def normal_mean(f: Callable[[np.ndarray], np.ndarray]) -> float:
    """E[f(z)] for z ~ N(0, 1), by quadrature: no draw, no noise.

    Exact to rounding for an f that is smooth except at 0 and grows no faster than a polynomial.

    Parameters
    ----------
    f : callable
        Takes an array of z and gives f(z) for each.

    Examples
    --------
    >>> round(normal_mean(np.square), 12), round(normal_mean(get("relu")), 4)
    (1.0, 0.3989)
    """
    z, weight = normal_quadrature()
    return float(weight @ f(z))


def _buffer(out: np.ndarray | None, z: np.ndarray, a: np.ndarray | None = None) -> np.ndarray:
    if out is None:
        return np.empty_like(z)
    if out is z or out is a:
        fail("out", "a buffer of its own", "one of the inputs")
    if out.shape != z.shape or out.dtype != z.dtype:
        fail("out", f"{z.dtype} of shape {z.shape}", f"{out.dtype} of shape {out.shape}")
    return out


@cache
def normal_quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Nodes z and weights w with Σ w f(z) = E[f(z)], z ~ N(0, 1), exact to rounding where `normal_mean` is.

    Gauss–Legendre on either half-line, and not Gauss–Hermite: a kink at 0 would spoil that one. Not to be written to.

    Examples
    --------
    >>> z, w = normal_quadrature()
    >>> float((w @ z**4).round(12))
    3.0
    """
    node, weight = np.polynomial.legendre.leggauss(80)
    z = 6 * (node + 1)  # the half-line [0, 12]; what lies beyond has probability 1e-33
    half = 6 * weight * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    both = np.concatenate([-z[::-1], z]), np.concatenate([half[::-1], half])
    for shared in both:
        shared.setflags(write=False)
    return both


# --- the functions: `_x(z, out)` fills out with φ(z), `_dx(z, a, out)` with φ'(z), where a = φ(z) ---


def _linear(z, out):
    out[...] = z


def _dlinear(z, a, out):
    out[...] = 1


def _sigmoid(z, out):
    np.negative(z, out=out)
    np.exp(out, out=out)  # inf for z << 0, and 1 / (1 + inf) = 0 is the limit
    np.add(out, 1, out=out)
    np.reciprocal(out, out=out)


def _dsigmoid(z, a, out):
    np.subtract(1, a, out=out)
    np.multiply(out, a, out=out)


def _tanh(z, out):
    np.tanh(z, out=out)


def _dtanh(z, a, out):
    np.multiply(a, a, out=out)
    np.subtract(1, out, out=out)


def _relu(z, out):
    # NumPy's maximum is vectorized for two arrays, three times slower for an array and a scalar.
    np.maximum(z, np.zeros(z.shape[-1:], z.dtype), out=out)


def _drelu(z, a, out):
    np.not_equal(a, 0, out=out)


def _leaky_relu(slope):
    def value(z, out):
        np.minimum(z, 0, out=out)
        np.multiply(out, slope, out=out)
        np.add(out, np.maximum(z, 0), out=out)

    def derivative(z, a, out):
        step = np.sign(np.maximum(z, 0))
        np.add(step, slope * (1 - step), out=out)

    return value, derivative


def _elu(alpha, scale=1.0):
    def value(z, out):
        np.expm1(np.minimum(z, 0), out=out)  # expm1 keeps the digits that e^z - 1 loses near 0
        np.multiply(out, alpha, out=out)
        np.add(out, np.maximum(z, 0), out=out)
        np.multiply(out, scale, out=out)

    def derivative(z, a, out):
        np.exp(np.minimum(z, 0), out=out)
        np.multiply(out, np.where(z > 0, scale, scale * alpha), out=out, casting="same_kind")

    return value, derivative


def _softplus(z, out):
    np.log1p(np.exp(-np.abs(z)), out=out)
    np.add(out, np.maximum(z, 0), out=out)


def _dsoftplus(z, a, out):
    _sigmoid(z, out)


def _gelu(z, out):
    np.multiply(z, _normal_cdf(z), out=out)


def _dgelu(z, a, out):
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    np.add(_normal_cdf(z), z * density, out=out)


def _silu(z, out):
    _sigmoid(z, out)
    np.multiply(z, out, out=out)


def _dsilu(z, a, out):
    _sigmoid(z, out)
    np.add(out, a * (1 - out), out=out)


def _normal_cdf(z):
    """Φ(z) for arrays: NumPy has no erf, and `math.erf` takes one number at a time.

    Φ(-√2 x) = erfc(x)/2 for x ≥ 0 by the trapezoidal rule on the integral
    erfc(x) = (2x/π) e^(-x²) ∫₀^∞ e^(-t²) / (t² + x²) dt, with nodes at t = (n - 1/2) h and, for x < π/h, the
    exact share of the pole at t = ix (Chiarella & Reichel 1968; Hunter & Regan 1972 shifted the nodes). With
    h = 1/2 and 12 nodes only rounding is left: 3e-16 of 1, and far in the left tail 6e-14 of Φ itself.
    """
    h = 0.5
    x = np.minimum(np.abs(z) / math.sqrt(2), 40)  # e^(-40²) is 0 already; this keeps inf out of the formula
    square = x * x
    total = np.zeros_like(x)
    for n in range(12):
        t = (n + 0.5) * h
        total += math.exp(-t * t) / (square + t * t)
    pole = (x < math.pi / h) / (1 + np.exp(2 * math.pi / h * x))
    tail = h / math.pi * x * np.exp(-square) * total + pole
    return np.where(z < 0, tail, 1 - tail)


# --- their facts ---

_INF = math.inf
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # the fixed point of Klambauer et al.
_GELU_MIN, _SILU_MIN = -0.16997120747990369, -0.27846454276107379


def _variance_gained(name, range, saturates, value, derivative):
    draft = Activation(name, math.nan, range, saturates, False, value, derivative)
    return Activation(name, variance_gain(draft), range, saturates, False, value, derivative)


def _build_leaky_relu(slope=0.01):
    slope = number("slope", slope, low=0)
    gain = math.sqrt(2 / (1 + slope**2))
    flat = slope == 0
    low, saturates = (0.0, "left") if flat else (-_INF, "no")
    return Activation("leaky_relu", gain, (low, _INF), saturates, flat, *_leaky_relu(slope))


def _build_elu(alpha=1.0):
    alpha = number("alpha", alpha, low=0, strict=True)
    return _variance_gained("elu", (-alpha, _INF), "left", *_elu(alpha))


_BUILDERS: dict[str, Callable[..., Activation]] = {
    "linear": lambda: Activation("linear", 1.0, (-_INF, _INF), "no", False, _linear, _dlinear),
    "sigmoid": lambda: Activation("sigmoid", 1.0, (0.0, 1.0), "both", False, _sigmoid, _dsigmoid),
    "tanh": lambda: Activation("tanh", 5 / 3, (-1.0, 1.0), "both", False, _tanh, _dtanh),
    "relu": lambda: Activation("relu", math.sqrt(2), (0.0, _INF), "left", True, _relu, _drelu),
    "leaky_relu": _build_leaky_relu,
    "elu": _build_elu,
    "selu": lambda: Activation(
        "selu", 0.75, (-_SELU_SCALE * _SELU_ALPHA, _INF), "left", False, *_elu(_SELU_ALPHA, _SELU_SCALE)
    ),
    "softplus": lambda: _variance_gained("softplus", (0.0, _INF), "left", _softplus, _dsoftplus),
    "gelu": lambda: _variance_gained("gelu", (_GELU_MIN, _INF), "left", _gelu, _dgelu),
    "silu": lambda: _variance_gained("silu", (_SILU_MIN, _INF), "left", _silu, _dsilu),
}

ACTIVATIONS: tuple[str, ...] = tuple(_BUILDERS)
"""The names that `get` knows, in the order of the course."""
