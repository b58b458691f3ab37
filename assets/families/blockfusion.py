"""BlockFusion (Wu et al. 2024, "BlockFusion: Expandable 3D Scene Generation using Latent Tri-plane Extrapolation").

The planes are fitted ones, `triplane` (n,3,32,128,128) with `plane_axes`, or what its VAE decodes; the weights are
`lin{0..3}` of mlp.tar, each of them a direction `weight_v` and a length `weight_g` (Salimans and Kingma 2016).
Features of the planes are summed; softplus with β = 100 follows the hidden layers; the distance is positive outside.

Each of n planes is a block, and all of them are one scene. A block is the place (p − centre) · 0.625 of the world,
where the centre is that of its box in `bbxs` (n,2,3) or a row of `centers` (n,3). Where a file holds neither, blocks
are put side by side along x.
"""

from __future__ import annotations

import re

import numpy as np

from ..fields.description import FieldDescription, Group, Head, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import PLANES, fitted, several, sureness, widths
from ._notes import conventions, decoder_note
from ._parts import Axes, cube, find, from_group, layers, size_of, stacked
from ._planes import axes_of, is_called, planes_name, sets_of

AXES = (("y", "x"), ("z", "x"), ("y", "z"))
SCALE = 0.625
"""Units of a block per unit of the world."""

SIDE = 2.0
"""Width of a block in its own units."""

LAYER = re.compile(r"(?:.*\.)?lin(\d+)\.weight(?:_v)?")
BOXES = ("bbxs", "bboxes", "bounding_boxes")
CENTERS = ("centers", "centres", "block_centers", "positions", "translations")


def match(shapes: Shapes) -> int:
    """How surely these tensors are BlockFusion's: see `Family.match`."""
    fitted = is_called(shapes, "triplane") and find(shapes, "plane_axes") is not None
    return max(sureness(shapes, _directions(shapes), _channels(shapes), 95), 50 if fitted else 0)


def describe(tensors: Tensors) -> list[Found]:
    """The blocks in `tensors`, each of them an asset, placed in the scene; without heads where no decoder fits them."""
    shapes = tensors.shapes
    channels = fitted(shapes, _channels(shapes))
    named = find(shapes, "plane_axes")
    axes = axes_of(tensors[named]) if named else AXES
    blocks = sets_of(tensors[planes_name(shapes, channels)], channels)
    weights = folded(tensors, _directions(shapes)) if channels else {}
    description = _field(weights, axes)
    declared = {"planes": size_of(blocks[0])}
    if weights:
        matrices = {name: array.shape for name, array in weights.items() if array.ndim == 2}
        declared["decoder"] = decoder_note(matrices, list(matrices))
    guessed = conventions(description)
    if named:
        declared["axes"] = guessed.pop("axes")
    found = several([{PLANES: block, **weights} for block in blocks], description, declared, guessed)
    _place(found, tensors)
    return found


def folded(tensors: Tensors, directions: list[str]) -> dict[str, np.ndarray]:
    """Weights (out,in) and biases (out,) by the names `lin0.weight`, `lin0.bias` …: g · v / |v|, row by row, f32."""
    kept: dict[str, np.ndarray] = {}
    for number, name in enumerate(directions):
        weight = tensors[name].astype(np.float32)
        if name.endswith("_v"):
            length = np.linalg.norm(weight, axis=1, keepdims=True)
            gain = tensors[f"{name.removesuffix('_v')}_g"].astype(np.float32).reshape(-1, 1)
            weight = gain * weight / np.maximum(length, np.finfo(np.float32).tiny)
        kept[f"lin{number}.weight"] = weight
        bias = re.sub(r"weight(_v)?$", "bias", name)
        if bias in tensors.shapes:
            kept[f"lin{number}.bias"] = tensors[bias]
    return kept


def _field(weights: dict[str, np.ndarray], axes: Axes) -> FieldDescription:
    names = [name for name in weights if name.endswith("weight")]
    head = Head("decoder", from_group(PLANES), layers(names, weights, "softplus", parameter=100.0), (Output("sdf"),))
    return FieldDescription(
        family="BlockFusion",
        space=cube(1.0),
        groups=(Group(PLANES, stacked(PLANES, axes), combine="sum", align_corners=True, padding="border"),),
        heads=(head,) if names else (),
        surface=Surface("sdf", level=0.0, resolution=256, matter="below"),
    )


def _place(blocks: list[Found], tensors: Tensors) -> None:
    """Gives each block its place in the scene, and says where that is from."""
    centers = _centers(tensors, len(blocks))
    if centers is None and len(blocks) == 1:
        return
    for number, block in enumerate(blocks):
        block.transform = np.eye(4)
        if centers is not None:
            block.transform[:3, :3] /= SCALE
            block.transform[:3, 3] = centers[number]
            block.declared["place"] = "the centre of " + ", ".join(f"{value:g}" for value in centers[number])
        else:
            block.transform[0, 3] = SIDE * number
            block.guessed["place"] = "side by side along x; the file does not say where its blocks lie"


def _centers(tensors: Tensors, count: int) -> np.ndarray | None:
    """Where the middles of so many blocks lie in the world (n,3), f64, or None where the file does not say."""
    for name, shape in tensors.shapes.items():
        word = name.rsplit(".", 1)[-1]
        if (word in BOXES and shape == (count, 2, 3)) or (word in CENTERS and shape == (count, 3)):
            found = tensors[name].astype(np.float64).reshape(count, -1, 3).mean(1)
            if np.isfinite(found).all():
                return found
    return None


def _directions(shapes: Shapes) -> list[str]:
    """Names of the weights (out,in), or of their directions, in the order of the layers."""
    found = {int(hit[1]): name for name in shapes if (hit := LAYER.fullmatch(name)) and len(shapes[name]) == 2}
    return [found[number] for number in sorted(found)]


def _channels(shapes: Shapes) -> int | None:
    """Channels of the planes whose sum the decoder reads, or None where these are no layers of its kind."""
    names = _directions(shapes)
    sizes = [shapes[name] for name in names]
    if not sizes or sizes[-1][0] != 1 or not all(_has_length(shapes, name) for name in names):
        return None
    return sizes[0][1] if widths(shapes, names) is not None else None


def _has_length(shapes: Shapes, name: str) -> bool:
    """Whether a weight is stored whole, or beside its direction lie the lengths of its rows."""
    lengths = shapes.get(f"{name.removesuffix('_v')}_g")
    return not name.endswith("_v") or (lengths is not None and int(np.prod(lengths)) == shapes[name][0])


FAMILY = Family("BlockFusion", match, describe, weights=r"(?:.*\.)?lin\d+\.weight_[gv]")
