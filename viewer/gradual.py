"""Drives a job on the window's own thread, a few milliseconds at a time.

For what looks at data that are there, as a histogram of a million splats does: to send them to another process would
take longer than the work. The job has to come to a `yield` every few milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer

from assets.progress import Job

SLICE_SECONDS = 0.006
PAUSE_MS = 2
"""Between two slices of what somebody waits for."""
IDLE_MS = 24
"""Between two slices of what nobody waits for: drawing has the thread to itself most of the time."""


class Gradual(QObject):
    """Does one job at a time; the next one takes the place of one that is not done."""

    def __init__(self, parent: QObject, pause_ms: int = PAUSE_MS) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._on_result: Callable[[Any], None] = lambda result: None
        self._timer = QTimer(self, interval=pause_ms)
        self._timer.timeout.connect(self._work)

    @property
    def busy(self) -> bool:
        """Whether a job is not done."""
        return self._job is not None

    def start(self, job: Job, on_result: Callable[[Any], None]) -> None:
        """Begins a job; `on_result` gets what it returns."""
        self._job, self._on_result = job, on_result
        self._timer.start()

    def stop(self) -> None:
        """Drops what is not done."""
        self._job = None
        self._timer.stop()

    def _work(self) -> None:
        end = time.perf_counter() + SLICE_SECONDS
        while time.perf_counter() < end:
            try:
                next(self._job)
            except StopIteration as stop:
                self.stop()
                self._on_result(stop.value)
                return
            except BaseException:
                self.stop()
                raise
