"""SOG files that are damaged or hostile: one sentence, or a repaired load that says so."""

from __future__ import annotations

import json
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadFile
from assets.formats import detect, gaussian_sog, open_path
from assets.progress import run
from tests.assets.sog_files import bytes_of, encoded, parts, picture, write_bundle, write_folder
from tests.assets.splat_comparison import DATA, read


@pytest.mark.parametrize("path", sorted(DATA.glob("*.ply")), ids=lambda path: path.name)
def test_it_claims_no_other_file(path: Path) -> None:
    head = path.read_bytes()[:65536]
    assert gaussian_sog.sniff_bundle(path, head) == gaussian_sog.sniff_folder(path, head) == 0


BAD = {
    "count_gt_texels.sog": "whole number from 1 to",
    "means_maxs_inf.sog": "beyond the largest number",
    "path_traversal_names.sog": "lacks",
    "short_codebook.sog": "1 entries instead of 256",
    "zip_bomb_64MB.sog": "not believable",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_sentence(shared: Path, name: str) -> None:
    start = time.process_time()
    with pytest.raises(BadFile, match=BAD[name]):
        run(open_path(shared / "data/gaussians/bad" / name))
    assert time.process_time() - start < 1


def test_unknown_rotations_are_told(shared: Path) -> None:
    asset = read(shared / "data/gaussians/bad/quat_tag_invalid_16.sog")
    assert "16 splats have a rotation of no known form" in asset.provenance.warnings[0]
    np.testing.assert_array_equal(asset.rotations, np.tile(np.float32([1, 0, 0, 0]), (16, 1)))


def refused(path: Path, words: str) -> None:
    """It is refused in one sentence with these words."""
    with pytest.raises(BadFile, match=words) as caught:
        run(open_path(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["../means_l.webp", "/etc/passwd", "C:\\means_l.webp", "sub/../../x.webp", "", "a\0b"])
def test_no_file_outside_the_folder_is_read(name: str, tmp_path: Path) -> None:
    meta, images = parts()
    files = encoded(images)
    (tmp_path / "means_l.webp").write_bytes(files["means_l.webp"])
    meta["means"]["files"][0] = name
    refused(write_folder(tmp_path / "scene" / "meta.json", meta, files), "outside its folder|name of a file|missing")


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    meta, images = parts()
    path = write_folder(tmp_path / "scene" / "meta.json", meta, encoded(images))
    (tmp_path / "scene" / "sh0.webp").rename(tmp_path / "sh0.webp")
    (tmp_path / "scene" / "sh0.webp").symlink_to(tmp_path / "sh0.webp")
    refused(path, "outside its folder")


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """Far more pixels than bytes, whatever count is claimed for them."""
    meta, images = parts()
    files = encoded(images) | {"means_l.webp": picture(np.zeros((1200, 1200, 3), np.uint8))}
    refused(write_bundle(tmp_path / "a.sog", meta, files), "too large")
    refused(write_bundle(tmp_path / "b.sog", meta | {"count": 6_000_000}, files), "not believable")
    refused(write_folder(tmp_path / "meta.json", meta | {"count": 6_000_000}, files), "not believable")


def test_splats_in_one_place_take_no_room_and_open(tmp_path: Path) -> None:
    meta, images = parts()
    same = {name: picture(np.full((600, 600, images[name].shape[2]), 255, np.uint8)) for name in images}
    files = {f"{name}.webp": data for name, data in same.items()}
    path = write_bundle(tmp_path / "a.sog", meta | {"count": 360_000}, files)
    assert path.stat().st_size < 20_000 and len(read(path)) == 360_000


def test_a_member_that_says_it_is_small_is_unpacked_no_further(tmp_path: Path) -> None:
    meta, images = parts()
    files = encoded(images)
    path = tmp_path / "a.sog"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, "quats.webp": bytes(64 << 20), "meta.json": json.dumps(meta).encode()}.items():
            archive.writestr(name, data)
        place = archive.getinfo("quats.webp").file_size
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", place), struct.pack("<I", 300)))
    tracemalloc.start()
    try:
        refused(path, "damaged 'quats.webp'")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_that_cannot_be_unpacked_in_part_are_refused(packed: int, tmp_path: Path) -> None:
    meta, images = parts()
    with zipfile.ZipFile(tmp_path / "a.sog", "w", packed) as archive:
        for name, data in {**encoded(images), "meta.json": json.dumps(meta).encode()}.items():
            archive.writestr(name, data)
    refused(tmp_path / "a.sog", "never use")


def test_other_damage_is_refused(tmp_path: Path) -> None:
    meta, images = parts(bands=1)
    files = encoded(images)
    changes = {
        "of version 3": {"version": 3},
        "neither WebP nor PNG": {"scales": meta["scales"] | {"files": ["meta.json"]}},
        "fits no SH degree": {"shN": {key: value for key, value in meta["shN"].items() if key != "bands"}},
        "pixels wide": {"shN": meta["shN"] | {"bands": 3}},
        "64 entries": {"shN": meta["shN"] | {"count": 65}},
        "pixels in 'means_l.webp' for 17": {"count": 17},
        "finite numbers": {"sh0": meta["sh0"] | {"codebook": [float("nan")] * 256}},
        "sh0 of its description is missing": {"sh0": 3},
    }
    files["centroids.webp"] = picture(bytes_of(5, 1, 64 * 3, 3))
    for number, (words, change) in enumerate(changes.items()):
        if words == "fits no SH degree":
            wrong = files | {"centroids.webp": picture(bytes_of(5, 1, 64 * 4, 3))}
            refused(write_bundle(tmp_path / f"{number}.sog", meta | change, wrong), words)
        else:
            refused(write_bundle(tmp_path / f"{number}.sog", meta | change, files), words)


def test_pointers_instead_of_pictures_are_told(tmp_path: Path) -> None:
    meta, images = parts()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    refused(write_folder(tmp_path / "meta.json", meta, encoded(images) | {"quats.webp": pointer}), "git lfs pull")


def test_pictures_that_lost_something_are_told(tmp_path: Path) -> None:
    meta, images = parts()
    files = encoded(images) | {"scales.webp": picture(images["scales"], lossless=False, quality=90)}
    asset = read(write_bundle(tmp_path / "a.sog", meta, files))
    assert asset.provenance.warnings == ["The picture 'scales.webp' is compressed with loss, which damages the splats."]


def test_other_json_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text('{"means": 1, "something": "else"}')
    with pytest.raises(BadFile, match="not a 3D file"):
        detect(path)
