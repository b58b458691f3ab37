"""The 3D cursor: one place in the world that panels and the viewport point at together. No Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from assets.deform.drag import as_point
from assets.signal import Signal
from renderers.handle_layout import DragOverlay


class Cursor:
    """`point` is the place in the world, (3,) f64, or None where there is none. `changed()` tells of a new one."""

    def __init__(self) -> None:
        self.point: np.ndarray | None = None
        self.changed = Signal()

    def set(self, point: np.ndarray | None) -> None:
        """Puts the cursor there, or away. What is not finite puts it nowhere."""
        if point is not None:
            point = np.array(point, np.float64).reshape(3)
            point = point if np.isfinite(point).all() else None
        same = point is self.point is None
        if same or (point is not None and self.point is not None and np.array_equal(point, self.point)):
            return
        self.point = point
        self.changed.emit()


def with_cursor(looks: dict[str, Any], cursor: Cursor) -> dict[str, Any]:
    """`looks`, further values of a frame's settings, with the mark of the cursor in its overlay."""
    if cursor.point is None:
        return looks
    return looks | {"overlay": replace(looks.get("overlay") or DragOverlay(), cursor=as_point(cursor.point))}
