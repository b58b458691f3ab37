"""How far away the thing under the cursor is: the asset alone, drawn into a picture of one pixel, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from OpenGL import GL

from .camera import Camera
from .gl.framebuffer import Framebuffer
from .gl.texture import Texture
from .passes import clip_range, enter
from .renderer import Quality, Renderer, View


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
        enter(renderer.stage, target.id, size, size)
        GL.glClearDepth(1.0)
        GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)
        for _ in (draw or renderer.draw)(view):
            enter(renderer.stage, target.id, size, size)
        depth = float(target.read_depth()[reach_px, reach_px])
    finally:
        target.delete()
        nothing_in_front.delete()
    return None if depth >= 1.0 else camera.distance(depth, *planes)
