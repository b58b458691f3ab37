"""What a panel says while it has nothing to show."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel


class EmptyText(QLabel):
    """A quiet line or two at the top."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setProperty("quiet", True)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setContentsMargins(12, 12, 12, 12)
