"""Commands of the drag tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtGui import QGuiApplication

from assets.deform.drag import DragSettings

from ..drag.outcomes import apply_drag, bake_drag, split_splats
from ..drag.painting import PaintSettings
from ..drag.state import declared

RADIUS_FACTOR = 1.15
BAKED_SECONDS = 20.0
"""Whoever waited for a bake may be looking elsewhere."""


def set_mode(window: Any, mode: str) -> None:
    """Switches to a mode of the tool, or from it back to direct pulls."""
    window.dragging.set_mode("direct" if window.dragging.mode == mode else mode)
    window.status.tell_hand()


def lock(window: Any, axis: int) -> None:
    """Lets targets move along one axis alone, or again in all directions."""
    window.dragging.set_lock(axis)


def mirror(window: Any, axis: int) -> None:
    """Mirrors across one axis, or no more."""
    window.dragging.set_mirror(axis)


def next_mirror(window: Any) -> None:
    """Mirrors across the next axis: X, Y, Z, none."""
    axis = window.dragging.mirror
    if axis is None or axis < 2:
        window.dragging.set_mirror(0 if axis is None else axis + 1)
    else:
        window.dragging.set_mirror(axis)
    axis = window.dragging.mirror
    window.say("No mirror" if axis is None else f"Mirrored across {'XYZ'[axis]}")


def scale_radius(window: Any, direction: int) -> None:
    """Makes the reach of a pull, or the brush, larger or smaller."""
    dragging, factor = window.dragging, RADIUS_FACTOR**direction
    if dragging.mode == "paint":
        entry = declared(PaintSettings)["size"]
        dragging.set_paint("size", min(max(dragging.paint.size * factor, entry.low), entry.high))
    else:
        entry = declared(DragSettings)["radius"]
        dragging.adjust("radius", min(max(dragging.settings.radius * factor, entry.low), entry.high))


def run(window: Any) -> None:
    """Sends the handles to their targets."""
    window.drag_desk.run()


def apply(window: Any) -> None:
    """Runs pairs that were not run; else makes the dragged shape the shape of the asset."""
    dragging = window.dragging
    if dragging.unrun:
        window.drag_desk.run()
    elif dragging.worn is not None and dragging.asset.kind == "triplane":
        window.say("A triplane keeps its drag as a layer, in its file too. Bake to planes makes new planes of it")
    elif dragging.worn is not None:
        _when_solved(window, apply_drag)


def discard(window: Any) -> None:
    """Lets the shape go back to rest and forgets the handles."""
    window.dragging.discard()


def copy(window: Any) -> None:
    """Puts the drag into the clipboard, as the JSON that --drag takes."""
    QGuiApplication.clipboard().setText(window.dragging.copy_text())
    window.say("Drag copied as JSON")


def paste(window: Any) -> None:
    """Takes the pairs from the clipboard."""
    if window.active_tool.id != "drag":
        window.activate_tool(next(tool for tool in window.tools if tool.id == "drag"))
    window.dragging.paste_text(QGuiApplication.clipboard().text())
    window.status.tell_hand()


def show(window: Any, what: str) -> None:
    """Shows or hides the influence, the shape at rest, or the stretch."""
    window.dragging.show(what, not getattr(window.dragging, what))


def bake(window: Any) -> None:
    """Fits new planes to the dragged field."""
    _when_solved(window, lambda session, asset: bake_drag(session, asset, lambda text: window.say(text, BAKED_SECONDS)))


def split(window: Any) -> None:
    """Splits the splats that the drag has stretched far."""
    _when_solved(window, split_splats)


def _when_solved(window: Any, act: Callable[[Any, Any], Any]) -> None:
    """Does something with the dragged asset, once its final shape is there."""
    dragging, asset = window.dragging, window.dragging.asset
    dragging.settle()
    dragging.changes.when_done(lambda: act(window.session, asset))
