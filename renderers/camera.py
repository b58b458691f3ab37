"""A camera as plain data, its matrices, and the CAM.json of the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assets.errors import BadFile


@dataclass(frozen=True)
class Camera:
    """A pinhole (or orthographic) camera.

    camera_to_world: (4,4) f64, OpenGL axes: x right, y up, looking along −z. fx, fy, cx, cy in pixels of a picture of
    `width` × `height`, pixel centres at +0.5, row 0 at the top. ortho_height: world height of the picture for an
    orthographic camera, None for a perspective one.
    """

    camera_to_world: np.ndarray
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    ortho_height: float | None = None

    @classmethod
    def look_at(
        cls,
        eye: np.ndarray,
        target: np.ndarray,
        up: np.ndarray = (0.0, 1.0, 0.0),
        fov_y_deg: float = 45.0,
        width: int = 1280,
        height: int = 720,
    ) -> Camera:
        """A camera at `eye` that sees `target` in its middle, with `up` upwards in the picture."""
        eye, target, up = (np.asarray(v, np.float64) for v in (eye, target, up))
        back = eye - target
        back = back / max(np.linalg.norm(back), 1e-300)
        right = np.cross(up, back)
        if np.linalg.norm(right) < 1e-9:
            right = np.cross((0.0, 0.0, 1.0) if abs(back[2]) < 0.9 else (1.0, 0.0, 0.0), back)
        right = right / np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3, :4] = np.stack([right, np.cross(back, right), back, eye], 1)
        return cls.with_fov(pose, fov_y_deg, width, height)

    @classmethod
    def with_fov(cls, camera_to_world: np.ndarray, fov_y_deg: float, width: int, height: int) -> Camera:
        """A camera with square pixels, the principal point in the middle, and a vertical field of view in degrees."""
        focal = 0.5 * height / np.tan(np.radians(fov_y_deg) / 2)
        pose = np.asarray(camera_to_world, np.float64)
        return cls(pose, focal, focal, width / 2, height / 2, width, height)

    @property
    def eye(self) -> np.ndarray:
        """Position of the camera, (3,) f64."""
        return self.camera_to_world[:3, 3]

    @property
    def fov_y_deg(self) -> float:
        """Vertical field of view, degrees."""
        return float(np.degrees(2 * np.arctan(0.5 * self.height / self.fy)))

    def resized(self, width: int, height: int) -> Camera:
        """The same view in a picture of another size. The vertical field of view stays; the sides grow or shrink."""
        scale = height / self.height
        cx = self.cx * scale + 0.5 * (width - self.width * scale)
        fx, fy, cy = self.fx * scale, self.fy * scale, self.cy * scale
        return replace(self, fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)

    def cropped(self, x: int, y: int, width: int, height: int) -> Camera:
        """The part of the picture from pixel (x, y), counted from the top left, as a picture of its own."""
        ortho = None if self.ortho_height is None else self.ortho_height * height / self.height
        cropped = replace(self, cx=self.cx - x, cy=self.cy - y, width=width, height=height, ortho_height=ortho)
        return cropped

    def shifted(self, dx: float, dy: float) -> Camera:
        """The camera with its picture moved by a fraction of a pixel, for accumulating samples."""
        return replace(self, cx=self.cx + dx, cy=self.cy + dy)

    def view_matrix(self) -> np.ndarray:
        """World → camera, (4,4) f64."""
        return np.linalg.inv(self.camera_to_world)

    def projection_matrix(self, near: float, far: float) -> np.ndarray:
        """Camera → clip space of OpenGL (depth −1 at `near`, 1 at `far`), (4,4) f64."""
        matrix = np.zeros((4, 4))
        width, height = self.width, self.height
        if self.ortho_height is not None:
            pixel = self.ortho_pixel()
            matrix[0, 0], matrix[1, 1] = 2 / (width * pixel), 2 / (height * pixel)
            matrix[0, 3], matrix[1, 3] = 2 * self.cx / width - 1, 1 - 2 * self.cy / height
            matrix[2, 2], matrix[2, 3] = -2 / (far - near), -(far + near) / (far - near)
            matrix[3, 3] = 1.0
            return matrix
        matrix[0, 0], matrix[1, 1] = 2 * self.fx / width, 2 * self.fy / height
        matrix[0, 2], matrix[1, 2] = 1 - 2 * self.cx / width, 2 * self.cy / height - 1
        matrix[2, 2], matrix[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
        matrix[3, 2] = -1.0
        return matrix

    def distance(self, depth: np.ndarray | float, near: float, far: float) -> np.ndarray | float:
        """Distance along the viewing axis behind values 0 … 1 of a depth buffer drawn with these planes."""
        if self.ortho_height is not None:
            return near + depth * (far - near)
        return near * far / (far - depth * (far - near))

    def ortho_pixel(self) -> float:
        """World size of a pixel of an orthographic camera."""
        return self.ortho_height / self.height

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Origins and unit directions through the pixel centres, each (height, width, 3) f64 in world space."""
        u, v = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        turn = self.camera_to_world[:3, :3]
        if self.ortho_height is not None:
            pixel = self.ortho_pixel()
            local = np.stack([(u - self.cx) * pixel, (self.cy - v) * pixel, np.zeros_like(u)], -1)
            return local @ turn.T + self.eye, np.broadcast_to(-turn[:, 2], local.shape)
        local = np.stack([(u - self.cx) / self.fx, (self.cy - v) / self.fy, -np.ones_like(u)], -1)
        local /= np.linalg.norm(local, axis=-1, keepdims=True)
        return np.broadcast_to(self.eye, local.shape), local @ turn.T

    def unproject(self, x: float, y: float, depth: float) -> np.ndarray:
        """World point at pixel position (x, y) and distance `depth` along the viewing axis, (3,) f64."""
        if self.ortho_height is not None:
            pixel = self.ortho_pixel()
            local = np.array([(x - self.cx) * pixel, (self.cy - y) * pixel, -depth])
        else:
            local = np.array([(x - self.cx) / self.fx * depth, (self.cy - y) / self.fy * depth, -depth])
        return self.camera_to_world[:3, :3] @ local + self.eye

    def to_json(self) -> dict:
        """The CAM.json form."""
        form = {"camera_to_world": self.camera_to_world.tolist(), "fx": self.fx, "fy": self.fy}
        form |= {"cx": self.cx, "cy": self.cy, "width": self.width, "height": self.height}
        if self.ortho_height is not None:
            form["ortho_height"] = self.ortho_height
        return form

    @classmethod
    def from_json(cls, form: dict, size: tuple[int, int] | None = None) -> Camera:
        """A camera from the CAM.json form, in a picture of `size` where given. Raises ValueError saying what is off."""
        pose = np.array(form.get("camera_to_world", ()), np.float64)
        if pose.shape != (4, 4) or not np.isfinite(pose).all():
            raise ValueError("camera_to_world is not a 4×4 matrix of numbers")
        if abs(np.linalg.det(pose[:3, :3])) < 1e-12:
            raise ValueError("camera_to_world cannot be inverted")
        numbers = {key: float(form[key]) for key in ("fov_y_deg", "fx", "fy", "cx", "cy") if form.get(key) is not None}
        own = (form.get("width"), form.get("height"))
        width, height = (int(own[0]), int(own[1])) if None not in own else size or (1280, 720)
        if not (0 < width <= 16384 and 0 < height <= 16384):
            raise ValueError(f"a picture of {width}×{height} is not possible")
        if "fy" in numbers or "fx" in numbers:
            fy = numbers.get("fy", numbers.get("fx"))
            fx = numbers.get("fx", fy)
            cx, cy = numbers.get("cx", width / 2), numbers.get("cy", height / 2)
            camera = cls(pose, fx, fy, cx, cy, width, height)
        elif 0 < numbers.get("fov_y_deg", 0) < 180:
            camera = cls.with_fov(pose, numbers["fov_y_deg"], width, height)
        else:
            raise ValueError("neither fov_y_deg (0 … 180) nor fx and fy are given")
        if not (camera.fx > 0 and camera.fy > 0):
            raise ValueError("fx and fy must be positive")
        if form.get("ortho_height") is not None:
            camera = replace(camera, ortho_height=float(form["ortho_height"]))
        return camera.resized(*size) if size else camera


def read_camera(path: Path, size: tuple[int, int] | None = None) -> Camera:
    """The camera in a CAM.json file. Raises BadFile."""
    try:
        form = json.loads(Path(path).read_text("utf-8"))
        if not isinstance(form, dict):
            raise ValueError("it is not a JSON object")
        return Camera.from_json(form, size)
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError, KeyError) as error:
        raise BadFile(path, f"is not a camera: {error}") from error
