"""What the comments of a .ply header say about drawing its splats: how (Brush's `SplatRenderMode`, Postshot's
`antialiased`), and which axis is up (ours)."""

from __future__ import annotations

import re

DECLARATION = re.compile(r"\s*(?:SplatRenderMode\s*:\s*(default|mip|2dgs)|antialiased\s+([01]))\s*", re.IGNORECASE)
UP = re.compile(r"\s*up_axis\s*:?\s+(-?[yz])\s*", re.IGNORECASE)


def declared_mode(comments: tuple[str, ...]) -> str | None:
    """The way to draw that comments declare: "default", "mip", "2dgs"; the last one counts. None: they don't."""
    mode = None
    for comment in comments:
        found = DECLARATION.fullmatch(comment)
        if found:
            mode = found[1].lower() if found[1] else ("mip" if found[2] == "1" else "default")
    return mode


def declared_up(comments: tuple[str, ...]) -> str | None:
    """The up axis that a comment declares, or None."""
    found = [match[1].lower() for match in map(UP.fullmatch, comments) if match]
    return found[-1] if found else None
