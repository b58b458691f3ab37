"""Which vertices of a mesh are one: seams that only uv, normals or materials made.

Files repeat a vertex where two of its attributes meet, and triangle soups repeat every one. What was cut that way shows
as an edge of one face that lies exactly on another such edge. Closed surfaces have no such edges, so two that merely
touch stay two. Where more than two edges lie on each other, as in soups of touching boxes, the faces around them are
paired through what they enclose.
"""

from __future__ import annotations

import numpy as np

from ..progress import Job, Progress

_CLOSENESS = 1e-6
"""Places closer than this share of the mesh's size are one, where no exact partner was found."""

_ANGLES = 1000.0
"""Faces around an edge lie in one plane within one part in this many of a radian."""


def welded(positions: np.ndarray, faces: np.ndarray) -> Job[np.ndarray]:
    """A job that numbers the vertices at `positions` (V,3) f64 under `faces` (F,3) i64 such that those of a seam share
    a number: (V,) i64 without gaps, in the order of the vertices."""
    edges = yield from border(faces, len(positions))
    if not len(edges):
        return np.arange(len(positions))
    used, place = np.unique(edges, return_inverse=True)
    ends = place.reshape(-1, 3)[:, :2]
    points = positions[used]
    yield Progress(0.6, 1, "Joining seams")
    links, alone = _joined(edges, place_numbers(points)[ends], positions)
    if alone.any():
        size = float(np.ptp(points, axis=0).max(initial=0.0)) + 0.1 * float(np.abs(points).max(initial=0.0))
        yield Progress(0.8, 1, "Joining seams")
        near = _rounded(points, np.unique(ends[alone]), _CLOSENESS * size)
        links = np.concatenate([links, _joined(edges[alone], near[ends[alone]], positions)[0]])
    return components(len(positions), links)


def components(count: int, links: np.ndarray) -> np.ndarray:
    """Numbers of the groups (count,) i64 that `links` (L,2) join, without gaps, in the order of their first members."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(links):
        return np.arange(count)
    graph = coo_matrix((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), (count, count)).tocsr()
    return connected_components(graph, directed=False)[1].astype(np.int64)


def place_numbers(points: np.ndarray) -> np.ndarray:
    """Numbers (n,) i64 of the places of `points` (n,3) f64: the same for exactly the same coordinates."""
    # Zeros have two signs.
    bits = np.ascontiguousarray(points + 0.0).view(np.uint64)
    mixed = np.zeros(len(points), np.uint64)
    with np.errstate(over="ignore"):
        for column in bits.T:
            mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            mixed ^= mixed >> np.uint64(32)
    _, first, number = np.unique(mixed, return_index=True, return_inverse=True)
    number = number.reshape(-1)
    # Should two places ever share 64 bits, the later one is a place of its own.
    other = np.flatnonzero((points[first[number]] != points).any(1))
    number[other] = len(first) + np.arange(len(other))
    return number


def border(faces: np.ndarray, count: int) -> Job[np.ndarray]:
    """A job that returns the edges of exactly one of `faces` (F,3), on `count` vertices, as (B,3): from, to, and the
    face's third corner."""
    sides = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    keys = np.concatenate([_keys(faces[:, a], faces[:, b], count) for a, b, _ in sides])
    yield Progress(0.1, 1, "Looking for seams")
    keys.sort()
    yield Progress(0.4, 1, "Looking for seams")
    change = np.r_[True, keys[1:] != keys[:-1], True]
    single = keys[change[1:] & change[:-1]]
    single = single[single // count != single % count]
    at_border = np.zeros(count, bool)
    at_border[single // count] = at_border[single % count] = True
    found = []
    for a, b, c in sides:
        rows = np.flatnonzero(at_border[faces[:, a]] & at_border[faces[:, b]])
        own = _keys(faces[rows, a], faces[rows, b], count)
        at = np.minimum(np.searchsorted(single, own), max(len(single) - 1, 0))
        rows = rows[single[at] == own] if len(single) else rows[:0]
        found.append(faces[rows][:, (a, b, c)])
    return np.concatenate(found).astype(np.int64)


def _keys(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """One number for each pair, whichever way round."""
    return np.minimum(first, second).astype(np.int64) * count + np.maximum(first, second)


def _rounded(points: np.ndarray, rows: np.ndarray, closeness: float) -> np.ndarray:
    """Numbers (n,) of the places of `points` (n,3), the same for those of `rows` that are closer than `closeness`.

    Two values closer than half a cell share a cell of a grid or of the same grid moved by half a cell; so eight grids
    find all pairs, however many points lie in one place.
    """
    links = []
    cell = 2.0 * max(closeness, 1e-300)
    for shift in range(8):
        moved = points[rows] / cell + 0.5 * np.array([shift & 1, shift >> 1 & 1, shift >> 2])
        _, first, number = np.unique(place_numbers(np.floor(moved)), return_index=True, return_inverse=True)
        links.append(np.stack([rows, rows[first[number.reshape(-1)]]], 1))
    return components(len(points), np.concatenate(links))


def _joined(edges: np.ndarray, places: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of vertices (L,2) that edges on the same two `places` (B,2) have in common, and which edges are alone."""
    forward = places[:, 0] <= places[:, 1]
    # Each edge from its lower place to its higher one.
    ends = np.where(forward[:, None], edges[:, :2], edges[:, 1::-1])
    key = places.min(1).astype(np.int64) * (int(places.max()) + 1) + places.max(1)
    angle = _angles(ends, edges[:, 2], positions)
    order = np.lexsort((~forward, angle, key))
    key, forward, ends = key[order], forward[order], ends[order]
    start = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    sizes = np.diff(np.r_[start, len(key)])
    group = np.repeat(np.arange(len(start)), sizes)
    first = start[group]
    following = np.where(np.arange(len(key)) + 1 < first + sizes[group], np.arange(len(key)) + 1, first)
    # What a solid fills lies behind its faces: from a backward face on, around the edge, up to the next forward one.
    alternating = np.bincount(group, forward == forward[following], len(start)) == 0
    paired = (alternating & (sizes > 2))[group]
    partner = np.where(paired, np.where(forward, np.arange(len(key)), following), first)
    links = np.concatenate([np.stack([ends[:, side], ends[partner, side]], 1) for side in (0, 1)])
    point = places[order, 0] == places[order, 1]
    links = np.concatenate([links[links[:, 0] != links[:, 1]], ends[point]])
    alone = np.zeros(len(key), bool)
    alone[order] = (sizes == 1)[group]
    return links, alone


def _angles(ends: np.ndarray, third: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The direction of each edge's face around the edge, as whole numbers (B,), the same for faces in one plane."""
    start = positions[ends[:, 0]]
    along = positions[ends[:, 1]] - start
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-300)
    # Two axes across the edge: the same ones for edges on the same line, up to rounding.
    helper = np.eye(3)[np.argmin(np.rint(np.abs(along) * 1e5), axis=1)]
    across = np.cross(along, helper)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
    upward = np.cross(along, across)
    aside = positions[third] - start
    angle = np.arctan2(np.einsum("ni,ni->n", aside, upward), np.einsum("ni,ni->n", aside, across))
    whole = np.rint(angle * _ANGLES).astype(np.int64)
    whole[whole == round(np.pi * _ANGLES)] = -round(np.pi * _ANGLES)
    return whole
