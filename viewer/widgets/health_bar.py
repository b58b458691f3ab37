"""The bar over the viewport that says that something is wrong with the active splats."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from ..icons import icon
from ..wording import count


class HealthBar(QFrame):
    """There while the doctor has something grave to say that nobody has put away."""

    def __init__(self, window: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = window
        self.setObjectName("healthBar")
        mark = QLabel()
        mark.setPixmap(icon("warning", "warning").pixmap(QSize(20, 20), self.devicePixelRatioF()))
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.show_button = QPushButton("Doctor…")
        self.show_button.setToolTip("What is wrong, and how to put it right")
        self.show_button.clicked.connect(lambda: window.panel("doctor"))
        self.close_button = QToolButton(icon=icon("x"), toolTip="Say no more of it")
        self.close_button.clicked.connect(window.splats.dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        row.addWidget(mark)
        row.addWidget(self.text, 1)
        row.addWidget(self.show_button)
        row.addWidget(self.close_button)
        window.splats.changed.connect(self.tell)
        self.hide()

    def tell(self) -> None:
        """Says what is wrong, or is gone."""
        found = self._window.splats.alarming
        if found:
            told = "; ".join(
                f"{finding.title[:1].lower()}{finding.title[1:]}: {count(finding.count)}" for finding in found
            )
            self.text.setText(f"{self._window.splats.active.name} may be damaged. {told[:1].upper()}{told[1:]}.")
        if bool(found) != self.isVisibleTo(self.parentWidget()) or found:
            self.setVisible(bool(found))
            self.raise_()
            self.parentWidget().place()
