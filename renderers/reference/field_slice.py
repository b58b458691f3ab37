"""Where the rays of a few rows of a picture meet the plane of a slice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from assets.fields.decoder import bounded_threads

from ..camera import Camera
from .field_sampler import ExactSampler
from .field_surface import rays_through

if TYPE_CHECKING:
    import torch


class SliceBand:
    """Some rows of a picture: the way (n,) of their rays to the plane across `slice_axis` at `slice_at` of the box,
    where they meet it inside of the box and in front of what is opaque; infinite where not."""

    def __init__(self, sampler: ExactSampler, camera: Camera, limit: np.ndarray | None) -> None:
        self.sampler = sampler
        self.pixels, self.rays = rays_through(sampler, camera, limit)
        self.way: torch.Tensor = self.rays.limit.clone()
        self.steps = self.rays.limit.clone().zero_()

    def march(self) -> Iterator[float]:
        """Finds the points."""
        import torch

        display, sampler, rays = self.sampler.triplane.display, self.sampler, self.rays
        axis = "xyz".index(display.slice_axis)
        low, high = sampler.box
        first, last = sampler.triplane.local_bounds()[:, axis]
        # The box that the family marches may be a little smaller.
        place = np.clip(first + display.slice_at * (last - first), low[axis], high[axis])
        with bounded_threads():
            way = (float(place) - rays.anchor[:, axis]) / rays.direction[:, axis]
            points = rays.anchor + rays.direction * way[:, None]
            there = sampler.sources(points)[1]
            # A point that was put on a side of the box lies inside of it along that axis, whatever is rounded.
            if sampler.warp is None:
                margin = sampler.tensor((high - low) * 1e-5)
                there = ((points >= sampler.tensor(low) - margin) & (points <= sampler.tensor(high) + margin)).all(1)
            seen = (rays.start + rays.along * way > 0) | rays.parallel
            self.way = torch.where(there & seen & (way < rays.limit), way, torch.inf)
            self.steps = torch.isfinite(self.way).float()
        yield 1.0
