"""In which order bricks are decoded: what the eye sees comes first, in blocks that share their points."""

from __future__ import annotations

import numpy as np

from .grid import BRICK
from .lattice import Lattice
from .level import BrickLevel

STEPS = 48
"""Looks along the way from the eye to a brick."""

SURELY = 8.0
"""Optical depth of a cell that nothing is seen through."""

SHADES = 4
"""Steps of visibility; bricks that are seen equally well come by their distance."""


def by_visibility(bricks: np.ndarray, lattice: Lattice, seen: BrickLevel, eye: np.ndarray) -> np.ndarray:
    """`bricks` (N,3) z y x of `lattice`, those first that the `eye` (3,) sees best through what the level `seen`
    shows."""
    size = lattice.cell * BRICK
    centres = lattice.box[0] + (bricks[:, ::-1] + 0.5) * size
    away = centres - eye
    distance = np.linalg.norm(away, axis=1)
    depth = opacity(seen)
    cells = seen.lattice.cells
    # A brick hides neither itself nor what its coarse cells hold of its neighbours.
    clear = np.linalg.norm(size) / 2 + np.linalg.norm(seen.lattice.cell)
    ends = np.maximum(distance - clear, 0) / np.maximum(distance, 1e-12)
    through = np.zeros(len(bricks))
    for step in range(STEPS):
        share = (step + 0.5) / STEPS * ends
        cell = ((eye + away * share[:, None] - lattice.box[0]) / seen.lattice.cell).astype(np.int64)
        inside = ((cell >= 0) & (cell < cells)).all(1)
        x, y, z = cell[inside].T
        through[inside] += depth[z, y, x] * (ends * distance / STEPS)[inside]
    shade = np.floor(np.exp(-through) * SHADES * 0.999)
    return bricks[np.lexsort((distance, -shade))]


def opacity(level: BrickLevel) -> np.ndarray:
    """Optical depth per unit of length at the lower corners of the cells (z,y,x) of a level."""
    sampler = level.sampler
    values = level.values[:-1, :-1, :-1]
    if sampler.kind == "density":
        march = sampler.field.description.march
        length = np.linalg.norm(sampler.box[1] - sampler.box[0]) if march.step == "normalised" else 1.0
        return values * (march.step_scale / length)
    hides = sampler.matter(values)
    return np.where(hides, SURELY / level.lattice.cell.max(), 0.0)


def blocks(bricks: np.ndarray, side: int) -> list[np.ndarray]:
    """`bricks` (N,3) cut into groups of those that lie in the same cube of `side` bricks, in the order of the first."""
    if not len(bricks):
        return []
    _, first, group = np.unique(bricks // side, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    order = np.argsort(group, kind="stable")
    cut = np.split(bricks[order], np.cumsum(np.bincount(group))[:-1])
    return [cut[number] for number in np.argsort(first)]
