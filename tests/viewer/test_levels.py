"""Levels of detail of streamed splats: chosen in the inspector, read by a job, taken back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assets.formats import ReadOptions
from tests.assets.sog_files import encoded, parts, write_folder
from viewer.panels.inspector import DISPLAY, LEVEL
from viewer.session import Session
from viewer.settings import SettingsFile
from viewer.splat_desk import SplatDesk
from viewer.window import MainWindow

from .conftest import opened, pixels, wait_settled, wait_until


@pytest.fixture
def scene_file(tmp_path: Path) -> Path:
    """A lod-meta.json with three levels of 16, 9 and 4 splats."""
    counts = (16, 9, 4)
    lods = {str(level): {"file": level, "offset": 0, "count": number} for level, number in enumerate(counts)}
    for level, number in enumerate(counts):
        meta, images = parts(number)
        write_folder(tmp_path / "town" / f"{level}" / "meta.json", meta, encoded(images))
    meta = {"lodLevels": 3, "filenames": [f"{level}/meta.json" for level in range(3)], "tree": {"lods": lods}}
    path = tmp_path / "town" / "lod-meta.json"
    path.write_text(json.dumps(meta), "utf-8")
    return path


class Desk:
    """A session without a window, with its desk for splats; `told` is what went wrong."""

    def __init__(self, path: Path, config: Path, level: int | None = None) -> None:
        self.session, self.told = Session(), []
        self.session.failed.connect(lambda sentence, _: self.told.append(sentence))
        self.splats = SplatDesk(self.session, SettingsFile(config), lambda *_: None, lambda *_: None)
        self.session.open([path], ReadOptions(lod=level))
        (self.asset,) = self.session.scene


@pytest.fixture
def desk(scene_file: Path, config: Path) -> Desk:
    """Level 1 of the file is open."""
    return Desk(scene_file, config, 1)


def test_another_level_takes_the_place_of_the_data(desk: Desk) -> None:
    session, asset = desk.session, desk.asset
    assert (len(asset), asset.provenance.level, asset.provenance.levels) == (9, 1, (0, 1, 2))
    session.rename(asset, "here")
    session.set_display(asset, "size", 2.0)
    asset.set_transform(np.diag([2.0, 2.0, 2.0, 1.0]))
    asset.set_highlight(np.ones(9, bool))
    assert desk.splats.read_level(asset, 0) and desk.splats.level(asset) == 0
    assert (len(asset), asset.provenance.declared["level"]) == (16, "0 of 0, 1, 2")
    assert (asset.name, asset.display.size, asset.transform[0, 0], asset.highlight) == ("here", 2.0, 2.0, None)
    assert list(session.scene) == [asset] and sorted(asset.order) == list(range(16))
    assert not session.unsaved, "the file holds it"
    entry = session.history.next_undo
    assert (entry.name, entry.detail) == ("Level", "here: 1 → 0")
    assert session.undo() and (len(asset), desk.splats.level(asset)) == (9, 1)
    assert session.redo() and (len(asset), desk.splats.level(asset)) == (16, 0)
    assert not desk.splats.read_level(asset, 0) and not desk.told


def test_a_level_that_cannot_be_read(desk: Desk, scene_file: Path) -> None:
    session, asset = desk.session, desk.asset
    (scene_file.parent / "2" / "means_l.webp").write_bytes(b"RIFF....WEBPnonsense")
    state = asset.state()
    desk.splats.read_level(asset, 2)
    (scene_file.parent / "0" / "scales.webp").unlink()
    desk.splats.read_level(asset, 0)
    scene_file.write_text("{}")
    desk.splats.read_level(asset, 2)
    scene_file.unlink()
    desk.splats.read_level(asset, 2)
    for sentence, words in zip(desk.told, ("means_l.webp", "scales.webp", "lod-meta.json", "does not exist")):
        assert words in sentence and sentence.endswith(".") and "\n" not in sentence
    assert len(desk.told) == 4 and desk.splats.level(asset) == 1
    assert all(asset.state()[name] is value for name, value in state.items()) and session.history.next_undo is None


def test_a_dragged_asset_keeps_its_level(desk: Desk) -> None:
    desk.asset.warp = object()
    assert not desk.splats.read_level(desk.asset, 0)
    assert "apply or discard the drag first" in desk.told[0] and len(desk.asset) == 9


def level_row(window: MainWindow):
    """The row of the inspector."""
    inspector = window.panel("inspector")
    wait_until(lambda: window.preload.done and inspector.root is not None and inspector.filled)
    return inspector.root.child(DISPLAY).child(LEVEL)


def test_the_inspector_offers_the_levels(window: MainWindow, scene_file: Path) -> None:
    (asset,) = opened(window, scene_file)
    row, first, pose = level_row(window), pixels(window), window.navigator.pose
    assert row.opts["limits"] == {"0 (finest)": 0, "1": 1, "2": 2} and row.value() == 0 and row.opts["title"] == "Level"
    (item,) = row.items
    item.widget.setCurrentIndex(2)
    assert row.value() == 2 and len(asset) == 16, "what was there stays until the other one has come"
    (task,) = [task for task in window.jobs.tasks if task.title.startswith("Reading level 2")]
    wait_until(lambda: len(asset) == 4)
    wait_settled(window)
    assert task.state == "finished" and level_row(window).value() == 2
    assert (pixels(window) != first).any() and window.navigator.pose is pose
    window.do("edit.undo")
    wait_until(lambda: level_row(window).value() == 0)
    wait_settled(window)
    assert len(asset) == 16 and (pixels(window) == first).all()


def test_a_level_that_is_given_up_or_gone(window: MainWindow, scene_file: Path) -> None:
    (asset,) = opened(window, scene_file)
    row = level_row(window)
    row.setValue(1)
    row.setValue(2)
    assert len(window.jobs.tasks) == 1, "the newest choice counts"
    window.jobs.cancel(window.jobs.tasks[0])
    wait_until(lambda: level_row(window).value() == 0)
    assert len(asset) == 16 and not window.stage.errors.messages
    scene_file.unlink()
    row.setValue(1)
    wait_until(lambda: bool(window.stage.errors.messages))
    wait_until(lambda: level_row(window).value() == 0)
    assert window.stage.errors.messages == [f"{scene_file}: does not exist."] and len(asset) == 16
    row.setValue(1)
    window.session.remove(asset)
    assert not window.jobs.tasks
    wait_settled(window)


def test_what_has_no_levels_has_no_row(window: MainWindow, splat_file: Path) -> None:
    opened(window, splat_file)
    inspector = window.panel("inspector")
    wait_until(lambda: window.preload.done and inspector.root is not None and inspector.filled)
    assert LEVEL not in inspector.root.child(DISPLAY).names


@pytest.mark.slow
def test_a_published_scene(window: MainWindow, shared: Path) -> None:
    path = shared / "data/gaussians/real/playbot-streamed-sog/lod-meta.json"
    window.open_paths([path], ReadOptions(lod=5))
    wait_until(lambda: len(window.session.scene) == 1)
    wait_settled(window)
    (asset,) = window.session.scene
    row = level_row(window)
    assert (len(asset), row.value()) == (3000, 5) and list(row.opts["limits"].values()) == list(range(7))
    row.setValue(2)
    wait_until(lambda: len(asset) > 3000)
    wait_settled(window)
    assert asset.provenance.level == 2 and asset.name == "playbot-streamed-sog"
