"""The lattices of a bake: where a level is sampled, and what the values at its points say about cells and bricks.

Arrays run along z, y, x. A lattice of n cells along an axis has n + 1 points there.
"""

from __future__ import annotations

import numpy as np

from .grid import BRICK


class Lattice:
    """The points at which a level is sampled: corners of nearly cubic cells, `coarsest` × `finer` of them along the
    longest side of `box` (2,3), or (3,) along its sides; whole bricks at the coarsest level, so that those of all
    levels nest."""

    def __init__(self, box: np.ndarray, coarsest: int | np.ndarray, finer: int) -> None:
        sides = box[1] - box[0]
        self.box = box
        self.finer = finer
        if np.ndim(coarsest) == 0:
            coarsest = np.maximum(1, np.round(sides / sides.max() * coarsest / BRICK)).astype(int) * BRICK
        self.cells = np.asarray(coarsest) * finer
        self.axes = [
            np.linspace(low, high, count + 1).astype(np.float32)
            for low, high, count in zip(*box, self.cells, strict=True)
        ]
        self.bricks = tuple(self.cells[::-1] // BRICK)
        """Bricks along z, y, x."""
        self.shape = tuple(self.cells[::-1] + 1)
        """Points along z, y, x."""

    @property
    def cell(self) -> np.ndarray:
        """Size of a cell along x, y, z, (3,) f64."""
        return (self.box[1] - self.box[0]) / self.cells

    def points(self, corners: np.ndarray) -> np.ndarray:
        """Places (N,3) f32, x y z, of the lattice points `corners` (N,3), z y x."""
        return np.stack([along[corners[:, 2 - axis]] for axis, along in enumerate(self.axes)], 1)


def maxima(values: np.ndarray, step: int) -> np.ndarray:
    """The largest of the `values` (z,y,x) at lattice points in each block of `step` cells along each axis."""
    return _extremes(values, step, np.maximum)


def minima(values: np.ndarray, step: int) -> np.ndarray:
    """The smallest of the `values` (z,y,x) at lattice points in each block of `step` cells along each axis."""
    return _extremes(values, step, np.minimum)


def corners(cells: np.ndarray, step: int = 1) -> np.ndarray:
    """Which lattice points (z,y,x) are corners of, or lie in, the blocks of `step` cells that are set."""
    for axis in range(3):
        inner = np.moveaxis(cells, axis, 0).repeat(step, 0)
        points = np.zeros((len(inner) + 1, *inner.shape[1:]), bool)
        points[:-1] = inner
        points[1:] |= inner
        cells = np.moveaxis(points, 0, axis)
    return cells


def grown(points: np.ndarray) -> np.ndarray:
    """The set `points` (z,y,x) of a lattice and those within a cell of them."""
    wide = points.copy()
    for axis in range(3):
        source, target = np.moveaxis(wide.copy(), axis, 0), np.moveaxis(wide, axis, 0)
        target[1:] |= source[:-1]
        target[:-1] |= source[1:]
    return wide


def _extremes(values: np.ndarray, step: int, better: np.ufunc) -> np.ndarray:
    for axis in range(3):
        count = (values.shape[axis] - 1) // step
        values = np.moveaxis(values, axis, 0)
        ends = values[step : count * step + 1 : step]
        inner = better.reduce(values[: count * step].reshape(count, step, *values.shape[1:]), 1)
        values = np.moveaxis(better(inner, ends), 0, axis)
    return values
