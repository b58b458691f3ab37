"""The exact renderer against what gsplat's own reference computes, and against itself where that has no answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.progress import Progress, run
from assets.splats.transform import baked
from renderers.camera import Camera
from renderers.reference.gaussians import render
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import DATA, MODES, open_splats, oracle_camera, psnr

CAMERA = Camera.look_at((1.5, 1.0, 3.0), (0, 0, 0), width=96, height=64)


def check_view(splats_path: Path, view_path: Path) -> None:
    splats, view = open_splats(splats_path), np.load(view_path)
    for antialiasing, name in MODES.items():
        splats.notes.antialiasing = antialiasing
        image, depth = run(render(splats, oracle_camera(view), tuple(view["background"])))
        assert psnr(image[..., :3], view[f"rgb_{name}"]) >= 80
        assert psnr(image[..., 3], view[f"alpha_{name}"]) >= 80
        if antialiasing == "classic":
            weighted = np.where(image[..., 3] > 0, np.nan_to_num(depth, posinf=0) * image[..., 3], 0)
            np.testing.assert_allclose(weighted, view["depth_sum_classic"], atol=1e-3)


@pytest.mark.parametrize("index", [0, 1])
def test_the_bundled_oracle(index: int) -> None:
    check_view(DATA / "big200.ply", DATA / f"big200_view_{index}.npz")


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("name", ["surface16k", "real20k"])
def test_all_oracles(shared: Path, name: str, index: int) -> None:
    folder = shared / "oracles" / "gaussians"
    check_view(folder / f"{name}.ply", folder / f"{name}_view_{index}.npz")


def test_one_splat_by_hand() -> None:
    splats = random_splats(1, 0)
    splats.means[:], splats.log_scales[:], splats.logit_opacities[:] = 0, np.log(0.1), 0.0
    splats.sh[:] = 1.0
    camera = Camera.look_at((0, 0, 2), (0, 0, 0), width=33, height=33)
    image, depth = run(render(splats, camera))
    variance = (camera.fx * 0.1 / 2) ** 2 + 0.3
    x, y = np.meshgrid(np.arange(33) + 0.5 - 16.5, np.arange(33) + 0.5 - 16.5)
    alpha = 0.5 * np.exp(-0.5 * (x * x + y * y) / variance)
    alpha[alpha < 1 / 255] = 0
    np.testing.assert_allclose(image[..., 3], alpha, atol=1e-6)
    np.testing.assert_allclose(image[..., 0], alpha * (0.5 + 0.28209479), atol=1e-6)
    assert depth[16, 16] == pytest.approx(2.0) and np.isinf(depth[0, 0])


def test_an_orthographic_camera_sees_no_perspective() -> None:
    splats = random_splats(2, 0)
    splats.means[:] = [(-0.5, 0, -3), (0.5, 0, 0)]
    splats.log_scales[:], splats.logit_opacities[:], splats.sh[:] = np.log(0.1), 2.0, 1.0
    camera = Camera(Camera.look_at((0, 0, 5), (0, 0, 0)).camera_to_world, 1, 1, 32, 16, 64, 32, ortho_height=1.0)
    image, _ = run(render(splats, camera))
    np.testing.assert_allclose(image[:, :32], image[:, 32:], atol=1e-6)
    assert np.unravel_index(image[..., 3].argmax(), (32, 64))[1] in (15, 16, 47, 48)


def test_a_transform_looks_like_its_baked_copy() -> None:
    splats = random_splats(300)
    transform = np.eye(4)
    transform[:3, :3] = 0.8 * np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    transform[:3, 3] = (0.1, 0.2, -0.3)
    splats.transform = transform
    live, _ = run(render(splats, CAMERA))
    saved, _ = run(render(run(baked(splats)), CAMERA))
    assert psnr(live, saved) > 70


def test_what_lies_behind_the_depth_limit_is_hidden() -> None:
    splats = random_splats(500)
    limit = np.full((64, 96), np.inf)
    limit[:, 48:] = 0.0
    image, _ = run(render(splats, CAMERA, depth_limit=limit))
    free, _ = run(render(splats, CAMERA))
    np.testing.assert_array_equal(image[:, :48], free[:, :48])
    assert free[:, 48:, 3].max() > 0.5 and not image[:, 48:].any()


def test_settings_of_display_count() -> None:
    splats = random_splats(200)
    whole, _ = run(render(splats, CAMERA))
    splats.display.min_opacity = 0.5
    few, _ = run(render(splats, CAMERA))
    assert few[..., 3].sum() < whole[..., 3].sum()
    splats.display.min_opacity, splats.display.sh_degree = 0.0, 0
    plain, _ = run(render(splats, CAMERA))
    assert psnr(plain, whole) < 40
    splats.sh[:, 1:] = 0
    splats.display.sh_degree = 3
    flat, _ = run(render(splats, CAMERA))
    assert psnr(plain, flat) > 100


def test_an_empty_asset_shows_the_background() -> None:
    image, depth = run(render(random_splats(0), CAMERA, background=(0.1, 0.2, 0.3)))
    np.testing.assert_allclose(image[5, 5], [0.1, 0.2, 0.3, 0.0], atol=1e-6)
    assert np.isinf(depth).all()


def test_it_tells_how_far_it_is() -> None:
    events = []
    run(render(random_splats(10), CAMERA), on_progress=events.append)
    assert len(events) > 5 and all(isinstance(event, Progress) for event in events)
