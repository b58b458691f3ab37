"""Ties the drag tool to a window: its thread, its clocks, its marks in the picture."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from ..dragging import Dragging
from .hand import Hand
from .live import LiveSolver

RUN_MS = 15
"""Between two steps of a run."""

GHOST = 0.3
"""How opaque the rest shape is."""

SETTLE_MS = 500
"""Rest after which a number that was turned becomes an entry of the history."""


class DragDesk(QObject):
    """Makes `dragging` and `hand`, and keeps them going. `close` ends the thread."""

    _arrived = Signal(object)

    def __init__(self, window: Any) -> None:
        super().__init__(window)
        self._window = window
        self.solver = LiveSolver(self._arrived.emit)
        self.dragging = Dragging(window.session, self.solver)
        self.hand = Hand(self.dragging)
        self._arrived.connect(lambda answer: answer(), Qt.ConnectionType.QueuedConnection)
        self._run = QTimer(self, interval=RUN_MS)
        self._run.timeout.connect(self._advance)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._on_rest)
        self.dragging.changed.connect(self._on_changed)
        self.dragging.said.connect(window.say)
        window.viewport.extras = self.frame_settings

    def frame_settings(self) -> dict[str, Any]:
        """What a frame has to know of the drag tool."""
        dragging = self.dragging
        shown = dragging.active and dragging.asset is not None
        return {
            "overlay": self.hand.overlay(rest=self._window.viewport.showing_before),
            "heat": dragging.asset if shown and (dragging.heat or dragging.mode == "paint") else None,
            "stretch": shown and dragging.stretch,
            "ghost": GHOST if shown and dragging.ghost else 0.0,
        }

    def run(self) -> None:
        """Sends the pairs to their targets."""
        moving = self._window.settings.values.motion
        if self.dragging.run(time.perf_counter() if moving else None) and moving:
            self._run.start()

    def close(self) -> None:
        """Ends the thread and the clocks."""
        self._run.stop()
        self._settle.stop()
        self.solver.close()

    def _advance(self) -> None:
        if not self.dragging.advance(time.perf_counter()):
            self._run.stop()

    def _on_changed(self) -> None:
        if self.dragging.active:
            self.solver.wake()
        self._window.viewport.show_marks(self.hand.holding and self.dragging.changes.open)
        if self.dragging.busy and not self.hand.holding and not self.dragging.running:
            self._settle.start()

    def _on_rest(self) -> None:
        if not self.hand.holding:
            self.dragging.settle()
