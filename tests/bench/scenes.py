"""Deterministic scenes for measuring: splats with SH 3 as INRIA's .ply, meshes as .ply, a TripoSR-sized triplane.

The world has y up; splats and meshes lie within ±1.6 around the origin, above a disc of radius 3.2 at y = −1.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.small_files import splat_columns

SPLATS = {"splats-50k": 50_000, "splats-250k": 250_000, "splats-1M": 1_000_000}
MESHES = {"mesh-100k": 100_000, "mesh-1M": 1_000_000}
TRIPLANE = "triplane-triposr"
SH_DC = 0.28209479177387814


def make_all(folder: Path, names: list[str]) -> dict[str, Path]:
    """The files of these scenes, made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    for name in names:
        path = folder / f"{name}{'.npz' if name == TRIPLANE else '.ply'}"
        if not path.exists():
            if name in SPLATS:
                write_splat_scene(path, SPLATS[name])
            elif name in MESHES:
                write_bumpy_ball(path, MESHES[name])
            else:
                np.savez(path, **triposr_ball())
        files[name] = path
    return files


def waves(points: np.ndarray, seed: int) -> np.ndarray:
    """Smooth noise in −1 … 1 at points (N,3): octaves of sine waves in random directions."""
    random = np.random.default_rng(seed)
    total = np.zeros(len(points))
    for octave in range(4):
        directions, phases = random.normal(size=(3, 3)) * 1.7 * 2**octave, random.uniform(0, 2 * np.pi, 3)
        total += np.sin(points @ directions.T + phases).mean(1) / 2**octave
    return total / (2 - 2**-3)


def directions(random: np.random.Generator, count: int) -> np.ndarray:
    """Unit vectors, evenly spread, (count,3)."""
    vectors = random.normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_splat_scene(path: Path, count: int) -> None:
    """A bumpy ball in a ring over a chequered disc, with some floaters: flat splats on surfaces, 28 % of them faint."""
    random = np.random.default_rng(7)
    shares = (0.35, 0.25, 0.385)
    ball, ring, disc = (int(share * count) for share in shares)
    floaters = count - ball - ring - disc
    around = directions(random, ball)
    u, v = random.uniform(0, 2 * np.pi, (2, ring))
    radius, turn = 3.2 * np.sqrt(random.uniform(0, 1, disc)), random.uniform(0, 2 * np.pi, disc)
    tube = np.stack([np.cos(v) * np.cos(u), np.sin(v), np.cos(v) * np.sin(u)], 1)
    positions = [
        around * (0.8 + 0.18 * waves(around * 2, 1))[:, None],
        1.35 * np.stack([np.cos(u), 0 * u, np.sin(u)], 1) + 0.22 * tube,
        np.stack([radius * np.cos(turn), np.full(disc, -1.0), radius * np.sin(turn)], 1),
        random.normal(size=(floaters, 3)) * (1.3, 0.7, 1.3),
    ]
    normals = [around, tube, np.tile((0.0, 1.0, 0.0), (disc, 1)), directions(random, floaters)]
    areas = (8.0, 11.7, 32.2, 0.8)
    points, normals = np.concatenate(positions), np.concatenate(normals) + 0.2 * random.normal(size=(count, 3))
    sigma = np.repeat(
        [0.5 * np.sqrt(area / max(len(part), 1)) for area, part in zip(areas, positions)], [*map(len, positions)]
    )
    table = np.zeros((count, 62), np.float32)
    table[:, 0:3] = points + 0.004 * random.normal(size=(count, 3))
    colors = 0.5 + 0.35 * np.stack([waves(points * 1.5, seed) for seed in (2, 3, 4)], 1)
    table[:, 6:9] = (colors - 0.5) / SH_DC
    table[:, 9:54] = 0.05 * random.normal(size=(count, 45))
    strong = random.uniform(size=count) < 0.72
    table[:, 54] = np.where(strong, 3.2 + 1.6 * random.normal(size=count), 0.2 + 1.5 * random.normal(size=count))
    table[:, 55:58] = np.log(sigma)[:, None] + 0.5 * random.normal(size=(count, 3))
    table[:, 57] -= 2.0
    table[:, 58:62] = turning_z_onto(normals / np.linalg.norm(normals, axis=1, keepdims=True))
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n"
    header += "".join(f"property float {name}\n" for name in splat_columns(3)) + "end_header\n"
    path.write_bytes(header.encode() + table[random.permutation(count)].tobytes())


def turning_z_onto(normals: np.ndarray) -> np.ndarray:
    """Quaternions w x y z (N,4) that turn +z onto unit vectors (N,3)."""
    turned = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], 0 * normals[:, 0]], 1)
    turned[turned[:, 0] < 1e-6] = (0, 1, 0, 0)
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def write_bumpy_ball(path: Path, triangles: int) -> None:
    """A displaced sphere of about that many triangles, with normals and colours per vertex, as binary .ply."""
    rows = int(np.sqrt(triangles / 4))
    columns = 2 * rows
    polar, turn = np.meshgrid(np.linspace(0, np.pi, rows + 1), np.linspace(0, 2 * np.pi, columns + 1), indexing="ij")
    around = np.stack([np.sin(polar) * np.cos(turn), np.cos(polar), np.sin(polar) * np.sin(turn)], -1).reshape(-1, 3)
    vertices = around * (1 + 0.16 * waves(around * 2, 3) + 0.05 * waves(around * 9, 4))[:, None]
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    below = corner + columns + 1
    faces = np.concatenate([np.stack([corner, corner + 1, below], 1), np.stack([corner + 1, below + 1, below], 1)])
    normals = np.zeros_like(vertices)
    flat = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    for corner_of_face in faces.T:
        for axis in range(3):
            normals[:, axis] += np.bincount(corner_of_face, flat[:, axis], len(vertices))
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(lengths > 1e-12, normals / np.maximum(lengths, 1e-12), around)
    colors = 128 + 100 * np.stack([waves(around * 1.5, seed) for seed in (5, 6, 7)], 1)
    rows_of_file = np.zeros(len(vertices), [("p", "<f4", 3), ("n", "<f4", 3), ("c", "u1", 3)])
    rows_of_file["p"], rows_of_file["n"], rows_of_file["c"] = vertices, normals, colors
    lists = np.zeros(len(faces), [("count", "u1"), ("indices", "<i4", 3)])
    lists["count"], lists["indices"] = 3, faces
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
    header += "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz"))
    header += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    header += f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    path.write_bytes(header.encode() + rows_of_file.tobytes() + lists.tobytes())


def triposr_ball() -> dict[str, np.ndarray]:
    """Planes and decoder with the names and sizes of TripoSR's, holding a bumpy ball.

    Unit 0 of every layer carries the sum of channel 0 of the planes, lifted by 10 where SiLU is nearly linear; the
    other units are random, so that the decoder costs what a trained one does.
    """
    random = np.random.default_rng(11)
    axis = np.linspace(-1, 1, 64)
    squares = np.add.outer(axis**2, axis**2) / 2
    planes = 0.3 * random.normal(size=(1, 3, 40, 64, 64)).astype(np.float32)
    planes[:, :, 0] = 8 * (0.12 - squares) + 0.3 * np.sin(9 * axis)[:, None] * np.sin(7 * axis)
    tensors = {"scene_codes": planes}
    widths = [120, *[64] * 9, 4]
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        weight = random.normal(0, 2.2 / np.sqrt(inputs), (outputs, inputs))
        bias = np.zeros(outputs)
        weight[0] = 0
        weight[1:, 0] *= 0.0 if index else 1.0
        if index == 0:
            weight[0, [0, 40, 80]], bias[0] = 2.0, 10.0
        else:
            weight[0, 0] = 1.0
        if index == len(widths) - 2:
            bias[0] = -10.0 + 3.0
        tensors[f"decoder.layers.{2 * index}.weight"] = weight.astype(np.float32)
        tensors[f"decoder.layers.{2 * index}.bias"] = bias.astype(np.float32)
    return tensors
