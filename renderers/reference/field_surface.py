"""The first opaque point along the rays of a few rows of a picture: of a level set, or of labels that are not hidden.

A ray is asked in steps as long as a cell of the grid on which the family finds its mesh; of labels, half a texel.
Where it comes from empty to matter the place is narrowed down on the exact field. Far from the surface a coarse lattice
stands in for the field: a cell counts as far where all around it lies on one side, farther off than it changes nearby.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assets.fields.decoder import bounded_threads
from assets.fields.description import Label, March, Surface
from assets.fields.surface.level_set import LevelSet
from assets.progress import Job

from ..camera import Camera
from .field_lattice import Lattice, finest, lattice_cells
from .field_rays import Rays, cut_rays, make_rays
from .field_sampler import ExactSampler, decoded

if TYPE_CHECKING:
    import torch

BLOCK = 16
"""Samples of a ray that are asked at once."""

STEPS = (64, 512)
"""Least and largest number of steps along the longest side of the box."""

ROUNDS = 8
"""Evaluations of the search for the surface in a step."""

BINS = 64
"""Bins into which the way of a ray through the box is cut; how fine doesn't matter where nothing is bent."""

MARGIN = 1e-5
"""Share of the box by which what is asked lies inside of its sides."""


class Matter:
    """Where a field is matter, as a number that is positive there; and what is seen of it.

    level: where the surface lies, in the units of the shown output; nothing for labels.
    """

    def __init__(self, sampler: ExactSampler, level: float) -> None:
        self.sampler = sampler
        shown, description = sampler.shown, sampler.field.description
        self.time = sampler.triplane.moment()
        self.labels = shown.kind == "labels"
        self.quantity = shown.output.name
        surface = Surface("label") if self.labels else replace(shown.surface, field=self.quantity, level=level)
        self.level, self.above = surface.level, surface.matter == "above"
        self._set = LevelSet(sampler.field, surface, sampler.box, self.time)
        self._lattice: Lattice | None = None
        key = (*description.labels, Label("unknown", (0.0, 0.0, 0.0), hidden=True))
        self._key = sampler.tensor(np.array([label.color for label in key]))
        self._hidden = sampler.tensor(np.array([label.hidden for label in key])) > 0
        fineness = 2 * finest(sampler.triplane) if self.labels else surface.resolution
        self.steps = int(np.clip(fineness, *STEPS))

    def at_rest(self, points: torch.Tensor) -> torch.Tensor:
        """The number at `points` (N,3) of the field at rest: (N,)."""
        if not self.labels:
            return self._set.at(points, closed=False)
        return 1.0 - 2.0 * self.hides(self._set.ask(points)["label"][:, 0])

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """The number at `points` (N,3) where they are now; as little as can be where nothing is."""
        import torch

        rest, there = self.sampler.sources(points)
        which = torch.nonzero(there)[:, 0]
        found = points.new_full((len(points),), -1e-6)
        if self._lattice is not None and len(which):
            far = self._lattice.holds(rest[which])
            found[which[far]] = self._lattice.interpolate(rest[which[far]])[:, 0]
            which = which[~far]
        for start in range(0, len(which), self.sampler.field.chunk):
            part = which[start : start + self.sampler.field.chunk]
            found[part] = self.at_rest(rest[part])
        return found

    def values(self, points: torch.Tensor, directions: torch.Tensor) -> dict[str, torch.Tensor]:
        """`Field.values` at `points` (N,3) where they are now, seen along unit directions (N,3)."""
        import torch

        rest = self.sampler.sources(points)[0]
        if self.sampler.warp is not None:
            directions = self.sampler.warp.turn_back(points, directions)
        chunk = self.sampler.field.chunk
        parts = [
            self._set.ask(rest[start : start + chunk], directions[start : start + chunk])
            for start in range(0, max(1, len(rest)), chunk)
        ]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def hides(self, labels: torch.Tensor) -> torch.Tensor:
        """Which labels (N,) are not drawn: hidden ones, and those of which the key says nothing."""
        return self._hidden[labels.clamp_max(len(self._hidden) - 1)]

    def key_colors(self, labels: torch.Tensor) -> torch.Tensor:
        """The colours (N,3) of labels (N,)."""
        return self._key[labels.clamp_max(len(self._key) - 1)]

    def normals(self, points: torch.Tensor) -> torch.Tensor:
        """Unit normals (N,3) in world space, out of the matter."""
        if not self.labels:
            return self.sampler.slopes(points, lambda places: -self.at_rest(places), 1 / 256)
        low, high = (self.sampler.tensor(side) for side in self.sampler.box)

        def emptiness(places: torch.Tensor) -> torch.Tensor:
            # Labels end with the box, or the sides of it would have no normals.
            there = ((places >= low) & (places <= high)).all(1)
            return -self.at_rest(places).where(there, places.new_tensor(-1.0))

        return self.sampler.slopes(points, emptiness, 1.5 / self.steps)

    def look_from_afar(self, rays: int) -> Job[None]:
        """Asks the lattice, for a picture of so many rays, where it pays."""
        import torch

        cells = lattice_cells(self.sampler.triplane, rays * self.steps)
        if cells is None or (self.labels and cells * 2 < self.steps):
            return
        box = self.sampler.tensor(self.sampler.box)
        values = yield from decoded(lambda points: self.at_rest(points)[:, None], box, cells)
        with bounded_threads():
            volume = values.permute(3, 0, 1, 2)[None]
            most = torch.nn.functional.max_pool3d(volume, 3, stride=1, padding=1)
            least = -torch.nn.functional.max_pool3d(-volume, 3, stride=1, padding=1)
            apart = torch.minimum(most.abs(), least.abs())
            sure = (most * least > 0) & (apart > 0.5 * (most - least) if not self.labels else apart > 0)
            self._lattice = Lattice(values, box, sure[0, 0])


def rays_through(sampler: ExactSampler, camera: Camera, limit: np.ndarray | None) -> tuple[np.ndarray, Rays]:
    """The pixels (n,) whose rays cross the box of a field, or that of its bent matter, and those rays, in bins that are
    the same for every family."""
    family = sampler.march
    rule = March(samples=BINS, min_chord=family.min_chord, near=family.near if family.limits == "box" else 0.0)
    pixels, cut = cut_rays(sampler.place, rule, camera, limit)
    return pixels, make_rays(cut, rule, sampler.place, camera, sampler.tensor)


class SurfaceBand:
    """Some rows of a picture: where their rays meet the surface."""

    def __init__(self, sampler: ExactSampler, matter: Matter, camera: Camera, limit: np.ndarray | None) -> None:
        import torch

        self.sampler, self.matter = sampler, matter
        side = float((sampler.box[1] - sampler.box[0]).max())
        pixels, rays = rays_through(sampler, camera, limit)
        begin, end = rays.first, rays.first + rays.total
        if sampler.warp is not None:
            begin, end = begin - 0.5, end + 0.5
        everyone = torch.arange(len(pixels), device=rays.anchor.device)
        self.pixels, self.rays = pixels, rays
        self.begin = rays.way(everyone, begin[:, None])[:, 0]
        chord = (rays.way(everyone, end[:, None])[:, 0] - self.begin) * rays.speed
        self.begin = self.begin + MARGIN * chord / rays.speed
        self.count = (chord * self.matter.steps / side).ceil().clamp_min(1.0)
        self.step = chord * (1 - 2 * MARGIN) / rays.speed / self.count
        self.way = torch.full_like(rays.count, float("inf"))
        """The way to the surface, infinite where there is none."""
        self.steps = torch.zeros_like(rays.count)

    def march(self) -> Iterator[float]:
        """Looks for the surface, and yields the share that is done."""
        import torch

        most = int(self.count.max().item()) + 1 if len(self.pixels) else 0
        going = torch.arange(len(self.pixels), device=self.way.device)
        before = torch.full_like(self.way, -1.0)
        for start in range(0, most, BLOCK):
            reached = self.begin[going] + start * self.step[going]
            waiting = torch.isinf(self.way[going]) & (self.count[going] >= start) & (reached < self.rays.limit[going])
            going = going[waiting]
            if not len(going):
                break
            with bounded_threads():
                self._look(going, torch.arange(start, min(start + BLOCK, most), device=going.device), before)
            yield (start + BLOCK) / most

    def _look(self, going: torch.Tensor, index: torch.Tensor, before: torch.Tensor) -> None:
        """Asks at the samples `index` (k,) of the rays `going` (m,); before (n,): the number at the last one."""
        import torch

        way = self.begin[going, None] + index * self.step[going, None]
        value = self.matter.at(self.rays.at(going, way).reshape(-1, 3)).reshape(way.shape)
        real = index <= self.count[going, None]
        inside = (value > 0) & real
        hit = inside.any(1)
        first = inside.long().argmax(1)
        self.steps[going] += torch.where(hit, first + 1, real.sum(1))
        which, at = going[hit], first[hit]
        previous = torch.cat([before[going, None], value[:, :-1]], 1)[hit].gather(1, at[:, None])[:, 0]
        found = way[hit].gather(1, at[:, None])[:, 0]
        ends = value[hit].gather(1, at[:, None])[:, 0]
        # Where a ray begins in matter, the surface is there.
        begins = (index[0] + at) == 0
        narrowed = self._narrowed(which, found - self.step[which], found, previous, ends)
        found = torch.where(begins, found, narrowed)
        self.way[which] = found.where(found < self.rays.limit[which], float("inf"))
        before[going] = value[:, -1]

    def _narrowed(
        self, which: torch.Tensor, low: torch.Tensor, high: torch.Tensor, below: torch.Tensor, above: torch.Tensor
    ) -> torch.Tensor:
        """The way (m,) between `low`, where the number is `below` 0, and `high`, at which it becomes positive: regula
        falsi, where an end that stays counts half (the Illinois rule: Dowell and Jarratt 1971); of labels, halving."""
        import torch

        stayed = torch.zeros_like(low)
        for _ in range(ROUNDS):
            share = 0.5 if self.matter.labels else (below / (below - above)).clamp(0.02, 0.98)
            middle = low + (high - low) * share
            value = self.matter.at(self.rays.at(which, middle[:, None])[:, 0])
            inside = value > 0
            below = torch.where(inside, below * torch.where(stayed > 0, 0.5, 1.0), value)
            above = torch.where(inside, value, above * torch.where(stayed < 0, 0.5, 1.0))
            low, high = torch.where(inside, low, middle), torch.where(inside, middle, high)
            stayed = torch.where(inside, 1.0, -1.0)
        if self.matter.labels:
            return high
        return low + (high - low) * (below / (below - above)).clamp(0.0, 1.0)
