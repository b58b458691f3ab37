"""Mouse and touch-pad input in our own words, so that tools and navigation never see Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Gesture(Enum):
    """What the hand did. DRAG comes once per movement while a button is down, after a first PRESS."""

    PRESS = "press"
    DRAG = "drag"
    RELEASE = "release"
    CLICK = "click"
    DOUBLE_CLICK = "double-click"
    WHEEL = "wheel"
    HOVER = "hover"


@dataclass(frozen=True)
class PointerEvent:
    """One event. Positions are in logical pixels from the top left of a viewport of `width` × `height`.

    button: "left", "middle", "right" or "". modifiers: of "shift", "ctrl", "alt". dx, dy: movement since the event
    before. steps: notches of the wheel, positive away from the hand; may be fractions.
    """

    gesture: Gesture
    x: float
    y: float
    width: float
    height: float
    button: str = ""
    modifiers: frozenset[str] = frozenset()
    dx: float = 0.0
    dy: float = 0.0
    steps: float = 0.0
