"""A tiny asset of every kind, and a tiny file of every format that we read but do not write."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from assets.asset import Asset
from assets.fields.description import FieldDescription, Group, Head, Input, Layer, March, Output, Plane, Space, Surface
from assets.gaussians import Gaussians
from assets.mesh import Mesh, MeshPart
from assets.points import Points
from assets.triplane import Triplane

from .assets.ksplat_files import write_ksplat
from .assets.mesh_files import write_3dxml, write_xaml
from .small_files import CUBE_CORNERS, CUBE_FACES


def mesh() -> Mesh:
    """A cube of side 2."""
    normals = CUBE_CORNERS / np.linalg.norm(CUBE_CORNERS, axis=1, keepdims=True)
    return Mesh("cube", [MeshPart("cube", CUBE_CORNERS.copy(), CUBE_FACES.copy(), normals.astype(np.float32))])


def points() -> Points:
    """A red cloud."""
    positions = np.random.default_rng(1).uniform(-1, 1, (200, 3)).astype(np.float32)
    return Points("cloud", positions, np.tile(np.uint8([255, 0, 0, 255]), (200, 1)))


def gaussians() -> Gaussians:
    """Opaque splats in the unit box, SH degree 1. Their number makes a .splat that is cut anywhere a wrong one."""
    random = np.random.default_rng(2)
    means = random.uniform(-1, 1, (99, 3)).astype(np.float32)
    log_scales = np.full((99, 3), -2.5, np.float32)
    rotations = random.normal(size=(99, 4)).astype(np.float32)
    sh = random.normal(0, 0.3, (99, 4, 3)).astype(np.float32)
    return Gaussians("dots", means, log_scales, rotations, np.full(99, 4.0, np.float32), sh)


def triplane(steepness: float = 4.0) -> Triplane:
    """Two channels per plane, read by one linear layer as a dense ball of orange fog. Steeper, there is less of its
    rim to bake: 16 takes a third of the time."""
    axis = np.linspace(-1, 1, 16)
    bump = steepness * (0.35 - np.add.outer(axis**2, axis**2))
    tensors = {
        "planes": np.repeat(np.stack([bump, 0 * bump])[None], 3, 0).astype(np.float16),
        "weight": np.float32([[1, 0], [0, 0], [0, 0], [0, 0]]),
        "bias": np.float32([1.0, 3.0, 0.0, -3.0]),
    }
    axes = (("x", "y"), ("x", "z"), ("y", "z"))
    group = Group("planes", tuple(Plane("planes", index, pair) for index, pair in enumerate(axes)), combine="sum")
    outputs = (Output("density", (0, 1), activation="exp"), Output("rgb", (1, 4), activation="sigmoid"))
    head = Head("decoder", (Input("group", "planes"),), (Layer("weight", "bias"),), outputs)
    space = Space((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    rules = March(samples=64), Surface(level=3.0)
    return Triplane("fog", tensors, FieldDescription("test", space, (group,), (head,), *rules))


KINDS: dict[str, Callable[[], Asset]] = {
    "mesh": mesh,
    "points": points,
    "gaussians": gaussians,
    "triplane": triplane,
}


def triposr_tensors(size: int = 8) -> dict[str, np.ndarray]:
    """Random arrays with the names and shapes of TripoSR's."""
    random = np.random.default_rng(3)
    widths = [120, *[64] * 9, 4]
    tensors = {"scene_codes": random.normal(size=(1, 3, 40, size, size)).astype(np.float32)}
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        tensors[f"decoder.layers.{2 * index}.weight"] = random.normal(0, 0.1, (outputs, inputs)).astype(np.float32)
        tensors[f"decoder.layers.{2 * index}.bias"] = np.zeros(outputs, np.float32)
    return tensors


def _through_trimesh(path: Path) -> None:
    import trimesh

    trimesh.Trimesh(CUBE_CORNERS, CUBE_FACES).export(path)


def _gltf(path: Path) -> None:
    """One file with its buffer inside, as base64."""
    import base64

    vertices, faces = CUBE_CORNERS.tobytes(), CUBE_FACES.tobytes()
    uri = "data:application/octet-stream;base64," + base64.b64encode(vertices + faces).decode()
    views = [{"buffer": 0, "byteLength": len(vertices)}]
    views += [{"buffer": 0, "byteOffset": len(vertices), "byteLength": len(faces)}]
    positions = {"bufferView": 0, "componentType": 5126, "count": 8, "type": "VEC3"}
    indices = {"bufferView": 1, "componentType": 5125, "count": 36, "type": "SCALAR"}
    form = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [positions | {"min": [-1, -1, -1], "max": [1, 1, 1]}, indices],
        "bufferViews": views,
        "buffers": [{"byteLength": len(vertices) + len(faces), "uri": uri}],
    }
    path.write_text(json.dumps(form), "utf-8")


def _torch(path: Path) -> None:
    import torch

    torch.save({name: torch.from_numpy(array) for name, array in triposr_tensors().items()}, path)


def _splat_checkpoint(path: Path) -> None:
    """As gsplat's trainer writes it."""
    import torch

    splats = gaussians()
    arrays = {"means": splats.means, "scales": splats.log_scales, "quats": splats.rotations}
    arrays |= {"opacities": splats.logit_opacities, "sh0": splats.sh[:, :1], "shN": splats.sh[:, 1:]}
    named = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    torch.save({"step": 9, "splats": named}, path)


def _hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in triposr_tensors().items():
            file[name] = array


def _streamed_sog(path: Path) -> None:
    """One level in one part."""
    from assets.formats.gaussian_sog import save_folder
    from assets.progress import run

    part = path.parent / "0_0"
    part.mkdir(exist_ok=True)
    splats = gaussians()
    run(save_folder(splats, part / "meta.json"))
    lods = {"0": {"file": 0, "offset": 0, "count": len(splats)}}
    meta = {"lodLevels": 1, "filenames": ["0_0/meta.json"], "environment": None, "tree": {"lods": lods}}
    path.write_text(json.dumps(meta), "utf-8")


READ_ONLY: dict[str, Callable[[Path], object]] = {
    ".gltf": _gltf,
    ".off": _through_trimesh,
    ".3mf": _through_trimesh,
    ".dae": _through_trimesh,
    ".xaml": write_xaml,
    ".3dxml": write_3dxml,
    ".npz": lambda path: np.savez(path, **triposr_tensors()),
    ".pt": _torch,
    ".ckpt": _splat_checkpoint,
    ".h5": _hdf5,
    ".json": _streamed_sog,
    ".ksplat": lambda path: write_ksplat(path, gaussians()),
}
"""Writers of a small file for formats that have no `save`, by the format's usual suffix."""
