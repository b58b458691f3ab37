"""Panels: one file, one panel, declared in a `PANEL` record. A panel imports what is slow when it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assets.registry import records


@dataclass(frozen=True)
class PanelRecord:
    """A panel at the side of the viewport. `make(window)` returns its widget."""

    id: str
    title: str
    make: Callable[[Any], Any]
    order: int = 100


def panels() -> tuple[PanelRecord, ...]:
    """Every panel, from the top down."""
    return tuple(sorted(records(__name__, "PANEL"), key=lambda entry: entry.order))
