"""Which way a scene of splats seems to stand: where its ground is.

A floor, a table or a lawn is many flat splats that face one axis and lie in a thin layer at one end of the scene along
it. Only where one axis shows such a layer much more clearly than the one that is called up does this speak: scenes
without a ground, or that stand askew as those of COLMAP often do, say nothing.
"""

from __future__ import annotations

import numpy as np

from ..gaussians import Gaussians, middle_box
from . import quaternions

_SAMPLE = 20_000
_FEWEST = 500
_FLAT = 0.35
"""Thinnest axis of a flat splat, as a share of its second."""
_FACING = 0.95
"""Cosine from which on a splat faces an axis."""
_LAYERS = 60
_LEAST_SHARE = 0.12
"""Part of all flat splats that has to lie in the layer."""
_TIMES = 3.0
"""How much clearer it has to be than along the axis that is called up."""
_END = 0.3
"""The layer lies within this share of the scene from its end."""
_CELLS = 6
_COVERED = 0.4
"""Share of the scene's cells, seen along the axis, in which the layer has splats: bars and walls cover few."""

_AXES = {"y": 1, "z": 2}


def suggested_up(asset: Gaussians) -> str | None:
    """The axis of the asset's frame that its ground suggests, "y", "-y", "z" or "-z", where that is another one than
    the asset notes; None where it agrees or nothing can be said."""
    noted = asset.notes.up_axis
    if noted is None or len(asset) < _FEWEST:
        return None
    rows = _looked_at(asset)
    means, normals = _flat(asset, rows)
    if len(means) < _FEWEST:
        return None
    grounds = {axis: _ground(means, normals, column) for axis, column in _AXES.items()}
    best = max(grounds, key=lambda axis: grounds[axis][0])
    share, end = grounds[best]
    up = best if end < 0 else f"-{best}"
    if share < _LEAST_SHARE or end == 0 or up == noted:
        return None
    if best == noted[-1]:
        # The same axis the other way round: a ceiling must not be taken for a floor.
        other, _ = _ground(means, normals, _AXES[best], only=-end)
        return up if share >= _TIMES * other else None
    return up if share >= _TIMES * grounds[noted[-1]][0] else None


def _looked_at(asset: Gaussians) -> np.ndarray:
    """Rows (n,) that stand for the whole asset."""
    if asset.order is not None:
        return asset.order[:_SAMPLE].astype(np.int64)
    return np.arange(0, len(asset), -(-len(asset) // _SAMPLE))


def _flat(asset: Gaussians, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres and normals (n,3) of the flat ones of `rows`."""
    with np.errstate(all="ignore"):
        sizes, _ = asset.drawn(rows)
        ranked = np.sort(sizes, axis=1)
        flat = (ranked[:, 0] < _FLAT * ranked[:, 1]) & np.isfinite(ranked).all(1)
    flat &= np.isfinite(asset.means[rows]).all(1) & np.isfinite(asset.rotations[rows]).all(1)
    rows, thinnest = rows[flat], sizes[flat].argmin(1)
    turns = quaternions.to_matrices(asset.rotations[rows])
    return asset.means[rows].astype(np.float64), turns[np.arange(len(rows)), :, thinnest]


def _ground(means: np.ndarray, normals: np.ndarray, column: int, only: int = 0) -> tuple[float, int]:
    """How large a share (0 … 1) of all flat splats, with `means` and `normals` (n,3), faces an axis in the densest
    layer across it, and at which end that lies: −1, 1, or 0 in between. 0, 0 where such a layer covers little of the
    scene. only: the end, −1 or 1, at which alone to look."""
    ends = middle_box(means)
    low, high = ends[:, column]
    if not high > low:
        return 0.0, 0
    facing = np.abs(normals[:, column]) > _FACING
    layers = np.clip((means[:, column] - low) * (_LAYERS / (high - low)), 0, _LAYERS - 1).astype(np.int64)
    counts = np.bincount(layers[facing], minlength=_LAYERS)
    thick = counts[:-1] + counts[1:]
    room = round(_END * _LAYERS)
    if only:
        thick[slice(room, None) if only < 0 else slice(None, -room)] = 0
    peak = int(thick.argmax())
    in_layer = facing & (layers >= peak) & (layers <= peak + 1)
    if _coverage(np.delete(means[in_layer], column, 1), np.delete(ends, column, 1)) < _COVERED:
        return 0.0, 0
    end = -1 if peak < room else 1 if peak >= _LAYERS - 1 - room else 0
    return float(thick[peak]) / len(means), end


def _coverage(places: np.ndarray, ends: np.ndarray) -> float:
    """In which share of the cells between `ends` (2,2) there are `places` (n,2)."""
    span = np.maximum(ends[1] - ends[0], 1e-30)
    shares = (places - ends[0]) / span
    cells = (_CELLS * shares[((shares >= 0) & (shares < 1)).all(1)]).astype(np.int64)
    return len(np.unique(cells[:, 0] * _CELLS + cells[:, 1])) / _CELLS**2
