"""A coarse stand-in for a large mesh, made of the mesh's own vertices: only another index buffer.

Vertex clustering (Rossignac and Borrel 1993): a grid is laid over the mesh, every cell is represented by one of its
vertices, and the triangles whose corners fall into three different cells are left. It ignores topology, needs one pass
and no neighbourhoods, and since no vertex moves, a deformation of the mesh deforms its proxy at no cost.
"""

from __future__ import annotations

import numpy as np

MIN_PROXY_FACES = 60_000
"""Parts with fewer faces are drawn as they are."""
PROXY_FACES = 20_000
"""About how many faces the proxies of a mesh have together."""
_MAX_CELLS = 256


def decimated(vertices: np.ndarray, faces: np.ndarray, cells: int) -> np.ndarray:
    """`faces` (F,3) after clustering `vertices` (V,3) into `cells` cells along the longest side of their box.

    Returns (G,3) u32 into the same vertices, each triangle once and none degenerate; the winding is kept.
    """
    if not len(faces):
        return np.empty((0, 3), np.uint32)
    cells = int(np.clip(cells, 1, _MAX_CELLS))
    cell, count = _cells(vertices, cells)
    middle = _most_central(vertices, cell, count)
    corner_cells = cell[faces]
    a, b, c = corner_cells.T
    kept = corner_cells[(a != b) & (b != c) & (c != a)]
    return middle[_without_doubles(kept, count)].astype(np.uint32)


def proxy_faces(vertices: np.ndarray, faces: np.ndarray, wanted: int) -> np.ndarray:
    """`faces` decimated to about `wanted` triangles, never more than twice as many: (G,3) u32."""
    cells, best = max(2, int((wanted / 12) ** 0.5)), np.empty((0, 3), np.uint32)
    for _ in range(4):
        result = decimated(vertices, faces, cells)
        if len(result) <= 2 * wanted and len(result) >= len(best):
            best = result
        if 0.6 * wanted <= len(result) <= 1.5 * wanted:
            break
        # The triangles of a surface grow with the square of the cells.
        following = int(np.clip(cells * np.clip((wanted / max(len(result), 1)) ** 0.5, 0.25, 4.0), 1, _MAX_CELLS))
        if following == cells:
            break
        cells = following
    return best


def watertight(vertices: np.ndarray, faces: np.ndarray) -> bool:
    """Whether every edge belongs to exactly two faces, where vertices at the same place count as one."""
    if not len(faces):
        return False
    _, same = np.unique(np.ascontiguousarray(vertices) + 0.0, axis=0, return_inverse=True)
    corners = same.reshape(-1)[faces].astype(np.int64)
    a, b, c = corners.T
    corners = corners[(a != b) & (b != c) & (c != a)]
    edges = np.sort(corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges[:, 0] * len(vertices) + edges[:, 1], return_counts=True)
    return bool(len(counts)) and bool((counts == 2).all())


def _cells(vertices: np.ndarray, cells: int) -> tuple[np.ndarray, int]:
    """The cell of each vertex (V,), numbered without gaps, and how many there are."""
    low, high = vertices.min(0).astype(np.float64), vertices.max(0).astype(np.float64)
    edge = max(float((high - low).max()), 1e-300) / cells
    shape = np.minimum((high - low) // edge, cells - 1).astype(np.int64) + 1
    number = np.zeros(len(vertices), np.int64)
    for axis in range(3):
        place = ((vertices[:, axis] - low[axis]) / edge).astype(np.int64)
        number = number * shape[axis] + np.minimum(place, shape[axis] - 1)
    used = np.zeros(int(shape.prod()), bool)
    used[number] = True
    names = np.cumsum(used) - 1
    return names[number], int(names[-1]) + 1


def _most_central(vertices: np.ndarray, cell: np.ndarray, count: int) -> np.ndarray:
    """For each cell the vertex nearest to the mean of its vertices, which turns fewer triangles over than any other."""
    sizes = np.bincount(cell, minlength=count)
    distance = np.zeros(len(vertices))
    for axis in range(3):
        mean = np.bincount(cell, vertices[:, axis], count) / sizes
        distance += (vertices[:, axis] - mean[cell]) ** 2
    # The last one written stays. 16 bits are exact enough and are sorted by radix, several times as fast as floats.
    nearness = (65535.0 * (1.0 - distance / max(float(distance.max()), 1e-300))).astype(np.uint16)
    order = np.argsort(nearness, kind="stable")
    chosen = np.empty(count, np.int64)
    chosen[cell[order]] = order
    return chosen


def _without_doubles(triangles: np.ndarray, count: int) -> np.ndarray:
    """The first of all triangles (F,3) that join the same three of `count` cells, in their order."""
    low, high = triangles.min(1), triangles.max(1)
    middle = triangles.sum(1) - low - high
    if count < 1 << 21:
        _, first = np.unique((low * count + middle) * count + high, return_index=True)
    else:
        _, first = np.unique(np.stack([low, middle, high], 1), axis=0, return_index=True)
    return triangles[np.sort(first)]
