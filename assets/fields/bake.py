"""Decodes a triplane into bricks, coarse to fine, as a job.

Design. The coarsest level is decoded whole, so there is a picture within a second. Each finer level then decodes only
bricks in which the level before saw matter, in them or one coarse cell around them; bricks whose own samples turn out
to be invisible are dropped again. "Invisible": a ray whose whole chord lay in matter as dense as the densest point of
the dropped bricks would gain less than `LOST_OPACITY`. Points that bricks share are decoded once, layer by layer.

Values are stored before the activation (see field_grid); a radial blob is part of them, the bias of the activation is
not. A colour that depends on the viewing direction is baked as seen by an eye that looks at the centre of the box.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from ..progress import Job, Partial, Progress
from .brick_grid import BRICK, BrickGrid
from .decoder import Field, activate_output, blob_at, bounded_threads
from .description import FieldDescription

if TYPE_CHECKING:
    import torch

    from ..triplane import Triplane

LEVELS = (64, 128, 256)
"""Cells along the longest side of the box, level by level."""

LOST_OPACITY = 0.005
"""Opacity that dropped bricks may take from a ray, at most: a step of an 8-bit picture."""

MEMORY_LIMIT = 384 << 20
"""Bytes that the bricks of one level may take; a finer level that needs more is not baked. Room for a full 256³."""

SLOT_BYTES = (BRICK + 1) ** 3 * 4 * 2

Steps = Generator[Progress, None, None]


def bake(
    triplane: Triplane,
    levels: tuple[int, ...] = LEVELS,
    memory_limit: int = MEMORY_LIMIT,
    time: float = 0.0,
    device: str | None = None,
) -> Job[None]:
    """Yields `Partial(BrickGrid)` per level and `Progress` in between, about every 20 ms of work.

    levels: cells along the longest side, coarse to fine: multiples of BRICK, each a multiple of the first, at most
    BRICK times the one before. time: for fields that change. device: a
    torch device; None takes CUDA where there is. Raises BadInput where the field has no density or no decoder.
    """
    if triplane.description.output("density") is None:
        raise BadInput(f"{triplane.name}: has no density that could be drawn.")
    yield Progress(0, 1, "Preparing the decoder")
    sampler = FieldSampler(Field(triplane, device, rest=True), time)
    wanted = None
    for level, cells in enumerate(levels):
        lattice = Lattice(sampler.box, levels[0], cells // levels[0])
        mask = np.ones(lattice.bricks, bool) if wanted is None else _refine(wanted, cells // levels[level - 1])
        if mask.sum() * SLOT_BYTES > memory_limit:
            yield Progress(1, 1, f"Kept {levels[level - 1] if level else 0} cells: {cells} would take too much memory")
            return
        filled = _Filled(lattice, mask)
        yield from _decode(sampler, filled, f"Baking {cells} cells", level / len(levels), 1 / len(levels))
        wanted = filled.density >= sampler.least_density
        yield Partial(filled.grid(sampler, level, len(levels)))


class Lattice:
    """The points at which a level is sampled: corners of nearly cubic cells, `coarsest` × `finer` of them along the
    longest side; whole bricks at the coarsest level, so that those of all levels nest."""

    def __init__(self, box: np.ndarray, coarsest: int, finer: int) -> None:
        sides = box[1] - box[0]
        self.box = box
        self.finer = finer
        self.cells = np.maximum(1, np.round(sides / sides.max() * coarsest / BRICK)).astype(int) * BRICK * finer
        self.axes = [
            np.linspace(low, high, count + 1).astype(np.float32)
            for low, high, count in zip(*box, self.cells, strict=True)
        ]
        self.bricks = tuple(self.cells[::-1] // BRICK)
        """Bricks along z, y, x."""
        self.shape = tuple(self.cells[::-1] + 1)
        """Points along z, y, x."""


class _Filled:
    """A level while it is decoded: `mask` says which bricks, `density` (z,y,x) keeps the activated value of every
    decoded point (0 elsewhere), `samples` the bricks in the order of the mask."""

    def __init__(self, lattice: Lattice, mask: np.ndarray) -> None:
        self.lattice = lattice
        self.mask = mask
        self.density = np.zeros(lattice.shape, np.float32)
        self.samples = np.empty((int(mask.sum()), BRICK + 1, BRICK + 1, BRICK + 1, 4), np.float16)

    def grid(self, sampler: FieldSampler, level: int, levels: int) -> BrickGrid:
        """The bricks in which something can be seen."""
        visible = brick_maxima(self.density, 1)[self.mask] >= sampler.least_density
        index = np.full(self.mask.shape, -1, np.int32)
        slots = np.flatnonzero(self.mask)[visible]
        index.reshape(-1)[slots] = np.arange(len(slots), dtype=np.int32)
        samples = self.samples if visible.all() else self.samples[visible]
        cells = self.lattice.cells.astype(np.int32)
        matter = self._matter(sampler.surface_density)
        peaks = maxima(self.density, self.lattice.finer)
        return BrickGrid(self.lattice.box, cells, index, samples, level, levels, matter, peaks)

    def _matter(self, surface_density: float) -> np.ndarray | None:
        """The box around the cells that touch what is denser than the surface. Mist around it doesn't count."""
        shows = self.density >= surface_density
        ends = []
        for axis, points in zip((2, 1, 0), self.lattice.axes, strict=True):
            found = np.flatnonzero(shows.any(axis=tuple({0, 1, 2} - {axis})))
            if not len(found):
                return None
            ends.append(points[[max(found[0] - 1, 0), min(found[-1] + 1, len(points) - 1)]])
        return np.array(ends, np.float64).T


class FieldSampler:
    """Asks a field for what the grid stores."""

    def __init__(self, field: Field, time: float) -> None:
        self.field = field
        self.time = time
        description = field.description
        self.density = description.output("density")
        self.box = np.array([description.space.low, description.space.high], np.float64)
        self.least_density, self.surface_density = self.thresholds(description)

    @staticmethod
    def thresholds(description: FieldDescription) -> tuple[float, float]:
        """The densities from which a field with a `description` can be seen at all, and from which it is a surface."""
        space, surface = description.space, description.surface
        diagonal = float(np.linalg.norm(np.subtract(space.high, space.low)))
        chord = 1.0 if description.march.step == "normalised" else diagonal
        level = surface.level if surface.field == "density" else -np.log1p(-0.5) / chord
        return -np.log1p(-LOST_OPACITY) / chord, level

    def sample(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a grid stores at `points` (N,3): (N,4) f16, and the activated density (N,) f32."""
        import torch

        with bounded_threads():
            where = torch.from_numpy(points).to(self.field.device)
            description = self.field.description
            eye = (
                torch.nn.functional.normalize(_centre(self.box, where) - where) if description.needs_viewdirs else None
            )
            moment = torch.full((len(points),), self.time) if description.needs_time else None
            raw = self.field.raw(where, eye, moment)
            density = activate_output(self.density, raw["density"], where)[:, 0]
            stored = torch.zeros(len(points), 4, device=where.device)
            stored[:, :1] = raw["density"]
            if self.density.blob is not None:
                stored[:, :1] += blob_at(self.density.blob, where)
            if "rgb" in raw:
                stored[:, 1:] = raw["rgb"]
            limit = torch.finfo(torch.float16).max
            return stored.clamp_(-limit, limit).half().cpu().numpy(), density.cpu().numpy()


def _decode(sampler: FieldSampler, filled: _Filled, text: str, start: float, share: float) -> Steps:
    """Fills the bricks of a level, one layer of bricks along z after the other."""
    layers = filled.lattice.bricks[0]
    plane = filled.lattice.shape[1:]
    values = np.zeros((BRICK + 1, *plane, 4), np.float16)
    done = np.zeros((BRICK + 1, *plane), bool)
    slot = 0
    for layer in range(layers):
        # The last plane of a layer is the first one of the next.
        values[0], done[0], done[1:] = values[-1], done[-1], False
        bricks = filled.mask[layer]
        missing = _corners(bricks) & ~done
        for fraction in _fill(sampler, filled, layer, missing, values):
            yield Progress(start + share * (layer + fraction) / layers, 1, text)
        done |= missing
        for row, column in np.argwhere(bricks):
            y, x = row * BRICK, column * BRICK
            filled.samples[slot] = values[:, y : y + BRICK + 1, x : x + BRICK + 1]
            slot += 1


def _fill(
    sampler: FieldSampler, filled: _Filled, layer: int, missing: np.ndarray, values: np.ndarray
) -> Generator[float, None, None]:
    """Decodes the points of a layer that are `missing` (9,y,x), chunk by chunk; yields the share that is done."""
    places = np.flatnonzero(missing)
    flat_values = values.reshape(-1, 4)
    flat_density = filled.density[layer * BRICK : layer * BRICK + BRICK + 1].reshape(-1)
    along_x, along_y, along_z = filled.lattice.axes
    for first in range(0, len(places), sampler.field.chunk):
        chunk = places[first : first + sampler.field.chunk]
        z, y, x = np.unravel_index(chunk, missing.shape)
        points = np.stack([along_x[x], along_y[y], along_z[z + layer * BRICK]], 1)
        flat_values[chunk], flat_density[chunk] = sampler.sample(points)
        yield (first + len(chunk)) / len(places)


def _corners(bricks: np.ndarray) -> np.ndarray:
    """Which points of a layer (9,y,x) belong to its `bricks` (y,x)."""
    rows, columns = bricks.shape
    plane = np.zeros((rows * BRICK + 1, columns * BRICK + 1), bool)
    cells = bricks.repeat(BRICK, 0).repeat(BRICK, 1)
    for shift_y in (0, 1):
        for shift_x in (0, 1):
            plane[shift_y : shift_y + rows * BRICK, shift_x : shift_x + columns * BRICK] |= cells
    return np.broadcast_to(plane, (BRICK + 1, *plane.shape))


def brick_maxima(values: np.ndarray, finer: int) -> np.ndarray:
    """The largest of the `values` (z,y,x) at lattice points in each brick of a lattice `finer` times as fine."""
    return maxima(values, BRICK // finer)


def maxima(values: np.ndarray, step: int) -> np.ndarray:
    """The largest of the `values` (z,y,x) at lattice points in each block of `step` cells along each axis."""
    for axis in range(3):
        count = (values.shape[axis] - 1) // step
        values = np.moveaxis(values, axis, 0)
        ends = values[step : count * step + 1 : step]
        inner = values[: count * step].reshape(count, step, *values.shape[1:]).max(1)
        values = np.moveaxis(np.maximum(inner, ends), 0, axis)
    return values


def _refine(matter: np.ndarray, finer: int) -> np.ndarray:
    """Which bricks of a level `finer` times as fine touch `matter` (z,y,x points of this level), or lie within a cell
    of it."""
    grown = matter.copy()
    for axis in range(3):
        source, target = np.moveaxis(grown.copy(), axis, 0), np.moveaxis(grown, axis, 0)
        target[1:] |= source[:-1]
        target[:-1] |= source[1:]
    return brick_maxima(grown, finer)


def _centre(box: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.as_tensor(box.mean(0), dtype=torch.float32, device=like.device)
