"""Edits of which assets there are."""

from __future__ import annotations

from typing import ClassVar

from ..asset import Asset
from ..scene import Scene
from .edit import Edit
from .holdings import holdings


class _Presence(Edit):
    """An asset that is in a scene on one side and kept here on the other."""

    def __init__(self, scene: Scene, asset: Asset, name: str) -> None:
        self.scene, self.asset, self.name = scene, asset, name
        self._index: int | None = None
        self._was_active = False
        self._held: dict[int, int] = {}

    @property
    def detail(self) -> str:
        return self.asset.name

    def held(self) -> dict[int, int]:
        """The asset, while it is not in the scene."""
        return self._held

    def _take_out(self) -> None:
        if self.asset in self.scene:
            self._index, self._was_active = self.scene.index(self.asset), self.scene.active is self.asset
            self.scene.remove(self.asset)
        self._held = holdings(self.asset.state())

    def _put_in(self) -> None:
        if self.asset not in self.scene:
            if self._index is None:
                self.scene.add(self.asset)
            else:
                self.scene.insert(self._index, self.asset)
        if self._was_active:
            self.scene.activate(self.asset)
        self._held = {}


class RemoveEdit(_Presence):
    """Closes an asset. Taken back, it is at its place again, and active if it was."""

    kind: ClassVar[str] = "remove"

    def __init__(self, scene: Scene, asset: Asset, name: str = "Close") -> None:
        super().__init__(scene, asset, name)

    def apply(self) -> None:
        self._take_out()

    def revert(self) -> None:
        self._put_in()


class AddEdit(_Presence):
    """Adds an asset that was made here, at the end, and makes it the active one."""

    kind: ClassVar[str] = "add"

    def __init__(self, scene: Scene, asset: Asset, name: str = "Add") -> None:
        super().__init__(scene, asset, name)
        self._was_active = True
        self._active_before: Asset | None = None

    def apply(self) -> None:
        self._active_before = self.scene.active
        self._put_in()

    def revert(self) -> None:
        self._take_out()
        self._was_active = True
        if self._active_before in self.scene:
            self.scene.activate(self._active_before)

    def reshaped(self) -> tuple[Asset, ...]:
        return (self.asset,)
