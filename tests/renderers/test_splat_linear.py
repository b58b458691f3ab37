"""Splats trained in linear light: blended in it among themselves, and seen as sRGB over what is behind them."""

from __future__ import annotations

import numpy as np
import pytest

from assets.deform.kinds import flattened
from assets.gaussians import Gaussians
from assets.progress import run
from renderers import gaussians as gaussians_module
from renderers.frame import Frame, FrameSettings
from renderers.gl.lifetime import living
from renderers.reference.gaussians import render
from renderers.reference.still import draw_exact
from renderers.renderer import Quality
from tests.assets.splat_files import random_splats
from tests.renderers.mixed_scenes import CAMERA, quad, scene_of, splat
from tests.renderers.splat_pictures import picture, psnr
from tests.renderers.test_gaussians import CAMERA as ASIDE
from tests.renderers.warps import bend, resting_warp, rig_of, warp_of

C0 = 0.28209479177387814
WALL = (0.0, 0.6, 0.2)  # linear, as materials are
BACKDROP = (0.2, 0.4, 0.9)
COLORS = np.array([(0.9, 0.05, 0.3), (0.02, 1.6, 0.2)])
OPACITIES, SIZES, HEIGHTS = np.array([0.5, 0.7]), np.array([0.25, 0.5]), np.array([1.0, -0.5])


def linear(splats: Gaussians) -> Gaussians:
    """The same splats, trained in linear light."""
    splats.notes.color_space = "linear"
    return splats


def two_splats() -> Gaussians:
    """Two round ones on the axis of the camera, the nearer first, half transparent, one brighter than white."""
    means = np.zeros((2, 3), np.float32)
    means[:, 2] = HEIGHTS
    log_scales = np.log(np.repeat(SIZES[:, None], 3, 1)).astype(np.float32)
    rotations = np.tile(np.float32([1, 0, 0, 0]), (2, 1))
    logits = np.log(OPACITIES / (1 - OPACITIES)).astype(np.float32)
    sh = ((COLORS - 0.5) / C0)[:, None].astype(np.float32)
    return linear(Gaussians("two", means, log_scales, rotations, logits, sh))


def encode(light: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def expected(wall_between: bool) -> np.ndarray:
    """What is seen of `two_splats` (H,W,3): BACKDROP behind them, and on the right half WALL, behind both or between
    them."""
    y, x = np.mgrid[: CAMERA.height, : CAMERA.width] + 0.5
    square = (x - CAMERA.cx) ** 2 + (y - CAMERA.cy) ** 2
    alphas = []
    for opacity, size, height in zip(OPACITIES, SIZES, HEIGHTS, strict=True):
        variance = (CAMERA.fx * size / (5.0 - height)) ** 2 + 0.3
        alpha = np.minimum(0.99, opacity * np.exp(-0.5 * square / variance))
        alphas.append(np.where(alpha < 1 / 255, 0.0, alpha)[..., None])
    right = (x > CAMERA.cx)[..., None]
    if wall_between:
        alphas[1] = np.where(right, 0.0, alphas[1])
    near, far = alphas
    light = near * COLORS[0] + (1 - near) * far * COLORS[1]
    alpha = 1 - (1 - near) * (1 - far)
    behind = np.where(right, encode(np.array(WALL)), BACKDROP)
    return encode(light / np.maximum(alpha, 1e-9)) * alpha + (1 - alpha) * behind


@pytest.mark.parametrize("wall", [-1.5, 0.2], ids=["behind", "between"])
def test_overlapping_splats_are_blended_before_they_are_encoded(frame: Frame, wall: float) -> None:
    right = quad(wall, WALL, (0.0, 9.0))
    right.parts[0].vertices[:, 1] *= 9
    scene = scene_of(two_splats(), right)
    settings = FrameSettings(background=BACKDROP)
    wanted = expected(wall > 0)
    assert psnr(wanted, expected(wall < 0)) < 40
    live = frame.draw(scene, CAMERA, settings)[..., :3] / 255
    assert psnr(live, wanted) >= 50
    assert np.abs(live - wanted)[:, : CAMERA.width // 2].max() < 0.01
    exact = run(draw_exact(frame, scene, CAMERA, settings))[..., :3] / 255
    assert psnr(exact, wanted) >= 50


def test_a_picture_of_many_kinds_is_the_exact_one(frame: Frame) -> None:
    scene = scene_of(
        quad(-1.0, WALL, (-0.5, 0.7)),
        splat((0.3, 0.2, 0.4), (1.0, 0.8, 0.0), size=0.3),
        two_splats(),
        splat((-0.4, -0.2, -0.8), (0.1, 0.1, 1.0), size=0.4),
    )
    for background in (BACKDROP, "gradient"):
        settings = FrameSettings(background=background)
        live = frame.draw(scene, CAMERA, settings)
        assert psnr(run(draw_exact(frame, scene, CAMERA, settings)) / 255, live / 255) >= 50


@pytest.mark.parametrize("lit", [False, True], ids=["plain", "lit"])
@pytest.mark.parametrize("mode", ["colour", "rings", "centres", "normal", "opacity"])
def test_every_mode_is_the_exact_one(drawn, mode: str, lit: bool) -> None:
    for splats in (linear(random_splats(300)), linear(random_splats(300, flat=True))):
        splats.set_display("mode", mode)
        splats.highlight = np.arange(300) % 3 == 0 if lit else None
        exact, _ = run(render(splats, ASIDE))
        assert exact[..., 3].max() > 0.3
        assert psnr(np.clip(picture(drawn(splats), ASIDE), 0, 1), np.clip(exact, 0, 1)) >= 50


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_light_that_depends_on_the_view_is_encoded_behind_it(drawn, degree: int) -> None:
    splats = linear(random_splats(300, degree))
    exact, _ = run(render(splats, ASIDE))
    assert psnr(np.clip(picture(drawn(splats), ASIDE), 0, 1), np.clip(exact, 0, 1)) >= 50


@pytest.mark.parametrize("mode", ["depth", "normal", "opacity", "overdraw"])
def test_what_is_no_trained_colour_is_not_encoded(drawn, mode: str) -> None:
    splats = random_splats(300)
    splats.set_display("mode", mode)
    before = picture(drawn(splats), ASIDE)
    np.testing.assert_array_equal(picture(drawn(linear(splats)), ASIDE), before)


@pytest.mark.parametrize("mode", ["centres", "ellipsoids"])
def test_where_nothing_is_blended_colours_are_encoded_alone(drawn, mode: str) -> None:
    splats = linear(random_splats(300, 0))
    twin = random_splats(300, 0)
    twin.sh[:] = (encode(0.5 + C0 * splats.sh) - 0.5) / C0
    for asset in (splats, twin):
        asset.set_display("mode", mode)
    assert psnr(picture(drawn(splats), ASIDE), picture(drawn(twin), ASIDE)) > 55


def test_what_a_drag_reaches_has_the_same_tint_as_on_others(frame: Frame) -> None:
    x, y = np.mgrid[-1.5:1.5:4j, -1:1:4j].reshape(2, -1)
    pictures = []
    for space in ("linear", "srgb"):
        splats = random_splats(16, 0)
        splats.means[:] = np.stack([x, y, 0 * x], 1)
        splats.log_scales[:], splats.logit_opacities[:] = np.log(0.1), 3.0
        splats.sh[:] = np.clip(splats.sh, -1.5, 1.5)
        splats.notes.color_space = space
        if space == "srgb":
            splats.sh[:] = (encode(0.5 + C0 * splats.sh) - 0.5) / C0
        splats.set_warp(resting_warp(rig_of(splats, count=16), heat=0.7))
        for settings in (FrameSettings(heat=splats), FrameSettings()):
            pictures.append(frame.draw(scene_of(splats), CAMERA, settings) / 255)
    assert psnr(pictures[0], pictures[2]) >= 50
    assert psnr(pictures[1], pictures[3]) >= 50
    assert psnr(pictures[0], pictures[1]) < 35


def test_bent_splats_are_those_of_bent_data(drawn) -> None:
    splats = linear(random_splats(800, 2))
    rig = rig_of(splats)
    splats.set_warp(warp_of(rig, bend(rig)))
    flat = run(flattened(splats))
    assert psnr(picture(drawn(splats), ASIDE), picture(drawn(flat), ASIDE)) >= 50
    assert psnr(np.clip(picture(drawn(splats), ASIDE), 0, 1), np.clip(run(render(flat, ASIDE))[0], 0, 1)) >= 48


def test_less_and_smaller_pictures_come_in_steps(frame: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn while the camera moves, with other work between the steps."""
    monkeypatch.setattr(gaussians_module, "_SOFTWARE_RECORDS_BYTES", 48 * 40)
    splats, settings = linear(random_splats(400)), FrameSettings(background=BACKDROP)
    scene = scene_of(splats, splat((0.5, 0.0, 1.0), (1.0, 1.0, 0.0)))
    whole = frame.draw(scene, ASIDE, settings)
    for quality in (Quality(scale=0.5, detail=0.5), Quality()):
        frame.begin(scene, ASIDE, settings, quality)
        steps = 1
        while not frame.step(0.0):
            frame.read(ASIDE.width, ASIDE.height)
            frame.pick(scene, ASIDE, 40, 30)
            steps += 1
        assert steps > 4
    np.testing.assert_array_equal(frame.read(ASIDE.width, ASIDE.height), whole)
    frame.begin(scene, ASIDE, settings, Quality())
    frame.step(0.0)
    np.testing.assert_array_equal(frame.draw(scene, ASIDE, settings), whole)


def test_the_layer_is_there_only_while_it_is_needed(drawn) -> None:
    before = living.copy()
    renderer = drawn(random_splats(50))
    picture(renderer, ASIDE)
    assert renderer._layer.nbytes == 0
    linear(renderer.asset)
    picture(renderer, ASIDE)
    picture(renderer, ASIDE.resized(50, 40))
    assert renderer._layer.nbytes == 50 * 40 * 8
    renderer.dispose()
    assert +living == +before
