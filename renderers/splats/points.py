"""Which splats a software GL draws as points: a square around the ellipse, where that costs less than a quad along it.

A software GL takes half a microsecond longer to set up a quad than to set up a point, and about seven nanoseconds for a
pixel. So a small, nearly round splat is faster as a point, and a long one as a quad. Order must be kept: a piece
of projected splats is cut into runs of either kind, unless that makes so many draws that nothing is won. A card sets up
either at once, and is never asked.
"""

from __future__ import annotations

import numpy as np

LARGEST_POINT_PX = 60.0
"""Sides of squares up to which points are used; a software GL has points of at least 63 px."""

_SET_UP_PX = 80.0
"""Pixels that take as long as a quad's set-up does beyond that of a point."""

_LONG_PX = 600.0
_DRAW_PX = 6000.0
"""The same for one more draw."""


def runs_of(records: np.ndarray, viewport: np.ndarray) -> list[tuple[int, int, bool]]:
    """The runs (first, count, whether as points) in which to draw `records` (n,12) f32 as gaussian_project.glsl leaves
    them, in a picture of `viewport` (width, height) px."""
    # Columns, each in one piece: numpy runs through short rows several times more slowly.
    x, y, _, _, ax, ay, bx, by = np.ascontiguousarray(records[:, :8].T)
    width, height = 0.5 * viewport.astype(np.float32)
    ax, bx, ay, by = ax * width, bx * width, ay * height, by * height
    square = 4 * np.maximum(ax * ax + bx * bx, ay * ay + by * by)
    extra = square - 4 * np.abs(ax * by - ay * bx)
    # A point whose middle is outside of the picture is not drawn at all.
    quads = (np.abs(x) > 1) | (np.abs(y) > 1) | (square > LARGEST_POINT_PX**2) | (extra > _LONG_PX)
    edges = np.flatnonzero(np.diff(quads)) + 1
    won = _SET_UP_PX * np.count_nonzero(~quads) - extra.sum(where=~quads) - _DRAW_PX * len(edges)
    if won <= 0:
        return [(0, len(records), False)]
    starts = np.concatenate([[0], edges])
    counts = np.diff(np.concatenate([starts, [len(records)]]))
    return [(int(start), int(count), not quads[start]) for start, count in zip(starts, counts, strict=True)]
