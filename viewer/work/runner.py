"""Tasks: jobs with a title and a home for what they give. The window runs them in other processes, scripts at once."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from assets.errors import TriptychError
from assets.progress import Progress, run

from .worker import resolve


def _ignore(*_: Any) -> None:
    """Does nothing with a result that nobody waits for."""


@dataclass(eq=False)
class Task:
    """One job on its way.

    function: the generator function, "module:name", with its picklable arguments and keywords. lane: tasks of a lane
    run one after the other, so that a long preparation never delays an opening. The `on_*` are called where the
    runner was made (in the window: on its thread): `on_partial(value)`, `on_result(value)`, `on_failure(error,
    details)`; after a Cancel none of them.
    """

    title: str
    function: str
    arguments: tuple = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    lane: str = "files"
    on_partial: Callable[[Any], None] = _ignore
    on_result: Callable[[Any], None] = _ignore
    on_failure: Callable[[TriptychError, str], None] = _ignore
    quiet: bool = False
    """Whether it needs no place among the things that the user watches."""
    progress: Progress = field(default_factory=lambda: Progress(0, 0, ""))
    state: str = "waiting"
    """"waiting", "running", "finished", "failed" or "cancelled"."""

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ("finished", "failed", "cancelled")


class Runner(Protocol):
    """Something that performs tasks."""

    def start(self, task: Task) -> Task:
        """Takes the task; it may run now or later."""

    def cancel(self, task: Task) -> None:
        """Stops the task; nothing of it is delivered any more."""


class InlineRunner:
    """Performs each task at once in this thread: for scripts and tests."""

    def start(self, task: Task) -> Task:
        """Performs the task and returns it when it is over."""
        task.state = "running"
        try:
            job = resolve(task.function)(*task.arguments, **task.keywords)
            result = run(job, lambda progress: setattr(task, "progress", progress), task.on_partial)
        except TriptychError as error:
            task.state = "failed"
            task.on_failure(error, traceback.format_exc())
            return task
        task.state = "finished"
        task.on_result(result)
        return task

    def cancel(self, task: Task) -> None:
        """Nothing: a task is over before anyone could want that."""
