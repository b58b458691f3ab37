"""What splats are drawn as, by the mode that the display asks for: which record the projection leaves, which program
draws it, and how a pixel of it is painted. The exact renderer paints by the same numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assets.gaussians import Gaussians

PAINTS = {"depth": 1, "normal": 2, "opacity": 3, "overdraw": 4}
"""Mode → what the projection makes of a splat's colour; the others show the colour itself."""

RING_INSIDE = 0.88
"""Where an outline begins, as a share of the ellipse's radius."""

RING_ALPHA = 0.8
RING_SHARE = 0.15
RING_FAINTEST = 0.02
"""Opacity of an outline; the share of its own that the inside keeps, and the least of it."""

HEAT = (1 / 24, 1 / 72, 1 / 216)
"""What each splat over a pixel adds in mode overdraw: red is full at 24 of them, yellow at 72, white at 216."""

HEAT_ALPHA = 0.25

LIT_COLOR = (0.3529, 0.6627, 1.0)
LIT_SHARE = 0.8
UNLIT_SHARE = 0.35
"""What splats are coloured with that are lit up, and how much; how much of their colour the others keep."""


@dataclass(frozen=True)
class Shape:
    """program: the shader that draws records of `captures`, vec4 each. project, paint: defines of the projection and
    of that shader. depths: whether that shader turns a depth of its own into a colour. solid: whether it hides what is
    behind it. adds: whether its colours are summed up. grows: whether splats may grow where others are left out.
    linear: whether they are blended in linear light, in a layer of their own (splats/linear_layer.py)."""

    program: str
    captures: tuple[str, ...]
    project: dict[str, object] = field(default_factory=dict)
    paint: dict[str, object] = field(default_factory=dict)
    depths: bool = False
    solid: bool = False
    adds: bool = False
    grows: bool = True
    linear: bool = False

    @property
    def plain(self) -> bool:
        """Whether they are ellipses that fade out as a Gaussian does, which splats/tiles.py can paint."""
        return self.captures[1] == "axes" and not self.paint

    @property
    def record_bytes(self) -> int:
        """Of each splat, for what the projection captures."""
        return 16 * len(self.captures)


_ELLIPSE = ("gaussian_splat.glsl", ("place", "axes", "tint"))
_SURFEL = ("gaussian_surfel.glsl", ("place", "across", "tilt", "tint"))
_SOLID = ("gaussian_solid.glsl", ("place", "stepX", "stepY", "along", "tint"))
_RINGS = {
    "RINGS": 1,
    "RING_INSIDE": RING_INSIDE,
    "RING_ALPHA": RING_ALPHA,
    "RING_SHARE": RING_SHARE,
    "RING_FAINTEST": RING_FAINTEST,
}
_OVERDRAW = {"OVERDRAW": 1, "HEAT": "vec3({:.8f}, {:.8f}, {:.8f})".format(*HEAT), "HEAT_ALPHA": HEAT_ALPHA}


def lighted(colors: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """The `colors` (n,3) of splats of which some are `lit` (n,) up."""
    return np.where(lit[:, None], colors + LIT_SHARE * (np.array(LIT_COLOR) - colors), UNLIT_SHARE * colors)


def are_surfels(asset: Gaussians) -> bool:
    """Whether splats are discs without thickness, drawn as 2D Gaussian Splatting draws them."""
    return asset.notes.kernel == "2dgs" or asset.log_scales.shape[1] == 2


def shows_linear_light(asset: Gaussians) -> bool:
    """Whether what is shown of splats is a colour that was trained in linear light."""
    return asset.notes.color_space == "linear" and asset.display.mode not in PAINTS


def shape_of(asset: Gaussians) -> Shape:
    """How an asset is drawn in the mode of its display."""
    mode, surfels, linear = asset.display.mode, are_surfels(asset), shows_linear_light(asset)
    flat = {"FLAT": 1} if surfels else {}
    if mode == "centres":
        return Shape(*_ELLIPSE, flat | {"DOTS": 1}, {"DOTS": 1}, linear=linear)
    if mode == "ellipsoids":
        # Nothing is blended here: each has the colour that is seen, and is shaded as others are.
        encoded = {"ENCODED": 1} if linear else {}
        return Shape(*_SOLID, flat | {"SOLID": 1} | encoded, solid=True, grows=False)
    paint = {"rings": _RINGS, "overdraw": _OVERDRAW}.get(mode, {})
    form, project = (_SURFEL, flat | {"SURFEL": 1}) if surfels else (_ELLIPSE, {})
    return Shape(
        *form,
        project,
        paint,
        depths=surfels and mode == "depth",
        adds=mode == "overdraw",
        grows=mode not in ("rings", "overdraw"),
        linear=linear,
    )
