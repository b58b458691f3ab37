"""Marches with a second pass of samples, which lie where those of the first have weight: inverse transform sampling
(Mildenhall et al. 2020, NeRF, 5.2), without chance.

The weights are those of the family's own first pass, from where it begins to where it ends. Families that march points
spread 1e-5 more over every bin and take the quantiles k / (fine − 1); those that march segments take for the weight of
a segment the mean of the larger ones of its two pairs of neighbours, 0.01 more, and the quantiles (k + 1/2) / fine
(Barron et al. 2021, Mip-NeRF, 3.1; Chan et al. 2022, EG3D). Samples that a ray has before and behind the family's way
(see field_rays.py) count as well, and are not refined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assets.fields.decoder import bounded_threads

from .field_march import BLOCK, DensityBand, Pieces, halfway
from .field_sampler import Samples

if TYPE_CHECKING:
    import torch

UNSEEN = 1e-6
"""Transmittance behind which the first pass is not decoded."""

LEAST = 1e-5
"""Added to the weight of each bin, and the least share of one that is divided."""

SPREAD = 0.01
"""Added to the weights of segments."""


def march_in_two_passes(band: DensityBand) -> Iterator[float]:
    """Composites all rays of a band, and yields the share of the samples that is done."""
    import torch

    rays, rule, march = band.rays, band.rule, band.sampler.march
    everyone = torch.arange(len(band.pixels), device=rays.anchor.device)
    index = torch.arange(int(rays.total.max().item()), device=everyone.device)
    with bounded_threads():
        way = rays.sample(everyone, index)
        real = index < rays.total[:, None]
    first = yield from _first_pass(band, way, real)
    with bounded_threads():
        places = _fine_places(band, first)
    fine = _Values(band, places.shape)
    for start in range(0, rule.fine, BLOCK):
        with bounded_threads():
            fine.decode(everyone, torch.arange(start, min(start + BLOCK, rule.fine), device=everyone.device), places)
        yield 0.5 + 0.5 * start / rule.fine
    with bounded_threads():
        if march.counted == "fine":
            number = rays.first[:, None] + index
            real = real & ((number < 0) | (number >= rule.samples))
        _composite_all(band, everyone, *_merged(way, real, first, places, fine.samples()))


def _first_pass(band: DensityBand, way: torch.Tensor, real: torch.Tensor) -> Iterator[float]:
    """Values at the ways (m,k) of the first samples; returns them."""
    import torch

    values, through, count = _Values(band, way.shape), band.through.clone(), way.shape[1]
    for start in range(0, count, BLOCK):
        with bounded_threads():
            index = torch.arange(start, min(start + BLOCK, count), device=way.device)
            going = torch.nonzero((through > UNSEEN) & real[:, start])[:, 0]
            if not len(going):
                break
            values.decode(going, index, way)
            # What a ray lets through at most: segments, and steps of any kind, are about as long as those in between.
            density = band.sampler.density(values.density[going][:, index])
            present = real[going][:, index] & values.there[going][:, index]
            length = band.step_of(going, way[going][:, :1], way[going][:, :1] + band.rays.bin[going, None])
            passed = torch.where(present, density, 0.0) * length * band.sampler.march.step_scale
            through[going] *= torch.exp(-passed.sum(1))
        yield 0.5 * start / count
    return values.samples()


class _Values:
    """Values at (m,k) samples, of which not all are decoded; empty where they are not."""

    def __init__(self, band: DensityBand, shape: tuple[int, ...]) -> None:
        self.band = band
        new = band.through.new_zeros
        self.density = new(shape)
        self.color = new((*shape, 3)) if band.sampler.rgb else None
        self.there = new(shape) > 0

    def decode(self, going: torch.Tensor, index: torch.Tensor, way: torch.Tensor) -> None:
        """Decodes the samples `index` (k,) of the rays `going` (m,), which lie at their ways (n,k)."""
        found = self.band.sampler.at(self.band.rays, going, way[going][:, index])
        at = going[:, None], index[None]
        self.density[at] = found.density
        self.there[at] = found.there if found.there is not None else True
        if self.color is not None:
            self.color[at] = found.color

    def samples(self) -> Samples:
        """All of them."""
        return Samples(self.density, self.color, self.there)


def _fine_places(band: DensityBand, first: Samples) -> torch.Tensor:
    """The ways (m,fine) to the samples of the second pass."""
    import torch

    rays, rule, march = band.rays, band.rule, band.sampler.march
    everyone = torch.arange(len(band.pixels), device=rays.anchor.device)
    number = torch.arange(rule.samples, device=everyone.device)
    # The family's own samples, of which a ray that begins at the eye may lack some.
    column = number - rays.first.long()[:, None]
    lacking = (column < 0) | (column >= rays.total.long()[:, None])
    column = column.clamp(0, first.density.shape[1] - 1)
    density, there = first.density.gather(1, column), first.there.gather(1, column) & ~lacking
    way = rays.way(everyone, (number + rule.phase).to(rays.bin).expand_as(density))
    if march.between == "segment":
        segments = halfway(Samples(density, None, there))
        step = band.step_of(everyone, way[:, :-1], way[:, 1:])
        weights = _weights(band, segments, step)
        pairs = torch.nn.functional.max_pool1d(weights[:, None], 2, 1, padding=1)
        weights = torch.nn.functional.avg_pool1d(pairs, 2, 1)[:, 0] + SPREAD
        quantiles = (torch.arange(rule.fine, device=way.device) + 0.5) / rule.fine
    else:
        half = 0.5 if march.placement == "midpoints" else 0.0
        begin = rays.way(everyone, (number + rule.phase - half).to(rays.bin).expand_as(density))
        end = rays.way(everyone, (number + rule.phase + 1 - half).to(rays.bin).expand_as(density))
        step = band.step_of(everyone, begin, end)
        if march.placement != "midpoints" or march.last_step is not None:
            last = (number == rule.samples - 1).expand_as(density)
            step = band.end_last(everyone, last, begin, end, step)[2]
        weights = _weights(band, Samples(density, None, there), step)
        quantiles = torch.linspace(0, 1, rule.fine, device=way.device)
    return _at_quantiles((way[:, 1:] + way[:, :-1]) / 2, weights[:, 1:-1], quantiles)


def _weights(band: DensityBand, samples: Samples, step: torch.Tensor) -> torch.Tensor:
    """What each piece (m,k) adds to a picture of these alone."""
    import torch

    march = band.sampler.march
    thickness = torch.where(samples.there, band.sampler.density(samples.density), 0.0) * step * march.step_scale
    opacity = 1 - torch.exp(-thickness)
    if march.alpha_floor > 0:
        opacity = torch.where(opacity < march.alpha_floor, 0.0, opacity)
    after = torch.cumprod(1 - opacity, 1)
    return opacity * torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], 1)


def _at_quantiles(borders: torch.Tensor, weights: torch.Tensor, quantiles: torch.Tensor) -> torch.Tensor:
    """Where between `borders` (m,j) of bins, of which the first have `weights` (m,k), k < j, quantiles (q,) lie."""
    import torch

    weights = weights + LEAST
    shares = torch.cumsum(weights / weights.sum(1, keepdim=True), 1)
    shares = torch.cat([torch.zeros_like(shares[:, :1]), shares], 1)
    wanted = quantiles.expand(len(weights), -1).contiguous()
    found = torch.searchsorted(shares, wanted, right=True)
    below, above = (found - 1).clamp_min(0), found.clamp_max(weights.shape[1])
    low, high = shares.gather(1, below), shares.gather(1, above)
    width = torch.where(high - low < LEAST, 1.0, high - low)
    start = borders.gather(1, below)
    return start + (wanted - low) / width * (borders.gather(1, above) - start)


def _merged(
    way: torch.Tensor, real: torch.Tensor, first: Samples, places: torch.Tensor, fine: Samples
) -> tuple[torch.Tensor, torch.Tensor, Samples]:
    """Ways (m,k) to all samples in their order, those that are none at the end; which are real; and their values."""
    import torch

    ways = torch.cat([torch.where(real, way, torch.inf), places], 1)
    ways, order = torch.sort(ways, 1)
    density = torch.cat([first.density, fine.density], 1).gather(1, order)
    there = torch.cat([first.there, fine.there], 1).gather(1, order)
    color = None
    if first.color is not None:
        color = torch.cat([first.color, fine.color], 1).gather(1, order[..., None].expand(-1, -1, 3))
    # Unreal ones lie where the last real one does: no step is endless, or not a number.
    real = torch.isfinite(ways)
    farthest = ways.where(real, -torch.inf).amax(1, keepdim=True)
    return ways.where(real, farthest), real, Samples(density, color, there & real)


def _composite_all(
    band: DensityBand, everyone: torch.Tensor, way: torch.Tensor, real: torch.Tensor, samples: Samples
) -> None:
    """Composites sorted samples at ways (m,k)."""
    import torch

    band.steps += real.sum(1)
    if band.sampler.march.between == "segment":
        begin, end = way[:, :-1], way[:, 1:]
        pieces = Pieces(begin, end, band.step_of(everyone, begin, end), halfway(samples))
        band.composite(everyone, pieces, real[:, 1:])
        return
    end = torch.cat([way[:, 1:], way[:, -1:]], 1)
    last = torch.arange(way.shape[1], device=way.device) == real.sum(1, keepdim=True) - 1
    begin, end, step = band.end_last(everyone, last, way, end, band.step_of(everyone, way, end))
    band.composite(everyone, Pieces(begin, end, step, samples), real)
