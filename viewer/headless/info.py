"""`--info`: what a file holds, for people and for programs. No Qt, no GL."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from assets.asset import Asset
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats.doctor import Finding, examine

from ..command_line import Request
from . import align, check_described, load_files


def info(request: Request) -> str:
    """The text of `--info` over all files: aligned lines, or JSON."""
    assets = load_files(request)
    check_described(assets, request.fields)
    if request.json:
        described = [describe(asset) for asset in assets]
        return json.dumps(described[0] if len(described) == 1 else described, indent=2, ensure_ascii=False)
    return "\n\n".join(to_text(asset) for asset in assets)


def describe(asset: Asset) -> dict[str, Any]:
    """What is known of an asset, as JSON takes it. The keys are a promise to scripts; more may be added."""
    origin = asset.provenance
    bounds = asset.bounds()
    box = None if bounds is None else {"min": _finite(bounds[0]), "max": _finite(bounds[1])}
    return {
        "file": str(origin.path),
        "format": origin.format,
        "family": origin.family,
        "kind": asset.kind,
        "name": asset.name,
        "counts": {name: int(count) for name, count in asset.counts().items()},
        "bounds": box,
        "memory_bytes": int(asset.nbytes),
        "declared": dict(origin.declared),
        "guessed": dict(origin.guessed),
        "facts": facts(asset),
        "warnings": list(origin.warnings),
        "findings": [asdict(finding) for finding in findings(asset)],
    }


def facts(asset: Asset) -> dict[str, str]:
    """The facts of the asset's kind, and of the warp that it wears."""
    return asset.facts() | ({} if asset.warp is None else {"warp": asset.warp.drag.summary()})


def findings(asset: Asset) -> list[Finding]:
    """What the doctor says, of the kinds that have one."""
    return run(examine(asset)) if isinstance(asset, Gaussians) else []


def to_text(asset: Asset) -> str:
    """The same for people: one aligned line per fact under the name of the file."""
    origin = asset.provenance
    rows = [("  kind", asset.kind), ("  name", asset.name), ("  format", origin.format)]
    if origin.family:
        rows.append(("  family", origin.family))
    rows += [(f"  {name}", group_thousands(count)) for name, count in asset.counts().items()]
    bounds = asset.bounds()
    if bounds is None:
        rows.append(("  bounds", "empty"))
    else:
        rows.append(("  bounds", f"{_vector(bounds[0])}  to  {_vector(bounds[1])}"))
        rows.append(("  size", _vector(bounds[1] - bounds[0])))
    rows.append(("  memory", readable_bytes(asset.nbytes)))
    rows += [(f"  {name}", value) for name, value in facts(asset).items()]
    for title, entries in (("declared", origin.declared), ("guessed", origin.guessed)):
        rows += [(f"  {title}", f"{term}: {value}") for term, value in entries.items()]
    rows += [("  warning", sentence) for sentence in origin.warnings]
    rows += [("  doctor", f"{one.title}: {group_thousands(one.count)}. {one.detail}") for one in findings(asset)]
    return f"{origin.path}\n{align(rows)}"


def readable_bytes(count: int) -> str:
    """Bytes in the unit that keeps the number below 1024: "3.4 MiB"."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 100 else f"{size:.1f} {units[0]}"


def group_thousands(count: int) -> str:
    """ "1 234 567"."""
    return f"{count:,}".replace(",", " ")


def _vector(values) -> str:
    return " ".join(f"{value:.4g}" for value in values)


def _finite(values) -> list[float | None]:
    """JSON has no infinity."""
    return [float(value) if math.isfinite(value) else None for value in values]
