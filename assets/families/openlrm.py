"""OpenLRM (He and Wang 2023, "OpenLRM: Open-Source Large Reconstruction Models"; LRM is Hong et al. 2023).

The planes are what its `forward_planes` returns, (N,3,C,64,64) with C = 32, 48 or 80 for the small, base and large
models; the weights are `synthesizer.decoder.net.{0,2,4,6}` of its checkpoint. Features of the planes are
concatenated; density is softplus(raw − 1), colour a widened sigmoid. It marches EG3D's way, and what lies outside of
the box is empty.
"""

from __future__ import annotations

from ..fields.description import March, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import assets, fitted, lrm_field, lrm_march, mlp, plane_channels, sureness
from ._parts import ends_with

DECODER = "synthesizer.decoder.net."
LONE_DECODER = "decoder.net."
"""The same where somebody saved the synthesizer alone."""

LARGE = 80
"""Channels of the large model, which takes 64 + 64 samples on a ray instead of 48 + 48."""

TAILORED = ("front_back_conv", "swin_cross_attention")
"""Parts of a generator that make it Tailor3D's."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are OpenLRM's: see `Family.match`."""
    weights = decoder(shapes)
    named = any(ends_with(name, DECODER + "0.weight") for name in weights)
    return sureness(shapes, weights, channels_of(shapes, weights), 90 if named else 60)


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    return describe_as("OpenLRM", tensors)


def describe_as(family: str, tensors: Tensors) -> list[Found]:
    """`describe` for a family that has OpenLRM's field under another name."""
    weights = decoder(tensors.shapes)
    channels = fitted(tensors.shapes, channels_of(tensors.shapes, weights))
    surface = Surface("density", level=3.0, resolution=384)
    description = lrm_field(family, weights if channels else [], tensors.shapes, march(channels), surface)
    return assets(tensors, description, weights, channels)


def march(channels: int | None) -> March:
    """Its march for planes of so many channels."""
    return lrm_march(64 if channels and channels >= LARGE else 48)


def decoder(shapes: Shapes) -> list[str]:
    """Names of the decoder's weights in the order of its layers; none where they are InstantMesh's."""
    weights = mlp(shapes, DECODER) or mlp(shapes, LONE_DECODER)
    return [] if any("lrm_generator." in name for name in weights) else weights


def channels_of(shapes: Shapes, weights: list[str]) -> int | None:
    """Channels of the planes that the decoder reads, or None."""
    return plane_channels(shapes, weights, outputs=4) if len(weights) > 2 else None


def tailored(shapes: Shapes) -> bool:
    """Whether the generator among these tensors has the parts of Tailor3D's."""
    return any(part in TAILORED for name in shapes for part in name.split("."))


FAMILY = Family(
    "OpenLRM", match, describe, weights=r"(?!.*lrm_generator\.)(?:.*\.)?synthesizer\.decoder\.net\.\d+\.weight"
)
