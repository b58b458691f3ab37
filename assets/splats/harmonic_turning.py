"""Turns the view-dependent colours of many splats at once, each by a rotation of its own.

As in `spherical_harmonics.turning`, a band is known by its values in some directions: those of the turned function are
the old one's in the directions turned back, and the new coefficients follow from them by a fixed matrix. So no matrix
has to be built for any splat.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from . import quaternions
from .spherical_harmonics import basis

_BLOCK = 8192


def turned(sh: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Coefficients `sh` (N,K,3) turned by the quaternions w x y z `turns` (N,4): (N,K,3) in the type of `sh`."""
    out = sh.copy()
    degree = round(sh.shape[1] ** 0.5) - 1
    if degree < 1:
        return out
    for start in range(0, len(sh), _BLOCK):
        rows = slice(start, start + _BLOCK)
        matrices = quaternions.to_matrices(turns[rows]).astype(np.float32)
        for band in range(1, degree + 1):
            directions, solve = _samples(band)
            part = slice(band**2, (band + 1) ** 2)
            count = len(directions)
            back = np.matmul(directions, matrices)
            values = basis(back.reshape(-1, 3), band)[:, part].reshape(-1, count, 2 * band + 1)
            out[rows, part] = solve @ (values @ sh[rows, part].astype(np.float32))
    return out


@cache
def _samples(band: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (m,3) f32 in which a band is looked at, and the matrix (2·band+1, m) f32 from values to coefficients.

    A band is even or odd, so half a sphere says all; a few directions more than needed keep the matrix tame.
    """
    count = 2 * band + 3
    index = np.arange(count)
    height = (index + 0.5) / count
    angle, ring = index * np.pi * (3 - 5**0.5), np.sqrt(1 - height**2)
    directions = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], 1).astype(np.float32)
    values = basis(directions.astype(np.float64), band)[:, band**2 :]
    return directions, np.linalg.pinv(values).astype(np.float32)
