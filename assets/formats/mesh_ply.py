"""Meshes in .ply: vertices and faces, with normals, colours, texture coordinates per vertex or per corner."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..asset import Asset
from ..errors import BadFile
from ..files.companions import Companions
from ..files.images import encode_png
from ..files.ply import (
    PlyHeader,
    PlyLists,
    looks_compressed,
    looks_like_gaussians,
    read_header,
    read_tables,
    sniff_header,
)
from ..mesh import Material, Mesh
from ..meshes.builder import MeshBuilder, RawPart, colors_u8, fan, join_corners, plainly
from ..meshes.exchange import placed_geometry
from ..meshes.surface_samples import vertex_colors
from ..progress import Job, Progress
from . import Format, ReadOptions

_UV_NAMES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
_INDEX_NAMES = ("vertex_indices", "vertex_index")


def _sniff(path: Path, head: bytes) -> int:
    if not head.startswith(b"ply") or head[3:4] not in (b"\n", b"\r", b" ", b"\t"):
        return 0
    header = sniff_header(head)
    if header is None or looks_compressed(header):
        return 10  # `load` says what is wrong with it
    if looks_like_gaussians(header):
        return 0
    return 90 if header.count("face") or header.count("tristrips") else 0


def _load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    builder = MeshBuilder(path)
    with plainly(path, "a .ply mesh"):
        header = read_header(path)
        if looks_compressed(header):
            raise BadFile(path, "holds compressed splats (PlayCanvas .ply), which are not read")
        yield Progress(0, 3, f"Reading {path.name}")
        vertex = header.element("vertex")
        if vertex is None or not {"x", "y", "z"} <= set(vertex.names):
            raise BadFile(path, "has no vertices")
        faces = "face" if header.count("face") else "tristrips"
        tables = read_tables(path, header, ("vertex", faces))
        vertices = {name: column for name, column in tables["vertex"].items() if isinstance(column, np.ndarray)}
        yield Progress(1, 3, f"Building {path.name}")
        if faces == "face":
            raw = _with_faces(path, vertices, tables["face"])
        else:
            raw = RawPart(path.stem, _stacked(vertices, "xyz"), _strips(path, tables["tristrips"]))
            _dress(raw, vertices, np.arange(len(raw.vertices)))
        yield Progress(2, 3, f"Checking {path.name}")
        _find_texture(builder, raw, header)
        builder.add(raw)
        return builder.finish()


def _with_faces(path: Path, vertices: dict[str, np.ndarray], faces: dict[str, np.ndarray | PlyLists]) -> RawPart:
    lists = next((faces[name] for name in _INDEX_NAMES if isinstance(faces.get(name), PlyLists)), None)
    if lists is None:
        raise BadFile(path, "has faces without vertex indices")
    corners, owner = fan(lists.counts)
    positions = _stacked(vertices, "xyz")
    indices = lists.values.astype(np.int64)
    sound = ((indices >= 0) & (indices < len(positions)))[corners].all(1)
    raw = RawPart(path.stem, positions, indices[corners])
    wedge = faces.get("texcoord")
    face_colors = _colors(faces)
    if isinstance(wedge, PlyLists) and np.array_equal(wedge.counts, 2 * lists.counts) and sound.all():
        return _with_wedges(raw, vertices, wedge.values.reshape(-1, 2), corners)
    if face_colors is not None and _colors(vertices) is None and sound.all():
        flat = raw.faces.reshape(-1)
        raw = RawPart(path.stem, positions[flat], np.arange(len(flat)), shared=flat)
        _dress(raw, vertices, flat)
        raw.colors = np.repeat(colors_u8(face_colors)[owner], 3, axis=0)
        return raw
    _dress(raw, vertices, np.arange(len(positions)))
    return raw


def _with_wedges(raw: RawPart, vertices: dict[str, np.ndarray], wedges: np.ndarray, corners: np.ndarray) -> RawPart:
    """`raw` with a vertex for every different uv that the corners at a position have."""
    values, which = np.unique(wedges, axis=0, return_inverse=True)
    which = which.reshape(-1)[corners].reshape(-1)
    corner, place, uv = join_corners(raw.faces.reshape(-1), [which], len(raw.vertices))
    joined = RawPart(raw.name, raw.vertices[place], corner, shared=place)
    _dress(joined, vertices, place)
    joined.uv = np.where(uv[:, None] >= 0, values[uv], 0.0)
    return joined


def _dress(raw: RawPart, vertices: dict[str, np.ndarray], rows: np.ndarray) -> None:
    """Gives `raw` the normals, uv and colours in `rows` of the vertex columns."""
    if {"nx", "ny", "nz"} <= set(vertices):
        raw.normals = _stacked(vertices, ("nx", "ny", "nz"))[rows]
    uv = next((names for names in _UV_NAMES if set(names) <= set(vertices)), None)
    if uv:
        raw.uv = _stacked(vertices, uv)[rows]
    colors = _colors(vertices)
    if colors is not None:
        raw.colors = colors[rows]


def _colors(columns: dict[str, np.ndarray | PlyLists]) -> np.ndarray | None:
    """The colours in red, green, blue and, if there, alpha: in their own type, (N,3|4)."""
    for prefix in ("", "diffuse_"):
        names = [prefix + name for name in ("red", "green", "blue", "alpha")]
        if all(isinstance(columns.get(name), np.ndarray) for name in names[:3]):
            return _stacked(columns, names[: 4 if isinstance(columns.get(names[3]), np.ndarray) else 3])
    return None


def _stacked(columns: dict, names: tuple[str, ...] | list[str] | str) -> np.ndarray:
    return np.stack([columns[name] for name in names], 1)


def _strips(path: Path, table: dict[str, np.ndarray | PlyLists]) -> np.ndarray:
    """The triangles of the element `tristrips`: lists of vertices in which −1 begins a new strip."""
    column = next(iter(table.values()))
    if not isinstance(column, PlyLists):
        raise BadFile(path, "has triangle strips without vertex indices")
    strip = column.values.astype(np.int64)
    if len(strip) < 3:
        return np.empty((0, 3), np.int64)
    ends = np.cumsum(column.counts)[:-1]
    strip = np.insert(strip, ends, -1)
    place = np.arange(len(strip))
    start = np.maximum.accumulate(np.where(strip < 0, place + 1, 0))
    triangles = np.stack([strip[:-2], strip[1:-1], strip[2:]], 1)
    odd = ((place - start)[:-2] % 2 == 1)[:, None]
    triangles = np.where(odd, triangles[:, [0, 2, 1]], triangles)
    a, b, c = triangles.T
    return triangles[(triangles >= 0).all(1) & (a != b) & (b != c) & (c != a)]


def _find_texture(builder: MeshBuilder, raw: RawPart, header: PlyHeader) -> None:
    """The picture that MeshLab's comment `TextureFile` names."""
    names = [comment[11:].strip() for comment in header.comments if comment.lower().startswith("texturefile")]
    if raw.uv is None or not names:
        return
    image = Companions(builder.path, builder.warn).picture_at(names[0])
    if len(names) > 1:
        builder.warn(f"Only the first of {len(names)} textures is shown.")
    if image is not None:
        builder.materials.append(Material(name=Path(names[0]).stem, base_color_texture=image))
        raw.material = 0


def _save(mesh: Mesh, path: Path) -> Job[None]:
    """Binary little endian, in world space. One texture lies beside the file; several become vertex colours."""
    yield Progress(0, 2, f"Writing {path.name}")
    vertices, faces, normals = placed_geometry(mesh)
    placed = [part for part, _ in mesh.instances()]
    pictures = {id(t): t for m in _materials(mesh) for t in [m.base_color_texture] if t is not None}
    columns = {name: vertices[:, axis].astype("<f4") for axis, name in enumerate("xyz")}
    columns |= {f"n{name}": normals[:, axis].astype("<f4") for axis, name in enumerate("xyz")}
    comments = ["comment made by Triptych"]
    if all(part.uv is not None for part in placed):
        columns |= {
            name: np.concatenate([part.uv[:, i] for part in placed]).astype("<f4") for i, name in enumerate("st")
        }
        if len(pictures) == 1:
            texture = path.with_name(f"{path.stem}.png")
            texture.write_bytes(encode_png(next(iter(pictures.values()))))
            comments.append(f"comment TextureFile {texture.name}")
    textured = len(comments) > 1
    if any(part.colors is not None for part in placed) or not _plain(mesh, textured):
        colors = np.concatenate([vertex_colors(mesh, part, textures=not textured) for part in placed])
        columns |= {name: colors[:, i] for i, name in enumerate(("red", "green", "blue", "alpha"))}
    yield Progress(1, 2, f"Writing {path.name}")
    with path.open("wb") as file:
        file.write(_header(columns, len(vertices), len(faces), comments))
        file.write(np.rec.fromarrays(list(columns.values()), names=list(columns)).tobytes())
        rows = np.empty(len(faces), [("n", "u1"), ("v", "<i4", 3)])
        rows["n"], rows["v"] = 3, faces
        file.write(rows.tobytes())


def _header(columns: dict[str, np.ndarray], vertices: int, faces: int, comments: list[str]) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", *comments, f"element vertex {vertices}"]
    lines += [f"property {'uchar' if c.dtype == np.uint8 else 'float'} {name}" for name, c in columns.items()]
    lines += [f"element face {faces}", "property list uchar int vertex_indices", "end_header", ""]
    return "\n".join(lines).encode()


def _materials(mesh: Mesh) -> list[Material]:
    return [mesh.materials[part.material] for part, _ in mesh.instances() if part.material >= 0]


def _plain(mesh: Mesh, textured: bool) -> bool:
    """Whether the materials say nothing that vertex colours would have to carry."""
    return all(
        material.base_color == (1.0, 1.0, 1.0, 1.0) and (textured or material.base_color_texture is None)
        for material in _materials(mesh)
    )


FORMAT = Format("PLY mesh", (".ply",), ("mesh",), _sniff, _load, _save, writes=("mesh",))
