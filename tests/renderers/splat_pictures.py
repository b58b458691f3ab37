"""Pictures of splats for tests: through the GL renderer alone, and the oracle's views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from OpenGL import GL

from assets.formats import ReadOptions, gaussian_ply
from assets.gaussians import Gaussians
from assets.progress import run
from renderers.camera import Camera
from renderers.gaussians import GaussiansRenderer
from renderers.gl.framebuffer import Framebuffer
from renderers.renderer import Quality, View

DATA = Path(__file__).resolve().parent.parent / "data" / "gaussians"
FULL = Quality()
MODES = {"classic": "classic", "mip": "antialiased"}
"""`TrainerNotes.antialiasing` → the oracle's name for it."""


def open_splats(path: Path) -> Gaussians:
    """The splats in a file."""
    return run(gaussian_ply.load(path, ReadOptions()))[0]


def oracle_camera(view: np.lib.npyio.NpzFile) -> Camera:
    """The camera of an oracle's view."""
    numbers = [float(view[key]) for key in ("fx", "fy", "cx", "cy")]
    return Camera(view["c2w"].astype(np.float64), *numbers, int(view["width"]), int(view["height"]))


def psnr(picture: np.ndarray, expected: np.ndarray) -> float:
    """Peak signal to noise ratio, dB, for values 0 … 1."""
    return float(-10 * np.log10(max(np.mean((picture.astype(np.float64) - expected) ** 2), 1e-20)))


def over(picture: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Premultiplied (H,W,4) over a background, as 8-bit values 0 … 1: (H,W,3)."""
    color = picture[..., :3] + (1 - picture[..., 3:]) * background
    return np.round(np.clip(color, 0, 1) * 255) / 255


def ready(splats: Gaussians) -> GaussiansRenderer:
    """A renderer with everything on the GPU."""
    renderer = GaussiansRenderer(splats)
    while not renderer.sync(1.0):
        pass
    return renderer


def enter(target: Framebuffer) -> None:
    """The state in which a frame calls a renderer of stage SPLAT."""
    target.bind()
    for switch, on in ((GL.GL_CULL_FACE, False), (GL.GL_DEPTH_TEST, True), (GL.GL_BLEND, True)):
        (GL.glEnable if on else GL.glDisable)(switch)
    GL.glDepthFunc(GL.GL_LEQUAL)
    GL.glDepthMask(False)
    GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)


def view_of(camera: Camera, target: Framebuffer, quality: Quality, near: float = 0.1, far: float = 50.0) -> View:
    """What a frame tells a renderer."""
    projection = camera.projection_matrix(near, far)
    depth = target.depth.id
    return View(camera, camera.view_matrix(), projection, near, far, quality, depth, target.id)


def picture(
    renderer: GaussiansRenderer, camera: Camera, quality: Quality = FULL, opaque: np.ndarray | None = None
) -> np.ndarray:
    """(H,W,4) f32 premultiplied, row 0 at the top, drawn against `opaque`: distances (H,W) of what is in the way."""
    target = Framebuffer((camera.width, camera.height))
    view = view_of(camera, target, quality)
    target.bind()
    GL.glDepthMask(True)
    GL.glClearColor(0, 0, 0, 0)
    GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)
    if opaque is not None:
        depth = (view.far + view.near - 2 * view.far * view.near / opaque) / (view.far - view.near)
        target.depth.write((0.5 * depth + 0.5)[::-1].astype(np.float32))
    enter(target)
    for _ in renderer.draw(view):
        enter(target)
    result = target.read_color()
    target.delete()
    return result
