"""Gaussian splats in torch checkpoints: gsplat's .pt, nerfstudio's .ckpt, INRIA's .pth (assets/splats/checkpoint.py).

The first bytes of a checkpoint need not tell what it holds, since its names stand anywhere in it, so one reader takes
splats and triplanes; what is told apart here is what people are told.
"""

from __future__ import annotations

from pathlib import Path

from ..files.folders import FolderLayout, newest
from ..files.torch_file import is_torch
from . import Format
from .triplane_torch import load

_SIGNS = (
    (b"means", b"quats", b"scales", b"opacities"),
    (b"xyz", b"quats", b"scales", b"opacities"),
    (b"f_dc", b"f_rest", b"opacity", b"scaling", b"rotation"),
)
"""Names that the pickle of a trainer has in it: of the arrays, or, for INRIA's tuple, of its optimiser's groups."""


def sniff(path: Path, head: bytes) -> int:
    """See `Format.sniff`."""
    return 95 if is_torch(head) and any(all(name in head for name in names) for names in _SIGNS) else 0


_NERFSTUDIO = FolderLayout(
    holds="nerfstudio's nerfstudio_models/step-….ckpt",
    find=newest("nerfstudio_models/step-{n}.ckpt", "step-{n}.ckpt", called="step {n}"),
    precedence=3,
)
_GSPLAT = FolderLayout(
    holds="gsplat's ckpts/ckpt_…_rank….pt",
    find=newest("ckpts/ckpt_{n}_rank{part}.pt", "ckpt_{n}_rank{part}.pt", called="step {n}"),
    precedence=3,
)

FORMAT = Format(
    name="Splat checkpoint",
    extensions=(".ckpt", ".pt", ".pth"),
    kinds=("gaussians", "triplane"),
    sniff=sniff,
    load=load,
    folders=(_NERFSTUDIO, _GSPLAT),
)
