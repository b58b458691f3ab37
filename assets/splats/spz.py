"""The bytes of .spz files, versions 1 to 4, as arrays and back: in the axes of the file, whatever they are.

A file holds six blocks, one after the other: positions, opacities, colours, sizes, rotations, SH. Up to version 3 they
lie behind a header of 16 bytes and are compressed together (gzip, or not at all). Version 4 has a header of 32 bytes,
extensions, a table of sizes and one Zstandard frame a block. Source: github.com/nianticlabs/spz, README and "File
Format"; the numbers' scales are those of its reference implementation.

Nothing is inflated beyond what the header's count calls for, and no count is believed that would fill memory from a
small file (`room`).
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadFile
from ..progress import Job, Progress
from . import packing
from .room import check_room
from .spherical_harmonics import MAX_DEGREE, coefficient_count

MAGIC = b"NGSP"
GZIP = b"\x1f\x8b"
ANTIALIASED, EXTENDED = 1, 2
LARGEST_DEGREE = 4
POSITION_BITS = 24
COLOR_SCALE = 0.15
"""What a DC coefficient is multiplied by; not the constant of SH, so that saturated colours fit."""

MAGNITUDE, SIGN = 511, 512
"""The bits of a part of a rotation since version 3."""

COORDINATE_SYSTEM = 0xADBE0003
"""The extension that says which axes the file has, as an index into `FRAMES`."""

FRAMES = (
    *("", "LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF"),
    *("LFD", "RFD", "LFU", "RFU", "LBD", "RBD", "LBU", "RBU"),
)

_LARGEST_BITS = 30
_STEP = 4 << 20
_LARGEST_RECORDS = 65536
_ROWS = 65536
_WINDOW = 1 << 27
_ERRORS = (EOFError, OSError, zlib.error)


@dataclass
class SpzContents:
    """What a file holds, in its own axes. means (N,3), log_scales (N,3), rotations (N,4) w x y z, logit_opacities (N,),
    sh (N,K,3), all f32. `frame`: its axes, None where it doesn't say. `warnings`: sentences."""

    version: int
    antialiased: bool
    means: np.ndarray
    log_scales: np.ndarray
    rotations: np.ndarray
    logit_opacities: np.ndarray
    sh: np.ndarray
    frame: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Header:
    version: int
    count: int
    degree: int
    bits: int
    flags: int
    streams: int

    def sizes(self) -> tuple[int, ...]:
        """Bytes of each block."""
        position, rotation = (6 if self.version == 1 else 9), (4 if self.version > 2 else 3)
        rows = (position, 1, 3, 3, rotation, 3 * ((self.degree + 1) ** 2 - 1))
        return tuple(self.count * row for row in rows)


def is_spz(head: bytes) -> bool:
    """Whether a file that begins with `head` is an .spz."""
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(31).decompress(head[:4096], 16)
        except zlib.error:
            return False
    return head.startswith(MAGIC)


def decode(path: Path, data: bytes | memoryview) -> Job[SpzContents]:
    """A job that returns what the bytes of an .spz hold. `path` is what sentences call it. Raises BadFile."""
    yield Progress(0, 1, "Reading splats")
    data = memoryview(data)
    modern = bytes(data[:4]) == MAGIC and len(data) >= 8 and struct.unpack_from("<I", data, 4)[0] >= 4
    try:
        if modern:
            header, frame = _modern_header(path, data)
            readers = _modern_blocks(path, data, header)
        else:
            file = gzip.GzipFile(fileobj=io.BytesIO(data)) if bytes(data[:2]) == GZIP else io.BytesIO(data)
            header = _header(path, file.read(16))
            if header.version > 3:
                raise BadFile(path, f"is compressed like an old .spz, but claims version {header.version}")
            check_room(path, header.count, header.degree, len(data))
            readers = ((file, size) for size in header.sizes())
        contents = yield from _decoded(path, header, readers)
        if not modern:
            behind = file.read(_LARGEST_RECORDS if header.flags & EXTENDED else 1)
            frame = _frame(path, behind) if header.flags & EXTENDED else None
            if behind and not header.flags & EXTENDED:
                contents.warnings.append(f"More data follows behind its {header.count:,} splats; ignored.")
    except _errors() as error:
        raise BadFile(path, "is damaged or incomplete (its compressed part cannot be unpacked)") from error
    contents.frame = frame
    return contents


def _errors() -> tuple[type[Exception], ...]:
    """What the two decompressors raise at damaged data."""
    import zstandard

    return (*_ERRORS, zstandard.ZstdError)


def _header(path: Path, head: bytes) -> _Header:
    """The first 16 bytes, which all versions share."""
    if len(head) < 16 or not head.startswith(MAGIC):
        raise BadFile(path, "ends within its header" if MAGIC.startswith(head[:4]) else "holds no .spz data")
    header = _Header(*struct.unpack_from("<IIBBBB", head, 4))
    if not 1 <= header.version <= 4:
        raise BadFile(path, f"is an .spz of version {header.version}; Triptych reads versions 1 to 4")
    if header.degree > LARGEST_DEGREE:
        raise BadFile(path, f"claims SH of degree {header.degree}, but .spz has at most {LARGEST_DEGREE}")
    if header.bits > _LARGEST_BITS:
        raise BadFile(path, f"claims positions with {header.bits} fractional bits, which is not possible")
    return header


def _modern_header(path: Path, data: memoryview) -> tuple[_Header, str | None]:
    """The header of version 4, and the frame that its extensions name."""
    header = _header(path, bytes(data[:16]))
    check_room(path, header.count, header.degree, len(data))
    if len(data) < 32:
        raise BadFile(path, "ends within its header")
    table = struct.unpack_from("<I", data, 16)[0]
    if not 32 <= table <= len(data):
        raise BadFile(path, "has a damaged header (its table of blocks lies outside of the file)")
    return header, _frame(path, bytes(data[32:table])) if header.flags & EXTENDED else None


def _frame(path: Path, records: bytes) -> str | None:
    """The frame that extension records (type, size, bytes) name; others are passed over."""
    place = 0
    while place + 8 <= len(records):
        kind, size = struct.unpack_from("<II", records, place)
        place += 8
        if kind == COORDINATE_SYSTEM and size >= 4 and place + 4 <= len(records):
            code = struct.unpack_from("<I", records, place)[0]
            if code >= len(FRAMES):
                raise BadFile(path, f"names its axes by the number {code}, which .spz does not have")
            return FRAMES[code] or None
        place += size
    return None


def _modern_blocks(path: Path, data: memoryview, header: _Header) -> Iterator[tuple[Any, int]]:
    """Readers of the blocks of version 4, each with the size that it must have. Empty ones may be left out."""
    import zstandard

    table = struct.unpack_from("<I", data, 16)[0]
    start = table + 16 * header.streams
    if start > len(data):
        raise BadFile(path, "ends within its table of blocks")
    entries = [struct.unpack_from("<QQ", data, table + 16 * index) for index in range(header.streams)]
    found = []
    for packed, size in entries:
        if packed > len(data) - start:
            raise BadFile(path, "has a block that reaches beyond the end of the file")
        found.append((start, packed, size))
        start += packed
    for number, expected in enumerate(header.sizes()):
        if not expected:
            yield io.BytesIO(), 0
            continue
        if number >= len(found) or found[number][2] != expected:
            raise BadFile(path, f"has blocks that do not fit its {header.count:,} splats")
        begin, packed, _ = found[number]
        decoder = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        yield decoder.stream_reader(data[begin : begin + packed]), expected


def _decoded(path: Path, header: _Header, readers: Iterator[tuple[Any, int]]) -> Job[SpzContents]:
    """The contents, block by block."""
    count, stored = header.count, coefficient_count(header.degree)
    kept = coefficient_count(min(header.degree, MAX_DEGREE))
    out = SpzContents(
        header.version,
        bool(header.flags & ANTIALIASED),
        means=np.empty((count, 3), np.float32),
        log_scales=np.empty((count, 3), np.float32),
        rotations=np.empty((count, 4), np.float32),
        logit_opacities=np.empty(count, np.float32),
        sh=np.empty((count, kept, 3), np.float32),
    )
    if kept < stored:
        out.warnings.append(f"SH of degree {header.degree} is read as far as degree {MAX_DEGREE}.")
    done, total = 0, max(sum(header.sizes()), 1)
    for number, (reader, size) in enumerate(readers):
        block = np.empty(size, np.uint8)
        view = memoryview(block)
        for start in range(0, size, _STEP):
            _fill(path, reader, view[start : start + _STEP])
            yield Progress(done + start, total, f"Reading {count:,} splats")
        done += size
        for start in range(0, count, _ROWS):
            rows = slice(start, min(start + _ROWS, count))
            _unpack(number, header, block.reshape(count, -1)[rows], out, rows)
            yield Progress(done, total, f"Reading {count:,} splats")
    return out


def _fill(path: Path, reader: Any, target: memoryview) -> None:
    """Reads exactly as much as there is room for."""
    place = 0
    while place < len(target):
        got = reader.readinto(target[place:])
        if not got:
            raise BadFile(path, "ends before its last splat")
        place += got


def _unpack(number: int, header: _Header, block: np.ndarray, out: SpzContents, rows: slice) -> None:
    """Bytes (n,…) of some rows of a block as numbers in `out`."""
    if number == 0:
        out.means[rows] = _positions(block, header)
    elif number == 1:
        out.logit_opacities[rows] = packing.BYTE_LOGITS[block[:, 0]]
    elif number == 2:
        out.sh[rows, 0] = (block / np.float32(255) - np.float32(0.5)) / np.float32(COLOR_SCALE)
    elif number == 3:
        out.log_scales[rows] = block / np.float32(16) - np.float32(10)
    elif number == 4:
        out.rotations[rows] = _three_of_four(block) if header.version > 2 else _axis_bytes(block)
    elif block.shape[1]:
        kept = 3 * (out.sh.shape[1] - 1)
        out.sh[rows, 1:] = ((block[:, :kept].astype(np.float32) - 128) / 128).reshape(len(block), -1, 3)


def _positions(block: np.ndarray, header: _Header) -> np.ndarray:
    """Numbers (n,3) f32 of 24 bits, or of 16 as floats in version 1."""
    if header.version == 1:
        return np.ascontiguousarray(block).view("<f2").astype(np.float32)
    wide = np.zeros((len(block), 3, 4), np.uint8)
    wide[..., 1:] = block.reshape(len(block), 3, 3)
    # The three bytes stand at the top of four, so the shift brings their sign along.
    return (wide.view("<i4")[..., 0] >> 8).astype(np.float32) * np.float32(2.0**-header.bits)


def _axis_bytes(block: np.ndarray) -> np.ndarray:
    """Quaternions (n,4) of version 2: x y z in a byte each, w what is lacking."""
    axis = block / np.float32(127.5) - np.float32(1)
    return packing.with_largest(np.zeros(len(block), np.intp), axis)


def _three_of_four(block: np.ndarray) -> np.ndarray:
    """Quaternions (n,4): two bits say which of x y z w is left out, the others have a sign and nine bits each."""
    word = np.ascontiguousarray(block).view("<u4")[:, 0]
    fields = np.stack([word >> np.uint32(20), word >> np.uint32(10), word], 1)
    size = (fields & np.uint32(MAGNITUDE)).astype(np.float32) * np.float32(0.5**0.5 / MAGNITUDE)
    others = np.where(fields & np.uint32(SIGN), -size, size)
    return packing.with_largest((word >> np.uint32(30)).astype(np.intp), others)[:, [3, 0, 1, 2]]
