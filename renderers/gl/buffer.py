"""Buffers and vertex arrays."""

from __future__ import annotations

import ctypes

import numpy as np
from OpenGL import GL

from .lifetime import GLObject

GL_TYPES = {
    np.dtype(np.float32): GL.GL_FLOAT,
    np.dtype(np.float16): GL.GL_HALF_FLOAT,
    np.dtype(np.uint8): GL.GL_UNSIGNED_BYTE,
    np.dtype(np.uint16): GL.GL_UNSIGNED_SHORT,
    np.dtype(np.uint32): GL.GL_UNSIGNED_INT,
    np.dtype(np.int32): GL.GL_INT,
}


class Buffer(GLObject):
    """GPU memory of `nbytes`, filled at once or piece by piece with `write`."""

    def __init__(self, data: np.ndarray | None = None, nbytes: int = 0, usage: int = GL.GL_STATIC_DRAW) -> None:
        super().__init__(GL.glGenBuffers(1))
        self.nbytes = int(data.nbytes if data is not None else nbytes)
        # The copy-write target disturbs no vertex array that happens to be bound.
        GL.glBindBuffer(GL.GL_COPY_WRITE_BUFFER, self.id)
        content = None if data is None else np.ascontiguousarray(data)
        GL.glBufferData(GL.GL_COPY_WRITE_BUFFER, self.nbytes, content, usage)

    def write(self, data: np.ndarray, offset: int = 0) -> None:
        """Copies `data` to the byte `offset`."""
        GL.glBindBuffer(GL.GL_COPY_WRITE_BUFFER, self.id)
        GL.glBufferSubData(GL.GL_COPY_WRITE_BUFFER, offset, data.nbytes, np.ascontiguousarray(data))

    def read(self, dtype: np.dtype, count: int, offset: int = 0) -> np.ndarray:
        """`count` items from the byte `offset`, copied back."""
        out = np.zeros(count, dtype)
        GL.glBindBuffer(GL.GL_COPY_WRITE_BUFFER, self.id)
        GL.glGetBufferSubData(GL.GL_COPY_WRITE_BUFFER, offset, out.nbytes, out.ctypes.data_as(ctypes.c_void_p))
        return out

    def _free(self, name: int) -> None:
        GL.glDeleteBuffers(1, [name])


class VertexArray(GLObject):
    """Which buffers feed which attributes. Does not own the buffers."""

    def __init__(self) -> None:
        super().__init__(GL.glGenVertexArrays(1))

    def bind(self) -> None:
        """Makes this the current vertex array."""
        GL.glBindVertexArray(self.id)

    def attribute(
        self,
        location: int,
        buffer: Buffer,
        components: int,
        dtype: np.dtype = np.float32,
        *,
        stride: int = 0,
        offset: int = 0,
        divisor: int = 0,
        normalized: bool = False,
        integer: bool = False,
    ) -> None:
        """Feeds attribute `location` from `buffer`; `stride` and `offset` in bytes, `divisor` 1: once per instance."""
        self.bind()
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, buffer.id)
        kind, start = GL_TYPES[np.dtype(dtype)], ctypes.c_void_p(offset)
        if integer:
            GL.glVertexAttribIPointer(location, components, kind, stride, start)
        else:
            GL.glVertexAttribPointer(location, components, kind, normalized, stride, start)
        GL.glEnableVertexAttribArray(location)
        GL.glVertexAttribDivisor(location, divisor)

    def elements(self, buffer: Buffer) -> None:
        """Takes `buffer` as the element (index) buffer."""
        self.bind()
        GL.glBindBuffer(GL.GL_ELEMENT_ARRAY_BUFFER, buffer.id)

    def _free(self, name: int) -> None:
        GL.glDeleteVertexArrays(1, [name])
