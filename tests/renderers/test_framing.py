"""The default view: everything is inside the picture and fills it, for every up axis and shape of picture."""

from __future__ import annotations

import numpy as np
import pytest

from assets.asset import UP_VECTORS
from assets.gaussians import Gaussians, TrainerNotes
from assets.points import Points
from renderers.framing import MARGIN, common_up, framing


def corners_on_picture(camera, bounds: np.ndarray) -> np.ndarray:
    """The corners of the box in units of the picture's half size, (8,2): inside is −1 … 1."""
    corners = np.stack(np.meshgrid(*bounds.T, indexing="ij"), -1).reshape(-1, 3)
    clip = np.c_[corners, np.ones(8)] @ (camera.projection_matrix(0.01, 1e4) @ camera.view_matrix()).T
    assert (clip[:, 3] > 0).all()
    return clip[:, :2] / clip[:, 3:]


@pytest.mark.parametrize("up", UP_VECTORS)
@pytest.mark.parametrize("size", [(1280, 720), (200, 900), (64, 64)])
@pytest.mark.parametrize(
    "box", [[(-1, -1, -1), (1, 1, 1)], [(5, -3, 2), (5.1, 9, 2)], [(100, 100, 100), (104, 101, 102)]]
)
def test_box_fits_exactly(up: str, size: tuple[int, int], box: list) -> None:
    bounds = np.array(box, float)
    camera = framing(bounds, up, size)
    seen = corners_on_picture(camera, bounds)
    assert np.abs(seen).max() == pytest.approx(1 / MARGIN, rel=1e-6)
    assert camera.camera_to_world[:3, 1] @ np.array(UP_VECTORS[up]) > 0.8
    assert (camera.width, camera.height) == size


@pytest.mark.parametrize("bounds", [None, np.zeros((2, 3)), np.full((2, 3), 7.0)])
def test_nothing_and_a_point_are_framed(bounds: np.ndarray | None) -> None:
    camera = framing(bounds)
    assert np.isfinite(camera.camera_to_world).all()
    assert 0.5 < np.linalg.norm(camera.eye - (0 if bounds is None else bounds[0])) < 10


def test_direction_straight_from_above() -> None:
    camera = framing(np.array([[-1.0] * 3, [1.0] * 3]), "z", direction=np.array([0, 0, 1.0]))
    assert np.abs(corners_on_picture(camera, np.array([[-1.0] * 3, [1.0] * 3]))).max() <= 1.0


def splats(up: str | None) -> Gaussians:
    one = np.zeros((1, 3), np.float32)
    return Gaussians(
        "g", one, one, np.ones((1, 4), np.float32), one[:, 0], one[:, None], notes=TrainerNotes(up_axis=up)
    )


def test_common_up_asks_those_who_know() -> None:
    points = Points("p", np.zeros((1, 3), np.float32))
    assert common_up([]) == common_up([points]) == "y"
    assert common_up([points, splats("z")]) == "z"
    assert common_up([splats("-y"), splats("z")]) == "y"
    turned = splats("z")
    turned.set_transform(np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]))
    assert common_up([turned]) == "y"


@pytest.mark.parametrize("far", [1e9, 4.6e18, 1e30])
def test_a_point_far_from_the_origin_is_seen(far: float) -> None:
    camera = framing(np.full((2, 3), far))
    assert np.isfinite(camera.camera_to_world).all()
    toward = np.full(3, far) - camera.eye
    np.testing.assert_allclose(toward / np.linalg.norm(toward), -camera.camera_to_world[:3, 2], atol=1e-6)
