"""What the panel of planes shows of a triplane, and where the 3D cursor is in it. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.fields.description import Group, Plane
from assets.fields.plane_images import depth_at, levels, planes_of, point_at, texel_at
from assets.fields.probe import bare
from assets.triplane import Triplane

NAMES = {"occupancy_logit": "occupancy logit", "rgb": "colour"}


@dataclass(frozen=True)
class Wanted:
    """The pictures that are to be shown: `planes` of `asset` as `kind`, volumes cut at the shares `cuts`."""

    asset: Triplane
    planes: tuple[Plane, ...]
    kind: str
    channel: int
    cuts: tuple[float, ...]

    @property
    def key(self) -> tuple:
        """What the pictures hang on: an axis that is called otherwise makes no other picture."""
        read = tuple((plane.tensor, plane.index, plane.channels) for plane in self.planes)
        channel = self.channel if self.kind == "channel" else 0
        return id(self.asset.tensors), read, self.kind, channel, self.cuts


class PlaneShow:
    """Which triplane, which of its groups and levels, and how. `group_number` and `level` always exist in the asset."""

    def __init__(self) -> None:
        self.asset: Triplane | None = None
        self.kind, self.channel = "pca", 0
        self.group_number, self.level = 0, 0

    def enter(self, asset: Triplane | None) -> None:
        """Shows another triplane, or the same with other data."""
        self.asset = asset
        if asset is not None:
            self.set_group(self.group_number if self.group_number < len(self.groups) else 0)

    def set_group(self, number: int) -> None:
        """Shows another group, at the same level where it has that."""
        self.group_number = number
        known = levels(self.group)
        self.level = self.level if self.level in known else known[0]

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups."""
        return self.asset.description.groups

    @property
    def group(self) -> Group:
        """The group that is shown."""
        return self.groups[self.group_number]

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The planes that are shown."""
        return planes_of(self.group, self.level)

    @property
    def channels(self) -> int:
        """How many channels the planes have, at the most."""
        return max(self._channels(plane) for plane in self.planes)

    @property
    def time(self) -> float:
        """The time at which the field is shown."""
        return float(getattr(self.asset.display, "time", 0.0))

    def size(self, plane: Plane) -> tuple[int, int]:
        """Rows and columns of a plane; of a volume those of a slice."""
        return tuple(self.asset.tensors[plane.tensor].shape[-2:])

    def caption(self, plane: Plane) -> tuple[str, str]:
        """What stands above a plane, and what more is to be known of it."""
        rows, columns = self.size(plane)
        number = self.planes.index(plane)
        axes = [axis.replace("-", "−") for axis in plane.axes]
        if len(axes) == 1:
            return f"{number}   {axes[0]} →   {columns}", f"A line of {columns} texels along {axes[0]}"
        title = f"{number}   {axes[0]} →  {axes[1]} ↓   {columns} × {rows}"
        tip = f"As stored: {axes[0]} runs to the right, {axes[1]} down; {self._channels(plane)} channels"
        if len(axes) == 3:
            deep = self.asset.tensors[plane.tensor].shape[-3]
            title, tip = f"{title} × {deep}", f"{tip}; the slice at the cursor, of {deep} along {axes[2]}"
        return title, f"{tip}. {plane.tensor}[{plane.index}]"

    def wanted(self, cursor: np.ndarray | None) -> Wanted:
        """The pictures to show while the cursor is there."""
        local = self._local(cursor)
        cuts = []
        for plane in self.planes:
            volume = len(plane.axes) == 3
            deep = self.asset.tensors[plane.tensor].shape[-3] if volume else 1
            share = depth_at(self.asset.description, plane, local) if volume else 0.0
            # The same slice is the same picture.
            cuts.append((min(math.floor(share * deep), deep - 1) + 0.5) / deep)
        return Wanted(self.asset, self.planes, self.kind, self.channel, tuple(cuts))

    def marks(self, cursor: np.ndarray | None) -> list[tuple[float, float] | None]:
        """Where the cursor is in each plane, (column, row); None where it is beside it or there is none."""
        if cursor is None:
            return [None] * len(self.planes)
        found = [self._texel(plane, self._local(cursor)) for plane in self.planes]
        sizes = [self.size(plane) for plane in self.planes]
        inside = [all(-0.5 <= at <= n - 0.5 for at, n in zip(mark, size[::-1], strict=True))
                  for mark, size in zip(found, sizes, strict=True)]  # fmt: skip
        return [mark if there else None for mark, there in zip(found, inside, strict=True)]

    def point_at(
        self, number: int, texel: tuple[float, float], cursor: np.ndarray | None
    ) -> tuple[np.ndarray, float | None]:
        """The world point under a texel of a plane, and the time, None where it stays."""
        plane = self.planes[number]
        description = self.asset.description
        local, time = point_at(description, self.group, plane, self.size(plane), texel, self._local(cursor), self.time)
        if self.asset.warp is not None:
            local = self.asset.warp.volume.moved_place(local)
        matrix = self.asset.transform
        timed = any(axis[-1] == "t" for axis in plane.axes)
        first, last = description.space.time
        return matrix[:3, :3] @ local + matrix[:3, 3], min(max(time, first), last) if timed else None

    def local(self, point: np.ndarray) -> np.ndarray:
        """A world point in the asset's frame."""
        matrix = np.linalg.inv(self.asset.transform)
        return matrix[:3, :3] @ point + matrix[:3, 3]

    def question(self, point: np.ndarray, eye: np.ndarray) -> tuple[Any, ...]:
        """What `probe` takes to say what the field says at a world point, seen from `eye`."""
        way = self.local(point) - self.local(eye)
        length = np.linalg.norm(way)
        return bare(self.asset), self.local(point), way / length if length else np.array([0.0, 0.0, -1.0]), self.time

    def _local(self, cursor: np.ndarray | None) -> np.ndarray:
        """The cursor in the asset's frame, at rest: planes know nothing of a drag; the middle of the box where there
        is none."""
        if cursor is None:
            return self.asset.local_bounds().mean(0)
        local, warp = self.local(cursor), self.asset.warp
        return local if warp is None else warp.volume.rest_places(local[None])[0]

    def _texel(self, plane: Plane, local: np.ndarray) -> tuple[float, float]:
        return texel_at(self.asset.description, self.group, plane, self.size(plane), local, self.time)

    def _channels(self, plane: Plane) -> int:
        return int(self.asset.tensors[plane.tensor].shape[1]) if plane.channels is None else (
            plane.channels[1] - plane.channels[0]
        )  # fmt: skip


def readout(show: PlaneShow, point: np.ndarray, values: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """What is told of a place: label and text, as HTML without its own colours but for a sample of the colour."""
    told = [(name, _number(value)) for name, value in zip("xyz", point, strict=True)]
    if show.asset.description.needs_time:
        told.append(("t", _number(show.time)))
    if not show.asset.has_decoder:
        return [*told, ("", "The decoder of these planes is not known.")]
    for name in ("density", "sdf", "udf", "occupancy_logit", "label"):
        if name in values:
            told.append((NAMES.get(name, name), _value(show, name, values[name])))
    if "rgb" in values:
        levels_ = [round(255 * min(max(float(value), 0.0), 1.0)) for value in values["rgb"]]
        sample = "#" + "".join(f"{value:02x}" for value in levels_)
        told.append(("colour", f"<span style='color:{sample}'>■</span> {' '.join(map(_number, values['rgb']))}"))
    return told


def _value(show: PlaneShow, name: str, value: np.ndarray) -> str:
    if name != "label":
        return _number(value[0])
    labels, index = show.asset.description.labels, int(value[0])
    return f"{index} {labels[index].name}" if index < len(labels) else str(index)


def _number(value: float) -> str:
    text = f"{float(value):.3f}" if abs(value) < 1000 else f"{float(value):.3g}"
    return text.replace("-", "−")
