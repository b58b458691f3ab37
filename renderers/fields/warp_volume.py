"""The inverse map of a bent field on the GPU: a 3D texture to look rest places up in, and which blocks of it are empty.

The map is made on the CPU (assets/deform/splatting.py), where it takes less time than a software GL would need to splat
the cells; here it is copied, a few megabytes, whenever the pose changes. The block index is as that of a brick atlas:
−d where the next block with matter is d blocks away, RESTING where a block, or a voxel beside it, has matter that is
all that has ever been there and has not moved, so that rays need not look at the map; else MOVED, or RENT where the
map must not be interpolated, for two parts meet.
"""

from __future__ import annotations

import numpy as np
from OpenGL import GL

from assets.deform.volume import PRESENT, TORN, WarpVolume
from assets.deform.warp import Warp
from assets.fields.bricks.grid import BrickGrid

from ..gl.program import Program
from ..gl.texture import Texture
from ..skinning import stretch_of
from .brick_atlas import dilate, distances

BLOCK = 2
"""Voxels along the edge of a block."""

MOVED, RESTING, RENT = 0, 1, 2
"""What the index says of blocks with matter."""

_REACH = 1.0
"""Voxels around a place at rest within which a brick counts: stretched matter reaches further than its own voxel."""

WARPED = {"WARP": 1, "WARP_BLOCK": BLOCK, "PRESENT": PRESENT, "RESTING": RESTING, "RENT": RENT}
"""Defines of the march through a bent field."""

STRAINED = {"STRAIN": 1}
"""Defines of one that also shows heat or stretch."""


class WarpTextures:
    """The warp of one field. `follow` takes what the asset wears; `volume` is what is on the GPU, None: at rest."""

    def __init__(self) -> None:
        self.volume: WarpVolume | None = None
        self._followed: Warp | None = None
        self._grid: BrickGrid | None = None
        self._map: Texture | None = None
        self._blocks: Texture | None = None
        self._strain: Texture | None = None
        self._strained: Warp | None = None
        self._strain_box = np.zeros((2, 3))

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return sum(texture.nbytes for texture in (self._map, self._blocks, self._strain) if texture)

    def follow(self, warp: Warp | None, grid: BrickGrid | None) -> None:
        """Copies the inverse map of `warp` for a field that is drawn from `grid`."""
        if warp is None or grid is None:
            self.delete()
            return
        if warp is self._followed and grid is self._grid:
            return
        if warp is not self._followed:
            self.volume = warp.volume
            self._map = _written(self._map, GL.GL_RGBA32F, self.volume.lattice)
        self._blocks = _written(self._blocks, GL.GL_R32I, block_index(self.volume, grid), linear=False)
        self._followed, self._grid = warp, grid

    def bind(self, program: Program, unit: int, low: np.ndarray, cell: np.ndarray) -> None:
        """Binds to texture `unit` and the next, and tells `program`, which is in use and counts in cells of the size
        `cell` (3,) from `low` (3,) on."""
        self._map.bind(unit)
        self._blocks.bind(unit + 1)
        box, voxel = self.volume.box, self.volume.voxel
        program.set(warpMap=unit, warpBlocks=unit + 1, cellsPerUnit=1.0 / cell)
        program.set(warpLow=(box[0] - low) / cell, warpHigh=(box[1] - low) / cell)
        program.set(voxelTexel=1.0 / np.array(self._map.size))
        program.set(voxelScale=cell / voxel, voxelOffset=(low - box[0]) / voxel)

    def bind_strain(self, program: Program, unit: int, warp: Warp, low: np.ndarray, cell: np.ndarray) -> None:
        """Binds how much the field's cells feel the drag of `warp`, which has a rig, and how far they are stretched."""
        if self._strained is not warp:
            self._strain_box, lattice = strain_lattice(warp)
            self._strain = _written(self._strain, GL.GL_RGB16F, lattice)
            self._strained = warp
        self._strain.bind(unit)
        size = self._strain_box[1] - self._strain_box[0]
        program.set(strainMap=unit, strainScale=cell / size, strainOffset=(low - self._strain_box[0]) / size)

    def delete(self) -> None:
        """Frees the textures."""
        for texture in (self._map, self._blocks, self._strain):
            if texture:
                texture.delete()
        self.volume = self._followed = self._grid = self._map = self._blocks = self._strain = self._strained = None


def visible_voxels(volume: WarpVolume, grid: BrickGrid) -> np.ndarray:
    """The voxels (nz,ny,nx) bool around whose rest places the grid has bricks."""
    covered = np.flatnonzero(volume.coverage > 0)
    found = volume.lattice.reshape(-1, 4)[covered]
    place = np.stack(np.unravel_index(covered, volume.coverage.shape)[::-1], 1) + 0.5
    place = volume.box[0] + place * volume.voxel + found[:, :3] / found[:, 3:]
    scale = np.array(grid.index.shape[::-1]) / (grid.box[1] - grid.box[0])
    brick, reach = (place - grid.box[0]) * scale, _REACH * volume.voxel * scale
    full, last = grid.index >= 0, np.array(grid.index.shape[::-1]) - 1
    shows = np.zeros(len(covered), bool)
    for corner in range(8):
        side = reach * np.where([corner & 1, corner >> 1 & 1, corner >> 2], 1.0, -1.0)
        x, y, z = np.clip((brick + side).astype(np.int64), 0, last).T
        shows |= full[z, y, x]
    visible = np.zeros(volume.coverage.shape, bool)
    visible.reshape(-1)[covered] = shows
    return visible


def bent_voxels(volume: WarpVolume, grid: BrickGrid) -> np.ndarray:
    """The voxels (nz,ny,nx) bool that show something else than at rest: what moved there, or nothing where bricks
    are."""
    moved = (volume.lattice[..., 0] != 0) | (volume.lattice[..., 1] != 0) | (volume.lattice[..., 2] != 0)
    bricks = grid.index >= 0
    for axis, count in enumerate(volume.resolution):
        edges = volume.box[0][axis] + volume.voxel[axis] * np.arange(count + 1)
        there = 2 - axis
        place = (edges - grid.box[0][axis]) / (grid.box[1] - grid.box[0])[axis] * bricks.shape[there]
        last = bricks.shape[there] - 1
        # A voxel may lie across two bricks, and beside all of them.
        first, second = (np.clip(np.floor(side), 0, last).astype(np.int64) for side in (place[:-1], place[1:]))
        beside = (place[1:] <= 0) | (place[:-1] >= last + 1)
        bricks = np.take(bricks, first, there) | np.take(bricks, second, there)
        np.moveaxis(bricks, there, 0)[beside] = False
    return moved | (bricks & (volume.coverage < PRESENT))


def block_index(volume: WarpVolume, grid: BrickGrid) -> np.ndarray:
    """The index (bz,by,bx) i32 of a map for a field drawn from `grid`. Interpolation reaches a voxel further."""
    parts = (visible_voxels(volume, grid), bent_voxels(volume, grid), volume.coverage >= TORN)
    full, bent, torn = (_blocks_of(dilate(voxels)) for voxels in parts)
    found = np.where(torn, RENT, np.where(bent, MOVED, RESTING))
    return np.where(full, found, -distances(full)).astype(np.int32)


def _blocks_of(voxels: np.ndarray) -> np.ndarray:
    """Which blocks hold any of the voxels."""
    shape = -(-np.array(voxels.shape) // BLOCK)
    padded = np.zeros(shape * BLOCK, bool)
    padded[tuple(slice(count) for count in voxels.shape)] = voxels
    return padded.reshape(shape[0], BLOCK, shape[1], BLOCK, shape[2], BLOCK).any(axis=(1, 3, 5))


def strain_lattice(warp: Warp) -> tuple[np.ndarray, np.ndarray]:
    """A box (2,3) around the cells of a field at rest, and what the shader shows of them, (nz,ny,nx,3) f16: how much
    they feel the drag, 0 … 1, and how far they are stretched, 1 at rest; no cell: 0 and 1."""
    cells, binding = warp.rig.elements[0], warp.bindings[0]
    low, step = cells.min(0), warp.rig.matter.spacing
    places = np.rint((cells - low) / step).astype(np.int64) + 1
    felt = warp.heat if len(warp.heat) else np.zeros(len(warp.rig.graph))
    nodes = np.stack([felt, stretch_of(warp.pose.gradients) - 1.0], 1)
    values = np.einsum("nk,nkc->nc", binding.shares(slice(None)), nodes[binding.nodes])
    lattice = np.zeros((*(places.max(0) + 2)[::-1], 3), np.float16)
    lattice[..., 1] = 1.0
    x, y, z = places.T
    lattice[z, y, x, :2] = values + (0.0, 1.0)
    start = low - 1.5 * step
    return np.stack([start, start + step * np.array(lattice.shape[2::-1])]), lattice


def _written(texture: Texture | None, internal: int, data: np.ndarray, linear: bool = True) -> Texture:
    """A texture that holds `data` ([…,] z, y, x[, channels]): `texture` where the size fits, else a new one."""
    size = data.shape[2::-1]
    if texture is not None and texture.size != size:
        texture.delete()
        texture = None
    texture = texture or Texture(internal, size, linear=linear)
    texture.write(data)
    return texture
