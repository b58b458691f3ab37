"""Where things are: between the world, an asset's frame, its rest shape and the screen. No Qt.

Positions on the screen are pixels of the camera, from the top left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assets.asset import Asset
from assets.deform.drag import Point, as_point
from renderers.camera import Camera

if TYPE_CHECKING:
    from assets.deform.warp import Warp

ALONG_VIEW = 0.98
"""Cosine above which an axis points at the eye, so that a hand on the screen cannot move along it."""


def in_asset(asset: Asset, world: np.ndarray) -> np.ndarray:
    """A world point in the asset's frame, (3,) f64."""
    local = np.linalg.inv(asset.transform) @ np.append(np.asarray(world, np.float64), 1.0)
    return local[:3]


def in_world(asset: Asset, local: Point | np.ndarray) -> Point:
    """A point of the asset's frame in the world."""
    return as_point(asset.transform[:3, :3] @ np.asarray(local, np.float64) + asset.transform[:3, 3])


def length_in_world(asset: Asset, length: float) -> float:
    """A length of the asset's frame in the world; the mean where the asset is stretched."""
    return length * float(abs(np.linalg.det(asset.transform[:3, :3])) ** (1 / 3))


def at_rest(warp: Warp | None, moved: np.ndarray) -> np.ndarray:
    """Where what is now at `moved` (3,), in the asset's frame, lies in the rest shape: (3,).

    D is inverted around the nearest moved point of the matter, by its gradient there; a warp without a rig has a
    volume that knows.
    """
    if warp is None:
        return moved
    if warp.rig is None:
        return warp.volume.rest_places(moved[None])[0]
    skin, matter, binding = warp.skin, warp.rig.matter, warp.matter_binding
    places = skin.points(matter.points, binding)
    nearest = int(((places - moved) ** 2).sum(1).argmin())
    gradient = skin.gradients(binding, np.array([nearest]))[0]
    if abs(np.linalg.det(gradient)) < 1e-6:
        return matter.points[nearest]
    away = np.linalg.solve(gradient, moved - places[nearest])
    # A gradient is true near its point only.
    length, limit = float(np.linalg.norm(away)), 4.0 * matter.spacing
    return matter.points[nearest] + away * min(1.0, limit / max(length, 1e-300))


def depth_of(camera: Camera, world: np.ndarray) -> float:
    """Distance of a world point along the viewing axis."""
    return float((camera.eye - np.asarray(world)) @ camera.camera_to_world[:3, 2])


def beside(camera: Camera, world: np.ndarray, x: float, y: float) -> np.ndarray:
    """The point under (x, y) in the plane through `world` that is parallel to the screen."""
    return camera.unproject(x, y, depth_of(camera, world))


def ray(camera: Camera, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    """Origin and unit direction of what is seen at (x, y)."""
    near = camera.unproject(x, y, 0.0)
    away = camera.unproject(x, y, 1.0) - near
    return near, away / np.linalg.norm(away)


def along(camera: Camera, start: np.ndarray, axis: np.ndarray, x: float, y: float) -> np.ndarray:
    """The point of the line from `start` along the unit vector `axis` that is nearest to what is seen at (x, y). Where
    the axis points at the eye, the hand's way over the screen counts as it is."""
    origin, direction = ray(camera, x, y)
    cosine = float(axis @ direction)
    if abs(cosine) > ALONG_VIEW:
        return start + axis * float((beside(camera, start, x, y) - start) @ axis)
    between = start - origin
    way = (cosine * float(direction @ between) - float(axis @ between)) / (1.0 - cosine**2)
    return start + axis * way


def deeper(camera: Camera, world: np.ndarray, way: float) -> np.ndarray:
    """`world` moved `way` further from the eye, so that it stays where it is on the screen."""
    if camera.ortho_height is not None:
        return world - camera.camera_to_world[:3, 2] * way
    sight = world - camera.eye
    length = max(float(np.linalg.norm(sight)), 1e-300)
    return camera.eye + sight * (max(length + way, 1e-3 * length) / length)
