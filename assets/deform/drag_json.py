"""The DRAG.json of the command line and the clipboard, in world units:

    {"handles": [{"from": [x, y, z], "to": [x, y, z]}], "pins": [[x, y, z]],
     "region": null | {"sphere": {"center": [x, y, z], "radius": r}} | {"box": {"min": [x, y, z], "max": [x, y, z]}}}

Further keys, each of which may be missing: radius, falloff, rigidity, strength, base_fixed, and dabs, a list of
{"center", "radius", "fixed", "feather", "direction"}; see drag.Drag. The sphere or box of a region may have `to_unit`,
a 4×4 matrix that leads from the world to the unit sphere or box, where it is turned or stretched; it goes before the
other numbers, which then are those of what lies around it. The drag_points.json of Drag Your Gaussian is taken as
well: {"handle_points": [[x, y, z]], "target_points": [[x, y, z]]}.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadFile, BadInput
from .drag import FALLOFFS, Dab, Drag, Handle, Point, Region, as_rows

LARGEST = 1e30
"""No coordinate is farther away and, as 1 / LARGEST, no length shorter: their squares are still numbers."""

MOST_POINTS = 10_000
"""Handles, pins or dabs at the most."""

LARGEST_FILE_BYTES = 16 << 20

DIGITS = (*range(1, 16), 17)
"""Significant digits that are tried for a number that only approximates what was typed; 17 tell every f64 apart."""


class _Wrong(Exception):
    """`where`: the key, empty for all of it. `what` completes the sentence."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(where, what)
        self.where, self.what = where, what

    def sentence(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


def read_drag(path: Path) -> Drag:
    """The drag in a file, in world units. Raises BadFile, which names the file and the key that is wrong."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise BadFile(path, "does not exist") from error
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    try:
        return _drag(_parsed(data))
    except _Wrong as wrong:
        raise BadFile(path, wrong.sentence()) from wrong


def from_text(text: str) -> Drag:
    """The drag in a text, such as the clipboard's, in world units. Raises BadInput, which names the key."""
    try:
        return _drag(_parsed(text.encode("utf-8", "replace")))
    except _Wrong as wrong:
        raise _bad_input(wrong) from wrong


def from_json(form: Any) -> Drag:
    """The drag in a form that was read from JSON, in world units. Raises BadInput, which names the key."""
    try:
        return _drag(form)
    except _Wrong as wrong:
        raise _bad_input(wrong) from wrong


def to_json(drag: Drag) -> dict[str, Any]:
    """The form of a drag that lies in the world's frame (`Drag.placed` leads there). `from_json` gives back exactly the
    same drag. What has its usual value is left out."""
    form: dict[str, Any] = {
        "handles": [{"from": list(handle.source), "to": list(handle.target)} for handle in drag.handles],
        "pins": [list(pin) for pin in drag.pins],
        "region": None if drag.region is None else _region_form(drag.region),
    }
    usual = Drag()
    for key in ("radius", "falloff", "rigidity", "strength", "base_fixed"):
        if getattr(drag, key) != getattr(usual, key):
            form[key] = getattr(drag, key)
    if drag.dabs:
        form["dabs"] = [_dab_form(dab) for dab in drag.dabs]
    return form


def sphere_region(center: Point, radius: float) -> Region:
    """The inside of a sphere."""
    scale = 1.0 / radius
    matrix = np.diag([scale, scale, scale, 1.0])
    matrix[:3, 3] = -scale * np.array(center, np.float64)
    return Region("sphere", as_rows(matrix))


def box_region(low: Point, high: Point) -> Region:
    """The inside of a box along the axes, between its corners."""
    low, high = np.array(low, np.float64), np.array(high, np.float64)
    scale = 2.0 / (high - low)
    matrix = np.diag([*scale, 1.0])
    matrix[:3, 3] = -scale * (0.5 * low + 0.5 * high)
    return Region("box", as_rows(matrix))


def _bad_input(wrong: _Wrong) -> BadInput:
    return BadInput(f"{wrong.sentence() if wrong.where else f'The drag {wrong.what}'}.")


def _parsed(data: bytes) -> Any:
    """JSON as Python has it. Also NaN and Infinity, which are no JSON: where they stand is told later."""
    if len(data) > LARGEST_FILE_BYTES:
        raise _Wrong("", f"is no drag: it is larger than {LARGEST_FILE_BYTES >> 20} MiB")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise _Wrong("", f"is not JSON ({error.msg} in line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise _Wrong("", "is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise _Wrong("", "is not JSON (it is no UTF-8 text)") from error
    except ValueError as error:  # a whole number of more than 4300 digits
        raise _Wrong("", "is not JSON that can be read (a number has too many digits)") from error


def _drag(form: Any) -> Drag:
    """The drag in either of the two forms."""
    if isinstance(form, dict) and ("handle_points" in form or "target_points" in form):
        return _drag_points(form)
    fields = _object("", form, ("handles",), _FIELDS)
    return Drag(**{key: _FIELDS[key](key, value) for key, value in fields.items()})


def _drag_points(form: dict) -> Drag:
    """The drag in a drag_points.json of Drag Your Gaussian."""
    fields = _object("", form, ("handle_points", "target_points"), ("handle_points", "target_points"))
    sources, targets = (_points(key, fields[key]) for key in ("handle_points", "target_points"))
    if len(sources) != len(targets):
        raise _Wrong("target_points", f"holds {len(targets)} points for {len(sources)} of handle_points")
    if not sources:
        raise _Wrong("", "has no handles")
    return Drag(tuple(map(Handle, sources, targets)))


def _object(where: str, form: Any, needed: Collection[str], known: Collection[str]) -> dict[str, Any]:
    """`form` as an object that has all `needed` keys and only `known` ones."""
    if not isinstance(form, dict):
        raise _Wrong(where, f"is {_described(form)}, not an object")
    unknown = [repr(key if len(key) <= 40 else f"{key[:40]}…") for key in form if key not in known]
    if unknown:
        shown = ", ".join(unknown[:3]) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        raise _Wrong(where, f"has an unknown key ({shown}); possible are {', '.join(known)}")
    for key in needed:
        if key not in form:
            raise _Wrong(f"{where}.{key}" if where else key, "is missing")
    return form


def _list(where: str, form: Any, most: int = MOST_POINTS) -> list:
    if not isinstance(form, list):
        raise _Wrong(where, f"is {_described(form)}, not a list")
    if len(form) > most:
        raise _Wrong(where, f"holds {len(form)} entries; {most} are possible")
    return form


def _number(where: str, form: Any, low: float = -LARGEST, high: float = LARGEST) -> float:
    """A number from `low` to `high`."""
    if isinstance(form, bool) or not isinstance(form, (int, float)):
        raise _Wrong(where, f"holds {_described(form)} instead of a number")
    if isinstance(form, float) and not math.isfinite(form):
        raise _Wrong(where, f"holds {_described(form)}")
    if abs(form) > LARGEST:
        raise _Wrong(where, "holds a number beyond 1e30")
    if not low <= form <= high:
        raise _Wrong(where, f"is {form:g}, not {low:g} to {high:g}")
    return float(form)


def _length(where: str, form: Any) -> float:
    """A number above 0."""
    length = _number(where, form)
    if length < 1.0 / LARGEST:
        raise _Wrong(where, f"is {length:g}, not above 0")
    return length


def _point(where: str, form: Any) -> Point:
    values = _list(where, form, max(len(form), 3) if isinstance(form, list) else 3)
    if len(values) != 3:
        raise _Wrong(where, f"holds {len(values)} numbers instead of 3")
    x, y, z = (_number(where, value) for value in values)
    return x, y, z


def _points(where: str, form: Any) -> tuple[Point, ...]:
    return tuple(_point(f"{where}[{index}]", point) for index, point in enumerate(_list(where, form)))


def _handles(where: str, form: Any) -> tuple[Handle, ...]:
    handles = []
    for index, entry in enumerate(_list(where, form)):
        at = f"{where}[{index}]"
        fields = _object(at, entry, ("from", "to"), ("from", "to"))
        handles.append(Handle(_point(f"{at}.from", fields["from"]), _point(f"{at}.to", fields["to"])))
    if not handles:
        raise _Wrong("", "has no handles")
    return tuple(handles)


def _region(where: str, form: Any) -> Region | None:
    if form is None:
        return None
    shapes = _object(where, form, (), ("sphere", "box"))
    if len(shapes) != 1:
        raise _Wrong(where, "is neither null nor one sphere or box")
    ((shape, entry),) = shapes.items()
    return {"sphere": _sphere, "box": _box}[shape](f"{where}.{shape}", entry)


def _sphere(where: str, form: Any) -> Region:
    turned = isinstance(form, dict) and "to_unit" in form
    fields = _object(where, form, () if turned else ("center", "radius"), ("center", "radius", "to_unit"))
    center = _point(f"{where}.center", fields["center"]) if "center" in fields else None
    radius = _length(f"{where}.radius", fields["radius"]) if "radius" in fields else None
    if turned:
        return Region("sphere", _matrix(f"{where}.to_unit", fields["to_unit"]))
    return sphere_region(center, radius)


def _box(where: str, form: Any) -> Region:
    turned = isinstance(form, dict) and "to_unit" in form
    fields = _object(where, form, () if turned else ("min", "max"), ("min", "max", "to_unit"))
    corners = {key: _point(f"{where}.{key}", fields[key]) for key in ("min", "max") if key in fields}
    if len(corners) == 2:
        for axis, low, high in zip("xyz", corners["min"], corners["max"], strict=True):
            if low > high:
                raise _Wrong(where, f"has a min that lies above its max in {axis} ({low:g} and {high:g})")
            if high - low < 1.0 / LARGEST:
                raise _Wrong(where, f"is empty (min and max agree in {axis})")
    if turned:
        return Region("box", _matrix(f"{where}.to_unit", fields["to_unit"]))
    return box_region(corners["min"], corners["max"])


def _matrix(where: str, form: Any) -> tuple[tuple[float, ...], ...]:
    """Four rows of four numbers that lead somewhere and back."""
    rows = _list(where, form, 4)
    if len(rows) != 4 or any(not isinstance(row, list) or len(row) != 4 for row in rows):
        raise _Wrong(where, "is not a 4×4 matrix")
    numbers = [[_element(where, value) for value in row] for row in rows]
    if numbers[3] != [0.0, 0.0, 0.0, 1.0]:
        raise _Wrong(where, "has a last row other than 0, 0, 0, 1")
    try:
        with np.errstate(all="ignore"):
            usable = np.isfinite(np.linalg.inv(np.array(numbers))).all()
    except np.linalg.LinAlgError:
        usable = False
    if not usable:
        raise _Wrong(where, "cannot be inverted")
    return as_rows(np.array(numbers))


def _element(where: str, form: Any) -> float:
    """A number of a matrix, which may be a coordinate over the shortest length."""
    if isinstance(form, float) and LARGEST < abs(form) <= LARGEST**2:
        return form
    return _number(where, form)


def _dabs(where: str, form: Any) -> tuple[Dab, ...]:
    return tuple(_dab(f"{where}[{index}]", entry) for index, entry in enumerate(_list(where, form)))


def _dab(where: str, form: Any) -> Dab:
    fields = _object(where, form, ("center", "radius", "fixed"), ("center", "radius", "fixed", "feather", "direction"))
    direction = fields.get("direction")
    if direction is not None:
        direction = _point(f"{where}.direction", direction)
        if math.hypot(*direction) < 1.0 / LARGEST:
            raise _Wrong(f"{where}.direction", "has no length")
    return Dab(
        _point(f"{where}.center", fields["center"]),
        _length(f"{where}.radius", fields["radius"]),
        _truth(f"{where}.fixed", fields["fixed"]),
        _share(f"{where}.feather", fields.get("feather", Dab.feather)),
        direction,
    )


def _truth(where: str, form: Any) -> bool:
    if not isinstance(form, bool):
        raise _Wrong(where, f"holds {_described(form)} instead of true or false")
    return form


def _share(where: str, form: Any) -> float:
    return _number(where, form, 0.0, 1.0)


def _falloff(where: str, form: Any) -> str:
    if not isinstance(form, str) or form not in FALLOFFS:
        found = repr(form) if isinstance(form, str) and len(form) <= 20 else _described(form)
        raise _Wrong(where, f"is {found}, not one of {', '.join(FALLOFFS)}")
    return form


_FIELDS: dict[str, Callable[[str, Any], Any]] = {
    "handles": _handles,
    "pins": _points,
    "region": _region,
    "radius": lambda where, form: None if form is None else _length(where, form),
    "falloff": _falloff,
    "rigidity": _share,
    "strength": _share,
    "dabs": _dabs,
    "base_fixed": _truth,
}
"""What each key of a DRAG.json, which is a field of Drag, is read by."""


def _described(form: Any) -> str:
    """What stands there, in words."""
    if isinstance(form, bool):
        return "true" if form else "false"
    if isinstance(form, float) and not math.isfinite(form):
        return "NaN" if math.isnan(form) else "Infinity"
    names = {type(None): "null", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(form), "a number")


def _region_form(region: Region) -> dict[str, Any]:
    """A region by its usual numbers where they give back exactly it, else with its matrix as well."""
    to_region = np.linalg.inv(np.array(region.to_unit))
    center, turn = to_region[:3, 3], to_region[:3, :3]
    if region.shape == "sphere":
        numbers = {"center": center.tolist(), "radius": float(np.linalg.norm(turn, 2))}
    else:
        reach = np.abs(turn).sum(1)
        numbers = {"min": (center - reach).tolist(), "max": (center + reach).tolist()}
    for digits in DIGITS:
        form = {region.shape: {key: _rounded(value, digits) for key, value in numbers.items()}}
        if _read_back(form) == region:
            return form
    matrix = {"to_unit": [list(row) for row in region.to_unit]}
    form = {region.shape: numbers | matrix}
    # Numbers that are too large, or too near to each other, to be read again say nothing.
    return form if _read_back(form) == region else {region.shape: matrix}


def _read_back(form: dict[str, Any]) -> Region | None:
    try:
        return _region("region", form)
    except _Wrong:
        return None


def _rounded(value: float | list[float], digits: int) -> float | list[float]:
    return [_rounded(item, digits) for item in value] if isinstance(value, list) else float(f"{value:.{digits}g}")


def _dab_form(dab: Dab) -> dict[str, Any]:
    form = {"center": list(dab.center), "radius": dab.radius, "fixed": dab.fixed, "feather": dab.feather}
    return form if dab.direction is None else form | {"direction": list(dab.direction)}
