"""OFF, the text format of Geomview: polygons, with colours (COFF) and normals (NOFF) at the vertices."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..asset import Asset
from ..errors import BadFile
from ..meshes.builder import MeshBuilder, RawPart, colors_u8, fan, plainly
from ..progress import Job, Progress
from . import Format, ReadOptions

_MAGIC = re.compile(rb"\A\s*(?:#[^\n]*\n\s*)*(ST)?(C)?(N)?OFF\b[ \t]*(BINARY)?")


def _sniff(path: Path, head: bytes) -> int:
    return 85 if _MAGIC.match(head) else 0


def _load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    builder = MeshBuilder(path)
    with plainly(path, "OFF"):
        yield Progress(0, 3, f"Reading {path.name}")
        data = path.read_bytes()
        magic = _MAGIC.match(data)
        if magic is None or magic[4]:
            raise BadFile(path, "is a binary OFF file; only text is read")
        lines = [line for line in (row.partition(b"#")[0].strip() for row in data[magic.end() :].splitlines()) if line]
        vertex_count, face_count = _counts(path, lines)
        yield Progress(1, 3, f"Reading the vertices of {path.name}")
        vertices = _table(path, lines[1 : 1 + vertex_count], vertex_count, "vertices")
        yield Progress(2, 3, f"Reading the faces of {path.name}")
        raw = _part(path, vertices, bool(magic[2]), bool(magic[3]), lines[1 + vertex_count :][:face_count], face_count)
        builder.add(raw)
        return builder.finish()


def _counts(path: Path, lines: list[bytes]) -> tuple[int, int]:
    try:
        vertices, faces = (int(word) for word in lines[0].split()[:2])
    except (IndexError, ValueError):
        raise BadFile(path, "does not say how many vertices and faces it has") from None
    if vertices < 0 or faces < 0:
        raise BadFile(path, f"claims to have {vertices} vertices and {faces} faces")
    return vertices, faces


def _table(path: Path, lines: list[bytes], count: int, what: str) -> np.ndarray:
    """Lines of equally many numbers, (count, k) f64."""
    if len(lines) < count:
        raise BadFile(path, f"ends after {len(lines)} of {count} {what}")
    values = _numbers(path, lines)
    if not count or len(values) % count or len(values) // count < 3:
        raise BadFile(path, f"is damaged (its {what} differ in their number of columns)" if count else f"has no {what}")
    return values.reshape(count, -1)


def _numbers(path: Path, lines: list[bytes]) -> np.ndarray:
    try:
        return np.fromstring(b" ".join(lines), np.float64, sep=" ") if lines else np.empty(0)
    except ValueError:
        raise BadFile(path, "has something among its numbers that is no number") from None


def _part(path: Path, table: np.ndarray, colored: bool, normals: bool, lines: list[bytes], faces: int) -> RawPart:
    if len(lines) < faces:
        raise BadFile(path, f"ends after {len(lines)} of {faces} faces")
    counts, corners, colors = _faces(path, lines)
    triangles, owner = fan(counts)
    raw = RawPart(path.stem, table[:, :3], corners[triangles])
    width = 3
    if normals and table.shape[1] >= 6:
        raw.normals, width = table[:, 3:6], 6
    if table.shape[1] >= width + 3 and (colored or table.shape[1] in (width + 3, width + 4)):
        raw.colors = _ranged(table[:, width : width + 4])
    elif colors is not None and corners.size and corners.min() >= 0 and corners.max() < len(table):
        flat = raw.faces.reshape(-1)
        raw = RawPart(path.stem, table[flat, :3], np.arange(len(flat)), shared=flat)
        raw.colors = np.repeat(_ranged(colors)[owner], 3, axis=0)
    return raw


def _faces(path: Path, lines: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Corners of each polygon, all their vertices in a row, and the colours of the polygons if all have one."""
    values = _numbers(path, lines)
    with np.errstate(invalid="ignore"):
        if len(lines) and len(values) == 4 * len(lines) and (values[::4] == 3).all():
            return np.full(len(lines), 3), values.reshape(-1, 4)[:, 1:].astype(np.int64).reshape(-1), None
    counts, corners, colors = [], [], []
    for number, line in enumerate(lines):
        words = line.split()
        try:
            count = int(words[0])
            row = [int(word) for word in words[1 : 1 + count]]
        except ValueError:
            count, row = -1, []
        if count < 0 or len(row) < count:
            raise BadFile(path, f"is damaged (face {number + 1} is {line[:40].decode('latin-1')!r})")
        counts.append(count)
        corners.extend(row)
        if len(words) - 1 - count >= 3:
            colors.append([float(word) for word in words[1 + count : 4 + count]])
    given = len(colors) == len(lines) and len(lines) > 0
    return np.array(counts, np.int64), np.array(corners, np.int64), np.array(colors) if given else None


def _ranged(colors: np.ndarray) -> np.ndarray:
    """Colours 0 … 1 or 0 … 255 as u8; whole numbers above 1 tell which."""
    return colors_u8(colors if colors[:, :3].max(initial=0) <= 1 else np.rint(np.nan_to_num(colors)).astype(np.int32))


FORMAT = Format("OFF", (".off", ".coff", ".noff"), ("mesh",), _sniff, _load)
