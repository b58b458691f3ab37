"""The camera in the hands of the user: orbit, pan, zoom, frame, axis views. No Qt.

State is a pose, a pivot somewhere before it and a vertical field of view. The pivot need not lie in the middle of the
picture, so zooming to the cursor and setting a pivot don't jump. An orthographic view shows at the pivot's depth what
the perspective one would; its camera is drawn back behind everything, since parallel rays don't mind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from assets.asset import UP_VECTORS
from assets.signal import Signal
from renderers.camera import Camera
from renderers.framing import FRONT_VECTORS, MARGIN, framing

EASE_SECONDS = 0.2
STEEPEST = math.radians(89.9)
FOV_LIMITS = (5.0, 120.0)
ORBIT_PER_HEIGHT = math.pi
"""Radians that a drag over the height of the viewport turns."""


@dataclass(frozen=True)
class Pose:
    """Where the camera is: `matrix` camera → world (4,4) f64, `pivot` (3,) f64, `fov` vertical, degrees."""

    matrix: np.ndarray
    pivot: np.ndarray
    fov: float

    @property
    def depth(self) -> float:
        """Distance of the pivot along the viewing axis."""
        return float((self.matrix[:3, 3] - self.pivot) @ self.matrix[:3, 2])


class Navigator:
    """The camera of one viewport. `changed()` is emitted when the picture is another one.

    `advance(now)` carries an easing on; it returns whether one is under way. `motion`: whether changes ease at all.
    """

    def __init__(self, motion: bool = True) -> None:
        self.pose = Pose(Camera.look_at((3.0, 2.0, 4.0), (0, 0, 0)).camera_to_world, np.zeros(3), 45.0)
        self.up_axis = "y"
        self.orthographic = False
        self.motion = motion
        self.extent = 1.0
        """Rough size of the scene, for limits."""
        self.changed = Signal()
        self._ease: tuple[Pose, Pose, float | None] | None = None

    @property
    def up(self) -> np.ndarray:
        """The direction called up, (3,) f64."""
        return np.array(UP_VECTORS[self.up_axis])

    @property
    def easing(self) -> bool:
        """Whether the camera is moving by itself."""
        return self._ease is not None

    def camera(self, width: int, height: int) -> Camera:
        """The camera for a picture of this size."""
        camera = Camera.with_fov(self.pose.matrix, self.pose.fov, width, height)
        if not self.orthographic:
            return camera
        drawn_back = self.pose.matrix.copy()
        drawn_back[:3, 3] += drawn_back[:3, 2] * 4 * (self.extent + self.pose.depth)
        return replace(camera, camera_to_world=drawn_back, ortho_height=self._height_at_pivot())

    def set_camera(self, camera: Camera) -> None:
        """Takes over a camera, keeping the pivot where it is as far along the viewing axis as that makes sense."""
        pose = camera.camera_to_world
        fov = min(max(camera.fov_y_deg, FOV_LIMITS[0]), FOV_LIMITS[1])
        depth = float((pose[:3, 3] - self.pose.pivot) @ pose[:3, 2])
        if camera.ortho_height is not None:
            depth = camera.ortho_height / (2 * math.tan(math.radians(fov) / 2))
        elif depth <= 1e-6 * self.extent:
            depth = max(self.pose.depth, self.extent)
        self.orthographic = camera.ortho_height is not None
        self._go(Pose(pose, pose[:3, 3] - pose[:3, 2] * depth, fov))

    def orbit(self, dx: float, dy: float, height: float) -> None:
        """Turns around the pivot: up stays up, and the poles are not crossed. dx, dy in pixels."""
        yaw, pitch = -dx / height * ORBIT_PER_HEIGHT, -dy / height * ORBIT_PER_HEIGHT
        back = self.pose.matrix[:3, 2]
        rise = math.asin(float(np.clip(back @ self.up, -1, 1)))
        pitch = max(-STEEPEST, min(STEEPEST, rise - pitch)) - rise
        turn = rotation(self.up, yaw) @ rotation(self.pose.matrix[:3, 0], -pitch)
        self._set(self._turned(turn))

    def pan(self, dx: float, dy: float, height: float) -> None:
        """Moves sideways so that what lies at the pivot's depth follows the hand."""
        pixel = self._height_at_pivot() / height
        self._move((-dx * self.pose.matrix[:3, 0] + dy * self.pose.matrix[:3, 1]) * pixel)

    def zoom(self, steps: float, x: float, y: float, width: float, height: float) -> None:
        """Comes nearer to what lies under the cursor at the pivot's depth, 12 % a notch."""
        factor = self._limited(0.88**steps)
        camera = Camera.with_fov(self.pose.matrix, self.pose.fov, int(max(width, 1)), int(max(height, 1)))
        target = camera.unproject(x, y, self.pose.depth)
        matrix = self.pose.matrix.copy()
        matrix[:3, 3] = target + (matrix[:3, 3] - target) * factor
        pivot = target + (self.pose.pivot - target) * factor
        self._set(replace(self.pose, matrix=matrix, pivot=pivot))

    def dolly(self, dy: float, height: float) -> None:
        """Comes nearer to the pivot, or goes further away."""
        factor = self._limited(math.exp(2.0 * dy / height))
        matrix = self.pose.matrix.copy()
        matrix[:3, 3] += matrix[:3, 2] * self.pose.depth * (factor - 1)
        self._set(replace(self.pose, matrix=matrix))

    def field_of_view(self, steps: float) -> None:
        """Widens or narrows the lens and moves so that the pivot keeps its size."""
        self.set_fov(self.pose.fov * 0.95**steps)

    def set_fov(self, fov: float) -> None:
        """Sets the vertical field of view in degrees, and moves so that the pivot keeps its size."""
        fov = min(max(fov, FOV_LIMITS[0]), FOV_LIMITS[1])
        ratio = math.tan(math.radians(self.pose.fov) / 2) / math.tan(math.radians(fov) / 2)
        matrix = self.pose.matrix.copy()
        matrix[:3, 3] += matrix[:3, 2] * self.pose.depth * (ratio - 1)
        self._set(replace(self.pose, matrix=matrix, fov=fov))

    def set_pivot(self, point: np.ndarray) -> None:
        """Makes `point` the pivot and brings it to the middle of the picture, easing."""
        point = np.asarray(point, np.float64)
        matrix = self.pose.matrix.copy()
        across = point - self.pose.pivot
        depth = float((matrix[:3, 3] - point) @ matrix[:3, 2])
        if depth <= 0:
            return
        matrix[:3, 3] = point + matrix[:3, 2] * depth
        if not np.allclose(across, 0):
            self._go(replace(self.pose, matrix=matrix, pivot=point))

    def look_from(self, direction: np.ndarray) -> None:
        """Looks at the pivot from `direction` (towards the camera), easing: the axis views."""
        back = np.asarray(direction, np.float64) / np.linalg.norm(direction)
        depth, pivot = self.pose.depth, self.pose.pivot
        up = self.up
        if abs(back @ up) > 0.999:
            up = self._front() * (-1 if back @ self.up > 0 else 1)
        camera = Camera.look_at(pivot + back * depth, pivot, up)
        self._go(replace(self.pose, matrix=camera.camera_to_world))

    def look_along(self, name: str) -> None:
        """An axis view: "front", "back", "right", "left", "top" or "bottom", as the up axis has it."""
        front = self._front()
        right = np.cross(self.up, front)
        directions = {"front": front, "right": right, "top": self.up, "back": -front, "left": -right}
        self.look_from(directions.get(name, -self.up))

    def frame(self, bounds: np.ndarray | None, size: tuple[int, int]) -> None:
        """Puts the box (2,3) into a picture of `size`, seen from the side where the camera is, easing."""
        if bounds is None:
            return
        self.note_extent(bounds)
        half = math.tan(math.radians(self.pose.fov) / 2)
        tangents = np.array([half * size[0] / max(size[1], 1), half]) / MARGIN
        extent = bounds[1] - bounds[0]
        signs = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3, indexing="ij"), -1).reshape(-1, 3)
        corners = (signs * np.where(extent > 0, extent, 1e-3 * self.extent)) @ self.pose.matrix[:3, :3]
        distance = float((corners[:, 2] + (np.abs(corners[:, :2]) / tangents).max(1)).max())
        matrix = self.pose.matrix.copy()
        matrix[:3, 3] = bounds.mean(0) + matrix[:3, 2] * distance
        self._go(replace(self.pose, matrix=matrix, pivot=bounds.mean(0)))

    def look_at_all(self, bounds: np.ndarray | None, size: tuple[int, int]) -> None:
        """Jumps to the default view of the box: the one that a picture without a camera has."""
        camera = framing(bounds, self.up_axis, size, self.pose.fov)
        self._ease = None
        if bounds is not None:
            self.note_extent(bounds)
        self._set(Pose(camera.camera_to_world, np.zeros(3) if bounds is None else bounds.mean(0), self.pose.fov))

    def note_extent(self, bounds: np.ndarray) -> None:
        """Tells how large the scene is."""
        self.extent = max(float(np.linalg.norm(bounds[1] - bounds[0])), 1e-6)

    def set_up(self, axis: str) -> None:
        """Makes another axis the up one; the view turns with it."""
        old, self.up_axis = self.up, axis
        if old @ self.up < -0.999:
            turn = rotation(np.cross(self.up, self._front()), math.pi)
        else:
            axis_of_turn = np.cross(old, self.up)
            turn = rotation(axis_of_turn, math.pi / 2) if np.linalg.norm(axis_of_turn) > 0.5 else np.eye(3)
        self._go(self._turned(turn))
        self.changed.emit()

    def set_orthographic(self, orthographic: bool) -> None:
        """Switches between parallel and perspective projection; the pivot keeps its size."""
        self.orthographic = orthographic
        self.changed.emit()

    def advance(self, now: float) -> bool:
        """Carries an easing on to the time `now`, in seconds. Returns whether one is still under way."""
        if self._ease is None:
            return False
        start, end, began = self._ease
        if began is None:
            self._ease = (start, end, now)
            return True
        share = (now - began) / EASE_SECONDS
        if share >= 1:
            self._ease = None
            self._set(end)
            return False
        self._apply(blend(start, end, share * share * (3 - 2 * share)))
        return True

    def _front(self) -> np.ndarray:
        """The direction that the front of things faces."""
        return np.array(FRONT_VECTORS[self.up_axis])

    def _height_at_pivot(self) -> float:
        return 2 * max(self.pose.depth, 1e-12) * math.tan(math.radians(self.pose.fov) / 2)

    def _limited(self, factor: float) -> float:
        """`factor` such that the distance stays within sense."""
        depth = max(self.pose.depth, 1e-12)
        return min(max(depth * factor, 1e-4 * self.extent), 1e3 * self.extent) / depth

    def _turned(self, turn: np.ndarray) -> Pose:
        matrix = self.pose.matrix.copy()
        matrix[:3, :3] = orthonormal(turn @ matrix[:3, :3])
        matrix[:3, 3] = self.pose.pivot + turn @ (matrix[:3, 3] - self.pose.pivot)
        return replace(self.pose, matrix=matrix)

    def _move(self, by: np.ndarray) -> None:
        matrix = self.pose.matrix.copy()
        matrix[:3, 3] += by
        self._set(replace(self.pose, matrix=matrix, pivot=self.pose.pivot + by))

    def _go(self, pose: Pose) -> None:
        """Eases to `pose`, or jumps where motion is off."""
        if self.motion:
            self._ease = (self.pose, pose, None)
            self.changed.emit()
        else:
            self._set(pose)

    def _set(self, pose: Pose) -> None:
        """A move by hand: it ends any easing."""
        self._ease = None
        self._apply(pose)

    def _apply(self, pose: Pose) -> None:
        self.pose = pose
        self.changed.emit()


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """The rotation by `angle` (radians, right-handed) around `axis`, (3,3) f64 (Rodrigues' formula)."""
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def orthonormal(matrix: np.ndarray) -> np.ndarray:
    """The rotation nearest to `matrix` (3,3): many small turns would add up to a shear."""
    left, _, right = np.linalg.svd(matrix)
    return left @ right


def blend(start: Pose, end: Pose, share: float) -> Pose:
    """Between two poses: the pivot goes straight, the camera turns around it, the distance changes by ratio."""
    turn = end.matrix[:3, :3] @ start.matrix[:3, :3].T
    angle = math.acos(float(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    if np.linalg.norm(axis) < 1e-9:
        axis = end.matrix[:3, 1]
    facing = rotation(axis, angle * share) @ start.matrix[:3, :3]
    offsets = [pose.matrix[:3, :3].T @ (pose.matrix[:3, 3] - pose.pivot) for pose in (start, end)]
    lengths = [max(float(np.linalg.norm(offset)), 1e-12) for offset in offsets]
    offset = (1 - share) * offsets[0] / lengths[0] + share * offsets[1] / lengths[1]
    offset = offset / max(float(np.linalg.norm(offset)), 1e-12) * lengths[0] ** (1 - share) * lengths[1] ** share
    matrix = np.eye(4)
    matrix[:3, :3] = orthonormal(facing)
    pivot = (1 - share) * start.pivot + share * end.pivot
    matrix[:3, 3] = pivot + facing @ offset
    return Pose(matrix, pivot, (1 - share) * start.fov + share * end.fov)
