"""Splats trained in linear light, for files that cannot say so: their readers take every colour as sRGB.

What a splat shows along a direction is encoded by the curve of sRGB, and its coefficients are those whose function is
nearest to that, in the mean of squares over all directions. Without view-dependent colour that is the curve itself. To
first order it is the slope of the curve at the constant term, which is steep for what is dark: of three scenes with SH,
these coefficients miss the encoded colours by a third to two thirds as much as those do. Splats that overlap are still
blended otherwise than they were trained; no file but glTF can mend that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..gaussians import Gaussians
from ..meshes.color_space import srgb_from_linear
from ..progress import Job, Progress
from .spherical_harmonics import basis, spread_directions

_CAVEAT = (
    "Splats trained in linear light get sRGB colours in this format, and look a little different where they overlap; "
    "glTF keeps them as they are."
)

_BLOCK = 16384


def caveat(asset: Gaussians) -> str:
    """What a file that knows no colour space does to an asset, as a sentence for people; nothing for sRGB."""
    return _CAVEAT if asset.notes.color_space == "linear" else ""


def encoded(asset: Gaussians) -> Job[Gaussians]:
    """A job that returns a copy whose colours are sRGB, which shares all else; the asset itself where they are."""
    if asset.notes.color_space != "linear":
        return asset
    weights = basis(spread_directions(), asset.sh_degree).astype(np.float32)
    fit, half = np.linalg.pinv(weights), np.float32(0.5)
    sh = np.empty(asset.sh.shape, np.float32)
    for start in range(0, len(asset), _BLOCK):
        rows = slice(start, start + _BLOCK)
        # What is below zero is drawn as zero, so the curve does right with it.
        seen = srgb_from_linear(weights @ asset.sh[rows].astype(np.float32, copy=False) + half)
        sh[rows] = fit @ (seen - half)
        yield Progress(start, len(asset), f"Encoding the colours of {len(asset):,} splats")
    return asset.sharing(sh=sh, notes=replace(asset.notes, color_space="srgb"))
