"""Commands of the View and Window menus, and the camera in the clipboard."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtGui import QGuiApplication

from renderers.camera import Camera


def frame_all(window: Any) -> None:
    """Brings everything visible into the picture."""
    window.navigator.frame(window.session.scene.seen_bounds(), window.viewport.pixel_size)


def frame_active(window: Any) -> None:
    """Brings the active asset into the picture."""
    window.navigator.frame(window.session.scene.active.seen_bounds(), window.viewport.pixel_size)


def look_along(window: Any, name: str) -> None:
    """An axis view."""
    window.navigator.look_along(name)


def toggle_orthographic(window: Any) -> None:
    """Switches the projection."""
    window.navigator.set_orthographic(not window.navigator.orthographic)


def set_up(window: Any, axis: str) -> None:
    """Turns the view so that another axis points up."""
    window.navigator.set_up(axis)
    window.viewport.refresh()


def set_background(window: Any, name: str) -> None:
    """Sets and remembers the background."""
    window.settings.set("background", name)


def toggle_theme(window: Any) -> None:
    """Dark and light."""
    window.settings.set("theme", "dark" if window.settings.values.theme == "light" else "light")


def hide_cursor(window: Any) -> None:
    """Puts the 3D cursor away."""
    window.session.cursor.set(None)


def copy_camera(window: Any) -> None:
    """Puts the camera into the clipboard, as the JSON that the command line takes."""
    camera = window.navigator.camera(window.viewport.width(), window.viewport.height())
    QGuiApplication.clipboard().setText(json.dumps(camera.to_json(), indent=1))
    window.say("Camera copied as JSON")


def paste_camera(window: Any) -> None:
    """Looks through the camera in the clipboard."""
    try:
        form = json.loads(QGuiApplication.clipboard().text())
        if not isinstance(form, dict):
            raise ValueError("it is not a JSON object")
        window.navigator.set_camera(Camera.from_json(form))
    except (ValueError, TypeError, KeyError) as error:
        window.stage.errors.add(f"The clipboard holds no camera: {error}.")


def toggle_interface(window: Any) -> None:
    """Hides everything around the viewport, and brings it back."""
    window.hide_interface(not window.interface_hidden)


def toggle_panel(window: Any, name: str) -> None:
    """Opens a panel in front of others, or closes it."""
    if window.docks[name].isHidden():
        window.panel(name)
    else:
        window.docks[name].hide()


def toggle_full_screen(window: Any) -> None:
    """Fills the screen, or stops it."""
    if window.isFullScreen():
        window.showNormal()
    else:
        window.showFullScreen()


def reset_layout(window: Any) -> None:
    """Puts all panels back to where they were at the first start."""
    window.reset_layout()
