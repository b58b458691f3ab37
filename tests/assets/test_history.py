"""Changes that are taken back and made again: any sequence, in groups, beyond the budget, and where one fails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.asset import Asset
from assets.edits.attributes import DisplayEdit, NameEdit, TransformEdit, VisibleEdit
from assets.edits.data import DataEdit
from assets.edits.edit import Edit
from assets.edits.history import LONGEST, MERGE_SECONDS, History
from assets.edits.scene import AddEdit
from assets.edits.warps import WarpEdit
from assets.errors import BadInput
from assets.scene import Scene
from tests.assets.some_edits import SORTS, Clock, edit_from, other_data, scene_of_all, snapshot, warp
from tests.small_assets import gaussians, mesh, points

ONE = st.tuples(st.sampled_from(SORTS), st.integers(0, 7), st.floats(0.1, 1.0))
SEQUENCE = st.lists(st.one_of(ONE, st.lists(ONE, min_size=1, max_size=4)), min_size=1, max_size=12)


def perform_all(scene: Scene, history: History, sequence: list) -> None:
    """Does single edits, and lists of them as groups."""
    for step in sequence:
        if isinstance(step, list):
            with history.group("Several"):
                for one in step:
                    history.do(edit_from(scene, *one))
        else:
            history.do(edit_from(scene, *step))


@given(SEQUENCE)
def test_undo_all_and_redo_all(sequence: list) -> None:
    scene, history = scene_of_all(), History()
    first = snapshot(scene)
    perform_all(scene, history, sequence)
    last, count = snapshot(scene), len(history.entries)
    while history.undo():
        pass
    assert snapshot(scene) == first and history.cursor == 0
    while history.redo():
        pass
    assert snapshot(scene) == last and history.cursor == count == len(history.entries)


@given(SEQUENCE, st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_any_place_looks_as_it_did(sequence: list, jumps: list[int]) -> None:
    """Without merging (time passes), every place of the history is a state that once was."""
    scene, clock = scene_of_all(), Clock()
    history = History(clock=clock)
    seen = [snapshot(scene)]
    for step in sequence:
        clock.now += 2 * MERGE_SECONDS
        perform_all(scene, history, [step])
        seen.append(snapshot(scene))
    assert len(history.entries) == len(sequence)
    for jump in jumps:
        place = jump % len(seen)
        assert history.go_to(place)
        assert history.cursor == place
        # Which asset is active is no edit: what closes the active one gives that back, nothing else does.
        assert snapshot(scene)[1:] == seen[place][1:]


@given(SEQUENCE, SEQUENCE)
def test_a_new_edit_drops_what_was_undone(first: list, second: list) -> None:
    scene, history = scene_of_all(), History()
    before = snapshot(scene)
    perform_all(scene, history, first)
    history.go_to(len(history.entries) // 2)
    place = history.cursor
    history.do(NameEdit(next(iter(scene)), "new") if len(scene) else AddEdit(scene, mesh()))
    assert len(history.entries) == place + 1 == history.cursor and not history.redo()
    perform_all(scene, history, second)
    history.go_to(0)
    assert snapshot(scene) == before


class Failing(Edit):
    """Changes a name and then fails, there or back."""

    kind = "failing"
    name = "Fail"

    def __init__(self, asset: Asset, at: str) -> None:
        self.asset, self.at, self.before = asset, at, asset.name

    def apply(self) -> None:
        self.asset.set_name("half done")
        if self.at == "apply":
            raise BadInput("It cannot be.")

    def revert(self) -> None:
        if self.at == "revert":
            self.asset.set_name("half undone")
            raise BadInput("There is no way back.")
        self.asset.set_name(self.before)


@given(SEQUENCE, st.lists(ONE, max_size=3))
def test_an_edit_that_fails_leaves_no_trace(sequence: list, around: list) -> None:
    scene, history = scene_of_all(), History()
    perform_all(scene, history, sequence)
    victim = points()
    scene.insert(0, victim)
    before, entries, cursor = snapshot(scene), history.entries, history.cursor
    with pytest.raises(BadInput):
        history.do(Failing(victim, "apply"))
    assert snapshot(scene) == before
    with pytest.raises(BadInput), history.group("Several"):
        for one in around:
            history.do(edit_from(scene, *one))
        history.do(NameEdit(victim, "other"))
        history.do(Failing(victim, "apply"))
    assert snapshot(scene)[1:] == before[1:]
    assert (history.entries, history.cursor, history.gesture_open) == (entries, cursor, False)


def test_the_cursor_moves_only_after_success() -> None:
    asset, history = points(), History()
    history.do(NameEdit(asset, "one"))
    history.do(Failing(asset, "revert"))
    history.do(VisibleEdit(asset, False))
    with pytest.raises(BadInput):
        history.go_to(0)
    assert history.cursor == 2 and asset.visible and asset.name == "half done"
    assert history.redo() and not asset.visible


def test_a_listener_that_fails_is_no_change() -> None:
    """What is told of a change and raises keeps it from being made, and from being half made."""
    asset, history = points(), History()

    def refuse(_: Asset, part: str) -> None:
        if asset.name == "bad":
            raise RuntimeError("no")

    asset.changed.connect(refuse)
    with pytest.raises(RuntimeError):
        history.do(NameEdit(asset, "bad"))
    assert asset.name == "cloud" and history.entries == ()


# Merging and gestures.


def test_a_slider_is_one_entry() -> None:
    dots, clock = gaussians(), Clock()
    history = History(clock=clock)
    for value in (1.1, 1.2, 1.3):
        clock.now += 0.9 * MERGE_SECONDS
        history.do(DisplayEdit(dots, "size", value))
    (entry,) = history.entries
    assert (entry.before, entry.after, entry.detail) == (1.0, 1.3, "dots: 1 → 1.3")
    clock.now += 1.1 * MERGE_SECONDS
    history.do(DisplayEdit(dots, "size", 1.4))
    history.do(DisplayEdit(dots, "sh_degree", 1))
    history.seal()
    history.do(DisplayEdit(dots, "sh_degree", 2))
    assert [entry.name for entry in history.entries] == ["Splat size", "Splat size", "SH degree", "SH degree"]
    history.go_to(1)
    assert dots.display.size == 1.3
    history.undo()
    assert dots.display.size == 1.0
    history.redo()
    history.do(DisplayEdit(dots, "size", 2.0))
    assert len(history.entries) == 2, "what was gone to is left as it is"


def test_a_gesture_token_merges_however_long_it_takes() -> None:
    dots, clock, hand = gaussians(), Clock(), object()
    history = History(clock=clock)
    warps = [warp(at=at) for at in (1.0, 2.0, 3.0)]
    for number, gesture in enumerate((hand, hand, object())):
        before = dots.warp
        dots.set_warp(warps[number])
        history.record(WarpEdit(dots, before, warps[number], "Strength", gesture))
        clock.now += 100.0
    assert [(entry.before, entry.after) for entry in history.entries] == [(None, warps[1]), (warps[1], warps[2])]
    history.undo()
    assert dots.warp is warps[1]


def test_gestures_nest_commit_and_abort() -> None:
    cube, history = mesh(), History()
    history.begin("Drag cube")
    assert not history.undo() and history.gesture_open
    for at in (1.0, 2.0):
        history.do(TransformEdit(cube, np.diag([at, at, at, 1.0])))
    history.begin()
    history.do(NameEdit(cube, "box"))
    history.abort()
    assert cube.name == "cube"
    entry = history.commit()
    assert isinstance(entry, TransformEdit) and entry.name == "Drag cube" and history.entries == (entry,)
    history.begin("Nothing")
    assert history.commit() is None and history.entries == (entry,)
    history.begin()
    history.do(NameEdit(cube, "box"))
    history.do(VisibleEdit(cube, False))
    assert history.commit().name == "Rename" and history.entries[-1].detail == "2 changes"
    history.undo()
    assert (cube.name, cube.visible) == ("cube", True)


def test_changed_is_told_once_for_each_step() -> None:
    cube, history, told = mesh(), History(), []
    history.changed.connect(lambda: told.append(history.cursor))
    history.do(NameEdit(cube, "a"))
    with history.group("Both"):
        history.do(NameEdit(cube, "b"))
        history.do(VisibleEdit(cube, False))
    history.go_to(0)
    assert told == [1, 2, 0]


# Memory.


def test_the_oldest_go_when_the_budget_is_used_up() -> None:
    dots = gaussians()
    size = DataEdit(dots, dots.state(), other_data(dots, 2.0), "Apply").nbytes // 2
    history = History(budget=3 * size)
    first = dots.means
    for factor in (2.0, 3.0, 4.0, 5.0):
        history.do(DataEdit(dots, dots.state(), other_data(dots, factor), f"Times {factor}"))
    # Each keeps two sets of arrays and shares one with its neighbour: two of them keep three.
    assert [entry.name for entry in history.entries] == ["Times 4.0", "Times 5.0"]
    assert history.nbytes == 3 * size and history.cursor == 2
    history.go_to(0)
    assert dots.means[0] == pytest.approx(3 * first[0])
    history.budget = 1
    history.do(DataEdit(dots, dots.state(), other_data(dots, 6.0), "Large"))
    assert [entry.name for entry in history.entries] == ["Large"], "the newest is kept, however large"
    assert history.undo()


def test_the_history_is_not_endless() -> None:
    cube, history = mesh(), History()
    for number in range(LONGEST + 10):
        history.do(NameEdit(cube, str(number)))
    assert len(history.entries) == LONGEST == history.cursor
    history.forget()
    assert history.entries == () and history.nbytes == 0 and cube.name == str(LONGEST + 9)
