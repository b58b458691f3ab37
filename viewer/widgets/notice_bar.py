"""A bar over the viewport that says something of the active asset and offers one thing to do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from ..icons import icon


class NoticeBar(QFrame):
    """A mark, a text, a button for what is offered, and one that puts the bar away. Hidden until there is something."""

    def __init__(self, parent: QWidget, name: str, mark: tuple[str, str]) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        sign = QLabel()
        sign.setPixmap(icon(*mark).pixmap(QSize(20, 20), self.devicePixelRatioF()))
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 8, 8, 8)
        self._row.setSpacing(8)
        self._row.addWidget(sign)
        self._row.addWidget(self.text, 1)
        self.hide()

    def offer(self, text: str, tip: str, act: Callable[[], object]) -> QPushButton:
        """The button for what can be done."""
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda: act())
        self._row.addWidget(button)
        return button

    def closing(self, tip: str, act: Callable[[], object]) -> QToolButton:
        """The button that puts the bar away."""
        button = QToolButton(icon=icon("x"), toolTip=tip)
        button.clicked.connect(lambda: act())
        self._row.addWidget(button)
        return button
