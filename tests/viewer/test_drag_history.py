"""What the drag tool leaves in the history, and what becomes of what was not let go; without a window."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.viewer.drag_bench import END, START, UP, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_is_set_up_can_be_taken_back(bench: Bench) -> None:
    dragging, undo, redo = bench.dragging, bench.session.undo, bench.session.redo
    dragging.set_mode("pairs")
    dragging.add_handle(np.array(END))
    dragging.complete(np.array(END) + UP)
    dragging.toggle_pin(np.array(START))
    dragging.set_point("target", 0, 1, 1.0)
    assert bench.entries == ["Add a pair", "Pin", "Type a coordinate"] and not bench.session.unsaved
    dragging.adjust("radius", 0.4)
    undo()
    assert dragging.targets()[0] == END[:1] + (2.5,) + END[2:] and dragging.settings.radius == 0.4
    undo()
    assert len(dragging.plan.drag.handles) == 1 and not dragging.plan.drag.pins
    undo()
    assert dragging.plan.drag.empty
    for _ in range(3):
        redo()
    assert dragging.targets()[0][1] == 1.0 and len(dragging.plan.drag.pins) == 1
    dragging.run(None)
    dragging.set_mode("direct")
    undo()
    assert bench.asset.warp is None and len(dragging.plan.drag.handles) == 1, "the pairs of before the run"


def test_discarding_again_leaves_no_pairs(bench: Bench) -> None:
    bench.dragging.set_mode("pairs")
    bench.pull(END, np.array(END) + UP)
    bench.dragging.discard()
    bench.session.undo()
    assert len(bench.dragging.plan.drag.handles) == 1
    bench.session.redo()
    assert bench.asset.warp is None and bench.dragging.plan.drag.empty


def test_pasting_again_brings_the_pairs(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    form = {"handle_points": [list(END), list(START)], "target_points": [[5.0, 2.0, 0.0], list(START)]}
    bench.dragging.paste_text(json.dumps(form))
    assert bench.entries == ["Drag bar", "Paste a drag"] and bench.asset.warp is None
    bench.session.undo()
    assert len(bench.dragging.plan.drag.handles) == 1 and bench.asset.warp is not None
    bench.session.redo()
    assert len(bench.dragging.plan.drag.handles) == 2 and bench.dragging.unrun


def test_a_cancelled_stroke_paints_nothing(bench: Bench) -> None:
    dragging = bench.dragging
    dragging.set_mode("paint")
    dragging.begin_stroke()
    dragging.stroke(np.array(END), True, np.array([0.0, -1.0, 0.0]))
    assert dragging.busy and dragging.cancel() and not dragging.busy
    assert not dragging.plan.drag.dabs and not bench.entries


def test_a_number_that_was_turned_is_kept_when_something_else_begins(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    bench.dragging.adjust("strength", 0.5)
    bench.dragging.set_mode("pairs")
    assert bench.entries == ["Drag bar", "Strength of the drag"] and bench.asset.warp.drag.strength == 0.5
    bench.dragging.adjust("strength", 0.7)
    assert not bench.dragging.interrupt(), "nothing went back"
    bench.session.undo()
    assert bench.asset.warp.drag.strength == 0.5


def test_closing_in_a_pull_takes_it_back(bench: Bench) -> None:
    bench.pull(END, np.array(END) + UP)
    warp = bench.asset.warp
    index = bench.dragging.pull_at(np.array((-5.0, 0.5, 0.0)))
    bench.dragging.move_target(index, np.array((-5.0, 2.0, 0.0)))
    assert bench.asset.warp is not warp
    bench.session.remove(bench.asset)
    assert bench.asset.warp is warp and bench.entries == ["Drag bar", "Close"]
    bench.session.undo()
    assert bench.asset.warp is warp and len(bench.dragging.plan.drag.handles) == 1
