"""The deformation graph: a few hundred nodes spread evenly over matter, linked along it.

Nodes are farthest-point samples of the matter's points. Every point belongs to the node that is nearest to it *through
matter*; nodes are neighbours where their regions touch, and distances between nodes are measured along such steps. So
two parts that lie close to each other in space know nothing of each other unless matter joins them. After "Embedded
Deformation for Shape Manipulation" (Sumner, Schmid and Pauly 2007), with distances through matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..progress import Job, Progress
from .binding import FULL, INFLUENCES, Binding
from .matter import Matter, bridged, length_matrix

CANDIDATES = 24
"""Nodes, nearest through matter, among which the elements of a node's region choose those that they follow."""

LINKS = 10
"""Links of a node at least, where there are so many: with more than the ring around it, a sheet resists bending."""

FLOATING, FLOATING_SHARE = 6.0, 0.25
"""Elements farther from all matter than this many spacings, and than this share of its size, follow nothing."""

_ROWS = 256
_BLOCK = 65536


@dataclass(frozen=True, eq=False)
class Graph:
    """nodes: (n,3) f64. links: (L,2) i64, each pair once. owner: (M,) i64, the node of each matter point, -1 for points
    that no node reaches. candidates: (n,C) i64, nodes by their distance through matter, the node itself first, -1 where
    there are fewer. part: (n,) i64, which nodes hang together at all. spacing: distance between neighbours."""

    nodes: np.ndarray
    links: np.ndarray
    owner: np.ndarray
    candidates: np.ndarray
    part: np.ndarray
    spacing: float

    def __len__(self) -> int:
        return len(self.nodes)

    def bind(self, points: np.ndarray, near: np.ndarray, matter: Matter | None = None) -> Binding:
        """Binds `points` (N,3), which lie at the matter points `near` (N,), to their nodes. Where `matter` is given,
        points that float far from it are bound to nothing.

        wₖ ∝ (1 − dₖ/d₉)² with the distances d of the nine nearest candidates: it falls to zero, slope and all, where
        another node takes over.
        """
        nodes = np.zeros((len(points), INFLUENCES), np.uint16)
        weights = np.zeros((len(points), INFLUENCES), np.uint16)
        for start in range(0, len(points), _BLOCK):
            rows = slice(start, start + _BLOCK)
            nodes[rows], weights[rows] = self._bind_block(np.asarray(points[rows], np.float64), near[rows], matter)
        return Binding(nodes, weights, np.asarray(near, np.uint32))

    def _bind_block(self, points: np.ndarray, near: np.ndarray, matter: Matter | None) -> tuple[np.ndarray, np.ndarray]:
        owner = self.owner[near]
        candidates = self.candidates[np.maximum(owner, 0)]
        away = self.nodes[candidates] - points[:, None]
        squares = np.einsum("nkc,nkc->nk", away, away)
        squares[candidates < 0] = np.inf
        if squares.shape[1] > INFLUENCES + 1:
            closest = np.argpartition(squares, INFLUENCES, axis=1)[:, : INFLUENCES + 1]
            squares = np.take_along_axis(squares, closest, 1)
            candidates = np.take_along_axis(candidates, closest, 1)
        order = np.argsort(squares, axis=1, kind="stable")
        distances = np.sqrt(np.take_along_axis(squares, order, 1))
        candidates = np.take_along_axis(candidates, order, 1)
        reach = _reach(distances)
        shares = np.clip(1.0 - distances[:, :INFLUENCES] / reach[:, None], 0.0, 1.0) ** 2
        shares[:, 0] = np.maximum(shares[:, 0], 1e-9)
        shares[owner < 0] = 0.0
        if matter is not None:
            reach = max(FLOATING * matter.spacing, FLOATING_SHARE * matter.size)
            shares[np.linalg.norm(points - matter.points[near], axis=1) > reach] = 0.0
        return _in_columns(np.maximum(candidates, 0)), _in_columns(_quantised(shares))

    def distances_from(self, sources: np.ndarray, offsets: np.ndarray, limit: float) -> np.ndarray:
        """Distances (n,) through matter to all nodes from a place that lies `offsets` (s,) away from the nodes
        `sources` (s,); infinite beyond `limit`."""
        from scipy.sparse import coo_matrix, vstack
        from scipy.sparse.csgraph import dijkstra

        start = coo_matrix((np.maximum(offsets, 1e-12), (np.zeros(len(sources), int), sources)), (1, len(self) + 1))
        steps = length_matrix(self.nodes, self.links).tocsr()
        steps.resize((len(self), len(self) + 1))
        return dijkstra(vstack([steps, start]).tocsr(), indices=len(self), limit=limit)[:-1]


def build_graph(matter: Matter, count: int) -> Job[tuple[Graph, Matter]]:
    """A job that makes a graph of `count` nodes at most, and returns it with the matter in which crumbs are bridged."""
    from scipy.sparse.csgraph import connected_components, dijkstra

    yield Progress(0, 1, "Sampling nodes")
    count = min(count, len(matter.points))
    matter = bridged(matter, max(1, count // 4))
    lengths = matter.lengths()
    _, part = connected_components(lengths, directed=False)
    chosen = np.empty(0, np.int64)
    for chosen in _farthest_points(matter.points, part, count):
        yield Progress(0.6 * len(chosen) / count, 1, "Sampling nodes")
    distances, _, sources = dijkstra(lengths, indices=chosen, min_only=True, return_predecessors=True)
    yield Progress(0.7, 1, "Measuring distances through matter")
    number = np.full(len(matter.points), -1)
    number[chosen] = np.arange(count)
    owner = np.where(sources >= 0, number[np.maximum(sources, 0)], -1)
    nodes = matter.points[chosen]
    steps = _steps(matter, owner, distances, count)
    candidates, reached = yield from _nearest(steps, count)
    links = _links(candidates, steps)
    spacing = float(np.median(reached[:, 1])) if count > 1 and np.isfinite(reached[:, 1]).any() else matter.spacing
    return Graph(nodes, links, owner, candidates, part[chosen], spacing), matter


def _farthest_points(points: np.ndarray, part: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Indices of points, each farthest from all before it (Gonzalez 1985), the whole list now and then. The first is
    the farthest from the middle of the box; points of parts that have none yet come before all others."""
    middle = (points.min(0) + points.max(0)) / 2
    columns = [np.ascontiguousarray(column) for column in points.T]
    chosen = np.empty(count, np.int64)
    squares = np.full(len(points), np.inf)
    # Ties and starts are settled by the place in the list, so the same matter always gives the same nodes.
    chosen[0] = np.argmax(((points - middle) ** 2).sum(1))
    visited = np.zeros(int(part.max()) + 1, bool)
    waiting = len(visited)
    for index in range(count):
        if index:
            if waiting:
                unvisited = ~visited[part]
                chosen[index] = np.argmax(np.where(unvisited, np.minimum(squares, 1e300), -1.0))
            else:
                chosen[index] = np.argmax(squares)
        last = chosen[index]
        waiting -= not visited[part[last]]
        visited[part[last]] = True
        fresh = sum((column - column[last]) ** 2 for column in columns)
        np.minimum(squares, fresh, out=squares)
        if index % 64 == 63:
            yield chosen[: index + 1]
    yield chosen


def _steps(matter: Matter, owner: np.ndarray, distances: np.ndarray, count: int):
    """Neighbouring regions and how far apart their nodes are through the matter between them: sparse (n,n)."""
    from scipy.sparse import coo_matrix

    first, second = matter.edges.T
    crossing = (owner[first] != owner[second]) & (owner[first] >= 0) & (owner[second] >= 0)
    first, second = first[crossing], second[crossing]
    across = np.linalg.norm(matter.points[first] - matter.points[second], axis=1)
    lengths = distances[first] + across + distances[second]
    a, b = np.minimum(owner[first], owner[second]), np.maximum(owner[first], owner[second])
    order = np.lexsort((lengths, b, a))
    a, b, lengths = a[order], b[order], lengths[order]
    shortest = np.r_[True, (a[1:] != a[:-1]) | (b[1:] != b[:-1])][: len(a)]
    a, b, lengths = a[shortest], b[shortest], np.maximum(lengths[shortest], 1e-12)
    return coo_matrix((np.tile(lengths, 2), (np.r_[a, b], np.r_[b, a])), (count, count)).tocsr()


def _nearest(steps, count: int) -> Job[tuple[np.ndarray, np.ndarray]]:
    """The CANDIDATES nearest nodes of each node along `steps`, itself first, and their distances: (n,C) both."""
    from scipy.sparse.csgraph import dijkstra

    width = min(CANDIDATES, count)
    candidates, distances = np.full((count, width), -1), np.full((count, width), np.inf)
    # As far as the nodes of several rings lie; more steps than that are never among the nearest.
    limit = 8.0 * float(np.median(steps.data)) if steps.nnz else np.inf
    for start in range(0, count, _ROWS):
        rows = np.arange(start, min(start + _ROWS, count))
        away = dijkstra(steps, indices=rows, limit=limit)
        order = np.argsort(away, axis=1, kind="stable")[:, :width]
        sorted_away = np.take_along_axis(away, order, 1)
        candidates[rows] = np.where(np.isfinite(sorted_away), order, -1)
        distances[rows] = sorted_away
        yield Progress(0.75 + 0.2 * (start + len(rows)) / count, 1, "Linking nodes")
    return candidates, distances


def _links(candidates: np.ndarray, steps) -> np.ndarray:
    """Each node's nearest LINKS others, and all whose regions touch: pairs (L,2), each once."""
    count = len(candidates)
    chosen = candidates[:, 1 : LINKS + 1]
    pairs = np.stack([np.repeat(np.arange(count), chosen.shape[1]), chosen.ravel()], 1)
    touching = steps.tocoo()
    pairs = np.concatenate([pairs[pairs[:, 1] >= 0], np.stack([touching.row, touching.col], 1)])
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64) if len(pairs) else np.empty((0, 2), np.int64)


def _reach(distances: np.ndarray) -> np.ndarray:
    """Where weights have fallen to zero (N,): at the first node without one, or beyond the last of fewer."""
    finite = np.where(np.isfinite(distances), distances, -1.0)
    last = finite.max(1)
    if distances.shape[1] > INFLUENCES:
        last = np.where(np.isfinite(distances[:, INFLUENCES]), last, 1.5 * last)
    else:
        last = 1.5 * last
    return np.maximum(last, 1e-12)


def _quantised(shares: np.ndarray) -> np.ndarray:
    """Weights (N,k) of FULL in proportion to `shares`, adding up to exactly that where there is any share."""
    total = shares.sum(1, keepdims=True)
    weights = np.floor(shares / np.maximum(total, 1e-30) * FULL).astype(np.int64)
    there = total[:, 0] > 0
    largest = weights.argmax(1)
    weights[there, largest[there]] += FULL - weights[there].sum(1)
    return weights


def _in_columns(values: np.ndarray) -> np.ndarray:
    """The first INFLUENCES columns as u16; what is missing is node 0, with no weight."""
    out = np.zeros((len(values), INFLUENCES), np.uint16)
    out[:, : values.shape[1]] = values[:, :INFLUENCES]
    return out
