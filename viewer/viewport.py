"""The picture of the scene and the hands on it: a QOpenGLWidget that drives a frame and hands out pointer events.

All GL happens here, on the thread of the window. Between two slices of work the event loop runs; when the picture is
finished and nothing changes there is no timer at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QImage, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtOpenGLWidgets import QOpenGLWidget

from assets.scene import Scene
from renderers.camera import Camera

from .drawing import Drawing
from .navigation import Navigator
from .pointer_event import Gesture, PointerEvent
from .settings import BACKGROUNDS, Settings

BUTTON_NAMES = {
    Qt.MouseButton.LeftButton: "left",
    Qt.MouseButton.MiddleButton: "middle",
    Qt.MouseButton.RightButton: "right",
}
MODIFIER_NAMES = {
    Qt.KeyboardModifier.ShiftModifier: "shift",
    Qt.KeyboardModifier.ControlModifier: "ctrl",
    Qt.KeyboardModifier.AltModifier: "alt",
}
OTHER_KEYS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
CLICK_REACH = 4.0
"""Logical pixels that a hand may slip between press and release of a click."""
COMPOSED_MS = 100
"""Longest wait for the window to be composed: one that is covered never is."""
PAINTED_MS = 40
"""Wait for the rest of the window to show a new asset."""
LEAST_FRAME_SECONDS = 1 / 60
MARKS_SECONDS = 0.1
"""Longest wait of marks for a picture that comes."""


class Viewport(QOpenGLWidget):
    """Shows a scene through a navigator's camera.

    `pointed(PointerEvent)` is emitted for everything that the hand does, `drawn()` when a new picture is shown,
    `unsettled()` when something changed so that it has to be drawn again, `failed(text, details)` once when drawing is
    not possible.
    """

    pointed = Signal(object)
    drawn = Signal()
    failed = Signal(str, str)
    unsettled = Signal()

    def __init__(self, scene: Scene, navigator: Navigator, settings: Settings) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Viewport")
        self._scene, self.navigator, self._settings = scene, navigator, settings
        self.frame: Any = None
        self.drawing: Drawing | None = None
        self.exact: np.ndarray | None = None
        self.extras: Callable[[], dict[str, Any]] = dict
        """Further values of the frame's settings, from the drag tool."""
        self.showing_before = False
        self._looks: dict[str, Any] = {}
        # Each picture covers everything, so nothing has to be cleared before it.
        self.setUpdateBehavior(QOpenGLWidget.UpdateBehavior.PartialUpdate)
        self._broken = False
        self._painted_at, self._compose_ms = 0.0, 0.0
        self._composed_at = 0.0
        self._budget: Any = None
        self._after_swap: int | None = None
        self.frameSwapped.connect(self._on_swapped)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._work)
        self._press: tuple[QPointF, str] | None = None
        self._last, self._dragging = QPointF(), False
        navigator.changed.connect(self._on_moved)
        scene.added.connect(self._on_scene)
        scene.removed.connect(self._on_scene)
        scene.changed.connect(self._on_changed)

    @property
    def pixel_size(self) -> tuple[int, int]:
        """Width and height in device pixels."""
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    @property
    def camera(self) -> Camera:
        """The present camera, in device pixels."""
        return self.navigator.camera(*self.pixel_size)

    @property
    def complete(self) -> bool:
        """Whether the best picture of the present state is shown, or nothing can be drawn at all."""
        return self._broken or (self.drawing is not None and self.drawing.complete and not self.navigator.easing)

    def frame_settings(self) -> Any:
        """What the frame has to know of the viewport."""
        from renderers.frame_settings import FrameSettings

        values = self._settings
        return FrameSettings(
            background=BACKGROUNDS[values.background],
            grid=values.grid,
            axes=values.axes,
            up=self.navigator.up_axis,
            pixel_ratio=self.devicePixelRatioF(),
            rest=self.showing_before,
            **self.extras(),
        )

    def show_marks(self, picture_comes: bool = False) -> None:
        """Shows the marks of the drag tool as they are now: over the same picture, where that stays. Where another one
        comes soon it takes them along: composing the window is much of the work."""
        extras = self.extras()
        marks, looks = extras.pop("overlay", None), extras
        if looks != self._looks:
            self._looks = looks
            self.refresh()
        elif self.frame is not None:
            self.frame.show_overlay(marks)
            coming = picture_comes or self._timer.isActive()
            if not coming or time.perf_counter() - self._composed_at > MARKS_SECONDS:
                self.update()

    def show_before(self, on: bool) -> None:
        """Shows the scene as if nothing had been dragged, or as it is."""
        if on != self.showing_before:
            self.showing_before = on
            self._tell(Drawing.move)

    def refresh(self) -> None:
        """Draws again with the present settings."""
        self._tell(Drawing.refresh)

    def pick(self, x: float, y: float) -> Any:
        """What is seen at a logical position: a Hit, or None."""
        if self.frame is None or self._broken:
            return None
        ratio = self.devicePixelRatioF()
        self.makeCurrent()
        try:
            return self.frame.pick(self._scene, self.camera, x * ratio, y * ratio)
        finally:
            self.doneCurrent()

    def picture(self) -> QImage:
        """What the viewport shows, without the controls over it."""
        return self.grabFramebuffer()

    def small_picture(self, height: int) -> QImage:
        """What the viewport shows, about `height` pixels high: cheaper than the whole picture."""
        wide, high = self.pixel_size
        self.makeCurrent()
        pixels = self.frame.read(max(1, round(wide * height / high)), height)
        self.doneCurrent()
        return QImage(pixels.data, pixels.shape[1], pixels.shape[0], QImage.Format.Format_RGBA8888).copy()

    def show_picture(self, picture: np.ndarray) -> None:
        """Shows a picture that was made elsewhere, premultiplied (H,W,4) f32, until something changes."""
        self.makeCurrent()
        self.frame.show(picture, self.camera, self.frame_settings())
        self.doneCurrent()
        self.exact = picture
        self.update()
        self.drawn.emit()

    def gpu_bytes(self, asset: Any) -> int:
        """GPU memory that an asset takes, in bytes."""
        return self.frame.gpu_bytes(asset) if self.frame is not None else 0

    def release(self) -> None:
        """Frees everything on the GPU, while there is still a context."""
        self._timer.stop()
        if self.frame is not None:
            self.makeCurrent()
            self.frame.dispose()
            self.doneCurrent()
            self.frame = self.drawing = None

    def initializeGL(self) -> None:
        """Qt calls this when there is a context. The frame itself comes after the window's first appearance."""
        self._timer.start(0)

    def resizeGL(self, width: int, height: int) -> None:
        """Qt calls this when the size changes."""
        self._tell(Drawing.move)

    def paintGL(self) -> None:
        """Qt calls this to compose the window: lays down the last picture."""
        if self.frame is None:
            functions = self.context().functions()
            functions.glClearColor(0.12, 0.13, 0.15, 1.0)
            functions.glClear(0x4000)
            return
        self._painted_at = self._composed_at = time.perf_counter()
        self.frame.present(self.defaultFramebufferObject(), *self.pixel_size)

    def _tell(self, note: Callable[[Drawing], None]) -> None:
        self.exact = None
        self.unsettled.emit()
        if self.drawing is not None and not self._broken:
            note(self.drawing)
            if not self._timer.isActive():
                self._timer.start(0)

    def _on_moved(self) -> None:
        self._tell(Drawing.move)

    def _on_scene(self, _: Any) -> None:
        """The list and the labels change too: uploads begin when these are painted."""
        self._tell(Drawing.reload)
        self._timer.start(PAINTED_MS)

    def _on_changed(self, _: Any, part: str) -> None:
        if part in ("data", "prepared", "visible"):
            self._tell(Drawing.reload)
        elif part in ("warp", "highlight"):
            self._tell(Drawing.reshape)
        elif part in ("display", "transform"):
            self._tell(Drawing.move)

    def _work(self) -> None:
        """One slice of work; the timer calls it."""
        if not self.isValid() or self._broken:
            return
        began = time.perf_counter()
        self.makeCurrent()
        try:
            if self.frame is None:
                self._make_frame()
            self.navigator.advance(began)
            tick = self.drawing.tick(self.camera, self.frame_settings())
        except Exception as error:
            self._break(error)
            return
        finally:
            self.doneCurrent()
        if tick.fresh:
            self.update()
            self.drawn.emit()
        if self.navigator.easing or tick.again is not None:
            wait = tick.again or 0.0
            if tick.fresh and not self.drawing.shown_full:
                wait = max(wait, LEAST_FRAME_SECONDS - (time.perf_counter() - began))
            self._continue(max(0, round(wait * 1000)), tick.fresh)

    def _continue(self, wait_ms: int, composing: bool) -> None:
        """Works on after `wait_ms`; where the window is about to be composed, after that: both in one round of the
        event loop would be a long one."""
        self._after_swap = wait_ms if composing else None
        self._timer.start(max(wait_ms, COMPOSED_MS) if composing else wait_ms)

    def _make_frame(self) -> None:
        from renderers.budget import Budget
        from renderers.frame import Frame
        from renderers.splats.loops import warm_up

        warm_up()
        self.frame = Frame()
        self._budget = Budget(self._settings.frame_ms)
        self.drawing = Drawing(self.frame, self._scene, self._budget)
        context = self.context()
        context.aboutToBeDestroyed.connect(self.release, Qt.ConnectionType.DirectConnection)

    def _on_swapped(self) -> None:
        """Leaves to drawing what composing the window does not take of a frame's time: much, under a software GL."""
        if self._budget is not None and self._painted_at:
            taken = 1000 * (time.perf_counter() - self._painted_at)
            self._compose_ms += 0.2 * (min(taken, 100.0) - self._compose_ms)
            self._budget.target_ms = max(self._settings.frame_ms - self._compose_ms, self._settings.frame_ms / 3)
            self._painted_at = 0.0
        if self._after_swap is not None:
            self._timer.start(self._after_swap)
            self._after_swap = None

    def _break(self, error: Exception) -> None:
        import traceback

        self._broken = True
        told = f"The scene cannot be drawn with this graphics driver ({type(error).__name__}: {error})."
        self.failed.emit(told, traceback.format_exc())

    def _emit(self, gesture: Gesture, at: QPointF, button: str, event: Any, **more: float) -> None:
        held = event.modifiers()
        names = frozenset(name for flag, name in MODIFIER_NAMES.items() if held & flag)
        self.pointed.emit(PointerEvent(gesture, at.x(), at.y(), self.width(), self.height(), button, names, **more))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begins a click or a drag."""
        button = BUTTON_NAMES.get(event.button())
        if button and self._press is None:
            self._press, self._last, self._dragging = (event.position(), button), event.position(), False
            self._emit(Gesture.PRESS, event.position(), button, event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drags once the hand has left the reach of a click."""
        if self._press is None:
            self._emit(Gesture.HOVER, event.position(), "", event)
            return
        start, button = self._press
        if not self._dragging and (event.position() - start).manhattanLength() < CLICK_REACH:
            return
        step = event.position() - self._last
        self._last, self._dragging = event.position(), True
        self._emit(Gesture.DRAG, event.position(), button, event, dx=step.x(), dy=step.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ends a drag, or makes a click of it."""
        if self._press is None or BUTTON_NAMES.get(event.button()) != self._press[1]:
            return
        button, self._press = self._press[1], None
        if not self._dragging:
            self._emit(Gesture.CLICK, event.position(), button, event)
        self._emit(Gesture.RELEASE, event.position(), button, event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """The second press of a double click."""
        button = BUTTON_NAMES.get(event.button())
        if button:
            self._emit(Gesture.DOUBLE_CLICK, event.position(), button, event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turns the wheel; with Alt, Qt reports it sideways."""
        turned = event.angleDelta().y() or event.angleDelta().x()
        if turned:
            self._emit(Gesture.WHEEL, event.position(), "", event, steps=turned / 120)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Shows what was before, as long as the key is held."""
        if event.key() == Qt.Key.Key_Backslash and not event.modifiers() & OTHER_KEYS:
            self.show_before(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Back to what is."""
        if event.key() == Qt.Key.Key_Backslash:
            if not event.isAutoRepeat():
                self.show_before(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A key whose release goes elsewhere counts as let go."""
        self.show_before(False)
        super().focusOutEvent(event)

    def event(self, event: QEvent) -> bool:
        """Notices a change of the screen's scale: the picture has other pixels then."""
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._tell(Drawing.move)
        return super().event(event)
