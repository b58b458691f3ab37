"""Tri-MipRF (Hu et al. 2023, "Tri-MipRF: Tri-Mip Representation for Efficient Anti-Aliasing Neural Radiance Fields").

The planes are `field.encoding.fm` (3,N,N,C) of its model.ckpt, channels last, for yz, xz, xy in this order; `aabb` is
the box. A sample stands for a ball in the cone of a pixel, and is read between the two levels of a pyramid of means
whose texels are as large; a point reads the finest. Both networks are tiny-cuda-nn's: from the three planes to density,
exp(raw − 1) strictly within the box, and 15 features; from spherical harmonics of the view and these to the colour.
"""

from __future__ import annotations

from ..fields.description import FieldDescription, Group, Head, March, Output, Space, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._numbers import box
from ._parts import cube, find, from_group, prefix, size_of, stacked
from ._tcnn import FEATURES, HARMONICS, WIDTHS, network_size, seen_color, unpacked

PLANES = "field.encoding.fm"
NETWORKS = ("field.mlp_base.params", "field.mlp_head.params")
WEIGHTS = r"(?:.*\.)?field\.mlp_(?:base|head)\.params"
AXES = (("y", "z"), ("x", "z"), ("x", "y"))

HALF_BOX = 1.5
MIP_LEVELS = 8
SAMPLES = 1024
"""Steps along the diagonal of the box."""

LEVEL = 10.0
"""Where we put the surface, of which the family has none."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are Tri-MipRF's: see `Family.match`."""
    planes = _planes_name(shapes)
    if planes is None:
        return 0
    return 95 if _fits(shapes, planes) else 80


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`; without heads where its networks are missing, or are others."""
    shapes = tensors.shapes
    name = _planes_name(shapes)
    kept = {"planes": tensors[name].transpose(0, 3, 1, 2).copy()}
    heads: tuple[Head, ...] = ()
    if _fits(shapes, name):
        heads, weights = _heads(tensors, 3 * shapes[name][3])
        kept.update(weights)
    corners = box(tensors, "aabb")
    description = FieldDescription(
        family=FAMILY.name,
        space=Space(*corners, up="z", outside="empty") if corners else cube(HALF_BOX, up="z", outside="empty"),
        groups=(_group(kept["planes"].shape),),
        heads=heads,
        march=March(samples=SAMPLES, background=(1.0, 1.0, 1.0)),
        surface=Surface("density", level=LEVEL, resolution=256),
    )
    guessed = conventions(description)
    guessed["sampling"] += f", {description.groups[0].mip_levels} levels of means for the balls of a pixel's cone"
    declared = {"planes": size_of(kept["planes"])}
    if corners:
        declared["box"] = guessed.pop("box")
    if heads:
        there = {key: array.shape for key, array in kept.items()}
        declared["decoder"] = decoder_note(there, [layer.weight for head in heads for layer in head.layers])
    return [Found(description, kept, "", declared, guessed)]


def _planes_name(shapes: Shapes) -> str | None:
    name = find(shapes, PLANES)
    return name if name is not None and len(shapes[name]) == 4 and shapes[name][0] == 3 and min(shapes[name]) else None


def _fits(shapes: Shapes, planes: str) -> bool:
    """Whether both networks are there, and read so many features."""
    start = prefix(shapes, PLANES)
    params = [shapes.get(f"{start}{name}") for name in NETWORKS]
    if any(shape is None or len(shape) != 1 for shape in params):
        return False
    base = network_size(params[0][0], 3 * shapes[planes][3], 1 + FEATURES)
    return base is not None and network_size(params[1][0], HARMONICS**2 + FEATURES, 3) is not None


def _group(planes: tuple[int, ...]) -> Group:
    """How planes of the shape (3,C,N,N) are read."""
    levels = MIP_LEVELS
    while any(side % 2 ** (levels - 1) for side in planes[2:]):
        levels -= 1
    return Group("planes", stacked("planes", AXES), interpolation="mip", padding="border", mip_levels=levels)


def _heads(tensors: Tensors, features: int) -> tuple[tuple[Head, ...], dict]:
    start = prefix(tensors.shapes, PLANES)
    params = [tensors[f"{start}{name}"] for name in NETWORKS]
    base, weights = unpacked("mlp_base", params[0], features, 1 + FEATURES)
    # Both have as many neurons; another number of layers could be meant by the same count.
    width = weights["mlp_base.0.weight"].shape[0]
    inputs, widths = HARMONICS**2 + FEATURES, (width, *(other for other in WIDTHS if other != width))
    head, more = unpacked("mlp_head", params[1], inputs, 3, network_size(params[1].size, inputs, 3, widths))
    return (
        Head("base", from_group("planes"), base, (Output("density", (0, 1), "exp", bias=-1.0),)),
        seen_color(head, (1, 1 + FEATURES)),
    ), weights | more


FAMILY = Family("Tri-MipRF", match, describe, weights=WEIGHTS, planes="field.encoding.fm")
