"""What each edit keeps, what it gives back, and of which assets it changes the shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from assets.asset import Asset
from assets.edits.attributes import NameEdit, TransformEdit, VisibleEdit
from assets.edits.data import DataEdit
from assets.edits.history import History
from assets.edits.holdings import holdings
from assets.edits.scene import RemoveEdit
from assets.edits.warps import WarpEdit
from assets.progress import run
from assets.scene import Scene
from tests.assets.some_edits import Clock, other_data, scene_of_all, warp
from tests.small_assets import KINDS, gaussians, mesh, points, triplane


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_edit_counts_what_one_side_has(kind: str) -> None:
    asset = KINDS[kind]()
    before = asset.state()
    assert DataEdit(asset, before, dict(before), "Nothing").nbytes == 0
    fresh = KINDS[kind]().state()
    alone = sum(holdings(before).values()) + sum(holdings(fresh).values())
    assert DataEdit(asset, before, fresh, "All").nbytes == alone
    name, shared = next((name, value) for name, value in before.items() if holdings(value))
    both = sum(holdings(shared).values())
    without = sum(holdings(fresh[name]).values())
    assert DataEdit(asset, before, fresh | {name: shared}, "Some").nbytes == alone - both - without


def test_warps_count_once_and_without_their_rig() -> None:
    cube, history = mesh(), History()
    first, second = warp(100), warp(50)
    history.do(WarpEdit(cube, None, first))
    history.do(WarpEdit(cube, first, second))
    assert [entry.nbytes for entry in history.entries] == [first.nbytes, first.nbytes + second.nbytes]
    assert history.nbytes == first.nbytes + second.nbytes
    assert history.entries[0].drag is first.drag and history.entries[0].detail == "1 handle"
    history.undo()
    assert cube.warp is first


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_asset_counts_while_it_is_away(kind: str) -> None:
    scene, history = Scene(), History()
    asset = KINDS[kind]()
    scene.add(asset)
    history.do(RemoveEdit(scene, asset))
    # The matrices of nodes and the like come on top of what the asset counts.
    assert asset.nbytes <= history.nbytes < asset.nbytes + 1024
    history.undo()
    assert history.nbytes == 0 and list(scene) == [asset]


# Assets.


def test_closing_gives_place_and_activity_back() -> None:
    scene, history = scene_of_all(), History()
    names = [asset.name for asset in scene]
    second = list(scene)[1]
    scene.activate(second)
    with history.group("Close all"):
        for asset in scene:
            history.do(RemoveEdit(scene, asset))
    assert len(scene) == 0 and scene.active is None
    other = points()
    scene.add(other)
    history.undo()
    assert [asset.name for asset in scene][:4] == names and list(scene)[4] is other, "names stay as they were"
    assert scene.active is second
    heard: list[str] = []
    scene.changed.connect(lambda asset, part: heard.append(f"{asset.name} {part}"))
    second.set_visible(False)
    assert heard == [f"{second.name} visible"]


@pytest.mark.parametrize("kind", KINDS)
def test_states_lead_back_and_tell(kind: str) -> None:
    asset = KINDS[kind]()
    told: list[str] = []
    asset.changed.connect(lambda _, part: told.append(part))
    before, bounds = asset.state(), asset.bounds()
    asset.set_state(other_data(asset, 2.0))
    assert told == ["data"]
    asset.set_state(before | {"warp": warp()})
    assert told == ["data", "data", "warp"]
    asset.set_state(before)
    assert np.array_equal(asset.bounds(), bounds) and asset.warp is None
    with pytest.raises(KeyError, match="no data called colour"):
        asset.set_state({"colour": 1})


@pytest.mark.usefixtures("coarse_bricks")
@pytest.mark.parametrize("make", [gaussians, triplane])
def test_what_was_prepared_comes_back(make: Callable[[], Asset]) -> None:
    """Neither way of the history has to prepare again what was prepared before the step."""
    asset, history = make(), History()
    run(asset.preparation(), on_partial=asset.accept)
    before = asset.state()
    history.do(DataEdit(asset, before, make().state(), "Apply"))
    assert asset.preparation() is not None
    run(asset.preparation(), on_partial=asset.accept)
    after = asset.state()
    history.undo()
    assert asset.preparation() is None and all(asset.state()[name] is before[name] for name in before)
    history.redo()
    assert asset.preparation() is None and all(asset.state()[name] is after[name] for name in after)


def test_versions_tell_which_shape_was_saved() -> None:
    dots, other, clock = gaussians(), mesh(), Clock()
    history = History(clock=clock)
    history.do(NameEdit(dots, "n"))
    history.do(VisibleEdit(other, False))
    assert history.versions() == {}
    history.do(WarpEdit(dots, None, warp()))
    saved = history.versions()[dots]
    history.do(TransformEdit(other, np.eye(4)))
    assert history.versions()[dots] == saved != history.versions()[other]
    history.go_to(2)
    assert history.versions() == {}
    history.go_to(3)
    assert history.versions() == {dots: saved}
    history.undo()
    history.do(WarpEdit(dots, None, warp()))
    assert history.versions()[dots] != saved, "another shape at the same place"
    number = history.versions()[dots]
    history.forget()
    assert history.versions() == {dots: number}
