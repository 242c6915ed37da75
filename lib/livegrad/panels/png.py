"""Pixels as a PNG file, quickly.

A general writer tries five filters on each row to make the file small. For curves on an even ground the plain pixels come out
smaller, and not to try takes a third of the time: the milliseconds count, here and more so in the browser's own Python.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

__all__ = ["encode"]


def encode(pixels: np.ndarray, level: int = 6) -> bytes:
    """Write pixels as a PNG file.

    Parameters
    ----------
    pixels : ndarray, shape (height, width, 4), of uint8
        Red, green, blue, opacity.
    level : int
        How hard to compress, from 0 to 9: 1 for a picture that lives for the next frame only, 6 for one that is kept.

    Returns
    -------
    bytes

    Notes
    -----
    Portable Network Graphics, third edition (W3C 2025), sections 5 and 9: a signature, then chunks; each row of pixels is led
    by the number of its filter, here 0, none.

    Examples
    --------
    >>> encode(np.zeros((1, 1, 4), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + channels * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits a channel, four channels, no interlacing
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows, level)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
