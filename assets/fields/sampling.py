"""How planes are read: points onto −1 … 1 of the box, texels at them, features of several planes as one vector.

Planes that lie one after the other in the same tensor are read in one go. Their texels are kept with the channels
innermost (torch's `channels_last`): the channels of a texel are neighbours in memory, which makes reading a TripoSR
point three times faster than with each channel in its own image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .description import Group, Plane, Space

if TYPE_CHECKING:
    import torch

Texels = Callable[[int], "torch.Tensor"]
"""The texels (P,C,H,W) or (P,C,D,H,W) of some planes at a level of their pyramid, 0 the finest."""


def map_to_box(points: torch.Tensor, space: Space) -> torch.Tensor:
    """Points (N,3) of the asset's frame → −1 … 1 of the planes. Contraction: Barron et al. 2022, Mip-NeRF 360, (10)."""
    import torch

    low, high = (torch.tensor(side, dtype=torch.float32, device=points.device) for side in (space.low, space.high))
    mapped = (points - low) / (high - low) * 2 - 1
    if space.contraction is None:
        return mapped
    order = 2 if space.contraction == "mip360_l2" else math.inf
    norm = torch.linalg.vector_norm(mapped, ord=order, dim=1, keepdim=True).clamp_min(1e-12)
    return torch.where(norm <= 1, mapped, (2 - 1 / norm) * (mapped / norm)) / 2


def map_radius(radius: torch.Tensor, space: Space) -> torch.Tensor:
    """Radii of balls in the asset's units → those in the box of −1 … 1: shares of its mean half side."""
    sides = [high - low for low, high in zip(space.low, space.high, strict=True)]
    return radius * (2 * len(sides) / math.fsum(sides))


def coordinate(axis: str, position: torch.Tensor, time: torch.Tensor | None) -> torch.Tensor:
    """What the token of an axis means at `position` (N,3) and `time` (N,1): (N,)."""
    value = time[:, 0] if axis[-1] == "t" else position[:, "xyz".index(axis[-1])]
    return -value if axis.startswith("-") else value


def runs(group: Group) -> Iterator[tuple[Plane, ...]]:
    """The planes of a group in their order, cut into pieces that are neighbours in one tensor."""
    piece: list[Plane] = []
    for plane in group.planes:
        if piece:
            last = piece[-1]
            same = (plane.tensor, plane.channels, len(plane.axes)) == (last.tensor, last.channels, len(last.axes))
            if not same or plane.index != last.index + 1:
                yield tuple(piece)
                piece = []
        piece.append(plane)
    yield tuple(piece)


def sample(
    group: Group,
    planes: tuple[Plane, ...],
    texels: Texels,
    position: torch.Tensor,
    time: torch.Tensor | None,
    radius: torch.Tensor | None,
) -> torch.Tensor:
    """Features (P,C,N) of `planes`, one of the `runs` of `group`, at `position` (N,3), −1 … 1 in the box, and `time`
    (N,1), for balls of `radius` (N,), in the box too, or points (None)."""
    places = _places(planes, position, time)
    if group.interpolation == "mip" and radius is not None:
        found = _between_levels(group, planes, texels, places, radius)
    else:
        found = _read(group, _chosen(planes, texels(0)), places)
    weights = [plane.weight for plane in planes]
    return found if set(weights) == {1.0} else found * found.new_tensor(weights)[:, None, None]


def combine(how: str, sampled: list[torch.Tensor]) -> torch.Tensor:
    """Features (P,C,N) of each run of planes as one vector (N,F), in one of the ways of `description.Group`."""
    import torch

    if how == "concat":
        rows = sampled[0].flatten(0, 1) if len(sampled) == 1 else torch.cat([found.flatten(0, 1) for found in sampled])
        return rows.T.contiguous()
    planes = sampled[0] if len(sampled) == 1 else torch.cat(sampled)
    if how == "concat_channel_major":
        return planes.permute(2, 1, 0).flatten(1)
    return {"sum": planes.sum, "mean": planes.mean, "product": planes.prod}[how](0).T.contiguous()


def halved(texels: torch.Tensor, times: int = 1) -> torch.Tensor:
    """Planes (P,C,H,W) of means of 2 × 2 texels, so many `times`."""
    import torch.nn.functional as functional

    for _ in range(times):
        texels = functional.avg_pool2d(texels, 2)
    return texels


def _chosen(planes: tuple[Plane, ...], texels: torch.Tensor) -> torch.Tensor:
    """The channels that the planes read."""
    channels = planes[0].channels
    return texels if channels is None else texels[:, slice(*channels)]


def _places(planes: tuple[Plane, ...], position: torch.Tensor, time: torch.Tensor | None) -> torch.Tensor:
    """Where each plane is read: (P,N,2) columns and rows, or (P,N,3) for volumes, −1 … 1."""
    import torch

    along = [[coordinate(axis, position, time) for axis in plane.axes] for plane in planes]
    if len(planes[0].axes) == 1:
        along = [[line, torch.zeros_like(line)] for (line,) in along]
    # Reading places that lie apart in memory takes a third longer.
    return torch.stack([torch.stack(axes, -1) for axes in along])


def _read(group: Group, texels: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """(P,C,N) features at `places` (P,N,2 or 3) of texels (P,C,H,W) or (P,C,D,H,W)."""
    import torch.nn.functional as functional

    count, points, width = places.shape
    grid = places.reshape(count, *[1] * (width - 1), points, width)
    mode = "bilinear" if group.interpolation == "mip" else group.interpolation
    found = functional.grid_sample(
        texels, grid, mode=mode, padding_mode=group.padding, align_corners=group.align_corners
    )
    return found.flatten(2)


def _between_levels(
    group: Group, planes: tuple[Plane, ...], texels: Texels, places: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    """(P,C,N) features between the two levels of the pyramid whose texels are about as large as the balls."""
    import torch

    finest = _chosen(planes, texels(0))
    level = torch.log2(radius * finest.shape[-1]).clamp(0, group.mip_levels - 1)
    found = finest.new_zeros(len(planes), finest.shape[1], len(level))
    for number in range(group.mip_levels):
        share = (1 - (level - number).abs()).clamp_min(0)
        near = torch.nonzero(share)[:, 0]
        if len(near):
            read = _read(group, _chosen(planes, texels(number)), places[:, near])
            found.index_add_(2, near, read * share[near])
    return found
