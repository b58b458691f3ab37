"""Surfels against the formulas of 2D Gaussian Splatting (Huang et al. 2024), written out pixel by pixel here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.gaussians import Gaussians
from assets.progress import run
from renderers.camera import Camera
from renderers.reference.gaussians import render
from renderers.splats.surfels import project_surfels
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import picture, psnr

CAMERA = Camera.look_at((0.9, 0.7, 1.9), (0, 0, 0), width=64, height=48)
CAMERAS = {
    "perspective": CAMERA,
    "off-centre": CAMERA.cropped(15, -6, 60, 40),
    "inside": Camera.look_at((0.1, 0, 0.2), (1, 0, 0), fov_y_deg=80, width=64, height=48),
    "orthographic": replace(CAMERA, ortho_height=2.4),
}


def surfels(count: int = 60, seed: int = 4) -> Gaussians:
    """Large and small ones, without view-dependent colour."""
    splats = random_splats(count, 0, flat=True, seed=seed)
    splats.log_scales += np.float32(0.8)
    splats.log_scales[::5] -= np.float32(3.0)
    return splats


def to_pixels(camera: Camera) -> np.ndarray:
    """World (x, y, z, 1) → picture (x·d, y·d, d, 1) with the depth d, (4,4)."""
    view = np.diag([1.0, -1, -1, 1]) @ np.linalg.inv(camera.camera_to_world)
    lens = np.array([[camera.fx, 0, camera.cx, 0], [0, camera.fy, camera.cy, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    if camera.ortho_height is not None:
        scale = camera.height / camera.ortho_height
        lens = np.array([[scale, 0, 0, camera.cx], [0, scale, 0, camera.cy], [0, 0, 0, 1], [0, 0, 0, 1.0]])
    return lens @ view


def turned(q: np.ndarray) -> np.ndarray:
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def alpha_of(splats: Gaussians, row: int, camera: Camera, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Opacity and depth of one surfel at picture positions: equations 8 to 11 of the paper."""
    axes = turned(splats.rotations[row].astype(float))[:, :2] * np.exp(splats.log_scales[row].astype(float))
    h = np.zeros((4, 4))
    h[:3, :2], h[:3, 3], h[3, 3] = axes, splats.means[row], 1
    m = to_pixels(camera) @ h
    # Planes through the pixel, parallel to the eye: −d·x + X = 0, where row 2 gives d.
    hu, hv = (m[0] - x[..., None] * m[2]), (m[1] - y[..., None] * m[2])
    below = hu[..., 0] * hv[..., 1] - hu[..., 1] * hv[..., 0]
    u = (hu[..., 1] * hv[..., 3] - hu[..., 3] * hv[..., 1]) / below
    v = (hu[..., 3] * hv[..., 0] - hu[..., 0] * hv[..., 3]) / below
    straight = np.linalg.inv(camera.camera_to_world) @ h
    depth, own_depth = -(straight[2, 0] * u + straight[2, 1] * v + straight[2, 3]), -straight[2, 3]
    plane = np.where((depth > 0.01) | (camera.ortho_height is not None), u * u + v * v, np.inf)
    low, high, t = np.empty(2), np.empty(2), np.array([9.0, 9.0, -1.0])
    bottom = m[2, [0, 1, 3]]
    far = t @ (bottom * bottom)
    for axis in (0, 1):
        line = m[axis, [0, 1, 3]]
        middle = (t @ (line * bottom)) / far
        side = np.sqrt(max(middle**2 - (t @ (line * line)) / far, 0))
        low[axis], high[axis] = middle - side, middle + side
    centre = (low + high) / 2 if far < 0 else m[:2, 3] / m[2, 3]
    screen = 2 * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2)
    opacity = 1 / (1 + np.exp(-float(splats.logit_opacities[row])))
    alpha = np.minimum(0.99, opacity * np.exp(-0.5 * np.minimum(plane, screen)))
    shown = own_depth > 0.01 and opacity >= 1 / 255
    return np.where((alpha >= 1 / 255) & shown, alpha, 0), np.where(plane <= screen, depth, own_depth), own_depth


def expected(splats: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The picture (H,W,4), premultiplied, and the sum of weighted depths (H,W)."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    found = [alpha_of(splats, row, camera, x, y) for row in range(len(splats))]
    total, through = np.zeros((*x.shape, 4)), np.ones(x.shape)
    depths, going = np.zeros(x.shape), np.ones(x.shape, bool)
    for row in sorted(range(len(splats)), key=lambda row: found[row][2]):
        alpha, depth, _ = found[row]
        after = through * (1 - alpha)
        going &= after > 1e-4
        weight = np.where(going, alpha * through, 0)
        color = np.maximum(0.5 + 0.28209479177387814 * splats.sh[row, 0].astype(float), 0)
        total[..., :3] += weight[..., None] * color
        total[..., 3] += weight
        depths += np.where(weight > 0, weight * depth, 0)
        through = np.where(going, after, through)
    return total, depths


@pytest.mark.parametrize("name", CAMERAS)
def test_both_renderers_draw_what_the_paper_says(drawn, name: str) -> None:
    splats, camera = surfels(), CAMERAS[name]
    wanted, depths = expected(splats, camera)
    assert (wanted[..., 3] > 0.3).mean() > 0.3
    exact, depth = run(render(splats, camera))
    assert psnr(exact, wanted) >= 90
    weighted = np.where(exact[..., 3] > 0, np.nan_to_num(depth, posinf=0) * exact[..., 3], 0)
    np.testing.assert_allclose(weighted, depths, atol=2e-3)
    assert psnr(picture(drawn(splats), camera), wanted) >= 50


def test_a_tilted_surfel_is_as_perspective_shows_it(drawn) -> None:
    """Places at one distance in σ are equally faint, near and far, wherever they fall onto the picture."""
    splats = random_splats(1, 0, flat=True)
    splats.means[:], splats.rotations[:] = 0, (np.cos(0.6), np.sin(0.6), 0, 0)
    splats.log_scales[:], splats.logit_opacities[:], splats.sh[:] = np.log(0.6), 2.0, 1.0
    camera = Camera.look_at((0, 0, 2.2), (0, 0, 0), width=400, height=300)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    places = (turned(splats.rotations[0])[:, :2] * 0.6 @ (1.3 * np.array([np.cos(turns), np.sin(turns)]))).T
    seen = np.c_[places, np.ones(24)] @ to_pixels(camera).T
    x, y = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]
    wanted = np.exp(-0.5 * 1.3**2) / (1 + np.exp(-2.0))
    flat = project_surfels(splats, np.arange(1), camera, 1.0)
    for column, line in zip(x, y, strict=True):
        assert flat.alphas(column, line)[0] == pytest.approx(wanted, abs=1e-6)
    shown = picture(drawn(splats), camera)[..., 3]
    np.testing.assert_allclose(shown[y.astype(int), x.astype(int)], wanted, atol=0.02)
    # No ellipse around the projected mean would do: the nearer half is larger.
    assert (y.max() - camera.cy) / (camera.cy - y.min()) > 1.5 or (camera.cy - y.min()) / (y.max() - camera.cy) > 1.5


def test_a_surfel_seen_from_its_edge_stays_a_dot() -> None:
    splats = random_splats(1, 0, flat=True)
    splats.means[:], splats.rotations[:] = 0, (np.sqrt(0.5), np.sqrt(0.5), 0, 0)
    splats.log_scales[:], splats.logit_opacities[:] = np.log(0.2), 3.0
    camera = Camera.look_at((0, 0, 3), (0, 0, 0), width=33, height=33)
    image, _ = run(render(splats, camera))
    assert image[16, 16, 3] > 0.9 and image[19:, 16, 3].max() < 0.01 < image[16, 19, 3]


def test_what_reaches_behind_the_viewer_covers_the_picture(drawn) -> None:
    splats = surfels(1)
    splats.means[:], splats.log_scales[:], splats.logit_opacities[:] = (0, -0.2, 0), 1.5, 4.0
    splats.rotations[:] = (np.sqrt(0.5), np.sqrt(0.5), 0, 0)
    camera = Camera.look_at((0, 0.2, 0.5), (0, 0, 0), width=64, height=48)
    wanted, _ = expected(splats, camera)
    assert (wanted[24:, :, 3] > 0.5).all()
    assert psnr(picture(drawn(splats), camera), wanted) >= 50
    assert psnr(run(render(splats, camera))[0], wanted) >= 80


def test_a_kernel_of_surfels_leaves_thickness_out_of_account(drawn) -> None:
    flat = surfels()
    thick = Gaussians("thick", flat.means, np.pad(flat.log_scales, ((0, 0), (0, 1))), *rest_of(flat))
    thick.notes.kernel = "2dgs"
    np.testing.assert_array_equal(run(render(thick, CAMERA))[0], run(render(flat, CAMERA))[0])
    np.testing.assert_array_equal(picture(drawn(thick), CAMERA), picture(drawn(flat), CAMERA))


def rest_of(splats: Gaussians) -> tuple[np.ndarray, ...]:
    return splats.rotations, splats.logit_opacities, splats.sh


def test_depths_are_those_of_the_plane(drawn) -> None:
    splats = surfels()
    splats.set_display("mode", "depth")
    exact, _ = run(render(splats, CAMERA))
    shown = picture(drawn(splats), CAMERA)
    assert psnr(shown, exact) >= 48
