"""6Img-to-3D (Gieruc et al. 2024, "6Img-to-3D: Few-Image Large-Scale Outdoor Driving Scene Reconstruction").

The planes, which its encoder makes of six images and people save themselves, are `plane_zh`, `plane_hw`, `plane_zw`,
(Z,H,C), (H,W,C), (Z,W,C) with the channels last; the weights are `decoder_net.params` of its model_*.pth, a network of
tiny-cuda-nn. Its world has the columns z, h, w, here x, y, z; it is scaled and contracted (mip-NeRF 360). The plane
called zw is read with w along z, as its own code does. The product of the planes is decoded to colour and, last, the
density, exp(raw − 1). Decoders that also read features projected from the images (its default) need those images.
"""

from __future__ import annotations

import re

import numpy as np

from ..errors import BadInput
from ..fields.description import FieldDescription, Group, Head, March, Output, Plane, Space, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._parts import find, from_group, prefix
from ._tcnn import network_size, unpacked

NAMES = ("plane_zh", "plane_hw", "plane_zw")
AXES = (("x", "y"), ("y", "z"), ("z", "x"))
PARAMS = re.compile(r"(?:.*\.)?(?:decoder|full)_net\.params")

IMAGE_FEATURES = 2 * 128
"""What a decoder reads beside the planes where its model projects features from the images."""

HIDDEN = 5
"""Layers of its decoder, which tells both kinds of it apart."""

SCALE = (0.5, 0.1, 0.1)
"""Of the world, before its contraction."""

LEVEL = 10.0
"""Where we put the surface, of which the family has none."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are 6Img-to-3D's: see `Family.match`."""
    return 96 if _plane_names(shapes) else 0


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`; without heads where there is no decoder, or none that fits. Raises BadInput for one that
    needs the images."""
    shapes = tensors.shapes
    names = _plane_names(shapes)
    # (columns, rows, channels) → (1, channels, rows, columns)
    kept = {
        own: np.ascontiguousarray(tensors[name].transpose(2, 1, 0))[None]
        for own, name in zip(NAMES, names, strict=True)
    }
    channels = shapes[names[0]][2]
    params = next((name for name in shapes if PARAMS.fullmatch(name) and len(shapes[name]) == 1), None)
    heads = ()
    if params:
        heads, weights = _heads(tensors[params], channels)
        kept.update(weights)
    planes = tuple(Plane(own, 0, axes) for own, axes in zip(NAMES, AXES, strict=True))
    half = tuple(1 / scale for scale in SCALE)
    description = FieldDescription(
        family=FAMILY.name,
        space=Space(tuple(-side for side in half), half, up="z", contraction="mip360_l2", outside="empty"),
        groups=(Group("planes", planes, "product", align_corners=True),),
        heads=heads,
        march=March(64, 64, limits="range", near=0.0, far=60.0, counted="fine", background=(0.0, 0.0, 0.0)),
        surface=Surface("density", level=LEVEL, resolution=256),
    )
    declared, guessed = _what_is_known(description, kept)
    return [Found(description, kept, "", declared, guessed)]


def _heads(params: np.ndarray, channels: int) -> tuple[tuple[Head, ...], dict[str, np.ndarray]]:
    """The decoder and its tensors; nothing where it reads something else. Raises BadInput."""
    own, more = (network_size(params.size, inputs, 4) for inputs in (channels, channels + IMAGE_FEATURES))
    if more and (own is None or (more.hidden == HIDDEN and own.hidden != HIDDEN)):
        raise BadInput(
            "its decoder reads features of the six images beside the planes, which only its own code can project; "
            "models trained with pif = False open."
        )
    if own is None:
        return (), {}
    layers, weights = unpacked("decoder_net", params, channels, 4, own)
    outputs = (Output("rgb", (0, 3), "sigmoid"), Output("density", (3, 4), "exp", bias=-1.0))
    return (Head("decoder", from_group("planes"), layers, outputs),), weights


def _plane_names(shapes: Shapes) -> list[str]:
    """Names of the three planes, none where they are missing or do not belong together."""
    start, there = prefix(shapes, NAMES[0]), find(shapes, NAMES[0])
    names = [f"{start}{name}" for name in NAMES] if there else []
    if not names or any(len(shapes.get(name, ())) != 3 or min(shapes[name]) < 1 for name in names):
        return []
    zh, hw, zw = (shapes[name] for name in names)
    whole = zh[:2] + hw[1:2] == (zw[0], hw[0], zw[1]) and len({zh[2], hw[2], zw[2]}) == 1
    return names if whole else []


def _what_is_known(description: FieldDescription, kept: dict[str, np.ndarray]) -> tuple[dict[str, str], dict[str, str]]:
    z, h = kept["plane_zh"].shape[:1:-1]
    channels, w = kept["plane_hw"].shape[1:3]
    declared = {"planes": f"3 × {channels} channels, {z} × {h} × {w} texels"}
    guessed = conventions(description)
    guessed["contraction"] = f"mip-NeRF 360, Euclidean, of the world times {', '.join(map(str, SCALE))}"
    guessed["axes"] += "; the family calls x, y, z its z, h, w"
    guessed["up"] = "x in one direction or the other, which no file says; shown with z up"
    if description.heads:
        there = {name: array.shape for name, array in kept.items()}
        declared["decoder"] = decoder_note(there, [layer.weight for layer in description.heads[0].layers])
    return declared, guessed


FAMILY = Family("6Img-to-3D", match, describe, weights=PARAMS.pattern)
