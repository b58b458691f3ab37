"""Long work as plain generators.

A job yields `Progress` (how far it is) and, where something can be shown early, `Partial` (a piece of the result). It
returns its result. Every `yield` is also a point where the job may be cancelled, by closing the generator. A job knows
no thread and no process: the window runs it in a worker process, the command line under a progress bar, tests by `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """How far a job is: `done` of `total` in any unit (`total` 0: unknown), and what it is doing."""

    done: float
    total: float
    text: str

    @property
    def fraction(self) -> float:
        """0 … 1; 0 while the total is unknown."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


@dataclass(frozen=True)
class Partial:
    """A piece of a result that can be used before the job ends. `Asset.accept` takes it."""

    value: Any


Job = Generator[Progress | Partial, None, Result]


def run(
    job: Job[Result],
    on_progress: Callable[[Progress], None] | None = None,
    on_partial: Callable[[Any], None] | None = None,
) -> Result:
    """Drives `job` to its end in this thread and returns its result."""
    try:
        while True:
            event = next(job)
            if isinstance(event, Progress) and on_progress:
                on_progress(event)
            elif isinstance(event, Partial) and on_partial:
                on_partial(event.value)
    except StopIteration as stop:
        return stop.value


def stage(job: Job[Result], start: float, end: float) -> Job[Result]:
    """`job` as a part of a larger one: its progress is mapped onto `start … end` of 1."""
    try:
        while True:
            event = next(job)
            if isinstance(event, Progress):
                event = Progress(start + (end - start) * event.fraction, 1.0, event.text)
            yield event
    except StopIteration as stop:
        return stop.value
    finally:
        job.close()
