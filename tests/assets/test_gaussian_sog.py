"""SOG: read from other writers and from files made by hand, written with a small loss and without a further one."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadInput
from assets.formats import open_path, save_path
from assets.gaussians import Gaussians
from assets.progress import Progress, run
from assets.splats.sog_encoding import palette_size
from assets.splats.transform import baked
from tests.assets.sog_files import BOOK, encoded, parts, write_bundle, write_folder
from tests.assets.splat_comparison import DATA, assert_within, far_apart, read, same_rows
from tests.assets.splat_files import random_splats

SCENE = {"means": 7e-5, "log_scales": 0.03, "turn": 2e-4, "opacity": 1.01 / 255}


def saved(splats: Gaussians, path: Path, **options: object) -> Gaussians:
    """Splats after a way through a file."""
    path.parent.mkdir(exist_ok=True)
    run(save_path(splats, path, **options))
    return read(path)


def lost(asset: Gaussians, other: Gaussians) -> dict[str, float]:
    """Root mean squared differences of sizes, colours and view-dependent colours."""
    pairs = {
        "log_scales": asset.log_scales - other.log_scales,
        "dc": asset.sh[:, 0] - other.sh[:, 0],
        "sh": asset.sh[:, 1:] - other.sh[:, 1:],
    }
    return {name: float(np.sqrt(np.mean(np.square(difference)))) for name, difference in pairs.items()}


# What others write


def test_what_another_program_writes() -> None:
    asset = read(DATA / "big200.sog")
    original = same_rows(asset, read(DATA / "big200.ply"))
    assert (len(asset), asset.sh_degree, asset.name) == (200, 3, "big200")
    assert asset.provenance.format == "SOG 2" and asset.provenance.declared["generator"] == "splat-transform v3.7.0"
    assert_within(far_apart(asset, original), dc=0.05, sh=0.6, **SCENE)


def test_a_scene_of_125_000(shared: Path) -> None:
    """Its .ply was decoded from this very file by another program."""
    folder = shared / "data/gaussians"
    original = read(folder / "derived/playbot_lod2.ply")
    for path in (folder / "derived/playbot_lod2.bundle.sog", folder / "real/playbot-streamed-sog/2_0/meta.json"):
        asset = read(path)
        found = far_apart(asset, original)
        assert_within(found, means=1e-6, log_scales=1e-6, turn=1e-6, opacity=1e-6, dc=1e-6, sh=1e-6)
        assert asset.notes.up_axis == "-y" and not asset.provenance.warnings
    assert asset.name == "2_0"


def test_the_same_scene_encoded_by_another_program(shared: Path) -> None:
    folder = shared / "data/gaussians"
    asset = read(folder / "derived/playbot_lod3.sog")
    original = same_rows(asset, read(folder / "real/playbot-streamed-sog/3_0/meta.json"))
    assert_within(far_apart(asset, original), dc=0.1, sh=0.75, **SCENE)


def test_the_old_version(shared: Path) -> None:
    asset = read(shared / "data/gaussians/real/playcanvas-logo-sog-v1/meta.json")
    assert (len(asset), asset.sh_degree, asset.provenance.format) == (307128, 0, "SOG 1")
    # As splat-transform 3.7.0 decodes it.
    bounds = [[-1.5348008, -2.7816682, -0.57682508], [1.5348008, 0.29563668, 0.57682502]]
    np.testing.assert_allclose(asset.local_bounds(), bounds, rtol=1e-6)
    assert asset.logit_opacities.min() == np.float32(-4.139158725738525)
    assert asset.logit_opacities.max() == np.float32(5.537334442138672)


# Made by hand


def expected_means(meta: dict, images: dict[str, np.ndarray], index: int) -> list[float]:
    """The mean of one splat, by the specification."""
    out = []
    for axis in range(3):
        low, high = (int(images[name].reshape(-1, 3)[index, axis]) for name in ("means_l", "means_u"))
        start, end = (meta["means"][key][axis] for key in ("mins", "maxs"))
        value = start + (end - start) * (low + 256 * high) / 65535
        out.append(np.sign(value) * (np.exp(abs(value)) - 1))
    return out


def test_every_number_by_hand(tmp_path: Path) -> None:
    meta, images = parts(15, bands=2)
    asset = read(write_bundle(tmp_path / "a.sog", meta, encoded(images)))
    book = np.float32(BOOK)
    np.testing.assert_array_equal(asset.log_scales, book[images["scales"].reshape(-1, 3)[:15]])
    np.testing.assert_array_equal(asset.sh[:, 0], book[images["sh0"].reshape(-1, 4)[:15, :3]])
    for index in range(15):
        np.testing.assert_allclose(asset.means[index], expected_means(meta, images, index), rtol=1e-6)
        stored = images["quats"].reshape(-1, 4)[index].astype(float)
        rotation = np.insert((stored[:3] / 255 * 2 - 1) / 2**0.5, int(stored[3]) - 252, 0)
        rotation[int(stored[3]) - 252] = max(0, 1 - (rotation**2).sum()) ** 0.5
        np.testing.assert_allclose(asset.rotations[index], rotation / np.linalg.norm(rotation), atol=1e-6)
        row, column = index // 64, index % 64 * 8
        np.testing.assert_array_equal(asset.sh[index, 1:], book[images["centroids"][row, column : column + 8]])
        alpha = np.clip(images["sh0"].reshape(-1, 4)[index, 3] / 255, 1e-6, 1 - 1e-6)
        assert asset.logit_opacities[index] == pytest.approx(np.log(alpha / (1 - alpha)), rel=1e-5)


def test_the_old_version_by_hand(tmp_path: Path) -> None:
    meta, images = parts(16, bands=1)
    old = {name: dict(part) for name, part in meta.items() if isinstance(part, dict)}
    old["means"]["shape"] = [16, 3]
    old["scales"] = {"mins": [-9, -8, -7], "maxs": [-1, -2, -3], "files": ["scales.webp"]}
    old["sh0"] = {"mins": [-2, -1, 0, -6], "maxs": [2, 1, 3, 6], "files": ["sh0.webp"]}
    old["shN"] = {"mins": -0.5, "maxs": 0.75, "files": ["centroids.webp", "labels.webp"]}
    asset = read(write_folder(tmp_path / "tower" / "meta.json", old, encoded(images)))
    scales, colors = images["scales"].reshape(-1, 3) / 255, images["sh0"].reshape(-1, 4) / 255
    np.testing.assert_allclose(asset.log_scales, np.float32([-9, -8, -7]) + scales * [8, 6, 4], atol=1e-5)
    np.testing.assert_allclose(asset.sh[:, 0], np.float32([-2, -1, 0]) + colors[:, :3] * [4, 2, 3], atol=1e-5)
    np.testing.assert_allclose(asset.logit_opacities, -6 + 12 * colors[:, 3], atol=1e-5)
    terms = images["centroids"][0].reshape(64, 3, 3)[:16]
    np.testing.assert_allclose(asset.sh[:, 1:], -0.5 + 1.25 * terms / 255, atol=1e-6)
    assert (asset.name, asset.provenance.format) == ("tower", "SOG 1")


def test_what_the_specification_leaves_open(tmp_path: Path) -> None:
    """A folder around all, PNG instead of WebP, a first entry left out, a label without an entry, flat means."""
    from PIL import Image

    meta, images = parts(16, bands=1)
    files = encoded(images)
    Image.fromarray(images["scales"]).save(tmp_path / "scales.png")
    files["scales.png"] = (tmp_path / "scales.png").read_bytes()
    meta["scales"] = {"codebook": [None, *BOOK[1:]], "files": ["scales.png"]}
    meta["shN"]["count"] = 10
    meta["means"]["maxs"][1] = meta["means"]["mins"][1] = 0.25
    meta["future"] = {"field": [1, 2]}
    asset = read(write_bundle(tmp_path / "a.sog", meta, files, folder="scene/"))
    book = np.float32([BOOK[1] + (BOOK[1] - BOOK[255]) / 255, *BOOK[1:]])
    np.testing.assert_allclose(asset.log_scales, book[images["scales"].reshape(-1, 3)], rtol=1e-6)
    assert not asset.sh[10:, 1:].any() and asset.sh[:10, 1:].any(1).all()
    assert asset.means[:, 1].min() >= np.expm1(0.25) - 1e-6


@pytest.mark.parametrize(
    "fields, antialiasing, kernel",
    [
        ({}, "classic", "3dgs"),
        ({"model": "antialiased"}, "mip", "3dgs"),
        ({"antialias": True}, "mip", "3dgs"),
        ({"model": "2dgs"}, "classic", "2dgs"),
    ],
)
def test_how_it_is_drawn_is_read(fields: dict, antialiasing: str, kernel: str, tmp_path: Path) -> None:
    meta, images = parts()
    asset = read(write_bundle(tmp_path / "a.sog", meta | fields, encoded(images)))
    assert (asset.notes.antialiasing, asset.notes.kernel) == (antialiasing, kernel)
    assert asset.log_scales.shape[1] == (2 if kernel == "2dgs" else 3)
    assert ("kernel" in asset.provenance.declared) == bool(fields)


# Written


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ["a.sog", "folder/meta.json", "named.json"])
def test_a_round_trip_is_within_its_steps(name: str, degree: int, tmp_path: Path) -> None:
    splats = random_splats(300, degree)
    asset = saved(splats, tmp_path / name)
    assert asset.sh_degree == degree and len(asset) == 300
    np.testing.assert_array_equal(asset.local_bounds(), splats.local_bounds())
    found = far_apart(asset, same_rows(asset, splats))
    assert_within(found, means=2.2e-5, log_scales=0.2, turn=3e-5, opacity=1.01 / 510, dc=0.07, sh=0.09)
    prefix = {"folder/meta.json": "", "named.json": "named_"}.get(name)
    if prefix is not None:
        names = ["means_l", "means_u", "quats", "scales", "sh0", *(["shN_centroids", "shN_labels"] if degree else [])]
        expected = {Path(name).name, *(f"{prefix}{picture}.webp" for picture in names)}
        assert {entry.name for entry in (tmp_path / name).parent.iterdir()} == expected


def test_it_loses_less_than_another_program(tmp_path: Path) -> None:
    original = read(DATA / "big200.ply")
    theirs = read(DATA / "big200.sog")
    ours = saved(original, tmp_path / "a.sog")
    expected = lost(theirs, same_rows(theirs, original))
    found = lost(ours, same_rows(ours, original))
    assert all(found[name] < 1.05 * expected[name] for name in found), (found, expected)


def test_a_picture_of_what_is_saved(tmp_path: Path) -> None:
    """40 dB against the picture of the original, by the exact renderer."""
    from renderers.reference.gaussians import render
    from tests.renderers.splat_pictures import oracle_camera, psnr

    original = read(DATA / "big200.ply")
    view = np.load(DATA / "big200_view_0.npz")
    pictures = []
    for splats in (original, saved(original, tmp_path / "a.sog")):
        image, _ = run(render(splats, oracle_camera(view), tuple(view["background"])))
        pictures.append(np.asarray(image)[..., :3])
    assert psnr(*pictures) > 40


def test_saving_again_loses_nothing_more(tmp_path: Path) -> None:
    first = saved(random_splats(3000, 1), tmp_path / "a.sog")
    again = saved(first, tmp_path / "b" / "meta.json")
    found = far_apart(again, first)
    assert_within(found, means=2e-7, log_scales=0, turn=1e-5, opacity=1e-7, dc=0, sh=1e-7)
    assert len(read(tmp_path / "a.sog").provenance.warnings) == 0


def test_the_same_splats_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.sog", "b.sog"):
        run(save_path(random_splats(2500, 1), tmp_path / name, iterations=2))
    assert (tmp_path / "a.sog").read_bytes() == (tmp_path / "b.sog").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.sog") as archive:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        meta = json.loads(archive.read("meta.json"))
    assert meta["shN"]["count"] == 2048 and meta["version"] == 2 and len(meta["sh0"]["codebook"]) == 256


def test_tags_and_transforms_are_kept(tmp_path: Path) -> None:
    splats = random_splats(200, 1, flat=True)
    splats.notes.kernel, splats.notes.up_axis = "2dgs", "z"
    turn = np.eye(4)
    turn[:3, :3] = 2 * np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turn[:3, 3] = (1, 2, 3)
    splats.set_transform(turn)
    asset = saved(splats, tmp_path / "a.sog")
    assert (asset.notes.kernel, asset.notes.up_axis, asset.log_scales.shape) == ("2dgs", "z", (200, 2))
    moved = run(baked(splats))
    assert_within(far_apart(asset, same_rows(asset, moved)), means=2e-4, log_scales=0.2, turn=3e-5, sh=0.06)
    splats.notes.kernel, splats.notes.antialiasing = "3dgs", "mip"
    assert saved(splats, tmp_path / "b.sog").notes.antialiasing == "mip"


def test_outliers_cost_the_rest_little(tmp_path: Path) -> None:
    """A splat a million units away, a colour and a size beyond all others."""
    splats = random_splats(500, 0)
    splats.means[7], splats.sh[8], splats.log_scales[9] = 1e6, 40.0, 9.0
    asset = saved(splats, tmp_path / "a.sog")
    found = far_apart(asset, same_rows(asset, splats))
    assert_within(found, log_scales=0.2, turn=3e-5, dc=0.1)
    far = np.abs(asset.means).max(1) > 2
    assert far.sum() == 1 and np.abs(asset.means[~far] - same_rows(asset, splats).means[~far]).max() < 3e-4


def test_saving_tells_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    events: list[Progress] = []
    run(save_path(random_splats(4000, 1), tmp_path / "a.sog", iterations=2), events.append)
    shares = [event.fraction for event in events]
    assert shares == sorted(shares) and len(shares) > 30 and max(np.diff(shares)) < 0.35
    job = save_path(random_splats(4000, 1), tmp_path / "b.sog")
    for _ in range(20):
        next(job)
    job.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.sog"]


@pytest.mark.parametrize("iterations", [0, 101, 2.5, "many", True])
def test_wrong_rounds_are_refused(iterations: object, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="whole number from 1 to 100"):
        run(save_path(random_splats(10), tmp_path / "a.sog", iterations=iterations))


def test_sizes_of_the_palette() -> None:
    found = [palette_size(count) for count in (1, 1023, 1024, 31000, 125000, 10**6, 10**8)]
    assert found == [1024, 1024, 1024, 16384, 65536, 65536, 65536]


def test_nothing_is_saved_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="0 splats cannot be saved"):
        run(save_path(random_splats(0), tmp_path / "a.sog"))


# Other programs, and time


@pytest.mark.slow
def test_splat_transform_reads_our_files(tmp_path: Path) -> None:
    """`npm install -g @playcanvas/splat-transform@3.7.0`; it decodes to the very numbers that we read."""
    program = shutil.which("splat-transform")
    if program is None:
        pytest.skip("splat-transform is not installed")
    for name in ("a.sog", "folder/meta.json"):
        ours = saved(random_splats(5000, 3), tmp_path / name)
        subprocess.run([program, "-w", tmp_path / name, tmp_path / "out.ply"], check=True, timeout=120)
        found = far_apart(read(tmp_path / "out.ply"), ours)
        assert_within(found, means=1e-6, log_scales=1e-6, turn=1e-6, opacity=1e-6, dc=1e-6, sh=1e-6)


@pytest.mark.slow
def test_a_million_splats_take_minutes(tmp_path: Path) -> None:
    splats = random_splats(1_000_000, 3)
    start = time.process_time()
    run(save_path(splats, tmp_path / "a.sog"))
    assert time.process_time() - start < 240
    start = time.process_time()
    assert len(run(open_path(tmp_path / "a.sog"))[0]) == 1_000_000
    assert time.process_time() - start < 3
