"""Click what you see to make it the active asset; a splat tells its values."""

from __future__ import annotations

from typing import Any

from ..bindings import Binding
from ..pointer_event import Gesture, PointerEvent
from . import ToolRecord


def operate(operation: str, event: PointerEvent, context: Any) -> bool:
    """Makes the asset under the cursor the active one, and shows what the splat is; beside everything, none."""
    if operation != "activate":
        return False
    hit = context.pick(event.x, event.y)
    context.session.activate(hit.asset if hit else None)
    context.show_picked(hit)
    return True


TOOL = ToolRecord(
    id="select",
    title="Select",
    icon="cursor",
    key="Q",
    tooltip="Click an asset to make it the active one; a splat tells its values",
    bindings=(
        Binding(Gesture.CLICK, "left", "activate", "select asset"),
        Binding(Gesture.DRAG, "left", "orbit", "orbit", hint=False),
    ),
    operate=operate,
    order=10,
)
