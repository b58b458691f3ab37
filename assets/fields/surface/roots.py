"""Where on an edge of a lattice a field has its level: the last step of an extraction, on the field itself."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from .chunks import in_chunks

if TYPE_CHECKING:
    import torch

    from .lattices import Lattice
    from .level_set import LevelSet, Triangles

ROUNDS = 6
"""Evaluations of the search for a root on an edge, at most."""

CLOSE = 5e-4
"""Where the search ends: share of the change along the edge that the value may be off."""


def settle(
    level_set: LevelSet, lattice: Lattice, triangles: Triangles, ends: np.ndarray
) -> Generator[float, None, None]:
    """Moves vertices from where marching cubes put them (in corners, z, y, x) to the root of the exact field on their
    edge, and into the asset's frame. Those that marching cubes put inside of cells stay."""
    from_corners = triangles.vertices
    low, high = np.floor(from_corners), np.ceil(from_corners)
    on_edge = np.flatnonzero(((high - low).sum(1) == 1) & (ends[:, 0] * ends[:, 1] < 0))
    triangles.vertices = lattice.places(from_corners)

    def ask(part: slice) -> None:
        rows = on_edge[part]
        first, second = lattice.places(low[rows]), lattice.places(high[rows])
        sides = level_set.tensor(first), level_set.tensor(second)
        shares = _roots(level_set, *sides, level_set.tensor(ends[rows])).cpu().numpy()
        triangles.vertices[rows] = first + shares[:, None].astype(np.float64) * (second - first)

    for done in in_chunks(level_set.field, len(on_edge), ask):
        yield done / len(on_edge)


def _roots(level_set: LevelSet, first: torch.Tensor, second: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Where between `first` and `second` (N,3) the function is 0, as shares (N,) of the way; `ends` (N,2) are its
    values there. Regula falsi, where an end that stays counts half (the Illinois rule: Dowell and Jarratt 1971)."""
    import torch

    best = torch.zeros(len(first), device=first.device)
    least = torch.full_like(best, torch.inf)
    enough = CLOSE * (ends[:, 1] - ends[:, 0]).abs()
    going = torch.arange(len(first), device=first.device)
    low, high, stayed = torch.zeros_like(best), torch.ones_like(best), torch.zeros_like(best)
    below, above = ends.clone().T
    for _ in range(ROUNDS):
        share = low + (high - low) * (below / (below - above)).clamp(0.01, 0.99)
        value = level_set.at(first[going] + share[:, None] * (second[going] - first[going]))
        # Of equals the last: where the field leaps, it is the nearest to the leap.
        nearer = value.abs() <= least[going]
        best[going[nearer]], least[going[nearer]] = share[nearer], value.abs()[nearer]
        same = (value > 0) == (below > 0)
        above = torch.where(same, above * torch.where(stayed > 0, 0.5, 1.0), value)
        below = torch.where(same, value, below * torch.where(stayed < 0, 0.5, 1.0))
        low, high = torch.where(same, share, low), torch.where(same, high, share)
        stayed = torch.where(same, 1.0, -1.0)
        open_ = value.abs() > enough[going]
        if not open_.any():
            break
        going, low, high, stayed = going[open_], low[open_], high[open_], stayed[open_]
        below, above = below[open_], above[open_]
    return best
