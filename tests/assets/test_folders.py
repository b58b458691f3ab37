"""Folders: what is opened of one, and what is said of one that holds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadFile
from assets.formats import contents_of, gaussian_sog, open_path
from assets.gaussians import Gaussians
from assets.progress import run
from tests.assets.splat_files import random_splats
from tests.assets.test_gaussian_checkpoint import gsplat, nerfstudio, save
from tests.assets.test_gaussian_sog_streamed import place, write_scene
from tests.processes import refused, succeeded
from tests.small_assets import triposr_tensors
from tests.small_files import write_points, write_splats


def opened(folder: Path) -> Gaussians:
    """The one asset of a folder."""
    (asset,) = run(open_path(folder))
    return asset


def write_sog(folder: Path, number: int) -> Path:
    """A SOG of loose files; returns its description."""
    folder.mkdir(parents=True, exist_ok=True)
    run(gaussian_sog.save_folder(random_splats(number, 0), folder / "meta.json"))
    return folder / "meta.json"


def write_inria(folder: Path, iterations: dict[int, int]) -> dict[int, Path]:
    """The output of INRIA's trainer: the number of splats of each iteration; returns their files."""
    paths = {}
    for iteration, number in iterations.items():
        path = paths[iteration] = folder / f"point_cloud/iteration_{iteration}/point_cloud.ply"
        path.parent.mkdir(parents=True)
        write_splats(path, number)
    write_points(folder / "input.ply")
    return paths


def test_a_sog_and_a_streamed_one(tmp_path: Path) -> None:
    folder = tmp_path / "garden"
    meta = write_sog(folder, 30)
    asset = opened(folder)
    assert (len(asset), asset.name, asset.provenance.path) == (30, "garden", meta)
    write_splats(folder / "walk1.ply")
    write_splats(folder / "walk2.ply")
    assert len(opened(folder)) == 30, "a series beside it is something else"
    write_scene(folder / "lod-meta.json", [random_splats(20, 0)], {"lods": {"0": place(0, 0, 20)}})
    asset = opened(folder)
    assert (len(asset), asset.name, asset.provenance.path) == (20, "garden", folder / "lod-meta.json")


def test_a_meta_json_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({"author": "somebody"}))
    with pytest.raises(BadFile, match=r"meta\.json: is not a 3D file"):
        opened(tmp_path)
    for number in (1, 2):
        write_splats(tmp_path / f"walk{number}.ply", 5 * number)
    assert opened(tmp_path).provenance.format.startswith("Sequence of")


def test_the_last_iteration_of_an_inria_output(tmp_path: Path) -> None:
    folder = tmp_path / "bicycle"
    paths = write_inria(folder, {7000: 10, 30000: 40, 9000: 20})
    asset = opened(folder)
    assert (len(asset), asset.name) == (40, "bicycle iteration 30000")
    assert asset.provenance.path == paths[30000]
    paths[30000].unlink()  # one that was not written to its end
    assert opened(folder / "point_cloud").provenance.path == paths[9000]


def test_the_last_step_of_nerfstudio(tmp_path: Path) -> None:
    folder = tmp_path / "poster"
    for step, number in ((29999, 12), (9999, 7), (100000, 9)):
        save(nerfstudio(random_splats(number)), folder / "nerfstudio_models" / f"step-{step:09}.ckpt")
    (folder / "config.yml").write_text("    rasterize_mode: antialiased\n")
    asset = opened(folder)
    assert (len(asset), asset.name, asset.notes.antialiasing) == (9, "poster step 100000", "mip")
    assert asset.provenance.path == folder / "nerfstudio_models" / "step-000100000.ckpt"
    assert len(opened(folder / "nerfstudio_models")) == 9
    (folder / "nerfstudio_models" / "step-000200000.ckpt").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(BadFile, match=r"step-000200000\.ckpt: is a Git LFS pointer"):
        opened(folder)


def test_a_triplane_that_nerfstudio_trained(tmp_path: Path) -> None:
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in triposr_tensors().items()}
    save(tensors, tmp_path / "nerfstudio_models" / "step-000000100.ckpt")
    assert opened(tmp_path).kind == "triplane"


def test_all_ranks_of_the_last_step_of_gsplat(tmp_path: Path) -> None:
    folder = tmp_path / "room"
    pieces = [random_splats(10 + rank, 1, seed=rank) for rank in range(3)]
    for rank, piece in enumerate(pieces):
        save(gsplat(piece), folder / "ckpts" / f"ckpt_29999_rank{rank}.pt")
        save(gsplat(random_splats(5)), folder / "ckpts" / f"ckpt_6999_rank{rank}.pt")
    (folder / "cfg.yml").write_text("antialiased: true\n")
    asset = opened(folder)
    assert (len(asset), asset.name, asset.notes.antialiasing) == (33, "room step 29999", "mip")
    for name in ("means", "log_scales", "logit_opacities", "sh"):
        assert np.array_equal(getattr(asset, name), np.concatenate([getattr(piece, name) for piece in pieces]))
    assert sorted(asset.order) == list(range(33)) and not asset.provenance.warnings
    assert asset.provenance.declared["files"].endswith("ckpt_29999_rank2.pt")
    (folder / "ckpts" / "ckpt_29999_rank1.pt").unlink()
    asset = opened(folder / "ckpts")
    assert len(asset) == 22 and asset.provenance.warnings == ["The splats of rank 1 are missing beside it."]
    save({"step": 1, "weights": triposr_tensors()["scene_codes"]}, folder / "ckpts" / "ckpt_29999_rank1.pt")
    with pytest.raises(BadFile, match=r"ckpt_29999_rank1\.pt"):
        opened(folder)


def test_no_file_is_read_twice_for_numbers_with_zeros_before_them(tmp_path: Path) -> None:
    for name in ("step-1.ckpt", "step-000000001.ckpt"):
        save(nerfstudio(random_splats(12)), tmp_path / name)
    assert contents_of(tmp_path).further == () and len(opened(tmp_path)) == 12
    folder = tmp_path / "ranks"
    for number, name in enumerate(("ckpt_5_rank0.pt", "ckpt_05_rank0.pt", "ckpt_5_rank1.pt", "ckpt_5_rank01.pt")):
        save(gsplat(random_splats(10, 1, seed=number)), folder / name)
    assert len(contents_of(folder).further) == 1 and len(opened(folder)) == 20


def test_ranks_far_apart_take_no_memory(tmp_path: Path) -> None:
    for rank in (0, 3, 999_999_999):
        save(gsplat(random_splats(10, 1)), tmp_path / f"ckpt_1_rank{rank}.pt")
    assert opened(tmp_path).provenance.warnings == ["The splats of rank 1, 2, 4, 5, 6 are missing beside it."]


def test_what_a_folder_would_have_to_hold(tmp_path: Path) -> None:
    (tmp_path / "point_cloud" / "iteration_last").mkdir(parents=True)
    write_splats(tmp_path / "one.ply")
    with pytest.raises(BadFile) as caught:
        contents_of(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path}: is a folder, and would have to hold the lod-meta.json of a streamed SOG")
    for word in (
        "meta.json of a SOG",
        "numbered .ply",
        "step-….ckpt",
        "ckpt_…_rank….pt",
        "iteration_…/point_cloud.ply",
    ):
        assert word in said


def test_the_command_line_takes_folders(triptych, tmp_path: Path) -> None:
    path = write_inria(tmp_path / "bicycle", {7000: 10, 30000: 40})[30000]
    told = json.loads(succeeded(triptych("bicycle", "--info", "--json")))
    assert told["counts"]["splats"] == 40 and told["file"] == str(path.relative_to(tmp_path))
    succeeded(triptych("bicycle", "--export", "out.spz"))
    assert len(opened(tmp_path / "out.spz")) == 40
    (tmp_path / "empty").mkdir()
    refused(triptych("empty", "--info"), "empty: is a folder, and would have to hold")


def test_a_picture_of_a_folder(tmp_path: Path, gl: object) -> None:
    from viewer.command_line import parse
    from viewer.headless.screenshot import screenshot

    write_sog(tmp_path / "garden", 30)
    screenshot(parse([str(tmp_path / "garden"), "--screenshot", str(tmp_path / "a.png"), "--size", "64x48"]))
    assert (tmp_path / "a.png").stat().st_size > 100
