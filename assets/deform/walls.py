"""Links through what lies between two surfaces of one solid thing: the wall of a cup, the thickness of an arm.

Matter is sampled where it can be seen, which is on surfaces. But a cup has an inside and an outside that move together,
for there is clay between them. So each point looks inwards, against its normal, for the nearest surface that faces the
other way, and hangs together with it. Across open space surfaces face each other instead, and nothing is linked: a hand
near a hip stays a hand.
"""

from __future__ import annotations

import numpy as np

REACH = 0.2
"""How thick what is linked through may be, as a share of the size."""

_STEP = 1.35
"""Each look goes this many times deeper than the one before."""

_OPPOSITE = -0.3
"""Cosine between two normals from which they face away from each other."""

_STRAIGHT = 0.6
"""Cosine between the way to the other surface and the way inwards, at the least."""

_NEIGHBOURS = 10
_CELLS = 256


def wall_links(points: np.ndarray, normals: np.ndarray, spacing: float) -> np.ndarray:
    """Pairs (L,2) of `points` (n,3) on two sides of one wall. normals: (n,3), outwards, zero where that is not known.
    spacing: the usual distance between neighbours."""
    from scipy.spatial import cKDTree

    known = np.flatnonzero((normals != 0).any(1))
    if len(known) < 2:
        return np.empty((0, 2), np.int64)
    places, inwards = points[known], -normals[known]
    tree = cKDTree(places)
    limit = REACH * float(np.linalg.norm(np.ptp(points, axis=0)))
    looking, found = np.arange(len(known)), []
    depth = spacing
    while depth < limit and len(looking):
        there = places[looking] + depth * inwards[looking]
        near = tree.query(there, distance_upper_bound=(_STEP - 1.0) * depth + 1.5 * spacing)[1]
        # Where nothing is that near, a point that faces itself stands in: it never counts.
        near = np.where(near < len(places), near, looking)
        way = places[near] - places[looking]
        length = np.linalg.norm(way, axis=1)
        # Both must see the other behind themselves, about straight, and where the look has got to.
        straight = np.einsum("ni,ni->n", way, inwards[looking]) > _STRAIGHT * length
        back = np.einsum("ni,ni->n", way, inwards[near]) < -_STRAIGHT * length
        opposite = np.einsum("ni,ni->n", inwards[looking], inwards[near]) < _OPPOSITE
        hit = straight & back & opposite & (length > 0) & (length < _STEP * depth + spacing)
        found.append(np.stack([looking[hit], near[hit]], 1))
        looking, depth = looking[~hit], depth * _STEP
    pairs = known[np.concatenate(found)] if found else np.empty((0, 2), np.int64)
    return np.unique(np.sort(pairs, axis=1), axis=0)


def cloud_wall_links(points: np.ndarray, part: np.ndarray, samples: np.ndarray, spacing: float) -> np.ndarray:
    """`wall_links` (L,2) of surfaces that are known by points alone. points: (n,3). part: (n,), what hangs together so
    far. samples: (m,3), finer points of the same surfaces. spacing: the usual distance between neighbours of `points`.

    A normal is the direction in which neighbours spread least. What is outside can be reached from far away through the
    empty cells of a grid, so a side from which it can is the outer one, and a way through it is no way through a wall.
    Gaps finer than the grid look like walls; so only what hangs together anyway, round a rim, is linked.
    """
    if len(points) <= _NEIGHBOURS:
        return np.empty((0, 2), np.int64)
    outside = _Outside(samples, max(1.6 * spacing, float(np.ptp(samples, axis=0).max()) / _CELLS))
    normals = _flattest(points)
    sides = [outside.holds(points + sign * 1.6 * outside.cell * normals) for sign in (1.0, -1.0)]
    links = wall_links(points, normals * (sides[0].astype(float) - sides[1])[:, None], spacing)
    first, second = points[links[:, 0]], points[links[:, 1]]
    solid = part[links[:, 0]] == part[links[:, 1]]
    for share in (0.3, 0.5, 0.7):
        solid &= ~outside.holds(first + share * (second - first))
    return links[solid]


class _Outside:
    """The cells of a grid over `samples` (m,3) that can be reached from its border without passing a filled one."""

    def __init__(self, samples: np.ndarray, cell: float) -> None:
        from scipy.ndimage import label

        self.cell, self._low = cell, samples.min(0)
        filled = self._cells(samples)
        grid = np.zeros(filled.max(0) + 3, bool)
        grid[tuple(filled.T)] = True
        regions, _ = label(~grid)
        self._open = regions == regions[0, 0, 0]

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Which of `points` (n,3) lie outside: (n,) bool."""
        return self._open[tuple(np.clip(self._cells(points), 0, np.array(self._open.shape) - 1).T)]

    def _cells(self, points: np.ndarray) -> np.ndarray:
        # Two cells of room before the first.
        return np.floor((points - self._low) / self.cell).astype(np.int64) + 2


def _flattest(points: np.ndarray) -> np.ndarray:
    """For each of `points` (n,3) the direction (n,3) in which its neighbours spread least."""
    from scipy.spatial import cKDTree

    around = points[cKDTree(points).query(points, k=_NEIGHBOURS + 1)[1]]
    around = around - around.mean(1, keepdims=True)
    return np.linalg.eigh(around.transpose(0, 2, 1) @ around)[1][:, :, 0]
