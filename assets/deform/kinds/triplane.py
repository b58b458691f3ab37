"""Fields: what deforms are the cells of a lattice in which something shows. Cells as dense as a surface hang together;
haze follows the matter that it lies at, so that no veil links a hand with a hip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...asset import Asset
from ...errors import BadInput
from ...fields.bricks.lattice import Lattice, maxima
from ...fields.bricks.level import PEAKS
from ...fields.bricks.sampler import FieldSampler, thresholds
from ...fields.decoder import Field
from ...progress import Job, Progress, stage
from ...triplane import Triplane
from ..matter import Matter
from . import Deformable, Elements

CELLS = PEAKS
"""Along the longest side of the box."""

THIN = 0.5
"""Where no place is as dense as a surface, what has this share of the largest density counts as matter."""

MARGIN, ROUGH_MARGIN = 1, 2
"""Cells around visible ones that follow as well: around those of a finished bake, and around what is known before it is
finished, since finer levels find more."""

_HALF = [(x, y, z) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if (z, y, x) > (0, 0, 0)]


def stripped(asset: Triplane) -> Triplane:
    """A copy without bricks, and without planes where a bake has left the densities of the lattice."""
    grid = _known(asset)
    copy = Triplane(asset.name, {} if grid else asset.tensors, asset.description, asset.provenance)
    copy.transform, copy.display = asset.transform, asset.display
    if grid:
        copy.grid = replace(grid, samples=grid.samples[:0], index=grid.index[:0])
    return copy


def matter(asset: Triplane) -> Job[tuple[Matter, list[Elements]]]:
    """The cells in which something shows, by their centres. Raises BadInput."""
    from scipy.ndimage import binary_dilation

    output = asset.description.output("density")
    if output is None:
        raise BadInput(f"{asset.name}: has no density, so there is no visible matter that could be dragged.")
    grid = _known(asset)
    if grid:
        box, peaks, margin = grid.box, grid.peaks, MARGIN if grid.level == grid.levels - 1 else ROUGH_MARGIN
    else:
        box, peaks = yield from stage(_decoded(asset), 0.0, 0.8)
        margin = ROUGH_MARGIN
    yield Progress(0.8, 1, "Looking for matter")
    least, surface = thresholds(asset.description)
    shows = peaks >= least / max(1.0, asset.display.density)
    if not shows.any():
        raise BadInput(f"{asset.name}: has no visible matter that could be dragged.")
    dense = peaks >= min(surface, THIN * float(peaks.max()))
    shows = binary_dilation(shows, np.ones((3, 3, 3)), margin) | dense
    size = (box[1] - box[0]) / peaks.shape[::-1]
    points = _centres(dense, box, size)
    found = Matter(points, _edges(dense), float(size.max()))
    cells = _centres(shows, box, size)
    yield Progress(0.9, 1, "Looking for matter")
    return found, [Elements(cells, found.tree.query(cells)[1])]


def applied(asset: Triplane) -> Job[Asset]:
    """The field itself: what reads it looks through its warp."""
    yield from ()
    return asset


def _known(asset: Triplane):
    """The asset's grid, where it tells the densities of a lattice that is fine enough; else None."""
    grid = asset.grid
    return grid if grid is not None and grid.peaks is not None and max(grid.peaks.shape) >= CELLS else None


def _decoded(asset: Triplane) -> Job[tuple[np.ndarray, np.ndarray]]:
    """The box, and the largest density in each of its cells (mz,my,mx), from the decoder at their corners."""
    yield Progress(0, 1, "Preparing the decoder")
    sampler = FieldSampler(Field(asset, rest=True), asset.display.time)
    lattice = Lattice(sampler.box, CELLS, 1)
    x, y, z = lattice.axes
    density = np.empty((len(z), len(y) * len(x)), np.float32)
    plane = np.stack([np.tile(x, len(y)), np.repeat(y, len(x)), np.zeros(len(x) * len(y), np.float32)], 1)
    for layer, height in enumerate(z):
        plane[:, 2] = height
        for start in range(0, len(plane), sampler.field.chunk):
            rows = slice(start, start + sampler.field.chunk)
            density[layer, rows] = sampler.ask(plane[rows])[1]
        yield Progress(layer + 1, len(z), "Looking for matter")
    return sampler.box, maxima(density.reshape(lattice.shape), 1)


def _centres(which: np.ndarray, box: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The centres (N,3) f64 of the cells `which` (mz,my,mx)."""
    return box[0] + (np.argwhere(which)[:, ::-1] + 0.5) * size


def _edges(dense: np.ndarray) -> np.ndarray:
    """Pairs (E,2) of dense cells that touch, also at an edge or corner, by their place among all dense ones."""
    number = np.full(np.array(dense.shape) + 2, -1, np.int64)
    number[1:-1, 1:-1, 1:-1][dense] = np.arange(int(dense.sum()))
    inner = number[1:-1, 1:-1, 1:-1][dense]
    places = np.argwhere(dense) + 1
    pairs = []
    for x, y, z in _HALF:
        other = number[tuple((places + (z, y, x)).T)]
        pairs.append(np.stack([inner, other], 1)[other >= 0])
    return np.concatenate(pairs)


DEFORMABLE = Deformable(Triplane, stripped, matter, applied, is_field=True)
