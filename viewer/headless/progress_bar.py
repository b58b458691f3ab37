"""The progress bar of the command line. No Qt."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from assets.progress import Progress

WIDTH = 24
SECONDS_BETWEEN = 0.1


class ProgressBar:
    """One line on a terminal that tells how far a job is; silent where stderr is not a terminal.

    Used as a context: it erases itself at the end, so that only results and errors stay.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._on_terminal = self._stream.isatty()
        self._shown = 0
        self._last = 0.0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.erase()

    def show(self, progress: Progress) -> None:
        """Draws the line again, at most ten times a second."""
        now = time.monotonic()
        if not self._on_terminal or now - self._last < SECONDS_BETWEEN:
            return
        self._last = now
        filled = round(WIDTH * progress.fraction)
        bar = "#" * filled + "." * (WIDTH - filled)
        percent = f"{progress.fraction:4.0%}" if progress.total > 0 else "    "
        columns = shutil.get_terminal_size().columns
        line = f"[{bar}] {percent}  {progress.text}"[: max(1, columns - 1)]
        self._stream.write("\r" + line.ljust(self._shown))
        self._stream.flush()
        self._shown = len(line)

    def erase(self) -> None:
        """Leaves an empty line with the cursor at its beginning."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0
