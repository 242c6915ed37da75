"""Points in the plane that no straight line separates: small enough to draw, and to train on while you wait.

>>> points = draw("moons", np.random.default_rng(0), 100)
>>> points.x.shape, points.labels[:4]
((100, 2), array([0, 1, 0, 1]))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from livegrad.validation import choice, generator, number, positive_ints


@dataclass(frozen=True)
class Points:
    """Points with a class each.

    Attributes
    ----------
    x : ndarray, shape (N, 2)
        One point a row. But for the noise, all lie within 1.2 of 0 in both coordinates.
    labels : ndarray of int, shape (N,)
        The class, from 0; the classes take turns.
    """

    x: np.ndarray
    labels: np.ndarray

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1


def draw(name: str, rng: np.random.Generator, count: int = 150, noise: float = 0.1) -> Points:
    """Draw one of the sets.

    Parameters
    ----------
    name : str
        One of `PLANAR`. ``moons``: two half circles that reach into each other. ``rings``: a disk and the ring around it.
        ``spirals``: three arms.
    rng : numpy.random.Generator
    count : int
        Number of points N.
    noise : float
        Standard deviation of the normal noise on both coordinates.

    Returns
    -------
    Points

    Raises
    ------
    ValueError
        If an argument is not as described.

    Examples
    --------
    >>> draw("spirals", np.random.default_rng(0)).classes
    3
    """
    classes, place = choice("name", name, _SETS)
    rng, (count,) = generator("rng", rng), positive_ints("count", [count])
    labels = np.arange(count) % classes
    x = place(labels, rng.uniform(0, 1, count))
    return Points(x + number("noise", noise, low=0) * rng.standard_normal(x.shape), labels)


def _moons(label: np.ndarray, along: np.ndarray) -> np.ndarray:
    angle = np.pi * along
    side = 1 - 2 * label  # the second moon is the first one turned by half a circle
    return 0.8 * np.stack([side * (np.cos(angle) - 0.5), side * (np.sin(angle) - 0.25)], axis=1)


def _rings(label: np.ndarray, along: np.ndarray) -> np.ndarray:
    golden = 2.399963229728653  # turning by the golden angle spreads the points evenly
    return _polar(np.where(label == 0, 0.45 * np.sqrt(along), 1.1), golden * np.arange(len(label)))


def _spirals(label: np.ndarray, along: np.ndarray) -> np.ndarray:
    return _polar(0.15 + along, 2 * np.pi * (label / 3 + 0.55 * along))


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


_SETS: dict[str, tuple[int, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "moons": (2, _moons), "rings": (2, _rings), "spirals": (3, _spirals)}

PLANAR: tuple[str, ...] = tuple(_SETS)
"""The names that `draw` knows."""
