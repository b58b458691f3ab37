"""Puts a warp into arrays: what moved, block by block, for the kinds to write into their copies.

What did not move keeps its bytes: a handle that was pulled and put back changes no file, and saving after a local pull
changes only what it moved.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..asset import Asset
from .binding import Binding
from .warp import Warp

BLOCK = 32768

STILL = 1e-7
"""What moves less than this share of the asset's size did not move: f32 would not hold it."""

_RIGID = 1e-6
"""Gradients that differ less than this from a rotation, or from none, are that."""

Kind = TypeVar("Kind", bound=Asset)


@dataclass(frozen=True, eq=False)
class Moved:
    """Some elements that moved. rows: (m,) where they are. points: (m,3) f64, their new places D(x). gradients: (m,3,3)
    f64, J(x). done: how many elements were looked at so far."""

    rows: np.ndarray
    points: np.ndarray
    gradients: np.ndarray
    done: int


def moved_blocks(warp: Warp, binding: Binding, points: np.ndarray) -> Iterator[Moved]:
    """What moved of `points` (N,3), the elements of `binding` in the asset's frame, in blocks (empty ones too)."""
    skin, limit = warp.skin, STILL * warp.rig.size
    for start in range(0, len(points), BLOCK):
        part = slice(start, start + BLOCK)
        rows = start + np.flatnonzero(binding.weights[part].any(1))
        places = np.asarray(points[rows], np.float64)
        moved, gradients = skin.points(places, binding, rows), skin.gradients(binding, rows)
        far = np.abs(moved - places).max(1, initial=0.0) > limit
        turned = np.abs(gradients - np.eye(3)).max((1, 2), initial=0.0) > _RIGID
        kept = far | turned
        yield Moved(rows[kept], moved[kept], gradients[kept], min(start + BLOCK, len(points)))


def cofactors(matrices: np.ndarray) -> np.ndarray:
    """The cofactor matrices (n,3,3) of `matrices` (n,3,3), det(M) M⁻ᵀ, also where M has no inverse: they turn normals
    as M turns the surface."""
    a, b, c = matrices[:, 0], matrices[:, 1], matrices[:, 2]
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 1)


def are_rigid(gradients: np.ndarray) -> np.ndarray:
    """Which of `gradients` (n,3,3) turn and do not stretch: (n,) bool."""
    square = gradients.transpose(0, 2, 1) @ gradients
    return np.abs(square - np.eye(3)).max((1, 2), initial=0.0) < _RIGID


def dressed(flat: Kind, asset: Asset) -> Kind:
    """`flat`, in place, with the transform, visibility and looks of the `asset` that it was made of."""
    flat.transform, flat.visible = asset.transform.copy(), asset.visible
    flat.display = copy.copy(asset.display)
    return flat
