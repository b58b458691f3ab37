"""TriNeRFLet (Khatib & Giryes 2024, "TriNeRFLet: A Wavelet Based Triplane NeRF Representation").

A torch-ngp checkpoint (`model`) in which `encoder.planes_features` (3,C,r,r) is the coarsest approximation and
`encoder.planes_features_wavelet_coefs.N` (3,C,3,r·2ᴺ,r·2ᴺ) the details of each level. A level doubles the planes: twice
the approximation and the details, both padded with zeros, go through one inverse wavelet transform (bior6.8, unless the
synthesis filter that the file keeps is that of another). The planes xz, xy, yz are concatenated; layers without biases
give density, exp(raw), and a feature from which, with spherical harmonics of the direction, comes the colour.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from ..errors import BadInput
from ..fields.description import Encoding, FieldDescription, Group, Head, Input, March, Output, Space, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._numbers import box
from ._parts import from_group, layers, numbered, prefix, size_of, stacked

AXES = (("x", "z"), ("x", "y"), ("y", "z"))
PLANES = "encoder.planes_features"
DETAILS = f"{PLANES}_wavelet_coefs."
FILTER = "encoder.idwt.g0_col"
WEIGHTS = r"(?:.*\.)?(?:sigma_net|color_net)\.\d+\.weight"

HALF_BOX = ((-1.5,) * 3, (1.5,) * 3)
WAVELETS = {18: ("bior6.8", 4), 14: ("bior2.6", 3), 10: ("bior4.4", 2), 6: ("bior2.2", 1), 2: ("haar", 0)}
"""Name and padding by the length of the synthesis filter."""

FREQUENCIES = 4
"""Bands of spherical harmonics that the direction is widened to."""

LARGEST = 4096
"""Texels along a side up to which planes are built: twice what was published."""

REFUSED = {
    "encoder.rotation_matrix": "turns every channel of its planes by a rotation of its own (learn_rotation_axis)",
    "encoder.lbound_scale": "zooms every plane by a factor of its own (lbound_auto_scale)",
    "encoder.upscale_wavelet_lst.0": "has further planes for the middle of the scene (upscale_ratio_bound)",
}
"""Options of the training that no published scene uses, by the arrays that tell of them."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are TriNeRFLet's: see `Family.match`."""
    start = prefix(shapes, PLANES)
    if start is None or len(shapes[f"{start}{PLANES}"]) != 4 or shapes[f"{start}{PLANES}"][0] != 3:
        return 0
    return 95 if min(shapes[f"{start}{PLANES}"]) > 0 else 0


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`; without heads where there is no decoder. Raises BadInput for options that are not
    read."""
    shapes, start = tensors.shapes, prefix(tensors.shapes, PLANES)
    for name, does in REFUSED.items():
        if f"{start}{name}" in shapes:
            raise BadInput(f"This TriNeRFLet scene {does}, which is not read.")
    details = numbered(shapes, f"{start}{DETAILS}", "", dimensions=5)
    wavelet, padding = _wavelet(shapes, start)
    planes = _built(tensors, f"{start}{PLANES}", details, wavelet, padding)
    density, color = _weights(shapes, start, planes.shape[1])
    kept = {name: tensors[name] for name in (*density, *color)}
    corners = box(tensors, "aabb_infer") or box(tensors, "aabb_train")
    description = _field(shapes, density, color, corners or HALF_BOX)
    declared = {"planes": size_of(planes)}
    guessed = conventions(description)
    if details:
        declared["wavelets"] = f"{len(details)} levels from {shapes[f'{start}{PLANES}'][-1]} texels"
        (declared if f"{start}{FILTER}" in shapes else guessed)["wavelet"] = wavelet
    if corners is not None:
        declared["box"] = guessed.pop("box")
    if density:
        declared["decoder"] = decoder_note(shapes, [*density, *color])
    return [Found(description, {"planes": planes, **kept}, "", declared, guessed)]


def _wavelet(shapes: Shapes, start: str) -> tuple[str, int]:
    """The wavelet and its padding. Raises BadInput for a filter that no known one has."""
    taps = int(np.prod(shapes.get(f"{start}{FILTER}", (18,)), dtype=object))
    if taps not in WAVELETS:
        raise BadInput(f"{start}{FILTER}: has {taps} taps, which no known wavelet has.")
    return WAVELETS[taps]


def _built(tensors: Tensors, name: str, details: list[str], wavelet: str, padding: int) -> np.ndarray:
    """The planes (3,C,R,R): as stored where there are no details, else f32. Raises BadInput where a level does not fit
    the one before."""
    planes = tensors[name]
    for level in details:
        shape = tensors.shapes[level]
        if shape != (*planes.shape[:2], 3, *planes.shape[2:]):
            raise BadInput(f"{level}: has the shape {list(shape)}, which does not fit planes of {list(planes.shape)}.")
        if 2 * max(planes.shape[2:]) > LARGEST:
            raise BadInput(f"{level}: would make planes of more than {LARGEST} texels.")
        following = re.sub(r"\d+$", lambda hit: str(int(hit[0]) + 1), level)
        planes = _doubled(planes, tensors[level], wavelet, _padding(tensors.shapes, planes, following, padding))
    return planes


def _padding(shapes: Shapes, planes: np.ndarray, following: str, padding: int) -> int:
    """The padding of a level. Scenes may leave it out below some resolution (wavelet_base_resolution): then the next
    level is as large as planes become without it."""
    bare = 2 * planes.shape[-1] - 4 * padding
    return 0 if shapes.get(following, ())[-1:] == (bare,) else padding


def _doubled(planes: np.ndarray, details: np.ndarray, wavelet: str, padding: int) -> np.ndarray:
    """One inverse transform: planes (3,C,r,r) and details (3,C,3,r,r) → (3,C,2r,2r) f32, plane by plane to spare
    memory. The three bands are those along rows, columns and both of Mallat's pyramid (1989)."""
    import pywt

    around = ((0, 0), (padding, padding), (padding, padding))
    finer = []
    for low, high in zip(planes, details, strict=True):
        bands = [np.pad(high[:, band].astype(np.float32), around) for band in range(3)]
        low = np.pad(2 * low.astype(np.float32), around)
        finer.append(pywt.idwt2((low, tuple(bands)), wavelet, mode="zero"))
    return np.stack(finer).astype(np.float32, copy=False)


def _weights(shapes: Shapes, start: str, channels: int) -> tuple[list[str], list[str]]:
    """Weights of the nets of density and colour in order; none where they do not fit planes of so many channels."""
    density, color = (numbered(shapes, f"{start}{name}.") for name in ("sigma_net", "color_net"))
    if not density or not color:
        return [], []
    widths = [shapes[name] for name in density]
    chained = all(after[1] == before[0] for before, after in pairwise(widths))
    seen = FREQUENCIES**2 + widths[-1][0] - 1
    fits = chained and widths[0][1] == 3 * channels and shapes[color[0]][1] == seen and shapes[color[-1]][0] == 3
    return (density, color) if fits else ([], [])


def _field(shapes: Shapes, density: list[str], color: list[str], corners: tuple) -> FieldDescription:
    heads: tuple[Head, ...] = ()
    if density:
        seen = Input("viewdir", encoding=Encoding("spherical_harmonics", count=FREQUENCIES))
        feature = Input("head", "sigma_net", channels=(1, shapes[density[-1]][0]))
        heads = (
            Head(
                "sigma_net", from_group("planes"), layers(density, shapes, "relu"), (Output("density", (0, 1), "exp"),)
            ),
            Head("color_net", (seen, feature), layers(color, shapes, "relu"), (Output("rgb", (0, 3), "sigmoid"),)),
        )
    return FieldDescription(
        family=FAMILY.name,
        space=Space(*corners, up="y"),
        groups=(Group("planes", stacked("planes", AXES), align_corners=True, padding="border"),),
        heads=heads,
        march=March(samples=512, near=0.2, weight_floor=1e-4, background=(0.0, 0.0, 0.0)),
        surface=Surface("density", level=10.0, resolution=256),
    )


FAMILY = Family("TriNeRFLet", match, describe, weights=WEIGHTS)
