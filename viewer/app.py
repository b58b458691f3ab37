"""Puts the program together, in one visible list, and runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

if sys.platform == "linux":
    # Qt and PyOpenGL have to speak of the same contexts; EGL is there under X11 and Wayland alike.
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    if os.environ["PYOPENGL_PLATFORM"] == "egl":
        os.environ.setdefault("QT_XCB_GL_INTEGRATION", "xcb_egl")

from PySide6.QtCore import QStandardPaths, Qt, QTimer
from PySide6.QtGui import QOffscreenSurface, QOpenGLContext, QSurfaceFormat
from PySide6.QtWidgets import QApplication

from assets.errors import TriptychError
from assets.formats import ReadOptions

from .exact_still import ExactStill
from .jobs import Jobs
from .recent_files import RecentFiles
from .session import Session
from .settings import SettingsFile, config_folder
from .theme import apply_theme
from .window import MainWindow

PICTURE_SECONDS = 120
"""Longest wait for a scene to be complete before its picture is taken anyway."""


def main(paths: Iterable[Path], options: ReadOptions | None = None, picture: Path | None = None) -> int:
    """Opens the window with these files and returns the exit code.

    options: how the files are to be read. picture: where to save a picture of the window when everything
    is opened, prepared and drawn; the program ends then, with 1 where something failed. Raises TriptychError where
    OpenGL is missing.
    """
    application = make_application()
    window = make_window()
    window.show()
    if paths := list(paths):
        QTimer.singleShot(0, window, lambda: window.open_paths(paths, options))
    if picture is not None:
        taker = PictureTaker(window, picture)
        QTimer.singleShot(0, window, taker.look)
    return application.exec()


def make_application() -> QApplication:
    """The Qt application with its formats and names; the one that exists where there is one."""
    form = QSurfaceFormat()
    form.setVersion(4, 1)
    form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    form.setSwapInterval(0)
    QSurfaceFormat.setDefaultFormat(form)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    application.setApplicationName("Triptych")
    application.setDesktopFileName("triptych")
    application.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus, False)
    return application


def make_window() -> MainWindow:
    """The window and everything it is made of, not yet shown. Raises TriptychError where OpenGL is missing."""
    check_graphics()
    application = QApplication.instance()
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppConfigLocation)
    settings = SettingsFile(config_folder(place))
    apply_theme(application, settings.values.theme, settings.folder)
    jobs = Jobs()
    session = Session(jobs)
    recent = RecentFiles(settings.folder, settings.values.recent_limit)
    window = MainWindow(session, jobs, settings, recent)
    window.exact_still = ExactStill(window)
    session.preparations.eye = lambda: window.viewport.camera.eye
    return window


def check_graphics() -> None:
    """Raises TriptychError with what to install where no OpenGL 4.1 context can be made."""
    context = QOpenGLContext()
    surface = QOffscreenSurface()
    surface.create()
    if context.create() and context.makeCurrent(surface):
        version = context.format().version()
        context.doneCurrent()
        if version >= (4, 1):
            return
        raise TriptychError(f"The graphics driver has OpenGL {version[0]}.{version[1]}; Triptych needs 4.1.")
    advice = "update the graphics driver"
    if sys.platform == "linux":
        advice = "on Debian or Ubuntu install it with 'apt install libegl1 libgl1-mesa-dri'"
    raise TriptychError(f"OpenGL 4.1 is missing; {advice}.")


class PictureTaker:
    """Waits until the window has nothing more to do, saves a picture of it and ends the program."""

    def __init__(self, window: MainWindow, path: Path) -> None:
        self._window, self._path = window, path
        self._left = PICTURE_SECONDS * 10

    def look(self) -> None:
        """Looks whether everything is there, and again in 0.1 s if it is not."""
        window = self._window
        self._left -= 1
        busy = window.jobs.busy or not window.viewport.complete or not window.preload.done or window.exact_still.pending
        if busy and self._left > 0:
            QTimer.singleShot(100, window, self.look)
        else:
            # One more round, so that labels and rows which follow the last picture are there too.
            QTimer.singleShot(300, window, self._take)

    def _take(self) -> None:
        window = self._window
        self._path.parent.mkdir(parents=True, exist_ok=True)
        saved = window.grab().save(str(self._path))
        code = 0 if saved and not window.stage.errors.messages and self._left > 0 else 1
        for sentence in window.stage.errors.messages:
            sys.stderr.write(sentence + "\n")
        if not saved:
            sys.stderr.write(f"{self._path}: the picture cannot be written.\n")
        window.close()
        QApplication.exit(code)
