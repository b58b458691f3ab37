"""The command palette: type a few letters, press Enter."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout

from ..actions import ACTIONS, Action
from ..icons import icon


def score(wanted: str, text: str) -> int | None:
    """How well `text` fits what was typed: 0 best, None not at all. Words first, then letters in their order."""
    wanted, text = wanted.lower().strip(), text.lower()
    if not wanted:
        return 0
    at = text.find(wanted)
    if at >= 0:
        return at if at == 0 or text[at - 1] == " " else 20 + at
    place = -1
    for letter in wanted.replace(" ", ""):
        place = text.find(letter, place + 1)
        if place < 0:
            return None
    return 100 + place


class PaletteDialog(QDialog):
    """Lists what can be done now."""

    def __init__(self, window: Any) -> None:
        super().__init__(window, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._window = window
        self.search = QLineEdit(placeholderText="What do you want to do?")
        self.search.textChanged.connect(self._fill)
        self.search.installEventFilter(self)
        self.list = QTreeWidget(headerHidden=True, columnCount=2, rootIsDecorated=False, uniformRowHeights=True)
        self.list.setIndentation(0)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(lambda _: self._perform())
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        column.addWidget(self.search)
        column.addWidget(self.list)
        width = min(560, window.width() - 48)
        self.resize(width, 380)
        self.list.setColumnWidth(0, width - 190)
        corner = window.mapToGlobal(window.rect().topLeft())
        self.move(corner.x() + (window.width() - width) // 2, corner.y() + 72)
        self._fill("")

    def titles(self) -> list[str]:
        """What is listed now."""
        return [self.list.topLevelItem(index).text(0) for index in range(self.list.topLevelItemCount())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys in the field that belong to the list."""
        if event.type() != QEvent.Type.KeyPress:
            return False
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if event.key() == Qt.Key.Key_Down else -1
            row = self.list.indexOfTopLevelItem(self.list.currentItem()) + step
            self.list.setCurrentItem(self.list.topLevelItem(max(0, min(row, self.list.topLevelItemCount() - 1))))
            return True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._perform()
            return True
        return False

    def _fill(self, wanted: str) -> None:
        self.list.clear()
        found = [(score(wanted, _words(entry)), entry) for entry in ACTIONS if self._offers(entry)]
        for _, entry in sorted((pair for pair in found if pair[0] is not None), key=lambda pair: pair[0]):
            key = QKeySequence(entry.keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if entry.keys else ""
            item = QTreeWidgetItem([_words(entry), key])
            item.setToolTip(0, entry.tooltip)
            item.setData(0, Qt.ItemDataRole.UserRole, entry.id)
            item.setForeground(1, self.palette().placeholderText().color())
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setIcon(0, icon(entry.icon, "quiet") if entry.icon else icon("circle", "clear"))
            self.list.addTopLevelItem(item)
        self.list.setCurrentItem(self.list.topLevelItem(0))

    def _offers(self, entry: Action) -> bool:
        return entry.possible(self._window) and entry.id not in ("help.palette", "file.recent")

    def _perform(self) -> None:
        item = self.list.currentItem()
        self.close()
        if item is not None:
            self._window.do(item.data(0, Qt.ItemDataRole.UserRole))


def _words(entry: Action) -> str:
    """The title with the menu that gives it its sense: "Look from: Front"."""
    inner = entry.menu.partition("/")[2]
    return f"{inner}: {entry.title}" if inner else entry.title
