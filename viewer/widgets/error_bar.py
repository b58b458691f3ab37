"""The bar over the viewport that says what went wrong, in the sentence that the command line has too."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from ..icons import icon

MOST_SHOWN = 3
"""So many sentences stand in the bar; the others follow in Details."""


class ErrorBar(QFrame):
    """Collects messages until they are dismissed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("errorBar")
        self._messages: list[tuple[str, str]] = []
        mark = QLabel()
        mark.setPixmap(icon("warning-circle", "error").pixmap(QSize(20, 20), self.devicePixelRatioF()))
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.more = QToolButton(text="Details", checkable=True, toolTip="Show what led to this")
        self.more.toggled.connect(self._show_details)
        self.close_button = QToolButton(icon=icon("x"), toolTip="Dismiss (Esc)")
        self.close_button.clicked.connect(self.dismiss)
        self.details = QPlainTextEdit(readOnly=True)
        self.details.setFixedHeight(160)
        self.details.hide()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.more, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 8, 8)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self.details)
        self.hide()

    @property
    def messages(self) -> list[str]:
        """The sentences that are shown, newest first."""
        return [sentence for sentence, _ in self._messages]

    def add(self, sentence: str, details: str = "") -> None:
        """Shows one more message; one that stands there already comes to the front."""
        self._messages = [(sentence, details), *(pair for pair in self._messages if pair[0] != sentence)]
        self._tell()

    def forget(self, sentences: Iterable[str]) -> None:
        """Takes away messages that have been answered."""
        gone = set(sentences)
        self._messages = [pair for pair in self._messages if pair[0] not in gone]
        if self._messages:
            self._tell()
        else:
            self.dismiss()

    def dismiss(self) -> None:
        """Forgets all messages."""
        self._messages.clear()
        self.more.setChecked(False)
        self.hide()

    def _tell(self) -> None:
        sentences = self.messages
        shown = sentences[:MOST_SHOWN]
        if len(sentences) > MOST_SHOWN:
            shown.append(f"… and {len(sentences) - MOST_SHOWN} more, see Details.")
        self.text.setText("\n".join(shown))
        parts = [f"{sentence}\n{details}".strip() for sentence, details in self._messages]
        self.details.setPlainText("\n\n".join(parts))
        self.more.setVisible(any(details for _, details in self._messages) or len(sentences) > MOST_SHOWN)
        self.show()
        self.raise_()
        self.parentWidget().place()

    def _show_details(self, shown: bool) -> None:
        self.details.setVisible(shown)
        self.parentWidget().place()
