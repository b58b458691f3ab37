"""The window in the hands of a user: opening, the list, the inspector, messages, the mouse."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from tests.small_assets import triplane
from tests.viewer.conftest import opened, pixels, wait_settled, wait_until
from viewer.panels.inspector import DISPLAY, OVERVIEW
from viewer.panels.scene import EYE, NAME
from viewer.window import MainWindow

LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton
NONE = Qt.KeyboardModifier.NoModifier


def drag(window: MainWindow, button: Qt.MouseButton, dx: int, dy: int, held: Qt.KeyboardModifier = NONE) -> None:
    """Drags over the viewport from its middle."""
    viewport = window.viewport
    start = viewport.rect().center()
    QTest.mousePress(viewport, button, held, start)
    for share in (0.3, 0.6, 1.0):
        at = QPointF(start) + QPointF(dx, dy) * share
        move = QTest.mouseMove
        move(viewport, at.toPoint())
        QApplication.processEvents()
    QTest.mouseRelease(viewport, button, held, start + QPoint(dx, dy))


def fill_inspector(window: MainWindow):
    """The inspector, when all its rows are there."""
    inspector = window.panel("inspector")
    wait_until(lambda: window.preload.done and inspector.root is not None and inspector.filled)
    return inspector


def test_start_page_invites(window: MainWindow) -> None:
    page = window.stage.start_page
    assert page.isVisible()
    assert window.windowTitle() == "Triptych"
    names = {card.accessibleName() for card in page.cards()}
    assert {f"Open {path.name}" for path, _ in window.samples()} <= names
    assert "Nothing is open" in window.panel("scene").currentWidget().text()


def test_sample_card_opens(window: MainWindow) -> None:
    path, kind = window.samples()[0]
    card = next(card for card in window.stage.start_page.cards() if path.name in card.accessibleName())
    QTest.mouseClick(card, LEFT)
    wait_until(lambda: len(window.session.scene) == 1)
    wait_settled(window)
    assert window.session.scene.active.kind == kind
    assert not window.stage.start_page.isVisible()


def test_three_kinds_together(window: MainWindow, splat_file: Path, mesh_file: Path) -> None:
    sample = next(path for path, kind in window.samples() if kind == "triplane")
    assets = opened(window, splat_file, mesh_file, sample)
    assert {asset.kind for asset in assets} == {"gaussians", "mesh", "triplane"}
    assert next(asset for asset in assets if asset.kind == "triplane").grid is not None
    assert window.panel("scene").list.topLevelItemCount() == 3
    assert window.windowTitle().endswith("— Triptych")
    assert "splats" in window.status.counts.text() and "faces" in window.status.counts.text()
    assert window.stage.badge.text() == "Full"


@pytest.mark.slow
def test_prepared_in_the_worker(window: MainWindow) -> None:
    asset = triplane()
    window.session.scene.add(asset)
    window.session.preparations.start(asset)
    wait_settled(window)
    assert asset.grid is not None and asset.grid.level == asset.grid.levels - 1


def test_eye_hides_and_shows(window: MainWindow, mesh_file: Path) -> None:
    (asset,) = opened(window, mesh_file)
    shown = pixels(window)
    rows = window.panel("scene").list
    QTest.mouseClick(rows.viewport(), LEFT, NONE, rows.visualItemRect(rows.row(asset)).topLeft() + QPoint(12, 12))
    assert not asset.visible
    wait_settled(window)
    hidden = pixels(window)
    assert (np.abs(shown.astype(int) - hidden).max(-1) > 20).mean() > 0.02
    rows.setFocus()
    QTest.keyClick(rows, Qt.Key.Key_Space)
    assert asset.visible
    assert not rows.row(asset).icon(EYE).isNull()


def test_rename_in_the_list(window: MainWindow, mesh_file: Path) -> None:
    (asset,) = opened(window, mesh_file)
    window.do("edit.rename")
    editor = window.panel("scene").list.findChild(QLineEdit)
    QTest.keyClicks(editor, "stand")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    wait_until(lambda: asset.name == "stand", 5)
    assert window.panel("scene").list.row(asset).text(NAME) == "stand"
    assert window.windowTitle() == "stand — Triptych"


def test_a_name_that_is_taken_gets_a_number(window: MainWindow, mesh_file: Path) -> None:
    first, second = opened(window, mesh_file, mesh_file)
    assert (first.name, second.name) == ("cube", "cube 2")


def test_inspector_tells_and_sets(window: MainWindow, splat_file: Path) -> None:
    (asset,) = opened(window, splat_file)
    inspector = fill_inspector(window)
    overview = {row.name(): row.value() for row in inspector.root.child(OVERVIEW).children()}
    assert overview["kind"] == "splats" and overview["splats"] == "300"
    assert overview["on the GPU"] != "0.0 KiB"
    display = {row.name(): row for row in inspector.root.child(DISPLAY).children()}
    assert list(display) == [entry.name for entry in asset.settings()]
    before = pixels(window)
    display["size"].setValue(3.0)
    assert asset.display.size == 3.0
    wait_settled(window)
    assert (pixels(window) != before).any()
    window.session.set_display(asset, "min_opacity", 0.5)
    assert display["min_opacity"].value() == 0.5


def test_inspector_follows_the_active_asset(window: MainWindow, splat_file: Path, mesh_file: Path) -> None:
    splats, cube = opened(window, splat_file, mesh_file)
    for asset in (splats, cube):
        window.session.activate(asset)
        wait_until(lambda: window.panel("inspector").filled)
        names = [row.name() for row in fill_inspector(window).root.child(DISPLAY).children()]
        assert names == [entry.name for entry in asset.settings()]
    window.session.activate(None)
    wait_until(lambda: "No asset is active" in window.panel("inspector").nothing.text(), 5)


def test_a_bad_file_is_one_sentence_in_the_bar(window: MainWindow, mesh_file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "page.ply"
    bad.write_text("<!DOCTYPE html><html>404</html>", "utf-8")
    assets = opened(window, mesh_file)
    before = pixels(window)
    window.open_paths([bad])
    wait_until(lambda: bool(window.stage.errors.messages))
    (sentence,) = window.stage.errors.messages
    assert sentence.startswith(f"{bad}: is a web page (HTML)")
    assert window.stage.errors.isVisible() and QApplication.activeModalWidget() is None
    assert list(window.session.scene) == assets
    wait_settled(window)
    assert (pixels(window) == before).all()
    window.stage.errors.more.click()
    assert window.stage.errors.details.isVisible()
    window.do("edit.leave_tool")
    assert not window.stage.errors.isVisible()


def test_dropped_files_open(window: MainWindow, splat_file: Path, mesh_file: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(splat_file)), QUrl.fromLocalFile(str(mesh_file))])
    middle, copy = QPoint(200, 200), Qt.DropAction.CopyAction
    enter = QDragEnterEvent(middle, copy, data, LEFT, NONE)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted() and window.stage.drop.isVisible() and "2 files" in window.stage.drop.text()
    QApplication.sendEvent(window, QDropEvent(QPointF(middle), copy, data, LEFT, NONE))
    assert not window.stage.drop.isVisible()
    wait_until(lambda: len(window.session.scene) == 2)


def test_recent_files_with_a_picture(window: MainWindow, mesh_file: Path) -> None:
    opened(window, mesh_file)
    wait_until(lambda: window.recent.thumbnail(mesh_file).is_file())
    (entry,) = window.recent.existing()
    assert (entry.path, entry.kind) == (mesh_file, "mesh")
    assert mesh_file.name in window.recent_menu.actions()[0].text()
    assert QImage(str(entry.thumbnail)).height() > 100
    window.session.clear()
    QApplication.processEvents()
    assert window.stage.start_page.isVisible()
    assert any(mesh_file.name in card.accessibleName() for card in window.stage.start_page.cards())
    mesh_file.unlink()
    assert not window.recent.existing()


@pytest.mark.parametrize(
    ("button", "held", "moves"),
    [(LEFT, NONE, "orbit"), (MIDDLE, NONE, "orbit"), (RIGHT, NONE, "pan")],
)
def test_drags(window: MainWindow, mesh_file: Path, button: Qt.MouseButton, held: object, moves: str) -> None:
    opened(window, mesh_file)
    before = window.navigator.pose
    drag(window, button, 60, 20, held)
    after = window.navigator.pose
    turned = not np.allclose(before.matrix[:3, :3], after.matrix[:3, :3])
    shifted = not np.allclose(before.pivot, after.pivot)
    assert (turned, shifted) == ((True, False) if moves == "orbit" else (False, True))


def test_double_click_sets_the_pivot_on_the_surface(window: MainWindow, mesh_file: Path) -> None:
    opened(window, mesh_file)
    viewport = window.viewport
    at = viewport.rect().center() + QPoint(30, -20)
    ratio = viewport.devicePixelRatioF()
    hit = window.pick(at.x(), at.y())
    assert hit is not None
    # On the surface of the cube of side 2, to what a depth buffer resolves.
    assert np.abs(hit.point).max() == pytest.approx(1.0, abs=2e-3)
    QTest.mouseDClick(viewport, LEFT, NONE, at)
    wait_settled(window)
    assert window.navigator.pose.pivot == pytest.approx(hit.point, abs=1e-6)
    camera = viewport.camera
    local = camera.view_matrix() @ np.append(hit.point, 1.0)
    x = camera.cx + camera.fx * local[0] / -local[2]
    assert x == pytest.approx(viewport.width() * ratio / 2, abs=0.6)


def test_select_tool_activates_what_is_clicked(window: MainWindow, mesh_file: Path) -> None:
    (asset,) = opened(window, mesh_file)
    window.session.activate(None)
    QTest.keyClick(window.viewport, Qt.Key.Key_Q)
    assert window.active_tool.id == "select"
    assert "select asset" in window.status.hand.text()
    QTest.mouseClick(window.viewport, LEFT, NONE, window.viewport.rect().center())
    assert window.session.scene.active is asset
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.active_tool.id == "navigate"


def test_wheel_and_axis_views(window: MainWindow, mesh_file: Path) -> None:
    opened(window, mesh_file)
    window.settings.set("motion", False)
    depth = window.navigator.pose.depth
    window.do("view.front")
    assert window.navigator.pose.matrix[:3, 2] == pytest.approx([0, 0, 1], abs=1e-9)
    QTest.keyClick(window.viewport, Qt.Key.Key_7, Qt.KeyboardModifier.KeypadModifier)
    assert window.navigator.pose.matrix[:3, 2] == pytest.approx([0, 1, 0], abs=1e-9)
    window.do("view.orthographic")
    assert window.viewport.camera.ortho_height is not None
    assert window.navigator.pose.depth == pytest.approx(depth)
    wait_settled(window)


def test_camera_through_the_clipboard(window: MainWindow, mesh_file: Path) -> None:
    opened(window, mesh_file)
    window.settings.set("motion", False)
    window.do("edit.copy_camera")
    before = window.navigator.pose
    window.do("view.top")
    window.do("edit.paste_camera")
    assert window.navigator.pose.matrix == pytest.approx(before.matrix, abs=1e-9)
    QGuiApplication.clipboard().setText("no camera")
    window.do("edit.paste_camera")
    assert "clipboard" in window.stage.errors.messages[0]


def test_interface_hides_and_returns(window: MainWindow, mesh_file: Path) -> None:
    opened(window, mesh_file)
    window.viewport.setFocus()
    QTest.keyClick(window.viewport, Qt.Key.Key_Tab)
    assert not window.menuBar().isVisible() and not window.docks["scene"].isVisible()
    QTest.keyClick(window.viewport, Qt.Key.Key_Tab)
    assert window.menuBar().isVisible() and window.docks["scene"].isVisible()


@pytest.mark.slow
def test_theme_and_background_follow_the_settings(window: MainWindow, mesh_file: Path) -> None:
    opened(window, mesh_file)
    window.settings.set("grid", False)
    window.settings.set("background", "white")
    wait_settled(window)
    assert pixels(window)[4, -4].min() > 250
    window.settings.set("theme", "light")
    assert window.palette().window().color().lightness() > 200
    window.settings.set("theme", "dark")
    assert window.palette().window().color().lightness() < 60


def test_exact_picture_when_still(window: MainWindow, splat_file: Path, mesh_file: Path) -> None:
    opened(window, splat_file, mesh_file)
    drawn = pixels(window)
    window.settings.set("exact_still", True)
    wait_until(lambda: window.viewport.exact is not None, 60)
    assert window.stage.badge.text() == "Exact" and not window.stage.errors.messages
    QTest.qWait(50)
    exact = pixels(window)
    # The same scene: nothing moved and nothing is missing, but the splats were computed otherwise.
    assert np.abs(exact.astype(float) - drawn).mean() < 2.0 and (exact != drawn).any()
    window.navigator.orbit(20, 0, 700)
    assert window.viewport.exact is None
    window.settings.set("exact_still", False)
    wait_settled(window)
    assert window.stage.badge.text() == "Full"


def test_no_work_while_nothing_changes(window: MainWindow, mesh_file: Path) -> None:
    opened(window, mesh_file)
    wait_until(lambda: not window.viewport._timer.isActive())
    pictures: list[int] = []
    window.viewport.drawn.connect(lambda: pictures.append(1))
    fill_inspector(window)
    wait_until(lambda: not window.status._later.isActive())
    worked = []
    # What earlier tests have left in this process may work for a moment; what the window does it does every second.
    for _ in range(4):
        before = time.process_time()
        QTest.qWait(1000)
        assert not pictures and not window.viewport._timer.isActive()
        worked.append(time.process_time() - before)
        if worked[-1] < 0.15:
            break
    assert min(worked) < 0.15


def test_moving_draws_less_and_rest_draws_all(window: MainWindow, splat_file: Path) -> None:
    opened(window, splat_file)
    seen: list[bool] = []
    window.viewport.drawn.connect(lambda: seen.append(window.viewport.drawing.shown_full))
    window.viewport._budget._share = 0.05
    window.navigator.orbit(10, 0, 700)
    wait_until(lambda: bool(seen))
    assert not seen[0] and window.stage.badge.text() == "Preview"
    wait_settled(window)
    assert seen[-1] and window.stage.badge.text() == "Full"


def test_a_screenshot_is_of_the_finished_picture(
    window: MainWindow, splat_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(window, splat_file)

    def answer(*_) -> tuple[str, str]:
        assert not window.viewport.complete
        wait_settled(window)
        return str(tmp_path / "seen"), ""

    monkeypatch.setattr("viewer.commands.file.QFileDialog.getSaveFileName", answer)
    window.settings.set("motion", False)
    drag(window, LEFT, 60, 20)
    window.do("file.screenshot")
    saved = QImage(str(tmp_path / "seen.png")).convertToFormat(QImage.Format.Format_RGB888)
    assert saved == window.viewport.picture().convertToFormat(QImage.Format.Format_RGB888)
