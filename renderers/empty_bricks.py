"""What stands for the bricks that a grid of a surface leaves out: they lie far from it, on one side or the other.

On which side says the nearest sample that is known. How far a slice can only guess: the value goes on as it changes
where the bricks end. Colours are known near the surface alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.fields.brick_grid import BRICK, BrickGrid

MIDDLE = BRICK // 2
NEAREST, GUESS, SLOPE = 0, 1, 2
"""Channels of what bricks hand on: the nearest raw value, the guessed one, its change from brick to brick."""


@dataclass(frozen=True)
class EmptyBricks:
    """nearest (nz,ny,nx) f32: the raw value of the nearest sample that is known. guess (nz,ny,nx) f32: the raw value in
    the middle of each brick, guessed where there is none."""

    nearest: np.ndarray
    guess: np.ndarray


def fill_empty(grid: BrickGrid) -> EmptyBricks:
    """Fills the empty bricks of `grid`, going from brick to brick through their faces."""
    known = grid.index >= 0
    values = np.zeros((*grid.index.shape, 3), np.float32)
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
    return EmptyBricks(values[..., NEAREST], values[..., GUESS])


def _handed(grid: BrickGrid, known: np.ndarray, at: tuple[int, int, int]) -> np.ndarray:
    """What the `known` bricks hand to the one beyond their sample `at`: (N,3)."""
    slots = grid.index[known]
    sample = grid.samples[(slots, *at, 0)].astype(np.float32)
    step = sample - grid.samples[slots, MIDDLE, MIDDLE, MIDDLE, 0].astype(np.float32)
    # From the middle of a brick to its face it is as far as from there to the middle of the next.
    return np.stack([sample, sample + step, 2 * step], 1)


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
    onward = values[fresh]
    onward[:, GUESS] += onward[:, SLOPE]
    for face in faces.values():
        face[fresh] = onward
    return known | fresh
