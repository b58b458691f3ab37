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
    them that the navigation does not know and returns whether it did; the context is the window, of which tools use
    `session`, `navigator`, `dragging`, `hand` and `pick(x, y)`, which returns a Hit or None. choose(context): which of
    the bindings hold now, for a tool with modes. entered, left: told when it becomes the active one and when no more.
    cancel(context): backs out of what is under way, and returns whether there was anything; Esc asks it first.
    """

    id: str
    title: str
    icon: str
    key: str
    tooltip: str
    bindings: tuple[Binding, ...]
    operate: Callable[[str, PointerEvent, Any], bool] = lambda operation, event, context: False
    order: int = 100
    choose: Callable[[Any], tuple[Binding, ...]] | None = None
    entered: Callable[[Any], None] = lambda context: None
    left: Callable[[Any], None] = lambda context: None
    cancel: Callable[[Any], bool] = lambda context: False

    def bindings_now(self, context: Any) -> tuple[Binding, ...]:
        """The bindings that hold now."""
        return self.choose(context) if self.choose is not None else self.bindings


def tools() -> tuple[ToolRecord, ...]:
    """Every tool, in the order of the column; the first one is active at the start."""
    return tuple(sorted(records(__name__, "TOOL"), key=lambda entry: entry.order))
