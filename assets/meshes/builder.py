"""From what a file says to a sound mesh: here what the readers found is checked, repaired and given normals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..asset import Asset, Provenance
from ..errors import BadFile, TriptychError
from ..mesh import Material, Mesh, MeshNode, MeshPart
from ..points import Points
from .normals import filled, unit, vertex_normals

_MOST_BYTES, _MOST_GROWTH = 128 << 20, 20
"""A file that uses the same bytes for part after part is refused before it fills the memory: no honest one becomes
so many bytes and so many times its size."""


@dataclass
class RawPart:
    """A geometry as a file has it, not yet checked: vertices (V,3), faces (F,3) of any integer type, and per vertex
    normals (V,3), uv (V,2) with v up, colors (V,3|4) of any type (floats are 0 … 1). `shared` (V,) numbers the places
    of the vertices, where the file shares places between vertices that differ in uv or normal; normals are smooth
    across those."""

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray | None = None
    uv: np.ndarray | None = None
    colors: np.ndarray | None = None
    material: int = -1
    shared: np.ndarray | None = None


@dataclass
class MeshBuilder:
    """Collects the parts, materials and point clouds of one file, and what had to be dropped from them."""

    path: Path
    parts: list[MeshPart] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    clouds: list[Points] = field(default_factory=list)
    provenance: Provenance = field(default_factory=Provenance)
    further_bytes: int = 0
    """What was read beside the file or unpacked from it, in bytes."""
    _infinite: int = 0
    _outside: int = 0
    _lost_faces: int = 0
    _seen_faces: int = 0
    _held: int = 0

    def warn(self, sentence: str) -> None:
        """Notes what a user should know about the file, once."""
        if sentence not in self.provenance.warnings:
            self.provenance.warnings.append(sentence)

    def add(self, raw: RawPart) -> int:
        """The index of a new part made of `raw` without what is unsound in it; -1 where no face is left."""
        vertices = _columns(raw.vertices, 3)
        faces = np.asarray(raw.faces).reshape(-1, 3)
        self._seen_faces += len(faces)
        inside = ((faces >= 0) & (faces < len(vertices))).all(1)
        if not inside.all():
            self._outside += int((~inside).sum())
            faces = faces[inside]
        keep = np.isfinite(vertices).all(1)
        kept: np.ndarray | slice = slice(None)
        if not keep.all():
            self._infinite += int((~keep).sum())
            sound = keep[faces].all(1)
            self._lost_faces += int((~sound).sum())
            faces = (np.cumsum(keep) - 1)[faces[sound]]
            vertices, kept = vertices[keep], keep
        if not len(faces):
            return -1
        part = MeshPart(raw.name, vertices, np.ascontiguousarray(faces, np.uint32), vertices, material=raw.material)
        shared = None if raw.shared is None else raw.shared[kept]
        part.normals = _normals(part, None if raw.normals is None else _columns(raw.normals, 3)[kept], shared)
        if raw.uv is not None:
            part.uv = np.nan_to_num(_columns(raw.uv, 2)[kept], nan=0.0, posinf=0.0, neginf=0.0)
        if raw.colors is not None:
            part.colors = colors_u8(raw.colors)[kept]
        self._held += sum(array.nbytes for array in part.arrays())
        if self._held > max(_MOST_BYTES, _MOST_GROWTH * (self.path.stat().st_size + self.further_bytes)):
            raise BadFile(self.path, f"unfolds to {self._held >> 20} MiB of geometry, which is not believable")
        self.parts.append(part)
        return len(self.parts) - 1

    def add_points(
        self, name: str, positions: np.ndarray, colors: np.ndarray | None, extra: dict[str, np.ndarray] | None = None
    ) -> None:
        """Adds a point cloud without its infinite and NaN points, if any is left. `extra` as in `Points`."""
        positions = _columns(positions, 3)
        keep = np.isfinite(positions).all(1)
        dropped = int((~keep).sum())
        extra = extra or {}
        if dropped:
            self.warn(f"{dropped} of {len(keep)} points are not finite and were dropped.")
            positions, extra = positions[keep], {name: values[keep] for name, values in extra.items()}
            colors = None if colors is None else colors[keep]
        if len(positions):
            colors = None if colors is None else colors_u8(colors)
            self.clouds.append(Points(name, positions, colors, extra, Provenance()))

    def finish(self, nodes: list[MeshNode] | None = None) -> list[Asset]:
        """The mesh, if the file has one, and the point clouds. Raises BadFile where there is neither."""
        if self._outside:
            self.warn(f"{self._outside} faces point at vertices that do not exist and were dropped.")
        if self._infinite:
            lost = f", and {self._lost_faces} faces with them" if self._lost_faces else ""
            self.warn(f"{self._infinite} vertices are not finite and were dropped{lost}.")
        assets: list[Asset] = []
        if self.parts:
            assets.append(Mesh(self.path.stem, self.parts, nodes, self.materials, self.provenance))
        if not assets and not self.clouds:
            if self._seen_faces:
                raise BadFile(self.path, f"has {self._seen_faces} faces, but not one of them is sound")
            raise BadFile(self.path, "has no faces and no points")
        for cloud in self.clouds:
            cloud.provenance.warnings = list(self.provenance.warnings)
        return [*assets, *self.clouds]


@contextmanager
def plainly(path: Path, what: str) -> Iterator[None]:
    """Turns anything that a reader stumbles over in a hostile file into a BadFile that says so in one sentence."""
    try:
        yield
    except (TriptychError, MemoryError):
        raise
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    except Exception as error:
        raise BadFile(path, f"is damaged and cannot be read as {what}") from error


def fan(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Polygons as fans of triangles. `counts` (P,) corners each, listed one after the other.

    Returns the triangles as places in that list of corners (F,3) i64, and the polygon of each (F,) i64.
    """
    counts = np.asarray(counts, np.int64)
    starts = np.cumsum(counts) - counts
    triangles = np.maximum(counts - 2, 0)
    owner = np.repeat(np.arange(len(counts)), triangles)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    first = starts[owner]
    return np.stack([first, first + step + 1, first + step + 2], 1), owner


def join_corners(position: np.ndarray, others: Sequence[np.ndarray], vertex_count: int) -> tuple[np.ndarray, ...]:
    """Vertices for corners that name their position, uv and normal one by one.

    `position` and `others` are (C,) indices, -1 where a corner has none. Returns the vertex of each corner (C,), and
    for each vertex its index into each list, `position` first. Where a position never has two uvs or normals, the
    vertices are the positions as they are; else they are ordered by position.
    """
    tables = []
    for other in others:
        table = np.full(vertex_count, -1, np.int64)
        table[position] = other
        if not np.array_equal(table[position], other):
            break
        tables.append(table)
    else:
        return (position, np.arange(vertex_count), *tables)
    key = position
    for other in others:
        low, span = int(other.min()), int(other.max()) - int(other.min()) + 1
        # Renumbered in between, so that the product stays within 63 bits.
        _, key = np.unique(key * span + (other - low), return_inverse=True)
    _, first, corner = np.unique(key, return_index=True, return_inverse=True)
    return (corner, position[first], *(other[first] for other in others))


def colors_u8(colors: np.ndarray) -> np.ndarray:
    """Colours (N,3|4) as (N,4) u8. Floats are 0 … 1, or 0 … 255 where one lies above 2; wider integers fill their
    range."""
    colors = np.asarray(colors)
    if colors.dtype.kind == "f":
        colors = np.nan_to_num(colors, nan=0.0, posinf=0.0, neginf=0.0)
        # A little above one is still the range 0 … 1.
        scale = 1.0 if len(colors) and colors.max() > 2.0 else 255.0
        colors = np.clip(np.rint(colors * scale), 0, 255).astype(np.uint8)
    elif colors.dtype.itemsize > 1:
        wide = colors.dtype.itemsize == 2 and len(colors) and colors.max() > 255
        colors = np.clip(np.rint(colors / 257) if wide else colors, 0, 255).astype(np.uint8)
    else:
        colors = colors.astype(np.uint8)
    result = np.full((len(colors), 4), 255, np.uint8)
    result[:, : min(colors.shape[1], 4)] = colors[:, :4]
    return result


def _columns(array: np.ndarray, width: int) -> np.ndarray:
    """`array` (N, at least width) as f32, its first columns."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(np.asarray(array)[:, :width], np.float32)


def _normals(part: MeshPart, given: np.ndarray | None, shared: np.ndarray | None) -> np.ndarray:
    """The given normals at length one, and computed ones where there are none."""
    known = None if given is None else unit(given).astype(np.float32)
    if known is not None and known.any(1).all():
        return known
    if shared is None:
        computed = vertex_normals(part.vertices, part.faces)
    else:
        places = np.zeros((int(shared.max()) + 1, 3), np.float32)
        places[shared] = part.vertices
        computed = vertex_normals(places, shared[part.faces])[shared]
    return computed if known is None else filled(np.where(known.any(1)[:, None], known, computed))
