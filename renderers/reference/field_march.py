"""The haze of a density along the rays of a few rows of a picture, by the family's rule.

Samples are taken a few at a time, front to back, for the rays that still let light through; where a family has a second
pass, the first is decoded ahead of it in the same way (`fine_samples.py`). Either way they become *pieces* of the ray,
inside of which density and colour are constant: a step that begins at its sample, or goes on around it, or a segment
between two. A piece that an opaque surface cuts counts by its share in front of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from assets.fields.decoder import bounded_threads

from ..camera import Camera
from .field_rays import rule_of
from .field_sampler import ExactSampler, Samples

if TYPE_CHECKING:
    import torch

BLOCK = 8
"""Samples of a ray that are decoded at once; those behind the one that ends the ray are wasted."""

ENOUGH = 1e-4
"""Transmittance at which a ray ends."""


class Pieces(NamedTuple):
    """begin, end (m,k): ways between which a piece lies; step (m,k): its length as the family's rule takes
    it; samples: its values, (m,k…)."""

    begin: torch.Tensor
    end: torch.Tensor
    step: torch.Tensor
    samples: Samples


class DensityBand:
    """Some rows of a picture: what has been seen along their rays so far."""

    def __init__(self, sampler: ExactSampler, camera: Camera, limit: np.ndarray | None) -> None:
        import torch

        self.sampler, self.rule = sampler, rule_of(sampler.march)
        self.pixels, self.rays = sampler.rays(camera, limit)
        # A map of the density shows all of it, so nothing hides what is behind.
        self.enough = -1.0 if sampler.triplane.display.mode == "density" else ENOUGH
        self.limited = limit is not None and bool(np.isfinite(limit).any())
        self.through = torch.ones_like(self.rays.count)
        self.color = torch.zeros_like(self.rays.anchor)
        self.thickness, self.steps = torch.zeros_like(self.rays.count), torch.zeros_like(self.rays.count)
        self.half = torch.full_like(self.rays.count, float("inf"))
        """The way on which opacity reaches one half."""

    def march(self) -> Iterator[float]:
        """Composites the samples, and yields the share of them that is done."""
        if not len(self.pixels):
            return
        if self.rule.fine:
            from .fine_samples import march_in_two_passes

            yield from march_in_two_passes(self)
            return
        import torch

        samples = int(self.rays.count.max().item())
        going, carried = torch.arange(len(self.pixels), device=self.through.device), None
        for begin in range(0, samples, BLOCK):
            kept = (self.through[going] > self.enough) & (self.rays.count[going] > begin)
            going, carried = going[kept], None if carried is None else _take(carried, kept)
            if not len(going):
                break
            with bounded_threads():
                index = torch.arange(begin, min(begin + BLOCK, samples), device=going.device)
                carried = self._take_block(going, index, carried)
            yield (begin + BLOCK) / samples

    def _take_block(self, going: torch.Tensor, index: torch.Tensor, carried: Samples | None) -> Samples | None:
        """Takes the samples `index` (k,) of the rays `going` (m,). carried: the last sample before them, for segments;
        returned is the last of these."""
        rays = self.rays
        samples = self.sampler.at(rays, going, rays.sample(going, index))
        # What lies behind the last one of a ray is no sample, only company of longer rays.
        real = index < rays.count[going, None]
        self.steps[going] += (real & (self.through[going, None] > self.enough)).sum(1)
        if self.sampler.march.between == "sample":
            begin, end, step = self._steps(going, index)
            self.composite(going, Pieces(begin, end, step, samples), real)
            return None
        first = index
        if carried is not None:
            samples, first = _join(carried, samples), index.new_tensor([int(index[0]) - 1, *index.tolist()])
        if len(first) > 1:
            begin, end = rays.sample(going, first[:-1]), rays.sample(going, first[1:])
            pieces = Pieces(begin, end, self.step_of(going, begin, end), halfway(samples))
            self.composite(going, pieces, first[1:] < rays.count[going, None])
        return Samples(*(None if part is None else part[:, -1:] for part in samples))

    def _steps(self, going: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Where the steps of the samples `index` (k,) begin and end (m,k), and their lengths by the rule."""
        import torch

        rays, march = self.rays, self.sampler.march
        number = rays.first[going, None] + index
        begins = number if march.placement == "midpoints" else number + rays.phase
        begin = rays.way(going, begins)
        if rays.even:
            length = rays.bin[going, None]
            end, step = begin + length, length * rays.speed[going, None]
            step = torch.full_like(step, 1 / self.rule.bins) if march.step == "normalised" else step
        else:
            end = rays.way(going, begins + 1)
            step = self.step_of(going, begin, end)
        if march.placement != "midpoints" or march.last_step is not None:
            begin, end, step = self.end_last(going, index == rays.total[going, None] - 1, begin, end, step)
        return begin, end, step

    def step_of(self, going: torch.Tensor, begin: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        """Lengths (m,k) of pieces as the family's rule takes them, without its scale."""
        if self.sampler.march.step == "normalised":
            return (self.rays.number(going, end) - self.rays.number(going, begin)) / self.rule.bins
        return (end - begin) * self.rays.speed[going, None]

    def end_last(
        self,
        going: torch.Tensor,
        last: torch.Tensor,
        begin: torch.Tensor,
        end: torch.Tensor,
        step: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Begins, ends and steps (m,k) of samples, where those of the `last` ones (m,k) are what the rule says."""
        length = self.sampler.march.last_step or 0.0
        end = (begin + length / self.rays.speed[going, None]).where(last, end)
        return begin, end, step.new_tensor(length).where(last, step)

    def composite(self, going: torch.Tensor, pieces: Pieces, real: torch.Tensor) -> None:
        """Lays pieces of the rays `going` (m,) behind what has been seen; real (m,k): which of them are there."""
        import torch

        march = self.sampler.march
        begin, end, step, samples = pieces
        thickness = self.sampler.density(samples.density) * (step * march.step_scale)
        thickness = thickness.where(real if samples.there is None else real & samples.there, 0.0)
        if march.alpha_floor > 0:
            thickness = torch.where(thickness < -np.log1p(-march.alpha_floor), 0.0, thickness)
        length = end - begin
        if self.limited:
            share = ((self.rays.limit[going, None] - begin) / length.clamp_min(1e-30)).clamp(0.0, 1.0)
            thickness, length = thickness * share, length * share
        through = self.through[going, None]
        after = through * torch.cumprod(torch.exp(-thickness), 1)
        before = torch.cat([through, after[:, :-1]], 1)
        if samples.color is not None:
            weight = before - after
            if march.weight_floor > 0:
                weight = torch.where(weight > march.weight_floor, weight, 0.0)
            self.color[going] += (weight[..., None] * samples.color).sum(1)
        # Inside a piece the density is constant, so where half is reached follows in closed form; but the last one may
        # go on far beyond its sample.
        crossing = (before > 0.5) & (after <= 0.5)
        if crossing.any():
            inside = torch.minimum(length, self.rays.outer[going, None])
            place = begin + inside * (torch.log(2 * before) / thickness)
            self.half[going] = torch.where(crossing, place, self.half[going, None]).amin(1)
        self.thickness[going] += thickness.sum(1)
        self.through[going] = after[:, -1]


def halfway(samples: Samples) -> Samples:
    """The values of the segments (m,k − 1) between samples (m,k): empty where either is."""
    density, color, there = samples
    return Samples(
        (density[:, 1:] + density[:, :-1]) / 2,
        None if color is None else (color[:, 1:] + color[:, :-1]) / 2,
        None if there is None else there[:, 1:] & there[:, :-1],
    )


def _join(first: Samples, second: Samples) -> Samples:
    """The samples (m,j) and (m,k) as (m,j + k)."""
    import torch

    pairs = zip(first, second, strict=True)
    return Samples(*(None if before is None else torch.cat([before, after], 1) for before, after in pairs))


def _take(samples: Samples, rows: torch.Tensor) -> Samples:
    """The samples of some rays."""
    return Samples(*(None if part is None else part[rows] for part in samples))
