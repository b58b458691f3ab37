"""The .ply container: its header, and the columns of its elements. What the columns mean is the formats' business.

A .ply says in a text header which elements follow (`element vertex 8`), how many rows each has and which columns a row
has; a column is a number or a list with its own length in front. Elements without lists have rows of one size and are
read in one piece. Rows with lists are usually all alike (triangles), so they are first read as if they were, and only
walked one by one where the lengths differ. Text files are the same with "token" in place of "byte".

Nothing is allocated before the counts of the header are checked against the size of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import BadFile
from .ply_header import (
    BYTE_ORDERS,
    PlyElement,
    PlyHeader,
    PlyLists,
    PlyProperty,
    looks_compressed,
    looks_like_gaussians,
    read_header,
    rows,
    sniff_header,
)

__all__ = [
    "PlyElement",
    "PlyHeader",
    "PlyLists",
    "PlyProperty",
    "looks_compressed",
    "looks_like_gaussians",
    "read_columns",
    "read_element",
    "read_header",
    "read_tables",
    "rows",
    "sniff_header",
]


def read_element(path: Path, header: PlyHeader, name: str) -> np.ndarray:
    """The rows of an element without lists: structured (count,), fields named as in the header, in native byte order
    for text and in the file's for binary. Bytes behind the data are ignored. Raises BadFile where it ends too soon."""
    columns = _Body(path, header).read(name, structured=True)
    assert isinstance(columns, np.ndarray)
    return columns


def read_columns(path: Path, header: PlyHeader, name: str) -> dict[str, np.ndarray | PlyLists]:
    """The columns of any element: (count,) arrays, and `PlyLists` for lists. Raises BadFile where it ends too soon."""
    return read_tables(path, header, (name,))[name]


def read_tables(path: Path, header: PlyHeader, names: Sequence[str]) -> dict[str, dict[str, np.ndarray | PlyLists]]:
    """The columns of several elements, by element; the body of a text file is then read only once."""
    body = _Body(path, header)
    return {name: body.read(name, structured=False) for name in names}


class _Body:
    """The part of a file behind its header, in units: bytes, or tokens in a text file."""

    def __init__(self, path: Path, header: PlyHeader) -> None:
        self.path, self.header = path, header
        self.text = header.format == "ascii"
        try:
            self.size = Path(path).stat().st_size - header.data_offset
        except OSError as error:
            raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
        self._units: np.ndarray | None = None

    def read(self, name: str, structured: bool) -> np.ndarray | dict[str, np.ndarray | PlyLists]:
        position = 0
        for element in self.header.elements:
            if element.name == name:
                if element.dtype is None:
                    return self._lists(element, position)[0]
                table = self._fixed(element, position)
                return table if structured else {field: table[field] for field in table.dtype.names or ()}
            position = self._behind(element, position)
        raise BadFile(self.path, f"has no {rows(name)}")

    def _behind(self, element: PlyElement, position: int) -> int:
        if element.dtype is None:
            return self._lists(element, position)[1]
        return position + element.count * (len(element.properties) if self.text else element.dtype.itemsize)

    def _require(self, element: PlyElement, position: int, row_size: int, available: int) -> None:
        fitting = max(0, available - position) // max(row_size, 1)
        if fitting < element.count and row_size:
            raise BadFile(self.path, f"ends after {fitting} of {element.count} {rows(element.name)}")

    def _fixed(self, element: PlyElement, position: int) -> np.ndarray:
        width = len(element.properties)
        if not self.text:
            self._require(element, position, element.dtype.itemsize, self.size)
            return self._from_file(element.dtype, element.count, position)
        # A token takes a character and, but for the last, a separator.
        self._require(element, 0, 2 * width, self.size + 1)
        table = np.empty(element.count, element.dtype)
        tokens = self._tokens()
        self._require(element, position, width, len(tokens))
        tokens = tokens[position : position + element.count * width].reshape(element.count, width)
        with np.errstate(invalid="ignore", over="ignore"):
            for column, field in enumerate(table.dtype.names or ()):
                table[field] = tokens[:, column]
        return table

    def _from_file(self, dtype: np.dtype, count: int, position: int) -> np.ndarray:
        if not count or not dtype.itemsize:
            return np.empty(count if dtype.itemsize else 0, dtype)
        try:
            table = np.fromfile(self.path, dtype, count, offset=self.header.data_offset + position)
        except OSError as error:
            raise BadFile(self.path, f"cannot be read ({error.strerror or error})") from error
        if len(table) < count:
            raise BadFile(self.path, f"ends after {len(table)} of {count} rows")
        return table

    def _tokens(self) -> np.ndarray:
        """All numbers of a text file as f64."""
        if self._units is None:
            with Path(self.path).open("rb") as file:
                file.seek(self.header.data_offset)
                text = file.read().strip()
            try:
                self._units = np.fromstring(text, np.float64, sep=" ") if text else np.empty(0)
            except ValueError:
                raise BadFile(self.path, "has something among its numbers that is no number") from None
        return self._units

    def _bytes(self) -> np.ndarray:
        """The body of a binary file, as u8."""
        if self._units is None:
            self._units = self._from_file(np.dtype("u1"), self.size, 0)
        return self._units

    def _lists(self, element: PlyElement, position: int) -> tuple[dict[str, np.ndarray | PlyLists], int]:
        """The columns of an element with lists, and where the next element begins."""
        row = len(element.properties) if self.text else element.smallest_row
        self._require(element, position, row, (self.size + 1) // 2 if self.text else self.size)
        units = self._tokens() if self.text else self._bytes()
        self._require(element, position, row, len(units))
        rows_of = _Rows(element, units, BYTE_ORDERS[self.header.format], self.text)
        table = rows_of.alike(position) if element.count else None
        if table is not None:
            return table
        return rows_of.walk(position, self.path)


class _Rows:
    """Rows with lists, in an array of bytes or of tokens."""

    def __init__(self, element: PlyElement, units: np.ndarray, order: str, text: bool) -> None:
        self.element, self.units, self.order, self.text = element, units, order, text

    def _width(self, kind: str) -> int:
        return 1 if self.text else int(kind[1])

    def alike(self, position: int) -> tuple[dict[str, np.ndarray | PlyLists], int] | None:
        """The columns if every row's lists are as long as those of the first row, else None."""
        count, place, starts = self.element.count, position, []
        for entry in self.element.properties:
            starts.append(place - position)
            length = 1
            if entry.length_type:
                kind = "i8" if self.text else entry.length_type
                if place + self._width(kind) > len(self.units):
                    return None
                length = int(self._view(position, place - position, kind, 1, 1, 0)[0, 0])
                place += self._width(kind)
            place += max(length, 0) * self._width(entry.type)
        stride = place - position
        if position + count * stride > len(self.units):
            return None
        columns: dict[str, np.ndarray | PlyLists] = {}
        for entry, start in zip(self.element.properties, starts, strict=True):
            if entry.length_type is None:
                columns[entry.name] = self._view(position, start, entry.type, count, 1, stride)[:, 0].copy()
                continue
            kind = "i8" if self.text else entry.length_type
            lengths = self._view(position, start, kind, count, 1, stride)[:, 0].astype(np.int64)
            if (lengths != lengths[0]).any() or lengths[0] < 0:
                return None
            inner = start + self._width(entry.length_type)
            values = self._view(position, inner, entry.type, count, int(lengths[0]), stride)
            columns[entry.name] = PlyLists(lengths, np.ascontiguousarray(values).reshape(-1))
        return columns, position + count * stride

    def _view(self, position: int, start: int, kind: str, count: int, length: int, stride: int) -> np.ndarray:
        """(count, length) numbers that begin `start` behind each of the `count` rows `stride` apart; no copy."""
        if self.text:
            step = self.units.itemsize
            view = np.ndarray((count, length), np.float64, self.units, (position + start) * step, (stride * step, step))
            with np.errstate(invalid="ignore", over="ignore"):
                return view.astype(kind)
        dtype = np.dtype(self.order + kind)
        return np.ndarray((count, length), dtype, self.units, position + start, (stride, dtype.itemsize))

    def walk(self, position: int, path: Path) -> tuple[dict[str, np.ndarray | PlyLists], int]:
        """The columns, row by row, since where a row begins is only known at the end of the one before."""
        starts: list[list[int]] = [[] for _ in self.element.properties]
        lengths: list[list[int]] = [[] for _ in self.element.properties]
        steps = [self._step(entry) for entry in self.element.properties]
        place, end = position, len(self.units)
        buffer = self.units.tolist() if self.text else self.units.tobytes()
        for row in range(self.element.count):
            for column, (unpack, head, width) in enumerate(steps):
                length = 1
                if head:
                    if place + head > end:
                        self._too_short(path, row)
                    length = int(unpack(buffer, place))
                starts[column].append(place + head)
                lengths[column].append(length)
                place += head + length * width
                if length < 0 or place > end:
                    self._too_short(path, row)
        return self._gather(starts, lengths), place

    def _step(self, entry: PlyProperty) -> tuple:
        """How to pass over a column: reader of the list's length, the units that it takes, the units of one value."""
        if entry.length_type is None:
            return None, 0, self._width(entry.type)
        if self.text:
            return (lambda buffer, place: buffer[place] if 0 <= buffer[place] < 1e15 else -1), 1, 1
        letters = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}
        reader = struct.Struct(self.order + letters[entry.length_type])
        return (lambda buffer, place: reader.unpack_from(buffer, place)[0]), reader.size, self._width(entry.type)

    def _too_short(self, path: Path, row: int) -> None:
        raise BadFile(path, f"ends after {row} of {self.element.count} {rows(self.element.name)}")

    def _gather(self, starts: list[list[int]], lengths: list[list[int]]) -> dict[str, np.ndarray | PlyLists]:
        columns: dict[str, np.ndarray | PlyLists] = {}
        for entry, begin, length in zip(self.element.properties, starts, lengths, strict=True):
            counts, begins = np.array(length, np.int64), np.array(begin, np.int64)
            width = self._width(entry.type)
            inner = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            places = np.repeat(begins, counts) + inner * width
            if self.text:
                with np.errstate(invalid="ignore", over="ignore"):
                    values = self.units[places].astype(entry.type)
            else:
                values = self.units[places[:, None] + np.arange(width)].reshape(-1).view(self.order + entry.type)
            columns[entry.name] = PlyLists(counts, values) if entry.length_type else values
        return columns
