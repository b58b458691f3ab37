"""Triplanes of published families in numpy files: .npz with the family's keys, or .npy planes with --decoder."""

from __future__ import annotations

from pathlib import Path

from ..asset import Asset
from ..fields.source import triplanes_in
from ..files.tensor_file import NPY_MAGIC, is_npz, open_tensors
from ..progress import Job, Progress
from . import Format, ReadOptions


def sniff(path: Path, head: bytes) -> int:
    """See `Format.sniff`."""
    return 40 if head.startswith(NPY_MAGIC) or is_npz(head) else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads the triplanes; see `Format.load`."""
    yield Progress(0, 1, "Reading planes and decoder")
    return triplanes_in(open_tensors(path), path, options.decoder)


FORMAT = Format("numpy arrays", (".npz", ".npy"), ("triplane",), sniff, load)
