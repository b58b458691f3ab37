"""Splats on their way into and out of the compact formats, which hold means, three sizes, rotations, opacities and
colours, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..asset import Provenance
from ..errors import BadFile
from ..gaussians import LARGEST_LOG_SCALE, Gaussians, TrainerNotes
from ..progress import Job, Progress, stage
from . import packing
from .linear_light import encoded
from .transform import baked

SURFEL_LOG_SCALE = float(np.log(1e-6))
"""The thickness that a surfel gets where a format wants one, ln σ."""

USUAL_UP = "-y"
"""Trainers keep COLMAP's frame, whose y points down."""

_BLOCK = 65536


def plain(asset: Gaussians, keeps_linear: bool = False) -> Job[Gaussians]:
    """A job that returns a copy with nothing but what every format holds: its transform baked in, three sizes within
    e^±20, what was smoothed in 3D as it is drawn, unit quaternions, colours as sRGB, and only rows whose values are
    finite. keeps_linear: colours of linear light stay what they are."""
    notes, up = asset.notes, asset.world_up()
    if not np.array_equal(asset.transform, np.eye(4)):
        asset = yield from stage(baked(asset), 0.0, 0.5)
    count = len(asset)
    log_scales, rotations = np.empty((count, 3), np.float32), np.empty((count, 4), np.float32)
    logit_opacities = asset.logit_opacities.astype(np.float32)
    sound = np.ones(count, bool)
    for start in range(0, count, _BLOCK):
        rows = slice(start, start + _BLOCK)
        sound[rows] = _sound([array[rows] for array in _arrays(asset)])
        log_scales[rows] = _three(asset.log_scales[rows])
        if "filter_3D" in asset.extra:
            scales, dense = asset.drawn(rows)
            log_scales[rows], logit_opacities[rows] = logarithms(scales), packing.logits(dense)
        rotations[rows] = packing.unit_quaternions(asset.rotations[rows])
        yield Progress(start, count, f"Gathering {count:,} splats")
    arrays = [asset.means, log_scales, rotations, logit_opacities, asset.sh]
    if not sound.all():
        arrays = [array[sound] for array in arrays]
    noted = TrainerNotes(notes.antialiasing, notes.kernel, notes.color_space, up)
    out = Gaussians(asset.name, *arrays, notes=noted)
    return out if keeps_linear else (yield from encoded(out))


def _three(log_scales: np.ndarray) -> np.ndarray:
    """Sizes (n,3) f32 within what is drawn."""
    clipped = np.clip(log_scales, -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE)
    if clipped.shape[1] == 3:
        return clipped
    return np.pad(clipped, ((0, 0), (0, 1)), constant_values=SURFEL_LOG_SCALE)


def _arrays(asset: Gaussians) -> tuple[np.ndarray, ...]:
    return asset.means, asset.log_scales, asset.rotations, asset.logit_opacities, asset.sh


def _sound(arrays: list[np.ndarray]) -> np.ndarray:
    """Which rows (n,) hold only finite values, in all of the arrays (n,…)."""
    # A row with a NaN or an infinity has a sum that isn't finite; f64 keeps finite f32 values from overflowing.
    sums = [array.sum(tuple(range(1, array.ndim)), dtype=np.float64) for array in arrays]
    return np.isfinite(np.sum(sums, 0))


def received(path: Path, splats: Gaussians) -> Job[list[Gaussians]]:
    """A job that makes what a format has decoded fit for use, and returns it as the one asset of the file.

    Rows with a value that is not finite are left out of all arrays, sizes are brought into e^±20, quaternions to length
    1, and sentences about it are added to the warnings. Arrays that can be written into are. Raises BadFile where
    nothing is left.
    """
    warnings, count = splats.provenance.warnings, len(splats)
    splats.log_scales = np.require(splats.log_scales, np.float32, "W")
    splats.rotations = np.require(splats.rotations, np.float32, "W")
    sound = np.empty(count, bool)
    odd = zero = 0
    for start in range(0, count, _BLOCK):
        rows = slice(start, start + _BLOCK)
        with np.errstate(invalid="ignore", over="ignore"):
            sound[rows] = _sound([array[rows] for array in _arrays(splats)])
            kept = sound[rows]
            odd += int((kept & (np.abs(splats.log_scales[rows]) > LARGEST_LOG_SCALE).any(1)).sum())
            zero += int((kept & (np.abs(splats.rotations[rows]).max(1) < packing.SHORTEST)).sum())
            np.clip(splats.log_scales[rows], -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE, out=splats.log_scales[rows])
            splats.rotations[rows] = packing.unit_quaternions(splats.rotations[rows])
        yield Progress(0.3 * start / count, 1, f"Checking {count:,} splats")
    if not sound.all():
        if not sound.any():
            raise BadFile(path, "holds no splat whose values are all finite")
        for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
            setattr(splats, name, getattr(splats, name)[sound])
        splats.provenance.dropped = count - int(sound.sum())
        warnings.append(f"{count - sound.sum():,} of {count:,} splats held NaN or infinite values; left out.")
    if odd:
        warnings.append(f"{odd:,} splats have sizes beyond e^±{LARGEST_LOG_SCALE:g} and are given that size.")
    if zero:
        warnings.append(f"{zero:,} splats have no rotation (a zero quaternion) and are drawn unrotated.")
    splats.order = yield from stage(splats.by_visibility(), 0.3, 1.0)
    return [splats]


def logarithms(scales: np.ndarray) -> np.ndarray:
    """ln σ (N,3) f32 of linear sizes; 0 becomes the smallest size there is, a negative one NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.log(np.asarray(scales, np.float32)), np.float32(-LARGEST_LOG_SCALE))


def told(mode: str | None, up: str | None, provenance: Provenance, silent: str = "default") -> TrainerNotes:
    """Notes of what a file declares about drawing: `mode` "default", "mip", "2dgs", or None where it says nothing and
    `silent` holds; `up` the axis that it calls up. Entered in the provenance as declared or guessed."""
    antialiasing = "mip" if (mode or silent) == "mip" else "classic"
    kernel = "2dgs" if (mode or silent) == "2dgs" else "3dgs"
    (provenance.declared if mode else provenance.guessed).update({"antialiasing": antialiasing, "kernel": kernel})
    if up:
        provenance.declared["up axis"] = up
    else:
        provenance.guessed["up axis"] = f"{USUAL_UP} (the frame of COLMAP)"
    return TrainerNotes(antialiasing, kernel, up_axis=up or USUAL_UP)
