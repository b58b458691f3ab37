"""The voxels of label fields that are read at the nearest texel: such a field is the same all over a voxel.

Bricks hold labels at points and show the nearest, so with a point in the middle of every voxel they are the field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..description import FieldDescription, Group, Plane
from .grid import BRICK

COARSEST = 32
"""Voxels along the longest side up to which a level is made of all of them."""

MOST = 512
"""Voxels along the longest side that a grid may have."""

LEAST = 8
"""Voxels along the longest side below which points between them cost nothing."""


@dataclass(frozen=True)
class Voxels:
    """box: (2,3) f64 of the asset's frame; cells between the middles of neighbouring voxels fill it: coarsest (3,),
    whole bricks, at the first of so many `levels`, twice as many at each that follows, every one at the last."""

    box: np.ndarray
    coarsest: np.ndarray
    levels: int

    @property
    def cells(self) -> tuple[int, ...]:
        """Cells along the longest side, level by level."""
        return tuple(int(self.coarsest.max()) << level for level in range(self.levels))


def voxels_of(description: FieldDescription, shape: Callable[[Plane], tuple[int, ...]]) -> Voxels | None:
    """The voxels of a field of labels, None where it changes between texels, or where its planes disagree.

    shape: that of the texels of a plane, (…, H, W) or (…, D, H, W).
    """
    found = _counts(description, shape)
    if found is None or description.space.contraction is not None:
        return None
    counts, aligned = found
    if not LEAST <= counts.max() <= MOST or (aligned and counts.min() < 2):
        return None
    low, high = np.array(description.space.low, np.float64), np.array(description.space.high, np.float64)
    size = (high - low) / (counts - 1 if aligned else counts)
    # A point beyond either end, which is nearest to nothing in the box, lets the cells cover all of it.
    first = low - size * (1.0 if aligned else 0.5)
    levels = max(1, int(np.ceil(np.log2(counts.max() / COARSEST))) + 1)
    brick = BRICK << (levels - 1)
    cells = -(-(counts + 1) // brick) * brick
    return Voxels(np.stack([first, first + cells * size]), cells >> (levels - 1), levels)


def _counts(description: FieldDescription, shape: Callable[[Plane], tuple[int, ...]]) -> tuple[np.ndarray, bool] | None:
    """Voxels along x, y, z, and whether the outer ones have their middles in the sides of the box."""
    counts: dict[str, set[int]] = {"x": set(), "y": set(), "z": set()}
    aligned: set[bool] = set()
    for group in _read(description):
        for plane in group.planes:
            along = {axis[-1]: size for axis, size in zip(plane.axes, reversed(shape(plane)), strict=False)}
            along.pop("t", None)
            if along and group.interpolation != "nearest":
                return None
            aligned |= {group.align_corners} if along else set()
            for axis, size in along.items():
                counts[axis].add(size)
    if len(aligned) != 1 or any(len(sizes) != 1 for sizes in counts.values()):
        return None
    return np.array([counts[axis].pop() for axis in "xyz"]), aligned.pop()


def _read(description: FieldDescription) -> list[Group]:
    """The groups that some head reads; none where one reads the place itself."""
    inputs = [entry for head in description.heads for entry in head.inputs]
    if any(entry.source == "position" for entry in inputs):
        return []
    names = {entry.name for entry in inputs if entry.source == "group"}
    return [group for group in description.groups if group.name in names]
