"""A field decoded into a sparse grid of bricks: what the GPU marches instead of the decoder.

The box of the field is cut into `resolution` cells per axis; every BRICK³ cells make a brick, stored as the (BRICK+1)³
values at the corners of its cells, so that neighbours share their border and trilinear interpolation inside a brick
needs no other one. Values are stored *before* the activation (an exponential is then taken after interpolating, which
is both smoother and closer to the field). What depends on the place alone (a radial blob of the family) is already in
them, the bias of the activation is not. Bricks in which nothing can be seen have no slot.

Colour that depends on the viewing direction is stored as spherical harmonics of the raw value: along the unit direction
d from the eye to the point it is c₀ + Σ_{j≥1} c_j · Y_j(d) with Y = `assets.splats.spherical_harmonics.basis`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BRICK = 8
"""Cells along the edge of a brick."""


@dataclass
class BrickGrid:
    """box: (2,3) f64 in the asset's frame. resolution: (3,) cells along x, y, z, multiples of BRICK. index: (nz,ny,nx)
    i32, the slot of each brick or -1 where it is empty. samples: (slots, 9, 9, 9, C) f16 in z, y, x order; channel 0 is
    the raw value of what is drawn (of a label its index, which is not interpolated), then come red, green and blue of
    the raw colour, coefficient by coefficient; C = 1 where the field has no colour.

    level of levels: the level that is complete, 0 the coarsest, levels − 1 the finest; while a level is on its way, its
    bricks may already lie among others that are interpolated from the level before. ended: why there will be no finer
    level, where one could be wished for. matter: the box around what
    shows, (2,3) f64 in the asset's frame, None where nothing does. peaks: (mz,my,mx) f32, the largest activated density
    in each cell of a coarse lattice over the box, None where it is not known. kind: "density", "surface" or "labels",
    see `showing.Shown`. time: the one that was baked, in the family's units. span: lowest and highest value of the
    activated output around the surface that the bricks hold everywhere, for kind "surface". far: (mz,my,mx,c) f16, for
    kind "surface" the first 1 or 4 channels of the samples at the corners of a coarse lattice over the whole box, for
    slices far from the surface."""

    box: np.ndarray
    resolution: np.ndarray
    index: np.ndarray
    samples: np.ndarray
    level: int = 0
    levels: int = 1
    matter: np.ndarray | None = None
    peaks: np.ndarray | None = None
    kind: str = "density"
    time: float = 0.0
    span: tuple[float, float] | None = None
    ended: str = ""
    far: np.ndarray | None = None

    @property
    def coefficients(self) -> int:
        """Spherical harmonics of the colour: 0 (no colour), 1 (the same from everywhere), 4 or 9."""
        return (self.samples.shape[-1] - 1) // 3

    @property
    def nbytes(self) -> int:
        """Main memory of the grid, in bytes."""
        parts = (self.index, self.samples, self.peaks, self.far)
        return sum(part.nbytes for part in parts if part is not None)
