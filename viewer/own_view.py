"""The view that the window chooses itself: all of the scene, until somebody moves the camera. No Qt."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np

from assets.asset import Asset
from assets.scene import Scene
from renderers.framing import common_up

from .navigation import Navigator, Pose
from .settings import Settings


class OwnView:
    """Fits the camera to what is opened. `size()` is that of the viewport in device pixels."""

    def __init__(
        self, scene: Scene, navigator: Navigator, settings: Settings, size: Callable[[], tuple[int, int]]
    ) -> None:
        self._scene, self._navigator, self._settings, self._size = scene, navigator, settings, size
        self._pose: Pose | None = None
        self._fitted: np.ndarray | None = None
        self._ups: weakref.WeakKeyDictionary[Asset, str | None] = weakref.WeakKeyDictionary()
        scene.added.connect(self._note_up)
        scene.changed.connect(self._on_changed)

    def take_in(self, opened: list[Asset]) -> None:
        """Looks at everything, where these are the first assets or nobody has chosen another view."""
        if opened and (self._untouched or len(self._scene) == len(opened)):
            self._fit()
        elif opened:
            self._navigator.note_extent(self._scene.bounds())

    @property
    def _untouched(self) -> bool:
        return self._navigator.pose is self._pose

    def _fit(self) -> None:
        if self._settings.up == "auto":
            self._navigator.up_axis = common_up(self._scene)
        self._fitted = self._scene.seen_bounds()
        self._navigator.look_at_all(self._fitted, self._size())
        self._pose = self._navigator.pose

    def _note_up(self, asset: Asset) -> None:
        self._ups[asset] = asset.world_up()

    def _on_changed(self, asset: Asset, part: str) -> None:
        if part == "data" and self._ups.get(asset) != asset.world_up():
            # Somebody has said what is up.
            self._note_up(asset)
            if self._settings.up == "auto":
                self._navigator.set_up(common_up(self._scene))
        if part in ("warp", "data"):
            # Somebody shapes what is there: the view stays under the hand.
            self._pose = None
        # A field shows only when it is baked where in its box there is something.
        if part == "prepared" and self._untouched and not np.array_equal(self._fitted, self._scene.seen_bounds()):
            self._fit()
