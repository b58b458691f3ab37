"""Mouse tools: one file, one tool, declared in a `TOOL` record. They see our own pointer events, never Qt's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assets.registry import records

from ..bindings import Binding
from ..pointer_event import PointerEvent


@dataclass(frozen=True)
class ToolRecord:
    """A tool that can be active.

    bindings come before those of the navigation. operate(operation, event, context) performs the operation of one of
    them that the navigation does not know and returns whether it did; the context has `session`, `navigator` and
    `pick(x, y)`, which returns a Hit or None.
    """

    id: str
    title: str
    icon: str
    key: str
    tooltip: str
    bindings: tuple[Binding, ...]
    operate: Callable[[str, PointerEvent, Any], bool] = lambda operation, event, context: False
    order: int = 100


def tools() -> tuple[ToolRecord, ...]:
    """Every tool, in the order of the column; the first one is active at the start."""
    return tuple(sorted(records(__name__, "TOOL"), key=lambda entry: entry.order))
