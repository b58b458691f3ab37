"""The files that were open lately, each with a small picture of how it looked."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from assets.signal import Signal

from .settings import read_json, write_json


@dataclass(frozen=True)
class RecentFile:
    """A file, the kinds of its assets ("mesh, points") and where its picture lies (perhaps not yet)."""

    path: Path
    kind: str
    thumbnail: Path


class RecentFiles:
    """The list, newest first, kept in `folder`. `changed()` is emitted when it is another one."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._file = folder / "recent.json"
        self._pictures = folder / "thumbnails"
        self.limit = limit
        self.changed = Signal()
        kept = read_json(self._file).get("files")
        rows = kept if isinstance(kept, list) else []
        self._rows = [(row[0], row[1]) for row in rows if self._sound(row)]

    def existing(self) -> list[RecentFile]:
        """Those that are still there."""
        files = [RecentFile(Path(path), kind, self.thumbnail(Path(path))) for path, kind in self._rows[: self.limit]]
        return [entry for entry in files if entry.path.exists()]

    def note(self, path: Path, kind: str) -> None:
        """Puts a file first."""
        path = path.absolute()
        self._rows = [(str(path), kind), *(row for row in self._rows if row[0] != str(path))]
        self._store()

    def clear(self) -> None:
        """Forgets all, with their pictures."""
        for path, _ in self._rows:
            with contextlib.suppress(OSError):
                self.thumbnail(Path(path)).unlink(missing_ok=True)
        self._rows = []
        self._store()

    def thumbnail(self, path: Path) -> Path:
        """Where the picture of a file lies."""
        name = hashlib.sha256(str(path.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:24]
        return self._pictures / f"{name}.png"

    def _store(self) -> None:
        for path, _ in self._rows[self.limit :]:
            with contextlib.suppress(OSError):
                self.thumbnail(Path(path)).unlink(missing_ok=True)
        self._rows = self._rows[: self.limit]
        write_json(self._file, {"files": [list(row) for row in self._rows]})
        self.changed.emit()

    @staticmethod
    def _sound(row: object) -> bool:
        return isinstance(row, list) and len(row) == 2 and all(isinstance(value, str) and value for value in row)
