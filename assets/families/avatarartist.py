"""AvatarArtist (Liu et al. 2025, "AvatarArtist: Open-Domain 4D Avatarization"), whose generator is Next3D's.

What it draws are three blended planes, `triplane` (1,3,32,256,256): EG3D's field, with EG3D's own axes and decoder.
What its diffusion makes are four: a texture in the UV space of a face mesh, and three static ones, into which that
texture is rasterised and blended for each expression. Of those the static ones are read, and a warning says what is
missing.
"""

from __future__ import annotations

from dataclasses import replace

from ..fields.description import FieldDescription, March
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import PLANES, assets
from ._osg import XY_XZ_ZX, osg_channels, osg_decoder
from ._parts import stacked
from ._planes import is_called, planes_name
from .eg3d import note_weights, osg_field

BLENDED = "triplane"
MARCH = March(48, 48, "stratified", "around", near=-0.45, far=0.6, between="segment", background=(0.0, 0.0, 0.0))
UNBLENDED = (
    "The face is missing: of the four planes the first is a texture in the UV space of a face mesh, which only the "
    "family's own code can blend into the other three. Save the blended planes (return_featmap) to see all of it."
)


def match(shapes: Shapes) -> int:
    """How surely these tensors are AvatarArtist's: see `Family.match`."""
    weights = osg_decoder(shapes)
    channels = osg_channels(shapes, weights)
    if not channels:
        return 0
    if planes_name(shapes, channels, 4):
        return 90
    return 88 if is_called(shapes, BLENDED, channels) else 0


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    shapes = tensors.shapes
    weights = osg_decoder(shapes)
    channels = osg_channels(shapes, weights)
    count = 4 if planes_name(shapes, channels, 4) else 3
    description = osg_field("AvatarArtist", shapes, weights if channels else [], XY_XZ_ZX, MARCH)
    if count == 4:
        description = _of_static_planes(description)
    found = assets(tensors, description, weights, channels, count)
    for entry in found:
        note_weights(entry, shapes)
        entry.guessed["flip_z"] = "no"
        if count == 4:
            entry.warnings.append(UNBLENDED)
    return found


def _of_static_planes(description: FieldDescription) -> FieldDescription:
    """The field of the second to the fourth plane."""
    group = replace(description.groups[0], planes=stacked(PLANES, XY_XZ_ZX, first=1))
    return replace(description, groups=(group,))


FAMILY = Family("AvatarArtist", match, describe, weights=r"(?:.*\.)?texture_backbone\..*")
