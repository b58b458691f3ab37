"""The files that a mesh file names: materials, buffers, pictures. They must lie in its own folder or below it."""

from __future__ import annotations

import base64
import binascii
import urllib.parse
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

import numpy as np

from .images import MAX_TOTAL_PIXELS, BadPicture, decode_image

MAX_COMPANION_BYTES = 4 << 30


class Companions:
    """Reads the companions of the file at `path`. What is missing, outside or damaged is told to `warn`, not raised."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.folder = Path(path).parent
        self.warn = warn
        self._pixels_left = MAX_TOTAL_PIXELS
        self._pictures: dict[object, np.ndarray | None] = {}

    def locate(self, name: str) -> Path | None:
        """The file called `name` in or below the folder; None, with a warning, where there is none."""
        # Files from Windows write backslashes and drives; only what is relative can be inside.
        clean = name.strip().strip('"').replace("\\", "/")
        shown = clean[:80]
        if not clean or "\0" in clean or "://" in clean:
            self.warn(f"{shown!r} is no file beside this one and was ignored.")
            return None
        candidate = Path(PureWindowsPath(clean).as_posix())
        root = self.folder.resolve()
        try:
            if candidate.is_absolute() or PureWindowsPath(clean).drive:
                # Exporters often write the author's own path; a file of that name may lie here all the same.
                inside = (root / candidate.name).resolve()
                outside = not inside.is_file()
            else:
                inside = (root / candidate).resolve()
                outside = False
            if outside or not inside.is_relative_to(root):
                self.warn(f"{shown!r} lies outside the file's folder and was ignored.")
            elif inside.is_file():
                return inside
            else:
                self.warn(f"{shown!r} is missing beside the file.")
        except (OSError, ValueError, RuntimeError):
            self.warn(f"{shown!r} cannot be read.")
        return None

    def read(self, uri: str) -> bytes | None:
        """The bytes behind a relative file name, percent-encoded or not, or a `data:` URI; None with a warning."""
        if uri.startswith("data:"):
            return self._decoded(uri)
        quoted = "%" in uri and not (self.folder / uri).is_file()
        path = self.locate(urllib.parse.unquote(uri) if quoted else uri)
        if path is None:
            return None
        try:
            if path.stat().st_size > MAX_COMPANION_BYTES:
                self.warn(f"{path.name!r} is too large and was ignored.")
                return None
            return path.read_bytes()
        except OSError as error:
            self.warn(f"{path.name!r} cannot be read ({error.strerror or error}).")
            return None

    def picture(self, key: object, data: bytes | None, name: str) -> np.ndarray | None:
        """The decoded picture (H,W,4) u8 in `data`, each `key` only once; None, with a warning, where it is none."""
        if key not in self._pictures:
            self._pictures[key] = self._decode(data, name) if data is not None else None
        return self._pictures[key]

    def picture_at(self, name: str) -> np.ndarray | None:
        """The picture in the file called `name`, or None with a warning."""
        if name not in self._pictures:
            self.picture(name, self.read(name), name)
        return self._pictures[name]

    def _decode(self, data: bytes, name: str) -> np.ndarray | None:
        try:
            image = decode_image(data, self._pixels_left)
        except BadPicture as error:
            self.warn(f"The texture {name[:80]!r} {error} and was ignored.")
            return None
        self._pixels_left -= image.shape[0] * image.shape[1]
        return image

    def _decoded(self, uri: str) -> bytes | None:
        head, _, payload = uri.partition(",")
        try:
            if head.endswith(";base64"):
                return base64.b64decode(urllib.parse.unquote(payload) if "%" in payload else payload)
            return urllib.parse.unquote_to_bytes(payload)
        except (binascii.Error, ValueError):
            self.warn("An embedded file is damaged and was ignored.")
            return None
