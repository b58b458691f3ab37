"""The status bar: what the mouse does now, what is visible, how long a picture takes and on what."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QStatusBar

from ..bindings import NAVIGATION, further_hints, hints
from ..theme import role
from ..wording import totals

TIME_MS = 250
"""Least time between two changes of the frame time: each change of a label composes more of the window."""

TOLD_WIDTH = 400
"""Pixels that the right half takes, and the gaps between the hints."""


class StatusBar(QStatusBar):
    """Left the mouse, right counts, time and driver."""

    def __init__(self, window: Any) -> None:
        super().__init__(window)
        self._window = window
        self.setSizeGripEnabled(False)
        self.hand, self.counts, self.time, self.driver = QLabel(), QLabel(), QLabel(), QLabel()
        self.time.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.time.setMinimumWidth(72)
        self.time.setToolTip("Time that the last picture took")
        self.driver.setToolTip("The graphics driver")
        self.addWidget(self.hand, 1)
        for label in (self.counts, self.time, self.driver):
            self.addPermanentWidget(label)
        self._later = QTimer(self, singleShot=True, interval=TIME_MS)
        self._later.timeout.connect(self._tell_time)

    def tell_hand(self, modifiers: frozenset[str] = frozenset()) -> None:
        """Says what each button does with the modifiers that are held and, where none is, what the tool does with
        others; as much as there is room for."""
        own = self._window.active_tool.bindings_now(self._window)
        rows = hints((*own, *NAVIGATION), modifiers)
        if not modifiers:
            first = sum(hand.startswith("left") for hand, _ in rows)
            rows[first:first] = further_hints(own)
        told = [" ".join(row) for row in rows]
        room = self._window.width() - TOLD_WIDTH
        while len(rows) > 1 and self.fontMetrics().horizontalAdvance(" · ".join(told[: len(rows)])) > room:
            rows.pop()
        strong = f"<span style='color:{role('text')}'>{{}}</span> {{}}"
        self.hand.setText(" &nbsp;·&nbsp; ".join(strong.format(hand, label) for hand, label in rows))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """There is room for more, or for less."""
        super().resizeEvent(event)
        self.tell_hand()

    def tell_counts(self) -> None:
        """Says what is visible."""
        self.counts.setText(totals(self._window.session.scene.visible()))

    def tell_time(self) -> None:
        """Says soon how long the last picture took."""
        if not self._later.isActive():
            self._later.start()

    def _tell_time(self) -> None:
        drawing, frame = self._window.viewport.drawing, self._window.viewport.frame
        if drawing is not None and frame is not None:
            shown = len(self._window.session.scene) > 0
            self.time.setText(f"{drawing.milliseconds:.1f} ms" if shown else "")
            self.driver.setText(frame.renderer_name)
