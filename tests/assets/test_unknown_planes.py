"""Planes of no known family open, so that they can be looked at; what cannot be planes doesn't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.families import families, recognise
from assets.families.unknown import layout_of

from .triplane_files import DATA, opened, refused, saved


@pytest.mark.parametrize(
    ("shape", "planes"),
    [
        ((3, 4, 128, 128), (3, 4, 128, 128)),
        ((1, 3, 4, 32, 32), (3, 4, 32, 32)),
        ((3, 1, 4, 32, 32), (3, 4, 32, 32)),
        ((1, 96, 64, 64), (3, 32, 64, 64)),
        ((3, 16, 48, 12), (3, 16, 48, 12)),
        ((3, 32, 32, 5), (3, 5, 32, 32)),
        ((1, 8, 16, 48), (3, 8, 16, 16)),
        ((8, 16, 48), (3, 8, 16, 16)),
    ],
)
def test_an_array_that_can_be_planes_opens(tmp_path: Path, shape: tuple[int, ...], planes: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.save(tmp_path / "planes.npy", array)
    triplane = opened(tmp_path / "planes.npy")[0]
    assert triplane.tensors["planes"].shape == planes and not triplane.has_decoder
    assert triplane.provenance.family == "Unknown planes" and triplane.preparation() is None
    assert "only the planes themselves can be looked at" in triplane.provenance.warnings[0]
    assert {"family", "planes", "box", "up", "axes", "sampling"} <= set(triplane.provenance.guessed)
    assert list(triplane.provenance.declared) == ["planes"]


def test_every_layout_is_read_in_its_order(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).normal(size=(3, 5, 16, 16)).astype(np.float32)
    forms = {
        "first": planes,
        "batch": planes[:, None],
        "folded": planes.reshape(1, 15, 16, 16),
        "last": planes.transpose(0, 2, 3, 1),
        "rolled": np.concatenate(list(planes), axis=2),
    }
    for name, array in forms.items():
        np.save(tmp_path / f"{name}.npy", array)
        assert (opened(tmp_path / f"{name}.npy")[0].tensors["planes"] == planes).all(), name


def test_a_batch_is_several_assets(tmp_path: Path) -> None:
    path = saved({"triplane": np.zeros((2, 3, 4, 16, 16), np.float32)}, tmp_path / "two.pt")
    assert [triplane.name for triplane in opened(path)] == ["two 1", "two 2"]


def test_three_arrays_named_by_their_axes_are_planes(tmp_path: Path) -> None:
    sizes = {"xy": (4, 16, 24), "zx": (4, 20, 24), "yz": (1, 4, 16, 20)}
    arrays = {f"plane_{pair}": np.zeros(size, np.float32) for pair, size in sizes.items()}
    triplane = opened(saved(arrays, tmp_path / "planes.pt"))[0]
    assert [plane.axes for plane in triplane.description.groups[0].planes] == [("x", "y"), ("z", "x"), ("y", "z")]
    assert triplane.tensors["yz"].shape == (1, 4, 16, 20)


@pytest.mark.parametrize(
    "shape",
    [
        (128, 128),
        (3, 128, 128),
        (1, 3, 128, 128),
        (16, 3, 64, 64),
        (3, 64, 3, 3),
        (64, 96, 3, 3),
        (3, 4, 8, 2000),
        (2, 4, 64, 64),
        (3, 0, 16, 16),
        (),
    ],
)
def test_not_every_array_can_be_planes(shape: tuple[int, ...]) -> None:
    assert layout_of(shape) is None and recognise({"": shape}) is None


def test_planes_must_be_most_of_a_file(tmp_path: Path) -> None:
    shapes = {"embed": (3, 32, 16, 16), "encoder.weight": (1024, 1024)}
    assert recognise(shapes) is None
    path = saved({name: np.zeros(shape, np.float16) for name, shape in shapes.items()}, tmp_path / "net.pt")
    assert "holds no triplane of a known family" in refused(path)


def test_a_decoder_for_planes_of_no_family_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "planes.npy", np.zeros((3, 7, 16, 16), np.float32))
    other = saved({"net.0.weight": np.zeros((4, 4), np.float32)}, tmp_path / "other.pt")
    assert "other.pt: holds no decoder for the planes of planes.npy" in refused(tmp_path / "planes.npy", other)
    sentence = refused(tmp_path / "planes.npy", DATA / "asset.pt")
    assert "does not fit the planes of planes.npy; it is a decoder of TripoSR" in sentence


def test_any_known_family_is_surer(tmp_path: Path) -> None:
    unknown = [family for family in families() if not family.known]
    assert [family.name for family in unknown] == ["Unknown planes"]
    assert unknown[0].match({"scene_codes": (1, 3, 40, 64, 64)}) == 1
    assert recognise({"scene_codes": (1, 3, 40, 64, 64)}).name == "TripoSR"


def test_the_size_suggests_a_family(tmp_path: Path) -> None:
    np.save(tmp_path / "planes.npy", np.zeros((1, 3, 40, 64, 64), np.float16))
    assert "TripoSR or InstantMesh" in opened(tmp_path / "planes.npy")[0].provenance.guessed["family"]


def test_the_shared_planes_open(shared: Path) -> None:
    for path in sorted((shared / "data" / "triplanes").iterdir()):
        triplane = opened(path)[0]
        assert triplane.provenance.family == "Unknown planes", path.name
        assert triplane.counts()["planes"] == 3 and triplane.local_bounds().tolist() == [[-1] * 3, [1] * 3]
