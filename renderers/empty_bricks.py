"""What stands for the bricks that a grid of a surface leaves out: they lie far from it, on one side or the other."""

from __future__ import annotations

import numpy as np

from assets.fields.brick_grid import BRICK, BrickGrid

MIDDLE = BRICK // 2


def empty_values(grid: BrickGrid) -> np.ndarray:
    """The raw value (nz,ny,nx) f32 of each brick: of an empty one that of the nearest sample that is known, found by
    going from brick to brick through their faces."""
    known = grid.index >= 0
    values = np.zeros(grid.index.shape, np.float32)
    if known.all() or not known.any():
        return values
    slots, shown = grid.index[known], grid.samples[..., 0]
    values[known] = shown[slots, MIDDLE, MIDDLE, MIDDLE]
    faces = {}
    for axis in range(3):
        for end in (0, BRICK):
            at = [MIDDLE] * 3
            at[axis] = end
            face = values.copy()
            face[known] = shown[(slots, *at)]
            faces[axis, end] = face
    while not known.all():
        # What a brick got in this round it hands on in the next, so the nearest one wins.
        fresh, found = np.zeros_like(known), values.copy()
        for (axis, end), face in faces.items():
            to, source = [slice(None)] * 3, [slice(None)] * 3
            to[axis], source[axis] = (
                (slice(None, -1), slice(1, None)) if end == 0 else (slice(1, None), slice(None, -1))
            )
            reached = np.zeros_like(known)
            reached[tuple(to)] = known[tuple(source)]
            reached &= ~known & ~fresh
            handed = np.zeros_like(values)
            handed[tuple(to)] = face[tuple(source)]
            found[reached] = handed[reached]
            fresh |= reached
        values = found
        for face in faces.values():
            face[fresh] = values[fresh]
        known = known | fresh
    return values
