"""Takes the pictures of docs/drag.md: opens the real window and drags the bundled samples with mouse and keys.

    python scripts/make_drag_page.py [FOLDER [SAMPLE …]]

Writes the pictures, and bottle.json, the drag of the first sample as the window copies it. Cameras and places stay,
so the same machine takes the same pictures; that takes about three minutes. Without a display it goes to a virtual one.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from viewer.app import make_application, make_window  # noqa: E402, I001  first: it says which GL Qt takes
from PySide6.QtCore import QEventLoop, QPoint, QPointF, Qt, QTimer  # noqa: E402
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter, QPen, QPolygonF  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication, QPushButton, QSlider, QStyle, QStyleOptionSlider  # noqa: E402

from assets.samples import sample_paths  # noqa: E402
from renderers.camera import Camera  # noqa: E402
from renderers.handle_layout import project  # noqa: E402

FOLDER = ROOT / "docs" / "drag"
SIZE = (1280, 800)
PATIENCE = 600
"""Seconds that one wait may take: baking is the longest."""
CALM = 0.4
"""Seconds without anything to do, after which a picture is taken: panels follow 40 ms after the rest."""

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
ARROW = ((0, 0), (0, 16), (3.8, 12.6), (6.6, 18.6), (9, 17.5), (6.3, 11.7), (11.2, 11.2))
"""The pointer, which a grabbed window does not show."""

Place = tuple[float, float, float]


class Hand:
    """Mouse and keys on a window of its own, in which one file is open with the drag tool on it. Places are points of
    the world, as the camera sees them."""

    def __init__(self, path: Path, eye: Place, target: Place, folder: Path) -> None:
        self.folder = folder
        self._pointer: QPoint | None = None
        # Waiting for events ends with each beat, so that conditions that come without an event are seen too.
        self._beat = QTimer(interval=10)
        self._beat.start()
        self.window = window = make_window()
        window.confirm = lambda *_: True  # what was dragged here need not be saved
        window.settings.set("motion", False)
        window.resize(*SIZE)
        window.show()
        window.activateWindow()
        self.viewport, self.dragging, self.panel = window.viewport, window.dragging, window.docks["drag"].widget()
        self.wait(lambda: self.viewport.frame is not None)
        window.open_paths([path])
        self.wait(lambda: len(window.session.scene) == 1)
        self.settle()
        window.navigator.set_camera(Camera.look_at(eye, target, width=SIZE[0], height=SIZE[1]))
        self.key(Qt.Key.Key_D)

    def close(self) -> None:
        """Ends the window."""
        self._beat.stop()
        self.window.close()
        self.window.deleteLater()
        QApplication.processEvents()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Runs the event loop until `condition` holds. Raises RuntimeError where the window complains or it lasts."""
        end = time.monotonic() + PATIENCE
        while not condition():
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            if self.window.stage.errors.messages:
                raise RuntimeError(self.window.stage.errors.messages[-1])
            if time.monotonic() > end:
                raise RuntimeError(f"The window was not done within {PATIENCE} s.")

    def settle(self, spoken: bool = False) -> None:
        """Waits until there is nothing more to prepare, solve, draw or tell; `spoken`: the status bar may still say
        what was done."""
        calm_since = None

        def calm() -> bool:
            nonlocal calm_since
            if self._busy() or (self.window.statusBar().currentMessage() and not spoken):
                calm_since = None
                return False
            calm_since = calm_since or time.monotonic()
            return time.monotonic() - calm_since > CALM

        self.wait(calm)

    def _busy(self) -> bool:
        window, dragging = self.window, self.dragging
        if window.jobs.busy or not window.preload.done or not window.viewport.complete:
            return True
        if not dragging.active:
            return False
        kept = window.hand.holding or not dragging.changes.open
        return not (dragging.ready and window.drag_desk.solver.idle and kept) or dragging.running

    # What a hand does.

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> None:
        """A key, and what follows from it."""
        QTest.keyClick(self.viewport, key, held)
        self.settle()

    def choose(self, text: str, spoken: bool = False) -> None:
        """A click on the button of the panel that is called so."""
        button = next(found for found in self.panel.findChildren(QPushButton) if found.text() == text)
        QTest.mouseClick(button, LEFT)
        self.settle(spoken)

    def slide(self, slider: QSlider, value: float) -> None:
        """Pulls the knob of a slider to a share of its way."""
        start, end = (_knob(slider, share) for share in (slider.value() / slider.maximum(), value))
        QTest.mousePress(slider, LEFT, NONE, start)
        for share in np.linspace(0, 1, 6)[1:]:
            QTest.mouseMove(slider, (QPointF(start) + QPointF(end - start) * share).toPoint())
            QApplication.processEvents()
        QTest.mouseRelease(slider, LEFT, NONE, end)
        self.settle()

    def hover(self, place: Place) -> None:
        """The mouse comes to a place."""
        self._move(self._seen(place))
        self.settle()

    def click(self, place: Place, held: Qt.KeyboardModifier = NONE) -> None:
        """A click on a place."""
        self._move(self._seen(place))
        QTest.mouseClick(self.viewport, LEFT, held, self._pointer)
        self.settle()

    def press(self, place: Place, held: Qt.KeyboardModifier = NONE) -> None:
        """Takes hold of what is at a place."""
        self._move(self._seen(place))
        QTest.mousePress(self.viewport, LEFT, held, self._pointer)
        if not self.window.hand.holding:
            raise RuntimeError(f"There is nothing to take hold of at {place}.")

    def pull(self, *places: Place) -> None:
        """What is held goes from place to place."""
        for place in places:
            start, end = QPointF(self._pointer), QPointF(self._seen(place))
            for share in np.linspace(0, 1, 9)[1:]:
                self._move((start + (end - start) * share).toPoint())
        self.settle()

    def release(self, held: Qt.KeyboardModifier = NONE) -> None:
        """Lets go."""
        QTest.mouseRelease(self.viewport, LEFT, held, self._pointer)
        self.settle()

    def leave(self) -> None:
        """The mouse goes out of the picture."""
        self._move(QPoint(4, self.viewport.height() - 4))
        self._pointer = None
        self.settle()

    def _seen(self, place: Place) -> QPoint:
        ((across, down),), _ = project(self.viewport.camera, np.array([place]), self.viewport.devicePixelRatioF())
        return QPoint(round(float(across)), round(float(down)))

    def _move(self, to: QPoint) -> None:
        self._pointer = to
        QTest.mouseMove(self.viewport, to)
        QApplication.processEvents()

    def expect(self, summary: str) -> None:
        """Raises RuntimeError where the drag consists of something else."""
        found = self.dragging.plan.drag.summary()
        if found != summary:
            raise RuntimeError(f"The drag has {found or 'nothing'} instead of {summary}.")

    # Pictures.

    def take(self, name: str) -> None:
        """Saves a picture of the window without its menu bar."""
        picture = self.window.grab().toImage()
        if self._pointer is not None:
            paint_pointer(picture, self.viewport.mapTo(self.window, self._pointer))
        path = self.folder / f"{name}.png"
        save_small(picture.copy(picture.rect().adjusted(0, self.window.menuBar().height(), 0, 0)), path)
        sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")


def _knob(slider: QSlider, share: float) -> QPoint:
    """The middle of a slider's knob where it stands at a share of the way."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    option.sliderPosition = round(share * slider.maximum())
    part = QStyle.SubControl.SC_SliderHandle
    return slider.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, slider).center()


def paint_pointer(picture: QImage, at: QPoint) -> None:
    """Paints the arrow of a mouse with its tip at `at`."""
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(QPointF(at) + QPointF(0.5, 0.5))
    painter.setPen(QPen(QColor("white"), 1.2))
    painter.setBrush(QColor("black"))
    painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in ARROW]))
    painter.end()


def save_small(picture: QImage, path: Path) -> None:
    """Writes a PNG of 256 colours. The palette weighs a colour by the root of its pixels: a window is mostly dark grey,
    and the few pixels of a handle count as well."""
    from PIL import Image

    picture = picture.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
    pixels = np.ascontiguousarray(rows[:, : 3 * picture.width()]).reshape(picture.height(), picture.width(), 3)
    colors, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    weighed = np.repeat(colors, np.ceil(counts**0.5).astype(int), axis=0)
    palette = Image.fromarray(weighed[None]).quantize(256, Image.Quantize.MEDIANCUT, kmeans=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    small = Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    small.save(path, optimize=True)


# The three samples.


def drag_bottle(hand: Hand) -> None:
    """Pulls the neck of the mesh aside, and its belly farther than is good."""
    hand.key(Qt.Key.Key_I)
    for _ in range(6):
        hand.key(Qt.Key.Key_BracketRight)
    hand.hover((-0.92, 0.93, 0.13))
    hand.take("bottle-influence")
    hand.key(Qt.Key.Key_I)
    hand.key(Qt.Key.Key_R, SHIFT)
    hand.press((-0.92, 0.93, 0.13))
    hand.pull((-0.78, 0.96, 0.13), (-0.62, 0.90, 0.13))
    hand.take("bottle-pull")
    hand.release()
    hand.leave()
    hand.key(Qt.Key.Key_R, SHIFT)
    hand.take("bottle-pulled")
    hand.window.do("drag.copy")
    (hand.folder / "bottle.json").write_text(QGuiApplication.clipboard().text() + "\n", "utf-8")
    hand.click((-0.92, 0.55, 0.2), SHIFT)
    hand.key(Qt.Key.Key_T, SHIFT)
    hand.press((-0.68, 0.30, 0.16))
    hand.pull((-0.30, 0.36, 0.16))
    hand.expect("2 handles, 1 pin")
    hand.take("bottle-stretch")
    hand.release()


def drag_jar(hand: Hand) -> None:
    """Sends pairs of the splats to their targets, goes half the way back, and undoes that."""
    hand.key(Qt.Key.Key_P)
    for source, target in (
        ((-0.127, 0.78, 0.138), (-0.18, 0.98, 0.138)),
        ((0.182, 0.78, 0.044), (0.38, 0.70, 0.044)),
    ):
        hand.click(source)
        hand.click(target)
    for pin in ((-0.177, 0.58, 0.242), (0.282, 0.50, 0.13)):
        hand.click(pin, SHIFT)
    hand.leave()
    hand.expect("2 handles, 2 pins")
    hand.take("jar-pairs")
    hand.key(Qt.Key.Key_R, SHIFT)
    hand.choose("Run")
    hand.take("jar-run")
    hand.slide(hand.panel.sliders["strength"].slider, 0.5)
    hand.take("jar-strength")
    hand.window.do("window.history")
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.take("jar-history")


def drag_bowl(hand: Hand) -> None:
    """Paints what of the field stays, pulls its rim on both sides, and bakes that to planes."""
    hand.key(Qt.Key.Key_B)
    hand.press((0.74, 0.30, 0.25))
    hand.pull((1.0, 0.27, 0.30), (1.17, 0.30, 0.15))
    hand.take("bowl-paint")
    hand.release()
    hand.key(Qt.Key.Key_B)
    hand.key(Qt.Key.Key_M)
    hand.press((1.26, 0.50, 0.10))
    hand.pull((1.31, 0.56, 0.10))
    hand.take("bowl-pull")
    hand.pull((1.36, 0.62, 0.10))
    hand.release()
    hand.leave()
    hand.take("bowl-pulled")
    hand.choose("Bake to planes…", spoken=True)
    hand.take("bowl-baked")


def main(folder: Path, names: Collection[str] = ()) -> None:
    """Takes the pictures of the samples with these names, of all without any."""
    make_application()
    bottle, jar, bowl = sample_paths()
    for path, eye, target, act in (
        (bottle, (-0.2, 0.95, 1.75), (-0.82, 0.52, 0.0), drag_bottle),
        (jar, (0.5, 0.95, 1.65), (0.05, 0.5, 0.0), drag_jar),
        (bowl, (1.3, 1.05, 1.4), (0.95, 0.34, 0.0), drag_bowl),
    ):
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory(prefix="triptych-page-") as config:
            os.environ["TRIPTYCH_CONFIG"] = config
            hand = Hand(path, eye, target, folder)
            act(hand)
            hand.close()


def go_to_a_display() -> None:
    """Starts this again on a virtual display where there is none."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    if shutil.which("xvfb-run") is None:
        raise SystemExit("There is no display, and no virtual one: sudo apt-get install -y xvfb xauth")
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1920x1200x24"]
    os.execvp(screen[0], [*screen, sys.executable, *sys.argv])


if __name__ == "__main__":
    go_to_a_display()
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, sys.argv[2:])
