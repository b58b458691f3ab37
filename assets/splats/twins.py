"""Finds splats that repeat another one, bit for bit, without ever sorting all of them at once."""

from __future__ import annotations

import numpy as np

from ..gaussians import Gaussians
from ..progress import Job, Progress
from .rows import ARRAYS, BLOCK

_BUCKET = 16384
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def twins(asset: Gaussians) -> Job[np.ndarray]:
    """A job that returns which splats (N,) bool have the same values in every array as one before them.

    Splats whose keys agree are candidates: a key is a hash of the centre, the opacity and the constant colour. They
    fall into buckets by their keys, and what agrees within one is compared in full.
    """
    out = np.zeros(len(asset), bool)
    keys = np.empty(len(asset), np.uint64)
    for start in range(0, len(asset), BLOCK):
        rows = slice(start, start + BLOCK)
        keys[rows] = _hashed(asset.means[rows], asset.logit_opacities[rows, None], asset.sh[rows, 0])
        yield Progress(0.4 * start / len(asset), 1, "Looking for duplicates")
    bits = max(0, (len(asset) // _BUCKET).bit_length())
    order, ends = yield from _bucketed(keys, bits)
    for number in range(1 << bits):
        rows = order[ends[number] : ends[number + 1]]
        out[_repeated(asset, rows, keys[rows])] = True
        yield Progress(0.7 + 0.3 * number / (1 << bits), 1, "Looking for duplicates")
    return out


def _hashed(*arrays: np.ndarray) -> np.ndarray:
    """Keys (n,) u64 of rows of f32; their upper bits are the best mixed."""
    key = np.zeros(len(arrays[0]), np.uint64)
    for array in arrays:
        # Adding zero makes +0 of −0, which is the same place.
        words = np.ascontiguousarray(array + np.float32(0), np.float32).view(np.uint32)
        for column in words.T:
            key = (key ^ column) * _MULTIPLIER
            key ^= key >> np.uint64(29)
    return key * _MULTIPLIER


def _bucketed(keys: np.ndarray, bits: int) -> Job[tuple[np.ndarray, np.ndarray]]:
    """All rows (N,) ordered by the upper `bits` of their keys, the earlier first within a bucket, and where each bucket
    begins, (2^bits + 1,)."""
    shift = np.uint64(64 - bits) if bits else np.uint64(63)
    numbers = (keys >> shift).astype(np.uint16) if bits else np.zeros(len(keys), np.uint16)
    yield Progress(0.5, 1, "Looking for duplicates")
    counts = np.zeros(1 << bits, np.int64)
    for start in range(0, len(keys), BLOCK):
        counts += np.bincount(numbers[start : start + BLOCK], minlength=1 << bits)
    ends = np.concatenate([[0], np.cumsum(counts)])
    filled, order = ends[:-1].copy(), np.empty(len(keys), np.uint32)
    for start in range(0, len(keys), BLOCK):
        part = numbers[start : start + BLOCK]
        local = np.argsort(part, kind="stable")
        sorted_numbers = part[local]
        here = np.bincount(sorted_numbers, minlength=1 << bits)
        first = np.cumsum(here) - here
        order[filled[sorted_numbers] + np.arange(len(part)) - first[sorted_numbers]] = (start + local).astype(np.uint32)
        filled += here
        yield Progress(0.5 + 0.2 * start / len(keys), 1, "Looking for duplicates")
    return order, ends


def _repeated(asset: Gaussians, rows: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Those of `rows` that are the same as one before them. Rows are ascending, and those of one key are compared with
    the first of them that is still without a twin, until none is left."""
    order = np.argsort(keys, kind="stable")
    rows, keys = rows[order], keys[order]
    found = []
    while len(rows) > 1:
        begins = np.concatenate([[True], keys[1:] != keys[:-1]])
        leader = rows[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
        follow = np.flatnonzero(~begins)
        if not len(follow):
            break
        same = _same(asset, rows[follow], leader[follow])
        found.append(rows[follow[same]])
        # What only shares the key goes on without its leader; that is rare.
        rows, keys = rows[follow[~same]], keys[follow[~same]]
    return np.concatenate(found) if found else rows[:0]


def _same(asset: Gaussians, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Which pairs of rows (n,) have the same values in all arrays and columns."""
    same = np.ones(len(left), bool)
    for array in (*(getattr(asset, name) for name in ARRAYS), *asset.extra.values()):
        equal = array[left] == array[right]
        same &= equal.reshape(len(left), -1).all(1)
    return same
