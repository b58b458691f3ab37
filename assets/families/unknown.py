"""Planes of no family that is known here: they open without a decoder, so that they can be looked at.

An array can be planes where two of its dimensions are a picture and the others make three of them: (3,C,H,W),
(B,3,C,H,W), (3,B,C,H,W), (B,3·C,H,W), (3,H,W,C), or (…,C,H,3·W) side by side; or where the names of three arrays with
as many channels end in xy, xz, yz (or zx, zy). They must hold most of the file's numbers, since the weights of networks
have such shapes too. All that a description says of them is guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from ..fields.description import FieldDescription, Group, Plane
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._parts import XY_XZ_YZ, cube, size_of, stacked

NAME = "Unknown planes"
SMALLEST, LONGEST = 8, 8
"""Texels along the shorter side of a picture, and how many times longer the other may be."""

NAMED = re.compile(r"(?:.*[._])?(?:tri_?)?planes?|(?:.*[._])?triplanes?|scene_codes")
PAIRS = re.compile(r"(.*?)([xyz]{2})")
SHARE = 0.5
"""Of the numbers in a file that the planes must make up."""

LIKE = {
    (6, 128): "SSDNeRF",
    (6, 256): "DiffTF",
    (16, 32): "Unibo tri-planes",
    (32, 64): "OpenLRM",
    (32, 128): "NFD or BlockFusion",
    (32, 256): "EG3D or GET3D",
    (32, 512): "RodinHD",
    (40, 64): "TripoSR or InstantMesh",
    (48, 64): "OpenLRM",
    (80, 64): "OpenLRM or InstantMesh",
}
"""Families that publish planes of so many channels and texels."""


@dataclass(frozen=True)
class Layout:
    """How an array holds planes: `split` makes it (assets, 3, C, H, W)."""

    name: str
    split: Callable[[np.ndarray], np.ndarray]


def match(shapes: Shapes) -> int:
    """1 where something can be planes: any family that knows them is surer. See `Family.match`."""
    return int(_candidate(shapes) is not None or _three(shapes) is not None)


def describe(tensors: Tensors) -> list[Found]:
    """The planes, as one asset per set of three, without heads."""
    name = _candidate(tensors.shapes)
    if name is None:
        return [_describe_three(tensors, _three(tensors.shapes))]
    layout = layout_of(tensors.shapes[name])
    sets = layout.split(tensors[name])
    return [
        Found(
            _describe_field(stacked("planes", XY_XZ_YZ)),
            {"planes": np.ascontiguousarray(planes)},
            f" {number}" if len(sets) > 1 else "",
            {"planes": size_of(planes)},
            _guessed(f"{list(tensors.shapes[name])} read as {layout.name}", planes.shape[1:]),
        )
        for number, planes in enumerate(sets, 1)
    ]


def layout_of(shape: tuple[int, ...]) -> Layout | None:
    """The first of the layouts that an array of this shape can have, or None."""
    for fits, layout in LAYOUTS:
        if min(shape, default=0) > 0 and fits(shape):
            return layout
    return None


def _is_picture(rows: int, columns: int) -> bool:
    shorter, longer = sorted((rows, columns))
    return shorter >= SMALLEST and longer <= LONGEST * shorter


def _is_first(shape: tuple[int, ...]) -> bool:
    return len(shape) in (4, 5) and shape[-4] == 3 and shape[-3] > 1 and _is_picture(*shape[-2:])


def _is_last(shape: tuple[int, ...]) -> bool:
    return len(shape) in (4, 5) and shape[-4] == 3 and shape[-3] == shape[-2] >= SMALLEST and shape[-1] > 1


def _is_folded(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[1] % 3 == 0 and shape[1] > 3 and _is_picture(*shape[-2:])


def _is_batched(shape: tuple[int, ...]) -> bool:
    return len(shape) == 5 and shape[0] == 3 and shape[2] > 1 and _is_picture(*shape[-2:])


def _is_rolled(shape: tuple[int, ...]) -> bool:
    return len(shape) in (3, 4) and shape[-1] == 3 * shape[-2] >= 3 * SMALLEST and shape[-3] > 1


def _unroll(array: np.ndarray) -> np.ndarray:
    return np.stack(np.split(array.reshape(-1, *array.shape[-3:]), 3, axis=-1), 1)


LAYOUTS = (
    (_is_first, Layout("planes first", lambda array: array.reshape(-1, *array.shape[-4:]))),
    (_is_batched, Layout("planes first, then a batch", lambda array: array.swapaxes(0, 1))),
    (_is_rolled, Layout("planes side by side", _unroll)),
    (_is_last, Layout("channels last", lambda array: np.moveaxis(array.reshape(-1, *array.shape[-4:]), -1, -3))),
    (
        _is_folded,
        Layout("planes among the channels", lambda array: array.reshape(len(array), 3, -1, *array.shape[-2:])),
    ),
)
"""What an array's shape must be, and how it is read then; the first that fits is taken."""


def _candidate(shapes: Shapes) -> str | None:
    """The array that can be planes: one that is called so, or else the largest."""
    fitting = [name for name, shape in shapes.items() if layout_of(shape)]
    best = max(fitting, key=lambda name: (NAMED.fullmatch(name) is not None, math.prod(shapes[name])), default=None)
    return best if best is not None and _is_most(shapes, [best]) else None


def _three(shapes: Shapes) -> dict[str, str] | None:
    """Three arrays (C,H,W) or (1,C,H,W) whose names end in three different pairs of axes, by those pairs."""
    sets: dict[str, dict[str, str]] = {}
    for name, shape in shapes.items():
        hit = PAIRS.fullmatch(name)
        if hit and hit[2][0] != hit[2][1] and len(shape) >= 3 and set(shape[:-3]) <= {1} and _is_picture(*shape[-2:]):
            sets.setdefault(hit[1], {})[hit[2]] = name
    for found in sets.values():
        different = {frozenset(pair) for pair in found}
        channels = {shapes[name][-3] for name in found.values()}
        if len(found) == len(different) == 3 and len(channels) == 1 and _is_most(shapes, list(found.values())):
            return found
    return None


def _is_most(shapes: Shapes, names: list[str]) -> bool:
    whole = sum(math.prod(shape) for shape in shapes.values())
    return sum(math.prod(shapes[name]) for name in names) >= SHARE * whole


def _describe_three(tensors: Tensors, names: dict[str, str] | None) -> Found:
    if names is None:
        raise BadInput("No array can be planes.")
    kept = {pair: tensors[name].reshape(1, *tensors.shapes[name][-3:]) for pair, name in names.items()}
    description = _describe_field(tuple(Plane(pair, 0, tuple(pair)) for pair in names))
    shape = next(iter(kept.values())).shape[1:]
    guessed = _guessed("the letters of their names, columns first", shape) | {"axes": ", ".join(names)}
    return Found(description, kept, "", {"planes": f"3 × {shape[0]} channels"}, guessed)


def _describe_field(planes: tuple[Plane, ...]) -> FieldDescription:
    return FieldDescription(NAME, cube(), (Group("planes", planes),))


def _guessed(how: str, shape: tuple[int, ...]) -> dict[str, str]:
    like = LIKE.get((shape[0], shape[-1]))
    return {
        "family": "none is named in the file" + (f"; {like} publishes planes of this size" if like else ""),
        "planes": how,
        "box": "±1",
        "up": "y",
        "axes": "xy, xz, yz",
        "sampling": "bilinear, texel edges at the box, zeros outside",
    }


FAMILY = Family(NAME, match, describe, weights=r"(?!)", known=False)
