"""What the passes of a picture share: the GL state of a stage, and clip planes around what is drawn."""

from __future__ import annotations

import numpy as np
from OpenGL import GL

from .camera import Camera
from .framing import depth_extent
from .renderer import Stage

MARGIN = 0.01
"""Share of the box that the clip planes leave around it."""

NEAREST = 1e-4
"""Near plane of a camera inside the box, as a share of the far one."""


def enter(stage: Stage, framebuffer: int, width: int, height: int) -> None:
    """Binds the target and sets the state that renderers of `stage` may rely on."""
    GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, framebuffer)
    GL.glViewport(0, 0, width, height)
    GL.glDisable(GL.GL_SCISSOR_TEST)
    GL.glDisable(GL.GL_CULL_FACE)
    GL.glEnable(GL.GL_DEPTH_TEST)
    GL.glDepthFunc(GL.GL_LEQUAL)
    GL.glDepthMask(stage is not Stage.SPLAT)
    GL.glBlendEquation(GL.GL_FUNC_ADD)
    GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
    (GL.glDisable if stage is Stage.OPAQUE else GL.glEnable)(GL.GL_BLEND)
    # A splat reaches around its centre: the near plane, fitted to the centres, must not cut it.
    (GL.glEnable if stage is Stage.SPLAT else GL.glDisable)(GL.GL_DEPTH_CLAMP)


def clip_range(bounds: np.ndarray, camera: Camera) -> tuple[float, float] | None:
    """Near and far planes around the box (2,3), as tight as depth precision likes it; None where it lies behind."""
    near, far = depth_extent(bounds, camera)
    # A box without thickness still needs room for the rounding of f32 on the way to it.
    slack = max(MARGIN * float(np.linalg.norm(bounds[1] - bounds[0])), 1e-5 * max(abs(near), abs(far)), 1e-9)
    near, far = near - slack, far + slack
    if camera.ortho_height is not None:
        return near, far
    return (max(near, NEAREST * far), far) if far > 0 else None
