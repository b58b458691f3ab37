"""How a field looks in each mode of its display: the one place that says it, for the exact picture and the live one.

A ray ends with what it met: an amount of matter with its colour (kind "density" of assets/fields/showing.py), or a
first opaque point ("surface", "labels"). Colours are sRGB 0 … 1, pictures premultiplied. `facing` is |n · e| with the
unit normal n in world space, out of the matter, and e towards the eye.

    mode     of a density                                     of a surface or of labels, which are opaque
    colour   the field's colour; without one `clay(facing)`   the field's colour, unlit; without one `clay(facing)`;
             where opacity reaches one half                   labels: the key's colour, `lit`
    density  `thickness_color` of the optical depth · alpha   as colour
    depth    `depth_grey` where opacity reaches one half      `depth_grey` of the point
    normal   `normal_color` there                             `normal_color` of the point
    surface  the level set of density at `display.level`,     the level set at `display.level`, coloured as on the
             opaque: the colour, `lit`; without one `clay`    left; labels: as colour
    steps    `steps_color`: how many samples the ray took,    the same
             of the most that a ray takes; opaque where it
             took any. Each renderer shows its own work.
    slice    the plane across `slice_axis` at `slice_at` of   the same; hidden labels leave a hole
             the box, opaque: in matter the field's colour,
             elsewhere `slice_position` on the map

Matter is where the field is on the matter's side of `display.level`, which is the family's level until someone moves
it. The surface of labels is that of all that are not hidden; its normal is the slope of "not hidden" over a cell.
Where matter fills the place at which a ray enters the box, the surface is there. `map` is viridis (colormap.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..colormap import viridis

if TYPE_CHECKING:
    import torch

DOUBLINGS = 10.0
"""Doublings of 1 + optical depth that the map spreads over: up to 1000, for opacity saturates long before density."""

NEAREST_GREY, FARTHEST_GREY = 0.95, 0.08

DISTANCES_PER_SIDE = 16.0
"""A distance of the box's longest side through this lies half way from the middle of the map to its end."""


def clay(facing: torch.Tensor) -> torch.Tensor:
    """Grey (N,3) of what has no colour, lit from the camera; facing: (N,)."""
    return (0.2 + 0.7 * facing)[:, None].expand(-1, 3)


def lit(color: torch.Tensor, facing: torch.Tensor) -> torch.Tensor:
    """Colour (N,3) of an opaque surface, lit from the camera; facing: (N,)."""
    return color * (0.4 + 0.6 * facing)[:, None]


def normal_color(normals: torch.Tensor) -> torch.Tensor:
    """Unit normals (N,3) of world space as colours."""
    return normals * 0.5 + 0.5


def depth_grey(depth: torch.Tensor, near: float, far: float) -> torch.Tensor:
    """Grey (N,3) of depths (N,) along the viewing axis, between those of the box's nearest and farthest corner."""
    share = ((depth - near) / max(far - near, 1e-30)).clamp(0, 1)
    return (NEAREST_GREY + (FARTHEST_GREY - NEAREST_GREY) * share)[:, None].expand(-1, 3)


def thickness_color(thickness: torch.Tensor) -> torch.Tensor:
    """Colours (N,3) of optical depths (N,)."""
    import torch

    return viridis(torch.log2(1 + thickness) / DOUBLINGS)


def steps_color(steps: torch.Tensor, most: float) -> torch.Tensor:
    """Colours (N,3) of numbers of samples (N,), of which a ray takes at most `most`."""
    return viridis(steps / most)


def slice_position(quantity: str, value: torch.Tensor, level: float, side: float) -> torch.Tensor:
    """Where values (N,) of a field lie on the map, 0 … 1, in a slice.

    A density, with the user's factor, as the optical depth that the box's longest `side` would have if it were full of
    it (1 where the family takes every ray for 1 long). Others by s = value − level as 1/2 + s / 2 (|s| + w), with w of
    1/16 of the side for a distance and 1 for a logit, so that the surface lies in the middle of the map.
    """
    import torch

    if quantity == "density":
        return (torch.log2(1 + value.clamp_min(0) * side) / DOUBLINGS).clamp(0, 1)
    from_level = value - level
    half_way = side / DISTANCES_PER_SIDE if quantity in ("sdf", "udf") else 1.0
    return 0.5 + 0.5 * from_level / (from_level.abs() + half_way)


def slice_color(position: torch.Tensor) -> torch.Tensor:
    """Colours (N,3) of positions (N,) on the map."""
    return viridis(position)
