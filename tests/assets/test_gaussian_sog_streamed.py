"""Streamed SOG: each level as it was before it was split, an environment beside it, and trees that lie."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.errors import BadFile, BadInput
from assets.formats import ReadOptions, gaussian_sog, open_level, open_path, save_path
from assets.gaussians import Gaussians
from assets.progress import Progress, run
from assets.splats import room
from tests.assets.splat_comparison import assert_within, far_apart, read, rows_of
from tests.assets.splat_files import random_splats
from tests.processes import refused, succeeded


def place(file: int, offset: int, count: int) -> dict[str, int]:
    """Where a level of a node lies."""
    return {"file": file, "offset": offset, "count": count}


def write_scene(path: Path, parts: Sequence[Gaussians], tree: Any, **fields: Any) -> list[Gaussians]:
    """A lod-meta.json at `path` with a folder for each part; returns the parts as they are read again."""
    path.parent.mkdir(exist_ok=True)
    names = []
    for index, part in enumerate(parts):
        names.append(f"part_{index}/meta.json")
        folder = path.parent / f"part_{index}"
        folder.mkdir(exist_ok=True)
        run(gaussian_sog.save_folder(part, folder / "meta.json"))
    meta = {"version": 1, "lodLevels": 2, "filenames": names, "tree": tree} | fields
    path.write_text(json.dumps(meta), "utf-8")
    return [read(path.parent / name) for name in names]


def test_a_published_scene(shared: Path) -> None:
    """Level 2 was decoded by another program from the same files."""
    folder = shared / "data/gaussians"
    path = folder / "real/playbot-streamed-sog/lod-meta.json"
    found = far_apart(read(path, lod=2), read(folder / "derived/playbot_lod2.ply"))
    assert_within(found, means=1e-6, log_scales=1e-6, turn=1e-6, opacity=1e-6, dc=1e-6, sh=1e-6)
    finest = read(path)
    assert (len(finest), finest.name, finest.sh_degree) == (500_000, "playbot-streamed-sog", 2)
    assert finest.provenance.declared["level"] == "0 of 0, 1, 2, 3, 4, 5, 6"
    assert len(read(path, lod=6)) == 1873
    with pytest.raises(BadInput, match="has no level 7; there are 0, 1, 2, 3, 4, 5, 6"):
        run(open_path(path, ReadOptions(lod=7)))


def test_parts_are_put_together(tmp_path: Path) -> None:
    """Two nodes that share a file, a third one in another with more bands; the order is that of the files."""
    path = tmp_path / "town" / "lod-meta.json"
    near = {"bound": {"min": [0] * 3, "max": [1] * 3}, "lods": {"0": place(1, 20, 40), "1": place(0, 0, 9)}}
    far = {"children": [{"lods": {"0": place(1, 0, 20)}}, {"lods": {"0": place(2, 5, 10), "1": place(0, 9, 1)}}]}
    parts = [random_splats(10, 1), random_splats(60, 1, seed=1), random_splats(30, 2, seed=2)]
    coarse, first, second = write_scene(path, parts, {"children": [near, far]})
    asset = read(path)
    assert (asset.name, len(asset), asset.sh_degree) == ("town", 70, 2)
    assert asset.provenance.format == "streamed SOG" and asset.provenance.declared["level"] == "0 of 0, 1"
    assert_within(far_apart(rows_of(asset, np.arange(60)), first), means=0, log_scales=0, opacity=0, dc=0, sh=0)
    assert not asset.sh[:60, 4:].any()
    rest = rows_of(second, np.arange(5, 15))
    assert_within(far_apart(rows_of(asset, np.arange(60, 70)), rest), means=0, log_scales=0, opacity=0, dc=0, sh=0)
    assert_within(far_apart(read(path, lod=1), coarse), means=0, sh=0)


def test_surfels_beside_full_splats(tmp_path: Path) -> None:
    flat = random_splats(10, 0, flat=True)
    flat.notes.kernel = "2dgs"
    tree = {"children": [{"lods": {"0": place(0, 0, 10)}}, {"lods": {"0": place(1, 0, 10)}}]}
    write_scene(tmp_path / "lod-meta.json", [flat, random_splats(10)], tree)
    asset = read(tmp_path / "lod-meta.json")
    assert asset.log_scales.shape == (20, 3) and (asset.log_scales[:10, 2] < -13).all()


def test_bundles_and_an_environment(tmp_path: Path) -> None:
    path = tmp_path / "lod-meta.json"
    write_scene(path, [], {"lods": {"1": place(0, 0, 50)}}, filenames=["a.sog"], environment="sky.sog")
    run(save_path(random_splats(50), tmp_path / "a.sog"))
    run(save_path(random_splats(70, 0), tmp_path / "sky.sog"))
    events: list[Progress] = []
    asset, environment = run(open_path(path), events.append)
    assert (len(asset), len(environment)) == (50, 70) and environment.name.endswith("environment")
    assert asset.provenance.declared["level"] == "1 of 1" and asset.order is not None
    assert len(run(open_level(path, 1))) == 50, "the environment is no level"
    with pytest.raises(BadInput, match="has no level 0"):
        run(open_level(path, 0))
    with pytest.raises(BadFile, match="no levels of detail any more"):
        run(open_level(tmp_path / "a.sog", 1))
    shares = [event.fraction for event in events[1:]]
    assert shares == sorted(shares)


@pytest.mark.slow
def test_the_command_line_takes_a_level(triptych, tmp_path: Path) -> None:
    tree = {"lods": {"0": place(0, 0, 40), "1": place(0, 40, 5)}}
    write_scene(tmp_path / "lod-meta.json", [random_splats(45, 0)], tree)
    assert "40" in succeeded(triptych("lod-meta.json", "--info"))
    told = json.loads(succeeded(triptych("lod-meta.json", "--lod", "1", "--info", "--json")))
    assert told["counts"]["splats"] == 5
    refused(triptych("lod-meta.json", "--lod", "3", "--info"), "no level 3")
    refused(triptych("lod-meta.json", "--lod", "-1", "--info"), "not a level")


BAD_TREES: dict[str, tuple[Any, str]] = {
    "none": (None, "no nodes"),
    "text": ("tree", "no nodes"),
    "empty": ({}, "no level"),
    "children that are none": ({"children": [3]}, "no nodes"),
    "children that are no list": ({"children": "all"}, "neither children nor levels"),
    "behind the end": ({"lods": {"0": place(0, 5, 6)}}, "outside"),
    "an unknown file": ({"lods": {"0": place(1, 0, 5)}}, "file 1 of 1"),
    "a negative offset": ({"lods": {"0": place(0, -1, 5)}}, "offset"),
    "a part of a splat": ({"lods": {"0": place(0, 0, 2.5)}}, "count"),
    "far too many": ({"lods": {"0": place(0, 0, 10**15)}}, "count"),
    "too many together": ({"children": [{"lods": {"0": place(0, 0, 2 * 10**8)}}] * 2}, "too many"),
    "twice the same": ({"children": [{"lods": {"0": place(0, 2, 5)}}] * 100}, "twice"),
    "a level that is none": ({"lods": {"fine": place(0, 0, 5)}}, "'fine' is no level"),
    "a place that is none": ({"lods": {"0": 5}}, "is no level"),
}


@pytest.mark.parametrize("name", BAD_TREES)
def test_trees_that_lie_are_refused(name: str, tmp_path: Path) -> None:
    tree, words = BAD_TREES[name]
    write_scene(tmp_path / "lod-meta.json", [random_splats(10, 0)], tree)
    with pytest.raises(BadFile, match=words):
        run(open_path(tmp_path / "lod-meta.json"))


@pytest.mark.parametrize("name", ["../a.sog", "/etc/passwd", "part_0/../../a.sog", 7, None])
def test_no_file_outside_the_folder_is_read(name: Any, tmp_path: Path) -> None:
    path = tmp_path / "scene" / "lod-meta.json"
    write_scene(path, [], {"lods": {"0": place(0, 0, 10)}}, filenames=[name])
    run(save_path(random_splats(10, 0), tmp_path / "a.sog"))
    with pytest.raises(BadFile, match="outside its folder|where the name of a file belongs"):
        run(open_path(path))


def test_a_file_that_is_listed_again_and_again_is_not_read_each_time(tmp_path: Path) -> None:
    path, tree = tmp_path / "lod-meta.json", {"children": [{"lods": {"0": place(i, 0, 10)}} for i in range(2)]}
    write_scene(path, [random_splats(10, 0)], tree, filenames=["part_0/meta.json", "./part_0/meta.json"])
    with pytest.raises(BadFile, match="lists a file twice"):
        run(open_path(path))


def test_files_that_are_small_enough_alone_and_not_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lod-meta.json"
    write_scene(path, [random_splats(50, 0)] * 4, {"children": [{"lods": {"0": place(n, 0, 50)}} for n in range(4)]})
    monkeypatch.setattr(room, "_MOST_GROWTH", 0)
    monkeypatch.setattr(room, "MOST_BYTES", 4 * 50 * 56)
    assert len(read(path)) == 200
    monkeypatch.setattr(room, "MOST_BYTES", 3 * 50 * 56)
    with pytest.raises(BadFile, match="200 splats in .* not believable"):
        run(open_path(path))


def test_a_tree_deeper_than_python_goes(tmp_path: Path) -> None:
    depth = 200_000
    text = '{"lodLevels": 1, "filenames": [], "tree": ' + '{"children": [' * depth + "]}" * depth + "}"
    (tmp_path / "lod-meta.json").write_text(text)
    with pytest.raises(BadFile, match="no JSON|no level"):
        run(open_path(tmp_path / "lod-meta.json"))
