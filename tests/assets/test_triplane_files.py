"""The native file comes back as it was; files that are not what they claim are refused, and nothing in them runs."""

from __future__ import annotations

import json
import os
import pickle
import re
import struct
import zipfile
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from assets.fields import description as description_module
from assets.fields.decoder import Field
from assets.files.strict_json import to_json
from assets.formats import save_path
from assets.formats.triplane_safetensors import Header
from assets.progress import run
from assets.triplane import Triplane
from tests.small_assets import triplane as small_triplane
from tests.small_assets import triposr_tensors

from .triplane_files import DATA, opened, refused, saved

FORMAT_PAGE = Path(__file__).parent.parent.parent / "docs" / "triplane-format.md"
KEY = "triptych.triplane"


# The native file


def test_a_native_file_comes_back_as_it_was(tmp_path: Path) -> None:
    triplane = opened(DATA / "asset.pt")[0]
    triplane.name = "Vase № 3"
    triplane.transform = np.array([[0, -2, 0, 1], [2, 0, 0, 2.5], [0, 0, 2, 1 / 3], [0, 0, 0, 1.0]])
    run(save_path(triplane, tmp_path / "a.safetensors"))
    again = opened(tmp_path / "a.safetensors")[0]
    assert again.name == triplane.name and (again.transform == triplane.transform).all()
    assert again.description == triplane.description
    assert set(again.tensors) == set(triplane.tensors)
    for name, array in triplane.tensors.items():
        assert again.tensors[name].dtype == array.dtype
        assert again.tensors[name].tobytes() == array.tobytes()
    assert again.tensors["scene_codes"].dtype == np.float16
    assert again.provenance.guessed == triplane.provenance.guessed and again.provenance.guessed
    assert again.provenance.declared == triplane.provenance.declared
    run(save_path(again, tmp_path / "b.safetensors"))
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


def test_the_safetensors_library_reads_what_we_write(tmp_path: Path) -> None:
    triplane = small_triplane()
    run(save_path(triplane, tmp_path / "a.safetensors"))
    found = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert all((found[name] == array).all() for name, array in triplane.tensors.items())
    umask = os.umask(0)
    os.umask(umask)
    if os.name == "posix":
        assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o666 & ~umask


def test_the_documented_lines_write_a_file_that_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = re.search(r"```python\n(.*?)```", FORMAT_PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert len([line for line in program.splitlines() if line and not re.match("import|from", line)]) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "triplane-format.md", "exec"), {})
    triplane = opened(tmp_path / "mine.safetensors")[0]
    assert triplane.name == "Mine" and triplane.has_decoder
    assert np.isfinite(Field(triplane, "cpu").query(np.zeros((1, 3)))["rgb"]).all()


RECORDS = [record for record in vars(description_module).values() if is_dataclass(record)]


@pytest.mark.parametrize("record", [*RECORDS, Header], ids=lambda record: record.__name__)
def test_the_page_names_every_field_of_the_schema_and_its_words(record: type) -> None:
    words = set(re.findall(r"[a-z][a-z_0-9]*", FORMAT_PAGE.read_text(encoding="utf-8")))
    for entry in fields(record):
        assert entry.name in words, entry.name
        for choice in entry.metadata.get("choices", ()):
            assert choice.lstrip("-") in words, (entry.name, choice)


@pytest.mark.parametrize("record", [description_module.March, description_module.Group])
def test_the_tables_of_the_page_show_the_defaults(record: type) -> None:
    cells = [line.strip("| ").split(" | ") for line in FORMAT_PAGE.read_text(encoding="utf-8").splitlines()]
    shown = {row[0].strip("`"): row[-1].strip("`") for row in cells if len(row) == 3}
    for entry in fields(record):
        if entry.default is not MISSING:
            expected = entry.default if isinstance(entry.default, str) else json.loads(json.dumps(entry.default))
            assert (shown[entry.name] if isinstance(expected, str) else json.loads(shown[entry.name])) == expected


def native(tmp_path: Path, change=None, tensors: dict | None = None) -> Path:
    """A native file of the small triplane with a changed header."""
    triplane = small_triplane()
    content = {"version": 1, "description": to_json(triplane.description)}
    if change:
        change(content)
    path = tmp_path / "native.safetensors"
    safetensors.numpy.save_file(tensors or triplane.tensors, path, {KEY: json.dumps(content)})
    return path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c.update(version=2), "later version of Triptych (format 2, known is 1)"),
        (lambda c: c.update(version=0), "version: is 0"),
        (lambda c: c.pop("version"), "version: is missing"),
        (lambda c: c.update(colour="red"), "colour: is not a field"),
        (lambda c: c["description"]["groups"][0]["planes"][1].update(axes=["x", "w"]), "groups[0].planes[1].axes[1]"),
        (lambda c: c["description"]["groups"][0]["planes"][1].update(index=7), "groups[0].planes[1].index: is 7"),
        (lambda c: c["description"]["heads"][0]["layers"][0].update(weight="bias"), "heads[0].layers[0].weight"),
        (lambda c: c.update(transform=[[0.0] * 4] * 4), "transform"),
        (lambda c: c.update(transform=[[1.0] * 4] * 3), "transform: expected 4 entries"),
    ],
)
def test_a_wrong_header_is_refused_by_name(tmp_path: Path, change, named: str) -> None:
    assert named in refused(native(tmp_path, change))


def test_values_that_are_not_finite_are_counted_and_repaired(tmp_path: Path) -> None:
    tensors = {name: array.copy() for name, array in small_triplane().tensors.items()}
    tensors["planes"][0, 0, 0, :3] = [np.nan, np.inf, -np.inf]
    triplane = opened(native(tmp_path, tensors=tensors))[0]
    assert triplane.tensors["planes"][0, 0, 0, :3].tolist() == [0, 0, 0]
    assert triplane.provenance.warnings == ["planes: 3 values were not finite and are read as 0."]


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    tensors = dict(small_triplane().tensors) | {"weight": np.zeros((4, 2), np.int32)}
    assert "weight as int32" in refused(native(tmp_path, tensors=tensors))


def test_a_described_decoder_may_lie_in_another_file(tmp_path: Path) -> None:
    tensors = small_triplane().tensors
    planes = native(tmp_path, tensors={"planes": tensors["planes"]})
    alone = opened(planes)[0]
    assert not alone.has_decoder and alone.preparation() is None and "--decoder" in alone.provenance.warnings[0]
    run(save_path(alone, tmp_path / "again.safetensors"))
    weights = saved({name: tensors[name] for name in ("weight", "bias")}, tmp_path / "weights.pt")
    whole = opened(tmp_path / "again.safetensors", weights)[0]
    assert whole.has_decoder and not whole.provenance.warnings


def test_native_planes_take_the_decoder_of_their_family(tmp_path: Path) -> None:
    planes = opened(DATA / "asset.pt")[0]
    planes.name = "Mine"
    planes.transform[0, 3] = 5.0
    weights = saved({n: t for n, t in planes.tensors.items() if n != "scene_codes"}, tmp_path / "model.ckpt")
    alone = Triplane("Mine", {"scene_codes": planes.tensors["scene_codes"]}, replace(planes.description, heads=()))
    alone.transform = planes.transform
    run(save_path(alone, tmp_path / "planes.safetensors"))
    whole = opened(tmp_path / "planes.safetensors", weights)[0]
    assert whole.has_decoder and whole.name == "Mine" and whole.transform[0, 3] == 5.0


def header_only(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize(
    ("entry", "data", "named"),
    [
        ({"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}, b"", "ends after 0 of"),
        ({"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}, b"\0" * 8, "shape [4] but 8 bytes"),
        ({"dtype": "F32", "shape": [-2, -1], "data_offsets": [0, 8]}, b"\0" * 8, "wrongly"),
        ({"dtype": "F32", "shape": [1.5], "data_offsets": [0, 6]}, b"\0" * 8, "wrongly"),
        ({"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}, b"\0" * 8, "wrongly"),
        ({"dtype": "F32", "shape": [2]}, b"\0" * 8, "wrongly"),
        ({"dtype": "Q4", "shape": [2], "data_offsets": [0, 8]}, b"\0" * 8, "Q4"),
        ([1], b"", "wrongly"),
    ],
)
def test_a_safetensors_header_is_not_trusted(tmp_path: Path, entry: object, data: bytes, named: str) -> None:
    assert named in refused(header_only(tmp_path / "bad.safetensors", {"a": entry}, data))


def test_more_damaged_safetensors(tmp_path: Path) -> None:
    whole = native(tmp_path).read_bytes()
    cut = tmp_path / "cut.safetensors"
    for end in (60, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:end])
        assert "ends" in refused(cut)
    assert "not JSON" in refused(header_only(tmp_path / "a.safetensors", b'{"a": [[[[[[' + b"[" * 100_000))
    assert "metadata" in refused(header_only(tmp_path / "b.safetensors", {"__metadata__": {"a": 1}}))
    twice = {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in "ab"}
    assert "overlap" in refused(header_only(tmp_path / "c.safetensors", twice, b"\0" * 8))


def test_a_safetensors_of_something_else_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({"text_model.embed": np.zeros((4, 4), np.float32)}, path)
    assert "no triplane of a known family; its arrays are text_model.embed [4, 4]" in refused(path)


# Files that are not trusted


class Marker:
    """What an evil pickle would run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("kind", ["torch", "legacy", "pickle"])
def test_pickles_do_not_run(tmp_path: Path, kind: str) -> None:
    marker, path = tmp_path / "ran", tmp_path / "evil.pt"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Marker(marker)))
    else:
        torch.save({"scene_codes": Marker(marker)}, path, _use_new_zipfile_serialization=kind == "torch")
    sentence = refused(path)
    assert "could run programs" in sentence or "can run programs" in sentence
    assert not marker.exists()
    assert "program" in refused(DATA / "asset.pt", path) and not marker.exists()


def test_the_shared_evil_pickle_does_not_run(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "could run programs" in refused(shared / "data" / "gaussians" / "bad" / "evil_pickle.pt")
    assert not list(tmp_path.iterdir())


def test_numpy_objects_do_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    np.save(tmp_path / "evil.npy", np.array([Marker(marker)], object), allow_pickle=True)
    np.savez(tmp_path / "evil.npz", scene_codes=np.array([Marker(marker)], object))
    for name in ("evil.npy", "evil.npz"):
        assert "run programs" in refused(tmp_path / name)
    assert not marker.exists()


def test_old_torch_files_open(tmp_path: Path) -> None:
    tensors = {name: torch.from_numpy(array) for name, array in triposr_tensors().items()}
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert opened(tmp_path / "old.pth")[0].has_decoder


@pytest.mark.parametrize("suffix", [".pt", ".npz", ".npy"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_files_that_are_cut_off(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"cut{suffix}"
    if suffix == ".pt":
        saved(triposr_tensors(64), path)
    elif suffix == ".npz":
        np.savez(path, **triposr_tensors(64))
    else:
        np.save(path, triposr_tensors(64)["scene_codes"])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path)


@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".npz", ".npy", ".safetensors"])
def test_a_web_page_is_called_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"page{suffix}"
    path.write_text("<!DOCTYPE html><html><body>404</body></html>")
    assert "web page" in refused(path)


def test_views_that_claim_more_than_they_hold(tmp_path: Path) -> None:
    torch.save({"scene_codes": torch.zeros(1).expand(1, 3, 40, 10**5, 10**5)}, tmp_path / "huge.pt")
    assert "fewer values" in refused(tmp_path / "huge.pt")


def test_archives_that_unpack_to_too_much(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", scene_codes=np.zeros((3, 16, 512, 512), np.float32))
    assert "would unpack to" in refused(tmp_path / "bomb.npz")
    np.savez(tmp_path / "plain.npz", **triposr_tensors())
    for number, packed in enumerate((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
        path = tmp_path / f"odd{number}.npz"
        with zipfile.ZipFile(tmp_path / "plain.npz") as source, zipfile.ZipFile(path, "w", packed) as target:
            for entry in source.infolist():
                target.writestr(entry.filename, source.read(entry))
        assert "never use" in refused(path)
    whole = saved(triposr_tensors(), tmp_path / "whole.pt")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "bomb.pt", "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)
    assert "compressed archive" in refused(tmp_path / "bomb.pt")


def test_headers_of_numpy_files_are_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (3, 2**20, 2**20, 8)}
        )
    refused(path)
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("scene_codes.npy", path.read_bytes())
    assert "more values" in refused(tmp_path / "huge.npz")


def test_gaussians_in_other_containers_are_recognised_as_such(tmp_path: Path) -> None:
    arrays = {name: np.zeros((9, 3), np.float32) for name in ("splats.means", "splats.scales", "splats.sh0")}
    np.savez(tmp_path / "splats.npz", **arrays)
    sentence = refused(tmp_path / "splats.npz")
    assert "Gaussian splats" in sentence and "splats.means" in sentence


def test_unknown_keys_are_named(tmp_path: Path) -> None:
    path = saved({"net.0.weight": np.zeros((8, 4), np.float32)}, tmp_path / "net.pt")
    assert "its arrays are net.0.weight [8, 4]" in refused(path)
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    assert "no arrays" in refused(tmp_path / "empty.pt")
