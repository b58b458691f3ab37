"""A field for one declared setting, made from its record alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from assets.display import Setting

TEXT_INSET = 6
"""Pixels before the text of a number, which a stylesheet cannot set."""


class ShareBox(QDoubleSpinBox):
    """A share, 0 … 1, that is shown and typed in percent."""

    def textFromValue(self, value: float) -> str:
        """0.25 is 25, and 0.085 is 8.5."""
        text = f"{100 * value:.1f}".removesuffix(".0")
        return text.replace(".", self.locale().decimalPoint())

    def valueFromText(self, text: str) -> float:
        """25, "25 %" and 25,0 are 0.25."""
        digits = text.removesuffix(self.suffix()).strip().replace(",", ".")
        try:
            return float(digits) / 100
        except ValueError:
            return self.value()

    def validate(self, text: str, place: int) -> Any:
        """Whether it is a number within the domain, or can become one."""
        digits = text.removesuffix(self.suffix()).strip().replace(",", ".")
        if not re.fullmatch(r"\d*(\.\d?)?", digits):
            return QValidator.State.Invalid, text, place
        if digits in ("", ".") or not self.minimum() <= float(digits) / 100 <= self.maximum():
            return QValidator.State.Intermediate, text, place
        return QValidator.State.Acceptable, text, place


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
        made = ShareBox if entry.unit == "%" else QDoubleSpinBox
        decimals = 4 if entry.unit == "%" else 0 if step >= 1 else 2
        field = made(decimals=decimals, minimum=entry.low or 0.0, maximum=entry.high or 1e9)
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
