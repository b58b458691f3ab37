"""Gaussian splats that change over time: one file a frame, read when it is shown.

The asset is always the splats of one frame, so everything that looks at splats looks at a sequence as well. The setting
`time` says which frame is wanted; what is missing of it is a preparation, as the bricks of a field are, and until that
is there the frame before stays. The last few frames are kept.

A sequence is looked at, placed and saved frame by frame; its data are not changed, since they are read again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .asset import Provenance
from .display import Setting, setting
from .errors import BadFile, BadInput
from .files.series import series_name
from .gaussians import Gaussians, GaussiansDisplay
from .progress import Job, Partial, stage

KEPT_BYTES = 512 << 20
"""Main memory for frames that were shown lately."""

_ARRAYS = ("means", "log_scales", "rotations", "logit_opacities", "sh", "extra", "notes", "layout", "order")

Frame = tuple[int, Gaussians]


@dataclass
class GaussianSequenceDisplay(GaussiansDisplay):
    """How a sequence is shown. time: the number of the frame, from 0 on."""

    time: int = setting(0, "Frame", "Which frame of the sequence is shown", low=0, step=1, slider=True)


class GaussianSequence(Gaussians):
    """Splats of several files, `frames`. shown: the number of the frame whose splats are there, −1 for none."""

    display_type = GaussianSequenceDisplay
    fixed = "is a sequence, whose frames cannot be changed; open the file of one frame alone"

    def __init__(self, name: str, frames: tuple[Path, ...], provenance: Provenance | None = None) -> None:
        none = np.zeros((0, 3), np.float32)
        arrays = (none, none, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 1, 3), np.float32))
        super().__init__(name, *arrays, provenance=provenance)
        self.frames = frames
        self.shown = -1
        self._kept: OrderedDict[int, Gaussians] = OrderedDict()
        self._own_warnings = list(self.provenance.warnings)

    @property
    def nbytes(self) -> int:
        others = (splats.nbytes for number, splats in self._kept.items() if number != self.shown)
        return super().nbytes + sum(others)

    def facts(self) -> dict[str, str]:
        file = self.frames[self.shown].name if self.shown >= 0 else "none"
        return super().facts() | {"frames": str(len(self.frames)), "frame": f"{self.display.time} ({file})"}

    def settings(self) -> tuple[Setting, ...]:
        mode, *others = super().settings()
        time = replace(self.display_type.setting("time"), high=len(self.frames) - 1)
        return (mode, time, *(entry for entry in others if entry.name != "time"))

    def set_display(self, name: str, value: Any) -> None:
        if name != "time":
            super().set_display(name, value)
            return
        (entry,) = (entry for entry in self.settings() if entry.name == "time")
        self.display.time = entry.check(value)
        if self.display.time != self.shown and self.display.time in self._kept:
            self._show(self.display.time)
        self.changed.emit(self, "display")

    def set_state(self, state: dict[str, Any]) -> None:
        raise BadInput(f"{self.name}: {self.fixed}.")

    def moment(self) -> float:
        return float(self.display.time)

    def to_prepare(self) -> GaussianSequence:
        light = GaussianSequence(self.name, self.frames)
        light.display = self.display
        return light

    def preparation(self, eye: np.ndarray | None = None) -> Job[None] | None:
        return super().preparation(eye) if self.shown == self.display.time else self._read(self.display.time)

    def accept(self, prepared: np.ndarray | Frame) -> None:
        """Takes the splats of a frame, or the order in which those that are there matter."""
        if not isinstance(prepared, tuple):
            super().accept(prepared)
            return
        number, splats = prepared
        self._keep(number, splats)
        # While a slider is pulled, frames come late; each is shown, so that the picture follows the hand.
        if self.shown != self.display.time:
            self._show(number)

    def _read(self, number: int) -> Job[None]:
        yield Partial((number, (yield from read_frame(self.frames[number]))))

    def _keep(self, number: int, splats: Gaussians) -> None:
        self._kept[number] = splats
        self._kept.move_to_end(number)
        while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)

    def _show(self, number: int) -> None:
        """Becomes the splats of a frame that is kept."""
        splats = self._kept[number]
        self._kept.move_to_end(number)
        for name in _ARRAYS:
            setattr(self, name, getattr(splats, name))
        self.shown = number
        self.highlight = None  # those that were lit up are others now
        self.provenance.warnings = self._own_warnings + splats.provenance.warnings
        self.changed.emit(self, "data")


def read_frame(path: Path) -> Job[Gaussians]:
    """A job that returns the splats in the file of a frame. Raises BadFile."""
    from .formats import open_path

    assets = yield from open_path(path)
    found = next((asset for asset in assets if isinstance(asset, Gaussians)), None)
    if found is None:
        raise BadFile(path, "holds no Gaussian splats, which the other frames of its sequence do")
    return found


def read_sequence(frames: tuple[Path, ...]) -> Job[GaussianSequence]:
    """A job that returns the sequence of these files, at its first frame. Raises BadFile."""
    first = yield from stage(read_frame(frames[0]), 0.0, 1.0)
    provenance = Provenance(format=f"Sequence of {first.provenance.format}")
    provenance.declared, provenance.guessed = dict(first.provenance.declared), dict(first.provenance.guessed)
    sequence = GaussianSequence(series_name(frames), frames, provenance)
    sequence.accept((0, first))
    return sequence
