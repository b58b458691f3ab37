"""Makes the pictures of planes between two events, and keeps those that were looked at last."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from assets.fields.plane_images import pictures, texels
from assets.triplane import Triplane

from ..planes import Wanted

SLICE_SECONDS = 0.008
KEPT = 16
"""Sets of pictures that are kept."""

Made = list[QImage | None]


class PlanePictures(QObject):
    """The pictures of the planes that are wanted. `ready()` is emitted when all of them are there."""

    ready = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._kept: dict[tuple, Made] = {}
        self._shown: Made = []
        self._key: tuple = ()
        self._steps: Generator | None = None
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._work)

    @property
    def complete(self) -> bool:
        """Whether the pictures that are wanted are there."""
        return self._steps is None

    def picture(self, number: int) -> QImage | None:
        """The picture of a plane; while others are made, what was there before."""
        return self._shown[number] if number < len(self._shown) else None

    def want(self, wanted: Wanted) -> None:
        """Shows these pictures, at once where they are known."""
        key = wanted.key
        if key == self._key:
            return
        if key[1] != self._key[1:2]:
            same_planes = len(self._key) > 1 and key[:2] == self._key[:2]
            self._shown = self._shown if same_planes else []
        self._key = key
        if key in self._kept:
            self._steps, self._shown = None, self._kept[key]
            self.ready.emit()
            return
        self._steps = _make(wanted)
        self._timer.start()

    def forget_others(self, asset: Triplane | None) -> None:
        """Keeps only the pictures of `asset`: the number that stands for the others' tensors may come again."""
        kept = id(asset.tensors) if asset is not None else None
        self._kept = {key: made for key, made in self._kept.items() if key[0] == kept}
        if self._key and self._key[0] != kept:
            self._key, self._shown, self._steps = (), [], None

    def _work(self) -> None:
        end = time.perf_counter() + SLICE_SECONDS
        while self._steps is not None:
            try:
                next(self._steps)
            except StopIteration as done:
                self._steps, self._shown = None, done.value
                self._kept[self._key] = done.value
                while len(self._kept) > KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self.ready.emit()
                return
            if time.perf_counter() >= end:
                self._timer.start()
                return


def _make(wanted: Wanted) -> Generator[Any, None, Made]:
    """A job that makes the pictures; planes with different numbers of channels are coloured apart."""
    tensors = wanted.asset.tensors
    features = [texels(tensors, plane, cut) for plane, cut in zip(wanted.planes, wanted.cuts, strict=True)]
    made: Made = [None] * len(features)
    for width in dict.fromkeys(len(entry) for entry in features):
        numbers = [number for number, entry in enumerate(features) if len(entry) == width]
        job = pictures([features[number] for number in numbers], wanted.kind, wanted.channel)
        for number, picture in zip(numbers, (yield from job), strict=True):
            made[number] = _image(picture)
    return made


def _image(picture: np.ndarray) -> QImage:
    """(H,W) or (H,W,3) u8 as an image of its own."""
    picture = np.ascontiguousarray(picture)
    form = QImage.Format.Format_Grayscale8 if picture.ndim == 2 else QImage.Format.Format_RGB888
    return QImage(picture.data, picture.shape[1], picture.shape[0], picture.strides[0], form).copy()
