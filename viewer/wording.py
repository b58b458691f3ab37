"""Numbers for people: grouped, with units, always the same number of digits so that nothing jumps."""

from __future__ import annotations

import numpy as np

from assets.asset import Asset

THIN_SPACE = "\u202f"


def count(number: int) -> str:
    """Groups thousands: "1 234 567" with narrow spaces that don't break."""
    return f"{number:,}".replace(",", THIN_SPACE)


def memory(nbytes: int) -> str:
    """Bytes as KiB, MiB or GiB."""
    if nbytes < 1 << 20:
        return f"{nbytes / (1 << 10):.1f} KiB"
    if nbytes < 1 << 30:
        return f"{nbytes / (1 << 20):.1f} MiB"
    return f"{nbytes / (1 << 30):.2f} GiB"


def triple(values: np.ndarray) -> str:
    """Three coordinates in one line."""
    return "  ".join(f"{value:.3g}" for value in values).replace("-", "−")


def kind_name(kind: str) -> str:
    """A kind as people call it: "gaussians" are splats in a list."""
    return {"gaussians": "splats"}.get(kind, kind)


def in_sentence(title: str) -> str:
    """A title inside a sentence: "Rename" becomes "rename", "SH degree" stays."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def totals(assets: list[Asset]) -> str:
    """What is visible, in one line: "124 000 splats · 12 000 faces". Each asset counts by its first telling number."""
    sums: dict[str, int] = {}
    for asset in assets:
        counts = asset.counts()
        name = "faces" if "faces" in counts else next(iter(counts), "")
        if name:
            sums[name] = sums.get(name, 0) + counts[name]
    return " · ".join(f"{count(number)} {name}" for name, number in sums.items())
