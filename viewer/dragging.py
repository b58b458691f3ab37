"""What the hand drags: the verbs of the drag tool. No Qt.

Points are in the world outside and in the asset's frame inside. The drag that is being made lies in drag/state.py; what
it has made of the asset is the asset's warp, which is set through drag/changes.py: live while something moves, and as
one entry of the history when the hand lets go.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from assets.asset import Asset
from assets.deform.drag import Drag, DragSettings, as_point
from assets.deform.drag_json import from_text, to_json
from assets.errors import BadInput

from .drag import painting, pairs
from .drag.painting import PaintSettings
from .drag.places import in_asset, in_world
from .drag.state import Mark, declared
from .drag.workpiece import Workpiece

RUN_SECONDS = 0.6


class Dragging(Workpiece):
    """The verbs of the drag tool on the asset in the hand."""

    # Coming and going.

    def activate(self) -> None:
        """The tool becomes the active one."""
        self.active = True
        self.enter(self.session.scene.active)

    def deactivate(self) -> None:
        """The tool is left: what the hand is at is taken back."""
        self.interrupt()
        self.active = False
        self._show_preview(None)
        self.changed.emit()

    def set_mode(self, mode: str) -> None:
        """Direct pulls, pairs, or the brush."""
        self.interrupt()
        self.mode, self.hovered = mode, None
        self.refresh_preview()
        self.changed.emit()

    def select(self, mark: Mark | None) -> None:
        """Makes a mark the one that the wheel, the gizmo and the list speak of."""
        self.selected = mark
        self.changed.emit()

    def set_lock(self, axis: int | None) -> None:
        """Lets targets move along one axis of the world; the same again lets them free."""
        self.lock = None if axis == self.lock else axis
        self.changed.emit()

    def set_mirror(self, axis: int | None) -> None:
        """Mirrors handles and pins across one axis of the asset; the same again stops it."""
        self.mirror = None if axis == self.mirror else axis
        self.changed.emit()

    def show(self, what: str, on: bool) -> None:
        """Shows or hides "heat", "ghost" or "stretch"."""
        setattr(self, what, on)
        self.refresh_preview()
        self.changed.emit()

    # A hand that pulls.

    def pull_at(self, world: np.ndarray) -> int:
        """Takes hold of the shape at a world point on it: a new handle, where the shape is bent already, too. Returns
        its index. A change begins, which `finish` keeps and `cancel` takes back."""
        self._begin(f"Drag {self.asset.name}")
        self._rebase()
        return self._add(world, world)

    def add_handle(self, world: np.ndarray, target: np.ndarray | None = None) -> int | None:
        """A handle of a pair, at a world point on the shape as it is; without a target it waits for one."""
        if target is None:
            self.plan.pending = as_point(self._rest(world))
            self.changed.emit()
            return None
        self.plan.pending = None
        self._begin_edit("Add a pair")
        index = self._add(world, target)
        self.selected = ("target", index)
        self.changed.emit()
        return index

    def complete(self, target: np.ndarray) -> int | None:
        """Gives the waiting handle its target, a world point."""
        if self.plan.pending is None:
            return None
        source, self.plan.pending = self.plan.pending, None
        self._begin_edit("Add a pair")
        self.plan.drag, index = pairs.with_handle(
            self.plan.drag, source, as_point(in_asset(self.asset, target)), self._mirror_at(source)
        )
        self.selected = ("target", index)
        self._solve()
        self.finish()
        return index

    def move_target(self, index: int, world: np.ndarray) -> None:
        """Moves a target; the shape follows where it is dragged already."""
        target = as_point(in_asset(self.asset, world))
        if not np.isfinite(target).all() or index >= len(self.plan.drag.handles):
            return
        self.plan.drag = pairs.with_target(self.plan.drag, index, target, self.mirror_plane)
        self._solve()
        self.changed.emit()

    def move_source(self, index: int, world: np.ndarray) -> None:
        """Moves the place where a handle holds to a world point on the shape."""
        if index >= len(self.plan.drag.handles):
            return
        self.plan.drag = pairs.with_source(self.plan.drag, index, as_point(self._rest(world)), self.mirror_plane)
        self._solve()
        self.changed.emit()

    def move_pin(self, index: int, world: np.ndarray) -> None:
        """Moves a pin to a world point on the shape."""
        if index >= len(self.plan.drag.pins):
            return
        self.plan.drag = pairs.moved_pin(self.plan.drag, index, as_point(self._rest(world)))
        self._solve()
        self.changed.emit()

    def begin_move(self, further: bool = False) -> None:
        """A mark is about to be moved; `further`: by steps, which goes on with what is open, if anything is."""
        if not (further and self.busy):
            self._begin_edit(f"Drag {self.asset.name}" if self.worn is not None else "Move a mark")
            self._settling = further

    # What is not pulled.

    def toggle_pin(self, world: np.ndarray) -> None:
        """Pins the shape at a world point on it."""
        place = as_point(self._rest(world))
        self._edit("Pin", pairs.with_pin(self.plan.drag, place, self._mirror_at(place)))

    def remove(self, mark: Mark) -> None:
        """Removes a pin, or a handle with its target."""
        what, index = mark
        if what == "handle" and index == len(self.plan.drag.handles):
            self.plan.pending = None
            self.changed.emit()
            return
        without = pairs.without_pin if what == "pin" else pairs.without_handle
        self.selected = self.hovered = None
        self._edit(
            "Remove a pin" if what == "pin" else "Remove a handle", without(self.plan.drag, index, self.mirror_plane)
        )

    def set_point(self, what: str, index: int, axis: int, value: float) -> bool:
        """Sets one world coordinate of a "handle" (at rest), "target" or "pin". Returns whether that was possible."""
        drag = self.plan.drag
        kept = {
            "handle": lambda: drag.handles[index].source,
            "target": lambda: drag.handles[index].target,
            "pin": lambda: drag.pins[index],
        }
        world = list(in_world(self.asset, kept[what]()))
        world[axis] = float(value)
        if not np.isfinite(world).all() or abs(value) > 1e30:
            self.session.failed.emit("A coordinate is a finite number.", "")
            return False
        place = as_point(in_asset(self.asset, world))
        if what == "target":
            changed = pairs.with_target(drag, index, place, self.mirror_plane)
        elif what == "handle":
            changed = pairs.with_source(drag, index, place, self.mirror_plane)
        else:
            changed = pairs.moved_pin(drag, index, place)
        self._edit("Type a coordinate", changed)
        return True

    def stroke(self, world: np.ndarray, fixed: bool, sight: np.ndarray) -> None:
        """One touch of the brush at a world point on the shape; `sight` is the world direction in which it is seen."""
        direction = as_point(np.linalg.inv(self.asset.transform[:3, :3]) @ sight)
        radius = self.paint.size * self.size
        touch = painting.dab(as_point(self._rest(world)), radius, fixed, self.paint, direction)
        self.plan.drag = painting.touched(self.plan.drag, touch)
        self._solve()
        self.refresh_preview()
        self.changed.emit()

    def begin_stroke(self) -> None:
        """The brush comes down."""
        self._begin_edit("Paint a region")

    def invert_paint(self) -> None:
        """What may move stays, and the other way round."""
        self._edit("Invert the region", painting.inverted(self.plan.drag))

    def clear_paint(self, fixed: bool) -> None:
        """Forgets what was painted: everything stays, or may move."""
        self._edit("Fix all" if fixed else "Free all", painting.cleared(self.plan.drag, fixed))

    # Numbers.

    def adjust(self, name: str, value: Any) -> None:
        """Sets one of the DragSettings; a dragged shape follows at once. `settle` makes an entry of it."""
        entry = declared(DragSettings)[name]
        value = entry.check(value)
        if value == getattr(self.settings, name):
            return
        if self.worn is not None and not self.changes.open and self.can_begin():
            self._begin(f"{entry.label} of the drag")
            self._settling = True
        setattr(self.settings, name, value)
        self._solve()
        self.refresh_preview()
        self.changed.emit()

    def settle(self) -> None:
        """The hand let go of a number."""
        if not self.running:
            self.finish()

    def set_paint(self, name: str, value: Any) -> None:
        """Sets one of the PaintSettings."""
        setattr(self.paint, name, declared(PaintSettings)[name].check(value))
        self.changed.emit()

    # Pairs as a whole.

    def run(self, now: float | None) -> bool:
        """Sends the handles to their targets, from rest, in RUN_SECONDS; `advance` goes on with it. now None: at once.
        Returns whether there is anything to run."""
        if self.asset is None or self.plan.drag.empty or not self.can_begin():
            return False
        if self._planned is not None:
            self.finish()
        self.interrupt()
        self.grip += 1
        self._begin(f"Drag {self.asset.name}")
        if now is None:
            self.finish()
        else:
            self._run_began = now
            self.advance(now)
        return True

    def advance(self, now: float) -> bool:
        """Carries a run on. Returns whether it goes on."""
        if self._run_began is None:
            return False
        share = min(max((now - self._run_began) / RUN_SECONDS, 0.0), 1.0)
        if share >= 1.0:
            self._run_began = None
            self.finish()
            return False
        eased = share * share * (3 - 2 * share)
        self.changes.show(self.rig, replace(self.drag, strength=eased * self.settings.strength))
        return True

    def discard(self) -> None:
        """Forgets the drag: the shape goes back to rest."""
        self.cancel()
        self.selected = self.hovered = None
        self.notes = ()
        self._edit(f"Discard the drag of {self.asset.name}", Drag())

    def copy_text(self) -> str:
        """The drag as the JSON that --drag takes, in world units."""
        return json.dumps(to_json(self.drag.placed(self.asset.transform)), indent=1)

    def paste_text(self, text: str) -> bool:
        """Takes the pairs from JSON: ours, or a drag_points.json. They wait to be run. Returns whether it was one."""
        if self.asset is None:
            return False
        try:
            drag = from_text(text).placed(np.linalg.inv(self.asset.transform))
        except BadInput as error:
            self.session.failed.emit(f"The clipboard holds no drag: {error}", "")
            return False
        self.set_mode("pairs")
        if self.worn is not None and not self.can_begin():
            return False
        self._begin_edit("Paste a drag")
        self.take(drag)
        self.notes = ()
        self.finish(rest=True)
        self.said.emit(f"Pasted {drag.summary()}")
        return True

    def reopen(self, asset: Asset, drag: Drag) -> None:
        """Opens a drag of the history again, with its handles, to be changed."""
        self.session.activate(asset)
        self.enter(asset)
        self.take(drag)
