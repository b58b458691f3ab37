"""Commands of the File menu."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication, QFileDialog

from assets.formats import ReadOptions


def open_files(window: Any) -> None:
    """Asks for files and opens them."""
    names, _ = QFileDialog.getOpenFileNames(window, "Open", window.last_folder(), _filters())
    if names:
        window.open_paths(names)


def open_folder(window: Any) -> None:
    """Asks for a folder and opens what is in it."""
    name = QFileDialog.getExistingDirectory(window, "Open folder", window.last_folder())
    if name:
        window.open_paths([name])


def open_with_decoder(window: Any) -> None:
    """Asks for planes, then for the file with their decoder."""
    planes, _ = QFileDialog.getOpenFileName(window, "Planes", window.last_folder(), "All files (*)")
    if not planes:
        return
    folder = str(Path(planes).parent)
    weights, _ = QFileDialog.getOpenFileName(window, f"Decoder of {Path(planes).name}", folder, "All files (*)")
    if weights:
        window.open_paths([planes], ReadOptions(decoder=Path(weights)))


def choose_decoder(window: Any) -> None:
    """Asks for the decoder of the active planes and reads it."""
    asset = window.session.scene.active
    path = asset.provenance.path
    folder = str(path.parent) if path is not None else window.last_folder()
    weights, _ = QFileDialog.getOpenFileName(window, f"Decoder of {asset.name}", folder, "All files (*)")
    if weights:
        window.decoders.give(Path(weights))


def fill_recent_menu(window: Any) -> None:
    """Shows the files of the submenu "Open recent" as a menu at the pointer, for the palette."""
    from PySide6.QtGui import QCursor

    window.recent_menu.popup(QCursor.pos())


def save_as(window: Any) -> None:
    """Asks how and where to save the active asset."""
    from ..dialogs.export import ExportDialog

    asset = window.session.scene.active
    dialog = ExportDialog(window, asset, Path(window.last_folder() or Path.home()))
    if dialog.exec() == ExportDialog.DialogCode.Accepted:
        path, target, options, conversion_options = dialog.chosen()
        if not path.exists() or window.confirm(f"{path.name} exists. Replace it?", "Replace"):
            window.session.save(asset, path, target, options, conversion_options)


def save_screenshot(window: Any) -> None:
    """Asks for a file and saves what the viewport shows, in device pixels and without the controls."""
    suggested = str(Path(window.last_folder() or Path.home()) / f"{window.scene_name()}.png")
    name, _ = QFileDialog.getSaveFileName(window, "Screenshot", suggested, "PNG (*.png);;JPEG (*.jpg)")
    if not name:
        return
    if not Path(name).suffix:
        name += ".png"
    # Not before: while the camera moves, splats are left out, and the dialog gives time for the rest.
    if window.viewport.picture().save(name):
        window.say(f"Saved {Path(name).name}")
    else:
        window.stage.errors.add(f"{name}: cannot be written.")


def leave(window: Any) -> None:
    """Closes the window, and with it the program."""
    if window.close():
        QApplication.closeAllWindows()


def _filters() -> str:
    """What the file dialog offers: all that we read, then each format."""
    from assets.formats import formats

    readers = [entry for entry in formats() if entry.load]
    every = sorted({f"*{suffix}" for entry in readers for suffix in entry.extensions})
    rows = [f"All that Triptych reads ({' '.join(every)})"]
    rows += [f"{entry.name} ({' '.join('*' + suffix for suffix in entry.extensions)})" for entry in readers]
    return ";;".join([*rows, "All files (*)"])
