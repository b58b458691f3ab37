"""Point clouds: positions, and colours where the file has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .asset import Asset, Provenance
from .display import Display, setting


@dataclass
class PointsDisplay(Display):
    """How points are shown."""

    mode: str = setting("colour", "Mode", "What is drawn", choices=("colour", "depth"))
    size_px: float = setting(3.0, "Point size", "Diameter of a point", low=1.0, high=32.0, step=0.5, unit="px")


class Points(Asset):
    """A point cloud.

    positions: (N,3) f32. colors: (N,4) u8, sRGB with straight alpha, or None. extra: columns of the file that have no
    meaning here, kept for saving, each (N,).
    """

    kind = "points"
    display_type = PointsDisplay
    data_fields = ("positions", "colors", "extra")

    def __init__(
        self,
        name: str,
        positions: np.ndarray,
        colors: np.ndarray | None = None,
        extra: dict[str, np.ndarray] | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        super().__init__(name, provenance)
        self.positions = positions
        self.colors = colors
        self.extra = extra or {}
        self._bounds: tuple[np.ndarray, np.ndarray] | None = None

    def local_bounds(self) -> np.ndarray | None:
        if not len(self.positions):
            return None
        # Asked for in every frame; the arrays are replaced as a whole when they change.
        if self._bounds is None or self._bounds[0] is not self.positions:
            ends = np.stack([self.positions.min(0), self.positions.max(0)]).astype(np.float64)
            self._bounds = (self.positions, ends)
        return self._bounds[1].copy()

    @property
    def nbytes(self) -> int:
        arrays = [self.positions, *self.extra.values()] + ([self.colors] if self.colors is not None else [])
        return sum(array.nbytes for array in arrays)

    def counts(self) -> dict[str, int]:
        return {"points": len(self.positions)}
