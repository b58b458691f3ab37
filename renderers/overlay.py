"""What is drawn beside the assets: the ground grid and the axes widget."""

from __future__ import annotations

import numpy as np
from OpenGL import GL

from .camera import Camera
from .gl.buffer import VertexArray
from .gl.program import Program
from .renderer import View

GRID_COLOR = (0.227, 0.247, 0.282)
"""#3a3f48."""

AXIS_COLORS = ((0.937, 0.376, 0.388), (0.510, 0.757, 0.325), (0.337, 0.576, 0.973))
"""x, y, z in sRGB, of equal weight on the dark viewport."""

AXIS_LINE_SHARE = 0.62
"""How much of the axis colour its line on the ground has; the rest is grid grey."""

CELLS_TO_ASSET = 12.0
"""Finest lines over the distance from the camera to what it looks at, at the least."""

AXES_EXTENT_PX, AXES_MARGIN_PX, AXES_LENGTH_PX = 46.0, 8.0, 30.0
BALL_RADIUS_PX, FAR_BALL_RADIUS_PX, AXES_LINE_PX = 8.0, 4.5, 2.0
"""Measures of the widget in logical pixels."""


class Overlay:
    """Owns the programs of the grid and the axes widget."""

    def __init__(self) -> None:
        self._grid = Program("grid.glsl")
        self._axes = Program("axes.glsl")
        self._nothing = VertexArray()

    def draw_grid(self, view: View, up: str, bounds: np.ndarray | None) -> None:
        """Draws the ground plane through the origin, perpendicular to `up` ("y", "-z", …), into the bound target.

        bounds: world box of the scene (2,3), around which the grid is centred. Tests depth, writes none.
        """
        camera = view.camera
        turn = _plane_axes(up)
        eye = turn @ camera.eye
        box = np.array([[-1.0] * 3, [1.0] * 3]) if bounds is None else bounds
        centre = turn @ box.mean(0)
        size = max(float(np.linalg.norm(box[1] - box[0])), 1e-6)
        spacing, transition = _spacing(camera, float(np.linalg.norm(eye - centre)), size)
        self._grid.use()
        self._grid.set(
            rayTurn=turn @ camera.camera_to_world[:3, :3],
            pixelRay=_pixel_ray(camera),
            orthographic=camera.ortho_height is not None,
            height=float(eye[2]),
            spacing=spacing,
            transition=transition,
            phase=np.mod(eye[:2] / spacing, 1000.0),
            fromAxes=eye[:2],
            fromCentre=eye[:2] - centre[:2],
            radius=max(3.0 * size, 150.0 * spacing),
            depthRow=_depth_row(view.projection),
            lineColor=np.array(GRID_COLOR),
        )
        first, second = (_ground_tint(np.flatnonzero(turn[row])[0]) for row in (0, 1))
        self._grid.set(firstColor=first, secondColor=second)
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glDepthMask(False)
        GL.glEnable(GL.GL_BLEND)
        GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
        self._nothing.bind()
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)

    def draw_axes(
        self, framebuffer: int, width: int, height: int, camera: Camera, up: str, pixel_ratio: float = 1.0
    ) -> None:
        """Draws the axes widget into the lower left corner of `framebuffer`; the ball of the `up` axis has a ring.

        width, height: device pixels of the framebuffer. pixel_ratio: device pixels per logical pixel.
        """
        side = round(2 * AXES_EXTENT_PX * pixel_ratio)
        margin = round(AXES_MARGIN_PX * pixel_ratio)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, framebuffer)
        GL.glViewport(margin, margin, side, side)
        GL.glDisable(GL.GL_DEPTH_TEST)
        GL.glEnable(GL.GL_BLEND)
        GL.glBlendEquation(GL.GL_FUNC_ADD)
        GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
        self._axes.use()
        self._axes.set(extent=0.5 * side / pixel_ratio, pixelRatio=float(pixel_ratio))
        self._nothing.bind()
        # Columns: where each world axis points in camera space, z towards the viewer.
        directions = camera.camera_to_world[:3, :3].T
        ends = [(axis, sign) for axis in range(3) for sign in (1.0, -1.0)]
        for axis, sign in sorted(ends, key=lambda end: end[1] * directions[2, end[0]]):
            self._draw_end(sign * directions[:, axis], axis, sign, up)
        GL.glDisable(GL.GL_BLEND)
        GL.glViewport(0, 0, width, height)

    def dispose(self) -> None:
        """Frees every GL object."""
        for item in (self._grid, self._axes, self._nothing):
            item.delete()

    def _draw_end(self, direction: np.ndarray, axis: int, sign: float, up: str) -> None:
        self._axes.set(
            end=direction[:2] * AXES_LENGTH_PX,
            ballRadius=BALL_RADIUS_PX if sign > 0 else FAR_BALL_RADIUS_PX,
            lineWidth=AXES_LINE_PX if sign > 0 else 0.0,
            letter=axis if sign > 0 else -1,
            ringed=up == ("-" if sign < 0 else "") + "xyz"[axis],
            tint=np.array(AXIS_COLORS[axis]) * (1.0 if sign > 0 else 0.72),
            # What points away recedes, so that the widget reads as a solid thing.
            opacity=float((1.0 if sign > 0 else 0.8) * (0.80 + 0.20 * np.clip(2.0 * direction[2] + 0.5, -1.0, 1.0))),
        )
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)


def _plane_axes(up: str) -> np.ndarray:
    """World → (along the plane, along the plane, up), (3,3)."""
    axis = "xyz".index(up.lstrip("-"))
    rows = np.eye(3)[[other for other in range(3) if other != axis] + [axis]]
    rows[2] *= -1.0 if up.startswith("-") else 1.0
    return rows


def _spacing(camera: Camera, distance: float, size: float) -> tuple[float, float]:
    """Distance of the finest lines, a power of ten, and how far they have given way to the next one."""
    reach = camera.ortho_height * 1.2 if camera.ortho_height is not None else max(distance, 0.02 * size)
    decades = float(np.log10(max(reach, 1e-12) / CELLS_TO_ASSET))
    whole = np.floor(decades)
    return float(10.0**whole), float(decades - whole)


def _pixel_ray(camera: Camera) -> np.ndarray:
    """Camera-space x and y per unit of NDC, and at NDC 0, one unit ahead (perspective) or anywhere (orthographic)."""
    pixel = (camera.ortho_pixel(),) * 2 if camera.ortho_height is not None else (1 / camera.fx, 1 / camera.fy)
    half = 0.5 * camera.width * pixel[0], 0.5 * camera.height * pixel[1]
    middle = (0.5 * camera.width - camera.cx) * pixel[0], (camera.cy - 0.5 * camera.height) * pixel[1]
    return np.array([*half, *middle])


def _depth_row(projection: np.ndarray) -> np.ndarray:
    """Clip z and w as linear functions of the distance along the viewing axis: (z slope, z, w slope, w)."""
    return np.array([-projection[2, 2], projection[2, 3], -projection[3, 2], projection[3, 3]])


def _ground_tint(axis: int) -> np.ndarray:
    """The colour of an axis's line on the ground."""
    return AXIS_LINE_SHARE * np.array(AXIS_COLORS[axis]) + (1 - AXIS_LINE_SHARE) * np.array(GRID_COLOR)
