"""Undo and redo in the hands of a user: keys, menu, the history panel, the dot in the title, closing the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QAbstractItemModel, QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QDoubleSpinBox, QLineEdit

from assets.edits.history import MERGE_SECONDS
from assets.edits.warps import WarpEdit
from assets.fields.bricks.bake import bake
from assets.progress import run
from tests.small_assets import triplane
from tests.viewer.conftest import opened, pixels, wait_settled, wait_until
from viewer.commands.file import leave
from viewer.panels.history import DETAIL, NAME, SIZE, HistoryPanel
from viewer.theme import role
from viewer.window import MainWindow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
CTRL_SHIFT, CTRL_ALT = CTRL | Qt.KeyboardModifier.ShiftModifier, CTRL | Qt.KeyboardModifier.AltModifier


def history_panel(window: MainWindow) -> HistoryPanel:
    """The panel, shown."""
    panel = window.panel("history")
    wait_until(panel.isVisible)
    QApplication.processEvents()
    return panel


def click(panel: HistoryPanel, row: int, double: bool = False) -> None:
    """A click on a row."""
    press = QTest.mouseDClick if double else QTest.mouseClick
    press(panel.list.viewport(), LEFT, NONE, panel.list.visualRect(panel.list.rows.index(row, DETAIL)).center())


def texts(model: QAbstractItemModel, column: int) -> list[str]:
    """What a column says."""
    return [model.index(row, column).data() for row in range(model.rowCount())]


def test_keys_and_menu(window: MainWindow, mesh_file: Path) -> None:
    (cube,) = opened(window, mesh_file)
    undo, redo = window.qt_action("edit.undo"), window.qt_action("edit.redo")
    assert (undo.text(), undo.isEnabled(), redo.isEnabled()) == ("Undo", False, False)
    window.session.rename(cube, "box")
    QTest.keyClick(window.viewport, Qt.Key.Key_H)
    assert not cube.visible and undo.text() == "Undo hide"
    QTest.keyClick(window.viewport, Qt.Key.Key_Z, CTRL)
    assert cube.visible and (undo.text(), redo.text()) == ("Undo rename", "Redo hide")
    QTest.keyClick(window.viewport, Qt.Key.Key_Z, CTRL)
    assert cube.name == "cube" and window.windowTitle() == "cube — Triptych" and not undo.isEnabled()
    QTest.keyClick(window.viewport, Qt.Key.Key_Z, CTRL)
    QTest.keyClick(window.viewport, Qt.Key.Key_Z, CTRL_SHIFT)
    assert cube.name == "box" and window.panel("scene").list.row(cube).text(1) == "box"
    QTest.keyClick(window.viewport, Qt.Key.Key_Y, CTRL)
    assert not cube.visible and not redo.isEnabled() and redo.text() == "Redo"
    assert window._menus.menus["Edit"].actions()[:2] == [undo, redo]


def test_a_closed_asset_comes_back_as_it_was(window: MainWindow, mesh_file: Path, splat_file: Path) -> None:
    opened(window, mesh_file, splat_file)
    cube, cloud = sorted(window.session.scene, key=lambda asset: asset.kind, reverse=True)
    window.session.activate(cube)
    place, before = window.session.scene.index(cube), pixels(window)
    window.do("file.close")
    wait_settled(window)
    assert (pixels(window) != before).any() and window.session.scene.active is cloud
    window.do("edit.undo")
    wait_settled(window)
    assert window.session.scene.active is cube and (pixels(window) == before).all()
    rows = window.panel("scene").list
    assert rows.indexOfTopLevelItem(rows.row(cube)) == place == window.session.scene.index(cube)
    # Without a picture in between, the renderer is the same one.
    window.do("file.close")
    window.do("edit.undo")
    wait_settled(window)
    assert (pixels(window) == before).all()


def test_a_field_that_was_closed_while_it_was_baked(window: MainWindow) -> None:
    path = next(path for path, kind in window.samples() if kind == "triplane")
    window.open_paths([path])
    wait_until(lambda: any(asset.grid is not None for asset in window.session.scene))
    (bowl,) = window.session.scene
    level = bowl.grid.level
    window.do("file.close")
    assert not window.session.preparing
    window.do("edit.undo")
    assert level < bowl.grid.levels - 1, "it was closed too late for this test"
    assert window.session.preparing
    wait_until(lambda: bowl.grid.level > level)


def test_the_inspector_follows_and_gives_its_keys(window: MainWindow, splat_file: Path) -> None:
    (cloud,) = opened(window, splat_file)
    inspector = window.panel("inspector")
    wait_until(lambda: inspector.root is not None and inspector.filled)
    row = inspector.root.child("Display").child("size")
    field = next(iter(row.items)).widget
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "2")
    assert field.lineEdit().isUndoAvailable()
    QTest.keyClick(field, Qt.Key.Key_Z, CTRL)
    assert window.session.history.entries == (), "typed text is the field's own"
    field.selectAll()
    QTest.keyClicks(field, "2")
    QTest.keyClick(field, Qt.Key.Key_Return)
    wait_until(lambda: cloud.display.size == 2.0, 5)
    QTest.keyClick(field, Qt.Key.Key_Z, CTRL)
    assert cloud.display.size == 1.0 and row.value() == 1.0
    QTest.keyClick(field, Qt.Key.Key_Y, CTRL)
    assert cloud.display.size == 2.0 and row.value() == 2.0
    # A hand that turns the wheel is one entry.
    QTest.qWait(round(1000 * MERGE_SECONDS) + 100)
    for _ in range(3):
        row.setValue(row.value() + 0.1)
    assert len(window.session.history.entries) == 2 and cloud.display.size == pytest.approx(2.3)


def test_text_fields_keep_their_undo(window: MainWindow, mesh_file: Path) -> None:
    (cube,) = opened(window, mesh_file)
    window.session.set_visible(cube, False)
    window.do("edit.rename")
    editor = window.panel("scene").list.findChild(QLineEdit)
    QTest.keyClicks(editor, "stand")
    QTest.keyClick(editor, Qt.Key.Key_Z, CTRL)
    assert editor.text() != "stand" and not cube.visible
    spin = QDoubleSpinBox(window)
    spin.show()
    spin.setFocus()
    QTest.keyClick(spin, Qt.Key.Key_Z, CTRL)
    assert cube.visible, "nothing was typed there"


def test_the_panel_lists_and_goes(window: MainWindow, mesh_file: Path) -> None:
    (cube,) = opened(window, mesh_file)
    assert not window.docks["history"].isVisible()
    QTest.keyClick(window.viewport, Qt.Key.Key_H, CTRL_ALT)
    panel = history_panel(window)
    assert window.qt_action("window.history").isChecked()
    assert panel.nothing.isVisible() and "Nothing was changed" in panel.nothing.text()
    model = panel.list.rows
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    window.session.rename(cube, "box")
    window.session.set_display(cube, "mode", "normals")
    window.session.set_visible(cube, False)
    assert texts(model, NAME) == ["As opened", "Rename", "Mode", "Hide"]
    assert texts(model, DETAIL) == ["", "cube → box", "box: shaded → normals", "box"]
    assert all(text.endswith("KiB") for text in texts(model, SIZE)[1:])
    assert panel.total.text().endswith("of 512.0 MiB") and panel.list.currentIndex().row() == 3
    click(panel, 1)
    assert (window.session.history.cursor, cube.display.mode, cube.visible) == (1, "shaded", True)
    colors = [model.index(row, NAME).data(Qt.ItemDataRole.ForegroundRole).name() for row in range(4)]
    assert colors == [role("text")] * 2 + [role("faint")] * 2 and panel.list.currentIndex().row() == 1
    click(panel, 3)
    assert window.session.history.cursor == 3 and not cube.visible
    panel.list.setFocus()
    for _ in range(4):
        QTest.keyClick(panel.list, Qt.Key.Key_Up)
    assert window.session.history.cursor == 0 and cube.name == "cube"
    QTest.keyClick(panel.list, Qt.Key.Key_Down)
    assert cube.name == "box"
    window.session.rename(cube, "crate")
    assert texts(model, NAME) == ["As opened", "Rename", "Rename"]
    panel.clear.click()
    assert window.session.history.entries == () and panel.nothing.isVisible() and cube.name == "crate"
    window.session.rename(cube, "box")
    assert texts(model, NAME) == ["Start", "Rename"] and texts(model, DETAIL)[0] == "2 earlier changes stay"
    del tester


def test_the_panel_catches_up_when_it_is_shown(window: MainWindow, mesh_file: Path) -> None:
    (cube,) = opened(window, mesh_file)
    window.session.rename(cube, "box")
    assert texts(window.docks["history"].widget().list.rows, NAME) == ["As opened"]
    panel = history_panel(window)
    assert texts(panel.list.rows, NAME) == ["As opened", "Rename"]
    window.do("window.history")
    assert not window.docks["history"].isVisible() and not window.qt_action("window.history").isChecked()


def test_a_drag_is_opened_from_the_panel(window: MainWindow, mesh_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cube,) = opened(window, mesh_file)
    taken: list[tuple] = []
    monkeypatch.setattr(window.dragging, "reopen", lambda asset, drag: taken.append((asset, drag)))
    window.session.history.record(WarpEdit(cube, None, None, "Drag cube"))
    window.session.rename(cube, "box")
    panel = history_panel(window)
    drag = window.session.history.entries[0]
    click(panel, 2, double=True)
    assert not taken
    click(panel, 1)
    click(panel, 1, double=True)
    assert taken == [(cube, drag.drag)] and window.session.history.cursor == 1 and window.active_tool.id == "drag"
    menu = panel.list.menu_at(panel.list.rows.index(1, NAME))
    names = [entry.text() for entry in menu.actions()]
    assert names[:2] == ["Go here", "Open the drag"] and not menu.actions()[0].isEnabled()
    menu.actions()[1].trigger()
    assert len(taken) == 2
    at = panel.list.visualRect(panel.list.rows.index(0, NAME)).center()
    QTest.mousePress(panel.list.viewport(), RIGHT, NONE, at)
    assert window.session.history.cursor == 1, "the right button goes nowhere"


def test_reset_layout_closes_the_drawer(window: MainWindow) -> None:
    history_panel(window)
    window.docks["scene"].close()
    corner = window.docks["history"].mapTo(window, QPoint(0, 0))
    assert corner.y() > window.stage.mapTo(window, QPoint(0, 0)).y() and corner.x() < window.docks["inspector"].x()
    window.do("window.reset_layout")
    assert not window.docks["history"].isVisible()
    assert window.docks["scene"].isVisible() and window.docks["inspector"].isVisible()
    assert window.docks["scene"].width() == 320


def test_the_dot_and_the_question(window: MainWindow, mesh_file: Path, tmp_path: Path) -> None:
    (cube,) = opened(window, mesh_file)
    asked: list[str] = []
    answer = [False]
    window.confirm = lambda question, yes: asked.append(question) or answer[0]
    window.session.set_visible(cube, False)
    assert window.windowTitle() == "cube — Triptych"
    window.session.history.record(WarpEdit(cube, None, None, "Drag cube"))
    assert window.windowTitle() == "● cube — Triptych"
    leave(window)
    assert window.isVisible() and window.viewport.frame is not None
    assert asked == ["cube has changes that are not saved. Close anyway?"], "once"
    window.do("edit.undo")
    assert window.windowTitle() == "cube — Triptych"
    window.do("edit.redo")
    window.session.save(cube, tmp_path / "cube.glb")
    wait_until(lambda: window.windowTitle() == "cube — Triptych")
    window.do("edit.undo")
    assert window.windowTitle() == "● cube — Triptych"
    answer[0] = True
    window.close()
    assert not window.isVisible() and len(asked) == 2


def test_a_window_without_changes_closes_at_once(window: MainWindow, mesh_file: Path) -> None:
    (cube,) = opened(window, mesh_file)
    window.session.set_display(cube, "mode", "normals")
    window.confirm = lambda question, yes: pytest.fail(question)
    window.close()
    assert not window.isVisible()


def test_a_prepared_field_keeps_its_bricks(window: MainWindow) -> None:
    """Closed and brought back after the bake, nothing has to be baked again."""
    field = triplane()
    run(bake(field, levels=(32,)), on_partial=field.accept)
    window.session.scene.add(field)
    wait_settled(window)
    grid = field.grid
    window.session.remove(field)
    window.do("edit.undo")
    assert field.grid is grid and not window.session.preparing
