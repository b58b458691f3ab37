"""Lays a surface out flat, so that a texture can be painted on it, and says where each texel lies.

Charts are made by xatlas, piece by piece: its time grows faster than the number of faces, and pieces also keep it from
spreading a chart over the whole shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

PIECE = 2000
"""Faces that are cut into charts at once."""

PADDING = 2
"""Texels between charts."""

BATCH = 1 << 20
"""Texels that are looked at at once."""

REACH = 1.0
"""Texels around a triangle that belong to it too, so that filtering does not mix in the background."""


@dataclass
class Unwrapped:
    """source (V,) i64: which vertex of the surface each one is a copy of; faces (F,3) u32 in the order of those of the
    surface; uv (V,2) f32, 0 … 1 with v up."""

    source: np.ndarray
    faces: np.ndarray
    uv: np.ndarray


@dataclass
class Texels:
    """Texels of a square texture that lie on triangles: row, column (T,) i64 from the top left, face (T,) i64, and the
    weights (T,3) f32 of its corners at the nearest place inside it."""

    row: np.ndarray
    column: np.ndarray
    face: np.ndarray
    weights: np.ndarray


def unwrap(vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, size: int) -> Unwrapped:
    """Charts of the surface (V,3), (F,3), (V,3), packed into a square of about `size` texels."""
    import xatlas

    atlas = xatlas.Atlas()
    pieces = list(_pieces(vertices[faces].mean(1), np.arange(len(faces))))
    corners = []
    for piece in pieces:
        used, local = np.unique(faces[piece], return_inverse=True)
        local = local.reshape(-1, 3).astype(np.uint32)
        atlas.add_mesh(vertices[used].astype(np.float32), local, normals[used].astype(np.float32))
        corners.append(used)
    charts, packing = xatlas.ChartOptions(), xatlas.PackOptions()
    charts.max_iterations = 1
    packing.resolution, packing.padding, packing.bilinear = size, PADDING, True
    atlas.generate(charts, packing)
    laid = np.empty((len(faces), 3), np.uint32)
    source, uv, first = [], [], 0
    for number, piece in enumerate(pieces):
        which, local, places = atlas[number]
        laid[piece] = local + np.uint32(first)
        source.append(corners[number][which])
        uv.append(places)
        first += len(which)
    flat = Unwrapped(np.concatenate(source).astype(np.int64), laid, np.concatenate(uv).astype(np.float32))
    _lay_slivers(flat)
    return flat


def _lay_slivers(flat: Unwrapped) -> None:
    """Puts triangles without an area, which xatlas leaves out at (0, 0), where one of their corners has been laid."""
    lost = (flat.uv == 0).all(1)
    if not lost.any() or lost.all():
        return
    place = np.full(flat.source.max() + 1, -1)
    place[flat.source[~lost]] = np.flatnonzero(~lost)
    for face in np.flatnonzero(lost[flat.faces].all(1)):
        copies = place[flat.source[flat.faces[face]]]
        flat.uv[flat.faces[face]] = flat.uv[copies[copies >= 0][0]] if (copies >= 0).any() else 0.0


def _pieces(middles: np.ndarray, which: np.ndarray) -> Iterator[np.ndarray]:
    """The faces `which` in pieces of at most `PIECE` that lie together; `middles` (F,3)."""
    if len(which) <= PIECE:
        yield which
        return
    places = middles[which]
    order = which[np.argpartition(places[:, np.ptp(places, 0).argmax()], len(which) // 2)]
    yield from _pieces(middles, order[: len(which) // 2])
    yield from _pieces(middles, order[len(which) // 2 :])


def texels(uv: np.ndarray, faces: np.ndarray, size: int) -> Texels:
    """The texels of a texture of size × size whose centres lie in, or within `REACH` of, the triangles `faces` (F,3) of
    `uv` (V,2). One that lies near several belongs to the one that it lies deepest in."""
    corners = np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float64)[faces] * size - 0.5
    low = np.clip(np.floor(corners.min(1) - REACH), 0, size - 1).astype(np.int64)
    high = np.clip(np.ceil(corners.max(1) + REACH), 0, size - 1).astype(np.int64)
    counts = (high - low + 1).prod(1)
    depth = np.full(size * size, -np.inf)
    face = np.full(size * size, -1, np.int64)
    weights = np.zeros((size * size, 3), np.float32)
    ends = np.cumsum(counts)
    first = 0
    while first < len(faces):
        last = max(first + 1, int(np.searchsorted(ends, (ends[first - 1] if first else 0) + BATCH, "right")))
        which = np.repeat(np.arange(first, last), counts[first:last])
        number = np.arange(len(which)) - np.repeat(
            np.cumsum(counts[first:last]) - counts[first:last], counts[first:last]
        )
        wide = (high - low + 1)[which, 0]
        column, row = low[which, 0] + number % wide, low[which, 1] + number // wide
        inside, found = _depth(corners[which], np.stack([column, row], 1))
        texel = row * size + column
        # The deepest of a batch is written last.
        order = np.argsort(inside, kind="stable")
        order = order[(inside[order] > -REACH) & (inside[order] > depth[texel[order]])]
        depth[texel[order]], face[texel[order]], weights[texel[order]] = inside[order], which[order], found[order]
        first = last
    hit = np.flatnonzero(face >= 0)
    return Texels(hit // size, hit % size, face[hit], weights[hit])


def _depth(corners: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How deep `places` (N,2) lie in the triangles (N,3,2), in texels, negative outside; and the weights (N,3) of the
    corners at about the nearest place inside."""
    edges = np.roll(corners, -1, 1) - corners
    away = places[:, None] - corners
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    sign = np.where(area < 0, -1.0, 1.0)
    # Twice the areas of the three triangles that a place makes with an edge.
    parts = (edges[..., 0] * away[..., 1] - edges[..., 1] * away[..., 0]) * sign[:, None]
    inside = (parts / np.maximum(np.linalg.norm(edges, axis=2), 1e-12)).min(1)
    weights = np.roll(parts, -1, 1).clip(0.0)
    # A place beside a triangle without an area lies at none of its corners more than at another.
    weights[weights.sum(1) <= 1e-9] = 1.0
    return inside, (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def spread(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`image` (H,W,C) with each texel that is not `known` (H,W) as the nearest one that is."""
    from scipy.ndimage import distance_transform_edt

    if known.all() or not known.any():
        return image
    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return image[rows, columns]
