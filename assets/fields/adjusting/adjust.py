"""What of a description people may change when a guess is wrong: one table for the inspector and for `--field`.

`properties(description)` lists what there is to change in this very field, each with a key, its present value and a way
to another description. `adjusted` does it by key, `adjust` does it to a triplane and keeps its provenance true. The
parts of the table are in adjusting/adjustable.py.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...asset import Provenance
from ...errors import BadFile, BadInput
from ..description import FieldDescription
from ..description_check import check_description, check_tensors
from ..showing import shown
from .adjustable import Property, of_decoder, of_march, of_planes, of_space, of_surface
from .plane_axes import MIXED

if TYPE_CHECKING:
    from ...triplane import Triplane
    from ..bricks.grid import BrickGrid

SECTIONS = ("Planes", "Space", "Decoder", "Ray march", "Surface")
"""The sections of the table, in order."""

CHOSEN = "set by you"
"""What the provenance says after the value of something that was changed."""


def properties(description: FieldDescription) -> tuple[Property, ...]:
    """What can be changed in this description, section by section."""
    found: list[Property] = []
    for part in (of_planes, of_space, of_decoder, of_march, of_surface):
        found += part(description)
    return tuple(found)


def adjusted(description: FieldDescription, key: str, value: Any) -> FieldDescription:
    """`description` with another value for `key`: a word, a number, a truth value, or any of them as text.

    Raises BadInput that begins with the key where there is no such key, or the value is impossible.
    """
    table = {entry.key: entry for entry in properties(description)}
    if key not in table:
        raise BadInput(f"{key}: is nothing that can be changed in this field; {_instead(key, table)}.")
    entry = table[key]
    try:
        changed = entry.change(read_value(entry, value))
        check_description(changed)
    except BadInput as error:
        raise BadInput(f"{key}: {error}") from error
    return changed


def adjust(triplane: Triplane, key: str, value: Any) -> tuple[FieldDescription, Provenance]:
    """The description of `triplane` with another value for `key`, and its provenance, in which that is declared.

    The triplane stays as it is. Raises BadInput as `adjusted` does, also where the tensors do not fit any more.
    """
    changed = adjusted(triplane.description, key, value)
    known = changed if triplane.has_decoder else replace(changed, heads=())
    try:
        check_tensors(known, {name: array.shape for name, array in triplane.tensors.items()})
    except BadInput as error:
        raise BadInput(f"{key}: {error}") from error
    return changed, _told(triplane.provenance, triplane.description, changed, key, value)


def take(triplane: Triplane, key: str, value: Any) -> None:
    """Changes `triplane` itself, for those who need no way back. Raises BadInput as `adjust` does."""
    triplane.set_state(changed_state(triplane, *adjust(triplane, key, value)))


def changed_state(triplane: Triplane, description: FieldDescription, provenance: Provenance) -> dict[str, Any]:
    """What `Asset.set_state` takes so that `triplane` has another description. Bricks that are not true any more count
    as unfinished and are seen until others come; a warp goes where the matter that it holds is elsewhere now."""
    state = {"description": description, "provenance": provenance}
    before, after = triplane.description.space, description.space
    if triplane.warp is not None and replace(before, up="y", time=after.time) != replace(after, up="y"):
        state["warp"] = None
    if not _same_bricks(triplane.description, description):
        state |= {"grid": _outdated(triplane, description), "_matter": None}
    return state


def _same_bricks(before: FieldDescription, after: FieldDescription) -> bool:
    """Whether two fields differ in nothing that their bricks hang on."""
    what = shown(before)
    march = replace(before.march, background=after.march.background)
    surface = before.surface if what is None or what.kind == "surface" else after.surface
    return replace(before, march=march, space=replace(before.space, up=after.space.up), surface=surface) == after


def _outdated(triplane: Triplane, description: FieldDescription) -> BrickGrid | None:
    """The bricks of `triplane` as unfinished ones, where they can still be drawn by another description."""
    before, after, grid = shown(triplane.description), shown(description), triplane.grid
    if grid is None or before is None or after is None:
        return None
    same = (before.kind, before.output.name) == (after.kind, after.output.name)
    colored = [known.output("rgb") is None for known in (triplane.description, description)]
    return replace(grid, level=-1) if same and colored[0] == colored[1] else None


def decoded_like(triplane: Triplane, found: Sequence[Any], number: int, path: Path) -> Triplane:
    """Of the assets `found` in the file of `triplane`, read with the decoder in `path`, the one that it is, its
    `number`: with what the user has set. Raises BadFile where it is not there."""
    decoded = found[number] if number < len(found) else None
    if getattr(decoded, "kind", "") != triplane.kind or not decoded.has_decoder:
        raise BadFile(path, f"does not fit the planes of {triplane.name}")
    values = {entry.key: entry.value for entry in properties(triplane.description)}
    for key, mark in marked(triplane).items():
        if mark == "set":
            # What no longer fits beside a decoder was set for planes that it reads otherwise.
            with contextlib.suppress(BadInput):
                take(decoded, key, values[key])
    return decoded


def marked(triplane: Triplane) -> dict[str, str]:
    """How each key of `properties` came to its value: "set" by the user, "guessed", or "" for what the file said."""
    told = triplane.provenance
    by_user = {term for term, text in told.declared.items() if text.endswith(CHOSEN)}
    found = {}
    for entry in properties(triplane.description):
        guessed = entry.term in told.guessed or entry.key in told.guessed
        found[entry.key] = "set" if entry.key in by_user else "guessed" if guessed else ""
    return found


def read_value(entry: Property, value: Any) -> Any:
    """`value` in the type that the property has. Raises BadInput."""
    if isinstance(entry.value, bool):
        return _truth(value)
    if isinstance(entry.value, (int, float)):
        return _number(value, type(entry.value))
    text = str(value).strip().replace("−", "-")
    if entry.choices and text not in entry.choices:
        choices = [choice for choice in entry.choices if choice != MIXED]
        told = ", ".join(choices) if len(choices) <= 12 else f"{', '.join(choices[:6])} …"
        raise BadInput(f"is one of {told}, not {text!r}.")
    return text


def _instead(key: str, table: Iterable[str]) -> str:
    """What may have been meant by an unknown key."""
    last = key.rsplit(".", 1)[-1]
    similar = [known for known in table if last in known.split(".")] or difflib.get_close_matches(key, table, 4, 0.5)
    if similar:
        return f"similar are {', '.join(similar[:6])}"
    return f"possible are {', '.join(known for known in table if not known.startswith('march.'))}, march.…"


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in ("true", "false", "yes", "no", "on", "off", "1", "0"):
        raise BadInput(f"is true or false, not {value!r}.")
    return word in ("true", "yes", "on", "1")


def _number(value: Any, kind: type) -> int | float:
    text = str(value).strip().replace("−", "-")
    whole = r"[+-]?\d+" if kind is int else r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
    if isinstance(value, bool) or not re.fullmatch(whole, text):
        raise BadInput(f"is a {'whole ' if kind is int else ''}number, not {value!r}.")
    return kind(text)


def _told(before: Provenance, old: FieldDescription, new: FieldDescription, key: str, value: Any) -> Provenance:
    """The provenance after a change of `key`: what was guessed about it is declared now, and says by whom."""
    told = copy.copy(before)
    told.declared, told.guessed = dict(before.declared), dict(before.guessed)
    # An output that is another quantity now has other keys: then what was asked for is all that is known.
    now = {entry.key: entry.value for entry in properties(new)}.get(key, value)
    told.declared[key] = f"{readable(now)}, {CHOSEN}"
    terms = {entry.key: entry.term for entry in properties(old)}
    told.guessed.pop(key, None)
    if list(terms.values()).count(terms[key]) == 1:
        # Else it says more than this: whoever chose the order of the planes has not chosen their axes.
        told.guessed.pop(terms[key], None)
    return told


def readable(value: Any) -> str:
    """The value of a property for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
