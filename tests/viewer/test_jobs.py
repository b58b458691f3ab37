"""Tasks in worker processes: results, cancelling, loss, shutting down."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadFile
from assets.progress import Job, Partial, Progress
from tests.viewer.conftest import wait_until, write_splats
from viewer.jobs import Jobs
from viewer.window import MainWindow
from viewer.work.runner import InlineRunner, Task

HERE = "tests.viewer.test_jobs"


def count(number: int, pause: float = 0.0) -> Job[int]:
    """Counts, telling each step."""
    for done in range(number):
        yield Progress(done, number, f"step {done}")
        time.sleep(pause)
    return number


def make_arrays() -> Job[dict]:
    """Big arrays of several layouts, and a small one."""
    whole = np.arange(3_000_000, dtype=np.float32).reshape(-1, 3)
    yield Partial(whole[:, 1])
    return {"whole": whole, "gaps": whole[::2, :2], "turned": whole.T, "small": np.arange(3)}


def stand_still() -> Job[None]:
    """Never yields again."""
    yield Progress(0, 1, "standing")
    time.sleep(60)


def refuse(path: Path) -> Job[None]:
    """Raises what readers raise."""
    yield Progress(0, 1, "")
    raise BadFile(path, "is no good")


def die() -> Job[None]:
    """Takes the process down."""
    yield Progress(0, 1, "")
    os._exit(3)


@pytest.fixture
def jobs(qapp: object) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.shut_down()


def perform(jobs: Jobs, function: str, *arguments: object, **more: object) -> tuple[Task, list, list, list]:
    """Starts a task and collects its pieces, results and failures."""
    pieces, results, failures = [], [], []
    task = Task(
        "test",
        f"{HERE}:{function}",
        arguments,
        on_partial=pieces.append,
        on_result=results.append,
        on_failure=lambda error, details: failures.append((error, details)),
        **more,
    )
    return jobs.start(task), pieces, results, failures


def test_arrays_cross_unchanged_and_writable(jobs: Jobs) -> None:
    task, pieces, results, _ = perform(jobs, "make_arrays")
    wait_until(lambda: task.over)
    expected = np.arange(3_000_000, dtype=np.float32).reshape(-1, 3)
    (result,) = results
    assert (pieces[0] == expected[:, 1]).all()
    assert (result["whole"] == expected).all() and (result["gaps"] == expected[::2, :2]).all()
    assert (result["turned"] == expected.T).all() and result["small"].tolist() == [0, 1, 2]
    result["whole"][0] = 7
    assert not list(Path(jobs._folder).iterdir()), "the file of buffers is still there"


def test_failures_keep_their_sentence(jobs: Jobs, tmp_path: Path) -> None:
    task, _, _, failures = perform(jobs, "refuse", tmp_path / "x.ply")
    wait_until(lambda: task.over)
    error, details = failures[0]
    assert isinstance(error, BadFile) and str(error) == f"{tmp_path / 'x.ply'}: is no good."
    assert "refuse" in details


def test_tasks_of_a_lane_run_in_order(jobs: Jobs) -> None:
    order: list[int] = []
    tasks = [jobs.start(Task("t", f"{HERE}:count", (number,), on_result=order.append)) for number in (30, 1, 2)]
    wait_until(lambda: all(task.over for task in tasks))
    assert order == [30, 1, 2]


def test_lanes_do_not_wait_for_each_other(jobs: Jobs) -> None:
    slow, *_ = perform(jobs, "count", 100, 0.1, lane="making")
    quick, *_ = perform(jobs, "count", 2)
    wait_until(lambda: quick.over)
    assert not slow.over


def test_cancel_is_heard_at_the_next_yield(jobs: Jobs) -> None:
    task, _, results, failures = perform(jobs, "count", 1000, 0.02)
    wait_until(lambda: task.state == "running" and task.progress.done > 2)
    process = jobs._lanes["files"]._process
    jobs.cancel(task)
    assert task.state == "cancelled"
    after, _, others, _ = perform(jobs, "count", 3)
    wait_until(lambda: after.over)
    assert others == [3] and not results and not failures
    assert jobs._lanes["files"]._process is process, "the process should have been kept"


def test_a_deaf_job_loses_its_process(jobs: Jobs) -> None:
    task, *_ = perform(jobs, "stand_still")
    wait_until(lambda: task.progress.text == "standing")
    began = time.monotonic()
    jobs.cancel(task)
    after, _, results, _ = perform(jobs, "count", 3)
    wait_until(lambda: after.over)
    assert results == [3] and time.monotonic() - began < 10


def test_a_waiting_task_can_be_cancelled(jobs: Jobs) -> None:
    first, *_ = perform(jobs, "count", 5, 0.05)
    second, _, results, _ = perform(jobs, "count", 9)
    jobs.cancel(second)
    third, *_ = perform(jobs, "count", 2)
    wait_until(lambda: first.over and third.over)
    assert not results and second.state == "cancelled"


def test_a_lost_process_is_told_and_replaced(jobs: Jobs) -> None:
    task, _, _, failures = perform(jobs, "die")
    wait_until(lambda: task.over)
    assert "ended unexpectedly" in str(failures[0][0])
    after, _, results, _ = perform(jobs, "count", 2)
    wait_until(lambda: after.over)
    assert results == [2]


def test_shut_down_leaves_nothing(qapp: object) -> None:
    jobs = Jobs()
    task, *_ = perform(jobs, "stand_still")
    waiting, *_ = perform(jobs, "count", 3)
    wait_until(lambda: task.progress.text == "standing")
    process = jobs._lanes["files"]._process.pid
    folder = Path(jobs._folder)
    began = time.monotonic()
    jobs.shut_down()
    assert time.monotonic() - began < 3
    assert task.state == waiting.state == "cancelled"
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_inline_runner_delivers_the_same() -> None:
    results: list[int] = []
    task = InlineRunner().start(Task("t", f"{HERE}:count", (4,), on_result=results.append))
    assert results == [4] and task.state == "finished"


def test_cancel_of_a_load_leaves_the_scene(window: MainWindow, tmp_path: Path) -> None:
    window.open_paths([write_splats(tmp_path / "big.ply", 400_000, degree=3)])
    (task,) = window.jobs.tasks
    wait_until(lambda: task.state == "running")
    window.jobs.cancel(task)
    after, _, results, _ = perform(window.jobs, "count", 3)
    wait_until(lambda: after.over)
    assert results == [3]
    assert len(window.session.scene) == 0 and not window.stage.errors.messages
    assert window.stage.start_page.isVisible()


def test_chip_shows_and_cancels(window: MainWindow) -> None:
    task, *_ = perform(window.jobs, "count", 1000, 0.02)
    wait_until(lambda: window.stage.chips.chip(task) is not None)
    chip = window.stage.chips.chip(task)
    assert chip.isVisible() and "test" in chip.text.text()
    wait_until(lambda: chip.share.text().endswith("%"))
    chip.cancel.click()
    assert task.state == "cancelled"
    wait_until(lambda: not window.stage.chips.isVisible())


def test_close_during_a_load_ends_at_once(window: MainWindow, tmp_path: Path) -> None:
    window.open_paths([write_splats(tmp_path / "big.ply", 400_000, degree=3)])
    wait_until(lambda: window.jobs.tasks[0].state == "running")
    processes = [lane._process.pid for lane in window.jobs._lanes.values() if lane._process is not None]
    began = time.monotonic()
    window.close()
    assert time.monotonic() - began < 3
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
