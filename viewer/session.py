"""What is open, and the verbs that change it. No Qt: tests and scripts drive the same session as the window.

Every change of an asset goes through here and, as an edit, through the history, so that it can be taken back. What is
opened is no edit.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from assets.asset import Asset
from assets.edits.attributes import DisplayEdit, NameEdit, VisibleEdit
from assets.edits.edit import Edit
from assets.edits.history import History
from assets.edits.scene import AddEdit, RemoveEdit
from assets.errors import BadInput, TriptychError
from assets.formats import ReadOptions
from assets.scene import Scene
from assets.signal import Signal

from .work.runner import InlineRunner, Runner, Task


class Session:
    """A scene and the verbs on it.

    `opened(path, assets)` and `saved(path)` tell what went well, `failed(sentence, details)` what did not; a failure
    leaves the scene as it was.
    """

    def __init__(self, runner: Runner | None = None) -> None:
        self.scene = Scene()
        self.history = History()
        self.runner: Runner = runner or InlineRunner()
        self.opened = Signal()
        self.saved = Signal()
        self.failed = Signal()
        self._opening: list[Task] = []
        self._preparing: dict[Asset, Task] = {}
        self._saved_versions: weakref.WeakKeyDictionary[Asset, int] = weakref.WeakKeyDictionary()
        self.scene.added.connect(self._prepare)
        self.scene.removed.connect(self._stop_preparing)
        self.scene.changed.connect(self._on_changed)

    @property
    def opening(self) -> bool:
        """Whether files are on their way."""
        return any(not task.over for task in self._opening)

    @property
    def preparing(self) -> bool:
        """Whether something is still being made for drawing."""
        return any(not task.over for task in self._preparing.values())

    @property
    def unsaved(self) -> list[Asset]:
        """The assets that were shaped otherwise since they were opened or saved; looks and visibility don't count."""
        versions = self.history.versions()
        return [asset for asset in self.scene if versions.get(asset, 0) != self._saved_versions.get(asset, 0)]

    def open(self, paths: Iterable[str | Path], decoder: Path | None = None) -> list[Task]:
        """Opens each file on its own: a bad one does not keep the others from coming."""
        tasks = [self._open_task(Path(path), decoder) for path in paths]
        self._opening = [task for task in self._opening if not task.over] + tasks
        return [self.runner.start(task) for task in tasks]

    def do(self, edit: Edit) -> bool:
        """Makes a change that can be taken back. Returns whether it was possible; where not, all is as before."""
        return self._try(lambda: self.history.do(edit))

    def undo(self) -> bool:
        """Takes the last change back. Returns whether there was one and it was possible."""
        return self._try(self.history.undo)

    def redo(self) -> bool:
        """Makes the change again that was taken back last. Returns whether there was one and it was possible."""
        return self._try(self.history.redo)

    def go_to(self, index: int) -> bool:
        """Goes back or forth in the history until `index` changes are made. Returns whether that was possible."""
        return self._try(lambda: self.history.go_to(index))

    def add(self, asset: Asset, name: str = "Add") -> None:
        """Adds an asset that was made here rather than opened, and makes it the active one."""
        self.do(AddEdit(self.scene, asset, name))

    def remove(self, asset: Asset) -> None:
        """Closes the asset."""
        self.do(RemoveEdit(self.scene, asset))

    def clear(self) -> None:
        """Closes everything."""
        with self.history.group("Close all", f"{len(self.scene)} assets" if len(self.scene) > 1 else ""):
            for asset in self.scene:
                self.remove(asset)

    def activate(self, asset: Asset | None) -> None:
        """Makes `asset` the one that the inspector shows."""
        self.scene.activate(asset)

    def rename(self, asset: Asset, name: str) -> None:
        """Gives the asset another name. An empty one fails."""
        name = name.strip()
        if not name:
            self.failed.emit("An asset needs a name.", "")
        elif name != asset.name:
            self.do(NameEdit(asset, name))

    def set_visible(self, asset: Asset, visible: bool) -> None:
        """Shows or hides the asset."""
        if visible != asset.visible:
            self.do(VisibleEdit(asset, visible))

    def show_only(self, asset: Asset) -> None:
        """Hides all others."""
        with self.history.group("Show only", asset.name):
            for other in self.scene:
                self.set_visible(other, other is asset)

    def show_all(self) -> None:
        """Shows every asset."""
        with self.history.group("Show all"):
            for asset in self.scene:
                self.set_visible(asset, True)

    def set_display(self, asset: Asset, name: str, value: Any) -> bool:
        """Sets how the asset is shown. Returns whether the value was possible."""
        try:
            edit = DisplayEdit(asset, name, value)
        except (BadInput, ValueError, TypeError) as error:
            self.failed.emit(str(error), "")
            return False
        return edit.after == edit.before or self.do(edit)

    def reset_display(self, asset: Asset) -> None:
        """Shows the asset as when it was opened."""
        with self.history.group("Reset display", asset.name):
            for entry in type(asset.display).settings():
                self.set_display(asset, entry.name, entry.default)

    def save(
        self,
        asset: Asset,
        path: Path,
        target: str | None = None,
        options: dict[str, Any] | None = None,
        conversion_options: dict[str, Any] | None = None,
    ) -> Task:
        """Saves the asset, as another kind where `target` names one."""
        version = self.history.versions().get(asset, 0)
        return self.runner.start(
            Task(
                title=f"Saving {path.name}",
                function="viewer.exporting:export",
                arguments=(asset, path, target or asset.kind, options or {}, conversion_options or {}),
                lane="files" if target in (None, asset.kind) else "making",
                on_result=lambda _: self._on_saved(asset, version, path),
                on_failure=self._fail,
            )
        )

    def _open_task(self, path: Path, decoder: Path | None) -> Task:
        return Task(
            title=f"Opening {path.name}",
            function="assets.formats:open_path",
            arguments=(path, ReadOptions(decoder=decoder)),
            on_result=lambda assets: self._take(path, assets),
            on_failure=self._fail,
        )

    def _take(self, path: Path, assets: list[Asset]) -> None:
        for asset in assets:
            self.scene.add(asset)
        if assets:
            self.scene.activate(assets[0])
        self.opened.emit(path, assets)

    def _on_saved(self, asset: Asset, version: int, path: Path) -> None:
        self._saved_versions[asset] = version
        self.saved.emit(path)

    def _on_changed(self, asset: Asset, part: str) -> None:
        if part == "data":
            # What is on its way was made from other data.
            self._stop_preparing(asset)
            self._prepare(asset)

    def _stop_preparing(self, asset: Asset) -> None:
        task = self._preparing.pop(asset, None)
        if task is not None:
            self.runner.cancel(task)

    def _prepare(self, asset: Asset) -> None:
        """Begins to make what drawing the asset needs, where it is missing and not on its way."""
        task = self._preparing.get(asset)
        if asset.preparation() is None or (task is not None and not task.over):
            return
        task = Task(
            title=f"Preparing {asset.name}",
            function="assets.preparation:prepare",
            arguments=(asset,),
            lane="making",
            on_partial=asset.accept,
            on_failure=self._fail,
        )
        self._preparing[asset] = task
        self.runner.start(task)

    def _try(self, change: Callable[[], Any]) -> bool:
        """Makes a change. One that is impossible is told, and returns False as one that says so."""
        try:
            return change() is not False
        except TriptychError as error:
            self.failed.emit(str(error), "")
            return False

    def _fail(self, error: TriptychError, details: str) -> None:
        self.failed.emit(str(error), details)
