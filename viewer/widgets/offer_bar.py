"""The bar over the viewport that asks for the decoder of planes which came without one."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from ..icons import icon


class OfferBar(QFrame):
    """There while the active asset lacks a decoder and nobody said that it may."""

    def __init__(self, window: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = window
        self.setObjectName("offerBar")
        mark = QLabel()
        mark.setPixmap(icon("stack", "accent").pixmap(QSize(20, 20), self.devicePixelRatioF()))
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.choose = QPushButton("Choose decoder…")
        self.choose.setToolTip("Open the file with the weights; it is remembered for planes of this family")
        self.choose.clicked.connect(lambda: window.do("file.choose_decoder"))
        self.close_button = QToolButton(icon=icon("x"), toolTip="Show the planes alone")
        self.close_button.clicked.connect(window.decoders.decline)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        row.addWidget(mark)
        row.addWidget(self.text, 1)
        row.addWidget(self.choose)
        row.addWidget(self.close_button)
        window.decoders.changed.connect(self.tell)
        self.hide()

    def tell(self) -> None:
        """Asks, or is gone."""
        asset = self._window.decoders.wanting
        if asset is not None:
            family = asset.provenance.family
            of = f" of {family}" if family else ""
            self.text.setText(f"{asset.name} holds planes{of} without their decoder. Choose its file, or drop it here.")
        self.setVisible(asset is not None)
        self.raise_()
        self.parentWidget().place()
