"""Families that follow EG3D and LRM: values of their own code, layouts of planes, decoders apart, and what is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from assets.fields.description import FieldDescription
from assets.formats import save_path
from assets.progress import run
from tests.processes import ROOT

from . import lrm_files as files
from .family_oracles import CLOSE, differences
from .lrm_files import same
from .triplane_files import opened, refused, saved

DATA = ROOT / "tests" / "data"
ORACLES = {
    "openlrm": ("OpenLRM", {"density_raw", "density", "rgb"}),
    "eg3d": ("EG3D", {"density_raw", "density", "rgb", "features"}),
    "instantmesh_mesh": ("InstantMesh", {"sdf", "rgb", "deformation"}),
    "crm": ("CRM", {"sdf", "deformation", "rgb_raw", "rgb"}),
    "triplaneturbo": ("TriplaneTurbo", {"sdf", "rgb", "rgb_raw", "deformation"}),
    "direct3d": ("Direct3D", {"occupancy_logit"}),
    "blockfusion": ("BlockFusion", {"sdf"}),
}
NAMES = {
    "sigma_raw": "density_raw",
    "sigma": "density",
    "rgb32": "features",
    "deformation_raw": "deformation",
    "features_raw": "rgb_raw",
}
DECODERS = {
    "OpenLRM": (files.openlrm, "planes", 3),
    "EG3D": (files.osg, "planes", 3),
    "InstantMesh": (files.instantmesh, "planes", 3),
    "CRM": (files.crm, "triplane_feature2", 3),
    "TriplaneTurbo": (files.triplaneturbo, "space_cache", 6),
    "Direct3D": (files.direct3d, "planes", 3),
    "BlockFusion": (files.blockfusion, "triplane", 3),
    "GTR": (files.gtr, "planes", 3),
    "AvatarArtist": (files.osg, "triplane", 3),
    "Instant3D": (lambda channels=4: files.osg(channels, 4), "planes", 3),
}


@pytest.mark.parametrize("folder", ORACLES)
def test_values_are_those_of_the_familys_own_code(shared: Path, folder: str) -> None:
    family, checked = ORACLES[folder]
    path = shared / "oracles" / folder
    found = differences(path, names=NAMES)
    assert checked <= set(found)
    assert max(found.values()) < CLOSE, found
    assert opened(path / "asset.pt")[0].provenance.family == family


@pytest.mark.parametrize("folder", ["openlrm", "instantmesh_mesh"])
def test_values_of_the_bundled_files(folder: str) -> None:
    found = differences(DATA / folder, names=NAMES)
    assert ORACLES[folder][1] <= set(found) and max(found.values()) < CLOSE, found
    triplane = opened(DATA / folder / "asset.pt")[0]
    assert triplane.tensors["planes"].dtype == np.float16, "what is stored stays as it is"
    points = np.load(DATA / folder / "field.npz")["points"]
    assert (np.abs(points).max(1) > 1).sum() > 10, "points outside are part of the test"


@pytest.mark.parametrize("family", DECODERS)
def test_every_layout_of_the_planes_is_the_same_field(family: str, tmp_path: Path) -> None:
    make, name, count = DECODERS[family]
    decoder, planes = make(), files.planes(4, count)
    layouts = {
        "batch": planes,
        "set": planes[0],
        "grouped": planes.reshape(1, count * 4, *planes.shape[-2:]),
        "flat": planes.reshape(count * 4, *planes.shape[-2:]),
        "rolled": files.rolled(planes),
        "strip": files.rolled(planes)[0],
    }
    assets = {}
    for layout, array in layouts.items():
        found = opened(saved({name: array} | decoder, tmp_path / f"{layout}.pt"))
        assert len(found) == 1 and found[0].provenance.family == family, layout
        assert found[0].provenance.declared["planes"] == f"{count} × 4 channels, 8 × 8 texels"
        assets[layout] = found[0]
    for layout in layouts:
        same(assets["batch"], assets[layout])


@pytest.mark.parametrize("family", DECODERS)
def test_planes_and_their_decoder_may_lie_apart(family: str, tmp_path: Path) -> None:
    make, name, count = DECODERS[family]
    decoder, planes = make(), files.planes(4, count)
    weights = saved(decoder | {"unet.conv.weight": np.zeros((16, 4, 3, 3), np.float32)}, tmp_path / "model.ckpt")
    whole = opened(saved({name: planes} | decoder, tmp_path / "whole.pt"))[0]
    np.savez(tmp_path / "planes.npz", **{name: planes})
    safetensors.numpy.save_file({name: planes}, tmp_path / "planes.safetensors")
    for path in (tmp_path / "planes.npz", tmp_path / "planes.safetensors"):
        apart = opened(path, weights)[0]
        assert apart.provenance.family == family and apart.provenance.declared["decoder file"] == "model.ckpt"
        assert not any("unet" in tensor for tensor in apart.tensors)
        same(whole, apart)


@pytest.mark.parametrize("family", [name for name in DECODERS if name != "AvatarArtist"])
def test_a_lone_array_is_enough_beside_a_decoder(family: str, tmp_path: Path) -> None:
    make, _, count = DECODERS[family]
    np.save(tmp_path / "planes.npy", files.planes(4, count))
    lone = opened(tmp_path / "planes.npy", saved(make(), tmp_path / "model.ckpt"))[0]
    assert lone.provenance.family == family and lone.has_decoder


@pytest.mark.parametrize("family", DECODERS)
def test_a_decoder_of_another_width_is_refused_in_one_sentence(family: str, tmp_path: Path) -> None:
    make, name, count = DECODERS[family]
    path = saved({name: files.planes(5, count)}, tmp_path / "planes.pt")
    assert "model.ckpt: does not fit the planes of planes.pt" in refused(path, saved(make(), tmp_path / "model.ckpt"))


@pytest.mark.parametrize("family", [name for name in DECODERS if name != "TriplaneTurbo"])
def test_a_bias_of_another_length_is_refused_in_one_sentence(family: str, tmp_path: Path) -> None:
    make, name, count = DECODERS[family]
    decoder = make()
    bias = next(word for word in decoder if word.endswith("bias"))
    path = saved({name: files.planes(4, count)} | decoder | {bias: decoder[bias][:2]}, tmp_path / "file.pt")
    assert "bias has the shape [2], expected" in refused(path)


@pytest.mark.parametrize("family", DECODERS)
def test_several_sets_of_planes_are_several_assets(family: str, tmp_path: Path) -> None:
    make, name, count = DECODERS[family]
    decoder, planes = make(), files.planes(4, count, batch=3)
    found = opened(saved({name: planes} | decoder, tmp_path / "many.pt"))
    assert [triplane.name for triplane in found] == ["many 1", "many 2", "many 3"]
    for triplane, expected in zip(found, planes, strict=True):
        assert (triplane.tensors["planes"] == expected).all()


@pytest.mark.parametrize("family", DECODERS)
def test_what_was_declared_and_what_was_guessed_is_told(family: str, tmp_path: Path) -> None:
    make, name, count = DECODERS[family]
    triplane = opened(saved({name: files.planes(4, count)} | make(), tmp_path / "file.pt"))[0]
    declared, guessed = triplane.provenance.declared, triplane.provenance.guessed
    assert {"planes", "decoder"} <= set(declared)
    assert {"family", "box", "up", "axes", "sampling", "combination", "activations", "surface"} <= set(guessed)
    assert not set(declared) & set(guessed)
    assert all(isinstance(value, str) and value for value in (*declared.values(), *guessed.values()))


@pytest.mark.parametrize("family", DECODERS)
def test_the_own_format_keeps_the_field(family: str, tmp_path: Path) -> None:
    make, name, count = DECODERS[family]
    triplane = opened(saved({name: files.planes(4, count)} | make(), tmp_path / "file.pt"))[0]
    run(save_path(triplane, tmp_path / "own.safetensors"))
    again = opened(tmp_path / "own.safetensors")[0]
    assert again.description == triplane.description
    same(triplane, again)


# OpenLRM, Tailor3D, InstantMesh


def described(tensors: dict[str, np.ndarray], folder: Path) -> FieldDescription:
    return opened(saved(tensors, folder / "file.pt"))[0].description


def test_large_models_take_more_samples(tmp_path: Path) -> None:
    for channels, samples in ((32, 48), (48, 48), (80, 64)):
        march = described({"planes": files.planes(channels)} | files.openlrm(channels), tmp_path).march
        assert (march.samples, march.fine, march.outside, march.between) == (samples, samples, "empty", "segment")


def test_tailor3d_is_openlrm_with_other_layers_in_front(tmp_path: Path) -> None:
    tensors = {"planes": files.planes(4)} | files.openlrm()
    plain = opened(saved(tensors, tmp_path / "plain.pt"))[0]
    fused = tensors | {"front_back_conv.0.weight": np.zeros((4, 8, 1, 1), np.float32)}
    tailored = opened(saved(fused, tmp_path / "fused.pt"))[0]
    assert (plain.provenance.family, tailored.provenance.family) == ("OpenLRM", "Tailor3D")
    assert set(tailored.tensors) == set(plain.tensors)
    same(plain, tailored)


@pytest.mark.parametrize("before", ["state_dict.lrm_generator.", ""])
def test_instantmesh_nerf_is_told_by_its_generator_or_its_width(before: str, tmp_path: Path) -> None:
    tensors = {"planes": files.planes(40)} | {before + name: array for name, array in files.openlrm(40).items()}
    triplane = opened(saved(tensors, tmp_path / "nerf.pt"))[0]
    assert triplane.provenance.family == "InstantMesh NeRF"
    assert triplane.description.surface.level == 10.0
    same(triplane, opened(saved({"planes": tensors["planes"]} | alone(tensors), tmp_path / "lrm.pt"))[0])


def alone(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The decoder with the names that it has in its own module, which are OpenLRM's too."""
    short = {name.rsplit("net.", 1)[-1]: array for name, array in tensors.items() if "net." in name}
    return {f"decoder.net.{name}": array for name, array in short.items()}


def test_weights_for_cells_and_generators_stay_in_the_file(shared: Path) -> None:
    for folder in ("instantmesh_mesh", "crm"):
        triplane = opened(shared / "oracles" / folder / "asset.pt")[0]
        assert not any("weightMlp" in name or "net_weight" in name for name in triplane.tensors)
        assert set(triplane.tensors) == {"planes", *triplane.description.decoder_tensors()}
