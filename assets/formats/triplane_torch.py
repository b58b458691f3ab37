"""Triplanes of published families in torch checkpoints: .pt, .pth, .ckpt, and .tar, which is no archive there."""

from __future__ import annotations

from pathlib import Path

from ..asset import Asset
from ..fields.source import triplanes_in
from ..files.tensor_file import ZIP_MAGIC, is_npz
from ..files.torch_file import LEGACY_MAGIC, is_torch, open_torch
from ..progress import Job, Progress, stage
from ..splats.checkpoint import find_splats, splats_of
from . import Format, ReadOptions

EXTENSIONS = (".pt", ".pth", ".ckpt", ".tar")


def sniff(path: Path, head: bytes) -> int:
    """See `Format.sniff`. A pickle under one of our suffixes is claimed, so that it is refused with its reason."""
    if is_torch(head):
        return 90
    pickled = head.startswith((ZIP_MAGIC, LEGACY_MAGIC[:1])) and not is_npz(head)
    return 30 if pickled and path.suffix.lower() in EXTENSIONS else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads the triplanes, or the splats of a trainer; see `Format.load`."""
    yield Progress(0, 2, "Reading the checkpoint")
    tensors = open_torch(path)
    found = find_splats(tensors.shapes)
    if found is not None and options.decoder is None:
        return (yield from stage(splats_of(tensors, found, path, options.further), 0.1, 1.0))
    yield Progress(1, 2, "Reading planes and decoder")
    return triplanes_in(tensors, path, options.decoder)


FORMAT = Format("torch checkpoint", EXTENSIONS, ("triplane", "gaussians"), sniff, load)
