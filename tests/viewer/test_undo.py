"""Undo and redo of all that a session does, without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.asset import Asset
from assets.edits.attributes import TransformEdit
from assets.edits.data import DataEdit
from assets.edits.warps import WarpEdit
from assets.scene import Scene
from tests.small_assets import gaussians, mesh, points
from viewer.session import Session
from viewer.work.runner import Task


def filled(*assets: Asset) -> Session:
    """A session with these open, the first one active."""
    session = Session()
    for asset in assets:
        session.scene.add(asset)
    session.activate(assets[0])
    return session


def named(session: Session) -> list[str]:
    """The entries by their names."""
    return [entry.name for entry in session.history.entries]


def test_every_verb_is_an_entry() -> None:
    first, second = mesh(), points()
    session = filled(first, second)
    session.rename(first, "box")
    session.rename(first, "box")
    session.set_visible(second, True)
    session.show_only(first)
    session.show_all()
    assert session.set_display(second, "size_px", 5)
    assert session.set_display(second, "size_px", 5.0)
    assert not session.set_display(second, "size_px", -1.0)
    session.reset_display(second)
    session.reset_display(second)
    session.remove(second)
    assert named(session) == ["Rename", "Show only", "Show all", "Point size", "Reset display", "Close"]
    assert session.history.entries[1].detail == "box"
    states = []
    while session.undo():
        states.append((first.name, second.visible, second.display.size_px, len(session.scene)))
    assert states == [
        ("box", True, 3.0, 2),
        ("box", True, 5.0, 2),
        ("box", True, 3.0, 2),
        ("box", False, 3.0, 2),
        ("box", True, 3.0, 2),
        ("cube", True, 3.0, 2),
    ]
    assert session.go_to(6) and list(session.scene) == [first] and not session.redo()


def test_closing_all_comes_back_at_once() -> None:
    assets = [mesh(), points(), gaussians()]
    session = filled(*assets)
    session.activate(assets[1])
    session.clear()
    assert len(session.scene) == 0 and named(session) == ["Close all"]
    assert session.undo() and list(session.scene) == assets and session.scene.active is assets[1]
    session.clear()
    session.clear()
    assert named(session) == ["Close all"], "nothing to close is no change"


def test_what_was_made_here_can_be_taken_back() -> None:
    session, made = filled(mesh()), gaussians()
    session.add(made, "Convert to splats")
    assert session.scene.active is made and made.order is not None and session.unsaved == [made]
    session.undo()
    assert made not in session.scene and session.scene.active is not None and not session.unsaved
    session.redo()
    assert session.scene.active is made


def test_what_cannot_be_undone_is_told() -> None:
    """A change that fails leaves the history where it was."""
    cube = mesh()
    session, failures = filled(cube), []
    remember = lambda sentence, details: failures.append(sentence)  # noqa: E731  a plain function is held
    session.failed.connect(remember)
    session.set_display(cube, "mode", "normals")
    session.history.entries[0].before = "no such mode"
    assert not session.undo()
    assert "Mode is one of" in failures[0] and session.history.cursor == 1 and cube.display.mode == "normals"


def test_only_shapes_are_unsaved(tmp_path: Path) -> None:
    cube, dots = mesh(), points()
    session = filled(cube, dots)
    session.rename(cube, "box")
    session.set_visible(cube, False)
    session.set_display(cube, "mode", "normals")
    assert session.unsaved == []
    session.do(TransformEdit(cube, np.diag([2.0, 2, 2, 1])))
    session.history.record(WarpEdit(dots, None, None, "Drag cloud"))
    assert session.unsaved == [cube, dots]
    session.save(cube, tmp_path / "cube.stl")
    assert session.unsaved == [dots]
    session.undo()
    assert session.unsaved == []
    session.undo()
    assert session.unsaved == [cube], "the file holds another shape"
    session.redo()
    assert session.unsaved == []
    session.save(cube, tmp_path / "cube.nope")
    session.redo()
    assert session.unsaved == [dots]
    session.remove(dots)
    assert session.unsaved == []


class Waiting:
    """A runner that keeps what it is given, for tests that finish tasks by hand."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def start(self, task: Task) -> Task:
        self.tasks.append(task)
        return task

    def cancel(self, task: Task) -> None:
        task.state = "cancelled"


def test_saving_marks_the_shape_that_was_saved(tmp_path: Path) -> None:
    """What is changed while a file is being written is not in it."""
    session, cube = Session(Waiting()), mesh()
    session.scene.add(cube)
    session.history.record(WarpEdit(cube, None, None, "Drag cube"))
    task = session.save(cube, tmp_path / "cube.glb")
    session.history.record(WarpEdit(cube, None, None, "Drag cube"))
    task.on_result(None)
    assert session.unsaved == [cube]
    session.undo()
    assert session.unsaved == []


def test_preparing_follows_the_scene_and_the_data() -> None:
    """What is on its way for an asset that is closed, or was made from other data, never arrives."""
    session, dots = Session(Waiting()), gaussians()
    session.scene.add(dots)
    (first,) = session.runner.tasks
    session.remove(dots)
    assert first.state == "cancelled" and not session.preparing
    session.undo()
    second = session.runner.tasks[-1]
    assert len(session.runner.tasks) == 2 and session.preparing
    other = gaussians()
    other.means = other.means[:50]
    session.do(DataEdit(dots, dots.state(), dots.state() | {"means": other.means}, "Cut"))
    assert second.state == "cancelled" and len(session.runner.tasks) == 3
    session.rename(dots, "n")
    assert len(session.runner.tasks) == 3


def test_an_asset_comes_back_at_its_place_in_any_subscriber() -> None:
    scene = Scene()
    first, second = mesh(), mesh()
    scene.add(first)
    scene.add(second)
    assert second.name == "cube 2"
    places: list[int] = []
    listen = lambda asset: places.append(scene.index(asset))  # noqa: E731  a plain function is held
    scene.added.connect(listen)
    scene.remove(first)
    first.name = "cube 2"
    scene.insert(0, first)
    assert places == [0] and first.name == "cube 2"
    with pytest.raises(ValueError, match="not in list"):
        scene.index(points())
