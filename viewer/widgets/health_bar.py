"""The bar over the viewport that says that something is wrong with the active splats."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget

from assets.splats.doctor import Finding

from ..wording import count
from .notice_bar import NoticeBar


class HealthBar(NoticeBar):
    """There while the doctor has something grave to say that nobody has put away."""

    def __init__(self, window: Any, parent: QWidget) -> None:
        super().__init__(parent, "healthBar", ("warning", "warning"))
        self._window = window
        tip = "What is wrong, and how to put it right"
        self.show_button = self.offer("Doctor…", tip, lambda: window.panel("doctor"))
        self.close_button = self.closing("Say no more of it", window.splats.dismiss)
        window.splats.changed.connect(self.tell)

    def tell(self) -> None:
        """Says what is wrong, or is gone."""
        found = self._window.splats.alarming
        if found:
            self.text.setText(self._said(found))
        if bool(found) != self.isVisibleTo(self.parentWidget()) or found:
            self.setVisible(bool(found))
            self.raise_()
            self.parentWidget().place()

    def _said(self, found: list[Finding]) -> str:
        name = self._window.splats.active.name
        if all(finding.key == "up_axis" for finding in found):
            return f"{name} may stand on its head or lie on its side. {found[0].detail}"
        told = "; ".join(f"{finding.title[:1].lower()}{finding.title[1:]}: {count(finding.count)}" for finding in found)
        return f"{name} may be damaged. {told[:1].upper()}{told[1:]}."
