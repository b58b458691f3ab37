"""What is seen of splats at one pixel: the depth at which half of the light is gone."""

from __future__ import annotations

import numpy as np

from assets.deform.warp import Warp
from assets.gaussians import Gaussians

from .camera import Camera
from .splat_order import SplatOrder, frustum_of, seen
from .splat_projection import camera_matrix
from .splat_surfels import project_as_drawn


def median_depth(
    asset: Gaussians,
    order: SplatOrder,
    rows: np.ndarray,
    camera: Camera,
    x: float,
    y: float,
    diagonal: float,
    warp: Warp | None = None,
) -> float | None:
    """Distance along the viewing axis at which the splats in front have taken half of the light at the picture
    position (x, y), or None where more than half passes all of them. `rows` are the asset's rows that `order` holds,
    moved by `warp` where there is one.

    The median is where a viewer sees a surface; the nearest centre may be a faint floater in front of it.
    """
    matrix = camera_matrix(asset, camera)
    frustum = frustum_of(camera, matrix, asset.display.size, (x, y, x, y))
    indices, _ = seen(order.positions[:, : len(rows)], order.reaches[: len(rows)], frustum)
    flat = project_as_drawn(asset, rows[indices], camera, diagonal, warp)
    nearest_first = np.argsort(flat.depths, kind="stable")
    through = np.cumprod(1 - flat.alphas(x, y)[nearest_first])
    halfway = int(np.searchsorted(-through, -0.5))
    return float(flat.depths[nearest_first[halfway]]) if halfway < len(through) else None
