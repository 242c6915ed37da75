"""Arrays that lie with their steps first, (T, N, n)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from livegrad.validation import fail


def chosen(steps: Sequence[int] | None, T: int) -> np.ndarray:
    """The steps, counted from the end where negative, as different indices from 0; None stands for all."""
    if steps is None:
        return np.arange(T)
    at = np.asarray(steps)
    if at.ndim != 1 or at.dtype.kind not in "iu" or not at.size or ((at < -T) | (at >= T)).any():
        fail("steps", f"a list of integers from {-T} to {T - 1}", steps)
    at = at % T
    return at if np.bincount(at).max() == 1 else fail("steps", "different steps", steps)


def index(at: np.ndarray, T: int) -> np.ndarray | slice:
    """All steps in order as a slice, which copies nothing."""
    return slice(None) if len(at) == T and (at == np.arange(T)).all() else at


def flat(x: np.ndarray) -> np.ndarray:
    """(T, N, n) as (T · N, n), the same memory."""
    return x.reshape(-1, x.shape[-1])


def product(x: np.ndarray, W: np.ndarray) -> np.ndarray:
    """x W along the last axis, as one matrix product."""
    return (flat(x) @ W).reshape(*x.shape[:-1], W.shape[1])


def reused(shape: tuple[int, ...], dtype: np.dtype, old: np.ndarray | None) -> np.ndarray:
    """The old array if it fits, else a new one; what is in it does not matter."""
    return old if old is not None and old.shape == shape and old.dtype == dtype else np.empty(shape, dtype)
