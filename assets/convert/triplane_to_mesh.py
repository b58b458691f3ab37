"""Triplane → mesh: the surface of a field as triangles, as a drag has bent it, with the field's colours and normals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..asset import Provenance
from ..errors import BadInput
from ..fields.decoder import Field, bounded_threads
from ..fields.description import Surface
from ..fields.level_set import LevelSet, Triangles, extract, surface_of
from ..mesh import Mesh, MeshPart
from ..meshes.normals import unit, vertex_normals
from ..progress import Job, Progress, stage
from . import Conversion, checked_numbers

if TYPE_CHECKING:
    from ..triplane import Triplane

LEAST, MOST = 8, 512
"""Cells along the longest side of the box."""

SLOPE_STEP = 0.5
"""Cells to each side over which the slope is measured."""

THIN = 0.75
"""Cells around the zero of an unsigned distance, which has no inside, that become matter."""

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float64)
"""Directions of which four differences make a gradient."""


def convert(
    triplane: Triplane,
    resolution: int | None = None,
    level: float | None = None,
    colour: bool = True,
    time: float = 0.0,
) -> Job[Mesh]:
    """The surface of `triplane`, in its frame and with its transform.

    resolution: cells along the longest side of the box; level: of the family's density or distance at which the surface
    lies; None: the family's own. colour: whether vertices get the field's colour, where it depends on the direction as
    seen straight from outside. time: for fields that change. The mesh is closed: matter ends at the sides of the box.
    Raises BadInput for a field without a decoder or a surface, and for options outside their range.
    """
    surface = surface_of(triplane.description)
    resolution, level, colour, time = _check(resolution, level, colour, time, surface)
    yield Progress(0, 1, "Preparing the decoder")
    box = np.array([triplane.description.space.low, triplane.description.space.high], np.float64)
    if triplane.warp is not None:
        box = np.array(triplane.warp.volume.box, np.float64)
    cell = float((box[1] - box[0]).max()) / resolution
    if surface.field == "udf" and not level > 0:
        level = THIN * cell
    surface = Surface(surface.field, level, resolution, surface.matter)
    level_set = LevelSet(Field(triplane), surface, box, time)
    triangles = yield from stage(extract(level_set, resolution), 0.0, 0.8)
    if not len(triangles.faces):
        raise BadInput(f"{triplane.name}: has no surface at a {surface.field} of {level:g}.")
    part = yield from stage(_dressed(triplane, level_set, triangles, cell, colour), 0.8, 1.0)
    declared = {"extracted from": triplane.name, "level": f"{surface.field} {level:g}", "resolution": str(resolution)}
    mesh = Mesh(triplane.name, [part], provenance=Provenance(family=triplane.provenance.family, declared=declared))
    mesh.transform, mesh.visible = triplane.transform.copy(), triplane.visible
    return mesh


def _check(resolution: Any, level: Any, colour: Any, time: Any, surface: Surface) -> tuple[int, float, bool, float]:
    ranges = {
        "resolution": (min(surface.resolution, MOST) if resolution is None else resolution, int, LEAST, MOST),
        "level": (surface.level if level is None else level, float, -1e6, 1e6),
        "time": (time, float, -1e6, 1e6),
    }
    number, threshold, moment = checked_numbers(ranges)
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(colour).lower() not in words:
        raise BadInput(f"The option colour is yes or no, not {colour!r}.")
    return number, threshold, words[str(colour).lower()], moment


def _dressed(triplane: Triplane, level_set: LevelSet, triangles: Triangles, cell: float, colour: bool) -> Job[MeshPart]:
    """The triangles with normals and colours of the field."""
    vertices = triangles.vertices.astype(np.float32)
    faces = triangles.faces.astype(np.uint32)
    normals = np.zeros_like(vertices)
    colour = colour and triplane.description.output("rgb") is not None
    colors = np.full((len(vertices), 4), 255, np.uint8) if colour else None
    for start in range(0, len(vertices), level_set.field.chunk):
        rows = slice(start, start + level_set.field.chunk)
        normals[rows] = _normals(level_set, triangles.vertices[rows], SLOPE_STEP * cell)
        yield Progress(start + 0.6 * len(vertices[rows]), len(vertices), "Looking at the surface")
        if colour:
            with bounded_threads():
                asked = level_set.ask(level_set.tensor(vertices[rows]), level_set.tensor(-normals[rows]))["rgb"]
                colors[rows, :3] = (asked.clamp(0, 1) * 255).round().cpu().numpy()
        yield Progress(start + len(vertices[rows]), len(vertices), "Looking at the surface")
    lost = ~normals.any(1)
    if lost.any():
        normals[lost] = vertex_normals(vertices, faces)[lost]
    return MeshPart(triplane.name, vertices, faces, normals, colors=colors)


def _normals(level_set: LevelSet, points: np.ndarray, reach: float) -> np.ndarray:
    """Unit normals (N,3) f32 at `points` (N,3), out of matter; 0 where the field is flat."""
    slope = np.zeros_like(points)
    for direction in TETRAHEDRON:
        with bounded_threads():
            value = level_set.at(level_set.tensor(points + reach * direction))
        slope -= value.cpu().numpy()[:, None] * direction
    return unit(slope).astype(np.float32)


CONVERSION = Conversion(
    "triplane",
    "mesh",
    "Extract a surface",
    convert,
    {
        "resolution": "cells along the longest side of the box (the family's, at most 512)",
        "level": "of the density or distance at which the surface lies (the family's)",
        "colour": "colours of the field at the vertices, yes or no (yes)",
        "time": "for fields that change (0)",
    },
)
