"""GTR (Zhuang et al. 2025, "GTR: Improving Large 3D Reconstruction Models through Geometry and Texture Refinement",
snap-research/snap_gtr).

The planes are what its generator returns, (N,3,40,256,256); the weights lie in its checkpoint under
`field.decoder.field.`: `mlp_sigma.layers` and `mlp_color.layers`, of 3 and 4 layers with GELU, or, before refinement,
one MLP `layers` with ReLU. Features of the planes alternate, channel by channel; density is the softplus as it is.
"""

from __future__ import annotations

from ..fields.description import FieldDescription, Group, Head, March, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import PLANES, RGB, assets, fitted, mlp, plane_channels, sureness
from ._parts import XY_XZ_YZ, cube, from_group, layers, stacked

BEFORE = "decoder.field."
DENSITY = Output("density", (0, 1), "softplus")


def match(shapes: Shapes) -> int:
    """How surely these tensors are GTR's: see `Family.match`."""
    nets, channels = _decoder(shapes)
    return sureness(shapes, [name for net in nets for name in net], channels, 92)


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    nets, channels = _decoder(tensors.shapes)
    channels = fitted(tensors.shapes, channels)
    description = FieldDescription(
        family="GTR",
        space=cube(1.0),
        groups=(Group(PLANES, stacked(PLANES, XY_XZ_YZ), combine="concat_channel_major", padding="border"),),
        heads=_heads(tensors.shapes, nets) if channels else (),
        march=March(samples=256, near=0.2),
        surface=Surface("density", level=10.0, resolution=256),
    )
    return assets(tensors, description, [name for net in nets for name in net], channels)


def _heads(shapes: Shapes, nets: list[list[str]]) -> tuple[Head, ...]:
    inputs = from_group(PLANES)
    if len(nets) == 1:
        return (Head("decoder", inputs, layers(nets[0], shapes, "relu"), (DENSITY, RGB)),)
    color = Output("rgb", (0, 3), RGB.activation)
    return (
        Head("sigma", inputs, layers(nets[0], shapes, "gelu"), (DENSITY,)),
        Head("color", inputs, layers(nets[1], shapes, "gelu"), (color,)),
    )


def _decoder(shapes: Shapes) -> tuple[list[list[str]], int | None]:
    """Weights of density and colour, or of one net for both, and the channels of the planes that all of them read."""
    apart = [mlp(shapes, f"{BEFORE}{name}.layers.") for name in ("mlp_sigma", "mlp_color")]
    nets, outputs = (apart, (1, 3)) if all(apart) else ([mlp(shapes, f"{BEFORE}layers.")], (4,))
    channels = {plane_channels(shapes, net, count) for net, count in zip(nets, outputs, strict=True)}
    return [net for net in nets if net], channels.pop() if len(channels) == 1 else None


FAMILY = Family(
    "GTR", match, describe, weights=r"(?:.*\.)?decoder\.field\.(?:mlp_sigma\.|mlp_color\.)?layers\.\d+\.weight"
)
