"""The job behind "Save as": writes an asset as it is, or as another kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assets.asset import Asset
from assets.convert import conversions, convert
from assets.formats import Format, formats, save_path
from assets.progress import Job, stage


def targets(kind: str) -> list[tuple[Format, str]]:
    """The formats that an asset of `kind` can be saved in and the kind that lands there: its own first, then those
    that a conversion leads to."""
    kinds = [kind, *(entry.target for entry in conversions() if entry.source == kind)]
    return [(entry, target) for target in kinds for entry in formats() if entry.save and target in entry.writes]


def export(
    asset: Asset,
    path: Path,
    target: str,
    options: dict[str, Any] | None = None,
    conversion_options: dict[str, Any] | None = None,
) -> Job[None]:
    """Converts `asset` to the kind `target` where it is of another one, and saves it. Raises BadInput, BadFile."""
    if asset.kind == target:
        yield from save_path(asset, path, **(options or {}))
        return
    converted = yield from stage(convert(asset, target, **(conversion_options or {})), 0.0, 0.8)
    yield from stage(save_path(converted, path, **(options or {})), 0.8, 1.0)
