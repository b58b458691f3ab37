"""What the window shows while nothing is open: it invites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ..icons import icon
from ..wording import kind_name

CARD = QSize(168, 148)
PICTURE = QSize(168, 104)
COLUMNS = 4
MOST_RECENT = 8
KIND_ICONS = {"mesh": "polygon", "gaussians": "circles-three", "triplane": "stack", "points": "dots-nine"}


class Card(QPushButton):
    """A file as a button: its picture, name and kind."""

    def __init__(self, path: Path, kind: str, picture: Path | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.setFixedSize(CARD)
        self.setToolTip(str(path))
        self.setAccessibleName(f"Open {path.name}")
        image = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        image.setFixedHeight(PICTURE.height())
        image.setPixmap(self._picture(picture, kind.split(", ")[0]))
        name = QLabel(self.fontMetrics().elidedText(path.name, Qt.TextElideMode.ElideMiddle, CARD.width() - 24))
        what = QLabel(", ".join(map(kind_name, kind.split(", "))) or path.suffix.lstrip("."))
        what.setProperty("quiet", True)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 8)
        column.setSpacing(0)
        column.addWidget(image)
        for label in (name, what):
            label.setContentsMargins(12, 0, 12, 0)
            column.addWidget(label)
        for label in (image, name, what):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def _picture(self, picture: Path | None, kind: str) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(str(picture)) if picture is not None and picture.is_file() else QPixmap()
        if pixmap.isNull():
            return icon(KIND_ICONS.get(kind, "cube"), "faint").pixmap(QSize(48, 48), ratio)
        wanted = (PICTURE - QSize(2, 0)) * ratio
        grown = Qt.AspectRatioMode.KeepAspectRatioByExpanding
        pixmap = pixmap.scaled(wanted, grown, Qt.TransformationMode.SmoothTransformation)
        left, top = (pixmap.width() - wanted.width()) // 2, (pixmap.height() - wanted.height()) // 2
        pixmap = pixmap.copy(left, top, wanted.width(), wanted.height())
        pixmap.setDevicePixelRatio(ratio)
        return pixmap


class StartPage(QScrollArea):
    """Open…, drop here, the samples and the files that were open lately."""

    def __init__(self, window: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("startPage")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._window = window
        self._filled_columns = 0
        window.recent.changed.connect(self._on_changed)

    def cards(self) -> list[Card]:
        """The files that can be opened from here."""
        return self.widget().findChildren(Card)

    def resizeEvent(self, event: Any) -> None:
        """Fits the number of cards in a row."""
        super().resizeEvent(event)
        if self.isVisible() and self._columns() != self._filled_columns:
            self._fill()

    def showEvent(self, event: Any) -> None:
        """Fills the page when it appears: while files are open nobody sees it."""
        super().showEvent(event)
        if not self._filled_columns:
            self._fill()

    def _on_changed(self) -> None:
        self._filled_columns = 0
        if self.isVisible():
            self._fill()

    def _columns(self) -> int:
        return max(1, min(COLUMNS, (self.width() - 64 + 16) // (CARD.width() + 16)))

    def _fill(self) -> None:
        self._filled_columns = self._columns()
        content = QWidget()
        content.setObjectName("startContent")
        outer = QHBoxLayout(content)
        column = QVBoxLayout()
        column.setContentsMargins(32, 48, 32, 32)
        column.setSpacing(8)
        outer.addStretch(1)
        outer.addLayout(column)
        outer.addStretch(1)
        title = QLabel("Triptych")
        title.setProperty("title", True)
        about = QLabel("Meshes, Gaussian splats and triplanes in one window.")
        about.setProperty("quiet", True)
        column.addStretch(1)
        column.addWidget(title)
        column.addWidget(about)
        column.addSpacing(16)
        column.addWidget(self._invitation())
        self._add_cards(column)
        column.addStretch(2)
        self.setWidget(content)

    def _invitation(self) -> QFrame:
        zone = QFrame()
        zone.setObjectName("dropZone")
        row = QHBoxLayout(zone)
        row.setContentsMargins(24, 20, 24, 20)
        row.setSpacing(16)
        button = QPushButton("Open…")
        button.setProperty("primary", True)
        button.setToolTip("Open meshes, splats and triplanes (Ctrl+O)")
        button.clicked.connect(lambda: self._window.do("file.open"))
        row.addWidget(button)
        words = QLabel("or drop files here")
        row.addWidget(words)
        row.addStretch(1)
        for key, meaning in (("Ctrl+K", "find a command"), ("?", "keys and mouse")):
            cap = QLabel(key)
            cap.setProperty("key", True)
            label = QLabel(meaning)
            label.setProperty("quiet", True)
            row.addWidget(cap)
            row.addWidget(label)
        return zone

    def _heading(self, title: str, paths: list[Path]) -> QHBoxLayout:
        row = QHBoxLayout()
        label = QLabel(title)
        label.setProperty("heading", True)
        row.addWidget(label)
        row.addSpacing(8)
        if title == "Samples":
            button = QPushButton("Open all three")
            button.setProperty("flat", True)
            button.setToolTip("A mesh, splats and a triplane side by side")
            button.clicked.connect(lambda: self._window.open_paths(paths))
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _add_cards(self, column: QVBoxLayout) -> None:
        samples = self._window.samples()
        known = {path for path, _ in samples}
        recent = [entry for entry in self._window.recent.existing() if entry.path not in known][:MOST_RECENT]
        rows = [("Samples", [(path, kind, path.with_suffix(".png")) for path, kind in samples])]
        rows.append(("Recent", [(entry.path, entry.kind, entry.thumbnail) for entry in recent]))
        for heading, files in rows:
            if not files:
                continue
            column.addSpacing(16)
            column.addLayout(self._heading(heading, [path for path, _, _ in files]))
            grid = QGridLayout()
            grid.setSpacing(16)
            for place, (path, kind, picture) in enumerate(files):
                card = Card(path, kind, picture, self)
                card.clicked.connect(lambda _=False, path=path: self._window.open_paths([path]))
                grid.addWidget(card, *divmod(place, self._filled_columns))
            grid.setColumnStretch(self._filled_columns, 1)
            column.addLayout(grid)
