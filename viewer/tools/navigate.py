"""The tool that is active when no other is: the left button moves the camera."""

from __future__ import annotations

from ..bindings import Binding
from ..pointer_event import Gesture
from . import ToolRecord

TOOL = ToolRecord(
    id="navigate",
    title="Navigate",
    icon="hand",
    key="N",
    tooltip="Orbit with the left button",
    bindings=(Binding(Gesture.DRAG, "left", "orbit", "orbit"),),
    order=0,
)
