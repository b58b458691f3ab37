"""Which settings of its display mean something for a triplane, and between which values they can be set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..display import Setting
from .description import FieldDescription
from .showing import Shown, shown

if TYPE_CHECKING:
    from ..triplane import Triplane

MODES = {
    "density": ("colour", "density", "depth", "normal", "surface", "steps", "slice"),
    "surface": ("colour", "depth", "normal", "surface", "steps", "slice"),
    "labels": ("colour", "depth", "normal", "steps", "slice"),
}
"""What can be drawn of each kind of field that is shown."""

SLIDER_STEPS = 200

FAINTEST, DENSEST = 0.02, 4.0
"""Least and largest level of a density, as multiples of the family's."""

LOGITS = 8.0
"""How far a level of logits reaches to either side, where nothing is known of the bricks."""

NEAR_SURFACE = 0.02
"""How far a level of distances reaches to either side, as a share of the box's diagonal, likewise."""


def default_level(description: FieldDescription) -> float:
    """The value of the shown output at which the family sees a surface; 0 where it has none."""
    what = shown(description)
    return float(what.surface.level) if what is not None and what.surface is not None else 0.0


def default_time(description: FieldDescription) -> float:
    """The time that is shown first: 0 where the field knows it, else its first one."""
    first, last = description.space.time
    return 0.0 if first <= 0.0 <= last else float(first)


def settings_of(triplane: Triplane) -> tuple[Setting, ...]:
    """The settings that do something in the present mode, with the choices, ranges and defaults of this field."""
    what, description = shown(triplane.description), triplane.description
    drawn = what is not None and triplane.has_decoder
    usable = {"mode"}
    changes: dict[str, dict[str, object]] = {}
    if drawn:
        mode = triplane.display.mode
        changes["mode"] = {"choices": MODES[what.kind]}
        if mode == "slice":
            usable |= {"slice_axis", "slice_at"}
        elif mode == "surface" or what.kind == "surface":
            usable |= {"level"} if what.kind != "labels" else set()
        elif what.kind == "density":
            usable.add("density")
        if description.needs_time:
            usable.add("time")
            changes["time"] = _ranged(*description.space.time, default_time(description))
        if what.surface is not None:
            changes["level"] = _ranged(*_levels(triplane, what), default_level(description))
    declared = type(triplane.display).settings()
    return tuple(replace(entry, **changes.get(entry.name, {})) for entry in declared if entry.name in usable)


def _ranged(low: float, high: float, default: float) -> dict[str, object]:
    return {"low": float(low), "high": float(high), "step": float(high - low) / SLIDER_STEPS, "default": default}


def _levels(triplane: Triplane, what: Shown) -> tuple[float, float]:
    """The values that a slider of the level offers: those that the bricks hold, where that is known."""
    level, grid = default_level(triplane.description), triplane.grid
    if what.kind == "density":
        dense = level if level > 0 else 1.0
        return FAINTEST * dense, DENSEST * dense
    if grid is not None and grid.span is not None and grid.span[0] < grid.span[1]:
        return min(grid.span[0], level), max(grid.span[1], level)
    if what.output.name == "occupancy_logit":
        return level - LOGITS, level + LOGITS
    space = triplane.description.space
    reach = NEAR_SURFACE * float(np.linalg.norm(np.subtract(space.high, space.low)))
    return level - reach, level + reach
