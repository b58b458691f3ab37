"""Quaternions w x y z as arrays (N,4), and rotation matrices."""

from __future__ import annotations

import numpy as np


def normalized(quaternions: np.ndarray) -> np.ndarray:
    """Unit quaternions (N,4) f64; what is too short to have a direction becomes the identity."""
    quaternions = np.asarray(quaternions, np.float64)
    length = np.linalg.norm(quaternions, axis=1, keepdims=True)
    unit = quaternions / np.where(length > 1e-12, length, 1.0)
    unit[length[:, 0] <= 1e-12] = (1.0, 0.0, 0.0, 0.0)
    return unit


def to_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices (N,3,3) f64 of quaternions of any length."""
    w, x, y, z = normalized(quaternions).T
    out = np.empty((len(w), 3, 3))
    out[:, 0, 0], out[:, 0, 1], out[:, 0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    out[:, 1, 0], out[:, 1, 1], out[:, 1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
    out[:, 2, 0], out[:, 2, 1], out[:, 2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
    return out


def from_matrices(matrices: np.ndarray) -> np.ndarray:
    """Unit quaternions (N,4) f64 of rotation matrices (N,3,3).

    Of the four ways to write a quaternion by sums of entries, each row takes the one whose root is largest (Shepperd,
    "Quaternion from Rotation Matrix", 1978), so nothing small is divided by.
    """
    m = np.asarray(matrices, np.float64)
    xx, yy, zz = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], 1)
    wx, wy, wz = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    xy, xz, yz = m[:, 0, 1] + m[:, 1, 0], m[:, 0, 2] + m[:, 2, 0], m[:, 1, 2] + m[:, 2, 1]
    products = np.stack(
        [
            np.stack([squares[:, 0], wx, wy, wz], 1),
            np.stack([wx, squares[:, 1], xy, xz], 1),
            np.stack([wy, xy, squares[:, 2], yz], 1),
            np.stack([wz, xz, yz, squares[:, 3]], 1),
        ],
        1,
    )
    return normalized(products[np.arange(len(m)), squares.argmax(1)])


def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The products left·right (N,4) f64: the rotation `right` first. Lengths multiply."""
    w1, x1, y1, z1 = np.asarray(left, np.float64).T
    w2, x2, y2, z2 = np.asarray(right, np.float64).T
    return np.stack(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ],
        1,
    )
