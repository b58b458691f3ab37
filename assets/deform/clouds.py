"""Matter of things without faces: splats and points hang together where neighbours are close for where they lie.

Neighbours are looked for among a few hundred thousand of them, so that a gap between two parts is one here as well,
before the points are thinned to those of the matter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..meshes.welding import components, place_numbers
from ..progress import Job, Progress, stage
from .clusters import cells, clustered, matter_of
from .matter import Matter
from .walls import cloud_wall_links

SAMPLES = 200_000
"""Points among which neighbours are looked for, at the most."""

_NEIGHBOURS = 10
_LOCAL = 6
"""Neighbours whose mean distance is the local spacing."""

_GAP = 2.2
"""Neighbours farther apart than this many local spacings do not hang together."""

_REACHES = 3.0
"""Nor do those that lie farther apart than this many of their own reaches, or of the usual number where that is more
than half as large: splats may be small for how far apart they lie."""

_TOUCHING = 1.0
"""Neighbours are those of each other: what floats beside a surface finds it near, but the surface has nearer ones. The
exception are splats that touch within this many of their reaches."""

_THICKNESS = 0.12
"""Splats reach this far in every direction, as a share of how far apart they lie: surfaces are never quite flat."""

_WIDE = 4.0
"""Splats spaced this many times wider than usual, and than is usual for their size, are floaters."""

_CRUMB, _SMALLEST = 5, 5e-4
"""Fewer points than this on their own, or a smaller share of all, are floaters, as long as these are less than
_MOST_FLOATERS of all."""

_MOST_FLOATERS = 0.2

_BLOCK = 16384


@dataclass(frozen=True, eq=False)
class Extents:
    """How far splats reach. centres: (n,3) f32. sizes: (n,3) f32, σ along the columns of axes (n,3,3) f32."""

    centres: np.ndarray
    sizes: np.ndarray
    axes: np.ndarray

    def apart(self, first: np.ndarray, second: np.ndarray, local: np.ndarray) -> np.ndarray:
        """The distance of pairs (L,) in units of what both reach along it: d = k (r₁ + r₂), with the distances r from
        centre to the ellipsoid of 1 σ. What is spaced `local` (L,) has some thickness at least."""
        away = self.centres[second] - self.centres[first]
        thickness = (_THICKNESS * local).astype(np.float32)[:, None]
        reach = 0.0
        for rows in (first, second):
            along = np.einsum("ni,nij->nj", away, self.axes[rows]) / np.maximum(self.sizes[rows], thickness)
            reach = reach + 1 / np.maximum(np.sqrt(np.einsum("ni,ni->n", along, along)), 1e-20)
        return 1 / reach

    def lost(self, rows: np.ndarray, local: np.ndarray) -> np.ndarray:
        """Which of `rows` (m,) are floaters: spaced `local` (m,), wide for their own size and for the others."""
        share = local / np.maximum(np.median(self.sizes[rows], axis=1), 1e-20)
        return (local > _WIDE * np.median(local)) & (share > _WIDE * np.median(share))


def cloud_matter(points: np.ndarray, extents: Extents | None = None) -> Job[tuple[Matter, np.ndarray]]:
    """A job that makes the matter of `points` (n,3), at most SAMPLES, and says at which point of it each lies, (n,),
    -1 for floaters. `extents`: those of the points, where they have any."""
    points = np.asarray(points, np.float64)
    if not len(points):
        return Matter(points.reshape(0, 3), np.empty((0, 2), np.int64), 0.0), np.empty(0, np.int64)
    # What lies in one place would be neighbour to nothing but itself.
    _, at, place = np.unique(place_numbers(points), return_index=True, return_inverse=True)
    places = points[at]
    distances, neighbours = yield from stage(_neighbours(places), 0.05, 0.6)
    links = yield from stage(_links(distances, neighbours, at, extents), 0.6, 0.75)
    label = yield from stage(clustered(places, links), 0.75, 0.95)
    matter, number = _without_floaters(matter_of(places, links, label))
    if extents is not None and len(matter.points) == 1:
        # A splat alone is as far from its like as it is large.
        matter = replace(matter, spacing=max(float(extents.sizes.max()), matter.spacing))
    yield Progress(0.95, 1, "Looking through walls")
    part = components(len(matter.points), matter.edges)
    matter = matter.joined(cloud_wall_links(matter.points, part, places, matter.spacing))
    yield Progress(0.97, 1, "Thinning points")
    return matter, number[label][place.reshape(-1)]


def nearest(points: np.ndarray, samples: np.ndarray, near: np.ndarray) -> Job[np.ndarray]:
    """A job that returns the matter point (n,) at which each of `points` (n,3) lies: that of the nearest of `samples`
    (m,3), which lie at `near` (m,), floaters (-1) left out. Samples are finer than matter, so that the right
    one of two close parts counts."""
    from scipy.spatial import cKDTree

    kept = near >= 0
    out = np.zeros(len(points), np.int64)
    if not kept.any():
        return out
    yield Progress(0, 1, "Looking for the nearest matter")
    tree, known = cKDTree(samples[kept]), near[kept]
    # Questions about places near to each other find the tree's branches in the processor's cache.
    order = np.argsort(cells(points, float(np.ptp(samples, axis=0).max(initial=0.0)) / 512 + 1e-300))
    for start in range(0, len(points), _BLOCK):
        rows = order[start : start + _BLOCK]
        out[rows] = known[tree.query(points[rows])[1]]
        yield Progress(start, len(points), "Looking for the nearest matter")
    return out


def _neighbours(places: np.ndarray) -> Job[tuple[np.ndarray, np.ndarray]]:
    """Distances and numbers (n,k) of the nearest places to each of `places` (n,3), itself first."""
    from scipy.spatial import cKDTree

    yield Progress(0, 1, "Looking for neighbours")
    tree = cKDTree(places, balanced_tree=False, compact_nodes=False)
    count = min(_NEIGHBOURS + 1, len(places))
    distances, neighbours = np.empty((len(places), count)), np.empty((len(places), count), np.int64)
    for start in range(0, len(places), _BLOCK):
        rows = tree.indices[start : start + _BLOCK]
        found = tree.query(places[rows], k=count)
        distances[rows], neighbours[rows] = (values.reshape(-1, count) for values in found)
        yield Progress(start, len(places), "Looking for neighbours")
    return distances, neighbours


def _links(distances: np.ndarray, neighbours: np.ndarray, at: np.ndarray, extents: Extents | None) -> Job[np.ndarray]:
    """Pairs (L,2) of places that are close for where they lie; `at` numbers the places for `extents`."""
    count = len(distances)
    local = distances[:, 1 : _LOCAL + 1].mean(1) if distances.shape[1] > 1 else np.zeros(count)
    pieces = []
    for start in range(0, count, _BLOCK):
        other = neighbours[start : start + _BLOCK, 1:]
        around = 0.5 * (local[start : start + _BLOCK, None] + local[other])
        first, column = np.nonzero(distances[start : start + _BLOCK, 1:] <= _GAP * around)
        second = other[first, column]
        first += start
        pieces.append(np.minimum(first, second) * count + np.maximum(first, second))
        yield Progress(0.4 * start / count, 1, "Linking neighbours")
    keys, seen = np.unique(np.concatenate(pieces), return_counts=True)
    links, mutual = np.stack(np.divmod(keys, count), 1), seen > 1
    if extents is None or not len(links):
        return links[mutual]
    apart = np.empty(len(links), np.float32)
    for start in range(0, len(links), 4 * _BLOCK):
        first, second = links[start : start + 4 * _BLOCK].T
        apart[start : start + 4 * _BLOCK] = extents.apart(at[first], at[second], 0.5 * (local[first] + local[second]))
        yield Progress(0.5 + 0.5 * start / len(links), 1, "Linking neighbours")
    limit = max(_REACHES, 2.0 * float(np.median(apart)))
    near = np.where(mutual, apart <= limit, apart <= _TOUCHING)
    lost = extents.lost(at, local)
    return links[near & ~lost[links].any(1)]


def _without_floaters(matter: Matter) -> tuple[Matter, np.ndarray]:
    """The matter without the few points that hang on nothing, and the new number of each old point, -1 for those."""
    from scipy.sparse.csgraph import connected_components

    _, part = connected_components(matter.lengths(), directed=False)
    kept = np.bincount(part)[part] >= max(_CRUMB, len(part) * _SMALLEST)
    if kept.all() or (~kept).sum() > _MOST_FLOATERS * len(kept):
        return matter, np.arange(len(kept))
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    edges = number[matter.edges]
    return Matter(matter.points[kept], edges[(edges >= 0).all(1)], matter.spacing), number
