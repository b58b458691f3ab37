"""The exact still: the same scene as the live frame, composed from the reference renderers."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadInput, Cancelled
from assets.progress import Progress, run
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.frame import Frame, FrameSettings
from renderers.reference.still import draw_exact, exact_still, lay_over_background
from tests.renderers.field_pictures import oracle_view, psnr
from tests.renderers.mixed_scenes import CAMERA, fog_box, quad, scene_of, splat

ROOT = Path(__file__).resolve().parents[2]


def test_a_triplane_alone_is_what_its_family_draws(frame: Frame, triposr: Triplane, shared: Path) -> None:
    camera, view = oracle_view(shared, 0)
    settings = FrameSettings(background=(1.0, 1.0, 1.0))
    picture = run(draw_exact(frame, scene_of(triposr), camera, settings))
    assert picture.dtype == np.uint8 and picture.shape == (128, 128, 4)
    assert (picture[..., 3] == 255).all()
    assert psnr(picture[..., :3] / 255, view["rgb"]) > 55


@pytest.mark.parametrize("background", ["gradient", "transparent", (0.2, 0.4, 0.1)])
def test_backgrounds_are_those_of_the_live_frame(frame: Frame, background) -> None:
    scene, settings = scene_of(fog_box((0.0, 0.0, 0.0), density=1.0)), FrameSettings(background=background)
    live = frame.draw(scene, CAMERA, settings).astype(int)
    exact = run(draw_exact(frame, scene, CAMERA, settings)).astype(int)
    shown = live[..., 3] > 0
    assert np.abs(live[..., 3] - exact[..., 3]).max() <= 2
    assert np.abs(live - exact)[shown].max() <= 4


@pytest.mark.parametrize("grid", [False, True])
def test_a_mixed_scene_looks_as_the_live_frame(frame: Frame, grid: bool) -> None:
    """Everything behind and in front of everything else."""
    scene = scene_of(
        quad(-1.5, (0.0, 1.0, 0.0), (-1.2, 1.2)),
        splat((-0.6, 0.5, -1.0), (1.0, 0.0, 0.0)),
        fog_box((0.0, 0.0, 0.0), density=6.0, half=0.5),
        fog_box((0.6, -0.4, 0.7), density=0.7, half=0.4, color=(0.1, 0.2, 0.9)),
        splat((0.3, 0.3, 1.2), (1.0, 1.0, 0.0)),
        quad(1.0, (1.0, 0.0, 1.0), (-0.9, -0.3)),
    )
    settings = FrameSettings(grid=grid)
    live = frame.draw(scene, CAMERA, settings)
    exact = run(draw_exact(frame, scene, CAMERA, settings))
    assert psnr(exact / 255, live / 255) > 36


def test_hidden_assets_stay_hidden(frame: Frame) -> None:
    shown, hidden = fog_box((0.0, 0.0, 0.0), density=9.0), splat((0.0, 0.0, 1.5), (0.0, 1.0, 0.0))
    hidden.set_visible(False)
    picture = run(exact_still([shown, hidden], CAMERA, FrameSettings()))
    assert picture[24, 32] == pytest.approx((1.0, 0.25, 0.0, 1.0), abs=0.01)


def test_planes_without_a_decoder_are_refused_in_one_sentence() -> None:
    fog = fog_box((0.0, 0.0, 0.0), density=1.0)
    del fog.tensors["weight"]
    with pytest.raises(BadInput, match="no decoder"):
        run(exact_still([fog], CAMERA, FrameSettings()))


def test_progress_only_grows(frame: Frame) -> None:
    scene = scene_of(fog_box((0.0, 0.0, 0.0), density=1.0), splat((0.0, 0.0, 1.5), (0.0, 1.0, 0.0)))
    shares = []
    for event in draw_exact(frame, scene, CAMERA, FrameSettings()):
        assert isinstance(event, Progress)
        shares.append(event.fraction)
    assert shares == sorted(shares)
    assert shares[-1] > 0.9


def test_another_process_needs_no_opengl(frame: Frame, tmp_path: Path) -> None:
    """The window hands the opaque layer, drawn here, to a worker that composes the rest."""
    scene = scene_of(quad(0.8, (0.0, 1.0, 0.0), (-0.4, 0.4)), fog_box((0.0, 0.0, 0.0), density=9.0))
    settings = FrameSettings()
    opaque = run(frame.opaque_layer(scene, CAMERA, settings))
    (tmp_path / "in").write_bytes(pickle.dumps((list(scene), CAMERA, opaque)))
    code = (
        "import sys, pickle; sys.modules['OpenGL'] = None\n"
        "from assets.progress import run\n"
        "from renderers.frame_settings import FrameSettings\n"
        "from renderers.reference.still import exact_still\n"
        "assets, camera, opaque = pickle.load(open(sys.argv[1], 'rb'))\n"
        "picture = run(exact_still(assets, camera, FrameSettings(), opaque))\n"
        "pickle.dump(picture, open(sys.argv[2], 'wb'))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "in"), str(tmp_path / "out")]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    picture = pickle.loads((tmp_path / "out").read_bytes())
    here = run(draw_exact(frame, scene, CAMERA, settings))
    assert (lay_over_background(picture, settings) == here).all()
    assert tuple(here[24, 32, :3]) != tuple(here[24, 5, :3])


def test_the_camera_of_a_still_may_be_orthographic(frame: Frame) -> None:
    camera = Camera(CAMERA.camera_to_world, 50, 50, 32, 24, 64, 48, ortho_height=3.0)
    scene = scene_of(fog_box((0.0, 0.0, 0.0), density=9.0), quad(0.8, (0.0, 1.0, 0.0), (-0.4, 0.4)))
    live = frame.draw(scene, camera, FrameSettings())
    exact = run(draw_exact(frame, scene, camera, FrameSettings()))
    assert psnr(exact / 255, live / 255) > 36


def test_the_opaque_layer_leaves_what_is_shown(frame: Frame) -> None:
    settings = FrameSettings(background=(0.0, 0.0, 0.0))
    scene = scene_of(quad(0.0, (0.0, 1.0, 0.0), (-0.4, 0.4)), splat((0.0, 0.0, 1.5), (1.0, 0.0, 0.0)))
    shown = frame.draw(scene, CAMERA, settings)
    color, depth = run(frame.opaque_layer(scene, CAMERA, settings))
    assert (frame.read(64, 48) == shown).all()
    assert tuple(shown[24, 32, :3]) != (0, 255, 0)
    assert color[24, 32] == pytest.approx((0.0, 1.0, 0.0, 1.0), abs=1e-3)
    assert depth[24, 32] == pytest.approx(5.0, abs=1e-3)
    assert np.isinf(depth[24, 5]) and (color[24, 5] == 0).all()


def test_the_opaque_layer_gives_way_to_another_picture(frame: Frame) -> None:
    scene, settings = scene_of(quad(0.0, (0.0, 1.0, 0.0), (-0.4, 0.4))), FrameSettings()
    frame.sync(scene, 1.0)
    job = frame.opaque_layer(scene, CAMERA, settings)
    step, frame.step = frame.step, lambda seconds: False
    next(job)
    frame.step = step
    frame.draw(scene, CAMERA, settings)
    with pytest.raises(Cancelled):
        run(job)
