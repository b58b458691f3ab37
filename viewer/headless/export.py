"""`--export`: saves an asset as another format, or as another kind where a conversion leads there. No Qt, no GL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from assets.asset import Asset
from assets.convert import Conversion, conversions
from assets.deform.drag_json import read_drag
from assets.errors import BadInput
from assets.formats import Format, formats, writer_for

from ..command_line import Request
from ..exporting import export
from . import check_described, check_target, drive, load, report_warnings
from .drag import pull


def export_file(request: Request) -> None:
    """Reads the one file of `request` and writes its asset to `request.out`. Raises BadInput, BadFile."""
    path = request.out
    check_target(path)
    _check_suffix(path)
    drag = read_drag(request.drag) if request.drag else None
    assets = load(request.files[0], request.reading, request.fields)
    check_described(assets, request.fields)
    asset, form, conversion = _plan(assets, path)
    ours, of_conversion = _split_options(request.options, form, conversion, path)
    report_warnings([asset])
    if conversion is None and form.caveat(asset):
        sys.stderr.write(f"{path}: {form.caveat(asset)}\n")
    if drag:
        pull([asset], drag, request.drag)
    drive(export(asset, path, conversion.target if conversion else asset.kind, ours, of_conversion))


def _check_suffix(path: Path) -> None:
    """Raises BadInput where nothing at all is written under this suffix, before the file is read."""
    known = sorted({suffix for form in formats() if form.save for suffix in form.extensions})
    if not path.name.lower().endswith(tuple(known)):
        raise BadInput(f"{path}: nothing is saved under this suffix; possible are {', '.join(known)}.")


def _plan(assets: list[Asset], path: Path) -> tuple[Asset, Format, Conversion | None]:
    """The asset to write, its format, and the conversion that leads there. An asset that needs none goes first."""
    direct = [asset for asset in assets if _writer(asset.kind, path)]
    if len(direct) == 1:
        return direct[0], _writer(direct[0].kind, path), None
    if len(direct) > 1:
        names = ", ".join(asset.name for asset in direct)
        raise BadInput(f"{direct[0].provenance.path}: holds {len(direct)} assets ({names}); --export writes one.")
    for asset in assets:
        for conversion in conversions():
            form = _writer(conversion.target, path)
            if conversion.source == asset.kind and form:
                return asset, form, conversion
    writer_for(assets[0], path)
    raise AssertionError("writer_for found a format that was not there before")


def _writer(kind: str, path: Path) -> Format | None:
    """The format that writes this kind under this suffix, the longest suffix first."""
    name = path.name.lower()
    able = [form for form in formats() if form.save and kind in form.writes]
    fitting = [(len(ext), index) for index, form in enumerate(able) for ext in form.extensions if name.endswith(ext)]
    return able[max(fitting)[1]] if fitting else None


def _split_options(
    options: dict[str, Any], form: Format, conversion: Conversion | None, path: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the format and those of the conversion. Raises BadInput for one that belongs to neither."""
    for_conversion = conversion.options if conversion else {}
    for key in options:
        if key not in form.options and key not in for_conversion:
            possible = ", ".join([*form.options, *for_conversion]) or "none"
            raise BadInput(f"{path}: there is no option {key!r} here; possible are {possible}.")
    ours = {key: value for key, value in options.items() if key in form.options}
    return ours, {key: value for key, value in options.items() if key in for_conversion}
