"""EG3D (Chan et al. 2022, "Efficient Geometry-aware 3D Generative Adversarial Networks").

The planes are what its backbone returns, (N,96,256,256), or the same seen as (N,3,32,256,256); the weights are
`decoder.net.{0,2}` of a generator whose pickle somebody has turned into tensors. The mean of the planes is decoded to a
density, softplus(raw − 1), and 32 features, of which the first three are the colour before super-resolution. Files with
`plane_axes` (3,3,3) say which axes they mean; without, the original ones are assumed, in which no plane reads y and z.
"""

from __future__ import annotations

from math import exp, log1p

from ..fields.description import FieldDescription, Group, Head, March, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import DENSITY, PLANES, RGB, assets, fitted, sureness
from ._osg import WEIGHTS, XY_XZ_ZX, osg_channels, osg_decoder, osg_layers
from ._parts import XY_XZ_ZY, Axes, cube, find, from_group, stacked
from ._planes import axes_of

FACES = March(48, 48, "stratified", "around", near=-0.45, far=0.45, between="segment", background=(0.0, 0.0, 0.0))
"""How faces are drawn, from a camera 2.7 away; some configurations end 0.6 behind the middle instead."""

LEVEL = log1p(exp(9.0))
"""Its mesh lies where the raw density is 10."""

FOLDED = "stored for an equalised learning rate, divided by the root of the inputs"


def match(shapes: Shapes) -> int:
    """How surely these tensors are EG3D's: see `Family.match`."""
    weights = osg_decoder(shapes)
    return sureness(shapes, weights, osg_channels(shapes, weights), 80)


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    shapes = tensors.shapes
    named = find(shapes, "plane_axes")
    axes = axes_of(tensors[named]) if named else XY_XZ_ZX
    family = "EG3D, corrected axes" if tuple(axes) == tuple(XY_XZ_ZY) else "EG3D"
    weights = osg_decoder(shapes)
    channels = fitted(shapes, osg_channels(shapes, weights))
    description = osg_field(family, shapes, weights if channels else [], axes, FACES)
    found = assets(tensors, description, weights, channels)
    for entry in found:
        if named:
            entry.declared["axes"] = entry.guessed.pop("axes")
        note_weights(entry, shapes)
    return found


def osg_field(family: str, shapes: Shapes, weights: list[str], axes: Axes, march: March) -> FieldDescription:
    """A field with EG3D's decoder in the box ±0.5; without heads where there are no weights."""
    heads = ()
    if weights:
        features = Output("features", (1, shapes[weights[-1]][0]), "wide_sigmoid")
        outputs = (DENSITY, RGB) if features.channels == RGB.channels else (DENSITY, RGB, features)
        heads = (Head("decoder", from_group(PLANES), osg_layers(shapes, weights), outputs),)
    return FieldDescription(
        family=family,
        space=cube(0.5),
        groups=(Group(PLANES, stacked(PLANES, axes), combine="mean"),),
        heads=heads,
        march=march,
        surface=Surface("density", level=LEVEL, resolution=512),
    )


def note_weights(found: Found, shapes: Shapes) -> None:
    """Adds what is to be told about the weights that are read, and about those that are not."""
    if found.description.heads:
        found.guessed["weights"] = FOLDED
    if any("superresolution" in name.split(".") for name in shapes):
        found.declared["super-resolution"] = "left out: the picture is the one before it"


FAMILY = Family("EG3D", match, describe, weights=WEIGHTS)
