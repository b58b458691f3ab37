"""What stands for the bricks that a grid of a surface leaves out: they lie far from it, on one side or the other.

On which side says the nearest sample that is known.
"""

from __future__ import annotations

import numpy as np

from assets.fields.bricks.grid import BRICK, BrickGrid

MIDDLE = BRICK // 2


def fill_empty(grid: BrickGrid) -> np.ndarray:
    """The raw value of the nearest sample that is known, for each brick of `grid`, going from brick to brick through
    their faces: (nz,ny,nx) f32. Where there is a brick it is the one in its middle."""
    known = grid.index >= 0
    values = np.zeros(grid.index.shape, np.float32)
    if known.any():
        values[known] = _handed(grid, known, (MIDDLE,) * 3)
        faces = {}
        for axis in range(3):
            for end in (0, BRICK):
                at = tuple(end if other == axis else MIDDLE for other in range(3))
                faces[axis, end] = values.copy()
                faces[axis, end][known] = _handed(grid, known, at)
        while not known.all():
            known = _hand_on(values, faces, known)
    return values


def _handed(grid: BrickGrid, known: np.ndarray, at: tuple[int, int, int]) -> np.ndarray:
    """What the `known` bricks hand to the one beyond their sample `at`: (N,)."""
    return grid.samples[(grid.index[known], *at, 0)].astype(np.float32)


def _hand_on(values: np.ndarray, faces: dict[tuple[int, int], np.ndarray], known: np.ndarray) -> np.ndarray:
    """Fills the bricks beside those that are `known`, in place, and returns which are known then. What a brick gets in
    this round it hands on in the next, so the nearest one wins."""
    fresh = np.zeros_like(known)
    for (axis, end), face in faces.items():
        to, source = [slice(None)] * 3, [slice(None)] * 3
        to[axis], source[axis] = (slice(None, -1), slice(1, None)) if end == 0 else (slice(1, None), slice(None, -1))
        reached = np.zeros_like(known)
        reached[tuple(to)] = known[tuple(source)]
        reached &= ~known & ~fresh
        handed = np.zeros_like(values)
        handed[tuple(to)] = face[tuple(source)]
        values[reached] = handed[reached]
        fresh |= reached
    for face in faces.values():
        face[fresh] = values[fresh]
    return known | fresh
