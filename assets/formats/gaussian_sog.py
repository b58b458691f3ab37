"""SOG, PlayCanvas' Spatially Ordered Gaussians: as one ZIP (.sog), or as a meta.json with its pictures beside it.

Reads version 2 and the older version 1, writes version 2 (`assets.splats.sog_decoding` and `sog_encoding` say how). The
axes stay those of the .ply. How splats are to be drawn is the field `model`; what is up, where it isn't -y, is kept in
`asset.up_axis`, which other readers pass over.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path, PurePosixPath

from ..asset import Asset
from ..files.folders import FolderLayout, newest
from ..gaussians import Gaussians
from ..progress import Job, Progress, stage
from ..splats.linear_light import caveat
from ..splats.plain import received
from ..splats.sog_decoding import decode, name_of
from ..splats.sog_encoding import ROUNDS, encode
from ..splats.sog_files import META, open_files
from . import Format, ReadOptions

_PARTS = (b'"means"', b'"scales"', b'"quats"', b'"sh0"')
_ROUNDS_HELP = f"rounds of k-means for the palette of view-dependent colours (default {ROUNDS})"
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""Of the files in a bundle, so that the same splats give the same bytes."""


def sniff_bundle(path: Path, head: bytes) -> int:
    """How sure it is that this is a SOG in a ZIP: by a meta.json in it."""
    if not head.startswith(b"PK\x03\x04"):
        return 0
    named = path.suffix.lower() == ".sog"
    try:
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name).name for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return 60 if named else 0
    pictures = any(name.startswith("means_l") for name in names)
    return 95 if META in names and (pictures or named) else 60 if named else 0


def sniff_folder(path: Path, head: bytes) -> int:
    """How sure it is that this is the meta.json of a SOG: by the parts that it describes."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return 0
    return 95 if all(part in head for part in _PARTS) else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads splats. Raises BadFile."""
    files = open_files(path)
    try:
        splats = yield from stage(decode(files, name_of(path)), 0.0, 0.8)
    finally:
        files.close()
    return (yield from stage(received(path, splats), 0.8, 1.0))


def save_bundle(asset: Gaussians, path: Path, iterations: int = ROUNDS) -> Job[None]:
    """Writes one file: a ZIP whose members are stored as they are, since pictures don't shrink."""
    encoded = yield from stage(encode(asset, iterations), 0.0, 0.98)
    yield Progress(0.98, 1, f"Writing {path.name}")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {**encoded.pictures, META: json.dumps(encoded.meta).encode()}.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), data)


def save_folder(asset: Gaussians, path: Path, iterations: int = ROUNDS) -> Job[None]:
    """Writes the description to `path` and the pictures beside it, named after it unless it is called meta.json."""
    prefix = "" if path.name.lower() == META else re.sub(r"[^\w.-]", "_", path.stem) + "_"
    encoded = yield from stage(encode(asset, iterations, prefix), 0.0, 0.98)
    yield Progress(0.98, 1, f"Writing {path.name}")
    for name, data in encoded.pictures.items():
        (path.parent / name).write_bytes(data)
    path.write_text(json.dumps(encoded.meta), "utf-8")


FORMAT = (
    Format(
        name="SOG",
        extensions=(".sog",),
        kinds=("gaussians",),
        sniff=sniff_bundle,
        load=load,
        save=save_bundle,
        writes=("gaussians",),
        caveat=caveat,
        options={"iterations": _ROUNDS_HELP},
    ),
    Format(
        name="SOG folder (meta.json)",
        extensions=(".json",),
        kinds=("gaussians",),
        sniff=sniff_folder,
        load=load,
        save=save_folder,
        writes=("gaussians",),
        caveat=caveat,
        options={"iterations": _ROUNDS_HELP},
        folders=(FolderLayout("the meta.json of a SOG", newest(META), precedence=1),),
    ),
)
