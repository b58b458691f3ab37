"""Gaussian splats as one binary glTF file: KHR_gaussian_splatting, uncompressed f32.

glTF has y up, +z in front and left at +x. Splats are turned so that the axis that is up in their world becomes y: those
of a trainer's .ply, whose y points down, by 180° about z, as other programs do. Which axis it was stands in the extras
of the primitive, so that they come back as they were. Programs that don't know the extension see points in COLOR_0.
Source: github.com/KhronosGroup/glTF, extensions/2.0/Khronos/KHR_gaussian_splatting.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput
from ..files.gltf.container import MAGIC
from ..files.gltf.splats import COLOR_SPACES, EXTENSION, FRAME, FRAMES, MODE, UP
from ..gaussians import Gaussians, TrainerNotes
from ..meshes.color_space import linear_from_srgb
from ..progress import Job, Progress, stage
from ..splats import frames, packing
from ..splats.plain import plain
from ..splats.spherical_harmonics import C0
from . import Format
from .gltf import load

_ARRAY_BUFFER, _FLOAT, _BYTE = 34962, 5126, 5121
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
_LARGEST_FILE = (1 << 32) - 1
_ROWS = 131072
Rows = Callable[[slice], np.ndarray]


def sniff(path: Path, head: bytes) -> int:
    """See `Format.sniff`. Meshes may lie beside the splats; the reader is the same."""
    return 97 if head.startswith(MAGIC) and f'"{EXTENSION}'.encode() in head else 0


def save(asset: Gaussians, path: Path) -> Job[None]:
    """Writes splats; a transform is baked in. Raises BadInput where they are too many for the format."""
    splats = yield from stage(plain(asset, keeps_linear=True), 0.0, 0.4)
    up = splats.notes.up_axis or "-y"
    signs = frames.signs_between(FRAMES[up], FRAME)
    if signs is None:
        splats, signs = (yield from stage(frames.converted(splats, FRAMES[up], FRAME), 0.4, 0.5)), (1.0, 1.0, 1.0)
    attributes = _attributes(splats, signs)
    tree, size = _tree(asset.name, splats.notes, len(splats), attributes, up)
    text = json.dumps(tree, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    length = 28 + len(text) + size
    if length > _LARGEST_FILE:
        raise BadInput(f"{path}: {len(splats):,} splats are too many for one .glb, which holds at most 4 GiB.")
    with path.open("wb") as file:
        file.write(struct.pack("<4sIIII", MAGIC, 2, length, len(text), 0x4E4F534A) + text)
        file.write(struct.pack("<II", size, 0x004E4942))
        for number, (_, _, _, rows) in enumerate(attributes):
            for part in _parts(len(splats)):
                file.write(np.ascontiguousarray(rows(part)).data)
            yield Progress(0.5 + 0.5 * number / len(attributes), 1, f"Writing {len(splats):,} splats")


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _ROWS, count)) for start in range(0, count, _ROWS))


def _attributes(splats: Gaussians, signs: tuple[float, float, float]) -> list[tuple[str, int, int, Rows]]:
    """Name, columns, component type and rows of each attribute, with axes that take `signs`."""
    axes, turned, odd = frames.sign_factors(signs, splats.sh_degree)
    found: list[tuple[str, int, int, Rows]] = [
        ("POSITION", 3, _FLOAT, lambda part: np.multiply(splats.means[part], axes, dtype=np.float32)),
        ("COLOR_0", 4, _BYTE, lambda part: _fallback(splats, part)),
        (f"{EXTENSION}:ROTATION", 4, _FLOAT, lambda part: (splats.rotations[part] * turned)[:, [1, 2, 3, 0]]),
        (f"{EXTENSION}:SCALE", 3, _FLOAT, lambda part: np.exp(splats.log_scales[part])),
        (f"{EXTENSION}:OPACITY", 1, _FLOAT, lambda part: packing.opacities(splats.logit_opacities[part])),
    ]
    for degree in range(splats.sh_degree + 1):
        for index in range(2 * degree + 1):
            name = f"{EXTENSION}:SH_DEGREE_{degree}_COEF_{index}"
            term = degree**2 + index
            found.append((name, 3, _FLOAT, lambda part, term=term: _coefficients(splats.sh[part, term], odd[term])))
    return found


def _coefficients(sh: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """One coefficient (n,3) f32 of each splat, with a sign (1,)."""
    return np.multiply(sh, sign, dtype=np.float32)


def _fallback(splats: Gaussians, part: slice) -> np.ndarray:
    """Colours (n,4) u8 for programs that draw points: linear light, as glTF has vertex colours."""
    rgb = np.clip(splats.sh[part, 0] * C0 + 0.5, 0, 1)
    linear = rgb if splats.notes.color_space == "linear" else linear_from_srgb(rgb)
    alpha = packing.opacities(splats.logit_opacities[part])[:, None]
    return packing.to_bytes(np.concatenate([linear, alpha], 1) * 255)


def _tree(
    title: str, notes: TrainerNotes, count: int, attributes: list[tuple[str, int, int, Rows]], up: str
) -> tuple[dict[str, Any], int]:
    """The description of the file, and the bytes of its buffer."""
    views, accessors, size = [], [], 0
    for name, width, component, rows in attributes:
        nbytes = count * width * (4 if component == _FLOAT else 1)
        accessor: dict[str, Any] = {"bufferView": len(views), "componentType": component}
        accessor |= {"count": count, "type": _TYPES[width]}
        if component == _BYTE:
            accessor["normalized"] = True
        if name == "POSITION" and count:
            ends = [[reduce(rows(part), 0) for part in _parts(count)] for reduce in (np.min, np.max)]
            accessor |= {"min": np.min(ends[0], 0).tolist(), "max": np.max(ends[1], 0).tolist()}
        views.append({"buffer": 0, "byteOffset": size, "byteLength": nbytes, "target": _ARRAY_BUFFER})
        accessors.append(accessor)
        size += nbytes
    mode = "2dgs" if notes.kernel == "2dgs" else "mip" if notes.antialiasing == "mip" else "default"
    extension = {
        "kernel": "ellipse",
        "colorSpace": COLOR_SPACES.get(notes.color_space, COLOR_SPACES["srgb"]),
        "projection": "perspective",
        "sortingMethod": "cameraDistance",
    }
    primitive = {
        "attributes": {name: number for number, (name, *_) in enumerate(attributes)},
        "mode": 0,
        "extensions": {EXTENSION: extension},
        "extras": {"name": title, UP: up, MODE: mode},
    }
    tree = {
        "asset": {"version": "2.0", "generator": "Triptych"},
        "extensionsUsed": [EXTENSION],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": title}],
        "meshes": [{"primitives": [primitive], "name": title}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": size}],
    }
    return tree, size


FORMAT = Format(
    name="glTF splats",
    extensions=(".glb",),
    kinds=("gaussians", "mesh", "points"),
    sniff=sniff,
    load=load,
    save=save,
    writes=("gaussians",),
)
