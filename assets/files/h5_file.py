"""HDF5 files as named arrays: datasets of numbers by the names on the way to them, joined by dots.

Nothing outside the file is read: links to other files, data kept in other files and views of other datasets are
refused. What a dataset declares is checked against what the file stores of it before memory is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadFile
from .tensor_file import MAX_BYTES, MAX_RATIO, NUMBERS, Tensors

if TYPE_CHECKING:
    import h5py

H5_MAGIC = b"\x89HDF\r\n\x1a\n"

MAX_DEPTH = 8
"""How deep groups are looked into."""

MAX_NAMES = 10000
"""Links that are followed in one file."""

DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError)
"""What the library raises for a file that is not as it should be."""


def is_h5(head: bytes) -> bool:
    """Whether a file that begins with `head` is an HDF5 file."""
    return head.startswith(H5_MAGIC)


def open_h5(path: Path) -> Tensors:
    """The arrays in an HDF5 file. Raises BadFile."""
    import h5py

    try:
        size = path.stat().st_size
        with h5py.File(path, "r") as file:
            shapes = dict(_shapes(path, file, size))
    except DAMAGE as error:
        raise _damaged(path, error) from error
    return Tensors({name: shape for name, (shape, _) in shapes.items()}, lambda name: _read(path, shapes[name][1]))


def _shapes(path: Path, file: h5py.File, size: int) -> Iterator[tuple[str, tuple[tuple[int, ...], str]]]:
    """(dotted name, (shape, name in the file)) of each dataset of numbers; text is skipped."""
    total = 0
    for place, dataset in _datasets(path, file):
        name = place.strip("/").replace("/", ".")
        dtype, shape = dataset.dtype, dataset.shape
        if dataset.external or dataset.is_virtual:
            raise BadFile(path, f"keeps the values of {name} in another file, which is never opened")
        if dtype.kind not in NUMBERS or shape is None:
            _refuse_objects(path, name, dtype)
            continue
        stored, claimed = dataset.id.get_storage_size(), math.prod(shape) * dtype.itemsize
        if stored > size or claimed > stored * (MAX_RATIO if dataset.chunks else 1):
            raise BadFile(path, f"declares more values in {name} than it holds")
        total += claimed
        if total > MAX_BYTES:
            raise BadFile(path, f"would unpack to more than {MAX_BYTES >> 30} GiB")
        yield name, (tuple(int(side) for side in shape), place)


def _datasets(path: Path, file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset with its name in the file, each object once, whatever names lead to it."""
    import h5py

    waiting: list[tuple[h5py.Group, int]] = [(file, 0)]
    seen, followed = set(), 0
    while waiting:
        group, depth = waiting.pop(0)
        for key in group:
            followed += 1
            if followed > MAX_NAMES:
                raise BadFile(path, f"holds more than {MAX_NAMES} names")
            link = group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise BadFile(path, f"links {key} to another file, which is never opened")
            found = group[key] if isinstance(link, h5py.HardLink) else None
            place = None if found is None else h5py.h5o.get_info(found.id).addr
            if found is None or place in seen:
                continue
            seen.add(place)
            if isinstance(found, h5py.Dataset):
                yield f"{group.name.rstrip('/')}/{key}", found
            elif isinstance(found, h5py.Group) and depth < MAX_DEPTH:
                waiting.append((found, depth + 1))


def _refuse_objects(path: Path, name: str, dtype: np.dtype) -> None:
    """Raises BadFile for values that are neither numbers nor text: references, lists, records."""
    import h5py

    text = dtype.kind in "SU" or h5py.check_string_dtype(dtype) is not None
    if not text and dtype.kind in "OV":
        raise BadFile(path, f"stores {name} as objects, not as numbers")


def _read(path: Path, name: str) -> np.ndarray:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            array = np.asarray(file[name][()])
    except DAMAGE as error:
        raise _damaged(path, error) from error
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _damaged(path: Path, error: Exception) -> BadFile:
    if isinstance(error, FileNotFoundError):
        return BadFile(path, "cannot be read (No such file or directory)")
    return BadFile(path, "is no HDF5 file, or is damaged or cut off")
