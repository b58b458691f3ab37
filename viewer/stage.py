"""The middle of the window: the viewport and what lies over it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget

from assets.asset import Asset

from .widgets.error_bar import ErrorBar
from .widgets.health_bar import HealthBar
from .widgets.offer_bar import OfferBar
from .widgets.picked_card import PickedCard
from .widgets.progress_chips import ProgressChips
from .widgets.start_page import StartPage
from .widgets.view_strip import ViewStrip

MARGIN = 12
AXES_WIDTH = 116
"""Room for the axes in the lower left corner, which the frame draws."""


class Stage(QWidget):
    """Places the viewport, the strip of choices, messages, progress, the badge, the start page and the drop target."""

    def __init__(self, window: Any) -> None:
        super().__init__(window)
        self.setMinimumSize(480, 320)
        self._window = window
        self.viewport = window.viewport
        self.viewport.setParent(self)
        self.strip = ViewStrip(window, self)
        self.chips = ProgressChips(window.jobs, self)
        self.badge = QLabel(self)
        self.badge.setObjectName("badge")
        self.start_page = StartPage(window, self)
        self.errors = ErrorBar(self)
        self.offer = OfferBar(window, self)
        self.health = HealthBar(window, self)
        self.picked = PickedCard(window, self)
        window.splats.flipped.connect(self._follow)
        self.drop = QLabel("Drop to open", self)
        self.drop.setObjectName("dropOverlay")
        self.drop.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.drop.hide()
        self.setFocusProxy(self.viewport)
        for widget in (self.strip, self.chips, self.badge, self.errors, self.offer, self.health, self.picked):
            widget.installEventFilter(self)
        self.set_empty(True)

    def _follow(self, asset: Asset) -> None:
        """Looks where an asset went that was turned about the origin."""
        self._window.navigator.frame(asset.seen_bounds(), self.viewport.pixel_size)

    def set_empty(self, empty: bool) -> None:
        """Shows the start page, or the viewport with its controls."""
        self.start_page.setVisible(empty)
        self.strip.setVisible(not empty)
        self.badge.setVisible(not empty and bool(self.badge.text()))
        self.place()

    def set_badge(self, text: str, tooltip: str) -> None:
        """Says how good the picture is."""
        if text != self.badge.text():
            self.badge.setText(text)
            self.badge.setToolTip(tooltip)
            self.badge.setVisible(bool(text) and not self.start_page.isVisible())
            self.place()

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        """Places the overlays again when one of them changes its size or appears."""
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.LayoutRequest):
            self.place()
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Places everything."""
        self.place()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Says that files may be dropped."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            number = len(event.mimeData().urls())
            self.drop.setText("Drop to open" if number == 1 else f"Drop to open {number} files")
            self.drop.show()
            self.drop.raise_()

    def dragLeaveEvent(self, event: QEvent) -> None:
        """The files went elsewhere."""
        self.drop.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Opens what was dropped."""
        self.drop.hide()
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self._window.open_paths(paths)

    def place(self) -> None:
        """Gives every part its place for the present size and contents."""
        width, height = self.width(), self.height()
        self.viewport.setGeometry(0, 0, width, height)
        self.start_page.setGeometry(0, 0, width, height)
        self.drop.setGeometry(QRect(0, 0, width, height).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN))
        top = MARGIN
        for bar in (self.errors, self.offer, self.health):
            if bar.isVisibleTo(self):
                wide = max(0, width - 2 * MARGIN)
                bar.setGeometry(MARGIN, top, wide, bar.layout().heightForWidth(wide))
                top += bar.height() + 8
        self.strip.adjustSize()
        self.strip.move(MARGIN, top)
        self.picked.adjustSize()
        self.picked.move(width - MARGIN - self.picked.width(), top)
        self.chips.adjustSize()
        self.chips.move(AXES_WIDTH, height - MARGIN - self.chips.height())
        self.badge.adjustSize()
        self.badge.move(width - MARGIN - self.badge.width(), height - MARGIN - self.badge.height())
