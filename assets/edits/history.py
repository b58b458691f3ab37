"""What was changed, in its order, and the way back and forth along it."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..asset import Asset
from ..signal import Signal
from .edit import Edit, Group, perform

BUDGET = 512 << 20
"""Bytes that the edits may keep."""

LONGEST = 1000
"""Entries that are kept, however small they are."""

MERGE_SECONDS = 1.0
"""Edits of one value that follow each other within this time are one: a wheel that turns, a field that counts up."""


class History:
    """The edits that were made, `entries`, of which the first `cursor` are applied. `changed()` tells of both.

    budget: bytes that the entries may keep; beyond it the oldest are forgotten, but never the newest. clock: seconds
    from any start, which decides what follows so soon that it merges.
    """

    def __init__(self, budget: int = BUDGET, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = budget
        self.changed = Signal()
        self._clock = clock
        self._entries: list[Edit] = []
        self._numbers: list[int] = []  # one for each entry, another one after each merge, never used twice
        self._last_number = 0
        self._cursor = 0
        self.dropped = 0
        """How many of the oldest entries were forgotten."""
        self._open: list[_Gesture] = []
        self._merging_until: float | None = None
        self._forgotten: weakref.WeakKeyDictionary[Asset, int] = weakref.WeakKeyDictionary()

    @property
    def entries(self) -> tuple[Edit, ...]:
        """Every edit that can be taken back or made again, oldest first."""
        return tuple(self._entries)

    @property
    def cursor(self) -> int:
        """How many of the entries are applied."""
        return self._cursor

    @property
    def nbytes(self) -> int:
        """Main memory that the entries keep, in bytes; what several of them share counts once."""
        held: dict[int, int] = {}
        for entry in self._entries:
            held |= entry.held()
        return sum(held.values())

    @property
    def gesture_open(self) -> bool:
        """Whether a gesture or a group has begun and is not over; until then nothing can be undone."""
        return bool(self._open)

    @property
    def next_undo(self) -> Edit | None:
        """What `undo` would take back."""
        return self._entries[self._cursor - 1] if self._cursor and not self._open else None

    @property
    def next_redo(self) -> Edit | None:
        """What `redo` would make again."""
        return self._entries[self._cursor] if self._cursor < len(self._entries) and not self._open else None

    def do(self, edit: Edit) -> None:
        """Applies an edit and records it. What it raises goes on; scene and history are then as before."""
        perform([(edit.apply, edit.revert)])
        self.record(edit)

    def record(self, edit: Edit) -> None:
        """Records an edit that is applied already: shown while the hand moved. What was undone is gone."""
        if self._open:
            staged = self._open[-1].edits
            if not (staged and staged[-1].merge(edit)):
                staged.append(edit)
            return
        now = self._clock()
        if not self._merges(edit, now):
            self._drop_redo()
            self._entries.append(edit)
            self._numbers.append(0)
            self._cursor += 1
        self._last_number += 1
        self._numbers[-1] = self._last_number
        self._merging_until = now + MERGE_SECONDS
        self._keep_within_budget()
        self.changed.emit()

    def seal(self) -> None:
        """What comes next is an entry of its own, however soon."""
        self._merging_until = None

    # Gestures and groups.

    def begin(self, name: str = "", detail: str = "") -> None:
        """What is done or recorded from now on becomes one entry at `commit`. Gestures may lie within each other.
        name: of the entry; without one, that of the first edit. detail: what it is about."""
        self._open.append(_Gesture(name, detail))

    def commit(self) -> Edit | None:
        """Ends the gesture that began last. Returns what was recorded, None where nothing was done."""
        gesture = self._open.pop()
        if not gesture.edits:
            self.changed.emit()
            return None
        entry = gesture.edits[0]
        name = gesture.name or entry.name
        if len(gesture.edits) > 1 or gesture.detail:
            entry = Group(name, gesture.edits, gesture.detail)
        entry.name = name
        self.seal()
        self.record(entry)
        self.seal()
        return entry

    def abort(self) -> None:
        """Ends the gesture that began last and takes back what was done in it."""
        gesture = self._open.pop()
        perform((edit.revert, edit.apply) for edit in reversed(gesture.edits))
        self.changed.emit()

    @contextlib.contextmanager
    def group(self, name: str, detail: str = "") -> Iterator[None]:
        """What is done inside is one entry; where something raises, all of it is taken back and the error goes on."""
        self.begin(name, detail)
        try:
            yield
        except BaseException:
            self.abort()
            raise
        self.commit()

    # Back and forth.

    def undo(self) -> bool:
        """Takes the newest applied entry back. Returns False where there is none, or a gesture is open."""
        return self.next_undo is not None and self.go_to(self._cursor - 1)

    def redo(self) -> bool:
        """Makes the entry again that was undone last. Returns False where there is none, or a gesture is open."""
        return self.next_redo is not None and self.go_to(self._cursor + 1)

    def go_to(self, index: int) -> bool:
        """Undoes or redoes until `index` entries are applied. Returns False where a gesture is open. Raises IndexError;
        what an edit raises goes on, and the cursor stays where that happened."""
        if not 0 <= index <= len(self._entries):
            raise IndexError(f"the history has {len(self._entries)} entries, not {index}")
        if self._open:
            return False
        start = self._cursor
        self.seal()
        try:
            while self._cursor > index:
                edit = self._entries[self._cursor - 1]
                perform([(edit.revert, edit.apply)])
                self._cursor -= 1
            while self._cursor < index:
                edit = self._entries[self._cursor]
                perform([(edit.apply, edit.revert)])
                self._cursor += 1
        finally:
            if self._cursor != start:
                self.changed.emit()
        return True

    def forget(self) -> None:
        """Frees what the entries keep. The scene stays as it is, and nothing of it can be taken back."""
        self._drop_redo()
        while self._entries:
            self._drop_oldest()
        self.seal()
        self.changed.emit()

    def versions(self) -> dict[Asset, int]:
        """A number for the present shape of each asset that has another one than when it was opened. The same number
        again means the same shape."""
        found = dict(self._forgotten)
        for entry, number in zip(self._entries[: self._cursor], self._numbers, strict=False):
            found |= dict.fromkeys(entry.reshaped(), number)
        return found

    def _merges(self, edit: Edit, now: float) -> bool:
        """Takes the edit into the newest entry, where both are of one gesture or follow each other soon."""
        if self._merging_until is None or self._cursor != len(self._entries) or not self._entries:
            return False
        newest = self._entries[-1]
        if newest.gesture != edit.gesture or (edit.gesture is None and now > self._merging_until):
            return False
        return newest.merge(edit)

    def _drop_redo(self) -> None:
        del self._entries[self._cursor :], self._numbers[self._cursor :]

    def _drop_oldest(self) -> None:
        entry, number = self._entries.pop(0), self._numbers.pop(0)
        self._cursor -= 1
        self.dropped += 1
        for asset in entry.reshaped():
            self._forgotten[asset] = number

    def _keep_within_budget(self) -> None:
        held = [entry.held() for entry in self._entries]
        holders = Counter(key for things in held for key in things)
        total = sum({key: size for things in held for key, size in things.items()}.values())
        for oldest in held[:-1]:
            if total <= self.budget and len(self._entries) <= LONGEST:
                break
            self._drop_oldest()
            holders.subtract(oldest.keys())
            total -= sum(size for key, size in oldest.items() if not holders[key])


@dataclass
class _Gesture:
    """What is being put together to one entry."""

    name: str
    detail: str
    edits: list[Edit] = field(default_factory=list)
