"""Fields that their families save with their own networks (DiffTF, HexPlane, NFD, Unibo, MTN, Sin3DM, TriNeRFLet) read
as the families' own code reads them: values from the oracles, small ones of which lie in tests/data.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assets.families import recognise
from assets.fields.decoder import Field
from assets.files.tensor_file import open_tensors
from assets.formats import save_path
from assets.progress import run
from assets.triplane import Triplane

from .family_oracles import CLOSE, compared, differences
from .triplane_files import opened, refused, saved

DATA = Path(__file__).parent.parent / "data"
DENSITY = {"density_raw", "density", "rgb"}
ORACLES: list[tuple[str, str, str | None, str, set[str]]] = [
    ("difftf", "asset_fitted.pt", None, "field_fitted.npz", DENSITY | {"rgb_raw"}),
    ("difftf", "sample_triplane.npz", "decoder_sample.pt", "field_sample.npz", DENSITY | {"rgb_raw"}),
    ("hexplane", "asset.pt", None, "field.npz", DENSITY),
    ("mtn", "asset.pt", None, "field.npz", DENSITY | {"rgb_raw"}),
    ("nfd", "asset.pt", None, "field.npz", {"occupancy_logit"}),
    ("unibo", "asset.pt", None, "field.npz", {"sdf"}),
    ("unibo", "shape.h5", None, "field.npz", {"sdf"}),
    ("sin3dm", "feat.npz", "ckpt.pth", "field.npz", {"sdf", "rgb"}),
    ("sin3dm", "ckpt.pth", "feat.npz", "field.npz", {"sdf", "rgb"}),
    ("trinerflet", "asset.pt", None, "field.npz", DENSITY),
]
"""Folder, asset, decoder, values, and which of them must be among the compared."""

NAMES = {
    "difftf": "DiffTF",
    "hexplane": "HexPlane",
    "mtn": "MTN",
    "nfd": "NFD",
    "unibo": "Unibo tri-planes",
    "sin3dm": "Sin3DM",
    "trinerflet": "TriNeRFLet",
}


@pytest.mark.parametrize(
    ("folder", "asset", "decoder", "field", "checked"), ORACLES, ids=[f"{row[0]}-{row[1]}" for row in ORACLES]
)
def test_values_are_those_of_the_familys_own_code(
    shared: Path, folder: str, asset: str, decoder: str | None, field: str, checked: set[str]
) -> None:
    found = differences(shared / "oracles" / folder, asset, decoder, field)
    assert checked <= set(found)
    assert max(found.values()) < CLOSE, found


@pytest.mark.parametrize(
    ("folder", "asset", "checked"),
    [("hexplane", "asset.pt", DENSITY), ("trinerflet", "asset.pt", DENSITY), ("unibo", "shape.h5", {"sdf"})],
)
def test_values_of_the_small_files(folder: str, asset: str, checked: set[str]) -> None:
    found = differences(DATA / folder, asset)
    assert checked <= set(found)
    assert max(found.values()) < CLOSE, found


@pytest.mark.parametrize("folder", NAMES)
def test_each_is_known_by_its_own_name(shared: Path, folder: str) -> None:
    """Also with the decoders of all others beside it: what a file holds decides."""
    for row in ORACLES:
        if row[0] == folder:
            tensors = open_tensors(shared / "oracles" / folder / row[1])
            if row[2] is not None:
                tensors = tensors.with_decoder(open_tensors(shared / "oracles" / folder / row[2]))
            assert recognise(tensors.shapes).name == NAMES[folder]


@pytest.mark.parametrize("folder", ["hexplane", "trinerflet", "unibo"])
def test_what_is_told_and_what_is_guessed(folder: str) -> None:
    triplane = opened(DATA / folder / ("shape.h5" if folder == "unibo" else "asset.pt"))[0]
    provenance = triplane.provenance
    assert {"planes", "decoder"} <= set(provenance.declared)
    assert {"family", "axes", "sampling"} <= set(provenance.guessed)
    assert not set(provenance.declared) & set(provenance.guessed)
    assert not provenance.warnings and triplane.description.family == provenance.family


def test_arrays_that_nothing_is_computed_from_keep_their_type() -> None:
    tensors = opened(DATA / "hexplane" / "asset.pt")[0].tensors
    assert tensors["density_plane.0"].dtype == np.float16 and tensors["app_basis_mat.weight"].dtype == np.float32
    assert not any(name in tensors for name in ("aabb", "gridSize", "near_far"))


@pytest.mark.parametrize("asset", ["hexplane/asset.pt", "trinerflet/asset.pt", "unibo/shape.h5"])
def test_what_was_read_is_kept_in_a_native_file(asset: str, tmp_path: Path) -> None:
    triplane = opened(DATA / asset)[0]
    run(save_path(triplane, tmp_path / "kept.safetensors"))
    again = opened(tmp_path / "kept.safetensors")[0]
    assert again.description == triplane.description and again.provenance.guessed == triplane.provenance.guessed
    for name, array in triplane.tensors.items():
        assert again.tensors[name].dtype == array.dtype and (again.tensors[name] == array).all()


def test_plain_numbers_of_a_checkpoint_are_known_beside_its_arrays(tmp_path: Path) -> None:
    content = {"net": {"size": [4, 5, 6], "long": list(range(99)), "name": "x", "w": torch.zeros(2)}, "step": 7}
    torch.save(content | {"huge": 10**400, "on": True, "empty": []}, tmp_path / "numbers.pt")
    tensors = open_tensors(tmp_path / "numbers.pt")
    assert dict(tensors.shapes) == {"net.w": (2,)}
    assert set(tensors.numbers) == {"net.size", "step", "on"}
    assert tensors.numbers["net.size"].tolist() == [4, 5, 6] and tensors.numbers["step"].shape == ()


# DiffTF


def small_difftf(objects: int = 1) -> dict[str, np.ndarray]:
    """Random arrays with the names of a fitted DiffTF checkpoint."""
    random = np.random.default_rng(0)
    shapes = {"pts_linears.0": (16, 18), "views_linears.0": (16, 16 + 63), "feature_linear": (16, 16)}
    shapes |= {"alpha_linear": (1, 16), "rgb_linear": (3, 16)}
    arrays = {f"{name}.weight": random.normal(size=shape) for name, shape in shapes.items()}
    arrays |= {f"{name}.bias": random.normal(size=shape[0]) for name, shape in shapes.items()}
    arrays["tri_planes"] = 7 * random.normal(size=(objects, 18, 8, 8))
    return {f"network_fn_state_dict.{name}": np.float32(array) for name, array in arrays.items()}


def test_each_fitted_object_is_divided_by_its_own_largest_value(tmp_path: Path) -> None:
    both = opened(saved(small_difftf(2), tmp_path / "two.pt"))
    assert [triplane.name for triplane in both] == ["two 1", "two 2"]
    for triplane in both:
        assert np.abs(triplane.tensors["planes"]).max() == 1.0
    # As many objects as an object has planes.
    assert [len(triplane.tensors["planes"]) for triplane in opened(saved(small_difftf(3), tmp_path / "3.pt"))] == [
        3
    ] * 3
    march = both[0].description.march
    assert (march.limits, march.placement, march.last_step, march.alpha_floor) == ("box", "stratified", 1e10, 0.01)


def test_samples_are_read_as_they_are_with_the_decoder_of_a_checkpoint_that_has_planes(tmp_path: Path) -> None:
    planes = np.random.default_rng(1).normal(size=(2, 18, 8, 8)).astype(np.float16)
    np.savez(tmp_path / "samples.npz", triplane=planes)
    decoder = saved(small_difftf(3), tmp_path / "model.tar")
    found = opened(tmp_path / "samples.npz", decoder)
    assert len(found) == 2 and (found[1].tensors["planes"] == planes[1].reshape(3, 6, 8, 8)).all()
    march = found[0].description.march
    assert (march.limits, march.near, march.far, march.axial) == ("around", -3.5, 3.5, True)
    assert found[0].description.space.high == (2.0, 2.0, 2.0) and found[0].backdrop() == (0.0, 0.0, 0.0)


def test_planes_of_zeros_are_refused(tmp_path: Path) -> None:
    tensors = small_difftf()
    tensors["network_fn_state_dict.tri_planes"] *= 0
    assert "divided by their largest value" in refused(saved(tensors, tmp_path / "zeros.pt"))


def test_samples_without_a_decoder_show_their_planes(tmp_path: Path) -> None:
    np.savez(tmp_path / "samples.npz", triplane=np.zeros((1, 18, 8, 8), np.float32))
    planes = opened(tmp_path / "samples.npz")[0]
    assert planes.provenance.family == "DiffTF" and not planes.has_decoder
    assert "--decoder" in planes.provenance.warnings[0]
    other = saved({"net.0.weight": np.zeros((4, 4), np.float32)}, tmp_path / "other.pt")
    assert "other.pt: holds no decoder for the planes of samples.npz" in refused(tmp_path / "samples.npz", other)
    small = {
        name: array[:, :9] if "pts" in name and array.ndim == 2 else array for name, array in small_difftf().items()
    }
    assert "does not fit the planes" in refused(tmp_path / "samples.npz", saved(small, tmp_path / "small.pt"))


# MTN


def test_closed_gates_of_mtn_are_weights_of_zero(shared: Path) -> None:
    """The family's own code at step 0 uses the coarsest planes alone."""
    triplane = opened(shared / "oracles" / "mtn" / "asset.pt")[0]
    assert "gates" in triplane.provenance.guessed["levels"]
    group = triplane.description.groups[0]
    coarsest = max(plane.level for plane in group.planes)
    assert [plane.level for plane in group.planes] == [3] * 3 + [2] * 3 + [1] * 3 + [0] * 3
    planes = tuple(plane if plane.level == coarsest else replace(plane, weight=0.0) for plane in group.planes)
    description = replace(triplane.description, groups=(replace(group, planes=planes),))
    expected = dict(np.load(shared / "oracles" / "mtn" / "field.npz"))
    early = {name.removesuffix("_step0"): array for name, array in expected.items() if name.endswith("_step0")}
    found = compared(Triplane("early", triplane.tensors, description), {"points": expected["points"]} | early)
    assert {"density", "rgb"} <= set(found) and max(found.values()) < CLOSE


# NFD


def test_a_sample_of_nfd_is_read_with_the_bare_network(shared: Path, tmp_path: Path) -> None:
    whole = open_tensors(shared / "oracles" / "nfd" / "asset.pt")
    net = {name.removeprefix("net."): whole[name] for name in whole if name.startswith("net.")}
    planes = np.concatenate([whole[f"embeddings.{index}"][0] for index in range(3)])
    np.save(tmp_path / "7.npy", planes)
    triplane = opened(tmp_path / "7.npy", saved(net, tmp_path / "decoder.pt"))[0]
    found = compared(triplane, dict(np.load(shared / "oracles" / "nfd" / "field.npz")))
    assert found["occupancy_logit"] < CLOSE and triplane.tensors["planes"].dtype == np.float16


def test_nfd_opens_as_many_objects_as_were_fitted(shared: Path, tmp_path: Path) -> None:
    whole = open_tensors(shared / "oracles" / "nfd" / "asset.pt")
    tensors = dict(whole) | {f"embeddings.{index + 3}": whole[f"embeddings.{index}"] for index in range(3)}
    found = opened(saved(tensors, tmp_path / "pair.pt"))
    assert [triplane.name for triplane in found] == ["pair 1", "pair 2"]


# Sin3DM


def test_sin3dm_planes_without_their_decoder(shared: Path, tmp_path: Path) -> None:
    folder = shared / "oracles" / "sin3dm"
    planes = opened(folder / "feat.npz")[0]
    assert not planes.has_decoder and planes.provenance.family == "Sin3DM"
    assert planes.tensors["feat.xz"].shape == (1, 12, 64, 56)
    assert planes.description.space.high == (1.0, 0.75, 0.875), "proportions, as long as no box is known"
    sentence = refused(folder / "ckpt.pth")
    assert "Sin3DM" in sentence and "no planes" in sentence
    bad = dict(open_tensors(folder / "ckpt.pth"))
    del bad["net.geo_convs.norm_xz.bias"]
    sentence = refused(folder / "feat.npz", saved(bad, tmp_path / "bad.pth"))
    assert "convolutions" in sentence and "missing" in sentence


def test_sin3dm_planes_of_another_size_widen_the_box(shared: Path, tmp_path: Path) -> None:
    folder = shared / "oracles" / "sin3dm"
    feat = dict(np.load(folder / "feat.npz"))
    # Twice as long along x: planes xy and xz have twice the rows.
    longer = {
        name: np.repeat(array, 2, 1) if "x" in name.removeprefix("feat_") else array for name, array in feat.items()
    }
    np.savez(tmp_path / "longer.npz", **longer)
    triplane = opened(tmp_path / "longer.npz", folder / "ckpt.pth")[0]
    assert triplane.description.space.low == (-2.0, -0.75, -0.875) and "box" in triplane.provenance.declared


# TriNeRFLet


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("encoder.rotation_matrix", "learn_rotation_axis"),
        ("encoder.lbound_scale", "lbound_auto_scale"),
        ("encoder.upscale_wavelet_lst.0", "upscale_ratio_bound"),
    ],
)
def test_options_that_no_published_scene_uses_are_said(tmp_path: Path, name: str, said: str) -> None:
    tensors = dict(open_tensors(DATA / "trinerflet" / "asset.pt")) | {f"model.{name}": np.ones((3, 3), np.float32)}
    sentence = refused(saved(tensors, tmp_path / "scene.pth"))
    assert said in sentence and "is not read" in sentence


def test_details_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    tensors = dict(open_tensors(DATA / "trinerflet" / "asset.pt"))
    tensors["model.encoder.planes_features_wavelet_coefs.1"] = np.zeros((3, 16, 3, 24, 24), np.float16)
    assert "does not fit planes of [3, 16, 32, 32]" in refused(saved(tensors, tmp_path / "scene.pth"))


def test_planes_without_wavelets_stay_as_they_are(tmp_path: Path) -> None:
    whole = open_tensors(DATA / "trinerflet" / "asset.pt")
    tensors = {name: whole[name] for name in whole if "wavelet" not in name and "idwt" not in name}
    tensors["model.aabb_infer"] = np.float32([-2, -2, -2, 2, 2, 2])
    triplane = opened(saved(tensors, tmp_path / "scene.pth"))[0]
    assert triplane.tensors["planes"].dtype == np.float16 and triplane.counts()["columns"] == 16
    assert triplane.description.space.high == (2.0, 2.0, 2.0) and triplane.provenance.declared["box"] == "±2"


def synthesis(low: np.ndarray, details: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """An inverse wavelet transform as sums of shifted filters: low (C,n,n), details (C,3,n,n), taps (2,L) of the low
    and the high band → (C,2n+2−L,·). The details are high along the rows, along the columns, along both."""

    def along(axis: int, band: np.ndarray, high: int) -> np.ndarray:
        spread = np.zeros((*band.shape[:axis], 2 * band.shape[axis] - 1, *band.shape[axis + 1 :]))
        spread[(slice(None),) * axis + (slice(None, None, 2),)] = band
        whole = np.apply_along_axis(np.convolve, axis, spread, taps[high])
        cut = taps.shape[1] - 2
        return np.take(whole, range(cut, whole.shape[axis] - cut), axis)

    bands = [low, *details.swapaxes(0, 1)]
    by_rows = [along(1, bands[0], 0) + along(1, bands[1], 1), along(1, bands[2], 0) + along(1, bands[3], 1)]
    return along(2, by_rows[0], 0) + along(2, by_rows[1], 1)


@pytest.mark.parametrize(("wavelet", "padding"), [("haar", 0), ("bior2.2", 1), ("bior4.4", 2), ("bior2.6", 3)])
def test_other_wavelets(wavelet: str, padding: int, tmp_path: Path) -> None:
    """There is an oracle of bior6.8 alone; the file tells the wavelet by the length of its filter."""
    import pywt

    taps = np.array(pywt.Wavelet(wavelet).filter_bank[2:])
    random = np.random.default_rng(3)
    low, details = random.normal(size=(3, 2, 8, 8)), random.normal(size=(3, 2, 3, 8, 8))
    tensors = {
        "planes_features": low,
        "planes_features_wavelet_coefs.0": details,
        "idwt.g0_col": taps[0].reshape(1, 1, -1, 1),
    }
    tensors = {f"model.encoder.{name}": np.float32(array) for name, array in tensors.items()}
    found = opened(saved(tensors, tmp_path / "scene.pth"))[0].tensors["planes"]
    around = ((0, 0), (padding, padding), (padding, padding))
    for plane in range(3):
        coarse, bands = np.pad(2 * low[plane], around), np.pad(details[plane], ((0, 0), *around))
        np.testing.assert_allclose(found[plane], synthesis(coarse, bands, taps), atol=1e-5)


# HexPlane


def test_hexplane_marches_the_lattice_that_its_file_describes() -> None:
    triplane = opened(DATA / "hexplane" / "asset.pt")[0]
    march = triplane.description.march
    assert (march.samples, march.placement, march.limits, march.near, march.far) == (219, "edges", "range", 2.0, 6.0)
    assert (march.step_scale, march.weight_floor, march.outside) == (25.0, pytest.approx(1e-4), "empty")
    assert triplane.description.needs_time and triplane.description.needs_viewdirs


def test_a_state_of_hexplane_takes_what_is_published_for_the_rest(tmp_path: Path) -> None:
    """A state_dict has neither box nor shifts: those of the published configurations."""
    whole = open_tensors(DATA / "hexplane" / "asset.pt")
    state = {name: whole[name] for name in whole if whole[name].ndim > 1 or name.endswith("bias")}
    state.pop("aabb")
    torch.save({"state": {name: torch.from_numpy(array) for name, array in state.items()}}, tmp_path / "state.pt")
    triplane = opened(tmp_path / "state.pt")[0]
    found = compared(triplane, dict(np.load(DATA / "hexplane" / "field.npz")))
    assert max(found.values()) < CLOSE
    assert {"box", "density_shift", "distance_scale"} <= set(triplane.provenance.guessed)


def test_values_differ_in_time() -> None:
    triplane = opened(DATA / "hexplane" / "asset.pt")[0]
    points = np.load(DATA / "hexplane" / "field.npz")["points"][:64]
    field = Field(triplane, "cpu")
    early, late = (field.query(points, points + 1, time)["density_raw"] for time in (-1.0, 1.0))
    assert np.abs(early - late).max() > 1
