"""The panels of a window in their docks: where they are at the start, which a tool brings along, what is remembered."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QToolButton, QWidget

from .icons import icon
from .panels import PanelRecord, panels
from .settings import read_json, write_json

COLUMN_WIDTH = 320
HEIGHTS = {"scene": 220}
"""Pixels of a panel at the start; the others share the rest."""
LEAST_HEIGHT = 104
"""Pixels that are left to those while a tool needs the room."""

AREAS = {"right": Qt.DockWidgetArea.RightDockWidgetArea, "bottom": Qt.DockWidgetArea.BottomDockWidgetArea}


class Docks(dict[str, QDockWidget]):
    """The docks by the ids of their panels."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._window = window
        self._of_tools: list[PanelRecord] = []
        self._open: dict[str, bool] = {}
        self._heights: dict[str, int] = {}
        self._first_state = QByteArray()

    def fill(self) -> None:
        """Makes the panels."""
        self._window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        for record in panels():
            self._add(record)

    def show_for(self, tool: str) -> None:
        """Shows the panels of a tool in front of those in whose place they are, and hides those of other tools."""
        for record in self._of_tools:
            dock, behind = self[record.id], self[record.instead_of]
            wanted = record.tool == tool
            if wanted and dock.isHidden() and not self._window.interface_hidden:
                self._window.tabifyDockWidget(behind, dock)
                dock.show()
                dock.raise_()
                self._make_room(behind, True)
            elif not wanted and not dock.isHidden():
                dock.hide()
                behind.raise_()
                self._make_room(behind, False)

    def _make_room(self, dock: QDockWidget, wanted: bool) -> None:
        """Gives the place of `dock` most of the height of its column, or what it had before."""
        area = self._window.dockWidgetArea(dock)
        others = [other for other in self.values() if other.objectName() in HEIGHTS and not other.isHidden()]
        others = [other for other in others if self._window.dockWidgetArea(other) == area and not other.isFloating()]
        if wanted:
            self._heights = {other.objectName(): other.height() for other in others}
        heights = [LEAST_HEIGHT if wanted else self._heights.get(other.objectName(), LEAST_HEIGHT) for other in others]
        self._window.resizeDocks(others, heights, Qt.Orientation.Vertical)

    def reset(self) -> None:
        """Puts all panels back."""
        self._window.restoreState(self._first_state)
        for name, dock in self.items():
            dock.setVisible(self._open[name])
        self._size()
        self.show_for(self._window.active_tool.id)

    def restore(self) -> None:
        """The layout of the last time."""
        self._size()
        self._first_state = self._window.saveState()
        kept = read_json(self._window.settings.folder / "layout.json")
        if isinstance(kept.get("geometry"), str) and isinstance(kept.get("state"), str):
            self._window.restoreGeometry(QByteArray.fromBase64(kept["geometry"].encode()))
            self._window.restoreState(QByteArray.fromBase64(kept["state"].encode()))
        for record in self._of_tools:
            self[record.id].hide()

    def remember(self) -> None:
        """Keeps the layout for the next time."""
        state = {"geometry": self._window.saveGeometry(), "state": self._window.saveState()}
        encoded = {name: bytes(value.toBase64()).decode() for name, value in state.items()}
        write_json(self._window.settings.folder / "layout.json", encoded)

    def _size(self) -> None:
        docks = [dock for dock in self.values() if not dock.isHidden()]
        column = [dock for dock in docks if self._window.dockWidgetArea(dock) == AREAS["right"]]
        self._window.resizeDocks(column, [COLUMN_WIDTH] * len(column), Qt.Orientation.Horizontal)
        heights = [HEIGHTS.get(dock.objectName(), 480) for dock in column]
        self._window.resizeDocks(column, heights, Qt.Orientation.Vertical)

    def _add(self, record: PanelRecord) -> None:
        dock = QDockWidget(record.title, self._window)
        dock.setObjectName(record.id)
        dock.setWidget(record.make(self._window))
        dock.setTitleBarWidget(_title(record.title, dock))
        below = [other for other in self.values() if self._window.dockWidgetArea(other) == AREAS["bottom"]]
        self._window.addDockWidget(AREAS[record.area], dock)
        if record.area == "bottom" and below:
            self._window.tabifyDockWidget(below[-1], dock)
        self[record.id] = dock
        self._open[record.id] = record.open and not record.tool
        if record.tool:
            self._of_tools.append(record)
            self._window.tabifyDockWidget(self[record.instead_of], dock)
        dock.setVisible(self._open[record.id])


def _title(title: str, dock: QDockWidget) -> QWidget:
    """A title bar in the look of the window."""
    bar = QWidget()
    bar.setObjectName("dockTitle")
    bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    row = QHBoxLayout(bar)
    row.setContentsMargins(12, 4, 4, 4)
    row.addWidget(QLabel(title), 1)
    close = QToolButton(icon=icon("x", "quiet"), toolTip=f"Close {title.lower()}; the Window menu brings it back")
    close.setIconSize(QSize(14, 14))
    close.clicked.connect(dock.close)
    row.addWidget(close)
    return bar
