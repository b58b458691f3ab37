"""The handles, targets and pins of a drag as a table of numbers that can be typed."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap, QPolygonF
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

ROW_HEIGHT = 26
MOST_ROWS_SHOWN = 7
MARK_SIZE = 14
COLORS = {"handle": "#ff5a4f", "target": "#4f8dff", "pin": "#ffc857"}
"""As the marks in the picture have them (look.md)."""


class MarkTable(QTableWidget):
    """Rows of "handle", "target" and "pin" with their world coordinates."""

    def __init__(self, dragging: Any) -> None:
        super().__init__(0, 4)
        self._dragging = dragging
        self._rows: list[tuple[str, int]] = []
        self._marks = {name: _mark(name) for name in COLORS}
        self.setAccessibleName("Handles and pins")
        self.setHorizontalHeaderLabels(["", "x", "y", "z"])
        self.setToolTip("Where handles hold the shape at rest, where they go, and what is pinned; double-click to type")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(0, 44)
        header.setHighlightSections(False)
        header.setFixedHeight(24)
        self.setShowGrid(False)
        self.setIconSize(QSize(MARK_SIZE, MARK_SIZE))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemChanged.connect(self._on_typed)
        self.itemSelectionChanged.connect(self._on_selected)

    def tell(self) -> None:
        """Shows the marks as they are now."""
        dragging = self._dragging
        drag = dragging.plan.drag
        rows = [(what, index) for index in range(len(drag.handles)) for what in ("handle", "target")]
        rows += [("pin", index) for index in range(len(drag.pins))]
        with QSignalBlocker(self):
            if rows != self._rows:
                self._make(rows)
            if rows:
                resting = [dragging.placed(handle.source) for handle in drag.handles]
                places = {"handle": resting, "target": dragging.targets(), "pin": dragging.pins()}
                decimals = _decimals(dragging.world_size)
                for row, (what, index) in enumerate(rows):
                    self._fill(row, places[what][index], decimals)
            chosen = self._rows.index(dragging.selected) if dragging.selected in self._rows else -1
            if chosen != self.currentRow():
                self.setCurrentCell(chosen, 0)
                self.clearSelection() if chosen < 0 else self.selectRow(chosen)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete takes a mark away."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and 0 <= self.currentRow() < len(self._rows):
            self._dragging.remove(self._rows[self.currentRow()])
        else:
            super().keyPressEvent(event)

    def _make(self, rows: list[tuple[str, int]]) -> None:
        self._rows = rows
        self.setRowCount(len(rows))
        for row, (what, index) in enumerate(rows):
            name = QTableWidgetItem(self._marks[what], str(index + 1) if what != "target" else "")
            name.setToolTip(f"{what.capitalize()} {index + 1}")
            name.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            self.setItem(row, 0, name)
            for column in (1, 2, 3):
                cell = QTableWidgetItem()
                cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, cell)
        shown = min(max(len(rows), 1), MOST_ROWS_SHOWN)
        self.setFixedHeight(self.horizontalHeader().height() + shown * ROW_HEIGHT + 2)

    def _fill(self, row: int, place: tuple[float, ...], decimals: int) -> None:
        for column, value in enumerate(place, 1):
            text = f"{value:.{decimals}f}" if abs(value) < 1e6 else f"{value:.3g}"
            text = text.replace("-", "−")
            if self.item(row, column).text() != text:
                self.item(row, column).setText(text)

    def _on_typed(self, item: QTableWidgetItem) -> None:
        what, index = self._rows[item.row()]
        try:
            value = float(item.text().replace("−", "-").replace(",", "."))
        except ValueError:
            self._dragging.session.failed.emit(f"{item.text()!r} is not a number.", "")
        else:
            self._dragging.set_point(what, index, item.column() - 1, value)
        self.tell()

    def _on_selected(self) -> None:
        row = self.currentRow()
        if 0 <= row < len(self._rows) and self.selectedItems():
            self._dragging.select(self._rows[row])


def _decimals(size: float) -> int:
    """As many as tell a thousandth of an asset of that size, so that a column lines up."""
    return int(min(max(3 - np.floor(np.log10(size)), 0), 6))


def _mark(name: str) -> QIcon:
    """A disc, a diamond or a square in its colour: shape says what colour says."""
    pixmap = QPixmap(MARK_SIZE * 2, MARK_SIZE * 2)
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(COLORS[name]))
    middle = MARK_SIZE / 2
    if name == "handle":
        painter.drawEllipse(QPointF(middle, middle), 5, 5)
    elif name == "target":
        painter.drawPolygon(
            QPolygonF([QPointF(middle + dx, middle + dy) for dx, dy in ((0, -6), (6, 0), (0, 6), (-6, 0))])
        )
    else:
        painter.drawRect(QRectF(middle - 4.5, middle - 4.5, 9, 9))
    painter.end()
    return QIcon(pixmap)
