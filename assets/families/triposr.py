"""TripoSR (Tochilkin et al. 2024, "TripoSR: Fast 3D Object Reconstruction from a Single Image").

The planes are what its `TSR.forward` returns, (B,3,40,64,64), usually saved as `scene_codes`; the weights are
`decoder.layers.*` of its model.ckpt, where they lie among those of the generator. Ten linear layers with SiLU between
them; density is exp(raw − 1), colour the sigmoid. Its renderer weighs each of 128 samples as if the ray were 1 long.
"""

from __future__ import annotations

import re

from ..fields.description import (
    FieldDescription,
    Group,
    Head,
    Input,
    Layer,
    March,
    Output,
    Plane,
    Space,
    Surface,
)
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._parts import bias_of
from ._planes import last_word

PLANES = "scene_codes"
RADIUS = 0.87
AXES = (("x", "y"), ("x", "z"), ("y", "z"))
LAYER = re.compile(r"(?:.*\.)?decoder\.layers\.(\d+)\.weight")


def match(shapes: Shapes) -> int:
    """How surely these tensors are TripoSR's: see `Family.match`."""
    planes = _planes_name(shapes)
    if planes is None:
        return 0
    named = last_word(planes) == PLANES
    if _decoder_fits(shapes, planes):
        return 95 if named else 70
    return 60 if named else 0


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one per scene code; without heads where there is no decoder, or none that fits."""
    shapes = tensors.shapes
    planes = _planes_name(shapes)
    weights = layer_names(shapes) if _decoder_fits(shapes, planes) else []
    biases = [bias for name in weights if (bias := bias_of(name)) in shapes]
    kept = {name: tensors[name] for name in (*weights, *biases)}
    codes = tensors[planes].reshape(-1, *shapes[planes][-4:])
    description = describe_field(weights, set(biases))
    declared, guessed = _what_is_known(codes.shape[1:], [shapes[name] for name in weights])
    return [
        Found(description, {PLANES: code, **kept}, f" {number}" if len(codes) > 1 else "", declared, guessed)
        for number, code in enumerate(codes, 1)
    ]


def describe_field(
    weights: list[str],
    biases: set[str],
    low: tuple[float, float, float] = (-RADIUS,) * 3,
    high: tuple[float, float, float] = (RADIUS,) * 3,
    up: str = "z",
    family: str = "TripoSR",
) -> FieldDescription:
    """The description of a field with TripoSR's layout in the box `low … high`, whose decoder has these weights (in
    order) and biases."""
    planes = tuple(Plane(PLANES, index, axes) for index, axes in enumerate(AXES))
    layers = tuple(
        Layer(name, bias_of(name) if bias_of(name) in biases else None, "none" if name == weights[-1] else "silu")
        for name in weights
    )
    outputs = (Output("density", (0, 1), "exp", bias=-1.0), Output("rgb", (1, 4), "sigmoid"))
    return FieldDescription(
        family=family,
        space=Space(low, high, up=up),
        groups=(Group("planes", planes, combine="concat", align_corners=False, padding="zeros"),),
        heads=(Head("decoder", (Input("group", "planes"),), layers, outputs),) if layers else (),
        march=March(samples=128, step="normalised", box_shrink=1e-3, min_chord=0.01, background=(1.0, 1.0, 1.0)),
        surface=Surface("density", level=25.0, resolution=256),
    )


def layer_names(shapes: Shapes) -> list[str]:
    """Names of the decoder's weights (out,in) in the order of its layers."""
    found = {int(hit[1]): name for name in shapes if (hit := LAYER.fullmatch(name)) and len(shapes[name]) == 2}
    return [found[index] for index in sorted(found)]


def _planes_name(shapes: Shapes) -> str | None:
    """The tensor that holds the planes: `scene_codes`, or else the only one of the shape (…,3,C,H,W) that the decoder
    reads (a generator has others of that shape)."""
    shaped = [name for name, shape in shapes.items() if len(shape) in (4, 5) and shape[-4] == 3 and min(shape) > 0]
    named = [name for name in shaped if last_word(name) == PLANES]
    candidates = named or [name for name in shaped if _decoder_fits(shapes, name)]
    return candidates[0] if len(candidates) == 1 else None


def _decoder_fits(shapes: Shapes, planes: str) -> bool:
    weights = layer_names(shapes)
    return bool(weights) and shapes[weights[0]][1] == 3 * shapes[planes][-3] and shapes[weights[-1]][0] == 4


def _what_is_known(planes: tuple[int, ...], weights: list[tuple[int, ...]]) -> tuple[dict[str, str], dict[str, str]]:
    declared = {"planes": f"3 × {planes[1]} channels, {planes[2]} × {planes[3]} texels"}
    guessed = {
        "family": "TripoSR, from the names and shapes of the tensors",
        "box": f"±{RADIUS}",
        "up": "z",
        "axes": "xy, xz, yz",
        "sampling": "bilinear, texel edges at the box, zeros outside",
        "march": "128 midpoints, normalised step, white background",
    }
    if weights:
        declared["decoder"] = f"{len(weights)} layers, {weights[0][0]} wide"
        guessed["activations"] = "SiLU; density exp(raw − 1); colour sigmoid"
    return declared, guessed


FAMILY = Family("TripoSR", match, describe, weights=LAYER.pattern)
