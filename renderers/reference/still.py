"""The exact still: a picture in which fields and splats are computed by their reference code instead of OpenGL.

It is made in two parts, so that a window can do the second in another process: `Frame.opaque_layer` needs the GL
context and draws meshes, points and the grid; `exact_still` needs no OpenGL and lays the rest over it, in the order in
which a frame draws: fields from far to near, then splats, each hidden by what is opaque and by fields that cover half.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from assets.asset import Asset
from assets.deform.kinds import flattened
from assets.progress import Job, stage
from assets.scene import Scene

from ..camera import Camera
from . import ExactRecord, Layer, exact_record

if TYPE_CHECKING:
    from ..frame import Frame
    from ..frame_settings import FrameSettings


def exact_still(
    assets: Iterable[Asset], camera: Camera, settings: FrameSettings, opaque: Layer | None = None
) -> Job[np.ndarray]:
    """A job that returns the picture of the visible ones of `assets`, premultiplied (H,W,4) f32 without a background.

    opaque: what `Frame.opaque_layer` returned; without it meshes and points are missing. Raises BadInput for an asset
    that has nothing to compute from, such as planes without a decoder.
    """
    size = camera.height, camera.width
    picture, limit = opaque or (np.zeros((*size, 4), np.float32), np.full(size, np.inf, np.float32))
    drawn = [(exact_record(asset), asset) for asset in assets if asset.visible]
    drawn = [(record, asset) for record, asset in drawn if record]
    drawn.sort(key=lambda pair: (pair[0].stage, -_distance_to(pair[1], camera)))
    for index, (record, asset) in enumerate(drawn):
        job = _drawn(record, asset, camera, limit, settings)
        layer, depth = yield from stage(job, index / len(drawn), (index + 1) / len(drawn))
        picture = layer + picture * (1 - layer[..., 3:])
        if record.writes_depth:
            limit = np.minimum(limit, depth)
    return picture


def _drawn(record: ExactRecord, asset: Asset, camera: Camera, limit: np.ndarray, settings: FrameSettings) -> Job[Layer]:
    """A job that draws an asset as a frame would, with its warp in its data or, where `settings` say so, at rest."""
    if asset.warp is not None and settings.rest:
        asset = copy(asset)
        asset.warp = None
    elif asset.warp is not None:
        asset = yield from stage(flattened(asset), 0.0, 0.1)
    return (yield from stage(record.draw(asset, camera, limit), 0.1, 1.0))


def draw_exact(frame: Frame, scene: Scene, camera: Camera, settings: FrameSettings) -> Job[np.ndarray]:
    """A job that returns the whole picture over its background: (H,W,4) u8, straight alpha, row 0 at the top."""
    opaque = yield from stage(frame.opaque_layer(scene, camera, settings), 0.0, 0.02)
    picture = yield from stage(exact_still(scene, camera, settings, opaque), 0.02, 1.0)
    return lay_over_background(picture, settings)


def lay_over_background(picture: np.ndarray, settings: FrameSettings) -> np.ndarray:
    """`picture`, premultiplied (H,W,4) f32, over the background of `settings`: (H,W,4) u8, straight alpha."""
    from ..frame_settings import background_colors

    top, bottom = (np.array(color) for color in background_colors(settings.background))
    height = len(picture)
    up = 1 - (np.arange(height)[:, None, None] + 0.5) / height
    background = bottom + (top - bottom) * up
    background[..., :3] *= background[..., 3:]
    picture = np.clip(picture, 0, 1)
    whole = picture + background * (1 - picture[..., 3:])
    whole[..., :3] /= np.maximum(whole[..., 3:], 1e-6)
    return np.round(np.clip(whole, 0, 1) * 255).astype(np.uint8)


def _distance_to(asset: Asset, camera: Camera) -> float:
    bounds = asset.bounds()
    return 0.0 if bounds is None else float(np.linalg.norm(bounds.mean(0) - camera.eye))
