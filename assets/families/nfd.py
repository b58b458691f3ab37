"""NFD (Shue et al. 2023, "3D Neural Field Generation using Triplane Diffusion").

A model fitted to several objects holds `embeddings.0 … 3N−1` (1,32,128,128), three planes an object, and the shared
`net`; samples of the diffusion are lone .npy files (96,128,128), read with `net` alone, whose names may lack that word.
The planes xy, yz, xz are summed, widened by the random frequencies `_B`, and decoded by ReLU layers to the logit of
occupancy, above 0 inside. Its mesh is that level set on a grid of 128.
"""

from __future__ import annotations

import re

import numpy as np

from ..fields.description import Encoding, FieldDescription, Group, Head, Input, March, Output, Plane, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._parts import cube, ends_with, layers, numbered, size_of, stacked, with_biases
from ._planes import sets_of

AXES = (("x", "y"), ("y", "z"), ("x", "z"))
MATRIX = re.compile(r"(?:.*\.)?net\.0\._B|0\._B")
PLANES = "embeddings."


def match(shapes: Shapes) -> int:
    """How surely these tensors are NFD's: see `Family.match`."""
    matrix, planes = _matrix(shapes), _planes_names(shapes)
    if planes:
        return 90 if matrix else 55
    return 80 if matrix and _lone_planes(shapes, matrix) is not None else 0


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one per three planes; without heads where there is no decoder."""
    shapes = tensors.shapes
    matrix, names = _matrix(shapes), _planes_names(shapes)
    if names:
        objects = [np.concatenate([tensors[name] for name in names[i : i + 3]]) for i in range(0, len(names), 3)]
    else:
        objects = sets_of(tensors[_lone_planes(shapes, matrix)], shapes[matrix][0])
    weights = [] if matrix is None else numbered(shapes, matrix.removesuffix("0._B"))
    fits = bool(weights) and shapes[matrix][0] == objects[0].shape[1] and shapes[weights[-1]][0] == 1
    kept = {name: tensors[name] for name in (matrix, *with_biases(weights, shapes))} if fits else {}
    description = _field(matrix, weights if fits else [], shapes)
    found = []
    for number, planes in enumerate(objects, 1):
        suffix = f" {number}" if len(objects) > 1 else ""
        declared = {"planes": size_of(planes)}
        if fits:
            declared["decoder"] = f"{decoder_note(shapes, weights)}, after random frequencies"
        found.append(Found(description, {"planes": planes, **kept}, suffix, declared, conventions(description)))
    return found


def _matrix(shapes: Shapes) -> str | None:
    """The name of the random frequencies (channels, count), the first layer of the decoder."""
    return next((name for name, shape in shapes.items() if MATRIX.fullmatch(name) and len(shape) == 2), None)


def _planes_names(shapes: Shapes) -> list[str]:
    """Names of the planes (1,C,H,W) in order, three an object; empty where there are no whole objects."""
    first = next((name for name in shapes if ends_with(name, f"{PLANES}0")), None)
    if first is None:
        return []
    names = numbered(shapes, first.removesuffix("0"), "", dimensions=4)
    whole = len(names) % 3 == 0 and len({shapes[name] for name in names}) == 1 and min(shapes[first]) > 0
    return names if whole and shapes[first][0] == 1 else []


def _lone_planes(shapes: Shapes, matrix: str) -> str | None:
    """The planes (…,3·C,H,W) or (3,C,H,W) of a sample that the decoder with this matrix reads."""
    channels = shapes[matrix][0]
    for name, shape in shapes.items():
        together = len(shape) in (3, 4) and shape[-3] == 3 * channels
        apart = len(shape) in (4, 5) and shape[-4:-2] == (3, channels)
        if (together or apart) and min(shape) > 0:
            return name
    return None


def _field(matrix: str | None, weights: list[str], shapes: Shapes) -> FieldDescription:
    waves = Input("group", "planes", encoding=Encoding("fourier", matrix=matrix or ""))
    head = Head("net", (waves,), layers(weights, shapes, "relu"), (Output("occupancy_logit"),))
    planes: tuple[Plane, ...] = stacked("planes", AXES)
    return FieldDescription(
        family=FAMILY.name,
        space=cube(1.0, up="y"),
        groups=(Group("planes", planes, combine="sum", align_corners=True, padding="zeros"),),
        heads=(head,) if weights else (),
        march=March(background=(1.0, 1.0, 1.0)),
        surface=Surface("occupancy_logit", level=0.0, resolution=128, matter="above"),
    )


FAMILY = Family("NFD", match, describe, weights=MATRIX.pattern)
