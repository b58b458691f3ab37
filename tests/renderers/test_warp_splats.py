"""Warped splats are drawn as splats whose arrays were warped by numpy; they are ordered and picked where they moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from assets.deform.kinds import flattened
from assets.gaussians import Gaussians
from assets.progress import run
from renderers.camera import Camera
from renderers.gaussians import GaussiansRenderer
from renderers.gl.lifetime import living
from renderers.renderer import Quality
from renderers.splats import textures as splat_textures
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import picture, psnr, ready
from tests.renderers.warps import affine, bend, resting_warp, rig_of, still, warp_of

PERSPECTIVE = Camera.look_at((1.5, 1.0, 3.4), (0, 0, 0), width=96, height=64)
CAMERAS = {"perspective": PERSPECTIVE, "orthographic": replace(PERSPECTIVE, ortho_height=3.4)}


def bent_splats(degree: int = 3, flat: bool = False, count: int = 1500, share: float = 1.0) -> Gaussians:
    """Splats under a strong bend."""
    splats = random_splats(count, degree, flat)
    rig = rig_of(splats, share=share)
    splats.set_warp(warp_of(rig, bend(rig)))
    return splats


def settle(renderer: GaussiansRenderer) -> None:
    while not renderer.sync(1.0):
        pass


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("degree", range(4))
def test_the_shader_bends_as_numpy_does(drawn, degree: int, camera: Camera) -> None:
    splats = bent_splats(degree)
    shown = picture(drawn(splats), camera)
    assert psnr(shown, picture(drawn(run(flattened(splats))), camera)) >= 50
    rest = random_splats(1500, degree)
    assert psnr(shown, picture(drawn(rest), camera)) < 30


@pytest.mark.parametrize("mode", ["depth", "centres", "opacity", "rings", "ellipsoids", "overdraw"])
def test_every_mode_bends(drawn, mode: str) -> None:
    splats = bent_splats(1)
    splats.display.mode = mode
    flat = run(flattened(splats))
    renderer, expected = drawn(splats), drawn(flat)
    # The depth that is shown black is the asset's farthest, and the bounds of a warp are those of moved matter.
    flat.bounds = splats.bounds
    shown, wanted = picture(renderer, PERSPECTIVE), picture(expected, PERSPECTIVE)
    # Dots have hard edges: a pixel may fall on either side.
    assert (np.abs(shown - wanted).max(2) > 0.05).mean() < 0.003


def test_surfels_and_what_rests_in_part(drawn) -> None:
    splats = bent_splats(2, flat=True, share=0.6)
    expected = picture(drawn(run(flattened(splats))), PERSPECTIVE)
    assert psnr(picture(drawn(splats), PERSPECTIVE), expected) >= 45


def test_a_rigid_warp_is_a_transform(drawn) -> None:
    matrix = trimesh.transformations.rotation_matrix(2.4, (1, -2, 0.5))
    matrix[:3, 3] = (0.2, -0.1, 0.3)
    splats, turned = random_splats(1500, 3), random_splats(1500, 3)
    splats.set_warp(warp_of(rig_of(splats), affine(matrix)))
    turned.set_transform(matrix)
    for camera in CAMERAS.values():
        assert psnr(picture(drawn(splats), camera), picture(drawn(turned), camera)) >= 50


def test_a_warp_works_under_a_transform_and_far_from_the_origin(drawn) -> None:
    splats = random_splats(800, 1)
    splats.means += np.float32([4000, -2000, 1000])
    rig = rig_of(splats)
    splats.set_warp(warp_of(rig, bend(rig)))
    transform = trimesh.transformations.rotation_matrix(0.7, (0, 1, 1)) @ np.diag((1, 1.5, -0.8, 1))
    transform[:3, 3] = -transform[:3, :3] @ (4000, -2000, 1000)
    splats.set_transform(transform)
    assert psnr(picture(drawn(splats), PERSPECTIVE), picture(drawn(run(flattened(splats))), PERSPECTIVE)) >= 40


def test_a_prefix_is_moved_and_drawn(drawn) -> None:
    splats = bent_splats(1)
    splats.order = np.random.default_rng(1).permutation(len(splats)).astype(np.uint32)
    flat = run(flattened(splats))
    renderer = drawn(splats)
    part = Quality(detail=0.3)
    assert psnr(picture(renderer, PERSPECTIVE, part), picture(drawn(flat), PERSPECTIVE, part)) >= 45
    assert renderer._mover.moved == 450
    picture(renderer, PERSPECTIVE)
    assert renderer._mover.moved == 1500


def test_many_textures_and_many_rows(drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splat_textures, "_LARGEST_TEXTURE", 1024 * 96)
    splats = bent_splats(3, count=2500)
    splats.order = np.random.default_rng(1).permutation(len(splats)).astype(np.uint32)
    expected = picture(drawn(run(flattened(splats))), PERSPECTIVE)
    renderer = drawn(splats)
    assert renderer._textures.chunks == 3
    assert psnr(picture(renderer, PERSPECTIVE), expected) >= 50


def test_poses_follow_each_other(drawn) -> None:
    splats = random_splats(1000, 2)
    renderer, rig = drawn(splats), rig_of(splats)
    before = picture(renderer, PERSPECTIVE)
    splats.set_warp(warp_of(rig, still))
    settle(renderer)
    assert psnr(picture(renderer, PERSPECTIVE), before) >= 60
    for angle in (0.5, 1.0):
        splats.set_warp(warp_of(rig, bend(rig, angle)))
        assert renderer.sync(0.0), "a pose alone is there at once"
        expected = picture(drawn(run(flattened(splats))), PERSPECTIVE)
        assert psnr(picture(renderer, PERSPECTIVE), expected) >= 50
    splats.set_warp(None)
    settle(renderer)
    assert np.array_equal(picture(renderer, PERSPECTIVE), before)


def test_what_only_shows_heat_keeps_its_order(drawn) -> None:
    splats = random_splats(6000, 1)
    renderer = drawn(splats)
    before, depth = picture(renderer, PERSPECTIVE), renderer.pick_depth(PERSPECTIVE, 48, 32)
    splats.set_warp(resting_warp(rig_of(splats)))
    settle(renderer)
    assert psnr(picture(renderer, PERSPECTIVE), before) >= 60
    assert renderer.pick_depth(PERSPECTIVE, 48, 32) == pytest.approx(depth, rel=1e-12)
    assert renderer._mover.moved == 0


def test_a_new_region_and_a_new_order_are_taken_over(drawn) -> None:
    splats = bent_splats(1)
    renderer = drawn(splats)
    mask = (splats.means[:, 0] > 0).astype(float)
    warp = splats.warp
    splats.set_warp(replace(warp, bindings=(warp.bindings[0].masked(mask),)))
    settle(renderer)
    expected = picture(drawn(run(flattened(splats))), PERSPECTIVE)
    assert psnr(picture(renderer, PERSPECTIVE), expected) >= 50
    splats.accept(np.random.default_rng(1).permutation(len(splats)).astype(np.uint32))
    settle(renderer)
    assert psnr(picture(renderer, PERSPECTIVE), expected) >= 50


def test_a_region_that_arrives_in_slices_is_moved_again(drawn) -> None:
    splats = bent_splats(0, count=40_000)
    renderer, warp = drawn(splats), splats.warp
    mask = (splats.means[:, 0] > 0).astype(float)
    splats.set_warp(replace(warp, bindings=(warp.bindings[0].masked(mask),)))
    assert not renderer.sync(0.0)
    picture(renderer, PERSPECTIVE)
    settle(renderer)
    picture(renderer, PERSPECTIVE)
    expected = splats.warp.skin.points(splats.means.astype(np.float64), splats.warp.bindings[0])
    assert np.abs(renderer._mover.order.positions.T - expected).max() < 1e-5


def test_picking_finds_what_moved(drawn) -> None:
    splats = bent_splats(0, count=6000)
    renderer, flat = drawn(splats), drawn(run(flattened(splats)))
    found = 0
    for x, y in ((48, 32), (30, 20), (60, 40), (52, 28), (70, 30)):
        depth, expected = renderer.pick_depth(PERSPECTIVE, x, y), flat.pick_depth(PERSPECTIVE, x, y)
        assert (depth is None) == (expected is None)
        if expected is not None:
            assert depth == pytest.approx(expected, rel=1e-4)
            found += 1
    assert found >= 3


def test_moved_splats_are_found_and_none_reaches_further_than_it_says(drawn) -> None:
    splats = bent_splats(0)
    renderer = drawn(splats)
    picture(renderer, PERSPECTIVE)
    order, warp = renderer._mover.order, splats.warp
    expected = warp.skin.points(splats.means.astype(np.float64), warp.bindings[0])
    assert np.abs(order.positions.T - expected).max() < 1e-5
    axes = np.linalg.norm(warp.skin.gradients(warp.bindings[0]), 2, axis=(1, 2))
    growth = order.reaches / renderer._textures.reaches
    assert (growth >= 0.999 * axes).all() and (growth <= 1.75 * axes).all()


def test_a_warp_of_other_data_is_not_drawn(drawn) -> None:
    splats = random_splats(500, 1)
    renderer = drawn(splats)
    before = picture(renderer, PERSPECTIVE)
    splats.set_warp(bent_splats(1).warp)
    settle(renderer)
    assert np.array_equal(picture(renderer, PERSPECTIVE), before)


def test_nothing_is_left_behind(gl) -> None:
    before = living.copy()
    splats = bent_splats(2)
    renderer = ready(splats)
    assert renderer.gpu_bytes > 1500 * 32
    picture(renderer, PERSPECTIVE)
    held = sum(living.values())
    splats.set_warp(None)
    settle(renderer)
    assert sum(living.values()) < held
    rig = rig_of(splats, seed=2)
    splats.set_warp(warp_of(rig, bend(rig)))
    renderer.sync(0.0)
    renderer.dispose()
    assert {name: count for name, count in living.items() if count != before[name]} == {}
