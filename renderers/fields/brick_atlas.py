"""A brick grid on the GPU: 3D textures of bricks side by side, and an index that says where each brick lies.

The density, or whatever else is shown, has a texture of its own, since a ray looks it up everywhere and the colour only
where there is something to see. Further coefficients of a colour by direction are packed, four channels a texture. A
brick keeps the values at the borders of its cells, so the hardware's own interpolation inside a slot gives the field
without a seam. The index holds the slot's position, x | y << 10 | z << 20 in slots, or, for an empty brick, −d: the
nearest full brick is d bricks away along the axis where it is farthest, so all bricks nearer than that can be jumped
over at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from OpenGL import GL

from assets.fields.bricks.grid import BRICK, BrickGrid

from ..gl.context import capabilities
from ..gl.texture import Texture
from .empty_bricks import fill_empty

SLOT = BRICK + 1

SMALLEST_ROW = 16
"""Slots along x and y of the atlas at least: a layer of that many uploads in about a millisecond."""

LARGEST_ATLAS = 1 << 30
"""Bytes that an atlas may take."""

LARGEST_JUMP = 64
"""Bricks that one step through empty space may cross."""

CHANNELS_PER_VIEW = 4
"""Channels of a texture that holds further coefficients of the colour."""


class BrickAtlas:
    """The textures of one grid, complete when `upload` has returned True. Raises ValueError for one that cannot fit."""

    def __init__(self, grid: BrickGrid) -> None:
        slots = max(1, len(grid.samples))
        channels = grid.samples.shape[-1]
        self._views = -(-max(0, channels - 4) // CHANNELS_PER_VIEW)
        self._colored = channels >= 4
        if slots * SLOT**3 * (2 + 6 * self._colored + 8 * self._views) > LARGEST_ATLAS:
            raise ValueError(f"{slots} bricks do not fit into an atlas")
        most = min(capabilities().max_texture_3d // SLOT, 1023)
        side = min(most, max(SMALLEST_ROW, int(np.ceil(np.sqrt(slots / most)))))
        layers = -(-slots // (side * side))
        if layers > most or max(grid.index.shape) > capabilities().max_texture_3d:
            raise ValueError(f"{slots} bricks do not fit into the 3D textures of this graphics driver")
        self.grid = grid
        self._side = side
        self._size = (side * SLOT, side * SLOT, layers * SLOT)
        self._textures: list[Texture] = []
        self._steps = self._fill()

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return sum(texture.nbytes for texture in self._textures)

    def upload(self, seconds: float) -> bool:
        """Makes the textures and copies layers of bricks for about `seconds`. Returns whether all are there."""
        end = time.perf_counter() + seconds
        return all(time.perf_counter() < end for _ in self._steps)

    def delete(self) -> None:
        """Frees the textures."""
        self._steps = iter(())
        for texture in self._textures:
            texture.delete()

    def _make(self, internal: int, size: tuple[int, int, int], linear: bool = True) -> Texture:
        self._textures.append(Texture(internal, size, linear=linear))
        return self._textures[-1]

    def _fill(self) -> Iterator[None]:
        """Each step is short; the first ones allocate, which a software GL does by clearing."""
        self.densities = self._make(GL.GL_R16F, self._size)
        yield
        self.colors = self._make(GL.GL_RGB16F, self._size) if self._colored else None
        self.views: list[Texture] = []
        for _ in range(self._views):
            yield
            self.views.append(self._make(GL.GL_RGBA16F, self._size))
        yield
        index = index_of(self.grid.index, self._side)
        yield
        self.index = self._make(GL.GL_R32I, self.grid.index.shape[::-1], linear=False)
        self.index.write(index)
        self.empty = self.far = None
        if self.grid.kind == "surface":
            yield
            filled = fill_empty(self.grid)
            self.empty = self._make(GL.GL_R32F, self.grid.index.shape[::-1], linear=False)
            self.empty.write(filled)
            far = filled[..., None] if self.grid.far is None else self.grid.far
            self.far = self._make(GL.GL_RGBA16F, far.shape[2::-1])
            limit = np.finfo(np.float16).max
            far = np.pad(far.clip(-limit, limit).astype(np.float16), [(0, 0)] * 3 + [(0, 4 - far.shape[-1])])
            self.far.write(far)
        per_layer = self._side**2
        for first in range(0, len(self.grid.samples), per_layer):
            yield
            bricks = self.grid.samples[first : first + per_layer]
            place = (0, 0, first // per_layer * SLOT)
            self.densities.write(self._layer(bricks[..., :1]), place)
            if self.colors is not None:
                self.colors.write(self._layer(bricks[..., 1:4]), place)
            for number, texture in enumerate(self.views):
                yield
                begin = 4 + number * CHANNELS_PER_VIEW
                packed = bricks[..., begin : begin + CHANNELS_PER_VIEW]
                missing = CHANNELS_PER_VIEW - packed.shape[-1]
                texture.write(self._layer(np.pad(packed, [(0, 0)] * 4 + [(0, missing)])), place)

    def _layer(self, bricks: np.ndarray) -> np.ndarray:
        """Bricks (n,9,9,9,C) side by side, as a layer of the atlas: (9, rows, columns, C)."""
        layer = np.zeros((self._side**2, *bricks.shape[1:]), np.float16)
        layer[: len(bricks)] = bricks
        layer = layer.reshape(self._side, self._side, *layer.shape[1:]).transpose(2, 0, 3, 1, 4, 5)
        return layer.reshape(SLOT, self._side * SLOT, self._side * SLOT, bricks.shape[-1])


def index_of(slots: np.ndarray, side: int) -> np.ndarray:
    """The index texture (nz,ny,nx) i32 of a grid's `slots` in an atlas of `side` × `side` slots per layer."""
    place = (slots % side) | (slots // side % side) << 10 | (slots // (side * side)) << 20
    return np.where(slots >= 0, place, -distances(slots >= 0)).astype(np.int32)


def distances(full: np.ndarray) -> np.ndarray:
    """How many bricks the nearest full one is away, (nz,ny,nx) i32: the largest of the three differences (Chebyshev),
    at most LARGEST_JUMP."""
    distance = np.full(full.shape, LARGEST_JUMP, np.int32)
    grown = full
    for step in range(LARGEST_JUMP):
        distance[grown & (distance == LARGEST_JUMP)] = step
        if grown.all() or not grown.any():
            break
        grown = dilate(grown)
    return distance


def dilate(full: np.ndarray) -> np.ndarray:
    """`full` (nz,ny,nx) bool and all places beside it, also across edges and corners."""
    for axis in range(3):
        grown = full.copy()
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        grown[tuple(low)] |= full[tuple(high)]
        grown[tuple(high)] |= full[tuple(low)]
        full = grown
    return full
