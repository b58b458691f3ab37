"""What of a field is drawn: the haze of a density, the surface of a distance or occupancy, or the cells of labels."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadInput
from .description import FieldDescription, Output, Surface
from .surface.level_set import surface_of


@dataclass(frozen=True)
class Shown:
    """kind: "density", "surface" or "labels". output: the one whose raw channels are drawn. surface: where the field's
    surface lies, None for labels."""

    kind: str
    output: Output
    surface: Surface | None


def shown(description: FieldDescription) -> Shown | None:
    """What is drawn of a field with this description: density before labels before a surface; None for nothing."""
    density, label = description.output("density"), description.output("label")
    if density is None and label is not None:
        return Shown("labels", label, None)
    try:
        surface = surface_of(description)
    except BadInput:
        return None
    if density is not None:
        return Shown("density", density, surface)
    return Shown("surface", description.output(surface.field), surface)
