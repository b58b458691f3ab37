"""The planes of a field as pictures, and which texel of each a point of the asset's frame falls on. No Qt.

A picture is made of all planes of a group and level together, so that one colour means the same in each of them. The
job works in steps of a few milliseconds: it is run by the window between two events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..progress import Job, Progress
from .description import FieldDescription, Group, Plane, Space

KINDS = ("pca", "magnitude", "channel")
"""What a picture shows: the three principal components of the channels as red, green and blue; the Euclidean length of
the feature vector; one channel."""

CHUNK_NUMBERS = 1 << 18
"""Numbers that are worked on at once: a few milliseconds."""

SAMPLE = 100_000
"""Values that percentiles are taken of, at the most."""

TAILS = (0.5, 99.5)
"""Percentiles that become black and white: single texels at the border would leave the rest flat."""

FARTHEST = 1.999
"""Norm up to which a contracted point is drawn out again; 2 is infinity."""


def levels(group: Group) -> tuple[int, ...]:
    """The levels of a group, the finest first."""
    return tuple(sorted({plane.level for plane in group.planes}))


def planes_of(group: Group, level: int) -> tuple[Plane, ...]:
    """The planes of one level, in order."""
    return tuple(plane for plane in group.planes if plane.level == level)


def texels(tensors: Mapping[str, np.ndarray], plane: Plane, slice_at: float = 0.5) -> np.ndarray:
    """The features (C,H,W) of a plane as stored, H = 1 for a line. Of a volume the slice at the share `slice_at`,
    0 … 1, of its third axis."""
    stored = tensors[plane.tensor][plane.index]
    if plane.channels is not None:
        stored = stored[slice(*plane.channels)]
    if stored.ndim == 4:
        stored = stored[:, min(int(slice_at * stored.shape[1]), stored.shape[1] - 1)]
    return stored


def pictures(features: Sequence[np.ndarray], kind: str, channel: int = 0) -> Job[list[np.ndarray]]:
    """Pictures of planes (C,H,W) with one number of channels: (H,W,3) u8 for "pca", else (H,W) u8, brighter is more.

    kind: one of `KINDS`. channel: which one to show; beyond the last one, the last.
    """
    if kind == "pca":
        found = yield from _principal(features)
    else:
        found = yield from _reduced(features, kind, min(channel, len(features[0]) - 1))
    low, high = _range(found, from_zero=kind == "magnitude")
    scaled = []
    for number, values in enumerate(found):
        yield Progress(number, len(found), "Colouring planes")
        share = (values - low) / np.maximum(high - low, 1e-12)
        scaled.append((np.clip(share, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))
    return scaled if kind == "pca" else [values[..., 0] for values in scaled]


def principal_components(features: Sequence[np.ndarray]) -> Job[tuple[np.ndarray, np.ndarray]]:
    """The mean (C,) f64 and the directions (C,3) f64 of largest variance over all texels of planes (C,H,W), largest
    first, each with its largest entry positive. Where there are fewer than three channels, the last one repeats."""
    width = len(features[0])
    total, squares, count = np.zeros(width), np.zeros((width, width)), 0
    shift = np.asarray(features[0], np.float64).reshape(width, -1)[:, :1]
    for block, done in _blocks(features):
        # Around a texel rather than around 0: a mean far from it would swallow the variance.
        around = block.astype(np.float64) - shift
        total += around.sum(1)
        squares += around @ around.T
        count += around.shape[1]
        yield Progress(done, sum(entry[0].size for entry in features), "Finding principal components")
    mean = total / count
    variance, directions = np.linalg.eigh(squares / count - np.outer(mean, mean))
    chosen = directions[:, np.argsort(-variance, kind="stable")[:3]]
    chosen = chosen * np.where(chosen[np.abs(chosen).argmax(0), np.arange(chosen.shape[1])] < 0, -1.0, 1.0)
    repeated = np.minimum(np.arange(3), chosen.shape[1] - 1)
    return mean + shift[:, 0], chosen[:, repeated]


def _principal(features: Sequence[np.ndarray]) -> Job[list[np.ndarray]]:
    """Each plane in the principal components of all, (H,W,3) f32."""
    mean, directions = yield from principal_components(features)
    offset, turned = (directions.T @ mean).astype(np.float32), directions.T.astype(np.float32)
    return (yield from _mapped(features, lambda block: turned @ block.astype(np.float32) - offset[:, None], 3))


def _reduced(features: Sequence[np.ndarray], kind: str, channel: int) -> Job[list[np.ndarray]]:
    """One number for each texel, (H,W,1) f32."""
    if kind == "channel":
        return (yield from _mapped([entry[channel : channel + 1] for entry in features], lambda block: block, 1))
    return (yield from _mapped(features, lambda block: np.linalg.norm(block.astype(np.float32), axis=0)[None], 1))


def _mapped(features: Sequence[np.ndarray], change, width: int) -> Job[list[np.ndarray]]:
    """`change` of (C,n) blocks into (width,n), put together as (H,W,width) f32."""
    flat = [np.empty((width, entry[0].size), np.float32) for entry in features]
    everything = np.cumsum([0, *(entry.shape[1] for entry in flat)])
    for block, done in _blocks(features):
        number = int(np.searchsorted(everything, done, side="left")) - 1
        end = done - everything[number]
        flat[number][:, end - block.shape[1] : end] = change(block)
        yield Progress(done, int(everything[-1]), "Colouring planes")
    return [
        values.reshape(width, *entry.shape[1:]).transpose(1, 2, 0) for values, entry in zip(flat, features, strict=True)
    ]


def _blocks(features: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, int]]:
    """Texels of the planes in pieces (C,n) of one plane each, and how many texels are through with each piece."""
    done = 0
    for entry in features:
        flat = entry.reshape(len(entry), -1)
        length = max(1, CHUNK_NUMBERS // len(entry))
        for start in range(0, flat.shape[1], length):
            block = flat[:, start : start + length]
            done += block.shape[1]
            yield block, done


def _range(found: Sequence[np.ndarray], from_zero: bool) -> tuple[np.ndarray, np.ndarray]:
    """What becomes black and white, per component."""
    flat = np.concatenate([values.reshape(-1, values.shape[-1]) for values in found])
    low, high = np.percentile(flat[:: max(1, len(flat) // SAMPLE)], TAILS, axis=0)
    return (np.zeros_like(low) if from_zero else low), high


# Points and texels.


def to_planes(space: Space, points: np.ndarray) -> np.ndarray:
    """Points (…,3) of the asset's frame → −1 … 1 of the planes, f64: `decoder.map_to_box` without torch."""
    low, high = np.array(space.low), np.array(space.high)
    mapped = (np.asarray(points, np.float64) - low) / (high - low) * 2 - 1
    if space.contraction is None:
        return mapped
    norm = np.maximum(_norm(space, mapped), 1e-12)
    return np.where(norm <= 1, mapped, (2 - 1 / norm) * (mapped / norm)) / 2


def from_planes(space: Space, mapped: np.ndarray) -> np.ndarray:
    """The inverse of `to_planes`; what is as far as infinity comes from far away."""
    mapped = np.asarray(mapped, np.float64)
    if space.contraction is not None:
        drawn = 2 * mapped
        norm = np.maximum(_norm(space, drawn), 1e-12)
        mapped = np.where(norm <= 1, drawn, drawn / norm / (2 - np.minimum(norm, FARTHEST)))
    low, high = np.array(space.low), np.array(space.high)
    return low + (mapped + 1) / 2 * (high - low)


def _norm(space: Space, points: np.ndarray) -> np.ndarray:
    order = 2 if space.contraction == "mip360_l2" else np.inf
    return np.linalg.norm(points, ord=order, axis=-1, keepdims=True)


def texel_at(
    description: FieldDescription, group: Group, plane: Plane, size: tuple[int, int], point: np.ndarray, time: float
) -> tuple[float, float]:
    """Where a plane of `size` (rows, columns) is read for `point` (3,) of the asset's frame at `time`: (column, row),
    whole numbers at the centres of texels; it may lie outside. A line has the row 0."""
    along = _mapped_axes(description.space, to_planes(description.space, point), time)
    places = [_signed(along, axis) for axis in plane.axes[:2]]
    found = [_to_texel(place, count, group.align_corners) for place, count in zip(places, size[::-1], strict=False)]
    return found[0], found[1] if len(found) > 1 else 0.0


def depth_at(description: FieldDescription, plane: Plane, point: np.ndarray) -> float:
    """Where along the third axis of a volume `point` (3,) lies, 0 … 1."""
    along = _mapped_axes(description.space, to_planes(description.space, point), 0.0)
    return float(np.clip(0.5 * (_signed(along, plane.axes[2]) + 1), 0.0, 1.0))


def point_at(
    description: FieldDescription,
    group: Group,
    plane: Plane,
    size: tuple[int, int],
    texel: tuple[float, float],
    point: np.ndarray,
    time: float,
) -> tuple[np.ndarray, float]:
    """The point (3,) of the asset's frame, and the time, that a plane of `size` (rows, columns) reads at `texel`, a
    (column, row) as `texel_at` gives it. What the plane says nothing of stays as in `point` and `time`."""
    space = description.space
    along = _mapped_axes(space, to_planes(space, point), time)
    for axis, place, count in zip(plane.axes[:2], texel, size[::-1], strict=False):
        value = _from_texel(place, count, group.align_corners)
        along[axis[-1]] = -value if axis.startswith("-") else value
    first, last = space.time
    moved = from_planes(space, np.array([along[name] for name in "xyz"]))
    return moved, first + (along["t"] + 1) / 2 * (last - first)


def _mapped_axes(space: Space, mapped: np.ndarray, time: float) -> dict[str, float]:
    first, last = space.time
    limits = (-1.0, 1.0) if space.outside == "clamp" else (-np.inf, np.inf)
    along = dict(zip("xyz", map(float, np.clip(mapped, *limits)), strict=True))
    return along | {"t": (time - first) / (last - first) * 2 - 1}


def _signed(along: Mapping[str, float], axis: str) -> float:
    return -along[axis[-1]] if axis.startswith("-") else along[axis[-1]]


def _to_texel(place: float, count: int, align_corners: bool) -> float:
    """As torch's grid_sample: −1 … 1 → texels."""
    return (place + 1) / 2 * (count - 1) if align_corners else ((place + 1) * count - 1) / 2


def _from_texel(texel: float, count: int, align_corners: bool) -> float:
    if align_corners:
        return 2 * texel / max(count - 1, 1) - 1
    return (2 * texel + 1) / count - 1
