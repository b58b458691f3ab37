"""Where a warp moves splats: on the GPU, read back for the order in which they are drawn.

Only the first splats, which a picture draws, are moved, and those that one pose has moved stay for the next picture
under it. A software GL takes 60 ms for a million of them, where numpy takes two seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from OpenGL import GL

from assets.deform.warp import Warp

from ..gl.buffer import Buffer, VertexArray
from ..gl.framebuffer import Framebuffer
from ..gl.program import Program
from ..pacing import Pacer
from ..skinning import WARPED, Skinning, centre_of
from .order import SplatOrder
from .textures import LAYOUT, SplatTextures

_LARGEST_PIECE = 262144
_SOFTWARE_PIECE = 65536
_RECORD = 16


class SplatMover:
    """Moves the splats of `textures` under the warps that `skinning` has on the GPU, and orders them there.

    order: that of the splats where they are now, the first `moved` of them.
    """

    def __init__(self, textures: SplatTextures, skinning: Skinning) -> None:
        self._textures, self._skinning = textures, skinning
        defines = LAYOUT | WARPED | {"CHUNKS": textures.chunks, "COLOR_TEXELS": textures.color_texels}
        self._program = Program("gaussian_move.glsl", defines, ("place",))
        self._places = Buffer(nbytes=_RECORD * min(_LARGEST_PIECE, textures.count), usage=GL.GL_STREAM_READ)
        self._nothing = VertexArray()
        self._pacer = Pacer(_SOFTWARE_PIECE)
        self._positions = np.empty_like(textures.positions)
        self._reaches = np.empty_like(textures.reaches)
        self._warp: Warp | None = None
        self.moved = 0
        self.order = SplatOrder(self._positions, self._reaches)

    def forget(self) -> None:
        """Other bindings are there: what was moved lies elsewhere now."""
        self._warp = None

    def steps(self, warp: Warp, count: int) -> Iterator[None]:
        """Moves the first `count` splats under `warp`, in pieces, as far as that has not been done."""
        if warp is not self._warp:
            self._warp, self.moved = warp, 0
            self.order = SplatOrder(self._positions, self._reaches)
        while warp is self._warp and self.moved < count:
            started = self._pacer.begin()
            piece = min(self._pacer.elements, count - self.moved, _LARGEST_PIECE)
            self._move(warp, self.moved, piece)
            self.moved += piece
            self._pacer.finish(started, piece)
            if self.moved < count:
                yield

    def move(self, warp: Warp, count: int) -> None:
        """The same at once, outside of a picture."""
        # Even what draws no pixel needs a picture to draw it into.
        target = Framebuffer((1, 1), depth=False)
        target.bind()
        for _ in self.steps(warp, count):
            pass
        target.delete()

    def _move(self, warp: Warp, first: int, count: int) -> None:
        self._program.use()
        self._textures.bind()
        self._textures.set_uniforms(self._program)
        self._skinning.nodes.bind(self._program, self._textures.free_unit)
        self._program.set(centre=centre_of(warp))
        self._nothing.bind()
        capture(self._places, first, count)
        places = self._places.read(np.float32, 4 * count).reshape(-1, 4)
        part = slice(first, first + count)
        self._positions[:, part] = places[:, :3].T
        np.multiply(self._textures.reaches[part], places[:, 3], out=self._reaches[part])

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return self._places.nbytes

    def delete(self) -> None:
        """Frees the GL objects."""
        for owner in (self._program, self._places, self._nothing):
            owner.delete()


def capture(records: Buffer, first: int, count: int) -> None:
    """Runs the current program over the points `first` … `first + count` and keeps what it captures in `records`."""
    GL.glBindBufferBase(GL.GL_TRANSFORM_FEEDBACK_BUFFER, 0, records.id)
    GL.glEnable(GL.GL_RASTERIZER_DISCARD)
    GL.glBeginTransformFeedback(GL.GL_POINTS)
    GL.glDrawArrays(GL.GL_POINTS, first, count)
    GL.glEndTransformFeedback()
    GL.glDisable(GL.GL_RASTERIZER_DISCARD)
    GL.glBindBufferBase(GL.GL_TRANSFORM_FEEDBACK_BUFFER, 0, 0)
