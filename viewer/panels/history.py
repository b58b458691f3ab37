"""The list of what was changed: a click goes back to it, or forth again."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPoint, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QStackedWidget,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from assets.edits.edit import Edit
from assets.edits.history import History
from assets.edits.warps import WarpEdit

from ..commands.edit import open_drag
from ..icons import icon
from ..theme import role
from ..widgets.empty_text import EmptyText
from ..wording import memory
from . import PanelRecord

NAME, DETAIL, SIZE = range(3)
NAME_WIDTH = 200
DRAWER_HEIGHT = 208
ICONS = {
    "name": "pencil-simple", "visible": "eye", "transform": "arrows-out-cardinal", "display": "sliders-horizontal",
    "warp": "hand-grabbing", "plan": "flow-arrow", "data": "check", "level": "stack", "remove": "x", "add": "plus",
    "group": "list-bullets",
}  # fmt: skip
"""By the families of edits; others get that of a group."""

EMPTY = "Nothing was changed yet. What you change appears here, and a click goes back to it."


class HistoryRows(QAbstractTableModel):
    """The state at the start in row 0, then one row for each entry."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history
        self._shown: tuple[Edit, ...] = ()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 1 + len(self._shown)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 3

    def entry(self, row: int) -> Edit | None:
        """The entry of a row; None for the start."""
        return self._shown[row - 1] if 0 < row <= len(self._shown) else None

    def follow(self) -> None:
        """Shows the entries as they are now. Rows that stay are left, so that a click finds the row it began on."""
        now, shown = self._history.entries, self._shown
        differs = (place for place, pair in enumerate(zip(now, shown, strict=False)) if pair[0] is not pair[1])
        same = next(differs, min(len(now), len(shown)))
        if same < len(shown):
            self.beginRemoveRows(QModelIndex(), 1 + same, len(shown))
            self._shown = shown[:same]
            self.endRemoveRows()
        if same < len(now):
            self.beginInsertRows(QModelIndex(), 1 + same, len(now))
            self._shown = now
            self.endInsertRows()
        self.dataChanged.emit(self.index(0, 0), self.index(len(now), SIZE))

    def data(self, index: QModelIndex, wanted: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        row, column = index.row(), index.column()
        entry = self.entry(row)
        undone = row > self._history.cursor
        if wanted == Qt.ItemDataRole.DisplayRole:
            return self._text(entry, column)
        if wanted == Qt.ItemDataRole.ToolTipRole:
            return f"{self._text(entry, NAME)}  {self._text(entry, DETAIL)}".strip()
        if wanted == Qt.ItemDataRole.DecorationRole and column == NAME:
            name = ICONS.get(entry.kind, ICONS["group"]) if entry is not None else "flag"
            return icon(name, "faint" if undone else "quiet")
        if wanted == Qt.ItemDataRole.ForegroundRole:
            return QColor(role("faint" if undone else "text" if column == NAME else "quiet"))
        if wanted == Qt.ItemDataRole.TextAlignmentRole and column == SIZE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _text(self, entry: Edit | None, column: int) -> str:
        if entry is not None:
            return (entry.name, entry.detail, memory(entry.nbytes) if entry.nbytes else "–")[column]
        dropped = self._history.dropped
        start = ("Start", f"{dropped} earlier changes stay", "") if dropped else ("As opened", "", "")
        return start[column]


class HistoryList(QTreeView):
    """The rows; the current one is where the scene is."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._window, self._session = window, window.session
        self._quiet = False
        self.rows = HistoryRows(self._session.history)
        self.setModel(self.rows)
        self.setObjectName("historyList")
        self.setAccessibleName("History")
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setUniformRowHeights(True)
        self.setIconSize(QSize(16, 16))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(NAME, NAME_WIDTH)
        header.setSectionResizeMode(DETAIL, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(SIZE, QHeaderView.ResizeMode.ResizeToContents)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(self._on_double_clicked)
        self.customContextMenuRequested.connect(self._show_menu)

    def follow(self) -> None:
        """Shows the history as it is now."""
        self._quiet = True
        self.rows.follow()
        here = self.rows.index(self._session.history.cursor, NAME)
        self.setCurrentIndex(here)
        self.scrollTo(here)
        self._quiet = False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The right button opens the menu and goes nowhere."""
        if event.button() == Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)

    def menu_at(self, index: QModelIndex) -> QMenu:
        """What can be done with an entry."""
        row = index.row()
        entry, history = self.rows.entry(row), self._session.history
        menu = QMenu(self)
        menu.addAction("Go here", lambda: self._go(row)).setEnabled(row != history.cursor)
        if isinstance(entry, WarpEdit):
            menu.addAction(icon("hand-grabbing", "quiet"), "Open the drag", lambda: self._open(row))
        menu.addSeparator()
        menu.addAction(self._window.qt_action("edit.undo"))
        menu.addAction(self._window.qt_action("edit.redo"))
        return menu

    def _go(self, row: int) -> None:
        if not self._session.go_to(row):
            self.follow()

    def _open(self, row: int) -> None:
        """Goes to an entry and takes its drag into the hand again."""
        entry = self.rows.entry(row)
        self._go(row)
        if isinstance(entry, WarpEdit):
            open_drag(self._window, entry)

    def _on_current(self, index: QModelIndex, _: QModelIndex) -> None:
        if not self._quiet and index.isValid():
            self._go(index.row())

    def _on_double_clicked(self, index: QModelIndex) -> None:
        if isinstance(self.rows.entry(index.row()), WarpEdit):
            self._open(index.row())

    def _show_menu(self, at: QPoint) -> None:
        index = self.indexAt(at)
        if index.isValid():
            self.menu_at(index).popup(self.viewport().mapToGlobal(at))


class HistoryPanel(QWidget):
    """The list, or a line that says how it gets rows, over what it takes in memory."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._history = window.session.history
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.list = HistoryList(window)
        self.nothing = EmptyText(EMPTY)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.nothing)
        self.pages.addWidget(self.list)
        self.total = QLabel()
        self.total.setProperty("quiet", True)
        self.total.setToolTip("Main memory that the history keeps. The oldest changes go when it is used up")
        self.clear = QToolButton(icon=icon("trash", "quiet"), toolTip="Keep all changes for good and free their memory")
        self.clear.setAccessibleName("Forget the history")
        self.clear.setIconSize(QSize(16, 16))
        self.clear.clicked.connect(self._history.forget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.pages, 1)
        column.addLayout(self._footer(window))
        self._history.changed.connect(self._on_changed)
        self._follow()

    def retheme(self) -> None:
        """Takes the colours of the present theme."""
        self._follow()

    def sizeHint(self) -> QSize:
        """A drawer of a few rows."""
        return QSize(600, DRAWER_HEIGHT)

    def showEvent(self, event: QShowEvent) -> None:
        """What happened while nobody looked."""
        super().showEvent(event)
        self._follow()

    def _footer(self, window: Any) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(8, 4, 4, 4)
        row.setSpacing(4)
        for name in ("edit.undo", "edit.redo"):
            button = QToolButton()
            button.setDefaultAction(window.qt_action(name))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            button.setIconSize(QSize(16, 16))
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.total)
        row.addWidget(self.clear)
        return row

    def _on_changed(self) -> None:
        if self.isVisible():
            self._follow()

    def _follow(self) -> None:
        history = self._history
        self.list.follow()
        self.pages.setCurrentIndex(1 if history.entries else 0)
        self.clear.setEnabled(bool(history.entries))
        self.total.setText(f"{memory(history.nbytes)} of {memory(history.budget)}")


PANEL = PanelRecord("history", "History", HistoryPanel, order=50, area="bottom", open=False)
