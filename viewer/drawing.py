"""When to draw what: less while something changes, everything once it rests, never long at a time. No Qt.

The viewport calls `tick` whenever it has time; a tick does one slice of work and says when the next one is due. While
the camera moves, each picture is drawn with what the budget allows and is finished even when the next movement has
come already (or nothing would ever be seen). At rest follow the full picture, the ghost behind it where one is asked
for, and then, where there are edges to smooth, one of several samples; the first movement drops these.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from assets.scene import Scene
from renderers.camera import Camera
from renderers.renderer import Quality

STILL_SECONDS = 0.12
"""Rest after which the full picture is begun."""
SLICE_SECONDS = 0.008
"""Work of one tick on a picture at rest or an upload; the event loop runs between ticks."""
MOVING_SLICE_SECONDS = 0.014
REFINED = Quality(samples=8)


class Level(IntEnum):
    """How good a picture is."""

    MOVING = 0
    FULL = 1
    REFINED = 2
    GHOST = 3


@dataclass
class _Picture:
    """A picture in the making."""

    change: int
    quality: Quality
    level: Level
    seconds: float = 0.0


@dataclass(frozen=True)
class Tick:
    """What a tick came to: whether a new picture can be shown, and in how many seconds to tick again (None: when
    something changes)."""

    fresh: bool
    again: float | None


class Drawing:
    """Drives a frame. `budget.quality` is what a moving picture may cost, `budget.observe(ms)` hears what it did."""

    def __init__(self, frame: Any, scene: Scene, budget: Any, clock: Callable[[], float] = time.perf_counter) -> None:
        self._frame, self._scene, self._budget, self._clock = frame, scene, budget, clock
        self._change, self._changed_at, self._moving = 1, clock(), False
        self._synced = self._uploaded = self._reloaded = False
        self._picture: _Picture | None = None
        self._shown: _Picture | None = None
        self.milliseconds = 0.0
        """What the last picture took."""

    @property
    def complete(self) -> bool:
        """Whether the best picture of the present state is shown."""
        return self._synced and self._current and self._shown.level >= self._best

    @property
    def shown_full(self) -> bool:
        """Whether what is shown leaves nothing out."""
        return self._shown is not None and (self._shown.level >= Level.FULL or self._shown.quality.full)

    def move(self) -> None:
        """The camera or a value under the hand changed: answer at once, with less."""
        self._note(True)

    def reshape(self) -> None:
        """What an asset wears changed under the hand: there is a little to upload, and to answer at once, with less."""
        self._synced = False
        self._note(True)

    def refresh(self) -> None:
        """Something else about the picture changed, once: draw it again."""
        self._note(False)

    def reload(self) -> None:
        """The scene changed: there may be something to upload. What changes again so soon is under the hand."""
        self._synced, self._reloaded = False, True
        self._note(self._clock() - self._changed_at < STILL_SECONDS)

    def tick(self, camera: Camera, settings: Any) -> Tick:
        """One slice of work."""
        # A picture of what is taken away would be lost, and with a slider of frames under the hand every one.
        finishing = self._reloaded and self._picture is not None
        if not self._synced and not self._uploaded and not finishing:
            self._reloaded = False
            began = self._clock()
            self._synced = self._frame.sync(self._scene, SLICE_SECONDS)
            if self._synced:
                self._note(self._moving)
            if self._clock() - began > SLICE_SECONDS / 4:
                # Uploads and drawing take turns: together they would be two slices long.
                self._uploaded = True
                return Tick(False, 0.0)
        self._uploaded = False
        if self._picture is None and not self._begin(camera, settings):
            return self._rest()
        return self._work()

    @property
    def _current(self) -> bool:
        return self._shown is not None and self._shown.change == self._change

    @property
    def _best(self) -> Level:
        return Level.REFINED if self._frame.refines(self._scene) else Level.FULL

    @property
    def _resting(self) -> bool:
        return not self._moving or self._clock() - self._changed_at >= STILL_SECONDS

    def _note(self, moving: bool) -> None:
        self._change += 1
        self._moving, self._changed_at = moving, self._clock()
        if self._picture is not None and self._picture.level > Level.MOVING:
            self._picture = None

    def _begin(self, camera: Camera, settings: Any) -> bool:
        """Begins the picture that is due. Returns whether there is one."""
        if not self._current:
            level = Level.FULL if self._resting and self._synced else Level.MOVING
        elif self._wants_ghost(camera, settings):
            self._picture = _Picture(self._change, Quality(), Level.GHOST)
            self._frame.begin_ghost(self._scene, camera, settings)
            return True
        elif self._resting and self._synced and self._shown.level < self._best:
            level = Level(self._shown.level + 1)
        else:
            return False
        quality = (self._budget.quality, Quality(), REFINED)[level]
        self._picture = _Picture(self._change, quality, level)
        self._frame.begin(self._scene, camera, settings, quality)
        return True

    def _wants_ghost(self, camera: Any, settings: Any) -> bool:
        resting = self._resting and self._synced and self._shown.level >= Level.FULL
        return resting and self._frame.lacks_ghost(self._scene, camera, settings)

    def _work(self) -> Tick:
        picture = self._picture
        began = self._clock()
        done = self._frame.step(MOVING_SLICE_SECONDS if picture.level is Level.MOVING else SLICE_SECONDS)
        picture.seconds += self._clock() - began
        if done and picture.level is Level.GHOST:
            self._picture = None
        elif done:
            self._picture, self._shown = None, picture
            if picture.level < Level.REFINED:
                self.milliseconds = picture.seconds * 1000
            if picture.level is Level.MOVING:
                self._budget.observe(self.milliseconds)
        return Tick(done, 0.0)

    def _rest(self) -> Tick:
        if not self._synced:
            return Tick(False, 0.0)
        if self._shown.level >= self._best:
            return Tick(False, None)
        return Tick(False, max(0.0, STILL_SECONDS - (self._clock() - self._changed_at)))
