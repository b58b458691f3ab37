"""Splats through OpenGL: right against the oracle and the exact renderer, in small steps, and nothing left behind."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from assets.errors import Cancelled
from assets.gaussians import Gaussians
from assets.progress import run
from renderers import gaussians as gaussians_module
from renderers.camera import Camera
from renderers.gaussians import GaussiansRenderer
from renderers.gl.framebuffer import Framebuffer
from renderers.gl.lifetime import living
from renderers.reference.gaussians import render
from renderers.renderer import Quality, renderer_for
from renderers.splats import textures as splat_textures
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import (
    DATA,
    MODES,
    enter,
    open_splats,
    oracle_camera,
    over,
    picture,
    psnr,
    ready,
    view_of,
)

CAMERA = Camera.look_at((1.5, 1.0, 3.0), (0, 0, 0), width=96, height=64)


def check_view(renderer: GaussiansRenderer, view_path: Path) -> None:
    view = np.load(view_path)
    camera, background = oracle_camera(view), view["background"]
    for antialiasing, name in MODES.items():
        renderer.asset.notes.antialiasing = antialiasing
        shown = over(picture(renderer, camera), background)
        assert psnr(shown, np.clip(view[f"rgb_{name}"], 0, 1)) >= 50


@pytest.mark.parametrize("index", [0, 1])
def test_the_bundled_oracle(drawn, index: int) -> None:
    check_view(drawn(open_splats(DATA / "big200.ply")), DATA / f"big200_view_{index}.npz")


@pytest.mark.parametrize("name", ["surface16k", "real20k"])
def test_all_oracles(drawn, shared: Path, name: str) -> None:
    folder = shared / "oracles" / "gaussians"
    renderer = drawn(open_splats(folder / f"{name}.ply"))
    for index in (0, 1):
        check_view(renderer, folder / f"{name}_view_{index}.npz")


def scenes() -> dict[str, tuple[Gaussians, Camera]]:
    """What the oracle has no answer for, and the exact renderer has."""
    found = {f"degree {degree}": (random_splats(300, degree), CAMERA) for degree in range(4)}
    moved = random_splats(300)
    moved.transform = np.array([[0.8, 0.4, 0, 0.2], [0, 1.1, 0, 0], [0.3, 0, 0.6, -0.1], [0, 0, 0, 1.0]])
    found["transform"] = (moved, CAMERA)
    found["surfels"] = (random_splats(300, flat=True), CAMERA)
    filtered = random_splats(300)
    filtered.extra["filter_3D"] = np.linspace(0, 0.3, 300, dtype=np.float32)
    filtered.notes.antialiasing = "mip"
    found["filter_3D"] = (filtered, CAMERA)
    long = random_splats(60)
    long.log_scales[:] = (0.5, -7, -7)
    found["needles"] = (long, CAMERA)
    found["off-centre"] = (random_splats(300), CAMERA.cropped(20, -10, 90, 50))
    found["inside"] = (random_splats(300), Camera.look_at((0.1, 0, 0.2), (1, 0, 0), width=96, height=64))
    pose = CAMERA.camera_to_world
    found["orthographic"] = (random_splats(300), Camera(pose, 1, 1, 40, 30, 96, 64, ortho_height=2.0))
    for name, value in (
        ("sh_degree", 1),
        ("size", 0.5),
        ("min_opacity", 0.4),
        ("max_opacity", 0.7),
        ("max_scale", 0.2),
        ("max_radius", 15.0),
    ):
        shown = random_splats(300)
        shown.set_display(name, value)
        found[f"{name} {value}"] = (shown, CAMERA)
    return found


@pytest.mark.parametrize("name", scenes())
def test_it_agrees_with_the_exact_renderer(drawn, name: str) -> None:
    splats, camera = scenes()[name]
    exact, _ = run(render(splats, camera))
    shown = picture(drawn(splats), camera)
    assert exact[..., 3].max() > 0.3
    assert psnr(np.clip(shown, 0, 1), np.clip(exact, 0, 1)) >= 48


def test_every_display_setting_changes_the_picture(drawn) -> None:
    splats = random_splats(300)
    renderer = drawn(splats)
    whole = picture(renderer, CAMERA)
    settings = {"mode": "depth", "sh_degree": 0, "size": 2.0, "min_opacity": 0.6, "max_opacity": 0.6, "max_scale": 0.1}
    settings["max_radius"] = 12.0
    assert settings.keys() == {setting.name for setting in splats.settings()}
    for name, value in settings.items():
        before = getattr(splats.display, name)
        splats.set_display(name, value)
        assert psnr(picture(renderer, CAMERA), whole) < 40, name
        splats.set_display(name, before)
    np.testing.assert_array_equal(picture(renderer, CAMERA), whole)


def test_opaque_things_hide_what_is_behind_them(drawn) -> None:
    splats = random_splats(2, 0)
    splats.means[:] = [(0, 0, 1), (0, 0, -1)]
    splats.log_scales[:], splats.logit_opacities[:] = -1.0, 8.0
    splats.sh[0], splats.sh[1] = [(1, -3, -3)], [(-3, 1, -3)]
    camera = Camera.look_at((0, 0, 4), (0, 0, 0), width=64, height=32)
    renderer = drawn(splats)
    wall = np.full((32, 64), 4.0)
    wall[:, 32:] = 50.0
    shown = picture(renderer, camera, opaque=wall)
    free = picture(renderer, camera)
    np.testing.assert_allclose(shown[:, 32:], free[:, 32:], atol=2e-3)
    # In front of the wall the red one stays; the green ring of the one behind it is gone.
    assert shown[16, 31, 0] > 0.6 and shown[:, :32, 1].max() < 0.02 < free[:, :32, 1].max()
    assert not picture(renderer, camera, opaque=np.full((32, 64), 1.0)).any()
    limit = np.where(wall < 10, wall, np.inf)
    exact, _ = run(render(splats, camera, depth_limit=limit))
    assert psnr(shown, exact) > 48


def test_depth_and_centres_show_where_splats_are(drawn) -> None:
    splats = random_splats(2, 0)
    splats.means[:] = [(-0.8, 0, 1), (0.8, 0, -1)]
    splats.log_scales[:], splats.logit_opacities[:], splats.sh[:] = -1.5, 6.0, 1.0
    camera = Camera.look_at((0, 0, 4), (0, 0, 0), width=64, height=32)
    renderer = drawn(splats)
    splats.set_display("mode", "depth")
    near, far = (picture(renderer, camera)[16, column] for column in (21, 38))
    assert near[:3].min() > 0.8 and far[:3].max() < 0.2 and near[0] == near[1] == near[2]
    splats.set_display("mode", "centres")
    splats.log_scales[:] = 1.0
    dots = picture(renderer, camera)[..., 3] > 0.5
    assert 8 <= dots.sum() <= 32


def test_less_detail_draws_the_first_part_of_the_order(drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    splats = random_splats(2000)
    run(splats.preparation(), on_partial=splats.accept)
    renderer, counts = drawn(splats), []
    project = renderer._project
    monkeypatch.setattr(
        renderer, "_project", lambda program, first, count: (counts.append(count), project(program, first, count))
    )
    picture(renderer, CAMERA, Quality(detail=0.1))
    assert sum(counts) <= 200
    twin = Gaussians("first", *(array[splats.order[:200]] for array in arrays(splats)))
    twin.display.size = 0.1**-0.25
    assert psnr(picture(renderer, CAMERA, Quality(detail=0.1)), picture(drawn(twin), CAMERA)) > 60
    picture(renderer, CAMERA, Quality(detail=1e-9))


def arrays(splats: Gaussians) -> tuple[np.ndarray, ...]:
    return splats.means, splats.log_scales, splats.rotations, splats.logit_opacities, splats.sh


def test_an_order_that_comes_later_is_taken_over(drawn) -> None:
    splats = random_splats(3000)
    renderer = drawn(splats)
    before = picture(renderer, CAMERA)
    run(splats.preparation(), on_partial=splats.accept)
    while not renderer.sync(1.0):
        pass
    assert renderer._textures.order is splats.order
    assert psnr(picture(renderer, CAMERA), before) > 60
    textures = renderer._textures
    splats.changed.emit(splats, "prepared")
    assert renderer.sync(1.0) and renderer._textures is textures


def test_new_data_is_drawn_after_sync(drawn) -> None:
    splats = random_splats(300)
    renderer = drawn(splats)
    splats.means = splats.means * np.float32(0.5)
    splats.changed.emit(splats, "data")
    while not renderer.sync(1.0):
        pass
    exact, _ = run(render(splats, CAMERA))
    assert psnr(picture(renderer, CAMERA), exact) > 48


def test_an_asset_in_several_textures_looks_the_same(drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    splats = random_splats(3500)
    whole = picture(drawn(splats), CAMERA)
    row = splat_textures.SPLATS_PER_ROW
    monkeypatch.setattr(splat_textures, "_LARGEST_TEXTURE", row * 8 * 12)
    renderer = drawn(splats)
    assert renderer._textures.chunks == 4
    np.testing.assert_array_equal(picture(renderer, CAMERA), whole)
    monkeypatch.setattr(splat_textures, "_MOST_CHUNKS", 2)
    renderer = drawn(splats)
    assert renderer._textures.complete and renderer._textures.count == 2 * row
    picture(renderer, CAMERA)


def test_pieces_of_any_size_give_the_same_picture(drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    splats = random_splats(2500)
    whole = picture(drawn(splats), CAMERA)
    monkeypatch.setattr(gaussians_module, "_SOFTWARE_RECORDS_BYTES", 48 * 100)
    renderer = drawn(splats)
    np.testing.assert_array_equal(picture(renderer, CAMERA), whole)


def test_uploads_and_draws_in_short_steps(gl) -> None:
    splats = random_splats(150_000, 3)
    splats.log_scales -= 1.5
    run(splats.preparation(), on_partial=splats.accept)
    renderer = GaussiansRenderer(splats)
    calls, longest = 0, 0.0
    while True:
        started = time.process_time()
        done = renderer.sync(0.001)
        longest, calls = max(longest, time.process_time() - started), calls + 1
        if done:
            break
    assert calls > 5 and longest < 0.1
    target = Framebuffer((320, 180))
    steps = []
    camera = Camera.look_at((1.5, 1.0, 3.0), (0, 0, 0), width=320, height=180)
    for _ in range(2):
        enter(target)
        started = time.perf_counter()
        for _ in renderer.draw(view_of(camera, target, Quality())):
            enter(target)
            steps.append(time.perf_counter() - started)
            started = time.perf_counter()
    assert len(steps) > 6 and np.median(steps) < 0.03
    target.delete()
    renderer.dispose()


def test_a_partly_uploaded_asset_is_already_drawn(gl) -> None:
    splats = random_splats(20_000)
    renderer = GaussiansRenderer(splats)
    while not renderer.sync(0.0) and not renderer._textures.filled:
        pass
    assert 0 < renderer._textures.filled < 20_000
    assert picture(renderer, CAMERA)[..., 3].max() > 0.5
    renderer.dispose()


@pytest.mark.parametrize("taken", [1, 3])
def test_a_restart_in_the_middle_of_a_picture_cancels_it(gl, taken: int) -> None:
    splats = random_splats(30_000)
    renderer = ready(splats)
    renderer._pacer._elements = 300.0
    target = Framebuffer((96, 64))
    enter(target)
    steps = renderer.draw(view_of(CAMERA, target, Quality()))
    for _ in range(taken):
        next(steps)
    splats.changed.emit(splats, "data")
    renderer.sync(0.0)
    with pytest.raises(Cancelled):
        next(steps)
    target.delete()
    renderer.dispose()


def test_nothing_to_draw_is_no_error(drawn) -> None:
    renderer = drawn(random_splats(0))
    assert not picture(renderer, CAMERA).any()
    assert renderer.pick_depth(CAMERA, 10, 10) is None
    away = Camera.look_at((0, 0, 3), (0, 0, 9), width=32, height=32)
    assert not picture(drawn(random_splats(50)), away).any()


def test_gl_objects_are_freed(gl) -> None:
    before = living.copy()
    for degree in (0, 3):
        renderer = renderer_for(random_splats(100, degree))
        assert isinstance(renderer, GaussiansRenderer)
        while not renderer.sync(1.0):
            pass
        picture(renderer, CAMERA)
        renderer.asset.set_display("mode", "centres")
        picture(renderer, CAMERA)
        assert renderer.gpu_bytes > 0
        renderer.dispose()
        renderer.dispose()
    assert +living == +before


def test_picking_finds_where_half_of_the_light_is_gone(drawn) -> None:
    camera = CAMERA.resized(48, 32)
    splats = random_splats(1500)
    splats.display.max_opacity = 0.8
    renderer = drawn(splats)
    places = np.random.default_rng(0).integers((0, 0), (48, 32), (16, 2)) + 0.5
    found = np.array([renderer.pick_depth(camera, x, y) or np.inf for x, y in places])
    assert 5 < np.isfinite(found).sum() < 16
    for offset, check in ((-1e-3, lambda alpha: alpha <= 0.5 + 1e-3), (1e-3, lambda alpha: alpha >= 0.5 - 1e-3)):
        limit = np.full((32, 48), np.inf)
        columns, rows = places.astype(int).T
        limit[rows, columns] = found + offset
        alpha = run(render(splats, camera, depth_limit=limit))[0][rows, columns, 3]
        assert check(alpha[np.isfinite(found)]).all()
        assert (alpha[np.isinf(found)] <= 0.5 + 1e-3).all()
    assert renderer.pick_depth(camera, 0.5, 0.5) is None
