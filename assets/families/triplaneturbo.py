"""TriplaneTurbo (Ma et al. 2025, "Progressive Rendering Distillation: Adapting Stable Diffusion for Instant
Text-to-Mesh Generation beyond 3D Data").

The planes are `space_cache` (B,6,32,256,256): three for the geometry, whose features are summed, and three for the
texture, whose features are concatenated; the weights are `geometry.{sdf,feature,deformation}_network.layers.{0,2,4}`
without biases. The planes are stored before the rotation that the code makes ("v1": transposed, turned by half,
turned by a quarter), so their axes are signed here. The distance, to which that of a sphere is added, is negative
inside. The deformation moves the vertices of the grid of DiffMC and is no part of the distance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import BadInput
from ..fields.description import Blob, FieldDescription, Group, Head, Output, Space, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import PLANES, assets, fitted, mlp, plane_channels, sureness
from ._parts import cube, find, from_group, layers, stacked
from ._planes import is_called

NAME = "space_cache"
UP = "z"
AXES = (("y", "x"), ("-x", "-z"), ("y", "-z"))
SPHERE = Blob(gain=-0.5, radius=0.5)
"""|x| − 0.5."""

NETS = {
    "sdf": ("geometry", Output("sdf", (0, 1), blob=SPHERE)),
    "feature": ("texture", Output("rgb", (0, 3), "wide_sigmoid")),
    "deformation": ("geometry", Output("deformation", (0, 3))),
}
"""What each network reads and gives."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are TriplaneTurbo's: see `Family.match`."""
    sure = sureness(shapes, _net(shapes, "sdf"), _channels(shapes), 95, count=6)
    return max(sure, 60 if is_called(shapes, NAME, count=6) else 0)


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    shapes = tensors.shapes
    channels = fitted(shapes, _channels(shapes), count=6)
    nets = _nets(shapes, channels) if channels else {}
    groups = (
        Group("geometry", stacked(PLANES, AXES), combine="sum"),
        Group("texture", stacked(PLANES, AXES, first=3), combine="concat"),
    )
    heads = tuple(
        Head(name, from_group(NETS[name][0]), layers(weights, shapes, "relu"), (NETS[name][1],))
        for name, weights in nets.items()
    )
    surface = Surface("sdf", level=0.0, resolution=160, matter="below")
    description = FieldDescription("TriplaneTurbo", cube(1.0, up=UP), groups, heads, surface=surface)
    box = find(shapes, "geometry.bbox")
    if box and shapes[box] == (2, 3):
        description = replace(description, space=_space(tensors[box]))
    found = assets(tensors, description, [name for weights in nets.values() for name in weights], channels, count=6)
    for entry in found:
        if box:
            entry.declared["box"] = entry.guessed.pop("box")
        if nets:
            entry.declared["decoder"] = ", ".join(f"{name} {len(weights)} layers" for name, weights in nets.items())
    return found


def _space(box: np.ndarray) -> Space:
    low, high = (tuple(float(value) for value in corner) for corner in box)
    if not np.isfinite(box).all() or (box[0] >= box[1]).any():
        raise BadInput("geometry.bbox holds no box.")
    return Space(low, high, up=UP)


def _nets(shapes: Shapes, channels: int) -> dict[str, list[str]]:
    """The weights of each network that fits planes of so many channels."""
    planes = {"geometry": 1, "texture": 3}
    nets = {name: _net(shapes, name) for name in NETS}
    return {
        name: weights
        for name, weights in nets.items()
        if plane_channels(shapes, weights, NETS[name][1].channels[1], planes[NETS[name][0]]) == channels
    }


def _net(shapes: Shapes, name: str) -> list[str]:
    return mlp(shapes, f"{name}_network.layers.")


def _channels(shapes: Shapes) -> int | None:
    return plane_channels(shapes, _net(shapes, "sdf"), outputs=1, planes=1)


FAMILY = Family(
    "TriplaneTurbo", match, describe, weights=r"(?:.*\.)?(?:sdf|feature|deformation)_network\.layers\.\d+\.weight"
)
