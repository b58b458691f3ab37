"""What is wrong with the active splats, each complaint with a button that puts it right."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from assets.asset import Asset
from assets.gaussians import Gaussians
from assets.splats.doctor import Finding
from assets.splats.spz_frame import says_frame

from ..icons import icon
from ..splat_desk import FLIP_ADVICE
from ..theme import role
from ..wording import count
from . import PanelRecord

DRAWER_HEIGHT = 208
BUTTON_WIDTH = 132

NOTHING = "What is wrong with the active splats appears here. Open some, or make them active in the list."
WAITING = "Examining…"
SOUND = "Nothing is wrong with these splats."


class DoctorPanel(QScrollArea):
    """A row for each complaint, or a line that says why there are none."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._window, self._desk = window, window.splats
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Doctor")
        self.buttons: dict[str, QPushButton] = {}
        self.told = ""
        self._desk.changed.connect(self.tell)
        window.session.scene.changed.connect(self._on_changed)
        self.tell()

    def retheme(self) -> None:
        """Takes the colours of the present theme."""
        self.tell()

    def sizeHint(self) -> QSize:
        """A drawer with a few rows."""
        return QSize(720, DRAWER_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """As low as a drawer may get."""
        return QSize(240, 96)

    def showEvent(self, event: QShowEvent) -> None:
        """What happened while nobody looked."""
        super().showEvent(event)
        self.tell()

    def tell(self) -> None:
        """Shows what is known of the active asset now."""
        asset = self._desk.active
        findings = None if asset is None else self._desk.findings(asset)
        page = QWidget()
        page.setObjectName("doctorPage")
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 8, 12, 12)
        column.setSpacing(8)
        self.buttons = {}
        self.told = NOTHING if asset is None else WAITING if findings is None else "" if findings else SOUND
        column.addLayout(self._heading(asset, findings or []))
        for finding in findings or []:
            column.addLayout(self._row(asset, finding))
        if asset is not None and says_frame(asset) is not None:
            column.addLayout(self._frame_row(asset))
        column.addStretch(1)
        self.setWidget(page)

    def _on_changed(self, asset: Asset, part: str) -> None:
        if asset is self._desk.active and part in ("name", "warp"):
            self.tell()

    def _heading(self, asset: Gaussians | None, findings: list[Finding]) -> QHBoxLayout:
        row = QHBoxLayout()
        words = QLabel(
            self.told or f"{asset.name}: {len(findings)} {'complaint' if len(findings) == 1 else 'complaints'}"
        )
        words.setProperty("quiet", True)
        words.setWordWrap(True)
        row.addWidget(words, 1)
        able = [finding for finding in findings if finding.fix]
        if len(able) > 1:
            button = self._button("all", "Fix all", "Put everything right, as one change that can be undone")
            button.clicked.connect(lambda: self._desk.fix(asset, able))
            row.addWidget(button)
        return row

    def _row(self, asset: Gaussians, finding: Finding) -> QHBoxLayout:
        row = self._described(
            "warning" if finding.grave else "info",
            "warning" if finding.grave else "quiet",
            f"{finding.title}: {count(finding.count)}",
            finding.detail,
        )
        if finding.fix:
            button = self._button(finding.key, finding.fix, f"{finding.fix}; it can be undone")
            button.clicked.connect(lambda: self._desk.fix(asset, [finding]))
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _frame_row(self, asset: Gaussians) -> QHBoxLayout:
        """For splats whose axes may be read in two ways."""
        now = "right, up, back" if says_frame(asset) == "rub" else "right, down, front"
        row = self._described(
            "swap", "quiet", f"Axes of the .spz: read as {now}", FLIP_ADVICE.partition(": Edit")[0] + "."
        )
        button = self._button("flip", "Flip SPZ frame", "Read its axes the other way, and those of further .spz files")
        button.clicked.connect(lambda: self._window.do("edit.flip_spz"))
        row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _described(self, picture: str, color: str, title: str, detail: str) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        mark = QLabel()
        mark.setPixmap(icon(picture, color).pixmap(QSize(18, 18), self.devicePixelRatioF()))
        words = QLabel(f"{title}<br><span style='color:{role('quiet')}'>{detail}</span>")
        words.setTextFormat(Qt.TextFormat.RichText)
        words.setWordWrap(True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(words, 1)
        return row

    def _button(self, key: str, text: str, tip: str) -> QPushButton:
        button = self.buttons[key] = QPushButton(text)
        button.setToolTip(tip)
        button.setMinimumWidth(BUTTON_WIDTH)
        asset = self._desk.active
        if asset is not None and (asset.fixed or asset.warp is not None):
            button.setEnabled(False)
            why = asset.fixed or "is dragged; apply or discard the drag first"
            button.setToolTip(f"{asset.name} {why}")
        return button


PANEL = PanelRecord("doctor", "Doctor", DoctorPanel, order=60, area="bottom", open=False)
