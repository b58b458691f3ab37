"""A real window on a display, with settings of its own, and ways to wait for it."""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import shiboken6
from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from assets.registry import modules
from viewer.app import make_application, make_window
from viewer.window import MainWindow
from viewer.work.worker import WARM


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Runs the event loop until `condition` holds; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        QApplication.processEvents()
        time.sleep(0.002)
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s")


def wait_settled(window: MainWindow, seconds: float = 60.0) -> None:
    """Runs the event loop until nothing is left to load, prepare or draw."""
    wait_until(lambda: not window.jobs.busy and window.viewport.complete and window.preload.done, seconds)
    QApplication.processEvents()


def opened(window: MainWindow, *paths: Path) -> list:
    """Opens files, waits until everything is drawn, and returns the assets."""
    expected = len(window.session.scene) + len(paths)
    window.open_paths(paths)
    wait_until(lambda: len(window.session.scene) == expected or window.stage.errors.messages)
    wait_settled(window)
    return list(window.session.scene)


def pixels(window: MainWindow) -> np.ndarray:
    """What the viewport shows: (H,W,3) u8."""
    image = window.viewport.picture().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def close_for_good(window: MainWindow) -> None:
    """Closes a window and frees what it holds. `processEvents` leaves deferred deletions to an event loop, which no
    test runs: windows of earlier tests would stay, of 60 MB each, and be styled and laid out with every new one."""
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()


class Gaps:
    """A 10 ms timer in the event loop that keeps the longest time between two of its ticks, in ms."""

    def __init__(self) -> None:
        self.largest, self.ticks = 0.0, 0
        self._last = time.perf_counter()
        self._timer = QTimer(interval=10)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def restart(self) -> None:
        """Forgets what was."""
        self.largest, self.ticks, self._last = 0.0, 0, time.perf_counter()

    def stop(self) -> None:
        """Ends the timer."""
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.largest, self._last = max(self.largest, 1000 * (now - self._last)), now
        self.ticks += 1


@pytest.fixture(scope="session", autouse=True)
def _leave_the_past_alone() -> None:
    """What earlier tests have left stays out of every further garbage collection: a window makes many objects, and each
    full collection would walk through all that thousands of tests have imported and kept."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for settings."""
    folder = tmp_path / "config"
    monkeypatch.setenv("TRIPTYCH_CONFIG", str(folder))
    return folder


@pytest.fixture(scope="session")
def start_method() -> str:
    """How the workers of windows come to be. A server that imports once what readers, bakes and drags need, and is
    forked for each worker, spares more than a second per window."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return "spawn"
    packages = ("assets.formats", "assets.families", "assets.convert", "assets.deform.kinds")
    found = [module.__name__ for package in packages for module in modules(package)]
    multiprocessing.set_forkserver_preload(["viewer.work.worker", *WARM, "scipy.sparse", "scipy.spatial", *found])
    return "forkserver"


@pytest.fixture
def window(
    qapp: QApplication, config: Path, start_method: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """An open window without assets, at 1280 × 800."""
    monkeypatch.setattr("viewer.jobs.WARM_UP", False)
    monkeypatch.setattr("viewer.jobs.START_METHOD", start_method)
    make_application()
    made = make_window()
    made.show()
    made.activateWindow()
    wait_until(lambda: made.viewport.frame is not None)
    yield made
    if shiboken6.isValid(made):
        made.confirm = lambda *_: True  # what a test has changed need not be saved
        close_for_good(made)


@pytest.fixture
def splat_file(tmp_path: Path) -> Path:
    """A .ply of 300 splats in the unit ball."""
    return write_splats(tmp_path / "cloud.ply", 300)


@pytest.fixture
def mesh_file(tmp_path: Path) -> Path:
    """A cube as .obj."""
    path = tmp_path / "cube.obj"
    corners = [f"v {x} {y} {z}" for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    quads = ("1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4")
    path.write_text("\n".join(corners + [f"f {quad}" for quad in quads]) + "\n", "utf-8")
    return path


def write_splats(path: Path, number: int, degree: int = 0) -> Path:
    """A binary .ply as INRIA's trainer writes it, of splats in the unit ball."""
    names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    names += [f"f_rest_{index}" for index in range(3 * ((degree + 1) ** 2 - 1))]
    names += ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {number}"]
    header += [f"property float {name}" for name in names] + ["end_header\n"]
    rng = np.random.default_rng(1)
    rows = np.zeros((number, len(names)), np.float32)
    rows[:, :3] = rng.normal(size=(number, 3)) * 0.4
    rows[:, 6:9] = rng.normal(size=(number, 3))
    rows[:, -8] = 2.0
    rows[:, -7:-4] = np.log(0.02 if number < 10_000 else 0.003)
    rows[:, -4] = 1.0
    path.write_bytes("\n".join(header).encode() + rows.tobytes())
    return path
