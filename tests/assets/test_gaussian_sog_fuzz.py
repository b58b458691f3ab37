"""SOG with its description, its pictures or its bytes changed: splats whose values are finite, or one sentence."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.errors import BadInput
from assets.formats import open_path
from assets.progress import run
from tests.assets.sog_files import encoded, parts, write_bundle, write_folder
from tests.assets.test_gaussian_fuzz import check

IN_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.integers(0, 300),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([[], {}, [[]], [0.0] * 256, "../x", ["means_l.webp"], "means_l.webp", 2**31, 1e308]),
)
META, IMAGES = parts(16, bands=1)
FILES = encoded(IMAGES)
TREE = {"children": [{"bound": {}, "lods": {"0": {"file": 0, "offset": 0, "count": 9}}}]}
SCENE = {"lodLevels": 1, "filenames": ["0_0/meta.json"], "tree": TREE, "environment": None}


def places(value: Any, at: tuple = ()) -> list[tuple]:
    """The way to everything in a description; of a codebook only to its first numbers."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return [at] * bool(at) + [place for key, inner in items for place in places(inner, (*at, key))]


def changed(meta: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """A description with some of its values replaced or gone."""
    meta = copy.deepcopy(meta)
    for place in data.draw(st.lists(st.sampled_from(places(meta)), min_size=1, max_size=3)):
        holder = meta
        try:
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]]
            if data.draw(st.booleans()):
                holder[place[-1]] = data.draw(VALUES)
            else:
                del holder[place[-1]]
        except (KeyError, IndexError, TypeError):
            continue
    return meta


def soon(path: Path) -> None:
    """It is read or refused, and soon."""
    start = time.process_time()
    check(path)
    assert time.process_time() - start < 2


@IN_ONE_FOLDER
@given(data=st.data())
def test_any_description(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "sog_meta"
    folder.mkdir(exist_ok=True)
    meta = changed(META, data)
    if data.draw(st.booleans()):
        del meta["version"]
    soon(write_bundle(folder / "a.sog", meta, FILES))


@IN_ONE_FOLDER
@given(data=st.data())
def test_any_tree(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "sog_tree"
    if not folder.exists():
        folder.mkdir()
        write_folder(folder / "0_0" / "meta.json", META, FILES)
    path = folder / "lod-meta.json"
    path.write_text(json.dumps(changed(SCENE, data)), "utf-8")
    try:
        soon(path)
    except BadInput as error:
        assert "\n" not in str(error)


@IN_ONE_FOLDER
@given(data=st.data(), name=st.sampled_from(sorted(FILES)))
def test_damaged_pictures(data: st.DataObject, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "sog_pictures"
    content = bytearray(FILES[name])
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)))):
        content[place] = value
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(1, len(content))) :]
    soon(write_folder(folder / "meta.json", META, FILES | {name: bytes(content)}))


@IN_ONE_FOLDER
@given(data=st.data())
def test_damaged_archives(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "sog_bytes"
    folder.mkdir(exist_ok=True)
    content = bytearray(write_bundle(folder / "whole.sog", META, FILES).read_bytes())
    # The directory of the archive is at its end.
    first = data.draw(st.sampled_from([0, len(content) - 600]))
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(first, len(content) - 1), st.integers(0, 255)), max_size=6)
    ):
        content[place] = value
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(1, len(content))) :]
    path = folder / "damaged.sog"
    path.write_bytes(content)
    soon(path)


def test_the_undamaged_one_is_read(tmp_path: Path) -> None:
    assert len(run(open_path(write_bundle(tmp_path / "a.sog", META, FILES)))[0]) == 16
