"""A row of the inspector with a slider and a number, for values that are looked for by eye.

Importing this imports pyqtgraph; the inspector does it when it is first filled.
"""

from __future__ import annotations

import math
from typing import Any

from pyqtgraph.parametertree import Parameter, registerParameterType
from pyqtgraph.parametertree.parameterTypes import WidgetParameterItem
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QWidget

from .setting_field import TEXT_INSET

SLIDER = "slider and number"
"""The type of parameter that these rows show."""

STEPS = 200
NUMBER_WIDTH = 76
MOST_DECIMALS = 8


class SliderAndNumber(QWidget):
    """A slider over a range of numbers, and a field for the number itself, which may lie outside of it. whole: whether
    they are whole numbers; then each is a place of the slider. factors: whether equal steps of the slider are equal
    factors."""

    sigChanged = Signal(object)  # noqa: N815  pyqtgraph's name

    def __init__(self, label: str, tip: str, whole: bool = False, factors: bool = False) -> None:
        super().__init__()
        self._low, self._high, self._value = 0.0, 1.0, 0.0
        self._whole, self._factors = whole, factors
        self.slider = QSlider(Qt.Orientation.Horizontal, minimum=0, maximum=STEPS)
        self.number = QDoubleSpinBox(minimum=-1e9, maximum=1e9)
        self.number.setFixedWidth(NUMBER_WIDTH)
        self.number.setKeyboardTracking(False)
        self.number.lineEdit().setTextMargins(TEXT_INSET, 0, 0, 0)
        for part in (self.slider, self.number):
            part.setAccessibleName(label)
            part.setToolTip(tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.slider, 1)
        row.addWidget(self.number)
        self.slider.valueChanged.connect(self._on_slider)
        self.number.valueChanged.connect(self._on_number)

    def set_range(self, low: float, high: float) -> None:
        """Spreads the slider over other numbers; the value stays."""
        self._low, self._high = float(low), max(float(high), float(low) + 1e-9)
        span = self._high - self._low
        with QSignalBlocker(self.number), QSignalBlocker(self.slider):
            if self._whole:
                self.slider.setMaximum(max(1, round(span)))
                self.number.setDecimals(0)
            else:
                finest, digits = (self._low, 10) if self._factors else (span, 1000)
                fitting = (count for count in range(MOST_DECIMALS) if finest * 10**count >= digits)
                self.number.setDecimals(next(fitting, MOST_DECIMALS))
            if self._factors:
                self.number.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
            else:
                self.number.setSingleStep(span / self.slider.maximum())
        self.setValue(self._value)

    def value(self) -> float:
        """The number, as it was set rather than as it is shown."""
        return self._value

    def setValue(self, value: float) -> None:
        """Shows a number that was set elsewhere."""
        self._value = value
        with QSignalBlocker(self.slider), QSignalBlocker(self.number):
            if not self.slider.isSliderDown():
                self.slider.setValue(self._place(value))
            self.number.setValue(value)

    def _place(self, value: float) -> int:
        if self._factors:
            share = math.log(max(value, self._low) / self._low) / math.log(self._high / self._low)
        else:
            share = (value - self._low) / (self._high - self._low)
        share = min(1.0, max(0.0, share))
        return round(share * self.slider.maximum())

    def _on_slider(self, place: int) -> None:
        share = place / self.slider.maximum()
        if self._factors:
            value = self._low * (self._high / self._low) ** share
        else:
            value = self._low + (self._high - self._low) * share
        self._value = value = round(value) if self._whole else value
        with QSignalBlocker(self.number):
            self.number.setValue(value)
        self.sigChanged.emit(value)

    def _on_number(self, value: float) -> None:
        self._value = value
        with QSignalBlocker(self.slider):
            self.slider.setValue(self._place(value))
        self.sigChanged.emit(value)


class SliderRow(WidgetParameterItem):
    """The row of a parameter whose `limits` are the ends of the slider."""

    def makeWidget(self) -> SliderAndNumber:
        """pyqtgraph asks for the widget once."""
        options = self.param.opts
        made = SliderAndNumber(
            self.param.title(), options.get("tip", ""), options.get("whole", False), options.get("factors", False)
        )
        made.set_range(*options["limits"])
        return made

    def optsChanged(self, parameter: Any, changed: dict) -> None:
        """pyqtgraph calls this with what changed of the parameter."""
        super().optsChanged(parameter, changed)
        if "limits" in changed:
            self.widget.set_range(*changed["limits"])


class Slider(Parameter):
    """The parameter behind a row."""

    itemClass = SliderRow  # noqa: N815  pyqtgraph's name


registerParameterType(SLIDER, Slider, override=True)
