"""How large each splat is in the picture as it is seen now: an attribute that hangs on the camera. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np

from assets.gaussians import Gaussians
from assets.splats.attributes import Attribute
from renderers.camera import Camera
from renderers.splats.projection import radii

KEY = "view_radius"


def view_radius(camera: Camera, pixel_ratio: float) -> Attribute:
    """The attribute for this view: 3 σ along the longer axis, in px of the window, of which `pixel_ratio` is the size
    in those of the camera. What the view does not show has none."""

    def values(asset: Gaussians, rows: slice) -> np.ndarray:
        return radii(asset, np.arange(len(asset))[rows], camera, asset.warp) / pixel_ratio

    told = "3 σ along the longer axis in the picture as it is now, as the limit “Largest radius” has it"
    return Attribute(KEY, "Radius in the picture", told, values, "px", True, "not in the picture")


def seen_with(asset: Gaussians, camera: Camera) -> tuple[Any, ...]:
    """What the radii of an asset hang on beside its data: two views with equal ones show equal radii."""
    lens = (camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height, camera.ortho_height)
    warp = None if asset.warp is None else id(asset.warp)
    place = camera.camera_to_world.tobytes() + asset.transform.tobytes()
    return (place, *lens, *vars(asset.display).values(), warp)
