"""Cuts splats that were pulled long into a few shorter ones that together look like them.

Copies of a splat are set in a row along the stretched axis and made shorter. How far apart they are, and how dense the
inner and outer ones, is what makes the row hide along the axis what the splat hid, at its middle and off it, as well as
can be; nothing changes across the axis.
"""

from __future__ import annotations

import copy
from functools import cache

import numpy as np

from ..gaussians import Gaussians
from ..progress import Job, Progress
from . import quaternions

LIMIT = 2.0
"""Stretches up to this many times are left alone."""

_MANY = 4.0
"""Beyond this many times, a splat becomes four instead of three. Two make a poor bell."""

_SIZES = {3: 0.65, 4: 0.55}
"""Size of each copy in a row of three or four, as a share of the splat's: small, but without valleys between copies."""

_LOGITS = np.arange(-8.0, 10.5, 1.0)
"""Opacities for which rows are fitted, as logits; those between are interpolated."""

_BLOCK = 65536


def split_stretched(gaussians: Gaussians, stretch: np.ndarray, limit: float = LIMIT) -> Job[Gaussians]:
    """A job that returns a copy in which splats with a `stretch` of any axis, (N,) or (N,2|3) times, beyond `limit` are
    split into 3 or 4: along that axis, or along the longest one where it is not said. The first copy takes the splat's
    row, the others follow behind all rows; rows that are not split keep their bytes. `order` is to be made again."""
    yield Progress(0, 1, "Splitting splats")
    if stretch.ndim == 1:
        axis, most = gaussians.log_scales.argmax(1), stretch
    else:
        axis, most = stretch.argmax(1), stretch.max(1, initial=0.0)
    count = np.where(most > limit, np.where(most > _MANY * limit / LIMIT, 4, 3), 1)
    cut = np.flatnonzero(count > 1)
    if not len(cut):
        return gaussians
    added = np.repeat(cut, count[cut] - 1)
    parent = np.concatenate([np.arange(len(count)), added])
    place = np.concatenate([np.zeros(len(count), np.int64), _ranks(count[cut] - 1) + 1])
    arrays = (gaussians.means, gaussians.log_scales, gaussians.rotations, gaussians.logit_opacities, gaussians.sh)
    extra = {name: np.concatenate([column, column[added]]) for name, column in gaussians.extra.items()}
    yield Progress(0.2, 1, "Splitting splats")
    out = Gaussians(
        gaussians.name,
        *(np.concatenate([array, array[added]]) for array in arrays),
        extra=extra,
        notes=gaussians.notes,
        layout=gaussians.layout,
        provenance=gaussians.provenance,
    )
    out.transform, out.visible = gaussians.transform.copy(), gaussians.visible
    out.display = copy.copy(gaussians.display)
    rows = np.flatnonzero(count[parent] > 1)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        _set_in_row(out, part, axis[parent[part]], count[parent[part]], place[part])
        yield Progress(0.3 + 0.7 * start / len(rows), 1, "Splitting splats")
    return out


def _set_in_row(splats: Gaussians, rows: np.ndarray, axis: np.ndarray, count: np.ndarray, place: np.ndarray) -> None:
    """Makes the copies at `rows` of `splats`, in place: number `place` of `count` each, along an `axis` of theirs."""
    for number, size in _SIZES.items():
        own = count == number
        at, along = rows[own], axis[own]
        logits = splats.logit_opacities[at].astype(np.float64)
        inner, outer, step = (np.interp(logits, _LOGITS, column) for column in _row(number).T)
        direction = quaternions.to_matrices(splats.rotations[at])[np.arange(len(at)), :, along]
        offset = (place[own] - (number - 1) / 2) * step * np.exp(splats.log_scales[at, along].astype(np.float64))
        splats.means[at] += (direction * offset[:, None]).astype(np.float32)
        splats.log_scales[at, along] += np.float32(np.log(size))
        at_end = (place[own] == 0) | (place[own] == number - 1)
        splats.logit_opacities[at] = logits + np.where(at_end, outer, inner)


@cache
def _row(count: int) -> np.ndarray:
    """For each of _LOGITS how a row of `count` is made, (K,3): what is added to the logits of inner copies, of outer
    copies, and the distance of two copies, in sizes of the splat.

    The least squares of 1 − Π(1 − t αᵢ gᵢ) − t α g along the axis, with t the share of the opacity that is left there.
    """
    from scipy.optimize import least_squares

    size, left = _SIZES[count], np.array([1.0, 0.6, 0.2])[:, None]
    along = np.linspace(-5, 5, 161)
    place = np.arange(count) - (count - 1) / 2
    at_end = np.abs(place) == (count - 1) / 2

    def difference(row: np.ndarray, logit: float) -> np.ndarray:
        opacity = 1 / (1 + np.exp(-logit))
        copies = 1 / (1 + np.exp(-logit - np.where(at_end, row[1], row[0])))
        bells = np.exp(-0.5 * ((along[:, None] - place * row[2]) / size) ** 2)
        hidden = 1 - np.prod(1 - copies * left[:, :, None] * bells, axis=2)
        return (hidden / opacity - left * np.exp(-0.5 * along**2)).ravel()

    rows, start = [], np.array([-0.3, -1.2, 0.95])
    for logit in _LOGITS:
        found = least_squares(difference, start, bounds=([-11, -13, 0.3], [3, 3, 1.5]), args=(logit,))
        rows.append(found.x)
        start = np.clip(found.x, [-10.9, -12.9, 0.31], [2.9, 2.9, 1.49])
    return np.array(rows)


def _ranks(counts: np.ndarray) -> np.ndarray:
    """0 … n−1 for each of `counts`, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
