"""The hand of the drag tool, and the thread that solves for it; without a window."""

from __future__ import annotations

import contextlib
import itertools
import queue
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from renderers.camera import Camera
from renderers.frame import Hit
from renderers.handle_layout import gizmo_arrows
from tests.viewer.drag_bench import END, UP, Bench
from viewer.drag.hand import Hand
from viewer.drag.live import InlineSolver, LiveSolver, Question


@pytest.fixture
def bench() -> Bench:
    return Bench()


CAMERA = Camera.look_at((0.0, 0.0, 20.0), (0.0, 0.0, 0.0), width=800, height=600)


def seen_by(bench: Bench) -> Callable[[float, float], Hit | None]:
    """A pick that sees the front of the bar at rest, z = 0.5."""

    def pick(x: float, y: float) -> Hit | None:
        point = CAMERA.unproject(x, y, 19.5)
        there = abs(point[0]) <= 5 and abs(point[1]) <= 0.5
        return Hit(bench.asset, point, 19.5) if there else None

    return pick


def on_screen(point: tuple) -> tuple[float, float]:
    local = CAMERA.view_matrix() @ np.append(point, 1.0)
    return CAMERA.cx - local[0] / local[2] * CAMERA.fx, CAMERA.cy + local[1] / local[2] * CAMERA.fy


FRONT = (4.5, 0.0, 0.5)


def test_the_hand_pulls_in_the_plane_of_the_screen(bench: Bench) -> None:
    hand, pick = Hand(bench.dragging), seen_by(bench)
    assert not hand.press(CAMERA, 5.0, 5.0, pick), "beside everything the camera orbits"
    assert not hand.pull(CAMERA, 9.0, 9.0, pick)
    assert hand.press(CAMERA, *on_screen(FRONT), pick)
    assert bench.asset.warp is None, "a press alone moves nothing"
    hand.pull(CAMERA, *on_screen((4.5, 2.0, 0.5)), pick)
    hand.release()
    assert np.allclose(bench.dragging.targets()[0], (4.5, 2.0, 0.5), atol=1e-6)
    assert len(bench.entries) == 1 and bench.dragging.selected == ("target", 0)


def test_the_hand_moves_a_target_again(bench: Bench) -> None:
    hand, pick = Hand(bench.dragging), seen_by(bench)
    hand.press(CAMERA, *on_screen(FRONT), pick)
    hand.pull(CAMERA, *on_screen((4.5, 2.0, 0.5)), pick)
    hand.release()
    x, y = on_screen((4.5, 2.0, 0.5))
    assert hand.press(CAMERA, x + 3, y, pick)
    hand.pull(CAMERA, x + 3, y, pick)
    assert np.allclose(bench.dragging.targets()[0], (4.5, 2.0, 0.5), atol=1e-6), "it does not jump under the hand"
    hand.pull(CAMERA, on_screen((4.5, -1.0, 0.5))[0] + 3, on_screen((4.5, -1.0, 0.5))[1], pick)
    hand.release()
    assert np.allclose(bench.dragging.targets()[0], (4.5, -1.0, 0.5), atol=1e-6)
    assert len(bench.dragging.plan.drag.handles) == 1 and len(bench.entries) == 2


def test_axis_locks_and_the_wheel(bench: Bench) -> None:
    hand, pick = Hand(bench.dragging), seen_by(bench)
    bench.dragging.set_lock(1)
    hand.press(CAMERA, *on_screen(FRONT), pick)
    hand.pull(CAMERA, *on_screen((2.0, 2.0, 0.5)), pick)
    x, y, z = bench.dragging.targets()[0]
    assert np.allclose((x, z), (4.5, 0.5)) and y == pytest.approx(2.0, abs=0.05)
    bench.dragging.set_lock(1)
    hand.pull(CAMERA, *on_screen((4.5, 2.0, 0.5)), pick)
    assert hand.wheel(CAMERA, -1.0)
    hand.release()
    assert bench.dragging.targets()[0][2] > 0.6, "nearer to the eye"
    assert np.allclose(on_screen(bench.dragging.targets()[0]), on_screen((4.5, 2.0, 0.5)), atol=0.1)


def test_an_arrow_of_the_gizmo_keeps_to_its_axis(bench: Bench) -> None:
    hand, pick = Hand(bench.dragging), seen_by(bench)
    hand.press(CAMERA, *on_screen(FRONT), pick)
    hand.pull(CAMERA, *on_screen((4.5, 2.0, 0.5)), pick)
    hand.release()
    arrow = gizmo_arrows(hand.overlay().gizmo, CAMERA)[0]
    x, y = arrow[0] * 0.3 + arrow[1] * 0.7
    assert hand.press(CAMERA, x, y, pick)
    hand.pull(CAMERA, x + 40, y + 25, pick)
    hand.release()
    target = bench.dragging.targets()[0]
    assert np.allclose(target[1:], (2.0, 0.5)) and target[0] > 5.0


def test_clicks_make_pairs_and_pins(bench: Bench) -> None:
    hand, pick = Hand(bench.dragging), seen_by(bench)
    bench.dragging.set_mode("pairs")
    hand.click(CAMERA, *on_screen(FRONT), pick)
    assert hand.overlay().handles[0].target is None
    hand.click(CAMERA, *on_screen((4.5, 3.0, 0.5)), pick)
    assert np.allclose(bench.dragging.targets()[0], (4.5, 3.0, 0.5), atol=1e-6), "at the depth of the handle"
    hand.pin(CAMERA, *on_screen((-4.0, 0.0, 0.5)), pick)
    assert len(bench.dragging.pins()) == 1
    hand.pin(CAMERA, *on_screen((-4.0, 0.0, 0.5)), pick)
    assert not bench.dragging.pins()
    hand.remove(CAMERA, *on_screen((4.5, 3.0, 0.5)))
    assert bench.dragging.plan.drag.empty and bench.asset.warp is None


def test_a_drag_among_pairs_draws_one(bench: Bench) -> None:
    hand, pick = Hand(bench.dragging), seen_by(bench)
    bench.dragging.set_mode("pairs")
    hand.press(CAMERA, *on_screen(FRONT), pick)
    hand.pull(CAMERA, *on_screen((4.5, 3.0, 0.5)), pick)
    hand.release()
    assert bench.asset.warp is None and len(bench.dragging.plan.drag.handles) == 1
    hand.press(CAMERA, *on_screen(FRONT), pick)
    hand.pull(CAMERA, *on_screen((3.0, 0.0, 0.5)), pick)
    hand.release()
    assert np.allclose(bench.dragging.plan.drag.handles[0].source, (3.0, 0.0, 0.5), atol=1e-6), "the handle slides"


def test_escape_in_a_pull(bench: Bench) -> None:
    hand, pick = Hand(bench.dragging), seen_by(bench)
    hand.press(CAMERA, *on_screen(FRONT), pick)
    hand.pull(CAMERA, *on_screen((4.5, 2.0, 0.5)), pick)
    assert hand.cancel() and bench.asset.warp is None
    assert hand.pull(CAMERA, *on_screen((4.5, 2.5, 0.5)), pick), "until it lets go, the hand moves nothing"
    assert bench.asset.warp is None
    hand.release()
    assert not hand.cancel() and not bench.entries


def deliver(solver: LiveSolver, posted: queue.Queue) -> None:
    """Runs what a solver posts until it is idle."""
    end = time.monotonic() + 20
    while not solver.idle and time.monotonic() < end:
        with contextlib.suppress(queue.Empty):
            posted.get(timeout=0.05)()


def test_the_newest_question_wins_and_final_ones_are_all_answered(bench: Bench) -> None:
    """A slow solver and a fast hand: few live answers, in order, and each final one."""
    posted: queue.Queue = queue.Queue()
    solver = LiveSolver(posted.put)
    rig = bench.dragging.rig
    bench.dragging.add_handle(np.array(END), np.array(END) + UP)
    heard: list[tuple[bool, float]] = []

    def tell(answer) -> None:
        assert not answer.error, answer.error
        heard.append((answer.question.final, answer.warp.drag.strength))

    drag = bench.dragging.drag
    try:
        for number in range(1, 51):
            solver.ask(Question(rig, replace(drag, strength=number / 100), False, tell))
        solver.ask(Question(rig, replace(drag, strength=0.75), True, tell))
        solver.ask(Question(rig, replace(drag, strength=0.9), False, tell))
        solver.ask(Question(rig, replace(drag, strength=1.0), True, tell))
        deliver(solver, posted)
    finally:
        solver.close()
    assert [strength for final, strength in heard if final] == [0.75, 1.0]
    assert len(heard) < 50
    solver.ask(Question(rig, drag, False, tell))


def test_a_live_solver_goes_on_until_nothing_changes(bench: Bench) -> None:
    posted: queue.Queue = queue.Queue()
    solver = LiveSolver(posted.put)
    bench.dragging.add_handle(np.array(END), np.array(END) + 2 * UP)
    warps: list = []
    try:
        solver.ask(Question(bench.dragging.rig, bench.dragging.drag, False, lambda answer: warps.append(answer.warp)))
        deliver(solver, posted)
    finally:
        solver.close()
    assert len(warps) > 1
    steps = [np.abs(a.pose.moved - b.pose.moved).max() for a, b in itertools.pairwise(warps)]
    assert steps[-1] < 0.2 * max(steps)


def test_undo_between_letting_go_and_the_final_answer() -> None:
    """The entry is there at once; the final warp takes its place when it comes, undone or not."""

    class Late(InlineSolver):
        waiting: list

        def __init__(self) -> None:
            super().__init__()
            self.waiting = []

        def ask(self, question: Question) -> None:
            if question.final:
                self.waiting.append(question)
            else:
                super().ask(question)

        def catch_up(self) -> None:
            for question in self.waiting:
                super().ask(question)
            self.waiting.clear()

    solver = Late()
    bench = Bench(solver)
    bench.pull(END, np.array(END) + UP)
    live = bench.asset.warp
    assert live is not None and len(bench.entries) == 1
    bench.session.undo()
    solver.catch_up()
    assert bench.asset.warp is None
    bench.session.redo()
    assert bench.asset.warp is not live and bench.asset.warp.drag.handles == live.drag.handles
    # Two pulls in a row, of which the second begins before the first is solved.
    bench.pull((-5.0, 0.5, 0.0), np.array([-5.0, 2.0, 0.0]))
    bench.pull((-4.0, 0.5, 0.4), np.array([-4.0, 2.0, 0.4]))
    solver.catch_up()
    first, second, third = bench.session.history.entries
    assert first.after is second.before and second.after is third.before and third.after is bench.asset.warp
