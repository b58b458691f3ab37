"""A field decoded into a sparse grid of bricks: what the GPU marches instead of the decoder.

The box of the field is cut into `resolution` cells per axis; every BRICK³ cells make a brick, stored as the (BRICK+1)³
values at the corners of its cells, so that neighbours share their border and trilinear interpolation inside a brick
needs no other one. Values are stored *before* the activation (an exponential is then taken after interpolating, which
is both smoother and closer to the field). What depends on the place alone (a radial blob of the family) is already in
them, the bias of the activation is not. Bricks in which nothing can be seen have no slot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BRICK = 8
"""Cells along the edge of a brick."""


@dataclass
class BrickGrid:
    """box: (2,3) f64 in the asset's frame. resolution: (3,) cells along x, y, z, multiples of BRICK. index: (nz,ny,nx)
    i32, the slot of each brick or -1 where it is empty. samples: (slots, 9, 9, 9, 4) f16 in z, y, x order; channels
    are density_raw, red_raw, green_raw, blue_raw. level of levels: 0 is the coarsest, levels − 1 the finest bake.
    matter: the box around what shows, (2,3) f64 in the asset's frame, None where nothing does. peaks: (mz,my,mx) f32,
    the largest activated density in each cell of the coarsest lattice over the box, None where it is not known."""

    box: np.ndarray
    resolution: np.ndarray
    index: np.ndarray
    samples: np.ndarray
    level: int = 0
    levels: int = 1
    matter: np.ndarray | None = None
    peaks: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Main memory of the grid, in bytes."""
        return self.index.nbytes + self.samples.nbytes + (0 if self.peaks is None else self.peaks.nbytes)
