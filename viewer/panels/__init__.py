"""Panels: one file, one panel, declared in a `PANEL` record. A panel imports what is slow when it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assets.registry import records


@dataclass(frozen=True)
class PanelRecord:
    """A panel at the side of the viewport. `make(window)` returns its widget. tool: it is there only while that tool is
    active, in the place of the panel `instead_of`. area: "right", or "bottom" for a drawer below the viewport. open:
    whether it is there at the start."""

    id: str
    title: str
    make: Callable[[Any], Any]
    order: int = 100
    tool: str = ""
    instead_of: str = ""
    area: str = "right"
    open: bool = True


def panels() -> tuple[PanelRecord, ...]:
    """Every panel, from the top down."""
    return tuple(sorted(records(__name__, "PANEL"), key=lambda entry: entry.order))
