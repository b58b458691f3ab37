"""The region brush: what its touches cover, and how a stroke becomes touches. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from assets.deform.drag import Dab, Drag, Point
from assets.display import setting

STEP = 0.4
"""Touches of a stroke lie this share of the radius apart."""

MOST_DABS = 2000
"""Touches of one drag at the most: each one is laid over every element."""


@dataclass
class PaintSettings:
    """What the brush of the drag tool does: the panel, the tool and the tests read this table."""

    fixed: bool = setting(True, "Fixed", "Paint what stays; else what may move")
    size: float = setting(
        0.08, "Brush", "Radius of the brush, as a share of the asset's size", low=0.005, high=0.5, step=0.005, unit="%"
    )
    feather: float = setting(
        0.5, "Feather", "Share of the brush over which its touch fades", low=0.0, high=1.0, step=0.05, unit="%"
    )
    through: bool = setting(False, "Through", "Paint through the shape, not what is seen alone")


def touched(drag: Drag, dab: Dab) -> Drag:
    """The drag with one touch more, unless that lies where the last one did already."""
    last = drag.dabs[-1] if drag.dabs else None
    same = last is not None and replace(last, center=dab.center) == dab
    if same and np.linalg.norm(np.array(last.center) - np.array(dab.center)) < STEP * dab.radius:
        return drag
    if len(drag.dabs) >= MOST_DABS:
        return drag
    return replace(drag, dabs=(*drag.dabs, dab))


def inverted(drag: Drag) -> Drag:
    """What may move stays, and the other way round."""
    dabs = tuple(replace(dab, fixed=not dab.fixed) for dab in drag.dabs)
    return replace(drag, dabs=dabs, base_fixed=not drag.base_fixed)


def cleared(drag: Drag, fixed: bool) -> Drag:
    """Nothing is painted, and everything stays (`fixed`) or may move."""
    return replace(drag, dabs=(), base_fixed=fixed)


def dab(center: Point, radius: float, fixed: bool, settings: PaintSettings, direction: Point | None) -> Dab:
    """One touch in the asset's frame; `direction` is that of the sight, used where the brush goes through."""
    return Dab(center, radius, fixed, settings.feather, direction if settings.through else None)
