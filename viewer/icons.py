"""Line icons of one set and weight: glyphs of the Phosphor font that comes with qtawesome.

The font is read directly. Importing qtawesome would load all its fonts before the first icon, which takes longer than
the rest of the window.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

from .theme import role


@cache
def _glyphs() -> tuple[str, dict[str, str]]:
    """The family of the font and the code of each icon by name."""
    fonts = Path(importlib.util.find_spec("qtawesome").origin).parent / "fonts"
    font, table = next(fonts.glob("phosphor-*.ttf")), next(fonts.glob("phosphor-charmap-*.json"))
    family = QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(font)))[0]
    return family, json.loads(table.read_text("utf-8"))


def glyph(name: str) -> str:
    """The character of an icon. Raises KeyError for an unknown name."""
    return chr(int(_glyphs()[1][name], 16))


class _Engine(QIconEngine):
    """Draws one glyph at any size, in the colour that its role has when it is drawn."""

    def __init__(self, character: str, color: str, disabled: str) -> None:
        super().__init__()
        self._glyph, self._role, self._disabled = character, color, disabled

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        """Draws the glyph into `rect`."""
        name = self._disabled if mode == QIcon.Mode.Disabled else "accent" if state == QIcon.State.On else self._role
        font = QFont(_glyphs()[0])
        font.setPixelSize(max(1, round(rect.height() * 0.94)))
        painter.save()
        painter.setFont(font)
        painter.setPen(QColor(role(name)))
        painter.drawText(QRectF(rect), Qt.AlignmentFlag.AlignCenter, self._glyph)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """The glyph on transparent ground."""
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        """A copy, as Qt asks for."""
        return _Engine(self._glyph, self._role, self._disabled)


def icon(name: str, color: str = "text", disabled: str = "faint") -> QIcon:
    """The icon called `name` in the set, in the colour of a role, and of another one while it is disabled."""
    return QIcon(_Engine(glyph(name), color, disabled))
