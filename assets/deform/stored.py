"""A field's warp in a file: the inverse map as a tensor, and in the header where it lies and the drag that made it.

What is drawn comes from the map alone; the drag is there so that it can be taken up again. Both are in the field's own
frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BadInput
from ..files.strict_json import from_json, to_json
from . import drag_json
from .drag import Point, as_point
from .volume import WarpVolume
from .warp import Warp

LONGEST_SIDE = 2048
"""Voxels along a side: every graphics driver takes that many."""

MOST_VOXELS = 1 << 24

FARTHEST = 1e15
"""Coordinates and displacements beyond are a mistake."""

LEAST_COVERAGE = 1e-3
"""Voxels with less are empty."""


@dataclass(frozen=True)
class _Place:
    """low, high: the box of the map. map: the name of its tensor. bounds: the box around what is no haze, two corners;
    None: not known."""

    low: Point
    high: Point
    map: str
    bounds: tuple[Point, Point] | None = None


def warp_form(warp: Warp, tensor: str) -> dict[str, Any]:
    """The section of a header for `warp`, whose map is the tensor called `tensor`."""
    volume = warp.volume
    low, high = (as_point(side) for side in volume.box)
    bounds = None if volume.matter is None else tuple(as_point(side) for side in volume.matter)
    return to_json(_Place(low, high, tensor, bounds)) | {"drag": drag_json.to_json(warp.drag)}


def tensor_name(form: Any) -> str:
    """The tensor that a section names. Raises BadInput that names the field."""
    return _place(form).map


def warp_from(form: Any, lattice: np.ndarray) -> Warp:
    """The warp of a section whose tensor is `lattice`. Raises BadInput that names the field."""
    place = _place(form)
    box = _box((place.low, place.high), "warp.high: spans no box with low.")
    matter = None if place.bounds is None else _box(place.bounds, "warp.bounds: span no box.")
    _check_shape(place.map, lattice.shape)
    if lattice.dtype.kind != "f":
        raise BadInput(f"warp.map: {place.map} holds {lattice.dtype}, expected floating-point numbers.")
    lattice = lattice.astype(np.float32, copy=False)
    if not np.isfinite(lattice).all() or np.abs(lattice).max() > FARTHEST or lattice[..., 3].min() < 0:
        raise BadInput(f"warp.map: {place.map} holds values that are no places, or negative coverage.")
    lattice = np.where(lattice[..., 3:] < LEAST_COVERAGE, np.float32(0.0), lattice)
    if "drag" not in form:
        raise BadInput("warp.drag: is missing.")
    try:
        drag = drag_json.from_json(form["drag"])
    except BadInput as error:
        raise BadInput(f"warp.drag: {error}") from error
    return Warp(drag, None, None, stored=WarpVolume(box, lattice, matter))


def check_shape(form: Any, shape: tuple[int, ...] | None) -> None:
    """Raises BadInput where the section's tensor is missing (None) or can be no map, before it is read."""
    name = tensor_name(form)
    if shape is None:
        raise BadInput(f"warp.map: there is no tensor {name!r}.")
    _check_shape(name, shape)


def _place(form: Any) -> _Place:
    known = {key: value for key, value in form.items() if key != "drag"} if isinstance(form, dict) else form
    return from_json(_Place, known, "warp")


def _box(corners: tuple[Point, Point], otherwise: str) -> np.ndarray:
    box = np.array(corners, np.float64)
    if np.abs(box).max() > FARTHEST or (box[1] - box[0] <= 1e-9 * np.abs(box).max()).any():
        raise BadInput(otherwise)
    return box


def _check_shape(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or shape[3] != 4 or min(shape) < 1:
        raise BadInput(f"warp.map: {name} has the shape {list(shape)}, expected (z, y, x, 4).")
    if max(shape) > LONGEST_SIDE or np.prod(shape[:3], dtype=np.float64) > MOST_VOXELS:
        raise BadInput(f"warp.map: {name} has the shape {list(shape)}, more voxels than any warp has.")
