"""What the active asset is and how it is shown: a parameter tree made from what the asset declares.

Nothing here knows a kind of asset. The overview comes from `counts`, `facts` and the provenance, the rows under
Display from the `Setting` records of the asset's display.
"""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QAbstractSpinBox, QHeaderView, QStackedWidget, QTreeWidgetItem

from assets.asset import Asset
from assets.display import Setting
from assets.fields.adjusting.adjust import CHOSEN, SECTIONS, marked

from ..icons import icon
from ..theme import role
from ..widgets.empty_text import EmptyText
from ..widgets.setting_field import TEXT_INSET
from ..wording import count, kind_name, memory, triple
from . import PanelRecord
from .description_rows import OPEN_AT_FIRST, description_groups, dress, is_described, present

NOTHING_OPEN = "Facts and display settings of the active asset appear here."
NOTHING_ACTIVE = "No asset is active. Click one in the list, or in the viewport with the Select tool (Q)."
GPU_MEMORY = "on the GPU"
DISPLAY, OVERVIEW = "Display", "Overview"
LEVEL = "level of detail"
LABEL_WIDTH = 132
SLICE_SECONDS = 0.005
LATER_MS = 80


class Inspector(QStackedWidget):
    """The tree, or a line that explains why it is empty."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._window, self._session = window, window.session
        self.tree: Any = None
        self.root: Any = None
        self._asset: Asset | None = None
        self._quiet = False
        self.nothing = EmptyText(NOTHING_OPEN)
        self.addWidget(self.nothing)
        # A new asset makes much else happen at the same moment.
        self._later = QTimer(self, singleShot=True, interval=LATER_MS)
        self._later.timeout.connect(self._begin)
        # Not at once: it may be the row itself that is changed, and that goes.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._adapt)
        self._more = QTimer(self, singleShot=True, interval=0)
        self._more.timeout.connect(self._fill_some)
        self._waiting: list[tuple[str, list[dict]]] = []
        self._expanded = {section: section in OPEN_AT_FIRST for section in SECTIONS}
        self._marks: dict[str, str] = {}
        self._advice: list[str] = []
        scene = self._session.scene
        scene.activated.connect(self._on_activated)
        scene.changed.connect(self._on_changed)
        window.viewport.drawn.connect(self._tell_gpu_memory)
        window.preload.ready.connect(self._later.start)
        window.splats.changed.connect(self._on_advice)
        window.jobs.changed.connect(self._on_task)

    @property
    def filled(self) -> bool:
        """Whether all rows of the active asset are there."""
        return not (self._waiting or self._later.isActive() or self._soon.isActive())

    def retheme(self) -> None:
        """Takes the colours of the present theme."""
        self._later.start()

    def _on_activated(self, asset: Asset | None) -> None:
        self._asset = asset
        self._later.start()

    def _on_changed(self, asset: Asset, part: str) -> None:
        if asset is not self._asset:
            return
        if part == "display":
            self._tell_display()
        elif part not in ("visible", "name", "highlight"):
            self._soon.start()

    def _on_advice(self) -> None:
        """The doctor thinks otherwise: that may be another row."""
        if self._asset is not None and self._window.splats.advice(self._asset) != self._advice:
            self._soon.start()

    def _on_task(self, _: Any) -> None:
        """Another level may be on its way, or given up."""
        row = self._level_row()
        if row is not None and row.value() != self._window.splats.level(self._asset):
            self._soon.start()

    def _level_row(self) -> Any:
        """The row with the level of detail, or None."""
        shown = self.root is not None and self._asset is not None and DISPLAY in self.root.names
        return self.root.child(DISPLAY).names.get(LEVEL) if shown else None

    def _begin(self) -> None:
        """Starts to make the rows of the active asset."""
        asset = self._asset
        self._waiting = []
        self._soon.stop()
        if asset is None or not self._window.preload.done:
            self.root = None
            self.nothing.setText(NOTHING_ACTIVE if len(self._session.scene) else NOTHING_OPEN)
            self.setCurrentWidget(self.nothing)
            return
        from pyqtgraph.parametertree import Parameter

        if self.tree is None:
            self._make_tree()
        self.root = Parameter.create(name="asset", type="group")
        self.tree.setParameters(self.root, showTop=False)
        self._waiting = self._wanted()
        self.tree.setUpdatesEnabled(False)
        self._more.start()

    def _wanted(self) -> list[tuple[str, list[dict]]]:
        """The rows that there should be now."""
        asset = self._asset
        self._advice = self._window.splats.advice(asset)
        groups = _groups(asset, self._window.viewport.gpu_bytes(asset), self._advice)
        if asset.provenance.levels:
            groups[0][1].insert(1, _level(asset.provenance.levels, self._window.splats.level(asset)))
        self._marks = marked(asset) if any(title in SECTIONS for title, _ in groups) else {}
        return groups

    def _fill_some(self) -> None:
        """Makes rows for a moment; a timer calls it until all are there, since each field takes a millisecond."""
        end = time.perf_counter() + SLICE_SECONDS
        while self._waiting and time.perf_counter() < end:
            group, rows = self._waiting[0]
            if group not in self.root.names:
                self._dress_group(self.root.addChild(self._group(group)))
                if not self._expanded.get(group, True):
                    # Rows cost milliseconds: those of a folded group come when it is opened.
                    self._waiting.pop(0)
            elif rows:
                self._dress_row(self.root.child(group).addChild(rows.pop(0)))
            else:
                self._waiting.pop(0)
        if self._waiting:
            self._more.start()
            return
        self.setCurrentWidget(self.tree)
        self.tree.setUpdatesEnabled(True)

    def _group(self, title: str) -> dict:
        """A group as pyqtgraph describes it, open or folded as it was left."""
        return {"name": title, "type": "group", "expanded": self._expanded.get(title, True), "syncExpanded": True}

    def _keep_fold(self, item: Any) -> None:
        if item.parent() is None or item.parent().parent() is None:
            title = item.text(0)
            self._expanded[title] = item.isExpanded()
            coming = any(waiting == title for waiting, _ in self._waiting)
            if item.isExpanded() and not item.childCount() and not coming and not self._quiet:
                self._waiting += [pair for pair in self._wanted() if pair[0] == title]
                self._more.start()

    def _adapt(self) -> None:
        """Makes the rows what they should be now. Those that stay are not made anew, nor do they move away from under
        the hand: whoever types in one goes on."""
        if self.root is None or self._waiting or self._asset is None:
            self._later.start()
            return
        held, self._quiet = self._held_row(), True
        wanted = self._wanted()
        titles = [title for title, _ in wanted]
        for group in self.root.children():
            if group.name() not in titles:
                self.root.removeChild(group)
        for place, (title, rows) in enumerate(wanted):
            if title not in self.root.names:
                self._dress_group(self.root.insertChild(place, self._group(title)))
            group = self.root.child(title)
            if group.hasChildren() or self._expanded.get(title, True):
                self._adapt_group(group, rows)
        self._quiet = False
        if held is not None:
            bar, (item, top) = self.tree.verticalScrollBar(), held
            bar.setValue(bar.value() + self.tree.visualItemRect(item).top() - top)

    def _adapt_group(self, group: Any, rows: list[dict]) -> None:
        types = {row["name"]: row["type"] for row in rows}
        for row in group.children():
            if types.get(row.name()) != row.type():
                group.removeChild(row)
        for place, described in enumerate(rows):
            if described["name"] not in group.names:
                self._dress_row(group.insertChild(place, described))
                continue
            row = group.child(described["name"])
            if described.get("limits", row.opts.get("limits")) != row.opts.get("limits"):
                row.setLimits(described["limits"])
            if "default" in described and row.defaultValue() != described["default"]:
                row.setDefault(described["default"])
            row.setValue(described.get("value", described.get("default")))
            if is_described(row):
                dress(row, self._asset, self._marks)

    def _held_row(self) -> tuple[Any, int] | None:
        """The item of the row in which somebody types, and how far down it is."""
        field = self.tree.focusWidget()
        if field is None or field is self.tree or not self.tree.viewport().isAncestorOf(field):
            return None
        item = self.tree.itemAt(field.mapTo(self.tree.viewport(), field.rect().center()))
        return None if item is None else (item, self.tree.visualItemRect(item).top())

    def _dress_group(self, group: Any) -> None:
        title = self.font()
        title.setWeight(QFont.Weight.DemiBold)
        for item in group.items:
            item.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.ShowIndicator)
            item.setFont(0, title)
            for column in (0, 1):
                item.setForeground(column, QColor(role("quiet")))
                item.setBackground(column, QColor(role("panel")))

    def _dress_row(self, row: Any) -> None:
        """Gives a row the look of the window and keeps its field visible."""
        for item in row.items:
            item.setForeground(0, QColor(role("quiet")))
            if hasattr(item, "defaultBtn"):
                item.defaultBtn.setIcon(icon("arrow-counter-clockwise", "quiet", disabled="clear"))
                item.defaultBtn.setToolTip("Back to the default")
                item.hideWidget = False
                if isinstance(item.widget, QAbstractSpinBox):
                    item.widget.lineEdit().setTextMargins(TEXT_INSET, 0, 0, 0)
                item.widget.show()
                item.displayLabel.hide()
                row.sigValueChanged.connect(self._on_edited)
        if is_described(row):
            dress(row, self._asset, self._marks)

    def _make_tree(self) -> None:
        from pyqtgraph.parametertree import ParameterTree

        from ..widgets import fact_row, slider_row  # noqa: F401  they register rows

        self.tree = ParameterTree(showHeader=False)
        self.tree.setObjectName("inspector")
        self.tree.setAccessibleName("Inspector")
        self.tree.setIndentation(12)
        self.tree.itemExpanded.connect(self._keep_fold)
        self.tree.itemCollapsed.connect(self._keep_fold)
        self.tree.setAlternatingRowColors(False)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(0, LABEL_WIDTH)
        header.setStretchLastSection(True)
        self.addWidget(self.tree)

    def _on_edited(self, parameter: Any, value: Any) -> None:
        if self._quiet:
            return
        if is_described(parameter):
            if not self._session.describe(self._asset, parameter.name(), value):
                self._quiet = True
                parameter.setValue(present(self._asset, parameter.name()))
                self._quiet = False
        elif parameter.name() == LEVEL:
            self._window.splats.read_level(self._asset, value)
            self._soon.start()
        elif not self._session.set_display(self._asset, parameter.name(), value):
            self._tell_display()

    def _tell_display(self) -> None:
        """Shows the values of the display as they are now."""
        if self.root is None or self._quiet or DISPLAY not in self.root.names:
            return
        rows = {child.name(): child for child in self.root.child(DISPLAY).children() if child.name() != LEVEL}
        settings = {entry.name: entry for entry in self._asset.settings()}
        if rows.keys() != settings.keys() or _choices(rows) != list(settings["mode"].choices):
            # What else can be set depends on the mode.
            self._soon.start()
        self._quiet = True
        for name, row in rows.items():
            entry = settings.get(name) or self._asset.display_type.setting(name)
            if entry.slider:
                row.setLimits([entry.low, entry.high])
            row.setValue(_shown(entry, self._asset.display))
        self._quiet = False

    def _tell_gpu_memory(self) -> None:
        if self.root is not None and self.filled and self._asset is not None and OVERVIEW in self.root.names:
            group = self.root.child(OVERVIEW)
            if GPU_MEMORY in group.names:
                group.child(GPU_MEMORY).setValue(memory(self._window.viewport.gpu_bytes(self._asset)))


def _groups(asset: Asset, gpu_bytes: int, advice: list[str]) -> list[tuple[str, list[dict]]]:
    """The whole tree: titles with their rows as pyqtgraph describes parameters."""
    notes = asset.provenance
    groups = [
        (DISPLAY, [_parameter(entry, asset.display) for entry in asset.settings()]),
        (OVERVIEW, [_fact(*pair) for pair in dict(_overview(asset, gpu_bytes)).items()]),
        ("Warnings", [_fact(str(number), text) for number, text in enumerate([*notes.warnings, *advice], 1)]),
        *((title, [_fact(*pair) for pair in terms.items()]) for title, terms in _origins(asset).items()),
        *description_groups(asset),
    ]
    return [(title, rows) for title, rows in groups if rows]


def _origins(asset: Asset) -> dict[str, dict[str, str]]:
    """What is known of an asset, by who said it."""
    declared, guessed = asset.provenance.declared, asset.provenance.guessed
    chosen = {term: text.removesuffix(CHOSEN).rstrip(", ") for term, text in declared.items() if text.endswith(CHOSEN)}
    by_file = {term: text for term, text in declared.items() if term not in chosen}
    return {"Set by you": chosen, "Declared by the file": by_file, "Guessed": guessed}


def _overview(asset: Asset, gpu_bytes: int) -> list[tuple[str, str]]:
    """Label and text of what is known of every asset."""
    notes, bounds = asset.provenance, asset.bounds()
    rows = [("kind", kind_name(asset.kind))]
    rows += [(name, count(number)) for name, number in asset.counts().items()]
    rows += list(asset.facts().items())
    if bounds is not None:
        rows += [("size", triple(bounds[1] - bounds[0])), ("from", triple(bounds[0])), ("to", triple(bounds[1]))]
    rows += [("in memory", memory(asset.nbytes)), (GPU_MEMORY, memory(gpu_bytes))]
    rows += [(label, text) for label, text in (("format", notes.format), ("family", notes.family)) if text]
    if notes.path is not None:
        rows.append(("file", f"{notes.path.name} in {notes.path.parent}"))
    return rows


def _choices(rows: dict[str, Any]) -> list[str]:
    """The modes that the tree offers."""
    return list(rows["mode"].opts["limits"]) if "mode" in rows else []


def _fact(label: str, text: str) -> dict:
    return {"name": label, "title": label, "type": "fact", "value": text, "readonly": True}


def _level(levels: tuple[int, ...], level: int | None) -> dict:
    """The choice of a level of detail."""
    shown = {str(one) if place else f"{one} (finest)": one for place, one in enumerate(levels)}
    tip = "How fine the splats are; another level is read from the file"
    described = {"name": LEVEL, "title": "Level", "tip": tip, "type": "list", "limits": shown, "default": levels[0]}
    return described if level == levels[0] else described | {"value": level}


def _shown(entry: Setting, display: Any) -> Any:
    """The value of a setting; the end of its range where an asset has less than its kind may have."""
    value = getattr(display, entry.name)
    return value if entry.choices or entry.high is None else min(value, entry.high)


def _parameter(entry: Setting, display: Any) -> dict:
    """One `Setting` as pyqtgraph describes a parameter."""
    value = _shown(entry, display)
    described = {"name": entry.name, "title": entry.label, "tip": entry.help, "default": entry.default}
    if value != entry.default:
        described["value"] = value  # given, it counts as modified, and the button that resets it is enabled
    if entry.choices:
        return described | {"type": "list", "limits": list(entry.choices)}
    if isinstance(entry.default, bool):
        return described | {"type": "bool"}
    if entry.slider:
        limits = {"limits": [entry.low, entry.high], "whole": isinstance(entry.default, int)}
        return described | {"type": "slider and number", "factors": entry.factors} | limits
    if isinstance(entry.default, (int, float)):
        described |= {"type": type(entry.default).__name__, "limits": [entry.low, entry.high]}
        described |= {"step": entry.step or 1, "suffix": entry.unit, "siPrefix": False, "decimals": 6}
        return described
    return described | {"type": "str"}


PANEL = PanelRecord("inspector", "Inspector", Inspector, order=10)
