"""Framebuffers that own their textures."""

from __future__ import annotations

import numpy as np
from OpenGL import GL

from assets.errors import TriptychError

from .lifetime import GLObject
from .texture import Texture


class Framebuffer(GLObject):
    """A target of `size` (width, height) with colour textures in `colors` formats and a sampleable depth texture.

    planes: near and far distance between which its depth lies, for whoever draws to say; None: not said.
    """

    def __init__(self, size: tuple[int, int], colors: tuple[int, ...] = (GL.GL_RGBA16F,), depth: bool = True) -> None:
        super().__init__(GL.glGenFramebuffers(1))
        self.size = (int(size[0]), int(size[1]))
        self.planes: tuple[float, float] | None = None
        self.colors = tuple(Texture(internal, self.size) for internal in colors)
        self.depth = Texture(GL.GL_DEPTH_COMPONENT32F, self.size, linear=False) if depth else None
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.id)
        for index, texture in enumerate(self.colors):
            attachment = GL.GL_COLOR_ATTACHMENT0 + index
            GL.glFramebufferTexture2D(GL.GL_FRAMEBUFFER, attachment, GL.GL_TEXTURE_2D, texture.id, 0)
        if self.depth:
            attachment = GL.GL_DEPTH_ATTACHMENT
            GL.glFramebufferTexture2D(GL.GL_FRAMEBUFFER, attachment, GL.GL_TEXTURE_2D, self.depth.id, 0)
        GL.glDrawBuffers(len(colors), [GL.GL_COLOR_ATTACHMENT0 + index for index in range(len(colors))])
        if GL.glCheckFramebufferStatus(GL.GL_FRAMEBUFFER) != GL.GL_FRAMEBUFFER_COMPLETE:
            raise TriptychError(f"The graphics driver makes no picture of {self.size[0]} × {self.size[1]} pixels.")

    def bind(self) -> None:
        """Makes this the target, with the viewport over all of it."""
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.id)
        GL.glViewport(0, 0, *self.size)

    def read_color(self, index: int = 0, dtype: np.dtype = np.float32) -> np.ndarray:
        """A colour attachment as (height, width, 4), row 0 at the top; `dtype` float32 or uint8."""
        kind = GL.GL_UNSIGNED_BYTE if np.dtype(dtype) == np.uint8 else GL.GL_FLOAT
        out = np.empty((self.size[1], self.size[0], 4), dtype)
        GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self.id)
        GL.glReadBuffer(GL.GL_COLOR_ATTACHMENT0 + index)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        GL.glReadPixels(0, 0, *self.size, GL.GL_RGBA, kind, out)
        return out[::-1]

    def read_depth(self) -> np.ndarray:
        """The depth buffer, 0 … 1, as (height, width) f32, row 0 at the top."""
        out = np.empty((self.size[1], self.size[0]), np.float32)
        GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self.id)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        GL.glReadPixels(0, 0, *self.size, GL.GL_DEPTH_COMPONENT, GL.GL_FLOAT, out)
        return out[::-1]

    def delete(self) -> None:
        """Frees the framebuffer and its textures."""
        for texture in (*self.colors, *((self.depth,) if self.depth else ())):
            texture.delete()
        super().delete()

    def _free(self, name: int) -> None:
        GL.glDeleteFramebuffers(1, [name])
