"""The files of a SOG (PlayCanvas' Spatially Ordered Gaussians): a meta.json and pictures, in a folder or in one ZIP.

Names come from the file and are never trusted: what they mean is looked up in the archive, or in and below the folder.
Sizes are checked before anything is unpacked or decoded.
"""

from __future__ import annotations

import json
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from ..errors import BadFile
from ..files.archives import check_unpacked, read_member
from ..files.images import BadPicture, decode_image

META = "meta.json"
LARGEST_JSON = 32 << 20
"""Bytes of text: the tree of the largest streamed scenes takes a few MiB."""

_LARGEST_PICTURE = 2 << 30
_SPARE_PIXELS = 65536
"""Pixels without a splat that a picture may have, beside four times those with one."""

_PNG, _WEBP_WITHOUT_LOSS = b"\x89PNG\r\n\x1a\n", b"VP8L"
_WHERE_KINDS_STAND = 65536


class SogFiles(ABC):
    """Reads the files that belong to the SOG at `path`. Raises BadFile where one is missing, outside or damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lossy: list[str] = []
        """Pictures whose compression loses something, which they must not."""

    @abstractmethod
    def read(self, name: str, most: int) -> bytes:
        """The bytes of the file called `name`, if there are at most `most`."""

    @abstractmethod
    def meta(self) -> dict[str, Any]:
        """What meta.json holds."""

    def close(self) -> None:  # noqa: B027 - a folder has nothing to close
        """Lets go of the file."""

    @abstractmethod
    def packed_bytes(self, names: tuple[str, ...]) -> int:
        """How many bytes the files called `names` take as they lie there, each counted once."""

    def picture(self, name: Any, count: int) -> np.ndarray:
        """The first `count` pixels (count,4) u8 of the picture called `name`, row by row from the top left."""
        image = self.image(name, 4 * count + _SPARE_PIXELS)
        pixels = image.reshape(-1, 4)
        if len(pixels) < count:
            raise BadFile(self.path, f"has {len(pixels):,} pixels in {_shown(name)} for {count:,} splats")
        return pixels[:count]

    def image(self, name: Any, most_pixels: int) -> np.ndarray:
        """The picture called `name`, (H,W,4) u8."""
        if not isinstance(name, str):
            raise BadFile(self.path, f"names {_shown(name)} where the name of a picture belongs")
        data = self.read(name, _LARGEST_PICTURE)
        if data.startswith(b"version https://git-lfs"):
            raise BadFile(self.path, f"has Git LFS pointers such as {_shown(name)} for pictures; run 'git lfs pull'")
        webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
        if not webp and not data.startswith(_PNG):
            raise BadFile(self.path, f"has a picture {_shown(name)} that is neither WebP nor PNG")
        if webp and _WEBP_WITHOUT_LOSS not in data[:_WHERE_KINDS_STAND]:
            self.lossy.append(name)
        try:
            return decode_image(data, most_pixels)
        except BadPicture as error:
            raise BadFile(self.path, f"has a picture {_shown(name)} that {error}") from error


class SogFolder(SogFiles):
    """A SOG as loose files: `path` is its .json, and the others lie beside it or below."""

    def meta(self) -> dict[str, Any]:
        return read_json(self.path, read_within(self.path, self.path, LARGEST_JSON))

    def read(self, name: str, most: int) -> bytes:
        return read_within(self.path, inside_folder(self.path, name), most)

    def packed_bytes(self, names: tuple[str, ...]) -> int:
        try:
            return sum(file.stat().st_size for file in {inside_folder(self.path, name) for name in names})
        except OSError as error:
            raise BadFile(self.path, f"needs files that cannot be read ({error.strerror or error})") from error


class SogBundle(SogFiles):
    """A SOG as one ZIP: `path` is the archive. A folder around all of it is tolerated."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self.archive = zipfile.ZipFile(path)
            check_unpacked(path, self.archive.infolist())
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise BadFile(path, "is a damaged or incomplete archive") from error
        except BadFile:
            self.archive.close()
            raise
        found = [name for name in self.archive.namelist() if PurePosixPath(name).name == META]
        if not found:
            self.close()
            raise BadFile(path, "is an archive without a meta.json, so not a SOG")
        self.place = min(found, key=len)

    def meta(self) -> dict[str, Any]:
        return read_json(self.path, self._member(self.place, LARGEST_JSON))

    def read(self, name: str, most: int) -> bytes:
        return self._member(self.place.removesuffix(META) + name, most)

    def packed_bytes(self, names: tuple[str, ...]) -> int:
        # Sizes that members declare may be anything; that of the file is not.
        return self.path.stat().st_size

    def _member(self, name: str, most: int) -> bytes:
        try:
            info = self.archive.getinfo(name)
        except KeyError as error:
            raise BadFile(self.path, f"lacks {_shown(name)}") from error
        if info.file_size > most:
            raise BadFile(self.path, f"holds a {_shown(name)} of {info.file_size >> 20} MiB, which is too large")
        try:
            return read_member(self.archive, info)
        except Exception as error:  # zipfile and its decompressors raise many kinds on damaged bytes
            raise BadFile(self.path, f"has a damaged {_shown(name)}") from error

    def close(self) -> None:
        self.archive.close()


def open_files(path: Path) -> SogFiles:
    """The files of the SOG at `path`, an archive or the .json of a folder. Raises BadFile; to be closed."""
    with path.open("rb") as file:
        start = file.read(2)
    return SogBundle(path) if start == b"PK" else SogFolder(path)


def inside_folder(path: Path, name: Any) -> Path:
    """The file called `name` in or below the folder of `path`. Raises BadFile where it is missing or outside."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise BadFile(path, f"names {_shown(name)} where the name of a file belongs")
    relative = PurePosixPath(name.replace("\\", "/"))
    root = path.parent.resolve()
    try:
        inside = (root / relative).resolve()
        outside = relative.is_absolute() or PureWindowsPath(name).drive or ".." in relative.parts
        if outside or not inside.is_relative_to(root):
            raise BadFile(path, f"names {_shown(name)}, which lies outside its folder")
        if not inside.is_file():
            raise BadFile(path, f"needs {_shown(name)}, which is missing beside it")
    except (OSError, ValueError, RuntimeError) as error:
        raise BadFile(path, f"needs {_shown(name)}, which cannot be read") from error
    return inside


def read_within(path: Path, inside: Path, most: int) -> bytes:
    """The bytes of the file `inside`, which the SOG at `path` needs. Raises BadFile where there are more than `most`
    or it cannot be read."""
    try:
        size = inside.stat().st_size
        if size > most:
            raise BadFile(path, f"needs {inside.name}, which is too large ({size >> 20} MiB)")
        return inside.read_bytes()
    except OSError as error:
        raise BadFile(path, f"needs {inside.name}, which cannot be read ({error.strerror or error})") from error


def read_json(path: Path, data: bytes) -> dict[str, Any]:
    """The object in a JSON text. Raises BadFile where it is none."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadFile(path, "is damaged: its description is no JSON") from error
    if not isinstance(value, dict):
        raise BadFile(path, "is damaged: its description is no JSON object")
    return value


def _shown(name: Any) -> str:
    """A name from a file, for a sentence."""
    return repr(name)[:60]
