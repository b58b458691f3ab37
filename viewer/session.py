"""What is open, and the verbs that change it. No Qt: tests and scripts drive the same session as the window.

Every change of an asset goes through here, so one place knows of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from assets.asset import Asset
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
        self.runner: Runner = runner or InlineRunner()
        self.opened = Signal()
        self.saved = Signal()
        self.failed = Signal()
        self._opening: list[Task] = []
        self._preparing: dict[Asset, Task] = {}

    @property
    def opening(self) -> bool:
        """Whether files are on their way."""
        return any(not task.over for task in self._opening)

    @property
    def preparing(self) -> bool:
        """Whether something is still being made for drawing."""
        return any(not task.over for task in self._preparing.values())

    def open(self, paths: Iterable[str | Path], decoder: Path | None = None) -> list[Task]:
        """Opens each file on its own: a bad one does not keep the others from coming."""
        tasks = [self._open_task(Path(path), decoder) for path in paths]
        self._opening = [task for task in self._opening if not task.over] + tasks
        return [self.runner.start(task) for task in tasks]

    def remove(self, asset: Asset) -> None:
        """Closes the asset."""
        task = self._preparing.pop(asset, None)
        if task is not None:
            self.runner.cancel(task)
        self.scene.remove(asset)

    def clear(self) -> None:
        """Closes everything."""
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
            asset.set_name(name)

    def set_visible(self, asset: Asset, visible: bool) -> None:
        """Shows or hides the asset."""
        if visible != asset.visible:
            asset.set_visible(visible)

    def show_only(self, asset: Asset) -> None:
        """Hides all others."""
        for other in self.scene:
            self.set_visible(other, other is asset)

    def show_all(self) -> None:
        """Shows every asset."""
        for asset in self.scene:
            self.set_visible(asset, True)

    def set_display(self, asset: Asset, name: str, value: Any) -> bool:
        """Sets how the asset is shown. Returns whether the value was possible."""
        try:
            asset.set_display(name, value)
        except (BadInput, ValueError, TypeError) as error:
            self.failed.emit(str(error), "")
            return False
        return True

    def reset_display(self, asset: Asset) -> None:
        """Shows the asset as when it was opened."""
        for entry in type(asset.display).settings():
            asset.set_display(entry.name, entry.default)

    def save(
        self,
        asset: Asset,
        path: Path,
        target: str | None = None,
        options: dict[str, Any] | None = None,
        conversion_options: dict[str, Any] | None = None,
    ) -> Task:
        """Saves the asset, as another kind where `target` names one."""
        return self.runner.start(
            Task(
                title=f"Saving {path.name}",
                function="viewer.exporting:export",
                arguments=(asset, path, target or asset.kind, options or {}, conversion_options or {}),
                lane="files" if target in (None, asset.kind) else "making",
                on_result=lambda _: self.saved.emit(path),
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
            self._prepare(asset)
        if assets:
            self.scene.activate(assets[0])
        self.opened.emit(path, assets)

    def _prepare(self, asset: Asset) -> None:
        if asset.preparation() is None:
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

    def _fail(self, error: TriptychError, details: str) -> None:
        self.failed.emit(str(error), details)
