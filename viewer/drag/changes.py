"""One change at a time of an asset's warp: shown while the hand moves, then kept as one entry of the history, or taken
back. No Qt.

An entry is made the moment the hand lets go, with the warp that is shown, so that undo finds it; the final warp takes
the place of that one when it is solved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.asset import Asset
from assets.deform.drag import Drag
from assets.signal import Signal

from .edits import DragEdit, SetUp
from .live import Answer, Answering, Question

if TYPE_CHECKING:
    from assets.deform.rig import Rig
    from assets.deform.warp import Warp


@dataclass(eq=False)
class Change:
    """What an asset wore and what was asked of it (`asked`) before the hand began. shown: the last warp that was shown.
    kept: whether the hand let go. then: what was asked when it did. edit: the entry."""

    asset: Asset
    name: str
    before: Warp | None
    asked: Drag
    shown: Warp | None = None
    kept: bool = False
    then: Drag | None = None
    edit: DragEdit | None = None


class Changes:
    """`answered(Answer)` tells of each warp that is shown, `refused(Change)` of a drag that cannot be: the asset is
    then as before, and `session.failed` has said why. set_up: for the edits."""

    def __init__(self, session: Any, solver: Answering, set_up: SetUp) -> None:
        self._session, self._solver, self._set_up = session, solver, set_up
        self.answered = Signal()
        self.refused = Signal()
        self.current: Change | None = None
        """What the hand is at, or what it let go before anything of it was shown."""
        self.setting = False
        """Whether a warp is being set from here."""
        self._ending: list[Change] = []
        self._waiting: list[Callable[[], Any]] = []

    @property
    def open(self) -> bool:
        """Whether a change is neither kept nor taken back."""
        return self.current is not None and not self.current.kept

    def begin(self, asset: Asset, name: str, asked: Drag, before: Warp | None) -> None:
        """A hand begins. What it began before and did not keep is taken back."""
        if self.open:
            self.revert()
        self.current = Change(asset, name, before, asked)

    def show(self, rig: Rig, drag: Drag) -> None:
        """Shows soon where `drag` leads."""
        change = self.current
        self._solver.ask(Question(rig, drag, False, lambda answer: self._on_live(change, answer)))

    def keep(self, rig: Rig, drag: Drag, then: Drag | None = None) -> None:
        """Makes an entry of the change, and solves `drag` to the end; one without handles lets the asset go back to
        rest. then: what is set up from now on, where that is another drag."""
        change = self.current
        change.kept, change.then = True, drag if then is None else then
        if drag.empty:
            self._solver.drop()
            self._enter(change, None)
            return
        if change.shown is not None:
            self._enter(change, change.shown)
        self._ending.append(change)
        self._solver.ask(Question(rig, drag, True, lambda answer: self._on_final(change, answer)))

    def revert(self) -> Change | None:
        """Takes the change back, where it is not kept yet. Returns it."""
        change = self.current
        if not self.open:
            return None
        self.current = None
        self._solver.drop()
        self.wear(change.asset, change.before)
        return change

    def forget(self) -> None:
        """The asset was changed by others: what is under way counts no more."""
        if self.current in self._ending:
            self._ending.remove(self.current)
        self.current = None
        self._waiting.clear()
        self._solver.drop()

    def when_done(self, act: Callable[[], Any]) -> None:
        """Does something as soon as no final warp is on its way; where one is refused, it is not done."""
        if self._ending:
            self._waiting.append(act)
        else:
            act()

    def when_entered(self, act: Callable[[], Any]) -> None:
        """Does something as soon as all that was kept is in the history: at once, where something of it was shown."""
        if any(change.edit is None for change in self._ending):
            self._waiting.append(act)
        else:
            act()

    def wear(self, asset: Asset, warp: Warp | None) -> None:
        """Sets a warp without an entry."""
        if asset.warp is warp:
            return
        self.setting = True
        try:
            asset.set_warp(warp)
        finally:
            self.setting = False

    def _on_live(self, change: Change, answer: Answer) -> None:
        if change is not self.current or change.kept:
            return
        if answer.error:
            self.revert()
            self._refuse(change, answer)
            return
        change.shown = answer.warp
        self.wear(change.asset, answer.warp)
        self.answered.emit(answer)

    def _on_final(self, change: Change, answer: Answer) -> None:
        if change not in self._ending:
            return
        self._ending.remove(change)
        if change.edit is None and answer.error:
            # A hand that has begun since then began from what cannot be.
            self.forget()
            self.wear(change.asset, change.before)
            self._refuse(change, answer)
        elif answer.error:
            self._session.failed.emit(answer.error, answer.details)
        elif change.edit is None:
            self._enter(change, answer.warp)
            self.answered.emit(answer)
        else:
            self._replace(change, answer.warp)
            self.answered.emit(answer)
        if answer.error:
            self._waiting.clear()
        while self._waiting and not self._ending:
            self._waiting.pop(0)()

    def _enter(self, change: Change, warp: Warp | None) -> None:
        """The change becomes an entry. A hand that has begun since then began from here."""
        later = self.current if self.current is not change else None
        if later is None:
            self.current = None
        elif later.asset is change.asset:
            later.before = warp
        if later is None or later.asset is not change.asset:
            self.wear(change.asset, warp)
        if warp is not change.before:
            change.edit = DragEdit(
                change.asset, change.before, warp, change.name, change.asked, change.then, self._set_up
            )
            self._session.history.record(change.edit)

    def _replace(self, change: Change, warp: Warp) -> None:
        """The final warp takes the place of the one that was shown, wherever that is."""
        shown, change.edit.after = change.edit.after, warp
        for later in (*self._ending, self.current):
            if later is not None and later.before is shown:
                later.before = warp
                if later.edit is not None:
                    later.edit.before = warp
        if change.asset.warp is shown:
            self.wear(change.asset, warp)

    def _refuse(self, change: Change, answer: Answer) -> None:
        self._session.failed.emit(answer.error, answer.details)
        self.refused.emit(change)
