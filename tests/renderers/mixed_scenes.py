"""Small assets of every kind, made to stand in front of each other."""

from __future__ import annotations

import numpy as np

from assets.fields.description import March, Output
from assets.gaussians import Gaussians
from assets.mesh import Material, Mesh, MeshPart
from assets.scene import Scene
from assets.triplane import Triplane
from renderers.camera import Camera

from .field_pictures import DENSITY, baked, field

CAMERA = Camera.look_at((0.0, 0.0, 5.0), (0.0, 0.0, 0.0), fov_y_deg=35.0, width=64, height=48)
"""Looks along −z at the origin: what has the larger z is in front."""


def quad(z: float, color: tuple[float, float, float], across: tuple[float, float]) -> Mesh:
    """An upright, unlit rectangle at depth z, from left to right as wide as `across`."""
    left, right = across
    corners = np.float32([[left, -0.9, z], [right, -0.9, z], [right, 0.9, z], [left, 0.9, z]])
    faces, normals = np.uint32([[0, 1, 2], [0, 2, 3]]), np.tile(np.float32([0, 0, 1]), (4, 1))
    part = MeshPart("quad", corners, faces, normals, material=0)
    mesh = Mesh("quad", [part], materials=[Material(base_color=(*color, 1.0))])
    mesh.set_display("mode", "base colour")
    return mesh


def splat(place: tuple[float, float, float], color: tuple[float, float, float], size: float = 0.15) -> Gaussians:
    """A round, nearly opaque splat."""
    sh = ((np.float32(color) - 0.5) / 0.28209479)[None, None]
    return Gaussians(
        "splat",
        np.float32([place]),
        np.full((1, 3), np.log(size), np.float32),
        np.float32([[1, 0, 0, 0]]),
        np.float32([6.0]),
        sh,
    )


def fog_box(
    place: tuple[float, float, float],
    density: float,
    half: float = 0.6,
    color: tuple[float, float, float] = (1.0, 0.25, 0.0),
) -> Triplane:
    """A cube of even fog around `place`."""
    outputs = (DENSITY, Output("rgb", (1, 4)))
    sides = tuple(-half for _ in range(3)), tuple(half for _ in range(3))
    fog = field(density=density, color=color, march=March(samples=64), outputs=outputs, low=sides[0], high=sides[1])
    placed = np.eye(4)
    placed[:3, 3] = place
    fog.set_transform(placed)
    return baked(fog)


def scene_of(*assets) -> Scene:
    """A scene of these."""
    scene = Scene()
    for asset in assets:
        scene.add(asset)
    return scene
