"""Instant3D (Li et al. 2024, "Instant3D: Instant Text-to-3D Generation", ming1993li/Instant3DCodes).

The planes are what its `triplane_net` returns, (N,96,H,W) or (N,3,32,H,W); the decoder is EG3D's with four outputs, and
its axes are the corrected ones. A cone of density around the origin is added before softplus(raw − 1), except where it
makes meshes.
"""

from __future__ import annotations

from dataclasses import replace

from ..fields.description import Blob, March, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import DENSITY, RGB, assets, fitted, sureness
from ._osg import WEIGHTS, osg_channels, osg_decoder
from ._parts import XY_XZ_ZY, cube
from .eg3d import LEVEL, note_weights, osg_field

HALF_BOX = 1.75
BLOB = Blob(gain=10.0, radius=0.6)
GREY = (0.5, 0.5, 0.5)
"""Its images lie between −1 and 1, and it adds white, 1, to what is empty, which is −1 already."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are Instant3D's: see `Family.match`."""
    weights = osg_decoder(shapes)
    channels = osg_channels(shapes, weights, outputs=4)
    return sureness(shapes, weights, channels, 85) if channels else 0


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes."""
    shapes = tensors.shapes
    weights = osg_decoder(shapes)
    channels = fitted(shapes, osg_channels(shapes, weights, outputs=4))
    march = March(64, 64, "stratified", between="segment", background=GREY)
    description = osg_field("Instant3D", shapes, weights if channels else [], XY_XZ_ZY, march)
    heads = tuple(replace(head, outputs=(replace(DENSITY, blob=BLOB), RGB)) for head in description.heads)
    surface = Surface("density", LEVEL, 256)
    description = replace(description, space=cube(HALF_BOX), heads=heads, surface=surface)
    found = assets(tensors, description, weights, channels)
    for entry in found:
        entry.guessed["blob"] = f"a cone of {BLOB.gain:g} at the origin, {BLOB.radius:g} wide"
        note_weights(entry, shapes)
    return found


FAMILY = Family("Instant3D", match, describe, weights=WEIGHTS)
