"""The cheat sheet: every key and every mouse gesture, from the tables that also make them work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from ..actions import ACTIONS, action
from ..bindings import HELD_KEYS, NAVIGATION, Binding
from ..tools import ToolRecord

COLUMNS = 3
LINE_LETTERS = 24


def sections(tool: ToolRecord, tool_keys: list) -> list[tuple[str, list]]:
    """Titles with their (what, [keys]) rows: the active tool first, with what is so in one of its modes alone, then the
    mouse, then the menus."""
    alone = {name: [entry for entry in mode if _is_in_one(tool, entry)] for name, mode in tool.modes.items()}
    shared = [entry for entry in tool.bindings if not any(entry in mode for mode in alone.values())]
    menus: dict[str, list] = {"Tools": list(tool_keys)}
    own_menu = f"Tools/{tool.title}"
    own_keys = []
    for entry in ACTIONS:
        if entry.keys:
            keys = [QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in entry.keys]
            row = (entry.title.rstrip("…"), keys)
            if entry.menu == own_menu:
                own_keys.append(row)
            else:
                menus.setdefault(entry.menu.rpartition("/")[2] or "Tools", []).append(row)
    held = [(what, [f"hold {key}"]) for what, key in HELD_KEYS]
    found = [(f"{tool.title} tool", _mouse(shared) + own_keys)]
    found += [
        (f"{tool.title}: {action(f'{tool.id}.{name}').title.lower()}", _mouse(mode)) for name, mode in alone.items()
    ]
    found.append(("Mouse, in every tool", _mouse(NAVIGATION) + held))
    return found + list(menus.items())


def _is_in_one(tool: ToolRecord, entry: Binding) -> bool:
    return sum(entry in mode for mode in tool.modes.values()) == 1


def _mouse(bindings: Iterable[Binding]) -> list[tuple[str, list[str]]]:
    rows: dict[str, list[str]] = {}
    for entry in bindings:
        if entry.label:
            rows.setdefault(_sentence(entry.label), []).append(entry.hand)
    return list(rows.items())


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _broken(keys: list[str]) -> list[tuple[bool, list[str]]]:
    """The keys in lines that fit a column, and whether each is the first one."""
    lines: list[list[str]] = [[]]
    for key in keys:
        if lines[-1] and sum(map(len, lines[-1])) + len(key) > LINE_LETTERS:
            lines.append([])
        lines[-1].append(key)
    return [(number == 0, line) for number, line in enumerate(lines)]


class ShortcutsDialog(QDialog):
    """Shows the sections in columns, filtered by what is typed."""

    def __init__(self, window: Any) -> None:
        super().__init__(window)
        self.setWindowTitle("Keys and mouse")
        tool = window.active_tool
        keys = [(entry.title, [entry.key]) for entry in window.tools]
        self._sections = sections(tool, keys)
        self.search = QLineEdit(placeholderText="Find an action or a key", clearButtonEnabled=True)
        self.search.textChanged.connect(self._fill)
        self._area = QScrollArea(widgetResizable=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(16)
        column.addWidget(self.search)
        column.addWidget(self._area)
        self.resize(min(1120, window.width() - 48), min(660, window.height() - 48))
        self._fill("")

    def rows(self) -> list[str]:
        """The actions that are listed now."""
        return [label.text() for label in self._area.widget().findChildren(QLabel) if label.property("row")]

    def _fill(self, wanted: str) -> None:
        content = QWidget()
        across = QHBoxLayout(content)
        across.setSpacing(32)
        across.setContentsMargins(0, 0, 8, 0)
        columns = [QVBoxLayout() for _ in range(COLUMNS)]
        heights = [0] * COLUMNS
        for title, rows in self._sections:
            words = wanted.lower()
            rows = [row for row in rows if words in f"{title} {row[0]} {' '.join(row[1])}".lower()]
            if rows:
                lowest = heights.index(min(heights))
                columns[lowest].addLayout(self._section(title, rows))
                heights[lowest] += sum(len(_broken(keys)) for _, keys in rows) + 2
        for column in columns:
            column.setSpacing(24)
            column.addStretch(1)
            across.addLayout(column, 1)
        self._area.setWidget(content)

    def _section(self, title: str, rows: list) -> QGridLayout:
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        grid.setHorizontalSpacing(16)
        heading = QLabel(title)
        heading.setProperty("heading", True)
        grid.addWidget(heading, 0, 0, 1, 2)
        lines = [(what if first else "", part) for what, keys in rows for first, part in _broken(keys)]
        for line, (what, keys) in enumerate(lines, 1):
            if what:
                label = QLabel(what)
                label.setProperty("row", True)
                grid.addWidget(label, line, 0)
            caps = QHBoxLayout()
            caps.setSpacing(4)
            caps.addStretch(1)
            for key in keys:
                cap = QLabel(key)
                cap.setProperty("key", True)
                caps.addWidget(cap)
            grid.addLayout(caps, line, 1, Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(0, 1)
        return grid
