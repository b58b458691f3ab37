"""Dataclasses to JSON and back, checked field by field: what is unknown, missing or wrong is refused by its name.

A dataclass says in its annotations what its fields hold (bool, int, float, str, another dataclass, `tuple[X, ...]`,
`tuple[X, Y]`, `X | None`) and with `one_of` which words a field takes. Fields with a default may be absent.
"""

from __future__ import annotations

import math
import types
from dataclasses import MISSING, field, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import BadInput

Record = TypeVar("Record")

_JSON_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def one_of(*choices: str, default: Any = MISSING) -> Any:
    """A dataclass field of type str (or a tuple of str) that takes only these words."""
    return field(default=default, metadata={"choices": choices})


def to_json(value: Any) -> Any:
    """`value` (a dataclass, or what one holds) as dictionaries, lists, strings, numbers, booleans and None."""
    if is_dataclass(value):
        return {entry.name: to_json(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(record: type[Record], value: Any, path: str = "") -> Record:
    """A `record` from parsed JSON. Raises BadInput that names the place: "groups[0].planes[1].axes: …"."""
    if not isinstance(value, dict):
        raise BadInput(f"{path or 'description'}: expected an object with fields, found {_found(value)}.")
    hints = get_type_hints(record)
    known = {entry.name: entry for entry in fields(record)}
    for name in value:
        if name not in known:
            raise BadInput(f"{_join(path, name)}: is not a field; known are {', '.join(known)}.")
    arguments = {}
    for name, entry in known.items():
        place = _join(path, name)
        if name in value:
            arguments[name] = _parse(hints[name], value[name], place, entry.metadata.get("choices"))
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise BadInput(f"{place}: is missing.")
    return record(**arguments)


def _parse(hint: Any, value: Any, path: str, choices: tuple[str, ...] | None) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = next(option for option in get_args(hint) if option is not type(None))
        return None if value is None else _parse(inner, value, path, choices)
    if origin is tuple:
        return _parse_tuple(get_args(hint), value, path, choices)
    if is_dataclass(hint):
        return from_json(hint, value, path)
    return _parse_scalar(hint, value, path, choices)


def _parse_tuple(items: tuple[Any, ...], value: Any, path: str, choices: tuple[str, ...] | None) -> tuple:
    if not isinstance(value, list):
        raise BadInput(f"{path}: expected a list, found {_found(value)}.")
    if items[-1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(value) != len(items):
        raise BadInput(f"{path}: expected {len(items)} entries, found {len(value)}.")
    return tuple(
        _parse(hint, item, f"{path}[{index}]", choices)
        for index, (hint, item) in enumerate(zip(items, value, strict=True))
    )


def _parse_scalar(hint: type, value: Any, path: str, choices: tuple[str, ...] | None) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = whole if hint is int else (whole or isinstance(value, float)) if hint is float else isinstance(value, hint)
    if not fits:
        raise BadInput(f"{path}: expected {_JSON_NAMES[hint]}, found {_found(value)}.")
    if hint is float:
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise BadInput(f"{path}: is not a finite number.")
    if choices and value not in choices:
        raise BadInput(f"{path}: is one of {', '.join(choices)}, not {_found(value)}.")
    return value


def _found(value: Any) -> str:
    """`value` in a few words, for a sentence."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else str(name)
