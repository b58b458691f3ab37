"""Direct3D (Wu et al. 2024, "Direct3D: Scalable Image-to-3D Generation via 3D Latent Diffusion Transformer").

The planes are what its VAE decodes, (N,3,C,8R,8R), or the same side by side along the width; the weights are
`vae.occ_decoder.net.{0,2,4,6,8}` of model.ckpt. Features of the planes are concatenated and give the logit of an
occupancy, without colour; its pipeline makes meshes at −2.
"""

from __future__ import annotations

from ..fields.description import FieldDescription, Group, Head, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import PLANES, assets, fitted, mlp, plane_channels, sureness
from ._parts import XY_XZ_ZY, cube, from_group, layers, stacked

DECODER = "occ_decoder.net."


def match(shapes: Shapes) -> int:
    """How surely these tensors are Direct3D's: see `Family.match`."""
    weights = mlp(shapes, DECODER)
    return sureness(shapes, weights, plane_channels(shapes, weights, outputs=1), 95)


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    shapes = tensors.shapes
    weights = mlp(shapes, DECODER)
    channels = fitted(shapes, plane_channels(shapes, weights, outputs=1))
    head = Head("decoder", from_group(PLANES), layers(weights, shapes, "relu"), (Output("occupancy_logit"),))
    description = FieldDescription(
        family="Direct3D",
        space=cube(1.0),
        groups=(Group(PLANES, stacked(PLANES, XY_XZ_ZY)),),
        heads=(head,) if channels else (),
        surface=Surface("occupancy_logit", level=-2.0, resolution=512, matter="above"),
    )
    return assets(tensors, description, weights, channels)


FAMILY = Family("Direct3D", match, describe, weights=r"(?:.*\.)?occ_decoder\.net\.\d+\.weight")
