"""A histogram over which a range can be dragged.

Importing this imports pyqtgraph; the panel does it when it is first shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QFont

from assets.splats.attributes import Histogram

from ..theme import role
from ..wording import count

AXIS_TEXT_PX = 11
_MOST_POWERS = 4
"""Powers of ten that an axis has between which there is room for more numbers."""
_FEWEST_TICKS, _MOST_TICKS = 3, 12


class _Ground(pg.ViewBox):
    """What lies behind the bars: a drag over it is a range, a double click none."""

    dragged = Signal(float, float)
    double_clicked = Signal()

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """pyqtgraph calls this for each movement of a drag."""
        event.accept()
        if event.button() == Qt.MouseButton.LeftButton:
            ends = [self.mapToView(self.mapFromScene(at)).x() for at in (event.buttonDownScenePos(), event.scenePos())]
            self.dragged.emit(min(ends), max(ends))

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Qt calls this."""
        event.accept()
        self.double_clicked.emit()


class _PowerAxis(pg.AxisItem):
    """An axis whose places may be logarithms: then it shows the numbers themselves."""

    logarithmic = False

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """pyqtgraph calls this for the places of its ticks: 1, 2, 5 and 10 of each power where that leaves enough."""
        powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
        steps = (1,) if high - low > _MOST_POWERS else (1, 2, 5)
        places = [power + float(np.log10(step)) for power in powers for step in steps]
        places = [place for place in places if low <= place <= high]
        if not self.logarithmic or len(places) < _FEWEST_TICKS:
            return super().tickValues(low, high, size)
        return [(1.0, places[:: -(-len(places) // _MOST_TICKS)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """pyqtgraph calls this for the texts of its ticks."""
        if not self.logarithmic:
            return [text.replace("-", "−") for text in super().tickStrings(values, scale, spacing)]
        return [f"{10.0**value:.3g}".replace("-", "−") for value in values]


class _CountAxis(pg.AxisItem):
    """An axis of numbers of splats, written as everywhere."""

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """pyqtgraph calls this for the texts of its ticks."""
        return [count(round(value)) if float(value).is_integer() else "" for value in values]


class RangePlot(pg.PlotWidget):
    """Bars, and a range over them. `ranged` is emitted while the range is dragged, `emptied` when it is put away."""

    ranged = Signal()
    emptied = Signal()

    def __init__(self) -> None:
        self._ground = _Ground(enableMenu=False)
        self._axis = _PowerAxis("bottom")
        super().__init__(viewBox=self._ground, axisItems={"bottom": self._axis, "left": _CountAxis("left")})
        self.setAccessibleName("Histogram")
        self.setMenuEnabled(False)
        self.hideButtons()
        self._ground.setMouseEnabled(False, False)
        self._ground.setDefaultPadding(0.0)
        for name in ("left", "bottom"):
            self.getAxis(name).enableAutoSIPrefix(False)
        self.getAxis("left").setWidth(56)
        self.getPlotItem().layout.setContentsMargins(0, AXIS_TEXT_PX // 2 + 1, 0, 0)  # for half of the highest number
        self._bars = pg.PlotCurveItem([0.0, 1.0], [0.0], stepMode="center", fillLevel=0.0)
        self.addItem(self._bars)
        self._region = pg.LinearRegionItem(movable=True)
        self._region.hide()
        self.addItem(self._region)
        self._ends = (0.0, 1.0)
        self._quiet = False
        self._region.sigRegionChanged.connect(self._on_region)
        self._ground.dragged.connect(self._on_dragged)
        self._ground.double_clicked.connect(self.emptied.emit)
        self.retheme()

    def retheme(self) -> None:
        """Takes the colours of the present theme."""
        self.setBackground(QColor(role("panel")))
        font = QFont(self.font())
        font.setPixelSize(AXIS_TEXT_PX)
        for name in ("left", "bottom"):
            axis = self.getAxis(name)
            axis.setPen(QColor(role("line")))
            axis.setTextPen(QColor(role("quiet")))
            axis.setStyle(tickFont=font)
        fill, accent = QColor(role("quiet")), QColor(role("accent"))
        self._bars.setPen(fill)
        fill.setAlpha(110)
        self._bars.setBrush(fill)
        inside = QColor(accent)
        inside.setAlpha(60)
        hovered = QColor(accent)
        hovered.setAlpha(90)
        self._region.setBrush(inside)
        self._region.setHoverBrush(hovered)
        for line in self._region.lines:
            line.setPen(accent, width=2)
            line.setHoverPen(accent, width=4)

    def show_histogram(self, histogram: Histogram, tall: bool) -> None:
        """Draws the bars. tall: as logarithms of their counts."""
        counts = histogram.counts.astype(np.float64)
        heights = np.log10(1 + counts) if tall else counts
        self._axis.logarithmic = histogram.logarithmic
        self.getAxis("left").setStyle(showValues=not tall)
        self._bars.setData(histogram.edges, heights)
        self._ends = (float(histogram.edges[0]), float(histogram.edges[-1]))
        self._region.setBounds(self._ends)
        self._ground.setRange(xRange=self._ends, yRange=(0.0, max(1.0, 1.05 * heights.max(initial=0))), padding=0)

    def chosen(self) -> tuple[float, float] | None:
        """The ends of the range in places of the axis; None where there is none."""
        return tuple(float(end) for end in self._region.getRegion()) if self._region.isVisible() else None

    def show_range(self, low: float, high: float) -> None:
        """Puts the range somewhere, as far as the axis reaches, without a word."""
        self._quiet = True
        self._region.setRegion(np.clip((low, high), *self._ends))
        self._region.show()
        self._quiet = False

    def hide_range(self) -> None:
        """Puts the range away without a word."""
        self._region.hide()

    def _on_dragged(self, low: float, high: float) -> None:
        self.show_range(low, high)
        self.ranged.emit()

    def _on_region(self) -> None:
        if not self._quiet and self._region.isVisible():
            self.ranged.emit()
