"""Pull any asset into shape: on its surface, by pairs of handle and target, inside a painted region."""

from __future__ import annotations

from typing import Any

from renderers.camera import Camera

from ..bindings import Binding
from ..pointer_event import Gesture, PointerEvent
from . import ToolRecord

SHIFT, CTRL, ALT = frozenset({"shift"}), frozenset({"ctrl"}), frozenset({"alt"})


def operate(operation: str, event: PointerEvent, context: Any) -> bool:
    """Brings the event to the hand of the drag tool."""
    if operation not in OPERATIONS:
        return False
    return OPERATIONS[operation](context.hand, _camera(event, context), event, context.pick)


def _camera(event: PointerEvent, context: Any) -> Camera:
    """The camera in logical pixels, in which events are."""
    return context.navigator.camera(max(1, round(event.width)), max(1, round(event.height)))


def _press(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    return hand.press(camera, event.x, event.y, pick)


def _press_opposite(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    return hand.press(camera, event.x, event.y, pick, opposite=True)


def _pull(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    return hand.pull(camera, event.x, event.y, pick)


def _release(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    hand.release()
    return True


def _click(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    hand.click(camera, event.x, event.y, pick)
    return True


def _pin(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    hand.pin(camera, event.x, event.y, pick)
    return True


def _remove(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    hand.remove(camera, event.x, event.y)
    return True


def _leave(context: Any) -> None:
    context.dragging.deactivate()
    context.hand.drop()


def _depth(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    return hand.wheel(camera, event.steps)


def _hover(hand: Any, camera: Camera, event: PointerEvent, pick: Any) -> bool:
    hand.hover(camera, event.x, event.y, pick)
    return True


OPERATIONS = {
    "press": _press, "press_opposite": _press_opposite, "pull": _pull, "release": _release, "click": _click,
    "pin": _pin, "remove": _remove, "depth": _depth, "hover": _hover, "ignore": lambda *_: True,
}  # fmt: skip


def _held(button: str, label: str, press: str = "press", held: frozenset[str] = frozenset()) -> tuple[Binding, ...]:
    """What is taken hold of by a press, follows the hand, and is let go."""
    return (
        Binding(Gesture.PRESS, button, press, "", held),
        Binding(Gesture.DRAG, button, "pull", label, held, otherwise="orbit"),
        Binding(Gesture.RELEASE, button, "release", "", held),
    )


MARKS = (
    Binding(Gesture.CLICK, "left", "pin", "pin", SHIFT),
    Binding(Gesture.CLICK, "left", "remove", "remove", CTRL),
    Binding(Gesture.WHEEL, "", "depth", "target depth", ALT),
    Binding(Gesture.HOVER, "", "hover", ""),
)
MODES = {
    "direct": (
        *_held("left", "pull"),
        Binding(Gesture.CLICK, "left", "click", "select a mark", hint=False),
        *MARKS,
    ),
    "pairs": (
        *_held("left", "draw a pair"),
        Binding(Gesture.CLICK, "left", "click", "handle, then target"),
        Binding(Gesture.DOUBLE_CLICK, "left", "ignore", ""),
        *MARKS,
    ),
    "paint": (
        *_held("left", "paint"),
        *_held("left", "paint the opposite", "press_opposite", CTRL),
        Binding(Gesture.HOVER, "", "hover", ""),
    ),
}
"""What the mouse does in each mode of the tool."""


def _unique(bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
    return tuple(dict.fromkeys(bindings))


TOOL = ToolRecord(
    id="drag",
    title="Drag",
    icon="hand-grabbing",
    key="D",
    tooltip="Pull the shape of an asset",
    bindings=_unique(tuple(binding for mode in MODES.values() for binding in mode)),
    operate=operate,
    order=20,
    modes=MODES,
    mode_of=lambda context: context.dragging.mode,
    entered=lambda context: context.dragging.activate(),
    left=_leave,
    cancel=lambda context: context.hand.cancel(),
)
