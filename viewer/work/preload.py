"""Imports what is slow and needed soon in a thread, while the window already answers."""

from __future__ import annotations

import importlib
import threading

from PySide6.QtCore import QObject, Qt, Signal

from assets.registry import records

MODULES = ("pyqtgraph.parametertree", "viewer.widgets.fact_row")


class Preload(QObject):
    """`ready` is emitted on the window's thread when everything is imported; `done` says so afterwards."""

    ready = Signal()
    _imported = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.done = self._over = False
        self._thread = threading.Thread(target=self._import, name="preload", daemon=True)
        self._imported.connect(self._on_imported, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begins; a second call changes nothing."""
        if not self._thread.is_alive() and not self.done and not self._over:
            self._thread.start()

    def wait(self) -> None:
        """Returns when the thread is over, so that it never outlives the application; from now on none begins."""
        self._over = True
        if self._thread.is_alive():
            self._thread.join(10)

    def _import(self) -> None:
        for name in MODULES:
            importlib.import_module(name)
        records("renderers", "RENDERER")
        self._imported.emit()

    def _on_imported(self) -> None:
        self.done = True
        self.ready.emit()
