"""What a field that stands in for a bent one has to say: examples, drawn where they matter for pictures.

A coarse lattice tells where matter begins. Most points are drawn there, some inside, the rest all over the box: empty
space has to stay empty. Now and then places are looked for where the fit is wrong, mostly in empty space, where specks
are too small to be hit by chance; they are trained on again and again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...progress import Progress
from ..decoder import bounded_threads
from .views import Seen

if TYPE_CHECKING:
    import torch

CELLS = 64
"""Cells of the survey along the longest side of what is surveyed."""

POOL, HARD_POOL = 400_000, 60_000
"""Examples that are kept to be drawn again, and of the hard ones."""

TRAINING = {"edge": 0.6, "inside": 0.1, "all over": 0.3}
SEARCH = {"edge": 0.4, "inside": 0.0, "all over": 0.6}
"""Shares of the places from which examples are drawn."""

VISIBLE, OPAQUE = 0.02, 0.95
"""Opacity of a typical step from which there is something to see, and from which nothing behind it is."""

HARDEST = 0.1
"""Share of the points of a search that are kept."""

HARD_SHARE = 0.35
"""Share of hard examples in a batch."""


@dataclass
class Survey:
    """A lattice of cells over `box` (2,3): corners (nz+1,ny+1,nx+1) f32, the density at the corners of the cells."""

    box: np.ndarray
    corners: np.ndarray

    @property
    def cell(self) -> np.ndarray:
        """Size of a cell, (3,)."""
        return (self.box[1] - self.box[0]) / (np.array(self.corners.shape[::-1]) - 1)

    def bounds(self, least: float) -> np.ndarray | None:
        """The box (2,3) around the corners where the density reaches `least`; None where it does nowhere."""
        found = np.argwhere(self.corners >= least)[:, ::-1]
        return self.box[0] + np.stack([found.min(0), found.max(0)]) * self.cell if len(found) else None

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest density in each cell and those around it, (nz,ny,nx) both."""
        from scipy.ndimage import maximum_filter, minimum_filter

        low = minimum_filter(self.corners, 2, origin=-1)[:-1, :-1, :-1]
        high = maximum_filter(self.corners, 2, origin=-1)[:-1, :-1, :-1]
        return minimum_filter(low, 3), maximum_filter(high, 3)


def survey(seen: Seen, box: np.ndarray) -> Generator[Progress, None, Survey]:
    """A job that looks at the density all over `box` (2,3)."""
    import torch

    sides = box[1] - box[0]
    counts = np.maximum(np.ceil(sides / sides.max() * CELLS).astype(int), 1)
    x, y, z = (torch.linspace(*ends, count + 1) for ends, count in zip(box.T.tolist(), counts, strict=True))
    plane = torch.stack([x.repeat(len(y)), y.repeat_interleave(len(x)), torch.zeros(len(x) * len(y))], 1)
    corners = np.empty((len(z), len(plane)), np.float32)
    down = torch.tensor([[0.0, 0.0, -1.0]])
    for layer, height in enumerate(z):
        plane[:, 2] = height
        for start in range(0, len(plane), seen.field.chunk):
            points = plane[start : start + seen.field.chunk]
            with bounded_threads():
                density, _ = seen.values(points, down.expand_as(points))
            corners[layer, start : start + len(points)] = density.cpu().numpy()
        yield Progress(layer + 1, len(z), "Looking for matter")
    return Survey(box, corners.reshape(len(z), len(y), len(x)))


@dataclass
class Batch:
    """Points (N,3), and what is seen there: density (N,), color (N,3) or None; along viewdirs (N,3), at time (N,)."""

    points: torch.Tensor
    density: torch.Tensor
    color: torch.Tensor | None = None
    viewdirs: torch.Tensor | None = None
    time: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: torch.Tensor | slice) -> Batch:
        return Batch(*(None if part is None else part[rows] for part in vars(self).values()))

    def joined(self, other: Batch) -> Batch:
        """This one and after it the `other`."""
        import torch

        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Batch(*(None if one is None else torch.cat([one, two]) for one, two in pairs))


class Examples:
    """Examples of what is `seen` in `box` (2,3), of which there is a `survey`. step: what a typical step of a ray
    counts as. The same seed gives the same examples."""

    def __init__(self, seen: Seen, survey: Survey, box: np.ndarray, step: float, seed: int) -> None:
        import torch

        self.seen, self.box = seen, box
        self.random = torch.Generator().manual_seed(seed)
        low, high = (1 - np.exp(-step * values) for values in survey.extremes())
        self._origin, self._cell = survey.box[0], survey.cell
        edge, inside = np.argwhere((high > VISIBLE) & (low < OPAQUE)), np.argwhere(low >= OPAQUE)
        self._cells = {"edge": edge[:, ::-1], "inside": inside[:, ::-1]}
        self.pool: Batch | None = None
        self.hard: Batch | None = None

    def draw(self, count: int, shares: dict[str, float]) -> Batch:
        """`count` new examples, from each kind of place its share."""
        import torch

        parts: list[np.ndarray] = []
        for kind, share in shares.items():
            cells = self._cells.get(kind)
            wanted = int(share * count) if cells is not None else count - sum(map(len, parts))
            within = torch.rand(wanted, 3, generator=self.random).numpy()
            if cells is None or not len(cells):
                parts.append(self.box[0] + within * (self.box[1] - self.box[0]))
            else:
                chosen = torch.randint(len(cells), (wanted,), generator=self.random).numpy()
                parts.append(self._origin + (cells[chosen] + within) * self._cell)
        return self._ask(torch.from_numpy(np.clip(np.concatenate(parts), *self.box).astype(np.float32)))

    def keep(self, batch: Batch, errors: torch.Tensor | None = None) -> None:
        """Keeps a batch to be drawn again; those with the largest `errors` (N,) as hard ones."""
        self.pool = _newest(self.pool, batch, POOL)
        if errors is not None:
            worst = errors.topk(max(1, int(HARDEST * len(batch)))).indices
            self.hard = _newest(self.hard, batch[worst], HARD_POOL)

    def batch(self, count: int) -> Batch:
        """`count` of the examples that were kept, at random."""
        if self.hard is None:
            return self._some(self.pool, count)
        hard = int(HARD_SHARE * count)
        return self._some(self.pool, count - hard).joined(self._some(self.hard, hard))

    def _some(self, kept: Batch, count: int) -> Batch:
        import torch

        return kept[torch.randint(len(kept), (count,), generator=self.random).to(kept.points.device)]

    def _ask(self, points: torch.Tensor) -> Batch:
        import torch

        field = self.seen.field
        points = points.to(field.device)
        viewdirs = time = None
        if field.description.needs_viewdirs:
            viewdirs = torch.nn.functional.normalize(torch.randn(len(points), 3, generator=self.random), dim=1)
            viewdirs = viewdirs.to(field.device)
        if field.description.needs_time:
            first, last = field.description.space.time
            time = first + (last - first) * torch.rand(len(points), generator=self.random).to(field.device)
        with bounded_threads():
            density, color = self.seen.values(points, viewdirs, time)
        # What is made in inference mode takes no part in gradients.
        return Batch(points, density.clone(), None if color is None else color.clone(), viewdirs, time)


def _newest(kept: Batch | None, batch: Batch, most: int) -> Batch:
    """`batch` after what was `kept`, of which the oldest go where there are too many."""
    return (batch if kept is None else kept.joined(batch))[-most:]
