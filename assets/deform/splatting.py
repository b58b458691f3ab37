"""Moves the visible cells of a field forward and splats what they know of the way back into a lattice.

Each cell knows the inverse map around itself, x = c + J⁻¹ (y − c'). Every voxel takes the weighted mean of those that
reach it. The kernel of a cell is an ellipsoid, the cell's own one stretched by J and widened by a voxel (as in "EWA
Splatting", Zwicker et al. 2002), so there are no holes between stretched cells and none where squashed ones fall
between voxels. Where parts end up in one place, a mean of two rest places would be nonsense: the nearest and densest
cell decides, and only those that agree with it count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from .rotations import nearest_rotations
from .volume import MOST_VOXELS, TEAR, TORN

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from .binding import Binding
    from .rig import Rig
    from .warp import Warp

CELL_REACH, VOXEL_REACH = 1.15, 0.7
"""Radius of a kernel, in cells at rest and in voxels; the squares add up."""

AGREEING = 2.5
"""Rest places of one voxel, in cells, that are of one part."""

SNAP = 4
"""Voxels by which the lattice grows at a time, so that its size seldom changes while a hand moves."""

FAINT = 1.0 / 16
"""How much less a cell of haze counts than one of matter where they collide; again less for every cell in between."""

LEAST_DETERMINANT = 0.01
"""A gradient that squashes more than this, or turns matter inside out, is replaced by its rotation."""

_STILL = 1e-9
_BLOCK = 1 << 21
_FOOTPRINTS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128])


def splatted(warp: Warp) -> tuple[np.ndarray, np.ndarray]:
    """The box and the lattice of a `WarpVolume` for `warp`, which has the rig of a field."""
    cells = _cells_of(warp.rig, warp.draft)
    maps = _local_maps(warp, cells)
    layout = _layout(cells, maps)
    rests = maps.still if layout.voxel is cells.size else np.zeros(len(cells.rest), bool)
    still = _Still(np.flatnonzero(rests), cells, layout)
    entries = _reach(np.flatnonzero(~rests), cells, maps, layout)
    return layout.box, _settle(entries, still, cells, layout)


@dataclass(frozen=True, eq=False)
class _Cells:
    """What never changes of a rig's cells. rest: (N,3) f64 centres. size: (3,) of a cell. counts: (N,) f32, how much
    each counts in a collision. means: sparse (N,M), which of the rig's cells each stands for; None: one for itself."""

    rest: np.ndarray
    size: np.ndarray
    counts: np.ndarray
    means: csr_matrix | None = None


@dataclass(frozen=True)
class _Maps:
    """What the cells know of the way back, f64. inverse (3,3,N): J⁻¹ − 1. way (3,N): c' − c. spread (3,3,N): J Jᵀ.
    still (N,): which have not moved at all."""

    inverse: np.ndarray
    way: np.ndarray
    spread: np.ndarray
    still: np.ndarray


@dataclass(frozen=True)
class _Layout:
    """A lattice of `shape` (nx,ny,nz) voxels of size `voxel` (3,), the centre of the first one at `origin` (3,)."""

    origin: np.ndarray
    voxel: np.ndarray
    shape: np.ndarray

    @property
    def box(self) -> np.ndarray:
        """(2,3) f64."""
        low = self.origin - self.voxel / 2
        return np.stack([low, low + self.voxel * self.shape])


_known_cells: WeakKeyDictionary[Rig, dict[bool, _Cells]] = WeakKeyDictionary()
_known_shares: WeakKeyDictionary[Binding, dict[bool, csr_matrix]] = WeakKeyDictionary()


def _cells_of(rig: Rig, draft: bool) -> _Cells:
    known = _known_cells.setdefault(rig, {})
    if draft not in known:
        known[draft] = _coarse(_cells_of(rig, False)) if draft else _own_cells(rig)
    return known[draft]


def _own_cells(rig: Rig) -> _Cells:
    """The rig's cells as they are."""
    rest = np.asarray(rig.elements[0], np.float64)
    size = np.array([_lattice_step(column, rig.matter.spacing) for column in rest.T])
    away = np.linalg.norm(rest - rig.matter.points[rig.bindings[0].near], axis=1) / size.max()
    counts = np.where(away < 1e-3, 1.0, FAINT / (1.0 + away))
    return _Cells(rest, size, counts.astype(np.float32))


def _coarse(cells: _Cells) -> _Cells:
    """Cells of twice the size, each for those of eight that are there: an eighth of the work, while a hand moves."""
    from scipy.sparse import csr_matrix

    low = cells.rest.min(0)
    place = np.rint((cells.rest - low) / cells.size).astype(np.int64) // 2
    groups, member, sizes = np.unique(place, axis=0, return_inverse=True, return_counts=True)
    member = member.reshape(-1)
    order = np.argsort(member, kind="stable")
    shares = np.repeat(1.0 / sizes, sizes)
    means = csr_matrix((shares, order, np.r_[0, np.cumsum(sizes)]), (len(groups), len(member)))
    return _Cells(low + (2 * groups + 0.5) * cells.size, 2 * cells.size, means @ cells.counts, means)


def _lattice_step(values: np.ndarray, spacing: float) -> float:
    """The step between coordinates that lie on a lattice; `spacing` where they are one, or on none."""
    levels = np.unique(np.round(values / spacing, 4))
    steps = np.diff(levels)
    return float(steps.min()) * spacing if len(steps) and 0.4 < steps.min() < 2.5 else spacing


def _local_maps(warp: Warp, cells: _Cells) -> _Maps:
    skin, binding = warp.skin, warp.bindings[0]
    known = _known_shares.setdefault(binding, {})
    if warp.draft not in known:
        known[warp.draft] = _shares(warp) if cells.means is None else cells.means @ _shares(warp)
    shares = known[warp.draft]
    change = skin.affine.copy()
    change[:, :, :3] -= np.eye(3)
    blended = (shares @ change[: shares.shape[1]].reshape(-1, 12)).reshape(-1, 3, 4).transpose(1, 2, 0)
    strain, shift = np.ascontiguousarray(blended[:, :3]), blended[:, 3]
    way = np.einsum("ijn,jn->in", strain, (cells.rest - skin.centre).T) + shift
    gradients = strain + np.eye(3)[:, :, None]
    inverse, determinant = _inverse(gradients)
    wild = np.flatnonzero((determinant < LEAST_DETERMINANT) | (np.abs(inverse).max((0, 1)) > 16.0))
    if len(wild):
        gradients[:, :, wild] = nearest_rotations(gradients[:, :, wild].transpose(2, 0, 1)).transpose(1, 2, 0)
        inverse[:, :, wild] = gradients[:, :, wild].transpose(1, 0, 2)
    still = (np.abs(way).max(0) < _STILL * cells.size.max()) & (np.abs(strain).max((0, 1)) < _STILL)
    way[:, still] = 0.0
    inverse -= np.eye(3)[:, :, None]
    inverse[:, :, still] = 0.0
    return _Maps(inverse, way, np.einsum("ikn,jkn->ijn", gradients, gradients), still)


def _shares(warp: Warp) -> csr_matrix:
    """How much each cell follows each node, sparse (N,n). Haze too far out to be bound follows what its matter does."""
    from scipy.sparse import csr_matrix

    rig, binding = warp.rig, warp.bindings[0]
    floating = np.flatnonzero(~rig.bindings[0].weights.any(1))
    near = binding.near[floating]
    nodes, shares = binding.nodes.astype(np.int32), binding.shares(slice(None))
    nodes[floating] = rig.matter_binding.nodes[near]
    shares[floating] = rig.matter_binding.shares(near) * rig.mask(warp.drag, rig.elements[0][floating], near)[:, None]
    count, width = nodes.shape
    return csr_matrix((shares.ravel(), nodes.ravel(), np.arange(0, count * width + 1, width)))


def _inverse(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverses (3,3,N) of matrices (3,3,N), by cofactors, and their determinants (N,)."""
    a, b, c = matrices
    rows = [_cross(b, c), _cross(c, a), _cross(a, b)]
    determinant = np.einsum("in,in->n", a, rows[0])
    safe = np.where(np.abs(determinant) < 1e-12, 1.0, determinant)
    return np.stack(rows, 1) / safe, determinant


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _layout(cells: _Cells, maps: _Maps) -> _Layout:
    """The lattice over everything that moved: the cells' own one continued, or a coarser one."""
    moved = cells.rest.T + maps.way
    half = _reach_of(cells) * np.sqrt(maps.spread[[0, 1, 2], [0, 1, 2]])
    low, high = (moved - half).min(1), (moved + half).max(1)
    voxel, phase = cells.size, cells.rest[0]
    while True:
        reach = VOXEL_REACH * voxel.max()
        first = np.floor((low - reach - phase) / voxel / SNAP).astype(np.int64) * SNAP - 1
        last = np.ceil((high + reach - phase) / voxel / SNAP).astype(np.int64) * SNAP + 1
        shape = last - first + 1
        if np.prod(shape.astype(np.float64)) <= MOST_VOXELS:
            return _Layout(phase + first * voxel, voxel, shape)
        voxel = voxel * max(1.02, float(np.prod(shape.astype(np.float64)) / MOST_VOXELS) ** (1 / 3))


@dataclass(frozen=True)
class _Entries:
    """Which cell reaches which voxel. voxels (M,): their flat index. cells (M,). weights (M,) f32. displacements: three
    of (M,) f32, rest − moved place."""

    voxels: np.ndarray
    cells: np.ndarray
    weights: np.ndarray
    displacements: tuple[np.ndarray, ...]

    def taken(self, rows: np.ndarray) -> _Entries:
        """Those of `rows`."""
        parts = tuple(part[rows] for part in self.displacements)
        return _Entries(self.voxels[rows], self.cells[rows], self.weights[rows], parts)

    @staticmethod
    def joined(parts: list[_Entries]) -> _Entries:
        """All of several."""
        first = [np.concatenate([getattr(part, name) for part in parts]) for name in ("voxels", "cells", "weights")]
        return _Entries(*first, tuple(map(np.concatenate, zip(*(part.displacements for part in parts), strict=True))))


class _Still:
    """The cells `rows` that stayed where they were: their kernels are all one, and a sum of them is a convolution."""

    def __init__(self, rows: np.ndarray, cells: _Cells, layout: _Layout) -> None:
        self._rows = rows
        place = np.rint((cells.rest[rows] - layout.origin) / layout.voxel).astype(np.int64)
        nx, ny, _ = layout.shape
        self._voxels = (place[:, 2] * ny + place[:, 1]) * nx + place[:, 0]
        self._stencil: list[tuple[int, float]] = []
        around = range(-2, 3)
        for z, y, x in ((z, y, x) for z in around for y in around for x in around):
            square = (((x, y, z) * layout.voxel) ** 2).sum() / (_widest(layout) ** 2 + _reach_of(cells) ** 2)
            if square < 1.0:
                self._stencil.append(((z * ny + y) * nx + x, (1.0 - square) ** 2))

    def total(self, count: int) -> np.ndarray:
        """The sum of their weights at `count` voxels."""
        total = np.zeros(count)
        if len(self._rows):
            there = np.zeros(count)
            there[self._voxels] = 1.0
            for step, weight in self._stencil:
                # The lattice is empty at its border, so nothing wraps around.
                begin, end = max(step, 0), count + min(step, 0)
                total[begin:end] += weight * there[begin - step : end - step]
        return total

    def entries(self, wanted: np.ndarray) -> _Entries:
        """Those that reach the voxels `wanted` (V,) bool."""
        parts = []
        for step, weight in self._stencil:
            hit = np.flatnonzero(wanted[self._voxels + step])
            zeros = np.zeros(len(hit), np.float32)
            weights = np.full(len(hit), weight, np.float32)
            parts.append(_Entries(self._voxels[hit] + step, self._rows[hit], weights, (zeros,) * 3))
        return _Entries.joined(parts)


def _reach_of(cells: _Cells) -> float:
    return CELL_REACH * float(cells.size.max())


def _widest(layout: _Layout) -> float:
    return VOXEL_REACH * float(layout.voxel.max())


class _Kernels:
    """The kernels of the cells `which` (K,), to be cut into entries."""

    def __init__(self, which: np.ndarray, cells: _Cells, maps: _Maps, layout: _Layout) -> None:
        self.layout, self._which = layout, which
        way, inverse = maps.way[:, which], maps.inverse[:, :, which]
        covariance = _reach_of(cells) ** 2 * maps.spread[:, :, which]
        for axis in range(3):
            covariance[axis, axis] += _widest(layout) ** 2
        precision, _ = _inverse(covariance)
        half = np.sqrt(covariance[[0, 1, 2], [0, 1, 2]])
        place = ((cells.rest[which] + way.T - layout.origin) / layout.voxel).T
        reach = half / layout.voxel[:, None]
        first = np.ceil(place - reach).astype(np.int64)
        extent = np.floor(place + reach).astype(np.int64) - first + 1
        self.sizes = _FOOTPRINTS[np.minimum(np.searchsorted(_FOOTPRINTS, extent), len(_FOOTPRINTS) - 1)]
        self._offset = ((first - place) * layout.voxel[:, None]).astype(np.float32)
        self._first, self._way = first, way.astype(np.float32)
        self._inverse, self._precision = inverse.astype(np.float32), precision.astype(np.float32)

    def entries(self, rows: np.ndarray) -> _Entries:
        """Those of the kernels `rows`, which are equally large in voxels. Cells run along the last axis,
        which keeps the loops of numpy long."""
        voxel, sizes = self.layout.voxel.astype(np.float32), self.sizes[:, rows[0]]
        x, y, z = (
            self._offset[axis, rows] + (np.arange(sizes[axis], dtype=np.float32) * voxel[axis])[:, None]
            for axis in range(3)
        )
        x, y, z = x[None, None], y[None, :, None], z[:, None, None]
        p = self._precision[:, :, rows]
        square = (p[2, 2] * z * z + p[1, 1] * y * y + 2 * p[1, 2] * y * z) + 2 * (p[0, 2] * z + p[0, 1] * y) * x
        square += p[0, 0] * x * x
        reached = np.flatnonzero(square < 1.0)
        weights = (1.0 - square.reshape(-1)[reached]) ** 2
        displacements = []
        for k, way in zip(self._inverse[:, :, rows], self._way[:, rows], strict=True):
            # x − y = (c − c') + (J⁻¹ − 1)(y − c')
            full = (k[2] * z + k[1] * y - way) + k[0] * x
            displacements.append(full.reshape(-1)[reached])
        nx, ny, _ = self.layout.shape
        steps = np.arange(sizes[2])[:, None, None] * ny + np.arange(sizes[1])[:, None]
        steps = (steps * nx + np.arange(sizes[0])).reshape(-1)
        begin = (self._first[2, rows] * ny + self._first[1, rows]) * nx + self._first[0, rows]
        place, cell = np.divmod(reached, len(rows))
        return _Entries(begin[cell] + steps[place], self._which[rows[cell]], weights, tuple(displacements))


def _reach(which: np.ndarray, cells: _Cells, maps: _Maps, layout: _Layout) -> _Entries:
    """The entries of the cells `which`, in blocks of equally large ones."""
    nothing = np.zeros(0, np.float32)
    parts = [_Entries(np.zeros(0, np.int64), np.zeros(0, np.int64), nothing, (nothing,) * 3)]
    if len(which):
        kernels = _Kernels(which, cells, maps, layout)
        keys = (kernels.sizes[0] * 1000 + kernels.sizes[1]) * 1000 + kernels.sizes[2]
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) > 0])
        for start, end in zip(starts, np.r_[starts[1:], len(order)], strict=True):
            block = max(1, _BLOCK // int(np.prod(kernels.sizes[:, order[start]])))
            parts += [kernels.entries(order[begin : min(begin + block, end)]) for begin in range(start, end, block)]
    return _Entries.joined(parts)


def _settle(entries: _Entries, still: _Still, cells: _Cells, layout: _Layout) -> np.ndarray:
    """The lattice (nz,ny,nx,4) from all entries and what is still."""
    count = int(np.prod(layout.shape))
    voxels, weights, parts = entries.voxels, entries.weights, entries.displacements
    total = _sum(voxels, weights, count) + still.total(count)
    means = [_mean(_sum(voxels, weights * part, count), total) for part in parts]
    squares = _sum(voxels, weights * sum(part * part for part in parts), count)
    tolerance = AGREEING * max(cells.size.max(), layout.voxel.max())
    variance = _mean(squares, total) - sum(mean * mean for mean in means)
    colliding = variance > (0.25 * tolerance) ** 2
    if colliding.any():
        places = np.flatnonzero(colliding)
        among = _Entries.joined([entries.taken(np.flatnonzero(colliding[voxels])), still.entries(colliding)])
        among = among.taken(_agreeing(among, cells, count, tolerance))
        fresh = _sum(among.voxels, among.weights, count)[places]
        total[places] = fresh
        for mean, part in zip(means, among.displacements, strict=True):
            mean[places] = _mean(_sum(among.voxels, among.weights * part, count)[places], fresh)
    shape = tuple(layout.shape[::-1])
    lattice = np.empty((*shape, 4), np.float32)
    coverage = np.minimum(total, 1.0).reshape(shape).astype(np.float32)
    coverage[coverage < 1e-3] = 0.0
    coverage = np.where(_torn(means, coverage, layout), np.float32(TORN), coverage)
    for axis in range(3):
        # Adding zero makes a zero of a negative one.
        lattice[..., axis] = means[axis].reshape(shape) * coverage + 0.0
    lattice[..., 3] = coverage
    return lattice


def _sum(places: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    # Of no places at all numpy makes whole numbers.
    return np.bincount(places, values, count) if len(places) else np.zeros(count)


def _mean(sums: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)


def _agreeing(entries: _Entries, cells: _Cells, count: int, tolerance: float) -> np.ndarray:
    """Which of the entries (M,) bool agree with the one that counts most in their voxel."""
    voxels = entries.voxels
    order = np.lexsort((entries.weights * cells.counts[entries.cells], voxels))
    strongest = np.zeros(count, np.int64)
    # Of several values for one place the last is kept, which is the one that counts most.
    strongest[voxels[order]] = order
    leader = strongest[voxels]
    away = sum((part - part[leader]) ** 2 for part in entries.displacements)
    return away <= tolerance**2


def _torn(means: list[np.ndarray], coverage: np.ndarray, layout: _Layout) -> np.ndarray:
    """The voxels (nz,ny,nx) beside which, or beside whose neighbour across an edge, the rest place leaps."""
    torn = np.zeros(coverage.shape, bool)
    there = coverage > 0
    limit = (TEAR * layout.voxel.max()) ** 2
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        low, high = tuple(low), tuple(high)
        pairs = [mean.reshape(coverage.shape) for mean in means]
        leap = sum((mean[high] - mean[low]) ** 2 for mean in pairs) > limit
        leap &= there[low] & there[high]
        torn[low] |= leap
        torn[high] |= leap
    return torn
