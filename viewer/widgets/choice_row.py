"""A label and a few small buttons of which one, or none, is on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from ..icons import icon

LEAST_WIDTH = 26


class ChoiceRow(QWidget):
    """`choices`: (value, text, icon or "", tool tip). `on_choice(value)` hears which one was pressed. label_width:
    pixels; 0: what it needs."""

    def __init__(
        self,
        label: str,
        choices: Iterable[tuple[Any, str, str, str]],
        on_choice: Callable[[Any], None],
        label_width: int = 0,
    ) -> None:
        super().__init__()
        self.buttons: dict[Any, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        if label:
            words = QLabel(label)
            words.setProperty("quiet", True)
            if label_width:
                words.setFixedWidth(label_width + 4)
            row.addWidget(words)
        for value, text, picture, tip in choices:
            button = QToolButton(text=text, toolTip=tip, checkable=True)
            button.setProperty("choice", True)
            button.setMinimumWidth(LEAST_WIDTH)
            button.setAccessibleName(f"{label} {text}".strip())
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            if picture:
                button.setIcon(icon(picture, "quiet"))
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.clicked.connect(lambda _=False, value=value: on_choice(value))
            self.buttons[value] = button
            row.addWidget(button)

    def tell(self, *on: Any) -> None:
        """Shows which ones are on."""
        for value, button in self.buttons.items():
            button.setChecked(value in on)
