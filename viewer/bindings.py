"""Which gesture does what: the one table that the viewport, the status bar and the cheat sheet read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .pointer_event import Gesture

MODIFIERS = ("ctrl", "alt", "shift")
BUTTONS = ("left", "middle", "right")


@dataclass(frozen=True)
class Binding:
    """`gesture` with `button` under exactly these `modifiers` does `operation`; `label` says it to people.

    `hint` marks those that the status bar names; the cheat sheet has all that have a label. `otherwise`: what the
    navigation does where the tool finds nothing to do.
    """

    gesture: Gesture
    button: str
    operation: str
    label: str
    modifiers: frozenset[str] = frozenset()
    hint: bool = True
    otherwise: str = ""

    @property
    def hand(self) -> str:
        """The gesture for people: "Shift + middle drag"."""
        keys = [name.capitalize() for name in MODIFIERS if name in self.modifiers]
        act = {Gesture.DRAG: "drag", Gesture.CLICK: "click", Gesture.DOUBLE_CLICK: "double-click"}.get(self.gesture)
        if self.gesture is Gesture.WHEEL:
            words = "wheel"
        elif self.gesture is Gesture.DOUBLE_CLICK and self.button == "left":
            words = "double-click"
        else:
            words = f"{self.button} {act}"
        return " + ".join([*keys, words])


def _binding(gesture: Gesture, button: str, operation: str, label: str, *modifiers: str, hint: bool = True) -> Binding:
    return Binding(gesture, button, operation, label, frozenset(modifiers), hint)


HELD_KEYS = (("Show before", "\\"),)
"""What keys do as long as they are held: (label, key) pairs."""

NAVIGATION = (
    _binding(Gesture.DRAG, "left", "orbit", "orbit", "alt"),
    _binding(Gesture.DRAG, "middle", "orbit", "orbit"),
    _binding(Gesture.DRAG, "right", "pan", "pan"),
    _binding(Gesture.DRAG, "middle", "pan", "pan", "shift"),
    _binding(Gesture.DRAG, "left", "pan", "pan", "shift"),
    _binding(Gesture.DRAG, "middle", "dolly", "dolly", "ctrl"),
    _binding(Gesture.WHEEL, "", "zoom", "zoom to cursor"),
    _binding(Gesture.WHEEL, "", "field_of_view", "field of view", "ctrl"),
    _binding(Gesture.DOUBLE_CLICK, "left", "pivot", "set pivot"),
    _binding(Gesture.CLICK, "right", "menu", "menu"),
    _binding(Gesture.CLICK, "right", "cursor", "set cursor", "shift"),
    _binding(Gesture.DRAG, "right", "cursor", "move cursor", "shift"),
)
"""What holds whichever tool is active; a tool's own bindings come first."""


def find(bindings: Iterable[Binding], gesture: Gesture, button: str, modifiers: frozenset[str]) -> Binding | None:
    """The first binding for this gesture."""
    for entry in bindings:
        if (entry.gesture, entry.button, entry.modifiers) == (gesture, button, modifiers):
            return entry
    return None


def hints(bindings: Iterable[Binding], modifiers: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """What each button does under the modifiers that are held: (hand, label) pairs, each hand once."""
    found: dict[str, str] = {}
    for entry in bindings:
        if entry.modifiers == modifiers and entry.hint and entry.label:
            hand = {Gesture.DRAG: entry.button, Gesture.WHEEL: "wheel", Gesture.DOUBLE_CLICK: "double-click"}.get(
                entry.gesture, f"{entry.button} click"
            )
            found.setdefault(hand, entry.label)
    order = ("left", "left click", "middle", "right", "wheel", "double-click", "right click")
    return [(hand, found[hand]) for hand in order if hand in found]


def further_hints(bindings: Iterable[Binding]) -> list[tuple[str, str]]:
    """What a tool does under modifiers that are not held: (hand, label) pairs."""
    return [
        (entry.hand.replace("left ", ""), entry.label)
        for entry in bindings
        if entry.modifiers and entry.hint and entry.label
    ]
