"""Folders in the window: dropped, and chosen in a dialog."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog

from viewer.window import MainWindow

from .conftest import wait_settled, wait_until, write_splats

LEFT, NONE, COPY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The folder in which INRIA's trainer has left a scene."""
    place = tmp_path / "bicycle" / "point_cloud" / "iteration_30000"
    place.mkdir(parents=True)
    write_splats(place / "point_cloud.ply", 200)
    return tmp_path / "bicycle"


def test_a_dropped_folder_opens(window: MainWindow, output: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl(output.as_uri() + "/")])
    QApplication.sendEvent(window, QDragEnterEvent(QPoint(200, 200), COPY, data, LEFT, NONE))
    QApplication.sendEvent(window, QDropEvent(QPointF(200, 200), COPY, data, LEFT, NONE))
    wait_until(lambda: len(window.session.scene) == 1)
    wait_settled(window)
    (asset,) = window.session.scene
    assert len(asset) == 200 and window.windowTitle() == "bicycle iteration 30000 — Triptych"
    assert [entry.path for entry in window.recent.existing()] == [output], "it is the folder that is opened again"


def test_a_folder_is_chosen_in_a_dialog(window: MainWindow, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    window.do("file.open_folder")
    assert not window.session.opening and not window.stage.errors.messages
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(output))
    window.do("file.open_folder")
    wait_until(lambda: len(window.session.scene) == 1)
    wait_settled(window)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(output.parent))
    window.do("file.open_folder")
    wait_until(lambda: window.stage.errors.messages)
    (sentence,) = window.stage.errors.messages
    assert sentence.startswith(f"{output.parent}: is a folder, and would have to hold")
    assert len(window.session.scene) == 1


def test_the_description_of_a_sog_is_offered(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple] = []
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *arguments: asked.append(arguments) or ([], ""))
    window.do("file.open")
    assert "*.json" in asked[0][3].split(";;")[0]
