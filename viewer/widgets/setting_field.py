"""A field for one declared setting, made from its record alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from assets.display import Setting

TEXT_INSET = 6
"""Pixels before the text of a number, which a stylesheet cannot set."""


def setting_field(entry: Setting, value: Any, on_change: Callable[[Any], None]) -> QWidget:
    """A field that shows `value` and calls `on_change` with each new one."""
    if entry.choices:
        field = QComboBox()
        field.addItems([choice.capitalize() if choice.isalpha() else choice for choice in entry.choices])
        field.setCurrentIndex(entry.choices.index(value))
        field.currentIndexChanged.connect(lambda index: on_change(entry.choices[index]))
    elif isinstance(entry.default, bool):
        field = QCheckBox()
        field.setChecked(value)
        field.toggled.connect(on_change)
    elif isinstance(entry.default, int):
        field = QSpinBox(minimum=int(entry.low or 0), maximum=int(entry.high or 1 << 30), value=value)
        field.valueChanged.connect(on_change)
    elif isinstance(entry.default, float):
        step = entry.step or 0.1
        field = QDoubleSpinBox(decimals=0 if step >= 1 else 2, minimum=entry.low or 0.0, maximum=entry.high or 1e9)
        field.setSingleStep(step)
        field.setValue(value)
        field.valueChanged.connect(on_change)
    else:
        field = QLineEdit(str(value))
        field.textEdited.connect(on_change)
    if entry.unit:
        field.setSuffix(f" {entry.unit}")
    if isinstance(field, QAbstractSpinBox):
        field.lineEdit().setTextMargins(TEXT_INSET, 0, 0, 0)
    field.setToolTip(entry.help)
    field.setAccessibleName(entry.label)
    return field
