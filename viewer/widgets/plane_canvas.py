"""Planes side by side as pictures, each with its axes, and a crosshair through all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ..theme import role

CAPTION = 20
GAP = 12
LEAST_COLUMN = 148
"""Pixels that the words above a plane need."""
LINE_HEIGHT = 28
"""Pixels of the strip that shows a line."""
DOT = 3.5


@dataclass(frozen=True)
class Tile:
    """One plane: what stands above it, its picture (None while it is made), its size (rows, columns), and where the
    crosshair is, (column, row) with whole numbers at the centres of texels, or None."""

    title: str
    size: tuple[int, int]
    picture: QImage | None = None
    mark: tuple[float, float] | None = None
    tip: str = ""

    @property
    def line(self) -> bool:
        """Whether it has one row, which is drawn as a strip."""
        return self.size[0] == 1


def arrange(sizes: Sequence[tuple[int, int]], width: float, height: float) -> list[QRectF]:
    """Places for pictures of `sizes` (rows, columns) in `width` × `height`, as large as they can be together, in
    columns that are no wider than what stands in them."""
    best: tuple[float, list[QRectF]] = (-1.0, [])
    for rows in range(1, len(sizes) + 1):
        columns = math.ceil(len(sizes) / rows)
        cell = ((width - GAP) / columns - GAP, height / rows - GAP - CAPTION)
        if min(cell) < 1:
            continue
        fitted = [_fitted(size, *cell) for size in sizes]
        widths = [max(max(wide for wide, _ in fitted[column::columns]), LEAST_COLUMN) for column in range(columns)]
        heights = [max(high for _, high in fitted[row * columns : (row + 1) * columns]) for row in range(rows)
                   if row * columns < len(sizes)]  # fmt: skip
        places = []
        for number, (wide, high) in enumerate(fitted):
            row, column = divmod(number, columns)
            left = GAP + sum(widths[:column]) + column * GAP
            top = CAPTION + sum(heights[:row]) + row * (GAP + CAPTION)
            places.append(QRectF(left, top, wide, high))
        covered = sum(place.width() * place.height() for place in places)
        best = max(best, (covered, places), key=lambda pair: pair[0])
    return best[1] or [QRectF()] * len(sizes)


def _fitted(size: tuple[int, int], width: float, height: float) -> tuple[float, float]:
    if size[0] == 1:
        return width, min(LINE_HEIGHT, height)
    scale = min(width / size[1], height / size[0])
    return size[1] * scale, size[0] * scale


class PlaneCanvas(QWidget):
    """The tiles. `moved(number, column, row)` follows the hand while the left button is down, `rested()` its end; a
    double click shows one tile alone, and all again."""

    moved = Signal(int, float, float)
    rested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tiles: tuple[Tile, ...] = ()
        self.alone: int | None = None
        self._held: int | None = None
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMinimumSize(120, 64)
        self.setAccessibleName("Planes")
        self.setMouseTracking(True)

    def show_tiles(self, tiles: Sequence[Tile]) -> None:
        """Shows these planes."""
        if len(tiles) != len(self.tiles):
            self.alone = None
        self.tiles = tuple(tiles)
        self.update()

    def move_marks(self, marks: Sequence[tuple[float, float] | None]) -> None:
        """Moves the crosshair of each tile."""
        tiles = tuple(replace(tile, mark=mark) for tile, mark in zip(self.tiles, marks, strict=True))
        if tiles != self.tiles:
            self.tiles = tiles
            self.update()

    def sizeHint(self) -> QSize:
        """A drawer with three planes."""
        return QSize(720, 220)

    def places(self) -> dict[int, QRectF]:
        """Where the picture of each tile that is shown lies."""
        shown = range(len(self.tiles)) if self.alone is None else [self.alone]
        found = arrange([self.tiles[number].size for number in shown], self.width(), self.height())
        return dict(zip(shown, found, strict=True))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the tiles."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(role("panel")))
        for number, place in self.places().items():
            if not place.isEmpty():
                self._paint_tile(painter, self.tiles[number], place)
        painter.end()

    def _paint_tile(self, painter: QPainter, tile: Tile, place: QRectF) -> None:
        painter.setPen(QColor(role("quiet")))
        above = QRectF(place.left(), place.top() - CAPTION, max(place.width(), LEAST_COLUMN), CAPTION)
        words = painter.fontMetrics().elidedText(tile.title, Qt.TextElideMode.ElideRight, round(above.width()))
        painter.drawText(above, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
        painter.fillRect(place, QColor(role("window")))
        if tile.picture is not None:
            enlarged = place.width() * self.devicePixelRatioF() >= tile.size[1]
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not enlarged)
            painter.drawImage(place, tile.picture)
        painter.setPen(QPen(QColor(role("line")), 1))
        painter.drawRect(place)
        if tile.mark is not None:
            self._paint_cross(painter, tile, place)

    def _paint_cross(self, painter: QPainter, tile: Tile, place: QRectF) -> None:
        """White lines with a dark rim, which stand out from any picture."""
        at = QPointF(
            place.left() + (tile.mark[0] + 0.5) / tile.size[1] * place.width(),
            place.top() + (tile.mark[1] + 0.5) / tile.size[0] * place.height(),
        )
        painter.save()
        painter.setClipRect(place.adjusted(-1, -1, 1, 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for color, width in ((QColor(0, 0, 0, 150), 3.0), (QColor(255, 255, 255, 220), 1.0)):
            painter.setPen(QPen(color, width))
            painter.drawLine(QPointF(at.x(), place.top()), QPointF(at.x(), place.bottom()))
            if not tile.line:
                painter.drawLine(QPointF(place.left(), at.y()), QPointF(place.right(), at.y()))
        painter.setPen(QPen(QColor(0, 0, 0, 180), 1.0))
        painter.setBrush(QColor(role("accent")))
        painter.drawEllipse(at, DOT, DOT)
        painter.restore()

    def texel(self, number: int, at: QPointF) -> tuple[float, float]:
        """The (column, row) under a place of the widget, kept within the tile."""
        place, (rows, columns) = self.places()[number], self.tiles[number].size
        column = (at.x() - place.left()) / max(place.width(), 1e-9) * columns - 0.5
        row = (at.y() - place.top()) / max(place.height(), 1e-9) * rows - 0.5
        return min(max(column, -0.5), columns - 0.5), 0.0 if rows == 1 else min(max(row, -0.5), rows - 0.5)

    def tile_at(self, at: QPointF) -> int | None:
        """The tile under a place of the widget."""
        return next((number for number, place in self.places().items() if place.contains(at)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Takes hold of the crosshair."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = self.tile_at(event.position())
            self._move(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The crosshair follows; beside that, the plane under the hand says what it is."""
        self._move(event.position())
        under = self.tile_at(event.position())
        self.setToolTip(self.tiles[under].tip if under is not None else "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Lets go."""
        if self._held is not None and event.button() == Qt.MouseButton.LeftButton:
            self._held = None
            self.rested.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """One tile alone, or all."""
        under = self.tile_at(event.position())
        self.alone = under if self.alone is None else None
        self.update()

    def _move(self, at: QPointF) -> None:
        if self._held is not None:
            self.moved.emit(self._held, *self.texel(self._held, at))
