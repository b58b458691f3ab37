"""Where a field is in a picture: the pixels that its box covers, and its rays as the shaders of fields want them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from OpenGL import GL

from assets.fields.bricks.grid import BrickGrid
from assets.triplane import Triplane

from ..camera import Camera
from ..framing import depth_extent
from ..renderer import Quality, View

SCALES = (1.0, 0.75, 0.5, 0.35, 0.25)
"""Sizes of the picture relative to the frame. Few, since each change makes new targets."""


@dataclass(frozen=True)
class Rectangle:
    """Pixels from (left, bottom) up to and without (right, top), counted from the lower left."""

    left: int
    bottom: int
    right: int
    top: int

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.right <= self.left or self.top <= self.bottom

    def scaled(self, x: float, y: float, width: int, height: int) -> Rectangle:
        """The pixels that this one touches in a picture of width × height, scaled by x and y."""
        right, top = min(width, int(np.ceil(self.right * x))), min(height, int(np.ceil(self.top * y)))
        return Rectangle(int(self.left * x), int(self.bottom * y), right, top)

    def scissor(self) -> None:
        """Lets drawing change these pixels alone."""
        GL.glEnable(GL.GL_SCISSOR_TEST)
        GL.glScissor(self.left, self.bottom, self.right - self.left, self.top - self.bottom)


def march_box(triplane: Triplane, grid: BrickGrid) -> np.ndarray:
    """What is marched through, (2,3) in the asset's frame: the family's box, or all that `grid` holds of a space that
    has no end."""
    space = triplane.description.space
    if space.contraction is not None:
        return np.asarray(grid.box, np.float64)
    low, high = np.array(space.low, np.float64), np.array(space.high, np.float64)
    half = (high - low) / 2 * (1.0 - triplane.description.march.box_shrink)
    return np.stack([(low + high) / 2 - half, (low + high) / 2 + half])


def corner_depths(view: View, triplane: Triplane, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a box of the asset's frame in camera space (8,3), and their depths along the viewing axis (8,)."""
    corners = np.stack(np.meshgrid(*box.T, indexing="ij"), -1).reshape(-1, 3)
    to_camera = view.view @ triplane.transform
    seen = corners @ to_camera[:3, :3].T + to_camera[:3, 3]
    return seen, -seen[:, 2]


def covered_by(view: View, triplane: Triplane, box: np.ndarray) -> Rectangle:
    """The pixels of the frame in which a box of the asset's frame can be seen."""
    if np.linalg.det(triplane.transform[:3, :3]) == 0:
        return Rectangle(0, 0, 0, 0)
    seen, depths = corner_depths(view, triplane, box)
    whole = Rectangle(0, 0, view.width, view.height)
    if view.camera.ortho_height is None and depths.min() <= 1e-6 * np.abs(depths).max():
        return whole if depths.max() > 0 else Rectangle(0, 0, 0, 0)
    clip = np.concatenate([seen, np.ones((8, 1))], 1) @ view.projection.T
    pixels = (clip[:, :2] / clip[:, 3:] * 0.5 + 0.5) * (view.width, view.height)
    left, bottom = np.clip(np.floor(pixels.min(0)), 0, (view.width, view.height)).astype(int)
    right, top = np.clip(np.ceil(pixels.max(0)), 0, (view.width, view.height)).astype(int)
    return Rectangle(int(left), int(bottom), int(right), int(top))


def ray_uniforms(view: View, triplane: Triplane, grid: BrickGrid) -> dict[str, object]:
    """The uniforms of common/field_rays.glsl and of turning in common/field_bricks.glsl, in cells of `grid`."""
    transform, inner = triplane.transform, march_box(triplane, grid)
    low = np.asarray(grid.box[0], np.float64)
    cell = (grid.box[1] - low) / grid.resolution
    _, depths = corner_depths(view, triplane, inner)
    middle = float(depths.mean())
    to_cells = np.diag(1.0 / cell) @ np.linalg.inv(transform[:3, :3])
    origin, direction = _affine_rays(view.camera, middle)
    origin = to_cells @ origin
    origin[:, 2] -= to_cells @ transform[:3, 3] + low / cell
    box = (inner - low) / cell
    projection, march = view.projection, triplane.description.march
    near = march.near if march.limits == "box" else 0.0
    return {
        "originOf": origin,
        "directionOf": to_cells @ direction,
        "cellSize": cell,
        "boxLow": box[0],
        "boxHigh": box[1],
        "middle": middle,
        "depthRow": (-projection[2, 2], projection[2, 3], -projection[3, 2], projection[3, 3]),
        "nearest": -1.0 if view.camera.ortho_height is not None else near,
        "minChord": march.min_chord,
        "depthRange": depth_extent(triplane.bounds(), view.camera),
        "cellToWorld": transform[:3, :3] @ np.diag(cell),
        "normalToWorld": np.linalg.inv(transform[:3, :3]).T @ np.diag(cell.min() / cell),
    }


def _affine_rays(camera: Camera, middle: float) -> tuple[np.ndarray, np.ndarray]:
    """Rays as affine functions of the pixel (x, y, 1), y upwards: the world point at depth `middle` along the viewing
    axis, and the change of it per unit of depth; two (3,3) f64 to be multiplied from the left."""
    right, up, back = camera.camera_to_world[:3, :3].T
    below = camera.cy - camera.height
    if camera.ortho_height is not None:
        pixel = camera.ortho_pixel()
        direction = np.stack([np.zeros(3), np.zeros(3), -back], 1)
        origin = np.stack([right * pixel, up * pixel, camera.eye + pixel * (up * below - right * camera.cx)], 1)
        return origin + middle * direction, direction
    toward = up * below / camera.fy - right * camera.cx / camera.fx - back
    direction = np.stack([right / camera.fx, up / camera.fy, toward], 1)
    origin = middle * direction
    origin[:, 2] += camera.eye
    return origin, direction


def picture_size(view: View) -> tuple[int, int]:
    """Pixels of the picture that a field is marched into."""
    scale = _picture_scale(view.quality)
    return max(1, round(view.width * scale)), max(1, round(view.height * scale))


def _picture_scale(quality: Quality) -> float:
    """The size of the picture relative to the frame at which the work is quality.detail of the full work; the frame
    itself is already smaller by quality.scale."""
    wanted = np.sqrt(min(1.0, quality.detail)) / min(1.0, quality.scale)
    return next((scale for scale in SCALES if scale <= wanted * 1.05), SCALES[-1])
