"""Where a camera stands so that it sees all of something: the default view of a picture and of "frame all"."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assets.asset import UP_VECTORS, Asset

from .camera import Camera

THREE_QUARTER_DEG = (35.0, 22.0)
"""Turn to the right of the front and rise above the ground of the default view."""

MARGIN = 1.08
"""Share of the picture's half size that stays free around the box, as a factor."""

_NEAREST = 1e-5
"""Half the side of what a single point is taken for, as a share of its distance from the origin: f32 has 1e-7."""

FRONT_VECTORS = {"y": (0.0, 0.0, 1.0), "-y": (0.0, 0.0, -1.0), "z": (0.0, -1.0, 0.0), "-z": (0.0, 1.0, 0.0)}
"""The side from which a thing is seen from its front, for each up axis: +z in glTF, −y in Blender."""


def framing(
    bounds: np.ndarray | None,
    up: str = "y",
    size: tuple[int, int] = (1280, 720),
    fov_y_deg: float = 45.0,
    direction: np.ndarray | None = None,
) -> Camera:
    """A camera that looks at the middle of the box `bounds` (2,3) from as near as shows all of its eight corners.

    up: "y", "-y", "z" or "-z". size: (width, height) in pixels. direction: from the box to the camera, (3,), any
    length; None for the three-quarter view. A missing or empty box is treated as one of side 2 or 1.
    """
    low, high = np.array([[-1.0] * 3, [1.0] * 3] if bounds is None else bounds, np.float64)
    middle = (low + high) / 2
    half = (high - low) / 2 if (high > low).any() else np.full(3, max(0.5, _NEAREST * np.abs(middle).max()))
    back = three_quarter(up) if direction is None else np.asarray(direction, np.float64)
    # Turned at the origin, since far from it a step of one direction may be none at all.
    camera = Camera.look_at(back, np.zeros(3), UP_VECTORS[up], fov_y_deg, *size)
    signs = np.stack(np.meshgrid(*[(-1.0, 1.0)] * 3, indexing="ij"), -1).reshape(-1, 3)
    corners = (signs * half) @ camera.camera_to_world[:3, :3]
    tangents = np.array([camera.width / (2 * camera.fx), camera.height / (2 * camera.fy)]) / MARGIN
    # A corner at height z towards the camera is inside while |x| ≤ tangent · (distance − z).
    distance = float((corners[:, 2:] + np.abs(corners[:, :2]) / tangents).max())
    pose = camera.camera_to_world.copy()
    pose[:3, 3] = middle + pose[:3, 2] * distance
    return Camera.with_fov(pose, fov_y_deg, *size)


def depth_extent(bounds: np.ndarray, camera: Camera) -> tuple[float, float]:
    """Distances along the viewing axis to the nearest and the farthest corner of the world box `bounds` (2,3)."""
    corners = np.stack(np.meshgrid(*bounds.T, indexing="ij"), -1).reshape(-1, 3)
    depths = (camera.eye - corners) @ camera.camera_to_world[:3, 2]
    return float(depths.min()), float(depths.max())


def three_quarter(up: str) -> np.ndarray:
    """The unit direction from which the default view looks, (3,)."""
    turn, rise = np.radians(THREE_QUARTER_DEG)
    above, front = np.array(UP_VECTORS[up]), np.array(FRONT_VECTORS[up])
    right = np.cross(above, front)
    return np.cos(rise) * (np.cos(turn) * front + np.sin(turn) * right) + np.sin(rise) * above


def common_up(assets: Iterable[Asset]) -> str:
    """The world axis that all assets that name one call up, "y" where they differ or say nothing."""
    named = {asset.world_up() for asset in assets} - {None}
    return named.pop() if len(named) == 1 else "y"
