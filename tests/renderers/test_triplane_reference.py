"""The exact march: against the family's own pictures, closed forms, and the live picture where both must agree."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadInput
from assets.fields.description import March, Output
from assets.progress import Progress, run
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.reference import field_lattice, field_sampler
from renderers.reference.triplane import march
from tests.renderers.field_pictures import DENSITY, baked, draw, field, on_white, oracle_view, psnr, ready

CAMERA = Camera.look_at((0.0, 0.0, 4.0), (0.0, 0.0, 0.0), width=33, height=25)
MIDDLE = (12, 16)


@pytest.mark.parametrize("index", [0, 1])
def test_it_is_what_the_family_draws(triposr: Triplane, shared: Path, index: int) -> None:
    camera, view = oracle_view(shared, index)
    picture, depth = run(march(triposr, camera, device="cpu"))
    assert picture.dtype == depth.dtype == np.float32
    assert psnr(on_white(picture), view["rgb"]) > 55
    assert np.abs(picture[..., 3] - view["alpha"][..., 0]).max() < 5e-3
    assert ((picture[..., 3] > 0.5) == np.isfinite(depth)).mean() > 0.999


def test_without_the_lattice_only_rounding_is_left(
    triposr: Triplane, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_lattice, "LATTICE_SHARE", 0.0)
    camera, view = oracle_view(shared, 0)
    part = camera.cropped(30, 40, 64, 32)
    picture, _ = run(march(triposr, part, device="cpu"))
    rgb = picture[..., :3] + 1 - picture[..., 3:]
    assert psnr(rgb, view["rgb"][40:72, 30:94]) > 80


def test_the_lattice_saves_most_of_the_decoding(
    triposr: Triplane, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    raw = field_sampler.ExactSampler.raw
    monkeypatch.setattr(
        field_sampler.ExactSampler, "raw", lambda self, p, *more: (decoded.append(len(p)), raw(self, p, *more))[1]
    )
    camera, _ = oracle_view(shared, 0)
    run(march(triposr, camera, device="cpu"))
    assert sum(decoded) < 0.4 * camera.width * camera.height * 128


@pytest.mark.parametrize("step", ["world", "normalised"])
def test_even_fog_follows_beer_and_lambert(step: str) -> None:
    fog = field(density=1.5, march=March(samples=13, step=step, box_shrink=0.1))
    fog.set_display("density", 2.0)
    picture, depth = run(march(fog, CAMERA))
    length = 1.8 if step == "world" else 1.0
    assert picture[(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-3.0 * length), abs=1e-4)
    assert depth[MIDDLE] == pytest.approx(3.1 + np.log(2) / (3.0 * length) * 1.8, abs=1e-4)
    assert (picture[0, 0] == 0).all() and np.isinf(depth[0, 0])


def test_near_and_the_shortest_chord_are_kept() -> None:
    fog = field(density=1.0, march=March(near=3.5, min_chord=0.0))
    assert run(march(fog, CAMERA))[0][(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-1.5), abs=1e-3)
    fog = field(density=1.0, march=March(min_chord=2.01))
    assert (run(march(fog, CAMERA))[0][MIDDLE] == 0).all()


def test_a_ray_ends_at_the_limit() -> None:
    fog = field(density=1.0, march=March(samples=20))
    for wall, inside in ((2.0, 0.0), (3.73, 0.73), (6.0, 2.0)):
        limit = np.full((CAMERA.height, CAMERA.width), wall, np.float32)
        assert run(march(fog, CAMERA, limit))[0][(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-inside), abs=1e-4)


@pytest.mark.parametrize("mode", ["colour", "density", "depth", "normal", "surface", "slice"])
@pytest.mark.parametrize("orthographic", [False, True])
def test_live_and_exact_agree(gl, mode: str, orthographic: bool) -> None:
    """On a slab whose raw density is linear, so that the grid of the live picture is exact too."""
    slab = baked(field(slope=(-30.0, 5.0, -40.0), density=3.0), cells=64)
    slab.set_display("mode", mode)
    slab.set_display("level", 20.0)
    slab.set_display("slice_at", 0.3)
    turn = np.eye(4)
    turn[:3, :3] = 1.2 * np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])
    slab.set_transform(turn)
    camera = Camera.look_at((1.0, 1.5, 4.0), (0.0, 0.0, 0.0), width=60, height=40)
    camera = replace(camera, ortho_height=3.0 if orthographic else None)
    exact, exact_depth = run(march(slab, camera))
    renderer = ready(slab)
    live, depth = draw(renderer, camera)
    renderer.dispose()
    assert exact[..., 3].max() > 0.99
    assert np.abs(exact - live).mean() < 2e-3
    both = np.isfinite(depth) & np.isfinite(exact_depth)
    assert both.sum() > 200
    assert (np.isfinite(depth) == np.isfinite(exact_depth)).mean() > 0.99
    assert np.abs(depth[both] - exact_depth[both]).max() < 5e-3


def test_a_field_without_colour_is_lit_from_the_camera() -> None:
    grey = field(slope=(0.0, 0.0, 100.0), density=0.0, outputs=(DENSITY,))
    assert run(march(grey, CAMERA))[0][MIDDLE] == pytest.approx((0.9, 0.9, 0.9, 1.0), abs=0.01)


def test_a_field_without_density_is_refused() -> None:
    with pytest.raises(BadInput, match="neither a density nor a surface"):
        run(march(field(outputs=(Output("rgb", (1, 4)),)), CAMERA))


def test_it_can_be_cancelled_often(triposr: Triplane, shared: Path) -> None:
    camera, _ = oracle_view(shared, 0)
    pauses, last = [], time.process_time()
    for event in march(triposr, camera, device="cpu"):
        assert isinstance(event, Progress)
        now = time.process_time()
        pauses.append(now - last)
        last = now
    assert len(pauses) > 20
    assert np.median(pauses) < 0.15
