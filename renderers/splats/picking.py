"""What is seen of splats at one pixel: the depth at which half of the light is gone, and the splat that takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.deform.warp import Warp
from assets.gaussians import Gaussians

from ..camera import Camera
from .order import Frustum, SplatOrder, distances, frustum_of
from .projection import camera_matrix
from .surfels import project_as_drawn

_BLOCK = 65536
_FIRST_PIECE = 128


@dataclass(frozen=True)
class PickedSplat:
    """row: which of the asset's. depth: distance of its centre along the viewing axis, the median of what is seen."""

    row: int
    depth: float


def median_splat(
    asset: Gaussians,
    order: SplatOrder,
    rows: np.ndarray,
    camera: Camera,
    x: float,
    y: float,
    diagonal: float,
    warp: Warp | None = None,
) -> PickedSplat | None:
    """The splat with which those in front have taken half of the light at the picture position (x, y), or None where
    more than half passes all of them. `rows` are the asset's rows that `order` holds, moved by `warp` where there is
    one.

    The median is where a viewer sees a surface; the nearest centre may be a faint floater in front of it.
    """
    frustum = frustum_of(camera, camera_matrix(asset, camera), asset.display.size, (x, y, x, y))
    near = _along(order.positions[:, : len(rows)], order.reaches[: len(rows)], frustum, _corners(asset))
    through, start, piece = 1.0, 0, _FIRST_PIECE
    while start < len(near):
        flat = project_as_drawn(asset, rows[near[start : start + piece]], camera, diagonal, warp)
        start, piece = start + piece, 2 * piece
        nearest_first = np.argsort(flat.depths, kind="stable")
        left = through * np.cumprod(1 - flat.alphas(x, y)[nearest_first])
        halfway = int(np.searchsorted(-left, -0.5))
        if halfway < len(left):
            found = nearest_first[halfway]
            return PickedSplat(int(flat.rows[found]), float(flat.depths[found]))
        through = float(left[-1]) if len(left) else through
    return None


def _corners(asset: Gaussians) -> np.ndarray:
    """Corners (8,3) of a box around all splats, in the asset's own frame."""
    x, y, z = asset.bounds().T
    corners = np.array([(i, j, k) for i in x for j in y for k in z])
    return (corners - asset.transform[:3, 3]) @ np.linalg.inv(asset.transform[:3, :3]).T


def _along(positions: np.ndarray, reaches: np.ndarray, frustum: Frustum, corners: np.ndarray) -> np.ndarray:
    """Which splats at `positions` (3,n) with `reaches` (n,) may touch a frustum as narrow as a pixel, nearest first.

    The planes through its middle leave few to look at closer: as far from either as the frustum is wide at the farthest
    of `corners` (m,3), and a splat reaches. That takes one pass where two opposite sides take two.
    """
    normals, offsets, places = frustum.normals, frustum.offsets, corners.T.astype(np.float32)
    pairs = [(1, 2), (3, 4)]
    middle = Frustum(
        np.array([(normals[a] - normals[b]) / 2 for a, b in pairs]),
        np.array([(offsets[a] - offsets[b]) / 2 for a, b in pairs]),
        np.array([max(frustum.reaches[a], frustum.reaches[b]) for a, b in pairs]),
    )
    widths = [max(0.0, (distances(places, frustum, a) + distances(places, frustum, b)).max() / 2) for a, b in pairs]
    found, depths = [], []
    for start in range(0, positions.shape[1], _BLOCK):
        block, reach = positions[:, start : start + _BLOCK], reaches[start : start + _BLOCK]
        few = np.flatnonzero(_near(block, reach, middle, 0, widths[0]) & _near(block, reach, middle, 1, widths[1]))
        block, reach = block[:, few], reach[few]
        depth = distances(block, frustum, 0)
        inside = depth > 0
        for row in range(1, len(normals)):
            inside &= distances(block, frustum, row) > -frustum.reaches[row] * reach
        found.append(few[inside] + start)
        depths.append(depth[inside])
    if not found:
        return np.empty(0, np.int64)
    return np.concatenate(found)[np.argsort(np.concatenate(depths), kind="stable")]


def _near(block: np.ndarray, reach: np.ndarray, middle: Frustum, row: int, width: float) -> np.ndarray:
    """Which points (3,n) with a reach (n,) are nearer to a middle plane than `width` and that."""
    away = distances(block, middle, row)
    np.abs(away, out=away)
    return away < middle.reaches[row] * reach + np.float32(width * 1.0001)
