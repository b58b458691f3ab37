"""Stretches many splats at once, each by a linear map of its own."""

from __future__ import annotations

import numpy as np

from ..gaussians import LARGEST_LOG_SCALE
from . import quaternions

_SWEEPS = 8
_SQUARE = 1e-14
"""Axes are square to each other when their cosine is below this."""

_PAIRS = ((0, 1), (0, 2), (1, 2))


def stretched(linear: np.ndarray, log_scales: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log_scales (n,2|3) and rotations (n,4) f64 unit of splats under the maps `linear` (n,3,3): Σ' = J Σ Jᵀ.

    The columns of J R S are made square to each other by turning pairs of them (one-sided Jacobi: Hestenes 1958). That
    keeps thin splats thin as singular values do, and each axis stays where it was in the row, the more so the less it
    was stretched.
    """
    stored = np.clip(log_scales.astype(np.float64), -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE)
    flat = stored.shape[1]
    axes = (linear @ quaternions.to_matrices(rotations)[:, :, :flat]) * np.exp(stored)[:, None, :]
    columns = _squared([np.ascontiguousarray(axes[:, :, axis].T) for axis in range(flat)])
    sizes = np.stack([np.sqrt(_dot(column, column)) for column in columns], 1)
    out = np.clip(np.log(np.maximum(sizes, np.exp(-LARGEST_LOG_SCALE))), -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE)
    return out, quaternions.from_matrices(_frame(columns, sizes))


def axis_stretch(linear: np.ndarray, rotations: np.ndarray, flat: int = 3) -> np.ndarray:
    """By how much the maps `linear` (n,3,3) stretch each of the first `flat` axes of splats: (n,flat)."""
    return np.linalg.norm(linear @ quaternions.to_matrices(rotations)[:, :, :flat], axis=1)


def _squared(columns: list[np.ndarray]) -> list[np.ndarray]:
    """Columns (3,n) each, turned among themselves until they are square to each other."""
    pairs = [pair for pair in _PAIRS if pair[1] < len(columns)]
    for _ in range(_SWEEPS):
        worst = 0.0
        for a, b in pairs:
            x, y = columns[a], columns[b]
            xx, yy, xy = _dot(x, x), _dot(y, y), _dot(x, y)
            bound = np.sqrt(xx * yy)
            skew = np.abs(xy) > _SQUARE * bound
            worst = max(worst, float(np.max(np.abs(xy) / np.maximum(bound, 1e-300), initial=0.0)))
            if not skew.any():
                continue
            # The smaller of the two angles that square them (Golub and Van Loan, Matrix Computations, 8.5.2).
            half = (yy - xx) / np.where(skew, 2 * xy, 1.0)
            tangent = np.where(skew, np.copysign(1.0, half) / (np.abs(half) + np.sqrt(1 + half * half)), 0.0)
            cosine = 1 / np.sqrt(1 + tangent * tangent)
            sine = cosine * tangent
            columns[a], columns[b] = cosine * x - sine * y, sine * x + cosine * y
        if worst < 1e-8:
            break
    return columns


def _frame(columns: list[np.ndarray], sizes: np.ndarray) -> np.ndarray:
    """Rotations (n,3,3) whose columns are the directions of square `columns` (3,n), with sizes (n,2|3); the smallest
    one, or one that has no direction, is square to the others."""
    count = len(sizes)
    matrix = np.zeros((count, 3, 3))
    for axis, column in enumerate(columns):
        matrix[:, :, axis] = (column / np.maximum(sizes[:, axis], 1e-300)).T
    full = np.concatenate([sizes, np.full((count, 3 - sizes.shape[1]), -1.0)], 1)
    order = np.argsort(-full, axis=1, kind="stable")
    rows = np.arange(count)
    first, second, third = (matrix[rows, :, order[:, place]] for place in range(3))
    lost = full[rows, order[:, 0]] <= 0
    first[lost] = (1.0, 0.0, 0.0)
    lost = full[rows, order[:, 1]] <= 1e-12 * np.maximum(full[rows, order[:, 0]], 1e-300)
    second[lost] = np.cross(first[lost], np.eye(3)[np.abs(first[lost]).argmin(1)])
    second -= _rows_dot(first, second) * first
    second /= np.maximum(np.linalg.norm(second, axis=1, keepdims=True), 1e-300)
    third = np.cross(first, second)
    # An odd order of the three is a left-handed one.
    odd = ((order[:, 1] - order[:, 0]) % 3) == 2
    third[odd] *= -1.0
    for place, vectors in enumerate((first, second, third)):
        matrix[rows, :, order[:, place]] = vectors
    return matrix


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _rows_dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ni,ni->n", a, b)[:, None]
