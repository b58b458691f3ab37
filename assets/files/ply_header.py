"""The header of a .ply file: which elements follow, how many rows each has, and which columns a row has.

Every count and type is checked here, so that what reads the rows can trust the header's form, though not its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadFile

MAX_HEADER_BYTES = 1 << 20
_MAX_PROPERTIES = 4096
_LONGEST_COUNT = 20
"""Digits of a number of rows; sentences are no place for more."""
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "byte": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "int64": "i8", "uint64": "u8", "long": "i8", "ulong": "u8",
    "float16": "f2", "half": "f2", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
BYTE_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class PlyProperty:
    """A column: its name and its type as in numpy ("f4"). `length_type` is set for lists: the type of their length."""

    name: str
    type: str
    length_type: str | None = None


@dataclass(frozen=True)
class PlyElement:
    """Rows of one kind. `dtype` is the packed row in the file's byte order; None where a column is a list."""

    name: str
    count: int
    properties: tuple[PlyProperty, ...]
    dtype: np.dtype | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(entry.name for entry in self.properties)

    @property
    def smallest_row(self) -> int:
        """Bytes of a row whose lists are empty."""
        return sum(int((entry.length_type or entry.type)[1]) for entry in self.properties)


@dataclass(frozen=True)
class PlyHeader:
    """What the header says. `format`: ascii, binary_little_endian or binary_big_endian. `raw`: the header's bytes as
    they are in the file, up to `data_offset`, where the first row begins."""

    format: str
    elements: tuple[PlyElement, ...]
    comments: tuple[str, ...]
    obj_info: tuple[str, ...]
    data_offset: int
    raw: bytes

    def element(self, name: str) -> PlyElement | None:
        """The element called `name`, or None."""
        return next((entry for entry in self.elements if entry.name == name), None)

    def count(self, name: str) -> int:
        """How many rows the element has; 0 where there is none."""
        element = self.element(name)
        return element.count if element else 0


@dataclass(frozen=True)
class PlyLists:
    """A column of lists: `counts` (R,) i64 is the length of each, `values` (counts.sum(),) all of them in a row."""

    counts: np.ndarray
    values: np.ndarray


def sniff_header(head: bytes) -> PlyHeader | None:
    """The header in the first bytes of a file, or None where they hold no whole and sound one. Never raises."""
    try:
        return _parse(head)
    except _UnsoundError:
        return None


def read_header(path: Path) -> PlyHeader:
    """Reads the header. Raises BadFile where it is damaged or none is there."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_HEADER_BYTES)
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    try:
        return _parse(data)
    except _UnsoundError as error:
        raise BadFile(path, str(error)) from None


def looks_like_gaussians(header: PlyHeader) -> bool:
    """Whether the vertices are Gaussian splats: position, opacity, scales, rotations and the DC colour are there."""
    vertex = header.element("vertex")
    needed = {"x", "y", "z", "opacity", "scale_0", "scale_1", "rot_0", "rot_1", "rot_2", "rot_3"}
    needed |= {"f_dc_0", "f_dc_1", "f_dc_2"}
    return vertex is not None and needed <= set(vertex.names)


def looks_compressed(header: PlyHeader) -> bool:
    """Whether this is PlayCanvas' compressed .ply, whose splats are packed into chunks."""
    return header.element("chunk") is not None


class _UnsoundError(Exception):
    """A header is not one; the text ends the sentence "FILE …"."""


def _parse(data: bytes) -> PlyHeader:
    if not data.startswith(b"ply") or data[3:4] not in (b"\n", b"\r", b" ", b"\t"):
        raise _UnsoundError("does not begin with 'ply'")
    raw = _cut_header(data)
    format_name, comments, infos = "", [], []
    blocks: list[tuple[str, int, list[PlyProperty]]] = []
    for line in raw.decode("utf-8", "replace").replace("\r", "\n").split("\n")[1:]:
        word, _, rest = line.strip().partition(" ")
        if word == "format":
            format_name = rest.split()[0] if rest.split() else ""
            if format_name not in BYTE_ORDERS:
                raise _UnsoundError(f"has the unknown .ply format {format_name!r}")
        elif word in ("comment", "obj_info"):
            (comments if word == "comment" else infos).append(rest)
        elif word == "element":
            blocks.append(_element_line(rest))
        elif word == "property":
            if not blocks or len(blocks[-1][2]) >= _MAX_PROPERTIES:
                raise _UnsoundError("has a damaged header (a column that belongs to nothing, or far too many)")
            blocks[-1][2].append(_property_line(rest))
        elif word not in ("", "end_header"):
            raise _UnsoundError(f"has a damaged header (line {line.strip()[:40]!r})")
    if not format_name:
        raise _UnsoundError("has a damaged header (no format line)")
    elements = tuple(_element(name, count, properties, format_name) for name, count, properties in blocks)
    if any(entry.count and not entry.properties for entry in elements):
        raise _UnsoundError("has a damaged header (an element without columns)")
    if len({entry.name for entry in elements}) < len(elements):
        raise _UnsoundError("has a damaged header (an element is declared twice)")
    return PlyHeader(format_name, elements, tuple(comments), tuple(infos), len(raw), raw)


def _cut_header(data: bytes) -> bytes:
    """The bytes up to and with the end of the line `end_header`. Lines may end in LF, CR LF or CR alone."""
    start = data.find(b"end_header")
    while start > 0 and data[start - 1 : start] not in (b"\n", b"\r"):
        start = data.find(b"end_header", start + 1)
    if start < 0:
        raise _UnsoundError("has no end of its header; the file is damaged or incomplete")
    end = start + len(b"end_header")
    while data[end : end + 1] in (b" ", b"\t"):
        end += 1
    if data[end : end + 2] == b"\r\n" and b"\n" in data[:start]:
        return data[: end + 2]
    return data[: end + 1]


def _element_line(rest: str) -> tuple[str, int, list[PlyProperty]]:
    words = rest.split()
    try:
        name, count = words[0], int(words[1])
        if len(words[1]) > _LONGEST_COUNT:
            raise ValueError
    except (IndexError, ValueError):
        raise _UnsoundError(f"has a damaged header (line 'element {rest[:40]}')") from None
    if count < 0:
        raise _UnsoundError(f"claims to have {count} {rows(name)}")
    return name, count, []


def _property_line(rest: str) -> PlyProperty:
    words = rest.split()
    try:
        if words[0] == "list":
            entry = PlyProperty(words[3], _TYPES[words[2]], _TYPES[words[1]])
            if entry.length_type[0] == "f":
                raise KeyError
            return entry
        return PlyProperty(words[1], _TYPES[words[0]])
    except (IndexError, KeyError):
        raise _UnsoundError(f"has a damaged header (line 'property {rest[:40]}')") from None


def _element(name: str, count: int, properties: list[PlyProperty], format_name: str) -> PlyElement:
    """The element, with columns of the same name told apart by a number as nothing may be lost on saving."""
    seen: set[str] = set()
    for index, entry in enumerate(properties):
        unique, number = entry.name, 2
        while unique in seen:
            unique, number = f"{entry.name}#{number}", number + 1
        seen.add(unique)
        properties[index] = PlyProperty(unique, entry.type, entry.length_type)
    dtype = None
    if not any(entry.length_type for entry in properties):
        dtype = np.dtype([(entry.name, BYTE_ORDERS[format_name] + entry.type) for entry in properties])
    return PlyElement(name, count, tuple(properties), dtype)


def rows(name: str) -> str:
    """What a person calls the rows of an element: "vertices", "faces"."""
    return {"vertex": "vertices", "face": "faces"}.get(name, f"rows of {name!r}")
