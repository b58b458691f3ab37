"""Splat files with bytes flipped, ends cut off and counts changed: assets whose values are finite, or one sentence."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.errors import BadFile
from assets.formats import ReadOptions, open_path, save_path
from assets.gaussians import Gaussians
from assets.progress import run
from tests.assets.ksplat_files import write_ksplat
from tests.assets.splat_files import inria_names, random_splats, random_table, write_ply
from tests.assets.test_gaussian_checkpoint import gsplat, nerfstudio

SPLATS = random_splats(70, 2)
SECONDS = 2.0
NUMBERS = st.one_of(st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]), st.integers(0, 2**32 - 1))


def saved(name: str, **options: object) -> Callable[[Path], bytes]:
    """Bytes of a file that we write ourselves."""

    def make(folder: Path) -> bytes:
        run(save_path(SPLATS, folder / name, **options))
        return (folder / name).read_bytes()

    return make


def unpacked_spz(folder: Path) -> bytes:
    """A file of version 3 as it is behind its compression, so that damage reaches what lies there."""
    return gzip.decompress(saved("a.spz", version=3)(folder))


def ply(form: str) -> Callable[[Path], bytes]:
    """A trainer's file as text or in a byte order."""
    table, words = random_table(70, 1), {"<f4": "binary_little_endian", ">f4": "binary_big_endian", "text": "ascii"}

    def make(folder: Path) -> bytes:
        whole = write_ply(folder / "a.ply", table, inria_names(1)).read_bytes()
        header = whole[: whole.index(b"end_header\n") + 11].replace(b"binary_little_endian", words[form].encode())
        lines = "\n".join(" ".join(map(str, row)) for row in table.tolist()).encode()
        return header + (lines if form == "text" else table.astype(form).tobytes())

    return make


def checkpoint(trainer: Callable, zipped: bool) -> Callable[[Path], bytes]:
    """What a trainer saves with torch."""

    def make(folder: Path) -> bytes:
        buffer = io.BytesIO()
        torch.save(trainer(SPLATS), buffer, _use_new_zipfile_serialization=zipped)
        return buffer.getvalue()

    return make


FILES: dict[str, tuple[str, tuple[int, ...], Callable[[Path], bytes]]] = {
    "ply": (".ply", (), ply("<f4")),
    "ply, big-endian": (".ply", (), ply(">f4")),
    "ply, text": (".ply", (), ply("text")),
    "glb": (".glb", (8, 12, 16), saved("a.glb")),
    "gsplat": (".pt", (), checkpoint(gsplat, True)),
    "nerfstudio": (".ckpt", (), checkpoint(nerfstudio, True)),
    "nerfstudio before torch 1.6": (".ckpt", (), checkpoint(nerfstudio, False)),
    "compressed.ply": (".compressed.ply", (), saved("a.compressed.ply")),
    "splat": (".splat", (), saved("a.splat")),
    "ksplat 0": (".ksplat", (4, 8, 16, 4096, 4100, 4104, 4108), lambda folder: write_ksplat(folder / "a", SPLATS, 0)),
    "ksplat 2": (
        ".ksplat",
        (4, 8, 16, 4096, 4104, 4108, 4128, 4132, 5120),
        lambda folder: write_ksplat(folder / "a", SPLATS, 2),
    ),
    "spz 4": (".spz", (4, 8, 12, 16, 32, 40, 48, 56, 96), saved("a.spz")),
    "spz 4, raw": (".spz", (8, 12, 16, 32, 36, 40, 44, 52), saved("a.spz", frame="raw")),
    "spz 3": (".spz", (), saved("a.spz", version=3)),
    "spz 3, unpacked": (".spz", (4, 8, 12), unpacked_spz),
}
"""By name: suffix, places of counts in the file (32 bits each), and what makes it."""


@pytest.mark.parametrize("name", FILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_is_read_or_refused(name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    suffix, counts, make = FILES[name]
    folder = tmp_path_factory.getbasetemp() / "fuzz" / name.replace(" ", "_")
    whole = folder / "whole"
    if not whole.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = make(folder)
        whole.write_bytes(made if isinstance(made, bytes) else made.read_bytes())
    content = bytearray(whole.read_bytes())
    for place in data.draw(st.lists(st.sampled_from(counts), max_size=2)) if counts else ():
        content[place : place + 4] = data.draw(NUMBERS).to_bytes(4, "little")
    early = data.draw(st.booleans())
    end = min(len(content), 200) if early else len(content)
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, end - 1), st.integers(0, 255)), max_size=6)):
        content[place] = value
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(1, len(content))) :]
    path = folder / f"damaged{suffix}"
    path.write_bytes(content)
    start = time.process_time()
    check(path)
    assert time.process_time() - start < SECONDS


def check(path: Path) -> None:
    """Opens a file: sentences are of one line, and whatever is read is sound."""
    try:
        assets = run(open_path(path, ReadOptions()))
    except BadFile as error:
        assert str(path) in str(error) and str(error).endswith(".") and "\n" not in str(error)
        return
    for asset in assets:
        if not isinstance(asset, Gaussians):  # columns under damaged names may be those of points
            continue
        for array in (asset.means, asset.log_scales, asset.rotations, asset.logit_opacities, asset.sh):
            assert len(array) == len(asset) and np.isfinite(array).all()
        if asset.layout is None:  # a trainer's .ply keeps its numbers, to be saved as they were
            np.testing.assert_allclose(np.linalg.norm(asset.rotations, axis=1), 1, atol=1e-5)
            assert np.abs(asset.log_scales).max(initial=0) <= 20


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_frames_are_shown_or_refused(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A sequence of which any file is damaged: each frame is there, or refused in one sentence about its own file."""
    folder = tmp_path_factory.getbasetemp() / "fuzz" / "sequence"
    folder.mkdir(parents=True, exist_ok=True)
    table = random_table(20)
    paths = [write_ply(folder / f"walk{number}.ply", table, inria_names(0)) for number in range(3)]
    for path in data.draw(st.lists(st.sampled_from(paths), max_size=3, unique=True)):
        content = bytearray(path.read_bytes())
        places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
        for place, value in data.draw(st.lists(places, max_size=4)):
            content[place] = value
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        (sequence,) = run(open_path(paths[0], ReadOptions(frames=tuple(paths))))
    except BadFile as error:
        assert str(error).startswith(str(paths[0])) and "\n" not in str(error)
        return
    for number, path in enumerate(paths):
        sequence.set_display("time", number)
        job = sequence.preparation()
        try:
            run(job, on_partial=sequence.accept) if job is not None else None
        except BadFile as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
            continue
        assert sequence.shown == number and np.isfinite(sequence.means).all()
