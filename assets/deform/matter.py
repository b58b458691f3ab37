"""What there is of an asset to hold on to: fine points over its visible matter, and which of them hang together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree


CRUMB = 1e-3
"""A part with a smaller share of all points, within a spacing of a larger one, is a crumb of that."""


@dataclass(frozen=True, eq=False)
class Matter:
    """points: (M,3) f64 in the asset's frame. edges: (E,2) integers, pairs of points that hang together by matter, each
    pair once. spacing: the usual distance between neighbours."""

    points: np.ndarray
    edges: np.ndarray
    spacing: float

    @property
    def nbytes(self) -> int:
        """Main memory, in bytes."""
        return self.points.nbytes + self.edges.nbytes

    @cached_property
    def size(self) -> float:
        """Diagonal of the box around the points; 1 where they are one place, which has no size."""
        size = float(np.linalg.norm(np.ptp(self.points, axis=0))) if len(self.points) else 0.0
        return size or 1.0

    @cached_property
    def tree(self) -> cKDTree:
        """For questions about the nearest points."""
        from scipy.spatial import cKDTree

        return cKDTree(self.points)

    def lengths(self) -> csr_matrix:
        """The edges as a symmetric sparse matrix (M,M) of their lengths."""
        return length_matrix(self.points, self.edges)

    def joined(self, links: np.ndarray) -> Matter:
        """The same with more edges, pairs (L,2) that may be there already."""
        edges = np.concatenate([np.sort(self.edges, axis=1), np.sort(links, axis=1)])
        return Matter(self.points, np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0), self.spacing)

    def __getstate__(self) -> dict:
        # The tree is made again where it is needed.
        return {name: value for name, value in vars(self).items() if name != "tree"}


def length_matrix(points: np.ndarray, edges: np.ndarray) -> csr_matrix:
    """`edges` (E,2) between `points` (M,3) as a symmetric sparse matrix (M,M) of their lengths."""
    from scipy.sparse import coo_matrix

    first, second = edges.T
    # Points at one place hang together too; a stored zero would be no edge.
    lengths = np.maximum(np.linalg.norm(points[first] - points[second], axis=1), 1e-12)
    shape = (len(points), len(points))
    return coo_matrix((np.tile(lengths, 2), (np.r_[first, second], np.r_[second, first])), shape).tocsr()


def bridged(matter: Matter, most_parts: int) -> Matter:
    """The matter with its loose parts linked to the nearest point of a large one: crumbs, so that they follow what they
    lie on, and all but the `most_parts` largest, so that a graph has nodes for every part."""
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count, part = connected_components(matter.lengths(), directed=False)
    sizes = np.bincount(part)
    known = np.zeros(count, bool)
    known[np.argsort(-sizes, kind="stable")[:most_parts]] = True
    large = known & (sizes >= CRUMB * len(matter.points))
    large = large if large.any() else known
    if large.all():
        return matter
    kept, loose = np.flatnonzero(large[part]), np.flatnonzero(~large[part])
    distance, nearest = cKDTree(matter.points[kept]).query(matter.points[loose])
    # One bridge per part, where it is shortest.
    order = np.lexsort((distance, part[loose]))
    first = order[np.unique(part[loose][order], return_index=True)[1]]
    first = first[~known[part[loose[first]]] | (distance[first] <= matter.spacing)]
    bridges = np.stack([loose[first], kept[nearest[first]]], 1)
    return Matter(matter.points, np.concatenate([matter.edges, bridges]), matter.spacing)


def unconnected(matter: Matter) -> Matter:
    """The matter with links over gaps as well: each point to its nearest neighbours, wherever they belong."""
    neighbours = matter.tree.query(matter.points, k=min(13, len(matter.points)))[1]
    if neighbours.ndim < 2:
        return matter
    pairs = np.stack([np.repeat(neighbours[:, 0], neighbours.shape[1] - 1), neighbours[:, 1:].ravel()], 1)
    return bridged(matter.joined(pairs), 1)
