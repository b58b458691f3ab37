"""Splats under examination: what the doctor says of them, and the changes that come of it. No Qt.

Every set of splats that is opened is examined once it is there, and again when its data change. What is changed is an
edit that can be taken back, made by a job, since a million splats are not copied in an instant. Another level of detail
is read by a task of the session's, as files are.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.asset import Asset
from assets.edits.data import DataEdit, LevelEdit
from assets.gaussians import Gaussians
from assets.progress import Job
from assets.signal import Signal
from assets.splats.doctor import Finding, examine, remedied
from assets.splats.rows import State, kept
from assets.splats.spz_frame import other_frame, says_frame

from .settings import SettingsFile
from .wording import count
from .work.runner import Task

if TYPE_CHECKING:
    from .session import Session

Drive = Callable[[Job, Callable[[Any], None]], None]

FLIP_ADVICE = (
    "The file does not say which way its axes point. If it stands on its head, flip it: Edit → Flip SPZ frame."
)


class SplatDesk:
    """examining, changing: who drives the jobs that look at splats, and those that make changes of them.

    `changed()` is emitted when there is another opinion about the active asset, `said(text)` when something was done,
    `flipped(asset)` when an .spz was turned the other way, or back.
    """

    def __init__(self, session: Session, settings: SettingsFile, examining: Drive, changing: Drive) -> None:
        self._session, self._settings = session, settings
        self._examining, self._changing = examining, changing
        self.changed = Signal()
        self.said = Signal()
        self.flipped = Signal()
        self._findings: weakref.WeakKeyDictionary[Asset, list[Finding]] = weakref.WeakKeyDictionary()
        self._frames: weakref.WeakKeyDictionary[Asset, str | None] = weakref.WeakKeyDictionary()
        self._dismissed: weakref.WeakSet[Asset] = weakref.WeakSet()
        self._waiting: list[Gaussians] = []
        self._looking: Gaussians | None = None
        self._making = False
        self._levels: weakref.WeakKeyDictionary[Asset, tuple[Task, int]] = weakref.WeakKeyDictionary()
        session.scene.added.connect(self._on_added)
        session.scene.removed.connect(self._on_removed)
        session.scene.changed.connect(self._on_changed)
        session.scene.activated.connect(lambda _: self.changed.emit())

    @property
    def active(self) -> Gaussians | None:
        """The active asset, if it is splats."""
        asset = self._session.scene.active
        return asset if isinstance(asset, Gaussians) else None

    @property
    def busy(self) -> bool:
        """Whether a change is being made."""
        return self._making

    def findings(self, asset: Gaussians) -> list[Finding] | None:
        """What is wrong with an asset; None where it is not known yet."""
        return self._findings.get(asset)

    @property
    def alarming(self) -> list[Finding]:
        """What of the active asset somebody should hear about who did not ask."""
        asset = self.active
        if asset is None or asset in self._dismissed:
            return []
        return [finding for finding in self.findings(asset) or [] if finding.grave and finding.fix]

    def dismiss(self) -> None:
        """Says no more of the active asset until it is asked."""
        if self.active is not None:
            self._dismissed.add(self.active)
        self.changed.emit()

    def fix(self, asset: Gaussians, findings: list[Finding]) -> None:
        """Puts right what was found, as one change."""
        able = [finding for finding in findings if finding.fix]
        if not able:
            return
        name = able[0].fix if len(able) == 1 else "Fix all"
        told = ", ".join(f"{finding.title[:1].lower()}{finding.title[1:]}" for finding in able)
        self._change(asset, remedied(asset, tuple(finding.key for finding in able)), name, f"{asset.name}: {told}")

    def delete_lit(self, asset: Gaussians) -> None:
        """Takes the splats out that are lit up."""
        lit = asset.lit()
        number = 0 if lit is None else int(np.count_nonzero(lit))
        if number == 0:
            self._session.failed.emit(f"{asset.name}: no splats are lit up.", "")
        elif number == len(asset):
            self._session.failed.emit(f"{asset.name}: all of its splats would go; close it instead.", "")
        else:
            detail = f"{asset.name}: {count(number)}"
            self._change(asset, kept(asset, ~lit), "Delete splats", detail)

    def clear_lit(self) -> bool:
        """Lets all splats look as they are. Returns whether any was lit up."""
        shining = [asset for asset in self._session.scene if isinstance(asset, Gaussians) and asset.lit() is not None]
        for asset in shining:
            asset.set_highlight(None)
        return bool(shining)

    def flip_frame(self, asset: Gaussians) -> None:
        """Reads the axes of an .spz the other way."""
        self._change(asset, other_frame(asset), "Flip SPZ frame", asset.name)

    def level(self, asset: Asset) -> int | None:
        """The level of detail of an asset: the one on its way, else the one that is there; None: it has none."""
        task, level = self._levels.get(asset, (None, None))
        return asset.provenance.level if task is None or task.over else level

    def read_level(self, asset: Gaussians, level: int) -> bool:
        """Has another level of detail read, which takes the place of the asset's data. Returns whether one is."""
        if level == self.level(asset) or self._refuses(asset):
            return False
        self._give_up_level(asset)
        if level == asset.provenance.level:
            return False
        before, path = asset.state(), asset.provenance.path
        task = Task(
            title=f"Reading level {level} of {asset.name}",
            function="assets.formats:open_level",
            arguments=(path, level),
            on_result=lambda other: self._take_level(asset, before, other),
            on_failure=lambda error, details: self._session.failed.emit(str(error), details),
        )
        self._levels[asset] = (task, level)
        self._session.runner.start(task)
        return True

    def advice(self, asset: Asset) -> list[str]:
        """Sentences for the inspector, beside the warnings of the reader."""
        if not isinstance(asset, Gaussians):
            return []
        told = [FLIP_ADVICE] if says_frame(asset) and "frame" in asset.provenance.guessed else []
        return told + [f"{complaint}. See Window → Doctor." for complaint in self.complaints(asset)]

    def complaints(self, asset: Asset) -> list[str]:
        """What is gravely wrong with an asset, as far as it is known: a few words each."""
        found = self._findings.get(asset) or []
        return [f"{finding.title}: {count(finding.count)}" for finding in found if finding.grave and finding.fix]

    # Changes.

    def _refuses(self, asset: Gaussians) -> bool:
        """Whether the data cannot be changed now, which is told."""
        if asset.fixed:
            self._session.failed.emit(f"{asset.name} {asset.fixed}.", "")
        elif asset.warp is not None:
            self._session.failed.emit(f"{asset.name} is dragged; apply or discard the drag first.", "")
        return bool(asset.fixed) or asset.warp is not None

    def _change(self, asset: Gaussians, job: Job[State], name: str, detail: str) -> None:
        if not self._refuses(asset) and not self._making:
            self._making, before = True, asset.state()
            self._changing(job, lambda state: self._take(asset, before, state, name, detail))

    def _is_late(self, asset: Gaussians, before: State) -> bool:
        """Whether the asset is not any more what it was when something was begun to be made of it, which is told."""
        now = asset.state()
        same = all(now[part] is before[part] for part in now if part not in asset.prepared_fields)
        late = asset not in self._session.scene or not same
        if late:
            self._session.failed.emit(f"{asset.name} was changed meanwhile, so what was made of it is dropped.", "")
        return late

    def _take_level(self, asset: Gaussians, before: State, other: Gaussians) -> None:
        if not self._is_late(asset, before):
            edit = LevelEdit(asset, other)
            if self._session.do(edit):
                self.said.emit(f"{edit.name}: {edit.detail}")

    def _give_up_level(self, asset: Asset) -> None:
        task, _ = self._levels.pop(asset, (None, 0))
        if task is not None:
            self._session.runner.cancel(task)

    def _take(self, asset: Gaussians, before: State, state: State, name: str, detail: str) -> None:
        self._making = False
        if self._is_late(asset, before):
            return
        now = asset.state()
        if "means" in state and not len(state["means"]):
            self._session.failed.emit(f"{asset.name}: none of its splats would be left; close it instead.", "")
        elif state and self._session.do(DataEdit(asset, {part: now[part] for part in state}, state, name, detail)):
            self.said.emit(f"{name}: {detail}")

    # What happens.

    def _on_added(self, asset: Asset) -> None:
        if isinstance(asset, Gaussians):
            self._frames[asset] = says_frame(asset)
            self._ask(asset)

    def _on_removed(self, asset: Asset) -> None:
        self._waiting = [other for other in self._waiting if other is not asset]
        self._give_up_level(asset)

    def _on_changed(self, asset: Asset, part: str) -> None:
        if part != "data" or not isinstance(asset, Gaussians):
            return
        if not asset.fixed:
            self._findings.pop(asset, None)
            self._ask(asset)
        frame = says_frame(asset)
        if frame is not None and self._frames.get(asset) not in (None, frame):
            # Flipped, or flipped back: so the next file is likely to be.
            self._settings.set("spz_frame", frame)
            self.flipped.emit(asset)
        self._frames[asset] = frame
        self.changed.emit()

    def _ask(self, asset: Gaussians) -> None:
        """Has an asset examined, after those that wait."""
        if asset not in self._waiting:
            self._waiting.append(asset)
        if self._looking is None:
            self._next()
        elif self._looking is asset:
            self._looking = None  # what is looked at is not there any more
            self._next()

    def _next(self) -> None:
        if self._waiting:
            asset = self._looking = self._waiting.pop(0)
            self._examining(examine(asset), lambda findings: self._note(asset, findings))

    def _note(self, asset: Gaussians, findings: list[Finding]) -> None:
        self._looking = None
        self._findings[asset] = findings
        self.changed.emit()
        self._next()
