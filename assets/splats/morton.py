"""Splats in an order in which neighbours in the file are neighbours in space: along Morton's curve (1966)."""

from __future__ import annotations

import numpy as np

_BITS = 21
"""Per axis: three of them fit into 64 bits, and tell a millionth of the scene apart, so far outliers do no harm."""

_SPREAD = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


def morton_order(points: np.ndarray) -> np.ndarray:
    """The indices (N,) that put finite `points` (N,3) into Morton order; equal ones stay in their order."""
    if not len(points):
        return np.empty(0, np.intp)
    code = np.zeros(len(points), np.uint64)
    for axis, column in enumerate(points.T):
        low, high = float(column.min()), float(column.max())
        share = (column.astype(np.float64) - low) / max(high - low, 1e-300)
        code |= _spread((share * (2**_BITS - 1)).astype(np.uint64)) << np.uint64(axis)
    return np.argsort(code, kind="stable")


def _spread(values: np.ndarray) -> np.ndarray:
    """Integers (N,) u64 below 2²¹ with two zero bits behind each of their bits."""
    for shift, mask in _SPREAD:
        values = (values | (values << np.uint64(shift))) & np.uint64(mask)
    return values
