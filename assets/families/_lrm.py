"""What EG3D, LRM and their followers share: three planes in one array, and an MLP whose first output is the density."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..fields.description import FieldDescription, Group, Head, March, Output, Surface
from ..files.tensor_file import Tensors
from . import Found
from ._notes import conventions, decoder_note
from ._parts import XY_XZ_ZY, Axes, Shapes, cube, from_group, layers, numbered, prefix, size_of, stacked, with_biases
from ._planes import planes_name, sets_of

PLANES = "planes"
"""What the planes are called in our descriptions."""

MISFIT = 20
"""How sure a family is of planes beside a decoder with its names and another width."""

DENSITY = Output("density", (0, 1), "softplus", bias=-1.0)
RGB = Output("rgb", (1, 4), "wide_sigmoid")


def mlp(shapes: Shapes, before: str, first: int = 0) -> list[str]:
    """Names of the weights (out,in) called `before` + number + ".weight", whatever stands before that, in order."""
    found = prefix(shapes, f"{before}{first}.weight")
    return [] if found is None else numbered(shapes, found + before)


def widths(shapes: Shapes, weights: Sequence[str]) -> tuple[int, int] | None:
    """How many numbers enter and leave these layers, or None where they are none or one does not fit the next."""
    sizes = [shapes[name] for name in weights]
    fitting = all(later[1] == earlier[0] for earlier, later in pairwise(sizes))
    return (sizes[0][1], sizes[-1][0]) if sizes and fitting else None


def plane_channels(shapes: Shapes, weights: Sequence[str], outputs: int | None, planes: int = 3) -> int | None:
    """Channels of each of so many `planes` that this decoder reads one after the other (1: of each of those that it
    reads as one), or None where it cannot be one that ends with so many `outputs` (None: with any number)."""
    size = widths(shapes, weights)
    if size is None or size[0] % planes or outputs not in (None, size[1]):
        return None
    return size[0] // planes


def fitted(shapes: Shapes, channels: int | None, count: int = 3) -> int | None:
    """`channels` where the file holds `count` planes of so many, else None: its decoder is not theirs."""
    return channels if channels and planes_name(shapes, channels, count) is not None else None


def sureness(shapes: Shapes, weights: Sequence[str], channels: int | None, fits: int, count: int = 3) -> int:
    """How sure a family is whose decoder has these `weights` and reads `count` planes of so many `channels` (None: it
    is none of the family's): `fits` where there are such planes."""
    if not weights:
        return 0
    if fitted(shapes, channels, count):
        return fits
    return 0 if planes_name(shapes, None, count) is None else MISFIT


def assets(
    tensors: Tensors,
    description: FieldDescription,
    weights: Sequence[str],
    channels: int | None,
    count: int = 3,
) -> list[Found]:
    """One asset for each set of planes in the file; the description has no heads where channels is None."""
    shapes = tensors.shapes
    sets = sets_of(tensors[planes_name(shapes, channels, count)], channels, count)
    kept = {name: tensors[name] for name in with_biases(weights, shapes)} if channels else {}
    declared = {"planes": size_of(sets[0])} | ({"decoder": decoder_note(shapes, weights)} if channels else {})
    return several([{PLANES: planes, **kept} for planes in sets], description, declared, conventions(description))


def several(
    each: Sequence[dict], description: FieldDescription, declared: dict[str, str], guessed: dict[str, str]
) -> list[Found]:
    """One asset for each of these sets of tensors, numbered where there are several."""
    return [
        Found(description, tensors, f" {number}" if len(each) > 1 else "", dict(declared), dict(guessed))
        for number, tensors in enumerate(each, 1)
    ]


def lrm_march(samples: int) -> March:
    """How OpenLRM and InstantMesh march: EG3D's way between the sides of the box, without what lies outside of it.

    samples: coarse ones, and as many fine ones.
    """
    return March(samples, samples, "stratified", between="segment", outside="empty")


def lrm_field(
    family: str, weights: Sequence[str], present: Shapes, march: March, surface: Surface, axes: Axes = XY_XZ_ZY
) -> FieldDescription:
    """A field with OpenLRM's layout: features of three planes one after the other, linear layers with ReLU, density and
    colour from the last one; z is up. Without heads where there are no weights."""
    head = Head("decoder", from_group(PLANES), layers(weights, present, "relu"), (DENSITY, RGB))
    return FieldDescription(
        family=family,
        space=cube(1.0, up="z"),
        groups=(Group(PLANES, stacked(PLANES, axes)),),
        heads=(head,) if weights else (),
        march=march,
        surface=surface,
    )
