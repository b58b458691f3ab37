"""The order of splats: back to front, nothing visible left out, large sets on a thread of their own."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from renderers.camera import Camera
from renderers.splats.order import REACH, SplatOrder, back_to_front, frustum_of
from renderers.splats.projection import camera_matrix, diagonal_of, project
from tests.assets.splat_files import random_splats


def cameras() -> list[Camera]:
    """Inside and outside of the unit box, with and without perspective, off-centre too."""
    random = np.random.default_rng(3)
    found = []
    for index in range(8):
        eye, target = random.uniform(-2, 2, 3), random.uniform(-1, 1, 3)
        camera = Camera.look_at(eye, target, fov_y_deg=random.uniform(20, 100), width=160, height=90)
        if index % 3 == 1:
            camera = camera.cropped(30, -10, 100, 60)
        if index % 4 == 3:
            camera = Camera(camera.camera_to_world, 1, 1, 70, 50, 160, 90, ortho_height=1.3)
        found.append(camera)
    return found


@pytest.mark.parametrize("camera", cameras())
def test_culling_keeps_all_that_reaches_the_picture(camera: Camera) -> None:
    splats = random_splats(3000)
    transform = np.eye(4)
    transform[:3, :3] = [[1.0, 0.3, 0], [0, 0.7, 0], [0.2, 0, 1.4]]
    splats.transform = transform
    flat = project(splats, np.arange(3000), camera, diagonal_of(splats))
    reach = flat.reach()
    high, low = flat.centers + reach, flat.centers - reach
    touches = (high > 0).all(1) & (low < (camera.width, camera.height)).all(1)
    scales, _ = splats.drawn(slice(None))
    frustum = frustum_of(camera, camera_matrix(splats, camera), 1.0)
    order = back_to_front(splats.means.T, REACH * scales.max(1), frustum)
    assert set(flat.rows[touches]) <= set(order)
    assert len(order) < 3000
    depths = (np.c_[splats.means, np.ones(3000)] @ camera_matrix(splats, camera).T)[order, 2]
    assert (np.diff(depths) < 1e-5).all()


def test_more_than_one_block_is_put_together() -> None:
    random = np.random.default_rng(0)
    positions = random.uniform(-1, 1, (3, 150_000)).astype(np.float32)
    camera = Camera.look_at((0, 0, 10), (0, 0, 0))
    frustum = frustum_of(camera, camera_matrix(random_splats(1), camera), 1.0)
    reaches = np.full(150_000, 0.01, np.float32)
    order = back_to_front(positions, reaches, frustum)
    np.testing.assert_array_equal(np.sort(order), np.arange(150_000))
    assert (np.diff(positions[2, order]) > -3e-6).all()
    indices = back_to_front(positions[:, :0], reaches[:0], frustum)
    assert len(indices) == 0


def large() -> tuple[SplatOrder, object]:
    positions = np.random.default_rng(0).uniform(-1, 1, (3, 400_000)).astype(np.float32)
    camera = Camera.look_at((0, 0, 10), (0, 0, 0))
    frustum = frustum_of(camera, camera_matrix(random_splats(1), camera), 1.0)
    return SplatOrder(positions, np.full(400_000, 0.01, np.float32)), frustum


def test_large_sets_are_ordered_on_a_thread_and_remembered() -> None:
    order, frustum = large()
    steps = list(order.steps(400_000, frustum))
    assert len(steps) > 1 and all(step is None for step in steps[:-1])
    np.testing.assert_array_equal(steps[-1], back_to_front(order.positions, order.reaches, frustum))
    again = list(order.steps(400_000, frustum))
    assert len(again) == 1 and again[0] is steps[-1]
    assert len(next(order.steps(1000, frustum))) == 1000


def test_a_dropped_picture_leaves_no_thread() -> None:
    before = threading.active_count()
    order, frustum = large()
    steps = order.steps(400_000, frustum)
    assert next(steps) is None
    steps.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before
