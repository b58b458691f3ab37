"""Commands on the active splats: what the doctor finds, what is lit up, the axes of an .spz."""

from __future__ import annotations

from typing import Any


def fix_all(window: Any) -> None:
    """Puts right whatever the doctor has found, as one change."""
    asset = window.splats.active
    window.splats.fix(asset, window.splats.findings(asset) or [])


def delete_lit(window: Any) -> None:
    """Takes the splats out that are lit up."""
    window.splats.delete_lit(window.splats.active)


def clear_lit(window: Any) -> None:
    """Lets all splats look as they are."""
    window.splats.clear_lit()


def flip_frame(window: Any) -> None:
    """Reads the axes of an .spz the other way."""
    window.splats.flip_frame(window.splats.active)
