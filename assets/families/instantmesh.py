"""InstantMesh (Xu et al. 2024, "InstantMesh: Efficient 3D Mesh Generation from a Single Image with Sparse-view Large
Reconstruction Models"), its NeRF and its mesh variant.

The planes are what `forward_planes` returns, (1,3,C,64,64) with C = 40 (base) or 80 (large); the weights lie in its
checkpoint under `lrm_generator.synthesizer.decoder.`: `net.{0,2,4,6}` of the NeRF variant, which is OpenLRM's field,
or `net_sdf`, `net_rgb`, `net_deformation` and `net_weight` of the mesh variant. Its distance is positive inside.
Deformation and weights (of all eight corners of a cell) move the vertices of FlexiCubes and are no part of the
field's value.
"""

from __future__ import annotations

from ..fields.description import FieldDescription, Group, Head, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import PLANES, assets, fitted, lrm_field, lrm_march, mlp, plane_channels, sureness
from ._parts import XY_XZ_ZY, cube, from_group, layers, stacked

NERF = "lrm_generator.synthesizer.decoder.net."
LONE_NERF = "synthesizer.decoder.net."
BASE, LARGE = 40, 80
"""Channels of the models: the base one's are nobody else's; the large one takes 64 + 64 samples instead of 48 + 48."""

OUTPUTS = {
    "sdf": Output("sdf"),
    "rgb": Output("rgb", (0, 3), "wide_sigmoid"),
    "deformation": Output("deformation", (0, 3)),
}


def match_nerf(shapes: Shapes) -> int:
    """How surely these tensors are the NeRF variant's: see `Family.match`."""
    weights = _nerf(shapes)
    return sureness(shapes, weights, plane_channels(shapes, weights, outputs=4), 95)


def describe_nerf(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    weights = _nerf(tensors.shapes)
    channels = fitted(tensors.shapes, plane_channels(tensors.shapes, weights, outputs=4))
    march = lrm_march(64 if channels and channels >= LARGE else 48)
    surface = Surface("density", level=10.0, resolution=256)
    description = lrm_field("InstantMesh NeRF", weights if channels else [], tensors.shapes, march, surface)
    return assets(tensors, description, weights, channels)


def match_mesh(shapes: Shapes) -> int:
    """How surely these tensors are the mesh variant's: see `Family.match`."""
    return sureness(shapes, _net(shapes, "sdf"), _channels(shapes), 95)


def describe_mesh(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    shapes = tensors.shapes
    channels = fitted(shapes, _channels(shapes))
    nets = _nets(shapes, channels) if channels else {}
    heads = tuple(
        Head(name, from_group(PLANES), layers(weights, shapes, "relu"), (OUTPUTS[name],))
        for name, weights in nets.items()
    )
    description = FieldDescription(
        family="InstantMesh",
        space=cube(1.0, up="z"),
        groups=(Group(PLANES, stacked(PLANES, XY_XZ_ZY)),),
        heads=heads,
        surface=Surface("sdf", level=0.0, resolution=128, matter="above"),
    )
    found = assets(tensors, description, [name for weights in nets.values() for name in weights], channels)
    if nets:
        for entry in found:
            entry.declared["decoder"] = ", ".join(f"{name} {len(weights)} layers" for name, weights in nets.items())
    return found


def _nets(shapes: Shapes, channels: int) -> dict[str, list[str]]:
    """The weights of each MLP that reads planes of so many channels."""
    nets = {name: _net(shapes, name) for name in OUTPUTS}
    return {
        name: weights
        for name, weights in nets.items()
        if plane_channels(shapes, weights, OUTPUTS[name].channels[1]) == channels
    }


def _nerf(shapes: Shapes) -> list[str]:
    """Weights of the NeRF variant; without the name of its generator they are known by their width alone."""
    weights = mlp(shapes, NERF) or mlp(shapes, LONE_NERF)
    inputs = shapes[weights[0]][1] if weights else 0
    return weights if mlp(shapes, NERF) or inputs == 3 * BASE else []


def _net(shapes: Shapes, name: str) -> list[str]:
    return mlp(shapes, f"synthesizer.decoder.net_{name}.") or mlp(shapes, f"decoder.net_{name}.")


def _channels(shapes: Shapes) -> int | None:
    return plane_channels(shapes, _net(shapes, "sdf"), outputs=1)


FAMILY = (
    Family("InstantMesh", match_mesh, describe_mesh, weights=r"(?:.*\.)?decoder\.net_(?:sdf|rgb)\.\d+\.weight"),
    Family(
        "InstantMesh NeRF",
        match_nerf,
        describe_nerf,
        weights=r"(?:.*\.)?lrm_generator\.synthesizer\.decoder\.net\.\d+\.weight",
    ),
)
