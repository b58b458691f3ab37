"""The lattices on which a surface is looked for: the one that the family's own marching cubes take, and coarser ones
made of some of its corners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COARSEST = 64
"""Cells of the first lattice along the longest side, or up to twice as many less one."""


@dataclass
class Lattice:
    """Every `stride`-th corner of `fine` cells (3,), along x, y, z, over `box` (2,3), and the last ones: cells at the
    end may be smaller than others."""

    box: np.ndarray
    fine: np.ndarray
    stride: int = 1

    @property
    def cells(self) -> np.ndarray:
        """How many cells there are along x, y, z."""
        return -(-self.fine // self.stride)

    @property
    def cell(self) -> np.ndarray:
        """Size of a cell, (3,)."""
        return self.stride * (self.box[1] - self.box[0]) / self.fine

    @property
    def shape(self) -> tuple[int, ...]:
        """Corners along z, y, x."""
        return tuple(self.cells[::-1] + 1)

    def places(self, corners: np.ndarray) -> np.ndarray:
        """Points (N,3) f64 of `corners` (N,3), any numbers, in z, y, x order."""
        return self.box[0] + np.minimum(corners[:, ::-1] * self.stride, self.fine) * (self.cell / self.stride)

    def refined(self, cells: np.ndarray, finer: Lattice) -> np.ndarray:
        """Which cells (z,y,x) of a `finer` lattice lie in those `cells` (z,y,x) of this one."""
        wide = self.stride // finer.stride
        return cells[np.ix_(*(np.arange(count) // wide for count in finer.cells[::-1]))]


def lattices(box: np.ndarray, resolution: int) -> list[Lattice]:
    """Lattices over `box`, coarse to fine. The last has `resolution` corners along the longest side of the box, with
    its sides among them, and nearly cubic cells; each of the others every second one of the next.

    All go on for a cell around the box: matter that the box cuts off ends between its sides and the corners beyond,
    however thin it is.
    """
    sides = box[1] - box[0]
    cells = np.maximum(1, np.round(sides / sides.max() * (resolution - 1))).astype(int)
    beyond = sides / cells
    around = np.stack([box[0] - beyond, box[1] + beyond])
    stride = 1
    while cells.max() + 2 >= 2 * COARSEST * stride:
        stride *= 2
    return [Lattice(around, cells + 2, stride >> level) for level in range(stride.bit_length())]
