"""The drag tool in numbers: how it pulls, what is set up, what is shown, and what becomes of it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from assets.deform.drag import DragSettings

from ..drag.painting import PaintSettings
from ..drag.state import declared
from ..widgets.choice_row import ChoiceRow
from ..widgets.mark_table import MarkTable
from ..widgets.setting_field import setting_field
from ..widgets.slider_field import LABEL_WIDTH, SliderField
from . import PanelRecord

TELL_MS = 40
"""Least time between two updates: a hand that pulls changes numbers with each movement."""

MODES = (
    ("direct", "Pull", "hand-grabbing", "Press on the shape and pull"),
    ("pairs", "Pairs", "flow-arrow", "Place handles and their targets, then run (P)"),
    ("paint", "Paint", "paint-brush", "Paint what stays and what may move (B)"),
)
TOLD = {
    "direct": "Press on the shape and pull. Each pull adds a handle.",
    "pairs": "Click a handle, then its target, and Run.",
    "paint": "Paint what stays fixed. Ctrl paints what may move.",
}
AXES = ("X", "Y", "Z")
WARNED_STRETCH = 2.0
LOOKS = (
    ("heat", "Influence", "How much each part feels the drag (I)"),
    ("ghost", "Rest shape", "The shape at rest, as a ghost (Shift+R)"),
    ("stretch", "Stretch", "What is stretched to more than twice its length (Shift+T)"),
)


class DragPanel(QWidget):
    """Everything about the drag that is not done with the mouse; what ends it stands below what scrolls."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._window, self.dragging = window, window.dragging
        self._stretched_much = False
        content = QWidget()
        content.setObjectName("panelContent")
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(12, 12, 12, 12)
        self._column.setSpacing(8)
        self._add_modes()
        self._add_settings()
        self._add_paint()
        self._add_looks()
        self._add_marks()
        self._column.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(content)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(area, 1)
        whole.addWidget(self._footer())
        self._leave_keys_to_viewport()
        self._later = QTimer(self, singleShot=True, interval=TELL_MS)
        self._later.timeout.connect(self._tell)
        self.dragging.changed.connect(self._on_changed)
        self._tell()

    def _add_modes(self) -> None:
        self.modes = ChoiceRow("", MODES, self._on_mode)
        self.told = _quiet("")
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        # Three lines: what comes below stays where it is while a hand pulls.
        self.told.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self._column.addWidget(self.modes)
        self._column.addWidget(self.told)

    def _add_settings(self) -> None:
        dragging, table = self.dragging, declared(DragSettings)
        self.sliders = {
            name: SliderField(
                table[name],
                getattr(dragging.settings, name),
                lambda value, name=name: dragging.adjust(name, value),
                dragging.settle,
            )
            for name in ("radius", "rigidity", "strength")
        }
        self.falloff = setting_field(
            table["falloff"], dragging.settings.falloff, lambda value: dragging.adjust("falloff", value)
        )
        named = list(enumerate(AXES))
        self.lock = ChoiceRow(
            "Lock",
            [(axis, name, "", f"Targets move along the world's {name} axis alone ({name})") for axis, name in named],
            dragging.set_lock,
        )
        self.mirror = ChoiceRow(
            "Mirror",
            [(axis, name, "", f"Do the same on the other side, across {name} (M)") for axis, name in named],
            dragging.set_mirror,
        )
        axes = QHBoxLayout()
        axes.setSpacing(12)
        axes.addWidget(self.lock)
        axes.addWidget(self.mirror)
        self.pulling = QWidget()
        column = QVBoxLayout(self.pulling)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.sliders["radius"])
        column.addLayout(_labelled("Falloff", self.falloff))
        column.addWidget(self.sliders["rigidity"])
        column.addLayout(axes)
        self._column.addWidget(self.pulling)

    def _add_paint(self) -> None:
        dragging, table = self.dragging, declared(PaintSettings)
        self.paint = QWidget()
        column = QVBoxLayout(self.paint)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.kind = ChoiceRow(
            "Paint",
            ((True, "Fixed", "", "Paint what stays"), (False, "Movable", "", "Paint what may move")),
            lambda fixed: dragging.set_paint("fixed", fixed),
            LABEL_WIDTH,
        )
        self.reach = ChoiceRow(
            "Reach",
            ((False, "Visible", "", "Paint what is seen alone"), (True, "Through", "", table["through"].help)),
            lambda through: dragging.set_paint("through", through),
            LABEL_WIDTH,
        )
        self.brush = {
            name: SliderField(
                table[name], getattr(dragging.paint, name), lambda value, name=name: dragging.set_paint(name, value)
            )
            for name in ("size", "feather")
        }
        for widget in (self.kind, self.reach, *self.brush.values()):
            column.addWidget(widget)
        row = QHBoxLayout()
        row.setSpacing(8)
        for text, tip, act in (
            ("Invert", "What may move stays, and the other way round", dragging.invert_paint),
            ("Fix all", "Everything stays; paint what may move", lambda: dragging.clear_paint(True)),
            ("Free all", "Everything may move; paint what stays", lambda: dragging.clear_paint(False)),
        ):
            button = QPushButton(text, toolTip=tip)
            button.clicked.connect(lambda _=False, act=act: act())
            row.addWidget(button)
        column.addLayout(row)
        self._column.addWidget(self.paint)

    def _add_looks(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(12)
        self.looks = {}
        for name, text, tip in LOOKS:
            box = QCheckBox(text, toolTip=tip)
            box.toggled.connect(lambda on, name=name: self.dragging.show(name, on))
            self.looks[name] = box
            row.addWidget(box)
        row.addStretch(1)
        self._column.addLayout(row)

    def _add_marks(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(0)
        self.count = _heading("")
        self.count.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self.count, 1)
        for name in ("drag.copy", "drag.paste"):
            row.addWidget(_icon_button(self._window.qt_action(name)))
        self._column.addLayout(row)
        self.marks = MarkTable(self.dragging)
        self._column.addWidget(self.marks)

    def _footer(self) -> QWidget:
        """Strength, and what becomes of the drag."""
        footer = QFrame()
        footer.setObjectName("panelFooter")
        column = QVBoxLayout(footer)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(8)
        column.addWidget(self.sliders["strength"])
        grid = QGridLayout()
        grid.setSpacing(8)
        self.verbs = {}
        for place, name in enumerate(("drag.run", "drag.apply", "drag.discard")):
            self.verbs[name] = _button(self._window.qt_action(name))
            grid.addWidget(self.verbs[name], 0, place)
        for place, name in enumerate(("drag.bake", "drag.split"), 1):
            self.verbs[name] = _button(self._window.qt_action(name))
            grid.addWidget(self.verbs[name], place, 0, 1, 3)
        column.addLayout(grid)
        return footer

    def _leave_keys_to_viewport(self) -> None:
        """A click on a control leaves the keys with the picture; Tab still leads to each of them."""
        for kind in (QPushButton, QToolButton, QCheckBox, QSlider, QComboBox):
            for widget in self.findChildren(kind):
                widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for field in (*self.sliders.values(), *self.brush.values()):
            field.number.lineEdit().returnPressed.connect(self._window.viewport.setFocus)

    def _on_mode(self, mode: str) -> None:
        self.dragging.set_mode(mode)
        self._window.status.tell_hand()
        self._tell()

    def _on_changed(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def _tell(self) -> None:
        """Shows everything as it is now."""
        dragging = self.dragging
        self.modes.tell(dragging.mode)
        self._tell_words()
        for name, field in self.sliders.items():
            field.tell(getattr(dragging.settings, name))
        for name, field in self.brush.items():
            field.tell(getattr(dragging.paint, name))
        choices = declared(DragSettings)["falloff"].choices
        self.falloff.blockSignals(True)
        self.falloff.setCurrentIndex(choices.index(dragging.settings.falloff))
        self.falloff.blockSignals(False)
        self.lock.tell(dragging.lock)
        self.mirror.tell(dragging.mirror)
        self.kind.tell(dragging.paint.fixed)
        self.reach.tell(dragging.paint.through)
        self.paint.setVisible(dragging.mode == "paint")
        self.pulling.setVisible(dragging.mode != "paint")
        for name, box in self.looks.items():
            box.blockSignals(True)
            box.setChecked(getattr(dragging, name))
            box.blockSignals(False)
        drag = dragging.plan.drag
        summary = drag.summary()
        self.count.setText(summary[:1].upper() + summary[1:] if summary else "No handles yet")
        self.marks.setVisible(bool(drag.handles or drag.pins))
        self.marks.tell()
        self._window.refresh_actions()
        self.verbs["drag.bake"].setVisible(self._window.qt_action("drag.bake").isEnabled())
        self.verbs["drag.split"].setVisible(self._window.qt_action("drag.split").isEnabled() and self._stretched_much)

    def _hint(self) -> str:
        dragging = self.dragging
        if dragging.asset is None:
            return "Open an asset, or click one in the list, to drag it."
        if not dragging.asset.visible:
            return f"{dragging.asset.name} is hidden. Show it to drag it, or press on another asset."
        if not dragging.ready:
            return (
                f"{dragging.asset.name} is being prepared…" if dragging.rigs.making(dragging.asset) else TOLD["direct"]
            )
        if dragging.plan.pending is not None:
            return "Now click where the handle shall go."
        if dragging.mode == "paint" and not dragging.paint.fixed:
            return "Paint what may move. Ctrl paints what stays fixed."
        return TOLD[dragging.mode]

    def _tell_words(self) -> None:
        """What to mind, what the solver understood, or what to do next."""
        dragging = self.dragging
        found = dragging.stretched()
        warns = self._stretched_much = found is not None and found[0] > WARNED_STRETCH
        words = self._hint()
        if warns:
            words = f"Stretched up to {found[0]:.1f} × near handle {found[1] + 1}; a larger radius spreads it."
        elif dragging.notes:
            words = "\n".join(dragging.notes)
        self.told.setText(words)
        self.told.setToolTip("\n".join(dragging.notes))
        if warns != bool(self.told.property("warning")):
            self.told.setProperty("warning", warns)
            self.told.setProperty("quiet", not warns)
            self.told.style().unpolish(self.told)
            self.told.style().polish(self.told)


def _quiet(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("quiet", True)
    label.setWordWrap(True)
    return label


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("heading", True)
    return label


def _labelled(text: str, field: QWidget) -> QHBoxLayout:
    label = _quiet(text)
    label.setFixedWidth(LABEL_WIDTH)
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addWidget(label)
    row.addWidget(field, 1)
    return row


def _button(action: Any) -> QPushButton:
    """A button for an action: enabled, named and explained as that is."""
    button = QPushButton(action.text())

    def tell() -> None:
        button.setEnabled(action.isEnabled())
        button.setToolTip(action.toolTip())

    action.changed.connect(tell)
    button.clicked.connect(lambda _=False: action.trigger())
    tell()
    return button


def _icon_button(action: Any) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setIconSize(QSize(16, 16))
    return button


PANEL = PanelRecord("drag", "Drag", DragPanel, order=20, tool="drag", instead_of="inspector")
