"""The exact picture that replaces the live one when the camera rests: meshes from here, the rest from a worker."""

from __future__ import annotations

import numpy as np
import pytest

from tests.small_assets import mesh, triplane
from tests.viewer.conftest import wait_settled, wait_until
from viewer.window import MainWindow


@pytest.mark.slow
def test_it_comes_with_meshes_and_goes_when_the_camera_moves(window: MainWindow) -> None:
    window.resize(640, 480)
    field, cube = triplane(), mesh()
    moved = np.eye(4)
    moved[0, 3] = 3.0
    cube.set_transform(moved)
    for asset in (field, cube):
        window.session.scene.add(asset)
    window.session.preparations.start(field)
    window.settings.set("grid", False)
    window.navigator.look_at_all(window.session.scene.bounds(), window.viewport.pixel_size)
    wait_settled(window)
    assert window.viewport.exact is None

    window.settings.set("exact_still", True)
    window.viewport.refresh()
    wait_until(lambda: window.viewport.exact is not None or window.stage.errors.messages)
    assert not window.stage.errors.messages
    exact = window.viewport.exact
    width, height = window.viewport.pixel_size
    assert exact.shape == (height, width, 4)
    left, right = exact[:, : width // 2, 3], exact[:, width // 2 :, 3]
    assert left.max() > 0.9
    assert right.max() == 1.0
    assert window.stage.badge.text() == "Exact"

    window.navigator.orbit(60.0, 0.0, 800.0)
    wait_until(lambda: window.viewport.exact is not exact)
    wait_until(lambda: window.viewport.exact is not None)
    assert np.abs(window.viewport.exact - exact).max() > 0.1
