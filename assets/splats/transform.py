"""Moving splats for good: an affine map baked into means, sizes, rotations and view-dependent colours.

A rotation with one scale keeps every splat's axes: sizes are multiplied, rotations turned. Any other map changes the
covariance Σ to A Σ Aᵀ, whose eigenvectors are the new axes. Colours turn with the rotation nearest to A (its polar
factor), which is exact where A has one scale, mirrored or not.
"""

from __future__ import annotations

import copy

import numpy as np

from ..errors import BadInput
from ..gaussians import LARGEST_LOG_SCALE, Gaussians
from ..progress import Job, Progress
from . import quaternions, spherical_harmonics

_BLOCK = 65536
_NORMALS = ("nx", "ny", "nz")


def baked(gaussians: Gaussians, transform: np.ndarray | None = None) -> Job[Gaussians]:
    """A copy with `transform` (4,4), by default its own, in its data and the identity as its transform.

    Raises BadInput where the transform flattens space.
    """
    matrix = np.asarray(gaussians.transform if transform is None else transform, np.float64)
    linear, offset = matrix[:3, :3], matrix[:3, 3]
    size = abs(np.linalg.det(linear)) ** (1 / 3)
    if not np.isfinite(matrix).all() or size < 1e-12:
        raise BadInput(f"{gaussians.name}: its transform flattens space and cannot be saved with it.")
    turn = _polar(linear)
    rigid = np.allclose(linear, turn * size, rtol=0, atol=1e-7 * size)
    out = _duplicate(gaussians)
    sh_turn = spherical_harmonics.turning(turn, gaussians.sh_degree)
    for start in range(0, len(out), _BLOCK):
        rows = slice(start, start + _BLOCK)
        out.means[rows] = gaussians.means[rows].astype(np.float64) @ linear.T + offset
        out.sh[rows] = np.einsum("kj,njc->nkc", sh_turn, gaussians.sh[rows])
        if rigid:
            out.log_scales[rows] = gaussians.log_scales[rows] + np.log(size)
            out.rotations[rows] = _turned(turn, gaussians.rotations[rows])
        else:
            out.log_scales[rows], out.rotations[rows] = _stretched(linear, gaussians, rows)
        yield Progress(min(start + _BLOCK, len(out)), len(out), "Moving splats")
    if "filter_3D" in out.extra:
        out.extra["filter_3D"] = (out.extra["filter_3D"] * size).astype(out.extra["filter_3D"].dtype)
    if all(name in out.extra for name in _NORMALS):
        normals = np.stack([out.extra[name] for name in _NORMALS], 1) @ turn.T
        out.extra |= {name: normals[:, axis].astype(np.float32) for axis, name in enumerate(_NORMALS)}
    return out


def _duplicate(gaussians: Gaussians) -> Gaussians:
    """A copy with arrays of its own for what is about to change, at the origin."""
    out = Gaussians(
        gaussians.name,
        np.empty_like(gaussians.means),
        np.empty_like(gaussians.log_scales),
        np.empty_like(gaussians.rotations),
        gaussians.logit_opacities,
        np.empty_like(gaussians.sh),
        dict(gaussians.extra),
        gaussians.notes,
        gaussians.layout,
        gaussians.provenance,
    )
    out.display = copy.copy(gaussians.display)
    return out


def _polar(linear: np.ndarray) -> np.ndarray:
    """The rotation, or reflection where `linear` mirrors, nearest to `linear` (3,3)."""
    left, _, right = np.linalg.svd(linear)
    return left @ right


def _turned(turn: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Stored quaternions turned by `turn`, with their lengths. A Gaussian is the same mirrored through its centre, so
    a reflection turns it as the rotation −`turn` does."""
    proper = turn * np.sign(np.linalg.det(turn))
    quaternion = quaternions.from_matrices(proper[None])
    product = quaternions.multiply(quaternion, rotations)
    zero = ~rotations.any(1)
    product[zero] = quaternion
    return product


def _stretched(linear: np.ndarray, gaussians: Gaussians, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """log_scales and rotations of splats under any linear map."""
    stored = np.clip(gaussians.log_scales[rows].astype(np.float64), -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE)
    axes = linear @ quaternions.to_matrices(gaussians.rotations[rows])
    flat = stored.shape[1]
    # The singular values of A R S are the new σ; unlike the eigenvalues of its square they keep thin splats thin.
    left, sizes, _ = np.linalg.svd(axes[:, :, :flat] * np.exp(stored)[:, None, :])
    left[:, :, 2] *= np.sign(np.linalg.det(left))[:, None]
    log_scales = np.log(np.maximum(sizes, np.exp(-LARGEST_LOG_SCALE)))
    return log_scales, quaternions.from_matrices(left)
