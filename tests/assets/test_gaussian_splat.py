"""Splats as .splat: read from other writers, and written as the first exporter did."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadFile
from assets.formats import open_path, save_path
from assets.formats.gaussian_splat import ROW
from assets.gaussians import Gaussians
from assets.progress import run
from tests.assets.splat_comparison import DATA, assert_within, far_apart, read, rows_of, same_rows
from tests.assets.splat_files import random_splats

ANOTHER = {"means": 0, "log_scales": 1e-6, "opacity": 1 / 254.9, "display": 1 / 254.9}
"""What other writers keep; they cut values off instead of rounding them."""


def saved(splats: Gaussians, path: Path) -> Gaussians:
    """Splats after a way through a file."""
    run(save_path(splats, path))
    return read(path)


def test_what_another_program_writes() -> None:
    asset = read(DATA / "big200.splat")
    assert len(asset) == 200 and asset.sh_degree == 0 and asset.notes.up_axis == "-y"
    other = same_rows(asset, read(DATA / "big200.ply"))
    assert_within(far_apart(asset, other), **ANOTHER)
    # It doesn't bring quaternions to length 1 first, so parts beyond 1 are cut off.
    short = np.abs(other.rotations).max(1) <= 1
    assert short.sum() > 30
    assert_within(far_apart(rows_of(asset, short), rows_of(other, short)), turn=1e-3)


def test_a_scene_of_125_000(shared: Path) -> None:
    folder = shared / "data/gaussians/derived"
    asset = read(folder / "playbot_lod2.splat")
    assert_within(far_apart(asset, same_rows(asset, read(folder / "playbot_lod2.ply"))), **ANOTHER, turn=2e-4)


def test_every_byte_of_a_row() -> None:
    """Against the bytes that its description calls for."""
    row = np.zeros(1, ROW)
    row["means"], row["scales"] = (1, -2, 3), (1, 0.5, 2)
    row["color"], row["rotation"] = (0, 128, 255, 51), (255, 1, 128, 128)
    assert row.tobytes().hex() == "0000803f000000c0000040400000803f0000003f00000040" + "0080ff33" + "ff018080"


def test_a_round_trip_is_within_half_a_step(tmp_path: Path) -> None:
    splats = random_splats(2000, 2)
    asset = saved(splats, tmp_path / "a.splat")
    bounds = {"means": 0, "log_scales": 5e-7, "turn": 5e-5, "opacity": 1 / 509, "display": 1 / 509}
    assert_within(far_apart(asset, same_rows(asset, splats)), **bounds)
    again = saved(asset, tmp_path / "b.splat")
    assert_within(far_apart(again, same_rows(again, asset)), means=0, log_scales=5e-7, opacity=0, display=1e-6)


def test_the_most_visible_come_first(tmp_path: Path) -> None:
    splats = random_splats(500)
    rows = same_rows(saved(splats, tmp_path / "a.splat"), splats)
    weight = np.exp(rows.log_scales.astype(np.float64).sum(1)) / (1 + np.exp(-rows.logit_opacities))
    assert (np.diff(weight) <= weight[:-1] * 1e-5).all()


def test_what_the_format_does_not_hold_is_brought_into_it(tmp_path: Path) -> None:
    """A transform, surfels, what Mip-Splatting smoothed, rows that are not finite, quaternions of any length."""
    splats = random_splats(100)
    splats.transform = np.diag([2.0, 2, 2, 1])
    splats.extra["filter_3D"] = np.full(100, 0.05, np.float32)
    sizes, dense = splats.drawn(slice(None))
    asset = saved(splats, tmp_path / "a.splat")
    logits = np.log(dense / (1 - dense))
    placed = Gaussians("", splats.means * 2, np.log(sizes * 2), splats.rotations, logits, splats.sh)
    other = same_rows(asset, placed)
    assert_within(far_apart(asset, other), means=0, log_scales=1e-5, opacity=1 / 509, turn=5e-5)
    flat = saved(random_splats(50, flat=True), tmp_path / "flat.splat")
    np.testing.assert_allclose(flat.log_scales[:, 2], np.log(1e-6), rtol=1e-6)
    holed = random_splats(50)
    holed.sh[3, 0, 0] = np.nan
    assert len(saved(holed, tmp_path / "holed.splat")) == 49


def test_the_ends_of_opacity_stay_finite(tmp_path: Path) -> None:
    splats = rows_of(random_splats(3), np.arange(3))
    splats.logit_opacities = np.float32([-500, 500, 0])
    asset = saved(splats, tmp_path / "a.splat")
    assert np.isfinite(asset.logit_opacities).all()
    np.testing.assert_allclose(np.sort(1 / (1 + np.exp(-asset.logit_opacities))), [0, 128 / 255, 1], atol=2e-6)


def test_sizes_of_zero_and_broken_rows_are_told(tmp_path: Path) -> None:
    table = np.zeros(4, ROW)
    table["scales"], table["rotation"] = 1, (255, 128, 128, 128)
    table["scales"][0, 1], table["scales"][1, 0], table["means"][2, 0], table["rotation"][3] = 0, -1, np.nan, 128
    path = tmp_path / "a.splat"
    path.write_bytes(table.tobytes())
    asset = read(path)
    assert len(asset) == 2 and asset.log_scales[0, 1] == -20
    np.testing.assert_array_equal(asset.rotations[1], [1, 0, 0, 0])
    assert "2 of 4" in asset.provenance.warnings[0] and "zero quaternion" in asset.provenance.warnings[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x" * 33, "33 bytes"),
        (b"", "empty"),
        (np.full(64, np.nan, "<f4").tobytes(), "finite"),
        (b"<!DOCTYPE html>".ljust(64), "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n".ljust(64), "LFS"),
    ],
)
def test_what_is_no_splat_is_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.splat"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=words):
        read(path)


def test_another_format_under_this_name_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.splat"
    path.write_bytes((DATA / "big200.ply").read_bytes())
    assert read(path).sh_degree == 3


def test_a_file_that_gets_shorter_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.splat"
    run(save_path(random_splats(200_000, 0), path))
    job = open_path(path)
    with pytest.raises(BadFile, match="shorter meanwhile"):
        for event in job:
            if event.done > 0:
                os.truncate(path, 32 * 70_000)
