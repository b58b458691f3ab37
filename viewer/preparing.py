"""Makes what drawing the assets of a scene needs, anew where the data or the shown time change. No Qt.

While a slider of time is pulled, a preparation that has shown nothing yet is let go on to its first piece, so that the
picture follows the hand; one that has is given up for the newest time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.asset import Asset
from assets.errors import TriptychError
from assets.scene import Scene

from .work.runner import Runner, Task

Eye = Callable[[], "np.ndarray | None"]


@dataclass
class _Underway:
    """A preparation: for which time it is, and whether a piece of it has arrived."""

    task: Task
    moment: float
    delivers: bool = False


class Preparing:
    """Keeps the assets of `scene` prepared. eye: from where they are seen, (3,) in the world, or None."""

    def __init__(self, scene: Scene, runner: Runner, fail: Callable[[TriptychError, str], None]) -> None:
        self.eye: Eye = lambda: None
        self._runner, self._fail = runner, fail
        self._underway: dict[Asset, _Underway] = {}
        self._held: list[Asset] | None = None
        scene.added.connect(self.start)
        scene.removed.connect(self.stop)
        scene.changed.connect(self._follow)

    @property
    def busy(self) -> bool:
        """Whether something is still being made."""
        return any(not one.task.over for one in self._underway.values())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Starts what its block would start at its end, when the view has turned to what is new."""
        self._held, held = [], None
        try:
            yield
        finally:
            held, self._held = self._held, None
            for asset in held:
                self.start(asset)

    def start(self, asset: Asset) -> None:
        """Begins to make what drawing the asset needs, where it is missing and not on its way."""
        if self._held is not None:
            self._held.append(asset)
            return
        known = self._underway.get(asset)
        if asset.preparation() is None or (known is not None and not known.task.over):
            return
        task = Task(
            title=f"Preparing {asset.name}",
            function="assets.preparation:prepare",
            arguments=(asset.to_prepare(), self._eye_of(asset)),
            lane="making",
            on_failure=self._fail,
        )
        one = _Underway(task, asset.moment())
        task.on_partial = lambda value: self._take(asset, one, value)
        self._underway[asset] = one
        self._runner.start(task)

    def stop(self, asset: Asset) -> None:
        """Nothing that is on its way for the asset arrives any more."""
        if self._held is not None and asset in self._held:
            self._held.remove(asset)
        one = self._underway.pop(asset, None)
        if one is not None:
            self._runner.cancel(one.task)

    def _follow(self, asset: Asset, part: str) -> None:
        if part == "data":
            # What is on its way was made from other data.
            self.stop(asset)
            self.start(asset)
        elif part == "display":
            one = self._underway.get(asset)
            if one is None or one.task.over:
                self.start(asset)
            elif one.delivers:
                self._catch_up(asset, one)

    def _take(self, asset: Asset, one: _Underway, value: Any) -> None:
        one.delivers = True
        asset.accept(value)
        self._catch_up(asset, one)

    def _catch_up(self, asset: Asset, one: _Underway) -> None:
        """Begins again where another time is shown than the one on its way."""
        if asset.moment() != one.moment and self._underway.get(asset) is one:
            self.stop(asset)
            self.start(asset)

    def _eye_of(self, asset: Asset) -> np.ndarray | None:
        """The eye in the asset's own frame."""
        eye = self.eye()
        if eye is None or abs(np.linalg.det(asset.transform[:3, :3])) < 1e-300:
            return None
        return np.linalg.solve(asset.transform[:3, :3], np.asarray(eye, np.float64) - asset.transform[:3, 3])
