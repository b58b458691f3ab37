"""How far away the thing under the cursor is: the asset alone, drawn into a picture of one pixel, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from OpenGL import GL

from .camera import Camera
from .framing import depth_extent
from .gl.framebuffer import Framebuffer
from .gl.texture import Texture
from .renderer import Quality, Renderer, Stage, View

MARGIN = 0.01
"""Share of the box that the clip planes leave around it."""

NEAREST = 1e-4
"""Near plane of a camera inside the box, as a share of the far one."""


def clip_range(bounds: np.ndarray, camera: Camera) -> tuple[float, float] | None:
    """Near and far planes around the box as tight as depth precision likes it; None where it lies behind."""
    near, far = depth_extent(bounds, camera)
    # A box without thickness still needs room for the rounding of f32 on the way to it.
    slack = max(MARGIN * float(np.linalg.norm(bounds[1] - bounds[0])), 1e-5 * max(abs(near), abs(far)), 1e-9)
    near, far = near - slack, far + slack
    if camera.ortho_height is not None:
        return near, far
    return (max(near, NEAREST * far), far) if far > 0 else None


def pick_depth(
    renderer: Renderer,
    camera: Camera,
    x: float,
    y: float,
    bounds: np.ndarray | None,
    *,
    draw: Callable[[View], Iterator[None]] | None = None,
    reach_px: int = 0,
) -> float | None:
    """Distance along the viewing axis to what `renderer` writes into the depth buffer at pixel position (x, y).

    bounds: world box of the asset, (2,3). draw: what to call instead of `renderer.draw`. reach_px: pixels that must be
    drawn around the one asked for, where primitives would be dropped otherwise. None where nothing is hit.
    """
    planes = None if bounds is None else clip_range(bounds, camera)
    if planes is None:
        return None
    size = 2 * reach_px + 1
    small = camera.cropped(x - 0.5 - reach_px, y - 0.5 - reach_px, size, size)
    projection = small.projection_matrix(*planes)
    target = Framebuffer((size, size))
    nothing_in_front = Texture(GL.GL_DEPTH_COMPONENT32F, (1, 1), linear=False)
    nothing_in_front.write(np.ones((1, 1), np.float32))
    view = View(small, small.view_matrix(), projection, *planes, Quality(), nothing_in_front.id, target.id)
    try:
        _enter(renderer.stage, target)
        GL.glClearDepth(1.0)
        GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)
        for _ in (draw or renderer.draw)(view):
            _enter(renderer.stage, target)
        depth = float(target.read_depth()[reach_px, reach_px])
    finally:
        target.delete()
        nothing_in_front.delete()
    return None if depth >= 1.0 else _distance(depth, *planes, camera.ortho_height is not None)


def _distance(depth: float, near: float, far: float, orthographic: bool) -> float:
    """The distance along the viewing axis behind a value of the depth buffer."""
    return near + depth * (far - near) if orthographic else near * far / (far - depth * (far - near))


def _enter(stage: Stage, target: Framebuffer) -> None:
    """The state that a frame promises to renderers of `stage`."""
    target.bind()
    for state in (GL.GL_SCISSOR_TEST, GL.GL_CULL_FACE, GL.GL_DEPTH_CLAMP):
        GL.glDisable(state)
    GL.glEnable(GL.GL_DEPTH_TEST)
    GL.glDepthFunc(GL.GL_LEQUAL)
    GL.glDepthMask(True)
    GL.glBlendEquation(GL.GL_FUNC_ADD)
    GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
    (GL.glDisable if stage is Stage.OPAQUE else GL.glEnable)(GL.GL_BLEND)
