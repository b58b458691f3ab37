"""Archives from anywhere: what they would unpack to is looked at before anything is unpacked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import BadFile

MAX_UNPACKED_BYTES = 2 << 30
_MAX_RATIO, _RATIO_FROM = 250, 16 << 20
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways to pack whose unpacking Python can stop at a size; no exporter uses another one."""


def check_unpacked(path: Path, members: Iterable[zipfile.ZipInfo]) -> None:
    """Raises BadFile where the members of the archive at `path` would unpack to more than one can believe, by the sizes
    that they declare, which `read_member` holds them to."""
    total = 0
    for info in members:
        check_packing(path, info)
        total += info.file_size
        bomb = info.file_size > _RATIO_FROM and info.file_size > _MAX_RATIO * max(info.compress_size, 1)
        if bomb or total > MAX_UNPACKED_BYTES:
            raise BadFile(path, f"would unpack to {total >> 20} MiB, which is not believable")


def check_packing(path: Path, info: zipfile.ZipInfo) -> None:
    """Raises BadFile where a member of the archive at `path` is packed in a way whose unpacking cannot be bounded."""
    if info.compress_type not in _BOUNDED:
        raise BadFile(path, f"packs {info.filename[:60]!r} in a way that such archives never use")


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """What a member unpacks to. It may declare less than it holds, and `ZipFile.read` would unpack all of that before
    it looks; what goes beyond is left packed here. Raises whatever `zipfile` does at damage."""
    with archive.open(info) as file:
        return file.read(info.file_size)


def unpacked(archive: zipfile.ZipFile) -> io.BytesIO:
    """An archive of the same members with nothing packed, for readers of other people, which unpack as much as there
    is. Raises whatever `zipfile` does at damage."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as copy:
        for name in dict.fromkeys(archive.namelist()):
            copy.writestr(name, read_member(archive, archive.getinfo(name)))
    out.seek(0)
    return out
