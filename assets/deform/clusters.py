"""Many points that hang together, thinned to a few tens of thousands without losing what hangs on what.

A grid is laid over the points. A cluster is what hangs together inside one cell, so two sheets that pass through one
cell stay two clusters.
"""

from __future__ import annotations

import numpy as np

from ..meshes.welding import components
from ..progress import Job, Progress
from .matter import Matter

WANTED = 30_000
MOST = 40_000
"""Points of matter: about WANTED where there are more than MOST."""

_MOST_PARTS = 2000
"""Loose parts that keep clusters of their own; the smallest of more, crumbs, share those of a cell."""

_ROUNDS = 6
_CELLS = 1 << 20


def clustered(points: np.ndarray, links: np.ndarray) -> Job[np.ndarray]:
    """A job that returns the cluster of each of `points` (n,3), (n,) i64 without gaps; `links` (L,2) are the pairs that
    hang together, repeated or not."""
    count = len(points)
    if count <= MOST:
        return np.arange(count)
    size = cell_size(points, WANTED)
    yield Progress(0.2, 1, "Thinning points")
    crumbs = None
    for attempt in range(_ROUNDS):
        cell = cells(points, size)
        inside = links[cell[links[:, 0]] == cell[links[:, 1]]]
        yield Progress(0.2 + 0.1 * attempt, 1, "Thinning points")
        if crumbs is not None:
            inside = np.concatenate([inside, _chained(crumbs, cell)])
        label = components(count, inside)
        clusters = int(label.max()) + 1
        if clusters <= MOST:
            break
        if crumbs is None:
            crumbs = _crumbs(count, links)
        else:
            size *= max(1.2, (clusters / WANTED) ** 0.5)
    return label


def matter_of(points: np.ndarray, links: np.ndarray, label: np.ndarray) -> Matter:
    """Matter whose points are the means of the clusters `label` (n,) of `points` (n,3), linked as those are."""
    count = int(label.max(initial=-1)) + 1
    sizes = np.bincount(label, minlength=count)
    means = np.stack([np.bincount(label, column, count) for column in points.T], 1) / np.maximum(sizes, 1)[:, None]
    ends = label[links]
    ends = ends[ends[:, 0] != ends[:, 1]]
    keys = np.unique(ends.min(1) * count + ends.max(1))
    edges = np.stack(np.divmod(keys, max(count, 1)), 1)
    lengths = np.linalg.norm(means[edges[:, 0]] - means[edges[:, 1]], axis=1)
    return Matter(means, edges, float(np.median(lengths)) if len(lengths) else _spread(means))


def cell_size(points: np.ndarray, wanted: int) -> float:
    """The edge of grid cells of which `points` (n,3) fill about `wanted`."""
    low, high = np.percentile(points[:: max(1, len(points) // 100_000)], [2, 98], axis=0)
    size = max(float((high - low).max()), 1e-300) / wanted**0.5
    for _ in range(_ROUNDS):
        filled = len(np.unique(cells(points, size)))
        if 0.85 * wanted <= filled <= 1.15 * wanted or filled < 2:
            break
        # Cells of a surface grow with the square of their number along a side.
        size *= float(np.clip((filled / wanted) ** 0.5, 0.1, 10.0))
    return size


def cells(points: np.ndarray, size: float) -> np.ndarray:
    """A number for the grid cell of each of `points` (n,3): (n,) i64. Far outliers share the outermost cells."""
    middle = np.median(points[:: max(1, len(points) // 100_000)], axis=0)
    number = np.zeros(len(points), np.int64)
    for axis in range(3):
        place = np.floor((points[:, axis].astype(np.float64) - middle[axis]) / size)
        number = number * (2 * _CELLS) + (np.clip(place, -_CELLS, _CELLS - 1) + _CELLS).astype(np.int64)
    return number


def _crumbs(count: int, links: np.ndarray) -> np.ndarray:
    """The points of all but the _MOST_PARTS largest parts."""
    part = components(count, links)
    sizes = np.bincount(part)
    large = np.zeros(len(sizes), bool)
    large[np.argsort(-sizes, kind="stable")[:_MOST_PARTS]] = True
    return np.flatnonzero(~large[part])


def _chained(rows: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Links (L,2) that join all points `rows` of the same cell."""
    rows = rows[np.argsort(cell[rows], kind="stable")]
    same = cell[rows[1:]] == cell[rows[:-1]]
    return np.stack([rows[1:][same], rows[:-1][same]], 1)


def _spread(points: np.ndarray) -> float:
    """A distance for points without links: that of as many points spread over the sides of their box."""
    size = float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0
    return max(size / max(len(points), 1) ** 0.5, 1e-12)
