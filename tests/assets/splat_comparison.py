"""How far apart two sets of splats are, attribute by attribute, whatever their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from assets.formats import ReadOptions, open_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats.spherical_harmonics import C0

DATA = Path(__file__).parents[1] / "data" / "gaussians"


def read(path: Path, **options: str) -> Gaussians:
    """The one asset in a file, which is all finite."""
    (asset,) = run(open_path(path, ReadOptions(**options)))
    for array in (asset.means, asset.log_scales, asset.rotations, asset.logit_opacities, asset.sh):
        assert array.dtype == np.float32 and np.isfinite(array).all()
    return asset


def same_rows(asset: Gaussians, other: Gaussians) -> Gaussians:
    """The splats of `other` that lie nearest to those of `asset`, in their order."""
    _, nearest = cKDTree(other.means).query(asset.means)
    assert len(set(nearest)) == len(asset), "no splat stands for two"
    return rows_of(other, nearest)


def rows_of(asset: Gaussians, rows: np.ndarray) -> Gaussians:
    """Some rows of an asset."""
    arrays = (asset.means, asset.log_scales, asset.rotations, asset.logit_opacities, asset.sh)
    return Gaussians(asset.name, *(array[rows] for array in arrays), notes=asset.notes)


def far_apart(asset: Gaussians, other: Gaussians, sh_limit: float = np.inf) -> dict[str, float]:
    """The largest differences of `asset` to the same rows of `other`: means, log_scales, turn (1 − |cos| of half the
    angle), opacity, display (colour of the DC term, cut to 0 … 1), dc, and sh of the bands that both have, without
    coefficients beyond ±`sh_limit`, which their format cuts off."""
    unit = [one.rotations / np.linalg.norm(one.rotations, axis=1, keepdims=True) for one in (asset, other)]
    opacity = [1 / (1 + np.exp(-one.logit_opacities.astype(np.float64))) for one in (asset, other)]
    display = [np.clip(one.sh[:, 0] * C0 + 0.5, 0, 1) for one in (asset, other)]
    terms = min(asset.sh.shape[1], other.sh.shape[1])
    ours, theirs = asset.sh[:, 1:terms], other.sh[:, 1:terms]
    within = np.abs(theirs) <= sh_limit
    return {
        "means": float(np.abs(asset.means - other.means).max()),
        "log_scales": float(np.abs(asset.log_scales - other.log_scales).max()),
        "turn": float(1 - np.abs(np.einsum("ni,ni->n", *unit)).min()),
        "opacity": float(np.abs(opacity[0] - opacity[1]).max()),
        "display": float(np.abs(display[0] - display[1]).max()),
        "dc": float(np.abs(asset.sh[:, 0] - other.sh[:, 0]).max()),
        "band_1": float(np.abs(ours - theirs)[:, :3][within[:, :3]].max(initial=0)),
        "sh": float(np.abs(ours - theirs)[within].max(initial=0)),
    }


def covariances(asset: Gaussians) -> np.ndarray:
    """(N,3,3) f64, with rotations by scipy."""
    axes = Rotation.from_quat(asset.rotations, scalar_first=True).as_matrix()
    axes = axes * np.exp(asset.log_scales.astype(np.float64))[:, None]
    return axes @ axes.transpose(0, 2, 1)


def assert_within(found: dict[str, float], **bounds: float) -> None:
    """Fails where a difference is larger than its bound."""
    assert not {name: value for name, value in found.items() if name in bounds and not value <= bounds[name]}, found
