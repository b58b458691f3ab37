"""The preparation of an asset as a job with a name, so that another process can run it on a copy."""

from __future__ import annotations

from .asset import Asset
from .progress import Job


def prepare(asset: Asset) -> Job[None]:
    """Yields what `asset.preparation()` yields, nothing where nothing is missing."""
    job = asset.preparation()
    if job is not None:
        yield from job
