"""Splats from .ksplat: all levels, by the program that made the format and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadFile
from assets.formats import formats
from tests.assets.ksplat_files import write_ksplat
from tests.assets.splat_comparison import DATA, assert_within, far_apart, read, rows_of, same_rows
from tests.assets.splat_files import random_splats

STEPS = ({"means": 0, "log_scales": 1e-6, "sh": 0}, {"means": 4e-5, "log_scales": 1e-3, "sh": 5e-4},
         {"means": 4e-5, "log_scales": 1e-3, "sh": 0.0122})  # fmt: skip


@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_its_own_library_writes(level: int) -> None:
    asset = read(DATA / f"big200_level{level}.ksplat")
    found = far_apart(asset, same_rows(asset, read(DATA / "big200.ply")))
    assert len(asset) == 200 and asset.sh_degree == 2 and not asset.provenance.warnings
    assert_within(found, **STEPS[level], turn=1e-6, opacity=1 / 254.9, display=1 / 254.9)


def test_a_scene_of_125_000(shared: Path) -> None:
    asset = read(shared / "data/gaussians/derived/playbot_lod2.level2.ksplat")
    found = far_apart(asset, same_rows(asset, read(shared / "data/gaussians/derived/playbot_lod2.ply")))
    # Its SH lies between −2.77 and 3.34, and the library cuts off instead of rounding.
    assert_within(found, means=4e-5, log_scales=1e-3, sh=0.02398, turn=1e-6, opacity=1 / 254.9, display=1 / 254.9)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("degree", [0, 1, 2])
def test_by_hand(level: int, degree: int, tmp_path: Path) -> None:
    splats = random_splats(100, 2)
    asset = read(write_ksplat(tmp_path / "a.ksplat", splats, level, degree))
    assert asset.sh_degree == degree
    half = {**STEPS[level], "sh": STEPS[level]["sh"] / 2 + (3e-4 if level else 0)}
    assert_within(far_apart(asset, splats, sh_limit=1.5), **half, turn=1e-6, opacity=1 / 510, display=1 / 509)


def test_sections_beyond_those_in_use_are_looked_at(shared: Path) -> None:
    """The count of used sections is 0 in some files that have one."""
    assert len(read(shared / "data/gaussians/synthetic/st-minimal.ksplat")) == 4


def test_another_name_is_no_obstacle(tmp_path: Path) -> None:
    path = write_ksplat(tmp_path / "a.bin", random_splats(50))
    assert len(read(path)) == 50


def test_values_that_are_not_finite_are_left_out_and_told(tmp_path: Path) -> None:
    splats = random_splats(60)
    splats.means[7], splats.rotations[9, 2], splats.log_scales[11, 0] = np.nan, np.inf, -np.inf
    asset = read(write_ksplat(tmp_path / "a.ksplat", splats))
    assert len(asset) == 58 and asset.log_scales[9, 0] == -20
    assert any("2 of 60" in sentence for sentence in asset.provenance.warnings)
    kept = np.delete(np.arange(60), [7, 9])
    np.testing.assert_array_equal(asset.means, rows_of(splats, kept).means)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (4, b"\xff\xff\xff\xff", "sections"),
        (20, b"\x07\x00", "level 7"),
        (4096, b"\xff\xff\xff\x7f", "section 1"),
        (4096 + 4, b"\xff\xff\xff\xff", "section 1"),
        (4096 + 12, b"\xff\xff\xff\xff", "section 1"),
        (4096 + 8, b"\x01\x00\x00\x00", "bucket"),
        (4096 + 36, b"\xff\xff\xff\xff", "section 1"),
        (4096 + 40, b"\x09\x00", "degree 9"),
    ],
)
def test_counts_that_lie_are_one_sentence(tmp_path: Path, place: int, value: bytes, words: str) -> None:
    path = write_ksplat(tmp_path / "a.ksplat", random_splats(50), 1)
    content = bytearray(path.read_bytes())
    content[place : place + len(value)] = value
    path.write_bytes(content)
    with pytest.raises(BadFile, match=words):
        read(path)


def test_it_is_not_written() -> None:
    assert not [form for form in formats() if form.save and ".ksplat" in form.extensions]
