"""The camera's matrices agree with its rays, and CAM.json says what it promises."""

from __future__ import annotations

import json

import numpy as np
import pytest

from assets.errors import BadFile
from renderers.camera import Camera, read_camera


def cameras() -> list[Camera]:
    plain = Camera.look_at((3, 2, 4), (0.2, 0.1, 0), fov_y_deg=40, width=320, height=200)
    shifted = Camera(plain.camera_to_world, 300.0, 280.0, 100.0, 130.0, 320, 200)
    ortho = Camera(plain.camera_to_world, 300.0, 300.0, 170.0, 90.0, 320, 200, ortho_height=3.0)
    return [plain, shifted, ortho]


@pytest.mark.parametrize("camera", cameras(), ids=["perspective", "off-centre", "orthographic"])
def test_projection_puts_points_where_their_rays_go(camera: Camera) -> None:
    origins, directions = camera.rays()
    rows, columns = np.array([0, 17, 199]), np.array([3, 160, 319])
    points = origins[rows, columns] + directions[rows, columns] * 4.0
    clip = np.c_[points, np.ones(3)] @ (camera.projection_matrix(0.1, 100.0) @ camera.view_matrix()).T
    ndc = clip[:, :3] / clip[:, 3:]
    assert np.allclose((ndc[:, 0] + 1) / 2 * camera.width, columns + 0.5, atol=1e-6)
    assert np.allclose((1 - ndc[:, 1]) / 2 * camera.height, rows + 0.5, atol=1e-6)
    assert (np.abs(ndc[:, 2]) < 1).all()


@pytest.mark.parametrize("camera", cameras(), ids=["perspective", "off-centre", "orthographic"])
def test_unproject_inverts_the_rays(camera: Camera) -> None:
    origins, directions = camera.rays()
    point = origins[50, 60] + directions[50, 60] * 3.0
    depth = (camera.eye - point) @ camera.camera_to_world[:3, 2]
    assert np.allclose(camera.unproject(60.5, 50.5, depth), point)


@pytest.mark.parametrize("camera", cameras(), ids=["perspective", "off-centre", "orthographic"])
def test_a_crop_sees_the_same_rays(camera: Camera) -> None:
    origins, directions = camera.rays()
    crop_origins, crop_directions = camera.cropped(40, 30, 5, 4).rays()
    assert np.allclose(crop_origins, origins[30:34, 40:45])
    assert np.allclose(crop_directions, directions[30:34, 40:45])


def test_resizing_keeps_the_vertical_field_of_view() -> None:
    camera = cameras()[0]
    assert camera.resized(100, 400).fov_y_deg == pytest.approx(camera.fov_y_deg)
    centre = camera.resized(100, 400)
    assert (centre.cx, centre.cy) == (50, 200)


def test_looking_straight_down_is_no_special_case() -> None:
    camera = Camera.look_at((0, 5, 0), (0, 0, 0))
    turn = camera.camera_to_world[:3, :3]
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)


@pytest.mark.parametrize("camera", cameras(), ids=["perspective", "off-centre", "orthographic"])
def test_json_round_trip(camera: Camera, tmp_path) -> None:
    path = tmp_path / "cam.json"
    path.write_text(json.dumps(camera.to_json()))
    again = read_camera(path)
    assert np.allclose(again.camera_to_world, camera.camera_to_world)
    assert again.to_json() == camera.to_json()


def test_json_with_a_field_of_view_takes_the_size_that_is_asked_for(tmp_path) -> None:
    path = tmp_path / "cam.json"
    path.write_text(json.dumps({"camera_to_world": np.eye(4).tolist(), "fov_y_deg": 60}))
    camera = read_camera(path, (200, 100))
    assert (camera.width, camera.height) == (200, 100)
    assert camera.fov_y_deg == pytest.approx(60)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "JSON object"),
        ("{", "is not a camera"),
        ('{"fov_y_deg": 40}', "4×4"),
        (json.dumps({"camera_to_world": np.eye(4).tolist()}), "fov_y_deg"),
        (json.dumps({"camera_to_world": np.zeros((4, 4)).tolist(), "fov_y_deg": 40}), "inverted"),
        (json.dumps({"camera_to_world": np.eye(4).tolist(), "fov_y_deg": 180}), "fov_y_deg"),
        (json.dumps({"camera_to_world": np.eye(4).tolist(), "fy": -3}), "positive"),
        (json.dumps({"camera_to_world": np.eye(4).tolist(), "fy": 3, "width": 10**9, "height": 2}), "not possible"),
    ],
)
def test_a_bad_camera_is_refused_in_a_sentence(text: str, problem: str, tmp_path) -> None:
    path = tmp_path / "cam.json"
    path.write_text(text)
    with pytest.raises(BadFile, match="cam.json") as caught:
        read_camera(path)
    assert problem in str(caught.value)


def test_a_missing_camera_file_is_refused(tmp_path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        read_camera(tmp_path / "none.json")
