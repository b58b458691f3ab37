"""File formats: one module, one format (or a family of them that share a reader), each declared in a `FORMAT` record.

`open_path` finds the format that recognises a file best, by its first bytes and its suffix, and in a folder the file
that one of the formats looks for there; `save_path` finds the writer by the suffix and the asset's kind. A new format
is one new file here.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..asset import Asset
from ..errors import BadFile, BadInput
from ..files.folders import Contents, FolderLayout
from ..gaussian_sequence import read_sequence
from ..progress import Job, Progress
from ..registry import records

HEAD_BYTES = 65536
"""How much of a file a `sniff` sees: enough for any header of the formats that we know."""


@dataclass(frozen=True)
class ReadOptions:
    """What the user may say about a file beside its name."""

    decoder: Path | None = None
    """A second file that holds the decoder of planes."""
    spz_frame: str | None = None
    """The axes of an .spz that says nothing about them: "rub" (right, up, back: what its specification calls for, and
    what holds where nothing is said here) or "ply" (right, down, front: what many programs write nevertheless; within
    glTF: the numbers are glTF's own)."""
    lod: int | None = None
    """Which level of detail of a scene that has several: 0 is the finest, which is read where nothing is said."""
    frames: tuple[Path, ...] = ()
    """The files of a numbered series that are opened together, as one asset that changes over time."""
    further: tuple[Path, ...] = ()
    """Files that hold the rest of the same splats, as trainers with several graphics cards write them."""


@dataclass(frozen=True)
class Format:
    """A file format.

    `sniff(path, head)` returns how sure it is, 0 (no) … 100 (its magic number is there), from the first bytes of the
    file. It must not read further than it needs, and must not raise. `load(path, options)` is a job that returns the
    assets in the file. `save(asset, path, **options)` is a job that writes `path` (always a fresh file: `save_path`
    renames it over the target). Both raise BadFile or BadInput with one plain sentence.
    """

    name: str
    """For people: "glTF binary"."""
    extensions: tuple[str, ...]
    """With the dot, lower case; the first is the usual one. May have two dots (".compressed.ply")."""
    kinds: tuple[str, ...]
    """Asset kinds that it holds."""
    sniff: Callable[[Path, bytes], int]
    load: Callable[[Path, ReadOptions], Job[list[Asset]]] | None = None
    save: Callable[..., Job[None]] | None = None
    writes: tuple[str, ...] = ()
    """Asset kinds that `save` takes."""
    options: dict[str, str] = field(default_factory=dict)
    """Keyword options of `save`, each with a line of help."""
    caveat: Callable[[Any], str] = lambda _: ""
    """What `save` makes of an asset that it cannot keep as it is, as a sentence for people; nothing where it can."""
    folders: tuple[FolderLayout, ...] = ()
    """What is opened where the user names a folder."""


def formats() -> tuple[Format, ...]:
    """Every known format."""
    return records(__name__, "FORMAT")


def detect(path: Path) -> tuple[Format, bytes]:
    """The format of the file and its first bytes. Raises BadFile where no reader knows it or it cannot be read."""
    head = _head(path)
    readers = [entry for entry in formats() if entry.load]
    scored = [(entry.sniff(path, head), entry) for entry in readers]
    score, best = max(scored, key=lambda pair: pair[0], default=(0, None))
    if score > 0:
        return best, head
    raise BadFile(path, _what_it_is_instead(path, head))


def open_path(path: str | Path, options: ReadOptions | None = None) -> Job[list[Asset]]:
    """Reads the assets in a file, each named and with its provenance. Raises BadFile; the file is never trusted.

    Of a folder, what the formats look for in one is opened; see `contents_of`.
    """
    path, options = Path(path), options or ReadOptions()
    yield Progress(0, 1, f"Opening {path.name}")
    name = ""
    if not options.frames and os.path.isdir(path):  # noqa: PTH112 - Path's raises for a name that is too long
        opened = contents_of(path)
        path, name = opened.path, opened.name
        options = replace(options, frames=opened.frames, further=opened.further)
    form = None if options.frames else detect(path)[0]
    try:
        assets = [(yield from read_sequence(options.frames))] if form is None else (yield from form.load(path, options))
    except MemoryError as error:
        raise BadFile(path, "does not fit into memory") from error
    if name and len(assets) == 1:
        assets[0].name = name
    for asset in assets:
        asset.provenance.path = path
        asset.provenance.format = asset.provenance.format or (form.name if form else "")
        asset.local_bounds()  # measured once, and here nobody waits for it
    return assets


def open_level(path: Path, level: int) -> Job[Asset]:
    """Reads another level of detail of the asset in a file that has several. Raises BadFile, BadInput."""
    assets = yield from open_path(path, ReadOptions(lod=level))
    found = next((asset for asset in assets if asset.provenance.level == level), None)
    if found is None:
        raise BadFile(path, "has no levels of detail any more")
    return found


def contents_of(folder: Path) -> Contents:
    """What is opened of a folder: the first of the layouts that the formats declare whose file is one that we read.
    Raises BadFile where there is none."""
    layouts = sorted((layout for form in formats() for layout in form.folders), key=lambda layout: layout.precedence)
    found = [contents for layout in layouts if (contents := layout.find(folder)) is not None]
    for contents in found:
        with suppress(BadFile):
            if not contents.frames:
                detect(contents.path)
            return contents
    if found:
        return found[0]  # whose reader says what is wrong with it
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise BadFile(folder, f"is a folder that cannot be read ({error.strerror or error})") from error
    *others, last = (layout.holds for layout in layouts)
    raise BadFile(folder, f"is a folder, and would have to hold {', '.join(others)} or {last}")


def writer_for(asset: Asset, path: Path) -> Format:
    """The format that writes this kind of asset under this suffix. Raises BadInput with what is possible instead."""
    name = path.name.lower()
    able = [entry for entry in formats() if entry.save and asset.kind in entry.writes]
    fitting = [(len(ext), entry) for entry in able for ext in entry.extensions if name.endswith(ext)]
    if fitting:
        return max(fitting, key=lambda pair: pair[0])[1]
    possible = sorted({ext for entry in able for ext in entry.extensions})
    suffix = path.suffix or "a name without a suffix"
    raise BadInput(f"{path}: {asset.kind} cannot be saved as {suffix}; possible are {', '.join(possible) or 'none'}.")


def save_path(asset: Asset, path: str | Path, **options: Any) -> Job[None]:
    """Writes `asset` beside the target and renames, so that a crash or a Cancel leaves the old file as it was.

    Raises BadInput for a suffix or an option that does not fit, BadFile where the folder cannot be written.
    """
    path = Path(path)
    form = writer_for(asset, path)
    unknown = sorted(set(options) - set(form.options))
    if unknown:
        raise BadInput(f"{path}: {form.name} has no option {unknown[0]!r}.")
    with replacing(path) as fresh:
        yield from form.save(asset, fresh, **options)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A fresh file in a folder beside `path` that takes its place when the block ends well, with all its companions.

    A format of several files (obj + mtl + textures) writes them all beside the given one.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=".triptych-", dir=path.parent)
    except OSError as error:
        raise BadFile(path, f"cannot be written ({error.strerror or error})") from error
    with folder as name:
        fresh = Path(name) / path.name
        yield fresh
        # The main file comes last: while it is the old one, its companions are at worst newer than needed.
        written = sorted(Path(name).iterdir(), key=lambda entry: entry == fresh)
        try:
            for entry in written:
                os.replace(entry, path.parent / entry.name)
        except OSError as error:
            raise BadFile(path, f"cannot be written ({error.strerror or error})") from error


def _head(path: Path) -> bytes:
    """The first bytes of a file. Raises BadFile where there is no readable file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadFile(path, "is no file but a folder, a pipe or a device, which cannot be opened")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise BadFile(path, "does not exist") from error
    except PermissionError as error:
        raise BadFile(path, "may not be read (no permission)") from error
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    if not head:
        raise BadFile(path, "is empty")
    return head


def _what_it_is_instead(path: Path, head: bytes) -> str:
    """The end of the sentence "FILE …" for a file that no format knows."""
    start = head[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "is a web page (HTML), not a 3D file; the download probably failed"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself; run 'git lfs pull'"
    if path.suffix.lower() in (".pkl", ".pickle"):
        return (
            "is a pickle, which can run programs and is never opened; in the program that wrote it, save the planes "
            "and the weights as a dictionary of tensors, with torch.save(…, 'planes.pt') or as .safetensors"
        )
    known = sorted({ext for entry in formats() if entry.load for ext in entry.extensions})
    return f"is not a 3D file that Triptych reads ({', '.join(known)})"
