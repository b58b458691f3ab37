"""What the drag tool shows over the picture, as plain data, and where it lies there. No GL: the tool that hits these
marks and the painter that draws them (handles.py) share this geometry.

Places on the screen are logical pixels from the upper left corner, y downwards. Cameras have the size of the viewport
in device pixels, of which `pixel_ratio` make a logical one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assets.deform.drag import Point, Region

from .camera import Camera


@dataclass(frozen=True)
class HandleMark:
    """A handle: `source`, where the grabbed place of the shape is now, and `target`, where it shall go (None: not said
    yet), in world units."""

    source: Point
    target: Point | None = None
    selected: bool = False
    hovered: bool = False


@dataclass(frozen=True)
class PinMark:
    """A place that stays, in world units."""

    at: Point
    selected: bool = False
    hovered: bool = False


@dataclass(frozen=True)
class Gizmo:
    """Three arrows along the world's axes from `origin`, `length_px` long where they lie across the view. active: the
    axis 0 … 2 that is held or hovered, None: none."""

    origin: Point
    length_px: float = 72.0
    active: int | None = None


@dataclass(frozen=True)
class BrushMark:
    """The ring of the region brush: `radius` in world units around `center`, lying on a surface with that `normal`, or
    facing the camera where it is None. through: it reaches through the shape. fixed: it paints what stays."""

    center: Point
    radius: float
    normal: Point | None = None
    through: bool = False
    fixed: bool = False


@dataclass(frozen=True)
class DragOverlay:
    """All that is shown over the picture, in world units. region: drawn as a wire. cursor: where the 3D cursor is."""

    handles: tuple[HandleMark, ...] = ()
    pins: tuple[PinMark, ...] = ()
    gizmo: Gizmo | None = None
    brush: BrushMark | None = None
    region: Region | None = None
    cursor: Point | None = None

    @cached_property
    def sources(self) -> np.ndarray:
        """Where the handles are, (h,3) f64."""
        return np.array([mark.source for mark in self.handles], np.float64).reshape(-1, 3)

    @cached_property
    def targets(self) -> np.ndarray:
        """Where they shall go, (h,3) f64, NaN where that is not said."""
        nowhere = (np.nan,) * 3
        return np.array([mark.target or nowhere for mark in self.handles], np.float64).reshape(-1, 3)

    @cached_property
    def held(self) -> np.ndarray:
        """Where the pins are, (p,3) f64."""
        return np.array([mark.at for mark in self.pins], np.float64).reshape(-1, 3)

    @cached_property
    def flags(self) -> tuple[np.ndarray, np.ndarray]:
        """Whether each handle, and each pin, is selected and hovered: (h,2) and (p,2) bool."""
        kinds = (self.handles, self.pins)
        return tuple(
            np.array([(mark.selected, mark.hovered) for mark in marks], bool).reshape(-1, 2) for marks in kinds
        )


HANDLE_RADIUS_PX, TARGET_RADIUS_PX, PIN_RADIUS_PX = 5.5, 7.0, 5.0
"""Radius of the disc, half diagonal of the diamond, half side of the square."""

GIZMO_START_PX, SHORTEST_AXIS_PX = 14.0, 24.0
"""Where the arrows of a gizmo begin, so that they leave its origin free; shorter ones point at the eye and are not
shown."""

CURSOR_ARM_PX = 26.0
"""How far the lines of the 3D cursor reach from it where they lie across the view."""

CIRCLE_POINTS = 64
NEAREST = 1e-4
"""Lines that pass the camera end at this share of the distance of their farther end."""

Mark = tuple[str, int]
"""What was hit, "handle", "target", "pin" or "axis", and which one."""


def project(camera: Camera, points: np.ndarray, pixel_ratio: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """World `points` (n,3) on the screen: places (n,2), NaN for points behind a perspective camera, and their distances
    along the viewing axis (n,)."""
    local = _to_camera(camera, points)
    depth = -local[:, 2]
    if camera.ortho_height is not None:
        scale = np.full((len(local), 2), 1.0 / camera.ortho_pixel())
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(depth > 0, 1.0 / depth, np.nan)[:, None] * (camera.fx, camera.fy)
    places = (camera.cx, camera.cy) + local[:, :2] * scale * (1.0, -1.0)
    return places / pixel_ratio, depth


def project_lines(camera: Camera, starts: np.ndarray, ends: np.ndarray, pixel_ratio: float = 1.0) -> np.ndarray:
    """World lines from `starts` to `ends`, each (n,3), on the screen: (n,2,2), cut where they pass the camera or leave
    the surroundings of the picture, NaN where nothing is left."""
    lines = np.stack([_to_camera(camera, starts), _to_camera(camera, ends)], 1)
    if camera.ortho_height is None:
        depth = -lines[..., 2]
        least = NEAREST * np.maximum(depth.max(1, initial=0.0), 1e-300)
        for this, other in ((0, 1), (1, 0)):
            behind = (depth[:, this] < least) & (depth[:, other] > least)
            share = (least - depth[:, this])[behind] / (depth[:, other] - depth[:, this])[behind]
            lines[behind, this] += share[:, None] * (lines[behind, other] - lines[behind, this])
    world = lines.reshape(-1, 3) @ camera.camera_to_world[:3, :3].T + camera.eye
    flat, _ = project(camera, world, pixel_ratio)
    size = np.array([camera.width, camera.height]) / pixel_ratio
    return _clipped(flat.reshape(-1, 2, 2), -size, 2 * size)


@dataclass(frozen=True)
class Layout:
    """Where the marks of an overlay lie: handles (h,2), targets (h,2), pins (p,2), NaN where there is nothing to see,
    and the distances of all along the viewing axis."""

    handles: np.ndarray
    targets: np.ndarray
    pins: np.ndarray
    handle_depths: np.ndarray
    target_depths: np.ndarray
    pin_depths: np.ndarray


def layout(overlay: DragOverlay, camera: Camera, pixel_ratio: float = 1.0) -> Layout:
    """Where the handles, targets and pins of `overlay` lie on the screen."""
    found = [project(camera, points, pixel_ratio) for points in (overlay.sources, overlay.targets, overlay.held)]
    return Layout(*(places for places, _ in found), *(depths for _, depths in found))


def gizmo_arrows(gizmo: Gizmo, camera: Camera, pixel_ratio: float = 1.0) -> np.ndarray:
    """The arrows of a gizmo from where they begin to their tips, (3,2,2); NaN for those that are not shown."""
    origin = np.array(gizmo.origin, np.float64)
    tips = origin + np.eye(3) * (gizmo.length_px * pixel_ratio * _pixel_at(camera, origin))
    places, _ = project(camera, np.concatenate([origin[None], tips]), pixel_ratio)
    ways = places[1:] - places[0]
    lengths = np.linalg.norm(ways, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ways = np.where(lengths >= SHORTEST_AXIS_PX, ways / lengths, np.nan)
    return np.stack([places[0] + ways * GIZMO_START_PX, places[0] + ways * lengths], 1)


def cursor_lines(cursor: Point, camera: Camera, pixel_ratio: float = 1.0) -> tuple[np.ndarray, np.ndarray, float]:
    """The 3D cursor on the screen: its place (1,2), its lines along the world's axes (3,2,2), and its distance along
    the viewing axis; NaN where it is behind the camera."""
    at = np.array(cursor, np.float64)
    arms = np.eye(3) * (CURSOR_ARM_PX * pixel_ratio * _pixel_at(camera, at))
    place, depth = project(camera, at[None], pixel_ratio)
    return place, project_lines(camera, at - arms, at + arms, pixel_ratio) + 0.0 * place, float(depth[0])


def hit(
    overlay: DragOverlay, camera: Camera, x: float, y: float, reach_px: float = 8.0, pixel_ratio: float = 1.0
) -> Mark | None:
    """What lies at the place (x, y) of the screen or, beside everything, not more than `reach_px` away; the nearest.

    Where marks overlap, targets go before handles before pins before the axes of the gizmo, and what is nearer to the
    eye before what is farther.
    """
    at, places = np.array([x, y], np.float64), layout(overlay, camera, pixel_ratio)
    found: list[tuple[float, int, float, Mark]] = []
    kinds = (
        ("target", places.targets, places.target_depths, TARGET_RADIUS_PX),
        ("handle", places.handles, places.handle_depths, HANDLE_RADIUS_PX),
        ("pin", places.pins, places.pin_depths, PIN_RADIUS_PX),
    )
    for rank, (what, marks, depths, radius) in enumerate(kinds):
        away = np.maximum(np.linalg.norm(marks - at, axis=1) - radius, 0.0)
        near = np.flatnonzero(away <= reach_px)
        if len(near):
            best = near[np.lexsort((depths[near], away[near]))[0]]
            found.append((float(away[best]), rank, float(depths[best]), (what, int(best))))
    if overlay.gizmo is not None:
        arrows = gizmo_arrows(overlay.gizmo, camera, pixel_ratio)
        away = _distances_to_lines(at, arrows)
        if (away <= reach_px).any():
            best = int(np.argmin(away))
            found.append((float(away[best]), len(kinds), 0.0, ("axis", best)))
    return min(found)[3] if found else None


def brush_ring(brush: BrushMark, camera: Camera) -> np.ndarray:
    """The ring of a brush as a closed line in the world, (CIRCLE_POINTS + 1, 3)."""
    center = np.array(brush.center, np.float64)
    towards = camera.camera_to_world[:3, 2] if camera.ortho_height is not None else camera.eye - center
    normal = towards if brush.normal is None or brush.through else np.array(brush.normal, np.float64)
    normal = normal / max(np.linalg.norm(normal), 1e-300)
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= max(np.linalg.norm(first), 1e-300)
    return center + brush.radius * _circle() @ np.stack([first, np.cross(normal, first)])


def region_lines(region: Region) -> np.ndarray:
    """The wire of a region as lines in the world, (n,2,3): three circles of a sphere, the edges of a box."""
    if region.shape == "sphere":
        circle = _circle()
        rings = [np.insert(circle, axis, 0.0, axis=1) for axis in range(3)]
        lines = np.concatenate([np.stack([ring[:-1], ring[1:]], 1) for ring in rings])
    else:
        corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], np.float64)
        pairs = [(a, b) for a in range(8) for b in range(a) if np.abs(corners[a] - corners[b]).sum() == 2]
        lines = corners[np.array(pairs)]
    to_world = np.linalg.inv(np.array(region.to_unit))
    return lines @ to_world[:3, :3].T + to_world[:3, 3]


def _circle() -> np.ndarray:
    """The closed unit circle, (CIRCLE_POINTS + 1, 2)."""
    angle = np.linspace(0.0, 2 * np.pi, CIRCLE_POINTS + 1)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _pixel_at(camera: Camera, point: np.ndarray) -> float:
    """How large a device pixel is at the distance of a world point (3,)."""
    depth = -_to_camera(camera, point[None])[0, 2]
    return camera.ortho_pixel() if camera.ortho_height is not None else max(depth, 0.0) / camera.fy


def _to_camera(camera: Camera, points: np.ndarray) -> np.ndarray:
    view = camera.view_matrix()
    return np.asarray(points, np.float64) @ view[:3, :3].T + view[:3, 3]


def _clipped(lines: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """`lines` (n,2,2) cut at a box, NaN where they miss it (Liang and Barsky 1984)."""
    start, way = lines[:, 0], lines[:, 1] - lines[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - start) / way, (high - start) / way
    inside = (start >= low) & (start <= high)
    still = way == 0
    enter = np.where(still, np.where(inside, -np.inf, np.inf), np.minimum(first, second)).max(1)
    leave = np.where(still, np.inf, np.maximum(first, second)).min(1)
    enter, leave = np.maximum(enter, 0.0), np.minimum(leave, 1.0)
    shares = np.where((enter <= leave)[:, None], np.stack([enter, leave], 1), np.nan)
    return start[:, None] + shares[:, :, None] * way[:, None]


def _distances_to_lines(point: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Distance of `point` (2,) to each of `lines` (n,2,2); infinite for those that are NaN."""
    way = lines[:, 1] - lines[:, 0]
    share = np.einsum("ni,ni->n", point - lines[:, 0], way) / np.maximum((way**2).sum(1), 1e-12)
    nearest = lines[:, 0] + np.clip(share, 0.0, 1.0)[:, None] * way
    away = np.linalg.norm(point - nearest, axis=1)
    return np.where(np.isnan(away), np.inf, away)
