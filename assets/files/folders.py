"""What programs leave in folders, and which of the files in one is to be opened."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Contents:
    """What is opened of a folder.

    path: the file. name: what its asset is called; "": the reader knows better. further: files that hold the rest of
    the same scene. frames: the files of a numbered series, in which case `path` is the folder.
    """

    path: Path
    name: str = ""
    further: tuple[Path, ...] = ()
    frames: tuple[Path, ...] = ()


@dataclass(frozen=True)
class FolderLayout:
    """How a program leaves its files in a folder.

    holds: what there has to be, for people. find(folder): what is opened, or None; it raises nothing. precedence: where
    several layouts fit, the lowest one wins.
    """

    holds: str
    find: Callable[[Path], Contents | None]
    precedence: int


def newest(*patterns: str, called: str = "") -> Callable[[Path], Contents | None]:
    """The `find` of files at one of `patterns`, paths from the folder, of which the first that fits is taken.

    In a pattern "{n}" stands for a number, of which the largest is meant, and "{part}" for the numbers of files that
    belong together; of names that give the same numbers, as "5" and "05" do, one counts. called: what stands behind the
    name of the folder in that of the asset, with {n} in it.
    """

    def find(folder: Path) -> Contents | None:
        for pattern in patterns:
            number, files = _largest(folder, pattern)
            if files:
                name = f"{folder.resolve().name} {called.format(n=number)}".strip() if called else ""
                return Contents(files[0], name, files[1:])
        return None

    return find


def _largest(folder: Path, pattern: str) -> tuple[int, tuple[Path, ...]]:
    """The largest {n} in a folder and its files in the order of their {part}s, one of each; no files where nothing
    fits."""
    found = [(0, 0, folder)]
    for piece in pattern.split("/"):
        found = [
            (int(numbers.get("n", n)), int(numbers.get("part", part)), path)
            for n, part, parent in found
            for path, numbers in _fitting(parent, piece)
        ]
    # Path's own is_file raises where a folder may not be looked into.
    files = sorted((n, part, path) for n, part, path in found if os.path.isfile(path))  # noqa: PTH113
    if not files:
        return 0, ()
    largest = files[-1][0]
    return largest, tuple({part: path for n, part, path in files if n == largest}.values())


def _fitting(folder: Path, piece: str) -> list[tuple[Path, dict[str, str]]]:
    """The entries of a folder that fit a piece of a pattern, with the numbers that stand in their names."""
    if "{" not in piece:
        return [(folder / piece, {})]
    expression = re.escape(piece).replace(r"\{n\}", r"(?P<n>[0-9]{1,18})").replace(r"\{part\}", r"(?P<part>[0-9]{1,9})")
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    fitting = ((name, re.fullmatch(expression, name)) for name in names)
    return [(folder / name, match.groupdict()) for name, match in fitting if match]
