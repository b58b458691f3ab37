"""The columns of a splat file, and the arrays that they become.

Splats are read block by block into arrays of the final size, so that no more than these and some blocks are in memory.
Columns that mean nothing here are kept beside them, unless they hold only zeros, as the normals of most files do.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..asset import Provenance
from ..cores import threads
from ..errors import BadFile
from ..files.ply import PlyElement, PlyHeader, read_element
from ..gaussians import LARGEST_LOG_SCALE, Gaussians
from ..progress import Job, Progress

BLOCK = 16384
"""Rows that are read or written at a time: 4 MB of the largest usual ones, which stays in the processor's cache."""

BLOCKS_PER_STEP = 8

MEANS = ("x", "y", "z")
NORMALS = ("nx", "ny", "nz")
DC = ("f_dc_0", "f_dc_1", "f_dc_2")
SCALES = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
OPACITY = "opacity"
_REST_COUNTS = (0, 9, 24, 45)


def rest_columns(path: Path, element: PlyElement) -> tuple[str, ...]:
    """The names of the f_rest columns. Raises BadFile where they are not those of a whole degree."""
    found = {name for name in element.names if re.fullmatch(r"f_rest_\d+", name)}
    fitting = [count for count in _REST_COUNTS if count >= len(found)]
    if not fitting:
        raise BadFile(path, f"has {len(found)} SH columns f_rest, but degree 3 has {_REST_COUNTS[-1]}")
    names = tuple(f"f_rest_{index}" for index in range(fitting[0]))
    missing = [name for name in names if name not in found]
    if missing:
        raise BadFile(path, f"lacks the SH column {missing[0]}; it has {len(found)} of {len(names)}")
    return names


class SplatColumns:
    """The splats while they are read: arrays of the final size, filled block by block."""

    def __init__(self, element: PlyElement, rest: int) -> None:
        self.element, self.rest = element, rest
        self.flat = 2 if SCALES[2] not in element.names else 3
        used = {*MEANS, *DC, OPACITY, *SCALES, *ROTATION, *(f"f_rest_{index}" for index in range(rest))}
        self.unused = [name for name in element.names if name not in used]
        self.used = [name for name in element.names if name in used]

    def _allocate(self, count: int) -> None:
        degree_terms = 1 + self.rest // 3
        self.means = np.empty((count, 3), np.float32)
        self.log_scales = np.empty((count, self.flat), np.float32)
        self.rotations = np.empty((count, 4), np.float32)
        self.logit_opacities = np.empty(count, np.float32)
        self.sh = np.empty((count, degree_terms, 3), np.float32)
        dtype = self.element.dtype
        self.extra: dict[str, np.ndarray] = {}
        self.extra_types = {name: dtype[name].newbyteorder("=") for name in self.unused}
        self.exact: dict[str, np.ndarray] = {}
        self._places = self._find_places()
        self._sound = np.ones(count, bool)
        self._keeping = threading.Lock()
        self.dropped = 0

    def take_text(self, path: Path, header: PlyHeader, element: PlyElement) -> Job[None]:
        """Reads a text file, in one piece: its numbers have no fixed places."""
        yield Progress(0, 1, f"Reading {element.count:,} splats")
        table = read_element(path, header, element.name)
        self._allocate(element.count)
        for start in range(0, len(table), BLOCK):
            self._take(start, table[start : start + BLOCK])
            yield Progress(start, len(table), "Reading splats")
        self._finish()

    def take_binary(self, path: Path, header: PlyHeader, element: PlyElement, before: int) -> Job[None]:
        """Reads a binary file block by block, so that no more than the arrays and some blocks are in memory. Threads
        share the blocks: the memory of the arrays is new, and taking it costs as much time as filling it."""
        count, start, dtype = element.count, header.data_offset + before, element.dtype
        fitting = max(0, path.stat().st_size - start) // dtype.itemsize
        if fitting < count:
            raise BadFile(path, f"ends after {fitting:,} of {count:,} splats")
        self._allocate(count)

        def take(row: int) -> None:
            block = np.fromfile(path, dtype, min(BLOCK, count - row), offset=start + row * dtype.itemsize)
            if len(block) < min(BLOCK, count - row):
                raise BadFile(path, f"ends after {row + len(block):,} of {count:,} splats")
            self._take(row, block)

        with ThreadPoolExecutor(threads()) as pool:
            step = BLOCK * BLOCKS_PER_STEP
            for first in range(0, count, step):
                list(pool.map(take, range(first, min(first + step, count), BLOCK)))
                yield Progress(first, count, f"Reading {count:,} splats")
        self._finish()

    def _take(self, start: int, block: np.ndarray) -> None:
        """Puts the rows of `block`, structured as in the file, to `start` and those behind it."""
        rows = slice(start, start + len(block))
        table = _numbers(block)
        for array, places, columns in self._places:
            array[rows, places] = table[:, columns]
        self._keep_exact(block, rows)
        for name in self.unused:
            self._keep_extra(name, block[name], rows)
        # A sum with a number in it that is not finite isn't either, and takes a fifth of the time of looking at each.
        with np.errstate(invalid="ignore"):
            sums = [array[rows].sum(dtype=np.float64) for array in self._attributes()]
        if not np.isfinite(sums).all():
            finite = [np.isfinite(array[rows]).all(1) for array in self._attributes()]
            self._sound[rows] = np.logical_and.reduce(finite)

    def _find_places(self) -> list[tuple[np.ndarray, slice, slice | list[int]]]:
        """Where columns go: an array in two dimensions, places in its rows, and the columns of the file."""
        terms = self.rest // 3
        sh = self.sh.reshape(len(self.sh), 3 * self.sh.shape[1])
        found = [
            (self.means, slice(None), MEANS),
            (self.log_scales, slice(None), SCALES[: self.flat]),
            (self.rotations, slice(None), ROTATION),
            (self.logit_opacities[:, None], slice(None), (OPACITY,)),
            (sh, slice(3), DC),
        ]
        for channel in range(3 if terms else 0):
            names = [f"f_rest_{channel * terms + term}" for term in range(terms)]
            found.append((sh, slice(3 + channel, None, 3), names))
        return [(array, places, self._columns(names)) for array, places, names in found]

    def _columns(self, names: Sequence[str]) -> slice | list[int]:
        """Where these columns are in a row; a slice, which numpy copies ten times faster, where one follows another."""
        found = [self.element.names.index(name) for name in names]
        side_by_side = found == list(range(found[0], found[0] + len(found)))
        return slice(found[0], found[0] + len(found)) if side_by_side else found

    def _keep_extra(self, name: str, column: np.ndarray, rows: slice) -> None:
        """Keeps a column without meaning from its first value that is not zero, bit for bit, on."""
        if name not in self.extra and not column.tobytes().strip(b"\0"):
            return
        with self._keeping:
            if name not in self.extra:
                self.extra[name] = np.zeros(len(self.means), self.extra_types[name])
        self.extra[name][rows] = column

    def _keep_exact(self, block: np.ndarray, rows: slice) -> None:
        """Keeps columns whose values f32 does not hold."""
        for name in self.used:
            if block.dtype[name].itemsize <= 4 and block.dtype[name].kind == "f":
                continue
            with self._keeping:
                if name not in self.exact:
                    self.exact[name] = np.zeros(len(self.means), block.dtype[name].newbyteorder("="))
            self.exact[name][rows] = block[name]

    def _attributes(self) -> list[np.ndarray]:
        """What every splat has, in two dimensions."""
        own = (self.means, self.log_scales, self.rotations, self.logit_opacities, self.sh)
        return [array.reshape(len(array), -1) for array in own]

    def _finish(self) -> None:
        """Brings what was kept into the order of the file, and leaves out the rows with values that are not finite."""
        self.extra = {name: self.extra[name] for name in self.unused if name in self.extra}
        self.exact = {name: self.exact[name] for name in self.used if name in self.exact}
        self.dropped = int(np.count_nonzero(~self._sound))
        if not self.dropped:
            return
        for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
            setattr(self, name, getattr(self, name)[self._sound])
        self.extra = {name: array[self._sound] for name, array in self.extra.items()}
        self.exact = {name: array[self._sound] for name, array in self.exact.items()}

    def asset(self, name: str, provenance: Provenance) -> Gaussians:
        """The asset, with sentences about what was wrong in the rows."""
        warnings = provenance.warnings
        if self.dropped:
            provenance.dropped = self.dropped
            warnings.append(f"{self.dropped:,} of {self.element.count:,} splats held NaN or infinite values; left out.")
        zero = int((~self.rotations.any(1)).sum())
        if zero:
            warnings.append(f"{zero:,} splats have no rotation (a zero quaternion) and are drawn unrotated.")
        odd = int((np.abs(self.log_scales) > LARGEST_LOG_SCALE).any(1).sum())
        if odd:
            warnings.append(f"{odd:,} splats have sizes beyond e^±{LARGEST_LOG_SCALE:g} and are drawn at that size.")
        arrays = (self.means, self.log_scales, self.rotations, self.logit_opacities, self.sh)
        return Gaussians(name, *arrays, extra=self.extra, provenance=provenance)


def _numbers(block: np.ndarray) -> np.ndarray:
    """Rows structured as in the file, as (n, columns) f32; without a copy where they are just that."""
    names = block.dtype.names
    if block.dtype.itemsize == 4 * len(names) and all(block.dtype[name] == np.float32 for name in names):
        return block.view(np.float32).reshape(len(block), -1)
    table = np.empty((len(block), len(names)), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for column, name in enumerate(names):
            table[:, column] = block[name]
    return table


def attribute_columns(holder: SplatColumns | Gaussians) -> dict[str, np.ndarray]:
    """The columns of a splat file, by name, as views (N,) of the arrays of `holder`."""
    columns = {name: holder.means[:, axis] for axis, name in enumerate(MEANS)}
    columns |= {name: holder.sh[:, 0, channel] for channel, name in enumerate(DC)}
    terms = holder.sh.shape[1] - 1
    columns |= {f"f_rest_{index}": holder.sh[:, 1 + index % terms, index // terms] for index in range(3 * terms)}
    columns[OPACITY] = holder.logit_opacities
    columns |= {SCALES[axis]: holder.log_scales[:, axis] for axis in range(holder.log_scales.shape[1])}
    return columns | {name: holder.rotations[:, axis] for axis, name in enumerate(ROTATION)}
