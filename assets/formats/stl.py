"""STL, binary and text: triangles with a normal each and no shared vertices. The file's flat normals are kept."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..asset import Asset
from ..errors import BadFile
from ..mesh import Mesh, MeshNode
from ..meshes.builder import MeshBuilder, RawPart, plainly
from ..meshes.exchange import placed_geometry
from ..meshes.normals import face_normals, unit
from ..progress import Job, Progress
from . import Format, ReadOptions

_ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 84
_WORDS = (b"facet normal", b"outer loop", b"vertex", b"endloop", b"endfacet")
_NUMBERS = rb"\s+(\S+)\s+(\S+)\s+(\S+)"


def _sniff(path: Path, head: bytes) -> int:
    if _is_text(head):
        return 85
    named = path.suffix.lower() in (".stl", ".stla", ".stlb")
    size = path.stat().st_size
    if len(head) >= _HEADER_BYTES:
        count = int.from_bytes(head[80:84], "little")
        if size == _HEADER_BYTES + _ROW.itemsize * count:
            return 90 if count and named else 60 if count else 30 if named else 0
    # Damaged, or with something behind the triangles: `load` tells.
    return 20 if named and not _is_markup(head) and b"\0" in head else 0


def _is_text(head: bytes) -> bool:
    start = head.lstrip()[:5].lower()
    return start == b"solid" and b"\0" not in head and (b"facet" in head.lower() or b"endsolid" in head.lower())


def _is_markup(head: bytes) -> bool:
    return head.lstrip().startswith((b"<", b"{", b"version https://git-lfs", b"PK\x03\x04", b"\x80"))


def _load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    builder = MeshBuilder(path)
    with plainly(path, "STL"):
        with path.open("rb") as file:
            head = file.read(65536)
        if _is_text(head):
            yield from _read_text(path, builder)
        else:
            yield from _read_binary(path, builder, head)
        return builder.finish([MeshNode(path.stem, parts=tuple(range(len(builder.parts))))])


def _read_binary(path: Path, builder: MeshBuilder, head: bytes) -> Job[None]:
    size = path.stat().st_size
    if size < _HEADER_BYTES:
        raise BadFile(path, f"ends after {size} bytes, within its header")
    count, fitting = int.from_bytes(head[80:84], "little"), (size - _HEADER_BYTES) // _ROW.itemsize
    if count > fitting:
        raise BadFile(path, f"ends after {fitting} of {count} triangles")
    if not count:
        raise BadFile(path, "has no faces and no points")
    yield Progress(0, 2, f"Reading {path.name}")
    rows = np.fromfile(path, _ROW, count, offset=_HEADER_BYTES)
    yield Progress(1, 2, f"Checking {path.name}")
    _add(builder, path.stem, rows["corners"].reshape(-1, 3), rows["normal"])


def _read_text(path: Path, builder: MeshBuilder) -> Job[None]:
    """One part for each `solid`, which is found before it is read, since a file may hold thousands."""
    text = path.read_bytes()
    starts = [match.start() for match in re.finditer(rb"(?mi)^[ \t]*solid\b", text)]
    if not re.search(rb"(?i)\bendsolid\b", text[-2000:]):
        builder.warn("The text ends without 'endsolid'; the file may be incomplete.")
    for number, start in enumerate(starts):
        yield Progress(start, len(text), f"Reading {path.name}")
        block = text[start : starts[number + 1] if number + 1 < len(starts) else len(text)]
        first, _, rest = block.partition(b"\n")
        name = first.strip()[5:].strip().decode("utf-8", "replace")[:100] or path.stem
        corners, normals = _facets(path, rest)
        if len(normals):
            _add(builder, name, corners, normals)


def _facets(path: Path, text: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The corners (3 F,3) and normals (F,3) of the facets in `text`, f64."""
    if b"facet normal" not in text:
        text = text.lower()
    if b"nan(" in text:  # as some C libraries print it
        text = re.sub(rb"-?nan\(\w*\)", b"nan", text)
    count = text.count(b"facet normal")
    bare = text[: text.rfind(b"endsolid")] if b"endsolid" in text else text
    for word in _WORDS:
        bare = bare.replace(word, b"")
    try:
        values = np.fromstring(bare, np.float64, sep=" ") if bare.strip() else np.empty(0)
    except ValueError:
        values = np.empty(0)
    if count and len(values) == 12 * count:
        rows = values.reshape(count, 4, 3)
        return rows[:, 1:].reshape(-1, 3), rows[:, 0]
    # Unusual spaces, or damage: looked at number by number, which takes ten times as long.
    corners, normals = _numbers(path, rb"\bvertex" + _NUMBERS, text), _numbers(path, rb"\bnormal" + _NUMBERS, text)
    whole = len(corners) // 3
    if len(corners) % 3 or len(re.findall(rb"\bfacet\b", text)) != whole:
        raise BadFile(path, f"is damaged or incomplete (its triangle {whole + 1} has no three corners)")
    return corners, normals if len(normals) == whole else np.zeros((whole, 3))


def _numbers(path: Path, pattern: bytes, text: bytes) -> np.ndarray:
    """The three numbers behind each match, (N,3) f64."""
    found = [word for match in re.findall(pattern, text) for word in match]
    try:
        return np.array(found, "S64").astype(np.float64).reshape(-1, 3)
    except ValueError:
        raise BadFile(path, "has something among its numbers that is no number") from None


def _add(builder: MeshBuilder, name: str, corners: np.ndarray, normals: np.ndarray) -> None:
    faces = np.arange(len(corners)).reshape(-1, 3)
    with np.errstate(invalid="ignore", over="ignore"):
        given = unit(np.nan_to_num(normals.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0))
    missing = ~given.any(1)
    if missing.any():
        given[missing] = face_normals(np.asarray(corners), faces[missing])
    builder.add(RawPart(name, corners, faces, np.repeat(given, 3, axis=0)))


def _save(mesh: Mesh, path: Path) -> Job[None]:
    """Binary, in world space."""
    yield Progress(0, 1, f"Writing {path.name}")
    vertices, faces, _ = placed_geometry(mesh)
    rows = np.zeros(len(faces), _ROW)
    rows["normal"], rows["corners"] = face_normals(vertices, faces), vertices[faces]
    with path.open("wb") as file:
        file.write(b"made by Triptych".ljust(80) + len(faces).to_bytes(4, "little"))
        file.write(rows.tobytes())


FORMAT = Format("STL", (".stl",), ("mesh",), _sniff, _load, _save, writes=("mesh",))
