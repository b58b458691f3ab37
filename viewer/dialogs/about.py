"""What this is, and on what it runs."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout


def versions(driver: str) -> list[str]:
    """One line per part that a report of a fault should name."""
    parts = {"Python": platform.python_version(), "Qt": qVersion(), "System": platform.platform()}
    for package in ("numpy", "torch", "trimesh", "pyqtgraph", "PyOpenGL"):
        try:
            parts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            parts[package] = "not installed"
    return [f"{name}: {version}" for name, version in ({"Graphics": driver} | parts).items()]


class AboutDialog(QDialog):
    """Name, licence, versions; the text can be copied."""

    def __init__(self, window: Any) -> None:
        super().__init__(window)
        self.setWindowTitle("About Triptych")
        title = QLabel("Triptych")
        title.setProperty("title", True)
        about = QLabel("Meshes, Gaussian splats and triplanes in one window.\nMIT licence. Icons: Phosphor (MIT).")
        driver = window.viewport.frame.renderer_name if window.viewport.frame is not None else "not started"
        facts = QLabel("\n".join(versions(driver)))
        facts.setProperty("quiet", True)
        facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        for widget in (title, about, facts, buttons):
            column.addWidget(widget)
