"""K-Planes (Fridovich-Keil et al. 2023, "K-Planes: Explicit Radiance Fields in Space, Time, and Appearance").

The planes are `field.grids.S.P` (1,C,·,·) of its model.pth, for scale S and each pair P of x, y, z and, in moving
scenes, t, the first along the columns. Features are the product of the planes of a scale, side by side for all scales,
or their sum. Its hybrid model has a network for 15 features and, last, the density, and one for the colour from
spherical harmonics of the view and these; its explicit one a linear layer for the density, and a network that makes of
the view, for each colour, the weights of the features. Both are tiny-cuda-nn's. What a photograph's appearance adds is
the mean of all that were learned, as in the family's own test views. Unbounded scenes are contracted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import combinations, product

import numpy as np

from ..errors import BadInput
from ..fields.description import FieldDescription, Group, Head, Input, Layer, March, Output, Plane, Space, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions
from ._numbers import box, numbers
from ._parts import cube, find
from ._tcnn import ALIGNMENTS, FEATURES, HARMONICS, Size, network_size, seen_color, unpacked
from ._tcnn import WIDTHS as NEURONS

GRID = re.compile(r"((?:.*\.)?field\.)grids\.(\d+)\.(\d+)")
WEIGHTS = r"(?:.*\.)?field\.(?:sigma_net|color_net|color_basis)\.params"
PAIRS = {count: tuple(combinations("xyzt"[:count], 2)) for count in (3, 4)}
HALF_BOX = 1.5
WIDTHS = {"sigma_net": 64, "color_net": 64, "color_basis": 128}
"""Neurons of the networks that were published."""

LEVEL = 10.0
"""Where we put the surface, of which the family has none."""

MIDDLE = 10.0
"""Up to how many half sides of the uncontracted middle unbounded scenes are sampled; the family's cameras say."""

Grids = list[list[str]]


@dataclass(frozen=True)
class Decoder:
    """hybrid: whether the density comes with features. features: how many the networks read. joined: how those of the
    scales become as many, "concat" or "sum". appearance: numbers of an image's appearance. sizes: of both networks."""

    hybrid: bool
    features: int
    joined: str
    appearance: int
    sizes: dict[str, Size] = field(default_factory=dict)

    @property
    def networks(self) -> tuple[str, str]:
        """Names of the network of the density and of that of the colour."""
        return ("sigma_net", "color_net" if self.hybrid else "color_basis")

    def ends(self, name: str) -> tuple[int, int]:
        """Inputs, without an appearance, and outputs of a network."""
        if name == "sigma_net":
            return self.features, FEATURES + 1 if self.hybrid else 1
        return (HARMONICS**2 + FEATURES, 3) if self.hybrid else (3, 3 * self.features)


def match(shapes: Shapes) -> int:
    """How surely these tensors are K-Planes': see `Family.match`."""
    grids = _grids(shapes)
    if not grids:
        return 0
    return 95 if _decoder(shapes, grids) else 85


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`; without heads where there are no networks, or none that fits."""
    shapes = tensors.shapes
    grids = _grids(shapes)
    decoder = _decoder(shapes, grids)
    groups = tuple(_group(scale, names, len(grids)) for scale, names in enumerate(grids))
    kept = {
        plane.tensor: tensors[name]
        for group, names in zip(groups, grids, strict=True)
        for plane, name in zip(group.planes, names, strict=True)
    }
    heads: tuple[Head, ...] = ()
    if decoder:
        heads, weights = _heads(tensors, decoder, groups)
        kept.update(weights)
    space, said = _space(tensors)
    description = FieldDescription(
        family=FAMILY.name,
        space=space,
        groups=groups,
        heads=heads,
        march=_march(space),
        surface=Surface("density", level=LEVEL, resolution=256),
    )
    declared, guessed = _what_is_known(tensors, description, grids, decoder, said)
    return [Found(description, kept, "", declared, guessed)]


def _grids(shapes: Shapes) -> Grids:
    """Names of the planes of each scale, none where they are not whole."""
    found: dict[int, dict[int, str]] = {}
    for name in shapes:
        if hit := GRID.fullmatch(name):
            found.setdefault(int(hit[2]), {})[int(hit[3])] = name
    grids = [[names[number] for number in sorted(names)] for _, names in sorted(found.items())]
    for names in grids:
        planes = [shapes[name] for name in names]
        if any(len(shape) != 4 or shape[0] != 1 or min(shape) < 1 for shape in planes):
            return []
        if len({shape[1] for shape in planes}) != 1:
            return []
    return grids if {len(names) for names in grids} in ({len(pairs)} for pairs in PAIRS.values()) else []


def _decoder(shapes: Shapes, grids: Grids) -> Decoder | None:
    """Which networks there are that read the features of `grids`, None where they do not fit."""
    channels = [shapes[names[0]][1] for names in grids]
    embedding = find(shapes, "field.appearance_embedding.weight")
    appearance = shapes[embedding][1] if embedding and len(shapes[embedding]) == 2 else 0
    ways = [(sum(channels), "concat")]
    if len(channels) > 1 and len(set(channels)) == 1:
        ways.append((channels[0], "sum"))
    # One count may mean several networks: as they were published first, then others, then early padding.
    for alignment, published in product(ALIGNMENTS, (True, False)):
        for hybrid, (features, joined) in product((True, False), ways):
            decoder = Decoder(hybrid, features, joined, appearance)
            sizes = {name: _size(shapes, name, decoder, alignment, published) for name in decoder.networks}
            if all(sizes.values()):
                return replace(decoder, sizes=sizes)
    return None


def _size(shapes: Shapes, name: str, decoder: Decoder, alignment: int, published: bool) -> Size | None:
    found = find(shapes, f"field.{name}.params")
    if found is None or len(shapes[found]) != 1:
        return None
    inputs, outputs = decoder.ends(name)
    fixed = 0 if name == "sigma_net" else decoder.appearance
    widths = (WIDTHS[name],) if published else NEURONS
    if name == "sigma_net" and not decoder.hybrid:
        widths = ()
    return network_size(shapes[found][0], inputs + fixed, outputs, widths, (alignment,))


def _group(scale: int, names: list[str], scales: int) -> Group:
    """The planes of a scale, the first being the coarsest."""
    pairs = PAIRS[3 if len(names) == 3 else 4]
    planes = tuple(
        Plane(f"grids.{scale}.{number}", 0, axes, level=scales - 1 - scale) for number, axes in enumerate(pairs)
    )
    return Group(f"scale {scale}", planes, "product", align_corners=True, padding="border")


def _heads(tensors: Tensors, decoder: Decoder, groups: tuple[Group, ...]) -> tuple[tuple[Head, ...], dict]:
    appearance = _appearance(tensors, decoder)
    networks, weights = {}, {}
    for name in decoder.networks:
        params = tensors[find(tensors.shapes, f"field.{name}.params")]
        constants = None if name == "sigma_net" else appearance
        networks[name], more = unpacked(name, params, *decoder.ends(name), decoder.sizes[name], constants)
        weights.update(more)
    features = tuple(Input("group", group.name) for group in groups)
    heads = []
    if decoder.joined == "sum":
        weights["sum.weight"] = np.tile(np.eye(decoder.features, dtype=np.float32), (1, len(groups)))
        heads.append(Head("features", features, (Layer("sum.weight"),)))
        features = (Input("head", "features"),)
    place = FEATURES if decoder.hybrid else 0
    density = Output("density", (place, place + 1), "exp", bias=-1.0)
    heads.append(Head("base", features, networks["sigma_net"], (density,)))
    if decoder.hybrid:
        return (*heads, seen_color(networks["color_net"], (0, FEATURES))), weights
    heads.append(Head("basis", (Input("viewdir"),), networks["color_basis"]))
    if len(features) > 1:
        weights["features.weight"] = np.eye(decoder.features, dtype=np.float32)
        heads.append(Head("features", features, (Layer("features.weight"),)))
        features = (Input("head", "features"),)
    color = Head("color", (*features, Input("head", "basis")), (), (Output("rgb", (0, 3), "sigmoid"),), join="dot")
    return (*heads, color), weights


def _appearance(tensors: Tensors, decoder: Decoder) -> np.ndarray | None:
    """The mean of the appearances of all images, None where there are none."""
    if not decoder.appearance:
        return None
    return tensors[find(tensors.shapes, "field.appearance_embedding.weight")].astype(np.float32).mean(0)


def _space(tensors: Tensors) -> tuple[Space, bool]:
    """The box, and whether the file says it: that of contracted scenes is what its scale and translation map to ±1."""
    scale = numbers(tensors, "field.spatial_distortion.global_scale", 3)
    shift = numbers(tensors, "field.spatial_distortion.global_translation", 3)
    if scale and shift:
        if min(scale) <= 0:
            raise BadInput(f"The scale of the contraction is {scale}, not above 0.")
        low, high = (tuple((side - t) / s for s, t in zip(scale, shift, strict=True)) for side in (-1.0, 1.0))
        return Space(low, high, up="z", contraction="mip360_linf"), True
    corners = box(tensors, "field.aabb")
    return (Space(*corners, up="z"), True) if corners else (cube(HALF_BOX, up="z"), False)


def _march(space: Space) -> March:
    """As many samples as its proposal networks and itself take together, where its synthetic scenes have them."""
    if space.contraction is None:
        return March(256, 128, "midpoints", "range", near=2.0, far=6.0)
    half = max(high - low for low, high in zip(space.low, space.high, strict=True)) / 2
    return March(256, 128, "midpoints", "range", near=0.0, far=MIDDLE * half)


def _what_is_known(
    tensors: Tensors, description: FieldDescription, grids: Grids, decoder: Decoder | None, has_box: bool
) -> tuple[dict[str, str], dict[str, str]]:
    sizes = [tensors.shapes[names[0]] for names in grids]
    declared = {
        "planes": "; ".join(
            f"{len(names)} × {size[1]} channels, {size[3]} × {size[2]} texels"
            for names, size in zip(grids, sizes, strict=True)
        )
    }
    guessed = conventions(description)
    if description.needs_time:
        declared["times"] = str(tensors.shapes[grids[0][2]][2])
        guessed["time"] = "−1 … 1"
    if has_box:
        declared["box"] = guessed.pop("box")
    if description.space.contraction:
        declared["contraction"] = "mip-NeRF 360, largest component"
    if decoder:
        declared["decoder"] = "hybrid" if decoder.hybrid else "explicit"
        declared["scales"] = "side by side" if decoder.joined == "concat" else "added up"
        if decoder.appearance:
            guessed["appearance"] = "the mean of all images'"
    return declared, guessed


FAMILY = Family("K-Planes", match, describe, weights=WEIGHTS)
