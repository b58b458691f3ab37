"""What is open, and the verbs that change it. No Qt: tests and scripts drive the same session as the window.

Every change of an asset goes through here and, as an edit, through the history, so that it can be taken back. What is
opened is no edit.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from assets.asset import Asset
from assets.edits.attributes import DisplayEdit, NameEdit, VisibleEdit
from assets.edits.description import DecoderEdit, edit_property
from assets.edits.edit import Edit
from assets.edits.history import History
from assets.edits.scene import AddEdit, RemoveEdit
from assets.errors import BadFile, BadInput, TriptychError
from assets.fields.adjusting.adjust import decoded_like
from assets.files.series import gathered
from assets.formats import ReadOptions
from assets.scene import Scene
from assets.signal import Signal
from assets.triplane import Triplane

from .cursor import Cursor
from .preparing import Preparing
from .work.runner import InlineRunner, Runner, Task


class Session:
    """A scene and the verbs on it.

    `opened(path, assets)` and `saved(path)` tell what went well, `failed(sentence, details)` what did not; a failure
    leaves the scene as it was. `decoded(asset, path, asked)` tells that planes are read with the decoder in a file,
    because somebody asked for it or on our own. cursor: the 3D cursor. preparations: what drawing the assets needs.
    """

    def __init__(self, runner: Runner | None = None) -> None:
        self.scene = Scene()
        self.history = History()
        self.runner: Runner = runner or InlineRunner()
        self.opened = Signal()
        self.saved = Signal()
        self.failed = Signal()
        self.decoded = Signal()
        self.cursor = Cursor()
        self._origins: weakref.WeakKeyDictionary[Asset, tuple[Path, int]] = weakref.WeakKeyDictionary()
        self._opening: list[Task] = []
        self._unopened: list[tuple[Path, TriptychError, str]] = []
        self._saved_versions: weakref.WeakKeyDictionary[Asset, int] = weakref.WeakKeyDictionary()
        self.preparations = Preparing(self.scene, self.runner, self._fail)

    @property
    def opening(self) -> bool:
        """Whether files are on their way."""
        return any(not task.over for task in self._opening)

    @property
    def preparing(self) -> bool:
        """Whether something is still being made for drawing."""
        return self.preparations.busy

    @property
    def unsaved(self) -> list[Asset]:
        """The assets that were shaped otherwise since they were opened or saved; looks and visibility don't count."""
        versions = self.history.versions()
        return [asset for asset in self.scene if versions.get(asset, 0) != self._saved_versions.get(asset, 0)]

    def open(self, paths: Iterable[str | Path], options: ReadOptions | None = None) -> list[Task]:
        """Opens each file on its own: a bad one does not keep the others from coming. Those of a numbered series of
        splats are one asset, which changes over time."""
        options = options or ReadOptions()
        tasks = [self._open_task(path, replace(options, frames=frames)) for path, frames in gathered(paths)]
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
                self.set_display(asset, entry.name, asset.display_default(entry.name))

    def describe(self, asset: Triplane, key: str, value: Any) -> bool:
        """Sets one property of the description (see assets/fields/adjusting). Returns whether that was possible."""
        try:
            edit = edit_property(asset, key, value)
        except BadInput as error:
            self.failed.emit(str(error), "")
            return False
        return edit.after["description"] == asset.description or self.do(edit)

    def give_decoder(
        self,
        asset: Triplane,
        path: Path,
        asked: bool = True,
        on_failure: Callable[[TriptychError, str], None] | None = None,
    ) -> Task | None:
        """Reads the decoder of `asset`, and of what came from the same file without one, from the file `path`.

        asked: it is a change that can be taken back; else it belongs to the opening. on_failure: whom to tell instead
        of all.
        """
        fail = on_failure or self._fail
        planes, _ = self._origins.get(asset, (None, 0))
        if planes is None:
            fail(BadInput(f"{asset.name}: was not read from a file, so no decoder can be read beside it."), "")
            return None
        return self.runner.start(
            Task(
                title=f"Reading {path.name}",
                function="assets.formats:open_path",
                arguments=(planes, ReadOptions(decoder=path)),
                on_result=lambda found: self._decode(planes, path, found, asked, fail),
                on_failure=fail,
            )
        )

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

    def _open_task(self, path: Path, options: ReadOptions) -> Task:
        return Task(
            title=f"Opening {path.name}",
            function="assets.formats:open_path",
            arguments=(path, options),
            on_result=lambda assets: self._take(path, assets, options.decoder),
            on_failure=lambda error, details: self._on_unopened(path, options.decoder, error, details),
        )

    def _take(self, path: Path, assets: list[Asset], decoder: Path | None) -> None:
        with self.preparations.held():
            for number, asset in enumerate(assets):
                self._origins[asset] = (path, number)
                self.scene.add(asset)
            if assets:
                self.scene.activate(assets[0])
            self.opened.emit(path, assets)
        for asset in assets:
            if decoder is not None and isinstance(asset, Triplane) and asset.has_decoder:
                self.decoded.emit(asset, decoder, True)
        self._settle()

    def _on_unopened(self, path: Path, decoder: Path | None, error: TriptychError, details: str) -> None:
        if decoder is None and isinstance(error, BadFile):
            self._unopened.append((path, error, details))
        else:
            self._fail(error, details)
        self._settle()

    def _settle(self) -> None:
        """A file that holds nothing to see may be the decoder that planes lack, also planes which came after it."""
        if self.opening:
            return
        unopened, self._unopened = self._unopened, []
        for path, error, details in unopened:
            active, others = self.scene.active, reversed(list(self.scene))
            lacking = [asset for asset in (active, *others) if isinstance(asset, Triplane) and not asset.has_decoder]
            if lacking:
                tell = partial(self._fail, error, details)
                self.give_decoder(lacking[0], path, on_failure=lambda *_, tell=tell: tell())
            else:
                self._fail(error, details)

    def _decode(
        self, planes: Path, path: Path, found: list[Asset], asked: bool, fail: Callable[[TriptychError, str], None]
    ) -> None:
        """Gives what came from the file `planes` and lacks a decoder the one that `found` was read with."""
        lacking = [asset for asset in self.scene if self._origins.get(asset, ("",))[0] == planes]
        lacking = [asset for asset in lacking if isinstance(asset, Triplane) and not asset.has_decoder]
        try:
            pairs = [(asset, decoded_like(asset, found, self._origins[asset][1], path)) for asset in lacking]
        except BadFile as error:
            fail(error, "")
            return
        edits = [DecoderEdit(asset, decoded, path.name) for asset, decoded in pairs]
        if asked:
            with self.history.group("Decoder", path.name):
                for edit in edits:
                    self.do(edit)
        else:
            for edit in edits:
                edit.apply()
        for asset in lacking:
            self.decoded.emit(asset, path, asked)

    def _on_saved(self, asset: Asset, version: int, path: Path) -> None:
        self._saved_versions[asset] = version
        self.saved.emit(path)

    def _try(self, change: Callable[[], Any]) -> bool:
        """Makes a change. One that is impossible is told, and returns False as one that says so."""
        try:
            return change() is not False
        except TriptychError as error:
            self.failed.emit(str(error), "")
            return False

    def _fail(self, error: TriptychError, details: str) -> None:
        self.failed.emit(str(error), details)
