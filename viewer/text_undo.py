"""Whose Ctrl+Z it is: that of a text field as long as it has typed text to take back, then the window's."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QLineEdit


def is_for_the_window(watched: Any, event: QKeyEvent) -> bool:
    """Whether a text field would claim a key for undo or redo (in a ShortcutOverride) and has no use for it: a number
    that was set is a change of the scene."""
    # A field for numbers gets its keys itself and hands them to the text field inside.
    field = watched.findChild(QLineEdit) if isinstance(watched, QAbstractSpinBox) else watched
    if not isinstance(field, QLineEdit):
        return False
    if event.matches(QKeySequence.StandardKey.Undo):
        return not field.isUndoAvailable()
    return event.matches(QKeySequence.StandardKey.Redo) and not field.isRedoAvailable()
