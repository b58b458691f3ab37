"""What a surface taken out of a field looks like: its normals, and its colours at vertices or on a texture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...mesh import MeshPart
from ...meshes.normals import unit
from ...meshes.unwrap import spread, texels, unwrap
from ...progress import Job, Progress, stage
from .chunks import in_chunks
from .level_set import LevelSet

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float64)
"""Directions of which four differences make a gradient."""


def normals_at(level_set: LevelSet, points: np.ndarray, reach: float) -> Job[np.ndarray]:
    """A job that returns unit normals (N,3) f32 at `points` (N,3), out of matter; 0 where the field is flat. reach: how
    far to each side the slope is measured."""
    normals = np.zeros(points.shape, np.float32)

    def ask(rows: slice) -> None:
        slope = np.zeros_like(points[rows])
        for direction in TETRAHEDRON:
            value = level_set.at(level_set.tensor(points[rows] + reach * direction))
            slope -= value.cpu().numpy()[:, None] * direction
        normals[rows] = unit(slope)

    for done in in_chunks(level_set.field, len(points), ask):
        yield Progress(done, len(points), "Looking at the surface")
    return normals


def colors_at(level_set: LevelSet, points: np.ndarray, normals: np.ndarray) -> Job[np.ndarray]:
    """A job that returns the field's colour (N,3) u8 at `points` (N,3); where it depends on the direction, as seen
    straight from outside, against the unit `normals` (N,3)."""
    colors = np.empty((len(points), 3), np.uint8)

    def ask(rows: slice) -> None:
        asked = level_set.ask(level_set.tensor(points[rows]), level_set.tensor(-normals[rows]))["rgb"]
        colors[rows] = (asked.clamp(0, 1) * 255).round().cpu().numpy()

    for done in in_chunks(level_set.field, len(points), ask):
        yield Progress(done, len(points), "Looking at colours")
    return colors


def painted(level_set: LevelSet, part: MeshPart, size: int) -> Job[tuple[MeshPart, np.ndarray]]:
    """A job that returns `part` with texture coordinates, its vertices doubled where charts are cut, and the texture
    (size,size,4) u8: the field's colour where each texel lies."""
    yield Progress(0, 1, "Laying the surface out flat")
    flat = unwrap(part.vertices, part.faces, part.normals, size)
    yield Progress(0.5, 1, "Looking at colours")
    found = texels(flat.uv, flat.faces, size)
    corners = part.faces[found.face]
    places = np.einsum("tk,tkc->tc", found.weights, part.vertices[corners], dtype=np.float32)
    normals = unit(np.einsum("tk,tkc->tc", found.weights, part.normals[corners], dtype=np.float32))
    colors = yield from stage(colors_at(level_set, places, normals), 0.5, 0.95)
    image = np.full((size, size, 4), 255, np.uint8)
    known = np.zeros((size, size), bool)
    image[found.row, found.column, :3], known[found.row, found.column] = colors, True
    yield Progress(0.95, 1, "Filling the gaps between charts")
    source = flat.source
    laid = replace(part, vertices=part.vertices[source], normals=part.normals[source], faces=flat.faces, uv=flat.uv)
    return laid, spread(image, known)
