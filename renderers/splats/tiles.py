"""Splats painted by the processor itself, tile by tile, where the GL is software anyway.

A software GL spends most of a frame on what blending needs at every pixel of a quad: coverage, depth, conversion of
halves and back. Here the projected splats are sorted into tiles of 32×32 pixels and laid under each other, the nearest
first, eight pixels at a time, until a tile lets no more light through; the finished picture is laid over the target
like one large splat. That takes two fifths of the time, with the same numbers to within the rounding of halves. What is
drawn and in which order is decided as for quads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import pairwise

import numpy as np
from OpenGL import GL

from assets.cores import threads

from ..gl.buffer import VertexArray
from ..gl.program import Program
from ..gl.texture import Texture
from ..threads import pool
from .loops import loops

_RANGES_PER_THREAD = 4
_BAND = 128
"""Rows of a picture that are laid over the target at once."""
_MOST_TOUCHES = 1 << 20
"""Tiles that the splats of one part touch."""
_PAD = 16
"""Pixels behind each row, so that those of a tile do not meet in the same lines of the processor's cache."""


class TilePicture:
    """A picture of splats in the making, `width` × `height` pixels, row 0 at the bottom. depth: (H,W) f32 in 0 … 1 of
    what is opaque, None for nothing."""

    def __init__(self, width: int, height: int, depth: np.ndarray | None = None) -> None:
        from .tile_code import TILE

        self.width, self.height = width, height
        self._columns, rows = -(-width // TILE), -(-height // TILE)
        self._tiles = self._columns * rows
        shape = rows * TILE, self._columns * TILE + _PAD
        self._planes = np.zeros((4, *shape), np.float32)
        self._planes[3, :height, :width] = 1
        self._depths = np.ones(shape if depth is not None else (1, shape[1]), np.float32)
        if depth is not None:
            self._depths[:height, :width] = depth
        self._full = np.zeros(self._tiles, np.uint8)
        self._working: list[Future] = []

    def add(self, records: np.ndarray) -> Iterator[None]:
        """Lays projected splats, records (n,12) f32 as gaussian_project.glsl leaves them, with the nearest last, under
        those that are there. Yields between parts that touch many tiles. Threads paint the last part afterwards."""
        from .tile_code import FIRST_X, MARK, TILE

        marks = np.empty((len(records), MARK), np.float32)
        loops().call("mark", records, len(records), self.width, self.height, marks)
        # What a few splats that cover the picture touch would not fit into memory at once.
        boxes = marks.view(np.int32)[:, FIRST_X:]
        spans = -(-boxes[:, 1::2] // TILE) - boxes[:, ::2] // TILE
        part = np.cumsum((spans[:, 0] * spans[:, 1])[::-1]) // _MOST_TOUCHES
        ends = [*(len(marks) - np.flatnonzero(np.diff(part, prepend=-1))), 0]
        for end, start in pairwise(ends):
            self._lay_under(marks[start:end])
            yield

    def _lay_under(self, marks: np.ndarray) -> None:
        """Sorts these into tiles while those before are painted, and hands them to threads."""
        code, count = loops(), len(marks)
        # A copy: tiles that get full meanwhile must be so for neither of the two or for both.
        full, starts = self._full.copy(), np.zeros(self._tiles + 1, np.int64)
        code.call("tally", marks, count, self._columns, full, starts)
        np.cumsum(starts, out=starts)
        items = np.empty(starts[-1], np.int32)
        code.call("deal", marks, count, self._columns, full, starts[:-1].copy(), items)
        self._wait()
        stride = self._planes.shape[2]
        place = self._columns, stride, self._planes[0].size, stride if len(self._depths) > 1 else 0
        lists = starts, items, marks, self._planes, self._depths, self._full
        self._working = _shared(lambda first, last: code.call("paint", first, last, *place, *lists), starts)

    def finished(self) -> np.ndarray:
        """The planes (4,H,W) f32 of the picture: premultiplied red, green, blue, and the light that passes."""
        self._wait()
        return self._planes[:, : self.height, : self.width]

    def _wait(self) -> None:
        for future in self._working:
            future.result()
        self._working = []


def _shared(work: Callable[[int, int], None], starts: np.ndarray) -> list[Future]:
    """Has `work(first, last)` done for all tiles by threads, in ranges of about as many items: those of tile t are
    starts[t] … starts[t + 1]."""
    ends = np.searchsorted(starts, np.linspace(0, starts[-1], _RANGES_PER_THREAD * threads() + 1)[1:-1])
    edges = [0, *sorted({int(end) for end in ends}), len(starts) - 1]
    return [pool().submit(work, first, last) for first, last in pairwise(edges) if first < last]


class TileLayer:
    """Lays finished pictures over the bound target. Nothing is allocated before the first one."""

    def __init__(self) -> None:
        self._program: Program | None = None
        self._nothing: VertexArray | None = None
        self._texture: Texture | None = None

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return self._texture.nbytes if self._texture else 0

    def lay(self, planes: np.ndarray) -> Iterator[None]:
        """Blends the planes (4,H,W) f32 of a picture with the target, in bands, so that little of it is there twice.
        Yields after each, for an event loop to go on."""
        width = planes.shape[2]
        if self._program is None:
            self._program, self._nothing = Program("splat_layer.glsl"), VertexArray()
        if self._texture is not None and self._texture.size[0] != width:
            self._texture.delete()
            self._texture = None
        self._texture = self._texture or Texture(GL.GL_R32F, (width, 4 * _BAND), linear=False)
        for bottom in range(0, planes.shape[1], _BAND):
            band = planes[:, bottom : bottom + _BAND]
            self._texture.write(band.reshape(-1, width))
            self._texture.bind(0)
            self._program.use()
            self._program.set(planes=0, height=band.shape[1], bottom=bottom)
            self._nothing.bind()
            # What is opaque was tested against already.
            GL.glDisable(GL.GL_DEPTH_TEST)
            GL.glEnable(GL.GL_SCISSOR_TEST)
            GL.glScissor(0, bottom, width, band.shape[1])
            GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
            GL.glDisable(GL.GL_SCISSOR_TEST)
            GL.glEnable(GL.GL_DEPTH_TEST)
            GL.glFinish()
            yield

    def delete(self) -> None:
        """Frees the GL objects."""
        for owner in (self._program, self._nothing, self._texture):
            if owner:
                owner.delete()
        self._program = self._nothing = self._texture = None


def read_depth(width: int, height: int) -> np.ndarray | None:
    """The depth (H,W) f32 of the bound framebuffer, 0 … 1, row 0 at the bottom; None where nothing is in the way."""
    depth = np.empty((height, width), np.float32)
    GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
    GL.glReadPixels(0, 0, width, height, GL.GL_DEPTH_COMPONENT, GL.GL_FLOAT, depth)
    return depth if depth.min() < 1 else None
