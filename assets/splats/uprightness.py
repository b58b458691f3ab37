"""Which way a scene of splats seems to stand: where its ground is.

A floor, a table or a lawn is many flat splats that face one axis and lie in a thin layer at one end of the scene along
it. Only where one axis shows such a layer much more clearly than the one that is called up does this speak: scenes
without a ground, or that stand askew as those of COLMAP often do, say nothing.
"""

from __future__ import annotations

import numpy as np

from ..gaussians import Gaussians
from . import quaternions

_SAMPLE = 50_000
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
    scores = {axis: _ground(means[:, column], np.abs(normals[:, column])) for axis, column in _AXES.items()}
    best = max(scores, key=lambda axis: scores[axis][0])
    share, end = scores[best]
    up = best if end < 0 else f"-{best}"
    if share < _LEAST_SHARE or end == 0 or up == noted:
        return None
    if best == noted[-1]:
        # The same axis the other way round: a ceiling must not be taken for a floor.
        other = _ground(-means[:, _AXES[best]], np.abs(normals[:, _AXES[best]]), only_low=end < 0)
        return up if share >= _TIMES * other[0] else None
    return up if share >= _TIMES * scores[noted[-1]][0] else None


def _looked_at(asset: Gaussians) -> np.ndarray:
    """Rows (n,) that stand for the whole asset."""
    if asset.order is not None:
        return asset.order[:_SAMPLE].astype(np.int64)
    return np.arange(0, len(asset), -(-len(asset) // _SAMPLE))


def _flat(asset: Gaussians, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres and normals (n,3) of the flat ones of `rows`."""
    sizes, _ = asset.drawn(rows)
    ranked = np.sort(sizes, axis=1)
    with np.errstate(invalid="ignore"):
        flat = (ranked[:, 0] < _FLAT * ranked[:, 1]) & np.isfinite(asset.means[rows]).all(1)
    rows, thinnest = rows[flat], sizes[flat].argmin(1)
    turns = quaternions.to_matrices(asset.rotations[rows])
    return asset.means[rows].astype(np.float64), turns[np.arange(len(rows)), :, thinnest]


def _ground(places: np.ndarray, facing: np.ndarray, only_low: bool = False) -> tuple[float, int]:
    """How large a share (0 … 1) of all flat splats, at `places` (n,) along an axis, faces it in the densest layer, and
    at which end that lies: −1, 1, or 0 in between. only_low: look at the lower end alone."""
    low, high = np.percentile(places, (1, 99))
    if not high > low:
        return 0.0, 0
    counts, _ = np.histogram(places[facing > _FACING], _LAYERS, (low, high))
    thick = counts[:-1] + counts[1:]
    if only_low:
        thick = thick[: round(_END * _LAYERS)]
    peak = int(thick.argmax())
    share = float(thick[peak]) / len(places)
    end = -1 if peak < _END * _LAYERS else 1 if peak >= (1 - _END) * _LAYERS - 1 else 0
    return share, end
