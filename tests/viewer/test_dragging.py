"""The model of the drag tool: pulls, pairs, pins, paint, numbers, undo, JSON; without a window."""

from __future__ import annotations

import json

import numpy as np
import pytest

from assets.deform.drag import Drag
from assets.deform.solver import Solver
from tests.viewer.drag_bench import END, MIDDLE, START, UP, Bench
from viewer.dragging import RUN_SECONDS


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_pull_moves_the_shape_and_is_one_entry(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    assert np.allclose(bench.moved(END), np.array(END) + UP, atol=0.005 * bench.dragging.size)
    assert np.allclose(bench.moved(START), START, atol=1e-3)
    assert bench.entries == [f"Drag {bench.asset.name}"]
    warp = bench.asset.warp
    assert bench.session.undo() and bench.asset.warp is None
    assert bench.dragging.plan.drag.empty, "what was undone has no marks"
    assert bench.session.redo() and bench.asset.warp is warp
    assert bench.dragging.plan.drag.handles == warp.drag.handles


def test_the_kept_warp_is_that_of_the_solver_alone(bench: Bench) -> None:
    """The way of the hand leaves no trace: the entry is what `solve` gives for its drag."""
    index = bench.dragging.pull_at(np.array(END))
    for way in ([3.0, 1.0, 2.0], [9.0, -4.0, 0.0], [5.0, 2.5, 0.0]):
        bench.dragging.move_target(index, np.array(way))
    bench.dragging.finish()
    warp = bench.asset.warp
    again = Solver(warp.rig, warp.drag).solve_drag()
    assert np.allclose(warp.pose.moved, again.pose.moved, atol=1e-9)


def test_earlier_pulls_stay(bench: Bench) -> None:
    bench.dragging.adjust("radius", 0.3)
    bench.pull(END, np.array(END) + UP)
    bench.pull((-5.0, 0.5, 0.0), np.array([-5.0, -1.5, 0.0]))
    reach = 0.005 * bench.dragging.size
    assert np.allclose(bench.moved(END)[0], np.array(END) + UP, atol=reach)
    assert np.allclose(bench.moved((-5.0, 0.5, 0.0))[0], (-5.0, -1.5, 0.0), atol=reach)
    assert len(bench.asset.warp.drag.handles) == 2 and len(bench.entries) == 2
    bench.session.undo()
    assert len(bench.dragging.plan.drag.handles) == 1


def test_a_pull_on_a_bent_shape_holds_what_was_grabbed(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    seen = bench.moved((4.0, 0.5, 0.0))[0]
    bench.dragging.pull_at(seen)
    source = np.array(bench.dragging.plan.drag.handles[-1].source)
    assert np.allclose(source, (4.0, 0.5, 0.0), atol=0.05), "the place at rest"
    assert np.allclose(bench.moved((4.0, 0.5, 0.0))[0], seen, atol=0.05), "nothing jumps"
    assert bench.dragging.cancel()
    assert len(bench.asset.warp.drag.handles) == 1


def test_cancel_takes_a_pull_back(bench: Bench) -> None:
    index = bench.dragging.pull_at(np.array(END))
    bench.dragging.move_target(index, np.array(END) + UP)
    assert bench.asset.warp is not None
    assert bench.dragging.cancel()
    assert bench.asset.warp is None and not bench.entries and bench.dragging.plan.drag.empty
    assert not bench.dragging.cancel()


def test_strength_works_afterwards(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    bench.dragging.adjust("strength", 0.5)
    bench.dragging.settle()
    assert np.allclose(bench.moved(END)[0], np.array(END) + 0.5 * UP, atol=0.005 * bench.dragging.size)
    assert bench.entries[-1] == "Strength of the drag" and len(bench.entries) == 2
    assert np.allclose(bench.dragging.targets()[0], np.array(END) + UP), "the target stays"
    assert np.allclose(bench.dragging.sources()[0], np.array(END) + 0.5 * UP)
    bench.session.undo()
    assert bench.dragging.settings.strength == 1.0


def test_a_new_pull_at_part_of_the_strength_keeps_the_shape(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    bench.dragging.adjust("strength", 0.5)
    bench.dragging.settle()
    before = bench.moved(END, MIDDLE, (-5.0, 0.5, 0.0))
    bench.pull((-5.0, 0.5, 0.0), np.array([-5.0, 0.5, 0.0]))
    assert bench.dragging.settings.strength == 1.0
    assert np.allclose(bench.moved(END, MIDDLE, (-5.0, 0.5, 0.0)), before, atol=0.1)


def test_settings_follow_and_are_entries(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    for share in (0.2, 0.15, 0.1):
        bench.dragging.adjust("radius", share)
    bench.dragging.settle()
    assert len(bench.entries) == 2, "one entry for one movement of the slider"
    assert bench.asset.warp.drag.radius == pytest.approx(0.1 * bench.dragging.size)
    bench.session.undo()
    assert bench.dragging.settings.radius == pytest.approx(0.25)


def test_pins_hold(bench: Bench) -> None:
    bench.dragging.adjust("radius", 1.0)
    bench.dragging.toggle_pin(np.array(MIDDLE))
    bench.pull(END, np.array(END) + UP)
    assert np.allclose(bench.moved(MIDDLE)[0], MIDDLE, atol=0.001 * bench.dragging.size)
    assert bench.dragging.pins() == [MIDDLE]
    bench.dragging.remove(("pin", 0))
    assert bench.asset.warp.drag.pins == () and bench.entries[-1] == "Remove a pin"
    bench.session.undo()
    assert bench.dragging.pins() == [MIDDLE]


def test_removing_the_last_handle_lets_go(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    bench.dragging.remove(("handle", 0))
    assert bench.asset.warp is None
    bench.session.undo()
    assert bench.asset.warp is not None and len(bench.dragging.plan.drag.handles) == 1


def test_pairs_run_from_rest(bench: Bench) -> None:
    dragging = bench.dragging
    dragging.set_mode("pairs")
    assert not dragging.run(0.0), "nothing to run"
    dragging.add_handle(np.array(END))
    assert dragging.plan.pending is not None
    dragging.complete(np.array(END) + UP)
    assert bench.asset.warp is None and dragging.unrun
    assert dragging.run(10.0) and dragging.running
    heights = []
    for share in (0.25, 0.5, 0.75):
        assert dragging.advance(10.0 + share * RUN_SECONDS)
        heights.append(bench.moved(END)[0, 1])
    assert 0.5 < heights[0] < heights[1] < heights[2] < 2.5
    assert not dragging.advance(10.01 + RUN_SECONDS) and not dragging.running
    assert np.allclose(bench.moved(END)[0], np.array(END) + UP, atol=0.005 * dragging.size)
    assert bench.entries == ["Add a pair", "Drag bar"] and not dragging.unrun
    bench.session.undo()
    assert bench.asset.warp is None and len(dragging.plan.drag.handles) == 1, "the pairs stay to be run again"


def test_a_run_can_be_cancelled(bench: Bench) -> None:
    bench.dragging.set_mode("pairs")
    bench.dragging.add_handle(np.array(END), np.array(END) + UP)
    bench.dragging.run(0.0)
    bench.dragging.advance(0.5 * RUN_SECONDS)
    assert bench.dragging.cancel()
    assert bench.asset.warp is None and not bench.dragging.running and len(bench.dragging.plan.drag.handles) == 1


def test_mirror_does_the_same_on_the_other_side(bench: Bench) -> None:
    bench.dragging.set_mirror(0)
    bench.pull(END, np.array(END) + UP)
    there, opposite = bench.moved(END, (-5.0, 0.5, 0.0))
    assert np.allclose(there * (-1, 1, 1), opposite, atol=0.01 * bench.dragging.size)
    assert len(bench.asset.warp.drag.handles) == 2
    bench.dragging.remove(("handle", 0))
    assert bench.asset.warp is None, "its image goes with it"


def test_what_lies_on_the_mirror_stays_on_it(bench: Bench) -> None:
    bench.dragging.set_mirror(0)
    bench.pull(MIDDLE, np.array([1.0, 2.0, 0.0]))
    assert len(bench.dragging.plan.drag.handles) == 1
    assert np.allclose(bench.dragging.targets()[0], (0.0, 2.0, 0.0))


def test_mirror_without_anything_opposite_says_so(bench: Bench) -> None:
    bench.dragging.mirror = 1
    bench.asset.local_bounds = lambda: np.array([[-5.0, -9.0, -0.5], [5.0, 0.5, 0.5]])
    bench.pull(END, np.array(END) + UP)
    assert len(bench.dragging.plan.drag.handles) == 1
    assert any("opposite" in words for words in bench.said)


def test_paint_fixes_a_region(bench: Bench) -> None:
    dragging = bench.dragging
    dragging.adjust("radius", 1.0)
    dragging.set_mode("paint")
    dragging.set_paint("size", 0.3)
    dragging.set_paint("feather", 0.1)
    for x in (-5.0, -4.0, -3.0):
        dragging.begin_stroke()
        dragging.stroke(np.array([x, 0.5, 0.0]), True, np.array([0.0, -1.0, 0.0]))
        dragging.finish()
    assert len(dragging.plan.drag.dabs) >= 2
    assert bench.asset.warp is dragging.preview, "what may move is shown"
    assert np.allclose(bench.asset.warp.pose.moved, bench.asset.warp.rig.graph.nodes)
    assert dragging.worn is None and set(bench.entries) == {"Paint a region"}
    assert not bench.session.unsaved, "what is set up is no shape yet"
    dragging.set_mode("direct")
    assert bench.asset.warp is None
    bench.pull(END, np.array(END) + UP)
    assert np.abs(bench.moved((-4.0, 0.5, 0.0)) - (-4.0, 0.5, 0.0)).max() == 0.0
    dragging.invert_paint()
    assert bench.failed and "region" in bench.failed[-1], "the handle is fixed now"
    assert len(bench.asset.warp.drag.dabs) == len(dragging.plan.drag.dabs) and not dragging.plan.drag.base_fixed


def test_fix_all_then_free_a_part(bench: Bench) -> None:
    dragging = bench.dragging
    dragging.clear_paint(True)
    dragging.set_paint("size", 0.3)
    dragging.begin_stroke()
    dragging.stroke(np.array(END), False, np.array([0.0, -1.0, 0.0]))
    dragging.finish()
    bench.pull(END, np.array(END) + UP)
    assert bench.moved(END)[0, 1] > 2.4
    assert np.abs(bench.moved(MIDDLE) - MIDDLE).max() == 0.0


def test_the_heat_map_before_there_is_a_drag(bench: Bench) -> None:
    dragging = bench.dragging
    dragging.show("heat", True)
    dragging.refresh_preview(np.array(END))
    heat, nodes = bench.asset.warp.heat, bench.asset.warp.rig.graph.nodes
    assert heat[nodes[:, 0] > 4.5].max() > 0.5 > 0.05 > heat[nodes[:, 0] < -3.0].max()
    assert dragging.worn is None
    bench.pull(END, np.array(END) + UP)
    assert bench.entries == [f"Drag {bench.asset.name}"]
    bench.session.undo()
    dragging.show("heat", False)
    assert bench.asset.warp is None


def test_leaving_the_tool_takes_back_what_is_not_kept(bench: Bench) -> None:
    bench.dragging.show("heat", True)
    index = bench.dragging.pull_at(np.array(END))
    bench.dragging.move_target(index, np.array(END) + UP)
    bench.dragging.deactivate()
    assert bench.asset.warp is None and not bench.entries


def test_world_points_with_a_placed_asset(bench: Bench) -> None:
    turn = np.eye(4)
    turn[:3, :3] = 2.0 * np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turn[:3, 3] = (10.0, 0.0, 3.0)
    bench.asset.set_transform(turn)
    at = turn[:3, :3] @ np.array(END) + turn[:3, 3]
    bench.pull(tuple(at), at + (1.0, 0.0, 0.0))
    assert np.allclose(bench.dragging.targets()[0], at + (1.0, 0.0, 0.0))
    assert np.allclose(bench.asset.warp.drag.handles[0].source, END, atol=1e-9)
    form = json.loads(bench.dragging.copy_text())
    assert np.allclose(form["handles"][0]["from"], at)


def test_copy_and_paste(bench: Bench) -> None:
    bench.dragging.adjust("rigidity", 0.7)
    bench.pull(END, np.array(END) + UP)
    text, drag = bench.dragging.copy_text(), bench.dragging.drag
    bench.dragging.discard()
    assert bench.asset.warp is None and bench.dragging.plan.drag == Drag()
    assert bench.dragging.paste_text(text)
    assert bench.dragging.drag == drag and bench.dragging.mode == "pairs" and bench.asset.warp is None
    assert bench.dragging.run(None)
    assert np.allclose(bench.moved(END)[0], np.array(END) + UP, atol=0.005 * bench.dragging.size)


def test_paste_of_published_points(bench: Bench) -> None:
    form = {"handle_points": [list(END)], "target_points": [[5.0, 2.0, 0.0]]}
    assert bench.dragging.paste_text(json.dumps(form))
    assert bench.dragging.targets() == [(5.0, 2.0, 0.0)]


@pytest.mark.parametrize("text", ["", "hello", "[1]", '{"handles": [{"from": [0, 0], "to": [1, 1, 1]}]}', "{}"])
def test_paste_of_nonsense_is_told(bench: Bench, text: str) -> None:
    bench.pull(END, np.array(END) + UP)
    warp, drag = bench.asset.warp, bench.dragging.drag
    assert not bench.dragging.paste_text(text)
    assert len(bench.failed) == 1 and bench.failed[0].endswith(".")
    assert bench.asset.warp is warp and bench.dragging.drag == drag


def test_a_bad_drag_leaves_the_asset_as_before(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    warp, drag = bench.asset.warp, bench.dragging.drag
    form = {"handles": [{"from": [100, 0, 0], "to": [101, 0, 0]}], "pins": []}
    bench.dragging.paste_text(json.dumps(form))
    assert bench.dragging.run(None)
    assert len(bench.failed) == 1 and "Handle 1" in bench.failed[0]
    assert bench.asset.warp is None, "pasting let go of the old drag, as one entry"
    bench.session.undo()
    assert bench.asset.warp is warp and bench.dragging.plan.drag.handles == drag.handles


def test_targets_at_the_end_of_the_world_are_refused(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    warp = bench.asset.warp
    index = bench.dragging.pull_at(np.array((-5.0, 0.5, 0.0)))
    bench.dragging.move_target(index, np.array([1e9, 0.0, 0.0]))
    assert len(bench.failed) == 1
    assert bench.asset.warp is warp and len(bench.dragging.plan.drag.handles) == 1
    bench.dragging.move_target(0, np.array([np.nan, 0.0, 0.0]))
    assert bench.asset.warp is warp


def test_numbers_can_be_typed(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    assert bench.dragging.set_point("target", 0, 1, 1.0)
    assert np.allclose(bench.moved(END)[0], (5.0, 1.0, 0.0), atol=0.005 * bench.dragging.size)
    assert not bench.dragging.set_point("target", 0, 1, float("nan"))
    assert len(bench.failed) == 1 and len(bench.entries) == 2


def test_the_note_on_one_handle_without_pins(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    assert any("without pins" in note for note in bench.dragging.notes)


def test_stretch_is_told(bench: Bench) -> None:
    assert bench.dragging.stretched() is None
    bench.dragging.adjust("radius", 0.1)
    bench.pull(END, np.array(END) + 2 * UP)
    most, near = bench.dragging.stretched()
    assert most > 2.0 and near == 0


def test_other_data_make_another_rig(bench: Bench) -> None:
    bench.dragging.pull_at(np.array(END))
    rig = bench.dragging.rig
    bench.dragging.cancel()
    bench.asset.changed.emit(bench.asset, "data")
    assert bench.dragging.rig is not None and bench.dragging.rig is not rig


def test_removed_assets_are_let_go(bench: Bench) -> None:
    bench.dragging.pull_at(np.array(END))
    bench.session.scene.remove(bench.asset)
    assert bench.dragging.asset is None and not bench.dragging.plan.drag.handles
    bench.dragging.finish()
    assert not bench.entries


def test_reopening_an_entry(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    entry = bench.session.history.entries[-1]
    bench.dragging.discard()
    bench.dragging.reopen(entry.asset, entry.drag)
    assert len(bench.dragging.plan.drag.handles) == 1 and bench.dragging.unrun
    bench.dragging.run(None)
    assert np.allclose(bench.asset.warp.pose.moved, entry.after.pose.moved, atol=1e-9)


def test_nothing_happens_before_the_rig_is_there(bench: Bench) -> None:
    bench.dragging.rigs._rigs.clear()
    bench.session.runner.start = lambda task: task
    assert not bench.dragging.can_begin()
    assert bench.said[-1] == "Preparing the drag…" and bench.dragging.rigs.making(bench.asset)
