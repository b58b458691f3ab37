"""Rows of the inspector with which the description of a field is changed: the table of assets/fields/adjusting."""

from __future__ import annotations

import weakref
from typing import Any

from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QLineEdit

from assets.asset import Asset
from assets.fields.adjusting.adjust import SECTIONS, properties
from assets.fields.adjusting.adjustable import Property
from assets.fields.description import FieldDescription
from assets.triplane import Triplane

from ..theme import role

MARKS = {"guessed": "A guess: change it where the picture is wrong", "set": "Set by you"}
OPEN_AT_FIRST = ("Planes", "Space")
Rows = list[tuple[str, list[dict]]]


_first: weakref.WeakKeyDictionary[Asset, FieldDescription] = weakref.WeakKeyDictionary()
"""How each triplane was described when its rows were made first: what the button beside a row goes back to."""


def description_groups(asset: Asset) -> Rows:
    """Titles of groups with their rows as pyqtgraph describes parameters; none for what has no description."""
    if not isinstance(asset, Triplane):
        return []
    defaults = {entry.key: entry.value for entry in properties(_first.setdefault(asset, asset.description))}
    table = [entry for entry in properties(asset.description) if not entry.aside]
    return [(section, [_row(entry, defaults.get(entry.key, entry.value)) for entry in table
                       if entry.section == section]) for section in SECTIONS]  # fmt: skip


def dress(row: Any, asset: Triplane, marks: dict[str, str]) -> None:
    """Shows by the label of a row whether its value was guessed (slanted) or set by the user (in the accent colour)."""
    mark = marks.get(row.name(), "")
    for item in row.items:
        font = QFont(item.font(0))
        font.setItalic(mark == "guessed")
        item.setFont(0, font)
        item.setForeground(0, QColor(role("accent" if mark == "set" else "quiet")))
        told = [text for text in (row.opts.get("tip", ""), MARKS.get(mark, "")) if text]
        item.setToolTip(0, "\n".join(told))
        if hasattr(item, "defaultBtn"):
            item.defaultBtn.setToolTip("Back to how it was opened")
        if isinstance(getattr(item, "widget", None), QLineEdit):
            item.widget.setCursorPosition(0)
            item.widget.setToolTip(item.widget.text())


def present(asset: Triplane, key: str) -> Any:
    """The value that a row shows."""
    return next(entry.value for entry in properties(asset.description) if entry.key == key)


def _row(entry: Property, default: Any) -> dict:
    described = {"name": entry.key, "title": entry.label, "tip": entry.help, "default": default}
    if entry.value != default:
        described["value"] = entry.value  # given, it counts as modified, and the button beside it is enabled
    if entry.choices:
        return described | {"type": "list", "limits": list(entry.choices)}
    if isinstance(entry.value, bool):
        return described | {"type": "bool"}
    if isinstance(entry.value, (int, float)):
        step = {"step": 1} if isinstance(entry.value, int) else {"dec": True, "step": 0.1, "minStep": 1e-3}
        return described | {"type": type(entry.value).__name__, "siPrefix": False, "decimals": 7, **step}
    return described | {"type": "str"}


def is_described(row: Any) -> bool:
    """Whether a row of the inspector belongs to the description."""
    return row.parent() is not None and row.parent().name() in SECTIONS
