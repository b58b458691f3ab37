"""Pickles that take long to be read or refused, and what lies beside a checkpoint: one sentence, soon."""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assets.errors import BadFile
from assets.files.pickled import MOST_STEPS, end_of_pickle
from assets.formats import open_path
from assets.progress import run
from tests.assets.splat_comparison import read
from tests.assets.splat_files import random_splats
from tests.assets.test_gaussian_checkpoint import gsplat, nerfstudio, save

SECONDS = 3.0
WORD = b"a" * 100_000
CALLED = b"X" + struct.pack("<I", len(WORD)) + WORD + b")R."
HOSTILE = {
    "lists": (b"\x80\x02](" + b"]" * 5_000_000 + b"e.", "steps"),
    "dictionaries": (b"\x80\x02](" + b"}" * 5_000_000 + b"e.", "steps"),
    "a long name": (b"\x80\x02c" + WORD + b"\nb\n.", "word of"),
    "a long word that is called": (b"\x80\x02" + CALLED, "word of"),
    "a text beyond the end": (b"\x80\x02X\xff\xff\xff\xffabc.", "no end"),
    "a text of 2^62 letters": (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"abc.", "no end"),
    "a number of negative length": (b"\x80\x02\x8b\xff\xff\xff\xff.", "no end"),
    "an unknown step": (b"\x80\x02\xff.", "no end"),
    "no end": (b"\x80\x02" + b"N0" * 50, "no end"),
}


def with_pickle(path: Path, data: bytes, zipped: bool) -> Path:
    """A checkpoint whose pickle is `data`."""
    buffer = io.BytesIO()
    torch.save({"means": torch.zeros(3)}, buffer, _use_new_zipfile_serialization=zipped)
    if not zipped:
        whole, end = buffer.getvalue(), 0
        for _ in range(3):
            end, _ = end_of_pickle(path, whole, end)
        path.write_bytes(whole[:end] + data)
        return path
    with zipfile.ZipFile(buffer) as archive, zipfile.ZipFile(path, "w") as changed:
        for entry in archive.infolist():
            own = entry.filename.endswith("data.pkl")
            changed.writestr(entry.filename, data if own else archive.read(entry))
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_take_long_is_refused_soon(name: str, zipped: bool, tmp_path: Path) -> None:
    data, words = HOSTILE[name]
    path = with_pickle(tmp_path / "a.pt", data, zipped)
    start = time.process_time()
    with pytest.raises(BadFile, match=words):
        run(open_path(path))
    assert time.process_time() - start < SECONDS


def test_the_steps_of_all_pickles_are_counted_together(tmp_path: Path) -> None:
    path = with_pickle(tmp_path / "a.pt", b"\x80\x02](" + b"]" * 600_000 + b"e.", zipped=True)
    with pytest.raises(BadFile, match="no arrays"):
        run(open_path(path))
    with zipfile.ZipFile(path, "a") as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
        archive.writestr(f"more/{name}", archive.read(name))
    with pytest.raises(BadFile, match="pickles of more than 1,000,000 steps"):
        run(open_path(path))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(value=VALUES, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_the_end_is_where_python_finds_it(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    steps = sum(1 for _ in pickletools.genops(data))
    assert end_of_pickle(Path("a"), data + b"more") == (len(data), MOST_STEPS - steps)


@given(data=st.binary(max_size=200))
def test_any_bytes_end_or_are_refused(data: bytes) -> None:
    try:
        end, _ = end_of_pickle(Path("a"), data)
    except BadFile:
        return
    assert 0 < end <= len(data) and data[end - 1 : end] == b"."


@pytest.mark.parametrize("size", [15, 30, 100, 600])
def test_old_checkpoints_that_are_cut_off(size: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save(gsplat(random_splats(9)), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BadFile, match="damaged or cut off"):
        run(open_path(path))


def test_numbers_beyond_all_bounds_beside_a_checkpoint(tmp_path: Path) -> None:
    path = save(nerfstudio(random_splats(9)), tmp_path / "a.ckpt")
    rows = "[[1,0,0,0],[0,1,0,0],[0,0,1,0]]"
    (tmp_path / "dataparser_transforms.json").write_text(f'{{"transform": {rows}, "scale": {"9" * 400}}}')
    assert "damaged" in read(path).provenance.warnings[0]


def test_settings_that_are_all_blank_are_looked_through_at_once(tmp_path: Path) -> None:
    path = save(nerfstudio(random_splats(9)), tmp_path / "a.ckpt")
    (tmp_path / "config.yml").write_text("\n" * 3_000_000)
    start = time.process_time()
    assert read(path).notes.antialiasing == "classic"
    assert time.process_time() - start < SECONDS


def test_splats_that_do_not_fit_each_other_are_named(tmp_path: Path) -> None:
    content = gsplat(random_splats(9))
    content["splats"]["scales"] = torch.zeros(5, 3)
    with pytest.raises(BadFile, match="in a form that Triptych does not read"):
        run(open_path(save(content, tmp_path / "a.pt")))
