"""Kinds that stand in front of each other, through the whole frame: what is in front hides what is behind."""

from __future__ import annotations

import numpy as np
import pytest

from assets.asset import Asset
from assets.scene import Scene
from renderers.frame import Frame, FrameSettings
from renderers.renderer import Quality
from tests.renderers.mixed_scenes import CAMERA, fog_box, quad, splat

BLACK = FrameSettings(background=(0.0, 0.0, 0.0))
RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
MIDDLE = (24, 32)


def middle_of(frame: Frame, *assets: Asset) -> np.ndarray:
    """sRGB 0 … 1 in the middle of the picture."""
    scene = Scene()
    for asset in assets:
        scene.add(asset)
    return frame.draw(scene, CAMERA, BLACK)[MIDDLE][:3] / 255


def mesh_at(z: float, color: tuple[float, float, float]) -> Asset:
    return quad(z, color, (-0.8, 0.8))


def splats_at(z: float, color: tuple[float, float, float]) -> Asset:
    return splat((0.0, 0.0, z), color, size=0.3)


def triplane_at(z: float, color: tuple[float, float, float]) -> Asset:
    return fog_box((0.0, 0.0, z), density=60.0, half=0.5, color=color)


KINDS = {"mesh": mesh_at, "splats": splats_at, "triplane": triplane_at}


@pytest.mark.parametrize("front", KINDS)
@pytest.mark.parametrize("back", KINDS)
@pytest.mark.parametrize("front_first", [False, True])
def test_what_is_in_front_hides_what_is_behind(frame: Frame, front: str, back: str, front_first: bool) -> None:
    assets = [KINDS[front](1.2, GREEN), KINDS[back](-1.2, RED)]
    seen = middle_of(frame, *(assets if front_first else assets[::-1]))
    assert seen[1] > 0.95
    assert seen[0] < 0.05


@pytest.mark.parametrize("back", ["mesh", "triplane"])
def test_thin_fog_lets_what_is_behind_through(frame: Frame, back: str) -> None:
    thin = fog_box((0.0, 0.0, 1.0), density=np.log(4.0), half=0.5, color=GREEN)
    seen = middle_of(frame, thin, KINDS[back](-1.0, BLUE))
    assert seen == pytest.approx((0.0, 0.75, 0.25), abs=0.02)


def test_a_mesh_inside_fog_is_seen_through_what_lies_before_it(frame: Frame) -> None:
    fog = fog_box((0.0, 0.0, 0.0), density=np.log(4.0), half=0.5, color=GREEN)
    seen = middle_of(frame, fog, mesh_at(0.0, BLUE))
    assert seen == pytest.approx((0.0, 0.5, 0.5), abs=0.02)


def test_splats_inside_dense_fog_are_hidden_and_before_it_seen(frame: Frame) -> None:
    fog = fog_box((0.0, 0.0, 0.0), density=60.0, half=0.5, color=GREEN)
    assert middle_of(frame, fog, splats_at(0.0, RED)) == pytest.approx(GREEN, abs=0.02)
    assert middle_of(frame, fog, splats_at(0.8, RED))[0] > 0.95


def test_hiding_holds_at_every_pixel_and_while_moving(frame: Frame) -> None:
    """A mesh over the left half of the fog: the border between them is where the mesh ends, at any quality."""
    scene = Scene()
    scene.add(fog_box((0.0, 0.0, 0.0), density=60.0, half=0.5, color=GREEN))
    scene.add(quad(1.0, RED, (-0.9, 0.0)))
    for quality in (Quality(), Quality(detail=0.3), Quality(scale=0.5, detail=0.25)):
        picture = frame.draw(scene, CAMERA, BLACK, quality)[..., :3] / 255
        assert picture[24, 24:30, 0].min() > 0.9
        assert picture[24, 24:30, 1].max() < 0.1
        assert picture[24, 35:38, 1].min() > 0.9
        assert picture[24, 35:38, 0].max() < 0.1


def test_picking_takes_the_nearest_kind(frame: Frame) -> None:
    for front in KINDS:
        for back in KINDS:
            scene = Scene()
            nearest = KINDS[front](1.2, GREEN)
            scene.add(KINDS[back](-1.2, RED))
            scene.add(nearest)
            frame.draw(scene, CAMERA, BLACK)
            hit = frame.pick(scene, CAMERA, MIDDLE[1] + 0.5, MIDDLE[0] + 0.5)
            assert hit is not None and hit.asset is nearest
            assert 0.6 < hit.point[2] < 1.8
