"""Brings pointer events to the active tool and the navigation, by the table of bindings."""

from __future__ import annotations

from typing import Any

from .bindings import NAVIGATION, Binding, find
from .pointer_event import Gesture, PointerEvent


class Hands:
    """What the mouse does in a viewport. The window gives the active tool, the navigator, `pick` and `show_menu`.

    A tool may bind PRESS and RELEASE beside DRAG, for what it takes hold of, and HOVER. What a button does is settled
    when it goes down: modifiers that come or go before it is let go change nothing.
    """

    def __init__(self, window: Any) -> None:
        self._window = window
        self._held: Binding | None = None
        self._pressed: PointerEvent | None = None

    def handle(self, event: PointerEvent) -> None:
        """One event of the viewport."""
        bindings = (*self._window.active_tool.bindings_now(self._window), *NAVIGATION)
        held = event.modifiers
        if event.gesture is Gesture.PRESS:
            self._pressed = event
            self._held = find(bindings, Gesture.DRAG, event.button, held)
        elif event.gesture is Gesture.DRAG:
            if self._held is not None:
                self._perform(self._held, event)
            return
        elif event.gesture is Gesture.RELEASE:
            held = self._pressed.modifiers if self._pressed is not None else held
            self._held = self._pressed = None
        elif event.gesture is Gesture.HOVER:
            held = frozenset()
        binding = find(bindings, event.gesture, event.button, held)
        if binding is not None:
            self._perform(binding, event)

    def let_go(self) -> None:
        """What a button does that is down now ends: another tool is at work."""
        self._held = None

    def _perform(self, binding: Binding, event: PointerEvent) -> None:
        if self._window.active_tool.operate(binding.operation, event, self._window):
            return
        operation = binding.otherwise or binding.operation
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
        elif operation == "cursor":
            hit = self._window.pick(event.x, event.y)
            if hit is not None:
                self._window.session.cursor.set(hit.point)
        elif operation == "menu":
            self._window.show_view_menu()
