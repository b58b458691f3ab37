"""The drag tool in a real window: the mouse pulls a mesh, keys and panel do their part."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.viewer.conftest import wait_settled, wait_until
from viewer.window import MainWindow

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT, CTRL, ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)


@pytest.fixture
def bottle(window: MainWindow) -> MainWindow:
    """The window with the sample mesh, ready to be dragged."""
    path = next(path for path, kind in window.samples() if kind == "mesh")
    window.confirm = lambda *_: True
    window.open_paths([path])
    wait_until(lambda: len(window.session.scene) == 1)
    wait_settled(window)
    QTest.keyClick(window.viewport, Qt.Key.Key_D)
    wait_until(lambda: window.dragging.ready or window.stage.errors.messages)
    assert not window.stage.errors.messages
    return window


def at(window: MainWindow, across: float, down: float) -> QPoint:
    """A place of the viewport by its shares."""
    return QPoint(round(window.viewport.width() * across), round(window.viewport.height() * down))


def move(window: MainWindow, start: QPoint, end: QPoint, steps: int = 4) -> None:
    """The mouse from `start` to `end`, with the event loop running."""
    for share in np.linspace(0, 1, steps + 1)[1:]:
        QTest.mouseMove(window.viewport, (QPointF(start) + (QPointF(end) - QPointF(start)) * share).toPoint())
        QApplication.processEvents()


def pull(window: MainWindow, start: QPoint, end: QPoint, held: Qt.KeyboardModifier = NONE) -> None:
    """A whole pull, until its final shape is there."""
    QTest.mousePress(window.viewport, LEFT, held, start)
    move(window, start, end)
    QTest.mouseRelease(window.viewport, LEFT, held, end)
    wait_until(lambda: window.drag_desk.solver.idle)


def pixels(window: MainWindow) -> np.ndarray:
    """What the viewport shows, when all is drawn: (H,W,3) int."""
    wait_settled(window)
    image = window.viewport.picture().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def test_pull_undo_and_redo_with_the_mouse(bottle: MainWindow) -> None:
    asset = bottle.session.scene.active
    before = pixels(bottle)
    start, end = at(bottle, 0.5, 0.35), at(bottle, 0.6, 0.3)
    QTest.mousePress(bottle.viewport, LEFT, NONE, start)
    move(bottle, start, end)
    wait_until(lambda: asset.warp is not None)
    assert not bottle.session.history.entries, "nothing is kept while the hand holds"
    QTest.mouseRelease(bottle.viewport, LEFT, NONE, end)
    wait_until(lambda: bottle.drag_desk.solver.idle)
    assert [entry.name for entry in bottle.session.history.entries] == ["Drag bottle"]
    after = pixels(bottle)
    assert (np.abs(after - before).max(-1) > 30).mean() > 0.005
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Backslash)
    assert not bottle.viewport.showing_before
    QTest.keyPress(bottle.viewport, Qt.Key.Key_Backslash)
    assert bottle.viewport.showing_before
    held = pixels(bottle)
    QTest.keyRelease(bottle.viewport, Qt.Key.Key_Backslash)
    changed = np.abs(held - before).max(-1) > 30
    assert changed.mean() < 0.005, "the shape of before, with the marks over it"
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Z, CTRL)
    assert asset.warp is None
    assert (np.abs(pixels(bottle) - before).max(-1) > 30).mean() < 0.001
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Z, CTRL | SHIFT)
    assert asset.warp is not None and len(bottle.dragging.plan.drag.handles) == 1


def test_escape_takes_the_pull_back_then_leaves(bottle: MainWindow) -> None:
    asset, camera = bottle.session.scene.active, bottle.navigator.pose
    start, end = at(bottle, 0.5, 0.35), at(bottle, 0.6, 0.3)
    QTest.mousePress(bottle.viewport, LEFT, NONE, start)
    move(bottle, start, end)
    wait_until(lambda: asset.warp is not None)
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Escape)
    assert asset.warp is None and bottle.active_tool.id == "drag"
    move(bottle, end, start)
    QTest.mouseRelease(bottle.viewport, LEFT, NONE, start)
    wait_until(lambda: bottle.drag_desk.solver.idle)
    assert asset.warp is None and not bottle.session.history.entries
    assert bottle.navigator.pose is camera, "and the camera stays"
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Escape)
    assert bottle.active_tool.id == "navigate" and not bottle.dragging.active
    assert bottle.docks["drag"].isHidden()


def test_beside_the_asset_the_camera_orbits(bottle: MainWindow) -> None:
    before = bottle.navigator.pose
    pull(bottle, at(bottle, 0.06, 0.3), at(bottle, 0.2, 0.3))
    assert bottle.navigator.pose is not before
    before = bottle.navigator.pose
    pull(bottle, at(bottle, 0.5, 0.4), at(bottle, 0.6, 0.4), ALT)
    assert bottle.navigator.pose is not before and bottle.session.scene.active.warp is None


def test_pairs_with_clicks_and_keys(bottle: MainWindow) -> None:
    asset, dragging = bottle.session.scene.active, bottle.dragging
    bottle.settings.set("motion", False)
    QTest.keyClick(bottle.viewport, Qt.Key.Key_P)
    assert dragging.mode == "pairs" and "handle, then target" in bottle.status.hand.text()
    QTest.mouseClick(bottle.viewport, LEFT, NONE, at(bottle, 0.5, 0.3))
    assert dragging.plan.pending is not None
    QTest.mouseClick(bottle.viewport, LEFT, NONE, at(bottle, 0.6, 0.2))
    QTest.mouseClick(bottle.viewport, LEFT, SHIFT, at(bottle, 0.5, 0.7))
    assert (len(dragging.plan.drag.handles), len(dragging.plan.drag.pins)) == (1, 1) and asset.warp is None
    depth = dragging.targets()[0]
    wheel = QWheelEvent(
        QPointF(at(bottle, 0.6, 0.2)), bottle.viewport.mapToGlobal(QPointF(0, 0)), QPoint(), QPoint(0, 120),
        Qt.MouseButton.NoButton, ALT, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(bottle.viewport, wheel)
    assert dragging.targets()[0] != depth
    wait_until(lambda: bottle.qt_action("drag.apply").isEnabled())
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Return)
    wait_until(lambda: bottle.drag_desk.solver.idle and asset.warp is not None)
    names = [entry.name for entry in bottle.session.history.entries]
    assert names == ["Add a pair", "Pin", "Move a mark", "Drag bottle"]
    bottle.do("drag.copy")
    form = json.loads(QGuiApplication.clipboard().text())
    assert len(form["handles"]) == 1 and len(form["pins"]) == 1
    QTest.mouseClick(bottle.viewport, LEFT, CTRL, at(bottle, 0.5, 0.7))
    wait_until(lambda: bottle.drag_desk.solver.idle)
    assert not dragging.plan.drag.pins


def test_apply_makes_the_shape_the_assets_own(bottle: MainWindow) -> None:
    asset = bottle.session.scene.active
    vertices = asset.parts[0].vertices.copy()
    pull(bottle, at(bottle, 0.5, 0.35), at(bottle, 0.6, 0.3))
    bent = pixels(bottle)
    wait_until(lambda: bottle.qt_action("drag.apply").isEnabled())
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Return)
    wait_until(lambda: asset.warp is None)
    assert np.abs(asset.parts[0].vertices - vertices).max() > 0.02
    wait_until(lambda: bottle.dragging.ready)
    assert (np.abs(pixels(bottle) - bent).max(-1) > 40).mean() < 0.01
    bottle.session.undo()
    assert asset.warp is not None and np.array_equal(asset.parts[0].vertices, vertices)
    assert len(bottle.dragging.plan.drag.handles) == 1


def test_the_panel_tells_and_sets(bottle: MainWindow) -> None:
    dragging, panel = bottle.dragging, bottle.docks["drag"].widget()
    assert bottle.docks["drag"].isVisible() and not bottle.qt_action("drag.apply").isEnabled()
    pull(bottle, at(bottle, 0.5, 0.35), at(bottle, 0.6, 0.3))
    wait_until(lambda: panel.marks.rowCount() == 2)
    wait_until(lambda: bottle.qt_action("drag.apply").isEnabled())
    panel.sliders["strength"].number.setValue(0.5)
    wait_until(lambda: len(bottle.session.history.entries) == 2)
    assert dragging.worn.drag.strength == 0.5
    cell = panel.marks.item(1, 2)
    cell.setText("0.9")
    wait_until(lambda: bottle.drag_desk.solver.idle)
    assert dragging.targets()[0][1] == pytest.approx(0.9)
    cell.setText("high")
    assert "not a number" in bottle.stage.errors.messages[-1]
    QTest.mouseClick(panel.lock.buttons[1], LEFT)
    assert dragging.lock == 1
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Y)
    assert dragging.lock is None
    radius = dragging.settings.radius
    QTest.keyClick(bottle.viewport, Qt.Key.Key_BracketRight)
    assert dragging.settings.radius > radius
    wait_until(lambda: not dragging.changes.open)
    bottle.do("drag.discard")
    assert dragging.worn is None
    wait_until(lambda: panel.marks.isHidden())


def test_paint_with_the_mouse(bottle: MainWindow) -> None:
    QTest.keyClick(bottle.viewport, Qt.Key.Key_B)
    pull(bottle, at(bottle, 0.47, 0.45), at(bottle, 0.53, 0.45))
    dabs = bottle.dragging.plan.drag.dabs
    assert len(dabs) >= 1 and all(dab.fixed for dab in dabs)
    pull(bottle, at(bottle, 0.47, 0.55), at(bottle, 0.53, 0.55), CTRL)
    assert not bottle.dragging.plan.drag.dabs[-1].fixed
    assert bottle.hand.overlay().brush is not None
    assert bottle.session.scene.active.warp is bottle.dragging.preview


def test_cancelled_preparation_begins_again_with_a_press(window: MainWindow) -> None:
    path = next(path for path, kind in window.samples() if kind == "gaussians")
    window.open_paths([path])
    wait_until(lambda: len(window.session.scene) == 1)
    wait_settled(window)
    QTest.keyClick(window.viewport, Qt.Key.Key_D)
    (task,) = [task for task in window.jobs.tasks if task.title.startswith("Preparing to drag")]
    window.jobs.cancel(task)
    camera = window.navigator.pose
    pull(window, at(window, 0.5, 0.5), at(window, 0.6, 0.5))
    assert window.session.scene.active.warp is None and window.navigator.pose is camera
    assert "Preparing the drag" in window.statusBar().currentMessage()
    wait_until(lambda: window.dragging.ready)
    pull(window, at(window, 0.5, 0.5), at(window, 0.6, 0.5))
    assert window.session.scene.active.warp is not None
    window.confirm = lambda *_: True


def test_the_event_loop_stays_free_while_a_hand_pulls(bottle: MainWindow) -> None:
    """The solver works elsewhere: what a movement costs the window's thread is small."""
    start = at(bottle, 0.5, 0.35)
    QTest.mousePress(bottle.viewport, LEFT, NONE, start)
    move(bottle, start, start + QPoint(6, 0))
    wait_until(lambda: bottle.session.scene.active.warp is not None)
    spent = []
    for step in range(20):
        began = time.thread_time()
        QTest.mouseMove(bottle.viewport, start + QPoint(7 + step, -step))
        spent.append(time.thread_time() - began)
        QApplication.processEvents()
    QTest.mouseRelease(bottle.viewport, LEFT, NONE, start + QPoint(27, -19))
    wait_until(lambda: bottle.drag_desk.solver.idle)
    assert sorted(spent)[10] < 0.008
    assert len(bottle.session.history.entries) == 1


def test_what_is_taken_from_the_hand_in_a_pull(bottle: MainWindow) -> None:
    """Undo, another tool, closing the asset: the pull goes back, the camera stays, and nothing is held."""
    asset, camera = bottle.session.scene.active, bottle.navigator.pose
    start, end, beyond = at(bottle, 0.5, 0.35), at(bottle, 0.6, 0.3), at(bottle, 0.65, 0.3)

    def begin() -> None:
        QTest.mousePress(bottle.viewport, LEFT, NONE, start)
        move(bottle, start, end)
        wait_until(lambda: asset.warp is not None)

    def end_it() -> None:
        move(bottle, end, beyond)
        QTest.mouseRelease(bottle.viewport, LEFT, NONE, beyond)
        wait_until(lambda: bottle.drag_desk.solver.idle)
        assert asset.warp is None and bottle.navigator.pose is camera and not bottle.hand.holding

    begin()
    wait_until(lambda: bottle.qt_action("edit.undo").isEnabled())
    QTest.keyClick(bottle.viewport, Qt.Key.Key_Z, CTRL)
    end_it()
    begin()
    bottle.activate_tool(bottle.tools[0])
    end_it()
    QTest.keyClick(bottle.viewport, Qt.Key.Key_D)
    wait_until(lambda: bottle.dragging.ready)
    begin()
    QTest.keyClick(bottle.viewport, Qt.Key.Key_W, CTRL)
    assert bottle.dragging.asset is None
    end_it()
    assert [entry.name for entry in bottle.session.history.entries] == ["Close"]
    assert not bottle.stage.errors.messages


def test_undo_right_after_a_slider_takes_back_that_alone(bottle: MainWindow) -> None:
    pull(bottle, at(bottle, 0.5, 0.35), at(bottle, 0.6, 0.3))
    field = bottle.docks["drag"].widget().sliders["strength"].number
    assert field.text() == "100 %"
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "40")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert bottle.dragging.settings.strength == 0.4
    bottle.do("edit.undo")
    wait_until(lambda: bottle.drag_desk.solver.idle)
    assert bottle.session.history.cursor == 1 and len(bottle.session.history.entries) == 2
    assert bottle.dragging.settings.strength == 1.0 and bottle.session.scene.active.warp.drag.strength == 1.0


def test_the_view_stays_when_a_drag_becomes_the_shape(bottle: MainWindow) -> None:
    pull(bottle, at(bottle, 0.5, 0.35), at(bottle, 0.75, 0.2))
    camera = bottle.navigator.pose
    bottle.do("drag.apply")
    wait_until(lambda: bottle.session.scene.active.warp is None)
    wait_settled(bottle)
    bottle.session.scene.active.changed.emit(bottle.session.scene.active, "prepared")
    assert bottle.navigator.pose is camera
