"""Fast orders of large arrays."""

from __future__ import annotations

import numpy as np

LOW, HIGH = (0, 1) if np.little_endian else (1, 0)
"""The columns of keys (n,2) u32 that are the lower and the upper half of a u64."""


def ascending(values: np.ndarray) -> np.ndarray:
    """The indices (N,) u32 that sort `values` (N,) f32, the earlier first where they are equal. No NaN."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    # Floats order like integers once the sign bit is flipped, and all bits where it was set.
    flip = (bits.view(np.int32) >> 31).view(np.uint32) | np.uint32(0x80000000)
    keys = np.empty((len(bits), 2), np.uint32)
    keys[:, LOW] = np.arange(len(bits), dtype=np.uint32)
    np.bitwise_xor(bits, flip, out=keys[:, HIGH])
    sort_keys(keys)
    return np.ascontiguousarray(keys[:, LOW])


def sort_keys(keys: np.ndarray) -> None:
    """Sorts keys (n,2) u32 in place, by their column HIGH and then LOW.

    What is sorted by and its index share one u64, so that the plain sort, which is vectorised, does the work of an
    argsort in a third of its time (24 against 75 ms for a million).
    """
    keys.reshape(-1).view(np.uint64).sort()
