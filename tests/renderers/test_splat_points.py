"""Small round splats as points: the same picture, in the same order, and only where that is faster."""

from __future__ import annotations

import numpy as np
import pytest

from assets.gaussians import Gaussians
from renderers.camera import Camera
from renderers.gaussians import GaussiansRenderer
from renderers.gl.context import capabilities
from renderers.splats import points as splat_points
from renderers.splats.points import runs_of
from renderers.splats.shapes import Shape
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import picture, psnr, ready

CAMERA = Camera.look_at((0.6, 0.5, 1.4), (0, 0, 0), width=160, height=90)
VIEWPORT = np.array([200, 100])


def record(x: float, sides: tuple[float, float], turn: float = 0.0) -> np.ndarray:
    """A record of gaussian_project.glsl with half axes `sides` in pixels."""
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    half = VIEWPORT / 2
    return np.concatenate([[x, 0, 0.5, 3], sides[0] * along / half, sides[1] * across / half, [1, 1, 1, 1]])


def runs(*records: np.ndarray) -> list[tuple[int, int, bool]]:
    return runs_of(np.array(records, np.float32), VIEWPORT)


def test_small_round_ones_are_points_and_others_cut_the_run() -> None:
    small = [record(0, (2, 1.5))] * 200
    assert runs(*small) == [(0, 200, True)]
    long = record(0, (30, 1), 0.7)
    assert runs(*small, long, *small) == [(0, 200, True), (200, 1, False), (201, 200, True)]
    # The middle of a point must be inside of the picture.
    assert runs(record(1.01, (2, 2)), *small) == [(0, 1, False), (1, 200, True)]
    assert runs(*[record(0, (12, 1), 0.7)] * 200) == [(0, 200, False)]
    assert runs(*[record(0, (2, 2)), long] * 20) == [(0, 40, False)]


def test_points_look_like_quads(renderers: list[GaussiansRenderer], gl, monkeypatch: pytest.MonkeyPatch) -> None:
    if not capabilities().software:
        pytest.skip("a card draws no points")
    monkeypatch.setattr(splat_points, "_DRAW_PX", 0.0)
    monkeypatch.setattr(splat_points, "_SET_UP_PX", 1e9)
    monkeypatch.setattr(splat_points, "_LONG_PX", 1e9)
    splats = small_ones()
    renderer = ready(splats)
    renderers.append(renderer)
    for mode in ("colour", "depth", "rings", "centres", "overdraw"):
        splats.set_display("mode", mode)
        with_points = picture(renderer, CAMERA)
        with monkeypatch.context() as patch:
            patch.setattr(Shape, "as_points", property(lambda shape: False))
            quads = picture(renderer, CAMERA)
        if mode in ("rings", "centres", "overdraw"):
            assert (np.abs(with_points - quads).max(2) > 0.02).mean() < 0.01, mode
        else:
            assert psnr(with_points, quads) > 60, mode


def small_ones() -> Gaussians:
    """A few large and many small ones, also at the edges of the picture."""
    splats = random_splats(4000, 1)
    splats.log_scales -= np.float32(1.2)
    splats.log_scales[::50] += np.float32(2.0)
    return splats
