"""How splat formats squeeze numbers into few bits: opacities into bytes, shares into bits, rotations into three of
their four parts."""

from __future__ import annotations

import numpy as np

FAINTEST, DENSEST = 1e-6, 1 - 1e-6
"""Opacities between which a logit is finite in f32 and comes back as the same byte."""

SHORTEST = 1e-8
"""A quaternion whose parts are all smaller has no direction."""

_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])


def logits(opacities: np.ndarray) -> np.ndarray:
    """The logits of opacities 0 … 1, f32; what lies at or beyond the ends is taken for a millionth inside."""
    clipped = np.clip(np.asarray(opacities, np.float64), FAINTEST, DENSEST)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


BYTE_LOGITS = logits(np.arange(256) / 255)
"""The logit (256,) f32 that each byte of opacity stands for."""


def opacities(logit_opacities: np.ndarray) -> np.ndarray:
    """1 / (1 + e^−x), f32."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-np.asarray(logit_opacities, np.float32)))


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Finite values rounded to the nearest of 0 … 255, u8."""
    return np.clip(np.floor(values + np.float32(0.5)), 0, 255).astype(np.uint8)


def to_bits(shares: np.ndarray, count: int) -> np.ndarray:
    """Shares 0 … 1 as integers of `count` bits, u32."""
    largest = np.float32(2**count - 1)
    return np.clip(np.floor(shares * largest + np.float32(0.5)), 0, largest).astype(np.uint32)


def unit_quaternions(rotations: np.ndarray) -> np.ndarray:
    """Quaternions (N,4) of any length as unit ones, f32; what has no direction becomes the identity, w x y z."""
    rotations = np.asarray(rotations, np.float32)
    largest = np.abs(rotations).max(1, initial=0.0)
    short = largest < SHORTEST
    if short.any():
        rotations = np.where(short[:, None], np.float32([1, 0, 0, 0]), rotations)
        largest = np.where(short, np.float32(1), largest)
    rotations = rotations / largest[:, None]  # so that no square overflows
    return rotations / np.sqrt(np.einsum("ni,ni->n", rotations, rotations))[:, None]


def without_largest(quaternions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which part of each unit quaternion (N,4) is largest, (N,), and the other three in order, (N,3) f32, with signs
    for which the largest is positive."""
    rows = np.arange(len(quaternions))
    largest = np.abs(quaternions).argmax(1)
    others = quaternions[rows[:, None], _OTHERS[largest]]
    return largest, np.where((quaternions[rows, largest] < 0)[:, None], -others, others)


def with_largest(largest: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The quaternions (N,4) f32 whose parts `largest` (N,) were left out: what `others` (N,3) lack to length 1."""
    rows = np.arange(len(others))
    out = np.empty((len(others), 4), np.float32)
    out[rows[:, None], _OTHERS[largest]] = others
    out[rows, largest] = np.sqrt(np.maximum(0, 1 - np.einsum("ni,ni->n", others, others)))
    return out
