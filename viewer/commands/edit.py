"""Commands on the history: back, forth, and what was dragged."""

from __future__ import annotations

from typing import Any

from assets.edits.warps import WarpEdit

from ..wording import in_sentence


def undo(window: Any) -> None:
    """Takes back what the hand is at with the drag tool, or else the last change."""
    if window.dragging.interrupt():
        window.say("Undone")
    else:
        # The newest change may still be solved for the first time.
        window.dragging.changes.when_entered(lambda: _take_back(window))


def _take_back(window: Any) -> None:
    edit = window.session.history.next_undo
    if edit is not None and window.session.undo():
        window.say(f"Undone: {in_sentence(edit.name)}")


def redo(window: Any) -> None:
    """Makes the change again that was taken back last."""
    window.dragging.interrupt()
    edit = window.session.history.next_redo
    if edit is not None and window.session.redo():
        window.say(f"Done again: {in_sentence(edit.name)}")


def toggle_history(window: Any) -> None:
    """Opens the drawer with the history, or closes it."""
    dock = window.docks["history"]
    if dock.isHidden():
        window.panel("history")
    else:
        dock.hide()


def open_drag(window: Any, edit: WarpEdit) -> None:
    """Takes the drag of an entry into the hand again, with its handles."""
    if edit.asset in window.session.scene:
        window.activate_tool(next(tool for tool in window.tools if tool.id == "drag"))
        window.dragging.reopen(edit.asset, edit.drag)
