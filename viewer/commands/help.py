"""Commands that open dialogs about the program itself."""

from __future__ import annotations

from typing import Any


def show_palette(window: Any) -> None:
    """Opens the command palette."""
    from ..dialogs.palette import PaletteDialog

    window.show_dialog(PaletteDialog(window))


def show_shortcuts(window: Any) -> None:
    """Opens the cheat sheet."""
    from ..dialogs.shortcuts import ShortcutsDialog

    window.show_dialog(ShortcutsDialog(window))


def show_preferences(window: Any) -> None:
    """Opens the settings."""
    from ..dialogs.preferences import PreferencesDialog

    window.show_dialog(PreferencesDialog(window))


def show_about(window: Any) -> None:
    """Opens the window with the versions."""
    from ..dialogs.about import AboutDialog

    window.show_dialog(AboutDialog(window))
