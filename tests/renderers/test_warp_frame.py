"""What a frame shows beside a warp: the shape before, its ghost, where a drag reaches, what it stretches too far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.asset import Asset
from assets.deform.kinds import flattened
from assets.points import Points
from assets.progress import run
from assets.scene import Scene
from renderers.camera import Camera
from renderers.frame import Frame, FrameSettings
from renderers.gl.lifetime import living
from renderers.renderer import Quality
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import psnr
from tests.renderers.test_warp_opaque import SHAPE, cloud, differing, knot
from tests.renderers.warps import affine, bend, rig_of, still, warp_of

CAMERA = Camera.look_at((0.8, 1.0, 5.0), (0, 0, 0), width=96, height=64)
PLAIN = FrameSettings(background=(0.0, 0.0, 0.0))
MAKERS = {"mesh": knot, "points": cloud, "splats": lambda: random_splats(1500, 2)}
FULL = Quality()


@pytest.fixture
def frame(gl):
    """A frame that is disposed of."""
    made = Frame()
    yield made
    made.dispose()


def scene_of(*assets: Asset) -> Scene:
    scene = Scene()
    for asset in assets:
        scene.add(asset)
    return scene


def finish(frame: Frame) -> np.ndarray:
    """Takes all steps that are left; the shown picture, 0 … 1."""
    while not frame.step(1.0):
        pass
    return frame.read(CAMERA.width, CAMERA.height).astype(float) / 255


def draw(frame: Frame, scene: Scene, settings: FrameSettings = PLAIN, camera: Camera = CAMERA) -> np.ndarray:
    while not frame.sync(scene, 1.0):
        pass
    frame.begin(scene, camera, settings, FULL)
    return finish(frame)


def lifted(asset: Asset, height: float = 0.6, heat: float = 0.0) -> Asset:
    """The asset under a warp that lifts it."""
    matrix = np.eye(4)
    matrix[1, 3] = height
    rig = rig_of(asset)
    asset.set_warp(warp_of(rig, affine(matrix), np.full(len(rig.graph), heat)))
    return asset


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_bounds_of_a_warp_hold_what_moved(make, share: float) -> None:
    """Without moving any point, so they are somewhat larger."""
    asset = make()
    rig = rig_of(asset, 300, share=share)
    asset.set_warp(warp_of(rig, bend(rig)))
    low, high = asset.warp.moved_bounds
    moved = run(flattened(asset)).local_bounds()
    assert (low <= moved[0]).all() and (high >= moved[1]).all()
    both = np.stack([np.minimum(moved[0], asset.local_bounds()[0]), np.maximum(moved[1], asset.local_bounds()[1])])
    assert ((high - low) <= 1.3 * (both[1] - both[0]) + 0.2 * rig.size).all()


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_rest_is_the_picture_without_the_warp(frame: Frame, make) -> None:
    asset = make()
    scene = scene_of(asset)
    before = draw(frame, scene)
    rig = rig_of(asset)
    asset.set_warp(warp_of(rig, bend(rig)))
    assert psnr(draw(frame, scene), before) < 30
    # The clip planes hold what moved as well, so depth may be rounded otherwise.
    assert psnr(draw(frame, scene, replace(PLAIN, rest=True)), before) >= 70


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_heat_is_seen_before_anything_moves(frame: Frame, make) -> None:
    asset, other = make(), make()
    other.set_visible(False)
    scene = scene_of(asset, other)
    before = draw(frame, scene)
    rig = rig_of(asset)
    left = rig.graph.nodes[:, 0] < rig.centre[0]
    asset.set_warp(warp_of(rig, still, left.astype(float)))
    assert differing(draw(frame, scene), before) < 0.002
    assert differing(draw(frame, scene, replace(PLAIN, heat=other)), before) < 0.002
    hot = draw(frame, scene, replace(PLAIN, heat=asset))
    # Of the accent, 5aa9ff, blue rises most and red least.
    change = (hot - before)[..., :3]
    third = CAMERA.width // 3
    inner = before[..., :3].any(2)
    left_side, right_side = change[:, :third][inner[:, :third]], change[:, -third:][inner[:, -third:]]
    assert left_side[:, 2].mean() > 0.1 and left_side[:, 2].mean() > left_side[:, 0].mean() + 0.1
    assert np.abs(right_side).mean() < 0.3 * np.abs(left_side).mean()


def test_the_hottest_is_mixed_with_the_accent(frame: Frame) -> None:
    mesh = knot()
    mesh.parts[0].colors[:, :3] = 0
    mesh.display.mode = "base colour"
    rig = rig_of(mesh)
    mesh.set_warp(warp_of(rig, still, np.ones(len(rig.graph))))
    shown = draw(frame, scene_of(mesh), replace(PLAIN, heat=mesh))[..., :3]
    assert shown.reshape(-1, 3).max(0) == pytest.approx(0.65 * np.array([0x5A, 0xA9, 0xFF]) / 255, abs=0.01)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_what_is_stretched_too_far_turns_yellow(frame: Frame, make) -> None:
    asset = make()
    scene, rig = scene_of(asset), rig_of(asset)
    for factor, warned in ((1.9, False), (2.6, True)):
        asset.set_warp(warp_of(rig, affine(np.diag([factor, 1.0, 1.0, 1.0]))))
        plain, shown = draw(frame, scene), draw(frame, scene, replace(PLAIN, stretch=True))
        assert (np.abs(shown - plain).max() > 0.1) == warned
    seen = shown[..., :3].reshape(-1, 3)[plain[..., :3].any(2).ravel()].mean(0)
    assert seen[0] > seen[1] > seen[2]


def test_heat_shows_on_lines(frame: Frame) -> None:
    mesh = knot()
    mesh.set_display("wireframe", True)
    rig = rig_of(mesh)
    mesh.set_warp(warp_of(rig, still, np.ones(len(rig.graph))))
    scene = scene_of(mesh)
    assert psnr(draw(frame, scene, replace(PLAIN, heat=mesh)), draw(frame, scene)) < 30


GHOSTLY = replace(PLAIN, ghost=0.3)


def haunt(frame: Frame, scene: Scene, settings: FrameSettings = GHOSTLY, camera: Camera = CAMERA) -> np.ndarray:
    assert frame.lacks_ghost(scene, camera, settings)
    frame.begin_ghost(scene, camera, settings)
    shown = finish(frame)
    assert not frame.lacks_ghost(scene, camera, settings)
    return shown


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_ghost_lies_behind(frame: Frame, make) -> None:
    asset = make()
    scene = scene_of(asset)
    rest = draw(frame, scene)[..., :3]
    front = draw(frame, scene, replace(PLAIN, background="transparent"))
    assert not frame.lacks_ghost(scene, CAMERA, GHOSTLY), "what is not warped has no ghost"
    lifted(asset)
    assert not frame.lacks_ghost(scene, CAMERA, PLAIN)
    plain = draw(frame, scene, GHOSTLY)[..., :3]
    front = draw(frame, scene, replace(GHOSTLY, background="transparent"))[..., 3:]
    draw(frame, scene, GHOSTLY)
    shown = haunt(frame, scene)[..., :3]
    assert psnr(shown, np.minimum(plain + (1 - front) * 0.3 * rest, 1)) >= 45
    assert psnr(shown, plain) < 35
    # It stays while the hand goes on, and gives way to the picture before.
    lifted(asset, 0.7)
    again = draw(frame, scene, GHOSTLY)[..., :3]
    assert psnr(again, draw(frame, scene)[..., :3]) < 35
    assert frame.lacks_ghost(scene, CAMERA, GHOSTLY), "a picture without a ghost drops it"


def test_the_ghost_goes_with_the_camera_and_with_other_changes(frame: Frame) -> None:
    asset = lifted(cloud())
    scene = scene_of(asset)
    other = Camera.look_at((0.8, 1.0, 5.1), (0, 0, 0), width=96, height=64)
    draw(frame, scene, GHOSTLY)
    haunt(frame, scene)
    lifted(asset, 0.3)
    draw(frame, scene, GHOSTLY)
    assert not frame.lacks_ghost(scene, CAMERA, GHOSTLY)
    plain = draw(frame, scene, PLAIN, other)
    assert np.array_equal(draw(frame, scene, GHOSTLY, other), plain)
    haunt(frame, scene, camera=other)
    for change in (
        lambda: asset.set_transform(np.diag([1.0, 1.0, 0.5, 1.0])),
        lambda: asset.set_display("size_px", 5.0),
        lambda: asset.changed.emit(asset, "data"),
        lambda: scene.add(lifted(Points("more", SHAPE.vertices.astype(np.float32)))),
    ):
        change()
        draw(frame, scene, GHOSTLY, other)
        haunt(frame, scene, camera=other)


def test_a_ghost_in_the_making_gives_way(frame: Frame) -> None:
    asset = lifted(cloud())
    scene = scene_of(asset)
    expected = draw(frame, scene, GHOSTLY)
    frame.begin_ghost(scene, CAMERA, GHOSTLY)
    assert np.array_equal(draw(frame, scene, GHOSTLY), expected)
    assert frame.lacks_ghost(scene, CAMERA, GHOSTLY)


def test_only_what_is_warped_has_a_ghost(frame: Frame) -> None:
    asset, still_one = lifted(cloud()), cloud()
    scene = scene_of(asset, still_one)
    expected = draw(frame, scene, GHOSTLY)
    shown = haunt(frame, scene)
    # The ghost is where the other one stands, so nothing of it is seen.
    assert psnr(shown, expected) >= 30
    lone = scene_of(still_one)
    assert not frame.lacks_ghost(lone, CAMERA, GHOSTLY)


def test_nothing_is_left_behind(gl) -> None:
    before = living.copy()
    frame = Frame()
    scene = scene_of(*(lifted(make(), heat=1.0) for make in MAKERS.values()))
    settings = replace(GHOSTLY, heat=next(iter(scene)), stretch=True)
    draw(frame, scene, settings)
    haunt(frame, scene, settings)
    assert frame.pick(scene, CAMERA, 48, 32) is not None
    frame.begin_ghost(scene, CAMERA, settings)
    frame.step(0.0)
    frame.dispose()
    assert {name: count for name, count in living.items() if count != before[name]} == {}
