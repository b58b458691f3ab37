"""What belongs to a viewport rather than to an asset, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.asset import Asset

    from .handles import DragOverlay

GRADIENT = ((0.165, 0.180, 0.208), (0.090, 0.098, 0.114))
"""The viewport's background, top and bottom: #2a2e35 → #17191d."""


@dataclass(frozen=True)
class FrameSettings:
    """How a frame draws a scene.

    background: "gradient", "transparent", or an sRGB triple 0 … 1. up: the axis that points up, "y", "-y", "z", "-z".
    pixel_ratio: device pixels per logical pixel, for what has a size on the screen. overlay: what the drag tool shows
    on top. rest: draw assets as if they had no warp. heat: the asset on which the reach of its drag is shown. stretch:
    show where a warp stretches too far. ghost: how opaque the rest shape is behind what is warped, 0 … 1, where the
    frame has drawn it (`Frame.begin_ghost`); usually 0.3.
    """

    background: str | tuple[float, float, float] = "gradient"
    grid: bool = False
    axes: bool = False
    up: str = "y"
    pixel_ratio: float = 1.0
    overlay: DragOverlay | None = None
    rest: bool = False
    heat: Asset | None = None
    stretch: bool = False
    ghost: float = 0.0


def background_colors(background: str | tuple[float, float, float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Colour of a background at the top and at the bottom of the picture: sRGB and alpha, 0 … 1."""
    if background == "transparent":
        return (0.0,) * 4, (0.0,) * 4
    if background == "gradient":
        return (*GRADIENT[0], 1.0), (*GRADIENT[1], 1.0)
    return (*background, 1.0), (*background, 1.0)
