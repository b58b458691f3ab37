"""Bent fields, drawn exactly by every kind of march: what has moved is seen where it went."""

from __future__ import annotations

import numpy as np
import pytest

from assets.deform.rig import make_rig
from assets.fields.description import March
from assets.progress import run
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.reference.triplane import march
from tests.assets.deform_shapes import turn
from tests.assets.warped_fields import ball, moved
from tests.renderers.field_pictures import psnr

CAMERA = Camera.look_at((1.0, 1.2, 3.2), (0.1, 0.1, 0.0), width=60, height=45)
TURN = turn((0.3, 0.7, -0.4), 40)
SHIFT = np.array([0.9, 0.4, 0.2])

RULES = {
    "two passes of segments": March(48, 48, "stratified", between="segment"),
    "two passes of points": March(96, 64, "edges", last_step=0.0),
    "segments": March(200, placement="edges", between="segment"),
    "a range": March(160, placement="edges", limits="range", near=2.0, far=5.0),
    "around, empty outside": March(160, limits="around", near=-1.5, far=1.5, outside="empty"),
}


def placed(triplane: Triplane) -> Triplane:
    """The triplane where a warp would bring it, without one."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = TURN, SHIFT
    triplane.set_transform(matrix)
    return triplane


def worn(triplane: Triplane) -> Triplane:
    """The triplane, all of whose matter a warp has turned and moved, in part out of its box."""
    triplane.set_warp(moved(run(make_rig(triplane)), TURN, SHIFT))
    return triplane


def drawn(triplane: Triplane, **display: object) -> np.ndarray:
    """Its picture."""
    for name, value in display.items():
        triplane.set_display(name, value)
    return run(march(triplane, CAMERA, device="cpu"))[0]


@pytest.mark.parametrize("name", RULES)
def test_any_march_follows_what_has_moved(name: str) -> None:
    expected = drawn(placed(ball(march=RULES[name])))
    assert (expected[..., 3] > 0.9).sum() > 40
    assert psnr(drawn(worn(ball(march=RULES[name]))), expected) > 30


@pytest.mark.parametrize("mode", ["surface", "slice"])
def test_surfaces_and_slices_follow_too(mode: str) -> None:
    level = {"mode": mode, "level": 2.0, "slice_axis": "z"}
    found = drawn(worn(ball()), **level)
    if mode == "surface":
        expected = drawn(placed(ball()), **level)
        assert (expected[..., 3] > 0).sum() > 40
        assert np.abs(found - expected)[..., 3].mean() < 0.01
        assert psnr(found, expected) > 25
        return
    # The plane stays, what it cuts has come from elsewhere.
    still = drawn(ball(), **level)
    assert np.abs(found - still).mean() > 0.01
    assert (found[..., 3] > 0).any()
