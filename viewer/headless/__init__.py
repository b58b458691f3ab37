"""The jobs of the command line: what a request asks for, done without a window, a display or Qt.

Each job lives in a module of its own and is imported when it is asked for, so that `--formats` needs no torch.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from assets.asset import Asset
from assets.convert import conversions
from assets.errors import BadFile, BadInput, TriptychError
from assets.families import families
from assets.fields.adjusting.adjust import take
from assets.files.series import gathered
from assets.formats import ReadOptions, formats, open_path
from assets.progress import Job, Progress, Result, run
from assets.triplane import Triplane

from ..command_line import Request
from .progress_bar import ProgressBar


def do(request: Request) -> str:
    """Does the job of `request` and returns the text for stdout. Raises TriptychError with one plain sentence."""
    _silence_libraries()
    if request.job == "formats":
        return describe_formats()
    if request.job == "info":
        from .info import info

        return info(request)
    if request.job == "screenshot":
        from .screenshot import screenshot

        screenshot(request)
    elif request.job == "export":
        from .export import export_file

        export_file(request)
    else:
        from .query import query

        query(request)
    return ""


def drive(job: Job[Result], on_partial: Callable | None = None) -> Result:
    """Runs a job under a progress bar and returns its result."""
    with ProgressBar() as bar:
        bar.show(Progress(0, 0, ""))
        return run(job, bar.show, on_partial)


def load_files(request: Request) -> list[Asset]:
    """The assets in all files of `request`; those of a numbered series of splats are one. Raises as `load`."""
    opened = [(path, replace(request.reading, frames=frames)) for path, frames in gathered(request.files)]
    return [asset for path, reading in opened for asset in load(path, reading, request.fields)]


def load(path: Path, options: ReadOptions, described: Sequence[tuple[str, str]] = ()) -> list[Asset]:
    """The assets in a file. described: what triplanes shall be read by instead, keys of assets/fields/adjusting and
    their values; other kinds stay as they are. Raises BadFile, BadInput."""
    assets = drive(open_path(path, options))
    if not assets:
        raise BadFile(path, "holds nothing that can be shown")
    for triplane in (asset for asset in assets if isinstance(asset, Triplane)):
        for key, value in described:
            try:
                take(triplane, key, value)
            except BadInput as error:
                raise BadInput(f"--field {error}") from error
    return assets


def check_described(assets: Iterable[Asset], described: Sequence[tuple[str, str]]) -> None:
    """Raises BadInput where something was to be described otherwise and no asset is a triplane."""
    if described and not any(isinstance(asset, Triplane) for asset in assets):
        raise BadInput(f"--field {described[0][0]}: nothing here is a triplane, which could be described otherwise.")


def report_warnings(assets: Iterable[Asset]) -> None:
    """Writes what the readers warned of to stderr, one sentence per line."""
    for asset in assets:
        path = asset.provenance.path
        for sentence in asset.provenance.warnings:
            named = path is None or path.name in sentence
            sys.stderr.write(f"{sentence}\n" if named else f"{path}: {sentence}\n")


def check_target(path: Path) -> None:
    """Raises BadFile where `path` can certainly not be written, before any long work is done."""
    if path.is_dir():
        raise BadFile(path, "cannot be written (it is a folder)")
    if not path.parent.is_dir():
        raise BadFile(path, f"cannot be written (the folder {path.parent} does not exist)")
    if not os.access(path.parent, os.W_OK):
        raise BadFile(path, f"cannot be written (no permission in the folder {path.parent})")


def check_display() -> None:
    """Raises TriptychError where a window cannot be opened, instead of Qt's abort."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise TriptychError(
            "There is no display to open a window on (DISPLAY is not set); "
            "--screenshot and the other jobs need none, and 'make run' uses a virtual one."
        )


def describe_formats() -> str:
    """The table of `--formats`."""
    rows = [("Format", "Suffixes", "Reads", "Writes")]
    for entry in sorted(formats(), key=lambda entry: entry.name.lower()):
        reads = ", ".join(entry.kinds) if entry.load else "-"
        writes = ", ".join(entry.writes) if entry.save else "-"
        rows.append((entry.name, " ".join(entry.extensions), reads, writes))
    known = sorted((entry for entry in families() if entry.known), key=lambda entry: entry.name.lower())
    published = [("Triplane family", "Published in"), *((entry.name, entry.about) for entry in known)]
    changes = [("Conversion", "From", "To", "")]
    changes += [(entry.name, entry.source, entry.target, "") for entry in conversions()]
    options = [("Option (--option KEY=VALUE)", "Of", "Meaning", "")]
    for entry in (*(form for form in formats() if form.save), *conversions()):
        options += [(key, entry.name, text, "") for key, text in entry.options.items()]
    tables = [align(rows)] + [align(table) for table in (published, changes, options) if len(table) > 1]
    return "\n\n".join(tables)


def align(rows: list[tuple[str, ...]]) -> str:
    """The rows as lines of columns of equal width."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _silence_libraries() -> None:
    """Keeps stderr to our own sentences, unless somebody is debugging."""
    if not os.environ.get("TRIPTYCH_DEBUG"):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
