"""Wavefront .obj, with its .mtl and textures: objects and groups become parts, split by material."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..asset import Asset
from ..files.companions import Companions
from ..files.mtl import read_mtl, write_mtl
from ..files.obj_lines import ObjContent, read_obj
from ..mesh import Material, Mesh, MeshNode, MeshPart
from ..meshes.builder import MeshBuilder, RawPart, fan, join_corners, plainly
from ..meshes.exchange import world_part
from ..progress import Job, Progress
from . import Format, ReadOptions

_KEYWORDS = {
    b"v", b"vt", b"vn", b"vp", b"f", b"l", b"p", b"o", b"g", b"s", b"usemtl", b"mtllib", b"mg", b"lod", b"cstype",
    b"deg", b"surf", b"curv", b"parm", b"end", b"usemap", b"maplib", b"bevel", b"c_interp", b"d_interp",
}  # fmt: skip
_MOST_PARTS = 512
_ROWS = 100_000
"""How many lines are written between two yields."""


def _sniff(path: Path, head: bytes) -> int:
    if b"\0" in head or head.lstrip().startswith((b"<", b"{", b"version https://git-lfs")):
        return 0
    lines = [line.split(None, 1)[0] for line in head.splitlines()[:-1] or head.splitlines() if line.strip()]
    words = [word for word in lines if not word.startswith(b"#")]
    known = sum(word in _KEYWORDS for word in words)
    named = path.suffix.lower() == ".obj"
    if words and known >= 0.9 * len(words) and b"v" in words:
        return 70 if named else 60
    return 30 if named and (not words or known) else 0


def _load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    builder = MeshBuilder(path)
    with plainly(path, "OBJ"):
        yield Progress(0, 4, f"Reading {path.name}")
        content = read_obj(path)
        if not len(content.faces.counts):
            builder.add_points(path.stem, content.positions, content.colors)
            return builder.finish()
        yield Progress(1, 4, f"Reading the materials of {path.name}")
        materials = _materials(builder, content)
        yield Progress(2, 4, f"Building {path.name}")
        for raw in _raw_parts(path, content, materials):
            builder.add(raw)
            yield Progress(3, 4, f"Building {path.name}")
        nodes = [MeshNode(path.stem, parts=tuple(range(len(builder.parts))))]
        if len(builder.parts) > 1:
            nodes = [MeshNode(path.stem)]
            nodes += [MeshNode(part.name, 0, parts=(index,)) for index, part in enumerate(builder.parts)]
        return builder.finish(nodes)


def _materials(builder: MeshBuilder, content: ObjContent) -> dict[str, int]:
    """The index of every material that a face uses, read from the libraries or, where it is missing, plain."""
    companions = Companions(builder.path, builder.warn)
    known: dict[str, Material] = {}
    for library in dict.fromkeys(name for _, keyword, name in content.names if keyword == "mtllib"):
        # Several names may follow, and a name may hold blanks.
        whole = (companions.folder / library.replace("\\", "/")).is_file()
        for name in [library] if whole or len(library.split()) < 2 else library.split():
            known = read_mtl(name, companions) | known
    used = dict.fromkeys(name for _, keyword, name in content.names if keyword == "usemtl" and name)
    builder.materials.extend(known.get(name) or Material(name=name) for name in used)
    return {name: index for index, name in enumerate(used)}


def _raw_parts(path: Path, content: ObjContent, materials: dict[str, int]) -> Iterator[RawPart]:
    faces = content.faces
    labels, groups = _labels(path, content)
    material_names, material_of = _current(content, "usemtl", "")
    if len(np.unique(groups * len(material_names) + material_of)) > _MOST_PARTS:
        labels, groups = [path.stem], np.zeros_like(groups)
    triangles, owner = fan(faces.counts)
    key = (groups * len(material_names) + material_of)[owner]
    unique, first = np.unique(key, return_index=True)
    for value in unique[np.argsort(first)].tolist():
        chosen = triangles[key == value] if len(unique) > 1 else triangles
        label, material = labels[value // len(material_names)], material_names[value % len(material_names)]
        yield _raw_part(content, chosen.reshape(-1), label, materials.get(material, -1), len(unique) == 1)


def _labels(path: Path, content: ObjContent) -> tuple[list[str], np.ndarray]:
    keyword = "o" if any(entry == "o" for _, entry, _ in content.names) else "g"
    labels, groups = _current(content, keyword, path.stem)
    return labels, groups


def _current(content: ObjContent, keyword: str, default: str) -> tuple[list[str], np.ndarray]:
    """The different names that a keyword gives, and for each face which of them holds there."""
    lines = [line for line, entry, _ in content.names if entry == keyword]
    names = [default] + [name or default for _, entry, name in content.names if entry == keyword]
    different = list(dict.fromkeys(names))
    number = {name: index for index, name in enumerate(different)}
    which = np.array([number[name] for name in names])
    return different, which[np.searchsorted(np.array(lines, np.int64), content.faces.line)]


def _raw_part(content: ObjContent, corners: np.ndarray, name: str, material: int, alone: bool) -> RawPart:
    """The part made of the triangles whose corners are given, three after three."""
    v, t, n = (column[corners] for column in (content.faces.v, content.faces.t, content.faces.n))
    count = len(content.positions)
    sound = ((v >= 0) & (v < count)).reshape(-1, 3).all(1)
    broken = int((~sound).sum())
    if broken:
        v, t, n = (column.reshape(-1, 3)[sound].reshape(-1) for column in (v, t, n))
    places = np.arange(count)
    if not alone:
        places, v = np.unique(v, return_inverse=True)
    corner, place, uv, normal = join_corners(v, [t, n], len(places)) if len(v) else (v, places, places, places)
    where = places[place]
    lost = np.full(3 * broken, -1)
    raw = RawPart(name, content.positions[where], np.concatenate([corner, lost]), material=material, shared=where)
    raw.colors = None if content.colors is None else content.colors[where]
    if len(v) and t.max() >= 0:
        raw.uv = np.where(uv[:, None] >= 0, content.uvs[uv, :2], 0.0)
    if len(v) and n.max() >= 0:
        raw.normals = np.where(normal[:, None] >= 0, content.normals[normal, :3], 0.0)
    return raw


def _save(mesh: Mesh, path: Path) -> Job[None]:
    """In world space, one object for each placed part; materials in an .mtl and textures as .png beside it."""
    placed = mesh.instances()
    names = _unique_names(["_".join(material.name.split()) or "material" for material in mesh.materials])
    labels = _unique_names([_line(part.name) or "part" for part, _ in placed])
    if mesh.materials:
        library = list(zip(names, mesh.materials, strict=True))
        write_mtl(library, path.with_suffix(".mtl"), lambda role: path.with_name(f"{path.stem}_{role}.png"))
    count = [1, 1]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("# made by Triptych\n")
        if mesh.materials:
            file.write(f"mtllib {path.with_suffix('.mtl').name}\n")
        for done, (part, matrix) in enumerate(placed):
            material = names[part.material] if part.material >= 0 else None
            world, faces = world_part(mesh, part, matrix)
            file.write(f"o {labels[done]}\n" + (f"usemtl {material}\n" if material else ""))
            for block in _object_text(world, faces, count):
                file.write(block)
                yield Progress(done, len(placed), f"Writing {path.name}")


def _object_text(part: MeshPart, faces: np.ndarray, count: list[int]) -> Iterator[str]:
    """A part as text, in pieces. `count` holds the next index of a vertex and of a uv, and moves on."""
    vertices, layout = part.vertices.astype(np.float64), "v %.9g %.9g %.9g\n"
    if part.colors is not None:
        vertices = np.concatenate([vertices, part.colors[:, :3] / 255.0], 1)
        layout = "v %.9g %.9g %.9g %.6g %.6g %.6g\n"
    yield from _rows(layout, vertices)
    if part.uv is not None:
        yield from _rows("vt %.9g %.9g\n", part.uv)
    yield from _rows("vn %.9g %.9g %.9g\n", part.normals)
    v = faces.astype(np.int64) + count[0]
    if part.uv is None:
        yield from _rows("f %d//%d %d//%d %d//%d\n", np.repeat(v, 2, axis=1))
    else:
        t = faces.astype(np.int64) + count[1]
        corners = np.stack([v, t, v], 2).reshape(-1, 9)
        yield from _rows("f %d/%d/%d %d/%d/%d %d/%d/%d\n", corners)
        count[1] += len(part.vertices)
    count[0] += len(part.vertices)


def _rows(layout: str, rows: np.ndarray) -> Iterator[str]:
    for start in range(0, len(rows), _ROWS):
        piece = rows[start : start + _ROWS]
        yield (layout * len(piece)) % tuple(piece.reshape(-1).tolist())


def _unique_names(names: list[str]) -> list[str]:
    """The names with a number behind those that are taken."""
    taken: dict[str, int] = {}
    result: list[str] = []
    for name in names:
        unique = name
        while unique in taken:
            taken[name] += 1
            unique = f"{name}_{taken[name]}"
        taken[unique] = 1
        result.append(unique)
    return result


def _line(text: str) -> str:
    return " ".join(text.split())


FORMAT = Format("Wavefront OBJ", (".obj",), ("mesh", "points"), _sniff, _load, _save, writes=("mesh",))
