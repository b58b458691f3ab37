"""Sin3DM (Wu et al. 2024, "Sin3DM: Learning a Diffusion Model from a Single 3D Textured Shape").

Planes are a feat.npz: `feat_xy` (C,H,W), `feat_xz` (C,H,D), `feat_yz` (C,W,D), H, W, D along x, y, z and in general
different, the first four channels for the shape, the others for the colour. The decoder is the autoencoder's ckpt_*.pth
(`net`, `aabb`, `featmap_size`). Before planes are sampled each of the two sets goes once through a residual block of
convolutions, with its own weights per plane; that is done here, when they are read, and the result is kept (with texel
edges at the box, the nearest texel outside, summed). An MLP that reads its input again half-way (types skip, pbr), or a
plain one (base), gives the signed distance, below 0 inside, another one the colour. Planes of another size than the
original ones widen the box in proportion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from ..fields.description import FieldDescription, Group, Head, Layer, March, Output, Plane, Space, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._numbers import Corner, box, numbers
from ._parts import bias_of, find, from_group, layers, numbered, prefix, with_biases

if TYPE_CHECKING:
    import torch

AXES = {"xy": ("y", "x"), "xz": ("z", "x"), "yz": ("z", "y")}
"""What runs along columns and rows of each plane."""

KINDS = ("geo", "tex")
FIRST = "geo_convs.in_layers.0.weight"
WEIGHTS = r"(?:.*\.)?(?:geo_convs|geo_decoder|tex_convs|tex_decoder)\.(?:.*\.)?weight"
EPSILON = 1e-6
"""Of the instance norms."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are Sin3DM's: see `Family.match`."""
    if _planes(shapes) is None:
        return 0
    return 95 if prefix(shapes, FIRST) is not None else 85


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`; the planes as they are and no heads where there is no decoder, or none that fits."""
    shapes, names = tensors.shapes, _planes(tensors.shapes)
    planes = {pair: tensors[name].reshape(shapes[name][-3:]) for pair, name in names.items()}
    low, high, told = _box(tensors, planes)
    start = prefix(shapes, FIRST)
    geometry = 0 if start is None or len(shapes[f"{start}{FIRST}"]) != 4 else shapes[f"{start}{FIRST}"][1]
    heads = _heads(shapes, start) if 0 < geometry <= planes["xy"].shape[0] else ()
    made, kept = {}, {}
    if heads:
        channels = {"geo": slice(0, geometry), "tex": slice(geometry, None)}
        for kind in KINDS[: len(heads)]:
            made.update(_through_convolutions(tensors, f"{start}{kind}_convs", kind, planes, channels[kind]))
        used = [name for head in heads for layer in head.layers for name in (layer.weight, layer.bias)]
        kept = {name: tensors[name] for name in used}
    else:
        made = {f"feat.{pair}": plane[None] for pair, plane in planes.items()}
    description = FieldDescription(
        family=FAMILY.name,
        space=Space(low, high, up="y"),
        groups=tuple(_group(kind) for kind in (KINDS[: len(heads)] or ("feat",))),
        heads=heads,
        march=March(background=(1.0, 1.0, 1.0)),
        surface=Surface("sdf", level=0.0, resolution=256, matter="below"),
    )
    size = " × ".join(str(count) for count in (*planes["xy"].shape[1:], planes["xz"].shape[2]))
    declared, guessed = (
        {"planes": f"3 × {len(planes['xy'])} channels, {size} texels along x, y, z"},
        conventions(description),
    )
    if told:
        declared["box"] = guessed.pop("box")
    if heads:
        mlps = decoder_note(shapes, [layer.weight for head in heads for layer in head.layers])
        declared["decoder"] = f"convolutions, which went over the planes, and {mlps}"
    return [Found(description, {**made, **kept}, "", declared, guessed)]


def _planes(shapes: Shapes) -> dict[str, str] | None:
    """Names of the three planes (C,·,·) or (1,C,·,·) whose sizes fit each other, or None."""
    names = {pair: find(shapes, f"feat_{pair}") for pair in AXES}
    if None in names.values():
        return None
    sizes = [shapes[name] for name in names.values()]
    if any(len(size) not in (3, 4) or size[:-3] not in ((), (1,)) or min(size) == 0 for size in sizes):
        return None
    (count, rows, columns), (_, rows2, depth), (_, columns2, depth2) = (size[-3:] for size in sizes)
    same = all(size[-3] == count for size in sizes) and (rows, columns, depth) == (rows2, columns2, depth2)
    return names if same else None


def _box(tensors: Tensors, planes: dict[str, np.ndarray]) -> tuple[Corner, Corner, bool]:
    """The box of the planes, widened as far as they are larger than those of the original shape; whether the file has
    one. Without, the longest side is ±1."""
    size = (*planes["xy"].shape[1:], planes["xz"].shape[2])
    corners = box(tensors, "aabb")
    if corners is None:
        half = tuple(count / max(size) for count in size)
        return tuple(-side for side in half), half, False
    original = numbers(tensors, "featmap_size", 3) or size
    if min(original) <= 0:
        raise BadInput("featmap_size: holds numbers that are not positive.")
    scale = [count / before for count, before in zip(size, original, strict=True)]
    low, high = (tuple(side * factor for side, factor in zip(corner, scale, strict=True)) for corner in corners)
    return low, high, True


def _group(kind: str) -> Group:
    planes = tuple(Plane(f"{kind}.{pair}", 0, axes) for pair, axes in AXES.items())
    return Group(kind, planes, combine="sum", align_corners=False, padding="border")


def _heads(shapes: Shapes, start: str) -> tuple[Head, ...]:
    """The head of the distance and, where there is one, that of the colour; none where layers are missing."""
    distance = _mlp(shapes, f"{start}geo_decoder")
    if not distance:
        return ()
    heads = [Head("geo", from_group("geo"), distance, (Output("sdf"),))]
    shaded, pure = _mlp(shapes, f"{start}tex_decoder"), _mlp(shapes, f"{start}rgb_decoder")
    if shaded:
        outputs = [Output("rgb", (0, 3), "sigmoid")]
        width = shapes[shaded[-1].weight][0]
        if width > 3:
            outputs.append(Output("features", (3, width), "sigmoid"))
        heads.append(Head("tex", from_group("tex"), shaded, tuple(outputs)))
    elif pure:
        heads.append(Head("tex", from_group("tex"), pure, (Output("rgb", (0, 3), "clip01"),)))
    return tuple(heads)


def _mlp(shapes: Shapes, name: str) -> tuple[Layer, ...]:
    """The layers of a decoder in either form, with their biases; none where some are missing."""
    plain = numbered(shapes, f"{name}.layers.")
    first, second = (numbered(shapes, f"{name}.{half}_layers.") for half in ("first", "second"))
    weights = plain or (first + second if first and second else [])
    if len(with_biases(weights, shapes)) != 2 * len(weights):
        return ()
    mlp = layers(weights, shapes, "relu")
    # The skipping form reads its input again, before the features of its first half.
    return tuple(
        Layer(layer.weight, layer.bias, layer.activation, skip="before")
        if layer.weight == next(iter(second), "")
        else layer
        for layer in mlp
    )


def _through_convolutions(
    tensors: Tensors, name: str, kind: str, planes: dict[str, np.ndarray], channels: slice
) -> dict[str, np.ndarray]:
    """Some channels of the planes after the residual block called `name`, or the chain of blocks `name`.N: the arrays
    KIND.PAIR (1,C',·,·) f32. Raises BadInput where the weights do not fit."""
    import torch

    blocks = [name] if f"{name}.in_layers.0.weight" in tensors.shapes else []
    while not blocks or blocks[-1] != name:
        following = f"{name}.{len(blocks)}"
        if not any(tensor.startswith(f"{following}.") for tensor in tensors.shapes):
            break
        blocks.append(following)
    maps = [torch.from_numpy(np.ascontiguousarray(planes[pair][channels], np.float32))[None] for pair in AXES]
    try:
        with torch.inference_mode():
            for block in blocks:
                maps = _residual(tensors, block, maps)
    except (KeyError, RuntimeError) as error:
        raise BadInput(f"The convolutions {name} do not fit the planes, or some are missing.") from error
    return {f"{kind}.{pair}": image.numpy().copy() for pair, image in zip(AXES, maps, strict=True)}


def _residual(tensors: Tensors, block: str, maps: list[torch.Tensor]) -> list[torch.Tensor]:
    """A residual block on planes xy, xz, yz (1,C,·,·). Its convolutions have three groups, one per plane, so that each
    plane can go through alone, at its own size. A block whose first convolution is not its first layer normalises and
    activates its input."""
    import torch
    import torch.nn.functional as functional

    def weights(name: str, third: int) -> tuple[torch.Tensor, torch.Tensor]:
        pair = (tensors[name], tensors[bias_of(name)])
        return tuple(torch.from_numpy(array.astype(np.float32)).chunk(3)[third] for array in pair)

    def convolved(name: str, third: int, image: torch.Tensor) -> torch.Tensor:
        weight, bias = weights(name, third)
        return functional.conv2d(image, weight, bias, padding=weight.shape[-1] // 2)

    def normalised(pair: str, image: torch.Tensor) -> torch.Tensor:
        scale, shift = (tensors[f"{block}.norm_{pair}.{name}"].astype(np.float32) for name in ("weight", "bias"))
        return functional.instance_norm(
            image, weight=torch.from_numpy(scale), bias=torch.from_numpy(shift), eps=EPSILON
        )

    activates = f"{block}.in_layers.0.weight" not in tensors.shapes
    entered, left = f"{block}.in_layers.{int(activates)}.weight", f"{block}.out_layers.1.weight"
    shortcut = f"{block}.shortcut.weight"
    after = []
    for third, (pair, image) in enumerate(zip(AXES, maps, strict=True)):
        image = normalised(pair, image) if activates else image
        inner = convolved(entered, third, functional.silu(image) if activates else image)
        inner = convolved(left, third, functional.silu(normalised(pair, inner)))
        after.append(inner + (convolved(shortcut, third, image) if shortcut in tensors.shapes else image))
    return after


FAMILY = Family("Sin3DM", match, describe, weights=WEIGHTS)
