"""From the pictures of a SOG to splats: every picture holds a few bytes per splat, in the same order.

Means are 16-bit numbers of ln(1+|x|)·sign(x) between two ends; sizes, colours and the entries of the SH palette are
bytes that tables give a meaning; rotations leave out their largest part. The axes are those of the .ply that it was
made from, whatever the specification's page says of "y up": all writers keep them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..asset import Provenance
from ..errors import BadFile
from ..gaussians import Gaussians
from ..progress import Job, Progress
from . import packing
from .plain import told
from .room import check_room
from .sog_files import SogFiles
from .sog_meta import MOST_ENTRIES, PALETTE_COLUMNS, TERMS, Harmonics, SogMeta, check_meta
from .spherical_harmonics import MAX_DEGREE

_BLOCK = 65536
_FIRST_TAG = 252
"""The alpha of a rotation whose largest part is w; 253 … 255: x, y, z."""
_LARGEST_LOGIT = 14.0


def decode(files: SogFiles, name: str) -> Job[Gaussians]:
    """A job that returns the splats as they are stored, with what the file says of them. Raises BadFile."""
    meta = check_meta(files.path, files.meta())
    degree = 0 if meta.harmonics is None else meta.harmonics.bands or MAX_DEGREE
    check_room(files.path, meta.count, degree, files.packed_bytes(meta.files()))
    provenance = Provenance()
    count = meta.count
    yield Progress(0, 1, f"Reading {count:,} splats")
    means = _means(files, meta)
    yield Progress(0.2, 1, f"Reading {count:,} splats")
    log_scales = _looked_up(meta.scales, files.picture(meta.scales_file, count))
    yield Progress(0.35, 1, f"Reading {count:,} splats")
    rotations = _rotations(files.picture(meta.rotations_file, count), provenance.warnings)
    yield Progress(0.55, 1, f"Reading {count:,} splats")
    colors = files.picture(meta.colors_file, count)
    logits = (packing.BYTE_LOGITS if meta.logits is None else _within(meta.logits))[colors[:, 3]]
    terms, palette, labels = (0, None, None) if meta.harmonics is None else _palette(files, meta.harmonics, count)
    sh = np.empty((count, 1 + terms, 3), np.float32)
    sh[:, 0] = _looked_up(meta.colors, colors)
    for start in range(0, count if terms else 0, _BLOCK):
        rows = slice(start, start + _BLOCK)
        sh[rows, 1:] = palette[labels[rows]]
        yield Progress(0.7 + 0.3 * start / count, 1, f"Reading {count:,} splats")
    for file in files.lossy:
        provenance.warnings.append(f"The picture {file!r} is compressed with loss, which damages the splats.")
    flat = meta.mode == "2dgs"
    notes = told(meta.mode, meta.up, provenance)
    provenance.format = f"SOG {meta.version}"
    if meta.generator:
        provenance.declared["generator"] = meta.generator
    log_scales = np.ascontiguousarray(log_scales[:, :2]) if flat else log_scales
    return Gaussians(name, means, log_scales, rotations, logits, sh, notes=notes, provenance=provenance)


def _means(files: SogFiles, meta: SogMeta) -> np.ndarray:
    """Means (N,3) f32."""
    low = files.picture(meta.means_files[0], meta.count)
    high = files.picture(meta.means_files[1], meta.count)
    out = np.empty((meta.count, 3), np.float32)
    share = np.arange(65536) / 65535
    ends = np.where(meta.maxs > meta.mins, meta.maxs, meta.mins + 1.0)
    for axis in range(3):
        steps = meta.mins[axis] * (1 - share) + ends[axis] * share
        table = (np.sign(steps) * np.expm1(np.abs(steps))).astype(np.float32)
        out[:, axis] = table[low[:, axis] | (high[:, axis].astype(np.uint16) << 8)]
    return out


def _looked_up(tables: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The values (N,3) f32 of the first three bytes of pixels (N,4) in their tables (3,256)."""
    out = np.empty((len(pixels), 3), np.float32)
    for channel in range(3):
        out[:, channel] = tables[channel][pixels[:, channel]]
    return out


def _within(logits: np.ndarray) -> np.ndarray:
    return np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)


def _rotations(pixels: np.ndarray, warnings: list[str]) -> np.ndarray:
    """Quaternions (N,4) f32, w x y z; those with a tag that means nothing are the identity."""
    out = np.empty((len(pixels), 4), np.float32)
    values = ((np.arange(256) / 255 - 0.5) * np.sqrt(2)).astype(np.float32)
    odd = 0
    for start in range(0, len(pixels), _BLOCK):
        block = pixels[start : start + _BLOCK]
        sound = block[:, 3] >= _FIRST_TAG
        largest = np.where(sound, block[:, 3], _FIRST_TAG).astype(np.intp) - _FIRST_TAG
        turned = packing.with_largest(largest, values[block[:, :3]])
        turned[~sound] = (1, 0, 0, 0)
        odd += len(block) - int(sound.sum())
        out[start : start + _BLOCK] = turned
    if odd:
        warnings.append(f"{odd:,} splats have a rotation of no known form and are not rotated.")
    return out


def _palette(files: SogFiles, harmonics: Harmonics, count: int) -> tuple[int, np.ndarray, np.ndarray]:
    """The number of coefficients K, the palette (P+1,K,3) f32, whose last entry is zero, and the labels (N,) of the
    splats."""
    path, (entries_name, labels_name) = files.path, harmonics.files
    image = files.image(entries_name, MOST_ENTRIES * TERMS[3])
    width = image.shape[1]
    terms = TERMS[harmonics.bands] if harmonics.bands else width // PALETTE_COLUMNS
    if width != PALETTE_COLUMNS * terms or terms not in TERMS.values():
        raise BadFile(path, f"has a palette {width} pixels wide in {entries_name!r}, which fits no SH degree")
    room = image.shape[0] * PALETTE_COLUMNS
    held = min(room, MOST_ENTRIES) if harmonics.count is None else harmonics.count
    if held > room:
        raise BadFile(path, f"has {room:,} entries in {entries_name!r} instead of {held:,}")
    palette = np.zeros((held + 1, terms, 3), np.float32)
    palette[:held] = harmonics.values[image[:, :, :3].reshape(room, terms, 3)[:held]]
    pixels = files.picture(labels_name, count)
    labels = pixels[:, 0].astype(np.intp) | (pixels[:, 1].astype(np.intp) << 8)
    return terms, palette, np.minimum(labels, held)


def name_of(path: Path) -> str:
    """What a SOG is called: by its folder where the file has the usual name, which says nothing."""
    usual = path.name.lower() in ("meta.json", "lod-meta.json")
    return (path.resolve().parent.name or path.stem) if usual else path.stem
