"""Splats that are lit up, and the splat under the cursor."""

from __future__ import annotations

import time

import numpy as np
import pytest

from assets.gaussians import MODES
from assets.progress import run
from renderers.camera import Camera
from renderers.gaussians import GaussiansRenderer
from renderers.reference.gaussians import render
from renderers.splats import lights as splat_lights
from renderers.splats.order import REACH, SplatOrder
from renderers.splats.picking import median_splat
from renderers.splats.projection import diagonal_of
from renderers.splats.shapes import LIT_COLOR
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import picture, psnr

CAMERA = Camera.look_at((1.5, 1.0, 3.0), (0, 0, 0), width=96, height=64)


def light(renderer: GaussiansRenderer, mask: np.ndarray | None) -> np.ndarray:
    """Lights splats up and draws them."""
    renderer.asset.set_highlight(mask)
    while not renderer.sync(0.0):
        pass
    return picture(renderer, CAMERA)


def test_lit_splats_are_seen_and_go_out_again(drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splat_lights, "ROW_TEXELS", 8)
    monkeypatch.setattr(splat_lights, "_PER_ROW", 256)
    monkeypatch.setattr(splat_lights, "DEFINES", splat_lights.DEFINES | {"LIT_ROW": 8})
    monkeypatch.setattr("renderers.gaussians.DEFINES", splat_lights.DEFINES)
    splats = random_splats(3000)
    splats.order = run(splats.by_visibility())
    renderer = drawn(splats)
    before = picture(renderer, CAMERA)
    right = splats.means[:, 0] > 0
    shown = light(renderer, right)
    assert renderer.gpu_bytes > 0 and np.allclose(shown[..., 3], before[..., 3], atol=2e-3)
    exact = run(render(splats, CAMERA))[0]
    assert psnr(shown[..., :3], exact[..., :3]) > 50
    assert np.array_equal(light(renderer, None), before)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("flat", [False, True])
def test_every_mode_takes_lights(drawn, mode: str, flat: bool) -> None:
    splats = random_splats(400, flat=flat)
    splats.display.mode = mode
    renderer = drawn(splats)
    before, shown = picture(renderer, CAMERA), light(renderer, np.ones(400, bool))
    if mode == "overdraw":
        assert np.array_equal(before, shown)
        return
    full = shown[shown[..., 3] > 0.9]
    assert len(full) and (full[:, 2] > full[:, 0]).mean() > 0.99 and LIT_COLOR[2] > LIT_COLOR[0]


def test_what_is_lit_follows_the_data(drawn) -> None:
    splats = random_splats(200)
    renderer = drawn(splats)
    light(renderer, np.ones(200, bool))
    state = {name: splats.state()[name][:50] for name in ("means", "log_scales", "rotations", "logit_opacities", "sh")}
    splats.set_state(state)
    assert splats.highlight is None
    while not renderer.sync(1.0):
        pass
    assert not renderer._lights.on and picture(renderer, CAMERA).any()


def test_picking_names_the_splat(drawn) -> None:
    splats = random_splats(500)
    renderer = drawn(splats)
    for x, y in ((48.0, 32.0), (40.5, 20.5), (60.0, 40.0)):
        picked = renderer.pick(CAMERA, x, y)
        if picked is None:
            continue
        centre = CAMERA.view_matrix() @ np.append(splats.means[picked.element].astype(np.float64), 1)
        assert -centre[2] == pytest.approx(picked.depth) == renderer.pick_depth(CAMERA, x, y)


def test_picking_takes_milliseconds() -> None:
    splats = random_splats(1_000_000, 0)
    splats.log_scales -= 2.5
    order = SplatOrder(np.ascontiguousarray(splats.means.T), REACH * splats.drawn(slice(None))[0].max(1))
    rows, camera = np.arange(1_000_000), CAMERA.resized(1280, 720)
    taken = []
    for _ in range(5):
        began = time.thread_time()
        assert median_splat(splats, order, rows, camera, 640, 360, diagonal_of(splats))
        taken.append(time.thread_time() - began)
    assert min(taken) < 0.015  # 5 ms where nothing else runs
