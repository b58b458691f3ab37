"""RodinHD (Zhang et al. 2024, "RodinHD: High-Fidelity 3D Avatar Generation with Diffusion Models").

Planes are a lone .npy (3,1,32,512,512), or rolled out (32,512,3·512), or smaller and then made 512 wide by cubic
interpolation, as its renderer does; the decoder is a torch-ngp checkpoint (`model`). Planes xy, xz, yz, texel centres
at the box; their mean has 24 channels for the colour and 8 for the density. Both are widened by two frequencies; one
Softplus layer gives density, exp(raw), and 128 features; three layers without biases give the colour from the first,
the features, and the direction, widened alike. Outside the box its kernel cuts planes off at once; here the outermost
texel fades to 0 over its own width.
"""

from __future__ import annotations

import numpy as np

from ..fields.description import Encoding, FieldDescription, Group, Head, Input, March, Output, Space, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._numbers import box
from ._parts import XY_XZ_YZ, layers, numbered, prefix, size_of, stacked, with_biases
from ._planes import sets_of

CHANNELS = 32
COLORS = 24
"""Channels of the colour, the first ones."""

GRID = 512
SMALLER = (64, 128, 256)
"""Sizes that the family's renderer enlarges to `GRID`."""

WAVES = 2
WEIGHTS = r"(?:.*\.)?(?:sigma_net\.[02]|color_net\.\d+)\.weight"
HALF_BOX = ((-1.0,) * 3, (1.0,) * 3)


def match(shapes: Shapes) -> int:
    """How surely these tensors are RodinHD's: see `Family.match`."""
    planes = _planes_name(shapes)
    if planes is None:
        return 0
    if _weights(shapes)[0]:
        return 90
    return 60 if shapes[planes][:3] == (3, 1, CHANNELS) and shapes[planes][-1] in (*SMALLER, GRID) else 0


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`; without heads where there is no decoder."""
    shapes, name = tensors.shapes, _planes_name(tensors.shapes)
    array = tensors[name]
    stored = array.reshape(array.shape[-3:]) if array.shape[-1] == 3 * array.shape[-2] else array
    planes = sets_of(stored if stored.ndim == 3 else stored.reshape(3, CHANNELS, *stored.shape[-2:]), CHANNELS)[0]
    size = planes.shape[-1]
    enlarged = _enlarged(planes) if size in SMALLER else planes
    density, color = _weights(shapes)
    kept = {weight: tensors[weight] for weight in (*with_biases(density, shapes), *color)}
    corners = box(tensors, "aabb_infer") or box(tensors, "aabb_train")
    description = _field(density, color, shapes, corners or HALF_BOX)
    declared, guessed = {"planes": size_of(planes)}, conventions(description)
    if enlarged is not planes:
        guessed["size"] = f"planes enlarged to {GRID} × {GRID} texels, cubic"
    if corners is not None:
        declared["box"] = guessed.pop("box")
    if density:
        declared["decoder"] = decoder_note(shapes, [*density, *color])
    return [Found(description, {"planes": enlarged, **kept}, "", declared, guessed)]


def _planes_name(shapes: Shapes) -> str | None:
    """The array of the planes: (3,1,32,R,R), (3,32,R,R), (1,3,32,R,R), (32,R,3·R) or (1,32,R,3·R)."""
    for name, shape in shapes.items():
        if len(shape) < 3 or min(shape) == 0:
            continue
        rows, columns = shape[-2:]
        apart = rows == columns and shape[:-2] in ((3, 1, CHANNELS), (3, CHANNELS), (1, 3, CHANNELS))
        rolled = columns == 3 * rows and shape[:-2] in ((CHANNELS,), (1, CHANNELS))
        if apart or rolled:
            return name
    return None


def _weights(shapes: Shapes) -> tuple[list[str], list[str]]:
    """Weights of the nets of density and colour, in order; none where they do not fit planes of 32 channels."""
    start = prefix(shapes, "sigma_net.0.weight")
    if start is None:
        return [], []
    density, color = (numbered(shapes, f"{start}{name}.") for name in ("sigma_net", "color_net"))
    if len(density) != 2 or not color:
        return [], []
    wide = 1 + 2 * WAVES
    features = shapes[density[1]][0] - 1
    seen = COLORS * wide + features + 3 * wide
    fits = shapes[density[0]][1] == (CHANNELS - COLORS) * wide and shapes[color[0]][1] == seen
    return (density, color) if fits and shapes[color[-1]][0] == 3 else ([], [])


def _enlarged(planes: np.ndarray) -> np.ndarray:
    """Planes (3,C,R,R) as (3,C,512,512) f32."""
    import torch
    import torch.nn.functional as functional

    with torch.inference_mode():
        image = torch.from_numpy(planes.astype(np.float32))
        return functional.interpolate(image, (GRID, GRID), mode="bicubic", align_corners=False).numpy().copy()


def _field(density: list[str], color: list[str], shapes: Shapes, corners: tuple) -> FieldDescription:
    waves = Encoding("frequencies", count=WAVES)
    heads: tuple[Head, ...] = ()
    if density:
        opaque = Input("group", "planes", channels=(COLORS, CHANNELS), encoding=waves)
        inputs = (
            Input("group", "planes", channels=(0, COLORS), encoding=waves),
            Input("head", "sigma_net", channels=(1, shapes[density[1]][0])),
            Input("viewdir", encoding=waves),
        )
        heads = (
            Head("sigma_net", (opaque,), layers(density, shapes, "softplus"), (Output("density", (0, 1), "exp"),)),
            Head("color_net", inputs, layers(color, shapes, "relu"), (Output("rgb", (0, 3), "sigmoid"),)),
        )
    return FieldDescription(
        family=FAMILY.name,
        space=Space(*corners, up="y"),
        groups=(Group("planes", stacked("planes", XY_XZ_YZ), combine="mean", align_corners=True),),
        heads=heads,
        march=March(samples=1024, near=0.2, weight_floor=1e-4, background=(1.0, 1.0, 1.0)),
        surface=Surface("density", level=10.0, resolution=256),
    )


FAMILY = Family("RodinHD", match, describe, weights=WEIGHTS)
