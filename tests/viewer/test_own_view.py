"""The view that the window chooses, until somebody chooses another."""

from __future__ import annotations

import numpy as np
import pytest

from assets.points import Points
from assets.scene import Scene
from viewer.navigation import Navigator
from viewer.own_view import OwnView
from viewer.settings import Settings

SIZE = (400, 300)


class Cloud(Points):
    """Points of which less is seen than their box holds, once that is known."""

    seen: np.ndarray | None = None

    def seen_bounds(self) -> np.ndarray | None:
        return self.bounds() if self.seen is None else self.seen

    def up_axis(self) -> str | None:
        return "z"


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def navigator() -> Navigator:
    return Navigator(motion=False)


@pytest.fixture
def view(scene: Scene, navigator: Navigator) -> OwnView:
    return OwnView(scene, navigator, Settings(), lambda: SIZE)


def cloud(scene: Scene, offset: float = 0.0) -> Cloud:
    corners = np.array([[-1, -1, -1], [1, 1, 1]], np.float32)
    asset = Cloud("cloud", corners + np.float32([offset, 0, 0]))
    scene.add(asset)
    return asset


def test_the_first_asset_is_looked_at_with_its_own_up(scene: Scene, navigator: Navigator, view: OwnView) -> None:
    view.take_in([cloud(scene)])
    assert navigator.up_axis == "z"
    assert navigator.pose.pivot == pytest.approx([0, 0, 0])


def test_the_view_shrinks_to_what_preparing_found(scene: Scene, navigator: Navigator, view: OwnView) -> None:
    asset = cloud(scene)
    view.take_in([asset])
    far = navigator.pose.depth
    asset.seen = np.array([[0.0, 0.0, 0.0], [0.4, 0.4, 0.4]])
    asset.changed.emit(asset, "prepared")
    assert navigator.pose.depth < 0.5 * far
    assert navigator.pose.pivot == pytest.approx([0.2, 0.2, 0.2])


def test_nothing_moves_a_view_that_somebody_chose(scene: Scene, navigator: Navigator, view: OwnView) -> None:
    asset = cloud(scene)
    view.take_in([asset])
    navigator.orbit(50, 10, SIZE[1])
    mine = navigator.pose
    asset.seen = np.array([[0.0, 0.0, 0.0], [0.4, 0.4, 0.4]])
    asset.changed.emit(asset, "prepared")
    view.take_in([cloud(scene, 5.0)])
    assert navigator.pose is mine


def test_an_untouched_view_takes_in_what_comes_later(scene: Scene, navigator: Navigator, view: OwnView) -> None:
    view.take_in([cloud(scene)])
    near = navigator.pose.depth
    view.take_in([cloud(scene, 5.0)])
    assert navigator.pose.depth > 1.5 * near
