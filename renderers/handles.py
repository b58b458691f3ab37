"""Draws what lies over the picture: the 3D cursor, and of the drag tool handles, targets, pins, its gizmo, its brush
and its region.

The data and the geometry are handle_layout.py's. Every mark is one instance of one program, twelve numbers: two places
on the screen, half size, shape, width of the dark rim, opacity, colour, and its distance from the eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from OpenGL import GL

from assets.deform.drag import Point

from .camera import Camera
from .gl.buffer import Buffer, VertexArray
from .gl.program import Program
from .gl.texture import Texture
from .handle_layout import (
    HANDLE_RADIUS_PX,
    PIN_RADIUS_PX,
    TARGET_RADIUS_PX,
    BrushMark,
    DragOverlay,
    Gizmo,
    HandleMark,
    PinMark,
    brush_ring,
    cursor_lines,
    gizmo_arrows,
    layout,
    project,
    project_lines,
    region_lines,
)
from .overlay import AXIS_COLORS

__all__ = ["BrushMark", "DragOverlay", "Gizmo", "HandleMark", "HandlePainter", "PictureDepth", "PinMark"]

HANDLE_COLOR = (1.0, 0.353, 0.310)
TARGET_COLOR = (0.310, 0.553, 1.0)
PIN_COLOR = (1.0, 0.784, 0.341)
ACCENT_COLOR = (0.353, 0.663, 1.0)
"""#ff5a4f, #4f8dff, #ffc857 and #5aa9ff."""
WHITE = (1.0, 1.0, 1.0)

DISC, DIAMOND, SQUARE, LINE, ARROW = range(5)
"""The shapes of handles.glsl."""

RIM_PX = 1.5
RING_PX = 2.5
"""The dark rim of everything, and the white ring around what is selected."""

ARROW_HALF_PX, AXIS_HALF_PX, WIRE_HALF_PX, BRUSH_HALF_PX = 1.0, 1.25, 0.6, 0.9
CURSOR_HALF_PX, CURSOR_RADIUS_PX = 0.9, 3.0
GAP_PX, DASH_PX = 2.0, 7.0
"""Between a mark and its arrow; the least length of a dash of the brush's ring."""

REACHED_PX = 1.5
"""A handle that is this near to its target is not drawn below it."""

HOVER_GROWTH, HOVER_LIGHT = 1.25, 0.25
"""What the hand is over is larger by this factor, and this share of white is in its colour."""

IN_FRONT = -1e30
NUMBERS = 12


@dataclass(frozen=True)
class PictureDepth:
    """The depth buffer of the picture below, and its near and far distances."""

    texture: Texture
    near: float
    far: float


class HandlePainter:
    """Owns the program and the buffer of the marks. Needs its GL context current."""

    def __init__(self) -> None:
        self._program = Program("handles.glsl")
        self._layout = VertexArray()
        self._buffer: Buffer | None = None

    def draw(
        self,
        framebuffer: int,
        width: int,
        height: int,
        camera: Camera,
        overlay: DragOverlay,
        pixel_ratio: float = 1.0,
        depth: PictureDepth | None = None,
    ) -> None:
        """Draws the marks of `overlay` on top of what is in `framebuffer` of that size in device pixels.

        depth: of the picture through the same camera; what lies behind it becomes fainter, nothing disappears.
        """
        marks = instances(overlay, camera.resized(width, height), pixel_ratio)
        if not len(marks):
            return
        self._upload(marks)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, framebuffer)
        GL.glViewport(0, 0, width, height)
        GL.glDisable(GL.GL_DEPTH_TEST)
        GL.glDisable(GL.GL_SCISSOR_TEST)
        GL.glEnable(GL.GL_BLEND)
        GL.glBlendEquation(GL.GL_FUNC_ADD)
        GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
        self._program.use()
        self._program.set(viewport=np.array([width, height]) / pixel_ratio, pixelRatio=float(pixel_ratio), depths=0)
        self._program.set(hasDepth=depth is not None, orthographic=camera.ortho_height is not None)
        if depth is not None:
            depth.texture.bind(0)
            self._program.set(planes=np.array([depth.near, depth.far]))
        self._layout.bind()
        GL.glDrawArraysInstanced(GL.GL_TRIANGLE_STRIP, 0, 4, len(marks))
        GL.glDisable(GL.GL_BLEND)

    def dispose(self) -> None:
        """Frees every GL object."""
        for item in (self._program, self._layout, *((self._buffer,) if self._buffer else ())):
            item.delete()

    def _upload(self, marks: np.ndarray) -> None:
        """Copies the instances into a buffer that grows by doubling."""
        if self._buffer is None or self._buffer.nbytes < marks.nbytes:
            if self._buffer is not None:
                self._buffer.delete()
            self._buffer = Buffer(nbytes=max(4096, 2 * marks.nbytes), usage=GL.GL_STREAM_DRAW)
            for location in range(3):
                stride, offset = 4 * NUMBERS, 16 * location
                self._layout.attribute(location, self._buffer, 4, stride=stride, offset=offset, divisor=1)
        self._buffer.write(marks)


def instances(overlay: DragOverlay, camera: Camera, pixel_ratio: float) -> np.ndarray:
    """The marks of an overlay in the order in which they are painted, (n, NUMBERS) f32."""
    blocks = []
    if overlay.region is not None:
        lines = region_lines(overlay.region)
        blocks += _wire(project_lines(camera, lines[:, 0], lines[:, 1], pixel_ratio), WIRE_HALF_PX, ACCENT_COLOR)
    if overlay.brush is not None:
        blocks += _brush(overlay.brush, camera, pixel_ratio)
    if overlay.cursor is not None:
        blocks += _cursor(overlay.cursor, camera, pixel_ratio)
    blocks += _arrows(overlay, camera, pixel_ratio)
    blocks += _marks(overlay, camera, pixel_ratio)
    if overlay.gizmo is not None:
        blocks.append(_gizmo(overlay.gizmo, camera, pixel_ratio))
    marks = np.concatenate(blocks) if blocks else np.zeros((0, NUMBERS), np.float32)
    return marks[np.isfinite(marks).all(1)]


def _instances(
    shape: int,
    places: np.ndarray,
    size: float | np.ndarray,
    color: np.ndarray | tuple[float, float, float],
    rim: float = RIM_PX,
    depth: float | np.ndarray = IN_FRONT,
) -> np.ndarray:
    """Marks of one shape: places (n,2), or (n,2,2) for lines; the rest is one for all or one for each."""
    count = len(places)
    ends = np.concatenate([places, places], 1) if places.ndim == 2 else places.reshape(count, 4)
    block = np.ones((count, NUMBERS), np.float32)
    block[:, :4], block[:, 4], block[:, 5], block[:, 6] = ends, size, shape, rim
    block[:, 8:11], block[:, 11] = color, depth
    return block


def _wire(lines: np.ndarray, half_px: float, color: tuple[float, float, float]) -> list[np.ndarray]:
    """Lines (n,2,2) that belong together: all rims lie below all lines, so that no rim crosses a joint."""
    below = _instances(LINE, lines, half_px + RIM_PX, (0.055, 0.063, 0.075), rim=0.0)
    return [below, _instances(LINE, lines, half_px, color, rim=0.0)]


def _brush(brush: BrushMark, camera: Camera, pixel_ratio: float) -> list[np.ndarray]:
    """The ring of the brush and its middle; dashed where it reaches through."""
    ring = brush_ring(brush, camera)
    lines = project_lines(camera, ring[:-1], ring[1:], pixel_ratio)
    color = PIN_COLOR if brush.fixed else ACCENT_COLOR
    middle, _ = project(camera, np.array([brush.center], np.float64), pixel_ratio)
    if brush.through:
        # As many pieces a dash as make it long enough, of those numbers that go into the circle.
        length = np.nanmean(np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1)) if np.isfinite(lines).any() else DASH_PX
        pieces = next((count for count in (1, 2, 4, 8) if count * length >= DASH_PX), 16)
        lines = lines[np.arange(len(lines)) // pieces % 2 == 0]
    return [*_wire(lines, BRUSH_HALF_PX, color), _instances(DISC, middle, 1.5, color)]


def _cursor(cursor: Point, camera: Camera, pixel_ratio: float) -> list[np.ndarray]:
    """Three lines in the colours of the axes, and a dot where they meet; fainter where something is before them."""
    place, lines, depth = cursor_lines(cursor, camera, pixel_ratio)
    rim = _instances(LINE, lines, CURSOR_HALF_PX + RIM_PX, (0.055, 0.063, 0.075), rim=0.0, depth=depth)
    arms = _instances(LINE, lines, CURSOR_HALF_PX, np.array(AXIS_COLORS), rim=0.0, depth=depth)
    return [rim, arms, _instances(DISC, place, CURSOR_RADIUS_PX, WHITE, depth=depth)]


def _arrows(overlay: DragOverlay, camera: Camera, pixel_ratio: float) -> list[np.ndarray]:
    """White arrows from handles to targets, from rim to rim; none where the two touch."""
    ends = np.stack([overlay.sources, overlay.targets], 1)
    # Both ends of a line that passes the camera still point the right way.
    lines = project_lines(camera, ends[:, 0], ends[:, 1], pixel_ratio)
    way = lines[:, 1] - lines[:, 0]
    length = np.linalg.norm(way, axis=1, keepdims=True)
    ring = np.where(overlay.flags[0][:, :1], RIM_PX + RING_PX, 0.0)
    start, end = (radius + RIM_PX + GAP_PX + ring for radius in (HANDLE_RADIUS_PX, TARGET_RADIUS_PX))
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(length > start + end + 4 * ARROW_HALF_PX, way / length, np.nan)
    shortened = np.stack([lines[:, 0] + along * start, lines[:, 1] - along * end], 1)
    return [_instances(ARROW, shortened, ARROW_HALF_PX, WHITE)]


def _marks(overlay: DragOverlay, camera: Camera, pixel_ratio: float) -> list[np.ndarray]:
    """Pins, handles and targets from far to near, the selected ones on top of all others."""
    places = layout(overlay, camera, pixel_ratio)
    of_handles, of_pins = overlay.flags
    # Where a handle has reached its target, its disc would only shine through, or look out at the sides.
    reached = np.linalg.norm(places.handles - places.targets, axis=1) < REACHED_PX
    handles = np.where(reached[:, None], np.nan, places.handles)
    kinds = (
        (SQUARE, places.pins, places.pin_depths, of_pins, PIN_RADIUS_PX, RING_PX, PIN_COLOR),
        (DISC, handles, places.handle_depths, of_handles, HANDLE_RADIUS_PX, RING_PX, HANDLE_COLOR),
        # Along its diagonal, the sides of a diamond are √2 times as far apart.
        (DIAMOND, places.targets, places.target_depths, of_handles, TARGET_RADIUS_PX, 1.414 * RING_PX, TARGET_COLOR),
    )
    rings, marks, ranks = [], [], []
    for shape, at, depth, flags, radius, ring, color in kinds:
        selected, hovered = flags[:, 0], flags[:, 1]
        size = radius * np.where(hovered, HOVER_GROWTH, 1.0)
        light = np.where(hovered, HOVER_LIGHT, 0.0)[:, None]
        marks.append(_instances(shape, at, size, color + light * (1.0 - np.array(color)), depth=depth))
        around = size + (RIM_PX * ring / RING_PX) + ring
        rings.append(_instances(shape, np.where(selected[:, None], at, np.nan), around, WHITE, depth=depth))
        ranks.append(np.stack([np.nan_to_num(-depth), selected], 1))
    rank = np.concatenate(ranks * 2)
    above = np.repeat([0, 1], len(rank) // 2)
    order = np.lexsort((above, rank[:, 0], rank[:, 1]))
    return [np.concatenate([*rings, *marks])[order]]


def _gizmo(gizmo: Gizmo, camera: Camera, pixel_ratio: float) -> np.ndarray:
    """The three arrows, the one that is nearest to the eye on top; the active one is thicker and lighter."""
    active = np.arange(3) == (-1 if gizmo.active is None else gizmo.active)
    colors = np.array(AXIS_COLORS)
    colors = np.where(active[:, None], colors + 0.45 * (1.0 - colors), colors)
    arrows = gizmo_arrows(gizmo, camera, pixel_ratio)
    block = _instances(ARROW, arrows, AXIS_HALF_PX * np.where(active, 1.4, 1.0), colors)
    return block[np.argsort(camera.camera_to_world[:3, 2], kind="stable")]
