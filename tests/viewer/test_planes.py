"""The panel of planes, the 3D cursor, decoders that are asked for, and the description in the inspector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from assets.deform.drag import Drag
from assets.deform.volume import WarpVolume
from assets.deform.warp import Warp
from assets.fields.adjusting.adjust import CHOSEN
from assets.fields.decoder import Field
from assets.fields.plane_images import texel_at
from assets.formats import open_path, save_path
from assets.progress import Partial, run
from tests.small_assets import triplane, triposr_tensors
from tests.viewer.conftest import pixels, wait_until
from viewer.decoders import KnownDecoders, lacks_decoder
from viewer.panels.inspector import OVERVIEW
from viewer.planes import PlaneShow
from viewer.session import Session
from viewer.window import MainWindow
from viewer.work.runner import InlineRunner, Task

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def field_file(tmp_path: Path) -> Path:
    """A ball of fog in our own format."""
    path = tmp_path / "fog.safetensors"
    run(save_path(triplane(), path))
    return path


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    """Planes with TripoSR's names, and its decoder in another file."""
    tensors = triposr_tensors()
    planes, weights = tmp_path / "code.npz", tmp_path / "weights.npz"
    np.savez(planes, scene_codes=tensors.pop("scene_codes"))
    np.savez(weights, **tensors)
    return planes, weights


def arrived(window: MainWindow, path: Path) -> list:
    """Opens a file and returns what came; the rest of its bricks is not waited for."""
    before = len(window.session.scene)
    window.open_paths([path])
    wait_until(lambda: len(window.session.scene) > before and window.preload.done)
    return list(window.session.scene)[before:]


class Coarsely(InlineRunner):
    """Does what it is asked at once, and of preparations the first piece: all that these tests look at."""

    def start(self, task: Task) -> Task:
        if task.function != "assets.preparation:prepare":
            return super().start(task)
        for event in task.arguments[0].preparation(task.arguments[1]):
            if isinstance(event, Partial):
                task.on_partial(event.value)
                break
        task.state = "finished"
        return task


def do_coarsely(window: MainWindow) -> None:
    """Lets no test of the description or the cursor wait for the finest bricks."""
    window.session.runner = window.session.preparations._runner = Coarsely()


def drawn(window: MainWindow) -> np.ndarray:
    """What the viewport shows once it stands still."""
    QTest.qWait(100)  # a new asset is uploaded when the lists show it
    wait_until(lambda: window.viewport.complete)
    return pixels(window)


def show_planes(window: MainWindow):
    """The panel, when its pictures are there."""
    panel = window.panel("planes")
    wait_until(lambda: panel.asset is not None and panel.pictures.complete and panel.canvas.tiles[0].picture)
    return panel


def place_of(panel, number: int, column: float, row: float) -> QPointF:
    """Where a texel is on the canvas."""
    place, (rows, columns) = panel.canvas.places()[number], panel.canvas.tiles[number].size
    return QPointF(place.left() + (column + 0.5) / columns * place.width(),
                   place.top() + (row + 0.5) / rows * place.height())  # fmt: skip


def test_dragging_in_a_plane_moves_the_cursor_everywhere(window: MainWindow, parts: tuple[Path, Path]) -> None:
    arrived(window, parts[0])
    panel = show_planes(window)
    assert [tile.mark for tile in panel.canvas.tiles] == [None] * 3
    wait_until(lambda: window.viewport.complete)
    before = pixels(window)
    QTest.mousePress(panel.canvas, LEFT, NONE, place_of(panel, 0, 4, 4).toPoint())
    QTest.mouseMove(panel.canvas, place_of(panel, 0, 2, 6).toPoint())
    QTest.mouseRelease(panel.canvas, LEFT, NONE, place_of(panel, 0, 2, 6).toPoint())
    point = window.session.cursor.point
    # Column 2 and row 6 of 8, edges at −0.87 and 0.87; z is where it was, in the middle.
    assert np.allclose(point, (0.87 * (5 / 8 - 1), 0.87 * (13 / 8 - 1), 0.0), atol=0.04)
    assert panel.canvas.tiles[1].mark[0] == pytest.approx(panel.canvas.tiles[0].mark[0])
    assert panel.canvas.tiles[2].mark[0] == pytest.approx(panel.canvas.tiles[0].mark[1])
    assert "x" in panel.told.text() and "not known" in panel.told.text()
    wait_until(lambda: np.abs(pixels(window).astype(int) - before).max() > 60)
    window.do("view.hide_cursor")
    assert window.session.cursor.point is None and panel.canvas.tiles[0].mark is None


def test_the_field_is_asked_at_the_cursor(window: MainWindow, field_file: Path) -> None:
    do_coarsely(window)
    (asset,) = arrived(window, field_file)
    panel = show_planes(window)
    point = np.array([0.1, -0.2, 0.05])
    window.session.cursor.set(point)
    wait_until(lambda: bool(panel._values))
    expected = Field(asset, "cpu").query(point[None])["density"][0, 0]
    assert panel._values["density"][0] == pytest.approx(expected, rel=1e-5)
    assert "density" in panel.told.text() and "■" in panel.told.text()


def test_shift_right_click_places_the_crosshair(window: MainWindow, parts: tuple[Path, Path], mesh_file: Path) -> None:
    (asset,) = arrived(window, parts[0])
    panel = show_planes(window)
    arrived(window, mesh_file)
    window.session.activate(asset)
    window.do("view.frame_all")
    wait_until(lambda: window.viewport.complete)
    viewport = window.viewport
    middle = viewport.rect().center()
    hit = window.pick(middle.x(), middle.y())
    QTest.mouseClick(viewport, RIGHT, SHIFT, middle)
    assert np.allclose(window.session.cursor.point, hit.point)
    QTest.mousePress(viewport, RIGHT, SHIFT, middle)
    QTest.mouseMove(viewport, middle + QPoint(0, 12))
    QTest.mouseMove(viewport, middle + QPoint(0, 24))
    QTest.mouseRelease(viewport, RIGHT, SHIFT, middle + QPoint(0, 24))
    assert not np.allclose(window.session.cursor.point, hit.point)
    group, point = asset.description.groups[0], np.array([0.2, -0.1, 0.3])
    window.session.cursor.set(point)
    for tile, plane in zip(panel.canvas.tiles, group.planes, strict=True):
        assert tile.mark == pytest.approx(texel_at(asset.description, group, plane, (8, 8), point, 0.0))


def test_pictures_follow_the_choice(window: MainWindow, parts: tuple[Path, Path]) -> None:
    arrived(window, parts[0])
    panel = show_planes(window)
    colours = panel.canvas.tiles[0].picture
    QTest.mouseClick(panel.kinds.buttons["channel"], LEFT)
    wait_until(lambda: panel.pictures.complete)
    assert panel.channel.isVisible() and panel.channel.maximum() == 39
    first = panel.canvas.tiles[0].picture
    panel.channel.setValue(1)
    wait_until(lambda: panel.pictures.complete)
    assert panel.canvas.tiles[0].picture not in (first, colours) and first != colours
    QTest.mouseDClick(panel.canvas, LEFT, NONE, place_of(panel, 1, 4, 4).toPoint())
    assert list(panel.canvas.places()) == [1]


def test_the_crosshair_follows_a_drag_back_to_the_planes() -> None:
    show, asset = PlaneShow(), triplane()
    show.enter(asset)
    rest = show.marks(np.zeros(3))
    lattice = np.zeros((8, 8, 8, 4), np.float32)
    lattice[1:-1, 1:-1, 1:-1] = (-0.25, 0.0, 0.0, 1.0)
    volume = WarpVolume(np.array([[-0.5] * 3, [0.5] * 3]), lattice)
    asset.set_warp(Warp(Drag(), None, None, stored=volume))
    assert np.allclose(show.marks(np.array([0.25, 0.0, 0.0])), rest)
    middle = tuple(rest[0])
    point, _ = show.point_at(0, middle, np.array([0.25, 0.0, 0.0]))
    assert point == pytest.approx(np.array([0.25, 0.0, 0.0]), abs=1e-6)


def test_nothing_to_show_says_why(window: MainWindow, mesh_file: Path) -> None:
    panel = window.panel("planes")
    assert panel.currentWidget() is panel.nothing
    arrived(window, mesh_file)
    assert panel.currentWidget() is panel.nothing


def fill_inspector(window: MainWindow):
    """The inspector, when all its rows are there."""
    inspector = window.panel("inspector")
    wait_until(lambda: window.preload.done and inspector.root is not None and inspector.filled)
    return inspector


def test_the_description_is_changed_seen_and_taken_back(window: MainWindow, field_file: Path, tmp_path: Path) -> None:
    do_coarsely(window)
    (asset,) = arrived(window, field_file)
    inspector = fill_inspector(window)
    window.navigator.orbit(9, 4, 700)  # a view of one's own, which stays
    seen = drawn(window)
    row = inspector.root.child("Space").child("box")
    row.setValue("0.5")
    assert asset.description.space.high == (0.5, 0.5, 0.5)
    smaller = drawn(window)
    assert (np.abs(seen.astype(int) - smaller).max(-1) > 20).mean() > 0.02
    assert asset.grid is not None and inspector.root.child("Space").child("box").value() == "±0.5"
    path = tmp_path / "smaller.safetensors"
    run(save_path(asset, path))
    (again,) = run(open_path(path))
    assert again.description == asset.description
    assert again.provenance.declared["box"] == f"±0.5, {CHOSEN}"
    window.do("edit.undo")
    assert asset.description.space.high == (1.0, 1.0, 1.0)
    assert (np.abs(seen.astype(int) - drawn(window)).max(-1) > 20).mean() < 0.01
    fill_inspector(window)
    assert inspector.root.child("Space").child("box").value() == "±1"


def test_an_impossible_value_is_told_and_put_back(window: MainWindow, field_file: Path) -> None:
    do_coarsely(window)
    (asset,) = arrived(window, field_file)
    inspector = fill_inspector(window)
    inspector.root.child("Space").child("box").setValue("wide")
    assert "box" in window.stage.errors.messages[0]
    assert inspector.root.child("Space").child("box").value() == "±1"
    assert asset.description.space.high == (1.0, 1.0, 1.0)


def test_who_types_in_a_row_goes_on_where_others_come(window: MainWindow, field_file: Path) -> None:
    do_coarsely(window)
    arrived(window, field_file)
    inspector = fill_inspector(window)
    field = next(iter(inspector.root.child("Space").child("box").items)).widget
    inspector.tree.scrollToItem(next(iter(inspector.root.child("Space").child("outside").items)))
    field.setFocus()
    before = field.mapTo(inspector, QPoint()).y()
    field.setText("0.7")
    QTest.keyClick(field, Qt.Key.Key_Return)
    wait_until(lambda: "Set by you" in inspector.root.names and inspector.filled)
    assert inspector.root.child("Set by you").child("box").value() == "±0.7"
    assert inspector.tree.focusWidget() is field and abs(field.mapTo(inspector, QPoint()).y() - before) <= 1


def test_a_folded_overview_stays_folded_and_comes_back(window: MainWindow, field_file: Path) -> None:
    do_coarsely(window)
    (asset,) = arrived(window, field_file)
    inspector = fill_inspector(window)
    item = next(iter(inspector.root.child(OVERVIEW).items))
    item.setExpanded(False)
    inspector.retheme()
    wait_until(lambda: inspector.filled)
    assert not inspector.root.child(OVERVIEW).children()
    window.session.describe(asset, "box", 0.7)
    drawn(window)
    wait_until(lambda: inspector.filled)
    next(iter(inspector.root.child(OVERVIEW).items)).setExpanded(True)
    wait_until(lambda: inspector.filled)
    assert inspector.root.child(OVERVIEW).child("kind").value() == "triplane"


def test_folded_rows_come_when_they_are_opened(window: MainWindow, field_file: Path) -> None:
    do_coarsely(window)
    (asset,) = arrived(window, field_file)
    inspector = fill_inspector(window)
    group = inspector.root.child("Surface")
    assert not group.children()
    next(iter(group.items)).setExpanded(True)
    wait_until(lambda: inspector.filled)
    assert group.child("surface.level").value() == asset.description.surface.level


def test_changes_of_one_property_are_one_entry() -> None:
    session = Session(Coarsely())
    asset = triplane()
    session.scene.add(asset)
    for value in (0.9, 0.8, 0.7):
        assert session.describe(asset, "box", value)
    assert session.describe(asset, "padding", "border")
    assert [entry.name for entry in session.history.entries] == ["Box", "Padding"]
    assert session.history.entries[0].detail == "fog: ±1 → ±0.7"
    session.undo()
    session.undo()
    assert asset.description == triplane().description and not asset.provenance.declared


def test_a_decoder_is_asked_for_and_remembered(
    window: MainWindow, parts: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes, weights = parts
    (asset,) = arrived(window, planes)
    assert lacks_decoder(asset)
    assert window.stage.offer.isVisible() and not window.docks["planes"].isHidden()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(weights), ""))
    QTest.mouseClick(window.stage.offer.choose, LEFT)
    wait_until(lambda: asset.has_decoder)
    assert not window.stage.offer.isVisible()
    assert asset.provenance.declared["decoder file"] == "weights.npz"
    window.do("edit.undo")
    assert lacks_decoder(asset) and window.stage.offer.isVisible()
    window.do("edit.redo")
    assert asset.has_decoder
    window.session.clear()
    window.open_paths([planes])
    wait_until(lambda: len(window.session.scene) == 1 and window.session.scene.active.has_decoder)
    again = window.session.scene.active
    assert again.has_decoder and not window.session.unsaved
    known = KnownDecoders(window.settings.folder)
    assert known.of("TripoSR") == weights
    weights.unlink()
    assert known.of("TripoSR") is None and KnownDecoders(window.settings.folder).of("TripoSR") is None


def test_a_dropped_decoder_is_given_to_the_planes(window: MainWindow, parts: tuple[Path, Path]) -> None:
    planes, weights = parts
    (asset,) = arrived(window, planes)
    window.open_paths([weights])
    wait_until(lambda: asset.has_decoder)
    assert not window.stage.errors.messages and len(window.session.scene) == 1


def test_a_decoder_may_come_before_its_planes(window: MainWindow, parts: tuple[Path, Path]) -> None:
    planes, weights = parts
    window.open_paths([weights, planes])
    wait_until(lambda: len(window.session.scene) == 1 and window.session.scene.active.has_decoder)
    assert not window.stage.errors.messages


def test_what_is_no_decoder_is_told(window: MainWindow, parts: tuple[Path, Path], tmp_path: Path) -> None:
    (asset,) = arrived(window, parts[0])
    other = tmp_path / "other.npz"
    np.savez(other, nothing=np.zeros(3))
    window.decoders.give(other)
    wait_until(lambda: bool(window.stage.errors.messages))
    assert "other.npz" in window.stage.errors.messages[0] and lacks_decoder(asset)
    QTest.mouseClick(window.stage.offer.close_button, LEFT)
    QApplication.processEvents()
    assert not window.stage.offer.isVisible()
    window.decoders.give(parts[1])
    wait_until(lambda: asset.has_decoder)
    assert not window.stage.errors.messages
