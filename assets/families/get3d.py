"""GET3D (Gao et al. 2022, "GET3D: A Generative Model of High Quality 3D Textured Shapes Learned from Images"), and nets
that build on it with the same keys, such as TPA3D.

Its generator makes two sets of three planes, (N,96,256,256) each: `sdf_feature` for the shape, `tex_feature` for the
texture. The weights are `synthesis.generator.mlp_synthesis_{sdf,def,tex}.layers.*` and `synthesis.to_rgb.*` of its
state. They are modulated: what a layer does depends on the latent of the asset, so `ws_geo` and `ws_tex` (or `ws`) must
lie beside the planes, as its mapping networks return them. The latent is fixed within an asset, so that each layer is
folded once into an ordinary one,

    W' = √2 · W · s / |W · s| (a norm per row), b' = √2 · b, with s = A w / √|w| + a,

where A and a are the layer's `affine`, and √2 is the gain of its leaky ReLU (slope 0.2), which the last layer has not.
The colour follows from a last linear layer without the norm, W' = W · s / √in. Distances are positive inside.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import BadInput
from ..fields.description import (
    FieldDescription,
    Group,
    Head,
    Layer,
    March,
    Output,
    Surface,
)
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._parts import Axes, bias_of, cube, ends_with, find, from_group, numbered, size_of, stacked

AXES: Axes = (("x", "y"), ("y", "z"), ("x", "z"))
GEOMETRY, TEXTURE, BOTH = "sdf_feature", "tex_feature", "plane_feat"
SDF, DEFORMATION, COLOUR = "mlp_synthesis_sdf", "mlp_synthesis_def", "mlp_synthesis_tex"
SCALE = "dmtet_scale"
SIDE = 1.0
"""Length of a side of its grid of tetrahedra, where the file does not say."""

CELLS = 90
"""Cells of that grid along a side, which limit its deformation."""

SLOPE, GAIN = 0.2, math.sqrt(2.0)


def match(shapes: Shapes) -> int:
    """How surely these tensors are GET3D's: see `Family.match`."""
    planes = find(shapes, GEOMETRY) or find(shapes, BOTH)
    if planes is None or len(shapes[planes]) not in (4, 5):
        return 0
    return 60 if _generator(shapes) is None else 95


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one per latent. Raises BadInput where there are weights but not the latent."""
    shapes = tensors.shapes
    generator = _generator(shapes)
    geometry, texture = _planes(tensors, generator)
    if texture is not None and len(texture) != len(geometry):
        raise BadInput(f"There are planes for {len(geometry)} shapes, but for {len(texture)} textures.")
    scale = find(shapes, SCALE)
    side = SIDE if scale is None else float(tensors[scale].reshape(-1)[0])
    found = []
    for number, planes in enumerate(geometry):
        kept = {GEOMETRY: planes} | ({} if texture is None else {TEXTURE: texture[number]})
        heads: tuple[Head, ...] = ()
        if generator is not None:
            folded, heads = _heads(tensors, generator, number, len(geometry), texture is not None)
            kept |= folded
        suffix = f" {number + 1}" if len(geometry) > 1 else ""
        known = _what_is_known(kept, side, scale is not None)
        found.append(Found(_describe_field(side, heads, texture is not None), kept, suffix, *known))
    return found


def fold(weight: np.ndarray, style: np.ndarray, gain: float = 1.0) -> np.ndarray:
    """A modulated layer (out,in) under one style (in,), demodulated, as the weights (out,in) of an ordinary one."""
    modulated = weight * style
    return modulated * (gain / np.sqrt((modulated**2).sum(1, keepdims=True) + 1e-8))


def _describe_field(side: float, heads: tuple[Head, ...], textured: bool) -> FieldDescription:
    names = {"geometry": GEOMETRY} | ({"texture": TEXTURE} if textured else {})
    return FieldDescription(
        family="GET3D",
        space=cube(side / 2, outside="clamp"),
        groups=tuple(Group(name, stacked(tensor, AXES), "sum") for name, tensor in names.items()),
        heads=heads,
        march=March(background=(1.0, 1.0, 1.0)),
        surface=Surface("sdf", 0.0, CELLS, "above"),
    )


def _generator(shapes: Shapes) -> str | None:
    """What stands before the weights of the averaged generator (the better one), or of the only one."""
    ending = f"{SDF}.layers.0.affine.bias"
    names = [name for name, shape in shapes.items() if ends_with(name, ending) and len(shape) == 1]
    best = min(names, key=lambda name: ("ema" not in name.lower(), len(name)), default=None)
    return None if best is None else best[: -len(ending)]


def _planes(tensors: Tensors, generator: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Planes of the shape and of the texture, (N,3,C,H,W) each."""
    shapes = tensors.shapes
    width = None if generator is None else shapes[f"{generator}{SDF}.layers.0.affine.bias"][0]
    both = find(shapes, BOTH)
    if both is not None and find(shapes, GEOMETRY) is None:
        geometry, texture = np.split(tensors[both], 2, axis=-3)
        return _in_sets(geometry, width), _in_sets(texture, width)
    texture = find(shapes, TEXTURE)
    return (
        _in_sets(tensors[find(shapes, GEOMETRY)], width),
        None if texture is None else _in_sets(tensors[texture], width),
    )


def _in_sets(array: np.ndarray, width: int | None) -> np.ndarray:
    """Planes (N,3·C,H,W), (N,3,C,H,W) or (3,C,H,W) as (N,3,C,H,W); `width` is the C that the decoder reads."""
    shape = array.shape
    if len(shape) == 5 and shape[1] == 3:
        sets = array
    elif len(shape) == 4 and shape[0] == 3 and width in (None, shape[1]):
        sets = array[None]
    elif len(shape) == 4 and shape[1] % 3 == 0:
        sets = array.reshape(shape[0], 3, shape[1] // 3, *shape[2:])
    else:
        raise BadInput(f"GET3D's planes have 3 × {width or 32} channels, not the shape {list(shape)}.")
    if width is not None and sets.shape[2] != width:
        raise BadInput(f"The decoder reads {width} channels per plane, the planes have {sets.shape[2]}.")
    return sets


def _heads(
    tensors: Tensors, generator: str, number: int, count: int, textured: bool
) -> tuple[dict[str, np.ndarray], tuple[Head, ...]]:
    """The folded weights of asset `number` of `count`, and the heads that read them."""
    geometry = _latent(tensors, ("ws_geo",), number, count)
    kept, layers = _folded(tensors, f"{generator}{SDF}", "sdf", geometry)
    heads = [Head("sdf", from_group("geometry"), layers, (Output("sdf"),))]
    if f"{generator}{DEFORMATION}.layers.0.weight" in tensors.shapes:
        more, layers = _folded(tensors, f"{generator}{DEFORMATION}", "deformation", geometry)
        kept |= more
        moved = Output("deformation", (0, 3), "tanh", scale=1 / (2 * CELLS))
        heads.append(Head("deformation", from_group("geometry"), layers, (moved,)))
    if textured and f"{generator}{COLOUR}.layers.0.weight" in tensors.shapes:
        latent = _latent(tensors, ("ws_tex", "ws"), number, count)
        more, layers = _folded(tensors, f"{generator}{COLOUR}", "texture", latent)
        kept |= more
        to_rgb = find(tensors.shapes, f"{generator.removesuffix('generator.')}to_rgb.weight")
        if to_rgb is not None:
            kept |= _folded_to_rgb(tensors, to_rgb, latent)
            layers += (Layer("rgb.weight", "rgb.bias"),)
        colour = Output("rgb", (0, 3), "clip11", scale=0.5, shift=0.5)
        heads.append(Head("texture", from_group("texture"), layers, (colour,)))
    return kept, tuple(heads)


def _folded(
    tensors: Tensors, network: str, short: str, latent: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[Layer, ...]]:
    """The layers of a modulated network under the last of the rows of `latent`, one each."""
    names = numbered(tensors.shapes, f"{network}.layers.")
    if 1 < len(latent) < len(names):
        raise BadInput(f"The latent has {len(latent)} rows, {network} needs {len(names)}.")
    kept: dict[str, np.ndarray] = {}
    layers = []
    for index, name in enumerate(names):
        last = index == len(names) - 1
        gain = 1.0 if last else GAIN
        style = _style(tensors, name, latent[index - len(names)] if len(latent) > 1 else latent[0])
        weight, bias = f"{short}.{index}.weight", f"{short}.{index}.bias"
        kept[weight] = fold(_array(tensors, name, None, len(style)), style, gain).astype(np.float32)
        kept[bias] = (_array(tensors, bias_of(name), len(kept[weight])) * gain).astype(np.float32)
        layers.append(Layer(weight, bias, "none" if last else "leaky_relu", None if last else SLOPE))
    return kept, tuple(layers)


def _folded_to_rgb(tensors: Tensors, name: str, latent: np.ndarray) -> dict[str, np.ndarray]:
    style = _style(tensors, name, latent[-1])
    weight = _array(tensors, name, 3, len(style), 1, 1)[:, :, 0, 0] * style / math.sqrt(len(style))
    bias = _array(tensors, bias_of(name), 3)
    return {"rgb.weight": weight.astype(np.float32), "rgb.bias": bias.astype(np.float32)}


def _style(tensors: Tensors, name: str, latent: np.ndarray) -> np.ndarray:
    """The style (in,) of the layer with the weight `name` under a latent (w,)."""
    affine = f"{name.removesuffix('weight')}affine.weight"
    weight = _array(tensors, affine, None, None)
    if weight.shape[1] != len(latent):
        raise BadInput(f"The latent has {len(latent)} numbers, {affine} reads {weight.shape[1]}.")
    return weight @ latent / math.sqrt(len(latent)) + _array(tensors, bias_of(affine), len(weight))


def _array(tensors: Tensors, name: str, *sizes: int | None) -> np.ndarray:
    """An array with these sizes (None: any), f64. Raises BadInput where it is not there or has others."""
    if name not in tensors.shapes:
        raise BadInput(f"There is no {name}.")
    shape = tensors.shapes[name]
    if len(shape) != len(sizes) or any(size not in (None, there) for size, there in zip(sizes, shape, strict=True)):
        wanted = ", ".join("…" if size is None else str(size) for size in sizes)
        raise BadInput(f"{name} has the shape {list(shape)}, expected ({wanted}).")
    return tensors[name].astype(np.float64)


def _latent(tensors: Tensors, names: tuple[str, ...], number: int, count: int) -> np.ndarray:
    """The rows (layers, w) of the latent of asset `number` of `count`; one row where all layers share it."""
    name = next((found for name in names if (found := find(tensors.shapes, name)) is not None), None)
    if name is None:
        raise BadInput(
            f"The weights of a GET3D decoder depend on the latent: save {names[0]} (N, layers, 512) beside the planes."
        )
    array = tensors[name].astype(np.float64)
    if array.ndim == 3 and len(array) == count:
        return array[number]
    if array.ndim == 2 and len(array) == count and count > 1:
        return array[number : number + 1]
    if array.ndim in (1, 2) and count == 1:
        return np.atleast_2d(array)
    raise BadInput(f"{name} has the shape {list(array.shape)}, expected ({count}, layers, width).")


def _what_is_known(kept: dict[str, np.ndarray], side: float, told: bool) -> tuple[dict[str, str], dict[str, str]]:
    declared = {"planes of the shape": size_of(kept[GEOMETRY])}
    if TEXTURE in kept:
        declared["planes of the texture"] = size_of(kept[TEXTURE])
    layers = [name for name in kept if name.startswith("sdf.") and name.endswith("weight")]
    if layers:
        declared["decoder"] = f"{len(layers)} layers for the shape, folded with the latent of the asset"
    guessed = {
        "family": "GET3D, from the names of the tensors",
        "outside": "the nearest point of the box",
        "up": "y",
        "axes": "xy, yz, xz",
        "sampling": "bilinear, texel edges at the box",
        "surface": "distance 0, positive inside",
    }
    (declared if told else guessed)["box"] = f"±{side / 2:g}"
    return declared, guessed


FAMILY = Family("GET3D", match, describe, weights=rf"(?:.*\.)?{SDF}\.layers\.\d+\.affine\.weight")
