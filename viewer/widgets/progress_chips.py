"""What is being worked on, in a corner of the viewport: text, share, Cancel."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from ..icons import icon
from ..jobs import Jobs
from ..wording import THIN_SPACE
from ..work.runner import Task

APPEAR_MS = 250
"""What is over sooner never shows."""
MOST_SHOWN = 4
TEXT_WIDTH = 272
BAR_HEIGHT = 4


class Bar(QWidget):
    """A thin line that fills. QProgressBar repaints at once with every value, which composes the whole window."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(BAR_HEIGHT)
        self._fraction = 0.0

    def tell(self, fraction: float) -> None:
        """Shows a share, 0 … 1."""
        if round(fraction * self.width()) != round(self._fraction * self.width()):
            self.update()
        self._fraction = fraction

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the groove and the share."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        radius = self.height() / 2
        for share, role in ((1.0, QPalette.ColorRole.Mid), (self._fraction, QPalette.ColorRole.Accent)):
            painter.setBrush(self.palette().color(role))
            painter.drawRoundedRect(QRectF(0, 0, self.width() * share, self.height()), radius, radius)


class Chip(QFrame):
    """One task."""

    def __init__(self, task: Task, jobs: Jobs, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("chip")
        self.setFixedWidth(TEXT_WIDTH + 108)
        self.text = QLabel()
        self.share = QLabel()
        self.share.setProperty("quiet", True)
        self.share.setMinimumWidth(44)
        self.share.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.cancel = QToolButton(icon=icon("x"), toolTip=f"Cancel: {task.title}")
        self.cancel.setAccessibleName(f"Cancel {task.title}")
        self.cancel.clicked.connect(lambda: jobs.cancel(task))
        self.bar = Bar()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        row.addWidget(self.share)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 4, 8)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.bar)
        self.tell(task)

    def tell(self, task: Task) -> None:
        """Shows how far the task is."""
        progress = task.progress
        words = task.title
        if task.state == "waiting":
            words = f"Waiting: {task.title}"
        elif progress.text and progress.text != task.title:
            words = f"{task.title} · {progress.text[0].lower()}{progress.text[1:]}"
        self.text.setText(self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, TEXT_WIDTH))
        self.text.setToolTip(words)
        known = progress.total > 0 and task.state == "running"
        self.share.setText(f"{100 * progress.fraction:.0f}{THIN_SPACE}%" if known else "")
        # Never the busy animation: under a software GL each of its frames composes the whole window.
        self.bar.tell(progress.fraction if known else 0.0)


class ProgressChips(QWidget):
    """The chips of all tasks that are not quiet, oldest at the bottom."""

    def __init__(self, jobs: Jobs, parent: QWidget) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._chips: dict[Task, Chip] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        jobs.changed.connect(self._on_changed)
        self.hide()

    def chip(self, task: Task) -> Chip | None:
        """The chip of a task, where it is shown."""
        return self._chips.get(task)

    def _on_changed(self, task: Task) -> None:
        chip = self._chips.get(task)
        if task.over:
            if chip is not None:
                del self._chips[task]
                self._column.removeWidget(chip)
                chip.hide()
                chip.deleteLater()
                self._settle()
        elif chip is not None:
            chip.tell(task)
        elif not task.quiet and task.state == "waiting":
            QTimer.singleShot(APPEAR_MS, self, lambda: self._appear(task))

    def _appear(self, task: Task) -> None:
        if not task.over and task not in self._chips:
            self._chips[task] = chip = Chip(task, self._jobs, self)
            self._column.insertWidget(0, chip)
            self._settle()

    def _settle(self) -> None:
        for number, chip in enumerate(self._chips.values()):
            chip.setVisible(number < MOST_SHOWN)
        self.setVisible(bool(self._chips))
        self.adjustSize()
        self.parentWidget().place()
