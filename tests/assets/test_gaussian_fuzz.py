"""Splat files with bytes flipped, ends cut off and counts changed: assets whose values are finite, or one sentence."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.errors import BadFile
from assets.formats import ReadOptions, open_path, save_path
from assets.progress import run
from tests.assets.ksplat_files import write_ksplat
from tests.assets.splat_files import random_splats

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


FILES: dict[str, tuple[str, tuple[int, ...], Callable[[Path], bytes]]] = {
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
        for array in (asset.means, asset.log_scales, asset.rotations, asset.logit_opacities, asset.sh):
            assert len(array) == len(asset) and np.isfinite(array).all()
        np.testing.assert_allclose(np.linalg.norm(asset.rotations, axis=1), 1, atol=1e-5)
        assert np.abs(asset.log_scales).max(initial=0) <= 20
