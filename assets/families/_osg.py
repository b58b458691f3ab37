"""EG3D's decoder ("OSG") and march, which AvatarArtist and Instant3D share.

Two linear layers with softplus between them read the mean of three planes. They are stored with an equalised learning
rate: what counts is weight · lr_mul / √inputs and bias · lr_mul (Karras et al. 2018, section 4.1), with lr_mul = 1.
"""

from __future__ import annotations

from ..fields.description import Layer
from ._lrm import mlp, plane_channels
from ._parts import Shapes, bias_of

DECODER = "decoder.net."
XY_XZ_ZX = (("x", "y"), ("x", "z"), ("z", "x"))
"""EG3D's own axes: the third plane reads what the second reads (NVlabs/eg3d, issue 67)."""

WEIGHTS = r"(?!.*synthesizer\.)(?:.*\.)?decoder\.net\.[02]\.weight"


def osg_decoder(shapes: Shapes) -> list[str]:
    """Names of the decoder's two weights, or none."""
    weights = mlp(shapes, DECODER)
    return weights if len(weights) == 2 else []


def osg_channels(shapes: Shapes, weights: list[str], outputs: int | None = None) -> int | None:
    """Channels of the planes whose mean the decoder reads, or None."""
    channels = plane_channels(shapes, weights, outputs, planes=1)
    return channels if channels and shapes[weights[-1]][0] >= 4 else None


def osg_layers(shapes: Shapes, weights: list[str]) -> tuple[Layer, ...]:
    """The layers, with the factors of the equalised learning rate."""
    return tuple(
        Layer(
            name,
            bias_of(name) if bias_of(name) in shapes else None,
            "none" if name == weights[-1] else "softplus",
            weight_scale=shapes[name][1] ** -0.5,
        )
        for name in weights
    )
