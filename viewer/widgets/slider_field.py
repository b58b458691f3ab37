"""A slider and a number for one declared setting, made from its record alone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from assets.display import Setting

from .setting_field import setting_field

LABEL_WIDTH = 72
NUMBER_WIDTH = 72
STEPS = 200


class SliderField(QWidget):
    """The label, a slider and a field. `on_change(value)` hears each new value, `on_rest()` that the slider was let
    go."""

    def __init__(
        self,
        entry: Setting,
        value: float,
        on_change: Callable[[float], None],
        on_rest: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._entry, self._on_change = entry, on_change
        self.slider = QSlider(Qt.Orientation.Horizontal, minimum=0, maximum=STEPS)
        self.slider.setToolTip(entry.help)
        self.slider.setAccessibleName(entry.label)
        self.number = setting_field(entry, value, self._on_number)
        self.number.setFixedWidth(NUMBER_WIDTH)
        label = QLabel(entry.label)
        label.setProperty("quiet", True)
        label.setFixedWidth(LABEL_WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(label)
        row.addWidget(self.slider, 1)
        row.addWidget(self.number)
        self.tell(value)
        self.slider.valueChanged.connect(self._on_slider)
        self.slider.sliderReleased.connect(on_rest)

    def tell(self, value: float) -> None:
        """Shows a value that was set elsewhere."""
        entry = self._entry
        place = round((value - entry.low) / (entry.high - entry.low) * STEPS)
        with QSignalBlocker(self.slider), QSignalBlocker(self.number):
            if not self.slider.isSliderDown():
                self.slider.setValue(place)
            if not self.number.hasFocus() or abs(self.number.value() - value) > 0.6 * (entry.step or 0.01):
                self.number.setValue(value)

    def _on_slider(self, place: int) -> None:
        entry = self._entry
        value = entry.low + (entry.high - entry.low) * place / STEPS
        with QSignalBlocker(self.number):
            self.number.setValue(value)
        self._on_change(value)

    def _on_number(self, value: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(round((value - self._entry.low) / (self._entry.high - self._entry.low) * STEPS))
        self._on_change(value)
