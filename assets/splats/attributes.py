"""What can be known of each splat as one number, and how such numbers are spread.

The numbers are those that are seen: sizes and opacities as they are drawn (so with a column filter_3D worked in),
colours from the constant term of the spherical harmonics. Everything goes block by block, so that whoever drives the
jobs can stop for something else every few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..gaussians import Gaussians
from ..meshes.color_space import srgb_from_linear
from ..progress import Job, Progress
from .spherical_harmonics import C0

BLOCK = 16384
"""Splats that are looked at between two steps of a job: about a millisecond of work."""

BINS = 128

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Shares of red, green and blue in what looks bright (Rec. 709)."""

Values = Callable[[Gaussians, slice], np.ndarray]


@dataclass(frozen=True)
class Attribute:
    """One number of each splat. values(asset, rows) gives those of some rows, (n,) f32. logarithmic: whether its
    numbers are spread over powers of ten, so that an axis of their logarithms shows more. lacking: what is said of
    splats that have none; "": that it is not finite, or has no logarithm."""

    key: str
    label: str
    help: str
    values: Values
    unit: str = ""
    logarithmic: bool = False
    lacking: str = ""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How the numbers of an attribute are spread. edges (B+1,) f64 in places of the axis: numbers, or their logarithms
    to base 10 where it is `logarithmic`; counts (B,) i64. beside: how many have no place on it (not finite, or not
    above zero on a logarithmic axis)."""

    edges: np.ndarray
    counts: np.ndarray
    logarithmic: bool
    beside: int


def base_colors(asset: Gaussians, rows: slice | np.ndarray) -> np.ndarray:
    """Colours (n,3) f32 sRGB of splats without what depends on the view, 0 … 1."""
    stored = np.clip(0.5 + np.float32(C0) * asset.sh[rows, 0], 0, 1)
    return srgb_from_linear(stored) if asset.notes.color_space == "linear" else stored


def hues(colors: np.ndarray) -> np.ndarray:
    """Hues (n,) in degrees 0 … 360 of colours (n,3), as in HSV; 0 for greys."""
    red, green, blue = colors.T
    high, low = colors.max(1), colors.min(1)
    span = np.where(high > low, high - low, 1)
    sector = np.where(high == red, (green - blue) / span % 6, (blue - red) / span + 2)
    sector = np.where((high == blue) & (high != red) & (high != green), (red - green) / span + 4, sector)
    return np.where(high > low, 60 * sector, 0)


def _sizes(asset: Gaussians, rows: slice) -> np.ndarray:
    """Sizes that a splat really has: (n,3), or (n,2) of surfels."""
    return asset.drawn(rows)[0][:, : asset.log_scales.shape[1]]


def _anisotropy(asset: Gaussians, rows: slice) -> np.ndarray:
    sizes = _sizes(asset, rows)
    return sizes.max(1) / np.maximum(sizes.min(1), np.finfo(np.float32).tiny)


def _energy(asset: Gaussians, rows: slice) -> np.ndarray:
    upper = asset.sh[rows, 1:].reshape(len(asset.means[rows]), -1)
    return np.sqrt(np.einsum("nk,nk->n", upper, upper))


def _column(read: Callable[[Gaussians, slice], np.ndarray], index: int) -> Values:
    return lambda asset, rows: read(asset, rows)[:, index]


def _extra(name: str) -> Values:
    return lambda asset, rows: np.asarray(asset.extra[name][rows], np.float32)


_OWN = (
    Attribute("opacity", "Opacity", "How much light the middle of a splat takes", lambda a, r: a.drawn(r)[1]),
    Attribute("largest", "Largest size", "σ along the longest axis", lambda a, r: _sizes(a, r).max(1), "σ", True),
    Attribute("smallest", "Smallest size", "σ along the shortest axis", lambda a, r: _sizes(a, r).min(1), "σ", True),
    Attribute("anisotropy", "Anisotropy", "Longest axis over shortest axis", _anisotropy, "", True),
    *(
        Attribute(axis, f"Position {axis}", f"Centre along {axis}, in the asset's own frame",
                  _column(lambda a, r: a.means[r], place))
        for place, axis in enumerate("xyz")
    ),
    *(
        Attribute(name, name.capitalize(), f"{name.capitalize()} of the colour without what depends on the view",
                  _column(base_colors, place))
        for place, name in enumerate(("red", "green", "blue"))
    ),
    Attribute("hue", "Hue", "Hue of that colour; greys have 0", lambda a, r: hues(base_colors(a, r)), "°"),
    Attribute("luminance", "Luminance", "How bright that colour looks", lambda a, r: base_colors(a, r) @ _LUMINANCE),
)  # fmt: skip

_ENERGY = Attribute("sh_energy", "SH energy", "Length of all coefficients above the constant one", _energy)


def attributes(asset: Gaussians) -> tuple[Attribute, ...]:
    """All numbers of the splats of `asset`, those of its file's further columns at the end."""
    axes = tuple(
        Attribute(f"size_{index}", f"Size {index + 1}", f"σ along axis {index + 1}", _column(_sizes, index), "σ", True)
        for index in range(asset.log_scales.shape[1])
    )
    upper = (_ENERGY,) if asset.sh_degree else ()
    numbers = [name for name, column in asset.extra.items() if column.dtype.kind in "fiub"]
    extra = tuple(Attribute(f"extra:{name}", name, f"Column {name} of the file", _extra(name)) for name in numbers)
    return (*_OWN[:4], *axes, *_OWN[4:], *upper, *extra)


def measured(asset: Gaussians, attribute: Attribute) -> Job[np.ndarray]:
    """A job that returns the attribute of all splats, (N,) f32."""
    out = np.empty(len(asset), np.float32)
    for start in range(0, len(out), BLOCK):
        rows = slice(start, start + BLOCK)
        with np.errstate(all="ignore"):
            out[rows] = attribute.values(asset, rows)
        yield Progress(start, len(out), f"Measuring {attribute.label.lower()}")
    return out


def spread(values: np.ndarray, logarithmic: bool = False, bins: int = BINS) -> Job[Histogram]:
    """A job that returns how `values` (N,) are spread, in `bins` equal parts between their ends. Where all are the same
    the axis reaches half a unit or a thousandth to either side."""
    low, high, beside = np.inf, -np.inf, 0
    for start in range(0, len(values), BLOCK):
        places = _places(values[start : start + BLOCK], logarithmic)
        beside += len(values[start : start + BLOCK]) - len(places)
        low, high = min(low, places.min(initial=np.inf)), max(high, places.max(initial=-np.inf))
        yield Progress(0.5 * start / len(values), 1, "Looking for the ends")
    if low > high:
        low = high = 0.0
    low, high = float(low), float(high)
    largest = max(abs(low), abs(high))
    if high - low <= 1e-6 * largest:
        room = max(0.5, 1e-3 * largest)
        low, high = low - room, high + room
    counts = np.zeros(bins, np.int64)
    for start in range(0, len(values), BLOCK):
        places = _places(values[start : start + BLOCK], logarithmic)
        parts = ((places - low) * (bins / (high - low))).astype(np.int64)
        counts += np.bincount(np.clip(parts, 0, bins - 1), minlength=bins)
        yield Progress(0.5 + 0.5 * start / len(values), 1, "Counting")
    return Histogram(np.linspace(low, high, bins + 1), counts, logarithmic, beside)


def _places(values: np.ndarray, logarithmic: bool) -> np.ndarray:
    """Where the values lie on an axis, f64; without those that have no place there."""
    if logarithmic:
        kept = values[(values > 0) & np.isfinite(values)]
        return np.log10(kept.astype(np.float64))
    return values[np.isfinite(values)].astype(np.float64)


def within(values: np.ndarray, histogram: Histogram, low: float, high: float) -> np.ndarray:
    """Which `values` (N,) lie between the places `low` and `high` of the axis: (N,) bool, both ends among them. An end
    at or beyond that of the axis leaves out nothing that has a place on it."""
    first, last = histogram.edges[[0, -1]]
    slack = 1e-9 * (last - first)
    ends = [low if low > first + slack else -np.inf, high if high < last - slack else np.inf]
    if histogram.logarithmic:
        # What is not above zero has no place.
        smallest = np.nextafter(np.float32(0), np.float32(1))
        ends = [smallest if ends[0] == -np.inf else 10.0 ** ends[0], 10.0 ** ends[1] if ends[1] < np.inf else np.inf]
    with np.errstate(invalid="ignore"):
        return np.isfinite(values) & (values >= np.float32(ends[0])) & (values <= np.float32(ends[1]))
