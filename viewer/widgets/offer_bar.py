"""The bar over the viewport that asks for the decoder of planes which came without one."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget

from .notice_bar import NoticeBar


class OfferBar(NoticeBar):
    """There while the active asset lacks a decoder and nobody said that it may."""

    def __init__(self, window: Any, parent: QWidget) -> None:
        super().__init__(parent, "offerBar", ("stack", "accent"))
        self._window = window
        tip = "Open the file with the weights; it is remembered for planes of this family"
        self.choose = self.offer("Choose decoder…", tip, lambda: window.do("file.choose_decoder"))
        self.close_button = self.closing("Show the planes alone", window.decoders.decline)
        window.decoders.changed.connect(self.tell)

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
