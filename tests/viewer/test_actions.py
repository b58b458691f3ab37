"""One table for menus, keys, cheat sheet and palette: nothing is missing anywhere, nothing is double."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu

from viewer.actions import ACTIONS, MENUS, Action
from viewer.bindings import NAVIGATION, find, hints
from viewer.dialogs.about import AboutDialog
from viewer.dialogs.palette import PaletteDialog, score
from viewer.dialogs.preferences import PreferencesDialog
from viewer.dialogs.shortcuts import ShortcutsDialog
from viewer.icons import glyph
from viewer.menus import command
from viewer.pointer_event import Gesture
from viewer.settings import Settings, declared
from viewer.tools import tools
from viewer.window import MainWindow


@pytest.mark.parametrize("entry", ACTIONS, ids=lambda entry: entry.id)
def test_action_is_whole(entry: Action) -> None:
    assert entry.tooltip and entry.tooltip[0].isupper() and not entry.tooltip.endswith(".")
    assert entry.menu == "" or entry.menu.partition("/")[0] in MENUS
    if entry.toggles:
        assert isinstance(getattr(Settings(), entry.toggles), bool)
    else:
        function = command(entry.function)
        assert function.__doc__
        assert function.__code__.co_argcount == 1 + len(entry.arguments)
    for key in entry.keys:
        assert QKeySequence(key).toString() not in ("", "Unknown"), key


def test_ids_and_keys_are_unique() -> None:
    ids = Counter(entry.id for entry in ACTIONS)
    keys = Counter(QKeySequence(key).toString() for entry in ACTIONS for key in entry.keys)
    keys.update(QKeySequence(tool.key).toString() for tool in tools())
    assert [name for name, times in (ids + keys).items() if times > 1] == []


def test_keys_of_tools_to_come_are_free() -> None:
    """peers.md reserves these for selection and gizmos."""
    taken = {key for entry in ACTIONS for key in entry.keys} | {tool.key for tool in tools()}
    assert taken.isdisjoint({"G", "R", "S", "L", "O", "1", "2", "3", "V"})


@pytest.mark.usefixtures("qapp")
def test_icons_exist() -> None:
    for name in [entry.icon for entry in (*ACTIONS, *tools()) if entry.icon]:
        assert glyph(name)


def test_every_action_is_in_its_menu(window: MainWindow) -> None:
    found: dict[str, str] = {}

    def walk(menu: QMenu, path: str) -> None:
        for entry in menu.actions():
            if entry.menu() is not None:
                walk(entry.menu(), f"{path}/{entry.text()}")
            found[entry.objectName() or entry.text()] = path

    for title in window.menuBar().actions():
        walk(title.menu(), title.text())
    assert [action.text() for action in window.menuBar().actions()] == list(MENUS)
    for entry in ACTIONS:
        if entry.id == "file.recent":
            assert found[entry.title] == entry.menu
        elif entry.menu:
            assert found[entry.id] == entry.menu, entry.id
    for tool in tools():
        assert found[f"tool.{tool.id}"] == "Tools"


def test_tool_tips_end_with_their_key(window: MainWindow) -> None:
    for entry in ACTIONS:
        tip = window.qt_action(entry.id).toolTip()
        native = QKeySequence(entry.keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if entry.keys else ""
        assert tip.endswith(f"({native})") if entry.keys else tip == entry.tooltip


def test_actions_are_off_where_they_make_no_sense(window: MainWindow) -> None:
    assert not window.qt_action("file.save_as").isEnabled()
    assert window.qt_action("file.open").isEnabled()
    window.do("file.save_as")
    assert QApplication.activeModalWidget() is None


def test_cheat_sheet_has_all_keys_and_hands(window: MainWindow) -> None:
    sheet = ShortcutsDialog(window)
    rows = sheet.rows()
    for entry in ACTIONS:
        assert not entry.keys or entry.title.rstrip("…") in rows
    for binding in (*NAVIGATION, *window.active_tool.bindings):
        assert binding.label.capitalize() in rows
    assert "Show before" in rows
    sheet.search.setText("grid")
    assert sheet.rows() == ["Grid"]


@pytest.mark.parametrize(
    ("key", "held"),
    [(Qt.Key.Key_F1, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_Question, Qt.KeyboardModifier.NoModifier)],
)
def test_keys_open_the_cheat_sheet(window: MainWindow, key: Qt.Key, held: Qt.KeyboardModifier) -> None:
    QTest.keyClick(window.viewport, key, held)
    sheet = window.findChild(ShortcutsDialog)
    assert sheet is not None and sheet.isVisible()
    sheet.close()


def test_palette_finds_and_performs(window: MainWindow) -> None:
    palette = PaletteDialog(window)
    assert "Frame all" not in palette.titles(), "nothing is open"
    palette.show()
    QTest.keyClicks(palette.search, "grid")
    assert palette.titles()[0] == "Grid"
    before = window.settings.values.grid
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    assert window.settings.values.grid is not before
    assert not palette.isVisible()


def test_palette_scores() -> None:
    assert score("top", "look from: top") < score("top", "stop")
    assert score("fa", "frame all") is not None
    assert score("xyz", "frame all") is None


def test_preferences_show_and_set_every_setting(window: MainWindow) -> None:
    dialog = PreferencesDialog(window)
    for entry in declared():
        assert dialog.findChild(object, entry.name) is not None
    dialog.findChild(object, "fov").setValue(60.0)
    assert window.settings.values.fov == 60.0
    assert window.navigator.pose.fov == pytest.approx(60.0)


def test_about_names_the_driver(window: MainWindow) -> None:
    texts = " ".join(label.text() for label in AboutDialog(window).findChildren(QLabel))
    assert window.viewport.frame.renderer_name in texts and "numpy: " in texts


def test_hints_follow_the_modifiers() -> None:
    navigate = tools()[0]
    bindings = (*navigate.bindings, *NAVIGATION)
    assert dict(hints(bindings))["left"] == "orbit"
    assert dict(hints(bindings, frozenset({"shift"})))["left"] == "pan"
    assert dict(hints(bindings, frozenset({"ctrl"})))["wheel"] == "field of view"


def test_the_status_bar_names_what_a_tool_does_under_modifiers(window: MainWindow) -> None:
    window.activate_tool(next(tool for tool in window.tools if tool.id == "drag"))
    words = window.status.hand.text()
    for hand in ("Shift + click", "Ctrl + click", "Alt + wheel", "left", "middle"):
        assert hand in words
    sheet = ShortcutsDialog(window)
    assert next(label.text() for label in sheet.findChildren(QLabel) if label.property("heading")) == "Drag tool"
    assert {"Pin", "Target depth", "Smaller radius", "Apply"} <= set(sheet.rows())


def test_middle_and_alt_orbit_in_every_tool() -> None:
    for tool in tools():
        bindings = (*tool.bindings, *NAVIGATION)
        assert find(bindings, Gesture.DRAG, "middle", frozenset()).operation == "orbit"
        assert find(bindings, Gesture.DRAG, "left", frozenset({"alt"})).operation == "orbit"
