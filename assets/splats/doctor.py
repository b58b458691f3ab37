"""What is wrong with splats, or looks as if it were, and how to put it right.

Each complaint is a test that names the splats concerned, and an exact remedy: taking out, bringing to length 1, taking
logarithms, or another note of what is up. Tests look block by block and at numbers as they are drawn. Sizes of the
scene are those of its middle 98 %, since a few stray splats would make any scene large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..fields.adjusting.adjust import CHOSEN
from ..gaussians import FAINTEST_OPACITY, Gaussians, middle_box
from ..progress import Job, Progress, stage
from . import packing
from .plain import logarithms
from .rows import ARRAYS, BLOCK, State, kept
from .twins import twins
from .uprightness import suggested_up

UNIT_TOLERANCE = 1e-3
"""Quaternions whose lengths differ less from 1 were rounded, by halves or bytes."""

LINEAR_SHARE = 0.2
"""Sizes of which the median is a larger share of the scene cannot be meant."""

_ALIKE, _UNLIKE, _CROWDED = 0.7, 3.0, 4.0
"""Logarithms that span less make sizes that are as good as the same; sizes of which one in ten is so many times smaller
than another one in ten; times the room that there is for each."""

FARTHEST = 20
"""How many times the size of the scene a splat may lie away from it. A sky is put some times as far away."""

_FEWEST = 20
"""Of fewer splats nothing can be said about the scene."""

_SAMPLE = 20_000

Rows = Callable[[Gaussians, slice], np.ndarray]


@dataclass(frozen=True)
class Finding:
    """One complaint. count: how many splats it concerns. detail: what it means, a sentence. fix: what one click does,
    "" where nothing is left to do. grave: whether it changes what is seen, unlike what is merely untidy."""

    key: str
    title: str
    count: int
    detail: str
    fix: str = ""
    grave: bool = False


@dataclass(frozen=True)
class _Scene:
    """middle: of the box around the middle 98 % of the centres along each axis, (3,); extent: its diagonal, 0 where
    there are too few.
    median: of the largest sizes as they are drawn. crowd: how many times more room they take than there is for each on
    a surface of that extent. stored: all but the lowest thousandth, tenth and the highest tenth of what is stored as
    log_scales is above (below) these."""

    middle: np.ndarray
    extent: float
    median: float
    crowd: float
    stored: tuple[float, float, float]

    @property
    def linear(self) -> bool:
        """Whether sizes seem to be stored as they are: no logarithm is below zero, and what comes out is enormous, or
        crowded and as good as all the same, while the numbers themselves differ as sizes do."""
        lowest, low, high = self.stored
        alike = high - low < _ALIKE and high > _UNLIKE * low
        enormous = self.median > LINEAR_SHARE * self.extent or (alike and self.crowd > _CROWDED)
        return self.extent > 0 and lowest >= 0 and enormous


def examine(asset: Gaussians) -> Job[list[Finding]]:
    """A job that returns all complaints about `asset`, the gravest first."""
    if not len(asset):
        return []
    scene = _measured(asset)
    found = [
        _non_finite(asset, (yield from stage(_count(asset, _unsound), 0.0, 0.2))),
        _linear(asset, scene),
        _giant(scene, 0 if scene.linear else (yield from stage(_count(asset, _giants(scene)), 0.2, 0.25))),
        _stray((yield from stage(_count(asset, _strays(scene)), 0.25, 0.3))),
        _upright(asset, suggested_up(asset)),
        _duplicates((yield from stage(twins(asset), 0.3, 0.7))),
        _dead((yield from stage(_count(asset, _faint), 0.7, 0.85))),
        _unnormalised(*(yield from stage(_lengths(asset), 0.85, 1.0))),
    ]
    there = [finding for finding in found if finding.count]
    return sorted(there, key=lambda finding: not finding.grave)


def remedied(asset: Gaussians, keys: tuple[str, ...]) -> Job[State]:
    """A job that returns the data, as `Asset.set_state` takes them, with the complaints `keys` put right."""
    state: State = {}
    if "linear_scales" in keys:
        state["log_scales"] = yield from _by_blocks(asset.log_scales, _as_logarithms)
    if "quaternions" in keys:
        state["rotations"] = yield from _by_blocks(asset.rotations, packing.unit_quaternions)
    if "up_axis" in keys:
        up = suggested_up(asset)
        if up is not None:
            state |= turned_up(asset, up)
    scene = _measured(asset)
    tests = {"non_finite": _unsound, "dead": _faint, "giant": _giants(scene), "stray": _strays(scene)}
    bad = np.zeros(len(asset), bool)
    for key in keys:
        if key in tests:
            bad |= yield from _marked(asset, tests[key])
    if "duplicates" in keys:
        bad |= yield from twins(asset)
    return (yield from kept(asset, ~bad, state)) if bad.any() else state


def turned_up(asset: Gaussians, up: str) -> State:
    """The data of `asset` with another axis noted as the one that points up, because somebody said so."""
    told = asset.provenance
    guessed = {term: text for term, text in told.guessed.items() if term != "up axis"}
    declared = told.declared | {"up axis": f"{up}, {CHOSEN}"}
    return {
        "notes": replace(asset.notes, up_axis=up),
        "provenance": replace(told, declared=declared, guessed=guessed),
    }


# The complaints.


def _non_finite(asset: Gaussians, count: int) -> Finding:
    dropped = asset.provenance.dropped
    if count:
        told = "They hold a NaN or an infinite value and cannot be drawn."
        return Finding("non_finite", "Values that are not finite", count + dropped, told, "Remove them", True)
    told = "They held a NaN or an infinite value and were left out when the file was read; saving it makes it sound."
    return Finding("non_finite", "Values that are not finite", dropped, told)


def _linear(asset: Gaussians, scene: _Scene) -> Finding:
    told = (
        f"The median size would be {scene.median:.3g} in a scene {scene.extent:.3g} across: the file seems to hold the "
        "sizes themselves, not their logarithms."
    )
    title = "Sizes stored without logarithm"
    return Finding("linear_scales", title, len(asset) if scene.linear else 0, told, "Take logarithms", True)


def _giant(scene: _Scene, count: int) -> Finding:
    told = f"They are larger than the whole scene, which is {scene.extent:.3g} across."
    return Finding("giant", "Giant splats", count, told, "Remove them", True)


def _stray(count: int) -> Finding:
    told = f"They lie more than {FARTHEST} times the size of the scene away from it."
    return Finding("stray", "Stray splats", count, told, "Remove them")


def _upright(asset: Gaussians, up: str | None) -> Finding:
    told = (
        f"{_axis(asset.notes.up_axis)} is up by what the file says or is used to, but its ground suggests {_axis(up)}."
    )
    return Finding("up_axis", "Suspicious up axis", len(asset) if up else 0, told, f"Call {_axis(up)} up", True)


def _duplicates(twin: np.ndarray) -> Finding:
    told = "They repeat another splat in every value. Without them what they cover gets as light as it was trained."
    return Finding("duplicates", "Duplicates", int(np.count_nonzero(twin)), told, "Remove them", True)


def _dead(count: int) -> Finding:
    told = "Their opacity is below 1/255, so they are never seen."
    return Finding("dead", "Dead splats", count, told, "Remove them")


def _unnormalised(count: int, zero: int) -> Finding:
    told = "They are brought to length 1 whenever they are drawn; some programs don't, and show other shapes."
    if zero:
        told = f"{zero:,} have no direction at all and are drawn unrotated. {told}"
    return Finding("quaternions", "Quaternions not of length 1", count, told, "Normalise", zero > 0)


def _axis(up: str | None) -> str:
    """An axis for people."""
    return "no axis" if up is None else f"{'−' if up.startswith('-') else '+'}{up[-1]}"


# The tests.


def _count(asset: Gaussians, test: Rows) -> Job[int]:
    return int(np.count_nonzero((yield from _marked(asset, test))))


def _marked(asset: Gaussians, test: Rows) -> Job[np.ndarray]:
    """Which splats fail a test: (N,) bool."""
    out = np.empty(len(asset), bool)
    for start in range(0, len(out), BLOCK):
        rows = slice(start, start + BLOCK)
        with np.errstate(all="ignore"):
            out[rows] = test(asset, rows)
        yield Progress(start, len(out), "Examining splats")
    return out


def _unsound(asset: Gaussians, rows: slice) -> np.ndarray:
    # A sum in f64 is finite just where all of the f32 are.
    arrays = (getattr(asset, name)[rows] for name in ARRAYS)
    return ~np.isfinite(sum(array.reshape(len(array), -1).sum(1, dtype=np.float64) for array in arrays))


def _faint(asset: Gaussians, rows: slice) -> np.ndarray:
    return asset.drawn(rows)[1] < FAINTEST_OPACITY


def _giants(scene: _Scene) -> Rows:
    def test(asset: Gaussians, rows: slice) -> np.ndarray:
        return (2 * asset.drawn(rows)[0].max(1) > scene.extent) & (scene.extent > 0)

    return test


def _strays(scene: _Scene) -> Rows:
    def test(asset: Gaussians, rows: slice) -> np.ndarray:
        away = np.abs(asset.means[rows].astype(np.float64) - scene.middle).max(1)
        return (away > FARTHEST * scene.extent) & (scene.extent > 0)

    return test


def _lengths(asset: Gaussians) -> Job[tuple[int, int]]:
    """How many quaternions are not of length 1, and how many of these have none."""
    off = zero = 0
    for start in range(0, len(asset), BLOCK):
        part = asset.rotations[start : start + BLOCK]
        with np.errstate(over="ignore", invalid="ignore"):
            off += int(np.count_nonzero(np.abs(np.einsum("ni,ni->n", part, part) - 1) > 2 * UNIT_TOLERANCE))
        zero += int(np.count_nonzero(np.abs(part).max(1) < packing.SHORTEST))
        yield Progress(start, len(asset), "Examining splats")
    return off, zero


def _measured(asset: Gaussians) -> _Scene:
    rows = np.arange(0, len(asset), max(1, -(-len(asset) // _SAMPLE)))
    means, stored = asset.means[rows], asset.log_scales[rows]
    sound = np.isfinite(means).all(1) & np.isfinite(stored).all(1)
    if np.count_nonzero(sound) < _FEWEST:
        return _Scene(np.zeros(3), 0.0, 0.0, 0.0, (0.0, 0.0, 0.0))
    low, high = middle_box(means[sound])
    with np.errstate(all="ignore"):
        median = float(np.median(asset.drawn(rows[sound])[0].max(1)))
    extent = float(np.linalg.norm(high - low))
    crowd = median * len(asset) ** 0.5 / extent if extent > 0 else 0.0
    spread = tuple(np.percentile(stored[sound].astype(np.float64), (0.1, 10, 90)))
    return _Scene((low + high) / 2, extent, median, crowd, spread)


def _by_blocks(array: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> Job[np.ndarray]:
    out = np.empty(array.shape, np.float32)
    for start in range(0, len(array), BLOCK):
        with np.errstate(all="ignore"):  # rows that are not finite go in the end
            out[start : start + BLOCK] = change(array[start : start + BLOCK])
        yield Progress(start, len(array), "Putting splats right")
    return out


def _as_logarithms(sizes: np.ndarray) -> np.ndarray:
    """ln σ of sizes stored as they are; the odd one below zero counts as none."""
    return logarithms(np.maximum(sizes, 0))
