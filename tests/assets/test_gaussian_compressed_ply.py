"""PlayCanvas' compressed .ply: read from other writers, and written within its own steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadFile
from assets.formats import detect, save_path
from assets.gaussians import Gaussians
from assets.progress import run
from tests.assets.splat_comparison import DATA, assert_within, far_apart, read, same_rows
from tests.assets.splat_files import random_splats

BOUNDS = {"turn": 3e-6, "opacity": 1.01 / 255, "band_1": 1 / 63.9, "sh": 1 / 63.9}


def saved(splats: Gaussians, path: Path) -> Gaussians:
    """Splats after a way through a file."""
    run(save_path(splats, path))
    return read(path)


def test_what_another_program_writes() -> None:
    asset = read(DATA / "big200.compressed.ply")
    found = far_apart(asset, same_rows(asset, read(DATA / "big200.ply")))
    assert len(asset) == 200 and asset.sh_degree == 3 and asset.name == "big200"
    assert detect(DATA / "big200.compressed.ply")[0].name == "Compressed splats (.ply)"
    assert_within(found, means=9e-4, log_scales=3e-3, dc=0.03, **BOUNDS)


def test_a_scene_of_125_000(shared: Path) -> None:
    folder = shared / "data/gaussians/derived"
    asset = read(folder / "playbot_lod2.compressed.ply")
    found = far_apart(asset, same_rows(asset, read(folder / "playbot_lod2.ply")))
    assert_within(found, means=1.6e-3, log_scales=4e-3, dc=0.03, **BOUNDS)


def test_the_same_scene_as_an_spz_has_the_same_axes(shared: Path) -> None:
    """`biker` is published as both, which settles the frame of the .spz."""
    asset, other = (read(shared / "data/gaussians/real" / name) for name in ("biker.compressed.ply", "biker.spz"))
    np.testing.assert_allclose(asset.local_bounds(), other.local_bounds(), atol=3e-4)
    assert len(asset) == len(other) == 152746


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 1000])
def test_a_round_trip_is_within_half_a_step(tmp_path: Path, degree: int, count: int) -> None:
    splats = random_splats(count, degree)
    asset = saved(splats, tmp_path / "a.compressed.ply")
    assert len(asset) == count and asset.sh_degree == degree
    # Sizes of a whole chunk span about 5, positions 2, colours 2.
    assert_within(far_apart(asset, same_rows(asset, splats)), means=1.01e-3, log_scales=3e-3, dc=8e-3, **BOUNDS)
    np.testing.assert_array_equal(asset.local_bounds(), splats.local_bounds())


def test_saving_again_keeps_the_values(tmp_path: Path) -> None:
    first = saved(random_splats(700), tmp_path / "a.compressed.ply")
    again = saved(first, tmp_path / "b.compressed.ply")
    found = far_apart(again, same_rows(again, first))
    assert_within(found, means=1.01e-3, log_scales=3e-3, dc=8e-3, turn=1e-6, opacity=1e-6, sh=1e-6)


@pytest.mark.parametrize("mode", ["classic", "mip"])
def test_the_way_to_draw_is_written_and_read(tmp_path: Path, mode: str) -> None:
    splats = random_splats(10)
    splats.notes.antialiasing = mode
    asset = saved(splats, tmp_path / "a.compressed.ply")
    assert asset.notes.antialiasing == mode and asset.notes.up_axis == "-y"
    assert asset.provenance.declared.get("antialiasing") == ("mip" if mode == "mip" else None)


def test_surfels_and_another_up_axis_come_back(tmp_path: Path) -> None:
    splats = random_splats(300, flat=True)
    splats.notes.kernel, splats.notes.up_axis = "2dgs", "z"
    asset = saved(splats, tmp_path / "a.compressed.ply")
    assert asset.log_scales.shape == (300, 2) and (asset.notes.kernel, asset.notes.up_axis) == ("2dgs", "z")


def test_opaque_splats_have_a_finite_logit_for_everybody(tmp_path: Path) -> None:
    """splat-transform leaves splats out whose byte of opacity is 255."""
    splats = random_splats(300)
    splats.logit_opacities[:] = 20
    run(save_path(splats, tmp_path / "a.compressed.ply"))
    body = (tmp_path / "a.compressed.ply").read_bytes().split(b"end_header\n", 1)[1]
    words = np.frombuffer(body, "<u4", 4 * 300, 2 * 18 * 4).reshape(300, 4)
    assert set(words[:, 3] & 255) == {254}


def with_header(path: Path, old: bytes, new: bytes) -> Path:
    """The file with a part of its header replaced."""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"element vertex 300", b"element vertex 700", "700 splats"),
        (b"element vertex 300", b"element vertex 4000000000", "too few"),
        (b"element chunk 2", b"element chunk 4000000000", "ends after"),
        (b"element chunk 2", b"element chunk 1", "too few"),
        (b"element sh 300", b"element sh 200", "SH of 200"),
        (b"property uchar f_rest_3\n", b"", "8 SH columns"),
        (b"uchar f_rest_3\n", b"float f_rest_3\n", "not bytes"),
        (b"uint packed_scale", b"float packed_scale", "32 bits"),
        (b"packed_scale", b"packed_sizes", "packed_scale"),
        (b"min_scale_y", b"min_scala_y", "min_scale_y"),
    ],
)
def test_headers_that_lie_are_one_sentence(tmp_path: Path, old: bytes, new: bytes, words: str) -> None:
    path = tmp_path / "a.compressed.ply"
    run(save_path(random_splats(300, 1), path))
    with pytest.raises(BadFile, match=words):
        read(with_header(path, old, new))


def test_chunks_without_colours_and_broken_chunks(tmp_path: Path) -> None:
    """Old files store the display colour itself; a chunk with an infinite end loses its splats, not the others."""
    splats, path = random_splats(300, 0), tmp_path / "a.compressed.ply"
    run(save_path(splats, path))
    header, body = path.read_bytes().split(b"end_header\n", 1)
    ends = np.frombuffer(body, "<f4", 36).reshape(2, 18).copy()
    ends[0, 3] = np.inf
    path.write_bytes(header + b"end_header\n" + ends.tobytes() + body[144:])
    broken = read(path)
    assert len(broken) < 300 - 200 and "left out" in broken.provenance.warnings[0]
    for channel in "rgb":
        for end in ("min", "max"):
            header = header.replace(f"property float {end}_{channel}\n".encode(), b"")
    sound = np.nan_to_num(ends[:, :12], posinf=1.0).astype("<f4")
    path.write_bytes(header + b"end_header\n" + sound.tobytes() + body[144:])
    old = read(path)
    assert len(old) == 300 and np.abs(old.sh).max() <= 0.5 / 0.28209 + 1e-3
