""".spz in all its versions and frames: read from other writers, written within its own steps, refused where it lies."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from assets.errors import BadFile, BadInput
from assets.formats import ReadOptions, gaussian_sog, gaussian_spz, open_path, save_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats import room, spz, spz_writing
from assets.splats.frames import between, flipped, spz_flipped
from assets.splats.transform import baked
from tests.assets.splat_comparison import DATA, assert_within, covariances, far_apart, read
from tests.assets.splat_files import random_splats

STEP = {"log_scales": 0.03126, "turn": 2e-6, "opacity": 1 / 509}
USUAL_SH = {"band_1": 0.0352, "sh": 0.0665}
FLIP = (1.0, -1.0, -1.0)


def saved(splats: Gaussians, path: Path, **options: object) -> Gaussians:
    """Splats after a way through a file."""
    run(save_path(splats, path, **options))
    return read(path)


# What others write


@pytest.mark.parametrize(
    ("name", "frame", "sh"),
    [("v4", "rub", USUAL_SH), ("v3", "rub", {"band_1": 0.0041, "sh": 0.0041}), ("raw", "ply", USUAL_SH)],
)
def test_what_other_programs_write(name: str, frame: str, sh: dict[str, float]) -> None:
    asset = read(DATA / f"big200_{name}.spz", spz_frame=frame)
    found = far_apart(asset, read(DATA / "big200.ply"))
    assert asset.sh_degree == 3 and asset.notes.antialiasing == ("classic" if name == "raw" else "mip")
    assert_within(found, means=1.3e-4, dc=0.0135, **STEP, **sh)


@pytest.mark.parametrize(("version", "turn"), [(2, 6e-3), (4, 3e-6)])
def test_a_scene_of_125_000(shared: Path, version: int, turn: float) -> None:
    folder = shared / "data/gaussians/derived"
    asset = read(folder / f"playbot_lod2.niantic-v{version}-RUB.spz")
    original = read(folder / "playbot_lod2.ply")
    within = np.abs(original.log_scales) < 10
    assert np.abs(asset.log_scales - original.log_scales)[within].max() < 0.0313
    found = far_apart(asset, original, sh_limit=1)
    assert_within(found, means=1.3e-4, turn=turn, opacity=1 / 509, display=0.0037, **USUAL_SH)


@pytest.mark.parametrize("name", ["raw", "v2", "v3", "v4"])
def test_the_smallest_files_of_each_version(shared: Path, name: str) -> None:
    """Also one of version 2 that is not compressed at all."""
    asset = read(shared / f"data/gaussians/synthetic/st-minimal-{name}.spz", spz_frame="ply")
    assert len(asset) == 4 and set(np.unique(np.abs(asset.means))) == {0, 1}


def test_the_frame_is_guessed_and_can_be_said(tmp_path: Path) -> None:
    path = DATA / "big200_v4.spz"
    assumed, raw = read(path), read(path, spz_frame="ply")
    assert "RUB" in assumed.provenance.guessed["frame"] and "RDF" in raw.provenance.guessed["frame"]
    np.testing.assert_array_equal(raw.means, assumed.means * np.float32(FLIP))
    with pytest.raises(BadInput, match="rub or ply"):
        read(path, spz_frame="luf")
    turned = spz_flipped(raw)
    for name in ("means", "rotations", "sh", "log_scales", "logit_opacities", "order"):
        np.testing.assert_array_equal(getattr(turned, name), getattr(assumed, name))


# Our own


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_round_trip_is_within_half_a_step(tmp_path: Path, version: int, degree: int) -> None:
    splats = random_splats(1000, degree)
    splats.notes.antialiasing = "mip"
    asset = saved(splats, tmp_path / "a.spz", version=version)
    assert asset.provenance.format == f"SPZ version {version}" and asset.notes.antialiasing == "mip"
    found = far_apart(asset, splats, sh_limit=0.99)
    assert_within(found, means=4e-6, dc=0.0131, band_1=1 / 31.9, sh=1 / 15.9, **STEP)


def test_saving_again_changes_nothing(tmp_path: Path) -> None:
    first = saved(random_splats(500), tmp_path / "a.spz")
    again = saved(first, tmp_path / "b.spz")
    assert_within(far_apart(again, first), means=0, log_scales=0, turn=3e-6, opacity=0, dc=0, sh=0)


def test_more_bits_of_sh(tmp_path: Path) -> None:
    splats = random_splats(300)
    assert_within(far_apart(saved(splats, tmp_path / "a.spz", sh_bits=8), splats, sh_limit=0.99), sh=1 / 255)


@pytest.mark.parametrize("version", [3, 4])
def test_the_raw_frame_says_so_where_it_can(tmp_path: Path, version: int) -> None:
    splats, path = random_splats(100), tmp_path / "a.spz"
    run(save_path(splats, path, version=version, frame="raw"))
    asset = read(path, spz_frame="rub" if version == 4 else "ply")
    assert ("frame" in asset.provenance.declared) == (version == 4)
    assert_within(far_apart(asset, splats), means=4e-6, turn=2e-6)


@pytest.mark.parametrize(
    ("up", "axis"), [(None, (0, -1, 0)), ("-y", (0, -1, 0)), ("y", (0, 1, 0)), ("z", (0, 0, 1)), ("-z", (0, 0, -1))]
)
def test_up_is_up_whatever_axis_the_asset_calls_so(tmp_path: Path, up: str | None, axis: tuple) -> None:
    splats = random_splats(200, 2)
    splats.notes.up_axis = up
    asset = saved(splats, tmp_path / "a.spz")
    np.testing.assert_allclose(-asset.means[:, 1], splats.means @ np.float32(axis), atol=4e-6)
    assert asset.notes.up_axis == "-y"
    run(save_path(splats, tmp_path / "raw.spz", frame="raw"))
    raw = read(tmp_path / "raw.spz")
    assert_within(far_apart(raw, asset), means=4e-6, log_scales=1e-6, sh=0.2)
    np.testing.assert_allclose(covariances(raw), covariances(asset), atol=3e-3)
    stored = run(spz.decode(tmp_path / "raw.spz", (tmp_path / "raw.spz").read_bytes()))
    np.testing.assert_allclose(stored.means, splats.means, atol=4e-6)


@pytest.mark.parametrize("extent", [1e-4, 0.01, 1, 127, 128, 2047.9998, 2048, 5000, 1e6, 8e6])
def test_positions_do_not_wrap(tmp_path: Path, extent: float) -> None:
    splats = random_splats(50, 0)
    splats.means *= np.float32(extent / np.abs(splats.means).max())
    asset = saved(splats, tmp_path / "a.spz")
    assert np.abs(asset.means - splats.means).max() <= max(extent * 2.0**-17, 2.0**-13) * (
        1 if extent <= 2000 else extent
    )
    bits = spz_writing.fractional_bits(splats.means)
    assert np.rint(np.abs(splats.means).max() * 2.0**bits) < 2**23
    assert bits == 12 or extent < 32 or extent > 2047


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": 2}, "version 3 or 4"),
        ({"version": 4.0}, "version 3 or 4"),
        ({"frame": "luf"}, "rub or raw"),
        ({"sh_bits": 0}, "1 to 8"),
        ({"sh_bits": 9}, "1 to 8"),
        ({"position_bits": 24}, "0 to 23"),
        ({"position_bits": "many"}, "0 to 23"),
    ],
)
def test_options_that_are_not_possible(tmp_path: Path, options: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        saved(random_splats(10, 0), tmp_path / "a.spz", **options)


def test_a_scene_that_is_too_large_is_refused(tmp_path: Path) -> None:
    splats = random_splats(10, 0)
    splats.means[3, 1] = 1e9
    with pytest.raises(BadInput, match="larger"):
        saved(splats, tmp_path / "a.spz")


def test_no_splats_at_all(tmp_path: Path) -> None:
    for version in (3, 4):
        assert len(saved(random_splats(0), tmp_path / "a.spz", version=version)) == 0


# Frames


def with_frame(path: Path, frame: str) -> Path:
    """A version 4 file with a record that names its axes, behind one that nobody knows."""
    content = (DATA / "big200_v4.spz").read_bytes()
    records = struct.pack("<IIf", 0xADBE0002, 4, 1.5) + struct.pack("<III", 0xADBE0003, 4, spz.FRAMES.index(frame))
    header = bytearray(content[:32])
    header[14] |= 2
    struct.pack_into("<I", header, 16, 32 + len(records))
    path.write_bytes(bytes(header) + records + content[32:])
    return path


@pytest.mark.parametrize("frame", spz.FRAMES[1:])
def test_a_frame_that_the_file_names(tmp_path: Path, frame: str) -> None:
    asset, raw = read(with_frame(tmp_path / "a.spz", frame)), read(DATA / "big200_v4.spz", spz_frame="ply")
    assert asset.provenance.declared["frame"].startswith(frame)
    matrix = np.eye(4)
    matrix[:3, :3] = between(frame, "RDF")
    other = run(baked(raw, matrix))
    assert_within(far_apart(asset, other), means=1e-6, log_scales=1e-6, sh=1e-5)
    np.testing.assert_allclose(covariances(asset), covariances(other), atol=1e-6)


def test_an_unspecified_frame_is_that_of_the_format(tmp_path: Path) -> None:
    asset = read(with_frame(tmp_path / "a.spz", ""), spz_frame="rub")
    assert "RUB" in asset.provenance.guessed["frame"]


def test_flips_are_the_matrix_and_undo_themselves() -> None:
    splats = random_splats(200)
    for signs in ((1, -1, -1), (-1, -1, 1), (1, 1, -1), (-1, -1, -1)):
        matrix = np.diag([*signs, 1.0])
        turned = flipped(splats, signs)
        other = run(baked(splats, matrix))
        assert_within(far_apart(turned, other), means=0, log_scales=0, sh=1e-6)
        np.testing.assert_allclose(covariances(turned), covariances(other), atol=1e-6)
        again = flipped(turned, signs)
        np.testing.assert_array_equal(again.sh, splats.sh)
        np.testing.assert_array_equal(again.rotations, splats.rotations)


# Damage


def legacy(header: bytes, body: bytes = b"") -> bytes:
    """A file of an old version."""
    return gzip.compress(header + body)


def header(
    version: int = 3, count: int = 1, degree: int = 0, bits: int = 12, flags: int = 0, streams: int = 0
) -> bytes:
    """The first 16 bytes."""
    return struct.pack("<4sIIBBBB", b"NGSP", version, count, degree, bits, flags, streams)


def modern(sizes: list[tuple[int, int]], blocks: list[bytes], table: int = 32, **fields: int) -> bytes:
    """A file of version 4."""
    head = header(4, streams=len(sizes), **fields) + struct.pack("<I12x", table)
    return head + b"".join(struct.pack("<QQ", *pair) for pair in sizes) + b"".join(blocks)


def blocks_of(count: int) -> list[bytes]:
    """The compressed blocks of splats without SH, all zero."""
    return [zstandard.compress(bytes(size * count)) for size in (9, 1, 3, 3, 4)]


def sound(count: int = 2) -> list[tuple[int, int]]:
    return [(len(block), size * count) for block, size in zip(blocks_of(count), (9, 1, 3, 3, 4), strict=True)]


TOO_SMALL = [(packed, size // 2 * 3) for packed, size in sound(2)]

BAD = {
    "huge count": (legacy(header(count=2**31 - 1)), "believable"),
    "version 0": (legacy(header(0)), "version 0"),
    "version 4 in gzip": (legacy(header(4)), "claims version 4"),
    "version 9": (b"NGSP" + bytes([9]) + bytes(60), "version 9"),
    "degree 9": (legacy(header(degree=9)), "degree 9"),
    "255 bits": (legacy(header(bits=255)), "255 fractional bits"),
    "no body": (legacy(header(count=5)), "ends before"),
    "short header": (legacy(header()[:9]), "header"),
    "cut gzip": (legacy(header(), bytes(20))[:30], "damaged or incomplete"),
    "wrong block sizes": (modern([(5, 7)] * 5, blocks_of(2), count=2), "do not fit"),
    "too few blocks": (modern(sound()[:3], blocks_of(2)[:3], count=2), "do not fit"),
    "offset beyond the end": (modern([(2**63, 18), *sound()[1:]], blocks_of(2), count=2), "beyond the end"),
    "offsets that wrap": (modern([(2**64 - 8, 18), (16, 2), *sound()[2:]], blocks_of(2), count=2), "beyond the end"),
    "table outside": (modern(sound(), blocks_of(2), table=2**32 - 1, count=2), "outside"),
    "table in the header": (modern(sound(), blocks_of(2), table=8, count=2), "outside"),
    "no zstd": (modern(sound(), [bytes(len(block)) for block in blocks_of(2)], count=2), "damaged"),
    "blocks that are too small": (modern(TOO_SMALL, blocks_of(2), count=3), "ends before"),
    "255 blocks": (header(4, streams=255) + struct.pack("<I12x", 32), "table of blocks"),
}


@pytest.mark.parametrize("name", BAD)
def test_damage_is_one_sentence(tmp_path: Path, name: str) -> None:
    content, words = BAD[name]
    path = tmp_path / "a.spz"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=words):
        run(open_path(path, ReadOptions()))


def test_what_inflates_without_end_is_not_inflated(tmp_path: Path) -> None:
    path = tmp_path / "a.spz"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    path.write_bytes(packer.compress(header() + bytes(20)) + packer.compress(bytes(64 << 20)) + packer.flush())
    asset = read(path)
    assert len(asset) == 1 and "More data follows" in asset.provenance.warnings[0]


@pytest.mark.parametrize("version", [3, 4])
def test_splats_that_take_no_room_are_not_believed(version: int, tmp_path: Path) -> None:
    """Six million splats of zeros, each of which is there: a small file of them would fill any memory."""
    count, path = 6_000_000, tmp_path / "a.spz"
    if version == 3:
        path.write_bytes(gzip.compress(header(count=count) + bytes(20 * count)))
    else:
        path.write_bytes(modern(sound(count), blocks_of(count), count=count))
    with pytest.raises(BadFile, match="not believable"):
        run(open_path(path))


def lattice(side: int, degree: int) -> Gaussians:
    """Splats at the corners of a square grid in a plane, alike but for their places; SH is zero."""
    count = side * side
    means = np.stack([*np.divmod(np.arange(count), side), np.zeros(count)], 1).astype(np.float32) / 16
    turn = np.tile(np.float32([1, 0, 0, 0]), (count, 1))
    sh = np.zeros((count, (degree + 1) ** 2, 3), np.float32)
    return Gaussians("a", means, np.full((count, 3), -4, np.float32), turn, np.zeros(count, np.float32), sh)


def test_a_lattice_packs_well_and_opens(tmp_path: Path) -> None:
    """Splats that only differ in their places, which Zstandard packs better than any scan."""
    path = tmp_path / "a.spz"
    run(gaussian_spz.save(lattice(600, 3), path))
    assert path.stat().st_size * 40 < 600 * 600 * 65
    assert len(read(path)) == 600 * 600


@pytest.mark.parametrize("write", [gaussian_spz.save, gaussian_sog.save_bundle])
def test_a_large_lattice_is_refused_only_where_both_bounds_say_so(
    write: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{'spz' if write is gaussian_spz.save else 'sog'}"
    run(write(lattice(64, 1), path))
    monkeypatch.setattr(room, "MOST_BYTES", 0)
    assert len(read(path)) == 64 * 64
    monkeypatch.setattr(room, "_MOST_GROWTH", 1)
    with pytest.raises(BadFile, match="4,096 splats in .* not believable"):
        run(open_path(path))
    monkeypatch.setattr(room, "MOST_BYTES", 300 << 20)
    assert len(read(path)) == 64 * 64


def test_sh_of_degree_4_is_read_as_far_as_degree_3(tmp_path: Path) -> None:
    body = np.random.default_rng(0).integers(0, 256, 20 + 72, np.uint8)
    path = tmp_path / "a.spz"
    path.write_bytes(legacy(header(degree=4), body.tobytes()))
    asset = read(path)
    assert asset.sh_degree == 3 and "degree 4" in asset.provenance.warnings[0]
    expected = (body[20:65].reshape(15, 3).astype(np.float32) - 128) / 128
    np.testing.assert_array_equal(np.abs(asset.sh[0, 1:]), np.abs(expected))


def test_version_1_has_positions_of_16_bits(tmp_path: Path) -> None:
    body = np.float16([1.5, -2, 3]).tobytes() + bytes([128, 1, 2, 3, 80, 90, 100, 255, 128, 128])
    path = tmp_path / "a.spz"
    path.write_bytes(legacy(header(1), body))
    asset = read(path, spz_frame="ply")
    np.testing.assert_array_equal(asset.means, [[1.5, -2, 3]])
    np.testing.assert_allclose(asset.log_scales, [[-5, -4.375, -3.75]])
    np.testing.assert_allclose(asset.rotations, [[0, 1, 0, 0]], atol=0.01)


@pytest.mark.parametrize(
    "name", ["html_error_page", "v3_huge_count", "v3_sh_degree_9", "v4_huge_count_tiny_file", "v4_toc_overflow"]
)
def test_hostile_files(shared: Path, name: str) -> None:
    with pytest.raises(BadFile):
        read(shared / f"data/gaussians/bad/{name}.spz")
