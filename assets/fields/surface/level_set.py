"""Where a field has its surface: a marching over the cells that the surface crosses, on the exact field.

Design. The field is asked as one number that is positive in matter and has its zero on the surface; of a density that
is the logarithm, since densities rise by magnitudes within a cell. A coarse lattice is asked everywhere, each finer one
only in cells near which the number changes its sign, or might by how fast it changes there. On the finest lattice
marching cubes run slab by slab (Lewiner et al. 2003, "Efficient Implementation of Marching Cubes' Cases with
Topological Guarantees"). Each vertex lies on an edge between two corners of different sign; there the root is looked
for on the field itself, so that vertices lie where the family's surface is, whatever the resolution, and show no
terraces. From there the surface is followed into every cell that it enters, so that it has no holes. What may be missed
are specks smaller than a cell of the coarsest lattice, around which the field does not come near to its level.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInput
from ...progress import Progress
from ..decoder import Field
from ..description import FieldDescription, Surface
from .chunks import in_chunks
from .lattices import Lattice, lattices
from .roots import settle

if TYPE_CHECKING:
    import torch

SLAB = 8
"""Layers of cells that are marched at once."""

FLOOR = 1e-3
"""Density, as a share of the surface's, below which one is as empty as another."""

LOOK_AROUND = 0.25
"""Share of its change between neighbours by which the number may reach further inside a cell."""

CLOSE = {"density": 2.0, "occupancy_logit": 2.0}
"""How near to zero the number makes a cell of the coarsest lattice worth a look, whatever is around it, and half as
near for each finer one; of distances, a cell. Fields have specks that are thinner than a cell, most often at the sides
of the box, where planes are padded."""

MOST_CORNERS = 32 << 20
"""Corners of the finest lattice that are kept at most."""

OTHERS = {"sdf": "below", "udf": "below", "occupancy_logit": "above", "density": "above"}
"""Fields that have surfaces, and where their matter lies."""

Steps = Generator[Progress, None, None]


def surface_of(description: FieldDescription) -> Surface:
    """The surface that a description declares, or, where it has no such field, the zero set of one that it has. Raises
    BadInput where it has none."""
    if description.output(description.surface.field) is not None:
        return description.surface
    for name, matter in OTHERS.items():
        if description.output(name) is not None:
            return Surface(name, 0.0, description.surface.resolution, matter)
    raise BadInput("The field has neither a density nor a distance, so it has no surface.")


class LevelSet:
    """The surface of a field at a level, as a function of place that is positive in matter. Matter ends at the sides of
    `box` (2,3), where the family's rays do. Where the field needs a viewing direction, or a `time`, it gets one:
    surfaces do not depend on the former."""

    def __init__(self, field: Field, surface: Surface, box: np.ndarray, time: float = 0.0) -> None:
        self.field, self.surface, self.box, self.time = field, surface, box, time
        rounding = 1e-6 * (box[1] - box[0])
        self._low, self._high = self.tensor(box[0] - rounding), self.tensor(box[1] + rounding)

    def at(self, points: torch.Tensor, closed: bool = True) -> torch.Tensor:
        """The function at `points` (N,3): (N,). closed: whether matter ends at the sides of the box."""
        import torch

        value = self.ask(points)[self.surface.field][:, 0]
        if self.surface.field == "density" and self.surface.level > 0:
            least = FLOOR * self.surface.level
            found = torch.log((value.clamp_min(0.0) + least) / (self.surface.level + least))
        else:
            found = value - self.surface.level
        found = found if self.surface.matter == "above" else -found
        if not closed:
            return found
        return torch.where(((points > self._low) & (points < self._high)).all(1), found, -found.abs())

    def ask(self, points: torch.Tensor, viewdirs: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """`Field.values` at `points` (N,3)."""
        import torch

        description = self.field.description
        if description.needs_viewdirs and viewdirs is None:
            viewdirs = torch.tensor([[0.0, 0.0, -1.0]], device=points.device).expand_as(points)
        time = torch.full((len(points),), self.time, device=points.device) if description.needs_time else None
        return self.field.values(points, viewdirs, time)

    def sample(self, points: np.ndarray, closed: bool = True) -> Generator[int, None, np.ndarray]:
        """`at` for an array (N,3) of any length, chunk by chunk: (N,) f32. Yields how many are done."""
        found = np.empty(len(points), np.float32)

        def ask(rows: slice) -> None:
            found[rows] = self.at(self.tensor(points[rows]), closed).cpu().numpy()

        yield from in_chunks(self.field, len(points), ask)
        # A zero would make vertices of several edges meet in one corner.
        found[found == 0] = np.float32(1e-12)
        return found

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """`array` as f32 where the field is."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.field.device)


@dataclass
class Triangles:
    """vertices (V,3) f64 in the asset's frame, faces (F,3) i64, counter-clockwise seen from outside."""

    vertices: np.ndarray
    faces: np.ndarray


def extract(level_set: LevelSet, resolution: int) -> Generator[Progress, None, Triangles]:
    """A job that returns the surface, without faces where there is none. resolution: corners of the lattice along the
    longest side of the box, as the family counts."""
    wanted, share = None, 0.0
    *coarse, last = lattices(level_set.box, resolution)
    for number, (lattice, finer) in enumerate(pairwise((*coarse, last))):
        close = CLOSE.get(level_set.surface.field, float(coarse[0].cell.max())) / 2**number
        job = _look(level_set, lattice, wanted, close, finer is last)
        end = 0.3 * (number + 1) / len(coarse)
        near = yield from _within(job, share, end, f"Looking at {lattice.cells.max()} cells")
        wanted, share = lattice.refined(near, finer), end
    finest = _Finest(level_set, last, wanted)
    yield from _within(finest.look(), share, 0.6, f"Looking at {last.cells.max()} cells")
    triangles, ends = yield from _within(finest.march(), 0.6, 0.7, "Marching cubes")
    if len(triangles.faces):
        yield from _within(settle(level_set, finest.lattice, triangles, ends), 0.7, 1.0, "Placing vertices")
        np.clip(triangles.vertices, *level_set.box, out=triangles.vertices)
    return triangles


def _within(job: Generator[float, None, object], start: float, end: float, text: str) -> Generator:
    """A job of a job that yields shares of 1."""
    try:
        while True:
            yield Progress(start + (end - start) * next(job), 1.0, text)
    except StopIteration as stop:
        return stop.value
    finally:
        job.close()


def _shares(job: Generator[int, None, np.ndarray], count: int) -> Generator[float, None, np.ndarray]:
    """A job that yields how many of `count` are done, as one of shares of 1."""
    try:
        while True:
            yield next(job) / max(count, 1)
    except StopIteration as stop:
        return stop.value


def _look(
    level_set: LevelSet, lattice: Lattice, wanted: np.ndarray | None, close: float, followed: bool
) -> Generator[float, None, np.ndarray]:
    """Which cells (z,y,x) of the lattice are worth a closer look, from the corners of the `wanted` ones.

    followed: the next lattice is the finest, on which the surface is followed: where it is seen for sure is enough.
    """
    known = np.ones(lattice.shape, bool) if wanted is None else _corners(wanted)
    values = np.zeros(lattice.shape, np.float32)
    places = np.argwhere(known)
    values[known] = yield from _shares(level_set.sample(lattice.places(places), closed=False), len(places))
    near = _near_zero(values, known, close)
    if followed:
        crossed = _crossed(values, known)
        near &= crossed | ~_grown(crossed)
    return near


def _near_zero(values: np.ndarray, known: np.ndarray, close: float) -> np.ndarray:
    """The cells (z,y,x) around which the `values` (z+1,y+1,x+1) that are `known` change sign, or nearly, or are as
    `close` to zero."""
    from scipy.ndimage import maximum_filter, minimum_filter

    low = minimum_filter(np.where(known, values, np.inf), 4, origin=-1, mode="nearest")[:-1, :-1, :-1]
    high = maximum_filter(np.where(known, values, -np.inf), 4, origin=-1, mode="nearest")[:-1, :-1, :-1]
    with np.errstate(invalid="ignore"):
        reach = np.maximum(LOOK_AROUND * (high - low), close)
        return (low - reach < 0) & (high + reach > 0) & _cells(known)


def _crossed(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The cells (z,y,x) between whose corners the `values` (z+1,y+1,x+1) that are `known` change sign."""
    return _cells(known) & ~_cells(values > 0) & ~_cells(values <= 0)


def _grown(cells: np.ndarray) -> np.ndarray:
    """`cells` (z,y,x) and all that touch them."""
    from scipy.ndimage import binary_dilation

    return binary_dilation(cells, np.ones((3, 3, 3), bool))


def _corners(cells: np.ndarray) -> np.ndarray:
    """Which corners (z+1,y+1,x+1) belong to `cells` (z,y,x)."""
    corners = np.zeros(np.array(cells.shape) + 1, bool)
    for part in np.ndindex(2, 2, 2):
        corners[tuple(slice(at, at + count) for at, count in zip(part, cells.shape, strict=True))] |= cells
    return corners


def _cells(corners: np.ndarray) -> np.ndarray:
    """Which cells (z,y,x) have all of their `corners` (z+1,y+1,x+1)."""
    cells = np.ones(np.array(corners.shape) - 1, bool)
    for part in np.ndindex(2, 2, 2):
        cells &= corners[tuple(slice(at, at + count) for at, count in zip(part, cells.shape, strict=True))]
    return cells


class _Finest:
    """The finest lattice, of which the `wanted` cells (z,y,x) are looked at, or all, and those to which the surface
    goes on from there."""

    def __init__(self, level_set: LevelSet, lattice: Lattice, wanted: np.ndarray | None) -> None:
        self.level_set, self.lattice = level_set, lattice
        self.wanted = np.ones(lattice.cells[::-1], bool) if wanted is None else wanted
        self.signs = np.zeros(lattice.shape, np.int8)
        """Of corners: 1 in matter, −1 outside, 0 where nobody has looked."""
        self.found: list[tuple[np.ndarray, np.ndarray]] = []
        """Corners as flat places, and the values there."""

    def look(self) -> Generator[float, None, None]:
        """Asks for the corners of the wanted cells, and follows the surface out of them."""
        fresh = np.flatnonzero(self.wanted)
        while len(fresh):
            missing = self._unknown(fresh)
            if sum(len(places) for places, _ in self.found) + len(missing) > MOST_CORNERS:
                raise BadInput("The surface of the field is too rough for this resolution; take a lower one.")
            points = self.lattice.places(np.stack(np.unravel_index(missing, self.signs.shape), 1))
            values = yield from _shares(self.level_set.sample(points), len(points))
            self.signs.reshape(-1)[missing] = np.where(values > 0, 1, -1)
            self.found.append((missing, values))
            fresh = self._onward(fresh)
            self.wanted.reshape(-1)[fresh] = True

    def _unknown(self, cells: np.ndarray) -> np.ndarray:
        """The corners of flat `cells` where nobody has looked, in order."""
        flat, steps = self.signs.reshape(-1), np.array(self.signs.strides)
        first = steps @ np.stack(np.unravel_index(cells, self.wanted.shape))
        missing = []
        for part in np.ndindex(2, 2, 2):
            places = first + steps @ part
            places = places[flat[places] == 0]
            # Marked at once, so that no other cell asks for it again.
            flat[places] = -1
            missing.append(places)
        return np.sort(np.concatenate(missing))

    def _onward(self, cells: np.ndarray) -> np.ndarray:
        """The cells that the surface enters from flat `cells`, and that are not wanted yet."""
        flat = self.signs.reshape(-1)
        steps = np.array(self.signs.strides)
        layers = np.stack(np.unravel_index(cells, self.wanted.shape))
        first = steps @ layers
        corners = np.stack([flat[first + steps @ part] for part in np.ndindex(2, 2, 2)]).reshape(2, 2, 2, -1)
        crossed = np.abs(corners.sum((0, 1, 2), dtype=int)) < 8
        corners, layers = corners[..., crossed], layers[:, crossed]
        entered = []
        for axis in range(3):
            for side, towards in ((0, -1), (1, 1)):
                face = np.abs(corners.take(side, axis).sum((0, 1), dtype=int)) < 4
                beyond = layers[:, face].copy()
                beyond[axis] += towards
                beyond = beyond[:, (beyond[axis] >= 0) & (beyond[axis] < self.wanted.shape[axis])]
                entered.append(np.ravel_multi_index(list(beyond), self.wanted.shape))
        entered = np.unique(np.concatenate(entered))
        return entered[~self.wanted.reshape(-1)[entered]]

    def march(self) -> Generator[float, None, tuple[Triangles, np.ndarray]]:
        """The triangles, their vertices in corners' coordinates in z, y, x order; and the values (V,2) at the ends of
        each vertex's edge."""
        places, values = (np.concatenate(arrays) for arrays in zip(*self.found, strict=True))
        order = np.argsort(places)
        places, values = places[order], values[order]
        plane = self.signs[0].size
        parts = []
        for first in range(0, len(self.wanted), SLAB):
            cells = self.wanted[first : first + SLAB]
            rows = slice(*np.searchsorted(places, [first * plane, (first + len(cells) + 1) * plane]))
            slab = np.zeros((len(cells) + 1, *self.signs.shape[1:]), np.float32)
            slab.reshape(-1)[places[rows] - first * plane] = values[rows]
            parts += _march_slab(first, self.signs[first : first + len(cells) + 1], slab)
            yield (first + len(cells)) / len(self.wanted)
        return _joined(parts)


_Part = tuple[np.ndarray, np.ndarray, np.ndarray]


def _march_slab(first: int, signs: np.ndarray, values: np.ndarray) -> list[_Part]:
    """Vertices, faces, and values at the ends of edges, where a slab from layer `first` has a surface; else nothing."""
    from skimage.measure import marching_cubes

    crossed = _cells(signs != 0) & ~_cells(signs == 1) & ~_cells(signs == -1)
    if not crossed.any():
        return []
    # The mask is asked at the last corner of a cell.
    mask = np.zeros(values.shape, bool)
    mask[1:, 1:, 1:] = crossed
    # z, y, x are a left-handed frame, in which inside is outside.
    vertices, faces, _, _ = marching_cubes(values, 0.0, mask=mask, gradient_direction="descent")
    edges = np.stack([np.floor(vertices), np.ceil(vertices)]).astype(int)
    ends = values[tuple(np.moveaxis(edges, 2, 0))].T
    return [(vertices.astype(np.float64) + [first, 0, 0], faces.astype(np.int64), ends)]


def _joined(parts: list[_Part]) -> tuple[Triangles, np.ndarray]:
    """All slabs as one: vertices on the planes between them, which both have, become one."""
    if not parts:
        return Triangles(np.zeros((0, 3)), np.zeros((0, 3), np.int64)), np.zeros((0, 2), np.float32)
    counts = np.cumsum([0, *(len(part[0]) for part in parts)])
    vertices, ends = (np.concatenate([part[index] for part in parts]) for index in (0, 2))
    faces = np.concatenate([part[1] + start for part, start in zip(parts, counts, strict=False)])
    shared = np.flatnonzero((vertices[:, 0] % SLAB == 0) & (vertices[:, 0] > 0))
    _, kept, which = np.unique(vertices[shared], axis=0, return_index=True, return_inverse=True)
    target = np.arange(len(vertices))
    target[shared] = shared[kept[which.reshape(-1)]]
    used = target == np.arange(len(vertices))
    number = np.cumsum(used) - 1
    return Triangles(vertices[used], number[target[faces]]), ends[used]
