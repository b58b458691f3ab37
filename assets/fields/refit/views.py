"""How a field looks from around, in small pictures: for a figure of how well one field stands in for another.

Rays are cut and sampled as the family's renderer does it, and as the exact reference does it for a field that a drag
has bent: samples keep the distance that the family's box gives them, in front of the box and behind it too.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...asset import UP_VECTORS
from ...progress import Progress
from ..decoder import Field, bounded_threads

if TYPE_CHECKING:
    import torch

    from ...triplane import Triplane

VIEWS = 8
SIZE = 64
"""Pixels along each side of a view."""

HALF_ANGLE = np.radians(18.0)
ELEVATIONS = np.radians([10.0, 35.0, -10.0, 20.0])
"""Of the views one after the other, again and again."""

BLOCK = 8
"""Samples of a ray that are taken at once."""

ENOUGH = 1e-4
"""Transmittance at which a ray ends."""


class Seen:
    """A triplane as rays see it, bent where it wears a warp. time: for fields that change. Raises BadInput where there
    is no decoder."""

    def __init__(self, triplane: Triplane, device: str | None = None, time: float = 0.0) -> None:
        self.field = Field(triplane, device)
        self.volume = triplane.warp.volume if triplane.warp is not None else None
        self.time = time
        description = triplane.description
        self.march, self.needs_viewdirs = description.march, description.needs_viewdirs
        low, high = np.array(description.space.low), np.array(description.space.high)
        half = (high - low) / 2 * (1.0 - self.march.box_shrink)
        self.box = np.stack([(low + high) / 2 - half, (low + high) / 2 + half])
        """(2,3) f64, within which the family's rays are cut."""

    def values(
        self, points: torch.Tensor, viewdirs: torch.Tensor | None = None, time: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Density (N,) and colour (N,3), None where the field has none, at `points` (N,3) of the asset's frame seen
        along `viewdirs` (N,3). time: (N,) instead of the one that all have."""
        import torch

        points = points.to(self.field.device)
        if self.field.description.needs_time and time is None:
            time = torch.full((len(points),), self.time, device=points.device)
        found = self.field.values(points, viewdirs if self.needs_viewdirs else None, time)
        return found["density"][:, 0].clamp_min(0.0), found.get("rgb")


def views_around(box: np.ndarray, up: str, count: int = VIEWS, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Eyes and unit directions (count·size²,3) f64 of square pictures that hold the `box` (2,3), view after view, in
    rows from the top; `up` is one of UP_VECTORS."""
    middle, radius = box.mean(0), np.linalg.norm(box[1] - box[0]) / 2
    vertical = np.array(UP_VECTORS[up])
    ahead = np.roll(vertical, 1)
    aside = np.cross(vertical, ahead)
    angles = (np.arange(count) + 0.25) * (2 * np.pi / count)
    heights = np.resize(ELEVATIONS, count)
    away = np.cos(heights)[:, None] * (np.cos(angles)[:, None] * ahead + np.sin(angles)[:, None] * aside)
    away += np.sin(heights)[:, None] * vertical
    right = np.cross(vertical, away)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    above = np.cross(away, right)
    steps = ((np.arange(size) + 0.5) / size * 2 - 1) * np.tan(HALF_ANGLE)
    x, y = (each.reshape(-1, 1) for each in np.meshgrid(steps, -steps))
    directions = x * right[:, None] + y * above[:, None] - away[:, None]
    directions = (directions / np.linalg.norm(directions, axis=2, keepdims=True)).reshape(-1, 3)
    return np.repeat(middle + away * radius / np.sin(HALF_ANGLE), size * size, 0), directions


def look(
    seen: Seen, origins: np.ndarray, directions: np.ndarray, text: str = "Looking at the field"
) -> Generator[Progress, None, np.ndarray]:
    """A job that returns what rays from `origins` along unit `directions` (N,3) see: (N,4) f32, premultiplied."""
    picture = np.zeros((len(origins), 4), np.float32)
    rays, arrays = _cut(seen, origins, directions)
    rows = max(1, seen.field.chunk // BLOCK)
    for start in range(0, len(rays), rows):
        part = slice(start, start + rows)
        band = _Band(seen, [array[part] for array in arrays])
        for _ in band.march():
            yield Progress(start, len(rays), text)
        picture[rays[part]] = band.picture()
    return picture


def psnr_per_view(one: np.ndarray, other: np.ndarray, background: tuple[float, ...], count: int = VIEWS) -> list[float]:
    """Peak signal-to-noise ratios in dB of the pictures (count·size²,4) of `look`, view by view, on a background."""
    error = one[:, :3] - other[:, :3] + np.float32(background) * (other[:, 3:] - one[:, 3:])
    squares = np.square(error, dtype=np.float64).reshape(count, -1).mean(1)
    return [float(value) for value in -10 * np.log10(np.maximum(squares, 1e-12))]


class _Band:
    """Some rays, as the arrays of `_Rays`."""

    def __init__(self, seen: Seen, arrays: list[np.ndarray]) -> None:
        import torch

        self.seen = seen
        self.rays = _Rays(*(torch.tensor(a, dtype=torch.float32, device=seen.field.device) for a in arrays))
        self.through = torch.ones_like(self.rays.count)
        self.color = torch.zeros_like(self.rays.anchor)

    def march(self) -> Generator[None, None, None]:
        """Composites block after block of samples."""
        import torch

        samples = int(self.rays.count.max())
        for begin in range(0, samples, BLOCK):
            going = torch.nonzero((self.through > ENOUGH) & (self.rays.count > begin))[:, 0]
            if not len(going):
                return
            with bounded_threads():
                self._composite(going, torch.arange(begin, min(begin + BLOCK, samples), device=going.device))
            yield

    def _composite(self, going: torch.Tensor, index: torch.Tensor) -> None:
        """Takes the samples `index` (k,) of the rays `going` (m,)."""
        import torch

        march, points = self.seen.march, self.rays.places(going, index)
        directions = self.rays.direction[going, None].expand_as(points).reshape(-1, 3)
        density, color = self.seen.values(points.reshape(-1, 3), directions)
        steps = 1 / march.samples if march.step == "normalised" else self.rays.lengths(going, index)
        thickness = density.reshape(points.shape[:2]) * steps * (index < self.rays.count[going, None])
        through = self.through[going, None]
        after = through * torch.exp(-thickness.cumsum(1))
        weights = torch.cat([through, after[:, :-1]], 1) - after
        if color is not None:
            self.color[going] += (weights[..., None] * color.reshape(points.shape)).sum(1)
        self.through[going] = after[:, -1]

    def picture(self) -> np.ndarray:
        """(n,4) f32, premultiplied."""
        import torch

        return torch.cat([self.color, 1.0 - self.through[:, None]], 1).cpu().numpy()


@dataclass
class _Rays:
    """Of rays that cross what is marched, directions (n,3). anchor (n,3): where bin 0 begins. bin, outer (n,): lengths
    of bins in and outside of the family's box; inner (n,): how many there are inside; first, count (n,): the first that
    is sampled, and how many are."""

    direction: torch.Tensor
    anchor: torch.Tensor
    bin: torch.Tensor
    outer: torch.Tensor
    inner: torch.Tensor
    first: torch.Tensor
    count: torch.Tensor

    def places(self, rays: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Samples number `index` (k,), from `first` on, of `rays` (m,): (m,k,3)."""
        number = self.first[rays, None] + index + 0.5
        inside = number.clamp_min(0.0).minimum(self.inner[rays, None])
        way = inside * self.bin[rays, None] + (number - inside) * self.outer[rays, None]
        return self.anchor[rays, None] + self.direction[rays, None] * way[..., None]

    def lengths(self, rays: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Lengths (m,k) of the bins of those samples."""
        number = self.first[rays, None] + index
        inside = (number >= 0) & (number < self.inner[rays, None])
        return self.bin[rays, None].where(inside, self.outer[rays, None])


def _cut(seen: Seen, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The rays (n,) that cross the field far enough, and the arrays of `_Rays` for them."""
    march = seen.march
    enter, leave = _crossing(seen.box, origins, directions)
    enter = np.maximum(enter, march.near)
    begin, end = enter, leave
    if seen.volume is not None:
        begin, end = _crossing(seen.volume.box, origins, directions)
        begin = np.maximum(begin, march.near)
    rays = np.flatnonzero(end - begin > march.min_chord)
    origins, directions = origins[rays], directions[rays]
    enter, leave, begin, end = (array[rays] for array in (enter, leave, begin, end))
    crossed = leave > enter
    # Rays that graze the family's box, or miss it, take its shortest side for the chord outside of it.
    outer = np.maximum(leave - enter, (seen.box[1] - seen.box[0]).min()) / march.samples
    bins, inner = np.where(crossed, (leave - enter) / march.samples, outer), np.where(crossed, march.samples, 0)
    zero = np.where(crossed, enter, np.clip((enter + leave) / 2, begin, end))
    ends = []
    for way in (begin - zero, end - zero):
        inside = np.clip(way, 0.0, inner * bins)
        ends.append(np.ceil(inside / bins + (way - inside) / outer - 0.5))
    count = np.maximum(ends[1] - ends[0], 0.0)
    return rays, (directions, origins + directions * zero[:, None], bins, outer, inner, ends[0], count)


def _crossing(box: np.ndarray, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays enter and leave a box, (n,) both."""
    sides = (box[:, None] - origins) / np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    return sides.min(0).max(1), sides.max(0).min(1)
