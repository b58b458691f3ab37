"""The choices over the viewport: how the active asset is drawn, and from where."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from ..icons import icon

VIEW_ACTIONS = (
    "view.front", "view.back", "view.right", "view.left", "view.top", "view.bottom", "",
    "view.orthographic", "", "view.up_y", "view.up_-y", "view.up_z", "view.up_-z",
)  # fmt: skip


class ViewStrip(QWidget):
    """Two small menus: the mode of the active asset and the view."""

    def __init__(self, window: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = window
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.mode = self._pill("palette", "How the active asset is drawn")
        self.view = self._pill("cube", "Projection, axis views and the up axis")
        row.addWidget(self.mode)
        row.addWidget(self.view)
        self.mode.menu().aboutToShow.connect(self._fill_modes)
        for name in VIEW_ACTIONS:
            if name:
                self.view.menu().addAction(window.qt_action(name))
            else:
                self.view.menu().addSeparator()
        scene = window.session.scene
        scene.activated.connect(self._on_scene)
        scene.changed.connect(self._on_scene)
        window.navigator.changed.connect(self._tell_view)
        self._tell_mode()
        self._tell_view()

    def _pill(self, name: str, tooltip: str) -> QToolButton:
        button = QToolButton(self, icon=icon(name, "quiet"), toolTip=tooltip)
        button.setProperty("pill", True)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setMenu(QMenu(button))
        return button

    def _on_scene(self, *_: Any) -> None:
        self._tell_mode()

    def _tell_mode(self) -> None:
        asset = self._window.session.scene.active
        self.mode.setVisible(asset is not None)
        if asset is not None and self.mode.text() != str(asset.display.mode).capitalize():
            self.mode.setText(str(asset.display.mode).capitalize())
            self.adjustSize()

    def _tell_view(self) -> None:
        words = "Orthographic" if self._window.navigator.orthographic else "Perspective"
        if words != self.view.text():
            self.view.setText(words)
            self.adjustSize()

    def _fill_modes(self) -> None:
        menu, session = self.mode.menu(), self._window.session
        menu.clear()
        asset = session.scene.active
        settings = {entry.name: entry for entry in asset.settings()} if asset is not None else {}
        for choice in settings["mode"].choices if settings else ():
            entry = menu.addAction(choice.capitalize())
            entry.setCheckable(True)
            entry.setChecked(choice == asset.display.mode)
            entry.triggered.connect(lambda _=False, name=choice: session.set_display(asset, "mode", name))
