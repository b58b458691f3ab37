"""The planes of the active triplane as pictures, with a crosshair that is the 3D cursor of the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from assets.asset import Asset
from assets.fields.plane_images import KINDS, levels, planes_of
from assets.triplane import Triplane

from ..decoders import lacks_decoder
from ..planes import PlaneShow, readout
from ..theme import role
from ..widgets.choice_row import ChoiceRow
from ..widgets.empty_text import EmptyText
from ..widgets.plane_canvas import PlaneCanvas, Tile
from ..widgets.plane_pictures import PlanePictures
from ..widgets.setting_field import TEXT_INSET
from ..widgets.slider_field import SliderField
from ..work.runner import Task
from . import PanelRecord

DRAWER_HEIGHT = 264
PROBE_MS = 120
"""Rest after which the field is asked what it says at the cursor."""

NOTHING = "Planes of the active triplane appear here. Open one, or make one active in the list."
HINT = "Drag in a plane, or Shift + right click in the viewport, to place the 3D cursor."
WORDS = {
    "pca": ("Colours", "The three principal components of the channels as red, green and blue"),
    "magnitude": ("Magnitude", "The length of the feature vector"),
    "channel": ("Channel", "One channel"),
}


class PlanesPanel(QStackedWidget):
    """The planes, or a line that says how to get some."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._window, self._session = window, window.session
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.show_ = PlaneShow()
        self.canvas = PlaneCanvas()
        self.pictures = PlanePictures(self)
        self.nothing = EmptyText(NOTHING)
        self.addWidget(self.nothing)
        self.addWidget(self._make_page())
        self._asked: Task | None = None
        self._values: dict[str, np.ndarray] = {}
        self._probe = QTimer(self, singleShot=True, interval=PROBE_MS)
        self._probe.timeout.connect(self._ask)
        self.canvas.moved.connect(self._on_moved)
        self.canvas.rested.connect(self._session.history.seal)
        self.pictures.ready.connect(self._tell_tiles)
        self._session.scene.activated.connect(self._on_activated)
        self._session.scene.changed.connect(self._on_changed)
        self._session.cursor.changed.connect(self._on_cursor)

    @property
    def asset(self) -> Triplane | None:
        """The triplane whose planes are shown."""
        return self.show_.asset

    def retheme(self) -> None:
        """Takes the colours of the present theme."""
        self.canvas.update()
        self._tell_values()

    def sizeHint(self) -> QSize:
        """A drawer with three planes."""
        return QSize(720, DRAWER_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """As low as a drawer may get."""
        return QSize(240, 132)

    def showEvent(self, event: QShowEvent) -> None:
        """What happened while nobody looked."""
        super().showEvent(event)
        self._on_activated(self._session.scene.active)

    # Building.

    def _make_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._make_choices())
        column.addWidget(self.canvas, 1)
        self.told = QLabel()
        self.told.setTextFormat(Qt.TextFormat.RichText)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.told.setContentsMargins(12, 2, 12, 6)
        self.told.setMinimumWidth(1)
        column.addWidget(self.told)
        return page

    def _make_choices(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(12, 6, 12, 2)
        row.setSpacing(8)
        self.kinds = ChoiceRow("", [(kind, WORDS[kind][0], "", WORDS[kind][1]) for kind in KINDS], self._choose_kind)
        self.channel = QSpinBox()
        self.channel.setToolTip("Which channel is shown")
        self.channel.setAccessibleName("Channel")
        self.channel.lineEdit().setTextMargins(TEXT_INSET, 0, 0, 0)
        self.channel.valueChanged.connect(self._choose_channel)
        self.group, self.level = QComboBox(), QComboBox()
        for box, name, help in ((self.group, "Group", "Which planes"), (self.level, "Level", "Which scale of them")):
            box.setToolTip(help)
            box.setAccessibleName(name)
        self.group.activated.connect(self._choose_group)
        self.level.activated.connect(self._choose_level)
        self.time: SliderField | None = None
        self._time_place = QHBoxLayout()
        self.choose = QPushButton("Choose decoder…")
        self.choose.setToolTip("Open the file with the decoder of these planes")
        self.choose.clicked.connect(lambda: self._window.do("file.choose_decoder"))
        for widget in (self.kinds, self.channel, self.group, self.level):
            row.addWidget(widget)
        row.addLayout(self._time_place, 1)
        row.addStretch(1)
        row.addWidget(self.choose)
        return row

    # What is chosen.

    def _choose_kind(self, kind: str) -> None:
        self.show_.kind = kind
        self._tell_all()

    def _choose_channel(self, channel: int) -> None:
        self.show_.channel = channel
        self._tell_pictures()

    def _choose_group(self, number: int) -> None:
        self.show_.set_group(number)
        self._tell_all()

    def _choose_level(self, number: int) -> None:
        self.show_.level = levels(self.show_.group)[number]
        self._tell_all()

    # What happens.

    def _on_activated(self, asset: Asset | None) -> None:
        if not self.isVisible():
            return
        asset = asset if isinstance(asset, Triplane) else None
        self.pictures.forget_others(asset)
        self.show_.enter(asset)
        self._values = {}
        self.setCurrentIndex(0 if asset is None else 1)
        if asset is not None:
            self._make_time()
            self._tell_all()
            self._on_cursor()

    def _on_changed(self, asset: Asset, part: str) -> None:
        if asset is not self.asset or not self.isVisible():
            return
        if part == "data":
            self.show_.enter(self.asset)
            self._make_time()
            self._tell_all()
        if part == "display" and self.time is not None:
            self.time.tell(self.show_.time)
        if part in ("data", "transform", "display", "warp"):
            self._on_cursor()

    def _on_cursor(self) -> None:
        if self.asset is None or not self.isVisible():
            return
        self._tell_pictures()
        self.canvas.move_marks(self.show_.marks(self._session.cursor.point))
        self._values = {}
        self._tell_values()
        self._probe.start()

    def _on_moved(self, number: int, column: float, row: float) -> None:
        point, time = self.show_.point_at(number, (column, row), self._session.cursor.point)
        if time is not None:
            self._session.set_display(self.asset, "time", time)
        self._session.cursor.set(point)

    # What is shown.

    def _make_time(self) -> None:
        """The slider of time, for what has one."""
        entry = next((entry for entry in self.asset.settings() if entry.name == "time"), None)
        if self.time is not None:
            self._time_place.removeWidget(self.time)
            self.time.deleteLater()
            self.time = None
        if entry is not None and entry.low is not None and entry.high is not None:
            asset = self.asset
            self.time = SliderField(
                entry, self.show_.time, lambda value: self._session.set_display(asset, "time", value),
                self._session.history.seal,
            )  # fmt: skip
            self.time.setMaximumWidth(360)
            self._time_place.addWidget(self.time)

    def _tell_all(self) -> None:
        show = self.show_
        self.kinds.tell(show.kind)
        self.channel.setVisible(show.kind == "channel")
        self.channel.setMaximum(show.channels - 1)
        self.channel.setSuffix(f" of {show.channels}")
        self._fill(self.group, [group.name for group in show.groups], show.group_number)
        names = [f"level {level}: {_size(show, level)}" for level in levels(show.group)]
        self._fill(self.level, names, levels(show.group).index(show.level))
        self.choose.setVisible(lacks_decoder(self.asset))
        self._tell_pictures()

    def _fill(self, box: QComboBox, names: list[str], index: int) -> None:
        if names != [box.itemText(place) for place in range(box.count())]:
            box.clear()
            box.addItems(names)
        box.setCurrentIndex(index)
        box.setVisible(len(names) > 1)

    def _tell_pictures(self) -> None:
        if self.asset is not None:
            self.pictures.want(self.show_.wanted(self._session.cursor.point))
            self._tell_tiles()

    def _tell_tiles(self) -> None:
        """Shows the planes with the pictures that are there."""
        if self.asset is None:
            return
        marks = self.show_.marks(self._session.cursor.point)
        tiles = []
        for number, plane in enumerate(self.show_.planes):
            title, tip = self.show_.caption(plane)
            tiles.append(Tile(title, self.show_.size(plane), self.pictures.picture(number), marks[number], tip))
        self.canvas.show_tiles(tiles)

    def _tell_values(self) -> None:
        point = self._session.cursor.point
        quiet = f"<span style='color:{role('quiet')}'>{{}}</span>"
        if point is None:
            self.told.setText(quiet.format(HINT))
            return
        parts = [f"{quiet.format(label)} {text}" for label, text in readout(self.show_, point, self._values)]
        self.told.setText("&nbsp;&nbsp; ".join(parts))

    # What the field says.

    def _ask(self) -> None:
        """Asks the field what it says at the cursor, in another process; one question at a time."""
        point = self._session.cursor.point
        if self.asset is None or point is None or not self.isVisible() or not self.asset.has_decoder:
            return
        if self._asked is not None and not self._asked.over:
            self._probe.start()
            return
        question = self.show_.question(point, self._window.viewport.camera.eye)
        state = self._state()
        self._asked = Task(
            title="Asking the field",
            function="assets.fields.probe:probe",
            arguments=question,
            on_result=lambda values: self._take(values, state),
            quiet=True,
        )
        self._session.runner.start(self._asked)

    def _state(self) -> tuple:
        """What an answer hangs on."""
        asset = self.asset
        return id(asset), id(asset.description), id(asset.warp), self.show_.time, id(self._session.cursor.point)

    def _take(self, values: dict[str, np.ndarray], state: tuple) -> None:
        if self.asset is not None and state == self._state():
            self._values = values
            self._tell_values()


def _size(show: PlaneShow, level: int) -> str:
    rows, columns = show.size(planes_of(show.group, level)[0])
    return f"{columns} × {rows}"


PANEL = PanelRecord("planes", "Planes", PlanesPanel, order=40, area="bottom", open=False)
