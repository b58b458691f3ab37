"""Which splats can be seen, and in what order they are blended: back to front, afresh for every view.

Blending needs the order of depths along the viewing axis. A GPU without compute shaders does not sort, so this is done
here, in numpy, which lets other threads run meanwhile: small sets at once, large ones on a thread of their own, so that
an event loop can go on. What lies outside of the picture is left out first; that halves the work of all that follows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assets.gaussians import FAINTEST_OPACITY
from assets.splats.sorting import HIGH, LOW, sort_keys

from ..camera import Camera
from .projection import MARGIN, NEAR

REACH = float(np.sqrt(-2 * np.log(FAINTEST_OPACITY)))
"""Standard deviations beyond which even an opaque splat is too faint to be drawn: 3.33."""

_BLOCK = 65536
_THREADED = 100_000
_POLL_SECONDS = 0.004
_MARGIN_PX = 2.5


@dataclass(frozen=True)
class Frustum:
    """The room in front of a picture: a point p with a reach r is inside where normals·p + offsets + reaches·r > 0 in
    all five rows. The first row gives the distance along the viewing axis."""

    normals: np.ndarray
    offsets: np.ndarray
    reaches: np.ndarray


def frustum_of(
    camera: Camera, matrix: np.ndarray, size: float, box: tuple[float, float, float, float] | None = None
) -> Frustum:
    """The room seen in `box` (left, top, right, bottom; px, by default the whole picture), in the asset's own frame.

    `matrix` leads from there to picture axes (see `camera_matrix`); reaches are multiplied by `size`. A splat's shape
    in the picture is that of the linear map at its centre, at most (1 + MARGIN) times the half picture off the axis, so
    it may be wider than the splat would be in truth; the room is widened accordingly.
    """
    left, top, right, bottom = box or (0.0, 0.0, camera.width, camera.height)
    rows, reaches = np.zeros((5, 4)), np.zeros(5)
    rows[0] = (0, 0, 1, -NEAR)
    sides = ((0, 1, left - camera.cx), (0, -1, camera.cx - right), (1, 1, top - camera.cy), (1, -1, camera.cy - bottom))
    for index, (axis, sign, edge) in enumerate(sides, 1):
        rows[index, axis] = sign
        if camera.ortho_height is not None:
            rows[index, 3] = (_MARGIN_PX - edge) * camera.ortho_pixel()
            reaches[index] = 1.0
            continue
        focal = (camera.fx, camera.fy)[axis]
        slopes = np.array([(camera.cx, camera.cy)[axis], (camera.width - camera.cx, camera.height - camera.cy)[axis]])
        steepest = (slopes.max() + MARGIN * slopes.sum() / 2) / focal
        rows[index, 2] = (_MARGIN_PX - edge) / focal
        reaches[index] = np.sqrt(1 + steepest**2)
    stretch = np.linalg.norm(matrix[:3, :3], 2) * size
    rows = rows @ matrix
    return Frustum(
        rows[:, :3].astype(np.float32), rows[:, 3].astype(np.float32), (reaches * stretch).astype(np.float32)
    )


def distances(block: np.ndarray, frustum: Frustum, row: int) -> np.ndarray:
    """Distances of points (3,n) from one side of the frustum."""
    x, y, z = frustum.normals[row]
    out = block[0] * x
    out += block[1] * y
    out += block[2] * z
    out += frustum.offsets[row]
    return out


def back_to_front(positions: np.ndarray, reaches: np.ndarray, frustum: Frustum) -> np.ndarray:
    """The indices (m,) u32 of the splats at `positions` (3,n) f32 with `reaches` (n,) f32 that can be seen, the
    farthest first; of equally far ones the later.

    Distances are written out by coordinates, in blocks that stay in the cache: a matrix product of this shape is handed
    to several threads, which on a busy machine wait for each other ten times longer than the work takes. A distance
    beyond the nearest that is drawn is above zero, where floats order like whole numbers, so it is a key as it stands.
    """
    keys = np.empty((positions.shape[1], 2), np.uint32)
    total = 0
    for start in range(0, positions.shape[1], _BLOCK):
        block, reach = positions[:, start : start + _BLOCK], reaches[start : start + _BLOCK]
        depth = distances(block, frustum, 0)
        inside = depth > 0
        for row in range(1, len(frustum.normals)):
            inside &= distances(block, frustum, row) > -frustum.reaches[row] * reach
        found = np.flatnonzero(inside)
        part = keys[total : total + len(found)]
        part[:, LOW] = found
        part[:, LOW] += np.uint32(start)
        part[:, HIGH] = depth[found].view(np.uint32)
        total += len(found)
    keys = keys[:total]
    sort_keys(keys)
    return np.ascontiguousarray(keys[::-1, LOW])


class SplatOrder:
    """Orders the splats of one asset, at `positions` (3,N) f32, for one view after another, and remembers the last."""

    def __init__(self, positions: np.ndarray, reaches: np.ndarray) -> None:
        self.positions, self.reaches = positions, reaches
        self._last: tuple[bytes, np.ndarray] | None = None

    def steps(self, count: int, frustum: Frustum) -> Iterator[np.ndarray | None]:
        """Orders the first `count` splats; yields None while a thread is at it, then the indices (m,) u32."""
        key = b"".join(part.tobytes() for part in (frustum.normals, frustum.offsets, frustum.reaches, np.int64(count)))
        if self._last is None or self._last[0] != key:
            self._last = None  # before the next one takes as much memory
            work = (self.positions[:, :count], self.reaches[:count], frustum)
            if count <= _THREADED:
                self._last = (key, back_to_front(*work))
            else:
                yield from self._threaded(key, work)
        yield self._last[1]

    def _threaded(self, key: bytes, work: tuple[np.ndarray, np.ndarray, Frustum]) -> Iterator[None]:
        result: list[np.ndarray] = []
        thread = threading.Thread(target=lambda: result.append(back_to_front(*work)), name="splat order", daemon=True)
        thread.start()
        # A picture that is dropped meanwhile does not wait: the thread ends by itself, within a tenth of a second.
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
            yield None
        self._last = (key, result[0])
