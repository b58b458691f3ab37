"""What splats look like after a way through each format, drawn by the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.formats import save_path
from assets.gaussians import Gaussians
from assets.progress import run
from renderers.reference.gaussians import render
from tests.assets.splat_comparison import read
from tests.renderers.splat_pictures import DATA, oracle_camera, psnr

DECIBELS = {
    "a.compressed.ply": (48, {}),
    "a.spz": (40, {}),
    "b.spz": (45, {"sh_bits": 8, "version": 3}),
    "a.splat": (48, {}),
}


def picture(splats: Gaussians) -> np.ndarray:
    """(H,W,3) over black."""
    with np.load(DATA / "big200_view_0.npz") as view:
        image, _ = run(render(splats, oracle_camera(view)))[:2]
    return np.clip(image[..., :3], 0, 1)


@pytest.fixture(scope="module")
def original() -> tuple[Gaussians, np.ndarray, np.ndarray]:
    """Splats, their picture, and that without view-dependent colour."""
    splats = read(DATA / "big200.ply")
    whole = picture(splats)
    splats.display.sh_degree = 0
    plain = picture(splats)
    splats.display.sh_degree = 3
    return splats, whole, plain


@pytest.mark.parametrize("name", DECIBELS)
def test_a_way_through_a_format_is_hardly_seen(original: tuple, tmp_path: Path, name: str) -> None:
    splats, whole, plain = original
    least, options = DECIBELS[name]
    run(save_path(splats, tmp_path / name, **options))
    found = psnr(picture(read(tmp_path / name)), plain if name.endswith(".splat") else whole)
    assert found >= least, f"{name}: {found:.1f} dB"


@pytest.mark.parametrize(
    ("name", "least"), [("big200.compressed.ply", 45), ("big200_v4.spz", 40), ("big200_v3.spz", 45)]
)
def test_what_others_wrote_looks_the_same(original: tuple, name: str, least: float) -> None:
    other = read(DATA / name)
    other.notes.antialiasing = original[0].notes.antialiasing
    found = psnr(picture(other), original[1])
    assert found >= least, f"{name}: {found:.1f} dB"
