"""Commands on the assets that are open."""

from __future__ import annotations

from typing import Any


def remove_active(window: Any) -> None:
    """Closes the active asset."""
    window.session.remove(window.session.scene.active)


def remove_all(window: Any) -> None:
    """Closes everything."""
    window.session.clear()


def rename_active(window: Any) -> None:
    """Opens the field for the name in the scene list."""
    window.panel("scene").list.edit_name(window.session.scene.active)


def toggle_active(window: Any) -> None:
    """Shows or hides the active asset."""
    asset = window.session.scene.active
    window.session.set_visible(asset, not asset.visible)


def show_only_active(window: Any) -> None:
    """Hides every other asset."""
    window.session.show_only(window.session.scene.active)


def show_all(window: Any) -> None:
    """Shows every asset."""
    window.session.show_all()


def activate_next(window: Any, step: int) -> None:
    """Makes the next asset in the list the active one."""
    assets = list(window.session.scene)
    active = window.session.scene.active
    place = assets.index(active) + step if active is not None else 0
    window.session.activate(assets[place % len(assets)])


def leave_tool(window: Any) -> None:
    """Backs out: of what the tool is at, then of the messages, of what was picked, of what is lit up, then of the tool.
    Never closes anything else."""
    if window.active_tool.cancel(window):
        return
    if window.stage.errors.messages:
        window.stage.errors.dismiss()
    elif not window.stage.picked.put_away() and not window.splats.clear_lit():
        window.activate_tool(window.tools[0])
