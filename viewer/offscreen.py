"""A GL context without a window through Qt, for the systems that have no EGL (Windows, macOS)."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext, QSurfaceFormat

from assets.errors import TriptychError
from renderers.gl.context import MISSING_GL, Context


class OffscreenContext(Context):
    """A 4.1 core context on a surface that is never shown. Makes the Qt application where there is none."""

    def __init__(self) -> None:
        self._application = QGuiApplication.instance() or QGuiApplication([])
        form = QSurfaceFormat()
        form.setVersion(4, 1)
        form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
        self._surface = QOffscreenSurface()
        self._surface.setFormat(form)
        self._surface.create()
        self._context = QOpenGLContext()
        self._context.setFormat(form)
        if not self._context.create() or not self._context.makeCurrent(self._surface):
            raise TriptychError(MISSING_GL.format(reason="Qt could not make one"))

    def make_current(self) -> None:
        self._context.makeCurrent(self._surface)

    def release(self) -> None:
        self._context.doneCurrent()
        self._surface.destroy()
