"""Our files in other people's readers: splat-transform (npm) and gsply (PyPI), where they are installed.

`npm install -g @playcanvas/splat-transform@3.7.0` and `pip install gsply==0.4.6`; neither is needed to run Triptych.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from assets.formats import save_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats.frames import flipped
from tests.assets.splat_comparison import assert_within, far_apart, read, same_rows
from tests.assets.splat_files import random_splats

pytestmark = pytest.mark.slow

SPZ = {
    "means": 2e-5,
    "log_scales": 0.0313,
    "turn": 3e-6,
    "opacity": 1 / 509,
    "dc": 0.0132,
    "band_1": 0.0313,
    "sh": 0.0626,
}
COMPRESSED = {"means": 4e-3, "log_scales": 3e-3, "turn": 3e-6, "opacity": 1 / 254, "dc": 8e-3, "sh": 0.0157}
SPLAT = {"means": 0, "log_scales": 1e-6, "turn": 2e-4, "opacity": 1 / 509, "dc": 0.0071}


@pytest.fixture
def splats() -> Gaussians:
    """Splats within the ranges of all formats, none of them too faint for a byte."""
    splats = random_splats(3000, 3, seed=3)
    splats.means *= 4
    splats.sh[:, 1:] = np.clip(splats.sh[:, 1:], -0.99, 0.99)
    splats.sh[:, 0] = np.clip(splats.sh[:, 0], -1.7, 1.7)
    splats.logit_opacities = np.clip(splats.logit_opacities, -5, 12)
    splats.notes.antialiasing = "mip"
    return splats


FILES = {
    "a.compressed.ply": ({}, COMPRESSED, False),
    "a.splat": ({}, SPLAT, False),
    "rub.spz": ({}, SPZ, True),
    "rub3.spz": ({"version": 3}, SPZ, True),
    "raw.spz": ({"frame": "raw"}, SPZ, False),
    "raw3.spz": ({"frame": "raw", "version": 3}, SPZ, False),
}
"""By name: how it is saved, how far it may be off, and whether readers that know no frames see it turned."""


def compared(splats: Gaussians, other: Gaussians, name: str) -> None:
    """Checks what another reader has made of a file."""
    _, bounds, turned = FILES[name]
    other = flipped(other, (1, -1, -1)) if turned else other
    assert len(other) == len(splats)
    assert_within(far_apart(other, same_rows(other, splats)), **bounds)


@pytest.mark.parametrize("name", FILES)
def test_splat_transform_reads_our_files(splats: Gaussians, tmp_path: Path, name: str) -> None:
    program = shutil.which("splat-transform")
    if program is None:
        pytest.skip("splat-transform is not installed")
    run(save_path(splats, tmp_path / name, **FILES[name][0]))
    command = [program, "-w", str(tmp_path / name), str(tmp_path / "out.ply")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    other = read(tmp_path / "out.ply")
    compared(splats, other, name)
    assert other.notes.antialiasing == ("classic" if name == "a.splat" else "mip")


@pytest.mark.parametrize("name", [name for name in FILES if name != "a.splat"])
def test_gsply_reads_our_files(splats: Gaussians, tmp_path: Path, name: str) -> None:
    gsply = pytest.importorskip("gsply")
    path = tmp_path / name
    run(save_path(splats, path, **FILES[name][0]))
    data = gsply.plyread(str(path)) if name.endswith("ply") else gsply.read_spz(str(path))
    sh = np.concatenate([np.reshape(data.sh0, (-1, 1, 3)), data.shN], 1)
    arrays = (data.means, data.scales, data.quats, np.reshape(data.opacities, -1), sh)
    compared(splats, Gaussians("other", *(np.asarray(array, np.float32) for array in arrays)), name)
