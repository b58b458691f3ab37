"""The list of what is open: visible or not, name, kind."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QMenu,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
)

from assets.asset import Asset

from ..icons import icon
from ..theme import role
from ..wording import kind_name
from . import PanelRecord

EYE, NAME, KIND = range(3)
MENU = (
    "view.frame_active", "edit.rename", "", "edit.visible", "edit.show_only", "edit.show_all", "",
    "file.save_as", "file.close",
)  # fmt: skip

DRAGGED = "The drag is a layer over the data: it can be changed, and is saved with what is seen"


class SceneList(QTreeWidget):
    """The rows. A click makes active, the eye shows and hides, F2 or a double click renames."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._window, self._session = window, window.session
        self.setObjectName("sceneList")
        self.setColumnCount(3)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setUniformRowHeights(True)
        self.setIconSize(QSize(18, 18))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName("Scene")
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(EYE, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(EYE, 34)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(KIND, QHeaderView.ResizeMode.ResizeToContents)
        self.itemChanged.connect(self._on_edited)
        self.itemClicked.connect(self._on_clicked)
        self.itemDoubleClicked.connect(self._on_double_clicked)
        self.currentItemChanged.connect(self._on_current)
        self.customContextMenuRequested.connect(self._show_menu)

    def row(self, asset: Asset) -> QTreeWidgetItem | None:
        """The row of an asset."""
        rows = (self.topLevelItem(index) for index in range(self.topLevelItemCount()))
        return next((item for item in rows if item.data(NAME, Qt.ItemDataRole.UserRole) is asset), None)

    def add(self, asset: Asset, index: int) -> None:
        """Adds a row at its place."""
        item = QTreeWidgetItem()
        item.setData(NAME, Qt.ItemDataRole.UserRole, asset)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        self.insertTopLevelItem(index, item)
        self.tell(asset)

    def remove(self, asset: Asset) -> None:
        """Takes the row out."""
        self.blockSignals(True)
        self.takeTopLevelItem(self.indexOfTopLevelItem(self.row(asset)))
        self.blockSignals(False)

    def tell(self, asset: Asset) -> None:
        """Shows the present state of an asset."""
        item = self.row(asset)
        if item is None:
            return
        self.blockSignals(True)
        item.setText(NAME, asset.name)
        item.setText(KIND, _kind(asset))
        item.setToolTip(KIND, DRAGGED if item.text(KIND) != kind_name(asset.kind) else "")
        item.setTextAlignment(KIND, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setIcon(EYE, icon("eye" if asset.visible else "eye-slash", "quiet" if asset.visible else "faint"))
        item.setToolTip(EYE, "Hide (H)" if asset.visible else "Show (H)")
        item.setForeground(NAME, QColor(role("text" if asset.visible else "faint")))
        item.setForeground(KIND, QColor(role("quiet" if asset.visible else "faint")))
        warnings = [*asset.provenance.warnings, *self._window.splats.complaints(asset)]
        item.setIcon(NAME, icon("warning", "warning") if warnings else QIcon())
        item.setToolTip(NAME, "\n".join([str(asset.provenance.path or asset.name), *warnings]))
        self.blockSignals(False)

    def select(self, asset: Asset | None) -> None:
        """Marks the active asset."""
        self.blockSignals(True)
        self.setCurrentItem(self.row(asset) if asset is not None else None)
        self.blockSignals(False)

    def edit_name(self, asset: Asset) -> None:
        """Opens the field for the name."""
        self.editItem(self.row(asset), NAME)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space shows and hides; the rest as lists do."""
        asset = self._session.scene.active
        if event.key() == Qt.Key.Key_Space and asset is not None:
            self._session.set_visible(asset, not asset.visible)
        else:
            super().keyPressEvent(event)

    def _on_edited(self, item: QTreeWidgetItem, column: int) -> None:
        asset = item.data(NAME, Qt.ItemDataRole.UserRole)
        if column == NAME and item.text(NAME) != asset.name:
            self._session.rename(asset, item.text(NAME))
            self.tell(asset)

    def _on_clicked(self, item: QTreeWidgetItem, column: int) -> None:
        if column == EYE:
            asset = item.data(NAME, Qt.ItemDataRole.UserRole)
            self._session.set_visible(asset, not asset.visible)

    def _on_double_clicked(self, item: QTreeWidgetItem, column: int) -> None:
        if column == NAME:
            self.editItem(item, NAME)

    def _on_current(self, item: QTreeWidgetItem | None, _: Any) -> None:
        if item is not None:
            self._session.activate(item.data(NAME, Qt.ItemDataRole.UserRole))

    def _show_menu(self, at: QPoint) -> None:
        if self.itemAt(at) is None:
            return
        menu = QMenu(self)
        for name in MENU:
            if name:
                menu.addAction(self._window.qt_action(name))
            else:
                menu.addSeparator()
        menu.popup(self.viewport().mapToGlobal(at))


class ScenePanel(QStackedWidget):
    """The list, or a line that says how it gets rows."""

    def __init__(self, window: Any) -> None:
        super().__init__()
        self._scene = window.session.scene
        self.list = SceneList(window)
        nothing = QLabel("Nothing is open. Drop files here or press Ctrl+O.")
        nothing.setProperty("quiet", True)
        nothing.setWordWrap(True)
        nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        nothing.setContentsMargins(12, 12, 12, 12)
        self.addWidget(nothing)
        self.addWidget(self.list)
        self._scene.added.connect(self._on_added)
        self._scene.removed.connect(self._on_removed)
        self._scene.changed.connect(self._on_changed)
        self._scene.activated.connect(self._on_activated)
        window.splats.changed.connect(self.retheme)

    def retheme(self) -> None:
        """Shows everything anew: in the colours of another theme, or with what the doctor says."""
        for asset in self._scene:
            self.list.tell(asset)

    def _on_added(self, asset: Asset) -> None:
        self.list.add(asset, self._scene.index(asset))
        self.setCurrentIndex(1)

    def _on_removed(self, asset: Asset) -> None:
        self.list.remove(asset)
        self.setCurrentIndex(1 if len(self._scene) else 0)

    def _on_changed(self, asset: Asset, part: str) -> None:
        # A warp changes with every movement of a hand; the row does not.
        row = self.list.row(asset)
        bent = part == "warp" and row is not None and row.text(KIND) != _kind(asset)
        if part in ("name", "visible", "data") or bent:
            self.list.tell(asset)

    def _on_activated(self, asset: Asset | None) -> None:
        self.list.select(asset)


def _kind(asset: Asset) -> str:
    """The kind of an asset, with a badge where it is dragged. A warp that bends nothing only shows what may move."""
    dragged = asset.warp is not None and any(handle.source != handle.target for handle in asset.warp.drag.handles)
    return f"dragged {kind_name(asset.kind)}" if dragged else kind_name(asset.kind)


PANEL = PanelRecord("scene", "Scene", ScenePanel, order=0)
