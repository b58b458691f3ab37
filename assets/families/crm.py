"""CRM (Wang et al. 2024, "CRM: Single Image to 3D Textured Mesh with Convolutional Reconstruction Model").

The planes are what its UNet returns, (B,32,256,768): xy, yz and zx side by side, usually saved as
`triplane_feature2`; the weights are `sdfMlp.fc{1,2,3}` and `rgbMlp.fc{1,2,3}` of CRM.pth. Features of the planes are
summed, their outer texels lie at the sides of the box. The distance, to which that of a sphere is added, is positive
inside. `weightMlp` and the deformation move the vertices of FlexiCubes and are no part of the field's value; meshes
are saved as (x, z, −y).
"""

from __future__ import annotations

from ..fields.description import Blob, FieldDescription, Group, Head, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import PLANES, assets, fitted, mlp, plane_channels, sureness
from ._parts import cube, from_group, layers, stacked
from ._planes import is_called

NAME = "triplane_feature2"
AXES = (("x", "y"), ("y", "z"), ("z", "x"))
SPHERE = Blob(gain=0.5, radius=0.5)
"""0.5 − |x|."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are CRM's: see `Family.match`."""
    geometry = mlp(shapes, "sdfMlp.fc", first=1)
    return max(sureness(shapes, geometry, _channels(shapes), 95), 60 if is_called(shapes, NAME) else 0)


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    shapes = tensors.shapes
    channels = fitted(shapes, _channels(shapes))
    geometry, color = mlp(shapes, "sdfMlp.fc", first=1), mlp(shapes, "rgbMlp.fc", first=1)
    color = color if channels and plane_channels(shapes, color, 3, planes=1) == channels else []
    description = FieldDescription(
        family="CRM",
        space=cube(1.0, up="z"),
        groups=(Group(PLANES, stacked(PLANES, AXES), combine="sum", align_corners=True, padding="border"),),
        heads=_heads(shapes, geometry, color) if channels else (),
        surface=Surface("sdf", level=0.0, resolution=80, matter="above"),
    )
    return assets(tensors, description, [*geometry, *color], channels)


def _heads(shapes: Shapes, geometry: list[str], color: list[str]) -> tuple[Head, ...]:
    inputs = from_group(PLANES)
    outputs = (Output("sdf", (0, 1), blob=SPHERE), Output("deformation", (1, 4)))
    heads = (Head("geometry", inputs, layers(geometry, shapes, "relu"), outputs),)
    # clip(raw / 2 + 1/2, 0, 1) = clip(raw, -1, 1) / 2 + 1/2
    rgb = Output("rgb", (0, 3), "clip11", scale=0.5, shift=0.5)
    return (*heads, Head("color", inputs, layers(color, shapes, "relu"), (rgb,))) if color else heads


def _channels(shapes: Shapes) -> int | None:
    """Channels of the planes whose sum the decoder reads, or None."""
    return plane_channels(shapes, mlp(shapes, "sdfMlp.fc", first=1), 4, planes=1)


FAMILY = Family("CRM", match, describe, weights=r"(?:.*\.)?(?:sdfMlp|rgbMlp)\.fc\d+\.weight")
