"""Triplanes of published families in HDF5 files: .h5, .hdf5."""

from __future__ import annotations

from pathlib import Path

from ..asset import Asset
from ..fields.source import triplanes_in
from ..files.h5_file import is_h5, open_h5
from ..progress import Job, Progress
from . import Format, ReadOptions


def sniff(path: Path, head: bytes) -> int:
    """See `Format.sniff`."""
    return 90 if is_h5(head) else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads the triplanes; see `Format.load`."""
    yield Progress(0, 1, "Reading planes and decoder")
    return triplanes_in(open_h5(path), path, options.decoder)


FORMAT = Format("HDF5", (".h5", ".hdf5"), ("triplane",), sniff, load)
