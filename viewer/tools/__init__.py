"""Mouse tools: one file, one tool, declared in a `TOOL` record. They see our own pointer events, never Qt's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assets.registry import records

from ..bindings import Binding
from ..pointer_event import PointerEvent


@dataclass(frozen=True)
class ToolRecord:
    """A tool that can be active.

    bindings come before those of the navigation. operate(operation, event, context) performs the operation of one of
    them that the navigation does not know and returns whether it did; the context is the window, of which tools use
    `session`, `navigator`, `dragging`, `hand`, `show_picked(hit)` and `pick(x, y)`, which returns a Hit or None. modes:
    for a tool that has some, the bindings that hold in each; mode_of(context) tells which it is in. entered, left: told
    when it becomes the active one and when no more. cancel(context): backs out of what is under way, and returns
    whether there was anything; Esc asks it first.
    """

    id: str
    title: str
    icon: str
    key: str
    tooltip: str
    bindings: tuple[Binding, ...]
    operate: Callable[[str, PointerEvent, Any], bool] = lambda operation, event, context: False
    order: int = 100
    modes: Mapping[str, tuple[Binding, ...]] = field(default_factory=dict)
    mode_of: Callable[[Any], str] = lambda context: ""
    entered: Callable[[Any], None] = lambda context: None
    left: Callable[[Any], None] = lambda context: None
    cancel: Callable[[Any], bool] = lambda context: False

    def bindings_now(self, context: Any) -> tuple[Binding, ...]:
        """The bindings that hold now."""
        return self.modes[self.mode_of(context)] if self.modes else self.bindings


def tools() -> tuple[ToolRecord, ...]:
    """Every tool, in the order of the column; the first one is active at the start."""
    return tuple(sorted(records(__name__, "TOOL"), key=lambda entry: entry.order))
