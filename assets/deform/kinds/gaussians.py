"""Gaussian splats under a deformation: centres move, shapes turn and stretch, view-dependent colours turn with them."""

from __future__ import annotations

import numpy as np

from ...gaussians import FAINTEST_OPACITY, Gaussians
from ...progress import Job, Progress, stage
from ...splats import quaternions
from ...splats.harmonic_turning import turned
from ...splats.split import split_stretched
from ...splats.stretching import axis_stretch, stretched
from ..applying import BLOCK, Moved, are_rigid, dressed, moved_blocks
from ..clouds import SAMPLES, Extents, cloud_matter, nearest
from ..matter import Matter
from . import Deformable, Elements

VISIBLE = 0.1
"""Splats from this opacity on are matter, or all that are drawn where none is as dense as that."""

_NORMALS = ("nx", "ny", "nz")
_SMOOTHING = "filter_3D"


def stripped(asset: Gaussians) -> Gaussians:
    """A copy without colours and without what is only kept for saving."""
    no_colours = np.empty((len(asset), 0, 3), np.float32)
    extra = {name: column for name, column in asset.extra.items() if name == _SMOOTHING}
    shapes = (asset.means, asset.log_scales, asset.rotations, asset.logit_opacities)
    light = Gaussians(asset.name, *shapes, no_colours, extra)
    light.order = asset.order
    return light


def matter(asset: Gaussians) -> Job[tuple[Matter, list[Elements]]]:
    """Splats that are dense enough are matter, the most visible ones first; neighbours hang together where they are
    close for where they lie and the splats themselves reach across the gap. All splats are elements."""
    chosen = yield from stage(_visible(asset), 0.0, 0.2)
    samples = asset.means[chosen].astype(np.float64)
    axes = quaternions.to_matrices(asset.rotations[chosen]).astype(np.float32)
    extents = Extents(asset.means[chosen], asset.drawn(chosen)[0], axes)
    found, near = yield from stage(cloud_matter(samples, extents), 0.2, 0.6)
    near = yield from stage(nearest(asset.means, samples, near), 0.6, 1.0)
    return found, [Elements(asset.means, near)]


def _visible(asset: Gaussians) -> Job[np.ndarray]:
    """The most visible splats (n,), at most SAMPLES."""
    order = asset.order
    if order is None:
        order = yield from stage(asset.by_visibility(), 0.0, 0.5)
    dense, faint, held = [], [], 0
    for start in range(0, len(order), BLOCK):
        rows = order[start : start + BLOCK].astype(np.int64)
        opacities = asset.drawn(rows)[1]
        dense.append(rows[opacities >= VISIBLE])
        faint.append(rows[opacities >= FAINTEST_OPACITY] if held == 0 else rows[:0])
        held += len(dense[-1])
        if held >= SAMPLES:
            break
        yield Progress(0.5 + 0.5 * start / len(order), 1, "Looking for visible splats")
    chosen = np.concatenate(dense if held else faint) if dense else np.empty(0, np.int64)
    return chosen[:SAMPLES]


def applied(asset: Gaussians, split: bool = False) -> Job[Gaussians]:
    """A copy with moved, turned and stretched splats. split: those that were stretched to more than twice their length
    become several (then `order` is to be made again). What did not move keeps its bytes."""
    flat = _duplicate(asset)
    bending = _Bending(asset, flat)
    stretch = np.ones(asset.log_scales.shape, np.float32) if split else None
    skin, binding = asset.warp.skin, asset.warp.bindings[0]
    for moved in moved_blocks(asset.warp, binding, asset.means):
        bending.write(moved, skin.rotations(binding, moved.rows))
        if split:
            stretch[moved.rows] = np.exp(flat.log_scales[moved.rows] - asset.log_scales[moved.rows])
        yield Progress((0.8 if split else 1.0) * moved.done / len(asset), 1, "Bending splats")
    bending.finish()
    return (yield from stage(split_stretched(flat, stretch), 0.8, 1.0)) if split else flat


def stretch_of(asset: Gaussians) -> np.ndarray:
    """How many times longer the warp makes each splat along the axis that it stretches most: (N,) f32, 1 at rest."""
    out = np.ones(len(asset), np.float32)
    if asset.warp is None:
        return out
    flat = asset.log_scales.shape[1]
    for moved in moved_blocks(asset.warp, asset.warp.bindings[0], asset.means):
        out[moved.rows] = axis_stretch(moved.gradients, asset.rotations[moved.rows], flat).max(1, initial=0.0)
    return out


class _Bending:
    """Writes moved splats of `asset` into the copy `flat`."""

    def __init__(self, asset: Gaussians, flat: Gaussians) -> None:
        self._asset, self._flat = asset, flat
        self._smoothing = asset.extra.get(_SMOOTHING)
        if self._smoothing is not None:
            self._smoothing = self._smoothing.copy()
        self._normals = None
        if all(name in asset.extra for name in _NORMALS):
            self._normals = [asset.extra[name].copy() for name in _NORMALS]

    def write(self, moved: Moved, turns: np.ndarray) -> None:
        """The splats that moved, with their rotations `turns` (m,4)."""
        asset, flat, rows = self._asset, self._flat, moved.rows
        if not len(rows):
            return
        flat.means[rows] = moved.points
        log_scales, rotations = stretched(moved.gradients, asset.log_scales[rows], asset.rotations[rows])
        flat.rotations[rows] = rotations
        bent = ~are_rigid(moved.gradients)
        flat.log_scales[rows[bent]] = log_scales[bent]
        flat.sh[rows] = turned(asset.sh[rows], turns)
        if self._smoothing is not None:
            size = np.abs(np.linalg.det(moved.gradients)) ** (1 / 3)
            self._smoothing[rows] = self._smoothing[rows] * size
        if self._normals is not None:
            before = np.stack([column[rows] for column in self._normals], 1).astype(np.float64)
            after = np.einsum("nij,nj->ni", quaternions.to_matrices(turns), before)
            for axis, column in enumerate(self._normals):
                column[rows] = after[:, axis]

    def finish(self) -> None:
        """Gives the further columns to the copy."""
        if self._smoothing is not None:
            self._flat.extra[_SMOOTHING] = self._smoothing
        if self._normals is not None:
            self._flat.extra |= dict(zip(_NORMALS, self._normals, strict=True))


def _duplicate(asset: Gaussians) -> Gaussians:
    """A copy with arrays of its own for what may move."""
    flat = Gaussians(
        asset.name,
        asset.means.copy(),
        asset.log_scales.copy(),
        asset.rotations.copy(),
        asset.logit_opacities,
        asset.sh.copy(),
        dict(asset.extra),
        asset.notes,
        asset.layout,
        asset.provenance,
    )
    flat.order = asset.order
    return dressed(flat, asset)


DEFORMABLE = Deformable(Gaussians, stripped, matter, applied)
