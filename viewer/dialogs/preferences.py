"""The settings, as a form made from their table. Changes hold at once."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout

from ..settings import declared
from ..theme import role
from ..widgets.setting_field import setting_field


class PreferencesDialog(QDialog):
    """One row per setting: label, field, what it does."""

    def __init__(self, window: Any) -> None:
        super().__init__(window)
        self.setWindowTitle("Preferences")
        self._settings = window.settings
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(24)
        self._form.setVerticalSpacing(8)
        self._fill()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        reset = buttons.addButton("Reset all", QDialogButtonBox.ButtonRole.ResetRole)
        reset.setAutoDefault(False)
        reset.setToolTip("Put every setting back to its default")
        reset.clicked.connect(self._reset)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        column.addLayout(self._form)
        column.addStretch(1)
        column.addWidget(buttons)
        self.setMinimumWidth(560)

    def _fill(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        for entry in declared():
            value = getattr(self._settings.values, entry.name)
            field = setting_field(entry, value, lambda new, name=entry.name: self._settings.set(name, new))
            field.setObjectName(entry.name)
            field.setMinimumWidth(160)
            small = f"font-size:11px; color:{role('quiet')}"
            label = QLabel(f"{entry.label}<br><span style='{small}'>{entry.help}</span>")
            label.setBuddy(field)
            self._form.addRow(label, field)

    def _reset(self) -> None:
        self._settings.reset()
        self._fill()
