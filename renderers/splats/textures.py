"""Splats on the GPU: textures that hold shapes, colours and what a warp binds them to, filled piece by piece with the
most visible ones first.

A row of a texture holds SPLATS_PER_ROW splats. Where an asset is too large for one texture (by its height, or by the
gigabyte that some drivers allow for one), it is cut into chunks; the least visible splats that even these have no room
for are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

import numpy as np
from OpenGL import GL

from assets.deform.binding import INFLUENCES, Binding
from assets.gaussians import Gaussians

from ..gl.context import capabilities
from ..gl.program import Program
from ..gl.texture import Texture
from ..skinning import BINDING_TEXELS, packed
from ..threads import pool
from .order import REACH
from .packing import SHAPE_WORDS, largest_of, pack

SPLATS_PER_ROW = 1024
SHAPE_TEXELS = SHAPE_WORDS // 4
LAYOUT = {"SPLATS_PER_ROW": SPLATS_PER_ROW, "SHAPE_TEXELS": SHAPE_TEXELS, "BINDING_TEXELS": BINDING_TEXELS}
"""What the shader has to know of it."""

_MOST_CHUNKS = 4
_LARGEST_TEXTURE = 1 << 30
_ROWS_AT_ONCE = 4
_AHEAD = 4
"""Parts that threads pack while one is uploaded."""
_BINDING_ROWS_AT_ONCE = 16


class SplatTextures:
    """The splats of one asset. positions (3,count) and reaches (count,) f32 are kept in main memory for ordering, like
    the textures in the order of visibility; the first `filled` are there."""

    def __init__(self, asset: Gaussians) -> None:
        self.order = asset.order
        self.color_texels = -(-asset.sh.shape[1] // 4)
        row_bytes = SPLATS_PER_ROW * 16 * max(SHAPE_TEXELS, self.color_texels)
        self.per_chunk = SPLATS_PER_ROW * min(capabilities().max_texture, _LARGEST_TEXTURE // row_bytes)
        self.count = min(len(asset), _MOST_CHUNKS * self.per_chunk)
        self.chunks = max(1, -(-self.count // self.per_chunk))
        self.positions = np.empty((3, self.count), np.float32)
        self.reaches = np.empty(self.count, np.float32)
        self.filled = self._begun = 0
        self._packing: deque[tuple[slice, Future]] = deque()
        self._shapes: list[Texture] = []
        self._colors: list[Texture] = []
        self._bindings: list[Texture] = []

    def _make(self, textures: list[Texture], internal: int, texels: int) -> None:
        """Appends the next chunk's texture."""
        splats = min(self.per_chunk, self.count - len(textures) * self.per_chunk)
        height = -(-splats // SPLATS_PER_ROW)
        textures.append(Texture(internal, (SPLATS_PER_ROW * texels, height), linear=False))

    @property
    def complete(self) -> bool:
        """Whether all splats are there."""
        return self.filled == self.count

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return sum(texture.nbytes for texture in (*self._shapes, *self._colors, *self._bindings))

    def rows(self, indices: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Which rows of the asset lie at `indices` here."""
        if self.order is None:
            return np.arange(self.count, dtype=np.uint32)[indices]
        return self.order[: self.count][indices]

    def upload_some(self, asset: Gaussians) -> None:
        """Makes a texture, which takes a software GL up to 40 ms for a million splats, or uploads a few thousand."""
        chunk, inside = divmod(self.filled, self.per_chunk)
        if len(self._shapes) <= chunk:
            self._make(self._shapes, GL.GL_RGBA32UI, SHAPE_TEXELS)
        elif len(self._colors) <= chunk:
            self._make(self._colors, GL.GL_RGBA32UI, self.color_texels)
        else:
            self._upload(asset, chunk, inside)

    def _upload(self, asset: Gaussians, chunk: int, inside: int) -> None:
        """Fills whole rows of the chunk's textures, from its splat `inside` on. Threads pack what comes next."""
        while len(self._packing) < _AHEAD and self._begun < self.count:
            end = min(self._begun + _ROWS_AT_ONCE * SPLATS_PER_ROW, self.count)
            end = min(end, (self._begun // self.per_chunk + 1) * self.per_chunk)
            part = slice(self._begun, end)
            self._packing.append((part, pool().submit(self._packed, asset, part)))
            self._begun = end
        # Where it failed it stays, so that no other part comes to lie in its place.
        part, packed = self._packing[0]
        shapes, colors = packed.result()
        self._packing.popleft()
        place = (0, inside // SPLATS_PER_ROW)
        self._shapes[chunk].write(shapes.reshape(-1, SPLATS_PER_ROW * SHAPE_TEXELS, 4), place)
        self._colors[chunk].write(colors.reshape(-1, SPLATS_PER_ROW * self.color_texels, 4), place)
        self.filled = part.stop

    def _packed(self, asset: Gaussians, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """The words of shape and of colour of whole rows that hold this part, whose places are noted."""
        rows, count = self.rows(part), part.stop - part.start
        room = -(-count // SPLATS_PER_ROW) * SPLATS_PER_ROW
        shapes, colors = (np.zeros((room, words), np.uint32) for words in (SHAPE_WORDS, 4 * self.color_texels))
        scales, opacities = asset.drawn(rows)
        arrays = asset.means, scales, asset.rotations, opacities, asset.sh
        pack(rows, *arrays, shapes[:count], colors[:count])
        self.positions[:, part] = shapes[:count, :3].view(np.float32).T
        self.reaches[part] = REACH * largest_of(scales)
        return shapes, colors

    def upload_binding(self, binding: Binding) -> Iterator[None]:
        """Fills textures with the nodes of all splats, in slices. Those that are there are written over."""
        for chunk in range(self.chunks):
            if len(self._bindings) <= chunk:
                self._make(self._bindings, GL.GL_RGBA32UI, BINDING_TEXELS)
                yield
            start, end = chunk * self.per_chunk, min((chunk + 1) * self.per_chunk, self.count)
            step = _BINDING_ROWS_AT_ONCE * SPLATS_PER_ROW
            for first in range(start, end, step):
                words = packed(binding, self.rows(slice(first, min(first + step, end))))
                height = -(-len(words) // SPLATS_PER_ROW)
                filled = np.zeros((height * SPLATS_PER_ROW, INFLUENCES), np.uint32)
                filled[: len(words)] = words
                place = (0, (first - start) // SPLATS_PER_ROW)
                self._bindings[chunk].write(filled.reshape(height, -1, 4), place)
                yield

    def free_binding(self) -> None:
        """Frees what `upload_binding` made."""
        for texture in self._bindings:
            texture.delete()
        self._bindings.clear()

    def bind(self) -> None:
        """Binds all textures, from unit 0 on."""
        for unit, texture in enumerate((*self._shapes, *self._colors, *self._bindings)):
            texture.bind(unit)

    @property
    def free_unit(self) -> int:
        """The first texture unit that `bind` leaves alone."""
        return len(self._shapes) + len(self._colors) + len(self._bindings)

    def set_uniforms(self, program: Program) -> None:
        """Tells the current program where the textures are bound."""
        for chunk in range(self.chunks):
            # A chunk that is not there yet is never read, but each sampler needs a unit of its own kind.
            unit = min(chunk, len(self._colors) - 1)
            program.set(**{f"shapes[{chunk}]": unit, f"colors[{chunk}]": len(self._shapes) + unit})
            if self._bindings:
                program.set(**{f"bindings[{chunk}]": len(self._shapes) + len(self._colors) + chunk})
        program.set(splatsPerChunk=self.per_chunk)

    def delete(self) -> None:
        """Frees the textures."""
        self.free_binding()
        for texture in (*self._shapes, *self._colors):
            texture.delete()
