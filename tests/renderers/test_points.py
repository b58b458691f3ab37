"""Points are round, of their size, in their colour, at their depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.points import Points
from renderers.camera import Camera
from renderers.gl.lifetime import living
from renderers.points import DEFAULT_COLOR, PointsRenderer
from renderers.renderer import Quality, renderer_for
from tests.renderers.opaque_pictures import draw, picture

CAMERA = Camera.look_at((0, 0, 4), (0, 0, 0), fov_y_deg=35, width=64, height=64)


def cloud(positions: list, colors: list | None = None, size_px: float = 3.0) -> Points:
    """A point cloud with that size on the screen."""
    points = Points("points", np.float32(positions), None if colors is None else np.uint8(colors))
    points.set_display("size_px", size_px)
    return points


@pytest.mark.parametrize("size_px", [1.0, 4.0, 9.5, 32.0])
def test_a_point_covers_a_disc_of_its_diameter(gl, size_px: float) -> None:
    # Away from a pixel's corner, so that even the smallest covers a middle.
    where = CAMERA.unproject(32.4, 31.7, 4.0)
    seen = picture(cloud([where], size_px=size_px), CAMERA)
    wanted = np.hypot(*np.meshgrid(np.arange(64) + 0.5 - 32.4, np.arange(64) + 0.5 - 31.7)) - 0.5 * size_px
    alpha = seen[..., 3]
    assert (alpha[wanted < -0.75] > 0.98).all() and (alpha[wanted > 0.75] == 0).all()
    if size_px > 3:
        assert alpha.sum() == pytest.approx(np.pi * size_px**2 / 4, rel=0.12)
    assert alpha.max() > 0.5
    solid = seen[alpha > 0.98]
    np.testing.assert_allclose(solid[:, :3], np.broadcast_to(DEFAULT_COLOR[:3], solid[:, :3].shape), atol=0.02)


def test_nearer_points_hide_farther_ones_in_any_order(gl) -> None:
    positions, colors = [[0, 0, 0.5], [0, 0, -0.5]], [[255, 0, 0, 255], [0, 0, 255, 255]]
    for order in ([0, 1], [1, 0]):
        points = cloud(np.array(positions)[order], np.array(colors)[order], 9.0)
        renderer = renderer_for(points)
        assert isinstance(renderer, PointsRenderer)
        color, depth, _ = draw(renderer, CAMERA)
        np.testing.assert_allclose(color[32, 32], [1, 0, 0, 1], atol=0.01)
        assert depth[32, 32] == pytest.approx(3.5, abs=1e-3) and np.isinf(depth[5, 5])
        renderer.dispose()


def test_positions_follow_the_transform(gl) -> None:
    points = cloud([[1.0, 0, 0]], size_px=5.0)
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag([0.25, 1, 1])
    matrix[:3, 3] = 0.1, 0.2, 1e-3
    points.set_transform(matrix)
    for camera in (CAMERA, replace(CAMERA, ortho_height=2.0), replace(CAMERA, cx=20.0, cy=40.0)):
        alpha = picture(points, camera)[..., 3]
        place = np.argwhere(alpha > 0).mean(0)[::-1] + 0.5
        local = camera.view_matrix() @ [0.35, 0.2, 1e-3, 1.0]
        scale = 1 / camera.ortho_pixel() if camera.ortho_height else -camera.fx / local[2]
        np.testing.assert_allclose(place, [camera.cx + scale * local[0], camera.cy - scale * local[1]], atol=0.5)


def test_depth_mode_is_bright_near_and_dark_far(gl) -> None:
    points = cloud([[-0.3, 0, 1], [0.4, 0, -1]], size_px=7.0)
    points.set_display("mode", "depth")
    greys = np.unique(np.round(picture(points, CAMERA)[..., 0], 2))
    assert greys.max() == pytest.approx(0.95, abs=0.02)
    assert greys[greys > 0.06].min() == pytest.approx(0.08, abs=0.03)


def test_while_moving_a_share_of_the_points_is_drawn(gl) -> None:
    lattice = np.stack(np.meshgrid(*[np.linspace(-1, 1, 16)] * 2), -1).reshape(-1, 2)
    points = cloud(np.c_[lattice, np.zeros(256)], np.full((256, 4), 255), 1.5)
    all_of_them = picture(points, CAMERA)[..., 3] > 0
    some = picture(points, CAMERA, Quality(detail=0.25))[..., 3] > 0
    assert some.sum() == pytest.approx(0.25 * all_of_them.sum(), rel=0.15)
    # From all over the cloud, not its first quarter.
    assert some.any(1).sum() > 0.8 * all_of_them.any(1).sum()
    assert some.any(0)[40:].any() and some.any(0)[:24].any()


def test_a_picture_in_many_pieces_is_the_same_picture(gl) -> None:
    random = np.random.default_rng(0)
    points = cloud(random.uniform(-1, 1, (20_000, 3)), random.integers(0, 255, (20_000, 4)), 1.0)
    points.colors[:, 3] = 255
    renderer = renderer_for(points)
    renderer._pacer._elements = 1e9
    whole, whole_depth, few = draw(renderer, CAMERA)
    renderer._pacer._elements = 500.0
    pieces, depth, many = draw(renderer, CAMERA)
    renderer.dispose()
    assert few == 1 and many > 5
    np.testing.assert_array_equal(depth, whole_depth)
    np.testing.assert_array_equal(pieces, whole)


def test_pick_reaches_as_far_as_the_disc(gl) -> None:
    where = CAMERA.unproject(20.0, 40.0, 3.0)
    points = cloud([where], size_px=12.0)
    renderer = renderer_for(points)
    while not renderer.sync(1.0):
        pass
    for x, y in ((20.0, 40.0), (25.0, 40.0), (20.5, 34.5)):
        assert renderer.pick_depth(CAMERA, x, y) == pytest.approx(3.0, abs=1e-3)
    assert renderer.pick_depth(CAMERA, 27.5, 40.0) is None
    renderer.dispose()


def test_uploads_in_slices_and_frees_everything(gl) -> None:
    before = {name: count for name, count in living.items() if count}
    for steps in (1, 3, 1000):
        points = cloud(np.zeros((2_000_000, 3)), np.zeros((2_000_000, 4)))
        renderer = renderer_for(points)
        done = [renderer.sync(0.0) for _ in range(steps) if not renderer._count]
        assert done.count(True) <= 1 and (steps < 1000 or (done[-1] and len(done) > 8))
        renderer.dispose()
        assert {name: count for name, count in living.items() if count} == before


def test_no_points_are_nothing(gl) -> None:
    renderer = renderer_for(cloud(np.zeros((0, 3))))
    while not renderer.sync(1.0):
        pass
    assert renderer.pick_depth(CAMERA, 10.0, 10.0) is None
    renderer.dispose()
