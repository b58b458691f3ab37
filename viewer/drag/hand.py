"""The hand with the drag tool: from positions on the screen to what they grab and where that goes. No Qt.

A press takes hold of a mark, of an arrow of the gizmo, of the shape, or of nothing; what is held then follows the hand
until it is let go. Cameras and positions are in logical pixels of the viewport; `pick(x, y)` says what is seen there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from renderers.camera import Camera
from renderers.handle_layout import BrushMark, DragOverlay, hit

from ..dragging import Dragging
from .marks import brush_mark, overlay
from .places import along, beside, deeper, ray
from .state import Mark

Pick = Callable[[float, float], Any]

DEPTH_STEP = 0.02
"""Share of the asset's size by which a notch of the wheel moves a target."""

HOVER_PX = 3.0
"""The hand moves this far before it is asked again what lies under it."""


@dataclass
class Grab:
    """What is held.

    what: "pull" (a new handle), "pair" (a new pair), "target", "handle", "pin", "stroke", or "none". start: the world
    point that is moved; slip: from where the hand took hold, in the plane of the screen, to it; axis: the world axis
    that it keeps to; begun: whether it has moved; grip: that of the `Dragging` when the hand took hold.
    """

    what: str
    start: np.ndarray
    slip: np.ndarray
    index: int = -1
    axis: int | None = None
    begun: bool = False
    grip: int = -1


class Hand:
    """What the pointer does with a `Dragging`."""

    def __init__(self, dragging: Dragging) -> None:
        self.dragging = dragging
        self._grab: Grab | None = None
        self._at: tuple[Camera, float, float] | None = None
        self._looked_at = (-1e9, -1e9)
        self._axis: int | None = None
        self._brush: BrushMark | None = None
        self._opposite = False

    @property
    def holding(self) -> bool:
        """Whether something is held."""
        return self._grab is not None

    def overlay(self, rest: bool = False) -> DragOverlay | None:
        """What is shown over the picture; `rest`: over the shape as it was before the drag."""
        axis = self._grab.axis if self._grab is not None else self._axis
        return overlay(self.dragging, self._brush if self.dragging.mode == "paint" else None, axis, rest)

    def press(self, camera: Camera, x: float, y: float, pick: Pick, opposite: bool = False) -> bool:
        """Takes hold of what is there. opposite: the brush paints the other of fixed and movable. Returns whether there
        was anything."""
        dragging = self.dragging
        if dragging.running:
            return True
        mark = None if dragging.mode == "paint" else self._mark_at(camera, x, y)
        if mark is not None:
            self._grab = self._grab_mark(camera, x, y, mark)
            self._grab.grip = dragging.grip
            return True
        seen = pick(x, y)
        if seen is None:
            return False
        if seen.asset is not dragging.asset:
            dragging.session.activate(seen.asset)
            dragging.enter(seen.asset)
        if not dragging.can_begin():
            self._grab = Grab("none", np.zeros(3), np.zeros(3))
            return True
        what = {"direct": "pull", "pairs": "pair", "paint": "stroke"}[dragging.mode]
        self._grab = Grab(what, np.asarray(seen.point), np.zeros(3), grip=dragging.grip)
        self._opposite = opposite
        if what == "stroke":
            self._stroke(camera, x, y, seen.point)
        return True

    def pull(self, camera: Camera, x: float, y: float, pick: Pick) -> bool:
        """What is held follows the hand. Returns whether anything is held."""
        grab = self._held()
        if grab is None or grab.what == "none":
            return grab is not None or self.dragging.running
        self._at = (camera, x, y)
        if grab.what in ("handle", "pin", "stroke"):
            self._slide(grab, camera, x, y, pick)
        else:
            self._begin(grab)
            if grab.index >= 0:
                self.dragging.move_target(grab.index, self._place(grab, camera, x, y))
        return True

    def release(self) -> None:
        """Lets go; what was moved is kept."""
        grab, self._grab, self._at = self._held(), None, None
        if grab is not None and grab.begun:
            if grab.what in ("pull", "pair"):
                self.dragging.selected = ("target", grab.index)
            self.dragging.finish()

    def cancel(self) -> bool:
        """What was moved goes back; until the button is let go, nothing is held. Returns whether there was anything."""
        grab = self._grab
        if grab is not None:
            self._grab = Grab("none", np.zeros(3), np.zeros(3))
        return self.dragging.cancel() or (grab is not None and grab.begun)

    def drop(self) -> None:
        """Holds nothing from now on: the tool is left."""
        self._grab = self._at = self._brush = self._axis = None

    def click(self, camera: Camera, x: float, y: float, pick: Pick) -> None:
        """Selects a mark; among pairs, places a handle, and then its target."""
        dragging = self.dragging
        mark = self._mark_at(camera, x, y)
        if dragging.mode == "pairs" and (mark is None or dragging.plan.pending is not None):
            if dragging.plan.pending is not None:
                handle = np.array(self.overlay().handles[-1].source)
                dragging.complete(beside(camera, handle, x, y))
            elif dragging.ready and (seen := pick(x, y)) is not None and seen.asset is dragging.asset:
                dragging.add_handle(seen.point)
        elif dragging.mode != "paint":
            dragging.select(mark if mark is None or mark[0] != "axis" else dragging.selected)

    def pin(self, camera: Camera, x: float, y: float, pick: Pick) -> None:
        """Pins what is there, or takes away the pin that is there."""
        dragging = self.dragging
        mark = self._mark_at(camera, x, y)
        if mark is not None and mark[0] == "pin":
            dragging.remove(mark)
        elif (seen := pick(x, y)) is not None and seen.asset is dragging.asset and dragging.can_begin():
            dragging.toggle_pin(seen.point)

    def remove(self, camera: Camera, x: float, y: float) -> None:
        """Takes away the mark that is there."""
        mark = self._mark_at(camera, x, y)
        if mark is not None and mark[0] != "axis":
            self.dragging.remove(mark)

    def hover(self, camera: Camera, x: float, y: float, pick: Pick) -> None:
        """Says what lies under the pointer."""
        dragging = self.dragging
        if dragging.asset is None or self._grab is not None:
            return
        if dragging.mode == "paint":
            seen = pick(x, y) if self._far(x, y) else None
            if seen is not None and seen.asset is dragging.asset:
                self._brush = brush_mark(dragging, seen.point, dragging.paint.fixed)
                dragging.changed.emit()
            return
        mark = self._mark_at(camera, x, y)
        axis = mark[1] if mark is not None and mark[0] == "axis" else None
        mark = None if axis is not None else mark
        if (mark, axis) != (dragging.hovered, self._axis):
            dragging.hovered, self._axis = mark, axis
            dragging.changed.emit()
        if dragging.heat and dragging.worn is None and mark is None and dragging.ready and self._far(x, y):
            seen = pick(x, y)
            dragging.refresh_preview(seen.point if seen is not None and seen.asset is dragging.asset else None)

    def wheel(self, camera: Camera, steps: float) -> bool:
        """Moves what is held, or the selected target, away from the eye. Returns whether there is such a thing."""
        dragging, grab = self.dragging, self._held()
        way = steps * DEPTH_STEP * dragging.world_size
        if grab is not None and grab.what in ("pull", "pair", "target"):
            self._begin(grab)
            grab.start = deeper(camera, grab.start, way)
            if self._at is not None:
                dragging.move_target(grab.index, self._place(grab, *self._at))
            else:
                dragging.move_target(grab.index, grab.start)
            return True
        if grab is None and dragging.selected is not None and dragging.selected[0] in ("handle", "target"):
            index = dragging.selected[1]
            if index < len(dragging.targets()):
                dragging.begin_move(further=True)
                dragging.move_target(index, deeper(camera, np.array(dragging.targets()[index]), way))
                return True
        return False

    def _held(self) -> Grab | None:
        """What is held; nothing, until the button is let go, where it was taken from the hand: its asset was closed, or
        its change undone."""
        if self._grab is not None and self._grab.grip != self.dragging.grip:
            self._grab = Grab("none", np.zeros(3), np.zeros(3), grip=self.dragging.grip)
        return self._grab

    def _mark_at(self, camera: Camera, x: float, y: float) -> Mark | None:
        shown = self.overlay()
        return None if shown is None else hit(shown, camera, x, y)

    def _grab_mark(self, camera: Camera, x: float, y: float, mark: Mark) -> Grab:
        """Takes hold of a mark, or of the selected target by an arrow."""
        dragging, (what, index) = self.dragging, mark
        axis = None
        if what == "axis":
            axis, (what, index) = index, ("target", dragging.selected[1])
        else:
            dragging.select(mark)
        if what == "handle" and index == len(dragging.plan.drag.handles):
            return Grab("none", np.zeros(3), np.zeros(3))
        places = {"target": dragging.targets, "handle": dragging.sources, "pin": dragging.pins}[what]()
        start = np.array(places[index])
        slip = start - beside(camera, start, x, y)
        if axis is not None:
            slip = start - along(camera, start, np.eye(3)[axis], x, y)
        return Grab(what, start, slip, index, axis)

    def _begin(self, grab: Grab) -> None:
        """The first movement makes a handle of a press, and a change of a movement."""
        if grab.begun:
            return
        grab.begun = True
        if grab.what == "pull":
            self.dragging.selected = None  # the arrows at another target would only be in the way
            grab.index = self.dragging.pull_at(grab.start)
        elif grab.what == "pair":
            grab.index = self.dragging.add_handle(grab.start, grab.start)
        else:
            self.dragging.begin_move()

    def _place(self, grab: Grab, camera: Camera, x: float, y: float) -> np.ndarray:
        """Where what is held goes: over the screen at its depth, or along an axis."""
        axis = grab.axis if grab.axis is not None else self.dragging.lock
        if axis is None:
            return beside(camera, grab.start, x, y) + grab.slip
        place = along(camera, grab.start, np.eye(3)[axis], x, y)
        return place + (grab.slip if grab.axis is not None else 0.0)

    def _slide(self, grab: Grab, camera: Camera, x: float, y: float, pick: Pick) -> None:
        """Marks that lie on the shape stay on what is seen, and so does the brush."""
        seen = pick(x, y)
        if seen is None or seen.asset is not self.dragging.asset:
            return
        if grab.what == "stroke":
            self._stroke(camera, x, y, seen.point)
            return
        self._begin(grab)
        move = self.dragging.move_source if grab.what == "handle" else self.dragging.move_pin
        move(grab.index, np.asarray(seen.point))

    def _stroke(self, camera: Camera, x: float, y: float, world: np.ndarray) -> None:
        dragging, grab = self.dragging, self._grab
        if not grab.begun:
            grab.begun = True
            dragging.begin_stroke()
        fixed = dragging.paint.fixed != self._opposite
        self._brush = brush_mark(dragging, world, fixed)
        dragging.stroke(np.asarray(world), fixed, ray(camera, x, y)[1])

    def _far(self, x: float, y: float) -> bool:
        """Whether the pointer has moved since this last said so: looking what lies there costs time."""
        if abs(self._looked_at[0] - x) + abs(self._looked_at[1] - y) < HOVER_PX:
            return False
        self._looked_at = (x, y)
        return True
