"""The job behind "Save as": writes an asset as it is, or as another kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assets.asset import Asset
from assets.convert import conversions, convert
from assets.deform.kinds import flattened
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
    """Converts `asset`, as it is seen, to the kind `target` where it is of another one, and saves it. Raises BadInput,
    BadFile."""
    start = 0.0
    if asset.warp is not None:
        asset, start = (yield from stage(flattened(asset), 0.0, 0.2)), 0.2
    if asset.kind == target:
        yield from stage(save_path(asset, path, **(options or {})), start, 1.0)
        return
    converted = yield from stage(convert(asset, target, **(conversion_options or {})), start, 0.8)
    yield from stage(save_path(converted, path, **(options or {})), 0.8, 1.0)
