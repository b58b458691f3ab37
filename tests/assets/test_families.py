"""TripoSR is recognised in every container, with its decoder beside or apart, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from assets.families import families, recognise
from assets.fields.decoder import Field
from assets.files.tensor_file import open_tensors
from tests.small_assets import triposr_tensors

from .triplane_files import DATA, opened, refused, saved


def test_triposr_from_one_file() -> None:
    triplane = opened(DATA / "asset.pt")[0]
    assert triplane.has_decoder and triplane.provenance.family == "TripoSR"
    assert triplane.provenance.format == "torch checkpoint"
    assert triplane.counts() == {"planes": 3, "channels": 40, "rows": 64, "columns": 64}
    assert triplane.provenance.declared["decoder"] == "10 layers, 64 wide"
    assert "axes" in triplane.provenance.guessed and "axes" not in triplane.provenance.declared
    assert triplane.up_axis() == "z" and not triplane.provenance.warnings


def checkpoint(folder: Path) -> Path:
    """A model.ckpt as published: the decoder among the weights of a generator, under a wrapper."""
    whole = torch.load(DATA / "asset.pt", weights_only=True)
    state = {name: tensor for name, tensor in whole.items() if name.startswith("decoder.")}
    state["tokenizer.embeddings"] = torch.zeros(3, 1024, 32, 32)
    state["backbone.layers.0.weight"] = torch.zeros(64, 64)
    torch.save({"state_dict": state, "epoch": 3}, folder / "model.ckpt")
    return folder / "model.ckpt"


@pytest.mark.parametrize("container", ["planes.pt", "planes.npz", "planes.npy", "planes.safetensors"])
def test_triposr_from_planes_and_a_checkpoint(tmp_path: Path, container: str) -> None:
    codes = torch.load(DATA / "asset.pt", weights_only=True)["scene_codes"].numpy()
    path = tmp_path / container
    if container.endswith(".npz"):
        np.savez_compressed(path, scene_codes=codes, note="text is skipped")
    elif container.endswith(".npy"):
        np.save(path, codes)
    elif container.endswith(".safetensors"):
        safetensors.numpy.save_file({"scene_codes": codes}, path)
    else:
        saved({"scene_codes": codes}, path)
    triplane = opened(path, checkpoint(tmp_path))[0]
    expected = np.load(DATA / "field.npz")
    found = Field(triplane, "cpu").query(expected["points"])
    np.testing.assert_allclose(found["rgb"], expected["rgb"], atol=1e-5)
    assert triplane.provenance.declared["decoder file"] == "model.ckpt"
    assert not any("tokenizer" in name or "backbone" in name for name in triplane.tensors)


def test_planes_alone_open_with_a_hint(tmp_path: Path) -> None:
    planes = opened(saved({"scene_codes": np.zeros((1, 3, 40, 64, 64), np.float16)}, tmp_path / "planes.pt"))[0]
    assert not planes.has_decoder and planes.preparation() is None
    assert "--decoder" in planes.provenance.warnings[0]
    assert planes.facts()["decoder"] == "none"


def test_a_batch_of_scene_codes_is_several_assets(tmp_path: Path) -> None:
    tensors = triposr_tensors()
    codes = tensors["scene_codes"].reshape(-1, *tensors["scene_codes"].shape[-4:])[0]
    both = opened(saved(tensors | {"scene_codes": np.stack([codes, codes + 1])}, tmp_path / "two.pt"))
    assert [triplane.name for triplane in both] == ["two 1", "two 2"]
    assert (both[1].tensors["scene_codes"] == codes + 1).all()


def test_codes_without_a_batch_open_too(tmp_path: Path) -> None:
    tensors = triposr_tensors()
    codes = tensors["scene_codes"].reshape(-1, *tensors["scene_codes"].shape[-4:])[0]
    assert len(opened(saved(tensors | {"scene_codes": codes}, tmp_path / "one.pt"))) == 1


def test_number_and_width_of_layers_come_from_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = {0: (20, 12), 2: (20, 20), 4: (4, 20)}
    tensors = {f"decoder.layers.{i}.weight": rng.normal(size=s).astype(np.float32) for i, s in sizes.items()}
    tensors["scene_codes"] = rng.normal(size=(3, 4, 8, 8)).astype(np.float32)
    triplane = opened(saved(tensors, tmp_path / "small.pt"))[0]
    assert triplane.facts()["decoder"] == "3 layers, 20 wide"
    assert [layer.activation for layer in triplane.description.heads[0].layers] == ["silu", "silu", "none"]
    assert all(layer.bias is None for layer in triplane.description.heads[0].layers)


def test_a_decoder_that_does_not_fit_is_said(tmp_path: Path) -> None:
    planes = saved({"scene_codes": np.zeros((1, 3, 8, 16, 16), np.float16)}, tmp_path / "planes.pt")
    assert "model.ckpt: does not fit the planes of planes.pt" in refused(planes, checkpoint(tmp_path))
    other = saved({"net.0.weight": np.zeros((4, 4), np.float32)}, tmp_path / "other.pt")
    assert "other.pt: holds no decoder for the planes of planes.pt" in refused(planes, other)
    assert "missing.pt" in refused(planes, tmp_path / "missing.pt")


def test_a_decoder_alone_says_what_to_do(tmp_path: Path) -> None:
    sentence = refused(checkpoint(tmp_path))
    assert "holds a TripoSR decoder but no planes; open the planes with --decoder model.ckpt" in sentence


def test_families_do_not_claim_each_other(shared: Path) -> None:
    for folder in ("eg3d", "openlrm", "crm", "direct3d", "blockfusion", "mtn", "nfd", "hexplane"):
        shapes = open_tensors(shared / "oracles" / folder / "asset.pt").shapes
        found = recognise(shapes)
        assert found is None or found.name != "TripoSR", folder
    assert {family.name for family in families()} >= {"TripoSR"}
