"""Textures: 2D, 3D and buffer textures."""

from __future__ import annotations

import numpy as np
from OpenGL import GL

from .buffer import Buffer
from .lifetime import GLObject

FORMATS = {
    GL.GL_R8: (GL.GL_RED, GL.GL_UNSIGNED_BYTE, 1),
    GL.GL_RGBA8: (GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, 4),
    GL.GL_SRGB8_ALPHA8: (GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, 4),
    GL.GL_R16F: (GL.GL_RED, GL.GL_HALF_FLOAT, 2),
    GL.GL_RGB16F: (GL.GL_RGB, GL.GL_HALF_FLOAT, 6),
    GL.GL_RGBA16F: (GL.GL_RGBA, GL.GL_HALF_FLOAT, 8),
    GL.GL_R32F: (GL.GL_RED, GL.GL_FLOAT, 4),
    GL.GL_RGBA32F: (GL.GL_RGBA, GL.GL_FLOAT, 16),
    GL.GL_R32I: (GL.GL_RED_INTEGER, GL.GL_INT, 4),
    GL.GL_RGBA32UI: (GL.GL_RGBA_INTEGER, GL.GL_UNSIGNED_INT, 16),
    GL.GL_DEPTH_COMPONENT32F: (GL.GL_DEPTH_COMPONENT, GL.GL_FLOAT, 4),
}
"""Internal format → format and type of the data that is uploaded, and bytes per texel."""


class Texture(GLObject):
    """A texture of `size` (width, height[, depth]) in one of FORMATS, empty until written.

    mipmapped: filters with smaller levels, which the caller allocates and fills. A driver must know before it
    allocates the first one.
    """

    def __init__(
        self,
        internal: int,
        size: tuple[int, ...],
        *,
        linear: bool = True,
        repeat: bool = False,
        mipmapped: bool = False,
    ) -> None:
        super().__init__(GL.glGenTextures(1))
        self.internal, self.size = internal, tuple(int(n) for n in size)
        self.target = GL.GL_TEXTURE_3D if len(size) == 3 else GL.GL_TEXTURE_2D
        GL.glBindTexture(self.target, self.id)
        filtering = GL.GL_LINEAR if linear else GL.GL_NEAREST
        wrap = GL.GL_REPEAT if repeat else GL.GL_CLAMP_TO_EDGE
        minifying = GL.GL_LINEAR_MIPMAP_LINEAR if mipmapped else filtering
        GL.glTexParameteri(self.target, GL.GL_TEXTURE_MIN_FILTER, minifying)
        GL.glTexParameteri(self.target, GL.GL_TEXTURE_MAG_FILTER, filtering)
        for axis in (GL.GL_TEXTURE_WRAP_S, GL.GL_TEXTURE_WRAP_T, GL.GL_TEXTURE_WRAP_R):
            GL.glTexParameteri(self.target, axis, wrap)
        layout, kind, _ = FORMATS[internal]
        allocate = GL.glTexImage3D if len(size) == 3 else GL.glTexImage2D
        allocate(self.target, 0, internal, *self.size, 0, layout, kind, None)

    @property
    def nbytes(self) -> int:
        """GPU memory without mipmaps, in bytes."""
        return int(np.prod(self.size)) * FORMATS[self.internal][2]

    def write(self, data: np.ndarray, offset: tuple[int, ...] | None = None) -> None:
        """Copies `data`, shaped ([depth,] height, width[, channels]), to `offset` (x, y[, z]). Rows are packed."""
        layout, kind, _ = FORMATS[self.internal]
        dims = len(self.size)
        extent = data.shape[:dims][::-1]
        GL.glBindTexture(self.target, self.id)
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        place = GL.glTexSubImage3D if dims == 3 else GL.glTexSubImage2D
        place(self.target, 0, *(offset or (0,) * dims), *extent, layout, kind, np.ascontiguousarray(data))

    def mipmaps(self) -> None:
        """Builds mipmaps from the base level and filters with them."""
        GL.glBindTexture(self.target, self.id)
        GL.glGenerateMipmap(self.target)
        GL.glTexParameteri(self.target, GL.GL_TEXTURE_MIN_FILTER, GL.GL_LINEAR_MIPMAP_LINEAR)

    def bind(self, unit: int) -> None:
        """Binds to texture `unit`."""
        GL.glActiveTexture(GL.GL_TEXTURE0 + unit)
        GL.glBindTexture(self.target, self.id)

    def _free(self, name: int) -> None:
        GL.glDeleteTextures([name])


class BufferTexture(GLObject):
    """A buffer seen as a texture of texels in `internal` format, read with texelFetch. Does not own the buffer."""

    def __init__(self, internal: int, buffer: Buffer) -> None:
        super().__init__(GL.glGenTextures(1))
        GL.glBindTexture(GL.GL_TEXTURE_BUFFER, self.id)
        GL.glTexBuffer(GL.GL_TEXTURE_BUFFER, internal, buffer.id)

    def bind(self, unit: int) -> None:
        """Binds to texture `unit`."""
        GL.glActiveTexture(GL.GL_TEXTURE0 + unit)
        GL.glBindTexture(GL.GL_TEXTURE_BUFFER, self.id)

    def _free(self, name: int) -> None:
        GL.glDeleteTextures([name])
