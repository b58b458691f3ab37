"""Archives from anywhere: what they would unpack to is looked at before anything is unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import BadFile

MAX_UNPACKED_BYTES = 2 << 30
_MAX_RATIO, _RATIO_FROM = 250, 16 << 20


def check_unpacked(path: Path, members: Iterable[zipfile.ZipInfo]) -> None:
    """Raises BadFile where the members of the archive at `path` would unpack to more than one can believe.

    Python's reader stops at the size that a member declares, so declared sizes are all that has to be looked at.
    """
    total = 0
    for info in members:
        total += info.file_size
        bomb = info.file_size > _RATIO_FROM and info.file_size > _MAX_RATIO * max(info.compress_size, 1)
        if bomb or total > MAX_UNPACKED_BYTES:
            raise BadFile(path, f"would unpack to {total >> 20} MiB, which is not believable")
