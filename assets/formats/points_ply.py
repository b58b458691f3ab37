"""Point clouds in .ply: vertices without faces; columns without a meaning here are kept and saved again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..asset import Asset
from ..errors import BadFile
from ..files.ply import looks_compressed, looks_like_gaussians, read_element, read_header, sniff_header
from ..meshes.builder import MeshBuilder, plainly
from ..points import Points
from ..progress import Job, Progress
from . import Format, ReadOptions

_COLORS = ("red", "green", "blue", "alpha")
_TYPE_NAMES = {
    "i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint",
    "f4": "float", "f8": "double",
}  # fmt: skip


def _sniff(path: Path, head: bytes) -> int:
    header = sniff_header(head)
    if header is None or looks_like_gaussians(header) or looks_compressed(header):
        return 0
    if header.count("face") or header.count("tristrips"):
        return 0
    return 85


def _load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    builder = MeshBuilder(path)
    with plainly(path, "a .ply point cloud"):
        header = read_header(path)
        vertex = header.element("vertex")
        if vertex is None or not vertex.count:
            raise BadFile(path, "has no faces and no points")
        if not {"x", "y", "z"} <= set(vertex.names) or vertex.dtype is None:
            raise BadFile(path, "has points without x, y and z")
        yield Progress(0, 2, f"Reading the points of {path.name}")
        table = read_element(path, header, "vertex")
        yield Progress(1, 2, f"Checking {path.name}")
        columns = {name: table[name] for name in vertex.names}
        colors = None
        if set(_COLORS[:3]) <= set(columns):
            names = [name for name in _COLORS if name in columns]
            # Some writers declare colours as signed bytes.
            values = [columns.pop(name) for name in names]
            colors = np.stack(
                [v.view(np.uint8) if v.dtype == np.int8 else v for v in map(np.ascontiguousarray, values)], 1
            )
        positions = np.stack([columns.pop(name) for name in "xyz"], 1)
        extra = {name: _native(values) for name, values in columns.items()}
        builder.add_points(path.stem, positions, colors, extra)
        if not builder.clouds:
            raise BadFile(path, f"has {vertex.count} points, but not one of them is finite")
        return builder.finish()


def _native(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


def _save(points: Points, path: Path) -> Job[None]:
    """Binary little endian, in world space; extra columns as they came."""
    yield Progress(0, 1, f"Writing {path.name}")
    world = points.positions @ points.transform[:3, :3].T + points.transform[:3, 3]
    columns = {name: world[:, axis].astype("<f4") for axis, name in enumerate("xyz")}
    if points.colors is not None:
        columns |= {name: points.colors[:, i] for i, name in enumerate(_COLORS)}
    for name, values in points.extra.items():
        kept = values.dtype.str[1:] in _TYPE_NAMES
        columns[name] = values.astype(values.dtype.newbyteorder("<")) if kept else values.astype("<f8")
    lines = ["ply", "format binary_little_endian 1.0", "comment made by Triptych", f"element vertex {len(world)}"]
    lines += [f"property {_TYPE_NAMES[values.dtype.str[1:]]} {name}" for name, values in columns.items()]
    with path.open("wb") as file:
        file.write("\n".join([*lines, "end_header", ""]).encode())
        file.write(np.rec.fromarrays(list(columns.values()), names=list(columns)).tobytes())


FORMAT = Format("PLY points", (".ply",), ("points",), _sniff, _load, _save, writes=("points",))
