"""Decodes a triplane into bricks, coarse to fine, as a job.

Design. The coarse levels are decoded whole, so there is a picture within a fraction of a second. Each finer level then
decodes only bricks in which the level before saw something, in them or a cell around them; bricks whose own samples
turn out to be invisible are dropped again. "Invisible" of a density: a ray whose whole chord lay in matter as dense as
the densest point of the dropped bricks would gain less than `LOST_OPACITY`. What is seen from the eye comes first, and
a level that takes long hands over what it has, among bricks that are interpolated from the level before. A level that
would take too long, or too much memory, is left out; how long it would take is measured on the one before.

The parts: what a sample is (brick_sampler), where samples lie (brick_lattice), how a level is decoded (brick_level), in
which order (brick_order).
"""

from __future__ import annotations

import time as clock
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInput
from ...progress import Job, Partial, Progress
from ..decoder import Field
from ..showing import shown
from .lattice import Lattice
from .level import SLOT, BrickLevel
from .order import blocks, by_visibility
from .sampler import COEFFICIENTS, FieldSampler

if TYPE_CHECKING:
    from ...triplane import Triplane

LEVELS = (32, 64, 128, 256)
"""Cells along the longest side of the box, level by level."""

FAR_LEVELS = (*LEVELS, 512)
"""The same for contracted fields, whose boxes are larger than what is near."""

WHOLE = 64
"""Cells up to which a level is decoded whole, so that nothing that is thicker than such a cell is missed."""

WHOLE_SECONDS = 4.0
"""What that may take; else it is decoded as finer ones are."""

LEVEL_SECONDS = 30.0
"""What a level may take to be worth it. A TripoSR's finest takes 5 on two cores."""

MEMORY_LIMIT = 384 << 20
"""Bytes that the bricks of one level may take; a finer level that needs more is not baked. Room for a full 256³ of four
channels."""

PART_SECONDS = 2.5
"""A level hands over what it has no more often than this."""

PARTS = 4
"""How often at most, its end counted."""

SIDE, SMALL_SIDE, CUDA_SIDE = 4, 2, 8
"""Bricks along the edge of a block: what one thread takes at once; of small levels; on a GPU."""


def bake(
    triplane: Triplane,
    levels: tuple[int, ...] | None = None,
    memory_limit: int = MEMORY_LIMIT,
    time: float | None = None,
    device: str | None = None,
    eye: np.ndarray | None = None,
) -> Job[None]:
    """Yields `Partial(BrickGrid)` per level, or a few, and `Progress` in between, about every 20 ms.

    levels: cells along the longest side, coarse to fine: multiples of BRICK, each a multiple of the first, at most
    BRICK times the one before; None for the usual ones. time: for fields that change, None for the one that is shown.
    device: a torch device; None takes CUDA where there is. eye: from where the field is seen, (3,) in the asset's
    frame. Raises BadInput where the field has nothing that could be drawn, or no decoder.
    """
    if shown(triplane.description) is None:
        raise BadInput(f"{triplane.name}: has no density, distance or labels that could be drawn.")
    yield Progress(0, 1, "Preparing the decoder")
    moment = triplane.moment() if time is None else time
    sampler = FieldSampler(Field(triplane, device, rest=True), float(moment))
    levels, coarsest = _levels(sampler, levels)
    lattice, level = Lattice(sampler.box, coarsest, 1), None
    mask = np.ones(lattice.bricks, bool)
    if not _fits(sampler, mask.size, memory_limit):
        yield Progress(1, 1, f"{levels[0]} cells would take too much memory")
        return
    for number, cells in enumerate(levels):
        sampler.radius = float(lattice.cell.max()) / 2
        # The first to ask builds what all threads share.
        sampler.ask(sampler.box.mean(0, keepdims=True).astype(np.float32))
        level = BrickLevel(sampler, lattice, mask, level)
        yield from _decode(level, number, levels, eye)
        # What lies further back is not needed any more.
        level.coarser = None
        grid = level.grid(number, len(levels))
        if number < len(levels) - 1:
            lattice = Lattice(sampler.box, coarsest, levels[number + 1] // levels[0])
            mask, grid.ended = _next(level, lattice, levels[number + 1] // cells, memory_limit)
        yield Partial(grid if not grid.ended else replace(grid, levels=number + 1))
        if grid.ended:
            return


def _levels(sampler: FieldSampler, levels: tuple[int, ...] | None) -> tuple[tuple[int, ...], int | np.ndarray]:
    """The levels of a bake, and the cells of the first along the longest side, or (3,)."""
    if levels is not None:
        return levels, levels[0]
    if sampler.voxels is not None:
        return sampler.voxels.cells, sampler.voxels.coarsest
    levels = LEVELS if sampler.field.description.space.contraction is None else FAR_LEVELS
    return levels, levels[0]


def _next(level: BrickLevel, lattice: Lattice, times: int, memory_limit: int) -> tuple[np.ndarray, str]:
    """Which bricks of `lattice`, `times` as fine as that of `level`, are worth decoding, and why none of them are."""
    cells = int(lattice.cells.max())
    whole = cells <= WHOLE and level.seconds(int(np.prod(lattice.bricks))) <= WHOLE_SECONDS
    mask = np.ones(lattice.bricks, bool) if whole else level.finer(times)
    bricks = int(mask.sum())
    seconds = level.seconds(bricks)
    if seconds > LEVEL_SECONDS:
        return mask, f"{cells} cells would take {seconds:.0f} s"
    if not _fits(level.sampler, bricks, memory_limit):
        return mask, f"{cells} cells would take too much memory"
    return mask, ""


def slot_bytes(channels: int) -> int:
    """Bytes of one brick."""
    return SLOT**3 * channels * 2


def _fits(sampler: FieldSampler, bricks: int, limit: int) -> bool:
    """Whether so many bricks may be kept; a colour makes do with fewer coefficients before there are coarser bricks."""
    possible = [count for count in COEFFICIENTS if count <= sampler.coefficients] or [sampler.coefficients]
    fitting = [count for count in possible if bricks * slot_bytes(1 + 3 * count) <= limit]
    if fitting:
        sampler.coefficients = fitting[-1]
    return bool(fitting)


def _decode(
    level: BrickLevel, number: int, levels: tuple[int, ...], eye: np.ndarray | None
) -> Generator[Progress | Partial, None, None]:
    """Decodes the bricks of a level, what the `eye` sees first, and hands over what is there when that takes long."""
    text = f"Baking {levels[number]} cells"
    start, share = _share(levels, number)
    bricks = np.argwhere(level.mask)
    parts = [bricks]
    if eye is not None and level.coarser is not None and levels[number] > WHOLE:
        parts = np.array_split(by_visibility(bricks, level.lattice, level.coarser, eye), PARTS)
    side = CUDA_SIDE if level.sampler.field.device.type == "cuda" else SIDE
    side = SMALL_SIDE if levels[number] < WHOLE else side
    told = clock.monotonic()
    for part, some in enumerate(parts):
        for fraction in level.decode(blocks(some, side), settles=number == 0):
            yield Progress(start + share * (part + fraction) / len(parts), 1, text)
        if part < len(parts) - 1 and clock.monotonic() - told > PART_SECONDS:
            yield Partial(level.grid(number - 1, len(levels)))
            told = clock.monotonic()


def _share(levels: tuple[int, ...], number: int) -> tuple[float, float]:
    """Where the progress of a level begins and how much of the whole it is: bricks lie along surfaces, so a level is
    about four times the work of one half as fine."""
    work = np.array(levels, np.float64) ** 2
    return float(work[:number].sum() / work.sum()), float(work[number] / work.sum())
