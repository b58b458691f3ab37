"""How an attribute of the active splats is spread; a range that is dragged over it lights up its splats in 3D."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from assets.asset import Asset
from assets.gaussians import Gaussians
from assets.splats.attributes import Attribute, Histogram, attributes, measured, spread, within

from ..gradual import Gradual
from ..view_radius import KEY, seen_with, view_radius
from ..widgets.empty_text import EmptyText
from ..wording import count
from . import PanelRecord

DRAWER_HEIGHT = 240
FIELD_WIDTH = 84
LIGHT_MS = 30
"""Least time between two sets of lit splats while a range is dragged."""

NOTHING = "How the values of the active splats are spread appears here. Open some, or make them active in the list."
HINT = "Drag across the bars to light up their splats."


class HistogramPanel(QStackedWidget):
    """The histogram, or a line that says how to get one."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._window, self._session = window, window.session
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.asset: Gaussians | None = None
        self.attribute: Attribute | None = None
        self.histogram: Histogram | None = None
        self.plot: Any = None
        self._values: np.ndarray | None = None
        self._offered: tuple[Attribute, ...] = ()
        self._view: tuple[Any, ...] = ()
        self._work = Gradual(self)
        self._light = QTimer(self, singleShot=True, interval=LIGHT_MS)
        self._light.timeout.connect(self._light_up)
        self.nothing = EmptyText(NOTHING)
        self.addWidget(self.nothing)
        self.addWidget(self._make_page())
        scene = self._session.scene
        scene.activated.connect(self._on_activated)
        scene.changed.connect(self._on_changed)
        window.preload.ready.connect(lambda: self._on_activated(scene.active))
        window.viewport.drawn.connect(self._on_drawn)

    @property
    def complete(self) -> bool:
        """Whether what is shown is all there is to show."""
        return not self._work.busy and not self._light.isActive()

    def retheme(self) -> None:
        """Takes the colours of the present theme."""
        if self.plot is not None:
            self.plot.retheme()

    def sizeHint(self) -> QSize:
        """A drawer with a plot."""
        return QSize(720, DRAWER_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """As low as a drawer may get."""
        return QSize(240, 132)

    def showEvent(self, event: QShowEvent) -> None:
        """What happened while nobody looked."""
        super().showEvent(event)
        self._on_activated(self._session.scene.active)

    def hideEvent(self, event: QHideEvent) -> None:
        """Lights go out with the panel that explains them, though not behind another tab."""
        super().hideEvent(event)
        if not event.spontaneous():
            QTimer.singleShot(0, self, self._leave)

    def _leave(self) -> None:
        closed = not self._window.docks["histogram"].toggleViewAction().isChecked()
        if closed and self.asset is not None and self.asset.lit() is not None:
            self.asset.set_highlight(None)

    # Building.

    def _make_page(self) -> QWidget:
        page = QWidget()
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addLayout(self._make_choices())
        self._column.addLayout(self._make_range())
        return page

    def _make_choices(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(12, 6, 12, 2)
        row.setSpacing(8)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Attribute")
        self.choice.setMinimumWidth(160)
        self.choice.activated.connect(self._choose)
        self.logarithmic = self._switch("Log axis", "Powers of ten along the axis", self._measure_again)
        self.tall = self._switch("Log counts", "Show bars of few splats as well as those of many", self._draw)
        for widget in (self.choice, self.logarithmic, self.tall):
            row.addWidget(widget)
        self.beside = QLabel()
        self.beside.setProperty("quiet", True)
        row.addWidget(self.beside)
        row.addStretch(1)
        return row

    def _make_range(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(12, 2, 12, 8)
        row.setSpacing(8)
        self.low, self.high = QLineEdit(), QLineEdit()
        for field, name in ((self.low, "Lit from"), (self.high, "Lit to")):
            field.setFixedWidth(FIELD_WIDTH)
            field.setAccessibleName(name)
            field.setToolTip(f"{name}: a value of the attribute")
            field.editingFinished.connect(self._type_range)
        self.told = QLabel(HINT)
        self.told.setMinimumWidth(1)
        self.delete = QPushButton("Delete")
        self.delete.clicked.connect(lambda: self._window.do("edit.delete_lit"))
        self.delete.setToolTip("Take the lit splats out; it can be undone")
        self.clear = QPushButton("Clear")
        self.clear.clicked.connect(lambda: self._window.do("edit.clear_lit"))
        self.clear.setToolTip("Let all splats look as they are (Esc)")
        row.addWidget(self.low)
        row.addWidget(QLabel("–"))
        row.addWidget(self.high)
        row.addWidget(self.told, 1)
        row.addWidget(self.clear)
        row.addWidget(self.delete)
        return row

    def _switch(self, text: str, tip: str, on_change: Any) -> QToolButton:
        button = QToolButton(text=text, toolTip=tip, checkable=True)
        button.setProperty("choice", True)
        button.clicked.connect(lambda _=False: on_change())
        return button

    def _make_plot(self) -> None:
        from ..widgets.range_plot import RangePlot

        self.plot = RangePlot()
        self.plot.ranged.connect(self._on_ranged)
        self.plot.emptied.connect(lambda: self._window.do("edit.clear_lit"))
        self._column.insertWidget(1, self.plot, 1)

    # What happens.

    def _on_activated(self, asset: Asset | None) -> None:
        if not self.isVisible() or not self._window.preload.done:
            return
        asset = asset if isinstance(asset, Gaussians) else None
        if asset is not self.asset and self.asset is not None and self.asset.highlight is not None:
            self.asset.set_highlight(None)
        if asset is not None and self.plot is None:
            self._make_plot()
        fresh = asset is not self.asset
        self.asset = asset
        self.setCurrentIndex(0 if asset is None else 1)
        if asset is None:
            self._work.stop()
            self._values = self.histogram = None
        elif fresh or self.histogram is None:
            self._offer()

    def _on_changed(self, asset: Asset, part: str) -> None:
        if asset is not self.asset:
            return
        if part == "data":
            self._values = None
            if self.isVisible():
                self._offer(keep_range=asset.lit() is not None)
            else:
                self.histogram = None  # made again when somebody looks
        elif part == "highlight" and self.plot is not None:
            if asset.lit() is None and not self._light.isActive():
                self.plot.hide_range()
            self._tell()

    def _on_drawn(self) -> None:
        """What hangs on the view is measured again once the camera rests."""
        viewport = self._window.viewport
        shown = self.asset is not None and self.isVisible() and self.attribute is not None and viewport.complete
        if shown and self.attribute.key == KEY and seen_with(self.asset, viewport.camera) != self._view:
            self._offer(keep_range=self.plot.chosen() is not None)

    def _offer(self, keep_range: bool = False) -> None:
        """Offers what can be known of the asset, and shows what was shown last where it still can be."""
        viewport = self._window.viewport
        self._view = seen_with(self.asset, viewport.camera)
        self._offered = (*attributes(self.asset), view_radius(viewport.camera, viewport.devicePixelRatioF()))
        labels = [entry.label for entry in self._offered]
        if labels != [self.choice.itemText(index) for index in range(self.choice.count())]:
            self.choice.clear()
            self.choice.addItems(labels)
            for index, entry in enumerate(self._offered):
                self.choice.setItemData(index, entry.help, Qt.ItemDataRole.ToolTipRole)
        keys = [entry.key for entry in self._offered]
        known = self.attribute is not None and self.attribute.key in keys
        self._show(keys.index(self.attribute.key) if known else 0, keep_range and known)

    def _choose(self, index: int) -> None:
        self.show_attribute(self._offered[index].key)

    def show_attribute(self, key: str) -> None:
        """Shows another attribute. Raises KeyError for one that the asset does not have."""
        keys = [entry.key for entry in self._offered]
        if key not in keys:
            raise KeyError(key)
        self.asset.set_highlight(None)
        self._show(keys.index(key), False)

    def _show(self, index: int, keep_range: bool) -> None:
        entry = self._offered[index]
        self.choice.setCurrentIndex(index)
        self.choice.setToolTip(entry.help)
        if self.attribute is None or entry.key != self.attribute.key:
            self.logarithmic.setChecked(entry.logarithmic)
        self.attribute = entry
        if not keep_range:
            self.plot.hide_range()
        asset = self.asset
        self._work.start(measured(asset, entry), lambda values: self._on_measured(asset, values))

    def _on_measured(self, asset: Gaussians, values: np.ndarray) -> None:
        if asset is self.asset:
            self._values = values
            self._count()

    def _measure_again(self) -> None:
        """The axis is another one: the range is dropped with it."""
        self.asset.set_highlight(None)
        self.plot.hide_range()
        self._count()

    def _count(self) -> None:
        if self._values is not None:
            self._work.start(spread(self._values, self.logarithmic.isChecked()), self._on_counted)

    def _on_counted(self, histogram: Histogram) -> None:
        self.histogram = histogram
        self._draw()
        if self.plot.chosen() is not None:
            self._light_up()
        self._tell()

    def _draw(self) -> None:
        if self.histogram is not None:
            self.plot.show_histogram(self.histogram, self.tall.isChecked())

    # The range.

    def _on_ranged(self) -> None:
        if not self._light.isActive():
            self._light.start()

    def _type_range(self) -> None:
        """Takes the range from the fields; what is no number there leaves it as it was."""
        if self.histogram is None or not (self.low.isModified() or self.high.isModified()):
            return
        ends, usual = [], self.histogram.edges[[0, -1]]
        for field, other in zip((self.low, self.high), usual, strict=True):
            try:
                value = float(field.text().replace("−", "-"))
                ends.append(float(np.log10(value)) if self.histogram.logarithmic else value)
            except (ValueError, ZeroDivisionError):
                ends.append(float(other))
        if np.isfinite(ends).all():
            self.plot.show_range(min(ends), max(ends))
            self._on_ranged()

    def _light_up(self) -> None:
        """Lights up the splats of the range as it is now."""
        ends = None if self.plot is None else self.plot.chosen()
        known = self._values is not None and self.asset is not None and self.histogram is not None
        if ends is not None and known and len(self._values) == len(self.asset):
            with np.errstate(all="ignore"):
                self.asset.set_highlight(within(self._values, self.histogram, *ends))

    def _tell(self) -> None:
        """Says what is lit and what has no place on the axis."""
        if self.asset is None or self.plot is None:
            return
        lit, ends = self.asset.lit(), self.plot.chosen()
        there = lit is not None
        for button in (self.clear, self.delete):
            button.setEnabled(there)
        if there:
            number = int(np.count_nonzero(lit))
            share = f"{100 * number / max(len(lit), 1):.1f} %"
            self.told.setText(f"{count(number)} of {count(len(lit))} splats ({share})")
        else:
            self.told.setText(HINT)
        texts = ("", "")
        if ends is not None and self.histogram is not None:
            texts = tuple(_number(10.0**end if self.histogram.logarithmic else end) for end in ends)
        for field, text in zip((self.low, self.high), texts, strict=True):
            if not (field.hasFocus() and field.isModified()):
                field.setText(text)
        beside = 0 if self.histogram is None else self.histogram.beside
        usual = "not above zero" if self.logarithmic.isChecked() else "not finite"
        why = self.attribute.lacking or usual
        self.beside.setText(f"{count(beside)} {why}" if beside else "")


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


PANEL = PanelRecord("histogram", "Histogram", HistogramPanel, order=50, area="bottom", open=False)
