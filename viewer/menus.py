"""Makes Qt's actions and menus from the table of actions, once."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from .actions import ACTIONS, MENUS, Action
from .icons import icon


def command(function: str) -> Callable[..., None]:
    """The function called "file.open_files" in commands/file.py."""
    module, _, name = function.partition(".")
    return getattr(importlib.import_module(f"viewer.commands.{module}"), name)


def with_key(text: str, keys: tuple[str, ...]) -> str:
    """A tool tip that ends with the key."""
    if not keys:
        return text
    return f"{text} ({QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText)})"


class Menus:
    """The menu bar of a window and its actions by id."""

    def __init__(self, window: Any) -> None:
        self._window = window
        self.actions: dict[str, QAction] = {}
        self.menus: dict[str, QMenu] = {}
        self._sections: dict[str, int] = {}
        for entry in ACTIONS:
            self.actions[entry.id] = self._make(entry)

    def fill_bar(self) -> None:
        """Builds the menu bar."""
        bar = self._window.menuBar()
        for title in MENUS:
            self.menus[title] = bar.addMenu(title)
        self._add_tools()
        for entry in ACTIONS:
            if entry.menu:
                self._place(entry)
        self._add_panels()
        self.refresh()

    def refresh(self) -> None:
        """Makes the actions say what is possible and what is on."""
        for entry in ACTIONS:
            made = self.actions[entry.id]
            made.setEnabled(entry.possible(self._window))
            if entry.named is not None:
                made.setText(entry.title_now(self._window))
            if entry.checkable:
                made.setChecked(entry.is_on(self._window))

    def do(self, entry: Action) -> None:
        """Performs an action, if it is possible now."""
        window = self._window
        if not entry.possible(window):
            return
        if entry.toggles:
            window.settings.set(entry.toggles, not entry.is_on(window))
        else:
            command(entry.function)(window, *entry.arguments)
        self.refresh()

    def _make(self, entry: Action) -> QAction:
        made = QAction(entry.title, self._window)
        made.setObjectName(entry.id)
        made.setShortcuts([QKeySequence(key) for key in entry.keys])
        made.setToolTip(with_key(entry.tooltip, entry.keys))
        made.setStatusTip("")
        if entry.icon:
            made.setIcon(icon(entry.icon, "quiet"))
        made.setCheckable(entry.checkable)
        made.setIconVisibleInMenu(not entry.checkable)
        made.triggered.connect(lambda _=False: self.do(entry))
        if entry.scope == "viewport":
            made.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            self._window.viewport.addAction(made)
        else:
            made.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            self._window.addAction(made)
        return made

    def _place(self, entry: Action) -> None:
        menu = self._menu(entry.menu)
        if self._sections.setdefault(entry.menu, entry.section) != entry.section:
            menu.addSeparator()
            self._sections[entry.menu] = entry.section
        if entry.id == "file.recent":
            self._window.recent_menu.setTitle(entry.title)
            self._window.recent_menu.setIcon(icon(entry.icon, "quiet"))
            menu.addMenu(self._window.recent_menu)
        else:
            menu.addAction(self.actions[entry.id])

    def _menu(self, path: str) -> QMenu:
        if path not in self.menus:
            outer, _, title = path.rpartition("/")
            self.menus[path] = self._menu(outer).addMenu(title)
        return self.menus[path]

    def _add_tools(self) -> None:
        group = QActionGroup(self._window)
        for tool in self._window.tools:
            made = QAction(icon(tool.icon), tool.title, self._window, checkable=True)
            made.setObjectName(f"tool.{tool.id}")
            made.setIconVisibleInMenu(False)
            made.setShortcut(QKeySequence(tool.key))
            made.setToolTip(with_key(tool.tooltip, (tool.key,)))
            made.triggered.connect(lambda _=False, tool=tool: self._window.activate_tool(tool))
            group.addAction(made)
            self.menus["Tools"].addAction(made)
            self.actions[made.objectName()] = made

    def _add_panels(self) -> None:
        """The panels come first in their menu; one with an action of its own, for the sake of a key, is there by it."""
        menu, shown = self.menus["Window"], []
        for name, dock in self._window.docks.items():
            own = self.actions.get(f"window.{name}")
            if own is not None:
                dock.toggleViewAction().toggled.connect(own.setChecked)
            shown.append(own or dock.toggleViewAction())
        first = next(made for made in menu.actions() if made not in shown)
        for made in shown:
            menu.insertAction(first, made)
        menu.insertSeparator(first)
