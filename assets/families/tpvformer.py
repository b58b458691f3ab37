"""TPVFormer (Huang et al. 2023, "Tri-Perspective View for Vision-Based 3D Semantic Occupancy Prediction").

Its planes are lists of tokens: hw (1,H·W,C), zh (1,Z·H,C), wz (1,W·Z,C), three arrays named so, or a list in this
order; w runs along x, h along y. They are sampled at the place, summed, and classified by `decoder.{0,2}` (softplus
between) and `classifier` of its `tpv_aggregator`. The box is nuScenes' ±51.2 m, −5 … 3 m; with 17 or 18 classes the
colours are those of its own pictures, where class 17 is empty space and class 0 is noise.
"""

from __future__ import annotations

import math
import re

import numpy as np

from ..fields.description import FieldDescription, Group, Head, Label, Layer, Output, Plane, Space
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._labels import key, numbered_key
from ._parts import bias_of, find, from_group, with_biases

AXES = {"hw": ("x", "y"), "zh": ("y", "z"), "wz": ("z", "x")}
NAMED = re.compile(r"(?:.*[._])?(?:tpv|bev|plane|tokens)?_?(hw|zh|wz|zw)")
LISTED = re.compile(r"((?:.*\.)?)([012])")
LOW, HIGH = (-51.2, -51.2, -5.0), (51.2, 51.2, 3.0)
NUSCENES = {
    "noise": (0, 0, 0),
    "barrier": (255, 120, 50),
    "bicycle": (255, 192, 203),
    "bus": (255, 255, 0),
    "car": (0, 150, 245),
    "construction vehicle": (0, 255, 255),
    "motorcycle": (255, 127, 0),
    "pedestrian": (255, 0, 0),
    "traffic cone": (255, 240, 150),
    "trailer": (135, 60, 0),
    "truck": (160, 32, 240),
    "driveable surface": (255, 0, 255),
    "other flat": (139, 137, 137),
    "sidewalk": (75, 0, 75),
    "terrain": (150, 240, 80),
    "manmade": (230, 230, 250),
    "vegetation": (0, 175, 0),
    "empty": (255, 255, 255),
}


def match(shapes: Shapes) -> int:
    """How surely these tensors are TPVFormer's: see `Family.match`."""
    planes = _planes(shapes)
    if planes is None:
        return 0
    named = NAMED.fullmatch(planes["hw"]) is not None
    if _weights(shapes, shapes[planes["hw"]][-1]):
        return 95 if named else 85
    return 55 if named else 40


def describe(tensors: Tensors) -> list[Found]:
    """The one asset in `tensors`; without heads where there is no decoder, or none that fits."""
    shapes = tensors.shapes
    names = _planes(shapes)
    weights = _weights(shapes, shapes[names["hw"]][-1])
    sizes = _sizes({view: shapes[name][-2] for view, name in names.items()})
    kept = {}
    for view, name in names.items():
        tokens = tensors[name].reshape(-1, shapes[name][-1])
        rows, columns = sizes[view[0]], sizes[view[1]]
        kept[view] = np.ascontiguousarray(tokens.T).reshape(1, -1, rows, columns)
    kept |= {name: tensors[name] for name in with_biases(weights, shapes)}
    labels = _labels(shapes[weights[-1]][0]) if weights else ()
    return [Found(_describe_field(weights, set(shapes), labels), kept, "", *_what_is_known(shapes, weights, sizes))]


def _describe_field(weights: list[str], present: set[str], labels: tuple[Label, ...]) -> FieldDescription:
    planes = tuple(Plane(view, 0, axes) for view, axes in AXES.items())
    layers = tuple(
        Layer(name, bias_of(name) if bias_of(name) in present else None, "softplus" if index == 0 else "none")
        for index, name in enumerate(weights)
    )
    output = Output("label", (0, len(labels)))
    return FieldDescription(
        family="TPVFormer",
        space=Space(LOW, HIGH, up="z"),
        groups=(Group("planes", planes, "sum"),),
        heads=(Head("classifier", from_group("planes"), layers, (output,)),) if weights else (),
        labels=labels,
    )


def _labels(count: int) -> tuple[Label, ...]:
    if count in (17, 18):
        return key(NUSCENES, hidden=("noise", "empty"))[:count]
    return numbered_key(count)


def _planes(shapes: Shapes) -> dict[str, str] | None:
    """The names of the token arrays by view, where there is one set and its sizes fit each other."""
    named = {hit[1].replace("zw", "wz"): name for name in shapes if (hit := NAMED.fullmatch(name))}
    listed: dict[str, dict[str, str]] = {}
    for name in shapes:
        if hit := LISTED.fullmatch(name):
            listed.setdefault(hit[1], {})[list(AXES)[int(hit[2])]] = name
    for names in (named, *listed.values()):
        if len(names) == 3 and all(_are_tokens(shapes[name]) for name in names.values()):
            widths = {shapes[name][-1] for name in names.values()}
            if len(widths) == 1 and _sizes({view: shapes[name][-2] for view, name in names.items()}):
                return {view: names[view] for view in AXES}
    return None


def _are_tokens(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and shape[0] == (1 if len(shape) == 3 else shape[0]) and min(shape) > 0


def _sizes(counts: dict[str, int]) -> dict[str, int] | None:
    """H, W and Z (by "h", "w", "z") from the numbers of tokens, which are their products in pairs, or None."""
    h = math.isqrt(counts["hw"] * counts["zh"] // counts["wz"])
    if h < 2 or counts["hw"] % h or counts["zh"] % h:
        return None
    sizes = {"h": h, "w": counts["hw"] // h, "z": counts["zh"] // h}
    return sizes if sizes["w"] * sizes["z"] == counts["wz"] and min(sizes.values()) > 1 else None


def _weights(shapes: Shapes, width: int) -> list[str]:
    """The weights of the three layers where they read `width` channels, else none."""
    classifier = find(shapes, "tpv_aggregator.classifier.weight") or find(shapes, "classifier.weight")
    if classifier is None:
        return []
    before = classifier.removesuffix("classifier.weight")
    names = [f"{before}decoder.0.weight", f"{before}decoder.2.weight", classifier]
    if any(len(shapes.get(name, ())) != 2 for name in names) or shapes[names[0]][1] != width:
        return []
    return names


def _what_is_known(shapes: Shapes, weights: list[str], sizes: dict[str, int]) -> tuple[dict[str, str], dict[str, str]]:
    declared = {"planes": f"hw, zh, wz of {sizes['w']} × {sizes['h']} × {sizes['z']} cells"}
    guessed = {
        "family": "TPVFormer, from the names and shapes of the tensors",
        "box": "±51.2 m, −5 … 3 m (nuScenes)",
        "up": "z",
        "axes": "xy, yz, zx",
        "sampling": "bilinear, texel edges at the box, planes not scaled up",
    }
    if weights:
        count = shapes[weights[-1]][0]
        declared["decoder"] = f"3 layers, {shapes[weights[0]][0]} wide, {count} classes"
        guessed["classes"] = "nuScenes', 0 and 17 hidden" if count in (17, 18) else "numbered, 0 hidden"
    return declared, guessed


FAMILY = Family("TPVFormer", match, describe, weights=r"(?:.*\.)?tpv_aggregator\.(?:decoder\.\d+|classifier)\.weight")
