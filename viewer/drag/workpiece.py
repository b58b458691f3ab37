"""The asset in the hand: begins, shows, keeps and takes back changes of its drag, and follows what others do to it.
No Qt. ../dragging.py has the verbs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.asset import Asset
from assets.deform.drag import Drag, Handle, Point, as_point
from assets.signal import Signal

from . import pairs
from .changes import Change, Changes
from .edits import PlanEdit
from .live import Answer, Answering, Question
from .places import at_rest, in_asset
from .rigs import Rigs
from .state import DragState, Plan

if TYPE_CHECKING:
    from assets.deform.warp import Warp

PREPARING = "Preparing the drag…"


class Workpiece(DragState):
    """`said(text)` has something for the status bar; what goes wrong goes to `session.failed`."""

    def __init__(self, session: Any, solver: Answering) -> None:
        super().__init__(Rigs(session))
        self.session, self.solver = session, solver
        self.changes = Changes(session, solver, self.set_up)
        self.said = Signal()
        self.grip = 0
        """Another number each time that what the hand holds is taken from it."""
        self._run_began: float | None = None
        self._planned: tuple[str, Drag] | None = None
        self._settling = False
        self._told_to_wait: Asset | None = None
        scene = session.scene
        scene.changed.connect(self._on_changed)
        scene.removed.connect(self._on_removed)
        scene.activated.connect(self._on_activated)
        self.rigs.made.connect(self._on_rig)
        self.changes.answered.connect(self._on_answer)
        self.changes.refused.connect(self._on_refused)

    @property
    def running(self) -> bool:
        """Whether the pairs are on their way to their targets."""
        return self._run_began is not None

    @property
    def busy(self) -> bool:
        """Whether there is a change that is neither kept nor taken back."""
        return self.changes.open or self._planned is not None

    def enter(self, asset: Asset | None) -> None:
        """Works on `asset` from now on. Its rig is made where it is missing."""
        if asset is not self.asset:
            self.interrupt()
            self.grip += 1
            self._show_preview(None)
            self.asset = asset
            self.selected = self.hovered = None
            self.notes = ()
            if asset is not None and asset.warp is not None:
                self.take(asset.warp.drag)
        if asset is not None and self.active:
            self.rigs.want(asset)
        self.refresh_preview()
        self.changed.emit()

    def can_begin(self) -> bool:
        """Whether the rig is there; says so where it is not, and sees to it."""
        if self.ready:
            return True
        if self.asset is not None:
            self.rigs.want(self.asset)
            self._told_to_wait = self.asset
            self.said.emit(PREPARING)
        return self.ready

    def finish(self, rest: bool = False) -> None:
        """Keeps what the hand did. rest: the shape goes back to rest, whatever is set up."""
        self._settling = False
        planned, self._planned = self._planned, None
        if self.changes.open and self.rig is not None:
            self.changes.keep(self.rig, Drag() if rest else self.drag, self.drag)
        elif planned is not None and self.drag != planned[1]:
            name, before = planned
            self.session.history.record(PlanEdit(self.asset, before, self.drag, name, self.set_up))
        self.changed.emit()

    def cancel(self) -> bool:
        """Takes back what the hand is at: a pull, a run, a stroke, a handle without target. Returns whether there was
        any."""
        self._run_began, self._settling = None, False
        change, planned = self.changes.revert(), self._planned
        self._planned = None
        if change is not None:
            self._restore(change)
        elif planned is not None:
            self.plan.drag = planned[1]
            self.selected = self.hovered = None
        pending = self.asset is not None and self.plan.pending is not None
        if pending:
            self.plan.pending = None
        if not (change or planned or pending):
            return False
        self.grip += 1
        self.refresh_preview()
        self.changed.emit()
        return True

    def interrupt(self) -> bool:
        """Something else comes first: a number that was turned is kept, what the hand is at goes back. Returns whether
        anything went back."""
        if self._settling:
            self.finish()
            return False
        return self.cancel()

    def set_up(self, asset: Asset, drag: Drag, numbers: bool) -> None:
        """Sets what is set up on an asset, as the history has it. numbers: the settings as well."""
        if asset is not self.asset:
            self._plans.setdefault(asset, Plan()).drag = drag
            return
        self.cancel()
        self.grip += 1
        if numbers:
            self.take(drag)
        else:
            self.plan.drag, self.selected, self.hovered = drag, None, None
        self.refresh_preview()
        self.changed.emit()

    def _mirror_at(self, source: Point) -> pairs.Mirror | None:
        """The mirror, where something lies opposite of `source`."""
        mirror = self.mirror_plane
        if mirror is None or mirror.on_plane(source) or self.rig is None:
            return mirror
        away, _ = self.rig.matter.tree.query(mirror.image(source))
        if away < pairs.AT_PARTNER * self.size + 2 * self.rig.matter.spacing:
            return mirror
        self.said.emit("Nothing lies opposite, so this one is not mirrored")
        return None

    def _rest(self, world: np.ndarray) -> np.ndarray:
        """Where a world point on the shape lies at rest, in the asset's frame."""
        return at_rest(self.worn, in_asset(self.asset, world))

    def _add(self, world: np.ndarray, target: np.ndarray) -> int:
        source, end = as_point(self._rest(world)), as_point(in_asset(self.asset, target))
        self.plan.drag, index = pairs.with_handle(self.plan.drag, source, end, self._mirror_at(source))
        self._solve()
        return index

    def _rebase(self) -> None:
        """A drag at part of its strength becomes one at full strength that leads to the same shape, so that a new
        handle follows the hand all the way."""
        if self.settings.strength < 1.0:
            places = self.drag.reached()
            handles = [Handle(h.source, as_point(at)) for h, at in zip(self.plan.drag.handles, places, strict=True)]
            self.plan.drag = replace(self.plan.drag, handles=tuple(handles))
            self.settings.strength = 1.0

    def _begin(self, name: str) -> None:
        self.finish()
        self.changes.begin(self.asset, name, self.drag, self.worn)

    def _begin_edit(self, name: str) -> None:
        """A change of the shape, where it is dragged already, or else of what is set up alone."""
        if self.worn is None:
            self.finish()
            self._planned = name, self.drag
        elif self.can_begin():
            self._begin(name)

    def _solve(self) -> None:
        """Shows where the drag leads now, if the hand is at a change of the shape."""
        if self.changes.open and self.rig is not None and not self.plan.drag.empty:
            self.changes.show(self.rig, self.drag)

    def _edit(self, name: str, drag: Drag) -> None:
        """A change at one stroke: of the shape too, where it is dragged already."""
        if self.worn is not None and not self.can_begin():
            return
        self._begin_edit(name)
        self.plan.drag = drag
        self.finish()
        self.refresh_preview()

    def _restore(self, change: Change) -> None:
        """Asks again what was asked before a change."""
        if change.asset is self.asset:
            self.take(change.asked)

    def _on_answer(self, answer: Answer) -> None:
        self.notes = answer.notes
        self.changed.emit()

    def _on_refused(self, change: Change) -> None:
        self._run_began, self._settling = None, False
        self.grip += 1
        self._restore(change)
        self.changed.emit()

    def _on_changed(self, asset: Asset, part: str) -> None:
        if part == "data":
            # What the handles held is another shape now.
            self._plans.pop(asset, None)
            if asset is self.asset:
                self._on_other_warp(asset)
                if self.active:
                    self.rigs.want(asset)
        elif part == "warp" and not self.changes.setting:
            self._on_other_warp(asset)

    def _on_other_warp(self, asset: Asset) -> None:
        """The history, or a file, set the warp."""
        if asset is not self.asset:
            self._plans.pop(asset, None)
            return
        self.changes.forget()
        self._run_began, self._planned, self._settling, self.preview = None, None, False, None
        self.grip += 1
        if asset.warp is not None:
            self.take(asset.warp.drag)
        elif self.mode == "direct":
            self.plan.drag = replace(self.plan.drag, handles=())
        self.selected = self.hovered = None
        self.notes = ()
        self.refresh_preview()
        self.changed.emit()

    def _on_removed(self, asset: Asset) -> None:
        if asset is self.asset:
            # It comes back as it was when the hand began.
            self.cancel()
            self.changes.forget()
            self.notes = ()
            self.asset = self.selected = self.hovered = self.preview = self._run_began = None
            self.changed.emit()

    def _on_activated(self, asset: Asset | None) -> None:
        if self.active:
            self.enter(asset)

    def _on_rig(self, asset: Asset) -> None:
        waited, self._told_to_wait = self._told_to_wait, None
        if asset is self.asset:
            # Nobody else waits for it, and it must not hide what the status bar says, such as how well a bake went.
            if self.active and waited is asset:
                self.said.emit(f"{asset.name} can be dragged")
            self.refresh_preview()
            self.changed.emit()

    # The heat map before there is a drag.

    def refresh_preview(self, hover: np.ndarray | None = None) -> None:
        """Shows what may move and how much, where that is wanted and no drag shows it already. hover: a world point on
        the shape at which a handle could be."""
        if self.asset is None or self.worn is not None or self.changes.current is not None:
            return
        if not self.active or self.rig is None or not (self.heat or self.mode == "paint"):
            self._show_preview(None)
            return
        drag, asset = self.drag, self.asset
        if hover is not None:
            place = as_point(in_asset(asset, hover))
            drag = replace(drag, handles=(*drag.handles, Handle(place, place)))
        self.solver.ask(Question(self.rig, drag, False, lambda answer: self._on_preview(asset, answer), still=True))

    def _on_preview(self, asset: Asset, answer: Answer) -> None:
        """An influence that cannot be computed is not shown; the drag itself will say why."""
        if asset is self.asset and self.active and self.changes.current is None:
            self._show_preview(answer.warp)

    def _show_preview(self, warp: Warp | None) -> None:
        if self.asset is not None and self.worn is None:
            self.preview = warp
            self.changes.wear(self.asset, warp)
