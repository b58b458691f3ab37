"""The exact picture is what the families' own code draws, from their own cameras."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.progress import run
from renderers.reference.triplane import march
from tests.processes import succeeded
from tests.renderers.exact_oracles import PICTURES, Part, drawn, expected, oracle
from tests.renderers.field_pictures import psnr

CLOSE_DB = 60.0

PARTS: dict[str, Part] = {
    "openlrm-0": (32, 40, 64, 24),
    "eg3d-0": (32, 60, 64, 16),
    "difftf-fitted-0": (20, 56, 96, 8),
    "difftf-sample-0": (20, 44, 64, 12),
    "hexplane-0": (24, 48, 80, 32),
}
"""A strip through the middle of each, where the object is."""


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_what_the_family_draws(name: str, shared: Path) -> None:
    triplane, camera, view = oracle(shared, name)
    part = PARTS[name]
    assert expected(view, part).std() > 0.05
    assert psnr(drawn(triplane, camera, view, part), expected(view, part)) > CLOSE_DB


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_all_of_it_is_what_the_family_draws(name: str, shared: Path) -> None:
    triplane, camera, view = oracle(shared, name)
    assert psnr(drawn(triplane, camera, view), expected(view)) > CLOSE_DB


def test_difftf_shows_what_little_is_left_at_the_end_of_a_ray(shared: Path) -> None:
    """Its last step is endless, so that density far too thin to be seen is opaque: strips beside the object."""
    triplane, camera, view = oracle(shared, "difftf-fitted-0")
    lines = np.flatnonzero((view["alpha"] > 0.01).any(1))
    ghosts = view["alpha"].copy()
    ghosts[:, 40:96] = 0
    row = lines[np.argmax((ghosts[lines] > 0.01).sum(1))]
    part = (0, int(row), 128, 2)
    ours = drawn(triplane, camera, view, part)
    assert psnr(ours, expected(view, part)) > CLOSE_DB
    short = replace(triplane.description, march=replace(triplane.description.march, last_step=0.0))
    triplane.description = short
    assert psnr(drawn(triplane, camera, view, part), expected(view, part)) < CLOSE_DB


def test_moving_back_moves_the_same_samples_to_the_object(shared: Path) -> None:
    """Between EG3D's fixed distances is nothing for a camera that stands elsewhere; the object still is."""
    triplane, camera, _ = oracle(shared, "eg3d-0")
    near = run(march(triplane, camera.cropped(60, 60, 8, 8), device="cpu"))[0]
    for shift in (-1.5, 4.0):
        pose = camera.camera_to_world.copy()
        pose[:3, 3] += shift * pose[:3, 2]
        # Rays that diverge less meet the object as before.
        away = np.linalg.norm(pose[:3, 3]) / np.linalg.norm(camera.camera_to_world[:3, 3])
        other = replace(camera, camera_to_world=pose, fx=camera.fx * away, fy=camera.fy * away)
        picture = run(march(triplane, other.cropped(60, 60, 8, 8), device="cpu"))[0]
        assert np.abs(picture[..., 3] - near[..., 3]).mean() < 0.1
        assert picture[..., 3].mean() > 0.5


def test_the_command_line_draws_it_too(triptych, shared: Path, tmp_path: Path) -> None:
    from PIL import Image

    _, camera, view = oracle(shared, "eg3d-1")
    part = (56, 60, 16, 12)
    (tmp_path / "camera.json").write_text(json.dumps(camera.cropped(*part).to_json()))
    folder, asset, *_ = PICTURES["eg3d-1"]
    out, where = tmp_path / "out.png", tmp_path / "camera.json"
    words = ["--screenshot", out, "--exact", "--camera", where, "--background", "white"]
    succeeded(triptych(shared / "oracles" / folder / asset, *words))
    picture = np.asarray(Image.open(out).convert("RGB")) / 255.0
    assert expected(view, part).std() > 0.05
    assert psnr(picture, expected(view, part)) > 50
