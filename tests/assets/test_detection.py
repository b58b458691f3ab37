"""Which family a file is of: from the names and shapes alone, in every container, and never by chance."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from assets.errors import BadFile
from assets.families import Family, families, name_planes, recognise
from assets.fields.source import triplanes_in
from assets.files.tensor_file import Tensors
from tests.small_assets import triposr_tensors

from .family_signatures import SIGNATURES, Shapes
from .triplane_files import DATA, opened, refused, saved


def large(shapes: Shapes) -> list[tuple[int, ...]]:
    """The shapes that can be planes, and not latents or boxes."""
    return [shape for shape in shapes.values() if len(shape) >= 4]


def test_every_known_family_is_among_them() -> None:
    assert set(SIGNATURES) == {family.name for family in families() if family.known}


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_a_family_publishes_is_known_as_its_own(name: str) -> None:
    planes, decoder = SIGNATURES[name]
    scores = sorted(((family.match(planes | decoder), family.name) for family in families()), reverse=True)
    assert scores[0][1] == name and scores[0][0] > scores[1][0], scores[:3]
    assert recognise(planes | decoder).name == name


@pytest.mark.parametrize("name", SIGNATURES)
def test_planes_alone_are_not_taken_for_those_of_another(name: str) -> None:
    planes, _ = SIGNATURES[name]
    found = recognise(planes)
    assert found is None or not found.known or found.name == name, found.name


@pytest.mark.parametrize("name", [name for name, (_, decoder) in SIGNATURES.items() if decoder])
def test_a_decoder_alone_is_no_asset_but_known(name: str) -> None:
    decoder = SIGNATURES[name][1]
    found = recognise(decoder)
    assert found is None or not found.known
    if name not in ("Hyper3D", "LRM"):  # whose decoders have no names of their own
        assert name in [family.name for family in families() if family.has_weights(decoder)]


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_every_family_stays_calm_at_nonsense(family: Family) -> None:
    for shape in ((), (0,), (3,), (2, 2), (0, 0, 0, 0), (7,) * 9):
        for name in ("", "planes", "x.0"):
            assert family.match({name: shape}) == 0, shape
            assert not family.has_weights({name: shape})
    assert family.match({}) == family.match({"weight": (8, 4), "bias": (8,)}) == 0
    for planes, decoder in SIGNATURES.values():
        assert 0 <= family.match(planes | decoder) <= 100


def altered(shapes: Shapes) -> Iterator[Shapes]:
    """The same without one array, or with another shape for it."""
    for name, shape in shapes.items():
        rest = {other: there for other, there in shapes.items() if other != name}
        yield rest
        yield rest | {name: shape[1:]}
        yield rest | {name: (1, *shape)}
        yield rest | {name: (0, *shape[1:])}
        yield from (rest | {name: (*shape[:axis], shape[axis] + 1, *shape[axis + 1 :])} for axis in range(len(shape)))


SMALL = [name for name, (planes, _) in SIGNATURES.items() if sum(map(math.prod, planes.values())) < 3 << 20]


@pytest.mark.parametrize("name", SMALL)
def test_what_nearly_fits_opens_or_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    planes, decoder = SIGNATURES[name]
    for shapes in list(altered(planes | decoder))[::3]:
        tensors = Tensors(shapes, lambda name, shapes=shapes: np.zeros(shapes[name], np.float32))
        try:
            assert triplanes_in(tensors, tmp_path / "odd.pt", None)
        except BadFile as error:
            assert str(error).endswith(".") and len(str(error)) < 500


@pytest.mark.parametrize("family", [entry for entry in families() if entry.known], ids=lambda family: family.name)
def test_every_family_says_where_it_is_published(family: Family) -> None:
    assert re.fullmatch(r"[A-Z][\w .&-]+? 20\d\d,.* \".+\".*", family.about) and len(family.about) < 200, family.about


NAMELESS = [name for name, (planes, decoder) in SIGNATURES.items() if decoder and len(large(planes)) == 1]


@pytest.mark.parametrize("name", NAMELESS)
def test_nameless_planes_are_known_by_their_decoder(name: str) -> None:
    planes, decoder = SIGNATURES[name]
    shapes = {"": large(planes)[0]} | decoder
    found = recognise(shapes)
    if found is None or not found.known:
        found = recognise({name_planes(shapes) if key == "" else key: shape for key, shape in shapes.items()})
    # EG3D's own generators are those of which AvatarArtist's is one.
    assert found.name == {"AvatarArtist": "EG3D"}.get(name, name)


CONTAINERS = (".pt", ".pth", ".ckpt", ".tar", ".bin", ".npz", ".h5", ".safetensors", ".old.pt")


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_family_is_known_in_every_container(tmp_path: Path, suffix: str) -> None:
    path, tensors = tmp_path / f"asset{suffix}", triposr_tensors()
    if suffix == ".npz":
        np.savez(path, **tensors)
    elif suffix == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            for name, array in tensors.items():
                file[name] = array
    elif suffix == ".safetensors":
        safetensors.numpy.save_file(tensors, path)
    elif suffix == ".old.pt":
        torch.save({n: torch.from_numpy(t) for n, t in tensors.items()}, path, _use_new_zipfile_serialization=False)
    else:
        saved(tensors, path)
    triplane = opened(path)[0]
    assert triplane.provenance.family == "TripoSR" and triplane.has_decoder
    assert "family" in triplane.provenance.guessed and "planes" in triplane.provenance.declared


def test_a_nameless_sample_is_read_with_its_decoder(tmp_path: Path) -> None:
    np.save(tmp_path / "sample.npy", np.random.default_rng(0).normal(size=(1, 18, 32, 32)).astype(np.float32))
    weights = {name: np.zeros(shape, np.float32) for name, shape in SIGNATURES["DiffTF"][1].items()}
    triplane = opened(tmp_path / "sample.npy", saved(weights, tmp_path / "decoder.tar"))[0]
    assert triplane.provenance.family == "DiffTF" and triplane.has_decoder
    sentence = refused(tmp_path / "sample.npy", DATA / "asset.pt")
    assert "does not fit the planes of sample.npy; it is a decoder of TripoSR" in sentence


def test_planes_stay_those_of_the_first_file(tmp_path: Path) -> None:
    codes = triposr_tensors()["scene_codes"]
    np.save(tmp_path / "planes.npy", codes)
    other = saved(triposr_tensors() | {"scene_codes": np.ones_like(codes)}, tmp_path / "other.pt")
    found = opened(tmp_path / "planes.npy", other)[0].tensors["scene_codes"]
    assert (found == codes.reshape(found.shape)).all()


def test_the_two_files_may_be_given_the_other_way_round(tmp_path: Path) -> None:
    tensors = triposr_tensors()
    planes = saved({"scene_codes": tensors.pop("scene_codes")}, tmp_path / "planes.pt")
    assert opened(saved(tensors, tmp_path / "weights.pt"), planes)[0].has_decoder


def test_weights_of_several_families_are_called_so(tmp_path: Path) -> None:
    weights = {"decoder.layers.0.weight": (8, 12), "net.0._B": (32, 64)}
    path = saved({name: np.zeros(shape, np.float32) for name, shape in weights.items()}, tmp_path / "both.pt")
    assert "holds a NFD or TripoSR decoder but no planes; open the planes with --decoder both.pt" in refused(path)


def test_a_pickle_says_how_to_export(tmp_path: Path) -> None:
    for name in ("network.pkl", "planes.pt"):
        (tmp_path / name).write_bytes(pickle.dumps({"G_ema": np.zeros(3)}))
        sentence = refused(tmp_path / name)
        assert "can run programs" in sentence and "torch.save" in sentence and ".safetensors" in sentence
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    assert "torch.save(model.state_dict(), …)" in refused(tmp_path / "module.pt")


def test_a_torch_file_is_one_whatever_it_is_called(tmp_path: Path) -> None:
    assert opened(saved(triposr_tensors(), tmp_path / "asset.pkl"))[0].has_decoder


def test_an_archive_is_not_taken_for_a_checkpoint(tmp_path: Path) -> None:
    import tarfile

    (tmp_path / "note.txt").write_text("nothing")
    with tarfile.open(tmp_path / "real.tar", "w") as archive:
        archive.add(tmp_path / "note.txt", "note.txt")
    assert "is not a 3D file" in refused(tmp_path / "real.tar")


def test_values_that_do_not_fit_name_the_family(tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", rollout=np.ones((1, 16, 30, 31), np.float32))
    assert "odd.npz: cannot be read as DynamicCity: rollout has the shape" in refused(tmp_path / "odd.npz")
