"""DiffTF (Cao et al. 2024, "Large-Vocabulary 3D Diffusion Model with Transformer").

Fitted planes lie in a checkpoint beside the decoder, `network_fn_state_dict.tri_planes` (N,18,R,R), at any scale: its
NeRF class divides those of an object by their largest magnitude. Samples of the diffusion, `triplane` (N,18,R,R) of an
.npz, are read as they are. Three planes of six channels, xy, xz, zy; one hidden layer gives density, softplus(raw − 1),
and a feature from which, with the viewing direction, comes the colour. Both marches follow the data sets that they were
published for: ShapeNet (limits of the box, white) for fitted planes, OmniObject3D (3.5 before and behind the middle,
black) for samples. Directions there are not normalised, the last sample is opaque as soon as it has any density, and
opacities below 0.01 are none.
"""

from __future__ import annotations

import re
from math import exp, log1p

import numpy as np

from ..errors import BadInput
from ..fields.description import Encoding, FieldDescription, Group, Head, Input, March, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._parts import (
    XY_XZ_ZY,
    cube,
    ends_with,
    from_group,
    layers,
    numbered,
    prefix,
    size_of,
    stacked,
    with_biases,
)
from ._planes import sets_of

FITTED = "tri_planes"
SAMPLED = "triplane"
CHANNELS = 18
"""Of the three planes of an object together."""

SINGLE = ("feature_linear", "alpha_linear", "rgb_linear")
WEIGHTS = re.compile(r"(?:.*\.)?(?:views_linears\.0|alpha_linear|feature_linear|rgb_linear)\.weight")

LEVEL = log1p(exp(9.0))
"""The surface lies where the raw density is 10: softplus(10 − 1)."""

MARCHES = {
    FITTED: March(
        samples=128,
        fine=128,
        placement="stratified",
        limits="box",
        last_step=1e10,
        alpha_floor=0.01,
        background=(1.0, 1.0, 1.0),
    ),
    SAMPLED: March(
        samples=128,
        fine=128,
        placement="edges",
        limits="around",
        axial=True,
        near=-3.5,
        far=3.5,
        last_step=1e10,
        alpha_floor=0.01,
        background=(0.0, 0.0, 0.0),
    ),
}
HALF_BOX = {FITTED: 1.0, SAMPLED: 2.0}


def match(shapes: Shapes) -> int:
    """How surely these tensors are DiffTF's: see `Family.match`."""
    planes = _planes_name(shapes)
    if planes is None:
        return 0
    if _weights(shapes, planes[1]):
        return 95
    return 60 if planes[1] == FITTED or shapes[planes[0]][1] == CHANNELS else 0


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one per object; without heads where there is no decoder, or none that fits."""
    shapes = tensors.shapes
    name, kind = _planes_name(shapes)
    weights = _weights(shapes, kind)
    kept = {weight: tensors[weight] for weight in with_biases(weights, shapes)}
    objects = sets_of(tensors[name], shapes[name][1] // 3)
    description = _field(kind, weights, shapes)
    found = []
    for number, planes in enumerate(objects, 1):
        planes = _normalised(planes) if kind == FITTED else planes
        declared, guessed = _what_is_known(planes, kind, weights, shapes, description)
        suffix = f" {number}" if len(objects) > 1 else ""
        found.append(Found(description, {"planes": planes, **kept}, suffix, declared, guessed))
    return found


def _planes_name(shapes: Shapes) -> tuple[str, str] | None:
    """The name of the planes and which kind they are: a decoder's checkpoint has planes of its own beside samples."""
    for kind in (SAMPLED, FITTED):
        for name, shape in shapes.items():
            if ends_with(name, kind) and len(shape) == 4 and shape[1] % 3 == 0 and min(shape) > 0:
                return name, kind
    return None


def _weights(shapes: Shapes, kind: str) -> list[str]:
    """The decoder's weights in the order of the field: hidden layers, view layer, feature, density, colour."""
    start = prefix(shapes, "alpha_linear.weight")
    if start is None:
        return []
    hidden = numbered(shapes, f"{start}pts_linears.")
    named = [f"{start}views_linears.0.weight", *(f"{start}{name}.weight" for name in SINGLE)]
    planes = next(shape for name, shape in shapes.items() if ends_with(name, kind) and len(shape) == 4)
    fits = bool(hidden) and shapes[hidden[0]][1] == planes[1] and all(len(shapes.get(name, ())) == 2 for name in named)
    return [*hidden, *named] if fits else []


def _normalised(planes: np.ndarray) -> np.ndarray:
    """Planes (3,C,H,W), any float, divided by their largest magnitude: f32. Raises BadInput where they are all 0."""
    planes = planes.astype(np.float32)
    largest = np.abs(planes[np.isfinite(planes)]).max(initial=0.0)
    if not largest:
        raise BadInput("The planes are 0 or not finite everywhere, so they cannot be divided by their largest value.")
    return planes / largest


def _field(kind: str, weights: list[str], shapes: Shapes) -> FieldDescription:
    heads: tuple[Head, ...] = ()
    if weights:
        *hidden, views, feature, alpha, color = weights
        waves = (shapes[views][1] - shapes[feature][0] - 3) // 6
        seen = Input("viewdir", encoding=Encoding("frequencies", count=waves) if waves > 0 else None)
        density = Output("density", (0, 1), "softplus", bias=-1.0)
        rgb = Output("rgb", (0, 3), "wide_sigmoid")
        trunk = (Input("head", "trunk"),)
        heads = (
            Head("trunk", from_group("planes"), layers(hidden, shapes, "relu", last="relu")),
            Head("density", trunk, layers([alpha], shapes, "none"), (density,)),
            Head("feature", trunk, layers([feature], shapes, "none")),
            Head("color", (Input("head", "feature"), seen), layers([views, color], shapes, "relu"), (rgb,)),
        )
    return FieldDescription(
        family=FAMILY.name,
        space=cube(HALF_BOX[kind], up="z"),
        groups=(Group("planes", stacked("planes", XY_XZ_ZY)),),
        heads=heads,
        march=MARCHES[kind],
        surface=Surface("density", level=LEVEL, resolution=128),
    )


def _what_is_known(
    planes: np.ndarray, kind: str, weights: list[str], shapes: Shapes, description: FieldDescription
) -> tuple[dict[str, str], dict[str, str]]:
    declared, guessed = {"planes": size_of(planes)}, conventions(description)
    fitted = kind == FITTED
    guessed["kind"] = "fitted, planes divided by their largest value" if fitted else "sampled, planes used as they are"
    guessed["data set"] = "ShapeNet" if fitted else "OmniObject3D"
    if weights:
        declared["decoder"] = decoder_note(shapes, weights)
    return declared, guessed


FAMILY = Family("DiffTF", match, describe, weights=WEIGHTS.pattern, planes="triplane")
