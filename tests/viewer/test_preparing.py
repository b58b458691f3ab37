"""What the session prepares for drawing, and when it begins anew."""

from __future__ import annotations

import numpy as np

from assets.fields.bricks.grid import BrickGrid
from assets.scene import Scene
from tests.assets.test_bake_kinds import changing
from tests.small_assets import gaussians
from viewer.preparing import Preparing
from viewer.work.runner import Task


class Waiting:
    """A runner that keeps what it is given, for tests that deliver by hand."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def start(self, task: Task) -> Task:
        self.tasks.append(task)
        return task

    def cancel(self, task: Task) -> None:
        task.state = "cancelled"


def grid_at(time: float, level: int = 0) -> BrickGrid:
    samples = np.zeros((1, 9, 9, 9, 4), np.float16)
    box = np.array([[-1.0] * 3, [1.0] * 3])
    return BrickGrid(box, np.full(3, 8), np.zeros((1, 1, 1), np.int32), samples, level, 2, time=time)


def bench() -> tuple[Scene, Waiting, Preparing]:
    scene, runner = Scene(), Waiting()
    return scene, runner, Preparing(scene, runner, lambda *_: None)


def test_another_time_waits_for_the_first_piece_and_then_begins_anew() -> None:
    scene, runner, preparing = bench()
    field = changing()
    scene.add(field)
    (first,) = runner.tasks
    field.set_display("time", 0.25)
    field.set_display("time", 0.5)
    assert runner.tasks == [first] and preparing.busy
    first.on_partial(grid_at(0.0))
    # The picture follows the hand, and the newest time comes next.
    assert field.grid.time == 0.0 and first.state == "cancelled" and len(runner.tasks) == 2
    second = runner.tasks[1]
    assert second.arguments[0].display.time == 0.5 and second.arguments[0].grid is None
    second.on_partial(grid_at(0.5))
    assert second.state != "cancelled"
    field.set_display("time", 0.75)
    # The old picture stays until another one comes.
    assert second.state == "cancelled" and field.grid.time == 0.5 and len(runner.tasks) == 3


def test_a_finished_field_is_baked_again_only_for_another_time() -> None:
    scene, runner, preparing = bench()
    field = changing()
    scene.add(field)
    runner.tasks[0].on_partial(grid_at(0.0, level=1))
    runner.tasks[0].state = "finished"
    assert not preparing.busy
    field.set_display("density", 2.0)
    assert len(runner.tasks) == 1
    field.set_display("time", 1.0)
    assert len(runner.tasks) == 2 and preparing.busy


def test_what_is_held_starts_with_the_view_that_was_found() -> None:
    scene, runner, preparing = bench()
    field, dots = changing(), gaussians()
    field.set_transform(np.diag([2.0, 2.0, 2.0, 1.0]))
    with preparing.held():
        scene.add(field)
        scene.add(dots)
        scene.remove(dots)
        assert not runner.tasks
        preparing.eye = lambda: np.array([2.0, 4.0, 6.0])
    (task,) = runner.tasks
    np.testing.assert_allclose(task.arguments[1], [1.0, 2.0, 3.0])


def test_without_an_eye_or_a_volume_nothing_is_said_of_it() -> None:
    scene, runner, preparing = bench()
    scene.add(changing())
    flat = changing()
    flat.set_transform(np.diag([1.0, 1.0, 0.0, 1.0]))
    preparing.eye = lambda: np.zeros(3)
    scene.add(flat)
    assert [task.arguments[1] for task in runner.tasks] == [None, None]
