"""Other rows of splats: fewer, as an edit of the data has them, copied block by block; and those of several files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..gaussians import Gaussians
from ..progress import Job, Progress
from .plain import SURFEL_LOG_SCALE

ARRAYS = ("means", "log_scales", "rotations", "logit_opacities", "sh")
BLOCK = 16384

State = dict[str, Any]


def kept(asset: Gaussians, keep: np.ndarray, state: State | None = None) -> Job[State]:
    """A job that returns the data, as `Asset.state` has them, of the splats that `keep` (N,) bool names.

    state: what takes the place of the asset's own data, for splats that were changed before. Columns of the file are
    cut as well, and the order in which splats matter stays that of those that are left.
    """
    now = {name: getattr(asset, name) for name in asset.data_fields} | (state or {})
    count = int(np.count_nonzero(keep))
    out = dict(state or {})
    for name in ARRAYS:
        out[name] = yield from _taken(now[name], keep, count)
    out["extra"] = {}
    for name, column in now["extra"].items():
        out["extra"][name] = yield from _taken(column, keep, count)
    layout = now["layout"]
    if layout is not None and layout.exact:
        exact = {}
        for name, column in layout.exact.items():
            exact[name] = yield from _taken(column, keep, count)
        out["layout"] = replace(layout, exact=exact)
    out["order"] = None if now["order"] is None else (yield from _reordered(now["order"], keep, count))
    return out


def joined(name: str, pieces: list[Gaussians]) -> Gaussians:
    """One asset of the rows of all `pieces`, which are used up. It has the highest SH degree among them, three sizes
    where one of them has, the notes of the first one and the warnings of all."""
    if len(pieces) == 1:
        pieces[0].name = name
        return pieces[0]
    terms = max(piece.sh.shape[1] for piece in pieces)
    axes = max(piece.log_scales.shape[1] for piece in pieces)
    warnings: dict[str, None] = {}
    for piece in pieces:
        warnings |= dict.fromkeys(piece.provenance.warnings)
        piece.sh = np.pad(piece.sh, ((0, 0), (0, terms - piece.sh.shape[1]), (0, 0)))
        missing = axes - piece.log_scales.shape[1]
        piece.log_scales = np.pad(piece.log_scales, ((0, 0), (0, missing)), constant_values=SURFEL_LOG_SCALE)
    arrays = {}
    for array in ARRAYS:
        arrays[array] = np.concatenate([vars(piece).pop(array) for piece in pieces])
    pieces[0].provenance.warnings = list(warnings)
    return Gaussians(name, **arrays, notes=pieces[0].notes, provenance=pieces[0].provenance)


def _taken(array: np.ndarray, keep: np.ndarray, count: int) -> Job[np.ndarray]:
    """The rows of `array` that are kept."""
    out, filled = np.empty((count, *array.shape[1:]), array.dtype), 0
    for start in range(0, len(keep), BLOCK):
        rows = slice(start, start + BLOCK)
        part = array[rows][keep[rows]]
        out[filled : filled + len(part)] = part
        filled += len(part)
        yield Progress(start, len(keep), "Taking splats out")
    return out


def _reordered(order: np.ndarray, keep: np.ndarray, count: int) -> Job[np.ndarray]:
    """An order of all rows as one of those that are kept."""
    places = np.cumsum(keep, dtype=np.uint32) - np.uint32(1)
    out, filled = np.empty(count, np.uint32), 0
    for start in range(0, len(order), BLOCK):
        part = order[start : start + BLOCK]
        part = places[part[keep[part]]]
        out[filled : filled + len(part)] = part
        filled += len(part)
        yield Progress(start, len(order), "Taking splats out")
    return out
