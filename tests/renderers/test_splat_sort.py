"""Sorting by compute shaders: the order of numpy, to the last splat, and the same picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from renderers import gaussians as gaussians_module
from renderers.camera import Camera
from renderers.gaussians import GaussiansRenderer
from renderers.gl.context import capabilities
from renderers.gl.lifetime import living
from renderers.renderer import Quality
from renderers.skinning import Skinning
from renderers.splats import textures as splat_textures
from renderers.splats.order import Frustum, back_to_front, frustum_of
from renderers.splats.projection import camera_matrix
from renderers.splats.sort import SplatSort
from renderers.splats.textures import SplatTextures
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import picture, psnr, ready
from tests.renderers.warps import bend, rig_of, warp_of

CAMERA = Camera.look_at((0.5, 0.4, 1.2), (0, 0, 0), width=96, height=64)


@pytest.fixture
def computing(gl) -> None:
    if not capabilities().compute:
        pytest.skip("no compute shaders here")


def frustum(camera: Camera = CAMERA) -> Frustum:
    return frustum_of(camera, camera_matrix(random_splats(1), camera), 1.0)


def uploaded(count: int) -> SplatTextures:
    splats = random_splats(count, 0)
    splats.means[::3] = splats.means[0]
    textures = SplatTextures(splats)
    while not textures.complete:
        textures.upload_some(splats)
    return textures


@pytest.mark.parametrize("count", [1, 256, 5000, 30_000])
def test_the_order_is_that_of_numpy(computing, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splat_textures, "_LARGEST_TEXTURE", 1024 * 16 * 3 * 15)
    textures, before = uploaded(count), living.copy()
    sort, idle = SplatSort(textures), Skinning(lambda index, binding: iter(()))
    for camera in (CAMERA, replace(CAMERA, ortho_height=1.5)):
        for part in {count, count // 3}:
            wanted = back_to_front(textures.positions[:, :part], textures.reaches[:part], frustum(camera))
            seen = sort.sort(part, frustum(camera), idle, None)
            np.testing.assert_array_equal(sort.indices.read(np.uint32, seen), wanted)
    sort.delete()
    assert +living == +before
    textures.delete()


@pytest.fixture
def sorting(computing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renderers sort as on a card."""
    able = replace(capabilities(), software=False)
    monkeypatch.setattr(gaussians_module, "capabilities", lambda: able)


def test_pictures_are_the_same(sorting, renderers: list[GaussiansRenderer], monkeypatch: pytest.MonkeyPatch) -> None:
    splats = random_splats(3000)
    drawn = [ready(splats)]
    monkeypatch.undo()
    drawn.append(ready(splats))
    drawn[1]._in_tiles = False  # a card draws quads
    renderers += drawn
    assert drawn[0]._sort is not None and drawn[1]._sort is None
    for quality in (Quality(), Quality(detail=0.3)):
        assert psnr(picture(drawn[0], CAMERA, quality), picture(drawn[1], CAMERA, quality)) > 70
    away = Camera.look_at((0, 0, 3), (0, 0, 9), width=32, height=32)
    assert not picture(drawn[0], away).any()
    assert drawn[0].pick_depth(CAMERA, 48, 32) == drawn[1].pick_depth(CAMERA, 48, 32)


def test_warped_splats_are_sorted_where_they_are(sorting, renderers, monkeypatch: pytest.MonkeyPatch) -> None:
    splats = random_splats(1500, 1)
    rig = rig_of(splats)
    splats.set_warp(warp_of(rig, bend(rig)))
    drawn = [ready(splats)]
    monkeypatch.undo()
    drawn.append(ready(splats))
    drawn[1]._in_tiles = False  # a card draws quads
    renderers += drawn
    assert psnr(picture(drawn[0], CAMERA), picture(drawn[1], CAMERA)) > 60
