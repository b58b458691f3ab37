"""Fields with a known answer, and their pictures through the GL renderer alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from OpenGL import GL

from assets.fields.bricks.bake import bake
from assets.fields.description import FieldDescription, Group, Head, Input, Layer, March, Output, Plane, Space
from assets.progress import run
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.gl.framebuffer import Framebuffer
from renderers.renderer import Quality, View
from renderers.triplane import TriplaneRenderer

NEAR, FAR = 0.1, 50.0
DENSITY, RGB = Output("density", (0, 1), "relu"), Output("rgb", (1, 4), "none")


def field(
    slope: tuple[float, float, float] = (0.0, 0.0, 0.0),
    density: float = 1.0,
    color: tuple[float, ...] = (1.0, 0.5, 0.25),
    march: March | None = None,
    outputs: tuple[Output, ...] = (DENSITY, RGB),
    low: tuple[float, float, float] = (-1.0, -1.0, -1.0),
    high: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Triplane:
    """A box in which the raw density is density + slope · position (−1 … 1), and the raw colour the same everywhere."""
    weight = np.zeros((4, 3), np.float32)
    weight[0] = slope
    tensors = {"planes": np.zeros((1, 1, 2, 2), np.float32), "weight": weight}
    tensors["bias"] = np.float32([density, *color])
    groups = (Group("planes", (Plane("planes", 0, ("x", "y")),)),)
    heads = (Head("decoder", (Input("position"),), (Layer("weight", "bias"),), outputs),)
    description = FieldDescription("known", Space(low, high), groups, heads, march or March(samples=64))
    return Triplane("known", tensors, description)


def baked(triplane: Triplane, cells: int = 16) -> Triplane:
    """The triplane with a grid of `cells` along its longest side."""
    run(bake(triplane, levels=(cells,), device="cpu"), on_partial=triplane.accept)
    return triplane


def oracle_view(shared: Path, index: int) -> tuple[Camera, dict[str, np.ndarray]]:
    """The camera and the arrays of a view of the TripoSR oracle."""
    view = dict(np.load(shared / "oracles" / "triposr" / f"view_{index}.npz"))
    size = int(view["width"]), int(view["height"])
    return Camera.with_fov(view["c2w"], float(np.degrees(view["fov_y"])), *size), view


def on_white(picture: np.ndarray) -> np.ndarray:
    """Premultiplied (H,W,4) over white, as 8-bit values 0 … 1: (H,W,3)."""
    return np.round(np.clip(picture[..., :3] + 1 - picture[..., 3:], 0, 1) * 255) / 255


def psnr(picture: np.ndarray, expected: np.ndarray) -> float:
    """Peak signal to noise ratio, dB, for values 0 … 1."""
    return float(-10 * np.log10(max(np.mean((picture.astype(np.float64) - expected) ** 2), 1e-20)))


def ready(triplane: Triplane) -> TriplaneRenderer:
    """A renderer with everything uploaded."""
    renderer = TriplaneRenderer(triplane)
    while not renderer.sync(1.0):
        pass
    return renderer


def draw(
    renderer: TriplaneRenderer,
    camera: Camera,
    quality: Quality | None = None,
    opaque: float | None = None,
    **seen: object,
) -> tuple[np.ndarray, np.ndarray]:
    """Premultiplied (H,W,4) and distance along the viewing axis (H,W), before an opaque wall at distance `opaque`.
    seen: further fields of the View."""
    target = Framebuffer((camera.width, camera.height))
    orthographic = camera.ortho_height is not None
    target.bind()
    GL.glClearColor(0, 0, 0, 0)
    GL.glDepthMask(True)
    GL.glClearDepth(1.0 if opaque is None else _window_depth(opaque, orthographic))
    GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)
    matrices = camera.view_matrix(), camera.projection_matrix(NEAR, FAR)
    view = View(camera, *matrices, NEAR, FAR, quality or Quality(), target.depth.id, target.id, **seen)
    _enter(target)
    for _ in renderer.draw(view):
        _enter(target)
    color, depth = target.read_color(), target.read_depth().astype(np.float64)
    target.delete()
    if orthographic:
        return color, np.where(depth < 1, NEAR + depth * (FAR - NEAR), np.inf)
    return color, np.where(depth < 1, NEAR * FAR / (FAR - depth * (FAR - NEAR)), np.inf)


def _window_depth(distance: float, orthographic: bool) -> float:
    if orthographic:
        return (distance - NEAR) / (FAR - NEAR)
    return FAR * (distance - NEAR) / (distance * (FAR - NEAR))


def _enter(target: Framebuffer) -> None:
    target.bind()
    GL.glEnable(GL.GL_DEPTH_TEST)
    GL.glDepthFunc(GL.GL_LEQUAL)
    GL.glDepthMask(True)
    GL.glEnable(GL.GL_BLEND)
    GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
