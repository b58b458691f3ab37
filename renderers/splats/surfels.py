"""How surfels fall onto a picture, exactly, in numpy and f64: 2D Gaussian Splatting (Huang et al. 2024).

A surfel is a disc with two tangents at its mean. A pixel's ray meets its plane at (u, v), in σ along them, and sees the
surfel's Gaussian there: no linear map is involved, so a tilted surfel is as perspective shows it. One that is seen too
small or from its edge never vanishes: a pixel sees the larger of that Gaussian and one on the screen with σ = √½ px, in
the middle of the box around the ellipse of 3 σ, as in the authors' rasteriser. Neither antialiasing of 3D Gaussian
Splatting applies. shaders/gaussian_surfel.glsl follows the same rules in f32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.deform.warp import Warp
from assets.gaussians import Gaussians

from ..camera import Camera
from .projection import NEAR, FlatSplats, cutoffs, drawn_alpha, largest_radius, placed, project
from .shapes import are_surfels

LOW_PASS_PX2 = 0.5
"""Variance of the Gaussian on the screen that a surfel never falls below."""

_LOW_PASS_CUTOFF = 3.0
_FRONT = 1e-6


@dataclass
class FlatSurfels:
    """Surfels in a picture. rows: which of the asset's; centers (n,2) px of their means; frames (n,2,2) px and tilts
    (n,2): (u, v) falls onto centers + frames · (u, v) / (1 + tilts · (u, v)), at the depth depths + away · (u, v), with
    depths (n,) of the means and away (n,2); low_pass (n,2) px, where their Gaussian on the screen is; opacities (n,).
    Tilts are away / depths, or 0 for an orthographic camera, which nothing that is seen lies behind."""

    rows: np.ndarray
    centers: np.ndarray
    frames: np.ndarray
    tilts: np.ndarray
    away: np.ndarray
    low_pass: np.ndarray
    depths: np.ndarray
    opacities: np.ndarray

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper ends (n,2) px of the boxes in which a surfel adds at least FAINTEST_OPACITY."""
        reach = cutoffs(self.opacities)
        low, high, bounded = outline(self.frames, self.tilts, reach)
        low, high = np.where(bounded[:, None], low, -np.inf), np.where(bounded[:, None], high, np.inf)
        around = np.sqrt(LOW_PASS_PX2) * reach[:, None]
        low, high = low + self.centers, high + self.centers
        return np.minimum(low, self.low_pass - around), np.maximum(high, self.low_pass + around)

    def homographies(self) -> np.ndarray:
        """(n,3,3): what the offset (x, y, 1), px, of a pixel from the centre becomes p, with (u, v) = p.xy / p.z. What
        lies before the viewer has p.z > 0."""
        (xu, xv), (yu, yv) = self.frames[:, 0].T, self.frames[:, 1].T
        a, b = self.tilts.T
        zero, front = np.zeros_like(a), xu * yv - xv * yu
        rows = [[yv, -xv, zero], [-yu, xu, zero], [b * yu - a * yv, a * xv - b * xu, front]]
        return np.where(front < 0, -1.0, 1.0)[:, None, None] * np.array(rows).transpose(2, 0, 1)

    def alphas(self, x: float, y: float) -> np.ndarray:
        """Opacity of each surfel at the picture position (x, y): (n,), 0 where it is too faint to be drawn."""
        off = np.array([x, y]) - self.centers
        p = self.homographies() @ np.concatenate([off, np.ones((len(off), 1))], 1)[:, :, None]
        p = p[:, :, 0]
        aside = np.array([x, y]) - self.low_pass
        screen = (aside * aside).sum(1) / LOW_PASS_PX2
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            place = p[:, :2] / p[:, 2:]
            before = (p[:, 2] > 0) & (self.depths * (1 + (self.tilts * place).sum(1)) > NEAR)
            plane = np.where(before, (place * place).sum(1), np.inf)
        return drawn_alpha(self.opacities, np.minimum(plane, screen))


def outline(frames: np.ndarray, tilts: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The box around the part of surfels within `reach` (n,) σ: lower and upper ends (n,2) px relative to the centres,
    and whether there is one (n,): not where that part reaches behind the viewer."""
    square = reach**2
    front = 1 - square * (tilts * tilts).sum(1)
    bounded = front > _FRONT
    front = np.where(bounded, front, 1)[:, None]
    middle = -square[:, None] * (frames * tilts[:, None]).sum(2)
    side = np.sqrt(middle**2 + front * square[:, None] * (frames * frames).sum(2))
    return (middle - side) / front, (middle + side) / front, bounded


def project_surfels(
    gaussians: Gaussians, rows: np.ndarray, camera: Camera, diagonal: float, warp: Warp | None = None
) -> FlatSurfels:
    """The `rows` (n,) of an asset, bent by `warp`, as they fall onto the camera's picture, without those that add
    nothing to it."""
    there = placed(gaussians, rows, camera, diagonal, warp)
    tangents, depths = there.axes[:, :, :2], there.position[:, 2]
    middle = np.array([camera.cx, camera.cy])
    if camera.ortho_height is not None:
        focal = np.full(2, 1 / camera.ortho_pixel())
        centers = there.position[:, :2] * focal + middle
        frames, tilts = tangents[:, :2] * focal[:, None], np.zeros((len(depths), 2))
    else:
        focal = np.array([camera.fx, camera.fy])
        slope = there.position[:, :2] / depths[:, None]
        centers = slope * focal + middle
        frames = (tangents[:, :2] - slope[:, :, None] * tangents[:, 2:]) * (focal / depths[:, None])[:, :, None]
        tilts = tangents[:, 2] / depths[:, None]
    low, high, bounded = outline(frames, tilts, np.full(len(depths), _LOW_PASS_CUTOFF))
    low_pass = centers + np.where(bounded[:, None], (low + high) / 2, 0)
    parts = (there.rows, centers, frames, tilts, tangents[:, 2], low_pass, depths, there.opacities)
    flat = FlatSurfels(*parts)
    xx, xy, yy = ((frames[:, i] * frames[:, j]).sum(1) for i, j in ((0, 0), (0, 1), (1, 1)))
    major = (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy)
    low, high = flat.boxes()
    keep = (3 * np.sqrt(major) <= largest_radius(gaussians)) & (low < (camera.width, camera.height)).all(1)
    keep &= (high > 0).all(1)
    return FlatSurfels(*(part[keep] for part in parts))


def project_as_drawn(
    gaussians: Gaussians, rows: np.ndarray, camera: Camera, diagonal: float, warp: Warp | None = None
) -> FlatSplats | FlatSurfels:
    """The `rows` (n,) of an asset in the picture, by the rules of its kernel."""
    rule = project_surfels if are_surfels(gaussians) else project
    return rule(gaussians, rows, camera, diagonal, warp)
