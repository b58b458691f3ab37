"""Which shader draws a field, with which words and numbers: by what is shown of it and how its display wants it.

A density is marched (triplane_march.glsl). What is opaque, a surface, labels, or a slice through anything, is looked
for (triplane_surface.glsl). How each of them looks says reference/field_looks.py. Only activations are words of a
shader; what a slider changes are numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.fields.bricks.grid import BrickGrid
from assets.fields.description import FieldDescription, Output
from assets.fields.showing import Shown, shown
from assets.triplane import Triplane

from ..colormap import viridis_glsl
from .geometry import march_box
from .rule import Rule, rule_of
from .warp_volume import STRAINED, WARPED

MODES = {
    "colour": "MODE_COLOR",
    "density": "MODE_DENSITY",
    "depth": "MODE_DEPTH",
    "normal": "MODE_NORMAL",
    "steps": "MODE_STEPS",
}
"""How the shaders call the modes; others are drawn in colour."""

ACTIVATIONS = {
    "none": "(x)",
    "relu": "max(x, 0.0)",
    "silu": "((x) * sigmoid(x))",
    "softplus": "softplus(x)",
    "leaky_relu": "max(x, 0.01 * (x))",
    "sin": "sin(x)",
    "tanh": "tanh(x)",
    "sigmoid": "sigmoid(x)",
    "exp": "exp(x)",
    "wide_sigmoid": "(sigmoid(x) * 1.002 - 0.001)",
    "clip01": "clamp(x, 0.0, 1.0)",
    "clip11": "clamp(x, -1.0, 1.0)",
}
"""GLSL of the activations of `assets.fields.description`, for numbers and vectors alike."""

DISTANCES_PER_SIDE = 16.0
"""See `reference.field_looks.slice_position`, as also the scales of a slice."""

LABEL_REACH, LABEL_STEPS = 1.5, (64, 512)
"""Steps between which the exact picture takes the slope of labels, and how many there are along the box."""

SURFACE_STRIDE, LABEL_STRIDE = 0.75, 0.5
"""Cells between two steps on the way to a surface."""


@dataclass(frozen=True)
class Look:
    """What of a field is drawn. what: the kind and output. look: "march", or what triplane_surface.glsl looks for.
    rule: how a march steps. defines: the words of the shader."""

    what: Shown
    look: str
    file: str
    rule: Rule
    defines: tuple[tuple[str, object], ...]

    @property
    def beyond(self) -> bool:
        """Whether a ray may meet something that lies out of the box."""
        return ("BEYOND", 1) in self.defines


def look_of(triplane: Triplane, grid: BrickGrid, bent: bool, strained: bool) -> Look | None:
    """How `triplane` is drawn from `grid`; None where nothing of it is shown."""
    description = triplane.description
    what = shown(description)
    if what is None:
        return None
    look, rule = _look(what.kind, triplane.display.mode), rule_of(description.march)
    mode = MODES.get(triplane.display.mode, "MODE_COLOR")
    if look != "march" and mode == "MODE_DENSITY":
        mode = "MODE_COLOR"
    defines: dict[str, object] = {"MODE": mode, "VIRIDIS(t)": viridis_glsl()}
    defines["ACTIVATE_SHOWN(x)"] = ACTIVATIONS[what.output.activation]
    color = description.output("rgb")
    if color is not None and grid.samples.shape[-1] >= 4:
        defines |= {"COLORED": 1, "ACTIVATE_COLOR(x)": ACTIVATIONS[color.activation]}
        further = (grid.samples.shape[-1] - 4) // 3
        defines |= {"VIEWS": further} if further else {}
    defines |= (WARPED if bent else {}) | (STRAINED if strained else {})
    if look == "march" and not bent and rule.beyond and description.space.outside in ("padding", "clamp"):
        defines["BEYOND"] = 1
    if look == "march" and rule.twice:
        return Look(what, look, "triplane_twice.glsl", rule, tuple(defines.items()))
    if look == "march":
        defines |= {"CLOSER": f"{rule.closer}.0"} if rule.closer > 1 else {}
        defines |= {"ENDLESS": 1} if rule.endless and not bent else {}
        return Look(what, look, "triplane_march.glsl", rule, tuple(defines.items()))
    defines["LOOK"] = look
    defines |= {"SURFACE": 1} if what.kind == "surface" else {}
    return Look(what, look, "triplane_surface.glsl", rule, tuple(defines.items()))


def _look(kind: str, mode: str) -> str:
    if mode == "slice":
        return "LOOK_LABEL_SLICE" if kind == "labels" else "LOOK_SLICE"
    if kind == "labels":
        return "LOOK_LABELS"
    return "LOOK_SURFACE" if kind == "surface" or mode == "surface" else "march"


def look_uniforms(look: Look, triplane: Triplane, grid: BrickGrid) -> dict[str, object]:
    """The numbers of a look that do not depend on the camera."""
    description, display = triplane.description, triplane.display
    color = description.output("rgb")
    numbers: dict[str, object] = {"shownTerms": _terms(look.what.output)}
    if color is not None:
        numbers["colorTerms"] = _terms(color)
    if look.look == "march":
        return numbers
    stride = LABEL_STRIDE if look.what.kind == "labels" else SURFACE_STRIDE
    axis = "xyz".index(display.slice_axis)
    low, high = np.array([description.space.low, description.space.high], np.float64)
    cell = (grid.box[1] - grid.box[0]) / grid.resolution
    place = low[axis] + (high[axis] - low[axis]) * display.slice_at
    return numbers | {
        "level": float(display.level),
        "side": -1.0 if look.what.surface is not None and look.what.surface.matter == "below" else 1.0,
        "stride": stride,
        "labelReach": _label_reach(triplane, grid),
        "stepScale": stride / float(np.linalg.norm(grid.resolution)),
        "isLit": display.mode == "surface",
        "sliceAxis": axis,
        "sliceCell": float((place - grid.box[0][axis]) / cell[axis]),
        "colorSpan": grid.span or (-np.inf, np.inf),
        "sliceScale": _slice_scale(look.what, description, display.density),
    }


def _label_reach(triplane: Triplane, grid: BrickGrid) -> np.ndarray:
    """How far to either side the slope of labels is looked for, (3,) in cells: as the exact picture does."""
    finest = max(max(triplane.tensors[name].shape[2:]) for name in triplane.description.plane_tensors())
    cell = (grid.box[1] - grid.box[0]) / grid.resolution
    # Of the family's box: that of the bricks may be larger.
    box = march_box(triplane, grid)
    return LABEL_REACH / np.clip(2 * finest, *LABEL_STEPS) * (box[1] - box[0]) / cell


def _terms(output: Output) -> tuple[float, float, float]:
    """What is added before an activation, and the factor and sum after it."""
    return float(output.bias), float(output.scale), float(output.shift)


def _slice_scale(what: Shown, description: FieldDescription, density: float) -> float:
    """The number by which a slice's map is stretched."""
    side = float(np.subtract(description.space.high, description.space.low).max())
    if what.kind == "density":
        return density * (1.0 if description.march.step == "normalised" else side)
    return side / DISTANCES_PER_SIDE if what.output.name in ("sdf", "udf") else 1.0
