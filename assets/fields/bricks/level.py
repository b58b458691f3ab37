"""One level of a bake: its bricks while they are decoded, block by block on all cores.

Design. Bricks that lie together are decoded together, so that the points which they share are asked once; such a block
is what one thread takes. What the level before knows of a block is not asked again: every second point along each axis.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait

import numpy as np

from ...cores import pool, threads
from .effort import Effort
from .grid import BRICK, BrickGrid
from .lattice import Lattice, corners, grown, maxima
from .sampler import FieldSampler

SLOT = BRICK + 1

TICK = 0.02
"""Seconds between two looks at how far the threads are."""

MOST_BAND, BAND_SECONDS, NARROWINGS = 8000, 6.0, 5
"""Bricks of a level, and seconds for them, beyond which the band around a surface is halved, so often at most."""

PEAKS = 64
"""Cells along the longest side of the lattice of the largest densities that a grid tells, at most."""


class BrickLevel:
    """The bricks (z,y,x) of `mask` at the points of `lattice`. values: (z,y,x) f32, what `FieldSampler.ask` says of
    every decoded point, `nothing` elsewhere. index: (z,y,x) i32, the row of each brick in `samples` and `decoded`.
    coarser: the level before, where it has half as many cells."""

    def __init__(
        self, sampler: FieldSampler, lattice: Lattice, mask: np.ndarray, coarser: BrickLevel | None = None
    ) -> None:
        self.sampler, self.lattice, self.mask = sampler, lattice, mask
        count = int(mask.sum())
        self.values = np.full(lattice.shape, sampler.nothing, np.float32)
        self.index = np.full(mask.shape, -1, np.int32)
        self.index[mask] = np.arange(count, dtype=np.int32)
        self.samples = np.zeros((count, SLOT, SLOT, SLOT, sampler.channels), np.float16)
        self.decoded = np.zeros(count, bool)
        self.effort = Effort(sampler.field.device.type == "cuda")
        nested = coarser is not None and (lattice.cells == 2 * coarser.lattice.cells).all()
        self.coarser = coarser if nested else None
        self.everywhere = False
        """Whether colours are asked far from a surface too."""
        self.far = None if coarser is None else coarser.far

    def decode(self, blocks: list[np.ndarray], settles: bool = False) -> Generator[float, None, None]:
        """Decodes `blocks`, each the bricks (N,3) z y x that one thread takes; yields the share that is done.

        settles: the sampler learns from the values, before any colour is asked."""
        parts = [Block(self, bricks) for bricks in blocks]
        if not settles:
            yield from in_threads([part.decode for part in parts], self.sampler)
        else:
            for share in in_threads([part.ask for part in parts], self.sampler):
                yield share * 0.7
            self.sampler.settle(self.values, self.lattice)
            self.everywhere = self.sampler.kind == "surface"
            shape = (*self.samples.shape[:-1], self.sampler.channels)
            self.samples = np.zeros(shape, np.float16)
            for share in in_threads([part.finish for part in parts], self.sampler):
                yield 0.7 + share * 0.3
            self.far = self._everything() if self.everywhere else None

    def visible(self) -> np.ndarray:
        """Which bricks (z,y,x) something shows in."""
        sampler, tail = self.sampler, self.sampler.tail
        shows = sampler.shows(self.values, BRICK)
        if sampler.narrowed:
            # Normals are taken from the cells around the surface too.
            shows |= self._near_surface(BRICK)
        if tail is not None:
            shows |= maxima(at_sides(self.values, self.lattice), BRICK) >= tail
        return shows & self.mask

    def finer(self, times: int) -> np.ndarray:
        """Which bricks (z,y,x) of a level `times` as fine are worth decoding: in them or within a cell something shows.

        Where too much of a field lies in the band around its surface, as with distances that are noise far away and
        decoders that take long, the band is narrowed from here on."""
        step, sampler = BRICK // times, self.sampler
        if sampler.kind == "surface":
            wanted = self._near_surface(step)
            for _ in range(NARROWINGS):
                bricks = int(wanted.sum())
                if bricks <= MOST_BAND and self.seconds(bricks) <= BAND_SECONDS:
                    break
                sampler.narrow()
                wanted = self._near_surface(step)
            return wanted
        shows = maxima(grown(self.values >= sampler.least), step)
        if sampler.tail is not None:
            # A thin streak of such a faint veil would slip through a coarse lattice.
            inner = (slice(1, -1),) * 3
            outer = np.ones(shows.shape, bool)
            outer[inner] = False
            shows |= outer
        return shows

    def seconds(self, bricks: int) -> float:
        """How long so many bricks of the next level would take."""
        return self.effort.seconds(bricks, int(self.visible().sum())) / (1 if self.effort.cuda else threads())

    def _near_surface(self, step: int) -> np.ndarray:
        # Beside what was not decoded everything seems to change.
        return maxima(grown(corners(self.sampler.shows(self.values) & _cells(self.mask))), step)

    def grid(self, level: int, levels: int) -> BrickGrid:
        """What is there so far, in bricks of its own; those that are not decoded yet are interpolated from the level
        before, where that has them."""
        wanted = self.visible()
        rest = self.mask.copy()
        rest[self.mask] = ~self.decoded
        wanted &= ~rest
        interpolated, places = self._interpolated(rest)
        index = np.full(self.mask.shape, -1, np.int32)
        slots = self.index[wanted]
        index[wanted] = np.arange(len(slots), dtype=np.int32)
        index[tuple(places.T)] = len(slots) + np.arange(len(places), dtype=np.int32)
        whole = not len(places) and len(slots) == len(self.samples)
        samples = self.samples if whole else self.samples[slots]
        if len(places):
            samples = np.concatenate([samples, interpolated])
        sampler, span = self.sampler, None
        if sampler.kind == "surface":
            span = (sampler.surface.level - sampler.band, sampler.surface.level + sampler.band)
        peaks = None
        if sampler.kind == "density":
            peaks = maxima(self.values, max(1, int(self.lattice.cells.max()) // PEAKS))
        cells = self.lattice.cells.astype(np.int32)
        matter = self._matter()
        return BrickGrid(
            self.lattice.box, cells, index, samples, level, levels, matter, peaks, sampler.kind, sampler.time, span,
            far=self.far,
        )  # fmt: skip

    def _everything(self) -> np.ndarray:
        """The samples of a level of all bricks, their first 1 or 4 channels, at the points of its lattice."""
        found = np.zeros((*self.lattice.shape, min(4, self.samples.shape[-1])), np.float16)
        for brick in np.argwhere(self.mask):
            there = tuple(slice(start, start + SLOT) for start in brick * BRICK)
            found[there] = self.samples[self.index[tuple(brick)]][..., : found.shape[-1]]
        return found

    def _interpolated(self, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bricks of `rest` from the samples of the level before, (N,9,9,9,C), and which ones these are, (N,3) z y x."""
        none = np.zeros((0, *self.samples.shape[1:]), np.float16)
        places = np.argwhere(rest)
        if self.coarser is None or not len(places):
            return none, places[:0]
        parents = self.coarser.index[tuple((places // 2).T)]
        seen = self.coarser.visible()[tuple((places // 2).T)]
        places, parents = places[(parents >= 0) & seen], parents[(parents >= 0) & seen]
        found = np.empty((len(places), *self.samples.shape[1:]), np.float16)
        for octant in np.ndindex(2, 2, 2):
            rows = np.flatnonzero((places % 2 == octant).all(1))
            found[rows] = doubled(octant_of(self.coarser.samples, parents[rows], octant), self.sampler.kind == "labels")
        return found, places

    def _matter(self) -> np.ndarray | None:
        """The box around what a view should be fitted to; it ends between two points. Mist around it doesn't count."""
        shows, ends = self.sampler.matter(self.values), []
        for axis, points in zip((2, 1, 0), self.lattice.axes, strict=True):
            found = np.flatnonzero(shows.any(axis=tuple({0, 1, 2} - {axis})))
            if not len(found):
                return None
            low, high = (
                points[[max(found[0] - 1, 0), found[0]]],
                points[[found[-1], min(found[-1] + 1, len(points) - 1)]],
            )
            ends.append((low.mean(), high.mean()))
        return np.array(ends, np.float64).T


class Block:
    """The box of lattice points around some bricks (N,3), z y x, of a level."""

    def __init__(self, level: BrickLevel, bricks: np.ndarray) -> None:
        self.level, self.bricks = level, bricks
        self.low, high = bricks.min(0), bricks.max(0) + 1
        self.mask = np.zeros(high - self.low, bool)
        self.mask[tuple((bricks - self.low).T)] = True

    def decode(self, stopped: Callable[[], bool]) -> None:
        """Asks for everything and puts it into the level; gives up where `stopped`."""
        self.ask(stopped)
        self.finish(stopped)

    def ask(self, stopped: Callable[[], bool]) -> None:
        """Asks for the values at all points of the bricks."""
        level, sampler = self.level, self.level.sampler
        needed = corners(self.mask, BRICK)
        self.values = np.full(needed.shape, sampler.nothing, np.float32)
        self.stored = np.zeros((*needed.shape, 4 if sampler.eager else 1), np.float16)
        known = self._take_known(needed)
        places = np.flatnonzero(needed & ~known)
        flat_values, flat_stored = self.values.reshape(-1), self.stored.reshape(-1, self.stored.shape[-1])
        for rows in _chunks(places, sampler.chunk):
            if stopped():
                return
            with level.effort.noted(level.effort.shapes, len(rows)):
                flat_stored[rows], flat_values[rows] = sampler.ask(self._points(rows, needed.shape))
        there = tuple(
            slice(first * BRICK, first * BRICK + size) for first, size in zip(self.low, needed.shape, strict=True)
        )
        # Only the points of these bricks: their neighbours may be another thread's.
        level.values[there][needed] = self.values[needed]

    def finish(self, stopped: Callable[[], bool]) -> None:
        """Asks for the colours where something shows, and fills the samples of the bricks."""
        sampler, effort = self.level.sampler, self.level.effort
        stored = self.stored
        if sampler.asks_colors:
            colors = np.zeros((*stored.shape[:3], 3 * sampler.coefficients), np.float16)
            flat = colors.reshape(-1, colors.shape[-1])
            for rows in _chunks(np.flatnonzero(self._colored()), sampler.color_chunk):
                if stopped():
                    return
                with effort.noted(effort.colors, len(rows)):
                    flat[rows] = sampler.ask_colors(self._points(rows, stored.shape[:3]))
            stored = np.concatenate([stored, colors], -1)
        if stopped():
            return
        slots = self.level.index[tuple(self.bricks.T)]
        for slot, (z, y, x) in zip(slots, (self.bricks - self.low) * BRICK, strict=True):
            self.level.samples[slot] = stored[z : z + SLOT, y : y + SLOT, x : x + SLOT]
        self.level.decoded[slots] = True
        del self.stored, self.values

    def _colored(self) -> np.ndarray:
        """The points at which a colour is seen: corners of cells in which something shows."""
        sampler = self.level.sampler
        shows = sampler.shows(self.values)
        if self.level.everywhere:
            shows[:] = True
        if sampler.tail is not None:
            near = at_sides(self.values, self.level.lattice, self.low * BRICK)
            shows |= maxima(near, 1) >= sampler.tail
        return corners(shows) & corners(self.mask, BRICK)

    def _take_known(self, needed: np.ndarray) -> np.ndarray:
        """Takes what the level before has asked; returns at which points that is."""
        known, coarser = np.zeros(needed.shape, bool), self.level.coarser
        if coarser is None:
            return known
        parents = coarser.index[tuple((self.bricks // 2).T)]
        width = self.stored.shape[-1]
        for parent, brick in zip(parents, self.bricks, strict=True):
            if parent < 0:
                continue
            there = tuple(slice(start, start + SLOT, 2) for start in (brick - self.low) * BRICK)
            half = tuple(slice(start, start + BRICK // 2 + 1) for start in brick % 2 * (BRICK // 2))
            whole = tuple(slice(start, start + BRICK // 2 + 1) for start in brick * (BRICK // 2))
            self.stored[there] = coarser.samples[parent][half][..., :width]
            self.values[there] = coarser.values[whole]
            known[there] = True
        return known

    def _points(self, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return self.level.lattice.points(np.stack(np.unravel_index(rows, shape), 1) + self.low * BRICK)


def at_sides(values: np.ndarray, lattice: Lattice, low: np.ndarray | None = None) -> np.ndarray:
    """The `values` (z,y,x) of a part of `lattice` that begins at the point `low`, 0 where it is more than two cells
    away from all sides of the box."""
    found = values.copy()
    first = np.zeros(3, int) if low is None else low
    inner = []
    for axis, size in enumerate(values.shape):
        end = int(lattice.cells[2 - axis]) - 2
        inner.append(slice(max(0, 3 - first[axis]), max(0, min(size, end - first[axis]))))
    found[tuple(inner)] = 0.0
    return found


def octant_of(samples: np.ndarray, slots: np.ndarray, octant: tuple[int, ...]) -> np.ndarray:
    """An eighth of the bricks in `slots`, by its place along z, y, x: (N,5,5,5,C)."""
    z, y, x = (slice(side * (BRICK // 2), side * (BRICK // 2) + BRICK // 2 + 1) for side in octant)
    return samples[slots, z, y, x]


def doubled(samples: np.ndarray, nearest: bool = False) -> np.ndarray:
    """Samples (N,5,5,5,C) at half the spacing, (N,9,9,9,C), interpolated or, `nearest`, repeated."""
    for axis in (1, 2, 3):
        lower = np.moveaxis(samples, axis, 0)
        finer = np.empty((2 * len(lower) - 1, *lower.shape[1:]), samples.dtype)
        finer[::2] = lower
        finer[1::2] = lower[:-1] if nearest else lower[:-1] / 2 + lower[1:] / 2
        samples = np.moveaxis(finer, 0, axis)
    return samples


def in_threads(jobs: list[Callable[[Callable[[], bool]], None]], sampler: FieldSampler) -> Generator[float, None, None]:
    """Runs the `jobs`, in their order, and yields the share that is done; raises what one of them raises. Each gets a
    function that says whether to give up, which is so when this generator is closed."""
    stop = threading.Event()
    working = pool(cuda=sampler.field.device.type == "cuda")
    try:
        waiting: deque = deque(working.submit(job, stop.is_set) for job in jobs)
        done = 0
        while waiting:
            finished, _ = wait(waiting, timeout=TICK, return_when=FIRST_COMPLETED)
            done += _check(finished)
            waiting = deque(future for future in waiting if future not in finished)
            yield done / len(jobs)
    finally:
        stop.set()
        working.shutdown(cancel_futures=True)


def _cells(bricks: np.ndarray) -> np.ndarray:
    """The cells (z,y,x) of `bricks`."""
    return bricks.repeat(BRICK, 0).repeat(BRICK, 1).repeat(BRICK, 2)


def _check(finished: Iterable[Future]) -> int:
    """How many there are, after raising what went wrong in them."""
    return sum(1 for future in finished if future.result() is None)


def _chunks(places: np.ndarray, size: int) -> Iterable[np.ndarray]:
    return (places[first : first + size] for first in range(0, len(places), size))
