"""Hyper3D (Guo et al. 2025, "Hyper3D: Efficient 3D Representation via Hybrid Triplane and Octree Feature for Enhanced
3D Shape Variational Auto-Encoders"), and other fields of three fine planes and one coarse grid.

Neither code nor weights of it are public, so that everything but the principle is guessed, and shown as such: the
features of the planes and those of the grid, which is looked up trilinearly, go together into a ReLU network. How they
go together is what its first layer has room for: planes and grid concatenated (3 C + G), the sum of the planes and the
grid concatenated (C + G), or all of them added (C = G). One number comes out: a distance, negative inside, where the
names of the weights say `sdf`, else an occupancy logit; three more are a colour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..fields.description import FieldDescription, Group, Head, March, Output, Plane, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._parts import XY_XZ_YZ, cube, from_group, layers, numbered, size_of, stacked, with_biases
from ._planes import sets_of

GRIDS = re.compile(r"(?:.*\.)?(?:\w+_)?(?:grid|grids|volume|voxel|voxels)(?:_(?:feature|features|latent|3d))?")
PLANES = re.compile(r"(?:.*\.)?(?:\w+_)?(?:planes|triplane|triplanes)(?:_(?:feature|features|latent))?")
LAYER = re.compile(r"((?:.*\.)?)\d+\.weight")


@dataclass(frozen=True)
class Names:
    """Which arrays are what. weights: those of the layers in their order; joined: how planes and grid are."""

    planes: str
    grid: str
    weights: tuple[str, ...] = ()
    joined: str = "concatenated"


def match(shapes: Shapes) -> int:
    """How surely these tensors are planes and a grid: see `Family.match`."""
    names = _names(shapes)
    if names is None:
        return 0
    return 75 if names.weights else 45


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one per set of planes; without heads where there is no decoder, or none that fits."""
    names = _names(tensors.shapes)
    sets = sets_of(tensors[names.planes], None)
    grids = tensors[names.grid]
    grids = grids.reshape(-1, *grids.shape[-4:])
    weights = {name: tensors[name] for name in with_biases(names.weights, tensors.shapes)}
    found = []
    for number, (planes, grid) in enumerate(zip(sets, grids, strict=False), 1):
        kept = {"planes": np.ascontiguousarray(planes), "grid": np.ascontiguousarray(grid)[None]} | weights
        suffix = f" {number}" if len(sets) > 1 else ""
        found.append(Found(_describe_field(names, kept), kept, suffix, *_what_is_known(names, kept)))
    return found


def _names(shapes: Shapes) -> Names | None:
    """The planes and the grid, each the only one of its kind, and the layers that fit them."""
    grids = [name for name, shape in shapes.items() if GRIDS.fullmatch(name) and _is_grid(shape)]
    planes = [name for name, shape in shapes.items() if PLANES.fullmatch(name) and _channels(shape)]
    if len(grids) != 1 or len(planes) != 1 or _count(shapes[planes[0]], 3) != _count(shapes[grids[0]], 1):
        return None
    plane, grid = _channels(shapes[planes[0]]), shapes[grids[0]][-4]
    rooms = {3 * plane + grid: "concatenated", plane + grid: "the sum of the planes concatenated with the grid"}
    if plane == grid:
        rooms[plane] = "added"
    for before in sorted({hit[1] for name in shapes if (hit := LAYER.fullmatch(name))}):
        weights = tuple(numbered(shapes, before))
        if len(weights) > 1 and shapes[weights[0]][1] in rooms and shapes[weights[-1]][0] in (1, 4):
            return Names(planes[0], grids[0], weights, rooms[shapes[weights[0]][1]])
    return Names(planes[0], grids[0])


def _is_grid(shape: tuple[int, ...]) -> bool:
    return len(shape) in (4, 5) and min(shape[-3:]) > 1


def _channels(shape: tuple[int, ...]) -> int:
    """Channels of one plane in an array of three, 0 where it holds no three planes."""
    if len(shape) in (4, 5) and shape[-4] == 3:
        return shape[-3]
    return shape[-3] // 3 if len(shape) == 4 and shape[-3] % 3 == 0 else 0


def _count(shape: tuple[int, ...], planes: int) -> int:
    """How many assets an array holds."""
    if planes == 1:
        return shape[0] if len(shape) == 5 else 1
    return shape[0] if len(shape) == 5 or shape[0] != planes else 1


def _describe_field(names: Names, kept: dict[str, np.ndarray]) -> FieldDescription:
    grid = Plane("grid", 0, ("x", "y", "z"))
    if names.joined == "added":
        groups = (Group("features", (*stacked("planes", XY_XZ_YZ), grid), "sum"),)
    else:
        combine = "concat" if names.joined == "concatenated" else "sum"
        groups = (Group("planes", stacked("planes", XY_XZ_YZ), combine), Group("grid", (grid,)))
    distance = any("sdf" in name for name in names.weights)
    outputs = (Output("sdf" if distance else "occupancy_logit"),)
    if names.weights and len(kept[names.weights[-1]]) == 4:
        outputs += (Output("rgb", (1, 4), "sigmoid"),)
    inputs = from_group(*(group.name for group in groups))
    heads = (Head("decoder", inputs, layers(names.weights, kept, "relu"), outputs),) if names.weights else ()
    return FieldDescription(
        family="Hyper3D",
        space=cube(),
        groups=groups,
        heads=heads,
        march=March(background=(1.0, 1.0, 1.0)),
        surface=Surface("sdf", 0.0, 256, "below") if distance else Surface("occupancy_logit", 0.0, 256, "above"),
    )


def _what_is_known(names: Names, kept: dict[str, np.ndarray]) -> tuple[dict[str, str], dict[str, str]]:
    _, channels, depth, rows, columns = kept["grid"].shape
    declared = {"planes": size_of(kept["planes"]), "grid": f"{channels} channels, {columns} × {rows} × {depth} texels"}
    guessed = {
        "family": "Hyper3D, from the planes and the grid",
        "box": "±1",
        "up": "y",
        "axes": "xy, xz, yz; grid x, y, z from the last dimension on",
        "sampling": "bilinear, texel edges at the box, zeros outside",
    }
    if names.weights:
        declared["decoder"] = f"{len(names.weights)} layers, {len(kept[names.weights[0]])} wide"
        guessed["combination"] = f"planes and grid {names.joined}"
        guessed["activations"] = "ReLU"
        guessed["output"] = "distance, negative inside" if "sdf" in names.weights[0] else "occupancy logit"
    return declared, guessed


FAMILY = Family("Hyper3D", match, describe, weights=r"(?:.*\.)?hyper3d_decoder\.(?:.*\.)?\d+\.weight")
