"""Numbered files of splats that are the frames of one scene: walk0001.ply, walk0002.ply, …, also .compressed.ply."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .folders import Contents, FolderLayout
from .ply import looks_compressed, looks_like_gaussians, sniff_header

_NAME = re.compile(r"(.*?)(\d+)((?:\.compressed)?\.ply)", re.IGNORECASE | re.DOTALL)
_HEAD_BYTES = 65536

Frames = tuple[Path, ...]


def gathered(paths: Iterable[str | Path]) -> list[tuple[Path, Frames]]:
    """What is to be opened for `paths`, in their order: each path alone, with no frames, but the files of one series
    together, with the frames in the order of their numbers. Where they are all that their folder has of it, the path is
    the folder."""
    paths = [Path(path) for path in paths]
    opened: dict[Path, tuple[Path, Frames]] = {}
    for frames in _series(paths).values():
        folder = frames[0].parent
        opened |= dict.fromkeys(frames, (folder if series_in(folder) == frames else frames[0], frames))
    result: list[tuple[Path, Frames]] = []
    for path in paths:
        entry = opened.get(path, (path, ()))
        if path not in opened or entry not in result:
            result.append(entry)
    return result


def series_in(folder: Path) -> Frames:
    """The longest series of splats in a folder, in the order of its numbers; () where there is none, or no folder."""
    try:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        paths = []
    return max(_series(paths).values(), key=len, default=())


def series_name(frames: Frames) -> str:
    """What the frames have in common: the beginning of their names, or the name of their folder."""
    found = _NAME.fullmatch(frames[0].name)
    return (found[1].rstrip(" _-.") if found else "") or frames[0].absolute().parent.name or "sequence"


def _found(folder: Path) -> Contents | None:
    frames = series_in(folder)
    return Contents(folder, frames=frames) if frames else None


SERIES = FolderLayout("numbered .ply files of splats", _found, precedence=2)


def _series(paths: Iterable[Path]) -> dict[tuple[Path, str, str], Frames]:
    """Series of at least two files of splats, by folder and by what stands before and behind the number."""
    groups: dict[tuple[Path, str, str], dict[int, Path]] = {}
    for path in paths:
        found = _NAME.fullmatch(path.name)
        if found:
            key = (path.parent, found[1], found[3].lower())
            groups.setdefault(key, {}).setdefault(int(found[2]), path)
    whole = {key: tuple(path for _, path in sorted(group.items())) for key, group in groups.items()}
    # The first file answers for all, so that a folder of thousands is looked through at once.
    return {key: frames for key, frames in whole.items() if len(frames) > 1 and _holds_splats(frames[0])}


def _holds_splats(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe would be waited for without end
            return False
        with path.open("rb") as file:
            header = sniff_header(file.read(_HEAD_BYTES))
    except OSError:
        return False
    return header is not None and (looks_like_gaussians(header) or looks_compressed(header))
