"""Streamed SOG, as PlayCanvas' viewers load large scenes: a lod-meta.json, and SOGs of parts of it in several levels.

A tree of boxes says where in which SOG each level of a box lies. One level is read, the finest by default, and becomes
one asset as it was before it was split; an environment, which every level shows, becomes a second one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..asset import Asset
from ..errors import BadFile, BadInput
from ..files.folders import FolderLayout, newest
from ..gaussians import Gaussians
from ..progress import Job, stage
from ..splats.plain import received
from ..splats.room import check_room
from ..splats.rows import ARRAYS, joined
from ..splats.sog_decoding import decode, name_of
from ..splats.sog_files import LARGEST_JSON, inside_folder, open_files, read_json, read_within
from ..splats.sog_meta import MOST_SPLATS
from . import Format, ReadOptions

_PARTS = (b'"lodLevels"', b'"filenames"')
_MOST_NODES = 4_000_000


@dataclass(frozen=True)
class _Slice:
    """Splats offset … offset + count of a file, by its number in the list of names."""

    file: int
    offset: int
    count: int


def sniff(path: Path, head: bytes) -> int:
    """How sure it is that this is a lod-meta.json: by its fields."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return 0
    if all(part in head for part in _PARTS):
        return 95
    return 60 if path.name.lower() == "lod-meta.json" else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads one level. Raises BadFile, and BadInput for a level that is not there."""
    meta = read_json(path, read_within(path, path, LARGEST_JSON))
    names = meta.get("filenames")
    if not isinstance(names, list):
        raise BadFile(path, "is damaged: it lists no filenames")
    levels = _slices(path, meta.get("tree"), len(names))
    environment = meta.get("environment")
    if not levels:
        raise BadFile(path, "holds no level of any part of a scene")
    level = min(levels) if options.lod is None else options.lod
    if level not in levels:
        there = ", ".join(map(str, sorted(levels)))
        raise BadInput(f"{path}: has no level {level}; there are {there} (0 is the finest).")
    share = 0.7 if environment else 1.0
    pieces = yield from stage(_pieces(path, names, levels[level]), 0.0, 0.8 * share)
    splats = joined(name_of(path), pieces)
    splats.provenance.format = "streamed SOG"
    splats.provenance.level, splats.provenance.levels = level, tuple(sorted(levels))
    splats.provenance.declared["level"] = f"{level} of {', '.join(map(str, sorted(levels)))}"
    assets = yield from stage(received(path, splats), 0.8 * share, share)
    if environment:
        assets += yield from stage(_environment(path, environment), share, 1.0)
    return assets


def _slices(path: Path, tree: Any, files: int) -> dict[int, list[_Slice]]:
    """Where the splats of each level lie, in the order of the files. The tree is walked without recursion, as it may
    be deeper than Python goes."""
    levels: dict[int, list[_Slice]] = {}
    waiting, seen = [tree], 0
    while waiting:
        node, seen = waiting.pop(), seen + 1
        if not isinstance(node, dict) or seen > _MOST_NODES:
            raise BadFile(path, "is damaged: its tree is made of no nodes, or of too many")
        children, lods = node.get("children") or [], node.get("lods") or {}
        if not isinstance(children, list) or not isinstance(lods, dict):
            raise BadFile(path, "is damaged: a node of its tree has neither children nor levels")
        waiting += children
        for key, place in lods.items():
            if not key.isdecimal() or len(key) > 3 or not isinstance(place, dict):
                raise BadFile(path, f"is damaged: {key[:20]!r} is no level of a node of its tree")
            piece = _Slice(*(_whole(path, place, name) for name in ("file", "offset", "count")))
            if piece.file >= files:
                raise BadFile(path, f"is damaged: its tree points at file {piece.file} of {files}")
            if piece.count:
                levels.setdefault(int(key), []).append(piece)
    return {level: sorted(pieces, key=lambda piece: (piece.file, piece.offset)) for level, pieces in levels.items()}


def _whole(path: Path, place: dict[str, Any], name: str) -> int:
    value = place.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_SPLATS:
        raise BadFile(path, f"is damaged: {name} of a level in its tree is no whole number up to {MOST_SPLATS:,}")
    return value


def _pieces(path: Path, names: list[Any], slices: list[_Slice]) -> Job[list[Gaussians]]:
    """The splats of a level, from one file after the other."""
    by_file: dict[int, list[_Slice]] = {}
    for piece in slices:
        by_file.setdefault(piece.file, []).append(piece)
    total = sum(piece.count for piece in slices)
    if total > MOST_SPLATS:
        raise BadFile(path, f"says {total:,} splats in one level, which is too many")
    files = {number: inside_folder(path, names[number]) for number in by_file}
    if len(set(files.values())) < len(files):
        raise BadFile(path, "is damaged: it lists a file twice")
    _check_total(path, total, files.values())
    pieces, done = [], 0
    for number, wanted in by_file.items():
        count = sum(piece.count for piece in wanted)
        splats = yield from stage(_decoded(path, files[number]), done / total, (done + count) / total)
        end = 0
        for piece in wanted:
            # What overlaps would be there twice, and could be there a million times.
            if piece.offset < end or piece.offset + piece.count > len(splats):
                name = str(names[number])[:60]
                raise BadFile(path, f"is damaged: its tree points outside of {name!r}, or twice to the same part")
            end = piece.offset + piece.count
        pieces.append(splats if count == len(splats) else _picked(splats, wanted))
        done += count
    return pieces


def _check_total(path: Path, splats: int, files: Iterable[Path]) -> None:
    """Raises BadFile where all files of a level together, each small enough, would fill memory."""
    try:
        # The pictures of a .json lie beside it.
        there = {one for file in files for one in (file.parent.iterdir() if file.suffix == ".json" else (file,))}
        check_room(path, splats, 0, sum(one.stat().st_size for one in there))
    except OSError as error:
        raise BadFile(path, f"names files that cannot be read ({error.strerror or error})") from error


def _decoded(path: Path, file: Path) -> Job[Gaussians]:
    """The splats of one of the files of the scene at `path`."""
    files = open_files(file)
    try:
        return (yield from decode(files, name_of(path)))
    finally:
        files.close()


def _picked(splats: Gaussians, wanted: list[_Slice]) -> Gaussians:
    """Only these slices."""
    rows = np.concatenate([np.arange(piece.offset, piece.offset + piece.count) for piece in wanted])
    for name in ARRAYS:
        setattr(splats, name, getattr(splats, name)[rows])
    return splats


def _environment(path: Path, name: Any) -> Job[list[Asset]]:
    """What lies around the scene, as an asset of its own."""
    splats = yield from stage(_decoded(path, inside_folder(path, name)), 0.0, 0.7)
    splats.name = f"{splats.name} environment"
    return (yield from stage(received(path, splats), 0.7, 1.0))


FORMAT = Format(
    name="Streamed SOG (lod-meta.json)",
    extensions=(".json",),
    kinds=("gaussians",),
    sniff=sniff,
    load=load,
    folders=(FolderLayout("the lod-meta.json of a streamed SOG", newest("lod-meta.json"), precedence=0),),
)
