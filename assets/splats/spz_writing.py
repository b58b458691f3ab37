"""Writes the bytes of .spz files, versions 3 and 4. The layout is described where it is read: `spz`."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from ..cores import threads
from ..gaussians import Gaussians
from ..progress import Job, Progress
from . import packing, spz

USUAL_BITS = 12
"""Bits behind the point of a position in most files: steps of a quarter of a millimetre, where units are metres."""

_FINEST_SHARE, _MOST_BITS = 17, 24
_LARGEST = 2 ** (spz.POSITION_BITS - 1) - 1
USUAL_SH_BITS = (5, 4)
"""Bits that are kept of a coefficient of band 1 and of the others, as other writers do."""

_GZIP_LEVEL, _ZSTD_LEVEL = 6, 12
_ROWS = 65536

Block = tuple[int, Callable[[slice], np.ndarray]]


def most_bits(means: np.ndarray) -> int:
    """How many bits behind the point leave room for `means` (N,3) in 24 bits, so that none wraps round; below 0 where
    even whole numbers are too large."""
    extent = float(np.abs(means).max(initial=0.0))
    if extent == 0:
        return _MOST_BITS
    bits = spz.POSITION_BITS - 1 - int(np.ceil(np.log2(extent)))
    return min(bits if np.rint(extent * 2.0**bits) <= _LARGEST else bits - 1, _MOST_BITS)


def fractional_bits(means: np.ndarray) -> int:
    """How many bits behind the point `means` (N,3) are written with: those that are usual, more where the scene is
    small beside their step, fewer where there is no room for them."""
    extent = float(np.abs(means).max(initial=0.0))
    wanted = _FINEST_SHARE - int(np.ceil(np.log2(extent))) if extent else 0
    return min(max(USUAL_BITS, wanted), most_bits(means))


def encode(
    splats: Gaussians, file: BinaryIO, version: int, bits: int, sh_bits: tuple[int, int], frame: str | None
) -> Job[None]:
    """A job that writes `splats`, plain and in the axes of the file. bits: behind the point of positions, which must
    fit. sh_bits: kept of band 1 and of the others, 1 … 8. frame: what version 4 says about its axes, None: nothing."""
    flags = spz.ANTIALIASED if splats.notes.antialiasing == "mip" else 0
    records = b""
    if frame is not None and version > 3:
        flags |= spz.EXTENDED
        records = struct.pack("<III", spz.COORDINATE_SYSTEM, 4, spz.FRAMES.index(frame))
    blocks = [block for block in _blocks(splats, bits, sh_bits) if block[0]]
    numbers = (spz.MAGIC, version, len(splats), splats.sh_degree, bits, flags, len(blocks) if version > 3 else 0)
    header = struct.pack("<4sIIBBBB", *numbers)
    if version > 3:
        yield from _write_modern(splats, file, header, records, blocks)
    else:
        yield from _write_legacy(splats, file, header, blocks)


def _write_legacy(splats: Gaussians, file: BinaryIO, header: bytes, blocks: list[Block]) -> Job[None]:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    file.write(packer.compress(header))
    for rows, text, make in _pieces(splats, blocks):
        file.write(packer.compress(make(rows).tobytes()))
        yield text
    file.write(packer.flush())


def _write_modern(splats: Gaussians, file: BinaryIO, header: bytes, records: bytes, blocks: list[Block]) -> Job[None]:
    import zstandard

    table = 32 + len(records)
    file.write(header + struct.pack("<I12x", table) + records + bytes(16 * len(blocks)))
    sizes = []
    for number, block in enumerate(blocks):
        size, begin = block[0] * len(splats), file.tell()
        packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, threads=threads()).compressobj(size=size)
        for rows, text, make in _pieces(splats, [block]):
            file.write(packer.compress(make(rows).tobytes()))
            yield Progress(number + text.fraction, len(blocks), text.text)
        file.write(packer.flush())
        sizes.append((file.tell() - begin, size))
    file.seek(table)
    file.write(b"".join(struct.pack("<QQ", *pair) for pair in sizes))


def _pieces(splats: Gaussians, blocks: list[Block]) -> Iterator[tuple[slice, Progress, Callable[[slice], np.ndarray]]]:
    count = len(splats)
    for number, (_, make) in enumerate(blocks):
        for start in range(0, count, _ROWS):
            done = (number + start / max(count, 1)) / len(blocks)
            yield slice(start, min(start + _ROWS, count)), Progress(done, 1, f"Writing {count:,} splats"), make


def _blocks(splats: Gaussians, bits: int, sh_bits: tuple[int, int]) -> list[Block]:
    """The six blocks: bytes of a row, and what makes the rows of a slice."""
    terms = splats.sh.shape[1] - 1
    kept = np.repeat([sh_bits[0], sh_bits[1]], [3, max(terms - 3, 0)])[:terms]
    step = (2.0 ** (8 - kept)).astype(np.float32)[:, None]
    return [
        (9, lambda rows: _position_bytes(splats.means[rows], bits)),
        (1, lambda rows: packing.to_bytes(packing.opacities(splats.logit_opacities[rows]) * 255)),
        (3, lambda rows: packing.to_bytes(splats.sh[rows, 0] * np.float32(spz.COLOR_SCALE * 255) + np.float32(127.5))),
        (3, lambda rows: packing.to_bytes((splats.log_scales[rows] + 10) * 16)),
        (4, lambda rows: _rotation_words(splats.rotations[rows])),
        (3 * terms, lambda rows: _sh_bytes(splats.sh[rows, 1:], step)),
    ]


def _position_bytes(means: np.ndarray, bits: int) -> np.ndarray:
    """Positions as integers (n,3) of three bytes: (n,3,3) u8."""
    steps = np.clip(np.rint(means * np.float32(2.0**bits)), -_LARGEST, _LARGEST).astype("<i4")
    return steps[..., None].view(np.uint8)[..., :3]


def _rotation_words(rotations: np.ndarray) -> np.ndarray:
    """Unit quaternions w x y z (n,4) as words (n,) u32."""
    largest, others = packing.without_largest(rotations[:, [1, 2, 3, 0]])
    size = np.minimum(np.floor(np.abs(others) * np.float32(spz.MAGNITUDE / 0.5**0.5) + np.float32(0.5)), spz.MAGNITUDE)
    fields = size.astype(np.uint32) | np.where(others < 0, np.uint32(spz.SIGN), np.uint32(0))
    words = largest.astype(np.uint32) << np.uint32(30)
    for index, shift in enumerate((20, 10, 0)):
        words |= fields[:, index] << np.uint32(shift)
    return words.astype("<u4")


def _sh_bytes(sh: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Coefficients (n,K,3) in steps of `step` (K,1) 128ths: u8, of which 128 is 0."""
    steps = np.floor((sh * np.float32(128) + np.float32(128)) / step + np.float32(0.5)) * step
    return np.clip(steps, 0, 255).astype(np.uint8)
