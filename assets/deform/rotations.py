"""The rotations nearest to many 3×3 matrices at once, and rotations as vectors."""

from __future__ import annotations

import numpy as np


def nearest_rotations(matrices: np.ndarray) -> np.ndarray:
    """The proper rotations (n,3,3) nearest to `matrices` (n,3,3), by singular values (Kabsch 1976)."""
    left, _, right = np.linalg.svd(matrices)
    flip = np.linalg.det(left) * np.linalg.det(right) < 0
    left[flip, :, 2] *= -1.0
    return left @ right


def turned_towards(matrices: np.ndarray, start: np.ndarray, rounds: int = 2) -> np.ndarray:
    """Rotations (n,3,3) that approach the ones nearest to `matrices` from `start`: a few rounds are enough where the
    start is good, at a fraction of the time of singular values (Müller et al., "A Robust Method to Extract the
    Rotational Part of Deformations", 2016)."""
    turned = start
    for _ in range(rounds):
        product = matrices @ turned.transpose(0, 2, 1)
        torque = _axial(product - product.transpose(0, 2, 1))
        size = np.abs(np.einsum("nii->n", product)) + 1e-9 * np.abs(product).sum((1, 2)) + 1e-300
        turned = exponential(torque / size[:, None]) @ turned
    return turned


def exponential(vectors: np.ndarray) -> np.ndarray:
    """Rotations (n,3,3) around `vectors` (n,3) by their lengths in radians (Rodrigues' formula)."""
    angle = np.sqrt(np.einsum("ni,ni->n", vectors, vectors))
    small = angle < 1e-8
    safe = np.where(small, 1.0, angle)
    first = np.where(small, 1.0, np.sin(safe) / safe)
    second = np.where(small, 0.5, (1.0 - np.cos(safe)) / safe**2)
    x, y, z = vectors.T
    out = np.einsum("n,ni,nj->nij", second, vectors, vectors)
    diagonal = np.cos(angle)
    sx, sy, sz = first * x, first * y, first * z
    out[:, 0, 0] += diagonal
    out[:, 1, 1] += diagonal
    out[:, 2, 2] += diagonal
    out[:, 0, 1] -= sz
    out[:, 1, 0] += sz
    out[:, 0, 2] += sy
    out[:, 2, 0] -= sy
    out[:, 1, 2] -= sx
    out[:, 2, 1] += sx
    return out


def logarithm(rotation: np.ndarray) -> np.ndarray:
    """The vector (3,) around which one `rotation` (3,3) turns, by its length in radians, at most π."""
    cosine = np.clip((np.trace(rotation) - 1.0) / 2.0, -1.0, 1.0)
    angle = float(np.arccos(cosine))
    if angle < 1e-9:
        return np.zeros(3)
    if angle > np.pi - 1e-5:
        # The antisymmetric part vanishes; the axis is the column of R + 1 that is longest.
        column = max((rotation + np.eye(3)).T, key=np.linalg.norm)
        return angle * column / np.linalg.norm(column)
    return _axial((rotation - rotation.T)[None])[0] * (angle / (2.0 * np.sin(angle)))


def rigid_fit(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """The rotation (3,3) that best takes `source` (n,3) to `target` (n,3) around their means, and the largest distance
    that is left. Where the points lie on a line or in one place it turns no more than needed."""
    a, b = source - source.mean(0), target - target.mean(0)
    product = b.T @ a
    left, values, right = np.linalg.svd(product)
    if values[0] <= 1e-30:
        return np.eye(3), float(np.linalg.norm(b - a, axis=1).max(initial=0.0))
    if values[1] < 1e-9 * values[0]:
        rotation = _shortest_turn(right[0], left[:, 0])
    else:
        middle = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
        rotation = left @ middle @ right
    return rotation, float(np.linalg.norm(a @ rotation.T - b, axis=1).max())


def _shortest_turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The rotation by the least angle that takes one unit vector to another."""
    axis, cosine = np.cross(start, end), float(np.clip(start @ end, -1.0, 1.0))
    length = float(np.linalg.norm(axis))
    if length < 1e-12:
        if cosine > 0:
            return np.eye(3)
        axis = np.cross(start, np.eye(3)[np.argmin(np.abs(start))])
        return exponential((np.pi * axis / np.linalg.norm(axis))[None])[0]
    return exponential((np.arctan2(length, cosine) * axis / length)[None])[0]


def _axial(antisymmetric: np.ndarray) -> np.ndarray:
    """The vectors (n,3) of antisymmetric matrices (n,3,3)."""
    a = antisymmetric
    return np.stack([a[:, 2, 1], a[:, 0, 2], a[:, 1, 0]], 1)
