"""How splats fall onto a picture: the exact rules, in numpy and f64, for the reference renderer and for picking.

Elliptical weighted average splatting (Zwicker et al. 2001) as 3D Gaussian Splatting uses it: a covariance passes
through the Jacobian of the projection at its mean and grows by 0.3 px². The position at which the Jacobian is taken is
held within the picture and a margin, since far outside the linear map says nothing. shaders/gaussian_project.glsl
follows the same rules in f32. Surfels fall onto it by other rules: splats/surfels.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.deform.warp import Warp
from assets.gaussians import FAINTEST_OPACITY, LARGEST_RADIUS_PX, Gaussians
from assets.splats import quaternions

from ..camera import Camera

NEAR = 0.01
"""Splats nearer to the camera are not drawn, whatever the frame's near plane is."""

DILATION_PX2 = 0.3
"""Added to both variances in the picture: no splat is smaller than about a pixel."""

SMALLEST_COMPENSATION = 0.005
"""The share of its opacity that a splat keeps at least where antialiasing compensates for the dilation."""

LARGEST_ALPHA = 0.99
SMALLEST_TRANSMITTANCE = 1e-4
MARGIN = 0.3
"""Share of half the field of view by which the Jacobian's position may lie outside of the picture."""

DOT_PX = 3.0
"""Diameter of the dots that stand for splats where only their centres are shown."""

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
"""From OpenGL's camera axes (y up, z backward) to those of pictures (y down, z forward)."""


@dataclass
class FlatSplats:
    """Splats in a picture. rows: which of the asset's; centers (n,2) px; covariances (n,3) px²: xx, xy, yy; depths (n,)
    along the viewing axis in world units; opacities (n,) after any compensation."""

    rows: np.ndarray
    centers: np.ndarray
    covariances: np.ndarray
    depths: np.ndarray
    opacities: np.ndarray

    def reach(self) -> np.ndarray:
        """Half width and height (n,2) px of the box in which a splat adds at least FAINTEST_OPACITY."""
        return cutoffs(self.opacities)[:, None] * np.sqrt(self.covariances[:, [0, 2]])

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper ends (n,2) px of these boxes."""
        reach = self.reach()
        return self.centers - reach, self.centers + reach

    def conics(self) -> np.ndarray:
        """The inverse covariances (n,3): xx, xy, yy."""
        xx, xy, yy = self.covariances.T
        return np.stack([yy, -xy, xx], 1) / (xx * yy - xy * xy)[:, None]

    def alphas(self, x: float, y: float) -> np.ndarray:
        """Opacity of each splat at the picture position (x, y): (n,), 0 where it is too faint to be drawn."""
        dx, dy = x - self.centers[:, 0], y - self.centers[:, 1]
        xx, xy, yy = self.conics().T
        return drawn_alpha(self.opacities, xx * dx * dx + 2 * xy * dx * dy + yy * dy * dy)


def cutoffs(opacities: np.ndarray) -> np.ndarray:
    """How many σ (n,) splats of some `opacities` (n,) reach until they are too faint to be drawn."""
    return np.sqrt(2 * np.log(np.maximum(opacities / FAINTEST_OPACITY, 1.0)))


def drawn_alpha(opacities: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Opacity (n,) at squared distances (n,) in σ from the middle, 0 where that is too faint to be drawn."""
    alpha = np.minimum(opacities * np.exp(-0.5 * squares), LARGEST_ALPHA)
    return np.where(alpha >= FAINTEST_OPACITY, alpha, 0)


def camera_matrix(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    """From the asset's own frame to picture axes: x right, y down, z forward; (4,4) f64."""
    return FLIP @ camera.view_matrix() @ gaussians.transform


def shown(gaussians: Gaussians, scales: np.ndarray, opacities: np.ndarray, diagonal: float) -> np.ndarray:
    """Which splats (n,) the display settings leave, given their sizes (n,3) and opacities (n,). `diagonal` is that of
    the asset's bounds; a splat's own extent is six of its largest σ."""
    display = gaussians.display
    keep = (opacities >= display.min_opacity) & (opacities <= display.max_opacity)
    if display.max_scale < 1.0:
        keep &= 6 * scales.max(1) <= display.max_scale * diagonal
    return keep


def largest_radius(gaussians: Gaussians, pixel_ratio: float = 1.0) -> float:
    """Three σ in the picture, px, beyond which the display hides a splat."""
    limit = gaussians.display.max_radius
    return limit * pixel_ratio if limit < LARGEST_RADIUS_PX else 3e38


def diagonal_of(gaussians: Gaussians) -> float:
    """Length of the diagonal of the bounds, 0 for an empty asset."""
    bounds = gaussians.local_bounds()
    return 0.0 if bounds is None else float(np.linalg.norm(bounds[1] - bounds[0]))


@dataclass
class Placed:
    """Splats before a camera, which the display shows. rows (n,); position (n,3) in picture axes; axes (n,3,3), whose
    columns are the half axes at one σ in picture axes; opacities (n,) f64."""

    rows: np.ndarray
    position: np.ndarray
    axes: np.ndarray
    opacities: np.ndarray


def placed(gaussians: Gaussians, rows: np.ndarray, camera: Camera, diagonal: float, warp: Warp | None = None) -> Placed:
    """The `rows` (n,) of an asset, bent by `warp`, without what the display or the near plane hides."""
    matrix = camera_matrix(gaussians, camera)
    scales, opacities = gaussians.drawn(rows)
    keep = shown(gaussians, scales, opacities, diagonal) & (opacities >= FAINTEST_OPACITY)
    means = gaussians.means[rows].astype(np.float64)
    if warp is not None:
        means = warp.skin.points(means, warp.bindings[0], rows)
    position = means @ matrix[:3, :3].T + matrix[:3, 3]
    keep &= position[:, 2] > NEAR
    rows = rows[keep]
    axes = quaternions.to_matrices(gaussians.rotations[rows]) * scales[keep, None, :] * gaussians.display.size
    if warp is not None:
        axes = warp.skin.gradients(warp.bindings[0], rows) @ axes
    return Placed(rows, position[keep], matrix[:3, :3] @ axes, opacities[keep].astype(np.float64))


def project(
    gaussians: Gaussians, rows: np.ndarray, camera: Camera, diagonal: float, warp: Warp | None = None
) -> FlatSplats:
    """The `rows` (n,) of an asset, bent by `warp`, as they fall onto the camera's picture, without those that add
    nothing to it."""
    there = placed(gaussians, rows, camera, diagonal, warp)
    opacities = there.opacities
    centers, jacobian = _linearized(there.position, camera)
    (xx, xy, yy), sharp, area = _flattened(jacobian @ there.axes)
    if gaussians.notes.antialiasing == "mip":
        opacities = opacities * np.sqrt(np.maximum(sharp / area, SMALLEST_COMPENSATION**2))
    radius = _radius(xx, yy, area)
    keep = (opacities >= FAINTEST_OPACITY) & (radius <= largest_radius(gaussians))
    radius = np.ceil(radius)[:, None]
    keep &= ((centers + radius > 0) & (centers - radius < (camera.width, camera.height))).all(1)
    flat = np.stack([xx, xy, yy], 1)
    return FlatSplats(there.rows[keep], centers[keep], flat[keep], there.position[keep, 2], opacities[keep])


def radii(gaussians: Gaussians, rows: np.ndarray, camera: Camera, warp: Warp | None = None) -> np.ndarray:
    """Three σ (n,) px of the `rows` along the longer axis that they have in the camera's picture; NaN for those that it
    does not show. Surfels are taken for flat ellipsoids."""
    there = placed(gaussians, rows, camera, diagonal_of(gaussians), warp)
    centers, jacobian = _linearized(there.position, camera)
    (xx, _, yy), _, area = _flattened(jacobian @ there.axes)
    radius = _radius(xx, yy, area)
    reach = radius[:, None]
    inside = ((centers + reach > 0) & (centers - reach < (camera.width, camera.height))).all(1)
    out = np.full(len(rows), np.nan)
    out[np.isin(rows, there.rows, assume_unique=True)] = np.where(inside, radius, np.nan)
    return out


def _flattened(axes: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """Covariances xx, xy, yy (n,) px² of half axes (n,2,3) px with the dilation, and their determinants (n,) without
    and with it."""
    xx, xy, yy = ((axes[:, i] * axes[:, j]).sum(1) for i, j in ((0, 0), (0, 1), (1, 1)))
    sharp = xx * yy - xy * xy
    xx, yy = xx + DILATION_PX2, yy + DILATION_PX2
    return (xx, xy, yy), sharp, np.maximum(xx * yy - xy * xy, 1e-10)


def _radius(xx: np.ndarray, yy: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Three σ (n,) px along the longer axis of covariances whose determinant is `area`."""
    middle = (xx + yy) / 2
    return 3 * np.sqrt(middle + np.sqrt(np.maximum(middle**2 - area, 0.01)))


def _linearized(position: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Picture positions (n,2) px of points (n,3) in picture axes, and the Jacobian (n,2,3) there."""
    jacobian = np.zeros((len(position), 2, 3))
    middle = np.array([camera.cx, camera.cy])
    if camera.ortho_height is not None:
        focal = 1 / camera.ortho_pixel()
        jacobian[:, 0, 0] = jacobian[:, 1, 1] = focal
        return position[:, :2] * focal + middle, jacobian
    focal, size = np.array([camera.fx, camera.fy]), np.array([camera.width, camera.height])
    slope = position[:, :2] / position[:, 2:]
    margin = MARGIN * 0.5 * size / focal
    held = np.clip(slope, -middle / focal - margin, (size - middle) / focal + margin)
    inverse = 1 / position[:, 2]
    jacobian[:, 0, 0], jacobian[:, 1, 1] = focal[0] * inverse, focal[1] * inverse
    jacobian[:, :, 2] = -focal * held * inverse[:, None]
    return slope * focal + middle, jacobian


def normals(gaussians: Gaussians, rows: np.ndarray, camera: Camera) -> np.ndarray:
    """Unit normals (n,3) f64 of the `rows` in the world, towards the viewer: across the two longer axes of each, which
    for surfels are those of their planes."""
    scales, _ = gaussians.drawn(rows)
    if gaussians.notes.kernel == "2dgs":
        scales[:, 2] = 0
    axes = gaussians.transform[:3, :3] @ quaternions.to_matrices(gaussians.rotations[rows])
    # Where several are shortest, the last of them.
    shortest = 2 - scales[:, ::-1].argmin(1)
    first, second = (axes[np.arange(len(axes)), :, (shortest + step) % 3] for step in (1, 2))
    found = np.cross(first, second)
    places = gaussians.means[rows] @ gaussians.transform[:3, :3].T + gaussians.transform[:3, 3]
    seen = -camera.camera_to_world[:3, 2] if camera.ortho_height is not None else places - camera.eye
    found[(found * seen).sum(1) > 0] *= -1
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-30)


def view_directions(gaussians: Gaussians, rows: np.ndarray, camera: Camera) -> np.ndarray:
    """Unit directions (n,3) f64 in which the `rows` are seen, in the asset's own frame, where its SH live."""
    inverse = np.linalg.inv(gaussians.transform)
    if camera.ortho_height is not None:
        direction = inverse[:3, :3] @ -camera.camera_to_world[:3, 2]
        return np.broadcast_to(direction / np.linalg.norm(direction), (len(rows), 3))
    eye = inverse[:3, :3] @ camera.eye + inverse[:3, 3]
    directions = gaussians.means[rows] - eye
    return directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-30)
