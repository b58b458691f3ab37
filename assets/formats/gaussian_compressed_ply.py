"""Gaussian splats as PlayCanvas' compressed .ply: three quarters smaller, and still a .ply.

Splats lie in Morton order in chunks of 256. The element `chunk` has the smallest and largest position, ln σ and colour
of each; `vertex` has four words a splat: position and size in 11, 10 and 11 bits between these ends, the rotation as
three of its parts in 10 bits each, colour and opacity in a byte each. View-dependent colour is the element `sh`, a byte
between −4 and 4 for each coefficient, all red ones first. The frame is that of the .ply.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import __version__
from ..asset import Asset, Provenance
from ..errors import BadFile
from ..files.ply import PlyElement, PlyHeader, looks_compressed, read_element, read_header, sniff_header
from ..gaussians import Gaussians, TrainerNotes
from ..progress import Job, Progress, stage
from ..splats import packing
from ..splats.declarations import declared_mode, declared_up
from ..splats.linear_light import caveat
from ..splats.morton import morton_order
from ..splats.plain import SURFEL_LOG_SCALE, USUAL_UP, plain, received, told
from ..splats.spherical_harmonics import C0
from . import Format, ReadOptions

CHUNK = 256
_SUFFIX = ".compressed.ply"
_ENDS = [f"{end}_{axis}" for end in ("min", "max") for axis in "xyz"]
_SIZE_ENDS = [f"{end}_scale_{axis}" for end in ("min", "max") for axis in "xyz"]
_COLOR_ENDS = [f"{end}_{channel}" for end in ("min", "max") for channel in "rgb"]
_WORDS = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_REST_COUNTS = (0, 9, 24, 45)
_SH_RANGE = 8.0
_SPLIT = ((21, 11), (11, 10), (0, 11))
"""Where x, y and z lie in a word: shift and bits."""

_DENSEST = 254
"""The highest byte of opacity that is written. 255 has an infinite logit, for which splat-transform leaves a splat out;
renderers cut off at 0.99 anyway."""

_ROWS = CHUNK * 128


def sniff(path: Path, head: bytes) -> int:
    """How sure it is: by the elements of the header."""
    header = sniff_header(head)
    if header is None:
        # A damaged header is refused by the reader that it was meant for.
        return 61 if head.startswith(b"ply") and b" packed_position" in head else 0
    return 96 if looks_compressed(header) and header.element("vertex") else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads splats. Raises BadFile."""
    header = read_header(path)
    rest = _check(path, header)
    chunks, words = read_element(path, header, "chunk"), read_element(path, header, "vertex")
    sh = read_element(path, header, "sh") if rest else None
    provenance = Provenance()
    notes = told(declared_mode(header.comments), declared_up(header.comments), provenance)
    splats = yield from stage(_unpacked(_name(path), chunks, words, sh, rest), 0.0, 0.7)
    splats.notes, splats.provenance = notes, provenance
    if notes.kernel == "2dgs" and (splats.log_scales[:, 2] <= SURFEL_LOG_SCALE + 1e-3).all():
        splats.log_scales = np.ascontiguousarray(splats.log_scales[:, :2])
    return (yield from stage(received(path, splats), 0.7, 1.0))


def _name(path: Path) -> str:
    return path.name[: -len(_SUFFIX)] if path.name.lower().endswith(_SUFFIX) else path.stem


def _check(path: Path, header: PlyHeader) -> int:
    """How many columns of SH there are. Raises BadFile where elements or columns do not fit together."""
    chunk, vertex, sh = (header.element(name) for name in ("chunk", "vertex", "sh"))
    if chunk is None or vertex is None:
        raise BadFile(path, "holds no compressed splats")
    for element, needed in ((chunk, (*_ENDS, *_SIZE_ENDS)), (vertex, _WORDS)):
        missing = [name for name in needed if name not in element.names]
        if missing or element.dtype is None:
            raise BadFile(path, f"lacks the column {missing[0] if missing else needed[0]} of its {element.name!r}")
    if any(vertex.dtype[name].kind not in "iu" or vertex.dtype[name].itemsize != 4 for name in _WORDS):
        raise BadFile(path, "has packed columns that are not whole numbers of 32 bits")
    if chunk.count * CHUNK < vertex.count:
        raise BadFile(path, f"has {chunk.count:,} chunks, too few for {vertex.count:,} splats")
    return _rest(path, sh, vertex.count) if sh is not None else 0


def _rest(path: Path, sh: PlyElement, count: int) -> int:
    names = [name for name in sh.names if name.startswith("f_rest_")]
    if len(names) not in _REST_COUNTS or {f"f_rest_{index}" for index in range(len(names))} != set(names):
        raise BadFile(path, f"has {len(names)} SH columns f_rest, which are not those of a whole degree")
    if sh.dtype is None or any(sh.dtype[name].str[1:] != "u1" for name in names):
        raise BadFile(path, "has SH columns that are not bytes")
    if sh.count != count:
        raise BadFile(path, f"has {count:,} splats, but SH of {sh.count:,}")
    return len(names)


def _unpacked(name: str, chunks: np.ndarray, words: np.ndarray, sh: np.ndarray | None, rest: int) -> Job[Gaussians]:
    """The splats, some chunks at a time."""
    count = len(words)
    means, log_scales = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    rotations, logits = np.empty((count, 4), np.float32), np.empty(count, np.float32)
    colors = np.empty((count, 1 + rest // 3, 3), np.float32)
    colored = set(_COLOR_ENDS) <= set(chunks.dtype.names)
    bytes_of_sh = None if sh is None else _as_bytes(sh, rest)
    with np.errstate(invalid="ignore", over="ignore"):
        ends, sizes = _table(chunks, _ENDS), _table(chunks, _SIZE_ENDS)
        shades = _table(chunks, _COLOR_ENDS) if colored else None
        for start in range(0, count, _ROWS):
            rows = slice(start, min(start + _ROWS, count))
            which = np.arange(rows.start, rows.stop) // CHUNK
            block = {field: words[field][rows].astype(np.uint32) for field in _WORDS}
            means[rows] = _between(ends[which], _thirds(block["packed_position"]))
            log_scales[rows] = _between(sizes[which], _thirds(block["packed_scale"]))
            rotations[rows] = _rotations(block["packed_rotation"])
            color = block["packed_color"].astype(">u4").view(np.uint8).reshape(-1, 4)
            shade = color[:, :3] / np.float32(255)
            colors[rows, 0] = ((shade if shades is None else _between(shades[which], shade)) - 0.5) / np.float32(C0)
            logits[rows] = packing.BYTE_LOGITS[color[:, 3]]
            for channel in range(3 if rest else 0):
                own = slice(channel * (rest // 3), (channel + 1) * (rest // 3))
                colors[rows, 1:, channel] = _SH_VALUES[bytes_of_sh[rows, own]]
            yield Progress(rows.stop, count, f"Reading {count:,} splats")
    return Gaussians(name, means, log_scales, rotations, logits, colors)


def _table(chunks: np.ndarray, names: list[str]) -> np.ndarray:
    """Ends (chunks, 2, 3) f32."""
    return np.stack([chunks[name].astype(np.float32) for name in names], 1).reshape(-1, 2, 3)


def _as_bytes(sh: np.ndarray, rest: int) -> np.ndarray:
    """The bytes (N, rest) of the SH columns in their order, without a copy where they lie in it."""
    names = tuple(f"f_rest_{index}" for index in range(rest))
    if sh.dtype.names == names:
        return sh.view(np.uint8).reshape(len(sh), rest)
    return np.stack([sh[name] for name in names], 1)


def _between(ends: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Values (n,3) between ends (n,2,3); both ends are met exactly."""
    return ends[:, 0] * (1 - shares) + ends[:, 1] * shares


def _thirds(word: np.ndarray) -> np.ndarray:
    """The three shares 0 … 1 (n,3) f32 in words (n,)."""
    parts = [((word >> np.uint32(shift)) & np.uint32(2**bits - 1)) / np.float32(2**bits - 1) for shift, bits in _SPLIT]
    return np.stack(parts, 1).astype(np.float32)


def _rotations(word: np.ndarray) -> np.ndarray:
    """Quaternions (n,4): which of w x y z is left out, then the others from −√½ to √½."""
    fields = np.stack([word >> np.uint32(shift) for shift in (20, 10, 0)], 1) & np.uint32(1023)
    others = (fields.astype(np.float32) / 1023 - np.float32(0.5)) * np.float32(2**0.5)
    return packing.with_largest((word >> np.uint32(30)).astype(np.intp), others)


def _sh_values() -> np.ndarray:
    """What each byte of SH stands for, (256,) f32: the middle of its step, and the ends of the range at both ends."""
    shares = (np.arange(256) + 0.5) / 256
    shares[[0, 255]] = 0, 1
    return ((shares - 0.5) * _SH_RANGE).astype(np.float32)


_SH_VALUES = _sh_values()


def save(asset: Gaussians, path: Path) -> Job[None]:
    """Writes splats in Morton order; a transform is baked in, columns that only this asset has are left out."""
    splats = yield from stage(plain(asset), 0.0, 0.2)
    count, rest = len(splats), 3 * (splats.sh.shape[1] - 1)
    order = morton_order(splats.means)
    yield Progress(0.3, 1, "Ordering splats")
    tables: list[np.ndarray] = []
    with path.open("wb") as file:
        file.write(_header(count, rest, splats.notes))
        for start in range(0, count, _ROWS):
            chunks, words = _packed(splats, order[start : start + _ROWS])
            file.write(chunks.tobytes())
            tables.append(words)
            yield Progress(0.3 + 0.4 * start / count, 1, f"Writing {count:,} splats")
        for words in tables:
            file.write(words.tobytes())
        for start in range(0, count if rest else 0, _ROWS):
            file.write(_sh_bytes(splats.sh[order[start : start + _ROWS], 1:]).tobytes())
            yield Progress(0.7 + 0.3 * start / count, 1, f"Writing {count:,} splats")


def _header(count: int, rest: int, notes: TrainerNotes) -> bytes:
    mode = "2dgs" if notes.kernel == "2dgs" else "mip" if notes.antialiasing == "mip" else None
    lines = ["ply", "format binary_little_endian 1.0", f"comment Generated by Triptych {__version__}"]
    lines += [f"comment SplatRenderMode: {mode}"] if mode else []
    lines += [f"comment up_axis {notes.up_axis}"] if notes.up_axis not in (None, USUAL_UP) else []
    lines += [f"element chunk {-(-count // CHUNK)}"]
    lines += [f"property float {name}" for name in (*_ENDS, *_SIZE_ENDS, *_COLOR_ENDS)]
    lines += [f"element vertex {count}", *(f"property uint {name}" for name in _WORDS)]
    if rest:
        lines += [f"element sh {count}", *(f"property uchar f_rest_{index}" for index in range(rest))]
    return ("\n".join([*lines, "end_header"]) + "\n").encode()


def _packed(splats: Gaussians, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some whole chunks: their ends (chunks, 18) f32, and the words (n,4) u32 of their splats."""
    # The last chunk is filled up with its last splat, which changes no end.
    filled = np.pad(order, (0, -len(order) % CHUNK), mode="edge")
    colors = splats.sh[filled, 0] * np.float32(C0) + np.float32(0.5)
    position, position_ends = _shares(splats.means[filled])
    size, size_ends = _shares(splats.log_scales[filled])
    color, color_ends = _shares(colors)
    opacity = packing.to_bytes(packing.opacities(splats.logit_opacities[filled]) * 255)
    opacity = np.minimum(opacity, _DENSEST).astype(np.uint32)
    words = np.empty((len(filled), 4), "<u4")
    words[:, 0], words[:, 2] = _joined(position), _joined(size)
    words[:, 1] = _rotation_words(splats.rotations[filled])
    red, green, blue = packing.to_bits(color, 8).T
    words[:, 3] = red << np.uint32(24) | green << np.uint32(16) | blue << np.uint32(8) | opacity
    return np.concatenate([position_ends, size_ends, color_ends], 1).astype("<f4"), words[: len(order)]


def _shares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where values (n,3) lie between the ends of their chunk, 0 … 1, and these ends (chunks, 6)."""
    chunks = values.reshape(-1, CHUNK, 3)
    low, high = chunks.min(1), chunks.max(1)
    span = np.where(high > low, high - low, 1)
    return ((chunks - low[:, None]) / span[:, None]).reshape(-1, 3), np.concatenate([low, high], 1)


def _joined(shares: np.ndarray) -> np.ndarray:
    """Shares (n,3) as words (n,) u32."""
    word = np.zeros(len(shares), np.uint32)
    for axis, (shift, bits) in enumerate(_SPLIT):
        word |= packing.to_bits(shares[:, axis], bits) << np.uint32(shift)
    return word


def _rotation_words(rotations: np.ndarray) -> np.ndarray:
    largest, others = packing.without_largest(rotations)
    fields = packing.to_bits(others * np.float32(0.5**0.5) + np.float32(0.5), 10)
    word = largest.astype(np.uint32) << np.uint32(30)
    for index, shift in enumerate((20, 10, 0)):
        word |= fields[:, index] << np.uint32(shift)
    return word


def _sh_bytes(sh: np.ndarray) -> np.ndarray:
    """Coefficients (n,K,3) as bytes (n, 3·K), all red ones first."""
    steps = np.floor((sh.transpose(0, 2, 1) / np.float32(_SH_RANGE) + np.float32(0.5)) * 256)
    return np.clip(steps, 0, 255).astype(np.uint8).reshape(len(sh), -1)


FORMAT = Format(
    name="Compressed splats (.ply)",
    extensions=(_SUFFIX,),
    kinds=("gaussians",),
    sniff=sniff,
    load=load,
    save=save,
    writes=("gaussians",),
    caveat=caveat,
)
