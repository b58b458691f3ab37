"""Brings pointer events to the active tool and the navigation, by the table of bindings."""

from __future__ import annotations

from typing import Any

from .bindings import NAVIGATION, Binding, find
from .pointer_event import Gesture, PointerEvent


class Hands:
    """What the mouse does in a viewport. The window gives the active tool, the navigator, `pick` and `show_menu`."""

    def __init__(self, window: Any) -> None:
        self._window = window
        self._held: Binding | None = None

    def handle(self, event: PointerEvent) -> None:
        """One event of the viewport."""
        bindings = (*self._window.active_tool.bindings, *NAVIGATION)
        if event.gesture is Gesture.PRESS:
            self._held = find(bindings, Gesture.DRAG, event.button, event.modifiers)
        elif event.gesture is Gesture.DRAG:
            if self._held is not None:
                self._perform(self._held.operation, event)
        elif event.gesture is Gesture.RELEASE:
            self._held = None
        else:
            binding = find(bindings, event.gesture, event.button, event.modifiers)
            if binding is not None:
                self._perform(binding.operation, event)

    def _perform(self, operation: str, event: PointerEvent) -> None:
        if self._window.active_tool.operate(operation, event, self._window):
            return
        navigator, values = self._window.navigator, self._window.settings.values
        steps = event.steps * values.zoom_speed * (-1 if values.invert_wheel else 1)
        if operation == "orbit":
            navigator.orbit(event.dx, event.dy, event.height)
        elif operation == "pan":
            navigator.pan(event.dx, event.dy, event.height)
        elif operation == "dolly":
            navigator.dolly(event.dy, event.height)
        elif operation == "zoom":
            navigator.zoom(steps, event.x, event.y, event.width, event.height)
        elif operation == "field_of_view":
            navigator.field_of_view(event.steps)
        elif operation == "pivot":
            hit = self._window.pick(event.x, event.y)
            if hit is not None:
                navigator.set_pivot(hit.point)
        elif operation == "menu":
            self._window.show_view_menu()
