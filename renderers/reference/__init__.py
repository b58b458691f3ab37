"""Slow and exact twins of the renderers, in torch and without OpenGL: what tests compare with, and the exact still.

A module of this folder declares the kind that it draws in a record: `EXACT = ExactRecord(Triplane, Stage.FIELD, …)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assets.asset import Asset
from assets.progress import Job
from assets.registry import records

from ..camera import Camera
from ..renderer import Stage

Layer = tuple[np.ndarray, np.ndarray]
"""A picture (H,W,4) f32, premultiplied, and its distance along the viewing axis (H,W) f32, infinite for nothing."""


@dataclass(frozen=True)
class ExactRecord:
    """Which assets a module draws, in which stage of a picture, and how: `draw(asset, camera, limit)` is a job
    that returns a Layer, of which nothing lies behind the distances `limit` (H,W)."""

    asset_type: type[Asset]
    stage: Stage
    draw: Callable[[Asset, Camera, np.ndarray], Job[Layer]]

    @property
    def writes_depth(self) -> bool:
        """Whether what covers half hides what is drawn later, as in a frame."""
        return self.stage is not Stage.SPLAT


def exact_record(asset: Asset) -> ExactRecord | None:
    """The record for `asset`; None for a kind that is drawn by OpenGL alone."""
    return next((entry for entry in records(__name__, "EXACT") if isinstance(asset, entry.asset_type)), None)
