"""The card over the viewport with the values of the splat that was clicked."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QToolButton, QWidget

from assets.asset import Asset
from assets.gaussians import Gaussians
from assets.splats.attributes import base_colors

from ..icons import icon
from ..wording import count, triple


def splat_rows(asset: Gaussians, row: int, depth: float) -> list[tuple[str, str]]:
    """What is to be known of one splat: label and text. depth: along the viewing axis, of the picture's median."""
    place = np.array([row])
    scales, opacities = asset.drawn(place)
    sizes = scales[0, : asset.log_scales.shape[1]]
    red, green, blue = np.rint(255 * base_colors(asset, place)[0]).astype(int)
    rows = [
        ("splat", f"{count(row)} of {count(len(asset))}"),
        ("position", triple(asset.means[row])),
        ("opacity", f"{float(opacities[0]):.3f}"),
        ("σ", triple(sizes)),
        ("colour", f"#{red:02x}{green:02x}{blue:02x}"),
        ("median depth", f"{depth:.4g}"),
    ]
    return rows + [(name, f"{column[row]:.4g}") for name, column in list(asset.extra.items())[:4]]


class PickedCard(QFrame):
    """There from a click on a splat until another click, or until it is put away or gone."""

    def __init__(self, window: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("pickedCard")
        self._asset: Asset | None = None
        self.rows: list[tuple[str, str]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 8, 12, 8)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(2)
        self._close = QToolButton(icon=icon("x", "quiet"), toolTip="Put it away (Esc)")
        self._close.clicked.connect(self.put_away)
        window.session.scene.removed.connect(self._on_removed)
        window.session.scene.changed.connect(self._on_changed)
        self.hide()

    def tell(self, hit: Any) -> None:
        """Shows the splat that was hit, or nothing."""
        if hit is None or hit.element is None or not isinstance(hit.asset, Gaussians):
            self.put_away()
            return
        self._asset = hit.asset
        self.rows = splat_rows(hit.asset, hit.element, hit.depth)
        while self._grid.count():
            widget = self._grid.takeAt(0).widget()
            if widget is not self._close:
                widget.deleteLater()
        for number, (label, text) in enumerate(self.rows):
            words, value = QLabel(label), QLabel(text)
            words.setProperty("quiet", True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(words, number, 0)
            self._grid.addWidget(value, number, 1)
        self._grid.addWidget(self._close, 0, 2, 2, 1, Qt.AlignmentFlag.AlignTop)
        self.show()
        self.raise_()
        self.parentWidget().place()

    def put_away(self) -> bool:
        """Hides it. Returns whether it was there."""
        was = self.isVisibleTo(self.parentWidget())
        self._asset = None
        self.hide()
        return was

    def _on_removed(self, asset: Asset) -> None:
        if asset is self._asset:
            self.put_away()

    def _on_changed(self, asset: Asset, part: str) -> None:
        if asset is self._asset and part == "data":
            self.put_away()
