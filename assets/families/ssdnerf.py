"""SSDNeRF (Chen et al. 2023, "Single-Stage Diffusion NeRF: A Unified Approach to 3D Generation and Reconstruction").

A scene file has `code_` (3,6,128,128), of which the planes are 2 tanh(code_), or `code`, which are the planes; the
decoder lies in the checkpoint of a model, as `decoder_ema.*` or `decoder.*`. Features are concatenated channel by
channel (channel · 3 + plane). A base layer is followed, after SiLU, by the density, exp(raw); added to a layer on
spherical harmonics of the view it becomes, after SiLU, the colour, a sigmoid widened by 0.001 to either side.
"""

from __future__ import annotations

import numpy as np

from ..fields.description import (
    Encoding,
    FieldDescription,
    Group,
    Head,
    Input,
    Layer,
    March,
    Output,
    Surface,
)
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._parts import (
    XY_XZ_YZ,
    bias_of,
    cube,
    find,
    from_group,
    layers,
    numbered,
    prefix,
    size_of,
    stacked,
    with_biases,
)
from ._planes import sets_of

CODES = ("code_", "code")
DECODERS = ("decoder_ema.", "decoder.", "")
NETS = ("base_net", "density_net", "dir_net", "color_net")
WEIGHTS = r"(?:.*\.)?decoder(?:_ema)?\.(?:(?:base|density|color)_net\.\d+\.weight|scene_base)"
TANH_SCALE = 2.0
HARMONICS = 4
COLOR_INPUT = "color_net.in"
"""The layer in which base and view are added."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are SSDNeRF's: see `Family.match`."""
    code = _code(shapes)
    if code is None:
        return 0
    if _decoder(shapes, code) is not None:
        return 95
    return 85 if find(shapes, "density_bitfield") or code.rsplit(".", 1)[-1] == "code_" else 0


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each code; without heads where there is no decoder, or none that fits."""
    shapes = tensors.shapes
    code = _code(shapes)
    start = _decoder(shapes, code)
    raw = code.rsplit(".", 1)[-1] == "code_"
    heads: tuple[Head, ...] = ()
    weights: dict[str, np.ndarray] = {}
    if start is not None:
        weights = _weights(tensors, start)
        heads = _heads(weights)
    description = FieldDescription(
        family=FAMILY.name,
        space=cube(up="z"),
        groups=(Group("planes", stacked("planes", XY_XZ_YZ), "concat_channel_major", padding="border"),),
        heads=heads,
        march=March(samples=256, near=0.2, background=(1.0, 1.0, 1.0)),
        surface=Surface("density", level=10.0, resolution=256),
    )
    sets = sets_of(tensors[code], None)
    found = []
    for number, planes in enumerate(sets, 1):
        planes = _activated(planes, raw)
        if start is not None and f"{start}scene_base" in shapes:
            planes = planes + tensors[f"{start}scene_base"].astype(np.float32).reshape(planes.shape)
        declared, guessed = _what_is_known(description, planes, weights, raw)
        suffix = f" {number}" if len(sets) > 1 else ""
        found.append(Found(description, {"planes": planes, **weights}, suffix, declared, guessed))
    return found


def _code(shapes: Shapes) -> str | None:
    """The name of the code of a scene."""
    for ending in CODES:
        name = find(shapes, ending)
        if name is not None and len(shapes[name]) in (4, 5) and shapes[name][-4] == 3 and min(shapes[name]) > 0:
            return name
    return None


def _activated(code: np.ndarray, raw: bool) -> np.ndarray:
    return TANH_SCALE * np.tanh(code.astype(np.float32)) if raw else code


def _decoder(shapes: Shapes, code: str) -> str | None:
    """What stands before the names of a decoder that reads the code: of its moving average, where there is one."""
    for owner in DECODERS:
        start = prefix(shapes, f"{owner}base_net.0.weight")
        if start is None:
            continue
        start = f"{start}{owner}"
        nets = {net: numbered(shapes, f"{start}{net}.") for net in NETS}
        if not all(nets[net] for net in NETS if net != "dir_net"):
            continue
        base, color = shapes[nets["base_net"][-1]][0], shapes[nets["color_net"][0]][1]
        added = bool(nets["dir_net"]) and shapes[nets["dir_net"][-1]][0] == base == color
        reads = shapes[nets["base_net"][0]][1] == 3 * shapes[code][-3] and shapes[nets["density_net"][0]][1] == base
        if reads and (added or (not nets["dir_net"] and color in (base, base + HARMONICS**2))):
            return start
    return None


def _weights(tensors: Tensors, start: str) -> dict[str, np.ndarray]:
    """The weights and biases by their names without `start`; with a net for the view, its last layer and that of the
    base side by side."""
    wanted = [name for net in NETS for name in with_biases(numbered(tensors.shapes, f"{start}{net}."), tensors.shapes)]
    found = {name.removeprefix(start): tensors[name] for name in wanted}
    shapes = {name: array.shape for name, array in found.items()}
    if views := numbered(shapes, "dir_net."):
        pair = (numbered(shapes, "base_net.")[-1], views[-1])
        found[f"{COLOR_INPUT}.weight"] = np.concatenate([found[name].astype(np.float32) for name in pair], 1)
        zeros = np.zeros(shapes[pair[0]][0], np.float32)
        found[f"{COLOR_INPUT}.bias"] = zeros + sum(found[bias_of(name)] for name in pair if bias_of(name) in found)
        for name in (views[-1], bias_of(views[-1])):
            found.pop(name, None)
    return found


def _heads(weights: dict[str, np.ndarray]) -> tuple[Head, ...]:
    shapes = {name: array.shape for name, array in weights.items()}
    base, density, views, color = (numbered(shapes, f"{net}.") for net in NETS)
    into, heads = from_group("planes"), []
    if len(base) > 1:
        heads.append(Head("trunk", into, layers(base[:-1], shapes, "silu", "silu")))
        into = (Input("head", "trunk"),)
    heads.append(Head("base", into, layers(base[-1:], shapes, "silu", "silu")))
    outputs = (Output("density", (0, 1), "exp"),)
    heads.append(Head("density", (Input("head", "base"),), layers(density, shapes, "silu"), outputs))
    seen = Input("viewdir", encoding=Encoding("spherical_harmonics", count=HARMONICS))
    rgb = (Output("rgb", (0, 3), "wide_sigmoid"),)
    rest = layers(color, shapes, "silu")
    if f"{COLOR_INPUT}.weight" not in weights:
        wide = shapes[color[0]][1] > shapes[base[-1]][0]
        heads.append(Head("color", (Input("head", "base"), *((seen,) if wide else ())), rest, rgb))
        return tuple(heads)
    if views:
        heads.append(Head("view", (seen,), layers(views, shapes, "silu", "silu")))
        seen = Input("head", "view")
    added = Layer(f"{COLOR_INPUT}.weight", f"{COLOR_INPUT}.bias", "silu")
    heads.append(Head("color", (*into, seen), (added, *rest), rgb))
    return tuple(heads)


def _what_is_known(
    description: FieldDescription, planes: np.ndarray, weights: dict[str, np.ndarray], raw: bool
) -> tuple[dict[str, str], dict[str, str]]:
    declared, guessed = {"planes": size_of(planes)}, conventions(description)
    if weights:
        shapes = {name: array.shape for name, array in weights.items()}
        declared["decoder"] = decoder_note(shapes, [name for name in weights if name.endswith(".weight")])
    if raw:
        guessed["planes"] = f"{TANH_SCALE:g} · tanh of the code; some configurations have others"
    return declared, guessed


FAMILY = Family("SSDNeRF", match, describe, weights=WEIGHTS, planes="code")
