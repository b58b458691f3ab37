"""The live pictures of published families, at the finest bake, against those that the families' own code drew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.progress import run
from assets.triplane import Triplane
from renderers.camera import Camera
from tests.assets.triplane_files import opened
from tests.renderers.field_pictures import draw, psnr, ready

QUICK = [
    ("eg3d/asset.pt", None, None, ("eg3d/view_0", "eg3d/view_1")),
    ("openlrm/asset.pt", None, None, ("openlrm/view_0", "openlrm/view_1")),
]
SLOW = [
    ("difftf/asset_fitted.pt", None, None, ("difftf/view_fitted_0", "difftf/view_fitted_1")),
    ("difftf/sample_triplane.npz", "difftf/decoder_sample.pt", None, ("difftf/view_sample_0",)),
    ("hexplane/asset.pt", None, -0.7, ("hexplane/view_0",)),
    ("hexplane/asset.pt", None, 0.6, ("hexplane/view_1",)),
]
LEAST_DB = 44.0
"""Promised are 38."""


def finest(shared: Path, file: str, decoder: str | None, time: float | None) -> Triplane:
    """An opened oracle with its finest bricks."""
    folder = shared / "oracles"
    triplane = opened(folder / file, None if decoder is None else folder / decoder)[0]
    if time is not None:
        triplane.set_display("time", time)
    run(triplane.preparation(), on_partial=triplane.accept)
    return triplane


def seen(shared: Path, name: str) -> tuple[Camera, np.ndarray, np.ndarray]:
    """The camera of a view, its picture without the chance of samples, and what lies behind."""
    view = np.load(shared / "oracles" / f"{name}.npz")
    camera = Camera.with_fov(view["c2w"], float(np.degrees(view["fov_y"])), int(view["width"]), int(view["height"]))
    if "difftf" in name:
        # Its rays run through whole numbers, ours through the middles of pixels.
        camera = replace(camera, cx=camera.cx + 0.5, cy=camera.cy + 0.5)
    expected = view["rgb_dense" if "rgb_dense" in view else "rgb"]
    background = view["background"] if "background" in view else np.ones(3)
    return camera, np.clip(expected, 0, 1), np.broadcast_to(background, 3)


def check(renderers: list, shared: Path, file: str, decoder: str | None, time: float | None, views: tuple) -> None:
    """Compares every view."""
    renderers.append(ready(finest(shared, file, decoder, time)))
    for name in views:
        camera, expected, background = seen(shared, name)
        picture, _ = draw(renderers[-1], camera)
        found = np.clip(picture[..., :3] + (1 - picture[..., 3:]) * background, 0, 1)
        assert psnr(found, expected) > LEAST_DB, name


@pytest.mark.parametrize(("file", "decoder", "time", "views"), QUICK, ids=[case[0] for case in QUICK])
def test_it_looks_as_its_family_draws_it(renderers, shared, file, decoder, time, views) -> None:
    check(renderers, shared, file, decoder, time, views)


@pytest.mark.slow
@pytest.mark.parametrize(("file", "decoder", "time", "views"), SLOW, ids=[case[3][0] for case in SLOW])
def test_it_looks_as_its_family_draws_it_slow(renderers, shared, file, decoder, time, views) -> None:
    check(renderers, shared, file, decoder, time, views)
