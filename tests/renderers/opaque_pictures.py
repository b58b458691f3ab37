"""Draws one asset of the opaque stage alone, and the ground truth that trimesh's ray casting gives for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh
from OpenGL import GL

from assets.asset import Asset
from renderers.camera import Camera
from renderers.gl.framebuffer import Framebuffer
from renderers.passes import clip_range
from renderers.renderer import Quality, Renderer, View, renderer_for

RAYS = 1024
"""As many are cast at once."""


def enter(target: Framebuffer) -> None:
    """What a frame promises before each step of the opaque stage."""
    target.bind()
    for state in (GL.GL_SCISSOR_TEST, GL.GL_CULL_FACE, GL.GL_BLEND, GL.GL_DEPTH_CLAMP):
        GL.glDisable(state)
    GL.glEnable(GL.GL_DEPTH_TEST)
    GL.glDepthFunc(GL.GL_LEQUAL)
    GL.glDepthMask(True)
    GL.glBlendEquation(GL.GL_FUNC_ADD)
    GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)


def draw(renderer: Renderer, camera: Camera, quality: Quality | None = None) -> tuple[np.ndarray, np.ndarray, int]:
    """Premultiplied colour (H,W,4), distance along the viewing axis (H,W), infinite where nothing is, and how many
    steps the draw took. Everything is uploaded first."""
    while not renderer.sync(1.0):
        pass
    planes = clip_range(renderer.asset.bounds(), camera)
    target = Framebuffer((camera.width, camera.height))
    projection = camera.projection_matrix(*planes)
    view = View(camera, camera.view_matrix(), projection, *planes, quality or Quality(), target.depth.id, target.id)
    enter(target)
    GL.glClearColor(0, 0, 0, 0)
    GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)
    steps = 1
    for _ in renderer.draw(view):
        assert not GL.glIsEnabled(GL.GL_CULL_FACE) and not GL.glIsEnabled(GL.GL_BLEND)
        enter(target)
        steps += 1
    assert not GL.glIsEnabled(GL.GL_BLEND) and GL.glGetBooleanv(GL.GL_DEPTH_WRITEMASK)
    color, depth = target.read_color().copy(), target.read_depth().astype(np.float64)
    target.delete()
    near, far = planes
    linear = near + depth * (far - near)
    distance = linear if camera.ortho_height is not None else near * far / (far - depth * (far - near))
    return color, np.where(depth < 1.0, distance, np.inf), steps


def picture(asset: Asset, camera: Camera, quality: Quality | None = None) -> np.ndarray:
    """The colours of `asset` drawn by a renderer of its own, (H,W,4)."""
    renderer = renderer_for(asset)
    color, _, _ = draw(renderer, camera, quality)
    renderer.dispose()
    return color


def cast(world: trimesh.Trimesh, camera: Camera) -> np.ndarray:
    """The distance along the viewing axis by trimesh's ray casting, (H,W), infinite where nothing is hit."""
    origins, directions = (rays.reshape(-1, 3) for rays in camera.rays())
    # The rays of an orthographic camera begin in its own plane, which may cut through the mesh.
    back = 0.0 if camera.ortho_height is None else 10.0 * world.scale
    caster = trimesh.ray.ray_triangle.RayMeshIntersector(world)
    depth = np.full(len(origins), np.inf)
    # All rays at once would take gigabytes of candidates.
    for first in range(0, len(origins), RAYS):
        part = slice(first, first + RAYS)
        begins = origins[part] - back * directions[part]
        _, ray, place = caster.intersects_id(begins, directions[part], multiple_hits=False, return_locations=True)
        # Where none hits anything, the places come without columns.
        np.minimum.at(depth, first + ray, (camera.eye - place.reshape(-1, 3)) @ camera.camera_to_world[:3, 2])
    return depth.reshape(camera.height, camera.width)


def cameras(world: trimesh.Trimesh, size: tuple[int, int]) -> dict[str, Camera]:
    """A perspective, an off-centre and an orthographic camera that see `world`."""
    eye = world.bounds.mean(0) + np.array([0.9, 0.6, 1.3]) * world.scale
    straight = Camera.look_at(eye, world.bounds.mean(0), fov_y_deg=40, width=size[0], height=size[1])
    return {
        "perspective": straight,
        "off-centre": replace(straight, cx=0.31 * size[0], cy=0.66 * size[1], fx=0.8 * straight.fx),
        "orthographic": replace(straight, ortho_height=1.2 * world.scale),
    }
