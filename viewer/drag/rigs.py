"""The rigs of the assets that are dragged: made by tasks, kept while the asset's data stay as they are. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assets.asset import Asset
from assets.deform.kinds import deformable
from assets.errors import BadInput
from assets.signal import Signal

from ..work.runner import Task

if TYPE_CHECKING:
    from assets.deform.rig import Rig

FUNCTION = "assets.deform.rig:make_rig"


class Rigs:
    """`made(asset)` tells that the rig of an asset is there."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._rigs: dict[Asset, Rig] = {}
        self._tasks: dict[Asset, Task] = {}
        self.made = Signal()
        session.scene.changed.connect(self._on_changed)
        session.scene.removed.connect(self._drop)

    def of(self, asset: Asset | None) -> Rig | None:
        """The rig, where it is there: that of the asset's warp before one of our own, since its handles hang on it."""
        if asset is None:
            return None
        if asset.warp is not None and asset.warp.rig is not None:
            return asset.warp.rig
        return self._rigs.get(asset)

    def making(self, asset: Asset | None) -> bool:
        """Whether it is on its way."""
        return asset in self._tasks and not self._tasks[asset].over

    def want(self, asset: Asset) -> None:
        """Begins to make it, where it is neither there nor on its way. What goes wrong goes to `session.failed`."""
        if self.of(asset) is not None or self.making(asset):
            return
        try:
            light = deformable(asset).stripped(asset)
        except BadInput as error:
            self._session.failed.emit(str(error), "")
            return
        task = Task(
            title=f"Preparing to drag {asset.name}",
            function=FUNCTION,
            arguments=(light,),
            lane="making",
            on_result=lambda rig: self._take(asset, task, rig),
            on_failure=lambda error, details: self._session.failed.emit(str(error), details),
        )
        self._tasks[asset] = task
        self._session.runner.start(task)

    def _take(self, asset: Asset, task: Task, rig: Rig) -> None:
        if self._tasks.get(asset) is task:
            del self._tasks[asset]
            self._rigs[asset] = rig
            self.made.emit(asset)

    def _on_changed(self, asset: Asset, part: str) -> None:
        if part == "data":
            self._drop(asset)
        elif part == "warp" and asset.warp is not None and asset.warp.rig is not None:
            self._rigs[asset] = asset.warp.rig

    def _drop(self, asset: Asset) -> None:
        self._rigs.pop(asset, None)
        task = self._tasks.pop(asset, None)
        if task is not None:
            self._session.runner.cancel(task)
