"""Handwritten digits, 8 × 8 pixels: a real data set small enough to travel with the library.

>>> digits = load_digits()
>>> digits.images.shape, digits.labels[:10]
((1797, 64), array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livegrad.validation import fail, number


@dataclass(frozen=True)
class Digits:
    """Some of the digits.

    Attributes
    ----------
    images : ndarray, shape (N, 64)
        Rows of 8 × 8 images, line by line, from 0 (paper) to 1 (ink) in steps of 1/16.
    labels : ndarray of int, shape (N,)
        The digit, 0 to 9.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def read(path: Path, remedy: str = "") -> dict[str, np.ndarray]:
    """All arrays of a stored file.

    Parameters
    ----------
    path : Path
        An ``.npz``.
    remedy : str, optional
        What to do if it cannot be read; without it, how to get a file of the course back.

    Raises
    ------
    OSError
        If the file is missing or damaged. The message names it and ends in the remedy.

    Examples
    --------
    >>> read(Path("lost.npz"), "Look elsewhere.")
    Traceback (most recent call last):
    OSError: lost.npz is missing. Look elsewhere.
    """
    try:
        with np.load(path) as stored:
            return dict(stored)
    except Exception as error:  # of many kinds: a flipped bit can stand in any field of the format
        fault = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({type(error).__name__}: {error})"
        remedy = remedy or (f'In a terminal, git -C "{path.parent}" checkout -- {path.name} brings it back; without git, '
                            "download the course anew.")
        raise OSError(f"{path} {fault}. {remedy}") from error


def load_digits(dtype: Any = np.float64) -> Digits:
    """All 1797 digits, the test part of the UCI Optical Recognition of Handwritten Digits data.

    Alpaydin & Kaynak (1998), https://doi.org/10.24432/C50P49, CC BY 4.0; the README next to it has more.
    Their order is not random: `split` mixes them.

    Parameters
    ----------
    dtype : dtype
        float64 or float32.

    Returns
    -------
    Digits

    Examples
    --------
    >>> float(load_digits().images.max())
    1.0
    """
    if np.dtype(dtype).kind != "f":
        fail("dtype", "a floating type", dtype)
    stored = read(Path(__file__).with_name("digits.npz"))
    return Digits(stored["images"].astype(dtype) / 16, stored["labels"].astype(np.int64))


def split(digits: Digits, test_share: float = 0.2, seed: int = 0) -> tuple[Digits, Digits]:
    """Training and test part, drawn once: the same arguments always give the same split.

    Parameters
    ----------
    digits : Digits
    test_share : float
        Between 0 and 1; each part gets at least one digit.
    seed : int

    Returns
    -------
    train, test : Digits

    Raises
    ------
    ValueError
        If a part would be empty.

    Examples
    --------
    >>> train, test = split(load_digits())
    >>> len(train), len(test)
    (1438, 359)
    """
    n_test = round(number("test_share", test_share, 0, 1) * len(digits))
    if not 0 < n_test < len(digits):
        fail("test_share", "a share that leaves digits in both parts", test_share)
    order = np.random.default_rng(seed).permutation(len(digits))
    train, test = (Digits(digits.images[i], digits.labels[i]) for i in (order[n_test:], order[:n_test]))
    return train, test


def minibatches(rng: np.random.Generator, indices: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Endless minibatches of `size` indices, each epoch in a new order. A remainder smaller than `size` is left out.

    Examples
    --------
    >>> batches = minibatches(np.random.default_rng(0), np.arange(5), 2)
    >>> np.unique(np.concatenate([next(batches), next(batches)])).size
    4
    """
    if not 1 <= size <= len(indices):
        fail("size", f"1 to {len(indices)}, the number of indices", size)
    while True:
        shuffled = rng.permutation(indices)
        for start in range(0, len(shuffled) - size + 1, size):
            yield shuffled[start:start + size]
