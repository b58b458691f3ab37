"""Decoders for planes that came without: which file belongs to which family, as the user said. No Qt.

A decoder that fits is remembered for its family and given to the next planes of that family without a question, as
long as its file is there.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.asset import Asset
from assets.errors import TriptychError
from assets.signal import Signal
from assets.triplane import Triplane

from .settings import read_json, write_json

if TYPE_CHECKING:
    from .session import Session


def lacks_decoder(asset: Asset | None) -> bool:
    """Whether it is planes whose decoder is not known."""
    return isinstance(asset, Triplane) and not asset.has_decoder


class KnownDecoders:
    """The decoder of each family, kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "decoders.json"
        kept = read_json(self._file).get("families")
        rows = kept.items() if isinstance(kept, dict) else ()
        self._paths = {family: path for family, path in rows if isinstance(path, str) and path}

    def of(self, family: str) -> Path | None:
        """The file with the decoder of a family, or None. One that is gone is forgotten."""
        path = self._paths.get(family)
        if path is not None and not Path(path).is_file():
            self.forget(family)
            path = None
        return Path(path) if path else None

    def note(self, family: str, path: Path) -> None:
        """Remembers the file for the family."""
        if family and self._paths.get(family) != str(path.absolute()):
            self._paths[family] = str(path.absolute())
            self._store()

    def forget(self, family: str) -> None:
        """Forgets the file of the family."""
        if self._paths.pop(family, None) is not None:
            self._store()

    def _store(self) -> None:
        write_json(self._file, {"families": self._paths})


class DecoderDesk:
    """Finds decoders for the planes of a session. `changed()` is emitted when there is more or less to ask for,
    `said(text)` when one was found, `settled(sentences)` with what was wrong with others before."""

    def __init__(self, session: Session, known: KnownDecoders) -> None:
        self._session, self.known = session, known
        self.changed = Signal()
        self.said = Signal()
        self.settled = Signal()
        self._refused: list[str] = []
        self._declined: set[int] = set()
        session.opened.connect(self._on_opened)
        session.decoded.connect(self._on_decoded)
        session.scene.activated.connect(self._on_activated)
        session.scene.changed.connect(self._on_asset)

    @property
    def wanting(self) -> Triplane | None:
        """The active asset, if its decoder is to be asked for."""
        asset = self._session.scene.active
        return asset if lacks_decoder(asset) and id(asset) not in self._declined else None

    def decline(self) -> None:
        """Asks no more for the decoder of the active asset."""
        self._declined.add(id(self._session.scene.active))
        self.changed.emit()

    def give(self, path: Path) -> Any:
        """Reads the decoder of the active asset, and of all others from the same file, from `path`."""
        asset = self._session.scene.active
        return self._session.give_decoder(asset, path, on_failure=self._refuse) if lacks_decoder(asset) else None

    def _refuse(self, error: TriptychError, details: str) -> None:
        self._refused.append(str(error))
        self._session.failed.emit(str(error), details)

    def _on_opened(self, _: Path, assets: list[Asset]) -> None:
        lacking = [asset for asset in assets if lacks_decoder(asset)]
        for asset in assets:
            self._declined.discard(id(asset))  # the id of an asset that is gone may come again
        if lacking:
            family = lacking[0].provenance.family
            path = self.known.of(family)
            if path is not None:
                self._session.give_decoder(lacking[0], path, asked=False, on_failure=self._forgets(family, path))
        self.changed.emit()

    def _forgets(self, family: str, path: Path) -> Any:
        def forget(error: TriptychError, details: str) -> None:
            self.known.forget(family)
            self.said.emit(f"{path.name} is not the decoder of these planes: choose another one")
            self.changed.emit()

        return forget

    def _on_decoded(self, asset: Triplane, path: Path, asked: bool) -> None:
        family = asset.provenance.family
        with contextlib.suppress(OSError):
            self.known.note(family, path)
        told = f", and remembered for {family}" if family and asked else ""
        self.said.emit(f"{path.name} is the decoder of {asset.name}{told}")
        self.settled.emit(self._refused)
        self._refused = []
        self.changed.emit()

    def _on_asset(self, _: Asset, part: str) -> None:
        if part == "data":
            self.changed.emit()

    def _on_activated(self, _: Asset | None) -> None:
        self.changed.emit()
