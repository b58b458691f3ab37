"""Gaussian splats in the checkpoints of trainers, as torch saves them."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assets.errors import BadFile
from assets.formats import detect, open_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats.checkpoint import find_splats
from assets.splats.spherical_harmonics import C0
from tests.assets.splat_comparison import read
from tests.assets.splat_files import random_splats
from tests.small_assets import triposr_tensors


def parameter(array: np.ndarray) -> torch.nn.Parameter:
    """An array as a trained one."""
    return torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(array)))


def gsplat(splats: Gaussians) -> dict[str, Any]:
    """What gsplat's simple_trainer.py saves."""
    arrays = {"means": splats.means, "scales": splats.log_scales, "quats": splats.rotations}
    arrays |= {"opacities": splats.logit_opacities, "sh0": splats.sh[:, :1], "shN": splats.sh[:, 1:]}
    named = OrderedDict((name, parameter(array)) for name, array in arrays.items())
    return {"step": 29999, "splats": named, "pose_adjust": {"embeds.weight": torch.zeros(5, 9)}}


def nerfstudio(splats: Gaussians) -> dict[str, Any]:
    """What nerfstudio saves of a splatfacto: numbers of numpy among its schedules."""
    arrays = {"means": splats.means, "scales": splats.log_scales, "quats": splats.rotations}
    arrays |= {"features_dc": splats.sh[:, 0], "features_rest": splats.sh[:, 1:]}
    arrays["opacities"] = splats.logit_opacities[:, None]
    pipeline = OrderedDict((f"_model.gauss_params.{name}", parameter(array)) for name, array in arrays.items())
    pipeline["_model.camera_optimizer.pose_adjustment"] = torch.zeros(7, 6)
    schedule = {"last_epoch": 30000, "_last_lr": [np.float64(1.6e-6), np.float32(2.0), np.int64(3), np.bool_(True)]}
    return {"step": 29999, "pipeline": pipeline, "optimizers": {}, "schedulers": {"means": schedule}, "scalers": {}}


def inria(splats: Gaussians, named: bool = True) -> tuple[Any, int]:
    """What INRIA's train.py saves, with the state of its optimiser."""
    xyz, rest = parameter(splats.means), parameter(splats.sh[:, 1:])
    state: dict[str, Any] = {"state": {}, "param_groups": []}
    if named:
        names = ("xyz", "f_dc", "f_rest", "opacity", "scaling", "rotation")
        state["param_groups"] = [{"name": name, "lr": 1e-3, "params": [i]} for i, name in enumerate(names)]
        state["state"] = {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros_like(xyz)}}
    others = (splats.log_scales, splats.rotations, splats.logit_opacities[:, None])
    shapes = (parameter(splats.sh[:, :1]), rest, *(parameter(array) for array in others))
    count = len(splats)
    return (3, xyz, *shapes, torch.zeros(count), torch.zeros(count, 1), torch.zeros(count, 1), state, 5.2), 30000


WRITERS: dict[str, Callable[[Gaussians], Any]] = {"gsplat": gsplat, "nerfstudio": nerfstudio, "INRIA": inria}
UP = {"gsplat": "z", "nerfstudio": "z", "INRIA": "-y"}


def unit(rotations: np.ndarray) -> np.ndarray:
    """Quaternions at length 1."""
    return rotations / np.linalg.norm(rotations, axis=1, keepdims=True)


@pytest.mark.parametrize("trainer", WRITERS)
@pytest.mark.parametrize("degree", [1, 3])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_number_is_where_it_belongs(trainer: str, degree: int, zipped: bool, tmp_path: Path) -> None:
    splats, path = random_splats(60, degree), tmp_path / "a.ckpt"
    torch.save(WRITERS[trainer](splats), path, _use_new_zipfile_serialization=zipped)
    assert detect(path)[0].name == "Splat checkpoint"
    asset = read(path)
    for name in ("means", "log_scales", "logit_opacities", "sh"):
        assert np.array_equal(getattr(asset, name), getattr(splats, name)), name
    assert np.allclose(asset.rotations, unit(splats.rotations), atol=1e-6)
    assert asset.provenance.format == f"{trainer} checkpoint" and asset.notes.up_axis == UP[trainer]
    assert asset.provenance.guessed["up axis"].startswith(UP[trainer]) and not asset.provenance.declared
    assert not asset.provenance.warnings


def test_names_that_stand_far_behind_the_beginning(tmp_path: Path) -> None:
    """The first bytes don't tell, so the reader of triplanes finds them; an INRIA tuple has no names at all."""
    splats = random_splats(20, 1)
    torch.save({"notes": {f"note {index}": index for index in range(9000)}} | gsplat(splats), tmp_path / "a.pt")
    torch.save(inria(splats, named=False), tmp_path / "b.pth")
    for path in (tmp_path / "a.pt", tmp_path / "b.pth"):
        assert detect(path)[0].name == "torch checkpoint"
        assert np.array_equal(read(path).means, splats.means)


def test_triplanes_stay_triplanes(tmp_path: Path) -> None:
    tensors = {name: torch.from_numpy(array) for name, array in triposr_tensors().items()}
    words = {name: torch.zeros(3) for name in ("means", "quats", "scales", "opacities")}
    torch.save(tensors, tmp_path / "a.ckpt")
    torch.save(words | tensors, tmp_path / "b.ckpt")
    for name in ("a", "b"):
        (asset,) = run(open_path(tmp_path / f"{name}.ckpt"))
        assert asset.kind == "triplane"
    (splats,) = run(open_path(save(gsplat(random_splats(9)), tmp_path / "c.pt")))
    assert splats.kind == "gaussians"


def save(content: Any, path: Path) -> Path:
    """Saves as torch does, with the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def test_what_was_made_by_hand(shared: Path) -> None:
    folder = shared / "data/gaussians/synthetic"
    one, other = read(folder / "gsplat_ckpt_handmade.pt"), read(folder / "nerfstudio_splatfacto_handmade.ckpt")
    assert len(one) == 2000 and one.sh_degree == 3
    assert np.array_equal(one.means, other.means) and np.array_equal(one.sh, other.sh)
    assert np.allclose(one.sh[:, 2, 0], 0.3), "the red z term"
    with pytest.raises(BadFile, match="could run programs"):
        run(open_path(shared / "data/gaussians/bad/evil_pickle.pt"))


def test_surfels(tmp_path: Path) -> None:
    asset = read(save(inria(random_splats(30, 3, flat=True)), tmp_path / "chkpnt30000.pth"))
    assert asset.log_scales.shape == (30, 2) and asset.notes.kernel == "2dgs"
    assert asset.provenance.guessed["kernel"] == "2dgs"


def test_colours_before_a_sigmoid(tmp_path: Path) -> None:
    """nerfstudio without SH, and gsplat with a network for the appearance of photos."""
    splats = random_splats(30, 0)
    expected = 1 / (1 + np.exp(-splats.sh[:, 0].astype(np.float64)))
    asset = read(save(nerfstudio(splats), tmp_path / "a.ckpt"))
    assert np.allclose(asset.sh[:, 0] * C0 + 0.5, expected, atol=1e-6) and not asset.provenance.warnings
    content = gsplat(splats)
    del content["splats"]["sh0"], content["splats"]["shN"]
    content["splats"] |= {"features": torch.zeros(30, 32), "colors": torch.from_numpy(splats.sh[:, 0].copy())}
    asset = read(save(content, tmp_path / "b.pt"))
    assert np.allclose(asset.sh[:, 0] * C0 + 0.5, expected, atol=1e-6)
    assert "appearance" in asset.provenance.warnings[0]


def test_out_of_training(tmp_path: Path) -> None:
    """nerfstudio's own transform is taken back, wherever of its two places it lies."""
    splats, turn = random_splats(30, 1), np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], float)
    shift, scale = np.array([1.0, -2.0, 0.5]), 0.25
    run_folder = tmp_path / "run"
    path = save(nerfstudio(splats), run_folder / "nerfstudio_models" / "step-000029999.ckpt")
    form = {"transform": np.concatenate([turn, shift[:, None]], 1).tolist(), "scale": scale}
    (run_folder / "dataparser_transforms.json").write_text(json.dumps(form))
    asset = read(path)
    world = asset.means @ asset.transform[:3, :3].T + asset.transform[:3, 3]
    assert np.allclose(scale * (world @ turn.T + shift), splats.means, atol=1e-5)
    assert "dataparser_transforms.json" in asset.provenance.declared["transform"]
    for damaged in ("[]", "{", '{"transform": [[1]], "scale": 1}', json.dumps(form | {"scale": 0})):
        (run_folder / "dataparser_transforms.json").write_text(damaged)
        asset = read(path)
        assert np.array_equal(asset.transform, np.eye(4)) and "damaged" in asset.provenance.warnings[0]


@pytest.mark.parametrize(
    "trainer, file, text, mode",
    [
        ("gsplat", "cfg.yml", "antialiased: true\napp_opt: false\n", "mip"),
        ("gsplat", "cfg.yml", "antialiased: false\n", "classic"),
        ("nerfstudio", "config.yml", "model: !!python/object:x\n    rasterize_mode: antialiased\n", "mip"),
        ("nerfstudio", "config.yml", "    rasterize_mode: classic\n", "classic"),
    ],
)
def test_the_trainers_settings(trainer: str, file: str, text: str, mode: str, tmp_path: Path) -> None:
    path = save(WRITERS[trainer](random_splats(9)), tmp_path / "ckpts" / "a.ckpt")
    (tmp_path / file).write_text(text)
    asset = read(path)
    assert asset.notes.antialiasing == mode == asset.provenance.declared["antialiasing"]


def test_other_ranks_are_named(tmp_path: Path) -> None:
    paths = [save(gsplat(random_splats(9)), tmp_path / f"ckpt_29999_rank{rank}.pt") for rank in range(3)]
    (warning,) = read(paths[1]).provenance.warnings
    assert "ckpt_29999_rank0.pt, ckpt_29999_rank2.pt" in warning
    (tmp_path / "ckpt_29999_rank0.pt").unlink()
    (tmp_path / "ckpt_29999_rank2.pt").unlink()
    assert not read(paths[1]).provenance.warnings


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    content = gsplat(random_splats(9, 1))
    content["splats"]["shN"] = torch.zeros(9, 5, 3)
    with pytest.raises(BadFile, match="5 terms of SH"):
        run(open_path(save(content, tmp_path / "a.pt")))
    content["splats"]["shN"] = torch.zeros(8, 3, 3)
    with pytest.raises(BadFile):
        run(open_path(save(content, tmp_path / "b.pt")))
    content = gsplat(random_splats(9, 1))
    content["splats"]["means"] = torch.full((9, 3), float("nan"))
    with pytest.raises(BadFile, match="no splat whose values are all finite"):
        run(open_path(save(content, tmp_path / "c.pt")))


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("open('ran', 'w')",)


def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for extra in (_Evil(), np.zeros(3), np.dtype("f8"), np.array([_Evil()], object)):
        path = save(gsplat(random_splats(9)) | {"extra": extra}, tmp_path / "a.pt")
        try:
            assert len(read(path)) == 9
        except BadFile as error:
            assert "could run programs" in str(error)
    assert not (tmp_path / "ran").exists()


NAMES = st.sampled_from(["means", "a.means", "scales", "a.scales", "a.quats", "quats", "a.opacities", "opacities"])
NAMES = st.one_of(NAMES, st.sampled_from(["a.sh0", "sh0", "a.shN", "a.features_dc", "1", "2", "3", "4", "5", "6", ""]))
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 7]), max_size=4).map(tuple)


@given(shapes=st.dictionaries(NAMES, SHAPES, max_size=9))
def test_any_shapes_are_looked_at(shapes: dict[str, tuple[int, ...]]) -> None:
    found = find_splats(shapes)
    assert found is None or {found.means, found.scales, found.rotations, found.opacities, found.first} <= set(shapes)
