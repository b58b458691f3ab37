"""A frame: its background, its steps, and that nothing leaks. Drawn with a renderer made for the test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from OpenGL import GL

import renderers.frame as frame_module
from assets.points import Points
from assets.scene import Scene
from renderers.budget import Budget
from renderers.camera import Camera
from renderers.frame import Frame, FrameSettings
from renderers.gl.lifetime import living
from renderers.renderer import Quality, Renderer, Stage, View
from tests.assets.splat_files import random_splats

CAMERA = Camera.look_at((0, 0, 4), (0, 0, 0), width=40, height=30)


class Filler(Renderer):
    """Fills a rectangle of the target with a colour, in several steps, by clearing under a scissor."""

    stage = Stage.OPAQUE
    steps = 5

    def __init__(self, asset: Points) -> None:
        super().__init__(asset)
        self.disposed = False

    def sync(self, seconds: float) -> bool:
        return True

    def draw(self, view: View) -> Iterator[None]:
        for index in range(self.steps):
            GL.glEnable(GL.GL_SCISSOR_TEST)
            GL.glScissor(view.width * index // self.steps, 0, view.width // self.steps, view.height // 2)
            GL.glClearColor(0.5, 0.0, 0.0, 0.5)
            GL.glClear(GL.GL_COLOR_BUFFER_BIT)
            GL.glDisable(GL.GL_SCISSOR_TEST)
            yield

    def dispose(self) -> None:
        self.disposed = True

    def pick_depth(self, camera: Camera, x: float, y: float) -> float | None:
        return 3.0 if y > camera.height / 2 else None


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(frame_module, "renderer_for", Filler)
    scene = Scene()
    scene.add(Points("one", np.zeros((1, 3), np.float32)))
    return scene


def test_premultiplied_pictures_lie_over_their_background(frame: Frame, scene: Scene) -> None:
    picture = frame.draw(scene, CAMERA, FrameSettings(background=(1.0, 1.0, 1.0)))
    assert picture.shape == (30, 40, 4)
    assert (picture[:15] == 255).all()
    assert np.abs(picture[15:].astype(int) - (255, 128, 128, 255)).max() <= 1


def test_a_transparent_picture_has_straight_alpha(frame: Frame, scene: Scene) -> None:
    picture = frame.draw(scene, CAMERA, FrameSettings(background="transparent"))
    assert (picture[:15] == 0).all()
    assert np.abs(picture[15:].astype(int) - (255, 0, 0, 128)).max() <= 1


def test_the_gradient_is_lighter_at_the_top(frame: Frame) -> None:
    picture = frame.draw(Scene(), CAMERA)
    assert tuple(picture[0, 0, :3]) == pytest.approx((0x2A, 0x2E, 0x35), abs=2)
    assert tuple(picture[-1, 0, :3]) == pytest.approx((0x17, 0x19, 0x1D), abs=2)


def test_an_unfinished_picture_is_never_shown(frame: Frame, scene: Scene) -> None:
    white = FrameSettings(background=(1.0, 1.0, 1.0))
    frame.draw(Scene(), CAMERA, white)
    frame.sync(scene, 1.0)
    frame.begin(scene, CAMERA, white, Quality())
    steps = 0
    while not frame.step(0.0):
        assert (frame.read(40, 30) == 255).all()
        steps += 1
    assert steps >= Filler.steps
    assert not (frame.read(40, 30) == 255).all()


@pytest.mark.parametrize("mode", ["colour", "rings"])
def test_splats_that_become_others_in_mid_picture_do_not_vanish(frame: Frame, mode: str) -> None:
    splats, white = random_splats(20_000), FrameSettings(background=(1.0, 1.0, 1.0))
    splats.set_display("mode", mode)
    scene = Scene()
    scene.add(splats)
    before = frame.draw(scene, CAMERA, white)
    frame.begin(scene, CAMERA, white, Quality())
    assert not frame.step(0.0)
    splats.changed.emit(splats, "data")
    frame.sync(scene, 0.0)
    assert frame.step(1.0), "and it is over"
    assert (frame.read(40, 30) == before).all() and (before != 255).any()
    frame.begin(scene, CAMERA, white, Quality())
    assert frame.step(1.0), "nothing of them is there yet"
    assert (frame.read(40, 30) == before).all()
    assert (frame.draw(scene, CAMERA, white) == before).all()


def test_a_lower_resolution_fills_the_same_picture(frame: Frame, scene: Scene) -> None:
    full = frame.draw(scene, CAMERA, FrameSettings())
    half = frame.draw(scene, CAMERA, FrameSettings(), Quality(scale=0.5))
    assert np.abs(full[[0, -1]].astype(int) - half[[0, -1]]).max() <= 2


def test_a_shown_still_is_the_picture_until_the_next(frame: Frame, scene: Scene) -> None:
    settings = FrameSettings(background=(0.0, 0.0, 0.0))
    still = np.zeros((30, 40, 4), np.float32)
    still[:10] = (0.0, 1.0, 0.0, 1.0)
    frame.show(still, CAMERA, settings)
    picture = frame.read(40, 30)
    assert tuple(picture[3, 3]) == (0, 255, 0, 255)
    assert tuple(picture[20, 3]) == (0, 0, 0, 255)


def test_picking_names_the_asset_and_the_point(frame: Frame, scene: Scene) -> None:
    frame.sync(scene, 1.0)
    hit = frame.pick(scene, CAMERA, 20.0, 29.0)
    assert hit.asset is next(iter(scene))
    assert hit.depth == 3.0
    assert hit.point[2] == pytest.approx(1.0)
    assert frame.pick(scene, CAMERA, 20.0, 1.0) is None


def test_renderers_go_with_their_assets(frame: Frame, scene: Scene) -> None:
    asset = next(iter(scene))
    frame.sync(scene, 1.0)
    renderer = frame._renderers[asset]
    frame.begin(scene, CAMERA, FrameSettings(), Quality())
    frame.step(0.0)
    scene.remove(asset)
    frame.sync(scene, 1.0)
    assert renderer.disposed
    assert frame.step(1.0)


def test_a_frame_frees_what_it_made(gl, scene: Scene) -> None:
    before = living.copy()
    frame = Frame()
    frame.draw(scene, CAMERA, FrameSettings(grid=True, axes=True), Quality(samples=4))
    frame.dispose()
    assert {name: count for name, count in living.items() if count != before[name]} == {}


def test_the_budget_draws_less_when_frames_are_slow_and_all_when_they_are_fast() -> None:
    budget = Budget(33.0)
    for _ in range(40):
        budget.observe(2000.0 * budget.quality.detail)
    assert 20.0 < 2000.0 * budget.quality.detail < 50.0
    assert budget.quality.scale < 1.0
    for _ in range(40):
        budget.observe(2.0)
    assert budget.quality.full
