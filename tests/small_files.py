"""Tiny files and assets that several tests need, written by hand rather than by the code under test."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

CUBE_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
CUBE_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ],
    np.uint32,
)


def write_obj(path: Path, size: float = 1.0) -> Path:
    """A cube of half side `size` as .obj."""
    lines = [f"v {x} {y} {z}" for x, y, z in CUBE_CORNERS * size]
    lines += [f"f {a} {b} {c}" for a, b, c in CUBE_FACES + 1]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_stl(path: Path) -> Path:
    """The cube as binary .stl (80 bytes, a count, then 50 bytes per triangle)."""
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *CUBE_CORNERS[face].ravel(), 0) for face in CUBE_FACES)
    path.write_bytes(b"\0" * 80 + struct.pack("<I", len(CUBE_FACES)) + body)
    return path


def splat_columns(degree: int) -> list[str]:
    """The columns of INRIA's .ply in their order."""
    rest = [f"f_rest_{i}" for i in range(3 * ((degree + 1) ** 2 - 1))]
    names = ["x", "y", "z", "nx", "ny", "nz", *(f"f_dc_{i}" for i in range(3)), *rest, "opacity"]
    return [*names, *(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]


def write_splats(path: Path, count: int = 50, degree: int = 0, seed: int = 0) -> Path:
    """Random splats in the unit box, in INRIA's binary .ply."""
    random = np.random.default_rng(seed)
    names = splat_columns(degree)
    table = random.normal(0, 0.3, (count, len(names))).astype("<f4")
    table[:, names.index("opacity")] = 3.0
    for i in range(3):
        table[:, names.index(f"scale_{i}")] = -3.0
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n"
    header += "".join(f"property float {name}\n" for name in names) + "end_header\n"
    path.write_bytes(header.encode() + table.tobytes())
    return path


def write_points(path: Path, count: int = 20) -> Path:
    """A point cloud without faces as ASCII .ply."""
    header = f"ply\nformat ascii 1.0\nelement vertex {count}\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    path.write_text(header + "".join(f"{i} {i % 3} {i % 5}\n" for i in range(count)), "utf-8")
    return path
