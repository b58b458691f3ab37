"""Makes splats and splat files for tests, with nothing but numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.gaussians import Gaussians


def random_splats(count: int, degree: int = 3, flat: bool = False, seed: int = 0) -> Gaussians:
    """Splats in the unit box, without a layout."""
    random = np.random.default_rng(seed)
    log_scales = random.normal(-2.5, 0.7, (count, 2 if flat else 3))
    parts = (
        random.uniform(-1, 1, (count, 3)),
        log_scales,
        random.normal(size=(count, 4)),
        random.normal(0.5, 2, count),
        random.normal(0, 0.3, (count, (degree + 1) ** 2, 3)),
    )
    return Gaussians("splats", *(part.astype(np.float32) for part in parts))


def inria_names(degree: int, normals: bool = True) -> list[str]:
    """The columns of an INRIA file."""
    rest = 3 * ((degree + 1) ** 2 - 1)
    names = ["x", "y", "z"] + (["nx", "ny", "nz"] if normals else []) + [f"f_dc_{i}" for i in range(3)]
    names += [f"f_rest_{i}" for i in range(rest)] + ["opacity"] + [f"scale_{i}" for i in range(3)]
    return names + [f"rot_{i}" for i in range(4)]


def write_ply(
    path: Path,
    table: np.ndarray,
    names: list[str],
    *,
    count: int | None = None,
    extra: str = "",
    newline: str = "\n",
    tail: bytes = b"",
) -> Path:
    """An f32 table (N, len(names)) as a binary .ply whose header says `count` rows."""
    lines = ["ply", "format binary_little_endian 1.0", *([extra] if extra else [])]
    lines += [f"element vertex {len(table) if count is None else count}", *(f"property float {name}" for name in names)]
    header = newline.join([*lines, "end_header", ""]).encode()
    path.write_bytes(header + table.astype("<f4").tobytes() + tail)
    return path


def random_table(count: int, degree: int = 0, seed: int = 0) -> np.ndarray:
    """Rows for `inria_names(degree)`, with zero normals."""
    table = np.random.default_rng(seed).normal(0, 1, (count, len(inria_names(degree)))).astype(np.float32)
    table[:, 3:6] = 0
    return table
