"""Triplane → mesh: the surface of a field as triangles, as a drag has bent it, with the field's colours and normals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..asset import Provenance
from ..errors import BadInput
from ..fields.decoder import Field
from ..fields.description import Surface
from ..fields.showing import shown
from ..fields.surface.level_set import LevelSet, Triangles, extract, surface_of
from ..fields.surface.painting import colors_at, normals_at, painted
from ..mesh import Material, Mesh, MeshPart
from ..meshes.normals import vertex_normals
from ..progress import Job, Progress, stage
from . import Conversion, checked_numbers

if TYPE_CHECKING:
    from ..triplane import Triplane

LEAST, MOST = 8, 513
"""Corners of the lattice along the longest side of the box."""

SLOPE_STEP = 0.5
"""Cells to each side over which the slope is measured."""

THIN = 0.75
"""Cells around the zero of an unsigned distance, which has no inside, that become matter."""

COLOURS = dict.fromkeys(("vertices", "yes", "true", "1"), "vertices")
COLOURS |= dict.fromkeys(("none", "no", "false", "0"), "none") | {"texture": "texture"}
"""What the option colour may say, and where the colours go."""


def convert(
    triplane: Triplane,
    resolution: int | None = None,
    level: float | None = None,
    colour: str | bool = "vertices",
    texture_size: int = 1024,
    time: float | None = None,
) -> Job[Mesh]:
    """The surface of `triplane`, in its frame and with its transform.

    resolution: corners of the lattice along the longest side of the box, None: the family's own, at most 513. level: of
    the family's density or distance at which the surface lies, None: what the display shows, which is the family's own
    where nobody changed it. colour: the field's, at "vertices" or on a "texture" of texture_size² texels, or "none";
    where it depends on the direction, as seen straight from outside. time: for fields that change, None: that of the
    display. The mesh is closed: matter ends at the sides of the box; a texture cuts it open along the seams of its
    charts, where vertices lie twice. Raises BadInput for a field without a decoder or a surface, and for options
    outside their range.
    """
    wanted = _Wanted.of(triplane, resolution, level, colour, texture_size, time)
    yield Progress(0, 1, "Preparing the decoder")
    box = np.array([triplane.description.space.low, triplane.description.space.high], np.float64)
    if triplane.warp is not None:
        box = np.array(triplane.warp.volume.box, np.float64)
    cell = float((box[1] - box[0]).max()) / (wanted.surface.resolution - 1)
    surface = wanted.surface
    if surface.field == "udf" and not surface.level > 0:
        surface = replace(surface, level=THIN * cell)
    level_set = LevelSet(Field(triplane), surface, box, wanted.time)
    triangles = yield from stage(extract(level_set, surface.resolution), 0.0, wanted.share)
    if not len(triangles.faces):
        raise BadInput(f"{triplane.name}: has no surface at a {surface.field} of {surface.level:g}.")
    mesh = yield from stage(_dressed(triplane.name, level_set, triangles, cell, wanted), wanted.share, 1.0)
    level_text, count = f"{surface.field} {surface.level:g}", str(surface.resolution)
    declared = {"extracted from": triplane.name, "level": level_text, "resolution": count}
    mesh.provenance = Provenance(family=triplane.provenance.family, declared=declared)
    mesh.transform, mesh.visible = triplane.transform.copy(), triplane.visible
    return mesh


@dataclass(frozen=True)
class _Wanted:
    """The options, checked. colour: one of `COLOURS`."""

    surface: Surface
    colour: str
    texture_size: int
    time: float

    @property
    def share(self) -> float:
        """How much of the time the surface takes; its look takes the rest."""
        return 0.4 if self.colour == "texture" else 0.8

    @classmethod
    def of(cls, triplane: Triplane, resolution: Any, level: Any, colour: Any, texture_size: Any, time: Any) -> _Wanted:
        """Raises BadInput for what lies outside its range."""
        surface, seen = surface_of(triplane.description), shown(triplane.description)
        if level is None:
            level = triplane.display.level if seen.output.name == surface.field else surface.level
        ranges = {
            "resolution": (min(surface.resolution, MOST) if resolution is None else resolution, int, LEAST, MOST),
            "level": (level, float, -1e6, 1e6),
            "texture_size": (texture_size, int, 64, 8192),
            "time": (triplane.display.time if time is None else time, float, -1e6, 1e6),
        }
        cells, threshold, texels, moment = checked_numbers(ranges)
        where = COLOURS.get(str(colour).lower())
        if where is None:
            raise BadInput(f"The option colour is vertices, texture or none, not {colour!r}.")
        where = where if triplane.description.output("rgb") is not None else "none"
        return cls(replace(surface, level=threshold, resolution=cells), where, texels, moment)


def _dressed(name: str, level_set: LevelSet, triangles: Triangles, cell: float, wanted: _Wanted) -> Job[Mesh]:
    """The triangles with normals and colours of the field, as a mesh of one part."""
    vertices, faces = triangles.vertices.astype(np.float32), triangles.faces.astype(np.uint32)
    share = {"none": 1.0, "vertices": 0.8, "texture": 0.1}[wanted.colour]
    normals = yield from stage(normals_at(level_set, triangles.vertices, SLOPE_STEP * cell), 0.0, share)
    lost = ~normals.any(1)
    if lost.any():
        normals[lost] = vertex_normals(vertices, faces)[lost]
    part = MeshPart(name, vertices, faces, normals)
    if wanted.colour == "texture":
        part, texture = yield from stage(painted(level_set, part, wanted.texture_size), share, 1.0)
        part.material = 0
        return Mesh(name, [part], materials=[Material(name, base_color_texture=texture)])
    if wanted.colour == "vertices":
        colors = yield from stage(colors_at(level_set, vertices, normals), share, 1.0)
        part.colors = np.concatenate([colors, np.full((len(colors), 1), 255, np.uint8)], 1)
    return Mesh(name, [part])


def _idle(triplane: Triplane) -> tuple[str, ...]:
    """Options that say nothing to a field without time, or without colour."""
    description = triplane.description
    colorless = description.output("rgb") is None
    return (() if description.needs_time else ("time",)) + (("colour", "texture_size") if colorless else ())


CONVERSION = Conversion(
    "triplane",
    "mesh",
    "Extract a surface",
    convert,
    {
        "resolution": "points along the longest side of the box (the family's, at most 513)",
        "level": "density or distance at which the surface lies (as shown, or the family's)",
        "colour": "of the field: at vertices, on a texture, or none (vertices)",
        "texture_size": "texels along a side of the texture (1024)",
        "time": "when, for fields that change (as shown)",
    },
    choices={"colour": ("vertices", "texture", "none")},
    idle=_idle,
)
