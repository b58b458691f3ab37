"""How the rays of a picture run through a field, and where the family's step rule puts samples on them.

From where a ray enters the family's box to where it leaves it there are as many bins as the family says. The matter of
a bent field may lie outside: bins go on there, before and behind, of the same length, except that rays that graze the
box, or miss it, take its shortest side for the chord. Bins are counted from the entry on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..camera import Camera

if TYPE_CHECKING:
    import torch

    from .triplane import _Sampler


@dataclass
class Rays:
    """The rays that are marched, in the asset's frame. anchor (n,3): where bin 0 begins; direction (n,3); bin, outer
    (n,): lengths of bins in and outside of the box, in lengths of the direction; inner (n,): how many there are inside;
    first (n,): the first that is sampled; count (n,): bins from there on, not always whole, in front of the limit;
    start, along (n,): depth along the viewing axis of the anchor, and of the direction; speed (n,): the length of the
    direction."""

    anchor: torch.Tensor
    direction: torch.Tensor
    bin: torch.Tensor
    outer: torch.Tensor
    inner: torch.Tensor
    first: torch.Tensor
    count: torch.Tensor
    start: torch.Tensor
    along: torch.Tensor
    speed: torch.Tensor

    def points(self, which: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Samples number `index` (m,k), from `first` on, of the rays `which` (m,): (m,k,3)."""
        way = self._way(which[:, None], self.first[which, None] + index + 0.5)
        return self.anchor[which, None] + self.direction[which, None] * way[..., None]

    def lengths(self, which: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Lengths (m,k) of the bins in the asset's units."""
        number = self.first[which, None] + index
        outside = (number < 0) | (number >= self.inner[which, None])
        return self.speed[which, None] * self.outer[which, None].where(outside, self.bin[which, None])

    def depth(self, number: torch.Tensor) -> torch.Tensor:
        """Depth (n,) at `number` bins behind the first."""
        return self.start + self.along * self._way(slice(None), self.first + number)

    def _way(self, which: torch.Tensor | slice, number: torch.Tensor) -> torch.Tensor:
        """How far the place `number`, counted in bins, is from the anchor."""
        inner = self.inner[which]
        outside = number.clamp_max(0.0) + (number - inner).clamp_min(0.0)
        return outside * self.outer[which] + number.clamp_min(0.0).minimum(inner) * self.bin[which]


def cut_rays(sampler: _Sampler, camera: Camera, limit: np.ndarray | None) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The pixels (n,) of `camera` whose rays cross what is marched far enough, and the fields of `Rays`, as f64."""
    origin, direction = (array.reshape(-1, 3) for array in camera.rays())
    along = direction @ -camera.camera_to_world[:3, 2]
    origin = origin @ sampler.to_local[:3, :3].T + sampler.to_local[:3, 3]
    direction = direction @ sampler.to_local[:3, :3].T
    speed = np.linalg.norm(direction, axis=1)
    direction = np.where(np.abs(direction) < 1e-12, 1e-12, direction)
    nearest = sampler.march.near / speed if camera.ortho_height is None else np.full(len(speed), -np.inf)
    enter, leave = _crossing(sampler.box, origin, direction)
    enter = np.maximum(enter, nearest)
    begin, end = enter, leave
    if sampler.warp is not None:
        begin, end = _crossing(sampler.warp.box, origin, direction)
        begin = np.maximum(begin, nearest)
    pixels = np.flatnonzero((end > begin) & ((end - begin) * speed > sampler.march.min_chord))
    kept = (array[pixels] for array in (origin, direction, along, speed, enter, leave, begin, end))
    origin, direction, along, speed, enter, leave, begin, end = kept
    samples, shortest = sampler.march.samples, (sampler.box[1] - sampler.box[0]).min()
    outer = np.maximum(leave - enter, shortest / speed) / samples
    crossed = leave > enter
    inner, bin_ = np.where(crossed, float(samples), 0.0), np.where(crossed, (leave - enter) / samples, outer)
    anchor = np.where(crossed, enter, np.clip((enter + leave) / 2, begin, end))

    def number(way: np.ndarray) -> np.ndarray:
        inside = np.clip(way - anchor, 0.0, inner * bin_)
        return inside / bin_ + (way - anchor - inside) / outer

    first, last = (np.ceil(number(way) - 0.5) for way in (begin, end))
    start = anchor * along
    count = np.maximum(last - first, 0.0)
    if limit is not None:
        ends = np.minimum(limit.reshape(-1)[pixels].astype(np.float64), 1e30) / along
        count = np.clip(number(ends) - first, 0.0, count)
    at = origin + direction * anchor[:, None]
    return pixels, (at, direction, bin_, outer, inner, first, count, start, along, speed)


def _crossing(box: np.ndarray, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays (n,3) enter and leave a box, (n,) both, in lengths of their direction."""
    sides = (box[:, None] - origin) / direction
    return sides.min(0).max(1), sides.max(0).min(1)
