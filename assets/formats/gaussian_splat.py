"""Gaussian splats as .splat (antimatter15): 32 bytes a splat and no header.

Position and linear σ as three f32 each, display colour and opacity as four bytes, and a quaternion w x y z as four
bytes around 128. There is no view-dependent colour. Splats are written in the order of the first exporter, the most
visible ones first, so that a viewer may begin with the beginning. The frame is that of the .ply.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..asset import Asset, Provenance
from ..errors import BadFile
from ..gaussians import Gaussians
from ..progress import Job, Progress, stage
from ..splats import packing
from ..splats.linear_light import caveat
from ..splats.plain import logarithms, plain, received, told
from ..splats.sorting import ascending
from ..splats.spherical_harmonics import C0
from . import Format, ReadOptions

ROW = np.dtype([("means", "<f4", 3), ("scales", "<f4", 3), ("color", "u1", 4), ("rotation", "u1", 4)])
_ROWS = 65536
_OTHERS = (b"<!doctype html", b"<html", b"version https://git-lfs", b"\x1f\x8b\x08", b"ply\n", b"ply\r")
"""What a file of this name may be instead."""


def sniff(path: Path, head: bytes) -> int:
    """Only its name tells; what has a magic number of its own is surer."""
    return 30 if path.suffix.lower() == ".splat" and not head.lstrip().lower().startswith(_OTHERS) else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads splats. Raises BadFile."""
    size = path.stat().st_size
    if size % ROW.itemsize:
        raise BadFile(
            path, f"has {size:,} bytes, which is no multiple of {ROW.itemsize}; it is no .splat or incomplete"
        )
    count = size // ROW.itemsize
    means, log_scales = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    rotations, logits = np.empty((count, 4), np.float32), np.empty(count, np.float32)
    sh = np.empty((count, 1, 3), np.float32)
    with path.open("rb") as file:
        for start in range(0, count, _ROWS):
            rows = slice(start, min(start + _ROWS, count))
            block = np.fromfile(file, ROW, rows.stop - start)
            if start + len(block) < rows.stop:
                raise BadFile(
                    path, f"ends after {start + len(block):,} of {count:,} splats; it became shorter meanwhile"
                )
            means[rows], log_scales[rows] = block["means"], logarithms(block["scales"])
            rotations[rows] = (block["rotation"].astype(np.float32) - 128) / 128
            sh[rows, 0] = (block["color"][:, :3] / np.float32(255) - np.float32(0.5)) / np.float32(C0)
            logits[rows] = packing.BYTE_LOGITS[block["color"][:, 3]]
            yield Progress(0.7 * start / count, 1, f"Reading {count:,} splats")
    provenance = Provenance()
    notes = told(None, None, provenance)
    splats = Gaussians(path.stem, means, log_scales, rotations, logits, sh, notes=notes, provenance=provenance)
    return (yield from stage(received(path, splats), 0.7, 1.0))


def save(asset: Gaussians, path: Path) -> Job[None]:
    """Writes splats; a transform is baked in, view-dependent colour is left out."""
    splats = yield from stage(plain(asset), 0.0, 0.4)
    count = len(splats)
    dense = packing.opacities(splats.logit_opacities)
    volumes = np.exp(np.clip(splats.log_scales.sum(1), -60, 60))
    order = ascending(-(volumes * dense))
    yield Progress(0.6, 1, "Ordering splats")
    with path.open("wb") as file:
        for start in range(0, count, _ROWS):
            rows = order[start : start + _ROWS]
            block = np.empty(len(rows), ROW)
            block["means"], block["scales"] = splats.means[rows], np.exp(splats.log_scales[rows])
            block["color"][:, :3] = packing.to_bytes((splats.sh[rows, 0] * np.float32(C0) + np.float32(0.5)) * 255)
            block["color"][:, 3] = packing.to_bytes(dense[rows] * 255)
            block["rotation"] = packing.to_bytes(splats.rotations[rows] * 128 + 128)
            file.write(block.tobytes())
            yield Progress(0.6 + 0.4 * start / count, 1, f"Writing {count:,} splats")


FORMAT = Format(
    name="Splat (.splat)",
    extensions=(".splat",),
    kinds=("gaussians",),
    sniff=sniff,
    load=load,
    save=save,
    writes=("gaussians",),
    caveat=caveat,
)
