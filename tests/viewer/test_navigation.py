"""The camera under the hand, without Qt: what stays fixed while it moves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.asset import UP_VECTORS
from renderers.camera import Camera
from renderers.framing import FRONT_VECTORS, framing
from viewer.navigation import EASE_SECONDS, Navigator, blend, rotation

WIDTH, HEIGHT = 800, 600
BOX = np.array([[-1.0, -2.0, 0.5], [3.0, 1.0, 2.5]])


@pytest.fixture
def navigator() -> Navigator:
    made = Navigator(motion=False)
    made.look_at_all(BOX, (WIDTH, HEIGHT))
    return made


def project(navigator: Navigator, point: np.ndarray) -> np.ndarray:
    """Where a world point lies in the picture, pixels."""
    camera = navigator.camera(WIDTH, HEIGHT)
    x, y, z, _ = camera.view_matrix() @ np.append(point, 1.0)
    if camera.ortho_height is not None:
        pixel = camera.ortho_pixel()
        return np.array([camera.cx + x / pixel, camera.cy - y / pixel])
    return np.array([camera.cx + camera.fx * x / -z, camera.cy - camera.fy * y / -z])


def test_default_view_is_the_one_of_the_command_line(navigator: Navigator) -> None:
    expected = framing(BOX, "y", (WIDTH, HEIGHT), 45.0)
    assert navigator.camera(WIDTH, HEIGHT).camera_to_world == pytest.approx(expected.camera_to_world)
    assert navigator.pose.pivot == pytest.approx(BOX.mean(0))


@given(st.lists(st.tuples(st.floats(-300, 300), st.floats(-300, 300)), max_size=20))
def test_orbit_keeps_pivot_distance_and_horizon(drags: list) -> None:
    navigator = Navigator(motion=False)
    navigator.look_at_all(BOX, (WIDTH, HEIGHT))
    pivot = project(navigator, navigator.pose.pivot)
    distance = np.linalg.norm(navigator.pose.matrix[:3, 3] - navigator.pose.pivot)
    for dx, dy in drags:
        navigator.orbit(dx, dy, HEIGHT)
    matrix = navigator.pose.matrix
    assert np.linalg.norm(matrix[:3, 3] - navigator.pose.pivot) == pytest.approx(distance)
    assert project(navigator, navigator.pose.pivot) == pytest.approx(pivot, abs=1e-6)
    assert matrix[:3, :3].T @ matrix[:3, :3] == pytest.approx(np.eye(3), abs=1e-9)
    # The horizon stays level, and up stays up.
    assert matrix[1, 0] == pytest.approx(0, abs=1e-6)
    assert matrix[1, 1] > 0


def test_orbit_follows_the_hand(navigator: Navigator) -> None:
    near = navigator.pose.pivot + navigator.pose.matrix[:3, 2]
    before = project(navigator, near)
    navigator.orbit(40, 25, HEIGHT)
    moved = project(navigator, near) - before
    assert moved[0] > 0 and moved[1] > 0


@pytest.mark.parametrize("orthographic", [False, True])
def test_pan_moves_the_pivot_with_the_hand(navigator: Navigator, orthographic: bool) -> None:
    navigator.set_orthographic(orthographic)
    point = navigator.pose.pivot.copy()
    before = project(navigator, point)
    navigator.pan(37, -21, HEIGHT)
    assert project(navigator, point) - before == pytest.approx([37, -21], abs=1e-6)


@pytest.mark.parametrize("orthographic", [False, True])
def test_zoom_keeps_what_is_under_the_cursor(navigator: Navigator, orthographic: bool) -> None:
    navigator.set_orthographic(orthographic)
    camera = Camera.with_fov(navigator.pose.matrix, navigator.pose.fov, WIDTH, HEIGHT)
    under = camera.unproject(600, 150, navigator.pose.depth)
    assert project(navigator, under) == pytest.approx([600, 150], abs=1e-6)
    size = np.linalg.norm(project(navigator, navigator.pose.pivot + [0, 0.1, 0]) - [400, 300])
    navigator.zoom(3, 600, 150, WIDTH, HEIGHT)
    assert project(navigator, under) == pytest.approx([600, 150], abs=1e-6)
    grown = project(navigator, navigator.pose.pivot + [0, 0.1, 0]) - project(navigator, navigator.pose.pivot)
    assert np.linalg.norm(grown) / size == pytest.approx(0.88**-3, rel=0.05)


def test_zoom_ends_before_the_pivot_and_before_infinity(navigator: Navigator) -> None:
    for _ in range(300):
        navigator.zoom(5, 400, 300, WIDTH, HEIGHT)
    assert 0 < navigator.pose.depth < 1e-3 * navigator.extent
    for _ in range(300):
        navigator.dolly(600, HEIGHT)
    assert np.isfinite(navigator.pose.matrix).all() and navigator.pose.depth < 1e4 * navigator.extent


def test_field_of_view_keeps_the_size_at_the_pivot(navigator: Navigator) -> None:
    side = navigator.pose.pivot + navigator.pose.matrix[:3, 0]
    before = project(navigator, side)
    navigator.field_of_view(6)
    assert navigator.pose.fov < 45
    assert project(navigator, side) == pytest.approx(before, abs=1e-6)


def test_pivot_comes_to_the_middle(navigator: Navigator) -> None:
    point = BOX[1]
    direction = navigator.pose.matrix[:3, 2].copy()
    navigator.set_pivot(point)
    assert project(navigator, point) == pytest.approx([WIDTH / 2, HEIGHT / 2], abs=1e-6)
    assert navigator.pose.matrix[:3, 2] == pytest.approx(direction)


def test_frame_shows_the_whole_box(navigator: Navigator) -> None:
    navigator.orbit(200, 80, HEIGHT)
    navigator.dolly(-900, HEIGHT)
    navigator.frame(BOX, (WIDTH, HEIGHT))
    corners = np.stack(np.meshgrid(*BOX.T, indexing="ij"), -1).reshape(-1, 3)
    seen = np.array([project(navigator, corner) for corner in corners])
    assert (seen >= 0).all() and (seen <= [WIDTH, HEIGHT]).all()
    assert max(np.ptp(seen[:, 0]) / WIDTH, np.ptp(seen[:, 1]) / HEIGHT) > 0.8


@pytest.mark.parametrize("up", list(UP_VECTORS))
def test_axis_views(navigator: Navigator, up: str) -> None:
    navigator.set_up(up)
    top, front = np.array(UP_VECTORS[up]), np.array(FRONT_VECTORS[up])
    expected = {"front": front, "back": -front, "right": np.cross(top, front), "top": top, "bottom": -top}
    for name, direction in expected.items():
        navigator.look_along(name)
        assert navigator.pose.matrix[:3, 2] == pytest.approx(direction, abs=1e-9)
        if name in ("front", "back", "right"):
            assert navigator.pose.matrix[:3, 1] == pytest.approx(top, abs=1e-9)
    # Orbiting on from a pole works.
    navigator.orbit(10, -10, HEIGHT)
    assert np.isfinite(navigator.pose.matrix).all()


@pytest.mark.parametrize("axis", ["-y", "z", "-z"])
def test_up_axis_turns_the_view_with_it(navigator: Navigator, axis: str) -> None:
    rise = navigator.pose.matrix[:3, 2] @ navigator.up
    navigator.set_up(axis)
    matrix = navigator.pose.matrix
    assert matrix[:3, 2] @ navigator.up == pytest.approx(rise)
    assert matrix[:3, 0] @ navigator.up == pytest.approx(0, abs=1e-9)
    assert matrix[:3, 1] @ navigator.up > 0


def test_camera_through_json(navigator: Navigator) -> None:
    for orthographic in (False, True):
        navigator.set_orthographic(orthographic)
        form = json.loads(json.dumps(navigator.camera(WIDTH, HEIGHT).to_json()))
        points = np.random.default_rng(0).uniform(BOX[0], BOX[1], (5, 3))
        before = np.array([project(navigator, point) for point in points])
        navigator.look_along("left")
        navigator.set_camera(Camera.from_json(form))
        assert np.array([project(navigator, point) for point in points]) == pytest.approx(before, abs=1e-4)


def test_easing_takes_its_time_and_arrives() -> None:
    navigator = Navigator(motion=True)
    navigator.look_at_all(BOX, (WIDTH, HEIGHT))
    start = navigator.pose
    navigator.look_along("top")
    assert navigator.pose is start and navigator.easing
    navigator.advance(10.0)
    assert navigator.advance(10.0 + EASE_SECONDS / 2)
    middle = navigator.pose.matrix[:3, 2] @ navigator.up
    assert start.matrix[:3, 2] @ navigator.up < middle < 1
    assert not navigator.advance(10.0 + EASE_SECONDS * 1.01)
    assert navigator.pose.matrix[:3, 2] == pytest.approx(navigator.up, abs=1e-9)
    navigator.look_along("front")
    navigator.orbit(5, 5, HEIGHT)
    assert not navigator.easing, "the hand ends an easing"


def test_blend_ends_are_exact(navigator: Navigator) -> None:
    start = navigator.pose
    navigator.look_along("back")
    end = navigator.pose
    for share, pose in ((0.0, start), (1.0, end)):
        assert blend(start, end, share).matrix == pytest.approx(pose.matrix, abs=1e-7)


def test_rotation_is_right_handed() -> None:
    assert rotation(np.array([0, 0, 2.0]), np.pi / 2) @ [1, 0, 0] == pytest.approx([0, 1, 0])
