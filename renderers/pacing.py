"""Cuts a draw into pieces of about 10 ms, whatever the machine."""

from __future__ import annotations

import time

from OpenGL import GL

from .gl.context import capabilities

PIECE_SECONDS = 0.010

HARDWARE_ELEMENTS = 2_000_000
"""Elements per piece on a graphics card, which works in its own time: a piece is only what is handed over at once."""


class Pacer:
    """How many elements (triangles, points, pixels) one piece of a draw takes.

    A software GL works on our own cores, and mostly when asked to finish. So each piece is finished and measured, and
    the next one is made larger or smaller. A card is never waited for.
    """

    def __init__(self, software_elements: int) -> None:
        self._software = capabilities().software
        self._elements = float(software_elements if self._software else HARDWARE_ELEMENTS)

    @property
    def elements(self) -> int:
        """Elements that a piece should take."""
        return max(1, int(self._elements))

    def begin(self) -> float:
        """Starts a piece; the answer goes to `overdue` and `finish`."""
        return time.perf_counter()

    def overdue(self, started: float) -> bool:
        """Whether handing over alone has taken as long as a piece should, as with many small draws."""
        return time.perf_counter() - started > PIECE_SECONDS

    def finish(self, started: float, elements: int) -> None:
        """Ends a piece of `elements`: waits for it where that is our own work, and learns from its time."""
        if not self._software or not elements:
            return
        GL.glFinish()
        seconds = max(time.perf_counter() - started, 1e-6)
        # A short piece is mostly fixed cost and says little about a long one, so changes are bounded.
        fitting = elements * PIECE_SECONDS / seconds
        self._elements = min(max(fitting, 0.25 * self._elements, 256.0), 1.5 * self._elements)
