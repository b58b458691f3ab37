"""The filters for attributes, taken back: unit vectors, quaternions, floats and colours, all rows at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Filter:
    """undo(rows): what the decoded rows (n,stride) u8 mean, (n,stride) u8. strides: on which rows it may lie."""

    undo: Callable[[np.ndarray], np.ndarray]
    strides: tuple[int, ...]


def _octahedral(rows: np.ndarray) -> np.ndarray:
    """Unit vectors from two coordinates on an octahedron and what stands for 1; the fourth component stays."""
    stored = rows.view("i1" if rows.shape[1] == 4 else "<i2")
    x, y, one = stored[:, :3].T.astype(np.float32)
    # What stands for 1 is at least 1 in a sound file; the rest is only to be finite.
    x, y = x / np.maximum(one, 1), y / np.maximum(one, 1)
    z = 1 - np.abs(x) - np.abs(y)
    fold = np.minimum(z, 0)
    x, y = x - np.copysign(fold, x), y - np.copysign(fold, y)
    length = np.maximum(np.sqrt(x * x + y * y + z * z), np.float32(1e-30))
    out = stored.copy()
    out[:, :3] = _rounded(np.stack([x, y, z], 1) / length[:, None], np.iinfo(stored.dtype).max)
    return out.view(np.uint8)


def _quaternion(rows: np.ndarray) -> np.ndarray:
    """Quaternions from their three smaller components; the fourth says what stands for 1 and which one is missing."""
    stored = rows.view("<i2")
    one = np.maximum((stored[:, 3] | 3).astype(np.float32), 1)
    small = stored[:, :3] / one[:, None] * np.float32(np.sqrt(0.5))
    large = np.sqrt(np.maximum(1 - (small * small).sum(1), 0))
    largest = (stored[:, 3] & 3).astype(np.int64)
    out, each = np.empty_like(stored), np.arange(len(stored))
    for step, values in enumerate((large, *small.T)):
        out[each, (largest + step) % 4] = _rounded(values, 32767)
    return out.view(np.uint8)


def _exponential(rows: np.ndarray) -> np.ndarray:
    """Floats from 8 bits of exponent and 24 of mantissa."""
    stored = rows.view("<i4")
    with np.errstate(over="ignore"):
        values = np.ldexp((stored << 8 >> 8).astype(np.float32), stored >> 24)
    return values.astype("<f4", copy=False).view(np.uint8)


def _color(rows: np.ndarray) -> np.ndarray:
    """RGBA from luma, two of chroma and an alpha whose highest bit says how many bits there are (YCoCg)."""
    kind = "u1" if rows.shape[1] == 4 else "<u2"
    stored, signed = rows.view(kind).astype(np.int32), rows.view(kind.replace("u", "i")).astype(np.int32)
    luma, orange, green, alpha = stored[:, 0], signed[:, 1], signed[:, 2], stored[:, 3]
    # frexp gives the place of the highest bit plus one.
    most = (1 << np.frexp(alpha.astype(np.float64))[1].astype(np.int32)) - 1
    alpha = alpha & most >> 1
    alpha = alpha << 1 | alpha & 1
    values = np.stack([luma + orange - green, luma + green, luma - orange - green, alpha], 1)
    largest = np.iinfo(kind).max
    scaled = np.floor(values * (largest / np.maximum(most, 1))[:, None] + 0.5)
    return np.clip(scaled, 0, largest).astype(kind).view(np.uint8)


def _rounded(values: np.ndarray, largest: int) -> np.ndarray:
    """−1 … 1 as whole numbers up to `largest`, halves away from zero."""
    scaled = values * np.float32(largest)
    return np.clip(np.trunc(scaled + np.copysign(np.float32(0.5), scaled)), -largest, largest)


FILTERS = {
    "OCTAHEDRAL": Filter(_octahedral, (4, 8)),
    "QUATERNION": Filter(_quaternion, (8,)),
    "EXPONENTIAL": Filter(_exponential, tuple(range(4, 257, 4))),
    "COLOR": Filter(_color, (4, 8)),
}
"""By the names that files give them."""
