"""The errors that a user sees. Their text is one plain sentence; the window and the command line show the same one."""

from __future__ import annotations

from pathlib import Path


class TriptychError(Exception):
    """Something could not be done. The command line exits with `exit_code`."""

    exit_code = 1


class BadInput(TriptychError):
    """What the user gave (a file, an option, a value) is wrong. Exit code 2."""

    exit_code = 2


class BadFile(BadInput):
    """A file is not what it claims to be, is damaged, or cannot be opened.

    `what` completes the sentence "FILE …", in lower case and without the full stop: "ends after 12 of 40 vertices".
    """

    def __init__(self, path: str | Path, what: str) -> None:
        super().__init__(f"{path}: {what}.")
        self.path = Path(path)
        self.what = what

    def __reduce__(self):
        return (BadFile, (self.path, self.what))


class Cancelled(TriptychError):
    """A job was stopped by the user."""
