"""Point clouds under a deformation: positions follow, and normals where the file has them."""

from __future__ import annotations

import numpy as np

from ...meshes.normals import unit
from ...points import Points
from ...progress import Job, Progress, stage
from ..applying import cofactors, dressed, moved_blocks
from ..clouds import SAMPLES, cloud_matter, nearest
from ..matter import Matter
from . import Deformable, Elements

_NORMALS = ("nx", "ny", "nz")


def stripped(asset: Points) -> Points:
    """A copy with positions alone."""
    return Points(asset.name, asset.positions)


def matter(asset: Points) -> Job[tuple[Matter, list[Elements]]]:
    """All points are visible matter; neighbours hang together where they are close for where they lie."""
    yield Progress(0, 1, "Sampling points")
    positions = asset.positions
    if len(positions) > SAMPLES:
        chosen = np.random.default_rng(0).permutation(len(positions))[:SAMPLES]
        samples = positions[chosen].astype(np.float64)
    else:
        samples = positions.astype(np.float64)
    found, near = yield from stage(cloud_matter(samples), 0.0, 0.6)
    near = yield from stage(nearest(positions, samples, near), 0.6, 1.0)
    return found, [Elements(positions, near)]


def applied(asset: Points) -> Job[Points]:
    """A copy with moved positions; colours stay."""
    positions, extra = asset.positions.copy(), dict(asset.extra)
    turning = all(name in extra for name in _NORMALS)
    normals = np.stack([extra[name] for name in _NORMALS], 1) if turning else None
    for moved in moved_blocks(asset.warp, asset.warp.bindings[0], asset.positions):
        positions[moved.rows] = moved.points
        if turning:
            before = normals[moved.rows].astype(np.float64)
            bent = unit(np.einsum("nij,nj->ni", cofactors(moved.gradients), before))
            normals[moved.rows] = bent * np.linalg.norm(before, axis=1, keepdims=True)
        yield Progress(moved.done, len(positions), "Moving points")
    if turning:
        extra |= {name: normals[:, axis].astype(extra[name].dtype) for axis, name in enumerate(_NORMALS)}
    return dressed(Points(asset.name, positions, asset.colors, extra, asset.provenance), asset)


DEFORMABLE = Deformable(Points, stripped, matter, applied)
