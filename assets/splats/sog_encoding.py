"""From splats to the pictures of a SOG 2: the way back of `sog_decoding`.

What is lost: means are rounded to 65 536 steps of ln(1+|x|), rotations to bytes, sizes and colours to 256 values each,
and view-dependent colours to a palette of up to 65 536 entries. For 31 000 splats of degree 2 from a real scene, with
noise, the root mean squared error of the coefficients is 0.030 at a deviation of 0.20 (splat-transform 3.7.0 in three
rounds: 0.036), and a picture is at 48 dB. What was read from a SOG is written again without a further loss. A million
splats of degree 3 take 66 s of one core, nearly all of it for the palette (0.032 at 0.14).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import BadInput
from ..gaussians import Gaussians
from ..progress import Job, Progress, stage
from . import packing
from .clustering import codebook, nearest_entries, nearest_rows, palette
from .morton import morton_order
from .plain import USUAL_UP, plain
from .sog_meta import MOST_ENTRIES, PALETTE_COLUMNS

ROUNDS = 6
"""Rounds of k-means for the palette; further ones gain less than a percent each."""

_BLOCK = 65536
_FIRST_TAG = 252
_WIDEST = 16383
"""Pixels of a WebP in a row or column."""
_FEWEST_ENTRIES = 1024


@dataclass
class EncodedSog:
    """`meta`: what goes into meta.json. `pictures`: WebP files by name, in the order of the specification."""

    meta: dict[str, Any]
    pictures: dict[str, bytes] = field(default_factory=dict)


def encode(asset: Gaussians, rounds: int = ROUNDS, prefix: str = "") -> Job[EncodedSog]:
    """A job that returns `asset` as the files of a SOG 2, the names of its pictures behind `prefix`.

    Its transform is baked in, a smoothing in 3D too, and further columns are left out. Raises BadInput where there is
    nothing to write or too much for a picture.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or not 1 <= rounds <= 100:
        raise BadInput(f"{asset.name}: the rounds of k-means are a whole number from 1 to 100, not {rounds!r}.")
    asset = yield from stage(plain(asset), 0.0, 0.05)
    if not 1 <= len(asset) <= (_WIDEST // 4 * 4) ** 2:
        raise BadInput(f"{asset.name}: {len(asset):,} splats cannot be saved as a SOG.")
    yield Progress(0.05, 1, "Sorting splats")
    order = morton_order(asset.means)
    out = EncodedSog(_heading(asset))
    sheet = _Sheet(out.pictures, prefix, len(asset))
    yield Progress(0.07, 1, "Packing positions")
    out.meta["means"] = _means(sheet, asset.means[order])
    yield Progress(0.1, 1, "Packing sizes")
    out.meta["scales"] = _values(sheet, "scales", asset.log_scales[order])
    yield Progress(0.13, 1, "Packing rotations")
    out.meta["quats"] = _rotations(sheet, asset.rotations[order])
    yield Progress(0.16, 1, "Packing colours")
    opacity = packing.to_bytes(packing.opacities(asset.logit_opacities[order]) * np.float32(255))
    out.meta["sh0"] = _values(sheet, "sh0", asset.sh[order, 0], opacity)
    if asset.sh_degree:
        rows = asset.sh[order, 1:].reshape(len(asset), -1)
        out.meta["shN"] = yield from stage(_harmonics(sheet, rows, asset.sh_degree, rounds), 0.2, 1.0)
    return out


def _heading(asset: Gaussians) -> dict[str, Any]:
    """The fields of meta.json before those of the pictures."""
    from .. import __version__

    told = {"generator": f"Triptych {__version__}"}
    if asset.notes.up_axis not in (None, USUAL_UP):
        told["up_axis"] = asset.notes.up_axis
    meta: dict[str, Any] = {"version": 2, "asset": told, "count": len(asset)}
    model = "2dgs" if asset.notes.kernel == "2dgs" else "antialiased" if asset.notes.antialiasing == "mip" else ""
    if model:
        meta["model"] = model
    return meta


class _Sheet:
    """Makes pictures of one size, with a pixel for each of `count` splats, and puts them into `pictures`."""

    def __init__(self, pictures: dict[str, bytes], prefix: str, count: int) -> None:
        self.pictures, self.prefix, self.count = pictures, prefix, count
        self.width = 4 * int(np.ceil(count**0.5 / 4))
        self.height = 4 * int(np.ceil(count / self.width / 4))

    def add(self, name: str, pixels: np.ndarray) -> str:
        """Adds a picture of pixels (N,3) or (N,4) u8 and returns its file name."""
        canvas = np.zeros((self.width * self.height, pixels.shape[1]), np.uint8)
        canvas[: self.count] = pixels
        return self.put(name, canvas.reshape(self.height, self.width, -1))

    def put(self, name: str, image: np.ndarray) -> str:
        """Adds a picture (H,W,3|4) u8 and returns its file name."""
        from PIL import Image

        buffer = io.BytesIO()
        # "exact" keeps colours under alpha 0. More effort than this takes ten times as long for nothing.
        Image.fromarray(image).save(buffer, "WEBP", lossless=True, exact=True, method=2, quality=50)
        file = f"{self.prefix}{name}.webp"
        self.pictures[file] = buffer.getvalue()
        return file


def _means(sheet: _Sheet, means: np.ndarray) -> dict[str, Any]:
    values = means.astype(np.float64)
    values = np.sign(values) * np.log1p(np.abs(values))
    low, high = values.min(0), values.max(0)
    steps = np.rint((values - low) / np.where(high > low, high - low, 1.0) * 65535).astype(np.uint16)
    files = [sheet.add("means_l", (steps & 255).astype(np.uint8)), sheet.add("means_u", (steps >> 8).astype(np.uint8))]
    return {"mins": low.tolist(), "maxs": high.tolist(), "files": files}


def _values(sheet: _Sheet, name: str, values: np.ndarray, alpha: np.ndarray | None = None) -> dict[str, Any]:
    """Values (N,3) through one codebook, and bytes (N,) for the alpha channel where there are some."""
    entries = codebook(values)
    pixels = nearest_entries(entries, values)
    if alpha is not None:
        pixels = np.concatenate([pixels, alpha[:, None]], 1)
    return {"codebook": entries.tolist(), "files": [sheet.add(name, pixels)]}


def _rotations(sheet: _Sheet, rotations: np.ndarray) -> dict[str, Any]:
    pixels = np.empty((len(rotations), 4), np.uint8)
    for start in range(0, len(rotations), _BLOCK):
        rows = slice(start, start + _BLOCK)
        largest, others = packing.without_largest(rotations[rows])
        pixels[rows, :3] = packing.to_bytes((others * np.float32(0.5**0.5) + np.float32(0.5)) * np.float32(255))
        pixels[rows, 3] = _FIRST_TAG + largest
    return {"files": [sheet.add("quats", pixels)]}


def palette_size(count: int) -> int:
    """Entries of the palette for `count` splats: the largest power of two of thousands that is not above it, at most
    64, as splat-transform has it; up to 1024 splats have one each."""
    if count < _FEWEST_ENTRIES:
        return _FEWEST_ENTRIES
    return min(MOST_ENTRIES, 1024 * 2 ** int(np.log2(count / 1024)))


def _harmonics(sheet: _Sheet, rows: np.ndarray, degree: int, rounds: int) -> Job[dict[str, Any]]:
    """Coefficients (N,3K) as a palette, whose own values go through a codebook, and a label for each splat."""
    entries = yield from stage(palette(rows, palette_size(len(rows)), rounds), 0.0, 0.75)
    labels = yield from stage(nearest_rows(rows, entries), 0.75, 0.85)
    # An entry counts as often as it is used. Then each splat takes what is nearest to it after this second rounding.
    used = np.bincount(labels, minlength=len(entries)).astype(np.float64)
    book = codebook(entries, weights=np.repeat(np.maximum(used, 1e-3), entries.shape[1]))
    indices = nearest_entries(book, entries)
    labels = yield from stage(nearest_rows(rows, book[indices]), 0.85, 1.0)
    height = 4 * int(np.ceil(len(entries) / PALETTE_COLUMNS / 4))
    image = np.zeros((height * PALETTE_COLUMNS, entries.shape[1]), np.uint8)
    image[: len(entries)] = indices
    centroids = sheet.put("shN_centroids", image.reshape(height, -1, 3))
    pixels = np.zeros((len(rows), 3), np.uint8)
    pixels[:, 0], pixels[:, 1] = labels & 255, labels >> 8
    files = [centroids, sheet.add("shN_labels", pixels)]
    return {"count": len(entries), "bands": degree, "codebook": book.tolist(), "files": files}
