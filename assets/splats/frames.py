"""The axes that splat files are written in, and the way from one to another.

A frame is named by where its x, y and z axes point: "RDF" is right, down, front, the frame of COLMAP and so of the
.ply files of trainers; "RUB" that of OpenGL and .spz; "LUF" that of glTF. Splats are kept in the frame of the .ply, and
converted when a format calls for another: means, rotations and view-dependent colours together.

Where axes only change their signs, all of it is exact: means and coefficients of SH change signs, and of a quaternion
those parts of its axis that lie along two axes of which one is turned. A splat is the same mirrored through its centre,
so this holds for reflections as well.
"""

from __future__ import annotations

import numpy as np

from ..gaussians import Gaussians
from ..progress import Job, Progress
from .transform import baked

PLY = "RDF"
"""The frame that splats are kept in."""

_DIRECTIONS = {"R": (1, 0, 0), "L": (-1, 0, 0), "D": (0, 1, 0), "U": (0, -1, 0), "F": (0, 0, 1), "B": (0, 0, -1)}

_PARITY = ("", "y", "z", "x", "xy", "yz", "", "xz", "", "y", "xyz", "y", "z", "x", "z", "x")
"""In which axes each coefficient's function is odd, degrees 0 … 3."""

_NORMALS = ("nx", "ny", "nz")


def between(source: str, target: str) -> np.ndarray:
    """The matrix (3,3) f64 that takes points in the frame `source` to the frame `target`: axes, signed."""
    into, out = (np.array([_DIRECTIONS[letter] for letter in frame], np.float64) for frame in (source, target))
    return out @ into.T


def sh_signs(signs: tuple[float, float, float], degree: int) -> np.ndarray:
    """The sign (K,) f32 that each coefficient takes when the axes take `signs`."""
    axes = dict(zip("xyz", signs, strict=True))
    factors = [np.prod([axes[letter] for letter in odd]) for odd in _PARITY[: (degree + 1) ** 2]]
    return np.array(factors, np.float32)


def sign_factors(signs: tuple[float, float, float], degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What means (3,), rotations (4,) and SH (K,1) are multiplied with when the axes take `signs`, f32."""
    x, y, z = signs
    turned = np.array([1, y * z, x * z, x * y], np.float32)
    return np.array(signs, np.float32), turned, sh_signs(signs, degree)[:, None]


def signs_between(source: str, target: str) -> tuple[float, float, float] | None:
    """The signs that the axes take on the way from one frame to another; None where axes change places."""
    matrix = between(source, target)
    return tuple(np.diag(matrix)) if np.array_equal(np.abs(matrix), np.eye(3)) else None


def flipped(gaussians: Gaussians, signs: tuple[float, float, float], in_place: bool = False) -> Gaussians:
    """A copy whose axes have taken `signs` (each 1 or −1), exactly. It shares what doesn't change, its place in the
    world among it; the order in which splats matter stays. in_place: write into the arrays that change, which saves
    memory where nobody else has them yet."""
    factors = axes, _, _ = sign_factors(signs, gaussians.sh_degree)
    extra = dict(gaussians.extra)
    extra |= {name: extra[name] * sign for name, sign in zip(_NORMALS, axes, strict=True) if name in extra}
    arrays = (gaussians.means, gaussians.rotations, gaussians.sh)
    with np.errstate(invalid="ignore"):  # a damaged file may bring NaN along
        means, rotations, sh = (
            np.multiply(array, factor, out=array if in_place else None)
            for array, factor in zip(arrays, factors, strict=True)
        )
    return gaussians.sharing(means=means, rotations=rotations, sh=sh, extra=extra)


def spz_flipped(gaussians: Gaussians) -> Gaussians:
    """A copy as if its .spz had been read in the other of the two frames that such files are written in."""
    return flipped(gaussians, (1.0, -1.0, -1.0))


def converted(gaussians: Gaussians, source: str, target: str, in_place: bool = False) -> Job[Gaussians]:
    """A job that returns splats of the frame `source` in the frame `target`; themselves where it is the same.
    in_place: its arrays may be written into."""
    if source == target:
        return gaussians
    yield Progress(0, 1, "Turning splats")
    signs = signs_between(source, target)
    if signs is not None:
        return flipped(gaussians, signs, in_place)
    whole = np.eye(4)
    whole[:3, :3] = between(source, target)
    return (yield from baked(gaussians, whole))
