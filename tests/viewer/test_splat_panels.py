"""What splats say of themselves in the window: the histogram that lights them up, the doctor, the picked one."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from assets.edits.data import DataEdit
from assets.formats import open_path, save_path
from assets.progress import run
from assets.splats.attributes import attributes, measured, spread
from assets.splats.doctor import examine, remedied, turned_up
from assets.splats.spz_frame import says_frame
from tests.assets.splat_files import random_splats
from tests.viewer.conftest import opened, pixels, wait_settled, wait_until
from viewer.dialogs.export import ExportDialog
from viewer.gradual import Gradual
from viewer.headless.info import describe, to_text
from viewer.session import Session
from viewer.settings import SettingsFile
from viewer.splat_desk import SplatDesk
from viewer.window import MainWindow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def ill_file(tmp_path: Path) -> Path:
    """Splats with a giant, two dead ones and a duplicate among them."""
    splats = random_splats(400, degree=1)
    splats.rotations /= np.linalg.norm(splats.rotations, axis=1, keepdims=True)
    splats.logit_opacities = np.abs(splats.logit_opacities)
    splats.log_scales[5] = 5.0
    splats.logit_opacities[[7, 8]] = -9.0
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
        getattr(splats, name)[20] = getattr(splats, name)[21]
    path = tmp_path / "ill.ply"
    run(save_path(splats, path))
    return path


def histogram_of(window: MainWindow):
    """The panel, when it shows something."""
    panel = window.panel("histogram")
    wait_until(lambda: panel.histogram is not None and panel.complete)
    return panel


def drag_across(panel, low: float, high: float) -> None:
    """Drags over the plot, between two shares of its axis."""
    plot = panel.plot
    box = plot._ground.sceneBoundingRect()
    ends = [plot.mapFromScene(box.left() + share * box.width(), box.center().y()) for share in (low, high)]
    QTest.mousePress(plot.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, ends[0])
    for share in (0.3, 0.6, 1.0):
        QTest.mouseMove(plot.viewport(), ends[0] + share * (ends[1] - ends[0]))
        QTest.qWait(5)
    QTest.mouseRelease(plot.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, ends[1])
    wait_until(lambda: panel.complete)


def test_a_range_lights_up_its_splats(window: MainWindow, splat_file: Path) -> None:
    (asset,) = opened(window, splat_file)
    panel = histogram_of(window)
    before = pixels(window)
    panel.show_attribute("x")
    wait_until(lambda: panel.complete)
    drag_across(panel, 0.5, 0.95)
    low, high = panel.plot.chosen()
    lit = asset.lit()
    inside = (asset.means[:, 0] >= low) & (asset.means[:, 0] <= high)
    assert 20 < lit.sum() < 280 and np.count_nonzero(lit != inside) <= 2
    assert str(int(lit.sum())) in panel.told.text() and panel.delete.isEnabled()
    wait_until(lambda: np.abs(pixels(window).astype(int) - before).max() > 40)
    panel.low.setText("0")
    panel.low.setModified(True)
    QTest.keyClick(panel.low, Qt.Key.Key_Return)
    wait_until(lambda: panel.complete)
    assert panel.plot.chosen()[0] == pytest.approx(0) and np.array_equal(
        asset.lit(), (asset.means[:, 0] >= 0) & (asset.means[:, 0] <= np.float32(high))
    )
    window.do("edit.leave_tool")
    assert asset.highlight is None and panel.plot.chosen() is None and not panel.clear.isEnabled()


def test_lit_splats_are_deleted_and_come_back(window: MainWindow, splat_file: Path) -> None:
    (asset,) = opened(window, splat_file)
    panel = histogram_of(window)
    panel.show_attribute("y")
    wait_until(lambda: panel.complete)
    drag_across(panel, 0.05, 0.5)
    number = int(asset.lit().sum())
    QTest.mouseClick(panel.delete, LEFT)
    wait_until(lambda: len(asset) == 300 - number and panel.complete)
    assert asset.highlight is None and panel.plot.chosen() is None
    assert window.session.history.next_undo.name == "Delete splats"
    wait_settled(window)
    window.do("edit.undo")
    assert len(asset) == 300
    wait_until(lambda: panel.complete and panel.histogram.counts.sum() == 300)


def test_no_slice_of_work_on_a_million_splats_is_long(qapp, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = random_splats(1_000_000, 0)
    asset.notes.up_axis = "-y"
    hue = next(entry for entry in attributes(asset) if entry.key == "hue")
    slices, results, work = [], [], Gradual._work

    def measured_work(gradual: Gradual) -> None:
        began = time.thread_time()
        work(gradual)
        slices.append(time.thread_time() - began)

    monkeypatch.setattr(Gradual, "_work", measured_work)
    gradual = Gradual(qapp, 0)
    for job in (
        measured(asset, hue),
        spread(asset.means[:, 0]),
        examine(asset),
        remedied(asset, ("dead", "quaternions")),
    ):
        gradual.start(job, results.append)
        wait_until(lambda: not gradual.busy)
    assert len(results) == 4 and len(results[3]["means"]) < 1_000_000
    # A slice is 6 ms and what its last step takes longer; here other programs run, so the longest few are left out.
    assert sorted(slices)[-3] < 0.02


def test_the_doctor_lists_and_cures(window: MainWindow, ill_file: Path) -> None:
    (asset,) = opened(window, ill_file)
    wait_until(lambda: window.splats.findings(asset) is not None)
    assert window.stage.health.isVisible() and "giant splats: 1" in window.stage.health.text.text().lower()
    row = window.docks["scene"].widget().list.row(asset)
    assert not row.icon(1).isNull() and "Duplicates: 1" in row.toolTip(1)
    assert any("Duplicates: 1. See" in text for text in window.splats.advice(asset))
    QTest.mouseClick(window.stage.health.show_button, LEFT)
    panel = window.docks["doctor"].widget()
    assert panel.isVisible() and list(panel.buttons) == ["all", "giant", "duplicates", "dead"]
    QTest.mouseClick(panel.buttons["giant"], LEFT)
    wait_until(lambda: len(asset) == 399 and window.splats.findings(asset) is not None)
    assert list(panel.buttons) == ["all", "duplicates", "dead"]
    QTest.mouseClick(panel.buttons["all"], LEFT)
    wait_until(lambda: len(asset) == 396 and window.splats.findings(asset) is not None)
    assert not panel.buttons and panel.told and not window.stage.health.isVisible()
    for number in (399, 400):
        window.do("edit.undo")
        assert len(asset) == number
    wait_until(lambda: window.splats.findings(asset) is not None)
    assert window.stage.health.isVisible()
    QTest.mouseClick(window.stage.health.close_button, LEFT)
    assert not window.stage.health.isVisible()


def test_a_click_tells_the_values_of_a_splat(window: MainWindow, splat_file: Path) -> None:
    (asset,) = opened(window, splat_file)
    window.activate_tool(next(tool for tool in window.tools if tool.id == "select"))
    camera = window.navigator.camera(window.viewport.width(), window.viewport.height())
    seen = asset.means @ camera.view_matrix()[:3, :3].T + camera.view_matrix()[:3, 3]
    nearest = int(seen[:, 2].argmax())
    x = camera.cx - seen[nearest, 0] / seen[nearest, 2] * camera.fx
    y = camera.cy + seen[nearest, 1] / seen[nearest, 2] * camera.fy
    QTest.mouseClick(window.viewport, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y)))
    card = window.stage.picked
    assert card.isVisible() and dict(card.rows)["splat"].startswith(f"{nearest} of") and "σ" in dict(card.rows)
    assert float(dict(card.rows)["median depth"]) == pytest.approx(-seen[nearest, 2], rel=1e-3)
    window.do("edit.leave_tool")
    assert not card.isVisible() and window.active_tool.id == "select"


def test_an_spz_is_flipped_and_the_next_one_too(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "a.spz"
    run(save_path(random_splats(60, 1), path))
    (asset,) = opened(window, path)
    means = asset.means
    wait_until(lambda: window.splats.findings(asset) is not None)
    assert any("flip" in text for text in window.splats.advice(asset))
    window.do("edit.flip_spz")
    wait_until(lambda: says_frame(asset) == "ply")
    assert np.array_equal(asset.means, means * (1, -1, -1)) and window.settings.values.spz_frame == "ply"
    assert not any("flip" in text for text in window.splats.advice(asset))
    opened(window, path)
    assert np.array_equal(list(window.session.scene)[-1].means, asset.means)
    window.do("edit.undo")
    assert window.settings.values.spz_frame == "rub" and np.array_equal(asset.means, means)


def test_what_is_flipped_comes_into_the_picture_again(window: MainWindow, tmp_path: Path) -> None:
    """It turns about the origin, which may lie far from what is seen."""
    splats, path = random_splats(60, 1), tmp_path / "a.spz"
    splats.means += np.float32([0, 40, 0])
    run(save_path(splats, path))
    (asset,) = opened(window, path)
    for command in ("edit.flip_spz", "edit.undo"):
        before = says_frame(asset)
        window.do(command)
        wait_until(lambda before=before: says_frame(asset) != before)
        wait_settled(window)
        middle = np.append(asset.local_bounds().mean(0), 1)
        place = window.viewport.camera.view_matrix() @ asset.transform @ middle
        assert abs(place[:2]).max() < 0.1 * -place[2], "before the camera, in the middle"


def desk(tmp_path: Path) -> tuple[Session, SplatDesk, list[str]]:
    """A desk without a window, that does everything at once, and what fails."""
    session, failures = Session(), []
    session.failed.connect(lambda sentence, _: failures.append(sentence))
    at_once = lambda job, on_result: on_result(run(job))  # noqa: E731
    return session, SplatDesk(session, SettingsFile(tmp_path), at_once, at_once), failures


def test_another_up_axis_turns_the_view(window: MainWindow, splat_file: Path) -> None:
    (asset,) = opened(window, splat_file)
    assert window.navigator.up_axis == "-y"
    state = turned_up(asset, "z")
    before = {name: asset.state()[name] for name in state}
    window.session.do(DataEdit(asset, before, state, "Call +z up"))
    assert window.navigator.up_axis == "z" and asset.provenance.declared["up axis"] == "z, set by you"
    window.do("edit.undo")
    assert window.navigator.up_axis == "-y" and "up axis" in asset.provenance.guessed


def test_info_names_complaints(ill_file: Path) -> None:
    (asset,) = run(open_path(ill_file))
    told = describe(asset)["findings"]
    assert [(one["key"], one["count"], one["grave"]) for one in told] == [
        ("giant", 1, True), ("duplicates", 1, True), ("dead", 2, False),
    ]  # fmt: skip
    assert all(one["title"] and one["detail"] and one["fix"] for one in told)
    assert "doctor" in to_text(asset) and "Giant splats: 1." in to_text(asset)


def test_what_cannot_be_changed_is_said(tmp_path: Path, ill_file: Path) -> None:
    session, splats, failures = desk(tmp_path)
    session.open([ill_file])
    (asset,) = session.scene
    assert {finding.key for finding in splats.alarming} == {"giant", "duplicates"}
    splats.delete_lit(asset)
    asset.set_highlight(np.ones(400, bool))
    splats.delete_lit(asset)
    assert len(failures) == 2 and len(asset) == 400
    asset.warp = object()
    splats.fix(asset, splats.findings(asset))
    assert "dragged" in failures[-1] and len(asset) == 400
    asset.warp = None
    splats.fix(asset, splats.findings(asset))
    assert len(asset) == 396 and splats.findings(asset) == [] and session.unsaved == [asset]
    asset.logit_opacities = np.full_like(asset.logit_opacities, -9)
    asset.changed.emit(asset, "data")
    splats.fix(asset, splats.findings(asset))
    assert "none of its splats" in failures[-1] and len(asset) == 396
    run(save_path(asset, ill_file))
    assert len(run(open_path(ill_file))[0]) == 396


def test_the_dialog_says_what_a_format_makes_of_linear_light(qapp, tmp_path: Path) -> None:
    splats = random_splats(3)
    for space, told in (("srgb", False), ("linear", True)):
        splats.notes.color_space = space
        dialog = ExportDialog(None, splats, tmp_path)
        for index in range(dialog.formats.count()):
            dialog.formats.setCurrentIndex(index)
            assert ("linear light" in dialog.note.text()) == (told and dialog.chosen()[0].suffix != ".glb")


def test_a_slider_goes_by_factors_where_small_values_matter_as_much(qtbot) -> None:
    from viewer.widgets.slider_row import SliderAndNumber

    row = SliderAndNumber("Largest radius", "", factors=True)
    qtbot.addWidget(row)
    row.set_range(1.0, 2048.0)
    row.slider.setValue(row.slider.maximum() // 2)
    assert row.value() == pytest.approx(2048**0.5)
    row.setValue(8.0)
    assert row.slider.value() == pytest.approx(row.slider.maximum() * 3 / 11, abs=1)
    row.slider.setValue(row.slider.maximum())
    assert row.value() == 2048.0


def test_no_more_bands_are_offered_than_there_are(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "one.ply"
    run(save_path(random_splats(50, degree=1), path))
    (splats,) = opened(window, path)
    row = window.panel("inspector").root.child("Display", "sh_degree")
    assert (row.value(), row.opts["limits"]) == (1, [0, 1])
    assert splats.display.sh_degree == 3  # of whatever else it may get
    row.setValue(0)
    assert splats.display.sh_degree == 0
