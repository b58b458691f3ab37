"""Splats as .ply: every layout that trainers write opens, is saved as the same bytes, and damage is told plainly."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import trimesh

from assets.errors import BadFile
from assets.formats import ReadOptions, gaussian_ply, open_path, save_path
from assets.gaussians import Gaussians
from assets.progress import Progress, run
from tests.assets.splat_files import inria_names, random_splats, random_table, write_ply

SYNTHETIC = (
    "axes_2dgs",
    "axes_antialiased_comment",
    "axes_ascii",
    "axes_bigendian",
    "axes_mip_filter3D",
    "axes_mixed_types_label",
    "axes_nonormals_reordered",
    "axes_sh0",
    "axes_sh1",
    "axes_sh2",
    "axes_sh3",
)


def read(path: Path) -> Gaussians:
    """The one asset in a file."""
    (asset,) = run(open_path(path))
    return asset


def saved(asset: Gaussians, path: Path) -> bytes:
    """The bytes that saving writes."""
    run(save_path(asset, path))
    return path.read_bytes()


@pytest.mark.parametrize("name", SYNTHETIC)
def test_every_layout_is_read_as_its_columns_say(shared: Path, name: str) -> None:
    path = shared / "data" / "gaussians" / "synthetic" / f"{name}.ply"
    asset = read(path)
    data = trimesh.load(path).metadata["_ply_raw"]["vertex"]["data"]

    def column(key: str) -> np.ndarray:
        return np.asarray(data[key]).reshape(-1)

    assert asset.kind == "gaussians"
    for axis, key in enumerate("xyz"):
        np.testing.assert_array_equal(asset.means[:, axis], column(key).astype(np.float32))
    for axis in range(asset.log_scales.shape[1]):
        np.testing.assert_array_equal(asset.log_scales[:, axis], column(f"scale_{axis}").astype(np.float32))
    for axis in range(4):
        np.testing.assert_array_equal(asset.rotations[:, axis], column(f"rot_{axis}").astype(np.float32))
    np.testing.assert_array_equal(asset.logit_opacities, column("opacity").astype(np.float32))
    terms = asset.sh.shape[1] - 1
    for channel in range(3):
        np.testing.assert_array_equal(asset.sh[:, 0, channel], column(f"f_dc_{channel}").astype(np.float32))
        for term in range(terms):
            stored = column(f"f_rest_{channel * terms + term}").astype(np.float32)
            np.testing.assert_array_equal(asset.sh[:, 1 + term, channel], stored)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_an_unchanged_file_is_saved_byte_for_byte(shared: Path, tmp_path: Path, name: str) -> None:
    path = shared / "data" / "gaussians" / "synthetic" / f"{name}.ply"
    assert saved(read(path), tmp_path / "out.ply") == path.read_bytes()


def test_real_and_oracle_files_are_saved_byte_for_byte(shared: Path, tmp_path: Path) -> None:
    paths = [
        *sorted((shared / "oracles" / "gaussians").glob("*.ply")),
        shared / "data/gaussians/derived/playbot_lod2.ply",
    ]
    for path in paths:
        assert saved(read(path), tmp_path / "out.ply") == path.read_bytes(), path.name


def test_what_the_file_declares_is_told_apart_from_what_is_guessed(shared: Path) -> None:
    folder = shared / "data" / "gaussians" / "synthetic"
    mip, plain = read(folder / "axes_antialiased_comment.ply"), read(folder / "axes_sh0.ply")
    surfels, smoothed = read(folder / "axes_2dgs.ply"), read(folder / "axes_mip_filter3D.ply")
    assert mip.notes.antialiasing == "mip" and mip.provenance.declared["antialiasing"] == "mip"
    assert plain.notes.antialiasing == "classic" and plain.provenance.guessed["antialiasing"] == "classic"
    assert not plain.provenance.declared
    assert surfels.notes.kernel == "2dgs" and surfels.log_scales.shape == (2000, 2)
    assert smoothed.notes.antialiasing == "mip" and "filter_3D" in smoothed.extra


@pytest.mark.parametrize(
    ("comment", "antialiasing"),
    [
        ("comment SplatRenderMode: mip", "mip"),
        ("comment splatrendermode: DEFAULT", "classic"),
        ("comment antialiased 1", "mip"),
        ("comment antialiased 0", "classic"),
        ("comment antialiased 1\ncomment antialiased 0", "classic"),
    ],
)
def test_comments_that_declare_the_render_mode(tmp_path: Path, comment: str, antialiasing: str) -> None:
    path = write_ply(tmp_path / "a.ply", random_table(3), inria_names(0), extra=comment)
    assert read(path).notes.antialiasing == antialiasing


def test_notes_that_change_are_declared_in_the_header(tmp_path: Path) -> None:
    asset = read(write_ply(tmp_path / "a.ply", random_table(3), inria_names(0), extra="comment antialiased 1"))
    asset.notes.antialiasing = "classic"
    header = saved(asset, tmp_path / "b.ply").split(b"end_header")[0]
    assert b"antialiased" not in header and b"comment SplatRenderMode: default\n" in header
    assert read(tmp_path / "b.ply").notes.antialiasing == "classic"
    fresh = random_splats(3)
    fresh.notes.antialiasing = "mip"
    run(save_path(fresh, tmp_path / "c.ply"))
    assert read(tmp_path / "c.ply").notes.antialiasing == "mip"


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_other_line_ends_survive_a_change_of_count(tmp_path: Path, newline: str) -> None:
    path = write_ply(tmp_path / "a.ply", random_table(5), inria_names(0), newline=newline)
    asset = read(path)
    assert saved(asset, tmp_path / "same.ply") == path.read_bytes()
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
        setattr(asset, name, getattr(asset, name)[:2])
    less = saved(asset, tmp_path / "less.ply")
    assert f"element vertex 2{newline}".encode() in less
    np.testing.assert_array_equal(read(tmp_path / "less.ply").means, asset.means)


def test_changed_values_and_rows_keep_the_layout(shared: Path, tmp_path: Path) -> None:
    for name in ("axes_mixed_types_label", "axes_bigendian", "axes_ascii", "axes_nonormals_reordered"):
        asset = read(shared / "data" / "gaussians" / "synthetic" / f"{name}.ply")
        header = asset.layout.header
        asset.means = asset.means + np.float32(0.1)
        assert saved(asset, tmp_path / "moved.ply").startswith(header)
        back = read(tmp_path / "moved.ply")
        np.testing.assert_array_equal(back.means, asset.means)
        np.testing.assert_array_equal(back.sh, asset.sh)
        assert back.extra.keys() == asset.extra.keys()
        assert back.layout.dtype == asset.layout.dtype


def test_doubles_that_did_not_change_keep_all_their_digits(shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "gaussians" / "synthetic" / "axes_mixed_types_label.ply"
    asset = read(path)
    raw = np.frombuffer(path.read_bytes()[len(asset.layout.header) :], asset.layout.dtype)
    means = asset.means.copy()
    means[0] += 1
    asset.means = means
    table = np.frombuffer(saved(asset, tmp_path / "a.ply")[len(asset.layout.header) :], asset.layout.dtype)
    np.testing.assert_array_equal(table["x"][1:], raw["x"][1:])
    assert table["x"][0] == means[0, 0]


def test_another_degree_falls_back_to_the_standard_layout(shared: Path, tmp_path: Path) -> None:
    asset = read(shared / "data" / "gaussians" / "synthetic" / "axes_mixed_types_label.ply")
    asset.sh = np.concatenate([asset.sh, np.ones((len(asset), 3, 3), np.float32)], 1)
    run(save_path(asset, tmp_path / "a.ply"))
    back = read(tmp_path / "a.ply")
    assert back.sh_degree == 1 and list(back.extra) == ["label"]
    np.testing.assert_array_equal(back.sh, asset.sh)
    np.testing.assert_array_equal(back.extra["label"], asset.extra["label"])


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("flat", [False, True])
def test_an_asset_without_a_layout_gets_inrias(tmp_path: Path, degree: int, flat: bool) -> None:
    asset = random_splats(50, degree, flat)
    data = saved(asset, tmp_path / "a.ply")
    back = read(tmp_path / "a.ply")
    names = [name for name in inria_names(degree) if not (flat and name == "scale_2")]
    assert list(back.layout.dtype.names) == names
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
        np.testing.assert_array_equal(getattr(back, name), getattr(asset, name))
    assert saved(back, tmp_path / "b.ply") == data


def test_rows_with_nan_or_infinity_are_dropped_together(tmp_path: Path) -> None:
    names = [*inria_names(1), "label"]
    table = np.concatenate([random_table(20000, 1), np.arange(20000)[:, None]], 1).astype(np.float32)
    bad = {3: "x", 77: "f_rest_4", 9000: "opacity", 9001: "scale_1", 19999: "rot_3"}
    for index, (row, name) in enumerate(bad.items()):
        table[row, names.index(name)] = (np.nan, np.inf, -np.inf)[index % 3]
    asset = read(write_ply(tmp_path / "a.ply", table, names))
    assert asset.provenance.warnings == ["5 of 20,000 splats held NaN or infinite values; left out."]
    good = np.delete(table, list(bad), 0)
    np.testing.assert_array_equal(asset.extra["label"], good[:, -1])
    np.testing.assert_array_equal(asset.means, good[:, :3])
    np.testing.assert_array_equal(asset.rotations, good[:, names.index("rot_0") : names.index("rot_3") + 1])
    assert len(asset.order) == len(asset) == len(good)
    again = saved(asset, tmp_path / "b.ply")
    assert again.endswith(good.astype("<f4").tobytes()) and b"element vertex 19995\n" in again


def test_the_bad_files(shared: Path) -> None:
    folder = shared / "data" / "gaussians" / "bad"
    refused = {
        "truncated": "ends after 996 of 2,000 splats",
        "huge_count": "ends after 2,000 of 4,000,000,000 splats",
        "missing_f_rest_4": "lacks the SH column f_rest_4; it has 8 of 9",
    }
    for name, what in refused.items():
        started = time.perf_counter()
        with pytest.raises(BadFile) as caught:
            read(folder / f"{name}.ply")
        assert caught.value.what == what
        assert time.perf_counter() - started < 1
    assert len(read(folder / "empty_0_splats.ply")) == 0
    assert len(read(folder / "header_with_obj_info.ply")) == 2000
    assert "400 bytes" in read(folder / "trailing_garbage.ply").provenance.warnings[0]
    damaged = read(folder / "nan_inf.ply")
    assert "of 100 splats held NaN" in damaged.provenance.warnings[0]
    drawn = (damaged.means, damaged.log_scales, damaged.rotations, damaged.logit_opacities, damaged.sh)
    assert 0 < len(damaged) < 100 and all(np.isfinite(array).all() for array in drawn)
    short = read(shared / "data" / "gaussians" / "real" / "pc_short.inria.ply")
    assert len(short) == 100 and short.sh_degree == 3 and short.provenance.warnings


@pytest.mark.parametrize("count", [-5, "many", 10**30])
def test_counts_that_cannot_be(tmp_path: Path, count: int | str) -> None:
    with pytest.raises(BadFile):
        read(write_ply(tmp_path / "a.ply", random_table(3), inria_names(0), count=count))


def test_more_sh_columns_than_degree_3_has_are_refused(tmp_path: Path) -> None:
    names = [*inria_names(3), *(f"f_rest_{index}" for index in range(45, 72))]
    with pytest.raises(BadFile, match="72 SH columns"):
        read(write_ply(tmp_path / "a.ply", np.zeros((2, len(names))), names))


def test_zero_quaternions_and_absurd_sizes_are_told_and_saved_as_they_were(tmp_path: Path) -> None:
    names, table = inria_names(0), random_table(10)
    table[4, -4:] = 0
    table[5, names.index("scale_0")] = 300
    path = write_ply(tmp_path / "a.ply", table, names)
    asset = read(path)
    assert len(asset.provenance.warnings) == 2
    scales, opacities = asset.drawn(slice(None))
    assert np.isfinite(scales).all() and np.isfinite(opacities).all()
    assert saved(asset, tmp_path / "b.ply") == path.read_bytes()


def test_only_files_with_the_columns_of_splats_are_taken(shared: Path) -> None:
    head = (shared / "data" / "meshes" / "spot.ply").read_bytes()[:4096]
    assert gaussian_ply.sniff(Path("a.ply"), head) == 0
    compressed = (shared / "data/gaussians/real/biker.compressed.ply").read_bytes()[:4096]
    assert gaussian_ply.sniff(Path("a.ply"), compressed) == 0
    splats = (shared / "data/gaussians/synthetic/axes_sh0.ply").read_bytes()[:4096]
    assert gaussian_ply.sniff(Path("a.ply"), splats) > 90


def test_reading_takes_little_memory_and_yields_often(tmp_path: Path) -> None:
    path = write_ply(tmp_path / "a.ply", random_table(200_000, 3), inria_names(3))
    tracemalloc.start()
    job, longest, texts = gaussian_ply.load(path, ReadOptions()), 0.0, set()
    while True:
        started = time.process_time()
        try:
            event = next(job)
        except StopIteration as stop:
            (asset,) = stop.value
            break
        longest = max(longest, time.process_time() - started)
        assert isinstance(event, Progress) and 0 <= event.fraction <= 1
        texts.add(event.text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(asset) == 200_000 and len(texts) >= 2
    assert peak < 1.2 * path.stat().st_size + 20e6
    assert longest < 0.3


@pytest.mark.slow
def test_a_million_splats_are_read_in_two_seconds(tmp_path: Path) -> None:
    path = write_ply(tmp_path / "a.ply", np.tile(random_table(100_000, 3), (10, 1)), inria_names(3))
    started = time.perf_counter()
    asset = read(path)
    assert len(asset) == 1_000_000
    assert time.perf_counter() - started < 2


def test_the_up_axis_is_guessed_declared_and_written(tmp_path: Path) -> None:
    asset = random_splats(20)
    path = tmp_path / "turned.ply"
    run(save_path(asset, path))
    (silent,) = run(open_path(path))
    assert silent.up_axis() == "-y"
    assert "COLMAP" in silent.provenance.guessed["up axis"]
    silent.set_transform(np.diag([1.0, -1.0, -1.0, 1.0]))
    run(save_path(silent, tmp_path / "upright.ply"))
    (upright,) = run(open_path(tmp_path / "upright.ply"))
    assert upright.up_axis() == "y"
    assert upright.provenance.declared["up axis"] == "y"
    assert (tmp_path / "upright.ply").read_bytes().count(b"comment up_axis y\n") == 1


def test_rows_between_infinities_of_both_signs_are_left_out_without_a_word_of_numpy(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    splats = random_splats(50, degree=0)
    splats.means[3, 0], splats.means[4, 0] = np.inf, -np.inf
    path = tmp_path / "ends.ply"
    run(save_path(splats, path))
    read_again = read(path)
    assert len(read_again) == 48 and "2 of 50 splats" in read_again.provenance.warnings[0]
    assert not recwarn.list


def test_further_columns_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.splats.columns.BLOCK", 64)
    splats = random_splats(4000, degree=0)
    names = [f"feature_{index}" for index in range(6)]
    # Each begins in another block, the last column first, so that whichever thread comes first finds another one.
    for index, name in enumerate(names):
        splats.extra[name] = np.zeros(4000, np.float32)
        splats.extra[name][4000 - 600 * (index + 1) :] = index + 1
    path = tmp_path / "more.ply"
    run(save_path(splats, path))
    for _ in range(5):
        assert list(read(path).extra) == names
