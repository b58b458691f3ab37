"""Cuts long edges of triangles, so that large flat faces get points inside them."""

from __future__ import annotations

import numpy as np

_PASSES = 24


def refined(points: np.ndarray, faces: np.ndarray, longest: float, room: int) -> tuple[np.ndarray, np.ndarray]:
    """`points` (V,3) and `faces` (F,3) with edges longer than `longest` halved until none is left or `room` points
    were added, the longest first. Neighbours share the new points, which follow the old ones; no face gets a gap."""
    done, active = [], faces
    for _ in range(_PASSES):
        lengths = _side_lengths(points, active)
        long = (lengths > longest).any(1)
        done.append(active[~long])
        active, lengths = active[long], lengths[long]
        if not len(active) or room <= 0:
            break
        points, active, added = _halved(points, active, lengths, longest, room)
        room -= added
    return points, np.concatenate([*done, active])


def _side_lengths(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Lengths (F,3) of the sides: corner 0 to 1, 1 to 2, 2 to 0."""
    lengths = np.empty((len(faces), 3))
    for side in range(3):
        away = points[faces[:, side]] - points[faces[:, (side + 1) % 3]]
        lengths[:, side] = np.sqrt(np.einsum("ni,ni->n", away, away))
    return lengths


def _halved(
    points: np.ndarray, faces: np.ndarray, lengths: np.ndarray, longest: float, room: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """One round: points with the midpoints of long sides behind them, the faces cut there, how many points are new."""
    following = np.roll(faces, -1, axis=1)
    keys = np.minimum(faces, following) * len(points) + np.maximum(faces, following)
    unique, first, edge = np.unique(keys, return_index=True, return_inverse=True)
    edge, length = edge.reshape(keys.shape), lengths.ravel()[first]
    cut = length > longest
    if cut.sum() > room:
        chosen = np.argpartition(-length, room - 1)[:room]
        cut = np.zeros(len(unique), bool)
        cut[chosen] = True
    number = np.where(cut, len(points) + np.cumsum(cut) - 1, -1)
    low, high = np.divmod(unique[cut], len(points))
    middles = number[edge]
    return np.concatenate([points, (points[low] + points[high]) / 2]), _cut(faces, middles), int(cut.sum())


def _cut(faces: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """`faces` (F,3) cut at the points `middles` (F,3) of their sides, -1 where a side stays whole."""
    split = middles >= 0
    count = split.sum(1)
    # One cut side comes first; of two, the whole one comes last.
    turn = np.where(count == 1, split.argmax(1), np.where(count == 2, ((~split).argmax(1) + 1) % 3, 0))
    columns = (np.arange(3) + turn[:, None]) % 3
    a, b, c = np.take_along_axis(faces, columns, 1).T
    m, n, o = np.take_along_axis(middles, columns, 1).T
    patterns = {
        0: ((a, b, c),),
        1: ((a, m, c), (m, b, c)),
        2: ((m, b, n), (a, m, n), (a, n, c)),
        3: ((a, m, o), (m, b, n), (o, n, c), (m, n, o)),
    }
    pieces = [np.stack(corners, 1)[count == cuts] for cuts, triangles in patterns.items() for corners in triangles]
    return np.concatenate(pieces)
