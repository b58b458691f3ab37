"""The preparation of an asset as a job with a name, so that another process can run it on a copy."""

from __future__ import annotations

import numpy as np

from .asset import Asset
from .progress import Job


def prepare(asset: Asset, eye: np.ndarray | None = None) -> Job[None]:
    """Yields what `asset.preparation(eye)` yields, nothing where nothing is missing."""
    job = asset.preparation(eye)
    if job is not None:
        yield from job
