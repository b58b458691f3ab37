"""Where the refit of a bent field starts: a box that holds what moved, and planes whose features moved along.

Features are read from planes that are projections of space, so matter takes the change of its own features along: each
texel gets the mean of what changed in the matter over it. Where nothing moved nothing changes, and not even a
resampling softens the planes there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..decoder import Field, bounded_threads
from ..description import FieldDescription, Group, Plane, Space
from ..sampling import coordinate, map_to_box

if TYPE_CHECKING:
    import torch

    from .examples import Batch

MARGIN = 2.0
"""Space between moved matter and the side of a box that had to grow, in cells of the survey."""

FAINT = 0.02
"""Weight of empty space that moved, beside matter's 1."""

REACH = 4.0
"""Typical steps over which the opacity is taken that matter weighs with."""

Key = tuple[str, int]
"""A plane: the tensor's name and the slice of it."""


def box_of(space: Space) -> np.ndarray:
    """The box (2,3) f64 of a space."""
    return np.array([space.low, space.high], np.float64)


def typical_step(description: FieldDescription) -> float:
    """What a step of a ray through the box counts as in the opacity of a sample. The mean chord of a convex body is 4
    volumes by its surface (Cauchy)."""
    march = description.march
    if march.step == "normalised":
        return 1.0 / march.samples
    x, y, z = np.subtract(description.space.high, description.space.low)
    return float(2 * x * y * z / (x * y + y * z + z * x)) / march.samples


def grown(description: FieldDescription, matter: np.ndarray, cell: np.ndarray) -> FieldDescription:
    """`description` with a box that holds the `matter` (2,3), which a survey with cells of the size `cell` (3,) found.

    Samples of a ray stay as far apart as they were. Where a density counts by the share of the chord it is scaled, so
    that matter stays as opaque as it was, and so is the level of its surface.
    """
    box = box_of(description.space)
    if description.space.contraction is not None:
        return description
    low = np.where(matter[0] < box[0], matter[0] - MARGIN * cell, box[0])
    high = np.where(matter[1] > box[1], matter[1] + MARGIN * cell, box[1])
    if (low == box[0]).all() and (high == box[1]).all():
        return description
    space = replace(description.space, low=tuple(low.tolist()), high=tuple(high.tolist()))
    march = replace(description.march, step="world")
    before, after = (typical_step(replace(description, space=each, march=march)) for each in (description.space, space))
    samples = max(1, round(march.samples * after / before))
    larger = replace(description, space=space, march=replace(description.march, samples=samples))
    return larger if larger.march.step == "world" else _denser(larger, samples / march.samples)


def _denser(description: FieldDescription, factor: float) -> FieldDescription:
    """`description` with `factor` times the density."""
    heads = tuple(
        replace(
            head,
            outputs=tuple(
                replace(output, scale=output.scale * factor, shift=output.shift * factor)
                if output.name == "density"
                else output
                for output in head.outputs
            ),
        )
        for head in description.heads
    )
    surface = description.surface
    if surface.field == "density":
        surface = replace(surface, level=surface.level * factor)
    return replace(description, heads=heads, surface=surface)


def planes_of(description: FieldDescription) -> dict[Key, tuple[Group, Plane]]:
    """Each plane once, with the first group that reads it."""
    found: dict[Key, tuple[Group, Plane]] = {}
    for group in description.groups:
        for plane in group.planes:
            found.setdefault((plane.tensor, plane.index), (group, plane))
    return found


def resampled(field: Field, space: Space) -> dict[Key, torch.Tensor]:
    """The planes (C,H,W) and volumes (C,D,H,W) of `field` as they look in another space: texels beyond the old box
    repeat its border."""
    import torch
    import torch.nn.functional as functional

    (low, high), (new_low, new_high) = box_of(field.description.space), box_of(space)
    scale, shift = (new_high - new_low) / (high - low), (new_high + new_low - high - low) / (high - low)
    images = {}
    for key, (group, plane) in planes_of(field.description).items():
        image = field.image(plane)
        if box_of(space).tolist() == box_of(field.description.space).tolist():
            images[key] = image.clone()
            continue
        along = []
        axes = plane.axes if len(plane.axes) > 1 else (*plane.axes, "t")
        for axis, count in zip(axes, reversed(image.shape[1:]), strict=True):
            places = _texels(count, group.align_corners).to(image.device)
            if axis[-1] != "t":
                which, sign = "xyz".index(axis[-1]), -1.0 if axis.startswith("-") else 1.0
                places = places * float(scale[which]) + sign * float(shift[which])
            along.append(places)
        grid = torch.stack(torch.meshgrid(*reversed(along), indexing="ij")[::-1], -1)[None]
        how = {"padding_mode": "border", "align_corners": group.align_corners}
        images[key] = functional.grid_sample(image[None], grid, **how)[0]
    return images


def _texels(count: int, align_corners: bool) -> torch.Tensor:
    """Where the centres of texels lie, −1 … 1."""
    import torch

    if align_corners and count > 1:
        return torch.linspace(-1, 1, count)
    return (2 * torch.arange(count) + 1.0) / count - 1


@dataclass
class _Gathered:
    """What a plane of H·W texels has gathered: changes (H·W,C) and weights (H·W,)."""

    changes: torch.Tensor
    weights: torch.Tensor


class Carrier:
    """Carries features along with matter: `add` batches of examples, then `planes`. old: the field at rest; new: the
    field to begin with, whose planes are `resampled`; step: a typical one."""

    def __init__(self, old: Field, new: Field, step: float) -> None:
        import torch

        self.old, self.new, self.step = old, new, step
        self._gathered: dict[Key, _Gathered] = {}
        for key, (_, plane) in planes_of(new.description).items():
            # What a plane says of other times, and volumes, are left to the fit.
            if len(plane.axes) < 3 and not {axis[-1] for axis in plane.axes} & {"t"}:
                channels, rows, columns = new.image(plane).shape
                weights = torch.zeros(rows * columns, device=new.device)
                self._gathered[key] = _Gathered(torch.zeros(rows * columns, channels, device=new.device), weights)

    def add(self, batch: Batch, rest: torch.Tensor, present: torch.Tensor) -> None:
        """rest (N,3), present (N,): what the warp says of the batch's points."""
        import torch

        with bounded_threads():
            weights = (1 - torch.exp(-REACH * self.step * batch.density) + FAINT) * present
            here = map_to_box(batch.points, self.new.description.space)
            there = map_to_box(rest, self.old.description.space)
            planes = planes_of(self.new.description)
            for key, gathered in self._gathered.items():
                group, plane = planes[key]
                whole = replace(plane, channels=None, weight=1.0)
                changes = self.old.sample_plane(group, whole, there, None)
                changes = changes - self.new.sample_plane(group, whole, here, None)
                _splat(gathered, changes, weights, here, group, plane, self.new.image(plane).shape[1:])

    def planes(self) -> dict[Key, torch.Tensor]:
        """The planes (C,H,W) to start with."""
        images = {}
        for key, (_, plane) in planes_of(self.new.description).items():
            images[key] = self.new.image(plane).clone()
            if key in self._gathered:
                gathered = self._gathered[key]
                change = gathered.changes / (gathered.weights[:, None] + 1.0)
                images[key] += change.T.reshape(images[key].shape)
        return images


def _splat(
    gathered: _Gathered,
    changes: torch.Tensor,
    weights: torch.Tensor,
    position: torch.Tensor,
    group: Group,
    plane: Plane,
    shape: tuple[int, int],
) -> None:
    """Adds `changes` (N,C) with `weights` (N,) to the four texels around each `position` (N,3)."""
    import torch

    rows, columns = shape
    along = [coordinate(axis, position, None) for axis in plane.axes]
    if len(along) == 1:
        along.append(torch.zeros_like(along[0]))
    place = torch.stack(along, 1)
    size = torch.tensor([columns, rows], device=place.device)
    place = (place + 1) / 2 * (size - 1) if group.align_corners else ((place + 1) * size - 1) / 2
    corner = place.floor()
    share = place - corner
    for right in (0, 1):
        for down in (0, 1):
            column, row = corner[:, 0].long() + right, corner[:, 1].long() + down
            inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
            weight = weights * (share[:, 0] if right else 1 - share[:, 0])
            weight = weight * (share[:, 1] if down else 1 - share[:, 1]) * inside
            index = row.clamp(0, rows - 1) * columns + column.clamp(0, columns - 1)
            gathered.changes.index_add_(0, index, changes * weight[:, None])
            gathered.weights.index_add_(0, index, weight)
