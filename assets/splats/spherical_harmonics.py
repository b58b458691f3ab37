"""Real spherical harmonics to degree 3, in the order and with the signs that Gaussian splats are trained with.

Coefficient 0 is the constant term; band l holds coefficients l² … (l+1)²−1. Source of the constants: Sloan, "Efficient
Spherical Harmonic Evaluation" (2013), with the Condon–Shortley sign, as in 3D Gaussian Splatting (Kerbl et al. 2023).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

Array = TypeVar("Array")

MAX_DEGREE = 3
C0 = 0.28209479177387814
C1 = 0.4886025119029199
C2 = (1.0925484305920792, 0.31539156525252005, 0.5462742152960396)
C3 = (0.5900435899266435, 2.890611442640554, 0.4570457994644658, 0.3731763325901154, 1.445305721320277)


def coefficient_count(degree: int) -> int:
    """How many coefficients all bands to `degree` have together."""
    return (degree + 1) ** 2


def basis(directions: Array, degree: int) -> Array:
    """The basis functions at unit `directions` (N,3): (N, (degree+1)²), in the type of `directions`, an array of numpy
    or a torch tensor on any device."""
    shape = (len(directions), coefficient_count(degree))
    out = np.empty(shape, directions.dtype) if isinstance(directions, np.ndarray) else directions.new_empty(shape)
    out[:, 0] = C0
    if degree < 1:
        return out
    x, y, z = directions.T
    out[:, 1], out[:, 2], out[:, 3] = -C1 * y, C1 * z, -C1 * x
    if degree < 2:
        return out
    xx, yy, zz, xy, yz, xz = x * x, y * y, z * z, x * y, y * z, x * z
    out[:, 4], out[:, 5] = C2[0] * xy, -C2[0] * yz
    out[:, 6] = C2[1] * (2 * zz - xx - yy)
    out[:, 7], out[:, 8] = -C2[0] * xz, C2[2] * (xx - yy)
    if degree < 3:
        return out
    out[:, 9] = -C3[0] * y * (3 * xx - yy)
    out[:, 10] = C3[1] * xy * z
    out[:, 11] = -C3[2] * y * (4 * zz - xx - yy)
    out[:, 12] = C3[3] * z * (2 * zz - 3 * xx - 3 * yy)
    out[:, 13] = -C3[2] * x * (4 * zz - xx - yy)
    out[:, 14] = C3[4] * z * (xx - yy)
    out[:, 15] = -C3[0] * x * (xx - 3 * yy)
    return out


def colors(sh: np.ndarray, directions: np.ndarray, degree: int) -> np.ndarray:
    """Display-referred colours max(Σ + ½, 0) of splats with coefficients `sh` (N,K,3) seen along unit `directions`
    (N,3), from the bands up to `degree` that are stored: (N,3)."""
    count = min(coefficient_count(degree), sh.shape[1])
    weights = basis(directions, round(count**0.5) - 1)
    return np.maximum(np.einsum("nk,nkc->nc", weights, sh[:, :count]) + 0.5, 0)


def spread_directions(count: int = 64) -> np.ndarray:
    """Unit directions (count,3) f64, evenly spread over the sphere along a spiral of the golden angle."""
    index = np.arange(count)
    height = 1 - (2 * index + 1) / count
    angle = index * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), height], 1)


def turning(orthogonal: np.ndarray, degree: int) -> np.ndarray:
    """The matrix (K,K) f64 that turns coefficients by the rotation (or reflection) `orthogonal` (3,3).

    A band is closed under turning, so its new coefficients are those that match the turned function in more directions
    than it has coefficients; solving for them is exact to rounding, and needs no recurrences for each band.
    """
    directions = spread_directions()
    before, after = basis(directions @ orthogonal, degree), basis(directions, degree)
    out = np.zeros((coefficient_count(degree),) * 2)
    for band in range(degree + 1):
        part = slice(band**2, (band + 1) ** 2)
        out[part, part] = np.linalg.lstsq(after[:, part], before[:, part], rcond=None)[0]
    return out
