"""A coarse lattice over the box of a field, which stands in for the decoder where it is known to be enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assets.triplane import Triplane

if TYPE_CHECKING:
    import torch

LATTICE = (64, 128)
"""Least and largest number of cells of the lattice along each axis; between them it is as fine as the planes."""

LATTICE_SHARE = 0.25
"""Largest share of a picture's samples that a lattice may cost."""


def lattice_cells(triplane: Triplane, samples: int) -> int | None:
    """How many cells the lattice of a field has along each axis, None where it doesn't pay for so many samples."""
    cells = int(np.clip(finest(triplane), *LATTICE))
    return cells if (cells + 1) ** 3 <= LATTICE_SHARE * samples else None


def finest(triplane: Triplane) -> int:
    """The most texels of a plane or a volume along an axis."""
    return max(max(triplane.tensors[name].shape[2:]) for name in triplane.description.plane_tensors())


class Lattice:
    """values (n,n,n,c), in z, y, x order, at the corners of cells of `box` (2,3); corners (n,n,n) bool: where a corner
    says that the lattice is enough. It is in a cell that has only such corners, as have all cells around it. beyond:
    whether it may be asked about points outside of the box, where it never is enough."""

    def __init__(self, values: torch.Tensor, box: torch.Tensor, corners: torch.Tensor, beyond: bool = False) -> None:
        import torch

        self._values = values.permute(3, 0, 1, 2)[None].contiguous()
        needed = torch.nn.functional.max_pool3d((~corners)[None, None].float(), 2, stride=1)
        needed = torch.nn.functional.max_pool3d(needed, 3, stride=1, padding=1)
        self._enough = (needed[0, 0] == 0).reshape(-1)
        self._cells, self._beyond = values.shape[0] - 1, beyond
        self._low, self._high, self._size = box[0], box[1], box[1] - box[0]

    def holds(self, points: torch.Tensor) -> torch.Tensor:
        """At which of `points` (N,3) the lattice is enough, (N,) bool."""
        place = (points - self._low) * (self._cells / self._size)
        cell = place.long().clamp_(0, self._cells - 1)
        found = self._enough[(cell[:, 2] * self._cells + cell[:, 1]) * self._cells + cell[:, 0]]
        return found & ((place >= 0) & (place <= self._cells)).all(1) if self._beyond else found

    def interpolate(self, points: torch.Tensor) -> torch.Tensor:
        """Values at `points` (N,3): (N,c)."""
        import torch

        grid = ((points - self._low) * (2 / self._size) - 1)[None, None, None]
        found = torch.nn.functional.grid_sample(self._values, grid, align_corners=True, padding_mode="border")
        return found[0, :, 0, 0].T
