"""Save as: the format, its options, the file. One dialog, and it says what the choice does to the asset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
)

from assets.asset import Asset
from assets.convert import Conversion, conversions
from assets.deform.kinds import deformable
from assets.formats import Format

from ..command_line import key_and_value
from ..exporting import targets
from ..wording import kind_name


class ExportDialog(QDialog):
    """Lists the formats that fit the asset, its own kind first. `chosen()` is what to save."""

    def __init__(self, window: Any, asset: Asset, folder: Path) -> None:
        super().__init__(window)
        self.setWindowTitle(f"Save {asset.name} as")
        self._asset = asset
        self._targets = [(form, kind, suffix) for form, kind in targets(asset.kind) for suffix in form.extensions]
        self.formats = QComboBox()
        for form, kind, suffix in self._targets:
            as_kind = "" if kind == asset.kind else f", converted to {kind_name(kind)}"
            self.formats.addItem(f"{form.name if suffix in form.name else f'{form.name} ({suffix})'}{as_kind}")
        self.formats.currentIndexChanged.connect(self._on_format)
        self.path = QLineEdit(str(folder / _file_name(asset)))
        self.path.setMinimumWidth(360)
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(browse)
        self.note = QLabel(wordWrap=True)
        self.note.setProperty("quiet", True)
        self._fields: dict[str, QLineEdit | QComboBox] = {}
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(16)
        self._form.addRow("Format", self.formats)
        self._form.addRow("File", row)
        self._form.addRow(self.note)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        column.addLayout(self._form)
        column.addWidget(self.buttons)
        self._on_format(0)

    def chosen(self) -> tuple[Path, str, dict[str, Any], dict[str, Any]]:
        """The file, the kind that lands there, the options of the format and those of the conversion."""
        form, kind, _ = self._targets[self.formats.currentIndex()]
        filled = {name: _text(field) for name, field in self._fields.items()}
        given = dict(key_and_value(f"{name}={text}") for name, text in filled.items() if text)
        ours = {name: value for name, value in given.items() if name in form.options}
        return Path(self.path.text()), kind, ours, {name: given[name] for name in given if name not in ours}

    def _on_format(self, index: int) -> None:
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(bool(self._targets))
        if not self._targets:
            self.note.setText(f"Nothing here writes {kind_name(self._asset.kind)} yet.")
            return
        form, kind, suffix = self._targets[index]
        path = Path(self.path.text())
        stem = path.name
        for _, _, known in sorted(self._targets, key=lambda entry: -len(entry[2])):
            if stem.lower().endswith(known):
                stem = stem[: -len(known)]
                break
        self.path.setText(str(path.with_name(stem + suffix)))
        if kind == self._asset.kind:
            note = f"{form.caveat(self._asset)} Display settings are not part of the file.".strip()
        else:
            note = f"The open asset stays what it is; the file holds a copy as {kind_name(kind)}."
        self.note.setText(f"{_about_drag(self._asset, kind)} {note}".strip())
        self._show_options(form, kind)
        self.adjustSize()

    def _show_options(self, form: Format, target: str) -> None:
        for field in self._fields.values():
            self._form.removeRow(field)
        self._fields = {}
        conversion = _conversion(self._asset.kind, target)
        idle = conversion.idle(self._asset) if conversion else ()
        options = (conversion.options if conversion else {}) | form.options
        for name, help in options.items():
            if name in idle:
                continue
            choices = conversion.choices.get(name, ()) if conversion else ()
            self._fields[name] = field = _field(help, choices)
            self._form.insertRow(self._form.rowCount() - 1, _title(name), field)

    def _browse(self) -> None:
        form, _, suffix = self._targets[self.formats.currentIndex()]
        name, _ = QFileDialog.getSaveFileName(self, "Save as", self.path.text(), f"{form.name} (*{suffix})")
        if name:
            self.path.setText(name if name.lower().endswith(suffix) else name + suffix)


def _title(option: str) -> str:
    """An option for people: "Position bits", "SH bits"."""
    return option.replace("_", " ").capitalize().replace("Sh ", "SH ")


def _about_drag(asset: Asset, target: str) -> str:
    """What becomes of the drag of an asset in a file."""
    if asset.warp is None:
        return ""
    if deformable(asset).is_field and target == asset.kind:
        return "The drag stays a layer, which can be changed when the file is open again."
    return "The dragged shape is the shape in the file; the handles are not."


def _conversion(source: str, target: str) -> Conversion | None:
    """The conversion that leads from one kind to another."""
    return next((entry for entry in conversions() if (entry.source, entry.target) == (source, target)), None)


def _field(help: str, choices: tuple[str, ...]) -> QLineEdit | QComboBox:
    """A field for an option; left as it is, it says nothing."""
    if not choices:
        return QLineEdit(placeholderText=help, toolTip=help)
    box = QComboBox(toolTip=help)
    for choice in choices:
        box.addItem(choice.capitalize(), choice)
    return box


def _text(field: QLineEdit | QComboBox) -> str:
    return field.text().strip() if isinstance(field, QLineEdit) else field.currentData()


def _file_name(asset: Asset) -> str:
    """A file name that every system takes."""
    return "".join("_" if letter in '<>:"/\\|?*' or ord(letter) < 32 else letter for letter in asset.name)
