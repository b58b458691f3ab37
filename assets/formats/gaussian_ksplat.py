"""Gaussian splats as .ksplat (mkkellogg's GaussianSplats3D), at its three levels of compression.

A header of 4096 bytes, headers of sections (1024 bytes each), and the sections. A section holds the lengths of its
partly filled buckets, the centres of all its buckets, and its splats, each with position, linear σ, quaternion w x y z,
display colour and opacity, and SH band by band, all red ones first. Level 0 stores f32; levels 1 and 2 store positions
as u16 around the centre of their bucket, the rest as f16, and level 2 SH as bytes. The frame is that of the .ply.
Source: github.com/mkkellogg/GaussianSplats3D, SplatBuffer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..asset import Asset, Provenance
from ..errors import BadFile
from ..gaussians import Gaussians
from ..progress import Job, Progress, stage
from ..splats import packing
from ..splats.plain import logarithms, received, told
from ..splats.spherical_harmonics import C0, MAX_DEGREE, coefficient_count
from . import Format, ReadOptions

HEADER_BYTES, SECTION_BYTES = 4096, 1024
_USUAL_SH_RANGE = 1.5
_USUAL_SCALE_RANGE = 32767
_LEVELS = (("<f4", "<f4", "<f4"), ("<u2", "<f2", "<f2"), ("<u2", "<f2", "u1"))
"""Types of positions, of sizes and rotations, and of SH, at each level."""

_ROWS = 65536


@dataclass(frozen=True)
class _Header:
    """`sections`: those there is room for. How many are in use is not reliably told; unused ones count no splats."""

    level: int
    sections: int
    splats: int
    sh_low: float
    sh_high: float


@dataclass(frozen=True)
class _Section:
    """`start`: where its bytes begin. `buckets`: places of splats in each. `bucket_size`: splats in a full one."""

    start: int
    count: int
    capacity: int
    buckets: int
    bucket_size: int
    block: float
    scale_range: int
    full: int
    partial: int
    degree: int
    row: np.dtype

    @property
    def data(self) -> int:
        """Where its splats begin."""
        return self.start + 4 * self.partial + 12 * self.buckets

    @property
    def end(self) -> int:
        """Where the next section begins."""
        return self.data + self.capacity * self.row.itemsize


def sniff(path: Path, head: bytes) -> int:
    """There is no magic number: version 0.1 and numbers that fit together, and the name."""
    named = path.suffix.lower() == ".ksplat"
    if len(head) < HEADER_BYTES or head[0] != 0 or head[1] < 1:
        return 30 if named and not head.lstrip().lower().startswith((b"<!doctype", b"<html", b"version ")) else 0
    most, used, capacity, splats = struct.unpack_from("<4I", head, 4)
    level = struct.unpack_from("<H", head, 20)[0]
    sound = head[1] == 1 and used <= most and most and splats <= capacity and level < len(_LEVELS)
    return (90 if named else 70) if sound else (30 if named else 0)


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads splats. Raises BadFile."""
    yield Progress(0, 1, "Reading splats")
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    header = _read_header(path, data)
    sections = _read_sections(path, data, header)
    count = sum(section.count for section in sections)
    terms = coefficient_count(max((section.degree for section in sections), default=0))
    provenance = Provenance()
    if count != header.splats:
        provenance.warnings.append(f"The header counts {header.splats:,} splats, its sections {count:,}.")
    splats = Gaussians(
        path.stem,
        np.empty((count, 3), np.float32),
        np.empty((count, 3), np.float32),
        np.empty((count, 4), np.float32),
        np.empty(count, np.float32),
        np.zeros((count, terms, 3), np.float32),
        notes=told(None, None, provenance),
        provenance=provenance,
    )
    first = 0
    for section in sections:
        for start in range(0, section.count, _ROWS):
            rows = slice(start, min(start + _ROWS, section.count))
            _unpack(path, data, header, section, rows, splats, first)
            yield Progress(0.7 * (first + start) / count, 1, f"Reading {count:,} splats")
        first += section.count
    return (yield from stage(received(path, splats), 0.7, 1.0))


def _read_header(path: Path, data: np.ndarray) -> _Header:
    if len(data) < HEADER_BYTES:
        raise BadFile(path, "ends within its header")
    if data[0] != 0 or data[1] < 1:
        raise BadFile(path, f"is a .ksplat of version {data[0]}.{data[1]}; Triptych reads 0.1")
    most, used, _, splats = struct.unpack_from("<4I", data, 4)
    level = struct.unpack_from("<H", data, 20)[0]
    low, high = struct.unpack_from("<2f", data, 36)
    if level >= len(_LEVELS):
        raise BadFile(path, f"has the compression level {level}; Triptych reads 0 to {len(_LEVELS) - 1}")
    if used > most or HEADER_BYTES + most * SECTION_BYTES > len(data):
        raise BadFile(path, f"ends before the headers of its {most:,} sections")
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadFile(path, "has a damaged header (the range of its SH is not finite)")
    return _Header(level, most, splats, low or -_USUAL_SH_RANGE, high or _USUAL_SH_RANGE)


def _read_sections(path: Path, data: np.ndarray, header: _Header) -> list[_Section]:
    """The sections, each within the file."""
    start = HEADER_BYTES + header.sections * SECTION_BYTES
    sections = []
    for index in range(header.sections):
        place = HEADER_BYTES + index * SECTION_BYTES
        count, capacity, size, buckets = struct.unpack_from("<4I", data, place)
        block, bucket_bytes = struct.unpack_from("<fH", data, place + 16)
        scale_range, _, full, partial = struct.unpack_from("<4I", data, place + 24)
        degree = struct.unpack_from("<H", data, place + 40)[0]
        if degree > MAX_DEGREE:
            raise BadFile(path, f"claims SH of degree {degree}, but the highest is {MAX_DEGREE}")
        if count > capacity or (header.level and bucket_bytes != 12):
            raise BadFile(path, f"has a damaged header of its section {index + 1}")
        row = _row(header.level, degree)
        scale_range = scale_range or (_USUAL_SCALE_RANGE if header.level else 1)
        section = _Section(start, count, capacity, buckets, size, block, scale_range, full, partial, degree, row)
        if section.end > len(data):
            raise BadFile(path, f"ends before the {count:,} splats of its section {index + 1}")
        sections.append(section)
        start = section.end
    return sections


def _row(level: int, degree: int) -> np.dtype:
    """A splat as it lies in the file."""
    position, number, harmonic = _LEVELS[level]
    fields = [("mean", position, 3), ("scale", number, 3), ("rotation", number, 4), ("color", "u1", 4)]
    return np.dtype([*fields, ("sh", harmonic, 3 * (coefficient_count(degree) - 1))])


def _unpack(
    path: Path, data: np.ndarray, header: _Header, section: _Section, rows: slice, splats: Gaussians, first: int
) -> None:
    """Some splats of a section into `splats`, whose row `first` is the section's first one."""
    offset = section.data + rows.start * section.row.itemsize
    table = np.frombuffer(data, section.row, rows.stop - rows.start, offset)
    target = slice(first + rows.start, first + rows.stop)
    with np.errstate(invalid="ignore", over="ignore"):
        means = table["mean"].astype(np.float32)
        if header.level:
            means = (means - section.scale_range) * np.float32(section.block / 2 / section.scale_range)
            means += _centres(path, data, section, rows)
        splats.means[target] = means
        splats.log_scales[target] = logarithms(table["scale"])
        splats.rotations[target] = table["rotation"]
        splats.sh[target, 0] = (table["color"][:, :3] / np.float32(255) - np.float32(0.5)) / np.float32(C0)
        splats.logit_opacities[target] = packing.BYTE_LOGITS[table["color"][:, 3]]
        harmonics = table["sh"].astype(np.float32)
        if header.level == 2:
            harmonics = header.sh_low + harmonics / np.float32(255) * np.float32(header.sh_high - header.sh_low)
        for band in range(1, section.degree + 1):
            part = slice(band**2, (band + 1) ** 2)
            stored = harmonics[:, 3 * (part.start - 1) : 3 * (part.stop - 1)].reshape(-1, 3, 2 * band + 1)
            splats.sh[target, part] = stored.transpose(0, 2, 1)


def _centres(path: Path, data: np.ndarray, section: _Section, rows: slice) -> np.ndarray:
    """The centres (n,3) f32 of the buckets in which splats lie: first full ones, then others by their length."""
    lengths = np.frombuffer(data, "<u4", section.partial, section.start).astype(np.int64)
    centres = np.frombuffer(data, "<f4", 3 * section.buckets, section.start + 4 * section.partial).reshape(-1, 3)
    filled = min(section.full * section.bucket_size, section.count)
    index = np.arange(rows.start, rows.stop)
    later = section.full + np.searchsorted(np.cumsum(lengths), index - filled, side="right")
    bucket = np.where(index < filled, index // max(section.bucket_size, 1), later)
    if bucket.size and bucket.max() >= len(centres):
        raise BadFile(path, f"has splats in a bucket that is not among its {section.buckets:,}")
    return centres[bucket]


FORMAT = Format(
    name="KSplat (.ksplat)",
    extensions=(".ksplat",),
    kinds=("gaussians",),
    sniff=sniff,
    load=load,
)
