"""Writes .ksplat files for tests, at all three levels."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from assets.gaussians import Gaussians

BUCKET, BLOCK, SCALE_RANGE = 16, 5.0, 32767


def write_ksplat(path: Path, splats: Gaussians, level: int = 0, degree: int = 1) -> Path:
    """One section: buckets of 16 splats in a row around their middle, the last one partly filled."""
    count, terms = len(splats), (degree + 1) ** 2 - 1
    full, last = divmod(count, BUCKET)
    middles = np.array([splats.means[i : i + BUCKET].mean(0) for i in range(0, count, BUCKET)], "<f4")
    means = splats.means
    if level:
        steps = (means - np.repeat(middles, BUCKET, 0)[:count]) * (SCALE_RANGE / (BLOCK / 2)) + SCALE_RANGE
        means = np.rint(steps)
    number = "<f2" if level else "<f4"
    color = np.empty((count, 4), "u1")
    color[:, :3] = np.clip(np.rint((splats.sh[:, 0] * 0.28209479 + 0.5) * 255), 0, 255)
    color[:, 3] = np.rint(255 / (1 + np.exp(-splats.logit_opacities)))
    bands = [splats.sh[:, 1:4], splats.sh[:, 4:9]][:degree]
    sh = np.concatenate([band.transpose(0, 2, 1).reshape(count, -1) for band in bands] or [np.empty((count, 0))], 1)
    if level == 2:
        sh = np.clip(np.rint((sh + 1.5) / 3 * 255), 0, 255)
    row = np.dtype([("m", "<u2" if level else "<f4", 3), ("s", number, 3), ("r", number, 4), ("c", "u1", 4),
                    ("h", "u1" if level == 2 else number, 3 * terms)])  # fmt: skip
    table = np.empty(count, row)
    table["m"], table["s"], table["r"], table["c"], table["h"] = (
        means, np.exp(splats.log_scales), splats.rotations, color, sh,
    )  # fmt: skip
    header = struct.pack("<BBxx4IHxx3fff", 0, 1, 1, 1, count, count, level, 0, 0, 0, -1.5, 1.5)
    partial = [last] if last else []
    section = struct.pack("<4IfHxxIIIIH", count, count, BUCKET, len(middles), BLOCK, 12, SCALE_RANGE, 0, full,
                          len(partial), degree)  # fmt: skip
    body = np.array(partial, "<u4").tobytes() + middles.tobytes() + table.tobytes()
    path.write_bytes(header.ljust(4096, b"\0") + section.ljust(1024, b"\0") + body)
    return path
