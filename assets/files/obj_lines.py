"""The lines of a Wavefront .obj as arrays.

A large .obj is hundreds of megabytes of short lines, far too many for a loop. So the file is taken as one array of
bytes: where the lines begin, which keyword stands there and how many words each line has are found for all lines at
once; then all lines of one keyword are cut out, stripped of letters and slashes, and read as one long row of numbers.
Only lines that name things (o, g, usemtl, mtllib) and faces of an unusual form are looked at one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import BadFile

_NEWLINE, _SLASH = 10, 47
_VERTEX, _UV, _NORMAL, _FACE, _NAME = 1, 2, 3, 4, 5
_NAMES = {b"o": "o", b"g": "g", b"usemtl": "usemtl", b"mtllib": "mtllib"}


@dataclass
class ObjFaces:
    """All faces in their order. counts (P,): corners of each; v, t, n (C,): index of position, uv and normal of each
    corner from 0, −1 where there is none or it is out of the list; line (P,): where in the file the face stands."""

    counts: np.ndarray
    v: np.ndarray
    t: np.ndarray
    n: np.ndarray
    line: np.ndarray


@dataclass
class ObjContent:
    """What the file holds: positions (V,3), colors (V,3|4) or None, uvs (T,2), normals (N,3), all f64; `names` are
    the naming lines as (line, keyword, name)."""

    positions: np.ndarray
    colors: np.ndarray | None
    uvs: np.ndarray
    normals: np.ndarray
    faces: ObjFaces
    names: list[tuple[int, str, str]] = field(default_factory=list)


def read_obj(path: Path) -> ObjContent:
    """Reads the file. Raises BadFile with the line where something is no number or is missing."""
    lines = _Lines(path, _clean(path.read_bytes()))
    vertices = lines.table(_VERTEX, 3)
    uvs, normals = lines.table(_UV, 2, least=1), lines.table(_NORMAL, 3)
    colors = vertices[:, 3:7] if vertices.shape[1] in (6, 7) else None
    return ObjContent(vertices[:, :3], colors, uvs, normals, lines.faces(), lines.names())


def _clean(data: bytes) -> bytes:
    """With one kind of line end, continued lines joined, and comments behind numbers gone."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\\\n" in data:
        data = data.replace(b"\\\n", b" ")
    if _has_late_comment(data):
        data = re.sub(rb"(?m)^([ \t]*[vf][^\n#]*)#[^\n]*", rb"\1", data)
    return data if data.endswith(b"\n") else data + b"\n"


def _has_late_comment(data: bytes) -> bool:
    """Whether a comment stands behind something else in its line."""
    place = data.find(b"#")
    while place >= 0:
        if data[data.rfind(b"\n", 0, place) + 1 : place].strip():
            return True
        end = data.find(b"\n", place)
        place = data.find(b"#", end) if end >= 0 else -1
    return False


class _Lines:
    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data = path, data
        self.bytes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(self.bytes == _NEWLINE)
        self.starts = np.concatenate([[0], ends[:-1] + 1])
        self.ends = ends + 1
        self.kinds = self._classify()
        blank = self.bytes <= 32
        begins = ~blank
        begins[1:] &= blank[:-1]
        self.words = self._per_line(begins)

    def _per_line(self, marks: np.ndarray) -> np.ndarray:
        """How many of the marked bytes each line has: (lines,) i64. Several times as fast as `np.add.reduceat`."""
        places = np.searchsorted(np.flatnonzero(marks), np.append(self.starts, len(self.bytes)))
        return np.diff(places)

    def _classify(self) -> np.ndarray:
        """The kind of each line, by its first letters."""
        first = self.starts.copy()
        while (indented := np.isin(self.bytes[first], (9, 32))).any():
            first[indented] += 1
        padded = np.concatenate([self.bytes, np.full(2, 32, np.uint8)])
        a, b, c = padded[first], padded[first + 1], padded[first + 2]
        kinds = np.zeros(len(first), np.uint8)
        is_v, ends_b, ends_c = a == ord("v"), b <= 32, c <= 32
        kinds[is_v & ends_b] = _VERTEX
        kinds[is_v & (b == ord("t")) & ends_c] = _UV
        kinds[is_v & (b == ord("n")) & ends_c] = _NORMAL
        kinds[(a == ord("f")) & ends_b] = _FACE
        kinds[((a == ord("o")) | (a == ord("g"))) & ends_b] = _NAME
        kinds[((a == ord("u")) & (b == ord("s"))) | ((a == ord("m")) & (b == ord("t")))] = _NAME
        return kinds

    def _text(self, lines: np.ndarray) -> bytes:
        """The given lines, one after the other; neighbours are cut out together."""
        if not len(lines):
            return b""
        breaks = np.flatnonzero(np.diff(lines) != 1)
        firsts = self.starts[lines[np.concatenate([[0], breaks + 1])]].tolist()
        lasts = self.ends[lines[np.concatenate([breaks, [len(lines) - 1]])]].tolist()
        return b"".join([self.data[first:last] for first, last in zip(firsts, lasts, strict=True)])

    def _fail(self, line: int) -> BadFile:
        shown = self.data[self.starts[line] : self.ends[line]].strip()[:40].decode("latin-1")
        return BadFile(self.path, f"is damaged (line {line + 1} is {shown!r})")

    def table(self, kind: int, width: int, least: int = 0) -> np.ndarray:
        """The numbers of all lines of a kind: (lines, at least `width`) f64; missing ones, where allowed, are 0."""
        lines = np.flatnonzero(self.kinds == kind)
        if not len(lines):
            return np.empty((0, width))
        counts = self.words[lines] - 1
        short = counts < (least or width)
        if short.any():
            raise self._fail(int(lines[np.argmax(short)]))
        letters = {_VERTEX: b"v", _UV: b"vt", _NORMAL: b"vn"}[kind]
        text = self._text(lines).replace(letters, b" ")
        try:
            values = np.fromstring(text, np.float64, sep=" ")
        except ValueError:
            raise self._first_without_numbers(lines) from None
        if len(values) != counts.sum():
            raise self._first_without_numbers(lines)
        if (counts == counts[0]).all() and counts[0] >= width:
            return values.reshape(len(lines), -1)
        # Lines of different lengths: as many columns as all of them have.
        result = np.zeros((len(lines), width))
        offsets = np.cumsum(counts) - counts
        for column in range(width):
            there = counts > column
            result[there, column] = values[offsets[there] + column]
        return result

    def _first_without_numbers(self, lines: np.ndarray) -> BadFile:
        for line in lines.tolist():
            try:
                [float(word) for word in self.data[self.starts[line] : self.ends[line]].split()[1:]]
            except ValueError:
                return self._fail(line)
        return BadFile(self.path, "has something among its numbers that is no number")

    def faces(self) -> ObjFaces:
        """All faces, with indices from 0."""
        lines = np.flatnonzero(self.kinds == _FACE)
        counts = np.maximum(self.words[lines] - 1, 0)
        corners = np.zeros((int(counts.sum()), 3), np.int64)
        if len(lines):
            offsets = np.cumsum(counts) - counts
            patterns = self._patterns(lines, counts)
            for pattern in np.unique(patterns).tolist():
                chosen = patterns == pattern
                values = self._corners(lines[chosen], counts[chosen], pattern)
                inner = np.arange(len(values)) - np.repeat(np.cumsum(counts[chosen]) - counts[chosen], counts[chosen])
                corners[np.repeat(offsets[chosen], counts[chosen]) + inner] = values
        columns = []
        for axis, kind in enumerate((_VERTEX, _UV, _NORMAL)):
            of_kind = np.flatnonzero(self.kinds == kind)
            columns.append(_from_zero(corners[:, axis], lines, counts, of_kind, is_position=axis == 0))
        return ObjFaces(counts, *columns, lines)

    def _patterns(self, lines: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """How the corners of each face are written: 0 v, 1 v/t, 2 v/t/n, 3 v//n, 4 anything else."""
        slash = self.bytes == _SLASH
        double = slash.copy()
        double[:-1] &= slash[1:]
        double[-1:] = False
        slashes, doubles = self._per_line(slash)[lines], self._per_line(double)[lines]
        patterns = np.full(len(lines), 4)
        patterns[slashes == 0] = 0
        patterns[(slashes == counts) & (doubles == 0) & (slashes > 0)] = 1
        patterns[(slashes == 2 * counts) & (doubles == 0) & (slashes > 0)] = 2
        patterns[(slashes == 2 * counts) & (doubles == counts) & (slashes > 0)] = 3
        return patterns

    def _corners(self, lines: np.ndarray, counts: np.ndarray, pattern: int) -> np.ndarray:
        """The corners of faces of one pattern, (C,3): v, t, n as written, 0 where not written."""
        filled = {0: (0,), 1: (0, 1), 2: (0, 1, 2), 3: (0, 2)}.get(pattern)
        if filled:
            text = self._text(lines).translate(bytes.maketrans(b"/f", b"  "))
            try:
                values = np.fromstring(text, np.int64, sep=" ") if text.strip() else np.empty(0, np.int64)
            except ValueError:
                values = np.empty(0, np.int64)
            if len(values) == len(filled) * counts.sum():
                result = np.zeros((int(counts.sum()), 3), np.int64)
                result[:, filled] = values.reshape(-1, len(filled))
                return result
        return np.array([corner for line in lines.tolist() for corner in self._corners_of(line)], np.int64).reshape(
            -1, 3
        )

    def _corners_of(self, line: int) -> list[tuple[int, ...]]:
        """The corners of one face, word by word."""
        result = []
        for word in self.data[self.starts[line] : self.ends[line]].split()[1:]:
            fields = [*word.split(b"/"), b"", b""][:3]
            try:
                result.append(tuple(int(entry) if entry else 0 for entry in fields))
            except ValueError:
                raise self._fail(line) from None
        return result

    def names(self) -> list[tuple[int, str, str]]:
        """The lines that name things, in their order."""
        found = []
        for line in np.flatnonzero(self.kinds == _NAME).tolist():
            text = self.data[self.starts[line] : self.ends[line]].strip()
            keyword, _, name = text.replace(b"\t", b" ").partition(b" ")
            if keyword in _NAMES:
                found.append((line, _NAMES[keyword], name.strip().decode("utf-8", "replace")))
        return found


def _from_zero(
    written: np.ndarray, lines: np.ndarray, counts: np.ndarray, of_kind: np.ndarray, is_position: bool
) -> np.ndarray:
    """Indices as written (from 1, or backwards from −1 at the place of the face) as indices from 0.

    What is out of the list becomes −1; for positions it stays out of the list, so that the face is counted as unsound.
    """
    result = written - 1
    if (written < 0).any():
        known = np.repeat(np.searchsorted(of_kind, lines), counts)
        result = np.where(written < 0, written + known, result)
    outside = (result < 0) | (result >= len(of_kind))
    return result if is_position else np.where(outside, -1, result)
