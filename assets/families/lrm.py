"""Fields with the layout of LRM (Hong et al. 2023, "LRM: Large Reconstruction Model for Single Image to 3D") whose
code is not published, such as DMV3D's (Xu et al. 2023): three planes, whose features are concatenated, and an MLP of
any depth and width, or one for the density and one for the colour.

Layers are read from the tensors alone: a row of linear layers that begins with three times the planes' channels and
ends with density and colour. Everything else is a guess after OpenLRM, and other families come first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..fields.description import Head, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._lrm import DENSITY, PLANES, RGB, assets, lrm_field, lrm_march, widths
from ._parts import from_group, layers
from ._planes import planes_name

LAYER = re.compile(r"(.*?)(\d+)\.weight")
DENSITY_WORDS = re.compile(r"sigma|density|alpha|geo")
COLOR_WORDS = re.compile(r"rgb|color|colour|texture|albedo")


@dataclass(frozen=True)
class Decoder:
    """Weights of one MLP for both, or of those for density and colour, and the channels of the planes they read."""

    channels: int
    both: tuple[str, ...] = ()
    density: tuple[str, ...] = ()
    color: tuple[str, ...] = ()

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of all weights."""
        return self.both or (*self.density, *self.color)


def match(shapes: Shapes) -> int:
    """How surely these tensors are a field of this layout: see `Family.match`."""
    return 40 if _decoder(shapes) else 0


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes."""
    shapes, decoder = tensors.shapes, _decoder(tensors.shapes)
    surface = Surface("density", level=10.0, resolution=256)
    description = lrm_field("LRM", decoder.both, shapes, lrm_march(64), surface)
    if not decoder.both:
        inputs = from_group(PLANES)
        color = Output("rgb", (0, 3), RGB.activation)
        heads = (
            Head("density", inputs, layers(decoder.density, shapes, "relu"), (DENSITY,)),
            Head("color", inputs, layers(decoder.color, shapes, "relu"), (color,)),
        )
        description = replace(description, heads=heads)
    return assets(tensors, description, decoder.weights, decoder.channels)


def _decoder(shapes: Shapes) -> Decoder | None:
    """The one decoder among the layers of a file for which there are planes, or None."""
    found: list[Decoder] = []
    density: dict[int, tuple[str, ...]] = {}
    color: dict[int, tuple[str, ...]] = {}
    for before, weights in _rows(shapes).items():
        size = widths(shapes, weights)
        if size is None or len(weights) < 2 or size[0] % 3 or size[1] not in (1, 3, 4):
            continue
        if planes_name(shapes, size[0] // 3) is None:
            continue
        if size[1] == 4:
            found.append(Decoder(size[0] // 3, both=weights))
        elif size[1] == 1 and DENSITY_WORDS.search(before):
            density[size[0] // 3] = weights
        elif size[1] == 3 and COLOR_WORDS.search(before):
            color[size[0] // 3] = weights
    found += [Decoder(channels, (), density[channels], color[channels]) for channels in density if channels in color]
    return found[0] if len(found) == 1 else None


def _rows(shapes: Shapes) -> dict[str, tuple[str, ...]]:
    """Weights (out,in) that are numbered in one place, by what stands before the number, in their order."""
    rows: dict[str, dict[int, str]] = {}
    for name, shape in shapes.items():
        hit = LAYER.fullmatch(name) if len(shape) == 2 else None
        if hit:
            rows.setdefault(hit[1], {})[int(hit[2])] = name
    return {before: tuple(row[number] for number in sorted(row)) for before, row in rows.items()}


FAMILY = Family("LRM", match, describe, weights=r"(?!)")
